/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What sessions need besides the programs: those that are over are swept out, endpoints whose slice is too
 * small get a larger one, and evictions are counted and told.
 */
#ifndef BH_SESSIONS_H
#define BH_SESSIONS_H

#include <stdint.h>

#include "util/err.h"

struct agent;

/* Sets a->sessions; once the data plane is there. Return: 0 or -errno. */
int sessions_new(struct agent *a, struct bh_err *err);
void sessions_free(struct agent *a);

/* Live sessions that had to make room, of all endpoints since the start. */
struct sessions_evicted {
	uint64_t unanswered, answered;
};
struct sessions_evicted sessions_evicted(const struct agent *a);

/* Live ones of both families, as the last sweep found them: it goes over all of them every ten seconds. */
void sessions_live(const struct agent *a, uint64_t ret[2]);

/*
 * How many lines a slice should have of which @live are answered sessions, and which had to make room for
 * @evicted of these since the last look. 0: it is large enough. Evictions of what nobody answered play no
 * part, or a flood would buy room; nor do those of flows that have ended: so a slice that is mostly free of
 * live ones stays.
 */
uint32_t sessions_need(uint32_t lines, uint32_t live, uint64_t evicted);

#endif
