/* SPDX-License-Identifier: Apache-2.0 */
/* What a model tells of its changes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "model/changes.h"
#include "model/model.h"

struct given {
	struct model *m;
	struct model_changes changes;
};

static int setup(void **state)
{
	struct given *g = calloc(1, sizeof(*g));

	g->m = model_new();
	g->m->changes = &g->changes;
	*state = g;
	return 0;
}

static int teardown(void **state)
{
	struct given *g = *state;

	changes_clear(&g->changes);
	model_free(g->m);
	free(g);
	return 0;
}

static void put(struct given *g, const char *name, const char *addr)
{
	struct pod *p = pod_new("shop", name);

	assert_int_equal(addr_parse(addr, vec_add(&p->addrs)), 0);
	assert_int_equal(model_put_pod(g->m, p), 0);
}

/* However often it changes, it is told once, as it was. */
static void pods_as_they_were(void **state)
{
	struct given *g = *state;
	struct addr first;

	assert_int_equal(addr_parse("10.0.0.1", &first), 0);
	put(g, "web", "10.0.0.1");
	changes_clear(&g->changes);
	put(g, "new", "10.0.0.2");
	put(g, "web", "10.0.0.3");
	put(g, "web", "10.0.0.4");
	assert_true(model_del_pod(g->m, "shop", "web"));
	assert_false(model_del_pod(g->m, "shop", "none"));
	assert_false(g->changes.all || g->changes.services.n);
	assert_int_equal(g->changes.pods.n, 2);
	assert_string_equal(g->changes.pods.v[0].name, "new");
	assert_int_equal(g->changes.pods.v[0].addrs.n, 0);
	assert_string_equal(g->changes.pods.v[1].ns, "shop");
	assert_string_equal(g->changes.pods.v[1].name, "web");
	assert_int_equal(g->changes.pods.v[1].addrs.n, 1);
	assert_int_equal(addr_cmp(&g->changes.pods.v[1].addrs.v[0], &first), 0);
}

static void more_than_are_kept(void **state)
{
	struct given *g = *state;
	char name[16];
	int i;

	for (i = 0; i <= CHANGES_MAX; i++) {
		assert_false(g->changes.all);
		(void)snprintf(name, sizeof(name), "%d", i * 7919 % (CHANGES_MAX + 1));
		put(g, name, "10.0.0.1");
		assert_int_equal(g->changes.pods.n, i < CHANGES_MAX ? i + 1 : 0);
	}
	assert_true(g->changes.all);
	put(g, "more", "10.0.0.1");
	assert_int_equal(g->changes.pods.n, 0);
}

static void a_pod_changed_in_place(void **state)
{
	struct given *g = *state;

	put(g, "web", "10.0.0.1");
	changes_clear(&g->changes);
	assert_int_equal(model_put_pod(g->m, g->m->pods.v[0]), 0);
	assert_true(g->changes.all);
}

static void put_slice(struct given *g, const char *service, const char *addr)
{
	struct endpoint_slice *s = slice_new("shop", "web-1");

	free(s->service);
	s->service = strdup(service);
	assert_int_equal(addr_parse(addr, vec_add(&s->addrs)), 0);
	assert_int_equal(model_put_slice(g->m, s), 0);
}

static void services_as_they_were(void **state)
{
	struct given *g = *state;
	struct service *s = service_new("shop", "web");
	const struct object_change *c;
	struct addr first;

	assert_int_equal(addr_parse("10.0.0.1", &first), 0);
	*(struct addr *)vec_add(&s->addrs) = *(struct addr *)vec_add(&s->externals) = first;
	assert_int_equal(model_put_service(g->m, s), 0);
	put_slice(g, "web", "10.0.0.1");
	changes_clear(&g->changes);
	assert_true(model_del_service(g->m, "shop", "web"));
	put_slice(g, "other", "10.0.0.2");
	put_slice(g, "web", "10.0.0.3");
	assert_int_equal(g->changes.services.n, 1);
	assert_int_equal(g->changes.services.v[0].addrs.n, 2);
	assert_int_equal(g->changes.slices.n, 1);
	c = &g->changes.slices.v[0];
	assert_string_equal(c->name, "web-1");
	assert_string_equal(c->service, "web");
	assert_int_equal(c->addrs.n, 1);
	assert_int_equal(addr_cmp(&c->addrs.v[0], &first), 0);
	assert_int_equal(model_put_slice(g->m, g->m->slices.v[0]), 0); /* in place */
	assert_true(g->changes.all);
}

