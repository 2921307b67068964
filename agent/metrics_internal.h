/* SPDX-License-Identifier: Apache-2.0 */
/* What metrics.c (the table) and those who collect (metrics_*.c) share. */
#ifndef BH_METRICS_INTERNAL_H
#define BH_METRICS_INTERNAL_H

#include "agent.h"
#include "metrics.h"
#include "util/vec.h"

/* What has series of its own, by choice. */
struct rule_view {
	const char *name;
	struct bh_count count;
};

struct pod_view {
	const struct endpoint *e; /* one of its interfaces */
	uint64_t packets[2][2];	  /* by enum bh_dir, and whether they were allowed */
	uint64_t opened, evicted;
};

/* What is read once for one answer, so that families agree with each other, and nothing is read twice. */
struct view {
	struct agent *a;
	bool works;	 /* it is no standby: what follows is there, and a->reconcile, a->dp, a->sessions */
	bool has_counts; /* the two of the data plane could be read */
	struct bh_count stats[BH_STAT_MAX * 2];
	struct bh_ep_stat node;
	VEC(struct rule_view) rules; /* METRICS_RULES_MAX at most */
	VEC(struct pod_view) pods;   /* METRICS_PODS_MAX */
	uint64_t rules_left, pods_left;
};

typedef void collect_fn(struct view *v, struct exposition *x);

/* metrics_traffic.c */
collect_fn collect_packets, collect_bytes, collect_denied, collect_lookups, collect_opened, collect_live,
	collect_evicted, collect_unstored, collect_redecided, collect_adopted, collect_flow_events,
	collect_flow_log, collect_map_entries, collect_map_max;

/* metrics_state.c */
collect_fn collect_enforce, collect_changes, collect_failures, collect_failing, collect_pending, collect_adds,
	collect_watch_age, collect_watch_synced, collect_watch_state, collect_watch_lists,
	collect_watch_events, collect_watch_failures, collect_posts, collect_denied_events, collect_objects,
	collect_problems, collect_endpoints, collect_unprotected, collect_unprotected_reasons,
	collect_displaced, collect_one_way, collect_healed, collect_checks, collect_open, collect_audit,
	collect_standby, collect_chained, collect_http, collect_log, collect_log_left_out;

/* metrics_process.c */
collect_fn collect_build, collect_cpu, collect_resident, collect_virtual, collect_fds, collect_max_fds,
	collect_start;

/* metrics_detail.c: where they are asked for. Return: 0 or -ENOMEM. */
int view_read_rules(struct view *v);
int view_read_pods(struct view *v);
collect_fn collect_rule_packets, collect_rule_bytes, collect_pod_packets, collect_pod_opened,
	collect_pod_evicted, collect_left_out;

static inline const char *dir_text(int dir)
{
	return dir == BH_INGRESS ? "ingress" : "egress";
}

#endif
