/* SPDX-License-Identifier: Apache-2.0 */
/* Labels, and what a selector matches. */
#include "model/model.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util/intern.h"
#include "util/scope.h"

/* ---- labels ----------------------------------------------------------------------------- */

const struct labels labels_none = {};

/* Where the key is, or would be. */
static size_t place(const struct labels *l, const char *key, bool *ret_there)
{
	size_t lo = 0, hi = l->n;

	while (lo < hi) {
		const size_t mid = lo + (hi - lo) / 2;
		const int r = strcmp(l->at[mid].key, key);

		*ret_there = !r;
		if (!r)
			return mid;
		if (r < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	*ret_there = false;
	return lo;
}

const char *labels_get(const struct labels *l, const char *key)
{
	bool there;
	const size_t at = place(l, key, &there);

	return there ? l->at[at].value : NULL;
}

/* A draft of a set: its texts are not the draft's yet. */
static struct labels *draft(const struct labels *l, const char *key, const char *value)
{
	struct labels *ret;
	bool there;
	const size_t at = place(l, key, &there), rest = l->n - at - there;

	ret = malloc(sizeof(*ret) + (at + 1 + rest) * sizeof(*ret->at));
	if (!ret)
		return NULL;
	ret->n = at + 1 + rest;
	memcpy(ret->at, l->at, at * sizeof(*ret->at));
	ret->at[at] = (struct label){ .key = key, .value = value };
	memcpy(ret->at + at + 1, l->at + at + there, rest * sizeof(*ret->at));
	return ret;
}

/* A set that is there already has its texts; a new one takes them. */
static const struct labels *settle(const struct labels *l)
{
	const struct labels *ret = intern(l, sizeof(*l) + l->n * sizeof(*l->at));
	size_t i;

	for (i = 0; ret && intern_refs(ret) == 1 && i < ret->n; i++) {
		(void)intern_again(ret->at[i].key);
		(void)intern_again(ret->at[i].value);
	}
	return ret;
}

int labels_set(const struct labels **at, const char *key, const char *value)
{
	const char *k = intern_text(key), *v = intern_text(value);
	auto_free struct labels *l = k && v ? draft(*at, k, v) : NULL;
	const struct labels *set = l ? settle(l) : NULL;

	intern_drop(k);
	intern_drop(v);
	if (!set)
		return -ENOMEM;
	labels_drop(*at);
	*at = set;
	return 0;
}

void labels_drop(const struct labels *l)
{
	size_t i;

	if (!l || l == &labels_none)
		return;
	for (i = 0; intern_refs(l) == 1 && i < l->n; i++) {
		intern_drop(l->at[i].key);
		intern_drop(l->at[i].value);
	}
	intern_drop(l);
}

/* ---- selectors -------------------------------------------------------------------------- */

struct selector *selector_new(void)
{
	return calloc(1, sizeof(struct selector));
}

static void requirement_done(struct requirement *r)
{
	size_t i;

	for (i = 0; i < r->values.n; i++)
		free(r->values.v[i]);
	vec_done(&r->values);
	free(r->key);
}

void selector_free(struct selector *s)
{
	size_t i;

	if (!s)
		return;
	for (i = 0; i < s->at.n; i++)
		requirement_done(&s->at.v[i]);
	vec_done(&s->at);
	free(s);
}

int selector_add(struct selector *s, const char *key, enum selector_op op, struct requirement **ret)
{
	char *copy = strdup(key);
	struct requirement *r = copy ? vec_add(&s->at) : NULL;

	if (!r) {
		free(copy);
		return -ENOMEM;
	}
	r->key = copy;
	r->op = op;
	*ret = r;
	return 0;
}

int requirement_value(struct requirement *r, const char *value)
{
	char *copy = strdup(value), **slot = copy ? vec_add(&r->values) : NULL;

	if (!slot) {
		free(copy);
		return -ENOMEM;
	}
	*slot = copy;
	return 0;
}

static bool names(const struct requirement *r, const char *value)
{
	size_t i;

	for (i = 0; i < r->values.n; i++)
		if (!strcmp(r->values.v[i], value))
			return true;
	return false;
}

static bool holds(const struct requirement *r, const struct labels *l)
{
	const char *value = labels_get(l, r->key);

	switch (r->op) {
	case OP_IN:
		return value && names(r, value);
	case OP_NOT_IN:
		return !value || !names(r, value);
	case OP_EXISTS:
		return value;
	case OP_NOT_EXISTS:
		return !value;
	}
	assert(!"an operator of enum selector_op");
	return false;
}

bool selector_matches(const struct selector *s, const struct labels *l)
{
	size_t i;

	assert(s);
	for (i = 0; i < s->at.n; i++)
		if (!holds(&s->at.v[i], l))
			return false;
	return true;
}
