/* SPDX-License-Identifier: Apache-2.0 */
/* The emergency switch's file: that it is there decides, whatever it holds. */
#include "api/api.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char dir[64], path[96];

static int setup(void **state)
{
	(void)state;
	(void)snprintf(dir, sizeof(dir), "/tmp/bh-open-%d", (int)getpid());
	(void)snprintf(path, sizeof(path), "%s/" API_OPEN, dir);
	return mkdir(dir, 0700);
}

static int teardown(void **state)
{
	(void)state;
	(void)unlink(path);
	return rmdir(dir);
}

static void there_and_back(void **state)
{
	const struct api_open o = { .since = 1769860800, .by = "root", .reason = "DNS \"down\"" };
	char text[API_OPEN_TEXT];
	struct api_open got;
	struct bh_err err;
	struct stat st;

	(void)state;
	assert_int_equal(api_open_read(dir, &got, &err), 0);
	assert_int_equal(api_open_remove(dir, &err), 0);
	assert_int_equal(api_open_write(dir, &o, &err), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(api_open_read(dir, &got, &err), 1);
	assert_int_equal(got.since, o.since);
	assert_string_equal(api_open_text(&got, text), "since 2026-01-31T12:00:00Z, by root: DNS \"down\"");
	assert_int_equal(api_open_remove(dir, &err), 1);
	assert_int_equal(api_open_read(dir, &got, &err), 0);
}

static void whatever_it_holds(void **state)
{
	static const char *const texts[] = { "", "[]", "{", "null",
					     "{\"since\":\"x\",\"by\":1,\"reason\":{}}" };
	struct api_open got;
	struct bh_err err;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		FILE *f = fopen(path, "w");

		assert_non_null(f);
		(void)fputs(texts[i], f);
		(void)fclose(f);
		assert_int_equal(api_open_read(dir, &got, &err), 1);
		assert_string_equal(got.by, "");
		assert_string_equal(got.reason, "");
	}
}

static void no_line_is_forged(void **state)
{
	const struct api_open o = { .by = "x", .reason = "a\nb" };
	struct api_open got;
	struct bh_err err;

	(void)state;
	assert_int_equal(api_open_write(dir, &o, &err), 0);
	assert_int_equal(api_open_read(dir, &got, &err), 1);
	assert_string_equal(got.reason, "a?b");
}

static void without_a_directory(void **state)
{
	const struct api_open o = { .since = 1 };
	struct api_open got;
	struct bh_err err;

	(void)state;
	assert_int_equal(api_open_read("/nowhere", &got, &err), 0);
	assert_int_equal(api_open_remove("/nowhere", &err), 0);
	assert_int_equal(api_open_write("/nowhere", &o, &err), -ENOENT);
	assert_non_null(strstr(err.msg, "/nowhere"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = { TEST(there_and_back), TEST(whatever_it_holds),
					    TEST(no_line_is_forged), TEST(without_a_directory) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
