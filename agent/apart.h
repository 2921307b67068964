/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers that may be long, each given by a child. A fork is the agent as it is at that moment: whatever
 * changes meanwhile, the answer is of that one, and neither the loop nor the agent's memory waits for who
 * works on it or reads it. What a child does to anything but its connection is lost with it.
 */
#ifndef BH_APART_H
#define BH_APART_H

#include "api/api.h"
#include "loop.h"

#define APART_AT_ONCE	4     /* children; more requests wait */
#define APART_READER_MS 60000 /* for one who reads nothing: then the child ends, and the connection */

struct agent;
struct apart;
struct json_object;

typedef void (*apart_fn)(struct agent *a, struct api_conn *conn, struct json_object *request);

/* Both are borrowed; @a is for those who answer alone. NULL: no memory. */
struct apart *apart_new(struct loop *loop, struct agent *a);
void apart_free(struct apart *p); /* nobody is answered any more */

/* @fn answers, all of it before it returns, in a child of its own. */
void apart_answer(struct apart *p, struct api_conn *conn, struct json_object *request, apart_fn fn);
void apart_close(struct apart *p, const struct api_conn *conn); /* nobody waits for that one any more */

#endif
