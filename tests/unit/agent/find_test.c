/* SPDX-License-Identifier: Apache-2.0 */
/* Finding the pod that a person means. */
#include "find.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util/near.h"

static void add_pod(struct model *m, const char *ns, const char *name)
{
	assert_int_equal(model_put_namespace(m, namespace_new(ns)), 0);
	assert_int_equal(model_put_pod(m, pod_new(ns, name)), 0);
}

static void add_endpoint(struct model *m, const char *ns, const char *name, const char *addr)
{
	struct endpoint *e = endpoint_new();

	free(e->ns);
	free(e->pod);
	e->ns = strdup(ns);
	e->pod = strdup(name);
	e->ifindex = 1;
	e->key = hash128_of(addr, strlen(addr));
	assert_int_equal(addr_parse(addr, vec_add(&e->addrs)), 0);
	assert_int_equal(model_put_endpoint(m, e), 0);
}

/* Here: shop/web, shop/db, ops/web. Elsewhere: shop/cache, lab/mail. And policies. */
static int setup(void **state)
{
	struct model *m = model_new();

	add_pod(m, "shop", "web");
	add_pod(m, "shop", "db");
	add_pod(m, "ops", "web");
	add_pod(m, "shop", "cache");
	add_pod(m, "lab", "mail");
	assert_int_equal(model_put_policy(m, net_policy_new(POLICY_NETWORK, "shop", "lock")), 0);
	assert_int_equal(model_put_policy(m, net_policy_new(POLICY_CLUSTER, "", "all")), 0);
	add_endpoint(m, "shop", "web", "10.0.0.1");
	add_endpoint(m, "shop", "db", "10.0.0.2");
	add_endpoint(m, "ops", "web", "10.0.0.3");
	*state = m;
	return 0;
}

static int teardown(void **state)
{
	model_free(*state);
	return 0;
}

static void a_full_name_is_found(void **state)
{
	const struct endpoint *e;
	struct found f;
	struct bh_err err;

	assert_int_equal(find_local(*state, "ops/web", &e, &err), 0);
	assert_string_equal(e->ns, "ops");
	assert_int_equal(find_pod(*state, "shop/web", &f, &err), 0);
	assert_string_equal(f.e->ns, "shop");
	assert_string_equal(f.pod->ns, "shop");
}

static void a_name_that_is_unique_is_found(void **state)
{
	const struct endpoint *e;
	struct found f;
	struct bh_err err;

	assert_int_equal(find_local(*state, "db", &e, &err), 0);
	assert_string_equal(e->ns, "shop");
	assert_int_equal(find_pod(*state, "cache", &f, &err), 0);
	assert_null(f.e);
	assert_string_equal(f.pod->name, "cache");
}

static void a_name_that_two_have_is_not_guessed(void **state)
{
	const struct endpoint *e;
	struct found f;
	struct bh_err err;

	assert_int_equal(find_local(*state, "web", &e, &err), -ENOTUNIQ);
	assert_non_null(strstr(err.msg, "'shop'"));
	assert_non_null(strstr(err.msg, "'ops'"));
	assert_int_equal(find_pod(*state, "web", &f, &err), -ENOTUNIQ);
}

static void who_is_elsewhere_is_not_local(void **state)
{
	const struct endpoint *e;
	struct bh_err err;

	assert_int_equal(find_local(*state, "shop/cache", &e, &err), -ENOENT);
	assert_non_null(strstr(err.msg, "on this node"));
}

static void what_is_near_is_offered(void **state)
{
	static const struct {
		const char *asked, *offered;
	} cases[] = {
		{ "shop/bd", "shop/db" },    { "wbe", "web'" },		{ "shop/wbe", "shop/web" },
		{ "shop/mail", "lab/mail" }, { "cahce", "shop/cache" },
	};
	struct found f;
	struct bh_err err;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(find_pod(*state, cases[i].asked, &f, &err), -ENOENT);
		assert_non_null(strstr(err.msg, "did you mean '"));
		assert_non_null(strstr(err.msg, cases[i].offered));
		assert_non_null(strstr(err.msg, "namespaces searched: "));
	}
}

