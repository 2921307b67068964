/* SPDX-License-Identifier: Apache-2.0 */
/* Writing by rename, comparing, copying. */
#include "chain/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/sendfile.h>
#include <time.h>

#include "util/scope.h"

#define SUFFIX	  ".bulkhead-new" /* and 8 hex digits before it: two writers never share a file */
#define STALE_S	  60
#define SWAPS_MAX 8
#define COPY_MAX  (64u << 20)

int dir_open(const char *path, struct dir *ret, struct bh_err *err)
{
	const int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return bh_err_errno(err, -errno, "directory '%s'", path);
	*ret = (struct dir){ .fd = fd, .path = path };
	return 0;
}

void dir_close(struct dir *d)
{
	scope_close(&d->fd);
}

static int read_at(const struct dir *d, const char *name, struct buf *ret, struct stat *ret_st)
{
	auto_fd int fd = openat(d->fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0 || fstat(fd, ret_st) < 0)
		return -errno;
	if (!S_ISREG(ret_st->st_mode))
		return -EISDIR;
	return buf_read(ret, fd);
}

int file_read(const struct dir *d, const char *name, struct buf *ret, struct stat *ret_st, struct bh_err *err)
{
	const int r = read_at(d, name, ret, ret_st);

	if (r == -ELOOP)
		return bh_err_set(err, r,
				  "'%s/%s' is a symbolic link; a runtime would not notice a change "
				  "of what it points to",
				  d->path, name);
	if (r == -E2BIG)
		return bh_err_set(err, r, "'%s/%s' is larger than %zu bytes", d->path, name, ret->max);
	return r ? bh_err_errno(err, r, "cannot read '%s/%s'", d->path, name) : 0;
}

/* ---- writing ------------------------------------------------------------------------------ */

static int write_all(int fd, const struct buf *text)
{
	size_t done = 0;

	while (done < text->len) {
		const ssize_t n = write(fd, text->data + done, text->len - done);

		if (n < 0 && errno != EINTR)
			return -errno;
		done += n > 0 ? (size_t)n : 0;
	}
	return 0;
}

static int copy_all(int to, int from)
{
	off_t at = 0;
	ssize_t n;

	do
		n = sendfile(to, from, &at, COPY_MAX);
	while (n > 0);
	return n < 0 ? -errno : 0;
}

static int new_file(const struct dir *d, const char *name, char ret[NAME_MAX + 1], struct bh_err *err)
{
	uint32_t random;
	int fd;

	if (getrandom(&random, sizeof(random), 0) != sizeof(random))
		return bh_err_errno(err, -errno, "no random number");
	if (snprintf(ret, NAME_MAX + 1, ".%s.%08x" SUFFIX, name, random) > NAME_MAX)
		return bh_err_set(err, -ENAMETOOLONG, "'%s/%s': name too long", d->path, name);
	fd = openat(d->fd, ret, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	return fd < 0 ? bh_err_errno(err, -errno, "cannot write in '%s'", d->path) : fd;
}

static int like_other(int fd, const struct stat *like)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	if ((st.st_uid != like->st_uid || st.st_gid != like->st_gid) &&
	    fchown(fd, like->st_uid, like->st_gid) < 0)
		return -errno;
	return fchmod(fd, like->st_mode & 07777) < 0 ? -errno : 0;
}

/* Return: 0, with *ret_name a whole file on disk; or -errno, with nothing there. */
static int write_new(const struct dir *d, const char *name, const struct buf *text, int from,
		     const struct stat *like, char ret_name[NAME_MAX + 1], struct bh_err *err)
{
	auto_fd int fd = new_file(d, name, ret_name, err);
	int r;

	if (fd < 0)
		return fd;
	r = text ? write_all(fd, text) : copy_all(fd, from);
	if (!r)
		r = like_other(fd, like);
	if (!r && fsync(fd) < 0)
		r = -errno;
	if (!r)
		return 0;
	(void)unlinkat(d->fd, ret_name, 0);
	return bh_err_errno(err, r, "cannot write '%s/%s'", d->path, name);
}

static int put_in_place(const struct dir *d, const char *temp, const char *name, struct bh_err *err)
{
	int r;

	if (!renameat(d->fd, temp, d->fd, name)) {
		(void)fsync(d->fd);
		return 0;
	}
	r = bh_err_errno(err, -errno, "cannot write '%s/%s'", d->path, name);
	(void)unlinkat(d->fd, temp, 0);
	return r;
}

static bool same(const struct buf *a, const struct buf *b)
{
	return a->len == b->len && !memcmp(a->data, b->data, a->len);
}

/*
 * The new file and the old one change places; if what comes out is not what should have been there, it goes
 * back, until what comes out is what went in last.
 * Return: 0 ours is there, -EAGAIN theirs is, -EINVAL or -ENOSYS this file system cannot, -errno.
 */
