/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the text of a file to objects in the model: real API objects as `kubectl get -o yaml` and
 * `-o json` print them, identity and what spoils it, the leniency towards pods, and the union.
 */
#include <errno.h>
#include <json-c/json.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "kube/content.h"
#include "kube/keep.h"
#include "kube/manifest.h"
#include "kube/merge.h"
#include "kube/wire.h"
#include "util/scope.h"
#include "util/buf.h"

#define N(a)	 (sizeof(a) / sizeof((a)[0]))
#define FIXTURES "tests/unit/kube/fixtures/" /* from the top of the tree, where make runs us */

/* ---- from a file to the model ------------------------------------------------------------- */

static void lost(void *ctx, const struct claim *loser, const struct claim *winner)
{
	char name[CONTENT_NAME];

	(void)buf_fmt(ctx, "%s: %s not %s\n", content_name(loser->object, name), (const char *)winner->owner,
		      (const char *)loser->owner);
}

static void problem(void *ctx, const struct claim *claim, const struct problem *p)
{
	char name[CONTENT_NAME];

	(void)buf_fmt(ctx, "%s: %s %s\n", content_name(claim->object, name), p->path, p->text);
}

/* @n contents named as @names, in that order of rank. Return: whether the model changed. */
static bool apply(struct merge *m, const struct content *contents, const char *const *names, size_t n,
		  struct model *model, struct buf *said)
{
	const struct merge_hooks hooks = { .lost = lost, .problem = problem, .ctx = said };
	VEC(struct claim) claims = {};
	bool changed = false;
	size_t i, j;

	for (i = 0; i < n; i++) {
		for (j = 0; j < contents[i].objects.n; j++) {
			struct claim *c = vec_add(&claims);

			*c = (struct claim){ .object = &contents[i].objects.v[j],
					     .rank = (unsigned int)i,
					     .owner = (void *)names[i] };
		}
	}
	buf_clear(said);
	(void)buf_str(said, "");
	assert_int_equal(merge_apply(m, claims.v, claims.n, model, &hooks, &changed), 0);
	vec_done(&claims);
	return changed;
}

static struct content content_of(const char *file, const char *text)
{
	struct content c = {};
	struct bh_err err;

	if (content_parse(file, text, strlen(text), &c, &err) < 0)
		fail_msg("%s: %s", text, err.msg);
	return c;
}

static struct content fixture(const char *file)
{
	struct buf b = BUF_INIT(MANIFEST_BYTES_MAX);
	struct content c;
	char chunk[4096];
	size_t n;
	FILE *f;

	(void)snprintf(chunk, sizeof(chunk), FIXTURES "%s", file);
	f = fopen(chunk, "re");
	assert_non_null(f);
	while ((n = fread(chunk, 1, sizeof(chunk), f)))
		assert_int_equal(buf_add(&b, chunk, n), 0);
	(void)fclose(f);
	c = content_of(file, b.data);
	buf_done(&b);
	return c;
}

/* A model of one content alone; what the hooks said must be @wanted. */
static struct model *model_of(struct content c, const char *wanted)
{
	struct buf said = BUF_INIT(65536);
	struct model *m = model_new();
	struct merge merge = {};

	(void)apply(&merge, &c, (const char *[]){ "x" }, 1, m, &said);
	assert_string_equal(said.data, wanted);
	merge_done(&merge);
	content_done(&c);
	buf_done(&said);
	return m;
}

/* ---- real objects ------------------------------------------------------------------------- */

static void assert_addrs(const struct pod *p, const char *first, const char *second)
{
	char text[ADDR_TEXT];

	assert_int_equal(p->addrs.n, second ? 2 : 1);
	assert_string_equal(addr_text(&p->addrs.v[0], text), first);
	if (second)
		assert_string_equal(addr_text(&p->addrs.v[1], text), second);
}

static void assert_names(const struct pod *p, const char *wanted)
{
	struct buf b = BUF_INIT(4096);
	size_t i;

	for (i = 0; p->ports && i < p->ports->n; i++)
		(void)buf_fmt(&b, "%s%s:%d/%d", i ? " " : "", p->ports->at[i].name, p->ports->at[i].proto,
			      p->ports->at[i].port);
	assert_string_equal(b.data ? b.data : "", wanted);
	buf_done(&b);
}

