/* SPDX-License-Identifier: Apache-2.0 */
/* One manifest file: reading it, and when to believe it. */
#include "kube/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kube/manifest.h"
#include "util/buf.h"
#include "util/scope.h"

/* ---- birth and death -------------------------------------------------------------------- */

void file_free(struct file *f)
{
	if (!f)
		return;
	content_done(&f->content);
	free(f->name);
	free(f);
}

struct file *file_new(const char *name)
{
	struct file *f = calloc(1, sizeof(*f));

	if (!f)
		return NULL;
	f->name = strdup(name);
	if (!f->name) {
		file_free(f);
		return NULL;
	}
	return f;
}

/* ---- stamps ----------------------------------------------------------------------------- */

static bool same_time(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

static bool same_stamp(const struct stamp *a, const struct stamp *b)
{
	return a->dev == b->dev && a->ino == b->ino && a->size == b->size && a->error == b->error &&
	       same_time(&a->mtime, &b->mtime) && same_time(&a->ctime, &b->ctime);
}

static struct stamp stamp_of(const struct stat *st)
{
	return (struct stamp){
		.dev = st->st_dev,
		.ino = st->st_ino,
		.size = st->st_size,
		.mtime = st->st_mtim,
		.ctime = st->st_ctim,
	};
}

static bool is_absent(const struct stamp *st)
{
	return !st->ino && !st->error;
}

/* ---- content ---------------------------------------------------------------------------- */

/* O_NONBLOCK: a FIFO must not stop us before it is refused. */
static int read_file(int dirfd, const char *name, struct buf *ret, struct bh_err *err)
{
	auto_fd int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat before, after;
	struct stamp a, b;
	int r;

	if (fd < 0 || fstat(fd, &before) < 0)
		return bh_err_errno(err, -errno, "%s", name);
	if (!S_ISREG(before.st_mode))
		return bh_err_set(err, -EINVAL, "%s: not a regular file", name);
	r = buf_read(ret, fd);
	if (r == -E2BIG)
		return bh_err_set(err, r, "%s: larger than %u bytes", name, MANIFEST_BYTES_MAX);
	if (r < 0 || fstat(fd, &after) < 0)
		return bh_err_errno(err, r < 0 ? r : -errno, "%s", name);
	a = stamp_of(&before);
	b = stamp_of(&after);
	if (!same_stamp(&a, &b))
		return bh_err_set(err, -EAGAIN, "%s: changes while it is read", name);
	return 0;
}

static bool has_text(const struct content *c, const char *text)
{
	size_t i;

	for (i = 0; i < c->ignored.n; i++)
		if (!strcmp(c->ignored.v[i], text))
			return true;
	return false;
}

static void tell_ignored(const struct file *f, const struct content *new, const struct visit *v)
{
	size_t i;

	for (i = 0; i < new->ignored.n; i++)
		if (!has_text(&f->content, new->ignored.v[i]))
			v->ignored(v->ctx, f, new->ignored.v[i]);
}

static int load(const struct file *f, const struct visit *v, struct content *ret, struct bh_err *err)
{
	auto_buf struct buf text = BUF_INIT(MANIFEST_BYTES_MAX);
	struct content c;
	int r;

	r = read_file(v->dirfd, f->name, &text, err);
	if (r < 0)
		return r;
	r = content_parse(f->name, text.data ? text.data : "", text.len, &c, err);
	if (r < 0)
		return r;
	if (c.bytes > v->room) {
		content_done(&c);
		return bh_err_set(err, -E2BIG, "%s: more objects than there is room for in all", f->name);
	}
	*ret = c;
	return 0;
}

static void take(struct file *f, struct content *c, const struct visit *v)
{
	tell_ignored(f, c, v);
	content_done(&f->content);
	f->content = *c;
	f->unread = false;
	f->trouble[0] = '\0';
}

/* ---- when to believe it ----------------------------------------------------------------- */

static void wait_for(struct file *f, const struct stamp *seen, int64_t due_ms)
{
	f->seen = *seen;
	f->due_ms = due_ms;
}

static void settle(struct file *f, const struct stamp *seen, const struct visit *v)
{
	const bool written = f->writing && !is_absent(seen);

	wait_for(f, seen, v->now_ms + (written ? FILE_WRITER_MS : FILE_SETTLE_MS));
}

static void believe(struct file *f, const struct stamp *st)
{
	f->taken = *st;
	f->due_ms = 0;
}

/* The fault may lie with this machine, not with the file. */
static bool is_passing(int err)
{
	return err != -EINVAL && err != -E2BIG;
}

/* Reads @f, which is @st now. Only what is good and holds objects is taken at once. */
static bool take_good(struct file *f, const struct stamp *st, const struct visit *v)
{
	struct content c = {};
	struct bh_err err;

	if (load(f, v, &c, &err) < 0 || !c.objects.n) {
		content_done(&c);
		settle(f, st, v);
		return false;
	}
	take(f, &c, v);
	believe(f, st);
	return true;
}

/* The same, and whatever comes of it is believed. */
static bool take_any(struct file *f, const struct stamp *st, const struct visit *v)
{
	struct content c = {};
	struct bh_err err;
	const int r = load(f, v, &c, &err);

	if (r < 0)
		(void)snprintf(f->trouble, sizeof(f->trouble), "%s", err.msg);
	else
		take(f, &c, v);
	f->unread |= r < 0 && v->first;
	if (r < 0 && is_passing(r))
		wait_for(f, st, v->now_ms + FILE_RETRY_MS);
	else
		believe(f, st);
	return !r;
}

static bool lose(struct file *f, const struct stamp *absent, const struct visit *v)
{
	struct content none = {};

	take(f, &none, v);
	believe(f, absent);
	return true;
}

static struct stamp look(int dirfd, const char *name)
{
	struct stat st;

	if (!fstatat(dirfd, name, &st, 0))
		return stamp_of(&st);
	if (errno == ENOENT || errno == ENOTDIR)
		return (struct stamp){};
	return (struct stamp){ .error = errno };
}

static bool is_link(int dirfd, const char *name)
{
	struct stat st;

	return !fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) && S_ISLNK(st.st_mode);
}

static bool advance(struct file *f, const struct stamp *st, bool closed, const struct visit *v)
{
	const bool absent = is_absent(st), changed = !same_stamp(st, &f->taken);
	const bool waiting = f->due_ms && same_stamp(st, &f->seen);

	if (v->first && !absent)
		return take_any(f, st, v);
	if (!absent && (closed || (changed && v->swapped && is_link(v->dirfd, f->name))))
		return take_good(f, st, v);
	if (waiting && v->now_ms >= f->due_ms)
		return absent ? lose(f, st, v) : take_any(f, st, v);
	if (!waiting && changed)
		settle(f, st, v);
	else if (!waiting)
		f->due_ms = 0;
	return false;
}

/* ---- the file --------------------------------------------------------------------------- */

bool file_visit(struct file *f, const struct visit *v)
{
	const struct stamp st = look(v->dirfd, f->name);
	const bool closed = f->closed, left = f->leaving;

	f->closed = false;
	f->leaving = is_absent(&st);
	return advance(f, &st, closed, v) || left != f->leaving;
}

void file_excuse(struct file *f, int64_t due_ms)
{
	const struct stamp absent = {};

	wait_for(f, &absent, due_ms);
}

bool file_is_over(const struct file *f)
{
	return f->leaving && !f->due_ms && is_absent(&f->taken);
}
