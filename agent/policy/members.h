/* SPDX-License-Identifier: Apache-2.0 */
/* Which pods are in which peer sets. */
#ifndef BH_POLICY_MEMBERS_H
#define BH_POLICY_MEMBERS_H

#include "policy/build.h"

/* @ret: one list for each of model.pods, zeroed by the caller. Return: 0 or -ENOMEM. */
int policy_members(struct build *b, struct list *ret);

#endif
