/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every plan is judged by every reader there could be. A reader takes its policy-set word, class word
 * and row at three moments of its own; only a grace period that lies wholly between two of them rules
 * a combination out. Random worlds follow one another; each answer must be that of the world before or
 * of the one after. Then the same with the writer stopped after each step and started anew.
 */
#include "policy/delta.h"

#include <errno.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "util/scope.h"

#define PEER_SETS 7	/* bit i: peer set i, allowed on port 80 + 2 * i */
#define BLOCK_BITS 0x60u	/* the last two are CIDR blocks */
#define ADDRS 6
#define ENDPOINTS 4
#define DIR BH_INGRESS
#define READERS 2		/* that begin at one moment */

/* What is true at one time. mask 0xff: the endpoint is not isolated. */
struct world {
	bool there[ENDPOINTS];
	uint8_t mask[ENDPOINTS];
	uint8_t class[ADDRS];		/* 0: no entry of its own */
	bool node[ADDRS];
	uint8_t wide, narrow;		/* classes of two nested blocks; 0: no such block */
};

static unsigned int seed;

static unsigned int rnd(unsigned int n)
{
	seed = seed * 1103515245 + 12345;
	return (seed >> 16) % n;
}

/* Addresses 0..3 lie in the wide block, 2 and 3 in the narrow one too. */
static struct addr addr_of(int i)
{
	struct addr a;
	char text[32];

	(void)snprintf(text, sizeof(text), i < 2 ? "10.1.0.%d" : i < 4 ? "10.1.1.%d" : "10.9.0.%d", i + 1);
	assert_int_equal(addr_parse(text, &a), 0);
	return a;
}

static struct hash128 hash_of(const char *what, unsigned int n)
{
	char text[32];

	(void)snprintf(text, sizeof(text), "%s %u", what, n);
	return hash128_of(text, strlen(text));
}

/* ---- a world as tables ---------------------------------------------------------------------- */

static uint32_t class_index(struct tables *t, uint8_t mask, uint8_t *masks)
{
	size_t i;

	for (i = 0; i < t->classes.n; i++)
		if (masks[i] == mask)
			return (uint32_t)i;
	masks[t->classes.n] = mask;
	vec_add(&t->classes)->hash = hash_of("class", mask);
	return (uint32_t)t->classes.n - 1;
}

static void add_table_row(struct tables *t, uint32_t set, uint8_t set_mask, uint32_t class, uint8_t class_mask)
{
	struct table_row *row;
	uint32_t dir, i;

	for (dir = 0; dir < 2; dir++) {
		if (class && (set_mask == 0xff || !(set_mask & class_mask)))
			continue;
		row = vec_add(&t->rows);
		*row = (struct table_row){ .set = set, .class = class, .dir = dir, .first = (uint32_t)t->ranges.n };
		if (set_mask == 0xff) {
			row->action = BH_ALLOW;
			continue;
		}
		for (i = 0; i < PEER_SETS; i++)
			if (set_mask & class_mask & 1u << i) {
				*vec_add(&t->ranges) = (struct table_range){
					.first = BH_PORT(6, 80 + 2 * i), .last = BH_PORT(6, 80 + 2 * i),
					.action = BH_ALLOW, .rule = 1,
				};
				row->n++;
			}
	}
}

static int cmp_location(const void *a, const void *b)
{
	const struct table_location *x = a, *y = b;

	return x->is_block != y->is_block ? (int)x->is_block - (int)y->is_block : cidr_cmp(&x->cidr, &y->cidr);
}

static void add_block(struct tables *t, const char *text, uint8_t mask, uint8_t *masks)
{
	struct table_location *l;

	if (!mask)
		return;
	l = vec_add(&t->locations);
	assert_int_equal(cidr_parse(text, &l->cidr), 0);
	l->is_block = true;
	l->class = class_index(t, mask, masks);
}

static struct tables *tables_of(const struct world *w)
{
	struct tables *t = calloc(1, sizeof(*t));
	uint8_t masks[ADDRS + 3] = { 0 }, sets[ENDPOINTS];
	size_t i, j;

	assert_non_null(t);
	vec_add(&t->rules)->hash = hash_of("rule", 0);
	(void)class_index(t, 0xfe, masks);	/* class 0, under a mask that nothing has */
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
	vec_sort(&t->locations, cmp_location);

