/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Transitional classes and aliases of policy sets: what is needed while addresses and endpoints both
 * move, so that no reader can hold one half of each world. delta.c says why.
 */
#include "policy/work.h"

#include <errno.h>

static bool classes_move(const struct work *w)
{
	size_t i;

	for (i = 0; i < w->pairs.n; i++)
		if (w->pairs.v[i].from != w->pairs.v[i].to)
			return true;
	return false;
}

/* Whether some reader could hold a policy set of one world and a class of the other. An interface that goes
 * sends nothing any more; one that becomes isolated does. */
static bool needs_transition(const struct work *w)
{
	size_t i;

	if (!classes_move(w))
		return false;
	for (i = 0; i < w->flips.n; i++) {
		const struct flip *f = &w->flips.v[i];

		if (f->from && f->from != f->to && (!f->gone || !work_holds(&w->settled, f->from)))
			return true;
	}
	return false;
}

static int copy_row(struct work *w, const struct bh_row *row, uint32_t set, uint32_t class, uint32_t dir)
{
	const struct actual_row copy = {
		.key = { .policy_set = set, .class = class, .dir = dir },
		.row = row ? *row : (struct bh_row){ 0 },
	};
	struct bh_row_key *k;

	if (!row)
		return 0; /* none of its own: it is that of class 0, as for the class copied from */
	k = vec_add(&w->passing);
	if (!k)
		return -ENOMEM;
	*k = copy.key;
	return work_row(w, &copy);
}

/* The rows of one transitional class: old ones for policy sets that live, new ones for the others. */
static int add_transition(struct work *w, struct pair *p)
{
	uint32_t dir;
	size_t i;
	int r = work_passing_id(w, BH_ID_CLASS, 0, &p->via);
	struct bh_id_key *k;

	if (r < 0)
		return r;
	k = vec_add(&w->passing_ids);
	if (!k)
		return -ENOMEM;
	*k = (struct bh_id_key){ .kind = BH_ID_CLASS, .id = p->via };
	for (dir = BH_INGRESS; dir <= BH_EGRESS; dir++) {
		for (i = 0; !r && i < w->live.n; i++) {
			const struct bh_row_key key = { w->live.v[i], p->from, dir };

			if (p->from)
				r = copy_row(w, work_find_row(&w->actual->rows, &key), w->live.v[i], p->via,
					     dir);
		}
		for (i = 0; !r && i < w->settled.n; i++) {
			const struct bh_row_key key = { w->settled.v[i], p->to, dir };

			if (p->to && !work_holds(&w->live, w->settled.v[i]))
				r = copy_row(w, work_find_row(&w->rows, &key), w->settled.v[i], p->via, dir);
		}
	}
	return r;
}

static int add_alias_row(struct work *w, const struct actual_row *from, uint32_t alias)
{
	struct actual_row copy = *from;

	copy.key.policy_set = alias;
	return work_row(w, &copy);
}

/* A second name for @set that means, in every class, what @set will mean. Its rows stay until the second
 * pass, but for those of transitional classes: they go with the class, whose number the next plan may take.
 */
static int add_alias(struct work *w, uint32_t set, uint32_t *ret)
{
	uint32_t dir;
	size_t i;
	int r = work_passing_id(w, BH_ID_SET, set & ~BH_SET_ID(set), ret);

	if (!r)
		r = work_keep_id(w, BH_ID_SET, *ret);
	for (i = 0; !r && i < w->rows.n; i++)
		if (w->rows.v[i].key.policy_set == set)
			r = add_alias_row(w, &w->rows.v[i], *ret);
	for (i = 0; !r && i < w->pairs.n; i++) {
		const struct pair *p = &w->pairs.v[i];

		for (dir = BH_INGRESS; !r && p->via && p->to && dir <= BH_EGRESS; dir++) {
			const struct bh_row_key key = { set, p->to, dir };

			r = copy_row(w, work_find_row(&w->rows, &key), *ret, p->via, dir);
		}
	}
	w->plan->again = true;
	return r;
}

static int add_aliases(struct work *w)
{
	size_t i, j;
	int r = 0;

	for (i = 0; !r && i < w->flips.n; i++) {
		struct flip *f = &w->flips.v[i];

		if (!f->to || f->from == f->to || !work_holds(&w->live, f->to))
			continue;
		for (j = 0; j < i; j++)
			if (w->flips.v[j].to == f->to && w->flips.v[j].via != f->to)
				break;
		if (j < i)
			f->via = w->flips.v[j].via;
		else
			r = add_alias(w, f->to, &f->via);
	}
	return r;
}

int work_add_transitions(struct work *w)
{
	size_t i;
	int r = 0;

	w->transitional = needs_transition(w);
	if (!w->transitional)
		return 0;
	for (i = 0; !r && i < w->pairs.n; i++)
		if (w->pairs.v[i].from != w->pairs.v[i].to)
			r = add_transition(w, &w->pairs.v[i]);
	for (i = 0; i < w->moves.n; i++) {
		struct move *m = &w->moves.v[i];
		const struct pair key = { .from = BH_CLASS_ID(m->from), .to = BH_CLASS_ID(m->to) };
		const struct pair *p = vec_find(&w->pairs, &key, work_cmp_pair);

		m->via = p && p->via ? p->via | (m->from & BH_CLASS_NODE) : m->from;
	}
	return r ? r : add_aliases(w);
}
