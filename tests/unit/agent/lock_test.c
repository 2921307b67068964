/* SPDX-License-Identifier: Apache-2.0 */
/* One agent works, others wait; however the one that works ends. */
#include "lock.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static char dir[64], path[96];

static int setup(void **state)
{
	(void)state;
	(void)snprintf(dir, sizeof(dir), "/tmp/bh-lock-%d", (int)getpid());
	(void)snprintf(path, sizeof(path), "%s/" LOCK_FILE, dir);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	(void)unlink(path);
	return rmdir(dir);
}

static struct lock *new_lock(void)
{
	struct bh_err err = { "" };
	struct lock *l = NULL;

	if (lock_new(dir, &l, &err) < 0)
		fail_msg("%s", err.msg);
	return l;
}

/* Another process, which holds the lock until it is killed. */
static pid_t start_holder(void)
{
	int pipes[2];
	char c = 0;
	pid_t pid;

	assert_int_equal(pipe(pipes), 0);
	pid = fork();
	if (!pid) {
		struct lock *l = new_lock();

		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		c = (char)lock_try(l, NULL);
		(void)!write(pipes[1], &c, 1);
		for (;;)
			(void)pause();
	}
	assert_int_equal(read(pipes[0], &c, 1), 1);
	assert_int_equal(c, 1);
	(void)close(pipes[0]);
	(void)close(pipes[1]);
	return pid;
}

static void one_works_others_wait(void **state)
{
	struct lock *a = new_lock(), *b = new_lock(), *c = new_lock();

	(void)state;
	assert_int_equal(lock_try(a, NULL), 1);
	assert_false(lock_is_waited_for(a));
	assert_int_equal(lock_try(b, NULL), 0);
	assert_int_equal(lock_try(c, NULL), 0);
	assert_int_equal(lock_try(a, NULL), 1);
	assert_true(lock_is_waited_for(a));
	lock_free(b);
	assert_false(lock_is_waited_for(a));
	assert_int_equal(lock_try(c, NULL), 0);
	assert_true(lock_is_waited_for(a));
	lock_free(a);
	assert_int_equal(lock_try(c, NULL), 1);
	assert_false(lock_is_waited_for(c)); /* it does not wait any more itself */
	lock_free(c);
}

static void goes_with_its_process(void **state)
{
	struct lock *l = new_lock();
	char text[LOCK_TEXT_MAX], want[32];
	pid_t holder;

	(void)state;
	assert_string_equal(lock_holder(l, text), "another agent"); /* nobody ever was */
	holder = start_holder();
	(void)snprintf(want, sizeof(want), "(pid %d)", (int)holder);
	assert_int_equal(lock_try(l, NULL), 0);
	assert_non_null(strstr(lock_holder(l, text), want));
	assert_null(strchr(text, '\n'));
	(void)kill(holder, SIGSTOP);
	assert_int_equal(lock_try(l, NULL), 0);
	(void)kill(holder, SIGKILL);
	(void)waitpid(holder, NULL, 0);
	assert_int_equal(lock_try(l, NULL), 1);
	assert_null(strstr(lock_holder(l, text), want));
	lock_free(l);
}

static void file_is_for_root_alone(void **state)
{
	struct lock *l = new_lock();
	struct bh_err err = { "" };
	struct stat st;

	(void)state;
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	lock_free(l);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(symlink("/dev/null", path), 0);
	assert_int_equal(lock_new(dir, &l, &err), -ELOOP);
	assert_non_null(strstr(err.msg, path));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = { TEST(one_works_others_wait), TEST(goes_with_its_process),
					    TEST(file_is_for_root_alone) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
