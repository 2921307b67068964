/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The API server as a source: one watch for each thing that policies look at, and what they tell
 * brought into the model. Pods of this node and all others are two watches, so that what matters most is
 * a small list; they exclude each other, but a pod goes from one to the other when it is scheduled, so each
 * object knows which watch it is from.
 */
#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kube/confirm.h"
#include "kube/http.h"
#include "kube/keep.h"
#include "kube/object.h"
#include "kube/own.h"
#include "kube/schema.h"
#include "kube/served.h"
#include "kube/source_ops.h"
#include "kube/value.h"
#include "kube/watch.h"
#include "kube/wire.h"
#include "util/scope.h"

#define ROUND_READ  0	   /* rounds of lists begin with 1 */
#define OBJECTS_MAX 500000 /* of one kind; a server that has more is not one that we can follow */

enum {
	PODS_HERE,
	PODS_ELSEWHERE,
	NAMESPACES,
	POLICIES, /* as enum policy_kind */
	CLUSTER_POLICIES,
	SEGMENTATIONS,
	CLUSTER_SEGMENTATIONS,
	SERVICES,
	SLICES,
	NODES,
	PARTS,
};

/* Of the kinds of one group, which an API server tells of in one document. */
struct definitions {
	struct server *server;
	struct schema *schema;
	char told[SCHEMA_TROUBLE]; /* the last trouble with them; "": none */
};

/* One thing that is watched. */
struct part {
	struct server *server;
	struct watch_spec spec;
	struct watch *watch;
	enum object_kind kind;
	bool was_synced;
	bool is_optional; /* without it less is allowed, never more: unlike without Services, whose addresses
			   * would be judged as any other */
	bool told;	  /* of trouble that is its own */
	bool unread;	  /* told that it is there in another version alone */
};

struct server {
	struct source base;
	struct source_api_options opt;
	struct model *model;
	struct http *http;
	struct part parts[PARTS];
	struct confirms *confirms;
	struct definitions theirs, ours; /* upstream's kind; our own */
	struct served *served;		 /* what is absent by the version that we read */
	struct events *events;
	struct own *own;	/* NULL: no pod */
	char *here, *elsewhere; /* field selectors */
	bool touched;		/* the model, since the last turn */
	bool changed;		/* in a way that matters: `change` says what */
	bool news;		/* a list is complete, or there is or was trouble */
	bool ready;		/* has been, and so it stays */
	bool cut_off;		/* said so: no answers */
	struct source_change change;
};

/* ---- into the model ----------------------------------------------------------------------- */

/* @old or @new may be NULL: none. */
static void changed(struct server *s, enum object_kind kind, const void *old, const void *new)
{
	const struct object_name at = object_ops[kind].name(new ? new : old);

	s->change.policies |= object_is_policy(kind);
	s->touched = true;
	if (s->opt.matters && !s->opt.matters(s->base.ctx, kind, old, new))
		return; /* as most changes in a large cluster */
	if (!s->changed)
		(void)snprintf(s->change.what, sizeof(s->change.what), "%s '%s%s%s'", object_kinds[kind].kind,
			       at.ns, *at.ns ? "/" : "", at.name);
	s->changed = true;
}

static void tell_problems(struct server *s, enum object_kind kind, const struct net_policy *p)
{
	size_t i;

	for (i = 0; i < p->problems.n; i++)
		source_tell_problem(&s->base, kind, p->ns, p->name, "%s '%s%s%s': %s %s",
				    object_kinds[kind].kind, p->ns, *p->ns ? "/" : "", p->name,
				    p->problems.v[i].path, p->problems.v[i].text);
}

/* @take: decoded. Whether it is news is for the caller to know. */
static int replace(struct server *s, enum object_kind kind, const struct object_id *id, void *take)
{
	const struct object_ops *ops = &object_ops[kind];
	void *old = ops->find(s->model, id->ns, id->name);

	if (old && ops->same(old, take)) {
		*ops->seen(old) = *ops->seen(take);
		if (object_is_policy(kind))
			s->touched |= model_same_policy(s->model, old, take);
		else
			ops->free(take);
		return 0;
	}
	if (object_is_policy(kind))
		tell_problems(s, kind, take);
	changed(s, kind, old, take);
	return ops->put(s->model, take);
}

