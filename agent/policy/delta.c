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

#include "policy/ids.h"
#include "policy/keys.h"
#include "policy/rows.h"
#include "util/scope.h"

#define NO_SLOT UINT32_MAX

/* One location on its way from one class word to another. */
struct move {
	struct cidr cidr;
	bool is_block, insert, remove;
	uint32_t slot;
	uint32_t from, to;	/* words */
	uint32_t via;		/* word of the transitional class; used if the plan has them */
};

/* A distinct pair of classes that some address has before and after. */
struct pair {
	uint32_t from, to;	/* class ids */
	uint32_t via;		/* transitional class id */
};

/* A live endpoint that stays, gets another policy set, or goes. */
struct flip {
	uint32_t slot;
	uint32_t from, to;	/* policy-set words */
	uint32_t via;		/* what is stored in this plan: to, or its alias */
	bool gone;		/* leaves the map */
	bool replaced;		/* gone, but a new slot serves the same interface */
	bool loses;		/* some allow goes: its epoch must rise */
};

struct work {
	const struct tables *wanted;
	const struct actual *actual;
	struct plan *plan;
	struct bh_err *err;
	struct ids *ids;
	uint32_t *rule_id, *class_id, *set_word;	/* by index into wanted */
	VEC(struct actual_row) rows;			/* wanted, with ids; sorted */
	VEC(struct bh_id_key) keep;			/* ids that stay; sorted when complete */
	VEC(struct actual_row) aliases;			/* rows of aliases, which stay until the second pass */
	VEC(struct bh_row_key) passing;			/* rows of transitional classes, deleted at the end */
	VEC(struct bh_id_key) passing_ids;
	VEC(struct move) moves;
	VEC(struct pair) pairs;				/* also (c, c) of what stays; sorted, unique */
	VEC(struct flip) flips;				/* all live endpoints */
	VEC(uint32_t) live;				/* policy-set words of live endpoints; sorted, unique */
	VEC(uint32_t) settled;				/* wanted words; sorted */
	uint8_t *slot_used;				/* of bh_classes */
	uint32_t slot_next;
	uint8_t *ep_used;				/* of bh_endpoints */
	struct bh_range *ranges;			/* actual->ranges and what this plan adds */
	uint32_t addrs, cidrs, row_count;		/* fill after the inserts of this plan */
	uint32_t epoch;
	bool transitional;
};

/* ---- small helpers ------------------------------------------------------------------------ */

static struct step *add_step(struct work *w, enum step_kind kind)
{
	struct step *s = vec_add(&w->plan->steps);

	if (s)
		s->kind = kind;
	return s;
}

static int add_word(struct work *w, enum step_kind kind, uint32_t slot, uint32_t word)
{
	struct step *s = add_step(w, kind);

	if (!s)
		return -ENOMEM;
	s->word.slot = slot;
	s->word.word = word;
	return 0;
}

static int add_grace(struct work *w)
{
	return add_step(w, STEP_GRACE) ? 0 : -ENOMEM;
}

static int add_u32(void *vec, uint32_t value)
{
	VEC(uint32_t) *v = vec;
	uint32_t *slot = vec_add(v);

	if (!slot)
		return -ENOMEM;
	*slot = value;
	return 0;
}

static int cmp_u32(const void *a, const void *b)
{
	return key_u32(*(const uint32_t *)a, *(const uint32_t *)b);
}

static int cmp_pair(const void *a, const void *b)
{
	const struct pair *x = a, *y = b;

	return x->from != y->from ? key_u32(x->from, y->from) : key_u32(x->to, y->to);
}

#define UNIQUE(vec, cmp)								\
	do {										\
		size_t from_, to_ = 0;							\
											\
		vec_sort(vec, cmp);							\
		for (from_ = 0; from_ < (vec)->n; from_++)				\
			if (!to_ || cmp(&(vec)->v[to_ - 1], &(vec)->v[from_]))		\
				(vec)->v[to_++] = (vec)->v[from_];			\
		(vec)->n = to_;								\
	} while (0)

static int full(struct work *w, const char *map, uint32_t need, uint32_t have)
{
	return bh_err_set(w->err, -ENOSPC, "map %s is too small: %u entries wanted, %u there are", map, need, have);
}

/* ---- ids ---------------------------------------------------------------------------------- */

