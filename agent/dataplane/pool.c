/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who has which sets: given at an endpoint's birth, taken back at its death, more when it grows. What is
 * taken back is cleared and free after a grace, since programs that run now may still be in it. The truth is
 * in the slots of bh_endpoints: an agent that was killed leaves nothing to mend but sets that nobody owns,
 * and growths that are half done.
 *
 * Growing: the new run becomes `slice` and the old one `former`, grace; whatever program runs now looks into
 * both. The agent copies what is left in the old one; `former` is none, grace; the old one is cleared.
 */
#include "dataplane/dp_internal.h"

#include <errno.h>
#include <string.h>

#include "../../bpf/session.h"
#include "util/scope.h"

/* Sets of a new endpoint, where the pool has them. */
static const uint32_t first_sets[] = { [BH_V4] = 256, [BH_V6] = 128 };

static const struct bh_slice none = { .base = BH_NO_SLICE };

static void slice_store(struct bh_slice *at, struct bh_slice slice)
{
	const union {
		struct bh_slice slice;
		uint64_t both;
	} u = { .slice = slice };

	__atomic_store_n((bh_pair *)at, u.both, __ATOMIC_RELEASE);
}

static uint16_t owner_of(uint32_t slot)
{
	return (uint16_t)(slot + 1);
}

/* ---- what is mapped ----------------------------------------------------------------------- */

static void close_windows(struct pool *p)
{
	windows_close(&p->sets[BH_V4]);
	windows_close(&p->sets[BH_V6]);
}

int pool_look(struct pool *p, enum bh_family f, struct bh_slice slice)
{
	const uint32_t sets = slice_sets(slice);
	const int r = sets ? windows_open(&p->sets[f], slice.base, sets) : 0;

	if (!r)
		p->looks++;
	return r;
}

void pool_leave(struct pool *p)
{
	if (!--p->looks)
		close_windows(p);
}

void dp_seeds_begin(struct dp *dp)
{
	dp->pool.looks++;
}

void dp_seeds_end(struct dp *dp)
{
	pool_leave(&dp->pool);
}

static int clear(struct pool *p, enum bh_family f, struct bh_slice slice)
{
	const int r = pool_look(p, f, slice);

	if (r < 0)
		return r;
	lines_clear(&p->lines[f], slice.base, slice_sets(slice));
	pool_leave(p);
	return 0;
}

/* ---- runs --------------------------------------------------------------------------------- */

/* A run of @sets or the next smaller one that there is. */
static struct bh_slice take(struct pool *p, enum bh_family f, uint32_t sets, uint32_t slot)
{
	uint32_t base = SLICES_NONE;
	struct bh_slice slice;

	while (sets && (base = slices_take(&p->slices[f], sets, owner_of(slot))) == SLICES_NONE)
		sets /= 2;
	if (!sets)
		return none;
	slice = (struct bh_slice){ .base = base, .mask = sets - 1 };
	if (clear(p, f, slice) < 0) {
		slices_hand(&p->slices[f], base, sets, 0);
		return none;
	}
	return slice;
}

/* ---- what waits for a grace --------------------------------------------------------------- */

static int begin_grace(struct pool *p)
{
	const uint64_t one = 1;
	const passing_vec none_left = p->passing;

	if (p->passing.n || !p->waiting.n)
		return 0;
	p->passing = p->waiting;
	p->waiting = none_left;
	return write(p->grace.ask, &one, sizeof(one)) == sizeof(one) ? 0 : -errno;
}

/* begin_grace() is the caller's, after its last one. */
static int wait_for_grace(struct dp *dp, const struct passing *what)
{
	struct passing *p = vec_add(&dp->pool.waiting);

	if (!p)
		return -ENOMEM;
	*p = *what;
	return 0;
}

/* No memory to wait with: the run stays nobody's until the next agent finds it. */
static void leave(struct dp *dp, uint32_t slot, enum bh_family f, struct bh_slice slice, bool ends)
{
	const struct passing p = { .family = f, .slot = slot, .slice = slice, .ends = ends };

	if (!slice_sets(slice))
		return;
	slices_hand(&dp->pool.slices[f], slice.base, slice_sets(slice), SLICES_LEAVING);
	(void)wait_for_grace(dp, &p);
}

static struct lines_owner lines_owner(struct dp *dp, uint32_t slot, uint32_t now)
{
	const struct bh_endpoint *ep = dp_endpoint(dp, slot);

	return (struct lines_owner){ .ifindex = ep->ifindex, .born = ep->born, .now = now };
}

static bool same_slice(struct bh_slice a, struct bh_slice b)
{
	return a.base == b.base && a.mask == b.mask;
}

static int copy_lines(struct pool *p, enum bh_family f, struct bh_slice from, struct bh_slice to,
		      const struct lines_owner *owner)
{
	int r = pool_look(p, f, from);

	if (r < 0)
		return r;
	r = pool_look(p, f, to);
	if (!r) {
		(void)lines_copy(&p->lines[f], from, to, owner);
		pool_leave(p);
	}
	pool_leave(p);
	return r;
}

