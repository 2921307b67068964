/* SPDX-License-Identifier: Apache-2.0 */
/* Reading whole per-CPU arrays of struct bh_count. */
#ifndef BH_DATAPLANE_COUNTERS_H
#define BH_DATAPLANE_COUNTERS_H

#include <stdbool.h>
#include <bpf/bpf.h>

#include "../../bpf/abi.h"

struct counters {
	int cpus; /* possible ones */
	/* bpf_map_lookup_batch(), or what stands for a kernel without it */
	int (*lookup_batch)(int fd, void *in_batch, void *out_batch, void *keys, void *values, __u32 *count,
			    const struct bpf_map_batch_opts *opts);
	bool singly; /* it was tried and is not there */
};

/* The first @n entries, each summed over CPUs. Return: 0 or -errno. */
int counters_read(struct counters *c, int fd, uint32_t n, struct bh_count *ret);

#endif
