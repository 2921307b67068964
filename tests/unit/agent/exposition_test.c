/* SPDX-License-Identifier: Apache-2.0 */
/* The text format by the letter: escapes, labels, buckets, families without samples, a buffer that is full.
 */
#include "exposition.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

static void test_samples(void **state)
{
	auto_buf struct buf b = BUF_INIT(4096);
	struct exposition x = { .out = &b };

	(void)state;
	expo_begin(&x, "a_total", METRIC_COUNTER, "Of \\ and\nlines \"quoted\".");
	expo_add(&x, UINT64_MAX, NULL);
	expo_add(&x, 0, "l", "plain", "m", "q\"b\\n\n\\", NULL);
	expo_end(&x);
	expo_begin(&x, "b", METRIC_GAUGE, "B.");
	expo_add_real(&x, 0.25, "l", "", NULL);
	expo_end(&x);
	assert_int_equal(x.r, 0);
	assert_string_equal(b.data, "# HELP a_total Of \\\\ and\\nlines \"quoted\".\n"
				    "# TYPE a_total counter\n"
				    "a_total 18446744073709551615\n"
				    "a_total{l=\"plain\",m=\"q\\\"b\\\\n\\n\\\\\"} 0\n"
				    "# HELP b B.\n# TYPE b gauge\n"
				    "b{l=\"\"} 0.25\n");
}

static void test_no_samples_no_family(void **state)
{
	auto_buf struct buf b = BUF_INIT(4096);
	struct exposition x = { .out = &b };

	(void)state;
	expo_begin(&x, "a", METRIC_GAUGE, "A.");
	expo_end(&x);
	expo_begin(&x, "b", METRIC_GAUGE, "B.");
	expo_add(&x, 1, NULL);
	expo_end(&x);
	assert_string_equal(b.data, "# HELP b B.\n# TYPE b gauge\nb 1\n");
}

static void test_histogram(void **state)
{
	auto_buf struct buf b = BUF_INIT(4096);
	struct exposition x = { .out = &b };
	struct histogram h = { 0 };

	(void)state;
	histogram_observe(&h, 1000000); /* a bound: below it */
	histogram_observe(&h, 1000001);
	histogram_observe(&h, 200000000);
	histogram_observe(&h, 61000000000);
	expo_begin(&x, "h_seconds", METRIC_HISTOGRAM, "H.");
	expo_add_histogram(&x, &h, "cause", "x");
	expo_add_histogram(&x, &h, NULL, NULL);
	expo_end(&x);
	assert_non_null(strstr(b.data, "\nh_seconds_bucket{cause=\"x\",le=\"0.001\"} 1\n"));
	assert_non_null(strstr(b.data, "\nh_seconds_bucket{cause=\"x\",le=\"0.0025\"} 2\n"));
	assert_non_null(strstr(b.data, "\nh_seconds_bucket{cause=\"x\",le=\"0.1\"} 2\n"));
	assert_non_null(strstr(b.data, "\nh_seconds_bucket{cause=\"x\",le=\"0.25\"} 3\n"));
	assert_non_null(strstr(b.data, "\nh_seconds_bucket{cause=\"x\",le=\"60\"} 3\n"));
	assert_non_null(strstr(b.data, "\nh_seconds_bucket{cause=\"x\",le=\"+Inf\"} 4\n"));
	assert_non_null(strstr(b.data, "\nh_seconds_sum{cause=\"x\"} 61.202\n"));
	assert_non_null(strstr(b.data, "\nh_seconds_count{cause=\"x\"} 4\n"));
	assert_non_null(strstr(b.data, "\nh_seconds_bucket{le=\"+Inf\"} 4\n"));
	assert_non_null(strstr(b.data, "\nh_seconds_count 4\n"));
}

static void test_full(void **state)
{
	auto_buf struct buf b = BUF_INIT(40);
	struct exposition x = { .out = &b };

	(void)state;
	expo_begin(&x, "a", METRIC_GAUGE, "A.");
	expo_add(&x, 1, "label", "so long that it does not fit", NULL);
	assert_int_equal(x.r, -E2BIG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_samples),
		cmocka_unit_test(test_no_samples_no_family),
		cmocka_unit_test(test_histogram),
		cmocka_unit_test(test_full),
	};

	return cmocka_run_group_tests_name("agent/exposition", tests, NULL, NULL);
}
