/* SPDX-License-Identifier: Apache-2.0 */
/* Which addresses belong to pods that are in some peer set. */
#ifndef BH_POLICY_CLAIMS_H
#define BH_POLICY_CLAIMS_H

#include "policy/build.h"

/* What is on every link names no pod, and what is this node's own is the node. */
static inline bool policy_may_be_claimed(const struct model *m, const struct addr *a)
{
	return !addr_is_link_local(a) && !vec_find(&m->node_addrs, a, addr_cmp);
}

/* Fills build.pod_addrs. Return: 0 or -ENOMEM. */
int policy_pod_addrs(struct build *b);

#endif
