/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One manifest file of a directory: its last good version, and when to believe what is there now.
 *
 * A policy that is gone for a moment is a pod that is open for a moment. So what adds or changes
 * objects is taken at once, when its writer has closed it; but a file that is missing, empty, bad or
 * was changed by nobody we saw is believed only once it has looked the same for FILE_SETTLE_MS:
 * editors move the old file away before they write the new one, and truncate before they write. And
 * one that somebody still writes, for FILE_WRITER_MS: `kubectl get -o yaml > file` leaves it empty
 * until the API has answered.
 */
#ifndef BH_KUBE_FILE_H
#define BH_KUBE_FILE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "kube/content.h"

#define FILE_SETTLE_MS 100
#define FILE_WRITER_MS 10000
#define FILE_RETRY_MS  2000 /* a fault of this machine's, not the file's */

/* Which content a name stands for. All zero: there is no such file. */
struct stamp {
	dev_t dev;
	ino_t ino;
	off_t size;
	struct timespec mtime, ctime;
	int error; /* why it cannot even be looked at */
};

struct file {
	char *name;
	struct content content; /* its last good version */
	struct stamp taken;	/* what `content` or `trouble` came from */
	struct stamp seen;	/* what is waiting to be believed, until due_ms */
	int64_t due_ms;		/* CLOCK_MONOTONIC; 0: nothing waits */
	bool writing;		/* it has been written to, and not been closed since */
	bool closed;		/* its writer has just finished */
	bool unread;		/* was there at the start, and has been bad ever since */
	bool leaving;		/* missing: its objects yield to anybody else's */
	char trouble[512];	/* why it is not in force as it is; "": it is */
	char shadowed[512];	/* the same, because another file has its objects; the directory's */
	char reported[512];	/* which of the two has been told; the directory's */
};

/* What a visit needs to know. */
struct visit {
	int dirfd;
	bool first;   /* believe all at once */
	bool swapped; /* links may lead elsewhere now: take what they lead to as finished */
	int64_t now_ms;
	size_t room; /* bytes of objects it may hold */
	/* a kind of no use, which it did not hold before */
	void (*ignored)(void *ctx, const struct file *f, const char *kind);
	void *ctx;
};

struct file *file_new(const char *name);
void file_free(struct file *f);

/* Looks at it: takes what is there, waits, or leaves it. Return: whether its content or its rank changed. */
bool file_visit(struct file *f, const struct visit *v);

/* For the next visit: it is missing with its whole directory, and has until @due_ms to come back. */
void file_excuse(struct file *f, int64_t due_ms);

/* It neither is there nor has anything in force. */
bool file_is_over(const struct file *f);

#endif
