/* SPDX-License-Identifier: Apache-2.0 */
/* What --help says, of all commands and of one. */
#include <string.h>

#include "ctl/ctl.h"
#include "util/near.h"

#define WIDTH	80
#define NAME_AT 2
#define TEXT_AT 26

const char *ctl_program = "bulkheadctl";

const char *const help_exits =
	"0\tdone\n"
	"1\ta well-founded no: denied, a target missed, something found that should not be\n"
	"2\twhat was asked makes no sense: an option, an argument, a pod that is not there\n"
	"3\tno agent answers, or it cannot now\n"
	"4\tsome nodes have answered, and others not: these are named\n"
	"5\ta warning, and nothing worse\n";

/* ---- forms -------------------------------------------------------------------------------- */

static void next_line(FILE *out, int indent, int *at)
{
	(void)fprintf(out, "\n%*s", indent, "");
	*at = indent;
}

void help_fill(FILE *out, const char *text, int at, int indent)
{
	bool first = true;

	if (at < indent)
		(void)fprintf(out, "%*s", indent - at, "");
	else if (at)
		next_line(out, indent, &at);
	at = indent;
	while (*text) {
		const int len = (int)strcspn(text, " \n");

		if (!first && at + 1 + len > WIDTH)
			next_line(out, indent, &at);
		else if (!first)
			at += fprintf(out, " ");
		at += fprintf(out, "%.*s", len, text);
		first = false;
		text += len;
		if (text[0] == '\n' && text[1] == '\n') {
			(void)fputc('\n', out);
			next_line(out, indent, &at);
			first = true;
		}
		text += strspn(text, " \n");
	}
	(void)fputc('\n', out);
}

const char *help_line(const char *lines, struct help_line *ret)
{
	const size_t name = strcspn(lines ? lines : "", "\t\n");
	size_t text;

	if (!lines || !*lines)
		return NULL;
	(void)snprintf(ret->name, sizeof(ret->name), "%.*s", (int)name, lines);
	lines += name + (lines[name] == '\t');
	text = strcspn(lines, "\n");
	(void)snprintf(ret->text, sizeof(ret->text), "%.*s", (int)text, lines);
	return lines + text + (lines[text] == '\n');
}

static void print_lines(FILE *out, const char *lines, int indent)
{
	struct help_line l;

	while ((lines = help_line(lines, &l)))
		help_fill(out, l.text, fprintf(out, "%*s%s", NAME_AT, "", l.name), indent);
}

static void print_option(FILE *out, const struct ctl_option *o)
{
	const int letter = o->letter ? fprintf(out, "  -%c, ", o->letter) : fprintf(out, "      ");
	const int name = fprintf(out, "--%s%s%s", o->name, o->value ? " " : "", o->value ? o->value : "");

	help_fill(out, o->text, letter + name, TEXT_AT);
}

/* Those of the command alone, or those that (nearly) all have. */
static void print_options(FILE *out, const char *head, const struct command *command, bool own)
{
	size_t i, n = 0;

	for (i = 0; ctl_options[i].name; i++) {
		const struct ctl_option *o = &ctl_options[i];

		if (!ctl_takes(command, o) || own == (o->bit >= OPT_ALWAYS))
			continue;
		if (!n++)
			(void)fprintf(out, "\n%s:\n", head);
		print_option(out, o);
	}
}

/* ---- all of them -------------------------------------------------------------------------- */

static void print_example(FILE *out, const char *lines)
{
	struct help_line l;

	while ((lines = help_line(lines, &l))) {
		(void)fprintf(out, "  %s %s\n", ctl_program, l.name);
		help_fill(out, l.text, 0, 6);
	}
}

void help_all(FILE *out)
{
	size_t i;

	(void)fprintf(out, "usage: %s COMMAND [OPTION]...\nAsks the Bulkhead agents. It changes nothing.\n\n",
		      ctl_program);
	for (i = 0; ctl_commands[i]; i++)
		if (!ctl_commands[i]->hidden)
			help_fill(out, ctl_commands[i]->summary, fprintf(out, "  %s", ctl_commands[i]->name),
				  TEXT_AT);
	print_options(out, "options of all commands", NULL, false);
	(void)fputs("\nexits with\n", out);
	print_lines(out, help_exits, 5);
	(void)fprintf(out,
		      "\nA pod is NAMESPACE/NAME, or NAME where only one namespace has it.\n"
		      "Colour only on a terminal, not if NO_COLOR is set.\n"
		      "'%s COMMAND --help' says more of one.\n",
		      ctl_program);
}

void help_command(FILE *out, const struct command *c)
{
	(void)fprintf(out, "usage: %s %s%s%s [OPTION]...\n", ctl_program, c->name, *c->args ? " " : "",
		      c->args);
	help_fill(out, c->summary, 0, 0);
	if (c->text) {
		(void)fputc('\n', out);
		help_fill(out, c->text, 0, 0);
	}
	print_options(out, "options", c, true);
	print_options(out, "as with all commands", c, false);
	if (c->examples)
		(void)fputs("\nexamples:\n", out);
	print_example(out, c->examples);
	if (c->exits)
		(void)fputs("\nexits with\n", out);
	print_lines(out, c->exits, 5);
}

/* ---- the command -------------------------------------------------------------------------- */

static int run(const struct ctl *c, char **args)
{
	const int n = !args[0] ? 0 : args[1] ? 2 : 1;
	const struct command *found;
	struct near near = NEAR_INIT;
	int words;

	(void)c;
	if (!n) {
		help_all(stdout);
		return CTL_OK;
	}
	found = ctl_find(args, n, &words);
	if (found && words == n) {
		help_command(stdout, found);
		return CTL_OK;
	}
	ctl_near_command(args[0], &near);
	ctl_say("no command '%s'%s", args[0], near.hint);
	ctl_hint("'%s --help' lists the commands", ctl_program);
	return CTL_USAGE;
}

const struct command command_help = {
	.name = "help",
	.args = "[COMMAND]",
	.summary = "what a command does, its options and exit codes",
	.optional = 2,
	.local = true,
	.run = run,
};
