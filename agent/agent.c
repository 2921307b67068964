/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The wiring: makes the parts in the order that leaves nobody unprotected, and lets each event reach
 * the part that it concerns. The socket opens once the first reconcile has ended, so an ADD never
 * meets an agent that does not know yet what is in force.
 *
 * An agent that finds another one at work is a standby: it fills its model and touches nothing else, until
 * the other one is gone and take_over() makes the rest.
 */
#include "agent.h"

#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>

#include "adopt.h"
#include "denials.h"
#include "endpoints.h"
#include "expiry.h"
#include "event.h"
#include "flowlog.h"
#include "former.h"
#include "leader.h"
#include "lock.h"
#include "names.h"
#include "opened.h"
#include "perf.h"
#include "policy/interest.h"
#include "probe.h"
#include "requests.h"
#include "retired.h"
#include "sessions.h"
#include "selfcheck.h"
#include "standing.h"
#include "unused.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/scope.h"

#define TICK_MS	     2000
#define GIVE_BACK    10 /* ticks */
#define READERS_MAX  32 /* connections, beside those of the plugin and of all else */
#define LOCK_POLL_MS 20 /* a standby's: what an upgrade's gap may be longer for it */

/* ---- reconcile ---------------------------------------------------------------------------- */

/* What is pinned may come from what cannot be known now: no policy is taken away for that. */
static int is_ready(void *ctx, struct bh_err *err)
{
	const struct agent *a = ctx;

	return source_ready(a->source, err);
}

static void on_chain(void *ctx, bool warning, const char *reason, const char *text)
{
	event_tell(ctx, warning, reason, NULL, "%s", text);
}

/* Only now: no ADD comes by us before somebody answers it. */
static void enter_chain(struct agent *a)
{
	const struct chain_hooks hooks = { .tell = on_chain, .ctx = a };
	struct bh_err err;

	if (!a->opt.chain.conf_dir || !chain_new(a->loop, &a->opt.chain, &hooks, &a->chain, &err))
		return;
	log_error("CNI configuration in '%s': %s; leaving, what is in force stays in force",
		  a->opt.chain.conf_dir, err.msg);
	a->exit_code = 1;
	loop_stop(a->loop);
}

int agent_serve(struct loop *loop, const char *dir, const struct api_handler *handler,
		struct api_server **ret, struct bh_err *err)
{
	struct api_server *s = NULL;
	int r = api_server_new(dir, handler, &s, err);

	if (!r)
		r = loop_add(loop, api_server_fd(s), (loop_fn)api_server_work, s, err);
	if (r < 0)
		api_server_free(s);
	else
		*ret = s;
	return r;
}

/* Of no consequence for pods and their policies, so neither is that it fails. */
static void open_to_readers(struct agent *a)
{
	const struct api_handler handler = { .on_request = requests_on_read,
					     .on_close = requests_on_close,
					     .ctx = a,
					     .conns_max = READERS_MAX };
	struct bh_err err;
	char dir[256]; /* the name of a socket has 107 at most, so that it is told there which are too long */

	(void)snprintf(dir, sizeof(dir), "%s/" API_READ, a->opt.run_dir);
	if (agent_serve(a->loop, dir, &handler, &a->readers, &err) < 0)
		log_warn("%s; nobody can ask there, ignoring", err.msg);
}

static void open_socket(struct agent *a)
{
	const struct api_handler handler = { .on_request = requests_on_request,
					     .on_close = requests_on_close,
					     .long_op = "simulate",
					     .ctx = a };
	struct bh_err err;

	if (agent_serve(a->loop, a->opt.run_dir, &handler, &a->server, &err) < 0) {
		log_error("the agent's socket: %s; leaving, what is in force stays in force; see --run-dir",
			  err.msg);
		a->exit_code = 1;
		loop_stop(a->loop);
		return;
	}
	open_to_readers(a);
	event_tell(a, false, "Started", NULL, "ready: %zu pods here, %zu policies; listening at %s/%s",
		   a->model->endpoints.n, a->model->policies.n, a->opt.run_dir, API_SOCKET);
	/* After the tables: until now what hangs there decided by what was in force. */
	endpoints_check_hooks(a);
	adopt_tick(a);
	enter_chain(a);
}

static void on_enforced(void *ctx)
{
	struct agent *a = ctx;

	former_step(a);
	if (!a->server)
		open_socket(a);
	endpoints_tell_unknown(a);
	requests_enforced(a);
	endpoints_enforced(a);
	selfcheck_enforced(a);
	unused_enforced(a);
	standing_look(a);
}

