/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One of our own commands in a child process, with what it prints in our hands: so a program that serves asks
 * agents as people do, and goes on serving while they are silent.
 */
#ifndef BH_CTL_JOB_H
#define BH_CTL_JOB_H

#include <stdbool.h>
#include <sys/types.h>

#include "ctl/ctl.h"
#include "util/buf.h"

#define JOB_TEXT_MAX (8u << 20) /* of what it prints, until somebody takes it away */
#define JOB_SAID_MAX 4096	/* of its stderr; the rest is thrown away */

struct job {
	pid_t pid;    /* 0: none runs */
	int out, err; /* never block; -1: closed */
	struct buf text, said;
	bool over, cut; /* it has ended; some of the text found no room */
	int code;	/* an exit code, once it is over */
};

/* @words: the command's name, then its arguments. @input: what it reads as stdin, where it reads; not kept.
 * Its process group is its own, so that job_end() ends the kubectl that it runs, too. Return: 0 or -errno. */
int job_start(struct job *ret, const struct ctl *c, bool json, char *const *words, const struct buf *input,
	      struct bh_err *err);

/* Reads what there is; never blocks. */
void job_work(struct job *j);

/* Kills it where it runs, and frees. */
void job_end(struct job *j);

#endif
