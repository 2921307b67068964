/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the rules that hold say. All keys of ports are one line, and packets without ports are its key 0:
 * rules take what those before them have left of it, tier by tier. Several rules may match the same port: the
 * first one owns it, so that counters and explain agree everywhere. Where some policies are audited there are
 * two lines, of those in earnest and of all; what the first allows and the second denies is allowed, and
 * reported.
 */
#include "policy/verdicts.h"

#include <errno.h>

/* ---- one row -------------------------------------------------------------------------------- */

int verdicts_overlay(struct verdicts *w, struct range_vec *line, const struct table_range *v, size_t n)
{
	const int r = range_overlay(line, v, n, &w->spare);
	const struct range_vec base = *line;

	*line = w->spare;
	w->spare = base;
	return r;
}

int verdicts_overlay_all(struct verdicts *w, struct range_vec *line, uint32_t action, uint32_t rule)
{
	const struct table_range all = { .last = PORT_KEYS_LAST, .action = action, .rule = rule };

	return verdicts_overlay(w, line, &all, 1);
}

static int add_port(struct verdicts *w, const struct rule_use *use, uint32_t port)
{
	struct table_range *range = vec_add(&w->ports);

	if (!range)
		return -ENOMEM;
	*range = (struct table_range){ port, port, action_of(use), use->rule };
	return 0;
}

/* The ports of a rule that has names, as far as they hold, into verdicts.ports. */
static int resolve_names(struct verdicts *w, const struct rule_use *use, uint8_t how)
{
	const struct named_port *at;
	struct table_range *range;
	size_t i, k, n;
	int r = 0;

	vec_clear(&w->ports);
	for (i = 0; i < use->ports.n; i++) {
		range = vec_add(&w->ports);
		if (!range)
			return -ENOMEM;
		*range = use->ports.v[i];
	}
	for (i = 0; !r && how & HOLDS_NAMES && i < use->names.n; i++) {
		at = named_ports_find(w->names.v, w->names.n, &use->names.v[i], &n);
		for (k = 0; !r && k < n; k++)
			r = add_port(w, use, BH_PORT(at[k].proto, at[k].port));
	}
	w->ports.n = policy_merge_ports(w->ports.v, w->ports.n);
	return r;
}

/* It does not accept, and who is perhaps meant is denied: his ports, or all where he would say which. */
static int add_perhaps(struct verdicts *w, struct range_vec *line, const struct rule_use *use)
{
	size_t i;
	int r;

	if (use->all_ports || (use->names.n && w->dir == BH_EGRESS))
		return verdicts_overlay_all(w, line, BH_DENY, use->rule);
	r = resolve_names(w, use, HOLDS_ALL);
	for (i = 0; i < w->ports.n; i++)
		w->ports.v[i].action = BH_DENY;
	return r ? r : verdicts_overlay(w, line, w->ports.v, w->ports.n);
}

/* What holds for sure does, unless names depend on who it is. */
static bool is_sure(const struct verdicts *w, const struct rule_use *use, uint8_t how)
{
	return !(how & HOLDS_PERHAPS) || (how & HOLDS_ALL && !(use->names.n && w->dir == BH_EGRESS));
}

static int add_rule(struct verdicts *w, struct range_vec *line, const struct rule_use *use, uint8_t how)
{
	int r;

	if (!is_sure(w, use, how))
		return add_perhaps(w, line, use);
	if (use->all_ports)
		return verdicts_overlay_all(w, line, action_of(use), use->rule);
	if (!use->names.n)
		return verdicts_overlay(w, line, use->ports.v, use->ports.n);
	r = resolve_names(w, use, how);
	return r ? r : verdicts_overlay(w, line, w->ports.v, w->ports.n);
}

/* ---- tiers ---------------------------------------------------------------------------------- */

/* Where the rules of a tier, of a priority, of one policy end: all are neighbours. */
static size_t tier_end(const struct verdicts *w, size_t from, enum policy_tier tier)
{
	while (from < w->rules.n && w->rules.v[from].policy->tier == tier)
		from++;
	return from;
}

static size_t priority_end(const struct verdicts *w, size_t from, size_t end)
{
	const uint16_t priority = w->rules.v[from].policy->priority;

	while (from < end && w->rules.v[from].policy->priority == priority)
		from++;
	return from;
}

static size_t policy_end(const struct verdicts *w, size_t from, size_t end)
{
	const struct net_policy *policy = w->rules.v[from].policy;

	while (from < end && w->rules.v[from].policy == policy)
		from++;
	return from;
}

static bool is_audited(const struct verdicts *w, const struct net_policy *np)
{
	return w->set->audited || np->audit;
}

/* What of the rule holds; nothing, where only what is in earnest is asked and its policy is not. */
static uint8_t holds(const struct verdicts *w, size_t rule)
{
	return w->only_earnest && is_audited(w, w->rules.v[rule].policy) ? 0 : w->holds.v[rule];
}

/* All accept, so the order is of no matter but for who is named: who allows all is. */
static int add_network_tier(struct verdicts *w, size_t from, size_t end)
{
	size_t i;
	int r = 0;

	for (i = from; i < end; i++)
		if (holds(w, i) && w->rules.v[i].use->all_ports)
			return add_rule(w, &w->merged, w->rules.v[i].use, holds(w, i));
	for (i = from; !r && i < end; i++)
		if (holds(w, i))
			r = add_rule(w, &w->merged, w->rules.v[i].use, holds(w, i));
	return r;
}

/* What one policy's rules [from..end) say, into verdicts.own. */
static int policy_line(struct verdicts *w, size_t from, size_t end)
{
	int r = 0;

	vec_clear(&w->own);
	for (; !r && from < end; from++)
		if (holds(w, from))
			r = add_rule(w, &w->own, w->rules.v[from].use, holds(w, from));
	return r;
}

