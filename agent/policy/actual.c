/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The mirror of the maps: what is there now, kept in step with every change that is made to them.
 * The planning is in delta.c; reading and writing the real maps is dataplane's.
 */
#include "policy/delta.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policy/keys.h"

#define FEW 32 /* to be sorted in */

int key_u32(uint32_t a, uint32_t b)
{
	return (a > b) - (a < b);
}

int key_id(const void *a, const void *b)
{
	const struct bh_id_key *x = a, *y = b;

	return x->kind != y->kind ? key_u32(x->kind, y->kind) : key_u32(x->id, y->id);
}

int key_row(const void *a, const void *b)
{
	const struct bh_row_key *x = a, *y = b;

	if (x->policy_set != y->policy_set)
		return key_u32(x->policy_set, y->policy_set);
	return x->class != y->class ? key_u32(x->class, y->class) : key_u32(x->dir, y->dir);
}

int key_location(const void *a, const void *b)
{
	const struct actual_location *x = a, *y = b;

	return x->is_block != y->is_block ? (int)x->is_block - (int)y->is_block
					  : cidr_cmp(&x->cidr, &y->cidr);
}

struct actual *actual_new(const struct actual_sizes *size)
{
	struct actual *a = calloc(1, sizeof(*a));

	if (!a)
		return NULL;
	a->size = *size;
	a->words = calloc(size->classes, sizeof(*a->words));
	a->ranges = calloc(size->ranges, sizeof(*a->ranges));
	a->endpoints = calloc(BH_EP_SLOTS, sizeof(*a->endpoints));
	if (!a->words || !a->ranges || !a->endpoints) {
		actual_free(a);
		return NULL;
	}
	return a;
}

void actual_free(struct actual *a)
{
	if (!a)
		return;
	vec_done(&a->ids);
	vec_done(&a->locations);
	vec_done(&a->rows);
	free(a->words);
	free(a->ranges);
	free(a->endpoints);
	free(a);
}

