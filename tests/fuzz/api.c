// SPDX-License-Identifier: Apache-2.0
/*
 * What somebody writes to the agent's socket: through a real socket and the real server, whose answers are
 * lines, one with "done" for each request. The requests' endpoint is read as the agent does for `add`.
 */
#include "fuzz.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "api/api.h"
#include "util/buf.h"

#define SHORT	  512 /* so short that inputs can be longer: tests/fuzz/run */
#define LONG	  768
#define LONG_HEAD "{\"v\":1,\"op\":\"simulate\","

static struct api_server *server;
static char dir[] = "/tmp/bh-fuzz-XXXXXX";
static const char *line, *end; /* what was written and is not answered yet */
static int requests, closed;

/* Of one that is long its beginning is enough to be handed over: whether it is an object comes later. */
static bool is_long(size_t len)
{
	return len > SHORT && len <= LONG && !memcmp(line, LONG_HEAD, sizeof(LONG_HEAD) - 1);
}

/* The next request with our version; what has another is answered, not handed over. NULL: a line that is
 * none or too long, behind which nothing is heard any more, or no line. *@ret_long: it is handed over though
 * it may be none. */
static struct json_object *next_request(bool *ret_long)
{
	struct json_object *o = NULL, *v;
	const char *eol;

	*ret_long = false;
	while (line < end && !o && !*ret_long) {
		struct json_tokener *t = json_tokener_new();

		eol = memchr(line, '\n', (size_t)(end - line));
		if (!eol)
			eol = end;
		*ret_long = eol < end && is_long((size_t)(eol - line) + 1);
		if (!*ret_long && eol - line >= SHORT)
			eol = end;
		json_tokener_set_flags(t, JSON_TOKENER_STRICT);
		o = eol < end ? json_tokener_parse_ex(t, line, (int)(eol - line)) : NULL;
		json_tokener_free(t);
		line = eol + 1;
		if (!json_object_is_type(o, json_type_object)) {
			json_object_put(o);
			o = NULL;
			line = *ret_long ? line : end;
		} else if (!*ret_long && (!json_object_object_get_ex(o, "v", &v) ||
					  json_object_get_int(v) != API_VERSION)) {
			json_object_put(o);
			o = NULL;
		}
	}
	return o;
}

static void check_endpoint(struct json_object *o)
{
	struct api_endpoint a = {}, b = {};
	struct bh_err err = {};
	struct json_object *text, *more;

	if (api_endpoint_decode(o, &a, &err)) {
		fuzz_check(err.msg[0]);
		return;
	}
	text = api_endpoint_encode(&a);
	fuzz_check(text && !api_endpoint_decode(text, &b, &err));
	more = api_endpoint_encode(&b);
	fuzz_check(json_object_equal(text, more));
	json_object_put(text);
	json_object_put(more);
	endpoint_free(a.e);
	endpoint_free(b.e);
}

static void on_request(void *ctx, struct api_conn *c, struct json_object *request)
{
	struct json_object *answer = json_object_new_object(), *e, *whole = api_whole(c, request);
	bool is_long;
	struct json_object *want = next_request(&is_long);

	(void)ctx;
	requests++;
	fuzz_check((want || is_long) &&
		   !strcmp(json_object_to_json_string(want), json_object_to_json_string(whole)));
	json_object_put(want);
	if (json_object_object_get_ex(whole, "endpoint", &e))
		check_endpoint(e);
	json_object_object_add(answer, "done", json_object_new_boolean(1));
	(void)api_send(c, answer);
	json_object_put(whole);
}

static void on_close(void *ctx, struct api_conn *c)
{
	(void)ctx;
	(void)c;
	closed++;
}

static void stop(void)
{
	api_server_free(server);
	(void)rmdir(dir);
}

static void begin(void)
{
	const struct api_handler h = { .on_request = on_request,
				       .on_close = on_close,
				       .long_op = "simulate",
				       .line_max = SHORT,
				       .long_max = LONG };
	struct bh_err err;

	fuzz_check(mkdtemp(dir) && !api_server_new(dir, &h, &server, &err));
	(void)atexit(stop);
}

static int dial(void)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	(void)snprintf(a.sun_path, sizeof(a.sun_path), "%s/%s", dir, API_SOCKET);
	fuzz_check(fd >= 0 && !connect(fd, (struct sockaddr *)&a, sizeof(a)));
	return fd;
}

/* Whatever comes back now. Return: whether the server still talks. */
static int hear(int fd, struct buf *ret)
{
	char chunk[4096];
	ssize_t n;

	while ((n = recv(fd, chunk, sizeof(chunk), 0)) > 0)
		fuzz_check(!buf_add(ret, chunk, (size_t)n));
	return n < 0 && errno == EAGAIN;
}

static void check_answers(const struct buf *b)
{
	const char *p = b->len ? b->data : "", *stop = p + b->len, *eol;
	int lines = 0;

	for (; p < stop; p = eol + 1, lines++) {
		struct json_tokener *t = json_tokener_new();
		struct json_object *o, *done;

		eol = memchr(p, '\n', (size_t)(stop - p));
		fuzz_check(eol);
		o = json_tokener_parse_ex(t, p, (int)(eol - p));
		fuzz_check(json_object_object_get_ex(o, "done", &done));
		json_object_put(o);
		json_tokener_free(t);
	}
	fuzz_check(lines >= requests);
}

void fuzz_one(const uint8_t *data, size_t len)
{
	struct buf heard = BUF_INIT(8u << 20);
	size_t at = 0;
	bool is_long;
	int fd, i;

	if (!server)
		begin();
	requests = closed = 0;
	line = (const char *)data;
	end = line + len;
	fd = dial();
	while (at < len) {
		const ssize_t n = send(fd, data + at, len - at, MSG_NOSIGNAL);

		if (n < 0 && errno != EAGAIN)
			break;
		at += n > 0 ? (size_t)n : 0;
		api_server_work(server);
		if (!hear(fd, &heard))
			break;
	}
	(void)shutdown(fd, SHUT_WR);
	for (i = 0; !closed; i++) {
		fuzz_check(i < 100000); /* it goes on for ever */
		api_server_work(server);
		(void)hear(fd, &heard);
	}
	(void)hear(fd, &heard);
	check_answers(&heard);
	fuzz_check(!next_request(&is_long) && !is_long);
	(void)close(fd);
	buf_done(&heard);
}
