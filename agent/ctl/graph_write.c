/* SPDX-License-Identifier: Apache-2.0 */
/* The picture as JSON: flows summed up to edges, ends to workloads. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/ctl.h"
#include "ctl/graph_store.h"
#include "ctl/who.h"
#include "util/scope.h"

#define OTHERS "Others\n\nOthers"

struct edge {
	const struct graph_flow *last; /* the latest that was denied, or the latest */
	uint64_t sessions, tried, packets, bytes, denied, audited, logged;
	int64_t seen_ms;
};

struct place {
	const char *who, *labels;
	uint64_t weight;
	size_t pods;
};

struct picture {
	VEC(const struct graph_flow *) flows;
	VEC(struct edge) edges;
	VEC(struct place) places; /* sorted by who */
	VEC(const char *) texts;
	bool no_memory, others;
	size_t places_out, edges_out;
};

/* ---- sorting ------------------------------------------------------------------------------ */

static int by_place(const void *a, const void *b)
{
	const uintptr_t x = (uintptr_t)a, y = (uintptr_t)b;

	return (x > y) - (x < y);
}

/* Interned texts: their places tell whether they are equal. */
static int same_edge(const struct graph_flow *x, const struct graph_flow *y)
{
	int r = by_place(x->text[GT_SRC], y->text[GT_SRC]);

	if (!r)
		r = by_place(x->text[GT_DST], y->text[GT_DST]);
	if (!r)
		r = by_place(x->text[GT_PROTO], y->text[GT_PROTO]);
	return r ? r : (int)x->dport - (int)y->dport;
}

static int by_edge(const void *a, const void *b)
{
	return same_edge(*(const struct graph_flow *const *)a, *(const struct graph_flow *const *)b);
}

/* Denials first, then what carries most sessions. */
static int by_need(const void *a, const void *b)
{
	const struct edge *x = a, *y = b;

	if (!x->denied != !y->denied)
		return x->denied ? -1 : 1;
	if (x->sessions != y->sessions)
		return x->sessions < y->sessions ? 1 : -1;
	return same_edge(x->last, y->last);
}

static int by_who(const void *a, const void *b)
{
	return by_place(((const struct place *)a)->who, ((const struct place *)b)->who);
}

static int by_weight(const void *a, const void *b)
{
	const struct place *x = a, *y = b;

	return x->weight == y->weight ? by_who(a, b) : x->weight < y->weight ? 1 : -1;
}

static int by_text(const void *a, const void *b)
{
	return by_place(*(const char *const *)a, *(const char *const *)b);
}

/* ---- edges -------------------------------------------------------------------------------- */

static void take_flows(struct picture *p, const struct graph *g, int64_t since_ms)
{
	size_t i;

	for (i = 0; i < g->flows_n; i++) {
		const struct graph_flow **slot;

		if (g->flows.v[i].seen_ms < since_ms)
			continue;
		slot = vec_add(&p->flows);
		if (slot)
			*slot = &g->flows.v[i];
		p->no_memory |= !slot;
	}
	vec_sort(&p->flows, by_edge);
}

static bool tells_more(const struct graph_flow *f, const struct graph_flow *last)
{
	const bool bad = f->verdict == GRAPH_DENIED || f->verdict == GRAPH_AUDITED;
	const bool was = last->verdict == GRAPH_DENIED || last->verdict == GRAPH_AUDITED;

	return bad != was ? bad : f->seen_ms > last->seen_ms;
}

static void add_to_edge(struct edge *e, const struct graph_flow *f)
{
	e->sessions += f->verdict == GRAPH_SESSION && f->through;
	e->tried += f->verdict == GRAPH_SESSION && !f->through;
	e->denied += f->verdict == GRAPH_DENIED;
	e->audited += f->verdict == GRAPH_AUDITED;
	e->logged += f->verdict == GRAPH_LOGGED;
	if (f->verdict == GRAPH_SESSION) {
		e->packets += f->packets;
		e->bytes += f->bytes;
	}
	if (f->seen_ms > e->seen_ms)
		e->seen_ms = f->seen_ms;
	if (!e->last || tells_more(f, e->last))
		e->last = f;
}

static void make_edges(struct picture *p)
{
	size_t i;

	for (i = 0; i < p->flows.n; i++) {
		const bool same = p->edges.n && !same_edge(p->flows.v[i - 1], p->flows.v[i]);
		struct edge *e = same ? &p->edges.v[p->edges.n - 1] : vec_add(&p->edges);

		if (e)
			add_to_edge(e, p->flows.v[i]);
		p->no_memory |= !e;
	}
	vec_sort(&p->edges, by_need);
}

/* Their ends are workloads still. */
static void cut_edges(struct picture *p)
{
	if (p->edges.n <= GRAPH_EDGES)
		return;
	p->edges_out = p->edges.n - GRAPH_EDGES;
	p->edges.n = GRAPH_EDGES;
}

/* ---- workloads ---------------------------------------------------------------------------- */

