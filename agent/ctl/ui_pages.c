/* SPDX-License-Identifier: Apache-2.0 */
/* What the page is made of, and what it asks for. Nothing here changes anything. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/ui.h"
#include "ctl/who.h"
#include "util/clock.h"
#include "util/scope.h"

#define ANSWER_MS 60000 /* an answer is kept for a page that comes again */
#define ASK_MS	  60000

/* Only our own files, no frames, and the address with its secret goes to nobody. */
static const char fields[] =
	"Content-Security-Policy: default-src 'self'; base-uri 'none'; form-action 'none'; "
	"frame-ancestors 'none'\r\n"
	"Referrer-Policy: no-referrer\r\n"
	"Cross-Origin-Resource-Policy: same-origin\r\n"
	"Cross-Origin-Opener-Policy: same-origin\r\n";

/* ---- queries ------------------------------------------------------------------------------ */

static int64_t window_ms(const char *query)
{
	char text[16];
	long s = 300;

	if (ui_query(query, "window", text, sizeof(text)))
		s = strtol(text, NULL, 10);
	if (s < 10)
		s = 10;
	return s > GRAPH_KEPT_MS / 1000 ? GRAPH_KEPT_MS : (int64_t)s * 1000;
}

/* ---- /api/ -------------------------------------------------------------------------------- */

void ui_refuse(struct web_answer *ret, int status, const char *why)
{
	buf_clear(&ret->body);
	ret->status = status;
	ret->type = "text/plain; charset=utf-8";
	(void)buf_fmt(&ret->body, "%s\n", why);
}

int ui_member(struct buf *b, const char *name, const char *text)
{
	const int r = buf_fmt(b, "\"%s\":", name);

	return r ? r : ctl_quote(b, "", text);
}

static void on_graph(struct ui *u, const struct web_request *request, struct web_answer *ret)
{
	const int64_t window = window_ms(request->query), now = ui_now_ms();
	const struct ui_collect *o = &u->collect;
	int r;

	ui_collect_want(u);
	r = buf_fmt(&ret->body,
		    "{\"now\":%lld,\"window\":%lld,\"collected\":%lld,\"took_ms\":%llu,\"trial\":%s,",
		    (long long)now, (long long)window / 1000, (long long)o->done_ms,
		    (unsigned long long)o->took_ms, u->c->unattended ? "false" : "true");
	if (!r)
		r = ui_member(&ret->body, "trouble", o->trouble);
	if (!r)
		r = buf_str(&ret->body, ",\n");
	if (!r)
		r = graph_write(u->graph, window, now, &ret->body);
	if (!r)
		r = buf_str(&ret->body, "}\n");
	if (r < 0)
		ui_refuse(ret, 500,
			  r == -E2BIG ? "The picture is too large: --node NAME asks fewer nodes"
				      : "No memory for the picture");
}

static void on_flows(struct ui *u, const struct web_request *request, struct web_answer *ret)
{
	const char *query = request->query;
	char from[WHO_ID], to[WHO_ID], proto[16], port[16];
	const struct graph_edge edge = {
		.from = ui_query(query, "from", from, sizeof(from)) ? from : NULL,
		.to = ui_query(query, "to", to, sizeof(to)) ? to : NULL,
		.proto = ui_query(query, "proto", proto, sizeof(proto)) ? proto : NULL,
		.port = ui_query(query, "port", port, sizeof(port)) ? (int)strtol(port, NULL, 10) : -1,
	};

	if (!edge.from && !edge.to) {
		ui_refuse(ret, 400, "from= or to=: which workload?");
		return;
	}
	if (graph_write_flows(u->graph, &edge, window_ms(query), ui_now_ms(), &ret->body) < 0)
		ui_refuse(ret, 500, "No room or no memory for these flows");
}

/* ---- questions ---------------------------------------------------------------------------- */

static void end_question(struct ui_question *q)
{
	job_end(&q->job);
	q->key[0] = '\0';
}

static struct ui_question *find_question(struct ui *u, const char *key)
{
	size_t i;

	for (i = 0; i < UI_QUESTIONS; i++)
		if (!strcmp(u->questions[i].key, key))
			return &u->questions[i];
	return NULL;
}

/* A free one, or the one that was answered first. NULL: all are being asked. */
static struct ui_question *free_question(struct ui *u)
{
	struct ui_question *q = find_question(u, ""), *at;

	for (at = u->questions; !q && at < u->questions + UI_QUESTIONS; at++)
		if (at->job.over)
			q = at;
	if (q)
		end_question(q);
	return q;
}

void ui_ask(struct ui *u, const char *key, bool json, char *const *words, const struct buf *input,
	    void (*write)(struct ui *u, const struct job *j, struct web_answer *ret), struct web_answer *ret)
{
	struct ui_question *q = find_question(u, key);
	struct bh_err err;

	if (!q) {
		q = free_question(u);
		if (!q || job_start(&q->job, u->c, json, words, input, &err) < 0) {
			ui_refuse(ret, 503, q ? err.msg : "Too many questions at once: try again");
			return;
		}
		(void)snprintf(q->key, sizeof(q->key), "%s", key);
		q->write = write;
		q->until_ms = clock_ms() + ASK_MS;
	}
	if (!q->job.over) {
		ret->status = 202;
		(void)buf_str(&ret->body, "{\"pending\":true}\n");
		return;
	}
	q->write(u, &q->job, ret);
	end_question(q); /* who asks again wants to know how it is then */
}

