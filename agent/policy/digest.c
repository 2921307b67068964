/* SPDX-License-Identifier: Apache-2.0 */
/* Naming content. */
#include "policy/digest.h"

#include <string.h>

void policy_digest_init(struct sha256 *s, enum digest_kind kind)
{
	sha256_init(s);
	policy_digest_u32(s, kind);
}

void policy_digest_u32(struct sha256 *s, uint32_t v)
{
	const uint8_t bytes[4] = { (uint8_t)v, (uint8_t)(v >> 8), (uint8_t)(v >> 16), (uint8_t)(v >> 24) };

	sha256_add(s, bytes, sizeof(bytes));
}

void policy_digest_text(struct sha256 *s, const char *text)
{
	const size_t len = strlen(text);

	policy_digest_u32(s, (uint32_t)len);
	sha256_add(s, text, len);
}

void policy_digest_cidr(struct sha256 *s, const struct cidr *c)
{
	sha256_add(s, c->addr.b, sizeof(c->addr.b));
	policy_digest_u32(s, c->len);
}

struct hash128 policy_digest_end(struct sha256 *s)
{
	return sha256_end128(s);
}
