/* SPDX-License-Identifier: Apache-2.0 */
/* bulkhead-agent: which of its commands. Without a name it is `run`. */
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "util/scope.h"

static const struct command {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *help;
} commands[] = {
	{ "run", cmd_run, "enforce policies on this node's pods (the command if none is named)" },
	{ "chain", cmd_chain,
	  "put the plugin into this node's CNI chain by hand, or take all off this node" },
	{ "node", cmd_node, "open this node in an emergency, and close it again" },
	{ "probe", cmd_probe, "ask the agent of this pod whether it is alive, or ready" },
	{ "metrics", cmd_metrics, "list what /metrics says, as a table in Markdown" },
	{ "preflight", cmd_preflight, "say whether this node can be protected, and why not" },
	{ "retire", cmd_retire, "ask every agent of a cluster to leave its node, and wait for it" },
};

static int usage(FILE *out)
{
	size_t i;

	(void)fprintf(out, "usage: bulkhead-agent [COMMAND] [OPTION]...   (COMMAND --help says more)\n\n");
	for (i = 0; i < ARRAY_SIZE(commands); i++)
		(void)fprintf(out, "  %-10s %s\n", commands[i].name, commands[i].help);
	return fflush(out) ? 1 : 0;
}

int main(int argc, char **argv)
{
	size_t i;

	if (argc < 2)
		return usage(stderr), EXIT_USAGE;
	if (!strcmp(argv[1], "help") || !strcmp(argv[1], "--help"))
		return usage(stdout);
	if (argv[1][0] == '-')
		return cmd_run(argc, argv);
	for (i = 0; i < ARRAY_SIZE(commands); i++)
		if (!strcmp(argv[1], commands[i].name))
			return commands[i].run(argc - 1, argv + 1);
	(void)fprintf(stderr, "bulkhead-agent: no command '%s' (see --help)\n", argv[1]);
	return EXIT_USAGE;
}
