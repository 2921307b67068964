/* SPDX-License-Identifier: Apache-2.0 */
/* Random policies: NetworkPolicy and ClusterNetworkPolicy, and what the kinds share. */
#include "policies.h"

#include <netinet/in.h>
#include <string.h>

static void roll_peer(struct dice *d, struct peer *p)
{
	bool v4 = dice_chance(d, 50);
	uint32_t n;

	p->kind = dice_chance(d, 40) ? PEER_BLOCK : PEER_PODS;
	if (p->kind != PEER_BLOCK) {
		const uint32_t which = 1 + dice_roll(d, 3);

		p->pods = which & 1 ? roll_selector(d, false) : NULL;
		p->namespaces = which & 2 ? roll_selector(d, true) : NULL;
		return;
	}
	p->block = roll_cidr(d, v4);
	for (n = dice_roll(d, 3); n; n--)
		*(struct cidr *)must(vec_add(&p->except)) = roll_cidr(d, v4 ^ dice_chance(d, 5));
}

void roll_ports(struct dice *d, struct port_range *p)
{
	uint16_t a = roll_port(d), b = dice_chance(d, 50) ? a : roll_port(d);

	*p = (struct port_range){ .proto = roll_proto(d), .first = a < b ? a : b, .last = a < b ? b : a };
	if (!p->first) /* no rule can say port 0 but by saying none */
		p->first = p->last = 1;
	if (dice_chance(d, 12)) {
		p->first = 0;
		p->last = 65535;
	}
	if (dice_chance(d, 30)) {
		p->first = p->last = 0;
		roll_name(d, p->name);
	}
}

static void roll_rule(struct dice *d, struct rule *r)
{
	uint32_t n;

	r->unknown = dice_chance(d, 5);
	for (n = dice_chance(d, 15) ? 0 : 1 + dice_roll(d, 3); n; n--)
		roll_peer(d, must(vec_add(&r->peers)));
	for (n = dice_chance(d, 25) ? 0 : 1 + dice_roll(d, 4); n; n--)
		roll_ports(d, must(vec_add(&r->ports)));
}

void put_policy(struct model *m, struct dice *d)
{
	struct net_policy *np;
	uint32_t which = 1 + dice_roll(d, 3), n;
	char name[16];
	int dir;

	(void)snprintf(name, sizeof(name), "n%u", dice_roll(d, 4));
	np = must(net_policy_new(POLICY_NETWORK, roll_namespace(d), name));
	selector_free(np->subject);
	np->subject = roll_selector(d, false);
	for (dir = 0; dir < DIR_MAX; dir++) {
		np->isolates[dir] = which >> dir & 1;
		for (n = dice_roll(d, 5); n; n--)
			roll_rule(d, must(vec_add(&np->rules[dir])));
	}
	zero(model_put_policy(m, np));
}

/* ---- ClusterNetworkPolicy -------------------------------------------------------------------- */

/* Of ingress pods alone; blocks know no exceptions, and nodes have labels. */
static void roll_cluster_peer(struct dice *d, struct peer *p, int dir)
{
	p->kind = dir == DIR_EGRESS && dice_chance(d, 40) ? PEER_BLOCK : PEER_PODS;
	if (p->kind == PEER_BLOCK && dice_chance(d, 30)) {
		p->kind = PEER_HOST;
		p->nodes = roll_selector(d, false);
		return;
	}
	if (p->kind == PEER_BLOCK) {
		p->block = roll_cidr(d, dice_chance(d, 50));
		return;
	}
	p->namespaces = roll_selector(d, true);
	p->pods = dice_chance(d, 50) ? roll_selector(d, false) : NULL;
}

/* A name there is of whatever protocol the pod's port is. */
void roll_transport(struct dice *d, struct rule *r, bool names)
{
	static const uint8_t protos[] = { IPPROTO_TCP, IPPROTO_UDP, IPPROTO_SCTP };
	struct port_range p;
	size_t i;

	do
		roll_ports(d, &p);
	while (*p.name && !names);
	for (i = 0; i < (*p.name ? ARRAY_SIZE(protos) : 1); i++) {
		if (*p.name)
			p.proto = protos[i];
		*(struct port_range *)must(vec_add(&r->ports)) = p;
	}
}

void roll_head(struct dice *d, struct rule *r)
{
	static const char *const names[] = { "no-ssh", "it's" };

	r->action = (enum rule_action)dice_roll(d, 3);
	r->name = dice_chance(d, 20) ? must(strdup(pick(d, names))) : NULL;
	r->unknown = dice_chance(d, 3);
}

/* There is no rule for any peer, but in one that is not understood nothing may be left. */
static void roll_cluster_rule(struct dice *d, struct rule *r, int dir)
{
	uint32_t n;
	size_t i;

	roll_head(d, r);
	for (n = r->unknown && dice_chance(d, 50) ? 0 : 1 + dice_roll(d, 2); n; n--)
		roll_cluster_peer(d, must(vec_add(&r->peers)), dir);
	for (n = dice_chance(d, 40) ? 0 : 1 + dice_roll(d, 3); n; n--)
		roll_transport(d, r, true);
	for (i = 0; i < r->ports.n; i++) /* upstream has no words for all ports of a protocol */
		if (!*r->ports.v[i].name && !r->ports.v[i].first)
			r->ports.v[i].first = 1;
}

