/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The connections that this node's conntrack knows, and what a pod's veth sees of each. For pods whose
 * programs come after their flows.
 */
#ifndef BH_CONNTRACK_H
#define BH_CONNTRACK_H

#include <linux/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/addr.h"
#include "util/err.h"

/* One direction as conntrack has it: before translation for the original one, after it for the replies. */
struct conntrack_tuple {
	struct addr src, dst;
	__be16 sport, dport;
};

struct conntrack {
	struct conntrack_tuple orig, reply;
	uint8_t proto;	   /* IPPROTO_TCP or IPPROTO_UDP: no others are told */
	uint8_t tcp_state; /* enum tcp_conntrack */
	bool replied;
};

/* A connection as one of the pod's hooks meets it. */
struct conntrack_view {
	struct addr local, remote;
	__be16 lport, rport;
	bool opened; /* by the pod; else by the other end */
};

/**
 * conntrack_views() - what the veth of who has @pod sees of @c.
 *
 * Translation happens behind the veth. So the pod's own flow is the original tuple (a Service's address and
 * not the backend's), and a flow to the pod is the reply turned round (after DNAT, and from whatever address
 * a masquerade gave it). A pod that reaches itself through a Service sees both.
 * Return: 0 to 2. A TCP connection that is over has none.
 */
size_t conntrack_views(const struct conntrack *c, const struct addr *pod, struct conntrack_view ret[2]);

/* Whether neither end was translated. */
bool conntrack_is_plain(const struct conntrack *c);

/* Calls @each with every TCP and UDP connection of this network namespace; needs CAP_NET_ADMIN.
 * Return: 0, or -errno: also where the kernel has no ctnetlink. */
int conntrack_each(void (*each)(void *ctx, const struct conntrack *c), void *ctx, struct bh_err *err);

#endif
