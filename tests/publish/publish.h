/* SPDX-License-Identifier: Apache-2.0 */
/* What the writer tells the reader of tests/publish, and what the reader says to it. */
#ifndef TEST_PUBLISH_H
#define TEST_PUBLISH_H

#include <linux/types.h>

#define FLOWS	256   /* the first `flows` are asked for, in turn */
#define WORLDS	32    /* world n is the same as world n % WORLDS */
#define ASKS	64    /* answers a program run */
#define HELD_NS 20000 /* in the middle of some questions */

struct pub_flow {
	__u32 ifindex;
	__be32 remote;
	__be16 port;
	__u16 pad;
};

/* Before event n is published `started` = n, after it `finished` = n. */
struct pub_state {
	__u64 started, finished;
	__u32 flows, next;
	__u64 answers, wrong, mixed;		    /* mixed: answers while an event was under way */
	__u64 bad_flow, bad_said, bad_from, bad_to; /* the last wrong one */
};

#endif
