/* SPDX-License-Identifier: Apache-2.0 */
/*
 * NetworkPolicy specs in one table {spec, what it means, what is wrong with it}: every combination of
 * absent, null and empty, every default, everything that must not be understood.
 */
#include "tests/unit/kube/policies.h"

#define check(rows, n)		  check_rows(OBJECT_POLICY, (rows), (n))
#define policy_of(spec)		  parse_policy(OBJECT_POLICY, (spec))
#define many(head, item, n, tail) parse_many(OBJECT_POLICY, (head), (item), (n), (tail))

/* ---- absent, null, empty ---------------------------------------------------------------- */

static const struct row nothing[] = {
	{ "", "{} I", NULL },
	{ "null", "{} I", NULL },
	{ "{}", "{} I", NULL },
	/* podSelector: whatever is empty selects every pod of the namespace */
	{ "{podSelector: null}", "{} I", NULL },
	{ "{podSelector: {}}", "{} I", NULL },
	{ "{podSelector: {matchLabels: null, matchExpressions: null}}", "{} I", NULL },
	{ "{podSelector: {matchLabels: {}, matchExpressions: []}}", "{} I", NULL },
	/* rules: none is "deny", an empty one is "allow all" */
	{ "{ingress: null}", "{} I", NULL },
	{ "{ingress: []}", "{} I", NULL },
	{ "{ingress: [{}]}", "{} I | in (any : all)", NULL },
	{ "{ingress: [{}, {}]}", "{} I | in (any : all) (any : all)", NULL },
	/* peers: none is "any" */
	{ "{ingress: [{from: null}]}", "{} I | in (any : all)", NULL },
	{ "{ingress: [{from: []}]}", "{} I | in (any : all)", NULL },
	{ "{ingress: [{from: [{podSelector: {}}]}]}", "{} I | in (pods{} : all)", NULL },
	{ "{ingress: [{from: [{podSelector: {}, namespaceSelector: null, ipBlock: null}]}]}",
	  "{} I | in (pods{} : all)", NULL },
	{ "{ingress: [{from: [{namespaceSelector: {}}]}]}", "{} I | in (ns{} : all)", NULL },
	{ "{ingress: [{from: [{namespaceSelector: {}, podSelector: {}}]}]}", "{} I | in (ns{}pods{} : all)",
	  NULL },
	{ "{ingress: [{from: [{namespaceSelector: {}}, {podSelector: {}}]}]}",
	  "{} I | in (ns{} pods{} : all)", NULL },
	{ "{ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8, except: null}}]}]}",
	  "{} I | in (10.0.0.0/8 : all)", NULL },
	{ "{ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8, except: []}}]}]}", "{} I | in (10.0.0.0/8 : all)",
	  NULL },
	/* ports: none is "all of all protocols", an empty one is "all of TCP" */
	{ "{ingress: [{ports: null}]}", "{} I | in (any : all)", NULL },
	{ "{ingress: [{ports: []}]}", "{} I | in (any : all)", NULL },
	{ "{ingress: [{ports: [{}]}]}", "{} I | in (any : 6/0-65535)", NULL },
	{ "{ingress: [{ports: [{protocol: null, port: null, endPort: null}]}]}",
	  "{} I | in (any : 6/0-65535)", NULL },
	{ "{ingress: [{ports: [{protocol: UDP}]}]}", "{} I | in (any : 17/0-65535)", NULL },
};

static void absent_null_empty(void **state)
{
	(void)state;
	check(nothing, N(nothing));
}

/* ---- policyTypes and their defaults ------------------------------------------------------- */

