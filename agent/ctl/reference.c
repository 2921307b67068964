/* SPDX-License-Identifier: Apache-2.0 */
/* The table of commands and options as a manual page, and as the reference in docs/bulkheadctl.md. */
#include <string.h>

#include "api/api.h"
#include "ctl/ctl.h"
#include "util/scope.h"

/* ---- the manual page: man(7) -------------------------------------------------------------- */

/* One line of text: no backslash, no leading dot or quote, no hyphen that troff might make a dash. */
static void man_text(FILE *out, const char *text)
{
	if (*text == '.' || *text == '\'')
		(void)fputs("\\&", out);
	for (; *text; text++) {
		if (*text == '\n' && text[1] == '\n')
			(void)fputs("\n.PP", out);
		else if (*text == '\\')
			(void)fputs("\\e", out);
		else if (*text == '-')
			(void)fputs("\\-", out);
		else if (*text != '\n' || text[-1] == '\n')
			(void)fputc(*text, out);
		else
			(void)fputc(' ', out);
	}
}

static void man_line(FILE *out, const char *before, const char *text)
{
	(void)fputs(before, out);
	man_text(out, text);
	(void)fputc('\n', out);
}

/* Names with what they mean. */
static void man_lines(FILE *out, const char *lines)
{
	struct help_line l;

	while ((lines = help_line(lines, &l))) {
		man_line(out, ".TP\n.B ", l.name);
		man_line(out, "", l.text);
	}
}

static void man_option(FILE *out, const struct ctl_option *o)
{
	(void)fputs(".TP\n.B ", out);
	if (o->letter)
		(void)fprintf(out, "\\-%c, ", o->letter);
	man_line(out, "\\-\\-", o->name);
	if (o->value)
		(void)fprintf(out, ".I %s\n", o->value);
	man_line(out, "", o->text);
}

static void man_options(FILE *out, const struct command *c)
{
	size_t i;

	for (i = 0; ctl_options[i].name; i++)
		if (c ? (ctl_options[i].bit & c->options) : ctl_options[i].bit >= OPT_ALWAYS)
			man_option(out, &ctl_options[i]);
}

static void man_examples(FILE *out, const char *lines)
{
	struct help_line l;

	while ((lines = help_line(lines, &l))) {
		man_line(out, ".PP\n", l.text);
		man_line(out, ".RS\n.EX\nbulkheadctl ", l.name);
		(void)fputs(".EE\n.RE\n", out);
	}
}

static void man_command(FILE *out, const struct command *c)
{
	man_line(out, ".SS ", c->name);
	man_line(out, ".B bulkheadctl ", c->name);
	if (*c->args)
		man_line(out, ".I ", c->args);
	man_line(out, ".PP\n", c->summary);
	if (c->text)
		man_line(out, ".PP\n", c->text);
	man_options(out, c);
	if (c->exits)
		(void)fputs(".PP\nExits with\n", out);
	man_lines(out, c->exits);
	man_examples(out, c->examples);
}

void reference_man(FILE *out)
{
	size_t i;

	(void)fputs(
		".\\\" SPDX-License-Identifier: Apache-2.0\n"
		".TH BULKHEADCTL 1 \"\" \"Bulkhead " BH_VERSION "\" \"User Commands\"\n"
		".SH NAME\nbulkheadctl, kubectl\\-bulkhead \\- ask the Bulkhead agents\n"
		".SH SYNOPSIS\n.B bulkheadctl\n.I COMMAND\n.RI [ OPTION ]...\n.br\n"
		".B kubectl bulkhead\n.I COMMAND\n.RI [ OPTION ]...\n"
		".SH DESCRIPTION\nAsks the agent of this node, or those of all nodes, what is in force, what was "
		"denied and why. It changes nothing.\n.SH COMMANDS\n",
		out);
	for (i = 0; ctl_commands[i]; i++)
		if (!ctl_commands[i]->hidden)
			man_command(out, ctl_commands[i]);
	(void)fputs(".SH OPTIONS\n", out);
	man_options(out, NULL);
	(void)fputs(".SH EXIT STATUS\n", out);
	man_lines(out, help_exits);
	(void)fputs(".SH ENVIRONMENT\n.TP\n.B NO_COLOR\nIf it is set, no colours on a terminal.\n"
		    ".TP\n.B KUBECONFIG\nAs with kubectl.\n"
		    ".SH FILES\n.TP\n.I " API_RUN_DIR "/" API_SOCKET
		    "\nThe agent's socket, for root alone.\n",
		    out);
}