static void add_place(struct picture *p, const char *who, const char *labels, uint64_t weight, size_t pods)
{
	struct place *at = vec_add(&p->places);

	if (at)
		*at = (struct place){ .who = who, .labels = labels, .weight = weight, .pods = pods };
	p->no_memory |= !at;
}

static void sum_places(struct picture *p)
{
	size_t i, n = 0;

	vec_sort(&p->places, by_who);
	for (i = 0; i < p->places.n; i++) {
		struct place *at = &p->places.v[i], *last = n ? &p->places.v[n - 1] : NULL;

		if (!last || last->who != at->who) {
			p->places.v[n++] = *at;
			continue;
		}
		last->weight += at->weight;
		last->pods += at->pods;
		if (!last->labels)
			last->labels = at->labels;
	}
	p->places.n = n;
}

static void make_places(struct picture *p, const struct graph *g, int64_t since_ms)
{
	size_t i;

	for (i = 0; i < p->edges.n; i++) {
		const struct edge *e = &p->edges.v[i];
		const uint64_t weight = 1 + e->sessions + 1000 * e->denied;

		add_place(p, e->last->text[GT_SRC], NULL, weight, 0);
		add_place(p, e->last->text[GT_DST], NULL, weight, 0);
	}
	for (i = 0; i < g->pods_n; i++)
		if (g->pods.v[i].seen_ms >= since_ms)
			add_place(p, g->pods.v[i].who, g->pods.v[i].labels, 0, 1);
	sum_places(p);
	if (p->places.n <= GRAPH_WORKLOADS)
		return;
	p->places_out = p->places.n - GRAPH_WORKLOADS;
	vec_sort(&p->places, by_weight);
	p->places.n = GRAPH_WORKLOADS;
	vec_sort(&p->places, by_who);
	p->others = true;
}

/* What found no room is the one behind all others. */
static size_t place_of(const struct picture *p, const char *who)
{
	const struct place key = { .who = who }, *at = vec_find(&p->places, &key, by_who);

	return at ? (size_t)(at - p->places.v) : p->places.n;
}

/* ---- texts -------------------------------------------------------------------------------- */

static void make_texts(struct picture *p)
{
	static const enum graph_text used[] = { GT_PROTO, GT_REASON, GT_RULE_OUT, GT_RULE_IN, GT_POLICIES };
	size_t i, k, n = 0;

	for (i = 0; i < p->edges.n; i++) {
		for (k = 0; k < ARRAY_SIZE(used); k++) {
			const char *text = p->edges.v[i].last->text[used[k]];
			const char **slot = text ? vec_add(&p->texts) : NULL;

			if (slot)
				*slot = text;
			p->no_memory |= text && !slot;
		}
	}
	vec_sort(&p->texts, by_text);
	for (i = 0; i < p->texts.n; i++)
		if (!n || p->texts.v[n - 1] != p->texts.v[i])
			p->texts.v[n++] = p->texts.v[i];
	p->texts.n = n;
}

/* Its place in the list, where 0 is none. */
static size_t text_of(const struct picture *p, const struct graph_flow *f, enum graph_text which)
{
	const char *key = f->text[which];
	const char **at = key ? vec_find(&p->texts, &key, by_text) : NULL;

	return at ? (size_t)(at - p->texts.v) + 1 : 0;
}

/* ---- JSON --------------------------------------------------------------------------------- */

static int write_place(const struct place *at, struct buf *b, const char *before)
{
	char id[WHO_ID], lines[3][GRAPH_LINE];
	int r = buf_str(b, before);

	graph_lines(at->who, lines);
	if (!r)
		r = ctl_quote(b, "[", graph_id(at->who, id));
	if (!r)
		r = ctl_quote(b, ",", lines[1]);
	if (!r)
		r = ctl_quote(b, ",", lines[2]);
	if (!r)
		r = ctl_quote(b, ",", lines[0]);
	return r ? r : buf_fmt(b, ",%zu,%s]", at->pods, at->labels ? at->labels : "{}");
}

static int write_places(const struct picture *p, struct buf *b)
{
	const struct place others = { .who = OTHERS, .pods = p->places_out };
	int r = buf_str(b, "\"workloads\":[");
	size_t i;

	for (i = 0; !r && i < p->places.n; i++)
		r = write_place(&p->places.v[i], b, i ? ",\n" : "\n");
	if (!r && p->others)
		r = write_place(&others, b, ",\n");
	return r ? r : buf_str(b, "]");
}

static int write_texts(const struct picture *p, struct buf *b)
{
	int r = buf_str(b, ",\n\"texts\":[\"\"");
	size_t i;

	for (i = 0; !r && i < p->texts.n; i++)
		r = ctl_quote(b, ",", p->texts.v[i]);
	return r ? r : buf_str(b, "]");
}

