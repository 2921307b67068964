/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The data plane seen from user space: load or adopt the pinned programs and maps, read and change
 * the maps, read events, ask the program. The only code that includes libbpf. Has no opinions: what
 * to change and in which order comes from policy/delta.h.
 */
#ifndef BH_DATAPLANE_DP_H
#define BH_DATAPLANE_DP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../../bpf/abi.h"
#include "policy/delta.h"
#include "util/err.h"

struct dp;

/* Entries; 0: the default in bpf/maps.h. Fixed when the maps are made: adopted maps keep theirs. Sessions are
 * rounded up to sets, and these to a power of two. */
struct dp_sizes {
	uint32_t addrs, cidrs, rows, ranges, rules, sessions4, sessions6, events_bytes;
};

/**
 * dp_open() - adopt what is pinned under @pin_dir, make what is not, pin all.
 *
 * Programs that differ from ours are replaced: the pins by rename, the links of live endpoints by
 * BPF_LINK_UPDATE (hook_attach()), so that no packet meets an empty hook.
 * Return: 0, -EPERM, -ENOTSUP @pin_dir is not on a bpffs, -EUCLEAN a pinned map has another layout
 * (err names it), -EBUSY another agent holds the lock, or what the kernel said to the load (err holds
 * the verifier's last line).
 */
int dp_open(const char *pin_dir, const struct dp_sizes *sizes, struct dp **ret, struct bh_err *err);

/**
 * dp_prepare() - what of dp_open() changes nothing and takes its time: the kernel's check of the programs.
 *
 * For an agent that waits for another one, which goes on meanwhile. Nothing but dp_take() and dp_free() may
 * follow. Where another layout is pinned and ours is not, the maps are made (@sizes), and pinned by
 * dp_take(). Return: 0, -ENOENT not everything is pinned yet, or as dp_open(). dp_take(): the rest. Return:
 * 0, -ESTALE other maps are pinned by now (use dp_open()), or as dp_open().
 */
int dp_prepare(const char *pin_dir, const struct dp_sizes *sizes, struct dp **ret, struct bh_err *err);
int dp_take(struct dp *dp, struct bh_err *err);
void dp_free(struct dp *dp); /* closes; whatever is pinned stays and goes on working */
int dp_prog_fd(const struct dp *dp, enum bh_dir dir); /* BH_EGRESS: bh_from_pod */

/* Both programs once more, loaded from the same object on the same maps: [0] bh_from_pod, [1] bh_to_pod. The
 * load takes some tenths of a second, so they are kept until dp_clones_free(). Return: 0 or -errno. */
int dp_clones(struct dp *dp, int ret[2], struct bh_err *err);
void dp_clones_free(struct dp *dp);

/* Whether all our pins are still there. Return: 1, 0, or -errno. dp_repin() puts back what is not. */
int dp_pins_ok(const struct dp *dp);
int dp_repin(struct dp *dp, struct bh_err *err);

/*
 * What agents of other layouts have left beside @pin_dir (hook_beside()), locked like our own from dp_open()
 * or dp_take() on.
 *
 * dp_former(): the path of one of them; NULL: there are not so many.
 * dp_former_copy(): their sessions of one interface (0: of all) into ours, as ones that live, with their idle
 * time, and are decided afresh at their next packet. Of one flow that has a session here already, the one
 * that was seen last counts. Return: how many were stored, or -errno. dp_former_unread(): whether there is
 * one whose sessions this version cannot read. dp_former_close(): lets go of them, where they are done with.
 */
const char *dp_former(const struct dp *dp, size_t i);
bool dp_former_unread(const struct dp *dp);
int dp_former_copy(struct dp *dp, uint32_t ifindex, struct bh_err *err);
void dp_former_close(struct dp *dp);

/* Read everything the programs decide by. */
int dp_read(struct dp *dp, struct actual **ret, struct bh_err *err);

/* One step. STEP_GRACE blocks (some ms) here; see dp_grace_begin() for the event loop. */
int dp_step(struct dp *dp, const struct step *step, struct bh_err *err);

