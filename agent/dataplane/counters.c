/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Arrays of counters, summed over CPUs. Many entries a system call, where the kernel has that for this kind
 * of map (per-CPU arrays: since Linux 5.13), which is found out by trying; else one by one.
 */
#include "dataplane/counters.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util/scope.h"

#define CHUNK_MAX   256	      /* entries a call */
#define CHUNK_BYTES (1 << 20) /* on all CPUs together */

/* Where the sum of an entry goes. */
struct sums {
	__u64 *at;
	uint32_t words; /* of an entry */
};

static void add(const struct sums *s, uint32_t key, const __u64 *per_cpu, int cpus)
{
	__u64 *to = s->at + (size_t)s->words * key;
	uint32_t i;

	while (cpus--)
		for (i = 0; i < s->words; i++)
			to[i] += *per_cpu++;
}

static __u64 *buffer_new(int cpus, uint32_t entries, uint32_t words)
{
	return calloc((size_t)cpus * entries, words * sizeof(__u64));
}

static int read_singly(int fd, int cpus, uint32_t first, uint32_t n, const struct sums *s)
{
	auto_free __u64 *per_cpu = buffer_new(cpus, 1, s->words);
	uint32_t key;

	if (!per_cpu)
		return -ENOMEM;
	for (key = first; key < first + n; key++) {
		if (bpf_map_lookup_elem(fd, &key, per_cpu) < 0)
			return -errno;
		add(s, key - first, per_cpu, cpus);
	}
	return 0;
}

static uint32_t chunk_of(int cpus, uint32_t words)
{
	const uint32_t fit = (uint32_t)(CHUNK_BYTES / ((size_t)cpus * words * sizeof(__u64)));

	return !fit ? 1 : fit < CHUNK_MAX ? fit : CHUNK_MAX;
}

/* Return: 0, 1 the kernel does not do that, or -errno. */
static int read_batches(const struct counters *c, int fd, uint32_t n, const struct sums *s)
{
	const uint32_t chunk = chunk_of(c->cpus, s->words);
	auto_free __u64 *per_cpu = buffer_new(c->cpus, chunk, s->words);
	uint32_t done = 0, at, keys[CHUNK_MAX], i, got;
	int r;

	if (!per_cpu)
		return -ENOMEM;
	while (done < n) {
		got = n - done < chunk ? n - done : chunk;
		r = c->lookup_batch(fd, done ? &at : NULL, &at, keys, per_cpu, &got, NULL);
		if (r < 0 && errno != ENOENT) /* ENOENT: these were the last ones */
			return done ? -errno : 1;
		if (!got)
			return -EIO;
		for (i = 0; i < got; i++)
			if (keys[i] < n)
				add(s, keys[i], per_cpu + (size_t)c->cpus * s->words * i, c->cpus);
		done += got;
	}
	return 0;
}

static int read_all(struct counters *c, int fd, uint32_t n, const struct sums *s)
{
	const int r = c->singly ? 1 : read_batches(c, fd, n, s);

	c->singly = r > 0;
	return r > 0 ? read_singly(fd, c->cpus, 0, n, s) : r;
}

int counters_read(struct counters *c, int fd, uint32_t n, uint32_t words, __u64 *ret)
{
	memset(ret, 0, (size_t)n * words * sizeof(*ret));
	return read_all(c, fd, n, &(struct sums){ .at = ret, .words = words });
}

int counters_read_one(int fd, int cpus, uint32_t key, uint32_t words, __u64 *ret)
{
	memset(ret, 0, words * sizeof(*ret));
	return read_singly(fd, cpus, key, 1, &(struct sums){ .at = ret, .words = words });
}