/*
 * Streams may overtake each other: two watches between which a pod moves, a list and a watch, or either and
 * the read for an ADD. The higher version is the newer one. But what is listed after the versions
 * of before were forgotten is right whatever its own: those of a restored etcd are lower.
 */
static bool is_older(const struct part *p, const struct source_seen *had, const struct source_seen *new)
{
	return !watch_is_afresh(p->watch) && new->version && had->version > new->version;
}

static struct source_seen seen_by(const struct part *p, struct json_object *o, uint32_t round)
{
	return (struct source_seen){
		.version = kube_version(o),
		.round = round,
		.watch = (uint8_t)(p - p->server->parts),
	};
}

/* @round: of the list that it counts for; ROUND_READ: none. */
static int put(struct part *p, struct json_object *o, uint32_t round, struct bh_err *err)
{
	const struct object_ops *ops = &object_ops[p->kind];
	const struct source_seen seen = seen_by(p, o, round);
	struct object_id id;
	void *old, *new;
	int r = decode_id(o, &id, err);

	if (r < 0)
		return r;
	old = ops->find(p->server->model, id.ns, id.name);
	if (old && is_older(p, ops->seen(old), &seen))
		return 0;
	if (!old && ops->count(p->server->model) >= OBJECTS_MAX)
		return bh_err_set(err, -E2BIG, "more than %d of kind %s", OBJECTS_MAX,
				  object_kinds[p->kind].kind);
	r = ops->decode(o, &id, &new);
	if (!r) {
		*ops->seen(new) = seen;
		r = replace(p->server, p->kind, &id, new);
	}
	return r < 0 ? bh_err_set(err, r, "no memory for %s '%s'", object_kinds[p->kind].kind, id.name) : 0;
}

static void drop(struct part *p, void *old)
{
	const struct object_ops *ops = &object_ops[p->kind];
	const struct object_name at = ops->name(old);

	changed(p->server, p->kind, old, NULL);
	ops->del(p->server->model, at.ns, at.name);
}

/* ---- what watches tell -------------------------------------------------------------------- */

static bool has_name(struct json_object *o)
{
	return value_text(value_get(value_get(o, "metadata"), "name"));
}

/*
 * One object with a name that cannot be one is left out: where less is known less is allowed. A policy is
 * not, and an object without a name is no odd object but a damaged stream.
 */
static int on_put(void *ctx, struct watch *w, struct json_object *o, struct bh_err *err)
{
	struct part *p = ctx;
	const int r = put(p, o, watch_round(p->watch), err);

	(void)w;
	if (r != -EINVAL || object_is_policy(p->kind) || !has_name(o))
		return r;
	source_tell(&p->server->base, SOURCE_OBJECT_PROBLEM, "%s: %s, skipped", p->spec.name, err->msg);
	return 0;
}

static int on_del(void *ctx, struct watch *w, struct json_object *o, struct bh_err *err)
{
	struct part *p = ctx;
	const struct object_ops *ops = &object_ops[p->kind];
	const struct source_seen seen = seen_by(p, o, watch_round(w));
	struct object_id id;
	void *old;

	if (decode_id(o, &id, err) < 0)
		return has_name(o) ? 0 : -EINVAL; /* it was never put */
	old = ops->find(p->server->model, id.ns, id.name);
	if (old && ops->seen(old)->watch == seen.watch && !is_older(p, ops->seen(old), &seen))
		drop(p, old);
	return 0;
}

/* Was there before, and was not in the list: but what is newer than the list comes with the watch. */
static bool is_gone(const struct part *p, const struct source_seen *seen)
{
	if (seen->watch != p - p->server->parts || seen->round == watch_round(p->watch))
		return false;
	return watch_is_afresh(p->watch) || seen->version <= watch_version(p->watch);
}

/* NULL: no CRD brings it. */
static const struct definitions *definitions_of(const struct part *p)
{
	if (!object_is_custom(p->kind))
		return NULL;
	return p->kind == OBJECT_CLUSTER_POLICY ? &p->server->theirs : &p->server->ours;
}

/* It is not nobody's policies that are absent, but a version of them. */
static const char *wrong_version(const struct part *p)
{
	if (!object_is_custom(p->kind) || !watch_is_absent(p->watch))
		return NULL;
	return served_trouble(p->server->served, object_policy_kind(p->kind));
}

