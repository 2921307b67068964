/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whom an address stands for. Quotations are from the API references of v1 Service and of
 * discovery.k8s.io/v1. Who outranks whom is ours to say.
 */
#include "behind.h"

#include <stdlib.h>
#include <string.h>

#include "whose.h"

/* ---- addresses ------------------------------------------------------------------------------ */

/* Of a pod, of this node or of another one. */
static bool is_somebodys(const struct model *m, const struct addr *a)
{
	size_t i;

	if (is_nodes(m, a))
		return true;
	for (i = 0; i < m->endpoints.n; i++) {
		const struct pod *pod = pod_of(m, m->endpoints.v[i]);

		if (m->endpoints.v[i]->ifindex && !(pod && is_no_pod(pod)) &&
		    among(a, m->endpoints.v[i]->addrs.v, m->endpoints.v[i]->addrs.n))
			return true;
	}
	for (i = 0; i < m->pods.n; i++)
		if (!is_no_pod(m->pods.v[i]) && among(a, m->pods.v[i]->addrs.v, m->pods.v[i]->addrs.n))
			return true;
	return false;
}

static bool has(const struct service *s, enum stands how, const struct addr *a)
{
	if (how == STANDS_CLUSTER)
		return among(a, s->addrs.v, s->addrs.n);
	if (how == STANDS_BALANCER)
		return among(a, s->balancers.v, s->balancers.n);
	return among(a, s->externals.v, s->externals.n);
}

/* Who can least choose it comes first. */
static enum stands rank_of(const struct model *m, const struct addr *a)
{
	enum stands how;
	size_t i;

	for (how = STANDS_CLUSTER; how <= STANDS_EXTERNAL; how++)
		for (i = 0; i < m->services.n; i++)
			if (has(m->services.v[i], how, a))
				return how;
	return STANDS_FOR_NOBODY;
}

static bool of_family(const struct addr *v, size_t n, bool v4)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (is_ipv4(&v[i]) == v4 && !(v[i].b[0] == 0xfe && v[i].b[1] >= 0x80 && v[i].b[1] <= 0xbf))
			return true;
	return false;
}

/* ---- backends ------------------------------------------------------------------------------- */

static void add_backend(struct behind *b, const struct oracle_flow *f, const struct addr *a, uint16_t port)
{
	struct oracle_flow *slot = vec_add(&b->at);

	if (!slot)
		abort();
	*slot = *f;
	slot->dst = *a;
	slot->dport = port;
}

/* "Each slice … is for the Service that its label kubernetes.io/service-name names"; its port is the
 * Service's port of the same name. */
static void add_slice(struct behind *b, const struct oracle_flow *f, const struct endpoint_slice *s,
		      const struct service_port *p, const char *node)
{
	size_t i, k;

	if (is_ipv4(&f->dst) ? !s->v4 : !s->v6)
		return;
	b->unknown |= s->unknown;
	for (i = 0; i < s->ports.n; i++) {
		if (s->ports.v[i].proto != p->proto || strcmp(s->ports.v[i].name, p->name) != 0)
			continue;
		b->unknown |= s->ports.v[i].port == 0;
		for (k = 0; k < s->addrs.n; k++)
			if (!node || (k < s->nodes.n && s->nodes.v[k] && strcmp(s->nodes.v[k], node) == 0))
				add_backend(b, f, &s->addrs.v[k], s->ports.v[i].port);
	}
}

/* "internalTrafficPolicy … Local: … the proxy will assume that pods only want to talk to endpoints of the
 * service on the same node as the pod, dropping the traffic if there are no local endpoints." Of the
 * ClusterIP alone. */
static void add_service_port(struct behind *b, const struct model *m, const struct oracle_flow *f,
			     const struct service *s, const struct service_port *p, bool internal)
{
	const char *node = !s->local || !internal ? NULL : m->node_name ? m->node_name : "";
	const size_t before = b->at.n;
	size_t i;

	for (i = 0; i < m->slices.n; i++)
		if (strcmp(m->slices.v[i]->ns, s->ns) == 0 && strcmp(m->slices.v[i]->service, s->name) == 0)
			add_slice(b, f, m->slices.v[i], p, node);
	b->unknown |= b->at.n == before;
}

/* Of all Services that have the address in this way. */
static void behind_services(const struct model *m, const struct oracle_flow *f, enum stands how,
			    struct behind *b)
{
	size_t i, k;

