/* SPDX-License-Identifier: Apache-2.0 */
/* The socket's server: lines and their limits, order, slow and vanished peers, who may talk. */
#include "api/api.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../copies.h"
#include "util/scope.h"

struct seen {
	struct api_server *server;
	char dir[64];
	int requests, closed;
	struct api_conn *held; /* op "hold": no answer yet */
	size_t whole;	       /* how long that is */
	char ops[256];
};

static void send_done(struct api_conn *c, const char *op)
{
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "v", json_object_new_int(1));
	json_object_object_add(o, "done", json_object_new_boolean(1));
	json_object_object_add(o, "ok", json_object_new_boolean(1));
	json_object_object_add(o, "op", json_object_new_string(op));
	(void)api_send(c, o);
}

static void send_flood(struct api_conn *c)
{
	char *big = malloc(60001);
	struct json_object *o;
	int i;

	memset(big, 'x', 60000);
	big[60000] = '\0';
	for (i = 0; i < 200; i++) { /* 12 MB, over any socket buffer and the queue */
		o = json_object_new_object();
		json_object_object_add(o, "item", json_object_new_string(big));
		if (api_send(c, o) < 0)
			break;
	}
	free(big);
}

static void on_request(void *ctx, struct api_conn *c, struct json_object *request)
{
	struct seen *s = ctx;
	struct json_object *op = json_object_object_get(request, "op");
	const char *name = op ? json_object_get_string(op) : "?";
	const size_t len = strlen(s->ops);
	struct json_object *whole = api_whole(c, request);

	s->requests++;
	s->whole = whole ? strlen(json_object_to_json_string_ext(whole, JSON_C_TO_STRING_PLAIN)) : 0;
	json_object_put(whole);
	(void)snprintf(s->ops + len, sizeof(s->ops) - len, "%s ", name);
	if (!strcmp(name, "hold"))
		s->held = c;
	else if (!strcmp(name, "flood"))
		send_flood(c);
	else
		send_done(c, name);
}

static void on_close(void *ctx, struct api_conn *c)
{
	struct seen *s = ctx;

	s->closed++;
	if (s->held == c)
		s->held = NULL;
}

static int setup(void **state)
{
	struct seen *s = calloc(1, sizeof(*s));
	const struct api_handler h = {
		.on_request = on_request, .on_close = on_close, .ctx = s, .long_op = "hold"
	};
	struct bh_err err;

	strcpy(s->dir, "/tmp/bh-server-XXXXXX");
	if (!mkdtemp(s->dir) || api_server_new(s->dir, &h, &s->server, &err) < 0)
		return -1;
	*state = s;
	return 0;
}

static int teardown(void **state)
{
	struct seen *s = *state;

	api_server_free(s->server);
	(void)rmdir(s->dir); /* fails, and the next assert with it, if the socket were left */
	if (!access(s->dir, F_OK))
		return -1;
	free(s);
	return 0;
}

static int dial(const struct seen *s)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)snprintf(a.sun_path, sizeof(a.sun_path), "%s/%s", s->dir, API_SOCKET);
	assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	return fd;
}

/* Turns of the server until nothing is left to do. */
static void work(struct seen *s)
{
	struct pollfd p = { .fd = api_server_fd(s->server), .events = POLLIN };
	int turns = 1000;

	while (turns-- && poll(&p, 1, 0) > 0)
		api_server_work(s->server);
	assert_true(turns > 0); /* level-triggered: a turn that changes nothing would spin for ever */
}

static void say(struct seen *s, int fd, const char *text)
{
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	work(s);
}

/* What is there now, at most @size; 0: closed. */
static ssize_t hear(int fd, char *ret, size_t size)
{
	const ssize_t n = recv(fd, ret, size - 1, MSG_DONTWAIT);

	ret[n > 0 ? n : 0] = '\0';
	return n;
}

