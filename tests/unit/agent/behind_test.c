/* SPDX-License-Identifier: Apache-2.0 */
/* Who behind a Service is in the way, asked of tables. */
#include "behind.h"

#include <json-c/json.h>

#include "policy/compiler.h"
#include "query.h"
#include "tests/unit/policy/world.h"

#define DB 7

/* shop/web is before shop/a, which shop/db may reach, and before those that it may not. */
static struct model *cluster(void)
{
	struct model *m = model_new();
	const struct addr mine = w_addr("192.0.2.1");
	struct service *s;

	assert_int_equal(model_set_local_addrs(m, &mine, 1), 0);
	assert_int_equal(model_set_node_name(m, "n1"), 0);
	w_namespace(m, "shop", "");
	w_pod(m, "shop/db", "app=db", "10.0.0.7");
	w_pod(m, "shop/a", "x=a", "10.0.0.8");
	w_pod(m, "shop/b", "x=b", "10.0.0.9");
	w_endpoint(m, "shop/db", DB, "10.0.0.7");
	s = w_service(m, "shop/web", "10.96.0.1,fd00:96::1", "web:tcp/80");
	s->ports.v[0].node_port = 30080;
	w_stands(s, balancers, "198.51.100.1");
	w_slice(m, "shop/web-1", "10.0.0.8,10.0.0.9", "web:tcp/8080,other:tcp/1");
	w_slice(m, "shop/web-2", "203.0.113.1,192.0.2.1", "web:tcp/8081"); /* this node may be reached */
	w_slice(m, "shop/web-6", "2001:db8::1", "web:tcp/8080");
	w_slice(m, "shop/x-1", "203.0.113.2", "web:tcp/8080");
	w_rule(w_policy(m, "shop/p", "app=db", "e"), DIR_EGRESS, "pods(x=a)", NULL);
	return m;
}

/* "shop/web: shop/b (10.0.0.9:8080), 203.0.113.1:8081" */
static void assert_behind(struct model *m, const char *remote, uint16_t port, const char *want)
{
	const struct addr local = w_addr("10.0.0.7"), a = w_addr(remote);
	const struct bh_query q = query_of(DB, BH_EGRESS, &local, &a, IPPROTO_TCP, port);
	struct json_object *o = json_object_new_object(), *list;
	struct compiler *compiler = compiler_new(m);
	struct names *names = names_new(m);
	struct inforce *f;
	struct behind b;
	char text[512];
	size_t i, len;

	assert_int_equal(inforce_compile(compiler, NULL, true, &f, &(struct bh_err){}), 0);
	behind_of(m, f, inforce_ifindex(f, DB), &q, &b);
	behind_tell(&b, names, o);
	list = json_object_object_get(o, "behind");
	len = (size_t)snprintf(text, sizeof(text),
			       "%s:", json_object_get_string(json_object_object_get(o, "service")));
	for (i = 0; i < json_object_array_length(list); i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s %s", i ? "," : "",
					json_object_get_string(json_object_array_get_idx(list, i)));
	assert_string_equal(text, want);
	json_object_put(o);
	names_free(names);
	inforce_unref(f);
	compiler_free(compiler);
}

static void those_that_are_denied(void **state)
{
	auto_model struct model *m = cluster();

	assert_behind(m, "10.96.0.1", 80, "shop/web: shop/b (10.0.0.9:8080), 203.0.113.1:8081");
	assert_behind(m, "198.51.100.1", 80, "shop/web: shop/b (10.0.0.9:8080), 203.0.113.1:8081");
	assert_behind(m, "192.0.2.1", 30080, "shop/web: shop/b (10.0.0.9:8080), 203.0.113.1:8081");
	assert_behind(m, "fd00:96::1", 80, "shop/web: [2001:db8::1]:8080");
	(void)state;
}

static void what_is_no_service(void **state)
{
	auto_model struct model *m = cluster();

	assert_behind(m, "10.96.0.1", 81, "(null):");
	assert_behind(m, "10.0.0.9", 80, "(null):");
	assert_behind(m, "192.0.2.1", 80, "(null):");
	assert_behind(m, "192.0.2.2", 30080, "(null):");
	(void)state;
}

static void of_a_local_service_those_here(void **state)
{
	auto_model struct model *m = cluster();
	struct service *s = w_service(m, "shop/web", "10.96.0.1", "web:tcp/80");

	s->local = true;
	w_stands(s, balancers, "198.51.100.1");
	w_on(w_slice(m, "shop/web-2", "203.0.113.1", "web:tcp/8081"), "n1");
	assert_behind(m, "10.96.0.1", 80, "shop/web: 203.0.113.1:8081");
	assert_behind(m, "198.51.100.1", 80, "shop/web: shop/b (10.0.0.9:8080), 203.0.113.1:8081");
	(void)state;
}

static void many_are_counted(void **state)
{
	auto_model struct model *m = cluster();

	w_slice(m, "shop/web-3", "203.0.113.3,203.0.113.4,203.0.113.5,203.0.113.6", "web:tcp/1");
	assert_behind(
		m, "10.96.0.1", 80,
		"shop/web: shop/b (10.0.0.9:8080), 203.0.113.1:8081, 203.0.113.3:1, 203.0.113.4:1, 2 more");
	(void)state;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(those_that_are_denied),
		cmocka_unit_test(what_is_no_service),
		cmocka_unit_test(of_a_local_service_those_here),
		cmocka_unit_test(many_are_counted),
	};

	return cmocka_run_group_tests_name("agent/behind", tests, NULL, NULL);
}
