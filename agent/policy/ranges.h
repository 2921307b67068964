/* SPDX-License-Identifier: Apache-2.0 */
/* Ranges of ports and whose they are. Used by verdicts.c alone. */
#ifndef BH_POLICY_RANGES_H
#define BH_POLICY_RANGES_H

#include "policy/build.h"

/* Disjoint and ascending, all of them allowed. */
struct range_vec {
	struct table_range *v;
	size_t n, size;
};

/* Appends, or lengthens the last one where the same rule goes on. Return: 0 or -ENOMEM, as below. */
int range_emit(struct range_vec *v, uint32_t first, uint32_t last, uint32_t rule);

/* @to: @base, and of the ports what it leaves, for @rule. */
int range_overlay(const struct range_vec *base, const struct span *ports, size_t n, uint32_t rule,
		  struct range_vec *to);

/* Rows with the same ranges share them: the first row of each content keeps its own, in row order. */
int range_share(struct tables *t);

#endif
