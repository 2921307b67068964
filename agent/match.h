/* SPDX-License-Identifier: Apache-2.0 */
/* Which of the veths that nobody told us of is a pod's. By its addresses alone: names are for people. */
#ifndef BH_MATCH_H
#define BH_MATCH_H

#include "hook/netlink.h"
#include "model/model.h"

/* A veth whose other end is in another namespace, and what is there. */
struct stray {
	struct nl_link host, pod;
	struct addr addrs[NL_ADDRS];
	size_t n;
};
typedef VEC(struct stray) stray_vec;
typedef VEC(const struct pod *) pod_vec;

enum match {
	MATCH_FOUND,
	MATCH_NONE,   /* none has any of its addresses */
	MATCH_SHARED, /* an address of it is on several */
	MATCH_OTHERS, /* one has an address of another pod, too */
};

/**
 * match_pod() - the veths that hold addresses of @p.
 * @local: pods that may be on this node, @p among them.
 * @ret:   their indexes; room for @strays->n.
 * @ret_n: how many; 0 unless found.
 */
enum match match_pod(const struct pod *p, const pod_vec *local, const stray_vec *strays, size_t *ret,
		     size_t *ret_n);

#endif
