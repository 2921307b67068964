/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Staying in the chain. Every change in the two directories leads to one look, and to a write only if our
 * entry is not right: what we write is right, so that our own changes lead to nothing. Two who both want the
 * last word meet at most once in DELAY_MAX_MS.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "chain/step.h"
#include "loop.h"
#include "util/clock.h"
#include "util/scope.h"

#define DELAY_MS     20	   /* from a change to the look: a file is often changed by several calls */
#define DELAY_MAX_MS 1000  /* where others take us out again and again */
#define CALM_MS	     10000 /* without that: as at the start */
#define POLL_MS	     2000  /* for what inotify does not see: a directory made anew, a mount */
#define TELL_MS	     60000 /* what goes on happening is told that often */

/* Whole files only: a file that is being written is of no use before it is closed. */
#define CHANGES                                                                                              \
	(IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_DELETE_SELF | IN_MOVE_SELF |          \
	 IN_ONLYDIR | IN_EXCL_UNLINK)

struct followed {
	const char *path;
	int wd; /* -1: not watched */
	dev_t dev;
	ino_t ino;
};

struct chain {
	struct loop *loop;
	struct chain_hooks hooks;
	struct step step;
	struct chain_status st;
	int inotify;
	struct followed dirs[2];
	struct loop_timer look, poll;
	unsigned int delay_ms;
	int64_t told_ms; /* when somebody was told that we were taken out; 0: never */
	int failed_with; /* what the last look ended in */
	bool failure_told, was_in;
};

/* ---- telling ------------------------------------------------------------------------------ */

static void tell(const struct chain *c, bool warning, const char *reason, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

static void tell(const struct chain *c, bool warning, const char *reason, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	c->hooks.tell(c->hooks.ctx, warning, reason, text);
}

static void tell_taken_out(struct chain *c)
{
	const int64_t now = clock_ms();

	c->st.taken_out++;
	c->delay_ms = c->delay_ms * 2 < DELAY_MAX_MS ? c->delay_ms * 2 : DELAY_MAX_MS;
	c->st.taken_ms = now;
	if (c->told_ms && now - c->told_ms < TELL_MS)
		return;
	c->told_ms = now;
	tell(c, true, "ChainTakenOut",
	     "somebody took bulkhead out of the CNI chain ('%s'), %llu times since the start; put back, but pods "
	     "that started in between may be unprotected",
	     c->st.file, (unsigned long long)c->st.taken_out);
}

/* A file that is just being written reads as broken: told is what is so at the second look. */
static void tell_failure(struct chain *c, int r)
{
	const bool again = c->failed_with == r;

	c->failed_with = r;
	if (!again || c->failure_told)
		return;
	c->failure_told = true;
	tell(c, true, "ChainFailed", "not in the CNI chain, new pods would be unprotected: %s", c->st.why);
}

static void tell_success(struct chain *c, bool wrote)
{
	if (!c->was_in || c->failure_told)
		tell(c, false, "Chained", "%s the CNI chain of network '%s' ('%s', main plugin %s)",
		     wrote ? "put into" : "is in", c->st.network, c->st.file, c->st.main_type);
	c->failed_with = 0;
	c->failure_told = false;
}

/* ---- looking ------------------------------------------------------------------------------ */

static void look_in(struct chain *c, unsigned int ms)
{
	if (!c->look.due_ns)
		loop_timer_set(c->loop, &c->look, ms);
}

static void on_look(void *ctx)
{
	struct chain *c = ctx;
	struct bh_err err;
	bool right;
	int r;

	if (c->st.taken_ms && clock_ms() - c->st.taken_ms > CALM_MS)
		c->delay_ms = DELAY_MS;
	r = step_do(&c->step, true, &c->st, &right, &err);
	if (r == -EAGAIN) {
		look_in(c, c->delay_ms);
		return;
	}
	if (r < 0) {
		tell_failure(c, r);
		return;
	}
	c->st.writes += r > 0;
	if (c->was_in && !right)
		tell_taken_out(c);
	tell_success(c, r > 0);
	c->was_in = true;
}

/* ---- watching ----------------------------------------------------------------------------- */

static void unwatch(struct chain *c, struct followed *f)
{
	if (f->wd >= 0)
		(void)inotify_rm_watch(c->inotify, f->wd);
	f->wd = -1;
}

/* By path each time: the directory may be another one now. */
static void watch(struct chain *c, struct followed *f)
{
	struct stat st;

	if (stat(f->path, &st) < 0) {
		unwatch(c, f);
		return;
	}
	if (f->wd >= 0 && f->dev == st.st_dev && f->ino == st.st_ino)
		return;
	unwatch(c, f);
	f->wd = inotify_add_watch(c->inotify, f->path, CHANGES);
	f->dev = st.st_dev;
	f->ino = st.st_ino;
}

static void on_poll(void *ctx)
{
	struct chain *c = ctx;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(c->dirs); i++)
		watch(c, &c->dirs[i]);
	look_in(c, 0);
	loop_timer_set(c->loop, &c->poll, POLL_MS);
}

static void gone(struct chain *c, int wd)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(c->dirs); i++)
		if (c->dirs[i].wd == wd)
			c->dirs[i].wd = -1;
}

static void on_inotify(void *ctx)
{
	char events[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
	const struct inotify_event *e;
	struct chain *c = ctx;
	const ssize_t n = read(c->inotify, events, sizeof(events));
	const char *p;

	for (p = events; n > 0 && p < events + n; p += sizeof(*e) + e->len) {
		e = (const struct inotify_event *)p;
		if (e->mask & IN_IGNORED)
			gone(c, e->wd);
	}
	look_in(c, c->delay_ms);
}

/* ---- birth and death ---------------------------------------------------------------------- */

int chain_new(struct loop *loop, const struct chain_options *opt, const struct chain_hooks *hooks,
	      struct chain **ret, struct bh_err *err)
{
	struct chain *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return bh_err_set(err, -ENOMEM, "no memory for the chain");
	*c = (struct chain){ .loop = loop,
			     .hooks = *hooks,
			     .inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC),
			     .dirs = { { opt->conf_dir, -1, 0, 0 }, { opt->bin_dir, -1, 0, 0 } },
			     .look = { .fn = on_look, .ctx = c },
			     .poll = { .fn = on_poll, .ctx = c },
			     .delay_ms = DELAY_MS };
	(void)snprintf(c->st.why, sizeof(c->st.why), "not looked yet");
	r = c->inotify < 0 ? bh_err_errno(err, -errno, "cannot follow directories")
			   : step_init(&c->step, opt, err);
	if (!r)
		r = loop_add(loop, c->inotify, on_inotify, c, err);
	if (r < 0) {
		chain_free(c);
		return r;
	}
	loop_timer_set(loop, &c->poll, 0);
	*ret = c;
	return 0;
}

static void stop(struct chain *c)
{
	loop_timer_unset(c->loop, &c->look);
	loop_timer_unset(c->loop, &c->poll);
	if (c->inotify < 0)
		return;
	loop_del(c->loop, c->inotify);
	(void)close(c->inotify);
	c->inotify = -1;
}

void chain_free(struct chain *c)
{
	if (!c)
		return;
	stop(c);
	step_done(&c->step);
	free(c);
}

int chain_leave(struct chain *c, struct bh_err *err)
{
	int r;

	stop(c);
	r = chain_remove(c->step.opt, err);
	if (r < 0)
		return r;
	c->st.chained = false;
	(void)snprintf(c->st.why, sizeof(c->st.why), "left the chain");
	return r;
}

void chain_status(const struct chain *c, struct chain_status *ret)
{
	*ret = c->st;
}
