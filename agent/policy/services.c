/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Services, for egress: what a pod sends to a ClusterIP carries that address when we see it, and another
 * when it arrives. Nobody can tell here which backend it will be, so a port of the Service is allowed where
 * every one of them is: all addresses in its EndpointSlices, at the slice's port. A ClusterIP gets a
 * class of its own, named by what its rows follow from (verdicts.c): equal needs, equal class.
 */
#include "policy/build.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policy/digest.h"
#include "policy/order.h"
#include "util/scope.h"

/* A Service and one of its addresses; a tenant may have asked for one that another has. */
struct vip {
	struct addr addr;
	const struct service *service;
};

/* An address and its class, which stands behind those that are known so far. */
struct found {
	struct addr addr;
	uint32_t class;
};

struct services {
	struct build *b;
	bool lengths[129];			   /* that some block has */
	VEC(struct addr) nodes;			   /* of all nodes; sorted */
	VEC(const struct endpoint_slice *) slices; /* by namespace, Service */
	VEC(struct vip) vips;			   /* by address, namespace, name */
	VEC(struct found) found;
};

/* ---- order ---------------------------------------------------------------------------------- */

static int slice_cmp(const void *a, const void *b)
{
	const struct endpoint_slice *x = *(const struct endpoint_slice *const *)a;
	const struct endpoint_slice *y = *(const struct endpoint_slice *const *)b;
	const int r = strcmp(x->ns, y->ns);

	return r ? r : strcmp(x->service, y->service);
}

static int vip_cmp(const void *a, const void *b)
{
	const struct vip *x = a, *y = b;
	int r = addr_cmp(&x->addr, &y->addr);

	r = r ? r : strcmp(x->service->ns, y->service->ns);
	return r ? r : strcmp(x->service->name, y->service->name);
}

/* By port, this node last: the first one's rule is told. An index of a class goes by its hash. */
static int need_cmp(const void *a, const void *b)
{
	const struct need *x = a, *y = b;
	int r = policy_order(x->port, y->port);

	r = r ? r : policy_order(x->is_node, y->is_node);
	r = r ? r : policy_order(x->is_unknown, y->is_unknown);
	r = r ? r : policy_order(x->class, y->class);
	return r ? r : policy_order(x->at, y->at);
}

static int class_cmp(const void *a, const void *b)
{
	return hash128_cmp(&((const struct class_use *)a)->hash, &((const struct class_use *)b)->hash);
}

/* ---- whose address? ------------------------------------------------------------------------- */

static const struct table_location *location_of(const struct services *x, const struct cidr *c, bool is_block)
{
	const struct table_location key = { .cidr = *c, .is_block = is_block };

	return vec_find(&x->b->t->locations, &key, policy_location_cmp);
}

/* The class of the longest block that holds it. */
static uint32_t block_class(const struct services *x, const struct addr *a)
{
	const struct table_location *at = NULL;
	const int shortest = policy_shortest(a);
	int len;

	for (len = 128; !at && len >= shortest; len--) {
		const struct cidr c = policy_cidr_of(a, (unsigned int)len);

		if (x->lengths[len])
			at = location_of(x, &c, true);
	}
	return at ? at->class : BH_CLASS_NONE;
}

/* hostPorts of pods here: what arrives on them at the node goes to a pod. */
static bool is_host_port(const struct model *m, uint32_t port)
{
	size_t i, k;

	for (i = 0; i < m->endpoints.n; i++) {
		const struct pod *p = model_endpoint_pod(m, m->endpoints.v[i]);

		for (k = 0; p && k < p->host_ports.n; k++)
			if (BH_PORT(p->host_ports.v[k].proto, p->host_ports.v[k].port) == port)
				return true;
	}
	return false;
}

/* A backend is what its own address is, whether or not a Service has that one too. */
static struct need need_of(const struct services *x, const struct addr *backend, uint32_t port, uint32_t at)
{
	const struct cidr c = { .addr = *backend, .len = 128 };
	const struct table_location *l = location_of(x, &c, false);

