/* SPDX-License-Identifier: Apache-2.0 */
/* Two timers: openings and evictions are looked at four times a second, all lines every ten, slot by slot and
 * some ms at a time.
 */
#include "sessions.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/scope.h"

#define LOOK_MS	    250
#define SWEEP_MS    10000
#define COUNT_AFTER 8 /* so small a part of its lines opened since: it may have become crowded */
#define PORTION_NS  2000000u
#define REMIND_NS   600000000000ull

/* What was last seen of a slot's endpoint. */
struct seat {
	uint32_t ifindex;
	uint64_t evicted_new, evicted_live;
	uint64_t opened;	  /* when its slices were counted last */
	uint64_t full_told_ns[2]; /* that it is full and cannot grow; by enum bh_family */
};

struct sessions {
	struct loop_timer look, sweep;
	uint32_t next; /* slot of the sweep */
	bool swept;    /* once */
	struct sessions_evicted evicted;
	uint64_t live[2], counting[2]; /* of the last sweep, and of the one under way; by enum bh_family */
	struct seat seats[BH_EP_SLOTS];
	char trouble[256]; /* said */
};

static void say_trouble(struct sessions *s, const struct bh_err *err)
{
	if (strcmp(s->trouble, err->msg))
		log_error("sessions: %s, retrying", err->msg);
	(void)snprintf(s->trouble, sizeof(s->trouble), "%s", err->msg);
}

/* ---- room ----------------------------------------------------------------------------------- */

uint32_t sessions_need(uint32_t lines, uint32_t live, uint64_t evicted)
{
	const uint64_t had = live + evicted;
	const bool crowded = live > lines / 2 || (evicted && live > lines / 4);

	if (!crowded)
		return 0;
	if (had > UINT32_MAX / 2)
		return UINT32_MAX;
	return had * 2 > lines ? (uint32_t)had * 2 : lines + 1;
}

static const struct endpoint *endpoint_at(const struct agent *a, uint32_t ifindex)
{
	size_t i;

	for (i = 0; i < a->model->endpoints.n; i++)
		if (a->model->endpoints.v[i]->ifindex == ifindex)
			return a->model->endpoints.v[i];
	return NULL;
}

static const char *family_text(enum bh_family f)
{
	return f == BH_V4 ? "IPv4" : "IPv6";
}

static void tell_full(struct agent *a, struct seat *seat, enum bh_family f, uint32_t lines)
{
	const struct endpoint *e = endpoint_at(a, seat->ifindex);
	const uint64_t now = clock_ns();
	uint32_t all, given;

	if (!e || (seat->full_told_ns[f] && now - seat->full_told_ns[f] < REMIND_NS))
		return;
	seat->full_told_ns[f] = now;
	dp_pool_use(a->dp, f, &all, &given);
	log_of(LOG_WARN, LOG_POD(e->ns, e->pod),
	       "pod '%s/%s': its %u %s sessions do not suffice and cannot be more (of %u on this node %u are given): "
	       "flows that go on are forgotten; see --sessions",
	       e->ns, e->pod, lines, family_text(f), all, given);
}

static void grow(struct agent *a, uint32_t slot, enum bh_family f, uint32_t lines, uint32_t need)
{
	struct seat *seat = &a->sessions->seats[slot];
	struct bh_err err = { "" };
	const int r = dp_slice_grow(a->dp, slot, f, need, &err);

	if (r == -ENOSPC)
		tell_full(a, seat, f, lines);
	else if (r < 0 && r != -EALREADY && r != -ENOENT)
		say_trouble(a->sessions, &err);
	else if (!r)
		log_debug("slot %u: %u %s sessions are too few, more are on their way", slot, lines,
			  family_text(f));
}

/* By what it has and has lost; one that found the pool empty at its birth may find something now. */
static void judge(struct agent *a, uint32_t slot, enum bh_family f, const struct dp_slice_use *use,
		  uint64_t evicted)
{
	const uint32_t need = use->lines ? sessions_need(use->lines, use->live, evicted) : 1;

	if (need && !use->grows)
		grow(a, slot, f, use->lines, need);
}

/* ---- evictions ------------------------------------------------------------------------------ */

static bool more_crowded(const struct dp_slice_use *a, const struct dp_slice_use *b)
{
	return (uint64_t)a->live * b->lines > (uint64_t)b->live * a->lines;
}

/* Nobody counts of which family the evicted were: of the fuller one. */
static int judge_both(struct agent *a, uint32_t slot, uint64_t evicted, struct bh_err *err)
{
	struct dp_slice_use v4, v6;
	int r = dp_slice_use(a->dp, slot, BH_V4, false, &v4, err);

	r = r ? r : dp_slice_use(a->dp, slot, BH_V6, false, &v6, err);
	if (r < 0)
		return r;
	judge(a, slot, BH_V4, &v4, more_crowded(&v6, &v4) ? 0 : evicted);
	judge(a, slot, BH_V6, &v6, more_crowded(&v6, &v4) ? evicted : 0);
	return 0;
}

