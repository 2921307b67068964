/* SPDX-License-Identifier: Apache-2.0 */
/* The server over real sockets: its order, its limits, clients that are slow or wrong, a port that is taken.
 */
#include "http/web.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "../copies.h"
#include "util/scope.h"

#define BIG (3u << 20)

struct seen {
	struct web *web;
	struct web_options opt;
	struct web_route routes[3];
	char trouble[128];
	int told;
};

static uint64_t later_ms; /* ahead of the kernel's clocks */

int clock_gettime(clockid_t id, struct timespec *ts)
{
	const int r = (int)syscall(SYS_clock_gettime, id, ts);

	ts->tv_sec += (time_t)(later_ms / 1000);
	ts->tv_nsec += (long)(later_ms % 1000) * 1000000;
	if (ts->tv_nsec >= 1000000000) {
		ts->tv_nsec -= 1000000000;
		ts->tv_sec++;
	}
	return r;
}

static void on_hello(void *ctx, const struct web_request *request, struct web_answer *ret)
{
	(void)ctx;
	(void)buf_fmt(&ret->body, "%s?%s\n", request->path, request->query);
}

static void on_big(void *ctx, const struct web_request *request, struct web_answer *ret)
{
	char line[1024];
	size_t i;

	(void)ctx;
	(void)request;
	memset(line, 'x', sizeof(line));
	for (i = 0; i < BIG / sizeof(line); i++)
		(void)buf_add(&ret->body, line, sizeof(line));
}

static void on_told(void *ctx, const char *trouble)
{
	struct seen *s = ctx;

	s->told++;
	(void)snprintf(s->trouble, sizeof(s->trouble), "%s", trouble ? trouble : "");
}

/* A port that is free now. */
static uint16_t free_port(int *ret_fd)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);

	*ret_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(*ret_fd, (struct sockaddr *)&a, len), 0);
	assert_int_equal(listen(*ret_fd, 1), 0);
	assert_int_equal(getsockname(*ret_fd, (struct sockaddr *)&a, &len), 0);
	return ntohs(a.sin_port);
}

static int setup(void **state)
{
	struct seen *s = calloc(1, sizeof(*s));
	char text[32];
	struct bh_err err;
	int held;

	later_ms = 0;
	s->routes[0] = (struct web_route){ .path = "/hello", .fn = on_hello };
	s->routes[1] = (struct web_route){ .path = "/below/", .fn = on_hello };
	s->routes[2] = (struct web_route){ .path = "/big", .fn = on_big };
	(void)snprintf(text, sizeof(text), "127.0.0.1:%u", free_port(&held));
	(void)close(held);
	s->opt = (struct web_options){ .told = on_told, .ctx = s };
	if (web_address(text, &s->opt.addr, &err) < 0 || web_new(&s->opt, s->routes, 3, &s->web, &err) < 0)
		return -1;
	*state = s;
	return web_listens(s->web) ? 0 : -1;
}

static int teardown(void **state)
{
	struct seen *s = *state;

	web_free(s->web);
	free(s);
	return 0;
}

static int dial(const struct seen *s)
{
	const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), room = 65536;

	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room)); /* or it takes megabytes unread */
	assert_int_equal(connect(fd, (const struct sockaddr *)&s->opt.addr, sizeof(struct sockaddr_in)), 0);
	return fd;
}

static void turn(struct seen *s)
{
	struct pollfd p = { .fd = web_fd(s->web), .events = POLLIN };

	if (poll(&p, 1, 20) > 0)
		web_work(s->web);
}

