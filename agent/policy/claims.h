/* SPDX-License-Identifier: Apache-2.0 */
/* Which addresses belong to pods that are in some peer set. */
#ifndef BH_POLICY_CLAIMS_H
#define BH_POLICY_CLAIMS_H

#include "policy/build.h"

struct pod_addr {
	struct addr addr;
	struct list peers; /* by selectors; never empty */
};

struct pod_addrs {
	VEC(struct pod_addr) at; /* by address, no duplicates */
};

/* @ret: appended to; the caller frees `at`, also on failure. Return: 0 or -ENOMEM. */
int policy_pod_addrs(struct build *b, struct pod_addrs *ret);

#endif