	for (i = 0; i < m->services.n; i++) {
		const struct service *s = m->services.v[i];
		bool found = false;

		if (!has(s, how, &f->dst))
			continue;
		for (k = 0; k < s->ports.n; k++) {
			if (s->ports.v[k].proto != f->proto || s->ports.v[k].port != f->dport)
				continue;
			found = true;
			add_service_port(b, m, f, s, &s->ports.v[k], how == STANDS_CLUSTER);
		}
		b->port |= found;
		b->no_port |= !found;
	}
}

/* ---- this node ------------------------------------------------------------------------------ */

/* "hostPort: Number of port to expose on the host." Where the pod has addresses of the other family alone,
 * nothing is. */
static void behind_host_ports(const struct model *m, const struct oracle_flow *f, struct behind *b)
{
	const bool v4 = is_ipv4(&f->dst);
	size_t i, k, j;

	for (i = 0; i < m->endpoints.n; i++) {
		const struct endpoint *e = m->endpoints.v[i];
		const struct pod *pod = pod_of(m, e);

		for (k = 0; pod && k < pod->host_ports.n; k++) {
			if (pod->host_ports.v[k].proto != f->proto || pod->host_ports.v[k].port != f->dport)
				continue;
			if (of_family(e->addrs.v, e->addrs.n, !v4) && !of_family(e->addrs.v, e->addrs.n, v4))
				continue;
			b->port = true;
			b->unknown |= !pod->host_ports.v[k].to || !of_family(e->addrs.v, e->addrs.n, v4);
			for (j = 0; j < e->addrs.n; j++)
				if (is_ipv4(&e->addrs.v[j]) == v4 && of_family(&e->addrs.v[j], 1, v4))
					add_backend(b, f, &e->addrs.v[j], pod->host_ports.v[k].to);
		}
	}
}

/* Some address of this node of that family is said to be the Service's. */
static bool claims_node(const struct model *m, const struct service *s, bool v4)
{
	size_t i;

	for (i = 0; i < m->node_addrs.n; i++)
		if (is_ipv4(&m->node_addrs.v[i]) == v4 && (has(s, STANDS_BALANCER, &m->node_addrs.v[i]) ||
							   has(s, STANDS_EXTERNAL, &m->node_addrs.v[i])))
			return true;
	return false;
}

/* "nodePort: The port on each node on which this service is exposed", in the families that it has; and its
 * own port, where it claims an address of this node. */
static void behind_node_ports(const struct model *m, const struct oracle_flow *f, struct behind *b)
{
	const bool v4 = is_ipv4(&f->dst);
	size_t i, k;

	for (i = 0; i < m->services.n; i++) {
		const struct service *s = m->services.v[i];

		for (k = 0; k < s->ports.n; k++) {
			const struct service_port *p = &s->ports.v[k];

			if (p->proto != f->proto)
				continue;
			if (p->node_port && p->node_port == f->dport &&
			    of_family(s->addrs.v, s->addrs.n, v4)) {
				b->port = true;
				add_service_port(b, m, f, s, p, false);
			}
			if (p->port == f->dport && claims_node(m, s, v4)) {
				b->port = true;
				add_service_port(b, m, f, s, p, false);
			}
		}
	}
}

bool is_this_node(const struct model *m, const struct addr *a, uint8_t proto, uint16_t port)
{
	const struct oracle_flow f = { .dst = *a, .proto = proto, .dport = port };
	struct behind b = {};

	if (!among(a, m->node_addrs.v, m->node_addrs.n))
		return false;
	behind_host_ports(m, &f, &b);
	behind_node_ports(m, &f, &b);
	vec_done(&b.at);
	return !b.port;
}

/* ---- both ----------------------------------------------------------------------------------- */

enum stands behind_of(const struct model *m, const struct oracle_flow *f, struct behind *ret)
{
	enum stands how = STANDS_FOR_NOBODY;

	*ret = (struct behind){};
	if (f->dir != DIR_EGRESS)
		return STANDS_FOR_NOBODY;
	if (among(&f->dst, m->node_addrs.v, m->node_addrs.n)) {
		behind_host_ports(m, f, ret);
		behind_node_ports(m, f, ret);
		how = STANDS_NODE;
	} else if (!is_somebodys(m, &f->dst)) {
		how = rank_of(m, &f->dst);
		behind_services(m, f, how, ret);
	}
	return how == STANDS_CLUSTER || ret->port ? how : STANDS_FOR_NOBODY;
}

enum stands stands_for(const struct model *m, const struct oracle_flow *f)
{
	struct behind b;
	const enum stands ret = behind_of(m, f, &b);

	vec_done(&b.at);
	return ret;
}
