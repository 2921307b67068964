/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Services of which something changed: they themselves, their slices, or the class of somebody behind them.
 * The addresses that stand for these are looked at and no others, since what a port needs depends on nothing
 * else; and those of this node, where it forwards one of their ports. Cost: O(Services that changed, and what
 * is behind them), slices of their namespaces, and of whom this node forwards for, all Services.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policy/kept.h"
#include "policy/order.h"
#include "policy/services.h"

struct touched {
	const char *ns, *name;
};

struct service_patch {
	struct kept *k;
	const struct model *m;
	struct tables *t;
	struct services x;
	VEC(struct touched) services; /* some may be gone; by namespace, name */
	addr_vec addrs;		      /* that stand, or stood, for them; sorted */
	bool forwards;		      /* something that this node forwards may go to others now */
	move_vec *moves;
};

static int move_cmp(const void *a, const void *b)
{
	return addr_cmp(&((const struct kept_move *)a)->addr, &((const struct kept_move *)b)->addr);
}

/* ---- which ---------------------------------------------------------------------------------- */

static int touched_cmp(const void *a, const void *b)
{
	const struct touched *x = a, *y = b;
	const int r = strcmp(x->ns, y->ns);

	return r ? r : strcmp(x->name, y->name);
}

static int touch(struct service_patch *p, const char *ns, const char *name)
{
	struct touched *slot = vec_add(&p->services);

	if (!slot)
		return -ENOMEM;
	*slot = (struct touched){ ns, name };
	return 0;
}

/* Whose slice it was, and is. */
static int touch_slices(struct service_patch *p, const change_vec *slices)
{
	const struct endpoint_slice *now;
	size_t i;
	int r = 0;

	for (i = 0; !r && i < slices->n; i++) {
		now = model_slice(p->m, slices->v[i].ns, slices->v[i].name);
		if (slices->v[i].service)
			r = touch(p, slices->v[i].ns, slices->v[i].service);
		if (!r && now)
			r = touch(p, now->ns, now->service);
	}
	return r;
}

/* Of the pods that moved those that are behind some. */
static int collect_behind(const struct kept *k, const move_vec *pods, addr_vec *ret)
{
	size_t i;
	int r = 0;

	for (i = 0; !r && i < pods->n; i++)
		if (vec_find(&k->backends, &pods->v[i].addr, addr_cmp))
			r = policy_add_addrs(ret, &pods->v[i].addr, 1);
	return r;
}

static int touch_behind(struct service_patch *p, const move_vec *pods)
{
	addr_vec behind = {};
	size_t i, k;
	int r = collect_behind(p->k, pods, &behind);

	for (i = 0; !r && behind.n && i < p->m->slices.n; i++) {
		const struct endpoint_slice *s = p->m->slices.v[i];

		for (k = 0; k < s->addrs.n && !vec_find(&behind, &s->addrs.v[k], addr_cmp);)
			k++;
		r = k < s->addrs.n ? touch(p, s->ns, s->service) : 0;
	}
	vec_done(&behind);
	return r;
}

static int touch_all(struct service_patch *p, const struct model_changes *c, const move_vec *pods)
{
	size_t i, kept = 0;
	int r = touch_slices(p, &c->slices);

	for (i = 0; !r && i < c->services.n; i++)
		r = touch(p, c->services.v[i].ns, c->services.v[i].name);
	if (!r)
		r = touch_behind(p, pods);
	vec_sort(&p->services, touched_cmp);
	for (i = 0; i < p->services.n; i++)
		if (!kept || touched_cmp(&p->services.v[kept - 1], &p->services.v[i]))
			p->services.v[kept++] = p->services.v[i];
	p->services.n = kept;
	return r;
}

static const struct service *service_of(const struct service_patch *p, size_t i)
{
	return model_service(p->m, p->services.v[i].ns, p->services.v[i].name);
}

/* ---- their addresses ------------------------------------------------------------------------ */

