/* SPDX-License-Identifier: Apache-2.0 */
/* Which of the veths that nobody told us of is a pod's. By its addresses alone: names are for people. */
#ifndef BH_MATCH_H
#define BH_MATCH_H

#include "hook/netlink.h"
#include "model/model.h"

typedef VEC(struct addr) addr_vec;

/* A veth whose other end is in another namespace, and what is there. */
struct stray {
	struct nl_link host, pod;
	addr_vec addrs; /* those that matter: of pods, and of the link */
};
typedef VEC(struct stray) stray_vec;
typedef VEC(const struct pod *) pod_vec;

enum match {
	MATCH_FOUND,
	MATCH_NONE,   /* none has any of its addresses */
	MATCH_SHARED, /* an address of it is on several */
	MATCH_OTHERS, /* one has an address of another pod, too */
};

bool match_holds(const struct stray *s, const struct addr *a);

/**
 * match_pod() - the veths that hold addresses of @p. Where one has those of other pods too, and one has @p's
 * alone, the latter is @p's.
 * @local: the pods of this node that have no endpoint yet, @p among them.
 * @ret:   their indexes; room for @strays->n.
 * @ret_n: how many; 0 unless found.
 */
enum match match_pod(const struct pod *p, const pod_vec *local, const stray_vec *strays, size_t *ret,
		     size_t *ret_n);

#endif
