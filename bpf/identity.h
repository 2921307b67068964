/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Is the pod's end of this packet the pod? Own MAC and own address on both hooks, and what ARP and
 * neighbour discovery claim. Asked before anything is written. Every function takes what the packet is
 * so far (bh_pkt.kind) and returns that, or the reason to drop it.
 */
#ifndef BH_IDENTITY_H
#define BH_IDENTITY_H

#include "parse.h"
#include "walk.h"

#define BH_ND_OPTIONS                                                                                        \
	8 /* link-layer address, nonce, MTU, prefixes: nobody sends more; then it is not ours                \
	   */

static __always_inline int mac_equal(const __u8 *a, const __u8 *b)
{
	return *(const __u32 *)a == *(const __u32 *)b && *(const __u16 *)(a + 4) == *(const __u16 *)(b + 4);
}

/* The pod's MAC address where this packet must show it; to_pod a group address will do. */
static __always_inline int own_mac(const struct ethhdr *eth, const struct bh_endpoint *ep, enum bh_dir dir)
{
	if (dir == BH_EGRESS)
		return mac_equal(eth->h_source, ep->mac);
	return mac_equal(eth->h_dest, ep->mac) || eth->h_dest[0] & 1;
}

static __always_inline int own_addr(const struct bh_endpoint *ep, const struct bh_addr *a)
{
	int i;

	for (i = 0; i < BH_EP_ADDRS; i++)
		if (i < ep->addrs && addr_equal(&ep->addr[i], a))
			return 1;
	return 0;
}

/* Who has no address yet may ask everybody for one (RFC 2131 4.1); the rules for broadcasts say whether. */
static __always_inline int is_dhcp_request(const struct bh_pkt *p)
{
	return p->family == 4 && !p->flow.local.w[3] && p->flow.remote.w[3] == 0xffffffff &&
	       p->kind == BH_MULTICAST && p->flow.proto == IPPROTO_UDP && !p->frag &&
	       p->flow.lport == __constant_htons(68) && p->flow.rport == __constant_htons(67);
}

static __always_inline enum bh_reason identity_addr(const struct bh_pkt *p, const struct bh_endpoint *ep,
						    enum bh_dir dir)
{
	if (!p->family || ep->flags & BH_EP_FORWARDS || own_addr(ep, &p->flow.local))
		return p->kind;
	if (dir == BH_EGRESS)
		return is_dhcp_request(p) ? p->kind : BH_SPOOFED_ADDR;
	if (p->bits & BH_PKT_MULTI)
		return p->kind;
	if (!(p->bits & BH_PKT_GROUP))
		return BH_NOT_OURS_ADDR;
	return p->kind == BH_POLICY ? BH_MULTICAST : p->kind; /* a subnet's broadcast address */
}

static __always_inline enum bh_reason identity_arp(struct cursor *c, const struct bh_endpoint *ep)
{
	const struct bh_arp *arp = cursor_take(c, sizeof(*arp));
	struct bh_addr sender;
	__be32 ip;

	if (!arp)
		return BH_MALFORMED;
	__builtin_memcpy(&ip, arp->sender_ip, sizeof(ip));
	if (!ip) /* a probe claims what it asks for (RFC 5227 2.1.1) */
		__builtin_memcpy(&ip, arp->target_ip, sizeof(ip));
	addr_from4(&sender, ip);
	if (!mac_equal(arp->sender_mac, ep->mac) || !own_addr(ep, &sender))
		return BH_SPOOFED_ND;
	return BH_NEIGHBOUR;
}

/* Link-layer address options must be the pod's own (RFC 4861 4.6.1; source 1, target 2). */
static __always_inline enum bh_reason identity_nd_options(struct cursor *c, const struct bh_endpoint *ep)
{
	const __u8 *opt;
	int i;

	for (i = 0; i < BH_ND_OPTIONS; i++) {
		opt = cursor_take(c, 8);
		if (!opt)
			return BH_NEIGHBOUR;
		if (!opt[1])
			return BH_MALFORMED;
		if ((opt[0] == 1 || opt[0] == 2) && !mac_equal(opt + 2, ep->mac))
			return BH_SPOOFED_ND;
		c->pos = opt;
		if (!cursor_take(c, opt[1] * 8))
			return BH_MALFORMED;
	}
	return cursor_take(c, 1) ? BH_SPOOFED_ND : BH_NEIGHBOUR;
}