static void a_real_pod(void **state)
{
	struct model *m = model_of(fixture("pod.yaml"), "");
	const struct pod *p = model_pod(m, "shop", "web-6d4cf56db6-x2v5k");

	(void)state;
	assert_non_null(p);
	assert_string_equal(p->uid, "5d2c1f60-3c4e-4c1b-9df2-1a2b3c4d5e6f");
	assert_string_equal(p->node, "worker-1");
	assert_int_equal(p->labels->n, 4);
	assert_string_equal(labels_get(p->labels, "app.kubernetes.io/name"), "web");
	assert_addrs(p, "10.244.1.7", "fd00:10:244:1::7");
	assert_int_equal(p->host_ports.n, 2);
	assert_int_equal(p->host_ports.v[0].proto, IPPROTO_UDP);
	assert_int_equal(p->host_ports.v[0].port, 5514);
	assert_int_equal(p->host_ports.v[1].proto, IPPROTO_TCP);
	assert_int_equal(p->host_ports.v[1].port, 8080);
	assert_int_equal(p->host_ports.v[1].to, 80);
	assert_names(p, "http:6/80 https:6/443");
	assert_false(p->host_network);
	assert_false(p->ended);
	model_free(m);
}

static void a_real_list_of_pods(void **state)
{
	struct model *m = model_of(fixture("pods.json"), "");
	const struct pod *p = model_pod(m, "kube-system", "kube-apiserver-cp-1");

	(void)state;
	assert_int_equal(m->pods.n, 2);
	assert_true(p->host_network);
	assert_false(p->ended);
	p = model_pod(m, "shop", "backup-29012340-4zq8m");
	assert_false(p->host_network);
	assert_true(p->ended);
	assert_addrs(p, "10.244.2.31", NULL);
	model_free(m);
}

static void real_namespaces(void **state)
{
	struct model *m = model_of(fixture("namespaces.yaml"), "");
	const struct namespace *n = model_namespace(m, "shop");

	(void)state;
	assert_int_equal(m->namespaces.n, 2);
	assert_int_equal(n->labels->n, 2);
	assert_string_equal(labels_get(n->labels, "team"), "sales");
	assert_string_equal(labels_get(n->labels, "kubernetes.io/metadata.name"), "shop");
	model_free(m);
}

static void a_real_policy(void **state)
{
	struct model *m = model_of(fixture("policy.yaml"), "");
	const struct net_policy *p = model_policy(m, POLICY_NETWORK, "shop", "db");
	const struct rule *in, *out;

	(void)state;
	assert_int_equal(p->problems.n, 0);
	assert_true(p->isolates[DIR_INGRESS] && p->isolates[DIR_EGRESS]);
	assert_string_equal(p->subject->at.v[0].key, "app");
	in = &p->rules[DIR_INGRESS].v[0];
	assert_int_equal(in->peers.n, 2);
	assert_int_equal(in->peers.v[0].pods->at.v[0].values.n, 2);
	assert_true(in->peers.v[1].kind == PEER_BLOCK);
	assert_int_equal(in->peers.v[1].except.n, 1);
	assert_int_equal(in->ports.v[0].first, 5432);
	assert_int_equal(in->ports.v[0].last, 5440);
	out = &p->rules[DIR_EGRESS].v[0];
	assert_non_null(out->peers.v[0].pods);
	assert_non_null(out->peers.v[0].namespaces);
	assert_int_equal(out->ports.v[0].proto, IPPROTO_UDP);
	model_free(m);
}

static void small_ones(void **state)
{
	struct content c = fixture("small.yaml");
	struct model *m;

	(void)state;
	assert_int_equal(c.ignored.n, 1);
	assert_string_equal(c.ignored.v[0], "ConfigMap (v1)");
	assert_int_equal(c.objects.n, 3);
	m = model_of(c, "");
	assert_addrs(model_pod(m, "shop", "web"), "10.0.0.2", NULL);
	assert_non_null(model_namespace(m, "shop"));
	assert_true(model_policy(m, POLICY_NETWORK, "shop", "deny-all")->isolates[DIR_INGRESS]);
	model_free(m);
}

/* ---- identity ----------------------------------------------------------------------------- */

#define V1(kind, rest) "apiVersion: v1\nkind: " kind "\n" rest
#define LONG63	       "a23456789012345678901234567890123456789012345678901234567890123"

static const struct {
	const char *text, *is;
} ids[] = {
	{ V1("Pod", "metadata: {name: web}"), "Pod 'default/web'" },
	{ V1("Pod", "metadata: {name: web, namespace: null}"), "Pod 'default/web'" },
	{ V1("Pod", "metadata: {name: web, namespace: ''}"), "Pod 'default/web'" },
	{ V1("Pod", "metadata: {name: web.0-a, namespace: a-b}"), "Pod 'a-b/web.0-a'" },
	{ V1("Pod", "metadata: {name: " LONG63 "4." LONG63 "}"), "Pod 'default/" LONG63 "4." LONG63 "'" },
	{ V1("Namespace", "metadata: {name: shop, namespace: x}"), "Namespace 'shop'" },
	{ V1("Namespace", "metadata: {name: " LONG63 "}"), "Namespace '" LONG63 "'" },
	{ "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: p}",
	  "NetworkPolicy 'default/p'" },
	{ V1("Service", "metadata: {name: web}"), "Service 'default/web'" },
	{ "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: web-x, namespace: a}",
	  "EndpointSlice 'a/web-x'" },
	{ V1("Node", "metadata: {name: n1.example.org, namespace: x}"), "Node 'n1.example.org'" },
};

