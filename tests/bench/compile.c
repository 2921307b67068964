/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one change of the cluster costs the agent, by pods and policies, for a node with a hundred of the
 * pods: a compile of everything and the plan from what is in force to what is wanted, growing with the pods
 * and with the policies; the same of one event, by a compiler that was told of it; and compiles of clusters
 * of odd shapes. The clusters are uneven as real ones are, and the same in each run. No kernel is asked;
 * times are CPU times, medians. Prints a JSON list; tests/bench/run makes the table.
 */
#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/overlay.h"
#include "policy.skel.h"
#include "policy/compare.h"
#include "policy/compiler.h"
#include "policy/delta.h"
#include "policy/nearest.h"
#include "policy/policy.h"
#include "tests/bench/figures.h"
#include "tests/oracle/cluster.h"
#include "tests/unit/policy/world.h"

#define LOCAL	   100 /* pods on this node; a kubelet's limit is 110 */
#define PODS_IN_NS 50  /* as a mean */
#define APPS	   100 /* names of apps in the whole cluster */
#define TIERS	   5
#define TEAMS	   7
#define REPLICAS   50 /* of a Deployment, at most: half of all have five or fewer */
#define BACKENDS   10 /* of the first Services, which events are about */
#define SERVICES   1000
#define RUNS_MAX   30
#define SEED	   20261128

/* As the maps are made. */
static struct actual_sizes sizes;

static void read_sizes(void)
{
	struct policy_bpf *skel = policy_bpf__open();

	if (!skel)
		err(1, "cannot read the programs' object");
	sizes = (struct actual_sizes){
		.addrs = bpf_map__max_entries(skel->maps.bh_addrs),
		.cidrs = bpf_map__max_entries(skel->maps.bh_cidrs),
		.classes = bpf_map__max_entries(skel->maps.bh_classes),
		.rows = bpf_map__max_entries(skel->maps.bh_rows),
		.ranges = bpf_map__max_entries(skel->maps.bh_ranges),
		.rules = bpf_map__max_entries(skel->maps.bh_rules),
		.ids = bpf_map__max_entries(skel->maps.bh_ids),
	};
	policy_bpf__destroy(skel);
}

/* ---- what is drawn -------------------------------------------------------------------------- */

/* Of n kinds the k-th is met 1 / (k + 1) times as often as the first (Zipf's law). */
struct zipf {
	uint32_t n;
	uint32_t *upto; /* the weights of all before it, and its own */
};

static struct zipf zipf_of(uint32_t n)
{
	struct zipf z = { .n = n, .upto = calloc(n, sizeof(*z.upto)) };
	uint32_t i, sum = 0;

	if (!z.upto)
		errx(1, "no memory");
	for (i = 0; i < n; i++) {
		sum += 10000000 / (i + 1);
		z.upto[i] = sum;
	}
	return z;
}

static int draw(const struct zipf *z, struct dice *d)
{
	const uint32_t at = dice_roll(d, z->upto[z->n - 1]);
	uint32_t low = 0, high = z->n - 1, mid;

	while (low < high) {
		mid = (low + high) / 2;
		if (z->upto[mid] > at)
			high = mid;
		else
			low = mid + 1;
	}
	return (int)low;
}

/* ---- a cluster ------------------------------------------------------------------------------ */

struct deployment {
	int ns, app, tier;
	int first, pods; /* the pods' numbers */
};

struct drawing {
	struct dice dice;
	struct zipf namespaces, apps, tiers, teams, replicas;
	VEC(struct deployment) deployments;
};

/* A few big namespaces and many small ones, a few names that everybody uses. The first three Deployments are
 * always there: events are about them. */
static void draw_deployment(struct drawing *w, int first, int left)
{
	const int i = (int)w->deployments.n;
	struct deployment *d = vec_add(&w->deployments);

	if (!d)
		errx(1, "no memory");
	*d = (struct deployment){ .app = i, .first = first, .pods = BACKENDS };
	if (i >= 3) {
		d->ns = draw(&w->namespaces, &w->dice);
		d->app = draw(&w->apps, &w->dice);
		d->tier = draw(&w->tiers, &w->dice);
		d->pods = 1 + draw(&w->replicas, &w->dice);
	}
	if (d->pods > left)
		d->pods = left;
}

