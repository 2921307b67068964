/* SPDX-License-Identifier: Apache-2.0 */
/* `rules`: what each rule in force has decided, and what goes on in the sessions that it allowed. */
#include "answers.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdlib.h>

#include "agent.h"
#include "jsonx.h"
#include "names.h"
#include "requests.h"
#include "util/scope.h"

struct live {
	uint64_t sessions, packets, bytes;
};

struct rules {
	struct bh_count *hits; /* by id: first packets of flows, and what was denied or has no session */
	struct live *live;
	uint32_t n;
};

static int take(void *ctx, const struct dp_session *s)
{
	const struct rules *r = ctx;
	struct live *l;

	if (!s->session.rule || s->session.rule >= r->n)
		return 0;
	l = &r->live[s->session.rule];
	l->sessions++;
	l->packets += (uint64_t)s->session.packets[0] + s->session.packets[1];
	l->bytes += s->session.bytes[0] + s->session.bytes[1];
	return 0;
}

static struct json_object *encode(const struct rules *r, uint32_t id, const char *name)
{
	struct json_object *o = json_object_new_object();

	jx_add_str(o, "rule", name);
	jx_add_int(o, "hits", r->hits[id].packets);
	jx_add_int(o, "hit_bytes", r->hits[id].bytes);
	jx_add_int(o, "sessions", r->live[id].sessions);
	jx_add_int(o, "session_packets", r->live[id].packets);
	jx_add_int(o, "session_bytes", r->live[id].bytes);
	return o;
}

/* By their ids; one that is past the end of bh_rules works and is not counted. */
static void send_all(struct agent *a, struct api_conn *conn, const struct rules *r)
{
	const struct actual *x = reconcile_actual(a->reconcile);
	size_t i;

	for (i = 0; i < x->ids.n; i++) {
		const struct bh_id_key *key = &x->ids.v[i].key;
		const char *name;

		if (key->kind != BH_ID_RULE || x->ids.v[i].dead || key->id >= r->n)
			continue;
		name = names_rule(reconcile_inforce(a->reconcile), x, key->id);
		if (name && api_send(conn, jx_item(encode(r, key->id, name))) < 0)
			return;
	}
	(void)api_send(conn, jx_done());
}

void answer_rules(struct agent *a, struct api_conn *conn, struct json_object *request)
{
	struct bh_err err = { "no memory" };
	struct rules r = { 0 };
	int code;

	(void)request;
	code = dp_rule_counts(a->dp, &r.hits, &r.n, &err);
	r.live = code ? NULL : calloc(r.n, sizeof(*r.live));
	if (!code)
		code = r.live ? dp_sessions(a->dp, take, &r, &err) : -ENOMEM;
	if (code < 0)
		(void)api_send_error(conn, CODE_RETRY, "%s", err.msg);
	else
		send_all(a, conn, &r);
	free(r.hits);
	free(r.live);
}
