/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Twenty-three points of networking.k8s.io/v1 NetworkPolicy that implementers get wrong, each by its number:
 * from manifests, as users write them, to the verdicts of the compiled tables. What only packets can show
 * is tested where packets are, and named here.
 */
#include "cluster.h"

/* Isolation is per direction; policies only add; their order means nothing. */
static void point_01_isolation(void **state)
{
	GIVEN(POLICY("a", TO_DB ", policyTypes: [Ingress]"));
	auto_tables struct tables *u = NULL;

	denied(t, DB, IN, "10.0.0.8", "tcp/80");
	decided(t, DB, OUT, "10.0.0.8", "tcp/80", "+");
	decided(t, WEB, IN, "10.0.0.7", "tcp/80", "+");
	u = then(m, POLICY("a0", TO_DB ", ingress: [{ports: [{port: 80}]}]")
			    POLICY("z", TO_DB ", ingress: [{ports: [{port: 81}]}]"));
	decided(u, DB, IN, "10.0.0.8", "tcp/80", "+shop/a0 ingress[0]");
	decided(u, DB, IN, "10.0.0.8", "tcp/81", "+shop/z ingress[0]");
	denied(u, DB, IN, "10.0.0.8", "tcp/82");
	decided(u, DB, OUT, "10.0.0.8", "tcp/80", "+");
}

/* policyTypes: Ingress always, Egress only with a rule for it, unless they are said. */
static void point_02_policy_types(void **state)
{
	static const struct {
		const char *spec;
		bool in, out;
	} rows[] = {
		{ POLICY("p", TO_DB), true, false },
		{ POLICY("p", TO_DB ", policyTypes: []"), true, false },
		{ POLICY("p", TO_DB ", policyTypes: null, egress: null"), true, false },
		{ POLICY("p", TO_DB ", egress: []"), true, false },
		{ POLICY("p", TO_DB ", egress: [{ports: [{port: 1}]}]"), true, true },
		{ POLICY("p", TO_DB ", policyTypes: [Egress]"), false, true },
		{ POLICY("p", TO_DB ", policyTypes: [Egress], ingress: [{}]"), false, true },
		{ POLICY("p", TO_DB ", policyTypes: [Ingress], egress: [{ports: [{port: 1}]}]"), true,
		  false },
		{ POLICY("p", TO_DB ", policyTypes: [Ingress, Egress]"), true, true },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		GIVEN(rows[i].spec);

		decided(t, DB, IN, "10.0.0.8", "tcp/80", rows[i].in ? "-" : "+");
		decided(t, DB, OUT, "10.0.0.8", "tcp/80", rows[i].out ? "-" : "+");
	}
}

/* No rule is nobody, an empty rule everybody; no peers is any peer, also an outside one and a node; no
 * ports is every port of every protocol. Absent, null and empty are the same there. */
static void point_03_nothing_and_everything(void **state)
{
	static const char *const nobody[] = { "", ", ingress: []", ", ingress: null" };
	static const char *const everybody[] = { ", ingress: [{}]", ", ingress: [{from: [], ports: []}]",
						 ", ingress: [{from: null, ports: null}]" };
	static const char *const remotes[] = { "10.0.0.8", "10.0.1.8", "203.0.113.9", "2001:db8::1", NODE };
	static const char *const ports[] = { "tcp/80", "udp/53", "sctp/9", "icmp" };
	char spec[256];
	size_t i, k;

	for (i = 0; i < 3 * ARRAY_SIZE(remotes); i++) {
		for (k = 0; k < ARRAY_SIZE(ports); k++) {
			auto_model struct model *m = cluster("");
			auto_tables struct tables *none = NULL, *all = NULL;

			(void)snprintf(spec, sizeof(spec), POLICY("p", TO_DB "%s"), nobody[i % 3]);
			none = then(m, spec);
			denied(none, DB, IN, remotes[i / 3], ports[k]);
			(void)snprintf(spec, sizeof(spec), POLICY("p", TO_DB "%s"), everybody[i % 3]);
			all = then(m, spec);
			decided(all, DB, IN, remotes[i / 3], ports[k], "+shop/p ingress[0]");
		}
	}
	(void)state;
}