struct net_policy *roll_of_cluster(struct dice *d, enum policy_kind kind)
{
	struct net_policy *np;
	char name[16];

	(void)snprintf(name, sizeof(name), "c%u", dice_roll(d, 6));
	np = must(net_policy_new(kind, "", name));
	np->tier = dice_chance(d, 50) ? TIER_ADMIN : TIER_BASELINE;
	np->priority = roll_priority(d);
	np->namespaces = dice_chance(d, 40) ? must(selector_new()) : roll_selector(d, true);
	selector_free(np->subject);
	np->subject = dice_chance(d, 50) ? must(selector_new()) : roll_selector(d, false);
	return np;
}

/* Few, so that equal ones meet. */
uint16_t roll_priority(struct dice *d)
{
	static const uint16_t priorities[] = { 0, 1, 1, 7, 1000 };

	return pick(d, priorities);
}

void put_cluster_policy(struct model *m, struct dice *d)
{
	struct net_policy *np = roll_of_cluster(d, POLICY_CLUSTER);
	uint32_t n;
	int dir;

	for (dir = 0; dir < DIR_MAX; dir++)
		for (n = dice_roll(d, 5); n; n--)
			roll_cluster_rule(d, must(vec_add(&np->rules[dir])), dir);
	zero(model_put_policy(m, np));
}

/* ---- small changes -------------------------------------------------------------------------- */

static void tweak_port(struct dice *d, struct port_range *p)
{
	if (*p->name)
		roll_name(d, p->name);
	else if (has_ports(p->proto) && p->last < 65535)
		p->last++;
	else if (!has_ports(p->proto))
		roll_portless(d, p);
}

static void tweak_peer(struct dice *d, struct peer *p)
{
	static const enum peer_kind entities[] = { PEER_HOST, PEER_CLUSTER, PEER_WORLD };

	if (p->kind == PEER_BLOCK && p->except.n)
		p->except.n--;
	else if (p->pods && p->pods->at.n)
		p->pods->at.v[0].op ^= 1; /* In and NotIn, Exists and DoesNotExist */
	else if (p->nodes && p->nodes->at.n)
		p->nodes->at.v[0].op ^= 1;
	else if (!p->nodes && (p->kind == PEER_HOST || p->kind == PEER_CLUSTER || p->kind == PEER_WORLD))
		p->kind = pick(d, entities);
}

static void tweak_rule(struct dice *d, struct rule *r, enum policy_kind kind)
{
	struct port_range *p = r->ports.n ? &r->ports.v[dice_roll(d, (uint32_t)r->ports.n)] : NULL;
	struct peer *peer = r->peers.n ? &r->peers.v[dice_roll(d, (uint32_t)r->peers.n)] : NULL;

	if (kind != POLICY_NETWORK && dice_chance(d, 30))
		r->action = (enum rule_action)dice_roll(d, 3);
	else if ((kind == POLICY_NETWORK || peer) && dice_chance(d, 10))
		r->unknown = !r->unknown;
	else if (is_ours(kind) && dice_chance(d, 15))
		r->log = !r->log;
	else if (p && dice_chance(d, 50))
		tweak_port(d, p);
	else if (peer)
		tweak_peer(d, peer);
}

/* Its place among the others, or that of a rule. */
static void tweak_order(struct dice *d, struct net_policy *np, int dir)
{
	const struct rule *v = np->rules[dir].v;
	struct rule first;

	if (net_policy_is_cluster(np) && dice_chance(d, 30)) {
		np->tier = np->tier == TIER_ADMIN ? TIER_BASELINE : TIER_ADMIN;
	} else if (np->rules[dir].n < 2 || dice_chance(d, 50)) {
		np->priority ^= 1;
	} else {
		first = v[0];
		np->rules[dir].v[0] = v[1];
		np->rules[dir].v[1] = first;
	}
}

void tweak_policy(struct model *m, struct dice *d)
{
	const int dir = (int)dice_roll(d, DIR_MAX);
	struct net_policy *np;

	if (!m->policies.n)
		return;
	np = m->policies.v[dice_roll(d, (uint32_t)m->policies.n)];
	if (np->rules[dir].n && dice_chance(d, 70))
		tweak_rule(d, &np->rules[dir].v[dice_roll(d, (uint32_t)np->rules[dir].n)], np->kind);
	else if (is_ours(np->kind) && dice_chance(d, 30))
		roll_times(d, np);
	else if (!net_policy_is_cluster(np) && (np->kind == POLICY_NETWORK || dice_chance(d, 50)))
		np->isolates[dir] = !np->isolates[dir];
	else
		tweak_order(d, np, dir);
	zero(model_put_policy(m, np)); /* the same, so that the model knows of it */
}
