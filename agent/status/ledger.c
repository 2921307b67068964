/* SPDX-License-Identifier: Apache-2.0 */
/* One entry for each policy that there is, or of which something is written. */
#include "status/ledger.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "util/scope.h"

struct ledger_entry {
	enum policy_kind kind;
	char *ns, *name;
	bool there; /* the policy */
	char *uid;  /* of the policy that was counted; NULL: none was */
	uint64_t generation;
	node_set on;
	bool stale;	    /* its pods may be elsewhere by now */
	int64_t counted_ms; /* `on` */
	int64_t known_ms;   /* this version */
	int64_t late_ms;    /* since when it is not what it was said to be; 0: it is */
	int64_t written_ms;
	int64_t not_before_ms; /* after a failure */
	struct verdict is, said;
	bool is_said;	/* there is something written */
	uint32_t heard; /* the round of listing in which it was heard of */
	char *owner;	/* of a NetworkPolicy's status: the UID of whom it belongs to */
	enum verdict_news news;
	int64_t due_ms;
	bool writing;
	uint32_t round;
};

struct ledger {
	const struct model *model;
	struct gather *gather;
	VEC(struct ledger_entry *) entries; /* by namespace, name, kind, as the model's */
	bool listed[POLICY_KINDS], exists[POLICY_KINDS];
	size_t at;	     /* next policy of this pass */
	bool all;	     /* of this pass: also those of which nothing is known to have changed */
	int64_t all_ms;	     /* the last that did */
	int64_t paced_ms[2]; /* up to here the rate is used up: of policies, of statuses apart */
	uint32_t round;
};

/* ---- entries ------------------------------------------------------------------------------ */

static int entry_cmp(const struct ledger_entry *e, enum policy_kind kind, const char *ns, const char *name)
{
	int r = strcmp(e->ns, ns);

	r = r ? r : strcmp(e->name, name);
	return r ? r : (int)e->kind - (int)kind;
}

