/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who talks to whom: sessions and reports of denials of all nodes, merged into workloads and edges between
 * them. Pure: items of answers come in, JSON goes out; no I/O, no clock.
 *
 * A session between two pods is seen at both ends, and is one here: whichever tells of more bytes is right,
 * and each end has its own rule. A report stays what it is: one denial, at one end.
 */
#ifndef BH_CTL_GRAPH_H
#define BH_CTL_GRAPH_H

#include <json-c/json.h>
#include <stddef.h>
#include <stdint.h>

#include "util/buf.h"

#define GRAPH_KEPT_MS	3600000 /* how far back a picture can look */
#define GRAPH_FLOWS	200000	/* sessions and reports that are kept: the latest */
#define GRAPH_WORKLOADS 5000	/* in one picture: the busiest; the rest is one more, "Others" */
#define GRAPH_EDGES	40000	/* likewise, those with denials before others; the rest is counted */
#define GRAPH_LISTED	500	/* flows of one edge, in one answer */

struct graph;

/* @known: one whose pods are known here, too; borrowed as long as this one is; NULL: none. Return: NULL: no
 * memory. */
struct graph *graph_new(const struct graph *known);
void graph_free(struct graph *g);

/* Items of `endpoints`, `sessions` and `flows`, as they come. @now_ms: of the wall clock. What lacks a field
 * is taken as far as it goes; without memory an item is left out, and counted. */
void graph_endpoint(struct graph *g, struct json_object *item, int64_t now_ms);
void graph_session(struct graph *g, struct json_object *item, int64_t now_ms);
void graph_report(struct graph *g, struct json_object *item, int64_t now_ms);

/* After a round of items: merges, and forgets what is too old or too much. What has not settled is not
 * written, so that half a round does not count pods and flows twice. */
void graph_settle(struct graph *g, int64_t now_ms);

/**
 * graph_write() - what was seen in the last @window_ms as members of a JSON object, without its braces:
 *
 *   "workloads": [[id, namespace, name, kind, pods, {label: value}], ...]
 *   "texts":     reasons, rules and policies: edges have their places in it, 0 is none
 *   "edges":     [[from, to, proto, port, sessions, packets, bytes, denied, audited, logged, last seen,
 *                 reason, rule of from's egress, rule of to's ingress, policies, tried], ...]
 *   "left_out":  {"workloads", "edges", "flows"}: how many found no room
 *
 * A session that nobody has answered, and that its destination does not have, is one that was tried: its
 * source may send, and whether it arrives is not known. from and to are places in workloads, proto one in
 * texts, times in ms. Return: 0, -E2BIG or -ENOMEM.
 */
int graph_write(struct graph *g, int64_t window_ms, int64_t now_ms, struct buf *ret);

/* What is asked for: of one edge, or of one workload where the rest is NULL. */
struct graph_edge {
	const char *from, *to; /* ids; NULL: any */
	const char *proto;     /* NULL: any */
	int port;	       /* -1: any */
};

/* Its flows as an array, the latest first. Return: 0, -E2BIG or -ENOMEM. */
int graph_write_flows(struct graph *g, const struct graph_edge *edge, int64_t window_ms, int64_t now_ms,
		      struct buf *ret);

#endif
