/* SPDX-License-Identifier: Apache-2.0 */
/* Which ids are given again, and when. */
#include "policy/ids.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "util/scope.h"

#define RULES 1000

static const struct actual_sizes size = {
	.classes = 8, .rows = 8, .ranges = 8, .rules = RULES, .ids = 2 * RULES
};

static uint32_t take(struct ids *ids, uint32_t kind, uint32_t n)
{
	const struct hash128 hash = { .b = { (uint8_t)n, (uint8_t)(n >> 8) } };
	uint32_t id;
	int r = ids_take(ids, kind, &hash, 0, &id);

	return r < 0 ? (uint32_t)r : id;
}

/* Nothing is in use, as after the last policy has gone. */
static uint32_t first_of(struct actual *a, uint32_t kind, uint32_t n)
{
	struct ids *ids = ids_new(a);
	uint32_t id;

	assert_non_null(ids);
	id = take(ids, kind, n);
	ids_free(ids);
	return id;
}

static void a_rule_that_comes_back(void **state)
{
	struct actual *a = actual_new(&size);

	(void)state;
	assert_int_equal(first_of(a, BH_ID_RULE, 77), first_of(a, BH_ID_RULE, 77));
	assert_int_not_equal(first_of(a, BH_ID_RULE, 77), first_of(a, BH_ID_RULE, 78));
	assert_int_equal(first_of(a, BH_ID_CLASS, 77), first_of(a, BH_ID_CLASS, 78));
	actual_free(a);
}

/* Whatever their hashes: each has one of its own, and never 0. */
static void all_rules_there_are(void **state)
{
	struct actual *a = actual_new(&size);
	struct ids *ids = ids_new(a);
	bool given[RULES] = { false };
	uint32_t i, id;

	(void)state;
	for (i = 0; i < RULES - 1; i++) {
		id = take(ids, BH_ID_RULE, i % 3 ? i : 5000 + RULES * i);
		assert_in_range(id, 1, RULES - 1);
		assert_false(given[id]);
		given[id] = true;
	}
	assert_int_equal((int32_t)take(ids, BH_ID_RULE, 1), -ENOSPC);
	ids_free(ids);
	actual_free(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_rule_that_comes_back),
		cmocka_unit_test(all_rules_there_are),
	};

	return cmocka_run_group_tests_name("policy/ids", tests, NULL, NULL);
}