static void assert_hears(int fd, const char *part)
{
	char text[4096];

	assert_true(hear(fd, text, sizeof(text)) > 0);
	if (!strstr(text, part))
		fail_msg("'%s' is not in: %s", part, text);
}

static void assert_closed(int fd)
{
	char text[16];
	const ssize_t n = hear(fd, text, sizeof(text));

	assert_true(n == 0 || (n < 0 && errno == ECONNRESET)); /* reset: we had sent more than was read */
}

static void assert_nothing_yet(int fd)
{
	char text[16];

	assert_int_equal(hear(fd, text, sizeof(text)), -1);
	assert_int_equal(errno, EAGAIN);
}

static void answers_one_request(void **state)
{
	struct seen *s = *state;
	auto_fd int fd = dial(s);

	say(s, fd, "{\"v\":1,\"op\":\"status\"}\n");
	assert_hears(fd, "\"op\":\"status\"}\n");
	say(s, fd, "{\"v\":1,\"op\":\"again\",\"unknown\":[1]}\n");
	assert_hears(fd, "\"op\":\"again\"");
}

static void waits_for_the_whole_line(void **state)
{
	struct seen *s = *state;
	auto_fd int fd = dial(s);

	say(s, fd, "{\"v\":1,\"op\":");
	assert_nothing_yet(fd);
	say(s, fd, "\"x\"}");
	assert_nothing_yet(fd);
	say(s, fd, "\n");
	assert_hears(fd, "\"op\":\"x\"");
}

static void two_requests_are_served_in_order(void **state)
{
	struct seen *s = *state;
	auto_fd int fd = dial(s);

	say(s, fd, "{\"v\":1,\"op\":\"hold\"}\n{\"v\":1,\"op\":\"second\"}\n");
	assert_int_equal(s->requests, 1);
	assert_nothing_yet(fd);
	send_done(s->held, "hold");
	work(s);
	assert_string_equal(s->ops, "hold second ");
	assert_hears(fd, "\"op\":\"second\"");
}

static void a_waiting_peer_does_not_hold_up_another(void **state)
{
	struct seen *s = *state;
	auto_fd int a = dial(s), b = dial(s);

	say(s, a, "{\"v\":1,\"op\":\"hold\"}\n");
	say(s, b, "{\"v\":1,\"op\":\"quick\"}\n");
	assert_hears(b, "\"op\":\"quick\"");
	assert_nothing_yet(a);
	send_done(s->held, "late");
	assert_hears(a, "\"op\":\"late\"");
}

static void another_version_is_told_ours(void **state)
{
	struct seen *s = *state;
	auto_fd int fd = dial(s);

	say(s, fd, "{\"v\":2,\"op\":\"status\"}\n");
	assert_hears(fd, "\"code\":1,\"msg\":\"request has v 2, this agent speaks v 1\"");
	say(s, fd, "{\"op\":\"status\"}\n");
	assert_hears(fd, "\"code\":1,\"msg\":\"request has v missing");
	assert_int_equal(s->requests, 0);
	say(s, fd, "{\"v\":1,\"op\":\"status\"}\n");
	assert_hears(fd, "\"ok\":true");
}

static void what_is_no_object_closes(void **state)
{
	static const char *const bad[] = { "hello\n", "[1]\n", "{\"v\":1,}\n", "7\n", "\n", "{\"v\":1\n" };
	struct seen *s = *state;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		auto_fd int fd = dial(s);

		say(s, fd, bad[i]);
		assert_hears(fd, "\"code\":6,\"msg\":\"the request is not one JSON object");
		assert_closed(fd);
	}
	assert_int_equal(s->requests, 0);
	assert_int_equal(s->closed, (int)ARRAY_SIZE(bad));
}

