/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Verdict rows. For one (policy set, direction): the row of class 0 is what rules for any peer allow;
 * another class gets a row where the rules that name one of its peer sets make it differ. Several
 * rules may allow the same port: the first one owns it, so that counters and explain agree everywhere.
 */
#include "policy/build.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policy/order.h"
#include "policy/ranges.h"

/* What of a rule's ports holds for the class at hand. Egress by a block does not ask pods for names. */
enum { HOLDS_NUMBERS = 1, HOLDS_NAMES = 2, HOLDS_ALL = 3 };

/* Some rule of the (set, direction) names a peer set of this class. */
struct hit {
	uint32_t class, rule; /* rule: index into verdicts.rules */
	uint8_t how;
};

struct verdicts {
	struct build *b;
	struct tables *t;
	uint32_t *start; /* by peer set: where in in_classes its classes begin */
	uint32_t *in_classes;
	VEC(const struct rule_use *) rules; /* of one (set, direction), the first wins */
	VEC(uint8_t) holds;		    /* by rule: for the class at hand */
	VEC(struct hit) hits;		    /* by class, rule */
	VEC(struct named_port) names;	    /* that count: the subject's, or those of the class at hand */
	VEC(struct span) spans;		    /* of the rule at hand, if it has names */
	struct range_vec merged, spare;
};

/* ---- one row -------------------------------------------------------------------------------- */

/* Adds the ports of one more rule to verdicts.merged, where no earlier rule has them. */
static int overlay(struct verdicts *w, const struct span *ports, size_t n, uint32_t rule)
{
	const int r = range_overlay(&w->merged, ports, n, rule, &w->spare);
	const struct range_vec base = w->merged;

	w->merged = w->spare;
	w->spare = base;
	return r;
}

static int add_span(struct verdicts *w, uint32_t first, uint32_t last)
{
	struct span *s = vec_add(&w->spans);

	if (!s)
		return -ENOMEM;
	*s = (struct span){ first, last };
	return 0;
}

/* The ports of a rule that has names, as far as they hold, into verdicts.spans. */
static int resolve_names(struct verdicts *w, const struct rule_use *use, uint8_t how)
{
	const struct named_port *at;
	size_t i, k, n;
	int r = 0;

	vec_clear(&w->spans);
	for (i = 0; !r && i < use->ports.n; i++)
		r = add_span(w, use->ports.v[i].first, use->ports.v[i].last);
	for (i = 0; !r && how & HOLDS_NAMES && i < use->names.n; i++) {
		at = named_ports_find(w->names.v, w->names.n, &use->names.v[i], &n);
		for (k = 0; !r && k < n; k++)
			r = add_span(w, BH_PORT(at[k].proto, at[k].port), BH_PORT(at[k].proto, at[k].port));
	}
	w->spans.n = policy_merge_spans(w->spans.v, w->spans.n);
	return r;
}

static int add_rule(struct verdicts *w, const struct rule_use *use, uint8_t how)
{
	int r;

	if (!use->names.n)
		return overlay(w, use->ports.v, use->ports.n, use->rule);
	r = resolve_names(w, use, how);
	return r ? r : overlay(w, w->spans.v, w->spans.n, use->rule);
}

/* The row that the rules in verdicts.holds make; its ranges are in verdicts.merged. */
static int make_row(struct verdicts *w, struct table_row *row)
{
	size_t i;
	int r = 0;

	vec_clear(&w->merged);
	row->action = BH_DENY;
	for (i = 0; i < w->rules.n; i++) {
		if (!w->holds.v[i] || !w->rules.v[i]->all_ports)
			continue;
		row->action = BH_ALLOW;
		row->rule = w->rules.v[i]->rule;
		return 0;
	}
	for (i = 0; !r && i < w->rules.n; i++)
		if (w->holds.v[i])
			r = add_rule(w, w->rules.v[i], w->holds.v[i]);
	row->n = (uint32_t)w->merged.n;
	return r;
}

