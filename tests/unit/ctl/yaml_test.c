/* SPDX-License-Identifier: Apache-2.0 */
/* What -o yaml prints, read again by the agent's reader of manifests: nothing may have become anything else.
 */
#include "ctl/yaml.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "kube/manifest.h"
#include "util/scope.h"

/* Prints @o that often; returns the text. */
static char *print(struct json_object *o, enum yaml_form form, int times)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	while (times--)
		assert_int_equal(yaml_print(out, o, form), 0);
	(void)fclose(out);
	return text;
}

static void read_again(const char *text, struct manifest *ret)
{
	struct bh_err err = { "" };

	if (manifest_parse_yaml("x", text, strlen(text), ret, &err) < 0)
		fail_msg("%s in:\n%s", err.msg, text);
}

static void forget(struct manifest *m)
{
	size_t i;

	for (i = 0; i < m->docs.n; i++)
		json_object_put(m->docs.v[i].root);
	vec_done(&m->docs);
}

static void assert_survives(struct json_object *o)
{
	auto_free char *text = print(o, YAML_WHOLE, 1);
	struct manifest m = {};

	read_again(text, &m);
	assert_int_equal(m.docs.n, 1);
	if (!json_object_equal(m.docs.v[0].root, o))
		fail_msg("%s became %s by\n%s", json_object_to_json_string(o),
			 json_object_to_json_string(m.docs.v[0].root), text);
	forget(&m);
}

static void texts_stay_texts(void **state)
{
	static const char *const texts[] = {
		"",
		"yes",
		"no",
		"On",
		"y",
		"true",
		"FALSE",
		"null",
		"~",
		"Null",
		"0",
		"007",
		"0x1f",
		"0o17",
		"1e3",
		"1.5",
		".5",
		"-1",
		"+2",
		".inf",
		".NaN",
		"1:30",
		"12_000",
		"2026-01-01",
		"10.0.0.1",
		"fd00::1",
		"::1",
		"a: b",
		"a #b",
		"#a",
		"- a",
		"-",
		"---",
		"...",
		"{a",
		"[a]",
		"*a",
		"&a",
		"!a",
		"%a",
		"@a",
		"`a",
		"'a'",
		"\"a\"",
		"a\nb",
		"a\nb\n",
		"\na\n\n",
		"  a",
		"a  ",
		"\ta",
		"a\tb",
		"a\\b",
		"\x01\x7f",
		"\xc3\xa9\xe2\x82\xac",
		"\xf0\x9f\x9a\x80",
		"<<",
		"=",
		"shop/web ingress[0]",
		"a,b",
		"a:",
		"?",
		"|",
		">",
		"key: |\n  x\n",
	};
	struct json_object *o = json_object_new_object(), *list = json_object_new_array();
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(texts); i++) {
		struct json_object *one = json_object_new_string(texts[i]);

		assert_survives(one);
		json_object_array_add(list, one);
		json_object_object_add(o, texts[i], json_object_new_string(texts[i]));
	}
	json_object_object_add(o, "list", list);
	assert_survives(o);
	json_object_put(o);
}

static void other_values_stay_what_they_are(void **state)
{
	static const char *const values[] = {
		"true",	   "null",
		"[]",	   "{}",
		"[[],{}]", "-9223372036854775808",
		"1.5",	   "1e100",
		"99.0",	   "{\"a\":[{\"b\":[1,[2,{\"c\":null}]]},\"x\"],\"d\":{\"e\":{}}}",
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(values); i++) {
		struct json_object *o = json_tokener_parse(values[i]);

		assert_survives(o);
		json_object_put(o);
	}
}

static void items_make_one_list_and_documents_many(void **state)
{
	struct json_object *o = json_tokener_parse("{\"a\":\"x\\n\",\"b\":[1]}");
	auto_free char *items = print(o, YAML_ITEM, 3), *docs = print(o, YAML_ONE, 3);
	struct manifest m = {};

	(void)state;
	read_again(items, &m);
	assert_int_equal(m.docs.n, 1);
	assert_int_equal(json_object_array_length(m.docs.v[0].root), 3);
	assert_true(json_object_equal(json_object_array_get_idx(m.docs.v[0].root, 2), o));
	forget(&m);
	m = (struct manifest){};
	read_again(docs, &m);
	assert_int_equal(m.docs.n, 3);
	assert_true(json_object_equal(m.docs.v[2].root, o));
	forget(&m);
	json_object_put(o);
}

static void what_people_read(void **state)
{
	struct json_object *o = json_tokener_parse(
		"{\"pod\":\"shop/web\",\"count\":7,\"known\":\"yes\",\"list\":[\"a\",\"1\"]}");
	auto_free char *text = print(o, YAML_WHOLE, 1);

	(void)state;
	assert_string_equal(text, "pod: shop/web\ncount: 7\nknown: \"yes\"\nlist:\n- a\n- \"1\"\n");
	json_object_put(o);
	free(TAKE_PTR(text));
	o = json_object_new_string("a\xff");
	text = print(o, YAML_WHOLE, 1);
	assert_string_equal(text, "\"a?\"\n");
	json_object_put(o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts_stay_texts),
		cmocka_unit_test(other_values_stay_what_they_are),
		cmocka_unit_test(items_make_one_list_and_documents_many),
		cmocka_unit_test(what_people_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
