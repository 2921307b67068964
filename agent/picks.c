/* SPDX-License-Identifier: Apache-2.0 */
/* Random flows near the edges of the tables. */
#include "picks.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "query.h"
#include "util/scope.h"

#define TRIES 8 /* for a location of the right family */

/* xorshift64*: nobody gains by guessing it. */
uint64_t picks_number(struct picks *p)
{
	p->state ^= p->state >> 12;
	p->state ^= p->state << 25;
	p->state ^= p->state >> 27;
	return p->state * 0x2545f4914f6cdd1dull;
}

static size_t below(struct picks *p, size_t n)
{
	return (size_t)((picks_number(p) >> 16) % n);
}

/* ---- addresses ---------------------------------------------------------------------------- */

/* One of its own that routers would take; an endpoint without any has none to ask about. */
static bool own_addr(struct picks *p, const struct table_endpoint *ep, struct addr *ret)
{
	const size_t from = ep->addrs ? below(p, ep->addrs) : 0;
	size_t i;

	for (i = 0; i < ep->addrs; i++) {
		*ret = ep->addr[(from + i) % ep->addrs];
		if (!addr_is_link_local(ret))
			return true;
	}
	return false;
}

static struct addr any_addr(struct picks *p, bool v4)
{
	const uint64_t a = picks_number(p), b = picks_number(p);
	struct addr ret = { .b = { [10] = 0xff, [11] = 0xff } };

	if (!v4) {
		memcpy(ret.b, &a, sizeof(a));
		ret.b[0] = 0x20; /* what is global */
	}
	memcpy(ret.b + (v4 ? 12 : 8), &b, v4 ? 4 : 8);
	return ret;
}

/* The first address of a block, its last, or one past that. */
static struct addr edge_of(struct picks *p, const struct cidr *c)
{
	const size_t which = below(p, 3);
	struct addr ret = c->addr;
	int i;

	if (!which)
		return ret;
	for (i = c->len; i < 128; i++)
		ret.b[i / 8] |= (uint8_t)(0x80 >> i % 8);
	for (i = 15; which == 2 && i >= 12 && !++ret.b[i]; i--)
		;
	return ret;
}

static struct addr remote_addr(struct picks *p, const struct tables *t, bool v4)
{
	size_t i;

	for (i = 0; t->locations.n && i < TRIES; i++) {
		const struct table_location *l = &t->locations.v[below(p, t->locations.n)];

		if (addr_is_v4(&l->cidr.addr) == v4)
			return edge_of(p, &l->cidr);
	}
	return any_addr(p, v4);
}

/* ---- ports -------------------------------------------------------------------------------- */

static const struct table_row *row_of(const struct tables *t, const struct table_endpoint *ep,
				      const struct addr *remote, uint32_t dir)
{
	return ep->set < 0 ? NULL : tables_row(t, (uint32_t)ep->set, tables_class(t, remote, NULL), dir);
}

/* BH_PORT(): at an edge of one of the row's ranges, one beside it, or any. */
static uint32_t port_of(struct picks *p, const struct tables *t, const struct table_row *row, bool v4)
{
	const uint8_t protos[] = { IPPROTO_TCP, IPPROTO_UDP, v4 ? IPPROTO_ICMP : IPPROTO_ICMPV6 };
	const struct table_range *r;

	if (!row || !row->n || !below(p, 4))
		return BH_PORT(protos[below(p, ARRAY_SIZE(protos))], picks_number(p) >> 16);
	r = &t->ranges.v[row->first + below(p, row->n)];
	switch (below(p, 4)) {
	case 0:
		return (uint16_t)r->first ? r->first - 1 : r->first;
	case 1:
		return r->first;
	case 2:
		return r->last;
	default:
		return (uint16_t)r->last != 0xffff ? r->last + 1 : r->last;
	}
}

bool picks_flow(struct picks *p, const struct inforce *f, const struct table_endpoint *only,
		struct bh_query *ret)
{
	const struct tables *t = f->tables;
	struct addr local, remote;
	enum bh_dir dir;
	uint32_t port;

	if (!only && !t->endpoints.n)
		return false;
	if (!only)
		only = &t->endpoints.v[below(p, t->endpoints.n)];
	if (!own_addr(p, only, &local))
		return false;
	dir = picks_number(p) >> 63 ? BH_EGRESS : BH_INGRESS;
	remote = below(p, 4) ? remote_addr(p, t, addr_is_v4(&local)) : any_addr(p, addr_is_v4(&local));
	port = port_of(p, t, row_of(t, only, &remote, dir), addr_is_v4(&local));
	*ret = query_of(only->ifindex, dir, &local, &remote, (uint8_t)(port >> 16), (uint16_t)port);
	return true;
}