	for (i = 0; i < ENDPOINTS; i++) {
		struct table_endpoint *e;

		if (!w->there[i])
			continue;
		for (j = 0; j < t->sets.n && sets[j] != w->mask[i]; j++)
			;
		if (j == t->sets.n) {
			struct table_set *s = vec_add(&t->sets);

			sets[j] = w->mask[i];
			s->hash = hash_of("set", w->mask[i]);
			s->has_cidr = w->mask[i] != 0xff && w->mask[i] & BLOCK_BITS;
		}
		e = vec_add(&t->endpoints);
		e->ifindex = (uint32_t)(i < 2 ? 5 + i : 5 + i - 2 + BH_EP_DIRECT);	/* 2 and 3 collide with 0 and 1 */
		e->set = (int32_t)j;
	}
	for (i = 0; i < t->sets.n; i++)
		for (j = 0; j < t->classes.n; j++)
			add_table_row(t, (uint32_t)i, sets[i], (uint32_t)j, j ? masks[j] : 0);
	return t;
}

static void free_tables(struct tables *t)
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

static bool truth(const struct world *w, int e, int a, int port)
{
	uint8_t class = w->class[a];

	if (!w->there[e])
		return false;
	if (w->mask[e] == 0xff)
		return true;
	if (!class && !w->node[a])
		class = a >= 2 && a < 4 && w->narrow ? w->narrow : a < 4 ? w->wide : 0;
	return (w->mask[e] & class) >> port & 1;
}

static struct world random_world(void)
{
	struct world w = { 0 };
	int i;

	/* Block classes hold block bits only, and an address in a block has the block's bits too. */
	w.wide = rnd(3) ? (uint8_t)(0x20 | (rnd(2) ? 0x40 : 0)) : 0;
	w.narrow = w.wide && rnd(2) ? (uint8_t)(0x20 << rnd(2)) : 0;
	for (i = 0; i < ENDPOINTS; i++) {
		w.there[i] = rnd(6) != 0;
		w.mask[i] = rnd(5) ? (uint8_t)((1u << rnd(PEER_SETS)) | (1u << rnd(PEER_SETS)) | (rnd(3) ? 0 : 0x7f)) : 0xff;
	}
	if (rnd(2))
		w.mask[1] = w.mask[0];	/* shared policy sets are where aliases come in */
	for (i = 0; i < ADDRS; i++) {
		uint8_t block = i >= 2 && i < 4 && w.narrow ? w.narrow : i < 4 ? w.wide : 0;

		w.class[i] = rnd(4) ? (uint8_t)(rnd(32) | block) : 0;
		w.node[i] = rnd(8) == 0;
		if (w.node[i] && !w.class[i])
			w.class[i] = block;
	}
	return w;
}

/* Some of it stays, as in life. */
static struct world changed_world(const struct world *from)
{
	struct world to = random_world(), w = *from;
	const unsigned int what = rnd(4);
	int i;

