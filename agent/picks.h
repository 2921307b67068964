/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Flows picked from the tables in force, where answers change: addresses at the edges of what has a
 * class, ports at the edges of ranges. For asking the program whether it says what was meant, and for
 * measuring what a first packet costs.
 */
#ifndef BH_PICKS_H
#define BH_PICKS_H

#include <stdbool.h>
#include <stdint.h>

#include "../bpf/abi.h"
#include "inforce.h"

struct picks {
	uint64_t state; /* of the random numbers; not 0 */
};

uint64_t picks_number(struct picks *p);

/* One flow that is opened in @ret->dir at an endpoint of @f, or at @only where that is not NULL.
 * Return: whether there is one. */
bool picks_flow(struct picks *p, const struct inforce *f, const struct table_endpoint *only,
		struct bh_query *ret);

#endif
