/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "util/clock.h"
#include "util/scope.h"

#define PATIENCE_MS 1000
#define STEP_MS	    5

extern char **environ;

/* The child's ends lose "close on exec" by being duplicated to their places. */
static int spawn(char *const *argv, const int ends[3], pid_t *ret)
{
	posix_spawn_file_actions_t actions;
	int i, r = posix_spawn_file_actions_init(&actions);

	if (r)
		return -r;
	for (i = 0; i < 3 && !r; i++)
		r = posix_spawn_file_actions_adddup2(&actions, ends[i], i);
	if (!r)
		r = posix_spawnp(ret, argv[0], &actions, NULL, argv, environ);
	(void)posix_spawn_file_actions_destroy(&actions);
	return -r;
}

/* Sockets, because a write to one whose reader is gone can be told not to raise a signal. */
static int pair(int *ret_ours, int *ret_theirs)
{
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
		return -errno;
	*ret_ours = ends[0];
	*ret_theirs = ends[1];
	return fcntl(ends[0], F_SETFL, O_NONBLOCK) < 0 ? -errno : 0;
}

static void close_all(int fds[3])
{
	int i;

	for (i = 0; i < 3; i++) {
		scope_close(&fds[i]);
		fds[i] = -1;
	}
}

int process_start(char *const *argv, struct process *ret, struct bh_err *err)
{
	int ours[3] = { -1, -1, -1 }, theirs[3] = { -1, -1, -1 }, i, r = 0;
	pid_t pid = 0;

	for (i = 0; i < 3 && !r; i++)
		r = pair(&ours[i], &theirs[i]);
	if (!r)
		r = spawn(argv, theirs, &pid);
	close_all(theirs);
	if (r < 0) {
		close_all(ours);
		return bh_err_errno(err, r, "cannot run '%s'", argv[0]);
	}
	*ret = (struct process){ .pid = pid, .in = ours[0], .out = ours[1], .err = ours[2] };
	return 0;
}

int process_end(struct process *p, bool patient)
{
	const int64_t due_ms = clock_ms() + PATIENCE_MS;
	int fds[3] = { p->in, p->out, p->err }, status = 0;

	if (!p->pid)
		return 0;
	close_all(fds);
	while (patient && !waitpid(p->pid, &status, WNOHANG)) {
		patient = clock_ms() < due_ms;
		(void)poll(NULL, 0, STEP_MS);
	}
	if (!patient) {
		(void)kill(p->pid, SIGKILL);
		while (waitpid(p->pid, &status, 0) < 0 && errno == EINTR)
			;
	}
	*p = (struct process){ .in = -1, .out = -1, .err = -1 };
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}
