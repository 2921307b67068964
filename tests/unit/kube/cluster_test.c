/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ClusterNetworkPolicy specs in one table {spec, what it means, what is wrong with it}: every field, every
 * default, everything that must not be understood, and how that fails closed.
 */
#include "tests/unit/kube/policies.h"

#define check(rows, n)		  check_rows(OBJECT_CLUSTER_POLICY, (rows), (n))
#define policy_of(spec)		  parse_policy(OBJECT_CLUSTER_POLICY, (spec))
#define many(head, item, n, tail) parse_many(OBJECT_CLUSTER_POLICY, (head), (item), (n), (tail))

/* A policy of all pods with these rules, and as it is shown. */
#define START	    "{tier: Admin, priority: 1, subject: {namespaces: {}}, "
#define WITH(rules) START rules "}"
#define ALL	    "admin 1 ns{}pods{}"

/* One rule of either direction. */
#define IN(rule)  WITH("ingress: [{" rule "}]")
#define OUT(rule) WITH("egress: [{" rule "}]")
#define ACCEPT	  "action: Accept, "
#define FROM	  "from: [{namespaces: {}}]"
#define TO	  "to: [{namespaces: {}}]"

/* What a rule is about: an Accept of one peer, of one protocol. */
#define SOURCE(peer)	   IN(ACCEPT "from: [" peer "]")
#define DESTINATION(peer)  OUT(ACCEPT "to: [" peer "]")
#define PROTOCOL(protocol) IN(ACCEPT FROM ", protocols: [" protocol "]")
#define UNKNOWN		   ALL " | in accept?"
#define UNKNOWN_OUT	   ALL " | out accept?"

/* A whole policy of this head, with a rule of each action. */
#define HEAD(head)                                                                                           \
	"{" head ", ingress: [{" ACCEPT FROM "}, {action: Deny, " FROM "}], egress: [{action: Pass, " TO "}]}"
#define DISTRUSTED " | in accept? deny? | out pass?"
#define TRUSTED	   " | in accept(ns{} : all) deny(ns{} : all) | out pass(ns{} : all)"

/* ---- absent, null, empty; what is understood ------------------------------------------------ */

