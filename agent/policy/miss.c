/* SPDX-License-Identifier: Apache-2.0 */
/* One rule and one flow, field by field. The compiler asks whether they match; people ask by what they do
 * not. */
#include "policy/miss.h"

#include <string.h>

#include "policy/build.h"
#include "policy/claims.h"

/* ---- the far end ---------------------------------------------------------------------------- */

static bool has_addr(const struct addr *v, size_t n, const struct addr *a)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (!addr_cmp(&v[i], a))
			return true;
	return false;
}

static void claim(const struct model *m, struct far_end *f, const struct pod *p)
{
	if (f->pod == p && p)
		return;
	f->in_doubt |= f->pod || !p || !model_pod_namespace(m, p);
	f->pod = p;
}

/* An interface here is better evidence than a status. */
struct far_end miss_far_end(const struct model *m, const struct addr *a)
{
	struct far_end ret = {};
	size_t i;

	if (!policy_may_be_claimed(m, a))
		return ret;
	for (i = 0; i < m->endpoints.n; i++) {
		const struct endpoint *e = m->endpoints.v[i];
		const struct pod *p;

		if (!e->ifindex || !has_addr(e->addrs.v, e->addrs.n, a))
			continue;
		p = model_endpoint_pod(m, e);
		if (!p || !pod_is_out(p))
			claim(m, &ret, p);
	}
	if (ret.pod || ret.in_doubt)
		return ret;
	for (i = 0; i < m->pods.n; i++)
		if (!pod_is_out(m->pods.v[i]) && has_addr(m->pods.v[i]->addrs.v, m->pods.v[i]->addrs.n, a))
			claim(m, &ret, m->pods.v[i]);
	return ret;
}

/* ---- peers ---------------------------------------------------------------------------------- */

static uint32_t failing(const struct selector *s, const struct labels *l)
{
	uint32_t n = 0;
	size_t i;

	for (i = 0; i < s->at.n; i++) {
		struct selector one = { .at = { &s->at.v[i], 1, 1 } };

		n += !selector_matches(&one, l);
	}
	return n;
}

static struct miss miss_pods(const struct model *m, const struct pod *far, const struct net_policy *np,
			     const struct peer *p)
{
	const struct namespace *ns = far ? model_pod_namespace(m, far) : NULL;
	struct miss ret = {};

	if (!ns)
		return (struct miss){ .fields = NEAR_BIT(NEAR_PEER) };
	if (p->namespaces)
		ret.weight = failing(p->namespaces, ns->labels);
	else
		ret.weight = strcmp(far->ns, np->ns) != 0;
	if (ret.weight)
		ret.fields |= NEAR_BIT(NEAR_NAMESPACE);
	if (p->pods && !selector_matches(p->pods, far->labels)) {
		ret.fields |= NEAR_BIT(NEAR_LABELS);
		ret.weight += failing(p->pods, far->labels);
	}
	return ret;
}

static uint32_t miss_block(const struct peer *p, const struct addr *a)
{
	size_t i;

	if (!cidr_holds(&p->block, a))
		return NEAR_BIT(NEAR_BLOCK);
	for (i = 0; i < p->except.n; i++)
		if (cidr_holds(&p->except.v[i], a))
			return NEAR_BIT(NEAR_EXCEPT);
	return 0;
}

static bool is_behind(const struct model *m, const struct peer *p, const struct addr *a)
{
	size_t i;

	for (i = 0; i < m->slices.n; i++)
		if (!strcmp(m->slices.v[i]->ns, p->service_ns) &&
		    !strcmp(m->slices.v[i]->service, p->service) &&
		    has_addr(m->slices.v[i]->addrs.v, m->slices.v[i]->addrs.n, a))
			return true;
	return false;
}

/* @which: NULL: any, and whatever else is this one's. */
static bool is_node(const struct model *m, const struct selector *which, const struct addr *a)
{
	size_t i;

	if (!which && vec_find(&m->node_addrs, a, addr_cmp))
		return true;
	for (i = 0; i < m->nodes.n; i++)
		if ((!which || selector_matches(which, m->nodes.v[i]->labels)) &&
		    has_addr(m->nodes.v[i]->addrs.v, m->nodes.v[i]->addrs.n, a))
			return true;
	return false;
}