static int look_at(struct agent *a, uint32_t slot, uint32_t ifindex, struct bh_err *err)
{
	struct sessions *s = a->sessions;
	struct seat *seat = &s->seats[slot];
	struct bh_ep_stat stat;
	uint64_t live;
	int r = dp_slot_stat(a->dp, slot, &stat, err);

	if (r < 0)
		return r;
	if (seat->ifindex != ifindex)
		*seat = (struct seat){ .ifindex = ifindex };
	live = stat.evicted_live - seat->evicted_live;
	s->evicted.unanswered += stat.evicted_new - seat->evicted_new;
	s->evicted.answered += live;
	seat->evicted_new = stat.evicted_new;
	seat->evicted_live = stat.evicted_live;
	if (!live && stat.opened - seat->opened < dp_slot_lines(a->dp, slot) / COUNT_AFTER)
		return 0;
	seat->opened = stat.opened;
	return judge_both(a, slot, live, err);
}

static void on_look(void *ctx)
{
	struct agent *a = ctx;
	struct bh_err err = { "" };
	uint32_t slot, ifindex;
	int r = 0;

	for (slot = 0; !r && slot < BH_EP_SLOTS; slot++) {
		ifindex = dp_slot_ifindex(a->dp, slot);
		if (ifindex)
			r = look_at(a, slot, ifindex, &err);
	}
	if (r < 0)
		say_trouble(a->sessions, &err);
	loop_timer_set(a->loop, &a->sessions->look, LOOK_MS);
}

/* ---- the sweep ------------------------------------------------------------------------------ */

static int sweep_slot(struct agent *a, uint32_t slot, struct bh_err *err)
{
	struct dp_slice_use use;
	enum bh_family f;
	int r = 0;

	for (f = BH_V4; !r && f <= BH_V6; f++) {
		r = dp_slice_use(a->dp, slot, f, true, &use, err);
		if (r < 0 || !dp_slot_ifindex(a->dp, slot))
			continue;
		a->sessions->counting[f] += use.used;
		judge(a, slot, f, &use, 0);
	}
	return r;
}

static void end_round(struct agent *a)
{
	struct sessions *s = a->sessions;

	if (!s->swept)
		dp_sweep_unowned(a->dp);
	s->swept = true;
	s->next = 0;
	memcpy(s->live, s->counting, sizeof(s->live));
	memset(s->counting, 0, sizeof(s->counting));
	dp_sweep_begin(a->dp);
	loop_timer_set(a->loop, &s->sweep, SWEEP_MS);
}

static void on_sweep(void *ctx)
{
	struct agent *a = ctx;
	struct sessions *s = a->sessions;
	const uint64_t end = clock_ns() + PORTION_NS;
	struct bh_err err = { "" };
	int r = 0;

	while (!r && s->next < BH_EP_SLOTS && clock_ns() < end) {
		if (dp_slot_ifindex(a->dp, s->next))
			r = sweep_slot(a, s->next, &err);
		s->next++;
	}
	if (r < 0)
		say_trouble(s, &err);
	if (s->next < BH_EP_SLOTS)
		loop_timer_set(a->loop, &s->sweep, 0);
	else
		end_round(a);
}

/* ---- life ----------------------------------------------------------------------------------- */

static void on_slices(void *ctx)
{
	struct agent *a = ctx;
	struct bh_err err;

	if (dp_slices_work(a->dp, &err) < 0)
		say_trouble(a->sessions, &err);
}

int sessions_new(struct agent *a, struct bh_err *err)
{
	struct sessions *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return bh_err_set(err, -ENOMEM, "no memory to follow sessions");
	a->sessions = s;
	s->look = (struct loop_timer){ .fn = on_look, .ctx = a };
	s->sweep = (struct loop_timer){ .fn = on_sweep, .ctx = a };
	dp_set_lives(a->dp, a->opt.timeouts.seconds);
	r = loop_add(a->loop, dp_slices_fd(a->dp), on_slices, a, err);
	if (r < 0)
		return r;
	loop_timer_set(a->loop, &s->look, LOOK_MS);
	loop_timer_set(a->loop, &s->sweep, LOOK_MS);
	return 0;
}

void sessions_free(struct agent *a)
{
	struct sessions *s = a->sessions;

	if (!s)
		return;
	loop_timer_unset(a->loop, &s->look);
	loop_timer_unset(a->loop, &s->sweep);
	loop_del(a->loop, dp_slices_fd(a->dp));
	free(TAKE_PTR(a->sessions));
}

struct sessions_evicted sessions_evicted(const struct agent *a)
{
	return a->sessions->evicted;
}

void sessions_live(const struct agent *a, uint64_t ret[2])
{
	memcpy(ret, a->sessions->live, sizeof(a->sessions->live));
}