/* Grace without blocking: begin, then the fd is readable once when it is over (read 8 bytes). One at
 * a time. */
int dp_grace_fd(const struct dp *dp);
int dp_grace_begin(struct dp *dp, struct bh_err *err);

/* The ports, as BH_NODE_PORT(), ascending, on which this node forwards to others (tables.node_ports): they
 * are no part of the exemption for the node's own addresses. Replaces the former list. Return: 0, -ENOSPC:
 * they do not fit, and nothing has changed, or -errno. */
int dp_set_node_ports(struct dp *dp, const uint32_t *ports, size_t n, struct bh_err *err);
uint32_t dp_node_ports_max(const struct dp *dp);

/* The emergency switch: nothing is denied while it is on. */
bool dp_node_is_open(const struct dp *dp);
void dp_set_node_open(struct dp *dp, bool open);

/* What would the program say? The answer fields of @q are filled in. Return: 0 or -errno. */
int dp_explain(struct dp *dp, struct bh_query *q, struct bh_err *err);

/* Statistics summed over CPUs: ret[BH_STAT_MAX * 2], index stat * 2 + dir. */
int dp_stats(struct dp *dp, struct bh_count *ret, struct bh_err *err);
/* Events that found the ring full, and those of flows that had one a moment before; of all time. */
struct dp_missed {
	uint64_t lost, throttled;
};
int dp_events_missed(struct dp *dp, struct dp_missed *ret);
/* Decisions by rule id, all of them; free() them. */
int dp_rule_counts(struct dp *dp, struct bh_count **ret, uint32_t *ret_n, struct bh_err *err);
/* Of one rule. Return: 0, or -errno: one past the end of the map is not counted. */
int dp_rule_count(struct dp *dp, uint32_t rule, struct bh_count *ret);
/* What the sessions that a rule allowed had carried when they ended. */
struct bh_count dp_rule_ended(const struct dp *dp, uint32_t rule);

/*
 * The kernel's run-time statistics: kept on as long as the descriptor that dp_run_stats_hold() gives is open
 * (-EPERM without CAP_SYS_ADMIN), or by whoever has set kernel.bpf_stats_enabled. Each packet costs some 20
 * ns more meanwhile.
 */
int dp_run_stats_hold(void);
bool dp_run_stats_are_on(void);

/* Of both programs that hang on the pods' interfaces, since they were loaded. */
struct dp_runs {
	uint64_t runs, ns; /* while statistics were on */
	bool jited;	   /* false: the kernel interprets them */
};
int dp_runs(const struct dp *dp, struct dp_runs *ret);

/* By test runs of a copy of the programs on this node's tables: medians. */
struct dp_cost {
	uint32_t hot_ns; /* of a packet with a live session */
	struct {
		uint32_t runs, ns; /* runs 0: nothing was decided so */
	} cold[2];		   /* by enum bh_action: of the first packet of a flow */
};

/**
 * dp_cost() - what packets cost at an endpoint like @like (its policy set, addresses and MAC).
 * @picks: flows at it; at least one, of whose family the hot one is.
 *
 * Takes as long as the kernel's check of the programs: some tenths of a second.
 * Return: 0, -ENOENT no picks, or what the kernel said.
 */
int dp_cost(struct dp *dp, const struct bh_endpoint *like, const struct bh_query *picks, size_t n,
	    struct dp_cost *ret, struct bh_err *err);

/* ---- sessions ----------------------------------------------------------------------------- */

/* Sessions: one call an entry, either family (v4 as ::ffff:). Return non-zero from @each to stop. */
struct dp_session {
	struct bh_flow6 flow;
	struct bh_session session; /* the addresses are in `flow` */
	uint64_t idle_ms, left_ms; /* since the last packet; until it is over, if there is none more */
	bool over;		   /* as good as none, and not swept yet: dp_sessions_kept() alone */
	bool stale;		   /* a policy has changed since: decided afresh with its next packet */
};
int dp_sessions(struct dp *dp, int (*each)(void *ctx, const struct dp_session *s), void *ctx,
		struct bh_err *err);
