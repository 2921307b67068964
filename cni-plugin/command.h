/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The commands, and what they share. Each returns 0 or a CNI error code and fills err; main alone
 * prints. docs/cni.md says what each answers and leaves behind.
 */
#ifndef BH_CNI_COMMAND_H
#define BH_CNI_COMMAND_H

#include <stdint.h>

#include "api/api.h"
#include "hook/hook.h"
#include "netconf.h"
#include "util/buf.h"
#include "util/err.h"

#define DEL_AGENT_MS 500 /* DEL and GC wait for the agent so long and do not mind */

struct call {
	const struct env *env;
	const struct netconf *conf;
	int64_t start_ms; /* CLOCK_MONOTONIC */
	int out; /* the result goes there, before the command is done: ADD undoes what cannot be told */
	struct buf notes; /* lines for stderr */
};

int cmd_add(struct call *c, struct bh_err *err);
int cmd_del(struct call *c, struct bh_err *err);
int cmd_check(struct call *c, struct bh_err *err);
int cmd_status(struct call *c, struct bh_err *err);
int cmd_gc(struct call *c, struct bh_err *err);

/* ---- shared ----------------------------------------------------------------------------- */

void note(struct call *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

int64_t now_ms(void);
int left_ms(const struct call *c); /* of timeoutMs, counted from the start; 0: none */

/* The record's key and the pins' directory; @ifindex as hook.h says. */
struct hook hook_of(const struct call *c, const struct hash128 *key, uint32_t ifindex);

/* One question to the agent. Return: 0 it said ok, CNI_TRY_AGAIN it said not yet, 1 it said no (err holds
 * its words), or as api_call(). */
int ask_add(const struct call *c, const struct api_endpoint *e, int timeout_ms, struct bh_err *err);
int ask_owner(const struct call *c, const char *op, const struct endpoint *e, int timeout_ms,
	      struct bh_err *err);
bool is_nobody(int r); /* that return of api_call() means that no agent listens */

#endif
