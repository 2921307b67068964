/* SPDX-License-Identifier: Apache-2.0 */
/* Problems, the way through an object, and the values that every kind of policy has. */
#include "kube/walk.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "kube/value.h"

/* ---- problems --------------------------------------------------------------------------- */

bool walk_no_memory(struct walk *w)
{
	w->no_memory = true;
	return false;
}

static bool note(struct walk *w, const char *path, const char *text)
{
	return net_policy_problem(w->policy, path, text) < 0 ? walk_no_memory(w) : false;
}

__attribute__((format(printf, 2, 3))) bool walk_problem(struct walk *w, const char *fmt, ...)
{
	char text[256];
	va_list ap;

	if (w->policy->problems.n == DECODE_PROBLEMS_MAX)
		return false;
	if (w->policy->problems.n == DECODE_PROBLEMS_MAX - 1)
		return note(w, "spec", "has more problems than are listed");
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return note(w, w->path, text);
}

bool walk_wrong_type(struct walk *w, struct json_object *o, const char *wanted)
{
	return walk_problem(w, "is %s, not %s", value_type(o), wanted);
}

/* ---- walking ---------------------------------------------------------------------------- */

__attribute__((format(printf, 2, 3))) size_t walk_enter(struct walk *w, const char *fmt, ...)
{
	const size_t was = w->len;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(w->path + was, sizeof(w->path) - was, fmt, ap);
	va_end(ap);
	if (n > 0 && (size_t)n < sizeof(w->path) - was)
		w->len += (size_t)n;
	return was;
}

void walk_leave(struct walk *w, size_t was)
{
	w->len = was;
	w->path[was] = '\0';
}

bool walk_field(struct walk *w, struct json_object *o, const char *name, walk_step step, void *into)
{
	struct json_object *value = value_get(o, name);
	size_t was;
	bool ok;

	if (!value)
		return true;
	was = walk_enter(w, ".%s", name);
	ok = step(w, value, into);
	walk_leave(w, was);
	return ok;
}

bool walk_wrong_field(struct walk *w, const char *name, const char *wrong)
{
	const size_t was = walk_enter(w, ".%s", name);

	(void)walk_problem(w, "%s", wrong);
	walk_leave(w, was);
	return false;
}

bool walk_required(struct walk *w, struct json_object *o, const char *name, walk_step step, void *into)
{
	return value_get(o, name) ? walk_field(w, o, name, step, into)
				  : walk_wrong_field(w, name, "is missing");
}

bool walk_items(struct walk *w, struct json_object *list, walk_step step, void *into)
{
	bool ok = true;
	size_t i;

	for (i = 0; i < value_length(list) && !w->no_memory; i++) {
		const size_t was = walk_enter(w, "[%zu]", i);

		ok &= step(w, value_at(list, i), into);
		walk_leave(w, was);
	}
	return ok;
}

bool walk_is_list(struct walk *w, struct json_object *o, size_t max)
{
	if (!json_object_is_type(o, json_type_array))
		return walk_wrong_type(w, o, "a list");
	if (value_length(o) > max)
		return walk_problem(w, "has %zu items, more than %zu", value_length(o), max);
	return true;
}

bool walk_is_object(struct walk *w, struct json_object *o)
{
	return json_object_is_type(o, json_type_object) ? true : walk_wrong_type(w, o, "an object");
}

static bool is_known(const char *key, const char *const *known)
{
	for (; *known; known++)
		if (!strcmp(key, *known))
			return true;
	return false;
}

bool walk_has_only(struct walk *w, struct json_object *o, const char *const *known)
{
	bool ok = walk_is_object(w, o);
	char clip[VALUE_CLIP];

	if (!ok)
		return false;
	json_object_object_foreach(o, key, value) {
		(void)value;
		if (!is_known(key, known))
			ok = walk_wrong_field(w, value_clip(key, clip), "is not a known field");
	}
	return ok;
}

bool walk_has_one(struct walk *w, struct json_object *o, const char *const *names, const char *wrong)
{
	size_t n = 0;

	for (; *names; names++)
		n += value_get(o, *names) != NULL;
	return n == 1 ? true : walk_problem(w, "%s", wrong);
}

/* ---- values ------------------------------------------------------------------------------ */