static void who_is_who(void **state)
{
	char name[CONTENT_NAME];
	size_t i;

	(void)state;
	for (i = 0; i < N(ids); i++) {
		struct content c = content_of("x.yaml", ids[i].text);

		assert_int_equal(c.objects.n, 1);
		assert_string_equal(content_name(&c.objects.v[0], name), ids[i].is);
		content_done(&c);
	}
}

static const struct {
	const char *text, *ignored;
} others[] = {
	{ V1("ConfigMap", "metadata: {name: Any_Name}"), "ConfigMap (v1)" },
	{ V1("EndpointSlice", ""), "EndpointSlice (v1)" },
	{ V1("NetworkPolicy", ""), "NetworkPolicy (v1)" },
	{ "apiVersion: networking.k8s.io/v1beta1\nkind: NetworkPolicy",
	  "NetworkPolicy (networking.k8s.io/v1beta1)" },
	{ "apiVersion: apps/v1\nkind: Deployment", "Deployment (apps/v1)" },
	{ V1("List", "items: [{apiVersion: v1, kind: Secret}, {apiVersion: v1, kind: Secret}]"),
	  "Secret (v1)" },
	{ V1("PodList", "items: []"), "PodList (v1)" },
};

static void other_kinds(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < N(others); i++) {
		struct content c = content_of("x.yaml", others[i].text);

		assert_int_equal(c.objects.n, 0);
		assert_int_equal(c.ignored.n, 1);
		assert_string_equal(c.ignored.v[0], others[i].ignored);
		content_done(&c);
	}
}

static void many_other_kinds(void **state)
{
	struct buf text = BUF_INIT(1 << 20);
	struct content c;
	int i;

	(void)state;
	for (i = 0; i < 100; i++)
		(void)buf_fmt(&text, "---\n{apiVersion: v1, kind: K%d}\n", i);
	c = content_of("x.yaml", text.data);
	assert_int_equal(c.ignored.n, CONTENT_IGNORED_MAX);
	content_done(&c);
	buf_done(&text);
}

static const struct {
	const char *text, *says;
} bad[] = {
	{ "- a\n", "x.yaml:1: a list, not an object" },
	{ "web", "x.yaml:1: a text, not an object" },
	{ "apiVersion: v1\n", "x.yaml:1: object without kind" },
	{ "apiVersion: v1\nkind: ''\n", "x.yaml:1: object without kind" },
	{ "apiVersion: v1\nkind: [Pod]\n", "x.yaml:1: object without kind" },
	{ "kind: Pod\nmetadata: {name: a}\n", "x.yaml:1: Pod without apiVersion" },
	{ "apiVersion: 1\nkind: Pod\n", "x.yaml:1: Pod without apiVersion" },
	{ V1("Pod", ""), "x.yaml:1: Pod: metadata.name is missing" },
	{ V1("Pod", "metadata: web"), "x.yaml:1: Pod: metadata.name is missing" },
	{ V1("Pod", "metadata: {generateName: web-}"), "x.yaml:1: Pod: metadata.name is missing" },
	{ V1("Pod", "metadata: {name: 7}"), "x.yaml:1: Pod: metadata.name is not a text" },
	{ V1("Pod", "metadata: {name: ''}"), "x.yaml:1: Pod: metadata.name '' is not a DNS-1123 subdomain" },
	{ V1("Pod", "metadata: {name: Web}"),
	  "x.yaml:1: Pod: metadata.name 'Web' is not a DNS-1123 subdomain" },
	{ V1("Pod", "metadata: {name: -a}"),
	  "x.yaml:1: Pod: metadata.name '-a' is not a DNS-1123 subdomain" },
	{ V1("Pod", "metadata: {name: a-}"),
	  "x.yaml:1: Pod: metadata.name 'a-' is not a DNS-1123 subdomain" },
	{ V1("Pod", "metadata: {name: a..b}"),
	  "x.yaml:1: Pod: metadata.name 'a..b' is not a DNS-1123 subdomain" },
	{ V1("Pod", "metadata: {name: a.-b}"),
	  "x.yaml:1: Pod: metadata.name 'a.-b' is not a DNS-1123 subdomain" },
	{ V1("Pod", "metadata: {name: a-.b}"),
	  "x.yaml:1: Pod: metadata.name 'a-.b' is not a DNS-1123 subdomain" },
	{ V1("Pod", "metadata: {name: .a}"),
	  "x.yaml:1: Pod: metadata.name '.a' is not a DNS-1123 subdomain" },
	{ V1("Pod", "metadata: {name: a/b}"),
	  "x.yaml:1: Pod: metadata.name 'a/b' is not a DNS-1123 subdomain" },
	{ V1("Pod", "metadata: {name: \"a\\nb\"}"),
	  "x.yaml:1: Pod: metadata.name 'a?b' is not a DNS-1123 subdomain" },
	{ V1("Pod", "metadata: {name: \"a\\0b\"}"), "x.yaml:1: Pod: metadata.name is not a text" },
	{ V1("Pod", "metadata: {name: a, namespace: b.c}"),
	  "x.yaml:1: Pod 'a': metadata.namespace 'b.c' is not a DNS-1123 label" },
	{ V1("Pod", "metadata: {name: a, namespace: 1}"),
	  "x.yaml:1: Pod 'a': metadata.namespace is not a text" },
	{ V1("Namespace", "metadata: {name: a.b}"),
	  "x.yaml:1: Namespace: metadata.name 'a.b' is not a DNS-1123 label" },
	{ V1("Namespace", "metadata: {name: " LONG63 "4}"),
	  "x.yaml:1: Namespace: metadata.name '" LONG63 "4' is not a DNS-1123 label" },
	{ V1("List", "items: {}"), "x.yaml:1: List: items is not a list" },
	{ V1("List", "items: [{apiVersion: v1, kind: Pod, metadata: {name: a}}, {kind: Pod}]"),
	  "x.yaml:1: items[1]: Pod without apiVersion" },
	{ V1("List", "items: [null]"), "x.yaml:1: items[0]: null, not an object" },
	{ V1("Pod", "metadata: {name: a}\n---\n" V1(
			    "Pod", "metadata: {name: b}\n---\n" V1(
					   "Pod", "metadata: {namespace: default, name: a}"))),
	  "x.yaml:9: Pod 'default/a' is in line 1 already" },
	{ V1("List", "items: [{apiVersion: v1, kind: Pod, metadata: {name: a}},"
		     "{apiVersion: v1, kind: Pod, metadata: {name: a}}]"),
	  "x.yaml:1: Pod 'default/a' is in line 1 already" },
	{ "a: 1\n  b: 2\n", "x.yaml:2: mapping values are not allowed in this context" },
};