/* A request of exactly @len bytes, its newline included. Names of operations have four letters. */
static char *request_of(const char *op, size_t len)
{
	static const char tail[] = "\"}\n";
	char head[] = "{\"v\":1,\"op\":\"long\",\"pad\":\"";
	char *text = malloc(len + 1);

	memcpy(strstr(head, "long"), op, 4);
	memset(text, 'p', len);
	memcpy(text, head, sizeof(head) - 1);
	memcpy(text + len - (sizeof(tail) - 1), tail, sizeof(tail));
	return text;
}

static void a_line_has_a_maximum(void **state)
{
	struct seen *s = *state;
	auto_fd int fd = dial(s);
	auto_free char *longest = request_of("long", API_LINE_MAX);
	auto_free char *longer = request_of("long", API_LINE_MAX + 1);

	say(s, fd, longest);
	assert_hears(fd, "\"op\":\"long\"");
	say(s, fd, longer);
	assert_hears(fd, "longer than 65536 bytes");
	assert_closed(fd);
	assert_int_equal(s->requests, 1);
}

/* As much of it as the server takes: it is larger than the socket's own room. Return: whether that was all.
 */
static bool say_long(struct seen *s, int fd, const char *text, size_t len)
{
	ssize_t n;

	for (; len; text += n, len -= (size_t)n) {
		n = send(fd, text, len, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n <= 0)
			return false;
		work(s);
	}
	return true;
}

static void one_op_may_be_long(void **state)
{
	struct seen *s = *state;
	auto_fd int fd = dial(s);
	auto_free char *longest = request_of("hold", API_LONG_MAX);
	auto_free char *longer = request_of("hold", API_LONG_MAX + 1);
	auto_free char *other = request_of("long", API_LINE_MAX + 1);
	int i;

	for (i = 0; i < 2; i++) {
		assert_true(say_long(s, fd, longest, API_LONG_MAX));
		assert_non_null(s->held);
		assert_int_equal(s->whole, API_LONG_MAX - 1);
		send_done(s->held, "done");
		assert_hears(fd, "\"op\":\"done\"");
	}
	say(s, fd, "{\"v\":1,\"op\":\"next\"}\n");
	assert_hears(fd, "\"op\":\"next\"");
	(void)say_long(s, fd, longer, API_LONG_MAX + 1);
	assert_hears(fd, "\"code\":6,\"msg\":\"the request is longer than 1048576 bytes");
	assert_closed(fd);
	(void)close(fd);
	fd = dial(s);
	(void)say_long(s, fd, other, API_LINE_MAX + 1);
	assert_hears(fd, "\"code\":6,\"msg\":\"the request is longer than 65536 bytes");
	assert_int_equal(s->requests, 3);
}

static void a_long_one_that_is_no_object(void **state)
{
	struct seen *s = *state;
	auto_fd int fd = dial(s);
	auto_free char *text = request_of("hold", 2 * API_LINE_MAX);

	text[2 * API_LINE_MAX - 2] = ' ';
	assert_true(say_long(s, fd, text, 2 * API_LINE_MAX));
	assert_non_null(s->held);
	assert_int_equal(s->whole, 0);
}

/* From where it is longer than others to its answer, or until who asked has gone. */
static void few_are_long_at_a_time(void **state)
{
	const size_t half = API_LINE_MAX + 1000, all = 2 * half;
	struct seen *s = *state;
	auto_free char *text = request_of("hold", all);
	auto_fd int a = dial(s), b = dial(s), c = dial(s), d = dial(s);

	assert_true(say_long(s, a, text, half) && say_long(s, b, text, half));
	assert_nothing_yet(a);
	(void)say_long(s, c, text, half);
	assert_hears(c, "\"code\":11,\"msg\":\"2 requests 'hold' of more than 65536 bytes are under way");
	assert_closed(c);
	say(s, d, "{\"v\":1,\"op\":\"hold\"}\n"); /* a short one */
	send_done(s->held, "short");
	assert_hears(d, "\"op\":\"short\"");

	assert_true(say_long(s, a, text + half, half));
	(void)close(c);
	c = dial(s);
	(void)say_long(s, c, text, half);
	assert_hears(c, "try again later");
	send_done(s->held, "long");
	assert_hears(a, "\"op\":\"long\"");
	assert_true(say_long(s, d, text, all));
	assert_int_equal(s->whole, all - 1);
	(void)close(b);
	work(s);
	b = dial(s);
	assert_true(say_long(s, b, text, all));
	assert_int_equal(s->requests, 4);
}

