/* SPDX-License-Identifier: Apache-2.0 */
/* JSON cut into objects: what is kept, what is refused, and that it does not matter how it arrives. */
#include "kube/scan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/buf.h"

static const struct scan_keep inner[] = { { "x", NULL }, { NULL, NULL } };
static const struct scan_keep keep[] = { { "a", NULL }, { "b", inner }, { NULL, NULL } };

/* What was given out, one a line; the list's own fields behind "= ". */
static int note(void *ctx, enum scan_kind kind, const char *json, size_t len, struct bh_err *err)
{
	(void)err;
	assert_int_equal(strlen(json), len);
	return buf_fmt(ctx, "%s%s\n", kind == SCAN_END ? "= " : "", json);
}

/* @step: bytes a time; 0: all at once. */
static int scan(const char *text, size_t len, bool is_list, size_t step, struct buf *ret, struct bh_err *err)
{
	struct scan *s = scan_new(keep, is_list, note, ret);
	size_t at, n;
	int r = 0;

	assert_non_null(s);
	for (at = 0; !r && at < len; at += n) {
		n = step && step < len - at ? step : len - at;
		r = scan_feed(s, text + at, n, err);
	}
	if (!r && !scan_is_complete(s))
		r = -EAGAIN;
	scan_free(s);
	return r;
}

struct row {
	const char *text;
	bool is_list;
	int wanted; /* as scan() */
	const char *out;
};

static const struct row rows[] = {
	{ "{\"a\":1}", false, 0, "{\"a\":1}\n" },
	{ " { \"a\" : [ 1 , true , null ] , \"c\" : { \"a\" : 2 } }\n{\"a\":2}\r\n", false, 0,
	  "{\"a\":[1,true,null]}\n{\"a\":2}\n" },
	{ "{\"c\":1,\"a\":2}", false, 0, "{\"a\":2}\n" },
	{ "{\"c\":[{\"a\":1},[]],\"b\":{\"y\":1,\"x\":{\"z\":-1.5e3},\"w\":[]}}", false, 0,
	  "{\"b\":{\"x\":{\"z\":-1.5e3}}}\n" },
	{ "{\"b\":[{\"x\":1,\"y\":2},{\"y\":3},[{\"x\":4}]]}", false, 0,
	  "{\"b\":[{\"x\":1},{},[{\"x\":4}]]}\n" },
	{ "{\"b\":\"a scalar where an object was meant\"}", false, 0,
	  "{\"b\":\"a scalar where an object was meant\"}\n" },
	{ "{\"a\":\"\\\"}{\\\\\",\"c\":\"\\\"\"}", false, 0, "{\"a\":\"\\\"}{\\\\\"}\n" },
	{ "{\"a\":{\"\\\"k\":\"v\"}}", false, 0, "{\"a\":{\"\\\"k\":\"v\"}}\n" },
	{ "{}", false, 0, "{}\n" },
	{ "", false, 0, "" },
	{ "{\"a\":1", false, -EAGAIN, "" },
	{ "{\"a\":1}{\"a", false, -EAGAIN, "{\"a\":1}\n" },
	{ "{\"a\":1}]", false, -EINVAL, "{\"a\":1}\n" },
	{ "{\"a\":1]", false, -EINVAL, "" },
	{ "{\"a\":1 M", false, -EINVAL, "" },
	{ "{\"c\":{\"d\":1;,\"a\":2}", false, -EINVAL, "" },
	{ "{\"a\" 1}", false, -EINVAL, "" },
	{ "{\"a\":}", false, -EINVAL, "" },
	{ "{\"a\":1,}", false, -EINVAL, "" },
	{ "{\"a\":[1,]}", false, -EINVAL, "" },
	{ "{\"c\":[1,]}", false, -EINVAL, "" },
	{ "{\"a\":[1 2]}", false, -EINVAL, "" },
	{ "{'a':1}", false, -EINVAL, "" },
	{ "{\"c\":'x'}", false, -EINVAL, "" },
	{ "{a:1}", false, -EINVAL, "" },
	{ "{\"a\":\"x\ny\"}", false, -EINVAL, "" },
	{ "{\"c\":\"x\ny\"}", false, -EINVAL, "" },
	{ "{\"\\u0061\":1}", false, -EINVAL, "" },
	{ "{\"\xc3\xa4\":1}", false, -EINVAL, "" },
	{ "{\"a\":{\"\xc3\xa4\":1}}", false, 0, "{\"a\":{\"\xc3\xa4\":1}}\n" },
	{ "1", false, -EINVAL, "" },
	{ "\"a\"", false, -EINVAL, "" },
	{ "\xef\xbb\xbf{}", false, -EINVAL, "" },
	{ "<html>", false, -EINVAL, "" },
	{ "{\"kind\":\"L\",\"metadata\":{\"continue\":\"t\"},\"items\":[{\"a\":1,\"c\":2},{\"c\":3}],\"z\":[1]}",
	  true, 0,
	  "{\"a\":1}\n{}\n= {\"kind\":\"L\",\"metadata\":{\"continue\":\"t\"},\"items\":[],\"z\":[1]}\n" },
	{ "{\"items\":[],\"kind\":\"L\"}", true, 0, "= {\"items\":[],\"kind\":\"L\"}\n" },
	{ "{\"items\":null}", true, 0, "= {\"items\":null}\n" },
	{ "{\"x\":{\"items\":[1]},\"items\":[{\"items\":[{}]}]}", true, 0,
	  "{}\n= {\"x\":{\"items\":[1]},\"items\":[]}\n" },
	{ "{\"items\":[1]}", true, -EINVAL, "" },
	{ "{\"items\":[{}],}", true, -EINVAL, "{}\n" },
	{ "{\"items\":[{\"a\":1}", true, -EAGAIN, "{\"a\":1}\n" },
	{ "{\"items\":[]}{}", true, -EINVAL, "= {\"items\":[]}\n" },
	{ "{\"items\":[]} \n", true, 0, "= {\"items\":[]}\n" },
};

