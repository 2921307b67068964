/* SPDX-License-Identifier: Apache-2.0 */
/* What random policies of several kinds have in common. */
#ifndef TESTS_ORACLE_POLICIES_H
#define TESTS_ORACLE_POLICIES_H

#include "roll.h"

/* Of policy.bulkhead.dev. */
static inline bool is_ours(enum policy_kind kind)
{
	return kind == POLICY_SEGMENTATION || kind == POLICY_CLUSTER_SEGMENTATION;
}

void roll_ports(struct dice *d, struct port_range *p);
void roll_portless(struct dice *d, struct port_range *p);
void roll_transport(struct dice *d, struct rule *r, bool names);
void roll_head(struct dice *d, struct rule *r); /* action and name */
uint16_t roll_priority(struct dice *d);
void roll_times(struct dice *d, struct net_policy *np); /* whether in earnest, and for how long */

/* With tier, priority and subject. */
struct net_policy *roll_of_cluster(struct dice *d, enum policy_kind kind);

#endif
