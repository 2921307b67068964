/* SPDX-License-Identifier: Apache-2.0 */
/* Which set of policies of each kind is in force on this node, as model/versions.h counts them. Pure. */
#ifndef BH_STATUS_APPLIED_H
#define BH_STATUS_APPLIED_H

#include <stdbool.h>
#include <stdint.h>

#include "model/model.h"

/* Zero at birth: none is. */
struct applied {
	uint64_t seq[POLICY_KINDS]; /* of model.versions */
	struct hash128 sets[POLICY_KINDS];
};

/**
 * applied_follow() - after a change of the model or of what is in force.
 * @seq: of model.versions when the tables were made that are in force.
 * @all: nothing is under way: then all that the model has is in force, since what is newer than the tables
 *       does not matter here, or a compile would be.
 */
void applied_follow(struct applied *a, const struct model *m, const uint64_t seq[POLICY_KINDS], bool all);

/* Whether a policy of the model is in force as it is there. */
bool applied_holds(const struct applied *a, const struct net_policy *p);

#endif
