/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An API server of the test's, behind kube/http.h: a call is a path that waits until the test says what
 * comes. So two streams can be told in any order.
 */
#ifndef BH_TEST_SOURCE_WIRE_H
#define BH_TEST_SOURCE_WIRE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kube/http.h"

struct http_call {
	char path[512], method[8], body[4096];
	struct http_handler handler;
	struct http_call *next;
};

static struct http_call *calls;

int http_new(const struct kube_config *config, struct http **ret, struct bh_err *err)
{
	(void)config;
	(void)err;
	*ret = NULL;
	return 0;
}

void http_free(struct http *h)
{
	(void)h;
}

int http_fd(const struct http *h)
{
	(void)h;
	return -1;
}

int http_timeout_ms(const struct http *h)
{
	(void)h;
	return -1;
}

void http_work(struct http *h)
{
	(void)h;
}

int http_send(struct http *h, const struct http_request *request, const struct http_handler *handler,
	      struct http_call **ret, struct bh_err *err)
{
	struct http_call *c = calloc(1, sizeof(*c));

	(void)h;
	(void)err;
	assert_non_null(c);
	(void)snprintf(c->path, sizeof(c->path), "%s", request->path);
	(void)snprintf(c->method, sizeof(c->method), "%s", request->method ? request->method : "GET");
	(void)snprintf(c->body, sizeof(c->body), "%s", request->body ? request->body : "");
	c->handler = *handler;
	c->next = calls;
	calls = *ret = c;
	return 0;
}

void http_cancel(struct http_call *call)
{
	struct http_call **at;

	for (at = &calls; *at && *at != call; at = &(*at)->next)
		;
	if (*at)
		*at = call->next;
	free(call);
}

/* The call whose path holds that text. */
/* @part of a path, or with "$" its end. */
static struct http_call *asked(const char *part)
{
	const size_t len = strcspn(part, "$");
	struct http_call *c;

	for (c = calls; c; c = c->next)
		if (part[len] ? strlen(c->path) >= len && !strncmp(c->path + strlen(c->path) - len, part, len)
			      : strstr(c->path, part) != NULL)
			return c;
	return NULL;
}

/* Ends a call; @status 0: cut off. */
static void answer_ends(const char *part, int status)
{
	const struct http_end end = { .status = status, .body = "{}", .why = "cut off" };
	struct http_call *c = asked(part);

	if (!c)
		fail_msg("nobody asked for %s", part);
	c->handler.end(c->handler.ctx, &end);
	http_cancel(c);
}

/* Part of the body of a 200; a call that does not believe it is cut off. */
static inline void says(const char *part, const char *text)
{
	struct http_call *c = asked(part);
	struct bh_err err = {};

	if (!c)
		fail_msg("nobody asked for %s", part);
	if (c->handler.begin)
		c->handler.begin(c->handler.ctx);
	if (c->handler.data(c->handler.ctx, text, strlen(text), &err) < 0)
		answer_ends(part, 0);
}

#endif
