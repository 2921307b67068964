/* SPDX-License-Identifier: Apache-2.0 */
/*
 * YAML as JSON values: libyaml's events, and the core schema of YAML 1.2 (section 10.3) for plain
 * scalars. An alias shares the value it names, so memory follows the file's size; its size as if
 * written out is counted, because whoever walks the result pays for that.
 */
#include "kube/manifest.h"

#include <errno.h>
#include <json-c/json.h>
#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <yaml.h>

#include "util/scope.h"

#define VALUE_BYTES 16 /* what a value counts beside its text */

struct node {
	struct json_object *json; /* NULL: null */
	size_t bytes;		  /* as count() sees it, aliases written out */
	unsigned int height;	  /* levels of objects and lists, 0 for a scalar */
};

struct anchor {
	char *name;
	struct node node; /* holds a reference */
};

struct reader {
	yaml_parser_t parser;
	const char *file, *text;
	VEC(struct anchor) anchors; /* of this document; a later one of the same name wins */
	size_t bytes;
	struct bh_err *err;
};

#define auto_event __attribute__((cleanup(yaml_event_delete)))

DEFINE_SCOPE_FREE(struct json_object, json_object_put)
#define auto_json __attribute__((cleanup(json_object_put_scope)))

/* ---- events and errors ------------------------------------------------------------------ */

__attribute__((format(printf, 4, 5))) static int fail(struct reader *r, int code, const yaml_mark_t *mark,
						      const char *fmt, ...)
{
	char text[160];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return bh_err_set(r->err, code, "%s:%zu: %s", r->file, mark->line + 1, text);
}

/* libyaml knows the offset alone of what is not UTF-8 or not printable. */
static int bad_bytes(struct reader *r)
{
	yaml_mark_t mark = {};
	size_t i;

	for (i = 0; i < r->parser.problem_offset; i++)
		mark.line += r->text[i] == '\n';
	return fail(r, -EINVAL, &mark, "%s", r->parser.problem);
}

static int next(struct reader *r, yaml_event_t *ret)
{
	const yaml_parser_t *p = &r->parser;

	if (yaml_parser_parse(&r->parser, ret))
		return 0;
	if (p->error == YAML_MEMORY_ERROR)
		return -ENOMEM;
	if (p->error == YAML_READER_ERROR)
		return bad_bytes(r);
	if (p->context)
		return fail(r, -EINVAL, &p->problem_mark, "%s (%s)", p->problem, p->context);
	return fail(r, -EINVAL, &p->problem_mark, "%s", p->problem);
}

static int count(struct reader *r, const yaml_mark_t *mark, size_t bytes)
{
	if (bytes > MANIFEST_EXPANDED_MAX - r->bytes)
		return fail(r, -E2BIG, mark, "more than %u bytes with aliases written out",
			    MANIFEST_EXPANDED_MAX);
	r->bytes += bytes;
	return 0;
}

static int too_deep(struct reader *r, const yaml_mark_t *mark)
{
	return fail(r, -E2BIG, mark, "nested deeper than %d", MANIFEST_DEPTH_MAX);
}

static bool tag_is(const yaml_char_t *tag, const char *wanted)
{
	return tag && !strcmp((const char *)tag, wanted);
}

static int bad_tag(struct reader *r, const yaml_mark_t *mark, const yaml_char_t *tag)
{
	return fail(r, -EINVAL, mark, "tag '%.64s' is not supported", (const char *)tag);
}

/* ---- scalars ---------------------------------------------------------------------------- */

static bool one_of(const char *s, const char *const *words)
{
	for (; *words; words++)
		if (!strcmp(s, *words))
			return true;
	return false;
}

static size_t digits(const char *s)
{
	return strspn(s, "0123456789");
}

static struct json_object *integer(const char *s)
{
	const size_t sign = *s == '-' || *s == '+';
	const char *body = s + sign;
	long long value;
	int base = 10;

	if (!sign && !strncmp(s, "0o", 2) && s[2] && !s[2 + strspn(s + 2, "01234567")]) {
		body = s + 2;
		base = 8;
	} else if (!sign && !strncmp(s, "0x", 2) && s[2] && !s[2 + strspn(s + 2, "0123456789abcdefABCDEF")]) {
		base = 16;
	} else if (!*body || body[digits(body)]) {
		return NULL;
	}
	errno = 0;
	value = strtoll(base == 8 ? body : s, NULL, base);
	if (!errno)
		return json_object_new_int64(value);
	return base == 10 ? json_object_new_double(strtod(s, NULL)) : NULL;
}

static bool is_float(const char *s)
{
	size_t whole, fraction = 0;

	s += *s == '-' || *s == '+';
	whole = digits(s);
	s += whole;
	if (*s == '.') {
		fraction = digits(s + 1);
		s += 1 + fraction;
	}
	if (!whole && !fraction)
		return false;
	if (*s == 'e' || *s == 'E') {
		s++;
		s += *s == '-' || *s == '+';
		if (!digits(s))
			return false;
		s += digits(s);
	}
	return !*s;
}

