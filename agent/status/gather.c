/* SPDX-License-Identifier: Apache-2.0 */
/* Nodes by number, and policies' nodes as bits of these numbers. */
#include "status/gather.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

#include "util/intern.h"

struct node {
	const char *name; /* interned, as pod.node is */
	bool reports, silent;
	uint32_t round;
	int64_t heard_ms;
	int64_t seq[POLICY_KINDS]; /* of its sets in model.versions; -1: not known */
	struct report report;
};

struct by_name {
	const char *name;
	size_t at;
};

struct gather {
	const struct model *model;
	VEC(struct node) nodes;
	VEC(struct by_name) index; /* by the name's place, which is one for each name */
	size_t reports, refusing, silent;
	uint64_t refused; /* policies that we do not understand ourselves */
	bool setback;
	int64_t aged_ms; /* when ages were looked at */
};

/* ---- nodes -------------------------------------------------------------------------------- */

static int by_place(const void *a, const void *b)
{
	const uintptr_t x = (uintptr_t)((const struct by_name *)a)->name;
	const uintptr_t y = (uintptr_t)((const struct by_name *)b)->name;

	return x < y ? -1 : x > y;
}

/* @name: interned. Return: its number, or -1. */
static ssize_t number_of(const struct gather *g, const char *name)
{
	const struct by_name key = { .name = name }, *found = vec_find(&g->index, &key, by_place);

	return found ? (ssize_t)found->at : -1;
}

static ssize_t add_node(struct gather *g, const char *name)
{
	const struct by_name new = { .name = name, .at = g->nodes.n };
	struct node *n = vec_add(&g->nodes);
	size_t i = g->index.n;

	if (!n || !vec_add(&g->index)) {
		g->nodes.n -= n != NULL;
		return -ENOMEM;
	}
	n->name = intern_again(name);
	for (; i && by_place(&g->index.v[i - 1], &new) > 0; i--)
		g->index.v[i] = g->index.v[i - 1];
	g->index.v[i] = new;
	return (ssize_t) new.at;
}

/* @name: interned. */
static ssize_t number_or_new(struct gather *g, const char *name)
{
	const ssize_t at = number_of(g, name);

	return at < 0 ? add_node(g, name) : at;
}

/* By its name as any text. */
static struct node *find_node(struct gather *g, const char *text, bool make)
{
	const char *name = intern_text(text);
	ssize_t at;

	if (!name)
		return NULL;
	at = make ? number_or_new(g, name) : number_of(g, name);
	intern_drop(name);
	return at < 0 ? NULL : &g->nodes.v[at];
}

/* ---- reports ------------------------------------------------------------------------------ */

static void look_up(const struct gather *g, struct node *n)
{
	size_t i;

	for (i = 0; i < POLICY_KINDS; i++)
		n->seq[i] = versions_find(&g->model->versions[i], &n->report.sets[i]);
}

static void set_silent(struct gather *g, struct node *n, bool silent)
{
	g->silent += (size_t)silent - n->silent;
	n->silent = silent;
}

static void forget(struct gather *g, struct node *n)
{
	set_silent(g, n, false);
	g->setback |= n->reports;
	g->reports -= n->reports;
	g->refusing -= n->reports && n->report.refused.n;
	report_done(&n->report);
	n->report = (struct report){};
	n->reports = false;
}

int gather_put(struct gather *g, const char *node, struct report *take, uint32_t round, int64_t now_ms)
{
	const bool full = g->nodes.n >= GATHER_NODES_MAX;
	struct node *n = find_node(g, node, !full);
	int64_t was[POLICY_KINDS], heard_ms = now_ms;
	bool excepts, setback, news, silent = false;
	size_t i;

	if (!n && full) {
		report_done(take);
		return 0;
	}
	if (!n) {
		report_done(take);
		return -ENOMEM;
	}
	excepts = !report_excepts_same(&n->report, take);
	setback = g->setback || excepts;
	news = excepts || !n->reports || memcmp(n->report.sets, take->sets, sizeof(take->sets)) != 0;
	if (!news && !strcmp(n->report.at, take->at)) { /* a listing tells again what was told */
		heard_ms = n->heard_ms;
		silent = n->silent;
	}
	news |= n->silent != silent;
	memcpy(was, n->seq, sizeof(was));
	forget(g, n);
	n->report = *take;
	*take = (struct report){};
	n->reports = true;
	n->heard_ms = heard_ms;
	set_silent(g, n, silent);
	n->round = round;
	g->reports++;
	g->refusing += n->report.refused.n > 0;
	look_up(g, n);
	for (i = 0; i < POLICY_KINDS; i++)
		setback |= n->seq[i] < was[i];
	g->setback = setback;
	return news;
}

