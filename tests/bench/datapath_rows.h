/* SPDX-License-Identifier: Apache-2.0 */
/* The ways of a packet that tests/bench/datapath.c measures, and the worlds that they need. */
#ifndef BENCH_DATAPATH_ROWS_H
#define BENCH_DATAPATH_ROWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "datapath.h"
#include "datapath_world.h"

#define LOADS	      5 /* where the kernel puts a program moves its figures by a tenth: it is loaded anew */
#define TURNS_A_LOAD  10
#define TURNS	      (LOADS * TURNS_A_LOAD)
#define REPEAT	      30000
#define REPEAT_EVENTS 10000 /* so many fit in the ring */
#define WARM	      2000
#define ALWAYS	      0		 /* bh_meta.event_jiffies: every denied packet is reported */
#define ONCE	      0x7fffffff /* only a flow's first */
#define FLOWS	      65536	 /* live, where many are */
#define PEERS	      1024
#define PEERS_MANY    8192

/* Stands for "one event each", which is not in the statistics. */
#define EVENT BH_STAT_MAX

enum target { BY_WORLD, EMPTY, LOOKUP, LINE, CHASE };

/* A way through the programs. */
struct row {
	const char *name;
	const char *group;   /* where it is drawn */
	const char *thing;   /* "scale": what there is more of; ... */
	unsigned int size;   /* ... so many */
	struct world *world; /* NULL: @target is a program of our own */
	enum target target;
	int family;
	enum bh_dir dir;
	enum remote peer;
	bool syn;
	unsigned int ports; /* over so many source ports, a power of two; 0: one flow */
	unsigned int peers; /* times so many peers; 0: one */
	bool chained;	    /* the next flow follows from the session of the last one (IPv4, to the pod) */
	int cpus;	    /* that run it at once; 0: one */
	bool same;	    /* two CPUs: one flow for both */
	uint32_t reason;    /* that every packet must have */
	uint32_t stat;	    /* and what else it must be counted as; 0: no event at all */
	uint32_t event_jiffies;
	int repeat, warm; /* packets; 0: REPEAT, WARM */
	double goal;	  /* 0: none */
	const char *note;

	uint32_t n[BENCH_LANES]; /* of bench_lane: where this row goes on */
	double ns[TURNS];
};

#define ROWS_MAX   96
#define WORLDS_MAX 32

extern struct row rows[ROWS_MAX];
extern size_t n_rows;
#define CHAINED (&worlds[1]) /* the world of all rows that are */
extern struct world worlds[WORLDS_MAX];
extern size_t n_worlds;

void rows_init(void); /* makes both */

/* Flows that are opened by their first packets, in the order of the source ports. */
struct flows {
	struct world *world;
	int family;
	enum remote peer;
	unsigned int ports, peers; /* as in a row; ports 0: one flow for each CPU */
	unsigned int port;	   /* destination */
	int n;			   /* packets */
	bool answered;		   /* each by one packet of the pod */
};

/* What many rows need to find in worlds that were just loaded; and whether they have found it until the end.
 */
void rows_fill(void (*open)(const struct flows *f));
void rows_verify(void);

#endif
