/* SPDX-License-Identifier: Apache-2.0 */
/* The names of peer sets. Used by rules.c, and most.c for a list of blocks, alone. */
#ifndef BH_POLICY_PEERS_H
#define BH_POLICY_PEERS_H

#include <stddef.h>

#include "model/model.h"
#include "util/hash.h"

/* @ns: that the pods must be in; NULL: `namespaces` says, or it is no pods. Return: 0 or -ENOMEM. */
int policy_peer_hash(const struct peer *p, const char *ns, struct hash128 *ret);

/* Of the addresses that are perhaps in the peer set of that name. */
struct hash128 policy_perhaps_hash(const struct hash128 *hash);

/* Sorts and drops repetitions in place. Return: how many remain. */
size_t policy_unique(void *v, size_t n, size_t size, int (*cmp)(const void *, const void *));

#endif
