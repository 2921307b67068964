/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The asking end of the local socket: one request, the lines of its answer, one deadline over all.
 * Serves the plugin and the CLI.
 */
#include "api/api.h"

#include <errno.h>
#include <json-c/json.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

#include "util/buf.h"
#include "util/clock.h"
#include "util/scope.h"

#define RETRY_MS    10 /* the listener's queue is full: there is nothing to poll for */
#define CHUNK_BYTES 8192
#define PATH_SIZE   sizeof(((struct sockaddr_un *)0)->sun_path)

struct call {
	const char *path;
	int64_t deadline_ms; /* CLOCK_MONOTONIC; -1: none */
	int each_ms;	     /* a line of the answer sets it anew; -1: none does */
	int fd;
};

/* For poll(): what is left until the deadline, 0 when it has passed. */
static int left_ms(const struct call *c)
{
	int64_t left;

	if (c->deadline_ms < 0)
		return -1;
	left = c->deadline_ms - clock_ms();
	return left < 0 ? 0 : left > INT_MAX ? INT_MAX : (int)left;
}

static int timed_out(const struct call *c, struct bh_err *err)
{
	return bh_err_set(err, -ETIMEDOUT, "%s: no answer in time", c->path);
}

static int wait_for(const struct call *c, short events, struct bh_err *err)
{
	struct pollfd p = { .fd = c->fd, .events = events };
	int r;

	do
		r = poll(&p, 1, left_ms(c));
	while (r < 0 && errno == EINTR);
	if (r < 0)
		return bh_err_errno(err, -errno, "%s: cannot wait", c->path);
	return r ? 0 : timed_out(c, err);
}

static int refused(const struct call *c, int r, struct bh_err *err)
{
	if (r == -ENOENT)
		return bh_err_set(err, r, "%s: nobody answers: there is no such socket", c->path);
	if (r == -ECONNREFUSED)
		return bh_err_set(err, r, "%s: nobody answers: no agent listens there", c->path);
	return bh_err_errno(err, r, "%s: nobody answers", c->path);
}

/* A local connect is done or refused at once; EAGAIN means that the listener's queue is full. */
static int connect_to(const struct call *c, struct bh_err *err)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int left;

	(void)snprintf(to.sun_path, sizeof(to.sun_path), "%s", c->path);
	while (connect(c->fd, (struct sockaddr *)&to, sizeof(to)) < 0) {
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN)
			return refused(c, -errno, err);
		left = left_ms(c);
		if (!left)
			return timed_out(c, err);
		(void)poll(NULL, 0, left < 0 || left > RETRY_MS ? RETRY_MS : left);
	}
	return 0;
}

static int send_all(const struct call *c, const char *text, size_t len, struct bh_err *err)
{
	ssize_t n;
	int r = 0;

	while (len && !r) {
		n = send(c->fd, text, len, MSG_NOSIGNAL);
		if (n >= 0) {
			text += n;
			len -= (size_t)n;
		} else if (errno == EAGAIN) {
			r = wait_for(c, POLLOUT, err);
		} else if (errno != EINTR) {
			r = bh_err_set(err, -ECONNRESET, "%s: the agent hung up before the request was sent",
				       c->path);
		}
	}
	return r;
}

const char *api_text(struct json_object *request, size_t *ret_len)
{
	return json_object_to_json_string_length(
		request, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, ret_len);
}

static int send_request(const struct call *c, struct json_object *request, struct bh_err *err)
{
	auto_buf struct buf line = BUF_INIT(API_LONG_MAX);
	size_t len;
	const char *text = api_text(request, &len);
	int r = text ? buf_add(&line, text, len) : -ENOMEM;

	if (!r)
		r = buf_str(&line, "\n");
	if (r < 0)
		return bh_err_errno(err, r, "%s: the request", c->path);
	return send_all(c, line.data, line.len, err);
}

/* Fills @in until it holds a whole line. Return: that line's length without its end, or -errno. */
static ssize_t read_line(const struct call *c, struct buf *in, struct bh_err *err)
{
	const char *end;
	char chunk[CHUNK_BYTES];
	size_t seen = 0;
	ssize_t n;
	int r = 0;

	while (!r) {
		end = in->len ? memchr(in->data + seen, '\n', in->len - seen) : NULL;
		if (end)
			return end - in->data;
		seen = in->len;
		n = recv(c->fd, chunk, sizeof(chunk), 0);
		if (n > 0 && buf_add(in, chunk, (size_t)n) < 0)
			r = bh_err_set(err, -EPROTO, "%s: a line of the answer has no end", c->path);
		else if (n < 0 && errno == EAGAIN)
			r = wait_for(c, POLLIN, err);
		else if (!n || (n < 0 && errno != EINTR))
			r = bh_err_set(err, -ECONNRESET, "%s: the agent hung up without an answer", c->path);
	}
	return r;
}

