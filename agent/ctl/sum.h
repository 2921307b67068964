/* SPDX-License-Identifier: Apache-2.0 */
/* What several nodes tell of the same thing, as one. */
#ifndef BH_CTL_SUM_H
#define BH_CTL_SUM_H

#include <json-c/json.h>

#include "ctl/ctl.h"

struct sum {
	const char *const *keys;   /* fields whose texts tell things apart; NULL at the end of each list */
	const char *const *counts; /* fields that are added up */
	const char *const *newest; /* those that are added up of the newest "generation" alone */
};

extern const struct sum sum_of_rules;

/* Adds @item to @all, {key: item}: what is not counted is of the newest "generation" that a node knows. The
 * item is kept, and changed. */
void sum_take(struct json_object *all, struct json_object *item, const struct sum *sum);

/* @all as a list, as a person sorts the keys: ingress[2] before ingress[10]. To be put. */
struct json_object *sum_list(struct json_object *all);

/* As ctl_list(), with one row for what several nodes tell of the same; JSON is theirs, node by node.
 * A row's item has "nodes" then, how many have answered. @look: adds to an item before it is summed; may be
 * NULL. */
int sum_table(const struct ctl *c, const char *op, const char *const *heads,
	      void (*row)(struct table *t, struct json_object *item), void (*look)(struct json_object *item),
	      const struct sum *sum, const char *none);

#endif
