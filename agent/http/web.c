/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The server: connections, their deadlines and their answers. One request at a time of each connection: the
 * next one waits in its buffer, and then in the socket, until the answer before it has gone.
 */
#include "http/web.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>

#include "util/clock.h"
#include "util/scope.h"

#define EVENTS_A_TURN  32
#define ACCEPTS_A_TURN 16
#define LINGER_MS      1000
#define SEND_BYTES     (256 << 10) /* of the kernel's memory, each connection's */

struct conn {
	struct web *web;
	struct conn *next;
	int fd;
	uint32_t events;  /* asked of epoll */
	int64_t until_ms; /* then it is closed */
	int64_t since_ms; /* it came, or its last answer went */
	bool idle;	  /* nothing of a request has come, and no answer goes */
	bool more;	  /* there may be a whole request in `in` */
	bool eof, dead;	  /* the client sends no more; nothing goes either way */
	bool closing;	  /* once the answer has gone */
	bool refused; /* and what still comes is thrown away: a close with unread bytes takes the answer back
		       */
	bool lingers;
	struct buf in, out;
	size_t sent; /* bytes of `out` that have gone */
};

struct web {
	struct web_options opt;
	struct web_route *routes;
	size_t routes_n;
	int epoll_fd, timer_fd, listen_fd; /* listen_fd -1: the port is another's */
	bool accepting;			   /* the listener is in epoll */
	int64_t bind_ms;		   /* when to try again */
	char trouble[256];		   /* told */
	struct conn *conns;
	struct web_stats stats;
};

/* ---- what is said ------------------------------------------------------------------------- */

static const char *status_text(int status)
{
	static const struct {
		int status;
		const char *text;
	} known[] = {
		{ 200, "OK" },
		{ 202, "Accepted" },
		{ 400, "Bad Request" },
		{ 403, "Forbidden" },
		{ 404, "Not Found" },
		{ 405, "Method Not Allowed" },
		{ 411, "Length Required" },
		{ 413, "Content Too Large" },
		{ 414, "URI Too Long" },
		{ 431, "Request Header Fields Too Large" },
		{ 500, "Internal Server Error" },
		{ 501, "Not Implemented" },
		{ 503, "Service Unavailable" },
		{ 505, "HTTP Version Not Supported" },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(known); i++)
		if (known[i].status == status)
			return known[i].text;
	return "Error";
}

static size_t queued(const struct conn *c)
{
	return c->out.len - c->sent;
}

static void kill_conn(struct conn *c)
{
	c->dead = true;
}

static void put_answer(struct conn *c, const struct web_answer *a, bool head)
{
	int r = buf_fmt(&c->out,
			"HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n%s%s"
			"Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n%s\r\n",
			a->status, status_text(a->status), a->type, a->body.len,
			a->status != 405       ? ""
			: c->web->opt.body_max ? "Allow: GET, HEAD, POST\r\n"
					       : "Allow: GET, HEAD\r\n",
			c->closing ? "Connection: close\r\n" : "", a->more);

	if (!r && !head && a->body.len)
		r = buf_add(&c->out, a->body.data, a->body.len);
	if (r < 0)
		kill_conn(c);
	c->web->stats.queued += queued(c);
	c->idle = false;
	c->until_ms = clock_ms() + WEB_ANSWER_MS;
}

static void put_error(struct conn *c, int status, bool head)
{
	struct web_answer a = {
		.status = status, .type = "text/plain; charset=utf-8", .more = "", .body = BUF_INIT(128)
	};

	c->web->stats.refused++;
	(void)buf_fmt(&a.body, "%d %s\n", status, status_text(status));
	put_answer(c, &a, head);
	buf_done(&a.body);
}

/* Behind what is not understood nothing is read any more. */
static void refuse(struct conn *c, int status)
{
	c->closing = c->refused = true;
	buf_clear(&c->in);
	put_error(c, status, false);
}

/* ---- one request -------------------------------------------------------------------------- */

static bool fits(const struct web_route *route, const char *path)
{
	const size_t len = strlen(route->path);

	if (len > 1 && route->path[len - 1] == '/')
		return !strncmp(route->path, path, len);
	return !strcmp(route->path, path);
}

