/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the data path is compared with: a program that does nothing, and some that read one line or make one
 * look-up; and what gives every packet another flow before the program under test gets it. The kernel keeps
 * the packet of a test run from one repetition to the next, so addresses and ports are written anew each
 * time.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "../../bpf/session.h"
#include "datapath.h"

/* The program under test, or the empty one to learn what the way there costs. */
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} bench_next SEC(".maps");

struct line {
	__u64 word[8];
};

/* As many lines as there are flows at most: what one read of one of them costs at the least. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE); /* as this one begins at a page, its lines are cache lines */
	__uint(max_entries, BENCH_LINES);
	__type(key, __u32);
	__type(value, struct line);
} bench_lines SEC(".maps");

/* The sessions of the world whose flows are chained. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1); /* another map takes its place */
	__type(key, __u32);
	__type(value, struct bh_set4);
} bench_sets SEC(".maps");

struct key {
	__u32 word[5]; /* an interface and an IPv4 flow */
};

/* One entry, to learn what a look-up by a helper costs on this machine. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, struct key);
	__type(value, struct line);
} bench_hash SEC(".maps");

struct bench_lane bench_lane[BENCH_LANES] = {};

SEC("tc")
int bench_empty(struct __sk_buff *skb)
{
	(void)skb;
	return TC_ACT_UNSPEC;
}

SEC("tc")
int bench_lookup(struct __sk_buff *skb)
{
	const struct key key = { .word[0] = skb->ifindex };

	return bpf_map_lookup_elem(&bench_hash, &key) ? TC_ACT_UNSPEC : TC_ACT_SHOT;
}

static __always_inline struct bench_lane *lane(void)
{
	return &bench_lane[bpf_get_smp_processor_id() % BENCH_LANES];
}

/*
 * 0, but not before everything that the packet before this one read is there: the clock is read by an
 * instruction that waits for all loads before it, and what follows depends on what it said. So the misses of
 * two packets do not overlap, as if the next flow were known from what this one's session held.
 */
static __always_inline __u32 wait(void)
{
	return bpf_ktime_get_ns() >> 63;
}

/* All numbers below @count (a power of two, 256 at least, or 1) once, then again: each step is a bijection.
 */
static __always_inline __u32 shuffle(__u32 n, __u32 count)
{
	const __u32 mask = count - 1;

	n = n * 0x9e6d & mask;
	n ^= n >> 5;
	n = n * 0x85eb & mask;
	n ^= n >> 7;
	return n & mask;
}

static __always_inline int read_line(struct bench_lane *l, __u32 at)
{
	struct line *line = bpf_map_lookup_elem(&bench_lines, &at);

	if (!line)
		return TC_ACT_SHOT;
	l->carry = line->word[0];
	line->word[1]++;
	return TC_ACT_UNSPEC;
}

SEC("tc")
int bench_line(struct __sk_buff *skb)
{
	struct bench_lane *l = lane();

	(void)skb;
	return read_line(l, shuffle(l->n++, BENCH_LINES) ^ wait());
}

/* Where the next line is stands in the one before it (all hold 0, which only the CPU does not know). */
SEC("tc")
int bench_chase(struct __sk_buff *skb)
{
	struct bench_lane *l = lane();

	(void)skb;
	return read_line(l, shuffle(l->n++, BENCH_LINES) ^ l->carry);
}

/* 0, but not before the last packet's session is there: no flow has 2^63 bytes, which only the CPU does not
 * know. */
static __always_inline __u32 from_last(const struct bench_lane *l)
{
	const __u32 at = l->set;
	struct bh_set4 *set = bpf_map_lookup_elem(&bench_sets, &at);

	return set ? session_way(set, l->way, 0)->bytes[0] >> 63 : 0;
}

static __always_inline void keep_last(struct bench_lane *l, __be32 local, __be32 remote, __be16 rport)
{
	const struct bh_flow6 flow = { .local.w[3] = local,
				       .remote.w[3] = remote,
				       .lport = bpf_htons(l->port),
				       .rport = rport,
				       .proto = BH_PROTO_TCP };
	const __u64 hash = session_hash(&flow, l->seed, 0);

	l->set = hash & l->mask;
	l->way = session_home(hash);
}

static __always_inline void put_flow(__u8 *addr, __be16 *peer_port, __be16 *pod_port,
				     const struct bench_lane *l, __u32 n, __u32 peer)
{
	*(__be32 *)addr = bpf_htonl(l->peer + (peer << l->peer_shift));
	*peer_port = bpf_htons(l->in_order ? n & (l->ports - 1) : shuffle(n, l->ports));
	*pod_port = bpf_htons(l->port);
}

/* As many flows as the peer has ports, times as many peers. @addr_at: the last word of the source address,
 * @size: of an address. */
static __always_inline int spread(struct __sk_buff *skb, __u32 addr_at, __u32 size, __u32 port_at)
{
	__u8 *data = (__u8 *)(long)skb->data, *end = (__u8 *)(long)skb->data_end;
	struct bench_lane *l = lane();
	const __u32 n = l->n++ ^ (l->chained ? from_last(l) : wait()),
		    peer = (n + (n >> 16)) & (l->peers - 1);

	if (data + port_at + 4 > end)
		return TC_ACT_SHOT;
	if (l->out)
		put_flow(data + addr_at + size, (__be16 *)(data + port_at + 2), (__be16 *)(data + port_at), l,
			 n, peer);
	else
		put_flow(data + addr_at, (__be16 *)(data + port_at), (__be16 *)(data + port_at + 2), l, n,
			 peer);
	if (l->chained) /* IPv4, to the pod */
		keep_last(l, *(__be32 *)(data + addr_at + size), *(__be32 *)(data + addr_at),
			  *(__be16 *)(data + port_at));
	bpf_tail_call(skb, &bench_next, 0);
	return TC_ACT_SHOT;
}

SEC("tc")
int bench_spread4(struct __sk_buff *skb)
{
	return spread(skb, ETH_HLEN + offsetof(struct iphdr, saddr), 4, ETH_HLEN + sizeof(struct iphdr));
}

SEC("tc")
int bench_spread6(struct __sk_buff *skb)
{
	return spread(skb, ETH_HLEN + offsetof(struct ipv6hdr, saddr) + 12, 16,
		      ETH_HLEN + sizeof(struct ipv6hdr));
}

char _license[] SEC("license") = "Dual BSD/GPL";
