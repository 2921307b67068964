/* SPDX-License-Identifier: Apache-2.0 */
/* YAML and JSON as values: the core schema, aliases, documents, limits, and errors with their lines. */
#include <errno.h>
#include <json-c/json.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kube/manifest.h"
#include "util/buf.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))

/* All documents as compact JSON, one a line. */
static char *json_of(const char *file, const char *text, size_t len)
{
	struct buf b = BUF_INIT(1 << 20);
	struct manifest m = {};
	struct bh_err err;
	size_t i;

	if (manifest_parse(file, text, len, &m, &err) < 0)
		fail_msg("%s: %s", text, err.msg);
	(void)buf_str(&b, "");
	for (i = 0; i < m.docs.n; i++)
		(void)buf_fmt(&b, "%s%s", i ? "\n" : "",
			      json_object_to_json_string_ext(m.docs.v[i].root, JSON_C_TO_STRING_PLAIN));
	manifest_done(&m);
	return b.data;
}

struct row {
	const char *text, *is;
};

static void check_good(const char *file, const struct row *rows, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		char *json = json_of(file, rows[i].text, strlen(rows[i].text));

		if (strcmp(json, rows[i].is))
			fail_msg("%s\nis  %s\nnot %s", rows[i].text, json, rows[i].is);
		free(json);
	}
}

static void check_bad(const char *file, const struct row *rows, size_t n)
{
	struct manifest m = {};
	struct bh_err err;
	size_t i;

	for (i = 0; i < n; i++) {
		if (manifest_parse(file, rows[i].text, strlen(rows[i].text), &m, &err) != -EINVAL)
			fail_msg("%s\nshould be bad", rows[i].text);
		if (strcmp(err.msg, rows[i].is))
			fail_msg("%s\nsays %s\nnot  %s", rows[i].text, err.msg, rows[i].is);
		assert_null(m.docs.v);
	}
}

/* ---- YAML ------------------------------------------------------------------------------- */

static const struct row good_yaml[] = {
	/* plain scalars: the core schema of YAML 1.2, where yes, no, on and 0777 are nothing special */
	{ "[null, Null, NULL, ~, ]", "[null,null,null,null]" },
	{ "a:\nb: ''", "{\"a\":null,\"b\":\"\"}" },
	{ "[true, True, TRUE, false, False, FALSE, tRUE]", "[true,true,true,false,false,false,\"tRUE\"]" },
	{ "[yes, no, on, off, y, n]", "[\"yes\",\"no\",\"on\",\"off\",\"y\",\"n\"]" },
	{ "[0, 80, -1, +7, 0777, 0o17, 0xfF]", "[0,80,-1,7,777,15,255]" },
	{ "[9223372036854775807, -9223372036854775808, 9223372036854775808]",
	  "[9223372036854775807,-9223372036854775808,9.2233720368547758e+18]" },
	{ "[1_000, 1:30, 0x, 0o8, 0b1, '-', +, 1e, 1.2.3, .]",
	  "[\"1_000\",\"1:30\",\"0x\",\"0o8\",\"0b1\",\"-\",\"+\",\"1e\",\"1.2.3\",\".\"]" },
	{ "[1.5, -.5, 1., 2e3, 1E-2, .inf, -.INF, .nan]",
	  "[1.5,-0.5,1.0,2000.0,0.01,Infinity,-Infinity,NaN]" },
	{ "[2001-01-01, 10.0.0.0/8, '::/0', fd00::1]",
	  "[\"2001-01-01\",\"10.0.0.0\\/8\",\"::\\/0\",\"fd00::1\"]" },
	/* quoted and block scalars are text */
	{ "['80', \"true\", \"null\", 'it''s', \"\\u00e4\\n\"]",
	  "[\"80\",\"true\",\"null\",\"it's\",\"\xc3\xa4\\n\"]" },
	{ "a: |\n  80\nb: >-\n  x\n  y\n", "{\"a\":\"80\\n\",\"b\":\"x y\"}" },
	{ "[!!str 80, ! 80, !!str null]", "[\"80\",\"80\",\"null\"]" },
	{ "!!map {a: !!seq [1]}", "{\"a\":[1]}" },
	/* keys are text */
	{ "80: a\ntrue: b\n'x y': c\n", "{\"80\":\"a\",\"true\":\"b\",\"x y\":\"c\"}" },
	{ "'<<': 1", "{\"<<\":1}" },
	/* aliases */
	{ "a: &x [1, &y {b: 2}]\nc: *x\nd: *y\n",
	  "{\"a\":[1,{\"b\":2}],\"c\":[1,{\"b\":2}],\"d\":{\"b\":2}}" },
	{ "a: &x 1\nb: &x 2\nc: *x\n", "{\"a\":1,\"b\":2,\"c\":2}" },
	{ "a: &x\nb: *x\n", "{\"a\":null,\"b\":null}" },
	/* documents */
	{ "", "" },
	{ "# nothing\n", "" },
	{ "---\n...\n", "null" },
	{ "a: 1\n---\nb: 2\n", "{\"a\":1}\n{\"b\":2}" },
	{ "---\na: 1\n---\n---\nb: 2\n...\n", "{\"a\":1}\nnull\n{\"b\":2}" },
	{ "%YAML 1.2\n---\na: 1\n", "{\"a\":1}" },
	{ "\xef\xbb\xbf"
	  "a: 1\n",
	  "{\"a\":1}" },
	{ "a: 1\r\nb: 2\r\n", "{\"a\":1,\"b\":2}" },
	/* JSON is YAML too */
	{ "{\"a\":[1,\"2\",null,true],\n\t\"b\":{}}", "{\"a\":[1,\"2\",null,true],\"b\":{}}" },
};