static int add_addrs(const struct service *s, addr_vec *ret)
{
	int r = policy_add_addrs(ret, s->addrs.v, s->addrs.n);

	if (!r)
		r = policy_add_addrs(ret, s->balancers.v, s->balancers.n);
	return r ? r : policy_add_addrs(ret, s->externals.v, s->externals.n);
}

static int add_was(const change_vec *v, addr_vec *ret)
{
	size_t i;
	int r = 0;

	for (i = 0; !r && i < v->n; i++)
		r = policy_add_addrs(ret, v->v[i].addrs.v, v->v[i].addrs.n);
	return r;
}

static int collect_addrs(struct service_patch *p, const struct model_changes *c)
{
	const struct service *s;
	size_t i, kept = 0;
	int r = add_was(&c->services, &p->addrs);

	for (i = 0; !r && i < p->services.n; i++) {
		s = service_of(p, i);
		r = s ? add_addrs(s, &p->addrs) : 0;
	}
	vec_sort(&p->addrs, addr_cmp);
	for (i = 0; i < p->addrs.n; i++)
		if (!kept || addr_cmp(&p->addrs.v[kept - 1], &p->addrs.v[i]))
			p->addrs.v[kept++] = p->addrs.v[i];
	p->addrs.n = kept;
	return r;
}

/* What is kept of them, and of those behind. */
static int keep_vips(struct kept *k, const struct model_changes *c)
{
	addr_vec gone = {}, come = {};
	const struct service *s;
	size_t i;
	int r = add_was(&c->services, &gone);

	for (i = 0; !r && i < c->services.n; i++) {
		s = model_service(k->b.model, c->services.v[i].ns, c->services.v[i].name);
		r = s ? add_addrs(s, &come) : 0;
	}
	r = r ? r : kept_replace(&k->vips, &gone, &come);
	vec_done(&gone);
	vec_done(&come);
	return r;
}

static int keep_backends(struct kept *k, const struct model_changes *c)
{
	addr_vec gone = {}, come = {};
	const struct endpoint_slice *s;
	size_t i;
	int r = add_was(&c->slices, &gone);

	for (i = 0; !r && i < c->slices.n; i++) {
		s = model_slice(k->b.model, c->slices.v[i].ns, c->slices.v[i].name);
		r = s ? policy_add_addrs(&come, s->addrs.v, s->addrs.n) : 0;
	}
	r = r ? r : kept_replace(&k->backends, &gone, &come);
	vec_done(&gone);
	vec_done(&come);
	return r;
}

/* ---- their classes -------------------------------------------------------------------------- */

/* The location has that class from now on, or none. */
static int move(struct service_patch *p, const struct addr *a, uint32_t class)
{
	const struct table_location *at = tables_location(p->t, a);
	const uint32_t was = at ? at->class : KEPT_NONE;
	struct kept_move *slot;

	if (was == class)
		return 0;
	slot = vec_add(p->moves);
	if (!slot)
		return -ENOMEM;
	*slot = (struct kept_move){ .addr = *a, .class = class, .is_node = at && at->is_node };
	if (was != KEPT_NONE && p->k->b.classes.v[was].is_service)
		p->k->locations.v[was]--;
	if (class != KEPT_NONE && p->k->b.classes.v[class].is_service)
		p->k->locations.v[class]++;
	return 0;
}

/* As it is without Services. */
static int move_back(struct service_patch *p, const struct addr *a)
{
	const struct table_location *at = tables_location(p->t, a);

	return at ? move(p, a, kept_class(p->k, at)) : 0;
}

static int move_to(struct service_patch *p, const struct addr *a, const struct class_use *class)
{
	uint32_t index;
	int r = kept_find_class(p->k, class, &index);

	return r ? r : move(p, a, index);
}

