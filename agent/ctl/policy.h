/* SPDX-License-Identifier: Apache-2.0 */
/* What the commands about policies share. */
#ifndef BH_CTL_POLICY_H
#define BH_CTL_POLICY_H

#include <json-c/json.h>
#include <stdbool.h>

#include "ctl/table.h"

/* As a person names one; borrowed. */
struct policy_name {
	const char *ns; /* NULL: any */
	const char *name;
};

/* "shop/db", "db"; @text is split in place. Return: 0, or -EINVAL, which was said. */
int policy_name_read(char *text, struct policy_name *ret);

/* @item: of the answer to `policies`. */
bool policy_name_is(const struct policy_name *n, struct json_object *item);

/* "3d4h", "12m7s", "never", "expired": the two largest units of what remains of it. Returns ret. */
const char *policy_remaining(struct json_object *item, char ret[32]);

/* A row of what a rule has counted. */
extern const char *const policy_rule_heads[];
void policy_rule_row(struct table *t, struct json_object *item);

#endif
