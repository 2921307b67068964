/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The two ways of a packet: hot, where a live session speaks for it, and cold, where everything is
 * asked. Both hooks and both families go the same way; `dir` is the hook's.
 */
#ifndef BH_PATH_H
#define BH_PATH_H

#include "fragment.h"
#include "identity.h"
#include "related.h"
#include "verdict.h"

/* The index alone proves nothing: IPv6 fragments that this node put together and sends on have none. */
static __always_inline enum bh_origin origin_of(const struct __sk_buff *skb)
{
	if (skb->ingress_ifindex)
		return BH_ELSEWHERE;
	return skb->sk ? BH_HERE : BH_PERHAPS_HERE;
}

/* Settled without a question to policy. */
#define BH_SETTLED                                                                                           \
	(BH_NO_EVENT | BH_BIT(BH_NEIGHBOUR) | BH_BIT(BH_MALFORMED) | BH_BIT(BH_SOURCE_ROUTE) |               \
	 BH_BIT(BH_RELATED))

/* Behind a VLAN tag a pod could use anybody's address, and whoever takes the tag off would believe it; behind
 * headers that we cannot read to their end it could be anybody's router (RFC 7113). */
static __always_inline int is_settled(const struct bh_pkt *p, const struct bh_endpoint *ep, enum bh_dir dir)
{
	if (p->kind == BH_VLAN)
		return dir == BH_EGRESS && ep && !(ep->flags & BH_EP_FORWARDS);
	if ((p->kind == BH_EXT_HEADER || p->kind == BH_FRAGMENT_TINY) && p->bits & BH_PKT_HIDDEN)
		return dir == BH_EGRESS && ep;
	return !!(BH_BIT(p->kind) & BH_SETTLED);
}

/* Store what a first packet opens. No room costs the session, not the packet. */
static __always_inline void open_session(struct __sk_buff *skb, struct bh_pkt *p,
					 const struct bh_endpoint *ep, const struct bh_answer *a,
					 enum bh_dir dir)
{
	__u32 fixed = dir;
	__u8 flags = 0;
	const enum bh_state state = session_next(BH_NEW, &flags, dir, dir, says_of(p));
	struct bh_session s = {
		.seen = now32(),
		.life = life_of(session_life(p->flow.proto, state)),
		.rule = a->rule,
		.state = state,
		.packets = { dir == BH_INGRESS, dir == BH_EGRESS },
		.bytes = { dir == BH_INGRESS ? skb->len : 0, dir == BH_EGRESS ? skb->len : 0 },
	};

	if (a->reason == BH_HOST) {
		fixed |= BH_SESS_HOST;
	} else if (a->grace) {
		fixed = a->dir;
		count_stat(skb, BH_STAT_SESSION_GRACE, dir);
	} else if (!(p->bits & BH_PKT_OPENS)) {
		fixed |= BH_SESS_BOTH;
		count_stat(skb, BH_STAT_SESSION_ADOPTED, dir);
	}
	if (a->via) {
		fixed |= BH_SESS_VIA;
		session_set_via(&s, a->via);
	}
	s.word = session_word(session_tag(p->hash), fixed, p->epoch);
	s.flags = flags;
	if (!bh_open(p, ep, &s))
		count_stat(skb, BH_STAT_SESSION_FAILED, dir);
}

/* A session that was decided under an older epoch: asked again, for the direction that opened it. */
static __always_inline int redo(struct __sk_buff *skb, struct bh_pkt *p, struct bh_session *s,
				struct bh_answer *a, enum bh_dir dir)
{
	const __u32 fixed = word_fixed(p->word);

