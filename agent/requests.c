/* SPDX-License-Identifier: Apache-2.0 */
/* Dispatch of the socket's operations, and ADD, DEL, CHECK of the plugin. */
#include "requests.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "agent.h"
#include "answers.h"
#include "apart.h"
#include "denials.h"
#include "endpoints.h"
#include "jsonx.h"
#include "perf.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/scope.h"

/* An add that is not answered yet. */
struct waiter {
	struct api_conn *conn;
	struct hash128 key;
	bool confirmed;	 /* the source has its pod and policies */
	bool new;	 /* confirmed in this turn: `change` is still to be set */
	uint64_t change; /* reconcile_wanted() once all that was in the model */
	uint64_t began_ns;
};

struct requests {
	VEC(struct waiter) waiters;
	struct apart *apart;
	struct histogram adds[ADD_MAX];
};

int requests_new(struct agent *a)
{
	a->requests = calloc(1, sizeof(*a->requests));
	if (!a->requests)
		return -ENOMEM;
	a->requests->apart = apart_new(a->loop, a);
	return a->requests->apart ? 0 : -ENOMEM;
}

void requests_free(struct agent *a)
{
	if (!a->requests)
		return;
	vec_done(&a->requests->waiters);
	apart_free(a->requests->apart);
	free(TAKE_PTR(a->requests));
}

/* ---- add ---------------------------------------------------------------------------------- */

/* Another version's plugin hangs what another layout's maps decide: nobody would fill those for it. */
static int check_programs(struct agent *a, const struct hash128 *key, struct bh_err *err)
{
	const struct endpoint_record *r = endpoints_record(a, key);
	const struct endpoint *e = model_endpoint(a->model, key);
	const struct hook h = { .pin_dir = a->opt.pin_dir, .key = *key, .ifindex = e ? e->ifindex : 0 };

	if (!r || !e || !r->attach[0])
		return 0; /* it says that there are none */
	return hook_check(&h, err) > HOOK_MISSING ? 0 : -EUCLEAN;
}

static void ended(struct agent *a, const struct waiter *w, enum add_outcome outcome)
{
	histogram_observe(&a->requests->adds[outcome], clock_ns() - w->began_ns);
}

static void fail_add(struct agent *a, const struct waiter *w, unsigned int code, const char *what,
		     const char *why)
{
	ended(a, w, code == CODE_RETRY ? ADD_RETRY : ADD_REFUSED);
	(void)api_send_error(w->conn, code, "%s%s", what, why);
}

/* Return: whether it is answered. */
static bool answer_add(struct agent *a, struct waiter *w)
{
	const struct table_endpoint *ep;
	struct bh_err why = { "" };

	if (!w->confirmed || w->change > reconcile_done(a->reconcile))
		return false;
	ep = inforce_endpoint(reconcile_inforce(a->reconcile), &w->key);
	if (!ep) {
		fail_add(a, w, CODE_REFUSED, "", "the endpoint was removed before it was in force");
		return true;
	}
	if (ep->set < 0)
		return false; /* its pod is not known yet: endpoints_tell_unknown() says so */
	if (check_programs(a, &w->key, &why) < 0) {
		fail_add(a, w, CODE_RETRY, "the plugin has not attached this version's programs: ", why.msg);
		return true;
	}
	ended(a, w, ADD_OK);
	(void)api_send(w->conn, jx_done());
	return true;
}

void requests_enforced(struct agent *a)
{
	struct requests *q = a->requests;
	size_t i = 0;

	while (i < q->waiters.n) {
		if (answer_add(a, &q->waiters.v[i]))
			q->waiters.v[i] = q->waiters.v[--q->waiters.n];
		else
			i++;
	}
}

void requests_failed(struct agent *a, const struct bh_err *why)
{
	struct requests *q = a->requests;

	while (q->waiters.n)
		fail_add(a, &q->waiters.v[--q->waiters.n], CODE_RETRY, "policy not in force: ", why->msg);
}

static void refuse_all(struct agent *a, const struct hash128 *key, const char *why)
{
	struct requests *q = a->requests;
	size_t i = 0;

	while (i < q->waiters.n) {
		if (hash128_cmp(&q->waiters.v[i].key, key)) {
			i++;
			continue;
		}
		fail_add(a, &q->waiters.v[i], CODE_RETRY, "", why);
		q->waiters.v[i] = q->waiters.v[--q->waiters.n];
	}
}

static void on_confirmed(void *ctx, const struct hash128 *key, const char *why)
{
	struct agent *a = ctx;
	size_t i;

	if (why) {
		refuse_all(a, key, why);
		return;
	}
	for (i = 0; i < a->requests->waiters.n; i++)
		if (!hash128_cmp(&a->requests->waiters.v[i].key, key))
			a->requests->waiters.v[i].confirmed = a->requests->waiters.v[i].new = true;
}

