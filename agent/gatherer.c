/* SPDX-License-Identifier: Apache-2.0 */
/* Five watches into gather and ledger, and a few writes out of it. */
#include "gatherer.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent.h"
#include "kube/http.h"
#include "kube/value.h"
#include "kube/watch.h"
#include "kube/wire.h"
#include "status/gather.h"
#include "status/ledger.h"
#include "status/report.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/scope.h"

#define TURN_MS	   200
#define ALL_MS	   30000 /* a pass, though nothing has changed: time has */
#define WRITES_MAX 4	 /* under way at a time */
#define CALL_MS	   10000

enum { REPORTS = POLICY_KINDS, WATCHES }; /* the others as enum policy_kind */

struct followed {
	struct gatherer *gatherer;
	size_t at;
	struct watch_spec spec;
	struct watch *watch;
};

struct slot {
	struct gatherer *gatherer;
	struct http_call *call; /* NULL: free */
	struct ledger_write write;
};

struct gatherer {
	struct agent *agent;
	struct gather *gather;
	struct ledger *ledger;
	struct followed followed[WATCHES];
	struct slot slots[WRITES_MAX];
	struct loop_timer timer;
	bool changed;
	int64_t passed_ms, pause_ms;
	unsigned int failed; /* in a row */
	bool refused;	     /* said so */
	uint64_t writes, failures;
};

/* ---- what is heard ------------------------------------------------------------------------ */

static const char *name_of(struct json_object *o, const char *field)
{
	const char *text = value_text(value_get(value_get(o, "metadata"), field));

	return text ? text : "";
}

static int put_report(struct gatherer *g, struct json_object *o, uint32_t round)
{
	struct report r;
	int ret = report_read(o, &r);

	if (!ret)
		ret = gather_put(g->gather, name_of(o, "name"), &r, round, clock_ms());
	g->changed |= ret != 0;
	return ret;
}

static int put_said(struct followed *f, struct json_object *o, bool is_there)
{
	f->gatherer->changed = true;
	return ledger_said(f->gatherer->ledger, (enum policy_kind)f->at, name_of(o, "namespace"),
			   name_of(o, "name"), is_there ? o : NULL, watch_round(f->watch), clock_ms());
}

static int on_put(void *ctx, struct watch *w, struct json_object *o, struct bh_err *err)
{
	struct followed *f = ctx;
	const int r = f->at == REPORTS ? put_report(f->gatherer, o, watch_round(w)) : put_said(f, o, true);

	return r < 0 ? bh_err_set(err, r, "no memory for the status of '%s'", name_of(o, "name")) : 0;
}

static int on_del(void *ctx, struct watch *w, struct json_object *o, struct bh_err *err)
{
	struct followed *f = ctx;

	(void)w;
	(void)err;
	if (f->at != REPORTS)
		return put_said(f, o, false);
	f->gatherer->changed = true;
	gather_del(f->gatherer->gather, name_of(o, "name"));
	return 0;
}

static void on_synced(void *ctx, struct watch *w)
{
	struct followed *f = ctx;

	f->gatherer->changed = true;
	if (f->at == REPORTS)
		gather_listed(f->gatherer->gather, watch_round(w));
	else
		ledger_listed(f->gatherer->ledger, (enum policy_kind)f->at, true, watch_round(w));
}

static void on_absent(void *ctx, struct watch *w)
{
	struct followed *f = ctx;

	if (f->at != REPORTS)
		ledger_listed(f->gatherer->ledger, (enum policy_kind)f->at, false, watch_round(w));
}

/* That the server is away others say, too. */
static void on_trouble(void *ctx, struct watch *w, const char *what)
{
	const struct followed *f = ctx;

	if (what && !watch_is_cut_off(w))
		log_warn("policy status: cannot follow %s: %s, retrying; no policy is told of meanwhile; "
			 "definitions and rights come with the chart (status.enabled)",
			 f->spec.name, what);
}

/* ---- what is written ---------------------------------------------------------------------- */

static void later(struct gatherer *g, unsigned int retry_s)
{
	g->failed += g->failed < 6;
	g->pause_ms = clock_ms() + (500 << g->failed) + (int64_t)retry_s * 1000;
}

