/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The wiring: makes the parts in the order that leaves nobody unprotected, and lets each event reach
 * the part that it concerns. The socket opens once the first reconcile has ended, so an ADD never
 * meets an agent that does not know yet what is in force.
 */
#include "agent.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>

#include "adopt.h"
#include "denials.h"
#include "endpoints.h"
#include "names.h"
#include "policy/interest.h"
#include "requests.h"
#include "streams.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/scope.h"

#define TICK_MS 2000

/* ---- reconcile ---------------------------------------------------------------------------- */

/* What is pinned may come from what cannot be known now: no policy is taken away for that. */
static int is_ready(void *ctx, struct bh_err *err)
{
	const struct agent *a = ctx;

	return source_ready(a->source, err);
}

static void open_socket(struct agent *a)
{
	const struct api_handler handler = { .on_request = requests_on_request,
					     .on_close = requests_on_close,
					     .ctx = a };
	struct bh_err err;

	if (api_server_new(a->opt.run_dir, &handler, &a->server, &err) < 0 ||
	    loop_add(a->loop, api_server_fd(a->server), (loop_fn)api_server_work, a->server, &err) < 0) {
		log_error("%s", err.msg);
		a->exit_code = 1;
		loop_stop(a->loop);
		return;
	}
	log_info("ready: %zu pods here, %zu policies; listening at %s/%s", a->model->endpoints.n,
		 a->model->policies.n, a->opt.run_dir, API_SOCKET);
	/* After the tables: until now what hangs there decided by what was in force. */
	endpoints_check_hooks(a);
	adopt_tick(a);
}

static void on_enforced(void *ctx)
{
	struct agent *a = ctx;

	if (!a->server)
		open_socket(a);
	endpoints_tell_unknown(a);
	requests_enforced(a);
	endpoints_enforced(a);
}

static void on_failed(void *ctx, const struct bh_err *why)
{
	struct agent *a = ctx;

	if (!a->server)
		open_socket(a);
	requests_failed(a, why);
}

/* ---- events ------------------------------------------------------------------------------- */

static void on_note(void *ctx, const struct source_note *note)
{
	(void)ctx;
	switch (note->kind) {
	case SOURCE_BAD:
		log_error("%s; what was last good, if anything was, stays in force", note->text);
		break;
	case SOURCE_GOOD:
		log_info("%s", note->text);
		break;
	case SOURCE_OBJECT_PROBLEM:
		log_warn("%s; what is not understood allows nothing", note->text);
		break;
	case SOURCE_IGNORED:
		log_info("%s, ignored", note->text);
		break;
	}
}

void agent_arm_source(struct agent *a)
{
	const int ms = source_timeout_ms(a->source);

	if (ms >= 0)
		loop_timer_set(a->loop, &a->source_timer, (unsigned int)ms);
	else
		loop_timer_unset(a->loop, &a->source_timer);
}

static void on_source(void *ctx)
{
	struct agent *a = ctx;
	struct source_change change;
	struct bh_err err;
	const int r = source_work(a->source, &change, &err);

	if (r < 0)
		log_error("%s, retrying", err.msg);
	if (r > 0) {
		names_stale(a->names);
		if (change.matters)
			reconcile_changed(a->reconcile, change.policies ? CHANGE_SOURCE : CHANGE_POD, "%s",
					  change.what);
	}
	requests_confirmed(a);
	agent_arm_source(a);
}

static void on_link_gone(void *ctx, uint32_t ifindex)
{
	endpoints_link_gone(ctx, ifindex);
}

static void on_lost(void *ctx)
{
	log_warn("netlink messages were lost, looking at every interface again");
	endpoints_check_links(ctx);
}

static void read_node_addrs(struct agent *a)
{
	struct bh_err err;
	const int r = node_read_addrs(a->node, a->model, &err);

	if (r < 0)
		log_error("this node's addresses: %s, those known before stay", err.msg);
	if (r <= 0)
		return;
	names_stale(a->names);
	reconcile_changed(a->reconcile, CHANGE_NODE, "addresses of this node");
}

static void on_node(void *ctx)
{
	struct agent *a = ctx;
	struct bh_err err;
	const int r = node_work(a->node, &err);

	if (r < 0)
		log_error("%s, retrying", err.msg);
	if (r > 0)
		read_node_addrs(a);
}

static void on_signal(void *ctx)
{
	struct agent *a = ctx;
	struct signalfd_siginfo si;

	if (read(a->signal_fd, &si, sizeof(si)) != sizeof(si))
		return;
	log_info("%s: leaving; what is in force stays in force",
		 si.ssi_signo == SIGTERM ? "SIGTERM" : "SIGINT");
	loop_stop(a->loop);
}

static void check_pins(struct agent *a)
{
	struct bh_err err = {};
	int r = dp_pins_ok(a->dp);

	if (r > 0) {
		a->pins_bad = false;
		return;
	}
	r = dp_repin(a->dp, &err);
	if (r >= 0)
		log_warn("pins under %s were missing, put back", a->opt.pin_dir);
	else if (!a->pins_bad)
		log_error("pins under %s are missing: %s, retrying", a->opt.pin_dir, err.msg);
	a->pins_bad = r < 0;
}

static void on_tick(void *ctx)
{
	struct agent *a = ctx;

	check_pins(a);
	if (a->server) {
		endpoints_tick(a);
		adopt_tick(a);
	}
	loop_timer_set(a->loop, &a->tick, TICK_MS);
}

/* ---- start and stop ----------------------------------------------------------------------- */

static int open_signals(struct agent *a, struct bh_err *err)
{
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGINT);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return bh_err_errno(err, -errno, "cannot block signals");
	a->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (a->signal_fd < 0)
		return bh_err_errno(err, -errno, "cannot follow signals");
	return loop_add(a->loop, a->signal_fd, on_signal, a, err);
}

