/* SPDX-License-Identifier: Apache-2.0 */
/* The plugin as a file of its own. */
#include "chain/drop_in.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "chain/chain.h"
#include "chain/conflist.h"
#include "util/scope.h"

/* @path: room for the directory's path, which lives as long as @ret. */
static int open_below(const struct dir *d, const char *network, char path[PATH_MAX], struct dir *ret,
		      struct bh_err *err)
{
	if (snprintf(path, PATH_MAX, "%s/%s", d->path, network) >= PATH_MAX)
		return bh_err_set(err, -ENAMETOOLONG, "'%s': name too long", d->path);
	ret->fd = openat(d->fd, network, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	ret->path = path;
	return ret->fd < 0 ? bh_err_errno(err, -errno, "directory '%s'", path) : 0;
}

static int text_of(const char *entry, struct buf *ret)
{
	return buf_fmt(ret, "%s\n", entry);
}

bool drop_in_is(const struct dir *d, const char *network, const char *entry)
{
	auto_buf struct buf want = BUF_INIT(CONFLIST_MAX), is = BUF_INIT(CONFLIST_MAX);
	auto_dir struct dir below = DIR_INIT;
	char path[PATH_MAX];
	struct stat st;

	return !open_below(d, network, path, &below, NULL) && !text_of(entry, &want) &&
	       !file_read(&below, CHAIN_DROP_IN, &is, &st, NULL) && want.len == is.len &&
	       !memcmp(want.data, is.data, is.len);
}

int drop_in_put(const struct dir *d, const char *network, const char *entry, struct bh_err *err)
{
	const struct stat like = { .st_mode = 0644, .st_uid = geteuid(), .st_gid = getegid() };
	auto_buf struct buf text = BUF_INIT(CONFLIST_MAX);
	auto_dir struct dir below = DIR_INIT;
	char path[PATH_MAX];
	int r;

	if (mkdirat(d->fd, network, 0755) < 0 && errno != EEXIST)
		return bh_err_errno(err, -errno, "cannot make '%s/%s'", d->path, network);
	r = open_below(d, network, path, &below, err);
	if (!r && text_of(entry, &text) < 0)
		r = bh_err_set(err, -ENOMEM, "out of memory");
	if (!r)
		r = file_put(&below, CHAIN_DROP_IN, &text, &like, NULL, err);
	return r ? r : file_kick(d, err);
}

int drop_in_remove(const struct dir *d, const char *network, struct bh_err *err)
{
	auto_dir struct dir below = DIR_INIT;
	struct bh_err why;
	char path[PATH_MAX];
	int r = open_below(d, network, path, &below, &why), kick;

	if (r == -ENOENT || r == -ENOTDIR || r == -ELOOP)
		return 0;
	if (!r)
		r = file_remove(&below, CHAIN_DROP_IN, &why);
	if (r <= 0)
		return r ? bh_err_set(err, r, "%s", why.msg) : 0;
	(void)unlinkat(d->fd, network, AT_REMOVEDIR);
	kick = file_kick(d, err);
	return kick < 0 ? kick : 1;
}

int drop_in_remove_all(const struct dir *d, struct bh_err *err)
{
	auto_fd int fd = openat(d->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *list = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;
	int r = 0, removed = 0;

	if (!list)
		return bh_err_errno(err, -errno, "cannot list '%s'", d->path);
	(void)TAKE_FD(fd);
	while (r >= 0 && (entry = readdir(list)))
		if (entry->d_name[0] != '.') {
			r = drop_in_remove(d, entry->d_name, err);
			removed |= r > 0;
		}
	(void)closedir(list);
	return r < 0 ? r : removed;
}
