/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one change of the cluster costs the agent, by pods and policies, for a node with a hundred of the
 * pods: a compile of everything and the plan from what is in force to what is wanted; the same of one event,
 * by a compiler that was told of it; and compiles of clusters of odd shapes. No kernel is asked; times are
 * CPU times, medians. Prints a JSON list; tests/bench/run makes the table.
 */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/overlay.h"
#include "policy/compare.h"
#include "policy/compiler.h"
#include "policy/delta.h"
#include "policy/nearest.h"
#include "policy/policy.h"
#include "tests/bench/figures.h"
#include "tests/unit/policy/world.h"

#define LOCAL	    100 /* pods on this node; a kubelet's limit is 110 */
#define PODS_IN_NS  50
#define APPS	    5 /* in every namespace */
#define TEAMS	    7
#define DEPLOYMENTS 300 /* at most: pods of one have the same labels */
#define BACKENDS    10	/* of a Service: all pods of its app */
#define RUNS_MAX    30

/* As bpf/maps.h has them. */
static const struct actual_sizes sizes = {
	.addrs = 65536,
	.cidrs = 16384,
	.classes = 131072,
	.rows = 65536,
	.ranges = 65536,
	.rules = 16384,
	.ids = 131072,
};

/* ---- a cluster ------------------------------------------------------------------------------ */

static void add_pod(struct model *m, int i, bool local)
{
	char name[64], labels[64], addrs[64];

	(void)snprintf(name, sizeof(name), "ns-%d/pod-%d", i / PODS_IN_NS, i);
	(void)snprintf(labels, sizeof(labels), "app=app-%d,pod-template-hash=%x", i % APPS, i % DEPLOYMENTS);
	(void)snprintf(addrs, sizeof(addrs), "10.%d.%d.%d,fd00:64::%x:%x", 64 + i / 62500, i / 250 % 250,
		       i % 250 + 1, i >> 15, i % 32768 + 1);
	w_pod(m, name, labels, addrs);
	if (local)
		w_endpoint(m, name, (uint32_t)i + 2, addrs);
}

/* One app of one namespace: open to a neighbour, to a team's pods and, some of them, to the world. */
static void add_policy(struct model *m, int i, int namespaces)
{
	const int app = (i + i / namespaces) % APPS;
	char name[64], subject[32], near[64], far[64];
	struct net_policy *p;

	(void)snprintf(name, sizeof(name), "ns-%d/policy-%d", i % namespaces, i);
	(void)snprintf(subject, sizeof(subject), "app=app-%d", app);
	(void)snprintf(near, sizeof(near), "pods(app=app-%d)", (app + 1) % APPS);
	(void)snprintf(far, sizeof(far), "ns(team=team-%d) pods(app=app-%d)", i % TEAMS, (app + 2) % APPS);
	p = w_policy(m, name, subject, i % 3 ? "i" : "ie");
	w_rule(p, DIR_INGRESS, near, "tcp/8080,tcp/9090");
	w_rule(p, DIR_INGRESS, far, "tcp/443");
	if (!(i % 3))
		w_rule(p, DIR_EGRESS, i % 2 ? "0.0.0.0/0 -10.0.0.0/8" : near, "tcp/443,udp/53");
	if (!(i % 10))
		w_rule(p, DIR_INGRESS, "192.0.2.0/24 -192.0.2.128/25;2001:db8::/32", "tcp/443");
}

/* By turns in both tiers, about a team each: its own pods pass, another team's are denied, all others'
 * accepted. */
static void add_cluster_policy(struct model *m, int i)
{
	char name[32], own[32], other[32];
	struct net_policy *p;

	(void)snprintf(name, sizeof(name), "policy-%d", i);
	(void)snprintf(own, sizeof(own), "ns(team=team-%d)", i % TEAMS);
	(void)snprintf(other, sizeof(other), "ns(team=team-%d)", (i + 1) % TEAMS);
	p = net_policy_new(POLICY_CLUSTER, "", name);
	p->tier = i % 2 ? TIER_ADMIN : TIER_BASELINE;
	p->priority = (uint16_t)i;
	(void)snprintf(name, sizeof(name), "team=team-%d", i % TEAMS);
	p->namespaces = w_selector(name);
	w_rule(p, DIR_INGRESS, own, "")->action = RULE_PASS;
	w_rule(p, DIR_INGRESS, other, "tcp/22,tcp/1000-2000,udp")->action = RULE_DENY;
	w_rule(p, DIR_INGRESS, "ns()", "tcp/443");
	w_rule(p, DIR_EGRESS, "192.0.2.0/24", "tcp/1-1023")->action = RULE_DENY;
	if (model_put_policy(m, p) < 0)
		errx(1, "no memory");
}