static void tell_refusal(struct gatherer *g, const char *path, const struct http_end *end)
{
	struct json_object *o = kube_parse(end->body, strlen(end->body), NULL);

	if (!g->refused)
		log_warn("policy status: %.*s: HTTP %d: %.200s, retrying; further refusals are not told of; "
			 "definitions and rights come with the chart (status.enabled)",
			 (int)strcspn(path, "?"), path, end->status, kube_message(o));
	g->refused = true;
	json_object_put(o);
}

static enum ledger_end judge(struct gatherer *g, const struct slot *s, const struct http_end *end)
{
	if (end->status == 200 || end->status == 201) {
		g->failed = 0;
		g->writes++;
		return LEDGER_DONE;
	}
	g->failures++;
	if (end->status == 404 || end->status == 409)
		return LEDGER_GONE;
	if (!end->status || end->status == 429 || end->status >= 500)
		later(g, end->retry_s);
	else
		tell_refusal(g, s->write.path, end);
	return LEDGER_LATER;
}

static void on_written(void *ctx, const struct http_end *end)
{
	struct slot *s = ctx;
	struct gatherer *g = s->gatherer;

	s->call = NULL;
	ledger_end(g->ledger, &s->write, judge(g, s, end), clock_ms());
	free(TAKE_PTR(s->write.body));
	g->changed = true;
	loop_timer_set(g->agent->loop, &g->timer, 0);
}

static void put_status(struct gatherer *g, struct slot *s)
{
	const struct http_handler handler = { .end = on_written, .ctx = s };
	const struct http_request request = { .method = "PATCH",
					      .path = s->write.path,
					      .body = s->write.body,
					      .content = "application/apply-patch+yaml",
					      .timeout_ms = CALL_MS };
	struct bh_err err;

	if (http_send(source_http(g->agent->source), &request, &handler, &s->call, &err) == 0)
		return;
	s->call = NULL;
	ledger_end(g->ledger, &s->write, LEDGER_LATER, clock_ms());
	free(TAKE_PTR(s->write.body));
	later(g, 0);
}

/* A process that was stopped for a while, or hears nothing of its Lease, may be one of two by now. */
static void write_some(struct gatherer *g)
{
	const int64_t now_ms = clock_ms();
	size_t i;

	if (!leader_holds(g->agent))
		return;
	for (i = 0; i < WRITES_MAX && now_ms >= g->pause_ms; i++) {
		struct slot *s = &g->slots[i];

		if (s->call)
			continue;
		if (ledger_next(g->ledger, now_ms, &s->write) <= 0)
			return;
		put_status(g, s);
	}
}

/* ---- a turn ------------------------------------------------------------------------------- */

static void on_timer(void *ctx)
{
	struct gatherer *g = ctx;
	const int64_t now_ms = clock_ms();
	size_t i;
	int r = 0;

	for (i = 0; i < WATCHES; i++)
		watch_work(g->followed[i].watch);
	gather_age(g->gather, now_ms, !watch_is_cut_off(g->followed[REPORTS].watch));
	if (g->changed || now_ms >= g->passed_ms + ALL_MS) {
		g->changed = false;
		g->passed_ms = now_ms;
		r = ledger_pass(g->ledger, now_ms, time(NULL));
		g->changed |= r != 0;
	}
	write_some(g);
	agent_arm_source(g->agent);
	loop_timer_set(g->agent->loop, &g->timer, r > 0 ? 1 : TURN_MS);
}

static bool moves_pods(const struct pod *old, const struct pod *new)
{
	return !old || !new || old->labels != new->labels || old->node != new->node ||
	       old->ended != new->ended || old->host_network != new->host_network;
}

void gatherer_change(struct gatherer *g, enum object_kind kind, const void *old, const void *new)
{
	const struct pod *pod = new ? new : old;

	if (kind == OBJECT_NAMESPACE)
		ledger_pods_changed(g->ledger, NULL);
	else if (kind == OBJECT_POD && moves_pods(old, new))
		ledger_pods_changed(g->ledger, pod->ns);
}

void gatherer_changed(struct gatherer *g)
{
	g->changed = true;
}

