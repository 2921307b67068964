/* SPDX-License-Identifier: Apache-2.0 */
/* `sessions`: the live flows, read at once, sent in portions. */
#include "answers.h"

#include <arpa/inet.h>
#include <json-c/json.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "../bpf/session.h"
#include "agent.h"
#include "find.h"
#include "jsonx.h"
#include "names.h"
#include "requests.h"
#include "streams.h"
#include "util/scope.h"
#include "util/vec.h"

#define ITEMS_A_TURN 256

struct session_list {
	struct stream stream; /* first: the two are one allocation */
	struct agent *a;
	size_t next;
	VEC(struct dp_session) all;
};

static int take(void *ctx, const struct dp_session *s)
{
	struct session_list *all = ctx;
	struct dp_session *slot;

	slot = vec_add(&all->all);
	if (!slot)
		return 1;
	*slot = *s;
	return 0;
}

static const struct bh_endpoint *slot_of(const struct actual *x, uint32_t ifindex)
{
	size_t i;

	if (x->endpoints[ifindex % BH_EP_DIRECT].ifindex == ifindex)
		return &x->endpoints[ifindex % BH_EP_DIRECT];
	for (i = BH_EP_DIRECT; i < BH_EP_SLOTS; i++)
		if (x->endpoints[i].ifindex == ifindex)
			return &x->endpoints[i];
	return NULL;
}

/* "stale": a policy change since asks for a new decision with the next packet. */
static void add_flags(struct json_object *o, const struct agent *a, const struct dp_session *s)
{
	const struct bh_endpoint *ep = slot_of(reconcile_actual(a->reconcile), s->flow.ifindex);
	const uint32_t fixed = word_fixed(s->session.word);
	struct json_object *list = json_object_new_array();
	const struct {
		bool set;
		const char *name;
	} flags[] = {
		{ fixed & BH_SESS_HOST, "host" },
		{ fixed & BH_SESS_BOTH, "adopted" },
		{ fixed & BH_SESS_VIA, "masqueraded" },
		{ s->session.flags & BH_SESS_REPLIED, "replied" },
		{ s->session.flags & BH_SESS_CUT, "cut" },
		{ ep && word_epoch(s->session.word) != ep->epoch, "stale" },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(flags); i++)
		if (flags[i].set)
			(void)json_object_array_add(list, json_object_new_string(flags[i].name));
	jx_add(o, "flags", list);
}

static const char *state_text(uint8_t state)
{
	static const char *const texts[] = {
		[BH_NEW] = "new", [BH_ANSWERED] = "answered",	[BH_ESTABLISHED] = "established",
		[BH_FIN] = "fin", [BH_TIME_WAIT] = "time-wait", [BH_CLOSED] = "closed",
	};

	return state < ARRAY_SIZE(texts) ? texts[state] : "";
}

static void add_ends(struct json_object *o, struct agent *a, const struct bh_flow6 *f)
{
	struct addr local, remote;
	char name[NAME_MAX_LEN], proto[8];

	memcpy(local.b, f->local.w, sizeof(local.b));
	memcpy(remote.b, f->remote.w, sizeof(remote.b));
	jx_add_str(o, "pod", names_addr(a->names, &local, name));
	jx_add_addr(o, "local", &local);
	jx_add_addr(o, "remote", &remote);
	jx_add_str(o, "remote_name", names_addr(a->names, &remote, name));
	jx_add_str(o, "proto", names_proto(f->proto, proto));
	if (f->proto == IPPROTO_ICMP || f->proto == IPPROTO_ICMPV6) {
		jx_add_int(o, "echo_id", ntohs(f->lport));
		return;
	}
	jx_add_int(o, "local_port", ntohs(f->lport));
	jx_add_int(o, "remote_port", ntohs(f->rport));
}

struct json_object *answer_session(struct agent *a, const struct dp_session *s)
{
	struct json_object *o = json_object_new_object();

	add_ends(o, a, &s->flow);
	jx_add_str(o, "opener", word_opener(s->session.word) == BH_INGRESS ? "ingress" : "egress");
	jx_add_str(o, "state", state_text(s->session.state));
	jx_add_int(o, "packets_in", s->session.packets[BH_INGRESS]);
	jx_add_int(o, "bytes_in", s->session.bytes[BH_INGRESS]);
	jx_add_int(o, "packets_out", s->session.packets[BH_EGRESS]);
	jx_add_int(o, "bytes_out", s->session.bytes[BH_EGRESS]);
	jx_add_int(o, "idle_ms", s->idle_ms);
	jx_add_int(o, "left_ms", s->left_ms);
	add_flags(o, a, s);
	jx_add_str(
		o, "rule",
		names_rule(reconcile_inforce(a->reconcile), reconcile_actual(a->reconcile), s->session.rule));
	return o;
}

static bool some(struct stream *s)
{
	struct session_list *all = (struct session_list *)s;
	size_t left = ITEMS_A_TURN;

	while (left-- && all->next < all->all.n && api_room(s->conn))
		(void)api_send(s->conn, jx_item(answer_session(all->a, &all->all.v[all->next++])));
	return all->next < all->all.n;
}

static void free_sessions(struct stream *s)
{
	struct session_list *all = (struct session_list *)s;

	vec_done(&all->all);
	free(all);
}

/* @only NULL: of all. One that is in no slot yet has none. */
static int read_sessions(struct session_list *all, const struct endpoint *only, struct bh_err *err)
{
	const int slot = only ? dp_slot(all->a->dp, only->ifindex) : 0;

	if (!only)
		return dp_sessions(all->a->dp, take, all, err);
	return slot < 0 ? 0 : dp_slot_sessions(all->a->dp, (uint32_t)slot, take, all, err);
}

void answer_sessions(struct agent *a, struct api_conn *conn, struct json_object *request)
{
	const char *pod = jx_str(request, "pod");
	const struct endpoint *only = NULL;
	struct session_list *all;
	struct bh_err err;

	if (pod && find_local(a->model, pod, &only, &err) < 0) {
		(void)api_send_error(conn, CODE_NOT_FOUND, "%s", err.msg);
		return;
	}
	all = calloc(1, sizeof(*all));
	if (!all) {
		(void)api_send_error(conn, CODE_RETRY, "no memory");
		return;
	}
	*all = (struct session_list){ .stream = { .conn = conn, .some = some, .free = free_sessions },
				      .a = a };
	if (read_sessions(all, only, &err) < 0) {
		(void)api_send_error(conn, CODE_RETRY, "%s", err.msg);
		free_sessions(&all->stream);
		return;
	}
	streams_add(a, &all->stream);
}
