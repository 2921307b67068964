/* SPDX-License-Identifier: Apache-2.0 */
/* What people read of the closest rule: a text for each field. */
#include "closest.h"

#include <json-c/json.h>

#include "tests/unit/policy/world.h"

#define DB 7

static struct model *cluster(void)
{
	struct model *m = model_new();

	w_namespace(m, "shop", "team=a");
	w_namespace(m, "lab", "team=b");
	w_names(w_pod(m, "shop/db", "app=db", "10.0.0.7"), "sql:tcp/5432");
	w_pod(m, "shop/wab", "app=wab", "10.0.0.9");
	w_pod(m, "lab/web", "app=web", "10.0.1.8");
	w_endpoint(m, "shop/db", DB, "10.0.0.7");
	m->now = 1767225600;
	return m;
}

/* "shop/p ingress[0] port: asked ...; namespace: ..." */
static void assert_near(const struct model *m, const char *remote, const char *port, const char *want)
{
	const struct near_flow f = { .pod = model_pod(m, "shop", "db"),
				     .dir = BH_INGRESS,
				     .remote = w_addr(remote),
				     .port = w_key(port, remote) };
	struct json_object *o = closest_rule(m, &f), *list = json_object_object_get(o, "fields"), *one;
	char text[2048];
	size_t i, len;

	assert_non_null(o);
	len = (size_t)snprintf(text, sizeof(text), "%s",
			       json_object_get_string(json_object_object_get(o, "rule")));
	for (i = 0; i < json_object_array_length(list); i++) {
		one = json_object_array_get_idx(list, i);
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s %s: %s", i ? ";" : "",
					json_object_get_string(json_object_object_get(one, "field")),
					json_object_get_string(json_object_object_get(one, "text")));
	}
	assert_string_equal(text, want);
	json_object_put(o);
}

/* A cluster whose db has one rule alone. */
static struct rule *one_rule(struct model *m, const char *peers, const char *ports)
{
	return w_rule(w_policy(m, "shop/p", "app=db", "i"), DIR_INGRESS, peers, ports);
}

static void ports_and_names(void **state)
{
	auto_model struct model *m = cluster();

	(void)state;
	one_rule(m, "pods(app=wab)", "tcp/80,tcp/443,udp/8000-8100");
	assert_near(m, "10.0.0.9", "tcp/8080",
		    "shop/p ingress[0] port: asked TCP 8080, the rule has TCP 80, TCP 443, UDP 8000-8100");
	assert_near(m, "10.0.0.9", "icmp",
		    "shop/p ingress[0] protocol: asked ICMP type 8 code 0, the rule has TCP 80, TCP 443, UDP "
		    "8000-8100");
	one_rule(m, "pods(app=wab)", "tcp/http");
	assert_near(
		m, "10.0.0.9", "tcp/80",
		"shop/p ingress[0] named-port: asked TCP 80, the rule has TCP 'http', and shop/db calls no such "
		"port so");
}

static void labels_and_namespaces(void **state)
{
	auto_model struct model *m = cluster();

	(void)state;
	one_rule(m, "pods(app=web|api,tier,!old)", NULL);
	assert_near(
		m, "10.0.0.9", "tcp/80",
		"shop/p ingress[0] pod-labels: app=web|api expected, shop/wab has app=wab; tier expected, "
		"shop/wab has no tier");
	one_rule(m, "pods(app=web)", NULL);
	assert_near(m, "10.0.1.8", "tcp/80",
		    "shop/p ingress[0] namespace: pods of namespace shop expected, lab/web is in lab");
	one_rule(m, "ns(team=a)", "tcp/80");
	assert_near(m, "10.0.1.8", "tcp/80",
		    "shop/p ingress[0] namespace: team=a expected, namespace lab has team=b");
	assert_near(
		m, "10.0.1.8", "tcp/81",
		"shop/p ingress[0] port: asked TCP 81, the rule has TCP 80; namespace: team=a expected, namespace "
		"lab has team=b");
}

static void addresses(void **state)
{
	auto_model struct model *m = cluster();

	(void)state;
	one_rule(m, "203.0.113.0/24 -203.0.113.64/28 -203.0.113.0/28", NULL);
	assert_near(m, "203.0.113.9", "tcp/80",
		    "shop/p ingress[0] except: 203.0.113.9 is in 203.0.113.0/28, which is excepted from "
		    "203.0.113.0/24");
	assert_near(m, "203.0.112.9", "tcp/80",
		    "shop/p ingress[0] cidr: 203.0.112.9 is not in 203.0.113.0/24");
	one_rule(m, "pods(app=web)", NULL);
	assert_near(m, "203.0.112.9", "tcp/80",
		    "shop/p ingress[0] peer: 203.0.112.9 is not the address of a known pod");
	one_rule(m, "host", NULL);
	assert_near(m, "203.0.112.9", "tcp/80",
		    "shop/p ingress[0] peer: 203.0.112.9 is not a node's address");
	one_rule(m, "cluster", NULL);
	assert_near(m, "203.0.112.9", "tcp/80",
		    "shop/p ingress[0] peer: 203.0.112.9 is not an address of the cluster");
	one_rule(m, "world", NULL);
	assert_near(m, "10.0.1.8", "tcp/80",
		    "shop/p ingress[0] peer: 10.0.1.8 is not an address outside of the cluster");
	one_rule(m, "behind(shop/api)", NULL);
	assert_near(m, "203.0.112.9", "tcp/80",
		    "shop/p ingress[0] peer: 203.0.112.9 is not behind service 'shop/api'");
}

static void the_policy_itself(void **state)
{
	auto_model struct model *m = cluster();
	struct net_policy *np = net_policy_new(POLICY_SEGMENTATION, "shop", "s");
	struct rule *r;

	(void)state;
	assert_int_equal(model_put_policy(m, np), 0);
	np->isolates[DIR_INGRESS] = true;
	w_rule(np, DIR_INGRESS, "pods(app=wab)", NULL)->action = RULE_DENY;
	r = w_rule(np, DIR_INGRESS, "pods(app=wab)", NULL);
	assert_near(m, "10.0.0.9", "tcp/80",
		    "segpol shop/s ingress[1] order: 'segpol shop/s ingress[0]' denies it before");
	np->rules[DIR_INGRESS].v[0].action = RULE_ACCEPT;
	np->expires = m->now - 60;
	assert_near(m, "10.0.0.9", "tcp/80",
		    "segpol shop/s ingress[0] expired: its policy expired at 2025-12-31T23:59:00Z");
	np->expires = 0;
	np->audit = true;
	assert_near(
		m, "10.0.0.9", "tcp/80",
		"segpol shop/s ingress[0] audit: its policy is in mode Audit, and allows nothing in earnest");
	np->audit = false;
	r->unknown = np->rules[DIR_INGRESS].v[0].unknown = true;
	assert_int_equal(net_policy_problem(np, "spec.mode", "is odd"), 0);
	assert_int_equal(net_policy_problem(np, "spec.ingress[0].from", "is odder"), 0);
	assert_near(m, "10.0.0.9", "tcp/80",
		    "segpol shop/s ingress[0] not-understood: not understood: spec.ingress[0].from is odder");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ports_and_names),
		cmocka_unit_test(labels_and_namespaces),
		cmocka_unit_test(addresses),
		cmocka_unit_test(the_policy_itself),
	};

	return cmocka_run_group_tests_name("closest", tests, NULL, NULL);
}
