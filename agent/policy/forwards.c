/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is sent to an address of this node and does not end there: to hostPorts of pods here, to nodePorts of
 * Services, and to the ports of Services that claim an address of this node for themselves, as load balancers
 * without addresses of their own do. The programs let every pod reach its node, but not by these ports.
 */
#include "policy/services.h"

#include <errno.h>
#include <stdlib.h>

#include "policy/order.h"

static int forward_cmp(const void *a, const void *b)
{
	return policy_order(((const struct forward *)a)->port, ((const struct forward *)b)->port);
}

static int add(struct services *x, struct forward f)
{
	struct forward *slot = vec_add(&x->forwards);

	if (!slot)
		return -ENOMEM;
	*slot = f;
	return 0;
}

/* ---- hostPorts ------------------------------------------------------------------------------ */

static bool has_family(const struct addr *addrs, size_t n, bool v4)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (addr_is_v4(&addrs[i]) == v4 && !addr_is_link_local(&addrs[i]))
			return true;
	return false;
}

/* Where nothing is known of its addresses it may be either. */
static int add_host_ports(struct services *x, const struct endpoint *e, const struct pod *p)
{
	const bool v4 = has_family(e->addrs.v, e->addrs.n, true),
		   v6 = has_family(e->addrs.v, e->addrs.n, false);
	struct forward f = { .endpoint = e, .v4 = v4 || !v6, .v6 = v6 || !v4 };
	size_t i;
	int r = 0;

	for (i = 0; !r && i < p->host_ports.n; i++) {
		f.port = BH_PORT(p->host_ports.v[i].proto, p->host_ports.v[i].port);
		f.to = p->host_ports.v[i].to;
		r = add(x, f);
	}
	return r;
}

/* ---- Services ------------------------------------------------------------------------------- */

static int add_node_ports(struct services *x, const struct service *s)
{
	struct forward f = { .service = s,
			     .v4 = has_family(s->addrs.v, s->addrs.n, true),
			     .v6 = has_family(s->addrs.v, s->addrs.n, false) };
	size_t i;
	int r = 0;

	for (i = 0; !r && s->addrs.n && i < s->ports.n; i++) {
		f.from = &s->ports.v[i];
		f.port = BH_PORT(f.from->proto, f.from->node_port);
		r = f.from->node_port ? add(x, f) : 0;
	}
	return r;
}

/* Notes in which families some of these addresses are this node's. */
static void note_claims(const struct model *m, const struct addr *addrs, size_t n, struct forward *f)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if (!vec_find(&m->node_addrs, &addrs[i], addr_cmp))
			continue;
		f->v4 |= addr_is_v4(&addrs[i]);
		f->v6 |= !addr_is_v4(&addrs[i]);
	}
}

static int add_claimed(struct services *x, const struct service *s)
{
	struct forward f = { .service = s };
	size_t i;
	int r = 0;

	note_claims(x->b->model, s->balancers.v, s->balancers.n, &f);
	note_claims(x->b->model, s->externals.v, s->externals.n, &f);
	for (i = 0; !r && (f.v4 || f.v6) && i < s->ports.n; i++) {
		f.from = &s->ports.v[i];
		f.port = BH_PORT(f.from->proto, f.from->port);
		r = add(x, f);
	}
	return r;
}

/* ---- all of them ---------------------------------------------------------------------------- */

static int tell(const struct services *x, struct tables *t, int family)
{
	uint32_t *slot, port;
	size_t i;

	for (i = 0; i < x->forwards.n; i++) {
		port = x->forwards.v[i].port | BH_NODE_PORT(family, 0, 0);
		if (!(family == 4 ? x->forwards.v[i].v4 : x->forwards.v[i].v6) ||
		    (t->node_ports.n && t->node_ports.v[t->node_ports.n - 1] == port))
			continue;
		slot = vec_add(&t->node_ports);
		if (!slot)
			return -ENOMEM;
		*slot = port;
	}
	return 0;
}

int services_forwards(struct services *x)
{
	const struct model *m = x->b->model;
	size_t i;
	int r = 0;

	for (i = 0; !r && i < m->endpoints.n; i++) {
		const struct pod *p = model_endpoint_pod(m, m->endpoints.v[i]);

		r = p ? add_host_ports(x, m->endpoints.v[i], p) : 0;
	}
	for (i = 0; !r && i < m->services.n; i++) {
		r = add_node_ports(x, m->services.v[i]);
		if (!r)
			r = add_claimed(x, m->services.v[i]);
	}
	vec_sort(&x->forwards, forward_cmp);
	if (!r)
		r = tell(x, x->b->t, 4);
	return r ? r : tell(x, x->b->t, 6);
}