/* How many claims of Services there are to the address, of any. */
static size_t count_vips(const struct kept *k, const struct addr *a)
{
	size_t lo = 0, hi = k->vips.n, n = 0;

	while (lo < hi) {
		const size_t mid = lo + (hi - lo) / 2;

		if (addr_cmp(&k->vips.v[mid], a) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	while (lo + n < k->vips.n && !addr_cmp(&k->vips.v[lo + n], a))
		n++;
	return n;
}

/* Of those that changed; and if that is not all, of whoever else shares it. */
static int collect_vips(struct service_patch *p, const struct addr *a)
{
	const struct service *s;
	size_t i;
	int r = 0;

	p->x.only = a;
	vec_clear(&p->x.vips);
	for (i = 0; !r && i < p->services.n; i++) {
		s = service_of(p, i);
		r = s ? services_add_vips(&p->x, s) : 0;
	}
	if (!r && p->x.vips.n < count_vips(p->k, a)) {
		vec_clear(&p->x.vips);
		for (i = 0; !r && i < p->m->services.n; i++)
			r = services_add_vips(&p->x, p->m->services.v[i]);
	}
	services_sort_vips(&p->x);
	return r;
}

static int collect_slices(struct service_patch *p)
{
	const struct service *before = NULL;
	size_t i;
	int r = 0;

	vec_clear(&p->x.slices);
	for (i = 0; !r && i < p->x.vips.n; i++) {
		if (p->x.vips.v[i].service != before)
			r = services_slices_of(&p->x, p->x.vips.v[i].service);
		before = p->x.vips.v[i].service;
	}
	return r;
}

/* Pods and nodes outrank Services. That they have it is no news: patch.c asks. */
static bool is_taken(const struct kept *k, const struct addr *a)
{
	return vec_find(&k->sole, a, addr_cmp) || vec_find(&k->shared, a, addr_cmp) ||
	       vec_find(&k->nodes, a, addr_cmp);
}

static int patch_addr(struct service_patch *p, const struct addr *a)
{
	struct class_use class;
	int r = is_taken(p->k, a) ? 1 : collect_vips(p, a);

	if (r)
		return r < 0 ? r : 0;
	if (!p->x.vips.n)
		return move_back(p, a);
	r = collect_slices(p);
	if (!r)
		r = services_vip_class(&p->x, 0, &class);
	return r ? r : move_to(p, a, &class);
}

/* What no new class needs is forgotten. */
static int patch_addrs(struct service_patch *p)
{
	size_t i, needs, classes;
	int r = 0;

	for (i = 0; !r && i < p->addrs.n; i++) {
		needs = p->k->b.needs.n;
		classes = p->k->b.classes.n;
		r = patch_addr(p, &p->addrs.v[i]);
		if (p->k->b.classes.n == classes)
			p->k->b.needs.n = needs;
	}
	return r;
}

/* ---- this node's addresses ------------------------------------------------------------------ */

/* A Service that has ports of nodes, or claims an address of this one. */
static bool may_forward(const struct model *m, const struct service *s)
{
	size_t i;

	for (i = 0; i < s->ports.n; i++)
		if (s->ports.v[i].node_port)
			return true;
	for (i = 0; i < s->balancers.n; i++)
		if (vec_find(&m->node_addrs, &s->balancers.v[i], addr_cmp))
			return true;
	for (i = 0; i < s->externals.n; i++)
		if (vec_find(&m->node_addrs, &s->externals.v[i], addr_cmp))
			return true;
	return false;
}

/* An interface here may be a pod's that claims nothing, and have ports of the node all the same. */
static bool have_moved(const struct model *m, const move_vec *pods)
{
	struct kept_move key = {};
	size_t i, k;

	for (i = 0; pods->n && i < m->endpoints.n; i++) {
		for (k = 0; k < m->endpoints.v[i]->addrs.n; k++) {
			key.addr = m->endpoints.v[i]->addrs.v[k];
			if (vec_find(pods, &key, move_cmp))
				return true;
		}
	}
	return false;
}

static int copy_node_ports(const struct tables *from, struct tables *to)
{
	uint32_t *slot;
	size_t i;

	for (i = 0; i < from->node_ports.n; i++) {
		slot = vec_add(&to->node_ports);
		if (!slot)
			return -ENOMEM;
		*slot = from->node_ports.v[i];
	}
	return 0;
}

/* Pods of this node are as they were. Return: 1 so are the ports, 0 they are not, or -ENOMEM. */
static int patch_node_ports(struct service_patch *p, bool services, const move_vec *pods)
{
	const struct tables *before = p->k->t;
	size_t i;
	int r;

	p->forwards = services || have_moved(p->m, pods);
	for (i = 0; i < p->services.n; i++)
		p->forwards |= service_of(p, i) && may_forward(p->m, service_of(p, i));
	r = p->forwards ? services_forwards(&p->x) : copy_node_ports(before, p->t);
	if (r < 0)
		return r;
	return p->t->node_ports.n == before->node_ports.n &&
	       (!before->node_ports.n || !memcmp(p->t->node_ports.v, before->node_ports.v,
						 before->node_ports.n * sizeof(*before->node_ports.v)));
}

/* Of all that is forwarded: neighbours may be of one Service. */
static int collect_forwarded(struct service_patch *p)
{
	size_t i, k;
	int r = 0;

	vec_clear(&p->x.slices);
	for (i = 0; !r && i < p->x.forwards.n; i++) {
		const struct service *s = p->x.forwards.v[i].service;

		for (k = 0; k < i && p->x.forwards.v[k].service != s;)
			k++;
		if (s && k == i)
			r = services_slices_of(&p->x, s);
	}
	return r;
}

static int patch_node_addrs(struct service_patch *p, bool v4)
{
	const struct addr *v = p->m->node_addrs.v;
	struct class_use class;
	struct list needs;
	size_t i;
	int r = services_node_needs(&p->x, v4, &needs);

	for (i = 0; !r && i < p->m->node_addrs.n; i++) {
		if (addr_is_v4(&v[i]) != v4 || (i && !addr_cmp(&v[i - 1], &v[i])))
			continue;
		class = services_node_class(&p->x, services_plain_class(&p->x, &v[i]), needs);
		r = needs.n ? move_to(p, &v[i], &class) : move_back(p, &v[i]);
	}
	return r;
}

static int patch_node(struct service_patch *p)
{
	const size_t needs = p->k->b.needs.n, classes = p->k->b.classes.n;
	int r = collect_forwarded(p);

	if (!r)
		r = patch_node_addrs(p, false);
	if (!r)
		r = patch_node_addrs(p, true);
	if (p->k->b.classes.n == classes)
		p->k->b.needs.n = needs;
	return r;
}

/* ---- the whole ------------------------------------------------------------------------------ */

static int patch_all(struct service_patch *p, const struct model_changes *c)
{
	int r = keep_vips(p->k, c);

	if (!r)
		r = keep_backends(p->k, c);
	if (!r)
		r = collect_addrs(p, c);
	services_open(&p->x);
	if (!r)
		r = patch_addrs(p);
	if (!r && p->forwards)
		r = patch_node(p);
	vec_sort(p->moves, move_cmp);
	return r ? r : 1;
}

int policy_patch_services(struct kept *k, const struct model_changes *c, const move_vec *pods,
			  struct tables *t, move_vec *ret)
{
	struct service_patch p = { .k = k, .m = k->b.model, .t = t, .x.b = &k->b, .moves = ret };
	int r = k->services ? touch_all(&p, c, pods) : 0;

	k->b.t = t;
	if (!r)
		r = patch_node_ports(&p, c->services.n, pods);
	if (!k->services)
		r = r < 0 ? r : 1;
	else if (r > 0)
		r = patch_all(&p, c);
	k->b.t = NULL;
	services_done(&p.x);
	vec_done(&p.services);
	vec_done(&p.addrs);
	return r;
}
