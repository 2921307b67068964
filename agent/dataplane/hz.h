/* SPDX-License-Identifier: Apache-2.0 */
/* How often the kernel's jiffies go on in a second: nowhere to be read (its config is often absent), so
 * timed. */
#ifndef BH_DATAPLANE_HZ_H
#define BH_DATAPLANE_HZ_H

#include <stdbool.h>
#include <stdint.h>

/* Zero before the first reading. */
struct hz_watch {
	bool begun, ticked;
	uint32_t first, last;	    /* jiffies at the first change that was seen, and now */
	uint64_t early_ns, late_ns; /* between these that first change was */
	uint64_t before_ns;	    /* the last reading began */
};

/**
 * hz_look() - one more reading: @jiffies, some time between @before_ns and @after_ns of one clock.
 *
 * Whoever reads may have to wait for a CPU at any moment, and so may the kernel's tick: nothing is said
 * before the earliest and the latest moments that are possible agree. Return: 100, 250, 300 or 1000; 0: not
 * certain yet.
 */
unsigned int hz_look(struct hz_watch *w, uint32_t jiffies, uint64_t before_ns, uint64_t after_ns);

#endif