static bool is_true(struct json_object *o, const char *name)
{
	struct json_object *v = NULL;

	return json_object_object_get_ex(o, name, &v) && json_object_is_type(v, json_type_boolean) &&
	       json_object_get_boolean(v);
}

struct answer {
	int (*each)(void *ctx, struct json_object *item);
	void *ctx;
	struct json_object *last;
};

/* One line; the last one is kept in a->last. Return: 0, what each() returned, or -EPROTO. */
static int take_line(const struct call *c, struct answer *a, struct json_object *line, struct bh_err *err)
{
	struct json_object *item = NULL;

	if (!json_object_is_type(line, json_type_object))
		return bh_err_set(err, -EPROTO, "%s: the answer is no JSON object", c->path);
	if (is_true(line, "done")) {
		a->last = json_object_get(line);
		return 0;
	}
	if (!a->each || !json_object_object_get_ex(line, "item", &item))
		return 0;
	return a->each(a->ctx, item);
}

static int read_answer(struct call *c, struct answer *a, struct bh_err *err)
{
	auto_buf struct buf in = BUF_INIT(API_LINE_MAX + CHUNK_BYTES);
	struct json_object *line;
	ssize_t n;
	int r = 0;

	while (!r && !a->last) {
		n = left_ms(c) ? read_line(c, &in, err) : timed_out(c, err);
		if (n < 0)
			return (int)n;
		in.data[n] = '\0';
		line = json_tokener_parse(in.data);
		r = take_line(c, a, line, err);
		json_object_put(line);
		buf_drop(&in, (size_t)n + 1);
		if (c->each_ms >= 0)
			c->deadline_ms = clock_ms() + c->each_ms;
	}
	return r;
}

/* Fills @c with a connection. */
static int connect_by(const char *run_dir, int timeout_ms, struct call *c, char *path, size_t size,
		      struct bh_err *err)
{
	auto_fd int fd = -1;
	int r;

	*c = (struct call){ .path = path, .each_ms = -1, .fd = -1 };
	if (snprintf(path, size, "%s/" API_SOCKET, run_dir) >= (int)size)
		return bh_err_set(err, -ENAMETOOLONG, "run directory '%.64s...': name too long", run_dir);
	c->deadline_ms = timeout_ms < 0 ? -1 : clock_ms() + timeout_ms;
	c->fd = fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return bh_err_errno(err, -errno, "cannot make a socket");
	r = connect_to(c, err);
	if (!r)
		(void)TAKE_FD(fd);
	return r;
}

int api_connect(const char *run_dir, int timeout_ms, struct bh_err *err)
{
	char path[PATH_SIZE];
	struct call c;
	const int r = connect_by(run_dir, timeout_ms, &c, path, sizeof(path), err);

	return r < 0 ? r : c.fd;
}

static int ask(const char *run_dir, struct json_object *request, int timeout_ms, int each_ms,
	       int (*each)(void *ctx, struct json_object *item), void *ctx, struct json_object **ret,
	       struct bh_err *err)
{
	struct answer a = { .each = each, .ctx = ctx };
	char path[PATH_SIZE];
	auto_fd int fd = -1;
	struct bh_err other;
	struct call c;
	int r = connect_by(run_dir, timeout_ms, &c, path, sizeof(path), err);

	if (r < 0)
		return r;
	fd = c.fd;
	c.each_ms = each_ms;
	r = send_request(&c, request, err);
	if (!r)
		r = read_answer(&c, &a, err);
	else if (r == -ECONNRESET && !read_answer(&c, &a, &other))
		r = 0; /* it has heard enough to refuse it */
	if (!r && ret)
		*ret = a.last;
	else
		json_object_put(a.last);
	return r;
}

int api_call(const char *run_dir, struct json_object *request, int timeout_ms,
	     int (*each)(void *ctx, struct json_object *item), void *ctx, struct json_object **ret,
	     struct bh_err *err)
{
	return ask(run_dir, request, timeout_ms, -1, each, ctx, ret, err);
}

int api_follow(const char *run_dir, struct json_object *request, int first_ms, int silent_ms,
	       int (*each)(void *ctx, struct json_object *item), void *ctx, struct json_object **ret,
	       struct bh_err *err)
{
	return ask(run_dir, request, first_ms, silent_ms, each, ctx, ret, err);
}