bool walk_integer(struct walk *w, struct json_object *o, int min, int max, uint16_t *ret)
{
	int64_t number;

	if (!value_integer(o, &number))
		return walk_wrong_type(w, o, "a whole number");
	if (number < min || number > max)
		return walk_problem(w, "%lld is not in %d to %d", (long long)number, min, max);
	*ret = (uint16_t)number;
	return true;
}

bool walk_choice(struct walk *w, struct json_object *o, const char *const *names, const char *none,
		 size_t *ret)
{
	const char *text = value_text(o);
	char clip[VALUE_CLIP];
	size_t i;

	if (!text)
		return walk_wrong_type(w, o, "a text");
	for (i = 0; names[i]; i++) {
		if (!strcmp(text, names[i])) {
			*ret = i;
			return true;
		}
	}
	return walk_problem(w, "'%s' is %s", value_clip(text, clip), none);
}

bool walk_port(struct walk *w, struct json_object *o, void *into)
{
	return walk_integer(w, o, 1, UINT16_MAX, into);
}

bool walk_cidr(struct walk *w, struct json_object *o, void *into)
{
	const char *text = value_text(o);
	char clip[VALUE_CLIP];

	if (!text)
		return walk_wrong_type(w, o, "a text");
	if (cidr_parse(text, into) < 0)
		return walk_problem(w, "'%s' is not a CIDR block", value_clip(text, clip));
	return true;
}

/* ---- policyTypes ----------------------------------------------------------------------- */

static bool decode_type(struct walk *w, struct json_object *o, void *into)
{
	const char *text = value_text(o);
	bool *isolates = into;
	char clip[VALUE_CLIP];

	if (!text)
		return walk_wrong_type(w, o, "a text");
	if (!strcmp(text, "Ingress"))
		isolates[DIR_INGRESS] = true;
	else if (!strcmp(text, "Egress"))
		isolates[DIR_EGRESS] = true;
	else
		return walk_problem(w, "'%s' is neither Ingress nor Egress", value_clip(text, clip));
	return true;
}

bool walk_policy_types(struct walk *w, struct json_object *o, void *into)
{
	return walk_is_list(w, o, DECODE_ITEMS_MAX) && walk_items(w, o, decode_type, into);
}

/* ---- rules ------------------------------------------------------------------------------ */

const char *const walk_section[DIR_MAX] = { "ingress", "egress" };
const char *const walk_peers[DIR_MAX] = { "from", "to" };

bool walk_add_peer(struct walk *w, struct rule *rule, struct peer *take)
{
	struct peer *slot = vec_add(&rule->peers);

	if (!slot) {
		peer_done(take);
		return walk_no_memory(w);
	}
	*slot = *take;
	return true;
}

bool walk_add_port(struct walk *w, struct rule *rule, const struct port_range *p)
{
	struct port_range *slot = vec_add(&rule->ports);

	if (!slot)
		return walk_no_memory(w);
	*slot = *p;
	return true;
}

void walk_distrust(struct net_policy *p)
{
	size_t dir, i;

	for (dir = 0; dir < DIR_MAX; dir++)
		for (i = 0; i < p->rules[dir].n; i++)
			p->rules[dir].v[i].unknown = true;
}

/* ---- the whole -------------------------------------------------------------------------- */

/* Which one of its name it is, and how often it has changed. */
static int decode_version(struct json_object *o, struct net_policy *p)
{
	int64_t generation = 0;

	(void)value_integer(value_get(value_get(o, "metadata"), "generation"), &generation);
	p->generation = generation > 0 ? (uint64_t)generation : 0;
	return decode_uid(o, &p->uid);
}

int walk_policy(struct json_object *o, const struct object_id *id,
		void (*spec)(struct walk *w, struct json_object *o), struct net_policy **ret)
{
	struct walk w = { .policy = net_policy_new(object_policy_kind(id->kind), id->ns, id->name),
			  .path = "spec",
			  .len = 4 };

	if (!w.policy)
		return -ENOMEM;
	spec(&w, value_get(o, "spec"));
	if (decode_version(o, w.policy) < 0 || w.no_memory) {
		net_policy_free(w.policy);
		return -ENOMEM;
	}
	*ret = w.policy;
	return 0;
}