static const struct row bad_yaml[] = {
	{ "a: 1\nb: c: d\n", "x.yaml:2: mapping values are not allowed in this context" },
	{ "a: [1,\nb: 2\n", "x.yaml:3: did not find expected ',' or ']' (while parsing a flow sequence)" },
	{ "a:\n\tb: 1\n",
	  "x.yaml:2: found character that cannot start any token (while scanning for the next token)" },
	{ "a: 'open\n", "x.yaml:2: found unexpected end of stream (while scanning a quoted scalar)" },
	{ "a: 1\n b: 2\n", "x.yaml:2: mapping values are not allowed in this context" },
	{ "a: 1\n-b\n", "x.yaml:3: could not find expected ':' (while scanning a simple key)" },
	{ "a: 1\nb: 2\na: 3\n", "x.yaml:3: key 'a' is there twice" },
	{ "x:\n  a: {b: 1, 'b': 2}\n", "x.yaml:2: key 'b' is there twice" },
	{ "a: *x\nb: &x 1\n", "x.yaml:1: alias '*x' has no anchor before it" },
	{ "a: &x [1]\n---\nb: *x\n", "x.yaml:3: alias '*x' has no anchor before it" },
	{ "a: &x\n  b: *x\n", "x.yaml:2: alias '*x' has no anchor before it" },
	{ "a: &x {b: 1}\nc:\n  <<: *x\n", "x.yaml:3: merge keys (<<) are not supported" },
	{ "? [a]\n: 1\n", "x.yaml:1: a key must be a plain or quoted text" },
	{ "a: &x b\n*x : 1\n", "x.yaml:2: a key must be a plain or quoted text" },
	{ "\"a\\0b\": 1\n", "x.yaml:1: a key must not hold a NUL" },
	{ "a: !!binary aGk=\n", "x.yaml:1: tag 'tag:yaml.org,2002:binary' is not supported" },
	{ "a: !!int 80\n", "x.yaml:1: tag 'tag:yaml.org,2002:int' is not supported" },
	{ "a: !!map [1]\n", "x.yaml:1: tag 'tag:yaml.org,2002:map' is not supported" },
	{ "a: !!seq {b: 1}\n", "x.yaml:1: tag 'tag:yaml.org,2002:seq' is not supported" },
	{ "a: !mine 1\n", "x.yaml:1: tag '!mine' is not supported" },
	{ "a: 1\nb: \xff\n", "x.yaml:2: invalid leading UTF-8 octet" },
	{ "a: 1\n\nb: \xc3\n", "x.yaml:3: invalid trailing UTF-8 octet" },
	{ "a: \x01\n", "x.yaml:1: control characters are not allowed" },
	{ "%YAML 3.0\n---\na: 1\n", "x.yaml:1: found incompatible YAML document" },
};

