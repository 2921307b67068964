/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parts of an mmapped array map. The kernel maps all pages of it at once and counts them as ours for as long,
 * so only what is looked at is mapped, where it would be if all were: what was found there has the same
 * address the next time. (A page that is given back by madvise() does not come again: SIGBUS.)
 */
#ifndef BH_DATAPLANE_WINDOWS_H
#define BH_DATAPLANE_WINDOWS_H

#include <stddef.h>
#include <stdint.h>

#include "util/err.h"
#include "util/vec.h"

struct window {
	size_t from, to; /* bytes, of whole pages */
};

struct windows {
	char *at; /* of element 0; addresses are reserved for all, and nothing is there */
	size_t bytes, stride;
	uint32_t n;
	int fd;
	VEC(struct window) open;
};

/* @fd: of the map, borrowed. Return: 0 or -errno. */
int windows_init(struct windows *w, int fd, const char *name, struct bh_err *err);
void windows_done(struct windows *w);

/* Elements [first..first + n) may be touched from now on, and until all windows are closed. Return: 0 or
 * -errno. */
int windows_open(struct windows *w, uint32_t first, uint32_t n);
void windows_close(struct windows *w);

#endif
