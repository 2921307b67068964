/* SPDX-License-Identifier: Apache-2.0 */
/* bulkheadctl endpoints, stats: the pods of this node as the data plane knows them, and what it counted. */
#include "ctl/ctl.h"

static const char *const heads[] = { "POD",    "ADDRESSES", "IF",      "CONTAINER", "HOOK", "INGRESS",
				     "EGRESS", ">SESSIONS", ">OPENED", ">EVICTED",  NULL };

/* By which policies a direction is isolated, or judged. */
static void add_direction(struct table *t, struct json_object *item, const char *isolated,
			  const char *policies)
{
	char text[200];

	(void)ctl_join(ctl_get(item, policies), text, sizeof(text));
	if (!ctl_bool(item, "known"))
		table_add(t, "isolated: pod or namespace not known", YELLOW);
	else if (ctl_bool(item, isolated))
		table_add(t, text, GREEN);
	else if (*text)
		table_fmt(t, PLAIN, "open but for %s", text);
	else
		table_add(t, "open", PLAIN);
}

/* Of both families; evicted are those that had been answered. */
static void add_sessions(struct table *t, struct json_object *o)
{
	struct json_object *v4 = ctl_get(o, "ipv4"), *v6 = ctl_get(o, "ipv6");
	const unsigned long long evicted = ctl_int(o, "evicted_answered");

	table_fmt(t, PLAIN, "%llu/%llu", (unsigned long long)(ctl_int(v4, "used") + ctl_int(v6, "used")),
		  (unsigned long long)(ctl_int(v4, "size") + ctl_int(v6, "size")));
	table_fmt(t, PLAIN, "%llu", (unsigned long long)ctl_int(o, "opened"));
	table_fmt(t, evicted ? YELLOW : PLAIN, "%llu", evicted);
}

static void row(struct table *t, struct json_object *item)
{
	const char *attach = ctl_str(item, "attach");
	char addrs[256];

	table_fmt(t, BOLD, "%s/%s", ctl_str(item, "namespace"), ctl_str(item, "name"));
	table_add(t, ctl_join(ctl_get(item, "addresses"), addrs, sizeof(addrs)), PLAIN);
	table_fmt(t, PLAIN, "%s:%llu", ctl_str(item, "ifname"), (unsigned long long)ctl_int(item, "ifindex"));
	table_fmt(t, DIM, "%.12s", ctl_str(item, "container"));
	if (!ctl_bool(item, "protected"))
		table_add(t, "UNPROTECTED", RED);
	else if (ctl_bool(item, "displaced"))
		table_fmt(t, RED, "%s, NOT FIRST", attach);
	else
		table_add(t, attach, PLAIN);
	add_direction(t, item, "isolated_ingress", "ingress_policies");
	add_direction(t, item, "isolated_egress", "egress_policies");
	add_sessions(t, ctl_get(item, "sessions"));
}

static const char *const unprotected_heads[] = { "POD", "ADDRESSES", "REASON", "=DETAIL", NULL };

static void unprotected_row(struct table *t, struct json_object *item)
{
	char addrs[256];

	table_fmt(t, BOLD, "%s/%s", ctl_str(item, "namespace"), ctl_str(item, "name"));
	table_add(t, ctl_join(ctl_get(item, "addresses"), addrs, sizeof(addrs)), PLAIN);
	table_add(t, ctl_str(item, "reason"), RED);
	table_add(t, ctl_str(item, "detail"), PLAIN);
}

static int run(const struct ctl *c, char **args)
{
	(void)args;
	if (c->unprotected)
		return ctl_list(c, "endpoints", unprotected_heads, unprotected_row,
				"every pod that is known runs with our programs");
	return ctl_list(c, "endpoints", heads, row, "no pod has an interface with our programs");
}

const struct command command_endpoints = {
	.name = "endpoints",
	.args = "",
	.summary = "the pods of this node: addresses, hooks, which policies isolate them; or those that run "
		   "without our programs, and why",
	.options = OPT_POD | OPT_UNPROTECTED,
	.examples = "endpoints --unprotected\tempty where all is well\n"
		    "endpoints --pod shop/db\tof one pod\n",
	.run = run,
};

/* ---- stats -------------------------------------------------------------------------------- */

static const char *const stats_heads[] = { "POD", "REASON", "ACTION", ">TO POD", ">FROM POD", NULL };

/* A line for each reason that has occurred. */
static void stats_row(struct table *t, struct json_object *item)
{
	struct json_object *list = ctl_get(item, "reasons");
	const size_t n = ctl_length(list);
	size_t i;

	for (i = 0; i < n; i++) {
		struct json_object *r = json_object_array_get_idx(list, i);
		const char *action = ctl_str(r, "action");

		table_fmt(t, BOLD, "%s/%s", ctl_str(item, "namespace"), ctl_str(item, "name"));
		table_add(t, ctl_str(r, "reason"), PLAIN);
		table_add(t, action, *action == 'a' ? GREEN : RED);
		table_fmt(t, PLAIN, "%llu", (unsigned long long)ctl_int(r, "packets_in"));
		table_fmt(t, PLAIN, "%llu", (unsigned long long)ctl_int(r, "packets_out"));
	}
}

static int run_stats(const struct ctl *c, char **args)
{
	(void)args;
	return ctl_list(c, "endpoints", stats_heads, stats_row,
			"no pod has counted a packet: see 'endpoints' for those that have our programs");
}

const struct command command_stats = {
	.name = "stats",
	.args = "",
	.summary = "each pod's packets, to it and from it, by the reason why they passed or did not",
	.options = OPT_POD,
	.run = run_stats,
};
