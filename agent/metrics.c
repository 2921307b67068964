/* SPDX-License-Identifier: Apache-2.0 */
/* The table, and one answer from it. */
#include "metrics.h"

#include "metrics_internal.h"
#include "pages.h"
#include "util/scope.h"

enum when { ALWAYS, WORKING, COUNTED, PER_RULE, PER_POD, PER_ANY };

static const struct row {
	const char *name;
	enum metric_type type;
	enum when when;
	const char *labels, *help;
	collect_fn *collect;
} rows[] = {
	{ "bulkhead_build_info", METRIC_GAUGE, ALWAYS, "version", "Always 1; the version of the agent.",
	  collect_build },

	/* traffic */
	{ "bulkhead_packets_total", METRIC_COUNTER, COUNTED, "direction, verdict",
	  "Packets of this node's pods: allowed, denied, or audited (passed, though policies would deny it).",
	  collect_packets },
	{ "bulkhead_bytes_total", METRIC_COUNTER, COUNTED, "direction, verdict", "Bytes of these packets.",
	  collect_bytes },
	{ "bulkhead_denied_packets_total", METRIC_COUNTER, COUNTED, "direction, reason",
	  "Packets that were dropped, by why: docs/troubleshooting.md has every reason.", collect_denied },
	{ "bulkhead_session_lookups_total", METRIC_COUNTER, COUNTED, "result",
	  "Packets that found a live session (hit), and those that were decided by tables (miss).",
	  collect_lookups },
	{ "bulkhead_sessions", METRIC_GAUGE, WORKING, "family",
	  "Live tracked flows, as the last sweep found them (every ten seconds).", collect_live },
	{ "bulkhead_sessions_opened_total", METRIC_COUNTER, COUNTED, "", "Tracked flows that began.",
	  collect_opened },
	{ "bulkhead_sessions_evicted_total", METRIC_COUNTER, WORKING, "answered",
	  "Live tracked flows that had to make room for others.", collect_evicted },
	{ "bulkhead_sessions_unstored_total", METRIC_COUNTER, COUNTED, "",
	  "Flows that were allowed and found no room to be tracked.", collect_unstored },
	{ "bulkhead_sessions_redecided_total", METRIC_COUNTER, COUNTED, "",
	  "Tracked flows that were decided afresh after a change of policy.", collect_redecided },
	{ "bulkhead_sessions_adopted_total", METRIC_COUNTER, COUNTED, "rule",
	  "Flows that were tracked from their middle on: by both directions' rules, or in a new pod's grace.",
	  collect_adopted },
	{ "bulkhead_flow_events_total", METRIC_COUNTER, COUNTED, "result",
	  "Reports of denied, audited and logged flows: read since the agent's start; lost (the ring was full) "
	  "and throttled (the same flow again) since the maps were made.",
	  collect_flow_events },
	{ "bulkhead_flow_log_lines_total", METRIC_COUNTER, WORKING, "result",
	  "Lines of the flow log: written, or unwritten (counted in the log itself); not there without one.",
	  collect_flow_log },
	{ "bulkhead_map_entries", METRIC_GAUGE, WORKING, "map", "Entries of a map that are used.",
	  collect_map_entries },
	{ "bulkhead_map_max_entries", METRIC_GAUGE, WORKING, "map", "Entries that a map has room for.",
	  collect_map_max },

	/* policy */
	{ "bulkhead_enforce_duration_seconds", METRIC_HISTOGRAM, WORKING, "cause",
	  "From the moment that a change was read to the moment that it was in force; cause: policy, or other "
	  "(pods, addresses).",
	  collect_enforce },
	{ "bulkhead_enforce_changes_total", METRIC_COUNTER, WORKING, "", "Changes that were put in force.",
	  collect_changes },
	{ "bulkhead_enforce_failures_total", METRIC_COUNTER, WORKING, "", "Attempts at that which failed.",
	  collect_failures },
	{ "bulkhead_enforce_failing", METRIC_GAUGE, WORKING, "",
	  "1 while the last attempt has failed: what was in force before stays.", collect_failing },
	{ "bulkhead_enforce_pending", METRIC_GAUGE, WORKING, "",
	  "1 while something has changed and is not in force yet.", collect_pending },
	{ "bulkhead_add_duration_seconds", METRIC_HISTOGRAM, ALWAYS, "outcome",
	  "How long the agent let the plugin wait for a new pod, by what became of it.", collect_adds },
	{ "bulkhead_open", METRIC_GAUGE, WORKING, "",
	  "1 while the node is open in an emergency: nothing is denied.", collect_open },
	{ "bulkhead_audit", METRIC_GAUGE, ALWAYS, "", "1 where the whole node is in mode Audit.",
	  collect_audit },

	/* pods */
	{ "bulkhead_endpoints", METRIC_GAUGE, ALWAYS, "", "Interfaces of pods that the agent keeps.",
	  collect_endpoints },
	{ "bulkhead_unprotected_pods", METRIC_GAUGE, WORKING, "",
	  "Pods of this node that run without policy.", collect_unprotected },
	{ "bulkhead_unprotected_pods_by_reason", METRIC_GAUGE, WORKING, "reason",
	  "The same by why, where there are any.", collect_unprotected_reasons },
	{ "bulkhead_displaced_pods", METRIC_GAUGE, WORKING, "",
	  "Pods at which another tool's program decides before ours.", collect_displaced },
	{ "bulkhead_one_way_pods", METRIC_GAUGE, WORKING, "missing",
	  "Pods with many packets one way, of which none ever passed our program the other way (missing).",
	  collect_one_way },
	{ "bulkhead_healed_total", METRIC_COUNTER, WORKING, "what",
	  "What was not as it should be, and was put right.", collect_healed },
	{ "bulkhead_self_checks_total", METRIC_COUNTER, WORKING, "result",
	  "Flows that the programs were asked about: they decide as the tables mean (same), or not (differ).",
	  collect_checks },

	/* where it comes from, and goes */
	{ "bulkhead_objects", METRIC_GAUGE, ALWAYS, "kind", "What the agent knows of the cluster.",
	  collect_objects },
	{ "bulkhead_policies_with_problems", METRIC_GAUGE, ALWAYS, "",
	  "Policies of which something is not understood, and allows nothing.", collect_problems },
	{ "bulkhead_watch_age_seconds", METRIC_GAUGE, ALWAYS, "watch",
	  "Since the API server's last word, bookmarks included (about one a minute).", collect_watch_age },
	{ "bulkhead_watch_synced", METRIC_GAUGE, ALWAYS, "watch", "1 once the list has been complete.",
	  collect_watch_synced },
	{ "bulkhead_watch_state", METRIC_GAUGE, ALWAYS, "watch, state",
	  "1 for the state that it is in: listing, watching, waiting, absent.", collect_watch_state },
	{ "bulkhead_watch_lists_total", METRIC_COUNTER, ALWAYS, "watch",
	  "Lists from the start: more than one is a relist.", collect_watch_lists },
	{ "bulkhead_watch_events_total", METRIC_COUNTER, ALWAYS, "watch", "Changes that were told.",
	  collect_watch_events },
	{ "bulkhead_watch_failures_total", METRIC_COUNTER, ALWAYS, "watch",
	  "Requests that failed or broke off.", collect_watch_failures },
	{ "bulkhead_kubernetes_events_total", METRIC_COUNTER, ALWAYS, "result",
	  "Events for the API server: posted, repeated (counted, not posted), lost.", collect_posts },
	{ "bulkhead_denied_events_total", METRIC_COUNTER, ALWAYS, "result",
	  "Events on the pods of denied flows: told, again (counted at the server), left-out (past the rate).",
	  collect_denied_events },
	{ "bulkhead_standby", METRIC_GAUGE, ALWAYS, "",
	  "1 while another agent works on this node and this one waits.", collect_standby },
	{ "bulkhead_chained", METRIC_GAUGE, WORKING, "",
	  "1 while the plugin is in the node's CNI chain; not there where somebody else sees to that.",
	  collect_chained },
	{ "bulkhead_log_lines_total", METRIC_COUNTER, ALWAYS, "level", "Lines of the log.", collect_log },
	{ "bulkhead_log_left_out_total", METRIC_COUNTER, ALWAYS, "",
	  "Lines that were left out, since those of their kind came too fast.", collect_log_left_out },
	{ "bulkhead_http_requests_total", METRIC_COUNTER, ALWAYS, "result",
	  "Requests to this port: served, or refused (wrong, unknown, too much).", collect_http },

	/* the process: names as every Prometheus client has them */
	{ "process_cpu_seconds_total", METRIC_COUNTER, ALWAYS, "",
	  "User and system time of the agent, and of its children that have ended.", collect_cpu },
	{ "process_resident_memory_bytes", METRIC_GAUGE, ALWAYS, "",
	  "Memory of the agent; maps are the kernel's, and not in it.", collect_resident },
	{ "process_virtual_memory_bytes", METRIC_GAUGE, ALWAYS, "", "Its address space.", collect_virtual },
	{ "process_open_fds", METRIC_GAUGE, ALWAYS, "", "Open descriptors.", collect_fds },
	{ "process_max_fds", METRIC_GAUGE, ALWAYS, "", "Descriptors that it may have.", collect_max_fds },
	{ "process_start_time_seconds", METRIC_GAUGE, ALWAYS, "", "When it started, in seconds since 1970.",
	  collect_start },

	/* by choice */
	{ "bulkhead_rule_packets_total", METRIC_COUNTER, PER_RULE, "rule",
	  "First packets of flows that a rule decided, and those that it denied.", collect_rule_packets },
	{ "bulkhead_rule_bytes_total", METRIC_COUNTER, PER_RULE, "rule", "Bytes of these packets.",
	  collect_rule_bytes },
	{ "bulkhead_pod_packets_total", METRIC_COUNTER, PER_POD, "namespace, pod, direction, verdict",
	  "Packets of one pod.", collect_pod_packets },
	{ "bulkhead_pod_sessions_opened_total", METRIC_COUNTER, PER_POD, "namespace, pod",
	  "Tracked flows of one pod that began.", collect_pod_opened },
	{ "bulkhead_pod_sessions_evicted_total", METRIC_COUNTER, PER_POD, "namespace, pod",
	  "Tracked flows of one pod that had to make room.", collect_pod_evicted },
	{ "bulkhead_series_left_out", METRIC_GAUGE, PER_ANY, "kind",
	  "Rules or pods past the most that are shown.", collect_left_out },
};

