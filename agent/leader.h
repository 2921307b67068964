/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One of all agents gathers what the nodes say and writes the status of policies: the holder of the Lease
 * `bulkhead-status` in the agents' own namespace (status/election.h). It follows the nodes' reports and what
 * is written already; what it says is in status/ledger.h. An agent in no namespace is no candidate.
 */
#ifndef BH_LEADER_H
#define BH_LEADER_H

#include <stdbool.h>
#include <stdint.h>

#include "kube/decode.h"

struct agent;

#define LEADER_LEASE "bulkhead-status"

int leader_new(struct agent *a); /* 0 or -ENOMEM */
void leader_free(struct agent *a);

/* The first time it becomes a candidate. */
void leader_look(struct agent *a);

/* An object of the model is about to change. */
void leader_change(struct agent *a, enum object_kind kind, const void *old, const void *new);
void leader_changed(struct agent *a); /* and has changed */

/*
 * The agent leaves: the Lease is given back, so that another one need not wait for its end. Return: whether
 * that is under way, and ends the loop a second later at most; false: there is nothing to wait for.
 */
bool leader_release(struct agent *a);

/* Whether we may still write as the holder of the Lease. */
bool leader_holds(const struct agent *a);

struct leader_stats {
	bool leads;
	/* of the leader alone: nodes that report, and of these who does not any more; what is still to be
	 * written */
	uint64_t nodes, silent, policies, unsaid;
	uint64_t writes, failures;
};
void leader_stats(const struct agent *a, struct leader_stats *ret);

#endif
