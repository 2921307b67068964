/* SPDX-License-Identifier: Apache-2.0 */
/* What tests/bench/hotpath.c tells the program that spreads packets over flows. */
#ifndef BENCH_HOTPATH_H
#define BENCH_HOTPATH_H

#include <linux/types.h>

struct bench_spread {
	__u32 n;	  /* packets so far */
	__u32 port, mask; /* destination ports: port to port + mask */
};

#endif
