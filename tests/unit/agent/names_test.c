/* SPDX-License-Identifier: Apache-2.0 */
/* Whose an address is said to be. */
#include "names.h"

#include "tests/unit/policy/world.h"

static void assert_name(struct names *n, const char *addr, const char *wanted)
{
	const struct addr a = w_addr(addr);
	char name[NAME_MAX_LEN];

	assert_string_equal(names_addr(n, &a, name), wanted);
}

static bool is_pod(struct names *n, const char *addr, const char *ns, const char *pod)
{
	const struct addr a = w_addr(addr);
	const char *is_ns = "", *is = "";

	return names_pod(n, &a, &is_ns, &is) && !strcmp(is_ns, ns) && !strcmp(is, pod);
}

static void everybody_has_a_name(void **state)
{
	auto_model struct model *m = model_new();
	const struct addr mine = w_addr("192.0.2.1");
	struct names *n = names_new(m);
	struct service *s;

	(void)state;
	assert_int_equal(model_set_local_addrs(m, &mine, 1), 0);
	w_endpoint(m, "shop/db", 7, "10.0.0.7");
	w_pod(m, "shop/web", "", "10.0.0.8");
	w_pod(m, "shop/old", "", "10.0.0.9")->ended = true;
	w_node(m, "n2", "192.0.2.2");
	w_service(m, "shop/web", "10.96.0.1,fd00:96::1", "tcp/80");
	assert_name(n, "10.0.0.7", "shop/db");
	assert_name(n, "10.0.0.8", "shop/web");
	assert_name(n, "10.0.0.9", "");
	assert_name(n, "192.0.2.1", "node");
	assert_name(n, "192.0.2.2", "node 'n2'");
	assert_name(n, "10.96.0.1", "service 'shop/web'");
	assert_name(n, "fd00:96::1", "service 'shop/web'");
	assert_name(n, "10.96.0.2", "");
	assert_true(is_pod(n, "10.0.0.7", "shop", "db"));
	assert_true(is_pod(n, "10.0.0.8", "shop", "web"));
	assert_false(is_pod(n, "10.0.0.9", "", ""));
	assert_false(is_pod(n, "192.0.2.1", "", "node"));
	assert_false(is_pod(n, "10.96.0.1", "shop", "web"));
	s = w_service(m, "shop/x", "10.96.0.3", "tcp/80");
	w_stands(s, externals, "198.51.100.2");
	w_stands(s, externals, "10.96.0.1");
	w_stands(s, balancers, "198.51.100.1");
	names_stale(n);
	assert_name(n, "198.51.100.1", "service 'shop/x'");
	assert_name(n, "198.51.100.2", "service 'shop/x'");
	assert_name(n, "10.96.0.1", "service 'shop/web'"); /* outranked */
	names_free(n);
}

/* Who has an address is named before who only stands for others. */
static void the_one_who_has_it(void **state)
{
	auto_model struct model *m = model_new();
	const struct addr mine[] = { w_addr("192.0.2.1"), w_addr("10.96.0.10") };
	struct names *n = names_new(m);

	(void)state;
	w_stands(w_service(m, "shop/all", "192.0.2.2,10.0.0.8,10.96.0.10", "tcp/80"), externals, "192.0.2.1");
	assert_name(n, "192.0.2.1", "service 'shop/all'");
	assert_name(n, "10.0.0.8", "service 'shop/all'");
	assert_int_equal(model_set_local_addrs(m, mine, 2), 0);
	w_node(m, "n1", "192.0.2.1");
	w_node(m, "n2", "192.0.2.2");
	w_pod(m, "shop/web", "", "10.0.0.8");
	names_stale(n);
	assert_name(n, "192.0.2.1", "node");
	assert_name(n, "192.0.2.2", "node 'n2'");
	assert_name(n, "10.0.0.8", "shop/web");
	assert_name(n, "10.96.0.10", "service 'shop/all'");
	w_endpoint(m, "shop/db", 7, "10.0.0.8");
	names_stale(n);
	assert_name(n, "10.0.0.8", "shop/db");
	names_free(n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(everybody_has_a_name),
		cmocka_unit_test(the_one_who_has_it),
	};

	return cmocka_run_group_tests_name("agent/names", tests, NULL, NULL);
}
