/* SPDX-License-Identifier: Apache-2.0 */
/* A part of the oracle: whom a packet may get to that is sent to an address which stands for others. */
#ifndef TESTS_ORACLE_BEHIND_H
#define TESTS_ORACLE_BEHIND_H

#include "oracle.h"

/* On one port: flows to the backends. */
struct behind {
	VEC(struct oracle_flow) at;
	bool port;    /* some Service with that address has it */
	bool no_port; /* some does not */
	bool unknown; /* or has it, and no backend, or one that cannot be told */
};

/* What an address is, and who says so. */
enum stands {
	STANDS_FOR_NOBODY, /* but itself; so does a port of the following ones that nobody has claimed */
	STANDS_CLUSTER,	   /* a ClusterIP */
	STANDS_BALANCER,
	STANDS_EXTERNAL,
	STANDS_NODE, /* this node's, and it sends on what comes there */
};

/* @ret: free with vec_done(&ret->at). */
enum stands behind_of(const struct model *m, const struct oracle_flow *f, struct behind *ret);
enum stands stands_for(const struct model *m, const struct oracle_flow *f); /* the same without whom */

/* A pod may talk to its node, but what arrives on some ports there goes on to others. */
bool is_this_node(const struct model *m, const struct addr *a, uint8_t proto, uint16_t port);

#endif
