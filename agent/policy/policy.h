/* SPDX-License-Identifier: Apache-2.0 */
/*
 * THE COMPILER: what every policy means for the pods of this node, as tables. Pure: no I/O, clock,
 * log or globals; the same input gives the same bytes.
 *
 * Words (docs/architecture.md): a peer set is what one item of from/to selects; a class is all
 * addresses in exactly the same peer sets; a policy set is what one endpoint is subject to; a row is
 * what one policy set says to one class in one direction. Each is named by the hash of its content,
 * so that the same content keeps its name on every node and across restarts.
 */
#ifndef BH_POLICY_POLICY_H
#define BH_POLICY_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../../bpf/abi.h"
#include "model/model.h"
#include "util/err.h"
#include "util/hash.h"
#include "util/vec.h"

/* One rule of one policy: what explain, events and counters name. */
struct table_rule {
	struct hash128 hash;
	char *name; /* "shop/allow-web ingress[0]", "quarantine egress[2] (no-dns)"; owned */
};

/* What a rule is called: as table_rule.name. Return: @ret. */
#define RULE_TEXT 1024 /* namespace, policy, direction, index, name: 63 + 253 and some */
const char *policy_rule_text(const struct net_policy *np, uint32_t dir, uint32_t index, char ret[RULE_TEXT]);

struct hash128 policy_rule_hash(const struct net_policy *np, uint32_t dir, uint32_t index);

/* Disjoint, ascending; first and last as BH_PORT(). */
struct table_range {
	uint32_t first, last;
	uint32_t action; /* enum bh_action, BH_LOG, BH_AUDIT */
	uint32_t rule;	 /* index + 1 into tables.rules; 0: none */
};

/* (set, class, direction) -> what holds. Only rows that differ from the class-0 row of the same set
 * and direction are there, and the class-0 row itself always. */
struct table_row {
	uint32_t set;	   /* index into tables.sets */
	uint32_t class;	   /* index into tables.classes; 0 is BH_CLASS_NONE */
	uint32_t dir;	   /* enum bh_dir */
	uint32_t action;   /* of what no range holds; BH_HIDES_* too */
	uint32_t rule;	   /* behind `action`; index + 1, 0: none */
	uint32_t first, n; /* slice of tables.ranges */
};

struct table_class {
	struct hash128 hash; /* of the sorted peer-set hashes; classes[0]: all zero, no peer set */
};

struct table_set {
	struct hash128 hash;
	bool has_cidr; /* some peer is an ipBlock: BH_SET_CIDR */
	bool audited;  /* of what all its policies would deny nothing is */
	/* By direction: */
	bool judged[2];		/* some policy has something to say */
	bool isolated[2];	/* some policy of its namespace isolates it */
	bool refuses[2];	/* some rule does not accept */
	VEC(uint32_t) policies; /* indexes into model.policies at compile time, first to decide first */
};

/* Where nobody says no to anything, Services are as open as all else. */
static inline bool table_set_minds_services(const struct table_set *set)
{
	return set->isolated[BH_EGRESS] || set->refuses[BH_EGRESS];
}

/* An address (cidr.len 128) or a CIDR block, and the class of what it holds (longest prefix wins). */
struct table_location {
	struct cidr cidr;
	uint32_t class; /* index into tables.classes */
	bool is_block;	/* goes to the LPM; else to the exact hash */
	bool is_node;	/* BH_CLASS_NODE */
};

struct table_endpoint {
	struct hash128 key; /* owner */
	uint32_t ifindex;
	uint8_t mac[6];
	uint8_t flags; /* BH_EP_* */
	uint8_t addrs;
	struct addr addr[BH_EP_ADDRS];
	int32_t set; /* index into tables.sets; -1: isolated: pod or namespace unknown, or ended */
};

/* All sorted: classes, sets and rules by hash (class 0 first), rows by (set, class, dir),
 * locations by (is_block, cidr), endpoints by ifindex. No duplicates. */
struct tables {
	VEC(struct table_rule) rules;
	VEC(struct table_class) classes;
	VEC(struct table_set) sets;
	VEC(struct table_row) rows;
	VEC(struct table_range) ranges;
	VEC(struct table_location) locations;
	VEC(struct table_endpoint) endpoints;
	VEC(uint32_t) node_ports;   /* BH_NODE_PORT(), that lead elsewhere; ascending, no duplicates */
	VEC(struct addr) contested; /* that pods claim which have no peer set in common; interest.c */

	/* Where they come from, which is no part of what they say: compiler.h. */
	uint64_t run;		/* its number of these; 0: policy_compile()'s */
	uint64_t from;		/* the run that they differ from by `moved` alone; 0: by who knows what */
	VEC(struct cidr) moved; /* exact locations that came, went, or have another class; sorted */
	unsigned int holders;	/* beside the first */
	/* Who else has these vectors; NULL: nobody. Of rules, sets, contested; classes, rows, ranges. */
	unsigned int *sharers, *row_sharers;
};

/**
 * policy_compile() - the tables that enforce every policy on this node's endpoints.
 * @model: the cluster as last seen; borrowed, unchanged.
 * @ret:   free with tables_free().
 * @err:   names the object.
 *
 * Semantics: policies of the cluster of tier Admin by priority, then SegmentationPolicy by priority, then
 * NetworkPolicy, then denied where one of those two isolates, then policies of the cluster of tier Baseline,
 * then all is allowed (docs/policy.md). A NetworkPolicy that holds something not understood still isolates
 * its subjects; a rule that does accepts nothing, and denies all if it is to deny or to pass. Return: 0,
 * -E2BIG an endpoint with over BH_EP_ADDRS addresses or a table past VEC_MAX, -ENOMEM.
 */
int policy_compile(const struct model *model, struct tables **ret, struct bh_err *err);

/* One holder more, and one less: the last one frees. */
struct tables *tables_hold(struct tables *t);
void tables_free(struct tables *t);

/* The row that decides for (set, class, dir): the exact one, else that of class 0. Never NULL for a
 * set of the tables. */
const struct table_row *tables_row(const struct tables *t, uint32_t set, uint32_t class, uint32_t dir);

/* The range of the row that holds @port; NULL: none, and the row's own action holds. */
const struct table_range *tables_range(const struct tables *t, const struct table_row *row, uint32_t port);

/* The class of an address: exact location, else longest block, else 0. @ret_node may be NULL. */
uint32_t tables_class(const struct tables *t, const struct addr *a, bool *ret_node);

/* Likewise, of an address without an exact location. */
uint32_t tables_block_class(const struct tables *t, const struct addr *a);

/* What tables_class() finds first; NULL: no exact location. */
const struct table_location *tables_location(const struct tables *t, const struct addr *a);

#endif