static struct drawing drawing_of(int pods)
{
	struct drawing w = {
		.dice = { .state = SEED },
		.namespaces = zipf_of((uint32_t)(pods + PODS_IN_NS - 1) / PODS_IN_NS),
		.apps = zipf_of(APPS),
		.tiers = zipf_of(TIERS),
		.teams = zipf_of(TEAMS),
		.replicas = zipf_of(REPLICAS),
	};
	int i;

	for (i = 0; i < pods; i += w.deployments.v[w.deployments.n - 1].pods)
		draw_deployment(&w, i, pods - i);
	return w;
}

static void drawing_done(struct drawing *w)
{
	free(w->namespaces.upto);
	free(w->apps.upto);
	free(w->tiers.upto);
	free(w->teams.upto);
	free(w->replicas.upto);
	vec_done(&w->deployments);
}

static const char *addr4_of(int pod, char ret[24])
{
	(void)snprintf(ret, 24, "10.%d.%d.%d", 64 + pod / 62500, pod / 250 % 250, pod % 250 + 1);
	return ret;
}

static void add_pod(struct model *m, const struct deployment *d, int i, size_t of, bool local)
{
	char name[64], labels[64], addrs[64], v4[24];

	(void)snprintf(name, sizeof(name), "ns-%d/pod-%d", d->ns, i);
	(void)snprintf(labels, sizeof(labels), "app=app-%d,tier=tier-%d,pod-template-hash=%zx", d->app,
		       d->tier, of);
	(void)snprintf(addrs, sizeof(addrs), "%s,fd00:64::%x:%x", addr4_of(i, v4), i >> 15, i % 32768 + 1);
	w_pod(m, name, labels, addrs);
	if (local)
		w_endpoint(m, name, (uint32_t)i + 2, addrs);
}