/* Of the policy's own line what does @action. */
static int add_own(struct verdicts *w, uint32_t action)
{
	size_t i;
	int r = 0;

	for (i = 0; !r && i < w->own.n; i++)
		if ((w->own.v[i].action & ~BH_LOG) == action)
			r = verdicts_overlay(w, &w->merged, &w->own.v[i], 1);
	return r;
}

/* Rules of one priority. Each policy's first match counts; of different ones, who denies goes first. */
static int add_priority(struct verdicts *w, size_t from, size_t end)
{
	static const uint32_t order[] = { BH_DENY, ACTION_PASS, BH_ALLOW };
	size_t i, at, next;
	int r;

	if (policy_end(w, from, end) == end) {
		r = policy_line(w, from, end);
		return r ? r : verdicts_overlay(w, &w->merged, w->own.v, w->own.n);
	}
	for (i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
		for (at = from; at < end; at = next) {
			next = policy_end(w, at, end);
			r = policy_line(w, at, next);
			if (!r)
				r = add_own(w, order[i]);
			if (r < 0)
				return r;
		}
	}
	return 0;
}

/* What passes is the next tier's. */
static void drop_passed(struct verdicts *w)
{
	size_t i, kept = 0;

	for (i = 0; i < w->merged.n; i++)
		if (w->merged.v[i].action != ACTION_PASS)
			w->merged.v[kept++] = w->merged.v[i];
	w->merged.n = kept;
}

static int add_tier(struct verdicts *w, size_t from, size_t end)
{
	size_t next;
	int r = 0;

	for (; !r && from < end; from = next) {
		next = priority_end(w, from, end);
		r = add_priority(w, from, next);
	}
	drop_passed(w);
	return r;
}

/* What the policies say of every port, into verdicts.merged. */
static int make_line(struct verdicts *w)
{
	const size_t segmentation = tier_end(w, 0, TIER_ADMIN);
	const size_t network = tier_end(w, segmentation, TIER_SEGMENTATION);
	const size_t baseline = tier_end(w, network, TIER_NETWORK);
	const bool isolated = w->only_earnest ? w->in_earnest.isolates : w->all.isolates;
	int r;

	vec_clear(&w->merged);
	r = add_tier(w, 0, segmentation);
	if (!r)
		r = add_tier(w, segmentation, network);
	if (!r)
		r = add_network_tier(w, network, baseline);
	if (!r && !isolated)
		r = add_tier(w, baseline, w->rules.n);
	return r ? r : verdicts_overlay_all(w, &w->merged, isolated ? BH_DENY : BH_ALLOW, 0);
}

/* ---- audit ---------------------------------------------------------------------------------- */

/* What holds of a port where one says this in earnest, and all together that. */
static struct table_range audited(const struct table_range *earnest, const struct table_range *all)
{
	if (!(earnest->action & BH_ALLOW) || all->action & BH_ALLOW)
		return *earnest;
	return (struct table_range){ .action = BH_ALLOW | BH_AUDIT, .rule = all->rule };
}

/* Both are lines of all there is. */
static int join_lines(const struct range_vec *earnest, const struct range_vec *all, struct range_vec *ret)
{
	size_t i = 0, k = 0;
	uint32_t from = 0;
	int r = 0;

	vec_clear(ret);
	while (!r && i < earnest->n && k < all->n) {
		const struct table_range *x = &earnest->v[i], *y = &all->v[k];
		struct table_range part = audited(x, y);

		part.first = from;
		part.last = x->last < y->last ? x->last : y->last;
		from = part.last + 1;
		i += x->last == part.last;
		k += y->last == part.last;
		r = range_emit(ret, &part);
	}
	return r;
}

static void swap(struct range_vec *a, struct range_vec *b)
{
	const struct range_vec was = *a;

	*a = *b;
	*b = was;
}

static int make_audited_line(struct verdicts *w)
{
	int r;

	w->only_earnest = true;
	r = make_line(w);
	w->only_earnest = false;
	swap(&w->merged, &w->earnest);
	if (!r)
		r = make_line(w);
	if (!r)
		r = join_lines(&w->earnest, &w->merged, &w->spare);
	swap(&w->merged, &w->spare);
	return r;
}

/* ---- the row -------------------------------------------------------------------------------- */

/* What may hide its port, or who it is, may be what is denied: of this row, or by a rule for others. */
static uint32_t hides(const struct verdicts *w)
{
	bool denies = w->in_earnest.refuses, audits = w->all.refuses;
	size_t i;

	for (i = 0; i < w->merged.n; i++) {
		denies |= !(w->merged.v[i].action & BH_ALLOW);
		audits |= w->merged.v[i].action & BH_AUDIT;
	}
	return denies ? BH_HIDES_DENIED : audits ? BH_HIDES_AUDIT : 0;
}

/* What the row says by itself is what key 0 has; a range is left where something else holds. */
void verdicts_fold(struct verdicts *w, struct table_row *row)
{
	size_t i, kept = 0;

	row->action = w->merged.v[0].action;
	row->rule = w->merged.v[0].rule;
	for (i = 0; i < w->merged.n; i++)
		if (w->merged.v[i].action != row->action || w->merged.v[i].rule != row->rule)
			w->merged.v[kept++] = w->merged.v[i];
	w->merged.n = kept;
	row->n = (uint32_t)kept;
	if (row->action & BH_ALLOW)
		row->action |= hides(w);
}

int verdicts_make_row(struct verdicts *w, struct table_row *row)
{
	const int r = w->audits ? make_audited_line(w) : make_line(w);

	if (!r)
		verdicts_fold(w, row);
	return r;
}
