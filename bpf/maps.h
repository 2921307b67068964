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
 * Sessions: sets of eight lines, of which each endpoint has a slice of its own (bh_endpoint.slice). Programs
 * write and read; the agent too (mmap), and hands out the slices. A set that is full: who makes room is
 * chosen within it (session.h), so no pod costs another one a session; a TCP flow that lost its line is
 * decided again as one in its middle, which needs both directions allowed.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 32768);
	__type(key, __u32);
	__type(value, struct bh_set4);
} bh_sess4 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 16384);
	__type(key, __u32);
	__type(value, struct bh_set6);
} bh_sess6 SEC(".maps");

/* bh_meta.seed, set before the load: a constant to the programs. */
const volatile __u64 bh_seed = 0;

/*
 * Datagrams whose first fragment has passed, and how far they have come: see fragment.h. Programs alone. Each
 * endpoint has lines of its own, so that a pod that floods fragments pushes out its own and nobody else's.
 * Full: the older datagram of a line is forgotten, and what is still to come of it is dropped where not all
 * is allowed.
 */
#define BH_FRAGMENT_LINES 32 /* an endpoint: as many datagrams under way at once, rather fewer */

enum bh_fragment_state {
	BH_FRAGMENT_SHUT = 0, /* nothing more passes */
	BH_FRAGMENT_OPEN,
	BH_FRAGMENT_WHOLE, /* the last piece was seen */
};

struct bh_fragment {
	struct bpf_spin_lock lock;
	__u32 epoch; /* of the endpoint when the first piece was allowed */
	__u32 seen;  /* jiffies of it */
	__u32 id;
	struct bh_addr local, remote;
	__u16 from, to;	 /* bytes of the datagram: the piece that came last */
	__u8 proto;	 /* of the first one */
	__u8 dir, state; /* enum bh_dir, enum bh_fragment_state */
	__u8 pad[9];
};
BH_ASSERT_SIZE(struct bh_fragment, 64);

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, BH_EP_SLOTS *BH_FRAGMENT_LINES);
	__type(key, __u32);
	__type(value, struct bh_fragment);
} bh_fragments SEC(".maps");

/* BH_NODE_PORT() of this node's hostPorts, nodePorts and others (tables.node_ports): what a pod
 * sends there ends elsewhere, so it is not host traffic. There is room for all nodePorts of the default range
 * (2,768 of three protocols and two families), and for as many more. Agent writes, the cold path reads. Full
 * means refused. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 32768);
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

/* Packets and bytes by reason and direction, but for BH_SESSION: see struct bh_ep_stat. Programs write, the
 * agent reads. Cannot be full. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, BH_STAT_MAX * 2);
	__type(key, __u32);
	__type(value, struct bh_count);
} bh_stats SEC(".maps");

/* The same by endpoint, and what became of its sessions; index: its slot. Programs write, the agent reads,
 * and clears before it gives a slot to another one. Cannot be full. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, BH_EP_SLOTS);
	__type(key, __u32);
	__type(value, struct bh_ep_stat);
} bh_ep_stats SEC(".maps");

/* Decisions by rule id. Programs write, the agent reads and gives out the ids. Full means refused. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 16384);
	__type(key, __u32);
	__type(value, struct bh_count);
} bh_rules SEC(".maps");

/* What sessions had carried when they ended, by the rule that they bore: each line is counted by whoever
 * claims it from its flow. Programs and agent (mmap) add, by atomic operations, off the hot path. A rule
 * whose id is past the end is not counted. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 16384);
	__type(key, __u32);
	__type(value, struct bh_count);
} bh_rule_ended SEC(".maps");

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

/* One-off state. Agent writes (mmap), programs read what they need of it off the hot path. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct bh_meta);
} bh_meta SEC(".maps");

#endif
