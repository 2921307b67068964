/* SPDX-License-Identifier: Apache-2.0 */
/* The pods of this node that run without our programs, from whoever knows of them, and why. */
#ifndef BH_UNPROTECTED_H
#define BH_UNPROTECTED_H

#include <stddef.h>

struct agent;
struct api_conn;
struct json_object;
struct report;

size_t unprotected_count(const struct agent *a);
struct json_object *unprotected_reasons(const struct agent *a); /* {"no-veth": 2} */

/* The same, and those at which another program decides before ours. Return: 0 or -ENOMEM. */
int unprotected_report(const struct agent *a, struct report *r);

/* One item each, and the end. */
void unprotected_answer(const struct agent *a, struct api_conn *conn);

#endif
