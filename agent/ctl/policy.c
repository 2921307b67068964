/* SPDX-License-Identifier: Apache-2.0 */
/* bulkheadctl policy: what is in force, as 5-tuple patterns, and what came of its rules. */
#include "ctl/policy.h"

#include <errno.h>
#include <string.h>

#include "ctl/ctl.h"
#include "ctl/sum.h"
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

static const char *const policy_heads[] = { "POLICY",	"TIER",	 ">PRIORITY", "MODE",	  "EXPIRES IN",
					    "IN FORCE", ">PODS", ">RULES",    "=TROUBLE", NULL };

static const struct sum sum_of_policies = {
	.keys = (const char *const[]){ "kind", "namespace", "name", NULL },
	.counts = (const char *const[]){ "pods", NULL },
	.newest = (const char *const[]){ "nodes_in_force", NULL },
};

int policy_name_read(char *text, struct policy_name *ret)
{
	char *slash = strchr(text, '/');

	if (!*text || slash == text || (slash && !slash[1])) {
		ctl_say("'%s': no NAMESPACE/NAME, and no NAME", text);
		return -EINVAL;
	}
	*ret = (struct policy_name){ slash ? text : NULL, slash ? slash + 1 : text };
	if (slash)
		*slash = '\0';
	return 0;
}

bool policy_name_is(const struct policy_name *n, struct json_object *item)
{
	return !strcmp(ctl_str(item, "name"), n->name) &&
	       (!n->ns || !strcmp(ctl_str(item, "namespace"), n->ns));
}

const char *policy_remaining(struct json_object *item, char ret[32])
{
	const unsigned long long s = ctl_int(item, "expires_in");

	if (ctl_bool(item, "expired"))
		(void)snprintf(ret, 32, "expired");
	else if (!s)
		(void)snprintf(ret, 32, "never");
	else if (s >= 86400)
		(void)snprintf(ret, 32, "%llud%lluh", s / 86400, s % 86400 / 3600);
	else if (s >= 3600)
		(void)snprintf(ret, 32, "%lluh%llum", s / 3600, s % 3600 / 60);
	else
		(void)snprintf(ret, 32, "%llum%llus", s / 60, s % 60);
	return ret;
}

static enum colour colour_of_remaining(struct json_object *item)
{
	const uint64_t s = ctl_int(item, "expires_in");

	if (ctl_bool(item, "expired") || (s && s < 3600))
		return YELLOW;
	return s ? PLAIN : DIM;
}

static void policy_look(struct json_object *item)
{
	json_object_object_add(item, "nodes_in_force", json_object_new_uint64(ctl_bool(item, "in_force")));
}

/* "yes", or on how many of the nodes asked; one that knows an older generation, or none, counts as late. */
static void add_in_force(struct table *t, struct json_object *item)
{
	const uint64_t all = ctl_int(item, "nodes"), n = ctl_int(item, "nodes_in_force");
	const bool is = all ? n == all : ctl_bool(item, "in_force");

	if (all)
		table_fmt(t, is ? PLAIN : YELLOW, "%llu/%llu", (unsigned long long)n,
			  (unsigned long long)all);
	else
		table_add(t, is ? "yes" : "not yet", is ? PLAIN : YELLOW);
}

static void policy_row(struct table *t, struct json_object *item)
{
	const char *ns = ctl_str(item, "namespace"), *mode = ctl_str(item, "mode");
	char problems[600], remaining[32];

	(void)ctl_join(ctl_get(item, "problems"), problems, sizeof(problems));
	table_fmt(t, BOLD, "%s %s%s%s", ctl_str(item, "kind"), ns, *ns ? "/" : "", ctl_str(item, "name"));
	table_add(t, ctl_str(item, "tier"), PLAIN);
	table_fmt(t, PLAIN, "%llu", (unsigned long long)ctl_int(item, "priority"));
	table_add(t, mode, strcmp(mode, "Audit") ? PLAIN : YELLOW);
	table_add(t, policy_remaining(item, remaining), colour_of_remaining(item));
	add_in_force(t, item);
	table_fmt(t, ctl_int(item, "pods") ? PLAIN : DIM, "%llu", (unsigned long long)ctl_int(item, "pods"));
	table_fmt(t, PLAIN, "%llu",
		  (unsigned long long)(ctl_int(item, "ingress_rules") + ctl_int(item, "egress_rules")));
	table_add(t, problems, RED);
}

static int run_policies(const struct ctl *c, char **args)
{
	(void)args;
	return sum_table(c, "policies", policy_heads, policy_row, policy_look, &sum_of_policies,
			 "no policy is known");
}

const struct command command_policies = {
	.name = "policy list",
	.args = "",
	.summary =
		"the policies that are known, for how many pods each is, whether in force, and what is not "
		"understood in it",
	.text = "Of several nodes there is one line for a policy: PODS are those of all, IN FORCE is on how many of "
		"those that answer. JSON is node by node.",
	.run = run_policies,
};

/* ---- rules -------------------------------------------------------------------------------- */

const char *const policy_rule_heads[] = { "RULE",	  ">HITS",	">HIT BYTES", ">SESSIONS",
					  ">ALL PACKETS", ">ALL BYTES", NULL };

void policy_rule_row(struct table *t, struct json_object *item)
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
	return sum_table(c, "rules", policy_rule_heads, policy_rule_row, NULL, &sum_of_rules,
			 "no rule is in force");
}

const struct command command_rules = {
	.name = "policy rules",
	.args = "",
	.summary = "what each rule in force has decided, and what its sessions carried, live and ended",
	.text = "Of several nodes there is one line for a rule, with what all of them have counted. JSON is node by "
		"node.",
	.run = run_rules,
};
