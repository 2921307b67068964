/* SPDX-License-Identifier: Apache-2.0 */
#include "util/date.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void dates(void **state)
{
	char text[DATE_TEXT];

	(void)state;
	assert_string_equal(date_text(1769860800, 0, 0, text), "2026-01-31T12:00:00Z");
	assert_string_equal(date_text(1769860800, 7654321, 3, text), "2026-01-31T12:00:00.007Z");
	assert_string_equal(date_text(1769860800, 7654321, 6, text), "2026-01-31T12:00:00.007654Z");
	assert_string_equal(date_text(0, 0, 0, text), "1970-01-01T00:00:00Z");
	assert_string_equal(date_text(INT64_MAX, 0, 0, text), ""); /* no year of an int */
	assert_int_equal(strlen(date_now(6, text)), strlen("2026-01-31T12:00:00.007654Z"));
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(dates) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