static void say(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

/* All that comes, until @end stands at its end (NULL: until the server closes). */
static char *hear(struct seen *s, int fd, const char *end)
{
	struct buf b = BUF_INIT(8u << 20);
	char chunk[65536];
	int quiet = 0;

	while (quiet < 50) {
		const ssize_t n = recv(fd, chunk, sizeof(chunk), MSG_DONTWAIT);

		if (!n)
			break;
		if (n < 0)
			assert_int_equal(errno, EAGAIN);
		else
			assert_int_equal(buf_add(&b, chunk, (size_t)n), 0);
		quiet = n > 0 ? 0 : quiet + 1;
		if (end && b.len >= strlen(end) && !strcmp(b.data + b.len - strlen(end), end))
			break;
		if (n <= 0)
			turn(s);
	}
	if (quiet == 50)
		fail_msg("no end after %zu bytes: %.200s", b.len, b.len ? b.data : "");
	return b.data ? b.data : strdup("");
}

static void assert_says(struct seen *s, const char *request, const char *status, bool closes)
{
	auto_fd int fd = dial(s);
	auto_free char *text = NULL;

	say(fd, request);
	text = hear(s, fd, closes ? NULL : "\n");
	if (strncmp(text + 9, status, strlen(status)))
		fail_msg("%s: %s", request, text);
	assert_int_equal(closes, strstr(text, "Connection: close") != NULL);
}

#define R(path) "GET " path " HTTP/1.1\r\nHost: n\r\n\r\n"

static void test_answers(void **state)
{
	struct seen *s = *state;
	struct web_stats stats;

	assert_says(s, R("/hello?a=b"), "200 OK", false);
	assert_says(s, R("/below/there"), "200 OK", false);
	assert_says(s, R("/below"), "404 Not Found", false);
	assert_says(s, R("/hello/x"), "404 Not Found", false);
	assert_says(s, "GET /hello HTTP/1.0\r\n\r\n", "200 OK", true);
	assert_says(s, "POST /hello HTTP/1.1\r\nHost: n\r\n\r\n", "405 Method Not Allowed", true);
	assert_says(s, "nonsense\r\n\r\n", "400 Bad Request", true);
	web_stats(s->web, &stats);
	assert_int_equal(stats.requests, 3);
	assert_int_equal(stats.refused, 4);
	assert_int_equal(stats.queued, 0);
}

static void test_head(void **state)
{
	struct seen *s = *state;
	auto_fd int fd = dial(s);
	auto_free char *text = NULL;

	say(fd, "HEAD /hello HTTP/1.1\r\nHost: n\r\n\r\n");
	text = hear(s, fd, "\r\n\r\n");
	assert_non_null(strstr(text, "Content-Length: 8\r\n"));
	assert_null(strstr(text, "/hello?"));
}

/* An answer that is larger than there is room for; a body, where there is some. */
static void test_own_limits(void **state)
{
	struct web_options small = { .answer_max = 1 << 20, .body_max = 8 };
	auto_free char *text = NULL;
	struct seen *s = *state;
	auto_fd int fd = -1;
	struct bh_err err;

	small.addr = s->opt.addr;
	web_free(s->web);
	assert_int_equal(web_new(&small, s->routes, 3, &s->web, &err), 0);
	assert_says(s, "POST /hello HTTP/1.1\r\nHost: n\r\nContent-Length: 3\r\n\r\nabc", "200 OK", false);
	assert_says(s, "POST /hello HTTP/1.1\r\nHost: n\r\nContent-Length: 9\r\n\r\n",
		    "413 Content Too Large", true);
	fd = dial(s);
	say(fd, "GET /big HTTP/1.1\r\nHost: n\r\nConnection: close\r\n\r\n");
	text = hear(s, fd, NULL);
	assert_non_null(strstr(text, "Content-Length: 1048576\r\n")); /* of a page that minds no refusal */
}

static void test_405_names_methods(void **state)
{
	struct seen *s = *state;
	auto_fd int fd = dial(s);
	auto_free char *text = NULL;

	say(fd, "DELETE / HTTP/1.1\r\nHost: n\r\n\r\n");
	text = hear(s, fd, NULL);
	assert_non_null(strstr(text, "Allow: GET, HEAD\r\n"));
}

/* Byte for byte, and three at once: each answered, in order. */
static void test_pieces(void **state)
{
	struct seen *s = *state;
	auto_fd int fd = dial(s);
	auto_free char *text = NULL, *more = NULL;
	const char *request = R("/hello?1"), *a, *b;
	size_t i;

	for (i = 0; request[i]; i++) {
		assert_int_equal(send(fd, request + i, 1, MSG_NOSIGNAL), 1);
		turn(s);
	}
	text = hear(s, fd, "/hello?1\n");
	say(fd, R("/hello?2") R("/hello?3") R("/hello?4"));
	more = hear(s, fd, "/hello?4\n");
	a = strstr(more, "/hello?2\n");
	b = strstr(more, "/hello?3\n");
	assert_true(a && b && a < b);
}

/* Whoever sends many at once has one answer in a turn of the loop, and all in the end. */
static void test_one_in_a_turn(void **state)
{
	struct seen *s = *state;
	auto_fd int fd = dial(s);
	auto_free char *text = NULL;
	struct web_stats stats;
	uint64_t before = 0;
	int i;

	say(fd, R("/hello") R("/hello") R("/hello") R("/hello") R("/hello?5"));
	(void)shutdown(fd, SHUT_WR);
	for (i = 0; i < 20; i++) {
		turn(s);
		web_stats(s->web, &stats);
		assert_in_range(stats.requests, before, before + 1);
		before = stats.requests;
	}
	assert_int_equal(stats.requests, 5);
	text = hear(s, fd, NULL);
	assert_non_null(strstr(text, "/hello?5\n"));
}

/* Requests behind one that is refused are not answered. */
static void test_nothing_behind_a_refusal(void **state)
{
	struct seen *s = *state;
	auto_fd int fd = dial(s);
	auto_free char *text = NULL;

	say(fd, "PUT / HTTP/1.1\r\nHost: n\r\n\r\n" R("/hello"));
	text = hear(s, fd, NULL);
	assert_null(strstr(text, "200 OK"));
}

static void test_oversize(void **state)
{
	struct seen *s = *state;
	auto_fd int fd = dial(s);
	auto_free char *text = NULL;
	char line[1024];
	int i;

	memset(line, 'a', sizeof(line));
	say(fd, "GET / HTTP/1.1\r\nA: ");
	for (i = 0; i < 16; i++)
		assert_int_equal(send(fd, line, sizeof(line), MSG_NOSIGNAL), sizeof(line));
	text = hear(s, fd, NULL);
	assert_int_equal(strncmp(text, "HTTP/1.1 431 ", 13), 0);
}

/* One that takes no answer holds up nobody, and has its time. */
static void test_slow_reader(void **state)
{
	struct seen *s = *state;
	auto_fd int slow = dial(s);
	struct web_stats stats;
	int i;

	say(slow, R("/big") R("/big") R("/big"));
	for (i = 0; i < 5; i++)
		turn(s);
	web_stats(s->web, &stats);
	assert_in_range(stats.queued, 1, BIG + 1024); /* the next one waits */
	assert_int_equal(stats.requests, 1);
	assert_says(s, R("/hello"), "200 OK", false);
	later_ms += WEB_ANSWER_MS + 1;
	web_work(s->web);
	web_stats(s->web, &stats);
	assert_int_equal(stats.conns, 0);
	assert_int_equal(stats.queued, 0);
}

static void test_big_arrives(void **state)
{
	struct seen *s = *state;
	auto_fd int fd = dial(s);
	auto_free char *text = NULL;

	say(fd, "GET /big HTTP/1.1\r\nHost: n\r\nConnection: close\r\n\r\n");
	text = hear(s, fd, NULL);
	assert_int_equal(strlen(strstr(text, "\r\n\r\n") + 4), BIG);
}

/* What nobody fetches has a sum. */
static void test_queue_is_bounded(void **state)
{
	struct seen *s = *state;
	int fds[8], n = 0, i;
	struct web_stats stats;

	for (i = 0; i < 8; i++) {
		fds[i] = dial(s);
		say(fds[i], R("/big"));
		for (n = 0; n < 4; n++)
			turn(s);
	}
	web_stats(s->web, &stats);
	assert_in_range(stats.queued, 1, WEB_QUEUE_MAX + BIG + 1024);
	assert_true(stats.refused >= 1);
	for (i = 0; i < 8; i++)
		(void)close(fds[i]);
	for (i = 0; i < 10; i++)
		turn(s);
	web_stats(s->web, &stats);
	assert_int_equal(stats.queued, 0);
	assert_int_equal(stats.conns, 0);
}

/* Slow loris: half a request is not waited for, however many bytes come meanwhile. */
static void test_slow_request(void **state)
{
	struct seen *s = *state;
	auto_fd int fd = dial(s);
	struct web_stats stats;
	int i;

	say(fd, "GET / HT");
	turn(s); /* in */
	turn(s); /* and heard */
	for (i = 0; i < 4; i++) {
		later_ms += WEB_REQUEST_MS / 4 + 1;
		(void)!send(fd, "T", 1, MSG_NOSIGNAL);
		turn(s);
		web_work(s->web);
	}
	web_stats(s->web, &stats);
	assert_int_equal(stats.conns, 0);
}

/* Idle ones make room for who comes, busy ones do not. */
static void test_many(void **state)
{
	struct seen *s = *state;
	int fds[WEB_CONNS_MAX], i;
	struct web_stats stats;

	for (i = 0; i < WEB_CONNS_MAX; i++) {
		fds[i] = dial(s);
		turn(s);
		if (i % 2)
			say(fds[i], "GET");
		turn(s);
	}
	for (i = 0; i < 5; i++)
		assert_says(s, R("/hello"), "200 OK", false);
	web_stats(s->web, &stats);
	assert_in_range(stats.conns, WEB_CONNS_MAX / 2, WEB_CONNS_MAX);
	say(fds[i = WEB_CONNS_MAX - 1], " /hello HTTP/1.1\r\nHost: n\r\n\r\n");
	free(hear(s, fds[i], "/hello?\n"));
	for (i = 0; i < WEB_CONNS_MAX; i++)
		(void)close(fds[i]);
}

/* Another one has the port: said once, and taken when it goes. */
/* However many begin a request and leave it at that: who asks is heard, and nobody goes for nothing. */
static void test_slow_crowd(void **state)
{
	struct seen *s = *state;
	int fds[WEB_CONNS_MAX], i, a, b;
	struct web_stats stats;

	for (i = 0; i < WEB_CONNS_MAX; i++) {
		fds[i] = dial(s);
		say(fds[i], "G");
		turn(s);
	}
	turn(s);
	a = dial(s);
	b = dial(s);
	say(a, R("/hello?a"));
	say(b, R("/hello?b"));
	turn(s);
	web_stats(s->web, &stats);
	assert_int_equal(stats.conns, WEB_CONNS_MAX);
	free(hear(s, a, "/hello?a\n"));
	free(hear(s, b, "/hello?b\n"));
	(void)close(a);
	(void)close(b);
	for (i = 0; i < WEB_CONNS_MAX; i++)
		(void)close(fds[i]);
}

static void test_taken_port(void **state)
{
	struct seen *s = *state;
	struct web_options opt = s->opt;
	struct web *second = NULL;
	struct bh_err err;
	int i;

	assert_int_equal(s->told, 1);
	assert_string_equal(s->trouble, "");
	assert_int_equal(web_new(&opt, s->routes, 3, &second, &err), 0);
	assert_false(web_listens(second));
	assert_int_equal(s->told, 2);
	assert_non_null(strstr(s->trouble, "Address already in use"));
	for (i = 0; i < 3; i++) {
		later_ms += WEB_BIND_MS + 1;
		web_work(second);
	}
	assert_int_equal(s->told, 2);
	web_free(s->web);
	later_ms += WEB_BIND_MS + 1;
	web_work(second);
	assert_true(web_listens(second));
	assert_int_equal(s->told, 3);
	s->web = second;
	assert_says(s, R("/hello"), "200 OK", false);
}

/* The timer alone wakes it: nobody calls. */
static void test_timer(void **state)
{
	struct seen *s = *state;
	struct web_options opt = s->opt;
	struct web *second = NULL;
	struct pollfd p = { .events = POLLIN };
	struct bh_err err;

	assert_int_equal(web_new(&opt, s->routes, 3, &second, &err), 0);
	p.fd = web_fd(second);
	assert_int_equal(poll(&p, 1, 10 * WEB_BIND_MS), 1);
	web_free(second);
}

/* A copy of its descriptor keeps a connection's events coming, of which the server wants none any more. */
static void test_a_child_with_a_copy_is_no_matter(void **state)
{
	struct seen *s = *state;
	struct pollfd p = { .fd = web_fd(s->web), .events = POLLIN };
	const int fd = dial(s);
	struct web_stats stats;
	int turns;

	say(fd, R("/hello"));
	free(hear(s, fd, "\n"));
	copies_begin(fd);
	(void)close(fd);
	for (turns = 0; turns < 50; turns++) {
		web_stats(s->web, &stats);
		if (!stats.conns)
			break;
		turn(s);
	}
	assert_int_equal(stats.conns, 0);
	assert_int_equal(poll(&p, 1, 0), 0);
	copies_end();
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(answers),
		T(head),
		T(405_names_methods),
		T(own_limits),
		T(pieces),
		T(one_in_a_turn),
		T(nothing_behind_a_refusal),
		T(oversize),
		T(slow_reader),
		T(big_arrives),
		T(queue_is_bounded),
		T(slow_request),
		T(many),
		T(slow_crowd),
		T(taken_port),
		T(timer),
		T(a_child_with_a_copy_is_no_matter),
	};

	return cmocka_run_group_tests_name("http/web", tests, NULL, NULL);
}