	if (what == 0)
		return to;
	for (i = 0; i < ENDPOINTS; i++)
		if (what != 1 && rnd(2)) {
			w.mask[i] = to.mask[i];
			w.there[i] = to.there[i];
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

/* ---- the reader --------------------------------------------------------------------------------- */

static const struct actual_sizes small = {
	.addrs = 16, .cidrs = 8, .classes = 128, .rows = 512, .ranges = 512, .rules = 8, .ids = 256,
};

static struct actual *copy_of(const struct actual *a)
{
	struct actual *c = actual_new(&a->size);
	size_t i;

	assert_non_null(c);
	for (i = 0; i < a->ids.n; i++)
		*vec_add(&c->ids) = a->ids.v[i];
	for (i = 0; i < a->rows.n; i++)
		*vec_add(&c->rows) = a->rows.v[i];
	for (i = 0; i < a->locations.n; i++)
		*vec_add(&c->locations) = a->locations.v[i];
	memcpy(c->words, a->words, a->size.classes * sizeof(*a->words));
	memcpy(c->ranges, a->ranges, a->size.ranges * sizeof(*a->ranges));
	memcpy(c->endpoints, a->endpoints, BH_EP_SLOTS * sizeof(*a->endpoints));
	c->epoch = a->epoch;
	c->sorted_ids = a->sorted_ids;
	c->sorted_rows = a->sorted_rows;
	c->sorted_locations = a->sorted_locations;
	actual_sort(c);
	return c;
}

static const struct bh_endpoint *endpoint_in(const struct actual *a, int e)
{
	const uint32_t ifindex = (uint32_t)(e < 2 ? 5 + e : 5 + e - 2 + BH_EP_DIRECT);
	size_t i;

	if (a->endpoints[ifindex & (BH_EP_DIRECT - 1)].ifindex == ifindex)
		return &a->endpoints[ifindex & (BH_EP_DIRECT - 1)];
	for (i = BH_EP_DIRECT; i < BH_EP_DIRECT + 16; i++)
		if (a->endpoints[i].ifindex == ifindex)
			return &a->endpoints[i];
	return NULL;
}

static bool row_allows(const struct actual *a, const struct bh_row *row, int port)
{
	const struct bh_range *ranges;
	uint32_t i;

	if (!row)
		return false;
	ranges = row->n > BH_ROW_INLINE ? &a->ranges[row->base] : row->range;
	for (i = 0; i < row->n; i++)
		if (ranges[i].first <= BH_PORT(6, 80 + 2 * port) && BH_PORT(6, 80 + 2 * port) <= ranges[i].last)
			return ranges[i].action == BH_ALLOW;
	return row->action == BH_ALLOW;
}

/* Takes the policy set from @x, the class from @y and the row from @z. */
static bool answer(const struct actual *x, const struct actual *y, const struct actual *z, int e, int a, int port)
{
	const struct bh_endpoint *ep = endpoint_in(x, e);
	const struct addr addr = addr_of(a);
	uint32_t class;

	if (!ep || !ep->policy_set)
		return false;
	class = BH_CLASS_ID(actual_word(y, &addr, ep->policy_set & BH_SET_CIDR));
	return row_allows(z, actual_row(z, ep->policy_set, class, DIR), port);
}

static bool one_of(const struct world *const *worlds, size_t n, int e, int a, int port, bool said)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (truth(worlds[i], e, a, port) == said)
			return true;
	return false;
}

/* Snapshots at, before and after each step; at[i] is the state before step i. */
struct film {
	struct actual *at[512];
	bool grace[512];	/* between at[i] and at[i + 1] lies a grace period */
	size_t n;
};

static void film_done(struct film *f)
{
	size_t i;

	for (i = 0; i < f->n; i++)
		actual_free(f->at[i]);
}

static void check_three(const struct film *f, size_t x, size_t y, size_t z, const struct world *const *worlds, size_t n)
{
	int e, a, port;

	for (e = 0; e < ENDPOINTS; e++)
		for (a = 0; a < ADDRS; a++)
			for (port = 0; port < PEER_SETS; port++) {
				const bool said = answer(f->at[x], f->at[y], f->at[z], e, a, port);

				if (!one_of(worlds, n, e, a, port, said))
					fail_msg("endpoint %d, address %d, port %d: %s; set read before step %zu, "
						 "class %zu, row %zu", e, a, port, said ? "allowed" : "denied", x, y, z);
			}
}

/* The last moment that a reader who was there at @from can still reach: up to the next grace. */
static size_t reach(const struct film *f, size_t from)
{
	while (from + 1 < f->n && !f->grace[from])
		from++;
	return from;
}

/*
 * The programs read the set first, then the class, then the row. Every moment is asked, and from each
 * a sample of the readers that begin there.
 */
static void check_film(const struct film *f, const struct world *const *worlds, size_t n)
{
	size_t x, i;

	for (x = 0; x < f->n; x++) {
		check_three(f, x, x, x, worlds, n);
		check_three(f, x, reach(f, x), reach(f, x), worlds, n);
		for (i = 0; i < READERS; i++) {
			const size_t y = x + rnd((unsigned int)(reach(f, x) - x + 1));

			check_three(f, x, y, y + rnd((unsigned int)(reach(f, y) - y + 1)), worlds, n);
		}
	}
}

/* A hash element that was unlinked is recycled by the next insert: a grace must lie between. */
static void check_recycling(const struct plan *p)
{
	bool rows = false, locations = false;
	size_t i;

	for (i = 0; i < p->steps.n; i++) {
		const enum step_kind k = p->steps.v[i].kind;

		if (k == STEP_GRACE)
			rows = locations = false;
		rows |= k == STEP_ROW_DEL;
		locations |= k == STEP_ADDR_DEL || k == STEP_CIDR_DEL;
		if (k == STEP_ROW_SET)
			assert_false(rows);
		if (k == STEP_ADDR_SET || k == STEP_CIDR_SET)
			assert_false(locations);
	}
	assert_false(rows || locations);	/* nor at the beginning of the next plan */
}

/* ---- running plans ------------------------------------------------------------------------------ */

static struct plan *plan_to(const struct world *w, const struct actual *a)
{
	struct tables *t = tables_of(w);
	struct plan *p = NULL;
	struct bh_err err = { "" };

