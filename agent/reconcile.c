/* SPDX-License-Identifier: Apache-2.0 */
/* Event -> model -> policy -> delta -> dataplane. A small state machine: idle, or in a plan's steps. */
#include "reconcile.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kube/decode.h"
#include "policy/compiler.h"
#include "policy/delta.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/scope.h"

#define STEPS_A_TURN 4096 /* some ms; other events get their turn in between */
#define RETRY_MS     2000
#define PASSES_MAX   16 /* of one change: two are normal */

struct reconcile {
	struct loop *loop;
	struct dp *dp;
	const struct model *model;
	struct compiler *compiler;
	struct reconcile_hooks hooks;
	struct loop_timer turn, retry;

	struct actual *actual;
	bool reread; /* the mirror is in doubt */
	struct inforce *now, *next;
	VEC(uint32_t) node_ports; /* that the programs were told; unless `ports_known` nobody knows */
	bool ports_known;
	struct plan *plan;
	size_t at;    /* next step of the plan */
	bool waiting; /* for a grace period */
	unsigned int passes;

	bool source_changed; /* since the last compile */
	char what[128];	     /* first cause since then */
	unsigned int more;   /* further causes */
	uint64_t wanted, compiling, done;
	uint64_t since_ns, began_ns; /* first change not compiled yet; of the compile that runs */
	uint64_t late_ns;	     /* first change that is not in force; kept over failures */
	struct {
		size_t steps, losers;
		bool source;
		char what[160];
	} run;
	struct reconcile_status status;
	struct reconcile_times times;
};

/* ---- ends of a run ------------------------------------------------------------------------ */

static void drop_run(struct reconcile *r)
{
	plan_free(r->plan);
	r->plan = NULL;
	r->at = 0;
	inforce_unref(r->next);
	r->next = NULL;
}

/* The same input cannot fit later: only a change can help. All else may. */
static bool is_worth_a_retry(int code)
{
	return code != -ENOSPC && code != -E2BIG;
}

/* Said once for as long as it stays the same. */
static void fail(struct reconcile *r, int code, const struct bh_err *why)
{
	const struct log_about about = { .reason = "NotEnforced" }, waits = { .reason = "Waits" };
	const bool retry = is_worth_a_retry(code);

	r->status.failures++;
	if (strcmp(r->status.failing, why->msg)) {
		/* What is not known yet is on its way, most of the time. */
		if (code == -EAGAIN)
			log_of(LOG_INFO, &waits, "%s: waits: %s; what was in force stays meanwhile",
			       r->run.what, why->msg);
		else
			log_of(LOG_ERROR, &about, "%s: not enforced: %s; what was in force stays, %s",
			       r->run.what, why->msg, retry ? "retrying" : "until something changes");
		(void)snprintf(r->status.failing, sizeof(r->status.failing), "%s", why->msg);
	}
	drop_run(r);
	if (retry)
		loop_timer_set(r->loop, &r->retry, RETRY_MS);
	r->hooks.failed(r->hooks.ctx, why);
}

static void report(struct reconcile *r, struct inforce *old)
{
	const struct inforce_policy *first = NULL;
	struct log_about about = { .reason = "Enforced" };
	const size_t policies = r->run.source && old ? inforce_changes(old, r->now, &first) : 0;
	char changed[192] = "";

	if (policies) {
		(void)snprintf(changed, sizeof(changed), ", policy %s%s", first->text,
			       policies > 1 ? " and others" : "");
		about.kind = object_kinds[OBJECT_POLICY + first->kind].kind;
		about.ns = first->ns;
		about.name = first->name;
	}
	log_of(r->run.steps ? LOG_INFO : LOG_DEBUG, &about,
	       "%s%s: enforced in %.1f ms (steps: %zu, pods that lost an allowance: %zu)", r->run.what,
	       changed, r->status.last_ms, r->run.steps, r->run.losers);
	if (r->status.failing[0])
		log_info("what could not be enforced before is in force now");
	r->status.failing[0] = '\0';
}

/* A change that came during this run waits from its own beginning. */
static void take_time(struct reconcile *r)
{
	histogram_observe(r->run.source ? &r->times.policy : &r->times.other, clock_ns() - r->late_ns);
	r->late_ns = r->since_ns;
}

