/* SPDX-License-Identifier: Apache-2.0 */
/* The turns of a loop around one call. */
#include "kube/ask.h"

#include <errno.h>
#include <json-c/json.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "kube/wire.h"

#define OBJECT_MAX (16u << 20) /* bytes; a page of pods has one */

struct ask {
	struct buf *body;
	bool over;
	int status;
	struct bh_err why;
};

static int on_data(void *ctx, const char *data, size_t len, struct bh_err *err)
{
	const struct ask *a = ctx;
	const int r = buf_add(a->body, data, len);

	return r < 0 ? bh_err_errno(err, r, "an answer of over %zu bytes", a->body->max) : 0;
}

static void on_end(void *ctx, const struct http_end *end)
{
	struct ask *a = ctx;

	a->over = true;
	a->status = end->status;
	if (!end->status)
		(void)bh_err_set(&a->why, 0, "%s", end->why);
	else if (end->status != 200)
		(void)buf_str(a->body, end->body);
}

int kube_ask(struct http *http, const struct http_request *request, struct buf *body, struct bh_err *err)
{
	struct ask ask = { .body = body };
	const struct http_handler handler = { .data = on_data, .end = on_end, .ctx = &ask };
	struct http_call *call;
	int r;

	buf_clear(body);
	r = http_send(http, request, &handler, &call, err);
	while (!r && !ask.over) {
		struct pollfd fd = { .fd = http_fd(http), .events = POLLIN };

		if (poll(&fd, 1, http_timeout_ms(http)) < 0 && errno != EINTR) {
			r = bh_err_errno(err, -errno, "cannot wait");
			http_cancel(call);
		} else {
			http_work(http);
		}
	}
	if (r < 0)
		return r;
	return ask.status ? ask.status : bh_err_set(err, -EIO, "%s", ask.why.msg);
}

int kube_ask_object(struct http *http, const struct http_request *request, const char *what,
		    struct json_object **ret, struct bh_err *err)
{
	auto_buf struct buf body = BUF_INIT(OBJECT_MAX);
	struct json_object *o;
	struct bh_err why;
	int status = kube_ask(http, request, &body, &why);

	if (status < 0)
		return bh_err_set(err, status, "%s: %s", what, why.msg);
	o = kube_parse(body.data ? body.data : "", body.len, &why);
	if (status == 200 && o) {
		*ret = o;
		return 0;
	}
	(void)bh_err_set(err, 0, "%s: HTTP %d: %s", what, status, kube_message(o));
	json_object_put(o);
	return -EIO;
}