/* TCP where no protocol is said; a protocol alone is all its ports; endPort is inclusive, and refused by
 * name where it means nothing: the rule then matches nothing, and never less than it says. */
static void point_04_ports(void **state)
{
	GIVEN(POLICY("p",
		     TO_DB ", ingress: [{ports: [{port: 80}, {protocol: UDP}, {protocol: SCTP, port: 10, "
			   "endPort: 12}, {port: 65535}]}]"));
	static const char *const bad[] = { "{endPort: 9}",
					   "{port: http, endPort: 9}",
					   "{port: 10, endPort: 9}",
					   "{port: 9, endPort: x}",
					   "{port: 0}",
					   "{port: '9'}",
					   "{protocol: ICMP}",
					   "{port: 9, protocol: tcp}" };
	char spec[256];
	size_t i;

	allowed(t, DB, IN, "10.0.0.8", "tcp/80");
	denied(t, DB, IN, "10.0.0.8", "tcp/81");
	denied(t, DB, IN, "10.0.0.8", "sctp/80");
	allowed(t, DB, IN, "10.0.0.8", "udp/0");
	allowed(t, DB, IN, "10.0.0.8", "udp/65535");
	allowed(t, DB, IN, "10.0.0.8", "tcp/65535");
	denied(t, DB, IN, "10.0.0.8", "tcp/0");
	denied(t, DB, IN, "10.0.0.8", "sctp/9");
	allowed(t, DB, IN, "10.0.0.8", "sctp/10");
	allowed(t, DB, IN, "10.0.0.8", "sctp/12");
	denied(t, DB, IN, "10.0.0.8", "sctp/13");
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		auto_tables struct tables *u = NULL;

		(void)snprintf(spec, sizeof(spec), POLICY("p", TO_DB ", ingress: [{ports: [%s]}]"), bad[i]);
		assert_non_null(strstr(put(m, spec), "p: spec.ingress[0].ports[0]"));
		u = w_compile(m);
		denied(u, DB, IN, "10.0.0.8", "tcp/9");
		denied(u, DB, IN, "10.0.0.8", "tcp/10");
	}
}

/* podSelector alone: the own namespace; namespaceSelector alone: all pods there; both in one item: AND; two
 * items: OR; {} selects all, nil means "not used". An empty item is refused. */
static void point_05_peers(void **state)
{
	static const struct {
		const char *from;
		bool web, bare, ops;
	} rows[] = {
		{ "{podSelector: {matchLabels: {app: web}}}", true, false, false },
		{ "{podSelector: {}}", true, true, false },
		{ "{podSelector: {}, namespaceSelector: null}", true, true, false },
		{ "{namespaceSelector: {matchLabels: {team: ops}}}", false, false, true },
		{ "{namespaceSelector: {matchLabels: {team: shop}}, podSelector: null}", true, true, false },
		{ "{namespaceSelector: {}}", true, true, true },
		{ "{namespaceSelector: {}, podSelector: {matchLabels: {app: web}}}", true, false, true },
		{ "{namespaceSelector: {matchLabels: {team: ops}}, podSelector: {matchLabels: {tier: front}}}",
		  false, false, false },
		{ "{namespaceSelector: {matchLabels: {team: ops}}}, {podSelector: {matchLabels: {tier: front}}}",
		  true, false, true },
		{ "{ipBlock: {cidr: 10.0.0.9/32}}", false, true, false },
	};
	auto_model struct model *bad = cluster("");
	char spec[512];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		auto_model struct model *m = cluster("");
		auto_tables struct tables *t = NULL;

		(void)snprintf(spec, sizeof(spec), POLICY("p", TO_DB ", ingress: [{from: [%s]}]"),
			       rows[i].from);
		t = then(m, spec);
		decided(t, DB, IN, "10.0.0.8", "tcp/80", rows[i].web ? "+shop/p ingress[0]" : "-");
		decided(t, DB, IN, "10.0.0.9", "tcp/80", rows[i].bare ? "+shop/p ingress[0]" : "-");
		decided(t, DB, IN, "10.0.1.8", "tcp/80", rows[i].ops ? "+shop/p ingress[0]" : "-");
		denied(t, DB, IN, "203.0.113.9", "tcp/80"); /* no selector selects who is no pod */
	}
	assert_string_equal(put(bad, POLICY("p", TO_DB ", ingress: [{from: [{}]}]")),
			    "p: spec.ingress[0].from[0] is empty: it needs podSelector, namespaceSelector or "
			    "ipBlock\n");
	assert_string_equal(put(bad, POLICY("p", TO_DB ", ingress: [{from: [{podSelector: {}, ipBlock: "
						       "{cidr: 10.0.0.0/8}}]}]")),
			    "p: spec.ingress[0].from[0] has an ipBlock beside a selector\n");
	(void)state;
}

