/* SPDX-License-Identifier: Apache-2.0 */
/* Which addresses and blocks come, go, or change their class. */
#include "policy/work.h"

#include <errno.h>
#include <string.h>

static int take_slot(struct work *w, uint32_t *ret)
{
	for (; w->slot_next < w->actual->size.classes; w->slot_next++) {
		if (w->slot_used[w->slot_next])
			continue;
		*ret = w->slot_next++;
		return 0;
	}
	return work_full(w, MAP_CLASSES, 0);
}

/* The class word that @cidr has in the world before without an entry of its own: that of the longest
 * block around it. */
static uint32_t word_around(const struct actual *a, const struct cidr *cidr)
{
	const struct actual_location *best = NULL;
	size_t i;

	for (i = a->locations.n; i-- > 0 && a->locations.v[i].is_block;) { /* blocks are sorted behind */
		const struct actual_location *l = &a->locations.v[i];

		if (cidr_covers(&l->cidr, cidr) && (!best || l->cidr.len > best->cidr.len))
			best = l;
	}
	return best ? a->words[best->slot] : BH_CLASS_NONE;
}

/* The same in the world after, as an index into wanted->classes. */
uint32_t work_class_around(const struct tables *t, const struct cidr *cidr, bool is_block)
{
	const struct table_location *best = NULL;
	size_t i;

	for (i = t->locations.n; i-- > 0 && t->locations.v[i].is_block;) {
		const struct table_location *l = &t->locations.v[i];

		if (!cidr_covers(&l->cidr, cidr) || (is_block && l->cidr.len == cidr->len))
			continue;
		if (!best || l->cidr.len > best->cidr.len)
			best = l;
	}
	return best ? best->class : 0;
}

static int add_pair(struct work *w, uint32_t from, uint32_t to)
{
	struct pair *p = vec_add(&w->pairs);

	if (!p)
		return -ENOMEM;
	p->from = BH_CLASS_ID(from);
	p->to = BH_CLASS_ID(to);
	return 0;
}

/* Most addresses do, in few classes. */
static int add_stay(struct work *w, uint32_t word)
{
	const uint32_t class = BH_CLASS_ID(word);

	if (class < w->actual->size.classes && w->stays[class])
		return 0;
	if (class < w->actual->size.classes)
		w->stays[class] = 1;
	return add_pair(w, class, class);
}

static int add_move(struct work *w, const struct move *move)
{
	struct move *m;

	m = vec_add(&w->moves);
	if (!m)
		return -ENOMEM;
	*m = *move;
	if (m->insert)
		*(m->is_block ? &w->cidrs : &w->addrs) += 1;
	return add_pair(w, m->from, m->to);
}

static uint32_t word_of(const struct work *w, const struct table_location *want)
{
	return w->class_id[want->class] | (want->is_node ? BH_CLASS_NODE : 0);
}

int work_move(struct work *w, const struct actual_location *have, const struct table_location *want)
{
	struct move m = { .insert = !have, .remove = !want };
	int r = 0;

	if (have) {
		m.cidr = have->cidr;
		m.is_block = have->is_block;
		m.slot = have->slot;
		m.from = w->actual->words[have->slot];
	} else {
		m.cidr = want->cidr;
		m.is_block = want->is_block;
		m.from = BH_CLASS_ID(word_around(w->actual, &m.cidr));
		r = take_slot(w, &m.slot);
	}
	if (want)
		m.to = word_of(w, want);
	else
		m.to = w->class_id[work_class_around(w->wanted, &m.cidr, m.is_block)];
	return r ? r : add_move(w, &m);
}

static int order_of(const struct actual_location *have, const struct table_location *want)
{
	if (!have || !want)
		return have ? -1 : 1;
	return have->is_block != want->is_block ? (int)have->is_block - (int)want->is_block
						: cidr_cmp(&have->cidr, &want->cidr);
}

/* Both lists are sorted alike: one walk finds what is new, what stays and what goes. */
int work_find_moves(struct work *w)
{
	const struct actual *a = w->actual;
	const struct tables *t = w->wanted;
	size_t i = 0, j = 0;
	int r = add_pair(w, BH_CLASS_NONE, BH_CLASS_NONE);

	while (!r && (i < a->locations.n || j < t->locations.n)) {
		const struct actual_location *have = i < a->locations.n ? &a->locations.v[i] : NULL;
		const struct table_location *want = j < t->locations.n ? &t->locations.v[j] : NULL;
		const int order = order_of(have, want);

		if (!order && a->words[have->slot] == word_of(w, want))
			r = add_stay(w, a->words[have->slot]);
		else
			r = work_move(w, order <= 0 ? have : NULL, order >= 0 ? want : NULL);
		i += order <= 0;
		j += order >= 0;
	}
	UNIQUE(&w->pairs, work_cmp_pair);
	return r;
}
