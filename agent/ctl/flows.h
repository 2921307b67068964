/* SPDX-License-Identifier: Apache-2.0 */
/* One denial as a line; apart from its command, for the tests. */
#ifndef BH_CTL_FLOWS_H
#define BH_CTL_FLOWS_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stdio.h>

/* @today: "2026-01-31", in UTC; what is of another day is told with its date. */
void flows_print(FILE *out, struct json_object *item, const char *today, bool colours);

#endif
