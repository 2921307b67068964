/* SPDX-License-Identifier: Apache-2.0 */
/* Comparing what two verdict rows allow. Used by delta.c alone. */
#ifndef BH_POLICY_ROWS_H
#define BH_POLICY_ROWS_H

#include <stdbool.h>

#include "../../bpf/abi.h"

/* A row and where its ranges are; row NULL: no such row, which denies all. */
struct row_view {
	const struct bh_row *row;
	const struct bh_range *ranges; /* row->n of them */
};

/* @pool: bh_ranges, for rows whose ranges are not inline. */
struct row_view row_view(const struct bh_row *row, const struct bh_range *pool);

/* Whether anything that @before allows is denied by @after, or would be. */
bool row_loses(struct row_view before, struct row_view after);

#endif
