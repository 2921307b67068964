/* SPDX-License-Identifier: Apache-2.0 */
/* Ranges of ports and whose they are. Used by verdicts.c alone. */
#ifndef BH_POLICY_RANGES_H
#define BH_POLICY_RANGES_H

#include "policy/build.h"

/* Disjoint and ascending. */
struct range_vec {
	struct table_range *v;
	size_t n, size;
};

/* Appends, or lengthens the last one where the same rule goes on with the same action. Return: 0 or -ENOMEM,
 * as below. */
int range_emit(struct range_vec *v, const struct table_range *range);

/* @to: @base, and of @add's ranges (disjoint and ascending) what it leaves. */
int range_overlay(const struct range_vec *base, const struct table_range *add, size_t n,
		  struct range_vec *to);

/* Rows with the same ranges share them: the first row of each content keeps its own, in row order. */
int range_share(struct tables *t);

#endif
