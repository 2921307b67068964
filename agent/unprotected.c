/* SPDX-License-Identifier: Apache-2.0 */
/* Endpoints whose programs are not on, and pods that have no endpoint. */
#include "unprotected.h"

#include <json-c/json.h>
#include <string.h>

#include "adopt.h"
#include "agent.h"
#include "endpoints.h"
#include "jsonx.h"
#include "status/report.h"

typedef void (*each_fn)(void *ctx, const struct adopt_lack *l);

static const struct adopt_lack *lack_of(const struct endpoint *e, const struct endpoint_record *r,
					struct adopt_lack *ret)
{
	*ret = (struct adopt_lack){ e->ns, e->pod, "not-attached", r->why };
	if (!r->broken && r->waits) {
		ret->reason = "policy-not-in-force";
		ret->detail = "its programs follow when its policy is in force";
	} else if (!r->broken) {
		ret->reason = "fail-open";
		ret->detail = "it started while the agent was away; its programs follow";
	}
	return ret;
}

static void each_unprotected(const struct agent *a, each_fn each, void *ctx)
{
	const bool some = endpoints_bare(a);
	size_t i;

	for (i = 0; some && i < a->model->endpoints.n; i++) {
		const struct endpoint *e = a->model->endpoints.v[i];
		const struct endpoint_record *r = endpoints_record(a, &e->key);
		struct adopt_lack l;

		if (r && (r->unprotected || r->broken))
			each(ctx, lack_of(e, r, &l));
	}
	adopt_each_lack(a, each, ctx);
}

static void count_one(void *ctx, const struct adopt_lack *l)
{
	(void)l;
	++*(size_t *)ctx;
}

size_t unprotected_count(const struct agent *a)
{
	size_t n = 0;

	each_unprotected(a, count_one, &n);
	return n;
}

static void count_reason(void *ctx, const struct adopt_lack *l)
{
	struct json_object *n = json_object_object_get(ctx, l->reason);

	jx_add_int(ctx, l->reason, 1 + (n ? (uint64_t)json_object_get_int64(n) : 0));
}

struct json_object *unprotected_reasons(const struct agent *a)
{
	struct json_object *o = json_object_new_object();

	if (o)
		each_unprotected(a, count_reason, o);
	return o;
}

struct listing {
	struct report *report;
	int r;
};

static void list_one(void *ctx, const struct adopt_lack *l)
{
	struct listing *to = ctx;
	const int r = report_bare(to->report, l->ns, l->name, l->reason);

	to->r = r < 0 ? r : to->r;
}

int unprotected_report(const struct agent *a, struct report *r)
{
	const bool some = endpoints_displaced(a);
	struct listing to = { r, 0 };
	size_t i;

	each_unprotected(a, list_one, &to);
	for (i = 0; some && i < a->model->endpoints.n; i++) {
		const struct endpoint *e = a->model->endpoints.v[i];
		const struct endpoint_record *record = endpoints_record(a, &e->key);
		const struct adopt_lack l = { .ns = e->ns, .name = e->pod, .reason = "displaced" };

		if (record && record->displaced && !record->unprotected && !record->broken)
			list_one(&to, &l);
	}
	return to.r;
}

struct answer {
	const struct agent *a;
	struct api_conn *conn;
};

static void send_one(void *ctx, const struct adopt_lack *l)
{
	struct json_object *o = json_object_new_object(), *addrs = json_object_new_array();
	const struct answer *to = ctx;
	const struct pod *p = model_pod(to->a->model, l->ns, l->name);
	char text[ADDR_TEXT];
	size_t i;

	for (i = 0; p && i < p->addrs.n; i++)
		(void)json_object_array_add(addrs, json_object_new_string(addr_text(&p->addrs.v[i], text)));
	jx_add_str(o, "namespace", l->ns);
	jx_add_str(o, "name", l->name);
	jx_add(o, "addresses", addrs);
	jx_add_str(o, "reason", l->reason);
	jx_add_str(o, "detail", l->detail);
	(void)api_send(to->conn, jx_item(o));
}

void unprotected_answer(const struct agent *a, struct api_conn *conn)
{
	struct answer to = { a, conn };

	each_unprotected(a, send_one, &to);
	(void)api_send(conn, jx_done());
}
