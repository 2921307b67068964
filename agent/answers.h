/* SPDX-License-Identifier: Apache-2.0 */
/* What the CLI asks and is told; the fields are described in docs/bulkheadctl.md. */
#ifndef BH_ANSWERS_H
#define BH_ANSWERS_H

#include "api/api.h"
#include "dataplane/dp.h"
#include "util/vec.h"

struct agent;
struct endpoint;
struct json_object;

void answer_status(struct agent *a, struct api_conn *conn, struct json_object *request);
void answer_endpoints(struct agent *a, struct api_conn *conn, struct json_object *request);
void answer_entries(struct agent *a, struct api_conn *conn, struct json_object *request);
void answer_policies(struct agent *a, struct api_conn *conn, struct json_object *request);
void answer_rules(struct agent *a, struct api_conn *conn, struct json_object *request);
void answer_sessions(struct agent *a, struct api_conn *conn, struct json_object *request);
void answer_flows(struct agent *a, struct api_conn *conn, struct json_object *request);
void answer_names(struct agent *a, struct api_conn *conn, struct json_object *request);
void answer_config(struct agent *a, struct api_conn *conn, struct json_object *request);
void answer_explain(struct agent *a, struct api_conn *conn, struct json_object *request);
void answer_doctor(struct agent *a, struct api_conn *conn, struct json_object *request);
void answer_unused(struct agent *a, struct api_conn *conn, struct json_object *request);
void answer_simulate(struct agent *a, struct api_conn *conn, struct json_object *request);

/* The live ones, of @only or (NULL) of all. Return: 0, -ENOMEM, or what the kernel said. @ret: vec_done(),
 * always. */
typedef VEC(struct dp_session) session_vec;
int answer_read_sessions(struct agent *a, const struct endpoint *only, session_vec *ret, struct bh_err *err);
/* An item of `sessions`. */
struct json_object *answer_session(struct agent *a, const struct dp_session *s);

#endif
