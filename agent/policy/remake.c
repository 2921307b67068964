/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The last steps of a compile, of all classes, Services and rows, from what is kept of the ones before them.
 */
#include <errno.h>
#include <stdlib.h>

#include "policy/kept.h"
#include "util/scope.h"

#define GONE UINT32_MAX

/* Leaves out those of Services, which come anew, and those that nobody has. @now: by index, what it is now.
 */
static void drop_classes(struct kept *k, uint32_t *now)
{
	struct build *b = &k->b;
	size_t i, kept = 0;

	for (i = 0; i < b->classes.n; i++) {
		now[i] = GONE;
		if (i && (b->classes.v[i].is_service || !k->locations.v[i]))
			continue;
		b->classes.v[i].was_index = (uint32_t)i;
		b->classes.v[kept++] = b->classes.v[i];
	}
	b->classes.n = kept;
	vec_sort(&b->classes, policy_class_cmp);
	for (i = 0; i < kept; i++)
		now[b->classes.v[i].was_index] = (uint32_t)i;
}

/* As locations.c leaves them. */
static int settle_classes(struct kept *k, struct tables *t)
{
	auto_free uint32_t *now = calloc(k->b.classes.n, sizeof(*now));
	struct table_class *c;
	size_t i, kept = 0;

	if (!now)
		return -ENOMEM;
	drop_classes(k, now);
	for (i = 0; i < t->locations.n; i++) {
		if (now[t->locations.v[i].class] == GONE)
			continue;
		t->locations.v[kept] = t->locations.v[i];
		t->locations.v[kept++].class = now[t->locations.v[i].class];
	}
	t->locations.n = kept;
	for (i = 0; i < k->b.classes.n; i++) {
		c = vec_add(&t->classes);
		if (!c)
			return -ENOMEM;
		c->hash = k->b.classes.v[i].hash;
	}
	return 0;
}

/* Of the claimed addresses those that a Service has, too: nobody asks for others any more. */
static int collect_claims(struct kept *k)
{
	struct pod_addr *slot;
	size_t i;

	for (i = 0; i < k->vips.n; i++) {
		const struct addr *a = &k->vips.v[i];

		if (!vec_find(&k->sole, a, addr_cmp) && !vec_find(&k->shared, a, addr_cmp))
			continue;
		slot = vec_add(&k->b.pod_addrs);
		if (!slot)
			return -ENOMEM;
		slot->addr = *a;
	}
	return 0;
}

static int run_steps(struct build *b, struct tables *t)
{
	int r;

	b->t = t;
	r = policy_services(b);
	if (!r)
		r = policy_rows(b);
	b->t = NULL;
	vec_done(&b->pod_addrs);
	vec_done(&b->needs);
	return r;
}

int policy_remake(struct kept *k, bool services, struct tables *t)
{
	int r = settle_classes(k, t);

	if (!r && services)
		r = kept_services(k, t);
	if (!r)
		r = collect_claims(k);
	if (!r)
		r = run_steps(&k->b, t);
	if (!r)
		r = kept_lists(k);
	return r ? r : kept_locations(k, t);
}
