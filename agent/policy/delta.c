/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Planning a change of the maps so that every verdict is either that of the world before or that of
 * the world after, whichever packet asks at whichever moment.
 *
 * A verdict comes from three reads: the endpoint's policy-set word, the address's class word, and the
 * row of the two. Rows never change once they can be reached. If only class words move, or only
 * policy-set words, each verdict turns with one store. If both move, every moving address first goes
 * to a transitional class, whose rows are copies: for policy sets of the world before, of the row its
 * old class had; for new ones, of the row its new class will have. Then policy-set words flip, then the
 * addresses go on to their new classes. A policy set that is in both worlds and gains an endpoint would
 * have to mean both at once: the endpoint goes by way of an alias of it, and a second pass brings it home.
 */
#include "policy/delta.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policy/work.h"
#include "util/scope.h"

#define NO_SLOT UINT32_MAX

static int add_location_step(struct work *w, enum step_kind addr, enum step_kind cidr, const struct move *m)
{
	struct step *s = work_step(w, m->is_block ? cidr : addr);

	if (!s)
		return -ENOMEM;
	s->location.cidr = m->cidr;
	s->location.slot = m->slot;
	return 0;
}

/* Class words to where they go now; new locations are hung in with their word already set. */
static int move_words(struct work *w, bool via, bool hang_in)
{
	size_t i;
	int r = 0;

	for (i = 0; !r && i < w->moves.n; i++) {
		const struct move *m = &w->moves.v[i];
		const uint32_t word = via ? m->via : m->to;
		const uint32_t now = hang_in ? m->from : m->via;

		if (word != now || (m->insert && hang_in))
			r = work_word(w, STEP_CLASS_WORD, m->slot, word);
		if (!r && m->insert && hang_in)
			r = add_location_step(w, STEP_ADDR_SET, STEP_CIDR_SET, m);
	}
	return r;
}

static int flip_sets(struct work *w)
{
	size_t i;
	int r = 0;

	for (i = 0; !r && i < w->flips.n; i++) {
		const struct flip *f = &w->flips.v[i];

		if (f->gone && !f->replaced)
			r = work_word(w, STEP_EP_DEL, f->slot, 0);
		else if (!f->gone && f->via != f->from)
			r = work_word(w, STEP_EP_SET, f->slot, f->via);
		if (!r && f->reflag)
			r = work_word(w, STEP_EP_FLAGS, f->slot, f->flags);
	}
	return r;
}

/* Slots are as abi.h says; one that is freed in this plan is not used again in it. */
static uint32_t take_ep_slot(struct work *w, uint32_t ifindex)
{
	uint32_t slot = ifindex & (BH_EP_DIRECT - 1);

	if (w->ep_used[slot])
		for (slot = BH_EP_DIRECT; slot < BH_EP_SLOTS && w->ep_used[slot]; slot++)
			;
	if (slot == BH_EP_SLOTS)
		return NO_SLOT;
	w->ep_used[slot] = 1;
	return slot;
}

static int new_endpoint(struct work *w, const struct table_endpoint *e)
{
	struct step *s = work_step(w, STEP_EP_NEW);

	if (!s)
		return -ENOMEM;
	s->ep.slot = take_ep_slot(w, e->ifindex);
	if (s->ep.slot == NO_SLOT)
		return work_full(w, MAP_ENDPOINTS, w->wanted->endpoints.n);
	w->epoch += 2;
	s->ep.ep = (struct bh_endpoint){
		.ifindex = e->ifindex,
		.policy_set = work_word_of(w, e),
		.epoch = w->epoch,
		.born = w->epoch - 1,
		.flags = e->flags,
		.addrs = e->addrs,
	};
	memcpy(s->ep.ep.mac, e->mac, sizeof(e->mac));
	memcpy(s->ep.ep.addr, e->addr, e->addrs * sizeof(*e->addr));
	return 0;
}

static const struct flip *live_flip(const struct work *w, uint32_t ifindex)
{
	size_t i;

	for (i = 0; i < w->flips.n; i++)
		if (w->actual->endpoints[w->flips.v[i].slot].ifindex == ifindex)
			return &w->flips.v[i];
	return NULL;
}

/* New interfaces come when all classes are in place; one that replaces another is there before that goes. */
static int new_endpoints(struct work *w)
{
	size_t i;
	int r = 0;

	for (i = 0; !r && i < w->wanted->endpoints.n; i++) {
		const struct table_endpoint *e = &w->wanted->endpoints.v[i];
		const struct flip *f = live_flip(w, e->ifindex);

		if (!f || f->replaced)
			r = new_endpoint(w, e);
		if (!r && f && f->replaced)
			r = work_word(w, STEP_EP_DEL, f->slot, 0);
	}
	return r;
}