static void a_slow_reader_is_closed(void **state)
{
	struct seen *s = *state;
	auto_fd int slow = dial(s), other = dial(s);

	say(s, slow, "{\"v\":1,\"op\":\"flood\"}\n");
	assert_int_equal(s->closed, 1);
	say(s, other, "{\"v\":1,\"op\":\"status\"}\n");
	assert_hears(other, "\"ok\":true");
}

static void a_reader_that_keeps_up_gets_all(void **state)
{
	struct seen *s = *state;
	auto_fd int fd = dial(s);
	char chunk[65536];
	size_t total = 0;
	ssize_t n;
	int i;

	say(s, fd, "{\"v\":1,\"op\":\"hold\"}\n");
	for (i = 0; i < 40; i++) {
		struct json_object *o = json_object_new_object();

		memset(chunk, 'y', 60000);
		json_object_object_add(o, "item", json_object_new_string_len(chunk, 60000));
		assert_int_equal(api_send(s->held, o), 0);
	}
	while ((n = hear(fd, chunk, sizeof(chunk))) > 0) {
		total += (size_t)n;
		work(s);
	}
	assert_int_equal(total, 40 * (60000 + strlen("{\"item\":\"\"}\n")));
}

static void a_peer_that_leaves_is_told_once(void **state)
{
	struct seen *s = *state;
	int fd = dial(s);

	say(s, fd, "{\"v\":1,\"op\":\"hold\"}\n");
	assert_non_null(s->held);
	(void)close(fd);
	work(s);
	assert_null(s->held);
	assert_int_equal(s->closed, 1);
}

static void what_was_asked_before_leaving_is_done(void **state)
{
	struct seen *s = *state;
	int fd = dial(s);

	assert_true(write(fd, "{\"v\":1,\"op\":\"del\"}\n", 19) == 19);
	(void)close(fd);
	work(s);
	assert_string_equal(s->ops, "del ");
	assert_int_equal(s->closed, 1);
}

static void a_half_closed_peer_still_gets_its_answer(void **state)
{
	struct seen *s = *state;
	auto_fd int fd = dial(s);

	assert_true(write(fd, "{\"v\":1,\"op\":\"hold\"}\n", 20) == 20);
	(void)shutdown(fd, SHUT_WR);
	work(s);
	assert_int_equal(s->closed, 0);
	send_done(s->held, "hold");
	assert_hears(fd, "\"op\":\"hold\"");
	work(s);
	assert_closed(fd);
}

static void more_peers_than_descriptors_wait(void **state)
{
	struct seen *s = *state;
	int fd[600];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(fd); i++) {
		fd[i] = dial(s);
		if (i % 64 == 63)
			work(s); /* the backlog is 128 */
		if (i == 511)
			say(s, fd[0], "{\"v\":1,\"op\":\"status\"}\n");
	}
	work(s);
	assert_true(write(fd[599], "{\"v\":1,\"op\":\"last\"}\n", 20) == 20);
	work(s);
	assert_nothing_yet(fd[599]);
	for (i = 0; i < 599; i++)
		(void)close(fd[i]);
	work(s);
	assert_hears(fd[599], "\"op\":\"last\"");
	(void)close(fd[599]);
}

