/* SPDX-License-Identifier: Apache-2.0 */
/* One denial as a line; apart from its command, for the tests. */
#ifndef BH_CTL_FLOWS_H
#define BH_CTL_FLOWS_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stdio.h>

void flows_print(FILE *out, struct json_object *item, bool colours);

#endif
