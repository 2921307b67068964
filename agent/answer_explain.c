/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `explain`: may one end open a flow to the other, and the other way round? Each hook that such a flow
 * crosses on this node is asked of the real program, and the answer is held against the tables that were
 * meant. What is denied is told with the rule that comes closest to accepting it. Ends on other nodes are
 * named, with the node to ask.
 */
#include "answers.h"

#include <arpa/inet.h>
#include <errno.h>
#include <json-c/json.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "agent.h"
#include "behind.h"
#include "closest.h"
#include "find.h"
#include "jsonx.h"
#include "meant.h"
#include "names.h"
#include "query.h"
#include "requests.h"
#include "util/scope.h"
#include "why.h"

/* One end, in one family. */
struct side {
	const char *name;	  /* "shop/web", "node", or the address */
	const struct endpoint *e; /* NULL: not on this node */
	struct addr addr;
	bool is_node; /* this node itself */
};

struct question {
	struct agent *a;
	struct side pod, peer;
	uint8_t proto;
	uint16_t port;
	bool drift, denied[2]; /* [0]: pod to peer, [1]: peer to pod */
	struct json_object *checks;
};

/* ---- one hook ----------------------------------------------------------------------------- */

static void add_name(void *ctx, const char *policy)
{
	(void)json_object_array_add(ctx, json_object_new_string(policy));
}

/* The question as the program at @at's interface meets it; @opens: @at is who opens the flow. */
static struct bh_query asked_at(const struct question *q, const struct side *at, const struct side *other,
				bool opens)
{
	struct bh_query ret = query_of(at->e->ifindex, opens ? BH_EGRESS : BH_INGRESS, &at->addr,
				       &other->addr, q->proto, q->port);

	if (!opens && other->is_node)
		ret.flags = BH_Q_HOST_MADE;
	return ret;
}

static struct json_object *closest(const struct question *q, const struct bh_query *asked,
				   const struct side *at, const struct behind *b)
{
	struct near_flow f;

	if (!why_flow(asked, b, &f))
		return NULL;
	f.pod = model_endpoint_pod(q->a->model, at->e);
	return f.pod ? closest_rule(q->a->model, &f) : NULL;
}

static void add_answer(struct question *q, const struct bh_query *asked, const struct side *at, bool opens,
		       struct json_object *o)
{
	const struct inforce *f = reconcile_inforce(q->a->reconcile);
	const struct table_endpoint *ep = inforce_endpoint(f, &at->e->key);
	const char *rule = names_rule(f, reconcile_actual(q->a->reconcile), asked->rule);
	struct json_object *policies = json_object_new_array();
	const struct meant m = meant_by_tables(f, ep, asked);
	const bool drift = f && meant_differs(&m, asked, rule);
	struct behind b = {};

	q->drift |= drift;
	inforce_policies(f, ep, opens ? BH_EGRESS : BH_INGRESS, true, add_name, policies);
	jx_add_str(o, "verdict", names_reason_allows(asked->reason) ? "allow" : "deny");
	jx_add_str(o, "reason", names_reason(asked->reason));
	jx_add_str(o, "rule", rule);
	jx_add(o, "isolated_by", policies);
	jx_add_bool(o, "drift", drift);
	if (opens && !names_reason_allows(asked->reason))
		behind_of(q->a->model, f, ep, asked, &b);
	behind_tell(&b, q->a->names, o);
	jx_add(o, "closest", closest(q, asked, at, &b));
}

/* Asks the hook at @at, if that is on this node, about a flow between the two. */
static int ask(struct question *q, const struct side *at, const struct side *other, bool opens, int way,
	       struct bh_err *err)
{
	const struct side *from = opens ? at : other, *to = opens ? other : at;
	struct json_object *o;
	struct bh_query asked;
	int r;

	if (!at->e)
		return 0;
	asked = asked_at(q, at, other, opens);
	r = dp_explain(q->a->dp, &asked, err);
	if (r < 0)
		return r;
	o = json_object_new_object();
	jx_add_str(o, "from", from->name);
	jx_add_addr(o, "from_address", &from->addr);
	jx_add_str(o, "to", to->name);
	jx_add_addr(o, "to_address", &to->addr);
	jx_add_str(o, "at", at->name);
	jx_add_str(o, "direction", opens ? "egress" : "ingress");
	add_answer(q, &asked, at, opens, o);
	q->denied[way] |= !names_reason_allows(asked.reason);
	(void)json_object_array_add(q->checks, o);
	return 0;
}

