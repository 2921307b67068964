/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the hot path is compared with: a program that does nothing, one that only finds a session, and one
 * that gives every packet another flow before the program under test gets it. The kernel keeps the packet of
 * a test run from one repetition to the next, so the ports are written anew each time.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "../../bpf/abi.h"
#include "hotpath.h"

/* The program under test, or the empty one to learn what the way there costs. */
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} bench_next SEC(".maps");

/* One session each, to learn what a look-up alone costs on this machine. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, struct bh_flow4);
	__type(value, struct bh_lru);
} bench_sess4 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, struct bh_flow6);
	__type(value, struct bh_lru);
} bench_sess6 SEC(".maps");

struct bench_spread bench_spread = {};

SEC("tc")
int bench_empty(struct __sk_buff *skb)
{
	(void)skb;
	return TC_ACT_UNSPEC;
}

SEC("tc")
int bench_lookup4(struct __sk_buff *skb)
{
	const struct bh_flow4 key = { .ifindex = skb->ifindex };

	return bpf_map_lookup_elem(&bench_sess4, &key) ? TC_ACT_UNSPEC : TC_ACT_SHOT;
}

SEC("tc")
int bench_lookup6(struct __sk_buff *skb)
{
	const struct bh_flow6 key = { .ifindex = skb->ifindex };

	return bpf_map_lookup_elem(&bench_sess6, &key) ? TC_ACT_UNSPEC : TC_ACT_SHOT;
}

/* Every source port in turn, far from the one before (odd: it meets all of them), then the next
 * destination port. */
static __attribute__((always_inline)) inline int spread(struct __sk_buff *skb, __u32 at)
{
	__u8 *data = (__u8 *)(long)skb->data, *end = (__u8 *)(long)skb->data_end;
	const __u32 n = bench_spread.n++;

	if (data + at + 4 > end)
		return TC_ACT_SHOT;
	*(__be16 *)(data + at) = bpf_htons(n * 40503u);
	*(__be16 *)(data + at + 2) = bpf_htons(bench_spread.port + (n >> 16 & bench_spread.mask));
	bpf_tail_call(skb, &bench_next, 0);
	return TC_ACT_SHOT;
}

SEC("tc")
int bench_spread4(struct __sk_buff *skb)
{
	return spread(skb, ETH_HLEN + sizeof(struct iphdr));
}

SEC("tc")
int bench_spread6(struct __sk_buff *skb)
{
	return spread(skb, ETH_HLEN + sizeof(struct ipv6hdr));
}

char _license[] SEC("license") = "Dual BSD/GPL";