static int add_row(struct verdicts *w, struct table_row row)
{
	struct table_range *range;
	struct table_row *slot = vec_add(&w->t->rows);
	size_t i;

	if (!slot)
		return -ENOMEM;
	row.first = row.n ? (uint32_t)w->t->ranges.n : 0;
	for (i = 0; i < row.n; i++) {
		range = vec_add(&w->t->ranges);
		if (!range)
			return -ENOMEM;
		*range = w->merged.v[i];
	}
	*slot = row;
	return 0;
}

/* ---- one policy set in one direction --------------------------------------------------------- */

static int hit_cmp(const void *a, const void *b)
{
	const struct hit *x = a, *y = b;

	if (x->class != y->class)
		return x->class < y->class ? -1 : 1;
	return (x->rule > y->rule) - (x->rule < y->rule);
}

static int collect_rules(struct verdicts *w, const struct table_set *set, uint32_t dir)
{
	const struct rule_use **slot;
	size_t i, k;
	uint8_t *holds;

	vec_clear(&w->rules);
	vec_clear(&w->holds);
	for (i = 0; i < set->policies.n; i++) {
		const struct policy_use *pu = &w->b->uses[set->policies.v[i]];

		for (k = 0; k < pu->rules[dir].n; k++) {
			slot = vec_add(&w->rules);
			holds = vec_add(&w->holds);
			if (!slot || !holds)
				return -ENOMEM;
			*slot = &pu->rules[dir].v[k];
			*holds = (*slot)->any_peer ? HOLDS_ALL : 0;
		}
	}
	return 0;
}

/* What a Service is asked for is not what holds its own address: see service_row(). */
static int add_hits(struct verdicts *w, uint32_t dir, uint32_t rule, uint32_t peer)
{
	const bool by_block = peer_set_is_block(&w->b->peer_sets.v[peer]);
	struct hit *hit;
	uint32_t c;

	for (c = w->start[peer]; c < w->start[peer + 1]; c++) {
		if (dir == BH_EGRESS && w->b->classes.v[w->in_classes[c]].is_service)
			continue;
		hit = vec_add(&w->hits);
		if (!hit)
			return -ENOMEM;
		*hit = (struct hit){ .class = w->in_classes[c],
				     .rule = rule,
				     .how = dir == BH_EGRESS && by_block ? HOLDS_NUMBERS : HOLDS_ALL };
	}
	return 0;
}

/* An egress rule for any peer says something of its own to pods that have one of its names. */
static int add_name_hits(struct verdicts *w, uint32_t rule)
{
	const struct rule_use *use = w->rules.v[rule];
	const uint32_t *sets;
	size_t i, k, n;
	int r = 0;

	for (i = 0; i < use->names.n; i++) {
		sets = policy_named(w->b, &use->names.v[i], &n);
		for (k = 0; !r && k < n; k++)
			r = add_hits(w, BH_EGRESS, rule, sets[k]);
	}
	return r;
}

static int collect_hits(struct verdicts *w, uint32_t dir)
{
	uint32_t i;
	size_t k;
	int r = 0;

	vec_clear(&w->hits);
	for (i = 0; !r && i < w->rules.n; i++) {
		for (k = 0; !r && k < w->rules.v[i]->peers.n; k++)
			r = add_hits(w, dir, i, w->rules.v[i]->peers.v[k].index);
		if (!r && dir == BH_EGRESS && w->rules.v[i]->any_peer)
			r = add_name_hits(w, i);
	}
	vec_sort(&w->hits, hit_cmp);
	return r;
}

static int add_name(struct verdicts *w, const struct named_port *name)
{
	struct named_port *slot = vec_add(&w->names);

	if (!slot)
		return -ENOMEM;
	*slot = *name;
	return 0;
}

