/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files that others read and write at the same time: whole or not at all. All take a directory's descriptor
 * and its path, the latter for messages.
 */
#ifndef BH_CHAIN_FILE_H
#define BH_CHAIN_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

#include "util/buf.h"
#include "util/err.h"

struct dir {
	int fd;
	const char *path; /* borrowed */
};

#define DIR_INIT ((struct dir){ .fd = -1 })

int dir_open(const char *path, struct dir *ret, struct bh_err *err);
void dir_close(struct dir *d);

/* Return: 0, -ENOENT, -ELOOP it is a symbolic link, -E2BIG over @ret's maximum, -errno. */
int file_read(const struct dir *d, const char *name, struct buf *ret, struct stat *ret_st,
	      struct bh_err *err);

/**
 * file_put() - a new file, or another content for one that is there.
 * @like: whose mode and owner it gets.
 * @old:  what is expected there; NULL: whatever there is is replaced.
 *
 * Written beside it under a name that no runtime loads, synced, then renamed. With @old the two files change
 * places, and what comes out is compared: what somebody wrote in that moment is not lost.
 * Return: 0, -EAGAIN it was not @old any more and is as it was, or -errno: then nothing has changed.
 */
int file_put(const struct dir *d, const char *name, const struct buf *text, const struct stat *like,
	     const struct buf *old, struct bh_err *err);

/* Makes a runtime that watches the directory read it again: by a removal, the one event that all of them
 * heed. */
int file_kick(const struct dir *d, struct bh_err *err);

/* The same bytes, executable. */
bool file_is_copy(int from, const struct dir *d, const char *name);
int file_copy(int from, const struct dir *d, const char *name, struct bh_err *err);

int file_remove(const struct dir *d, const char *name, struct bh_err *err); /* 1, or 0 if it was not there */

/* Removes what a process left that was killed while it wrote. */
void file_sweep(const struct dir *d);

#define auto_dir __attribute__((cleanup(dir_close)))

#endif
