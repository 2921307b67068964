/* SPDX-License-Identifier: Apache-2.0 */
/* One look at the node, and whatever must be written after it. */
#ifndef BH_CHAIN_STEP_H
#define BH_CHAIN_STEP_H

#include <sys/stat.h>

#include "chain/chain.h"
#include "util/buf.h"

struct step {
	const struct chain_options *opt;
	struct buf entry;
	struct stat plugin, installed; /* found equal; looked into again only when one of them changes */
};

int step_init(struct step *s, const struct chain_options *opt, struct bh_err *err);
void step_done(struct step *s);

/**
 * step_do() - see to it that the plugin is installed and our entry is where it belongs.
 * @write:     else only look.
 * @st:        all but the counters is filled in, also on failure.
 * @ret_right: whether the entry was right before.
 *
 * Return: 1 something was (or must be) written, 0 nothing, -EAGAIN another one writes just now, or as
 * chain_install().
 */
int step_do(struct step *s, bool write, struct chain_status *st, bool *ret_right, struct bh_err *err);

#define auto_step __attribute__((cleanup(step_done)))

#endif
