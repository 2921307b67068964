/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Sessions: find, count, store, restamp, forget. A session caches an allow; who may have one is
 * decided in verdict.h and path.h. The two families differ in their map and nowhere else.
 */
#ifndef BH_FLOW_H
#define BH_FLOW_H

#include <bpf/bpf_endian.h>

#include "maps.h"
#include "parse.h"

#define READ_ONCE(x)	 (*(const volatile typeof(x) *)&(x))
#define WRITE_ONCE(x, v) (*(volatile typeof(x) *)&(x) = (v))
#define likely(x)	 __builtin_expect(!!(x), 1)
#define unlikely(x)	 __builtin_expect(!!(x), 0)
#define barrier()	 asm volatile("" ::: "memory")
#ifndef barrier_var
#define barrier_var(v) asm volatile("" : "+r"(v))
#endif

static __always_inline struct bh_flow4 flow4(const struct bh_pkt *p)
{
	return (struct bh_flow4){
		.ifindex = p->flow.ifindex,
		.local = p->flow.local.w[3],
		.remote = p->flow.remote.w[3],
		.lport = p->flow.lport,
		.rport = p->flow.rport,
		.proto = p->flow.proto,
	};
}

/* The barrier keeps clang from making one call for both maps: the kernel could not inline that one, and
 * would reach the map by an indirect call (25 ns of 100). */
static __always_inline struct bh_lru *session_find(const struct bh_pkt *p)
{
	struct bh_lru *s;

	if (p->family == 4) {
		struct bh_flow4 key = flow4(p);

		s = bpf_map_lookup_elem(&bh_sess4, &key);
		barrier_var(s);
		return s;
	}
	return bpf_map_lookup_elem(&bh_sess6, &p->flow);
}

/* Before Linux 6.2 a key may lie on the stack, in a packet or in a map, not in an argument's memory. */
static __always_inline long session_store(const struct bh_pkt *p, const struct bh_lru *s)
{
	struct bh_flow6 wide;

	if (p->family == 4) {
		struct bh_flow4 key = flow4(p);

		return bpf_map_update_elem(&bh_sess4, &key, s, BPF_ANY);
	}
	wide = p->flow;
	return bpf_map_update_elem(&bh_sess6, &wide, s, BPF_ANY);
}

static __always_inline void session_forget(const struct bh_pkt *p)
{
	if (p->family == 4) {
		struct bh_flow4 key = flow4(p);

		bpf_map_delete_elem(&bh_sess4, &key);
	} else {
		struct bh_flow6 key = p->flow;

		bpf_map_delete_elem(&bh_sess6, &key);
	}
}

static __always_inline void session_count(struct bh_lru *s, enum bh_dir dir, __u32 len)
{
	s->packets[dir]++;
	s->bytes[dir] += len;
	s->seen = (__u32)bpf_jiffies64();
	if (dir != s->opener && !(s->flags & BH_LRU_REPLIED))
		s->flags |= BH_LRU_REPLIED;
}

/* A first SYN the other way round is not of this flow: it opens one of its own. */
static __always_inline int session_reopens(const struct bh_lru *s, const struct bh_pkt *p,
					   enum bh_dir dir)
{
	return p->bits & BH_PKT_SYN && s->opener != dir;
}

/*
 * A HOST session speaks for a packet only while the other end is this node: to the pod, one that was made
 * here; from the pod, to what is still an address of the node and no hostPort. What the node opened, the
 * pod may answer, whatever address the node used.
 */
static __always_inline int session_needs_no_host(const struct bh_lru *s, enum bh_dir dir)
{
	return !(s->flags & BH_LRU_HOST) || (dir == BH_EGRESS && s->opener == BH_INGRESS);
}

/* Stamped before this interface was born: by another one that had its ifindex. */
static __always_inline int session_is_dead(const struct bh_lru *s, const struct bh_endpoint *ep)
{
	return (__s32)(s->epoch - ep->born) < 0;
}

/*
 * Any UDP packet may be a flow's first, so what a server goes on sending would open the flow that was just
 * denied to its client, from the other end. So the session stays, under its old epoch, to be asked each time.
 */
static __always_inline void session_cut(struct bh_lru *s)
{
	s->flags |= BH_LRU_CUT;
	s->seen = (__u32)bpf_jiffies64();
}

/* The same for a flow that never was allowed. Its epoch is not dead, and none that the endpoint will get. */
static __always_inline void session_store_cut(const struct bh_pkt *p, enum bh_dir dir)
{
	struct bh_lru s = {
		.epoch = p->epoch + 0x40000000,
		.seen = (__u32)bpf_jiffies64(),
		.flags = BH_LRU_CUT,
		.opener = dir,
	};

	session_store(p, &s);
}

static __always_inline int session_is_over(const struct bh_lru *s, enum bh_dir dir)
{
	__u32 zero = 0;
	const struct bh_meta *meta;

	if (!(s->flags & BH_LRU_CUT) || s->opener == dir)
		return 0;
	meta = bpf_map_lookup_elem(&bh_meta, &zero);
	return meta && (__u32)bpf_jiffies64() - s->seen > BH_CUT_EVENTS * READ_ONCE(meta->event_jiffies);
}

/* Allowed again, by @rule: counters go on, the epoch that makes it valid comes last. */
static __always_inline void session_restamp(struct bh_lru *s, __u32 epoch, __u32 rule)
{
	s->rule = rule;
	s->flags &= ~BH_LRU_CUT;
	barrier();
	WRITE_ONCE(s->epoch, epoch);
}

#endif
