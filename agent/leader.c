/* SPDX-License-Identifier: Apache-2.0 */
/* The Lease: looked at, taken, renewed. What its holder does is in gatherer.c. */
#include "leader.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent.h"
#include "gatherer.h"
#include "jsonx.h"
#include "kube/http.h"
#include "kube/value.h"
#include "kube/wire.h"
#include "status/election.h"
#include "util/buf.h"
#include "util/clock.h"
#include "util/date.h"
#include "util/log.h"
#include "util/scope.h"

#define CALL_MS	   4000 /* two in a row fit into the holder's deadline */
#define RELEASE_MS 1000 /* of a leaving agent's time: the next one waits for it */
#define LEASE_MAX  65536
#define API	   "coordination.k8s.io/v1"

struct leader {
	struct agent *agent;
	struct election election;
	struct loop_timer timer;
	struct http_call *call;
	struct buf body;	   /* of the answer */
	struct json_object *lease; /* as it was read; NULL: there was none */
	int64_t began_ms;	   /* the write under way; 0: it is a look */
	bool candidate;
	bool refused;		   /* said so */
	bool leaving;		   /* the Lease is given back, and no more than that is done */
	struct gatherer *gatherer; /* NULL: somebody else's */
};

/* ---- the object --------------------------------------------------------------------------- */

static struct json_object *object_at(struct json_object *o, const char *name)
{
	struct json_object *below = value_get(o, name);

	if (!json_object_is_type(below, json_type_object)) {
		below = json_object_new_object();
		(void)json_object_object_add(o, name, below);
	}
	return below;
}

/* All that somebody else may have written stays. */
static char *lease_text(const struct leader *l)
{
	const char *me = agent_instance(&l->agent->opt), *holder;
	struct json_object *o = l->lease ? json_object_get(l->lease) : json_object_new_object(), *spec;
	int64_t transitions = 0;
	char now[DATE_TEXT], *text;

	jx_add_str(o, "apiVersion", API);
	jx_add_str(o, "kind", "Lease");
	jx_add_str(object_at(o, "metadata"), "name", LEADER_LEASE);
	spec = object_at(o, "spec");
	(void)date_now(6, now);
	holder = value_text(value_get(spec, "holderIdentity"));
	if (!holder || strcmp(holder, me)) {
		(void)value_integer(value_get(spec, "leaseTransitions"), &transitions);
		jx_add_int(spec, "leaseTransitions", (uint64_t)transitions + (holder != NULL));
		jx_add_str(spec, "acquireTime", now);
	}
	jx_add_str(spec, "holderIdentity", l->leaving ? "" : me);
	jx_add_str(spec, "renewTime", now);
	jx_add_int(spec, "leaseDurationSeconds", l->leaving ? 1 : ELECTION_DURATION_S);
	text = strdup(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN));
	json_object_put(o);
	return text;
}

static const char *version_of(struct json_object *lease)
{
	const char *text = value_text(value_get(value_get(lease, "metadata"), "resourceVersion"));

	return text ? text : "";
}

static const char *holder_of(struct json_object *lease)
{
	const char *text = value_text(value_get(value_get(lease, "spec"), "holderIdentity"));

	return text ? text : "";
}

static bool see(struct leader *l)
{
	struct json_object *spec = value_get(l->lease, "spec");
	struct election_lease lease = { .holder = holder_of(l->lease),
					.version = version_of(l->lease),
					.duration_s = ELECTION_DURATION_S };
	const int64_t pace = election_pace_ms(l->agent->model->nodes.n);
	int64_t renewed = 0;

	(void)value_integer(value_get(spec, "leaseDurationSeconds"), &lease.duration_s);
	lease.looks_old = !value_time(value_get(spec, "renewTime"), &renewed) ||
			  time(NULL) > renewed + lease.duration_s;
	return election_saw(&l->election, l->lease ? &lease : NULL, agent_instance(&l->agent->opt),
			    clock_ms(), pace / 2 + arc4random_uniform((uint32_t)pace));
}

/* Who leaves gives back what is still its own. */
static bool may_write(struct leader *l)
{
	return l->leaving ? !strcmp(holder_of(l->lease), agent_instance(&l->agent->opt)) : see(l);
}

/* ---- calls -------------------------------------------------------------------------------- */

static void arm(struct leader *l)
{
	const int64_t left = l->election.due_ms - clock_ms();

	loop_timer_set(l->agent->loop, &l->timer, left > 0 ? (unsigned int)left : 0);
}

static void leave(struct leader *l)
{
	if (l->gatherer)
		log_info("policy status: the Lease %s/%s is not ours any more", l->agent->opt.pod_ns,
			 LEADER_LEASE);
	gatherer_free(TAKE_PTR(l->gatherer));
}

static void work(struct leader *l)
{
	if (l->leaving) {
		loop_stop(l->agent->loop);
		return;
	}
	if (!election_holds(&l->election, clock_ms())) {
		leave(l);
	} else if (!l->gatherer) {
		log_info("policy status: gathered here, as the Lease %s/%s says", l->agent->opt.pod_ns,
			 LEADER_LEASE);
		l->gatherer = gatherer_new(l->agent);
	}
	arm(l);
}

static void ask_lease(struct leader *l, const char *method, const char *name, const char *body);
static void write_lease(struct leader *l);

static void failed(struct leader *l, const struct http_end *end)
{
	struct json_object *o = kube_parse(end->body, strlen(end->body), NULL);

	election_failed(&l->election, end->status == 409, clock_ms());
	if (end->status == 403) {
		if (!l->refused)
			log_warn("policy status: the Lease %s/%s: HTTP 403: %.200s; nobody is told from "
				 "here; the right comes with the chart (status.enabled)",
				 l->agent->opt.pod_ns, LEADER_LEASE, kube_message(o));
		l->refused = true;
		l->election.due_ms = clock_ms() + ELECTION_PACE_MAX_MS;
	}
	json_object_put(o);
}