/* A named port is the selected pod's for ingress, the destination's for egress; name and protocol. */
static void point_06_named_ports(void **state)
{
	GIVEN(POD(
		"shop", "db", "app: db", IP("10.0.0.7"),
		"initContainers: [{restartPolicy: Always, ports: [{name: side, containerPort: 9}]},"
		"  {ports: [{name: once, containerPort: 10}]}],"
		"  containers: [{ports: [{name: web, containerPort: 80}, {name: dns, containerPort: 53, protocol: UDP}]}]")
		      POD("shop", "web", "app: web", IP("10.0.0.8"),
			  PORTS("{name: web, containerPort: 8080}"))
			      POD("shop", "bare", "app: web", IP("10.0.0.9"),
				  PORTS("{name: web, containerPort: 8081}"))
				      POD("ops", "web", "", IP("10.0.1.8"),
					  PORTS("{name: web, containerPort: 8082}")));
	auto_tables struct tables *in = NULL, *out = NULL, *any = NULL, *block = NULL;

	decided(t, DB, IN, "10.0.0.8", "tcp/80", "+");
	in = then(m, POLICY("p", TO_DB
			    ", ingress: [{ports: [{port: web}, {port: dns}, {port: side}, {port: once}, "
			    "{port: nobodys}]}]"));
	allowed(in, DB, IN, "203.0.113.9", "tcp/80");
	allowed(in, DB, IN, "203.0.113.9", "tcp/9");   /* a sidecar's */
	denied(in, DB, IN, "203.0.113.9", "tcp/10");   /* of a container that is over when the pod runs */
	denied(in, DB, IN, "203.0.113.9", "udp/53");   /* asked for TCP */
	denied(in, DB, IN, "203.0.113.9", "tcp/8080"); /* what others call so */
	out = then(m, POLICY("p",
			     TO_DB ", egress: [{ports: [{port: web}], to: [{podSelector: {matchLabels: {app: "
				   "web}}}]}]"));
	allowed(out, DB, OUT, "10.0.0.8", "tcp/8080");
	denied(out, DB, OUT, "10.0.0.8", "tcp/8081");
	allowed(out, DB, OUT, "10.0.0.9", "tcp/8081");
	denied(out, DB, OUT, "10.0.0.9", "tcp/80");
	denied(out, DB, OUT, "10.0.1.8", "tcp/8082");
	any = then(m, POLICY("p", TO_DB ", egress: [{ports: [{port: web}]}]"));
	allowed(any, DB, OUT, "10.0.1.8", "tcp/8082");
	denied(any, DB, OUT, "203.0.113.9", "tcp/8082");
	block = then(m, POLICY("p", TO_DB
			       ", egress: [{ports: [{port: web}], to: [{ipBlock: {cidr: 0.0.0.0/0}}]}]"));
	denied(block, DB, OUT, "10.0.1.8", "tcp/8082");
	denied(block, DB, OUT, "10.0.0.8", "tcp/8080");
}

/* Both ends decide, each for itself; nobody needs a mirror rule. Replies: tests/bpf/rows.c,
 * tests/bpf/live_test.c. */
