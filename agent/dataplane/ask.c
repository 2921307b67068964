/* SPDX-License-Identifier: Apache-2.0 */
/* Asking the data plane: what it would decide, what it counted, which sessions live, what it denied. */
#include "dataplane/dp_internal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <string.h>

#include "util/scope.h"

int dp_explain(struct dp *dp, struct bh_query *q, struct bh_err *err)
{
	struct {
		struct ethhdr eth;
		struct bh_query q;
	} __attribute__((packed)) in = { .eth.h_proto = htons(BH_QUERY_ETHERTYPE), .q = *q }, out;
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = &in, .data_size_in = sizeof(in), .data_out = &out,
		    .data_size_out = sizeof(out), .repeat = 1);

	if (bpf_prog_test_run_opts(bpf_program__fd(dp->skel->progs.bh_explain), &opts) < 0)
		return bh_err_errno(err, -errno, "cannot ask bh_explain");
	*q = out.q;
	return 0;
}

int dp_now(struct dp *dp, uint32_t *ret, struct bh_err *err)
{
	struct bh_query q = { 0 };
	const int r = dp_explain(dp, &q, err);

	*ret = q.jiffies;
	return r;
}

/* ---- counters ----------------------------------------------------------------------------- */

static void add_stat(struct bh_ep_stat *sum, const struct bh_ep_stat *more)
{
	const __u64 *from = (const __u64 *)more;
	__u64 *to = (__u64 *)sum;
	size_t i;

	for (i = 0; i < COUNTERS_WORDS(struct bh_ep_stat); i++)
		to[i] += from[i];
}

static void take_stat(struct bh_ep_stat *sum, const struct bh_ep_stat *less)
{
	const __u64 *from = (const __u64 *)less;
	__u64 *to = (__u64 *)sum;
	size_t i;

	for (i = 0; i < COUNTERS_WORDS(struct bh_ep_stat); i++)
		to[i] -= from[i];
}

/* Slots that are free are read once and remembered: there are thousands, and the values are per CPU. */
static int sum_slots(struct dp *dp, struct bh_ep_stat *ret)
{
	struct bh_ep_stat slot;
	uint32_t i;
	int r;

	*ret = (struct bh_ep_stat){ 0 };
	for (i = 0; i < BH_EP_SLOTS; i++) {
		if (dp->is_settled[i])
			continue;
		r = dp_ep_stat_at(DP_FD(dp, bh_ep_stats), dp->cpus, i, &slot);
		if (r < 0)
			return r;
		if (dp_endpoint(dp, i)->ifindex || pool_is_leaving(dp, i)) {
			add_stat(ret, &slot);
		} else {
			add_stat(&dp->settled, &slot);
			dp->is_settled[i] = true;
		}
	}
	add_stat(ret, &dp->settled);
	return 0;
}

int dp_stats(struct dp *dp, struct bh_count *ret, struct bh_err *err)
{
	struct bh_ep_stat slots;
	int r = counters_read(&dp->counters, DP_FD(dp, bh_stats), BH_STAT_MAX * 2,
			      COUNTERS_WORDS(struct bh_count), (__u64 *)ret);
	int dir;

	r = r ? r : sum_slots(dp, &slots);
	if (r < 0)
		return bh_err_errno(err, r, "cannot read bh_stats and bh_ep_stats");
	for (dir = BH_INGRESS; dir <= BH_EGRESS; dir++) {
		ret[BH_SESSION * 2 + dir].packets += slots.hot[dir].packets;
		ret[BH_SESSION * 2 + dir].bytes += slots.hot[dir].bytes;
	}
	return 0;
}

static int read_both(struct dp *dp, uint32_t stat, uint64_t *ret)
{
	struct bh_count both[2];
	uint32_t dir;
	int r = 0;

	for (dir = 0; !r && dir < 2; dir++)
		r = counters_read_one(DP_FD(dp, bh_stats), dp->cpus, stat * 2 + dir,
				      COUNTERS_WORDS(struct bh_count), (__u64 *)&both[dir]);
	if (!r)
		*ret = both[0].packets + both[1].packets;
	return r;
}

int dp_events_missed(struct dp *dp, struct dp_missed *ret)
{
	struct dp_missed m;
	int r = read_both(dp, BH_STAT_EVENT_LOST, &m.lost);

	r = r ? r : read_both(dp, BH_STAT_EVENT_THROTTLED, &m.throttled);
	if (!r)
		*ret = m;
	return r;
}

