/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Verdict rows. For one (policy set, direction): the row of class 0 is what rules for any peer say;
 * another class gets a row where the rules that name one of its peer sets make it differ. All keys of ports
 * are one line, and packets without ports are its key 0: rules take what those before them have left of it,
 * tier by tier. Several rules may match the same port: the first one owns it, so that counters and explain
 * agree everywhere.
 */
#include "policy/build.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policy/order.h"
#include "policy/ranges.h"

/* What of a rule's ports holds for the class at hand. Egress by a block does not ask pods for names. */
enum { HOLDS_NUMBERS = 1, HOLDS_NAMES = 2, HOLDS_ALL = 3, HOLDS_PERHAPS = 4 };

/* Some rule of the (set, direction) names a peer set of this class. */
struct hit {
	uint32_t class, rule; /* rule: index into verdicts.rules */
	uint8_t how;
};

/* A rule and whose it is. */
struct turn {
	const struct rule_use *use;
	const struct net_policy *policy;
};

struct verdicts {
	struct build *b;
	struct tables *t;
	uint32_t dir;
	uint32_t *start; /* by peer set: where in in_classes its classes begin */
	uint32_t *in_classes;
	VEC(struct turn) rules;	      /* of one (set, direction), the first wins */
	VEC(uint8_t) holds;	      /* by rule: for the class at hand */
	VEC(struct hit) hits;	      /* by class, rule */
	VEC(struct named_port) names; /* that count: the subject's, or those of the class at hand */
	struct range_vec ports;	      /* of the rule at hand, if it has names */
	struct range_vec own;	      /* what the policy at hand says by itself */
	struct range_vec merged;      /* the line so far: the ranges of the row at hand */
	struct range_vec spare;
};

/* ---- one row -------------------------------------------------------------------------------- */

/* Adds to the line what it has left of these. */
static int overlay(struct verdicts *w, struct range_vec *line, const struct table_range *v, size_t n)
{
	const int r = range_overlay(line, v, n, &w->spare);
	const struct range_vec base = *line;

	*line = w->spare;
	w->spare = base;
	return r;
}

static int overlay_all(struct verdicts *w, struct range_vec *line, uint32_t action, uint32_t rule)
{
	const struct table_range all = { .last = PORT_KEYS_LAST, .action = action, .rule = rule };

	return overlay(w, line, &all, 1);
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
		return overlay_all(w, line, BH_DENY, use->rule);
	r = resolve_names(w, use, HOLDS_ALL);
	for (i = 0; i < w->ports.n; i++)
		w->ports.v[i].action = BH_DENY;
	return r ? r : overlay(w, line, w->ports.v, w->ports.n);
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
		return overlay_all(w, line, action_of(use), use->rule);
	if (!use->names.n)
		return overlay(w, line, use->ports.v, use->ports.n);
	r = resolve_names(w, use, how);
	return r ? r : overlay(w, line, w->ports.v, w->ports.n);
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

/* All accept, so the order is of no matter but for who is named: who allows all is. */
static int add_network_tier(struct verdicts *w, size_t from, size_t end)
{
	size_t i;
	int r = 0;

	for (i = from; i < end; i++)
		if (w->holds.v[i] && w->rules.v[i].use->all_ports)
			return add_rule(w, &w->merged, w->rules.v[i].use, w->holds.v[i]);
	for (i = from; !r && i < end; i++)
		if (w->holds.v[i])
			r = add_rule(w, &w->merged, w->rules.v[i].use, w->holds.v[i]);
	return r;
}

/* What one policy's rules [from..end) say, into verdicts.own. */
static int policy_line(struct verdicts *w, size_t from, size_t end)
{
	int r = 0;

	vec_clear(&w->own);
	for (; !r && from < end; from++)
		if (w->holds.v[from])
			r = add_rule(w, &w->own, w->rules.v[from].use, w->holds.v[from]);
	return r;
}

/* Of the policy's own line what does @action. */
static int add_own(struct verdicts *w, uint32_t action)
{
	size_t i;
	int r = 0;

	for (i = 0; !r && i < w->own.n; i++)
		if (w->own.v[i].action == action)
			r = overlay(w, &w->merged, &w->own.v[i], 1);
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
		return r ? r : overlay(w, &w->merged, w->own.v, w->own.n);
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

/* What the row says by itself is what key 0 has; a range is left where something else holds. */
static void fold(struct verdicts *w, struct table_row *row)
{
	size_t i, kept = 0;

	row->action = w->merged.v[0].action;
	row->rule = w->merged.v[0].rule;
	for (i = 0; i < w->merged.n; i++)
		if (w->merged.v[i].action != row->action || w->merged.v[i].rule != row->rule)
			w->merged.v[kept++] = w->merged.v[i];
	w->merged.n = kept;
	row->n = (uint32_t)kept;
}

/* The row that the rules in verdicts.holds make; its ranges are in verdicts.merged. */
static int make_row(struct verdicts *w, struct table_row *row)
{
	const bool isolated = w->t->sets.v[row->set].isolated[row->dir];
	const size_t segmentation = tier_end(w, 0, TIER_ADMIN);
	const size_t network = tier_end(w, segmentation, TIER_SEGMENTATION);
	const size_t baseline = tier_end(w, network, TIER_NETWORK);
	int r;

	vec_clear(&w->merged);
	r = add_tier(w, 0, segmentation);
	if (!r)
		r = add_tier(w, segmentation, network);
	if (!r)
		r = add_network_tier(w, network, baseline);
	if (!r && !isolated)
		r = add_tier(w, baseline, w->rules.n);
	if (!r)
		r = overlay_all(w, &w->merged, isolated ? BH_DENY : BH_ALLOW, 0);
	if (!r)
		fold(w, row);
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
	struct turn *slot;
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
			*slot = (struct turn){ &pu->rules[dir].v[k],
					       w->b->model->policies.v[set->policies.v[i]] };
			*holds = slot->use->any_peer ? HOLDS_ALL : 0;
		}
	}
	return 0;
}

