/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Interfaces of this node, where some came, changed or went, or their pods did. Only where each is subject to
 * a policy set that the last result has, and each of these sets still has somebody: then sets, rules and peer
 * sets stay as they are.
 */
#include <errno.h>
#include <stdlib.h>

#include "policy/kept.h"
#include "policy/order.h"
#include "util/scope.h"

static bool is_among(const struct claim_changes *c, const struct hash128 *key)
{
	size_t i;

	for (i = 0; i < c->were.n; i++)
		if (!hash128_cmp(&c->were.v[i], key))
			return true;
	return false;
}

static int add(struct tables *t, const struct table_endpoint *e)
{
	struct table_endpoint *slot = vec_add(&t->endpoints);

	if (!slot)
		return -ENOMEM;
	*slot = *e;
	return 0;
}

/* Those of the last result that stay as they are. Return, of this and what follows: 1, 0 not for a patch,
 * -ENOMEM. */
static int keep_others(const struct tables *from, const struct claim_changes *c, struct tables *to)
{
	size_t i;
	int r = 0;

	for (i = 0; !r && i < from->endpoints.n; i++)
		if (!is_among(c, &from->endpoints.v[i].key))
			r = add(to, &from->endpoints.v[i]);
	if (r < 0)
		return r;
	return from->endpoints.n - to->endpoints.n == c->were.n; /* else another one has its interface, too */
}

static int find_set(const struct kept *k, const struct subject *s, int32_t *ret)
{
	const struct table_set key = { .hash = policy_set_hash(&k->b, s) };
	const struct table_set *set = vec_find(&k->t->sets, &key, policy_set_cmp);

	*ret = set ? (int32_t)(set - k->t->sets.v) : -1;
	return set != NULL;
}

static int arrive(const struct kept *k, const struct endpoint *e, struct tables *t)
{
	struct subject s = {};
	int r = policy_subject(&k->b, e, &s);

	if (!r)
		r = s.known ? find_set(k, &s, &s.ep.set) : 1;
	else if (r != -ENOMEM)
		r = 0;
	if (r > 0 && add(t, &s.ep) < 0)
		r = -ENOMEM;
	vec_done(&s.policies);
	return r;
}

static int by_ifindex(const void *a, const void *b)
{
	const struct table_endpoint *x = a, *y = b;

	return policy_order(x->ifindex, y->ifindex);
}

/* Each set has an interface, and each interface is one's. */
static int are_whole(const struct model *m, const struct tables *t)
{
	auto_free bool *used = calloc(t->sets.n + 1, sizeof(*used));
	size_t i, n = 0;

	if (!used)
		return -ENOMEM;
	for (i = 0; i < m->endpoints.n; i++)
		n += m->endpoints.v[i]->ifindex != 0;
	if (n != t->endpoints.n)
		return 0;
	for (i = 0; i < t->endpoints.n; i++) {
		if (i && t->endpoints.v[i].ifindex == t->endpoints.v[i - 1].ifindex)
			return 0;
		if (t->endpoints.v[i].set >= 0)
			used[t->endpoints.v[i].set] = true;
	}
	for (i = 0; i < t->sets.n; i++)
		if (!used[i])
			return 0;
	return 1;
}

/* What stands for the names of its rules is what a pod says that is still subject to it. */
static void say_ports(struct kept *k, const struct tables *t, int32_t set)
{
	const struct endpoint *e;
	size_t i;

	for (i = 0; i < t->endpoints.n; i++) {
		if (t->endpoints.v[i].set != set)
			continue;
		e = model_endpoint(k->b.model, &t->endpoints.v[i].key);
		k->b.set_ports[set] = model_endpoint_pod(k->b.model, e)->ports;
		return;
	}
}

int policy_patch_endpoints(struct kept *k, const struct claim_changes *c, struct tables *t)
{
	const struct tables *from = k->t;
	size_t i;
	int r = keep_others(from, c, t);

	for (i = 0; r > 0 && i < c->are.n; i++)
		r = arrive(k, c->are.v[i], t);
	vec_sort(&t->endpoints, by_ifindex);
	if (r > 0 && c->were.n + c->are.n)
		r = are_whole(k->b.model, t);
	for (i = 0; r > 0 && c->were.n && i < from->endpoints.n; i++)
		if (from->endpoints.v[i].set >= 0 && is_among(c, &from->endpoints.v[i].key))
			say_ports(k, t, from->endpoints.v[i].set);
	return r;
}