/* Puts *@last where it belongs among the @n sorted elements before it. */
static void insert_last(char *v, size_t n, size_t size, int (*order)(const void *a, const void *b))
{
	char last[sizeof(struct actual_row) + sizeof(struct actual_id) + sizeof(struct actual_location)];
	size_t lo = 0, hi = n;

	while (lo < hi) {
		const size_t mid = lo + (hi - lo) / 2;

		if (order(v + mid * size, v + n * size) <= 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	memcpy(last, v + n * size, size);
	memmove(v + (lo + 1) * size, v + lo * size, (n - lo) * size);
	memcpy(v + lo * size, last, size);
}

/* Drops what is marked dead, then brings what came behind @sorted to its place: a plan may be of very few
 * steps. */
#define TIDY(vec, sorted, order)                                                                             \
	do {                                                                                                 \
		size_t from_, to_ = 0, sorted_ = 0;                                                          \
                                                                                                             \
		for (from_ = 0; from_ < (vec)->n; from_++) {                                                 \
			if ((vec)->v[from_].dead)                                                            \
				continue;                                                                    \
			if (to_ != from_)                                                                    \
				(vec)->v[to_] = (vec)->v[from_];                                             \
			to_++;                                                                               \
			sorted_ += from_ < (sorted);                                                         \
		}                                                                                            \
		(vec)->n = to_;                                                                              \
		if (to_ - sorted_ > FEW)                                                                     \
			vec_sort(vec, order);                                                                \
		else                                                                                         \
			for (; sorted_ < to_; sorted_++)                                                     \
				insert_last((char *)(vec)->v, sorted_, sizeof(*(vec)->v), order);            \
		(sorted) = (vec)->n;                                                                         \
	} while (0)

void actual_sort(struct actual *a)
{
	TIDY(&a->ids, a->sorted_ids, key_id);
	TIDY(&a->rows, a->sorted_rows, key_row);
	TIDY(&a->locations, a->sorted_locations, key_location);
}

/* What a plan deletes is in the sorted part, but for what it made itself and no longer needs. */
#define MARK_DEAD(vec, sorted, key, order)                                                                   \
	do {                                                                                                 \
		size_t at_ = (sorted);                                                                       \
		__typeof__((vec)->v) found_ =                                                                \
			at_ ? bsearch((key), (vec)->v, at_, sizeof(*(vec)->v), (order)) : NULL;              \
                                                                                                             \
		for (; !found_ && at_ < (vec)->n; at_++)                                                     \
			if (!order((key), &(vec)->v[at_]) && !(vec)->v[at_].dead)                            \
				found_ = &(vec)->v[at_];                                                     \
		if (found_)                                                                                  \
			found_->dead = true;                                                                 \
	} while (0)

static int add_location(struct actual *a, const struct step *s, bool is_block)
{
	struct actual_location *l = vec_add(&a->locations);

	if (!l)
		return -ENOMEM;
	l->cidr = s->location.cidr;
	l->is_block = is_block;
	l->slot = s->location.slot;
	return 0;
}

static int del_location(struct actual *a, const struct step *s, bool is_block)
{
	const struct actual_location key = { .cidr = s->location.cidr, .is_block = is_block };

	MARK_DEAD(&a->locations, a->sorted_locations, &key, key_location);
	return 0;
}

static int set_id(struct actual *a, const struct step *s)
{
	struct actual_id *i = vec_add(&a->ids);

	if (!i)
		return -ENOMEM;
	i->key = s->id.key;
	i->id = s->id.id;
	return 0;
}

static int set_row(struct actual *a, const struct step *s)
{
	struct actual_row *r = vec_add(&a->rows);

	if (!r)
		return -ENOMEM;
	r->key = s->row.key;
	r->row = s->row.row;
	return 0;
}

void actual_settle(struct actual *a, const struct tables *wanted)
{
	a->settled = wanted->run;
}

int actual_apply(struct actual *a, const struct step *s)
{
	a->settled = 0;
	switch (s->kind) {
	case STEP_GRACE:
		return 0;
	case STEP_ID_SET:
		return set_id(a, s);
	case STEP_ID_DEL:
		MARK_DEAD(&a->ids, a->sorted_ids, &s->id.key, key_id);
		return 0;
	case STEP_RANGE:
		a->ranges[s->range.index] = s->range.range;
		return 0;
	case STEP_ROW_SET:
		return set_row(a, s);
	case STEP_ROW_DEL:
		MARK_DEAD(&a->rows, a->sorted_rows, &s->row.key, key_row);
		return 0;
	case STEP_CLASS_WORD:
		a->words[s->word.slot] = s->word.word;
		return 0;
	case STEP_ADDR_SET:
	case STEP_CIDR_SET:
		return add_location(a, s, s->kind == STEP_CIDR_SET);
	case STEP_ADDR_DEL:
	case STEP_CIDR_DEL:
		return del_location(a, s, s->kind == STEP_CIDR_DEL);
	case STEP_EP_NEW:
		a->endpoints[s->ep.slot] = s->ep.ep;
		a->epoch = s->ep.ep.epoch;
		return 0;
	case STEP_EP_SET:
		a->endpoints[s->word.slot].policy_set = s->word.word;
		return 0;
	case STEP_EP_FLAGS:
		a->endpoints[s->word.slot].flags = (uint8_t)s->word.word;
		return 0;
	case STEP_EP_EPOCH:
		a->endpoints[s->word.slot].epoch = s->word.word;
		a->epoch = s->word.word;
		return 0;
	case STEP_EP_DEL:
		a->endpoints[s->word.slot].ifindex = 0;
		return 0;
	}
	return -EINVAL;
}

static const struct bh_row *exact_row(const struct actual *a, const struct bh_row_key *key)
{
	const struct actual_row *r = vec_find(&a->rows, key, key_row);

	return r ? &r->row : NULL;
}

const struct bh_row *actual_row(const struct actual *a, uint32_t policy_set, uint32_t class, uint32_t dir)
{
	struct bh_row_key key = { .policy_set = policy_set, .class = class, .dir = dir };
	const struct bh_row *row = exact_row(a, &key);

	if (row || !class)
		return row;
	key.class = BH_CLASS_NONE;
	return exact_row(a, &key);
}

/* The longest block that holds @addr; NULL: none. */
static const struct actual_location *longest(const struct actual *a, const struct addr *addr)
{
	const struct actual_location *best = NULL;
	size_t i;

	for (i = a->locations.n; i-- > 0 && a->locations.v[i].is_block;) { /* blocks are sorted behind */
		const struct actual_location *l = &a->locations.v[i];

		if (cidr_holds(&l->cidr, addr) && (!best || l->cidr.len > best->cidr.len))
			best = l;
	}
	return best;
}

uint32_t actual_word(const struct actual *a, const struct addr *addr, bool with_cidr)
{
	const struct actual_location key = { .cidr = { .addr = *addr, .len = 128 } };
	const struct actual_location *l = vec_find(&a->locations, &key, key_location);

	if (!l && with_cidr)
		l = longest(a, addr);
	return l ? a->words[l->slot] : BH_CLASS_NONE;
}

const struct hash128 *actual_hash(const struct actual *a, uint32_t kind, uint32_t id)
{
	const struct bh_id_key key = { .kind = kind, .id = id };
	const struct actual_id *found;
	size_t i;

	for (i = a->ids.n; i-- > a->sorted_ids;) /* what the plan at work has added */
		if (!key_id(&key, &a->ids.v[i]))
			return (const struct hash128 *)a->ids.v[i].id.hash;
	found = a->sorted_ids ? bsearch(&key, a->ids.v, a->sorted_ids, sizeof(*a->ids.v), key_id) : NULL;
	return found ? (const struct hash128 *)found->id.hash : NULL;
}
