/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whose claims go and whose come, where pods or interfaces changed. A pod and its interfaces here claim
 * together (claims.c), so each of them is looked at if another one changed: what it claimed before, what it
 * claims now, and in which class that is.
 */
#include "policy/kept.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policy/claims.h"
#include "policy/members.h"
#include "policy/order.h"
#include "policy/peers.h"

/* A pod of which something may have changed. */
struct who {
	const char *ns, *name;
	const struct object_change *change; /* NULL: it is as it was */
	const struct pod *pod;		    /* as it is; NULL: it is not there */
	bool was_out, has_host_ports;	    /* the latter, now or before */
	struct list members;		    /* the peer sets that it is in */
};

struct claim_patch {
	struct kept *k;
	const struct model *m;
	const struct model_changes *c;
	struct claim_changes *ret;
	VEC(struct who) who;	      /* by namespace, name; no duplicates */
	struct candidates candidates; /* of `ns` */
	const struct namespace *ns;
};

/* ---- who ------------------------------------------------------------------------------------ */

static int who_cmp(const void *a, const void *b)
{
	const struct who *x = a, *y = b;
	const int r = strcmp(x->ns, y->ns);

	return r ? r : strcmp(x->name, y->name);
}

/* Those that changed first. */
static int who_order(const void *a, const void *b)
{
	const struct who *x = a, *y = b;
	const int r = who_cmp(x, y);

	return r ? r : !x->change - !y->change;
}

static int add_who(struct claim_patch *p, const char *ns, const char *name,
		   const struct object_change *change)
{
	struct who *slot = vec_add(&p->who);

	if (!slot)
		return -ENOMEM;
	*slot = (struct who){ .ns = ns, .name = name, .change = change };
	return 0;
}

/* Whose interfaces changed. Return, of this and what follows: 1, 0 not for a patch, -ENOMEM. */
static int add_owners(struct claim_patch *p)
{
	const struct endpoint *now;
	size_t i;
	int r = 0;

	for (i = 0; !r && i < p->c->endpoints.n; i++) {
		const struct endpoint_change *c = &p->c->endpoints.v[i];

		if (c->ns)
			r = add_who(p, c->ns, c->pod, NULL);
		now = model_endpoint(p->m, &c->key);
		if (now && (!now->ns || !now->pod))
			return 0;
		if (!r && now)
			r = add_who(p, now->ns, now->pod, NULL);
	}
	return r < 0 ? r : 1;
}

static int find_who(struct claim_patch *p)
{
	const change_vec *pods = &p->c->pods;
	size_t i, kept = 0;
	int r = 0;

	for (i = 0; !r && i < pods->n; i++)
		r = add_who(p, pods->v[i].ns, pods->v[i].name, &pods->v[i]);
	if (r < 0 || !p->c->endpoints.n) /* then they are in order */
		return r < 0 ? r : 1;
	r = add_owners(p);
	vec_sort(&p->who, who_order);
	for (i = 0; i < p->who.n; i++)
		if (!kept || who_cmp(&p->who.v[kept - 1], &p->who.v[i]))
			p->who.v[kept++] = p->who.v[i];
	p->who.n = kept;
	return r;
}

static const struct endpoint_change *change_of(const struct model_changes *c, const struct hash128 *key)
{
	size_t i;

	for (i = 0; i < c->endpoints.n; i++)
		if (!hash128_cmp(&c->endpoints.v[i].key, key))
			return &c->endpoints.v[i];
	return NULL;
}

/* ---- before --------------------------------------------------------------------------------- */

static int leave(struct claim_patch *p, const struct addr *v, size_t n)
{
	size_t i;
	int r = 0;

	for (i = 0; !r && i < n; i++)
		if (policy_may_be_claimed(p->m, &v[i]))
			r = policy_add_addrs(&p->ret->gone, &v[i], 1);
	return r;
}

static int were(struct claim_patch *p, const struct hash128 *key)
{
	struct hash128 *slot = vec_add(&p->ret->were);

	if (!slot)
		return -ENOMEM;
	*slot = *key;
	return 0;
}

/* An interface of the pod, as it was. Whether that of one that was out claimed anything is not known here. */
static int leave_endpoint(struct claim_patch *p, const struct who *w, const struct hash128 *key,
			  const struct addr *v, size_t n)
{
	if (w->was_out)
		return 0;
	return were(p, key) < 0 || leave(p, v, n) < 0 ? -ENOMEM : 1;
}

/* Its interfaces that are not as they were. */
static int leave_changed(struct claim_patch *p, const struct who *w)
{
	size_t i;
	int r = 1;

	for (i = 0; r > 0 && i < p->c->endpoints.n; i++) {
		const struct endpoint_change *c = &p->c->endpoints.v[i];

		if (!c->ns || strcmp(c->pod, w->name) || strcmp(c->ns, w->ns))
			continue;
		r = !w->has_host_ports;
		if (r && c->had_link)
			r = leave_endpoint(p, w, &c->key, c->addrs.v, c->addrs.n);
	}
	return r;
}

/* ---- and now -------------------------------------------------------------------------------- */

/* The class of an address of a pod in those peer sets. */
static int class_of(struct kept *k, const struct addr *a, struct list pods, uint32_t *ret)
{
	const uint32_t block = tables_block_class(k->t, a);
	struct class_use key = {};
	struct build *b = &k->b;

	*ret = KEPT_NONE;
	if (!pods.n)
		return 0;
	if (policy_exact_peers(b, pods, b->classes.v[block].peers, &key.peers) < 0)
		return -ENOMEM;
	key.hash = policy_class_hash(b, b->lists.v + key.peers.first, key.peers.n);
	return kept_find_class(k, &key, ret);
}

