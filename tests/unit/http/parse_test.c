/* SPDX-License-Identifier: Apache-2.0 */
/* What is a request, what is none, and where it ends; and addresses as people write them. */
#include "http/web.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/scope.h"

#define H "Host: n\r\n"

static const struct {
	const char *text;
	int want; /* all of it, if 1 */
	const char *path, *query;
	bool head, close;
} rows[] = {
	{ "GET /metrics HTTP/1.1\r\n" H "\r\n", 1, "/metrics", "", false, false },
	{ "HEAD /metrics HTTP/1.1\r\n" H "\r\n", 1, "/metrics", "", true, false },
	{ "\r\n\nGET / HTTP/1.1\n" H "\n", 1, "/", "", false, false },
	{ "GET /a?b=c?d HTTP/1.1\r\n" H "\r\n", 1, "/a", "b=c?d", false, false },
	{ "GET http://n:1/a?b HTTP/1.1\r\n" H "\r\n", 1, "/a", "b", false, false },
	{ "GET HTTP://n HTTP/1.1\r\n" H "\r\n", 1, "/", "", false, false },
	{ "GET / HTTP/1.1\r\n" H "connection: x, Close\r\n\r\n", 1, "/", "", false, true },
	{ "GET / HTTP/1.1\r\n" H "Connection: closed\r\n\r\n", 1, "/", "", false, false },
	{ "GET / HTTP/1.0\r\n\r\n", 1, "/", "", false, true },
	{ "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", 1, "/", "", false, false },
	{ "GET / HTTP/1.1\r\n" H "Content-Length: 0\r\n\r\n", 1, "/", "", false, false },
	/* not whole */
	{ "", 0, NULL, NULL, false, false },
	{ "\r\n\r\n", 0, NULL, NULL, false, false },
	{ "GET / HTTP/1.1\r\n" H, 0, NULL, NULL, false, false },
	{ "GET / HTTP/1.1\r\n" H "\r", 0, NULL, NULL, false, false },
	/* wrong */
	{ "POST / HTTP/1.1\r\n" H "\r\n", -405, NULL, NULL, false, false },
	{ "get / HTTP/1.1\r\n" H "\r\n", -405, NULL, NULL, false, false },
	{ "GET / HTTP/1.1\r\n\r\n", -400, NULL, NULL, false, false },
	{ "GET / HTTP/1.1\r\n" H H "\r\n", -400, NULL, NULL, false, false },
	{ "GET / HTTP/1.1\r\n" H "Origin: a\r\nOrigin: b\r\n\r\n", -400, NULL, NULL, false, false },
	{ "GET / HTTP/1.1\r\n" H "Content-Length: 1\r\n\r\n", -400, NULL, NULL, false, false },
	{ "GET / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n", -501, NULL, NULL, false, false },
	{ "GET / HTTP/2.0\r\n" H "\r\n", -505, NULL, NULL, false, false },
	{ "GET / HTTP\r\n" H "\r\n", -400, NULL, NULL, false, false },
	{ "GET /\r\n\r\n", -400, NULL, NULL, false, false },
	{ "GET  / HTTP/1.1\r\n" H "\r\n", -400, NULL, NULL, false, false },
	{ "GET * HTTP/1.1\r\n" H "\r\n", -400, NULL, NULL, false, false },
	{ "GET /\x01 HTTP/1.1\r\n" H "\r\n", -400, NULL, NULL, false, false },
	{ "GET / HTTP/1.1\r\n" H " folded\r\n\r\n", -400, NULL, NULL, false, false },
	{ "GET / HTTP/1.1\r\n" H "Name : x\r\n\r\n", -400, NULL, NULL, false, false },
	{ "GET / HTTP/1.1\r\n" H "nothing\r\n\r\n", -400, NULL, NULL, false, false },
	{ "\x16\x03\x01\r\n\r\n", -400, NULL, NULL, false, false },
};

static void test_rows(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		const size_t len = strlen(rows[i].text);
		auto_free char *text = strdup(rows[i].text);
		struct web_request r = { 0 };
		const int n = web_parse(text, len, 0, &r);

		if (n != (rows[i].want == 1 ? (int)len : rows[i].want))
			fail_msg("%s: %d", rows[i].text, n);
		if (rows[i].want != 1)
			continue;
		assert_string_equal(r.path, rows[i].path);
		assert_string_equal(r.query, rows[i].query);
		assert_int_equal(r.head, rows[i].head);
		assert_int_equal(r.close, rows[i].close);
	}
}