void requests_confirmed(struct agent *a)
{
	struct requests *q = a->requests;
	size_t i;
	bool any = false;

	for (i = 0; i < q->waiters.n; i++) {
		if (!q->waiters.v[i].new)
			continue;
		q->waiters.v[i].new = false;
		q->waiters.v[i].change = reconcile_wanted(a->reconcile);
		any = true;
	}
	if (any)
		requests_enforced(a);
}

/* The plugin's answer waits for the source first, and then for the maps. */
static void wait_for(struct agent *a, struct api_conn *conn, const struct hash128 *key)
{
	const struct endpoint *e = model_endpoint(a->model, key);
	struct waiter *w = vec_add(&a->requests->waiters);
	struct bh_err err = { "no memory" };
	int r = -ENOMEM;

	if (w)
		r = source_confirm(a->source, key, e->ns, e->pod, e->uid ? e->uid : "", on_confirmed, a,
				   &err);
	if (r < 0) {
		if (w)
			a->requests->waiters.n--;
		(void)api_send_error(conn, CODE_RETRY, "%s", err.msg);
		return;
	}
	agent_arm_source(a);
	*w = (struct waiter){ .conn = conn, .key = *key, .began_ns = clock_ns() };
	if (r > 0) { /* for an earlier one that waits for the same as well */
		on_confirmed(a, key, NULL);
		requests_confirmed(a);
	}
}

static void op_add(struct agent *a, struct api_conn *conn, struct json_object *request)
{
	struct api_endpoint e = {};
	struct bh_err err = { "no memory" };
	struct hash128 key;
	int r;

	r = api_endpoint_decode(json_object_object_get(request, "endpoint"), &e, &err);
	if (r < 0) {
		(void)api_send_error(conn, r == -EINVAL ? CODE_DECODE : CODE_RETRY, "%s", err.msg);
		return;
	}
	key = e.e->key;
	r = endpoints_put(a, &e, &err);
	if (r < 0)
		(void)api_send_error(conn, r == -EINVAL ? CODE_REFUSED : CODE_RETRY, "%s", err.msg);
	else
		wait_for(a, conn, &key);
}

/* The plugin gave up. What it left is the truth: with a state file the pod lives on (failMode isolate
 * or open), without one it is undone. */
static void gave_up(struct agent *a, const struct hash128 *key)
{
	const struct endpoint *known = model_endpoint(a->model, key);
	auto_free char *ns = known ? strdup(known->ns) : NULL, *pod = known ? strdup(known->pod) : NULL;
	struct api_endpoint e = {};
	struct bh_err err = {};
	int r = api_endpoint_load(a->opt.run_dir, key, &e, &err);

	if (r == -ENOENT)
		(void)endpoints_del(a, key);
	else if (!r)
		r = endpoints_put(a, &e, &err);
	if (r < 0 && r != -ENOENT)
		log_of(LOG_WARN, LOG_POD(ns, pod),
		       "pod '%s/%s': its ADD was broken off, and what the plugin left cannot be taken in: "
		       "%s, ignoring; what is known of it stays",
		       ns ? ns : "", pod ? pod : "", err.msg);
}

static bool still_waited_for(const struct agent *a, const struct hash128 *key)
{
	size_t i;

	for (i = 0; i < a->requests->waiters.n; i++)
		if (!hash128_cmp(&a->requests->waiters.v[i].key, key))
			return true;
	return false;
}

void requests_on_close(void *ctx, struct api_conn *conn)
{
	struct agent *a = ctx;
	struct requests *q = a->requests;
	size_t i = 0;

	if (!q)
		return; /* the agent is leaving */
	apart_close(q->apart, conn);
	denials_unfollow(a, conn);
	perf_close(a, conn);
	while (i < q->waiters.n) {
		const struct waiter w = q->waiters.v[i];

		if (w.conn != conn) {
			i++;
			continue;
		}
		ended(a, &w, ADD_GIVEN_UP);
		q->waiters.v[i] = q->waiters.v[--q->waiters.n];
		if (still_waited_for(a, &w.key))
			continue;
		source_confirm_cancel(a->source, &w.key);
		gave_up(a, &w.key);
	}
}

/* ---- del and check ------------------------------------------------------------------------ */

static int read_key(struct json_object *request, struct hash128 *ret, struct bh_err *err)
{
	static const char *const fields[] = { "network", "container", "ifname" };
	const char *v[ARRAY_SIZE(fields)];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(fields); i++) {
		v[i] = jx_str(request, fields[i]);
		if (!v[i] || !*v[i])
			return bh_err_set(err, -EINVAL, "%s: missing", fields[i]);
	}
	*ret = api_endpoint_key(v[0], v[1], v[2]);
	return 0;
}

