/* SPDX-License-Identifier: Apache-2.0 */
/* SegmentationPolicy and ClusterSegmentationPolicy, from text: what each spec means, and what is said of it.
 */
#include "policies.h"

#define HEAD(text)	  "{podSelector: {}, " text "}"
#define IN(rule)	  "{podSelector: {}, ingress: [{" rule "}]}"
#define OUT(rule)	  "{podSelector: {}, egress: [{" rule "}]}"
#define PEER(peer)	  OUT("action: Deny, to: [" peer "]")
#define PROTOCOL(item)	  OUT("action: Deny, to: [{namespaces: {}}], protocols: [" item "]")
#define MEANS_PEER(text)  "segmentation 100 {}  | out deny(" text " : all)"
#define MEANS_PORTS(text) "segmentation 100 {}  | out deny(ns{} : " text ")"
#define UNKNOWN		  "segmentation 100 {}  | out deny?"

static void check(enum object_kind kind, const struct row *rows, size_t n)
{
	check_rows(kind, rows, n);
}

/* ---- what is said for the whole ------------------------------------------------------------- */

static const struct row whole[] = {
	{ "", "segmentation 100 {} IE", "spec is missing" },
	{ "[]", "segmentation 100 {} IE", "spec is a list, not an object" },
	{ "{}", "segmentation 100 {} ", "spec.podSelector is missing" },
	{ "{podSelector: {matchLabels: {a: b}}}", "segmentation 100 {a=b} ", NULL },
	{ HEAD("priority: 0"), "segmentation 0 {} ", NULL },
	{ HEAD("priority: 1000, mode: Enforce"), "segmentation 1000 {} ", NULL },
	{ HEAD("priority: 1001"), "segmentation 100 {} ", "spec.priority 1001 is not in 0 to 1000" },
	{ HEAD("mode: Audit"), "segmentation 100 audit {} ", NULL },
	{ HEAD("mode: audit"), "segmentation 100 {} ", "spec.mode 'audit' is neither Enforce nor Audit" },
	{ HEAD("mode: Off, ingress: [{action: Accept, from: [{namespaces: {}}]}]"),
	  "segmentation 100 {} I | in accept?", "spec.mode 'Off' is neither Enforce nor Audit" },
	{ HEAD("tier: Admin"), "segmentation 100 {}  | in deny? | out deny?",
	  "spec.tier is not a known field" },
	/* expires */
	{ HEAD("expires: '1970-01-01T00:01:00Z'"), "segmentation 100 until 60 {} ", NULL },
	{ HEAD("expires: '2026-11-27T20:00:00.25+01:00'"), "segmentation 100 until 1795806000 {} ", NULL },
	{ HEAD("expires: '2026-11-27T20:00:00-00:30'"), "segmentation 100 until 1795811400 {} ", NULL },
	{ HEAD("expires: '2028-02-29T00:00:00Z'"), "segmentation 100 until 1835395200 {} ", NULL },
	{ HEAD("expires: '2027-02-29T00:00:00Z'"), "segmentation 100 {} ",
	  "spec.expires '2027-02-29T00:00:00Z' is not a time like 2026-01-31T12:00:00Z" },
	{ HEAD("expires: '2027-02-28T23:59:60Z'"), "segmentation 100 {} ",
	  "spec.expires '2027-02-28T23:59:60Z' is not a time like 2026-01-31T12:00:00Z" },
	{ HEAD("expires: '2026-11-27'"), "segmentation 100 {} ",
	  "spec.expires '2026-11-27' is not a time like 2026-01-31T12:00:00Z" },
	{ HEAD("expires: '2026-11-27T20:00:00'"), "segmentation 100 {} ",
	  "spec.expires '2026-11-27T20:00:00' is not a time like 2026-01-31T12:00:00Z" },
	{ HEAD("expires: '2026-11-27T20:00:00.Z'"), "segmentation 100 {} ",
	  "spec.expires '2026-11-27T20:00:00.Z' is not a time like 2026-01-31T12:00:00Z" },
	{ HEAD("expires: '2026-11-27T20:00:00+1:00'"), "segmentation 100 {} ",
	  "spec.expires '2026-11-27T20:00:00+1:00' is not a time like 2026-01-31T12:00:00Z" },
	{ HEAD("expires: '2026-11-27T20:00:0001:00'"), "segmentation 100 {} ",
	  "spec.expires '2026-11-27T20:00:0001:00' is not a time like 2026-01-31T12:00:00Z" },
	{ HEAD("expires: '2026-11-27T20:00:00++1:00'"), "segmentation 100 {} ",
	  "spec.expires '2026-11-27T20:00:00++1:00' is not a time like 2026-01-31T12:00:00Z" },
	{ HEAD("expires: '1970-01-01T00:00:00Z'"), "segmentation 100 until 1 {} ", NULL },
	{ HEAD("expires: 5"), "segmentation 100 {} ", "spec.expires is a number, not a text" },
	/* where it isolates */
	{ HEAD("policyTypes: [Ingress]"), "segmentation 100 {} I", NULL },
	{ HEAD("policyTypes: [Egress, Ingress]"), "segmentation 100 {} IE", NULL },
	{ HEAD("policyTypes: [Both]"), "segmentation 100 {} IE",
	  "spec.policyTypes[0] 'Both' is neither Ingress nor Egress" },
	{ IN("action: Deny, from: [{namespaces: {}}]"), "segmentation 100 {}  | in deny(ns{} : all)", NULL },
	{ IN("action: Pass, from: [{namespaces: {}}]"), "segmentation 100 {}  | in pass(ns{} : all)", NULL },
	{ IN("action: Accept, from: [{namespaces: {}}]"), "segmentation 100 {} I | in accept(ns{} : all)",
	  NULL },
	{ IN("action: Accept, from: [{namespaces: 1}]"), "segmentation 100 {} I | in accept?",
	  "spec.ingress[0].from[0].namespaces is a number, not an object" },
	{ HEAD("policyTypes: [], ingress: [{action: Accept, from: [{namespaces: {}}]}]"),
	  "segmentation 100 {}  | in accept(ns{} : all)", NULL },
	{ HEAD("ingress: {}"), "segmentation 100 {}  | in deny?", "spec.ingress is an object, not a list" },
};

