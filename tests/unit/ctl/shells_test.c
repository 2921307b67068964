/* SPDX-License-Identifier: Apache-2.0 */
/* Completion as the shells themselves do it, and the manual page as man and mandoc read it. Where one of them
 * is not installed, its test is skipped. */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util/scope.h"

#define SCRIPTS "tests/unit/ctl/complete."

/* Beside the folder of the tests: build/tests/unit/ctl/shells_test. */
static const char *program(void)
{
	static char path[PATH_MAX];
	const ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);
	char *tests;

	assert_true(n > 0);
	path[n] = '\0';
	tests = strstr(path, "/tests/unit/");
	assert_non_null(tests);
	strcpy(tests, "/bulkheadctl");
	return path;
}

/* What @command prints. Return: its exit code. */
static int output_of(const char *command, char *ret, size_t size)
{
	FILE *p = popen(command, "re");
	size_t n;

	assert_non_null(p);
	n = fread(ret, 1, size - 1, p);
	ret[n] = '\0';
	return pclose(p);
}

static void needs(const char *name)
{
	char command[100], text[100];

	(void)snprintf(command, sizeof(command), "command -v %s", name);
	if (output_of(command, text, sizeof(text)))
		skip();
}

/* The words that @shell offers, sorted, without what they are. */
static void assert_offers(const char *shell, const char *line, const char *want)
{
	char command[2 * PATH_MAX], text[8192];

	(void)snprintf(command, sizeof(command),
		       "timeout 30 %s %s%s '%s' '%s' | cut -f1 | LC_ALL=C sort | tr '\\n' ' '", shell,
		       SCRIPTS, shell, program(), line);
	(void)output_of(command, text, sizeof(text));
	assert_string_equal(text, want);
}

static void completes(const char *shell, const char *value_prefix)
{
	char want[200];

	needs(shell);
	assert_offers(shell, "compl", "completion ");
	assert_offers(shell, "completion ", "bash fish zsh ");
	assert_offers(shell, "policy ent", "entries ");
	assert_offers(shell, "-o json flows --fol", "--follow ");
	assert_offers(shell, "flows -o ", "json text yaml ");
	(void)snprintf(want, sizeof(want), "%sjson ", value_prefix);
	assert_offers(shell, "status --output=j", want);
}

static void bash_completes(void **state)
{
	(void)state;
	completes("bash", ""); /* it cuts words at '=' */
}

static void zsh_completes(void **state)
{
	(void)state;
	completes("zsh", "--output=");
}

static void fish_completes(void **state)
{
	(void)state;
	completes("fish", "--output=");
}

static void kubectl_completes(void **state)
{
	char command[2 * PATH_MAX], text[8192];

	(void)state;
	(void)snprintf(command, sizeof(command), "bash -c 'exec -a kubectl_complete-bulkhead %s compl'",
		       program());
	assert_int_equal(output_of(command, text, sizeof(text)), 0);
	assert_non_null(strstr(text, "completion\t"));
	assert_non_null(strstr(text, "\n:4\n"));
	(void)snprintf(command, sizeof(command), "bash -c 'exec -a kubectl-bulkhead %s --help'", program());
	assert_int_equal(output_of(command, text, sizeof(text)), 0);
	assert_non_null(strstr(text, "usage: kubectl bulkhead COMMAND"));
}

static void the_manual_page_is_sound(void **state)
{
	char command[2 * PATH_MAX], text[65536];

	(void)state;
	needs("mandoc");
	(void)snprintf(command, sizeof(command),
		       "%s reference man | mandoc -T lint -W warning 2>&1 | grep -v 'missing date'",
		       program());
	(void)output_of(command, text, sizeof(text)); /* without a date it is the same in every build */
	assert_string_equal(text, "");
	(void)snprintf(command, sizeof(command), "%s reference man | mandoc -T ascii | col -b", program());
	assert_int_equal(output_of(command, text, sizeof(text)), 0);
	assert_non_null(strstr(text, "bulkheadctl explain SRC DST PORT[/PROTO]"));
	assert_non_null(strstr(text, "--follow"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bash_completes),	    cmocka_unit_test(zsh_completes),
		cmocka_unit_test(fish_completes),	    cmocka_unit_test(kubectl_completes),
		cmocka_unit_test(the_manual_page_is_sound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