static void yaml(void **state)
{
	(void)state;
	check_good("x.yaml", good_yaml, N(good_yaml));
	check_good("x.yml", good_yaml, N(good_yaml));
	check_bad("x.yaml", bad_yaml, N(bad_yaml));
}

static void documents_know_their_lines(void **state)
{
	static const char text[] = "# first\na: 1\n---\n\nb: 2\n--- {c: 3}\n";
	struct manifest m = {};
	struct bh_err err;

	(void)state;
	assert_int_equal(manifest_parse("x.yaml", text, sizeof(text) - 1, &m, &err), 0);
	assert_int_equal(m.docs.n, 3);
	assert_int_equal(m.docs.v[0].line, 2);
	assert_int_equal(m.docs.v[1].line, 5);
	assert_int_equal(m.docs.v[2].line, 6);
	manifest_done(&m);
	manifest_done(&m);
}

/* ---- JSON ------------------------------------------------------------------------------- */

static const struct row good_json[] = {
	{ "{\"a\": [1, \"2\", null, true, 1.5]}\n", "{\"a\":[1,\"2\",null,true,1.5]}" },
	{ " \t\n{}\n\n", "{}" },
	{ "{\"a\": \"\\u00e4\\ud83d\\ude00\"}", "{\"a\":\"\xc3\xa4\xf0\x9f\x98\x80\"}" },
	{ "{\"a\": 1, \"a\": 2}", "{\"a\":2}" }, /* the last one counts */
};

static const struct row bad_json[] = {
	{ "", "x.json:1: the file ends too early" },
	{ "{\"a\": 1,\n\"b\": ", "x.json:2: the file ends too early" },
	{ "{\"a\": 1}\n{\"b\": 2}", "x.json:2: unexpected character" },
	{ "{\"a\": 1,}", "x.json:1: unexpected character" },
	{ "{\n\"a\" 1}", "x.json:2: object property name separator ':' expected" },
	{ "{a: 1}", "x.json:1: quoted object property name expected" },
	{ "{\"a\": \"\xff\"}", "x.json:1: invalid utf-8 string" },
	{ "/* no */ {}", "x.json:1: unexpected character" },
};

static void json(void **state)
{
	(void)state;
	check_good("x.json", good_json, N(good_json));
	check_bad("x.json", bad_json, N(bad_json));
}

/* ---- limits ----------------------------------------------------------------------------- */

static int parse(const char *file, const struct buf *b, struct bh_err *err)
{
	struct manifest m = {};
	const int r = manifest_parse(file, b->data, b->len, &m, err);

	manifest_done(&m);
	return r;
}

static void nest(struct buf *b, size_t depth)
{
	size_t i;

	buf_clear(b);
	for (i = 0; i < depth; i++)
		(void)buf_str(b, "[");
	for (i = 0; i < depth; i++)
		(void)buf_str(b, "]");
}

static void depth(void **state)
{
	struct buf b = BUF_INIT(1 << 20);
	struct bh_err err;

	(void)state;
	nest(&b, MANIFEST_DEPTH_MAX);
	assert_int_equal(parse("x.yaml", &b, &err), 0);
	assert_int_equal(parse("x.json", &b, &err), 0);
	nest(&b, MANIFEST_DEPTH_MAX + 1);
	assert_int_equal(parse("x.yaml", &b, &err), -E2BIG);
	assert_string_equal(err.msg, "x.yaml:1: nested deeper than 64");
	nest(&b, MANIFEST_DEPTH_MAX + 2);
	assert_int_equal(parse("x.json", &b, &err), -E2BIG);
	assert_string_equal(err.msg, "x.json:1: nested deeper than 64");
	nest(&b, 500000);
	assert_int_equal(parse("x.yaml", &b, &err), -E2BIG);
	buf_done(&b);
}

