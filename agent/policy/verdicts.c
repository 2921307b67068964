/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Verdict rows. For one (policy set, direction): the row of class 0 is what rules for any peer say;
 * another class gets a row where the rules that name one of its peer sets make it differ.
 */
#include "policy/verdicts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policy/order.h"

int verdicts_add_row(struct verdicts *w, struct table_row row)
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

/* By class, by counting; the rules of a class stay in their order, in which the hits were found. */
static int sort_hits(struct verdicts *w)
{
	const size_t n = w->b->classes.n;
	uint32_t at = 0, here;
	size_t i;

	memset(w->places, 0, n * sizeof(*w->places));
	vec_clear(&w->hits);
	for (i = 0; i < w->found.n; i++) {
		w->places[w->found.v[i].class]++;
		if (!vec_add(&w->hits))
			return -ENOMEM;
	}
	for (i = 0; i < n; i++, at += here) {
		here = w->places[i];
		w->places[i] = at;
	}
	for (i = 0; i < w->found.n; i++)
		w->hits.v[w->places[w->found.v[i].class]++] = w->found.v[i];
	return 0;
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
		hit = vec_add(&w->found);
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

	vec_clear(&w->found);
	for (i = 0; !r && i < w->rules.n; i++) {
		const struct rule_use *use = w->rules.v[i].use;

		for (k = 0; !r && k < use->peers.n; k++)
			r = add_peer_hits(w, dir, i, use->peers.v[k].index);
		if (!r && dir == BH_EGRESS && use->any_peer)
			r = add_name_hits(w, i);
	}
	return r ? r : sort_hits(w);
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

bool verdicts_same_row(const struct verdicts *w, const struct table_row *base, const struct table_row *row)
{
	return row->action == base->action && row->rule == base->rule && row->n == base->n &&
	       (!row->n || !memcmp(w->merged.v, w->t->ranges.v + base->first, row->n * sizeof(*w->merged.v)));
}

static int make_class_row(struct verdicts *w, size_t from, size_t to, size_t base)
{
	struct table_row row = w->t->rows.v[base];
	size_t i;
	int r;

	row = (struct table_row){ .set = row.set, .class = w->hits.v[from].class, .dir = row.dir };
	for (i = from; i < to; i++)
		w->holds.v[w->hits.v[i].rule] |= w->hits.v[i].how;
	r = verdicts_make_row(w, &row);
	for (i = from; i < to; i++)
		w->holds.v[w->hits.v[i].rule] = w->rules.v[w->hits.v[i].rule].use->any_peer ? HOLDS_ALL : 0;
	if (r < 0 || verdicts_same_row(w, &w->t->rows.v[base], &row))
		return r;
	return verdicts_add_row(w, row);
}

/* ---- classes with the same hits -------------------------------------------------------------- */

static struct made_row *made_row(struct verdicts *w, size_t from, size_t to)
{
	uint32_t hash = 0;

	for (; from < to; from++)
		hash = (hash ^ (w->hits.v[from].rule << 3 | w->hits.v[from].how)) * 0x9e3779b1u;
	return &w->made[(hash >> 16) % MADE_ROWS];
}

static bool same_hits(const struct verdicts *w, const struct made_row *made, size_t from, size_t to)
{
	const struct hit *x = w->hits.v + made->from, *y = w->hits.v + from;
	size_t i;

	if (made->to - made->from != to - from)
		return false;
	for (i = 0; i < to - from; i++)
		if (x[i].rule != y[i].rule || x[i].how != y[i].how)
			return false;
	return true;
}

/* Its ranges are those of the other: range_share() finds that it has them already. */
static int repeat_row(struct verdicts *w, const struct made_row *made, uint32_t class, size_t base)
{
	struct table_row *slot = made->at == base ? NULL : vec_add(&w->t->rows);

	if (!slot)
		return made->at == base ? 0 : -ENOMEM;
	*slot = w->t->rows.v[made->at];
	slot->class = class;
	return 0;
}

/* The hits [from..to) are all those of one class. @base: index of the row of class 0. Most classes have the
 * same hits as others, as the pods of a team in each of its namespaces; only names of ports may mean
 * something else to each. */
static int class_row(struct verdicts *w, size_t from, size_t to, size_t base)
{
	const uint32_t class = w->hits.v[from].class;
	struct made_row *made = made_row(w, from, to);
	const size_t rows = w->t->rows.n;
	int r = w->dir == BH_EGRESS ? class_names(w, class) : 0;

	if (r < 0)
		return r;
	if (w->dir == BH_EGRESS && w->names.n)
		return make_class_row(w, from, to, base);
	if (same_hits(w, made, from, to))
		return repeat_row(w, made, class, base);
	r = make_class_row(w, from, to, base);
	*made = (struct made_row){ from, to, w->t->rows.n > rows ? rows : base };
	return r;
}

/* ---- one policy set in one direction --------------------------------------------------------- */

static void take_stance(struct verdicts *w, const struct table_set *set, uint32_t dir)
{
	size_t i;

	w->set = set;
	w->audits = set->audited;
	w->all = w->in_earnest = (struct stance){};
	for (i = 0; i < set->policies.n; i++) {
		const struct net_policy *np = w->b->model->policies.v[set->policies.v[i]];
		const bool refuses = w->b->uses[set->policies.v[i]].refuses[dir];
		const bool audit = np->audit || set->audited;

		w->audits |= audit;
		w->all.isolates |= np->isolates[dir];
		w->all.refuses |= refuses;
		w->in_earnest.isolates |= np->isolates[dir] && !audit;
		w->in_earnest.refuses |= refuses && !audit;
	}
}

static int set_rows(struct verdicts *w, uint32_t set, uint32_t dir)
{
	struct table_row row = { .set = set, .dir = dir, .action = BH_ALLOW }; /* if nobody has a say */
	const size_t base = w->t->rows.n;
	size_t from, to;
	int r;

	if (!w->t->sets.v[set].judged[dir])
		return verdicts_add_row(w, row);
	w->dir = dir;
	memset(w->made, 0, sizeof(w->made));
	take_stance(w, &w->t->sets.v[set], dir);
	r = collect_rules(w, &w->t->sets.v[set], dir);
	if (!r)
		r = collect_hits(w, dir);
	if (!r)
		r = subject_names(w, set, dir);
	if (!r)
		r = verdicts_make_row(w, &row);
	if (!r)
		r = verdicts_add_row(w, row);
	for (from = 0; !r && from < w->hits.n; from = to) {
		for (to = from + 1; to < w->hits.n; to++)
			if (w->hits.v[to].class != w->hits.v[from].class)
				break;
		r = class_row(w, from, to, base);
	}
	if (!r && dir == BH_EGRESS)
		r = verdicts_service_rows(w, base);
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
	w->places = calloc(b->classes.n + 1, sizeof(*w->places));
	if (!w->start || !w->in_classes || !w->places)
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
	free(w.places);
	vec_done(&w.rules);
	vec_done(&w.holds);
	vec_done(&w.hits);
	vec_done(&w.found);
	vec_done(&w.names);
	vec_done(&w.ports);
	vec_done(&w.own);
	vec_done(&w.merged);
	vec_done(&w.earnest);
	vec_done(&w.spare);
	return r;
}
