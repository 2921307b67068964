/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Locations and classes. Exact ones: addresses of pods in some peer set, and of this node. Blocks:
 * every ipBlock and exception in use as a prefix of its own, whose class is that of the addresses of
 * which it is the longest match. So a shorter block's ports are in the longer one's class, an
 * exception is "not in this peer set" and never a denial, and one look-up tells all.
 */
#include "policy/build.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policy/claims.h"
#include "policy/digest.h"
#include "policy/order.h"

struct place {
	struct table_location at; /* its class is filled in last */
	struct list peers;
	const uint32_t *peers_v; /* where `peers` is, once build.lists has stopped growing */
	struct hash128 hash;	 /* of the class */
};

struct places {
	VEC(struct place) blocks; /* by cidr */
	VEC(struct place) exact;
	bool lengths[129]; /* that some block has */
};

/* ---- blocks --------------------------------------------------------------------------------- */

static const struct cidr any_v4 = { .addr.b = { [10] = 0xff, [11] = 0xff }, .len = 96 };

static int place_cmp(const void *a, const void *b)
{
	return cidr_cmp(&((const struct place *)a)->at.cidr, &((const struct place *)b)->at.cidr);
}

static int add_block(struct places *pl, const struct cidr *c)
{
	struct place *p = vec_add(&pl->blocks);

	if (!p)
		return -ENOMEM;
	p->at = (struct table_location){ .cidr = *c, .is_block = true };
	pl->lengths[c->len] = true;
	return 0;
}

/*
 * In a table of 128-bit prefixes ::/0 also matches what starts with ::ffff:0:0, which is IPv4. Where a
 * block does that, 0.0.0.0/0 goes in as well, by whoever names it or else as nobody's: a guard.
 */
static int add_guard(struct places *pl, const struct cidr *c)
{
	const struct cidr start = policy_cidr_of(&any_v4.addr, c->len);

	if (c->len >= any_v4.len || cidr_cmp(&start, c))
		return 0;
	return add_block(pl, &any_v4);
}

static int add_blocks_of(struct places *pl, const struct peer *p)
{
	size_t i;
	int r;

	r = add_block(pl, &p->block);
	if (!r)
		r = add_guard(pl, &p->block);
	for (i = 0; !r && i < p->except.n; i++) {
		r = add_block(pl, &p->except.v[i]);
		if (!r)
			r = add_guard(pl, &p->except.v[i]);
	}
	return r;
}

static bool block_holds(const struct peer *p, const struct cidr *c)
{
	size_t i;

	if (!cidr_covers(&p->block, c))
		return false;
	for (i = 0; i < p->except.n; i++)
		if (cidr_covers(&p->except.v[i], c))
			return false;
	return true;
}

static int add_index(struct build *b, uint32_t index, struct list *list)
{
	uint32_t *slot = vec_add(&b->lists);

	if (!slot)
		return -ENOMEM;
	*slot = index;
	list->n++;
	return 0;
}

static int sort_blocks(struct build *b, struct places *pl)
{
	size_t i, kept = 0;
	int r = 0;

	for (i = 0; !r && i < b->peer_sets.n; i++)
		if (peer_set_is_block(&b->peer_sets.v[i]))
			r = add_blocks_of(pl, b->peer_sets.v[i].peer);
	vec_sort(&pl->blocks, place_cmp);
	for (i = 0; i < pl->blocks.n; i++)
		if (!kept || place_cmp(&pl->blocks.v[kept - 1], &pl->blocks.v[i]))
			pl->blocks.v[kept++] = pl->blocks.v[i];
	pl->blocks.n = kept;
	return r;
}

/* Whether the prefix starts with that block, families aside. */
static bool starts_with(const struct cidr *c, const struct cidr *block)
{
	const struct cidr start = policy_cidr_of(&c->addr, block->len);

	return c->len >= block->len && !cidr_cmp(&start, block);
}

/* Some block is in some peer set. */
struct hold {
	uint32_t block, peer;
};

typedef VEC(struct hold) hold_vec;

