/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of `simulate` that need no agent. */
#ifndef BH_CTL_SIMULATE_H
#define BH_CTL_SIMULATE_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stdio.h>

#include "util/err.h"

/* Adds to the list the policies of one file's text, without what the agent does not read; tells on @notes
 * what is no policy. Return: 0, or -EINVAL, -E2BIG, -ENOMEM as manifest_parse(). */
int simulate_read(const char *file, const char *text, size_t len, struct json_object *list, FILE *notes,
		  struct bh_err *err);

/* Return: 0, or -E2BIG or -ENOMEM: no agent would take the whole of it. */
int simulate_fits(struct json_object *request, struct bh_err *err);

/* "NetworkPolicy/shop/db", "ClusterNetworkPolicy/x" -> kind, namespace, name. Return: NULL: neither. */
struct json_object *simulate_delete(const char *text);

/* {"problems": [], "pairs": [], "sessions": [], "summary": {}}: an item of it, and all of it for people. */
void simulate_take(struct json_object *all, struct json_object *item);
void simulate_print(FILE *out, struct json_object *all, bool colours);

/* What to exit with where asking ended with @code. */
int simulate_code(struct json_object *all, int code);

#endif
