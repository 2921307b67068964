/* SPDX-License-Identifier: Apache-2.0 */
/* Children that answer: whole, of one moment, without anybody else waiting; and none is left behind. */
#include "apart.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
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
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>

#include "jsonx.h"
#include "util/scope.h"

#define LINES	 200
#define LINE_LEN 60000 /* 12 MB of them: over any socket buffer, and over what a server would queue */
#define WAIT_MS	 60000 /* for what is sure to come */

/* The agent that is asked, as far as these answers know it. */
struct agent {
	struct loop *loop;
	struct api_server *server;
	struct apart *apart;
	char dir[64];
	int generation;
};

static void send_int(struct api_conn *conn, const char *name, int value)
{
	struct json_object *o = json_object_new_object();

	jx_add_int(o, name, (uint64_t)value);
	(void)api_send(conn, jx_item(o));
}

/* Who answers; very much; and at last of which generation that was. */
static void answer_long(struct agent *a, struct api_conn *conn, struct json_object *request)
{
	char *text = malloc(LINE_LEN + 1);
	int i;

	(void)request;
	memset(text, 'x', LINE_LEN);
	text[LINE_LEN] = '\0';
	send_int(conn, "pid", getpid());
	for (i = 0; i < LINES; i++)
		(void)api_send(conn, jx_item(json_object_new_string(text)));
	send_int(conn, "generation", a->generation);
	(void)api_send(conn, jx_done());
	free(text);
}

static void answer_dead(struct agent *a, struct api_conn *conn, struct json_object *request)
{
	(void)a;
	(void)request;
	send_int(conn, "pid", getpid());
	(void)raise(SIGKILL);
}

/* For as long as it is let. */
static void answer_slowly(struct agent *a, struct api_conn *conn, struct json_object *request)
{
	(void)a;
	(void)request;
	(void)alarm(2 * WAIT_MS / 1000);
	send_int(conn, "pid", getpid());
	(void)pause();
}

static void on_request(void *ctx, struct api_conn *conn, struct json_object *request)
{
	struct agent *a = ctx;
	const char *op = jx_str(request, "op");

	if (!strcmp(op, "long"))
		apart_answer(a->apart, conn, request, answer_long);
	else if (!strcmp(op, "slow"))
		apart_answer(a->apart, conn, request, answer_slowly);
	else if (!strcmp(op, "dead"))
		apart_answer(a->apart, conn, request, answer_dead);
	else
		(void)api_send(conn, jx_done());
}

static void on_close(void *ctx, struct api_conn *conn)
{
	struct agent *a = ctx;

	if (a->apart)
		apart_close(a->apart, conn);
}

static int setup(void **state)
{
	struct agent *a = calloc(1, sizeof(*a));
	const struct api_handler h = { .on_request = on_request, .on_close = on_close, .ctx = a };
	struct bh_err err;

	strcpy(a->dir, "/tmp/bh-apart-XXXXXX");
	if (!mkdtemp(a->dir) || loop_new(&a->loop, &err) < 0 ||
	    api_server_new(a->dir, &h, &a->server, &err) < 0 ||
	    loop_add(a->loop, api_server_fd(a->server), (loop_fn)api_server_work, a->server, &err) < 0)
		return -1;
	a->apart = apart_new(a->loop, a);
	*state = a;
	return 0;
}

static int teardown(void **state)
{
	struct agent *a = *state;

	apart_free(TAKE_PTR(a->apart));
	api_server_free(a->server);
	loop_free(a->loop);
	(void)rmdir(a->dir);
	free(a);
	return 0;
}

static int dial(const struct agent *a, const char *op)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	char text[64];
	const int n = snprintf(text, sizeof(text), "{\"v\":1,\"op\":\"%s\"}\n", op);

	(void)snprintf(to.sun_path, sizeof(to.sun_path), "%s/%s", a->dir, API_SOCKET);
	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	assert_int_equal(write(fd, text, (size_t)n), n);
	return fd;
}

/* ---- turns of the loop ---------------------------------------------------------------------- */

static void stop(void *ctx)
{
	loop_stop(ctx);
}

/* Some turns of the loop, until @fd has something to read or, if it is -1, for a moment. */
static void turn(struct agent *a, int fd)
{
	struct loop_timer t = { .fn = stop, .ctx = a->loop };
	struct bh_err err;

	if (fd >= 0)
		assert_int_equal(loop_add(a->loop, fd, stop, a->loop, &err), 0);
	loop_timer_set(a->loop, &t, fd >= 0 ? WAIT_MS : 5);
	assert_int_equal(loop_run(a->loop), 0);
	if (fd >= 0) {
		assert_true(t.due_ns);
		loop_del(a->loop, fd);
	}
	loop_timer_unset(a->loop, &t);
}

