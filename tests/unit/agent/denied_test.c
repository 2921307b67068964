/* SPDX-License-Identifier: Apache-2.0 */
/* How many Events about denied flows may go: never more than is said in denied.h, whatever happens. */
#include "denied.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "util/scope.h"

#define S 1000000000ull

static struct hash128 name(uint64_t n)
{
	return hash128_of(&n, sizeof(n));
}

static bool ask(struct denied_pace *p, uint64_t pod, uint64_t what, uint64_t now_ns)
{
	const struct hash128 a = name(pod), b = name(1000000 + what);

	return denied_passes(p, &a, &b, now_ns);
}

/* The same again costs nothing and always goes: the server counts it. */
static void test_same(void **state)
{
	struct denied_pace p = { 0 };
	uint64_t i;

	(void)state;
	for (i = 0; i < 1000; i++)
		assert_true(ask(&p, 1, 1, 1000 * S + i));
	assert_int_equal(p.passed, 1);
	assert_int_equal(p.again, 999);
	assert_true(ask(&p, 1, 1, 1000 * S + DENIED_SAME_NS)); /* anew */
	assert_int_equal(p.passed, 2);
}

static void test_pod(void **state)
{
	struct denied_pace p = { 0 };
	uint64_t i, passed = 0;

	(void)state;
	for (i = 0; i < 100; i++)
		passed += ask(&p, 1, i, 1000 * S);
	assert_int_equal(passed, DENIED_POD_MAX);
	assert_true(ask(&p, 2, 7, 1000 * S)); /* another pod has its own share */
	assert_int_equal(p.left_out, 100 - DENIED_POD_MAX);
}

/* A scan over a thousand pods for an hour, thousands of flows a minute. */
static void test_node(void **state)
{
	struct denied_pace p = { 0 };
	uint64_t i, s;

	(void)state;
	for (s = 0; s < 3600; s += 10)
		for (i = 0; i < 200; i++)
			(void)ask(&p, s * 200 + i, s * 200 + i, (1000 + s) * S);
	assert_in_range(p.passed, DENIED_BURST + 3600 / 30 - 2, DENIED_BURST + 3600 / 30);
	assert_int_equal(p.passed + p.left_out, 360 * 200);
}

/* What is remembered has room for all that goes within the time that it is. */
static void test_room(void **state)
{
	(void)state;
	assert_true(DENIED_BURST + DENIED_SAME_NS / DENIED_EVERY_NS < DENIED_TOLD);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_same),
		cmocka_unit_test(test_pod),
		cmocka_unit_test(test_node),
		cmocka_unit_test(test_room),
	};

	return cmocka_run_group_tests_name("agent/denied", tests, NULL, NULL);
}
