/* SPDX-License-Identifier: Apache-2.0 */
/* Keeping what was seen: items of answers become flows, of which equal ones are one. */
#include "ctl/graph.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ctl/ctl.h"
#include "ctl/graph_store.h"
#include "ctl/who.h"
#include "util/err.h"
#include "util/intern.h"
#include "util/scope.h"

#define LABELS_MAX 4096

/* ---- texts -------------------------------------------------------------------------------- */

static void drop_texts(struct graph_flow *f)
{
	size_t i;

	for (i = 0; i < GT_MAX; i++)
		intern_drop(f->text[i]);
}

static void drop_pod(struct graph_pod *p)
{
	intern_drop(p->name);
	intern_drop(p->who);
	intern_drop(p->labels);
}

static const char *who_text(const struct who *w)
{
	char text[2 * WHO_NAME + 32];

	(void)snprintf(text, sizeof(text), "%s\n%s\n%s", w->kind, w->ns, w->name);
	return intern_text(text);
}

void graph_lines(const char *who, char ret[3][GRAPH_LINE])
{
	size_t i;

	for (i = 0; i < 3; i++) {
		const size_t len = strcspn(who, "\n");

		(void)snprintf(ret[i], GRAPH_LINE, "%.*s", (int)len, who);
		who += len + (who[len] != '\0');
	}
}

bool graph_is_workload(const char *who)
{
	static const char *const others[] = { "Service\n", "Host\n", "World\n", "CIDR\n" };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(others); i++)
		if (!strncmp(who, others[i], strlen(others[i])))
			return false;
	return true;
}

const char *graph_id(const char *who, char *ret)
{
	struct who w = { .is_pod = graph_is_workload(who) };
	char lines[3][GRAPH_LINE];

	graph_lines(who, lines);
	w.kind = lines[0];
	memcpy(w.ns, lines[1], sizeof(w.ns));
	memcpy(w.name, lines[2], sizeof(w.name));
	return who_id(&w, ret);
}

/* ---- items -------------------------------------------------------------------------------- */

/* One end of a flow, in the words of an answer. */
struct end {
	const char *name, *addr;
	uint16_t port;
};

static struct end end_of(struct json_object *item, const char *name, const char *addr, const char *port)
{
	return (struct end){ .name = ctl_str(item, name),
			     .addr = ctl_str(item, addr),
			     .port = (uint16_t)ctl_int(item, port) };
}

static void set_text(struct graph_flow *f, enum graph_text which, const char *text)
{
	char clean[1024];

	if (!*text)
		return;
	(void)snprintf(clean, sizeof(clean), "%s", text);
	bh_text_clean(clean);
	f->text[which] = intern_text(clean);
}

static void set_end(struct graph_flow *f, bool dst, const struct end *e)
{
	const char *node = f->text[GT_NODE] ? f->text[GT_NODE] : "";
	char name[2 * WHO_NAME + 16];
	struct who w;

	(void)snprintf(name, sizeof(name), "%s", e->name);
	bh_text_clean(name);
	who_is(name, node, e->addr, &w);
	f->text[dst ? GT_DST : GT_SRC] = who_text(&w);
	set_text(f, dst ? GT_DST_NAME : GT_SRC_NAME, name);
	set_text(f, dst ? GT_DST_ADDR : GT_SRC_ADDR, e->addr);
}

static void set_key(struct graph_flow *f, const char *time)
{
	char ports[64];
	const char *texts[] = {
		f->text[GT_SRC_ADDR],		f->text[GT_DST_ADDR], f->text[GT_PROTO], ports, time,
		*time ? f->text[GT_NODE] : NULL
	};
	size_t i;

	(void)snprintf(ports, sizeof(ports), "%u %u %d %d", f->sport, f->dport, f->verdict, f->egress);
	for (i = 0; i < ARRAY_SIZE(texts); i++)
		if (!texts[i])
			texts[i] = "";
	f->key = hash128_of_texts(texts, ARRAY_SIZE(texts));
}

/* Return: a new one at the end, or NULL, and it is counted. */
static struct graph_flow *new_flow(struct graph *g, struct json_object *item)
{
	struct graph_flow *f = g->flows.n < 2 * GRAPH_FLOWS ? vec_add(&g->flows) : NULL;

	if (!f) {
		g->left_out++;
		return NULL;
	}
	set_text(f, GT_NODE, ctl_str(item, "node"));
	set_text(f, GT_PROTO, ctl_str(item, "proto"));
	return f;
}

