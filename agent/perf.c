/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first item says what is measured and how, each further one is all counters as they stand; who asks
 * takes the differences. A timer of its own for each who asks.
 */
#include "perf.h"

#include <arpa/inet.h>
#include <errno.h>
#include <json-c/json.h>
#include <net/if.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "agent.h"
#include "find.h"
#include "jsonx.h"
#include "names.h"
#include "picks.h"
#include "requests.h"
#include "util/clock.h"
#include "util/scope.h"

#define MS	    1000000ull
#define INTERVAL_MS 1000
#define LEAST_MS    100
#define DURATION_MS 10000
#define MOST_MS	    86400000
#define PICKS	    256 /* first packets, for what those cost */

/* What packets cost, found out beside the loop. */
struct cost {
	struct dp *dp;
	struct bh_endpoint ep;
	struct bh_query *picks;
	size_t n;
	pthread_t thread;
	bool running;
	int done; /* eventfd; -1: none */
	int r;	  /* 0: found */
	struct dp_cost found;
	struct bh_err err;
};

struct perf {
	struct perf *next;
	struct agent *a;
	struct api_conn *conn; /* NULL: nobody asks any more; gone once its cost is known */
	struct cost cost;
	struct loop_timer timer;
	uint64_t began_ns, interval_ns, end_ns, due_ns;
	uint32_t ifindex, slot; /* of the one that is asked about; 0: all */
	int stats_fd;		/* or -errno */
};

/* ---- one sample --------------------------------------------------------------------------- */

struct counters {
	uint64_t hits, allowed, denied, opened, redecided, evicted, sessions;
};

static uint64_t both(const __u64 packets[2])
{
	return packets[BH_INGRESS] + packets[BH_EGRESS];
}

/* Allowed are the hits, those decided afresh, and all that other reasons let pass. */
static struct counters counters_of(const struct bh_ep_stat *stat)
{
	const uint64_t hot = stat->hot[BH_INGRESS].packets + stat->hot[BH_EGRESS].packets;
	struct counters c = { .hits = hot - stat->redone,
			      .allowed = hot,
			      .opened = stat->opened,
			      .redecided = stat->redone,
			      .evicted = stat->evicted_live };
	uint32_t i;

	for (i = 0; i < BH_REASON_MAX; i++)
		*(names_reason_allows(i) ? &c.allowed : &c.denied) += both(stat->packets[i]);
	return c;
}

static int count_sessions(struct agent *a, uint32_t slot, uint64_t *ret, struct bh_err *err)
{
	struct dp_slice_use use = { 0 };
	enum bh_family f;
	int r = 0;

	for (f = BH_V4; !r && f <= BH_V6; f++) {
		r = dp_slice_use(a->dp, slot, f, false, &use, err);
		*ret += r ? 0 : use.used;
	}
	return r;
}

static int count_one(struct perf *p, struct counters *ret, struct bh_err *err)
{
	struct bh_ep_stat stat;
	int r = dp_slot_stat(p->a->dp, p->slot, &stat, err);

	if (r < 0)
		return r;
	if (dp_slot_ifindex(p->a->dp, p->slot) != p->ifindex)
		return bh_err_set(err, -ENOENT, "the pod is gone, and its interface with it");
	*ret = counters_of(&stat);
	return count_sessions(p->a, p->slot, &ret->sessions, err);
}

static int count_all(struct perf *p, struct counters *ret, struct bh_err *err)
{
	struct bh_ep_stat stat;
	int r = dp_node_stat(p->a->dp, &stat, err);
	uint32_t slot;

	if (r < 0)
		return r;
	*ret = counters_of(&stat);
	for (slot = 0; !r && slot < BH_EP_SLOTS; slot++)
		if (dp_slot_ifindex(p->a->dp, slot))
			r = count_sessions(p->a, slot, &ret->sessions, err);
	return r;
}

