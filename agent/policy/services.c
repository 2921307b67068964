/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Services, for egress: what a pod sends to a Service's address carries that one when we see it, and another
 * when it arrives. Nobody can tell here which backend it will be, so a port of the Service is allowed where
 * every one of them is: all addresses in its EndpointSlices, at the slice's port. So is a port of this node
 * by which a packet goes on to others. An address of a Service, or of this node, gets a class of its own,
 * named by what its rows follow from (verdicts.c): equal needs, equal class.
 */
#include "policy/services.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policy/digest.h"
#include "policy/order.h"
#include "util/scope.h"

static int vip_cmp(const void *a, const void *b)
{
	const struct vip *x = a, *y = b;
	int r = addr_cmp(&x->addr, &y->addr);

	r = r ? r : policy_order(x->rank, y->rank);
	r = r ? r : strcmp(x->service->ns, y->service->ns);
	return r ? r : strcmp(x->service->name, y->service->name);
}

/* ---- what there is -------------------------------------------------------------------------- */

static int pod_addr_cmp(const void *key, const void *elem)
{
	return addr_cmp(key, &((const struct pod_addr *)elem)->addr);
}

/* Who has an address himself outranks who only stands for others. */
static bool is_taken(const struct services *x, const struct addr *a)
{
	return vec_find(&x->b->pod_addrs, a, pod_addr_cmp) || vec_find(&x->nodes, a, addr_cmp);
}

int services_nodes(const struct model *m, void *vec)
{
	VEC(struct addr) *ret = vec;
	int r = policy_add_addrs(ret, m->node_addrs.v, m->node_addrs.n);
	size_t i;

	for (i = 0; !r && i < m->nodes.n; i++)
		r = policy_add_addrs(ret, m->nodes.v[i]->addrs.v, m->nodes.v[i]->addrs.n);
	vec_sort(ret, addr_cmp);
	return r;
}

static int add_vips(struct services *x, const struct service *s, enum vip_rank rank, const struct addr *addrs,
		    size_t n)
{
	struct vip *slot;
	size_t i;

	for (i = 0; i < n; i++) {
		if (x->only ? addr_cmp(x->only, &addrs[i]) : is_taken(x, &addrs[i]))
			continue;
		slot = vec_add(&x->vips);
		if (!slot)
			return -ENOMEM;
		*slot = (struct vip){ .addr = addrs[i], .rank = rank, .service = s };
	}
	return 0;
}

int services_add_vips(struct services *x, const struct service *s)
{
	int r = add_vips(x, s, VIP_CLUSTER, s->addrs.v, s->addrs.n);

	if (!r)
		r = add_vips(x, s, VIP_BALANCER, s->balancers.v, s->balancers.n);
	return r ? r : add_vips(x, s, VIP_EXTERNAL, s->externals.v, s->externals.n);
}

void services_sort_vips(struct services *x)
{
	vec_sort(&x->vips, vip_cmp);
}

static int collect_vips(struct services *x)
{
	const struct model *m = x->b->model;
	size_t i;
	int r = 0;

	for (i = 0; !r && i < m->services.n; i++)
		r = services_add_vips(x, m->services.v[i]);
	services_sort_vips(x);
	return r;
}

/* ---- classes -------------------------------------------------------------------------------- */

static struct hash128 service_hash(const struct build *b, const struct class_use *c)
{
	struct sha256 s;
	uint32_t i;

	policy_digest_init(&s, c->beside ? DIGEST_BESIDE : DIGEST_SERVICE);
	sha256_add(&s, &b->classes.v[c->block].hash, sizeof(struct hash128));
	policy_digest_u32(&s, c->needs.n);
	for (i = c->needs.first; i < c->needs.first + c->needs.n; i++) {
		const struct need *n = &b->needs.v[i];

		policy_digest_u32(&s, n->port);
		policy_digest_u32(&s, n->is_node);
		policy_digest_u32(&s, n->is_unknown);
		sha256_add(&s, &b->classes.v[n->class].hash, sizeof(struct hash128));
		policy_digest_u32(&s, n->at);
	}
	return policy_digest_end(&s);
}

/* @block: the class that the address has without it. */
static struct class_use class_of(const struct build *b, uint32_t block, bool beside, struct list needs)
{
	struct class_use c = { .peers = b->classes.v[block].peers,
			       .is_service = true,
			       .beside = beside,
			       .block = block,
			       .needs = needs };

	c.hash = service_hash(b, &c);
	return c;
}

static int add_class(struct build *b, const struct class_use *class, uint32_t *ret)
{
	struct class_use *c = vec_add(&b->classes);

	if (!c)
		return -ENOMEM;
	*c = *class;
	*ret = (uint32_t)b->classes.n - 1;
	return 0;
}

/* Of those who share an address the first rank counts alone: no tenant gets in by claiming it. */
int services_vip_class(struct services *x, size_t from, struct class_use *ret)
{
	const struct vip *vip = &x->vips.v[from];
	size_t to = from;
	struct list needs;
	int r;

	while (to < x->vips.n && !addr_cmp(&vip->addr, &x->vips.v[to].addr) &&
	       vip->rank == x->vips.v[to].rank)
		to++;
	r = services_needs(x, from, to, &needs);
	if (!r)
		*ret = class_of(x->b, services_plain_class(x, &vip->addr), vip->rank != VIP_CLUSTER, needs);
	return r;
}

