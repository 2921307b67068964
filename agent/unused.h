/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Since when rules are in force, for those who ask which of them nobody needs. Counters live in the maps and
 * go on over a restart, their births do not: what was there at the agent's start has been there since then at
 * least.
 */
#ifndef BH_AGENT_UNUSED_H
#define BH_AGENT_UNUSED_H

#include <stdbool.h>
#include <stdint.h>

#include "util/hash.h"

struct agent;

int unused_new(struct agent *a); /* sets a->unused; 0 or -ENOMEM */
void unused_free(struct agent *a);
void unused_enforced(struct agent *a); /* something new is in force */

/* Seconds since 1970; 0: not known. @ret_older: perhaps longer. */
int64_t unused_since(const struct agent *a, const struct hash128 *rule, bool *ret_older);

#endif
