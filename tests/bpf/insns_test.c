// SPDX-License-Identifier: Apache-2.0
/*
 * What the verifier had to walk for each program, and the stack it found, against insns.txt: more than 5 %
 * above what is kept there fails. The verifier's own pruning differs from kernel to kernel, so that the
 * figures hold for one version, and others print theirs. Run at the top of the tree; needs root.
 *   insns_test [--write]
 */
#include <err.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "policy.skel.h"

#define KEPT	"tests/bpf/insns.txt"
#define MORE	5 /* percent */
#define LOG_MAX (64 << 10)
#define STATS	4 /* BPF_LOG_STATS of <linux/bpf_verifier.h>: the closing lines of the log alone */

struct figures {
	unsigned int insns;
	char stack[64]; /* bytes of the program and of each function that is checked on its own: "296+64" */
};

static char version[32]; /* of the kernel: "6.18" */
static char logs[8][LOG_MAX];

static void load(struct policy_bpf *bpf)
{
	struct bpf_program *prog;
	size_t i = 0;

	bpf_object__for_each_program(prog, bpf->obj) {
		if (i == 8)
			errx(1, "more programs than room for their logs");
		bpf_program__set_log_level(prog, STATS);
		bpf_program__set_log_buf(prog, logs[i++], LOG_MAX);
	}
	if (policy_bpf__load(bpf))
		err(1, "cannot load the programs");
}

static struct figures look(const struct bpf_program *prog, const char *log)
{
	const char *at = strstr(log, "stack depth ");
	struct bpf_prog_info info = { 0 };
	uint32_t len = sizeof(info);
	struct figures f = { .stack = "?" };

	if (bpf_obj_get_info_by_fd(bpf_program__fd(prog), &info, &len))
		err(1, "cannot ask about %s", bpf_program__name(prog));
	f.insns = info.verified_insns;
	if (at)
		(void)sscanf(at, "stack depth %63[0-9+]", f.stack);
	return f;
}

/* Return: whether insns.txt is about this kernel and names the program. */
static bool kept(const char *name, struct figures *ret)
{
	char line[256], word[64], of[32] = "";
	struct figures f;
	bool found = false;
	FILE *in = fopen(KEPT, "r");

	if (!in)
		err(1, "cannot read " KEPT);
	while (fgets(line, sizeof(line), in)) {
		(void)sscanf(line, "kernel %31s", of);
		if (sscanf(line, "%63s %u %63s", word, &f.insns, f.stack) == 3 && !strcmp(word, name)) {
			*ret = f;
			found = true;
		}
	}
	(void)fclose(in);
	return found && !strcmp(of, version);
}

/* Return: whether it is no more than it may be. */
static bool check(const char *name, const struct figures *f)
{
	struct figures old = { 0 };

	if (!kept(name, &old)) {
		printf("%-12s %7u instructions verified, stack %s (nothing kept for Linux %s)\n", name,
		       f->insns, f->stack, version);
		return true;
	}
	printf("%-12s %7u instructions verified (kept: %u), stack %s (%s)\n", name, f->insns, old.insns,
	       f->stack, old.stack);
	if (f->insns * 100ull <= old.insns * (100ull + MORE))
		return true;
	printf("FAIL %s: over %d %% more than in %s; if it must be, `make insns`, and say why in the commit\n",
	       name, MORE, KEPT);
	return false;
}

static void write_all(struct policy_bpf *bpf)
{
	struct bpf_program *prog;
	size_t i = 0;
	FILE *out = fopen(KEPT, "w");

	if (!out)
		err(1, "cannot write " KEPT);
	fprintf(out, "# SPDX-License-Identifier: Apache-2.0\n"
		     "# What the verifier walks for each program, and its stack, with Debian 12's clang: see "
		     "insns_test.c.\n");
	fprintf(out, "kernel %s\n", version);
	bpf_object__for_each_program(prog, bpf->obj) {
		const struct figures f = look(prog, logs[i++]);

		fprintf(out, "%-12s %7u %s\n", bpf_program__name(prog), f.insns, f.stack);
	}
	if (fclose(out))
		err(1, "cannot write " KEPT);
}

int main(int argc, char **argv)
{
	struct policy_bpf *bpf = policy_bpf__open();
	int passed = 0, failed = 0;
	struct bpf_program *prog;
	struct utsname u;
	size_t i = 0;

	if (!bpf)
		err(1, "cannot open the programs");
	(void)uname(&u);
	(void)sscanf(u.release, "%31[0-9.]", version);
	if (strchr(version, '.')) /* 6.18.44: without the last */
		*strchrnul(strchr(version, '.') + 1, '.') = '\0';
	load(bpf);
	if (argc > 1 && !strcmp(argv[1], "--write"))
		write_all(bpf);
	bpf_object__for_each_program(prog, bpf->obj) {
		const struct figures f = look(prog, logs[i++]);

		if (check(bpf_program__name(prog), &f))
			passed++;
		else
			failed++;
	}
	policy_bpf__destroy(bpf);
	printf("%d passed, %d failed\n", passed, failed);
	return failed != 0;
}