static void on_read(struct leader *l, const struct http_end *end)
{
	json_object_put(l->lease);
	l->lease =
		end->status == 200 ? kube_parse(l->body.data ? l->body.data : "", l->body.len, NULL) : NULL;
	if (end->status != 404 && !l->lease) {
		failed(l, end);
	} else if (may_write(l)) {
		write_lease(l);
		return;
	}
	work(l);
}

static void look(struct leader *l)
{
	ask_lease(l, NULL, "/" LEADER_LEASE, NULL);
}

/* A renewal that was under way may have come between. */
static void on_released(struct leader *l, const struct http_end *end)
{
	l->began_ms = 0;
	if (end->status == 409)
		look(l);
	else
		work(l);
}

static void on_written(struct leader *l, const struct http_end *end)
{
	const char *text = end->status == 200 ? l->body.data : end->status == 201 ? end->body : NULL;
	struct json_object *o = text ? kube_parse(text, strlen(text), NULL) : NULL;

	if (end->status == 200 || end->status == 201) {
		election_won(&l->election, version_of(o), l->began_ms);
		l->refused = false;
	} else {
		failed(l, end);
	}
	json_object_put(o);
	l->began_ms = 0;
	work(l);
}

static int on_data(void *ctx, const char *data, size_t len, struct bh_err *err)
{
	struct leader *l = ctx;

	return buf_add(&l->body, data, len) < 0 ? bh_err_set(err, -E2BIG, "no Lease is so large") : 0;
}

static void on_end(void *ctx, const struct http_end *end)
{
	struct leader *l = ctx;

	l->call = NULL;
	if (!l->began_ms)
		on_read(l, end);
	else if (l->leaving)
		on_released(l, end);
	else
		on_written(l, end);
}

static void ask_lease(struct leader *l, const char *method, const char *name, const char *body)
{
	const struct http_handler handler = { .data = on_data, .end = on_end, .ctx = l };
	struct http_request request = { .method = method,
					.body = body,
					.content = body ? "application/json" : NULL,
					.timeout_ms = CALL_MS };
	auto_free char *path = NULL;
	struct bh_err err;

	buf_clear(&l->body);
	if (asprintf(&path, "/apis/" API "/namespaces/%s/leases%s", l->agent->opt.pod_ns, name) < 0)
		path = NULL;
	request.path = path;
	if (path && http_send(source_http(l->agent->source), &request, &handler, &l->call, &err) == 0) {
		agent_arm_source(l->agent);
		return;
	}
	l->began_ms = 0;
	election_failed(&l->election, false, clock_ms());
	work(l);
}

static void write_lease(struct leader *l)
{
	auto_free char *text = lease_text(l);

	l->began_ms = clock_ms();
	if (l->lease)
		ask_lease(l, "PUT", "/" LEADER_LEASE, text);
	else
		ask_lease(l, "POST", "", text);
}

static void on_timer(void *ctx)
{
	struct leader *l = ctx;

	if (l->leaving) {
		log_warn(
			"policy status: the Lease %s/%s could not be given back in %d ms; another agent takes "
			"it when it ends",
			l->agent->opt.pod_ns, LEADER_LEASE, RELEASE_MS);
		loop_stop(l->agent->loop);
	} else if (!l->call) {
		look(l);
	}
}

/* ---- from outside ------------------------------------------------------------------------- */

void leader_look(struct agent *a)
{
	struct leader *l = a->leader;
	const int64_t pace = election_pace_ms(a->model->nodes.n);

	if (l->candidate || !*a->opt.pod_ns)
		return;
	l->candidate = true;
	l->election.due_ms = clock_ms() + arc4random_uniform((uint32_t)pace / 2);
	arm(l);
}

void leader_change(struct agent *a, enum object_kind kind, const void *old, const void *new)
{
	if (a->leader->gatherer)
		gatherer_change(a->leader->gatherer, kind, old, new);
}

void leader_changed(struct agent *a)
{
	if (a->leader->gatherer)
		gatherer_changed(a->leader->gatherer);
}

bool leader_release(struct agent *a)
{
	struct leader *l = a->leader;

	if (l->leaving || !(l->began_ms || election_holds(&l->election, clock_ms())))
		return false;
	l->leaving = true;
	leave(l);
	http_cancel(TAKE_PTR(l->call));
	l->began_ms = 0;
	loop_timer_set(a->loop, &l->timer, RELEASE_MS);
	look(l);
	return true;
}

bool leader_holds(const struct agent *a)
{
	return election_holds(&a->leader->election, clock_ms());
}

void leader_stats(const struct agent *a, struct leader_stats *ret)
{
	*ret = (struct leader_stats){};
	if (a->leader->gatherer)
		gatherer_stats(a->leader->gatherer, ret);
}

int leader_new(struct agent *a)
{
	a->leader = calloc(1, sizeof(*a->leader));
	if (!a->leader)
		return -ENOMEM;
	a->leader->agent = a;
	a->leader->body = BUF_INIT(LEASE_MAX);
	a->leader->timer = (struct loop_timer){ .fn = on_timer, .ctx = a->leader };
	return 0;
}

void leader_free(struct agent *a)
{
	struct leader *l = a->leader;

	if (!l)
		return;
	gatherer_free(l->gatherer);
	loop_timer_unset(a->loop, &l->timer);
	http_cancel(l->call);
	json_object_put(l->lease);
	buf_done(&l->body);
	free(TAKE_PTR(a->leader));
}
