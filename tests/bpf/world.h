/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The loaded programs with tables that say something about every peer of packet.h, in a network
 * namespace of their own, and what the tests read back.
 */
#ifndef BH_TESTS_BPF_WORLD_H
#define BH_TESTS_BPF_WORLD_H

#include "packet.h"

#define IFINDEX 1    /* lo: a test run wants a real device */
#define EPOCH	1000 /* of the endpoint */
#define BORN	900

#define WORLD_SEED 0x9d3c5f1b2a687e41ull
#define WORLD_SETS 64 /* of each family */

/* Policy sets. WEB: isolated both ways, IN and OUT: one way, the other is open.
 * FLAG: said to be shut for ingress, where its rows say that it is open, so that one sees what was read. */
enum set {
	S_NONE = 0,
	S_OPEN = 1,
	S_SHUT = 2,
	S_WEB = 3,
	S_LONG = 4,
	S_BROKEN = 5,
	S_IN = 6,
	S_OUT = 7,
	S_LAST = 7,
	S_CIDR = (int)(8 | BH_SET_CIDR),
	S_FLAG = 9 | BH_SET_SHUT(BH_INGRESS),
	S_SCTP = 10,	/* TCP 80, GRE and SCTP 3868 to 3870 with P_WEB */
	S_BUT = 11,	/* open but for TCP 22 */
	S_REFUSES = 12, /* open but to some that one must know */
	S_AUDIT = 13,	/* open, and TCP 22 is audited, and what may hide it */
	S_LOG = 14,	/* open, and TCP 80 and echoes are logged */
};

/* Rules; each is this and enum bh_dir. */
enum rule {
	R_SHUT = 2,
	R_HTTP = 4,
	R_HIGH = 6,
	R_DNS = 8,
	R_ALL = 10,
	R_MIXED = 12,
	R_SSH = 14,
	R_SCTP = 16,
	R_PING = 18,
	R_LONG = 1000
};

#define LONG_RANGES                                                                                          \
	1000 /* of S_LONG: the i-th is TCP 10i+1 to 10i+5, allowed if i is even, rule R_LONG + i */
#define LONG_BASE 100

/* NO_SLICE: no room for sessions. GROWS: what world_session_put() puts is in the former slice. */
enum ep { E_PLAIN, E_NONE, E_COLLIDED, E_FORWARDS, E_ADOPTED, E_NO_SLICE, E_GROWS };

/* Interfaces that a packet to the pod comes by; their ifindexes. Nobody's is no endpoint's. */
enum by { BY_NOBODY = 0, BY_WEB = 301, BY_STRANGER = 302, BY_ITSELF = IFINDEX };

struct counts {
	struct bh_count stat[BH_STAT_MAX * 2]; /* of BH_SESSION what all endpoints have together */
	struct bh_count never[2];	       /* what bh_stats has of it: the agent's alone */
	struct bh_ep_stat ep;		       /* of the endpoint's slot */
};

struct policy_bpf;
extern struct policy_bpf *bpf;

void world_load(void);
void world_unload(void);
extern uint32_t world_ifindex; /* the endpoint's; IFINDEX unless set */
void world_endpoint(enum ep ep, enum set set);
void world_event_jiffies(uint32_t jiffies);
void world_open(bool open); /* the emergency switch */
void world_clear(void);	    /* sessions, fragments and events */
void world_clear_sessions(void);
void world_free_sessions(void); /* as they are left when they end: all but the word is still there */
void world_age_fragments(uint32_t jiffies,
			 uint32_t epochs); /* they are that much older, and of an older epoch */

struct counts world_counts(void);
uint64_t world_rule_packets(uint32_t rule);
struct bh_count world_rule_ended(uint32_t rule); /* what its sessions had carried */
int world_events(struct bh_event *ret_last);	 /* how many were waiting */
int world_sessions(void);
bool world_session(const struct bh_flow6 *k, struct bh_session *ret);
/* The tag of its word is filled in. */
void world_session_put(const struct bh_flow6 *k, const struct bh_session *s);
uint32_t world_life(enum bh_life life);	 /* jiffies that the programs have for it */
void *world_sets(enum bh_family family); /* the whole array, WORLD_SETS of them */
struct bh_endpoint *world_slot(void);	 /* the endpoint in the map */
uint32_t world_now(void);		 /* jiffies */

/* One test run. @ingress_ifindex 0: made by this node. @linear: bytes outside pages, 0: all.
 * Return: the verdict; -1 is TC_ACT_UNSPEC. Below -1: -errno - 1000. */
int world_run(enum bh_dir dir, const struct frame *f, uint32_t ingress_ifindex, uint32_t linear, int repeat);
int world_explain(struct bh_query *q);

#endif
