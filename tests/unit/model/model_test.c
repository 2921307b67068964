/* SPDX-License-Identifier: Apache-2.0 */
/* Labels, selectors (every operator against every state of a key) and the model's look-ups. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "model/model.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))

/* ---- labels ----------------------------------------------------------------------------- */

static void labels_keep_order(void **state)
{
	static const char *const keys[] = { "m", "c", "z", "a", "app.kubernetes.io/name", "b", "" };
	const struct labels *l = &labels_none;
	size_t i;

	(void)state;
	assert_null(labels_get(l, "a"));
	for (i = 0; i < N(keys); i++)
		assert_int_equal(labels_set(&l, keys[i], "old"), 0);
	for (i = 0; i < N(keys); i++)
		assert_int_equal(labels_set(&l, keys[i], keys[i]), 0);
	assert_int_equal(l->n, N(keys));
	for (i = 0; i < N(keys); i++)
		assert_string_equal(labels_get(l, keys[i]), keys[i]);
	for (i = 1; i < l->n; i++)
		assert_true(strcmp(l->at[i - 1].key, l->at[i].key) < 0);
	assert_null(labels_get(l, "ap"));
	labels_drop(l);
	labels_drop(&labels_none);
	labels_drop(NULL);
}

/* In whatever order they were set, by whoever. */
static void equal_labels_are_one(void **state)
{
	const struct labels *a = &labels_none, *b = &labels_none, *kept;

	(void)state;
	(void)labels_set(&a, "x", "1");
	(void)labels_set(&a, "y", "1");
	(void)labels_set(&b, "y", "2");
	kept = a;
	assert_ptr_not_equal(a, b);
	(void)labels_set(&b, "x", "1");
	assert_ptr_not_equal(a, b);
	(void)labels_set(&b, "y", "1");
	assert_ptr_equal(a, b);
	(void)labels_set(&b, "z", "1"); /* the other keeps what it had */
	assert_ptr_equal(a, kept);
	assert_null(labels_get(a, "z"));
	labels_drop(b);
	assert_string_equal(labels_get(a, "y"), "1");
	labels_drop(a);
}

/* ---- selectors -------------------------------------------------------------------------- */

/* One requirement on key "tier" against labels {app: web} and {app: web, tier: front}. */
static const struct {
	enum selector_op op;
	const char *values[2];
	bool absent, front;
} requirements[] = {
	{ OP_IN, { "front" }, false, true },
	{ OP_IN, { "back" }, false, false },
	{ OP_IN, { "back", "front" }, false, true },
	{ OP_IN, { "fron" }, false, false },
	{ OP_IN, {}, false, false },
	{ OP_NOT_IN, { "front" }, true, false },
	{ OP_NOT_IN, { "back", "front" }, true, false },
	{ OP_NOT_IN, { "back" }, true, true },
	{ OP_EXISTS, {}, false, true },
	{ OP_NOT_EXISTS, {}, true, false },
};

static struct selector *selector_of(const char *key, enum selector_op op, const char *const values[2])
{
	struct selector *s = selector_new();
	struct requirement *r;
	size_t i;

	assert_non_null(s);
	assert_int_equal(selector_add(s, key, op, &r), 0);
	for (i = 0; i < 2 && values[i]; i++)
		assert_int_equal(requirement_value(r, values[i]), 0);
	return s;
}

static void every_operator(void **state)
{
	const struct labels *absent = &labels_none, *front = &labels_none;
	size_t i;

	(void)state;
	(void)labels_set(&absent, "app", "web");
	(void)labels_set(&front, "app", "web");
	(void)labels_set(&front, "tier", "front");
	for (i = 0; i < N(requirements); i++) {
		struct selector *s = selector_of("tier", requirements[i].op, requirements[i].values);

		assert_int_equal(selector_matches(s, absent), requirements[i].absent);
		assert_int_equal(selector_matches(s, front), requirements[i].front);
		selector_free(s);
	}
	labels_drop(absent);
	labels_drop(front);
}

static void all_requirements_count(void **state)
{
	struct selector *s = selector_new();
	struct requirement *r;
	const struct labels *l = &labels_none;

	(void)state;
	assert_true(selector_matches(s, l)); /* {} selects everything */
	(void)labels_set(&l, "app", "web");
	assert_true(selector_matches(s, l));
	(void)selector_add(s, "app", OP_EXISTS, &r);
	assert_true(selector_matches(s, l));
	(void)selector_add(s, "tier", OP_EXISTS, &r);
	assert_false(selector_matches(s, l));
	(void)labels_set(&l, "tier", "");
	assert_true(selector_matches(s, l));
	selector_free(s);
	selector_free(NULL);
	labels_drop(l);
}

/* ---- the whole -------------------------------------------------------------------------- */