/* Said once for as long as it is so. */
static void tell_version(struct part *p)
{
	const char *trouble = wrong_version(p);

	if (trouble && !p->unread)
		source_tell(&p->server->base, SOURCE_BAD, "API server: %s: %s", p->spec.name, trouble);
	else if (!trouble && p->unread)
		source_tell(&p->server->base, SOURCE_GOOD, "API server: %s: well again", p->spec.name);
	p->unread = trouble;
}

static void on_served(void *ctx)
{
	struct server *s = ctx;
	size_t i;

	s->news = true;
	for (i = 0; i < PARTS; i++)
		tell_version(&s->parts[i]);
}

/* What the watch has to say does not mean what was written, or is not known to. NULL: it does. */
static const char *wrong_schema(const struct part *p)
{
	const struct definitions *d = definitions_of(p);

	if (wrong_version(p))
		return wrong_version(p);
	return d && watch_is_synced(p->watch) ? schema_trouble(d->schema, p->kind) : NULL;
}

/* NULL: none. @ret_name: of the kind that it is about. */
static const char *trouble_of(const struct definitions *d, const char **ret_name)
{
	const char *trouble = NULL;
	size_t i;

	for (i = 0; i < PARTS && !trouble; i++) {
		const struct part *p = &d->server->parts[i];

		if (definitions_of(p) != d)
			continue;
		*ret_name = p->spec.name;
		trouble = wrong_schema(p);
	}
	if (schema_is_unread(d->schema))
		return "the API server does not say which fields it keeps: see to it that its CRDs are those "
		       "of this version";
	return schema_is_known(d->schema) ? trouble : NULL;
}

/* Said once for as long as it stays the same; that it is not known yet is no trouble. */
static void on_schema(void *ctx)
{
	struct definitions *d = ctx;
	struct server *s = d->server;
	const char *name = "", *trouble = trouble_of(d, &name);

	s->news = true;
	if (!strcmp(d->told, trouble ? trouble : ""))
		return;
	if (trouble)
		source_tell(&s->base, schema_is_unread(d->schema) ? SOURCE_ASIDE : SOURCE_BAD,
			    "API server: %s: %s", name, trouble);
	else
		source_tell(&s->base, SOURCE_GOOD, "API server: %s: well again", name);
	(void)snprintf(d->told, sizeof(d->told), "%s", trouble ? trouble : "");
}

/* From the end: the last one out is the cheapest. */
static void on_synced(void *ctx, struct watch *w)
{
	struct part *p = ctx;
	const struct object_ops *ops = &object_ops[p->kind];
	size_t i = ops->count(p->server->model);

	(void)w;
	while (i--) {
		void *o = ops->at(p->server->model, i);

		if (is_gone(p, ops->seen(o)))
			drop(p, o);
	}
	p->was_synced = true;
	p->server->news = true; /* also where nothing changed: it may be the last that was waited for */
	tell_version(p);
	if (definitions_of(p))
		schema_ask(definitions_of(p)->schema);
}

static void answers_again(struct server *s)
{
	size_t i;

	source_tell(&s->base, SOURCE_GOOD, "API server %s: answers again", s->opt.config->server);
	for (i = 0; i < PARTS; i++)
		watch_hurry(s->parts[i].watch);
	if (s->own)
		watch_hurry(own_watch(s->own));
}

/* A server that cannot be reached is one trouble, not one for each watch. */
static void on_trouble(void *ctx, struct watch *w, const char *what)
{
	struct part *p = ctx;
	struct server *s = p->server;

	s->news = true; /* what is refused is not waited for */
	if (what && watch_is_cut_off(w)) {
		if (!s->cut_off)
			source_tell(&s->base, SOURCE_BAD, "API server %s: %s", s->opt.config->server, what);
		s->cut_off = true;
		return;
	}
	if (s->cut_off && !what)
		answers_again(s);
	s->cut_off = s->cut_off && what;
	if (what)
		source_tell(&s->base, SOURCE_BAD, "API server: %s: %s", p->spec.name, what);
	else if (p->told)
		source_tell(&s->base, SOURCE_GOOD, "API server: %s: well again", p->spec.name);
	p->told = what;
}

/* There are no such policies then, unless by another version: who installs them later is heard of. */
static void on_absent(void *ctx, struct watch *w)
{
	struct part *p = ctx;

	(void)w;
	p->server->news = true;
	served_ask(p->server->served, object_policy_kind(p->kind), p->spec.path);
}

