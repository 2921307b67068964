/* SPDX-License-Identifier: Apache-2.0 */
/* Whose an address is: a pod's, a node's, a Service's backend's, the cluster's or nobody's. */
#include "whose.h"

#include <stdlib.h>
#include <string.h>

#include "match.h"

/* ---- addresses ------------------------------------------------------------------------------ */

/* How our addresses are kept: IPv4 behind ten zero bytes and two of 0xff. */
bool is_ipv4(const struct addr *a)
{
	int i;

	for (i = 0; i < 10; i++)
		if (a->b[i] != 0)
			return false;
	return a->b[10] == 0xff && a->b[11] == 0xff;
}

static int bit(const struct addr *a, int i)
{
	return a->b[i / 8] >> (7 - i % 8) & 1;
}

bool in_cidr(const struct cidr *c, const struct addr *a)
{
	const bool block_is_ipv4 = is_ipv4(&c->addr) && c->len >= 96;
	int i;

	if (block_is_ipv4 != is_ipv4(a))
		return false;
	for (i = 0; i < c->len; i++)
		if (bit(&c->addr, i) != bit(a, i))
			return false;
	return true;
}

static bool same(const struct addr *a, const struct addr *b)
{
	return memcmp(a->b, b->b, sizeof(a->b)) == 0;
}

bool among(const struct addr *a, const struct addr *v, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (same(a, &v[i]))
			return true;
	return false;
}

/* ---- pods ------------------------------------------------------------------------------------- */

const struct namespace *namespace_of(const struct model *m, const char *name)
{
	size_t i;

	for (i = 0; i < m->namespaces.n; i++)
		if (strcmp(m->namespaces.v[i]->name, name) == 0)
			return m->namespaces.v[i];
	return NULL;
}

/* Unless both say, and nothing that the pod says is what the interface says. */
static bool may_be_its_uid(const struct pod *p, const char *uid)
{
	if (!uid || uid[0] == '\0' || p->uid[0] == '\0' || strcmp(p->uid, uid) == 0)
		return true;
	return p->static_uid && strcmp(p->static_uid, uid) == 0;
}

const struct pod *pod_of(const struct model *m, const struct endpoint *e)
{
	size_t i;

	for (i = 0; i < m->pods.n; i++) {
		const struct pod *p = m->pods.v[i];

		if (strcmp(p->ns, e->ns) || strcmp(p->name, e->pod))
			continue;
		if (!may_be_its_uid(p, e->uid))
			return NULL; /* another pod of the same name */
		return p;
	}
	return NULL;
}

/* The node itself, or one that has ended: "the address may be another's by now". */
bool is_no_pod(const struct pod *p)
{
	return p->host_network || p->ended;
}

bool is_known(const struct model *m, const struct pod *p)
{
	return p && !p->partial && namespace_of(m, p->ns) && !namespace_of(m, p->ns)->partial;
}

static bool is_on_link(const struct addr *a)
{
	return a->b[0] == 0xfe && a->b[1] >= 0x80 && a->b[1] <= 0xbf;
}

/* Link-local addresses and the node's own are nobody's, whoever says so. */
static bool is_nobodys(const struct model *m, const struct addr *a)
{
	return is_on_link(a) || among(a, m->node_addrs.v, m->node_addrs.n);
}

static void claim(struct claims *c, const struct pod *pod)
{
	const struct pod **slot;
	size_t i;

	for (i = 0; i < c->by.n; i++)
		if (c->by.v[i] == pod)
			return;
	slot = vec_add(&c->by);
	if (!slot)
		abort();
	*slot = pod;
}

/* An interface here tells whose an address is; without one, status.podIPs. */
void claims_of(const struct model *m, const struct addr *a, struct claims *ret)
{
	size_t i;

	*ret = (struct claims){};
	if (is_nobodys(m, a))
		return;
	for (i = 0; i < m->endpoints.n; i++) {
		const struct endpoint *e = m->endpoints.v[i];
		const struct pod *pod = pod_of(m, e);

		if (e->ifindex != 0 && !(pod && is_no_pod(pod)) && among(a, e->addrs.v, e->addrs.n))
			claim(ret, pod);
	}
	if (ret->by.n)
		return;
	for (i = 0; i < m->pods.n; i++)
		if (!is_no_pod(m->pods.v[i]) && among(a, m->pods.v[i]->addrs.v, m->pods.v[i]->addrs.n))
			claim(ret, m->pods.v[i]);
}

void claims_done(struct claims *c)
{
	vec_done(&c->by);
}

/* ---- entities ------------------------------------------------------------------------------- */

bool is_nodes(const struct model *m, const struct addr *a)
{
	size_t i;

	if (among(a, m->node_addrs.v, m->node_addrs.n))
		return true;
	for (i = 0; i < m->nodes.n; i++)
		if (among(a, m->nodes.v[i]->addrs.v, m->nodes.v[i]->addrs.n))
			return true;
	return false;
}

static bool is_for_pods(const struct model *m, const struct addr *a)
{
	size_t i, k;

	for (i = 0; i < m->nodes.n; i++)
		for (k = 0; k < m->nodes.v[i]->pods.n; k++)
			if (in_cidr(&m->nodes.v[i]->pods.v[k], a))
				return true;
	for (i = 0; i < m->pod_cidrs.n; i++)
		if (in_cidr(&m->pod_cidrs.v[i], a))
			return true;
	return false;
}

static bool is_services(const struct model *m, const struct addr *a)
{
	size_t i;

	for (i = 0; i < m->services.n; i++)
		if (among(a, m->services.v[i]->addrs.v, m->services.v[i]->addrs.n))
			return true;
	return false;
}

bool is_of_nodes(const struct model *m, const struct selector *which, const struct addr *a)
{
	size_t i;

	for (i = 0; i < m->nodes.n; i++)
		if (selects(which, m->nodes.v[i]->labels) &&
		    among(a, m->nodes.v[i]->addrs.v, m->nodes.v[i]->addrs.n))
			return true;
	return false;
}

bool is_clusters(const struct model *m, const struct addr *a)
{
	struct claims c;
	bool ret;

	claims_of(m, a, &c);
	ret = c.by.n || is_nodes(m, a) || is_for_pods(m, a) || is_services(m, a);
	claims_done(&c);
	return ret;
}

bool is_worlds(const struct model *m, const struct addr *a)
{
	return !is_on_link(a) && !is_clusters(m, a);
}

bool is_backend_of(const struct model *m, const char *ns, const char *name, const struct addr *a)
{
	size_t i;

	for (i = 0; i < m->slices.n; i++)
		if (strcmp(m->slices.v[i]->ns, ns) == 0 && strcmp(m->slices.v[i]->service, name) == 0 &&
		    among(a, m->slices.v[i]->addrs.v, m->slices.v[i]->addrs.n))
			return true;
	return false;
}
