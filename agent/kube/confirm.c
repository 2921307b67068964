/* SPDX-License-Identifier: Apache-2.0 */
/* Questions of ADDs that wait for the API server. */
#include "kube/confirm.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#include "kube/keep.h"
#include "kube/object.h"
#include "kube/value.h"
#include "kube/wire.h"
#include "util/buf.h"
#include "util/clock.h"
#include "util/scope.h"

#define GET_AFTER_MS 50	  /* watches are usually faster */
#define AGAIN_MS     200  /* after an answer that was none */
#define GIVE_UP_MS   1600 /* the plugin waits 2 s, and shall hear why */
#define KNOWN_MAX    1024 /* pods remembered as confirmed */

/* One thing to be read: an object, or a list of what is asked for. */
struct read {
	struct confirm *confirm;
	enum object_kind kind;
	bool is_list, done;
	struct http_call *call;
	struct scan *scan;
	int64_t due_ms;	   /* not before */
	char trouble[200]; /* of the last attempt; "" */
};

enum {
	READ_POLICIES, /* as enum policy_kind */
	READ_CLUSTER_POLICIES,
	READ_SEGMENTATIONS,
	READ_CLUSTER_SEGMENTATIONS,
	READ_POD,
	READ_NAMESPACE,
	READS,
	READS_OF_POLICIES = READ_POD,
};

struct confirm {
	struct confirms *all;
	struct hash128 key, name; /* name: of pod and UID, for confirms.known */
	char *ns, *pod, *uid;
	source_confirmed_fn fn;
	void *ctx;
	int64_t began_ms;
	struct read reads[READS];
};

struct confirms {
	struct http *http;
	const struct model *model;
	const char *node;
	confirm_put_fn put;
	void *ctx;
	VEC(struct confirm *) at;
	VEC(struct hash128) known;
};

/* ---- life --------------------------------------------------------------------------------- */

static void read_stop(struct read *r)
{
	http_cancel(r->call);
	scan_free(r->scan);
	r->call = NULL;
	r->scan = NULL;
}

static void confirm_free(struct confirm *c)
{
	size_t i;

	if (!c)
		return;
	for (i = 0; i < READS; i++)
		read_stop(&c->reads[i]);
	free(c->ns);
	free(c->pod);
	free(c->uid);
	free(c);
}

struct confirms *confirms_new(struct http *http, const struct model *model, const char *node,
			      confirm_put_fn put, void *ctx)
{
	struct confirms *c = calloc(1, sizeof(*c));

	if (c)
		*c = (struct confirms){ .http = http, .model = model, .node = node, .put = put, .ctx = ctx };
	return c;
}

void confirms_free(struct confirms *c)
{
	size_t i;

	if (!c)
		return;
	for (i = 0; i < c->at.n; i++)
		confirm_free(c->at.v[i]);
	vec_done(&c->at);
	vec_done(&c->known);
	free(c);
}

void confirms_cancel(struct confirms *c, const struct hash128 *key)
{
	size_t i;

	for (i = 0; i < c->at.n; i++) {
		if (hash128_cmp(&c->at.v[i]->key, key))
			continue;
		confirm_free(c->at.v[i]);
		c->at.v[i] = c->at.v[--c->at.n];
		return;
	}
}

/* ---- pods that were confirmed ------------------------------------------------------------- */

/* A sandbox may be made anew years after its pod was scheduled, and while the API is away. */
static struct hash128 name_of(const char *ns, const char *pod, const char *uid)
{
	struct sha256 s;

	sha256_init(&s);
	sha256_add(&s, ns, strlen(ns) + 1);
	sha256_add(&s, pod, strlen(pod) + 1);
	sha256_add(&s, uid, strlen(uid) + 1);
	return sha256_end128(&s);
}

static bool is_known(const struct confirms *c, const struct hash128 *name)
{
	size_t i;

	for (i = 0; i < c->known.n; i++)
		if (!hash128_cmp(&c->known.v[i], name))
			return true;
	return false;
}

/* The oldest goes where there is no room: it will be asked for again, no more. */
static void remember(struct confirms *c, const struct hash128 *name)
{
	struct hash128 *slot;

	if (is_known(c, name))
		return;
	if (c->known.n == KNOWN_MAX)
		memmove(c->known.v, c->known.v + 1, --c->known.n * sizeof(*c->known.v));
	slot = vec_add(&c->known);
	if (slot)
		*slot = *name;
}

/* ---- what the model says ------------------------------------------------------------------ */

static bool has_pod(const struct confirm *c)
{
	const struct pod *p = model_pod(c->all->model, c->ns, c->pod);

	/* As it was when it was scheduled, or later: before that its labels may have been others. */
	return p && pod_has_uid(p, c->uid) && !strcmp(p->node, c->all->node);
}

static bool has_namespace(const struct confirm *c)
{
	return model_namespace(c->all->model, c->ns);
}