static int send_sample(struct perf *p, uint64_t now, struct bh_err *err)
{
	struct json_object *o;
	struct counters c;
	struct dp_runs runs;
	int r = p->ifindex ? count_one(p, &c, err) : count_all(p, &c, err);

	if (!r && (r = dp_runs(p->a->dp, &runs)) < 0)
		(void)bh_err_set(err, r, "cannot read the programs' statistics");
	if (r < 0)
		return r;
	o = json_object_new_object();
	jx_add_ms(o, "at_ms", (double)(now - p->began_ns) / MS);
	jx_add_int(o, "hits", c.hits);
	jx_add_int(o, "allowed", c.allowed);
	jx_add_int(o, "denied", c.denied);
	jx_add_int(o, "opened", c.opened);
	jx_add_int(o, "redecided", c.redecided);
	jx_add_int(o, "evicted", c.evicted);
	jx_add_int(o, "sessions", c.sessions);
	jx_add_int(o, "runs", runs.runs);
	jx_add_int(o, "run_ns", runs.ns);
	return api_send(p->conn, jx_item(o)) < 0 ? -EPIPE : 0;
}

/* ---- the head ----------------------------------------------------------------------------- */

static const struct bh_endpoint *endpoint_of(const struct actual *x, uint32_t ifindex)
{
	size_t i;

	for (i = 0; i < BH_EP_SLOTS; i++)
		if (x->endpoints[i].ifindex && (!ifindex || x->endpoints[i].ifindex == ifindex))
			return &x->endpoints[i];
	return NULL;
}

/* Each with ports of its own, so that none is the second packet of another. */
static size_t pick_flows(const struct inforce *f, uint32_t ifindex, struct bh_query *ret, size_t max)
{
	const struct table_endpoint *ep = inforce_ifindex(f, ifindex);
	struct picks p = { .state = clock_ns() | 1 };
	size_t n = 0;

	while (ep && n < max && picks_flow(&p, f, ep, &ret[n])) {
		struct bh_query *q = &ret[n++];

		*(q->dir == BH_EGRESS ? &q->lport : &q->rport) = htons((uint16_t)(20000 + n));
	}
	return n;
}

static struct json_object *cost_of(const struct dp_cost *cost)
{
	static const char *const names[] = { [BH_DENY] = "denied_ns", [BH_ALLOW] = "allowed_ns" };
	struct json_object *o = json_object_new_object();
	size_t i;

	jx_add_int(o, "hot_ns", cost->hot_ns);
	for (i = 0; i < ARRAY_SIZE(names); i++)
		if (cost->cold[i].runs)
			jx_add_int(o, names[i], cost->cold[i].ns);
	return o;
}

/* The endpoint that is asked about, else one that policies judge, else the first there is; 0: none. */
static uint32_t typical(const struct perf *p, const struct tables *t)
{
	size_t i;

	if (p->ifindex)
		return p->ifindex;
	for (i = 0; i < t->endpoints.n; i++) {
		const int32_t set = t->endpoints.v[i].set;

		if (set >= 0 && (t->sets.v[set].judged[0] || t->sets.v[set].judged[1]))
			return t->endpoints.v[i].ifindex;
	}
	return t->endpoints.n ? t->endpoints.v[0].ifindex : 0;
}

static void on_cost(void *ctx);

/* Takes the kernel some tenths of a second, for it checks the programs anew. */
static void *cost_main(void *arg)
{
	struct cost *c = arg;
	const uint64_t one = 1;

	c->r = dp_cost(c->dp, &c->ep, c->picks, c->n, &c->found, &c->err);
	(void)!write(c->done, &one, sizeof(one));
	return NULL;
}

/* Where no pod is there or no thread can be had, that is why there is no cost. Return: whether it is under
 * way. */