static void on_failed(void *ctx, const struct bh_err *why)
{
	struct agent *a = ctx;

	if (!a->server)
		open_socket(a);
	requests_failed(a, why);
	standing_look(a);
}

/* ---- events ------------------------------------------------------------------------------- */

static void on_note(void *ctx, const struct source_note *note)
{
	const struct log_about about = {
		.reason = "NotUnderstood", .kind = note->object, .ns = note->ns, .name = note->name
	};

	(void)ctx;
	switch (note->kind) {
	case SOURCE_BAD:
		log_error("%s; what was last good, if anything was, stays in force", note->text);
		break;
	case SOURCE_GOOD:
		log_info("%s", note->text);
		break;
	case SOURCE_OBJECT_PROBLEM:
		log_of(LOG_WARN, &about, "%s; what is not understood allows nothing", note->text);
		break;
	case SOURCE_IGNORED:
		log_info("%s, ignored", note->text);
		break;
	case SOURCE_ASIDE:
		log_warn("%s", note->text);
		break;
	}
}

static void on_retire(void *ctx, const char *mark)
{
	retired_begin(ctx, mark);
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
		log_error("source %s: %s, retrying; what is in force stays in force", a->opt.source, err.msg);
	if (r > 0) {
		names_stale(a->names);
		if (change.matters && a->reconcile)
			reconcile_changed(a->reconcile, change.policies ? CHANGE_SOURCE : CHANGE_POD, "%s",
					  change.what);
		standing_look(a);
		leader_changed(a);
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
	if (a->reconcile)
		reconcile_changed(a->reconcile, CHANGE_NODE, "addresses of this node");
}

static void on_node(void *ctx)
{
	struct agent *a = ctx;
	struct bh_err err;
	const int r = node_work(a->node, &err);

	if (r < 0)
		log_error("interfaces and addresses of this node: %s, retrying", err.msg);
	if (r > 0)
		read_node_addrs(a);
}

static void on_signal(void *ctx)
{
	struct agent *a = ctx;
	struct signalfd_siginfo si;

	if (read(a->signal_fd, &si, sizeof(si)) != sizeof(si))
		return;
	if (si.ssi_signo == SIGHUP) {
		log_info("SIGHUP: %s",
			 a->flowlog ? "the flow log is opened anew" : "no flow log to open anew");
		if (a->flowlog)
			flowlog_reopen(a->flowlog);
		return;
	}
	log_info("%s: leaving; what is in force stays in force",
		 si.ssi_signo == SIGTERM ? "SIGTERM" : "SIGINT");
	if (!leader_release(a))
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
		event_tell(a, true, "PinsRestored", NULL, "pins under %s were missing, put back",
			   a->opt.pin_dir);
	else if (!a->pins_bad)
		log_error("pins under %s are missing: %s, retrying; a bpffs must be mounted there, writable",
			  a->opt.pin_dir, err.msg);
	a->pins_bad = r < 0;
}

/* So that taking over takes milliseconds: most of a start is the kernel's check of our programs. */
static void prepare(struct agent *a)
{
	struct bh_err err = { "" };

	if (a->dp)
		return;
	if (dp_prepare(a->opt.pin_dir, &a->opt.sizes, &a->dp, &err) == 0)
		log_info("standby: programs loaded");
	else if (strcmp(err.msg, a->unprepared))
		log_warn("standby: %s, retrying", err.msg);
	(void)snprintf(a->unprepared, sizeof(a->unprepared), "%s", err.msg);
}

static void look_after_pins(struct agent *a)
{
	check_pins(a);
	opened_tick(a);
}

/* Lists, compiles and answers leave holes that the C library keeps for the next ones. */
static void give_back_memory(struct agent *a)
{
	if (!(++a->ticks % GIVE_BACK))
		(void)malloc_trim(0);
}

static void on_tick(void *ctx)
{
	struct agent *a = ctx;

	give_back_memory(a);

	if (!a->reconcile)
		prepare(a);
	else
		look_after_pins(a);
	expiry_tick(a);
	log_tick();
	if (a->server) {
		former_step(a);
		endpoints_tick(a);
		adopt_tick(a);
		selfcheck_tick(a);
		standing_look(a);
	}
	loop_timer_set(a->loop, &a->tick, TICK_MS);
}

/* ---- start and stop ----------------------------------------------------------------------- */

static int open_signals(struct agent *a, struct bh_err *err)
{
	a->signal_fd = loop_signal_fd(err);
	return a->signal_fd < 0 ? a->signal_fd : loop_add(a->loop, a->signal_fd, on_signal, a, err);
}

static void on_lock(void *ctx);

static int make_own_parts(struct agent *a, struct bh_err *err)
{
	struct cidr *cidr;
	size_t i;

	a->model = model_new();
	a->names = a->model ? names_new(a->model) : NULL;
	if (!a->names || model_set_node_name(a->model, a->opt.node_name) < 0 || endpoints_new(a) < 0 ||
	    adopt_new(a) < 0 || requests_new(a) < 0 || standing_new(a) < 0 || leader_new(a) < 0)
		return bh_err_set(err, -ENOMEM, "no memory");
	a->model->audit = a->opt.audit;
	for (i = 0; i < a->opt.pod_cidrs.n; i++) {
		cidr = vec_add(&a->model->pod_cidrs);
		if (!cidr)
			return bh_err_set(err, -ENOMEM, "no memory");
		*cidr = a->opt.pod_cidrs.at[i];
	}
	a->tick = (struct loop_timer){ .fn = on_tick, .ctx = a };
	a->source_timer = (struct loop_timer){ .fn = on_source, .ctx = a };
	a->lock_timer = (struct loop_timer){ .fn = on_lock, .ctx = a };
	a->retire_timer = (struct loop_timer){ .fn = retired_step, .ctx = a };
	return 0;
}

/* With what was prepared, where it still fits. */
static int open_pins(struct agent *a, struct bh_err *err)
{
	int r = a->dp ? dp_take(a->dp, err) : -ESTALE;

	if (r != -ESTALE)
		return r;
	dp_free(TAKE_PTR(a->dp));
	return dp_open(a->opt.pin_dir, &a->opt.sizes, &a->dp, err);
}

static void on_flowlog(void *ctx, const char *trouble)
{
	(void)ctx;
	if (trouble)
		log_error("flow log: %s, retrying; what does not fit meanwhile is counted; see --flow-log",
			  trouble);
	else
		log_info("flow log: written again");
}

static int open_flowlog(struct agent *a, struct bh_err *err)
{
	struct flowlog_options opt = { .path = a->opt.flow_log,
				       .node = a->opt.node_name,
				       .told = on_flowlog };
	struct dp_missed before;
	int r;

	if (!a->opt.flow_log)
		return 0;
	if (!strcmp(a->opt.flow_log, "stdout"))
		opt.path = NULL;
	r = dp_events_missed(a->dp, &before);
	if (r < 0)
		return bh_err_errno(err, r, "flow log: cannot read bh_stats");
	opt.lost = before.lost;
	opt.throttled = before.throttled;
	return flowlog_new(&opt, &a->flowlog, err);
}

static int open_data_plane(struct agent *a, struct bh_err *err)
{
	const struct reconcile_hooks hooks = {
		.ready = is_ready, .enforced = on_enforced, .failed = on_failed, .ctx = a
	};
	int r = open_pins(a, err);

	if (!r)
		r = reconcile_new(a->loop, a->dp, a->model, &hooks, &a->reconcile, err);
	r = r ? r : sessions_new(a, err);
	r = r ? r : open_flowlog(a, err);
	if (!r && (denials_new(a) < 0 || selfcheck_new(a) < 0 || unused_new(a) < 0))
		r = bh_err_set(err, -ENOMEM, "no memory for denials");
	return r;
}

static bool looked_at(const struct agent *a, const struct inforce *f, enum object_kind kind, bool stays,
		      const void *object)
{
	const struct model *m = a->model;
	const struct endpoint_slice *slice;

	switch (kind) {
	case OBJECT_NAMESPACE:
		return interest_namespace(f->interest, object, stays);
	case OBJECT_POD:
		return interest_pod(f->interest, model_namespace(m, ((const struct pod *)object)->ns),
				    object);
	case OBJECT_POLICY:
	case OBJECT_CLUSTER_POLICY:
	case OBJECT_SEGMENTATION:
	case OBJECT_CLUSTER_SEGMENTATION:
		return interest_policy(f->interest, object);
	case OBJECT_SERVICE:
		return interest_service(f->interest, object);
	case OBJECT_SLICE:
		slice = object;
		return interest_slice(f->interest, slice, model_service(m, slice->ns, slice->service));
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
	return (old && looked_at(a, f, kind, new, old)) || (new &&looked_at(a, f, kind, old, new));
}

/* By what is in force, and by what is about to be; anything may help what could not be brought in. */
static bool matters(void *ctx, enum object_kind kind, const void *old, const void *new)
{
	struct agent *a = ctx;
	const struct inforce *now, *next;
	struct reconcile_status status;

	leader_change(a, kind, old, new);
	if (!a->reconcile)
		return true;
	now = reconcile_inforce(a->reconcile);
	next = reconcile_next(a->reconcile);
	reconcile_status(a->reconcile, &status);
	return !now || status.failing[0] || sees(a, now, kind, old, new) ||
	       (next && sees(a, next, kind, old, new));
}

const char *agent_instance(const struct agent_options *opt)
{
	return *opt->pod_name ? opt->pod_name : opt->node_name;
}

int agent_kube_config(const struct agent_options *opt, struct kube_config *ret, struct bh_err *err)
{
	return opt->kubeconfig ? kube_config_load(opt->kubeconfig, ret, err)
			       : kube_config_in_cluster(ret, err);
}

static int open_api(struct agent *a, struct bh_err *err)
{
	const struct source_api_options opt = { .config = &a->kube,
						.node = a->opt.node_name,
						.instance = agent_instance(&a->opt),
						.pod_ns = a->opt.pod_ns,
						.pod_name = a->opt.pod_name,
						.retire = on_retire,
						.matters = matters };
	const int r = agent_kube_config(&a->opt, &a->kube, err);

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

/* Everything that only one agent of a node may do. Return: 0, -EBUSY the pins are still another's, or -errno.
 */
static int take_over(struct agent *a, struct bh_err *err)
{
	const int r = open_data_plane(a, err);

	if (r < 0)
		return r;
	if (a->waits)
		log_info("standby: taking over");
	opened_tick(a);
	expiry_tick(a);
	reconcile_changed(a->reconcile, CHANGE_SOURCE, "start");
	endpoints_load(a);
	return 0;
}

static void tell_waiting(struct agent *a, const char *why)
{
	char holder[LOCK_TEXT_MAX];

	if (a->waits)
		return;
	log_info("standby: %s %s; following the source until it is gone",
		 why ? why : lock_holder(a->lock, holder), why ? "" : "works here");
	a->waits = true;
	prepare(a);
}

/* Takes over, or tries again in a moment. A killed agent may lose the lock a little before the pins. */
static int try_lock(struct agent *a, struct bh_err *err)
{
	int r = lock_try(a->lock, err);

	if (r < 0)
		return r;
	if (r > 0) {
		r = take_over(a, err);
		if (r != -EBUSY)
			return r;
	}
	tell_waiting(a, r < 0 ? err->msg : NULL);
	loop_timer_set(a->loop, &a->lock_timer, LOCK_POLL_MS);
	return 0;
}

static void on_lock(void *ctx)
{
	struct agent *a = ctx;
	struct bh_err err;

	if (try_lock(a, &err) == 0)
		return;
	log_error("cannot take over from the agent before this one: %s; leaving, what is in force stays",
		  err.msg);
	a->exit_code = 1;
	loop_stop(a->loop);
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
		r = lock_new(a->opt.run_dir, &a->lock, err);
	if (!r)
		r = open_sources(a, err);
	if (!r)
		r = probe_open(a, err);
	if (!r)
		r = pages_open(a, err);
	if (r < 0)
		return r;

	read_node_addrs(a);
	agent_arm_source(a);
	loop_timer_set(a->loop, &a->tick, TICK_MS);
	return try_lock(a, err);
}

int agent_run(struct agent *a)
{
	const int r = loop_run(a->loop);

	return r < 0 ? r : a->exit_code;
}

static void stop_serving(struct agent *a, struct api_server *take)
{
	if (take)
		loop_del(a->loop, api_server_fd(take));
	api_server_free(take);
}

/* Requests and lists first: the server tells of connections that close with it. */
void agent_stop(struct agent *a)
{
	requests_free(a);
	chain_free(a->chain);
	stop_serving(a, TAKE_PTR(a->readers));
	stop_serving(a, TAKE_PTR(a->server));
	probe_close(a);
	pages_close(a);
	if (a->loop) {
		loop_timer_unset(a->loop, &a->tick);
		loop_timer_unset(a->loop, &a->source_timer);
		loop_timer_unset(a->loop, &a->lock_timer);
		loop_timer_unset(a->loop, &a->retire_timer);
		denials_free(a);
		flowlog_free(a->flowlog);
		selfcheck_free(a);
		unused_free(a);
		perf_free(a);
		leader_free(a);
		standing_free(a);
	}
	source_free(a->source);
	kube_config_done(&a->kube);
	node_free(a->node);
	if (a->reconcile)
		reconcile_free(a->reconcile);
	sessions_free(a);
	adopt_free(a);
	endpoints_free(a);
	names_free(a->names);
	model_free(a->model);
	dp_free(a->dp);
	lock_free(a->lock); /* last of all: the next agent may write from now on */
	if (a->signal_fd >= 0)
		(void)close(a->signal_fd);
	loop_free(a->loop);
}
