/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who has which sets of one session array: runs of a power of two of sets, aligned to their own size, so
 * that (base, mask) names one. Pure: the truth is in the slots of bh_endpoints, this is what follows from it.
 */
#ifndef BH_DATAPLANE_SLICES_H
#define BH_DATAPLANE_SLICES_H

#include <stdint.h>

#define SLICES_NONE    UINT32_MAX
#define SLICES_LEAVING UINT16_MAX /* an owner: of nobody any more, not to be had before a grace is over */

struct slices {
	uint32_t n, used; /* sets */
	uint16_t *
		owner; /* of each set: 0: nobody; SLICES_LEAVING; else whatever the caller calls its owners */
};

int slices_init(struct slices *s, uint32_t n); /* @n: a power of two. Return: 0 or -ENOMEM */
void slices_done(struct slices *s);

/* The lowest free run of @sets, a power of two. Return: its base, SLICES_NONE there is none. */
uint32_t slices_take(struct slices *s, uint32_t sets, uint16_t owner);

/* A run that is in use already. Return: 0, -EINVAL no such run can be, -EEXIST some of it is another's. */
int slices_claim(struct slices *s, uint32_t base, uint32_t sets, uint16_t owner);

/* Another owner for a whole run; 0: it is free again. */
void slices_hand(struct slices *s, uint32_t base, uint32_t sets, uint16_t owner);

/* How many sets a newcomer gets that would have @want: fewer in a pool that runs short, so that those who
 * come later find some too. The run itself may still not be there. */
uint32_t slices_first(const struct slices *s, uint32_t want);

/*
 * How many sets an owner of @have gets that needs @need: never more than a quarter of the array, and the last
 * eighth is for newcomers alone. Return: a power of two above @have, 0 it cannot grow.
 */
uint32_t slices_larger(const struct slices *s, uint32_t have, uint32_t need);

#endif