/* Of a server that takes few, others than the one at hand. */
static void more_peers_than_it_takes_wait(void **state)
{
	struct seen *s = *state, few = {};
	const struct api_handler h = {
		.on_request = on_request, .on_close = on_close, .ctx = &few, .conns_max = 2
	};
	struct bh_err err = {};
	char text[64];
	int fd[3], i;

	(void)snprintf(few.dir, sizeof(few.dir), "%.32s/few", s->dir);
	assert_int_equal(api_server_new(few.dir, &h, &few.server, &err), 0);
	for (i = 0; i < 3; i++) {
		fd[i] = dial(&few);
		say(&few, fd[i], "{\"v\":1,\"op\":\"status\"}\n");
		assert_int_equal(few.requests, i < 2 ? i + 1 : 2);
	}
	assert_true(hear(fd[2], text, sizeof(text)) < 0);
	(void)close(fd[0]);
	work(&few);
	assert_int_equal(few.requests, 3);
	assert_true(hear(fd[2], text, sizeof(text)) > 0);
	(void)close(fd[1]);
	(void)close(fd[2]);
	api_server_free(few.server);
	assert_int_equal(rmdir(few.dir), 0);
}

/* A copy of its descriptor keeps a connection's events coming, of which the server wants none any more. */
static void a_child_with_a_copy_is_no_matter(void **state)
{
	struct seen *s = *state;
	struct pollfd p = { .fd = api_server_fd(s->server), .events = POLLIN };
	int fd = dial(s);

	say(s, fd, "{\"v\":1,\"op\":\"hold\"}\n");
	copies_begin(fd);
	(void)close(fd);
	assert_int_equal(poll(&p, 1, 60000), 1);
	work(s);
	assert_int_equal(s->closed, 1);
	copies_end();
}

/* Who reads nothing does not keep a child for ever. */
static void a_child_waits_for_its_reader_for_a_while(void **state)
{
	struct seen *s = *state;
	auto_fd int fd = dial(s);
	int status;
	pid_t pid;

	say(s, fd, "{\"v\":1,\"op\":\"hold\"}\n");
	pid = fork();
	if (!pid) {
		(void)alarm(60);
		(void)api_borrow(s->held, 20);
		send_flood(s->held);
		_exit(api_is_answered(s->held));
	}
	api_lend(s->held);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_non_null(s->held);
	api_return(s->held, false);
	work(s);
	assert_null(s->held);
	assert_int_equal(s->closed, 1);
}

/* What was queued before it began is the child's to send: in order, and once. */
static void a_child_sends_what_was_queued(void **state)
{
	struct seen *s = *state;
	auto_fd int fd = dial(s);
	auto_free char *big = calloc(1, 1000001);
	size_t total = 0;
	ssize_t n;
	pid_t pid;

	memset(big, 'z', 1000000);
	say(s, fd, "{\"v\":1,\"op\":\"hold\"}\n");
	assert_int_equal(api_send(s->held, json_object_new_string(big)), 0);
	pid = fork();
	if (!pid) {
		(void)alarm(60);
		(void)api_borrow(s->held, 60000);
		send_done(s->held, "late");
		_exit(0);
	}
	api_lend(s->held);
	while ((n = recv(fd, big, 1000000, 0)) > 0 && !memmem(big, (size_t)n, "\"late\"}\n", 8))
		total += (size_t)n;
	total += n > 0 ? (size_t)n : 0;
	assert_int_equal(total, 1000003 + strlen("{\"v\":1,\"done\":true,\"ok\":true,\"op\":\"late\"}\n"));
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	say(s, fd, "{\"v\":1,\"op\":\"next\"}\n"); /* before the server knows that the child has ended */
	assert_nothing_yet(fd);
	api_return(s->held, true);
	work(s);
	assert_hears(fd, "\"op\":\"next\"");
}

