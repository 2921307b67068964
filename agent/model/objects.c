/* SPDX-License-Identifier: Apache-2.0 */
/* Birth and death of the model's objects. The free functions take NULL and half-built ones. */
#include "model/model.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/intern.h"

struct namespace *namespace_new(const char *name)
{
	struct namespace *n = calloc(1, sizeof(*n));

	if (!n)
		return NULL;
	n->labels = &labels_none;
	n->name = strdup(name);
	if (!n->name || labels_set(&n->labels, "kubernetes.io/metadata.name", name) < 0) {
		namespace_free(n);
		return NULL;
	}
	return n;
}

bool namespace_is_audited(const struct namespace *n)
{
	const char *mode = labels_get(n->labels, "policy.bulkhead.dev/mode");

	return mode && !strcmp(mode, "Audit");
}

void namespace_free(struct namespace *n)
{
	if (!n)
		return;
	labels_drop(n->labels);
	free(n->name);
	free(n);
}

struct pod *pod_new(const char *ns, const char *name)
{
	struct pod *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->labels = &labels_none;
	p->ns = intern_text(ns);
	p->name = strdup(name);
	p->uid = strdup("");
	p->node = intern_text("");
	if (!p->ns || !p->name || !p->uid || !p->node) {
		pod_free(p);
		return NULL;
	}
	return p;
}

void pod_free(struct pod *p)
{
	if (!p)
		return;
	labels_drop(p->labels);
	vec_done(&p->addrs);
	vec_done(&p->host_ports);
	intern_drop(p->ns);
	intern_drop(p->node);
	intern_drop(p->ports);
	free(p->name);
	free(p->uid);
	free(p->static_uid);
	free(p);
}

bool pod_has_uid(const struct pod *p, const char *uid)
{
	if (!*uid || !*p->uid || !strcmp(uid, p->uid))
		return true;
	return p->static_uid && !strcmp(uid, p->static_uid);
}

int pod_set_node(struct pod *p, const char *node)
{
	const char *new = intern_text(node);

	if (!new)
		return -ENOMEM;
	intern_drop(p->node);
	p->node = new;
	return 0;
}

struct net_policy *net_policy_new(enum policy_kind kind, const char *ns, const char *name)
{
	static const enum policy_tier tiers[] = {
		[POLICY_NETWORK] = TIER_NETWORK,
		[POLICY_CLUSTER] = TIER_ADMIN,
		[POLICY_SEGMENTATION] = TIER_SEGMENTATION,
		[POLICY_CLUSTER_SEGMENTATION] = TIER_ADMIN,
	};
	struct net_policy *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->ns = strdup(ns);
	p->name = strdup(name);
	p->kind = kind;
	p->tier = tiers[kind];
	p->subject = selector_new();
	if (!p->ns || !p->name || !p->subject) {
		net_policy_free(p);
		return NULL;
	}
	return p;
}

void peer_done(struct peer *p)
{
	selector_free(p->pods);
	selector_free(p->namespaces);
	selector_free(p->nodes);
	vec_done(&p->except);
	free(p->service_ns);
	free(p->service);
	*p = (struct peer){};
}

void rule_done(struct rule *r)
{
	size_t i;

	for (i = 0; i < r->peers.n; i++)
		peer_done(&r->peers.v[i]);
	vec_done(&r->peers);
	vec_done(&r->ports);
	free(r->name);
}

const char *net_policy_text(const struct net_policy *p, char ret[POLICY_TEXT])
{
	static const char *const kinds[] = {
		[POLICY_NETWORK] = "",
		[POLICY_CLUSTER] = "",
		[POLICY_SEGMENTATION] = "segpol ",
		[POLICY_CLUSTER_SEGMENTATION] = "csegpol ",
	};

	(void)snprintf(ret, POLICY_TEXT, "%s%s%s%s", kinds[p->kind], p->ns, *p->ns ? "/" : "", p->name);
	return ret;
}

