/* SPDX-License-Identifier: Apache-2.0 */
/* Which policies are in force here, and the one object that says so. */
#include "standing.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent.h"
#include "endpoints.h"
#include "jsonx.h"
#include "kube/http.h"
#include "kube/wire.h"
#include "leader.h"
#include "status/applied.h"
#include "status/gather.h"
#include "status/report.h"
#include "unprotected.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/scope.h"

#define CALL_MS	       10000
#define BACKOFF_MIN_MS 1000
#define BACKOFF_MAX_MS 60000
#define REFUSED_MS     300000 /* no such kind, or no right to: another look in so long */
#define NODES_UNKNOWN  (STANDING_WRITES_S * STANDING_MAX_MS / 1000)

/* What is told, as far as it can differ: all else of a report follows from it. */
struct told {
	struct hash128 sets[POLICY_KINDS];
	char trouble[REPORT_TEXT_MAX];
	struct hash128 bare;  /* of the pods that are not protected */
	struct hash128 owner; /* of the Node's UID; zero: it was not known */
};

struct standing {
	struct applied applied;
	struct told now, sent, written;
	bool known;   /* `now` */
	bool soon;    /* the timer is for something new */
	bool heard;   /* `written` */
	bool refused; /* said so */
	struct http_call *call;
	struct loop_timer timer;
	int64_t written_ms, not_before_ms;
	unsigned int failed; /* in a row */
};

/* ---- what is in force --------------------------------------------------------------------- */

static void follow(struct agent *a)
{
	struct standing *s = a->standing;

	applied_follow(&s->applied, a->model, reconcile_inforce(a->reconcile)->seq,
		       reconcile_wanted(a->reconcile) == reconcile_done(a->reconcile));
	memcpy(s->now.sets, s->applied.sets, sizeof(s->now.sets));
}

static void note_trouble(const struct agent *a, struct told *t)
{
	struct reconcile_status status;

	reconcile_status(a->reconcile, &status);
	(void)snprintf(t->trouble, sizeof(t->trouble), "%s",
		       dp_node_is_open(a->dp) ? "the node is OPEN: no policy is enforced on it"
					      : status.failing);
}

/* Without memory for their names they are counted, and so are told. */
static void note_bare(const struct agent *a, struct told *t)
{
	const char *texts[3 * REPORT_BARE_MAX + 1];
	struct report r = {};
	char count[24];
	size_t i, n = 0;

	(void)unprotected_report(a, &r);
	for (i = 0; i < r.bare.n && r.bare.v[i].ns && r.bare.v[i].name; i++) {
		texts[n++] = r.bare.v[i].ns;
		texts[n++] = r.bare.v[i].name;
		texts[n++] = r.bare.v[i].reason;
	}
	(void)snprintf(count, sizeof(count), "%llu", (unsigned long long)r.bare_n);
	texts[n++] = count;
	t->bare = hash128_of_texts(texts, n);
	report_done(&r);
}

static bool has_bare_pods(const struct agent *a, const struct report *bare, const struct net_policy *p)
{
	size_t i;

	for (i = 0; i < bare->bare.n; i++)
		if (gather_is_subject(a->model, a->opt.node_name, p, &bare->bare.v[i]))
			return true;
	return bare->bare_n > bare->bare.n;
}

/* While a change fails it is in force as its pods were, not as they are. */
bool standing_enforces(const struct agent *a, const struct report *bare, const struct net_policy *p)
{
	struct told now;

	if (!a->standing->known || !applied_holds(&a->standing->applied, p))
		return false;
	note_trouble(a, &now);
	return !*now.trouble && bare && !has_bare_pods(a, bare, p);
}

static bool differs(const struct told *a, const struct told *b)
{
	return memcmp(a->sets, b->sets, sizeof(a->sets)) || strcmp(a->trouble, b->trouble) ||
	       hash128_cmp(&a->bare, &b->bare) || hash128_cmp(&a->owner, &b->owner);
}

void standing_add(const struct agent *a, struct json_object *o)
{
	const struct standing *s = a->standing;
	struct leader_stats stats;
	struct json_object *p;

	if (!a->opt.policy_status)
		return;
	p = json_object_new_object();
	leader_stats(a, &stats);
	jx_add_bool(p, "told", s->heard && !differs(&s->now, &s->written));
	jx_add_bool(p, "refused", s->refused);
	jx_add_bool(p, "leads", stats.leads);
	if (stats.leads) {
		jx_add_int(p, "nodes", stats.nodes);
		jx_add_int(p, "silent", stats.silent);
		jx_add_int(p, "policies", stats.policies);
		jx_add_int(p, "unsaid", stats.unsaid);
		jx_add_int(p, "writes", stats.writes);
		jx_add_int(p, "failures", stats.failures);
	}
	jx_add(o, "policy_status", p);
}

/* ---- when --------------------------------------------------------------------------------- */

static uint64_t nodes(const struct agent *a)
{
	return a->model->nodes.n ? a->model->nodes.n : NODES_UNKNOWN;
}

/* Nodes that all have the same to tell, at the same moment, spread over so long. */
static int64_t spread_ms(const struct agent *a)
{
	const int64_t ms = (int64_t)(nodes(a) * 1000 / STANDING_WRITES_S);

	return ms < STANDING_MAX_MS ? ms : STANDING_MAX_MS;
}

static int64_t pause_ms(const struct agent *a)
{
	return spread_ms(a) > STANDING_MIN_MS ? spread_ms(a) : STANDING_MIN_MS;
}

