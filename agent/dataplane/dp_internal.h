/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of dataplane/ share: the loaded object, the mapped arrays, the grace thread. */
#ifndef BH_DATAPLANE_DP_INTERNAL_H
#define BH_DATAPLANE_DP_INTERNAL_H

#include <arpa/inet.h>
#include <pthread.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "dataplane/counters.h"
#include "dataplane/dp.h"
#include "dataplane/lines.h"
#include "dataplane/slices.h"
#include "dataplane/windows.h"
#include "policy.skel.h"
#include "util/vec.h"

/* An mmapped array map. The kernel rounds elements up to 8 bytes. */
struct mapped {
	void *at;
	size_t bytes, stride;
	uint32_t n;
};

struct former; /* one directory of another layout: former.c */

struct grace {
	pthread_t thread;
	bool running;	  /* the thread is there */
	int ask, done;	  /* eventfds */
	int outer, inner; /* map-in-map, for kernels that refuse membarrier; else -1 */
};

/* A run of sets that nobody may have before a grace is over; or, with an ifindex, the former slice of an
 * endpoint that grows, of which what is left is copied then. */
struct passing {
	enum bh_family family;
	uint32_t slot, ifindex;
	struct bh_slice slice;
	bool ends; /* its sessions do; else they are elsewhere by now */
};
typedef VEC(struct passing) passing_vec;

/* The session arrays; all by enum bh_family. */
struct pool {
	struct windows sets[2];
	unsigned int looks;	      /* pool_look() without pool_leave() */
	struct lines lines[2];	      /* of what is looked at: nothing else is mapped */
	struct slices slices[2];      /* owners: slots of bh_endpoints, counted from 1 */
	passing_vec passing, waiting; /* for the grace that is under way, and for the next one */
	struct lines_busy busy;
	struct grace grace;
};

struct dp {
	char *pin_dir;
	int lock; /* the pin directory, flocked */
	struct policy_bpf *skel;
	struct ring_buffer *ring;
	struct mapped endpoints, meta, ended;
	struct windows classes;
	int prog[2];		  /* by enum bh_dir: the pinned ones */
	struct policy_bpf *clone; /* dp_clones(); NULL: there are none */
	struct grace grace;
	struct pool pool;
	VEC(struct former *) formers;
	bool fresh; /* dp_prepare() made maps that are pinned nowhere yet */
	uint32_t hz;
	struct counters counters;
	struct bh_ep_stat retired; /* of slots that were used again since dp_open() */
	struct bh_ep_stat
		settled; /* of those that are free, and that nobody counts in any more, as it is marked: */
	bool is_settled[BH_EP_SLOTS];
	int cpus; /* possible ones: values of a per-CPU look-up */
};

int grace_init(struct grace *g, struct bh_err *err);
void grace_done(struct grace *g);
int grace_wait(const struct grace *g, struct bh_err *err); /* blocks */

/* Locks every directory of another layout. Return: 0, -EBUSY an agent has one, or -errno. */
int former_open(struct dp *dp, struct bh_err *err);

/* The programs once more, not loaded yet; @shares says which maps are those of @dp. Return: 0 or -errno. */
int dp_open_copy(struct dp *dp, bool (*shares)(const struct bpf_map *map), struct policy_bpf **ret);

int dp_cmp_u32(const void *a, const void *b); /* for qsort() */

int dp_map_array(int fd, const char *name, struct mapped *ret, struct bh_err *err);
void dp_unmap_array(struct mapped *m);

/* @adopted: endpoints may have slices already. Return: 0 or -errno. */
int pool_open(struct dp *dp, bool adopted, struct bh_err *err);
void pool_close(struct dp *dp);

/* The sets of the slice may be touched from now on, until pool_leave(), or as long as others look. Return: 0
 * or -errno: then they may not. */
int pool_look(struct pool *p, enum bh_family f, struct bh_slice slice);
void pool_leave(struct pool *p);

/* The slices of an endpoint that is about to be born in @slot; none where there are none. */
int pool_give(struct dp *dp, uint32_t slot, struct bh_endpoint *ret, struct bh_err *err);
void pool_take_back(struct dp *dp, uint32_t slot);	  /* of one that no program finds any more */
bool pool_is_leaving(const struct dp *dp, uint32_t slot); /* a program may still be at work in it */
int pool_grow_now(struct dp *dp, uint32_t slot, enum bh_family f, struct bh_err *err); /* twice; blocks */

int dp_now(struct dp *dp, uint32_t *ret, struct bh_err *err); /* jiffies */
/* One slot of a map like bh_ep_stats, summed over @cpus. Return: 0 or -errno. */
int dp_ep_stat_at(int fd, int cpus, uint32_t slot, struct bh_ep_stat *ret);

/* Adds what the last endpoint of a slot counted to the node's, and begins with nought. */
int dp_retire_stats(struct dp *dp, uint32_t slot, struct bh_err *err);

/* What this kernel has not and our programs need, in words; NULL: nothing that we know of. */
const char *kernel_lacks(void);

/* A session as it is but for its life, `seen` too, with the epoch and rights of its word. Return: 1 stored, 0
 * there is one that was seen as late, or no room, or -errno. */
int dp_session_put(struct dp *dp, const struct bh_flow6 *flow, const struct bh_session *s, uint32_t now);

static inline void *mapped_at(const struct mapped *m, uint32_t index)
{
	return (char *)m->at + index * m->stride;
}

static inline struct bh_endpoint *dp_endpoint(const struct dp *dp, uint32_t slot)
{
	return mapped_at(&dp->endpoints, slot);
}

static inline bool dp_addr_is_v4(const struct bh_addr *a)
{
	return !a->w[0] && !a->w[1] && a->w[2] == htonl(0xffff);
}

static inline struct bh_meta *dp_meta(const struct dp *dp)
{
	return mapped_at(&dp->meta, 0);
}

#define DP_FD(dp, name) bpf_map__fd((dp)->skel->maps.name)

#endif
