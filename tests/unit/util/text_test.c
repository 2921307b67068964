/* SPDX-License-Identifier: Apache-2.0 */
/* Buffers, messages, vectors, scopes and the log: limits, and that nothing can forge a line. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "util/buf.h"
#include "util/err.h"
#include "util/log.h"
#include "util/scope.h"
#include "util/vec.h"

/* ---- buf -------------------------------------------------------------------------------- */

static void buf_holds_its_maximum(void **state)
{
	struct buf b = BUF_INIT(5);

	(void)state;
	assert_int_equal(buf_str(&b, "abc"), 0);
	assert_int_equal(buf_str(&b, "def"), -E2BIG);
	assert_string_equal(b.data, "abc");
	assert_int_equal(buf_fmt(&b, "%03d", 7), -E2BIG);
	assert_string_equal(b.data, "abc");
	assert_int_equal(buf_fmt(&b, "%02d", 7), 0);
	assert_string_equal(b.data, "abc07");
	assert_int_equal(buf_str(&b, ""), 0);
	assert_int_equal(buf_add(&b, "x", 1), -E2BIG);
	assert_int_equal(buf_add(&b, "x", SIZE_MAX), -E2BIG);
	buf_done(&b);
	assert_null(b.data);
	assert_int_equal(b.max, 5);
}

static void buf_grows(void **state)
{
	struct buf b = BUF_INIT(100000);
	size_t i;

	(void)state;
	for (i = 0; i < 10000; i++) {
		assert_int_equal(buf_fmt(&b, "%zu,", i % 10), 0);
		assert_true(b.len < b.size); /* the NUL has its place */
	}
	assert_int_equal(b.len, 20000);
	assert_int_equal(strlen(b.data), 20000);
	assert_memory_equal(b.data + 19996, "8,9,", 5);
	buf_done(&b);
}

static void buf_fits(void **state)
{
	auto_buf struct buf b = BUF_INIT(10000);
	int i;

	(void)state;
	for (i = 0; i < 1000; i++)
		assert_int_equal(buf_str(&b, "12345678"), 0);
	buf_drop(&b, 7990);
	buf_fit(&b);
	assert_true(b.size < 64);
	assert_string_equal(b.data, "7812345678");
	assert_int_equal(buf_str(&b, "9"), 0);
	buf_drop(&b, b.len);
	buf_fit(&b);
	assert_null(b.data);
	assert_int_equal(b.max, 10000);
}

static void buf_drops_and_clears(void **state)
{
	struct buf b = BUF_INIT(64);

	(void)state;
	buf_drop(&b, 0);
	buf_clear(&b);
	assert_int_equal(buf_add(&b, "a\0b\ncd", 6), 0);
	buf_drop(&b, 4);
	assert_string_equal(b.data, "cd");
	assert_int_equal(b.len, 2);
	buf_drop(&b, 2);
	assert_string_equal(b.data, "");
	assert_int_equal(buf_str(&b, "again"), 0);
	buf_clear(&b);
	assert_int_equal(b.len, 0);
	assert_string_equal(b.data, "");
	buf_done(&b);
}

/* ---- err -------------------------------------------------------------------------------- */

static void err_messages(void **state)
{
	char file[400];
	struct bh_err err;

	(void)state;
	assert_int_equal(bh_err_set(&err, -EINVAL, "port %d", 80), -EINVAL);
	assert_string_equal(err.msg, "port 80");
	assert_int_equal(bh_err_errno(&err, -ENOENT, "cannot open '%s'", "x"), -ENOENT);
	assert_string_equal(err.msg, "cannot open 'x': No such file or directory");
	(void)bh_err_errno(&err, -E2BIG, "the request"); /* "Argument list too long" is not about ours */
	assert_string_equal(err.msg, "the request: it is too large");
	assert_int_equal(bh_err_set(NULL, -EPERM, "nobody asks"), -EPERM);
	assert_int_equal(bh_err_errno(NULL, -EPERM, "nobody asks"), -EPERM);

	memset(file, 'f', sizeof(file) - 1);
	file[sizeof(file) - 1] = '\0';
	(void)bh_err_set(&err, -1, "%s", file);
	assert_int_equal(strlen(err.msg), sizeof(err.msg) - 1);
	assert_string_equal(err.msg + sizeof(err.msg) - 5, "f...");
	(void)bh_err_errno(&err, -ENOENT, "%s", file);
	assert_int_equal(strlen(err.msg), sizeof(err.msg) - 1);
	assert_non_null(strstr(err.msg, "f...: No such file or directory"));
	file[sizeof(err.msg) - 1] = '\0';
	(void)bh_err_set(&err, -1, "%s", file);
	assert_string_equal(err.msg, file);
}

/* What is cut, or is one byte of a character: a reader of JSON gives up at the half of one. */
static void err_is_utf8(void **state)
{
	char file[400];
	struct bh_err err;

	(void)state;
	(void)bh_err_set(&err, -1, "'%c' %s \xff\x1b[31m", 0xef, "caf\xc3\xa9 \xe2\x82\xac");
	assert_string_equal(err.msg, "'?' caf\xc3\xa9 \xe2\x82\xac ??[31m");
	memset(file, 'f', sizeof(file));
	(void)snprintf(file + sizeof(err.msg) - 6, 16, "\xe2\x82\xac%s",
		       "ffff"); /* its third byte is a dot's */
	(void)bh_err_set(&err, -1, "%s", file);
	assert_string_equal(err.msg + sizeof(err.msg) - 7, "f??...");
}