bool net_policy_is_for(const struct net_policy *p, const struct namespace *ns)
{
	return p->namespaces ? selector_matches(p->namespaces, ns->labels) : !strcmp(p->ns, ns->name);
}

static void problems_done(struct net_policy *p)
{
	size_t i;

	for (i = 0; i < p->problems.n; i++) {
		free(p->problems.v[i].path);
		free(p->problems.v[i].text);
	}
	vec_done(&p->problems);
}

void net_policy_free(struct net_policy *p)
{
	size_t dir, i;

	if (!p)
		return;
	for (dir = 0; dir < DIR_MAX; dir++) {
		for (i = 0; i < p->rules[dir].n; i++)
			rule_done(&p->rules[dir].v[i]);
		vec_done(&p->rules[dir]);
	}
	problems_done(p);
	selector_free(p->namespaces);
	selector_free(p->subject);
	free(p->uid);
	free(p->ns);
	free(p->name);
	free(p);
}

int net_policy_problem(struct net_policy *p, const char *path, const char *text)
{
	struct problem new = { .path = strdup(path), .text = strdup(text) };
	struct problem *slot = new.path &&new.text ? vec_add(&p->problems) : NULL;

	if (!slot) {
		free(new.path);
		free(new.text);
		return -ENOMEM;
	}
	*slot = new;
	return 0;
}

static void ports_done(struct service_port *v, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		free(v[i].name);
	free(v);
}

struct service *service_new(const char *ns, const char *name)
{
	struct service *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->ns = strdup(ns);
	s->name = strdup(name);
	if (!s->ns || !s->name) {
		service_free(s);
		return NULL;
	}
	return s;
}

void service_free(struct service *s)
{
	if (!s)
		return;
	ports_done(s->ports.v, s->ports.n);
	vec_done(&s->addrs);
	vec_done(&s->balancers);
	vec_done(&s->externals);
	free(s->ns);
	free(s->name);
	free(s);
}

struct endpoint_slice *slice_new(const char *ns, const char *name)
{
	struct endpoint_slice *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->ns = strdup(ns);
	s->name = strdup(name);
	s->service = strdup("");
	if (!s->ns || !s->name || !s->service) {
		slice_free(s);
		return NULL;
	}
	return s;
}

void slice_free(struct endpoint_slice *s)
{
	size_t i;

	if (!s)
		return;
	for (i = 0; i < s->nodes.n; i++)
		intern_drop(s->nodes.v[i]);
	ports_done(s->ports.v, s->ports.n);
	vec_done(&s->addrs);
	vec_done(&s->nodes);
	free(s->ns);
	free(s->name);
	free(s->service);
	free(s);
}

bool slice_is_on(const struct endpoint_slice *s, size_t i, const char *node)
{
	return node && i < s->nodes.n && s->nodes.v[i] && !strcmp(s->nodes.v[i], node);
}

struct cluster_node *cluster_node_new(const char *name)
{
	struct cluster_node *n = calloc(1, sizeof(*n));

	if (!n)
		return NULL;
	n->labels = &labels_none;
	n->name = strdup(name);
	if (!n->name) {
		cluster_node_free(n);
		return NULL;
	}
	return n;
}

void cluster_node_free(struct cluster_node *n)
{
	if (!n)
		return;
	labels_drop(n->labels);
	vec_done(&n->addrs);
	vec_done(&n->pods);
	free(n->uid);
	free(n->name);
	free(n);
}

struct endpoint *endpoint_new(void)
{
	return calloc(1, sizeof(struct endpoint));
}

void endpoint_free(struct endpoint *e)
{
	if (!e)
		return;
	vec_done(&e->addrs);
	free(e->network);
	free(e->container);
	free(e->ifname);
	free(e->netns);
	free(e->ns);
	free(e->pod);
	free(e->uid);
	free(e);
}
