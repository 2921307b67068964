/* SPDX-License-Identifier: Apache-2.0 */
/* The end of an agent's work on its node, in steps that are tried until they succeed. */
#include "retired.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>

#include "agent.h"
#include "chain/chain.h"
#include "event.h"
#include "kube/events.h"
#include "kube/http.h"
#include "kube/own.h"
#include "kube/watch.h"
#include "probe.h"
#include "retire.h"
#include "util/log.h"
#include "util/scope.h"

#define ASK_MS	 2000
#define AGAIN_MS 5000  /* after a failure */
#define ADD_MS	 10000 /* so long a plugin may take that began by the old list (timeoutMs) */

/* ---- asked already -------------------------------------------------------------------------- */

char *retired_asked(const struct agent_options *opt)
{
	struct kube_config config = {};
	struct http *http = NULL;
	struct bh_err err;
	char *mark = NULL;
	int r;

	if (opt->source_dir || !*opt->pod_name)
		return NULL;
	r = agent_kube_config(opt, &config, &err);
	if (!r)
		r = http_new(&config, &http, &err);
	if (!r)
		r = own_ask(http, opt->pod_ns, opt->pod_name, ASK_MS, &mark, &err);
	if (r < 0)
		log_warn("whether this agent is to leave its node: %s, going on", err.msg);
	http_free(http);
	kube_config_done(&config);
	return mark;
}

/* ---- out of the chain, while the agent goes on -------------------------------------------------- */

void retired_begin(struct agent *a, const char *mark)
{
	if (a->retire_mark)
		return;
	a->retire_mark = strdup(mark);
	if (!a->retire_mark)
		return;
	log_warn("asked to leave this node: %s=%s", OWN_RETIRE, mark);
	retired_step(a);
}

void retired_step(void *agent)
{
	struct agent *a = agent;
	const struct event_object self = {
		.kind = "Pod", .ns = a->opt.pod_ns, .name = a->opt.pod_name, .uid = a->opt.pod_uid
	};
	struct bh_err err;
	int r;

	if (a->unchained) {
		loop_stop(a->loop);
		return;
	}
	r = a->chain ? chain_leave(a->chain, &err) : 0;
	a->unchained = r >= 0;
	if (r < 0)
		event_tell(a, true, "RetireFailed", &self, "cannot leave the CNI chain: %s, retrying",
			   err.msg);
	loop_timer_set(a->loop, &a->retire_timer, r < 0 ? AGAIN_MS : r > 0 ? CHAIN_RELOAD_MS : 0);
}

/* ---- and then everything else ------------------------------------------------------------------ */

struct retired {
	const struct agent_options *opt;
	struct loop *loop;
	int signal_fd;
	struct kube_config config;
	struct http *http;
	struct own *own;
	struct events *events;
	struct api_server *probe;
	struct loop_timer step, wire;
	char *mark;
	bool waited; /* for the runtime */
	bool done;
};

static void on_wire(void *ctx);

static int sooner(int a, int b)
{
	return a < 0 || (b >= 0 && b < a) ? b : a;
}

static void arm_wire(struct retired *t)
{
	const int ms = sooner(sooner(http_timeout_ms(t->http), events_timeout_ms(t->events)),
			      watch_timeout_ms(own_watch(t->own)));

	if (ms >= 0)
		loop_timer_set(t->loop, &t->wire, (unsigned int)ms);
}

static void on_wire(void *ctx)
{
	struct retired *t = ctx;

	http_work(t->http);
	watch_work(own_watch(t->own));
	events_work(t->events);
	arm_wire(t);
}

static void tell(struct retired *t, bool warning, const char *reason, const char *note)
{
	const struct kube_event event = { .warning = warning,
					  .reason = reason,
					  .note = note,
					  .kind = "Pod",
					  .ns = t->opt->pod_ns,
					  .name = t->opt->pod_name,
					  .uid = t->opt->pod_uid };
	const struct log_about about = {
		.reason = reason, .kind = event.kind, .ns = event.ns, .name = event.name
	};

	log_of(warning ? LOG_WARN : LOG_INFO, &about, "%s", note);
	events_add(t->events, &event);
	arm_wire(t);
}

