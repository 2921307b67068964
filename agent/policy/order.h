/* SPDX-License-Identifier: Apache-2.0 */
/* The orders that the tables are sorted in, and what they are made of; and prefixes of an address. */
#ifndef BH_POLICY_ORDER_H
#define BH_POLICY_ORDER_H

#include "policy/policy.h"

int policy_row_cmp(const void *a, const void *b);      /* struct table_row by set, class, dir */
int policy_location_cmp(const void *a, const void *b); /* struct table_location by is_block, cidr */
int policy_index_cmp(const void *a, const void *b);    /* uint32_t */

static inline int policy_order(uint32_t a, uint32_t b)
{
	return (a > b) - (a < b);
}

/* @vec: VEC(struct addr). Return: 0 or -ENOMEM. */
int policy_add_addrs(void *vec, const struct addr *v, size_t n);

/* The block of that length that holds the address. */
struct cidr policy_cidr_of(const struct addr *a, unsigned int len);

/* The length of the shortest block that may hold it: no IPv6 block holds an IPv4 address. */
static inline int policy_shortest(const struct addr *a)
{
	return addr_is_v4(a) ? 96 : 0;
}

#endif