static void the_whole(void **state)
{
	(void)state;
	check(OBJECT_SEGMENTATION, whole, N(whole));
}

/* ---- rules ---------------------------------------------------------------------------------- */

static const struct row rules[] = {
	/* log */
	{ IN("action: Accept, log: true, name: web, from: [{namespaces: {}}]"),
	  "segmentation 100 {} I | in accept+log'web'(ns{} : all)", NULL },
	{ IN("action: Accept, log: 'yes', from: [{namespaces: {}}]"), "segmentation 100 {} I | in accept?",
	  "spec.ingress[0].log is a text, not true or false" },
	/* what would write on a terminal, or a line of its own into a log */
	{ IN("action: Accept, name: \"a\\e[2Jb\\nc\", from: [{namespaces: {}}]"),
	  "segmentation 100 {} I | in accept'a?[2Jb?c'(ns{} : all)", NULL },
	/* peers */
	{ PEER("{pods: {podSelector: {matchLabels: {a: b}}}}"), MEANS_PEER("pods{a=b}"), NULL },
	{ PEER("{pods: {namespaceSelector: {}, podSelector: {}}}"), MEANS_PEER("ns{}pods{}"), NULL },
	{ PEER("{networks: [10.0.0.0/8, 'fd00::/8']}"), MEANS_PEER("10.0.0.0/8 fd00::/8"), NULL },
	{ IN("action: Deny, from: [{networks: [10.0.0.0/8]}]"),
	  "segmentation 100 {}  | in deny(10.0.0.0/8 : all)", NULL },
	{ PEER("{entities: [Host, Cluster, World, KubeAPIServer]}"),
	  MEANS_PEER("host cluster world behind default/kubernetes"), NULL },
	{ PEER("{entities: [Worlds]}"), UNKNOWN,
	  "spec.egress[0].to[0].entities[0] 'Worlds' is none of Host, Cluster, World and KubeAPIServer" },
	{ PEER("{entities: []}"), UNKNOWN, "spec.egress[0].to[0].entities is empty" },
	{ PEER("{services: [{name: db}, {name: db, namespace: lab}]}"),
	  MEANS_PEER("behind default/db behind lab/db"), NULL },
	{ PEER("{services: [{namespace: lab}]}"), UNKNOWN,
	  "spec.egress[0].to[0].services[0].name is missing" },
	{ PEER("{services: [{name: Db}]}"), UNKNOWN,
	  "spec.egress[0].to[0].services[0].name 'Db' is not a DNS-1123 label" },
	{ IN("action: Deny, from: [{services: [{name: db}]}]"), "segmentation 100 {}  | in deny?",
	  "spec.ingress[0].from[0].services is not a known field" },
	{ PEER("{namespaces: {}, entities: [World]}"), UNKNOWN,
	  "spec.egress[0].to[0] needs exactly one of namespaces, pods, networks, entities and services" },
	{ PEER("{nodes: {}}"), UNKNOWN, "spec.egress[0].to[0].nodes is not a known field" },
	{ OUT("action: Deny"), UNKNOWN, "spec.egress[0].to is missing" },
	{ PEER(""), UNKNOWN, "spec.egress[0].to is empty" },
	/* protocols */
	{ PROTOCOL("{icmp: {}}, {icmpv6: {}}"), MEANS_PORTS("1/0-65535 58/0-65535"), NULL },
	{ PROTOCOL("{icmp: {type: 3}}, {icmp: {type: 3, code: 4}}, {icmpv6: {type: 255, code: 255}}"),
	  MEANS_PORTS("1/768-1023 1/772-772 58/65535-65535"), NULL },
	{ PROTOCOL("{icmp: {type: 0, code: 0}}"), MEANS_PORTS("1/0-0"), NULL },
	{ PROTOCOL("{icmp: {code: 4}}"), UNKNOWN, "spec.egress[0].protocols[0].icmp.code needs a type" },
	{ PROTOCOL("{icmp: {type: 256}}"), UNKNOWN,
	  "spec.egress[0].protocols[0].icmp.type 256 is not in 0 to 255" },
	{ PROTOCOL("{number: 47}, {number: 255}"), MEANS_PORTS("47/0-65535 255/0-65535"), NULL },
	{ PROTOCOL("{number: 0}"), UNKNOWN, "spec.egress[0].protocols[0].number 0 is not in 1 to 255" },
	{ PROTOCOL("{number: 6}"), UNKNOWN, "spec.egress[0].protocols[0].number 6 is for the field tcp" },
	{ PROTOCOL("{number: 58}"), UNKNOWN,
	  "spec.egress[0].protocols[0].number 58 is for the field icmpv6" },
	{ PROTOCOL("{tcp: {}, number: 47}"), UNKNOWN,
	  "spec.egress[0].protocols[0] needs exactly one of tcp, udp, sctp, icmp, icmpv6, number and "
	  "destinationNamedPort" },
	{ PROTOCOL("{destinationNamedPort: http}"), MEANS_PORTS("6/http 17/http 132/http"), NULL },
	{ OUT("action: Deny, to: [{entities: [World]}], protocols: [{destinationNamedPort: http}]"), UNKNOWN,
	  "spec.egress[0] has destinationNamedPort beside what are no pods, where no port has a name" },
};