static int subject_names(struct verdicts *w, uint32_t set, uint32_t dir)
{
	const struct named_ports *ports = dir == BH_INGRESS ? w->b->set_ports[set] : NULL;
	size_t i;
	int r = 0;

	vec_clear(&w->names);
	for (i = 0; !r && ports && i < ports->n; i++)
		r = add_name(w, &ports->at[i]);
	return r;
}

static int class_names(struct verdicts *w, uint32_t class)
{
	const struct list *peers = &w->b->classes.v[class].peers;
	uint32_t i;
	int r = 0;

	vec_clear(&w->names);
	for (i = 0; !r && i < peers->n; i++) {
		const struct peer_set *set = &w->b->peer_sets.v[w->b->lists.v[peers->first + i]];

		if (!set->peer)
			r = add_name(w, &set->named);
	}
	vec_sort(&w->names, named_port_cmp);
	return r;
}

static bool same_row(const struct verdicts *w, const struct table_row *base, const struct table_row *row)
{
	return row->action == base->action && row->rule == base->rule && row->n == base->n &&
	       (!row->n || !memcmp(w->merged.v, w->t->ranges.v + base->first, row->n * sizeof(*w->merged.v)));
}

/* The hits [from..to) are all those of one class. @base: index of the row of class 0. */
static int class_row(struct verdicts *w, size_t from, size_t to, size_t base)
{
	struct table_row row = w->t->rows.v[base];
	size_t i;
	int r = 0;

	row = (struct table_row){ .set = row.set, .class = w->hits.v[from].class, .dir = row.dir };
	if (row.dir == BH_EGRESS)
		r = class_names(w, row.class);
	for (i = from; i < to; i++)
		w->holds.v[w->hits.v[i].rule] |= w->hits.v[i].how;
	if (!r)
		r = make_row(w, &row);
	for (i = from; i < to; i++)
		w->holds.v[w->hits.v[i].rule] = w->rules.v[w->hits.v[i].rule]->any_peer ? HOLDS_ALL : 0;
	if (r < 0 || same_row(w, &w->t->rows.v[base], &row))
		return r;
	return add_row(w, row);
}

/* ---- Services ------------------------------------------------------------------------------- */

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

/* Whether the row allows the port, and by which rule. */
static bool row_allows(const struct verdicts *w, const struct table_row *row, uint32_t port,
		       uint32_t *ret_rule)
{
	const struct table_range *v = w->t->ranges.v + row->first;
	size_t lo = 0, hi = row->n;

	while (lo < hi) {
		const size_t mid = lo + (hi - lo) / 2;

		if (port < v[mid].first) {
			hi = mid;
		} else if (port > v[mid].last) {
			lo = mid + 1;
		} else {
			*ret_rule = v[mid].rule;
			return v[mid].action == BH_ALLOW;
		}
	}
	*ret_rule = row->rule;
	return row->action == BH_ALLOW;
}

/* The needs [from..to) are all those of one port. The rule noted is that of the first backend. */
static int service_port(struct verdicts *w, const struct group *g, uint32_t from, uint32_t to)
{
	const struct need *needs = w->b->needs.v;
	uint32_t first = 0, rule, i;

	for (i = from; i < to; i++) {
		if (needs[i].is_node)
			continue;
		if (!row_allows(w, group_row(w, g, needs[i].class), needs[i].at, &rule))
			return 0;
		if (!first)
			first = rule;
	}
	return range_emit(&w->merged, needs[from].port, needs[from].port, first);
}

/* A port of a Service is allowed where all its backends are; nothing else that goes to the address is. */
static int service_row(struct verdicts *w, const struct group *g, uint32_t class)
{
	const struct table_row *base = &w->t->rows.v[g->base];
	struct table_row row = { .set = base->set, .class = class, .dir = base->dir, .action = BH_DENY };
	const struct list list = w->b->classes.v[class].needs;
	const struct need *needs = w->b->needs.v;
	uint32_t from, to;
	int r = 0;

	vec_clear(&w->merged);
	for (from = list.first; !r && from < list.first + list.n; from = to) {
		for (to = from + 1; to < list.first + list.n; to++)
			if (needs[to].port != needs[from].port)
				break;
		r = service_port(w, g, from, to);
	}
	row.n = (uint32_t)w->merged.n;
	if (r < 0 || same_row(w, base, &row))
		return r;
	return add_row(w, row);
}

