/* SPDX-License-Identifier: Apache-2.0 */
/* It never goes back: what was in force and does not matter is in force. */
#include "status/applied.h"

static void follow_one(struct applied *a, size_t kind, const struct versions *v, uint64_t seq)
{
	if (seq < a->seq[kind] || v->seq - seq >= VERSIONS_PAST)
		return; /* the number of so old a set is forgotten: another change makes it known again */
	a->seq[kind] = seq;
	a->sets[kind] = v->past[seq % VERSIONS_PAST];
}

void applied_follow(struct applied *a, const struct model *m, const uint64_t seq[POLICY_KINDS], bool all)
{
	size_t i;

	for (i = 0; i < POLICY_KINDS; i++)
		follow_one(a, i, &m->versions[i], all ? m->versions[i].seq : seq[i]);
}

bool applied_holds(const struct applied *a, const struct net_policy *p)
{
	return a->seq[p->kind] >= p->since;
}
