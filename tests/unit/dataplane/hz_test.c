/* SPDX-License-Identifier: Apache-2.0 */
/* Jiffies read by somebody who has to wait for a CPU now and then: slow is no harm, wrong is. */
#include "dataplane/hz.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "util/scope.h"

static const unsigned int usual[] = { 100, 250, 300, 1000 };

/* A clock of @hz that began at @offset_ns of a tick, read until it is known. @wait: what comes between two
 * steps, at random up to that. */
static unsigned int measured(unsigned int hz, uint64_t offset_ns, uint64_t wait_ns)
{
	struct hz_watch w = { 0 };
	uint64_t now_ns = 5000000000 + offset_ns;
	unsigned int ret = 0;
	int i;

	for (i = 0; i < 100000 && !ret; i++) {
		uint64_t before_ns = now_ns;
		uint32_t jiffies;

		now_ns += 20000 + (uint64_t)(rand() % 10 ? 0 : rand()) % (wait_ns + 1);
		jiffies = (uint32_t)(now_ns * hz / 1000000000) - 10; /* past the wrap */
		now_ns += 20000 + (uint64_t)(rand() % 10 ? 0 : rand()) % (wait_ns + 1);
		ret = hz_look(&w, jiffies, before_ns, now_ns);
		now_ns += 100000 + (uint64_t)(rand() % 10 ? 0 : rand()) % (wait_ns + 1);
	}
	return ret;
}

static void each_is_met(void **state)
{
	static const uint64_t waits_ns[] = { 0, 1000000, 5000000, 50000000 };
	size_t i, k, n;

	(void)state;
	srand(1);
	for (i = 0; i < ARRAY_SIZE(usual); i++)
		for (k = 0; k < ARRAY_SIZE(waits_ns); k++)
			for (n = 0; n < 200; n++)
				assert_int_equal(measured(usual[i], (uint64_t)rand() % 10000000, waits_ns[k]),
						 usual[i]);
}

/* The kernel saw the first tick late, as on a machine that had no time for it. */
static void a_late_tick(void **state)
{
	struct hz_watch w = { 0 };
	unsigned int ret = 0;
	uint64_t ns;

	(void)state;
	for (ns = 0; !ret; ns += 100000) {
		uint32_t jiffies = (uint32_t)(ns / 4000000);

		if (jiffies == 1 && ns < 7900000)
			jiffies = 0;
		ret = hz_look(&w, jiffies, ns, ns + 10000);
	}
	assert_int_equal(ret, 250);
}

static void a_clock_that_stands_still(void **state)
{
	struct hz_watch w = { 0 };
	uint64_t ns;

	(void)state;
	for (ns = 0; ns < 1000000000; ns += 100000)
		assert_int_equal(hz_look(&w, 7, ns, ns + 10000), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_is_met),
		cmocka_unit_test(a_late_tick),
		cmocka_unit_test(a_clock_that_stands_still),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
