/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Bytes -> flow: what a frame is, seen from the pod. Takes two pointers and a length, calls no helper
 * and knows no map, so that the same code is checked by the verifier and run natively by tests and
 * fuzzers (there a frame must start two bytes past a multiple of four, as it does in the kernel).
 * Whether the addresses are the pod's own is identity.h, whether the flow may pass is verdict.h.
 *
 * What a frame is, is said with the list of reasons: BH_POLICY a flow that policy decides, BH_NEIGHBOUR
 * ARP, neighbour discovery or MLD, else the reason for which it is dropped unless all is allowed.
 */
#ifndef BH_PARSE_H
#define BH_PARSE_H

#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <linux/udp.h>

#include "abi.h"

#undef __always_inline /* <linux/stddef.h> has one that only suggests it */
#define __always_inline inline __attribute__((always_inline))

#define BH_PKT_OPENS  0x01 /* may open a flow: pure SYN, any UDP, echo request */
#define BH_PKT_SYN    0x02 /* pure SYN: without ACK, RST and FIN */
#define BH_PKT_HIDDEN 0x04 /* it may have ports, or be ICMPv6, but out of sight */
#define BH_PKT_GROUP  0x08 /* to a group MAC address */
#define BH_PKT_MULTI  0x10 /* to a multicast address or 255.255.255.255 */
#define BH_PKT_FIN    0x20 /* ends its sender's half: FIN; SCTP: SHUTDOWN and the answer to it */
#define BH_PKT_RST    0x40 /* ends the flow: RST; SCTP: ABORT, SHUTDOWN COMPLETE */
#define BH_PKT_BEHIND 0x80 /* behind IPv6 extension headers */

struct bh_pkt {
	struct bh_flow6 flow; /* IPv4 as ::ffff:a.b.c.d; what is not known is zero; ifindex: the caller's */
	__u32 epoch;	      /* the caller's: of the endpoint, read before anything else */
	__u32 slot;	      /* the caller's: of the endpoint, BH_EP_SLOTS: none */
	__u32 way;	      /* where this flow's line was found */
	__u64 hash;	      /* of the flow, see session.h */
	__u64 word;	      /* of its line; 0: it has none */
	__u8 kind;	      /* enum bh_reason, see above */
	__u8 family;	      /* 4, 6, or 0: no IP header */
	__u8 bits;	      /* BH_PKT_* */
	__u8 hops;	      /* hop limit, IPv6 only */
	__u8 icmp;	      /* type of the neighbour message; 0: ARP */
	__u8 offset;	      /* of the neighbour message or ICMP error in the frame */
	__u8 frag;   /* offset of what says that this is a fragment: IPv6's header for it, or IPv4's own */
	__u8 denied; /* it passes, if at all, because the node was opened */
};

struct cursor {
	const __u8 *pos, *end;
};

/* The next n bytes, or NULL if the frame ends first: the only bounds check there is. */
static __always_inline const void *cursor_take(struct cursor *c, __u32 n)
{
	const __u8 *p = c->pos;

	if (p + n > c->end)
		return (void *)0;
	c->pos = p + n;
	return p;
}

static __always_inline void addr_from4(struct bh_addr *a, __be32 v4)
{
	a->w[0] = 0;
	a->w[1] = 0;
	a->w[2] = __constant_htonl(0xffff);
	a->w[3] = v4;
}

static __always_inline void addr_from6(struct bh_addr *a, const struct in6_addr *v6)
{
	a->w[0] = v6->s6_addr32[0];
	a->w[1] = v6->s6_addr32[1];
	a->w[2] = v6->s6_addr32[2];
	a->w[3] = v6->s6_addr32[3];
}

static __always_inline int addr_is4(const struct bh_addr *a)
{
	return !a->w[0] && !a->w[1] && a->w[2] == __constant_htonl(0xffff);
}

static __always_inline int addr_is_zero(const struct bh_addr *a)
{
	return !(a->w[0] | a->w[1] | a->w[2] | a->w[3]);
}

static __always_inline int addr_equal(const struct bh_addr *a, const struct bh_addr *b)
{
	return a->w[3] == b->w[3] && a->w[2] == b->w[2] && a->w[1] == b->w[1] && a->w[0] == b->w[0];
}

