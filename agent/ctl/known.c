/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names that flows are chosen by and that no agent knows now: a slip in one of them looks as if nothing were
 * denied, with -f for ever. It may as well be one that has gone, or is to come: so it is said and no more.
 */
#include <string.h>

#include "ctl/ctl.h"
#include "ctl/filter.h"
#include "util/scope.h"

#define NAMES 4 /* --pod, --peer, --namespace, --policy */

struct name {
	const char *kind, *name;
	size_t unknown; /* to so many nodes */
	char near[600];
};

struct known {
	struct name v[NAMES];
	size_t n, nodes;
};

static void add(struct known *k, struct json_object *request, const char *field, const char *kind,
		const char *name)
{
	struct json_object *list = ctl_get(request, field);

	if (!name)
		return;
	if (!list) {
		list = json_object_new_array();
		json_object_object_add(request, field, list);
	}
	(void)json_object_array_add(list, json_object_new_string(name));
	k->v[k->n++] = (struct name){ .kind = kind, .name = name };
}

/* What flows call a node or a Service is none of the names that agents are asked for. */
static const char *pods_name(const struct filter_end *end)
{
	return end->is_block || (end->name && strchr(end->name, ' ')) ? NULL : end->name;
}

static int take(void *ctx, struct json_object *item)
{
	struct known *k = ctx;
	size_t i;

	for (i = 0; i < k->n; i++) {
		struct name *n = &k->v[i];

		if (strcmp(n->kind, ctl_str(item, "kind")) || strcmp(n->name, ctl_str(item, "name")))
			continue;
		n->unknown++;
		if (!*n->near)
			(void)snprintf(n->near, sizeof(n->near), "%s", ctl_str(item, "near"));
	}
	return 0;
}

static void take_node(void *ctx, struct json_object *line)
{
	struct known *k = ctx;

	(void)line;
	k->nodes++;
}

static void say(const struct known *k)
{
	size_t i;

	for (i = 0; i < k->n; i++) {
		const struct name *n = &k->v[i];

		if (k->nodes && n->unknown >= k->nodes)
			ctl_say("no %s '%s' is known now%s%s%s; going on: it may have gone, or be to come",
				n->kind, n->name, *n->near ? " (did you mean '" : "", n->near,
				*n->near ? "'?)" : "");
	}
}

int known_ask(const struct ctl *c, const struct filter *f, struct json_object *silent)
{
	struct json_object *request;
	struct known k = {};
	struct ctl once = *c;
	int code;

	once.follow = false;
	once.pod = NULL;
	once.silent = silent;
	request = ctl_request(&once, "names");
	add(&k, request, "pods", "pod", pods_name(&f->pod));
	add(&k, request, "pods", "pod", pods_name(&f->peer));
	add(&k, request, "namespaces", "namespace", f->namespace);
	add(&k, request, "policies", "policy", f->policy);
	if (!k.n) {
		json_object_put(request);
		return CTL_OK;
	}
	code = ctl_answers(&once, request, take, take_node, &k);
	say(&k);
	return code;
}
