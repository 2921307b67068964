/* SPDX-License-Identifier: Apache-2.0 */
/* bulkheadctl: one table of sub-commands, one file each. */
#include "ctl/ctl.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/api.h"
#include "util/scope.h"

static const struct command *const commands[] = {
	&command_status,   &command_endpoints, &command_stats,		&command_entries,
	&command_policies, &command_rules,     &command_sessions,	&command_flows,
	&command_explain,  &command_perf,      &command_selftest_serve, &command_selftest_probe,
};

static const struct option options[] = {
	{ "output", required_argument, NULL, 'o' },
	{ "run-dir", required_argument, NULL, 'r' },
	{ "pod", required_argument, NULL, 'p' },
	{ "follow", no_argument, NULL, 'f' },
	{ "interface", required_argument, NULL, 'i' },
	{ "duration", required_argument, NULL, 'd' },
	{ "interval", required_argument, NULL, 'n' },
	{ "unprotected", no_argument, NULL, 'u' },
	{ "version", no_argument, NULL, 'V' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

/* What a command may take besides the common ones. */
static const struct {
	unsigned int bit;
	const char *name, *value;
} own_options[] = {
	{ OPT_POD, "--pod", " NAMESPACE/NAME" },
	{ OPT_INTERFACE, "--interface", " IF" },
	{ OPT_DURATION, "--duration", " SECONDS" },
	{ OPT_INTERVAL, "--interval", " SECONDS" },
	{ OPT_FOLLOW, "-f", "" },
	{ OPT_UNPROTECTED, "--unprotected", "" },
};

static void print_command(FILE *out, const struct command *c)
{
	size_t i;

	(void)fprintf(out, "  %s%s%s", c->name, *c->args ? " " : "", c->args);
	for (i = 0; i < ARRAY_SIZE(own_options); i++)
		if (c->options & own_options[i].bit)
			(void)fprintf(out, " [%s%s]", own_options[i].name, own_options[i].value);
	(void)fprintf(out, "\n      %s\n", c->summary);
}

static void print_help(FILE *out)
{
	size_t i;

	(void)fprintf(out,
		      "usage: bulkheadctl COMMAND [OPTION]...\nAsks the Bulkhead agent of this node.\n\n");
	for (i = 0; i < ARRAY_SIZE(commands); i++)
		print_command(out, commands[i]);
	(void)fprintf(
		out,
		"\n  -o, --output text|json   (default text)\n"
		"  --run-dir PATH           where the agent's socket is (default " API_RUN_DIR ")\n"
		"  --version, --help\n"
		"\nA pod is NAMESPACE/NAME, or NAME where only one has it.\n"
		"Exits 0: done, 1: denied (explain) or a target missed (perf), 2: usage, 3: no agent. Colour only on a terminal, "
		"not if NO_COLOR is set.\n");
}

static int usage(const char *fmt, const char *what)
{
	(void)fprintf(stderr, "bulkheadctl: ");
	(void)fprintf(stderr, fmt, what);
	(void)fprintf(stderr, "\nhint: 'bulkheadctl --help' lists commands and options\n");
	return CTL_USAGE;
}

static int no_meaning(const char *option, const char *command)
{
	(void)fprintf(stderr,
		      "bulkheadctl: %s has no meaning for '%s'\nhint: 'bulkheadctl --help' lists "
		      "commands and options\n",
		      option, command);
	return CTL_USAGE;
}

/* Return: how many words of @args the command's name takes, 0 if it is not this one. */
static int matches(const struct command *c, char **args, int n)
{
	const char *space = strchr(c->name, ' ');
	const size_t first = space ? (size_t)(space - c->name) : strlen(c->name);

	if (n < 1 || strlen(args[0]) != first || strncmp(args[0], c->name, first))
		return 0;
	if (!space)
		return 1;
	return n >= 2 && !strcmp(args[1], space + 1) ? 2 : 0;
}

static int read_output(const char *text, struct ctl *c)
{
	if (!strcmp(text, "json"))
		c->json = true;
	else if (!strcmp(text, "text"))
		c->json = false;
	else
		return usage("-o '%s': neither text nor json", text);
	return CTL_OK;
}

/* Seconds with up to three decimals. */
static int read_seconds(const char *text, uint64_t *ret_ms)
{
	char *end;
	const double s = strtod(text, &end);

	if (text[0] < '0' || text[0] > '9' || *end || !(s >= 0.1 && s <= 86400))
		return usage("'%s': not from 0.1 to 86400 seconds", text);
	*ret_ms = (uint64_t)(s * 1000 + 0.5);
	return CTL_OK;
}

/* Return: 0, an exit code, or -1: all was said and done. */
static int read_options(int argc, char **argv, struct ctl *c, unsigned int *ret_given)
{
	int o, code = CTL_OK;

	opterr = 0;
	while (code == CTL_OK && (o = getopt_long(argc, argv, ":o:fhp:", options, NULL)) != -1) {
		switch (o) {
		case 'o':
			code = read_output(optarg, c);
			break;
		case 'r':
			c->run_dir = optarg;
			break;
		case 'p':
			c->pod = optarg;
			*ret_given |= OPT_POD;
			break;
		case 'f':
			c->follow = true;
			*ret_given |= OPT_FOLLOW;
			break;
		case 'i':
			c->interface = optarg;
			*ret_given |= OPT_INTERFACE;
			break;
		case 'd':
			code = read_seconds(optarg, &c->duration_ms);
			*ret_given |= OPT_DURATION;
			break;
		case 'n':
			code = read_seconds(optarg, &c->interval_ms);
			*ret_given |= OPT_INTERVAL;
			break;
		case 'u':
			c->unprotected = true;
			*ret_given |= OPT_UNPROTECTED;
			break;
		case 'V':
			(void)puts("bulkheadctl " BH_VERSION);
			return -1;
		case 'h':
			print_help(stdout);
			return -1;
		default:
			code = usage(o == ':' ? "%s needs a value" : "unknown option '%s'", argv[optind - 1]);
		}
	}
	return code;
}

static int run_command(const struct ctl *c, unsigned int given, char **args, int n)
{
	const struct command *found = NULL;
	int words = 0;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(commands) && !found; i++) {
		words = matches(commands[i], args, n);
		found = words ? commands[i] : NULL;
	}
	if (!n)
		return usage("%s", "no command");
	if (!found)
		return usage(!strcmp(args[0], "policy") ? "'%s' takes one more word: list, entries or rules"
			     : !strcmp(args[0], "selftest") ? "'%s' takes one more word: serve or probe"
							    : "unknown command '%s'",
			     args[0]);
	given &= ~found->options;
	for (i = 0; i < ARRAY_SIZE(own_options); i++)
		if (given & own_options[i].bit)
			return no_meaning(own_options[i].name, found->name);
	if (n - words != found->nargs)
		return usage(found->nargs ? "expected after the command: %s"
					  : "unexpected argument after '%s'",
			     found->nargs ? found->args : found->name);
	return found->run(c, args + words);
}

int main(int argc, char **argv)
{
	const char *no_color = getenv("NO_COLOR");
	struct ctl c = { .run_dir = API_RUN_DIR };
	unsigned int given = 0;
	int code = read_options(argc, argv, &c, &given);

	c.colours = isatty(STDOUT_FILENO) && (!no_color || !*no_color); /* no-color.org */
	if (code == CTL_OK)
		code = run_command(&c, given, argv + optind, argc - optind);
	if (fflush(stdout) && code == CTL_OK)
		code = CTL_UNREACHABLE;
	return code < 0 ? CTL_OK : code;
}
