/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `simulate`: what would change if these policies were there, or not there any more. They are laid over the
 * model, which stays as it is, and compiled; the result is held against what is in force (policy/compare.h).
 * Nothing of it comes near the maps.
 */
#include "answers.h"

#include <arpa/inet.h>
#include <errno.h>
#include <json-c/json.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../bpf/session.h"
#include "agent.h"
#include "find.h"
#include "jsonx.h"
#include "kube/object.h"
#include "model/overlay.h"
#include "names.h"
#include "policy/compare.h"
#include "requests.h"
#include "util/scope.h"

#define LISTED	       32 /* pods and peers by name of one item; how many there are it says */
#define CHANGES_TOLD   32 /* of one item, by who decides; and of each its ports */
#define PORTS_TOLD     64
#define PORT_KEYS_LAST BH_PORT(UINT8_MAX, UINT16_MAX)
#define PROTO_KEYS     (UINT16_MAX + 1u)

struct simulation {
	struct agent *a;
	struct api_conn *conn;
	struct overlay overlay; /* until it is compiled */
	VEC(struct net_policy *) policies;
	struct inforce *was, *is;
	struct comparison *pairs;
	session_vec sessions;
	uint64_t added, replaced, deleted;
	uint64_t pairs_n[LEVEL_ALLOWED + 1], sessions_n[LEVEL_ALLOWED + 1]; /* by what they would be */
};

static const char *const levels[] = {
	[LEVEL_DENIED] = "denied", [LEVEL_AUDITED] = "audited", [LEVEL_ALLOWED] = "allowed"
};

static void send_item(struct simulation *s, const char *kind, struct json_object *take)
{
	jx_add_str(take, "kind", kind);
	(void)api_send(s->conn, jx_item(take));
}

/* ---- what decides --------------------------------------------------------------------------- */

static void add_name(void *ctx, const char *policy)
{
	(void)json_object_array_add(ctx, json_object_new_string(policy));
}

/* A rule, or else those who isolate: what they allow without a rule, they allow in mode Audit. Nobody where
 * all is open. */
static void add_decider(struct json_object *o, const char *prefix, const struct inforce *f, uint32_t endpoint,
			uint32_t dir, enum level level, uint32_t rule)
{
	struct json_object *policies = json_object_new_array();
	char field[32];

	(void)snprintf(field, sizeof(field), "%s", prefix);
	jx_add_str(o, field, levels[level]);
	(void)snprintf(field, sizeof(field), "%s_rule", prefix);
	jx_add_str(o, field, inforce_rule_at(f, rule));
	(void)snprintf(field, sizeof(field), "%s_isolated_by", prefix);
	if (!rule)
		inforce_policies(f, &f->tables->endpoints.v[endpoint], dir, true, add_name, policies);
	jx_add(o, field, policies);
}

/* ---- pairs ---------------------------------------------------------------------------------- */

/* What is part of one protocol is told apart from what is all of some. */
static uint32_t end_of_part(uint32_t first, uint32_t last)
{
	const uint32_t end = first | UINT16_MAX;

	if (last <= end)
		return last;
	if (first % PROTO_KEYS)
		return end;
	return last % PROTO_KEYS == UINT16_MAX ? last : last / PROTO_KEYS * PROTO_KEYS - 1;
}

static void add_ports(struct json_object *list, uint32_t first, uint32_t last)
{
	struct json_object *one;
	char ports[32], protos[20];
	uint32_t end;

	for (; json_object_array_length(list) < PORTS_TOLD; first = end + 1) {
		end = end_of_part(first, last);
		one = json_object_new_object();
		jx_add_str(one, "proto",
			   !first && end == PORT_KEYS_LAST ? "any" : names_protos(first, end, protos));
		jx_add_str(one, "ports", names_ports(first, end, ports));
		(void)json_object_array_add(list, one);
		if (end == last)
			break;
	}
}

static bool decides_alike(const struct difference *a, const struct difference *b)
{
	return a->was == b->was && a->is == b->is && a->was_rule == b->was_rule && a->is_rule == b->is_rule;
}

