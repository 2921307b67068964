/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Every map, once: who writes it, who reads it, how large it is, what happens when it is full. Sizes
 * are defaults; the agent may set others before the load. None says that it is pinned: the agent pins.
 * "Full means refused": the update fails, the agent keeps what was in force and names object and map.
 */
#ifndef BH_MAPS_H
#define BH_MAPS_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "abi.h"

/* Pod interfaces by ifindex. Agent writes (mmap), programs read. Full: see bh_ep_index. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, BH_EP_SLOTS);
	__type(key, __u32);
	__type(value, struct bh_endpoint);
} bh_endpoints SEC(".maps");

/* ifindex -> slot, only for interfaces whose direct slot is taken. Agent writes, programs read on a
 * miss. Full means refused: the pod has no endpoint, so only host traffic passes. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, BH_EP_DIRECT);
	__type(key, __u32);
	__type(value, __u32);
} bh_ep_index SEC(".maps");

/* Address -> slot in bh_classes. Agent writes, the cold path reads. Full means refused: the address
 * stays in no class, so that only rules for everybody match it. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 65536);
	__type(key, struct bh_addr);
	__type(value, __u32);
} bh_addrs SEC(".maps");

/* Prefix -> slot in bh_classes. Agent writes, the cold path reads when bh_addrs misses and the policy
 * set has CIDR peers. Full means refused. */
struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 16384);
	__type(key, struct bh_cidr_key);
	__type(value, __u32);
} bh_cidrs SEC(".maps");

/* Slot -> class word. Agent writes (mmap), the cold path reads. Room for every address and prefix and
 * for slots that wait for their grace period. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 131072);
	__type(key, __u32);
	__type(value, __u32);
} bh_classes SEC(".maps");

/* Verdict rows. Agent writes, the cold path reads. Full means refused. A row that is missing stands for
 * the row of BH_CLASS_NONE, so the agent counts before it publishes anything that needs a row. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 65536);
	__type(key, struct bh_row_key);
	__type(value, struct bh_row);
} bh_rows SEC(".maps");

/* Slices of rows with more than BH_ROW_INLINE ranges. Agent writes, the cold path reads by bisection.
 * No free slice means refused. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 65536);
	__type(key, __u32);
	__type(value, struct bh_range);
} bh_ranges SEC(".maps");

/*
 * Sessions. Programs write and read; the agent reads, and deletes those of an interface that is gone.
 * Full: the kernel evicts what was not used of late, whoever owns it, so one pod's flood of new flows
 * can push out the idle sessions of others: not flood-proof. An evicted flow is decided again as a new
 * one; a TCP flow in its middle then needs both directions allowed.
 */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 131072);
	__type(key, struct bh_flow4);
	__type(value, struct bh_lru);
} bh_sess4 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 65536);
	__type(key, struct bh_flow6);
	__type(value, struct bh_lru);
} bh_sess6 SEC(".maps");

/* BH_PORT(protocol, port) of the hostPorts of this node: what a pod sends there ends in another pod, so
 * it is not host traffic. Agent writes, the cold path reads. Full means refused. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, __u32);
	__type(value, __u8);
} bh_node_ports SEC(".maps");

/* What ids mean. Only the agent reads and writes; here so that it is made and pinned with the rest.
 * Full means refused. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 131072);
	__type(key, struct bh_id_key);
	__type(value, struct bh_id);
} bh_ids SEC(".maps");

/* Packets and bytes by reason and direction. Programs write, the agent reads. Cannot be full. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, BH_STAT_MAX * 2);
	__type(key, __u32);
	__type(value, struct bh_count);
} bh_stats SEC(".maps");

/* Decisions by rule id. Programs write, the agent reads and gives out the ids. A rule whose id is past
 * the end works and is not counted. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 16384);
	__type(key, __u32);
	__type(value, struct bh_count);
} bh_rules SEC(".maps");

/* Denials. Programs write without waking anybody, the agent polls. Full: the event is lost and counted
 * (BH_STAT_EVENT_LOST), the packet is denied all the same. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 20);
} bh_events SEC(".maps");

/* When a denied flow was last reported: its tag << 32 | jiffies, at its hash. Programs alone. Two flows
 * on one slot push each other out, which costs an event too many, never one too few. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, BH_EVENT_SLOTS);
	__type(key, __u32);
	__type(value, __u64);
} bh_throttle SEC(".maps");

/* One-off state. Agent writes (mmap), programs read event_jiffies and open, both on their way to a denial
 * alone. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct bh_meta);
} bh_meta SEC(".maps");

#endif