/* The app of some Deployment: open to another app, to a team's pods and, some of them, to the world. */
static void add_policy(struct model *m, struct drawing *w, int i)
{
	const struct deployment *d = &w->deployments.v[dice_roll(&w->dice, (uint32_t)w->deployments.n)];
	const int team = draw(&w->teams, &w->dice);
	char name[64], subject[32], near[64], far[64];
	struct net_policy *p;

	(void)snprintf(name, sizeof(name), "ns-%d/policy-%d", d->ns, i);
	(void)snprintf(subject, sizeof(subject), "app=app-%d", d->app);
	(void)snprintf(near, sizeof(near), "pods(app=app-%d)", draw(&w->apps, &w->dice));
	if (dice_chance(&w->dice, 20))
		(void)snprintf(far, sizeof(far), "ns(team=team-%d) pods(tier=tier-%d)", team,
			       draw(&w->tiers, &w->dice));
	else
		(void)snprintf(far, sizeof(far), "ns(team=team-%d) pods(app=app-%d)", team,
			       draw(&w->apps, &w->dice));
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

/* Of a Deployment, @n of its pods. */
static void add_slice(struct model *m, const struct deployment *d, int of, int n)
{
	char name[32], addrs[REPLICAS * 24], v4[24];
	size_t at = 0;
	int k;

	(void)snprintf(name, sizeof(name), "ns-%d/service-%d-1", d->ns, of);
	for (addrs[0] = '\0', k = 0; k < n; k++)
		at += (size_t)snprintf(addrs + at, sizeof(addrs) - at, "%s%s", k ? "," : "",
				       addr4_of(d->first + k, v4));
	(void)w_slice(m, name, addrs, "tcp/8080");
}

static void add_service(struct model *m, const struct deployment *d, int of)
{
	char name[32], addr[16];

	(void)snprintf(name, sizeof(name), "ns-%d/service-%d", d->ns, of);
	(void)snprintf(addr, sizeof(addr), "10.96.%d.%d", of / 250, of % 250 + 1);
	(void)w_service(m, name, addr, "tcp/443");
	add_slice(m, d, of, d->pods);
}

static void add_namespaces(struct model *m, struct drawing *w)
{
	char name[32], labels[32];
	uint32_t i;

	for (i = 0; i < w->namespaces.n; i++) {
		(void)snprintf(name, sizeof(name), "ns-%u", i);
		(void)snprintf(labels, sizeof(labels), "team=team-%d", draw(&w->teams, &w->dice));
		w_namespace(m, name, labels);
	}
}

/* This node has of every hundredth part of the pods one. */
static void add_pods(struct model *m, const struct drawing *w, int pods)
{
	const int step = pods > LOCAL ? pods / LOCAL : 1;
	const struct deployment *d;
	size_t i;
	int k;

	for (i = 0; i < w->deployments.n; i++) {
		d = &w->deployments.v[i];
		for (k = d->first; k < d->first + d->pods; k++)
			add_pod(m, d, k, i, k % step == k / step * 7 % step);
	}
}

static struct model *cluster_with(struct drawing *w, int pods, int policies, int of_cluster)
{
	struct model *m = model_new();
	int i;

	add_namespaces(m, w);
	add_pods(m, w, pods);
	for (i = 0; i < policies; i++)
		add_policy(m, w, i);
	for (i = 0; i < of_cluster; i++)
		add_cluster_policy(m, i);
	return m;
}

static struct model *cluster(int pods, int policies, int of_cluster)
{
	struct drawing w = drawing_of(pods);
	struct model *m = cluster_with(&w, pods, policies, of_cluster);

	drawing_done(&w);
	return m;
}

/* ---- odd shapes ----------------------------------------------------------------------------- */

/* One endpoint, and pods of a hundred apps in a hundred namespaces. */
static struct model *wide(void)
{
	struct model *m = model_new();
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

/* A rule of 300 ports to each of 1000 blocks; each lies in up to 23 others. */
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

	if (delta_plan(wanted, a, NULL, &ret, &e) < 0)
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

/* @goal: at most that much; 0: there is none. @note: what the figure alone does not say, or "". */
static void print_as(const char *shape, const char *what, double value, const char *unit, double goal,
		     const char *note)
{
	static bool more;

	printf("%s{\"name\": \"%s: %s\", \"value\": %.*f, \"unit\": \"%s\"", more ? ",\n" : "", shape, what,
	       value < 1 ? 3 : 2, value, unit);
	if (goal > 0)
		printf(", \"goal\": %.0f, \"met\": %s", goal, value <= goal ? "true" : "false");
	if (*note)
		printf(", \"note\": \"%s\"", note);
	printf("}");
	more = true;
}

static void print(const char *shape, const char *what, double ms)
{
	print_as(shape, what, ms, "ms", 0, "");
}

/* Whether the agent could put them in force at all; @ret says why not, else it is "". */
static bool fits(const struct tables *t, char ret[256])
{
	struct actual *a = actual_new(&sizes);
	struct plan *p = NULL;
	struct bh_err e = {};
	int r = a ? delta_plan(t, a, NULL, &p, &e) : -ENOMEM;

	if (r < 0 && r != -ENOSPC)
		errx(1, "%s", r == -ENOMEM ? "no memory" : e.msg);
	(void)snprintf(ret, 256, "%s%.200s", r < 0 ? "does not fit the maps as shipped: " : "", e.msg);
	plan_free(p);
	actual_free(a);
	return !r;
}

static void name_shape(char ret[64], int pods, int policies, int of_cluster)
{
	(void)snprintf(ret, 64,
		       of_cluster ? "%d pods, %d policies, %d of the cluster" : "%d pods, %d policies", pods,
		       policies, of_cluster);
}

static void measure_shape(const char *shape, struct model *take, double goal_ms)
{
	auto_model struct model *m = take;
	struct times t = { .n = 0 };
	char what[128], note[256];
	int i;

	for (i = 0; i < 3; i++) {
		auto_tables struct tables *tables = compile(m, &t);

		(void)snprintf(what, sizeof(what), "compile (%zu rows, %zu ranges, %zu classes)",
			       tables->rows.n, tables->ranges.n, tables->classes.n);
		if (!i)
			(void)fits(tables, note);
	}
	print_as(shape, what, median(&t), "ms", goal_ms, note);
}

/* Of a compiled cluster: what it is to bring the mirror there, to look when nothing has changed, and when one
 * pod of this node is another app from now on. */
static void measure_plans(const char *shape, struct model *m, const struct tables *t, int runs)
{
	struct times none = { .n = 0 }, one = { .n = 0 }, first = { .n = 0 };
	struct actual *a = actual_new(&sizes);
	const uint64_t from = cpu_ns();
	int i;

	if (!a)
		errx(1, "no memory");
	if (!settle(t, a, &first))
		errx(1, "the first plan is empty");
	print(shape, "first plan, applied to the mirror", (double)(cpu_ns() - from) / 1e6);
	for (i = 0; i < runs; i++) {
		auto_tables struct tables *again = w_compile(m), *changed = NULL;
		struct plan *p = plan(again, a, &none);

		if (p->steps.n)
			errx(1, "%zu steps where nothing has changed", p->steps.n);
		plan_free(p);
		w_pod(m, "ns-0/pod-0", i % 2 ? "app=app-0" : "app=app-1", "10.64.0.1,fd00:64::0:1");
		changed = w_compile(m);
		one.n = i; /* its first pass */
		if (!settle(changed, a, &one))
			errx(1, "no steps where a pod has changed");
		one.n = i + 1;
	}
	print(shape, "plan, nothing changed", median(&none));
	print(shape, "plan, one pod of this node changed", median(&one));
	actual_free(a);
}

static void measure(int pods, int policies, int of_cluster, double goal_ms)
{
	const int runs = pods < 10000 ? RUNS_MAX - 4 : 10;
	auto_model struct model *m = cluster(pods, policies, of_cluster);
	auto_tables struct tables *t = w_compile(m);
	struct times compiles = { .n = 0 };
	char shape[64], what[128], note[256];
	bool fit;
	int i;

	name_shape(shape, pods, policies, of_cluster);
	for (i = 0; i < runs; i++)
		tables_free(compile(m, &compiles));
	(void)snprintf(what, sizeof(what), "compile (%zu rows, %zu ranges, %zu classes)", t->rows.n,
		       t->ranges.n, t->classes.n);
	fit = fits(t, note);
	print_as(shape, what, median(&compiles), "ms", goal_ms, note);
	if (fit)
		measure_plans(shape, m, t, runs);
}

/* ---- one event ------------------------------------------------------------------------------ */

#define EVENTS 11

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
	"one pod of this node added, of a policy set that another one here has",
	"one pod of this node removed, likewise",
};

/* A replica of one that is here, with what its status and its interface say. */
#define HERE	   "10.60.0.2,fd00:60::2"
#define HERE_INDEX 1000000

static void add_pod_here(struct model *m)
{
	const struct pod *like = model_endpoint_pod(m, m->endpoints.v[0]);
	char name[80], labels[128] = "";
	size_t i, at = 0;

	for (i = 0; i < like->labels->n; i++)
		at += (size_t)snprintf(labels + at, sizeof(labels) - at, "%s%s=%s", i ? "," : "",
				       like->labels->at[i].key, like->labels->at[i].value);
	(void)snprintf(name, sizeof(name), "%s/here", like->ns);
	w_pod(m, name, labels, HERE);
	w_endpoint(m, name, HERE_INDEX, HERE);
}

static void drop_pod_here(struct model *m)
{
	size_t i;

	for (i = 0; m->endpoints.v[i]->ifindex != HERE_INDEX;)
		i++;
	(void)model_del_pod(m, m->endpoints.v[i]->ns, "here");
	(void)model_del_endpoint(m, &m->endpoints.v[i]->key);
}

/* By turns, most of them to a pod of another node, as others are. */
static void happens(struct model *m, int event, int turn)
{
	static const char *const labels[] = {
		"app=app-1,tier=tier-0", "app=app-2,tier=tier-0", NULL, "app=new", "app=newer", NULL,
	};
	static const struct deployment first[] = { { .first = 0 }, { .first = BACKENDS } };

	if (event == 6)
		add_slice(m, &first[0], 0, turn % 2 ? BACKENDS : BACKENDS - 1);
	else if (event == 7)
		add_slice(m, &first[1], 1, turn % 2 ? BACKENDS : 0);
	else if (event == 8)
		(void)w_service(m, "ns-0/service-2", turn % 2 ? "10.96.0.3" : "10.96.9.3", "tcp/443");
	else if (event == 9)
		add_pod_here(m);
	else if (event == 10)
		drop_pod_here(m);
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

	if (compiler_run(c, &ret, &e) < 0 || delta_plan(ret, a, NULL, &p, &e) < 0)
		errx(1, "%s", e.msg);
	note(t, from);
	plan_free(p);
	return ret;
}

/* The first thousand Deployments are Services; and of the first namespace some rules, of which two name what
 * is not there yet. */
static struct model *cluster_of_events(int pods, int policies, int of_cluster)
{
	struct drawing w = drawing_of(pods);
	struct model *m = cluster_with(&w, pods, policies, of_cluster);
	struct net_policy *p = w_policy(m, "ns-0/new", "", "ie");
	size_t i;

	w_rule(p, DIR_INGRESS, "pods(app=app-1)", "tcp/80");
	w_rule(p, DIR_INGRESS, "pods(app=new)", "tcp/80");
	w_rule(p, DIR_INGRESS, "pods(app=newer)", "tcp/80");
	w_rule(p, DIR_EGRESS, "pods()", "tcp/8080");
	for (i = 0; i < w.deployments.n && i < SERVICES; i++)
		add_service(m, &w.deployments.v[i], (int)i);
	drawing_done(&w);
	return m;
}

static void measure_events(int pods, int policies, int of_cluster, double goal_ms, double goal_mb)
{
	const size_t before = heap_in_use();
	auto_model struct model *m = cluster_of_events(pods, policies, of_cluster);
	struct compiler *c = compiler_new(m);
	struct actual *a = actual_new(&sizes);
	struct times t[EVENTS] = { { .n = 0 } }, plans = { .n = 0 };
	char shape[64], note[256];
	struct tables *now;
	struct bh_err e;
	bool fit;
	int i;

	if (!a || !c)
		errx(1, "no memory");
	name_shape(shape, pods, policies, of_cluster);
	if (compiler_run(c, &now, &e) < 0)
		errx(1, "%s", e.msg);
	fit = fits(now, note);
	if (fit && !settle(now, a, &plans))
		errx(1, "the first plan is empty");
	print_as(shape, fit ? "all of it in the heap, with the mirror of the maps" : "all of it in the heap",
		 (double)(heap_in_use() - before) / 1e6, "MB", goal_mb, note);
	for (i = 0; fit && i < EVENTS * RUNS_MAX; i++) {
		tables_free(now);
		happens(m, i % EVENTS, i / EVENTS);
		now = one_event(c, a, &t[i % EVENTS]);
		plans.n = 0;
		if (!settle(now, a, &plans) && i % EVENTS != 6) /* its rows say the same */
			errx(1, "%s: no steps", events[i % EVENTS]);
	}
	for (i = 0; fit && i < EVENTS; i++)
		print_as(shape, events[i], median(&t[i]), "ms", goal_ms, "");
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
	static const int pods[] = { 1000, 3000, 10000, 30000 }, policies[] = { 100, 300, 3000 };
	size_t i;

	read_sizes();
	printf("[\n");
	measure_asking(10000, 1000);
	for (i = 0; i < ARRAY_SIZE(pods); i++)
		measure(pods[i], 1000, 0, pods[i] == 10000 ? 1000 : 0);
	for (i = 0; i < ARRAY_SIZE(policies); i++)
		measure(10000, policies[i], 0, 0);
	measure(10000, 200, 25, 0);
	measure(50000, 200, 0, 0);
	measure_events(10000, 1000, 0, 1, 16);
	measure_events(10000, 200, 25, 0, 16);
	measure_events(150000, 200, 0, 0, 64);
	measure_events(150000, 20, 0, 0, 64);
	measure_shape("12500 rules on one endpoint", many_rules(), 2000);
	measure_shape("300 ports to each of 1000 nested blocks", nested_blocks(), 0);
	measure_shape("1000 policy sets and 10000 classes", sets_by_classes(), 0);
	measure_shape("the world beside 5000 nodes", world_of_nodes(), 0);
	printf("\n]\n");
	return 0;
}
