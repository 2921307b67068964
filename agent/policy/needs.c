/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What must be allowed for a port of a Service to be: whatever its slices name, at the slice's port of the
 * same name and protocol; or, of a port that this node forwards, whom it goes to.
 */
#include "policy/services.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policy/order.h"

/* ---- order ---------------------------------------------------------------------------------- */

static int slice_cmp(const void *a, const void *b)
{
	const struct endpoint_slice *x = *(const struct endpoint_slice *const *)a;
	const struct endpoint_slice *y = *(const struct endpoint_slice *const *)b;
	const int r = strcmp(x->ns, y->ns);

	return r ? r : strcmp(x->service, y->service);
}

/* By port, nobody first and this node last: the first one's rule is told. An index of a class goes by its
 * hash. */
static int need_cmp(const void *a, const void *b)
{
	const struct need *x = a, *y = b;
	int r = policy_order(x->port, y->port);

	r = r ? r : policy_order(y->is_unknown, x->is_unknown);
	r = r ? r : policy_order(x->is_node, y->is_node);
	r = r ? r : policy_order(x->class, y->class);
	return r ? r : policy_order(x->at, y->at);
}

/* ---- one thing ------------------------------------------------------------------------------ */

static const struct table_location *location_of(const struct services *x, const struct cidr *c, bool is_block)
{
	const struct table_location key = { .cidr = *c, .is_block = is_block };

	return vec_find(&x->b->t->locations, &key, policy_location_cmp);
}

uint32_t services_plain_class(const struct services *x, const struct addr *a)
{
	const struct cidr exact = { .addr = *a, .len = 128 };
	const struct table_location *at = location_of(x, &exact, false);
	const int shortest = policy_shortest(a);
	int len;

	for (len = 128; !at && len >= shortest; len--) {
		const struct cidr c = policy_cidr_of(a, (unsigned int)len);

		if (x->lengths[len])
			at = location_of(x, &c, true);
	}
	if (at && x->b->classes.v[at->class].is_service)
		return x->b->classes.v[at->class].block;
	return at ? at->class : BH_CLASS_NONE;
}

/* A backend is what its own address is, whether or not a Service has that one too. */
static struct need need_of(const struct services *x, const struct addr *backend, uint32_t port, uint32_t at)
{
	const struct cidr c = { .addr = *backend, .len = 128 };
	const struct table_location *l = location_of(x, &c, false);
	const uint32_t here = at | BH_NODE_PORT(addr_is_v4(backend) ? 4 : 6, 0, 0);

	if (l && l->is_node && !vec_find(&x->b->t->node_ports, &here, policy_index_cmp))
		return (struct need){ .port = port, .is_node = true };
	return (struct need){ .port = port, .class = services_plain_class(x, backend), .at = at };
}

static int add_need(struct services *x, struct need need)
{
	struct need *slot = vec_add(&x->b->needs);

	if (!slot)
		return -ENOMEM;
	*slot = need;
	return 0;
}

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

/* What was added from @first on is all there is. */
static struct list settled(struct build *b, size_t first)
{
	settle(b, first);
	return (struct list){ .first = (uint32_t)first, .n = (uint32_t)(b->needs.n - first) };
}

/* What is not known of a port is known to be so. @r as add_port() returns it. */
static int add_unknown(struct services *x, int r, size_t before, uint32_t port)
{
	if (r)
		return r < 0 ? r : 0;
	x->b->needs.n = before;
	return add_need(x, (struct need){ .port = port, .is_unknown = true });
}

/* ---- a Service's port ----------------------------------------------------------------------- */

/* A port of a Service, and the one by which it is asked for. */
struct asked {
	const struct service_port *from;
	uint32_t port; /* BH_PORT() */
	bool v4, local;
};