/* A user other than ours, for whom somebody opened the doors. */
static void only_our_own_user_may_talk(void **state)
{
	struct seen *s = *state;
	char path[128], text[256] = "";
	int status;
	pid_t pid;

	if (geteuid())
		skip();
	(void)snprintf(path, sizeof(path), "%s/%s", s->dir, API_SOCKET);
	assert_int_equal(chmod(s->dir, 0755), 0);
	assert_int_equal(chmod(path, 0666), 0);
	pid = fork();
	if (!pid) {
		struct sockaddr_un a = { .sun_family = AF_UNIX };
		const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
		ssize_t n;

		(void)alarm(10);
		memcpy(a.sun_path, path, strlen(path) + 1);
		if (setuid(65534) || connect(fd, (struct sockaddr *)&a, sizeof(a)))
			_exit(2);
		(void)send(fd, "{\"v\":1,\"op\":\"status\"}\n", 22, MSG_NOSIGNAL);
		n = recv(fd, text, sizeof(text) - 1, MSG_WAITALL);
		_exit(n > 0 && strstr(text, "only root may talk") && !strstr(text, "\"ok\":true") ? 0 : 1);
	}
	while (!waitpid(pid, &status, WNOHANG)) {
		struct pollfd p = { .fd = api_server_fd(s->server), .events = POLLIN };

		if (poll(&p, 1, 10) > 0)
			api_server_work(s->server);
	}
	assert_int_equal(status, 0);
	assert_int_equal(s->requests, 0);
}

static void modes_keep_others_out(void **state)
{
	struct seen *s = *state;
	char path[128];
	struct stat st;

	(void)snprintf(path, sizeof(path), "%s/%s", s->dir, API_SOCKET);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(stat(s->dir, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
}

static void a_living_server_is_not_displaced(void **state)
{
	struct seen *s = *state;
	const struct api_handler h = { .on_request = on_request, .on_close = on_close, .ctx = s };
	struct api_server *second = NULL;
	struct bh_err err = {};

	assert_int_equal(api_server_new(s->dir, &h, &second, &err), -EADDRINUSE);
	assert_non_null(strstr(err.msg, "somebody listens"));
	assert_null(second);
	a_waiting_peer_does_not_hold_up_another(state);
}

/* A socket whose server died, and a file that is no socket. */
static void what_a_dead_server_left_is_cleared(void **state)
{
	const struct api_handler h = { .on_request = on_request, .on_close = on_close };
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	char dir[] = "/tmp/bh-server-XXXXXX", path[64];
	struct api_server *server = NULL;
	struct bh_err err = {};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	(void)state;
	assert_non_null(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/%s", dir, API_SOCKET);
	memcpy(a.sun_path, path, strlen(path) + 1);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	(void)close(fd);
	assert_int_equal(api_server_new(dir, &h, &server, &err), 0);
	api_server_free(server);

	(void)close(creat(path, 0600));
	assert_int_equal(api_server_new(dir, &h, &server, &err), -EEXIST);
	assert_non_null(strstr(err.msg, "no socket"));
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(dir), 0);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(answers_one_request),
		CASE(waits_for_the_whole_line),
		CASE(two_requests_are_served_in_order),
		CASE(a_waiting_peer_does_not_hold_up_another),
		CASE(another_version_is_told_ours),
		CASE(what_is_no_object_closes),
		CASE(a_line_has_a_maximum),
		CASE(one_op_may_be_long),
		CASE(a_long_one_that_is_no_object),
		CASE(few_are_long_at_a_time),
		CASE(a_slow_reader_is_closed),
		CASE(a_reader_that_keeps_up_gets_all),
		CASE(a_peer_that_leaves_is_told_once),
		CASE(what_was_asked_before_leaving_is_done),
		CASE(a_half_closed_peer_still_gets_its_answer),
		CASE(more_peers_than_descriptors_wait),
		CASE(more_peers_than_it_takes_wait),
		CASE(a_child_with_a_copy_is_no_matter),
		CASE(a_child_waits_for_its_reader_for_a_while),
		CASE(a_child_sends_what_was_queued),
		CASE(only_our_own_user_may_talk),
		CASE(modes_keep_others_out),
		CASE(a_living_server_is_not_displaced),
		cmocka_unit_test(what_a_dead_server_left_is_cleared),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
