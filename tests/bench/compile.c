/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one change of the cluster costs the agent: a compile of everything and the plan from what is in
 * force to what is wanted, by pods and policies, for a node with a hundred of the pods. No kernel is
 * asked; times are CPU times, medians. Prints a JSON list; tests/bench/run makes the table.
 */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/delta.h"
#include "policy/policy.h"
#include "tests/bench/figures.h"
#include "tests/unit/policy/world.h"

#define LOCAL	    100 /* pods on this node; a kubelet's limit is 110 */
#define PODS_IN_NS  50
#define APPS	    5 /* in every namespace */
#define TEAMS	    7
#define DEPLOYMENTS 300 /* at most: pods of one have the same labels */
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
	(void)snprintf(addrs, sizeof(addrs), "10.%d.%d.%d,fd00:64::%x", 64 + i / 62500, i / 250 % 250,
		       i % 250 + 1, i + 1);
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

static struct model *cluster(int pods, int policies)
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
	return steps;
}

static void print(int pods, int policies, const char *what, double ms)
{
	static bool more;

	printf("%s{\"name\": \"%d pods, %d policies: %s\", \"value\": %.2f, \"unit\": \"ms\"}",
	       more ? ",\n" : "", pods, policies, what, ms);
	more = true;
}

static void measure(int pods, int policies, int runs)
{
	auto_model struct model *m = cluster(pods, policies);
	auto_tables struct tables *t = w_compile(m);
	struct times compiles = { .n = 0 }, none = { .n = 0 }, one = { .n = 0 }, first = { .n = 0 };
	struct actual *a = actual_new(&sizes);
	const uint64_t from = cpu_ns();
	int i;

	if (!a)
		errx(1, "no memory");
	if (!settle(t, a, &first))
		errx(1, "the first plan is empty");
	print(pods, policies, "first plan, applied to the mirror", (double)(cpu_ns() - from) / 1e6);
	for (i = 0; i < runs; i++) {
		auto_tables struct tables *again = NULL, *changed = NULL;
		struct plan *p;

		again = compile(m, &compiles);
		p = plan(again, a, &none);
		if (p->steps.n)
			errx(1, "%zu steps where nothing has changed", p->steps.n);
		plan_free(p);
		/* One pod of this node is another app from now on. */
		w_pod(m, "ns-0/pod-0", i % 2 ? "app=app-0" : "app=app-1", "10.64.0.1,fd00:64::1");
		changed = w_compile(m);
		one.n = i; /* its first pass */
		if (!settle(changed, a, &one))
			errx(1, "no steps where a pod has changed");
		one.n = i + 1;
	}
	print(pods, policies, "compile", median(&compiles));
	print(pods, policies, "plan, nothing changed", median(&none));
	print(pods, policies, "plan, one pod changed", median(&one));
	actual_free(a);
}

int main(void)
{
	printf("[\n");
	measure(100, 10, RUNS_MAX - 4);
	measure(1000, 100, RUNS_MAX - 4);
	measure(10000, 200, 10);
	measure(50000, 200, 10);
	printf("\n]\n");
	return 0;
}