/* The ports of all that is decided as the @at-th is; and where they are all but some, which those are. */
static void add_all_ports(struct json_object *change, const struct outcome *o, size_t at)
{
	struct json_object *ports = json_object_new_array(), *but = json_object_new_array();
	uint32_t next = 0;
	size_t i;

	for (i = at; i < o->n; i++) {
		if (!decides_alike(&o->v[i], &o->v[at]))
			continue;
		add_ports(ports, o->v[i].first, o->v[i].last);
		if (o->v[i].first > next)
			add_ports(but, next, o->v[i].first - 1);
		next = o->v[i].last + 1;
	}
	jx_add(change, "ports", ports);
	if (o->v[at].first || next != PORT_KEYS_LAST + 1) {
		json_object_put(but);
		but = json_object_new_array();
	}
	jx_add(change, "but", but);
}

/* How many ports a rule has is no reason to say more than anybody reads: *@ret_more are left out. */
static struct json_object *changes_of(const struct simulation *s, const struct outcome *o, size_t *ret_more)
{
	struct json_object *list = json_object_new_array(), *one;
	size_t told[CHANGES_TOLD], n = 0, i, k;

	*ret_more = 0;
	for (i = 0; i < o->n; i++) {
		const struct difference *d = &o->v[i];

		for (k = 0; k < n && !decides_alike(&o->v[told[k]], d); k++)
			;
		*ret_more += k == CHANGES_TOLD;
		if (k < n || k == CHANGES_TOLD)
			continue;
		told[n++] = i;
		one = json_object_new_object();
		add_all_ports(one, o, i);
		add_decider(one, "was", s->was, o->pods[0], o->dir, (enum level)d->was, d->was_rule);
		add_decider(one, "is", s->is, o->pods[0], o->dir, (enum level)d->is, d->is_rule);
		(void)json_object_array_add(list, one);
	}
	return list;
}

/* The same name in both families, or of several addresses, is told once. */
static void add_once(struct json_object *list, const char *name)
{
	size_t i;

	for (i = 0; i < json_object_array_length(list); i++)
		if (!strcmp(json_object_get_string(json_object_array_get_idx(list, i)), name))
			return;
	(void)json_object_array_add(list, json_object_new_string(name));
}

/* *@ret_more: how many addresses and blocks there are beyond as many names as are told. */
static struct json_object *peers_of(const struct simulation *s, const struct outcome *o, size_t *ret_more)
{
	struct json_object *list = json_object_new_array();
	char name[NAME_MAX_LEN], text[ADDR_TEXT];
	size_t i;

	for (i = 0; i < o->n_peers && json_object_array_length(list) < LISTED; i++) {
		const struct remote *remote = o->peers[i];

		if (remote->is_block)
			add_once(list, cidr_text(&remote->cidr, text));
		else
			add_once(list, *names_addr(s->a->names, &remote->cidr.addr, name)
					       ? name
					       : addr_text(&remote->cidr.addr, text));
	}
	*ret_more = o->n_peers - i;
	return list;
}

static struct json_object *pods_of(const struct simulation *s, const struct outcome *o)
{
	struct json_object *list = json_object_new_array();
	char name[NAME_MAX_LEN];
	size_t i;

	for (i = 0; i < o->n_pods && i < LISTED; i++) {
		const struct table_endpoint *ep = &s->was->tables->endpoints.v[o->pods[i]];
		const struct endpoint *e = model_endpoint(s->a->model, &ep->key);

		(void)snprintf(name, sizeof(name), "%s/%s", e ? e->ns : "", e ? e->pod : "");
		add_once(list, name);
	}
	return list;
}

/* An address of a pod's own is no peer of it, but where there are others as well. */
static bool is_itself(const struct simulation *s, const struct outcome *o)
{
	const struct table_endpoint *ep = &s->was->tables->endpoints.v[o->pods[0]];
	uint8_t i;

	if (o->n_pods > 1 || o->n_peers > 1 || o->peers[0]->is_block)
		return false;
	for (i = 0; i < ep->addrs; i++)
		if (!addr_cmp(&ep->addr[i], &o->peers[0]->cidr.addr))
			return true;
	return false;
}