static void point_07_both_ends(void **state)
{
	GIVEN(POLICY("out", "podSelector: {matchLabels: {app: web}}, policyTypes: [Egress], "
			    "egress: [{to: [{podSelector: {matchLabels: {app: db}}}]}]")
		      POLICY("in", TO_DB ", ingress: [{ports: [{port: 5432}]}]"));

	allowed(t, WEB, OUT, "10.0.0.7", "tcp/5432");
	allowed(t, DB, IN, "10.0.0.8", "tcp/5432");
	allowed(t, WEB, OUT, "10.0.0.7", "tcp/80");
	denied(t, DB, IN, "10.0.0.8", "tcp/80"); /* and so there is no such flow */
	decided(t, DB, OUT, "10.0.0.8", "tcp/1", "+");
	decided(t, WEB, IN, "10.0.0.7", "tcp/1", "+");
}

/* The own node is told apart from other nodes and from remote kubelets: only its addresses are marked. That
 * such a packet must have been made here: tests/bpf/rows.c ("host: ..."). */
static void point_08_local_node(void **state)
{
	GIVEN(POLICY(
		"p", TO_DB
		", policyTypes: [Ingress, Egress], ingress: [], egress: []") "---\n{apiVersion: v1, kind: Node, metadata: {name: other}, status: {addresses: "
									     "[{type: InternalIP, address: 10.0.200.2}]}}\n");
	const struct addr own = w_addr(NODE), other = w_addr("10.0.200.2"), pod = w_addr("10.0.0.8");
	bool is_node;

	(void)tables_class(t, &own, &is_node);
	assert_true(is_node);
	(void)tables_class(t, &other, &is_node);
	assert_false(is_node);
	(void)tables_class(t, &pod, &is_node);
	assert_false(is_node);
	denied(t, DB, IN, "10.0.200.2", "tcp/80");
	denied(t, DB, OUT, "10.0.200.2", "tcp/80");
}

/* What carries a node's address, masqueraded or not, is allowed by policy where the address is: the row does
 * not know of nodes. The exemption is for what was made here: tests/bpf/rows.c ("host: ...", "node's address
 * from elsewhere"). */
static void point_09_masqueraded_to_a_node(void **state)
{
	GIVEN(POLICY(
		"p", TO_DB
		", ingress: [{from: [{namespaceSelector: {}}]}, "
		"{from: [{ipBlock: {cidr: 10.0.200.0/24, except: [10.0.200.1/32]}}], ports: [{port: 1}]}]"));

	denied(t, DB, IN, NODE, "tcp/80"); /* no pod, so in no selector */
	denied(t, DB, IN, NODE, "tcp/1");
	allowed(t, DB, IN, "10.0.200.2", "tcp/1");
}

/* Selectors reach pods through a Service; an ipBlock of Services' addresses is no rule about pods. */
static void point_10_cluster_ips(void **state)
{
	GIVEN("---\n{apiVersion: v1, kind: Service, metadata: {namespace: shop, name: web}, spec: "
	      "{clusterIPs: [10.96.0.1], ports: [{port: 80, targetPort: http}]}}\n"
	      "---\n{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, addressType: IPv4, metadata: {namespace: shop, "
	      "name: web-1, labels: {kubernetes.io/service-name: web}}, ports: [{port: 8080, protocol: TCP, name: ''}], "
	      "endpoints: [{addresses: [10.0.0.8]}]}\n" POLICY(
		      "p", TO_DB
		      ", policyTypes: [Egress], egress: [{to: [{podSelector: {matchLabels: {app: web}}}], "
		      "ports: [{port: 8080}]}]"));
	auto_tables struct tables *u = NULL;

	allowed(t, DB, OUT, "10.96.0.1", "tcp/80");
	denied(t, DB, OUT, "10.96.0.1", "tcp/8080");
	u = then(m, POLICY("p", TO_DB
			   ", policyTypes: [Egress], egress: [{to: [{ipBlock: {cidr: 10.96.0.0/16}}]}]"));
	denied(u, DB, OUT, "10.96.0.1", "tcp/80");
}

/* ipBlock holds pods' addresses; an exception carves its own item alone; longer blocks keep the ports of the
 * shorter ones around them. */
