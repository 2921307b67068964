/* SPDX-License-Identifier: Apache-2.0 */
/* One document for all kinds of a group, of some 100 KB. */
#include "kube/schema.h"

#include <assert.h>
#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kube/value.h"
#include "kube/wire.h"
#include "util/buf.h"
#include "util/clock.h"

#define PATH_BYTES   64
#define DOCUMENT_MAX (4u << 20)
#define TIMEOUT_MS   10000
#define AGAIN_MS     1000 /* after an answer that was none, or not the wanted one; then twice as long, */
#define AGAIN_MAX_MS 60000

struct schema {
	struct http *http;
	void (*changed)(void *ctx);
	void *ctx;
	const char *api_version; /* of the kinds that the document is about */
	char path[PATH_BYTES];
	struct http_call *call;
	struct buf body;
	int64_t due_ms;	       /* INT64_MAX: nothing to ask */
	unsigned int again_ms; /* the pause before the next attempt */
	bool known;
	bool unread;				    /* the server does not say */
	char trouble[POLICY_KINDS][SCHEMA_TROUBLE]; /* "": none */
};

/* ---- what is read -------------------------------------------------------------------------- */

/* A field that decode_segmentation.c, decode_cluster.c and those behind them read, and what is in it; of a
 * list in its items. */
struct field {
	const char *name;
	const struct field *in;
};

#define FIELD(is)                                                                                            \
	{                                                                                                    \
		.name = (is)                                                                                 \
	}
#define WITH(is, what)                                                                                       \
	{                                                                                                    \
		.name = (is), .in = (what)                                                                   \
	}

static const struct field requirement[] = { FIELD("key"), FIELD("operator"), FIELD("values"), {} };
static const struct field selector[] = { FIELD("matchLabels"), WITH("matchExpressions", requirement), {} };
static const struct field pods[] = { WITH("namespaceSelector", selector), WITH("podSelector", selector), {} };
static const struct field range[] = { FIELD("start"), FIELD("end"), {} };
static const struct field port[] = { FIELD("number"), WITH("range", range), {} };
static const struct field transport[] = { WITH("destinationPort", port), {} };
static const struct field icmp[] = { FIELD("type"), FIELD("code"), {} };
static const struct field service[] = { FIELD("namespace"), FIELD("name"), {} };

#define PEERS WITH("namespaces", selector), WITH("pods", pods)
#define PROTOCOLS                                                                                            \
	WITH("tcp", transport), WITH("udp", transport), WITH("sctp", transport), FIELD("destinationNamedPort")
#define RULE(peers, at, protocols)                                                                           \
	FIELD("name"), FIELD("action"), WITH(peers, at), WITH("protocols", protocols)

/* What the standard channel of network-policy-api has. (Another one may lose `nodes`: the peer that is left
 * is empty, and not understood.) */
static const struct field their_from[] = { PEERS, {} };
static const struct field their_to[] = { PEERS, FIELD("networks"), {} };
static const struct field their_protocols[] = { PROTOCOLS, {} };
static const struct field their_ingress[] = { RULE("from", their_from, their_protocols), {} };
static const struct field their_egress[] = { RULE("to", their_to, their_protocols), {} };

static const struct field our_from[] = { PEERS, FIELD("networks"), FIELD("entities"), {} };
static const struct field our_to[] = {
	PEERS, FIELD("networks"), FIELD("entities"), WITH("services", service), {}
};
static const struct field our_protocols[] = {
	PROTOCOLS, WITH("icmp", icmp), WITH("icmpv6", icmp), FIELD("number"), {}
};
static const struct field our_ingress[] = { RULE("from", our_from, our_protocols), FIELD("log"), {} };
static const struct field our_egress[] = { RULE("to", our_to, our_protocols), FIELD("log"), {} };

#define OF_CLUSTER FIELD("tier"), FIELD("priority"), WITH("subject", subject)
#define OURS	   FIELD("mode"), FIELD("expires"), WITH("ingress", our_ingress), WITH("egress", our_egress)

