/* SPDX-License-Identifier: Apache-2.0 */
/* Noting what changes. Where there is no memory for it, all has changed. */
#include "model/changes.h"

#include <stdlib.h>
#include <string.h>

#include "model/model.h"
#include "util/intern.h"

static void change_done(struct pod_change *p)
{
	intern_drop(p->ns);
	free(p->name);
	vec_done(&p->addrs);
}

void changes_clear(struct model_changes *c)
{
	size_t i;

	for (i = 0; i < c->pods.n; i++)
		change_done(&c->pods.v[i]);
	vec_done(&c->pods);
	c->all = c->services = c->slices = c->nodes = false;
}

void changes_all(struct model_changes *c)
{
	if (!c)
		return;
	changes_clear(c);
	c->all = true;
}

void changes_services(struct model_changes *c)
{
	if (c)
		c->services = true;
}

void changes_slices(struct model_changes *c)
{
	if (c)
		c->slices = true;
}

void changes_nodes(struct model_changes *c)
{
	if (c)
		c->nodes = true;
}

static bool copy_addrs(const struct pod *was, struct pod_change *ret)
{
	struct addr *slot;
	size_t i;

	for (i = 0; i < was->addrs.n; i++) {
		slot = vec_add(&ret->addrs);
		if (!slot)
			return false;
		*slot = was->addrs.v[i];
	}
	ret->host_network = was->host_network;
	ret->ended = was->ended;
	return true;
}

static int change_cmp(const struct pod_change *c, const char *ns, const char *name)
{
	const int r = strcmp(c->ns, ns);

	return r ? r : strcmp(c->name, name);
}

/* Where it is, or would be. */
static size_t place(const struct model_changes *c, const char *ns, const char *name)
{
	size_t lo = 0, hi = c->pods.n;

	while (lo < hi) {
		const size_t mid = lo + (hi - lo) / 2;

		if (change_cmp(&c->pods.v[mid], ns, name) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

void changes_pod(struct model_changes *c, const char *ns, const char *name, const struct pod *was)
{
	const size_t at = c && !c->all ? place(c, ns, name) : 0;
	struct pod_change new;

	if (!c || c->all || (at < c->pods.n && !change_cmp(&c->pods.v[at], ns, name)))
		return;
	new = (struct pod_change){ .ns = intern_text(ns), .name = strdup(name) };
	if (!new.ns || !new.name || (was && !copy_addrs(was, &new)) || c->pods.n == CHANGES_MAX ||
	    !vec_add(&c->pods)) {
		change_done(&new);
		changes_all(c);
		return;
	}
	memmove(c->pods.v + at + 1, c->pods.v + at, (c->pods.n - 1 - at) * sizeof(*c->pods.v));
	c->pods.v[at] = new;
}
