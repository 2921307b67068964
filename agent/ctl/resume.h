/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where somebody is who follows the flows of one agent: so that he goes on there when the connection or the
 * agent has ended, without one of them twice, and knows how many he has missed.
 */
#ifndef BH_CTL_RESUME_H
#define BH_CTL_RESUME_H

#include <stdbool.h>
#include <stdint.h>

struct json_object;

/* What is said of it, on a node and from afar. */
#define RESUME_ANOTHER "the agent has restarted; what the last one had read and not passed on is not known"
#define RESUME_LATER   "going on when it is back"

struct resume {
	char run[20];	     /* of the agent's process; "": nothing was heard yet */
	uint64_t seq, lost;  /* of the last item */
	unsigned int failed; /* attempts in a row */
};

/* Puts into the request where to go on. */
void resume_ask(const struct resume *r, struct json_object *request);

/* Takes that out of an item. Return: whether another process sends it than the one before. */
bool resume_take(struct resume *r, struct json_object *item);

/* Before the next attempt; counts it. */
unsigned int resume_pause_ms(struct resume *r);

#endif