static int keep_id(struct work *w, uint32_t kind, uint32_t id)
{
	struct bh_id_key *k = vec_add(&w->keep);

	if (!k)
		return -ENOMEM;
	*k = (struct bh_id_key){ .kind = kind, .id = id };
	return 0;
}

static int announce_id(struct work *w, uint32_t kind, uint32_t id, const struct hash128 *hash, uint32_t len)
{
	struct step *s = add_step(w, STEP_ID_SET);

	if (!s)
		return -ENOMEM;
	s->id.key = (struct bh_id_key){ .kind = kind, .id = id };
	s->id.id.len = len;
	memcpy(s->id.id.hash, hash->b, sizeof(s->id.id.hash));
	return 0;
}

/* The id of some wanted content, a new one if it has none. */
static int content_id(struct work *w, uint32_t kind, const struct hash128 *hash, uint32_t flags, uint32_t *ret)
{
	uint32_t id;
	int r;

	if (!ids_find(w->ids, kind, hash, &id)) {
		r = ids_take(w->ids, kind, hash, 0, &id, w->err);
		if (r < 0)
			return r;
		id |= flags;
		r = announce_id(w, kind, id, hash, 0);
		if (r < 0)
			return r;
	}
	*ret = id;
	return keep_id(w, kind, id);
}

static int assign_ids(struct work *w)
{
	const struct tables *t = w->wanted;
	size_t i;
	int r = 0;

	for (i = 0; !r && i < t->rules.n; i++)
		r = content_id(w, BH_ID_RULE, &t->rules.v[i].hash, 0, &w->rule_id[i]);
	for (i = 1; !r && i < t->classes.n; i++)
		r = content_id(w, BH_ID_CLASS, &t->classes.v[i].hash, 0, &w->class_id[i]);
	for (i = 0; !r && i < t->sets.n; i++) {
		r = content_id(w, BH_ID_SET, &t->sets.v[i].hash, t->sets.v[i].has_cidr ? BH_SET_CIDR : 0,
			       &w->set_word[i]);
		if (!r)
			r = add_u32(&w->settled, w->set_word[i]);
	}
	vec_sort(&w->settled, cmp_u32);
	return r;
}

/* A name for something that lives for this plan only: never the name of any content. */
static int passing_id(struct work *w, uint32_t kind, uint32_t flags, uint32_t *ret)
{
	const struct hash128 none = { 0 };
	uint32_t id;
	int r = ids_take(w->ids, kind, &none, 0, &id, w->err);

	if (r < 0)
		return r;
	*ret = id | flags;
	return announce_id(w, kind, *ret, &none, 0);
}

/* ---- rows --------------------------------------------------------------------------------- */

static struct bh_range range_of(const struct work *w, const struct table_range *t)
{
	return (struct bh_range){
		.first = t->first,
		.last = t->last,
		.rule = t->rule ? w->rule_id[t->rule - 1] : 0,
		.action = t->action,
	};
}

/* Puts more ranges than fit inline into bh_ranges, unless the same slice is there already. */
static int slice_id(struct work *w, const struct table_row *t, uint32_t *ret)
{
	VEC(struct bh_range) content = { 0 };
	struct hash128 hash;
	uint32_t i, base;
	int r = 0;

	for (i = 0; i < t->n; i++) {
		struct bh_range *range = vec_add(&content);

		if (!range) {
			vec_done(&content);
			return -ENOMEM;
		}
		*range = range_of(w, &w->wanted->ranges.v[t->first + i]);
	}
	hash = hash128_of(content.v, content.n * sizeof(*content.v));
	if (!ids_find(w->ids, BH_ID_SLICE, &hash, &base)) {
		r = ids_take(w->ids, BH_ID_SLICE, &hash, t->n, &base, w->err);
		for (i = 0; !r && i < t->n; i++) {
			struct step *s = add_step(w, STEP_RANGE);

			if (!s) {
				r = -ENOMEM;
				break;
			}
			s->range.index = base + i;
			s->range.range = w->ranges[base + i] = content.v[i];
		}
		if (!r)
			r = announce_id(w, BH_ID_SLICE, base, &hash, t->n);
	}
	vec_done(&content);
	*ret = base;
	return r ? r : keep_id(w, BH_ID_SLICE, base);
}