static const struct row types[] = {
	{ "{policyTypes: null, egress: [{}]}", "{} IE | out (any : all)", NULL },
	{ "{policyTypes: [], egress: [{}]}", "{} IE | out (any : all)", NULL },
	{ "{egress: [{}]}", "{} IE | out (any : all)", NULL },
	{ "{egress: []}", "{} I", NULL },
	{ "{egress: null}", "{} I", NULL },
	{ "{ingress: [{}], egress: [{}, {}]}", "{} IE | in (any : all) | out (any : all) (any : all)", NULL },
	{ "{policyTypes: [Ingress]}", "{} I", NULL },
	{ "{policyTypes: [Egress]}", "{} E", NULL },
	{ "{policyTypes: [Egress, Ingress]}", "{} IE", NULL },
	{ "{policyTypes: [Ingress, Ingress]}", "{} I", NULL },
	/* rules of a direction that is not isolated mean nothing */
	{ "{policyTypes: [Ingress], egress: [{}]}", "{} I", NULL },
	{ "{policyTypes: [Egress], ingress: [{}]}", "{} E", NULL },
	{ "{policyTypes: [Egress], ingress: [{}], egress: [{}]}", "{} E | out (any : all)", NULL },
};

static void policy_types(void **state)
{
	(void)state;
	check(types, N(types));
}

/* ---- selectors, peers, ports -------------------------------------------------------------- */

static const struct row content[] = {
	{ "{podSelector: {matchLabels: {a.b-c.io/A_b.c-9: web, X: ''}}}", "{a.b-c.io/A_b.c-9=web,X=} I",
	  NULL },
	{ "{ingress: [{ports: [{port: http}, {protocol: UDP, port: dns-2}, {port: a23456789012345}, {port: 7x}]}]}",
	  "{} I | in (any : 6/http 17/dns-2 6/a23456789012345 6/7x)", NULL },
	{ "{podSelector: {matchLabels: {app: web, tier: ''}}}", "{app=web,tier=} I", NULL },
	{ "{podSelector: {matchLabels: {app: web}, matchExpressions: ["
	  "{key: tier, operator: In, values: [a, b]}, {key: x, operator: NotIn, values: [c]},"
	  "{key: y, operator: Exists}, {key: z, operator: DoesNotExist},"
	  "{key: y, operator: Exists, values: []}, {key: z, operator: DoesNotExist, values: null}]}}",
	  "{app=web,tier=a|b,x!=c,y+,z-,y+,z-} I", NULL },
	{ "{ingress: [{from: [{ipBlock: {cidr: 10.1.2.3/8, except: [10.1.0.0/16, 10.2.0.0/32]}}]}]}",
	  "{} I | in (10.0.0.0/8-10.1.0.0/16-10.2.0.0/32 : all)", NULL },
	{ "{egress: [{to: [{ipBlock: {cidr: '::/0', except: ['fd00::/8']}}]}]}",
	  "{} IE | out (::/0-fd00::/8 : all)", NULL },
	{ "{ingress: [{ports: [{port: 80}, {protocol: UDP, port: 53}, {protocol: SCTP, port: 7}]}]}",
	  "{} I | in (any : 6/80-80 17/53-53 132/7-7)", NULL },
	{ "{ingress: [{ports: [{port: 1, endPort: 65535}, {port: 80, endPort: 80}]}]}",
	  "{} I | in (any : 6/1-65535 6/80-80)", NULL },
	{ "{egress: [{to: [{podSelector: {matchLabels: {app: db}}}], ports: [{port: 5432}]}, {}]}",
	  "{} IE | out (pods{app=db} : 6/5432-5432) (any : all)", NULL },
};

static void what_is_understood(void **state)
{
	(void)state;
	check(content, N(content));
}

/* ---- what is not understood --------------------------------------------------------------- */

#define IN(peer)	    "{ingress: [{from: [" peer "]}]}"
#define PORT(port)	    "{ingress: [{ports: [" port "]}]}"
#define SUBJECT(expression) "{podSelector: {matchExpressions: [" expression "]}, ingress: [{}]}"

