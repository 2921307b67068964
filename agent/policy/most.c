/* SPDX-License-Identifier: Apache-2.0 */
/* Every range, and every row, names the rule that it answers by, and so a policy. */
#include "policy/most.h"

#include <stdlib.h>
#include <string.h>

#include "policy/build.h"
#include "policy/order.h"
#include "policy/peers.h"
#include "util/scope.h"

struct count {
	const struct model *m;
	const struct tables *t;
	uint32_t *owner; /* by rule, index + 1: the policy, likewise; 0: it is there no more */
	uint32_t
		*base[DIR_MAX]; /* by rule, index + 1: the last set whose row of class 0 it is in, likewise */
	uint32_t *n;		/* by policy, index + 1 */
	uint32_t *last;		/* by policy, index + 1: the last row or class that counted, likewise */
	VEC(struct table_row) named; /* `set`: a policy, index + 1; and a class of which it says something */
};

static int rule_cmp(const void *key, const void *elem)
{
	return hash128_cmp(key, &((const struct table_rule *)elem)->hash);
}

/* By name: where policies came or went since the compile, indexes have moved. */
static void find_owners(struct count *c)
{
	uint32_t i, dir, k;

	for (i = 0; i < c->m->policies.n; i++) {
		const struct net_policy *np = c->m->policies.v[i];

		for (dir = 0; dir < DIR_MAX; dir++) {
			for (k = 0; k < np->rules[dir].n; k++) {
				const struct hash128 hash = policy_rule_hash(np, dir, k);
				const struct table_rule *rule = vec_find(&c->t->rules, &hash, rule_cmp);

				if (rule)
					c->owner[rule - c->t->rules.v + 1] = i + 1;
			}
		}
	}
}

static void count_rules(struct count *c)
{
	size_t i;

	for (i = 1; i <= c->t->rules.n; i++)
		c->n[c->owner[i]]++;
}

/* Rows that say the same share their ranges. */
static void count_ranges(struct count *c)
{
	auto_free uint8_t *seen = calloc(c->t->ranges.n + 1, 1);
	size_t i;
	uint32_t k;

	for (i = 0; seen && i < c->t->rows.n; i++) {
		const struct table_row *row = &c->t->rows.v[i];

		if (row->n <= BH_ROW_INLINE || seen[row->first])
			continue;
		seen[row->first] = 1;
		for (k = 0; k < row->n; k++)
			c->n[c->owner[c->t->ranges.v[row->first + k].rule]]++;
	}
}

/* ---- rows, and whom they are about ---------------------------------------------------------- */

static void note_named(struct count *c, uint32_t policy, uint32_t class)
{
	struct table_row *slot = vec_add(&c->named);

	if (slot)
		*slot = (struct table_row){ .set = policy, .class = class };
}

/* What a rule says to everybody is in all rows; the row of class 0, which comes before them, is for that. */
static void count_in_row(struct count *c, uint32_t at, uint32_t rule, bool named)
{
	const struct table_row *row = &c->t->rows.v[at];
	const uint32_t policy = c->owner[rule];

	if (!row->class)
		c->base[row->dir][rule] = row->set + 1;
	else if (c->base[row->dir][rule] == row->set + 1)
		return;
	if (!policy || c->last[policy] == at + 1)
		return;
	c->last[policy] = at + 1;
	if (!named)
		c->n[policy]++;
	else if (row->class)
		note_named(c, policy, row->class);
}

/* @named: not the rows, but which classes they name. */
static void count_rows(struct count *c, bool named)
{
	uint32_t i, k;

	for (i = 0; i < c->t->rows.n; i++) {
		const struct table_row *row = &c->t->rows.v[i];

		count_in_row(c, i, row->rule, named);
		for (k = 0; k < row->n; k++)
			count_in_row(c, i, c->t->ranges.v[row->first + k].rule, named);
	}
}

