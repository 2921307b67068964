/* SPDX-License-Identifier: Apache-2.0 */
/* What is left of a compile of all for the patches that follow: as little as they need. */
#include "policy/kept.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policy/entities.h"
#include "policy/order.h"
#include "policy/services.h"

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

/* Copies to the end of @to the elements of @from that @l names, which becomes that of the copies. */
#define MOVE_LIST(from, l, to)                                                                               \
	({                                                                                                   \
		const struct list old_ = *(l);                                                               \
		uint32_t i_;                                                                                 \
		int r_ = 0;                                                                                  \
		(l)->first = (uint32_t)(to)->n;                                                              \
		for (i_ = 0; !r_ && i_ < old_.n; i_++)                                                       \
			if (vec_add(to))                                                                     \
				(to)->v[(to)->n - 1] = (from)->v[old_.first + i_];                           \
			else                                                                                 \
				r_ = -ENOMEM;                                                                \
		r_;                                                                                          \
	})

#define REPLACE(vec, with)                                                                                   \
	do {                                                                                                 \
		free((vec)->v);                                                                              \
		(vec)->v = (with)->v;                                                                        \
		(vec)->n = (with)->n;                                                                        \
		(vec)->size = (with)->size;                                                                  \
	} while (0)

/* Those of classes alone. */
static int keep_lists(struct build *b)
{
	__typeof__(b->lists) lists = {};
	__typeof__(b->needs) needs = {};
	size_t i;
	int r = 0;

	for (i = 0; !r && i < b->classes.n; i++) {
		r = MOVE_LIST(&b->lists, &b->classes.v[i].peers, &lists);
		if (!r && b->classes.v[i].is_service)
			r = MOVE_LIST(&b->needs, &b->classes.v[i].needs, &needs);
	}
	REPLACE(&b->lists, &lists);
	REPLACE(&b->needs, &needs);
	return r;
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
	vec_clear(&k->nodes);
	for (i = 0; i < t->sets.n; i++)
		k->services |= table_set_minds_services(&t->sets.v[i]);
	if (!k->services)
		return 0;
	for (i = 0; !r && i < m->services.n; i++)
		r = add_vips(k, m->services.v[i]);
	for (i = 0; !r && i < m->slices.n; i++)
		r = policy_add_addrs(&k->backends, m->slices.v[i]->addrs.v, m->slices.v[i]->addrs.n);
	vec_sort(&k->vips, addr_cmp);
	vec_sort(&k->backends, addr_cmp);
	return r ? r : services_nodes(m, &k->nodes);
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

static int count_locations(struct kept *k, const struct tables *t)
{
	uint32_t class, own;
	size_t i;

	vec_clear(&k->locations);
	for (i = 0; i < t->classes.n; i++)
		if (!vec_add(&k->locations))
			return -ENOMEM;
	for (i = 0; i < t->locations.n; i++) {
		class = t->locations.v[i].class;
		own = kept_class(k, &t->locations.v[i]);
		k->locations.v[class] += k->b.classes.v[class].is_service;
		if (own != KEPT_NONE)
			k->locations.v[own]++;
	}
	return 0;
}

int kept_tidy(struct kept *k, const struct tables *t)
{
	const int r = keep_lists(&k->b);

	k->sorted = k->b.classes.n;
	return r ? r : count_locations(k, t);
}

/* ---- from one result to the next ------------------------------------------------------------ */

/* Copies what is below @key, from *@at on. */
static void copy_until(const addr_vec *from, size_t *at, const struct addr *key, addr_vec *to)
{
	size_t lo = *at, hi = from->n;

	while (key && lo < hi) {
		const size_t mid = lo + (hi - lo) / 2;

		if (addr_cmp(&from->v[mid], key) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (hi > *at)
		memcpy(to->v + to->n, from->v + *at, (hi - *at) * sizeof(*to->v));
	to->n += hi - *at;
	*at = hi;
}

/* @to has room for all. */
static void replace(const addr_vec *from, const addr_vec *gone, const addr_vec *come, addr_vec *to)
{
	size_t i = 0, k = 0, at = 0;

	while (i < gone->n || k < come->n) {
		const int order = i == gone->n ? 1 : k == come->n ? -1 : addr_cmp(&gone->v[i], &come->v[k]);

		if (order)
			copy_until(from, &at, order < 0 ? &gone->v[i] : &come->v[k], to);
		if (order < 0)
			at++;
		if (order > 0)
			to->v[to->n++] = come->v[k];
		i += order <= 0;
		k += order >= 0;
	}
	copy_until(from, &at, NULL, to);
}

static bool same(const addr_vec *a, const addr_vec *b)
{
	return a->n == b->n && (!a->n || !memcmp(a->v, b->v, a->n * sizeof(*a->v)));
}

int kept_replace(addr_vec *v, addr_vec *gone, addr_vec *come)
{
	addr_vec to = { .size = v->n + come->n + 1 };

	vec_sort(gone, addr_cmp);
	vec_sort(come, addr_cmp);
	if (same(gone, come))
		return 0;
	to.v = malloc(to.size * sizeof(*to.v));
	if (!to.v)
		return -ENOMEM;
	replace(v, gone, come, &to);
	REPLACE(v, &to);
	return 0;
}

int kept_find_class(struct kept *k, const struct class_use *key, uint32_t *ret)
{
	struct class_use *c =
		k->sorted ? bsearch(key, k->b.classes.v, k->sorted, sizeof(*c), policy_class_cmp) : NULL;
	size_t i;

	for (i = k->sorted; !c && i < k->b.classes.n; i++)
		if (!policy_class_cmp(&k->b.classes.v[i], key))
			c = &k->b.classes.v[i];
	if (!c) {
		c = vec_add(&k->b.classes);
		if (!c || !vec_add(&k->locations))
			return -ENOMEM;
		*c = *key;
	}
	*ret = (uint32_t)(c - k->b.classes.v);
	return 0;
}

/* Class 0 is there for those that have none. */
bool kept_classes_stay(const struct kept *k)
{
	size_t i;

	for (i = 1; i < k->sorted; i++)
		if (!k->locations.v[i])
			return false;
	return k->b.classes.n == k->sorted;
}

/* ---- the whole ------------------------------------------------------------------------------ */

int kept_init(struct kept *k, struct build *b, struct tables *t)
{
	int r;

	k->b = *b;
	*b = (struct build){ .model = b->model };

	k->t = tables_hold(t);
	r = keep_claims(k);
	if (!r)
		r = keep_extras(k);
	if (!r)
		r = kept_services(k, t);
	keep_settings(k, b->model);
	return r ? r : kept_tidy(k, t);
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
	vec_done(&k->nodes);
	vec_done(&k->locations);
	*k = (struct kept){};
}
