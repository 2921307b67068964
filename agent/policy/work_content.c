/* SPDX-License-Identifier: Apache-2.0 */
/* Ids for wanted content, and the rows and ranges that are not there yet. */
#include "policy/work.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util/scope.h"

/* ---- ids ---------------------------------------------------------------------------------- */

int work_keep_id(struct work *w, uint32_t kind, uint32_t id)
{
	struct bh_id_key *k = vec_add(&w->keep);

	if (!k)
		return -ENOMEM;
	*k = (struct bh_id_key){ .kind = kind, .id = id };
	return 0;
}

static int announce_id(struct work *w, uint32_t kind, uint32_t id, const struct hash128 *hash, uint32_t len)
{
	struct step *s = work_step(w, STEP_ID_SET);

	if (!s)
		return -ENOMEM;
	s->id.key = (struct bh_id_key){ .kind = kind, .id = id };
	s->id.id.len = len;
	memcpy(s->id.id.hash, hash->b, sizeof(s->id.id.hash));
	return 0;
}

/* How many ids of the kind there would be: @n elements of @size at @v begin with the hash of some content. */
static uint64_t ids_needed(const struct work *w, uint32_t kind, const void *v, size_t n, size_t size)
{
	uint64_t ret = 0;
	uint32_t id;
	size_t i;

	for (i = 0; i < w->actual->ids.n; i++)
		ret += w->actual->ids.v[i].key.kind == kind;
	for (i = 0; i < n; i++)
		ret += !ids_find(w->ids, kind, (const void *)((const char *)v + i * size), &id);
	return ret;
}

static int no_id(struct work *w, uint32_t kind)
{
	const struct tables *t = w->wanted;

	if (!ids_left(w->ids))
		return work_full(w, MAP_IDS, 0);
	if (kind == BH_ID_RULE)
		return work_full(w, MAP_RULES,
				 ids_needed(w, kind, t->rules.v, t->rules.n, sizeof(*t->rules.v)));
	return work_full(w, kind == BH_ID_SET ? MAP_ROWS : MAP_CLASSES, 0); /* each set has two rows */
}

/* The id of some wanted content, a new one if it has none. */
static int content_id(struct work *w, uint32_t kind, const struct hash128 *hash, uint32_t flags,
		      uint32_t *ret)
{
	uint32_t id;
	int r;

	if (!ids_find(w->ids, kind, hash, &id)) {
		r = ids_take(w->ids, kind, hash, 0, &id);
		if (r < 0)
			return r == -ENOSPC ? no_id(w, kind) : r;
		id |= flags;
		r = announce_id(w, kind, id, hash, 0);
		if (r < 0)
			return r;
	}
	*ret = id;
	return work_keep_id(w, kind, id);
}

static uint32_t set_flags(const struct tables *t, uint32_t set)
{
	uint32_t ret = t->sets.v[set].has_cidr ? BH_SET_CIDR : 0, dir;

	for (dir = BH_INGRESS; dir <= BH_EGRESS; dir++) {
		const struct table_row *row = tables_row(t, set, 0, dir);

		if (!row->n && row->action == BH_DENY && !row->rule)
			ret |= BH_SET_SHUT(dir);
	}
	return ret;
}

int work_assign_ids(struct work *w)
{
	const struct tables *t = w->wanted;
	size_t i;
	int r = 0;

	for (i = 0; !r && i < t->rules.n; i++)
		r = content_id(w, BH_ID_RULE, &t->rules.v[i].hash, 0, &w->rule_id[i]);
	for (i = 1; !r && i < t->classes.n; i++)
		r = content_id(w, BH_ID_CLASS, &t->classes.v[i].hash, 0, &w->class_id[i]);
	for (i = 0; !r && i < t->sets.n; i++) {
		r = content_id(w, BH_ID_SET, &t->sets.v[i].hash, set_flags(t, (uint32_t)i), &w->set_word[i]);
		if (!r)
			r = work_u32(&w->settled, w->set_word[i]);
	}
	vec_sort(&w->settled, work_cmp_u32);
	return r;
}

