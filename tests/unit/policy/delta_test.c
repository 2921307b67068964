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

#include "worlds.h"

#define DIR	BH_INGRESS
#define READERS 2 /* that begin at one moment */

/* ---- the reader --------------------------------------------------------------------------------- */

static const struct actual_sizes small = {
	.addrs = 16,
	.cidrs = 8,
	.classes = 128,
	.rows = 512,
	.ranges = 512,
	.rules = 8,
	.ids = 256,
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
	const uint32_t ifindex = world_ifindex(e);
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
		if (ranges[i].first <= BH_PORT(6, 80 + 2 * port) &&
		    BH_PORT(6, 80 + 2 * port) <= ranges[i].last)
			return ranges[i].action == BH_ALLOW;
	return row->action == BH_ALLOW;
}

/* Takes the policy set from @x, the class from @y and the row from @z. */
static bool answer(const struct actual *x, const struct actual *y, const struct actual *z, int e, int a,
		   int port)
{
	const struct bh_endpoint *ep = endpoint_in(x, e);
	const struct addr addr = addr_of(a);
	uint32_t class;

	if (!ep || !ep->policy_set)
		return false;
	class = BH_CLASS_ID(actual_word(y, &addr, ep->policy_set & BH_SET_CIDR));
	return row_allows(z, actual_row(z, ep->policy_set, class, DIR), port);
}

/* An interface that goes sends nothing any more, so no step waits for it: it may see the world after until
 * it is gone. */
static bool goes_last(const struct world *before, const struct world *after, int e, int a, int port,
		      bool said)
{
	struct world w = *after;

	if (!before->there[e] || after->there[e])
		return false;
	w.there[e] = true;
	w.unknown[e] = before->unknown[e];
	w.mask[e] = before->mask[e];
	return truth(&w, e, a, port) == said;
}

static bool one_of(const struct world *const *worlds, size_t n, int e, int a, int port, bool said)
{
	size_t i, k;

	for (i = 0; i < n; i++) {
		if (truth(worlds[i], e, a, port) == said)
			return true;
		for (k = 0; k < i; k++)
			if (goes_last(worlds[k], worlds[i], e, a, port, said))
				return true;
	}
	return false;
}

/* Snapshots at, before and after each step; at[i] is the state before step i. */
struct film {
	struct actual *at[512];
	bool grace[512]; /* between at[i] and at[i + 1] lies a grace period */
	size_t n;
};

static void film_done(struct film *f)
{
	size_t i;

	for (i = 0; i < f->n; i++)
		actual_free(f->at[i]);
}

