/* SPDX-License-Identifier: Apache-2.0 */
/* Two versions of an object: what counts makes them different, and nothing else does. */
#include "tests/unit/policy/world.h"

static struct pod *web(const char *labels, const char *addr)
{
	struct pod *p = pod_new("shop", "web");

	w_labels(&p->labels, labels);
	*(struct addr *)vec_add(&p->addrs) = w_addr(addr);
	*(struct host_port *)vec_add(&p->host_ports) = (struct host_port){ .proto = 6, .port = 80 };
	w_names(p, "http:tcp/80,dns:udp/53");
	return p;
}

static struct pod *plain(void)
{
	return web("a=1,b=2", "10.0.0.1");
}

/* Frees @take. */
static bool pod_is(struct pod *take)
{
	struct pod *p = plain();
	const bool ret = pod_same(p, take) && pod_same(take, p);

	pod_free(p);
	pod_free(take);
	return ret;
}

static void pods(void **state)
{
	struct pod *p = web("b=2,a=1", "10.0.0.1");

	(void)state;
	p->seen = (struct source_seen){ .version = 7, .round = 1, .watch = 2 };
	assert_true(pod_is(p));
	assert_false(pod_is(web("a=1", "10.0.0.1")));
	assert_false(pod_is(web("a=1,b=2", "10.0.0.2")));
	p = plain();
	*(struct addr *)vec_add(&p->addrs) = w_addr("fd00::1");
	assert_false(pod_is(p));
	p = plain();
	p->host_ports.v[0].to = 81;
	assert_false(pod_is(p));
	p = plain();
	p->host_ports.v[0].port = 81;
	assert_false(pod_is(p));
	p = plain();
	p->host_ports.v[0].proto = 17;
	assert_false(pod_is(p));
	p = plain();
	p->host_ports.n = 0;
	assert_false(pod_is(p));
	p = plain();
	w_names(p, "dns:udp/53,http:tcp/80,dns:udp/53");
	assert_true(pod_is(p));
	p = plain();
	w_names(p, "http:tcp/80,dns:udp/54");
	assert_false(pod_is(p));
	p = plain();
	w_names(p, "http:tcp/80,dns:tcp/53");
	assert_false(pod_is(p));
	p = plain();
	assert_int_equal(pod_set_ports(p, NULL, 0), 0);
	assert_false(pod_is(p));
	p = plain();
	assert_int_equal(pod_set_node(p, "n1"), 0);
	assert_false(pod_is(p));
	p = plain();
	free(p->uid);
	p->uid = strdup("u");
	assert_false(pod_is(p));
	p = plain();
	p->ended = true;
	assert_false(pod_is(p));
	p = plain();
	p->host_network = true;
	assert_false(pod_is(p));
}

static void namespaces(void **state)
{
	struct namespace *a = namespace_new("shop"), *b = namespace_new("shop");

	(void)state;
	b->seen.version = 9;
	assert_true(namespace_same(a, b));
	w_labels(&b->labels, "team=a");
	assert_false(namespace_same(a, b));
	namespace_free(a);
	namespace_free(b);
}

/* The policies of one model: each differs from the first in one thing. */
static void policies(void **state)
{
	static const struct {
		const char *subject, *types, *peers, *ports;
	} variants[] = {
		{ "app=db", "ie", "pods(app=web);10.0.0.0/8 -10.1.0.0/16", "tcp/80" },
		{ "app=dbx", "ie", "pods(app=web);10.0.0.0/8 -10.1.0.0/16", "tcp/80" },
		{ "apq=db", "ie", "pods(app=web);10.0.0.0/8 -10.1.0.0/16", "tcp/80" },
		{ "app notin db", "ie", "pods(app=web);10.0.0.0/8 -10.1.0.0/16", "tcp/80" },
		{ "app in db|dc", "ie", "pods(app=web);10.0.0.0/8 -10.1.0.0/16", "tcp/80" },
		{ "", "ie", "pods(app=web);10.0.0.0/8 -10.1.0.0/16", "tcp/80" },
		{ "app=db", "i", "pods(app=web);10.0.0.0/8 -10.1.0.0/16", "tcp/80" },
		{ "app=db", "ie", "pods(app=web)", "tcp/80" },
		{ "app=db", "ie", "ns() pods(app=web);10.0.0.0/8 -10.1.0.0/16", "tcp/80" },
		{ "app=db", "ie", "ns(app=web);10.0.0.0/8 -10.1.0.0/16", "tcp/80" },
		{ "app=db", "ie", "pods(app=web);10.0.0.0/9 -10.1.0.0/16", "tcp/80" },
		{ "app=db", "ie", "pods(app=web);10.0.0.0/8 -10.1.0.0/17", "tcp/80" },
		{ "app=db", "ie", "pods(app=web);10.0.0.0/8", "tcp/80" },
		{ "app=db", "ie", "pods(app=web);10.0.0.0/8 -10.1.0.0/16", "udp/80" },
		{ "app=db", "ie", "pods(app=web);10.0.0.0/8 -10.1.0.0/16", "tcp/79-80" },
		{ "app=db", "ie", "pods(app=web);10.0.0.0/8 -10.1.0.0/16", "tcp/80-81" },
		{ "app=db", "ie", "pods(app=web);10.0.0.0/8 -10.1.0.0/16", NULL },
		{ "app=db", "ie", "pods(app=web);10.0.0.0/8 -10.1.0.0/16", "tcp/http" },
		{ "app=db", "ie", "pods(app=web);10.0.0.0/8 -10.1.0.0/16", "tcp/https" },
		{ "app=db", "ie", "pods(app=web);10.0.0.0/8 -10.1.0.0/16", "udp/http" },
	};
	auto_model struct model *m = model_new(), *again = model_new();
	struct net_policy *np[ARRAY_SIZE(variants)], *first;
	char name[16];
	size_t i, k;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(variants); i++) {
		(void)snprintf(name, sizeof(name), "shop/p%zu", i);
		np[i] = w_policy(m, name, variants[i].subject, variants[i].types);
		w_rule(np[i], DIR_INGRESS, variants[i].peers, variants[i].ports);
		for (k = 0; k < i; k++)
			assert_false(net_policy_same(np[i], np[k]));
	}
	first = w_policy(again, "shop/p0", variants[0].subject, variants[0].types);
	w_rule(first, DIR_INGRESS, variants[0].peers, variants[0].ports);
	first->seen.version = 3;
	assert_true(net_policy_same(np[0], first));
	first->rules[DIR_INGRESS].v[0].unknown = true;
	assert_false(net_policy_same(np[0], first));
	first->rules[DIR_INGRESS].v[0].unknown = false;
	assert_int_equal(net_policy_problem(first, "spec.x", "is not known"), 0);
	assert_false(net_policy_same(np[0], first));
	assert_int_equal(net_policy_problem(np[0], "spec.x", "is not known"), 0);
	assert_true(net_policy_same(np[0], first));
	w_rule(first, DIR_EGRESS, NULL, NULL);
	assert_false(net_policy_same(np[0], first));
}

