/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/job.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "util/scope.h"

#define CHUNK 65536

static size_t count_words(char *const *words)
{
	size_t n = 0;

	while (words[n])
		n++;
	return n;
}

/* Never returns: main()'s clean-up is the parent's. */
static _Noreturn void be_child(const struct ctl *c, bool json, char *const *words, const int ends[3])
{
	struct ctl mine = *c;
	const struct command *command;
	sigset_t none;
	int taken, code = CTL_USAGE;

	(void)setpgid(0, 0);
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	if (dup2(ends[0], STDIN_FILENO) < 0 || dup2(ends[1], STDOUT_FILENO) < 0 ||
	    dup2(ends[2], STDERR_FILENO) < 0)
		_exit(CTL_UNREACHABLE);
	mine.json = json;
	mine.yaml = mine.colours = mine.follow = false;
	mine.files = (struct ctl_names){ .v = { "-" }, .n = 1 }; /* of commands that read some */
	command = ctl_find(words, (int)count_words(words), &taken);
	if (command)
		code = command->run(&mine, (char **)words + taken);
	(void)fflush(stdout);
	_exit(code);
}

static int open_pipe(int ends[2])
{
	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	return fcntl(ends[0], F_SETFL, O_NONBLOCK) < 0 ? -errno : 0;
}

/* A file that nobody else has a name for. */
static int open_input(const struct buf *input)
{
	auto_fd int fd = memfd_create("input", MFD_CLOEXEC);

	if (fd < 0)
		return -errno;
	if (input && input->len && write(fd, input->data, input->len) != (ssize_t)input->len)
		return -EIO;
	return lseek(fd, 0, SEEK_SET) < 0 ? -errno : TAKE_FD(fd);
}

static int no_job(int r, const char *word, struct bh_err *err)
{
	return bh_err_errno(err, r, "cannot run '%s'", word);
}

int job_start(struct job *ret, const struct ctl *c, bool json, char *const *words, const struct buf *input,
	      struct bh_err *err)
{
	int out[2] = { -1, -1 }, said[2] = { -1, -1 };
	auto_fd int in = open_input(input);
	int r = in < 0 ? in : open_pipe(out);
	pid_t pid = -1;

	if (!r)
		r = open_pipe(said);
	if (!r) {
		(void)fflush(stdout); /* what waits there is not the child's to print */
		pid = fork();
		r = pid < 0 ? -errno : 0;
	}
	if (!pid)
		be_child(c, json, words, (const int[]){ in, out[1], said[1] });
	scope_close(&out[1]);
	scope_close(&said[1]);
	if (r < 0) {
		scope_close(&out[0]);
		scope_close(&said[0]);
		return no_job(r, words[0], err);
	}
	(void)setpgid(pid, pid); /* whoever of the two comes first */
	*ret = (struct job){ .pid = pid,
			     .out = out[0],
			     .err = said[0],
			     .text = BUF_INIT(JOB_TEXT_MAX),
			     .said = BUF_INIT(JOB_SAID_MAX) };
	return 0;
}

/* At most one chunk, so that a job that prints without end leaves time for others. */
static void read_some(int *fd, struct buf *to, bool *cut)
{
	char chunk[CHUNK];
	ssize_t n = *fd < 0 ? -1 : read(*fd, chunk, sizeof(chunk));

	if (*fd < 0 || (n < 0 && (errno == EAGAIN || errno == EINTR)))
		return;
	if (n > 0) {
		*cut |= buf_add(to, chunk, (size_t)n) < 0;
		return;
	}
	scope_close(fd);
	*fd = -1;
}

void job_work(struct job *j)
{
	bool cut = false;
	int status;

	if (!j->pid || j->over)
		return;
	read_some(&j->out, &j->text, &j->cut);
	read_some(&j->err, &j->said, &cut);
	if (j->out >= 0 || j->err >= 0 || waitpid(j->pid, &status, WNOHANG) != j->pid)
		return;
	j->over = true;
	j->code = WIFEXITED(status) ? WEXITSTATUS(status) : CTL_UNREACHABLE;
}

void job_end(struct job *j)
{
	if (j->pid && !j->over) {
		(void)kill(-j->pid, SIGKILL);
		while (waitpid(j->pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	if (j->pid) {
		scope_close(&j->out);
		scope_close(&j->err);
	}
	buf_done(&j->text);
	buf_done(&j->said);
	*j = (struct job){ .out = -1, .err = -1 };
}