static void write_text(struct ui *u, const struct job *j, struct web_answer *ret)
{
	int r = buf_fmt(&ret->body, "{\"code\":%d,", j->code);

	(void)u;
	if (!r)
		r = ui_member(&ret->body, "text", j->text.len ? j->text.data : "");
	if (!r)
		r = buf_str(&ret->body, ",");
	if (!r)
		r = ui_member(&ret->body, "said", j->said.len ? j->said.data : "");
	if (!r)
		r = buf_str(&ret->body, "}\n");
	if (r < 0)
		ui_refuse(ret, 500, "No room or no memory for the answer");
}

/* A name that begins with a dash is none, and nothing that kubectl could take for an option. */
static bool read_arg(const char *query, const char *name, char *ret, size_t size)
{
	return ui_query(query, name, ret, size) && *ret && *ret != '-';
}

static void on_explain(struct ui *u, const struct web_request *request, struct web_answer *ret)
{
	char src[400], dst[400], port[32], key[sizeof(u->questions[0].key)];
	char *const words[] = { "explain", src, dst, port, NULL };

	if (!read_arg(request->query, "src", src, sizeof(src)) ||
	    !read_arg(request->query, "dst", dst, sizeof(dst)) ||
	    !read_arg(request->query, "port", port, sizeof(port))) {
		ui_refuse(ret, 400, "src=, dst= and port=: what is to be explained?");
		return;
	}
	(void)snprintf(key, sizeof(key), "explain\n%s\n%s\n%s", src, dst, port);
	ui_ask(u, key, false, words, NULL, write_text, ret);
}

/* Whose answers these are. Of all nodes `config` is an array; the agent of this node says its own name. */
static int write_names(const struct job *j, struct buf *b)
{
	struct json_object *answer = j->text.len && !j->cut ? json_tokener_parse(j->text.data) : NULL;
	const bool many = json_object_is_type(answer, json_type_array);
	const size_t n = many ? json_object_array_length(answer) : answer != NULL;
	int r = buf_fmt(b, "{\"all\":%s,\"nodes\":[", many ? "true" : "false");
	size_t i;

	for (i = 0; !r && i < n; i++) {
		const char *name = many ? ctl_str(json_object_array_get_idx(answer, i), "node")
					: ctl_str(ctl_get(answer, "options"), "node-name");

		r = ctl_quote(b, i ? "," : "", name);
	}
	json_object_put(answer);
	return r ? r : buf_str(b, "]}\n");
}

static void write_nodes(struct ui *u, const struct job *j, struct web_answer *ret)
{
	(void)u;
	if (write_names(j, &ret->body) < 0)
		ui_refuse(ret, 500, "No room or no memory for the names");
}

static void on_nodes(struct ui *u, const struct web_request *request, struct web_answer *ret)
{
	char *const words[] = { "config", NULL };

	(void)request;
	ui_ask(u, "nodes", true, words, NULL, write_nodes, ret);
}

void ui_questions_work(struct ui *u)
{
	struct ui_question *q;

	for (q = u->questions; q < u->questions + UI_QUESTIONS; q++) {
		const bool was = q->job.over;

		job_work(&q->job);
		if (q->job.over && !was)
			q->until_ms = clock_ms() + ANSWER_MS;
		if (*q->key && clock_ms() >= q->until_ms)
			end_question(q);
	}
}

/* ---- all ---------------------------------------------------------------------------------- */

static void on_file(const char *name, struct web_answer *ret)
{
	const struct ui_file *f = ui_file(name);

	if (!f) {
		ui_refuse(ret, 404, "There is no such page");
		return;
	}
	ret->type = f->type;
	(void)buf_add(&ret->body, f->begin, (size_t)(f->end - f->begin));
}

void ui_page(void *ctx, const struct web_request *request, struct web_answer *ret)
{
	static const struct {
		const char *path;
		void (*fn)(struct ui *u, const struct web_request *request, struct web_answer *ret);
		bool post;
	} apis[] = { { "api/graph", on_graph, false },
		     { "api/flows", on_flows, false },
		     { "api/explain", on_explain, false },
		     { "api/nodes", on_nodes, false },
		     { "api/simulate", ui_simulate, true } };
	struct ui *u = ctx;
	const char *path = request->path + strlen(u->prefix);
	size_t i;

	ret->more = fields;
	if (!ui_trusts(request)) {
		ui_refuse(ret, 403,
			  "Only pages of this address may ask, and it goes by its number or localhost");
		return;
	}
	for (i = 0; i < ARRAY_SIZE(apis); i++) {
		if (strcmp(path, apis[i].path) || request->post != apis[i].post)
			continue;
		ret->type = "application/json";
		apis[i].fn(u, request, ret);
		return;
	}
	if (request->post)
		ui_refuse(ret, 405, "This is only to be read");
	else
		on_file(path, ret);
}