int dp_rule_counts(struct dp *dp, struct bh_count **ret, uint32_t *ret_n, struct bh_err *err)
{
	const uint32_t n = bpf_map__max_entries(dp->skel->maps.bh_rules);
	auto_free struct bh_count *counts = calloc(n, sizeof(*counts));
	const int r = counts ? counters_read(&dp->counters, DP_FD(dp, bh_rules), n,
					     COUNTERS_WORDS(struct bh_count), (__u64 *)counts)
			     : -ENOMEM;

	if (r < 0)
		return bh_err_errno(err, r, "cannot read bh_rules");
	*ret = TAKE_PTR(counts);
	*ret_n = n;
	return 0;
}

int dp_rule_count(struct dp *dp, uint32_t rule, struct bh_count *ret)
{
	return counters_read_one(DP_FD(dp, bh_rules), dp->cpus, rule, COUNTERS_WORDS(struct bh_count),
				 (__u64 *)ret);
}

struct bh_count dp_rule_ended(const struct dp *dp, uint32_t rule)
{
	const struct bh_count none = { 0 };

	return rule < dp->ended.n ? *(const struct bh_count *)mapped_at(&dp->ended, rule) : none;
}

int dp_ep_stat_at(int fd, int cpus, uint32_t slot, struct bh_ep_stat *ret)
{
	return counters_read_one(fd, cpus, slot, COUNTERS_WORDS(struct bh_ep_stat), (__u64 *)ret);
}

int dp_slot_stat(struct dp *dp, uint32_t slot, struct bh_ep_stat *ret, struct bh_err *err)
{
	const int r = dp_ep_stat_at(DP_FD(dp, bh_ep_stats), dp->cpus, slot, ret);

	return r < 0 ? bh_err_errno(err, r, "cannot read bh_ep_stats") : 0;
}

int dp_node_stat(struct dp *dp, struct bh_ep_stat *ret, struct bh_err *err)
{
	const int r = sum_slots(dp, ret);

	if (r < 0)
		return bh_err_errno(err, r, "cannot read bh_ep_stats");
	add_stat(ret, &dp->retired);
	return 0;
}

/* Nobody but us writes either value now: the slot is free, and programs leave bh_stats[BH_SESSION] alone. */
int dp_retire_stats(struct dp *dp, uint32_t slot, struct bh_err *err)
{
	auto_free struct bh_ep_stat *per_cpu = calloc((size_t)dp->cpus, sizeof(*per_cpu));
	auto_free struct bh_count *total = calloc((size_t)dp->cpus, sizeof(*total));
	const int slots = DP_FD(dp, bh_ep_stats), stats = DP_FD(dp, bh_stats);
	struct bh_ep_stat last;
	uint32_t dir, key;
	int r = per_cpu && total ? dp_slot_stat(dp, slot, &last, err) : -ENOMEM;

	if (r < 0 || bpf_map_update_elem(slots, &slot, per_cpu, BPF_ANY) < 0)
		return r < 0 ? r : bh_err_errno(err, -errno, "cannot clear bh_ep_stats");
	add_stat(&dp->retired, &last);
	if (dp->is_settled[slot])
		take_stat(&dp->settled, &last);
	dp->is_settled[slot] = false;
	for (dir = BH_INGRESS; dir <= BH_EGRESS; dir++) {
		key = BH_SESSION * 2 + dir;
		if (bpf_map_lookup_elem(stats, &key, total) < 0)
			return bh_err_errno(err, -errno, "cannot read bh_stats");
		total[0].packets += last.hot[dir].packets;
		total[0].bytes += last.hot[dir].bytes;
		if (bpf_map_update_elem(stats, &key, total, BPF_ANY) < 0)
			return bh_err_errno(err, -errno, "cannot write bh_stats");
	}
	return 0;
}

/* ---- events ------------------------------------------------------------------------------- */

struct listener {
	void (*each)(void *ctx, const struct bh_event *e);
	void *ctx;
};

static struct listener listening; /* libbpf fixes the context when the ring is made */

static int on_event(void *ctx, void *data, size_t size)
{
	const struct listener *l = ctx;

	if (size >= sizeof(struct bh_event))
		l->each(l->ctx, data);
	return 0;
}

int dp_events(struct dp *dp, void (*each)(void *ctx, const struct bh_event *e), void *ctx)
{
	if (!dp->ring) {
		dp->ring = ring_buffer__new(DP_FD(dp, bh_events), on_event, &listening, NULL);
		if (!dp->ring)
			return -errno;
	}
	listening = (struct listener){ .each = each, .ctx = ctx };
	return ring_buffer__consume(dp->ring);
}
