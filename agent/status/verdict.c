/* SPDX-License-Identifier: Apache-2.0 */
/* The words of the conditions, and their JSON. */
#include "status/verdict.h"

#include <json-c/json.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "kube/decode.h"
#include "kube/value.h"
#include "status/report.h"
#include "util/date.h"

#define NETWORK_STATUS "NetworkPolicyStatus"

const char *const condition_types[CONDITIONS] = { "Accepted", "Programmed" };

/* ---- words -------------------------------------------------------------------------------- */

static void set(struct condition *c, bool is_true, const char *reason, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
static void set(struct condition *c, bool is_true, const char *reason, const char *fmt, ...)
{
	va_list ap;

	c->there = true;
	c->is_true = is_true;
	(void)snprintf(c->reason, sizeof(c->reason), "%s", reason);
	va_start(ap, fmt);
	(void)vsnprintf(c->message, sizeof(c->message), fmt, ap);
	va_end(ap);
	bh_text_clean(c->message);
}

/* It decides by names, which no packet bears. */
static bool asks_for_names(const struct problem *p)
{
	return strstr(p->path, ".domainNames") != NULL;
}

static void judge_text(const struct gather *g, const struct net_policy *p, const node_set *on,
		       struct condition *c)
{
	const struct problem *first = p->problems.v;
	const char *node = NULL, *version = NULL;
	const struct refusal *r;
	char more[40] = "";

	if (p->problems.n > 1)
		(void)snprintf(more, sizeof(more), " (and %zu more)", p->problems.n - 1);
	if (p->problems.n) {
		set(c, false, asks_for_names(first) ? "DomainNamesNotSupported" : "NotUnderstood",
		    "%s %s%s; what is not understood allows nothing", first->path, first->text, more);
		return;
	}
	r = gather_refusal(g, p, on, &node, &version);
	if (r)
		set(c, false, "NotUnderstoodEverywhere",
		    "node %s, of version %s, does not understand it: %s; what is not understood allows nothing",
		    node, version, r->text);
	else
		set(c, true, "Accepted", "all of it is understood");
}

static void list_late(const struct gather_count *n, char *ret, size_t size)
{
	size_t i, used = 0;

	ret[0] = '\0';
	for (i = 0; i < GATHER_LATE_MAX && n->late[i] && used < size; i++)
		used += (size_t)snprintf(ret + used, size - used, "%s%s", i ? ", " : "", n->late[i]);
	if (n->nodes - n->enforced > GATHER_LATE_MAX && used < size)
		(void)snprintf(ret + used, size - used, " and others");
}

static void judge_bare(const struct gather_count *n, const char *head, struct condition *c)
{
	if (n->bare)
		set(c, false, "Unprotected", "%s; on node %s pod %s/%s is not protected: %s", head, n->node,
		    n->bare->ns, n->bare->name, n->bare->reason);
	else
		set(c, false, "Unprotected",
		    "%s; on node %s %llu pods are not protected, more than it names: they may be pods of it",
		    head, n->node, (unsigned long long)n->report->bare_n);
}

static void judge_silent(const struct gather_count *n, const char *head, struct condition *c)
{
	const char *at = n->report->at;

	set(c, false, "NotHeardOf",
	    "%s; node %s has not been heard of%s%s, for longer than its report is valid", head, n->node,
	    *at ? " since " : "", at);
}

static void judge_late(const struct gather_count *n, struct condition *c)
{
	char head[120], late[200];

	(void)snprintf(head, sizeof(head), "in force on %zu of %zu nodes that have pods of it", n->enforced,
		       n->nodes);
	list_late(n, late, sizeof(late));
	if (n->why == GATHER_TROUBLE)
		set(c, false, "NotProgrammed", "%s; node %s: %s", head, n->node, n->report->trouble);
	else if (n->why == GATHER_BARE)
		judge_bare(n, head, c);
	else if (n->why == GATHER_SILENT)
		judge_silent(n, head, c);
	else
		set(c, false, "Pending", "%s, not on %s", head, late);
}

/* No numbers where all is well: each is written to an object that every node follows. */
static void judge_force(const struct gather *g, const struct net_policy *p, const struct gather_count *n,
			int64_t now, bool accepted, struct condition *c)
{
	if (net_policy_is_expired(p, now))
		set(c, false, "Expired", "it was there until spec.expires");
	else if (!accepted)
		set(c, false, "NotAccepted", "what is understood of it is enforced: see Accepted");
	else if (!n->nodes)
		set(c, true, "NoPods", "no node has pods that it is about");
	else if (n->enforced < n->nodes)
		judge_late(n, c);
	else if (gather_audits(g, p))
		set(c, true, "Audited", "on all nodes that have pods of it; in mode Audit it denies nothing");
	else
		set(c, true, "Programmed", "in force on all nodes that have pods of it");
}

void verdict_make(const struct gather *g, const struct net_policy *p, const node_set *on, int64_t now,
		  struct verdict *ret)
{
	struct gather_count n;
	size_t i;

	*ret = (struct verdict){};
	gather_count(g, p, on, &n);
	judge_text(g, p, on, &ret->conditions[ACCEPTED]);
	judge_force(g, p, &n, now, ret->conditions[ACCEPTED].is_true, &ret->conditions[PROGRAMMED]);
	ret->late =
		ret->conditions[ACCEPTED].is_true && !net_policy_is_expired(p, now) && n.enforced < n.nodes;
	for (i = 0; i < CONDITIONS; i++)
		ret->conditions[i].generation = p->generation;
	if (p->kind != POLICY_NETWORK)
		return;
	ret->nodes = n.nodes;
	ret->enforced = n.enforced;
}

/* ---- then and now ------------------------------------------------------------------------- */

void verdict_date(struct verdict *v, const struct verdict *said, int64_t now)
{
	size_t i;

	for (i = 0; i < CONDITIONS; i++) {
		struct condition *c = &v->conditions[i];
		const struct condition *was = &said->conditions[i];

		if (was->there && was->is_true == c->is_true && *was->since) {
			memcpy(c->since, was->since, sizeof(c->since));
			continue;
		}
		(void)date_text((time_t)now, 0, 0, c->since);
	}
}

enum verdict_news verdict_compare(const struct verdict *is, const struct verdict *said)
{
	bool words = is->nodes != said->nodes || is->enforced != said->enforced;
	size_t i;

	for (i = 0; i < CONDITIONS; i++) {
		const struct condition *a = &is->conditions[i], *b = &said->conditions[i];

		if (!b->there || a->is_true != b->is_true || a->generation != b->generation)
			return VERDICT_NEWS;
		words |= strcmp(a->reason, b->reason) || strcmp(a->message, b->message);
	}
	return words ? VERDICT_WORDS : VERDICT_SAME;
}

/* ---- JSON --------------------------------------------------------------------------------- */

static const char *const paths[POLICY_KINDS] = {
	[POLICY_NETWORK] = "/apis/policy.bulkhead.dev/v1alpha1/namespaces/%s/networkpolicystatuses/",
	[POLICY_CLUSTER] = "/apis/policy.networking.k8s.io/v1alpha2/clusternetworkpolicies/",
	[POLICY_SEGMENTATION] = "/apis/policy.bulkhead.dev/v1alpha1/namespaces/%s/segmentationpolicies/",
	[POLICY_CLUSTER_SEGMENTATION] = "/apis/policy.bulkhead.dev/v1alpha1/clustersegmentationpolicies/",
};

const char *verdict_path(const struct net_policy *p, bool status, char ret[VERDICT_PATH])
{
	const char *path = paths[p->kind], *rest = strstr(path, "%s");
	const int head = rest ? (int)(rest - path) : (int)strlen(path);

	(void)snprintf(ret, VERDICT_PATH, "%.*s%s%s%s%s?fieldManager=bulkhead&force=true", head, path,
		       rest ? p->ns : "", rest ? rest + 2 : "", p->name, status ? "/status" : "");
	return ret;
}

static void add(struct json_object *o, const char *name, const char *text)
{
	(void)json_object_object_add(o, name, json_object_new_string(text));
}

static void add_number(struct json_object *o, const char *name, uint64_t n)
{
	(void)json_object_object_add(o, name, json_object_new_uint64(n));
}

/* Its name and kind. Return: the object, @ret_meta its metadata. */
static struct json_object *new_object(const struct net_policy *p, struct json_object **ret_meta)
{
	const bool apart = p->kind == POLICY_NETWORK;
	struct json_object *o = json_object_new_object(), *meta = json_object_new_object();

	add(o, "apiVersion", apart ? REPORT_API : object_kinds[OBJECT_POLICY + p->kind].api_version);
	add(o, "kind", apart ? NETWORK_STATUS : report_kind(p->kind));
	(void)json_object_object_add(o, "metadata", meta);
	add(meta, "name", p->name);
	if (*p->ns)
		add(meta, "namespace", p->ns);
	*ret_meta = meta;
	return o;
}

static char *text_of(struct json_object *take)
{
	char *text = strdup(json_object_to_json_string_ext(take, JSON_C_TO_STRING_NOSLASHESCAPE));

	json_object_put(take);
	return text;
}

static struct json_object *condition_object(const struct condition *c, size_t i)
{
	struct json_object *o = json_object_new_object();

	add(o, "type", condition_types[i]);
	add(o, "status", c->is_true ? "True" : "False");
	add_number(o, "observedGeneration", c->generation);
	add(o, "lastTransitionTime", c->since);
	add(o, "reason", c->reason);
	add(o, "message", c->message);
	return o;
}

/* With its UID: one of the same name that was made meanwhile is another. */
char *verdict_text(const struct verdict *v, const struct net_policy *p)
{
	struct json_object *meta, *o = new_object(p, &meta);
	struct json_object *status = json_object_new_object(), *list = json_object_new_array();
	size_t i;

	if (p->kind != POLICY_NETWORK && p->uid)
		add(meta, "uid", p->uid);
	if (p->kind == POLICY_NETWORK) {
		add_number(status, "observedGeneration", p->generation);
		add_number(status, "nodes", v->nodes);
		add_number(status, "enforced", v->enforced);
	}
	for (i = 0; i < CONDITIONS; i++)
		(void)json_object_array_add(list, condition_object(&v->conditions[i], i));
	(void)json_object_object_add(status, "conditions", list);
	(void)json_object_object_add(o, "status", status);
	return text_of(o);
}

char *verdict_place(const struct net_policy *p)
{
	struct json_object *meta, *o = new_object(p, &meta), *list = json_object_new_array();
	struct json_object *owner = json_object_new_object();

	add(owner, "apiVersion", object_kinds[OBJECT_POLICY].api_version);
	add(owner, "kind", object_kinds[OBJECT_POLICY].kind);
	add(owner, "name", p->name);
	add(owner, "uid", p->uid);
	(void)json_object_array_add(list, owner);
	(void)json_object_object_add(meta, "ownerReferences", list);
	return text_of(o);
}

static void read_text(struct json_object *o, const char *name, char *ret, size_t size)
{
	const char *text = value_text(value_get(o, name));

	(void)snprintf(ret, size, "%s", text ? text : "");
}

static void read_condition(struct json_object *o, struct condition *c)
{
	const char *status = value_text(value_get(o, "status"));
	int64_t generation = 0;

	(void)value_integer(value_get(o, "observedGeneration"), &generation);
	c->generation = (uint64_t)generation;
	c->is_true = status && !strcmp(status, "True");
	c->there = status && (c->is_true || !strcmp(status, "False"));
	read_text(o, "reason", c->reason, sizeof(c->reason));
	read_text(o, "message", c->message, sizeof(c->message));
	read_text(o, "lastTransitionTime", c->since, sizeof(c->since));
}

void verdict_read(struct json_object *o, struct verdict *ret)
{
	struct json_object *status = value_get(o, "status"), *list = value_get(status, "conditions");
	int64_t nodes = 0, enforced = 0;
	size_t i, k;

	*ret = (struct verdict){};
	for (i = 0; i < value_length(list); i++) {
		const char *type = value_text(value_get(value_at(list, i), "type"));

		for (k = 0; type && k < CONDITIONS; k++)
			if (!strcmp(type, condition_types[k]))
				read_condition(value_at(list, i), &ret->conditions[k]);
	}
	(void)value_integer(value_get(status, "nodes"), &nodes);
	(void)value_integer(value_get(status, "enforced"), &enforced);
	ret->nodes = (size_t)nodes;
	ret->enforced = (size_t)enforced;
}

const char *verdict_owner(struct json_object *o)
{
	return value_text(
		value_get(value_at(value_get(value_get(o, "metadata"), "ownerReferences"), 0), "uid"));
}
