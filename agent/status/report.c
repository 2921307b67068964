/* SPDX-License-Identifier: Apache-2.0 */
/* A node's report as JSON, and back. */
#include "status/report.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kube/decode.h"
#include "kube/value.h"
#include "util/scope.h"

/* Of status.applied, by enum policy_kind. */
static const char *const sets[POLICY_KINDS] = { "networkPolicies", "clusterNetworkPolicies",
						"segmentationPolicies", "clusterSegmentationPolicies" };

void report_done(struct report *r)
{
	size_t i;

	for (i = 0; i < r->refused.n; i++) {
		free(r->refused.v[i].ns);
		free(r->refused.v[i].name);
	}
	vec_done(&r->refused);
	for (i = 0; i < r->bare.n; i++) {
		free(r->bare.v[i].ns);
		free(r->bare.v[i].name);
	}
	vec_done(&r->bare);
}

const char *report_kind(enum policy_kind kind)
{
	return object_kinds[OBJECT_POLICY + kind].kind;
}

/* ---- made --------------------------------------------------------------------------------- */

static int add_refusal(struct report *r, enum policy_kind kind, const char *ns, const char *name,
		       uint64_t generation, const char *text)
{
	struct refusal *slot = vec_add(&r->refused);

	if (!slot)
		return -ENOMEM;
	slot->kind = kind;
	slot->generation = generation;
	(void)snprintf(slot->text, sizeof(slot->text), "%s", text);
	bh_text_clean(slot->text); /* which may have been cut within a character */
	slot->ns = strdup(ns);
	slot->name = strdup(name);
	return slot->ns && slot->name ? 0 : -ENOMEM;
}

int report_refusals(struct report *r, const struct model *m)
{
	char text[REPORT_TEXT_MAX + 600];
	size_t i;
	int ret = 0;

	for (i = 0; !ret && i < m->policies.n; i++) {
		const struct net_policy *p = m->policies.v[i];

		if (!p->problems.n)
			continue;
		r->refused_n++;
		if (r->refused.n == REPORT_REFUSED_MAX)
			continue;
		(void)snprintf(text, sizeof(text), "%s %s", p->problems.v[0].path, p->problems.v[0].text);
		ret = add_refusal(r, p->kind, p->ns, p->name, p->generation, text);
	}
	return ret;
}

int report_bare(struct report *r, const char *ns, const char *name, const char *reason)
{
	struct bare_pod *slot;

	r->bare_n++;
	if (r->bare.n == REPORT_BARE_MAX)
		return 0;
	slot = vec_add(&r->bare);
	if (!slot)
		return -ENOMEM;
	(void)snprintf(slot->reason, sizeof(slot->reason), "%s", reason);
	bh_text_clean(slot->reason);
	slot->ns = strdup(ns);
	slot->name = strdup(name);
	return slot->ns && slot->name ? 0 : -ENOMEM;
}

static bool is_refusal(const struct refusal *a, const struct refusal *b)
{
	return a->kind == b->kind && a->generation == b->generation && !strcmp(a->ns, b->ns) &&
	       !strcmp(a->name, b->name) && !strcmp(a->text, b->text);
}

static bool is_bare(const struct bare_pod *a, const struct bare_pod *b)
{
	return !strcmp(a->ns, b->ns) && !strcmp(a->name, b->name) && !strcmp(a->reason, b->reason);
}

bool report_excepts_same(const struct report *a, const struct report *b)
{
	size_t i;

	if (strcmp(a->version, b->version) || strcmp(a->trouble, b->trouble) ||
	    a->refused_n != b->refused_n || a->refused.n != b->refused.n || a->bare_n != b->bare_n ||
	    a->bare.n != b->bare.n)
		return false;
	for (i = 0; i < a->refused.n; i++)
		if (!is_refusal(&a->refused.v[i], &b->refused.v[i]))
			return false;
	for (i = 0; i < a->bare.n; i++)
		if (!is_bare(&a->bare.v[i], &b->bare.v[i]))
			return false;
	return true;
}

static void add(struct json_object *o, const char *name, const char *text)
{
	(void)json_object_object_add(o, name, json_object_new_string(text));
}

static struct json_object *add_object(struct json_object *o, const char *name)
{
	struct json_object *below = json_object_new_object();

	(void)json_object_object_add(o, name, below);
	return below;
}

static void add_owner(struct json_object *meta, const char *node, const char *uid)
{
	struct json_object *list = json_object_new_array(), *owner = json_object_new_object();

	add(owner, "apiVersion", "v1");
	add(owner, "kind", "Node");
	add(owner, "name", node);
	add(owner, "uid", uid);
	(void)json_object_array_add(list, owner);
	(void)json_object_object_add(meta, "ownerReferences", list);
}

static void add_refused(struct json_object *status, const struct report *r)
{
	struct json_object *list = json_object_new_array();
	size_t i;

	for (i = 0; i < r->refused.n; i++) {
		const struct refusal *at = &r->refused.v[i];
		struct json_object *o = json_object_new_object();

		add(o, "kind", report_kind(at->kind));
		if (*at->ns)
			add(o, "namespace", at->ns);
		add(o, "name", at->name);
		(void)json_object_object_add(o, "generation", json_object_new_uint64(at->generation));
		add(o, "message", at->text);
		(void)json_object_array_add(list, o);
	}
	(void)json_object_object_add(status, "notUnderstood", list);
}

