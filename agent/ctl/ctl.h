/* SPDX-License-Identifier: Apache-2.0 */
/* What the sub-commands share: the invocation, the agent's answers, exit codes. */
#ifndef BH_CTL_CTL_H
#define BH_CTL_CTL_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "ctl/table.h"
#include "util/err.h"

enum exit_code {
	CTL_OK = 0,
	CTL_NEGATIVE = 1,    /* a well-founded "no": explain says denied */
	CTL_USAGE = 2,	     /* what was asked makes no sense: options, or a pod that is not there */
	CTL_UNREACHABLE = 3, /* no agent, or one that cannot answer now */
};

/* One invocation; borrowed strings. */
struct ctl {
	const char *run_dir;
	const char *pod;		   /* --pod; NULL: all */
	const char *interface;		   /* --interface; NULL: all */
	uint64_t duration_ms, interval_ms; /* 0: as the agent likes */
	bool json, follow, unprotected, colours;
};

enum { /* options that a command takes besides the common ones */
       OPT_POD = 1,
       OPT_FOLLOW = 2,
       OPT_UNPROTECTED = 4,
       OPT_INTERFACE = 8,
       OPT_DURATION = 16,
       OPT_INTERVAL = 32
};

struct command {
	const char *name; /* "status", "policy entries" */
	const char *args; /* "" or "POD PEER PORT[/PROTO]" */
	const char *summary;
	unsigned int options; /* OPT_* */
	int nargs;
	int (*run)(const struct ctl *c, char **args); /* returns an exit code */
};

extern const struct command command_status, command_endpoints, command_policies, command_entries,
	command_rules, command_sessions, command_flows, command_explain, command_perf, command_stats,
	command_selftest_serve, command_selftest_probe;

/* {"v":1,"op":op}, with "pod" where c->pod is set. NULL: no memory, which ctl_call() takes. */
struct json_object *ctl_request(const struct ctl *c, const char *op);

/* Asks and waits; takes @request. What goes wrong is said on stderr with a hint.
 * Return: CTL_OK, *ret being the last line (to be put; may be NULL), or another exit code. */
int ctl_call(const struct ctl *c, struct json_object *take, int (*each)(void *ctx, struct json_object *item),
	     void *ctx, struct json_object **ret);

/* The whole of a command that lists: JSON as it comes, or a table that @row fills item by item. */
int ctl_list(const struct ctl *c, const char *op, const char *const *heads,
	     void (*row)(struct table *t, struct json_object *item));

/* Fields; "" and 0 where missing. */
const char *ctl_str(struct json_object *o, const char *name);
uint64_t ctl_int(struct json_object *o, const char *name);
bool ctl_bool(struct json_object *o, const char *name);
struct json_object *ctl_get(struct json_object *o, const char *name); /* NULL: missing */

/* A list of strings as "a, b", "" for none; cut at @size. Returns ret. */
const char *ctl_join(struct json_object *list, char *ret, size_t size);

/* ", because of shop/db (10.0.0.9:8080) behind service 'shop/web'", where that is why. */
void ctl_print_behind(FILE *out, struct json_object *o);

/* "10.0.0.1:80", "[fd00::1]:80", without the port where it is 0. Returns ret. */
#define CTL_END_MAX 80
const char *ctl_end(const char *addr, uint64_t port, char ret[CTL_END_MAX]);

/* "850 ms", "12 s", "3 min", "2 h", "9 d". Returns ret. */
const char *ctl_duration(uint64_t ms, char ret[24]);

void ctl_print_json(struct json_object *o, bool pretty);

#endif