static const struct row bad[] = {
	/* the whole */
	{ "web", "{} IE", "spec is a text, not an object" },
	{ "[]", "{} IE", "spec is a list, not an object" },
	{ "{ingres: [{}], ingress: [{}], egress: [{}]}", "{} IE | in ? | out ?",
	  "spec.ingres is not a known field" },
	{ "{podSelector: {matchLabels: {app: web}}, tier: Admin, policyTypes: [Egress], egress: [{}]}",
	  "{app=web} E | out ?", "spec.tier is not a known field" },
	/* policyTypes */
	{ "{policyTypes: [Ingress, Both], ingress: [{}]}", "{} IE | in (any : all)",
	  "spec.policyTypes[1] 'Both' is neither Ingress nor Egress" },
	{ "{policyTypes: [ingress]}", "{} IE",
	  "spec.policyTypes[0] 'ingress' is neither Ingress nor Egress" },
	{ "{policyTypes: Ingress}", "{} IE", "spec.policyTypes is a text, not a list" },
	{ "{policyTypes: [null]}", "{} IE", "spec.policyTypes[0] is null, not a text" },
	/* sections */
	{ "{ingress: {}}", "{} I", "spec.ingress is an object, not a list" },
	{ "{egress: {}}", "{} IE", "spec.egress is an object, not a list" },
	{ "{policyTypes: [Ingress], egress: 7}", "{} I", "spec.egress is a number, not a list" },
	{ "{ingress: [null, {}]}", "{} I | in ? (any : all)", "spec.ingress[0] is null, not an object" },
	{ "{ingress: [{to: []}, {}]}", "{} I | in ? (any : all)", "spec.ingress[0].to is not a known field" },
	{ "{egress: [{from: []}]}", "{} IE | out ?", "spec.egress[0].from is not a known field" },
	{ "{ingress: [{}, {from: {}}]}", "{} I | in (any : all) ?",
	  "spec.ingress[1].from is an object, not a list" },
	/* a rule whose direction is not isolated is read all the same */
	{ "{policyTypes: [Ingress], egress: [{x: 1}]}", "{} I", "spec.egress[0].x is not a known field" },
	/* the subject: not understood is every pod, and nothing allowed */
	{ "{podSelector: web, ingress: [{}]}", "{} I | in ?", "spec.podSelector is a text, not an object" },
	{ "{podSelector: {app: web}, ingress: [{}]}", "{} I | in ?",
	  "spec.podSelector.app is not a known field" },
	{ "{podSelector: {matchLabels: {app: web, n: 1}}, egress: [{}]}", "{} IE | out ?",
	  "spec.podSelector.matchLabels[n] is a number, not a text" },
	{ "{podSelector: {matchLabels: [app]}, ingress: [{}]}", "{} I | in ?",
	  "spec.podSelector.matchLabels is a list, not an object" },
	{ "{podSelector: {matchLabels: {app: null}}, ingress: [{}]}", "{} I | in ?",
	  "spec.podSelector.matchLabels[app] is null, not a text" },
	{ "{podSelector: {matchLabels: {'': x}}, ingress: [{}]}", "{} I | in ?",
	  "spec.podSelector.matchLabels[] is empty" },
	{ "{podSelector: {matchExpressions: {}}, ingress: [{}]}", "{} I | in ?",
	  "spec.podSelector.matchExpressions is an object, not a list" },
	/* requirements */
	{ SUBJECT("{key: a, operator: in, values: [b]}"), "{} I | in ?",
	  "spec.podSelector.matchExpressions[0].operator "
	  "'in' is none of In, NotIn, Exists and DoesNotExist" },
	{ SUBJECT("{key: a, operator: Gt, values: ['1']}"), "{} I | in ?",
	  "spec.podSelector.matchExpressions[0].operator "
	  "'Gt' is none of In, NotIn, Exists and DoesNotExist" },
	{ SUBJECT("{key: a, operator: In}"), "{} I | in ?",
	  "spec.podSelector.matchExpressions[0].values must not be empty with In and NotIn" },
	{ SUBJECT("{key: a, operator: NotIn, values: []}"), "{} I | in ?",
	  "spec.podSelector.matchExpressions[0].values must not be empty with In and NotIn" },
	{ SUBJECT("{key: a, operator: Exists, values: [b]}"), "{} I | in ?",
	  "spec.podSelector.matchExpressions[0].values must be empty with Exists and DoesNotExist" },
	{ SUBJECT("{key: a, operator: DoesNotExist, values: [b]}"), "{} I | in ?",
	  "spec.podSelector.matchExpressions[0].values must be empty with Exists and DoesNotExist" },
	{ SUBJECT("{key: a, operator: In, values: b}"), "{} I | in ?",
	  "spec.podSelector.matchExpressions[0].values is a text, not a list" },
	{ SUBJECT("{key: a, operator: In, values: [b, 1]}"), "{} I | in ?",
	  "spec.podSelector.matchExpressions[0].values[1] is a number, not a text" },
	{ SUBJECT("{operator: Exists}"), "{} I | in ?",
	  "spec.podSelector.matchExpressions[0].key is missing" },
	{ SUBJECT("{key: '', operator: Exists}"), "{} I | in ?",
	  "spec.podSelector.matchExpressions[0].key is empty" },
	/* what no label can be called: DoesNotExist and NotIn would be everybody */
	{ SUBJECT("{key: 'a b', operator: DoesNotExist}"), "{} I | in ?",
	  "spec.podSelector.matchExpressions[0].key cannot be the key of a label" },
	{ SUBJECT("{key: a/b/c, operator: DoesNotExist}"), "{} I | in ?",
	  "spec.podSelector.matchExpressions[0].key cannot be the key of a label" },
	{ SUBJECT("{key: A.io/b, operator: NotIn, values: [c]}"), "{} I | in ?",
	  "spec.podSelector.matchExpressions[0].key cannot be the key of a label" },
	{ SUBJECT("{key: a-, operator: Exists}, {key: /a, operator: Exists}, {key: a/, operator: Exists}"),
	  "{} I | in ?",
	  "spec.podSelector.matchExpressions[0].key cannot be the key of a label; "
	  "spec.podSelector.matchExpressions[1].key cannot be the key of a label; "
	  "spec.podSelector.matchExpressions[2].key cannot be the key of a label" },
	{ "{podSelector: {matchLabels: {'app ': web}}, ingress: [{}]}", "{} I | in ?",
	  "spec.podSelector.matchLabels[app ] cannot be the key of a label" },
	{ SUBJECT("{key: 1, operator: Exists}"), "{} I | in ?",
	  "spec.podSelector.matchExpressions[0].key is a number, not a text" },
	{ SUBJECT("{key: a}"), "{} I | in ?", "spec.podSelector.matchExpressions[0].operator is missing" },
	{ SUBJECT("{key: a, operator: true}"), "{} I | in ?",
	  "spec.podSelector.matchExpressions[0].operator is true or false, not a text" },
	{ SUBJECT("{key: a, operator: Exists, value: b}"), "{} I | in ?",
	  "spec.podSelector.matchExpressions[0].value is not a known field" },
	{ SUBJECT("null"), "{} I | in ?", "spec.podSelector.matchExpressions[0] is null, not an object" },
	/* peers */
	{ IN("{}"), "{} I | in ?",
	  "spec.ingress[0].from[0] is empty: it needs podSelector, namespaceSelector or ipBlock" },
	{ IN("{podSelector: null}"), "{} I | in ?",
	  "spec.ingress[0].from[0] is empty: it needs podSelector, namespaceSelector or ipBlock" },
	{ IN("null"), "{} I | in ?", "spec.ingress[0].from[0] is null, not an object" },
	{ IN("{podSelector: {}}, {serviceSelector: {}}"), "{} I | in ?",
	  "spec.ingress[0].from[1].serviceSelector is not a known field" },
	{ IN("{namespaceSelector: {matchLabels: {a: 1}}}"), "{} I | in ?",
	  "spec.ingress[0].from[0].namespaceSelector.matchLabels[a] is a number, not a text" },
	{ IN("{ipBlock: {cidr: 10.0.0.0/8}, podSelector: {}}"), "{} I | in ?",
	  "spec.ingress[0].from[0] has an ipBlock beside a selector" },
	{ IN("{ipBlock: {cidr: 10.0.0.0/8}, namespaceSelector: {}}"), "{} I | in ?",
	  "spec.ingress[0].from[0] has an ipBlock beside a selector" },
	{ IN("{ipBlock: {}}"), "{} I | in ?", "spec.ingress[0].from[0].ipBlock.cidr is missing" },
	{ IN("{ipBlock: 10.0.0.0/8}"), "{} I | in ?",
	  "spec.ingress[0].from[0].ipBlock is a text, not an object" },
	{ IN("{ipBlock: {cidr: 8}}"), "{} I | in ?",
	  "spec.ingress[0].from[0].ipBlock.cidr is a number, not a text" },
	{ IN("{ipBlock: {cidr: 10.0.0.0/33}}"), "{} I | in ?",
	  "spec.ingress[0].from[0].ipBlock.cidr '10.0.0.0/33' is not a CIDR block" },
	{ IN("{ipBlock: {cidr: '::ffff:10.0.0.0/104'}}"), "{} I | in ?",
	  "spec.ingress[0].from[0].ipBlock.cidr '::ffff:10.0.0.0/104' is not a CIDR block" },
	{ IN("{ipBlock: {cidr: 10.0.0.0/8, excpet: [10.1.0.0/16]}}"), "{} I | in ?",
	  "spec.ingress[0].from[0].ipBlock.excpet is not a known field" },
	{ IN("{ipBlock: {cidr: 10.0.0.0/8, except: 10.1.0.0/16}}"), "{} I | in ?",
	  "spec.ingress[0].from[0].ipBlock.except is a text, not a list" },
	{ IN("{ipBlock: {cidr: 10.0.0.0/8, except: [10.1.0.0/16, 11.0.0.0/16]}}"), "{} I | in ?",
	  "spec.ingress[0].from[0].ipBlock.except[1] 11.0.0.0/16 is not a part of 10.0.0.0/8" },
	{ IN("{ipBlock: {cidr: 10.0.0.0/8, except: [10.0.0.0/8]}}"), "{} I | in ?",
	  "spec.ingress[0].from[0].ipBlock.except[0] 10.0.0.0/8 is not a part of 10.0.0.0/8" },
	{ IN("{ipBlock: {cidr: 10.0.0.0/8, except: ['fd00::/16']}}"), "{} I | in ?",
	  "spec.ingress[0].from[0].ipBlock.except[0] fd00::/16 is not a part of 10.0.0.0/8" },
	{ IN("{ipBlock: {cidr: 10.0.0.0/8, except: [x]}}"), "{} I | in ?",
	  "spec.ingress[0].from[0].ipBlock.except[0] 'x' is not a CIDR block" },
	/* ports */
	{ PORT("{port: ''}"), "{} I | in ?",
	  "spec.ingress[0].ports[0].port '' is neither a number nor the name of a port" },
	{ PORT("{port: '80'}"), "{} I | in ?",
	  "spec.ingress[0].ports[0].port '80' is neither a number nor the name of a port" },
	{ PORT("{port: HTTP}"), "{} I | in ?",
	  "spec.ingress[0].ports[0].port 'HTTP' is neither a number nor the name of a port" },
	{ PORT("{port: a--b}, {port: -a}, {port: a-}, {port: a_b}"), "{} I | in ?",
	  "spec.ingress[0].ports[0].port 'a--b' is neither a number nor the name of a port; "
	  "spec.ingress[0].ports[1].port '-a' is neither a number nor the name of a port; "
	  "spec.ingress[0].ports[2].port 'a-' is neither a number nor the name of a port; "
	  "spec.ingress[0].ports[3].port 'a_b' is neither a number nor the name of a port" },
	{ PORT("{port: a234567890123456}"), "{} I | in ?",
	  "spec.ingress[0].ports[0].port 'a234567890123456' is neither a number nor the name of a port" },
	{ PORT("{port: 80}, {port: 0}"), "{} I | in ?",
	  "spec.ingress[0].ports[1].port 0 is not in 1 to 65535" },
	{ PORT("{port: -1}"), "{} I | in ?", "spec.ingress[0].ports[0].port -1 is not in 1 to 65535" },
	{ PORT("{port: 65536}"), "{} I | in ?", "spec.ingress[0].ports[0].port 65536 is not in 1 to 65535" },
	{ PORT("{port: 80.5}"), "{} I | in ?",
	  "spec.ingress[0].ports[0].port is a number, not a whole number" },
	{ PORT("{port: 99999999999999999999}"), "{} I | in ?",
	  "spec.ingress[0].ports[0].port is a number, not a whole number" },
	{ PORT("{port: [80]}"), "{} I | in ?",
	  "spec.ingress[0].ports[0].port is a list, not a whole number" },
	{ PORT("{endPort: 80}"), "{} I | in ?", "spec.ingress[0].ports[0].endPort needs a port" },
	{ PORT("{port: 443, endPort: 80}"), "{} I | in ?",
	  "spec.ingress[0].ports[0].endPort 80 is below port 443" },
	{ PORT("{port: 443, endPort: 65536}"), "{} I | in ?",
	  "spec.ingress[0].ports[0].endPort 65536 is not in 1 to 65535" },
	{ PORT("{port: 443, endPort: x}"), "{} I | in ?",
	  "spec.ingress[0].ports[0].endPort is a text, not a whole number" },
	{ PORT("{port: http, endPort: 80}"), "{} I | in ?",
	  "spec.ingress[0].ports[0].endPort needs a port that is a number" },
	{ PORT("{protocol: tcp, port: 80}"), "{} I | in ?",
	  "spec.ingress[0].ports[0].protocol 'tcp' is none of TCP, UDP and SCTP" },
	{ PORT("{protocol: ICMP}"), "{} I | in ?",
	  "spec.ingress[0].ports[0].protocol 'ICMP' is none of TCP, UDP and SCTP" },
	{ PORT("{protocol: 6}"), "{} I | in ?", "spec.ingress[0].ports[0].protocol is a number, not a text" },
	{ PORT("{port: 80, name: web}"), "{} I | in ?",
	  "spec.ingress[0].ports[0].name is not a known field" },
	{ PORT("80"), "{} I | in ?", "spec.ingress[0].ports[0] is a number, not an object" },
	{ "{ingress: [{ports: {port: 80}}]}", "{} I | in ?",
	  "spec.ingress[0].ports is an object, not a list" },
	/* more than one */
	{ "{ingress: [{from: [{}], ports: [{port: X}]}, {}], egress: [{to: 1}]}",
	  "{} IE | in ? (any : all) | out ?",
	  "spec.ingress[0].from[0] is empty: it needs podSelector, namespaceSelector or ipBlock; "
	  "spec.ingress[0].ports[0].port 'X' is neither a number nor the name of a port; "
	  "spec.egress[0].to is a number, not a list" },
	/* nothing that is shown can forge a line */
	{ PORT("{port: \"a\\nb\\e[31m\"}"), "{} I | in ?",
	  "spec.ingress[0].ports[0].port 'a?b?[31m' is neither a number nor the name of a port" },
	{ "{\"x\\ny\": 1}", "{} I", "spec.x?y is not a known field" },
	{ PORT("{protocol: \"TCP\\0x\"}"), "{} I | in ?",
	  "spec.ingress[0].ports[0].protocol is a text with a NUL in it, not a text" },
};

