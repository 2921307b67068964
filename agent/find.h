/* SPDX-License-Identifier: Apache-2.0 */
/* Who a person means: pods by "namespace/name" or by name alone, and what is near when there is none. */
#ifndef BH_FIND_H
#define BH_FIND_H

#include "model/model.h"
#include "util/err.h"
#include "util/near.h"

/* What was found: an interface here, or else a pod elsewhere. Borrowed from the model. */
struct found {
	const struct endpoint *e; /* NULL: none on this node */
	const struct pod *pod;	  /* NULL: no manifest */
};

/* Return: 0, -ENOENT (err says where was searched and what is near), -ENOTUNIQ (err lists them). */
int find_pod(const struct model *m, const char *text, struct found *ret, struct bh_err *err);

/* As find_pod(), of this node's interfaces alone. */
int find_local(const struct model *m, const char *text, const struct endpoint **ret, struct bh_err *err);

/* Whether there is one now: of pods here and elsewhere, and of policies, with or without its namespace. @ret:
 * what is near where there is none. */
bool find_knows_pod(const struct model *m, const char *text, struct near *ret);
bool find_knows_namespace(const struct model *m, const char *text, struct near *ret);
bool find_knows_policy(const struct model *m, const char *text, struct near *ret);

/* Of the policies of one kind. */
void find_near_policy(const struct model *m, enum policy_kind kind, const char *text, struct near *ret);

/* The interface that has @addr; NULL: none here. */
const struct endpoint *find_by_addr(const struct model *m, const struct addr *addr);

/* The pod that says so of itself, or, of several, the first one; NULL: none, or it is a node. */
const struct pod *find_pod_by_addr(const struct model *m, const struct addr *addr);

#endif