static void nobody(void **state)
{
	struct content c = {};
	struct bh_err err;
	size_t i;

	(void)state;
	for (i = 0; i < N(bad); i++) {
		if (content_parse("x.yaml", bad[i].text, strlen(bad[i].text), &c, &err) != -EINVAL)
			fail_msg("%s\nshould be bad", bad[i].text);
		assert_string_equal(err.msg, bad[i].says);
		assert_null(c.objects.v);
	}
}

static void a_list_without_items(void **state)
{
	struct content c = content_of("x.yaml", V1("List", ""));

	(void)state;
	assert_int_equal(c.objects.n, 0);
	content_done(&c);
}

/* ---- pods and namespaces are taken leniently ---------------------------------------------- */

static void odd_pods(void **state)
{
	static const char text[] =
		V1("Pod",
		   "metadata: {name: a, uid: 7,"
		   "  labels: {ok: x, number: 1, none: null, list: [], long: " LONG63 "4}}\n"
		   "spec: {nodeName: [x], hostNetwork: 'true', unknown: 1, initContainers: 7,"
		   "  containers: [null, 3, {ports: x}, {ports: [null, {hostPort: x}, {hostPort: 0},"
		   "    {hostPort: 70000}, {hostPort: 1, protocol: ICMP}, {hostPort: 2, protocol: null},"
		   "    {hostPort: 3, protocol: SCTP}]}]}\n"
		   "status: {phase: 1, podIP: 10.0.0.9,"
		   "  podIPs: [null, {}, {ip: x}, {ip: 10.0.0.2}, {ip: fd00::2}]}\n"
		   "---\n") V1("Pod", "metadata: {name: b, labels: [x]}\n"
				      "spec: x\n"
				      "status: {podIP: 10.0.0.3, podIPs: {}, phase: Failed}\n"
				      "---\n")
			V1("Pod", "metadata: {name: c}\nstatus: []\nspec: {hostNetwork: true}\n");
	struct model *m = model_of(content_of("x.yaml", text), "");
	const struct pod *p = model_pod(m, "default", "a");

	(void)state;
	assert_string_equal(p->uid, "");
	assert_string_equal(p->node, "");
	assert_int_equal(p->labels->n, 1);
	assert_false(p->host_network);
	assert_false(p->ended);
	assert_addrs(p, "10.0.0.2", "fd00::2");
	assert_int_equal(p->host_ports.n, 2);
	assert_int_equal(p->host_ports.v[0].proto, IPPROTO_TCP);
	assert_int_equal(p->host_ports.v[1].proto, IPPROTO_SCTP);
	p = model_pod(m, "default", "b");
	assert_addrs(p, "10.0.0.3", NULL);
	assert_true(p->ended);
	p = model_pod(m, "default", "c");
	assert_int_equal(p->addrs.n, 0);
	assert_true(p->host_network);
	model_free(m);
}

