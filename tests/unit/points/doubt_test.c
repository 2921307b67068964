/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ClusterNetworkPolicy where it is hard: an address that several pods claim, a pod of which not all is known,
 * a Service's address, policies of one priority.
 */
#include "cluster.h"

#define CLUSTER_POLICY(name, spec)                                                                                \
	"---\n{apiVersion: policy.networking.k8s.io/v1alpha2, kind: ClusterNetworkPolicy, metadata: {name: " name \
	"},\n  spec: {subject: {namespaces: {}}, " spec "}}\n"
#define ADMIN	 "tier: Admin, priority: 1, "
#define OPS	 "{namespaces: {matchLabels: {team: ops}}}"
#define APP(app) "{pods: {namespaceSelector: {}, podSelector: {matchLabels: {app: " app "}}}}"
#define TCP_22	 "protocols: [{tcp: {destinationPort: {number: 22}}}]"
#define TWO	 "10.0.5.5" /* claimed by ops/x and shop/y */
#define TWO_PODS(x, y)                                                                                       \
	POD("ops", "x", "app: x", IP(TWO), "containers: [{ports: [" x "]}]")                                 \
	POD("shop", "y", "app: " y, IP(TWO), "")
#define SERVICE                                                                                              \
	"---\n{apiVersion: v1, kind: Service, metadata: {namespace: ops, name: s},\n"                        \
	"  spec: {clusterIPs: [10.96.0.5], ports: [{port: 80, protocol: TCP}, {port: 90, protocol: TCP, name: x}]}}\n"
#define SLICE                                                                                                              \
	"---\n{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, metadata: {namespace: ops, name: s-1,\n"              \
	"  labels: {kubernetes.io/service-name: s}}, addressType: IPv4, ports: [{port: 8080, protocol: TCP, name: ''}],\n" \
	"  endpoints: [{addresses: [10.0.1.8]}]}\n"

/* Whoever is to be kept out may be the one behind it; on the rule's ports, and no others. */
static void perhaps_is_denied(void **state)
{
	GIVEN(TWO_PODS("", "y")
		      CLUSTER_POLICY("d", ADMIN "ingress: [{action: Deny, from: [" OPS "], " TCP_22 "}]"));

	decided(t, DB, IN, TWO, "tcp/22", "-d ingress[0]");
	decided(t, DB, IN, TWO, "tcp/80", "+");
	decided(t, DB, IN, TWO, "icmp", "+");
	decided(t, DB, IN, "10.0.0.9", "tcp/22", "+");
}

static void perhaps_does_not_pass(void **state)
{
	GIVEN(TWO_PODS("", "y") CLUSTER_POLICY("d", ADMIN "ingress: [{action: Pass, from: [" OPS "], " TCP_22
							  "}, {action: Accept, from: [{namespaces: {}}]}]"));

	decided(t, DB, IN, TWO, "tcp/22", "-d ingress[0]");
	decided(t, DB, IN, TWO, "tcp/80", "+d ingress[1]");
	decided(t, DB, IN, "10.0.1.8", "tcp/22", "+");
}

/* What all claimants are for sure, another item of the same rule does not put in doubt. */
static void sure_is_sure(void **state)
{
	GIVEN(TWO_PODS("", "x")
		      CLUSTER_POLICY("d", ADMIN "ingress: [{action: Pass, from: [" APP("x") ", " OPS "]}]"));

	decided(t, DB, IN, TWO, "tcp/80", "+");
}

static void accept_needs_all(void **state)
{
	GIVEN(TWO_PODS("", "y") CLUSTER_POLICY("d", ADMIN "ingress: [{action: Accept, from: [" OPS
							  "]}, {action: Deny, from: ["
							  "{namespaces: {}}]}]"));

	decided(t, DB, IN, "10.0.1.8", "tcp/80", "+d ingress[0]");
	decided(t, DB, IN, TWO, "tcp/80", "-d ingress[1]");
}

