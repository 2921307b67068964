/* SPDX-License-Identifier: Apache-2.0 */
/* The network configuration: bounds, JSON, versions, and each key with its message. */
#include "../../../cni-plugin/netconf.h"

#include <errno.h>
#include <json-c/json.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "util/scope.h"

#define HEAD "\"cniVersion\":\"1.0.0\",\"name\":\"podnet\""

static int parse(const char *text, bool lenient, struct netconf *ret, struct bh_err *err)
{
	struct buf b = BUF_INIT(NETCONF_MAX);

	assert_int_equal(buf_str(&b, text), 0);
	return netconf_parse(&b, lenient, ret, err);
}

static void refuse(const char *text, int code, const char *says)
{
	struct bh_err err = { "" };
	struct netconf c;
	const int got = parse(text, false, &c, &err);

	netconf_done(&c);
	if (got != code || !strstr(err.msg, says))
		fail_msg("%s: got %d '%s', want %d '%s'", text, got, err.msg, code, says);
}

static void defaults(void **state)
{
	struct netconf c;

	(void)state;
	assert_int_equal(parse("{" HEAD ",\"unknown\":{\"x\":1}}\n\t ", false, &c, NULL), 0);
	assert_int_equal(c.version, CNI_1_0_0);
	assert_string_equal(c.name, "podnet");
	assert_string_equal(c.run_dir, "/run/bulkhead");
	assert_string_equal(c.pin_dir, "/sys/fs/bpf/bulkhead-v3");
	assert_int_equal(c.fail_mode, FAIL_CLOSED);
	assert_int_equal(c.attach, HOOK_AUTO);
	assert_int_equal(c.timeout_ms, 2000);
	assert_null(c.prev);
	assert_int_equal(netconf_fail_mode(&c, "kube-system"), FAIL_CLOSED);
	netconf_done(&c);
}

static void every_key(void **state)
{
	struct netconf c;

	(void)state;
	assert_int_equal(
		parse("{" HEAD ",\"runDir\":\"/r\",\"pinDir\":\"/p\",\"failMode\":\"isolate\","
		      "\"failOpenNamespaces\":[\"a\",\"b\"],\"attach\":\"clsact\",\"timeoutMs\":10000,"
		      "\"prevResult\":{}}",
		      false, &c, NULL),
		0);
	assert_string_equal(c.run_dir, "/r");
	assert_string_equal(c.pin_dir, "/p");
	assert_int_equal(c.fail_mode, FAIL_ISOLATE);
	assert_int_equal(c.attach, HOOK_CLSACT);
	assert_int_equal(c.timeout_ms, 10000);
	assert_non_null(c.prev);
	assert_int_equal(netconf_fail_mode(&c, "b"), FAIL_OPEN);
	assert_int_equal(netconf_fail_mode(&c, "c"), FAIL_ISOLATE);
	assert_int_equal(netconf_fail_mode(&c, ""), FAIL_ISOLATE);
	netconf_done(&c);
}

static void versions(void **state)
{
	static const char *const known[] = { "0.3.1", "0.4.0", "1.0.0", "1.1.0" };
	static const char *const unknown[] = { "0.2.0", "0.3.0", "1.0", "1.2.0", "", "v1.0.0", "1.1.0 " };
	struct netconf c;
	char text[80];
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(known); i++) {
		(void)snprintf(text, sizeof(text), "{\"cniVersion\":\"%s\",\"name\":\"n\"}", known[i]);
		assert_int_equal(parse(text, false, &c, NULL), 0);
		assert_int_equal(c.version, i);
		netconf_done(&c);
	}
	for (i = 0; i < ARRAY_SIZE(unknown); i++) {
		(void)snprintf(text, sizeof(text), "{\"cniVersion\":\"%s\",\"name\":\"n\"}", unknown[i]);
		refuse(text, CNI_BAD_VERSION, "cniVersion: '");
	}
	refuse("{\"name\":\"n\"}", CNI_BAD_VERSION, "cniVersion: missing");
	refuse("{\"cniVersion\":1,\"name\":\"n\"}", CNI_BAD_CONFIG, "cniVersion: not of type string");
}

/* An error is told in the version of the configuration, as soon as that is known. */
static void version_is_known_on_failure(void **state)
{
	struct netconf c;

	(void)state;
	assert_int_equal(parse("{\"cniVersion\":\"0.4.0\"}", false, &c, NULL), CNI_BAD_CONFIG);
	assert_int_equal(c.version, CNI_0_4_0);
	netconf_done(&c);
	assert_int_equal(parse("{", false, &c, NULL), CNI_DECODE);
	assert_int_equal(c.version, CNI_1_1_0);
	netconf_done(&c);
}

