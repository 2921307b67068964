/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules of the policies in use, in canonical form, and the peer sets that they name (peers.c). Two texts
 * that mean the same by their form (order, repetition) get the same name.
 */
#include "policy/build.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/digest.h"
#include "policy/peers.h"
#include "util/scope.h"

static const char *const dir_name[DIR_MAX] = { [DIR_INGRESS] = "ingress", [DIR_EGRESS] = "egress" };

/* ---- peers ---------------------------------------------------------------------------------- */

/* Where nobody can tell whose an address is, whoever is to be refused may be behind it. */
static int add_perhaps(struct build *b, const struct hash128 *hash)
{
	struct peer_set *set = vec_add(&b->peer_sets);

	if (!set)
		return -ENOMEM;
	set->hash = policy_perhaps_hash(hash);
	return 0;
}

static const struct peer the_cluster = { .kind = PEER_CLUSTER }, the_world = { .kind = PEER_WORLD };

/* Who knows the world knows what is none of it. */
static int add_cluster(struct build *b)
{
	struct peer_set *set = vec_add(&b->peer_sets);

	if (!set)
		return -ENOMEM;
	set->peer = &the_cluster;
	return policy_peer_hash(&the_cluster, NULL, &set->hash);
}

static int add_peer(struct build *b, const char *ns, const struct peer *p, struct rule_use *use)
{
	struct peer_set *set = vec_add(&b->peer_sets);
	struct peer_ref *ref = vec_add(&use->peers);
	int r;

	if (!set || !ref)
		return -ENOMEM;
	set->peer = p;
	set->ns = p->kind != PEER_PODS || p->namespaces ? NULL : ns;
	r = policy_peer_hash(p, set->ns, &set->hash);
	ref->hash = set->hash;
	if (!r && use->action != RULE_ACCEPT && p->kind == PEER_PODS)
		r = add_perhaps(b, &ref->hash);
	if (!r && p->kind == PEER_WORLD)
		r = add_cluster(b);
	return r;
}

/* ---- ports ---------------------------------------------------------------------------------- */

static int range_cmp(const void *a, const void *b)
{
	const struct table_range *x = a, *y = b;

	return (x->first > y->first) - (x->first < y->first);
}

/* TCP, UDP and SCTP are no neighbours as numbers, so what touches is of one protocol. */
size_t policy_merge_ports(struct table_range *v, size_t n)
{
	size_t i, kept = 0;

	if (n)
		qsort(v, n, sizeof(*v), range_cmp);
	for (i = 0; i < n; i++) {
		if (!kept || v[i].first > v[kept - 1].last + 1)
			v[kept++] = v[i];
		else if (v[i].last > v[kept - 1].last)
			v[kept - 1].last = v[i].last;
	}
	return kept;
}

static int add_name(const struct port_range *p, struct rule_use *use)
{
	struct named_port *name = vec_add(&use->names);

	if (!name)
		return -ENOMEM;
	memcpy(name->name, p->name, sizeof(name->name));
	name->proto = p->proto;
	return 0;
}

static int add_numbers(const struct port_range *p, struct rule_use *use)
{
	struct table_range *range = vec_add(&use->ports);

	assert(p->first <= p->last);
	if (!range)
		return -ENOMEM;
	range->first = BH_PORT(p->proto, p->first);
	range->last = BH_PORT(p->proto, p->last);
	return 0;
}

static int add_ports(const struct rule *rule, struct rule_use *use)
{
	size_t i;
	int r = 0;

	for (i = 0; !r && i < rule->ports.n; i++)
		r = *rule->ports.v[i].name ? add_name(&rule->ports.v[i], use)
					   : add_numbers(&rule->ports.v[i], use);
	use->ports.n = policy_merge_ports(use->ports.v, use->ports.n);
	use->names.n = policy_unique(use->names.v, use->names.n, sizeof(*use->names.v), named_port_cmp);
	return r;
}

/* ---- rules ---------------------------------------------------------------------------------- */

const char *policy_rule_text(const struct net_policy *np, uint32_t dir, uint32_t index, char ret[RULE_TEXT])
{
	const char *name = np->rules[dir].v[index].name;
	char policy[POLICY_TEXT];

	(void)snprintf(ret, RULE_TEXT, "%s %s[%u]%s%s%s", net_policy_text(np, policy), dir_name[dir], index,
		       name ? " (" : "", name ? name : "", name ? ")" : "");
	return ret;
}

struct hash128 policy_rule_hash(const struct net_policy *np, uint32_t dir, uint32_t index)
{
	struct sha256 s;

