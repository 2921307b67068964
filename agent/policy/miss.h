/* SPDX-License-Identifier: Apache-2.0 */
/* By what a rule misses a flow: used by nearest.c alone. */
#ifndef BH_POLICY_MISS_H
#define BH_POLICY_MISS_H

#include "policy/nearest.h"

/* A rule's peer that comes closest, and what it misses by. */
struct miss {
	uint32_t fields; /* NEAR_BIT()s; 0: it matches */
	uint32_t weight; /* requirements of selectors that fail */
	int peer;	 /* index; -1: any peer */
};

/* The pods that claim the address at the far end: as claims.c has it. */
struct far_end {
	const struct pod *pod; /* the only one; NULL: none */
	bool in_doubt;	       /* several, or one of which not all is known */
};

struct far_end miss_far_end(const struct model *m, const struct addr *a);

/* @f->pod's namespace must be known, as must that of @far. */
struct miss miss_of(const struct model *m, const struct near_flow *f, const struct pod *far,
		    const struct net_policy *np, const struct rule *rule);

/* The one that is fewer fields away, closer ones, with fewer requirements; <0: @a. */
int miss_cmp(const struct miss *a, const struct miss *b);

#endif
