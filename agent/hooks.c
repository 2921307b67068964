/* SPDX-License-Identifier: Apache-2.0 */
/* The programs on the endpoints' interfaces: put there, looked at, put back, and put first again. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "adopt.h"
#include "endpoints_internal.h"
#include "former.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/scope.h"

#define SWEEP_NS 5000000 /* one turn's share of a sweep */

/* Between two times that ours are put first on one hook: the first wait, how often it doubles (to 4 minutes),
 * when all is forgotten, and from how many on it is a fight. */
#define RECLAIM_MS	  1000
#define RECLAIM_DOUBLINGS 8
#define RECLAIM_FORGET_MS 600000
#define RECLAIM_CONTEST	  3

#define GRACE_MS 30000 /* for the flows of a pod that was there before its programs: docs/architecture.md */

/* As it was attached before, unless the administrator wants one way. */
static enum hook_mode mode_for(const struct agent *a, const struct endpoint_record *r)
{
	enum hook_mode mode = a->opt.attach;

	if (mode == HOOK_AUTO && r->attach[0])
		(void)hook_mode_parse(r->attach, &mode);
	return mode;
}

static void attached(struct agent *a, struct endpoint *e, struct endpoint_record *r, enum hook_mode mode,
		     const char *why)
{
	const bool changed = r->unprotected || strcmp(r->attach, hook_mode_text(mode));
	const struct event_object about = endpoints_pod(e);
	const bool alarm = !r->unprotected && a->endpoints->swept; /* at a start it is an upgrade's doing */
	char text[ENDPOINT_TEXT];

	if (alarm)
		event_tell(a, true, "HookRestored", &about, "%s; put back (%s)", why, hook_mode_text(mode));
	else
		log_of(LOG_INFO, LOG_POD(e->ns, e->pod), "%s: %s, programs attached (%s)",
		       endpoints_text(e, text), r->unprotected ? "was running without protection" : why,
		       hook_mode_text(mode));
	a->endpoints->healed.hooks += alarm;
	if (r->unprotected)
		r->grace_end_ns = clock_ns() + GRACE_MS * 1000000ull;
	r->unprotected = r->broken = false;
	(void)snprintf(r->attach, sizeof(r->attach), "%s", hook_mode_text(mode));
	if (changed)
		endpoints_save(a, e);
}

/* @why: what is missing. */
static void attach(struct agent *a, struct endpoint *e, struct endpoint_record *r, const char *why)
{
	const struct hook h = { .pin_dir = a->opt.pin_dir, .key = e->key, .ifindex = e->ifindex };
	enum hook_mode mode = HOOK_AUTO;
	struct bh_err err = {};
	char text[ENDPOINT_TEXT];
	bool says_more;
	int ret;

	former_copy(a, e->ifindex);
	ret = hook_attach(&h, mode_for(a, r), &mode, &err);
	former_copy(a, e->ifindex);
	if (ret >= 0) {
		attached(a, e, r, mode, why);
		return;
	}
	says_more = strcmp(why, err.msg);
	if (!r->broken)
		log_of(LOG_ERROR, LOG_POD(e->ns, e->pod),
		       "%s: %s%scannot attach the programs: %s, retrying; it is NOT protected meanwhile, see "
		       "bulkheadctl doctor",
		       endpoints_text(e, text), says_more ? why : "", says_more ? ", " : "", err.msg);
	r->broken = true;
	(void)snprintf(r->why, sizeof(r->why), "%.127s", err.msg);
}

/* A DEL takes the record away: without it nothing may be put back, even if the DEL itself was missed. */
static bool has_record(const struct agent *a, const struct endpoint *e)
{
	struct api_endpoint on_disk = {};
	struct bh_err err;
	const int r = api_endpoint_load(a->opt.run_dir, &e->key, &on_disk, &err);

	endpoint_free(on_disk.e);
	return r != -ENOENT;
}

/* ---- first on the hook --------------------------------------------------------------------- */

/* Who puts itself first each time that we do is answered more and more seldom: two tools that fight cost
 * every packet of the pod, and only a person can end it. */
static unsigned int next_reclaim_ms(struct endpoint_record *r, uint64_t now)
{
	unsigned int ms = RECLAIM_MS;

	if (now > r->reclaim_at_ns + RECLAIM_FORGET_MS * 1000000ull)
		r->reclaims = 0;
	ms <<= r->reclaims < RECLAIM_DOUBLINGS ? r->reclaims : RECLAIM_DOUBLINGS;
	r->reclaims++;
	r->reclaim_at_ns = now + ms * 1000000ull;
	return ms;
}

static int reclaim(struct agent *a, const struct hook *h, struct bh_err *err)
{
	int clones[2], r = dp_clones(a->dp, clones, err);

	return r < 0 ? r : hook_reclaim(h, clones, err);
}