static void take_outcome(void *ctx, const struct outcome *o)
{
	struct simulation *s = ctx;
	struct json_object *item;
	uint32_t worst = LEVEL_ALLOWED;
	size_t i, peers_more, changes_more;

	if (is_itself(s, o))
		return;
	for (i = 0; i < o->n; i++)
		worst = o->v[i].is < worst ? o->v[i].is : worst;
	s->pairs_n[worst] += o->n_pods * o->n_peers;
	item = json_object_new_object();
	jx_add_str(item, "direction", o->dir == BH_INGRESS ? "ingress" : "egress");
	jx_add(item, "pods", pods_of(s, o));
	jx_add_int(item, "pods_n", o->n_pods);
	jx_add(item, "peers", peers_of(s, o, &peers_more));
	jx_add_int(item, "peers_n", o->n_peers);
	jx_add_int(item, "peers_more", peers_more);
	jx_add(item, "changes", changes_of(s, o, &changes_more));
	jx_add_int(item, "changes_more", changes_more);
	send_item(s, "pairs", item);
}

/* ---- sessions ------------------------------------------------------------------------------- */

struct decided {
	enum level level;
	uint32_t rule, dir, endpoint;
};

/* Of one that this node sends on, whoever is behind its address. */
static struct addr remote_of(const struct simulation *s, const struct dp_session *x)
{
	struct addr ret;
	size_t i;
	uint8_t k;

	memcpy(ret.b, x->flow.remote.w, sizeof(ret.b));
	if (!(word_fixed(x->session.word) & BH_SESS_VIA))
		return ret;
	for (i = 0; i < s->a->model->endpoints.n; i++) {
		const struct endpoint *e = s->a->model->endpoints.v[i];
		const uint32_t via = x->session.via[0] | (uint32_t)x->session.via[1] << 8 |
				     (uint32_t)x->session.via[2] << 16;

		for (k = 0; (e->ifindex & 0xffffff) == via && k < e->addrs.n; k++)
			if (addr_is_v4(&e->addrs.v[k]) == addr_is_v4(&ret) &&
			    !addr_is_link_local(&e->addrs.v[k]))
				return e->addrs.v[k];
	}
	return ret;
}

static uint32_t key_of(const struct dp_session *x, uint32_t dir)
{
	const uint16_t port = ntohs(dir == BH_INGRESS ? x->flow.lport : x->flow.rport);

	if (x->flow.proto == IPPROTO_ICMP)
		return BH_ICMP(IPPROTO_ICMP, 8, 0);
	if (x->flow.proto == IPPROTO_ICMPV6)
		return BH_ICMP(IPPROTO_ICMPV6, 128, 0);
	return BH_PORT(x->flow.proto, port);
}

static struct decided decide_way(const struct inforce *f, const struct table_endpoint *ep,
				 const struct addr *remote, uint32_t key, uint32_t dir)
{
	struct decided ret = { .dir = dir, .endpoint = (uint32_t)(ep - f->tables->endpoints.v) };
	const struct table_row *row;
	uint32_t action;

	if (ep->set < 0)
		return ret;
	row = tables_row(f->tables, (uint32_t)ep->set, tables_class(f->tables, remote, NULL), dir);
	inforce_decide(f, row, key, &action, &ret.rule);
	ret.level = level_of_action(action);
	return ret;
}

/* Of one that was found in mid-flow both ways must be allowed. */
static struct decided decide(const struct inforce *f, const struct dp_session *x, const struct addr *remote)
{
	const struct table_endpoint *ep = inforce_ifindex(f, x->flow.ifindex);
	const uint32_t dir = word_opener(x->session.word);
	struct decided ret, other;

	if (!ep)
		return (struct decided){ .dir = dir };
	ret = decide_way(f, ep, remote, key_of(x, dir), dir);
	if (!(word_fixed(x->session.word) & BH_SESS_BOTH))
		return ret;
	other = decide_way(f, ep, remote, key_of(x, !dir), !dir);
	return other.level < ret.level ? other : ret;
}