/* Of an app of a namespace, @n of its pods. */
static void add_slice(struct model *m, int i, int n)
{
	char name[32], addrs[BACKENDS * 16];
	size_t at = 0;
	int k, pod;

	(void)snprintf(name, sizeof(name), "ns-%d/app-%d-1", i / APPS, i % APPS);
	for (addrs[0] = '\0', k = 0; k < n; k++) {
		pod = i / APPS * PODS_IN_NS + k * APPS + i % APPS;
		at += (size_t)snprintf(addrs + at, sizeof(addrs) - at, "%s10.%d.%d.%d", k ? "," : "",
				       64 + pod / 62500, pod / 250 % 250, pod % 250 + 1);
	}
	(void)w_slice(m, name, addrs, "tcp/8080");
}

static void add_service(struct model *m, int i)
{
	char name[32], addr[16];

	(void)snprintf(name, sizeof(name), "ns-%d/app-%d", i / APPS, i % APPS);
	(void)snprintf(addr, sizeof(addr), "10.96.%d.%d", i / 250, i % 250 + 1);
	(void)w_service(m, name, addr, "tcp/443");
	add_slice(m, i, BACKENDS);
}

static struct model *cluster(int pods, int policies, int of_cluster)
{
	const int namespaces = (pods + PODS_IN_NS - 1) / PODS_IN_NS;
	const int step = pods > LOCAL ? pods / LOCAL : 1;
	struct model *m = model_new();
	char name[32], labels[32];
	int i;

	for (i = 0; i < namespaces; i++) {
		(void)snprintf(name, sizeof(name), "ns-%d", i);
		(void)snprintf(labels, sizeof(labels), "team=team-%d", i % TEAMS);
		w_namespace(m, name, labels);
	}
	for (i = 0; i < pods; i++)
		add_pod(m, i, i % step == i / step * 7 % step); /* of every namespace and app some */
	for (i = 0; i < policies; i++)
		add_policy(m, i, namespaces);
	for (i = 0; i < of_cluster; i++)
		add_cluster_policy(m, i);
	return m;
}

/* ---- odd shapes ----------------------------------------------------------------------------- */

/* One endpoint, and pods of a hundred apps in a hundred namespaces. */
static struct model *wide(void)
{
	struct model *m = cluster(0, 0, 0);
	char name[32], labels[32], addr[32];
	int i;

	for (i = 0; i < 100; i++) {
		(void)snprintf(name, sizeof(name), "ns-%d", i);
		(void)snprintf(labels, sizeof(labels), "team=team-%d", i);
		w_namespace(m, name, labels);
	}
	for (i = 0; i < 10000; i++) {
		(void)snprintf(name, sizeof(name), "ns-%d/pod-%d", i % 100, i);
		(void)snprintf(labels, sizeof(labels), "app=app-%d,pod=%d", i / 100, i);
		(void)snprintf(addr, sizeof(addr), "10.64.%d.%d", i / 250, i % 250 + 1);
		w_pod(m, name, labels, addr);
	}
	w_endpoint(m, "ns-0/pod-0", 2, "10.64.0.1");
	return m;
}

static struct model *many_rules(void)
{
	struct model *m = wide();
	char text[64], port[16];
	struct net_policy *p = NULL;
	int i;

	for (i = 0; i < 12500; i++) {
		(void)snprintf(text, sizeof(text), "ns-0/policy-%d", i / 100);
		p = i % 100 ? p : w_policy(m, text, "", "i");
		(void)snprintf(text, sizeof(text), "ns(team=team-%d) pods(app=app-%d)", i % 100,
			       i / 100 % 100);
		(void)snprintf(port, sizeof(port), "tcp/%d", i + 1);
		w_rule(p, DIR_INGRESS, text, port);
	}
	return m;
}

/* A rule of 300 ports to each of 1000 blocks; each lies in up to 23 others. */
/* Each has a range for its pods in both families, and a policy accepts the world. */
static struct model *world_of_nodes(void)
{
	struct model *m = wide();
	struct net_policy *p = w_policy(m, "ns-0/policy", "", "e");
	struct rule *rule = vec_add(&p->rules[DIR_EGRESS]);
	char text[64];
	int i, k;

