/* SPDX-License-Identifier: Apache-2.0 */
/* A program with its three streams in our hands; no shell is between. */
#ifndef BH_CTL_PROCESS_H
#define BH_CTL_PROCESS_H

#include <stdbool.h>
#include <sys/types.h>

#include "util/err.h"

struct process {
	pid_t pid;	  /* 0: none */
	int in, out, err; /* our ends, which never block; -1: closed */
};

/* @argv[0] is looked for in PATH. Return: 0, -ENOENT no such program, or another -errno. */
int process_start(char *const *argv, struct process *ret, struct bh_err *err);

/* Closes what is open and waits for a second at most where @patient, then kills it. Return: its exit code,
 * 128 and the signal's number of one that died, or 0 where there was none. */
int process_end(struct process *p, bool patient);

#endif
