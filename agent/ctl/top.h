/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of `top` that need no agent. */
#ifndef BH_CTL_TOP_H
#define BH_CTL_TOP_H

#include <json-c/json.h>
#include <stdbool.h>

/* What one command shows: whose counters, and how they are called. */
struct top_kind {
	const char *name, *op;
	const char *none;	  /* "no packet of a pod": what is said where nothing moved */
	const char *const *heads; /* of the columns: name, rates, and what is told as it is */
	const char *const *rates; /* fields that grow; the first one sorts; ends with NULL */
	const char *const *now;	  /* fields that are told as they are; likewise */
	/* The fields of an item of the agent's, and "name": who it is. Adds them to @flat. Return: whether
	 * the item is one. */
	bool (*flatten)(struct json_object *item, struct json_object *flat);
};

const struct top_kind *top_kind(const char *name); /* "pods", "rules", "peers"; NULL: none */

/* Adds an item to what was counted, an object by node and name; of one name they add up. */
void top_take(const struct top_kind *k, struct json_object *sample, struct json_object *item);

/* By second, the greatest first, without those of whom nothing moved: a list of name, node, rates and fields.
 * To be put. */
struct json_object *top_between(const struct top_kind *k, struct json_object *from, struct json_object *to,
				double seconds);

#endif