/* What an ADD has read. What the watch has passed already is there, or was deleted since. */
static int on_read(void *ctx, enum object_kind kind, struct json_object *o, struct bh_err *err)
{
	struct server *s = ctx;
	struct part *p = &s->parts[object_is_policy(kind) ? POLICIES + object_policy_kind(kind)
				   : kind == OBJECT_POD	  ? PODS_HERE
							  : NAMESPACES];
	const uint64_t version = kube_version(o);

	if (version && version <= watch_version(p->watch))
		return 0;
	return put(p, o, ROUND_READ, err);
}

static void on_refused(void *ctx, const char *what)
{
	const struct server *s = ctx;

	source_tell(&s->base, SOURCE_ASIDE,
		    "API server: Events are refused: %s; further ones that are will not be told of", what);
}

static void on_retire(void *ctx, const char *mark)
{
	const struct server *s = ctx;

	s->opt.retire(s->base.ctx, mark);
}

static void on_own_trouble(void *ctx, const char *what)
{
	const struct server *s = ctx;

	source_tell(&s->base, SOURCE_ASIDE,
		    "API server: own pod '%s/%s': %s; an uninstall cannot ask us to leave", s->opt.pod_ns,
		    s->opt.pod_name, what);
}

/* ---- the source --------------------------------------------------------------------------- */

static struct server *server_of(struct source *base)
{
	return (struct server *)base;
}

static const struct server *const_server_of(const struct source *base)
{
	return (const struct server *)base;
}

static void server_free(struct source *base)
{
	struct server *s = server_of(base);
	size_t i;

	confirms_free(s->confirms);
	schema_free(s->theirs.schema);
	schema_free(s->ours.schema);
	served_free(s->served);
	events_free(s->events);
	own_free(s->own);
	for (i = 0; i < PARTS; i++)
		watch_free(s->parts[i].watch);
	http_free(s->http);
	free(s->here);
	free(s->elsewhere);
	free(s);
}

static int server_fd(const struct source *base)
{
	return http_fd(const_server_of(base)->http);
}

static int sooner(int a, int b)
{
	return a < 0 || (b >= 0 && b < a) ? b : a;
}

static int server_timeout_ms(const struct source *base)
{
	const struct server *s = const_server_of(base);
	int ms = sooner(http_timeout_ms(s->http), confirms_timeout_ms(s->confirms));
	size_t i;

	ms = sooner(ms, events_timeout_ms(s->events));
	ms = sooner(ms, schema_timeout_ms(s->theirs.schema));
	ms = sooner(ms, schema_timeout_ms(s->ours.schema));
	ms = sooner(ms, served_timeout_ms(s->served));
	if (s->own)
		ms = sooner(ms, watch_timeout_ms(own_watch(s->own)));
	for (i = 0; i < PARTS; i++)
		ms = sooner(ms, watch_timeout_ms(s->parts[i].watch));
	return ms;
}

/* Whether a peer is made from what @kind says. */
static bool is_made_from(const struct peer *p, enum object_kind kind)
{
	if (kind == OBJECT_SLICE)
		return p->kind == PEER_SERVICE;
	return kind == OBJECT_NODE && p->kind != PEER_PODS && p->kind != PEER_BLOCK &&
	       p->kind != PEER_SERVICE;
}

static bool names_some(const struct net_policy *np, enum object_kind kind)
{
	size_t dir, i, k;

	for (dir = 0; dir < DIR_MAX; dir++)
		for (i = 0; i < np->rules[dir].n; i++)
			for (k = 0; k < np->rules[dir].v[i].peers.n; k++)
				if (is_made_from(&np->rules[dir].v[i].peers.v[k], kind))
					return true;
	return false;
}

/* A policy whose peers nobody can tell while that part is refused, and never was there; NULL: none. */
static const struct net_policy *who_needs(const struct part *p)
{
	const struct model *m = p->server->model;
	size_t i;

	for (i = 0; p->is_optional && !p->was_synced && i < m->policies.n; i++)
		if (names_some(m->policies.v[i], p->kind))
			return m->policies.v[i];
	return NULL;
}

static bool is_there(const struct part *p)
{
	if (wrong_schema(p))
		return false;
	if (watch_is_absent(p->watch))
		return served_is_known(p->server->served, object_policy_kind(p->kind));
	return watch_is_synced(p->watch) || (p->is_optional && watch_is_refused(p->watch));
}