static void finish(struct reconcile *r)
{
	struct inforce *old = r->now;

	r->now = TAKE_PTR(r->next);
	r->done = r->compiling;
	r->status.plans++;
	r->status.last_ms = (double)(clock_ns() - r->began_ns) / 1e6;
	take_time(r);
	drop_run(r);
	report(r, old);
	r->hooks.enforced(r->hooks.ctx);
	inforce_unref(old);
	if (r->wanted != r->done)
		loop_timer_set(r->loop, &r->turn, 0);
}

/* ---- a run -------------------------------------------------------------------------------- */

/* Return: 1 a grace period has begun, 0 the step is done, or -errno. */
static int do_step(struct reconcile *r, const struct step *step, struct bh_err *err)
{
	int ret;

	if (step->kind == STEP_GRACE) {
		ret = dp_grace_begin(r->dp, err);
		r->waiting = ret >= 0;
		return ret < 0 ? ret : 1;
	}
	ret = dp_step(r->dp, step, err);
	if (ret < 0)
		return ret;
	ret = actual_apply(r->actual, step);
	return ret < 0 ? bh_err_set(err, ret, "no memory to follow the maps") : 0;
}

static int make_plan(struct reconcile *r, struct bh_err *err)
{
	int ret;

	if (r->passes++ >= PASSES_MAX)
		return bh_err_set(err, -ELOOP, "still not in force after %d passes", PASSES_MAX);
	ret = delta_plan(r->next->tables, r->actual, r->model, &r->plan, err);
	if (ret < 0)
		return ret;
	r->at = 0;
	r->run.steps += r->plan->steps.n;
	r->run.losers += r->plan->losers;
	return 0;
}

/* After the last step. Return: 1 all is in force, 0 another pass goes on, or -errno. */
static int end_pass(struct reconcile *r, struct bh_err *err)
{
	const bool again = r->plan->again;

	actual_sort(r->actual);
	if (!again)
		actual_settle(r->actual, r->next->tables);
	plan_free(r->plan);
	r->plan = NULL;
	return again ? make_plan(r, err) : 1;
}

/* As far as it goes: to a grace period, the end, or this turn's share. */
static void execute(struct reconcile *r)
{
	struct bh_err err = {};
	size_t share = STEPS_A_TURN;
	int ret = 0;

	while (!ret && share--) {
		if (r->at < r->plan->steps.n) {
			ret = do_step(r, &r->plan->steps.v[r->at], &err);
			r->at += ret >= 0;
			if (ret > 0)
				return; /* on_grace() goes on */
		} else {
			ret = end_pass(r, &err);
		}
	}
	if (ret > 0) {
		finish(r);
	} else if (ret < 0) {
		r->reread = true;
		r->ports_known = false;
		fail(r, ret, &err);
	} else {
		loop_timer_set(r->loop, &r->turn, 0);
	}
}

static void on_grace(void *ctx)
{
	struct reconcile *r = ctx;
	uint64_t n;

	if (read(dp_grace_fd(r->dp), &n, sizeof(n)) != sizeof(n) || !r->waiting)
		return;
	r->waiting = false;
	execute(r);
}

/* ---- its start ---------------------------------------------------------------------------- */

static bool ports_are_told(const struct reconcile *r, const struct tables *t)
{
	const size_t n = t->node_ports.n;

	return r->ports_known && r->node_ports.n == n &&
	       (!n || !memcmp(r->node_ports.v, t->node_ports.v, n * sizeof(*t->node_ports.v)));
}

/* What arrives on them at the node is forwarded, so it is not for the node. A thousand of them are not told
 * again for each pod that comes. */
static int set_node_ports(struct reconcile *r, struct bh_err *err)
{
	const struct tables *t = r->next->tables;
	uint32_t *slot;
	size_t i;
	int ret;

	if (ports_are_told(r, t))
		return 0;
	r->ports_known = false;
	ret = dp_set_node_ports(r->dp, t->node_ports.v, t->node_ports.n, err);
	vec_clear(&r->node_ports);
	for (i = 0; !ret && i < t->node_ports.n; i++) {
		slot = vec_add(&r->node_ports);
		if (!slot)
			return 0; /* they are told again */
		*slot = t->node_ports.v[i];
	}
	r->ports_known = !ret;
	return ret;
}

static int reread(struct reconcile *r, struct bh_err *err)
{
	struct actual *fresh;
	int ret;

	if (!r->reread)
		return 0;
	ret = dp_read(r->dp, &fresh, err);
	if (ret < 0)
		return ret;
	actual_free(r->actual);
	r->actual = fresh;
	r->reread = false;
	return 0;
}

