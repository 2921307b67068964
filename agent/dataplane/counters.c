/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Arrays of counters, summed over CPUs. Some hundred entries a system call, where the kernel has that for
 * this kind of map (per-CPU arrays: since Linux 5.13), which is found out by trying; else one by one.
 */
#include "dataplane/counters.h"

#include <errno.h>
#include <stdlib.h>

#include "util/scope.h"

#define CHUNK 256 /* entries a call: on 128 CPUs half a megabyte */

static struct bh_count sum_of(const struct bh_count *per_cpu, int cpus)
{
	struct bh_count sum = { 0 };
	int cpu;

	for (cpu = 0; cpu < cpus; cpu++) {
		sum.packets += per_cpu[cpu].packets;
		sum.bytes += per_cpu[cpu].bytes;
	}
	return sum;
}

static int read_singly(int fd, int cpus, uint32_t n, struct bh_count *ret)
{
	auto_free struct bh_count *per_cpu = calloc((size_t)cpus, sizeof(*per_cpu));
	uint32_t key;

	if (!per_cpu)
		return -ENOMEM;
	for (key = 0; key < n; key++) {
		if (bpf_map_lookup_elem(fd, &key, per_cpu) < 0)
			return -errno;
		ret[key] = sum_of(per_cpu, cpus);
	}
	return 0;
}

/* Return: 0, 1 the kernel does not do that, or -errno. */
static int read_batches(const struct counters *c, int fd, uint32_t n, struct bh_count *ret)
{
	auto_free struct bh_count *per_cpu = calloc((size_t)c->cpus * CHUNK, sizeof(*per_cpu));
	uint32_t done = 0, at, keys[CHUNK], i, got;
	int r;

	if (!per_cpu)
		return -ENOMEM;
	while (done < n) {
		got = n - done < CHUNK ? n - done : CHUNK;
		r = c->lookup_batch(fd, done ? &at : NULL, &at, keys, per_cpu, &got, NULL);
		if (r < 0 && errno != ENOENT) /* ENOENT: these were the last ones */
			return done ? -errno : 1;
		if (!got)
			return -EIO;
		for (i = 0; i < got; i++)
			if (keys[i] < n)
				ret[keys[i]] = sum_of(per_cpu + (size_t)c->cpus * i, c->cpus);
		done += got;
	}
	return 0;
}

int counters_read(struct counters *c, int fd, uint32_t n, struct bh_count *ret)
{
	const int r = c->singly ? 1 : read_batches(c, fd, n, ret);

	c->singly = r > 0;
	return r > 0 ? read_singly(fd, c->cpus, n, ret) : r;
}