static int raise_epochs(struct work *w)
{
	size_t i;
	int r;

	if (!w->plan->losers)
		return 0;
	r = work_grace(w); /* whoever still decides by the old words stamps the old epoch */
	for (i = 0; !r && i < w->flips.n; i++)
		if (w->flips.v[i].loses)
			r = work_word(w, STEP_EP_EPOCH, w->flips.v[i].slot, ++w->epoch);
	return r;
}

static int del_row(struct work *w, const struct bh_row_key *key)
{
	struct step *s = work_step(w, STEP_ROW_DEL);

	if (!s)
		return -ENOMEM;
	s->row.key = *key;
	return 0;
}

static int del_id(struct work *w, const struct bh_id_key *key)
{
	struct step *s = work_step(w, STEP_ID_DEL);

	if (!s)
		return -ENOMEM;
	s->id.key = *key;
	return 0;
}

static int delete_rows(struct work *w)
{
	size_t i;
	int r = 0;

	for (i = 0; !r && i < w->actual->rows.n; i++)
		if (!work_find_row(&w->rows, &w->actual->rows.v[i].key))
			r = del_row(w, &w->actual->rows.v[i].key);
	for (i = 0; !r && i < w->passing.n; i++)
		r = del_row(w, &w->passing.v[i]);
	return r;
}

/* Ids after the rows that name them: a crash in between leaves names without use, never the reverse. */
static int delete_ids(struct work *w)
{
	size_t i;
	int r = 0;

	vec_sort(&w->keep, key_id);
	for (i = 0; !r && i < w->actual->ids.n; i++)
		if (!vec_find(&w->keep, &w->actual->ids.v[i].key, key_id))
			r = del_id(w, &w->actual->ids.v[i].key);
	for (i = 0; !r && i < w->passing_ids.n; i++)
		r = del_id(w, &w->passing_ids.v[i]);
	return r;
}

/* Unlinking: first nobody may reach it (grace), then it goes, and nothing new goes into those maps
 * before every reader has let go (grace): a hash element is recycled at once. */
static int delete_unused(struct work *w)
{
	const size_t before = w->plan->steps.n;
	size_t i;
	int r = work_grace(w);

	for (i = 0; !r && i < w->moves.n; i++)
		if (w->moves.v[i].remove)
			r = add_location_step(w, STEP_ADDR_DEL, STEP_CIDR_DEL, &w->moves.v[i]);
	if (!r && !w->patch)
		r = delete_rows(w);
	if (!r && !w->patch)
		r = delete_ids(w);
	if (r)
		return r;
	if (w->plan->steps.n == before + 1) {
		w->plan->steps.n = before; /* nothing to delete: no wait either */
		return 0;
	}
	return work_grace(w);
}

static int check_capacity(struct work *w)
{
	const struct actual_sizes *size = &w->actual->size;

	if (w->addrs > size->addrs)
		return work_full(w, MAP_ADDRS, w->addrs);
	if (w->cidrs > size->cidrs)
		return work_full(w, MAP_CIDRS, w->cidrs);
	if (w->row_count > size->rows)
		return work_full(w, MAP_ROWS, w->row_count);
	return 0;
}

/* What is reachable changes here and only here; see the top of this file. */
static int switch_over(struct work *w)
{
	int r;

	if (w->transitional) {
		r = move_words(w, true, true);
		r = r ? r : work_grace(w);
		r = r ? r : flip_sets(w);
		r = r ? r : work_grace(w);
		r = r ? r : move_words(w, false, false);
	} else {
		r = move_words(w, false, true);
		r = r ? r : flip_sets(w);
	}
	r = r ? r : new_endpoints(w);
	return r ? r : raise_epochs(w);
}

static int find_out(struct work *w)
{
	int r;

	if (w->patch)
		return work_patch(w);
	r = work_assign_ids(w);
	r = r ? r : work_add_rows(w);
	r = r ? r : work_find_moves(w);
	return r ? r : work_find_flips(w);
}

static int make_plan(struct work *w)
{
	int r = find_out(w);

	if (r)
		return r;
	work_find_losers(w);
	r = work_add_transitions(w);
	r = r ? r : check_capacity(w);
	r = r ? r : switch_over(w);
	return r ? r : delete_unused(w);
}

int delta_plan(const struct tables *wanted, const struct actual *actual, const struct model *model,
	       struct plan **ret, struct bh_err *err)
{
	struct work w = { .model = model, .err = err };
	int r = work_init(&w, wanted, actual);

	if (!r)
		r = make_plan(&w);
	if (r == -ENOMEM)
		(void)bh_err_set(err, r, "out of memory");
	if (!r)
		*ret = TAKE_PTR(w.plan);
	work_done(&w);
	return r;
}

void plan_free(struct plan *p)
{
	if (!p)
		return;
	vec_done(&p->steps);
	free(p);
}
