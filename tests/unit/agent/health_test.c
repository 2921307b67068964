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

static void one_way_alone_is_told(void **state)
{
	struct bh_ep_stat out = { .hot[BH_EGRESS] = { 98, 9800 } }, in = { .hot[BH_INGRESS] = { 98, 9800 } };
	struct bh_ep_stat s;

	(void)state;
	out.packets[BH_POLICY][BH_EGRESS] = in.packets[BH_POLICY][BH_INGRESS] = 1;
	out.packets[BH_HOST][BH_EGRESS] = in.packets[BH_HOST][BH_INGRESS] = 1;
	assert_int_equal(health_of_ways(&out), BOTH_WAYS); /* 100: may be chance */
	assert_int_equal(health_of_ways(&in), BOTH_WAYS);
	out.hot[BH_EGRESS].packets++;
	in.hot[BH_INGRESS].packets++;
	assert_int_equal(health_of_ways(&out), NOTHING_IN);
	assert_int_equal(health_of_ways(&in), NOTHING_OUT);
	s = out;
	s.packets[BH_NEIGHBOUR][BH_INGRESS] = 1;
	assert_int_equal(health_of_ways(&s), BOTH_WAYS);
	s = in;
	s.packets[BH_DENIED][BH_EGRESS] = 1;
	assert_int_equal(health_of_ways(&s), BOTH_WAYS);
	s = in;
	s.hot[BH_EGRESS].packets = 1;
	assert_int_equal(health_of_ways(&s), BOTH_WAYS);
}

static void nobody_answers_what_is_dropped(void **state)
{
	static const enum bh_reason reasons[] = { BH_DENIED, BH_NEIGHBOUR, BH_MULTICAST, BH_OPEN };
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(reasons); i++) {
		struct bh_ep_stat s = { 0 };

		s.packets[reasons[i]][BH_EGRESS] = 1000000;
		assert_int_equal(health_of_ways(&s), BOTH_WAYS);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(advice_is_of_the_fullest_map),
		cmocka_unit_test(what_is_long_ago_is_no_fault),
		cmocka_unit_test(one_way_alone_is_told),
		cmocka_unit_test(nobody_answers_what_is_dropped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
