/* SPDX-License-Identifier: Apache-2.0 */
/* bulkhead-agent chain: in and out of the node's CNI chain by hand, and off the node altogether. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../bpf/abi.h"
#include "api/api.h"
#include "chain/chain.h"
#include "command.h"
#include "lock.h"
#include "retire.h"
#include "util/scope.h"

#define WAIT_MAX_MS 60000

static const char usage[] =
	"usage: bulkhead-agent chain install|remove|status [OPTION]...\n"
	"  install  the plugin's binary, then its entry in what the runtime loads\n"
	"  remove   the entry; then, when the runtime has noticed, every program, pin and record: all\n"
	"           pods of this node are open from then on. For a node that no agent serves any more\n"
	"  status   whether the runtime calls the plugin, and if not why; exit code 1 if not\n"
	"\n"
	"  --cni-conf-dir PATH (default " CHAIN_CONF_DIR ")\n" CHAIN_USAGE
	"  --run-dir PATH      the agent's (default " API_RUN_DIR ")\n"
	"  --pin-dir PATH      the agent's (default " BH_PIN_DIR ")\n"
	"  --wait-ms N         remove: how long the runtime gets to read its configuration (default 1000)\n"
	"  --force             remove: also while an agent runs, which may then undo some of it\n"
	"  --help\n";

static const struct option options[] = {
	CHAIN_LONG_OPTIONS,
	{ "run-dir", required_argument, NULL, 'r' },
	{ "pin-dir", required_argument, NULL, 'p' },
	{ "wait-ms", required_argument, NULL, 'w' },
	{ "force", no_argument, NULL, 'f' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

struct request {
	struct chain_options chain;
	const char *run_dir, *pin_dir;
	unsigned int wait_ms;
	bool force;
};

static int read_path(const char *name, const char *text, const char **ret, struct bh_err *err)
{
	if (text[0] != '/')
		return bh_err_set(err, -EINVAL, "%s '%s': not an absolute path", name, text);
	*ret = text;
	return 1;
}

int read_chain_option(int c, const char *text, struct chain_options *ret, struct bh_err *err)
{
	switch (c) {
	case 'C':
		return read_path("--cni-conf-dir", text, &ret->conf_dir, err);
	case 'B':
		return read_path("--cni-bin-dir", text, &ret->bin_dir, err);
	case 'P':
		return read_path("--plugin", text, &ret->plugin, err);
	case 'J':
		ret->plugin_conf = text;
		return 1;
	case 'M':
		if (chain_mode_parse(text, &ret->mode) < 0)
			return bh_err_set(err, -EINVAL, "--cni-mode '%s': none of auto, patch, drop-in",
					  text);
		return 1;
	default:
		return 0;
	}
}

void chain_options_dirs(struct chain_options *opt, const char *run_dir, const char *pin_dir)
{
	opt->run_dir = strcmp(run_dir, API_RUN_DIR) ? run_dir : NULL;
	opt->pin_dir = strcmp(pin_dir, BH_PIN_DIR) ? pin_dir : NULL;
}

static int read_wait(const char *text, unsigned int *ret, struct bh_err *err)
{
	char *end;
	const unsigned long n = strtoul(text, &end, 10);

	if (*end || text[0] < '0' || text[0] > '9' || n > WAIT_MAX_MS)
		return bh_err_set(err, -EINVAL, "--wait-ms '%s': not a number up to %u", text, WAIT_MAX_MS);
	*ret = (unsigned int)n;
	return 0;
}

static int read_option(int c, struct request *ret, struct bh_err *err)
{
	int r = read_chain_option(c, optarg, &ret->chain, err);

	if (c == 'r')
		r = read_path("--run-dir", optarg, &ret->run_dir, err);
	else if (c == 'p')
		r = read_path("--pin-dir", optarg, &ret->pin_dir, err);
	else if (c == 'w')
		r = read_wait(optarg, &ret->wait_ms, err);
	else if (c == 'f')
		ret->force = true;
	return r < 0 ? r : 0;
}

static int read_options(int argc, char **argv, struct request *ret, struct bh_err *err)
{
	int c, r = 0;

	opterr = 0;
	while (!r && (c = getopt_long(argc, argv, ":", options, NULL)) != -1) {
		if (c == ':')
			return bh_err_set(err, -EINVAL, "%s: needs a value", argv[optind - 1]);
		if (c == '?')
			return bh_err_set(err, -EINVAL, "unknown option '%s'", argv[optind - 1]);
		if (c == 'h') {
			(void)fputs(usage, stdout);
			exit(fflush(stdout) ? 1 : 0);
		}
		r = read_option(c, ret, err);
	}
	if (r < 0)
		return r;
	chain_options_dirs(&ret->chain, ret->run_dir, ret->pin_dir);
	return chain_options_check(&ret->chain, err);
}

/* ---- install and status ------------------------------------------------------------------- */

