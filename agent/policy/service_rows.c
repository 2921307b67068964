/* SPDX-License-Identifier: Apache-2.0 */
/* Verdict rows of Services, from those of their backends. */
#include "policy/verdicts.h"

#include <errno.h>
#include <stdlib.h>

#include "policy/order.h"

/* Of one (set, direction): rows[base] is that of class 0, the others up to @end follow by class. */
struct group {
	size_t base, end;
};

static const struct table_row *group_row(const struct verdicts *w, const struct group *g, uint32_t class)
{
	const struct table_row *rows = w->t->rows.v;
	const struct table_row key = { .set = rows[g->base].set, .class = class, .dir = rows[g->base].dir };
	const struct table_row *row =
		bsearch(&key, rows + g->base, g->end - g->base, sizeof(key), policy_row_cmp);

	return row ? row : &rows[g->base];
}

/* What the row does to the port, and by which rule. */
static uint32_t row_action(const struct verdicts *w, const struct table_row *row, uint32_t port,
			   uint32_t *ret_rule)
{
	const struct table_range *r = tables_range(w->t, row, port);

	*ret_rule = r ? r->rule : row->rule;
	return (r ? r->action : row->action) & (BH_ALLOW | BH_LOG | BH_AUDIT);
}

/* Whether nothing that the row says has @flag; BH_ALLOW: nothing lacks it. */
static bool row_lacks(const struct verdicts *w, const struct table_row *row, uint32_t flag)
{
	const uint32_t none = flag & BH_ALLOW;
	uint32_t i;

	if ((row->action & flag) != none)
		return false;
	for (i = 0; i < row->n; i++)
		if ((w->t->ranges.v[row->first + i].action & flag) != none)
			return false;
	return true;
}

static bool is_open(const struct verdicts *w, const struct table_row *row)
{
	return row_lacks(w, row, BH_ALLOW);
}

/* Of a port of which no backend is known. Those in earnest may have no need to know any. */
static uint32_t unknown_action(const struct verdicts *w, const struct group *g)
{
	const bool open = is_open(w, &w->t->rows.v[g->base]) && !w->in_earnest.refuses;

	return open ? BH_ALLOW | BH_AUDIT : BH_DENY;
}

/* The needs [from..to) are all those of one port: what holds for it. The rule noted is that of the first
 * backend, or of the one that says no, or would. */
static uint32_t port_action(const struct verdicts *w, const struct group *g, uint32_t from, uint32_t to,
			    uint32_t *ret_rule)
{
	const struct need *needs = w->b->needs.v;
	uint32_t ret = BH_ALLOW, action, rule, i;

	*ret_rule = 0;
	for (i = from; i < to; i++) {
		if (needs[i].is_node)
			continue;
		rule = 0;
		action = needs[i].is_unknown
				 ? unknown_action(w, g)
				 : row_action(w, group_row(w, g, needs[i].class), needs[i].at, &rule);
		if ((!*ret_rule && !(ret & BH_AUDIT)) || !(action & BH_ALLOW) || (action & ~ret & BH_AUDIT))
			*ret_rule = rule;
		if (!(action & BH_ALLOW))
			return BH_DENY;
		ret |= action;
	}
	return ret & BH_AUDIT ? BH_ALLOW | BH_AUDIT : ret;
}

/* What the row denies stays so; all else is audited. */
static int add_audited(struct verdicts *w, const struct table_row *own)
{
	size_t i;
	int r = 0;

	for (i = 0; !r && i < own->n; i++) {
		struct table_range range = w->t->ranges.v[own->first + i];

		if (range.action & BH_ALLOW) {
			range.action = BH_ALLOW | BH_AUDIT;
			range.rule = 0;
		}
		r = verdicts_overlay(w, &w->merged, &range, 1);
	}
	if (r < 0)
		return r;
	return own->action & BH_ALLOW ? verdicts_overlay_all(w, &w->merged, BH_ALLOW | BH_AUDIT, 0)
				      : verdicts_overlay_all(w, &w->merged, own->action, own->rule);
}

/* What is no port of the Service is denied; but where everybody may be sent everything, or the address is
 * somebody's all the same, it goes on as if there were no Service. */
static int add_no_port(struct verdicts *w, const struct group *g, uint32_t class)
{
	const struct table_row *base = &w->t->rows.v[g->base];
	const struct table_row *own = group_row(w, g, w->b->classes.v[class].block);
	const uint32_t action = own->action & (BH_ALLOW | BH_LOG | BH_AUDIT);
	int r;

	if (!is_open(w, base) && !w->b->classes.v[class].beside)
		return verdicts_overlay_all(w, &w->merged, BH_DENY, 0);
	if (!w->b->classes.v[class].beside && !row_lacks(w, base, BH_AUDIT))
		return add_audited(w, own);
	r = verdicts_overlay(w, &w->merged, w->t->ranges.v + own->first, own->n);
	return r ? r : verdicts_overlay_all(w, &w->merged, action, own->rule);
}

/* A port of a Service is allowed where all its backends are. */
static int service_row(struct verdicts *w, const struct group *g, uint32_t class)
{
	const struct table_row *base = &w->t->rows.v[g->base];
	struct table_row row = { .set = base->set, .class = class, .dir = base->dir };
	const struct list list = w->b->classes.v[class].needs;
	const struct need *needs = w->b->needs.v;
	struct table_range range;
	uint32_t from, to;
	int r = 0;

	vec_clear(&w->merged);
	for (from = list.first; !r && from < list.first + list.n; from = to) {
		range = (struct table_range){ .first = needs[from].port, .last = needs[from].port };
		for (to = from + 1; to < list.first + list.n && needs[to].port == range.first;)
			to++;
		range.action = port_action(w, g, from, to, &range.rule);
		r = range_emit(&w->merged, &range);
	}
	if (!r)
		r = add_no_port(w, g, class);
	if (r < 0)
		return r;
	verdicts_fold(w, &row);
	return verdicts_same_row(w, base, &row) ? 0 : verdicts_add_row(w, row);
}

/* The row that the address has by itself. */
static int own_row(struct verdicts *w, const struct group *g, uint32_t class)
{
	const struct table_row *own = group_row(w, g, w->b->classes.v[class].block);
	struct table_row row = *own;
	size_t i;
	int r = 0;

	if (own == &w->t->rows.v[g->base])
		return 0;
	row.class = class;
	vec_clear(&w->merged);
	for (i = 0; !r && i < own->n; i++)
		r = range_emit(&w->merged, &w->t->ranges.v[own->first + i]);
	row.n = (uint32_t)w->merged.n;
	return r ? r : verdicts_add_row(w, row);
}

/* Where everybody may be sent everything and no rule refuses anything, so may a Service; by what rule must
 * not depend on whether other policy sets mind Services. */
int verdicts_service_rows(struct verdicts *w, size_t base)
{
	const struct group g = { .base = base, .end = w->t->rows.n };
	const struct table_row *any = &w->t->rows.v[base];
	const bool open = is_open(w, any) && row_lacks(w, any, BH_AUDIT) && !w->all.refuses;
	uint32_t i;
	int r = 0;

	for (i = 0; !r && i < w->b->classes.n; i++)
		if (w->b->classes.v[i].is_service)
			r = open ? own_row(w, &g, i) : service_row(w, &g, i);
	return r;
}