static size_t place(const struct ledger *l, enum policy_kind kind, const char *ns, const char *name)
{
	size_t low = 0, high = l->entries.n;

	while (low < high) {
		const size_t mid = (low + high) / 2;

		if (entry_cmp(l->entries.v[mid], kind, ns, name) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static struct ledger_entry *find(const struct ledger *l, enum policy_kind kind, const char *ns,
				 const char *name)
{
	const size_t at = place(l, kind, ns, name);

	return at < l->entries.n && !entry_cmp(l->entries.v[at], kind, ns, name) ? l->entries.v[at] : NULL;
}

static void entry_free(struct ledger_entry *e)
{
	if (!e)
		return;
	vec_done(&e->on);
	free(e->ns);
	free(e->name);
	free(e->uid);
	free(e->owner);
	free(e);
}

static struct ledger_entry *entry_new(enum policy_kind kind, const char *ns, const char *name)
{
	struct ledger_entry *e = calloc(1, sizeof(*e));

	if (!e)
		return NULL;
	e->kind = kind;
	e->ns = strdup(ns);
	e->name = strdup(name);
	if (e->ns && e->name)
		return e;
	entry_free(e);
	return NULL;
}

/* NULL: no memory. */
static struct ledger_entry *find_or_add(struct ledger *l, enum policy_kind kind, const char *ns,
					const char *name)
{
	const size_t at = place(l, kind, ns, name);
	struct ledger_entry *e;

	if (at < l->entries.n && !entry_cmp(l->entries.v[at], kind, ns, name))
		return l->entries.v[at];
	e = entry_new(kind, ns, name);
	if (!e || !vec_add(&l->entries)) {
		entry_free(e);
		return NULL;
	}
	memmove(&l->entries.v[at + 1], &l->entries.v[at], (l->entries.n - 1 - at) * sizeof(*l->entries.v));
	l->entries.v[at] = e;
	return e;
}

/* Those that are of no use any more. */
static void sweep(struct ledger *l)
{
	size_t i, n = 0;

	for (i = 0; i < l->entries.n; i++) {
		struct ledger_entry *e = l->entries.v[i];

		e->there = e->round == l->round;
		if (e->there || e->is_said || e->writing)
			l->entries.v[n++] = e;
		else
			entry_free(e);
	}
	l->entries.n = n;
}

/* ---- what the server has ------------------------------------------------------------------ */

static void forget_said(struct ledger_entry *e)
{
	e->is_said = false;
	e->said = (struct verdict){};
	free(TAKE_PTR(e->owner));
	e->news = VERDICT_NEWS; /* until it is looked at */
}

void ledger_listed(struct ledger *l, enum policy_kind kind, bool exists, uint32_t round)
{
	size_t i;

	for (i = 0; i < l->entries.n; i++)
		if (l->entries.v[i]->kind == kind && l->entries.v[i]->heard != round)
			forget_said(l->entries.v[i]);
	l->listed[kind] = true;
	l->exists[kind] = exists;
}

/* Our own write is heard of, too, and before it perhaps what was there: that is not answered. */
static void wait_for_echo(struct ledger_entry *e, int64_t now_ms)
{
	if (e->written_ms && now_ms < e->written_ms + LEDGER_ECHO_MS)
		e->not_before_ms = e->written_ms + LEDGER_ECHO_MS;
}

int ledger_said(struct ledger *l, enum policy_kind kind, const char *ns, const char *name,
		struct json_object *o, uint32_t round, int64_t now_ms)
{
	struct ledger_entry *e = o ? find_or_add(l, kind, ns, name) : find(l, kind, ns, name);
	const char *owner;

	if (!e)
		return o ? -ENOMEM : 0;
	forget_said(e);
	e->heard = round;
	wait_for_echo(e, now_ms);
	if (!o)
		return 0;
	e->is_said = true;
	verdict_read(o, &e->said);
	owner = verdict_owner(o);
	e->owner = owner ? strdup(owner) : NULL;
	return owner && !e->owner ? -ENOMEM : 0;
}

void ledger_pods_changed(struct ledger *l, const char *ns)
{
	size_t i;

	for (i = 0; i < l->entries.n; i++) {
		struct ledger_entry *e = l->entries.v[i];

		e->stale |= !ns || !*e->ns || !strcmp(e->ns, ns);
	}
}

/* ---- a pass ------------------------------------------------------------------------------- */

static bool is_of(const struct ledger_entry *e, const struct net_policy *p)
{
	return e->uid && p->uid && !strcmp(e->uid, p->uid) && e->generation == p->generation && e->counted_ms;
}

static bool may_count(const struct ledger_entry *e, int64_t now_ms)
{
	const int64_t every = *e->ns ? LEDGER_RECOUNT_MS : LEDGER_RECOUNT_ALL;

	return e->stale && (!e->counted_ms || now_ms >= e->counted_ms + every);
}

static int new_version(struct ledger_entry *e, const struct net_policy *p, int64_t now_ms)
{
	char *uid = strdup(p->uid);

	if (!uid)
		return -ENOMEM;
	free(e->uid);
	e->uid = uid;
	e->generation = p->generation;
	e->known_ms = now_ms;
	e->late_ms = 0;
	e->counted_ms = 0;
	e->stale = true;
	return 0;
}

/* Of what was said to be in force and is not it is told once that has lasted. */
static int64_t due_of(const struct ledger_entry *e)
{
	const struct condition *is = &e->is.conditions[PROGRAMMED], *said = &e->said.conditions[PROGRAMMED];
	const int64_t free_ms = e->not_before_ms;
	int64_t due = 0;

	if (e->news == VERDICT_WORDS)
		due = e->written_ms + LEDGER_WORDS_MS;
	else if (e->is.late)
		due = said->there && said->is_true && said->generation == is->generation
			      ? e->late_ms + LEDGER_SETBACK_MS
			      : e->known_ms + LEDGER_PENDING_MS;
	return due > free_ms ? due : free_ms;
}

static bool is_homeless(const struct ledger_entry *e)
{
	return e->kind == POLICY_NETWORK && (!e->owner || !e->uid || strcmp(e->owner, e->uid) != 0);
}

static void judge(struct ledger *l, struct ledger_entry *e, const struct net_policy *p, int64_t now_ms,
		  int64_t now)
{
	verdict_make(l->gather, p, &e->on, now, &e->is);
	verdict_date(&e->is, &e->said, now);
	e->news = verdict_compare(&e->is, &e->said);
	if (is_homeless(e))
		e->news = VERDICT_NEWS;
	if (!e->is.late || !e->said.conditions[PROGRAMMED].is_true)
		e->late_ms = 0;
	else if (!e->late_ms)
		e->late_ms = now_ms;
	if (e->news != VERDICT_SAME)
		e->due_ms = due_of(e);
}

/* Nothing about it can have changed. */
static bool is_settled(const struct ledger *l, const struct ledger_entry *e, const struct net_policy *p,
		       int64_t now_ms)
{
	return !l->all && is_of(e, p) && !may_count(e, now_ms) && e->news == VERDICT_SAME &&
	       e->is.conditions[PROGRAMMED].is_true;
}

static int look_at(struct ledger *l, const struct net_policy *p, int64_t now_ms, int64_t now,
		   size_t *ret_pods)
{
	struct ledger_entry *e = find_or_add(l, p->kind, p->ns, p->name);
	int r = 0;

	if (!e)
		return -ENOMEM;
	e->round = l->round;
	e->there = true;
	if (is_settled(l, e, p, now_ms))
		return 0;
	if (!is_of(e, p))
		r = new_version(e, p, now_ms);
	if (!r && may_count(e, now_ms)) {
		r = gather_nodes_of(l->gather, p, &e->on, ret_pods);
		e->stale = r < 0;
		e->counted_ms = now_ms;
	}
	if (!r)
		judge(l, e, p, now_ms, now);
	return r;
}

/* A policy that has come or gone may have moved all behind it: none is left out for long. */
static void begin_pass(struct ledger *l, int64_t now_ms)
{
	l->round++;
	l->all |= gather_setback(l->gather) || now_ms >= l->all_ms + LEDGER_ALL_MS;
	if (l->all)
		l->all_ms = now_ms;
	gather_look_again(l->gather);
}

int ledger_pass(struct ledger *l, int64_t now_ms, int64_t now)
{
	size_t pods = 0;
	int r = 0;

	if (!l->at)
		begin_pass(l, now_ms);
	for (; !r && l->at < l->model->policies.n && pods < LEDGER_PODS; l->at += !r) {
		const struct net_policy *p = l->model->policies.v[l->at];

		if (p->uid)
			r = look_at(l, p, now_ms, now, &pods);
	}
	if (r < 0)
		return r;
	if (l->at < l->model->policies.n)
		return 1;
	l->at = 0;
	l->all = false;
	sweep(l);
	return 0;
}

/* ---- writes ------------------------------------------------------------------------------- */

static bool is_apart(const struct ledger_entry *e)
{
	return e->kind == POLICY_NETWORK;
}

static int64_t every_ms(const struct ledger *l, bool apart)
{
	const int64_t ms = (int64_t)(gather_reports(l->gather) * 1000 / LEDGER_EVENTS_S);

	return apart || ms < LEDGER_EVERY_MS ? LEDGER_EVERY_MS : ms;
}

static bool may_write(const struct ledger *l, bool apart, int64_t now_ms)
{
	return l->paced_ms[apart] - (LEDGER_BURST - 1) * every_ms(l, apart) <= now_ms;
}

static bool is_due(const struct ledger *l, const struct ledger_entry *e, int64_t now_ms)
{
	return e->there && e->counted_ms && !e->writing && e->news != VERDICT_SAME && e->due_ms <= now_ms &&
	       l->listed[e->kind] && l->exists[e->kind] && may_write(l, is_apart(e), now_ms);
}

/* The model's own, as it is now: passes are made of what was there then. */
static const struct net_policy *still_there(const struct ledger *l, const struct ledger_entry *e)
{
	const struct net_policy *p = model_policy(l->model, e->kind, e->ns, e->name);

	return p && is_of(e, p) ? p : NULL;
}

static int make_write(struct ledger *l, struct ledger_entry *e, const struct net_policy *p, int64_t now_ms,
		      struct ledger_write *ret)
{
	const bool apart = is_apart(e);

	*ret = (struct ledger_write){ .entry = e, .is_place = is_homeless(e), .v = e->is };
	(void)verdict_path(p, !ret->is_place, ret->path);
	ret->body = ret->is_place ? verdict_place(p) : verdict_text(&e->is, p);
	if (!ret->body)
		return -ENOMEM;
	e->writing = true;
	l->paced_ms[apart] = (l->paced_ms[apart] > now_ms ? l->paced_ms[apart] : now_ms) + every_ms(l, apart);
	return 1;
}

int ledger_next(struct ledger *l, int64_t now_ms, struct ledger_write *ret)
{
	struct ledger_entry *first = NULL;
	const struct net_policy *p = NULL;
	size_t i;

	for (i = 0; i < l->entries.n; i++) {
		struct ledger_entry *e = l->entries.v[i];

		if (!is_due(l, e, now_ms) || (first && e->due_ms >= first->due_ms))
			continue;
		if (still_there(l, e))
			first = e;
	}
	if (first)
		p = still_there(l, first);
	return p ? make_write(l, first, p, now_ms, ret) : 0;
}

static void take_over(struct ledger_entry *e, const struct ledger_write *w, int64_t now_ms)
{
	if (w->is_place) {
		free(e->owner);
		e->owner = e->uid ? strdup(e->uid) : NULL;
		return;
	}
	e->said = w->v;
	e->is_said = true;
	e->written_ms = now_ms;
	e->news = verdict_compare(&e->is, &e->said);
}

void ledger_end(struct ledger *l, const struct ledger_write *w, enum ledger_end end, int64_t now_ms)
{
	struct ledger_entry *e = w->entry;

	(void)l;
	e->writing = false;
	if (end == LEDGER_DONE) {
		take_over(e, w, now_ms);
		return;
	}
	if (end == LEDGER_GONE)
		free(TAKE_PTR(e->owner));
	e->not_before_ms = now_ms + LEDGER_RETRY_MS;
	e->due_ms = e->due_ms > e->not_before_ms ? e->due_ms : e->not_before_ms;
}

/* ---- life --------------------------------------------------------------------------------- */

struct ledger *ledger_new(const struct model *m, struct gather *g)
{
	struct ledger *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;
	l->model = m;
	l->gather = g;
	l->all = true;
	return l;
}

void ledger_free(struct ledger *l)
{
	size_t i;

	if (!l)
		return;
	for (i = 0; i < l->entries.n; i++)
		entry_free(l->entries.v[i]);
	vec_done(&l->entries);
	free(l);
}

void ledger_stats(const struct ledger *l, struct ledger_stats *ret)
{
	size_t i;

	*ret = (struct ledger_stats){ .policies = l->model->policies.n };
	for (i = 0; i < l->entries.n; i++)
		ret->unsaid += l->entries.v[i]->there && l->entries.v[i]->news != VERDICT_SAME;
}
