/* SPDX-License-Identifier: Apache-2.0 */
/* What tests/bench/datapath.c and the programs that stand before those under test tell each other. */
#ifndef BENCH_DATAPATH_H
#define BENCH_DATAPATH_H

#include <linux/types.h>

#define BENCH_LANES 2	  /* CPUs that run at once */
#define BENCH_LINES 65536 /* of the map that is read line by line */

/* Which flows a CPU goes through. */
struct bench_lane {
	__u32 n;	  /* packets so far */
	__u32 ports;	  /* so many source ports, a power of two, in an order that nothing can guess */
	__u32 in_order;	  /* the source ports one after the other */
	__u32 port;	  /* destination port */
	__u32 peer;	  /* the peer's address, or the last 32 bits of it, host byte order ... */
	__u32 peers;	  /* ... and so many from there on, a power of two, in turn */
	__u32 peer_shift; /* ... 1 << this apart */
	__u32 out;	  /* from the pod: the peer is the destination */
	__u32 carry;	  /* what the last line held */
	__u32 chained; /* the next flow follows from the session of the last one, and not from the clock: */
	__u32 mask, set, way; /* of the world's slice; where the last one has its session */
	__u64 seed;	      /* of the world's hash */
	__u64 pad[8];	      /* lanes share no cache line, nor the one that is fetched beside it */
};

#endif
