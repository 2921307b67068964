/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Flow -> reason, and what a reason leads to. The first half is pure: it reads the agent's tables and
 * writes nothing, and is what bh_explain runs. The second half counts, reports and turns the reason
 * into an action; every packet leaves through verdict().
 */
#ifndef BH_VERDICT_H
#define BH_VERDICT_H

#include <linux/pkt_cls.h>

#include "slice.h"

/* The barrier keeps clang from copying the pointer as the 32 bits that the field has, where the verifier
 * loses it. */
static __always_inline struct cursor frame(const struct __sk_buff *skb)
{
	const __u8 *pos = (const __u8 *)(long)skb->data;

	barrier_var(pos);
	return (struct cursor){ pos, (const __u8 *)(long)skb->data_end };
}

/* Where a packet to the pod was made. A packet that came in by another interface carries its index. */
enum bh_origin {
	BH_ELSEWHERE,
	BH_PERHAPS_HERE, /* no such index, no socket: this node, or IPv6 fragments put together by it */
	BH_HERE,	 /* by a socket of this node */
};

struct bh_answer {
	__u32 reason;	  /* enum bh_reason */
	__u32 rule;	  /* that decided; 0: none */
	__u32 policy_set; /* of the endpoint */
	__u32 dir;	  /* enum bh_dir in which the flow was asked about; the packet's where none was */
	__u32 word;	  /* class word of the remote */
	__u32 adopted;	  /* the endpoint is BH_EP_ADOPTED */
	__u32 action;	  /* of the row or range that decided: enum bh_action and flags */
	__u32 grace;	  /* allowed for that alone: `dir` is who opened it, then */
	__u32 via;	  /* ifindex of the pod behind the remote address; 0: nobody is hidden */
};

/* ---- flow -> reason: pure --------------------------------------------------------------- */

static __always_inline const struct bh_endpoint *endpoint_find(__u32 ifindex, __u32 *ret_slot)
{
	__u32 slot = ifindex & (BH_EP_DIRECT - 1), *other;
	const struct bh_endpoint *ep;

	*ret_slot = slot;
	ep = bpf_map_lookup_elem(&bh_endpoints, &slot);
	if (likely(ep && READ_ONCE(ep->ifindex) == ifindex))
		return ep;

	*ret_slot = BH_EP_SLOTS;
	other = bpf_map_lookup_elem(&bh_ep_index, &ifindex);
	if (!other)
		return NULL;
	slot = *other;
	ep = bpf_map_lookup_elem(&bh_endpoints, &slot);
	if (!ep || READ_ONCE(ep->ifindex) != ifindex)
		return NULL;
	*ret_slot = slot;
	return ep;
}

static __always_inline __u32 class_word(const struct bh_addr *remote, __u32 policy_set)
{
	struct bh_cidr_key key = { .prefixlen = 128,
				   .addr = *remote }; /* keys on the stack, for kernels before 6.2 */
	__u32 *slot, *word, index;

	slot = bpf_map_lookup_elem(&bh_addrs, &key.addr);
	if (!slot && policy_set & BH_SET_CIDR)
		slot = bpf_map_lookup_elem(&bh_cidrs, &key);
	if (!slot)
		return BH_CLASS_NONE;
	index = *slot;
	word = bpf_map_lookup_elem(&bh_classes, &index);
	return word ? READ_ONCE(*word) : BH_CLASS_NONE;
}

static __always_inline int is_shut(const struct bh_answer *a, __u32 dir)
{
	return !!(a->policy_set & BH_SET_SHUT(dir));
}

/* NULL where the set is shut to the class, and where the table is broken. */
static __always_inline const struct bh_row *row_find(const struct bh_answer *a, __u32 dir)
{
	struct bh_row_key key = { .policy_set = a->policy_set, .class = BH_CLASS_ID(a->word), .dir = dir };
	const struct bh_row *row;

	if (key.class != BH_CLASS_NONE) {
		row = bpf_map_lookup_elem(&bh_rows, &key);
		if (row)
			return row;
		key.class = BH_CLASS_NONE;
	}
	return is_shut(a, dir) ? NULL : bpf_map_lookup_elem(&bh_rows, &key);
}