static void names_of_ports(void **state)
{
	struct model *m = model_of(
		content_of(
			"x.yaml",
			V1("Pod",
			   "metadata: {name: a}\n"
			   "spec:\n"
			   "  initContainers:\n"
			   "  - ports: [{name: once, containerPort: 1}]\n"
			   "  - {restartPolicy: Never, ports: [{name: once, containerPort: 1}]}\n"
			   "  - {restartPolicy: Always, ports: [{name: side, containerPort: 2, protocol: SCTP}]}\n"
			   "  ephemeralContainers:\n"
			   "  - ports: [{name: debug, containerPort: 3}]\n"
			   "  containers:\n"
			   "  - ports: [{name: web, containerPort: 80}, {containerPort: 81}, {name: web, containerPort: 80},\n"
			   "      {name: Web, containerPort: 82}, {name: zero, containerPort: 0}, {name: none}, {name: [x], containerPort: 4},\n"
			   "      {name: icmp, containerPort: 83, protocol: ICMP}, {name: a23456789012345, containerPort: 84},\n"
			   "      {name: a234567890123456, containerPort: 85}, {name: text, containerPort: '86'}]\n"
			   "  - ports: [{name: web, containerPort: 8080}, {name: web, containerPort: 80, protocol: UDP}]\n"
			   "---\n")
				V1("Pod",
				   "metadata: {name: b}\nspec: {containers: [{ports: [{containerPort: 80}]}]}\n")),
		"");

	(void)state;
	assert_names(model_pod(m, "default", "a"),
		     "a23456789012345:6/84 side:132/2 web:6/80 web:6/8080 web:17/80");
	assert_null(model_pod(m, "default", "b")->ports);
	model_free(m);
}

static void a_namespace_keeps_its_name_label(void **state)
{
	struct model *m =
		model_of(content_of("x.yaml", V1("Namespace",
						 "metadata: {name: a, labels: "
						 "{kubernetes.io/metadata.name: kube-system, b: c, d: 1}}")),
			 "");
	const struct labels *l = model_namespace(m, "a")->labels;

	(void)state;
	assert_string_equal(labels_get(l, "kubernetes.io/metadata.name"), "a");
	assert_string_equal(labels_get(l, "b"), "c");
	assert_int_equal(l->n, 2);
	model_free(m);
}

static void pods_have_limits(void **state)
{
	struct buf text = BUF_INIT(1 << 20);
	const struct pod *p;
	struct model *m;
	int i;

	(void)state;
	(void)buf_str(&text, V1("Pod", "metadata:\n  name: a\n  uid: "));
	for (i = 0; i < 300; i++)
		(void)buf_str(&text, "u");
	(void)buf_str(&text, "\n  labels:\n");
	for (i = 0; i < 1000; i++)
		(void)buf_fmt(&text, "    l%d: x\n", i);
	(void)buf_str(&text, "status:\n  podIPs:\n");
	for (i = 0; i < 100; i++)
		(void)buf_fmt(&text, "  - ip: 10.0.0.%d\n", i);
	(void)buf_str(&text, "spec:\n  containers:\n  - ports:\n");
	for (i = 0; i < 1000; i++)
		(void)buf_fmt(&text, "    - {hostPort: %d, containerPort: 1, name: p%d}\n", i + 1, i);
	m = model_of(content_of("x.yaml", text.data), "");
	p = model_pod(m, "default", "a");
	assert_int_equal(p->labels->n, DECODE_LABELS_MAX);
	assert_int_equal(p->addrs.n, DECODE_ADDRS_MAX);
	assert_int_equal(p->host_ports.n, DECODE_HOST_PORTS_MAX);
	assert_int_equal(p->ports->n, DECODE_PORTS_MAX);
	assert_string_equal(p->uid, "");
	assert_true(p->partial);
	model_free(m);
	buf_done(&text);
}

