/* SPDX-License-Identifier: Apache-2.0 */
/* What peers that are no pods by their labels come to: blocks and addresses. */
#ifndef BH_POLICY_ENTITIES_H
#define BH_POLICY_ENTITIES_H

#include "policy/build.h"

/* All of a block but its exceptions is in the peer set. */
struct set_block {
	uint32_t set; /* index into build.peer_sets */
	struct cidr block;
	const struct cidr *except; /* borrowed from the policy, or from `outside` */
	size_t excepts;
};

struct blocks {
	VEC(struct set_block) at;
	VEC(struct cidr) outside; /* of the world: IPv6 link-local, then what nodes have for their pods */
};

/* Blocks, the world, and of the cluster what is not known yet. Return: 0 or -ENOMEM. */
int policy_blocks(const struct build *b, struct blocks *ret);
void policy_blocks_done(struct blocks *b);

/* An address is in a peer set, whoever has it. */
struct extra {
	struct addr addr;
	uint32_t set;
};

typedef VEC(struct extra) extra_vec;

/* Of nodes, of Services and of what is behind them: by address and set, no duplicates. Return: 0 or -ENOMEM.
 */
int policy_extras(const struct build *b, extra_vec *ret);

#endif
