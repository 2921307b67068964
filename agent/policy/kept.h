/* SPDX-License-Identifier: Apache-2.0 */
/* What a compiler keeps from one result to the next. Used by compiler.c, patch.c and remake.c alone. */
#ifndef BH_POLICY_KEPT_H
#define BH_POLICY_KEPT_H

#include "model/changes.h"
#include "policy/build.h"

/*
 * The rules and peer sets, what names of ports mean, the classes and their lists; all of it borrows from
 * policies and from pods of this node that have not changed since. And of the addresses that pods claim,
 * whether one pod does: only such ones are patched.
 */
struct kept {
	struct build b;
	struct tables *t;	 /* held: the last result; NULL: nothing is kept */
	VEC(struct addr) sole;	 /* pod_addr.is_sole; sorted, as the others */
	VEC(struct addr) shared; /* all other claimed ones */
	VEC(struct addr) extras; /* that are in a peer set for another reason than a pod's labels */
	bool of_nodes, of_services, of_slices; /* some peer set is made from these */
	VEC(struct addr) vips, backends;       /* of Services, where some policy set minds them */
	bool services;			       /* one does */
	VEC(uint32_t) locations;	       /* by class: how many have it, Services aside: kept_class() */
	bool audit;			       /* model.audit */
	int64_t now, expires;		       /* model.now, and when the next policy expires; 0: none does */
};

/* After a compile of all: takes what it needs of @b. Return: 0 or -ENOMEM. */
int kept_init(struct kept *k, struct build *b, struct tables *t);
void kept_done(struct kept *k);

/* Its parts, of @t: 0 or -ENOMEM. */
int kept_lists(struct kept *k);
int kept_services(struct kept *k, const struct tables *t);
int kept_locations(struct kept *k, const struct tables *t);

/* The class that a location would have if there were no Services; KEPT_NONE: it would not be there. */
uint32_t kept_class(const struct kept *k, const struct table_location *l);
#define KEPT_NONE UINT32_MAX

/* What changed must not be `all`. Return: 1 the tables are in @ret, 0 this is not for a patch, or -ENOMEM; in
 * the last two cases what is kept is of no use any more. */
int policy_patch(struct kept *k, const struct model_changes *c, struct tables **ret);

/*
 * Into @t, which has other locations than before, perhaps of classes that are new, at the end of
 * build.classes and in no order: classes, Services' locations, rows and ranges. @services: what stands for
 * them is to be found out again. Return: 0 or -ENOMEM.
 */
int policy_remake(struct kept *k, bool services, struct tables *t);

#endif