static int server_work(struct source *base, struct source_change *ret, struct bh_err *err)
{
	struct server *s = server_of(base);
	size_t i;
	bool touched;

	(void)err;
	http_work(s->http);
	for (i = 0; i < PARTS; i++)
		watch_work(s->parts[i].watch);
	confirms_work(s->confirms);
	schema_work(s->theirs.schema);
	schema_work(s->ours.schema);
	served_work(s->served);
	events_work(s->events);
	if (s->own)
		watch_work(own_watch(s->own));
	/* Until all is there nothing is compiled, so the last to come matters whatever it brought. */
	s->change.matters = s->changed || (s->news && !s->ready);
	if (!s->changed)
		(void)snprintf(s->change.what, sizeof(s->change.what), "API server");
	touched = s->touched || s->change.matters;
	*ret = s->change;
	if (s->change.matters)
		s->change = (struct source_change){};
	s->touched = s->changed = s->news = false;
	return touched;
}

static int server_ready(struct source *base, struct bh_err *err)
{
	struct server *s = server_of(base);
	struct watch_stats stats;
	const char *trouble;
	size_t i;

	for (i = 0; !s->ready && i < PARTS; i++) {
		if (is_there(&s->parts[i]))
			continue;
		watch_stats(s->parts[i].watch, &stats);
		trouble = wrong_schema(&s->parts[i]);
		trouble = trouble ? trouble : stats.trouble;
		return bh_err_set(err, -EAGAIN, "not known yet: %s%s%s", s->parts[i].spec.name,
				  *trouble ? ": " : "", trouble);
	}
	s->ready = true;
	for (i = 0; i < PARTS; i++) {
		const struct net_policy *np = who_needs(&s->parts[i]);
		char text[POLICY_TEXT];

		if (np)
			return bh_err_set(err, -EAGAIN, "policy %s needs what is not known: %s",
					  net_policy_text(np, text), s->parts[i].spec.name);
	}
	return 0;
}

static int server_confirm(struct source *base, const struct hash128 *key, const char *ns, const char *pod,
			  const char *uid, source_confirmed_fn fn, void *ctx, struct bh_err *err)
{
	return confirms_ask(server_of(base)->confirms, key, ns, pod, uid, fn, ctx, err);
}

static void server_confirm_cancel(struct source *base, const struct hash128 *key)
{
	confirms_cancel(server_of(base)->confirms, key);
}

static bool server_part(const struct source *base, size_t i, struct source_part *ret)
{
	const struct server *s = const_server_of(base);
	struct watch_stats stats;

	if (i >= PARTS)
		return false;
	watch_stats(s->parts[i].watch, &stats);
	*ret = (struct source_part){
		.name = s->parts[i].spec.name,
		.state = stats.state,
		.trouble = wrong_schema(&s->parts[i]) ? wrong_schema(&s->parts[i]) : stats.trouble,
		.synced = watch_is_synced(s->parts[i].watch),
		.quiet_ms = watch_quiet_ms(s->parts[i].watch),
		.lists = stats.lists,
		.events = stats.events,
		.failures = stats.failures,
	};
	return true;
}

static void server_post(struct source *base, const struct kube_event *event)
{
	events_add(server_of(base)->events, event);
}

static void server_posts(const struct source *base, struct events_stats *ret)
{
	events_stats(const_server_of(base)->events, ret);
}

static struct http *server_http(struct source *base)
{
	return server_of(base)->http;
}

static const struct source_ops server_ops = {
	.free = server_free,
	.fd = server_fd,
	.timeout_ms = server_timeout_ms,
	.work = server_work,
	.ready = server_ready,
	.confirm = server_confirm,
	.confirm_cancel = server_confirm_cancel,
	.part = server_part,
	.post = server_post,
	.posts = server_posts,
	.http = server_http,
};

/* ---- life --------------------------------------------------------------------------------- */

