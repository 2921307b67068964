/* SPDX-License-Identifier: Apache-2.0 */
/* Children that answer: born in the order of the requests, some at a time, and buried by the loop. */
#include "apart.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "requests.h"
#include "util/log.h"
#include "util/scope.h"

struct child {
	struct apart *of;
	struct child *next;
	struct api_conn *conn; /* NULL: it has gone */
	struct json_object *request;
	apart_fn fn;
	pid_t pid; /* 0: it is not born yet */
	int ended; /* readable when it has */
};

struct apart {
	struct loop *loop;
	struct agent *a;
	struct child *first; /* the oldest */
	size_t alive;
};

/* ---- the child ------------------------------------------------------------------------------ */

/* What the agent closes is to be closed: whoever is at the other end waits for it. */
static void close_sockets(int but)
{
	DIR *dir = opendir("/proc/self/fd");
	const struct dirent *d;
	struct stat st;
	int fd;

	while (dir && (d = readdir(dir))) {
		fd = atoi(d->d_name);
		if (fd > STDERR_FILENO && fd != but && !fstat(fd, &st) && S_ISSOCK(st.st_mode))
			(void)close(fd);
	}
	if (dir)
		(void)closedir(dir);
}

/* Where memory is short an answer goes before the agent does. */
static void go_first(void)
{
	auto_fd int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	if (fd >= 0)
		(void)!write(fd, "1000", 4);
}

static _Noreturn void answer(const struct child *c, pid_t parent)
{
	/* No longer than the agent: what that has locked stays locked while a child has it, too. */
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	(void)prctl(PR_SET_NAME, "bulkhead-answer");
	go_first();
	close_sockets(api_borrow(c->conn, APART_READER_MS));
	c->fn(c->of->a, c->conn, c->request);
	_exit(!api_is_answered(c->conn));
}

/* ---- the agent ------------------------------------------------------------------------------ */

/* Takes it off the list. */
static void drop(struct child *c)
{
	struct child **at = &c->of->first;

	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
	json_object_put(c->request);
	free(c);
}

static int bury(struct child *c)
{
	int status = 0;

	loop_del(c->of->loop, c->ended);
	(void)close(c->ended);
	while (waitpid(c->pid, &status, 0) < 0 && errno == EINTR)
		;
	c->of->alive--;
	return status;
}

static void begin_some(struct apart *p);

static void on_end(void *ctx)
{
	struct child *c = ctx;
	struct apart *p = c->of;
	struct api_conn *conn = c->conn;
	const int status = bury(c);

	if (conn && WIFSIGNALED(status))
		log_warn(
			"the child that answered '%s' was ended by signal %d: the connection is closed, since half "
			"an answer is none",
			json_object_get_string(json_object_object_get(c->request, "op")), WTERMSIG(status));
	drop(c);
	if (conn)
		api_return(conn, !status);
	begin_some(p);
}

/* The child alone has the pipe's other end, which goes with it. Return: 0, or -errno: it is not born. */
static int begin(struct child *c, struct bh_err *err)
{
	const pid_t agent = getpid();
	int end[2], r;

	if (pipe2(end, O_CLOEXEC) < 0)
		return bh_err_errno(err, -errno, "cannot make a pipe");
	r = loop_add(c->of->loop, end[0], on_end, c, err);
	if (!r) {
		c->pid = fork();
		if (!c->pid)
			answer(c, agent);
		if (c->pid < 0) {
			r = bh_err_errno(err, -errno, "cannot fork");
			loop_del(c->of->loop, end[0]);
		}
	}
	(void)close(end[1]);
	if (r < 0) {
		c->pid = 0;
		(void)close(end[0]);
		return r;
	}
	c->ended = end[0];
	c->of->alive++;
	api_lend(c->conn);
	return 0;
}

static void begin_some(struct apart *p)
{
	struct child *c, *next;
	struct bh_err err;

	for (c = p->first; c && p->alive < APART_AT_ONCE; c = next) {
		struct api_conn *conn = c->conn;

		next = c->next;
		if (c->pid || begin(c, &err) >= 0)
			continue;
		drop(c);
		(void)api_send_error(conn, CODE_RETRY, "no child can be made that would answer: %s", err.msg);
	}
}

void apart_answer(struct apart *p, struct api_conn *conn, struct json_object *request, apart_fn fn)
{
	struct child *c = calloc(1, sizeof(*c)), **at = &p->first;

	if (!c) {
		(void)api_send_error(conn, CODE_RETRY, "no memory");
		return;
	}
	*c = (struct child){ .of = p, .conn = conn, .request = json_object_get(request), .fn = fn };
	while (*at)
		at = &(*at)->next;
	*at = c;
	begin_some(p);
}

void apart_close(struct apart *p, const struct api_conn *conn)
{
	struct child *c = p->first;

	while (c && c->conn != conn)
		c = c->next;
	if (!c)
		return;
	c->conn = NULL;
	if (c->pid)
		(void)kill(c->pid, SIGKILL);
	else
		drop(c);
}

struct apart *apart_new(struct loop *loop, struct agent *a)
{
	struct apart *p = calloc(1, sizeof(*p));

	if (p)
		*p = (struct apart){ .loop = loop, .a = a };
	return p;
}

void apart_free(struct apart *p)
{
	if (!p)
		return;
	while (p->first) {
		struct child *c = p->first;

		if (c->pid) {
			(void)kill(c->pid, SIGKILL);
			(void)bury(c);
		}
		drop(c);
	}
	free(p);
}