static void call(struct conn *c, const struct web_route *route, const struct web_request *request)
{
	struct web_answer a = { .status = 200,
				.type = "text/plain; charset=utf-8",
				.more = "",
				.body = BUF_INIT(c->web->opt.answer_max) };

	route->fn(route->ctx, request, &a);
	c->web->stats.requests++;
	put_answer(c, &a, request->head);
	buf_done(&a.body);
}

static void answer(struct conn *c, const struct web_request *request)
{
	const struct web *w = c->web;
	size_t i;

	c->closing = request->close;
	if (w->stats.queued >= WEB_QUEUE_MAX) {
		c->closing = true;
		put_error(c, 503, request->head);
		return;
	}
	for (i = 0; i < w->routes_n; i++)
		if (fits(&w->routes[i], request->path)) {
			call(c, &w->routes[i], request);
			return;
		}
	put_error(c, 404, request->head);
}

/* At most one: until its answer has gone. */
static void take_request(struct conn *c)
{
	struct web_request request;
	int n;

	if (queued(c) || c->closing || c->dead || !c->in.len)
		return;
	c->more = false;
	n = web_parse(c->in.data, c->in.len, c->web->opt.body_max, &request);
	if (n < 0) {
		refuse(c, -n);
	} else if (n > 0) {
		answer(c, &request);
		buf_drop(&c->in, (size_t)n);
		c->more = c->in.len;
	} else if (c->idle) {
		c->idle = false;
		c->until_ms = clock_ms() + WEB_REQUEST_MS;
	}
}

/* ---- bytes -------------------------------------------------------------------------------- */

static void receive(struct conn *c)
{
	char chunk[4096];
	const size_t room = c->in.max - c->in.len;
	const ssize_t n = recv(c->fd, chunk, room < sizeof(chunk) ? room : sizeof(chunk), MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n < 0 || (n > 0 && buf_add(&c->in, chunk, (size_t)n) < 0))
		kill_conn(c);
	if (!n)
		c->eof = true;
}

static void flush(struct conn *c)
{
	const size_t before = queued(c);

	while (queued(c) && !c->dead) {
		const ssize_t n = send(c->fd, c->out.data + c->sent, queued(c), MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			break;
		if (n < 0)
			kill_conn(c);
		else
			c->sent += (size_t)n;
	}
	c->web->stats.queued -= before - queued(c);
	if (!before || queued(c))
		return;
	buf_done(&c->out); /* a large answer's memory is not kept for the next one */
	c->sent = 0;
	c->idle = true;
	c->since_ms = clock_ms();
	c->until_ms = c->since_ms + WEB_IDLE_MS;
}

/* ---- connections -------------------------------------------------------------------------- */

static void accept_again(struct web *w, bool on)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = &w->listen_fd };

	if (on == w->accepting || w->listen_fd < 0)
		return;
	if (!epoll_ctl(w->epoll_fd, on ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, w->listen_fd, &ev))
		w->accepting = on;
}

static void close_conn(struct conn *c)
{
	struct web *w = c->web;
	struct conn **at = &w->conns;

	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
	w->stats.conns--;
	w->stats.queued -= queued(c);
	(void)epoll_ctl(w->epoll_fd, EPOLL_CTL_DEL, c->fd,
			NULL); /* a child of the process may have it, too */
	(void)close(c->fd);
	buf_done(&c->in);
	buf_done(&c->out);
	free(c);
	accept_again(w, true);
}

static void want(struct conn *c)
{
	struct epoll_event ev = { .data.ptr = c };

	if (queued(c) || c->more)
		ev.events = EPOLLOUT;
	else if (!c->eof)
		ev.events = EPOLLIN;
	if (ev.events == c->events)
		return;
	c->events = ev.events;
	(void)epoll_ctl(c->web->epoll_fd, EPOLL_CTL_MOD, c->fd, &ev);
}

/* Return: whether it is over. */
static bool linger(struct conn *c)
{
	char chunk[4096];
	ssize_t n;

	if (!c->lingers) {
		c->lingers = true;
		c->until_ms = clock_ms() + LINGER_MS;
		(void)shutdown(c->fd, SHUT_WR);
	}
	n = recv(c->fd, chunk, sizeof(chunk), MSG_DONTWAIT);
	return !n || (n < 0 && errno != EAGAIN && errno != EINTR);
}

