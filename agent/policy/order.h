/* SPDX-License-Identifier: Apache-2.0 */
/* The orders that the tables are sorted in, and prefixes of an address. */
#ifndef BH_POLICY_ORDER_H
#define BH_POLICY_ORDER_H

#include "policy/policy.h"

int policy_row_cmp(const void *a, const void *b);      /* struct table_row by set, class, dir */
int policy_location_cmp(const void *a, const void *b); /* struct table_location by is_block, cidr */

/* The block of that length that holds the address. */
struct cidr policy_cidr_of(const struct addr *a, unsigned int len);

/* The length of the shortest block that may hold it: no IPv6 block holds an IPv4 address. */
static inline int policy_shortest(const struct addr *a)
{
	return addr_is_v4(a) ? 96 : 0;
}

#endif
