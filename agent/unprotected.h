/* SPDX-License-Identifier: Apache-2.0 */
/* The pods of this node that run without our programs, from whoever knows of them, and why. */
#ifndef BH_UNPROTECTED_H
#define BH_UNPROTECTED_H

#include <stddef.h>

struct agent;
struct api_conn;
struct json_object;

size_t unprotected_count(const struct agent *a);
struct json_object *unprotected_reasons(const struct agent *a); /* {"no-veth": 2} */

/* One item each, and the end. */
void unprotected_answer(const struct agent *a, struct api_conn *conn);

#endif
