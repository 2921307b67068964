/* SPDX-License-Identifier: Apache-2.0 */
/* Random policies. */
#include "roll.h"

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

static void roll_ports(struct dice *d, struct port_range *p)
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

/* Of ingress pods alone, and blocks know no exceptions. */
static void roll_cluster_peer(struct dice *d, struct peer *p, int dir)
{
	p->kind = dir == DIR_EGRESS && dice_chance(d, 40) ? PEER_BLOCK : PEER_PODS;
	if (p->kind == PEER_BLOCK) {
		p->block = roll_cidr(d, dice_chance(d, 50));
		return;
	}
	p->namespaces = roll_selector(d, true);
	p->pods = dice_chance(d, 50) ? roll_selector(d, false) : NULL;
}

/* A name there is of whatever protocol the pod's port is. */
static void roll_cluster_ports(struct dice *d, struct rule *r)
{
	static const uint8_t protos[] = { IPPROTO_TCP, IPPROTO_UDP, IPPROTO_SCTP };
	struct port_range p;
	size_t i;

	roll_ports(d, &p);
	for (i = 0; i < (*p.name ? ARRAY_SIZE(protos) : 1); i++) {
		if (*p.name)
			p.proto = protos[i];
		*(struct port_range *)must(vec_add(&r->ports)) = p;
	}
}

/* There is no rule for any peer, but in one that is not understood nothing may be left. */
static void roll_cluster_rule(struct dice *d, struct rule *r, int dir)
{
	static const char *const names[] = { "no-ssh", "it's" };
	uint32_t n;

	r->action = (enum rule_action)dice_roll(d, 3);
	r->name = dice_chance(d, 20) ? must(strdup(pick(d, names))) : NULL;
	r->unknown = dice_chance(d, 3);
	for (n = r->unknown && dice_chance(d, 50) ? 0 : 1 + dice_roll(d, 2); n; n--)
		roll_cluster_peer(d, must(vec_add(&r->peers)), dir);
	for (n = dice_chance(d, 40) ? 0 : 1 + dice_roll(d, 3); n; n--)
		roll_cluster_ports(d, r);
}

/* Few priorities, so that equal ones meet. */
void put_cluster_policy(struct model *m, struct dice *d)
{
	static const uint16_t priorities[] = { 0, 1, 1, 7, 1000 };
	struct net_policy *np;
	char name[16];
	uint32_t n;
	int dir;

	(void)snprintf(name, sizeof(name), "c%u", dice_roll(d, 6));
	np = must(net_policy_new(POLICY_CLUSTER, "", name));
	np->tier = dice_chance(d, 50) ? TIER_ADMIN : TIER_BASELINE;
	np->priority = pick(d, priorities);
	np->namespaces = dice_chance(d, 40) ? must(selector_new()) : roll_selector(d, true);
	selector_free(np->subject);
	np->subject = dice_chance(d, 50) ? must(selector_new()) : roll_selector(d, false);
	for (dir = 0; dir < DIR_MAX; dir++)
		for (n = dice_roll(d, 5); n; n--)
			roll_cluster_rule(d, must(vec_add(&np->rules[dir])), dir);
	zero(model_put_policy(m, np));
}

/* ---- small changes -------------------------------------------------------------------------- */

static void tweak_rule(struct dice *d, struct rule *r, bool of_cluster)
{
	struct port_range *p = r->ports.n ? &r->ports.v[dice_roll(d, (uint32_t)r->ports.n)] : NULL;
	struct peer *peer = r->peers.n ? &r->peers.v[dice_roll(d, (uint32_t)r->peers.n)] : NULL;

	if (of_cluster && dice_chance(d, 30))
		r->action = (enum rule_action)dice_roll(d, 3);
	else if ((!of_cluster || r->peers.n) && dice_chance(d, 10))
		r->unknown = !r->unknown;
	else if (p && *p->name && dice_chance(d, 50))
		roll_name(d, p->name);
	else if (p && !*p->name && dice_chance(d, 50) && p->last < 65535)
		p->last++;
	else if (peer && peer->kind == PEER_BLOCK && peer->except.n)
		peer->except.n--;
	else if (peer && peer->pods && peer->pods->at.n)
		peer->pods->at.v[0].op ^= 1; /* In and NotIn, Exists and DoesNotExist */
}

/* Of a policy of the cluster: its place among the others, or that of a rule. */
static void tweak_order(struct dice *d, struct net_policy *np, int dir)
{
	const struct rule *v = np->rules[dir].v;
	struct rule first;

	if (dice_chance(d, 30)) {
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
		tweak_rule(d, &np->rules[dir].v[dice_roll(d, (uint32_t)np->rules[dir].n)],
			   net_policy_is_cluster(np));
	else if (net_policy_is_cluster(np))
		tweak_order(d, np, dir);
	else
		np->isolates[dir] = !np->isolates[dir];
	zero(model_put_policy(m, np)); /* the same, so that the model knows of it */
}
