/* SPDX-License-Identifier: Apache-2.0 */
/* bulkheadctl: a command of the table, its options, and out. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl/ctl.h"
#include "util/near.h"
#include "util/scope.h"

static int usage(const struct command *command, const char *why)
{
	ctl_say("%s", why);
	if (command)
		ctl_hint("'%s %s --help' lists its options", ctl_program, command->name);
	else
		ctl_hint("'%s --help' lists commands and options", ctl_program);
	return CTL_USAGE;
}

/* "list, entries or rules", of 'policy'; "" where no command begins with it. */
static void second_words(const char *first, char *ret, size_t size)
{
	const size_t len = strlen(first);
	size_t i, used = 0;

	ret[0] = '\0';
	for (i = 0; ctl_commands[i]; i++)
		if (!strncmp(ctl_commands[i]->name, first, len) && ctl_commands[i]->name[len] == ' ' &&
		    used < size)
			used += (size_t)snprintf(ret + used, size - used, "%s%s", used ? ", " : "",
						 ctl_commands[i]->name + len + 1);
}

static int no_command(char **args, int n)
{
	char seconds[200], why[400], both[100];
	struct near near = NEAR_INIT;

	if (!n)
		return usage(NULL, "no command");
	second_words(args[0], seconds, sizeof(seconds));
	(void)snprintf(both, sizeof(both), "%.48s%s%.48s", args[0], n > 1 ? " " : "", n > 1 ? args[1] : "");
	ctl_near_command(both, &near);
	if (!*near.hint)
		ctl_near_command(args[0], &near);
	if (*seconds)
		(void)snprintf(why, sizeof(why), "'%s' takes one more word: %s", args[0], seconds);
	else
		(void)snprintf(why, sizeof(why), "unknown command '%.100s'%.200s", args[0], near.hint);
	return usage(NULL, why);
}

static int wrong_args(const struct command *command, char **args, int given)
{
	char why[200];

	if (given < command->nargs)
		(void)snprintf(why, sizeof(why), "expected after '%s': %s", command->name, command->args);
	else
		(void)snprintf(why, sizeof(why), "unexpected argument '%.60s' after '%s%s%s'",
			       args[command->nargs + command->optional], command->name,
			       *command->args ? " " : "", command->args);
	return usage(command, why);
}

/* The command has to be found before its options can be read, and options may stand before it. */
static const struct command *look_ahead(int argc, char **argv)
{
	auto_free char **copy = calloc((size_t)argc + 1, sizeof(*copy));
	int at, words;

	if (!copy)
		return NULL;
	memcpy(copy, argv, (size_t)argc * sizeof(*copy));
	at = ctl_read_options(argc, copy, NULL, NULL, NULL);
	return ctl_find(copy + at, argc - at, &words);
}

static int run(int argc, char **argv, struct ctl *c)
{
	const struct command *command = look_ahead(argc, argv);
	struct bh_err err;
	int at = ctl_read_options(argc, argv, command, c, &err), words = 0;

	if (at < 0)
		return usage(command, err.msg);
	if (c->version)
		return printf("bulkheadctl %s\n", BH_VERSION) < 0 ? CTL_UNREACHABLE : CTL_OK;
	command = ctl_find(argv + at, argc - at, &words);
	if (c->help) {
		if (command)
			help_command(stdout, command);
		else
			help_all(stdout);
		return CTL_OK;
	}
	at += words;
	if (!command)
		return no_command(argv + at, argc - at);
	if (argc - at < command->nargs || argc - at > command->nargs + command->optional)
		return wrong_args(command, argv + at, argc - at);
	return command->run(c, argv + at);
}

int main(int argc, char **argv)
{
	const char *no_color = getenv("NO_COLOR"), *slash = strrchr(argv[0] ? argv[0] : "", '/');
	const char *name = slash ? slash + 1 : argv[0];
	struct ctl c = {};
	int code;

	if (name && !strncmp(name, "kubectl-bulkhead", 16))
		ctl_program = "kubectl bulkhead";
	c.colours = isatty(STDOUT_FILENO) && (!no_color || !*no_color); /* no-color.org */
	if (name && !strcmp(name, "kubectl_complete-bulkhead"))		/* as kubectl completes its plugins */
		code = complete_words(stdout, argv + 1, argc - 1);
	else if (argc > 1 && !strcmp(argv[1], COMPLETE_WORD))
		code = complete_words(stdout, argv + 2, argc - 2);
	else
		code = run(argc, argv, &c);
	if (fflush(stdout) && code == CTL_OK)
		code = CTL_UNREACHABLE;
	return code;
}
