/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the socket's operations do: dispatch, and the plugin's three (add, del, check). The CLI's are
 * in answers.h.
 */
#ifndef BH_REQUESTS_H
#define BH_REQUESTS_H

#include "api/api.h"
#include "util/histogram.h"

struct agent;

#define CODE_DECODE    6   /* CNI spec: failed to decode content */
#define CODE_RETRY     11  /* CNI spec: try again later */
#define CODE_REFUSED   100 /* ours: will not do */
#define CODE_NOT_FOUND 101 /* ours: no such thing */

int requests_new(struct agent *a); /* sets a->requests; 0 or -ENOMEM */
void requests_free(struct agent *a);

/* For struct api_handler; ctx is the agent. */
void requests_on_request(void *ctx, struct api_conn *conn, struct json_object *request);
/* As that, of who may only read: what is more is refused. */
void requests_on_read(void *ctx, struct api_conn *conn, struct json_object *request);
void requests_on_close(void *ctx, struct api_conn *conn);

/* Answers the adds that have waited for this. */
void requests_enforced(struct agent *a);
/* The source has answered some of source_confirm(), and reconcile has been told. */
void requests_confirmed(struct agent *a);
void requests_failed(struct agent *a, const struct bh_err *why);

/* How long ADDs took here, by what became of them. */
#define ADD_OUTCOMES(X)	     X(OK, "ok") X(RETRY, "retry") X(REFUSED, "refused") X(GIVEN_UP, "given-up")
#define ADD_ENUM(name, text) ADD_##name,
enum add_outcome { ADD_OUTCOMES(ADD_ENUM) ADD_MAX };
const struct histogram *requests_adds(const struct agent *a, enum add_outcome outcome);

#endif
