/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is found out where the maps hold all that is wanted, but for some addresses that have another class
 * now: rows, ids and interfaces are as they were, and nothing is looked at but what moves.
 */
#include "policy/work.h"

#include <errno.h>
#include <string.h>

#include "policy/order.h"

/* That one of its classes has; it is there. Kinds are neighbours, so this is a walk along the classes. */
static uint32_t class_id(const struct work *w, uint32_t class)
{
	const struct bh_id_key first = { .kind = BH_ID_CLASS };
	const uint8_t *hash = w->wanted->classes.v[class].hash.b;
	const __typeof__(w->actual->ids) *ids = &w->actual->ids;
	size_t lo = 0, hi = ids->n;

	while (lo < hi) {
		const size_t mid = lo + (hi - lo) / 2;

		if (key_id(&ids->v[mid], &first) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	for (; lo < ids->n && ids->v[lo].key.kind == BH_ID_CLASS; lo++)
		if (!memcmp(ids->v[lo].id.hash, hash, sizeof(ids->v[lo].id.hash)))
			return ids->v[lo].key.id;
	return BH_CLASS_NONE;
}

static void learn_class(struct work *w, uint32_t class)
{
	if (class && !w->class_id[class])
		w->class_id[class] = class_id(w, class);
}

static int find_moves(struct work *w)
{
	const struct pair none = {};
	struct pair *p = vec_add(&w->pairs);
	size_t i;
	int r = p ? 0 : -ENOMEM;

	if (p)
		*p = none;
	for (i = 0; !r && i < w->wanted->moved.n; i++) {
		const struct actual_location before = { .cidr = w->wanted->moved.v[i] };
		const struct table_location after = { .cidr = before.cidr };
		const struct actual_location *have = vec_find(&w->actual->locations, &before, key_location);
		const struct table_location *want =
			vec_find(&w->wanted->locations, &after, policy_location_cmp);

		learn_class(w, want ? want->class : work_class_around(w->wanted, &before.cidr, false));
		if (have || want)
			r = work_move(w, have, want);
	}
	UNIQUE(&w->pairs, work_cmp_pair);
	return r;
}

/* All stay as they are, but that one may lose something. */
static int find_flips(struct work *w)
{
	const struct bh_endpoint *have = w->actual->endpoints;
	uint32_t slot;
	struct flip *f;

	for (slot = 0; slot < BH_EP_SLOTS; slot++) {
		if (!have[slot].ifindex)
			continue;
		f = vec_add(&w->flips);
		if (!f)
			return -ENOMEM;
		f->slot = slot;
		f->from = f->to = f->via = have[slot].policy_set;
		f->flags = have[slot].flags;
	}
	return 0;
}

int work_patch(struct work *w)
{
	int r;

	w->ranges = w->actual->ranges;
	w->rows.v = w->actual->rows.v;
	w->rows.n = w->actual->rows.n;
	r = find_moves(w);
	return r ? r : find_flips(w);
}
