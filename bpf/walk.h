/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What parse_frame() leaves aside: IPv4 options, IPv6 extension headers, fragments of both, and the packet
 * that an ICMP error quotes. As pure as parse.h. All that is read lies within the first BH_PULL bytes of the
 * frame, so that no packet can be walked for long; what goes on beyond them cannot be walked, and says so.
 */
#ifndef BH_WALK_H
#define BH_WALK_H

#include "parse.h"

#define BH_PULL 256 /* bytes: all headers that we look at, and the longest neighbour message of a host */

#define BH_CHAIN     8	 /* extension headers */
#define BH_CHAIN_END 192 /* of them: behind it there is room for any transport header */
#define BH_OPTIONS   40	 /* bytes behind an IPv4 header */
#define BH_IP4_MORE  0x2000
#define BH_IP4_FROM  0x1fff
#define BH_IP6_MORE  0x0001
#define BH_IP6_FROM  0xfff8
#define BH_DATAGRAM  0xffff /* bytes that fragments may make */

/* The bytes from @at on. */
static __always_inline struct cursor cursor_at(struct cursor c, __u32 at)
{
	c.pos += at & (BH_PULL - 1);
	return c;
}

/* ---- fragments -------------------------------------------------------------------------- */

struct bh_piece { /* of a datagram */
	__u32 id;
	__u32 from, to; /* bytes of it */
	__u32 more;	/* is not the last */
};

static __always_inline void piece_of4(const struct iphdr *ip, __u32 room, struct bh_piece *ret)
{
	const __u32 field = __be16_to_cpu(ip->frag_off);

	ret->id = ip->id;
	ret->from = (field & BH_IP4_FROM) * 8;
	ret->to = ret->from + room;
	ret->more = !!(field & BH_IP4_MORE);
}

struct bh_frag6 { /* RFC 8200 4.5 */
	__u8 next, reserved;
	__be16 field;
	__be32 id;
};

static __always_inline void piece_of6(const struct bh_frag6 *f, __u32 room, struct bh_piece *ret)
{
	const __u32 field = __be16_to_cpu(f->field);

	ret->id = f->id;
	ret->from = field & BH_IP6_FROM;
	ret->to = ret->from + room;
	ret->more = field & BH_IP6_MORE;
}

/* A piece of something: not empty, not past what a datagram can hold, and cut where it may be. */
static __always_inline int piece_is_sound(const struct bh_piece *piece)
{
	return piece->to > piece->from && piece->to <= BH_DATAGRAM && !(piece->more && piece->to & 7);
}

/* The piece that a fragment is, once more, for whoever remembers it. Not 0: there it is. */
static __always_inline int piece_again(struct cursor frame, const struct bh_pkt *p, struct bh_piece *ret)
{
	struct cursor c = cursor_at(frame, ETH_HLEN);
	const struct bh_frag6 *f;
	const struct ipv6hdr *ip6;
	const struct iphdr *ip;

	if (p->family == 4) {
		ip = cursor_take(&c, sizeof(*ip));
		if (!ip)
			return 0;
		piece_of4(ip, __be16_to_cpu(ip->tot_len) - ip->ihl * 4u, ret);
		return 1;
	}
	ip6 = cursor_take(&c, sizeof(*ip6));
	c = cursor_at(frame, p->frag);
	f = cursor_take(&c, sizeof(*f));
	if (!ip6 || !f)
		return 0;
	piece_of6(f, ETH_HLEN + sizeof(*ip6) + __be16_to_cpu(ip6->payload_len) - p->frag - sizeof(*f), ret);
	return 1;
}

/* Bytes that the first fragment must hold of its transport header (RFC 1858, RFC 3128; RFC 7112 for IPv6):
 * all. */
static __always_inline __u32 transport_size(struct cursor c, __u8 proto)
{
	const __u8 *tcp;

	if (proto == IPPROTO_UDP || proto == IPPROTO_ICMP || proto == IPPROTO_ICMPV6)
		return sizeof(struct udphdr);
	if (proto == IPPROTO_SCTP)
		return sizeof(struct bh_sctp);
	if (proto != IPPROTO_TCP)
		return 0;
	tcp = cursor_take(&c, sizeof(struct tcphdr));
	return tcp && tcp[12] >> 4 > 5 ? (tcp[12] >> 4) * 4u : sizeof(struct tcphdr);
}

