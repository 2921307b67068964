/* SPDX-License-Identifier: Apache-2.0 */
/* What is left of a compile of all for the patches that follow: as little as they need. */
#include "policy/kept.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int add_addrs(void *vec, const struct addr *v, size_t n)
{
	VEC(struct addr) *to = vec;
	struct addr *slot;
	size_t i;

	for (i = 0; i < n; i++) {
		slot = vec_add(to);
		if (!slot)
			return -ENOMEM;
		*slot = v[i];
	}
	return 0;
}

/* Sorted as they are. */
static int keep_claims(struct kept *k)
{
	const struct pod_addr *v = k->b.pod_addrs.v;
	size_t i;
	int r = 0;

	for (i = 0; !r && i < k->b.pod_addrs.n; i++)
		r = v[i].is_sole ? add_addrs(&k->sole, &v[i].addr, 1) : add_addrs(&k->shared, &v[i].addr, 1);
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
		r = add_addrs(&k->vips, m->services.v[i]->addrs.v, m->services.v[i]->addrs.n);
	for (i = 0; !r && k->services && i < m->slices.n; i++)
		r = add_addrs(&k->backends, m->slices.v[i]->addrs.v, m->slices.v[i]->addrs.n);
	vec_sort(&k->vips, addr_cmp);
	vec_sort(&k->backends, addr_cmp);
	return r;
}

int kept_locations(struct kept *k, const struct tables *t)
{
	size_t i;

	vec_clear(&k->locations);
	for (i = 0; i < t->classes.n; i++)
		if (!vec_add(&k->locations))
			return -ENOMEM;
	for (i = 0; i < t->locations.n; i++)
		k->locations.v[t->locations.v[i].class]++;
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
		r = kept_services(k, t);
	return r ? r : kept_locations(k, t);
}

void kept_done(struct kept *k)
{
	policy_build_done(&k->b);
	tables_free(k->t);
	vec_done(&k->sole);
	vec_done(&k->shared);
	vec_done(&k->vips);
	vec_done(&k->backends);
	vec_done(&k->locations);
	*k = (struct kept){};
}