static const struct row understood[] = {
	{ HEAD("tier: Admin, priority: 0, subject: {namespaces: {}}"), "admin 0 ns{}pods{}" TRUSTED, NULL },
	{ HEAD("tier: Baseline, priority: 1000, subject: {namespaces: {}}"),
	  "baseline 1000 ns{}pods{}" TRUSTED, NULL },
	/* the subject */
	{ "{tier: Admin, priority: 1, subject: {namespaces: {matchLabels: {a: b}}, pods: null}}",
	  "admin 1 ns{a=b}pods{}", NULL },
	{ "{tier: Admin, priority: 1, subject: {pods: {namespaceSelector: {matchLabels: {a: b}}, "
	  "podSelector: {matchLabels: {c: d}}}}}",
	  "admin 1 ns{a=b}pods{c=d}", NULL },
	{ "{tier: Admin, priority: 1, subject: {pods: {podSelector: {matchLabels: {c: d}}}}}",
	  "admin 1 ns{}pods{c=d}", NULL },
	{ "{tier: Admin, priority: 1, subject: {pods: {namespaceSelector: null, podSelector: {}}}}", ALL,
	  NULL },
	/* no rules: none, and nobody is isolated */
	{ WITH("ingress: null, egress: null"), ALL, NULL },
	{ WITH("ingress: [], egress: []"), ALL, NULL },
	/* rules: action, name */
	{ WITH("ingress: [{action: Accept, " FROM "}, {action: Deny, " FROM "}, {action: Pass, " FROM "}]"),
	  ALL " | in accept(ns{} : all) deny(ns{} : all) pass(ns{} : all)", NULL },
	{ IN("name: first one, " ACCEPT FROM), ALL " | in accept'first one'(ns{} : all)", NULL },
	{ IN("name: '', " ACCEPT FROM), ALL " | in accept(ns{} : all)", NULL },
	{ IN("name: null, protocols: null, " ACCEPT FROM), ALL " | in accept(ns{} : all)", NULL },
	{ IN("name: \"a\\nb\\e[31m\", " ACCEPT FROM), ALL " | in accept'a?b?[31m'(ns{} : all)", NULL },
	/* peers */
	{ SOURCE("{namespaces: {matchLabels: {a: b}}}"), ALL " | in accept(ns{a=b} : all)", NULL },
	{ SOURCE("{pods: {namespaceSelector: {matchLabels: {a: b}}, podSelector: {matchLabels: {c: d}}}}"),
	  ALL " | in accept(ns{a=b}pods{c=d} : all)", NULL },
	{ SOURCE("{pods: {podSelector: {}}}, {namespaces: {}, pods: null}"),
	  ALL " | in accept(ns{}pods{} ns{} : all)", NULL },
	{ DESTINATION("{namespaces: {matchLabels: {a: b}}, pods: null, networks: null, nodes: null, "
		      "domainNames: null}, {pods: {namespaceSelector: {}, podSelector: {}}}"),
	  ALL " | out accept(ns{a=b} ns{}pods{} : all)", NULL },
	{ DESTINATION("{networks: [10.0.0.0/8, 'fd00::/8', 192.0.2.7/24]}, {networks: ['::/0']}"),
	  ALL " | out accept(10.0.0.0/8 fd00::/8 192.0.2.0/24 ::/0 : all)", NULL },
	{ DESTINATION("{nodes: {}}, {nodes: {matchLabels: {a: b}}}"),
	  ALL " | out accept(host{} host{a=b} : all)", NULL },
	/* protocols */
	{ PROTOCOL("{tcp: {destinationPort: {number: 80}}}, {udp: {destinationPort: {number: 1}}}, "
		   "{sctp: {destinationPort: {number: 65535}}}"),
	  ALL " | in accept(ns{} : 6/80-80 17/1-1 132/65535-65535)", NULL },
	{ PROTOCOL("{tcp: {destinationPort: {number: null, range: {start: 1, end: 65535}}}}, "
		   "{udp: {destinationPort: {range: {start: 80, end: 81}}}}"),
	  ALL " | in accept(ns{} : 6/1-65535 17/80-81)", NULL },
	{ PROTOCOL("{destinationNamedPort: http, tcp: null}"),
	  ALL " | in accept(ns{} : 6/http 17/http 132/http)", NULL },
	{ OUT(ACCEPT TO ", protocols: [{destinationNamedPort: a23456789012345}]"),
	  ALL " | out accept(ns{} : 6/a23456789012345 17/a23456789012345 132/a23456789012345)", NULL },
	{ OUT(ACCEPT "to: [{networks: [10.0.0.0/8]}], protocols: [{tcp: {destinationPort: {number: 80}}}]"),
	  ALL " | out accept(10.0.0.0/8 : 6/80-80)", NULL },
};

static void what_is_understood(void **state)
{
	(void)state;
	check(understood, N(understood));
}

/* ---- the policy as a whole ------------------------------------------------------------------ */