/* With the mark, by which `retire` knows its answer. */
static void tell_done(struct retired *t)
{
	char note[512];

	(void)snprintf(
		note, sizeof(note),
		"left this node: no programs, pins and records of Bulkhead are here any more " OWN_ANSWER,
		t->mark);
	tell(t, false, "Retired", note);
}

static void tell_failure(struct retired *t, const struct bh_err *why)
{
	char note[512];

	(void)snprintf(note, sizeof(note), "cannot leave this node: %s, retrying", why->msg);
	tell(t, true, "RetireFailed", note);
}

/* Return: ms to wait before the next step; 0: nothing is left to do. */
static unsigned int step(struct retired *t)
{
	struct bh_err err;
	int r = t->waited || !t->opt->chain.conf_dir ? 0 : chain_remove(&t->opt->chain, &err);

	if (r > 0) {
		t->waited = true;
		return CHAIN_RELOAD_MS;
	}
	if (!r)
		r = retire_node(t->opt->run_dir, t->opt->pin_dir, &err);
	if (r < 0) {
		tell_failure(t, &err);
		return AGAIN_MS;
	}
	if (t->done)
		return 0; /* and what such a plugin has left is gone, too */
	t->done = true;
	tell_done(t);
	return ADD_MS;
}

static void on_step(void *ctx)
{
	struct retired *t = ctx;
	const unsigned int ms = step(t);

	if (ms)
		loop_timer_set(t->loop, &t->step, ms);
}

static void on_mark(void *ctx, const char *mark)
{
	struct retired *t = ctx;
	char *copy;

	if (!strcmp(t->mark, mark) || !(copy = strdup(mark)))
		return;
	free(t->mark);
	t->mark = copy;
	if (t->done)
		tell_done(t);
}

static void on_signal(void *ctx)
{
	struct retired *t = ctx;
	struct signalfd_siginfo si;
	struct bh_err err;

	if (read(t->signal_fd, &si, sizeof(si)) != sizeof(si))
		return;
	if (t->step.due_ns && t->done && retire_node(t->opt->run_dir, t->opt->pin_dir, &err) < 0)
		log_warn("leaving this node: %s, ignoring; what stays and how it goes: docs/uninstall.md",
			 err.msg);
	loop_stop(t->loop);
}

static int start(struct retired *t, const char *mark, struct bh_err *err)
{
	const struct own_hooks hooks = { .retire = on_mark, .ctx = t };
	int r = loop_new(&t->loop, err);

	if (!r)
		r = t->signal_fd = loop_signal_fd(err);
	if (r >= 0)
		r = loop_add(t->loop, t->signal_fd, on_signal, t, err);
	if (!r && t->opt->probe_dir)
		r = probe_serve(t->loop, t->opt->probe_dir, NULL, &t->probe, err);
	if (!r)
		r = agent_kube_config(t->opt, &t->config, err);
	if (!r)
		r = http_new(&t->config, &t->http, err);
	if (!r)
		r = loop_add(t->loop, http_fd(t->http), on_wire, t, err);
	if (r < 0)
		return r;
	t->step = (struct loop_timer){ .fn = on_step, .ctx = t };
	t->wire = (struct loop_timer){ .fn = on_wire, .ctx = t };
	t->mark = strdup(mark);
	t->events = events_new(t->http, agent_instance(t->opt), NULL, NULL);
	t->own = own_new(t->http, t->opt->pod_ns, t->opt->pod_name, &hooks);
	if (!t->mark || !t->events || !t->own)
		return bh_err_set(err, -ENOMEM, "no memory");
	loop_timer_set(t->loop, &t->step, 0);
	arm_wire(t);
	return 0;
}

static void stop(struct retired *t)
{
	api_server_free(t->probe);
	own_free(t->own);
	events_free(t->events);
	http_free(t->http);
	kube_config_done(&t->config);
	if (t->signal_fd >= 0)
		(void)close(t->signal_fd);
	loop_free(t->loop);
	free(t->mark);
}

int retired_run(const struct agent_options *opt, const char *mark)
{
	struct retired t = { .opt = opt, .signal_fd = -1 };
	struct bh_err err;
	int r = start(&t, mark, &err);

	if (r < 0)
		log_error("cannot leave this node: %s", err.msg);
	else if ((r = loop_run(t.loop)) < 0)
		log_error(
			"the event loop failed: %s; the node is left as it is now: report this, and start it again",
			strerror(-r));
	stop(&t);
	return r < 0;
}