/* Neighbour discovery from a pod: it may ask, and answer for itself. */
static __always_inline enum bh_reason identity_nd(struct cursor *c, const struct bh_pkt *p,
						  const struct bh_endpoint *ep)
{
	const __u8 *msg = cursor_take(c, 8);
	const struct in6_addr *in;
	struct bh_addr target;

	if (!msg)
		return BH_MALFORMED;
	if (p->icmp != BH_ND_RS) {
		in = cursor_take(c, sizeof(*in));
		if (!in)
			return BH_MALFORMED;
		addr_from6(&target, in);
		/* From nobody yet, a question is a claim: duplicate address detection (RFC 4862 5.4.3). */
		if ((p->icmp == BH_ND_NA || addr_is_zero(&p->flow.local)) && !own_addr(ep, &target))
			return BH_SPOOFED_ND;
	}
	return identity_nd_options(c, ep);
}

/* RFC 4861 6.1, 7.1 and RFC 3810 5: who sends it is on this link, so it has passed no router. */
static __always_inline int nd_from_afar(const struct bh_pkt *p)
{
	return p->icmp && p->hops != (p->icmp < BH_ND_RS || p->icmp > BH_ND_REDIRECT ? 1 : 255);
}

/* @c: the bytes from the neighbour message on. */
static __always_inline enum bh_reason identity_neighbour(struct cursor *c, const struct bh_pkt *p,
							 const struct bh_endpoint *ep, enum bh_dir dir)
{
	if (nd_from_afar(p))
		return BH_SPOOFED_ND;
	if (dir == BH_INGRESS)
		return identity_addr(p, ep, dir);
	if (p->icmp == BH_ND_RA || p->icmp == BH_ND_REDIRECT)
		return BH_SPOOFED_ND;
	if (ep->flags & BH_EP_FORWARDS)
		return BH_NEIGHBOUR;
	if (!p->icmp)
		return identity_arp(c, ep);
	if (!addr_is_zero(&p->flow.local) && !own_addr(ep, &p->flow.local))
		return BH_SPOOFED_ADDR;
	if (p->icmp < BH_ND_RS || p->icmp > BH_ND_REDIRECT)
		return BH_NEIGHBOUR; /* MLD claims no address */
	return identity_nd(c, p, ep);
}

/* What a neighbour message from a pod claims is read to its last byte, or it is not believed. */
static __always_inline int is_all_there(struct cursor c, __u32 len)
{
	return len <= BH_PULL && c.pos + len <= c.end;
}

/* What the packet is once its addresses were looked at, or why it is not the pod's. @c: the frame, of @len
 * bytes in all; @ep: NULL where nobody knows the interface. */
static __always_inline enum bh_reason identity_packet(struct cursor c, __u32 len, struct bh_pkt *p,
						      const struct bh_endpoint *ep, enum bh_dir dir)
{
	const struct cursor all = c;
	const struct ethhdr *eth = cursor_take(&c, sizeof(*eth));

	p->kind = parse_scope(dir, p);
	if (p->kind == BH_MALFORMED || !eth)
		return BH_MALFORMED;
	if (!ep)
		return p->kind == BH_NEIGHBOUR && nd_from_afar(p) ? BH_SPOOFED_ND : p->kind;
	if (!(ep->flags & BH_EP_FORWARDS) && !own_mac(eth, ep, dir))
		return dir == BH_EGRESS ? BH_SPOOFED_MAC : BH_NOT_OURS_MAC;
	if (p->kind == BH_NEIGHBOUR) {
		if (dir == BH_EGRESS && p->icmp && !is_all_there(all, len))
			return BH_SPOOFED_ND;
		c = cursor_at(all, p->offset);
		return identity_neighbour(&c, p, ep, dir);
	}
	p->kind = identity_addr(p, ep, dir);
	if (p->kind == BH_POLICY && dir == BH_EGRESS && p->bits & BH_PKT_GROUP)
		return BH_MULTICAST; /* a subnet's broadcast address, by its MAC address */
	return p->kind;
}

#endif