/* The plugin takes the record away before it tells us. One that is there is of an ADD since: the DEL was
 * told to an agent that slept. */
static bool added_again(const struct agent *a, const struct hash128 *key)
{
	struct api_endpoint e = {};
	struct bh_err err;
	const int r = api_endpoint_load(a->opt.run_dir, key, &e, &err);

	endpoint_free(e.e);
	return !r;
}

/* Answered at once: the entries go with the next plan, and whoever gets the address next on this node
 * has an ADD of its own, which is answered only after that plan. */
static void op_del(struct agent *a, struct api_conn *conn, struct json_object *request)
{
	struct hash128 key;
	struct bh_err err;

	if (read_key(request, &key, &err) < 0) {
		(void)api_send_error(conn, CODE_DECODE, "del: %s", err.msg);
		return;
	}
	if (!added_again(a, &key))
		(void)endpoints_del(a, &key);
	(void)api_send(conn, jx_done());
}

static void op_check(struct agent *a, struct api_conn *conn, struct json_object *request)
{
	const struct endpoint_record *r;
	const struct table_endpoint *ep;
	struct hash128 key;
	struct bh_err err;

	if (read_key(request, &key, &err) < 0) {
		(void)api_send_error(conn, CODE_DECODE, "check: %s", err.msg);
		return;
	}
	r = endpoints_record(a, &key);
	ep = inforce_endpoint(reconcile_inforce(a->reconcile), &key);
	if (!r)
		(void)api_send_error(conn, CODE_NOT_FOUND, "the agent does not know this interface");
	else if (!ep)
		(void)api_send_error(conn, CODE_RETRY, "its policy is not in force yet");
	else if (ep->set < 0)
		(void)api_send_error(conn, CODE_RETRY, "its Pod or Namespace is not known: isolated");
	else if (r->unprotected || r->broken)
		(void)api_send_error(conn, CODE_REFUSED, "its programs are not attached");
	else
		(void)api_send(conn, jx_done());
}

const struct histogram *requests_adds(const struct agent *a, enum add_outcome outcome)
{
	return &a->requests->adds[outcome];
}

/* ---- dispatch ----------------------------------------------------------------------------- */

/*
 * @reads: it changes nothing, neither here nor in the kernel, and compiles nothing, so that who may only read
 * may ask it.
 * @apart: it may be long, and changes nothing here.
 */
static const struct {
	const char *op;
	void (*fn)(struct agent *a, struct api_conn *conn, struct json_object *request);
	bool reads;
	bool apart;
} ops[] = {
	{ "add", op_add, false, false },
	{ "del", op_del, false, false },
	{ "check", op_check, true, false },
	{ "status", answer_status, true, false },
	{ "endpoints", answer_endpoints, true, true },
	{ "entries", answer_entries, true, true },
	{ "policies", answer_policies, true, true },
	{ "rules", answer_rules, true, true },
	{ "sessions", answer_sessions, true, true },
	{ "flows", answer_flows, true, false },
	{ "names", answer_names, true, false },
	{ "config", answer_config, true, false },
	{ "explain", answer_explain, true, false },
	{ "simulate", answer_simulate, false, true }, /* it compiles what it is sent */
	{ "unused", answer_unused, true, true },
	{ "doctor", answer_doctor, true, false },
	{ "perf", perf_answer, false, false }, /* switches on what the kernel counts of every program */
};

static void dispatch(struct agent *a, struct api_conn *conn, struct json_object *request, bool only_reads)
{
	const char *op = jx_str(request, "op");
	size_t i;

	for (i = 0; op && i < ARRAY_SIZE(ops); i++) {
		if (strcmp(op, ops[i].op))
			continue;
		if (only_reads && !ops[i].reads)
			(void)api_send_error(conn, CODE_REFUSED,
					     "op '%s' is not answered at %s/" API_READ
					     ", which is for who only reads; ask at %s/" API_SOCKET,
					     op, a->opt.run_dir, a->opt.run_dir);
		else if (ops[i].apart)
			apart_answer(a->requests->apart, conn, request, ops[i].fn);
		else
			ops[i].fn(a, conn, request);
		return;
	}
	(void)api_send_error(conn, CODE_DECODE, "unknown op '%.32s'", op ? op : "");
}

void requests_on_request(void *ctx, struct api_conn *conn, struct json_object *request)
{
	dispatch(ctx, conn, request, false);
}

void requests_on_read(void *ctx, struct api_conn *conn, struct json_object *request)
{
	dispatch(ctx, conn, request, true);
}