#define BH_BISECTIONS 20 /* enough for 2^20 ranges in one row */

/* The range of a long row that holds @port, or NULL. */
static __always_inline const struct bh_range *range_bisect(const struct bh_row *row, __u32 port)
{
	__u32 low = row->base, high = low + row->n, middle, i;
	const struct bh_range *range;

	for (i = 0; i < BH_BISECTIONS && low < high; i++) {
		middle = low + (high - low) / 2;
		range = bpf_map_lookup_elem(&bh_ranges, &middle);
		if (!range)
			return NULL;
		if (port < range->first)
			high = middle;
		else if (port > range->last)
			low = middle + 1;
		else
			return range;
	}
	return NULL;
}

static __always_inline const struct bh_range *range_find(const struct bh_row *row, __u32 port)
{
	__u32 i;

	if (row->n > BH_ROW_INLINE)
		return range_bisect(row, port);
	for (i = 0; i < BH_ROW_INLINE; i++)
		if (i < row->n && port >= row->range[i].first && port <= row->range[i].last)
			return &row->range[i];
	return NULL;
}

/* What the opener's destination is in a flow opened in @dir. */
static __always_inline __u32 opened_port(const struct bh_pkt *p, enum bh_dir dir)
{
	return BH_PORT(p->flow.proto, bpf_ntohs(dir == BH_EGRESS ? p->flow.rport : p->flow.lport));
}

/* What rules ask about it: BH_PORT() or BH_ICMP(). 0, of which no rule speaks: a group's, but for datagrams.
 */
static __always_inline __u32 asked_port(const struct bh_pkt *p, enum bh_dir dir)
{
	const __u8 proto = p->flow.proto;

	if (p->kind == BH_ICMP_TYPE || p->kind == BH_UNRELATED)
		return BH_PORT(proto, bpf_ntohs(p->flow.rport));
	if (proto == IPPROTO_ICMP && p->family == 4)
		return BH_ICMP(proto, BH_ECHO4_REQUEST, 0);
	if (proto == IPPROTO_ICMPV6 && p->family == 6)
		return BH_ICMP(proto, BH_ECHO6_REQUEST, 0);
	if (p->kind == BH_PROTOCOL)
		return BH_PORT(proto, 0);
	if (p->kind == BH_POLICY || proto == IPPROTO_UDP)
		return opened_port(p, dir);
	return has_ports(proto) ? 0 : BH_PORT(proto, 0);
}

/* Kinds that show what rules ask about. All others may hide it, or who sends them. */
#define BH_SHOWN                                                                                             \
	(1ull << BH_POLICY | 1ull << BH_PROTOCOL | 1ull << BH_ICMP_TYPE | 1ull << BH_UNRELATED |             \
	 1ull << BH_MULTICAST)

/* Of a link-local address nobody knows whose it is, whatever comes by it. */
static __always_inline int is_shown(const struct bh_pkt *p)
{
	return BH_SHOWN >> p->kind & 1 && !addr_is_link_local(&p->flow.remote);
}

/* What a rule denies may be in it. */
static __always_inline __u32 hidden_action(__u32 action)
{
	if (action & BH_HIDES_DENIED)
		return BH_DENY;
	return action & BH_HIDES_AUDIT ? action | BH_AUDIT : action;
}

/* Whether policy allows a flow like this one, opened in @dir; reason and rule are filled in. */
__noinline int bh_ask_row(struct bh_answer *a, const struct bh_pkt *p, __u32 dir)
{
	const struct bh_range *range = NULL;
	const struct bh_row *row;
	__u32 action;

	if (!a || !p)
		return 0;
	a->dir = dir;
	a->action = BH_DENY;
	row = row_find(a, dir);
	if (!row) {
		a->rule = 0;
		a->reason = !is_shut(a, dir) ? BH_NO_ROW : p->kind == BH_POLICY ? BH_DENIED : p->kind;
		return 0;
	}
	a->rule = row->rule;
	action = row->action;
	if (!is_shown(p))
		action = hidden_action(action);
	else if (row->n)
		range = range_find(row, asked_port(p, dir));
	if (range) {
		a->rule = range->rule;
		action = range->action;
	}
	a->action = action;
	if (!(action & BH_ALLOW))
		a->reason = p->kind == BH_POLICY ? BH_DENIED : p->kind;
	else if (action & BH_AUDIT)
		a->reason = BH_AUDITED;
	else
		a->reason = p->kind == BH_POLICY ? BH_POLICY : BH_OPEN;
	return action & BH_ALLOW;
}

