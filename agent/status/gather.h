/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All nodes' reports held against the model: on which nodes has a policy pods, and on how many of those is it
 * in force as it is now? Which nodes those are is not the nodes' to say: pods of a node that has no agent
 * count, too. And what a node said counts while it goes on to say it: one that is dead enforces nothing new.
 * Pure: no I/O; the caller's clock.
 */
#ifndef BH_STATUS_GATHER_H
#define BH_STATUS_GATHER_H

#include <stdbool.h>
#include <stdint.h>

#include "model/model.h"
#include "status/report.h"

#define GATHER_NODES_MAX 50000 /* further ones say nothing: a cluster has 5,000, by Kubernetes' own bound */

struct gather;

/* Nodes as bits, by the order in which gather came to know them. */
typedef VEC(uint64_t) node_set;

/* @m: borrowed for its life. Return: NULL without memory. */
struct gather *gather_new(const struct model *m);
void gather_free(struct gather *g);

/* What a node says; @take is taken. @round: of listing, as watch_round(). Return: 1; 0: nothing but that it
 * is still there; or -ENOMEM. */
int gather_put(struct gather *g, const char *node, struct report *take, uint32_t round, int64_t now_ms);
void gather_del(struct gather *g, const char *node);

/* All nodes that say something have been told in this round. */
void gather_listed(struct gather *g, uint32_t round);

#define GATHER_DEAF_MS 10000
/* Nodes whose reports are not valid any more are silent from now on; to be called often. @hears: whether what
 * nodes say could reach us: of a time in which it could not, or in which we did nothing for GATHER_DEAF_MS,
 * nobody is blamed. */
void gather_age(struct gather *g, int64_t now_ms, bool hears);

size_t gather_reports(const struct gather *g); /* nodes that say something, or have */
size_t gather_silent(const struct gather *g);  /* of these, who does not any more */

/* Sets that were not known may be by now. */
void gather_look_again(struct gather *g);

/* Whether since the last question some node has told less than before: what was in force everywhere may not
 * be any more. */
bool gather_setback(struct gather *g);

/* The nodes with pods of @p. @pods: gets more by how many were looked at, which is the cost. Return: 0, or
 * -ENOMEM, @ret as it was. */
int gather_nodes_of(struct gather *g, const struct net_policy *p, node_set *ret, size_t *pods);

/* Why a policy is not in force on a node that has pods of it; what needs a person more comes later. */
enum gather_why {
	GATHER_IN_FORCE,
	GATHER_LATE,	/* or it has never said anything */
	GATHER_SILENT,	/* it says nothing any more */
	GATHER_BARE,	/* a pod of it is not protected there */
	GATHER_TROUBLE, /* the node says what it could not do */
};

#define GATHER_LATE_MAX 3
struct gather_count {
	size_t nodes, enforced;
	const char *
		late[GATHER_LATE_MAX]; /* the first nodes on which it is not in force; NULL behind the last */
	enum gather_why why;	       /* the worst; and of the first node of which it is so: */
	const char *node;
	const struct report *report;
	const struct bare_pod *bare; /* GATHER_BARE: the first; NULL: the node does not name all it has */
};

/* Whether @p is about @pod, on whatever node that is. */
bool gather_selects(const struct model *m, const struct net_policy *p, const struct pod *pod);

/* Whether @p is about a pod that @node names as not protected: a node speaks for its own pods alone. */
bool gather_is_subject(const struct model *m, const char *node, const struct net_policy *p,
		       const struct bare_pod *bare);

/* @on: as gather_nodes_of() told. Borrowed until the next put or del. */
void gather_count(const struct gather *g, const struct net_policy *p, const node_set *on,
		  struct gather_count *ret);

/* Whether it is only tried out, by itself or because its namespace or all agents are in mode Audit. */
bool gather_audits(const struct gather *g, const struct net_policy *p);

/* What one of the nodes @on does not understand in @p, though we do; or that it may be @p, where one of
 * another version names only the first of them. A node that has no pods of it decides nothing by it: it is
 * asked when it has. NULL: there is none. */
const struct refusal *gather_refusal(const struct gather *g, const struct net_policy *p, const node_set *on,
				     const char **ret_node, const char **ret_version);

#endif