static __always_inline enum bh_reason parse_first(struct cursor *c, __u32 room, enum bh_dir dir,
						  struct bh_pkt *p)
{
	enum bh_reason kind;

	if (room < transport_size(*c, p->flow.proto)) {
		peek_ports(c, room, dir, p);
		if (p->flow.proto == IPPROTO_ICMPV6)
			p->bits |= BH_PKT_HIDDEN; /* a router's, perhaps */
		return BH_FRAGMENT_TINY;
	}
	kind = parse_transport(c, room, dir, p);
	return kind == BH_NEIGHBOUR ? BH_SPOOFED_ND : kind; /* RFC 6980: never in pieces */
}

/* What lies behind all that stands before the transport header: of a fragment, of the whole packet. */
static __always_inline enum bh_reason parse_behind(struct cursor *c, __u32 room, enum bh_dir dir,
						   struct bh_pkt *p, const struct bh_piece *piece)
{
	if (!p->frag)
		return parse_transport(c, room, dir, p);
	if (!piece_is_sound(piece))
		return BH_MALFORMED;
	if (!piece->from)
		return parse_first(c, room, dir, p);
	return piece->from == 8 && p->flow.proto == IPPROTO_TCP ? BH_FRAGMENT_TINY : BH_FRAGMENT;
}

/* ---- IPv4 options ----------------------------------------------------------------------- */

#define BH_OPT_END	    0 /* RFC 791 3.1 */
#define BH_OPT_NOP	    1
#define BH_OPT_RECORD	    7
#define BH_OPT_TIME	    68
#define BH_OPT_LOOSE_ROUTE  131
#define BH_OPT_STRICT_ROUTE 137

/*
 * A source route makes the addresses others than those that we judge, for both ends: it never passes. What
 * records the route or the times says nothing of the flow, but much of the network (RFC 7126), so that it
 * passes only where all is allowed. The rest (router alert, security labels) is the ends' own business.
 */
static __always_inline enum bh_reason parse_options(struct cursor c, __u32 n)
{
	enum bh_reason kind = BH_POLICY;
	const __u8 *opt;
	__u32 at = 0, i;

	if (n > BH_OPTIONS)
		return BH_MALFORMED;
	for (i = 0; i < BH_OPTIONS && at < n; i++) {
		opt = c.pos + at;
		if (opt + 1 > c.end || opt[0] == BH_OPT_END)
			return kind;
		if (opt[0] == BH_OPT_NOP) {
			at = (at + 1) & 0x3f; /* no more than `at`, said so that the verifier sees it */
			continue;
		}
		if (opt + 2 > c.end || opt[1] < 2 || at + opt[1] > n)
			return BH_MALFORMED;
		if (opt[0] == BH_OPT_LOOSE_ROUTE || opt[0] == BH_OPT_STRICT_ROUTE)
			return BH_SOURCE_ROUTE;
		if (opt[0] == BH_OPT_RECORD || opt[0] == BH_OPT_TIME)
			kind = BH_IP_OPTIONS;
		at = (at + opt[1]) & 0x3f;
	}
	return kind;
}

/* What the options of an IPv4 packet say of it: BH_POLICY if nothing. */
static __always_inline enum bh_reason options_of(struct cursor frame)
{
	struct cursor c = cursor_at(frame, ETH_HLEN);
	const struct iphdr *ip = cursor_take(&c, sizeof(*ip));

	if (!ip || cursor_at(frame, ETH_HLEN + ip->ihl * 4).pos > frame.end)
		return BH_MALFORMED;
	return parse_options(c, ip->ihl * 4 - sizeof(*ip));
}

/* @said: by options_of(). */
static __always_inline enum bh_reason walk_ip4(struct cursor frame, __u32 len, enum bh_dir dir,
					       struct bh_pkt *p, enum bh_reason said)
{
	struct cursor c = cursor_at(frame, ETH_HLEN);
	const struct iphdr *ip = cursor_take(&c, sizeof(*ip));
	struct bh_piece piece;
	enum bh_reason kind;
	__u32 room;

