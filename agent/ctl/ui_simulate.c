/* SPDX-License-Identifier: Apache-2.0 */
/* What a policy would change, in the picture's own terms: `simulate` tells of sessions, the map of edges. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "ctl/ui.h"
#include "util/hash.h"
#include "util/scope.h"

#define PAIRS_SHOWN 200

/* The edges of those sessions that would be @level. */
static int add_edges(const struct graph *known, struct buf *b, struct json_object *sessions,
		     const char *level)
{
	const size_t n = json_object_array_length(sessions);
	struct graph *g = graph_new(known);
	size_t i;
	int r;

	for (i = 0; g && i < n; i++) {
		struct json_object *item = json_object_array_get_idx(sessions, i);

		if (!strcmp(ctl_str(item, "is"), level))
			graph_session(g, item, 1);
	}
	if (g)
		graph_settle(g, 1);
	r = g ? buf_fmt(b, ",\n\"%s\":{", level) : -ENOMEM;
	if (!r)
		r = graph_write(g, 1, 1, b);
	graph_free(g);
	return r ? r : buf_str(b, "}");
}

static int add_json(struct buf *b, const char *name, struct json_object *o)
{
	return buf_fmt(b, ",\n\"%s\":%s", name,
		       json_object_to_json_string_ext(o, JSON_C_TO_STRING_NOSLASHESCAPE));
}

static int add_pairs(struct buf *b, struct json_object *pairs)
{
	const size_t n = json_object_array_length(pairs);
	int r = buf_fmt(b, ",\n\"pairs_n\":%zu", n);

	if (n > PAIRS_SHOWN)
		(void)json_object_array_del_idx(pairs, PAIRS_SHOWN, n - PAIRS_SHOWN);
	return r ? r : add_json(b, "pairs", pairs);
}

static int add_changes(const struct graph *known, struct buf *b, struct json_object *answer)
{
	static const char *const levels[] = { "denied", "audited", "allowed" };
	struct json_object *sessions = ctl_get(answer, "sessions"), *pairs = ctl_get(answer, "pairs");
	size_t i;
	int r;

	if (!json_object_is_type(sessions, json_type_array) || !json_object_is_type(pairs, json_type_array))
		return 0;
	r = add_json(b, "summary", ctl_get(answer, "summary"));
	if (!r)
		r = add_json(b, "problems", ctl_get(answer, "problems"));
	for (i = 0; !r && i < ARRAY_SIZE(levels); i++)
		r = add_edges(known, b, sessions, levels[i]);
	return r ? r : add_pairs(b, pairs);
}

static void write_changes(struct ui *u, const struct job *j, struct web_answer *ret)
{
	struct json_object *answer = j->text.len && !j->cut ? json_tokener_parse(j->text.data) : NULL;
	int r = buf_fmt(&ret->body, "{\"code\":%d,", j->code);

	if (!r)
		r = ui_member(&ret->body, "said",
			      j->cut	    ? "The answer is too long"
			      : j->said.len ? j->said.data
					    : "");
	if (!r && answer)
		r = add_changes(u->graph, &ret->body, answer);
	if (!r)
		r = buf_str(&ret->body, "}\n");
	if (r < 0)
		ui_refuse(ret, 500, "No room or no memory for what would change");
	json_object_put(answer);
}

void ui_simulate(struct ui *u, const struct web_request *request, struct web_answer *ret)
{
	char *const words[] = { "simulate", NULL };
	const struct hash128 hash = hash128_of(request->body, request->body_len);
	const struct buf input = { .data = (char *)request->body, .len = request->body_len };
	char hex[33], key[64];

	hash128_hex(&hash, hex);
	(void)snprintf(key, sizeof(key), "simulate\n%s", hex);
	ui_ask(u, key, true, words, &input, write_changes, ret);
}
