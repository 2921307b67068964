/* SPDX-License-Identifier: Apache-2.0 */
/* Configurations as people and programs write them: what becomes of each when we enter and leave. */
#include "chain/conflist.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ENTRY "{\"type\": \"bulkhead\", \"timeoutMs\": 500}"
#define HEAD  "{\"cniVersion\":\"1.0.0\",\"name\":\"n\",\"plugins\":"

/* ---- in and out --------------------------------------------------------------------------- */

struct change {
	const char *name, *before, *after;
};

/* Where `out` is what taking our entry out of `after` gives: the same as `before`, to the byte. */
static const struct change round_trips[] = {
	{ "one line", HEAD "[{\"type\":\"bridge\"}]}", HEAD "[{\"type\":\"bridge\"}," ENTRY "]}" },
	{ "two, spaced", HEAD "[ {\"type\":\"bridge\"} , {\"type\":\"portmap\"} ]}",
	  HEAD "[ {\"type\":\"bridge\"} , {\"type\":\"portmap\"}, " ENTRY " ]}" },
	{ "lines and tabs", HEAD "[\n\t\t{\"type\":\"a\"},\n\t\t{\n\t\t\t\"type\":\"b\"\n\t\t}\n\t]\n}\n",
	  HEAD "[\n\t\t{\"type\":\"a\"},\n\t\t{\n\t\t\t\"type\":\"b\"\n\t\t},\n\t\t" ENTRY "\n\t]\n}\n" },
	{ "carriage returns", HEAD "[\r\n {\"type\":\"a\"}\r\n]}\r\n",
	  HEAD "[\r\n {\"type\":\"a\"},\r\n " ENTRY "\r\n]}\r\n" },
	{ "numbers and unknown keys kept as written",
	  "{\"z\":1.0e3,\"cniVersion\":\"0.3.1\",\"a\":[1E+2,-0.0,123456789012345678901234567890],\"name\":\"n\","
	  "\"plugins\":[{\"type\":\"x\",\"mtu\":1500.000,\"q\":\"\\u00e4\\/\"}],\"y\":{\"plugins\":[]}}",
	  "{\"z\":1.0e3,\"cniVersion\":\"0.3.1\",\"a\":[1E+2,-0.0,123456789012345678901234567890],\"name\":\"n\","
	  "\"plugins\":[{\"type\":\"x\",\"mtu\":1500.000,\"q\":\"\\u00e4\\/\"}," ENTRY
	  "],\"y\":{\"plugins\":[]}}" },
	{ "plugins first, brackets in strings",
	  "{\"plugins\":[{\"type\":\"x\",\"s\":\"]},{\\\"\"}],\"cniVersion\":\"0.4.0\",\"name\":\"n\"}",
	  "{\"plugins\":[{\"type\":\"x\",\"s\":\"]},{\\\"\"}," ENTRY
	  "],\"cniVersion\":\"0.4.0\",\"name\":\"n\"}" },
	{ "a key in escapes",
	  "{\"cniVersion\":\"1.1.0\",\"name\":\"n\",\"plug\\u0069ns\":[{\"type\":\"x\"}]}",
	  "{\"cniVersion\":\"1.1.0\",\"name\":\"n\",\"plug\\u0069ns\":[{\"type\":\"x\"}," ENTRY "]}" },
	{ "given twice: the last counts",
	  "{\"cniVersion\":\"1.1.0\",\"name\":\"n\",\"plugins\":[{\"type\":\"bulkhead\"}],\"plugins\":[{\"type\":\"x\"}]}",
	  "{\"cniVersion\":\"1.1.0\",\"name\":\"n\",\"plugins\":[{\"type\":\"bulkhead\"}],\"plugins\":[{\"type\":\"x\"}," ENTRY
	  "]}" },
	{ "several versions",
	  "{\"cniVersions\":[\"0.1.0\",\"1.0.0\"],\"name\":\"n\",\"plugins\":[{\"type\":\"x\"}]}",
	  "{\"cniVersions\":[\"0.1.0\",\"1.0.0\"],\"name\":\"n\",\"plugins\":[{\"type\":\"x\"}," ENTRY "]}" },
};

