/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Waiting until every program run that is going on now has ended. TC programs run inside an RCU
 * read-side section, so an RCU grace period is the wait; membarrier(MEMBARRIER_CMD_GLOBAL) is one
 * (kernel/sched/membarrier.c). Where that is refused (nohz_full), an update of a map-in-map waits for
 * the same (kernel/bpf/syscall.c, maybe_wait_bpf_programs).
 *
 * It takes some milliseconds and cannot be polled, so a thread that does nothing else sits in it.
 */
#include "dataplane/dp_internal.h"

#include <errno.h>
#include <linux/membarrier.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

static long membarrier(int cmd)
{
	return syscall(SYS_membarrier, cmd, 0, 0);
}

int grace_wait(const struct grace *g, struct bh_err *err)
{
	const uint32_t zero = 0;

	if (g->outer < 0) {
		if (membarrier(MEMBARRIER_CMD_GLOBAL) == 0)
			return 0;
	} else if (bpf_map_update_elem(g->outer, &zero, &g->inner, BPF_ANY) == 0) {
		return 0;
	}
	return bh_err_errno(err, -errno, "cannot wait for running programs");
}

static void *thread_main(void *arg)
{
	const struct grace *g = arg;
	uint64_t n;

	while (read(g->ask, &n, sizeof(n)) == sizeof(n)) {
		if (n >= UINT32_MAX) /* grace_done() */
			break;
		while (grace_wait(g, NULL) < 0)
			usleep(10000); /* never report an end that was not */
		n = 1;
		(void)!write(g->done, &n, sizeof(n));
	}
	return NULL;
}

static int make_nested(struct grace *g)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts);

	g->inner = bpf_map_create(BPF_MAP_TYPE_ARRAY, "bh_grace_in", 4, 4, 1, NULL);
	if (g->inner < 0)
		return g->inner;
	opts.inner_map_fd = (uint32_t)g->inner;
	g->outer = bpf_map_create(BPF_MAP_TYPE_ARRAY_OF_MAPS, "bh_grace", 4, 4, 1, &opts);
	return g->outer < 0 ? g->outer : 0;
}

int grace_init(struct grace *g, struct bh_err *err)
{
	const long known = membarrier(MEMBARRIER_CMD_QUERY);
	int r;

	*g = (struct grace){ .ask = -1, .done = -1, .outer = -1, .inner = -1 };
	if (known < 0 || !(known & MEMBARRIER_CMD_GLOBAL)) {
		r = make_nested(g);
		if (r < 0)
			return bh_err_errno(err, r, "neither membarrier nor a map of maps");
	}
	g->ask = eventfd(0, EFD_CLOEXEC);
	g->done = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (g->ask < 0 || g->done < 0)
		return bh_err_errno(err, -errno, "eventfd");
	r = -pthread_create(&g->thread, NULL, thread_main, g);
	if (r < 0)
		return bh_err_errno(err, r, "cannot start a thread");
	g->running = true;
	return 0;
}

void grace_done(struct grace *g)
{
	const uint64_t quit = UINT32_MAX;

	if (g->running && write(g->ask, &quit, sizeof(quit)) == sizeof(quit))
		(void)pthread_join(g->thread, NULL);
	g->running = false;
	if (g->ask > 0)
		(void)close(g->ask);
	if (g->done > 0)
		(void)close(g->done);
	if (g->outer > 0)
		(void)close(g->outer);
	if (g->inner > 0)
		(void)close(g->inner);
}

int dp_grace_fd(const struct dp *dp)
{
	return dp->grace.done;
}

int dp_grace_begin(struct dp *dp, struct bh_err *err)
{
	const uint64_t one = 1;

	if (write(dp->grace.ask, &one, sizeof(one)) != sizeof(one))
		return bh_err_errno(err, -errno, "cannot wake the grace thread");
	return 0;
}
