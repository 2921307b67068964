/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tables from those before, where pods came, changed or went and all that follows is that addresses have
 * other classes. So not for
 *
 * - a pod that has an interface here, or whose namespace is not known;
 * - an address that somebody else claims as well, before or after;
 * - an address of a Service, or one behind it that gets another class, where a policy set minds Services;
 * - a class that nobody had, or that nobody has any more: their rows come and go with them;
 * - a name of a port that means a number which it did not mean for any pod.
 *
 * What no policy asks for touches nothing and is the quickest of all. Cost: O(peer sets) for each pod, and
 * copies of the addresses and of the locations.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policy/claims.h"
#include "policy/kept.h"
#include "policy/members.h"
#include "policy/order.h"

#define NOWHERE UINT32_MAX /* instead of a class: no exact location */

/* An address that one of the pods claims now. */
struct come {
	struct addr addr;
	uint32_t class;
};

struct move {
	struct addr addr;
	uint32_t class;
};

struct patch {
	struct kept *k;
	const struct model *m;
	VEC(struct addr) gone; /* that the pods claimed; sorted, as the others */
	VEC(struct come) come;
	VEC(struct move) moves;
	struct candidates candidates; /* of `ns` */
	const struct namespace *ns;
};

/* ---- the pods ------------------------------------------------------------------------------- */

/* An interface makes a pod a subject, with its ports, its host ports and its claim. */
static bool is_local(const struct model *m, const struct pod_change *c)
{
	size_t i;

	for (i = 0; i < m->endpoints.n; i++) {
		const struct endpoint *e = m->endpoints.v[i];

		if (e->ns && e->pod && !strcmp(e->pod, c->name) && !strcmp(e->ns, c->ns))
			return true;
	}
	return false;
}

static int leave(struct patch *p, const struct pod_change *c)
{
	struct addr *slot;
	size_t i;

	for (i = 0; i < c->addrs.n && !c->host_network && !c->ended; i++) {
		if (!policy_may_be_claimed(p->m, &c->addrs.v[i]))
			continue;
		slot = vec_add(&p->gone);
		if (!slot)
			return -ENOMEM;
		*slot = c->addrs.v[i];
	}
	return 0;
}

/* The class of an address of a pod in those peer sets. Return, of this and what follows: 1, 0 not for a
 * patch, -ENOMEM. */
static int class_of(struct build *b, const struct tables *t, const struct addr *a, struct list pods,
		    uint32_t *ret)
{
	struct class_use key = {};
	const struct class_use *found;
	struct list all;

	*ret = NOWHERE;
	if (!pods.n)
		return 1;
	if (policy_join_lists(b, pods, b->classes.v[tables_block_class(t, a)].peers, &all) < 0)
		return -ENOMEM;
	key.hash = policy_class_hash(b, b->lists.v + all.first, all.n);
	found = vec_find(&b->classes, &key, policy_class_cmp);
	*ret = found ? (uint32_t)(found - b->classes.v) : NOWHERE;
	return found ? 1 : 0;
}

static int claim(struct patch *p, const struct pod *pod, struct list pods)
{
	struct come *come;
	uint32_t class;
	size_t i;
	int r = 1;

	for (i = 0; r > 0 && i < pod->addrs.n; i++) {
		if (!policy_may_be_claimed(p->m, &pod->addrs.v[i]))
			continue;
		r = class_of(&p->k->b, p->k->t, &pod->addrs.v[i], pods, &class);
		if (r <= 0)
			return r;
		come = vec_add(&p->come);
		if (!come)
			return -ENOMEM;
		*come = (struct come){ .addr = pod->addrs.v[i], .class = class };
	}
	return r;
}

/* Neighbours by name are of one namespace, most of them. */
static int arrive(struct patch *p, const struct pod *pod)
{
	const struct namespace *ns = model_namespace(p->m, pod->ns);
	struct build *b = &p->k->b;
	const size_t lists = b->lists.n;
	struct list list;
	int r;

	if (!ns || policy_name_is_new(b, pod))
		return 0;
	if (ns != p->ns && policy_candidates(b, ns, &p->candidates) < 0)
		return -ENOMEM;
	p->ns = ns;
	r = policy_pod_members(b, pod, &p->candidates, &list);
	r = r < 0 ? r : claim(p, pod, list);
	b->lists.n = lists;
	return r;
}

