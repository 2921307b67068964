/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a compile looked at. Most changes of a large cluster are about pods that no policy of this node
 * names: a compile after them would give the same tables. Owned copies: the model may go on.
 *
 * Ask about an object as it was and as it is. If neither matters, the tables that policy_compile() would make
 * are those that it made, but for the indexes in table_set.policies. Where it is not sure it says yes. What
 * a source does not change (endpoints, local_addrs) always matters, and is not asked about here.
 */
#ifndef BH_POLICY_INTEREST_H
#define BH_POLICY_INTEREST_H

#include "model/model.h"
#include "policy/policy.h"

struct interest;

/**
 * policy_interest() - what mattered to @t.
 * @m: the model that @t was compiled from, unchanged since.
 * @t: held.
 * Return: 0 or -ENOMEM. Cost: O(rules of the policies in use, interfaces, Services).
 */
int policy_interest(const struct model *m, struct tables *t, struct interest **ret);

/* The same for @t of which tables.from is the run that @before is of. Cost: O(1). */
int policy_interest_patched(const struct interest *before, struct tables *t, struct interest **ret);
void interest_free(struct interest *i);

/* @ns: the pod's namespace, NULL if it is not known. A change of the namespace is asked about by itself. */
bool interest_pod(const struct interest *i, const struct namespace *ns, const struct pod *p);
/* Of one that was there and is: a change that leaves its addresses and its peers as they were does not
 * matter. */
bool interest_pod_change(const struct interest *i, const struct namespace *ns, const struct pod *old,
			 const struct pod *new);
/* @stays: it was there before and is. */
bool interest_namespace(const struct interest *i, const struct namespace *ns, bool stays);
bool interest_policy(const struct interest *i, const struct net_policy *np);
bool interest_service(const struct interest *i, const struct service *s);
bool interest_node(const struct interest *i, const struct cluster_node *n);

/* @service: the slice's, NULL if it is not known: its coming is asked about by itself. */
bool interest_slice(const struct interest *i, const struct endpoint_slice *slice,
		    const struct service *service);

#endif