static const struct row whole[] = {
	{ "", "admin 0 ns{}pods{}", "spec is missing" },
	{ "null", "admin 0 ns{}pods{}", "spec is missing" },
	{ "web", "admin 0 ns{}pods{}", "spec is a text, not an object" },
	{ "[]", "admin 0 ns{}pods{}", "spec is a list, not an object" },
	{ "{}", "admin 0 ns{}pods{}",
	  "spec.tier is missing; spec.priority is missing; spec.subject is missing" },
	{ HEAD("tier: Admin, priority: 1, subject: {namespaces: {matchLabels: {a: b}}}, log: true"),
	  "admin 1 ns{a=b}pods{}" DISTRUSTED, "spec.log is not a known field" },
	/* tier */
	{ HEAD("priority: 7, subject: {namespaces: {}}"), "admin 7 ns{}pods{}" DISTRUSTED,
	  "spec.tier is missing" },
	{ HEAD("tier: null, priority: 7, subject: {namespaces: {}}"), "admin 7 ns{}pods{}" DISTRUSTED,
	  "spec.tier is missing" },
	{ HEAD("tier: baseline, priority: 7, subject: {namespaces: {}}"), "admin 7 ns{}pods{}" DISTRUSTED,
	  "spec.tier 'baseline' is neither Admin nor Baseline" },
	{ HEAD("tier: NetworkPolicy, priority: 7, subject: {namespaces: {}}"),
	  "admin 7 ns{}pods{}" DISTRUSTED, "spec.tier 'NetworkPolicy' is neither Admin nor Baseline" },
	{ HEAD("tier: 1, priority: 7, subject: {namespaces: {}}"), "admin 7 ns{}pods{}" DISTRUSTED,
	  "spec.tier is a number, not a text" },
	/* priority */
	{ HEAD("tier: Baseline, subject: {namespaces: {}}"), "baseline 0 ns{}pods{}" DISTRUSTED,
	  "spec.priority is missing" },
	{ HEAD("tier: Baseline, priority: -1, subject: {namespaces: {}}"), "baseline 0 ns{}pods{}" DISTRUSTED,
	  "spec.priority -1 is not in 0 to 1000" },
	{ HEAD("tier: Baseline, priority: 1001, subject: {namespaces: {}}"),
	  "baseline 0 ns{}pods{}" DISTRUSTED, "spec.priority 1001 is not in 0 to 1000" },
	{ HEAD("tier: Baseline, priority: 65537, subject: {namespaces: {}}"),
	  "baseline 0 ns{}pods{}" DISTRUSTED, "spec.priority 65537 is not in 0 to 1000" },
	{ HEAD("tier: Baseline, priority: '7', subject: {namespaces: {}}"),
	  "baseline 0 ns{}pods{}" DISTRUSTED, "spec.priority is a text, not a whole number" },
	/* the subject: not understood is every pod */
	{ HEAD("tier: Admin, priority: 1"), ALL DISTRUSTED, "spec.subject is missing" },
	{ HEAD("tier: Admin, priority: 1, subject: {}"), ALL DISTRUSTED,
	  "spec.subject needs exactly one of namespaces and pods" },
	{ HEAD("tier: Admin, priority: 1, subject: all"), ALL DISTRUSTED,
	  "spec.subject is a text, not an object" },
	{ HEAD("tier: Admin, priority: 1, subject: {namespaces: {matchLabels: {a: b}}, "
	       "pods: {podSelector: {}}}"),
	  ALL DISTRUSTED, "spec.subject needs exactly one of namespaces and pods" },
	{ HEAD("tier: Admin, priority: 1, subject: {nodes: {}}"), ALL DISTRUSTED,
	  "spec.subject.nodes is not a known field" },
	{ HEAD("tier: Admin, priority: 1, subject: {namespaces: {matchLabels: {a: 1}}}"), ALL DISTRUSTED,
	  "spec.subject.namespaces.matchLabels[a] is a number, not a text" },
	{ HEAD("tier: Admin, priority: 1, subject: {pods: {namespaceSelector: {matchLabels: {a: b}}}}"),
	  ALL DISTRUSTED, "spec.subject.pods.podSelector is missing" },
	{ HEAD("tier: Admin, priority: 1, subject: {pods: {podSelector: {matchLabels: {a: b}}, "
	       "namespaceSelector: x}}"),
	  ALL DISTRUSTED, "spec.subject.pods.namespaceSelector is a text, not an object" },
	{ HEAD("tier: Admin, priority: 1, subject: {pods: {podSelector: {matchLabels: {a: b}}, n: x}}"),
	  ALL DISTRUSTED, "spec.subject.pods.n is not a known field" },
	/* sections: one rule that denies, and only there */
	{ WITH("ingress: {}, egress: [{" ACCEPT TO "}]"), ALL " | in deny? | out accept(ns{} : all)",
	  "spec.ingress is an object, not a list" },
	{ WITH("egress: all, ingress: [{" ACCEPT FROM "}]"), ALL " | in accept(ns{} : all) | out deny?",
	  "spec.egress is a text, not a list" },
};