static void point_11_blocks(void **state)
{
	GIVEN(POLICY("a", TO_DB ", ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8, except: [10.0.0.0/24]}}], "
				"ports: [{port: 80}]}]")
		      POLICY("b", TO_DB
			     ", ingress: [{from: [{ipBlock: {cidr: 10.0.0.8/29}}], ports: [{port: 81}]}]")
			      POLICY("c", TO_DB
				     ", ingress: [{from: [{podSelector: {matchLabels: {app: web}}}], ports: "
				     "[{port: 82}]}]")
				      POLICY("d", TO_DB
					     ", ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/16, except: "
					     "[10.0.0.9/32]}}], ports: [{port: 83}]}]"));

	denied(t, DB, IN, "10.0.0.8", "tcp/80"); /* the pod is in the exception */
	allowed(t, DB, IN, "10.0.0.8", "tcp/81");
	allowed(t, DB, IN, "10.0.0.8", "tcp/82");
	allowed(t, DB, IN, "10.0.0.8", "tcp/83");
	denied(t, DB, IN, "10.0.0.9", "tcp/83");  /* here another exception... */
	allowed(t, DB, IN, "10.0.0.9", "tcp/81"); /* ...which says nothing of the others */
	allowed(t, DB, IN, "10.0.1.8", "tcp/80");
	allowed(t, DB, IN, "10.0.1.8", "tcp/83");
	denied(t, DB, IN, "10.0.1.8", "tcp/81");
	allowed(t, DB, IN, "10.9.9.9", "tcp/80");
	denied(t, DB, IN, "10.9.9.9", "tcp/83");
	denied(t, DB, IN, "11.0.0.0", "tcp/80");
}

/* hostNetwork pods are the node: neither subjects nor peers by label. */
static void point_12_host_network(void **state)
{
	GIVEN(POD("shop", "agent", "app: web", IP("10.0.200.2"), "hostNetwork: true")
		      POLICY("p", TO_DB ", policyTypes: [Ingress, Egress], ingress: [{" FROM_WEB "}], "
					"egress: [{to: [{podSelector: {}}]}]"));

	allowed(t, DB, IN, "10.0.0.8", "tcp/80");
	denied(t, DB, IN, "10.0.200.2", "tcp/80");
	denied(t, DB, OUT, "10.0.200.2", "tcp/80");
}

/* A pod's own address never crosses its interface. Through a Service it may come back: as a peer, the pod is
 * what its labels say, like any other. */
static void point_13_itself(void **state)
{
	GIVEN(POLICY("p", TO_DB ", ingress: [{from: [{podSelector: {matchLabels: {app: db}}}]}]"));

	allowed(t, DB, IN, "10.0.0.7", "tcp/80");
	denied(t, DB, IN, "10.0.0.8", "tcp/80");
}

/* Ended pods keep their podIPs, and are out all the same: the address may be a new pod's, whatever is heard
 * of first. A terminating pod stays what it was. */
static void check_reuse(const struct event *v, void *ctx)
{
	const struct tables *wanted = ctx;
	auto_model struct model *m = cluster(POLICY("p", TO_DB ", ingress: [{" FROM_WEB "}]"));
	auto_tables struct tables *t = NULL;
	size_t i;

	for (i = 0; i < 3; i++) {
		auto_tables struct tables *now = NULL;

		happen(m, &v[i]);
		now = w_compile(m);
		/* Whatever is known so far: the address is never a peer by a pod that has ended. */
		if (model_pod(m, "shop", "job") && model_pod(m, "shop", "job")->ended &&
		    !model_pod(m, "shop", "next"))
			denied(now, DB, IN, "10.0.0.50", "tcp/80");
	}
	(void)model_del_pod(m, "shop", "job"); /* told once more */
	t = w_compile(m);
	same_tables(t, wanted);
}

