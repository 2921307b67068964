/* SPDX-License-Identifier: Apache-2.0 */
/* Labels, and what a selector matches. */
#include "model/model.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- labels ----------------------------------------------------------------------------- */

static int label_cmp(const void *a, const void *b)
{
	return strcmp(((const struct label *)a)->key, ((const struct label *)b)->key);
}

static struct label *find(const struct labels *l, const char *key)
{
	const struct label wanted = { .key = (char *)key };

	return vec_find(&l->at, &wanted, label_cmp);
}

static int replace(struct label *at, const char *value)
{
	char *copy = strdup(value);

	if (!copy)
		return -ENOMEM;
	free(at->value);
	at->value = copy;
	return 0;
}

int labels_set(struct labels *l, const char *key, const char *value)
{
	struct label *there = find(l, key), new;
	size_t at;

	if (there)
		return replace(there, value);

	new = (struct label){ .key = strdup(key), .value = strdup(value) };
	if (!new.key || !new.value || !vec_add(&l->at)) {
		free(new.key);
		free(new.value);
		return -ENOMEM;
	}
	for (at = l->at.n - 1; at && strcmp(l->at.v[at - 1].key, key) > 0; at--)
		l->at.v[at] = l->at.v[at - 1];
	l->at.v[at] = new;
	return 0;
}

const char *labels_get(const struct labels *l, const char *key)
{
	const struct label *there = find(l, key);

	return there ? there->value : NULL;
}

bool labels_equal(const struct labels *a, const struct labels *b)
{
	size_t i;

	if (a->at.n != b->at.n)
		return false;
	for (i = 0; i < a->at.n; i++)
		if (strcmp(a->at.v[i].key, b->at.v[i].key) || strcmp(a->at.v[i].value, b->at.v[i].value))
			return false;
	return true;
}

void labels_done(struct labels *l)
{
	size_t i;

	for (i = 0; i < l->at.n; i++) {
		free(l->at.v[i].key);
		free(l->at.v[i].value);
	}
	vec_done(&l->at);
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
