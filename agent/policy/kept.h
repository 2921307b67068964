/* SPDX-License-Identifier: Apache-2.0 */
/* What a compiler keeps from one result to the next. Used by compiler.c, remake.c, patch.c and the other
 * patches alone. */
#ifndef BH_POLICY_KEPT_H
#define BH_POLICY_KEPT_H

#include "model/changes.h"
#include "policy/build.h"

typedef VEC(struct addr) addr_vec;

/*
 * The rules and peer sets, what names of ports mean, the classes and their lists; all of it borrows from
 * policies that have not changed since, and from pods that are subject to them. And of the addresses that
 * pods claim, whether one pod does: only such ones are patched.
 */
struct kept {
	struct build b;
	size_t sorted;	  /* of build.classes; what is behind them is new, and in no order */
	struct tables *t; /* held: the last result; NULL: nothing is kept */
	addr_vec sole;	  /* pod_addr.is_sole; sorted, as the others */
	addr_vec shared;  /* all other claimed ones */
	addr_vec extras;  /* that are in a peer set for another reason than a pod's labels */
	bool of_nodes, of_services, of_slices; /* some peer set is made from these */
	bool services;			       /* some policy set minds them; then there are also: */
	addr_vec vips, backends;	       /* of Services and of slices, each as often as it is named */
	addr_vec nodes;			       /* of all nodes, and this one's */
	VEC(uint32_t) locations; /* by class: how many have it; of one that is no Service's: kept_class() */
	bool audit;		 /* model.audit */
	int64_t now, expires;	 /* model.now, and when the next policy expires; 0: none does */
};

/* An exact location that another class has now; KEPT_NONE: it is there no more. */
struct kept_move {
	struct addr addr;
	uint32_t class;
	bool is_node;
};

typedef VEC(struct kept_move) move_vec; /* by address */

/* After a compile of all: takes what it needs of @b. Return: 0 or -ENOMEM. */
int kept_init(struct kept *k, struct build *b, struct tables *t);
void kept_done(struct kept *k);

/* Its parts, of @t: of Services; and, the classes being in order, what counts them, and their lists alone.
 * Return: 0 or -ENOMEM. */
int kept_services(struct kept *k, const struct tables *t);
int kept_tidy(struct kept *k, const struct tables *t);

/* Puts into @v, sorted, @come instead of @gone, which are sorted here; all of @gone is there. Return: 0 or
 * -ENOMEM. */
int kept_replace(addr_vec *v, addr_vec *gone, addr_vec *come);

/* The class of that name, a new one if it is not there. Return: 0 or -ENOMEM. */
int kept_find_class(struct kept *k, const struct class_use *key, uint32_t *ret);

/* Whether no class is new, and of none the last location has gone. */
bool kept_classes_stay(const struct kept *k);

/* The class that a location would have if there were no Services; KEPT_NONE: it would not be there. */
uint32_t kept_class(const struct kept *k, const struct table_location *l);
#define KEPT_NONE UINT32_MAX

/* What changed must not be `all`. Return: 1 the tables are in @ret, 0 this is not for a patch, or -ENOMEM; in
 * the last two cases what is kept is of no use any more. */
int policy_patch(struct kept *k, const struct model_changes *c, struct tables **ret);

/* Brings the classes into order, without those that nobody has, and @t's with them, which has locations of
 * theirs. @services: without those of Services, and their locations. Return, of all these: 0 or -ENOMEM. */
int kept_settle(struct kept *k, bool services, struct tables *t);

/* Rows and ranges of @t, whose classes are in order; @services: what stands for them is found out first. */
int policy_remake(struct kept *k, bool services, struct tables *t);

/* An address that a pod claims now. */
struct kept_claim {
	struct addr addr;
	uint32_t class; /* KEPT_NONE: it needs no location */
	const struct pod *pod;
};

/* What pods and interfaces that changed claimed before, and what they claim now; both by address, no
 * duplicates. And which interfaces these are, that were there, and are. */
struct claim_changes {
	addr_vec gone;
	VEC(struct kept_claim) come;
	VEC(struct hash128) were;
	VEC(const struct endpoint *) are;
};

/* claim_patch.c. Return, of this and the next: 1, 0 not for a patch, or -ENOMEM. */
int policy_claim_changes(struct kept *k, const struct model_changes *c, struct claim_changes *ret);
void claim_changes_done(struct claim_changes *c);

/* endpoint_patch.c: endpoints of @t, which has the last result's sets. */
int policy_patch_endpoints(struct kept *k, const struct claim_changes *c, struct tables *t);

/*
 * service_patch.c: node_ports of @t, and what becomes of the addresses of Services of which something
 * changed, or who is behind them: one of @pods, that moved. @t has all else but rows. Return: 1, 0 all
 * Services are to be found out again, or -ENOMEM.
 */
int policy_patch_services(struct kept *k, const struct model_changes *c, const move_vec *pods,
			  struct tables *t, move_vec *ret);

#endif
