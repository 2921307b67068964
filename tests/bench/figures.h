/* SPDX-License-Identifier: Apache-2.0 */
/* What the benchmarks in C measure by. */
#ifndef BH_TESTS_BENCH_FIGURES_H
#define BH_TESTS_BENCH_FIGURES_H

#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

/* That this thread has used. */
static inline uint64_t cpu_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000ull + (uint64_t)t.tv_nsec;
}

/* Bytes that malloc has given out, by its own count: headers included. */
static inline size_t heap_in_use(void)
{
	const struct mallinfo2 m = mallinfo2();

	return m.uordblks + m.hblkhd;
}

static inline int cmp_double(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

#endif