static void the_whole(void **state)
{
	(void)state;
	check(whole, N(whole));
}

/* ---- rules that are not understood ---------------------------------------------------------- */

static const struct row bad[] = {
	/* in its place, with its action and name; an action that is not understood denies */
	{ WITH("ingress: [{action: Deny, name: x, from: []}, {" ACCEPT FROM "}, {action: Pass}]"),
	  ALL " | in deny'x'? accept(ns{} : all) pass?",
	  "spec.ingress[0].from is empty; spec.ingress[2].from is missing" },
	{ WITH("ingress: [null, 7]"), ALL " | in deny? deny?",
	  "spec.ingress[0] is null, not an object; spec.ingress[1] is a number, not an object" },
	{ IN(FROM), ALL " | in deny?", "spec.ingress[0].action is missing" },
	{ IN("action: null, " FROM), ALL " | in deny?", "spec.ingress[0].action is missing" },
	{ IN("action: Allow, " FROM), ALL " | in deny?",
	  "spec.ingress[0].action 'Allow' is none of Accept, Deny and Pass" },
	{ IN("action: true, " FROM), ALL " | in deny?",
	  "spec.ingress[0].action is true or false, not a text" },
	{ IN("name: 7, " ACCEPT FROM), UNKNOWN, "spec.ingress[0].name is a number, not a text" },
	{ IN("ports: [], " ACCEPT FROM), UNKNOWN, "spec.ingress[0].ports is not a known field" },
	{ IN(ACCEPT TO), UNKNOWN,
	  "spec.ingress[0].to is not a known field; spec.ingress[0].from is missing" },
	{ OUT(ACCEPT FROM), UNKNOWN_OUT,
	  "spec.egress[0].from is not a known field; spec.egress[0].to is missing" },
	/* peers */
	{ IN(ACCEPT "from: null"), UNKNOWN, "spec.ingress[0].from is missing" },
	{ IN(ACCEPT "from: {}"), UNKNOWN, "spec.ingress[0].from is an object, not a list" },
	{ OUT(ACCEPT "to: []"), UNKNOWN_OUT, "spec.egress[0].to is empty" },
	{ OUT(ACCEPT "to: x"), UNKNOWN_OUT, "spec.egress[0].to is a text, not a list" },
	{ SOURCE("{}"), UNKNOWN, "spec.ingress[0].from[0] needs exactly one of namespaces and pods" },
	{ SOURCE("{namespaces: {}}, null"), UNKNOWN, "spec.ingress[0].from[1] is null, not an object" },
	{ SOURCE("{namespaces: {}, pods: {podSelector: {}}}"), UNKNOWN,
	  "spec.ingress[0].from[0] needs exactly one of namespaces and pods" },
	{ SOURCE("{namespaces: {}, services: {}}"), UNKNOWN,
	  "spec.ingress[0].from[0].services is not a known field" },
	{ SOURCE("{networks: [10.0.0.0/8]}"), UNKNOWN,
	  "spec.ingress[0].from[0].networks is not a known field" },
	{ SOURCE("{nodes: {}}"), UNKNOWN, "spec.ingress[0].from[0].nodes is not a known field" },
	{ SOURCE("{domainNames: [a.b]}"), UNKNOWN,
	  "spec.ingress[0].from[0].domainNames is not a known field" },
	{ SOURCE("{namespaces: x}"), UNKNOWN, "spec.ingress[0].from[0].namespaces is a text, not an object" },
	{ SOURCE("{namespaces: {matchExpressions: [{key: a, operator: Gt}]}}"), UNKNOWN,
	  "spec.ingress[0].from[0].namespaces.matchExpressions[0].operator "
	  "'Gt' is none of In, NotIn, Exists and DoesNotExist" },
	{ SOURCE("{pods: {}}"), UNKNOWN, "spec.ingress[0].from[0].pods.podSelector is missing" },
	{ SOURCE("{pods: []}"), UNKNOWN,
	  "spec.ingress[0].from[0].pods is a list, not an object; "
	  "spec.ingress[0].from[0].pods.podSelector is missing" },
	{ SOURCE("{pods: {podSelector: {x: y}, namespaceSelector: {x: y}}}"), UNKNOWN,
	  "spec.ingress[0].from[0].pods.namespaceSelector.x is not a known field; "
	  "spec.ingress[0].from[0].pods.podSelector.x is not a known field" },
	{ SOURCE("{pods: {podSelector: {matchLabels: {a: b}}, namespaceSelector: 7}}"), UNKNOWN,
	  "spec.ingress[0].from[0].pods.namespaceSelector is a number, not an object" },
	{ DESTINATION("{}"), UNKNOWN_OUT,
	  "spec.egress[0].to[0] needs exactly one of namespaces, pods, networks and nodes" },
	{ DESTINATION("{networks: [10.0.0.0/8], namespaces: {}}"), UNKNOWN_OUT,
	  "spec.egress[0].to[0] needs exactly one of namespaces, pods, networks and nodes" },
	{ DESTINATION("{services: {}}"), UNKNOWN_OUT, "spec.egress[0].to[0].services is not a known field" },
	{ DESTINATION("{nodes: 7}"), UNKNOWN_OUT, "spec.egress[0].to[0].nodes is a number, not an object" },
	{ DESTINATION("{nodes: {}, networks: [10.0.0.0/8]}"), UNKNOWN_OUT,
	  "spec.egress[0].to[0] needs exactly one of namespaces, pods, networks and nodes" },
	{ DESTINATION("{namespaces: {}}, {domainNames: ['*.example.org']}"), UNKNOWN_OUT,
	  "spec.egress[0].to[1].domainNames is not supported" },
	{ OUT("action: Deny, to: [{domainNames: [a.example.org]}]"), ALL " | out deny?",
	  "spec.egress[0].to[0].domainNames is not supported" },
	{ DESTINATION("{networks: []}"), UNKNOWN_OUT, "spec.egress[0].to[0].networks is empty" },
	{ DESTINATION("{networks: 10.0.0.0/8}"), UNKNOWN_OUT,
	  "spec.egress[0].to[0].networks is a text, not a list" },
	{ DESTINATION("{networks: [10.0.0.0/8, 10.0.0.0/33]}"), UNKNOWN_OUT,
	  "spec.egress[0].to[0].networks[1] '10.0.0.0/33' is not a CIDR block" },
	{ DESTINATION("{networks: [8]}"), UNKNOWN_OUT,
	  "spec.egress[0].to[0].networks[0] is a number, not a text" },
	/* protocols */
	{ IN(ACCEPT FROM ", protocols: []"), UNKNOWN, "spec.ingress[0].protocols is empty" },
	{ IN(ACCEPT FROM ", protocols: {tcp: {}}"), UNKNOWN,
	  "spec.ingress[0].protocols is an object, not a list" },
	{ PROTOCOL("{}"), UNKNOWN,
	  "spec.ingress[0].protocols[0] needs exactly one of tcp, udp, sctp and destinationNamedPort" },
	{ PROTOCOL("{tcp: null}"), UNKNOWN,
	  "spec.ingress[0].protocols[0] needs exactly one of tcp, udp, sctp and destinationNamedPort" },
	{ PROTOCOL("{tcp: {}}"), UNKNOWN, "spec.ingress[0].protocols[0].tcp.destinationPort is missing" },
	{ PROTOCOL("{udp: {destinationPort: null}}"), UNKNOWN,
	  "spec.ingress[0].protocols[0].udp.destinationPort is missing" },
	{ PROTOCOL("{tcp: {destinationPort: {number: 1}}}, {tcp: {}, udp: {}}"), UNKNOWN,
	  "spec.ingress[0].protocols[1] needs exactly one of tcp, udp, sctp and destinationNamedPort" },
	{ PROTOCOL("{sctp: {}, destinationNamedPort: http}"), UNKNOWN,
	  "spec.ingress[0].protocols[0] needs exactly one of tcp, udp, sctp and destinationNamedPort" },
	{ PROTOCOL("{icmp: {}}"), UNKNOWN, "spec.ingress[0].protocols[0].icmp is not a known field" },
	{ PROTOCOL("TCP"), UNKNOWN, "spec.ingress[0].protocols[0] is a text, not an object" },
	{ PROTOCOL("{tcp: 80}"), UNKNOWN, "spec.ingress[0].protocols[0].tcp is a number, not an object" },
	{ PROTOCOL("{udp: {flags: []}}"), UNKNOWN,
	  "spec.ingress[0].protocols[0].udp.flags is not a known field" },
	{ PROTOCOL("{tcp: {destinationPort: 80}}"), UNKNOWN,
	  "spec.ingress[0].protocols[0].tcp.destinationPort is a number, not an object" },
	{ PROTOCOL("{tcp: {destinationPort: {}}}"), UNKNOWN,
	  "spec.ingress[0].protocols[0].tcp.destinationPort needs exactly one of number and range" },
	{ PROTOCOL("{tcp: {destinationPort: {number: 80, range: {start: 1, end: 2}}}}"), UNKNOWN,
	  "spec.ingress[0].protocols[0].tcp.destinationPort needs exactly one of number and range" },
	{ PROTOCOL("{tcp: {destinationPort: {name: x}}}"), UNKNOWN,
	  "spec.ingress[0].protocols[0].tcp.destinationPort.name is not a known field" },
	{ PROTOCOL("{tcp: {destinationPort: {number: 0}}}"), UNKNOWN,
	  "spec.ingress[0].protocols[0].tcp.destinationPort.number 0 is not in 1 to 65535" },
	{ PROTOCOL("{sctp: {destinationPort: {number: 65536}}}"), UNKNOWN,
	  "spec.ingress[0].protocols[0].sctp.destinationPort.number 65536 is not in 1 to 65535" },
	{ PROTOCOL("{tcp: {destinationPort: {number: http}}}"), UNKNOWN,
	  "spec.ingress[0].protocols[0].tcp.destinationPort.number is a text, not a whole number" },
	{ PROTOCOL("{tcp: {destinationPort: {range: {start: 80, end: 80}}}}"), UNKNOWN,
	  "spec.ingress[0].protocols[0].tcp.destinationPort.range start 80 is not below end 80" },
	{ PROTOCOL("{tcp: {destinationPort: {range: {start: 81, end: 80}}}}"), UNKNOWN,
	  "spec.ingress[0].protocols[0].tcp.destinationPort.range start 81 is not below end 80" },
	{ PROTOCOL("{tcp: {destinationPort: {range: {start: 0, end: 65536}}}}"), UNKNOWN,
	  "spec.ingress[0].protocols[0].tcp.destinationPort.range.start 0 is not in 1 to 65535; "
	  "spec.ingress[0].protocols[0].tcp.destinationPort.range.end 65536 is not in 1 to 65535" },
	{ PROTOCOL("{tcp: {destinationPort: {range: {step: 2}}}}"), UNKNOWN,
	  "spec.ingress[0].protocols[0].tcp.destinationPort.range.step is not a known field; "
	  "spec.ingress[0].protocols[0].tcp.destinationPort.range.start is missing; "
	  "spec.ingress[0].protocols[0].tcp.destinationPort.range.end is missing" },
	{ PROTOCOL("{destinationNamedPort: ''}"), UNKNOWN,
	  "spec.ingress[0].protocols[0].destinationNamedPort '' is not the name of a port" },
	{ PROTOCOL("{destinationNamedPort: HTTP}"), UNKNOWN,
	  "spec.ingress[0].protocols[0].destinationNamedPort 'HTTP' is not the name of a port" },
	{ PROTOCOL("{destinationNamedPort: a234567890123456}"), UNKNOWN,
	  "spec.ingress[0].protocols[0].destinationNamedPort 'a234567890123456' is not the name of a port" },
	{ PROTOCOL("{destinationNamedPort: 80}"), UNKNOWN,
	  "spec.ingress[0].protocols[0].destinationNamedPort is a number, not a text" },
	/* no port of a network has a name, and a rule is for each of its peers */
	{ OUT("action: Deny, to: [{namespaces: {}}, {networks: [10.0.0.0/8]}], "
	      "protocols: [{tcp: {destinationPort: {number: 1}}}, {destinationNamedPort: http}]"),
	  ALL " | out deny?",
	  "spec.egress[0] has destinationNamedPort beside networks or nodes, where no port has a name" },
};

