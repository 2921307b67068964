/* SPDX-License-Identifier: Apache-2.0 */
/* The sub-commands of bulkhead-agent: one line in main.c's table and one file cmd_NAME.c each. */
#ifndef BH_COMMAND_H
#define BH_COMMAND_H

#define EXIT_USAGE 2

struct bh_err;
struct chain_options;

/* The options that are about the node's CNI chain, for getopt_long(), and one of them read. */
#define CHAIN_LONG_OPTIONS                                                                                   \
	{ "cni-conf-dir", required_argument, NULL, 'C' }, { "cni-bin-dir", required_argument, NULL, 'B' },   \
		{ "plugin", required_argument, NULL, 'P' }, { "plugin-conf", required_argument, NULL, 'J' }, \
	{                                                                                                    \
		"cni-mode", required_argument, NULL, 'M'                                                     \
	}
#define CHAIN_USAGE                                                                                          \
	"  --cni-bin-dir PATH  where the runtime finds plugins (default /opt/cni/bin)\n"                     \
	"  --plugin FILE       the plugin to install (default bulkhead, beside this program)\n"              \
	"  --plugin-conf JSON  further keys of its entry, as '{\"failMode\":\"isolate\"}'\n"                 \
	"  --cni-mode MODE     auto or patch: an entry in the list; drop-in: a file beside it, for\n"        \
	"                      runtimes with libcni 1.3 or newer only (default auto)\n"

/* Return: 1 it was one of these, 0 it was not, -EINVAL. */
int read_chain_option(int c, const char *text, struct chain_options *ret, struct bh_err *err);
/* The plugin is told of the directories where they are not the ones it takes by itself. */
void chain_options_dirs(struct chain_options *opt, const char *run_dir, const char *pin_dir);

/* @argv[0] is the sub-command's name. Return: an exit code. */
int cmd_node(int argc, char **argv);
int cmd_metrics(int argc, char **argv);
int cmd_probe(int argc, char **argv);
int cmd_run(int argc, char **argv);
int cmd_chain(int argc, char **argv);
int cmd_retire(int argc, char **argv);
int cmd_preflight(int argc, char **argv);

#endif