static void err_takes_in_its_own_text(void **state)
{
	struct bh_err err;

	(void)state;
	(void)bh_err_set(&err, -1, "field");
	(void)bh_err_set(&err, -1, "object: %s", err.msg);
	(void)bh_err_errno(&err, -EIO, "file: %s", err.msg);
	assert_string_equal(err.msg, "file: object: field: Input/output error");
}

static void err_is_one_line(void **state)
{
	struct bh_err err;

	(void)state;
	(void)bh_err_set(&err, -1, "name 'a\nerror b\r\x1b[31m\x7f' \xc3\xa4");
	assert_string_equal(err.msg, "name 'a?error b??[31m?' \xc3\xa4");
}

/* ---- vec -------------------------------------------------------------------------------- */

static int int_cmp(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

static void vec_grows_sorts_finds(void **state)
{
	VEC(int) v = {};
	int i, key;

	(void)state;
	key = 3;
	assert_null(vec_find(&v, &key, int_cmp));
	vec_sort(&v, int_cmp);
	for (i = 0; i < 1000; i++) {
		int *slot = vec_add(&v);

		assert_non_null(slot);
		assert_int_equal(*slot, 0);
		*slot = (i * 37) % 1000;
	}
	vec_sort(&v, int_cmp);
	for (i = 0; i < 1000; i++) {
		assert_int_equal(v.v[i], i);
		assert_ptr_equal(vec_find(&v, &i, int_cmp), &v.v[i]);
	}
	vec_clear(&v);
	assert_int_equal(*vec_add(&v), 0); /* zeroed again, although the memory was used */
	assert_int_equal(v.n, 1);
	vec_done(&v);
	assert_null(v.v);
}

static void vec_ends_at_its_maximum(void **state)
{
	size_t size = 8;
	char c;

	(void)state;
	assert_null(vec_grow_(&c, &size, VEC_MAX, 1));
	assert_int_equal(size, 8);
	assert_ptr_equal(vec_grow_(&c, &size, 7, 1), &c);
}

/* ---- scope ------------------------------------------------------------------------------ */

static int dropped;

struct thing {
	int id;
};

static void thing_free(struct thing *t)
{
	dropped += t ? t->id : 0;
}

DEFINE_SCOPE_FREE(struct thing, thing_free)

static struct thing *pass_on(struct thing *t, bool keep)
{
	__attribute__((cleanup(thing_free_scope))) struct thing *mine = t;

	return keep ? TAKE_PTR(mine) : NULL;
}

static void scope_ends(void **state)
{
	struct thing t = { .id = 5 };
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	(void)state;
	assert_ptr_equal(pass_on(&t, true), &t);
	assert_int_equal(dropped, 0);
	assert_null(pass_on(&t, false));
	assert_int_equal(dropped, 5);

	assert_true(fd >= 0);
	{
		auto_fd int mine = fd;

		errno = ENOSPC;
		(void)mine;
	}
	assert_int_equal(errno, ENOSPC);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
}

/* ---- log -------------------------------------------------------------------------------- */

/* What log_line() wrote to standard error. */
static void logged(enum log_level level, const char *text, char *ret, size_t size)
{
	const int saved = dup(STDERR_FILENO);
	int ends[2];
	ssize_t n;

	assert_int_equal(pipe(ends), 0);
	assert_true(dup2(ends[1], STDERR_FILENO) >= 0);
	close(ends[1]);
	log_line(level, "%s", text);
	assert_true(dup2(saved, STDERR_FILENO) >= 0);
	close(saved);
	n = read(ends[0], ret, size - 1);
	close(ends[0]);
	assert_true(n >= 0);
	ret[n] = '\0';
}

static void log_is_one_line(void **state)
{
	char line[4096], text[2000];

	(void)state;
	logged(LOG_WARN, "pod 'a\n2026-01-01T00:00:00.000Z error forged'", line, sizeof(line));
	assert_non_null(strstr(line, "Z warn pod 'a?2026-01-01"));
	assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
	logged(LOG_DEBUG, "too fine", line, sizeof(line));
	assert_string_equal(line, "");

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	logged(LOG_ERROR, text, line, sizeof(line));
	assert_string_equal(line + strlen(line) - 5, "x...\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(buf_holds_its_maximum),
		cmocka_unit_test(buf_grows),
		cmocka_unit_test(buf_drops_and_clears),
		cmocka_unit_test(buf_fits),
		cmocka_unit_test(err_messages),
		cmocka_unit_test(err_is_utf8),
		cmocka_unit_test(err_takes_in_its_own_text),
		cmocka_unit_test(err_is_one_line),
		cmocka_unit_test(vec_grows_sorts_finds),
		cmocka_unit_test(vec_ends_at_its_maximum),
		cmocka_unit_test(scope_ends),
		cmocka_unit_test(log_is_one_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
