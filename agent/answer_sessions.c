/* SPDX-License-Identifier: Apache-2.0 */
/* `sessions`: the live flows, read at once. */
#include "answers.h"

#include <arpa/inet.h>
#include <errno.h>
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
#include "util/scope.h"
#include "util/vec.h"

struct taken {
	session_vec *all;
	bool no_memory;
};

static int take(void *ctx, const struct dp_session *s)
{
	struct taken *t = ctx;
	struct dp_session *slot = vec_add(t->all);

	t->no_memory = !slot;
	if (slot)
		*slot = *s;
	return t->no_memory;
}

static void add_flags(struct json_object *o, const struct dp_session *s)
{
	const uint32_t fixed = word_fixed(s->session.word);
	struct json_object *list = json_object_new_array();
	const struct {
		bool set;
		const char *name;
	} flags[] = {
		{ fixed & BH_SESS_HOST, "host" },	   { fixed & BH_SESS_BOTH, "adopted" },
		{ fixed & BH_SESS_VIA, "masqueraded" },	   { s->session.flags & BH_SESS_REPLIED, "replied" },
		{ s->session.flags & BH_SESS_CUT, "cut" }, { s->stale, "stale" },
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
	add_flags(o, s);
	jx_add_str(
		o, "rule",
		names_rule(reconcile_inforce(a->reconcile), reconcile_actual(a->reconcile), s->session.rule));
	return o;
}

/* One that is in no slot yet has none. */
int answer_read_sessions(struct agent *a, const struct endpoint *only, session_vec *ret, struct bh_err *err)
{
	const int slot = only ? dp_slot(a->dp, only->ifindex) : 0;
	struct taken t = { .all = ret };
	int r = 0;

	if (!only)
		r = dp_sessions(a->dp, take, &t, err);
	else if (slot >= 0)
		r = dp_slot_sessions(a->dp, (uint32_t)slot, take, &t, err);
	return r || !t.no_memory ? r : bh_err_set(err, -ENOMEM, "no memory for the sessions");
}

void answer_sessions(struct agent *a, struct api_conn *conn, struct json_object *request)
{
	const char *pod = jx_str(request, "pod");
	const struct endpoint *only = NULL;
	session_vec all = {};
	struct bh_err err;
	size_t i;

	if (pod && find_local(a->model, pod, &only, &err) < 0) {
		(void)api_send_error(conn, CODE_NOT_FOUND, "%s", err.msg);
		return;
	}
	if (answer_read_sessions(a, only, &all, &err) < 0) {
		(void)api_send_error(conn, CODE_RETRY, "%s", err.msg);
	} else {
		for (i = 0; i < all.n && api_send(conn, jx_item(answer_session(a, &all.v[i]))) >= 0; i++)
			;
		(void)api_send(conn, jx_done());
	}
	vec_done(&all);
}