static void judge_session(struct simulation *s, const struct dp_session *x)
{
	const struct addr remote = remote_of(s, x);
	struct decided was, is;
	struct json_object *item;

	if (word_fixed(x->session.word) & BH_SESS_HOST)
		return; /* with the node itself */
	was = decide(s->was, x, &remote);
	is = decide(s->is, x, &remote);
	if (was.level == is.level)
		return;
	s->sessions_n[is.level]++;
	item = answer_session(s->a, x);
	add_decider(item, "was", s->was, was.endpoint, was.dir, was.level, was.rule);
	add_decider(item, "is", s->is, is.endpoint, is.dir, is.level, is.rule);
	send_item(s, "session", item);
}

/* ---- all of it ------------------------------------------------------------------------------ */

static void summarize(struct simulation *s, bool complete)
{
	struct json_object *o = json_object_new_object();

	jx_add_int(o, "added", s->added);
	jx_add_int(o, "replaced", s->replaced);
	jx_add_int(o, "deleted", s->deleted);
	jx_add_int(o, "pods", s->was->tables->endpoints.n);
	jx_add_int(o, "pairs_denied", s->pairs_n[LEVEL_DENIED]);
	jx_add_int(o, "pairs_audited", s->pairs_n[LEVEL_AUDITED]);
	jx_add_int(o, "pairs_allowed", s->pairs_n[LEVEL_ALLOWED]);
	jx_add_int(o, "sessions", s->sessions.n);
	jx_add_int(o, "sessions_denied", s->sessions_n[LEVEL_DENIED]);
	jx_add_int(o, "sessions_audited", s->sessions_n[LEVEL_AUDITED]);
	jx_add_int(o, "sessions_allowed", s->sessions_n[LEVEL_ALLOWED]);
	jx_add_bool(o, "complete", complete);
	send_item(s, "summary", o);
}

static void compare(struct simulation *s)
{
	const int r = comparison_run(s->pairs, take_outcome, s);
	size_t i;

	for (i = 0; i < s->sessions.n; i++)
		judge_session(s, &s->sessions.v[i]);
	summarize(s, !r);
}

static void simulation_done(struct simulation *s)
{
	size_t i;

	overlay_done(&s->overlay);
	for (i = 0; i < s->policies.n; i++)
		net_policy_free(s->policies.v[i]);
	vec_done(&s->policies);
	vec_done(&s->sessions);
	comparison_free(s->pairs);
	inforce_unref(s->was);
	inforce_unref(s->is);
}

/* ---- the request ---------------------------------------------------------------------------- */

static void tell_problems(struct simulation *s, const struct net_policy *np)
{
	struct json_object *o;
	char name[POLICY_TEXT];
	size_t i;

	for (i = 0; i < np->problems.n; i++) {
		o = json_object_new_object();
		jx_add_str(o, "policy", net_policy_text(np, name));
		jx_add_str(o, "path", np->problems.v[i].path);
		jx_add_str(o, "text", np->problems.v[i].text);
		send_item(s, "problem", o);
	}
}

static int put_policy(struct simulation *s, struct json_object *o, struct bh_err *err)
{
	struct object_id id;
	struct net_policy **slot;
	void *np = NULL;
	int r = decode_id(o, &id, err);

	if (r < 0)
		return r;
	if (!object_is_policy(id.kind))
		return bh_err_set(err, -EINVAL, "%.64s '%.253s' is no policy that the agent knows",
				  id.kind_name, id.name);
	slot = vec_add(&s->policies);
	if (!slot || object_ops[id.kind].decode(o, &id, &np) < 0)
		return bh_err_set(err, -ENOMEM, "no memory");
	*slot = np;
	if (model_policy(&s->overlay.m, (*slot)->kind, (*slot)->ns, (*slot)->name))
		s->replaced++;
	else
		s->added++;
	tell_problems(s, *slot);
	return overlay_put_policy(&s->overlay, *slot) < 0 ? bh_err_set(err, -ENOMEM, "no memory") : 0;
}

static int no_policy(const struct simulation *s, enum object_kind kind, const char *ns, const char *name,
		     struct bh_err *err)
{
	struct near near = NEAR_INIT;
	char text[POLICY_TEXT];

	(void)snprintf(text, sizeof(text), "%s%s%s", ns, *ns ? "/" : "", name);
	find_near_policy(s->a->model, object_policy_kind(kind), text, &near);
	return bh_err_set(err, -ENOENT, "there is no %s '%s'%s", object_kinds[kind].kind, text, near.hint);
}