static bool begin_cost(struct perf *p)
{
	const struct inforce *f = reconcile_inforce(p->a->reconcile);
	const struct bh_endpoint *ep = endpoint_of(reconcile_actual(p->a->reconcile), typical(p, f->tables));
	struct cost *c = &p->cost;

	*c = (struct cost){
		.dp = p->a->dp, .r = -ENOENT, .done = -1, .err = { "no pod has an interface here" }
	};
	if (!ep)
		return false;
	c->ep = *ep;
	c->picks = calloc(PICKS, sizeof(*c->picks));
	c->done = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	c->r = c->picks && c->done >= 0 ? 0 : -ENOMEM;
	if (!c->r)
		c->n = pick_flows(f, ep->ifindex, c->picks, PICKS);
	if (!c->r)
		c->r = loop_add(p->a->loop, c->done, on_cost, p, &c->err);
	if (!c->r)
		c->r = -pthread_create(&c->thread, NULL, cost_main, c);
	c->running = !c->r;
	if (c->r < 0)
		(void)bh_err_errno(&c->err, c->r, "cannot measure");
	return c->running;
}

/* Waits for the thread, if it still runs. */
static void end_cost(struct perf *p)
{
	struct cost *c = &p->cost;

	if (c->running)
		(void)pthread_join(c->thread, NULL);
	c->running = false;
	if (c->done >= 0) {
		loop_del(p->a->loop, c->done);
		(void)close(c->done);
	}
	c->done = -1;
	free(TAKE_PTR(c->picks));
}

static int send_head(struct perf *p)
{
	struct json_object *o = json_object_new_object();
	struct dp_runs runs = { .jited = true };

	(void)dp_runs(p->a->dp, &runs);
	jx_add_int(o, "interval_ms", p->interval_ns / MS);
	jx_add_int(o, "duration_ms", p->end_ns / MS);
	jx_add_int(o, "cpus", (uint64_t)sysconf(_SC_NPROCESSORS_ONLN));
	jx_add_bool(o, "run_stats", p->stats_fd >= 0 || dp_run_stats_are_on());
	jx_add_bool(o, "jited", runs.jited);
	jx_add(o, "cost", p->cost.r ? NULL : cost_of(&p->cost.found));
	if (p->cost.r)
		jx_add_str(o, "cost_why", p->cost.err.msg);
	return api_send(p->conn, jx_item(o));
}

/* ---- its life ----------------------------------------------------------------------------- */

static void end(struct perf *p)
{
	struct perf **at = &p->a->perfs;

	while (*at != p)
		at = &(*at)->next;
	*at = p->next;
	end_cost(p);
	loop_timer_unset(p->a->loop, &p->timer);
	if (p->stats_fd >= 0)
		(void)close(p->stats_fd);
	free(p);
}

static unsigned int code_of(int r)
{
	return r == -EINVAL ? CODE_DECODE : r == -ENOENT ? CODE_NOT_FOUND : CODE_RETRY;
}

static void on_timer(void *ctx)
{
	struct perf *p = ctx;
	struct api_conn *conn = p->conn;
	const uint64_t now = clock_ns();
	struct bh_err err = { "" };
	const int r = send_sample(p, now, &err);

	if (r == -EPIPE)
		return; /* perf_close() has been called, or is about to be */
	if (r < 0) {
		end(p);
		(void)api_send_error(conn, code_of(r), "%s", err.msg);
	} else if (p->due_ns >= p->began_ns + p->end_ns) {
		end(p);
		(void)api_send(conn, jx_done());
	} else {
		p->due_ns += p->interval_ns;
		loop_timer_set(p->a->loop, &p->timer,
			       p->due_ns <= now ? 0 : (unsigned int)((p->due_ns - now + MS / 2) / MS));
	}
}

static void start(struct perf *p)
{
	if (send_head(p) < 0)
		return; /* closed: perf_close() */
	p->began_ns = p->due_ns = clock_ns();
	loop_timer_set(p->a->loop, &p->timer, 0);
}

