/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The change from another layout of the maps (BH_LAYOUT): what its agent has left is taken over while it
 * enforces, and removed when ours does. docs/architecture.md ("Another layout of the maps") says in which
 * order and why.
 *
 * Whatever of it is cut short is done again by the next start, for nothing is removed before all of it is
 * done.
 */
#ifndef BH_FORMER_H
#define BH_FORMER_H

#include <stdbool.h>
#include <stdint.h>

struct agent;

/* As far as it goes: when policy is in our maps, and every other second, until all is done. */
void former_step(struct agent *a);

/* Whether another layout enforces here, and ours could not. */
bool former_waits(const struct agent *a);

/* Just before and just after the programs of one interface are replaced; 0: of all. */
void former_copy(struct agent *a, uint32_t ifindex);

#endif
