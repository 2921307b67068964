/* SPDX-License-Identifier: Apache-2.0 */
/* The buckets. A value that is a bound is below it, as Prometheus' `le` has it. */
#include "util/histogram.h"

#include <stddef.h>

const double histogram_bounds[HISTOGRAM_BUCKETS] = { 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1,
						     0.25,  0.5,    1,	   2.5,	 5,	10,   60 };

void histogram_observe(struct histogram *h, uint64_t ns)
{
	size_t i = 0;

	while (i < HISTOGRAM_BUCKETS && (double)ns / 1e9 > histogram_bounds[i])
		i++;
	h->counts[i]++;
	h->sum_ns += ns;
}
