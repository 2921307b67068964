/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions as they lie in the slices of live endpoints: list, store, count and sweep, without system calls.
 */
#include "dataplane/dp_internal.h"

#include <errno.h>
#include <string.h>

#include "../../bpf/session.h"
#include "util/scope.h"

int dp_slot(const struct dp *dp, uint32_t ifindex)
{
	uint32_t slot = ifindex & (BH_EP_DIRECT - 1);

	if (!ifindex)
		return -ENOENT;
	if (dp_endpoint(dp, slot)->ifindex == ifindex)
		return (int)slot;
	for (slot = BH_EP_DIRECT; slot < BH_EP_SLOTS; slot++)
		if (dp_endpoint(dp, slot)->ifindex == ifindex)
			return (int)slot;
	return -ENOENT;
}

uint32_t dp_slot_ifindex(const struct dp *dp, uint32_t slot)
{
	return dp_endpoint(dp, slot)->ifindex;
}

uint32_t dp_slot_lines(const struct dp *dp, uint32_t slot)
{
	const uint32_t v4 = slice_sets(dp_endpoint(dp, slot)->slice[BH_V4]),
		       v6 = slice_sets(dp_endpoint(dp, slot)->slice[BH_V6]);

	return BH_WAYS * (v4 < v6 ? v4 : v6);
}

/* ---- list ----------------------------------------------------------------------------------- */

struct walk {
	struct dp *dp;
	uint32_t now;
	const struct bh_endpoint *ep;
	bool kept; /* those that are over, too */
	const struct lines *lines;
	const struct bh_slice *newer; /* a session that is there too was told already */
	int (*each)(void *ctx, const struct dp_session *s);
	void *ctx;
	int failed; /* to look at them */
};

static int tell(void *ctx, const struct bh_flow6 *flow, const struct bh_session *s)
{
	const struct walk *w = ctx;
	const bool over = session_is_over(s, w->now) || word_is_dead(s->word, w->ep->born);
	const int32_t since = (int32_t)(w->now - s->seen);
	const uint32_t idle = since < 0 ? 0 : (uint32_t)since; /* @now is a moment old */
	const struct dp_session told = {
		.flow = *flow,
		.session = *s,
		.idle_ms = (uint64_t)idle * 1000 / w->dp->hz,
		.left_ms = over ? 0 : (uint64_t)(s->life - idle) * 1000 / w->dp->hz,
		.over = over,
		.stale = word_epoch(s->word) != READ_ONCE(w->ep->epoch), /* now: @s was read before */
	};

	if ((over && !w->kept) || (w->newer && lines_have(w->lines, *w->newer, flow)))
		return 0;
	return w->each(w->ctx, &told);
}

static int look_both(struct dp *dp, enum bh_family f, const struct bh_endpoint *ep, struct bh_err *err)
{
	int r = pool_look(&dp->pool, f, ep->slice[f]);

	if (!r) {
		r = pool_look(&dp->pool, f, ep->former[f]);
		if (r < 0)
			pool_leave(&dp->pool);
	}
	return r < 0 ? bh_err_errno(err, r, "cannot look at the sessions of interface %u", ep->ifindex) : 0;
}

static void leave_both(struct dp *dp)
{
	pool_leave(&dp->pool);
	pool_leave(&dp->pool);
}

static int tell_slot(struct walk *w, const struct bh_endpoint *ep, struct bh_err *err)
{
	enum bh_family f;
	int r = 0;

	w->ep = ep;
	for (f = BH_V4; !r && f <= BH_V6; f++) {
		w->failed = look_both(w->dp, f, ep, err);
		if (w->failed)
			return w->failed;
		w->lines = &w->dp->pool.lines[f];
		w->newer = NULL;
		r = lines_each(w->lines, ep->slice[f], ep->ifindex, tell, w);
		w->newer = &ep->slice[f];
		r = r ? r : lines_each(w->lines, ep->former[f], ep->ifindex, tell, w);
		leave_both(w->dp);
	}
	return r;
}