/* All programs know the new slice by now. Not if the endpoint has gone meanwhile: then both runs have left.
 */
static int end_growth(struct dp *dp, const struct passing *p, struct bh_err *err)
{
	struct bh_endpoint *ep = dp_endpoint(dp, p->slot);
	struct lines_owner owner;
	uint32_t now;
	int r;

	if (ep->ifindex != p->ifindex || !same_slice(ep->former[p->family], p->slice))
		return 0;
	r = dp_now(dp, &now, err);
	if (r < 0)
		return r;
	owner = lines_owner(dp, p->slot, now);
	if (slice_sets(ep->slice[p->family]))
		r = copy_lines(&dp->pool, p->family, p->slice, ep->slice[p->family], &owner);
	if (r < 0)
		return bh_err_errno(err, r, "cannot look at sessions");
	slice_store(&ep->former[p->family], none);
	leave(dp, p->slot, p->family, p->slice, false);
	return 0;
}

static int end_passing(struct dp *dp, const struct passing *p, struct bh_err *err)
{
	int r;

	if (p->ifindex)
		return end_growth(dp, p, err);
	r = pool_look(&dp->pool, p->family, p->slice);
	if (r < 0)
		return bh_err_errno(err, r, "cannot look at sessions");
	if (p->ends)
		lines_end(&dp->pool.lines[p->family], p->slice);
	else
		lines_clear(&dp->pool.lines[p->family], p->slice.base, slice_sets(p->slice));
	pool_leave(&dp->pool);
	slices_hand(&dp->pool.slices[p->family], p->slice.base, slice_sets(p->slice), 0);
	return 0;
}

int dp_slices_fd(const struct dp *dp)
{
	return dp->pool.grace.done;
}

/* What fails waits for one more grace: nothing that has waited for this one is forgotten. */
int dp_slices_work(struct dp *dp, struct bh_err *err)
{
	struct pool *pool = &dp->pool;
	uint64_t n;
	int r = 0, begun;
	size_t i;

	if (read(pool->grace.done, &n, sizeof(n)) != sizeof(n))
		return 0;
	for (i = 0; i < pool->passing.n; i++) {
		const struct passing *p = &pool->passing.v[i];
		const int one = end_passing(dp, p, err);

		if (one < 0)
			(void)wait_for_grace(dp, p);
		r = r ? r : one;
	}
	vec_clear(&pool->passing);
	begun = begin_grace(pool);
	return r ? r : begun;
}

/* ---- birth and death ---------------------------------------------------------------------- */

bool pool_is_leaving(const struct dp *dp, uint32_t slot)
{
	const struct pool *p = &dp->pool;
	size_t i;

	for (i = 0; i < p->waiting.n; i++)
		if (p->waiting.v[i].slot == slot)
			return true;
	for (i = 0; i < p->passing.n; i++)
		if (p->passing.v[i].slot == slot)
			return true;
	return false;
}

int pool_give(struct dp *dp, uint32_t slot, struct bh_endpoint *ret, struct bh_err *err)
{
	enum bh_family f;
	int r = 0;

	if (pool_is_leaving(dp, slot)) /* programs may still count for the one that had it */
		r = grace_wait(&dp->pool.grace, err);
	if (!r)
		r = dp_retire_stats(dp, slot, err);
	for (f = BH_V4; !r && f <= BH_V6; f++) {
		ret->slice[f] = take(&dp->pool, f, slices_first(&dp->pool.slices[f], first_sets[f]), slot);
		ret->former[f] = none;
	}
	return r;
}

void pool_take_back(struct dp *dp, uint32_t slot)
{
	const struct bh_endpoint *ep = dp_endpoint(dp, slot);
	enum bh_family f;

	for (f = BH_V4; f <= BH_V6; f++) {
		leave(dp, slot, f, ep->slice[f], true);
		leave(dp, slot, f, ep->former[f], false);
	}
	(void)begin_grace(&dp->pool); /* what fails now is tried again with the next one */
}

/* ---- growth ------------------------------------------------------------------------------- */

static int begin_growth(struct dp *dp, uint32_t slot, enum bh_family f, struct bh_slice slice)
{
	struct bh_endpoint *ep = dp_endpoint(dp, slot);
	const struct passing p = { .family = f, .slot = slot, .ifindex = ep->ifindex, .slice = ep->slice[f] };
	int r;

	if (!slice_sets(p.slice)) { /* it had none: nobody to wait for */
		slice_store(&ep->slice[f], slice);
		return 0;
	}
	slice_store(&ep->former[f], p.slice); /* first: nothing may be in neither */
	slice_store(&ep->slice[f], slice);
	r = wait_for_grace(dp, &p);
	return r ? r : begin_grace(&dp->pool);
}

