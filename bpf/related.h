/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * ICMP and ICMPv6 errors. One belongs to the flow whose packet it quotes, and passes while that flow's
 * session is live: path-MTU messages, unreachable, time exceeded. To the pod they may come from any router on
 * the way; from the pod they go to whom it heard. One about a flow that has no session is forged, or too
 * late.
 */
#ifndef BH_RELATED_H
#define BH_RELATED_H

#include "verdict.h"
#include "walk.h"

/* The longest of the walks, verified once for all who want it. */
__noinline int bh_chain(struct __sk_buff *skb, struct chain *h)
{
	if (h)
		chain_walk(frame(skb), h);
	return 0;
}

/* Whether the flow has a live session, be it in the former slice; one with the node itself does not count,
 * since what concerns that is made by it: see is_host(). */
__noinline int bh_lives(struct bh_pkt *q, const struct bh_endpoint *ep)
{
	const struct bh_session *s;

	if (!q || !ep)
		return 0;
	s = session_find(ep, q);
	if (!s && session_has_former(ep, q))
		s = session_find_in(ep->former, q);
	return s && word_epoch(q->word) == q->epoch && !(word_fixed(q->word) & BH_SESS_HOST) &&
	       !session_is_over(s, now32());
}

/* BH_RELATED or BH_UNRELATED. */
__noinline int bh_related(struct __sk_buff *skb, const struct bh_pkt *p, const struct bh_endpoint *ep,
			  __u32 hook)
{
	const enum bh_dir dir = hook == BH_EGRESS ? BH_EGRESS : BH_INGRESS;
	struct bh_pkt q = {};
	struct chain h;

	if (!p)
		return BH_UNRELATED;
	quoted_begin(p, &q);
	if (p->family == 4)
		return quoted_ip4(frame(skb), p, dir, &q) && bh_lives(&q, ep) ? BH_RELATED : BH_UNRELATED;
	h = quoted_chain(frame(skb), p, dir, &q);
	if (h.kind == BH_POLICY)
		bh_chain(skb, &h);
	return quoted_ip6(frame(skb), &h, dir, &q) && bh_lives(&q, ep) ? BH_RELATED : BH_UNRELATED;
}

#endif