static __always_inline int addr_is_multicast(const struct bh_addr *a)
{
	if (addr_is4(a))
		return (a->w[3] & __constant_htonl(0xf0000000)) == __constant_htonl(0xe0000000) ||
		       a->w[3] == 0xffffffff;
	return (a->w[0] & __constant_htonl(0xff000000)) == __constant_htonl(0xff000000);
}

static __always_inline int addr_is_link_local(const struct bh_addr *a)
{
	return (a->w[0] & __constant_htonl(0xffc00000)) == __constant_htonl(0xfe800000);
}

/* ---- transport -------------------------------------------------------------------------- */

/* In all of these the first four bytes are source and destination port. */
static __always_inline int has_ports(__u8 proto)
{
	return proto == IPPROTO_TCP || proto == IPPROTO_UDP || proto == IPPROTO_SCTP ||
	       proto == IPPROTO_DCCP || proto == IPPROTO_UDPLITE;
}

static __always_inline void set_ports(struct bh_pkt *p, enum bh_dir dir, __be16 source, __be16 dest)
{
	p->flow.lport = dir == BH_EGRESS ? source : dest;
	p->flow.rport = dir == BH_EGRESS ? dest : source;
}

/* Ports of a packet that is not judged by them: for events, and because what goes to a hostPort is not host
 * traffic. */
static __always_inline void peek_ports(struct cursor *c, __u32 room, enum bh_dir dir, struct bh_pkt *p)
{
	const __be16 *port;

	if (!has_ports(p->flow.proto))
		return;
	port = room >= 4 ? cursor_take(c, 4) : (void *)0;
	if (port)
		set_ports(p, dir, port[0], port[1]);
	else
		p->bits |= BH_PKT_HIDDEN;
}

#define BH_TCP_FIN 0x01
#define BH_TCP_SYN 0x02
#define BH_TCP_RST 0x04
#define BH_TCP_ACK 0x10
#define BH_TCP_URG 0x20
#define BH_TCP_SAY (BH_TCP_FIN | BH_TCP_SYN | BH_TCP_RST | BH_TCP_ACK)

/* The combinations that make sense, whatever PSH, ECE and CWR say: as tcp_valid_flags[] of nf_conntrack has
 * them. */
#define BH_TCP_VALID                                                                                         \
	(1ull << BH_TCP_SYN | 1ull << (BH_TCP_SYN | BH_TCP_URG) | 1ull << (BH_TCP_SYN | BH_TCP_ACK) |        \
	 1ull << BH_TCP_RST | 1ull << (BH_TCP_RST | BH_TCP_ACK) | 1ull << (BH_TCP_FIN | BH_TCP_ACK) |        \
	 1ull << (BH_TCP_FIN | BH_TCP_ACK | BH_TCP_URG) | 1ull << BH_TCP_ACK |                               \
	 1ull << (BH_TCP_ACK | BH_TCP_URG))

static __always_inline enum bh_reason parse_tcp_flags(__u8 flags, struct bh_pkt *p)
{
	if (!(BH_TCP_VALID >> (flags & (BH_TCP_SAY | BH_TCP_URG)) & 1))
		return BH_MALFORMED;
	if ((flags & BH_TCP_SAY) == BH_TCP_SYN)
		p->bits |= BH_PKT_OPENS | BH_PKT_SYN;
	if (flags & BH_TCP_FIN)
		p->bits |= BH_PKT_FIN;
	if (flags & BH_TCP_RST)
		p->bits |= BH_PKT_RST;
	return BH_POLICY;
}

static __always_inline enum bh_reason parse_tcp(struct cursor *c, __u32 room, enum bh_dir dir,
						struct bh_pkt *p)
{
	const struct tcphdr *tcp = cursor_take(c, sizeof(*tcp));
	__u8 flags;

	if (!tcp || tcp->doff < 5 || tcp->doff * 4u > room)
		return BH_MALFORMED;

	set_ports(p, dir, tcp->source, tcp->dest);
	flags = ((const __u8 *)tcp)[13];
	if ((flags & BH_TCP_SAY) == BH_TCP_ACK) /* most packets */
		return BH_POLICY;
	return parse_tcp_flags(flags, p);
}

static __always_inline enum bh_reason parse_udp(struct cursor *c, __u32 room, enum bh_dir dir,
						struct bh_pkt *p)
{
	const struct udphdr *udp = cursor_take(c, sizeof(*udp));
	__u32 len;

	if (!udp)
		return BH_MALFORMED;
	len = __be16_to_cpu(udp->len);
	if (len < sizeof(*udp) || (len > room && !p->frag)) /* a fragment's is that of the whole datagram */
		return BH_MALFORMED;

