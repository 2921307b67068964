/* SPDX-License-Identifier: Apache-2.0 */
/* Names. Addresses are looked up in an index that is made when it is first asked after a change. */
#include "names.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/scope.h"
#include "util/vec.h"

/* Of two with one address the first one wins: as for the compiler, who has it before who stands for others.
 */
enum rank {
	RANK_ENDPOINT,
	RANK_THIS_NODE,
	RANK_POD,
	RANK_NODE,
	RANK_SERVICE,
	RANK_BALANCER,
	RANK_EXTERNAL,
};

/* Borrowed from the model: good until it changes. */
struct owner {
	struct addr addr;
	enum rank rank;
	const char *ns, *name;
};

struct names {
	const struct model *model;
	bool fresh;
	VEC(struct owner) owners;
};

struct names *names_new(const struct model *m)
{
	struct names *n = calloc(1, sizeof(*n));

	if (n)
		n->model = m;
	return n;
}

void names_free(struct names *n)
{
	if (!n)
		return;
	vec_done(&n->owners);
	free(n);
}

void names_stale(struct names *n)
{
	n->fresh = false;
	vec_clear(&n->owners);
}

static int by_addr(const void *a, const void *b)
{
	return addr_cmp(&((const struct owner *)a)->addr, &((const struct owner *)b)->addr);
}

static int by_addr_rank(const void *a, const void *b)
{
	const struct owner *x = a, *y = b;
	const int r = by_addr(a, b);

	return r ? r : (int)x->rank - (int)y->rank;
}

static void add_owners(struct names *n, const struct addr *addrs, size_t count, enum rank rank,
		       const char *ns, const char *name)
{
	struct owner *o;
	size_t i;

	for (i = 0; i < count; i++) {
		o = vec_add(&n->owners);
		if (o) /* without memory: a name less */
			*o = (struct owner){ .addr = addrs[i], .rank = rank, .ns = ns, .name = name };
	}
}

static void refresh(struct names *n)
{
	const struct model *m = n->model;
	size_t i;

	vec_clear(&n->owners);
	for (i = 0; i < m->endpoints.n; i++) {
		const struct endpoint *e = m->endpoints.v[i];

		add_owners(n, e->addrs.v, e->addrs.n, RANK_ENDPOINT, e->ns, e->pod);
	}
	add_owners(n, m->node_addrs.v, m->node_addrs.n, RANK_THIS_NODE, NULL, "node");
	for (i = 0; i < m->pods.n; i++) {
		const struct pod *p = m->pods.v[i];

		if (!p->ended && !p->host_network)
			add_owners(n, p->addrs.v, p->addrs.n, RANK_POD, p->ns, p->name);
	}
	for (i = 0; i < m->nodes.n; i++) {
		const struct cluster_node *node = m->nodes.v[i];

		add_owners(n, node->addrs.v, node->addrs.n, RANK_NODE, NULL, node->name);
	}
	for (i = 0; i < m->services.n; i++) {
		const struct service *s = m->services.v[i];

		add_owners(n, s->addrs.v, s->addrs.n, RANK_SERVICE, s->ns, s->name);
		add_owners(n, s->balancers.v, s->balancers.n, RANK_BALANCER, s->ns, s->name);
		add_owners(n, s->externals.v, s->externals.n, RANK_EXTERNAL, s->ns, s->name);
	}
	vec_sort(&n->owners, by_addr_rank);
	n->fresh = true;
}

static const struct owner *owner_of(const struct names *n, const struct addr *a)
{
	const struct owner key = { .addr = *a };
	const struct owner *o = vec_find(&n->owners, &key, by_addr);

	while (o && o > n->owners.v && !by_addr(o - 1, &key))
		o--;
	return o;
}

bool names_pod(struct names *n, const struct addr *a, const char **ret_ns, const char **ret_pod)
{
	const struct owner *o;

	if (!n->fresh)
		refresh(n);
	o = owner_of(n, a);
	if (!o || (o->rank != RANK_ENDPOINT && o->rank != RANK_POD))
		return false;
	*ret_ns = o->ns;
	*ret_pod = o->name;
	return true;
}