static const struct change heals[] = {
	{ "not last", HEAD "[{\"type\":\"a\"}, " ENTRY ", {\"type\":\"b\"}]}",
	  HEAD "[{\"type\":\"a\"}, {\"type\":\"b\"}, " ENTRY "]}" },
	{ "first", HEAD "[" ENTRY ",\n {\"type\":\"b\"}]}", HEAD "[\n {\"type\":\"b\"},\n " ENTRY "]}" },
	{ "three times", HEAD "[" ENTRY ",{\"type\":\"b\"}," ENTRY "," ENTRY "]}",
	  HEAD "[{\"type\":\"b\"}," ENTRY "]}" },
	{ "with other keys", HEAD "[{\"type\":\"b\"},{\"type\":\"bulkhead\"} ]}",
	  HEAD "[{\"type\":\"b\"}," ENTRY " ]}" },
	{ "with another number", HEAD "[{\"type\":\"b\"},{\"type\":\"bulkhead\",\"timeoutMs\":501}]}",
	  HEAD "[{\"type\":\"b\"}," ENTRY "]}" },
};

static void read_list(const char *text, struct conflist *ret)
{
	struct bh_err err = { "" };

	if (conflist_read(text, strlen(text), true, ret, &err))
		fail_msg("%s: %s", text, err.msg);
}

static void check_put(const struct change *c, enum conflist_state was)
{
	auto_conflist struct conflist before = { 0 }, after = { 0 };
	auto_buf struct buf text = BUF_INIT(65536), again = BUF_INIT(65536);

	read_list(c->before, &before);
	assert_int_equal(conflist_state(&before, ENTRY), was);
	assert_int_equal(conflist_put(&before, ENTRY, &text), 0);
	if (strcmp(text.data, c->after))
		fail_msg("%s:\n%s\nshould be\n%s", c->name, text.data, c->after);
	read_list(text.data, &after);
	assert_int_equal(conflist_state(&after, ENTRY), CONFLIST_RIGHT);
	assert_int_equal(conflist_put(&after, ENTRY, &again), 0);
	assert_string_equal(again.data, text.data);
}

static void enters_and_leaves_without_a_trace(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(round_trips) / sizeof(*round_trips); i++) {
		auto_conflist struct conflist after = { 0 };
		auto_buf struct buf text = BUF_INIT(65536);

		check_put(&round_trips[i], CONFLIST_ABSENT);
		read_list(round_trips[i].after, &after);
		assert_int_equal(conflist_take(&after, &text), 0);
		if (strcmp(text.data, round_trips[i].before))
			fail_msg("%s: left behind: %s", round_trips[i].name, text.data);
	}
}

static void heals_what_others_made_of_it(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(heals) / sizeof(*heals); i++)
		check_put(&heals[i], CONFLIST_DIFFERS);
}

/* Programs that read and write the list again order keys and space as they like. */
static void equal_is_what_means_the_same(void **state)
{
	auto_conflist struct conflist c = { 0 };

	(void)state;
	read_list(HEAD "[{\"type\":\"b\"},{\n\"timeoutMs\" : 500,\"type\":\"bulk\\u0068ead\"}]}", &c);
	assert_int_equal(conflist_state(&c, ENTRY), CONFLIST_RIGHT);
}

static void says_what_it_is(void **state)
{
	auto_conflist struct conflist c = { 0 };

	(void)state;
	read_list(
		"{\"cniVersion\":\"1.0.0\",\"name\":\"pod-net.1\",\"loadOnlyInlinedPlugins\":\"True\",\"plugins\":[" ENTRY
		",{\"type\":\"calico\"},{\"type\":\"portmap\"}]}",
		&c);
	assert_string_equal(c.name, "pod-net.1");
	assert_string_equal(c.main_type, "calico");
	assert_true(c.only_inlined);
	assert_int_equal(c.ours, 1);
	assert_int_equal(c.others, 2);
}

/* ---- what is refused ---------------------------------------------------------------------- */

struct refusal {
	const char *text, *why; /* the message's beginning */
	bool single;
};