	set_ports(p, dir, udp->source, udp->dest);
	p->bits |= BH_PKT_OPENS;
	return BH_POLICY;
}

struct bh_sctp { /* RFC 9260 3: the common header, then the first chunk's */
	__be16 source, dest;
	__be32 tag, sum;
	__u8 type, flags;
	__be16 len;
};
BH_ASSERT_SIZE(struct bh_sctp, 16);

#define BH_SCTP_INIT	      1
#define BH_SCTP_ABORT	      6
#define BH_SCTP_SHUTDOWN      7
#define BH_SCTP_SHUTDOWN_ACK  8
#define BH_SCTP_SHUTDOWN_DONE 14

/* What opens and ends an association comes first in its packet: INIT and SHUTDOWN COMPLETE alone (RFC
 * 9260 6.10), ABORT with nothing but control chunks before it, which then only its time-out ends. */
static __always_inline enum bh_reason parse_sctp(struct cursor *c, __u32 room, enum bh_dir dir,
						 struct bh_pkt *p)
{
	const struct bh_sctp *sctp = cursor_take(c, sizeof(*sctp));

	if (!sctp || room < sizeof(*sctp) || __be16_to_cpu(sctp->len) < 4)
		return BH_MALFORMED;
	if (sctp->type == BH_SCTP_INIT && sctp->tag) /* RFC 9260 8.5.1 */
		return BH_MALFORMED;

	set_ports(p, dir, sctp->source, sctp->dest);
	if (sctp->type == BH_SCTP_INIT)
		p->bits |= BH_PKT_OPENS | BH_PKT_SYN;
	if (sctp->type == BH_SCTP_SHUTDOWN || sctp->type == BH_SCTP_SHUTDOWN_ACK)
		p->bits |= BH_PKT_FIN;
	if (sctp->type == BH_SCTP_ABORT || sctp->type == BH_SCTP_SHUTDOWN_DONE)
		p->bits |= BH_PKT_RST;
	return BH_POLICY;
}

/* What ICMP and ICMPv6 share (RFC 792, RFC 4443 4.1). */
struct bh_icmp {
	__u8 type, code;
	__be16 sum, id, seq;
};

/* Of no flow: what rules ask about stands where the port would. */
static __always_inline void set_icmp(struct bh_pkt *p, const struct bh_icmp *icmp)
{
	p->flow.rport = *(const __be16 *)&icmp->type;
}

/* The flow names who asks, so that a request never looks like the answer to one. */
static __always_inline enum bh_reason parse_echo(const struct bh_icmp *icmp, int request, enum bh_dir dir,
						 struct bh_pkt *p)
{
	int pod_asks = request == (dir == BH_EGRESS);

	if (icmp->code) {
		set_icmp(p, icmp);
		return BH_ICMP_TYPE;
	}
	p->flow.lport = icmp->id;
	p->flow.rport = pod_asks ? __constant_htons(BH_ECHO_OUT) : __constant_htons(BH_ECHO_IN);
	if (request)
		p->bits |= BH_PKT_OPENS;
	return BH_POLICY;
}

#define BH_ECHO4_REPLY	 0 /* <linux/icmp.h> brings libc along, which a BPF target has not */
#define BH_ECHO4_REQUEST 8
#define BH_ECHO6_REQUEST 128
#define BH_ECHO6_REPLY	 129

/* Destination unreachable, time exceeded, parameter problem (RFC 792). Not source quench, which nobody may
 * heed (RFC 6633), nor redirect, which is about routes. */
static __always_inline int is_icmp4_error(__u8 type)
{
	return type == 3 || type == 11 || type == 12;
}

/* Destination unreachable, packet too big, time exceeded, parameter problem (RFC 4443 3). */
static __always_inline int is_icmp6_error(__u8 type)
{
	return type >= 1 && type <= 4;
}

static __always_inline enum bh_reason parse_icmp4(struct cursor *c, __u32 room, enum bh_dir dir,
						  struct bh_pkt *p)
{
	const struct bh_icmp *icmp = cursor_take(c, sizeof(*icmp));

