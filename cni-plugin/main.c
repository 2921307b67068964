/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bulkhead: the chained CNI plugin. Reads the call, runs one command, prints. stdout belongs to the
 * result (or the error object); all else goes to stderr.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "result.h"
#include "util/scope.h"

static const struct command {
	const char *name;
	unsigned int needs;
	enum cni_version since;
	bool lenient;
	int (*run)(struct call *c, struct bh_err *err);
} commands[] = {
	{ "ADD", NEED_CONTAINER | NEED_NETNS | NEED_IFNAME | NEED_POD, CNI_0_3_1, false, cmd_add },
	{ "DEL", NEED_CONTAINER | NEED_IFNAME, CNI_0_3_1, true, cmd_del },
	{ "CHECK", NEED_CONTAINER | NEED_NETNS | NEED_IFNAME, CNI_0_4_0, false, cmd_check },
	{ "STATUS", 0, CNI_1_1_0, false, cmd_status },
	{ "GC", 0, CNI_1_1_0, true, cmd_gc },
};

static const struct command *command_of(const char *name)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(commands); i++)
		if (!strcmp(name, commands[i].name))
			return &commands[i];
	return NULL;
}

static int print(struct buf *text)
{
	const int r = result_print(STDOUT_FILENO, text);

	if (r < 0)
		(void)fprintf(stderr, "bulkhead: cannot write to stdout: %s\n", strerror(-r));
	return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int fail(enum cni_version version, int code, const struct bh_err *err)
{
	auto_buf struct buf text = BUF_INIT(65536);

	if (result_error(version, code, err->msg, &text) < 0 || print(&text))
		(void)fprintf(stderr, "bulkhead: error %d: %s\n", code, err->msg);
	return EXIT_FAILURE;
}

static int versions(void)
{
	auto_buf struct buf text = BUF_INIT(4096);

	return result_versions(&text) < 0 ? EXIT_FAILURE : print(&text);
}

static int about(void)
{
	(void)fprintf(stderr,
		      "bulkhead " BH_VERSION ": chained CNI plugin, policy for pods on veth interfaces\n"
		      "CNI protocol versions: 0.3.1, 0.4.0, 1.0.0, 1.1.0\n");
	return EXIT_SUCCESS;
}

static int run(const struct command *cmd, struct netconf *conf, struct bh_err *err)
{
	struct call c = {
		.conf = conf, .start_ms = now_ms(), .out = STDOUT_FILENO, .notes = BUF_INIT(65536)
	};
	struct buf text = BUF_INIT(NETCONF_MAX);
	struct env env;
	int code = netconf_read(STDIN_FILENO, &text, err);

	if (!code)
		code = netconf_parse(&text, cmd->lenient, conf, err);
	buf_done(&text);
	if (!code && conf->version < cmd->since)
		code = bh_err_set(err, CNI_BAD_VERSION, "%s: needs cniVersion %s, the configuration has %s",
				  cmd->name, cni_versions[cmd->since], cni_versions[conf->version]);
	if (!code)
		code = env_read(cmd->needs, &env, err);
	c.env = &env;
	if (!code)
		code = cmd->run(&c, err);
	if (c.notes.len)
		(void)fputs(c.notes.data, stderr);
	buf_done(&c.notes);
	return code;
}

/* A closed one of the three would be given to the next file that is opened: /dev/null holds its place,
 * read-only, so that writing still fails. */
static void hold_standard_files(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		(void)close(fd);
}

int main(void)
{
	struct netconf conf = { .version = CNI_1_1_0 };
	const char *name = getenv("CNI_COMMAND");
	const struct command *cmd;
	struct bh_err err = { "" };
	int code;

	hold_standard_files();
	(void)signal(SIGPIPE, SIG_IGN);
	if (!name || !name[0])
		return about();
	if (!strcmp(name, "VERSION"))
		return versions();
	cmd = command_of(name);
	if (!cmd) {
		code = bh_err_set(&err, CNI_BAD_ENV,
				  "CNI_COMMAND: '%.32s' is none of ADD, DEL, CHECK, STATUS, GC, VERSION",
				  name);
		return fail(CNI_1_1_0, code, &err);
	}
	code = run(cmd, &conf, &err);
	if (code)
		code = fail(conf.version, code, &err);
	netconf_done(&conf);
	return code;
}
