/* SPDX-License-Identifier: Apache-2.0 */
/* bulkheadctl sessions: the flows that are tracked. */
#include "ctl/ctl.h"

#include <string.h>

static const char *const heads[] = { "POD",   "LOCAL",	     "",      "REMOTE",	   "PROTO",
				     "STATE", ">PACKETS IN", ">OUT",  ">BYTES IN", ">OUT",
				     ">IDLE", ">LEFT",	     "FLAGS", "RULE",	   NULL };

static void row(struct table *t, struct json_object *item)
{
	const char *name = ctl_str(item, "remote_name");
	char end[CTL_END_MAX], flags[100], time[24];

	table_add(t, ctl_str(item, "pod"), BOLD);
	table_add(t, ctl_end(ctl_str(item, "local"), ctl_int(item, "local_port"), end), PLAIN);
	table_add(t, strcmp(ctl_str(item, "opener"), "ingress") ? "->" : "<-", DIM);
	(void)ctl_end(ctl_str(item, "remote"), ctl_int(item, "remote_port"), end);
	table_fmt(t, PLAIN, *name ? "%s (%s)" : "%s", end, name);
	table_add(t, ctl_str(item, "proto"), PLAIN);
	table_add(t, ctl_str(item, "state"), PLAIN);
	table_fmt(t, PLAIN, "%llu", (unsigned long long)ctl_int(item, "packets_in"));
	table_fmt(t, PLAIN, "%llu", (unsigned long long)ctl_int(item, "packets_out"));
	table_fmt(t, PLAIN, "%llu", (unsigned long long)ctl_int(item, "bytes_in"));
	table_fmt(t, PLAIN, "%llu", (unsigned long long)ctl_int(item, "bytes_out"));
	table_add(t, ctl_duration(ctl_int(item, "idle_ms"), time), PLAIN);
	table_add(t, ctl_duration(ctl_int(item, "left_ms"), time), PLAIN);
	table_add(t, ctl_join(ctl_get(item, "flags"), flags, sizeof(flags)), DIM);
	table_add(t, ctl_str(item, "rule"), PLAIN);
}

static int run(const struct ctl *c, char **args)
{
	(void)args;
	return ctl_list(c, "sessions", heads, row, "no flow is tracked");
}

const struct command command_sessions = {
	.name = "sessions",
	.args = "",
	.summary =
		"tracked flows: who opened them, state, packets and bytes both ways, how long they live, the rule",
	.options = OPT_POD,
	.run = run,
};
