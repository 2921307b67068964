/* SPDX-License-Identifier: Apache-2.0 */
/* prevResult: which addresses are the interface's, and that it leaves as it came. Errors. */
#include "../../../cni-plugin/result.h"

#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "util/scope.h"

#define MAX 8

static struct netconf conf_of(const char *version, const char *prev)
{
	struct buf b = BUF_INIT(NETCONF_MAX);
	struct netconf c;

	assert_int_equal(
		buf_fmt(&b, "{\"cniVersion\":\"%s\",\"name\":\"n\",\"prevResult\":%s}", version, prev), 0);
	assert_int_equal(netconf_parse(&b, false, &c, NULL), 0);
	return c;
}

/* ---- addresses -------------------------------------------------------------------------- */

#define TWO                                                                                                  \
	"\"interfaces\":[{\"name\":\"veth1\",\"mac\":\"x\"},{\"name\":\"eth0\",\"sandbox\":\"/n\"},"         \
	"{\"name\":\"eth0\"},{\"name\":\"eth0\",\"sandbox\":\"\"},{\"name\":\"net1\",\"sandbox\":\"/n\"}]"

static void expect(const char *prev, const char *want)
{
	struct netconf c = conf_of("1.0.0", prev);
	struct addr list[MAX];
	char got[512] = "", text[ADDR_TEXT];
	struct bh_err err = { "" };
	size_t i, n = 0;

	if (result_addrs(&c, "eth0", list, MAX, &n, &err))
		fail_msg("%s: %s", prev, err.msg);
	for (i = 0; i < n; i++)
		(void)snprintf(got + strlen(got), sizeof(got) - strlen(got), "%s%s", i ? " " : "",
			       addr_text(&list[i], text));
	if (strcmp(got, want))
		fail_msg("%s: got '%s', want '%s'", prev, got, want);
	netconf_done(&c);
}

static void addresses_of_the_interface(void **state)
{
	(void)state;
	expect("{}", "");
	expect("{\"ips\":null}", "");
	expect("{\"ips\":[{\"address\":\"10.0.0.2/24\"},{\"address\":\"fd00::2/64\"}]}", "10.0.0.2 fd00::2");
	expect("{" TWO ",\"ips\":[{\"address\":\"10.0.0.2/24\",\"interface\":1},{\"address\":\"10.0.0.3/"
	       "24\",\"interface\":0},"
	       "{\"address\":\"10.0.0.4/24\",\"interface\":2},{\"address\":\"10.0.0.5/24\",\"interface\":3},"
	       "{\"address\":\"10.0.0.6/24\",\"interface\":4},{\"address\":\"10.0.0.7/24\"}]}",
	       "10.0.0.2 10.0.0.7");
	expect("{\"ips\":[{\"version\":\"4\",\"address\":\"10.0.0.2/24\",\"gateway\":\"10.0.0.1\"}]}",
	       "10.0.0.2");
	expect("{\"ips\":[{\"address\":\"10.0.0.2/24\"},{\"address\":\"10.0.0.2/32\"}]}", "10.0.0.2");
	expect("{\"ips\":[{\"address\":\"10.0.0.2/24\",\"interface\":null}]}", "10.0.0.2");
}