/* One without its ends is of no use; so it is where memory has ended. */
static void check_flow(struct graph *g, struct graph_flow *f)
{
	if (f->text[GT_SRC] && f->text[GT_DST] && f->text[GT_PROTO])
		return;
	drop_texts(f);
	g->flows.n--;
	g->left_out++;
}

void graph_session(struct graph *g, struct json_object *item, int64_t now_ms)
{
	const bool out = !strcmp(ctl_str(item, "opener"), "egress");
	const struct end local = end_of(item, "pod", "local", "local_port");
	const struct end remote = end_of(item, "remote_name", "remote", "remote_port");
	struct graph_flow *f = new_flow(g, item);

	if (!f)
		return;
	set_end(f, false, out ? &local : &remote);
	set_end(f, true, out ? &remote : &local);
	f->sport = out ? local.port : remote.port;
	f->dport = out ? remote.port : local.port;
	f->seen_ms = now_ms;
	f->packets = ctl_int(item, "packets_in") + ctl_int(item, "packets_out");
	f->bytes = ctl_int(item, "bytes_in") + ctl_int(item, "bytes_out");
	f->verdict = GRAPH_SESSION;
	f->through = !out || strcmp(ctl_str(item, "state"), "new") != 0;
	set_text(f, GT_STATE, ctl_str(item, "state"));
	set_text(f, out ? GT_RULE_OUT : GT_RULE_IN, ctl_str(item, "rule"));
	set_key(f, "");
	check_flow(g, f);
}

/* "2026-11-28T13:55:16.070Z"; 0: it is none. */
static int64_t time_of(const char *text)
{
	struct tm tm = { 0 };
	const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);

	if (!rest)
		return 0;
	return (int64_t)timegm(&tm) * 1000 + (*rest == '.' ? (int64_t)(strtod(rest, NULL) * 1000) : 0);
}

static enum graph_verdict verdict_of(const char *text)
{
	if (!strcmp(text, "audited"))
		return GRAPH_AUDITED;
	return strcmp(text, "allowed") ? GRAPH_DENIED : GRAPH_LOGGED;
}

void graph_report(struct graph *g, struct json_object *item, int64_t now_ms)
{
	const struct end src = end_of(item, "src_name", "src", "src_port");
	const struct end dst = end_of(item, "dst_name", "dst", "dst_port");
	const int64_t time_ms = time_of(ctl_str(item, "time"));
	char policies[1024];
	struct graph_flow *f;

	if (ctl_get(item, "lost"))
		return;
	f = new_flow(g, item);
	if (!f)
		return;
	set_end(f, false, &src);
	set_end(f, true, &dst);
	f->sport = src.port;
	f->dport = dst.port;
	f->seen_ms = time_ms < now_ms ? time_ms : now_ms; /* a node's clock may be ahead of ours */
	f->packets = 1;
	f->bytes = ctl_int(item, "len");
	f->verdict = verdict_of(ctl_str(item, "verdict"));
	f->egress = !strcmp(ctl_str(item, "direction"), "egress");
	set_text(f, GT_REASON, ctl_str(item, "reason"));
	set_text(f, f->egress ? GT_RULE_OUT : GT_RULE_IN, ctl_str(item, "rule"));
	set_text(f, GT_POLICIES, ctl_join(ctl_get(item, "policies"), policies, sizeof(policies)));
	set_key(f, ctl_str(item, "time"));
	check_flow(g, f);
}

void graph_endpoint(struct graph *g, struct json_object *item, int64_t now_ms)
{
	struct json_object *labels = ctl_get(item, "labels");
	struct graph_pod *p = g->pods.n < 2 * GRAPH_FLOWS ? vec_add(&g->pods) : NULL;
	char name[2 * WHO_NAME];
	const char *text;
	struct who w;

	if (!p)
		return;
	(void)snprintf(name, sizeof(name), "%s/%s", ctl_str(item, "namespace"), ctl_str(item, "name"));
	bh_text_clean(name);
	who_owns(name, labels, &w);
	text = json_object_is_type(labels, json_type_object)
		       ? json_object_to_json_string_ext(labels, JSON_C_TO_STRING_PLAIN)
		       : "{}";
	*p = (struct graph_pod){ .name = intern_text(name),
				 .who = who_text(&w),
				 .labels = intern_text(strlen(text) < LABELS_MAX ? text : "{}"),
				 .seen_ms = now_ms };
	if (p->name && p->who && p->labels)
		return;
	drop_pod(p);
	g->pods.n--;
}

