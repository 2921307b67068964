/* SPDX-License-Identifier: Apache-2.0 */
/* Texts of the API server's: objects that are to be mended or refused, versions, queries. */
#include "kube/wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <json-c/json.h>
#include <string.h>

#include "util/buf.h"
#include "util/scope.h"

#define MENDED "\xef\xbf\xbd"

static struct json_object *parse(const char *text)
{
	struct bh_err err;

	return kube_parse(text, strlen(text), &err);
}

/* The value of the only field, "": it is no JSON. */
static void assert_text(const char *text, const char *wanted)
{
	struct json_object *o = parse(text), *v;

	assert_int_equal(!o, !*wanted);
	if (!o)
		return;
	assert_true(json_object_object_get_ex(o, "a", &v));
	assert_string_equal(json_object_get_string(v), wanted);
	json_object_put(o);
}

/* As Go's decoder has it: each byte that is in no character becomes one U+FFFD. */
static void what_is_no_utf8_is_mended(void **state)
{
	(void)state;
	assert_text("{\"a\":\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\"}",
		    "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80");
	assert_text("{\"a\":\"x\xff\"}", "x" MENDED);
	assert_text("{\"a\":\"\xc3\"}", MENDED);
	assert_text("{\"a\":\"\xc0\xaf\"}", MENDED MENDED);			  /* overlong '/' */
	assert_text("{\"a\":\"\xed\xa0\x80\"}", MENDED MENDED MENDED);		  /* half a surrogate pair */
	assert_text("{\"a\":\"\xf4\x90\x80\x80\"}", MENDED MENDED MENDED MENDED); /* past U+10FFFF */
	assert_text("{\"a\":\"\xf4\x8f\xbf\xbf\xff\"}", "\xf4\x8f\xbf\xbf" MENDED);
	assert_text("{\"a\":\"\xe0\x9f\xbf\xf0\x8f\xbf\xbf\"}",
		    MENDED MENDED MENDED MENDED MENDED MENDED MENDED);
}

static void what_is_no_json_is_refused(void **state)
{
	(void)state;
	assert_text("{\"a\":tru}", "");
	assert_text("{\"a\":1", "");
	assert_text("{\"a\":01}", "");
	assert_text("", "");
}

static void versions_are_numbers_or_nothing(void **state)
{
	static const struct {
		const char *text;
		uint64_t wanted;
	} rows[] = {
		{ "{\"metadata\":{\"resourceVersion\":\"42\"}}", 42 },
		{ "{\"metadata\":{\"resourceVersion\":\"18446744073709551615\"}}", UINT64_MAX },
		{ "{\"metadata\":{\"resourceVersion\":\"18446744073709551616\"}}", 0 },
		{ "{\"metadata\":{\"resourceVersion\":\"-1\"}}", 0 },
		{ "{\"metadata\":{\"resourceVersion\":\" 1\"}}", 0 },
		{ "{\"metadata\":{\"resourceVersion\":\"1a\"}}", 0 },
		{ "{\"metadata\":{\"resourceVersion\":7}}", 0 },
		{ "{\"metadata\":{}}", 0 },
		{ "{}", 0 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		struct json_object *o = parse(rows[i].text);

		assert_true(kube_version(o) == rows[i].wanted);
		json_object_put(o);
	}
}

static int check(const char *text, char ret[256])
{
	struct json_object *o = parse(text);
	struct bh_err err = {};
	const int r = kube_check_kind(o, "v1", "Pod", &err);

	if (!r)
		assert_string_equal(json_object_get_string(json_object_object_get(o, "kind")), "Pod");
	json_object_put(o);
	memcpy(ret, err.msg, sizeof(err.msg));
	return r;
}

/* Elements of a list say nothing, others must be what was asked for. */
static void kinds_are_checked(void **state)
{
	char why[256];

	(void)state;
	assert_int_equal(check("{}", why), 0);
	assert_int_equal(check("{\"kind\":\"Pod\",\"apiVersion\":\"v1\"}", why), 0);
	assert_int_equal(check("{\"kind\":\"Secret\",\"apiVersion\":\"v1\"}", why), -EINVAL);
	assert_string_equal(why, "v1 Secret where v1 Pod was asked for");
	assert_int_equal(check("{\"kind\":\"Pod\",\"apiVersion\":\"v2\"}", why), -EINVAL);
	assert_int_equal(check("[]", why), -EINVAL);
}

static void queries_are_escaped(void **state)
{
	struct buf url = BUF_INIT(256);

	(void)state;
	assert_int_equal(buf_str(&url, "/api/v1/pods"), 0);
	assert_int_equal(kube_query(&url, "fieldSelector", "spec.nodeName!=a&b"), 0);
	assert_int_equal(kube_query(&url, "continue", "A-z_0.9~=%"), 0);
	assert_string_equal(url.data,
			    "/api/v1/pods?fieldSelector=spec.nodeName%21%3Da%26b&continue=A-z_0.9~%3D%25");
	buf_done(&url);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_no_utf8_is_mended),
		cmocka_unit_test(what_is_no_json_is_refused),
		cmocka_unit_test(versions_are_numbers_or_nothing),
		cmocka_unit_test(kinds_are_checked),
		cmocka_unit_test(queries_are_escaped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