	if (!icmp || room < sizeof(*icmp))
		return BH_MALFORMED;
	if (icmp->type == BH_ECHO4_REQUEST || icmp->type == BH_ECHO4_REPLY)
		return parse_echo(icmp, icmp->type == BH_ECHO4_REQUEST, dir, p);
	set_icmp(p, icmp);
	p->offset = ETH_HLEN + sizeof(struct iphdr);
	return is_icmp4_error(icmp->type) ? BH_UNRELATED : BH_ICMP_TYPE;
}

#define BH_ND_RS       133 /* RFC 4861 4: router solicitation and advertisement, */
#define BH_ND_RA       134
#define BH_ND_NS       135 /* neighbour solicitation and advertisement */
#define BH_ND_NA       136
#define BH_ND_REDIRECT 137

/* Bytes of a neighbour discovery message before its options (RFC 4861 4.1-4.5). */
static __always_inline __u32 nd_size(__u8 type)
{
	if (type == BH_ND_RS)
		return 8;
	if (type == BH_ND_RA)
		return 16;
	return type == BH_ND_REDIRECT ? 40 : 24;
}

static __always_inline enum bh_reason parse_icmp6(struct cursor *c, __u32 room, enum bh_dir dir,
						  struct bh_pkt *p)
{
	const struct bh_icmp *icmp = cursor_take(c, sizeof(*icmp));

	if (!icmp || room < sizeof(*icmp))
		return BH_MALFORMED;
	if (icmp->type == BH_ECHO6_REQUEST || icmp->type == BH_ECHO6_REPLY)
		return parse_echo(icmp, icmp->type == BH_ECHO6_REQUEST, dir, p);
	set_icmp(p, icmp);
	p->offset = ETH_HLEN + sizeof(struct ipv6hdr);
	if (is_icmp6_error(icmp->type))
		return BH_UNRELATED;
	if (icmp->type < BH_ND_RS || icmp->type > BH_ND_REDIRECT)
		return BH_ICMP_TYPE;
	if (room < nd_size(icmp->type))
		return BH_MALFORMED;
	p->icmp = icmp->type;
	return BH_NEIGHBOUR;
}

static __always_inline enum bh_reason parse_transport(struct cursor *c, __u32 room, enum bh_dir dir,
						      struct bh_pkt *p)
{
	__u8 proto = p->flow.proto;

	if (proto == IPPROTO_TCP)
		return parse_tcp(c, room, dir, p);
	if (proto == IPPROTO_UDP)
		return parse_udp(c, room, dir, p);
	if (proto == IPPROTO_ICMP && p->family == 4)
		return parse_icmp4(c, room, dir, p);
	if (proto == IPPROTO_ICMPV6 && p->family == 6)
		return parse_icmp6(c, room, dir, p);
	if (proto == IPPROTO_SCTP)
		return parse_sctp(c, room, dir, p);
	peek_ports(c, room, dir, p);
	return BH_PROTOCOL;
}

/* ---- network ---------------------------------------------------------------------------- */

/* What parse_frame() says of headers that it leaves to parse_walk(). */
#define BH_WALK BH_EXT_HEADER

/* Length of the packet by its header; more than 64 KiB has 0 there: BIG TCP (Linux 6.3). */
static __always_inline __u32 ip4_total(const struct iphdr *ip, __u32 len)
{
	__u32 total = __be16_to_cpu(ip->tot_len);

	return total || len <= 0xffff ? total : len;
}

static __always_inline enum bh_reason parse_ip4(struct cursor *c, __u32 len, enum bh_dir dir,
						struct bh_pkt *p)
{
	const struct iphdr *ip = cursor_take(c, sizeof(*ip));
	__u32 header, total;

	if (!ip || ip->version != 4 || ip->ihl < 5)
		return BH_MALFORMED;
	header = ip->ihl * 4;
	total = ip4_total(ip, len);
	if (total < header || total > len)
		return BH_MALFORMED;

	p->family = 4;
	p->flow.proto = ip->protocol;
	addr_from4(&p->flow.local, dir == BH_EGRESS ? ip->saddr : ip->daddr);
	addr_from4(&p->flow.remote, dir == BH_EGRESS ? ip->daddr : ip->saddr);
	if (header > sizeof(*ip) || ip->frag_off & __constant_htons(0x3fff))
		return BH_WALK;
	return parse_transport(c, total - header, dir, p);
}

static __always_inline int is_ext_header(__u8 next)
{
	return next == IPPROTO_HOPOPTS || next == IPPROTO_ROUTING || next == IPPROTO_FRAGMENT ||
	       next == IPPROTO_AH || next == IPPROTO_DSTOPTS;
}

