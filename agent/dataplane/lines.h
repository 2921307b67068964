/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Session lines in mapped memory, while programs read and write them on other CPUs: by the functions of
 * bpf/session.h and no others. Knows nothing of maps or endpoints but what it is given.
 */
#ifndef BH_DATAPLANE_LINES_H
#define BH_DATAPLANE_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../../bpf/abi.h"
#include "util/vec.h"

/* One session array. */
struct lines {
	void *at;      /* its first set */
	bool wide;     /* of IPv6 */
	uint64_t seed; /* bh_meta.seed */

	struct bh_count *ended; /* bh_rule_ended, where what ends is counted; NULL: nowhere */
	uint32_t rules;		/* how many it has */
};

/* What there is to know of whoever owns a slice, and when. */
struct lines_owner {
	uint32_t ifindex, born; /* of the endpoint */
	uint32_t now;		/* jiffies */
};

struct lines_use {
	uint32_t used; /* neither free nor over */
	uint32_t live; /* of these: answered, and not closing */
};

static inline uint32_t slice_sets(struct bh_slice s)
{
	return s.base == BH_NO_SLICE ? 0 : s.mask + 1;
}

void lines_clear(const struct lines *l, uint32_t base, uint32_t sets);
/* Clears what nobody looks into any more, and counts the sessions that end with it. */
void lines_end(const struct lines *l, struct bh_slice slice);
bool lines_are_clear(const struct lines *l, uint32_t base, uint32_t sets);

/* Calls @each with every session of a slice, over or not. Return: what it said, which ends it, or 0. */
int lines_each(const struct lines *l, struct bh_slice slice, uint32_t ifindex,
	       int (*each)(void *ctx, const struct bh_flow6 *flow, const struct bh_session *s), void *ctx);

/* Return: whether @slice has this flow. */
bool lines_have(const struct lines *l, struct bh_slice slice, const struct bh_flow6 *flow);

/*
 * Stores a session with the epoch and rights of @fresh->word, unless the flow has one. Makes room as a
 * program would, by what is of no more use than @fresh is. Return: 0, -EEXIST it has one, -ENOSPC all lines
 * of its set are of more use.
 */
int lines_put(const struct lines *l, struct bh_slice slice, const struct lines_owner *o,
	      const struct bh_flow6 *flow, const struct bh_session *fresh);

/* The same, but if the flow has one that was seen earlier than @fresh: then that becomes @fresh. */
int lines_put_later(const struct lines *l, struct bh_slice slice, const struct lines_owner *o,
		    const struct bh_flow6 *flow, const struct bh_session *fresh);

/* All that @from has and @to has not. Return: how many found no room. */
uint32_t lines_copy(const struct lines *l, struct bh_slice from, struct bh_slice to,
		    const struct lines_owner *o);

/* Lines that were being written, so that one that still is at the next look can be told from one that just
 * is. */
struct lines_busy {
	VEC(struct bh_session *) now, before;
};
void lines_busy_turn(struct lines_busy *b); /* what was seen is what was seen before */
void lines_busy_done(struct lines_busy *b);

/* Frees what is over, or of an interface that is gone, or left half written by a program that never came
 * back.
 * @busy: NULL: count alone. */
struct lines_use lines_sweep(const struct lines *l, struct bh_slice slice, const struct lines_owner *o,
			     struct lines_busy *busy);

#endif