/* With those that are over: all that has not been counted as ended. */
int dp_sessions_kept(struct dp *dp, int (*each)(void *ctx, const struct dp_session *s), void *ctx,
		     struct bh_err *err);
/* As dp_sessions(), of one endpoint alone, by its slot: dp_slot(). */
int dp_slot_sessions(struct dp *dp, uint32_t slot, int (*each)(void *ctx, const struct dp_session *s),
		     void *ctx, struct bh_err *err);

/* A flow that somebody else has seen open. */
struct dp_seed {
	struct bh_flow6 flow;
	uint32_t epoch;
	enum bh_dir opener;
	bool replied;
};
/* Store a session for it, unless there is one. Its endpoint gets more room if it takes that, which blocks
 * (some ms). Return: 0 or -errno. */
int dp_session_seed(struct dp *dp, const struct dp_seed *seed, struct bh_err *err);

/* Around many of them: what they need of the session arrays stays mapped, which is what costs. */
void dp_seeds_begin(struct dp *dp);
void dp_seeds_end(struct dp *dp);

/* How long sessions live without packets, in seconds, by enum bh_life. */
void dp_set_lives(struct dp *dp, const uint32_t seconds[BH_LIFE_MAX]);

/* ---- slices ------------------------------------------------------------------------------- */

/*
 * Each endpoint has sessions of its own, in sets that STEP_EP_NEW gives it and STEP_EP_DEL takes back. Growth
 * and what was taken back wait for graces of their own: dp_slices_work() goes on once dp_slices_fd() is
 * readable.
 */
int dp_slices_fd(const struct dp *dp);
int dp_slices_work(struct dp *dp, struct bh_err *err); /* 0 or -errno */

/* An interface's slot in bh_endpoints. Return: it, or -ENOENT. And whose a slot is; 0: nobody's. */
int dp_slot(const struct dp *dp, uint32_t ifindex);
uint32_t dp_slot_ifindex(const struct dp *dp, uint32_t slot);
uint32_t dp_slot_lines(const struct dp *dp, uint32_t slot); /* of its smaller slice */

struct dp_slice_use {
	uint32_t lines; /* sessions that there is room for */
	uint32_t used;	/* live ones */
	uint32_t live;	/* of these: answered and not closing */
	bool grows;
};
/* Counts, and frees what is over if @sweep. 0 lines: the slot is free, or its endpoint found the pool empty.
 */
int dp_slice_use(struct dp *dp, uint32_t slot, enum bh_family f, bool sweep, struct dp_slice_use *ret,
		 struct bh_err *err);
/* Before each round of sweeps over all slots: what is half written at two rounds is freed. */
void dp_sweep_begin(struct dp *dp);
/* After the first one: clears what a killed agent left in sets that are nobody's. */
void dp_sweep_unowned(struct dp *dp);

/* More room: for @lines, or as much as there is. Return: 0, -ENOENT, -EALREADY it grows already, -ENOSPC it
 * cannot, or -errno. */
int dp_slice_grow(struct dp *dp, uint32_t slot, enum bh_family f, uint32_t lines, struct bh_err *err);

/* How many lines an array has, and how many of them endpoints have. */
void dp_pool_use(const struct dp *dp, enum bh_family f, uint32_t *ret_lines, uint32_t *ret_given);

/* What was counted for a slot, over all CPUs; and for all of them, with those that have been used again since
 * dp_open(): so that it never falls. */
int dp_slot_stat(struct dp *dp, uint32_t slot, struct bh_ep_stat *ret, struct bh_err *err);
int dp_node_stat(struct dp *dp, struct bh_ep_stat *ret, struct bh_err *err);

/* ---- events ------------------------------------------------------------------------------- */

/* Events that wait in the ring. Return: how many were given to @each, or -errno. */
int dp_events(struct dp *dp, void (*each)(void *ctx, const struct bh_event *e), void *ctx);

#endif