static void bad_addresses(void **state)
{
	static const struct {
		const char *prev, *says;
	} rows[] = {
		{ "{\"ips\":{}}", "prevResult.ips: not a list" },
		{ "{\"ips\":[7]}", "prevResult.ips[0].address" },
		{ "{\"ips\":[{\"address\":\"10.0.0.2/24\"},{}]}", "prevResult.ips[1].address" },
		{ "{\"ips\":[{\"address\":\"10.0.0.2\"}]}", "'10.0.0.2'" },
		{ "{\"ips\":[{\"address\":\"10.0.0.2/33\"}]}", "'10.0.0.2/33'" },
		{ "{\"ips\":[{\"address\":\"10.0.0.256/24\"}]}", "'10.0.0.256/24'" },
		{ "{\"ips\":[{\"address\":\"::ffff:1.2.3.4/128\"}]}", "'::ffff:1.2.3.4/128'" },
		{ "{\"ips\":[{\"address\":7}]}", "prevResult.ips[0].address" },
		{ "{\"ips\":[{\"address\":\"10.0.0.2/24\",\"interface\":0}]}",
		  "ips[0].interface: not one of its 0" },
		{ "{" TWO ",\"ips\":[{\"address\":\"10.0.0.2/24\",\"interface\":5}]}",
		  "ips[0].interface: not one of its 5" },
		{ "{" TWO ",\"ips\":[{\"address\":\"10.0.0.2/24\",\"interface\":-1}]}", "ips[0].interface" },
		{ "{" TWO ",\"ips\":[{\"address\":\"10.0.0.2/24\",\"interface\":\"1\"}]}",
		  "ips[0].interface" },
		{ "{\"interfaces\":7,\"ips\":[{\"address\":\"10.0.0.2/24\",\"interface\":1}]}",
		  "interfaces: not a list" },
	};
	struct addr list[MAX];
	size_t i, n = 77;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		struct netconf c = conf_of("1.0.0", rows[i].prev);
		struct bh_err err = { "" };

		assert_int_equal(result_addrs(&c, "eth0", list, MAX, &n, &err), CNI_BAD_CONFIG);
		if (!strstr(err.msg, rows[i].says))
			fail_msg("%s: got '%s', want '%s'", rows[i].prev, err.msg, rows[i].says);
		assert_int_equal(n, 77);
		netconf_done(&c);
	}
}

static void addresses_are_bounded(void **state)
{
	auto_buf struct buf prev = BUF_INIT(4096);
	struct addr list[MAX];
	struct netconf c;
	size_t n = 0;
	int i, code;

	(void)state;
	for (i = 0; i < MAX + 1; i++) {
		buf_clear(&prev);
		assert_int_equal(buf_str(&prev, "{\"ips\":["), 0);
		for (n = 0; n <= (size_t)i; n++)
			assert_int_equal(buf_fmt(&prev, "%s{\"address\":\"10.0.0.%zu/24\"}", n ? "," : "", n),
					 0);
		assert_int_equal(buf_str(&prev, "]}"), 0);
		c = conf_of("1.0.0", prev.data);
		code = result_addrs(&c, "eth0", list, MAX, &n, NULL);
		assert_int_equal(code, i < MAX ? 0 : CNI_BAD_CONFIG);
		netconf_done(&c);
	}
}

/* ---- out -------------------------------------------------------------------------------- */

static void expect_text(const char *version, const char *prev, const char *want)
{
	struct netconf c = conf_of(version, prev);
	auto_buf struct buf out = BUF_INIT(NETCONF_MAX);
	struct bh_err err = { "" };

	if (result_text(&c, &out, &err))
		fail_msg("%s: %s", prev, err.msg);
	assert_string_equal(out.data, want);
	netconf_done(&c);
}

/* Numbers that no parser keeps, spaces, escapes, doubled and unknown keys. */
static void passes_through_every_byte(void **state)
{
	static const char odd[] =
		"{ \"cniVersion\" : \"1.1.0\",\n\t\"big\":123456789012345678901234567890, \"e\":1e400,"
		"\"f\":0.10000000000000000555,\"dup\":1,\"dup\":2,\"s\":\"\\u00e9\\/ } ] \\\" \\\\\","
		"\"ips\":[{\"address\":\"10.9.0.1\\/24\"}],\"custom\":{\"a\":[null,true,1.0,-0]} }";

	(void)state;
	expect_text("1.1.0", odd, odd);
	expect_text("1.1.0", "{}", "{}");
}

static void converts_only_between_versions(void **state)
{
	static const char v4[] =
		"{\"cniVersion\":\"0.4.0\",\"ips\":[{\"version\":\"4\",\"address\":\"10.0.0.2/24\"},"
		"{\"version\":\"6\",\"address\":\"fd00::2/64\"}],\"keep\":[1]}";
	static const char v1[] = "{\"cniVersion\":\"1.0.0\",\"ips\":[{\"address\":\"10.0.0.2/24\"},"
				 "{\"address\":\"fd00::2/64\"}],\"keep\":[1]}";

	(void)state;
	expect_text("0.4.0", v4, v4);
	expect_text("1.0.0", v1, v1);
	expect_text("1.0.0", v4, v1);
	expect_text("0.4.0", v1,
		    "{\"cniVersion\":\"0.4.0\",\"ips\":[{\"address\":\"10.0.0.2/24\",\"version\":\"4\"},"
		    "{\"address\":\"fd00::2/64\",\"version\":\"6\"}],\"keep\":[1]}");
	expect_text("1.1.0", "{\"cniVersion\":\"1.0.0\"}", "{\"cniVersion\":\"1.1.0\"}");
}

