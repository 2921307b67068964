/* SPDX-License-Identifier: Apache-2.0 */
/* The table: what each packet is, what it meets, and what must come of it. */
#ifndef BH_TESTS_BPF_ROWS_H
#define BH_TESTS_BPF_ROWS_H

#include <netinet/in.h>
#include <stddef.h>

#include "world.h"

#define FROM   (1 << BH_EGRESS)
#define TO     (1 << BH_INGRESS)
#define EITHER (FROM | TO)

/* The session that is there before. Its counters are PRIOR_*, its rule PRIOR_RULE. */
struct prior {
	bool against; /* opened in the other direction than the packet's */
	uint8_t fixed, flags, state;
	enum by via;
	bool over, ahead; /* last seen too long ago; a moment after now */
	uint32_t epoch;	  /* 0: there is none */
};
#define STALE	      (EPOCH - 1)
#define DEAD	      (BORN - 1)
#define NOW	      EPOCH
#define PRIOR_PACKETS 7
#define PRIOR_BYTES   700
#define PRIOR_RULE    77
#define PRIOR_LIFE    500000 /* jiffies */

enum left {
	NOTHING, /* no session after the packet */
	FRESH,	 /* a new one, opened by this packet */
	RUNS,	 /* the one before, with this packet counted and the epoch of now */
	KEPT,	 /* the one before, untouched */
	CUT,	 /* the one before, marked as cut */
};

#define UDP  IPPROTO_UDP
#define ECHO IPPROTO_ICMP
#define SCTP IPPROTO_SCTP

#define BEFORE 3

struct row {
	const char *name;
	int families, dirs; /* the row runs once for each pair */
	struct shape p;
	enum set set;
	enum ep ep;
	bool here;  /* made by this node, else from elsewhere */
	enum by by; /* and from whose interface */
	struct prior prior;
	void (*before[BEFORE])(
		struct frame *f); /* the same, bent in these ways, came first; its sessions are gone */
	uint32_t aged;		  /* what was remembered of their fragments: jiffies ago, */
	uint32_t former;	  /* and so many epochs */
	uint32_t linear;	  /* bytes of the frame outside pages; 0: all */
	int repeat;		  /* 0: once */
	uint32_t event_jiffies;

	enum bh_reason want;
	uint32_t rule;	     /* enum rule, without its direction; 0: none */
	enum bh_reason told; /* what an event says of a packet that passes; 0: there is none */
	bool far;	     /* who denies is the other direction's policy: the event says so */
	bool far_rule;	     /* the rule is the other direction's */
	uint32_t stat;	     /* one more BH_STAT_* that is counted; 0: none */
	enum left left;
	uint8_t fixed; /* of the session that is left, FRESH, beside who opened it */
	uint8_t state; /* of it, RUNS; 0: what its first answer makes of it */
	bool far_open; /* which the other direction is taken to have opened */
};

struct rows {
	const struct row *row;
	size_t n;
};
extern const struct rows plain_rows; /* rows.c */
extern const struct rows odd_rows;   /* rows_odd.c */

#endif
