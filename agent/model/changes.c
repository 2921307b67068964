/* SPDX-License-Identifier: Apache-2.0 */
/* Noting what changes. Where there is no memory for it, all has changed. */
#include "model/changes.h"

#include <stdlib.h>
#include <string.h>

#include "model/model.h"
#include "util/intern.h"

static void clear(change_vec *v)
{
	size_t i;

	for (i = 0; i < v->n; i++) {
		intern_drop(v->v[i].ns);
		intern_drop(v->v[i].service);
		free(v->v[i].name);
		vec_done(&v->v[i].addrs);
	}
	vec_done(v);
}

void changes_clear(struct model_changes *c)
{
	clear(&c->pods);
	clear(&c->services);
	clear(&c->slices);
	c->all = c->nodes = false;
}

void changes_all(struct model_changes *c)
{
	if (!c)
		return;
	changes_clear(c);
	c->all = true;
}

void changes_nodes(struct model_changes *c)
{
	if (c)
		c->nodes = true;
}

static int change_cmp(const struct object_change *c, const char *ns, const char *name)
{
	const int r = strcmp(c->ns, ns);

	return r ? r : strcmp(c->name, name);
}

/* Where it is, or would be. */
static size_t place(const change_vec *v, const char *ns, const char *name)
{
	size_t lo = 0, hi = v->n;

	while (lo < hi) {
		const size_t mid = lo + (hi - lo) / 2;

		if (change_cmp(&v->v[mid], ns, name) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* Without what it was. NULL: there is no room. */
static struct object_change *insert(change_vec *v, size_t at, const char *ns, const char *name)
{
	struct object_change *c = v->n < CHANGES_MAX ? vec_add(v) : NULL;

	if (!c)
		return NULL;
	c = &v->v[at];
	memmove(c + 1, c, (v->n - 1 - at) * sizeof(*c));
	*c = (struct object_change){ .ns = intern_text(ns), .name = strdup(name) };
	return c->ns && c->name ? c : NULL;
}

/* NULL: it needs no note, being there, or all have changed. */
static struct object_change *note(struct model_changes *c, change_vec *v, const char *ns, const char *name)
{
	const size_t at = place(v, ns, name);
	struct object_change *new;

	if (c->all || (at < v->n && !change_cmp(&v->v[at], ns, name)))
		return NULL;
	new = insert(v, at, ns, name);
	if (!new)
		changes_all(c);
	return new;
}

static void add_addrs(struct model_changes *c, struct object_change *to, const struct addr *v, size_t n)
{
	struct addr *slot;
	size_t i;

	for (i = 0; i < n && !c->all; i++) {
		slot = vec_add(&to->addrs);
		if (slot)
			*slot = v[i];
		else
			changes_all(c);
	}
}

void changes_pod(struct model_changes *c, const char *ns, const char *name, const struct pod *was)
{
	struct object_change *new = c ? note(c, &c->pods, ns, name) : NULL;

	if (new &&was && !was->host_network && !was->ended)
		add_addrs(c, new, was->addrs.v, was->addrs.n);
}

void changes_service(struct model_changes *c, const char *ns, const char *name, const struct service *was)
{
	struct object_change *new = c ? note(c, &c->services, ns, name) : NULL;

	if (!new || !was)
		return;
	add_addrs(c, new, was->addrs.v, was->addrs.n);
	add_addrs(c, new, was->balancers.v, was->balancers.n);
	add_addrs(c, new, was->externals.v, was->externals.n);
}

void changes_slice(struct model_changes *c, const char *ns, const char *name,
		   const struct endpoint_slice *was)
{
	struct object_change *new = c ? note(c, &c->slices, ns, name) : NULL;

	if (!new || !was)
		return;
	new->service = intern_text(was->service);
	if (new->service)
		add_addrs(c, new, was->addrs.v, was->addrs.n);
	else
		changes_all(c);
}