static void what_is_not(void **state)
{
	(void)state;
	check(bad, N(bad));
}

/* ---- limits ------------------------------------------------------------------------------- */

static void limits(void **state)
{
	static const struct {
		const char *head, *item, *tail;
		size_t max;
		const char *path;
	} lists[] = {
		{ "{ingress: [", "{}", "]}", DECODE_RULES_MAX, "spec.ingress" },
		{ "{ingress: [{from: [", "{podSelector: {}}", "]}]}", DECODE_ITEMS_MAX,
		  "spec.ingress[0].from" },
		{ "{ingress: [{ports: [", "{port: 80}", "]}]}", DECODE_ITEMS_MAX, "spec.ingress[0].ports" },
		{ "{ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8, except: [", "10.1.0.0/16", "]}}]}]}",
		  DECODE_ITEMS_MAX, "spec.ingress[0].from[0].ipBlock.except" },
		{ "{podSelector: {matchExpressions: [", "{key: a, operator: Exists}", "]}}", DECODE_ITEMS_MAX,
		  "spec.podSelector.matchExpressions" },
		{ "{podSelector: {matchExpressions: [{key: a, operator: In, values: [", "b", "]}]}}",
		  DECODE_ITEMS_MAX, "spec.podSelector.matchExpressions[0].values" },
	};
	struct net_policy *p;
	size_t i;

	(void)state;
	for (i = 0; i < N(lists); i++) {
		p = many(lists[i].head, lists[i].item, lists[i].max, lists[i].tail);
		assert_int_equal(p->problems.n, 0);
		net_policy_free(p);
		p = many(lists[i].head, lists[i].item, lists[i].max + 1, lists[i].tail);
		assert_int_equal(p->problems.n, 1);
		assert_string_equal(p->problems.v[0].path, lists[i].path);
		assert_string_equal(p->problems.v[0].text, "has 1025 items, more than 1024");
		net_policy_free(p);
	}
}

