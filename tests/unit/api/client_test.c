/* SPDX-License-Identifier: Apache-2.0 */
/* The asking end of the socket against a scripted agent: a child that accepts once, reads a line, and
 * answers with bytes that the test chose. */
#include "api/api.h"

#include <errno.h>
#include <json-c/json.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "util/scope.h"

#define FOREVER_MS 30000 /* a test that needs so long has failed */

static char run_dir[64];
static pid_t agent;

static int make_run_dir(void **state)
{
	(void)state;
	(void)snprintf(run_dir, sizeof(run_dir), "/tmp/bh-client-%d", (int)getpid());
	return mkdir(run_dir, 0700);
}

static int drop_run_dir(void **state)
{
	char path[128];

	(void)state;
	if (agent > 0) {
		(void)kill(agent, SIGKILL);
		(void)waitpid(agent, NULL, 0);
	}
	agent = 0;
	(void)snprintf(path, sizeof(path), "%s/" API_SOCKET, run_dir);
	(void)unlink(path);
	return rmdir(run_dir);
}

static int listener(void)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)snprintf(at.sun_path, sizeof(at.sun_path), "%s/" API_SOCKET, run_dir);
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(fd, 1), 0);
	return fd;
}

static void put(int fd, const char *text, size_t len)
{
	while (len) {
		const ssize_t n = send(fd, text, len, MSG_NOSIGNAL);

		if (n <= 0)
			_exit(1);
		text += n;
		len -= (size_t)n;
	}
}

/* The child: one connection, one line read, @len bytes in pieces of @piece, then closed or held open. */
static void serve(int fd, const char *text, size_t len, size_t piece, bool hold)
{
	const int conn = accept(fd, NULL, NULL);
	char c = 0;

	while (c != '\n')
		if (recv(conn, &c, 1, 0) != 1)
			_exit(1);
	for (; len; text += piece, len -= piece) {
		piece = piece < len ? piece : len;
		put(conn, text, piece);
	}
	while (hold)
		(void)pause();
	_exit(0);
}

static void start(const char *text, size_t len, size_t piece, bool hold)
{
	const int fd = listener();

	agent = fork();
	assert_true(agent >= 0);
	if (!agent)
		serve(fd, text, len, piece, hold);
	(void)close(fd);
}

static int call(int timeout_ms, int (*each)(void *, struct json_object *), void *ctx,
		struct json_object **ret, struct bh_err *err)
{
	struct json_object *request = json_tokener_parse("{\"v\":1,\"op\":\"status\"}");
	const int r = api_call(run_dir, request, timeout_ms, each, ctx, ret, err);

	json_object_put(request);
	return r;
}

static int sum(void *ctx, struct json_object *item)
{
	*(int *)ctx += json_object_get_int(json_object_object_get(item, "n"));
	return 0;
}

static int stop(void *ctx, struct json_object *item)
{
	(void)item;
	++*(int *)ctx;
	return 17;
}

#define ITEMS "{\"v\":1,\"item\":{\"n\":3}}\n{\"v\":1,\"item\":{\"n\":4},\"later\":0}\n{\"v\":1,\"note\":1}\n"
#define LAST  "{\"v\":1,\"done\":true,\"ok\":true,\"x\":\"y\"}\n"

/* In one piece, byte by byte, and cut at every place in between. */
static void items_and_the_last_line(void **state)
{
	static const char text[] = ITEMS LAST "{\"v\":1,\"item\":{\"n\":100}}\n";
	static const size_t pieces[] = { 1, 2, 7, 23, 50, sizeof(text) };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(pieces); i++) {
		struct json_object *ret = NULL;
		struct bh_err err = { "" };
		int n = 0;

		start(text, sizeof(text) - 1, pieces[i], true);
		if (call(FOREVER_MS, sum, &n, &ret, &err))
			fail_msg("%s", err.msg);
		assert_int_equal(n, 7);
		assert_string_equal(json_object_get_string(json_object_object_get(ret, "x")), "y");
		json_object_put(ret);
		drop_run_dir(state);
		make_run_dir(state);
	}
}

static void refusal_is_an_answer(void **state)
{
	static const char text[] = "{\"v\":1,\"done\":true,\"ok\":false,\"code\":11,\"msg\":\"no\"}\n";
	struct json_object *ret = NULL;

	(void)state;
	start(text, sizeof(text) - 1, 4096, true);
	assert_int_equal(call(FOREVER_MS, NULL, NULL, &ret, NULL), 0);
	assert_int_equal(json_object_get_int(json_object_object_get(ret, "code")), 11);
	json_object_put(ret);
}

