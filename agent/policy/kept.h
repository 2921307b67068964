/* SPDX-License-Identifier: Apache-2.0 */
/* What a compiler keeps from one result to the next. Used by compiler.c and patch.c alone. */
#ifndef BH_POLICY_KEPT_H
#define BH_POLICY_KEPT_H

#include "model/changes.h"
#include "policy/build.h"

/*
 * The peer sets, what names of ports mean, the classes and their lists; all of it borrows from policies that
 * have not changed since. And of addresses that pods claim, whether one pod does: only such ones are patched.
 */
struct kept {
	struct build b;
	struct tables *t;		 /* held; NULL: nothing is kept */
	VEC(struct addr) sole;		 /* pod_addr.is_sole; sorted, as the others */
	VEC(struct addr) shared;	 /* all other claimed ones */
	VEC(struct addr) vips, backends; /* of Services, where some policy set minds them */
	bool services;			 /* one does */
	uint32_t *locations;		 /* by class: how many have it */
};

/* After a compile of all: takes what it needs of @b. Return: 0 or -ENOMEM. */
int kept_init(struct kept *k, struct build *b, struct tables *t);
void kept_done(struct kept *k);

/* What changed must not be `all`. Return: 1 the tables are in @ret, 0 this is not for a patch, or -ENOMEM; in
 * the last two cases what is kept is of no use any more. */
int policy_patch(struct kept *k, const struct model_changes *c, struct tables **ret);

#endif