	if (!ip)
		return BH_MALFORMED;
	if (said == BH_MALFORMED || said == BH_SOURCE_ROUTE)
		return said;
	c = cursor_at(frame, ETH_HLEN + ip->ihl * 4);
	room = ip4_total(ip, len) - ip->ihl * 4;
	piece_of4(ip, room, &piece);
	if (piece.from || piece.more)
		p->frag = ETH_HLEN;
	kind = parse_behind(&c, room, dir, p, &piece);
	p->offset = ETH_HLEN + ip->ihl * 4;
	return kind == BH_POLICY ? said : kind;
}

/* ---- IPv6 extension headers ------------------------------------------------------------- */

struct chain {
	__u32 at;	       /* in the frame: what is behind the headers that were read */
	__u32 room;	       /* bytes of the packet from there on */
	struct bh_piece piece; /* where `frag` is not 0 */
	__u8 next;	       /* the protocol there */
	__u8 frag;	       /* offset of the fragment header; 0: a whole packet */
	__u8 routed;	       /* it is to go on from the address that it bears */
	__u8 kind;	       /* BH_POLICY while nothing is wrong */
};

/* Atomic ones are whole packets (RFC 6946). */
static __always_inline enum bh_reason chain_fragment(struct chain *h, const struct bh_frag6 *f, __u32 room)
{
	if (!(f->field & __constant_htons(BH_IP6_FROM | BH_IP6_MORE)))
		return BH_POLICY;
	if (h->frag)
		return BH_EXT_HEADER; /* pieces of a piece */
	h->frag = (__u8)h->at;
	piece_of6(f, room, &h->piece);
	return BH_POLICY;
}

/* One header on. */
static __always_inline enum bh_reason chain_step(struct cursor frame, struct chain *h, int first)
{
	struct cursor c = cursor_at(frame, h->at);
	const __u8 *x = cursor_take(&c, 8);
	__u32 n = 8;

	if (h->room < 8)
		return h->frag ? BH_FRAGMENT_TINY : BH_MALFORMED;
	if (h->at > BH_CHAIN_END)
		return BH_EXT_HEADER;
	if (!x)
		return BH_MALFORMED;
	if (h->next == IPPROTO_HOPOPTS && !first)
		return BH_MALFORMED; /* RFC 8200 4.1 */
	if (h->next == IPPROTO_ROUTING && !x[2])
		return BH_SOURCE_ROUTE; /* RFC 5095 */
	if (h->next == IPPROTO_ROUTING && x[3])
		h->routed = 1;
	if (h->next == IPPROTO_FRAGMENT)
		h->kind = chain_fragment(h, (const struct bh_frag6 *)x, h->room - 8);
	else
		n = h->next == IPPROTO_AH ? (x[1] + 2) * 4 : (x[1] + 1) * 8;
	if (n > h->room)
		return h->frag ? BH_FRAGMENT_TINY : BH_MALFORMED;
	h->next = x[0];
	h->at += n;
	h->room -= n;
	return h->kind;
}

/* From an IPv6 header on, that says @next; what comes behind a later fragment's is no header any more. */
static __always_inline void chain_walk(struct cursor frame, struct chain *h)
{
	int i;

	for (i = 0; i < BH_CHAIN; i++) {
		if (!is_ext_header(h->next) || (h->frag && h->piece.from))
			return;
		h->kind = chain_step(frame, h, !i);
		if (h->kind != BH_POLICY)
			return;
	}
	if (is_ext_header(h->next) && !(h->frag && h->piece.from))
		h->kind = BH_EXT_HEADER;
}

/*
 * A hop-by-hop header that holds just a router alert and padding, with MLD behind it, is how every host
 * speaks MLD (RFC 3810 5).
 */