static bool is_asked(const struct view *v, enum when when)
{
	const struct pages_options *opt = &v->a->opt.pages;

	switch (when) {
	case ALWAYS:
		return true;
	case WORKING:
		return v->works;
	case COUNTED:
		return v->has_counts;
	case PER_RULE:
		return v->works && opt->per_rule;
	case PER_POD:
		return v->works && opt->per_pod;
	case PER_ANY:
		break;
	}
	return v->works && (opt->per_rule || opt->per_pod);
}

static int view_read(struct view *v)
{
	int r = 0;

	v->has_counts =
		v->works && !dp_stats(v->a->dp, v->stats, NULL) && !dp_node_stat(v->a->dp, &v->node, NULL);
	if (is_asked(v, PER_RULE))
		r = view_read_rules(v);
	if (!r && is_asked(v, PER_POD))
		r = view_read_pods(v);
	return r;
}

int metrics_write(struct agent *a, struct buf *ret)
{
	struct view v = { .a = a, .works = a->sessions };
	struct exposition x = { .out = ret, .r = view_read(&v) };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(rows) && !x.r; i++) {
		if (!is_asked(&v, rows[i].when))
			continue;
		expo_begin(&x, rows[i].name, rows[i].type, rows[i].help);
		rows[i].collect(&v, &x);
		expo_end(&x);
	}
	vec_done(&v.rules);
	vec_done(&v.pods);
	return x.r;
}

void metrics_print_table(FILE *out)
{
	static const char *const by_choice[] = {
		[PER_RULE] = " With `--metrics-per rule`.",
		[PER_POD] = " With `--metrics-per pod`.",
		[PER_ANY] = " With either.",
	};
	size_t i;

	(void)fprintf(out, "| name | type | labels | what |\n|---|---|---|---|\n");
	for (i = 0; i < ARRAY_SIZE(rows); i++)
		(void)fprintf(out, "| `%s` | %s | %s | %s%s |\n", rows[i].name,
			      metric_type_text(rows[i].type), rows[i].labels, rows[i].help,
			      rows[i].when >= PER_RULE ? by_choice[rows[i].when] : "");
}