/* Both ways between the two, in one family. */
static int ask_all(struct question *q, struct bh_err *err)
{
	int r = ask(q, &q->pod, &q->peer, true, 0, err);

	if (!r)
		r = ask(q, &q->peer, &q->pod, false, 0, err);
	if (!r)
		r = ask(q, &q->peer, &q->pod, true, 1, err);
	if (!r)
		r = ask(q, &q->pod, &q->peer, false, 1, err);
	return r;
}

/* ---- who ---------------------------------------------------------------------------------- */

/* A person's PEER: one address, or a pod with one of each family. */
struct who {
	char name[NAME_MAX_LEN];
	const struct endpoint *e; /* on this node */
	const struct pod *pod;	  /* NULL: none, or not known */
	const struct addr *addrs;
	size_t n;
	bool is_node;
	struct addr single;
};

static bool is_node_addr(const struct model *m, const struct addr *a)
{
	return vec_find(&m->node_addrs, a, addr_cmp);
}

static void who_by_addr(const struct agent *a, const char *text, struct who *ret)
{
	const struct model *m = a->model;

	ret->addrs = &ret->single;
	ret->n = 1;
	ret->e = find_by_addr(m, &ret->single);
	ret->is_node = !ret->e && is_node_addr(m, &ret->single);
	ret->pod = ret->e ? NULL : find_pod_by_addr(m, &ret->single);
	if (!*names_addr(a->names, &ret->single, ret->name))
		(void)snprintf(ret->name, sizeof(ret->name), "%s", text);
}

static int who_by_name(const struct model *m, const char *text, struct who *ret, struct bh_err *err)
{
	struct found f;
	const int r = find_pod(m, text, &f, err);

	if (r < 0)
		return r;
	ret->e = f.e;
	ret->pod = f.pod;
	ret->addrs = f.e ? f.e->addrs.v : f.pod->addrs.v;
	ret->n = f.e ? f.e->addrs.n : f.pod->addrs.n;
	ret->is_node = !f.e && ret->n && is_node_addr(m, &ret->addrs[0]);
	(void)snprintf(ret->name, sizeof(ret->name), "%s/%s", f.e ? f.e->ns : f.pod->ns,
		       f.e ? f.e->pod : f.pod->name);
	if (!ret->n)
		return bh_err_set(err, -EADDRNOTAVAIL,
				  "pod '%s' has no address yet: it has no interface here and "
				  "its manifest no status.podIPs",
				  ret->name);
	return 0;
}

static int who_is(const struct agent *a, const char *text, struct who *ret, struct bh_err *err)
{
	memset(ret, 0, sizeof(*ret));
	if (addr_parse(text, &ret->single) < 0)
		return who_by_name(a->model, text, ret, err);
	who_by_addr(a, text, ret);
	return 0;
}

static const struct addr *addr_of(const struct who *w, bool v4)
{
	size_t i;

	for (i = 0; i < w->n; i++)
		if (addr_is_v4(&w->addrs[i]) == v4 &&
		    (w->n == 1 || w->addrs[i].b[0] != 0xfe || (w->addrs[i].b[1] & 0xc0) != 0x80))
			return &w->addrs[i];
	return NULL;
}

static struct side side_of(const struct who *w, const struct addr *addr)
{
	return (struct side){ .name = w->name, .e = w->e, .addr = *addr, .is_node = w->is_node };
}

/* ---- the request -------------------------------------------------------------------------- */

static int read_proto(struct json_object *request, struct question *q, struct bh_err *err)
{
	static const struct {
		const char *name;
		uint8_t proto;
	} known[] = { { "TCP", IPPROTO_TCP },
		      { "UDP", IPPROTO_UDP },
		      { "SCTP", IPPROTO_SCTP },
		      { "ICMP", IPPROTO_ICMP } };
	const char *text = jx_str(request, "proto");
	struct json_object *port = NULL, *proto = NULL;
	int64_t n;
	size_t i;

	if (json_object_object_get_ex(request, "proto", &proto) && !text)
		return bh_err_set(err, -EINVAL, "proto: no text; one of TCP, UDP, SCTP, ICMP");
	for (i = 0; i < ARRAY_SIZE(known); i++)
		if (!strcmp(text ? text : "TCP", known[i].name))
			q->proto = known[i].proto;
	if (!q->proto)
		return bh_err_set(err, -EINVAL, "proto: '%.16s' is none of TCP, UDP, SCTP, ICMP", text);
	if (q->proto == IPPROTO_ICMP)
		return 0;
	(void)json_object_object_get_ex(request, "port", &port);
	n = json_object_is_type(port, json_type_int) ? json_object_get_int64(port) : -1;
	if (n < 1 || n > 65535)
		return bh_err_set(err, -EINVAL, "port: missing, or not between 1 and 65535");
	q->port = (uint16_t)n;
	return 0;
}

