/* SPDX-License-Identifier: Apache-2.0 */
/* What the agent knows of itself: policy, pods, sources. */
#include "metrics_internal.h"

#include <json-c/json.h>
#include <string.h>

#include "endpoints.h"
#include "http/web.h"
#include "oneway.h"
#include "requests.h"
#include "selfcheck.h"
#include "unprotected.h"
#include "util/log.h"
#include "util/scope.h"

/* ---- policy ------------------------------------------------------------------------------- */

void collect_enforce(struct view *v, struct exposition *x)
{
	const struct reconcile_times *t = reconcile_times(v->a->reconcile);

	expo_add_histogram(x, &t->policy, "cause", "policy");
	expo_add_histogram(x, &t->other, "cause", "other");
}

void collect_changes(struct view *v, struct exposition *x)
{
	struct reconcile_status s;

	reconcile_status(v->a->reconcile, &s);
	expo_add(x, s.plans, NULL);
}

void collect_failures(struct view *v, struct exposition *x)
{
	struct reconcile_status s;

	reconcile_status(v->a->reconcile, &s);
	expo_add(x, s.failures, NULL);
}

void collect_failing(struct view *v, struct exposition *x)
{
	struct reconcile_status s;

	reconcile_status(v->a->reconcile, &s);
	expo_add(x, s.failing[0] != '\0', NULL);
}

void collect_pending(struct view *v, struct exposition *x)
{
	const struct reconcile *r = v->a->reconcile;

	expo_add(x, reconcile_wanted(r) != reconcile_done(r), NULL);
}

void collect_adds(struct view *v, struct exposition *x)
{
#define ADD_TEXT(name, text) text,
	static const char *const texts[] = { ADD_OUTCOMES(ADD_TEXT) };
	enum add_outcome i;

	for (i = 0; i < ADD_MAX; i++)
		expo_add_histogram(x, requests_adds(v->a, i), "outcome", texts[i]);
}

void collect_open(struct view *v, struct exposition *x)
{
	expo_add(x, dp_node_is_open(v->a->dp), NULL);
}

void collect_audit(struct view *v, struct exposition *x)
{
	expo_add(x, v->a->opt.audit, NULL);
}

/* ---- pods --------------------------------------------------------------------------------- */

void collect_endpoints(struct view *v, struct exposition *x)
{
	expo_add(x, v->a->model->endpoints.n, NULL);
}

void collect_unprotected(struct view *v, struct exposition *x)
{
	expo_add(x, unprotected_count(v->a), NULL);
}

void collect_unprotected_reasons(struct view *v, struct exposition *x)
{
	struct json_object *reasons = unprotected_reasons(v->a);

	if (!reasons)
		return;
	json_object_object_foreach(reasons, reason, n)
		expo_add(x, (uint64_t)json_object_get_int64(n), "reason", reason, NULL);
	json_object_put(reasons);
}

void collect_displaced(struct view *v, struct exposition *x)
{
	expo_add(x, endpoints_displaced(v->a), NULL);
}

void collect_one_way(struct view *v, struct exposition *x)
{
	struct oneway o;

	oneway_look(v->a, &o);
	expo_add(x, o.nothing_in, "missing", "ingress", NULL);
	expo_add(x, o.nothing_out, "missing", "egress", NULL);
}

void collect_healed(struct view *v, struct exposition *x)
{
	const struct healed *h = endpoints_healed(v->a);

	expo_add(x, h->adopted, "what", "adopted", NULL);
	expo_add(x, h->hooks, "what", "hooks-restored", NULL);
	expo_add(x, h->displaced, "what", "hooks-displaced", NULL);
	expo_add(x, h->gone, "what", "endpoints-gone", NULL);
	expo_add(x, h->interfaces, "what", "interfaces-reused", NULL);
	expo_add(x, h->addresses, "what", "addresses-reused", NULL);
	expo_add(x, h->pins, "what", "dead-pins", NULL);
}

void collect_checks(struct view *v, struct exposition *x)
{
	struct selfcheck_seen seen;

	selfcheck_seen(v->a, &seen);
	expo_add(x, seen.asked - seen.differ, "result", "same", NULL);
	expo_add(x, seen.differ, "result", "differ", NULL);
}