	if (delta_plan(t, a, &p, &err) < 0)
		fail_msg("no plan: %s", err.msg);
	free_tables(t);
	return p;
}

static void run_steps(struct actual *a, const struct plan *p, size_t n, struct film *f)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if (f) {
			assert_true(f->n < ARRAY_SIZE(f->at));
			f->at[f->n] = copy_of(a);
			f->grace[f->n++] = p->steps.v[i].kind == STEP_GRACE;
		}
		assert_int_equal(actual_apply(a, &p->steps.v[i]), 0);
	}
	actual_sort(a);
}

static size_t go_to(const struct world *w, struct actual *a, struct film *f)
{
	size_t passes = 0;
	bool again;

	do {
		struct plan *p = plan_to(w, a);

		check_recycling(p);
		run_steps(a, p, p->steps.n, f);
		again = p->again;
		plan_free(p);
		assert_true(++passes < 3);
	} while (again);
	return passes;
}

static void check_settled(const struct world *w, const struct actual *a)
{
	struct film f = { .n = 1 };
	struct plan *p = plan_to(w, a);

	assert_int_equal(p->steps.n, 0);
	plan_free(p);
	f.at[0] = copy_of(a);
	check_film(&f, &w, 1);
	film_done(&f);
}

static void test_every_reader(void **state)
{
	struct actual *a = actual_new(&small);
	struct world w = { 0 };
	size_t aliased = 0;
	int i;

	(void)state;
	for (i = 0; i < 150; i++) {
		const struct world next = changed_world(&w);
		const struct world *const both[] = { &w, &next };
		struct film f = { .n = 0 };

		aliased += go_to(&next, a, &f) > 1;
		check_film(&f, both, 2);
		film_done(&f);
		check_settled(&next, a);
		w = next;
	}
	assert_true(aliased > 5);	/* the hardest case did occur */
	actual_free(a);
}

/* The writer dies after step k, the next one wants yet another world. */
static void test_stopped_anywhere(void **state)
{
	struct actual *a = actual_new(&small);
	struct world w = { 0 };
	int i;

	(void)state;
	for (i = 0; i < 20; i++) {
		const struct world next = changed_world(&w), third = rnd(2) ? changed_world(&next) : next;
		const struct world *const all[] = { &w, &next, &third };
		struct plan *p = plan_to(&next, a);
		size_t k;

		for (k = 0; k <= p->steps.n; k += 1 + rnd(3)) {
			struct actual *dead = copy_of(a);
			struct film f = { .n = 0 };

			run_steps(dead, p, k, &f);
			if (f.n)
				f.grace[f.n - 1] = true;	/* a restart takes longer than any reader */
			(void)go_to(&third, dead, &f);
			check_film(&f, all, 3);
			film_done(&f);
			check_settled(&third, dead);
			actual_free(dead);
		}
		plan_free(p);
		(void)go_to(&next, a, NULL);
		w = next;
	}
	actual_free(a);
}

/* ---- epochs --------------------------------------------------------------------------------------- */

static uint32_t epoch_of(const struct actual *a, int e)
{
	return endpoint_in(a, e)->epoch;
}

/* Exactly those rise that lose an allow (or whose interface is new). */
static void test_epochs(void **state)
{
	struct actual *a = actual_new(&small);
	struct world w = { .there = { true, true, true, true }, .mask = { 1, 2, 0xff, 3 }, .class = { 3, 1, 0, 0, 2, 0 } };
	uint32_t before[ENDPOINTS];
	int i, e, adr, port;

	(void)state;
	(void)go_to(&w, a, NULL);
	for (i = 0; i < 300; i++) {
		struct world next = changed_world(&w);

		for (e = 0; e < ENDPOINTS; e++) {
			next.there[e] = true;
			before[e] = epoch_of(a, e);
		}
		memset(next.node, 0, sizeof(next.node));
		(void)go_to(&next, a, NULL);
		for (e = 0; e < ENDPOINTS; e++) {
			bool loses = false;

			for (adr = 0; adr < ADDRS; adr++)
				for (port = 0; port < PEER_SETS; port++)
					loses |= truth(&w, e, adr, port) && !truth(&next, e, adr, port);
			if (loses)
				assert_true((int32_t)(epoch_of(a, e) - before[e]) > 0);
			else if (w.mask[e] == next.mask[e] && w.mask[e] == 0xff)
				assert_int_equal(epoch_of(a, e), before[e]);
		}
		w = next;
	}
	actual_free(a);
}