static int add_vip_class(struct services *x, size_t from)
{
	struct found *f = vec_add(&x->found);
	struct class_use class;
	int r = f ? services_vip_class(x, from, &class) : -ENOMEM;

	if (r < 0)
		return r;
	f->addr = x->vips.v[from].addr;
	return add_class(x->b, &class, &f->class);
}

static int make_vip_classes(struct services *x)
{
	size_t from;
	int r = 0;

	for (from = 0; !r && from < x->vips.n; from++)
		if (!from || addr_cmp(&x->vips.v[from - 1].addr, &x->vips.v[from].addr))
			r = add_vip_class(x, from);
	return r;
}

struct class_use services_node_class(const struct services *x, uint32_t block, struct list needs)
{
	return class_of(x->b, block, true, needs);
}

/* Last of all: a backend that is this node is judged by the class that its address had. */
static int make_node_classes(struct services *x)
{
	struct list needs[2] = {};
	struct class_use class;
	size_t i;
	int r = 0;

	for (i = 0; !r && i < 2; i++)
		r = services_node_needs(x, i, &needs[i]);
	for (i = 0; !r && i < x->b->t->locations.n; i++) {
		struct table_location *l = &x->b->t->locations.v[i];
		const struct list *list = &needs[addr_is_v4(&l->cidr.addr)];

		if (!l->is_node || !list->n)
			continue;
		class = services_node_class(x, l->class, *list);
		r = add_class(x->b, &class, &l->class);
	}
	return r;
}

/* ---- what follows --------------------------------------------------------------------------- */

/* Some have one: of those that are behind a Service, too, which a rule names. */
static int add_locations(struct services *x)
{
	struct table_location *l, key = { .cidr.len = 128 };
	const size_t before = x->b->t->locations.n;
	size_t i;

	for (i = 0; i < x->found.n; i++) {
		key.cidr.addr = x->found.v[i].addr;
		l = before ? bsearch(&key, x->b->t->locations.v, before, sizeof(*l), policy_location_cmp)
			   : NULL;
		if (!l)
			l = vec_add(&x->b->t->locations);
		if (!l)
			return -ENOMEM;
		l->cidr = key.cidr;
		l->class = x->found.v[i].class;
	}
	vec_sort(&x->b->t->locations, policy_location_cmp);
	return 0;
}

int policy_renumber(struct build *b, struct tables *t, const uint32_t *now)
{
	struct table_class *c;
	size_t i;

	for (i = 0; i < b->classes.n; i++)
		b->classes.v[i].block = now[b->classes.v[i].block];
	for (i = 0; i < t->locations.n; i++)
		t->locations.v[i].class = now[t->locations.v[i].class];
	for (i = 0; i < b->needs.n; i++)
		b->needs.v[i].class = now[b->needs.v[i].class];
	vec_clear(&t->classes);
	for (i = 0; i < b->classes.n; i++) {
		c = vec_add(&t->classes);
		if (!c)
			return -ENOMEM;
		c->hash = b->classes.v[i].hash;
	}
	return 0;
}

/* Sorts the classes, drops repetitions, and tells everybody who holds an index. */
static int sort_classes(struct build *b)
{
	auto_free uint32_t *now = calloc(b->classes.n, sizeof(*now));
	size_t i, kept = 0;

	if (!now)
		return -ENOMEM;
	for (i = 0; i < b->classes.n; i++)
		b->classes.v[i].was_index = (uint32_t)i;
	vec_sort(&b->classes, policy_class_cmp);
	for (i = 0; i < b->classes.n; i++) {
		if (!kept || policy_class_cmp(&b->classes.v[kept - 1], &b->classes.v[i]))
			b->classes.v[kept++] = b->classes.v[i];
		now[b->classes.v[i].was_index] = (uint32_t)kept - 1;
	}
	b->classes.n = kept;
	return policy_renumber(b, b->t, now);
}

/* ---- the whole ------------------------------------------------------------------------------ */

static int make_services(struct services *x)
{
	const size_t before = x->b->classes.n;
	int r = services_all_slices(x);

	services_open(x);
	if (!r)
		r = services_nodes(x->b->model, &x->nodes);
	if (!r)
		r = collect_vips(x);
	if (!r)
		r = make_vip_classes(x);
	if (!r)
		r = make_node_classes(x);
	if (r < 0 || x->b->classes.n == before)
		return r;
	r = add_locations(x);
	return r ? r : sort_classes(x->b);
}

static bool minds_services(const struct tables *t)
{
	size_t i;

	for (i = 0; i < t->sets.n; i++)
		if (table_set_minds_services(&t->sets.v[i]))
			return true;
	return false;
}

void services_done(struct services *x)
{
	vec_done(&x->nodes);
	vec_done(&x->slices);
	vec_done(&x->vips);
	vec_done(&x->forwards);
	vec_done(&x->found);
}

int policy_services(struct build *b)
{
	struct services x = { .b = b };
	int r = services_forwards(&x);

	if (!r && minds_services(b->t))
		r = make_services(&x);
	services_done(&x);
	return r;
}
