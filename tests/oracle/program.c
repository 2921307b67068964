/* SPDX-License-Identifier: Apache-2.0 */
/* The loaded programs, asked. */
#include "program.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <unistd.h>

#include "dataplane/dp.h"
#include "policy/delta.h"
#include "util/scope.h"

#define BPFFS	"/sys/fs/bpf"
#define PIN_DIR BPFFS "/bh-oracle"
#define PASSES	8 /* delta_plan() asks for two at most; more is a loop */

struct program {
	struct dp *dp;
	struct actual *actual; /* what the maps hold */
};

static int own_bpffs(struct bh_err *err)
{
	if (unshare(CLONE_NEWNS) < 0)
		return bh_err_errno(err, -errno, "cannot make a mount namespace");
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 || mount("bpf", BPFFS, "bpf", 0, NULL) < 0)
		return bh_err_errno(err, -errno, "cannot mount a bpffs on " BPFFS);
	return 0;
}

int program_open(struct program **ret, struct bh_err *err)
{
	const struct dp_sizes sizes = { .addrs = 1024,
					.cidrs = 1024,
					.rows = 8192,
					.ranges = 8192,
					.rules = 1024,
					.sessions4 = 64,
					.sessions6 = 64 };
	struct program *p;
	int r;

	if (geteuid() != 0)
		return bh_err_set(err, -EPERM, "needs root");
	p = calloc(1, sizeof(*p));
	r = p ? own_bpffs(err) : -ENOMEM;
	if (!r)
		r = dp_open(PIN_DIR, &sizes, &p->dp, err);
	if (!r)
		r = dp_read(p->dp, &p->actual, err);
	if (!r)
		*ret = TAKE_PTR(p);
	program_free(p);
	return r;
}

void program_free(struct program *p)
{
	if (!p)
		return;
	actual_free(p->actual);
	dp_free(p->dp);
	free(p);
}

static int pass(struct program *p, const struct tables *t, bool *ret_again, struct bh_err *err)
{
	struct plan *plan = NULL;
	size_t i;
	int r;

	r = delta_plan(t, p->actual, NULL, &plan, err);
	for (i = 0; !r && i < plan->steps.n; i++) {
		r = dp_step(p->dp, &plan->steps.v[i], err);
		if (!r)
			r = actual_apply(p->actual, &plan->steps.v[i]);
	}
	*ret_again = !r && plan->again;
	plan_free(plan);
	actual_sort(p->actual);
	return r;
}

int program_load(struct program *p, const struct tables *t, struct bh_err *err)
{
	bool again = true;
	int r = dp_set_node_ports(p->dp, t->node_ports.v, t->node_ports.n, err), i;

	for (i = 0; !r && again && i < PASSES; i++)
		r = pass(p, t, &again, err);
	if (!r && again)
		return bh_err_set(err, -ELOOP, "after %d passes a plan still wants another", PASSES);
	return r;
}

int program_load_afresh(struct program *p, const struct tables *t, struct bh_err *err)
{
	const struct tables none = {};
	const int r = program_load(p, &none, err);

	return r ? r : program_load(p, t, err);
}

int program_ask(struct program *p, struct bh_query *q, struct bh_err *err)
{
	return dp_explain(p->dp, q, err);
}

int program_rule(const struct program *p, const struct tables *t, uint32_t id)
{
	const struct hash128 *hash = actual_hash(p->actual, BH_ID_RULE, id);
	size_t k;

	for (k = 0; hash && k < t->rules.n; k++)
		if (!hash128_cmp(&t->rules.v[k].hash, hash))
			return (int)k;
	return -1;
}