static void answer_not_wanted(void **state)
{
	(void)state;
	start(ITEMS LAST, strlen(ITEMS LAST), 4096, true);
	assert_int_equal(call(-1, NULL, NULL, NULL, NULL), 0);
}

static void each_ends_the_call(void **state)
{
	struct json_object *ret = NULL;
	int n = 0;

	(void)state;
	start(ITEMS LAST, strlen(ITEMS LAST), 4096, true);
	assert_int_equal(call(FOREVER_MS, stop, &n, &ret, NULL), 17);
	assert_int_equal(n, 1);
	assert_null(ret);
}

static void nobody_there(void **state)
{
	struct bh_err err;

	(void)state;
	assert_int_equal(call(FOREVER_MS, NULL, NULL, NULL, &err), -ENOENT);
	assert_non_null(strstr(err.msg, run_dir));
	assert_int_equal(close(listener()), 0);
	assert_int_equal(call(FOREVER_MS, NULL, NULL, NULL, &err), -ECONNREFUSED);
}

static void no_answer_of_ours(void **state)
{
	static const struct {
		const char *text;
		int want;
	} answers[] = {
		{ "", -ECONNRESET },   { "{\"done\":true", -ECONNRESET }, { ITEMS, -ECONNRESET },
		{ "[]\n", -EPROTO },   { "HTTP/1.1 400\r\n", -EPROTO },	  { "\n", -EPROTO },
		{ "null\n", -EPROTO },
	};
	struct bh_err err;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(answers); i++) {
		start(answers[i].text, strlen(answers[i].text), 4096, false);
		err.msg[0] = '\0';
		if (call(FOREVER_MS, NULL, NULL, NULL, &err) != answers[i].want)
			fail_msg("'%s': %s", answers[i].text, err.msg);
		assert_non_null(strstr(err.msg, API_SOCKET));
		drop_run_dir(state);
		make_run_dir(state);
	}
}

static void line_without_end(void **state)
{
	auto_free char *text = malloc(4 * API_LINE_MAX);
	struct bh_err err;

	(void)state;
	memset(text, 'x', 4 * API_LINE_MAX);
	start(text, 4 * API_LINE_MAX, 4 * API_LINE_MAX, true);
	assert_int_equal(call(FOREVER_MS, NULL, NULL, NULL, &err), -EPROTO);
	assert_non_null(strstr(err.msg, "no end"));
}

static void longest_line(void **state)
{
	auto_free char *text = calloc(1, API_LINE_MAX + 1);
	struct json_object *ret = NULL;
	const int head = snprintf(text, API_LINE_MAX, "{\"v\":1,\"done\":true,\"x\":\"");

	(void)state;
	memset(text + head, 'x', API_LINE_MAX - (size_t)head);
	strcpy(text + API_LINE_MAX - 3, "\"}\n");
	start(text, API_LINE_MAX, 5000, true);
	assert_int_equal(call(FOREVER_MS, NULL, NULL, &ret, NULL), 0);
	json_object_put(ret);
}

static struct json_object *long_request(void)
{
	auto_free char *text = malloc(API_LONG_MAX);

	memset(text, 'x', API_LONG_MAX);
	return json_object_new_string_len(text, API_LONG_MAX);
}

static void request_too_long(void **state)
{
	struct json_object *request = long_request();
	struct bh_err err;

	(void)state;
	start("", 0, 1, true);
	assert_int_equal(api_call(run_dir, request, FOREVER_MS, NULL, NULL, NULL, &err), -E2BIG);
	json_object_put(request);
}

/* An agent that has read enough says no and hangs up, while the request is still on its way. */
static void refused_before_it_was_sent(void **state)
{
	static const char answer[] = "{\"v\":1,\"done\":true,\"ok\":false,\"code\":6}\n";
	struct json_object *request = long_request(), *ret = NULL;
	const int fd = listener();
	int conn, one;
	char c;

	(void)state;
	json_object_set_string_len(request, json_object_get_string(request), API_LONG_MAX - 10);
	agent = fork();
	assert_true(agent >= 0);
	if (!agent) {
		conn = accept(fd, NULL, NULL);
		one = recv(conn, &c, 1, 0) == 1;
		put(conn, answer, sizeof(answer) - 1);
		_exit(!one);
	}
	(void)close(fd);
	assert_int_equal(api_call(run_dir, request, FOREVER_MS, NULL, NULL, &ret, NULL), 0);
	assert_int_equal(json_object_get_int(json_object_object_get(ret, "code")), 6);
	json_object_put(ret);
	json_object_put(request);
}