/* {"kind": "NetworkPolicy", "namespace": "shop", "name": "db"}; the namespace "" for those of the cluster. */
static int del_policy(struct simulation *s, struct json_object *o, struct bh_err *err)
{
	const char *kind = jx_str(o, "kind"), *ns = jx_str(o, "namespace"), *name = jx_str(o, "name");
	int i;

	for (i = OBJECT_POLICY; kind && ns && name && i <= OBJECT_CLUSTER_SEGMENTATION; i++) {
		if (strcmp(object_kinds[i].kind, kind))
			continue;
		if (!overlay_del_policy(&s->overlay, object_policy_kind((enum object_kind)i), ns, name))
			return no_policy(s, (enum object_kind)i, ns, name, err);
		s->deleted++;
		return 0;
	}
	return bh_err_set(err, -EINVAL,
			  "delete: kind '%.64s' is none of policies, or namespace or name is missing",
			  kind ? kind : "");
}

static int each_of(struct simulation *s, struct json_object *request, const char *field,
		   int (*fn)(struct simulation *s, struct json_object *o, struct bh_err *err),
		   struct bh_err *err)
{
	struct json_object *list = json_object_object_get(request, field);
	size_t i, n = json_object_is_type(list, json_type_array) ? json_object_array_length(list) : 0;
	int r = 0;

	for (i = 0; !r && i < n; i++)
		r = fn(s, json_object_array_get_idx(list, i), err);
	return r;
}

static bool same_pods(const struct simulation *s)
{
	const struct tables *was = s->was->tables, *is = s->is->tables;
	size_t i;

	for (i = 0; i < was->endpoints.n && i < is->endpoints.n; i++)
		if (hash128_cmp(&was->endpoints.v[i].key, &is->endpoints.v[i].key))
			return false;
	return was->endpoints.n == is->endpoints.n;
}

/* What is in force is what the model says, unless something is on its way there. */
static int compile_both(struct simulation *s, struct bh_err *err)
{
	const struct reconcile *rec = s->a->reconcile;
	int r = 0;

	if (reconcile_inforce(rec) && reconcile_wanted(rec) == reconcile_done(rec))
		s->was = inforce_ref(reconcile_inforce(rec));
	else
		r = inforce_once(s->a->model, &s->was, err);
	if (!r)
		r = inforce_once(&s->overlay.m, &s->is, err);
	return r || same_pods(s) ? r : bh_err_set(err, -EAGAIN, "pods come and go just now: try again");
}

static int simulate(struct simulation *s, struct json_object *request, struct bh_err *err)
{
	int r = overlay_init(&s->overlay, s->a->model);

	if (r < 0)
		return bh_err_set(err, r, "no memory");
	r = each_of(s, request, "delete", del_policy, err);
	if (!r)
		r = each_of(s, request, "policies", put_policy, err);
	if (!r && !s->policies.n && !s->deleted)
		r = bh_err_set(err, -EINVAL, "policies and delete: neither has any");
	if (!r)
		r = compile_both(s, err);
	if (!r && comparison_new(s->a->model, s->was->tables, s->is->tables, &s->pairs) < 0)
		r = bh_err_set(err, -ENOMEM, "no memory");
	return r ? r : answer_read_sessions(s->a, NULL, &s->sessions, err);
}

static int code_of(int r)
{
	if (r == -ENOENT)
		return CODE_NOT_FOUND;
	return r == -EINVAL ? CODE_DECODE : r == -E2BIG ? CODE_REFUSED : CODE_RETRY;
}

void answer_simulate(struct agent *a, struct api_conn *conn, struct json_object *request)
{
	struct simulation s = { .a = a, .conn = conn };
	struct json_object *whole = api_whole(conn, request);
	struct bh_err err;
	const int r = whole ? simulate(&s, whole, &err)
			    : bh_err_set(&err, -EINVAL, "the request is not one JSON object in one line");

	if (r < 0) {
		(void)api_send_error(conn, code_of(r), "%s", err.msg);
	} else {
		compare(&s);
		(void)api_send(conn, jx_done());
	}
	simulation_done(&s);
	json_object_put(whole);
}
