/* SPDX-License-Identifier: Apache-2.0 */
/* A part of the oracle: whose an address is. */
#ifndef TESTS_ORACLE_WHOSE_H
#define TESTS_ORACLE_WHOSE_H

#include <stdbool.h>

#include "model/model.h"

bool is_ipv4(const struct addr *a);
bool in_cidr(const struct cidr *c, const struct addr *a);
bool among(const struct addr *a, const struct addr *v, size_t n);

const struct namespace *namespace_of(const struct model *m, const char *name);
const struct pod *pod_of(const struct model *m, const struct endpoint *e);
bool is_no_pod(const struct pod *p);
bool is_known(const struct model *m, const struct pod *p); /* and its namespace */

/* The pods that claim an address; NULL is an interface of this node that belongs to no pod anybody knows. */
struct claims {
	VEC(const struct pod *) by;
};

/* @ret: free with claims_done(). Each pod once. */
void claims_of(const struct model *m, const struct addr *a, struct claims *ret);
void claims_done(struct claims *c);

/* Of a node, this one or another. */
bool is_nodes(const struct model *m, const struct addr *a);

/* Of a Node object with such labels. */
bool is_of_nodes(const struct model *m, const struct selector *which, const struct addr *a);

/* Of a pod, whoever it is, of a node or a Service, or of what a node has for its pods. */
bool is_clusters(const struct model *m, const struct addr *a);

/* Of nobody there; but on a link there are pods and nodes, and nobody can tell which. */
bool is_worlds(const struct model *m, const struct addr *a);

/* Behind this Service, whatever is said of it there, and whoever's else it is. */
bool is_backend_of(const struct model *m, const char *ns, const char *name, const struct addr *a);

#endif
