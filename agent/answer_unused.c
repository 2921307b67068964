/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `unused`: policies that are of no pod here, rules that decide nothing for anybody, and rules that have not
 * been hit, and since when. What is used is told as well: whoever asks all nodes has to know where.
 */
#include "answers.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdlib.h>

#include "agent.h"
#include "jsonx.h"
#include "policy/idle.h"
#include "requests.h"
#include "unused.h"
#include "util/scope.h"

struct asked {
	struct agent *a;
	struct api_conn *conn;
	struct inforce *f; /* of the model as it is now */
	struct idlers *idlers;
	bool *hit; /* by rule of the tables */
	struct bh_count *counts;
	uint32_t n_counts;
	bool *by_session; /* by id */
};

/* ---- hits ----------------------------------------------------------------------------------- */

static int take_session(void *ctx, const struct dp_session *s)
{
	struct asked *q = ctx;

	if (s->session.rule && s->session.rule < q->n_counts)
		q->by_session[s->session.rule] = true;
	return 0;
}

static int by_hash(const void *key, const void *elem)
{
	return hash128_cmp(key, &((const struct table_rule *)elem)->hash);
}

/* One past the end of bh_rules has no counter: nobody knows. */
static bool is_hit(const struct asked *q, uint32_t id)
{
	return id >= q->n_counts || q->counts[id].packets || q->by_session[id] ||
	       dp_rule_ended(q->a->dp, id).packets;
}

static void find_hits(struct asked *q)
{
	const struct actual *x = reconcile_actual(q->a->reconcile);
	size_t i;

	for (i = 0; i < x->ids.n; i++) {
		const struct bh_id_key *key = &x->ids.v[i].key;
		const struct table_rule *rule;
		const struct hash128 *hash;

		if (key->kind != BH_ID_RULE || x->ids.v[i].dead)
			continue;
		hash = actual_hash(x, BH_ID_RULE, key->id);
		rule = hash ? vec_find(&q->f->tables->rules, hash, by_hash) : NULL;
		if (rule)
			q->hit[rule - q->f->tables->rules.v] = is_hit(q, key->id);
	}
}

static int prepare(struct asked *q, struct bh_err *err)
{
	int r;

	if (reconcile_wanted(q->a->reconcile) != reconcile_done(q->a->reconcile))
		return bh_err_set(err, -EAGAIN, "a change of policies is on its way: ask again");
	r = inforce_once(q->a->model, &q->f, err);
	if (!r)
		r = dp_rule_counts(q->a->dp, &q->counts, &q->n_counts, err);
	if (r < 0)
		return r;
	q->idlers = idlers_new(q->a->model, q->f->tables);
	q->hit = calloc(q->f->tables->rules.n + 1, sizeof(*q->hit));
	q->by_session = calloc(q->n_counts + 1, sizeof(*q->by_session));
	if (!q->idlers || !q->hit || !q->by_session)
		return bh_err_set(err, -ENOMEM, "no memory");
	r = dp_sessions(q->a->dp, take_session, q, err);
	if (!r)
		find_hits(q);
	return r;
}

/* ---- what is told --------------------------------------------------------------------------- */

static struct json_object *item(const char *kind, const struct net_policy *np)
{
	struct json_object *o = json_object_new_object();
	char name[POLICY_TEXT];

	jx_add_str(o, "kind", kind);
	jx_add_str(o, "policy", net_policy_text(np, name));
	return o;
}

static void send_policy(const struct asked *q, const struct net_policy *np, const char *why)
{
	struct json_object *o = item("policy", np);

	jx_add_str(o, "why", why);
	(void)api_send(q->conn, jx_item(o));
}

/* @why NULL: it is used. */
static void send_rule(const struct asked *q, const struct net_policy *np, uint32_t dir, uint32_t index,
		      const char *why)
{
	const struct hash128 hash = policy_rule_hash(np, dir, index);
	struct json_object *o = item("rule", np);
	char name[RULE_TEXT];
	int64_t since;
	bool older;

	jx_add_str(o, "rule", policy_rule_text(np, dir, index, name));
	jx_add_str(o, "why", why);
	since = unused_since(q->a, &hash, &older);
	if (since)
		jx_add_int(o, "since", (uint64_t)since);
	jx_add_bool(o, "or_longer", older);
	(void)api_send(q->conn, jx_item(o));
}

/* Why the rule is of no use here; NULL: it is, or nobody can tell. */
static const char *why_of(const struct asked *q, size_t policy, uint32_t dir, uint32_t index)
{
	static const char *const why[] = { [IDLE_UNKNOWN] = "not-understood",
					   [IDLE_NOBODY] = "nobody",
					   [IDLE_NAMES] = "named-ports",
					   [IDLE_SHADOWED] = "shadowed" };
	const struct hash128 hash = policy_rule_hash(q->a->model->policies.v[policy], dir, index);
	const struct table_rule *rule = vec_find(&q->f->tables->rules, &hash, by_hash);
	const enum idle idle = idlers_rule(q->idlers, policy, dir, index);

	if (idle != IDLE_NOT)
		return idle == IDLE_UNTOLD ? NULL : why[idle];
	return q->hit[rule - q->f->tables->rules.v] ? NULL : "never-hit";
}

static void tell_policy(const struct asked *q, size_t policy)
{
	const struct net_policy *np = q->a->model->policies.v[policy];
	uint32_t dir, i;

	if (net_policy_is_expired(np, q->a->model->now)) {
		send_policy(q, np, "expired");
		return;
	}
	if (!idlers_policy(q->idlers, policy)) {
		send_policy(q, np, "no-pod");
		return;
	}
	send_policy(q, np, NULL);
	for (dir = 0; dir < DIR_MAX; dir++)
		for (i = 0; net_policy_judges(np, dir) && i < np->rules[dir].n; i++)
			send_rule(q, np, dir, i, why_of(q, policy, dir, i));
}

void answer_unused(struct agent *a, struct api_conn *conn, struct json_object *request)
{
	struct asked q = { .a = a, .conn = conn };
	struct bh_err err = { "no memory" };
	size_t i;

	(void)request;
	if (prepare(&q, &err) < 0) {
		(void)api_send_error(conn, CODE_RETRY, "%s", err.msg);
	} else {
		for (i = 0; i < a->model->policies.n; i++)
			tell_policy(&q, i);
		(void)api_send(conn, jx_done());
	}
	free(q.counts);
	idlers_free(q.idlers);
	inforce_unref(q.f);
	free(q.hit);
	free(q.by_session);
}