static void namespaces(void **state)
{
	struct model *m = model_new();
	struct namespace *n;
	char name[16];
	int i;

	(void)state;
	for (i = 0; i < 100; i++) {
		(void)snprintf(name, sizeof(name), "ns-%d", (i * 37) % 100);
		assert_int_equal(model_put_namespace(m, namespace_new(name)), 0);
	}
	assert_int_equal(m->namespaces.n, 100);
	for (i = 0; i < 100; i++) {
		(void)snprintf(name, sizeof(name), "ns-%d", i);
		assert_string_equal(model_namespace(m, name)->name, name);
		assert_string_equal(
			labels_get(model_namespace(m, name)->labels, "kubernetes.io/metadata.name"), name);
		if (i)
			assert_true(strcmp(m->namespaces.v[i - 1]->name, m->namespaces.v[i]->name) < 0);
	}
	n = namespace_new("ns-5");
	assert_int_equal(model_put_namespace(m, n), 0); /* replaces: the old one is freed */
	assert_int_equal(model_put_namespace(m, n), 0); /* the same one again is no change */
	assert_ptr_equal(model_namespace(m, "ns-5"), n);
	assert_int_equal(m->namespaces.n, 100);
	assert_true(model_del_namespace(m, "ns-5"));
	assert_false(model_del_namespace(m, "ns-5"));
	assert_null(model_namespace(m, "ns-5"));
	assert_non_null(model_namespace(m, "ns-4"));
	assert_non_null(model_namespace(m, "ns-50"));
	model_free(m);
	model_free(NULL);
}

static void pods_and_policies(void **state)
{
	struct model *m = model_new();

	(void)state;
	assert_int_equal(model_put_pod(m, pod_new("b", "x")), 0);
	assert_int_equal(model_put_pod(m, pod_new("a", "y")), 0);
	assert_int_equal(model_put_pod(m, pod_new("a", "x")), 0);
	assert_int_equal(model_put_policy(m, net_policy_new(POLICY_NETWORK, "b", "x")), 0);
	assert_int_equal(model_put_policy(m, net_policy_new(POLICY_NETWORK, "a", "x")), 0);
	assert_string_equal(m->pods.v[0]->name, "x");
	assert_string_equal(m->pods.v[2]->ns, "b");
	assert_string_equal(model_pod(m, "a", "y")->uid, "");
	assert_string_equal(model_pod(m, "a", "y")->node, "");
	assert_null(model_pod(m, "b", "y"));
	assert_non_null(model_policy(m, POLICY_NETWORK, "b", "x")->subject);
	assert_null(model_policy(m, POLICY_NETWORK, "a", "y"));
	/* its own strings as the key */
	assert_true(model_del_pod(m, m->pods.v[0]->ns, m->pods.v[0]->name));
	assert_null(model_pod(m, "a", "x"));
	assert_false(model_del_pod(m, "a", "x"));
	assert_true(model_del_policy(m, POLICY_NETWORK, "a", "x"));
	assert_false(model_del_policy(m, POLICY_NETWORK, "a", "x"));
	assert_non_null(model_policy(m, POLICY_NETWORK, "b", "x"));
	model_free(m);
}

static void a_full_policy_is_freed(void **state)
{
	struct net_policy *p = net_policy_new(POLICY_NETWORK, "a", "x");
	struct rule *rule = vec_add(&p->rules[DIR_EGRESS]);
	struct peer *peer = vec_add(&rule->peers);

	(void)state;
	peer->pods = selector_of("app", OP_IN, (const char *[2]){ "web", "api" });
	peer->namespaces = selector_new();
	(void)vec_add(&peer->except);
	(void)vec_add(&rule->ports);
	assert_int_equal(net_policy_problem(p, "spec.x", "is odd"), 0);
	assert_string_equal(p->problems.v[0].path, "spec.x");
	assert_string_equal(p->problems.v[0].text, "is odd");
	net_policy_free(p); /* what it leaves behind, the sanitizer sees */
	net_policy_free(NULL);
	namespace_free(NULL);
	pod_free(NULL);
	endpoint_free(NULL);
}

static struct endpoint *endpoint_of(uint8_t key, const char *pod, const char *uid)
{
	struct endpoint *e = endpoint_new();

	e->key.b[0] = key;
	e->ns = strdup("a");
	e->pod = strdup(pod);
	e->uid = strdup(uid);
	return e;
}

static void endpoints(void **state)
{
	struct model *m = model_new();
	struct endpoint *e;
	uint8_t i;

	(void)state;
	for (i = 10; i; i--)
		assert_int_equal(model_put_endpoint(m, endpoint_of(i, "x", "")), 0);
	for (i = 1; i <= 10; i++) {
		e = model_endpoint(m, &(struct hash128){ { i } });
		assert_non_null(e);
		assert_int_equal(e->key.b[0], i);
		assert_ptr_equal(m->endpoints.v[i - 1], e);
	}
	assert_true(model_del_endpoint(m, &(struct hash128){ { 3 } }));
	assert_null(model_endpoint(m, &(struct hash128){ { 3 } }));
	assert_false(model_del_endpoint(m, &(struct hash128){ { 3 } }));
	model_free(m);
}

