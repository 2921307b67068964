/* SPDX-License-Identifier: Apache-2.0 */
/* One question to the API server, waited for: for commands, and before there is a loop. */
#ifndef BH_KUBE_ASK_H
#define BH_KUBE_ASK_H

#include "kube/http.h"
#include "util/buf.h"

struct json_object;

/**
 * kube_ask() - @request needs a time-out; nothing else may be under way on @http.
 * @body: what the answer holds, from the start; its maximum is the caller's.
 * Return: the answer's HTTP status, or -errno: there is none, or it is too large.
 */
int kube_ask(struct http *http, const struct http_request *request, struct buf *body, struct bh_err *err);

/* The same, where only an answer of 200 with an object in it will do. @what begins the message of any other.
 * Return: 0 (@ret: owned), or -errno. */
int kube_ask_object(struct http *http, const struct http_request *request, const char *what,
		    struct json_object **ret, struct bh_err *err);

#endif
