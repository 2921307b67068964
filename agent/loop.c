/* SPDX-License-Identifier: Apache-2.0 */
/* The epoll loop. A dozen descriptors and timers: lists, not heaps. */
#include "loop.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <time.h>

#include "util/clock.h"
#include "util/scope.h"
#include "util/vec.h"

#define EVENTS_A_TURN 32

struct watch {
	int fd;
	loop_fn fn;
	void *ctx;
};

struct loop {
	int epoll_fd;
	bool stop;
	VEC(struct watch) watches;
	struct loop_timer *timers;
};

int loop_new(struct loop **ret, struct bh_err *err)
{
	struct loop *l = calloc(1, sizeof(*l));

	if (!l)
		return bh_err_set(err, -ENOMEM, "no memory for the event loop");
	l->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (l->epoll_fd < 0) {
		const int r = -errno;

		free(l);
		return bh_err_errno(err, r, "cannot make an epoll descriptor");
	}
	*ret = l;
	return 0;
}

void loop_free(struct loop *l)
{
	if (!l)
		return;
	(void)close(l->epoll_fd);
	vec_done(&l->watches);
	free(l);
}

int loop_add(struct loop *l, int fd, loop_fn fn, void *ctx, struct bh_err *err)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.fd = fd };
	struct watch *w = vec_add(&l->watches);

	if (!w)
		return bh_err_set(err, -ENOMEM, "no memory for one more descriptor");
	*w = (struct watch){ .fd = fd, .fn = fn, .ctx = ctx };
	if (!epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, fd, &ev))
		return 0;
	l->watches.n--;
	return bh_err_errno(err, -errno, "cannot watch descriptor %d", fd);
}

static struct watch *find(const struct loop *l, int fd)
{
	size_t i;

	for (i = 0; i < l->watches.n; i++)
		if (l->watches.v[i].fd == fd)
			return &l->watches.v[i];
	return NULL;
}

void loop_del(struct loop *l, int fd)
{
	struct watch *w = find(l, fd);

	if (!w)
		return;
	(void)epoll_ctl(l->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
	*w = l->watches.v[--l->watches.n];
}

void loop_timer_unset(struct loop *l, struct loop_timer *t)
{
	struct loop_timer **at;

	for (at = &l->timers; *at; at = &(*at)->next)
		if (*at == t) {
			*at = t->next;
			break;
		}
	t->due_ns = 0;
	t->next = NULL;
}

void loop_timer_set(struct loop *l, struct loop_timer *t, unsigned int after_ms)
{
	struct loop_timer **at;

	loop_timer_unset(l, t);
	t->due_ns = clock_ns() + (uint64_t)after_ms * 1000000u;
	for (at = &l->timers; *at && (*at)->due_ns <= t->due_ns; at = &(*at)->next)
		;
	t->next = *at;
	*at = t;
}

/* Milliseconds until the first timer, rounded up so that it is due when the wait is over. */
static int wait_ms(const struct loop *l)
{
	uint64_t now, ms;

	if (!l->timers)
		return -1;
	now = clock_ns();
	if (l->timers->due_ns <= now)
		return 0;
	ms = (l->timers->due_ns - now + 999999u) / 1000000u;
	return ms > INT_MAX ? INT_MAX : (int)ms;
}

/* Only those that are due now: one that sets itself to 0 ms waits for the next turn. */
static void run_timers(struct loop *l)
{
	const uint64_t now = clock_ns();

	while (l->timers && l->timers->due_ns <= now && !l->stop) {
		struct loop_timer *t = l->timers;

		l->timers = t->next;
		t->next = NULL;
		t->due_ns = 0;
		t->fn(t->ctx);
	}
}

static void run_ready(struct loop *l, const struct epoll_event *ev, int n)
{
	int i;

	for (i = 0; i < n && !l->stop; i++) {
		const struct watch *w = find(l, ev[i].data.fd); /* NULL: taken off in this turn */

		if (w)
			w->fn(w->ctx);
	}
}

int loop_signal_fd(struct bh_err *err)
{
	sigset_t set;
	int fd;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGHUP);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return bh_err_errno(err, -errno, "cannot block signals");
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return fd < 0 ? bh_err_errno(err, -errno, "cannot follow signals") : fd;
}

int loop_run(struct loop *l)
{
	struct epoll_event ev[EVENTS_A_TURN];

	l->stop = false;
	while (!l->stop) {
		const int n = epoll_wait(l->epoll_fd, ev, EVENTS_A_TURN, wait_ms(l));

		if (n < 0 && errno != EINTR)
			return -errno;
		run_ready(l, ev, n);
		run_timers(l);
	}
	return 0;
}

void loop_stop(struct loop *l)
{
	l->stop = true;
}
