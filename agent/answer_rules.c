/* SPDX-License-Identifier: Apache-2.0 */
/* `rules`: what each rule in force has decided, and what the sessions carried that it allowed. */
#include "answers.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdlib.h>

#include "agent.h"
#include "jsonx.h"
#include "names.h"
#include "requests.h"
#include "util/scope.h"

struct carried {
	uint64_t sessions, packets, bytes; /* live ones; of these, and of all that have ended */
};

struct rules {
	struct bh_count *hits; /* by id: first packets of flows, and what was denied or has no session */
	struct carried *carried;
	uint32_t n;
};

/* First: one that ends meanwhile may be in neither sum, but in no case in both. */
static void add_ended(const struct dp *dp, const struct rules *r)
{
	uint32_t i;

	for (i = 0; i < r->n; i++) {
		const struct bh_count ended = dp_rule_ended(dp, i);

		r->carried[i].packets = ended.packets;
		r->carried[i].bytes = ended.bytes;
	}
}

static int take(void *ctx, const struct dp_session *s)
{
	const struct rules *r = ctx;
	struct carried *l;

	if (!s->session.rule || s->session.rule >= r->n)
		return 0;
	l = &r->carried[s->session.rule];
	l->sessions += !s->over;
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
	jx_add_int(o, "sessions", r->carried[id].sessions);
	jx_add_int(o, "packets", r->carried[id].packets);
	jx_add_int(o, "bytes", r->carried[id].bytes);
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
	r.carried = code ? NULL : calloc(r.n, sizeof(*r.carried));
	if (r.carried)
		add_ended(a->dp, &r);
	if (!code)
		code = r.carried ? dp_sessions_kept(a->dp, take, &r, &err) : -ENOMEM;
	if (code < 0)
		(void)api_send_error(conn, CODE_RETRY, "%s", err.msg);
	else
		send_all(a, conn, &r);
	free(r.hits);
	free(r.carried);
}
