/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The socket's server side: connections, lines, queues. Every peer is root (checked by SO_PEERCRED
 * besides the file modes), yet none can make us wait or grow: lines, queues and connections have a
 * maximum. What the operations mean is the handler's business.
 *
 * A connection's requests are handed over one after the other: the next one waits in the socket until
 * the line with "done" of the one before has been queued.
 */
#include "api/api.h"

#include <errno.h>
#include <json-c/json.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "util/buf.h"
#include "util/scope.h"

#define CONNS_MAX     512 /* unless the handler says fewer; well under the usual 1,024 descriptors */
#define QUEUE_MAX     (4u << 20)
#define EVENTS_A_TURN 32
#define CODE_VERSION  1 /* CNI spec: incompatible version */
#define CODE_DECODE   6 /* CNI spec: failed to decode content */
#define CODE_RETRY    11
#define CODE_REFUSED  100

struct api_conn {
	struct api_server *server;
	struct api_conn *next;
	int fd;
	uint32_t events; /* asked of epoll */
	bool busy;	 /* a request waits for its "done" */
	bool is_long;	 /* that request, or the one that is coming, is one of API_LONGS */
	bool eof;	 /* the peer sends no more; while it has not closed it still reads */
	bool dead;	 /* nothing more goes either way: close it */
	bool closing;	 /* close it once the queue is empty */
	int patience_ms; /* a child has it: how long it waits for the reader; 0: the server has */
	struct buf in, out;
	size_t line_len; /* of the request that waits, with its end: the beginning of `in` */
	size_t searched; /* so much of `in` holds no end of a line */
	size_t sent;	 /* bytes of `out` that are gone */
};

struct api_server {
	struct api_handler handler;
	int epoll_fd, listen_fd;
	bool listening; /* the listener is in epoll */
	size_t conns_n;
	struct api_conn *conns;
	struct sockaddr_un addr;
};

/* ---- sending ------------------------------------------------------------------------------ */

static size_t queued(const struct api_conn *c)
{
	return c->out.len - c->sent;
}

/* How long the first line is, with its end; 0: that has not come yet. */
static size_t first_line(struct api_conn *c)
{
	const char *end = NULL;

	if (c->in.len > c->searched)
		end = memchr(c->in.data + c->searched, '\n', c->in.len - c->searched);
	if (end)
		return (size_t)(end - c->in.data) + 1;
	c->searched = c->in.len;
	return 0;
}

/* A request that came together with the one before it. */
static bool has_line(struct api_conn *c)
{
	return !c->busy && !c->closing && first_line(c);
}

static void want(struct api_conn *c)
{
	struct epoll_event ev = { .data.ptr = c };

	if (c->patience_ms)
		return; /* the set is the server's */
	if (!c->eof && !c->busy && !c->closing)
		ev.events |= EPOLLIN;
	if (queued(c) || has_line(c)) /* room there is: so api_server_work() is called */
		ev.events |= EPOLLOUT;
	if (ev.events == c->events)
		return;
	c->events = ev.events;
	(void)epoll_ctl(c->server->epoll_fd, EPOLL_CTL_MOD, c->fd, &ev);
}

/* Leaves the closing to api_server_work(): the handler may hold the connection just now. The
 * shutdown makes epoll report it. */
static void kill_conn(struct api_conn *c)
{
	c->dead = true;
	(void)shutdown(c->fd, SHUT_RDWR);
}

static bool is_read(const struct api_conn *c)
{
	struct pollfd p = { .fd = c->fd, .events = POLLOUT };
	int r;

	do
		r = poll(&p, 1, c->patience_ms);
	while (r < 0 && errno == EINTR);
	return r > 0;
}

