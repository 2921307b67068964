/* SPDX-License-Identifier: Apache-2.0 */
/* One kind after the other, one question after the other. */
#include "kube/served.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kube/value.h"
#include "kube/wire.h"
#include "util/buf.h"
#include "util/clock.h"
#include "util/scope.h"

#define ANSWER_MAX   (256u << 10)
#define TIMEOUT_MS   10000
#define AGAIN_MS     1000 /* after no answer; then twice as long, */
#define AGAIN_MAX_MS 60000
#define FRESH_MS     60000 /* so long an answer is believed */
#define VERSIONS_MAX 16
#define NAME_MAX_LEN 64
#define LETTERS	     "abcdefghijklmnopqrstuvwxyz0123456789-" /* of a version: it becomes part of a path */

struct about {
	const char *path; /* NULL: never asked for */
	bool wanted, known;
	int64_t known_ms;
	char trouble[200]; /* "": none */
};

struct served {
	struct http *http;
	void (*changed)(void *ctx);
	void *ctx;
	struct http_call *call;
	struct buf body;
	int64_t due_ms;
	unsigned int again_ms;
	struct about about[POLICY_KINDS];
	struct about *asked; /* whose group's versions are below, NULL: nobody's */
	char versions[VERSIONS_MAX][NAME_MAX_LEN];
	size_t n, at;
};

/* ---- "/apis/GROUP/VERSION/RESOURCE" ------------------------------------------------------- */

/* Its second to fourth part, @which from 1. Returns @ret. */
static const char *part_of(const char *path, int which, char ret[NAME_MAX_LEN])
{
	size_t len;

	for (; which >= 0; which--)
		path = strchr(path, '/') + 1;
	len = strcspn(path, "/");
	(void)snprintf(ret, NAME_MAX_LEN, "%.*s", (int)len, path);
	return ret;
}

/* ---- answers ------------------------------------------------------------------------------ */

static void later(struct served *s)
{
	s->due_ms = clock_ms() + s->again_ms;
	s->again_ms = s->again_ms < AGAIN_MAX_MS / 2 ? 2 * s->again_ms : AGAIN_MAX_MS;
}

/* @version: in which it is; NULL: in none. */
static void conclude(struct served *s, const char *version)
{
	struct about *a = s->asked;
	char ours[NAME_MAX_LEN];

	a->trouble[0] = '\0';
	if (version)
		(void)snprintf(
			a->trouble, sizeof(a->trouble),
			"the API server has it in %s, and this agent reads %s: an agent that is as new as "
			"the definition is needed",
			version, part_of(a->path, 2, ours));
	a->known = true;
	a->known_ms = clock_ms();
	a->wanted = false;
	s->asked = NULL;
	s->changed(s->ctx);
}

/* APIGroup.versions[].version (meta/v1), without ours. */
static void take_versions(struct served *s, struct json_object *group)
{
	struct json_object *list = value_get(group, "versions");
	char ours[NAME_MAX_LEN];
	size_t i;

	(void)part_of(s->asked->path, 2, ours);
	for (i = 0; i < value_length(list) && s->n < VERSIONS_MAX; i++) {
		const char *version = value_text(value_get(value_at(list, i), "version"));

		if (!version || !*version || version[strspn(version, LETTERS)] || !strcmp(version, ours))
			continue;
		(void)snprintf(s->versions[s->n++], NAME_MAX_LEN, "%s", version);
	}
}

/* APIResourceList.resources[].name */
static bool has_resource(struct json_object *o, const char *name)
{
	struct json_object *list = value_get(o, "resources");
	size_t i;

	for (i = 0; i < value_length(list); i++) {
		const char *one = value_text(value_get(value_at(list, i), "name"));

		if (one && !strcmp(one, name))
			return true;
	}
	return false;
}

static void take(struct served *s, struct json_object *o, bool of_group)
{
	char resource[NAME_MAX_LEN];

	if (of_group) {
		s->n = s->at = 0;
		take_versions(s, o);
	} else if (has_resource(o, part_of(s->asked->path, 3, resource))) {
		conclude(s, s->versions[s->at]);
		return;
	} else {
		s->at++;
	}
	if (s->at == s->n)
		conclude(s, NULL);
}

static int on_data(void *ctx, const char *data, size_t len, struct bh_err *err)
{
	struct served *s = ctx;

	return buf_add(&s->body, data, len) < 0
		       ? bh_err_set(err, -EFBIG, "more than %u bytes of discovery", ANSWER_MAX)
		       : 0;
}

static void on_end(void *ctx, const struct http_end *end)
{
	struct served *s = ctx;
	struct bh_err err;
	struct json_object *o = end->status == 200 ? kube_parse(s->body.data, s->body.len, &err) : NULL;
	const bool of_group = s->at >= s->n;

	s->call = NULL;
	buf_clear(&s->body);
	s->due_ms = 0;
	if (o || (end->status == 404 && !of_group)) {
		s->again_ms = AGAIN_MS;
		take(s, o, of_group);
	} else if (end->status == 401 || end->status == 403 || end->status == 404) {
		conclude(s, NULL);
	} else {
		s->asked = NULL;
		later(s);
	}
	json_object_put(o);
}

/* ---- asking ------------------------------------------------------------------------------- */

static bool next_kind(struct served *s)
{
	size_t i;

	for (i = 0; i < POLICY_KINDS && !s->asked; i++)
		if (s->about[i].wanted)
			s->asked = &s->about[i];
	return s->asked;
}

void served_work(struct served *s)
{
	const struct http_handler handler = { .data = on_data, .end = on_end, .ctx = s };
	const bool begins = !s->asked;
	char group[NAME_MAX_LEN], path[3 * NAME_MAX_LEN];
	struct bh_err err;

	if (s->call || s->due_ms > clock_ms() || !next_kind(s))
		return;
	if (begins)
		s->n = s->at = 0;
	(void)snprintf(path, sizeof(path), "/apis/%s%s%s", part_of(s->asked->path, 1, group), s->n ? "/" : "",
		       s->n ? s->versions[s->at] : "");
	if (http_get(s->http, path, TIMEOUT_MS, &handler, &s->call, &err) < 0)
		later(s);
}

void served_ask(struct served *s, enum policy_kind kind, const char *path)
{
	struct about *a = &s->about[kind];

	if (a->known && clock_ms() - a->known_ms < FRESH_MS)
		return;
	a->path = path;
	a->wanted = true;
}

int served_timeout_ms(const struct served *s)
{
	const int64_t left = s->due_ms - clock_ms();
	bool wanted = false;
	size_t i;

	for (i = 0; i < POLICY_KINDS; i++)
		wanted |= s->about[i].wanted;
	if (s->call || !wanted)
		return -1;
	return left > 0 ? (int)left : 0;
}

bool served_is_known(const struct served *s, enum policy_kind kind)
{
	return s->about[kind].known;
}

const char *served_trouble(const struct served *s, enum policy_kind kind)
{
	return *s->about[kind].trouble ? s->about[kind].trouble : NULL;
}

/* ---- life --------------------------------------------------------------------------------- */

struct served *served_new(struct http *http, void (*changed)(void *ctx), void *ctx)
{
	struct served *s = calloc(1, sizeof(*s));

	if (s)
		*s = (struct served){ .http = http,
				      .changed = changed,
				      .ctx = ctx,
				      .body = BUF_INIT(ANSWER_MAX),
				      .again_ms = AGAIN_MS };
	return s;
}

void served_free(struct served *s)
{
	if (!s)
		return;
	http_cancel(s->call);
	buf_done(&s->body);
	free(s);
}