bool gather_setback(struct gather *g)
{
	const bool was = g->setback;

	g->setback = false;
	return was;
}

void gather_del(struct gather *g, const char *node)
{
	struct node *n = find_node(g, node, false);

	if (n)
		forget(g, n);
}

void gather_listed(struct gather *g, uint32_t round)
{
	size_t i;

	for (i = 0; i < g->nodes.n; i++)
		if (g->nodes.v[i].reports && g->nodes.v[i].round != round)
			forget(g, &g->nodes.v[i]);
}

void gather_age(struct gather *g, int64_t now_ms, bool hears)
{
	const bool deaf = !hears || now_ms > g->aged_ms + GATHER_DEAF_MS;
	size_t i;

	g->aged_ms = now_ms;
	for (i = 0; i < g->nodes.n; i++) {
		struct node *n = &g->nodes.v[i];

		if (!n->reports || n->silent)
			continue;
		if (deaf)
			n->heard_ms = now_ms;
		set_silent(g, n, now_ms > n->heard_ms + 1000ll * n->report.valid_s);
	}
}

size_t gather_reports(const struct gather *g)
{
	return g->reports;
}

size_t gather_silent(const struct gather *g)
{
	return g->silent;
}

/* A node may be ahead of us: then its set comes to be known when we are as far. */
void gather_look_again(struct gather *g)
{
	size_t i, k;

	g->refused = model_problems(g->model, NULL);
	for (i = 0; i < g->nodes.n; i++)
		for (k = 0; g->nodes.v[i].reports && k < POLICY_KINDS; k++)
			if (g->nodes.v[i].seq[k] < 0)
				look_up(g, &g->nodes.v[i]);
}

/* ---- pods --------------------------------------------------------------------------------- */