static int flush(struct api_conn *c)
{
	while (queued(c)) {
		const ssize_t n = send(c->fd, c->out.data + c->sent, queued(c), MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN && !c->patience_ms)
			break;
		if (n < 0 && errno == EAGAIN && is_read(c))
			continue;
		if (n < 0)
			return -EPIPE;
		c->sent += (size_t)n;
	}
	if (!queued(c) || c->sent > QUEUE_MAX / 4) {
		buf_drop(&c->out, c->sent);
		c->sent = 0;
	}
	return 0;
}

/* The request has its answer, or none is to come. */
static void settle(struct api_conn *c)
{
	c->busy = false;
	buf_drop(&c->in, c->closing ? c->in.len : c->line_len); /* then nothing of it is read */
	c->line_len = c->searched = 0;
	if (c->is_long || c->closing)
		buf_fit(&c->in);
	c->is_long = false;
}

static bool is_done(struct json_object *o)
{
	struct json_object *done;

	return json_object_object_get_ex(o, "done", &done) && json_object_get_boolean(done);
}

static int enqueue(struct api_conn *c, struct json_object *o)
{
	size_t len;
	const char *text = json_object_to_json_string_length(
		o, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, &len);

	if (!text)
		return -ENOMEM;
	if (queued(c) + len + 1 > QUEUE_MAX)
		return -EPIPE;
	if (buf_add(&c->out, text, len) < 0 || buf_add(&c->out, "\n", 1) < 0)
		return -ENOMEM;
	return flush(c);
}

int api_send(struct api_conn *c, struct json_object *take)
{
	int r;

	if (!take)
		return -ENOMEM;
	if (c->dead) {
		json_object_put(take);
		return -EPIPE;
	}
	r = enqueue(c, take);
	if (!r && is_done(take))
		settle(c);
	json_object_put(take);
	if (r < 0)
		kill_conn(c); /* half an answer would be a lie */
	else
		want(c);
	return r;
}

int api_send_error(struct api_conn *c, int code, const char *fmt, ...)
{
	struct json_object *o = json_object_new_object();
	char msg[512];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(msg, sizeof(msg), fmt, ap);
	va_end(ap);
	if (!o)
		return -ENOMEM;
	json_object_object_add(o, "v", json_object_new_int(API_VERSION));
	json_object_object_add(o, "done", json_object_new_boolean(1));
	json_object_object_add(o, "ok", json_object_new_boolean(0));
	json_object_object_add(o, "code", json_object_new_int(code));
	json_object_object_add(o, "msg", json_object_new_string(msg));
	return api_send(c, o);
}

/* ---- lending ------------------------------------------------------------------------------ */

int api_borrow(struct api_conn *c, int patience_ms)
{
	c->patience_ms = patience_ms;
	return c->fd;
}

bool api_is_answered(const struct api_conn *c)
{
	return !c->busy && !c->dead && !queued(c);
}

void api_lend(struct api_conn *c)
{
	buf_drop(&c->out, c->out.len);
	c->sent = 0;
	want(c);
}

void api_return(struct api_conn *c, bool answered)
{
	settle(c);
	if (answered)
		want(c);
	else
		kill_conn(c);
}

/* ---- receiving ---------------------------------------------------------------------------- */

__attribute__((format(printf, 3, 4))) static void refuse(struct api_conn *c, int code, const char *fmt, ...)
{
	char why[256];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	c->closing = true;
	(void)api_send_error(c, code, "%s", why);
}

static struct json_object *parse_line(const char *line, size_t len)
{
	struct json_tokener *t = json_tokener_new();
	struct json_object *o = NULL;

	if (!t)
		return NULL;
	json_tokener_set_flags(t, JSON_TOKENER_STRICT);
	o = json_tokener_parse_ex(t, line, (int)len);
	if (!o && json_tokener_get_error(t) == json_tokener_continue)
		o = json_tokener_parse_ex(t, "\n", 1); /* a bare word ends with the line */
	if (o && !json_object_is_type(o, json_type_object)) {
		json_object_put(o);
		o = NULL;
	}
	json_tokener_free(t);
	return o;
}

