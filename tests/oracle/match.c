/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether a rule matches. Quotations are from the API references of networking.k8s.io/v1, metav1 and
 * policy.networking.k8s.io/v1alpha2.
 */
#include "match.h"

#include <string.h>

#include "whose.h"

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

/* ---- peers and ports ------------------------------------------------------------------------ */

/* "podSelector … selects pods. If namespaceSelector is also set, … the pods matching podSelector in the
 * namespaces selected by namespaceSelector. Otherwise … in the policy's own namespace." */
static bool peer_is_pod(const struct model *m, const struct net_policy *np, const struct peer *p,
			const struct pod *pod)
{
	const struct namespace *ns = is_known(m, pod) ? namespace_of(m, pod->ns) : NULL;

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

/* What is asked of the address itself. */
static bool place_matches(const struct model *m, const struct peer *p, const struct addr *a)
{
	switch (p->kind) {
	case PEER_PODS:
		break;
	case PEER_BLOCK:
		return in_block(p, a);
	case PEER_SERVICE:
		return is_backend_of(m, p->service_ns, p->service, a);
	case PEER_HOST:
		return p->nodes ? is_of_nodes(m, p->nodes, a) : is_nodes(m, a);
	case PEER_CLUSTER:
		return is_clusters(m, a);
	case PEER_WORLD:
		return is_worlds(m, a);
	}
	return false;
}

static bool peer_matches(const struct question *q, const struct net_policy *np, const struct peer *p)
{
	if (p->kind == PEER_PODS)
		return all_are(q, np, p, NULL);
	return !q->nowhere && place_matches(q->m, p, q->f->dir == DIR_INGRESS ? &q->f->src : &q->f->dst);
}

/* A port by name is that of the pod that the traffic goes to: the subject for ingress; for egress the one
 * that is the peer, if it is a pod. Of ICMP the type and the code are what a port is of others. */
static bool port_matches(const struct question *q, const struct net_policy *np, const struct peer *peer,
			 const struct port_range *p)
{
	const struct oracle_flow *f = q->f;

	if (p->proto != f->proto)
		return false;
	if (p->name[0] == '\0')
		return p->first <= f->dport && f->dport <= p->last;
	if (f->dir == DIR_INGRESS)
		return pod_calls(q->subject, p, f->dport);
	if (peer && peer->kind != PEER_PODS) /* selects no pods */
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
