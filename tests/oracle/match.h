/* SPDX-License-Identifier: Apache-2.0 */
/* A part of the oracle: whether one rule matches one flow. What follows from that is for others to say. */
#ifndef TESTS_ORACLE_MATCH_H
#define TESTS_ORACLE_MATCH_H

#include "oracle.h"

/* The pods that claim an address; NULL is an interface of this node that belongs to no pod anybody knows. */
struct claims {
	VEC(const struct pod *) by;
};

/* A flow, and who is said to be at its far end: most often all that claim the address. */
struct question {
	const struct model *m;
	const struct oracle_flow *f;
	const struct pod *subject;
	const struct pod *const *who;
	size_t n_who;
	bool nowhere; /* in no block either: only what is for any peer holds */
	bool anybody; /* whatever pod is asked for, it may be that */
};

bool selects(const struct selector *s, const struct labels *l);
bool is_ipv4(const struct addr *a);
bool among(const struct addr *a, const struct addr *v, size_t n);

const struct namespace *namespace_of(const struct model *m, const char *name);
const struct pod *pod_of(const struct model *m, const struct endpoint *e);
bool is_no_pod(const struct pod *p);
bool is_known(const struct model *m, const struct pod *p); /* and its namespace */

/* @ret: free with claims_done(). Each pod once. */
void claims_of(const struct model *m, const struct addr *a, struct claims *ret);
void claims_done(struct claims *c);

bool rule_matches(const struct question *q, const struct net_policy *np, const struct rule *r);

#endif
