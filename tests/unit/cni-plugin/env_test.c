/* SPDX-License-Identifier: Apache-2.0 */
/* The CNI_* environment: what must be there, what shapes pass, and CNI_ARGS. */
#include "../../../cni-plugin/netconf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "util/scope.h"

#define ALL (NEED_CONTAINER | NEED_NETNS | NEED_IFNAME | NEED_POD)
#define POD "K8S_POD_NAMESPACE=shop;K8S_POD_NAME=web"

static int good(void **state)
{
	(void)state;
	setenv("CNI_CONTAINERID", "c1", 1);
	setenv("CNI_NETNS", "/run/netns/x", 1);
	setenv("CNI_IFNAME", "eth0", 1);
	setenv("CNI_ARGS", POD, 1);
	unsetenv("CNI_NETNS_OVERRIDE");
	return 0;
}

static void refuse(unsigned int needs, const char *says)
{
	struct bh_err err = { "" };
	struct env e;

	assert_int_equal(env_read(needs, &e, &err), CNI_BAD_ENV);
	if (!strstr(err.msg, says))
		fail_msg("got '%s', want '%s'", err.msg, says);
}

static void takes_everything(void **state)
{
	struct env e;

	(void)state;
	setenv("CNI_ARGS", "IgnoreUnknown=1;" POD ";K8S_POD_UID=u=1;K8S_POD_INFRA_CONTAINER_ID=abc;", 1);
	assert_int_equal(env_read(ALL, &e, NULL), 0);
	assert_string_equal(e.container, "c1");
	assert_string_equal(e.netns, "/run/netns/x");
	assert_string_equal(e.ifname, "eth0");
	assert_string_equal(e.pod_ns, "shop");
	assert_string_equal(e.pod_name, "web");
	assert_string_equal(e.pod_uid, "u=1");
	assert_false(e.netns_override);
}

static void every_missing_name_is_told(void **state)
{
	(void)state;
	unsetenv("CNI_CONTAINERID");
	setenv("CNI_NETNS", "", 1);
	unsetenv("CNI_IFNAME");
	unsetenv("CNI_ARGS");
	refuse(ALL, "CNI_CONTAINERID, CNI_NETNS, CNI_IFNAME, K8S_POD_NAMESPACE (in CNI_ARGS), K8S_POD_NAME");
	refuse(NEED_CONTAINER | NEED_IFNAME, "environment: CNI_CONTAINERID, CNI_IFNAME");
	setenv("CNI_ARGS", "K8S_POD_NAMESPACE=;K8S_POD_NAME=web", 1);
	good(state);
	setenv("CNI_ARGS", "K8S_POD_NAMESPACE=;K8S_POD_NAME=web", 1);
	refuse(ALL, "environment: K8S_POD_NAMESPACE (in CNI_ARGS)");
}

static void what_is_not_needed_may_be_missing(void **state)
{
	struct env e;

	(void)state;
	unsetenv("CNI_NETNS");
	setenv("CNI_ARGS", "garbage", 1);
	assert_int_equal(env_read(NEED_CONTAINER | NEED_IFNAME, &e, NULL), 0);
	assert_string_equal(e.netns, "");
	assert_string_equal(e.pod_ns, "");
	unsetenv("CNI_CONTAINERID");
	unsetenv("CNI_IFNAME");
	assert_int_equal(env_read(0, &e, NULL), 0);
}

static void container_ids(void **state)
{
	static const char *const bad[] = { "../x", ".x", "-x", "_x", "a b", "a/b", "a\n", "a\xc3\xa4" };
	static const char *const fine[] = { "a", "0", "A.b_c-9", "a..", "3f8a" };
	struct env e;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		setenv("CNI_CONTAINERID", bad[i], 1);
		refuse(ALL, "CNI_CONTAINERID: ");
	}
	for (i = 0; i < ARRAY_SIZE(fine); i++) {
		setenv("CNI_CONTAINERID", fine[i], 1);
		assert_int_equal(env_read(ALL, &e, NULL), 0);
	}
}

static void interface_names(void **state)
{
	static const char *const bad[] = { ".", "..", "a/b", "a:b", "a b", "a\tb", "sixteen-letters-" };
	static const char *const fine[] = { "e", "eth0.5", "...", "fifteen-letters", "@x" };
	struct env e;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		setenv("CNI_IFNAME", bad[i], 1);
		refuse(ALL, "CNI_IFNAME: ");
	}
	for (i = 0; i < ARRAY_SIZE(fine); i++) {
		setenv("CNI_IFNAME", fine[i], 1);
		assert_int_equal(env_read(ALL, &e, NULL), 0);
	}
}

static void bad_args(void **state)
{
	static const struct {
		const char *args, *says;
	} rows[] = {
		{ "K8S_POD_NAMESPACE;K8S_POD_NAME=web", "'K8S_POD_NAMESPACE' is not KEY=VALUE" },
		{ POD ";x", "'x' is not KEY=VALUE" },
		{ "K8S_POD_NAMESPACE=../a;K8S_POD_NAME=web", "K8S_POD_NAMESPACE '../a'" },
		{ "K8S_POD_NAMESPACE=a/b;K8S_POD_NAME=web", "K8S_POD_NAMESPACE 'a/b'" },
		{ "K8S_POD_NAMESPACE=a;K8S_POD_NAME=Web", "K8S_POD_NAME 'Web'" },
		{ "K8S_POD_NAMESPACE=a;K8S_POD_NAME=web-", "K8S_POD_NAME 'web-'" },
		{ "K8S_POD_NAMESPACEX=a;K8S_POD_NAME=web", "K8S_POD_NAMESPACE (in" },
	};
	char args[400] = "K8S_POD_NAME=web;K8S_POD_NAMESPACE=";
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		setenv("CNI_ARGS", rows[i].args, 1);
		refuse(ALL, rows[i].says);
	}
	memset(args + strlen(args), 'a', 254);
	setenv("CNI_ARGS", args, 1);
	refuse(ALL, "K8S_POD_NAMESPACE has over 253 bytes");
}

static void the_longest_name(void **state)
{
	char args[400] = "K8S_POD_NAME=web;K8S_POD_NAMESPACE=";
	struct env e;

	(void)state;
	memset(args + strlen(args), 'a', 253);
	setenv("CNI_ARGS", args, 1);
	assert_int_equal(env_read(ALL, &e, NULL), 0);
	assert_int_equal(strlen(e.pod_ns), 253);
}

static void override(void **state)
{
	static const struct {
		const char *text;
		bool want;
	} rows[] = { { "1", true },  { "true", true }, { "T", true },
		     { "0", false }, { "yes", false }, { "", false } };
	struct env e;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		setenv("CNI_NETNS_OVERRIDE", rows[i].text, 1);
		assert_int_equal(env_read(ALL, &e, NULL), 0);
		assert_int_equal(e.netns_override, rows[i].want);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(takes_everything, good),
		cmocka_unit_test_setup(every_missing_name_is_told, good),
		cmocka_unit_test_setup(what_is_not_needed_may_be_missing, good),
		cmocka_unit_test_setup(container_ids, good),
		cmocka_unit_test_setup(interface_names, good),
		cmocka_unit_test_setup(bad_args, good),
		cmocka_unit_test_setup(the_longest_name, good),
		cmocka_unit_test_setup(override, good),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
