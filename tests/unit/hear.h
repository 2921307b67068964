/* SPDX-License-Identifier: Apache-2.0 */
/* What the code under test says on standard error. One at a time. */
#ifndef BH_TESTS_HEAR_H
#define BH_TESTS_HEAR_H

#include "heard.h"

static char said[1 << 20]; /* between the last hush() and hear() */
static struct heard hear_stderr;

/* Standard error is its own again. Returns `said`. Again is fine. */
static const char *hear(void)
{
	if (hear_stderr.file)
		heard_end(&hear_stderr, said, sizeof(said));
	hear_stderr.file = NULL;
	return said;
}

/* From here on it is the test's ear; what was heard before is forgotten. */
static void hush(void)
{
	(void)hear();
	hear_stderr = heard_begin(STDERR_FILENO, NULL);
}

#endif
