/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of dataplane/ share: the loaded object, the mapped arrays, the grace thread. */
#ifndef BH_DATAPLANE_DP_INTERNAL_H
#define BH_DATAPLANE_DP_INTERNAL_H

#include <pthread.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "dataplane/counters.h"
#include "dataplane/dp.h"
#include "policy.skel.h"

/* An mmapped array map. The kernel rounds elements up to 8 bytes. */
struct mapped {
	void *at;
	size_t bytes, stride;
	uint32_t n;
};

struct grace {
	pthread_t thread;
	bool running;	  /* the thread is there */
	int ask, done;	  /* eventfds */
	int outer, inner; /* map-in-map, for kernels that refuse membarrier; else -1 */
};

struct dp {
	char *pin_dir;
	int lock; /* the pin directory, flocked */
	struct policy_bpf *skel;
	struct ring_buffer *ring;
	struct mapped endpoints, classes, meta;
	int prog[2];		  /* by enum bh_dir: the pinned ones */
	struct policy_bpf *clone; /* dp_clones(); NULL: there are none */
	struct grace grace;
	uint32_t hz;
	struct counters counters;
	int cpus; /* possible ones: values of a per-CPU look-up */
};

int grace_init(struct grace *g, struct bh_err *err);
void grace_done(struct grace *g);
int grace_wait(const struct grace *g, struct bh_err *err); /* blocks */

static inline void *mapped_at(const struct mapped *m, uint32_t index)
{
	return (char *)m->at + index * m->stride;
}

static inline struct bh_endpoint *dp_endpoint(const struct dp *dp, uint32_t slot)
{
	return mapped_at(&dp->endpoints, slot);
}

static inline struct bh_meta *dp_meta(const struct dp *dp)
{
	return mapped_at(&dp->meta, 0);
}

#define DP_FD(dp, name) bpf_map__fd((dp)->skel->maps.name)

#endif