	*(struct peer *)vec_add(&rule->peers) = (struct peer){ .kind = PEER_WORLD };
	for (i = 0; i < 5000; i++) {
		struct cluster_node *n;

		(void)snprintf(text, sizeof(text), "node-%d", i);
		n = cluster_node_new(text);
		for (k = 0; k < 2; k++) {
			(void)snprintf(text, sizeof(text), k ? "fd00:%x::/64" : "10.%d.%d.0/24",
				       k ? i : i / 250, i % 250);
			(void)cidr_parse(text, vec_add(&n->pods));
		}
		(void)model_put_node(m, n);
	}
	return m;
}

static struct model *nested_blocks(void)
{
	struct model *m = wide();
	struct net_policy *p = w_policy(m, "ns-0/policy", "", "e");
	char ports[8192], block[32];
	size_t at = 0;
	int i, k;

	for (i = 0; i < 1000; i++) {
		for (k = 0, at = 0; k < 300; k++)
			at += (size_t)snprintf(ports + at, sizeof(ports) - at, "%stcp/%d", k ? "," : "",
					       2 * (150 * (i % 50) + k) + 1);
		(void)snprintf(block, sizeof(block), "%d.0.0.0/%d", 1 + i / 24, 9 + i % 24);
		w_rule(p, DIR_EGRESS, block, ports);
	}
	return m;
}

static struct model *sets_by_classes(void)
{
	struct model *m = wide();
	char name[64], subject[32], peer[64], addr[32];
	int i;

	for (i = 0; i < 1000; i++) {
		(void)snprintf(name, sizeof(name), "ns-%d/pod-%d", i % 100, i);
		(void)snprintf(addr, sizeof(addr), "10.64.%d.%d", i / 250, i % 250 + 1);
		w_endpoint(m, name, (uint32_t)i + 2, addr);
		(void)snprintf(name, sizeof(name), "ns-%d/policy-%d", i % 100, i);
		(void)snprintf(subject, sizeof(subject), "pod=%d", i);
		(void)snprintf(peer, sizeof(peer), i % 2 ? "ns(team=team-%d)" : "ns() pods(app=app-%d)",
			       i / 2 % 100);
		w_rule(w_policy(m, name, subject, "i"), DIR_INGRESS, peer, "tcp/80");
	}
	return m;
}

/* ---- measuring ------------------------------------------------------------------------------ */

struct times {
	double v[RUNS_MAX];
	int n;
};

static double median(struct times *t)
{
	qsort(t->v, (size_t)t->n, sizeof(*t->v), cmp_double);
	return t->v[t->n / 2];
}

static void note(struct times *t, uint64_t since_ns)
{
	t->v[t->n++] = (double)(cpu_ns() - since_ns) / 1e6;
}

static struct tables *compile(const struct model *m, struct times *t)
{
	const uint64_t from = cpu_ns();
	struct tables *ret = w_compile(m);

	note(t, from);
	return ret;
}

static struct plan *plan(const struct tables *wanted, const struct actual *a, struct times *t)
{
	const uint64_t from = cpu_ns();
	struct bh_err e = {};
	struct plan *ret;

	if (delta_plan(wanted, a, &ret, &e) < 0)
		errx(1, "%s", e.msg);
	note(t, from);
	return ret;
}

/* Brings @a to @wanted. Return: steps. */
static size_t settle(const struct tables *wanted, struct actual *a, struct times *t)
{
	size_t steps = 0, i;
	struct plan *p;
	bool again;

	do {
		p = plan(wanted, a, t);
		for (i = 0; i < p->steps.n; i++)
			if (actual_apply(a, &p->steps.v[i]) < 0)
				errx(1, "no memory");
		actual_sort(a);
		steps += p->steps.n;
		again = p->again;
		plan_free(p);
	} while (again);
	actual_settle(a, wanted);
	return steps;
}

/* @goal: at most that much; 0: there is none. */
static void print_as(const char *shape, const char *what, double value, const char *unit, double goal)
{
	static bool more;

	printf("%s{\"name\": \"%s: %s\", \"value\": %.*f, \"unit\": \"%s\"", more ? ",\n" : "", shape, what,
	       value < 1 ? 3 : 2, value, unit);
	if (goal > 0)
		printf(", \"goal\": %.0f, \"met\": %s", goal, value <= goal ? "true" : "false");
	printf("}");
	more = true;
}

static void print(const char *shape, const char *what, double ms)
{
	print_as(shape, what, ms, "ms", 0);
}

static void name_shape(char ret[64], int pods, int policies, int of_cluster)
{
	(void)snprintf(ret, 64,
		       of_cluster ? "%d pods, %d policies, %d of the cluster" : "%d pods, %d policies", pods,
		       policies, of_cluster);
}