	count_stat(skb, BH_STAT_SESSION_REDONE, dir);
	if (fixed & BH_SESS_HOST || ask(a, p, word_opener(p->word), fixed & BH_SESS_BOTH, BH_DENIED)) {
		a->reason = BH_SESSION;
		a->action &= BH_AUDIT; /* it was logged when it was new */
		count_redone(p->slot);
		session_renew(s, p, a->rule);
		session_count(s, p, dir, skb->len, now32());
	} else if (p->flow.proto == IPPROTO_UDP || a->adopted) {
		session_cut(s); /* TCP: what is sent once more must not come under the grace */
	} else {
		session_end(s, p);
	}
	return conclude(skb, p, a, dir);
}

/* Who is behind an address of this node: to the pod the packet tells, from the pod its session. */
static __always_inline void look_behind(struct __sk_buff *skb, struct bh_answer *a, const struct bh_pkt *p,
					const struct bh_session *s, enum bh_dir dir, enum bh_origin origin)
{
	if (dir == BH_INGRESS && a->word & BH_CLASS_NODE && origin == BH_ELSEWHERE)
		bh_behind(a, p, skb->ingress_ifindex);
	else if (dir == BH_EGRESS && s && word_fixed(p->word) & BH_SESS_VIA)
		bh_behind(a, p, session_via(s));
}

/*
 * Everything that has no live session in its slice, or one that cannot speak for this packet as it stands.
 * This and the other functions that are not static are checked by the verifier on their own, once, for any
 * arguments (so they test pointers that are never NULL): as static ones they would be walked again for
 * every way through the parser, past the limit of a million instructions.
 */
__noinline int bh_cold(struct __sk_buff *skb, struct bh_pkt *p, const struct bh_endpoint *ep, __u32 hook)
{
	struct bh_session *s = NULL;
	enum bh_dir dir = hook == BH_EGRESS ? BH_EGRESS : BH_INGRESS;
	enum bh_origin origin = origin_of(skb);
	struct bh_answer a = { .dir = dir };
	int allowed;

	if (!p)
		return TC_ACT_SHOT;
	p->kind = identity_packet(frame(skb), skb->len, p, ep, dir);
	if (p->kind == BH_MALFORMED) /* whose it is nobody knows: a report names the interface alone */
		p->flow = (struct bh_flow6){ .ifindex = p->flow.ifindex };
	if (is_settled(p, ep, dir)) {
		a.reason = p->kind;
		a.policy_set = ep ? READ_ONCE(ep->policy_set) : 0;
		return conclude(skb, p, &a, dir);
	}
	if (p->kind == BH_FRAGMENT && ep) {
		p->kind = bh_follow(skb, p, dir);
		if (p->kind == BH_LATER) {
			a.reason = BH_LATER;
			return conclude(skb, p, &a, dir);
		}
	}
	look_up(&a, p, ep);
	if (p->kind == BH_POLICY && ep)
		s = session_cold(ep, p);
	if (p->kind == BH_POLICY && ep)
		look_behind(skb, &a, p, s, dir, origin);
	if (s && !session_reopens(s, p, dir) &&
	    (session_needs_no_origin(p->word, dir) ||
	     (word_fixed(p->word) & BH_SESS_VIA ? session_is_via(s, skb->ingress_ifindex)
						: is_host(&a, p, dir, origin)))) {
		if (word_epoch(p->word) != p->epoch)
			return redo(skb, p, s, &a, dir);
		session_count(s, p, dir, skb->len, now32());
		return verdict(skb, p->slot, BH_SESSION, dir); /* it has moved */
	}
	allowed = decide(&a, p, ep, dir, origin);
	if (p->kind == BH_POLICY && ep) {
		if (allowed)
			open_session(skb, p, ep, &a, dir);
		else if (p->flow.proto == IPPROTO_UDP && !s && node_is_open())
			session_open_cut(p, ep, dir); /* or its answers would open it for good */
	}
	return conclude(skb, p, &a, dir);
}

/* Whether the other end of this packet is this node, as is_host() says, for the hot path. */
__noinline int bh_with_host(struct __sk_buff *skb, const struct bh_pkt *p, __u32 hook)
{
	enum bh_origin origin = origin_of(skb);
	struct bh_answer a = {};

	if (!p)
		return 0;
	if (hook == BH_EGRESS || origin == BH_PERHAPS_HERE) /* else the address says nothing */
		look_up(&a, p, NULL);
	return is_host(&a, p, hook == BH_EGRESS ? BH_EGRESS : BH_INGRESS, origin);
}

