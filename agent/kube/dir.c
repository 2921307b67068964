/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A directory of manifests as a source. Every look at it is a whole scan, and what did not change
 * (device, inode, size, times) is not read again; inotify only says when to look, and who has
 * finished writing.
 */
#include "kube/source.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kube/file.h"
#include "kube/merge.h"
#include "kube/source_ops.h"
#include "util/clock.h"
#include "util/scope.h"

#define RETRY_MS  250  /* while the directory is away */
#define RESCAN_MS 2000 /* for what inotify does not tell: where links lead, lost events */
#define FILES_MAX 4096
#define DRAIN_MAX 64	       /* reads of events before we look: who writes all the time must not stop us */
#define BYTES_MAX (256u << 20) /* of all objects of all files */

struct dir {
	struct source base;
	char *path;
	struct model *model;
	int fd, wd; /* inotify; wd -1: not watched now */
	dev_t dev;  /* which directory that is */
	ino_t ino;
	bool look;		  /* something happened that a scan may see */
	bool swapped;		  /* a hidden name has moved (ConfigMap's ..data), and links with it */
	bool dirty, changed;	  /* to be merged; merged, but not told yet */
	int64_t rescan_ms;	  /* when to look again, whatever happens */
	char trouble[512];	  /* of the directory */
	VEC(struct file *) files; /* by name */
	struct merge merge;
};

/* ---- files ------------------------------------------------------------------------------ */

static bool is_manifest(const char *name)
{
	const char *dot = strrchr(name, '.');

	return *name != '.' && dot &&
	       (!strcmp(dot, ".yaml") || !strcmp(dot, ".yml") || !strcmp(dot, ".json"));
}

/* The entry of that name, new if there was none. NULL: no memory, or too many files. */
static struct file *file_at(struct dir *s, const char *name)
{
	size_t lo = 0, hi = s->files.n;
	struct file *f;

