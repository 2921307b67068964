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

int dp_stats(struct dp *dp, struct bh_count *ret, struct bh_err *err)
{
	const int r = counters_read(&dp->counters, DP_FD(dp, bh_stats), BH_STAT_MAX * 2, ret);

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

/* ---- sessions ----------------------------------------------------------------------------- */

static void widen(const struct bh_flow4 *v4, struct bh_flow6 *ret)
{
	*ret = (struct bh_flow6){
		.ifindex = v4->ifindex,
		.local.w = { 0, 0, htonl(0xffff), v4->local },
		.remote.w = { 0, 0, htonl(0xffff), v4->remote },
		.lport = v4->lport,
		.rport = v4->rport,
		.proto = v4->proto,
	};
}

#define BATCH 4096 /* entries a system call; no bucket of the hash is near it */

struct batch {
	struct bh_flow6 keys[BATCH]; /* room enough for either key */
	struct bh_lru sessions[BATCH];
	uint32_t n;
};

static int tell_batch(struct dp *dp, const struct batch *b, bool v4, uint32_t now,
		      int (*each)(void *ctx, const struct dp_session *s), void *ctx)
{
	uint32_t i;

	for (i = 0; i < b->n; i++) {
		struct dp_session s = { .session = b->sessions[i] };

		if (v4)
			widen((const struct bh_flow4 *)b->keys + i, &s.flow);
		else
			s.flow = b->keys[i];
		s.idle_ms = (uint32_t)((uint64_t)(now - s.session.seen) * 1000 / dp->hz);
		if (each(ctx, &s))
			return 1;
	}
	return 0;
}

/* Walks one session map by batches; @each may delete what it is given. Return: 1 @each said stop, 0, -errno.
 */
static int walk(struct dp *dp, struct bpf_map *map, uint32_t now,
		int (*each)(void *ctx, const struct dp_session *s), void *ctx)
{
	const bool v4 = bpf_map__key_size(map) == sizeof(struct bh_flow4);
	auto_free struct batch *b = malloc(sizeof(*b));
	uint32_t bucket, *from = NULL;
	int r = 0;

	if (!b)
		return -ENOMEM;
	while (r == 0) {
		b->n = BATCH;
		if (bpf_map_lookup_batch(bpf_map__fd(map), from, &bucket, b->keys, b->sessions, &b->n, NULL) <
		    0) {
			if (errno != ENOENT)
				return -errno;
			r = -ENOENT; /* this was the last one */
		}
		from = &bucket;
		if (tell_batch(dp, b, v4, now, each, ctx))
			return 1;
	}
	return 0;
}

int dp_sessions(struct dp *dp, int (*each)(void *ctx, const struct dp_session *s), void *ctx,
		struct bh_err *err)
{
	struct bh_query q = { 0 };
	int r = dp_explain(dp, &q, err);

	if (r < 0)
		return r;
	r = walk(dp, dp->skel->maps.bh_sess4, q.jiffies, each, ctx);
	if (!r)
		r = walk(dp, dp->skel->maps.bh_sess6, q.jiffies, each, ctx);
	return r < 0 ? bh_err_errno(err, r, "cannot read the session maps") : 0;
}

static bool narrow(const struct bh_flow6 *flow, struct bh_flow4 *ret)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

	*ret = (struct bh_flow4){
		.ifindex = flow->ifindex,
		.local = flow->local.w[3],
		.remote = flow->remote.w[3],
		.lport = flow->lport,
		.rport = flow->rport,
		.proto = flow->proto,
	};
	return !memcmp(&flow->local, mapped, sizeof(mapped));
}

int dp_session_seed(struct dp *dp, const struct bh_flow6 *flow, const struct bh_lru *s, struct bh_err *err)
{
	struct bh_lru fresh = *s;
	struct bh_query q = { 0 };
	struct bh_flow4 v4;
	int r = dp_explain(dp, &q, err);

	if (r < 0)
		return r;
	fresh.seen = q.jiffies;
	if (narrow(flow, &v4))
		r = bpf_map_update_elem(DP_FD(dp, bh_sess4), &v4, &fresh, BPF_NOEXIST);
	else
		r = bpf_map_update_elem(DP_FD(dp, bh_sess6), flow, &fresh, BPF_NOEXIST);
	return r < 0 && errno != EEXIST ? bh_err_errno(err, -errno, "cannot store a session") : 0;
}

struct purge {
	struct dp *dp;
	uint32_t ifindex;
	int n;
};

static int purge_one(void *ctx, const struct dp_session *s)
{
	struct purge *p = ctx;
	struct bh_flow4 v4;
	int r;

	if (s->flow.ifindex != p->ifindex)
		return 0;
	if (narrow(&s->flow, &v4))
		r = bpf_map_delete_elem(DP_FD(p->dp, bh_sess4), &v4);
	else
		r = bpf_map_delete_elem(DP_FD(p->dp, bh_sess6), &s->flow);
	p->n += r == 0;
	return 0;
}

int dp_sessions_purge(struct dp *dp, uint32_t ifindex, struct bh_err *err)
{
	struct purge p = { .dp = dp, .ifindex = ifindex };
	const int r = dp_sessions(dp, purge_one, &p, err);

	return r < 0 ? r : p.n;
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