/* Whole, and split at every byte: in pieces of every size up to its length. */
static void is_cut_and_narrowed(void **state)
{
	size_t i, step;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const size_t len = strlen(rows[i].text);

		for (step = 0; step <= len; step++) {
			struct buf out = BUF_INIT(4096);
			struct bh_err err = {};
			const int r = scan(rows[i].text, len, rows[i].is_list, step, &out, &err);

			if (r != rows[i].wanted || strcmp(out.data ? out.data : "", rows[i].out))
				fail_msg("row %zu in steps of %zu: %d (%s)\n%s", i, step, r, err.msg,
					 out.data ? out.data : "");
			assert_true(r >= 0 || r == -EAGAIN || err.msg[0]);
			buf_done(&out);
		}
	}
}

static void a_nul_is_no_space(void **state)
{
	struct buf out = BUF_INIT(4096);
	struct bh_err err = {};

	(void)state;
	assert_int_equal(scan("{\"a\":1}\0{}", 10, false, 0, &out, &err), -EINVAL);
	buf_done(&out);
}

/* Nested exactly so deep, in a field that is kept or not. */
static void nest(const char *key, unsigned int depth, struct buf *out)
{
	struct buf text = BUF_INIT(1u << 20);
	struct bh_err err = {};
	unsigned int i;

	assert_int_equal(buf_fmt(&text, "{\"%s\":", key), 0);
	for (i = 1; i < depth; i++)
		assert_int_equal(buf_str(&text, i % 2 ? "[" : "{\"]}\\\"\":"), 0);
	assert_int_equal(buf_str(&text, "1"), 0);
	while (--i)
		assert_int_equal(buf_str(&text, i % 2 ? "]" : "}"), 0);
	assert_int_equal(buf_str(&text, ",\"b\":2}{}"), 0);
	for (i = 0; i < 3; i++) {
		static const size_t steps[] = { 0, 1, 1000 };

		buf_clear(out);
		assert_int_equal(scan(text.data, text.len, false, steps[i], out, &err), 0);
		assert_non_null(strstr(out->data, "\"b\":2}\n{}\n"));
	}
	buf_done(&text);
}

static void what_is_too_deep_is_no_object(void **state)
{
	struct buf out = BUF_INIT(1u << 20);

	(void)state;
	nest("a", SCAN_DEPTH_MAX, &out);
	assert_null(strstr(out.data, "deep"));
	nest("a", SCAN_DEPTH_MAX + 1, &out);
	assert_non_null(strstr(out.data, "[\"(too deep)\"]"));
	nest("a", 100000, &out);
	assert_non_null(strstr(out.data, "[\"(too deep)\"]"));
	nest("c", 100000, &out);
	assert_string_equal(out.data, "{\"b\":2}\n{}\n");
	buf_done(&out);
}

/* An event, or a list, around one object whose field @key has so many bytes of text in a list of two. */
static int of_size(const char *key, size_t bytes, bool is_list, struct buf *out)
{
	static const struct scan_keep event[] = { { "object", keep }, { NULL, NULL } };
	static char text[SCAN_BYTES_MAX + 4096];
	const int head = snprintf(text, sizeof(text), "{\"%s\":%s{\"b\":1,\"%s\":[\"",
				  is_list ? "items" : "object", is_list ? "[" : "", key);
	struct scan *s = scan_new(is_list ? keep : event, is_list, note, out);
	struct bh_err err = {};
	size_t at, len;
	int r = 0;

	memset(text + head, 'x', bytes);
	(void)snprintf(text + head + bytes, 64, "\",[1]],\"a\":2}%s", is_list ? ",{}]}" : "}");
	len = strlen(text);
	for (at = 0; !r && at < len; at += 16384)
		r = scan_feed(s, text + at, len - at < 16384 ? len - at : 16384, &err);
	scan_free(s);
	if (r < 0)
		assert_string_equal(err.msg, "an object is too large");
	return r;
}

