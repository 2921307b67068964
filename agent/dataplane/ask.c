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

static int sum_count(struct dp *dp, int fd, uint32_t key, struct bh_count *per_cpu, struct bh_count *ret)
{
	struct bh_count sum = { 0 };
	int cpu;

	if (bpf_map_lookup_elem(fd, &key, per_cpu) < 0)
		return -errno;
	for (cpu = 0; cpu < dp->cpus; cpu++) {
		sum.packets += per_cpu[cpu].packets;
		sum.bytes += per_cpu[cpu].bytes;
	}
	*ret = sum;
	return 0;
}

/* Every member is a sum over CPUs. */
static struct bh_ep_stat sum_stat(int cpus, const struct bh_ep_stat *per_cpu)
{
	union {
		struct bh_ep_stat stat;
		uint64_t n[sizeof(struct bh_ep_stat) / sizeof(uint64_t)];
	} sum = { .n = { 0 } };
	const uint64_t *n = (const uint64_t *)per_cpu;
	size_t i;

	for (i = 0; i < (size_t)cpus * ARRAY_SIZE(sum.n); i++)
		sum.n[i % ARRAY_SIZE(sum.n)] += n[i];
	return sum.stat;
}

/* What live sessions let pass is counted by slot alone. */
static int add_live(struct dp *dp, struct bh_count *stats)
{
	struct bh_ep_stat stat;
	uint32_t slot, dir;
	int r;

	for (slot = 0; slot < BH_EP_SLOTS; slot++) {
		r = dp_slot_stat(dp, slot, &stat, NULL);
		if (r < 0)
			return r;
		for (dir = BH_INGRESS; dir <= BH_EGRESS; dir++) {
			stats[BH_SESSION * 2 + dir].packets += stat.hot[dir].packets;
			stats[BH_SESSION * 2 + dir].bytes += stat.hot[dir].bytes;
		}
	}
	return 0;
}

int dp_stats(struct dp *dp, struct bh_count *ret, struct bh_err *err)
{
	int r = counters_read(&dp->counters, DP_FD(dp, bh_stats), BH_STAT_MAX * 2, ret);

	if (!r)
		r = add_live(dp, ret);
	return r < 0 ? bh_err_errno(err, r, "cannot read bh_stats") : 0;
}

int dp_events_lost(struct dp *dp, uint64_t *ret)
{
	auto_free struct bh_count *per_cpu = calloc((size_t)dp->cpus, sizeof(*per_cpu));
	struct bh_count both[2];
	uint32_t dir;
	int r = per_cpu ? 0 : -ENOMEM;

	for (dir = 0; !r && dir < 2; dir++)
		r = sum_count(dp, DP_FD(dp, bh_stats), BH_STAT_EVENT_LOST * 2 + dir, per_cpu, &both[dir]);
	if (!r)
		*ret = both[0].packets + both[1].packets;
	return r;
}

int dp_rule_counts(struct dp *dp, struct bh_count **ret, uint32_t *ret_n, struct bh_err *err)
{
	const uint32_t n = bpf_map__max_entries(dp->skel->maps.bh_rules);
	auto_free struct bh_count *counts = calloc(n, sizeof(*counts));
	const int r = counts ? counters_read(&dp->counters, DP_FD(dp, bh_rules), n, counts) : -ENOMEM;

	if (r < 0)
		return bh_err_errno(err, r, "cannot read bh_rules");
	*ret = TAKE_PTR(counts);
	*ret_n = n;
	return 0;
}

int dp_ep_stat_at(int fd, int cpus, uint32_t slot, struct bh_ep_stat *ret)
{
	auto_free struct bh_ep_stat *per_cpu = calloc((size_t)cpus, sizeof(*per_cpu));

	if (!per_cpu || bpf_map_lookup_elem(fd, &slot, per_cpu) < 0)
		return per_cpu ? -errno : -ENOMEM;
	*ret = sum_stat(cpus, per_cpu);
	return 0;
}

int dp_slot_stat(struct dp *dp, uint32_t slot, struct bh_ep_stat *ret, struct bh_err *err)
{
	const int r = dp_ep_stat_at(DP_FD(dp, bh_ep_stats), dp->cpus, slot, ret);

	return r < 0 ? bh_err_errno(err, r, "cannot read bh_ep_stats") : 0;
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