static int change_pods(struct patch *p, const struct model_changes *c)
{
	const struct pod *pod;
	size_t i;
	int r = 1;

	for (i = 0; r > 0 && i < c->pods.n; i++) {
		if (is_local(p->m, &c->pods.v[i]))
			return 0;
		r = leave(p, &c->pods.v[i]) < 0 ? -ENOMEM : 1;
		pod = model_pod(p->m, c->pods.v[i].ns, c->pods.v[i].name);
		if (r > 0 && pod && !pod_is_out(pod) && pod->addrs.n)
			r = arrive(p, pod);
	}
	return r;
}

/* ---- their addresses ------------------------------------------------------------------------ */

static int come_cmp(const void *a, const void *b)
{
	return addr_cmp(&((const struct come *)a)->addr, &((const struct come *)b)->addr);
}

/* Calls @each for every address, with how it was and is, in order; as long as that returns 1. */
static int walk(struct patch *p,
		int (*each)(struct patch *p, const struct addr *a, bool was, const struct come *come))
{
	size_t i = 0, k = 0;
	int r = 1;

	while (r > 0 && (i < p->gone.n || k < p->come.n)) {
		const struct addr *was = i < p->gone.n ? &p->gone.v[i] : NULL;
		const struct come *is = k < p->come.n ? &p->come.v[k] : NULL;
		const int order = !was ? 1 : !is ? -1 : addr_cmp(was, &is->addr);

		r = each(p, order <= 0 ? was : &is->addr, order <= 0, order >= 0 ? is : NULL);
		i += order <= 0;
		k += order >= 0;
	}
	return r;
}

/* Whether its claim is the only one, before and after; and what a Service makes of it. */
static int judge(struct patch *p, const struct addr *a, bool was, const struct come *come)
{
	const struct kept *k = p->k;
	const bool again = come && come + 1 < p->come.v + p->come.n && !addr_cmp(a, &come[1].addr);

	if (again || vec_find(&k->shared, a, addr_cmp) || (!was && vec_find(&k->sole, a, addr_cmp)))
		return 0;
	return (was && come) || !vec_find(&k->vips, a, addr_cmp);
}

static int move(struct patch *p, const struct addr *a, bool was, const struct come *come)
{
	const struct table_location *at = tables_location(p->k->t, a);
	const uint32_t class = come ? come->class : NOWHERE;
	struct move *m;

	(void)was;
	if ((at ? at->class : NOWHERE) == class)
		return 1;
	if (vec_find(&p->k->backends, a, addr_cmp))
		return 0;
	m = vec_add(&p->moves);
	if (!m)
		return -ENOMEM;
	*m = (struct move){ .addr = *a, .class = class };
	if (at)
		p->k->locations[at->class]--;
	if (class != NOWHERE)
		p->k->locations[class]++;
	return 1;
}

/* Each has somebody before; whether after, too. */
static bool classes_stay(const struct patch *p)
{
	const struct table_location *at;
	size_t i;

	for (i = 0; i < p->moves.n; i++) {
		at = tables_location(p->k->t, &p->moves.v[i].addr);
		if (at && !p->k->locations[at->class])
			return false;
	}
	return true;
}

/* ---- the results ---------------------------------------------------------------------------- */

/* Copies the elements of @from up to where @key is, or would be, leaving it out. Return: where to go on. */
#define COPY_BEFORE(from, at, key, cmp, to)                                                                  \
	({                                                                                                   \
		size_t lo_ = (at), hi_ = (from)->n;                                                          \
		while (lo_ < hi_) {                                                                          \
			const size_t mid_ = lo_ + (hi_ - lo_) / 2;                                           \
			if (cmp(&(from)->v[mid_], key) < 0)                                                  \
				lo_ = mid_ + 1;                                                              \
			else                                                                                 \
				hi_ = mid_;                                                                  \
		}                                                                                            \
		if (lo_ > (at))                                                                              \
			memcpy((to)->v + (to)->n, (from)->v + (at), (lo_ - (at)) * sizeof(*(to)->v));        \
		(to)->n += lo_ - (at);                                                                       \
		lo_ + (lo_ < (from)->n && !cmp(&(from)->v[lo_], key));                                       \
	})

