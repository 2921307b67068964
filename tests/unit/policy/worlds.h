/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random small worlds for whoever tests a change of policy: which endpoint has which policy set, which
 * address which class, what is behind a Service, and by that what every verdict has to be. Known without
 * the compiler.
 */
#ifndef TEST_WORLDS_H
#define TEST_WORLDS_H

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/order.h"
#include "policy/policy.h"

#define PEER_SETS  7	 /* bit i: peer set i, allowed on port 80 + 2 * i */
#define BLOCK_BITS 0x60u /* the last two are CIDR blocks */
#define ADDRS	   6
#define SERVICE	   ADDRS /* an address that stands for some of the others */
#define ASKED	   (ADDRS + 1)
#define ENDPOINTS  4

/* 2 and 3 collide with 0 and 1 in the direct slots of bh_endpoints. */
static inline uint32_t world_ifindex(int e)
{
	return (uint32_t)(e < 2 ? 5 + e : 5 + e - 2 + BH_EP_DIRECT);
}

/* What is true at one time. mask 0xff: the endpoint is not isolated. */
struct world {
	bool there[ENDPOINTS];
	bool unknown[ENDPOINTS]; /* whose pod nobody knows: isolated */
	uint8_t mask[ENDPOINTS];
	uint8_t class[ADDRS]; /* 0: no entry of its own */
	bool node[ADDRS];
	uint8_t wide, narrow; /* classes of two nested blocks; 0: no such block */
	bool service;
	struct behind {
		uint8_t addrs; /* bit i: address i; none: denied */
		uint8_t at;    /* where they listen, as the number of a port */
	} behind[PEER_SETS];   /* by the port of the Service */
};

static unsigned int seed;

static inline unsigned int rnd(unsigned int n)
{
	seed = seed * 1103515245 + 12345;
	return (seed >> 16) % n;
}

/* Addresses 0..3 lie in the wide block, 2 and 3 in the narrow one too. */
static inline struct addr addr_of(int i)
{
	struct addr a;
	char text[32];

	(void)snprintf(text, sizeof(text), i < 2 ? "10.1.0.%d" : i < 4 ? "10.1.1.%d" : "10.9.0.%d", i + 1);
	assert(addr_parse(text, &a) == 0);
	return a;
}

static inline struct hash128 hash_of(const char *what, unsigned int n)
{
	char text[32];

	(void)snprintf(text, sizeof(text), "%s %u", what, n);
	return hash128_of(text, strlen(text));
}

/* The class that the address has, by an entry of its own or by a block. */
static inline uint8_t class_of(const struct world *w, int a)
{
	if (w->class[a] || w->node[a])
		return w->class[a];
	return a >= 2 && a < 4 && w->narrow ? w->narrow : a < 4 ? w->wide : 0;
}

static inline bool all_allowed(const struct world *w, uint8_t mask, const struct behind *b)
{
	int i;

	for (i = 0; i < ADDRS; i++)
		if (b->addrs >> i & 1 && !((mask & class_of(w, i)) >> b->at & 1))
			return false;
	return b->addrs;
}

/* ---- a world as tables ---------------------------------------------------------------------- */

static inline uint32_t class_index(struct tables *t, uint8_t mask, uint8_t *masks)
{
	size_t i;

	for (i = 0; i < t->classes.n; i++)
		if (masks[i] == mask)
			return (uint32_t)i;
	masks[t->classes.n] = mask;
	vec_add(&t->classes)->hash = hash_of("class", mask);
	return (uint32_t)t->classes.n - 1;
}

static inline void add_table_row(struct tables *t, uint32_t set, uint8_t set_mask, uint32_t class,
				 uint8_t class_mask)
{
	struct table_row *row;
	uint32_t dir, i;

	for (dir = 0; dir < 2; dir++) {
		if (class && (set_mask == 0xff || !(set_mask & class_mask)))
			continue;
		row = vec_add(&t->rows);
		*row = (struct table_row){
			.set = set, .class = class, .dir = dir, .first = (uint32_t)t->ranges.n
		};
		if (set_mask == 0xff) {
			row->action = BH_ALLOW;
			continue;
		}
		for (i = 0; i < PEER_SETS; i++)
			if (set_mask & class_mask & 1u << i) {
				*vec_add(&t->ranges) = (struct table_range){
					.first = BH_PORT(6, 80 + 2 * i),
					.last = BH_PORT(6, 80 + 2 * i),
					.action = BH_ALLOW,
					.rule = 1,
				};
				row->n++;
			}
	}
}

