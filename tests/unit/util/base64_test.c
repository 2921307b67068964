/* SPDX-License-Identifier: Apache-2.0 */
/* Base 64 by RFC 4648's own examples (section 10), and what is none. */
#include "util/base64.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>

static void decodes(void **state)
{
	static const char *const rows[][2] = {
		{ "", "" },
		{ "Zg==", "f" },
		{ "Zm8=", "fo" },
		{ "Zm9v", "foo" },
		{ "Zm9vYg==", "foob" },
		{ "Zm9vYmE=", "fooba" },
		{ "Zm9vYmFy", "foobar" },
		{ "+/+/", "\xfb\xff\xbf" },
	};
	size_t i;
	char *text;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(base64_decode_text(rows[i][0], &text), 0);
		assert_string_equal(text, rows[i][1]);
		free(text);
	}
}

static void refuses(void **state)
{
	static const char *const rows[] = {
		"Zg",	"Zg=",	"Z===", "====",		  "Zg==Zg==", "Zm9v\n",
		"Zm-_", "Zh==", "Zm9=", "AAAA" /* NUL */, "Zm9vAA==",
	};
	char *text = NULL;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(base64_decode_text(rows[i], &text), -EINVAL);
	assert_null(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(decodes), cmocka_unit_test(refuses) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