#define COPY_REST(from, at, to)                                                                              \
	do {                                                                                                 \
		if ((from)->n > (at))                                                                        \
			memcpy((to)->v + (to)->n, (from)->v + (at), ((from)->n - (at)) * sizeof(*(to)->v));  \
		(to)->n += (from)->n - (at);                                                                 \
	} while (0)

static int patch_claims(struct patch *p)
{
	__typeof__(p->k->sole) *sole = &p->k->sole, next = {};
	size_t i = 0, k = 0, at = 0;

	if (p->gone.n == p->come.n) /* the same ones, most often */
		while (i < p->gone.n && !addr_cmp(&p->gone.v[i], &p->come.v[i].addr))
			i++;
	if (i == p->gone.n && i == p->come.n)
		return 1;
	next.size = sole->n + p->come.n;
	next.v = malloc((next.size + 1) * sizeof(*next.v));
	if (!next.v)
		return -ENOMEM;
	for (i = 0; i < p->gone.n || k < p->come.n;) {
		const struct come *is = k < p->come.n ? &p->come.v[k] : NULL;
		const int order = i == p->gone.n ? 1 : !is ? -1 : addr_cmp(&p->gone.v[i], &is->addr);
		const struct addr *a = order <= 0 ? &p->gone.v[i] : &is->addr;

		at = COPY_BEFORE(sole, at, a, addr_cmp, &next);
		if (order >= 0)
			next.v[next.n++] = is->addr;
		i += order <= 0;
		k += order >= 0;
	}
	COPY_REST(sole, at, &next);
	vec_done(sole);
	sole->v = next.v;
	sole->n = next.n;
	sole->size = next.size;
	return 1;
}

static int patch_locations(struct patch *p, struct tables *to)
{
	const struct tables *from = p->k->t;
	size_t i, at = 0;

	to->locations.size = from->locations.n + p->moves.n;
	to->locations.v = malloc((to->locations.size + 1) * sizeof(*to->locations.v));
	if (!to->locations.v)
		return -ENOMEM;
	for (i = 0; i < p->moves.n; i++) {
		const struct move *m = &p->moves.v[i];
		const struct table_location key = { .cidr = { .addr = m->addr, .len = 128 } };
		struct cidr *moved = vec_add(&to->moved);

		if (!moved)
			return -ENOMEM;
		*moved = key.cidr;
		at = COPY_BEFORE(&from->locations, at, &key, policy_location_cmp, &to->locations);
		if (m->class == NOWHERE)
			continue;
		/* One by one, as locations.c does. */
		memset(&to->locations.v[to->locations.n], 0, sizeof(*to->locations.v));
		to->locations.v[to->locations.n].cidr = key.cidr;
		to->locations.v[to->locations.n++].class = m->class;
	}
	COPY_REST(&from->locations, at, &to->locations);
	return 1;
}

/* All that they say but for locations. NULL: no memory. */
static struct tables *share(struct tables *from)
{
	struct tables *t = calloc(1, sizeof(*t));

	if (t && !from->sharers)
		from->sharers = calloc(1, sizeof(*from->sharers));
	if (!t || !from->sharers) {
		free(t);
		return NULL;
	}
	*t = *from;
	++*t->sharers;
	t->holders = 0;
	memset(&t->locations, 0, sizeof(t->locations));
	memset(&t->moved, 0, sizeof(t->moved));
	return t;
}

static int make_tables(struct patch *p, struct tables **ret)
{
	struct tables *t = share(p->k->t);
	int r = t ? patch_locations(p, t) : -ENOMEM;

	if (r > 0)
		r = patch_claims(p);
	if (r < 0) {
		tables_free(t);
		return r;
	}
	tables_free(p->k->t);
	p->k->t = tables_hold(t);
	*ret = t;
	return r;
}

int policy_patch(struct kept *k, const struct model_changes *c, struct tables **ret)
{
	struct patch p = { .k = k, .m = k->b.model };
	int r;

	if (c->services && k->services)
		return 0;
	r = change_pods(&p, c);
	vec_sort(&p.gone, addr_cmp);
	vec_sort(&p.come, come_cmp);
	if (r > 0)
		r = walk(&p, judge);
	if (r > 0)
		r = walk(&p, move);
	if (r > 0 && !classes_stay(&p))
		r = 0;
	if (r > 0)
		r = make_tables(&p, ret);
	vec_done(&p.gone);
	vec_done(&p.come);
	vec_done(&p.moves);
	vec_done(&p.candidates);
	return r;
}