/* What a Service is asked for is not what holds its own address: see service_row(). */
static int add_hits(struct verdicts *w, uint32_t dir, uint32_t rule, uint32_t peer)
{
	const struct peer_set *set = &w->b->peer_sets.v[peer];
	const uint8_t how = peer_set_is_perhaps(set)			 ? HOLDS_PERHAPS
			    : dir == BH_EGRESS && !peer_set_is_pods(set) ? HOLDS_NUMBERS
									 : HOLDS_ALL;
	struct hit *hit;
	uint32_t c;

	for (c = w->start[peer]; c < w->start[peer + 1]; c++) {
		if (dir == BH_EGRESS && w->b->classes.v[w->in_classes[c]].is_service)
			continue;
		hit = vec_add(&w->hits);
		if (!hit)
			return -ENOMEM;
		*hit = (struct hit){ .class = w->in_classes[c], .rule = rule, .how = how };
	}
	return 0;
}

/* A rule that refuses says its no to those, too, that are perhaps meant. */
static int add_peer_hits(struct verdicts *w, uint32_t dir, uint32_t rule, uint32_t peer)
{
	const uint32_t perhaps = w->b->peer_sets.v[peer].perhaps;
	int r = add_hits(w, dir, rule, peer);

	if (!r && w->rules.v[rule].use->action != RULE_ACCEPT && perhaps != PEER_NONE)
		r = add_hits(w, dir, rule, perhaps);
	return r;
}

/* An egress rule for any peer says something of its own to pods that have one of its names. */
static int add_name_hits(struct verdicts *w, uint32_t rule)
{
	const struct rule_use *use = w->rules.v[rule].use;
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
		const struct rule_use *use = w->rules.v[i].use;

		for (k = 0; !r && k < use->peers.n; k++)
			r = add_peer_hits(w, dir, i, use->peers.v[k].index);
		if (!r && dir == BH_EGRESS && use->any_peer)
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

		if (!set->peer && !peer_set_is_perhaps(set))
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
		w->holds.v[w->hits.v[i].rule] = w->rules.v[w->hits.v[i].rule].use->any_peer ? HOLDS_ALL : 0;
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

/* The needs [from..to) are all those of one port: whether all hold. The rule noted is that of the first
 * backend, or of the one that says no. */
static bool port_holds(const struct verdicts *w, const struct group *g, uint32_t from, uint32_t to,
		       uint32_t *ret_rule)
{
	const struct need *needs = w->b->needs.v;
	uint32_t rule, i;

	*ret_rule = 0;
	for (i = from; i < to; i++) {
		if (needs[i].is_node)
			continue;
		if (needs[i].is_unknown)
			return false;
		if (!row_allows(w, group_row(w, g, needs[i].class), needs[i].at, &rule)) {
			*ret_rule = rule;
			return false;
		}
		if (!*ret_rule)
			*ret_rule = rule;
	}
	return true;
}

static bool is_open(const struct table_row *row)
{
	return !row->n && row->action == BH_ALLOW;
}

/* What is no port of the Service is denied; but where everybody may be sent everything, it goes on as if
 * there were no Service. */
static int add_no_port(struct verdicts *w, const struct group *g, uint32_t class)
{
	const struct table_row *own = group_row(w, g, w->b->classes.v[class].block);
	int r;

	if (!is_open(&w->t->rows.v[g->base]))
		return overlay_all(w, &w->merged, BH_DENY, 0);
	r = overlay(w, &w->merged, w->t->ranges.v + own->first, own->n);
	return r ? r : overlay_all(w, &w->merged, own->action, own->rule);
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
		range.action = port_holds(w, g, from, to, &range.rule) ? BH_ALLOW : BH_DENY;
		r = range_emit(&w->merged, &range);
	}
	if (!r)
		r = add_no_port(w, g, class);
	if (r < 0)
		return r;
	fold(w, &row);
	return same_row(w, base, &row) ? 0 : add_row(w, row);
}

/* Where everybody may be sent everything and no rule refuses anything, so may a Service. */
static int service_rows(struct verdicts *w, size_t base)
{
	const struct group g = { .base = base, .end = w->t->rows.n };
	const struct table_row *any = &w->t->rows.v[base];
	uint32_t i;
	int r = 0;

	if (is_open(any) && !w->t->sets.v[any->set].refuses[any->dir])
		return 0;
	for (i = 0; !r && i < w->b->classes.n; i++)
		if (w->b->classes.v[i].is_service)
			r = service_row(w, &g, i);
	return r;
}

/* ---- one policy set in one direction --------------------------------------------------------- */

static int set_rows(struct verdicts *w, uint32_t set, uint32_t dir)
{
	struct table_row row = { .set = set, .dir = dir, .action = BH_ALLOW }; /* if nobody has a say */
	const size_t base = w->t->rows.n;
	size_t from, to;
	int r;

	if (!w->t->sets.v[set].judged[dir])
		return add_row(w, row);
	w->dir = dir;
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
	vec_done(&w.ports);
	vec_done(&w.own);
	vec_done(&w.merged);
	vec_done(&w.spare);
	return r;
}
