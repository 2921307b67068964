/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration that the runtime loads, read and understood, and our entry's place in it. */
#ifndef BH_CHAIN_TARGET_H
#define BH_CHAIN_TARGET_H

#include "chain/chain.h"
#include "chain/conflist.h"
#include "chain/file.h"
#include "chain/find.h"

struct target {
	struct found found;
	struct buf text; /* what others wrote */
	struct stat st;
	struct conflist conf;
	struct buf wrapped; /* the list of ours around it; empty: there is none, or it is of no use */
	struct conflist wrapped_conf;
};

/* target_done() it, also on failure: found.name is set as soon as it is known. Return: 0, -ENOENT nothing is
 * there yet, -EINVAL it cannot be understood, -errno. */
int target_read(const struct dir *d, struct target *ret, struct bh_err *err);
void target_done(struct target *t);

/* Of the list that the runtime loads. */
enum conflist_state target_state(const struct target *t, const char *entry);

/* Return: 0, -EAGAIN somebody else writes just now, -errno. */
int target_put(const struct dir *d, const struct target *t, const char *entry, struct bh_err *err);

/* Our entry out of a list of others that has it. As target_put(). */
int target_take(const struct dir *d, const struct target *t, struct bh_err *err);

#define TARGET_INIT ((struct target){ .text = BUF_INIT(CONFLIST_MAX), .wrapped = BUF_INIT(CONFLIST_MAX) })
#define auto_target __attribute__((cleanup(target_done)))

#endif