/* As bh_ask_row(), of both directions if @both: of which the first tells why, unless the other alone is
 * audited. @denied is the reason if policy says no. */
static __always_inline int ask(struct bh_answer *a, const struct bh_pkt *p, enum bh_dir dir, int both,
			       enum bh_reason denied)
{
	__u32 reason, rule, action;

	if (!a->policy_set) {
		a->reason = BH_NO_POLICY;
		return 0;
	}
	if (a->via && a->via == p->flow.ifindex) { /* no policy is between a pod and itself */
		a->reason = BH_POLICY;
		a->rule = 0;
		return 1;
	}
	if (bh_ask_row(a, p, dir)) {
		if (!both)
			return 1;
		reason = a->reason;
		rule = a->rule;
		action = a->action;
		if (bh_ask_row(a, p, dir == BH_EGRESS ? BH_INGRESS : BH_EGRESS)) {
			if (action & BH_AUDIT || !(a->action & BH_AUDIT)) {
				a->reason = reason;
				a->rule = rule;
			}
			a->action |= action;
			return 1;
		}
	}
	if (a->reason == BH_DENIED)
		a->reason = denied;
	return 0;
}

/* What every question starts from: the endpoint's policy set, then the remote's class. */
static __always_inline void look_up(struct bh_answer *a, const struct bh_pkt *p, const struct bh_endpoint *ep)
{
	a->policy_set = ep ? READ_ONCE(ep->policy_set) : 0;
	a->adopted = ep ? READ_ONCE(ep->flags) & BH_EP_ADOPTED : 0;
	a->word = p->family ? class_word(&p->flow.remote, a->policy_set) : BH_CLASS_NONE;
}

/* An address of this kind that policy can speak of. */
static __always_inline int is_of_family(const struct bh_addr *a, __u8 family)
{
	if (addr_is4(a))
		return family == 4;
	return family == 6 && (a->w[0] & __constant_htonl(0xffc00000)) != __constant_htonl(0xfe800000);
}

/*
 * A pod of this node whose packet bears an address of the node (a Service's masquerade) is judged as itself:
 * the interface that the packet came by tells which it is, where pods are routed. From a bridge it does not;
 * then the class of the node's address stays.
 */
__noinline int bh_behind(struct bh_answer *a, const struct bh_pkt *p, __u32 ifindex)
{
	const struct bh_endpoint *peer;
	__u32 i, slot;

	if (!a || !p)
		return 0;
	peer = endpoint_find(ifindex, &slot);
	for (i = 0; peer && i < BH_EP_ADDRS && i < peer->addrs; i++) {
		if (!is_of_family(&peer->addr[i], p->family))
			continue;
		a->word = class_word(&peer->addr[i], a->policy_set);
		a->via = ifindex;
		return 1;
	}
	return 0;
}

/* Is the other end this node itself? To the pod: the packet must have been made here, which neither
 * a missing index nor an address proves alone. From the pod: an address of the node, and no port that leads
 * elsewhere. */
static __always_inline int is_host(const struct bh_answer *a, const struct bh_pkt *p, enum bh_dir dir,
				   enum bh_origin origin)
{
	__u32 port = BH_NODE_PORT(p->family, p->flow.proto, bpf_ntohs(p->flow.rport));

	if (dir == BH_INGRESS) {
		if (origin != BH_PERHAPS_HERE)
			return origin == BH_HERE;
		return a->word & BH_CLASS_NODE && !p->frag && !(p->bits & BH_PKT_BEHIND);
	}
	if (!(a->word & BH_CLASS_NODE) || p->bits & BH_PKT_HIDDEN)
		return 0;
	return !has_ports(p->flow.proto) || !bpf_map_lookup_elem(&bh_node_ports, &port);
}