static int write_edges(const struct picture *p, struct buf *b)
{
	int r = buf_str(b, ",\n\"edges\":[");
	size_t i;

	for (i = 0; !r && i < p->edges.n; i++) {
		const struct edge *e = &p->edges.v[i];
		const struct graph_flow *f = e->last;

		r = buf_fmt(b, "%s[%zu,%zu,%zu,%u,%llu,%llu,%llu,%llu,%llu,%llu,%lld,%zu,%zu,%zu,%zu,%llu]",
			    i ? ",\n" : "\n", place_of(p, f->text[GT_SRC]), place_of(p, f->text[GT_DST]),
			    text_of(p, f, GT_PROTO), f->dport, (unsigned long long)e->sessions,
			    (unsigned long long)e->packets, (unsigned long long)e->bytes,
			    (unsigned long long)e->denied, (unsigned long long)e->audited,
			    (unsigned long long)e->logged, (long long)e->seen_ms, text_of(p, f, GT_REASON),
			    text_of(p, f, GT_RULE_OUT), text_of(p, f, GT_RULE_IN), text_of(p, f, GT_POLICIES),
			    (unsigned long long)e->tried);
	}
	return r ? r : buf_str(b, "]");
}

static void picture_done(struct picture *p)
{
	vec_done(&p->flows);
	vec_done(&p->edges);
	vec_done(&p->places);
	vec_done(&p->texts);
}

int graph_write(struct graph *g, int64_t window_ms, int64_t now_ms, struct buf *ret)
{
	struct picture p = {};
	int r;

	take_flows(&p, g, now_ms - window_ms);
	make_edges(&p);
	make_places(&p, g, now_ms - window_ms);
	cut_edges(&p);
	make_texts(&p);
	r = p.no_memory ? -ENOMEM : write_places(&p, ret);
	if (!r)
		r = write_texts(&p, ret);
	if (!r)
		r = write_edges(&p, ret);
	if (!r)
		r = buf_fmt(ret, ",\n\"left_out\":{\"workloads\":%zu,\"edges\":%zu,\"flows\":%llu}",
			    p.places_out, p.edges_out, (unsigned long long)g->left_out);
	picture_done(&p);
	return r;
}

/* ---- flows -------------------------------------------------------------------------------- */

static bool is_id(const char *who, const char *id)
{
	char text[WHO_ID];

	return !id || !strcmp(graph_id(who, text), id);
}

bool graph_matches(const struct graph_flow *f, const struct graph_edge *edge)
{
	return (edge->port < 0 || edge->port == f->dport) &&
	       (!edge->proto || !strcmp(edge->proto, f->text[GT_PROTO])) &&
	       is_id(f->text[GT_SRC], edge->from) && is_id(f->text[GT_DST], edge->to);
}

static int latest_first(const void *a, const void *b)
{
	const struct graph_flow *x = *(const struct graph_flow *const *)a;
	const struct graph_flow *y = *(const struct graph_flow *const *)b;

	return x->seen_ms == y->seen_ms ? hash128_cmp(&x->key, &y->key) : x->seen_ms < y->seen_ms ? 1 : -1;
}

static int write_flow(const struct graph_flow *f, struct buf *b, const char *before)
{
	static const char *const verdicts[] = { "session", "denied", "audited", "allowed" };
	static const char *const names[GT_MAX] = {
		[GT_SRC_NAME] = "src_name",    [GT_DST_NAME] = "dst_name", [GT_SRC_ADDR] = "src",
		[GT_DST_ADDR] = "dst",	       [GT_PROTO] = "proto",	   [GT_NODE] = "node",
		[GT_STATE] = "state",	       [GT_REASON] = "reason",	   [GT_RULE_OUT] = "rule_egress",
		[GT_RULE_IN] = "rule_ingress", [GT_POLICIES] = "policies",
	};
	char member[32];
	int r = buf_fmt(
		b,
		"%s{\"verdict\":\"%s\",\"at\":\"%s\",\"seen_ms\":%lld,\"src_port\":%u,\"dst_port\":%u,"
		"\"packets\":%llu,\"bytes\":%llu",
		before, verdicts[f->verdict],
		f->verdict == GRAPH_SESSION ? ""
		: f->egress		    ? "egress"
					    : "ingress",
		(long long)f->seen_ms, f->sport, f->dport, (unsigned long long)f->packets,
		(unsigned long long)f->bytes);
	size_t i;

	for (i = 0; !r && i < GT_MAX; i++) {
		(void)snprintf(member, sizeof(member), ",\"%s\":", names[i] ? names[i] : "");
		r = names[i] ? ctl_quote(b, member, f->text[i]) : 0;
	}
	return r ? r : buf_str(b, "}");
}

int graph_write_flows(struct graph *g, const struct graph_edge *edge, int64_t window_ms, int64_t now_ms,
		      struct buf *ret)
{
	VEC(const struct graph_flow *) found = {};
	int r = buf_str(ret, "[");
	size_t i;

	for (i = 0; i < g->flows_n; i++) {
		const struct graph_flow *f = &g->flows.v[i], **slot;

		if (f->seen_ms < now_ms - window_ms || !graph_matches(f, edge))
			continue;
		slot = vec_add(&found);
		if (slot)
			*slot = f;
	}
	vec_sort(&found, latest_first);
	for (i = 0; !r && i < found.n && i < GRAPH_LISTED; i++)
		r = write_flow(found.v[i], ret, i ? ",\n" : "\n");
	vec_done(&found);
	return r ? r : buf_str(ret, "]");
}