static size_t first_pod(const struct model *m, const char *ns)
{
	size_t low = 0, high = m->pods.n;

	while (low < high) {
		const size_t mid = (low + high) / 2;

		if (strcmp(m->pods.v[mid]->ns, ns) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static int set_bit(node_set *set, size_t at)
{
	while (set->n <= at / 64)
		if (!vec_add(set))
			return -ENOMEM;
	set->v[at / 64] |= 1ull << at % 64;
	return 0;
}

static bool may_be_subject(const struct pod *p)
{
	return *p->node && !p->ended && !p->host_network;
}

/* Those of one namespace, from @i on. */
static int add_nodes(struct gather *g, const struct net_policy *p, size_t i, node_set *set, size_t *pods)
{
	const struct model *m = g->model;
	const char *ns = m->pods.v[i]->ns;
	int r = 0;

	for (; !r && i < m->pods.n && m->pods.v[i]->ns == ns; i++) {
		const struct pod *pod = m->pods.v[i];
		ssize_t at;

		++*pods;
		if (!may_be_subject(pod) || !selector_matches(p->subject, pod->labels))
			continue;
		at = number_or_new(g, pod->node);
		r = at < 0 ? (int)at : set_bit(set, (size_t)at);
	}
	return r;
}

static int add_all_nodes(struct gather *g, const struct net_policy *p, node_set *set, size_t *pods)
{
	const struct model *m = g->model;
	size_t i, next;
	int r = 0;

	for (i = 0; !r && i < m->pods.n; i = next) {
		const char *ns = m->pods.v[i]->ns;
		const struct namespace *n = model_namespace(m, ns);

		if (n && net_policy_is_for(p, n))
			r = add_nodes(g, p, i, set, pods);
		for (next = i + 1; next < m->pods.n && m->pods.v[next]->ns == ns; next++)
			;
	}
	return r;
}

int gather_nodes_of(struct gather *g, const struct net_policy *p, node_set *ret, size_t *pods)
{
	const struct model *m = g->model;
	node_set set = {};
	size_t i;
	int r = 0;

	if (p->namespaces) {
		r = add_all_nodes(g, p, &set, pods);
	} else {
		i = first_pod(m, p->ns);
		if (i < m->pods.n && !strcmp(m->pods.v[i]->ns, p->ns) && model_namespace(m, p->ns))
			r = add_nodes(g, p, i, &set, pods);
	}
	if (r < 0) {
		vec_done(&set);
		return r;
	}
	vec_done(ret);
	ret->v = set.v;
	ret->n = set.n;
	ret->size = set.size;
	return 0;
}

/* ---- questions ---------------------------------------------------------------------------- */

/* The number of the next one behind @at; -1: there is none. */
static ssize_t next_node(const node_set *set, ssize_t at)
{
	size_t i = (size_t)++at / 64;
	uint64_t left = i < set->n ? set->v[i] & ~0ull << at % 64 : 0;

	while (!left && ++i < set->n)
		left = set->v[i];
	return left ? (ssize_t)(64 * i) + __builtin_ctzll(left) : -1;
}

bool gather_selects(const struct model *m, const struct net_policy *p, const struct pod *pod)
{
	const struct namespace *ns = model_namespace(m, pod->ns);

	return ns && may_be_subject(pod) && net_policy_is_for(p, ns) &&
	       selector_matches(p->subject, pod->labels);
}

bool gather_is_subject(const struct model *m, const char *node, const struct net_policy *p,
		       const struct bare_pod *bare)
{
	const struct pod *pod = model_pod(m, bare->ns, bare->name);

	return pod && !strcmp(pod->node, node) && gather_selects(m, p, pod);
}

static const struct bare_pod *bare_subject(const struct gather *g, const struct node *n,
					   const struct net_policy *p)
{
	size_t i;

	for (i = 0; i < n->report.bare.n; i++)
		if (gather_is_subject(g->model, n->name, p, &n->report.bare.v[i]))
			return &n->report.bare.v[i];
	return NULL;
}

/* A node in trouble keeps what it had of it, not what pods and namespaces have become since. */
static enum gather_why why_not(const struct gather *g, const struct node *n, const struct net_policy *p,
			       const struct bare_pod **ret_bare)
{
	const struct report *r = &n->report;

	if (!n->reports)
		return GATHER_LATE;
	if (n->silent)
		return GATHER_SILENT;
	if (*r->trouble)
		return GATHER_TROUBLE;
	*ret_bare = bare_subject(g, n, p);
	if (*ret_bare || r->bare_n > r->bare.n)
		return GATHER_BARE;
	return n->seq[p->kind] >= 0 && (uint64_t)n->seq[p->kind] >= p->since ? GATHER_IN_FORCE : GATHER_LATE;
}

static void count_one(const struct gather *g, const struct node *n, const struct net_policy *p,
		      struct gather_count *c)
{
	const size_t late = c->nodes - c->enforced;
	const struct bare_pod *bare = NULL;
	const enum gather_why why = why_not(g, n, p, &bare);

	c->nodes++;
	if (why == GATHER_IN_FORCE) {
		c->enforced++;
		return;
	}
	if (late < GATHER_LATE_MAX)
		c->late[late] = n->name;
	if (why <= c->why)
		return;
	c->why = why;
	c->node = n->name;
	c->report = &n->report;
	c->bare = bare;
}

void gather_count(const struct gather *g, const struct net_policy *p, const node_set *on,
		  struct gather_count *ret)
{
	ssize_t at = -1;

	*ret = (struct gather_count){};
	while ((at = next_node(on, at)) >= 0)
		count_one(g, &g->nodes.v[at], p, ret);
}

bool gather_audits(const struct gather *g, const struct net_policy *p)
{
	return model_audits(g->model, p);
}

/* It names ten: those of the others that we refuse as well are no news. */
static bool may_refuse_others(const struct gather *g, const struct report *r)
{
	return r->refused_n > r->refused.n && r->refused_n > g->refused &&
	       strcmp(r->version, BH_VERSION) != 0;
}

static const struct refusal *refused_by(const struct gather *g, const struct node *n,
					const struct net_policy *p)
{
	static const struct refusal doubt = {
		.text = "it names the first of those that it does not understand, and "
			"this may be another"
	};
	size_t i;

	for (i = 0; i < n->report.refused.n; i++) {
		const struct refusal *r = &n->report.refused.v[i];

		if (r->kind == p->kind && r->generation == p->generation && !strcmp(r->name, p->name) &&
		    !strcmp(r->ns, p->ns))
			return r;
	}
	return may_refuse_others(g, &n->report) ? &doubt : NULL;
}

const struct refusal *gather_refusal(const struct gather *g, const struct net_policy *p, const node_set *on,
				     const char **ret_node, const char **ret_version)
{
	const struct refusal *r;
	ssize_t at = -1;

	while (g->refusing && (at = next_node(on, at)) >= 0) {
		r = refused_by(g, &g->nodes.v[at], p);
		if (!r)
			continue;
		*ret_node = g->nodes.v[at].name;
		*ret_version = g->nodes.v[at].report.version;
		return r;
	}
	return NULL;
}

/* ---- life --------------------------------------------------------------------------------- */

struct gather *gather_new(const struct model *m)
{
	struct gather *g = calloc(1, sizeof(*g));

	if (g)
		g->model = m;
	return g;
}

void gather_free(struct gather *g)
{
	size_t i;

	if (!g)
		return;
	for (i = 0; i < g->nodes.n; i++) {
		report_done(&g->nodes.v[i].report);
		intern_drop(g->nodes.v[i].name);
	}
	vec_done(&g->nodes);
	vec_done(&g->index);
	free(g);
}