/* @who: what runs before ours. */
static void go_first(struct agent *a, struct endpoint *e, struct endpoint_record *r, const struct hook *h,
		     const char *who)
{
	const struct event_object about = endpoints_pod(e);
	const uint64_t now = clock_ns();
	struct bh_err err = {};
	unsigned int ms;

	if (now < r->reclaim_at_ns)
		return;
	ms = next_reclaim_ms(r, now);
	if (reclaim(a, h, &err) < 0) {
		event_tell(a, true, "ForeignProgram", &about, "%s; ours cannot be put first: %s", who,
			   err.msg);
		return;
	}
	r->displaced = false;
	a->endpoints->healed.displaced++;
	event_tell(a, true, "ForeignProgram", &about, "%s; ours is first again", who);
	if (r->reclaims > RECLAIM_CONTEST)
		event_tell(
			a, true, "HookContested", &about,
			"another tool puts itself before our programs again and again (%u times); the next "
			"answer comes in %u s at the soonest, until then it decides first",
			r->reclaims, ms / 1000);
}

static void check_order(struct agent *a, struct endpoint *e, struct endpoint_record *r, const struct hook *h,
			int state, const char *who)
{
	const struct event_object about = endpoints_pod(e);
	const bool told = r->displaced;

	r->displaced = state != HOOK_FIRST;
	if (state == HOOK_BEHIND)
		go_first(a, e, r, h, who);
	else if (state == HOOK_OVERTAKEN && !told)
		event_tell(a, true, "ForeignProgram", &about, "%s; only --attach tcx can change that", who);
}

/* Return: whether there is something left to do for somebody else, or later. */
static bool check_hook(struct agent *a, struct endpoint *e)
{
	const struct hook h = { .pin_dir = a->opt.pin_dir, .key = e->key, .ifindex = e->ifindex };
	struct endpoint_record *r = endpoints_find(a, &e->key);
	const struct hash128 key = e->key;
	struct bh_err err = { "its state file says so" };
	auto_fd int held = -1;
	int state;

	if (!r || endpoints_check_link(a, e) || r->waits)
		return false;
	state = hook_check(&h, &err);
	if (state == HOOK_FIRST && !r->displaced && !r->unprotected && !r->broken)
		return false;
	held = api_lock_key(a->opt.run_dir, &e->key, 0, NULL);
	if (held == -ETIMEDOUT)
		return true; /* a call of the plugin is under way: what is missing may be its doing */
	if (state > HOOK_MISSING && !r->unprotected && !r->broken)
		check_order(a, e, r, &h, state, err.msg);
	else if (has_record(a, e))
		attach(a, e, r, err.msg);
	else
		endpoints_drop(a, e, false, "its programs and its record were taken away");
	r = endpoints_find(a, &key);
	return r && r->broken;
}

/* ---- all of them --------------------------------------------------------------------------- */

/* Those that have been taken in of late, and their flows: before the programs hang, and for what began while
 * they were put there once more. */
static void find_flows(struct agent *a, bool (*of)(struct agent *a, struct endpoint_record *r))
{
	VEC(struct hash128) keys = {};
	struct hash128 *slot;
	size_t i;

	for (i = 0; i < a->endpoints->records.n; i++) {
		if (!of(a, &a->endpoints->records.v[i]))
			continue;
		slot = vec_add(&keys);
		if (slot)
			*slot = a->endpoints->records.v[i].key;
	}
	if (keys.n)
		adopt_flows(a, keys.v, keys.n);
	vec_done(&keys);
}

static bool is_in_force(struct agent *a, struct endpoint_record *r)
{
	if (!r->waits || !inforce_endpoint(reconcile_inforce(a->reconcile), &r->key))
		return false;
	r->waits = false;
	r->new_flows = true;
	return true;
}

static bool has_new_flows(struct agent *a, struct endpoint_record *r)
{
	(void)a;
	if (!r->new_flows || r->waits || r->unprotected)
		return false;
	r->new_flows = false;
	return true;
}

void hooks_on_sweep(void *ctx)
{
	struct agent *a = ctx;
	const uint64_t end_ns = clock_ns() + SWEEP_NS;

	while (a->endpoints->next < a->model->endpoints.n) {
		(void)check_hook(a, a->model->endpoints.v[a->endpoints->next++]);
		if (clock_ns() < end_ns)
			continue;
		loop_timer_set(a->loop, &a->endpoints->sweep, 0);
		return;
	}
	a->endpoints->swept = true;
	find_flows(a, has_new_flows);
	dp_clones_free(a->dp);
}

void endpoints_check_hooks(struct agent *a)
{
	if (a->endpoints->sweep.due_ns || former_waits(a))
		return; /* the last one still goes on, or our programs would know nothing */
	a->endpoints->next = 0;
	hooks_on_sweep(a);
}

size_t endpoints_replace_hooks(struct agent *a)
{
	size_t i = a->model->endpoints.n, left = 0;

	while (i--) /* from the end: it may take one out */
		left += check_hook(a, a->model->endpoints.v[i]);
	return left;
}

void endpoints_enforced(struct agent *a)
{
	size_t i, waiting = 0;

	for (i = 0; i < a->endpoints->records.n; i++)
		waiting += a->endpoints->records.v[i].waits;
	if (!waiting)
		return;
	find_flows(a, is_in_force);
	endpoints_check_hooks(a);
}
