/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The flow log as its reader meets it: from the lines alone it must be able to say how many flows it has not
 * seen, whatever became of the file, the disk or the reader meanwhile.
 */
#include "flowlog.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "util/buf.h"
#include "util/scope.h"

#define FIELDS "{\"time\":\"2026-01-01T00:00:00.000Z\",\"verdict\":\"denied\"}"

static char dir[64], path[96], moved[96];
static int troubles;
static char trouble[256];
static time_t ahead_s; /* of the kernel's clocks */

int clock_gettime(clockid_t id, struct timespec *ts)
{
	const int r = (int)syscall(SYS_clock_gettime, id, ts);

	ts->tv_sec += ahead_s;
	return r;
}

static bool never_at_once; /* a file system that cannot let a file grow without waiting */

ssize_t pwritev2(int fd, const struct iovec *v, int n, off_t at, int flags)
{
	if (never_at_once) {
		errno = EAGAIN;
		return -1;
	}
	return (ssize_t)syscall(SYS_pwritev2, fd, v, n, at, 0l, flags);
}

static void on_told(void *ctx, const char *what)
{
	(void)ctx;
	troubles++;
	(void)snprintf(trouble, sizeof(trouble), "%s", what ? what : "");
}

static int setup(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/bh-flowlog-XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	(void)snprintf(path, sizeof(path), "%s/flows", dir);
	(void)snprintf(moved, sizeof(moved), "%s/flows.1", dir);
	troubles = 0;
	ahead_s = 0;
	never_at_once = false;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	(void)unlink(path);
	(void)unlink(moved);
	return rmdir(dir);
}

static struct flowlog *begin(const char *to)
{
	const struct flowlog_options opt = {
		.path = to, .node = "n1", .lost = 100, .throttled = 50, .told = on_told
	};
	struct flowlog *f = NULL;

	assert_int_equal(flowlog_new(&opt, &f, NULL), 0);
	return f;
}

static void flows(struct flowlog *f, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		flowlog_add(f, FIELDS, 7);
	flowlog_flush(f);
}

static void slurp(const char *from, struct buf *ret)
{
	auto_fd int fd = open(from, O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(buf_read(ret, fd), 0);
}

static uint64_t number(struct json_object *o, const char *name)
{
	return (uint64_t)json_object_get_int64(json_object_object_get(o, name));
}

struct account {
	uint64_t next, flows, lost, lost_total, throttled, unwritten;
};

/* What a reader makes of it: each number once, each gap told of by the line behind it, and all that was lost
 * since there was an agent told of by one line or the other. */
static void read_all(const char *text, struct account *ret)
{
	for (; *text; text = strchr(text, '\n') + 1) {
		struct json_tokener *t = json_tokener_new();
		const char *type;
		struct json_object *o;

		assert_non_null(strchr(text, '\n'));
		o = json_tokener_parse_ex(t, text, (int)(strchr(text, '\n') - text));
		type = json_object_get_string(json_object_object_get(o, "type"));
		assert_non_null(type);
		assert_string_equal(json_object_get_string(json_object_object_get(o, "node")), "n1");
		if (!strcmp(type, "start"))
			ret->lost_total = number(o, "lost_total");
		if (!strcmp(type, "missed")) {
			ret->lost += number(o, "lost");
			ret->lost_total += number(o, "lost");
			assert_int_equal(number(o, "lost_total"), ret->lost_total);
			ret->throttled += number(o, "throttled");
			ret->unwritten += number(o, "unwritten");
			ret->next += number(o, "unwritten");
		}
		assert_int_equal(number(o, "seq"), ret->next);
		ret->next++;
		if (!strcmp(type, "flow")) {
			ret->flows++;
			assert_int_equal(number(o, "policy_generation"), 7);
			assert_string_equal(json_object_get_string(json_object_object_get(o, "verdict")),
					    "denied");
		}
		json_object_put(o);
		json_tokener_free(t);
	}
}

static void test_lines(void **state)
{
	auto_buf struct buf b = BUF_INIT(1 << 20);
	struct account a = { 0 };
	struct flowlog *f = begin(path);
	struct flowlog_stats stats;
	struct stat st;

	(void)state;
	flows(f, 3);
	flowlog_stats(f, &stats);
	assert_int_equal(stats.written, 4);
	assert_int_equal(stats.unwritten, 0);
	flowlog_free(f);
	slurp(path, &b);
	assert_int_equal(strncmp(b.data, "{\"seq\":0,\"type\":\"start\",", 24), 0);
	read_all(b.data, &a);
	assert_int_equal(a.flows, 3);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	f = begin(path); /* goes on at its end, and numbers anew: "start" says so */
	flowlog_free(f);
	b.len = 0;
	slurp(path, &b);
	assert_non_null(strstr(b.data + 24, "{\"seq\":0,\"type\":\"start\","));
}

static void test_missed(void **state)
{
	auto_buf struct buf b = BUF_INIT(1 << 20);
	struct account a = { 0 };
	struct flowlog *f = begin(path);

	(void)state;
	ahead_s = 10;
	flowlog_missed(f, 100, 50);
	flowlog_missed(f, 100, 52); /* told: nothing was for a second */
	flowlog_missed(f, 100, 55); /* not yet */
	flows(f, 1);
	slurp(path, &b);
	read_all(b.data, &a);
	assert_int_equal(a.throttled, 2);
	assert_int_equal(a.next, 3); /* start, missed, flow */
	flowlog_missed(f, 104, 55);  /* at once */
	flowlog_flush(f);
	a = (struct account){ 0 };
	buf_clear(&b);
	slurp(path, &b);
	read_all(b.data, &a);
	assert_int_equal(a.lost, 4);
	assert_int_equal(a.lost_total, 104);
	assert_int_equal(a.throttled, 5);
	flowlog_missed(f, 105, 56);
	flowlog_free(f); /* with the last of it */
	a = (struct account){ 0 };
	buf_clear(&b);
	slurp(path, &b);
	read_all(b.data, &a);
	assert_int_equal(a.lost_total, 105);
	assert_int_equal(a.throttled, 6);
}

/* Renamed by logrotate: without a word by itself, and at once when told. No line is torn, none is lost. */
static void test_rotation(void **state)
{
	auto_buf struct buf b = BUF_INIT(1 << 20);
	struct account a = { 0 };
	struct flowlog *f = begin(path);

	(void)state;
	flows(f, 2);
	assert_int_equal(rename(path, moved), 0);
	flows(f, 1); /* within a second nobody looks */
	assert_int_not_equal(access(path, F_OK), 0);
	ahead_s = 2;
	flows(f, 1);
	slurp(moved, &b);
	slurp(path, &b);
	read_all(b.data, &a);
	assert_int_equal(a.flows, 4);
	assert_int_equal(rename(path, moved), 0);
	flowlog_reopen(f);
	flows(f, 1);
	a = (struct account){ .next = 5 };
	buf_clear(&b);
	slurp(path, &b);
	read_all(b.data, &a);
	assert_int_equal(a.flows, 1);
	assert_int_equal(rename(path, moved), 0);
	assert_int_equal(close(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0640)), 0); /* `create` */
	ahead_s = 4;
	flows(f, 1);
	buf_clear(&b);
	slurp(path, &b);
	read_all(b.data, &a);
	assert_int_equal(a.flows, 2);
	assert_int_equal(troubles, 0);
	flowlog_free(f);
}

