/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which policies there are, each by its UID and generation, as one number for each kind: two who follow the
 * same server know by it whether they know the same. The numbers of before are kept, so that whoever is a
 * little behind can be told how far.
 */
#ifndef BH_MODEL_VERSIONS_H
#define BH_MODEL_VERSIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "util/hash.h"

#define VERSIONS_PAST 1024 /* sets that are remembered; an older one is not known any more */

struct net_policy;

/* Zero at birth: the empty set, the first of all. */
struct versions {
	uint64_t seq;			    /* of the set that there is now: one more with each change */
	struct hash128 past[VERSIONS_PAST]; /* by seq modulo VERSIONS_PAST; they do not depend on an order */
};

/* @was is not in the set any more, @now is; either may be NULL. Writes now->since. One without a UID is in no
 * set. Return: whether the set is another. */
bool versions_change(struct versions *v, const struct net_policy *was, struct net_policy *now);

/* The set that there is now. */
const struct hash128 *versions_now(const struct versions *v);

/* The seq at which the set was that, the latest; -1: not known. Of the policies that there are now it held
 * those whose `since` is no larger. */
int64_t versions_find(const struct versions *v, const struct hash128 *set);

#endif