static void unknown_version_of_the_result(void **state)
{
	static const char *const prevs[] = { "{\"cniVersion\":\"0.2.0\",\"ip4\":{}}", "{\"cniVersion\":7}",
					     "{\"cniVersion\":null}" };
	size_t i;

	(void)state;
	for (i = 0; i < 2; i++) {
		struct netconf c = conf_of("1.0.0", prevs[i]);
		auto_buf struct buf out = BUF_INIT(NETCONF_MAX);
		struct bh_err err = { "" };

		assert_int_equal(result_text(&c, &out, &err), CNI_BAD_CONFIG);
		assert_non_null(strstr(err.msg, "prevResult.cniVersion: '"));
		netconf_done(&c);
	}
	expect_text("1.0.0", prevs[2], prevs[2]);
}

static void key_in_escapes(void **state)
{
	struct buf b = BUF_INIT(NETCONF_MAX);
	auto_buf struct buf out = BUF_INIT(NETCONF_MAX);
	struct netconf c;

	(void)state;
	assert_int_equal(
		buf_str(&b, "{\"cniVersion\":\"1.0.0\",\"name\":\"n\",\"prev\\u0052esult\":{ \"a/b\" : 1 }}"),
		0);
	assert_int_equal(netconf_parse(&b, false, &c, NULL), 0);
	assert_int_equal(result_text(&c, &out, NULL), 0);
	assert_string_equal(out.data, "{\"a/b\":1}");
	netconf_done(&c);
}

static void error_object(void **state)
{
	static const int codes[] = { 1, 4, 5, 6, 7, 8, 11, 50, 100, 101, 102, 103 };
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(codes); i++) {
		auto_buf struct buf out = BUF_INIT(4096);
		struct json_object *o;

		assert_int_equal(result_error(CNI_0_4_0, codes[i], "a \"quoted\"\n/path", &out), 0);
		o = json_tokener_parse(out.data);
		assert_string_equal(json_object_get_string(json_object_object_get(o, "cniVersion")), "0.4.0");
		assert_int_equal(json_object_get_int(json_object_object_get(o, "code")), codes[i]);
		assert_string_equal(json_object_get_string(json_object_object_get(o, "msg")),
				    "a \"quoted\"\n/path");
		assert_true(json_object_get_string_len(json_object_object_get(o, "details")) > 0);
		assert_int_equal(json_object_object_length(o), 4);
		assert_null(strchr(out.data, '\n'));
		json_object_put(o);
	}
}

static void versions_object(void **state)
{
	auto_buf struct buf out = BUF_INIT(4096);

	(void)state;
	assert_int_equal(result_versions(&out), 0);
	assert_string_equal(
		out.data,
		"{\"cniVersion\":\"1.1.0\",\"supportedVersions\":[\"0.3.1\",\"0.4.0\",\"1.0.0\",\"1.1.0\"]}");
}

static void prints_or_says_why(void **state)
{
	auto_fd int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
	auto_buf struct buf out = BUF_INIT(64);
	char back[16] = "";
	int ends[2];

	(void)state;
	assert_int_equal(pipe2(ends, O_CLOEXEC | O_DIRECT), 0); /* keeps writes apart */
	assert_int_equal(buf_str(&out, "hello"), 0);
	assert_int_equal(result_print(ends[1], &out), 0);
	assert_int_equal(read(ends[0], back, sizeof(back)), 6);
	assert_string_equal(back, "hello\n");
	(void)close(ends[0]);
	(void)close(ends[1]);
	assert_int_equal(result_print(full, &out), -ENOSPC);
	assert_int_equal(result_print(-1, &out), -EBADF);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_of_the_interface),
		cmocka_unit_test(bad_addresses),
		cmocka_unit_test(addresses_are_bounded),
		cmocka_unit_test(passes_through_every_byte),
		cmocka_unit_test(converts_only_between_versions),
		cmocka_unit_test(unknown_version_of_the_result),
		cmocka_unit_test(key_in_escapes),
		cmocka_unit_test(error_object),
		cmocka_unit_test(versions_object),
		cmocka_unit_test(prints_or_says_why),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
