/* SPDX-License-Identifier: Apache-2.0 */
/* Which flows are meant: by names or addresses of their ends, port, verdict, policy and time. */
#ifndef BH_CTL_FILTER_H
#define BH_CTL_FILTER_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>

#include "util/addr.h"
#include "util/err.h"

struct ctl;

/* One end of a flow, by its name or by its address. */
struct filter_end {
	const char *name; /* NULL: any */
	struct cidr block;
	bool is_block;
};

struct filter {
	struct filter_end pod, peer;
	const char *namespace, *verdict, *policy; /* NULL: any */
	char since[32];				  /* RFC 3339; "": any */
	unsigned int port;			  /* 0: any */
	char proto[8];				  /* "TCP"; "": any */
};

/* Of the options. Return: 0 or -EINVAL with the option named. */
int filter_read(const struct ctl *c, struct filter *ret, struct bh_err *err);

/* Says which of its names no agent knows now, and what is near; asks nobody where it has none. Nodes that
 * do not answer are not named: they go to @silent, as ctl.silent has it. Return: as ctl_answers(). */
int known_ask(const struct ctl *c, const struct filter *f, struct json_object *silent);

/* @item: as the agent answers `flows`. That reports were lost may have been any of them. */
bool filter_takes(const struct filter *f, struct json_object *item);

/* "90s", "5m", "2h", "7d" ago, or a time of RFC 3339 in UTC. Return: 0 or -EINVAL. */
int filter_since(const char *text, int64_t now_s, char ret[32], struct bh_err *err);

#endif