static void add_bare(struct json_object *status, const struct report *r)
{
	struct json_object *list = json_object_new_array();
	size_t i;

	for (i = 0; i < r->bare.n; i++) {
		struct json_object *o = json_object_new_object();

		add(o, "namespace", r->bare.v[i].ns);
		add(o, "name", r->bare.v[i].name);
		add(o, "reason", r->bare.v[i].reason);
		(void)json_object_array_add(list, o);
	}
	(void)json_object_object_add(status, "unprotectedCount", json_object_new_uint64(r->bare_n));
	(void)json_object_object_add(status, "unprotected", list);
}

static void add_status(struct json_object *o, const struct report *r)
{
	struct json_object *status = add_object(o, "status"), *applied;
	char hex[33];
	size_t i;

	add(status, "agentVersion", r->version);
	add(status, "reportedAt", r->at);
	(void)json_object_object_add(status, "validSeconds", json_object_new_uint64(r->valid_s));
	(void)json_object_object_add(status, "policies", json_object_new_uint64(r->policies));
	applied = add_object(status, "applied");
	for (i = 0; i < POLICY_KINDS; i++) {
		hash128_hex(&r->sets[i], hex);
		add(applied, sets[i], hex);
	}
	if (*r->trouble)
		add(status, "notProgrammed", r->trouble);
	if (r->bare_n)
		add_bare(status, r);
	if (!r->refused_n)
		return;
	(void)json_object_object_add(status, "notUnderstoodCount", json_object_new_uint64(r->refused_n));
	add_refused(status, r);
}

char *report_text(const struct report *r, const char *node, const char *node_uid)
{
	struct json_object *o = json_object_new_object(), *meta;
	char *text;

	add(o, "apiVersion", REPORT_API);
	add(o, "kind", REPORT_KIND);
	meta = add_object(o, "metadata");
	add(meta, "name", node);
	if (node_uid)
		add_owner(meta, node, node_uid);
	add_status(o, r);
	text = strdup(json_object_to_json_string_ext(o, JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(o);
	return text;
}

/* ---- read --------------------------------------------------------------------------------- */

/* What is no number of ours is the number of no set. */
static void read_set(const char *text, struct hash128 *ret)
{
	if (!text || strlen(text) != 2 * sizeof(ret->b) || !hash128_of_hex(text, ret))
		memset(ret, 0xff, sizeof(*ret));
}

static void read_text(struct json_object *o, const char *name, char *ret, size_t size)
{
	const char *text = value_text(value_get(o, name));

	(void)snprintf(ret, size, "%s", text ? text : "");
	bh_text_clean(ret);
}

static int read_refusal(struct report *r, struct json_object *o)
{
	const char *kind = value_text(value_get(o, "kind")), *name = value_text(value_get(o, "name"));
	const char *ns = value_text(value_get(o, "namespace")), *text = value_text(value_get(o, "message"));
	int64_t generation = 0;
	unsigned int i;

	(void)value_integer(value_get(o, "generation"), &generation);
	for (i = 0; kind && name && i < POLICY_KINDS; i++)
		if (!strcmp(kind, report_kind((enum policy_kind)i)))
			return add_refusal(r, (enum policy_kind)i, ns ? ns : "", name, (uint64_t)generation,
					   text ? text : "");
	return 0;
}

/* How many: at least those that are listed. */
static uint64_t read_count(struct json_object *o, const char *name, struct json_object *list)
{
	int64_t n = 0;

	(void)value_integer(value_get(o, name), &n);
	return n > 0 && (uint64_t)n > value_length(list) ? (uint64_t)n : value_length(list);
}

static int read_refused(struct report *r, struct json_object *status)
{
	struct json_object *list = value_get(status, "notUnderstood");
	size_t i;
	int ret = 0;

	r->refused_n = read_count(status, "notUnderstoodCount", list);
	for (i = 0; !ret && i < value_length(list) && i < REPORT_REFUSED_MAX; i++)
		ret = read_refusal(r, value_at(list, i));
	return ret;
}

static int read_bare(struct report *r, struct json_object *status)
{
	struct json_object *list = value_get(status, "unprotected");
	size_t i;
	int ret = 0;

	for (i = 0; !ret && i < value_length(list) && i < REPORT_BARE_MAX; i++) {
		struct json_object *o = value_at(list, i);
		const char *ns = value_text(value_get(o, "namespace")),
			   *name = value_text(value_get(o, "name")),
			   *reason = value_text(value_get(o, "reason"));

		if (ns && name)
			ret = report_bare(r, ns, name, reason ? reason : "");
	}
	r->bare_n = read_count(status, "unprotectedCount", list);
	return ret;
}

static uint32_t read_validity(struct json_object *status)
{
	int64_t s = 0;

	(void)value_integer(value_get(status, "validSeconds"), &s);
	return s > 0 && s < REPORT_VALID_MAX_S ? (uint32_t)s : REPORT_VALID_MAX_S;
}

int report_read(struct json_object *o, struct report *ret)
{
	struct json_object *status = value_get(o, "status");
	struct report r = {};
	int64_t n = 0;
	size_t i;
	int code;

	read_text(status, "agentVersion", r.version, sizeof(r.version));
	read_text(status, "reportedAt", r.at, sizeof(r.at));
	r.valid_s = read_validity(status);
	read_text(status, "notProgrammed", r.trouble, sizeof(r.trouble));
	for (i = 0; i < POLICY_KINDS; i++)
		read_set(value_text(value_get(value_get(status, "applied"), sets[i])), &r.sets[i]);
	(void)value_integer(value_get(status, "policies"), &n);
	r.policies = (uint64_t)n;
	code = read_refused(&r, status);
	if (!code)
		code = read_bare(&r, status);
	if (code < 0) {
		report_done(&r);
		return code;
	}
	*ret = r;
	return 0;
}