int dp_slot_sessions(struct dp *dp, uint32_t slot, int (*each)(void *ctx, const struct dp_session *s),
		     void *ctx, struct bh_err *err)
{
	struct walk w = { .dp = dp, .each = each, .ctx = ctx };
	const int r = dp_now(dp, &w.now, err);

	if (!r && dp_endpoint(dp, slot)->ifindex)
		(void)tell_slot(&w, dp_endpoint(dp, slot), err);
	return r ? r : w.failed;
}

static int tell_all(struct walk *w, struct bh_err *err)
{
	uint32_t slot;
	int r = dp_now(w->dp, &w->now, err);

	if (r < 0)
		return r;
	for (slot = 0; !r && slot < BH_EP_SLOTS; slot++)
		if (dp_endpoint(w->dp, slot)->ifindex)
			r = tell_slot(w, dp_endpoint(w->dp, slot), err);
	return w->failed;
}

int dp_sessions(struct dp *dp, int (*each)(void *ctx, const struct dp_session *s), void *ctx,
		struct bh_err *err)
{
	return tell_all(&(struct walk){ .dp = dp, .each = each, .ctx = ctx }, err);
}

int dp_sessions_kept(struct dp *dp, int (*each)(void *ctx, const struct dp_session *s), void *ctx,
		     struct bh_err *err)
{
	return tell_all(&(struct walk){ .dp = dp, .each = each, .ctx = ctx, .kept = true }, err);
}

/* ---- store ---------------------------------------------------------------------------------- */

static struct bh_session session_of(const struct dp *dp, const struct dp_seed *seed, uint32_t now)
{
	const enum bh_state state = seed->replied ? BH_ESTABLISHED : BH_NEW;

	return (struct bh_session){
		.word = session_word(0, seed->opener == BH_EGRESS ? BH_SESS_OPENER : 0, seed->epoch),
		.seen = now,
		.life = dp_meta(dp)->life[session_life(seed->flow.proto, state)],
		.state = (uint8_t)state,
		.flags = seed->replied ? BH_SESS_REPLIED : 0,
	};
}

typedef int (*put_fn)(const struct lines *l, struct bh_slice slice, const struct lines_owner *o,
		      const struct bh_flow6 *flow, const struct bh_session *fresh);

/* Where there is no room the slice grows, as often as the pool has more. */
static int put(struct dp *dp, uint32_t slot, const struct bh_flow6 *flow, const struct bh_session *fresh,
	       uint32_t now, put_fn put_line)
{
	const enum bh_family f = dp_addr_is_v4(&flow->local) ? BH_V4 : BH_V6;
	const struct bh_endpoint *ep = dp_endpoint(dp, slot);
	const struct lines_owner owner = { .ifindex = ep->ifindex, .born = ep->born, .now = now };
	int r;

	do {
		r = slice_sets(ep->slice[f]) ? pool_look(&dp->pool, f, ep->slice[f]) : -ENOSPC;
		if (r)
			continue;
		r = put_line(&dp->pool.lines[f], ep->slice[f], &owner, flow, fresh);
		pool_leave(&dp->pool);
	} while (r == -ENOSPC && pool_grow_now(dp, slot, f, NULL) == 0);
	return r;
}

int dp_session_seed(struct dp *dp, const struct dp_seed *seed, struct bh_err *err)
{
	const int slot = dp_slot(dp, seed->flow.ifindex);
	struct bh_session fresh;
	uint32_t now;
	int r = slot < 0 ? slot : dp_now(dp, &now, err);

	if (!r) {
		fresh = session_of(dp, seed, now);
		r = put(dp, (uint32_t)slot, &seed->flow, &fresh, now, lines_put);
	}
	if (r == -EEXIST)
		return 0;
	return r < 0 ? bh_err_errno(err, r, "cannot store a session of interface %u", seed->flow.ifindex) : 0;
}

