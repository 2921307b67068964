/* SPDX-License-Identifier: Apache-2.0 */
/* What is in force here while policies change. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "status/applied.h"

struct given {
	struct model *m;
	struct applied a;
	uint64_t tables[POLICY_KINDS];
};

static int setup(void **state)
{
	struct given *g = calloc(1, sizeof(*g));

	g->m = model_new();
	*state = g;
	return 0;
}

static int teardown(void **state)
{
	struct given *g = *state;

	model_free(g->m);
	free(g);
	return 0;
}

static void put(struct given *g, const char *name, uint64_t generation)
{
	struct net_policy *p = net_policy_new(POLICY_NETWORK, "shop", name);

	p->uid = strdup(name);
	p->generation = generation;
	assert_int_equal(model_put_policy(g->m, p), 0);
}

/* Tables of the model as it is are made, and are in force. */
static void compile(struct given *g)
{
	size_t i;

	for (i = 0; i < POLICY_KINDS; i++)
		g->tables[i] = g->m->versions[i].seq;
}

static void follow(struct given *g, bool all)
{
	applied_follow(&g->a, g->m, g->tables, all);
}

static bool holds(const struct given *g, const char *name)
{
	return applied_holds(&g->a, model_policy(g->m, POLICY_NETWORK, "shop", name));
}

static void what_comes_is_not_in_force_yet(void **state)
{
	struct given *g = *state;

	put(g, "a", 1);
	follow(g, false);
	assert_false(holds(g, "a"));
	compile(g);
	put(g, "b", 1);
	follow(g, false);
	assert_true(holds(g, "a"));
	assert_false(holds(g, "b"));
	put(g, "a", 2);
	assert_false(holds(g, "a"));
}

/* No compile for what selects nobody here: it is as good as in force, and stays so. */
static void what_does_not_matter_is_in_force(void **state)
{
	struct given *g = *state;
	struct hash128 set;

	compile(g);
	put(g, "a", 1);
	follow(g, true);
	assert_true(holds(g, "a"));
	set = g->a.sets[POLICY_NETWORK];
	assert_memory_equal(&set, versions_now(&g->m->versions[POLICY_NETWORK]), sizeof(set));
	put(g, "b", 1);
	follow(g, false); /* it matters, and the tables of before "a" are in force still */
	assert_true(holds(g, "a"));
	assert_false(holds(g, "b"));
	assert_memory_equal(&set, &g->a.sets[POLICY_NETWORK], sizeof(set));
}

static void long_behind_is_behind(void **state)
{
	struct given *g = *state;
	uint64_t i;

	put(g, "a", 1);
	compile(g);
	for (i = 1; i <= VERSIONS_PAST; i++)
		put(g, "b", i);
	follow(g, false);
	assert_false(holds(g, "b"));
	compile(g);
	follow(g, false);
	assert_true(holds(g, "b"));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_comes_is_not_in_force_yet),
		TEST(what_does_not_matter_is_in_force),
		TEST(long_behind_is_behind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
