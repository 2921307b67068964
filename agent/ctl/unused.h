/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of `unused` that need no agent. */
#ifndef BH_CTL_UNUSED_H
#define BH_CTL_UNUSED_H

#include <json-c/json.h>

/* Adds one agent's word on a policy or rule to the list, of which each has one item: what is used on some
 * node is used; of several reasons, the one that says that it could be used is told. */
void unused_take(struct json_object *list, struct json_object *item);

/* A list of those that are not used, in the order in which they came. To be put. */
struct json_object *unused_only(struct json_object *all);

#endif