/*
 * A pod that was there before its programs has flows whose first packet nobody saw. For a while their TCP
 * goes on where either direction allows it; that one is taken for the opener's, and asked from then on.
 */
static __always_inline int ask_grace(struct bh_answer *a, const struct bh_pkt *p, enum bh_dir dir)
{
	if (!a->adopted || p->flow.proto != IPPROTO_TCP || !a->policy_set)
		return 0;
	a->grace = bh_ask_row(a, p, dir == BH_EGRESS ? BH_INGRESS : BH_EGRESS) || bh_ask_row(a, p, dir);
	if (a->reason == BH_DENIED)
		a->reason = BH_NO_SESSION;
	return a->grace;
}

/* The answer for a packet that no session speaks for. */
static __always_inline int decide(struct bh_answer *a, const struct bh_pkt *p, const struct bh_endpoint *ep,
				  enum bh_dir dir, enum bh_origin origin)
{
	if (is_host(a, p, dir, origin)) {
		a->reason = BH_HOST;
		return 1;
	}
	if (!ep) {
		a->reason = BH_NO_ENDPOINT;
		return 0;
	}
	if (p->kind == BH_POLICY && !(p->bits & BH_PKT_OPENS))
		return ask(a, p, dir, 1, BH_NO_SESSION) || ask_grace(a, p, dir);
	return ask(a, p, dir, 0, BH_DENIED);
}

/* ---- reason -> action ------------------------------------------------------------------- */

#define BH_BIT(reason)			 (1ull << (reason))
#define BH_ALLOW_BIT(name, action, text) (BH_##action == BH_ALLOW ? BH_BIT(BH_##name) : 0) |
#define BH_ALLOWED			 (BH_REASONS(BH_ALLOW_BIT) 0ull)
_Static_assert(BH_REASON_MAX <= 64, "more reasons than bits");

/* Forged and flooded packets say nothing about a flow that somebody wanted. */
#define BH_NO_EVENT                                                                                          \
	(BH_BIT(BH_SPOOFED_MAC) | BH_BIT(BH_SPOOFED_ADDR) | BH_BIT(BH_SPOOFED_ND) |                          \
	 BH_BIT(BH_NOT_OURS_MAC) | BH_BIT(BH_NOT_OURS_ADDR))

static __always_inline int is_allowed(__u32 reason)
{
	return BH_ALLOWED >> reason & 1;
}

static __always_inline void count_one(struct bh_count *c, __u32 len)
{
	c->packets++;
	c->bytes += len;
}

static __always_inline void count(void *map, __u32 index, __u32 len)
{
	struct bh_count *c = bpf_map_lookup_elem(map, &index);

	if (c)
		count_one(c, len);
}

static __always_inline void count_stat(struct __sk_buff *skb, __u32 stat, enum bh_dir dir)
{
	count(&bh_stats, stat * 2 + dir, skb->len);
}

#ifdef BH_DEBUG
#define trace(...) bpf_printk("bulkhead: " __VA_ARGS__)
#else
#define trace(...)                                                                                           \
	do {                                                                                                 \
	} while (0)
#endif

/* A reason in the statistics: of a session it is one counter, as on the hot path, of all else two. */
static __always_inline void count_reason(struct __sk_buff *skb, __u32 slot, __u32 reason, enum bh_dir dir)
{
	struct bh_ep_stat *stat = bpf_map_lookup_elem(&bh_ep_stats, &slot);

	if (reason != BH_SESSION)
		count_stat(skb, reason, dir);
	if (!stat)
		return;
	if (reason == BH_SESSION)
		count_one(&stat->hot[dir], skb->len);
	else if (reason < BH_REASON_MAX)
		stat->packets[reason][dir]++;
}