/* With the last one that there is room for all is known, and with one more it is not. */
static void what_is_left_out_is_not_forgotten(void **state)
{
	static const struct {
		const char *kind, *before, *line;
		int max;
	} lists[] = {
		{ "Pod", "  labels:\n", "    l%d: x\n", DECODE_LABELS_MAX },
		{ "Namespace", "  labels:\n", "    l%d: x\n",
		  DECODE_LABELS_MAX - 1 }, /* it has one of its own */
		{ "Pod", "spec:\n  containers:\n  - ports:\n", "    - {containerPort: 1, name: p%d}\n",
		  DECODE_PORTS_MAX },
		{ "Pod", "spec:\n  containers:\n  - ports:\n", "    - {containerPort: 1, hostPort: 1%03d}\n",
		  DECODE_HOST_PORTS_MAX },
	};
	size_t i;
	int n, more;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(lists); i++) {
		for (more = 0; more < 2; more++) {
			struct buf text = BUF_INIT(1 << 20);
			struct model *m;

			(void)buf_fmt(&text, "apiVersion: v1\nkind: %s\nmetadata:\n  name: a\n%s",
				      lists[i].kind, lists[i].before);
			for (n = 0; n < lists[i].max + more; n++)
				(void)buf_fmt(&text, lists[i].line, n);
			m = model_of(content_of("x.yaml", text.data), "");
			if (strcmp(lists[i].kind, "Pod"))
				assert_int_equal(model_namespace(m, "a")->partial, more);
			else
				assert_int_equal(model_pod(m, "default", "a")->partial, more);
			model_free(m);
			buf_done(&text);
		}
	}
}

/* ---- the union ---------------------------------------------------------------------------- */

#define POLICY(name, spec)                                                                                   \
	"{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: " name "}, spec: " spec "}"
#define POD(name, label) "{apiVersion: v1, kind: Pod, metadata: {name: " name ", labels: {l: " label "}}}"
#define NAMESPACE(name)	 "{apiVersion: v1, kind: Namespace, metadata: {name: " name "}}"
#define SERVICE(name, ip)                                                                                    \
	"{apiVersion: v1, kind: Service, metadata: {name: " name "}, spec: {clusterIP: " ip "}}"
#define SLICE(name, ready, ip)                                                                               \
	"{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, metadata: {name: " name                      \
	"}, addressType: IPv4, endpoints: [{conditions: {ready: " ready "}, addresses: [" ip "]}]}"
#define NODE(name, beat, ip)                                                                                 \
	"{apiVersion: v1, kind: Node, metadata: {name: " name "}, status: {conditions: [{at: " beat          \
	"}], addresses: [{type: InternalIP, address: " ip "}]}}"

static const char *label_of(const struct model *m, const char *pod)
{
	const struct pod *p = model_pod(m, "default", pod);

	return p ? labels_get(p->labels, "l") : "none";
}

static void differences_only(void **state)
{
	const char *const names[] = { "one", "two" };
	struct content c[2] = {
		content_of("x.yaml", NAMESPACE("n") "\n--- " POD("a", "x") "\n--- " POD("b", "x")),
		content_of("x.yaml", POLICY("p", "{}") "\n--- " POD("c", "x")),
	};
	struct buf said = BUF_INIT(65536);
	struct model *m = model_new();
	struct merge merge = {};
	const struct pod *b;

	(void)state;
	assert_true(apply(&merge, c, names, 2, m, &said));
	assert_int_equal(m->pods.n, 3);
	b = model_pod(m, "default", "b");

	assert_false(apply(&merge, c, names, 2, m, &said)); /* nothing new */
	assert_ptr_equal(model_pod(m, "default", "b"), b);

	content_done(&c[0]); /* a changes, b does not, the namespace goes */
	c[0] = content_of("x.yaml", POD("b", "x") "\n--- " POD("a", "y"));
	assert_true(apply(&merge, c, names, 2, m, &said));
	assert_ptr_equal(model_pod(m, "default", "b"), b);
	assert_string_equal(label_of(m, "a"), "y");
	assert_int_equal(m->namespaces.n, 0);
	assert_int_equal(m->policies.n, 1);

	assert_true(apply(&merge, c, names, 0, m, &said));
	assert_int_equal(m->pods.n + m->policies.n + m->namespaces.n, 0);
	merge_done(&merge);
	content_done(&c[0]);
	content_done(&c[1]);
	model_free(m);
	buf_done(&said);
}

static void fields_of_no_use_do_not_count(void **state)
{
	struct content a =
		content_of("x.yaml", "{apiVersion: v1, kind: Pod, status: {podIP: 10.0.0.1, hostIP: 1.2.3.4},"
				     "metadata: {name: a, resourceVersion: '1', annotations: {x: y}}}");
	struct content b =
		content_of("x.yaml", "{apiVersion: v1, kind: Pod, status: {conditions: [], podIP: 10.0.0.1},"
				     "metadata: {managedFields: [], name: a, resourceVersion: '2'}}");
	struct content c = content_of("x.yaml", "{apiVersion: v1, kind: Pod, status: {podIP: 10.0.0.2},"
						"metadata: {name: a}}");

	(void)state;
	assert_int_equal(hash128_cmp(&a.objects.v[0].hash, &b.objects.v[0].hash), 0);
	assert_int_not_equal(hash128_cmp(&a.objects.v[0].hash, &c.objects.v[0].hash), 0);
	content_done(&a);
	content_done(&b);
	content_done(&c);
}