static int swap(const struct dir *d, const char *temp, const char *name, const struct buf *text,
		const struct buf *old)
{
	auto_buf struct buf in = BUF_INIT(text->max), want = BUF_INIT(text->max), out = BUF_INIT(text->max);
	struct buf turn;
	struct stat st;
	int tries, r;

	r = buf_add(&in, text->data, text->len);
	r = r ? r : buf_add(&want, old->data, old->len);
	for (tries = 0; !r && tries < SWAPS_MAX; tries++) {
		if (renameat2(d->fd, temp, d->fd, name, RENAME_EXCHANGE) < 0)
			return -errno;
		buf_clear(&out);
		r = read_at(d, temp, &out, &st);
		if (r) /* no file that we could have written over: back with it */
			(void)renameat2(d->fd, temp, d->fd, name, RENAME_EXCHANGE);
		if (r || same(&out, &want))
			break;
		turn = want; /* what was put in must come out, what came out goes in */
		want = in;
		in = out;
		out = turn;
	}
	return r || tries ? -EAGAIN : 0;
}

/* Where files cannot change places: a look shortly before must do. */
static int replace(const struct dir *d, const char *temp, const char *name, const struct buf *old,
		   struct bh_err *err)
{
	auto_buf struct buf now = BUF_INIT(old->max);
	struct stat st;

	if (read_at(d, name, &now, &st) < 0 || !same(&now, old)) {
		(void)unlinkat(d->fd, temp, 0);
		return bh_err_set(err, -EAGAIN, "'%s/%s' changes just now", d->path, name);
	}
	return put_in_place(d, temp, name, err);
}

int file_put(const struct dir *d, const char *name, const struct buf *text, const struct stat *like,
	     const struct buf *old, struct bh_err *err)
{
	char temp[NAME_MAX + 1];
	int r = write_new(d, name, text, -1, like, temp, err);

	if (r < 0)
		return r;
	if (!old)
		return put_in_place(d, temp, name, err);
	r = swap(d, temp, name, text, old);
	if (r == -EINVAL || r == -ENOSYS)
		return replace(d, temp, name, old, err);
	(void)unlinkat(d->fd, temp, 0);
	(void)fsync(d->fd);
	if (r == -EAGAIN || r == -ENOENT)
		return bh_err_set(err, -EAGAIN, "'%s/%s' changes just now", d->path, name);
	return r ? bh_err_errno(err, r, "cannot write '%s/%s'", d->path, name) : 0;
}

int file_kick(const struct dir *d, struct bh_err *err)
{
	char temp[NAME_MAX + 1];
	auto_fd int fd = new_file(d, "kick", temp, err);

	if (fd < 0)
		return fd;
	return unlinkat(d->fd, temp, 0) < 0 ? bh_err_errno(err, -errno, "cannot write in '%s'", d->path) : 0;
}

/* ---- the binary --------------------------------------------------------------------------- */

static bool same_bytes(int a, int b)
{
	char x[16384], y[sizeof(x)];
	off_t at = 0;

	for (;;) {
		const ssize_t n = pread(a, x, sizeof(x), at), m = pread(b, y, sizeof(y), at);

		if (n < 0 || n != m || memcmp(x, y, (size_t)n))
			return false;
		if (!n)
			return true;
		at += n;
	}
}

bool file_is_copy(int from, const struct dir *d, const char *name)
{
	auto_fd int fd = openat(d->fd, name, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	struct stat a, b;

	if (fd < 0 || fstat(from, &a) < 0 || fstat(fd, &b) < 0 || !S_ISREG(b.st_mode))
		return false;
	if (a.st_dev == b.st_dev && a.st_ino == b.st_ino)
		return true;
	return a.st_size == b.st_size && (b.st_mode & 0111) == 0111 && same_bytes(from, fd);
}

int file_copy(int from, const struct dir *d, const char *name, struct bh_err *err)
{
	const struct stat like = { .st_mode = 0755, .st_uid = geteuid(), .st_gid = getegid() };
	char temp[NAME_MAX + 1];
	const int r = write_new(d, name, NULL, from, &like, temp, err);

	return r ? r : put_in_place(d, temp, name, err);
}

/* ---- removing ----------------------------------------------------------------------------- */

int file_remove(const struct dir *d, const char *name, struct bh_err *err)
{
	if (!unlinkat(d->fd, name, 0)) {
		(void)fsync(d->fd);
		return 1;
	}
	return errno == ENOENT ? 0 : bh_err_errno(err, -errno, "cannot remove '%s/%s'", d->path, name);
}

static bool is_stale(const struct dir *d, const char *name)
{
	const size_t len = strlen(name), tail = strlen(SUFFIX);
	struct stat st;

	return name[0] == '.' && len > tail && !strcmp(name + len - tail, SUFFIX) &&
	       !fstatat(d->fd, name, &st, AT_SYMLINK_NOFOLLOW) && time(NULL) - st.st_mtime > STALE_S;
}

void file_sweep(const struct dir *d)
{
	const int fd = openat(d->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *list = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;

	if (!list) {
		scope_close(&fd);
		return;
	}
	while ((entry = readdir(list)))
		if (is_stale(d, entry->d_name))
			(void)unlinkat(d->fd, entry->d_name, 0);
	(void)closedir(list);
}
