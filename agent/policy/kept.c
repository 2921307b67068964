/* SPDX-License-Identifier: Apache-2.0 */
/* What is left of a compile of all for the patches that follow: as little as they need. */
#include "policy/kept.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policy/entities.h"
#include "policy/order.h"

/* Sorted as they are. */
static int keep_claims(struct kept *k)
{
	const struct pod_addr *v = k->b.pod_addrs.v;
	size_t i;
	int r = 0;

	for (i = 0; !r && i < k->b.pod_addrs.n; i++)
		r = v[i].is_sole ? policy_add_addrs(&k->sole, &v[i].addr, 1)
				 : policy_add_addrs(&k->shared, &v[i].addr, 1);
	vec_trim(&k->sole);
	vec_done(&k->b.pod_addrs);
	return r;
}

/* Those of classes. */
int kept_lists(struct kept *k)
{
	struct build *b = &k->b;
	__typeof__(b->lists) lists = {};
	uint32_t *slot, j;
	size_t i;

	for (i = 0; i < b->classes.n; i++) {
		struct list *list = &b->classes.v[i].peers;
		const uint32_t first = list->first;

		list->first = (uint32_t)lists.n;
		for (j = 0; j < list->n; j++) {
			slot = vec_add(&lists);
			if (!slot) {
				vec_done(&lists);
				return -ENOMEM;
			}
			*slot = b->lists.v[first + j];
		}
	}
	vec_done(&b->lists);
	b->lists.v = lists.v;
	b->lists.n = lists.n;
	b->lists.size = lists.size;
	return 0;
}

static int add_vips(struct kept *k, const struct service *s)
{
	int r = policy_add_addrs(&k->vips, s->addrs.v, s->addrs.n);

	if (!r)
		r = policy_add_addrs(&k->vips, s->balancers.v, s->balancers.n);
	return r ? r : policy_add_addrs(&k->vips, s->externals.v, s->externals.n);
}

int kept_services(struct kept *k, const struct tables *t)
{
	const struct model *m = k->b.model;
	size_t i;
	int r = 0;

	vec_clear(&k->vips);
	vec_clear(&k->backends);
	for (i = 0; i < t->sets.n; i++)
		k->services |= table_set_minds_services(&t->sets.v[i]);
	for (i = 0; !r && k->services && i < m->services.n; i++)
		r = add_vips(k, m->services.v[i]);
	for (i = 0; !r && k->services && i < m->slices.n; i++)
		r = policy_add_addrs(&k->backends, m->slices.v[i]->addrs.v, m->slices.v[i]->addrs.n);
	vec_sort(&k->vips, addr_cmp);
	vec_sort(&k->backends, addr_cmp);
	return r;
}

/* Peer sets that are no pods' by their labels. */
static int keep_extras(struct kept *k)
{
	const struct build *b = &k->b;
	extra_vec extras = {};
	int r = policy_extras(b, &extras);
	size_t i;

	for (i = 0; i < b->peer_sets.n; i++) {
		k->of_slices |= peer_set_is(&b->peer_sets.v[i], PEER_SERVICE);
		k->of_nodes |= peer_set_is(&b->peer_sets.v[i], PEER_HOST) || i == b->cluster || i == b->world;
		k->of_services |= i == b->cluster;
	}
	for (i = 0; !r && i < extras.n; i++)
		r = policy_add_addrs(&k->extras, &extras.v[i].addr, 1);
	vec_done(&extras);
	return r;
}

/* What a model is compiled by beside its objects. */
static void keep_settings(struct kept *k, const struct model *m)
{
	size_t i;

	k->audit = m->audit;
	k->now = m->now;
	for (i = 0; i < m->policies.n; i++) {
		const int64_t at = m->policies.v[i]->expires;

		if (at > m->now && (!k->expires || at < k->expires))
			k->expires = at;
	}
}

uint32_t kept_class(const struct kept *k, const struct table_location *l)
{
	const struct class_use *c = &k->b.classes.v[l->class];

	if (!c->is_service)
		return l->class;
	return l->is_node || vec_find(&k->extras, &l->cidr.addr, addr_cmp) ? c->block : KEPT_NONE;
}

int kept_locations(struct kept *k, const struct tables *t)
{
	uint32_t class;
	size_t i;

	vec_clear(&k->locations);
	for (i = 0; i < t->classes.n; i++)
		if (!vec_add(&k->locations))
			return -ENOMEM;
	for (i = 0; i < t->locations.n; i++) {
		class = kept_class(k, &t->locations.v[i]);
		if (class != KEPT_NONE)
			k->locations.v[class]++;
	}
	return 0;
}

int kept_init(struct kept *k, struct build *b, struct tables *t)
{
	int r;

	k->b = *b;
	*b = (struct build){ .model = b->model };

	k->t = tables_hold(t);
	r = keep_claims(k);
	if (!r)
		r = kept_lists(k);
	if (!r)
		r = keep_extras(k);
	if (!r)
		r = kept_services(k, t);
	keep_settings(k, b->model);
	return r ? r : kept_locations(k, t);
}

void kept_done(struct kept *k)
{
	policy_build_done(&k->b);
	tables_free(k->t);
	vec_done(&k->sole);
	vec_done(&k->shared);
	vec_done(&k->extras);
	vec_done(&k->vips);
	vec_done(&k->backends);
	vec_done(&k->locations);
	*k = (struct kept){};
}