/* What a Service is about, and its slices and nodes: no more, or each heartbeat would be a change. */
static void services_and_nodes_come_and_go(void **state)
{
	const char *const names[] = { "one" };
	struct content c =
		content_of("x.yaml", SERVICE("s", "10.96.0.1") "\n--- " SLICE(
					     "s-1", "true", "10.0.0.1") "\n--- " NODE("n", "1", "192.0.2.1"));
	struct buf said = BUF_INIT(65536);
	struct model *m = model_new();
	struct merge merge = {};

	(void)state;
	assert_true(apply(&merge, &c, names, 1, m, &said));
	assert_int_equal(model_service(m, "default", "s")->addrs.n, 1);
	assert_int_equal(model_slice(m, "default", "s-1")->addrs.n, 1);
	assert_int_equal(model_node(m, "n")->addrs.n, 1);
	content_done(&c);
	c = content_of("x.yaml", SERVICE("s", "10.96.0.1") "\n--- " SLICE(
					 "s-1", "false", "10.0.0.1") "\n--- " NODE("n", "2", "192.0.2.1"));
	assert_false(apply(&merge, &c, names, 1, m, &said));
	content_done(&c);
	c = content_of("x.yaml", SLICE("s-1", "false", "10.0.0.2"));
	assert_true(apply(&merge, &c, names, 1, m, &said));
	assert_null(model_service(m, "default", "s"));
	assert_null(model_node(m, "n"));
	assert_int_equal(model_slice(m, "default", "s-1")->addrs.v[0].b[15], 2);
	assert_true(apply(&merge, &c, names, 0, m, &said));
	assert_null(model_slice(m, "default", "s-1"));
	merge_done(&merge);
	content_done(&c);
	model_free(m);
	buf_done(&said);
}

static void one_object_in_two_files(void **state)
{
	const char *const names[] = { "one", "two" };
	struct content c[2] = {
		content_of("x.yaml", POD("a", "first")),
		content_of("x.yaml", POD("a", "second")),
	};
	struct buf said = BUF_INIT(65536);
	struct model *m = model_new();
	struct merge merge = {};

	(void)state;
	(void)apply(&merge, c, names, 2, m, &said);
	assert_string_equal(label_of(m, "a"), "first");
	assert_string_equal(said.data, "Pod 'default/a': one not two\n");
	(void)apply(&merge, c + 1, names + 1, 1, m, &said);
	assert_string_equal(label_of(m, "a"), "second");
	assert_string_equal(said.data, "");
	merge_done(&merge);
	content_done(&c[0]);
	content_done(&c[1]);
	model_free(m);
	buf_done(&said);
}

static void problems_are_told_with_their_object(void **state)
{
	static const char text[] =
		POLICY("p", "{ingress: [{ports: [{port: 443, endPort: 80}]}, {from: [{}]}], x: .nan}");
	struct model *m = model_of(content_of("x.yaml", text),
				   "NetworkPolicy 'default/p': spec.x is not a known field\n"
				   "NetworkPolicy 'default/p': spec.ingress[0].ports[0].endPort 80 is below "
				   "port 443\n"
				   "NetworkPolicy 'default/p': spec.ingress[1].from[0] is empty: it needs "
				   "podSelector, namespaceSelector or ipBlock\n");

	(void)state;
	model_free(m);
}

/* Whoever narrows objects keeps what the decoder reads. */
static void what_is_kept_of_a_service(void **state)
{
	static const char text[] =
		"apiVersion: v1\nkind: Service\nmetadata: {name: s}\n"
		"spec: {clusterIP: 10.96.0.1, externalIPs: [198.51.100.1], ports: [{port: 80, nodePort: 30080}],"
		" internalTrafficPolicy: Local}\n"
		"status: {loadBalancer: {ingress: [{ip: 192.0.2.1}]}}\n"
		"---\napiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: e}\naddressType: IPv4\n"
		"endpoints: [{addresses: [10.0.0.1], nodeName: n}]\n";
	struct model *m = model_of(content_of("x.yaml", text), "");
	const struct service *s = model_service(m, "default", "s");

	(void)state;
	assert_non_null(s);
	assert_int_equal(s->addrs.n, 1);
	assert_int_equal(s->externals.n, 1);
	assert_int_equal(s->balancers.n, 1);
	assert_int_equal(s->ports.v[0].node_port, 30080);
	assert_true(s->local);
	assert_true(slice_is_on(model_slice(m, "default", "e"), 0, "n"));
	model_free(m);
}

/* ---- static pods ---------------------------------------------------------------------------- */

#define MIRROR(value)	"annotations: {kubernetes.io/config.mirror: " value "}"
#define OWNED_BY(owner) "ownerReferences: [{apiVersion: v1, " owner "}]"
#define ITS_NODE	"kind: Node, name: n, controller: true"

