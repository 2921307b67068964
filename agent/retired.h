/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An agent that was asked to leave its node (kube/own.h): first out of the chain, while it serves as ever,
 * since the runtime may go on by the old list for a moment; then the agent proper ends, and what is left of
 * it takes everything off the node (retire.h), says so in an Event, and does nothing more until it is
 * deleted. It does not come back: an agent of a Pod that has the mark begins here.
 */
#ifndef BH_RETIRED_H
#define BH_RETIRED_H

struct agent;
struct agent_options;

/* The mark that our own Pod has already; NULL: none, or it cannot be known now. Owned. Takes 2 s at most. */
char *retired_asked(const struct agent_options *opt);

/* Begins, and ends the loop with agent.unchained set. Again: nothing. */
void retired_begin(struct agent *a, const char *mark);
void retired_step(void *agent); /* of agent.retire_timer */

/* The rest, until SIGTERM. Return: an exit code. */
int retired_run(const struct agent_options *opt, const char *mark);

#endif
