/* SPDX-License-Identifier: Apache-2.0 */
/* The union of many files' objects, and its differences from the model. */
#include "kube/merge.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "kube/manifest.h"
#include "kube/object.h"

/* ---- who has which object --------------------------------------------------------------- */

static int claim_cmp(const void *a, const void *b)
{
	const struct claim *x = a, *y = b;
	const int r = content_object_cmp(x->object, y->object);

	return r ? r : x->rank < y->rank ? -1 : x->rank > y->rank;
}

/* Sorts, and moves the winners to the front. Return: how many there are. */
static size_t settle(struct claim *claims, size_t n, const struct merge_hooks *hooks)
{
	size_t i, won = 0;

	if (n)
		qsort(claims, n, sizeof(*claims), claim_cmp);
	for (i = 0; i < n; i++) {
		if (won && !content_object_cmp(claims[won - 1].object, claims[i].object))
			hooks->lost(hooks->ctx, &claims[i], &claims[won - 1]);
		else
			claims[won++] = claims[i];
	}
	return won;
}

/* ---- what is held ----------------------------------------------------------------------- */

void merge_done(struct merge *m)
{
	size_t i;

	for (i = 0; i < m->held.n; i++) {
		free(m->held.v[i].ns);
		free(m->held.v[i].name);
	}
	vec_done(&m->held);
}

static int hold(struct merge *m, const struct content_object *o)
{
	struct held *h = vec_add(&m->held);

	if (!h)
		return -ENOMEM;
	h->kind = o->kind;
	h->ns = strdup(o->ns);
	h->name = strdup(o->name);
	h->hash = o->hash;
	return h->ns && h->name ? 0 : -ENOMEM;
}

static int hold_all(struct merge *m, const struct claim *claims, size_t n)
{
	size_t i;
	int r = 0;

	for (i = 0; !r && i < n; i++)
		r = hold(m, claims[i].object);
	if (r < 0)
		merge_done(m);
	return r;
}

static int held_cmp(const struct held *h, const struct content_object *o)
{
	const struct content_object mine = { .kind = h->kind, .ns = h->ns, .name = h->name };

	return content_object_cmp(&mine, o);
}

/* ---- into the model --------------------------------------------------------------------- */

static void tell_problems(const struct model *model, const struct claim *claim,
			  const struct merge_hooks *hooks)
{
	const struct net_policy *p =
		object_ops[claim->object->kind].find(model, claim->object->ns, claim->object->name);
	size_t i;

	for (i = 0; p && i < p->problems.n; i++)
		hooks->problem(hooks->ctx, claim, &p->problems.v[i]);
}

/* The text is our own, so all that can be wrong is memory. */
static struct json_object *read_text(const char *text)
{
	struct json_tokener *tok = json_tokener_new_ex(MANIFEST_DEPTH_MAX + 2);
	struct json_object *json;

	if (!tok)
		return NULL;
	json = json_tokener_parse_ex(tok, text, (int)strlen(text) + 1);
	json_tokener_free(tok);
	return json;
}

static int put(struct model *model, const struct claim *claim, const struct merge_hooks *hooks)
{
	const struct content_object *o = claim->object;
	struct json_object *json = read_text(o->text);
	struct object_id id;
	void *object;
	int r = -ENOMEM;

	if (json && !decode_id(json, &id, NULL))
		r = object_ops[o->kind].decode(json, &id, &object);
	if (!r)
		r = object_ops[o->kind].put(model, object);
	if (!r && object_is_policy(o->kind))
		tell_problems(model, claim, hooks);
	json_object_put(json);
	return r;
}

/* Walks what was held and what shall be, both in order. Return: 0 or -ENOMEM, all else done. */
static int differ(const struct merge *was, struct merge *will, const struct claim *claims,
		  struct model *model, const struct merge_hooks *hooks, bool *ret_changed)
{
	size_t i = 0, j = 0;
	int r = 0;

	while (i < was->held.n || j < will->held.n) {
		const int order = i == was->held.n    ? 1
				  : j == will->held.n ? -1
						      : held_cmp(&was->held.v[i], claims[j].object);

		if (order < 0) {
			object_ops[was->held.v[i].kind].del(model, was->held.v[i].ns, was->held.v[i].name);
			i++;
			*ret_changed = true;
			continue;
		}
		if (order > 0 || hash128_cmp(&was->held.v[i].hash, &will->held.v[j].hash)) {
			if (put(model, &claims[j], hooks) < 0) {
				will->held.v[j].hash = (struct hash128){};
				r = -ENOMEM;
			}
			*ret_changed = true;
		}
		i += !order;
		j++;
	}
	return r;
}

int merge_apply(struct merge *m, struct claim *claims, size_t n, struct model *model,
		const struct merge_hooks *hooks, bool *ret_changed)
{
	const size_t won = settle(claims, n, hooks);
	struct merge will = {};
	int r;

	r = hold_all(&will, claims, won);
	if (r < 0)
		return r;
	r = differ(m, &will, claims, model, hooks, ret_changed);
	merge_done(m);
	*m = will;
	return r;
}