/* The pod's UID, the endpoint's, and whether they belong together. */
static const struct {
	const char *pod, *endpoint;
	bool same;
} uids[] = {
	{ "", "", true }, { "u1", "", true }, { "", "u1", true }, { "u1", "u1", true }, { "u1", "u2", false },
};

static void the_pod_of_an_endpoint(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < N(uids); i++) {
		struct endpoint *e = endpoint_of(1, "x", uids[i].endpoint), *other = endpoint_of(2, "y", "");
		struct model *m = model_new();
		struct pod *p = pod_new("a", "x");

		free(p->uid);
		p->uid = strdup(uids[i].pod);
		assert_int_equal(model_put_pod(m, p), 0);
		assert_ptr_equal(model_endpoint_pod(m, e), uids[i].same ? p : NULL);
		assert_null(model_endpoint_pod(m, other));
		endpoint_free(e);
		endpoint_free(other);
		model_free(m);
	}
}

static void node_addresses_are_sorted(void **state)
{
	const struct addr in[] = { { { 9 } }, { { 1 } }, { { 5 } } };
	struct model *m = model_new();

	(void)state;
	assert_int_equal(model_set_local_addrs(m, in, N(in)), 0);
	assert_int_equal(m->node_addrs.n, 3);
	assert_int_equal(m->node_addrs.v[0].b[0], 1);
	assert_int_equal(m->node_addrs.v[2].b[0], 9);
	assert_int_equal(in[0].b[0], 9);
	assert_int_equal(model_set_local_addrs(m, m->node_addrs.v, 2), 0); /* the model's own */
	assert_int_equal(m->node_addrs.n, 2);
	assert_int_equal(model_set_local_addrs(m, NULL, 0), 0);
	assert_int_equal(m->node_addrs.n, 0);
	model_free(m);
}

static struct service *service_at(const char *name, uint8_t first, uint8_t second)
{
	struct service *s = service_new("a", name);

	*(struct addr *)vec_add(&s->addrs) = (struct addr){ { first } };
	*(struct addr *)vec_add(&s->addrs) = (struct addr){ { second } };
	return s;
}

/* The first bytes, in order. */
static void assert_own(const struct model *m, const char *want)
{
	char is[16] = "";
	size_t i;

	for (i = 0; i < m->node_addrs.n; i++)
		is[i] = (char)('0' + m->node_addrs.v[i].b[0]);
	assert_string_equal(is, want);
}

/* Whichever comes first, and until the last Service that has it lets go. */
static void a_cluster_ip_is_not_the_nodes(void **state)
{
	const struct addr in[] = { { { 5 } }, { { 1 } }, { { 5 } }, { { 3 } } };
	struct model *m = model_new();
	struct service *s = service_at("x", 5, 7);

	(void)state;
	assert_int_equal(model_put_service(m, s), 0);
	assert_int_equal(model_set_local_addrs(m, in, N(in)), 0);
	assert_int_equal(m->local_addrs.n, 4);
	assert_own(m, "13");
	assert_int_equal(model_put_service(m, service_at("y", 1, 5)), 0);
	assert_own(m, "3");
	assert_int_equal(model_put_service(m, service_at("y", 9, 8)), 0);
	assert_own(m, "13");
	s->addrs.v[0].b[0] = 9; /* in place */
	assert_int_equal(model_put_service(m, s), 0);
	assert_own(m, "1355");
	assert_int_equal(model_put_service(m, service_at("y", 5, 3)), 0);
	assert_int_equal(model_put_service(m, service_at("z", 5, 4)), 0);
	assert_own(m, "1");
	assert_true(model_del_service(m, "a", "y"));
	assert_own(m, "13");
	assert_false(model_del_service(m, "a", "y"));
	assert_true(model_del_service(m, "a", "z"));
	assert_own(m, "1355");
	*(struct addr *)vec_add(&s->balancers) = (struct addr){ { 3 } };
	*(struct addr *)vec_add(&s->externals) = (struct addr){ { 5 } };
	assert_int_equal(model_put_service(m, s), 0); /* anybody's to claim */
	assert_own(m, "1355");
	model_free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(labels_keep_order),
		cmocka_unit_test(equal_labels_are_one),
		cmocka_unit_test(every_operator),
		cmocka_unit_test(all_requirements_count),
		cmocka_unit_test(namespaces),
		cmocka_unit_test(pods_and_policies),
		cmocka_unit_test(a_full_policy_is_freed),
		cmocka_unit_test(endpoints),
		cmocka_unit_test(the_pod_of_an_endpoint),
		cmocka_unit_test(node_addresses_are_sorted),
		cmocka_unit_test(a_cluster_ip_is_not_the_nodes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