static void on_cost(void *ctx)
{
	struct perf *p = ctx;

	end_cost(p);
	if (p->conn)
		start(p);
	else
		end(p);
}

void perf_close(struct agent *a, struct api_conn *conn)
{
	struct perf *p = a->perfs, *next;

	for (; p; p = next) {
		next = p->next;
		if (p->conn != conn)
			continue;
		p->conn = NULL;
		if (!p->cost.running)
			end(p);
	}
}

void perf_free(struct agent *a)
{
	while (a->perfs)
		end(a->perfs);
}

/* ---- the request -------------------------------------------------------------------------- */

/* Return: 0 with what was asked for (0: all), or -errno with what is wrong. */
static int read_target(struct agent *a, struct json_object *request, uint32_t *ret, struct bh_err *err)
{
	const char *pod = jx_str(request, "pod"), *ifname = jx_str(request, "interface");
	const struct endpoint *e = NULL;

	*ret = 0;
	if (pod && ifname)
		return bh_err_set(err, -EINVAL, "pod and interface: one of them is enough");
	if (pod && find_local(a->model, pod, &e, err) < 0)
		return -ENOENT;
	if (ifname)
		*ret = if_nametoindex(ifname);
	if (e)
		*ret = e->ifindex;
	if ((pod || ifname) && dp_slot(a->dp, *ret) < 0)
		return bh_err_set(err, -ENOENT, "interface '%s' is no pod's on this node",
				  ifname ?: e->ifname);
	return 0;
}

static int read_ms(struct json_object *request, const char *name, uint64_t usual, uint64_t *ret,
		   struct bh_err *err)
{
	struct json_object *v = NULL;

	*ret = usual;
	if (!json_object_object_get_ex(request, name, &v))
		return 0;
	*ret = json_object_get_uint64(v);
	if (!json_object_is_type(v, json_type_int) || *ret < LEAST_MS || *ret > MOST_MS)
		return bh_err_set(err, -EINVAL, "%s: not from %d to %d", name, LEAST_MS, MOST_MS);
	return 0;
}

static int begin(struct agent *a, struct api_conn *conn, struct json_object *request, struct perf **ret,
		 struct bh_err *err)
{
	uint64_t interval_ms, duration_ms;
	uint32_t ifindex;
	int r = read_target(a, request, &ifindex, err);

	if (!r)
		r = read_ms(request, "interval_ms", INTERVAL_MS, &interval_ms, err);
	if (!r)
		r = read_ms(request, "duration_ms", DURATION_MS, &duration_ms, err);
	if (!r && interval_ms > duration_ms)
		r = bh_err_set(err, -EINVAL, "interval_ms: longer than duration_ms");
	if (r < 0)
		return r;
	*ret = calloc(1, sizeof(**ret));
	if (!*ret)
		return bh_err_set(err, -ENOMEM, "no memory");
	**ret = (struct perf){ .next = a->perfs,
			       .a = a,
			       .conn = conn,
			       .timer = { .fn = on_timer, .ctx = *ret },
			       .interval_ns = interval_ms * MS,
			       .end_ns = duration_ms / interval_ms * interval_ms * MS,
			       .ifindex = ifindex,
			       .slot = ifindex ? (uint32_t)dp_slot(a->dp, ifindex) : 0,
			       .cost = { .done = -1 },
			       .stats_fd = dp_run_stats_hold() };
	a->perfs = *ret;
	return 0;
}

void perf_answer(struct agent *a, struct api_conn *conn, struct json_object *request)
{
	struct perf *p;
	struct bh_err err;
	int r;

	if (!reconcile_inforce(a->reconcile)) {
		(void)api_send_error(conn, CODE_RETRY, "no policy is in force yet");
		return;
	}
	r = begin(a, conn, request, &p, &err);
	if (r < 0) {
		(void)api_send_error(conn, code_of(r), "%s", err.msg);
		return;
	}
	if (!begin_cost(p))
		start(p);
}
