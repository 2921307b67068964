/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pages for whoever may reach a TCP port: HTTP/1.1 (RFC 9110, 9112), GET and HEAD alone, no bodies of
 * requests (but POST where the options have room for one), no TLS. Everything has a maximum: connections, a
 * request, its time, an answer, all answers that nobody has fetched yet. What the paths mean is the business
 * of the table of routes.
 */
#ifndef BH_HTTP_WEB_H
#define BH_HTTP_WEB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "util/buf.h"
#include "util/err.h"

#define WEB_HEAD_MAX   8192 /* a request's bytes up to its empty line */
#define WEB_CONNS_MAX  32   /* more wait in the backlog, or who has been silent for longest makes room */
#define WEB_ANSWER_MAX (4u << 20) /* bytes of one answer, unless the options say otherwise */
#define WEB_QUEUE_MAX  (8u << 20) /* of all answers together; what comes then is answered with 503 */
#define WEB_REQUEST_MS 10000	  /* from its first byte to its end */
#define WEB_ANSWER_MS  30000	  /* until the client has taken all of it */
#define WEB_IDLE_MS    180000	  /* between two requests: longer than people's scrape intervals */
#define WEB_BIND_MS    500	  /* between two attempts at a port that somebody else has */

/* ---- a request ---------------------------------------------------------------------------- */

struct web_request {
	bool head;		   /* HEAD: the answer's head alone */
	bool close;		   /* the client wants no more on this connection */
	const char *path, *query;  /* as they were sent, still encoded; query "" where there is none */
	const char *host, *origin; /* of the fields of these names; "" where there is none */
	bool post;
	const char *body; /* of a POST; any bytes */
	size_t body_len;
};

/**
 * web_parse() - the first request in @len bytes, of which the parts that @ret points at become texts.
 * @body_max: a POST is taken, with a body of so many bytes at most; 0: none is.
 *
 * Return: how many bytes it has; 0: it is not whole yet; or what is wrong with it as a negative HTTP status
 * (-400, -405, -411, -413, -414, -431, -501, -505), behind which nothing can be understood any more.
 */
int web_parse(char *data, size_t len, size_t body_max, struct web_request *ret);

/* ---- the server --------------------------------------------------------------------------- */

struct web_answer {
	int status;	  /* 200 unless the route says otherwise */
	const char *type; /* static; "text/plain; charset=utf-8" unless it says otherwise */
	const char *more; /* static: further fields, each line with its CRLF; "" unless it says otherwise */
	struct buf body;  /* what does not fit is refused by buf_add(): then a 500 is the answer */
};

struct web_route {
	const char *path; /* "/metrics"; one that ends in "/" has all that is below, too */
	void (*fn)(void *ctx, const struct web_request *request, struct web_answer *ret);
	void *ctx;
};

struct web;

struct web_options {
	struct sockaddr_storage addr;
	size_t body_max;   /* 0: no POST */
	size_t answer_max; /* of one answer; 0: WEB_ANSWER_MAX */
	/* It listens (NULL), or cannot yet, once for as long as the reason stays the same. May be NULL. */
	void (*told)(void *ctx, const char *trouble);
	void *ctx;
};

/* "ADDRESS:PORT": the last colon parts them, brackets around an IPv6 address may be left out. Return: 0, or
 * -EINVAL with what is wrong. */
int web_address(const char *text, struct sockaddr_storage *ret, struct bh_err *err);
#define WEB_ADDRESS_TEXT 64
const char *web_address_text(const struct sockaddr_storage *addr, char ret[WEB_ADDRESS_TEXT]);

/* @routes: copied, but for their texts; the first that fits is taken. A port that is taken, or an address
 * that is not there yet, is tried again: another agent leaves it to us. Return: 0 or -errno. */
int web_new(const struct web_options *opt, const struct web_route *routes, size_t n, struct web **ret,
	    struct bh_err *err);
void web_free(struct web *w);
int web_fd(const struct web *w); /* an epoll fd: readable when there is work */
void web_work(struct web *w);	 /* never blocks */

bool web_listens(const struct web *w);

/* Where it really listens: with the port that the kernel chose for a port 0. Return: 0 or -errno. */
int web_bound(const struct web *w, struct sockaddr_storage *ret);

struct web_stats {
	uint64_t requests, refused; /* answered by a route; by an error of ours */
	size_t conns, queued;	    /* now; bytes */
};
void web_stats(const struct web *w, struct web_stats *ret);

#endif
