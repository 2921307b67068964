/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bulkheadctl request: the far end of remote.c. One request from stdin to the agent's socket, and the lines
 * of its answer to stdout. Who asked has gone when stdin ends: so nothing stays behind in the agent's pod.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "api/api.h"
#include "ctl/ctl.h"
#include "util/buf.h"
#include "util/clock.h"
#include "util/scope.h"

#define CONNECT_MS 5000
#define GONE_MS	   1000 /* for the answer to a request that came by a pipe */

struct relay {
	int agent;
	int in;		    /* -1: it has ended */
	int64_t due_ms;	    /* then */
	struct buf request; /* not sent yet */
	struct buf line;    /* of the answer, until its end */
	bool over;
};

static int write_all(const char *text, size_t len)
{
	while (len) {
		const ssize_t n = write(STDOUT_FILENO, text, len);

		if (n < 0 && errno != EINTR)
			return -errno;
		text += n < 0 ? 0 : n;
		len -= n < 0 ? 0 : (size_t)n;
	}
	return 0;
}

static void say(struct json_object *take)
{
	const char *text = json_object_to_json_string_ext(take, JSON_C_TO_STRING_PLAIN);

	(void)write_all(text, strlen(text));
	(void)write_all("\n", 1);
	json_object_put(take);
}

/* As the agent would refuse: who asks reads lines alone. */
static int refuse(const char *why)
{
	struct json_object *o = json_object_new_object();

	(void)json_object_object_add(o, "v", json_object_new_int(API_VERSION));
	(void)json_object_object_add(o, "done", json_object_new_boolean(true));
	(void)json_object_object_add(o, "ok", json_object_new_boolean(false));
	(void)json_object_object_add(o, "code", json_object_new_int(CTL_CODE_RETRY));
	(void)json_object_object_add(o, "msg", json_object_new_string(why));
	say(o);
	return CTL_UNREACHABLE;
}

/* That the agent has been reached: what is followed may be silent for long. */
static void greet(void)
{
	struct json_object *o = json_object_new_object();

	(void)json_object_object_add(o, "v", json_object_new_int(API_VERSION));
	(void)json_object_object_add(o, "connected", json_object_new_boolean(true));
	say(o);
}

static void on_input(struct relay *r)
{
	char chunk[4096];
	const ssize_t n = read(STDIN_FILENO, chunk, sizeof(chunk));

	if (n > 0 && buf_add(&r->request, chunk, (size_t)n) < 0) {
		(void)refuse("the request is longer than the agent would take, or there is no memory");
		r->over = true;
	}
	if (n > 0 || (n < 0 && (errno == EINTR || errno == EAGAIN)))
		return;
	r->in = -1;
	r->due_ms = clock_ms() + GONE_MS;
}

static void on_writable(struct relay *r)
{
	const ssize_t n = send(r->agent, r->request.data, r->request.len, MSG_NOSIGNAL);

	if (n > 0)
		buf_drop(&r->request, (size_t)n);
	else if (n < 0 && errno != EAGAIN && errno != EINTR)
		buf_clear(&r->request); /* it hears no more; what it has said of that is to be read */
}

static bool is_last(const char *line)
{
	struct json_object *o = json_tokener_parse(line);
	const bool done = ctl_bool(o, "done");

	json_object_put(o);
	return done;
}

/* Only the last line is looked into: items have none of it at their beginning. */
static void pass_lines(struct relay *r)
{
	size_t begin = 0;
	char *end;

	while (!r->over && (end = memchr(r->line.data + begin, '\n', r->line.len - begin))) {
		*end = '\0';
		if (!strstr(r->line.data + begin, "\"item\":") && is_last(r->line.data + begin))
			r->over = true;
		*end = '\n';
		begin = (size_t)(end - r->line.data) + 1;
	}
	if (write_all(r->line.data, begin) < 0)
		r->over = true;
	buf_drop(&r->line, begin);
}

static void on_answer(struct relay *r)
{
	char chunk[65536];
	const ssize_t n = recv(r->agent, chunk, sizeof(chunk), 0);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0 || buf_add(&r->line, chunk, (size_t)n) < 0)
		r->over = true;
	else
		pass_lines(r);
}

static void relay(struct relay *r)
{
	while (!r->over) {
		struct pollfd fds[2] = {
			{ .fd = r->in, .events = POLLIN },
			{ .fd = r->agent, .events = r->request.len ? POLLIN | POLLOUT : POLLIN },
		};
		const int64_t left = r->due_ms - clock_ms();

		if (r->in < 0 && left <= 0)
			return;
		if (poll(fds, 2, r->in < 0 ? (int)left : -1) < 0)
			continue;
		if (fds[0].revents)
			on_input(r);
		if (fds[1].revents & POLLOUT)
			on_writable(r);
		if (fds[1].revents & (POLLIN | POLLHUP | POLLERR))
			on_answer(r);
	}
}

static int run(const struct ctl *c, char **args)
{
	struct relay r = { .in = STDIN_FILENO,
			   .request = BUF_INIT(API_LONG_MAX),
			   .line = BUF_INIT(2 * API_LINE_MAX) };
	struct bh_err err;

	(void)args;
	r.agent = api_connect(c->run_dir ? c->run_dir : API_RUN_DIR, CONNECT_MS, &err);
	if (r.agent < 0)
		return refuse(err.msg);
	greet();
	relay(&r);
	buf_done(&r.request);
	buf_done(&r.line);
	(void)close(r.agent);
	return CTL_OK;
}

const struct command command_request = {
	.name = "request",
	.args = "",
	.summary = "passes a line of JSON from stdin to the agent of this node, and its answer back",
	.hidden = true,
	.run = run,
};
