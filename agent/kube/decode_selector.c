/* SPDX-License-Identifier: Apache-2.0 */
/* metav1.LabelSelector, strictly: one that is half understood would select others. */
#include "kube/walk.h"

#include <json-c/json.h>
#include <string.h>

#include "kube/name.h"
#include "kube/value.h"

static bool decode_value(struct walk *w, struct json_object *o, void *into)
{
	struct requirement *r = into;
	const char *text = value_text(o);

	if (!text)
		return walk_wrong_type(w, o, "a text");
	if (strlen(text) > DECODE_VALUE_MAX)
		return walk_problem(w, "is longer than %d bytes", DECODE_VALUE_MAX);
	return requirement_value(r, text) < 0 ? walk_no_memory(w) : true;
}

static bool decode_values(struct walk *w, struct json_object *o, void *into)
{
	return walk_is_list(w, o, DECODE_ITEMS_MAX) && walk_items(w, o, decode_value, into);
}

static bool check_key(struct walk *w, const char *key)
{
	if (!*key)
		return walk_problem(w, "is empty");
	if (strlen(key) > DECODE_KEY_MAX)
		return walk_problem(w, "is longer than %d bytes", DECODE_KEY_MAX);
	return name_is_qualified(key) ? true : walk_problem(w, "cannot be the key of a label");
}

static bool match_label(struct walk *w, struct selector *s, const char *key, struct json_object *value)
{
	struct requirement *r;

	if (!check_key(w, key))
		return false;
	return selector_add(s, key, OP_IN, &r) < 0 ? walk_no_memory(w) : decode_value(w, value, r);
}

static bool decode_match_labels(struct walk *w, struct json_object *o, void *into)
{
	char clip[VALUE_CLIP];
	bool ok = true;

	if (!walk_is_object(w, o))
		return false;
	if (json_object_object_length(o) > DECODE_ITEMS_MAX)
		return walk_problem(w, "has %d labels, more than %d", json_object_object_length(o),
				    DECODE_ITEMS_MAX);
	json_object_object_foreach(o, key, value) {
		const size_t was = walk_enter(w, "[%s]", value_clip(key, clip));

		ok &= match_label(w, into, key, value);
		walk_leave(w, was);
	}
	return ok;
}

static bool decode_key(struct walk *w, struct json_object *o, void *into)
{
	const char **ret = into;

	*ret = value_text(o);
	return *ret ? check_key(w, *ret) : walk_wrong_type(w, o, "a text");
}

static bool decode_operator(struct walk *w, struct json_object *o, void *into)
{
	static const char *const names[] = {
		[OP_IN] = "In",
		[OP_NOT_IN] = "NotIn",
		[OP_EXISTS] = "Exists",
		[OP_NOT_EXISTS] = "DoesNotExist",
		NULL,
	};
	enum selector_op *ret = into;
	size_t op;

	if (!walk_choice(w, o, names, "none of In, NotIn, Exists and DoesNotExist", &op))
		return false;
	*ret = (enum selector_op)op;
	return true;
}

static bool check_values(struct walk *w, const struct requirement *r)
{
	const bool wants = r->op == OP_IN || r->op == OP_NOT_IN;

	if (wants && !r->values.n)
		return walk_wrong_field(w, "values", "must not be empty with In and NotIn");
	if (!wants && r->values.n)
		return walk_wrong_field(w, "values", "must be empty with Exists and DoesNotExist");
	return true;
}

static bool decode_expression(struct walk *w, struct json_object *o, void *into)
{
	static const char *const known[] = { "key", "operator", "values", NULL };
	enum selector_op op = OP_IN;
	const char *key = NULL;
	struct requirement *r;
	bool ok;

	if (!walk_is_object(w, o))
		return false;
	ok = walk_has_only(w, o, known);
	ok &= walk_required(w, o, "key", decode_key, &key);
	ok &= walk_required(w, o, "operator", decode_operator, &op);
	if (!ok)
		return false;
	if (selector_add(into, key, op, &r) < 0)
		return walk_no_memory(w);
	return walk_field(w, o, "values", decode_values, r) && check_values(w, r);
}

static bool decode_expressions(struct walk *w, struct json_object *o, void *into)
{
	return walk_is_list(w, o, DECODE_ITEMS_MAX) && walk_items(w, o, decode_expression, into);
}

bool walk_selector(struct walk *w, struct json_object *o, void *into)
{
	static const char *const known[] = { "matchLabels", "matchExpressions", NULL };
	struct selector **ret = into, *s = selector_new();
	bool ok;

	if (!s)
		return walk_no_memory(w);
	ok = walk_has_only(w, o, known);
	ok &= walk_field(w, o, "matchLabels", decode_match_labels, s);
	ok &= walk_field(w, o, "matchExpressions", decode_expressions, s);
	if (ok)
		*ret = s;
	else
		selector_free(s);
	return ok;
}
