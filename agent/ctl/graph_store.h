/* SPDX-License-Identifier: Apache-2.0 */
/* What graph.c keeps and graph_write.c reads. */
#ifndef BH_CTL_GRAPH_STORE_H
#define BH_CTL_GRAPH_STORE_H

#include <stdbool.h>

#include "ctl/graph.h"
#include "util/hash.h"
#include "util/vec.h"

enum graph_text {
	GT_SRC, /* who it is: kind, namespace and name, a line each; "to" likewise */
	GT_DST,
	GT_SRC_NAME, /* as the answer has it */
	GT_DST_NAME,
	GT_SRC_ADDR,
	GT_DST_ADDR,
	GT_PROTO,
	GT_NODE,
	GT_STATE, /* of a session */
	GT_REASON,
	GT_RULE_OUT, /* at the source's egress, at the destination's ingress */
	GT_RULE_IN,
	GT_POLICIES,
	GT_MAX,
};

enum graph_verdict {
	GRAPH_SESSION,
	GRAPH_DENIED,
	GRAPH_AUDITED,
	GRAPH_LOGGED, /* allowed, and a rule wants to be told */
};

struct graph_flow {
	struct hash128 key;
	int64_t seen_ms;
	uint64_t packets, bytes;
	uint16_t sport, dport;
	enum graph_verdict verdict;
	bool through;		  /* of a session: somebody answered, or the other end has it, too */
	bool egress;		  /* of a report: which end denied */
	const char *text[GT_MAX]; /* interned, so that equal is the same place; NULL: nothing to say */
};

struct graph_pod {
	const char *name, *who, *labels; /* interned; labels as JSON */
	int64_t seen_ms;
};

struct graph {
	VEC(struct graph_flow) flows; /* those that have settled, by key; then what has come since */
	VEC(struct graph_pod) pods;   /* likewise, by name */
	size_t flows_n, pods_n;	      /* that have settled: what is written */
	uint64_t left_out;	      /* flows, since the start */
	const struct graph *known;    /* whose pods are known here, too; NULL: its own */
};

/* Whether @f belongs to that edge; ids are made of its texts. */
bool graph_matches(const struct graph_flow *f, const struct graph_edge *edge);

/* "shop/web" of a GT_SRC. Returns ret, of WHO_ID bytes. */
const char *graph_id(const char *who, char *ret);

/* Whether it is pods that a GT_SRC names. */
bool graph_is_workload(const char *who);

/* Ends of flows go by what is known of their pods. */
void graph_settle_owners(struct graph *g);

/* The lines of a GT_SRC. */
#define GRAPH_LINE 256
void graph_lines(const char *who, char ret[3][GRAPH_LINE]);

#endif