static void what_is_not(void **state)
{
	(void)state;
	check(bad, N(bad));
}

/* ---- limits ------------------------------------------------------------------------------- */

/* A list that is too long is not understood: what it was meant to say is in doubt. */
static void limits(void **state)
{
	static const struct {
		const char *head, *item, *tail;
		size_t max;
		enum rule_action beyond;
		const char *problem;
	} lists[] = {
		{ START "egress: [", "{" ACCEPT TO "}", "]}", DECODE_RULES_MAX, RULE_DENY,
		  "spec.egress has 1025 items, more than 1024" },
		{ START "egress: [{" ACCEPT "to: [", "{namespaces: {}}", "]}]}", DECODE_ITEMS_MAX,
		  RULE_ACCEPT, "spec.egress[0].to has 1025 items, more than 1024" },
		{ START "egress: [{" ACCEPT "to: [{networks: [", "10.0.0.0/8", "]}]}]}", DECODE_NETWORKS_MAX,
		  RULE_ACCEPT, "spec.egress[0].to[0].networks has 26 items, more than 25" },
		{ START "egress: [{" ACCEPT TO ", protocols: [", "{tcp: {destinationPort: {number: 1}}}",
		  "]}]}", DECODE_ITEMS_MAX, RULE_ACCEPT,
		  "spec.egress[0].protocols has 1025 items, more than 1024" },
		{ START "egress: [{" ACCEPT TO ", name: 'x", "\xc3\xa9", "'}]}", 50, RULE_ACCEPT,
		  "spec.egress[0].name is longer than 100 characters" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < N(lists); i++) {
		struct net_policy *p = many(lists[i].head, lists[i].item, lists[i].max, lists[i].tail);
		struct buf problems = BUF_INIT(4096);

		assert_int_equal(p->problems.n, 0);
		assert_false(p->rules[DIR_EGRESS].v[0].unknown);
		net_policy_free(p);
		p = many(lists[i].head, lists[i].item, lists[i].max + 1, lists[i].tail);
		show_problems(&problems, p);
		assert_string_equal(problems.data, lists[i].problem);
		assert_int_equal(p->rules[DIR_EGRESS].n, 1);
		assert_true(p->rules[DIR_EGRESS].v[0].unknown);
		assert_int_equal(p->rules[DIR_EGRESS].v[0].action, lists[i].beyond);
		net_policy_free(p);
		buf_done(&problems);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_understood),
		cmocka_unit_test(the_whole),
		cmocka_unit_test(what_is_not),
		cmocka_unit_test(limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
