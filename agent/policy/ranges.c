/* SPDX-License-Identifier: Apache-2.0 */
/* Ranges of ports, of one row and of many. */
#include "policy/ranges.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util/scope.h"

/* ---- one row -------------------------------------------------------------------------------- */

int range_emit(struct range_vec *v, const struct table_range *range)
{
	struct table_range *prev = v->n ? &v->v[v->n - 1] : NULL, *r;

	if (prev && prev->action == range->action && prev->rule == range->rule &&
	    prev->last + 1 == range->first) {
		prev->last = range->last;
		return 0;
	}
	r = vec_add(v);
	if (!r)
		return -ENOMEM;
	*r = *range;
	return 0;
}

static int emit_part(struct range_vec *v, const struct table_range *range, uint32_t first, uint32_t last)
{
	struct table_range part = *range;

	part.first = first;
	part.last = last;
	return range_emit(v, &part);
}

/* What @base leaves of @add; @ret_at: the first range of @base not yet copied. */
static int overlay_one(const struct range_vec *base, const struct table_range *add, size_t *ret_at,
		       struct range_vec *to)
{
	uint32_t from = add->first;
	size_t i = *ret_at;
	int r = 0;

	for (; !r && i < base->n && base->v[i].first <= add->last; i++) {
		if (base->v[i].first > from)
			r = emit_part(to, add, from, base->v[i].first - 1);
		if (base->v[i].last >= from)
			from = base->v[i].last + 1;
		if (from > add->last) /* that range may reach into the next one to be added */
			break;
		if (!r)
			r = range_emit(to, &base->v[i]);
	}
	if (!r && from <= add->last)
		r = emit_part(to, add, from, add->last);
	*ret_at = i;
	return r;
}

/* Linear: the place in @base goes on from one to the next. */
int range_overlay(const struct range_vec *base, const struct table_range *add, size_t n, struct range_vec *to)
{
	size_t i, at = 0;
	int r = 0;

	vec_clear(to);
	for (i = 0; !r && i < n; i++) {
		while (!r && at < base->n && base->v[at].last < add[i].first)
			r = range_emit(to, &base->v[at++]);
		if (!r)
			r = overlay_one(base, &add[i], &at, to);
	}
	while (!r && at < base->n)
		r = range_emit(to, &base->v[at++]);
	return r;
}

/* ---- many ----------------------------------------------------------------------------------- */

struct slice {
	const struct table_range *v;
	uint32_t n, row;
};

static int content_cmp(const struct slice *x, const struct slice *y)
{
	if (x->n != y->n)
		return x->n < y->n ? -1 : 1;
	return x->v == y->v ? 0 : memcmp(x->v, y->v, x->n * sizeof(*x->v));
}

static int slice_cmp(const void *a, const void *b)
{
	const struct slice *x = a, *y = b;
	const int r = content_cmp(x, y);

	return r ? r : (x->row > y->row) - (x->row < y->row);
}

int range_share(struct tables *t)
{
	auto_free struct slice *slices = calloc(t->rows.n + 1, sizeof(*slices));
	auto_free uint32_t *owner = calloc(t->rows.n + 1, sizeof(*owner));
	uint32_t i, n = 0, at = 0;

	if (!slices || !owner)
		return -ENOMEM;
	for (i = 0; i < t->rows.n; i++)
		if (t->rows.v[i].n)
			slices[n++] = (struct slice){ t->ranges.v + t->rows.v[i].first, t->rows.v[i].n, i };
	qsort(slices, n, sizeof(*slices), slice_cmp);
	for (i = 0; i < n; i++)
		owner[slices[i].row] = i && !content_cmp(&slices[i - 1], &slices[i])
					       ? owner[slices[i - 1].row]
					       : slices[i].row;
	/* In row order, which is the order in which the ranges were appended, so nothing is overwritten. */
	for (i = 0; i < t->rows.n; i++) {
		struct table_row *row = &t->rows.v[i];

		if (!row->n || owner[i] != i) {
			row->first = row->n ? t->rows.v[owner[i]].first : 0;
			continue;
		}
		memmove(t->ranges.v + at, t->ranges.v + row->first, row->n * sizeof(*t->ranges.v));
		row->first = at;
		at += row->n;
	}
	t->ranges.n = at;
	return 0;
}
