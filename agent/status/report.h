/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one node says of policies, in its NodePolicyStatus: which set of each kind is in force there, as one
 * number (model/versions.h), and otherwise exceptions alone. So it is as large with a thousand policies as
 * with one.
 */
#ifndef BH_STATUS_REPORT_H
#define BH_STATUS_REPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "model/model.h"
#include "util/date.h"

#define REPORT_REFUSED_MAX 10	/* policies named that are not understood; more are only counted */
#define REPORT_BARE_MAX	   10	/* pods named that are not protected; more are only counted */
#define REPORT_TEXT_MAX	   256	/* bytes of one message */
#define REPORT_VALID_MAX_S 1500 /* so long a report counts at most; also one that does not say how long */
#define REPORT_API	   "policy.bulkhead.dev/v1alpha1"
#define REPORT_KIND	   "NodePolicyStatus"
#define REPORT_PATH	   "/apis/policy.bulkhead.dev/v1alpha1/nodepolicystatuses"

struct json_object;

/* A policy in which the node does not understand something. */
struct refusal {
	enum policy_kind kind;
	char *ns, *name;
	uint64_t generation;
	char text[REPORT_TEXT_MAX]; /* "spec.egress[0].to[0].fqdns is not a known field" */
};

/* A pod of the node that runs without our programs, or not with them first. */
struct bare_pod {
	char *ns, *name;
	char reason[64]; /* "no-veth" */
};

struct report {
	char version[64];		   /* of the agent */
	char at[DATE_TEXT];		   /* when it was made, by the node's clock; "": it does not say */
	uint32_t valid_s;		   /* if no other comes; 1 to REPORT_VALID_MAX_S */
	uint64_t policies;		   /* that it knows */
	struct hash128 sets[POLICY_KINDS]; /* in force */
	char trouble[REPORT_TEXT_MAX];	   /* why what is newest is not; "": it is, or is on its way */
	uint64_t refused_n;
	VEC(struct refusal) refused; /* the first of them */
	uint64_t bare_n;
	VEC(struct bare_pod) bare; /* the first of them */
};

void report_done(struct report *r);

/* Adds what is not understood. Return: 0 or -ENOMEM. */
int report_refusals(struct report *r, const struct model *m);

/* Adds one. Return: 0 or -ENOMEM. */
int report_bare(struct report *r, const char *ns, const char *name, const char *reason);

/* Whether both name the same exceptions, whenever they were made. */
bool report_excepts_same(const struct report *a, const struct report *b);

/* The whole object, for a server-side apply, owned by the Node if its UID is known. Owned by the caller;
 * NULL: no memory. */
char *report_text(const struct report *r, const char *node, const char *node_uid);

/* The same from what the server sends; what is odd in it is left out. Return: 0 or -ENOMEM. */
int report_read(struct json_object *o, struct report *ret);

/* "NetworkPolicy" and so on, and back: -1: none of them. */
const char *report_kind(enum policy_kind kind);

#endif