static int claim(struct claim_patch *p, const struct who *w, const struct addr *v, size_t n)
{
	struct kept_claim *come;
	size_t i;

	for (i = 0; i < n; i++) {
		if (!policy_may_be_claimed(p->m, &v[i]))
			continue;
		come = vec_add(&p->ret->come);
		if (!come || class_of(p->k, &v[i], w->members, &come->class) < 0)
			return -ENOMEM;
		come->addr = v[i];
		come->pod = w->pod;
	}
	return 1;
}

/* At the end of build.lists. Neighbours by name are of one namespace, most of them. */
static int find_members(struct claim_patch *p, struct who *w)
{
	const struct namespace *ns = model_pod_namespace(p->m, w->pod);
	struct build *b = &p->k->b;
	int r;

	if (!ns || policy_name_is_new(b, w->pod))
		return 0;
	if (ns != p->ns && policy_candidates(b, ns, &p->candidates) < 0)
		return -ENOMEM;
	p->ns = ns;
	r = policy_pod_members(b, w->pod, &p->candidates, &w->members);
	return r < 0 ? r : 1;
}

static bool is_of(const struct endpoint *e, const struct who *w)
{
	return e->ns && e->pod && !strcmp(e->pod, w->name) && !strcmp(e->ns, w->ns);
}

/* An interface makes a pod a subject, with its ports, and with a claim of its own. What it forwards to host
 * ports is for a compile of all. */
static int look_at_endpoint(struct claim_patch *p, const struct who *w, const struct endpoint *e)
{
	const struct endpoint **slot;
	int r = !w->has_host_ports;

	if (r && e->ifindex && !change_of(p->c, &e->key))
		r = leave_endpoint(p, w, &e->key, e->addrs.v, e->addrs.n);
	if (r <= 0 || !e->ifindex)
		return r;
	if (!w->pod || model_endpoint_pod(p->m, e) != w->pod) /* nobody knows whose it is */
		return 0;
	slot = vec_add(&p->ret->are);
	if (!slot)
		return -ENOMEM;
	*slot = e;
	return pod_is_out(w->pod) ? 1 : claim(p, w, e->addrs.v, e->addrs.n);
}

static int look_at_endpoints(struct claim_patch *p, const struct who *w)
{
	size_t i;
	int r = 1;

	for (i = 0; r > 0 && i < p->m->endpoints.n; i++)
		if (is_of(p->m->endpoints.v[i], w))
			r = look_at_endpoint(p, w, p->m->endpoints.v[i]);
	return r;
}

/* It claims something, or an interface of it may. */
static bool has_claims(const struct claim_patch *p, const struct who *w)
{
	size_t i;

	if (!w->pod || pod_is_out(w->pod) || w->pod->addrs.n)
		return w->pod && !pod_is_out(w->pod);
	for (i = 0; i < p->m->endpoints.n; i++)
		if (is_of(p->m->endpoints.v[i], w))
			return true;
	return false;
}

static int arrive(struct claim_patch *p, struct who *w)
{
	struct build *b = &p->k->b;
	const size_t lists = b->lists.n, classes = b->classes.n;
	int r = 1;

	if (has_claims(p, w)) {
		r = find_members(p, w);
		if (r > 0)
			r = claim(p, w, w->pod->addrs.v, w->pod->addrs.n);
	}
	if (r > 0)
		r = look_at_endpoints(p, w);
	if (b->classes.n == classes) /* else one has its list there */
		b->lists.n = lists;
	return r;
}

static int look_at(struct claim_patch *p, struct who *w)
{
	const struct object_change *c = w->change;
	bool is_out;
	int r = 0;

	w->pod = model_pod(p->m, w->ns, w->name);
	is_out = w->pod && pod_is_out(w->pod);
	w->was_out = c ? c->was_out : is_out;
	w->has_host_ports = (c && c->had_host_ports) || (w->pod && w->pod->host_ports.n);
	if (c)
		r = leave(p, c->addrs.v, c->addrs.n);
	else if (w->pod && !is_out)
		r = leave(p, w->pod->addrs.v, w->pod->addrs.n);
	r = r < 0 ? r : leave_changed(p, w);
	return r > 0 ? arrive(p, w) : r;
}

/* ---- together ------------------------------------------------------------------------------- */

static int come_cmp(const void *a, const void *b)
{
	return addr_cmp(&((const struct kept_claim *)a)->addr, &((const struct kept_claim *)b)->addr);
}

/* A pod's status says what its interface does. Return: 0 another pod claims the address as well. */
static int merge_claims(struct claim_changes *c)
{
	size_t i, kept = 0;

	vec_sort(&c->come, come_cmp);
	for (i = 0; i < c->come.n; i++) {
		const struct kept_claim *last = kept ? &c->come.v[kept - 1] : NULL;

		if (!last || come_cmp(last, &c->come.v[i]))
			c->come.v[kept++] = c->come.v[i];
		else if (last->pod != c->come.v[i].pod)
			return 0;
	}
	c->come.n = kept;
	return 1;
}

int policy_claim_changes(struct kept *k, const struct model_changes *c, struct claim_changes *ret)
{
	struct claim_patch p = { .k = k, .m = k->b.model, .c = c, .ret = ret };
	int r = find_who(&p);
	size_t i;

	for (i = 0; r > 0 && i < p.who.n; i++)
		r = look_at(&p, &p.who.v[i]);
	if (r > 0)
		r = merge_claims(ret);
	ret->gone.n = policy_unique(ret->gone.v, ret->gone.n, sizeof(*ret->gone.v), addr_cmp);
	vec_done(&p.who);
	vec_done(&p.candidates);
	return r;
}

void claim_changes_done(struct claim_changes *c)
{
	vec_done(&c->gone);
	vec_done(&c->come);
	vec_done(&c->were);
	vec_done(&c->are);
}
