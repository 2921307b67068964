/* SPDX-License-Identifier: Apache-2.0 */
/* Names of what netfilter holds in this network namespace: nftables' tables, sets. */
#ifndef BH_NETFILTER_H
#define BH_NETFILTER_H

#include <stdint.h>

#include "util/err.h"

/* A dump of linux/netfilter/nfnetlink.h: which, and which attribute of its answers. */
struct netfilter_names {
	uint8_t subsystem, command;
	uint16_t attribute;
	uint8_t protocol; /* of ipset; 0: none is sent */
};

/* Return: 0 (also where this kernel has none), -EPERM, or another -errno. */
int netfilter_each(const struct netfilter_names *which, void (*each)(void *ctx, const char *name), void *ctx,
		   struct bh_err *err);

#endif
