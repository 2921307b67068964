/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A queue of whole lines, and one descriptor that never blocks. A line that does not fit has its number all
 * the same; before the next one that fits stands a line that says how many those were.
 */
#include "flowlog.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>

#include "util/buf.h"
#include "util/clock.h"
#include "util/date.h"
#include "util/scope.h"

struct flowlog {
	struct flowlog_options opt;
	int fd; /* -1: the file could not be opened again */
	struct buf queue;
	size_t sent;			    /* bytes of `queue` that are written */
	bool in_line;			    /* and end within a line */
	uint64_t seq;			    /* of the next line */
	uint64_t lost, throttled;	    /* the kernel's sums */
	uint64_t told_lost, told_throttled; /* of these */
	uint64_t unwritten;		    /* to be told */
	int64_t told_ms, looked_ms;	    /* missed ones; the file's name */
	bool moved;			    /* it is to be opened anew */
	bool waits;	   /* the disk would not take it at once: the next time it may take its time */
	char trouble[256]; /* said */
	struct flowlog_stats stats;
};

static void tell(struct flowlog *f, const char *trouble)
{
	const bool same = trouble ? !strcmp(f->trouble, trouble) : !f->trouble[0];

	if (!same && f->opt.told)
		f->opt.told(f->opt.ctx, trouble);
	(void)snprintf(f->trouble, sizeof(f->trouble), "%s", trouble ? trouble : "");
}

/* ---- the descriptor ----------------------------------------------------------------------- */

/* Standard output anew, so that only we do not wait for its reader; of a socket there is no second one. */
static int open_stdout(void)
{
	const int fd = open("/proc/self/fd/1", O_WRONLY | O_APPEND | O_NONBLOCK | O_CLOEXEC);

	return fd >= 0 ? fd : fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
}

static int open_file(const struct flowlog *f)
{
	const int fd = f->opt.path
			       ? open(f->opt.path,
				      O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK | O_CLOEXEC | O_NOCTTY, 0640)
			       : open_stdout();

	return fd < 0 ? -errno : fd;
}

/* Moved away, as logrotate does, or removed? */
static bool is_moved(const struct flowlog *f)
{
	struct stat there, ours;

	if (f->fd < 0)
		return true;
	return stat(f->opt.path, &there) < 0 || fstat(f->fd, &ours) < 0 || there.st_ino != ours.st_ino ||
	       there.st_dev != ours.st_dev;
}

/* Between two lines only: a line is in one file. */
static void open_again(struct flowlog *f)
{
	struct bh_err err;
	int fd;

	if (f->in_line)
		return;
	fd = open_file(f);
	if (fd < 0) {
		(void)bh_err_errno(&err, fd, "cannot open '%s'", f->opt.path ? f->opt.path : "stdout");
		tell(f, err.msg);
		return;
	}
	if (f->fd >= 0)
		(void)close(f->fd);
	f->fd = fd;
	f->moved = false;
}

static void look(struct flowlog *f)
{
	const int64_t now = clock_ms();

	if (!f->opt.path || (!f->moved && now - f->looked_ms < FLOWLOG_LOOK_MS))
		return;
	f->looked_ms = now;
	if (f->moved || is_moved(f))
		open_again(f);
}

/* Into a file without waiting for a disk, where the file system can do that; some cannot ever as a file
 * grows. */
static ssize_t put(const struct flowlog *f, const char *data, size_t len)
{
	const struct iovec v = { (void *)data, len };
	ssize_t n = -1;

	errno = EOPNOTSUPP;
	if (f->opt.path && !f->waits)
		n = pwritev2(f->fd, &v, 1, -1, RWF_NOWAIT);
	if (n < 0 && (errno == EOPNOTSUPP || errno == EINVAL || errno == ESPIPE || errno == ENOSYS))
		n = write(f->fd, data, len);
	return n;
}

static size_t count_lines(const char *data, size_t len)
{
	const char *end = data + len;
	size_t n = 0;

	for (; (data = memchr(data, '\n', (size_t)(end - data))); data++)
		n++;
	return n;
}

static int write_queue(struct flowlog *f)
{
	while (f->fd >= 0 && f->sent < f->queue.len) {
		const char *at = f->queue.data + f->sent;
		const ssize_t n = put(f, at, f->queue.len - f->sent);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		f->stats.written += count_lines(at, (size_t)n);
		f->in_line = at[n - 1] != '\n';
		f->sent += (size_t)n;
	}
	return 0;
}

