/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a network namespace and an interface name to the veth's end on this side.
 */
#ifndef BH_CNI_ATTACH_H
#define BH_CNI_ATTACH_H

#include <stddef.h>
#include <stdint.h>

#include "../bpf/abi.h"
#include "netconf.h"
#include "util/addr.h"
#include "util/err.h"

struct sandbox {
	uint32_t ifindex;		     /* of the veth's end here */
	uint32_t peer;			     /* of the end inside, in its namespace */
	int32_t nsid;			     /* of that namespace, here; -1: our own */
	uint8_t mac[6];			     /* of the end inside */
	struct addr link_local[BH_EP_ADDRS]; /* IPv6, of the end inside */
	size_t n;
};

/**
 * sandbox_find() - the pod's interface, and its other end in our own namespace.
 *
 * The ends are matched by index and namespace id in both directions: names, and what prevResult says
 * about host interfaces, are hints at best. Return: 0, CNI_BAD_NETNS (not there, no namespace, or our
 * own one without CNI_NETNS_OVERRIDE), CNI_CANNOT_PROTECT (no such interface, not a veth, or its other
 * end is elsewhere), CNI_IO.
 */
int sandbox_find(const struct env *env, struct sandbox *ret, struct bh_err *err);

#endif