static void check_three(const struct film *f, size_t x, size_t y, size_t z, const struct world *const *worlds,
			size_t n)
{
	int e, a, port;

	for (e = 0; e < ENDPOINTS; e++)
		for (a = 0; a < ASKED; a++)
			for (port = 0; port < PEER_SETS; port++) {
				const bool said = answer(f->at[x], f->at[y], f->at[z], e, a, port);

				if (!one_of(worlds, n, e, a, port, said))
					fail_msg(
						"endpoint %d, address %d, port %d: %s; set read before step %zu, "
						"class %zu, row %zu",
						e, a, port, said ? "allowed" : "denied", x, y, z);
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
	assert_false(rows || locations); /* nor at the beginning of the next plan */
}

/* ---- running plans ------------------------------------------------------------------------------ */

static struct plan *plan_to(const struct world *w, const struct actual *a)
{
	struct tables *t = tables_of(w);
	struct plan *p = NULL;
	struct bh_err err = { "" };

	if (delta_plan(t, a, NULL, &p, &err) < 0)
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

/* The flag says what the row of no class says, neither more nor less: the programs ask only one of them. */
static void check_flags(const struct actual *a)
{
	size_t i;

	for (i = 0; i < a->rows.n; i++) {
		const struct actual_row *r = &a->rows.v[i];

		if (!r->dead && r->key.class == BH_CLASS_NONE)
			assert_int_equal(!!(r->key.policy_set & BH_SET_SHUT(r->key.dir)),
					 !r->row.n && !r->row.action && !r->row.rule);
	}
}

/* A number that is free is given to other content: what is still there under it would speak for that. */
static void check_names(const struct actual *a)
{
	size_t i;

	for (i = 0; i < a->rows.n; i++) {
		const struct bh_row_key *key = &a->rows.v[i].key;

		assert_non_null(actual_hash(a, BH_ID_SET, key->policy_set));
		if (key->class != BH_CLASS_NONE)
			assert_non_null(actual_hash(a, BH_ID_CLASS, key->class));
	}
}

static size_t go_to(const struct world *w, struct actual *a, struct film *f)
{
	size_t passes = 0;
	bool again;

	do {
		struct plan *p = plan_to(w, a);

		check_recycling(p);
		run_steps(a, p, p->steps.n, f);
		check_flags(a);
		check_names(a);
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
	assert_true(aliased > 5); /* the hardest case did occur */
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
				f.grace[f.n - 1] = true; /* a restart takes longer than any reader */
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
	struct world w = { .there = { true, true, true, true },
			   .mask = { 1, 2, 0xff, 3 },
			   .class = { 3, 1, 0, 0, 2, 0 } };
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

			for (adr = 0; adr < ASKED; adr++)
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
	w.class[1] = 3;	   /* a new peer */
	w.there[2] = true; /* a new pod */
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

/* Whether all of it has room in such maps; if not, nothing is written. */
static bool has_room(const struct actual_sizes *size, struct bh_err *err)
{
	const struct world w = { .there = { true, true, true, true },
				 .mask = { 0x7f, 0x7e, 0x7d, 1 },
				 .class = { 0x7f, 0x7e, 0x7d, 0x7b, 1, 2 },
				 .wide = 0x60,
				 .narrow = 0x20 };
	struct actual *a = actual_new(size);
	struct tables *t = tables_of(&w);
	struct plan *p = NULL;
	const int r = delta_plan(t, a, NULL, &p, err);

	assert_true(!r || (r == -ENOSPC && !p));
	plan_free(p);
	free_tables(t);
	actual_free(a);
	return !r;
}

/* To its last place, and not to the one behind: each map alone is filled, and the others have room. */
static void test_full_maps(void **state)
{
	struct actual_sizes size = small;
	const struct {
		const char *map;
		uint32_t *size, least; /* of the last one that has no room */
	} maps[] = {
		{ "bh_addrs", &size.addrs, 5 },	    { "bh_cidrs", &size.cidrs, 1 },
		{ "bh_rows", &size.rows, 10 },	    { "bh_ranges", &size.ranges, 8 },
		{ "bh_classes", &size.classes, 7 }, { "bh_ids", &size.ids, 6 },
		{ "bh_rules", &size.rules, 1 },
	};
	struct bh_err err = { "" };
	uint32_t full, fits;
	size_t i;

	(void)state;
	assert_true(has_room(&size, &err));
	for (i = 0; i < sizeof(maps) / sizeof(maps[0]); i++) {
		size = small;
		for (full = 0, fits = *maps[i].size; fits - full > 1;) {
			*maps[i].size = full + (fits - full) / 2;
			*(has_room(&size, &err) ? &fits : &full) = *maps[i].size;
		}
		*maps[i].size = full;
		assert_false(has_room(&size, &err));
		assert_non_null(strstr(err.msg, maps[i].map));
		assert_true(full >= maps[i].least);
		for (*maps[i].size = full + 1; *maps[i].size <= full + 3; ++*maps[i].size)
			assert_true(has_room(&size, &err));
		*maps[i].size = full - 1;
		assert_false(has_room(&size, &err));
	}
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
	assert_int_equal(delta_plan(t, a, NULL, &p, NULL), 0);
	for (i = 0; i < p->steps.n; i++) {
		if (p->steps.v[i].kind == STEP_EP_NEW)
			born = i + 1;
		if (p->steps.v[i].kind == STEP_EP_DEL)
			died = i + 1;
	}
	assert_true(born && born < died);
	run_steps(a, p, p->steps.n, NULL);
	assert_int_equal(endpoint_in(a, 0)->mac[5], 9);
	assert_int_equal(endpoint_in(a, 0)->epoch, endpoint_in(a, 0)->born + 1);
	plan_free(p);
	free_tables(t);
	actual_free(a);
}

/* Born with an epoch past its birth, for sessions of before that are to be decided afresh; that the grace of
 * one that was adopted ends changes one byte of it. */
static void test_adopted_interface(void **state)
{
	struct actual *a = actual_new(&small);
	struct world w = { .there = { true }, .mask = { 1 }, .class = { 1 } };
	struct tables *t = tables_of(&w);
	struct bh_endpoint young;
	struct plan *p = NULL;

	(void)state;
	t->endpoints.v[0].flags = BH_EP_ADOPTED;
	assert_int_equal(delta_plan(t, a, NULL, &p, NULL), 0);
	run_steps(a, p, p->steps.n, NULL);
	plan_free(p);
	young = *endpoint_in(a, 0);
	assert_int_equal(young.flags, BH_EP_ADOPTED);
	assert_int_equal(young.epoch, young.born + 1);
	assert_int_equal(a->epoch, young.epoch);

	t->endpoints.v[0].flags = 0;
	assert_int_equal(delta_plan(t, a, NULL, &p, NULL), 0);
	assert_int_equal(p->steps.n, 1);
	assert_int_equal(p->steps.v[0].kind, STEP_EP_FLAGS);
	run_steps(a, p, p->steps.n, NULL);
	plan_free(p);
	young.flags = 0;
	assert_memory_equal(endpoint_in(a, 0), &young, sizeof(young));
	free_tables(t);
	actual_free(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_reader),
		cmocka_unit_test(test_stopped_anywhere),
		cmocka_unit_test(test_epochs),
		cmocka_unit_test(test_additive_is_free),
		cmocka_unit_test(test_full_maps),
		cmocka_unit_test(test_replaced_interface),
		cmocka_unit_test(test_adopted_interface),
	};
	const char *given = getenv("BH_SEED");

	seed = given ? (unsigned int)atoi(given) : 1;
	return cmocka_run_group_tests_name("policy/delta", tests, NULL, NULL);
}