static __always_inline int is_live(struct __sk_buff *skb, const struct bh_session *s, const struct bh_pkt *p,
				   enum bh_dir dir, __u32 now)
{
	if (word_epoch(p->word) != p->epoch || session_reopens(s, p, dir) || session_is_over(s, now))
		return 0;
	if (likely(session_needs_no_origin(p->word, dir)))
		return 1;
	return word_fixed(p->word) & BH_SESS_VIA ? session_is_via(s, skb->ingress_ifindex)
						 : bh_with_host(skb, p, dir);
}

__noinline int bh_options(struct __sk_buff *skb)
{
	return options_of(frame(skb));
}

__noinline int bh_walk6(struct __sk_buff *skb, struct bh_pkt *p, __u32 hook)
{
	struct chain h;

	if (!p)
		return BH_MALFORMED;
	h = chain_of(frame(skb), skb->len - ETH_HLEN);
	if (h.kind == BH_POLICY)
		bh_chain(skb, &h);
	return walk_ip6(frame(skb), &h, hook == BH_EGRESS ? BH_EGRESS : BH_INGRESS, p);
}

/* parse_walk() for a packet; each step is verified on its own. */
__noinline int bh_walk(struct __sk_buff *skb, struct bh_pkt *p, __u32 hook)
{
	const enum bh_dir dir = hook == BH_EGRESS ? BH_EGRESS : BH_INGRESS;

	if (!p)
		return BH_MALFORMED;
	if (p->family != 4)
		return bh_walk6(skb, p, hook);
	return walk_ip4(frame(skb), skb->len - ETH_HLEN, dir, p, bh_options(skb));
}

/* What is not plain: headers that are not all linear look cut, so they are pulled and parsed again. */
__noinline int bh_parse_again(struct __sk_buff *skb, struct bh_pkt *p, __u32 hook, __u32 kind)
{
	const enum bh_dir dir = hook == BH_EGRESS ? BH_EGRESS : BH_INGRESS;
	const __u32 len = skb->len, needed = len < BH_PULL ? len : BH_PULL;
	struct cursor c = frame(skb);

	if (!p)
		return BH_MALFORMED;
	if (c.pos + needed > c.end) {
		if (bpf_skb_pull_data(skb, needed))
			return BH_MALFORMED;
		kind = parse_frame(frame(skb), len, dir, p);
	}
	return kind;
}

static __always_inline enum bh_reason read_packet(struct __sk_buff *skb, struct bh_pkt *p, enum bh_dir dir)
{
	enum bh_reason kind;

	/* Without an id it is a mere priority: the kernel reads on as if there were no tag. */
	if (unlikely(skb->vlan_present && skb->vlan_tci & 0xfff))
		return BH_VLAN;
	kind = parse_frame(frame(skb), skb->len, dir, p);
	if (likely(kind == BH_POLICY))
		return kind;
	kind = bh_parse_again(skb, p, dir, kind);
	return kind == BH_WALK ? bh_walk(skb, p, dir) : kind;
}