/* A disk that is full, and then another one: said once, the rest is counted, and told where it can be. */
static void test_full_disk(void **state)
{
	auto_buf struct buf b = BUF_INIT(4 << 20);
	struct account a = { .next = 0 };
	struct flowlog_stats stats;
	struct flowlog *f;

	(void)state;
	assert_int_equal(symlink("/dev/full", path), 0);
	f = begin(path);
	flows(f, 20000);
	flows(f, 1);
	assert_int_equal(troubles, 1);
	assert_non_null(strstr(trouble, "No space left on device"));
	flowlog_stats(f, &stats);
	assert_true(stats.unwritten > 1000);
	assert_int_equal(stats.written, 0);
	assert_int_equal(unlink(path), 0);
	ahead_s = 2;
	flowlog_flush(f);
	flows(f, 1);
	assert_int_equal(troubles, 2);
	assert_string_equal(trouble, "");
	slurp(path, &b);
	read_all(b.data, &a);
	assert_int_equal(a.flows + a.unwritten, 20002);
	assert_int_equal(a.unwritten, stats.unwritten);
	flowlog_free(f);
}

/* What cannot be written at once is written all the same, the next time. */
static void test_waits(void **state)
{
	auto_buf struct buf b = BUF_INIT(1 << 20);
	struct account a = { 0 };
	struct flowlog *f;

	(void)state;
	never_at_once = true;
	f = begin(path);
	flows(f, 3);
	flows(f, 3);
	flowlog_flush(f);
	assert_int_equal(troubles, 0);
	slurp(path, &b);
	read_all(b.data, &a);
	assert_int_equal(a.flows, 6);
	flowlog_free(f);
}

/* A reader of standard output that stands still does not make us wait, and finds all numbers afterwards. */
static void test_slow_reader(void **state)
{
	auto_buf struct buf b = BUF_INIT(8 << 20);
	const int saved = dup(STDOUT_FILENO);
	struct account a = { 0 };
	struct flowlog *f;
	char chunk[65536];
	int ends[2], i;
	ssize_t n;

	(void)state;
	assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
	(void)fcntl(ends[1], F_SETFL, 0); /* that end blocks */
	(void)dup2(ends[1], STDOUT_FILENO);
	f = begin(NULL);
	(void)dup2(saved, STDOUT_FILENO);
	flows(f, 20000);
	for (i = 0; i < 100; i++) {
		while ((n = read(ends[0], chunk, sizeof(chunk))) > 0)
			assert_int_equal(buf_add(&b, chunk, (size_t)n), 0);
		flows(f, 1);
	}
	while ((n = read(ends[0], chunk, sizeof(chunk))) > 0)
		assert_int_equal(buf_add(&b, chunk, (size_t)n), 0);
	read_all(b.data, &a);
	assert_true(a.unwritten > 1000);
	assert_int_equal(a.flows + a.unwritten, 20100);
	assert_int_equal(fcntl(ends[1], F_GETFL) & O_NONBLOCK, 0); /* of others it is as it was */
	flowlog_free(f);
	(void)close(saved);
	(void)close(ends[0]);
	(void)close(ends[1]);
}

static void test_no_such_place(void **state)
{
	struct flowlog *f;

	(void)state;
	(void)snprintf(moved, sizeof(moved), "%s/none/flows", dir);
	f = begin(moved);
	flows(f, 1);
	assert_int_equal(troubles, 1);
	assert_non_null(strstr(trouble, "No such file or directory"));
	flowlog_free(f);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(lines), T(missed), T(rotation), T(full_disk), T(waits), T(slow_reader), T(no_such_place),
	};

	return cmocka_run_group_tests_name("agent/flowlog", tests, NULL, NULL);
}
