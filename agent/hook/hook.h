/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Our two programs on the host side of a veth: attach, inspect, detach. Raw bpf(2) and rtnetlink
 * only, because the CNI plugin runs on hosts that lack our libraries; the agent uses the same code.
 */
#ifndef BH_HOOK_HOOK_H
#define BH_HOOK_HOOK_H

#include <stdbool.h>
#include <stdint.h>

#include "util/err.h"
#include "util/hash.h"

/* How the programs hang on the interface. AUTO: tcx where the kernel has it (Linux 6.6), else clsact. */
enum hook_mode { HOOK_AUTO, HOOK_TCX, HOOK_CLSACT };

const char *hook_mode_text(enum hook_mode mode);	    /* "auto", "tcx", "clsact" */
int hook_mode_parse(const char *text, enum hook_mode *ret); /* 0 or -EINVAL */

/* Whether this kernel knows tcx: asked of the kernel, by a link to an interface that cannot exist
 * (-ENODEV: yes, -EINVAL: no). @prog_fd: any SCHED_CLS program. */
bool hook_has_tcx(int prog_fd);

struct hook {
	const char *pin_dir; /* where the agent pinned the programs, links below it in links/ */
	struct hash128 key;  /* the endpoint's owner */
	uint32_t ifindex;    /* host side of the veth */
};

/* Whether both programs are pinned, so that hook_attach() has something to attach. Return: 0, -ENOENT
 * they are not (err says which), or another -errno. */
int hook_ready(const char *pin_dir, struct bh_err *err);

/**
 * hook_attach() - put bh_from_pod (tc ingress) and bh_to_pod (tc egress) at the head of @h->ifindex.
 * @mode:     how; the way taken is written to *ret_mode.
 *
 * tcx: links pinned as PIN_DIR/links/KEY_from and KEY_to, before every other program; one that is
 * pinned and hangs on this interface is kept and its program updated, one that hangs elsewhere or
 * nowhere is replaced. A link of another layout's that hangs there is taken over. clsact: filters with our
 * own handle and priority, replaced in place. On failure nothing that this call made is left behind. Return:
 * 0, -ENOENT the programs are not pinned, -ENODEV no such interface, -EBUSY an ingress qdisc is in the way of
 * clsact, or another -errno.
 */
int hook_attach(const struct hook *h, enum hook_mode mode, enum hook_mode *ret_mode, struct bh_err *err);

/* Take them off again, by pins (of other layouts, too) and by interface, whichever there is; 0 when there was
 * nothing. ifindex 0: only the pins. The clsact qdisc stays if anyone else has a filter on it. */
int hook_detach(const struct hook *h, struct bh_err *err);

/* Takes our programs off every interface here, whoever owns them, and unpins every link, other layouts' too.
 * Goes on after a failure and returns the first one. The pinned programs and maps stay. */
int hook_sweep(const char *pin_dir, struct bh_err *err);

/*
 * Agents of another layout of the maps pin in a directory of their own, which is called as ours but for the
 * number at its end: ".../bulkhead-v1", ".../bulkhead-v2". A directory whose name does not end so stands
 * alone.
 *
 * hook_beside(): those that are there. What is not 0 from @each ends the walk and is the result. Return: 0,
 * that, or -errno. hook_take_links(): whatever link of @from's still hangs somewhere runs @pin_dir's programs
 * and is pinned there; what hangs nowhere, or beside one that is there already, goes. Goes on after a
 * failure; 0 or the first -errno. hook_unpin(): the programs alone. From now on hook_attach() by that
 * directory is told -ENOENT.
 */
int hook_beside(const char *pin_dir, int (*each)(void *ctx, const char *dir), void *ctx);
int hook_take_links(const char *from, const char *pin_dir, struct bh_err *err);
int hook_unpin(const char *pin_dir, struct bh_err *err);

enum hook_state {
	HOOK_MISSING = 0,   /* one is not there, or is not the pinned one */
	HOOK_FIRST = 1,	    /* both are, and no other program runs before them */
	HOOK_BEHIND = 2,    /* both are, and one does: it can end the walk before ours */
	HOOK_OVERTAKEN = 3, /* ours are filters, and one hangs by tcx, which runs before any filter */
};

/* Return: enum hook_state (err says what there is to say, but for HOOK_FIRST), or -errno. */
int hook_check(const struct hook *h, struct bh_err *err);

/**
 * hook_reclaim() - where the state is HOOK_BEHIND: before every other program again.
 * @clones: the two programs loaded a second time, [0] from_pod; not kept.
 *
 * At no moment is the hook without our program. Who put the other one there may do so again: that is for the
 * caller to bound. Return: 0 or -errno.
 */
int hook_reclaim(const struct hook *h, const int clones[2], struct bh_err *err);

/* Removes the pins of links whose interface is gone. Those that hang somewhere stay, whoever they belong to:
 * they close it. And what is half in place for @min_age_s: else a call of the plugin is at it. Return: how
 * many were removed, or -errno. */
int hook_sweep_dead(const char *pin_dir, int min_age_s, struct bh_err *err);

#endif
