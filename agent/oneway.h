/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pods of which one of our two programs has seen many packets, and the other one none since the pod came:
 * something takes packets past it, and nothing is enforced there. By counts that are there anyway.
 */
#ifndef BH_ONEWAY_H
#define BH_ONEWAY_H

#include <stddef.h>

struct agent;

struct oneway {
	size_t nothing_in, nothing_out; /* interfaces of pods */
	char names[400];		/* of the first few, as "shop/db" */
};

/* One read of a map for each of the node's pods. */
void oneway_look(const struct agent *a, struct oneway *ret);

#endif