static inline void add_block(struct tables *t, const char *text, uint8_t mask, uint8_t *masks)
{
	struct table_location *l;

	if (!mask)
		return;
	l = vec_add(&t->locations);
	assert(cidr_parse(text, &l->cidr) == 0);
	l->is_block = true;
	l->class = class_index(t, mask, masks);
}

/* The last class: named by the classes behind it, as the compiler does. */
static inline void add_service(struct tables *t, const struct world *w)
{
	char name[PEER_SETS * (ADDRS * 4 + 12) + 1];
	size_t len = 0, p, i;
	struct table_location *l;

	if (!w->service)
		return;
	for (p = 0; p < PEER_SETS; p++) {
		len += (size_t)sprintf(name + len, ";%zu %u", p, w->behind[p].at);
		for (i = 0; i < ADDRS; i++)
			if (w->behind[p].addrs >> i & 1)
				len += (size_t)sprintf(name + len, " %x", class_of(w, (int)i));
	}
	vec_add(&t->classes)->hash = hash128_of(name, len);
	l = vec_add(&t->locations);
	l->cidr = (struct cidr){ .addr = addr_of(SERVICE), .len = 128 };
	l->class = (uint32_t)t->classes.n - 1;
}

static inline void add_service_rows(struct tables *t, const struct world *w, uint32_t set, uint8_t set_mask)
{
	uint32_t dir, first, i;

	for (dir = 0; w->service && set_mask != 0xff && dir < 2; dir++) {
		first = (uint32_t)t->ranges.n;
		for (i = 0; i < PEER_SETS; i++)
			if (all_allowed(w, set_mask, &w->behind[i]))
				*vec_add(&t->ranges) = (struct table_range){
					.first = BH_PORT(6, 80 + 2 * i),
					.last = BH_PORT(6, 80 + 2 * i),
					.action = BH_ALLOW,
					.rule = 1,
				};
		if (t->ranges.n > first)
			*vec_add(&t->rows) = (struct table_row){ .set = set,
								 .class = (uint32_t)t->classes.n - 1,
								 .dir = dir,
								 .first = first,
								 .n = (uint32_t)t->ranges.n - first };
	}
}

static inline struct tables *tables_of(const struct world *w)
{
	struct tables *t = calloc(1, sizeof(*t));
	uint8_t masks[ADDRS + 3] = { 0 }, sets[ENDPOINTS];
	size_t i, j, plain;

	assert(t);
	vec_add(&t->rules)->hash = hash_of("rule", 0);
	(void)class_index(t, 0xfe, masks); /* class 0, under a mask that nothing has */
	memset(&t->classes.v[0], 0, sizeof(t->classes.v[0]));
	for (i = 0; i < ADDRS; i++)
		if (w->class[i] || w->node[i]) {
			struct table_location *l = vec_add(&t->locations);

			l->cidr = (struct cidr){ .addr = addr_of((int)i), .len = 128 };
			l->class = w->class[i] ? class_index(t, w->class[i], masks) : 0;
			l->is_node = w->node[i];
		}
	add_block(t, "10.1.0.0/16", w->wide, masks);
	add_block(t, "10.1.1.0/24", w->narrow, masks);
	plain = t->classes.n;
	add_service(t, w);
	vec_sort(&t->locations, policy_location_cmp);

	for (i = 0; i < ENDPOINTS; i++) {
		struct table_endpoint *e;

		if (!w->there[i])
			continue;
		for (j = 0; j < t->sets.n && sets[j] != w->mask[i]; j++)
			;
		if (j == t->sets.n && !w->unknown[i]) {
			struct table_set *s = vec_add(&t->sets);

			sets[j] = w->mask[i];
			s->hash = hash_of("set", w->mask[i]);
			s->has_cidr = w->mask[i] != 0xff && w->mask[i] & BLOCK_BITS;
		}
		e = vec_add(&t->endpoints);
		e->ifindex = world_ifindex((int)i);
		e->set = w->unknown[i] ? -1 : (int32_t)j;
	}
	for (i = 0; i < t->sets.n; i++) {
		for (j = 0; j < plain; j++)
			add_table_row(t, (uint32_t)i, sets[i], (uint32_t)j, j ? masks[j] : 0);
		add_service_rows(t, w, (uint32_t)i, sets[i]);
	}
	return t;
}