	policy_digest_init(&s, DIGEST_RULE);
	policy_digest_u32(&s, np->kind);
	policy_digest_text(&s, np->ns);
	policy_digest_text(&s, np->name);
	policy_digest_u32(&s, dir);
	policy_digest_u32(&s, index);
	return policy_digest_end(&s);
}

static int name_rule(struct build *b, const struct net_policy *np, uint32_t dir, uint32_t index,
		     struct hash128 *ret)
{
	struct table_rule *rule = vec_add(&b->t->rules);
	char name[RULE_TEXT];

	if (!rule)
		return -ENOMEM;
	rule->hash = policy_rule_hash(np, dir, index);
	(void)policy_rule_text(np, dir, index, name);
	rule->name = strdup(name);
	*ret = rule->hash;
	return rule->name ? 0 : -ENOMEM;
}

static int peer_ref_cmp(const void *a, const void *b)
{
	return hash128_cmp(&((const struct peer_ref *)a)->hash, &((const struct peer_ref *)b)->hash);
}

static int fill_rule(struct build *b, const char *ns, const struct rule *rule, struct rule_use *use)
{
	size_t i;
	int r;

	use->any_peer = !rule->peers.n;
	use->all_ports = !rule->ports.n;
	for (i = 0; i < rule->peers.n; i++) {
		r = add_peer(b, ns, &rule->peers.v[i], use);
		if (r < 0)
			return r;
	}
	use->peers.n = policy_unique(use->peers.v, use->peers.n, sizeof(*use->peers.v), peer_ref_cmp);
	return add_ports(rule, use);
}

static void digest_rule(struct sha256 *s, const struct rule_use *use)
{
	size_t i;

	sha256_add(s, &use->hash, sizeof(use->hash));
	policy_digest_u32(s, use->action);
	policy_digest_u32(s, use->log);
	policy_digest_u32(s, (uint32_t)use->peers.n);
	for (i = 0; i < use->peers.n; i++)
		sha256_add(s, &use->peers.v[i].hash, sizeof(use->peers.v[i].hash));
	policy_digest_u32(s, (uint32_t)use->ports.n);
	for (i = 0; i < use->ports.n; i++) {
		policy_digest_u32(s, use->ports.v[i].first);
		policy_digest_u32(s, use->ports.v[i].last);
	}
	policy_digest_u32(s, (uint32_t)use->names.n);
	for (i = 0; i < use->names.n; i++) {
		policy_digest_text(s, use->names.v[i].name);
		policy_digest_u32(s, use->names.v[i].proto);
	}
}

/* What is not understood accepts nothing, and if it was not to accept, it denies all. */
static int fill_unknown(const struct rule *rule, struct rule_use *use)
{
	assert(rule->action != RULE_ACCEPT);
	use->action = RULE_DENY;
	use->any_peer = use->all_ports = true;
	return 0;
}

static int add_rule(struct build *b, const struct net_policy *np, uint32_t dir, uint32_t index,
		    struct policy_use *use)
{
	const struct rule *rule = &np->rules[dir].v[index];
	struct rule_use *ru = vec_add(&use->rules[dir]);
	size_t i;
	int r;

	if (!ru)
		return -ENOMEM;
	ru->action = rule->action;
	ru->log = rule->log;
	use->refuses[dir] |= rule->action != RULE_ACCEPT;
	for (i = 0; i < rule->peers.n; i++)
		use->has_cidr |= peer_has_blocks(&rule->peers.v[i]);
	r = name_rule(b, np, dir, index, &ru->hash);
	if (r < 0)
		return r;
	return rule->unknown ? fill_unknown(rule, ru) : fill_rule(b, np->ns, rule, ru);
}

/* A rule that is left out leaves the rest its indexes. */
static int add_direction(struct build *b, const struct net_policy *np, uint32_t dir, struct policy_use *use,
			 struct sha256 *s)
{
	uint32_t i;
	int r = 0;

	for (i = 0; !r && net_policy_judges(np, dir) && i < np->rules[dir].n; i++)
		if (!np->rules[dir].v[i].unknown || np->rules[dir].v[i].action != RULE_ACCEPT)
			r = add_rule(b, np, dir, i, use);
	policy_digest_u32(s, np->isolates[dir]);
	policy_digest_u32(s, (uint32_t)use->rules[dir].n);
	for (i = 0; i < use->rules[dir].n; i++)
		digest_rule(s, &use->rules[dir].v[i]);
	return r;
}