static const struct refusal refusals[] = {
	{ "", "line 1, column 1: the text ends too early", false },
	{ "\xef\xbb\xbf{}", "line 1, column 1: a byte order mark", false },
	{ "{\n  // why\n}", "line 2, column 3: a comment", false },
	{ HEAD "[\n # main\n{\"type\":\"b\"}]}", "line 2, column 2: a comment", false },
	{ HEAD "[ /* main */ {\"type\":\"b\"}]}", "line 1, column 46: a comment", false },
	{ HEAD "[{\"type\":\"b\"},]}", "line 1, column 58: a value must be here", false },
	{ HEAD "[{\"type\":\"b\",}]}", "line 1, column 57: a key in double quotes must be here", false },
	{ HEAD "[{\"type\":\"b\"}]", "line 1, column 58: ',' or '}' must be here", false },
	{ HEAD "[{\"type\":\"b\"}]}\n}", "line 2, column 1: something behind the end", false },
	{ HEAD "[{\"type\":\"b\" \"x\":1}]}", "line 1, column 57: ',' or '}' must be here", false },
	{ HEAD "[{'type':'b'}]}", "line 1, column 46: a key in double quotes", false },
	{ HEAD "[{\"type\":\"b\",\"n\":01}]}", "line 1, column 62: ',' or '}'", false },
	{ HEAD "[{\"type\":\"b\",\"n\":.5}]}", "line 1, column 61: a value must be here", false },
	{ HEAD "[{\"type\":\"b\",\"n\":1.}]}", "line 1, column 61: this is no number", false },
	{ HEAD "[{\"type\":\"b\",\"n\":NaN}]}", "line 1, column 61: a value must be here", false },
	{ HEAD "[{\"type\":\"b\",\"n\":\"\\x\"}]}", "line 1, column 62: an escape", false },
	{ HEAD "[{\"type\":\"b\",\"n\":\"a\nb\"}]}", "line 1, column 63: a control character", false },
	{ HEAD "[{\"type\":\"b", "line 1, column 53: this string has no end", false },
	{ "[]", "line 1, column 1: not a JSON object", false },
	{ "{\"cniVersion\":\"1.0.0\",\"plugins\":[{\"type\":\"b\"}]}", "name: missing", false },
	{ "{\"cniVersion\":\"1.0.0\",\"name\":\"../x\",\"plugins\":[{\"type\":\"b\"}]}",
	  "name: '../x' is no name", false },
	{ "{\"name\":\"n\",\"plugins\":[{\"type\":\"b\"}]}", "cniVersion: missing; bulkhead needs 0.3.1",
	  false },
	{ "{\"cniVersion\":\"0.2.0\",\"name\":\"n\",\"plugins\":[{\"type\":\"b\"}]}", "cniVersion: '0.2.0'",
	  false },
	{ "{\"cniVersion\":\"1.0.0\",\"name\":\"n\"}", "plugins: missing or not a list", false },
	{ HEAD "[]}", "plugins: nobody there makes the interface", false },
	{ HEAD "[" ENTRY "]}", "plugins: nobody there makes the interface", false },
	{ HEAD "[\"bridge\"]}", "plugins[0]: not an object", false },
	{ HEAD "[{\"type\":\"b\"},{\"typ\":\"c\"}]}", "plugins[1].type: missing", false },
	{ "{\"cniVersion\":\"1.0.0\",\"name\":\"n\"}", "type: missing", true },
	{ "{\"cniVersion\":\"1.0.0\",\"name\":\"n\",\"type\":\"bulkhead\"}", "type: bulkhead alone", true },
	{ HEAD "[{\"type\":\"b\"}]}", "plugins: a list belongs into a file called *.conflist", true },
};

static void says_where_it_is_wrong(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(refusals) / sizeof(*refusals); i++) {
		const struct refusal *f = &refusals[i];
		struct conflist c = { 0 };
		struct bh_err err = { "" };

		assert_int_equal(conflist_read(f->text, strlen(f->text), !f->single, &c, &err), -EINVAL);
		if (strncmp(err.msg, f->why, strlen(f->why)))
			fail_msg("%s:\n%s\nshould be\n%s", f->text, err.msg, f->why);
		assert_null(c.root);
	}
}

static void bounds(void **state)
{
	auto_buf struct buf deep = BUF_INIT(65536);
	struct conflist c = { 0 };
	struct bh_err err = { "" };
	const char nul[] = HEAD "[{\"type\":\"b\"}]}\0";
	size_t i;

	(void)state;
	for (i = 0; i < 70; i++)
		assert_int_equal(buf_str(&deep, "["), 0);
	assert_int_equal(conflist_read(deep.data, deep.len, true, &c, &err), -EINVAL);
	assert_string_equal(err.msg, "line 1, column 65: nested too deep");
	assert_int_equal(conflist_read(nul, sizeof(nul) - 1, true, &c, &err), -EINVAL);
	assert_string_equal(err.msg, "line 1, column 59: something behind the end");
	assert_int_equal(conflist_read(deep.data, CONFLIST_MAX + 1, true, &c, &err), -EINVAL);
	assert_string_equal(err.msg, "larger than 1048576 bytes");
}