/* Where there is room for bodies; what is behind one is the next request. */
static void test_bodies(void **state)
{
	static const struct {
		const char *text;
		int want; /* all but the last byte, if 1 */
		const char *body;
	} bodies[] = {
		{ "POST /a HTTP/1.1\r\n" H "Content-Length: 3\r\n\r\nabcG", 1, "abc" },
		{ "POST /a HTTP/1.1\r\n" H "content-length:\t8 \r\n\r\n\r\n\r\nGET G", 1, "\r\n\r\nGET " },
		{ "POST /a HTTP/1.1\r\n" H "Content-Length: 0\r\n\r\nG", 1, "" },
		{ "POST /a HTTP/1.1\r\n" H "Content-Length: 3\r\n\r\nab", 0, NULL },
		{ "POST /a HTTP/1.1\r\n" H "Content-Length: 9\r\n\r\n123456789", -413, NULL },
		{ "POST /a HTTP/1.1\r\n" H "Content-Length: 99999999999999999999\r\n\r\n", -413, NULL },
		{ "POST /a HTTP/1.1\r\n" H "\r\nabc", -411, NULL },
		{ "POST /a HTTP/1.1\r\n" H "Content-Length: 3x\r\n\r\nabc", -400, NULL },
		{ "POST /a HTTP/1.1\r\n" H "Content-Length: 0\r\nContent-Length: 3\r\n\r\nabc", -400, NULL },
		{ "POST /a HTTP/1.1\r\n" H "Content-Length : 3\r\n\r\nabc", -411, NULL },
		{ "POST /a HTTP/1.1\r\n" H "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\nabc", -501,
		  NULL },
		{ "GET /a HTTP/1.1\r\n" H "Content-Length: 3\r\n\r\nabc", -400, NULL },
		{ "PUT /a HTTP/1.1\r\n" H "Content-Length: 0\r\n\r\n", -405, NULL },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(bodies); i++) {
		const size_t len = strlen(bodies[i].text);
		auto_free char *text = strdup(bodies[i].text);
		struct web_request r = { 0 };
		const int n = web_parse(text, len, 8, &r);

		if (n != (bodies[i].want == 1 ? (int)len - 1 : bodies[i].want))
			fail_msg("%s: %d", bodies[i].text, n);
		if (n <= 0)
			continue;
		assert_true(r.post);
		assert_int_equal(r.body_len, strlen(bodies[i].body));
		assert_memory_equal(r.body, bodies[i].body, r.body_len);
	}
}

static void test_second_is_left(void **state)
{
	char text[] = "GET /a HTTP/1.1\r\n" H "\r\nGET /b HTTP/1.1\r\n" H "\r\n";
	const size_t one = (sizeof(text) - 1) / 2;
	struct web_request r;

	(void)state;
	assert_int_equal(web_parse(text, sizeof(text) - 1, 0, &r), one);
	assert_string_equal(r.path, "/a");
	assert_int_equal(web_parse(text + one, one, 0, &r), one);
	assert_string_equal(r.path, "/b");
}

static void test_nul_is_refused(void **state)
{
	char line[] = "GET /a HTTP/1.1\0b\r\n" H "\r\n", field[] = "GET / HTTP/1.1\r\nHost: \0n\r\n\r\n";
	struct web_request r;

	(void)state;
	assert_int_equal(web_parse(line, sizeof(line) - 1, 0, &r), -400);
	assert_int_equal(web_parse(field, sizeof(field) - 1, 0, &r), -400);
}

static void test_longest(void **state)
{
	auto_free char *text = malloc(2 * WEB_HEAD_MAX);
	struct web_request r;
	int n;

	(void)state;
	n = sprintf(text, "GET / HTTP/1.1\r\n" H "A: ");
	memset(text + n, 'a', WEB_HEAD_MAX);
	assert_int_equal(web_parse(text, WEB_HEAD_MAX - 1, 0, &r), 0);
	assert_int_equal(web_parse(text, WEB_HEAD_MAX, 0, &r), -431);
	memcpy(text + WEB_HEAD_MAX - 4, "\r\n\r\n", 4);
	assert_int_equal(web_parse(text, WEB_HEAD_MAX, 0, &r), WEB_HEAD_MAX);
	memcpy(text + WEB_HEAD_MAX - 4, "aaaaa\r\n\r\n", 9);
	assert_int_equal(web_parse(text, WEB_HEAD_MAX + 5, 0, &r), -431);
	n = sprintf(text, "GET /");
	memset(text + n, 'a', 3000);
	(void)strcpy(text + n + 3000, " HTTP/1.1\r\n" H "\r\n");
	assert_int_equal(web_parse(text, strlen(text), 0, &r), -414);
}

static void test_addresses(void **state)
{
	static const struct {
		const char *text, *is; /* NULL: refused */
	} addresses[] = {
		{ "127.0.0.1:80", "127.0.0.1:80" },
		{ "0.0.0.0:65535", "0.0.0.0:65535" },
		{ "[::1]:80", "[::1]:80" },
		{ "fd00::1:80", "[fd00::1]:80" },
		{ "[::]:17970", "[::]:17970" },
		{ "127.0.0.1", NULL },
		{ "127.0.0.1:", NULL },
		{ "127.0.0.1:0", NULL },
		{ "127.0.0.1:65536", NULL },
		{ "127.0.0.1:+80", NULL },
		{ "127.0.0.1:8x", NULL },
		{ ":80", NULL },
		{ "localhost:80", NULL },
		{ "[127.0.0.1]x:80", NULL },
		{ "1234:1234:1234:1234:1234:1234:1234:1234:1234:1234:80", NULL },
	};
	char text[WEB_ADDRESS_TEXT];
	struct sockaddr_storage addr;
	struct bh_err err;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(addresses); i++) {
		const int r = web_address(addresses[i].text, &addr, &err);

		if (!addresses[i].is != (r < 0))
			fail_msg("%s: %d", addresses[i].text, r);
		if (!r)
			assert_string_equal(web_address_text(&addr, text), addresses[i].is);
		else
			assert_non_null(strstr(err.msg, addresses[i].text));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),	       cmocka_unit_test(test_second_is_left),
		cmocka_unit_test(test_nul_is_refused), cmocka_unit_test(test_longest),
		cmocka_unit_test(test_addresses),      cmocka_unit_test(test_bodies),
	};

	return cmocka_run_group_tests_name("http/parse", tests, NULL, NULL);
}
