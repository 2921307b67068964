/* SPDX-License-Identifier: Apache-2.0 */
/* Who may ask for the picture, what a query says, and that every file of the page is there. */
#include "ctl/ui.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "util/scope.h"

static void test_trusts(void **state)
{
	static const struct {
		const char *host, *origin;
		bool ok;
	} rows[] = {
		{ "127.0.0.1:8080", "", true },
		{ "localhost:8080", "", true },
		{ "[::1]:8080", "", true },
		{ "192.0.2.1:8080", "", true }, /* a number that nobody can point elsewhere */
		{ "127.0.0.1:8080", "http://127.0.0.1:8080", true },
		{ "", "", false },
		{ "attacker.example:8080", "", false }, /* a name that resolves to us */
		{ "localhost.attacker.example:8080", "", false },
		{ "127.0.0.1.attacker.example:8080", "", false },
		{ "127.0.0.1:8080", "http://attacker.example", false },
		{ "127.0.0.1:8080", "http://127.0.0.1:9090", false },
		{ "127.0.0.1:8080", "http://127.0.0.1:80801", false },
		{ "127.0.0.1:8080", "https://127.0.0.1:8080", false },
		{ "127.0.0.1:8080", "null", false },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct web_request r = { .host = rows[i].host, .origin = rows[i].origin };

		if (ui_trusts(&r) != rows[i].ok)
			fail_msg("Host: %s, Origin: %s", rows[i].host, rows[i].origin);
	}
}

static void test_query(void **state)
{
	static const struct {
		const char *query, *is; /* NULL: refused */
	} rows[] = {
		{ "a=1&pod=shop%2Fweb&b=2", "shop/web" },
		{ "pod=a+b%20c", "a b c" },
		{ "pod=%c3%A4", "\xc3\xa4" },
		{ "pod=", "" },
		{ "pods=1", NULL },
		{ "xpod=1", NULL },
		{ "pod", NULL },
		{ "", NULL },
		{ "pod=%", NULL },
		{ "pod=%2", NULL },
		{ "pod=%2g", NULL },
		{ "pod=%00", NULL },
		{ "pod=%0A", NULL },
		{ "pod=1234567890123456", NULL }, /* no room */
		{ "pod=123456789012345", "123456789012345" },
	};
	char value[16];
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		const bool ok = ui_query(rows[i].query, "pod", value, sizeof(value));

		if (ok != (rows[i].is != NULL) || (ok && strcmp(value, rows[i].is)))
			fail_msg("%s", rows[i].query);
	}
}

/* What one names, the other has; nothing inline, and nothing of elsewhere. */
static void test_files(void **state)
{
	const struct ui_file *page = ui_file("");
	auto_free char *html = NULL;
	const char *at;
	size_t n = 0;

	(void)state;
	assert_non_null(page);
	html = strndup(page->begin, (size_t)(page->end - page->begin));
	for (at = html; (at = strstr(at, "=\"")) != NULL; at++) {
		const char *value = at + 2;
		const size_t len = strcspn(value, "\"");
		char name[64];

		if (strncmp(at - 4, "href", 4) && strncmp(at - 3, "src", 3))
			continue;
		(void)snprintf(name, sizeof(name), "%.*s", (int)len, value);
		if (*name == '#')
			continue;
		if (!ui_file(name) || ui_file(name)->begin == ui_file(name)->end)
			fail_msg("%s", name);
		n++;
	}
	assert_true(n >= 3);
	assert_null(strstr(html, "<style"));
	assert_null(strstr(html, "style=\""));
	assert_null(strstr(html, "onclick"));
	assert_null(ui_file("../agent/ctl/ui.c"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_trusts),
		cmocka_unit_test(test_query),
		cmocka_unit_test(test_files),
	};

	return cmocka_run_group_tests_name("ctl/ui", tests, NULL, NULL);
}