static int row_of(struct work *w, const struct table_row *t, struct actual_row *ret)
{
	uint32_t i;

	ret->key = (struct bh_row_key){
		.policy_set = w->set_word[t->set],
		.class = w->class_id[t->class],
		.dir = t->dir,
	};
	ret->row = (struct bh_row){
		.n = t->n,
		.action = t->action,
		.rule = t->rule ? w->rule_id[t->rule - 1] : 0,
	};
	if (t->n > BH_ROW_INLINE)
		return slice_id(w, t, &ret->row.base);
	for (i = 0; i < t->n; i++)
		ret->row.range[i] = range_of(w, &w->wanted->ranges.v[t->first + i]);
	return 0;
}

static int add_row(struct work *w, const struct actual_row *row)
{
	struct step *s = add_step(w, STEP_ROW_SET);

	if (!s)
		return -ENOMEM;
	s->row = *row;
	w->row_count++;
	return 0;
}

static const struct bh_row *find_row(const void *vec, const struct bh_row_key *key)
{
	const __typeof__(((struct actual *)0)->rows) *rows = vec;
	const struct actual_row *r = vec_find(rows, key, key_row);

	return r ? &r->row : NULL;
}

/* Adds the wanted rows that are not there. One that is there holds the same, being named by content;
 * should it not (somebody wrote to our map), it is taken out first. */
static int add_rows(struct work *w)
{
	size_t i;
	int r;

	for (i = 0; i < w->wanted->rows.n; i++) {
		struct actual_row *row = vec_add(&w->rows);
		const struct bh_row *there;

		if (!row)
			return -ENOMEM;
		r = row_of(w, &w->wanted->rows.v[i], row);
		if (r < 0)
			return r;
		there = find_row(&w->actual->rows, &row->key);
		if (there && !memcmp(there, &row->row, sizeof(*there)))
			continue;
		if (there) {
			struct step *s = add_step(w, STEP_ROW_DEL);

			if (!s || add_grace(w) < 0)
				return -ENOMEM;
			s = &w->plan->steps.v[w->plan->steps.n - 2];
			s->row = *row;
			w->row_count--;
		}
		r = add_row(w, row);
		if (r < 0)
			return r;
	}
	vec_sort(&w->rows, key_row);
	return 0;
}

/* ---- locations ---------------------------------------------------------------------------- */

static int take_slot(struct work *w, uint32_t *ret)
{
	for (; w->slot_next < w->actual->size.classes; w->slot_next++) {
		if (w->slot_used[w->slot_next])
			continue;
		*ret = w->slot_next++;
		return 0;
	}
	return bh_err_set(w->err, -ENOSPC, "map bh_classes is full");
}

/* The class word that @cidr has in the world before without an entry of its own: that of the longest
 * block around it. */
static uint32_t word_around(const struct actual *a, const struct cidr *cidr)
{
	const struct actual_location *best = NULL;
	size_t i;

	for (i = 0; i < a->locations.n; i++) {
		const struct actual_location *l = &a->locations.v[i];

		if (l->is_block && cidr_covers(&l->cidr, cidr) && (!best || l->cidr.len > best->cidr.len))
			best = l;
	}
	return best ? a->words[best->slot] : BH_CLASS_NONE;
}

