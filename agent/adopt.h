/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pods that were there before us: found by the veths that nobody told us of, and taken in as if an ADD had
 * told. And the flows that such a pod has: given to the data plane before its programs hang.
 */
#ifndef BH_ADOPT_H
#define BH_ADOPT_H

#include <stddef.h>

#include "util/hash.h"

struct agent;

int adopt_new(struct agent *a); /* sets a->adopt; 0 or -ENOMEM */
void adopt_free(struct agent *a);

/* Looks for the interfaces of the pods of this node that have none yet, takes them in (their programs
 * follow once their policy is in force), and notes of the others why not. */
void adopt_tick(struct agent *a);

/* Sessions for the connections that conntrack has of these endpoints, which are in force: their next packet
 * is decided by the policy of the direction that opened them. */
void adopt_flows(struct agent *a, const struct hash128 *keys, size_t n);

/* The pods of this node that could not be taken in. */
struct adopt_lack {
	const char *ns, *name; /* borrowed from the model, until it changes */
	const char *reason;    /* "no-veth" */
	const char *detail;
};
void adopt_each_lack(const struct agent *a, void (*each)(void *ctx, const struct adopt_lack *l), void *ctx);

#endif
