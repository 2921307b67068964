/* SPDX-License-Identifier: Apache-2.0 */
/* One document for both kinds, of some 100 KB. */
#include "kube/schema.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kube/value.h"
#include "kube/wire.h"
#include "util/buf.h"
#include "util/clock.h"

#define PATH	     "/openapi/v3/apis/policy.bulkhead.dev/v1alpha1"
#define DOCUMENT_MAX (4u << 20)
#define TIMEOUT_MS   10000
#define AGAIN_MS     1000 /* after an answer that was none, or not the wanted one; then twice as long, */
#define AGAIN_MAX_MS 60000
#define KINDS	     2
#define FIELD_MAX    64

struct schema {
	struct http *http;
	void (*changed)(void *ctx);
	void *ctx;
	struct http_call *call;
	struct buf body;
	int64_t due_ms;	       /* INT64_MAX: nothing to ask */
	unsigned int again_ms; /* the pause before the next attempt */
	bool known;
	bool unread;		  /* the server does not say */
	char trouble[KINDS][200]; /* "": none */
};

/* ---- the document ------------------------------------------------------------------------- */

/* What decode_segmentation.c and those behind it read; of lists the items. */
static const char *const common[] = {
	"mode",
	"expires",
	"ingress.name",
	"ingress.action",
	"ingress.log",
	"ingress.from.namespaces.matchLabels",
	"ingress.from.namespaces.matchExpressions.operator",
	"ingress.from.pods.namespaceSelector",
	"ingress.from.pods.podSelector",
	"ingress.from.networks",
	"ingress.from.entities",
	"ingress.protocols.tcp.destinationPort.number",
	"ingress.protocols.udp.destinationPort.range.start",
	"ingress.protocols.sctp.destinationPort.range.end",
	"ingress.protocols.destinationNamedPort",
	"ingress.protocols.icmp.type",
	"ingress.protocols.icmp.code",
	"ingress.protocols.icmpv6.type",
	"ingress.protocols.number",
	"egress.name",
	"egress.action",
	"egress.log",
	"egress.to.namespaces.matchLabels",
	"egress.to.pods.podSelector",
	"egress.to.networks",
	"egress.to.entities",
	"egress.to.services.name",
	"egress.to.services.namespace",
	"egress.protocols.tcp.destinationPort.number",
	"egress.protocols.destinationNamedPort",
	"egress.protocols.icmp.type",
	"egress.protocols.icmpv6.code",
	"egress.protocols.number",
	NULL,
};
static const char *const in_namespace[] = { "priority", "podSelector.matchLabels", "policyTypes", NULL };
static const char *const of_cluster[] = { "priority", "tier", "subject.namespaces.matchLabels",
					  "subject.pods.podSelector", NULL };

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

/* @field: "ingress.from", with a '.' or an end behind each part. */
static bool has_field(struct json_object *schema, const char *field)
{
	char part[FIELD_MAX];
	size_t n;

	for (; *field; field += n + (field[n] == '.')) {
		while (value_get(schema, "items"))
			schema = value_get(schema, "items");
		if (keeps_all(schema))
			return true;
		n = strcspn(field, ".");
		(void)snprintf(part, sizeof(part), "%.*s", (int)n, field);
		schema = value_get(value_get(schema, "properties"), part);
		if (!schema)
			return false;
	}
	return true;
}

static const char *first_missing(struct json_object *spec, const char *const *fields)
{
	for (; *fields; fields++)
		if (!has_field(spec, *fields))
			return *fields;
	return NULL;
}

const char *schema_missing(struct json_object *doc, enum object_kind kind)
{
	struct json_object *schema = find_kind(doc, object_kinds[kind].kind);
	struct json_object *spec = value_get(value_get(schema, "properties"), "spec");
	const char *missing;

	if (!schema)
		return SCHEMA_NO_KIND;
	if (keeps_all(schema))
		return NULL;
	missing = first_missing(spec, common);
	return missing ? missing
		       : first_missing(spec, kind == OBJECT_SEGMENTATION ? in_namespace : of_cluster);
}

/* ---- asking ------------------------------------------------------------------------------- */

static enum object_kind kind_at(size_t i)
{
	return i ? OBJECT_CLUSTER_SEGMENTATION : OBJECT_SEGMENTATION;
}

static void later(struct schema *s)
{
	s->due_ms = clock_ms() + s->again_ms;
	s->again_ms = s->again_ms < AGAIN_MAX_MS / 2 ? 2 * s->again_ms : AGAIN_MAX_MS;
}

static void judge(struct schema *s, struct json_object *doc)
{
	const char *missing;
	bool all = true;
	size_t i;

	s->unread = false;
	for (i = 0; i < KINDS; i++) {
		missing = schema_missing(doc, kind_at(i));
		s->trouble[i][0] = '\0';
		if (!missing)
			continue;
		all = false;
		if (!strcmp(missing, SCHEMA_NO_KIND))
			(void)snprintf(s->trouble[i], sizeof(s->trouble[i]),
				       "its definition is not known yet");
		else
			(void)snprintf(
				s->trouble[i], sizeof(s->trouble[i]),
				"its definition on the server is older than this agent, without spec.%s: "
				"apply the CRDs of this version",
				missing);
	}
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
		s->trouble[0][0] = s->trouble[1][0] = '\0';
		return;
	}
	later(s);
	for (i = 0; i < KINDS && !s->known; i++)
		(void)snprintf(s->trouble[i], sizeof(s->trouble[i]),
			       "its definition cannot be read (%s): %.80s", PATH,
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
	if (http_get(s->http, PATH, TIMEOUT_MS, &handler, &s->call, &err) < 0)
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
	const char *trouble = s->trouble[kind == OBJECT_CLUSTER_SEGMENTATION];

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

struct schema *schema_new(struct http *http, void (*changed)(void *ctx), void *ctx)
{
	struct schema *s = calloc(1, sizeof(*s));

	if (s)
		*s = (struct schema){ .http = http,
				      .changed = changed,
				      .ctx = ctx,
				      .body = BUF_INIT(DOCUMENT_MAX),
				      .again_ms = AGAIN_MS,
				      .due_ms = INT64_MAX };
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