/* Where one is, the slice says, not the address: so does kube-proxy see it. */
static int add_backends(struct services *x, const struct endpoint_slice *s, const struct asked *asked,
			uint16_t at)
{
	const size_t first = x->b->needs.n;
	size_t i;
	int r = 0;

	for (i = 0; !r && i < s->addrs.n; i++)
		if (!asked->local || slice_is_on(s, i, x->b->model->node_name))
			r = add_need(
				x, need_of(x, &s->addrs.v[i], asked->port, BH_PORT(asked->from->proto, at)));
	settle(x->b, first);
	return r;
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
static int add_port(struct services *x, const struct service *s, const struct asked *asked)
{
	const size_t before = x->b->needs.n;
	size_t i, k;
	int r;

	for (i = first_slice(x, s); i < x->slices.n && is_of(x->slices.v[i], s); i++) {
		const struct endpoint_slice *slice = x->slices.v[i];

		if (!(asked->v4 ? slice->v4 : slice->v6))
			continue;
		if (slice->unknown)
			return 0;
		for (k = 0; k < slice->ports.n; k++) {
			if (!same_port(&slice->ports.v[k], asked->from))
				continue;
			if (!slice->ports.v[k].port)
				return 0;
			r = add_backends(x, slice, asked, slice->ports.v[k].port);
			if (r < 0)
				return r;
		}
	}
	return x->b->needs.n > before;
}

/* ---- an address's ports --------------------------------------------------------------------- */

/* The same of every one of the Services vips[from..to). A ClusterIP's port must be one of all of them; at
 * another address, those that do not have it say nothing of it. */
static int add_shared_port(struct services *x, size_t from, size_t to, const struct service_port *p)
{
	struct asked asked = { .port = BH_PORT(p->proto, p->port), .v4 = addr_is_v4(&x->vips.v[from].addr) };
	int r = 1;
	size_t i, k;

	for (i = from; r > 0 && i < to; i++) {
		const struct service *s = x->vips.v[i].service;
		bool has = false;

		for (k = 0; r > 0 && k < s->ports.n; k++) {
			if (s->ports.v[k].proto != p->proto || s->ports.v[k].port != p->port)
				continue;
			has = true;
			asked.from = &s->ports.v[k];
			asked.local = s->local && x->vips.v[i].rank == VIP_CLUSTER;
			r = add_port(x, s, &asked);
		}
		if (!has && x->vips.v[i].rank == VIP_CLUSTER)
			r = 0;
	}
	return r;
}

/* Whoever may make a Service may claim any address: so this one must be allowed as well, as what it is. */
static int add_claimed_port(struct services *x, const struct vip *vip, const struct service_port *p)
{
	const uint32_t port = BH_PORT(p->proto, p->port);

	if (vip->rank != VIP_EXTERNAL)
		return 0;
	return add_need(
		x, (struct need){ .port = port, .class = services_plain_class(x, &vip->addr), .at = port });
}

int services_needs(struct services *x, size_t from, size_t to, struct list *ret)
{
	const size_t first = x->b->needs.n;
	size_t at, i, before;
	int r = 0;

	for (at = from; !r && at < to; at++) {
		const struct service *s = x->vips.v[at].service;

		for (i = 0; !r && i < s->ports.n; i++) {
			before = x->b->needs.n;
			r = add_unknown(x, add_shared_port(x, from, to, &s->ports.v[i]), before,
					BH_PORT(s->ports.v[i].proto, s->ports.v[i].port));
			if (!r)
				r = add_claimed_port(x, &x->vips.v[at], &s->ports.v[i]);
		}
	}
	if (!r)
		*ret = settled(x->b, first);
	return r;
}

/* ---- this node's ports ---------------------------------------------------------------------- */

/* As add_port(). */
static int add_pod_port(struct services *x, const struct forward *f, uint8_t proto, bool v4)
{
	const struct endpoint *e = f->endpoint;
	size_t i;
	int r = 0;

	for (i = 0; r >= 0 && f->to && i < e->addrs.n; i++) {
		if (addr_is_v4(&e->addrs.v[i]) != v4 || addr_is_link_local(&e->addrs.v[i]))
			continue;
		r = add_need(x, need_of(x, &e->addrs.v[i], f->port, BH_PORT(proto, f->to)));
		r = r ? r : 1;
	}
	return r;
}

static int add_forward(struct services *x, const struct forward *f, bool v4)
{
	const struct asked asked = { .from = f->from, .port = f->port, .v4 = v4 };
	const size_t before = x->b->needs.n;
	int r;

	if (!(v4 ? f->v4 : f->v6))
		return 0;
	r = f->endpoint ? add_pod_port(x, f, (uint8_t)(f->port >> 16), v4) : add_port(x, f->service, &asked);
	return add_unknown(x, r, before, f->port);
}

int services_node_needs(struct services *x, bool v4, struct list *ret)
{
	const size_t first = x->b->needs.n;
	size_t i;
	int r = 0;

	for (i = 0; !r && i < x->forwards.n; i++)
		r = add_forward(x, &x->forwards.v[i], v4);
	if (!r)
		*ret = settled(x->b, first);
	return r;
}

/* ---- what there is -------------------------------------------------------------------------- */

/* Blocks come last. */
void services_open(struct services *x)
{
	const struct table_location *v = x->b->t->locations.v;
	size_t i;

	for (i = x->b->t->locations.n; i-- > 0 && v[i].is_block;)
		x->lengths[v[i].cidr.len] = true;
}

static int add_slice(struct services *x, const struct endpoint_slice *slice)
{
	const struct endpoint_slice **slot = vec_add(&x->slices);

	if (!slot)
		return -ENOMEM;
	*slot = slice;
	return 0;
}

int services_all_slices(struct services *x)
{
	const struct model *m = x->b->model;
	size_t i;
	int r = 0;

	for (i = 0; !r && i < m->slices.n; i++)
		r = add_slice(x, m->slices.v[i]);
	vec_sort(&x->slices, slice_cmp);
	return r;
}

/* The model has them by namespace. */
int services_slices_of(struct services *x, const struct service *s)
{
	const struct model *m = x->b->model;
	size_t lo = 0, hi = m->slices.n;
	int r = 0;

	while (lo < hi) {
		const size_t mid = lo + (hi - lo) / 2;

		if (strcmp(m->slices.v[mid]->ns, s->ns) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	for (; !r && lo < m->slices.n && !strcmp(m->slices.v[lo]->ns, s->ns); lo++)
		if (is_of(m->slices.v[lo], s))
			r = add_slice(x, m->slices.v[lo]);
	vec_sort(&x->slices, slice_cmp);
	return r;
}