	if (l && l->is_node && !is_host_port(x->b->model, at))
		return (struct need){ .port = port, .is_node = true };
	return (struct need){ .port = port, .class = l ? l->class : block_class(x, backend), .at = at };
}

static int pod_addr_cmp(const void *key, const void *elem)
{
	return addr_cmp(key, &((const struct pod_addr *)elem)->addr);
}

/* Who has an address himself outranks who only stands for others. */
static bool is_taken(const struct services *x, const struct addr *a)
{
	return vec_find(&x->b->pod_addrs, a, pod_addr_cmp) || vec_find(&x->nodes, a, addr_cmp);
}

/* ---- what there is -------------------------------------------------------------------------- */

static int add_nodes(struct services *x, const struct addr *addrs, size_t n)
{
	struct addr *slot;
	size_t i;

	for (i = 0; i < n; i++) {
		slot = vec_add(&x->nodes);
		if (!slot)
			return -ENOMEM;
		*slot = addrs[i];
	}
	return 0;
}

static int collect_nodes(struct services *x)
{
	const struct model *m = x->b->model;
	int r = add_nodes(x, m->node_addrs.v, m->node_addrs.n);
	size_t i;

	for (i = 0; !r && i < m->nodes.n; i++)
		r = add_nodes(x, m->nodes.v[i]->addrs.v, m->nodes.v[i]->addrs.n);
	vec_sort(&x->nodes, addr_cmp);
	return r;
}

static int collect_slices(struct services *x)
{
	const struct model *m = x->b->model;
	const struct endpoint_slice **slot;
	size_t i;

	for (i = 0; i < m->slices.n; i++) {
		slot = vec_add(&x->slices);
		if (!slot)
			return -ENOMEM;
		*slot = m->slices.v[i];
	}
	vec_sort(&x->slices, slice_cmp);
	return 0;
}

static int collect_vips(struct services *x)
{
	const struct model *m = x->b->model;
	struct vip *slot;
	size_t i, k;

	for (i = 0; i < m->services.n; i++) {
		const struct service *s = m->services.v[i];

		for (k = 0; k < s->addrs.n; k++) {
			if (is_taken(x, &s->addrs.v[k]))
				continue;
			slot = vec_add(&x->vips);
			if (!slot)
				return -ENOMEM;
			*slot = (struct vip){ .addr = s->addrs.v[k], .service = s };
		}
	}
	vec_sort(&x->vips, vip_cmp);
	return 0;
}

/* ---- needs ---------------------------------------------------------------------------------- */

/* Sorts what was added from @first on, and drops repetitions: replicas are many, their classes few. */
static void settle(struct build *b, size_t first)
{
	struct need *v = b->needs.v + first;
	size_t i, kept = 0;

	if (b->needs.n > first)
		qsort(v, b->needs.n - first, sizeof(*v), need_cmp);
	for (i = 0; first + i < b->needs.n; i++)
		if (!kept || need_cmp(&v[kept - 1], &v[i]))
			v[kept++] = v[i];
	b->needs.n = first + kept;
}

static int add_backends(struct services *x, const struct endpoint_slice *s, uint32_t port, uint32_t at)
{
	const size_t first = x->b->needs.n;
	struct need *slot;
	size_t i;

	for (i = 0; i < s->addrs.n; i++) {
		slot = vec_add(&x->b->needs);
		if (!slot)
			return -ENOMEM;
		*slot = need_of(x, &s->addrs.v[i], port, at);
	}
	settle(x->b, first);
	return 0;
}