static void put_endpoint(struct given *g, const char *pod, const char *addr)
{
	struct endpoint *e = endpoint_new();

	e->ns = pod ? strdup("shop") : NULL;
	e->pod = pod ? strdup(pod) : NULL;
	e->ifindex = 7;
	assert_int_equal(addr_parse(addr, vec_add(&e->addrs)), 0);
	assert_int_equal(model_put_endpoint(g->m, e), 0);
}

static void interfaces_as_they_were(void **state)
{
	const struct hash128 key = {};
	struct given *g = *state;
	struct addr first;

	assert_int_equal(addr_parse("10.0.0.1", &first), 0);
	assert_false(model_del_endpoint(g->m, &key));
	assert_int_equal(g->changes.endpoints.n, 0);
	put_endpoint(g, "web", "10.0.0.1");
	assert_int_equal(g->changes.endpoints.n, 1);
	assert_null(g->changes.endpoints.v[0].pod);
	changes_clear(&g->changes);
	put_endpoint(g, "other", "10.0.0.2");
	assert_true(model_del_endpoint(g->m, &key));
	assert_false(g->changes.all);
	assert_int_equal(g->changes.endpoints.n, 1);
	assert_string_equal(g->changes.endpoints.v[0].pod, "web");
	assert_true(g->changes.endpoints.v[0].had_link);
	assert_int_equal(g->changes.endpoints.v[0].addrs.n, 1);
	assert_int_equal(addr_cmp(&g->changes.endpoints.v[0].addrs.v[0], &first), 0);
	changes_clear(&g->changes);
	put_endpoint(g, "web", "10.0.0.1");
	assert_int_equal(model_put_endpoint(g->m, g->m->endpoints.v[0]), 0); /* in place */
	assert_true(g->changes.all);
	changes_clear(&g->changes);
	put_endpoint(g, NULL, "10.0.0.1");
	assert_false(g->changes.all);
	changes_clear(&g->changes);
	assert_true(model_del_endpoint(g->m, &key)); /* nobody's */
	assert_true(g->changes.all);
}

static bool flags(struct given *g, bool services, bool slices, bool nodes)
{
	const struct model_changes *c = &g->changes;
	const bool ret = c->services.n == services && c->slices.n == slices && c->nodes == nodes && !c->all;

	changes_clear(&g->changes);
	return ret;
}

static bool all(struct given *g)
{
	const bool ret = g->changes.all;

	changes_clear(&g->changes);
	return ret;
}

static void what_is_no_pod(void **state)
{
	struct given *g = *state;

	assert_int_equal(model_put_service(g->m, service_new("a", "x")), 0);
	assert_true(flags(g, true, false, false));
	assert_true(model_del_service(g->m, "a", "x") && flags(g, true, false, false));
	assert_int_equal(model_put_slice(g->m, slice_new("a", "x")), 0);
	assert_true(flags(g, false, true, false));
	assert_true(model_del_slice(g->m, "a", "x") && flags(g, false, true, false));
	assert_int_equal(model_put_node(g->m, cluster_node_new("x")), 0);
	assert_true(flags(g, false, false, true));
	assert_true(model_del_node(g->m, "x") && flags(g, false, false, true));
	assert_int_equal(model_put_namespace(g->m, namespace_new("a")), 0);
	assert_true(all(g));
	assert_true(model_del_namespace(g->m, "a") && all(g));
	assert_int_equal(model_put_policy(g->m, net_policy_new(POLICY_NETWORK, "a", "x")), 0);
	assert_true(all(g));
	assert_true(model_del_policy(g->m, POLICY_NETWORK, "a", "x") && all(g));
	assert_int_equal(model_put_policy(g->m, net_policy_new(POLICY_CLUSTER, "", "x")), 0);
	assert_true(all(g));
	assert_true(model_del_policy(g->m, POLICY_CLUSTER, "", "x") && all(g));
	assert_int_equal(model_set_local_addrs(g->m, NULL, 0), 0);
	assert_true(all(g));
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(pods_as_they_were),     CASE(more_than_are_kept),	    CASE(a_pod_changed_in_place),
		CASE(services_as_they_were), CASE(interfaces_as_they_were), CASE(what_is_no_pod),
	};

	return cmocka_run_group_tests_name("model/changes", tests, NULL, NULL);
}
