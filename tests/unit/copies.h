/* SPDX-License-Identifier: Apache-2.0 */
/* A child that has copies of the descriptors of the code under test, and does nothing. One at a time. */
#ifndef BH_TESTS_COPIES_H
#define BH_TESTS_COPIES_H

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static pid_t copies_pid;

/* It is there when this returns, without a copy of @but. It ends by itself after a minute. */
static void copies_begin(int but)
{
	int told[2];
	char byte;

	assert_int_equal(pipe(told), 0);
	copies_pid = fork();
	if (!copies_pid) {
		(void)alarm(60);
		(void)close(but);
		(void)!write(told[1], "", 1);
		(void)pause();
		_exit(0);
	}
	assert_int_equal(read(told[0], &byte, 1), 1);
	(void)close(told[0]);
	(void)close(told[1]);
}

static void copies_end(void)
{
	(void)kill(copies_pid, SIGKILL);
	(void)waitpid(copies_pid, NULL, 0);
}

#endif
