/* SPDX-License-Identifier: Apache-2.0 */
/* Policy sets: endpoints that the same policies select, and mean the same to, share one. */
#include "policy/build.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policy/digest.h"

/* What its pod's ports make of the names that an ingress rule has; how many names, the policy's hash says. */
static void digest_names(struct sha256 *sha, const struct rule_use *rule, const struct named_ports *ports)
{
	size_t i, k, n = 0;

	for (i = 0; i < rule->names.n; i++) {
		const struct named_port *at =
			ports ? named_ports_find(ports->at, ports->n, &rule->names.v[i], &n) : NULL;

		policy_digest_u32(sha, at ? (uint32_t)n : 0);
		for (k = 0; at && k < n; k++)
			policy_digest_u32(sha, at[k].port);
	}
}

/* The policies' own hashes hold their names, so that counters and explain name the right rule. */
struct hash128 policy_set_hash(const struct build *b, const struct subject *s)
{
	struct sha256 sha;
	size_t i, k;

	policy_digest_init(&sha, DIGEST_SET);
	policy_digest_u32(&sha, s->audited);
	policy_digest_u32(&sha, (uint32_t)s->policies.n);
	for (i = 0; i < s->policies.n; i++) {
		const struct policy_use *use = &b->uses[s->policies.v[i]];

		sha256_add(&sha, &use->hash, sizeof(use->hash));
		for (k = 0; k < use->rules[DIR_INGRESS].n; k++)
			digest_names(&sha, &use->rules[DIR_INGRESS].v[k], s->ports);
	}
	return policy_digest_end(&sha);
}

int policy_set_cmp(const void *a, const void *b)
{
	return hash128_cmp(&((const struct table_set *)a)->hash, &((const struct table_set *)b)->hash);
}

static void add_say(struct table_set *set, const struct net_policy *np, const struct policy_use *use,
		    size_t dir)
{
	set->judged[dir] |= net_policy_judges(np, (uint32_t)dir);
	set->isolated[dir] |= np->isolates[dir];
	set->refuses[dir] |= use->refuses[dir];
}

static int add_set(struct build *b, const struct subject *s)
{
	struct table_set *set = vec_add(&b->t->sets);
	uint32_t *slot;
	size_t i, dir;

	if (!set)
		return -ENOMEM;
	set->hash = s->set;
	set->audited = s->audited;
	for (i = 0; i < s->policies.n; i++) {
		const uint32_t p = s->policies.v[i];

		slot = vec_add(&set->policies);
		if (!slot)
			return -ENOMEM;
		*slot = p;
		set->has_cidr |= b->uses[p].has_cidr;
		for (dir = 0; dir < DIR_MAX; dir++)
			add_say(set, b->model->policies.v[p], &b->uses[p], dir);
	}
	return 0;
}

static void drop_duplicates(struct tables *t)
{
	size_t i, kept = 0;

	vec_sort(&t->sets, policy_set_cmp);
	for (i = 0; i < t->sets.n; i++) {
		if (kept && !policy_set_cmp(&t->sets.v[kept - 1], &t->sets.v[i])) {
			vec_done(&t->sets.v[i].policies);
			continue;
		}
		if (kept != i)
			t->sets.v[kept] = t->sets.v[i];
		kept++;
	}
	t->sets.n = kept;
}

int policy_sets(struct build *b)
{
	struct table_endpoint *ep;
	size_t i;
	int r;

	for (i = 0; i < b->subjects.n; i++) {
		struct subject *s = &b->subjects.v[i];

		if (!s->known)
			continue;
		s->set = policy_set_hash(b, s);
		r = add_set(b, s);
		if (r < 0)
			return r;
	}
	drop_duplicates(b->t);
	b->set_ports = calloc(b->t->sets.n + 1, sizeof(*b->set_ports));
	if (!b->set_ports)
		return -ENOMEM;
	for (i = 0; i < b->subjects.n; i++) {
		const struct table_set key = { .hash = b->subjects.v[i].set };

		ep = vec_add(&b->t->endpoints);
		if (!ep)
			return -ENOMEM;
		*ep = b->subjects.v[i].ep;
		if (!b->subjects.v[i].known)
			continue;
		ep->set = (int32_t)(vec_find(&b->t->sets, &key, policy_set_cmp) - b->t->sets.v);
		b->set_ports[ep->set] = b->subjects.v[i].ports;
	}
	return 0;
}