static void count_addrs(struct count *c)
{
	auto_free uint32_t *addrs = calloc(c->t->classes.n + 1, sizeof(*addrs));
	size_t i;

	for (i = 0; addrs && i < c->t->locations.n; i++)
		addrs[c->t->locations.v[i].class] += !c->t->locations.v[i].is_block;
	count_rows(c, true);
	vec_sort(&c->named, policy_row_cmp);
	for (i = 0; addrs && i < c->named.n; i++)
		if (!i || policy_row_cmp(&c->named.v[i - 1], &c->named.v[i]))
			c->n[c->named.v[i].set] += addrs[c->named.v[i].class];
}

/* ---- blocks ---------------------------------------------------------------------------------- */

typedef VEC(struct cidr) cidr_vec;

static int block_cmp(const void *a, const void *b)
{
	return cidr_cmp(a, b);
}

static void add_blocks(cidr_vec *ret, const struct cidr *v, size_t n)
{
	struct cidr *slot;
	size_t i;

	for (i = 0; i < n; i++) {
		slot = vec_add(ret);
		if (slot)
			*slot = v[i];
	}
}

static void add_rule_blocks(cidr_vec *ret, const struct rule *rule)
{
	size_t i;

	for (i = 0; i < rule->peers.n; i++) {
		const struct peer *p = &rule->peers.v[i];

		if (p->kind != PEER_BLOCK)
			continue;
		add_blocks(ret, &p->block, 1);
		add_blocks(ret, p->except.v, p->except.n);
	}
}

/* The tables know blocks by their classes, and what is excepted is in none: so of the policies that have a
 * rule there what they name. */
static void count_blocks(struct count *c)
{
	auto_free uint8_t *used = calloc(c->m->policies.n + 1, 1);
	cidr_vec blocks = {};
	uint32_t i, dir, k;

	for (i = 1; used && i <= c->t->rules.n; i++)
		used[c->owner[i]] = 1;
	for (i = 0; used && i < c->m->policies.n; i++) {
		const struct net_policy *np = c->m->policies.v[i];

		vec_clear(&blocks);
		for (dir = 0; used[i + 1] && dir < DIR_MAX; dir++)
			for (k = 0; k < np->rules[dir].n; k++)
				add_rule_blocks(&blocks, &np->rules[dir].v[k]);
		c->n[i + 1] = (uint32_t)policy_unique(blocks.v, blocks.n, sizeof(*blocks.v), block_cmp);
	}
	vec_done(&blocks);
}

/* ---- all of them ---------------------------------------------------------------------------- */

static void count(struct count *c, enum most what)
{
	switch (what) {
	case MOST_RULES:
		count_rules(c);
		break;
	case MOST_ROWS:
		count_rows(c, false);
		break;
	case MOST_RANGES:
		count_ranges(c);
		break;
	case MOST_BLOCKS:
		count_blocks(c);
		break;
	case MOST_ADDRS:
		count_addrs(c);
		break;
	}
}

/* The first of those that have as many. */
static const struct net_policy *largest(const struct count *c, uint32_t *ret_n)
{
	size_t i, most = 0;

	c->n[0] = 0;
	for (i = 1; i <= c->m->policies.n; i++)
		if (c->n[i] > c->n[most])
			most = i;
	*ret_n = c->n[most];
	return most ? c->m->policies.v[most - 1] : NULL;
}

const struct net_policy *policy_most(const struct model *m, const struct tables *t, enum most what,
				     uint32_t *ret_n)
{
	const size_t rules = t->rules.n + 1, policies = m->policies.n + 1;
	auto_free uint32_t *all = calloc(3 * rules + 2 * policies, sizeof(*all));
	const struct net_policy *ret = NULL;
	struct count c = {
		.m = m,
		.t = t,
		.owner = all,
		.base = { all + rules, all + 2 * rules },
		.n = all + 3 * rules,
		.last = all + 3 * rules + policies,
	};

	if (all) {
		find_owners(&c);
		count(&c, what);
		ret = largest(&c, ret_n);
	}
	vec_done(&c.named);
	return ret;
}