/* Of one that is long no more than what it has been let in for. */
static struct json_object *head_of(const struct api_conn *c)
{
	struct json_object *o = json_object_new_object();

	if (o) {
		json_object_object_add(o, "v", json_object_new_int(API_VERSION));
		json_object_object_add(o, "op", json_object_new_string(c->server->handler.long_op));
	}
	return o;
}

struct json_object *api_whole(const struct api_conn *c, struct json_object *request)
{
	return c->is_long ? parse_line(c->in.data, c->line_len - 1) : json_object_get(request);
}

/* The first line, which stays there until it is answered. */
static void request(struct api_conn *c)
{
	struct json_object *o = c->is_long ? head_of(c) : parse_line(c->in.data, c->line_len - 1), *v = NULL;
	const struct api_handler *h = &c->server->handler;

	c->busy = true;
	if (!o) {
		refuse(c, CODE_DECODE, "the request is not one JSON object in one line");
		return;
	}
	if (!json_object_object_get_ex(o, "v", &v) || json_object_get_int(v) != API_VERSION)
		(void)api_send_error(c, CODE_VERSION, "request has v %s, this agent speaks v %d",
				     v ? json_object_get_string(v) : "missing", API_VERSION);
	else
		h->on_request(h->ctx, c, o);
	json_object_put(o);
}

static size_t longs(const struct api_server *s)
{
	const struct api_conn *c;
	size_t n = 0;

	for (c = s->conns; c; c = c->next)
		n += c->is_long;
	return n;
}

/* Whether what has come of the first line may have more than others. */
static bool may_be_long(const struct api_conn *c)
{
	char head[64];
	const int len = snprintf(head, sizeof(head), "{\"v\":%d,\"op\":\"%s\",", API_VERSION,
				 c->server->handler.long_op ? c->server->handler.long_op : "");

	return c->server->handler.long_op && c->in.len >= (size_t)len &&
	       !memcmp(c->in.data, head, (size_t)len);
}

/* @len: of the first line as far as it has come, and of one byte more where its end has not. Return: whether
 * it has been refused. */
static bool too_long(struct api_conn *c, size_t len)
{
	const struct api_handler *h = &c->server->handler;
	const bool may = len > h->line_max && may_be_long(c);

	if (len <= h->line_max)
		return false;
	if (len > (may ? h->long_max : h->line_max))
		refuse(c, CODE_DECODE, "the request is longer than %zu bytes",
		       may ? h->long_max : h->line_max);
	else if (!c->is_long && longs(c->server) >= API_LONGS)
		refuse(c, CODE_RETRY,
		       "%d requests '%s' of more than %zu bytes are under way, and more at a time are not taken: try "
		       "again later",
		       API_LONGS, h->long_op, h->line_max);
	else
		c->is_long = true;
	return c->closing;
}

/* Hands over the lines that are complete, one at a time. */
static void take_lines(struct api_conn *c)
{
	while (!c->busy && !c->dead && !c->closing && c->in.len) {
		c->line_len = first_line(c);
		if (too_long(c, c->line_len ? c->line_len : c->in.len + 1) || !c->line_len)
			return;
		request(c);
	}
}

/* Return: whether something came. */
static bool receive(struct api_conn *c)
{
	char chunk[4096];
	const size_t max = c->is_long ? c->server->handler.long_max : c->server->handler.line_max;
	const size_t room = max > c->in.len ? max - c->in.len : 0;
	const ssize_t n = recv(c->fd, chunk, room < sizeof(chunk) ? room : sizeof(chunk), MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (n < 0 || (n > 0 && buf_add(&c->in, chunk, (size_t)n) < 0))
		kill_conn(c);
	if (!n)
		c->eof = true;
	return n > 0;
}

/* ---- connections -------------------------------------------------------------------------- */

static void listen_again(struct api_server *s, bool on)
{
	struct epoll_event ev = { .events = EPOLLIN }; /* data.ptr NULL: the listener */

	if (on == s->listening)
		return;
	if (!epoll_ctl(s->epoll_fd, on ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, s->listen_fd, &ev))
		s->listening = on;
}

static void close_conn(struct api_conn *c)
{
	struct api_server *s = c->server;
	struct api_conn **at = &s->conns;

	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
	s->conns_n--;
	s->handler.on_close(s->handler.ctx, c);
	(void)epoll_ctl(s->epoll_fd, EPOLL_CTL_DEL, c->fd, NULL); /* a child may have it, too */
	(void)close(c->fd);
	buf_done(&c->in);
	buf_done(&c->out);
	free(c);
	listen_again(s, true);
}

/* The file modes keep others out; a descriptor that was handed on does not pass here either. */
static bool is_ours(int fd)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	return !getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) && cred.uid == geteuid();
}

