/* SPDX-License-Identifier: Apache-2.0 */
/* --session-timeout: what is taken, and what is refused by name. */
#include "timeouts.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void of_the_kernel(void **state)
{
	(void)state;
	assert_int_equal(timeouts_default.seconds[BH_LIFE_TCP_ESTABLISHED], 432000);
	assert_int_equal(timeouts_default.seconds[BH_LIFE_UDP], 30);
	assert_string_equal(timeouts_name(BH_LIFE_TCP_TIME_WAIT), "tcp_time_wait");
}

static void one_is_set(void **state)
{
	struct timeouts t = timeouts_default;
	struct bh_err err = { "" };

	(void)state;
	assert_int_equal(timeouts_read("udp=7", &t, &err), 0);
	assert_int_equal(timeouts_read("tcp_established=1000000", &t, &err), 0);
	assert_int_equal(t.seconds[BH_LIFE_UDP], 7);
	assert_int_equal(t.seconds[BH_LIFE_TCP_ESTABLISHED], 1000000);
	assert_int_equal(t.seconds[BH_LIFE_UDP_STREAM], timeouts_default.seconds[BH_LIFE_UDP_STREAM]);
}

static void bad_ones_are_refused_by_name(void **state)
{
	static const char *const bad[][2] = {
		{ "udp", "'udp'" },
		{ "", "''" },
		{ "=5", "no time-out ''" },
		{ "ud=5", "no time-out 'ud'" },
		{ "udp_=5", "no time-out 'udp_'" },
		{ "UDP=5", "no time-out 'UDP'" },
		{ "udpx=5", "udp_stream" }, /* what there is */
		{ "udp=", "'udp='" },
		{ "udp=0", "'udp=0'" },
		{ "udp=-5", "'udp=-5'" },
		{ "udp= 5", "'udp= 5'" },
		{ "udp=5s", "'udp=5s'" },
		{ "udp=1000001", "from 1 to 1000000" },
		{ "udp=99999999999999999999999", "from 1 to 1000000" },
	};
	struct timeouts t = timeouts_default;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct bh_err err = { "" };

		assert_int_equal(timeouts_read(bad[i][0], &t, &err), -EINVAL);
		assert_non_null(strstr(err.msg, "--session-timeout"));
		if (!strstr(err.msg, bad[i][1]))
			fail_msg("'%s': %s", bad[i][0], err.msg);
	}
	assert_memory_equal(&t, &timeouts_default, sizeof(t));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(of_the_kernel),
		cmocka_unit_test(one_is_set),
		cmocka_unit_test(bad_ones_are_refused_by_name),
	};

	return cmocka_run_group_tests_name("timeouts", tests, NULL, NULL);
}
