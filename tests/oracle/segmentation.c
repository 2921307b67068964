/* SPDX-License-Identifier: Apache-2.0 */
/* Random SegmentationPolicies and ClusterSegmentationPolicies. */
#include <netinet/in.h>
#include <string.h>

#include "policies.h"

/* ---- peers ---------------------------------------------------------------------------------- */

static void roll_pods(struct dice *d, struct peer *p, bool of_cluster)
{
	const uint32_t which = 1 + dice_roll(d, 3);

	p->pods = which & 1 ? roll_selector(d, false) : NULL;
	p->namespaces = of_cluster || which & 2 ? roll_selector(d, true) : NULL;
}

/* Ingress knows that of the API server alone. */
static void roll_behind(struct dice *d, struct peer *p, int dir)
{
	char name[16];

	service_name(d, name);
	if (dir == DIR_INGRESS || dice_chance(d, 15)) {
		p->service_ns = must(strdup("default"));
		p->service = must(strdup("kubernetes"));
		return;
	}
	p->service_ns = must(strdup(roll_namespace(d)));
	p->service = must(strdup(name));
}

static void roll_peer(struct dice *d, struct peer *p, bool of_cluster, int dir)
{
	static const enum peer_kind kinds[] = {
		PEER_PODS,    PEER_PODS,    PEER_PODS,	PEER_BLOCK,   PEER_HOST,
		PEER_CLUSTER, PEER_CLUSTER, PEER_WORLD, PEER_SERVICE, PEER_SERVICE,
	};

	p->kind = pick(d, kinds);
	if (p->kind == PEER_PODS)
		roll_pods(d, p, of_cluster);
	else if (p->kind == PEER_BLOCK)
		p->block = roll_cidr(d, dice_chance(d, 50));
	else if (p->kind == PEER_SERVICE)
		roll_behind(d, p, dir);
}

/* ---- protocols ------------------------------------------------------------------------------ */

void roll_portless(struct dice *d, struct port_range *p)
{
	const bool icmp = dice_chance(d, 75);

	*p = (struct port_range){ .proto = icmp ? roll_icmp(d) : roll_number(d), .last = 65535 };
	if (!icmp || dice_chance(d, 20))
		return;
	p->first = roll_icmp_type(d);
	p->last = p->first | 0xff;
	if (dice_chance(d, 50))
		p->first = p->last = p->first | roll_icmp_code(d);
}

static bool are_pods(const struct rule *r)
{
	size_t i;

	for (i = 0; i < r->peers.n; i++)
		if (r->peers.v[i].kind != PEER_PODS)
			return false;
	return true;
}

static void roll_protocol(struct dice *d, struct rule *r)
{
	if (dice_chance(d, 50))
		roll_transport(d, r, are_pods(r));
	else
		roll_portless(d, must(vec_add(&r->ports)));
}

/* ---- policies ------------------------------------------------------------------------------- */

static void roll_rule(struct dice *d, struct rule *r, bool of_cluster, int dir)
{
	uint32_t n;

	roll_head(d, r);
	r->log = dice_chance(d, 30);
	for (n = r->unknown && dice_chance(d, 50) ? 0 : 1 + dice_roll(d, 2); n; n--)
		roll_peer(d, must(vec_add(&r->peers)), of_cluster, dir);
	for (n = dice_chance(d, 40) ? 0 : 1 + dice_roll(d, 3); n; n--)
		roll_protocol(d, r);
}

void roll_times(struct dice *d, struct net_policy *np)
{
	np->audit = dice_chance(d, 20);
	np->expires = dice_chance(d, 85) ? 0 : NOW - 1 + dice_roll(d, 3);
}

static void put(struct model *m, struct dice *d, struct net_policy *np)
{
	uint32_t n;
	int dir;

	roll_times(d, np);
	for (dir = 0; dir < DIR_MAX; dir++)
		for (n = dice_roll(d, 4); n; n--)
			roll_rule(d, must(vec_add(&np->rules[dir])), net_policy_is_cluster(np), dir);
	zero(model_put_policy(m, np));
}

void put_segmentation(struct model *m, struct dice *d)
{
	const uint32_t which = dice_roll(d, 4);
	struct net_policy *np;
	char name[16];

	(void)snprintf(name, sizeof(name), "n%u", dice_roll(d, 4));
	np = must(net_policy_new(POLICY_SEGMENTATION, roll_namespace(d), name));
	np->priority = roll_priority(d);
	np->isolates[DIR_INGRESS] = which & 1;
	np->isolates[DIR_EGRESS] = which & 2;
	selector_free(np->subject);
	np->subject = dice_chance(d, 50) ? must(selector_new()) : roll_selector(d, false);
	put(m, d, np);
}

void put_cluster_segmentation(struct model *m, struct dice *d)
{
	put(m, d, roll_of_cluster(d, POLICY_CLUSTER_SEGMENTATION));
}