static void measure_shape(const char *shape, struct model *take)
{
	auto_model struct model *m = take;
	struct times t = { .n = 0 };
	char what[128];
	int i;

	for (i = 0; i < 3; i++) {
		auto_tables struct tables *tables = compile(m, &t);

		(void)snprintf(what, sizeof(what), "compile (%zu rows, %zu ranges, %zu classes)",
			       tables->rows.n, tables->ranges.n, tables->classes.n);
	}
	print(shape, what, median(&t));
}

static void measure(int pods, int policies, int of_cluster, int runs)
{
	auto_model struct model *m = cluster(pods, policies, of_cluster);
	auto_tables struct tables *t = w_compile(m);
	struct times compiles = { .n = 0 }, none = { .n = 0 }, one = { .n = 0 }, first = { .n = 0 };
	struct actual *a = actual_new(&sizes);
	const uint64_t from = cpu_ns();
	char shape[64];
	int i;

	name_shape(shape, pods, policies, of_cluster);
	if (!a)
		errx(1, "no memory");
	if (!settle(t, a, &first))
		errx(1, "the first plan is empty");
	print(shape, "first plan, applied to the mirror", (double)(cpu_ns() - from) / 1e6);
	for (i = 0; i < runs; i++) {
		auto_tables struct tables *again = NULL, *changed = NULL;
		struct plan *p;

		again = compile(m, &compiles);
		p = plan(again, a, &none);
		if (p->steps.n)
			errx(1, "%zu steps where nothing has changed", p->steps.n);
		plan_free(p);
		/* One pod of this node is another app from now on. */
		w_pod(m, "ns-0/pod-0", i % 2 ? "app=app-0" : "app=app-1", "10.64.0.1,fd00:64::0:1");
		changed = w_compile(m);
		one.n = i; /* its first pass */
		if (!settle(changed, a, &one))
			errx(1, "no steps where a pod has changed");
		one.n = i + 1;
	}
	print(shape, "compile", median(&compiles));
	print(shape, "plan, nothing changed", median(&none));
	print(shape, "plan, one pod of this node changed", median(&one));
	actual_free(a);
}

/* ---- one event ------------------------------------------------------------------------------ */

#define EVENTS 9

static const char *const events[EVENTS] = {
	"one pod added",
	"one pod relabelled",
	"one pod removed",
	"one pod added, the first of its class",
	"one pod relabelled, from that class to another",
	"one pod removed, the last of its class",
	"one address behind a Service more, or less",
	"a Service's first backends, or its last ones gone",
	"a Service's ClusterIP, another one",
};

/* By turns, to a pod of another node, as others are. */
static void happens(struct model *m, int event, int turn)
{
	static const char *const labels[] = { "app=app-1", "app=app-2", NULL, "app=new", "app=newer", NULL };

	if (event == 6)
		add_slice(m, 0, m->slices.v[0]->addrs.n == BACKENDS ? BACKENDS - 1 : BACKENDS);
	else if (event == 7)
		add_slice(m, 1, m->slices.v[1]->addrs.n ? 0 : BACKENDS);
	else if (event == 8)
		(void)w_service(m, "ns-0/app-2", turn % 2 ? "10.96.0.3" : "10.96.9.3", "tcp/443");
	else if (labels[event])
		w_pod(m, "ns-0/new", labels[event], "10.60.0.1,fd00:60::1");
	else
		(void)model_del_pod(m, "ns-0", "new");
}

/* From the change to the tables and the plan; the maps' part is left out, the mirror's is not of it. */
static struct tables *one_event(struct compiler *c, struct actual *a, struct times *t)
{
	const uint64_t from = cpu_ns();
	struct tables *ret;
	struct bh_err e;
	struct plan *p;

	if (compiler_run(c, &ret, &e) < 0 || delta_plan(ret, a, &p, &e) < 0)
		errx(1, "%s", e.msg);
	note(t, from);
	plan_free(p);
	return ret;
}

/* Every app of every namespace is a Service; and some rules name what is not there yet. */
static struct model *cluster_of_events(int pods, int policies, int of_cluster)
{
	struct model *m = cluster(pods, policies, of_cluster);
	struct net_policy *p = w_policy(m, "ns-0/new", "", "ie");
	int i;

	w_rule(p, DIR_INGRESS, "pods(app=new)", "tcp/80");
	w_rule(p, DIR_INGRESS, "pods(app=newer)", "tcp/80");
	w_rule(p, DIR_EGRESS, "ns(team=team-0)", "tcp/8080");
	for (i = 0; i < pods / PODS_IN_NS * APPS && i < 1000; i++)
		add_service(m, i);
	return m;
}