struct heard {
	size_t items, bytes; /* but for the last line, and of text */
	int pid, generation, code;
	bool done, closed;
	char part[2 * LINE_LEN]; /* a line that is not whole */
	size_t n;
};

static void take_line(struct heard *h, const char *line)
{
	struct json_object *o = json_tokener_parse(line), *item = json_object_object_get(o, "item"), *v;

	assert_non_null(o);
	h->done = jx_bool(o, "done");
	h->code = json_object_get_int(json_object_object_get(o, "code"));
	h->items += item != NULL;
	h->bytes += json_object_is_type(item, json_type_string) ? strlen(json_object_get_string(item)) : 0;
	if (json_object_object_get_ex(item, "pid", &v))
		h->pid = json_object_get_int(v);
	if (json_object_object_get_ex(item, "generation", &v))
		h->generation = json_object_get_int(v);
	json_object_put(o);
}

/* What is there; turns until there is something. */
static void hear(struct agent *a, int fd, struct heard *h)
{
	char *end;
	ssize_t n;

	turn(a, fd);
	n = recv(fd, h->part + h->n, sizeof(h->part) - 1 - h->n, 0);
	h->closed = n <= 0;
	h->n += n > 0 ? (size_t)n : 0;
	h->part[h->n] = '\0';
	while ((end = strchr(h->part, '\n'))) {
		*end = '\0';
		take_line(h, h->part);
		h->n -= (size_t)(end + 1 - h->part);
		memmove(h->part, end + 1, h->n + 1);
	}
}

static void hear_all(struct agent *a, int fd, struct heard *h)
{
	while (!h->done && !h->closed)
		hear(a, fd, h);
}

static void hear_pid(struct agent *a, int fd, struct heard *h)
{
	while (!h->pid)
		hear(a, fd, h);
}

static void assert_whole(const struct heard *h)
{
	assert_true(h->done);
	assert_int_equal(h->items, LINES + 2);
	assert_int_equal(h->bytes, (size_t)LINES * LINE_LEN);
}

static void until_gone(struct agent *a, int pid)
{
	const time_t until = time(NULL) + WAIT_MS / 1000;

	while (!kill(pid, 0) && time(NULL) < until)
		turn(a, -1);
	assert_int_equal(kill(pid, 0), -1);
}

/* ---- cases ---------------------------------------------------------------------------------- */

static int lowest_fd(void)
{
	const int fd = dup(STDIN_FILENO);

	(void)close(fd);
	return fd;
}

/* Twice on one connection: it is the agent's again; and no descriptor is left behind. */
static void a_long_answer_is_whole(void **state)
{
	static const char again[] = "{\"v\":1,\"op\":\"long\"}\n";
	struct heard first = {}, second = {};
	struct agent *a = *state;
	auto_fd int fd = dial(a, "long");
	int lowest;

	hear_all(a, fd, &first);
	assert_whole(&first);
	assert_int_not_equal(first.pid, getpid());
	until_gone(a, first.pid);
	lowest = lowest_fd();
	assert_int_equal(write(fd, again, sizeof(again) - 1), sizeof(again) - 1);
	hear_all(a, fd, &second);
	assert_whole(&second);
	until_gone(a, second.pid);
	assert_int_equal(lowest_fd(), lowest);
}

/* Another is answered, and the world changes, while a reader has not read half of it. */
static void nobody_waits_and_it_is_of_one_moment(void **state)
{
	struct heard slow = {}, quick = {};
	struct agent *a = *state;
	auto_fd int fd = dial(a, "long"), other = -1;

	a->generation = 1;
	hear_pid(a, fd, &slow);
	a->generation = 2;
	other = dial(a, "short");
	hear_all(a, other, &quick);
	assert_true(quick.done);
	assert_false(slow.done);
	hear_all(a, fd, &slow);
	assert_whole(&slow);
	assert_int_equal(slow.generation, 1);
}

static void assert_reads(int pid, const char *file, const char *want)
{
	char path[64], text[64];
	auto_fd int fd = -1;
	ssize_t n;

	(void)snprintf(path, sizeof(path), "/proc/%d/%s", pid, file);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = read(fd, text, sizeof(text) - 1);
	text[n > 0 ? n : 0] = '\0';
	assert_string_equal(text, want);
}

static void who_hangs_up_ends_the_child(void **state)
{
	struct heard h = {};
	struct agent *a = *state;
	int fd = dial(a, "slow");

	hear_pid(a, fd, &h);
	assert_reads(h.pid, "comm", "bulkhead-answer\n");
	assert_reads(h.pid, "oom_score_adj", "1000\n");
	(void)close(fd);
	until_gone(a, h.pid);
}