void gatherer_stats(const struct gatherer *g, struct leader_stats *ret)
{
	struct ledger_stats stats;

	ledger_stats(g->ledger, &stats);
	*ret = (struct leader_stats){ .leads = true,
				      .nodes = gather_reports(g->gather),
				      .silent = gather_silent(g->gather),
				      .policies = stats.policies,
				      .unsaid = stats.unsaid,
				      .writes = g->writes,
				      .failures = g->failures };
}

/* ---- life --------------------------------------------------------------------------------- */

/* Of an object its status alone. */
static const struct watch_spec specs[WATCHES] = {
	[POLICY_NETWORK] = { .name = "networkpolicystatuses",
			     .path = "/apis/policy.bulkhead.dev/v1alpha1/networkpolicystatuses",
			     .api_version = REPORT_API,
			     .kind = "NetworkPolicyStatus" },
	[POLICY_CLUSTER] = { .name = "status of clusternetworkpolicies",
			     .path = "/apis/policy.networking.k8s.io/v1alpha2/clusternetworkpolicies",
			     .api_version = "policy.networking.k8s.io/v1alpha2",
			     .kind = "ClusterNetworkPolicy" },
	[POLICY_SEGMENTATION] = { .name = "status of segmentationpolicies",
				  .path = "/apis/policy.bulkhead.dev/v1alpha1/segmentationpolicies",
				  .api_version = REPORT_API,
				  .kind = "SegmentationPolicy" },
	[POLICY_CLUSTER_SEGMENTATION] = { .name = "status of clustersegmentationpolicies",
					  .path = "/apis/policy.bulkhead.dev/v1alpha1/"
						  "clustersegmentationpolicies",
					  .api_version = REPORT_API,
					  .kind = "ClusterSegmentationPolicy" },
	[REPORTS] = { .name = "nodepolicystatuses",
		      .path = REPORT_PATH,
		      .api_version = REPORT_API,
		      .kind = REPORT_KIND },
};

static int follow(struct gatherer *g, size_t i)
{
	static const struct scan_keep annotations[] = { { "k8s.io/initial-events-end", NULL },
							{ NULL, NULL } };
	static const struct scan_keep metadata[] = { { "name", NULL },
						     { "namespace", NULL },
						     { "resourceVersion", NULL },
						     { "ownerReferences", NULL },
						     { "annotations", annotations },
						     { NULL, NULL } };
	static const struct scan_keep keep[] = {
		{ "apiVersion", NULL }, { "kind", NULL }, { "metadata", metadata },
		{ "status", NULL },	{ "code", NULL }, { "message", NULL },
		{ NULL, NULL }
	};
	struct followed *f = &g->followed[i];
	const struct watch_hooks hooks = { .put = on_put,
					   .del = on_del,
					   .synced = on_synced,
					   .trouble = on_trouble,
					   .absent = on_absent,
					   .ctx = f };

	*f = (struct followed){ .gatherer = g, .at = i, .spec = specs[i] };
	f->spec.keep = keep;
	f->watch = watch_new(source_http(g->agent->source), &f->spec, &hooks);
	return f->watch ? 0 : -ENOMEM;
}

struct gatherer *gatherer_new(struct agent *a)
{
	struct gatherer *g = calloc(1, sizeof(*g));
	int r = 0;
	size_t i;

	if (!g)
		return NULL;
	g->agent = a;
	g->timer = (struct loop_timer){ .fn = on_timer, .ctx = g };
	g->gather = gather_new(a->model);
	g->ledger = g->gather ? ledger_new(a->model, g->gather) : NULL;
	r = g->ledger ? 0 : -ENOMEM;
	for (i = 0; i < WRITES_MAX; i++)
		g->slots[i].gatherer = g;
	for (i = 0; !r && i < WATCHES; i++)
		r = follow(g, i);
	if (r < 0) {
		gatherer_free(g);
		return NULL;
	}
	loop_timer_set(a->loop, &g->timer, 0);
	return g;
}

void gatherer_free(struct gatherer *g)
{
	size_t i;

	if (!g)
		return;
	loop_timer_unset(g->agent->loop, &g->timer);
	for (i = 0; i < WATCHES; i++)
		watch_free(g->followed[i].watch);
	for (i = 0; i < WRITES_MAX; i++) {
		http_cancel(g->slots[i].call);
		free(g->slots[i].write.body);
	}
	ledger_free(g->ledger);
	gather_free(g->gather);
	free(g);
}