/* Where everybody may be sent everything, so may a Service. */
static int service_rows(struct verdicts *w, size_t base)
{
	const struct group g = { .base = base, .end = w->t->rows.n };
	const struct table_row *any = &w->t->rows.v[base];
	uint32_t i;
	int r = 0;

	if (!any->n && any->action == BH_ALLOW)
		return 0;
	for (i = 0; !r && i < w->b->classes.n; i++)
		if (w->b->classes.v[i].is_service)
			r = service_row(w, &g, i);
	return r;
}

/* ---- one policy set in one direction --------------------------------------------------------- */

static int set_rows(struct verdicts *w, uint32_t set, uint32_t dir)
{
	struct table_row row = { .set = set, .dir = dir, .action = BH_ALLOW };
	const size_t base = w->t->rows.n;
	size_t from, to;
	int r;

	if (!w->t->sets.v[set].isolated[dir])
		return add_row(w, row);
	r = collect_rules(w, &w->t->sets.v[set], dir);
	if (!r)
		r = collect_hits(w, dir);
	if (!r)
		r = subject_names(w, set, dir);
	if (!r)
		r = make_row(w, &row);
	if (!r)
		r = add_row(w, row);
	for (from = 0; !r && from < w->hits.n; from = to) {
		for (to = from + 1; to < w->hits.n; to++)
			if (w->hits.v[to].class != w->hits.v[from].class)
				break;
		r = class_row(w, from, to, base);
	}
	if (!r && dir == BH_EGRESS)
		r = service_rows(w, base);
	return r;
}

/* ---- all of them ---------------------------------------------------------------------------- */

/* class -> peer sets becomes peer set -> classes, by counting. */
static int invert(struct verdicts *w)
{
	const struct build *b = w->b;
	size_t total = 0;
	uint32_t i, k;

	for (i = 0; i < b->classes.n; i++)
		total += b->classes.v[i].peers.n;
	w->start = calloc(b->peer_sets.n + 2, sizeof(*w->start));
	w->in_classes = calloc(total + 1, sizeof(*w->in_classes));
	if (!w->start || !w->in_classes)
		return -ENOMEM;
	for (i = 0; i < b->classes.n; i++)
		for (k = 0; k < b->classes.v[i].peers.n; k++)
			w->start[b->lists.v[b->classes.v[i].peers.first + k] + 2]++;
	for (i = 2; i < b->peer_sets.n + 2; i++)
		w->start[i] += w->start[i - 1];
	/* start[p + 1] is now where the classes of p begin, and moves on to where they end */
	for (i = 0; i < b->classes.n; i++)
		for (k = 0; k < b->classes.v[i].peers.n; k++)
			w->in_classes[w->start[b->lists.v[b->classes.v[i].peers.first + k] + 1]++] = i;
	return 0;
}

int policy_rows(struct build *b)
{
	struct verdicts w = { .b = b, .t = b->t };
	uint32_t set, dir;
	int r;

	r = invert(&w);
	for (set = 0; !r && set < b->t->sets.n; set++)
		for (dir = 0; !r && dir < DIR_MAX; dir++)
			r = set_rows(&w, set, dir);
	if (!r)
		r = range_share(b->t);
	vec_sort(&b->t->rows, policy_row_cmp);
	free(w.start);
	free(w.in_classes);
	vec_done(&w.rules);
	vec_done(&w.holds);
	vec_done(&w.hits);
	vec_done(&w.names);
	vec_done(&w.spans);
	vec_done(&w.merged);
	vec_done(&w.spare);
	return r;
}