static void point_14_ended_and_terminating(void **state)
{
	struct event events[] = {
		{ POD_UID("shop", "job", "u1", "app: web", IP("10.0.0.50"), "", ", phase: Succeeded"), NULL,
		  NULL },
		{ POD_UID("shop", "next", "u2", "app: web", IP("10.0.0.50"), "", ", phase: Running"), NULL,
		  NULL },
		{ NULL, "shop", "job" },
	};
	GIVEN(POLICY("p", TO_DB ", ingress: [{" FROM_WEB "}]") POD_UID(
		"shop", "failed", "", "app: web", IP("10.0.0.60"), "",
		", phase: Failed") "---\n{apiVersion: v1, kind: Pod, metadata: {namespace: shop, name: going, labels: {app: web}, "
				   "deletionTimestamp: '2026-01-01T00:00:00Z', deletionGracePeriodSeconds: 30}, status: "
				   "{phase: Running, podIPs: [{ip: 10.0.0.61}]}}\n");
	auto_model struct model *after = cluster(POLICY("p", TO_DB ", ingress: [{" FROM_WEB "}]"));
	auto_tables struct tables *wanted = then(after, events[1].yaml);

	denied(t, DB, IN, "10.0.0.60", "tcp/80");
	allowed(t, DB, IN, "10.0.0.61", "tcp/80");
	allowed(wanted, DB, IN, "10.0.0.50", "tcp/80");
	every_order(events, ARRAY_SIZE(events), check_reuse, wanted);
}

/* No address in the API yet: no peer by it, but isolated already, as its interface tells. */
static void point_15_no_address_yet(void **state)
{
	GIVEN(POD("shop", "db", "app: db", "", "") POD("shop", "late", "app: web", "", "")
		      POLICY("p", TO_DB ", ingress: [{" FROM_WEB "}]"));
	auto_tables struct tables *u = NULL;

	denied(t, DB, IN, "10.0.0.9", "tcp/80");
	allowed(t, DB, IN, "10.0.0.8", "tcp/80");
	assert_int_equal(w_find(t, DB)->addrs, 2);
	denied(t, DB, IN, "10.0.0.55", "tcp/80");
	u = then(m, POD("shop", "late", "app: web", IP("10.0.0.55"), ""));
	allowed(u, DB, IN, "10.0.0.55", "tcp/80");
}

/* Before anything is known of a pod it is isolated, and nobody's peer. In time: tests/api/test_follow.py
 * (test_first_packet). */
static void point_16_start(void **state)
{
	GIVEN(POLICY("p", TO_DB ", ingress: [{from: [{namespaceSelector: {}}]}]"));
	auto_tables struct tables *u = NULL, *v = NULL;

	w_endpoint(m, "shop/new", 20, "10.0.0.20");
	u = w_compile(m);
	assert_int_equal(w_find(u, 20)->set, -1);
	denied(u, DB, IN, "10.0.0.20", "tcp/80");
	v = then(m, POD("shop", "new", "", "", ""));
	decided(v, 20, IN, "10.0.0.8", "tcp/80", "+");
	allowed(v, DB, IN, "10.0.0.20", "tcp/80");
	decided(t, DB, OUT, "10.0.0.20", "tcp/80", "+");
}

/* Ours, as documented: what is no longer allowed is cut at its next packet. The tables of before and after
 * tell who loses: tests/unit/policy/delta_test.c; live flows: tests/integration/test_live.py. */
static void point_17_existing_connections(void **state)
{
	GIVEN(POLICY("p", TO_DB ", ingress: [{" FROM_WEB ", ports: [{port: 80}, {port: 81}]}]"));
	auto_tables struct tables *u = NULL;

	allowed(t, DB, IN, "10.0.0.8", "tcp/81");
	u = then(m, POLICY("p", TO_DB ", ingress: [{" FROM_WEB ", ports: [{port: 80}]}]"));
	allowed(u, DB, IN, "10.0.0.8", "tcp/80");
	denied(u, DB, IN, "10.0.0.8", "tcp/81");
}

/* A rule with ports is of TCP, UDP and SCTP alone; one without is of all protocols; what else goes to an
 * isolated pod is denied. ARP, ND and related errors: tests/bpf/rows.c, docs/packets.md. */
static void point_18_other_protocols(void **state)
{
	GIVEN(POLICY("p", TO_DB ", ingress: [{" FROM_WEB
				", ports: [{protocol: TCP}, {protocol: UDP}, {protocol: SCTP}]}, "
				"{from: [{namespaceSelector: {matchLabels: {team: ops}}}]}]"));

	allowed(t, DB, IN, "10.0.0.8", "tcp/0");
	denied(t, DB, IN, "10.0.0.8", "icmp");
	allowed(t, DB, IN, "10.0.1.8", "icmp");
	decided(t, DB, OUT, "10.0.0.8", "icmp", "+");
}

