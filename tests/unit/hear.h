/* SPDX-License-Identifier: Apache-2.0 */
/* What the code under test says on standard error. One at a time. */
#ifndef BH_TESTS_HEAR_H
#define BH_TESTS_HEAR_H

#include <stdio.h>
#include <unistd.h>

static char said[1 << 20]; /* between the last hush() and hear() */
static FILE *hear_into;
static int hear_saved = -1;

/* Standard error is the test's ear from here on. */
static void hush(void)
{
	if (hear_saved < 0)
		hear_saved = dup(STDERR_FILENO);
	if (hear_into)
		(void)fclose(hear_into);
	hear_into = tmpfile();
	assert_non_null(hear_into);
	assert_true(dup2(fileno(hear_into), STDERR_FILENO) >= 0);
}

/* ...and its own again. Returns `said`. */
static const char *hear(void)
{
	(void)dup2(hear_saved, STDERR_FILENO);
	rewind(hear_into);
	said[fread(said, 1, sizeof(said) - 1, hear_into)] = '\0';
	return said;
}

#endif