static void add_conn(struct api_server *s, int fd)
{
	struct epoll_event ev = { .events = EPOLLIN };
	struct api_conn *c = calloc(1, sizeof(*c));

	if (!c) {
		(void)close(fd);
		return;
	}
	*c = (struct api_conn){ .server = s,
				.fd = fd,
				.events = ev.events,
				.in = BUF_INIT(s->handler.long_max),
				.out = BUF_INIT(2 * QUEUE_MAX),
				.next = s->conns };
	ev.data.ptr = c;
	if (epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, fd, &ev)) {
		(void)close(fd);
		free(c);
		return;
	}
	s->conns = c;
	s->conns_n++;
	if (is_ours(fd))
		return;
	refuse(c, CODE_REFUSED, "only root may talk to the agent");
	close_conn(c);
}

static void accept_some(struct api_server *s)
{
	while (s->conns_n < s->handler.conns_max) {
		const int fd = accept4(s->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (fd >= 0)
			add_conn(s, fd);
		else if (errno == EAGAIN)
			return;
		else if (errno != EINTR && errno != ECONNABORTED)
			break; /* out of descriptors: wait until one is closed */
	}
	if (s->conns_n)
		listen_again(s, false);
}

/* A peer that has gone is still heard: what it asked before it closed is done, only not answered. */
static void serve(struct api_conn *c, uint32_t events)
{
	const bool gone = events & (EPOLLHUP | EPOLLERR);

	if (!c->busy && (events & (EPOLLIN | EPOLLHUP)))
		while (receive(c) && gone)
			;
	if (!c->dead && !gone && flush(c) < 0)
		c->dead = true;
	take_lines(c);
	if (gone || c->dead || ((c->closing || (c->eof && !c->busy)) && !queued(c)))
		close_conn(c);
	else
		want(c);
}

int api_server_fd(const struct api_server *s)
{
	return s->epoll_fd;
}

static bool is_live(const struct api_server *s, const struct api_conn *conn)
{
	const struct api_conn *c;

	for (c = s->conns; c; c = c->next)
		if (c == conn)
			return true;
	return false;
}

void api_server_work(struct api_server *s)
{
	struct epoll_event ev[EVENTS_A_TURN];
	const int n = epoll_wait(s->epoll_fd, ev, EVENTS_A_TURN, 0);
	int i;

	for (i = 0; i < n; i++) {
		if (!ev[i].data.ptr)
			accept_some(s);
		else if (is_live(s, ev[i].data.ptr))
			serve(ev[i].data.ptr, ev[i].events);
	}
}

/* ---- birth and death ---------------------------------------------------------------------- */

static int socket_path(const char *run_dir, struct sockaddr_un *ret, struct bh_err *err)
{
	const int n = snprintf(ret->sun_path, sizeof(ret->sun_path), "%s/%s", run_dir, API_SOCKET);

	ret->sun_family = AF_UNIX;
	if (n < 0 || (size_t)n >= sizeof(ret->sun_path))
		return bh_err_set(err, -ENAMETOOLONG, "'%s/%s' is too long for a socket (over %zu bytes)",
				  run_dir, API_SOCKET, sizeof(ret->sun_path) - 1);
	return 0;
}

int api_run_dir(const char *run_dir, struct bh_err *err)
{
	struct stat st;

	if (mkdir(run_dir, 0700) < 0 && errno != EEXIST)
		return bh_err_errno(err, -errno, "cannot make '%s'", run_dir);
	if (lstat(run_dir, &st) < 0 || !S_ISDIR(st.st_mode))
		return bh_err_set(err, -ENOTDIR, "'%s' is not a directory", run_dir);
	if (st.st_uid != geteuid() || (st.st_mode & 022))
		return bh_err_set(err, -EPERM, "'%s' belongs to others or others may write to it", run_dir);
	return 0;
}

/* Takes away the socket of a server that died; one that answers, and any other file, stays. */
static int clear_socket(const struct sockaddr_un *addr, struct bh_err *err)
{
	auto_fd int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct stat st;

	if (lstat(addr->sun_path, &st) < 0)
		return errno == ENOENT ? 0 : bh_err_errno(err, -errno, "cannot look at '%s'", addr->sun_path);
	if (!S_ISSOCK(st.st_mode))
		return bh_err_set(err, -EEXIST, "'%s' is there and no socket", addr->sun_path);
	if (fd < 0)
		return bh_err_errno(err, -errno, "cannot make a socket");
	if (!connect(fd, (const struct sockaddr *)addr, sizeof(*addr)) || errno != ECONNREFUSED)
		return bh_err_set(err, -EADDRINUSE, "somebody listens at '%s' already", addr->sun_path);
	if (unlink(addr->sun_path) < 0)
		return bh_err_errno(err, -errno, "cannot remove '%s'", addr->sun_path);
	return 0;
}

static int start_listening(struct api_server *s, struct bh_err *err)
{
	mode_t old;
	int r;

	s->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (s->listen_fd < 0)
		return bh_err_errno(err, -errno, "cannot make a socket");
	old = umask(0177); /* 0600 from the first moment */
	r = bind(s->listen_fd, (const struct sockaddr *)&s->addr, sizeof(s->addr));
	(void)umask(old);
	if (r < 0 || listen(s->listen_fd, 128) < 0)
		return bh_err_errno(err, -errno, "cannot listen at '%s'", s->addr.sun_path);
	s->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (s->epoll_fd < 0)
		return bh_err_errno(err, -errno, "cannot make an epoll descriptor");
	listen_again(s, true);
	return s->listening ? 0 : bh_err_errno(err, -errno, "cannot watch '%s'", s->addr.sun_path);
}

int api_server_new(const char *run_dir, const struct api_handler *handler, struct api_server **ret,
		   struct bh_err *err)
{
	struct api_server *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return bh_err_set(err, -ENOMEM, "no memory for the socket's server");
	s->handler = *handler;
	if (!s->handler.conns_max)
		s->handler.conns_max = CONNS_MAX;
	if (!s->handler.line_max)
		s->handler.line_max = API_LINE_MAX;
	if (!s->handler.long_max)
		s->handler.long_max = API_LONG_MAX;
	s->epoll_fd = s->listen_fd = -1;
	r = api_run_dir(run_dir, err);
	if (!r)
		r = socket_path(run_dir, &s->addr, err);
	if (!r)
		r = clear_socket(&s->addr, err);
	if (r < 0) {
		s->addr.sun_path[0] = '\0'; /* not ours to remove */
		api_server_free(s);
		return r;
	}
	r = start_listening(s, err);
	if (r < 0) {
		api_server_free(s);
		return r;
	}
	*ret = s;
	return 0;
}

void api_server_free(struct api_server *s)
{
	if (!s)
		return;
	while (s->conns)
		close_conn(s->conns);
	if (s->listen_fd >= 0) {
		(void)close(s->listen_fd);
		(void)unlink(s->addr.sun_path);
	}
	if (s->epoll_fd >= 0)
		(void)close(s->epoll_fd);
	free(s);
}