static void what_is_far_is_not(void **state)
{
	struct found f;
	struct bh_err err;

	assert_int_equal(find_pod(*state, "shop/nothing-like-it", &f, &err), -ENOENT);
	assert_null(strstr(err.msg, "did you mean"));
}

static void slips_are_counted(void **state)
{
	(void)state;
	assert_int_equal(near_distance("web", "web"), 0);
	assert_int_equal(near_distance("wbe", "web"), 1); /* swapped */
	assert_int_equal(near_distance("wb", "web"), 1);
	assert_int_equal(near_distance("weeb", "web"), 1);
	assert_int_equal(near_distance("wab", "web"), 1);
	assert_int_equal(near_distance("", "web"), 3);
	assert_int_equal(near_distance("kitten", "sitting"), 3);
}

static void the_nearest_is_the_first_of_them(void **state)
{
	struct near near = NEAR_INIT;

	(void)state;
	near_take(&near, NEAR_SLIPS + 1, "far");
	assert_string_equal(near.hint, "");
	near_take(&near, 2, "%s", "two");
	near_take(&near, 1, "%s/%s", "one", "a");
	near_take(&near, 1, "%s/%s", "one", "b");
	near_take(&near, 2, "two");
	assert_string_equal(near.hint, "; did you mean 'one/a'?");
}

static void what_is_known_now(void **state)
{
	struct near near = NEAR_INIT;

	assert_true(find_knows_pod(*state, "web", &near)); /* of two namespaces */
	assert_true(find_knows_pod(*state, "lab/mail", &near));
	assert_true(find_knows_namespace(*state, "lab", &near)); /* has no interface here */
	assert_true(find_knows_policy(*state, "lock", &near));
	assert_true(find_knows_policy(*state, "shop/lock", &near));
	assert_true(find_knows_policy(*state, "all", &near));
	assert_false(find_knows_pod(*state, "shop/mail-0-0", &near));
	assert_string_equal(near.name, "");
}

static void what_is_not_known_has_something_near(void **state)
{
	static const struct {
		bool (*knows)(const struct model *m, const char *text, struct near *ret);
		const char *asked, *near;
	} cases[] = {
		{ find_knows_pod, "lab/mial", "lab/mail" }, { find_knows_namespace, "shpo", "shop" },
		{ find_knows_policy, "lokc", "shop/lock" }, { find_knows_policy, "lab/lock", "shop/lock" },
		{ find_knows_policy, "al", "all" },
	};
	struct near none = NEAR_INIT;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct near near = NEAR_INIT;

		assert_false(cases[i].knows(*state, cases[i].asked, &near));
		assert_string_equal(near.name, cases[i].near);
	}
	find_near_policy(*state, POLICY_CLUSTER, "shop/lokc", &none);
	assert_string_equal(none.name, "");
	find_near_policy(*state, POLICY_NETWORK, "shop/lokc", &none);
	assert_string_equal(none.name, "shop/lock");
}

static void addresses_lead_to_interfaces(void **state)
{
	struct addr a;

	assert_int_equal(addr_parse("10.0.0.3", &a), 0);
	assert_string_equal(find_by_addr(*state, &a)->ns, "ops");
	assert_int_equal(addr_parse("10.0.0.4", &a), 0);
	assert_null(find_by_addr(*state, &a));
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_full_name_is_found),
		CASE(a_name_that_is_unique_is_found),
		CASE(a_name_that_two_have_is_not_guessed),
		CASE(who_is_elsewhere_is_not_local),
		CASE(what_is_near_is_offered),
		CASE(what_is_far_is_not),
		cmocka_unit_test(slips_are_counted),
		cmocka_unit_test(the_nearest_is_the_first_of_them),
		CASE(what_is_known_now),
		CASE(what_is_not_known_has_something_near),
		CASE(addresses_lead_to_interfaces),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
