/* SPDX-License-Identifier: Apache-2.0 */
/* bulkhead-agent preflight: one line a check. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "../bpf/abi.h"
#include "api/api.h"
#include "chain/chain.h"
#include "command.h"
#include "preflight.h"
#include "util/err.h"

static const char usage[] =
	"usage: bulkhead-agent preflight [OPTION]...\n"
	"Whether this node can be protected: tries what can be tried, changes nothing that stays.\n"
	"\n"
	"  --cni-conf-dir PATH where the runtime finds its network configuration (default " CHAIN_CONF_DIR
	")\n"
	"  --cni-bin-dir PATH  where it finds plugins (default " CHAIN_BIN_DIR ")\n"
	"  --pin-dir PATH      where maps and programs are to be pinned (default " BH_PIN_DIR ")\n"
	"  --run-dir PATH      socket and state files (default " API_RUN_DIR ")\n"
	"  --help\n"
	"\n"
	"Exit code 1 if a line begins with FAIL. WARN is to be known, and no obstacle.\n";

static const struct option options[] = {
	{ "cni-conf-dir", required_argument, NULL, 'C' },
	{ "cni-bin-dir", required_argument, NULL, 'B' },
	{ "pin-dir", required_argument, NULL, 'p' },
	{ "run-dir", required_argument, NULL, 'r' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

static void print(void *ctx, enum preflight_level level, const char *check, const char *text)
{
	static const char *const names[] = { "OK", "WARN", "FAIL" };

	(void)ctx;
	(void)printf("%-4s  %-12s  %s\n", names[level], check, text);
}

static const char **target_of(int c, struct preflight *p)
{
	switch (c) {
	case 'C':
		return &p->conf_dir;
	case 'B':
		return &p->bin_dir;
	case 'p':
		return &p->pin_dir;
	case 'r':
		return &p->run_dir;
	default:
		return NULL;
	}
}

/* Return: 0, 1 it was a question for help, or -EINVAL. */
static int read_options(int argc, char **argv, struct preflight *p, struct bh_err *err)
{
	const char **target;
	int c;

	opterr = 0;
	while ((c = getopt_long(argc, argv, ":", options, NULL)) != -1) {
		if (c == 'h')
			return 1;
		target = target_of(c, p);
		if (!target)
			return bh_err_set(err, -EINVAL, "'%s': %s", argv[optind - 1],
					  c == ':' ? "needs a value" : "no such option");
		if (optarg[0] != '/' || !optarg[1])
			return bh_err_set(err, -EINVAL, "'%s': not an absolute path below /", optarg);
		*target = optarg;
	}
	return optind < argc ? bh_err_set(err, -EINVAL, "unexpected argument '%s'", argv[optind]) : 0;
}

int cmd_preflight(int argc, char **argv)
{
	struct preflight p = { .conf_dir = CHAIN_CONF_DIR,
			       .bin_dir = CHAIN_BIN_DIR,
			       .pin_dir = BH_PIN_DIR,
			       .run_dir = API_RUN_DIR,
			       .say = print };
	struct bh_err err;
	const int r = read_options(argc, argv, &p, &err);

	if (r > 0)
		return fputs(usage, stdout) < 0 || fflush(stdout);
	if (r < 0) {
		(void)fprintf(stderr, "bulkhead-agent preflight: %s (see --help)\n", err.msg);
		return EXIT_USAGE;
	}
	preflight_kernel(&p);
	preflight_files(&p);
	preflight_network(&p);
	return p.worst == PREFLIGHT_FAIL || fflush(stdout);
}