static bool is_cluster(const struct model *m, const struct pod *far, const struct addr *a)
{
	size_t i, k;

	if (far || is_node(m, NULL, a))
		return true;
	for (i = 0; i < m->services.n; i++)
		if (has_addr(m->services.v[i]->addrs.v, m->services.v[i]->addrs.n, a))
			return true;
	for (i = 0; i < m->nodes.n; i++)
		for (k = 0; k < m->nodes.v[i]->pods.n; k++)
			if (cidr_holds(&m->nodes.v[i]->pods.v[k], a))
				return true;
	for (i = 0; i < m->pod_cidrs.n; i++)
		if (cidr_holds(&m->pod_cidrs.v[i], a))
			return true;
	return false;
}

static bool is_in(const struct model *m, const struct pod *far, const struct peer *p, const struct addr *a)
{
	switch (p->kind) {
	case PEER_SERVICE:
		return is_behind(m, p, a);
	case PEER_HOST:
		return !addr_is_link_local(a) && is_node(m, p->nodes, a);
	case PEER_CLUSTER:
		return !addr_is_link_local(a) && is_cluster(m, far, a);
	case PEER_WORLD:
		return !addr_is_link_local(a) && !is_cluster(m, far, a);
	case PEER_PODS:
	case PEER_BLOCK:
		break;
	}
	return false;
}

static struct miss miss_peer(const struct model *m, const struct pod *far, const struct net_policy *np,
			     const struct peer *p, const struct addr *a)
{
	if (p->kind == PEER_PODS)
		return miss_pods(m, far, np, p);
	if (p->kind == PEER_BLOCK)
		return (struct miss){ .fields = miss_block(p, a) };
	return (struct miss){ .fields = is_in(m, far, p, a) ? 0 : NEAR_BIT(NEAR_PEER) };
}

/* ---- ports ---------------------------------------------------------------------------------- */

static bool calls_it(const struct pod *p, const struct port_range *asked, uint16_t port)
{
	size_t i;

	for (i = 0; p && p->ports && i < p->ports->n; i++)
		if (p->ports->at[i].proto == asked->proto && p->ports->at[i].port == port &&
		    !strcmp(p->ports->at[i].name, asked->name))
			return true;
	return false;
}

/* @callee: who may have a name for it; NULL: nobody. */
static uint32_t miss_ports(const struct rule *rule, uint32_t port, const struct pod *callee)
{
	const uint8_t proto = (uint8_t)(port >> 16);
	const uint16_t number = (uint16_t)port;
	bool numbers = false, names = false;
	size_t i;

	for (i = 0; i < rule->ports.n; i++) {
		const struct port_range *p = &rule->ports.v[i];

		if (p->proto != proto)
			continue;
		if (*p->name ? calls_it(callee, p, number) : p->first <= number && number <= p->last)
			return 0;
		*(*p->name ? &names : &numbers) = true;
	}
	if (!rule->ports.n)
		return 0;
	return numbers ? NEAR_BIT(NEAR_PORT) : names ? NEAR_BIT(NEAR_NAME) : NEAR_BIT(NEAR_PROTOCOL);
}

/* ---- the rule ------------------------------------------------------------------------------- */

int miss_cmp(const struct miss *a, const struct miss *b)
{
	const int x = near_count(a->fields), y = near_count(b->fields);

	if (x != y)
		return x - y;
	if (a->fields != b->fields)
		return a->fields < b->fields ? -1 : 1;
	return (a->weight > b->weight) - (a->weight < b->weight);
}

/* What a pod calls its ports counts at the end that the flow is to; of blocks nobody asks. */
static const struct pod *callee_of(const struct near_flow *f, const struct pod *far, const struct peer *p)
{
	if (f->dir == BH_INGRESS)
		return f->pod;
	return !p || p->kind == PEER_PODS ? far : NULL;
}

struct miss miss_of(const struct model *m, const struct near_flow *f, const struct pod *far,
		    const struct net_policy *np, const struct rule *rule)
{
	struct miss best = { .peer = -1 }, one;
	size_t i;

	if (!rule->peers.n)
		best.fields = miss_ports(rule, f->port, callee_of(f, far, NULL));
	for (i = 0; i < rule->peers.n; i++) {
		const struct peer *p = &rule->peers.v[i];

		one = miss_peer(m, far, np, p, &f->remote);
		one.fields |= miss_ports(rule, f->port, callee_of(f, far, p));
		one.peer = (int)i;
		if (!i || miss_cmp(&one, &best) < 0)
			best = one;
	}
	if (rule->unknown)
		best.fields |= NEAR_BIT(NEAR_UNKNOWN);
	return best;
}
