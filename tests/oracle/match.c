/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether a rule matches. Quotations are from the API references of networking.k8s.io/v1, metav1 and
 * policy.networking.k8s.io/v1alpha2.
 */
#include "match.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

/* ---- LabelSelector -------------------------------------------------------------------------- */

static const char *value_of(const struct labels *l, const char *key)
{
	size_t i;

	for (i = 0; i < l->n; i++)
		if (strcmp(l->at[i].key, key) == 0)
			return l->at[i].value;
	return NULL;
}

static bool listed(const struct requirement *r, const char *value)
{
	size_t i;

	for (i = 0; i < r->values.n; i++)
		if (strcmp(r->values.v[i], value) == 0)
			return true;
	return false;
}

static bool requirement_holds(const struct requirement *r, const struct labels *l)
{
	const char *value = value_of(l, r->key);

	switch (r->op) {
	case OP_IN:
		return value && listed(r, value);
	case OP_NOT_IN:
		return !value || !listed(r, value);
	case OP_EXISTS:
		return value;
	case OP_NOT_EXISTS:
		return !value;
	}
	return false;
}

/* "The result of matchLabels and matchExpressions are ANDed. An empty label selector matches all objects." */
bool selects(const struct selector *s, const struct labels *l)
{
	size_t i;

	for (i = 0; i < s->at.n; i++)
		if (!requirement_holds(&s->at.v[i], l))
			return false;
	return true;
}

/* ---- IPBlock -------------------------------------------------------------------------------- */

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

static bool in_cidr(const struct cidr *c, const struct addr *a)
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

/* "except is a slice of CIDRs that should not be included within an IPBlock." */
static bool in_block(const struct peer *p, const struct addr *a)
{
	size_t i;

	if (!in_cidr(&p->block, a))
		return false;
	for (i = 0; i < p->except.n; i++)
		if (in_cidr(&p->except.v[i], a))
			return false;
	return true;
}

/* ---- whose address? ------------------------------------------------------------------------- */

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

const struct namespace *namespace_of(const struct model *m, const char *name)
{
	size_t i;

	for (i = 0; i < m->namespaces.n; i++)
		if (strcmp(m->namespaces.v[i]->name, name) == 0)
			return m->namespaces.v[i];
	return NULL;
}

const struct pod *pod_of(const struct model *m, const struct endpoint *e)
{
	size_t i;

	for (i = 0; i < m->pods.n; i++) {
		const struct pod *p = m->pods.v[i];

		if (strcmp(p->ns, e->ns) || strcmp(p->name, e->pod))
			continue;
		if (e->uid && e->uid[0] && p->uid[0] && strcmp(p->uid, e->uid))
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
	return p && namespace_of(m, p->ns);
}

/* "podSelector … selects pods. If namespaceSelector is also set, … the pods matching podSelector in the
 * namespaces selected by namespaceSelector. Otherwise … in the policy's own namespace." */
static bool peer_is_pod(const struct model *m, const struct net_policy *np, const struct peer *p,
			const struct pod *pod)
{
	const struct namespace *ns = pod ? namespace_of(m, pod->ns) : NULL;

	if (!ns)
		return false;
	if (!p) /* any peer */
		return true;
	if (p->namespaces && !selects(p->namespaces, ns->labels))
		return false;
	if (!p->namespaces && strcmp(pod->ns, np->ns) != 0)
		return false;
	return !p->pods || selects(p->pods, pod->labels);
}

/* "port … This can either be a numerical or named port on a pod", "protocol … which traffic must match". */
static bool pod_calls(const struct pod *pod, const struct port_range *named, uint16_t port)
{
	size_t i;

	for (i = 0; pod->ports && i < pod->ports->n; i++)
		if (pod->ports->at[i].port == port && pod->ports->at[i].proto == named->proto &&
		    strcmp(pod->ports->at[i].name, named->name) == 0)
			return true;
	return false;
}

/* Link-local addresses and the node's own are nobody's, whoever says so. */
static bool is_nobodys(const struct model *m, const struct addr *a)
{
	const bool link_local = a->b[0] == 0xfe && a->b[1] >= 0x80 && a->b[1] <= 0xbf;

	return link_local || among(a, m->node_addrs.v, m->node_addrs.n);
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

/* ---- peers and ports ------------------------------------------------------------------------ */

/* Where several pods claim the address, every one of them must be what is asked for. @peer NULL: any pod;
 * @named NULL: whatever it calls the port. */
static bool all_are(const struct question *q, const struct net_policy *np, const struct peer *peer,
		    const struct port_range *named)
{
	size_t i;

	if (q->anybody)
		return true;
	for (i = 0; i < q->n_who; i++) {
		if (!peer_is_pod(q->m, np, peer, q->who[i]))
			return false;
		if (named && !pod_calls(q->who[i], named, q->f->dport))
			return false;
	}
	return q->n_who > 0;
}

static bool peer_matches(const struct question *q, const struct net_policy *np, const struct peer *p)
{
	if (p->kind == PEER_BLOCK)
		return !q->nowhere && in_block(p, q->f->dir == DIR_INGRESS ? &q->f->src : &q->f->dst);
	return all_are(q, np, p, NULL);
}

/* A port by name is that of the pod that the traffic goes to: the subject for ingress; for egress the one
 * that is the peer, if it is a pod. */
static bool port_matches(const struct question *q, const struct net_policy *np, const struct peer *peer,
			 const struct port_range *p)
{
	const struct oracle_flow *f = q->f;

	if (f->proto != IPPROTO_TCP && f->proto != IPPROTO_UDP && f->proto != IPPROTO_SCTP)
		return false;
	if (p->proto != f->proto)
		return false;
	if (p->name[0] == '\0')
		return p->first <= f->dport && f->dport <= p->last;
	if (f->dir == DIR_INGRESS)
		return pod_calls(q->subject, p, f->dport);
	if (peer && peer->kind == PEER_BLOCK) /* selects no pods */
		return false;
	return all_are(q, np, peer, p);
}

/* "ports … each item in this list is combined using a logical OR. If this field is empty or missing, this
 * rule matches all traffic (traffic not restricted by port)." And of protocols: "if unspecified,
 * protocol-specific attributes will not be used to match traffic". */
static bool ports_match(const struct question *q, const struct net_policy *np, const struct peer *peer,
			const struct rule *r)
{
	size_t i;

	for (i = 0; i < r->ports.n; i++)
		if (port_matches(q, np, peer, &r->ports.v[i]))
			return true;
	return r->ports.n == 0;
}

/* "from … If this field is empty or missing, this rule matches all sources." Likewise for `to`. */
bool rule_matches(const struct question *q, const struct net_policy *np, const struct rule *r)
{
	size_t i;

	if (r->peers.n == 0)
		return ports_match(q, np, NULL, r);
	for (i = 0; i < r->peers.n; i++)
		if (peer_matches(q, np, &r->peers.v[i]) && ports_match(q, np, &r->peers.v[i], r))
			return true;
	return false;
}