	while (lo < hi) {
		const size_t mid = lo + (hi - lo) / 2;
		const int r = strcmp(s->files.v[mid]->name, name);

		if (!r)
			return s->files.v[mid];
		if (r < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	f = s->files.n < FILES_MAX ? file_new(name) : NULL;
	if (!f || !vec_add(&s->files)) {
		file_free(f);
		return NULL;
	}
	memmove(s->files.v + lo + 1, s->files.v + lo, (s->files.n - 1 - lo) * sizeof(*s->files.v));
	s->files.v[lo] = f;
	return f;
}

/* ---- what is wrong with a file ---------------------------------------------------------- */

static void report(struct dir *s, struct file *f)
{
	const char *now = file_is_over(f) ? "" : *f->trouble ? f->trouble : f->shadowed;

	if (!strcmp(now, f->reported))
		return;
	if (*now)
		source_tell(&s->base, SOURCE_BAD, "%s", now);
	else if (file_is_over(f))
		source_tell(&s->base, SOURCE_GOOD, "%s: is gone", f->name);
	else
		source_tell(&s->base, SOURCE_GOOD, "%s: is good again", f->name);
	memcpy(f->reported, now, strlen(now) + 1);
}

static void report_all(struct dir *s)
{
	size_t i, kept = 0;

	for (i = 0; i < s->files.n; i++) {
		struct file *f = s->files.v[i];

		report(s, f);
		if (file_is_over(f))
			file_free(f);
		else
			s->files.v[kept++] = f;
	}
	s->files.n = kept;
}

/* ---- into the model --------------------------------------------------------------------- */

static void lost(void *ctx, const struct claim *loser, const struct claim *winner)
{
	struct file *f = loser->owner;
	const struct file *by = winner->owner;
	char name[CONTENT_NAME];

	(void)ctx;
	if (!*f->shadowed && !f->leaving && !by->leaving)
		(void)snprintf(f->shadowed, sizeof(f->shadowed),
			       "%s:%u: %s is in %.128s already, which counts", f->name, loser->object->line,
			       content_name(loser->object, name), by->name);
}

static void problem(void *ctx, const struct claim *claim, const struct problem *p)
{
	const struct content_object *o = claim->object;
	const struct file *f = claim->owner;
	char name[CONTENT_NAME];

	source_tell_problem(ctx, o->kind, o->ns, o->name, "%s: %s: %s %s", f->name, content_name(o, name),
			    p->path, p->text);
}

static size_t count_objects(const struct dir *s)
{
	size_t i, n = 0;

	for (i = 0; i < s->files.n; i++)
		n += s->files.v[i]->content.objects.n;
	return n;
}

/* Files rank by name, missing ones behind all others: a file that was renamed has its objects twice. */
static struct claim *claim_all(struct dir *s, size_t n)
{
	struct claim *claims = calloc(n ? n : 1, sizeof(*claims)), *next = claims;
	size_t i, j;

	for (i = 0; claims && i < s->files.n; i++) {
		struct file *f = s->files.v[i];
		const unsigned int rank = (unsigned int)i + (f->leaving ? FILES_MAX : 0);

		f->shadowed[0] = '\0';
		for (j = 0; j < f->content.objects.n; j++)
			*next++ = (struct claim){
				.object = &f->content.objects.v[j],
				.rank = rank,
				.owner = f,
			};
	}
	return claims;
}

static int merge(struct dir *s)
{
	const struct merge_hooks hooks = { .lost = lost, .problem = problem, .ctx = s };
	const size_t n = count_objects(s);
	auto_free struct claim *claims = claim_all(s, n);
	int r;

	if (!claims)
		return -ENOMEM;
	r = merge_apply(&s->merge, claims, n, s->model, &hooks, &s->changed);
	s->dirty = r < 0;
	return r;
}

/* ---- the directory ---------------------------------------------------------------------- */

/* Says so once; @why NULL: all is well. */
static void dir_trouble(struct dir *s, const char *why)
{
	if (!why && *s->trouble)
		source_tell(&s->base, SOURCE_GOOD, "%s: is back", s->path);
	if (why && strcmp(why, s->trouble))
		source_tell(&s->base, SOURCE_BAD, "%s", why);
	(void)snprintf(s->trouble, sizeof(s->trouble), "%s", why ? why : "");
}

static void unwatch(struct dir *s)
{
	if (s->wd >= 0)
		(void)inotify_rm_watch(s->fd, s->wd);
	s->wd = -1;
}

/* Sees to it that what is watched is what is at the path now, and was opened as @dirfd. */
static int watch(struct dir *s, int dirfd, struct bh_err *err)
{
	const uint32_t mask = IN_MODIFY | IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_CREATE |
			      IN_DELETE | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;
	struct stat mine, there;

	if (fstat(dirfd, &mine) < 0)
		return bh_err_errno(err, -errno, "%s", s->path);
	if (s->wd >= 0 && s->dev == mine.st_dev && s->ino == mine.st_ino)
		return 0;
	unwatch(s);
	s->wd = inotify_add_watch(s->fd, s->path, mask);
	if (s->wd < 0)
		return bh_err_errno(err, -errno, "cannot watch '%s'", s->path);
	if (stat(s->path, &there) < 0 || there.st_dev != mine.st_dev || there.st_ino != mine.st_ino) {
		unwatch(s);
		return bh_err_set(err, -EAGAIN, "%s: was replaced while we looked", s->path);
	}
	s->dev = mine.st_dev;
	s->ino = mine.st_ino;
	return 0;
}

static int list(struct dir *s, DIR *d, struct bh_err *err)
{
	const struct dirent *e;

	for (;;) {
		errno = 0;
		e = readdir(d);
		if (!e)
			return errno ? bh_err_errno(err, -errno, "%s", s->path) : 0;
		if (!is_manifest(e->d_name) || file_at(s, e->d_name))
			continue;
		if (s->files.n >= FILES_MAX)
			return bh_err_set(err, -E2BIG, "%s: more than %d manifest files", s->path, FILES_MAX);
		return -ENOMEM;
	}
}

static void ignored(void *ctx, const struct file *f, const char *kind)
{
	source_tell(ctx, SOURCE_IGNORED, "%s: kind %s is of no use here", f->name, kind);
}

static size_t count_bytes(const struct dir *s)
{
	size_t total = 0, i;

	for (i = 0; i < s->files.n; i++)
		total += s->files.v[i]->content.bytes;
	return total;
}

static void visit_all(struct dir *s, int dirfd, bool first, int64_t now)
{
	struct visit v = {
		.dirfd = dirfd,
		.first = first,
		.swapped = s->swapped,
		.now_ms = now,
		.room = BYTES_MAX - count_bytes(s),
		.ignored = ignored,
		.ctx = s,
	};
	size_t i;

	for (i = 0; i < s->files.n; i++) {
		struct file *f = s->files.v[i];

		if (*s->trouble) /* the directory was away: its files may still be on their way */
			file_excuse(f, now + RESCAN_MS);
		v.room += f->content.bytes;
		s->dirty |= file_visit(f, &v);
		v.room -= f->content.bytes;
	}
}

static int scan(struct dir *s, bool first, struct bh_err *err)
{
	const int64_t now = clock_ms();
	DIR *d = opendir(s->path);
	int r;

	s->rescan_ms = now + RETRY_MS;
	if (!d)
		return bh_err_errno(err, -errno, "cannot open the directory '%s'", s->path);
	r = watch(s, dirfd(d), err);
	if (!r)
		r = list(s, d, err);
	if (!r) {
		visit_all(s, dirfd(d), first, now);
		s->rescan_ms = now + RESCAN_MS;
	}
	(void)closedir(d);
	return r;
}

/* ---- events ----------------------------------------------------------------------------- */

static void mark_file(struct dir *s, const char *name, uint32_t mask)
{
	struct file *f = is_manifest(name) ? file_at(s, name) : NULL;

	if (!f)
		return; /* no memory: it will be seen when it has settled */
	f->writing = mask & IN_MODIFY;
	f->closed = mask & (IN_CLOSE_WRITE | IN_MOVED_TO);
}

static void take_event(struct dir *s, const struct inotify_event *e)
{
	const char *name = e->len ? e->name : "";

	s->look |= !(e->mask & IN_MODIFY); /* wait for the close: scans are not free */
	if (e->wd != s->wd)
		return; /* of a directory that was here before, or "some were lost": just look */
	if (e->mask & IN_IGNORED)
		s->wd = -1;
	else if (*name != '.')
		mark_file(s, name, e->mask);
	else if (e->mask & (IN_MOVED_TO | IN_CREATE))
		s->swapped = true;
}

static int drain(struct dir *s, struct bh_err *err)
{
	char data[16384] __attribute__((aligned(__alignof__(struct inotify_event))));
	ssize_t n, at;
	int i;

	for (i = 0; i < DRAIN_MAX; i++) {
		n = read(s->fd, data, sizeof(data));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? 0 : bh_err_errno(err, -errno, "inotify");
		for (at = 0; at < n;) {
			const struct inotify_event *e = (const void *)(data + at);

			take_event(s, e);
			at += (ssize_t)(sizeof(*e) + e->len);
		}
	}
	return 0;
}

/* ---- the source ------------------------------------------------------------------------- */

static struct dir *dir_of(struct source *base)
{
	return (struct dir *)base;
}

/* Return: 1 the model changed, 0 it did not, or -errno. */
static int update(struct dir *s, struct bh_err *err)
{
	int r = s->dirty ? merge(s) : 0;

	report_all(s);
	if (r < 0)
		return bh_err_errno(err, r, "%s", s->path);
	r = s->changed;
	s->changed = false;
	return r;
}

static void dir_free(struct source *base)
{
	struct dir *s = dir_of(base);
	size_t i;

	for (i = 0; i < s->files.n; i++)
		file_free(s->files.v[i]);
	vec_done(&s->files);
	merge_done(&s->merge);
	if (s->fd >= 0)
		(void)close(s->fd);
	free(s->path);
	free(s);
}

static int dir_fd(const struct source *base)
{
	return ((const struct dir *)base)->fd;
}

/* A file that has no last good version here, but what it said before may be in force. */
static int dir_ready(struct source *base, struct bh_err *err)
{
	const struct dir *s = dir_of(base);
	size_t i;

	for (i = 0; i < s->files.n; i++)
		if (s->files.v[i]->unread)
			return bh_err_set(err, -EAGAIN, "%s; no good version of that file is known",
					  s->files.v[i]->trouble);
	return 0;
}

static int dir_timeout_ms(const struct source *base)
{
	const struct dir *s = (const struct dir *)base;
	const int64_t now = clock_ms();
	int64_t due = s->rescan_ms;
	size_t i;

	for (i = 0; !*s->trouble && i < s->files.n; i++)
		if (s->files.v[i]->due_ms && s->files.v[i]->due_ms < due)
			due = s->files.v[i]->due_ms;
	return due > now ? (int)(due - now) : 0;
}

static int dir_work(struct source *base, struct source_change *ret, struct bh_err *err)
{
	struct dir *s = dir_of(base);
	struct bh_err why;
	int r;

	r = drain(s, err);
	if (r < 0)
		return r;
	if (s->look || !dir_timeout_ms(base)) {
		r = scan(s, false, &why);
		s->look = s->swapped = false;
		dir_trouble(s, r < 0 ? why.msg : NULL);
	}
	*ret = (struct source_change){ .matters = true, .policies = true, .what = "manifests" };
	return update(s, err);
}

static const struct source_ops dir_ops = {
	.free = dir_free,
	.fd = dir_fd,
	.timeout_ms = dir_timeout_ms,
	.work = dir_work,
	.ready = dir_ready,
};

static int dir_open(struct dir *s, const char *path, struct bh_err *err)
{
	int r;

	s->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (s->fd < 0)
		return bh_err_errno(err, -errno, "inotify");
	s->path = strdup(path);
	if (!s->path)
		return -ENOMEM;
	r = scan(s, true, err);
	return r < 0 ? r : update(s, err);
}

int source_dir_new(const char *path, struct model *model, source_note_fn note, void *ctx, struct source **ret,
		   struct bh_err *err)
{
	struct dir *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return -ENOMEM;
	*s = (struct dir){ .base = { &dir_ops, note, ctx }, .model = model, .fd = -1, .wd = -1 };
	r = dir_open(s, path, err);
	if (r < 0) {
		dir_free(&s->base);
		return r;
	}
	*ret = &s->base;
	return 0;
}