/* An SCTP rule isolates TCP, too. */
static void point_19_sctp_alone(void **state)
{
	GIVEN(POLICY("p", TO_DB ", ingress: [{ports: [{protocol: SCTP, port: 80}]}]"));

	allowed(t, DB, IN, "10.0.0.8", "sctp/80");
	denied(t, DB, IN, "10.0.0.8", "tcp/80");
	denied(t, DB, IN, "10.0.0.8", "udp/80");
	denied(t, DB, IN, "10.0.0.8", "sctp/81");
}

/* Labels of pods and namespaces re-target subjects and peers, in any order of events; what a namespace had
 * goes with it. */
static void check_relabelled(const struct event *v, void *ctx)
{
	auto_model struct model *m = cluster("");
	auto_tables struct tables *t = NULL;
	size_t i;

	for (i = 0; i < 5; i++)
		happen(m, &v[i]);
	t = w_compile(m);
	same_tables(t, ctx);
}

static void point_20_new_labels(void **state)
{
	struct event events[] = {
		{ POLICY("p", TO_DB ", ingress: [{from: [{namespaceSelector: {matchLabels: {team: x}}}]}]"),
		  NULL, NULL },
		{ NAMESPACE("ops", "team: x"), NULL, NULL },
		{ POD("shop", "bare", "app: db", IP("10.0.0.9"), ""), NULL, NULL },
		{ POD("shop", "web", "app: db", IP("10.0.0.8"), ""), NULL, NULL },
		{ NULL, "shop", "nobody" },
	};
	GIVEN("");
	auto_tables struct tables *wanted = NULL, *gone = NULL;
	size_t i;

	decided(t, WEB, IN, "10.0.1.8", "tcp/80", "+");
	for (i = 0; i < ARRAY_SIZE(events); i++)
		happen(m, &events[i]);
	wanted = w_compile(m);
	decided(wanted, WEB, IN, "10.0.1.8", "tcp/80", "+shop/p ingress[0]");
	denied(wanted, WEB, IN, "10.0.0.9", "tcp/80");
	every_order(events, ARRAY_SIZE(events), check_relabelled, wanted);
	assert_true(model_del_namespace(m, "ops"));
	assert_true(model_del_policy(m, POLICY_NETWORK, "shop", "p"));
	gone = w_compile(m);
	decided(gone, WEB, IN, "10.0.1.8", "tcp/80", "+");
}

/* All podIPs count; a rule of one family says nothing of the other. */
static void point_21_dual_stack(void **state)
{
	GIVEN(POLICY("p", TO_DB ", ingress: [{" FROM_WEB ", ports: [{port: 1}]}, "
				"{from: [{ipBlock: {cidr: 0.0.0.0/0}}], ports: [{port: 4}]}, "
				"{from: [{ipBlock: {cidr: '::/0'}}], ports: [{port: 6}]}]"));

	allowed(t, DB, IN, "10.0.0.8", "tcp/1");
	allowed(t, DB, IN, "fd00::8", "tcp/1");
	allowed(t, DB, IN, "203.0.113.9", "tcp/4");
	denied(t, DB, IN, "203.0.113.9", "tcp/6");
	denied(t, DB, IN, "2001:db8::1", "tcp/4");
	allowed(t, DB, IN, "2001:db8::1", "tcp/6");
	denied(t, DB, IN, "10.0.0.8", "tcp/6");
	denied(t, DB, IN, "fd00::8", "tcp/4");
	assert_non_null(strstr(
		put(m, POLICY("p", TO_DB ", ingress: [{from: [{ipBlock: {cidr: '::ffff:10.0.0.0/104'}}]}]")),
		"ipBlock.cidr '::ffff:10.0.0.0/104' is not a CIDR block"));
}

