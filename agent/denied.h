/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Denied flows as Events on both of their pods, so that who owns one of them sees why without a right on any
 * node. By choice, and few: whoever opens many flows must not flood the API server.
 */
#ifndef BH_DENIED_H
#define BH_DENIED_H

#include <stdbool.h>
#include <stdint.h>

#include "../bpf/abi.h"
#include "util/hash.h"

struct agent;

#define DENIED_BURST	20		/* Events of a node at once, and then */
#define DENIED_EVERY_NS 30000000000ull	/* one in so long: two a minute */
#define DENIED_POD_MAX	3		/* of one pod; other nodes may tell of it as well */
#define DENIED_SAME_NS	600000000000ull /* within so long; what was told in it is only counted on */
#define DENIED_TOLD	64		/* more than the rate lets through in that time */

struct denied_pace {
	struct {
		struct hash128 pod, what;
		uint64_t at_ns; /* 0: free */
	} told[DENIED_TOLD];
	uint64_t paced_ns; /* up to here the rate is used up */
	uint64_t passed, again, left_out;
};

/* @what: pod, peer, port and policy together. Return: whether the Event may go; one that has gone before may
 * go again, for it is counted at the server and not made anew. */
bool denied_passes(struct denied_pace *p, const struct hash128 *pod, const struct hash128 *what,
		   uint64_t now_ns);

/* @policies: that isolate the pod, each with a NUL, and an empty one at the end, or NULL; @rule: that denied
 * it, or NULL. What was not denied is not told. */
void denied_tell(struct agent *a, const struct bh_event *ev, const char *policies, const char *rule);

#endif