int dp_session_put(struct dp *dp, const struct bh_flow6 *flow, const struct bh_session *s, uint32_t now)
{
	const int slot = dp_slot(dp, flow->ifindex);
	const enum bh_life life =
		s->flags & BH_SESS_CUT ? BH_LIFE_CUT : session_life(flow->proto, (enum bh_state)s->state);
	struct bh_session fresh = *s;
	int r;

	if (slot < 0)
		return 0;
	fresh.life = dp_meta(dp)->life[life];
	r = session_is_over(&fresh, now) ? -EEXIST
					 : put(dp, (uint32_t)slot, flow, &fresh, now, lines_put_later);
	return r == -EEXIST || r == -ENOSPC ? 0 : r ? r : 1;
}

void dp_set_lives(struct dp *dp, const uint32_t seconds[BH_LIFE_MAX])
{
	int i;

	for (i = 0; i < BH_LIFE_MAX; i++)
		__atomic_store_n(&dp_meta(dp)->life[i], seconds[i] * dp->hz, __ATOMIC_RELAXED);
}

/* ---- count and sweep ------------------------------------------------------------------------ */

static void add(struct lines_use *sum, struct lines_use more)
{
	sum->used += more.used;
	sum->live += more.live;
}

/* What grows has sessions in both slices, some for a moment twice. */
int dp_slice_use(struct dp *dp, uint32_t slot, enum bh_family f, bool sweep, struct dp_slice_use *ret,
		 struct bh_err *err)
{
	const struct bh_endpoint *ep = dp_endpoint(dp, slot);
	struct lines_busy *busy = sweep ? &dp->pool.busy : NULL;
	struct lines_owner owner = { .ifindex = ep->ifindex, .born = ep->born };
	struct lines_use use = { 0 };
	int r = dp_now(dp, &owner.now, err);

	if (r < 0)
		return r;
	*ret = (struct dp_slice_use){ 0 };
	if (!ep->ifindex)
		return 0;
	r = look_both(dp, f, ep, err);
	if (r < 0)
		return r;
	add(&use, lines_sweep(&dp->pool.lines[f], ep->slice[f], &owner, busy));
	add(&use, lines_sweep(&dp->pool.lines[f], ep->former[f], &owner, busy));
	leave_both(dp);
	*ret = (struct dp_slice_use){ .lines = slice_sets(ep->slice[f]) * BH_WAYS,
				      .used = use.used,
				      .live = use.live,
				      .grows = slice_sets(ep->former[f]) };
	return 0;
}

void dp_sweep_begin(struct dp *dp)
{
	lines_busy_turn(&dp->pool.busy);
}

#define AT_ONCE 512u /* sets that are looked at; a power of two, as are all sizes */

static void clear_unowned(struct dp *dp, enum bh_family f, struct bh_slice part)
{
	const struct lines *l = &dp->pool.lines[f];
	uint32_t set;

	for (set = part.base; set <= part.base + part.mask; set++)
		if (!dp->pool.slices[f].owner[set] && !lines_are_clear(l, set, 1))
			lines_clear(l, set, 1);
}

/* What cannot be looked at is cleared when somebody gets it. */
void dp_sweep_unowned(struct dp *dp)
{
	enum bh_family f;
	uint32_t base;

	for (f = BH_V4; f <= BH_V6; f++) {
		const uint32_t n = dp->pool.slices[f].n, part = n < AT_ONCE ? n : AT_ONCE;

		for (base = 0; base < n; base += part) {
			const struct bh_slice slice = { .base = base, .mask = part - 1 };

			if (pool_look(&dp->pool, f, slice) < 0)
				continue;
			clear_unowned(dp, f, slice);
			pool_leave(&dp->pool);
		}
	}
}

void dp_pool_use(const struct dp *dp, enum bh_family f, uint32_t *ret_lines, uint32_t *ret_given)
{
	*ret_lines = dp->pool.slices[f].n * BH_WAYS;
	*ret_given = dp->pool.slices[f].used * BH_WAYS;
}