static int ask_families(struct question *q, const struct who *pod, const struct who *peer, struct bh_err *err)
{
	const bool echo = q->proto == IPPROTO_ICMP;
	int v4, r = 0, asked = 0;

	for (v4 = 1; !r && v4 >= 0; v4--) {
		const struct addr *a = addr_of(pod, v4), *b = addr_of(peer, v4);

		if (!a || !b)
			continue;
		if (echo)
			q->proto = v4 ? IPPROTO_ICMP : IPPROTO_ICMPV6;
		q->pod = side_of(pod, a);
		q->peer = side_of(peer, b);
		r = ask_all(q, err);
		asked++;
	}
	return r || asked ? r
			  : bh_err_set(err, -EADDRNOTAVAIL, "'%s' and '%s' have no address family in common",
				       pod->name, peer->name);
}

static int who_of(struct agent *a, struct json_object *request, const char *field, struct who *ret,
		  struct bh_err *err)
{
	const char *text = jx_str(request, field);

	return text ? who_is(a, text, ret, err) : bh_err_set(err, -EINVAL, "%s: missing", field);
}

static int explain(struct question *q, struct json_object *request, struct who *pod, struct who *peer,
		   struct bh_err *err)
{
	int r = who_of(q->a, request, "pod", pod, err);

	if (!r)
		r = who_of(q->a, request, "peer", peer, err);
	if (!r && (pod->e ? pod->e == peer->e : pod->pod && pod->pod == peer->pod))
		r = bh_err_set(
			err, -EINVAL,
			"both are '%s': what a pod sends to itself never leaves it, so no policy decides",
			pod->name);
	if (!r)
		r = read_proto(request, q, err);
	if (!r && !pod->e && !pod->pod && !peer->e && !peer->pod)
		r = bh_err_set(err, -ENOENT, "neither '%s' nor '%s' is a pod: one of the two must be one",
			       pod->name, peer->name);
	return r ? r : ask_families(q, pod, peer, err);
}

/* A pod elsewhere: its node's agent answers for it. */
static void add_unasked(struct json_object *list, const struct who *w)
{
	struct json_object *o;

	if (w->e || !w->pod || w->pod->host_network)
		return;
	o = json_object_new_object();
	jx_add_str(o, "at", w->name);
	jx_add_str(o, "node", *w->pod->node ? w->pod->node : NULL);
	(void)json_object_array_add(list, o);
}

static struct json_object *unasked(const struct who *pod, const struct who *peer)
{
	struct json_object *list = json_object_new_array();

	add_unasked(list, pod);
	add_unasked(list, peer);
	return list;
}

/* NULL: no hook of this node has a say. */
static const char *verdict_of(const struct question *q, int way)
{
	if (!json_object_array_length(q->checks))
		return NULL;
	return q->denied[way] ? "deny" : "allow";
}

static int code_of(int r)
{
	if (r == -ENOENT)
		return CODE_NOT_FOUND;
	return r == -EINVAL ? CODE_DECODE : CODE_REFUSED;
}

void answer_explain(struct agent *a, struct api_conn *conn, struct json_object *request)
{
	struct question q = { .a = a, .checks = json_object_new_array() };
	struct bh_err err = { "no memory" };
	struct who pod, peer;
	struct json_object *o;
	const int r = explain(&q, request, &pod, &peer, &err);

	if (r < 0) {
		json_object_put(q.checks);
		(void)api_send_error(conn, code_of(r), "%s", err.msg);
		return;
	}
	o = jx_done();
	jx_add_str(o, "pod", pod.name);
	jx_add_str(o, "peer", peer.name);
	jx_add_str(o, "proto", q.proto == IPPROTO_ICMPV6 ? "ICMP" : jx_str(request, "proto") ?: "TCP");
	if (q.port)
		jx_add_int(o, "port", q.port);
	jx_add_str(o, "verdict", verdict_of(&q, 0));
	jx_add_str(o, "reverse_verdict", verdict_of(&q, 1));
	jx_add_bool(o, "pod_is_local", pod.e);
	jx_add_bool(o, "peer_is_local", peer.e);
	jx_add_bool(o, "peer_is_node", peer.is_node);
	jx_add_bool(o, "drift", q.drift);
	jx_add(o, "checks", q.checks);
	jx_add(o, "unasked", unasked(&pod, &peer));
	(void)api_send(conn, o);
}
