/* SPDX-License-Identifier: Apache-2.0 */
/* How full the maps are, by the agent's mirror of them: no map is read. */
#ifndef BH_FILL_H
#define BH_FILL_H

#include <stdint.h>

struct agent;

#define FILL_MAPS 10

struct fill {
	const char *map;
	uint64_t used, max;
};

/* Not before a->reconcile is there. */
void fill_of(const struct agent *a, struct fill ret[FILL_MAPS]);

#endif