/* ---- source ------------------------------------------------------------------------------- */

void collect_objects(struct view *v, struct exposition *x)
{
	const struct model *m = v->a->model;

	expo_add(x, m->pods.n, "kind", "pod", NULL);
	expo_add(x, m->namespaces.n, "kind", "namespace", NULL);
	expo_add(x, m->policies.n, "kind", "policy", NULL);
	expo_add(x, m->services.n, "kind", "service", NULL);
	expo_add(x, m->nodes.n, "kind", "node", NULL);
}

void collect_problems(struct view *v, struct exposition *x)
{
	expo_add(x, model_problems(v->a->model, NULL), NULL);
}

void collect_watch_age(struct view *v, struct exposition *x)
{
	struct source_part part;
	size_t i;

	for (i = 0; source_part(v->a->source, i, &part); i++)
		if (part.quiet_ms >= 0)
			expo_add_real(x, (double)part.quiet_ms / 1e3, "watch", part.name, NULL);
}

void collect_watch_synced(struct view *v, struct exposition *x)
{
	struct source_part part;
	size_t i;

	for (i = 0; source_part(v->a->source, i, &part); i++)
		expo_add(x, part.synced, "watch", part.name, NULL);
}

void collect_watch_state(struct view *v, struct exposition *x)
{
	static const char *const states[] = { "listing", "watching", "waiting", "absent" };
	struct source_part part;
	size_t i, s;

	for (i = 0; source_part(v->a->source, i, &part); i++)
		for (s = 0; s < ARRAY_SIZE(states); s++)
			expo_add(x, !strcmp(part.state, states[s]), "watch", part.name, "state", states[s],
				 NULL);
}

void collect_watch_lists(struct view *v, struct exposition *x)
{
	struct source_part part;
	size_t i;

	for (i = 0; source_part(v->a->source, i, &part); i++)
		expo_add(x, part.lists, "watch", part.name, NULL);
}

void collect_watch_events(struct view *v, struct exposition *x)
{
	struct source_part part;
	size_t i;

	for (i = 0; source_part(v->a->source, i, &part); i++)
		expo_add(x, part.events, "watch", part.name, NULL);
}

void collect_watch_failures(struct view *v, struct exposition *x)
{
	struct source_part part;
	size_t i;

	for (i = 0; source_part(v->a->source, i, &part); i++)
		expo_add(x, part.failures, "watch", part.name, NULL);
}

void collect_posts(struct view *v, struct exposition *x)
{
	struct events_stats stats;

	if (!source_posts(v->a->source, &stats))
		return;
	expo_add(x, stats.posted, "result", "posted", NULL);
	expo_add(x, stats.repeated, "result", "repeated", NULL);
	expo_add(x, stats.lost, "result", "lost", NULL);
}

void collect_denied_events(struct view *v, struct exposition *x)
{
	const struct denied_pace *p = &v->a->denied;

	if (!v->a->opt.flow_events)
		return;
	expo_add(x, p->passed, "result", "told", NULL);
	expo_add(x, p->again, "result", "again", NULL);
	expo_add(x, p->left_out, "result", "left-out", NULL);
}

/* ---- itself ------------------------------------------------------------------------------- */

void collect_standby(struct view *v, struct exposition *x)
{
	expo_add(x, !v->works, NULL);
}

void collect_chained(struct view *v, struct exposition *x)
{
	struct chain_status st;

	if (!v->a->chain)
		return;
	chain_status(v->a->chain, &st);
	expo_add(x, st.chained, NULL);
}

void collect_http(struct view *v, struct exposition *x)
{
	struct web_stats stats;

	web_stats(v->a->web, &stats);
	expo_add(x, stats.requests, "result", "served", NULL);
	expo_add(x, stats.refused, "result", "refused", NULL);
}

void collect_log(struct view *v, struct exposition *x)
{
	enum log_level i;

	(void)v;
	for (i = 0; i < LOG_LEVELS; i++)
		expo_add(x, log_stats.lines[i], "level", log_level_name(i), NULL);
}

void collect_log_left_out(struct view *v, struct exposition *x)
{
	(void)v;
	expo_add(x, log_stats.left_out, NULL);
}
