/* SPDX-License-Identifier: Apache-2.0 */
/*
 * node open|close|status: the emergency switch. Needs neither agent nor API server: it writes the file and
 * sets the word in the pinned map by bpf(2) itself; an agent that runs agrees, one that comes does too.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "../bpf/abi.h"
#include "api/api.h"
#include "command.h"
#include "hook/hook.h"
#include "hook/raw.h"
#include "util/scope.h"

#define EXIT_OPEN 1 /* of status */

static const char usage[] =
	"usage: bulkhead-agent node open --reason TEXT [OPTION]...\n"
	"       bulkhead-agent node close|status [OPTION]...\n"
	"Opens this node in an emergency: nothing is denied on it, as if Bulkhead were not there. Works while\n"
	"the agent and the API server are away, and holds until it is closed or the node boots.\n"
	"Exits 0: done, or closed (status); 1: failed, or open (status); 2: usage.\n"
	"\n"
	"  --reason TEXT       why; for the log, the kernel's log and whoever looks\n"
	"  --run-dir PATH      as the agent's (default " API_RUN_DIR ")\n"
	"  --pin-dir PATH      as the agent's (default " BH_PIN_DIR ")\n";

static const struct option options[] = {
	{ "reason", required_argument, NULL, 'R' },
	{ "run-dir", required_argument, NULL, 'r' },
	{ "pin-dir", required_argument, NULL, 'p' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

struct call {
	const char *verb, *reason, *run_dir, *pin_dir;
};

/* ---- the word --------------------------------------------------------------------------------- */

/* Whatever the layout: as far as the word it is the same in all of them. */
static int check_magic(const struct bh_meta *m, const char *path, struct bh_err *err)
{
	return m->magic == BH_MAGIC ? 0 : bh_err_set(err, -EUCLEAN, "'%s' is not of ours", path);
}

/* The pinned bh_meta in memory; *ret is to be unmapped. Return: 0, -ENOENT nothing is pinned, or -errno. */
static int map_meta(const char *pin_dir, struct bh_meta **ret, struct bh_err *err)
{
	const size_t size = (size_t)sysconf(_SC_PAGESIZE);
	auto_fd int fd = -1;
	char path[256];
	void *at;

	(void)snprintf(path, sizeof(path), "%s/bh_meta", pin_dir);
	fd = raw_obj_get(path);
	if (fd < 0)
		return bh_err_errno(err, fd, "cannot open '%s'", path);
	at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (at == MAP_FAILED)
		return bh_err_errno(err, -errno, "cannot map '%s' into memory", path);
	*ret = at;
	return 0;
}

static int word_in(const char *pin_dir, const bool *set, struct bh_err *err)
{
	struct bh_meta *meta = NULL;
	int r = map_meta(pin_dir, &meta, err);

	if (r < 0)
		return r;
	r = check_magic(meta, pin_dir, err);
	if (!r && set)
		__atomic_store_n(&meta->open, *set, __ATOMIC_SEQ_CST);
	if (!r)
		r = !!__atomic_load_n(&meta->open, __ATOMIC_SEQ_CST);
	(void)munmap(meta, (size_t)sysconf(_SC_PAGESIZE));
	return r;
}

struct question {
	const bool *set; /* NULL to look alone */
	int r;
	struct bh_err *err;
};

static int ask_dir(void *ctx, const char *pin_dir)
{
	struct question *q = ctx;
	struct bh_err why = { "" };
	const int r = word_in(pin_dir, q->set, &why);

	if (r == -ENOENT && q->r != -ENOENT)
		return 0;
	if (r < 0 || q->r == -ENOENT || !q->r)
		q->r = bh_err_set(q->err, r, "%s", why.msg);
	return 0;
}

/* Of every layout that is pinned, for any of them may be the one that decides. @set: NULL to look alone.
 * Return: 1 open, 0 closed, -ENOENT nothing is pinned, or -errno. */
static int word(const char *pin_dir, const bool *set, struct bh_err *err)
{
	struct question q = { .set = set, .r = -ENOENT, .err = err };

	(void)ask_dir(&q, pin_dir);
	(void)hook_beside(pin_dir, ask_dir, &q);
	return q.r;
}

/* ---- the commands ----------------------------------------------------------------------------- */

static const char *who(char *ret, size_t size)
{
	const char *name = getenv("SUDO_USER");

	name = name && *name ? name : getenv("LOGNAME");
	if (name && *name)
		(void)snprintf(ret, size, "%s", name);
	else
		(void)snprintf(ret, size, "uid %u", (unsigned int)getuid());
	return ret;
}

/* For whoever reads the node's log and knows nothing of us. A container may not have it. */
static void tell_kernel_log(const char *what, const char *why)
{
	auto_fd int fd = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);
	char line[512];

	(void)snprintf(line, sizeof(line), "<4>bulkhead: node %s, %s\n", what, why);
	if (fd >= 0)
		(void)!write(fd, line, strlen(line));
}

static int set_word(const struct call *c, bool open)
{
	struct bh_err err;
	const int r = word(c->pin_dir, &open, &err);

	if (r == -ENOENT)
		(void)printf(
			"no programs are pinned under %s: nothing is enforced by them, and the agent that "
			"comes will find the node %s\n",
			c->pin_dir, open ? "open" : "closed");
	else if (r < 0)
		(void)fprintf(stderr, "bulkhead-agent node: %s; an agent that runs will do it in 2 s\n",
			      err.msg);
	return r == -ENOENT || r >= 0 ? 0 : r;
}

static int do_open(const struct call *c)
{
	struct api_open o = { .since = (int64_t)time(NULL) };
	char text[API_OPEN_TEXT];
	struct bh_err err;
	int r;

	(void)who(o.by, sizeof(o.by));
	(void)snprintf(o.reason, sizeof(o.reason), "%s", c->reason);
	bh_text_clean(o.reason);
	r = api_run_dir(c->run_dir, &err);
	if (!r)
		r = api_open_write(c->run_dir, &o, &err);
	if (r < 0) /* the word alone still helps, until an agent comes */
		(void)fprintf(stderr, "bulkhead-agent node: %s\n", err.msg);
	if (set_word(c, true) < 0 || r < 0)
		return 1;
	(void)printf("node is OPEN, no policy is enforced on it, %s\n", api_open_text(&o, text));
	tell_kernel_log("OPEN: no policy is enforced on it", text);
	return 0;
}

static int do_close(const struct call *c)
{
	struct bh_err err;
	const int r = api_open_remove(c->run_dir, &err);
	char by[64];

	if (r < 0)
		(void)fprintf(stderr, "bulkhead-agent node: %s\n", err.msg);
	if (r < 0 || set_word(c, false) < 0)
		return 1;
	(void)puts(r ? "node is closed again, policy is enforced" : "node was not open");
	if (r)
		tell_kernel_log("closed again, policy is enforced", who(by, sizeof(by)));
	return 0;
}

static int do_status(const struct call *c)
{
	struct api_open o = { 0 };
	char text[API_OPEN_TEXT];
	struct bh_err err;
	const int file = api_open_read(c->run_dir, &o, &err);
	const int seen = file < 0 ? 0 : word(c->pin_dir, NULL, &err);

	if (file < 0 || (seen < 0 && seen != -ENOENT))
		(void)fprintf(stderr, "bulkhead-agent node: %s\n", err.msg);
	if (file > 0)
		(void)printf("OPEN %s\n", api_open_text(&o, text));
	else
		(void)puts("closed");
	if (seen >= 0 && seen != file)
		(void)printf("the data plane is still %s: the agent will bring it to agreement\n",
			     seen ? "open" : "closed");
	return file ? EXIT_OPEN : 0;
}

/* ---- options ---------------------------------------------------------------------------------- */

static const struct {
	const char *verb;
	int (*run)(const struct call *c);
} verbs[] = { { "open", do_open }, { "close", do_close }, { "status", do_status } };

static int fail_usage(const char *why, const char *what)
{
	(void)fprintf(stderr, "bulkhead-agent node: %s%s (see --help)\n", why, what);
	return EXIT_USAGE;
}

static int run(const struct call *c)
{
	size_t i;

	if (!strcmp(c->verb, "open") != (c->reason && *c->reason))
		return fail_usage(
			c->reason ? "--reason is for open, and not empty" : "open needs --reason TEXT", "");
	for (i = 0; i < ARRAY_SIZE(verbs); i++)
		if (!strcmp(verbs[i].verb, c->verb))
			return verbs[i].run(c);
	return fail_usage("none of open, close, status: ", c->verb);
}

int cmd_node(int argc, char **argv)
{
	struct call call = { .run_dir = API_RUN_DIR, .pin_dir = BH_PIN_DIR };
	int c;

	opterr = 0;
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'h')
			return fputs(usage, stdout) < 0 || fflush(stdout);
		if (c == '?')
			return fail_usage("bad option ", argv[optind - 1]);
		*(c == 'R' ? &call.reason : c == 'r' ? &call.run_dir : &call.pin_dir) = optarg;
	}
	if (optind + 1 != argc)
		return fail_usage("say open, close or status", "");
	call.verb = argv[optind];
	return run(&call);
}