static void not_json(void **state)
{
	(void)state;
	refuse("", CNI_DECODE, "ends too early");
	refuse(" \n", CNI_DECODE, "ends too early");
	refuse("{" HEAD, CNI_DECODE, "ends too early");
	refuse("hello", CNI_DECODE, "at byte 0");
	refuse("[]", CNI_DECODE, "not one JSON object");
	refuse("null", CNI_DECODE, "network configuration");
	refuse("{" HEAD "}{}", CNI_DECODE, "network configuration");
	refuse("{" HEAD ",}", CNI_DECODE, "network configuration");
}

static void nul_byte(void **state)
{
	static const char text[] = "{" HEAD ",\"x\":\0 1}";
	struct buf b = BUF_INIT(NETCONF_MAX);
	struct netconf c;

	(void)state;
	assert_int_equal(buf_add(&b, text, sizeof(text) - 1), 0);
	assert_int_equal(netconf_parse(&b, false, &c, NULL), CNI_DECODE);
	netconf_done(&c);
}

static void nesting(int depth, char *ret)
{
	int i;

	ret += sprintf(ret, "{" HEAD ",\"x\":");
	for (i = 0; i < depth; i++)
		*ret++ = '[';
	for (i = 0; i < depth; i++)
		*ret++ = ']';
	strcpy(ret, "}");
}

static void depth_is_bounded(void **state)
{
	auto_free char *text = malloc(300000);
	struct netconf c;

	(void)state;
	nesting(NETCONF_DEPTH - 2, text);
	assert_int_equal(parse(text, false, &c, NULL), 0);
	netconf_done(&c);
	nesting(NETCONF_DEPTH, text);
	refuse(text, CNI_DECODE, "nesting too deep");
	nesting(30000, text);
	refuse(text, CNI_DECODE, "nesting too deep");
}

/* A short text of many empty objects would cost hundreds of MB as a tree. */
static void values_are_bounded(void **state)
{
	auto_free char *text = malloc(4 * NETCONF_VALUES + 100);
	struct netconf c;
	char *at = text + sprintf(text, "{" HEAD ",\"x\":[");
	int i, n = NETCONF_VALUES - 6; /* beside the two of HEAD, "x", and the first ones of each nesting */

	(void)state;
	for (i = 0; i < n / 2; i++)
		at += sprintf(at, "%s{}", i ? "," : "");
	strcpy(at, "]}");
	assert_int_equal(parse(text, false, &c, NULL), 0);
	netconf_done(&c);
	for (i = 0; i < 4; i++)
		at += sprintf(at, ",{}");
	strcpy(at, "]}");
	refuse(text, CNI_DECODE, "over 32768 values");
}

static void size_is_bounded(void **state)
{
	const int fd = memfd_create("conf", MFD_CLOEXEC);
	struct buf b = BUF_INIT(NETCONF_MAX);
	struct bh_err err = { "" };

	(void)state;
	assert_int_equal(ftruncate(fd, NETCONF_MAX), 0);
	assert_int_equal(netconf_read(fd, &b, &err), 0);
	assert_int_equal(b.len, NETCONF_MAX);
	buf_clear(&b);
	assert_int_equal(ftruncate(fd, NETCONF_MAX + 1), 0);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	assert_int_equal(netconf_read(fd, &b, &err), CNI_DECODE);
	assert_non_null(strstr(err.msg, "over 1048576 bytes"));
	assert_int_equal(netconf_read(-1, &b, &err), CNI_IO);
	buf_done(&b);
	(void)close(fd);
}

static void bad_keys(void **state)
{
	static const struct {
		const char *more, *says;
	} rows[] = {
		{ "\"runDir\":7", "runDir: not of type string" },
		{ "\"runDir\":\"run\"", "runDir: 'run'" },
		{ "\"runDir\":\"\"", "runDir: ''" },
		{ "\"pinDir\":\"bpf\"", "pinDir: 'bpf'" },
		{ "\"failMode\":\"maybe\"", "failMode: 'maybe'" },
		{ "\"failMode\":true", "failMode: not of type string" },
		{ "\"failOpenNamespaces\":\"a\"", "failOpenNamespaces: not of type array" },
		{ "\"failOpenNamespaces\":[\"a\",7]", "failOpenNamespaces[1]" },
		{ "\"failOpenNamespaces\":[\"\"]", "failOpenNamespaces[0]" },
		{ "\"attach\":\"xdp\"", "attach: 'xdp'" },
		{ "\"timeoutMs\":\"5\"", "timeoutMs: not of type int" },
		{ "\"timeoutMs\":0", "timeoutMs: 0" },
		{ "\"timeoutMs\":-1", "timeoutMs: -1" },
		{ "\"timeoutMs\":10001", "timeoutMs: 10001" },
		{ "\"timeoutMs\":1.5", "timeoutMs: not of type int" },
		{ "\"timeoutMs\":99999999999999999999", "timeoutMs: " },
		{ "\"prevResult\":[]", "prevResult: not of type object" },
	};
	char text[200];
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		(void)snprintf(text, sizeof(text), "{" HEAD ",%s}", rows[i].more);
		refuse(text, CNI_BAD_CONFIG, rows[i].says);
	}
}