static int hold_cmp(const void *a, const void *b)
{
	const struct hold *x = a, *y = b;

	if (x->block != y->block)
		return x->block < y->block ? -1 : 1;
	return (x->peer > y->peer) - (x->peer < y->peer);
}

/*
 * The prefixes that one peer set holds: its block and what follows inside of it in the order by address.
 * Every longer block inside a prefix is a prefix too, so what covers the prefix covers all that the
 * prefix is the longest match of.
 */
static int collect_holds(const struct places *pl, const struct peer *p, uint32_t peer, hold_vec *ret)
{
	const struct place key = { .at.cidr = p->block };
	size_t i = (size_t)(vec_find(&pl->blocks, &key, place_cmp) - pl->blocks.v);
	struct hold *h;

	for (; i < pl->blocks.n && starts_with(&pl->blocks.v[i].at.cidr, &p->block); i++) {
		if (!block_holds(p, &pl->blocks.v[i].at.cidr))
			continue;
		h = vec_add(ret);
		if (!h)
			return -ENOMEM;
		*h = (struct hold){ .block = (uint32_t)i, .peer = peer };
	}
	return 0;
}

static int make_blocks(struct build *b, struct places *pl)
{
	hold_vec holds = {};
	uint32_t i;
	int r;

	r = sort_blocks(b, pl);
	for (i = 0; !r && i < b->peer_sets.n; i++)
		if (peer_set_is_block(&b->peer_sets.v[i]))
			r = collect_holds(pl, b->peer_sets.v[i].peer, i, &holds);
	vec_sort(&holds, hold_cmp);
	for (i = 0; !r && i < holds.n; i++) {
		struct place *p = &pl->blocks.v[holds.v[i].block];

		if (!p->peers.n)
			p->peers.first = (uint32_t)b->lists.n;
		r = add_index(b, holds.v[i].peer, &p->peers);
	}
	vec_done(&holds);
	return r;
}

/* ---- exact addresses ------------------------------------------------------------------------ */

/* The peer sets whose blocks hold the address: those of its longest match. */
static struct list blocks_of(const struct places *pl, const struct addr *a)
{
	const int shortest = policy_shortest(a);
	const struct place *at = NULL;
	struct place key = {};
	int len;

	for (len = 128; !at && len >= shortest; len--) {
		if (!pl->lengths[len])
			continue;
		key.at.cidr = policy_cidr_of(a, (unsigned int)len);
		at = vec_find(&pl->blocks, &key, place_cmp);
	}
	return at ? at->peers : (struct list){};
}

int policy_join_lists(struct build *b, struct list x, struct list y, struct list *ret)
{
	uint32_t i = 0, k = 0;
	int r = 0;

	*ret = (struct list){ .first = (uint32_t)b->lists.n };
	while (!r && (i < x.n || k < y.n)) {
		const uint32_t next_x = i < x.n ? b->lists.v[x.first + i] : UINT32_MAX;
		const uint32_t next_y = k < y.n ? b->lists.v[y.first + k] : UINT32_MAX;

		if (next_x < next_y)
			i++;
		else
			k++;
		r = add_index(b, next_x < next_y ? next_x : next_y, ret);
	}
	return r;
}

/* An exact location hides the blocks from the look-up, so its class holds them as well. */
static int add_exact(struct build *b, struct places *pl, const struct addr *a, struct list pods, bool is_node)
{
	struct place *p = vec_add(&pl->exact);

	if (!p)
		return -ENOMEM;
	p->at = (struct table_location){ .cidr = { .addr = *a, .len = 128 }, .is_node = is_node };
	return policy_join_lists(b, pods, blocks_of(pl, a), &p->peers);
}

static int make_exact(struct build *b, struct places *pl)
{
	const struct model *m = b->model;
	size_t i;
	int r;

	r = policy_pod_addrs(b);
	for (i = 0; !r && i < b->pod_addrs.n; i++)
		if (b->pod_addrs.v[i].peers.n)
			r = add_exact(b, pl, &b->pod_addrs.v[i].addr, b->pod_addrs.v[i].peers, false);
	for (i = 0; !r && i < m->node_addrs.n; i++)
		if (!i || addr_cmp(&m->node_addrs.v[i - 1], &m->node_addrs.v[i]))
			r = add_exact(b, pl, &m->node_addrs.v[i], (struct list){}, true);
	return r;
}