static void the_rules(void **state)
{
	(void)state;
	check(OBJECT_SEGMENTATION, rules, N(rules));
}

/* ---- of the cluster ------------------------------------------------------------------------- */

#define CLUSTER(text) "{tier: Admin, priority: 1, subject: {namespaces: {}}, " text "}"

static const struct row of_cluster[] = {
	{ "", "admin 0 ns{}pods{}", "spec is missing" },
	{ CLUSTER("mode: Audit, expires: '1970-01-01T00:00:01Z'"), "admin 1 audit until 1 ns{}pods{}", NULL },
	{ CLUSTER("ingress: [{action: Accept, log: true, from: [{entities: [World]}]}]"),
	  "admin 1 ns{}pods{} | in accept+log(world : all)", NULL },
	{ CLUSTER("egress: [{action: Deny, to: [{pods: {podSelector: {}}}]}]"),
	  "admin 1 ns{}pods{} | out deny(ns{}pods{} : all)", NULL },
	{ CLUSTER("egress: [{action: Deny, to: [{services: [{name: db}]}]}]"),
	  "admin 1 ns{}pods{} | out deny?", "spec.egress[0].to[0].services[0].namespace is missing" },
	{ CLUSTER("policyTypes: [Ingress]"), "admin 1 ns{}pods{} | in deny? | out deny?",
	  "spec.policyTypes is not a known field" },
	{ CLUSTER("mode: 1, ingress: [{action: Accept, from: [{namespaces: {}}]}]"),
	  "admin 1 ns{}pods{} | in accept?", "spec.mode is a number, not a text" },
	{ "{tier: Baseline, subject: {namespaces: {}}}", "baseline 0 ns{}pods{}",
	  "spec.priority is missing" },
};

static void the_cluster(void **state)
{
	(void)state;
	check(OBJECT_CLUSTER_SEGMENTATION, of_cluster, N(of_cluster));
}

/* What ours alone have is not understood in upstream's. */
static const struct row upstream[] = {
	{ CLUSTER("mode: Audit"), "admin 1 ns{}pods{} | in deny? | out deny?",
	  "spec.mode is not a known field" },
	{ CLUSTER("ingress: [{action: Deny, from: [{entities: [World]}]}]"), "admin 1 ns{}pods{} | in deny?",
	  "spec.ingress[0].from[0].entities is not a known field" },
	{ CLUSTER("ingress: [{action: Deny, log: true, from: [{namespaces: {}}]}]"),
	  "admin 1 ns{}pods{} | in deny+log?", "spec.ingress[0].log is not a known field" },
	{ CLUSTER("ingress: [{action: Deny, from: [{namespaces: {}}], protocols: [{icmp: {}}]}]"),
	  "admin 1 ns{}pods{} | in deny?", "spec.ingress[0].protocols[0].icmp is not a known field" },
};

static void not_upstream(void **state)
{
	(void)state;
	check(OBJECT_CLUSTER_POLICY, upstream, N(upstream));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_whole),
		cmocka_unit_test(the_rules),
		cmocka_unit_test(the_cluster),
		cmocka_unit_test(not_upstream),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