/* A kind of policy that is not read yet; NULL: all are. */
static const struct read *missing_policies(const struct confirm *c)
{
	size_t i;

	for (i = 0; i < READS_OF_POLICIES; i++)
		if (!c->reads[i].done)
			return &c->reads[i];
	return NULL;
}

static bool is_complete(const struct confirm *c)
{
	return !missing_policies(c) && has_pod(c) && has_namespace(c);
}

static const char *what_is_missing(const struct confirm *c, char *ret, size_t size)
{
	const struct pod *p = model_pod(c->all->model, c->ns, c->pod);
	const struct read *r = missing_policies(c);
	char policies[128];
	const char *what = policies;

	if (r) {
		(void)snprintf(policies, sizeof(policies), "its policies of kind %s cannot be confirmed",
			       object_kinds[r->kind].kind);
	} else if (!has_pod(c)) {
		r = &c->reads[READ_POD];
		what = p && !pod_has_uid(p, c->uid) ? "the API server has a Pod of that name with another UID"
						    : "its Pod is not known as one of this node";
	} else {
		r = &c->reads[READ_NAMESPACE];
		what = "its Namespace is not known";
	}
	(void)snprintf(ret, size, "pod '%s/%s': %s: %s", c->ns, c->pod, what,
		       *r->trouble ? r->trouble : "the API server has not answered in time");
	return ret;
}

/* ---- one read ----------------------------------------------------------------------------- */

static int take_object(struct read *r, struct json_object *o, struct bh_err *err)
{
	struct confirms *all = r->confirm->all;
	const char *node = value_text(value_get(value_get(o, "spec"), "nodeName"));
	const int ret =
		kube_check_kind(o, object_kinds[r->kind].api_version, object_kinds[r->kind].kind, err);

	if (ret < 0)
		return ret;
	if (r->kind == OBJECT_POD && (!node || strcmp(node, all->node)))
		return bh_err_set(err, -EINVAL, "it is on node '%s'", node ? node : "");
	return all->put(all->ctx, r->kind, o, err);
}

static int on_json(void *ctx, enum scan_kind kind, const char *json, size_t len, struct bh_err *err)
{
	struct read *r = ctx;
	struct json_object *o = kube_parse(json, len, err);
	int ret;

	if (!o)
		return -EINVAL;
	ret = kind == SCAN_END ? kube_check_list(o, object_kinds[r->kind].kind, err) : take_object(r, o, err);
	json_object_put(o);
	return ret;
}

static int on_data(void *ctx, const char *data, size_t len, struct bh_err *err)
{
	return scan_feed(((struct read *)ctx)->scan, data, len, err);
}

static void on_end(void *ctx, const struct http_end *end)
{
	struct read *r = ctx;
	const bool absent = end->status == 404 && object_is_custom(r->kind); /* not installed */
	const bool whole = absent || (end->status == 200 && scan_is_complete(r->scan));

	r->call = NULL; /* it is gone behind this */
	read_stop(r);
	r->done = whole;
	r->due_ms = clock_ms() + AGAIN_MS;
	if (whole)
		(void)snprintf(r->trouble, sizeof(r->trouble),
			       "what was read is not it, or older than what is known");
	else if (end->status)
		(void)snprintf(r->trouble, sizeof(r->trouble), "HTTP %d", end->status);
	else
		(void)snprintf(r->trouble, sizeof(r->trouble), "%s", end->why);
}

static int make_path(const struct read *r, struct buf *b)
{
	const struct confirm *c = r->confirm;

	switch (r->kind) {
	case OBJECT_POLICY:
		return buf_fmt(b, "/apis/networking.k8s.io/v1/namespaces/%s/networkpolicies", c->ns);
	case OBJECT_CLUSTER_POLICY:
		return buf_str(b, "/apis/policy.networking.k8s.io/v1alpha2/clusternetworkpolicies");
	case OBJECT_SEGMENTATION:
		return buf_fmt(b, "/apis/policy.bulkhead.dev/v1alpha1/namespaces/%s/segmentationpolicies",
			       c->ns);
	case OBJECT_CLUSTER_SEGMENTATION:
		return buf_str(b, "/apis/policy.bulkhead.dev/v1alpha1/clustersegmentationpolicies");
	case OBJECT_POD:
		return buf_fmt(b, "/api/v1/namespaces/%s/pods/%s", c->ns, c->pod);
	default: /* a list of one, for which the right to list is enough */
		return buf_fmt(b, "/api/v1/namespaces?fieldSelector=metadata.name%%3D%s", c->ns);
	}
}

static void read_begin(struct read *r)
{
	const struct http_handler handler = { .data = on_data, .end = on_end, .ctx = r };
	const struct confirm *c = r->confirm;
	const int64_t left = c->began_ms + GIVE_UP_MS - clock_ms();
	auto_buf struct buf path = BUF_INIT(2048);
	struct bh_err err = { "no memory" };

	r->scan = scan_new(keep_sent[r->kind], r->is_list, on_json, r);
	if (r->scan && !make_path(r, &path) &&
	    !http_get(c->all->http, path.data, left > 1 ? (unsigned int)left : 1, &handler, &r->call, &err))
		return;
	(void)snprintf(r->trouble, sizeof(r->trouble), "%.199s", err.msg);
	read_stop(r);
	r->due_ms = clock_ms() + AGAIN_MS;
}