static bool is_over(struct conn *c)
{
	if (c->dead)
		return true;
	if (queued(c))
		return false;
	if (c->refused && !c->eof)
		return linger(c);
	return c->closing || (c->eof && !c->more);
}

/* One answer a turn: who sends many requests together does not keep all others waiting for them. */
static void serve(struct conn *c, uint32_t events)
{
	if (events & (EPOLLHUP | EPOLLERR))
		kill_conn(c);
	if (!queued(c) && !c->more && !c->dead && !c->lingers && (events & EPOLLIN))
		receive(c);
	flush(c);
	take_request(c);
	flush(c);
	if (is_over(c))
		close_conn(c);
	else
		want(c);
}

/* Who has sent no whole request for longest makes room; the newest are first in the list. NULL: nobody. */
static struct conn *silent_one(const struct web *w)
{
	struct conn *c, *ret = NULL;

	for (c = w->conns; c; c = c->next)
		if (!queued(c) && !c->more && (!ret || c->since_ms <= ret->since_ms))
			ret = c;
	return ret;
}

static void add_conn(struct web *w, int fd)
{
	struct epoll_event ev = { .events = EPOLLIN };
	struct conn *c = calloc(1, sizeof(*c));

	ev.data.ptr = c;
	if (!c || epoll_ctl(w->epoll_fd, EPOLL_CTL_ADD, fd, &ev)) {
		(void)close(fd);
		free(c);
		return;
	}
	*c = (struct conn){ .web = w,
			    .next = w->conns,
			    .fd = fd,
			    .events = ev.events,
			    .since_ms = clock_ms(),
			    .until_ms = clock_ms() + WEB_REQUEST_MS,
			    .idle = true,
			    .in = BUF_INIT(WEB_HEAD_MAX + w->opt.body_max),
			    .out = BUF_INIT(w->opt.answer_max + 1024) };
	w->conns = c;
	w->stats.conns++;
}