const char *names_addr(struct names *n, const struct addr *a, char ret[NAME_MAX_LEN])
{
	const struct owner *o;

	if (!n->fresh)
		refresh(n);
	ret[0] = '\0';
	o = owner_of(n, a);
	if (!o)
		return ret;
	if (o->rank >= RANK_SERVICE)
		(void)snprintf(ret, NAME_MAX_LEN, "service '%s/%s'", o->ns, o->name);
	else if (o->rank == RANK_NODE)
		(void)snprintf(ret, NAME_MAX_LEN, "node '%s'", o->name);
	else
		(void)snprintf(ret, NAME_MAX_LEN, "%s%s%s", o->ns ? o->ns : "", o->ns ? "/" : "", o->name);
	return ret;
}

const char *names_rule(const struct inforce *f, const struct actual *actual, uint32_t id)
{
	const struct hash128 *hash = id ? actual_hash(actual, BH_ID_RULE, id) : NULL;

	return hash ? inforce_rule(f, hash) : NULL;
}

static const struct {
	const char *text;
	bool allows;
} reasons[] = {
#define REASON_ROW(name, action, reason_text) [BH_##name] = { reason_text, BH_##action == BH_ALLOW },
	BH_REASONS(REASON_ROW)
};

const char *names_reason(uint32_t reason)
{
	return reason < BH_REASON_MAX ? reasons[reason].text : "unknown";
}

bool names_reason_allows(uint32_t reason)
{
	return reason < BH_REASON_MAX && reasons[reason].allows;
}

const char *names_proto(uint8_t proto, char ret[8])
{
	static const struct {
		uint8_t proto;
		const char *name;
	} known[] = {
		{ IPPROTO_TCP, "TCP" },	  { IPPROTO_UDP, "UDP" },	{ IPPROTO_SCTP, "SCTP" },
		{ IPPROTO_ICMP, "ICMP" }, { IPPROTO_ICMPV6, "ICMPv6" },
	};
	size_t i;

	(void)snprintf(ret, 8, "%u", proto);
	for (i = 0; i < ARRAY_SIZE(known); i++)
		if (known[i].proto == proto)
			(void)snprintf(ret, 8, "%s", known[i].name);
	return ret;
}

static bool is_icmp(uint32_t proto)
{
	return proto == IPPROTO_ICMP || proto == IPPROTO_ICMPV6;
}

const char *names_ports(uint32_t range_first, uint32_t range_last, char ret[32])
{
	const uint16_t first = (uint16_t)range_first, last = (uint16_t)range_last;
	const bool icmp = is_icmp(range_first >> 16);

	if (range_first >> 16 != range_last >> 16 || (!first && last == UINT16_MAX))
		(void)snprintf(ret, 32, "any");
	else if (icmp && first == last)
		(void)snprintf(ret, 32, "%u/%u", first >> 8, first & UINT8_MAX);
	else if (icmp && !(first & UINT8_MAX) && last == (first | UINT8_MAX))
		(void)snprintf(ret, 32, "%u", first >> 8);
	else if (icmp)
		(void)snprintf(ret, 32, "%u/%u-%u/%u", first >> 8, first & UINT8_MAX, last >> 8,
			       last & UINT8_MAX);
	else if (first == last)
		(void)snprintf(ret, 32, "%u", first);
	else
		(void)snprintf(ret, 32, "%u-%u", first, last);
	return ret;
}

const char *names_protos(uint32_t range_first, uint32_t range_last, char ret[20])
{
	const uint8_t first = (uint8_t)(range_first >> 16), last = (uint8_t)(range_last >> 16);
	char from[8], to[8];

	if (first == last)
		(void)snprintf(ret, 20, "%s", names_proto(first, from));
	else
		(void)snprintf(ret, 20, "%s-%s", names_proto(first, from), names_proto(last, to));
	return ret;
}