/* The one way out. @slot: of the endpoint. */
static __always_inline int verdict(struct __sk_buff *skb, __u32 slot, __u32 reason, enum bh_dir dir)
{
	count_reason(skb, slot, reason, dir);
	trace("if %u dir %u reason %u", skb->ifindex, dir, reason);
	return is_allowed(reason) ? TC_ACT_UNSPEC : TC_ACT_SHOT; /* UNSPEC: the next program decides */
}

static __always_inline __u64 flow_hash(const struct bh_flow6 *flow)
{
	__u64 w[6] = {}, h = 0;
	int i;

	_Static_assert(sizeof(*flow) <= sizeof(w), "a flow is hashed whole");
	__builtin_memcpy(w, flow, sizeof(*flow));
#pragma unroll
	for (i = 0; i < 6; i++)
		h = (h ^ w[i]) * 0x9e3779b97f4a7c15ull;
	h = (h ^ h >> 32) * 0x9e3779b97f4a7c15ull; /* a product's low bits know nothing of the ports */
	return h ^ h >> 32;
}

/* Whether this flow was reported a moment ago; if not, it is now. */
static __always_inline int is_throttled(const struct bh_pkt *p)
{
	__u64 hash = flow_hash(&p->flow), *last;
	__u32 slot = hash & (BH_EVENT_SLOTS - 1), zero = 0, now = bpf_jiffies64();
	const struct bh_meta *meta = bpf_map_lookup_elem(&bh_meta, &zero);

	last = bpf_map_lookup_elem(&bh_throttle, &slot);
	if (!last || !meta)
		return 0;
	if (*last >> 32 == hash >> 32 && now - (__u32)*last < READ_ONCE(meta->event_jiffies))
		return 1;
	*last = hash >> 32 << 32 | now;
	return 0;
}

__noinline int bh_report(struct __sk_buff *skb, const struct bh_pkt *p, const struct bh_answer *a, __u32 dir)
{
	struct bh_event *e;

	if (!p || !a)
		return 0;
	if (is_throttled(p)) {
		count_stat(skb, BH_STAT_EVENT_THROTTLED, dir);
		return 0;
	}
	e = bpf_ringbuf_reserve(&bh_events, sizeof(*e), 0);
	if (!e) {
		count_stat(skb, BH_STAT_EVENT_LOST, dir);
		return 0;
	}
	*e = (struct bh_event){
		.ns = bpf_ktime_get_ns(),
		.ifindex = p->flow.ifindex,
		.policy_set = a->policy_set,
		.class = BH_CLASS_ID(a->word),
		.rule = a->rule,
		.local = p->flow.local,
		.remote = p->flow.remote,
		.lport = p->flow.lport,
		.rport = p->flow.rport,
		.proto = p->flow.proto,
		.dir = a->dir,
		.reason = is_allowed(a->reason) && a->action & BH_AUDIT ? BH_AUDITED : a->reason,
		.len = skb->len,
	};
	bpf_ringbuf_submit(e, BPF_RB_NO_WAKEUP);
	return 1;
}

/* The node was opened: whatever would be denied passes. Asked there alone, so that nothing else pays for it.
 */
static __always_inline int node_is_open(void)
{
	__u32 zero = 0;
	const struct bh_meta *meta = bpf_map_lookup_elem(&bh_meta, &zero);

	return meta && READ_ONCE(meta->open);
}

static __always_inline int is_reported(const struct bh_answer *a)
{
	if (is_allowed(a->reason))
		return a->action & (BH_LOG | BH_AUDIT);
	return !(BH_NO_EVENT >> a->reason & 1);
}

/* Out, with all that a decision leaves behind: the rule's counter and, where somebody wants to know, an
 * event. */
static __always_inline int conclude(struct __sk_buff *skb, struct bh_pkt *p, const struct bh_answer *a,
				    enum bh_dir dir)
{
	p->denied = !is_allowed(a->reason);
	if (!is_allowed(a->reason) && unlikely(node_is_open()))
		return verdict(skb, p->slot, BH_NODE_OPEN, dir);
	if (a->rule)
		count(&bh_rules, a->rule, skb->len);
	if (is_reported(a))
		bh_report(skb, p, a, dir);
	return verdict(skb, p->slot, a->reason, dir);
}

#endif