/* What only adds costs nobody a re-decision and needs no wait. */
static void test_additive_is_free(void **state)
{
	struct actual *a = actual_new(&small);
	struct world w = { .there = { true, true }, .mask = { 1, 2 }, .class = { 1, 0, 0, 0, 2, 0 } };
	struct plan *p;
	size_t i;

	(void)state;
	(void)go_to(&w, a, NULL);
	w.class[1] = 3;		/* a new peer */
	w.there[2] = true;	/* a new pod */
	w.mask[2] = 2;
	p = plan_to(&w, a);
	assert_true(p->steps.n > 0);
	assert_int_equal(p->losers, 0);
	for (i = 0; i < p->steps.n; i++)
		assert_int_not_equal(p->steps.v[i].kind, STEP_GRACE);
	plan_free(p);
	actual_free(a);
}

/* ---- full maps -------------------------------------------------------------------------------------- */

static void expect_full(struct actual_sizes size, const char *map)
{
	const struct world w = { .there = { true, true, true, true }, .mask = { 0x7f, 0x7e, 0x7d, 1 },
				 .class = { 0x7f, 0x7e, 0x7d, 0x7b, 1, 2 }, .wide = 0x60, .narrow = 0x20 };
	struct actual *a = actual_new(&size);
	struct tables *t = tables_of(&w);
	struct bh_err err = { "" };
	struct plan *p = NULL;

	assert_int_equal(delta_plan(t, a, &p, &err), -ENOSPC);
	assert_null(p);
	assert_non_null(strstr(err.msg, map));
	free_tables(t);
	actual_free(a);
}

static void test_full_maps(void **state)
{
	struct actual_sizes size = small;

	(void)state;
	size.addrs = 5;
	expect_full(size, "bh_addrs");
	size = small;
	size.cidrs = 1;
	expect_full(size, "bh_cidrs");
	size = small;
	size.rows = 10;
	expect_full(size, "bh_rows");
	size = small;
	size.ranges = 8;
	expect_full(size, "bh_ranges");
	size = small;
	size.classes = 7;
	expect_full(size, "bh_classes");
	size = small;
	size.ids = 6;
	expect_full(size, "bh_ids");
	size = small;
	size.rules = 1;
	expect_full(size, "bh_rules");
}

/* ---- identity of an interface ----------------------------------------------------------------------- */

/* The same ifindex with another address: the new slot is there before the old one goes. */
static void test_replaced_interface(void **state)
{
	struct actual *a = actual_new(&small);
	struct world w = { .there = { true }, .mask = { 1 }, .class = { 1 } };
	struct tables *t;
	struct plan *p = NULL;
	size_t i, born = 0, died = 0;

	(void)state;
	(void)go_to(&w, a, NULL);
	t = tables_of(&w);
	t->endpoints.v[0].mac[5] = 9;
	assert_int_equal(delta_plan(t, a, &p, NULL), 0);
	for (i = 0; i < p->steps.n; i++) {
		if (p->steps.v[i].kind == STEP_EP_NEW)
			born = i + 1;
		if (p->steps.v[i].kind == STEP_EP_DEL)
			died = i + 1;
	}
	assert_true(born && born < died);
	run_steps(a, p, p->steps.n, NULL);
	assert_int_equal(endpoint_in(a, 0)->mac[5], 9);
	plan_free(p);
	free_tables(t);
	actual_free(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_reader),	   cmocka_unit_test(test_stopped_anywhere),
		cmocka_unit_test(test_epochs),		   cmocka_unit_test(test_additive_is_free),
		cmocka_unit_test(test_full_maps),	   cmocka_unit_test(test_replaced_interface),
	};
	const char *given = getenv("BH_SEED");

	seed = given ? (unsigned int)atoi(given) : 1;
	return cmocka_run_group_tests_name("policy/delta", tests, NULL, NULL);
}