static __always_inline int is_mld(struct cursor c, __u32 room)
{
	const __u8 *opt = cursor_take(&c, 16);

	if (!opt || room < 16 || opt[0] != IPPROTO_ICMPV6 || opt[1] || opt[2] != 5 || opt[3] != 2)
		return 0;
	return (opt[8] >= 130 && opt[8] <= 132) || opt[8] == 143;
}

static __always_inline enum bh_reason parse_mld(struct cursor c, struct bh_pkt *p)
{
	const __u8 *opt = cursor_take(&c, 16);

	p->flow.proto = IPPROTO_ICMPV6;
	p->icmp = opt ? opt[8] : 0;
	p->offset = ETH_HLEN + sizeof(struct ipv6hdr) + 8;
	return BH_NEIGHBOUR;
}

/* Of the frame's own IPv6 header, before it is walked. */
static __always_inline struct chain chain_of(struct cursor frame, __u32 len)
{
	struct cursor c = cursor_at(frame, ETH_HLEN);
	const struct ipv6hdr *ip = cursor_take(&c, sizeof(*ip));
	struct chain h = { .at = ETH_HLEN + sizeof(*ip), .kind = BH_MALFORMED };

	if (!ip)
		return h;
	h.next = ip->nexthdr;
	h.room = ip6_room(ip, len);
	h.kind = h.next == IPPROTO_HOPOPTS && is_mld(c, h.room) ? BH_NEIGHBOUR : BH_POLICY;
	return h;
}

/* @h: of chain_of(), and walked unless it is not BH_POLICY. */
static __always_inline enum bh_reason walk_ip6(struct cursor frame, const struct chain *h, enum bh_dir dir,
					       struct bh_pkt *p)
{
	struct cursor c = cursor_at(frame, h->at);
	enum bh_reason kind;

	if (h->kind == BH_NEIGHBOUR)
		return parse_mld(c, p);
	p->frag = h->frag;
	p->flow.proto = h->next;
	if (h->kind != BH_POLICY || h->at > BH_CHAIN_END) {
		p->bits |= BH_PKT_HIDDEN;
		return h->kind == BH_POLICY ? BH_EXT_HEADER : (enum bh_reason)h->kind;
	}
	kind = parse_behind(&c, h->room, dir, p, &h->piece);
	p->offset = (__u8)h->at;
	return kind == BH_POLICY && h->routed ? BH_EXT_HEADER : kind;
}

/**
 * parse_walk() - the same for a packet of which parse_frame() has said BH_WALK.
 * @frame: min(@len, BH_PULL) bytes or more, from the Ethernet header on.
 *
 * Sets p->frag where the packet is a fragment: BH_FRAGMENT for a later one, else what is known of the
 * datagram. The programs take the same steps in functions of their own, see path.h.
 */
static __always_inline enum bh_reason parse_walk(struct cursor frame, __u32 len, enum bh_dir dir,
						 struct bh_pkt *p)
{
	struct chain h;

	if (p->family == 4)
		return walk_ip4(frame, len - ETH_HLEN, dir, p, options_of(frame));
	h = chain_of(frame, len - ETH_HLEN);
	if (h.kind == BH_POLICY)
		chain_walk(frame, &h);
	return walk_ip6(frame, &h, dir, p);
}

/* ---- what an ICMP error quotes ---------------------------------------------------------- */

/* Its ends, seen from the pod; it went the other way than the error. 0: not this packet's business. */
static __always_inline int quoted_ends(const struct bh_pkt *p, enum bh_dir dir, struct bh_pkt *q)
{
	if (!addr_equal(&q->flow.local, &p->flow.local))
		return 0;
	/* A pod tells whom it has heard; to the pod, any router on the way may speak. */
	return dir == BH_INGRESS || addr_equal(&q->flow.remote, &p->flow.remote);
}