static __always_inline __u32 ip6_room(const struct ipv6hdr *ip, __u32 len)
{
	__u32 room = __be16_to_cpu(ip->payload_len);

	return room || len <= 0xffff + sizeof(*ip) ? room : len - sizeof(*ip);
}

static __always_inline enum bh_reason parse_ip6(struct cursor *c, __u32 len, enum bh_dir dir,
						struct bh_pkt *p)
{
	const struct ipv6hdr *ip = cursor_take(c, sizeof(*ip));
	__u32 room;

	if (!ip || ip->version != 6)
		return BH_MALFORMED;
	room = ip6_room(ip, len);
	if (room + sizeof(*ip) > len)
		return BH_MALFORMED;

	p->family = 6;
	p->hops = ip->hop_limit;
	p->flow.proto = ip->nexthdr;
	addr_from6(&p->flow.local, dir == BH_EGRESS ? &ip->saddr : &ip->daddr);
	addr_from6(&p->flow.remote, dir == BH_EGRESS ? &ip->daddr : &ip->saddr);
	if (!is_ext_header(ip->nexthdr))
		return parse_transport(c, room, dir, p);
	p->bits |= BH_PKT_BEHIND;
	return BH_WALK;
}

/* ---- the frame -------------------------------------------------------------------------- */

struct bh_arp { /* RFC 826, for Ethernet and IPv4 */
	__be16 hardware, protocol;
	__u8 hlen, plen;
	__be16 op;
	__u8 sender_mac[6], sender_ip[4], target_mac[6], target_ip[4];
};
BH_ASSERT_SIZE(struct bh_arp, 28);

static __always_inline enum bh_reason parse_arp(struct cursor *c, struct bh_pkt *p)
{
	const struct bh_arp *arp = cursor_take(c, sizeof(*arp));

	if (!arp || arp->hardware != __constant_htons(1) || arp->protocol != __constant_htons(ETH_P_IP) ||
	    arp->hlen != 6 || arp->plen != 4)
		return BH_MALFORMED;
	p->offset = ETH_HLEN;
	return BH_NEIGHBOUR;
}

/**
 * parse_frame() - what this frame is, and its flow.
 * @c:   the bytes that can be read, from the Ethernet header on.
 * @len: of the whole frame; more than @c holds where the rest is not linear.
 * @p:   zeroed by the caller.
 *
 * Only what every packet needs; parse_scope() does the rest. BH_MALFORMED also where @c ends within the
 * headers: if the frame is longer than @c, pull and ask again.
 */
static __always_inline enum bh_reason parse_frame(struct cursor c, __u32 len, enum bh_dir dir,
						  struct bh_pkt *p)
{
	const struct ethhdr *eth = cursor_take(&c, sizeof(*eth));

	if (!eth)
		return BH_MALFORMED;
	len -= sizeof(*eth);
	if (eth->h_dest[0] & 1)
		p->bits |= BH_PKT_GROUP;
	if (eth->h_proto == __constant_htons(ETH_P_IP))
		return parse_ip4(&c, len, dir, p);
	if (eth->h_proto == __constant_htons(ETH_P_IPV6))
		return parse_ip6(&c, len, dir, p);
	if (eth->h_proto == __constant_htons(ETH_P_ARP))
		return parse_arp(&c, p);
	if (eth->h_proto == __constant_htons(ETH_P_8021Q) || eth->h_proto == __constant_htons(ETH_P_8021AD))
		return BH_VLAN;
	return BH_ETHERTYPE;
}

/* What the addresses change about what parse_frame() said: not asked of packets with a session. */
static __always_inline enum bh_reason parse_scope(enum bh_dir dir, struct bh_pkt *p)
{
	const struct bh_addr *to = dir == BH_EGRESS ? &p->flow.remote : &p->flow.local;

	if (!p->family)
		return p->kind;
	if (p->family == 6 && (addr_is4(&p->flow.local) || addr_is4(&p->flow.remote)))
		return BH_MALFORMED;
	if (addr_is_multicast(to))
		p->bits |= BH_PKT_MULTI;
	if (p->kind != BH_POLICY)
		return p->kind;
	if (p->bits & BH_PKT_MULTI)
		return BH_MULTICAST;
	if (addr_is_link_local(&p->flow.local) || addr_is_link_local(&p->flow.remote))
		return BH_LINK_LOCAL;
	return BH_POLICY;
}

#endif