static void long_texts(void **state)
{
	char text[DECODE_KEY_MAX + 2], spec[512];
	struct net_policy *p;
	size_t len;

	(void)state;
	for (len = DECODE_VALUE_MAX; len <= DECODE_VALUE_MAX + 1; len++) {
		memset(text, 'v', len);
		text[len] = '\0';
		(void)snprintf(spec, sizeof(spec), "{podSelector: {matchLabels: {a: %s}}}", text);
		p = policy_of(spec);
		assert_int_equal(p->problems.n, len > DECODE_VALUE_MAX);
		net_policy_free(p);
	}
	/* the longest prefix and the longest name */
	for (len = DECODE_KEY_MAX; len <= DECODE_KEY_MAX + 1; len++) {
		memset(text, 'k', len);
		text[253] = '/';
		text[len] = '\0';
		(void)snprintf(spec, sizeof(spec), "{podSelector: {matchLabels: {%s: a}}}", text);
		p = policy_of(spec);
		assert_int_equal(p->problems.n, len > DECODE_KEY_MAX);
		if (p->problems.n) /* its beginning alone is shown */
			assert_non_null(strstr(p->problems.v[0].path, "kkk...]"));
		net_policy_free(p);
	}
}

static void problems_end_somewhere(void **state)
{
	struct net_policy *p = many("{ingress: [", "{x: 1}", 1000, "]}");

	(void)state;
	assert_int_equal(p->problems.n, DECODE_PROBLEMS_MAX);
	assert_string_equal(p->problems.v[DECODE_PROBLEMS_MAX - 1].text, "has more problems than are listed");
	assert_true(p->rules[DIR_INGRESS].v[999].unknown);
	net_policy_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(absent_null_empty),
		cmocka_unit_test(policy_types),
		cmocka_unit_test(what_is_understood),
		cmocka_unit_test(what_is_not),
		cmocka_unit_test(limits),
		cmocka_unit_test(long_texts),
		cmocka_unit_test(problems_end_somewhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
