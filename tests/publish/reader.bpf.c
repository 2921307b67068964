/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The reader of the publish test: the production programs' own decision, asked again and again while
 * the writer changes the maps. Each answer must be that of a world between the last one finished before
 * the question and the last one started after it.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "../../bpf/verdict.h"
#include "publish.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct pub_state);
} pub_state SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, FLOWS);
	__type(key, __u32);
	__type(value, struct pub_flow);
} pub_flows SEC(".maps");

/* [world * FLOWS + flow]: whether it is allowed */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, WORLDS *FLOWS);
	__type(key, __u32);
	__type(value, __u32);
} pub_truth SEC(".maps");

/* However long the question took: a program may be kept from its CPU in the middle. */
static __always_inline int is_right(__u64 from, __u64 to, __u32 flow, __u32 said)
{
	int i;

	for (i = 0; i < WORLDS; i++) {
		__u32 index = ((from + i) % WORLDS) * FLOWS + flow;
		const __u32 *truth;

		if (from + i > to)
			return 0;
		truth = bpf_map_lookup_elem(&pub_truth, &index);
		if (truth && *truth == said)
			return 1;
	}
	return 0;
}

static int past(__u32 turn, void *until_ns)
{
	(void)turn;
	return bpf_ktime_get_ns() >= *(__u64 *)until_ns;
}

/* What an interrupt does between two look-ups. */
static __always_inline void be_held(void)
{
	__u64 until_ns = bpf_ktime_get_ns() + HELD_NS;

	(void)bpf_loop(HELD_NS, past, &until_ns, 0);
}

static __always_inline void ask_one(struct pub_state *s)
{
	__u32 index = s->next, said;
	__u64 from, to;
	const struct pub_flow *flow;
	struct bh_answer answer = {};
	struct bh_pkt pkt = { .kind = BH_POLICY, .family = 4, .bits = BH_PKT_OPENS | BH_PKT_SYN };
	const struct bh_endpoint *ep;

	s->next = index + 1 < s->flows ? index + 1 : 0;
	flow = bpf_map_lookup_elem(&pub_flows, &index);
	if (!flow)
		return;
	pkt.flow.proto = IPPROTO_TCP;
	pkt.flow.lport = flow->port;
	addr_from4(&pkt.flow.remote, flow->remote);

	from = READ_ONCE(s->finished);
	ep = endpoint_find(flow->ifindex, &pkt.slot);
	look_up(&answer, &pkt, ep);
	if (s->answers % 61 == 0)
		be_held();
	said = ep ? ask(&answer, &pkt, BH_INGRESS, 0, BH_DENIED) : 0;
	to = READ_ONCE(s->started);

	s->answers++;
	s->mixed += from != to;
	if (is_right(from, to, index, said))
		return;
	s->wrong++;
	s->bad_flow = index;
	s->bad_said = said;
	s->bad_from = from;
	s->bad_to = to;
}

SEC("tc")
int pub_reader(struct __sk_buff *skb)
{
	struct pub_state *s;
	__u32 zero = 0;
	int i;

	(void)skb;
	s = bpf_map_lookup_elem(&pub_state, &zero);
	if (!s)
		return 0;
	for (i = 0; i < ASKS; i++)
		ask_one(s);
	return 0;
}

char _license[] SEC("license") = "Dual BSD/GPL";