/* ---- classes -------------------------------------------------------------------------------- */

static int peers_cmp(const void *a, const void *b)
{
	const struct place *x = *(const struct place *const *)a, *y = *(const struct place *const *)b;

	if (x->peers.n != y->peers.n)
		return x->peers.n < y->peers.n ? -1 : 1;
	return x->peers.n ? memcmp(x->peers_v, y->peers_v, x->peers.n * sizeof(*x->peers_v)) : 0;
}

struct hash128 policy_class_hash(const struct build *b, const uint32_t *peers, size_t n)
{
	struct sha256 s;
	size_t i;

	policy_digest_init(&s, DIGEST_CLASS);
	for (i = 0; i < n; i++)
		sha256_add(&s, &b->peer_sets.v[peers[i]].hash, sizeof(struct hash128));
	return policy_digest_end(&s);
}

int policy_class_cmp(const void *a, const void *b)
{
	return hash128_cmp(&((const struct class_use *)a)->hash, &((const struct class_use *)b)->hash);
}

static int add_class(struct build *b, struct place *p)
{
	struct class_use *c = vec_add(&b->classes);

	if (!c)
		return -ENOMEM;
	p->hash = policy_class_hash(b, p->peers_v, p->peers.n);
	*c = (struct class_use){ .hash = p->hash, .peers = p->peers };
	return 0;
}

/* @all: every place, in any order. Equal lists are brought together, so that each is hashed once. */
static int make_classes(struct build *b, struct place **all, size_t n)
{
	struct table_class *tc;
	size_t i;
	int r;

	if (!vec_add(&b->classes)) /* class 0: all zero, sorts first */
		return -ENOMEM;
	qsort(all, n, sizeof(*all), peers_cmp);
	for (i = 0; i < n; i++) {
		if (i && !peers_cmp(&all[i - 1], &all[i])) {
			all[i]->hash = all[i - 1]->hash;
			continue;
		}
		r = all[i]->peers.n ? add_class(b, all[i]) : 0;
		if (r < 0)
			return r;
	}
	vec_sort(&b->classes, policy_class_cmp);
	for (i = 0; i < b->classes.n; i++) {
		tc = vec_add(&b->t->classes);
		if (!tc)
			return -ENOMEM;
		tc->hash = b->classes.v[i].hash;
	}
	return 0;
}

static int emit(struct build *b, const struct place *p)
{
	const struct class_use key = { .hash = p->hash };
	struct table_location *l = vec_add(&b->t->locations);

	if (!l)
		return -ENOMEM;
	/* One by one: what lies between the fields stays zero, and the same input gives the same bytes. */
	l->cidr = p->at.cidr;
	l->is_block = p->at.is_block;
	l->is_node = p->at.is_node;
	l->class = (uint32_t)(vec_find(&b->classes, &key, policy_class_cmp) - b->classes.v);
	return 0;
}

static int make_locations(struct build *b, struct places *pl)
{
	const size_t n = pl->exact.n + pl->blocks.n;
	struct place **all = calloc(n + 1, sizeof(struct place *));
	size_t i;
	int r;

	if (!all)
		return -ENOMEM;
	for (i = 0; i < n; i++) {
		all[i] = i < pl->exact.n ? &pl->exact.v[i] : &pl->blocks.v[i - pl->exact.n];
		if (all[i]->peers.n)
			all[i]->peers_v = b->lists.v + all[i]->peers.first;
	}
	r = make_classes(b, all, n);
	for (i = 0; !r && i < n; i++)
		r = emit(b, all[i]);
	vec_sort(&b->t->locations, policy_location_cmp);
	free(all);
	return r;
}

int policy_locations(struct build *b)
{
	struct places pl = {};
	int r;

	r = make_blocks(b, &pl);
	if (!r)
		r = make_exact(b, &pl);
	if (!r)
		r = make_locations(b, &pl);
	vec_done(&pl.blocks);
	vec_done(&pl.exact);
	return r;
}
