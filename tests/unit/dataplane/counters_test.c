/* SPDX-License-Identifier: Apache-2.0 */
/* Reading counters by batches, and where the kernel has none. Needs root. */
#include "dataplane/counters.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include <bpf/libbpf.h>
#include <cmocka.h>

#include "../../../bpf/abi.h"
#include "util/scope.h"

#define ENTRIES 600 /* more than two batches */

static unsigned int calls;

static int counted(int fd, void *in, void *out, void *keys, void *values, __u32 *count,
		   const struct bpf_map_batch_opts *opts)
{
	calls++;
	return bpf_map_lookup_batch(fd, in, out, keys, values, count, opts);
}

/* As a kernel that has no batches for this kind of map: ENOTSUPP, which libc does not know. */
static int refused(int fd, void *in, void *out, void *keys, void *values, __u32 *count,
		   const struct bpf_map_batch_opts *opts)
{
	(void)fd, (void)in, (void)out, (void)keys, (void)values, (void)count, (void)opts;
	calls++;
	errno = 524;
	return -1;
}

/* Entry i holds i packets and 10 i bytes on its first CPU, 1 and 2 on each other one. */
static int make_map(int cpus)
{
	const int fd = bpf_map_create(BPF_MAP_TYPE_PERCPU_ARRAY, "bh_unit", 4, sizeof(struct bh_count),
				      ENTRIES, NULL);
	auto_free struct bh_count *per_cpu = calloc((size_t)cpus, sizeof(*per_cpu));
	uint32_t i;
	int cpu;

	assert_true(fd >= 0 && per_cpu);
	for (cpu = 0; cpu < cpus; cpu++)
		per_cpu[cpu] = (struct bh_count){ 1, 2 };
	for (i = 0; i < ENTRIES; i++) {
		per_cpu[0] = (struct bh_count){ i, 10 * i };
		assert_int_equal(bpf_map_update_elem(fd, &i, per_cpu, BPF_ANY), 0);
	}
	return fd;
}

static void assert_reads(struct counters *c, int fd)
{
	struct bh_count got[ENTRIES], one;
	uint64_t others = (uint64_t)c->cpus - 1;
	uint32_t i;

	assert_int_equal(counters_read(c, fd, ENTRIES, 2, &got->packets), 0);
	for (i = 0; i < ENTRIES; i++) {
		assert_int_equal(got[i].packets, i + others);
		assert_int_equal(got[i].bytes, 10 * i + 2 * others);
	}
	assert_int_equal(counters_read_one(fd, c->cpus, 77, 2, &one.packets), 0);
	assert_int_equal(one.packets, 77 + others);
}

static void by_batches(void **state)
{
	struct counters c = { .cpus = libbpf_num_possible_cpus(), .lookup_batch = counted };
	int fd;

	(void)state;
	if (geteuid())
		skip();
	fd = make_map(c.cpus);
	calls = 0;
	assert_reads(&c, fd);
	assert_int_equal(calls, 3);
	assert_false(c.singly);
	(void)close(fd);
}

static void without_batches(void **state)
{
	struct counters c = { .cpus = libbpf_num_possible_cpus(), .lookup_batch = refused };
	int fd;

	(void)state;
	if (geteuid())
		skip();
	fd = make_map(c.cpus);
	calls = 0;
	assert_reads(&c, fd);
	assert_true(c.singly);
	assert_reads(&c, fd);
	assert_int_equal(calls, 1); /* asked once */
	(void)close(fd);
}

/* Neither way reads what is no map. */
static void no_map(void **state)
{
	struct counters c = { .cpus = libbpf_num_possible_cpus(), .lookup_batch = counted };
	struct bh_count got[4];

	(void)state;
	if (geteuid())
		skip();
	assert_int_equal(counters_read(&c, -1, 4, 2, &got->packets), -EBADF);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(by_batches),
		cmocka_unit_test(without_batches),
		cmocka_unit_test(no_map),
	};

	return cmocka_run_group_tests_name("dataplane/counters", tests, NULL, NULL);
}
