/* SPDX-License-Identifier: Apache-2.0 */
/* Which pods are in which peer sets. */
#ifndef BH_POLICY_MEMBERS_H
#define BH_POLICY_MEMBERS_H

#include "policy/build.h"

struct candidates {
	uint32_t *v;
	size_t n, size;
};

/* The peer sets that may hold pods of @ns, as far as the namespace decides. Return: 0 or -ENOMEM, as below.
 */
int policy_candidates(const struct build *b, const struct namespace *ns, struct candidates *ret);

/* Of those, and of the ones for names of ports, the ones that do hold this pod; a list at the end of
 * build.lists.
 */
int policy_pod_members(struct build *b, const struct pod *p, const struct candidates *candidates,
		       struct list *ret);

/* @ret: one list for each of model.pods, zeroed by the caller. */
int policy_members(struct build *b, struct list *ret);

#endif
