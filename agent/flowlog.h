/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Denied, audited and logged flows as JSON lines, to stdout or to a file, for machines that keep them. Each
 * line has a sequence number of its own, so a reader sees by itself whether one is missing; what never became
 * a line is told in a line of the same stream, with the exact number.
 *
 * Nothing here waits: what cannot be written now is kept up to a maximum, and what comes then is counted.
 */
#ifndef BH_FLOWLOG_H
#define BH_FLOWLOG_H

#include <stdbool.h>
#include <stdint.h>

#include "util/err.h"

#define FLOWLOG_QUEUE_MAX (1u << 20) /* bytes that wait to be written: some 2,000 lines */
#define FLOWLOG_LINE_MAX  8192
#define FLOWLOG_LOOK_MS	  1000 /* how often it is looked whether the file has been moved away */

struct flowlog;

struct flowlog_options {
	const char *path;	  /* borrowed; NULL: stdout */
	const char *node;	  /* borrowed */
	uint64_t lost, throttled; /* as in flowlog_missed(), before this */
	/* It cannot be written (once for as long as the reason stays), or can again (NULL). May be NULL. */
	void (*told)(void *ctx, const char *trouble);
	void *ctx;
};

/* Writes a line of type "start". What cannot be opened is told, and tried again. Return: 0 or -ENOMEM. */
int flowlog_new(const struct flowlog_options *opt, struct flowlog **ret, struct bh_err *err);
void flowlog_free(struct flowlog *f); /* what waits still and cannot be written is lost */

/* One flow: @fields is a JSON object's text. @generation: of what is in force. */
void flowlog_add(struct flowlog *f, const char *fields, uint64_t generation);

/* What no line can tell of: reports that found the ring full, and those of flows that had been reported a
 * moment before; the kernel's sums, which outlive the agent. A line follows at once if some more were lost,
 * else within a second. */
void flowlog_missed(struct flowlog *f, uint64_t lost, uint64_t throttled);

void flowlog_flush(struct flowlog *f);	/* after some lines, and now and then */
void flowlog_reopen(struct flowlog *f); /* somebody has moved the file */

struct flowlog_stats {
	uint64_t written, unwritten; /* lines; that did not fit: no line of theirs comes */
};
void flowlog_stats(const struct flowlog *f, struct flowlog_stats *ret);

#endif
