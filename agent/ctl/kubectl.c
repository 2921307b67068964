/* SPDX-License-Identifier: Apache-2.0 */
/* How kubectl is called, and what it says that went wrong. */
#include <ctype.h>
#include <errno.h>
#include <poll.h>
#include <string.h>

#include "ctl/process.h"
#include "ctl/remote.h"
#include "util/buf.h"
#include "util/clock.h"
#include "util/scope.h"

#define ARGS_MAX   32
#define RUN_MS	   30000
#define STDERR_MAX (1 << 20)

/* ---- words in and out ----------------------------------------------------------------------- */

static char *option(const char *name, const char *value)
{
	char *text = NULL;

	return asprintf(&text, "--%s=%s", name, value) < 0 ? NULL : text;
}

char **remote_argv(const struct ctl *c, const char *const *more)
{
	char **argv = calloc(ARGS_MAX + 1, sizeof(*argv));
	size_t n = 0, i;

	if (!argv)
		return NULL;
	argv[n++] = strdup("kubectl");
	if (c->kubeconfig)
		argv[n++] = option("kubeconfig", c->kubeconfig);
	if (c->context)
		argv[n++] = option("context", c->context);
	for (i = 0; more[i] && n < ARGS_MAX; i++)
		argv[n++] = strdup(more[i]);
	for (i = 0; i < n; i++) {
		if (argv[i])
			continue;
		remote_argv_free(argv);
		return NULL;
	}
	return argv;
}

void remote_argv_free(char **argv)
{
	size_t i;

	for (i = 0; argv && i < ARGS_MAX; i++)
		free(argv[i]);
	free(argv);
}

/* klog's lines ("E1128 12:00:00 ...") tell of tries, warnings of nothing that failed. */
static bool is_noise(const char *line)
{
	return !*line || !strncmp(line, "Warning:", 8) ||
	       (strchr("IWE", line[0]) && isdigit((unsigned char)line[1]) && isdigit((unsigned char)line[2]));
}

const char *remote_why(char *text, char ret[REMOTE_WHY])
{
	char *save = NULL, *line;

	ret[0] = '\0';
	for (line = strtok_r(text, "\r\n", &save); line && !*ret; line = strtok_r(NULL, "\r\n", &save))
		if (!is_noise(line))
			(void)snprintf(ret, REMOTE_WHY, "%s", line);
	bh_text_clean(ret);
	return ret;
}

/* ---- to its end ----------------------------------------------------------------------------- */

/* Return: 1 something came, 0 it has ended, -EAGAIN nothing now, or another -errno. */
static int read_some(int fd, struct buf *to)
{
	char chunk[65536];
	const ssize_t n = read(fd, chunk, sizeof(chunk));
	int r;

	if (n < 0)
		return errno == EINTR ? -EAGAIN : -errno;
	r = n ? buf_add(to, chunk, (size_t)n) : 0;
	return r < 0 ? r : n > 0;
}

/* Both streams to their ends. Return: 0, -ETIMEDOUT, -E2BIG... */
static int read_all(struct process *p, int64_t due_ms, struct buf *out, struct buf *said)
{
	struct pollfd fds[2] = { { .fd = p->out, .events = POLLIN }, { .fd = p->err, .events = POLLIN } };
	struct buf *const to[2] = { out, said };
	size_t i;
	int r;

	while (fds[0].fd >= 0 || fds[1].fd >= 0) {
		const int64_t left = due_ms - clock_ms();

		if (left <= 0)
			return -ETIMEDOUT;
		(void)poll(fds, 2, (int)left);
		for (i = 0; i < 2; i++) {
			r = fds[i].revents ? read_some(fds[i].fd, to[i]) : -EAGAIN;
			if (r < 0 && r != -EAGAIN)
				return r;
			if (!r)
				fds[i].fd = -1;
		}
	}
	return 0;
}

static int failed(int r, struct buf *said, struct bh_err *err)
{
	char why[REMOTE_WHY] = "";

	if (said->len)
		(void)remote_why(said->data, why);
	if (r == -ETIMEDOUT)
		return bh_err_set(err, r, "no answer in time%s%s", *why ? ": " : "", why);
	if (r < 0)
		return bh_err_errno(err, r, "cannot read what it says");
	return bh_err_set(err, -EPROTO, "%s", *why ? why : "it failed and did not say why");
}

int remote_run(const struct ctl *c, const char *const *args, struct buf *out, struct bh_err *err)
{
	auto_buf struct buf said = BUF_INIT(STDERR_MAX);
	char **argv = remote_argv(c, args);
	struct process p = {};
	int r = argv ? process_start(argv, &p, err) : bh_err_set(err, -ENOMEM, "no memory"), code;

	remote_argv_free(argv);
	if (r < 0)
		return r;
	r = read_all(&p, clock_ms() + ctl_patience_ms(c, RUN_MS), out, &said);
	code = process_end(&p, !r);
	return r < 0 || code ? failed(r, &said, err) : 0;
}