static void run_dir_is_bounded(void **state)
{
	char text[400] = "{" HEAD ",\"runDir\":\"/";

	(void)state;
	memset(text + strlen(text), 'a', DIR_BYTES - 1);
	strcat(text, "\"}");
	refuse(text, CNI_BAD_CONFIG, "runDir: ");
}

static void names(void **state)
{
	static const char *const bad[] = { "", "a b", "a/b", ".a", "-a", "a\\u0000b" };
	struct netconf c;
	char text[80];
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		(void)snprintf(text, sizeof(text), "{\"cniVersion\":\"1.0.0\",\"name\":\"%s\"}", bad[i]);
		refuse(text, CNI_BAD_CONFIG, "name: ");
	}
	refuse("{\"cniVersion\":\"1.0.0\"}", CNI_BAD_CONFIG, "name: missing");
	refuse("{\"cniVersion\":\"1.0.0\",\"name\":null}", CNI_BAD_CONFIG, "name: missing");
	assert_int_equal(
		parse("{\"cniVersion\":\"1.0.0\",\"name\":\"k8s-pod-network.v1_x\"}", false, &c, NULL), 0);
	netconf_done(&c);
}

/* DEL has no use for these keys, and must not fail because somebody changed them since ADD. */
static void lenient(void **state)
{
	struct netconf c;

	(void)state;
	assert_int_equal(parse("{" HEAD
			       ",\"failMode\":7,\"failOpenNamespaces\":7,\"attach\":7,\"timeoutMs\":\"x\","
			       "\"prevResult\":7,\"runDir\":\"/r\"}",
			       true, &c, NULL),
			 0);
	assert_string_equal(c.run_dir, "/r");
	assert_null(c.prev);
	netconf_done(&c);
	assert_int_equal(parse("{" HEAD ",\"runDir\":7}", true, &c, NULL), CNI_BAD_CONFIG);
	netconf_done(&c);
}

static void expect_slice(const char *text, const char *want)
{
	struct netconf c;

	assert_int_equal(parse(text, false, &c, NULL), 0);
	if (c.prev_len != strlen(want) || strncmp(c.text.data + c.prev_at, want, c.prev_len))
		fail_msg("%s: got '%.*s', want '%s'", text, (int)c.prev_len, c.text.data + c.prev_at, want);
	netconf_done(&c);
}

static void prev_result_is_found_in_the_text(void **state)
{
	(void)state;
	expect_slice("{" HEAD ",\"prevResult\":{\"a\":1}}", "{\"a\":1}");
	expect_slice("{ \"prevResult\" :\n\t{ \"a\" : [ { } ] } , " HEAD " }", "{ \"a\" : [ { } ] }");
	expect_slice("{\"x\":{\"prevResult\":{\"no\":1}}," HEAD ",\"prevResult\":{}}", "{}");
	expect_slice("{\"x\":[\"prevResult\",{\"prevResult\":2}]," HEAD ",\"prevResult\":{\"y\":2}}",
		     "{\"y\":2}");
	expect_slice("{\"x\":\"\\\"prevResult\\\":{}\"," HEAD ",\"prevResult\":{\"s\":\"}\\\\\"}}",
		     "{\"s\":\"}\\\\\"}");
	expect_slice("{\"n\":-1.5e9,\"t\":true,\"z\":null," HEAD ",\"prevResult\":{\"y\":3}}", "{\"y\":3}");
	expect_slice("{\"prevResult\":{\"first\":1}," HEAD ",\"prevResult\":{\"last\":1}}", "{\"last\":1}");
	expect_slice("{" HEAD ",\"prevResultX\":{\"a\":1}}", "");
	expect_slice("{" HEAD ",\"prevResult\":{},\"prevResultX\":{\"a\":1}}", "{}");
	expect_slice("{" HEAD ",\"prev\\u0052esult\":{\"a\":1}}", "");
	expect_slice("{" HEAD ",\"prevResult\":{\"a\":1},\"prev\\u0052esult\":{\"b\":1}}", "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults),
		cmocka_unit_test(every_key),
		cmocka_unit_test(versions),
		cmocka_unit_test(version_is_known_on_failure),
		cmocka_unit_test(not_json),
		cmocka_unit_test(nul_byte),
		cmocka_unit_test(depth_is_bounded),
		cmocka_unit_test(values_are_bounded),
		cmocka_unit_test(size_is_bounded),
		cmocka_unit_test(bad_keys),
		cmocka_unit_test(run_dir_is_bounded),
		cmocka_unit_test(names),
		cmocka_unit_test(lenient),
		cmocka_unit_test(prev_result_is_found_in_the_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
