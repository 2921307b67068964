/* SPDX-License-Identifier: Apache-2.0 */
/* From the text of a file to its objects. */
#include "kube/content.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#include "kube/manifest.h"
#include "kube/value.h"
#include "util/scope.h"

DEFINE_SCOPE_FREE(struct json_object, json_object_put)
#define auto_json __attribute__((cleanup(json_object_put_scope)))

/* Where an object stands, for messages. */
struct place {
	const char *file;
	unsigned int line;
	long item; /* of a List; -1: the document itself */
};

static const char *const kind_names[] = {
	[OBJECT_NAMESPACE] = "Namespace",  [OBJECT_POD] = "Pod",
	[OBJECT_POLICY] = "NetworkPolicy", [OBJECT_SERVICE] = "Service",
	[OBJECT_SLICE] = "EndpointSlice",  [OBJECT_NODE] = "Node",
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
	(void)snprintf(ret, CONTENT_NAME, "%s '%s%s%s'", kind_names[o->kind], o->ns, *o->ns ? "/" : "",
		       o->name);
	return ret;
}

static int text_cmp(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* ---- the fields we use ------------------------------------------------------------------ */

/* A new object with those of @names that @o has; null and absent are the same. NULL: no memory. */
static struct json_object *pick(struct json_object *o, const char *const *names)
{
	auto_json struct json_object *ret = json_object_new_object();

	for (; ret && *names; names++) {
		struct json_object *value = value_get(o, *names);

		if (!value)
			continue;
		if (json_object_object_add(ret, *names, json_object_get(value)) < 0) {
			json_object_put(value);
			return NULL;
		}
	}
	return TAKE_PTR(ret);
}

/* Replaces a field by what @names leave of it. */
static int narrow(struct json_object *o, const char *field, const char *const *names)
{
	struct json_object *value = value_get(o, field), *picked;

	if (!json_object_is_type(value, json_type_object))
		return 0; /* of a wrong type: for the decoder to judge */
	picked = pick(value, names);
	if (!picked)
		return -ENOMEM;
	if (json_object_object_add(o, field, picked) < 0) {
		json_object_put(picked);
		return -ENOMEM;
	}
	return 0;
}

/* The same for every object of a list: what is none becomes null. */
static int narrow_items(struct json_object *o, const char *field, const char *const *names)
{
	struct json_object *list = value_get(o, field), *picked, *item;
	size_t i;

	if (!json_object_is_type(list, json_type_array))
		return 0;
	picked = json_object_new_array();
	for (i = 0; picked && i < value_length(list); i++) {
		const bool is_object = json_object_is_type(value_at(list, i), json_type_object);

		item = is_object ? pick(value_at(list, i), names) : NULL;
		if ((is_object && !item) || json_object_array_add(picked, item) < 0) {
			json_object_put(item);
			json_object_put(picked);
			return -ENOMEM;
		}
	}
	if (!picked || json_object_object_add(o, field, picked) < 0) {
		json_object_put(picked);
		return -ENOMEM;
	}
	return 0;
}

/* Of an object; NULL: as it is. */
struct fields {
	const char *top[7], *spec[5], *status[4], *endpoints[2];
};

/* What decode_*() reads, and nothing that changes without meaning anything to us. */
static const struct fields used[] = {
	[OBJECT_NAMESPACE] = { .top = { "apiVersion", "kind", "metadata" } },
	[OBJECT_POD] = { .top = { "apiVersion", "kind", "metadata", "spec", "status" },
			 .spec = { "nodeName", "hostNetwork", "containers", "initContainers" },
			 .status = { "phase", "podIP", "podIPs" } },
	[OBJECT_POLICY] = { .top = { "apiVersion", "kind", "metadata", "spec" } },
	[OBJECT_SERVICE] = { .top = { "apiVersion", "kind", "metadata", "spec" },
			     .spec = { "type", "clusterIP", "clusterIPs", "ports" } },
	[OBJECT_SLICE] = { .top = { "apiVersion", "kind", "metadata", "addressType", "endpoints", "ports" },
			   .endpoints = { "addresses" } },
	[OBJECT_NODE] = { .top = { "apiVersion", "kind", "metadata", "status" }, .status = { "addresses" } },
};

static struct json_object *reduce(struct json_object *o, enum object_kind kind)
{
	static const char *const metadata[] = { "namespace", "name", "uid", "labels", NULL };
	const struct fields *f = &used[kind];
	auto_json struct json_object *ret = pick(o, f->top);

	if (!ret || narrow(ret, "metadata", metadata) < 0)
		return NULL;
	if ((f->spec[0] && narrow(ret, "spec", f->spec) < 0) ||
	    (f->status[0] && narrow(ret, "status", f->status) < 0) ||
	    (f->endpoints[0] && narrow_items(ret, "endpoints", f->endpoints) < 0))
		return NULL;
	return TAKE_PTR(ret);
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

static int fill_object(struct json_object *o, const struct object_id *id, struct content_object *ret)
{
	auto_json struct json_object *reduced = reduce(o, id->kind);
	const char *text = reduced ? json_object_to_json_string_ext(reduced, JSON_C_TO_STRING_PLAIN) : NULL;

	if (!text)
		return -ENOMEM;
	ret->kind = id->kind;
	ret->ns = strdup(id->ns);
	ret->name = strdup(id->name);
	ret->text = strdup(text);
	if (!ret->ns || !ret->name || !ret->text)
		return -ENOMEM;
	ret->hash = hash128_of(text, strlen(text));
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
	r = fill_object(o, &id, object);
	if (r < 0) {
		object_done(object);
		c->objects.n--;
		return r;
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