static void take_causes(struct reconcile *r)
{
	char more[24] = "";

	if (r->more)
		(void)snprintf(more, sizeof(more), " (and %u more)", r->more);
	(void)snprintf(r->run.what, sizeof(r->run.what), "%s%s", r->what, more);
	r->run.source = r->source_changed;
	r->run.steps = r->run.losers = 0;
	r->compiling = r->wanted;
	r->began_ns = r->since_ns;
	r->passes = 0;
	r->source_changed = false;
	r->what[0] = '\0';
	r->more = 0;
}

static void begin(struct reconcile *r)
{
	struct bh_err err = {};
	int ret;

	loop_timer_unset(r->loop, &r->retry);
	take_causes(r);
	ret = r->hooks.ready ? r->hooks.ready(r->hooks.ctx, &err) : 0;
	if (!ret)
		ret = reread(r, &err);
	if (!ret)
		ret = inforce_compile(r->compiler, r->now, r->run.source, &r->next, &err);
	if (!ret)
		ret = set_node_ports(r, &err);
	if (!ret)
		ret = make_plan(r, &err);
	if (ret < 0)
		fail(r, ret, &err);
	else
		execute(r);
}

static void on_turn(void *ctx)
{
	struct reconcile *r = ctx;

	if (r->waiting)
		return;
	if (r->plan)
		execute(r);
	else if (r->wanted != r->done)
		begin(r);
}

static void on_retry(void *ctx)
{
	struct reconcile *r = ctx;

	if (!r->plan)
		reconcile_changed(r, CHANGE_SOURCE, "next attempt");
}

void reconcile_changed(struct reconcile *r, enum change kind, const char *what_fmt, ...)
{
	va_list ap;

	if (!r->what[0]) {
		va_start(ap, what_fmt);
		(void)vsnprintf(r->what, sizeof(r->what), what_fmt, ap);
		va_end(ap);
		r->since_ns = clock_ns();
	} else {
		r->more++;
	}
	if (r->wanted == r->done)
		r->late_ns = r->since_ns;
	r->source_changed |= kind == CHANGE_SOURCE;
	r->wanted++;
	if (!r->plan)
		loop_timer_set(r->loop, &r->turn, 0);
}

/* ---- life and questions ------------------------------------------------------------------- */

int reconcile_new(struct loop *loop, struct dp *dp, struct model *model, const struct reconcile_hooks *hooks,
		  struct reconcile **ret, struct bh_err *err)
{
	struct reconcile *r = calloc(1, sizeof(*r));
	int ret_code;

	if (!r)
		return bh_err_set(err, -ENOMEM, "no memory");
	*r = (struct reconcile){ .loop = loop,
				 .dp = dp,
				 .model = model,
				 .hooks = *hooks,
				 .turn = { .fn = on_turn, .ctx = r },
				 .retry = { .fn = on_retry, .ctx = r },
				 .status.last_ms = -1 };
	r->compiler = compiler_new(model);
	ret_code = r->compiler ? dp_read(dp, &r->actual, err) : bh_err_set(err, -ENOMEM, "no memory");
	if (!ret_code)
		ret_code = loop_add(loop, dp_grace_fd(dp), on_grace, r, err);
	if (ret_code < 0) {
		reconcile_free(r);
		return ret_code;
	}
	*ret = r;
	return 0;
}

void reconcile_free(struct reconcile *r)
{
	if (!r)
		return;
	loop_timer_unset(r->loop, &r->turn);
	loop_timer_unset(r->loop, &r->retry);
	loop_del(r->loop, dp_grace_fd(r->dp));
	drop_run(r);
	inforce_unref(r->now);
	compiler_free(r->compiler);
	actual_free(r->actual);
	vec_done(&r->node_ports);
	free(r);
}

uint64_t reconcile_wanted(const struct reconcile *r)
{
	return r->wanted;
}

uint64_t reconcile_done(const struct reconcile *r)
{
	return r->done;
}

struct inforce *reconcile_inforce(const struct reconcile *r)
{
	return r->now;
}

struct inforce *reconcile_next(const struct reconcile *r)
{
	return r->next;
}

const struct actual *reconcile_actual(const struct reconcile *r)
{
	return r->actual;
}

void reconcile_status(const struct reconcile *r, struct reconcile_status *ret)
{
	*ret = r->status;
}

const struct reconcile_times *reconcile_times(const struct reconcile *r)
{
	return &r->times;
}
