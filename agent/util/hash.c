/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-256, straight from FIPS 180-4 section 6.2, and SipHash-2-4 from its paper. */
#include "util/hash.h"

#include <stdio.h>
#include <string.h>

static const uint32_t k[64] = {
	0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
	0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
	0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
	0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
	0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
	0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
	0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
	0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static uint32_t rotr(uint32_t x, int n)
{
	return x >> n | x << (32 - n);
}

static void compress(uint32_t state[8], const uint8_t block[64])
{
	uint32_t w[64], s[8];
	int t;

	for (t = 0; t < 16; t++)
		w[t] = (uint32_t)block[4 * t] << 24 | (uint32_t)block[4 * t + 1] << 16 |
		       (uint32_t)block[4 * t + 2] << 8 | block[4 * t + 3];
	for (; t < 64; t++) {
		const uint32_t a = w[t - 15], b = w[t - 2];

		w[t] = w[t - 16] + w[t - 7] + (rotr(a, 7) ^ rotr(a, 18) ^ a >> 3) +
		       (rotr(b, 17) ^ rotr(b, 19) ^ b >> 10);
	}

	memcpy(s, state, sizeof(s));
	for (t = 0; t < 64; t++) {
		const uint32_t t1 = s[7] + (rotr(s[4], 6) ^ rotr(s[4], 11) ^ rotr(s[4], 25)) +
				    ((s[4] & s[5]) ^ (~s[4] & s[6])) + k[t] + w[t];
		const uint32_t t2 = (rotr(s[0], 2) ^ rotr(s[0], 13) ^ rotr(s[0], 22)) +
				    ((s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]));

		memmove(s + 1, s, 7 * sizeof(*s));
		s[4] += t1;
		s[0] = t1 + t2;
	}
	for (t = 0; t < 8; t++)
		state[t] += s[t];
}

void sha256_init(struct sha256 *s)
{
	static const uint32_t h0[8] = {
		0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
		0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
	};

	*s = (struct sha256){ 0 };
	memcpy(s->state, h0, sizeof(h0));
}

void sha256_add(struct sha256 *s, const void *data, size_t len)
{
	const uint8_t *p = data;

	while (len) {
		const size_t at = s->bytes % 64, room = 64 - at, n = len < room ? len : room;

		memcpy(s->block + at, p, n);
		s->bytes += n;
		p += n;
		len -= n;
		if (at + n == 64)
			compress(s->state, s->block);
	}
}

void sha256_end(struct sha256 *s, uint8_t ret[32])
{
	const uint64_t bits = s->bytes * 8;
	const uint8_t one = 0x80, zero = 0;
	uint8_t length[8];
	int i;

	sha256_add(s, &one, 1);
	while (s->bytes % 64 != 56)
		sha256_add(s, &zero, 1);
	for (i = 0; i < 8; i++)
		length[i] = (uint8_t)(bits >> (56 - 8 * i));
	sha256_add(s, length, sizeof(length));
	for (i = 0; i < 32; i++)
		ret[i] = (uint8_t)(s->state[i / 4] >> (24 - 8 * (i % 4)));
}

struct hash128 sha256_end128(struct sha256 *s)
{
	struct hash128 ret;
	uint8_t full[32];

	sha256_end(s, full);
	memcpy(ret.b, full, sizeof(ret.b));
	return ret;
}

struct hash128 hash128_of(const void *data, size_t len)
{
	struct sha256 s;

	sha256_init(&s);
	sha256_add(&s, data, len);
	return sha256_end128(&s);
}

int hash128_cmp(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct hash128));
}

void hash128_hex(const struct hash128 *h, char ret[33])
{
	size_t i;

	for (i = 0; i < sizeof(h->b); i++)
		(void)snprintf(ret + 2 * i, 3, "%02x", h->b[i]);
}

static int digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool hash128_of_hex(const char *text, struct hash128 *ret)
{
	struct hash128 h;
	size_t i;

	for (i = 0; i < sizeof(h.b); i++, text += 2) {
		if (digit(text[0]) < 0 || digit(text[1]) < 0)
			return false;
		h.b[i] = (uint8_t)(digit(text[0]) << 4 | digit(text[1]));
	}
	*ret = h;
	return true;
}

static uint64_t rotl64(uint64_t x, int n)
{
	return x << n | x >> (64 - n);
}

static uint64_t little64(const uint8_t *p, size_t len)
{
	uint64_t ret = 0;
	size_t i;

	for (i = 0; i < len; i++)
		ret |= (uint64_t)p[i] << 8 * i;
	return ret;
}

static void sip_rounds(uint64_t v[4], int n)
{
	while (n--) {
		v[0] += v[1];
		v[1] = rotl64(v[1], 13) ^ v[0];
		v[0] = rotl64(v[0], 32);
		v[2] += v[3];
		v[3] = rotl64(v[3], 16) ^ v[2];
		v[0] += v[3];
		v[3] = rotl64(v[3], 21) ^ v[0];
		v[2] += v[1];
		v[1] = rotl64(v[1], 17) ^ v[2];
		v[2] = rotl64(v[2], 32);
	}
}

static void sip_word(uint64_t v[4], uint64_t m)
{
	v[3] ^= m;
	sip_rounds(v, 2);
	v[0] ^= m;
}

uint64_t hash64_keyed(const uint8_t key[16], const void *data, size_t len)
{
	const uint64_t k0 = little64(key, 8), k1 = little64(key + 8, 8);
	uint64_t v[4] = { k0 ^ 0x736f6d6570736575, k1 ^ 0x646f72616e646f6d, k0 ^ 0x6c7967656e657261,
			  k1 ^ 0x7465646279746573 };
	const uint8_t *p = data;
	size_t i;

	for (i = 0; i + 8 <= len; i += 8)
		sip_word(v, little64(p + i, 8));
	sip_word(v, little64(p + i, len - i) | (uint64_t)len << 56);
	v[2] ^= 0xff;
	sip_rounds(v, 4);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

struct hash128 hash128_of_texts(const char *const *texts, size_t n)
{
	struct sha256 s;
	size_t i;

	sha256_init(&s);
	for (i = 0; i < n; i++)
		sha256_add(&s, texts[i], strlen(texts[i]) + 1);
	return sha256_end128(&s);
}