static const struct field subject[] = { PEERS, {} };
static const struct field theirs[] = {
	OF_CLUSTER, WITH("ingress", their_ingress), WITH("egress", their_egress), {}
};
static const struct field in_namespace[] = {
	FIELD("priority"), WITH("podSelector", selector), FIELD("policyTypes"), OURS, {}
};
static const struct field of_cluster[] = { OF_CLUSTER, OURS, {} };

static const struct field *const specs[POLICY_KINDS] = {
	[POLICY_CLUSTER] = theirs,
	[POLICY_SEGMENTATION] = in_namespace,
	[POLICY_CLUSTER_SEGMENTATION] = of_cluster,
};

/* ---- the document ------------------------------------------------------------------------- */

/* The schema of the kind; NULL: there is none. */
static struct json_object *find_kind(struct json_object *doc, const char *kind)
{
	struct json_object *schemas = value_get(value_get(doc, "components"), "schemas");

	if (!json_object_is_type(schemas, json_type_object))
		return NULL;
	json_object_object_foreach(schemas, name, schema) {
		struct json_object *is = value_at(value_get(schema, "x-kubernetes-group-version-kind"), 0);
		const char *text = value_text(value_get(is, "kind"));

		(void)name;
		if (text && !strcmp(text, kind))
			return schema;
	}
	return NULL;
}

static bool keeps_all(struct json_object *schema)
{
	return value_is_true(value_get(schema, "x-kubernetes-preserve-unknown-fields"));
}

/* The first of @fields that @schema does not have, as "ingress.from", into @ret[at..). */
static bool lacks(struct json_object *schema, const struct field *fields, char ret[SCHEMA_FIELD], size_t at)
{
	struct json_object *in;
	int n;

	while (value_get(schema, "items"))
		schema = value_get(schema, "items");
	if (keeps_all(schema))
		return false;
	for (; fields->name; fields++) {
		n = snprintf(ret + at, SCHEMA_FIELD - at, "%s%s", at ? "." : "", fields->name);
		assert(n > 0 && at + (size_t)n < SCHEMA_FIELD);
		in = value_get(value_get(schema, "properties"), fields->name);
		if (!in || (fields->in && lacks(in, fields->in, ret, at + (size_t)n)))
			return true;
	}
	return false;
}

bool schema_lacks(struct json_object *doc, enum object_kind kind, char ret[SCHEMA_FIELD])
{
	struct json_object *schema = find_kind(doc, object_kinds[kind].kind);

	ret[0] = '\0';
	if (!schema || keeps_all(schema))
		return !schema;
	return lacks(value_get(value_get(schema, "properties"), "spec"), specs[object_policy_kind(kind)], ret,
		     0);
}

/* ---- asking ------------------------------------------------------------------------------- */

static void later(struct schema *s)
{
	s->due_ms = clock_ms() + s->again_ms;
	s->again_ms = s->again_ms < AGAIN_MAX_MS / 2 ? 2 * s->again_ms : AGAIN_MAX_MS;
}

static bool is_about(const struct schema *s, enum object_kind kind)
{
	return object_is_custom(kind) && !strcmp(object_kinds[kind].api_version, s->api_version);
}

/* Return: whether the document has all of the kind. */
static bool judge_kind(struct json_object *doc, enum object_kind kind, char ret[SCHEMA_TROUBLE])
{
	char field[SCHEMA_FIELD];

	ret[0] = '\0';
	if (!schema_lacks(doc, kind, field))
		return true;
	if (!*field)
		(void)snprintf(ret, SCHEMA_TROUBLE, "its definition is not known yet");
	else
		(void)snprintf(
			ret, SCHEMA_TROUBLE,
			"its definition on the server is older than this agent, without spec.%s: %s", field,
			kind == OBJECT_CLUSTER_POLICY ? "apply that of network-policy-api v0.2.0 or later"
						      : "apply the CRDs of this version");
	return false;
}