/* The first slice of a Service, or where it would be. */
static size_t first_slice(const struct services *x, const struct service *s)
{
	const struct endpoint_slice key = { .ns = s->ns, .service = s->name }, *k = &key;
	size_t lo = 0, hi = x->slices.n;

	while (lo < hi) {
		const size_t mid = lo + (hi - lo) / 2;

		if (slice_cmp(&x->slices.v[mid], &k) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static bool is_of(const struct endpoint_slice *slice, const struct service *s)
{
	return !strcmp(slice->ns, s->ns) && !strcmp(slice->service, s->name);
}

static bool same_port(const struct service_port *a, const struct service_port *b)
{
	return a->proto == b->proto && !strcmp(a->name, b->name);
}

/* What one port of one Service needs. Return: 1, 0 there is nobody, or somebody we cannot tell, -ENOMEM. */
static int add_port(struct services *x, const struct service *s, const struct service_port *p, bool v4)
{
	const size_t before = x->b->needs.n;
	size_t i, k;
	int r;

	for (i = first_slice(x, s); i < x->slices.n && is_of(x->slices.v[i], s); i++) {
		const struct endpoint_slice *slice = x->slices.v[i];

		if (!(v4 ? slice->v4 : slice->v6))
			continue;
		if (slice->unknown)
			return 0;
		for (k = 0; k < slice->ports.n; k++) {
			if (!same_port(&slice->ports.v[k], p))
				continue;
			if (!slice->ports.v[k].port)
				return 0;
			r = add_backends(x, slice, BH_PORT(p->proto, p->port),
					 BH_PORT(p->proto, slice->ports.v[k].port));
			if (r < 0)
				return r;
		}
	}
	return x->b->needs.n > before;
}

/* The same of every one of the Services vips[from..to), which share an address. */
static int add_shared_port(struct services *x, size_t from, size_t to, const struct service_port *p)
{
	const bool v4 = addr_is_v4(&x->vips.v[from].addr);
	int r = 1;
	size_t i, k;

	for (i = from; r > 0 && i < to; i++) {
		const struct service *s = x->vips.v[i].service;
		bool has = false;

		for (k = 0; r > 0 && k < s->ports.n; k++) {
			if (s->ports.v[k].proto != p->proto || s->ports.v[k].port != p->port)
				continue;
			has = true;
			r = add_port(x, s, &s->ports.v[k], v4);
		}
		if (!has)
			r = 0;
	}
	return r;
}

/* What is not known of a port is known to be so. */
static int add_known_port(struct services *x, size_t from, size_t to, const struct service_port *p)
{
	struct build *b = x->b;
	const size_t before = b->needs.n;
	struct need *slot;
	const int r = add_shared_port(x, from, to, p);

	if (r)
		return r < 0 ? r : 0;
	b->needs.n = before;
	slot = vec_add(&b->needs);
	if (!slot)
		return -ENOMEM;
	*slot = (struct need){ .port = BH_PORT(p->proto, p->port), .is_unknown = true };
	return 0;
}

static int add_ports(struct services *x, size_t from, size_t to, struct list *ret)
{
	struct build *b = x->b;
	const size_t first = b->needs.n;
	size_t at, i;
	int r;

	for (at = from; at < to; at++) {
		const struct service *s = x->vips.v[at].service;

		for (i = 0; i < s->ports.n; i++) {
			r = add_known_port(x, from, to, &s->ports.v[i]);
			if (r < 0)
				return r;
		}
	}
	settle(b, first);
	*ret = (struct list){ .first = (uint32_t)first, .n = (uint32_t)(b->needs.n - first) };
	return 0;
}

/* ---- classes -------------------------------------------------------------------------------- */

static struct hash128 service_hash(const struct build *b, uint32_t block, struct list needs)
{
	struct sha256 s;
	uint32_t i;

	policy_digest_init(&s, DIGEST_SERVICE);
	sha256_add(&s, &b->classes.v[block].hash, sizeof(struct hash128));
	policy_digest_u32(&s, needs.n);
	for (i = needs.first; i < needs.first + needs.n; i++) {
		const struct need *n = &b->needs.v[i];

		policy_digest_u32(&s, n->port);
		policy_digest_u32(&s, n->is_node);
		policy_digest_u32(&s, n->is_unknown);
		sha256_add(&s, &b->classes.v[n->class].hash, sizeof(struct hash128));
		policy_digest_u32(&s, n->at);
	}
	return policy_digest_end(&s);
}

/* The address that the Services vips[from..to) share. */
static int add_class(struct services *x, size_t from, size_t to)
{
	const uint32_t block = block_class(x, &x->vips.v[from].addr);
	struct class_use *c = vec_add(&x->b->classes);
	struct found *f = vec_add(&x->found);
	struct list needs;
	int r;

	if (!c || !f)
		return -ENOMEM;
	r = add_ports(x, from, to, &needs);
	if (r < 0)
		return r;
	c->peers = x->b->classes.v[block].peers;
	c->is_service = true;
	c->block = block;
	c->needs = needs;
	c->hash = service_hash(x->b, block, needs);
	f->addr = x->vips.v[from].addr;
	f->class = (uint32_t)x->b->classes.n - 1;
	return 0;
}

static int add_locations(struct services *x)
{
	struct table_location *l;
	size_t i;

	for (i = 0; i < x->found.n; i++) {
		l = vec_add(&x->b->t->locations);
		if (!l)
			return -ENOMEM;
		l->cidr.addr = x->found.v[i].addr;
		l->cidr.len = 128;
		l->class = x->found.v[i].class;
	}
	vec_sort(&x->b->t->locations, policy_location_cmp);
	return 0;
}

/* Sorts the classes, drops repetitions, and tells everybody who holds an index. */
static int renumber(struct build *b)
{
	auto_free uint32_t *now = calloc(b->classes.n, sizeof(*now));
	struct table_class *tc;
	size_t i, kept = 0;

	if (!now)
		return -ENOMEM;
	for (i = 0; i < b->classes.n; i++)
		b->classes.v[i].was_index = (uint32_t)i;
	vec_sort(&b->classes, class_cmp);
	for (i = 0; i < b->classes.n; i++) {
		if (!kept || class_cmp(&b->classes.v[kept - 1], &b->classes.v[i]))
			b->classes.v[kept++] = b->classes.v[i];
		now[b->classes.v[i].was_index] = (uint32_t)kept - 1;
	}
	b->classes.n = kept;
	for (i = 0; i < kept; i++)
		b->classes.v[i].block = now[b->classes.v[i].block];
	for (i = 0; i < b->t->locations.n; i++)
		b->t->locations.v[i].class = now[b->t->locations.v[i].class];
	for (i = 0; i < b->needs.n; i++)
		b->needs.v[i].class = now[b->needs.v[i].class];
	vec_clear(&b->t->classes);
	for (i = 0; i < kept; i++) {
		tc = vec_add(&b->t->classes);
		if (!tc)
			return -ENOMEM;
		tc->hash = b->classes.v[i].hash;
	}
	return 0;
}

/* ---- the whole ------------------------------------------------------------------------------ */

static int make_services(struct services *x)
{
	size_t i, from, to;
	int r;

	for (i = 0; i < x->b->t->locations.n; i++)
		if (x->b->t->locations.v[i].is_block)
			x->lengths[x->b->t->locations.v[i].cidr.len] = true;
	r = collect_nodes(x);
	if (!r)
		r = collect_slices(x);
	if (!r)
		r = collect_vips(x);
	for (from = 0; !r && from < x->vips.n; from = to) {
		for (to = from + 1; to < x->vips.n; to++)
			if (addr_cmp(&x->vips.v[from].addr, &x->vips.v[to].addr))
				break;
		r = add_class(x, from, to);
	}
	if (r < 0 || !x->found.n)
		return r;
	r = add_locations(x);
	return r ? r : renumber(x->b);
}

static bool minds_services(const struct tables *t)
{
	size_t i;

	for (i = 0; i < t->sets.n; i++)
		if (table_set_minds_services(&t->sets.v[i]))
			return true;
	return false;
}

int policy_services(struct build *b)
{
	struct services x = { .b = b };
	int r = 0;

	if (minds_services(b->t))
		r = make_services(&x);
	vec_done(&x.nodes);
	vec_done(&x.slices);
	vec_done(&x.vips);
	vec_done(&x.found);
	return r;
}
