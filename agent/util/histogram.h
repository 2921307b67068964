/* SPDX-License-Identifier: Apache-2.0 */
/* Durations counted by how long they were: a fixed set of buckets, nothing to allocate. */
#ifndef BH_UTIL_HISTOGRAM_H
#define BH_UTIL_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_BUCKETS 14 /* and one for what is longer than the last */

/* Upper ends of the buckets in seconds: from 1 ms to 60 s, what a change or a pod's start may take. */
extern const double histogram_bounds[HISTOGRAM_BUCKETS];

struct histogram {
	uint64_t counts[HISTOGRAM_BUCKETS + 1]; /* each bucket's own */
	uint64_t sum_ns;
};

void histogram_observe(struct histogram *h, uint64_t ns);

#endif
