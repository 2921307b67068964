/* SPDX-License-Identifier: Apache-2.0 */
/* Which interfaces stay, change their policy set or go, and which of them lose an allow by it. */
#include "policy/work.h"

#include <errno.h>
#include <string.h>

/* That it was adopted a moment ago passes, and it is the same interface before and after. */
static bool same_identity(const struct bh_endpoint *have, const struct table_endpoint *want)
{
	return !memcmp(have->mac, want->mac, sizeof(have->mac)) &&
	       !((have->flags ^ want->flags) & ~BH_EP_ADOPTED) && have->addrs == want->addrs &&
	       !memcmp(have->addr, want->addr, want->addrs * sizeof(*want->addr));
}

static const struct table_endpoint *wanted_endpoint(const struct tables *t, uint32_t ifindex)
{
	size_t i;

	for (i = 0; i < t->endpoints.n; i++)
		if (t->endpoints.v[i].ifindex == ifindex)
			return &t->endpoints.v[i];
	return NULL;
}

int work_find_flips(struct work *w)
{
	uint32_t slot;

	for (slot = 0; slot < BH_EP_SLOTS; slot++) {
		const struct bh_endpoint *have = &w->actual->endpoints[slot];
		const struct table_endpoint *want;
		struct flip *f;

		if (!have->ifindex)
			continue;
		w->ep_used[slot] = 1;
		f = vec_add(&w->flips);
		if (!f || (have->policy_set && work_u32(&w->live, have->policy_set) < 0))
			return -ENOMEM;
		want = wanted_endpoint(w->wanted, have->ifindex);
		f->slot = slot;
		f->from = have->policy_set;
		f->replaced = want && !same_identity(have, want);
		f->gone = !want || f->replaced;
		f->flags = want ? want->flags : 0;
		f->reflag = !f->gone && have->flags != want->flags;
		f->to = f->via = f->gone ? 0 : work_word_of(w, want);
	}
	UNIQUE(&w->live, work_cmp_u32);
	return 0;
}

/* ---- who loses ---------------------------------------------------------------------------- */

static struct row_view view_before(const struct work *w, uint32_t set, uint32_t class, uint32_t dir)
{
	return row_view(actual_row(w->actual, set, class, dir), w->ranges);
}

static const struct bh_row *wanted_row(const struct work *w, uint32_t set, uint32_t class, uint32_t dir)
{
	struct bh_row_key key = { .policy_set = set, .class = class, .dir = dir };
	const struct bh_row *row = work_find_row(&w->rows, &key);

	if (row || !class)
		return row;
	key.class = BH_CLASS_NONE;
	return work_find_row(&w->rows, &key);
}

static bool change_loses(const struct work *w, uint32_t from, uint32_t to)
{
	uint32_t dir;
	size_t i;

	for (i = 0; i < w->pairs.n; i++) {
		const struct pair *p = &w->pairs.v[i];

		if (from == to && p->from == p->to)
			continue;
		for (dir = BH_INGRESS; dir <= BH_EGRESS; dir++)
			if (row_loses(view_before(w, from, p->from, dir),
				      row_view(wanted_row(w, to, p->to, dir), w->ranges)))
				return true;
	}
	return false;
}

/* An address that is no longer this node's: sessions with it stand on the host rule. */
static bool node_address_lost(const struct work *w)
{
	size_t i;

	for (i = 0; i < w->moves.n; i++)
		if (w->moves.v[i].from & ~w->moves.v[i].to & BH_CLASS_NODE)
			return true;
	return false;
}

void work_find_losers(struct work *w)
{
	const bool all = node_address_lost(w);
	size_t i, j;

	for (i = 0; i < w->flips.n; i++) {
		struct flip *f = &w->flips.v[i];

		if (f->gone)
			continue;
		for (j = 0; j < i; j++) /* the same question, answered before */
			if (!w->flips.v[j].gone && w->flips.v[j].from == f->from && w->flips.v[j].to == f->to)
				break;
		f->loses = j < i ? w->flips.v[j].loses : all || (f->from && change_loses(w, f->from, f->to));
		w->plan->losers += f->loses;
	}
}