/* ---- the reference ------------------------------------------------------------------------ */

/* In a table a '|' would begin the next cell. */
static void md_text(FILE *out, const char *text)
{
	for (; *text; text++)
		(void)fprintf(out, *text == '|' ? "\\%c" : "%c", *text);
}

/* "`-f`, `--follow`" */
static void md_option_name(FILE *out, const struct ctl_option *o)
{
	if (o->letter)
		(void)fprintf(out, "`-%c`, ", o->letter);
	(void)fprintf(out, "`--%s%s%s`", o->name, o->value ? " " : "", o->value ? o->value : "");
}

static void md_own_options(FILE *out, const struct command *c)
{
	const char *separator = "";
	size_t i;

	for (i = 0; ctl_options[i].name; i++) {
		if (!(ctl_options[i].bit & c->options))
			continue;
		(void)fprintf(out, "%s`%s%s`", separator, ctl_options[i].letter ? "-" : "--",
			      ctl_options[i].letter ? (const char[]){ ctl_options[i].letter, '\0' }
						    : ctl_options[i].name);
		separator = " ";
	}
}

static void md_commands(FILE *out)
{
	size_t i;

	(void)fputs("| command | | options |\n|---|---|---|\n", out);
	for (i = 0; ctl_commands[i]; i++) {
		const struct command *c = ctl_commands[i];

		if (c->hidden)
			continue;
		(void)fprintf(out, "| `%s%s%s` | ", c->name, *c->args ? " " : "", c->args);
		md_text(out, c->summary);
		(void)fputs(" | ", out);
		md_own_options(out, c);
		(void)fputs(" |\n", out);
	}
}

/* "of `flows`, `perf`" */
static void md_takers(FILE *out, const struct ctl_option *o)
{
	const char *separator = "";
	size_t i;

	if (o->bit >= OPT_ALWAYS)
		(void)fputs(o->bit == OPT_ALWAYS ? "all" : "all that ask an agent", out);
	for (i = 0; o->bit < OPT_ALWAYS && ctl_commands[i]; i++) {
		if (!(ctl_commands[i]->options & o->bit))
			continue;
		(void)fprintf(out, "%s`%s`", separator, ctl_commands[i]->name);
		separator = ", ";
	}
}

static void md_options(FILE *out)
{
	size_t i;

	(void)fputs("\n| option | meaning | of |\n|---|---|---|\n", out);
	for (i = 0; ctl_options[i].name; i++) {
		(void)fputs("| ", out);
		md_option_name(out, &ctl_options[i]);
		(void)fputs(" | ", out);
		md_text(out, ctl_options[i].text);
		(void)fputs(" | ", out);
		md_takers(out, &ctl_options[i]);
		(void)fputs(" |\n", out);
	}
}

static void md_exits(FILE *out)
{
	const char *lines = help_exits;
	struct help_line all, own;
	size_t i;

	(void)fputs("\n| exit code | meaning |\n|---|---|\n", out);
	while ((lines = help_line(lines, &all))) {
		(void)fprintf(out, "| %s | %s", all.name, all.text);
		for (i = 0; ctl_commands[i]; i++) {
			const char *rest = ctl_commands[i]->exits;

			while ((rest = help_line(rest, &own)))
				if (!strcmp(own.name, all.name))
					(void)fprintf(out, "; `%s`: %s", ctl_commands[i]->name, own.text);
		}
		(void)fputs(" |\n", out);
	}
}

void reference_markdown(FILE *out)
{
	md_commands(out);
	md_options(out);
	md_exits(out);
}

/* ---- the command -------------------------------------------------------------------------- */

static int run(const struct ctl *c, char **args)
{
	(void)c;
	if (!strcmp(args[0], "man"))
		reference_man(stdout);
	else if (!strcmp(args[0], "markdown"))
		reference_markdown(stdout);
	else
		return ctl_say("FORMAT '%s': not one of man, markdown", args[0]), CTL_USAGE;
	return CTL_OK;
}

const struct command command_reference = {
	.name = "reference",
	.args = "FORMAT",
	.summary = "the table of commands and options: man, markdown",
	.words = "man markdown",
	.nargs = 1,
	.local = true,
	.hidden = true,
	.run = run,
};
