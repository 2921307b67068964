/* SPDX-License-Identifier: Apache-2.0 */
/* The closest rule in words: what people and scripts are told of policy/nearest.h. */
#ifndef BH_AGENT_CLOSEST_H
#define BH_AGENT_CLOSEST_H

#include "policy/nearest.h"

struct json_object;

/* One field in words: "asked TCP 8080, the rule has TCP 80, 443". Returns ret. */
#define CLOSEST_TEXT 512
const char *closest_text(const struct model *m, const struct near_flow *f, const struct nearest *n,
			 enum near_field field, char ret[CLOSEST_TEXT]);

/* {"rule": "shop/db ingress[0]", "fields": [{"field": "port", "text": "..."}]}; NULL: none is near. */
struct json_object *closest_rule(const struct model *m, const struct near_flow *f);

#endif