int dp_slice_grow(struct dp *dp, uint32_t slot, enum bh_family f, uint32_t lines, struct bh_err *err)
{
	struct slices *s = &dp->pool.slices[f];
	const struct bh_endpoint *ep = dp_endpoint(dp, slot);
	const uint32_t have = slice_sets(ep->slice[f]), need = (lines + BH_WAYS - 1) / BH_WAYS;
	const uint32_t sets = have ? slices_larger(s, have, need) : slices_first(s, first_sets[f]);
	struct bh_slice slice = none;
	int r;

	if (!ep->ifindex)
		return -ENOENT;
	if (slice_sets(ep->former[f]))
		return -EALREADY;
	if (sets)
		slice = take(&dp->pool, f, sets, slot);
	if (slice_sets(slice) <= have) {
		if (slice_sets(slice))
			slices_hand(s, slice.base, slice_sets(slice), 0);
		return -ENOSPC;
	}
	r = begin_growth(dp, slot, f, slice);
	return r < 0 ? bh_err_errno(err, r, "cannot let a slice of sessions grow") : 0;
}

int pool_grow_now(struct dp *dp, uint32_t slot, enum bh_family f, struct bh_err *err)
{
	const struct bh_endpoint *ep = dp_endpoint(dp, slot);
	const struct bh_slice before = ep->slice[f];
	const struct passing p = { .family = f, .slot = slot, .ifindex = ep->ifindex, .slice = before };
	int r = dp_slice_grow(dp, slot, f, 2 * slice_sets(before) * BH_WAYS, err);

	if (r < 0)
		return r;
	r = grace_wait(&dp->pool.grace, err);
	return r < 0 ? r
		     : end_growth(dp, &p, err); /* when its turn comes there is nothing left of it to do */
}

/* ---- adopting ----------------------------------------------------------------------------- */

/* What a live endpoint says that it has; words that make no sense are of no use to the programs either. */
static void adopt_run(struct dp *dp, uint32_t slot, enum bh_family f, struct bh_slice *at)
{
	const uint32_t sets = slice_sets(*at);

	if (sets && slices_claim(&dp->pool.slices[f], at->base, sets, owner_of(slot)) < 0)
		slice_store(at, none);
}

static int adopt_slot(struct dp *dp, uint32_t slot)
{
	struct bh_endpoint *ep = dp_endpoint(dp, slot);
	enum bh_family f;
	int r = 0;

	for (f = BH_V4; !r && f <= BH_V6; f++) {
		struct passing p = { .family = f, .slot = slot, .ifindex = ep->ifindex };

		adopt_run(dp, slot, f, &ep->slice[f]);
		adopt_run(dp, slot, f, &ep->former[f]);
		p.slice = ep->former[f];
		if (slice_sets(p.slice)) /* half grown when its agent ended */
			r = wait_for_grace(dp, &p);
	}
	return r;
}

/* Others' programs may still be in what the last agent took back and nobody has yet. */
static int adopt_all(struct dp *dp, struct bh_err *err)
{
	uint32_t slot;
	int r = 0;

	for (slot = 0; !r && slot < BH_EP_SLOTS; slot++)
		if (dp_endpoint(dp, slot)->ifindex)
			r = adopt_slot(dp, slot);
	r = r ? r : begin_grace(&dp->pool);
	return r < 0 ? bh_err_errno(err, r, "cannot take over slices of sessions")
		     : grace_wait(&dp->pool.grace, err);
}

static int init_array(struct dp *dp, enum bh_family f)
{
	struct pool *p = &dp->pool;
	uint32_t sets = 1;

	while (sets * 2 <= p->sets[f].n)
		sets *= 2;
	p->lines[f] = (struct lines){ .at = p->sets[f].at,
				      .wide = f == BH_V6,
				      .seed = dp_meta(dp)->seed,
				      .ended = dp->ended.at,
				      .rules = dp->ended.n };
	return slices_init(&p->slices[f], sets);
}

int pool_open(struct dp *dp, bool adopted, struct bh_err *err)
{
	struct pool *p = &dp->pool;
	int r = windows_init(&p->sets[BH_V4], DP_FD(dp, bh_sess4), "bh_sess4", err);

	r = r ? r : windows_init(&p->sets[BH_V6], DP_FD(dp, bh_sess6), "bh_sess6", err);
	if (r < 0)
		return r;
	r = init_array(dp, BH_V4);

	r = r ? r : init_array(dp, BH_V6);
	if (r < 0)
		return bh_err_set(err, r, "no memory for slices of sessions");
	r = grace_init(&dp->pool.grace, err);
	return r || !adopted ? r : adopt_all(dp, err);
}

void pool_close(struct dp *dp)
{
	struct pool *p = &dp->pool;

	grace_done(&p->grace);
	slices_done(&p->slices[BH_V4]);
	slices_done(&p->slices[BH_V6]);
	vec_done(&p->waiting);
	vec_done(&p->passing);
	lines_busy_done(&p->busy);
	windows_done(&p->sets[BH_V4]);
	windows_done(&p->sets[BH_V6]);
}