/* Accepts and says nothing (stopped in a debugger, or by SIGSTOP). */
static void silent_agent(void **state)
{
	struct json_object *request = json_tokener_parse("{\"v\":1,\"op\":\"perf\"}");
	struct bh_err err;

	(void)state;
	start("", 0, 1, true);
	assert_int_equal(call(50, NULL, NULL, NULL, &err), -ETIMEDOUT);
	assert_non_null(strstr(err.msg, "in time"));
	assert_int_equal(api_follow(run_dir, request, 50, FOREVER_MS, NULL, NULL, NULL, &err), -ETIMEDOUT);
	json_object_put(request);
}

/* It has begun, and stands still. */
static void agent_that_stops(void **state)
{
	static const char items[] = "{\"v\":1,\"item\":{\"n\":3}}\n{\"v\":1,\"item\":{\"n\":4}}\n";
	struct json_object *request = json_tokener_parse("{\"v\":1,\"op\":\"perf\"}");
	struct bh_err err;
	int total = 0;

	(void)state;
	start(items, sizeof(items) - 1, sizeof(items) - 1, true);
	assert_int_equal(api_follow(run_dir, request, FOREVER_MS, 500, sum, &total, NULL, &err), -ETIMEDOUT);
	assert_int_equal(total, 7);
	json_object_put(request);
}

static int take_a_while(void *ctx, struct json_object *item)
{
	(void)usleep(300000);
	return sum(ctx, item);
}

/* Each of its lines has its time. */
static void agent_that_goes_on(void **state)
{
	static const char lines[] =
		"{\"v\":1,\"item\":{\"n\":3}}\n{\"v\":1,\"item\":{\"n\":4}}\n{\"done\":true}\n";
	struct json_object *request = json_tokener_parse("{\"v\":1,\"op\":\"perf\"}");
	int total = 0;

	(void)state;
	start(lines, sizeof(lines) - 1, sizeof(lines) - 1, true);
	assert_int_equal(api_follow(run_dir, request, 500, 500, take_a_while, &total, NULL, NULL), 0);
	assert_int_equal(total, 7);
	json_object_put(request);
}

/* The queue of a listener that never accepts is full: connect says EAGAIN, and the deadline holds. */
static void full_queue(void **state)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int i, fds[8], fd = listener();

	(void)state;
	(void)snprintf(at.sun_path, sizeof(at.sun_path), "%s/" API_SOCKET, run_dir);
	for (i = 0; i < 8; i++) {
		fds[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		(void)connect(fds[i], (struct sockaddr *)&at, sizeof(at));
	}
	assert_int_equal(call(30, NULL, NULL, NULL, NULL), -ETIMEDOUT);
	for (i = 0; i < 8; i++)
		(void)close(fds[i]);
	(void)close(fd);
}

static void long_run_dir(void **state)
{
	struct bh_err err;
	char dir[200];

	(void)state;
	memset(dir, 'a', sizeof(dir) - 1);
	dir[sizeof(dir) - 1] = '\0';
	assert_int_equal(api_call(dir, NULL, 1, NULL, NULL, NULL, &err), -ENAMETOOLONG);
}

#define with_dir(f) cmocka_unit_test_setup_teardown(f, make_run_dir, drop_run_dir)

int main(void)
{
	const struct CMUnitTest tests[] = {
		with_dir(items_and_the_last_line),
		with_dir(refusal_is_an_answer),
		with_dir(answer_not_wanted),
		with_dir(each_ends_the_call),
		with_dir(nobody_there),
		with_dir(no_answer_of_ours),
		with_dir(line_without_end),
		with_dir(longest_line),
		with_dir(request_too_long),
		with_dir(refused_before_it_was_sent),
		with_dir(silent_agent),
		with_dir(agent_that_stops),
		with_dir(agent_that_goes_on),
		with_dir(full_queue),
		cmocka_unit_test(long_run_dir),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
