/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Why not? The rule that comes closest to accepting a flow that is denied, and by what it misses it: what
 * people get wrong is one label or one port. Pure, as all of the compiler; asks the model, not the tables.
 */
#ifndef BH_POLICY_NEAREST_H
#define BH_POLICY_NEAREST_H

#include "policy/policy.h"

/* What may be in the way of a rule; the closer one first. docs/bulkheadctl.md has this order, too. */
enum near_field {
	NEAR_ORDER,	/* a Deny or a Pass decides before it */
	NEAR_AUDIT,	/* its policy is in mode Audit, and allows nothing in earnest */
	NEAR_EXPIRED,	/* its policy is */
	NEAR_UNKNOWN,	/* something in it is not understood */
	NEAR_PORT,	/* another port of the protocol */
	NEAR_NAME,	/* ports by name, and the pod calls this one otherwise */
	NEAR_PROTOCOL,	/* another protocol */
	NEAR_LABELS,	/* the peer's labels */
	NEAR_NAMESPACE, /* the peer's namespace, or its labels */
	NEAR_EXCEPT,	/* in an exception of the block */
	NEAR_BLOCK,	/* outside of the block */
	NEAR_PEER,	/* the peer is of another kind: no pod, no node, not behind that Service... */
	NEAR_MAX
};

#define NEAR_BIT(field) (1u << (field))
#define NEAR_FIELDS_MAX 2 /* a rule that misses by more is near to nothing */

static inline int near_count(uint32_t fields)
{
	int n = 0;

	for (; fields; fields &= fields - 1)
		n++;
	return n;
}

/* A new flow that is denied to a pod of this node. */
struct near_flow {
	const struct pod *pod; /* whose policies decide; its namespace is known */
	uint32_t dir;	       /* enum bh_dir */
	struct addr remote;
	uint32_t port; /* BH_PORT() or BH_ICMP() */
	bool audited;  /* it is allowed, and would be denied if nothing were audited */
};

struct nearest {
	const struct net_policy *policy; /* borrowed, as all here */
	uint32_t rule;			 /* index */
	int peer;			 /* index; -1: it is for any peer */
	uint32_t fields;		 /* NEAR_BIT()s: never none, NEAR_FIELDS_MAX at most */
	const struct pod *far;		 /* at the other end; NULL: no pod */
	const struct net_policy *before; /* of NEAR_ORDER: whose rule decides before it */
	uint32_t before_rule;
};

/**
 * policy_nearest() - the rule that would accept the flow if one field were another, or else two.
 *
 * Of several: fewer fields, then the closer ones (enum near_field), then fewer requirements of the selectors,
 * then the first to decide. Where nobody can tell whose the address is, none is near, nor where it
 * is link-local.
 * Return: 1, 0: none, -ENOMEM. Cost: O(policies + pods + rules for the pod x peers).
 */
int policy_nearest(const struct model *m, const struct near_flow *f, struct nearest *ret);

#endif