/* The same in the world after, as an index into wanted->classes. */
static uint32_t class_around(const struct tables *t, const struct cidr *cidr, bool is_block)
{
	const struct table_location *best = NULL;
	size_t i;

	for (i = 0; i < t->locations.n; i++) {
		const struct table_location *l = &t->locations.v[i];

		if (!l->is_block || !cidr_covers(&l->cidr, cidr) || (is_block && l->cidr.len == cidr->len))
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

static int add_move(struct work *w, const struct move *move)
{
	struct move *m;

	if (move->from == move->to && !move->insert && !move->remove)
		return add_pair(w, move->from, move->to);
	m = vec_add(&w->moves);
	if (!m)
		return -ENOMEM;
	*m = *move;
	if (m->insert)
		*(m->is_block ? &w->cidrs : &w->addrs) += 1;
	return add_pair(w, m->from, m->to);
}

/* Both lists are sorted alike: one walk finds what is new, what stays and what goes. */
static int find_moves(struct work *w)
{
	const struct actual *a = w->actual;
	const struct tables *t = w->wanted;
	size_t i = 0, j = 0;
	int r = add_pair(w, BH_CLASS_NONE, BH_CLASS_NONE);

	while (!r && (i < a->locations.n || j < t->locations.n)) {
		const struct actual_location *have = i < a->locations.n ? &a->locations.v[i] : NULL;
		const struct table_location *want = j < t->locations.n ? &t->locations.v[j] : NULL;
		const struct actual_location key = want ?
			(struct actual_location){ .cidr = want->cidr, .is_block = want->is_block } : *have;
		const int order = !have ? 1 : !want ? -1 : key_location(have, &key);
		struct move m = { .cidr = key.cidr, .is_block = key.is_block };

		if (order <= 0) {
			m = (struct move){ .cidr = have->cidr, .is_block = have->is_block, .slot = have->slot,
					   .from = a->words[have->slot], .remove = order < 0 };
			i++;
		} else {
			m.insert = true;
			m.from = BH_CLASS_ID(word_around(a, &m.cidr));
			r = take_slot(w, &m.slot);
		}
		if (order >= 0) {
			m.to = w->class_id[want->class] | (want->is_node ? BH_CLASS_NODE : 0);
			j++;
		} else {
			m.to = w->class_id[class_around(t, &m.cidr, m.is_block)];
		}
		if (!r)
			r = add_move(w, &m);
	}
	UNIQUE(&w->pairs, cmp_pair);
	return r;
}

/* ---- endpoints ---------------------------------------------------------------------------- */

static uint32_t word_of(const struct work *w, const struct table_endpoint *e)
{
	return e->set < 0 ? 0 : w->set_word[e->set];
}

static bool same_identity(const struct bh_endpoint *have, const struct table_endpoint *want)
{
	return !memcmp(have->mac, want->mac, sizeof(have->mac)) && have->flags == want->flags &&
	       have->addrs == want->addrs &&
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

static const struct flip *live_flip(const struct work *w, uint32_t ifindex)
{
	size_t i;

	for (i = 0; i < w->flips.n; i++)
		if (w->actual->endpoints[w->flips.v[i].slot].ifindex == ifindex)
			return &w->flips.v[i];
	return NULL;
}

static int find_flips(struct work *w)
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
		if (!f || (have->policy_set && add_u32(&w->live, have->policy_set) < 0))
			return -ENOMEM;
		want = wanted_endpoint(w->wanted, have->ifindex);
		f->slot = slot;
		f->from = have->policy_set;
		f->replaced = want && !same_identity(have, want);
		f->gone = !want || f->replaced;
		f->to = f->via = f->gone ? 0 : word_of(w, want);
	}
	UNIQUE(&w->live, cmp_u32);
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
	const struct bh_row *row = find_row(&w->rows, &key);

	if (row || !class)
		return row;
	key.class = BH_CLASS_NONE;
	return find_row(&w->rows, &key);
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

static void find_losers(struct work *w)
{
	const bool all = node_address_lost(w);
	size_t i, j;

	for (i = 0; i < w->flips.n; i++) {
		struct flip *f = &w->flips.v[i];

		if (f->gone)
			continue;
		for (j = 0; j < i; j++)		/* the same question, answered before */
			if (!w->flips.v[j].gone && w->flips.v[j].from == f->from && w->flips.v[j].to == f->to)
				break;
		f->loses = j < i ? w->flips.v[j].loses : all || (f->from && change_loses(w, f->from, f->to));
		w->plan->losers += f->loses;
	}
}

/* ---- transitional classes and aliases ------------------------------------------------------- */

static bool holds_u32(const void *vec, uint32_t value)
{
	const VEC(uint32_t) *v = vec;

	return vec_find(v, &value, cmp_u32) != NULL;
}

static bool classes_move(const struct work *w)
{
	size_t i;

	for (i = 0; i < w->pairs.n; i++)
		if (w->pairs.v[i].from != w->pairs.v[i].to)
			return true;
	return false;
}

/* Whether some reader could hold a policy set of one world and a class of the other. */
static bool needs_transition(const struct work *w)
{
	size_t i;

	if (!classes_move(w))
		return false;
	for (i = 0; i < w->flips.n; i++) {
		const struct flip *f = &w->flips.v[i];

		if (f->from && f->from != f->to && (f->to || !holds_u32(&w->settled, f->from)))
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
		return 0;	/* none of its own: it is that of class 0, as for the class copied from */
	k = vec_add(&w->passing);
	if (!k)
		return -ENOMEM;
	*k = copy.key;
	return add_row(w, &copy);
}

/* The rows of one transitional class: old ones for policy sets that live, new ones for the others. */
static int add_transition(struct work *w, struct pair *p)
{
	uint32_t dir;
	size_t i;
	int r = passing_id(w, BH_ID_CLASS, 0, &p->via);
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
				r = copy_row(w, find_row(&w->actual->rows, &key), w->live.v[i], p->via, dir);
		}
		for (i = 0; !r && i < w->settled.n; i++) {
			const struct bh_row_key key = { w->settled.v[i], p->to, dir };

			if (p->to && !holds_u32(&w->live, w->settled.v[i]))
				r = copy_row(w, find_row(&w->rows, &key), w->settled.v[i], p->via, dir);
		}
	}
	return r;
}

static int add_alias_row(struct work *w, const struct bh_row *row, uint32_t alias, uint32_t class, uint32_t dir)
{
	struct actual_row *copy;

	if (!row)
		return 0;
	copy = vec_add(&w->aliases);
	if (!copy)
		return -ENOMEM;
	copy->key = (struct bh_row_key){ .policy_set = alias, .class = class, .dir = dir };
	copy->row = *row;
	return add_row(w, copy);
}

/* A second name for @set that means, in every class, what @set will mean. */
static int add_alias(struct work *w, uint32_t set, uint32_t *ret)
{
	uint32_t dir;
	size_t i;
	int r = passing_id(w, BH_ID_SET, set & BH_SET_CIDR, ret);

	if (!r)
		r = keep_id(w, BH_ID_SET, *ret);
	for (i = 0; !r && i < w->rows.n; i++)
		if (w->rows.v[i].key.policy_set == set)
			r = add_alias_row(w, &w->rows.v[i].row, *ret, w->rows.v[i].key.class,
					  w->rows.v[i].key.dir);
	for (i = 0; !r && i < w->pairs.n; i++) {
		const struct pair *p = &w->pairs.v[i];

		for (dir = BH_INGRESS; !r && p->via && p->to && dir <= BH_EGRESS; dir++) {
			const struct bh_row_key key = { set, p->to, dir };

			r = add_alias_row(w, find_row(&w->rows, &key), *ret, p->via, dir);
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

		if (!f->from || !f->to || f->from == f->to || !holds_u32(&w->live, f->to))
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

static int add_transitions(struct work *w)
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
		const struct pair *p = vec_find(&w->pairs, &key, cmp_pair);

		m->via = p && p->via ? p->via | (m->from & BH_CLASS_NODE) : m->from;
	}
	return r ? r : add_aliases(w);
}

/* ---- the order ------------------------------------------------------------------------------ */

static int add_location_step(struct work *w, enum step_kind addr, enum step_kind cidr, const struct move *m)
{
	struct step *s = add_step(w, m->is_block ? cidr : addr);

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
			r = add_word(w, STEP_CLASS_WORD, m->slot, word);
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
			r = add_word(w, STEP_EP_DEL, f->slot, 0);
		else if (!f->gone && f->via != f->from)
			r = add_word(w, STEP_EP_SET, f->slot, f->via);
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
	struct step *s = add_step(w, STEP_EP_NEW);

	if (!s)
		return -ENOMEM;
	s->ep.slot = take_ep_slot(w, e->ifindex);
	if (s->ep.slot == NO_SLOT)
		return bh_err_set(w->err, -ENOSPC, "map bh_endpoints is full: %d interfaces", BH_EP_SLOTS);
	w->epoch++;
	s->ep.ep = (struct bh_endpoint){
		.ifindex = e->ifindex,
		.policy_set = word_of(w, e),
		.epoch = w->epoch,
		.born = w->epoch,
		.flags = e->flags,
		.addrs = e->addrs,
	};
	memcpy(s->ep.ep.mac, e->mac, sizeof(e->mac));
	memcpy(s->ep.ep.addr, e->addr, e->addrs * sizeof(*e->addr));
	return 0;
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
			r = add_word(w, STEP_EP_DEL, f->slot, 0);
	}
	return r;
}

static int raise_epochs(struct work *w)
{
	size_t i;
	int r;

	if (!w->plan->losers)
		return 0;
	r = add_grace(w);	/* whoever still decides by the old words stamps the old epoch */
	for (i = 0; !r && i < w->flips.n; i++)
		if (w->flips.v[i].loses)
			r = add_word(w, STEP_EP_EPOCH, w->flips.v[i].slot, ++w->epoch);
	return r;
}

static int del_row(struct work *w, const struct bh_row_key *key)
{
	struct step *s = add_step(w, STEP_ROW_DEL);

	if (!s)
		return -ENOMEM;
	s->row.key = *key;
	return 0;
}

static int del_id(struct work *w, const struct bh_id_key *key)
{
	struct step *s = add_step(w, STEP_ID_DEL);

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
		if (!find_row(&w->rows, &w->actual->rows.v[i].key))
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
	int r = add_grace(w);

	for (i = 0; !r && i < w->moves.n; i++)
		if (w->moves.v[i].remove)
			r = add_location_step(w, STEP_ADDR_DEL, STEP_CIDR_DEL, &w->moves.v[i]);
	if (!r)
		r = delete_rows(w);
	if (!r)
		r = delete_ids(w);
	if (r)
		return r;
	if (w->plan->steps.n == before + 1) {
		w->plan->steps.n = before;	/* nothing to delete: no wait either */
		return 0;
	}
	return add_grace(w);
}

static int check_capacity(struct work *w)
{
	const struct actual_sizes *size = &w->actual->size;

	if (w->addrs > size->addrs)
		return full(w, "bh_addrs", w->addrs, size->addrs);
	if (w->cidrs > size->cidrs)
		return full(w, "bh_cidrs", w->cidrs, size->cidrs);
	if (w->row_count > size->rows)
		return full(w, "bh_rows", w->row_count, size->rows);
	return 0;
}

/* What is reachable changes here and only here; see the top of this file. */
static int switch_over(struct work *w)
{
	int r;

	if (w->transitional) {
		r = move_words(w, true, true);
		r = r ? r : add_grace(w);
		r = r ? r : flip_sets(w);
		r = r ? r : add_grace(w);
		r = r ? r : move_words(w, false, false);
	} else {
		r = move_words(w, false, true);
		r = r ? r : flip_sets(w);
	}
	r = r ? r : new_endpoints(w);
	return r ? r : raise_epochs(w);
}

static int make_plan(struct work *w)
{
	int r = assign_ids(w);

	r = r ? r : add_rows(w);
	r = r ? r : find_moves(w);
	r = r ? r : find_flips(w);
	if (r)
		return r;
	find_losers(w);
	r = add_transitions(w);
	r = r ? r : check_capacity(w);
	r = r ? r : switch_over(w);
	return r ? r : delete_unused(w);
}

static int work_init(struct work *w, const struct tables *wanted, const struct actual *actual)
{
	size_t i;

	w->wanted = wanted;
	w->actual = actual;
	w->epoch = actual->epoch;
	w->row_count = (uint32_t)actual->rows.n;
	w->plan = calloc(1, sizeof(*w->plan));
	w->ids = ids_new(actual);
	w->rule_id = calloc(wanted->rules.n + 1, sizeof(uint32_t));
	w->class_id = calloc(wanted->classes.n + 1, sizeof(uint32_t));
	w->set_word = calloc(wanted->sets.n + 1, sizeof(uint32_t));
	w->slot_used = calloc(actual->size.classes, 1);
	w->ep_used = calloc(BH_EP_SLOTS, 1);
	w->ranges = calloc(actual->size.ranges, sizeof(*w->ranges));
	if (!w->plan || !w->ids || !w->rule_id || !w->class_id || !w->set_word || !w->slot_used || !w->ep_used ||
	    !w->ranges)
		return -ENOMEM;
	memcpy(w->ranges, actual->ranges, actual->size.ranges * sizeof(*w->ranges));
	for (i = 0; i < actual->locations.n; i++) {
		w->slot_used[actual->locations.v[i].slot] = 1;
		*(actual->locations.v[i].is_block ? &w->cidrs : &w->addrs) += 1;
	}
	return 0;
}

static void work_done(struct work *w)
{
	plan_free(w->plan);
	ids_free(w->ids);
	free(w->rule_id);
	free(w->class_id);
	free(w->set_word);
	free(w->slot_used);
	free(w->ep_used);
	free(w->ranges);
	vec_done(&w->rows);
	vec_done(&w->keep);
	vec_done(&w->aliases);
	vec_done(&w->passing);
	vec_done(&w->passing_ids);
	vec_done(&w->moves);
	vec_done(&w->pairs);
	vec_done(&w->flips);
	vec_done(&w->live);
	vec_done(&w->settled);
}

int delta_plan(const struct tables *wanted, const struct actual *actual, struct plan **ret, struct bh_err *err)
{
	struct work w = { .err = err };
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
