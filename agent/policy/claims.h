/* SPDX-License-Identifier: Apache-2.0 */
/* Which addresses belong to pods that are in some peer set. */
#ifndef BH_POLICY_CLAIMS_H
#define BH_POLICY_CLAIMS_H

#include "policy/build.h"

/* Fills build.pod_addrs. Return: 0 or -ENOMEM. */
int policy_pod_addrs(struct build *b);

#endif
