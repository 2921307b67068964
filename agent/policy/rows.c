/* SPDX-License-Identifier: Apache-2.0 */
/* What a change of row takes away. */
#include "policy/rows.h"

#include <stddef.h>
#include <stdint.h>

struct row_view row_view(const struct bh_row *row, const struct bh_range *pool)
{
	struct row_view v = { .row = row };

	if (row)
		v.ranges = row->n > BH_ROW_INLINE ? &pool[row->base] : row->range;
	return v;
}

/* How far an action lets through: what would be denied is to be asked again as well, and reported. */
static int level_of(uint32_t action)
{
	return !(action & BH_ALLOW) ? 0 : action & BH_AUDIT ? 1 : 2;
}

/* As the programs bisect: the range that holds @key, else the row's own action. */
static int level(struct row_view v, uint32_t key)
{
	size_t lo = 0, hi;

	if (!v.row)
		return 0;
	for (hi = v.row->n; lo < hi;) {
		const size_t mid = (lo + hi) / 2;

		if (key < v.ranges[mid].first)
			hi = mid;
		else if (key > v.ranges[mid].last)
			lo = mid + 1;
		else
			return level_of(v.ranges[mid].action);
	}
	return level_of(v.row->action);
}

/* Verdicts change only where a range of either row begins or has just ended. */
static bool loses_at_edges(struct row_view edges, struct row_view before, struct row_view after)
{
	uint32_t i;

	for (i = 0; edges.row && i < edges.row->n; i++) {
		const uint32_t first = edges.ranges[i].first, past = edges.ranges[i].last + 1;

		if (level(before, first) > level(after, first))
			return true;
		if (level(before, past) > level(after, past))
			return true;
	}
	return false;
}

bool row_loses(struct row_view before, struct row_view after)
{
	if (level(before, 0) > level(after, 0))
		return true; /* also of packets without ports */
	return loses_at_edges(before, before, after) || loses_at_edges(after, before, after);
}