static void judge(struct schema *s, struct json_object *doc)
{
	enum object_kind kind;
	bool all = true;

	s->unread = false;
	for (kind = 0; kind < OBJECT_OTHER; kind++)
		if (is_about(s, kind))
			all &= judge_kind(doc, kind, s->trouble[object_policy_kind(kind)]);
	s->known = true;
	if (!all)
		later(s);
}

static int on_data(void *ctx, const char *data, size_t len, struct bh_err *err)
{
	struct schema *s = ctx;

	return buf_add(&s->body, data, len) < 0
		       ? bh_err_set(err, -EFBIG, "more than %u bytes of OpenAPI", DOCUMENT_MAX)
		       : 0;
}

/* What could not be read is asked for again; what was known before stays. A server that does not serve it, or
 * not to us, is taken at its word. */
static void take_answer(struct schema *s, const struct http_end *end)
{
	struct bh_err err = { "" };
	struct json_object *doc = end->status == 200 ? kube_parse(s->body.data, s->body.len, &err) : NULL;
	size_t i;

	if (doc) {
		judge(s, doc);
		json_object_put(doc);
		return;
	}
	if (end->status == 401 || end->status == 403 || end->status == 404) {
		s->known = s->unread = true;
		memset(s->trouble, 0, sizeof(s->trouble));
		return;
	}
	later(s);
	for (i = 0; i < POLICY_KINDS && !s->known; i++)
		(void)snprintf(s->trouble[i], sizeof(s->trouble[i]),
			       "its definition cannot be read (%s): %.80s", s->path,
			       end->status == 200 ? err.msg
			       : end->status	  ? "an error"
						  : end->why);
}

static void on_end(void *ctx, const struct http_end *end)
{
	struct schema *s = ctx;

	s->call = NULL;
	take_answer(s, end);
	buf_clear(&s->body);
	s->changed(s->ctx);
}

void schema_work(struct schema *s)
{
	const struct http_handler handler = { .data = on_data, .end = on_end, .ctx = s };
	struct bh_err err;

	if (s->call || s->due_ms > clock_ms())
		return;
	s->due_ms = INT64_MAX;
	if (http_get(s->http, s->path, TIMEOUT_MS, &handler, &s->call, &err) < 0)
		later(s);
}

void schema_ask(struct schema *s)
{
	s->due_ms = 0;
	s->again_ms = AGAIN_MS;
}

int schema_timeout_ms(const struct schema *s)
{
	const int64_t left = s->due_ms - clock_ms();

	if (s->call || s->due_ms == INT64_MAX)
		return -1;
	return left > 0 ? (int)left : 0;
}

const char *schema_trouble(const struct schema *s, enum object_kind kind)
{
	const char *trouble = s->trouble[object_policy_kind(kind)];

	if (!s->known && !*trouble)
		return "its definition is not known yet";
	return *trouble ? trouble : NULL;
}

bool schema_is_known(const struct schema *s)
{
	return s->known;
}

bool schema_is_unread(const struct schema *s)
{
	return s->unread;
}

/* ---- life --------------------------------------------------------------------------------- */

struct schema *schema_new(struct http *http, const char *api_version, void (*changed)(void *ctx), void *ctx)
{
	struct schema *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	*s = (struct schema){ .http = http,
			      .changed = changed,
			      .ctx = ctx,
			      .api_version = api_version,
			      .body = BUF_INIT(DOCUMENT_MAX),
			      .again_ms = AGAIN_MS,
			      .due_ms = INT64_MAX };
	(void)snprintf(s->path, sizeof(s->path), "/openapi/v3/apis/%s", api_version);
	return s;
}

void schema_free(struct schema *s)
{
	if (!s)
		return;
	http_cancel(s->call);
	buf_done(&s->body);
	free(s);
}
