/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where pods have their addresses: what Nodes say (spec.podCIDRs), and an option, for CNIs that do not take
 * them from there. An address in these ranges of which nobody has heard is of the cluster, not of the world.
 */
#ifndef BH_PODCIDRS_H
#define BH_PODCIDRS_H

#include <stdbool.h>
#include <stddef.h>

#include "model/model.h"
#include "util/err.h"

#define PODCIDRS_MAX 64

struct podcidrs {
	struct cidr at[PODCIDRS_MAX];
	size_t n;
};

/* Adds the option's value to @ret. Return: 0, -EINVAL: @err names the option and what is wrong with it. */
int podcidrs_read(const char *text, struct podcidrs *ret, struct bh_err *err);

/* How many Nodes say theirs. */
size_t podcidrs_nodes(const struct model *m);

/* Whether nobody says any, and some policy asks who is of the cluster or of the world. */
bool podcidrs_missed(const struct model *m);

#endif
