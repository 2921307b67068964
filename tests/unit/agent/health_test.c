/* SPDX-License-Identifier: Apache-2.0 */
/* What doctor says of figures, and its advice. */
#include "health.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "util/scope.h"

static void advice_is_of_the_fullest_map(void **state)
{
	static const struct {
		uint64_t rows, pool;
		const char *fullest, *todo;
		enum health health;
	} t[] = {
		{ 10, 20, "bh_sess4", "agent.sessions", HEALTHY },
		{ 80, 20, "bh_rows", "A map is full", HEALTHY },
		{ 81, 20, "bh_rows", "A map is full", WARNING },
		{ 81, 95, "bh_sess4", "agent.sessions", WARNING },
		{ 81, 96, "bh_sess4", "agent.sessions", FAULT },
		{ 100, 99, "bh_rows", "A map is full", FAULT },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(t); i++) {
		const struct fill maps[] = { { "bh_ids", 0, 0 },
					     { "bh_rows", t[i].rows, 100 },
					     { "bh_sess4", t[i].pool, 100 } };
		const struct fill *fullest;
		const char *todo;

		assert_int_equal(health_of_fill(maps, ARRAY_SIZE(maps), &fullest, &todo), t[i].health);
		assert_string_equal(fullest->map, t[i].fullest);
		assert_non_null(strstr(todo, t[i].todo));
	}
}

static void what_is_long_ago_is_no_fault(void **state)
{
	const int64_t now_ms = 7200000;

	(void)state;
	assert_int_equal(health_of_last(0, 5000, FAULT), HEALTHY); /* never, and the node has just booted */
	assert_int_equal(health_of_last(now_ms, now_ms, FAULT), FAULT);
	assert_int_equal(health_of_last(now_ms - 599999, now_ms, WARNING), WARNING);
	assert_int_equal(health_of_last(now_ms - 600000, now_ms, FAULT), HEALTHY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(advice_is_of_the_fullest_map),
		cmocka_unit_test(what_is_long_ago_is_no_fault),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
