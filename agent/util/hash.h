/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SHA-256 (FIPS 180-4), and its first 128 bits as the name of a content. Cryptographic, because
 * tenants choose labels and selectors: two contents with one name would be two policies with one id.
 */
#ifndef BH_UTIL_HASH_H
#define BH_UTIL_HASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hash128 {
	uint8_t b[16];
};

struct sha256 {
	uint32_t state[8];
	uint64_t bytes;
	uint8_t block[64];
};

void sha256_init(struct sha256 *s);
void sha256_add(struct sha256 *s, const void *data, size_t len);
void sha256_end(struct sha256 *s, uint8_t ret[32]);
struct hash128 sha256_end128(struct sha256 *s); /* its first 128 bits */

/* The first 128 bits of the SHA-256 of @len bytes. */
struct hash128 hash128_of(const void *data, size_t len);
int hash128_cmp(const void *a, const void *b);

/* 32 lower-case hex digits and a NUL; and back: what @text begins with. Return: whether it was such digits,
 * else @ret is as it was. */
void hash128_hex(const struct hash128 *h, char ret[33]);
bool hash128_of_hex(const char *text, struct hash128 *ret);

/* SipHash-2-4: for tables whose keys others choose. Not a name for anything. */
uint64_t hash64_keyed(const uint8_t key[16], const void *data, size_t len);

/* First 128 bits of SHA-256 over texts, each with its NUL: no two lists have the same bytes. */
struct hash128 hash128_of_texts(const char *const *texts, size_t n);

#endif
