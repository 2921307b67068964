/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Does the loaded program say what the tables mean? After every change that was brought into force some
 * dozens of flows are asked of bh_explain (recent denials, live sessions, picks at the edges of the tables),
 * a few in a turn of the loop, and a few more now and then. A difference is an alarm: logged, told, counted.
 */
#ifndef BH_SELFCHECK_H
#define BH_SELFCHECK_H

#include <stdint.h>

struct agent;
struct json_object;

int selfcheck_new(struct agent *a); /* sets a->selfcheck; 0 or -ENOMEM */
void selfcheck_free(struct agent *a);

void selfcheck_enforced(struct agent *a); /* something new is in force */
void selfcheck_tick(struct agent *a);

struct selfcheck_seen {		/* since the start */
	uint64_t asked, differ; /* flows; those of which the program says something else */
	int64_t differed_ms;	/* when it last did, by clock_ms(); 0: never */
	const char *last;	/* what it was about; "" */
};
void selfcheck_seen(const struct agent *a, struct selfcheck_seen *ret);

/* "self_check": for `status`. */
void selfcheck_add(const struct agent *a, struct json_object *o);

#endif