/* Each line names the one before twice, one level deeper. */
static void lines_of_aliases(struct buf *b, int lines, const char *pattern)
{
	int i;

	buf_clear(b);
	(void)buf_str(b, "a0: &a0 [x]\n");
	for (i = 1; i <= lines; i++)
		(void)buf_fmt(b, pattern, i, i, i - 1, i - 1);
}

#pragma GCC diagnostic ignored "-Wformat-nonliteral"

static void aliases_do_not_explode(void **state)
{
	struct buf b = BUF_INIT(1 << 20);
	struct bh_err err;

	(void)state;
	lines_of_aliases(&b, 10, "a%d: &a%d [*a%d, *a%d]\n");
	assert_int_equal(parse("x.yaml", &b, &err), 0);
	lines_of_aliases(&b, 40, "a%d: &a%d [*a%d, *a%d]\n");
	assert_int_equal(parse("x.yaml", &b, &err), -E2BIG);
	assert_string_equal(err.msg, "x.yaml:19: more than 16777216 bytes with aliases written out");
	buf_done(&b);
}

static void aliases_nest_no_deeper(void **state)
{
	struct buf b = BUF_INIT(1 << 20);
	struct bh_err err;
	int i;

	(void)state;
	(void)buf_str(&b, "a0: &a0 [x]\n");
	for (i = 1; i < 63; i++)
		(void)buf_fmt(&b, "a%d: &a%d [*a%d]\n", i, i, i - 1);
	assert_int_equal(parse("x.yaml", &b, &err), 0); /* 63 lists in one object */
	(void)buf_fmt(&b, "a%d: &a%d [*a%d]\n", i, i, i - 1);
	assert_int_equal(parse("x.yaml", &b, &err), -E2BIG);
	assert_string_equal(err.msg, "x.yaml:64: nested deeper than 64");
	buf_done(&b);
}

static void long_texts_count(void **state)
{
	struct buf b = BUF_INIT(MANIFEST_BYTES_MAX);
	struct bh_err err;
	int i;

	(void)state;
	(void)buf_str(&b, "a: &a ");
	for (i = 0; i < 100000; i++)
		(void)buf_str(&b, "0123456789");
	(void)buf_str(&b, "\nb: [");
	for (i = 0; i < 15; i++)
		(void)buf_str(&b, "*a ,");
	(void)buf_str(&b, "]\n");
	assert_int_equal(parse("x.yaml", &b, &err), 0);
	(void)buf_str(&b, "c: *a\n");
	assert_int_equal(parse("x.yaml", &b, &err), -E2BIG);
	buf_done(&b);
}

static void size(void **state)
{
	struct buf b = BUF_INIT(MANIFEST_BYTES_MAX + 1);
	struct bh_err err;

	(void)state;
	while (b.len < MANIFEST_BYTES_MAX)
		(void)buf_str(&b, "################");
	assert_int_equal(parse("x.yaml", &b, &err), 0);
	(void)buf_str(&b, "#");
	assert_int_equal(parse("x.yaml", &b, &err), -E2BIG);
	assert_string_equal(err.msg, "x.yaml: larger than 4194304 bytes");
	buf_done(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(yaml),
		cmocka_unit_test(documents_know_their_lines),
		cmocka_unit_test(json),
		cmocka_unit_test(depth),
		cmocka_unit_test(aliases_do_not_explode),
		cmocka_unit_test(aliases_nest_no_deeper),
		cmocka_unit_test(long_texts_count),
		cmocka_unit_test(size),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
