/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One thread, one epoll loop: descriptors and timers with callbacks. A turn serves every descriptor
 * that is ready and then every timer that is due, so a timer of 0 ms is "once, at the end of this turn".
 */
#ifndef BH_LOOP_H
#define BH_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "util/err.h"

struct loop;

typedef void (*loop_fn)(void *ctx);

/* Owned by the caller, zero at birth but for fn and ctx; must be unset before it goes. One shot. */
struct loop_timer {
	loop_fn fn;
	void *ctx;
	uint64_t due_ns; /* CLOCK_MONOTONIC; 0: not set */
	struct loop_timer *next;
};

int loop_new(struct loop **ret, struct bh_err *err);
void loop_free(struct loop *l); /* closes no descriptor but its own */

/* Calls @fn whenever @fd is readable. Return: 0, -ENOMEM, or what epoll_ctl said. */
int loop_add(struct loop *l, int fd, loop_fn fn, void *ctx, struct bh_err *err);
void loop_del(struct loop *l, int fd);

void loop_timer_set(struct loop *l, struct loop_timer *t, unsigned int after_ms); /* again: moves it */
void loop_timer_unset(struct loop *l, struct loop_timer *t);

/* A descriptor that SIGTERM, SIGINT and SIGHUP make readable; none ends the process any more. Return: it, or
 * -errno. */
int loop_signal_fd(struct bh_err *err);

/* Turns until loop_stop(). Return: 0, or the -errno with which waiting failed. */
int loop_run(struct loop *l);
void loop_stop(struct loop *l);

#endif
