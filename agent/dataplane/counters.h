/* SPDX-License-Identifier: Apache-2.0 */
/* Reading per-CPU arrays whose values are counters of eight bytes and nothing else. */
#ifndef BH_DATAPLANE_COUNTERS_H
#define BH_DATAPLANE_COUNTERS_H

#include <stdbool.h>
#include <bpf/bpf.h>

#include <linux/types.h>

struct counters {
	int cpus; /* possible ones */
	/* bpf_map_lookup_batch(), or what stands for a kernel without it */
	int (*lookup_batch)(int fd, void *in_batch, void *out_batch, void *keys, void *values, __u32 *count,
			    const struct bpf_map_batch_opts *opts);
	bool singly; /* it was tried and is not there */
};

#define COUNTERS_WORDS(type) ((uint32_t)(sizeof(type) / sizeof(__u64)))

/* Of @words counters an entry, summed over CPUs: the first @n entries, to ret[n * words]; and one of them.
 * Return: 0 or -errno. */
int counters_read(struct counters *c, int fd, uint32_t n, uint32_t words, __u64 *ret);
int counters_read_one(int fd, int cpus, uint32_t key, uint32_t words, __u64 *ret);

#endif
