/* SPDX-License-Identifier: Apache-2.0 */
/* What `doctor` makes of figures. Knows no kernel, no clock and no socket. */
#ifndef BH_HEALTH_H
#define BH_HEALTH_H

#include <stddef.h>

#include "../bpf/abi.h"
#include "fill.h"

enum health { HEALTHY, WARNING, FAULT };

/* Of what went wrong last at @last_ms (0: never): @bad while that is not long ago, as it may have been
 * healed. */
#define HEALTH_LATELY_MS 600000
enum health health_of_last(int64_t last_ms, int64_t now_ms, enum health bad);

/* The fullest of @n maps (of one at least), and what makes room in it. */
enum health health_of_fill(const struct fill *maps, size_t n, const struct fill **ret_fullest,
			   const char **ret_todo);

/* Which of a pod's two hooks its packets pass: of many one way, some must come the other way. */
enum health_ways { BOTH_WAYS, NOTHING_IN, NOTHING_OUT };
enum health_ways health_of_ways(const struct bh_ep_stat *stat);

double health_percent(const struct fill *map);

#endif
