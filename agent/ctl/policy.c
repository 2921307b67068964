/* SPDX-License-Identifier: Apache-2.0 */
/* bulkheadctl policy: what is in force, as 5-tuple patterns, and what came of its rules. */
#include "ctl/ctl.h"

#include <string.h>

#include "util/scope.h"

static const char *const heads[] = { "POD",   "POD IP", "DIRECTION", "REMOTE", "PROTO",
				     "PORTS", "ACTION", "BECAUSE",   NULL };

static void add_remote(struct table *t, struct json_object *item)
{
	const char *name = ctl_str(item, "remote_name");

	if (*name)
		table_fmt(t, PLAIN, "%s (%s)", ctl_str(item, "remote"), name);
	else
		table_add(t, ctl_str(item, "remote"), PLAIN);
}

static void add_because(struct table *t, struct json_object *item)
{
	const char *rule = ctl_str(item, "rule");
	const bool unknown = ctl_bool(item, "unknown_pod");
	char policies[300];

	(void)ctl_join(ctl_get(item, "policies"), policies, sizeof(policies));
	if (*rule)
		table_fmt(t, PLAIN, "%s %s", policies, rule);
	else if (*policies)
		table_fmt(t, PLAIN,
			  strcmp(ctl_str(item, "action"), "allow") ? "isolated by %s"
								   : "allowed by %s, in mode Audit",
			  policies);
	else if (unknown)
		table_add(t, "pod or namespace not known", DIM);
	else
		table_add(t,
			  strcmp(ctl_str(item, "action"), "deny") ? "no policy isolates it"
								  : "no backend that is known",
			  DIM);
}

static void row(struct table *t, struct json_object *item)
{
	const char *action = ctl_str(item, "action");

	table_add(t, ctl_str(item, "pod"), BOLD);
	table_add(t, ctl_str(item, "pod_ip"), PLAIN);
	table_add(t, ctl_str(item, "direction"), PLAIN);
	add_remote(t, item);
	table_add(t, ctl_str(item, "proto"), PLAIN);
	table_add(t, ctl_str(item, "ports"), PLAIN);
	table_add(t, action, strncmp(action, "allow", 5) ? *action == 'a' ? YELLOW : RED : GREEN);
	add_because(t, item);
}

static int run(const struct ctl *c, char **args)
{
	(void)args;
	return ctl_list(c, "entries", heads, row, "no pod has entries");
}

const struct command command_entries = {
	.name = "policy entries",
	.args = "",
	.summary = "every pattern in force: pod, remote, protocol, ports, direction, policy and rule",
	.options = OPT_POD,
	.examples = "policy entries --pod shop/db\twhat decides for one pod\n",
	.run = run,
};

/* ---- policies ----------------------------------------------------------------------------- */

static const char *const policy_heads[] = { "POLICY", "TIER",	">PRIORITY", "MODE", "EXPIRES IN",
					    ">PODS",  ">RULES", "TROUBLE",   NULL };

/* "3d4h", "12m": the two largest units. */
static void add_remaining(struct table *t, struct json_object *item)
{
	const uint64_t s = (uint64_t)ctl_int(item, "expires_in");

	if (ctl_bool(item, "expired"))
		table_add(t, "expired", YELLOW);
	else if (!s)
		table_add(t, "never", DIM);
	else if (s >= 86400)
		table_fmt(t, PLAIN, "%llud%lluh", (unsigned long long)(s / 86400),
			  (unsigned long long)(s % 86400 / 3600));
	else if (s >= 3600)
		table_fmt(t, PLAIN, "%lluh%llum", (unsigned long long)(s / 3600),
			  (unsigned long long)(s % 3600 / 60));
	else
		table_fmt(t, YELLOW, "%llum%llus", (unsigned long long)(s / 60),
			  (unsigned long long)(s % 60));
}

static void policy_row(struct table *t, struct json_object *item)
{
	const char *ns = ctl_str(item, "namespace"), *mode = ctl_str(item, "mode");
	char problems[600];

	(void)ctl_join(ctl_get(item, "problems"), problems, sizeof(problems));
	table_fmt(t, BOLD, "%s %s%s%s", ctl_str(item, "kind"), ns, *ns ? "/" : "", ctl_str(item, "name"));
	table_add(t, ctl_str(item, "tier"), PLAIN);
	table_fmt(t, PLAIN, "%llu", (unsigned long long)ctl_int(item, "priority"));
	table_add(t, mode, strcmp(mode, "Audit") ? PLAIN : YELLOW);
	add_remaining(t, item);
	table_fmt(t, ctl_int(item, "pods") ? PLAIN : DIM, "%llu", (unsigned long long)ctl_int(item, "pods"));
	table_fmt(t, PLAIN, "%llu",
		  (unsigned long long)(ctl_int(item, "ingress_rules") + ctl_int(item, "egress_rules")));
	table_add(t, problems, RED);
}

static int run_policies(const struct ctl *c, char **args)
{
	(void)args;
	return ctl_list(c, "policies", policy_heads, policy_row, "no policy is known");
}

const struct command command_policies = {
	.name = "policy list",
	.args = "",
	.summary =
		"the policies that the agent knows, for how many pods here each is in force, and what is not "
		"understood in it",
	.run = run_policies,
};

/* ---- rules -------------------------------------------------------------------------------- */

static const char *const rule_heads[] = { "RULE",	  ">HITS",	">HIT BYTES", ">SESSIONS",
					  ">ALL PACKETS", ">ALL BYTES", NULL };

static void rule_row(struct table *t, struct json_object *item)
{
	static const char *const fields[] = { "hits", "hit_bytes", "sessions", "packets", "bytes" };
	size_t i;

	table_add(t, ctl_str(item, "rule"), BOLD);
	for (i = 0; i < ARRAY_SIZE(fields); i++)
		table_fmt(t, ctl_int(item, fields[i]) ? PLAIN : DIM, "%llu",
			  (unsigned long long)ctl_int(item, fields[i]));
}

static int run_rules(const struct ctl *c, char **args)
{
	(void)args;
	return ctl_list(c, "rules", rule_heads, rule_row, "no rule is in force");
}

const struct command command_rules = {
	.name = "policy rules",
	.args = "",
	.summary = "what each rule in force has decided, and what its sessions carried, live and ended",
	.run = run_rules,
};