static int64_t again_ms(const struct agent *a)
{
	const int64_t ms = (int64_t)(nodes(a) * STANDING_AGAIN_NODE_MS);

	if (ms < STANDING_AGAIN_MIN_MS)
		return STANDING_AGAIN_MIN_MS;
	return ms < STANDING_AGAIN_MAX_MS ? ms : STANDING_AGAIN_MAX_MS;
}

/* Also what has not changed is written again: see STANDING_AGAIN_NODE_MS; and somebody may have deleted it.
 */
static void arm(struct agent *a)
{
	struct standing *s = a->standing;
	const bool soon = !s->heard || differs(&s->now, &s->written);
	const int64_t wait_ms = soon ? pause_ms(a) : again_ms(a);
	int64_t due = clock_ms();

	if (s->call || (s->timer.due_ns && (s->soon || !soon)))
		return;
	if (s->written_ms && due < s->written_ms + wait_ms)
		due = s->written_ms + wait_ms;
	due = due > s->not_before_ms ? due : s->not_before_ms;
	due += arc4random_uniform((uint32_t)(soon ? spread_ms(a) : again_ms(a) / 4) + 1);
	s->soon = soon;
	loop_timer_set(a->loop, &s->timer, (unsigned int)(due - clock_ms()));
}

void standing_look(struct agent *a)
{
	const struct cluster_node *node;
	struct standing *s = a->standing;

	if (!a->reconcile || !reconcile_inforce(a->reconcile))
		return;
	follow(a);
	s->known = true;
	if (!a->opt.policy_status || !source_http(a->source))
		return;
	if (!endpoints_seen(a))
		return; /* which pods run without our programs is not known yet */
	note_trouble(a, &s->now);
	note_bare(a, &s->now);
	node = model_node(a->model, a->opt.node_name);
	s->now.owner = node && node->uid ? hash128_of(node->uid, strlen(node->uid)) : (struct hash128){};
	arm(a);
}

/* ---- the write ---------------------------------------------------------------------------- */

static void later(struct standing *s, unsigned int retry_s)
{
	const unsigned int doublings = s->failed < 6 ? s->failed : 6;
	int64_t ms = BACKOFF_MIN_MS << doublings;

	ms = ms < BACKOFF_MAX_MS ? ms : BACKOFF_MAX_MS;
	s->failed++;
	s->not_before_ms = clock_ms() + ms / 2 + arc4random_uniform((uint32_t)ms) + (int64_t)retry_s * 1000;
}

/* 404: the kind is not installed; 403: the rights are not. Both are somebody's choice, perhaps. */
static void refused(struct standing *s, const struct http_end *end)
{
	struct json_object *o = kube_parse(end->body, strlen(end->body), NULL);

	if (!s->refused)
		log_warn("policy status: this node's is not taken: HTTP %d: %.200s, retrying; policies are "
			 "enforced all the same, nobody is told so; definition and right come with the chart "
			 "(status.enabled)",
			 end->status, kube_message(o));
	s->refused = true;
	s->not_before_ms = clock_ms() + REFUSED_MS;
	json_object_put(o);
}

static void on_end(void *ctx, const struct http_end *end)
{
	struct agent *a = ctx;
	struct standing *s = a->standing;

	s->call = NULL;
	if (end->status == 200 || end->status == 201) {
		s->written = s->sent;
		s->written_ms = clock_ms();
		s->heard = true;
		s->refused = false;
		s->failed = 0;
		leader_look(a);
	} else if (end->status >= 400 && end->status < 500 && end->status != 401 && end->status != 408 &&
		   end->status != 409 && end->status != 429) {
		refused(s, end);
	} else {
		later(s, end->retry_s);
	}
	arm(a);
}

static char *make_text(struct agent *a)
{
	const struct cluster_node *node = model_node(a->model, a->opt.node_name);
	struct report r = { .version = BH_VERSION,
			    .valid_s = (uint32_t)(again_ms(a) * 5 / 2 / 1000),
			    .policies = a->model->policies.n };
	char *text = NULL;

	(void)date_now(0, r.at);
	memcpy(r.sets, a->standing->now.sets, sizeof(r.sets));
	memcpy(r.trouble, a->standing->now.trouble, sizeof(r.trouble));
	if (unprotected_report(a, &r) == 0 && report_refusals(&r, a->model) == 0)
		text = report_text(&r, a->opt.node_name, node ? node->uid : NULL);
	report_done(&r);
	return text;
}

static void on_timer(void *ctx)
{
	struct agent *a = ctx;
	struct standing *s = a->standing;
	const struct http_handler handler = { .end = on_end, .ctx = a };
	struct http_request request = { .method = "PATCH",
					.content = "application/apply-patch+yaml",
					.timeout_ms = CALL_MS };
	auto_free char *text = make_text(a), *path = NULL;
	struct bh_err err;

	if (asprintf(&path, REPORT_PATH "/%s?fieldManager=bulkhead&force=true", a->opt.node_name) < 0)
		path = NULL;
	request.path = path;
	request.body = text;
	s->sent = s->now;
	if (!text || !path || http_send(source_http(a->source), &request, &handler, &s->call, &err) < 0) {
		later(s, 0);
		arm(a);
		return;
	}
	agent_arm_source(a);
}

/* ---- life --------------------------------------------------------------------------------- */

int standing_new(struct agent *a)
{
	a->standing = calloc(1, sizeof(*a->standing));
	if (!a->standing)
		return -ENOMEM;
	a->standing->timer = (struct loop_timer){ .fn = on_timer, .ctx = a };
	return 0;
}

void standing_free(struct agent *a)
{
	if (!a->standing)
		return;
	loop_timer_unset(a->loop, &a->standing->timer);
	http_cancel(a->standing->call);
	free(TAKE_PTR(a->standing));
}
