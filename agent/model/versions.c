/* SPDX-License-Identifier: Apache-2.0 */
/* A set's number is the sum of its members' hashes, without carry. */
#include "model/versions.h"

#include <string.h>

#include "model/model.h"

static void add(struct hash128 *set, const struct net_policy *p)
{
	struct hash128 one;
	struct sha256 s;
	size_t i;

	if (!p || !p->uid)
		return;
	sha256_init(&s);
	sha256_add(&s, p->uid, strlen(p->uid) + 1);
	sha256_add(&s, &p->generation, sizeof(p->generation));
	one = sha256_end128(&s);
	for (i = 0; i < sizeof(one.b); i++)
		set->b[i] ^= one.b[i];
}

bool versions_change(struct versions *v, const struct net_policy *was, struct net_policy *now)
{
	struct hash128 set = *versions_now(v);
	bool other;

	add(&set, was);
	add(&set, now);
	other = hash128_cmp(&set, versions_now(v));
	if (other)
		v->past[++v->seq % VERSIONS_PAST] = set;
	if (now)
		now->since = !other && was ? was->since : v->seq;
	return other;
}

const struct hash128 *versions_now(const struct versions *v)
{
	return &v->past[v->seq % VERSIONS_PAST];
}

int64_t versions_find(const struct versions *v, const struct hash128 *set)
{
	uint64_t n;

	for (n = 0; n < VERSIONS_PAST && n <= v->seq; n++)
		if (!hash128_cmp(&v->past[(v->seq - n) % VERSIONS_PAST], set))
			return (int64_t)(v->seq - n);
	return -1;
}