static inline void free_tables(struct tables *t)
{
	vec_done(&t->rules);
	vec_done(&t->classes);
	vec_done(&t->sets);
	vec_done(&t->rows);
	vec_done(&t->ranges);
	vec_done(&t->locations);
	vec_done(&t->endpoints);
	free(t);
}

/* ---- what is right ---------------------------------------------------------------------------- */

static inline bool truth(const struct world *w, int e, int a, int port)
{
	if (!w->there[e] || w->unknown[e])
		return false;
	if (w->mask[e] == 0xff)
		return true;
	if (a == SERVICE)
		return w->service && all_allowed(w, w->mask[e], &w->behind[port]);
	return (w->mask[e] & class_of(w, a)) >> port & 1;
}

static inline void random_service(struct world *w)
{
	int i;

	w->service = rnd(5);
	for (i = 0; i < PEER_SETS; i++)
		w->behind[i] =
			(struct behind){ .addrs = rnd(2) ? (uint8_t)(1u << rnd(ADDRS) | 1u << rnd(ADDRS)) : 0,
					 .at = (uint8_t)rnd(PEER_SETS) };
}

/* One backend more or less, or another port. */
static inline void changed_service(struct world *w)
{
	struct behind *b = &w->behind[rnd(PEER_SETS)];

	if (rnd(3))
		b->addrs ^= (uint8_t)(1u << rnd(ADDRS));
	else
		b->at = (uint8_t)rnd(PEER_SETS);
}

static inline struct world random_world(void)
{
	struct world w = { 0 };
	int i;

	/* Block classes hold block bits only, and an address in a block has the block's bits too. */
	w.wide = rnd(3) ? (uint8_t)(0x20 | (rnd(2) ? 0x40 : 0)) : 0;
	w.narrow = w.wide && rnd(2) ? (uint8_t)(0x20 << rnd(2)) : 0;
	for (i = 0; i < ENDPOINTS; i++) {
		w.there[i] = rnd(6) != 0;
		w.unknown[i] = rnd(8) == 0;
		w.mask[i] = rnd(5) ? (uint8_t)((1u << rnd(PEER_SETS)) | (1u << rnd(PEER_SETS)) |
					       (rnd(3) ? 0 : 0x7f))
				   : 0xff;
	}
	if (rnd(2))
		w.mask[1] = w.mask[0]; /* shared policy sets are where aliases come in */
	for (i = 0; i < ADDRS; i++) {
		uint8_t block = i >= 2 && i < 4 && w.narrow ? w.narrow : i < 4 ? w.wide : 0;

		w.class[i] = rnd(4) ? (uint8_t)(rnd(32) | block) : 0;
		w.node[i] = rnd(8) == 0;
		if (w.node[i] && !w.class[i])
			w.class[i] = block;
	}
	random_service(&w);
	return w;
}

/* Some of it stays, as in life. */
static inline struct world changed_world(const struct world *from)
{
	struct world to = random_world(), w = *from;
	const unsigned int what = rnd(5);
	int i;

	if (what == 0)
		return to;
	if (rnd(2))
		changed_service(&w);
	if (what == 4)
		return w;
	for (i = 0; i < ENDPOINTS; i++)
		if (what != 1 && rnd(2)) {
			w.mask[i] = to.mask[i];
			w.there[i] = to.there[i];
			w.unknown[i] = to.unknown[i];
		}
	for (i = 0; i < ADDRS; i++)
		if (what != 2 && rnd(2) && w.wide == to.wide && w.narrow == to.narrow) {
			w.class[i] = to.class[i];
			w.node[i] = to.node[i];
		}
	if (what == 3 && rnd(2)) {
		memcpy(w.class, to.class, sizeof(w.class));
		memcpy(w.node, to.node, sizeof(w.node));
		w.wide = to.wide;
		w.narrow = to.narrow;
	}
	return w;
}

#endif
