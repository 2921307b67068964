/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Policy changed under a reader, with the real maps and the programs' own code: one CPU publishes
 * random worlds as fast as it can, another asks for verdicts all the time. Every one of ten million
 * answers must belong to a world that was in force or under way when it was asked; in the second test
 * the writer dies after some map operation and another takes over from what it finds.
 *
 * BH_BREAK=order flips the policy sets before everything else, BH_BREAK=grace leaves the waits out: the
 * test must then fail, which is how it is proven that it can.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <cmocka.h>

#include "dataplane/dp.h"
#include "publish.h"
#include "publish_reader.skel.h"
#include "policy/delta.h"
#include "tests/unit/policy/worlds.h"

#define PIN_DIR "/sys/fs/bpf/bulkhead-publish"
#define ANSWERS 10000000ull
#define DEATHS                                                                                               \
	(WORLDS / 2) /* each is followed by a load of all programs, which is the time that this takes */

static struct world worlds[WORLDS];
static struct publish_reader_bpf *reader;
static struct pub_state *state;
static atomic_bool stop;
static const char *broken;

/* ---- setting up ----------------------------------------------------------------------------- */

/* An interface that goes may see the world after until it is gone (delta_test.c): so it goes alone here, for
 * one world, and every answer has its world. */
static void part_alone(const struct world *before, struct world *w)
{
	const struct world all = *w;
	bool goes = false;
	int e;

	for (e = 0; e < ENDPOINTS; e++) {
		w->there[e] |= !before->there[e];
		goes |= !w->there[e];
	}
	if (!goes)
		return;
	*w = *before;
	memcpy(w->mask, all.mask, sizeof(w->mask));
	memcpy(w->unknown, all.unknown, sizeof(w->unknown));
	for (e = 0; e < ENDPOINTS; e++)
		w->there[e] = all.there[e] || !before->there[e];
}

/* A world must be a step from the one before, and the first one from the last. */
static void make_worlds(void)
{
	int i;

	worlds[0] = random_world();
	memset(worlds[0].there, true, sizeof(worlds[0].there));
	for (i = 1; i < WORLDS; i++) {
		worlds[i] = changed_world(&worlds[i - 1]);
		part_alone(&worlds[i - 1], &worlds[i]);
	}
}

static void fill_truth(void)
{
	const int flows = bpf_map__fd(reader->maps.pub_flows), truths = bpf_map__fd(reader->maps.pub_truth);
	uint32_t n = 0, w;
	int e, a, port;

	for (e = 0; e < ENDPOINTS; e++)
		for (a = 0; a < ASKED; a++)
			for (port = 0; port < PEER_SETS; port++, n++) {
				const struct addr addr = addr_of(a);
				struct pub_flow f = { .ifindex = world_ifindex(e),
						      .port = __builtin_bswap16((uint16_t)(80 + 2 * port)) };

				memcpy(&f.remote, addr.b + 12, 4);
				assert_int_equal(bpf_map_update_elem(flows, &n, &f, 0), 0);
				for (w = 0; w < WORLDS; w++) {
					const uint32_t index = w * FLOWS + n,
						       is = truth(&worlds[w], e, a, port);

					assert_int_equal(bpf_map_update_elem(truths, &index, &is, 0), 0);
				}
			}
	assert_true(n <= FLOWS);
	state->flows = n;
}

/* The reader's bh_ maps are the pinned ones. */
static void load_reader(void)
{
	struct bpf_map *map;
	char path[128];

	reader = publish_reader_bpf__open();
	assert_non_null(reader);
	bpf_object__for_each_map(map, reader->obj) {
		int fd;

		(void)snprintf(path, sizeof(path), PIN_DIR "/%s", bpf_map__name(map));
		fd = bpf_obj_get(path);
		if (fd < 0)
			continue;
		assert_int_equal(bpf_map__reuse_fd(map, fd), 0);
		(void)close(fd);
	}
	assert_int_equal(publish_reader_bpf__load(reader), 0);
	state = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(reader->maps.pub_state), 0);
	assert_true(state != MAP_FAILED);
}

static int quiet(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	return level == LIBBPF_WARN ? vfprintf(stderr, fmt, ap) : 0;
}

static int setup(void **unused)
{
	(void)unused;
	if (geteuid()) {
		print_message("needs root\n");
		return -1;
	}
	/* A mount namespace of our own, with a BPF file system that dies with us. */
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("bpf", "/sys/fs/bpf", "bpf", 0, NULL) < 0)
		return -1;
	libbpf_set_print(quiet);
	broken = getenv("BH_BREAK");
	seed = getenv("BH_SEED") ? (unsigned int)atoi(getenv("BH_SEED")) : (unsigned int)getpid();
	print_message("seed %u\n", seed);
	return 0;
}

/* ---- the reader's CPU ----------------------------------------------------------------------- */

static void pin_to(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	(void)sched_setaffinity(0, sizeof(set), &set); /* with one CPU the two take turns */
}

static void *read_all(void *unused)
{
	char packet[64] = { 0 };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = packet, .data_size_in = sizeof(packet),
		    .repeat = 256);

	pin_to(1);
	while (!atomic_load(&stop))
		if (bpf_prog_test_run_opts(bpf_program__fd(reader->progs.pub_reader), &opts) < 0)
			return "test run failed";
	return unused;
}

/* ---- the writer ------------------------------------------------------------------------------ */