/* Whoever may write a pod may write what is not of a kubelet's making. */
static const struct {
	const char *meta, *uid;
} statics[] = {
	{ MIRROR("'77'") ", " OWNED_BY(ITS_NODE), "77" },
	{ "annotations: {kubernetes.io/config.hash: '77'}, " OWNED_BY(ITS_NODE), NULL },
	{ "annotations: {kubernetes.io/config.hash: '77'}", NULL },
	{ MIRROR("'77'"), NULL },
	{ MIRROR("77") ", " OWNED_BY(ITS_NODE), NULL },
	{ MIRROR("'77'") ", ownerReferences: [{apiVersion: apps/v1, " ITS_NODE "}]", NULL },
	{ MIRROR("'77'") ", " OWNED_BY("kind: ReplicaSet, name: n, controller: true"), NULL },
	{ MIRROR("'77'") ", " OWNED_BY("kind: Node, name: other, controller: true"), NULL },
	{ MIRROR("'77'") ", " OWNED_BY("kind: Node, name: n, controller: false"), NULL },
	{ MIRROR("'77'") ", " OWNED_BY("kind: Node, name: n, controller: 'true'"), NULL },
	{ MIRROR("'77'") ", " OWNED_BY("kind: Node, name: n"), NULL },
	{ MIRROR("'77'") ", " OWNED_BY(ITS_NODE "}, {apiVersion: v1, " ITS_NODE), NULL }, /* two of them */
	{ MIRROR("'77'") ", ownerReferences: {apiVersion: v1, " ITS_NODE "}", NULL },
};

static int decode_sent(void *ctx, enum scan_kind kind, const char *json, size_t len, struct bh_err *err)
{
	struct json_object *o = kube_parse(json, len, err);
	struct object_id id;

	(void)kind;
	assert_non_null(o);
	assert_int_equal(decode_id(o, &id, err), 0);
	assert_int_equal(decode_pod(o, &id, ctx), 0);
	json_object_put(o);
	return 0;
}

/* As an API server sends it, narrowed on the way. */
static struct pod *pod_sent(const char *yaml)
{
	struct pod *ret = NULL;
	struct scan *s = scan_new(keep_sent[OBJECT_POD], false, decode_sent, &ret);
	struct manifest m = {};
	struct bh_err err;
	const char *text;

	assert_non_null(s);
	assert_int_equal(manifest_parse("x.yaml", yaml, strlen(yaml), &m, &err), 0);
	text = json_object_to_json_string_ext(m.docs.v[0].root, JSON_C_TO_STRING_NOSLASHESCAPE);
	assert_int_equal(scan_feed(s, text, strlen(text), &err), 0);
	assert_non_null(ret);
	manifest_done(&m);
	scan_free(s);
	return ret;
}

static void by_what_uid_a_runtime_knows_a_pod(void **state)
{
	char text[512];
	struct pod *p;
	size_t i;

	for (i = 0; i < N(statics); i++) {
		(void)snprintf(text, sizeof(text),
			       V1("Pod", "metadata: {name: a, uid: '1', %s}\nspec: {nodeName: n}\n"),
			       statics[i].meta);
		p = pod_sent(text);
		if (pod_has_uid(p, "77") != !!statics[i].uid)
			fail_msg("%s: its UID is %s", statics[i].meta,
				 p->static_uid ? p->static_uid : "1 alone");
		assert_true(pod_has_uid(p, "1"));
		assert_false(pod_has_uid(p, "78"));
		pod_free(p);
	}
	(void)state;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(by_what_uid_a_runtime_knows_a_pod),
		cmocka_unit_test(a_real_pod),
		cmocka_unit_test(a_real_list_of_pods),
		cmocka_unit_test(real_namespaces),
		cmocka_unit_test(a_real_policy),
		cmocka_unit_test(small_ones),
		cmocka_unit_test(who_is_who),
		cmocka_unit_test(other_kinds),
		cmocka_unit_test(many_other_kinds),
		cmocka_unit_test(nobody),
		cmocka_unit_test(a_list_without_items),
		cmocka_unit_test(odd_pods),
		cmocka_unit_test(names_of_ports),
		cmocka_unit_test(a_namespace_keeps_its_name_label),
		cmocka_unit_test(pods_have_limits),
		cmocka_unit_test(what_is_left_out_is_not_forgotten),
		cmocka_unit_test(differences_only),
		cmocka_unit_test(fields_of_no_use_do_not_count),
		cmocka_unit_test(services_and_nodes_come_and_go),
		cmocka_unit_test(one_object_in_two_files),
		cmocka_unit_test(problems_are_told_with_their_object),
		cmocka_unit_test(what_is_kept_of_a_service),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