void flowlog_flush(struct flowlog *f)
{
	struct bh_err err;
	int r;

	look(f);
	r = write_queue(f);
	buf_drop(&f->queue, f->sent);
	f->sent = 0;
	f->waits = r == -EAGAIN;
	if (r < 0 && r != -EAGAIN) {
		(void)bh_err_errno(&err, r, "cannot write to %s", f->opt.path ? f->opt.path : "stdout");
		tell(f, err.msg);
	} else if (!r && f->fd >= 0) {
		tell(f, NULL);
	}
}

void flowlog_reopen(struct flowlog *f)
{
	f->moved = true;
	flowlog_flush(f);
}

/* ---- lines -------------------------------------------------------------------------------- */

static bool fits(const struct flowlog *f, size_t len)
{
	return f->queue.len + len <= FLOWLOG_QUEUE_MAX;
}

/* What is to be told goes before whatever comes next. Return: whether nothing of it is left. */
static bool tell_missed(struct flowlog *f)
{
	char when[DATE_TEXT];

	if (f->lost == f->told_lost && f->throttled == f->told_throttled && !f->unwritten)
		return true;
	if (!fits(f, FLOWLOG_LINE_MAX) ||
	    buf_fmt(&f->queue,
		    "{\"seq\":%" PRIu64
		    ",\"type\":\"missed\",\"node\":\"%s\",\"time\":\"%s\",\"lost\":%" PRIu64
		    ",\"lost_total\":%" PRIu64 ",\"throttled\":%" PRIu64 ",\"unwritten\":%" PRIu64 "}\n",
		    f->seq, f->opt.node, date_now(3, when), f->lost - f->told_lost, f->lost,
		    f->throttled - f->told_throttled, f->unwritten) < 0)
		return false;
	f->seq++;
	f->told_lost = f->lost;
	f->told_throttled = f->throttled;
	f->unwritten = 0;
	f->told_ms = clock_ms();
	return true;
}

static int add(struct flowlog *f, const char *fields, uint64_t generation)
{
	const size_t len = strlen(fields), before = f->queue.len;

	if (len > FLOWLOG_LINE_MAX - 256 || (f->unwritten && !tell_missed(f)) || !fits(f, FLOWLOG_LINE_MAX))
		return -E2BIG;
	if (!buf_fmt(&f->queue,
		     "{\"seq\":%" PRIu64 ",\"type\":\"flow\",\"node\":\"%s\",\"policy_generation\":%" PRIu64
		     ",%s\n",
		     f->seq, f->opt.node, generation, fields + 1))
		return 0;
	buf_cut(&f->queue, before);
	return -ENOMEM;
}

void flowlog_add(struct flowlog *f, const char *fields, uint64_t generation)
{
	if (add(f, fields, generation) < 0) {
		f->unwritten++;
		f->stats.unwritten++;
	}
	f->seq++;
}

void flowlog_missed(struct flowlog *f, uint64_t lost, uint64_t throttled)
{
	f->lost = lost;
	f->throttled = throttled;
	if (f->lost != f->told_lost || f->unwritten || clock_ms() - f->told_ms >= FLOWLOG_LOOK_MS)
		(void)tell_missed(f);
}

/* ---- life --------------------------------------------------------------------------------- */

int flowlog_new(const struct flowlog_options *opt, struct flowlog **ret, struct bh_err *err)
{
	struct flowlog *f = calloc(1, sizeof(*f));
	char when[DATE_TEXT];

	if (!f)
		return bh_err_set(err, -ENOMEM, "no memory for the flow log");
	*f = (struct flowlog){ .opt = *opt, .queue = BUF_INIT(FLOWLOG_QUEUE_MAX), .looked_ms = clock_ms() };
	f->lost = f->told_lost = opt->lost;
	f->throttled = f->told_throttled = opt->throttled;
	f->fd = -1;
	open_again(f);
	(void)buf_fmt(
		&f->queue,
		"{\"seq\":%" PRIu64
		",\"type\":\"start\",\"node\":\"%s\",\"time\":\"%s\",\"version\":\"%s\",\"lost_total\":%" PRIu64
		"}\n",
		f->seq++, f->opt.node, date_now(3, when), BH_VERSION, f->lost);
	flowlog_flush(f);
	*ret = f;
	return 0;
}

void flowlog_free(struct flowlog *f)
{
	if (!f)
		return;
	(void)tell_missed(f);
	flowlog_flush(f);
	if (f->fd >= 0)
		(void)close(f->fd);
	buf_done(&f->queue);
	free(f);
}

void flowlog_stats(const struct flowlog *f, struct flowlog_stats *ret)
{
	*ret = f->stats;
}