static bool breaks(const char *how)
{
	return broken && !strcmp(broken, how);
}

static void run_one(struct dp *dp, struct actual *a, const struct step *s)
{
	struct bh_err err;

	if (s->kind == STEP_GRACE && breaks("grace"))
		return;
	if (dp_step(dp, s, &err) < 0)
		fail_msg("%s", err.msg);
	assert_int_equal(actual_apply(a, s), 0);
}

/* The first @n steps. */
static void run(struct dp *dp, struct actual *a, const struct plan *p, size_t n)
{
	size_t i;

	for (i = 0; i < n && breaks("order"); i++)
		if (p->steps.v[i].kind == STEP_EP_SET)
			run_one(dp, a, &p->steps.v[i]);
	for (i = 0; i < n; i++)
		if (p->steps.v[i].kind != STEP_EP_SET || !breaks("order"))
			run_one(dp, a, &p->steps.v[i]);
	actual_sort(a);
}

static struct plan *plan_to(const struct world *w, const struct actual *a)
{
	struct tables *t = tables_of(w);
	struct bh_err err = { "" };
	struct plan *p = NULL;

	if (delta_plan(t, a, NULL, &p, &err) < 0)
		fail_msg("%s", err.msg);
	free_tables(t);
	return p;
}

static void publish(struct dp *dp, struct actual *a, uint64_t n)
{
	bool again;

	__atomic_store_n(&state->started, n, __ATOMIC_SEQ_CST);
	do {
		struct plan *p = plan_to(&worlds[n % WORLDS], a);

		run(dp, a, p, p->steps.n);
		again = p->again;
		plan_free(p);
	} while (again);
	__atomic_store_n(&state->finished, n, __ATOMIC_SEQ_CST);
}

static struct dp *open_dp(struct actual **ret)
{
	const struct dp_sizes sizes = { .addrs = 64,
					.cidrs = 16,
					.rows = 1024,
					.ranges = 1024,
					.rules = 16,
					.sessions4 = 64,
					.sessions6 = 64,
					.events_bytes = 4096 };
	struct bh_err err = { "" };
	struct dp *dp = NULL;

	if (dp_open(PIN_DIR, &sizes, &dp, &err) < 0 || dp_read(dp, ret, &err) < 0)
		fail_msg("%s", err.msg);
	return dp;
}

static void begin(struct dp **dp, struct actual **a, pthread_t *thread)
{
	make_worlds();
	*dp = open_dp(a);
	load_reader();
	fill_truth();
	publish(*dp, *a, 0);
	atomic_store(&stop, false);
	assert_int_equal(pthread_create(thread, NULL, read_all, NULL), 0);
	pin_to(0);
}

static void end(struct dp *dp, struct actual *a, pthread_t thread, uint64_t events)
{
	void *failed = NULL;

	atomic_store(&stop, true);
	(void)pthread_join(thread, &failed);
	assert_null(failed);
	print_message("%llu events, %llu answers, %llu of them while an event was under way, %llu wrong\n",
		      (unsigned long long)events, (unsigned long long)state->answers,
		      (unsigned long long)state->mixed, (unsigned long long)state->wrong);
	if (state->wrong)
		print_message("flow %llu was %s between worlds %llu and %llu\n",
			      (unsigned long long)state->bad_flow, state->bad_said ? "allowed" : "denied",
			      (unsigned long long)state->bad_from, (unsigned long long)state->bad_to);
	assert_true(state->answers >= ANSWERS);
	assert_true(state->mixed > 0);
	assert_int_equal(state->wrong, 0);
	(void)munmap(state, 4096);
	publish_reader_bpf__destroy(reader);
	actual_free(a);
	dp_free(dp);
	(void)umount2("/sys/fs/bpf", MNT_DETACH);
	assert_int_equal(mount("bpf", "/sys/fs/bpf", "bpf", 0, NULL), 0);
}

static void test_writer_and_reader(void **unused)
{
	struct actual *a = NULL;
	struct dp *dp = NULL;
	pthread_t thread;
	uint64_t n = 0;

	(void)unused;
	begin(&dp, &a, &thread);
	while (n < 3 * WORLDS || __atomic_load_n(&state->answers, __ATOMIC_RELAXED) < ANSWERS)
		publish(dp, a, ++n);
	end(dp, a, thread, n);
}

/* Dies somewhere in event n; the next writer reads what is there and publishes n + 1. */
static void test_writer_dies(void **unused)
{
	struct actual *a = NULL;
	struct dp *dp = NULL;
	pthread_t thread;
	uint64_t n = 0, deaths = 0;

	(void)unused;
	begin(&dp, &a, &thread);
	while (deaths < DEATHS || __atomic_load_n(&state->answers, __ATOMIC_RELAXED) < ANSWERS) {
		struct plan *p = plan_to(&worlds[(n + 1) % WORLDS], a);

		__atomic_store_n(&state->started, ++n, __ATOMIC_SEQ_CST);
		run(dp, a, p, p->steps.n ? rnd((unsigned int)p->steps.n) : 0);
		plan_free(p);
		actual_free(a);
		dp_free(dp);
		dp = open_dp(&a);
		deaths++;
		publish(dp, a, ++n);
	}
	end(dp, a, thread, n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_writer_and_reader),
		cmocka_unit_test(test_writer_dies),
	};

	return cmocka_run_group_tests_name("publish", tests, setup, NULL);
}