static int make_own_parts(struct agent *a, struct bh_err *err)
{
	a->model = model_new();
	a->names = a->model ? names_new(a->model) : NULL;
	if (!a->names || endpoints_new(a) < 0 || adopt_new(a) < 0 || requests_new(a) < 0 ||
	    streams_new(a) < 0)
		return bh_err_set(err, -ENOMEM, "no memory");
	a->tick = (struct loop_timer){ .fn = on_tick, .ctx = a };
	a->source_timer = (struct loop_timer){ .fn = on_source, .ctx = a };
	return 0;
}

static int open_data_plane(struct agent *a, struct bh_err *err)
{
	const struct reconcile_hooks hooks = {
		.ready = is_ready, .enforced = on_enforced, .failed = on_failed, .ctx = a
	};
	int r = dp_open(a->opt.pin_dir, &a->opt.sizes, &a->dp, err);

	if (!r)
		r = reconcile_new(a->loop, a->dp, a->model, &hooks, &a->reconcile, err);
	if (!r && denials_new(a) < 0)
		r = bh_err_set(err, -ENOMEM, "no memory for denials");
	return r;
}

static bool looked_at(const struct agent *a, const struct inforce *f, enum object_kind kind,
		      const void *object)
{
	const struct model *m = a->model;
	const struct endpoint_slice *slice;

	switch (kind) {
	case OBJECT_NAMESPACE:
		return interest_namespace(f->interest, object);
	case OBJECT_POD:
		return interest_pod(f->interest, model_namespace(m, ((const struct pod *)object)->ns),
				    object);
	case OBJECT_POLICY:
		return interest_policy(f->interest, object);
	case OBJECT_SERVICE:
		return interest_service(f->interest, object);
	case OBJECT_SLICE:
		slice = object;
		return interest_slice(f->interest, model_service(m, slice->ns, slice->service));
	case OBJECT_NODE:
		return interest_node(f->interest, object);
	case OBJECT_OTHER:
		break;
	}
	return true;
}

static bool sees(const struct agent *a, const struct inforce *f, enum object_kind kind, const void *old,
		 const void *new)
{
	const struct pod *pod = old;

	if (kind == OBJECT_POD && old && new)
		return interest_pod_change(f->interest, model_namespace(a->model, pod->ns), old, new);
	return (old && looked_at(a, f, kind, old)) || (new &&looked_at(a, f, kind, new));
}

/* By what is in force, and by what is about to be; anything may help what could not be brought in. */
static bool matters(void *ctx, enum object_kind kind, const void *old, const void *new)
{
	const struct agent *a = ctx;
	const struct inforce *now = reconcile_inforce(a->reconcile), *next = reconcile_next(a->reconcile);
	struct reconcile_status status;

	reconcile_status(a->reconcile, &status);
	return !now || status.failing[0] || sees(a, now, kind, old, new) ||
	       (next && sees(a, next, kind, old, new));
}

static int open_api(struct agent *a, struct bh_err *err)
{
	const struct source_api_options opt = { .config = &a->kube,
						.node = a->opt.node_name,
						.matters = matters };
	int r = a->opt.kubeconfig ? kube_config_load(a->opt.kubeconfig, &a->kube, err)
				  : kube_config_in_cluster(&a->kube, err);

	return r < 0 ? r : source_api_new(&opt, a->model, on_note, a, &a->source, err);
}

static int open_sources(struct agent *a, struct bh_err *err)
{
	const struct node_hooks hooks = { .link_gone = on_link_gone, .lost = on_lost, .ctx = a };
	int r = node_new(&hooks, &a->node, err);

	if (!r)
		r = a->opt.source_dir
			    ? source_dir_new(a->opt.source_dir, a->model, on_note, a, &a->source, err)
			    : open_api(a, err);
	if (!r)
		r = loop_add(a->loop, node_fd(a->node), on_node, a, err);
	if (!r)
		r = loop_add(a->loop, source_fd(a->source), on_source, a, err);
	return r;
}

int agent_start(struct agent *a, const struct agent_options *opt, struct bh_err *err)
{
	int r;

	*a = (struct agent){ .opt = *opt, .signal_fd = -1, .start_ns = clock_ns() };
	r = loop_new(&a->loop, err);
	if (!r)
		r = open_signals(a, err);
	if (!r)
		r = make_own_parts(a, err);
	if (!r)
		r = open_data_plane(a, err);
	if (!r)
		r = open_sources(a, err);
	if (r < 0)
		return r;

	reconcile_changed(a->reconcile, CHANGE_SOURCE, "start");
	read_node_addrs(a);
	endpoints_load(a);
	agent_arm_source(a);
	loop_timer_set(a->loop, &a->tick, TICK_MS);
	return 0;
}

int agent_run(struct agent *a)
{
	const int r = loop_run(a->loop);

	return r < 0 ? r : a->exit_code;
}

/* Requests and lists first: the server tells of connections that close with it. */
void agent_stop(struct agent *a)
{
	requests_free(a);
	if (a->server)
		loop_del(a->loop, api_server_fd(a->server));
	api_server_free(a->server);
	if (a->loop) {
		loop_timer_unset(a->loop, &a->tick);
		loop_timer_unset(a->loop, &a->source_timer);
		streams_free(a);
		denials_free(a);
	}
	source_free(a->source);
	kube_config_done(&a->kube);
	node_free(a->node);
	if (a->reconcile)
		reconcile_free(a->reconcile);
	adopt_free(a);
	endpoints_free(a);
	names_free(a->names);
	model_free(a->model);
	dp_free(a->dp);
	if (a->signal_fd >= 0)
		(void)close(a->signal_fd);
	loop_free(a->loop);
}