static void half_an_answer_is_cut(void **state)
{
	struct heard dead = {}, next = {};
	struct agent *a = *state;
	auto_fd int fd = dial(a, "dead"), other = -1;

	hear_all(a, fd, &dead);
	assert_true(dead.closed);
	assert_false(dead.done);
	until_gone(a, dead.pid);
	other = dial(a, "long");
	hear_all(a, other, &next);
	assert_whole(&next);
}

/* In their order; who has hung up before it was its turn is forgotten. */
static void too_many_wait(void **state)
{
	struct heard h[APART_AT_ONCE + 2] = {}, asked = {};
	struct agent *a = *state;
	int fd[APART_AT_ONCE + 2], other;
	struct pollfd p = { .events = POLLIN };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(fd); i++) {
		fd[i] = dial(a, "long");
		if (i < APART_AT_ONCE)
			hear_pid(a, fd[i], &h[i]);
	}
	other = dial(a, "short"); /* after all of them, so they are known */
	hear_all(a, other, &asked);
	(void)close(other);
	p.fd = fd[APART_AT_ONCE + 1];
	assert_int_equal(poll(&p, 1, 100), 0);
	(void)close(fd[APART_AT_ONCE]);
	for (i = 0; i < ARRAY_SIZE(fd); i++) {
		if (i == APART_AT_ONCE)
			continue;
		hear_all(a, fd[i], &h[i]);
		assert_whole(&h[i]);
		(void)close(fd[i]);
	}
}

/* What the agent closes is closed, whoever is at work. */
static void a_child_keeps_no_other_connection(void **state)
{
	struct heard slow = {}, bad = {};
	struct agent *a = *state;
	auto_fd int early = dial(a, "short"), fd = -1;

	hear_all(a, early, &bad);
	fd = dial(a, "long");
	hear_pid(a, fd, &slow);
	assert_int_equal(write(early, "no JSON\n", 8), 8); /* is refused and closed */
	bad.done = false;
	while (!bad.closed)
		hear(a, early, &bad);
	assert_int_equal(kill(slow.pid, 0), 0);
	hear_all(a, fd, &slow);
	assert_whole(&slow);
}

/* However that ends; as the agent, another process runs the loop. */
static void a_child_ends_with_its_agent(void **state)
{
	struct agent *a = *state;
	auto_fd int fd = dial(a, "slow");
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char text[256] = "";
	int pid, status;
	pid_t agent;

	assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0); /* who has lost its parent is ours */
	agent = fork();
	if (!agent) {
		(void)alarm(WAIT_MS / 1000);
		_exit(loop_run(a->loop) != 0);
	}
	assert_int_equal(poll(&p, 1, WAIT_MS), 1);
	assert_true(recv(fd, text, sizeof(text) - 1, 0) > 0);
	assert_int_equal(sscanf(text, "{\"v\":1,\"item\":{\"pid\":%d", &pid), 1);
	(void)kill(agent, SIGKILL);
	assert_int_equal(waitpid(agent, &status, 0), agent);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGKILL);
}

/* Here for want of a descriptor. */
static void who_cannot_be_answered_is_told(void **state)
{
	static const char again[] = "{\"v\":1,\"op\":\"long\"}\n";
	struct heard h = {}, later = {};
	struct agent *a = *state;
	auto_fd int fd = dial(a, "short");
	struct rlimit was, none;

	hear_all(a, fd, &h);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &was), 0);
	none = (struct rlimit){ (rlim_t)lowest_fd(), was.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	assert_int_equal(write(fd, again, sizeof(again) - 1), sizeof(again) - 1);
	h.done = false;
	hear_all(a, fd, &h);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
	assert_true(h.done);
	assert_int_equal(h.code, 11);
	assert_int_equal(write(fd, again, sizeof(again) - 1), sizeof(again) - 1);
	hear_all(a, fd, &later);
	assert_whole(&later);
}

static void an_agent_that_leaves_leaves_none(void **state)
{
	struct heard h = {};
	struct agent *a = *state;
	auto_fd int fd = dial(a, "slow");

	hear_pid(a, fd, &h);
	apart_free(TAKE_PTR(a->apart));
	assert_int_equal(kill(h.pid, 0), -1);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_long_answer_is_whole),
		CASE(nobody_waits_and_it_is_of_one_moment),
		CASE(who_hangs_up_ends_the_child),
		CASE(half_an_answer_is_cut),
		CASE(too_many_wait),
		CASE(a_child_keeps_no_other_connection),
		CASE(a_child_ends_with_its_agent),
		CASE(who_cannot_be_answered_is_told),
		CASE(an_agent_that_leaves_leaves_none),
	};

	return cmocka_run_group_tests_name("apart", tests, NULL, NULL);
}