/* What is not kept costs nothing but time, and that is bounded, too. */
static void what_is_too_large_is_no_object(void **state)
{
	struct buf out = BUF_INIT(4 * SCAN_KEEP_MAX);

	(void)state;
	assert_int_equal(of_size("a", SCAN_KEEP_MAX - 100, true, &out), 0);
	assert_true(out.len > SCAN_KEEP_MAX - 100);
	buf_clear(&out);
	assert_int_equal(of_size("a", SCAN_KEEP_MAX, true, &out), 0);
	assert_string_equal(out.data, "{\"b\":1,\"a\":\"(too large)\",\"a\":2}\n{}\n= {\"items\":[]}\n");
	buf_clear(&out);
	assert_int_equal(of_size("a", SCAN_KEEP_MAX, false, &out), 0);
	assert_string_equal(out.data, "{\"object\":{\"b\":1,\"a\":\"(too large)\",\"a\":2}}\n");
	buf_clear(&out);
	assert_int_equal(of_size("c", SCAN_BYTES_MAX - 100, false, &out), 0);
	assert_string_equal(out.data, "{\"object\":{\"b\":1,\"a\":2}}\n");
	assert_int_equal(of_size("c", SCAN_BYTES_MAX, false, &out), -E2BIG);
	assert_int_equal(of_size("a", SCAN_BYTES_MAX, true, &out), -E2BIG);
	buf_done(&out);
}

static int stop(void *ctx, enum scan_kind kind, const char *json, size_t len, struct bh_err *err)
{
	(void)ctx;
	(void)kind;
	(void)json;
	(void)len;
	return bh_err_set(err, -ESTALE, "enough");
}

static void a_reader_may_stop_it(void **state)
{
	struct scan *s = scan_new(keep, false, stop, NULL);
	struct bh_err err;

	(void)state;
	assert_int_equal(scan_feed(s, "{} {}", 5, &err), -ESTALE);
	assert_string_equal(err.msg, "enough");
	scan_free(s);
}

/* ---- against json-c ----------------------------------------------------------------------- */

static void random_value(struct buf *b, unsigned int depth)
{
	static const char *const scalars[] = {
		"1", "-2.5e-3", "true", "null", "\"\"", "\"a\\\"\\\\b\"", "\"\\u00e4}{][,:\"", "\"\xc3\xa4\""
	};
	static const char *const keys[] = { "a", "b", "c", "x", "items", "ab" };
	const unsigned int what = depth ? (unsigned int)rand() % 4 : 0, n = (unsigned int)rand() % 4;
	unsigned int i;

	if (what < 2) {
		(void)buf_str(b, scalars[rand() % 8]);
		return;
	}
	(void)buf_str(b, what == 2 ? "[" : "{ ");
	for (i = 0; i < n; i++) {
		(void)buf_str(b, i ? ", " : "");
		if (what == 3)
			(void)buf_fmt(b, "\"%s\" :", keys[rand() % 6]);
		random_value(b, depth - 1);
	}
	(void)buf_str(b, what == 2 ? "]" : "}");
}

/* The same as json-c would leave, by keys. */
static struct json_object *narrow(struct json_object *o, const struct scan_keep *k)
{
	struct json_object *ret;
	size_t i;

	if (!k || (!json_object_is_type(o, json_type_object) && !json_object_is_type(o, json_type_array)))
		return json_object_get(o);
	if (json_object_is_type(o, json_type_array)) {
		ret = json_object_new_array();
		for (i = 0; i < json_object_array_length(o); i++)
			json_object_array_add(ret, narrow(json_object_array_get_idx(o, i), k));
		return ret;
	}
	ret = json_object_new_object();
	for (; k->key; k++) {
		struct json_object *v;

		if (json_object_object_get_ex(o, k->key, &v))
			json_object_object_add(ret, k->key, narrow(v, k->below));
	}
	return ret;
}

static void agrees_with_json_c(void **state)
{
	unsigned int i, objects = 0;

	(void)state;
	srand(4711);
	for (i = 0; i < 20000; i++) {
		struct buf text = BUF_INIT(1u << 20), out = BUF_INIT(1u << 20);
		struct json_object *whole, *wanted, *got;
		struct bh_err err = {};

		random_value(&text, 5);
		if (*text.data == '{') {
			objects++;
			whole = json_tokener_parse(text.data);
			wanted = narrow(whole, keep);
			if (scan(text.data, text.len, false, 1 + (size_t)rand() % 7, &out, &err))
				fail_msg("%s: %s", text.data, err.msg);
			got = json_tokener_parse(out.data);
			if (!json_object_equal(wanted, got))
				fail_msg("%s\nwanted %s\ngot %s", text.data,
					 json_object_to_json_string(wanted), out.data);
			json_object_put(whole);
			json_object_put(wanted);
			json_object_put(got);
		}
		buf_done(&text);
		buf_done(&out);
	}
	assert_true(objects > 3000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(is_cut_and_narrowed),
		cmocka_unit_test(a_nul_is_no_space),
		cmocka_unit_test(what_is_too_deep_is_no_object),
		cmocka_unit_test(what_is_too_large_is_no_object),
		cmocka_unit_test(a_reader_may_stop_it),
		cmocka_unit_test(agrees_with_json_c),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