/* Its first eight bytes are all that there must be (RFC 792). */
static __always_inline int quoted_transport(struct cursor c, enum bh_dir dir, struct bh_pkt *q)
{
	const __u8 proto = q->flow.proto, *x = cursor_take(&c, 8);
	const struct bh_icmp *icmp = (const struct bh_icmp *)x;

	if (!x)
		return 0;
	if (proto == IPPROTO_TCP || proto == IPPROTO_UDP || proto == IPPROTO_SCTP) {
		set_ports(q, dir, *(const __be16 *)x, *(const __be16 *)(x + 2));
		return 1;
	}
	if (q->family == 4 && proto == IPPROTO_ICMP &&
	    (icmp->type == BH_ECHO4_REQUEST || icmp->type == BH_ECHO4_REPLY))
		return parse_echo(icmp, icmp->type == BH_ECHO4_REQUEST, dir, q) == BH_POLICY;
	if (q->family == 6 && proto == IPPROTO_ICMPV6 &&
	    (icmp->type == BH_ECHO6_REQUEST || icmp->type == BH_ECHO6_REPLY))
		return parse_echo(icmp, icmp->type == BH_ECHO6_REQUEST, dir, q) == BH_POLICY;
	return 0;
}

static __always_inline int quoted_ip4(struct cursor frame, const struct bh_pkt *p, enum bh_dir dir,
				      struct bh_pkt *q)
{
	const enum bh_dir went = dir == BH_EGRESS ? BH_INGRESS : BH_EGRESS;
	struct cursor c = cursor_at(frame, p->offset + sizeof(struct bh_icmp));
	const struct iphdr *ip = cursor_take(&c, sizeof(*ip));

	if (!ip || ip->version != 4 || ip->ihl < 5 || ip->frag_off & __constant_htons(BH_IP4_FROM))
		return 0;
	q->flow.proto = ip->protocol;
	addr_from4(&q->flow.local, went == BH_EGRESS ? ip->saddr : ip->daddr);
	addr_from4(&q->flow.remote, went == BH_EGRESS ? ip->daddr : ip->saddr);
	c = cursor_at(frame, p->offset + sizeof(struct bh_icmp) + ip->ihl * 4);
	return quoted_ends(p, dir, q) && quoted_transport(c, went, q);
}

/* Its addresses, and the chain of headers that is still to be walked. */
static __always_inline struct chain quoted_chain(struct cursor frame, const struct bh_pkt *p, enum bh_dir dir,
						 struct bh_pkt *q)
{
	const __u32 at = p->offset + sizeof(struct bh_icmp);
	struct cursor c = cursor_at(frame, at);
	const struct ipv6hdr *ip = cursor_take(&c, sizeof(*ip));
	struct chain h = { .at = at + sizeof(*ip), .room = BH_DATAGRAM, .kind = BH_MALFORMED };

	if (!ip || ip->version != 6)
		return h;
	addr_from6(&q->flow.local, dir == BH_INGRESS ? &ip->saddr : &ip->daddr);
	addr_from6(&q->flow.remote, dir == BH_INGRESS ? &ip->daddr : &ip->saddr);
	h.next = ip->nexthdr;
	h.kind = quoted_ends(p, dir, q) ? BH_POLICY : BH_UNRELATED;
	return h;
}

static __always_inline int quoted_ip6(struct cursor frame, const struct chain *h, enum bh_dir dir,
				      struct bh_pkt *q)
{
	if (h->kind != BH_POLICY || h->at > BH_PULL - 8 || (h->frag && h->piece.from))
		return 0;
	q->flow.proto = h->next;
	return quoted_transport(cursor_at(frame, h->at), dir == BH_EGRESS ? BH_INGRESS : BH_EGRESS, q);
}

static __always_inline void quoted_begin(const struct bh_pkt *p, struct bh_pkt *q)
{
	q->flow.ifindex = p->flow.ifindex;
	q->epoch = p->epoch;
	q->family = p->family;
}

/* Not 0: the flow of the packet that the ICMP error @p quotes, which is about what it says, into the zeroed
 * @q. */
static __always_inline int parse_quoted(struct cursor frame, const struct bh_pkt *p, enum bh_dir dir,
					struct bh_pkt *q)
{
	struct chain h;

	quoted_begin(p, q);
	if (p->family == 4)
		return quoted_ip4(frame, p, dir, q);
	h = quoted_chain(frame, p, dir, q);
	if (h.kind == BH_POLICY)
		chain_walk(frame, &h);
	return quoted_ip6(frame, &h, dir, q);
}

#endif
