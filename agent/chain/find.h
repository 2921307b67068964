/* SPDX-License-Identifier: Apache-2.0 */
/* Which file in the configuration directory the runtime loads. */
#ifndef BH_CHAIN_FIND_H
#define BH_CHAIN_FIND_H

#include <limits.h>
#include <stdbool.h>

#include "chain/file.h"
#include "util/err.h"

/* A *.conf is one plugin and has no room for a second: we put a list before it in the order, of this name. */
#define FIND_WRAPPED ".bulkhead.conflist"

struct found {
	char name[NAME_MAX + 1];   /* written by others; "" if there is none */
	bool is_list;		   /* *.conflist */
	char target[NAME_MAX + 1]; /* the file that should have our entry: the same, or a FIND_WRAPPED */
};

bool find_is_conf(const char *name); /* one that runtimes look at */
bool find_is_wrapped(const char *name);

/*
 * The first by bytewise order of those called *.conf, *.conflist or *.json that is no directory, ours left
 * out: so do containerd (go-cni opts.go, loadFromConfDir) and CRI-O (ocicni, loadNetworks). Return: 0,
 * -ENOENT with the directory named, -errno.
 */
int find_conf(const struct dir *d, struct found *ret, struct bh_err *err);

/* Calls @each for every configuration file. Return: 0, the first -errno of @each, or of listing. */
int find_each(const struct dir *d, int (*each)(void *ctx, const char *name), void *ctx, struct bh_err *err);

#endif
