/* SPDX-License-Identifier: Apache-2.0 */
/* What a policy says, as a hash: whether two of one name are the same. */
#ifndef BH_CONTENT_H
#define BH_CONTENT_H

#include "model/model.h"
#include "util/hash.h"

struct hash128 content_of_policy(const struct net_policy *p);

#endif
