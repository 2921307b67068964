/* SPDX-License-Identifier: Apache-2.0 */
/* The sub-commands of bulkhead-agent: one line in main.c's table and one file cmd_NAME.c each. */
#ifndef BH_COMMAND_H
#define BH_COMMAND_H

#define EXIT_USAGE 2

/* @argv[0] is the sub-command's name. Return: an exit code. */
int cmd_node(int argc, char **argv);
int cmd_probe(int argc, char **argv);
int cmd_run(int argc, char **argv);

#endif
