/* SPDX-License-Identifier: Apache-2.0 */
/* From the text of a file to its objects. */
#include "kube/content.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#include "kube/keep.h"
#include "kube/manifest.h"
#include "kube/object.h"
#include "kube/scan.h"
#include "kube/value.h"
#include "util/scope.h"

/* Where an object stands, for messages. */
struct place {
	const char *file;
	unsigned int line;
	long item; /* of a List; -1: the document itself */
};

/* ---- names and order -------------------------------------------------------------------- */

static void object_done(struct content_object *o)
{
	free(o->ns);
	free(o->name);
	free(o->text);
}

void content_done(struct content *c)
{
	size_t i;

	for (i = 0; i < c->objects.n; i++)
		object_done(&c->objects.v[i]);
	for (i = 0; i < c->ignored.n; i++)
		free(c->ignored.v[i]);
	vec_done(&c->objects);
	vec_done(&c->ignored);
	c->bytes = 0;
}

int content_object_cmp(const void *a, const void *b)
{
	const struct content_object *x = a, *y = b;
	int r;

	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	r = strcmp(x->ns, y->ns);
	return r ? r : strcmp(x->name, y->name);
}

const char *content_name(const struct content_object *o, char ret[CONTENT_NAME])
{
	(void)snprintf(ret, CONTENT_NAME, "%s '%s%s%s'", object_kinds[o->kind].kind, o->ns, *o->ns ? "/" : "",
		       o->name);
	return ret;
}

static int text_cmp(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* ---- the fields we use ------------------------------------------------------------------ */

static int copy_json(void *ctx, enum scan_kind kind, const char *json, size_t len, struct bh_err *err)
{
	char **ret = ctx;

	(void)kind;
	(void)len;
	(void)err;
	*ret = strdup(json);
	return *ret ? 0 : -ENOMEM;
}

/* What decode_*() reads, and nothing that changes without meaning anything to us. */
static int reduce(struct json_object *o, enum object_kind kind, char **ret, struct bh_err *err)
{
	const char *text =
		json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
	struct scan *s = text ? scan_new(keep_decoded[kind], false, copy_json, ret) : NULL;
	const int r = s ? scan_feed(s, text, strlen(text), err) : -ENOMEM;

	scan_free(s);
	return r;
}

/* ---- objects ---------------------------------------------------------------------------- */

static int bad_object(const struct place *at, const struct bh_err *why, struct bh_err *err)
{
	if (at->item < 0)
		return bh_err_set(err, -EINVAL, "%s:%u: %s", at->file, at->line, why->msg);
	return bh_err_set(err, -EINVAL, "%s:%u: items[%ld]: %s", at->file, at->line, at->item, why->msg);
}

static int add_ignored(struct content *c, const struct object_id *id)
{
	char text[2 * VALUE_CLIP + 8], kind[VALUE_CLIP], version[VALUE_CLIP], *copy, **slot;
	size_t i;

	(void)snprintf(text, sizeof(text), "%s (%s)", value_clip(id->kind_name, kind),
		       value_clip(id->api_version, version));
	for (i = 0; i < c->ignored.n; i++)
		if (!strcmp(c->ignored.v[i], text))
			return 0;
	if (i == CONTENT_IGNORED_MAX)
		return 0;
	copy = strdup(text);
	slot = copy ? vec_add(&c->ignored) : NULL;
	if (!slot) {
		free(copy);
		return -ENOMEM;
	}
	*slot = copy;
	return 0;
}

static int fill_object(struct json_object *o, const struct object_id *id, struct content_object *ret,
		       struct bh_err *err)
{
	struct bh_err why;
	int r;

	ret->kind = id->kind;
	ret->ns = strdup(id->ns);
	ret->name = strdup(id->name);
	if (!ret->ns || !ret->name)
		return -ENOMEM;
	r = reduce(o, id->kind, &ret->text, &why);
	if (r < 0)
		return r == -ENOMEM ? r : bh_err_set(err, r, "%s '%s': %s", id->kind_name, id->name, why.msg);
	ret->hash = hash128_of(ret->text, strlen(ret->text));
	return 0;
}

static int add_object(struct content *c, const struct place *at, struct json_object *o, struct bh_err *err)
{
	struct content_object *object;
	struct object_id id;
	struct bh_err why;
	int r;

	if (decode_id(o, &id, &why) < 0)
		return bad_object(at, &why, err);
	if (id.kind == OBJECT_OTHER)
		return add_ignored(c, &id);
	if (c->objects.n == CONTENT_OBJECTS_MAX)
		return bh_err_set(err, -E2BIG, "%s: more than %d objects", at->file, CONTENT_OBJECTS_MAX);
	object = vec_add(&c->objects);
	if (!object)
		return -ENOMEM;
	r = fill_object(o, &id, object, &why);
	if (r < 0) {
		object_done(object);
		c->objects.n--;
		return r == -ENOMEM ? r : bad_object(at, &why, err);
	}
	object->line = at->line;
	c->bytes += strlen(object->text);
	return 0;
}

static int add_document(struct content *c, const char *file, const struct document *doc, struct bh_err *err)
{
	struct place at = { .file = file, .line = doc->line, .item = -1 };
	struct json_object *list;
	int r = 0;

	if (!doc->root)
		return 0;
	if (!decode_is_list(doc->root, &list))
		return add_object(c, &at, doc->root, err);
	if (!list && value_get(doc->root, "items"))
		return bh_err_set(err, -EINVAL, "%s:%u: List: items is not a list", file, doc->line);
	for (at.item = 0; !r && (size_t)at.item < value_length(list); at.item++)
		r = add_object(c, &at, value_at(list, (size_t)at.item), err);
	return r;
}

static int check_twins(const struct content *c, const char *file, struct bh_err *err)
{
	char name[CONTENT_NAME];
	size_t i;

	for (i = 1; i < c->objects.n; i++) {
		const struct content_object *a = &c->objects.v[i - 1], *b = a + 1;
		const bool swap = a->line > b->line; /* the sort is not stable */

		if (!content_object_cmp(a, b))
			return bh_err_set(err, -EINVAL, "%s:%u: %s is in line %u already", file,
					  swap ? a->line : b->line, content_name(a, name),
					  swap ? b->line : a->line);
	}
	return 0;
}

static int add_all(struct content *c, const char *file, const struct manifest *m, struct bh_err *err)
{
	size_t i;
	int r = 0;

	for (i = 0; !r && i < m->docs.n; i++)
		r = add_document(c, file, &m->docs.v[i], err);
	if (r < 0)
		return r;
	vec_sort(&c->objects, content_object_cmp);
	vec_sort(&c->ignored, text_cmp);
	return check_twins(c, file, err);
}

int content_parse(const char *file, const char *text, size_t len, struct content *ret, struct bh_err *err)
{
	struct manifest m = {};
	struct content c = {};
	int r;

	r = manifest_parse(file, text, len, &m, err);
	if (r < 0)
		return r;
	r = add_all(&c, file, &m, err);
	manifest_done(&m);
	if (r < 0) {
		content_done(&c);
		return r == -ENOMEM ? bh_err_errno(err, r, "%s", file) : r;
	}
	*ret = c;
	return 0;
}
