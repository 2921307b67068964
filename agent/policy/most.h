/* SPDX-License-Identifier: Apache-2.0 */
/* Which policy asks for most of what a map has no room for. Used by delta.c, on its way out, alone. */
#ifndef BH_POLICY_MOST_H
#define BH_POLICY_MOST_H

#include <stdint.h>

#include "policy/policy.h"

enum most {
	MOST_RULES,
	MOST_ROWS,   /* that say something of the policy's own */
	MOST_RANGES, /* of rows with more than BH_ROW_INLINE */
	MOST_BLOCKS, /* `except` included */
	MOST_ADDRS,  /* of which a rule of the policy says something of its own */
};

/*
 * @m: what @t was made from, or has become since. What several policies share counts for each of them. Cost:
 * as large as the tables. Return: NULL: no policy asks for any, or there is no memory to count.
 */
const struct net_policy *policy_most(const struct model *m, const struct tables *t, enum most what,
				     uint32_t *ret_n);

#endif
