/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What this node tells the cluster of policies: one NodePolicyStatus, its own (status/report.h). Written when
 * it has changed, after a moment that is longer the more nodes there are, and never waited for. Nothing else
 * depends on it.
 */
#ifndef BH_STANDING_H
#define BH_STANDING_H

#include <stdbool.h>

struct agent;
struct json_object;
struct net_policy;
struct report;

#define STANDING_WRITES_S 200	/* of all nodes together, in a second */
#define STANDING_MIN_MS	  1000	/* between two of one node, where there are few of them */
#define STANDING_MAX_MS	  30000 /* and however many there are */

/* Also what has not changed is written again, which says that the node is there: its report counts for 2.5
 * times as long if no other comes. */
#define STANDING_AGAIN_NODE_MS 100 /* for each node of the cluster */
#define STANDING_AGAIN_MIN_MS  60000
#define STANDING_AGAIN_MAX_MS  600000

int standing_new(struct agent *a); /* 0 or -ENOMEM */
void standing_free(struct agent *a);

/* After whatever may have changed: policies, what is in force, why something is not. */
void standing_look(struct agent *a);

/* Whether it is in force here as it is. @bare: unprotected_report() of this moment; NULL: it could not be
 * had, so nobody can tell. */
bool standing_enforces(const struct agent *a, const struct report *bare, const struct net_policy *p);

/* "policy_status" for `bulkheadctl status`: what is told, and what one of all agents gathers. */
void standing_add(const struct agent *a, struct json_object *o);

#endif