/* All operators; NotIn and DoesNotExist match what lacks the key. A namespace's name is a label of it. */
static void point_22_expressions(void **state)
{
	static const struct {
		const char *expression;
		bool web, bare, ops;
	} rows[] = {
		{ "{key: tier, operator: In, values: [front, back]}", true, false, false },
		{ "{key: tier, operator: NotIn, values: [front]}", false, true, true },
		{ "{key: tier, operator: NotIn, values: [back]}", true, true, true },
		{ "{key: tier, operator: Exists}", true, false, false },
		{ "{key: tier, operator: DoesNotExist}", false, true, true },
		{ "{key: app, operator: Exists}, {key: tier, operator: DoesNotExist}", false, false, true },
	};
	auto_model struct model *by_name = cluster(
		POLICY("p", TO_DB
		       ", ingress: [{from: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: "
		       "ops}}}]}]"));
	auto_tables struct tables *u = w_compile(by_name);
	char spec[512];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		auto_model struct model *m = cluster("");
		auto_tables struct tables *t = NULL;

		(void)snprintf(spec, sizeof(spec),
			       POLICY("p", TO_DB ", ingress: [{from: [{namespaceSelector: {}, podSelector: "
						 "{matchExpressions: [%s]}}]}]"),
			       rows[i].expression);
		t = then(m, spec);
		decided(t, DB, IN, "10.0.0.8", "tcp/80", rows[i].web ? "+shop/p ingress[0]" : "-");
		decided(t, DB, IN, "10.0.0.9", "tcp/80", rows[i].bare ? "+shop/p ingress[0]" : "-");
		decided(t, DB, IN, "10.0.1.8", "tcp/80", rows[i].ops ? "+shop/p ingress[0]" : "-");
	}
	allowed(u, DB, IN, "10.0.1.8", "tcp/80");
	denied(u, DB, IN, "10.0.0.8", "tcp/80");
	(void)state;
}

/* One address behind two interfaces: each is subject to what its own pod is; as a peer the address is what
 * both would be. */
static void point_23_one_address_twice(void **state)
{
	GIVEN(POLICY("p", "podSelector: {matchLabels: {tier: front}}, ingress: []") POLICY(
		"q", TO_DB ", ingress: [{" FROM_WEB ", ports: [{port: 1}]}, "
			   "{from: [{podSelector: {matchLabels: {tier: front}}}], ports: [{port: 2}]}, "
			   "{from: [{podSelector: {matchLabels: {tier: back}}}], ports: [{port: 3}]}]")
		      POD("shop", "twin", "app: web, tier: back", IP("10.0.0.8"), ""));
	auto_tables struct tables *u = NULL;

	allowed(t, DB, IN, "10.0.0.8", "tcp/2"); /* an interface here tells more than the API */
	w_endpoint(m, "shop/twin", 21, "10.0.0.8");
	u = w_compile(m);
	denied(u, WEB, IN, "10.0.0.7", "tcp/80");
	decided(u, 21, IN, "10.0.0.7", "tcp/80", "+");
	allowed(u, DB, IN, "10.0.0.8", "tcp/1");
	denied(u, DB, IN, "10.0.0.8", "tcp/2");
	denied(u, DB, IN, "10.0.0.8", "tcp/3");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(point_01_isolation),
		cmocka_unit_test(point_02_policy_types),
		cmocka_unit_test(point_03_nothing_and_everything),
		cmocka_unit_test(point_04_ports),
		cmocka_unit_test(point_05_peers),
		cmocka_unit_test(point_06_named_ports),
		cmocka_unit_test(point_07_both_ends),
		cmocka_unit_test(point_08_local_node),
		cmocka_unit_test(point_09_masqueraded_to_a_node),
		cmocka_unit_test(point_10_cluster_ips),
		cmocka_unit_test(point_11_blocks),
		cmocka_unit_test(point_12_host_network),
		cmocka_unit_test(point_13_itself),
		cmocka_unit_test(point_14_ended_and_terminating),
		cmocka_unit_test(point_15_no_address_yet),
		cmocka_unit_test(point_16_start),
		cmocka_unit_test(point_17_existing_connections),
		cmocka_unit_test(point_18_other_protocols),
		cmocka_unit_test(point_19_sctp_alone),
		cmocka_unit_test(point_20_new_labels),
		cmocka_unit_test(point_21_dual_stack),
		cmocka_unit_test(point_22_expressions),
		cmocka_unit_test(point_23_one_address_twice),
	};

	return cmocka_run_group_tests_name("points", tests, NULL, NULL);
}