static bool is_wanted(const struct read *r)
{
	const struct confirm *c = r->confirm;

	if (object_is_policy(r->kind))
		return !r->done;
	return r->kind == OBJECT_POD ? !has_pod(c) : !has_namespace(c);
}

/* ---- questions ---------------------------------------------------------------------------- */

/* What goes into a path must be what the API server calls a name. */
static bool is_name(const char *s)
{
	return *s && *s != '.' && strlen(s) <= 253 &&
	       strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-.") == strlen(s);
}

static struct confirm *confirm_new(struct confirms *all, const char *ns, const char *pod, const char *uid)
{
	static const enum object_kind kinds[READS] = {
		[READ_POLICIES] = OBJECT_POLICY,
		[READ_CLUSTER_POLICIES] = OBJECT_CLUSTER_POLICY,
		[READ_SEGMENTATIONS] = OBJECT_SEGMENTATION,
		[READ_CLUSTER_SEGMENTATIONS] = OBJECT_CLUSTER_SEGMENTATION,
		[READ_POD] = OBJECT_POD,
		[READ_NAMESPACE] = OBJECT_NAMESPACE,
	};
	struct confirm *c = calloc(1, sizeof(*c));
	size_t i;

	if (!c)
		return NULL;
	*c = (struct confirm){ .all = all, .began_ms = clock_ms() };
	for (i = 0; i < READS; i++)
		c->reads[i] = (struct read){
			.confirm = c,
			.kind = kinds[i],
			.is_list = i != READ_POD,
			.due_ms = c->began_ms + (i == READ_POD || i == READ_NAMESPACE ? GET_AFTER_MS : 0),
		};
	c->ns = strdup(ns);
	c->pod = strdup(pod);
	c->uid = strdup(uid);
	if (c->ns && c->pod && c->uid)
		return c;
	confirm_free(c);
	return NULL;
}

int confirms_ask(struct confirms *all, const struct hash128 *key, const char *ns, const char *pod,
		 const char *uid, source_confirmed_fn fn, void *ctx, struct bh_err *err)
{
	struct confirm *c, **slot;
	size_t i;

	if (!is_name(ns) || !is_name(pod))
		return bh_err_set(err, -EINVAL, "pod '%.64s/%.253s': not the name of a Pod", ns, pod);
	confirms_cancel(all, key);
	c = confirm_new(all, ns, pod, uid);
	if (!c)
		return bh_err_set(err, -ENOMEM, "no memory");
	c->key = *key;
	c->name = name_of(ns, pod, uid);
	c->fn = fn;
	c->ctx = ctx;
	for (i = 0; i < READS_OF_POLICIES; i++)
		c->reads[i].done = is_known(all, &c->name);
	if (is_complete(c)) {
		confirm_free(c);
		return 1;
	}
	slot = vec_add(&all->at);
	if (!slot) {
		confirm_free(c);
		return bh_err_set(err, -ENOMEM, "no memory");
	}
	*slot = c;
	return 0;
}

static void finish(struct confirms *all, size_t i, const char *why)
{
	struct confirm *c = all->at.v[i];

	all->at.v[i] = all->at.v[--all->at.n];
	if (!why && *c->uid) /* without it another pod of that name would be this one */
		remember(all, &c->name);
	c->fn(c->ctx, &c->key, why);
	confirm_free(c);
}

/* Return: whether it is over. */
static bool work_one(struct confirms *all, size_t i, int64_t now)
{
	struct confirm *c = all->at.v[i];
	char why[512];
	size_t k;

	if (is_complete(c)) {
		finish(all, i, NULL);
		return true;
	}
	if (now >= c->began_ms + GIVE_UP_MS) {
		finish(all, i, what_is_missing(c, why, sizeof(why)));
		return true;
	}
	for (k = 0; k < READS; k++)
		if (!c->reads[k].call && c->reads[k].due_ms <= now && is_wanted(&c->reads[k]))
			read_begin(&c->reads[k]);
	return false;
}

void confirms_work(struct confirms *all)
{
	const int64_t now = clock_ms();
	size_t i = 0;

	while (i < all->at.n)
		i += !work_one(all, i, now);
}

int confirms_timeout_ms(const struct confirms *all)
{
	const int64_t now = clock_ms();
	int64_t due = INT64_MAX;
	size_t i, k;

	for (i = 0; i < all->at.n; i++) {
		const struct confirm *c = all->at.v[i];

		if (c->began_ms + GIVE_UP_MS < due)
			due = c->began_ms + GIVE_UP_MS;
		for (k = 0; k < READS; k++)
			if (!c->reads[k].call && is_wanted(&c->reads[k]) && c->reads[k].due_ms < due)
				due = c->reads[k].due_ms;
	}
	if (due == INT64_MAX)
		return -1;
	return due > now ? (int)(due - now) : 0;
}
