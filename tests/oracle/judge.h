/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A part of the oracle: what the policies of all tiers together say about a flow to or from one address, as
 * that address. Services are no business of it.
 */
#ifndef TESTS_ORACLE_JUDGE_H
#define TESTS_ORACLE_JUDGE_H

#include "oracle.h"

/* What holds, and which rules are behind it: those that say so in objects of this tier and priority. */
struct verdict {
	enum oracle_answer answer;
	bool by_rule;
	enum policy_tier tier;
	int priority;
};

/* How to ask. */
struct asking {
	const struct model *m;
	const struct oracle_flow *f;
	const struct pod *pod;
	bool each;     /* of several pods that claim an address take each alone; the strictest counts */
	bool enforced; /* without the policies that are audited */
};

/* The pod whose policies decide, or NULL if nobody can tell: no such pod, a namespace not known, an interface
 * with two owners, or a pod that has no interface of its own any more. */
const struct pod *subject_of(const struct model *m, uint32_t ifindex);

bool is_isolated(const struct asking *a);

/* What the rules that apply to the pod in this direction may do, those of NetworkPolicies left out. */
enum ruled {
	RULED_NOT,	/* there are none */
	RULED,		/* they accept */
	RULED_OUT,	/* some does not */
	RULED_BY_LABEL, /* some does not, and asks for pods: whose an address is matters */
};

enum ruled how_ruled(const struct asking *a);

bool passes(const struct verdict *v);
struct verdict judge_address(const struct asking *a);

/* Several pods claim the address, or one that is not known. */
bool is_in_doubt(const struct model *m, const struct oracle_flow *f);

/* Whether this rule is behind the verdict, which is that one. */
bool is_behind_address(const struct asking *a, const struct net_policy *np, size_t index, bool allowed);

/* The same of every port of every protocol, to somebody whom nobody knows. What has no port is matched by
 * rules for every port alone, and no rule that denies is for any peer, but one that is not understood. */
struct verdict judge_everything(const struct asking *a);
bool is_behind_everything(const struct asking *a, const struct net_policy *np, size_t index, bool allowed);

#endif
