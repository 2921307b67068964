/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small cluster of manifests, as users write them, and events about it. Its policies are in the namespace
 * shop; shop/db has interface 7 of this node, shop/web interface 8.
 */
#ifndef TESTS_UNIT_POINTS_CLUSTER_H
#define TESTS_UNIT_POINTS_CLUSTER_H

#include "tests/unit/policy/world.h"

#include <json-c/json.h>

#include "kube/manifest.h"
#include "kube/object.h"

#define DB   7
#define WEB  8
#define IN   BH_INGRESS
#define OUT  BH_EGRESS
#define NODE "10.0.200.1"

#define NAMESPACE(name, labels)                                                                              \
	"---\n{apiVersion: v1, kind: Namespace, metadata: {name: " name ", labels: {" labels "}}}\n"
#define POD_UID(ns, name, uid, labels, ips, spec, status)                                                    \
	"---\n{apiVersion: v1, kind: Pod, metadata: {namespace: " ns ", name: " name ", uid: '" uid          \
	"', labels: {" labels "}},\n  spec: {" spec "}, status: {podIPs: [" ips "]" status "}}\n"
#define POD(ns, name, labels, ips, spec) POD_UID(ns, name, "", labels, ips, spec, "")
#define IP(ip)				 "{ip: '" ip "'}"
#define PORTS(ports)			 "containers: [{ports: [" ports "]}]"
#define POLICY(name, spec)                                                                                     \
	"---\n{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {namespace: shop, name: " name \
	"},\n  spec: {" spec "}}\n"
#define TO_DB	 "podSelector: {matchLabels: {app: db}}"
#define FROM_WEB "from: [{podSelector: {matchLabels: {app: web}}}]"

static const char base[] = NAMESPACE("shop", "team: shop") NAMESPACE("ops", "team: ops")
	POD("shop", "db", "app: db", IP("10.0.0.7") "," IP("fd00::7"), "")
		POD("shop", "web", "app: web, tier: front", IP("10.0.0.8") "," IP("fd00::8"), "")
			POD("shop", "bare", "", IP("10.0.0.9"), "")
				POD("ops", "web", "app: web", IP("10.0.1.8"), "");

/* Puts every object of the text into the model. Return: the problems, as "NAME: path text" lines. */
static inline const char *put(struct model *m, const char *text)
{
	static char problems[65536];
	struct manifest manifest = {};
	struct bh_err err = {};
	size_t i, k, at = 0;

	problems[0] = '\0';
	if (manifest_parse("test.yaml", text, strlen(text), &manifest, &err) < 0)
		fail_msg("%s", err.msg);
	for (i = 0; i < manifest.docs.n; i++) {
		struct object_id id = {};
		const struct net_policy *np;
		void *object = NULL;

		if (!manifest.docs.v[i].root)
			continue;
		if (decode_id(manifest.docs.v[i].root, &id, &err) < 0)
			fail_msg("%s", err.msg);
		assert_true(id.kind != OBJECT_OTHER);
		assert_int_equal(object_ops[id.kind].decode(manifest.docs.v[i].root, &id, &object), 0);
		assert_int_equal(object_ops[id.kind].put(m, object), 0);
		np = object_is_policy(id.kind) ? model_policy(m, object_policy_kind(id.kind), id.ns, id.name)
					       : NULL;
		for (k = 0; np && k < np->problems.n; k++)
			at += (size_t)snprintf(problems + at, sizeof(problems) - at, "%s: %s %s\n", np->name,
					       np->problems.v[k].path, np->problems.v[k].text);
		assert_true(at < sizeof(problems));
	}
	manifest_done(&manifest);
	return problems;
}

static inline struct model *cluster(const char *more)
{
	struct model *m = model_new();
	const struct addr node = w_addr(NODE);

	assert_string_equal(put(m, base), "");
	w_endpoint(m, "shop/db", DB, "10.0.0.7,fd00::7");
	w_endpoint(m, "shop/web", WEB, "10.0.0.8,fd00::8");
	assert_int_equal(model_set_local_addrs(m, &node, 1), 0);
	assert_string_equal(put(m, more), "");
	return m;
}

/* What comes after a change. */
static inline struct tables *then(struct model *m, const char *more)
{
	assert_string_equal(put(m, more), "");
	return w_compile(m);
}

/* A cluster and its tables for the length of a test. */
#define GIVEN(more)                                                                                          \
	auto_model struct model *m = cluster(more);                                                          \
	auto_tables struct tables *t = w_compile(m);                                                         \
	(void)state

/* ---- events ------------------------------------------------------------------------------- */

/* yaml: put; else the object goes. */
struct event {
	const char *yaml, *ns, *pod;
};

static inline void happen(struct model *m, const struct event *e)
{
	if (e->yaml)
		assert_string_equal(put(m, e->yaml), "");
	else
		(void)model_del_pod(m, e->ns, e->pod);
}

#define same_vec(a, b)                                                                                       \
	do {                                                                                                 \
		assert_int_equal((a).n, (b).n);                                                              \
		if ((a).n)                                                                                   \
			assert_memory_equal((a).v, (b).v, (a).n * sizeof(*(a).v));                           \
	} while (0)

static inline void same_tables(const struct tables *t, const struct tables *u)
{
	size_t i;

	same_vec(t->classes, u->classes);
	same_vec(t->rows, u->rows);
	same_vec(t->ranges, u->ranges);
	same_vec(t->locations, u->locations);
	same_vec(t->endpoints, u->endpoints);
	assert_int_equal(t->sets.n, u->sets.n);
	for (i = 0; i < t->sets.n; i++)
		assert_int_equal(hash128_cmp(&t->sets.v[i].hash, &u->sets.v[i].hash), 0);
}

/* Heap's algorithm: every order of the events, in place. */
static inline void every_order(struct event *v, size_t n, void (*fn)(const struct event *v, void *ctx),
			       void *ctx)
{
	size_t c[8] = {}, i = 1;

	assert_true(n <= 8);
	fn(v, ctx);
	while (i < n) {
		const size_t k = i % 2 ? c[i] : 0;
		const struct event swap = v[k];

		if (c[i] >= i) {
			c[i++] = 0;
			continue;
		}
		v[k] = v[i];
		v[i] = swap;
		fn(v, ctx);
		c[i]++;
		i = 1;
	}
}

#endif
