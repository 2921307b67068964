/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A loaded data plane with the tables of a cluster, for tests/bench/datapath.c: the agent's own code
 * (agent/dataplane) on a bpffs of its own, with one pod, "db", whose interface is IFINDEX. What the rows
 * need to know about sessions they learn here.
 */
#ifndef BENCH_DATAPATH_WORLD_H
#define BENCH_DATAPATH_WORLD_H

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/dp.h"

#define IFINDEX	 1 /* lo: a test run wants a real device */
#define POD4	 "10.1.0.5"
#define POD6	 "fd00:1::5"
#define PORT	 8000 /* TCP: the first that the policies allow */
#define SESSIONS 131072

/* Who is at the other end: the first of the pods and of the CIDRs that the policies name, or nobody. */
enum remote { A_POD, IN_CIDR, STRANGER };
#define POD_PEER4  0x0a400000u /* 10.64.0.0, and so on by one */
#define CIDR_PEER4 0x64400009u /* 100.64.0.9, and so on by 256: each has a /24 */
#define CIDR_SHIFT 8

/* How much of everything there is; 0: none. */
struct content {
	unsigned int policies; /* that select the pod and name its clients */
	unsigned int rules;    /* of one of them, each with a port of its own, from PORT on */
	unsigned int cidrs;    /* IPv4 prefixes that one names, and one IPv6 prefix */
	unsigned int pods;     /* clients */
};

/* One set of maps, so that rows with other needs do not push each other's sessions out. */
struct world {
	const char *name;
	struct content content;
	uint32_t sessions; /* lines of each family, all of them the pod's */

	struct tables *tables;
	struct dp *dp; /* NULL: not loaded */
	int prog[2];   /* by enum bh_dir */
	int meta;      /* bh_meta */
	uint64_t seed; /* of its sessions' hash */
};

extern const uint8_t pod_mac[6];
const char *peer_text(enum remote peer, int family);

void world_compile(struct world *w); /* once */
void world_load(struct world *w, const char *bpffs);
void world_unload(struct world *w);

void world_event_jiffies(const struct world *w, uint32_t jiffies);
/* ret[BH_STAT_MAX * 2], as dp_stats(). */
void world_stats(const struct world *w, struct bh_count *ret);
int world_map(const struct world *w, const char *bpffs, const char *name); /* a descriptor of one */
int world_events(const struct world *w);				   /* how many were waiting */

/* What is stored for the pod. */
struct tally {
	unsigned int v4, v6;
	unsigned int live4, live6; /* of them with PORT */
};
struct tally world_sessions(const struct world *w);

#endif