static struct json_object *real(const char *s)
{
	static const char *const inf[] = { ".inf", ".Inf", ".INF", NULL };
	static const char *const nan_words[] = { ".nan", ".NaN", ".NAN", NULL };

	if (is_float(s))
		return json_object_new_double(strtod(s, NULL));
	if (one_of(s, nan_words))
		return json_object_new_double((double)NAN);
	if (one_of(s + (*s == '-' || *s == '+'), inf))
		return json_object_new_double(*s == '-' ? -(double)INFINITY : (double)INFINITY);
	return NULL;
}

/* @ret_null: the value is null (which is NULL, as is "no memory"). */
static struct json_object *plain(const char *s, size_t len, bool *ret_null)
{
	static const char *const null[] = { "", "~", "null", "Null", "NULL", NULL };
	static const char *const yes[] = { "true", "True", "TRUE", NULL };
	static const char *const no[] = { "false", "False", "FALSE", NULL };
	struct json_object *number;

	*ret_null = one_of(s, null);
	if (*ret_null)
		return NULL;
	if (one_of(s, yes) || one_of(s, no))
		return json_object_new_boolean(one_of(s, yes));
	number = integer(s);
	if (!number)
		number = real(s);
	return number ? number : json_object_new_string_len(s, (int)len);
}

static int scalar(struct reader *r, const yaml_event_t *e, struct node *ret)
{
	const char *s = (const char *)e->data.scalar.value;
	const size_t len = e->data.scalar.length;
	const yaml_char_t *tag = e->data.scalar.tag;
	bool null = false;

	if (tag && !tag_is(tag, YAML_STR_TAG) && !tag_is(tag, "!"))
		return bad_tag(r, &e->start_mark, tag);
	if (tag || e->data.scalar.style != YAML_PLAIN_SCALAR_STYLE)
		ret->json = json_object_new_string_len(s, (int)len);
	else
		ret->json = plain(s, len, &null);
	if (!ret->json && !null)
		return -ENOMEM;
	ret->bytes = VALUE_BYTES + len;
	return count(r, &e->start_mark, ret->bytes);
}

/* ---- lists, objects, aliases ------------------------------------------------------------ */

static int read_node(struct reader *r, const yaml_event_t *e, unsigned int depth, struct node *ret);

static void grow(struct node *outer, const struct node *inner)
{
	outer->bytes += inner->bytes;
	if (outer->height < inner->height + 1)
		outer->height = inner->height + 1;
}

static int sequence(struct reader *r, const yaml_event_t *e, unsigned int depth, struct node *ret)
{
	const yaml_char_t *tag = e->data.sequence_start.tag;
	auto_json struct json_object *list = json_object_new_array();
	struct node all = { .bytes = VALUE_BYTES, .height = 1 };
	int err;

	if (!list)
		return -ENOMEM;
	if (tag && !tag_is(tag, YAML_SEQ_TAG))
		return bad_tag(r, &e->start_mark, tag);
	for (;;) {
		auto_event yaml_event_t item = {};
		struct node value = {};

		err = next(r, &item);
		if (err < 0)
			return err;
		if (item.type == YAML_SEQUENCE_END_EVENT)
			break;
		err = read_node(r, &item, depth + 1, &value);
		if (err < 0)
			return err;
		if (json_object_array_add(list, value.json) < 0) {
			json_object_put(value.json);
			return -ENOMEM;
		}
		grow(&all, &value);
	}
	*ret = all;
	ret->json = TAKE_PTR(list);
	return 0;
}

static int check_key(struct reader *r, const yaml_event_t *e, struct json_object *object)
{
	const char *key = (const char *)e->data.scalar.value;

	if (e->type != YAML_SCALAR_EVENT)
		return fail(r, -EINVAL, &e->start_mark, "a key must be a plain or quoted text");
	if (strlen(key) != e->data.scalar.length)
		return fail(r, -EINVAL, &e->start_mark, "a key must not hold a NUL");
	if (!strcmp(key, "<<") && e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE)
		return fail(r, -EINVAL, &e->start_mark, "merge keys (<<) are not supported");
	if (json_object_object_get_ex(object, key, NULL))
		return fail(r, -EINVAL, &e->start_mark, "key '%.64s' is there twice", key);
	return 0;
}

static int read_value(struct reader *r, const yaml_event_t *key, struct json_object *object,
		      unsigned int depth, struct node *ret)
{
	auto_event yaml_event_t e = {};
	int err;

	err = check_key(r, key, object);
	if (err < 0)
		return err;
	err = next(r, &e);
	if (err < 0)
		return err;
	err = read_node(r, &e, depth, ret);
	if (err < 0)
		return err;
	if (json_object_object_add(object, (const char *)key->data.scalar.value, ret->json) < 0) {
		json_object_put(ret->json);
		return -ENOMEM;
	}
	return 0;
}