static void services_slices_and_nodes(void **state)
{
	auto_model struct model *m = model_new(), *n = model_new();
	const struct service *s = w_service(m, "a/s", "10.96.0.1", "web:tcp/80");
	const struct endpoint_slice *e = w_slice(m, "a/s-1", "10.0.0.1", "web:tcp/80");
	struct endpoint_slice *other;

	(void)state;
	w_node(m, "n", "192.0.2.1");
	w_node(n, "n", "192.0.2.1");
	assert_true(cluster_node_same(model_node(m, "n"), model_node(n, "n")));
	w_node(n, "n", "192.0.2.2");
	assert_false(cluster_node_same(model_node(m, "n"), model_node(n, "n")));

	assert_true(service_same(s, w_service(n, "a/s", "10.96.0.1", "web:tcp/80")));
	assert_false(service_same(s, w_service(n, "a/s", "10.96.0.1,fd00::1", "web:tcp/80")));
	assert_false(service_same(s, w_service(n, "a/s", "10.96.0.1", "web:tcp/81")));
	assert_false(service_same(s, w_service(n, "a/s", "10.96.0.1", "web:udp/80")));
	assert_false(service_same(s, w_service(n, "a/s", "10.96.0.1", "webs:tcp/80")));
	assert_false(service_same(s, w_service(n, "a/s", "10.96.0.1", "")));
	w_stands(w_service(n, "a/s", "10.96.0.1", "web:tcp/80"), externals, "192.0.2.1");
	assert_false(service_same(s, model_service(n, "a", "s")));
	w_stands(w_service(n, "a/s", "10.96.0.1", "web:tcp/80"), balancers, "192.0.2.1");
	assert_false(service_same(s, model_service(n, "a", "s")));
	w_service(n, "a/s", "10.96.0.1", "web:tcp/80")->ports.v[0].node_port = 30080;
	assert_false(service_same(s, model_service(n, "a", "s")));

	w_service(n, "a/s", "10.96.0.1", "web:tcp/80")->local = true;
	assert_false(service_same(s, model_service(n, "a", "s")));

	assert_true(slice_same(e, w_slice(n, "a/s-1", "10.0.0.1", "web:tcp/80")));
	w_on(w_slice(n, "a/s-1", "10.0.0.1", "web:tcp/80"), "n1");
	assert_false(slice_same(e, model_slice(n, "a", "s-1")));
	assert_false(slice_same(e, w_slice(n, "a/t-1", "10.0.0.1", "web:tcp/80")));
	assert_false(slice_same(e, w_slice(n, "a/s-1", "10.0.0.2", "web:tcp/80")));
	assert_false(slice_same(e, w_slice(n, "a/s-1", "10.0.0.1", "web:tcp/0")));
	other = w_slice(n, "a/s-1", "10.0.0.1", "web:tcp/80");
	other->unknown = true;
	assert_false(slice_same(e, other));
	other->unknown = false;
	other->v6 = true;
	assert_false(slice_same(e, other));
	other->v6 = other->v4 = false;
	assert_false(slice_same(e, other));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pods),
		cmocka_unit_test(namespaces),
		cmocka_unit_test(policies),
		cmocka_unit_test(services_slices_and_nodes),
	};

	return cmocka_run_group_tests_name("model/same", tests, NULL, NULL);
}