static __always_inline int handle(struct __sk_buff *skb, const enum bh_dir dir)
{
	const struct bh_endpoint *ep;
	struct bh_session *s;
	struct bh_pkt p = {};
	struct cursor c;
	__u32 now;
	int action;

	ep = endpoint_find(skb->ifindex, &p.slot);
	if (likely(ep))
		p.epoch =
			READ_ONCE(ep->epoch); /* before all else: what is decided is stamped with this one */
	p.flow.ifindex = skb->ifindex;
	p.kind = read_packet(skb, &p, dir);
	if (likely(ep && p.kind == BH_POLICY)) {
		s = session_find(ep, &p);
		now = now32();
		c = frame(skb);
		if (likely(s && c.pos + ETH_HLEN <= c.end && is_live(skb, s, &p, dir, now)) &&
		    (own_mac((const struct ethhdr *)c.pos, ep, dir) || ep->flags & BH_EP_FORWARDS)) {
			session_count(s, &p, dir, skb->len, now);
			if (unlikely(p.frag))
				bh_remember(skb, &p, dir, 1);
			return verdict(skb, p.slot, BH_SESSION, dir);
		}
	} else if (p.kind == BH_UNRELATED) {
		p.kind = bh_related(skb, &p, ep, dir);
	}
	action = bh_cold(skb, &p, ep, dir);
	if (unlikely(p.frag))
		bh_remember(skb, &p, dir, !p.denied);
	return action;
}

/* What parse_icmp4() and parse_icmp6() call it. */
static __always_inline enum bh_reason icmp_kind(const struct bh_query *q, int v4)
{
	const __u8 type = *(const __u8 *)&q->rport;

	if (!(q->flags & BH_Q_ICMP))
		return BH_POLICY;
	return (v4 ? is_icmp4_error(type) : is_icmp6_error(type)) ? BH_UNRELATED : BH_ICMP_TYPE;
}

/* A query as the packet that it stands for. Echo: the ports play no part. */
static __always_inline void packet_of(const struct bh_query *q, struct bh_pkt *p)
{
	int v4 = addr_is4(&q->remote);

	p->flow.ifindex = q->ifindex;
	p->flow.local = q->local;
	p->flow.remote = q->remote;
	p->flow.lport = q->lport;
	p->flow.rport = q->rport;
	p->flow.proto = q->proto;
	p->family = v4 ? 4 : 6;
	p->kind = BH_PROTOCOL;
	if (q->proto == (v4 ? IPPROTO_ICMP : IPPROTO_ICMPV6))
		p->kind = icmp_kind(q, v4);
	else if (q->proto == IPPROTO_TCP || q->proto == IPPROTO_UDP || q->proto == IPPROTO_SCTP)
		p->kind = BH_POLICY;
	if (!(q->flags & BH_Q_MIDFLOW) || q->proto == IPPROTO_UDP)
		p->bits = BH_PKT_OPENS;
}

/* What handle() would say to a packet like the query, were there no session. Zero for the local address
 * leaves out whether it is the pod's own. */
static __always_inline int explain(struct __sk_buff *skb)
{
	struct cursor c = frame(skb);
	const struct ethhdr *eth = cursor_take(&c, sizeof(*eth));
	struct bh_query *q = (struct bh_query *)cursor_take(&c, sizeof(*q));
	const struct bh_endpoint *ep;
	struct bh_answer a = {};
	struct bh_pkt p = {};
	enum bh_dir dir;

	if (!eth || !q || eth->h_proto != __constant_htons(BH_QUERY_ETHERTYPE))
		return TC_ACT_UNSPEC;
	dir = q->dir == BH_EGRESS ? BH_EGRESS : BH_INGRESS;
	ep = endpoint_find(q->ifindex, &p.slot);
	packet_of(q, &p);
	p.kind = parse_scope(dir, &p);
	if (p.kind != BH_MALFORMED && ep && !addr_is_zero(&p.flow.local))
		p.kind = identity_addr(&p, ep, dir);

	look_up(&a, &p, ep);
	a.reason = p.kind;
	if (!is_settled(&p, ep, dir))
		decide(&a, &p, ep, dir, q->flags & BH_Q_HOST_MADE ? BH_HERE : BH_ELSEWHERE);
	q->reason = is_allowed(a.reason) || !node_is_open() ? a.reason : BH_NODE_OPEN;
	q->rule = a.rule;
	q->policy_set = a.policy_set;
	q->class = BH_CLASS_ID(a.word);
	q->jiffies = (__u32)bpf_jiffies64();
	return TC_ACT_UNSPEC;
}

#endif