static int add_policy(struct build *b, const struct net_policy *np, struct policy_use *use)
{
	struct sha256 s;
	uint32_t dir;
	int r;

	policy_digest_init(&s, DIGEST_POLICY);
	policy_digest_u32(&s, np->kind);
	policy_digest_text(&s, np->ns);
	policy_digest_text(&s, np->name);
	policy_digest_u32(&s, np->tier);
	policy_digest_u32(&s, np->priority);
	policy_digest_u32(&s, np->audit);
	for (dir = 0; dir < DIR_MAX; dir++) {
		r = add_direction(b, np, dir, use, &s);
		if (r < 0)
			return r;
	}
	use->hash = policy_digest_end(&s);
	return 0;
}

/* ---- names into indexes --------------------------------------------------------------------- */

static int peer_set_cmp(const void *a, const void *b)
{
	return hash128_cmp(&((const struct peer_set *)a)->hash, &((const struct peer_set *)b)->hash);
}

static int rule_cmp(const void *a, const void *b)
{
	return hash128_cmp(&((const struct table_rule *)a)->hash, &((const struct table_rule *)b)->hash);
}

/* PEER_NONE: there is none. */
static uint32_t find_set(const struct build *b, const struct hash128 *hash)
{
	const struct peer_set key = { .hash = *hash };
	const struct peer_set *set = vec_find(&b->peer_sets, &key, peer_set_cmp);

	return set ? (uint32_t)(set - b->peer_sets.v) : PEER_NONE;
}

static int find_entity(const struct build *b, const struct peer *p, uint32_t *ret)
{
	struct hash128 hash;
	const int r = policy_peer_hash(p, NULL, &hash);

	*ret = r ? PEER_NONE : find_set(b, &hash);
	return r;
}

/* The rule does not accept what is in the set; in egress its pods say what its ports by name are. */
static void refuse(struct build *b, const struct rule_use *use, uint32_t dir, uint32_t index)
{
	struct peer_set *set = &b->peer_sets.v[index];
	const struct hash128 hash = policy_perhaps_hash(&set->hash);

	if (!peer_set_is(set, PEER_PODS))
		return;
	set->perhaps = find_set(b, &hash);
	set->by_name |= dir == DIR_EGRESS && use->names.n;
}

static void resolve(struct build *b, struct rule_use *use, uint32_t dir)
{
	const struct table_rule rule = { .hash = use->hash };
	size_t i;

	use->rule = (uint32_t)(vec_find(&b->t->rules, &rule, rule_cmp) - b->t->rules.v) + 1;
	for (i = 0; i < use->ports.n; i++) {
		use->ports.v[i].action = action_of(use);
		use->ports.v[i].rule = use->rule;
	}
	for (i = 0; i < use->peers.n; i++) {
		use->peers.v[i].index = find_set(b, &use->peers.v[i].hash);
		if (use->action != RULE_ACCEPT)
			refuse(b, use, dir, use->peers.v[i].index);
	}
}

static int collect_refused(struct build *b)
{
	uint32_t i, *slot;

	for (i = 0; i < b->peer_sets.n; i++) {
		if (b->peer_sets.v[i].perhaps == PEER_NONE)
			continue;
		slot = vec_add(&b->refused);
		if (!slot)
			return -ENOMEM;
		*slot = i;
	}
	return 0;
}

int policy_rules(struct build *b)
{
	size_t i, k;
	uint32_t dir;
	int r;

	for (i = 0; i < b->model->policies.n; i++) {
		if (!b->uses[i].used)
			continue;
		r = add_policy(b, b->model->policies.v[i], &b->uses[i]);
		if (r < 0)
			return r;
	}
	vec_sort(&b->t->rules, rule_cmp);
	r = policy_name_sets(b);
	if (r < 0)
		return r;
	b->peer_sets.n = policy_unique(b->peer_sets.v, b->peer_sets.n, sizeof(*b->peer_sets.v), peer_set_cmp);
	for (i = 0; i < b->peer_sets.n; i++)
		b->peer_sets.v[i].perhaps = PEER_NONE;
	r = find_entity(b, &the_cluster, &b->cluster);
	r = r ? r : find_entity(b, &the_world, &b->world);
	if (r < 0)
		return r;
	for (i = 0; i < b->model->policies.n; i++)
		for (dir = 0; dir < DIR_MAX; dir++)
			for (k = 0; k < b->uses[i].rules[dir].n; k++)
				resolve(b, &b->uses[i].rules[dir].v[k], dir);
	r = collect_refused(b);
	return r ? r : policy_name_wants(b);
}
