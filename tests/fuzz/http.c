// SPDX-License-Identifier: Apache-2.0
/*
 * What somebody writes to the HTTP port: through the parser, whole and cut at each place that the input
 * names; and through a real connection to the real server, which answers each request of those bytes, or
 * refuses one and no more, and then closes. What a page reads of a request is read, too.
 */
#include "fuzz.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl/ui.h"
#include "http/web.h"

#define BODY_MAX 64 /* room for some bytes: a POST is taken, too */
#define ROOM	 (WEB_HEAD_MAX + BODY_MAX)

static struct web *web;
static struct web_options opt = { .body_max = BODY_MAX };
static int called; /* routes */

/* By what pages ask for, into more and less room. */
static void read_query(const char *query)
{
	static const char *const names[] = { "from", "to", "proto", "port", "window", "" };
	char value[256];
	size_t i, size;

	for (i = 0; i < sizeof(names) / sizeof(*names); i++)
		for (size = 1; size <= sizeof(value); size *= 4)
			if (ui_query(query, names[i], value, size))
				fuzz_check(strlen(value) < size && !strpbrk(value, "\n\r\x7f"));
}

/* Whoever is trusted came by an address or "localhost", from nowhere or from there. */
static void read_trust(const struct web_request *request)
{
	const char *from = request->origin, *host = request->host;

	if (!ui_trusts(request))
		return;
	fuzz_check(!strncmp(host, "localhost", 9) || strpbrk(host, ".:"));
	fuzz_check(!*from || (!strncmp(from, "http://", 7) && !strcmp(from + 7, host)));
}

static void on_page(void *ctx, const struct web_request *request, struct web_answer *ret)
{
	(void)ctx;
	called++;
	fuzz_check(request->path[0] == '/' && !strchr(request->path, '?'));
	read_query(request->query);
	read_trust(request);
	(void)buf_fmt(&ret->body, "%s", request->query);
}

static const struct web_route routes[] = { { .path = "/", .fn = on_page }, { .path = "/m", .fn = on_page } };

static void stop(void)
{
	web_free(web);
}

static void begin(void)
{
	struct sockaddr_in *addr = (void *)&opt.addr;
	socklen_t len = sizeof(*addr);
	const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct bh_err err;

	addr->sin_family = AF_INET;
	addr->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	fuzz_check(!bind(fd, (void *)addr, len) && !getsockname(fd, (void *)addr, &len));
	(void)close(fd);
	fuzz_check(!web_new(&opt, routes, 2, &web, &err) && web_listens(web));
	(void)atexit(stop);
}

/* By the parser alone. @ret_pages: how many go to a route. Return: how many answers there must be. */
static int requests_in(const uint8_t *data, size_t len, int *ret_pages)
{
	char *copy = malloc(len + 1), *at = copy;
	struct web_request r = { 0 };
	int n = 1, answers = 0;

	memcpy(copy, data, len);
	for (*ret_pages = 0; n > 0 && !r.close; at += n, len -= (size_t)n) {
		n = len ? web_parse(at, len < ROOM ? len : ROOM, opt.body_max, &r) : 0;
		fuzz_check(n <= (int)len && n >= -505);
		answers += n != 0;
		if (n <= 0)
			break;
		fuzz_check(r.body_len <= opt.body_max && r.body + r.body_len == at + n);
		fuzz_check(strlen(r.path) < (size_t)n && strlen(r.query) < (size_t)n);
		*ret_pages += !strcmp(r.path, "/") || !strcmp(r.path, "/m");
	}
	free(copy);
	return answers;
}

/* A head is not whole before its last byte, unless it is too long. */
static void check_cut(const uint8_t *data, size_t len)
{
	struct web_request r;
	char *copy = malloc(len + 1);
	int n;

	memcpy(copy, data, len);
	n = len ? web_parse(copy, len, opt.body_max, &r) : 0;
	memcpy(copy, data, len);
	fuzz_check(n <= 1 || !web_parse(copy, (size_t)n - 1, opt.body_max, &r));
	free(copy);
}

static int dial(void)
{
	const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	const struct linger now = { .l_onoff = 1 }; /* no port waits after us */

	(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	fuzz_check(fd >= 0 && !connect(fd, (struct sockaddr *)&opt.addr, sizeof(struct sockaddr_in)));
	return fd;
}

static size_t count_answers(const struct buf *b)
{
	const char *at = b->len ? b->data : "";
	size_t n = 0;

	for (; b->len && (at = memmem(at, b->len - (size_t)(at - b->data), "HTTP/1.1 ", 9)); at += 9)
		n += !strncmp(at + 12, " ", 1);
	return n;
}

static bool over(void)
{
	struct web_stats stats;

	web_stats(web, &stats);
	return !stats.conns;
}

void fuzz_one(const uint8_t *data, size_t len)
{
	struct buf heard = BUF_INIT(8u << 20);
	char chunk[4096];
	int fd, pages, answers, i;
	bool began = false;
	ssize_t n;

	if (!web)
		begin();
	called = 0;
	answers = requests_in(data, len, &pages);
	check_cut(data, len);
	fd = dial();
	fuzz_check(!len || send(fd, data, len, MSG_NOSIGNAL) == (ssize_t)len);
	(void)shutdown(fd, SHUT_WR);
	for (i = 0; !began || !over(); i++) {
		fuzz_check(i < 100000); /* it goes on for ever */
		web_work(web);
		began |= !over();
		while ((n = recv(fd, chunk, sizeof(chunk), MSG_DONTWAIT)) > 0)
			fuzz_check(!buf_add(&heard, chunk, (size_t)n));
	}
	while ((n = recv(fd, chunk, sizeof(chunk), MSG_DONTWAIT)) > 0)
		fuzz_check(!buf_add(&heard, chunk, (size_t)n));
	fuzz_check(called == pages);
	fuzz_check(!heard.len || !strncmp(heard.data, "HTTP/1.1 ", 9));
	fuzz_check((int)count_answers(&heard) >= answers);
	(void)close(fd);
	buf_done(&heard);
}
