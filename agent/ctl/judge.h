/* SPDX-License-Identifier: Apache-2.0 */
/* What counters and costs amount to, held against the targets. Pure. */
#ifndef BH_CTL_JUDGE_H
#define BH_CTL_JUDGE_H

#include <stdbool.h>
#include <stdint.h>

/* As the agent counts: from some beginning on. */
struct perf_sample {
	double at_ms;
	uint64_t hits, allowed, denied, opened, redecided, evicted, runs, run_ns, sessions;
};

/* How it was measured. */
struct perf_setup {
	uint64_t cpus;
	bool one;			      /* of one pod, while run-time statistics are of all */
	bool run_stats, jited;		      /* run_stats: of the kernel, while it was measured */
	bool cost;			      /* by test runs: the next three are there */
	double hot_ns, allowed_ns, denied_ns; /* 0: not met */
};

/* From one sample to a later one. Ratios and costs are below 0 where nobody can tell. */
struct perf_span {
	double seconds;
	uint64_t packets, hits, allowed, denied, opened, redecided, evicted;
	uint64_t sessions;   /* at its end */
	double packets_s;    /* each at each hook that it passes */
	double hit_rate;     /* of the allowed, 0 to 1 */
	double packet_ns;    /* on average */
	double cold_ns;	     /* on average, by what is left of the statistics without the hot ones */
	double node, core;   /* share of all cores, and of one, 0 to 1 */
	double core_packets; /* that one core could do in a second */
};

struct perf_span perf_between(const struct perf_sample *from, const struct perf_sample *to,
			      const struct perf_setup *s);

enum perf_target { PERF_HIT_RATE, PERF_CORE, PERF_HOT, PERF_COLD, PERF_CPU, PERF_TARGETS };

struct perf_verdict {
	const char *name;   /* "hit_rate" */
	const char *target; /* "> 99 %" */
	bool known, met;
	char value[64];
	char advice[400]; /* "" unless it is missed */
};

void perf_judge(const struct perf_span *all, const struct perf_setup *s,
		struct perf_verdict ret[PERF_TARGETS]);

/* "78 ns", "4.2 us". Returns ret. */
const char *perf_time_text(double ns, char ret[24]);

#endif