static void of_an_unknown_namespace(void **state)
{
	GIVEN(POD("late", "p", "", IP("10.0.6.6"), "")
		      CLUSTER_POLICY("d", ADMIN "ingress: [{action: Deny, from: [" OPS "], " TCP_22 "}]"));

	decided(t, DB, IN, "10.0.6.6", "tcp/22", "-d ingress[0]");
	decided(t, DB, IN, "10.0.6.6", "tcp/80", "+");
}

/* In egress the claimants' ports by name are asked for, in ingress the subject's own: whatever they call
 * theirs. */
static void names(void **state)
{
	static const char others[] = TWO_PODS("{name: other, containerPort: 99}", "x");
	GIVEN(TWO_PODS("{name: sql, containerPort: 5432}", "x") CLUSTER_POLICY(
		"in", ADMIN "ingress: [{action: Deny, from: [" APP("x") "], protocols: "
									"[{destinationNamedPort: sql}]}]"));
	auto_tables struct tables *u = NULL, *v = NULL;

	decided(t, DB, IN, TWO, "tcp/5432", "+");
	u = then(m, others);
	same_tables(t, u);
	v = then(m, CLUSTER_POLICY("out", ADMIN "egress: [{action: Deny, to: [" APP(
						  "x") "], protocols: "
						       "[{destinationNamedPort: sql}]}]"));
	decided(v, WEB, OUT, TWO, "tcp/99", "-out egress[0]");
}

/* A port of a Service is what its backends are; what is none is what the address is. */
static void address_of_a_service(void **state)
{
	GIVEN(SERVICE SLICE CLUSTER_POLICY("net", ADMIN
					   "egress: [{action: Deny, to: [{networks: [10.96.0.0/12]}]}]"));
	auto_tables struct tables *u = NULL;

	decided(t, WEB, OUT, "10.96.0.6", "tcp/81", "-net egress[0]");
	decided(t, WEB, OUT, "10.96.0.5", "tcp/80", "+");
	decided(t, WEB, OUT, "10.96.0.5", "tcp/90", "-"); /* nobody is behind it */
	decided(t, WEB, OUT, "10.96.0.5", "tcp/81", "-net egress[0]");
	decided(t, WEB, OUT, "10.96.0.5", "icmp", "-net egress[0]");
	u = then(m, CLUSTER_POLICY("net", ADMIN "egress: [{action: Deny, to: [" OPS "]}]"));
	decided(u, WEB, OUT, "10.96.0.5", "tcp/80", "-net egress[0]");
	decided(u, WEB, OUT, "10.96.0.5", "tcp/81", "+");
}

static void equal_priorities(void **state)
{
	GIVEN(CLUSTER_POLICY("a", ADMIN "ingress: [{action: Pass, from: [{namespaces: {}}], protocols: "
					"[{tcp: {destinationPort: {range: {start: 1, end: 65535}}}}]}, "
					"{action: Deny, from: [{namespaces: {}}]}]")
		      CLUSTER_POLICY("b", ADMIN "ingress: [{action: Accept, from: [{namespaces: {}}]}]")
			      CLUSTER_POLICY("c", "tier: Admin, priority: 2, ingress: [{action: Deny, from: "
						  "[{namespaces: {}}]}]")
				      CLUSTER_POLICY("z",
						     "tier: Baseline, priority: 2, ingress: [{action: Deny, "
						     "from: [{namespaces: {}}], " TCP_22 "}]"));

	decided(t, DB, IN, "10.0.1.8", "tcp/22", "-z ingress[0]");
	decided(t, DB, IN, "10.0.1.8", "tcp/23", "+");
	decided(t, DB, IN, "10.0.1.8", "udp/23", "-a ingress[1]");
	decided(t, DB, IN, "10.0.1.8", "icmp", "-a ingress[1]");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(perhaps_is_denied),
		cmocka_unit_test(perhaps_does_not_pass),
		cmocka_unit_test(sure_is_sure),
		cmocka_unit_test(accept_needs_all),
		cmocka_unit_test(of_an_unknown_namespace),
		cmocka_unit_test(names),
		cmocka_unit_test(address_of_a_service),
		cmocka_unit_test(equal_priorities),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
