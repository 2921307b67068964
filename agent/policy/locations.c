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
#include "policy/entities.h"
#include "policy/order.h"

struct place {
	struct table_location at; /* its class is filled in last */
	struct list peers;
	const uint32_t *peers_v; /* where `peers` is, once build.lists has stopped growing */
	struct hash128 hash;	 /* of the class */
	bool is_out;		 /* of a block: an exception of the one at hand */
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

static int add_blocks_of(struct places *pl, const struct set_block *s)
{
	size_t i;
	int r;

	r = add_block(pl, &s->block);
	if (!r)
		r = add_guard(pl, &s->block);
	for (i = 0; !r && i < s->excepts; i++) {
		r = add_block(pl, &s->except[i]);
		if (!r)
			r = add_guard(pl, &s->except[i]);
	}
	return r;
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

static int sort_blocks(const struct blocks *blocks, struct places *pl)
{
	size_t i, kept = 0;
	int r = 0;

	for (i = 0; !r && i < blocks->at.n; i++)
		r = add_blocks_of(pl, &blocks->at.v[i]);
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
static int collect_holds(const struct places *pl, const struct set_block *s, hold_vec *ret)
{
	const struct place key = { .at.cidr = s->block };
	size_t i = (size_t)(vec_find(&pl->blocks, &key, place_cmp) - pl->blocks.v);
	const struct cidr *out = NULL; /* the exception that the walk came into last */
	struct hold *h;

	for (; i < pl->blocks.n && starts_with(&pl->blocks.v[i].at.cidr, &s->block); i++) {
		const struct cidr *c = &pl->blocks.v[i].at.cidr;

		if (!cidr_covers(&s->block, c) || (out && cidr_covers(out, c)))
			continue;
		if (pl->blocks.v[i].is_out) {
			out = c;
			continue;
		}
		h = vec_add(ret);
		if (!h)
			return -ENOMEM;
		*h = (struct hold){ .block = (uint32_t)i, .peer = s->set };
	}
	return 0;
}

/* Each exception is a prefix, too: O(prefixes + exceptions), of which the world has many. */
static void mark_exceptions(struct places *pl, const struct set_block *s, bool is_out)
{
	struct place key = {};
	size_t i;

	for (i = 0; i < s->excepts; i++) {
		key.at.cidr = s->except[i];
		vec_find(&pl->blocks, &key, place_cmp)->is_out = is_out;
	}
}

/* The walk would not come past an exception that is wider than its block. */
static bool is_all_out(const struct set_block *s)
{
	size_t i;

	for (i = 0; i < s->excepts; i++)
		if (cidr_covers(&s->except[i], &s->block))
			return true;
	return false;
}

static int find_holds(const struct build *b, struct places *pl, hold_vec *ret)
{
	struct blocks blocks = {};
	size_t i;
	int r;

	r = policy_blocks(b, &blocks);
	if (!r)
		r = sort_blocks(&blocks, pl);
	for (i = 0; !r && i < blocks.at.n; i++) {
		if (is_all_out(&blocks.at.v[i]))
			continue;
		mark_exceptions(pl, &blocks.at.v[i], true);
		r = collect_holds(pl, &blocks.at.v[i], ret);
		mark_exceptions(pl, &blocks.at.v[i], false);
	}
	policy_blocks_done(&blocks);
	vec_sort(ret, hold_cmp);
	return r;
}

static int make_blocks(struct build *b, struct places *pl)
{
	hold_vec holds = {};
	size_t i;
	int r;

	r = find_holds(b, pl, &holds);
	for (i = 0; !r && i < holds.n; i++) {
		struct place *p = &pl->blocks.v[holds.v[i].block];

		if (i && !hold_cmp(&holds.v[i - 1], &holds.v[i]))
			continue; /* two ranges of the cluster that overlap */
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

/* Ascending lists of peer sets as one; @x may be at the end of build.lists, where the new one is begun. */
static int merge(struct build *b, struct list x, struct list y, uint32_t without, struct list *ret)
{
	uint32_t i = 0, k = 0;
	int r = 0;

	*ret = (struct list){ .first = (uint32_t)b->lists.n };
	while (!r && (i < x.n || k < y.n)) {
		const uint32_t at_x = i < x.n ? b->lists.v[x.first + i] : UINT32_MAX;
		const uint32_t at_y = k < y.n ? b->lists.v[y.first + k] : UINT32_MAX;
		const uint32_t least = at_x < at_y ? at_x : at_y;

		i += at_x == least;
		k += at_y == least;
		if (least != without)
			r = add_index(b, least, ret);
	}
	return r;
}

int policy_exact_peers(struct build *b, struct list peers, struct list blocks, struct list *ret)
{
	const bool inside = b->cluster != PEER_NONE && list_has(b, peers, b->cluster);

	return merge(b, peers, blocks, inside ? b->world : PEER_NONE, ret);
}

static int add_exact(struct build *b, struct places *pl, const struct addr *a, struct list peers,
		     bool is_node)
{
	struct place *p = vec_add(&pl->exact);

	if (!p)
		return -ENOMEM;
	p->at = (struct table_location){ .cidr = { .addr = *a, .len = 128 }, .is_node = is_node };
	return policy_exact_peers(b, peers, blocks_of(pl, a), &p->peers);
}

/* Takes from *@at on what @v has for the address. */
static int take_extras(struct build *b, const extra_vec *v, size_t *at, const struct addr *a,
		       struct list *ret)
{
	int r = 0;

	*ret = (struct list){ .first = (uint32_t)b->lists.n };
	for (; !r && *at < v->n && !addr_cmp(&v->v[*at].addr, a); ++*at)
		r = add_index(b, v->v[*at].set, ret);
	return r;
}

/* The next address of a pod, of an extra or of this node, and all that is known of it. */
struct exact_walk {
	const struct build *b;
	const extra_vec *extras;
	size_t pod, extra, node;
};

/* NULL: that was the last one. */
static const struct addr *next_addr(const struct exact_walk *x)
{
	const struct addr *const at[] = {
		x->pod < x->b->pod_addrs.n ? &x->b->pod_addrs.v[x->pod].addr : NULL,
		x->extra < x->extras->n ? &x->extras->v[x->extra].addr : NULL,
		x->node < x->b->model->node_addrs.n ? &x->b->model->node_addrs.v[x->node] : NULL,
	};
	const struct addr *least = NULL;
	size_t i;

	for (i = 0; i < sizeof(at) / sizeof(at[0]); i++)
		if (at[i] && (!least || addr_cmp(at[i], least) < 0))
			least = at[i];
	return least;
}

/* A pod's address that is in no peer set needs no location; this node's has one in any case. */
static int walk_exact(struct build *b, struct places *pl, struct exact_walk *x, struct addr a)
{
	struct list pods = {}, extras, peers;
	bool is_node = false;
	int r;

	if (x->pod < b->pod_addrs.n && !addr_cmp(&b->pod_addrs.v[x->pod].addr, &a))
		pods = b->pod_addrs.v[x->pod++].peers;
	for (; x->node < b->model->node_addrs.n && !addr_cmp(&b->model->node_addrs.v[x->node], &a); x->node++)
		is_node = true;
	r = take_extras(b, x->extras, &x->extra, &a, &extras);
	peers = extras.n ? extras : pods;
	if (!r && extras.n && pods.n)
		r = merge(b, pods, extras, PEER_NONE, &peers);
	if (r < 0 || (!peers.n && !is_node))
		return r;
	return add_exact(b, pl, &a, peers, is_node);
}

static int make_exact(struct build *b, struct places *pl)
{
	extra_vec extras = {};
	struct exact_walk x = { .b = b, .extras = &extras };
	const struct addr *a;
	int r;

	r = policy_pod_addrs(b);
	if (!r)
		r = policy_extras(b, &extras);
	while (!r && (a = next_addr(&x)))
		r = walk_exact(b, pl, &x, *a);
	vec_done(&extras);
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
