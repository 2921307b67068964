/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Everything that /metrics says, from one table: names, types, help, labels, and who collects each. The table
 * of docs/metrics.md is printed from the same rows (`bulkhead-agent metrics`).
 */
#ifndef BH_METRICS_H
#define BH_METRICS_H

#include <stdio.h>

#include "exposition.h"

struct agent;

/* One row each of a kind: what has more is left out, and said in bulkhead_series_left_out. */
#define METRICS_RULES_MAX 2000
#define METRICS_PODS_MAX  512

/* A standby leaves out what only the working agent knows. Return: 0, -ENOMEM, or what the buffer said. */
int metrics_write(struct agent *a, struct buf *ret);

void metrics_print_table(FILE *out); /* in Markdown */

#endif
