/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The last steps of a compile, of all classes, Services and rows, from what is kept of the ones before them.
 */
#include <errno.h>
#include <stdlib.h>

#include "policy/kept.h"
#include "util/scope.h"

/* The locations as they would be without Services, by the old indexes of classes. */
static void drop_services(const struct kept *k, struct tables *t)
{
	size_t i, kept = 0;

	for (i = 0; i < t->locations.n; i++) {
		const uint32_t class = kept_class(k, &t->locations.v[i]);

		if (class == KEPT_NONE)
			continue;
		t->locations.v[kept] = t->locations.v[i];
		t->locations.v[kept++].class = class;
	}
	t->locations.n = kept;
}

/* What nobody has; @services: those of Services, too, which come anew. @now: by index, what it is now. */
static void drop_classes(struct kept *k, bool services, uint32_t *now)
{
	struct build *b = &k->b;
	size_t i, kept = 0;

	for (i = 0; i < b->classes.n; i++) {
		if (i && (!k->locations.v[i] || (services && b->classes.v[i].is_service)))
			continue;
		b->classes.v[i].was_index = (uint32_t)i;
		b->classes.v[kept++] = b->classes.v[i];
	}
	b->classes.n = kept;
	vec_sort(&b->classes, policy_class_cmp);
	for (i = 0; i < kept; i++)
		now[b->classes.v[i].was_index] = (uint32_t)i;
}

/* As locations.c leaves them, or services.c. */
int kept_settle(struct kept *k, bool services, struct tables *t)
{
	auto_free uint32_t *now = calloc(k->b.classes.n, sizeof(*now));
	int r;

	if (!now)
		return -ENOMEM;
	if (services)
		drop_services(k, t);
	drop_classes(k, services, now);
	r = policy_renumber(&k->b, t, now);
	return r ? r : kept_tidy(k, t);
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

static int make_services(struct kept *k, const struct tables *t)
{
	int r = kept_services(k, t);

	if (!r)
		r = collect_claims(k);
	if (!r)
		r = policy_services(&k->b);
	vec_done(&k->b.pod_addrs);
	return r;
}

int policy_remake(struct kept *k, bool services, struct tables *t)
{
	int r = 0;

	k->b.t = t;
	if (services)
		r = make_services(k, t);
	if (!r)
		r = policy_rows(&k->b);
	k->b.t = NULL;
	return !r && services ? kept_tidy(k, t) : r;
}
