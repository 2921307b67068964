/* SPDX-License-Identifier: Apache-2.0 */
/* `sessions`: the live flows, read at once, sent in portions. */
#include "answers.h"

#include <arpa/inet.h>
#include <json-c/json.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "agent.h"
#include "find.h"
#include "jsonx.h"
#include "names.h"
#include "requests.h"
#include "streams.h"
#include "util/scope.h"
#include "util/vec.h"

#define ITEMS_A_TURN 256

struct sessions {
	struct stream stream; /* first: the two are one allocation */
	struct agent *a;
	uint32_t ifindex; /* only this one; 0: all */
	size_t next;
	VEC(struct dp_session) all;
};

static int take(void *ctx, const struct dp_session *s)
{
	struct sessions *all = ctx;
	struct dp_session *slot;

	if (all->ifindex && s->flow.ifindex != all->ifindex)
		return 0;
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

/* "stale": a policy change since asks for a new decision with the next packet. "dead": of an interface
 * that had this index before, no packet will use it again. */
static void add_flags(struct json_object *o, const struct agent *a, const struct dp_session *s)
{
	const struct bh_endpoint *ep = slot_of(reconcile_actual(a->reconcile), s->flow.ifindex);
	struct json_object *list = json_object_new_array();
	const bool dead = !ep || (int32_t)(s->session.epoch - ep->born) < 0;
	const struct {
		bool set;
		const char *name;
	} flags[] = {
		{ s->session.flags & BH_LRU_HOST, "host" },
		{ s->session.flags & BH_LRU_BOTH, "adopted" },
		{ s->session.flags & BH_LRU_REPLIED, "replied" },
		{ s->session.flags & BH_LRU_CUT, "cut" },
		{ dead, "dead" },
		{ !dead && s->session.epoch != ep->epoch, "stale" },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(flags); i++)
		if (flags[i].set)
			(void)json_object_array_add(list, json_object_new_string(flags[i].name));
	jx_add(o, "flags", list);
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

static struct json_object *encode(struct agent *a, const struct dp_session *s)
{
	struct json_object *o = json_object_new_object();

	add_ends(o, a, &s->flow);
	jx_add_str(o, "opener", s->session.opener == BH_INGRESS ? "ingress" : "egress");
	jx_add_int(o, "packets_in", s->session.packets[BH_INGRESS]);
	jx_add_int(o, "bytes_in", s->session.bytes[BH_INGRESS]);
	jx_add_int(o, "packets_out", s->session.packets[BH_EGRESS]);
	jx_add_int(o, "bytes_out", s->session.bytes[BH_EGRESS]);
	jx_add_int(o, "idle_ms", s->idle_ms);
	add_flags(o, a, s);
	jx_add_str(
		o, "rule",
		names_rule(reconcile_inforce(a->reconcile), reconcile_actual(a->reconcile), s->session.rule));
	return o;
}

static bool some(struct stream *s)
{
	struct sessions *all = (struct sessions *)s;
	size_t left = ITEMS_A_TURN;

	while (left-- && all->next < all->all.n && api_room(s->conn))
		(void)api_send(s->conn, jx_item(encode(all->a, &all->all.v[all->next++])));
	return all->next < all->all.n;
}

static void free_sessions(struct stream *s)
{
	struct sessions *all = (struct sessions *)s;

	vec_done(&all->all);
	free(all);
}

void answer_sessions(struct agent *a, struct api_conn *conn, struct json_object *request)
{
	const char *pod = jx_str(request, "pod");
	const struct endpoint *only = NULL;
	struct sessions *all;
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
	*all = (struct sessions){ .stream = { .conn = conn, .some = some, .free = free_sessions },
				  .a = a,
				  .ifindex = only ? only->ifindex : 0 };
	if (dp_sessions(a->dp, take, all, &err) < 0) {
		(void)api_send_error(conn, CODE_RETRY, "%s", err.msg);
		free_sessions(&all->stream);
		return;
	}
	streams_add(a, &all->stream);
}