/* ---- wrapping ----------------------------------------------------------------------------- */

static void wraps_a_single_plugin(void **state)
{
	static const char one[] =
		"{ \"type\":\"ptp\", \"name\":\"n\",\n \"cniVersion\":\"0.3.1\", \"mtu\":1.40e3 }\n";
	static const char want[] =
		"{\n  \"cniVersion\": \"0.3.1\",\n  \"name\": \"n\",\n  \"plugins\": [\n    "
		"{ \"type\":\"ptp\", \"name\":\"n\",\n \"cniVersion\":\"0.3.1\", \"mtu\":1.40e3 },\n"
		"    " ENTRY "\n  ]\n}\n";
	auto_conflist struct conflist single = { 0 }, other = { 0 }, list = { 0 };
	auto_buf struct buf text = BUF_INIT(65536);
	struct bh_err err;

	(void)state;
	assert_int_equal(conflist_read(one, strlen(one), false, &single, &err), 0);
	assert_int_equal(conflist_wrap(&single, ENTRY, &text), 0);
	assert_string_equal(text.data, want);
	read_list(text.data, &list);
	assert_int_equal(conflist_state(&list, ENTRY), CONFLIST_RIGHT);
	assert_true(conflist_wraps(&list, &single));
	assert_int_equal(conflist_read(one, strlen(one) - 3, false, &other, &err), -EINVAL);
	assert_int_equal(conflist_read("{\"type\":\"ptp\",\"name\":\"n\",\"cniVersion\":\"0.3.1\"}", 46,
				       false, &other, &err),
			 0);
	assert_false(conflist_wraps(&list, &other));
}

/* ---- whatever comes ----------------------------------------------------------------------- */

/* Read or refused; what is read comes back as it was after our entry went in and out. */
static bool comes_back(const char *text, size_t len)
{
	auto_conflist struct conflist c = { 0 }, in = { 0 };
	auto_buf struct buf with = BUF_INIT(65536), out = BUF_INIT(65536);
	struct bh_err err = { "" };
	const int r = conflist_read(text, len, true, &c, &err);

	if (r < 0) {
		assert_int_equal(r, -EINVAL);
		assert_true(err.msg[0]);
		return false;
	}
	assert_int_equal(conflist_put(&c, ENTRY, &with), 0);
	if (conflist_read(with.data, with.len, true, &in, &err))
		fail_msg("%s\nfrom %.*s: %s", with.data, (int)len, text, err.msg);
	assert_int_equal(conflist_state(&in, ENTRY), CONFLIST_RIGHT);
	assert_int_equal(conflist_take(&in, &out), 0);
	if (!c.ours) {
		assert_int_equal(out.len, len);
		assert_memory_equal(out.data, text, len);
	}
	return true;
}

static void any_byte_may_be_wrong(void **state)
{
	static const char sample[] =
		"{\n\"a\":[-1.5e3,{}],\"cniVersion\":\"1.0.0\",\"name\":\"n\", \"plugins\" : [ "
		"{\"type\":\"x\",\"y\":\"\\u00e4\"},\n\t" ENTRY " , {\"type\":\"z\",\"m\":null} ]}\n";
	char text[sizeof(sample)];
	size_t at, good = 0;
	int byte;

	(void)state;
	for (at = 0; at < sizeof(sample) - 1; at++) {
		for (byte = 0; byte < 256; byte++) {
			memcpy(text, sample, sizeof(sample));
			text[at] = (char)byte;
			good += comes_back(text, sizeof(sample) - 1);
		}
		memcpy(text, sample, at);
		text[at] = '\0';
		assert_int_equal(comes_back(text, at),
				 at == sizeof(sample) - 2); /* but for the last line feed */
	}
	assert_true(good > sizeof(sample)); /* at least the sample itself each time */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(enters_and_leaves_without_a_trace),
		cmocka_unit_test(heals_what_others_made_of_it),
		cmocka_unit_test(equal_is_what_means_the_same),
		cmocka_unit_test(says_what_it_is),
		cmocka_unit_test(says_where_it_is_wrong),
		cmocka_unit_test(bounds),
		cmocka_unit_test(wraps_a_single_plugin),
		cmocka_unit_test(any_byte_may_be_wrong),
	};

	return cmocka_run_group_tests_name("conflist", tests, NULL, NULL);
}
