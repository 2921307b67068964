/* SPDX-License-Identifier: Apache-2.0 */
/* The log as fields, and what is left out where lines of one kind come too fast. Time is the test's own. */
#include "util/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../hear.h"

static uint64_t now_ns;

int clock_gettime(clockid_t id, struct timespec *ts)
{
	(void)id;
	ts->tv_sec = (time_t)(now_ns / 1000000000u);
	ts->tv_nsec = (long)(now_ns % 1000000000u);
	return 0;
}

static int setup(void **state)
{
	(void)state;
	log_format = LOG_TEXT;
	log_level = LOG_INFO;
	now_ns += 3600ull * 1000000000u; /* whatever was before is long ago */
	log_tick();
	log_stats = (struct log_stats){ 0 };
	hush();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	(void)hear();
	return 0;
}

static size_t lines(const char *text)
{
	size_t n = 0;

	for (; (text = strchr(text, '\n')); text++)
		n++;
	return n;
}

static void spam(size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		log_warn("pod %zu is noisy", i);
}

static void test_json(void **state)
{
	(void)state;
	log_format = LOG_JSON;
	log_warn("%s", "a \"b\\\n");
	assert_string_equal(hear() + strlen("{\"time\":\"1970-01-01T00:00:00"),
			    ".000Z\",\"level\":\"warn\",\"msg\":\"a \\\"b\\\\?\"}\n");
}

/* What a reader filters by; the text says it by itself. */
static void test_json_about(void **state)
{
	const struct log_about about = {
		.reason = "HookRestored", .kind = "Pod", .ns = "shop", .name = "a\"\n"
	};
	const struct log_about none = { .reason = "", .kind = "Node", .ns = "", .name = "n1" };

	(void)state;
	log_format = LOG_JSON;
	log_of(LOG_INFO, &about, "Pod is well");
	assert_non_null(strstr(hear(), "\"msg\":\"Pod is well\",\"reason\":\"HookRestored\","
				       "\"kind\":\"Pod\",\"namespace\":\"shop\",\"name\":\"a\\\"?\"}\n"));
	hush();
	log_of(LOG_INFO, &none, "up");
	assert_non_null(strstr(hear(), "\"msg\":\"up\",\"kind\":\"Node\",\"name\":\"n1\"}\n"));
	hush();
	log_format = LOG_TEXT;
	log_of(LOG_INFO, &about, "Pod is well");
	assert_non_null(strstr(hear(), "Z info Pod is well\n"));
}

/* The same fields; what is one word stands bare, and nothing that is said looks like a field. */
static void test_logfmt(void **state)
{
	const struct log_about about = {
		.reason = "HookRestored", .kind = "Pod", .ns = "shop", .name = "a\"\n"
	};

	(void)state;
	log_format = LOG_LOGFMT;
	log_of(LOG_WARN, &about, "level=%s \\", "error");
	assert_string_equal(hear() + strlen("time=1970-01-01T00:00:00"),
			    ".000Z level=warn msg=\"level=error \\\\\" reason=HookRestored kind=Pod "
			    "namespace=shop name=\"a\\\"?\"\n");
	hush();
	log_info("up");
	assert_non_null(strstr(hear(), "Z level=info msg=up\n"));
	hush();
	log_info("a=b");
	assert_non_null(strstr(hear(), "Z level=info msg=\"a=b\"\n"));
}

/* As long as any can be: a text and names of nothing but quotes. */
static void test_json_longest(void **state)
{
	char text[2048], want[64] = "";
	struct log_about about = { .reason = text, .kind = text, .ns = text, .name = text };

	(void)state;
	memset(text, '"', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	log_format = LOG_JSON;
	log_of(LOG_INFO, &about, "%.*s", 1023, text);
	(void)strcat(want, "\\\"\\\"\"}\n");
	assert_string_equal(hear() + strlen(said) - strlen(want), want);
	assert_int_equal(lines(said), 1);
}

static void test_burst_and_rate(void **state)
{
	(void)state;
	spam(LOG_BURST + 50); /* pods 0 to 249 */
	assert_int_equal(lines(hear()), LOG_BURST);
	assert_int_equal(log_stats.left_out, 50);
	hush();
	now_ns += 10 * LOG_EVERY_MS * 1000000ull;
	log_tick(); /* takes one of ten */
	spam(20);
	assert_int_equal(lines(hear()), 10);
	assert_non_null(strstr(said, "warn 50 lines of one kind were left out, for they came too fast; "
				     "the last: \"pod 249 is noisy\"\n"));
	assert_int_equal(log_stats.left_out, 61);
}

/* Another kind is not held up by it, and nothing is said of what nobody asked for. */
static void test_kinds_are_apart(void **state)
{
	(void)state;
	spam(2 * LOG_BURST);
	hush();
	log_error("another");
	log_debug("too fine");
	assert_non_null(strstr(hear(), " error another\n"));
	assert_int_equal(lines(said), 1);
	assert_int_equal(log_stats.lines[LOG_ERROR], 1);
	assert_int_equal(log_stats.lines[LOG_DEBUG], 0);
}

static void test_told_once(void **state)
{
	(void)state;
	spam(LOG_BURST + 1);
	hush();
	log_tick(); /* no room yet */
	assert_int_equal(lines(hear()), 0);
	hush();
	now_ns += 60000000000ull;
	log_tick();
	log_tick();
	assert_int_equal(lines(hear()), 1);
	now_ns += 60000000000ull;
	spam(LOG_BURST + 3);
	hush();
	now_ns += 60000000000ull;
	log_tick();
	assert_non_null(strstr(hear(), "warn 3 lines of one kind"));
}

/* What no tick told of any more. */
static void test_end(void **state)
{
	(void)state;
	spam(LOG_BURST + 7);
	hush();
	log_end();
	log_end();
	assert_int_equal(lines(hear()), 1);
	assert_non_null(strstr(said, "warn 7 lines of one kind were left out"));
	hush();
	now_ns += 60000000000ull;
	log_tick();
	assert_int_equal(lines(hear()), 0);
}

/* The last of them may be long, and hold what would spoil a line. */
static void test_left_out_is_clean(void **state)
{
	char text[LOG_BURST + 512];
	size_t i;

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[0] = '\n';
	text[1] = '"';
	text[sizeof(text) - 1] = '\0';
	log_format = LOG_JSON;
	for (i = 0; i < LOG_BURST + 1; i++)
		log_warn("%s", text);
	hush();
	log_end();
	assert_non_null(strstr(hear(), "the last: \\\"?\\\"xxx"));
	assert_non_null(strstr(said, "xxx...\\\"\"}\n"));
	assert_int_equal(lines(said), 1);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(json),
		T(json_about),
		T(logfmt),
		T(json_longest),
		T(burst_and_rate),
		T(kinds_are_apart),
		T(told_once),
		T(end),
		T(left_out_is_clean),
	};

	return cmocka_run_group_tests_name("util/log", tests, NULL, NULL);
}
