/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the programs reported as denied: the last ones kept, new ones sent to who follows. Names are
 * resolved when an event is read, because later they may be another's.
 */
#ifndef BH_DENIALS_H
#define BH_DENIALS_H

#include "../bpf/abi.h"
#include "api/api.h"

struct agent;

#define DENIALS_KEPT 1024

int denials_new(struct agent *a); /* sets a->denials, begins to poll; 0 or -ENOMEM */
void denials_free(struct agent *a);

struct flows_asked {
	bool follow; /* also what comes, until the connection closes */
	bool lost;   /* and where some were lost, how many */
	bool why;    /* with the closest rule */
	bool resume; /* each says where it is, as these here, of the last one that was heard */
	char run[20];
	uint64_t seq, missed; /* reports of that run; and of all time, those that nobody read */
};

/* Sends what is kept, and what else is asked for. */
void denials_send(struct agent *a, struct api_conn *conn, const struct flows_asked *asked);
void denials_unfollow(struct agent *a, struct api_conn *conn);

uint64_t denials_read(const struct agent *a); /* events, since the start */

/* Those that found no room since the start. @ret_last_ms: when that was noticed last, by clock_ms(); 0:
 * never. */
uint64_t denials_lost(const struct agent *a, int64_t *ret_last_ms);

/* One of those that are kept, as a question to the program. Return: whether there is one. */
bool denials_pick(const struct agent *a, uint64_t random, struct bh_query *ret);

#endif