static int mapping(struct reader *r, const yaml_event_t *e, unsigned int depth, struct node *ret)
{
	const yaml_char_t *tag = e->data.mapping_start.tag;
	auto_json struct json_object *object = json_object_new_object();
	struct node all = { .bytes = VALUE_BYTES, .height = 1 };
	int err;

	if (!object)
		return -ENOMEM;
	if (tag && !tag_is(tag, YAML_MAP_TAG))
		return bad_tag(r, &e->start_mark, tag);
	for (;;) {
		auto_event yaml_event_t key = {};
		struct node value = {};

		err = next(r, &key);
		if (err < 0)
			return err;
		if (key.type == YAML_MAPPING_END_EVENT)
			break;
		err = read_value(r, &key, object, depth + 1, &value);
		if (err < 0)
			return err;
		grow(&all, &value);
		all.bytes += key.data.scalar.length;
	}
	*ret = all;
	ret->json = TAKE_PTR(object);
	return 0;
}

/* An anchor is known once its node is complete, so no value can hold itself. */
static int alias(struct reader *r, const yaml_event_t *e, unsigned int depth, struct node *ret)
{
	const char *name = (const char *)e->data.alias.anchor;
	size_t i = r->anchors.n;
	int err;

	while (i && strcmp(r->anchors.v[i - 1].name, name))
		i--;
	if (!i)
		return fail(r, -EINVAL, &e->start_mark, "alias '*%.64s' has no anchor before it", name);
	*ret = r->anchors.v[i - 1].node;
	if (depth - 1 + ret->height > MANIFEST_DEPTH_MAX)
		return too_deep(r, &e->start_mark);
	err = count(r, &e->start_mark, ret->bytes);
	if (err < 0)
		return err;
	(void)json_object_get(ret->json);
	return 0;
}

static int remember(struct reader *r, const yaml_char_t *name, const struct node *node)
{
	struct anchor *a;
	char *copy;

	if (!name)
		return 0;
	copy = strdup((const char *)name);
	a = copy ? vec_add(&r->anchors) : NULL;
	if (!a) {
		free(copy);
		return -ENOMEM;
	}
	a->name = copy;
	a->node = *node;
	(void)json_object_get(node->json);
	return 0;
}

/* One new value; @depth counts the levels down to it, 1 for a document's root. */
static int read_new(struct reader *r, const yaml_event_t *e, unsigned int depth,
		    const yaml_char_t **ret_anchor, struct node *ret)
{
	int err;

	if (e->type == YAML_SCALAR_EVENT) {
		*ret_anchor = e->data.scalar.anchor;
		return scalar(r, e, ret);
	}
	if (depth > MANIFEST_DEPTH_MAX)
		return too_deep(r, &e->start_mark);
	err = count(r, &e->start_mark, VALUE_BYTES);
	if (err < 0)
		return err;
	if (e->type == YAML_SEQUENCE_START_EVENT) {
		*ret_anchor = e->data.sequence_start.anchor;
		return sequence(r, e, depth, ret);
	}
	*ret_anchor = e->data.mapping_start.anchor;
	return mapping(r, e, depth, ret);
}

static int read_node(struct reader *r, const yaml_event_t *e, unsigned int depth, struct node *ret)
{
	const yaml_char_t *anchor = NULL;
	struct node node = {};
	int err;

	if (e->type == YAML_ALIAS_EVENT)
		return alias(r, e, depth, ret);
	err = read_new(r, e, depth, &anchor, &node);
	if (err < 0) {
		json_object_put(node.json);
		return err;
	}
	err = remember(r, anchor, &node);
	if (err < 0) {
		json_object_put(node.json);
		return err;
	}
	*ret = node;
	return 0;
}

/* ---- documents -------------------------------------------------------------------------- */

static void forget_anchors(struct reader *r)
{
	size_t i;

	for (i = 0; i < r->anchors.n; i++) {
		free(r->anchors.v[i].name);
		json_object_put(r->anchors.v[i].node.json);
	}
	vec_clear(&r->anchors);
}

static int read_document(struct reader *r, struct manifest *ret)
{
	auto_event yaml_event_t root = {}, end = {};
	struct document *doc;
	struct node node = {};
	int err;

	err = next(r, &root);
	if (err < 0)
		return err;
	err = read_node(r, &root, 1, &node);
	forget_anchors(r);
	if (err < 0)
		return err;
	doc = vec_add(&ret->docs);
	if (!doc) {
		json_object_put(node.json);
		return -ENOMEM;
	}
	doc->root = node.json;
	doc->line = (unsigned int)root.start_mark.line + 1;
	return next(r, &end);
}

static int read_stream(struct reader *r, struct manifest *ret)
{
	int err;

	for (;;) {
		auto_event yaml_event_t e = {};

		err = next(r, &e);
		if (err < 0)
			return err;
		if (e.type == YAML_STREAM_END_EVENT)
			return 0;
		if (e.type != YAML_DOCUMENT_START_EVENT)
			continue;
		err = read_document(r, ret);
		if (err < 0)
			return err;
	}
}

int manifest_parse_yaml(const char *file, const char *text, size_t len, struct manifest *ret,
			struct bh_err *err)
{
	struct reader r = { .file = file, .text = text, .err = err };
	int code;

	if (!yaml_parser_initialize(&r.parser))
		return -ENOMEM;
	yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&r.parser, (const unsigned char *)text, len);
	code = read_stream(&r, ret);
	yaml_parser_delete(&r.parser);
	vec_done(&r.anchors);
	return code;
}
