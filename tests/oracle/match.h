/* SPDX-License-Identifier: Apache-2.0 */
/* A part of the oracle: whether one rule matches one flow. What follows from that is for others to say. */
#ifndef TESTS_ORACLE_MATCH_H
#define TESTS_ORACLE_MATCH_H

#include "oracle.h"

/* A flow, and who is said to be at its far end: most often all that claim the address. */
struct question {
	const struct model *m;
	const struct oracle_flow *f;
	const struct pod *subject;
	const struct pod *const *who;
	size_t n_who;
	bool enforced; /* policies that are audited are not there */
	bool nowhere;  /* no address at all: only what is for any peer holds */
	bool anybody;  /* whatever pod is asked for, it may be that */
};

bool selects(const struct selector *s, const struct labels *l);

bool rule_matches(const struct question *q, const struct net_policy *np, const struct rule *r);

#endif
