/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTPS requests to one server: libcurl's multi interface behind one descriptor. Over HTTP/2 all of them
 * share one connection. Certificates are always verified, against the cluster's CA alone; nothing is
 * redirected, proxied or unpacked. Knows no Kubernetes beyond a bearer token.
 */
#ifndef BH_KUBE_HTTP_H
#define BH_KUBE_HTTP_H

#include <stddef.h>
#include <stdint.h>

#include "kube/config.h"
#include "util/err.h"

#define HTTP_ANSWER_MAX 8192  /* kept of the body of an answer other than 200 */
#define HTTP_PATH_MAX	32768 /* with its query */

struct http;
struct http_call;

/* How a call ended; borrowed. */
struct http_end {
	int status;	      /* 0: no answer came, or not to its end */
	unsigned int retry_s; /* Retry-After in seconds; 0: none */
	const char *body;     /* of an answer other than 200 (so also of 201): its beginning; "" */
	const char *why;      /* status 0: what went wrong */
};

struct http_handler {
	void (*begin)(void *ctx); /* the head of a 200 has come; or NULL */
	/* Of the body of a 200; or NULL. Return: 0, or -errno: end the call with that message. */
	int (*data)(void *ctx, const char *data, size_t len, struct bh_err *err);
	/* Once, last; the call is gone behind it. Not called after http_cancel(). */
	void (*end)(void *ctx, const struct http_end *end);
	void *ctx;
};

/* @config: borrowed for its life. Return: 0 or -errno. */
int http_new(const struct kube_config *config, struct http **ret, struct bh_err *err);
void http_free(struct http *h); /* after its calls */

int http_fd(const struct http *h);	   /* readable: call http_work() */
int http_timeout_ms(const struct http *h); /* call it after so long at the latest; -1: none */
void http_work(struct http *h);		   /* runs handlers; never blocks */

/* What is asked; borrowed until http_send() returns. */
struct http_request {
	const char *path;	    /* with its query, as "/api/v1/pods?limit=500" */
	const char *method;	    /* NULL: GET */
	const char *body, *content; /* what is sent along, and its media type; NULL: nothing */
	unsigned int timeout_ms;    /* for the whole; 0: none, as for a watch */
};

/**
 * http_send() - @ret: until its end, or http_cancel(). No handler runs before this returns.
 *
 * Token and certificates are read anew. Return: 0, or -errno (no memory, a path too long, files that cannot
 * be read).
 */
int http_send(struct http *h, const struct http_request *request, const struct http_handler *handler,
	      struct http_call **ret, struct bh_err *err);

static inline int http_get(struct http *h, const char *path, unsigned int timeout_ms,
			   const struct http_handler *handler, struct http_call **ret, struct bh_err *err)
{
	const struct http_request request = { .path = path, .timeout_ms = timeout_ms };

	return http_send(h, &request, handler, ret, err);
}

/* NULL is fine. Not from inside of data(). */
void http_cancel(struct http_call *c);

#endif