static int add_part(struct server *s, size_t i, const char *name, const char *path, enum object_kind kind)
{
	const struct watch_hooks hooks = {
		.put = on_put,
		.del = on_del,
		.synced = on_synced,
		.trouble = on_trouble,
		.absent = object_is_custom(kind) ? on_absent : NULL,
		.ctx = &s->parts[i],
	};
	struct part *p = &s->parts[i];

	*p = (struct part){
		.server = s,
		.kind = kind,
		.is_optional = kind == OBJECT_SLICE || kind == OBJECT_NODE,
		.spec = { .name = name,
			  .path = path,
			  .fields = i == PODS_HERE	  ? s->here
				    : i == PODS_ELSEWHERE ? s->elsewhere
							  : NULL,
			  .api_version = object_kinds[kind].api_version,
			  .kind = object_kinds[kind].kind,
			  .keep = keep_sent[kind] },
	};
	p->watch = watch_new(s->http, &p->spec, &hooks);
	return p->watch ? 0 : -ENOMEM;
}

/* @kind: one of them. */
static void define(struct definitions *d, struct server *s, enum object_kind kind)
{
	d->server = s;
	d->schema = schema_new(s->http, object_kinds[kind].api_version, on_schema, d);
}

static int add_own(struct server *s)
{
	const struct own_hooks hooks = { .retire = on_retire, .trouble = on_own_trouble, .ctx = s };

	if (!s->opt.pod_name || !*s->opt.pod_name)
		return 0;
	s->own = own_new(s->http, s->opt.pod_ns, s->opt.pod_name, &hooks);
	return s->own ? 0 : -ENOMEM;
}

static int add_parts(struct server *s)
{
	static const struct {
		const char *name, *path;
		enum object_kind kind;
	} all[PARTS] = {
		[PODS_HERE] = { "pods of this node", "/api/v1/pods", OBJECT_POD },
		[PODS_ELSEWHERE] = { "pods of other nodes", "/api/v1/pods", OBJECT_POD },
		[NAMESPACES] = { "namespaces", "/api/v1/namespaces", OBJECT_NAMESPACE },
		[POLICIES] = { "networkpolicies", "/apis/networking.k8s.io/v1/networkpolicies",
			       OBJECT_POLICY },
		[CLUSTER_POLICIES] = { "clusternetworkpolicies",
				       "/apis/policy.networking.k8s.io/v1alpha2/clusternetworkpolicies",
				       OBJECT_CLUSTER_POLICY },
		[SEGMENTATIONS] = { "segmentationpolicies",
				    "/apis/policy.bulkhead.dev/v1alpha1/segmentationpolicies",
				    OBJECT_SEGMENTATION },
		[CLUSTER_SEGMENTATIONS] = { "clustersegmentationpolicies",
					    "/apis/policy.bulkhead.dev/v1alpha1/clustersegmentationpolicies",
					    OBJECT_CLUSTER_SEGMENTATION },
		[SERVICES] = { "services", "/api/v1/services", OBJECT_SERVICE },
		[SLICES] = { "endpointslices", "/apis/discovery.k8s.io/v1/endpointslices", OBJECT_SLICE },
		[NODES] = { "nodes", "/api/v1/nodes", OBJECT_NODE },
	};
	size_t i;
	int r = 0;

	if (asprintf(&s->here, "spec.nodeName=%s", s->opt.node) < 0)
		s->here = NULL;
	if (asprintf(&s->elsewhere, "spec.nodeName!=%s", s->opt.node) < 0)
		s->elsewhere = NULL;
	s->confirms = confirms_new(s->http, s->model, s->opt.node, on_read, s);
	define(&s->theirs, s, OBJECT_CLUSTER_POLICY);
	define(&s->ours, s, OBJECT_SEGMENTATION);
	s->served = served_new(s->http, on_served, s);
	s->events = events_new(s->http, s->opt.instance, on_refused, s);
	if (!s->here || !s->elsewhere || !s->confirms || !s->theirs.schema || !s->ours.schema || !s->served ||
	    !s->events)
		return -ENOMEM;
	for (i = 0; !r && i < PARTS; i++)
		r = add_part(s, i, all[i].name, all[i].path, all[i].kind);
	return r;
}

int source_api_new(const struct source_api_options *opt, struct model *model, source_note_fn note, void *ctx,
		   struct source **ret, struct bh_err *err)
{
	struct server *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return bh_err_set(err, -ENOMEM, "no memory");
	*s = (struct server){ .base = { &server_ops, note, ctx }, .opt = *opt, .model = model };
	r = http_new(opt->config, &s->http, err);
	if (!r && (add_parts(s) < 0 || add_own(s) < 0))
		r = bh_err_set(err, -ENOMEM, "no memory");
	if (r < 0) {
		server_free(&s->base);
		return r;
	}
	*ret = &s->base;
	return 0;
}