int work_passing_id(struct work *w, uint32_t kind, uint32_t flags, uint32_t *ret)
{
	const struct hash128 none = { 0 };
	uint32_t id;
	int r = ids_take(w->ids, kind, &none, 0, &id);

	if (r < 0)
		return r == -ENOSPC ? no_id(w, kind) : r;
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

/* What the row's ranges are as the programs read them, into @ret. Return: 0 or -ENOMEM. */
static int slice_of(const struct work *w, const struct table_row *t, void *ret)
{
	VEC(struct bh_range) *content = ret;
	uint32_t i;

	vec_clear(content);
	for (i = 0; i < t->n; i++) {
		struct bh_range *range = vec_add(content);

		if (!range)
			return -ENOMEM;
		*range = range_of(w, &w->wanted->ranges.v[t->first + i]);
	}
	return 0;
}

/* Those that have a place, and all that have none yet: rows that say the same share theirs. */
static uint64_t ranges_needed(const struct work *w)
{
	auto_free uint8_t *seen = calloc(w->wanted->ranges.n + 1, 1);
	VEC(struct bh_range) content = { 0 };
	uint64_t ret = w->actual->size.ranges - 1 - ids_left_ranges(w->ids);
	size_t i;

	for (i = 0; seen && i < w->wanted->rows.n; i++) {
		const struct table_row *t = &w->wanted->rows.v[i];
		struct hash128 hash;
		uint32_t base;

		if (t->n <= BH_ROW_INLINE || seen[t->first] || slice_of(w, t, &content) < 0)
			continue;
		seen[t->first] = 1;
		hash = hash128_of(content.v, content.n * sizeof(*content.v));
		ret += ids_find(w->ids, BH_ID_SLICE, &hash, &base) ? 0 : t->n;
	}
	vec_done(&content);
	return ret;
}

/* A place for the slice, into which the plan writes it. */
static int new_slice(struct work *w, const struct bh_range *v, uint32_t n, const struct hash128 *hash,
		     uint32_t *ret)
{
	int r = ids_take(w->ids, BH_ID_SLICE, hash, n, ret);
	uint32_t i;

	if (r == -ENOSPC)
		return ids_left(w->ids) ? work_full(w, MAP_RANGES, ranges_needed(w))
					: work_full(w, MAP_IDS, 0);
	for (i = 0; !r && i < n; i++) {
		struct step *s = work_step(w, STEP_RANGE);

		if (!s)
			return -ENOMEM;
		s->range.index = *ret + i;
		s->range.range = w->ranges[*ret + i] = v[i];
	}
	return r ? r : announce_id(w, BH_ID_SLICE, *ret, hash, n);
}

/* Puts more ranges than fit inline into bh_ranges, unless the same slice is there already. */
static int slice_id(struct work *w, const struct table_row *t, uint32_t *ret)
{
	VEC(struct bh_range) content = { 0 };
	struct hash128 hash;
	int r = slice_of(w, t, &content);

	if (!r) {
		hash = hash128_of(content.v, content.n * sizeof(*content.v));
		if (!ids_find(w->ids, BH_ID_SLICE, &hash, ret))
			r = new_slice(w, content.v, t->n, &hash, ret);
	}
	vec_done(&content);
	return r ? r : work_keep_id(w, BH_ID_SLICE, *ret);
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

int work_row(struct work *w, const struct actual_row *row)
{
	struct step *s = work_step(w, STEP_ROW_SET);

	if (!s)
		return -ENOMEM;
	s->row = *row;
	w->row_count++;
	return 0;
}

const struct bh_row *work_find_row(const void *vec, const struct bh_row_key *key)
{
	const __typeof__(((struct actual *)0)->rows) *rows = vec;
	const struct actual_row *r = vec_find(rows, key, key_row);

	return r ? &r->row : NULL;
}

/* Adds the wanted rows that are not there. One that is there holds the same, being named by content;
 * should it not (somebody wrote to our map), it is taken out first. */
int work_add_rows(struct work *w)
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
		there = work_find_row(&w->actual->rows, &row->key);
		if (there && !memcmp(there, &row->row, sizeof(*there)))
			continue;
		if (there) {
			struct step *s = work_step(w, STEP_ROW_DEL);

			if (!s || work_grace(w) < 0)
				return -ENOMEM;
			s = &w->plan->steps.v[w->plan->steps.n - 2];
			s->row = *row;
			w->row_count--;
		}
		r = work_row(w, row);
		if (r < 0)
			return r;
	}
	vec_sort(&w->rows, key_row);
	return 0;
}