static int install(const struct request *q, struct bh_err *err)
{
	const int r = chain_install(&q->chain, err);

	if (r < 0)
		return r;
	(void)printf("%s the chain in %s\n", r ? "put into" : "was already in", q->chain.conf_dir);
	return 0;
}

static int status(const struct request *q, struct bh_err *err)
{
	struct chain_status st;
	const int r = chain_look(&q->chain, &st, err);
	const char *why;

	if (r < 0)
		return r;
	if (!st.chained)
		return bh_err_set(err, -ENOENT, "not in the chain: %s%s%s", st.file, st.file[0] ? ": " : "",
				  st.why);
	(void)chain_support_of(st.main_type, &why);
	(void)printf("in the chain of network '%s': %s\nmain plugin %s%s%s\n", st.network, st.file,
		     st.main_type, why[0] ? ": " : "", why);
	return 0;
}

/* ---- remove ------------------------------------------------------------------------------- */

static void drop_lock(struct lock **l)
{
	lock_free(*l);
}

/* Held while we work, so that none begins in between. */
static int check_no_agent(const struct request *q, struct lock **ret, struct bh_err *err)
{
	struct lock *l __attribute__((cleanup(drop_lock))) = NULL;
	char holder[LOCK_TEXT_MAX];
	int r = lock_new(q->run_dir, &l, err);

	if (!r)
		r = lock_try(l, err);
	if (!r)
		return bh_err_set(err, -EBUSY,
				  "an agent runs on this node and would undo it: end it first, or "
				  "--force; it is %s",
				  lock_holder(l, holder));
	if (r < 0)
		return r;
	*ret = TAKE_PTR(l);
	return 0;
}

static void sleep_ms(unsigned int ms)
{
	const struct timespec ts = { .tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000 };

	(void)nanosleep(&ts, NULL);
}

static int take_all_off(const struct request *q, struct bh_err *err)
{
	struct lock *lock __attribute__((cleanup(drop_lock))) = NULL;
	int r = q->force ? 0 : check_no_agent(q, &lock, err);

	if (!r)
		r = chain_remove(&q->chain, err);
	if (r < 0)
		return r;
	if (r) {
		(void)printf("taken out of the chain in %s; waiting %u ms for the runtime\n",
			     q->chain.conf_dir, q->wait_ms);
		(void)fflush(stdout);
		sleep_ms(q->wait_ms);
	}
	r = retire_node(q->run_dir, q->pin_dir, err);
	if (!r)
		(void)printf("nothing of Bulkhead is left on this node but the plugin's binary, %s/%s\n",
			     q->chain.bin_dir, CHAIN_PLUGIN);
	return r;
}

static const struct verb {
	const char *name;
	int (*run)(const struct request *q, struct bh_err *err);
} verbs[] = { { "install", install }, { "remove", take_all_off }, { "status", status } };

static const struct verb *find_verb(const char *name)
{
	size_t i;

	for (i = 0; name && i < ARRAY_SIZE(verbs); i++)
		if (!strcmp(verbs[i].name, name))
			return &verbs[i];
	return NULL;
}

int cmd_chain(int argc, char **argv)
{
	struct request q = { .chain = { .conf_dir = CHAIN_CONF_DIR, .bin_dir = CHAIN_BIN_DIR },
			     .run_dir = API_RUN_DIR,
			     .pin_dir = BH_PIN_DIR,
			     .wait_ms = CHAIN_RELOAD_MS };
	struct bh_err err = { "" };
	const struct verb *verb;
	int r = read_options(argc, argv, &q, &err);

	verb = r ? NULL : find_verb(argv[optind]);
	if (!r && (!verb || optind + 1 < argc))
		r = bh_err_set(&err, -EINVAL, "one of install, remove, status must be said");
	if (r < 0) {
		(void)fprintf(stderr, "bulkhead-agent chain: %s (see --help)\n", err.msg);
		return EXIT_USAGE;
	}
	r = verb->run(&q, &err);
	if (r < 0)
		(void)fprintf(stderr, "bulkhead-agent chain: %s\n", err.msg);
	return r < 0 || fflush(stdout) ? 1 : 0;
}
