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

static void clear_endpoints(struct model_changes *c)
{
	size_t i;

	for (i = 0; i < c->endpoints.n; i++) {
		free(c->endpoints.v[i].ns);
		free(c->endpoints.v[i].pod);
		vec_done(&c->endpoints.v[i].addrs);
	}
	vec_done(&c->endpoints);
}

void changes_clear(struct model_changes *c)
{
	clear_endpoints(c);
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

/* @to: a VEC(struct addr) of some change. */
static void add_addrs(struct model_changes *c, void *to, const struct addr *v, size_t n)
{
	VEC(struct addr) *addrs = to;
	struct addr *slot;
	size_t i;

	for (i = 0; i < n && !c->all; i++) {
		slot = vec_add(addrs);
		if (slot)
			*slot = v[i];
		else
			changes_all(c);
	}
}

void changes_pod(struct model_changes *c, const char *ns, const char *name, const struct pod *was)
{
	struct object_change *new = c ? note(c, &c->pods, ns, name) : NULL;

	if (!new || !was)
		return;
	new->was_out = was->host_network || was->ended;
	new->had_host_ports = was->host_ports.n;
	if (!new->was_out)
		add_addrs(c, &new->addrs, was->addrs.v, was->addrs.n);
}

/* NULL: likewise. */
static struct endpoint_change *note_endpoint(struct model_changes *c, const struct hash128 *key)
{
	struct endpoint_change *new;
	size_t i;

	if (c->all)
		return NULL;
	for (i = 0; i < c->endpoints.n; i++)
		if (!hash128_cmp(&c->endpoints.v[i].key, key))
			return NULL;
	new = c->endpoints.n < CHANGES_MAX ? vec_add(&c->endpoints) : NULL;
	if (new)
		new->key = *key;
	else
		changes_all(c);
	return new;
}

/* Nobody's, it is for a compile of all. */
void changes_endpoint(struct model_changes *c, const struct hash128 *key, const struct endpoint *was)
{
	struct endpoint_change *new = c ? note_endpoint(c, key) : NULL;

	if (!new || !was)
		return;
	new->ns = was->ns ? strdup(was->ns) : NULL;
	new->pod = was->pod ? strdup(was->pod) : NULL;
	new->had_link = was->ifindex;
	if (new->ns &&new->pod)
		add_addrs(c, &new->addrs, was->addrs.v, was->addrs.n);
	else
		changes_all(c);
}

void changes_service(struct model_changes *c, const char *ns, const char *name, const struct service *was)
{
	struct object_change *new = c ? note(c, &c->services, ns, name) : NULL;

	if (!new || !was)
		return;
	add_addrs(c, &new->addrs, was->addrs.v, was->addrs.n);
	add_addrs(c, &new->addrs, was->balancers.v, was->balancers.n);
	add_addrs(c, &new->addrs, was->externals.v, was->externals.n);
}

void changes_slice(struct model_changes *c, const char *ns, const char *name,
		   const struct endpoint_slice *was)
{
	struct object_change *new = c ? note(c, &c->slices, ns, name) : NULL;

	if (!new || !was)
		return;
	new->service = intern_text(was->service);
	if (new->service)
		add_addrs(c, &new->addrs, was->addrs.v, was->addrs.n);
	else
		changes_all(c);
}