/* So few a turn that each is heard before it may have to make room. */
static void accept_some(struct web *w)
{
	int few;

	for (few = ACCEPTS_A_TURN; few; few--) {
		const bool full = w->stats.conns >= WEB_CONNS_MAX;
		struct conn *leaves = full ? silent_one(w) : NULL;
		const int fd = full && !leaves
				       ? -1
				       : accept4(w->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (full && !leaves)
			break;
		if (fd >= 0 && leaves)
			close_conn(leaves);
		if (fd >= 0)
			add_conn(w, fd);
		else if (errno == EAGAIN)
			return;
		else if (errno != EINTR && errno != ECONNABORTED)
			break; /* out of descriptors: wait until one is closed */
	}
	if (few && w->stats.conns)
		accept_again(w, false);
}

/* ---- the port ----------------------------------------------------------------------------- */

static void tell(struct web *w, const char *trouble)
{
	if (w->opt.told && (!trouble || strcmp(w->trouble, trouble)))
		w->opt.told(w->opt.ctx, trouble);
	(void)snprintf(w->trouble, sizeof(w->trouble), "%s", trouble ? trouble : "");
}

/* Without SO_REUSEPORT: of two agents one would get the questions that are meant for the other. */
static int bind_port(struct web *w)
{
	const struct sockaddr_storage *addr = &w->opt.addr;
	const socklen_t len =
		addr->ss_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
	const int on = 1, room = SEND_BYTES;
	auto_fd int fd = socket(addr->ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -errno;
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
	if (bind(fd, (const struct sockaddr *)addr, len) < 0 || listen(fd, WEB_CONNS_MAX) < 0)
		return -errno;
	w->listen_fd = TAKE_FD(fd);
	accept_again(w, true);
	return 0;
}

static void try_port(struct web *w)
{
	const int r = bind_port(w);
	struct bh_err err;
	char addr[WEB_ADDRESS_TEXT];

	if (!r) {
		tell(w, NULL);
		return;
	}
	(void)bh_err_errno(&err, r, "cannot listen at %s", web_address_text(&w->opt.addr, addr));
	tell(w, err.msg);
	w->bind_ms = clock_ms() + WEB_BIND_MS;
}

/* ---- time --------------------------------------------------------------------------------- */

static void close_late(struct web *w)
{
	const int64_t now = clock_ms();
	struct conn *c, *next;

	for (c = w->conns; c; c = next) {
		next = c->next;
		if (c->until_ms <= now)
			close_conn(c);
	}
	if (w->listen_fd < 0 && w->bind_ms <= now)
		try_port(w);
}

static void set_timer(struct web *w)
{
	struct itimerspec at = { 0 };
	int64_t due = w->listen_fd < 0 ? w->bind_ms : INT64_MAX;
	const struct conn *c;

	for (c = w->conns; c; c = c->next)
		if (c->until_ms < due)
			due = c->until_ms;
	if (due < INT64_MAX) {
		at.it_value.tv_sec = due / 1000;
		at.it_value.tv_nsec = due % 1000 * 1000000 + 1;
	}
	(void)timerfd_settime(w->timer_fd, TFD_TIMER_ABSTIME, &at, NULL);
}

/* ---- turns -------------------------------------------------------------------------------- */

int web_fd(const struct web *w)
{
	return w->epoll_fd;
}

bool web_listens(const struct web *w)
{
	return w->listen_fd >= 0;
}

int web_bound(const struct web *w, struct sockaddr_storage *ret)
{
	socklen_t len = sizeof(*ret);

	return getsockname(w->listen_fd, (struct sockaddr *)ret, &len) < 0 ? -errno : 0;
}

void web_stats(const struct web *w, struct web_stats *ret)
{
	*ret = w->stats;
}

static bool is_live(const struct web *w, const void *conn)
{
	const struct conn *c;

	for (c = w->conns; c; c = c->next)
		if (c == conn)
			return true;
	return false;
}

void web_work(struct web *w)
{
	struct epoll_event ev[EVENTS_A_TURN];
	const int n = epoll_wait(w->epoll_fd, ev, EVENTS_A_TURN, 0);
	bool knocks = false;
	int i;

	for (i = 0; i < n; i++) {
		if (ev[i].data.ptr == &w->listen_fd)
			knocks = true;
		else if (ev[i].data.ptr != &w->timer_fd && is_live(w, ev[i].data.ptr))
			serve(ev[i].data.ptr, ev[i].events);
	}
	close_late(w);
	if (knocks) /* last: a new connection must not be taken for one of the events' */
		accept_some(w);
	set_timer(w);
}

/* ---- birth and death ---------------------------------------------------------------------- */

static int open_fds(struct web *w, struct bh_err *err)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = &w->timer_fd };

	w->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (w->epoll_fd < 0)
		return bh_err_errno(err, -errno, "cannot make an epoll descriptor");
	w->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (w->timer_fd < 0 || epoll_ctl(w->epoll_fd, EPOLL_CTL_ADD, w->timer_fd, &ev) < 0)
		return bh_err_errno(err, -errno, "cannot make a timer");
	return 0;
}

int web_new(const struct web_options *opt, const struct web_route *routes, size_t n, struct web **ret,
	    struct bh_err *err)
{
	struct web *w = calloc(1, sizeof(*w));
	int r;

	if (!w)
		return bh_err_set(err, -ENOMEM, "no memory for the HTTP server");
	*w = (struct web){ .opt = *opt, .routes_n = n, .epoll_fd = -1, .timer_fd = -1, .listen_fd = -1 };
	if (!w->opt.answer_max)
		w->opt.answer_max = WEB_ANSWER_MAX;
	w->routes = calloc(n, sizeof(*routes));
	r = w->routes ? open_fds(w, err) : bh_err_set(err, -ENOMEM, "no memory for the HTTP server");
	if (r < 0) {
		web_free(w);
		return r;
	}
	memcpy(w->routes, routes, n * sizeof(*routes));
	try_port(w);
	set_timer(w);
	*ret = w;
	return 0;
}

void web_free(struct web *w)
{
	if (!w)
		return;
	while (w->conns)
		close_conn(w->conns);
	if (w->listen_fd >= 0)
		(void)close(w->listen_fd);
	if (w->timer_fd >= 0)
		(void)close(w->timer_fd);
	if (w->epoll_fd >= 0)
		(void)close(w->epoll_fd);
	free(w->routes);
	free(w);
}