/* ---- equal ones are one ------------------------------------------------------------------- */

static int by_key(const void *a, const void *b)
{
	const struct graph_flow *x = a, *y = b;
	const int r = hash128_cmp(&x->key, &y->key);

	return r ? r : (x->seen_ms < y->seen_ms) - (x->seen_ms > y->seen_ms);
}

/* Where one end's answer has a text and the other's none. The first one is the later one. */
static void merge(struct graph_flow *into, struct graph_flow *f)
{
	size_t i;

	if (f->bytes > into->bytes && f->seen_ms == into->seen_ms)
		into->bytes = f->bytes, into->packets = f->packets;
	into->through |= f->through;
	for (i = 0; i < GT_MAX; i++) {
		if (!into->text[i]) {
			into->text[i] = f->text[i];
			f->text[i] = NULL;
		}
	}
	drop_texts(f);
}

/* The latest GRAPH_FLOWS of them: older than what is returned has no room. */
static int by_time(const void *a, const void *b)
{
	const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x < y) - (x > y);
}

static int64_t oldest_kept(const struct graph *g, int64_t now_ms)
{
	int64_t oldest = now_ms - GRAPH_KEPT_MS;
	VEC(int64_t) times = {};
	size_t i;

	for (i = 0; g->flows.n > GRAPH_FLOWS && i < g->flows.n; i++) {
		int64_t *t = vec_add(&times);

		if (t)
			*t = g->flows.v[i].seen_ms;
	}
	vec_sort(&times, by_time);
	if (times.n > GRAPH_FLOWS && times.v[GRAPH_FLOWS - 1] > oldest)
		oldest = times.v[GRAPH_FLOWS - 1];
	vec_done(&times);
	return oldest;
}

static void merge_flows(struct graph *g)
{
	size_t i, n = 0;

	vec_sort(&g->flows, by_key);
	for (i = 0; i < g->flows.n; i++) {
		if (n && !hash128_cmp(&g->flows.v[n - 1].key, &g->flows.v[i].key))
			merge(&g->flows.v[n - 1], &g->flows.v[i]);
		else
			g->flows.v[n++] = g->flows.v[i];
	}
	g->flows.n = n;
}

static void forget_flows(struct graph *g, int64_t now_ms)
{
	const int64_t oldest = oldest_kept(g, now_ms);
	size_t i, n = 0;

	for (i = 0; i < g->flows.n; i++) {
		struct graph_flow *f = &g->flows.v[i];

		if (f->seen_ms >= oldest && n < GRAPH_FLOWS) {
			g->flows.v[n++] = *f;
			continue;
		}
		g->left_out += f->seen_ms >= now_ms - GRAPH_KEPT_MS;
		drop_texts(f);
	}
	g->flows.n = n;
}

static int by_name(const void *a, const void *b)
{
	const struct graph_pod *x = a, *y = b;
	const int r = strcmp(x->name, y->name);

	return r ? r : (x->seen_ms < y->seen_ms) - (x->seen_ms > y->seen_ms);
}

static void merge_pods(struct graph *g, int64_t now_ms)
{
	size_t i, n = 0;

	vec_sort(&g->pods, by_name);
	for (i = 0; i < g->pods.n; i++) {
		struct graph_pod *p = &g->pods.v[i];

		if (p->seen_ms < now_ms - GRAPH_KEPT_MS || n >= GRAPH_FLOWS ||
		    (n && g->pods.v[n - 1].name == p->name))
			drop_pod(p);
		else
			g->pods.v[n++] = *p;
	}
	g->pods.n = n;
}

void graph_settle(struct graph *g, int64_t now_ms)
{
	merge_flows(g);
	forget_flows(g, now_ms);
	merge_pods(g, now_ms);
	g->flows_n = g->flows.n;
	g->pods_n = g->pods.n;
	graph_settle_owners(g);
}

/* ---- birth and death ---------------------------------------------------------------------- */

struct graph *graph_new(const struct graph *known)
{
	struct graph *g = calloc(1, sizeof(*g));

	if (g)
		g->known = known;
	return g;
}

void graph_free(struct graph *g)
{
	size_t i;

	if (!g)
		return;
	for (i = 0; i < g->flows.n; i++)
		drop_texts(&g->flows.v[i]);
	for (i = 0; i < g->pods.n; i++)
		drop_pod(&g->pods.v[i]);
	vec_done(&g->flows);
	vec_done(&g->pods);
	free(g);
}