static void measure_events(int pods, int policies, int of_cluster, double goal_ms, double goal_mb)
{
	const size_t before = heap_in_use();
	auto_model struct model *m = cluster_of_events(pods, policies, of_cluster);
	struct compiler *c = compiler_new(m);
	struct actual *a = actual_new(&sizes);
	struct times t[EVENTS] = { { .n = 0 } }, plans = { .n = 0 };
	struct tables *now;
	struct bh_err e;
	char shape[64];
	int i;

	if (!a || !c)
		errx(1, "no memory");
	name_shape(shape, pods, policies, of_cluster);
	if (compiler_run(c, &now, &e) < 0 || !settle(now, a, &plans))
		errx(1, "the first plan is empty");
	print_as(shape, "all of it in the heap, with the mirror of the maps",
		 (double)(heap_in_use() - before) / 1e6, "MB", goal_mb);
	for (i = 0; i < EVENTS * RUNS_MAX; i++) {
		tables_free(now);
		happens(m, i % EVENTS, i / EVENTS);
		now = one_event(c, a, &t[i % EVENTS]);
		plans.n = 0;
		if (!settle(now, a, &plans) && i % EVENTS != 6) /* its rows say the same */
			errx(1, "%s: no steps", events[i % EVENTS]);
	}
	for (i = 0; i < EVENTS; i++)
		print_as(shape, events[i], median(&t[i]), "ms", goal_ms);
	tables_free(now);
	actual_free(a);
	compiler_free(c);
}

/* ---- what people ask ------------------------------------------------------------------------ */

static void count_pairs(void *ctx, const struct outcome *o)
{
	*(size_t *)ctx += o->n_pods * o->n_peers;
}

/* What a policy that isolates all pods of all namespaces would change. */
static void simulate(const struct model *m, struct times *whole)
{
	struct net_policy *np = net_policy_new(POLICY_CLUSTER, "", "new");
	const uint64_t from = cpu_ns();
	struct tables *was = w_compile(m), *is;
	struct comparison *c;
	struct overlay o;
	size_t pairs = 0;
	int r;

	np->namespaces = w_selector("");
	w_rule(np, DIR_INGRESS, "ns()", "tcp/443")->action = RULE_DENY;
	if (overlay_init(&o, m) < 0 || overlay_put_policy(&o, np) < 0)
		errx(1, "no memory");
	is = w_compile(&o.m);
	if (comparison_new(m, was, is, &c) < 0)
		errx(1, "no memory");
	r = comparison_run(c, count_pairs, &pairs);
	note(whole, from);
	if (r < 0 || !pairs)
		errx(1, "nothing would change");
	comparison_free(c);
	overlay_done(&o);
	tables_free(was);
	tables_free(is);
	net_policy_free(np);
}

/* From a pod that no rule names, to one of this node; on a port that no rule has. */
static void measure_asking(int pods, int policies)
{
	auto_model struct model *m = cluster(pods, policies, 0);
	struct near_flow f = { .dir = BH_INGRESS, .remote = w_addr("10.64.39.1"), .port = BH_PORT(6, 81) };
	struct times whole = { .n = 0 }, nearest = { .n = 0 };
	struct nearest n;
	uint64_t from;
	char shape[64];
	int i;

	name_shape(shape, pods, policies, 0);
	f.pod = model_endpoint_pod(m, m->endpoints.v[0]);
	for (i = 0; i < 10; i++) {
		simulate(m, &whole);
		from = cpu_ns();
		if (policy_nearest(m, &f, &n) < 0)
			errx(1, "no memory");
		note(&nearest, from);
	}
	print(shape, "simulate: two compiles, and every pair of them", median(&whole));
	print(shape, "the closest rule", median(&nearest));
}

int main(void)
{
	printf("[\n");
	measure_asking(10000, 1000);
	measure(100, 10, 0, RUNS_MAX - 4);
	measure(1000, 100, 0, RUNS_MAX - 4);
	measure(10000, 200, 0, 10);
	measure(10000, 1000, 0, 10);
	measure(10000, 200, 25, 10);
	measure(50000, 200, 0, 10);
	measure_events(10000, 1000, 0, 1, 16);
	measure_events(10000, 200, 25, 0, 16);
	measure_events(150000, 200, 0, 0, 64);
	measure_shape("12500 rules on one endpoint", many_rules());
	measure_shape("300 ports to each of 1000 nested blocks", nested_blocks());
	measure_shape("1000 policy sets and 10000 classes", sets_by_classes());
	measure_shape("the world beside 5000 nodes", world_of_nodes());
	printf("\n]\n");
	return 0;
}
