/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tables from those before, where pods came, changed or went, or interfaces or Services did. Whose addresses
 * are whose is known then but for those of the pods, and most often all that follows is that these have other
 * classes. So not for
 *
 * - a pod that or whose namespace is not known, or in part alone, and an interface of such a one;
 * - the first interface of a policy set, or the last, and one with host ports (endpoint_patch.c);
 * - an address that somebody else claims as well, before or after;
 * - an address that is in a peer set not by a pod's labels (entities.c), and whatever makes such a set;
 * - a name of a port that means a number which it did not mean for any pod.
 *
 * Rows are made again, all of them (remake.c), where a class comes that nobody had, or nobody has one any
 * more. Of Services those that changed are looked at, and whom a pod that moved is behind (service_patch.c);
 * but all of them where policy sets mind Services and nodes changed, a pod has or had the address of one, or
 * this node forwards other ports.
 *
 * Cost: O(peer sets) for each pod, and copies of the claims and the locations.
 */
#include "policy/kept.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policy/order.h"
#include "util/share.h"

struct patch {
	struct kept *k;
	const struct model *m;
	const struct model_changes *c;
	struct claim_changes claims;
	move_vec moves; /* of pods, then of Services */
	bool services;	/* all of them are to be found out again */
	bool remake;	/* rows follow */
	bool endpoints; /* others than before */
};

/* ---- their addresses ------------------------------------------------------------------------ */

typedef int walk_fn(struct patch *p, const struct addr *a, bool was, const struct kept_claim *come);

/* Calls @each for every address, whether it was claimed and how it is, in order; as long as that returns 1.
 */
static int walk(struct patch *p, walk_fn *each)
{
	const struct claim_changes *c = &p->claims;
	size_t i = 0, k = 0;
	int r = 1;

	while (r > 0 && (i < c->gone.n || k < c->come.n)) {
		const struct addr *was = i < c->gone.n ? &c->gone.v[i] : NULL;
		const struct kept_claim *is = k < c->come.n ? &c->come.v[k] : NULL;
		const int order = !was ? 1 : !is ? -1 : addr_cmp(was, &is->addr);

		r = each(p, order <= 0 ? was : &is->addr, order <= 0, order >= 0 ? is : NULL);
		i += order <= 0;
		k += order >= 0;
	}
	return r;
}

/* Whether its claim is the only one, before and after; and what it is to Services. */
static int judge(struct patch *p, const struct addr *a, bool was, const struct kept_claim *come)
{
	const struct kept *k = p->k;

	if (vec_find(&k->shared, a, addr_cmp) || was != (vec_find(&k->sole, a, addr_cmp) != NULL) ||
	    vec_find(&k->extras, a, addr_cmp))
		return 0;
	p->services |= was != (come != NULL) && vec_find(&k->vips, a, addr_cmp);
	return 1;
}

static int move(struct patch *p, const struct addr *a, bool was, const struct kept_claim *come)
{
	const struct table_location *at = tables_location(p->k->t, a);
	const uint32_t class = come ? come->class : KEPT_NONE;
	struct kept_move *m;

	(void)was;
	if (at && p->k->b.classes.v[at->class].is_service)
		at = NULL; /* the Service's, till now */
	if ((at ? at->class : KEPT_NONE) == class)
		return 1;
	m = vec_add(&p->moves);
	if (!m)
		return -ENOMEM;
	*m = (struct kept_move){ .addr = *a, .class = class };
	if (at)
		p->k->locations.v[at->class]--;
	if (class != KEPT_NONE)
		p->k->locations.v[class]++;
	return 1;
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

#define COPY_VEC(from, to)                                                                                   \
	({                                                                                                   \
		(to)->v = (from)->v;                                                                         \
		(to)->n = (from)->n;                                                                         \
		(to)->size = (from)->size;                                                                   \
	})

static int patch_claims(struct patch *p)
{
	addr_vec come = {};
	size_t i;
	int r = 0;

	for (i = 0; !r && i < p->claims.come.n; i++)
		r = policy_add_addrs(&come, &p->claims.come.v[i].addr, 1);
	r = r ? r : kept_replace(&p->k->sole, &p->claims.gone, &come);
	vec_done(&come);
	return r;
}

/* @from's with what has moved. */
static int patch_locations(const struct tables *from, const move_vec *moves, struct tables *to)
{
	__typeof__(to->locations) new = { .size = from->locations.n + moves->n + 1 };
	size_t i, at = 0;

	new.v = malloc(new.size * sizeof(*new.v));
	if (!new.v)
		return -ENOMEM;
	for (i = 0; i < moves->n; i++) {
		const struct kept_move *m = &moves->v[i];
		const struct table_location key = { .cidr = { .addr = m->addr, .len = 128 } };

		at = COPY_BEFORE(&from->locations, at, &key, policy_location_cmp, &new);
		if (m->class == KEPT_NONE)
			continue;
		/* One by one, as locations.c does. */
		memset(&new.v[new.n], 0, sizeof(*new.v));
		new.v[new.n].cidr = key.cidr;
		new.v[new.n].is_node = m->is_node;
		new.v[new.n++].class = m->class;
	}
	COPY_REST(&from->locations, at, &new);
	vec_done(&to->locations);
	COPY_VEC(&new, &to->locations);
	return 0;
}

static int share_rows(struct tables *from, struct tables *to)
{
	if (share_add(&from->row_sharers) < 0)
		return -ENOMEM;
	to->row_sharers = from->row_sharers;
	COPY_VEC(&from->classes, &to->classes);
	COPY_VEC(&from->rows, &to->rows);
	COPY_VEC(&from->ranges, &to->ranges);
	return 0;
}

static int share_others(struct tables *from, struct tables *to)
{
	if (share_add(&from->sharers) < 0)
		return -ENOMEM;
	to->sharers = from->sharers;
	COPY_VEC(&from->rules, &to->rules);
	COPY_VEC(&from->sets, &to->sets);
	COPY_VEC(&from->contested, &to->contested);
	return 0;
}

/* Rows, too, where there are other classes than before. */
static int settle(struct patch *p, struct tables *t)
{
	if (kept_classes_stay(p->k))
		return 0;
	p->remake = true;
	return kept_settle(p->k, false, t);
}

static int patch_services(struct patch *p, struct tables *t)
{
	move_vec moves = {};
	struct kept_move *slot;
	size_t i;
	int r = policy_patch_services(p->k, p->c, &p->moves, t, &moves);

	p->services = !r;
	if (r > 0)
		r = moves.n ? patch_locations(t, &moves, t) : 0;
	for (i = 0; !r && i < moves.n; i++) {
		slot = vec_add(&p->moves);
		if (slot)
			*slot = moves.v[i];
		else
			r = -ENOMEM;
	}
	vec_done(&moves);
	return r;
}

static int remake_services(struct patch *p, struct tables *t)
{
	const int r = kept_settle(p->k, true, t);

	vec_clear(&t->node_ports);
	return r ? r : policy_remake(p->k, true, t);
}

static int cidr_order(const void *a, const void *b)
{
	return cidr_cmp(a, b);
}

/* A pod may have had an address that is a Service's now. */
static int tell_moved(const struct patch *p, struct tables *t)
{
	struct cidr *slot;
	size_t i, kept = 0;

	for (i = 0; i < p->moves.n; i++) {
		slot = vec_add(&t->moved);
		if (!slot)
			return -ENOMEM;
		*slot = (struct cidr){ .addr = p->moves.v[i].addr, .len = 128 };
	}
	vec_sort(&t->moved, cidr_order);
	for (i = 0; i < t->moved.n; i++)
		if (!kept || cidr_cmp(&t->moved.v[kept - 1], &t->moved.v[i]))
			t->moved.v[kept++] = t->moved.v[i];
	t->moved.n = kept;
	t->from = p->k->t->run;
	return 0;
}

/* What interest.c knows of Services is that of before. */
static int finish(struct patch *p, struct tables *t)
{
	if (p->services)
		return remake_services(p, t);
	if (p->remake)
		return policy_remake(p->k, false, t);
	if (!p->c->services.n && !p->endpoints && tell_moved(p, t) < 0)
		return -ENOMEM;
	return share_rows(p->k->t, t);
}

/* Where the interfaces are others, so is whose they are (interest.c). */
static int patch_endpoints(struct patch *p, struct tables *t)
{
	const int r = policy_patch_endpoints(p->k, &p->claims, t);
	const struct tables *before = p->k->t;

	p->endpoints = p->c->endpoints.n || t->endpoints.n != before->endpoints.n ||
		       (t->endpoints.n && memcmp(t->endpoints.v, before->endpoints.v,
						 t->endpoints.n * sizeof(*t->endpoints.v)));
	return r;
}

static int patch_others(struct patch *p, struct tables *t)
{
	int r = patch_locations(p->k->t, &p->moves, t);

	if (!r)
		r = patch_claims(p);
	if (!r && !p->services)
		r = settle(p, t);
	if (!r && !p->services)
		r = patch_services(p, t);
	if (!r && !p->services)
		r = settle(p, t);
	return r ? r : finish(p, t);
}

/* Return: 1, 0 not for a patch, -ENOMEM. */
static int fill_tables(struct patch *p, struct tables *t)
{
	int r = share_others(p->k->t, t) < 0 ? -ENOMEM : patch_endpoints(p, t);

	if (r > 0)
		r = walk(p, move);
	if (r > 0)
		r = patch_others(p, t) < 0 ? -ENOMEM : 1;
	return r;
}

static int make_tables(struct patch *p, struct tables **ret)
{
	struct tables *t = calloc(1, sizeof(*t));
	const int r = t ? fill_tables(p, t) : -ENOMEM;

	if (r <= 0) {
		tables_free(t);
		return r;
	}
	tables_free(p->k->t);
	p->k->t = tables_hold(t);
	*ret = t;
	return 1;
}

/* ---- whether it can be ---------------------------------------------------------------------- */

/* Some peer is who is behind that Service. */
static bool is_peer(const struct kept *k, const char *ns, const char *name)
{
	const struct peer *p;
	size_t i;

	for (i = 0; i < k->b.peer_sets.n; i++) {
		p = k->b.peer_sets.v[i].peer;
		if (p && p->kind == PEER_SERVICE && !strcmp(p->service, name) && !strcmp(p->service_ns, ns))
			return true;
	}
	return false;
}

static bool peers_change(const struct kept *k, const change_vec *slices)
{
	const struct endpoint_slice *now;
	size_t i;

	for (i = 0; k->of_slices && i < slices->n; i++) {
		now = model_slice(k->b.model, slices->v[i].ns, slices->v[i].name);
		if ((now && is_peer(k, now->ns, now->service)) ||
		    (slices->v[i].service && is_peer(k, slices->v[i].ns, slices->v[i].service)))
			return true;
	}
	return false;
}

/* Whether what is kept is of no use any more, whatever the pods do. */
static bool is_over(const struct kept *k, const struct model_changes *c)
{
	const struct model *m = k->b.model;

	if (m->audit != k->audit || m->now < k->now || (k->expires && m->now >= k->expires))
		return true;
	return (c->nodes && k->of_nodes) || (c->services.n && k->of_services) || peers_change(k, &c->slices);
}

int policy_patch(struct kept *k, const struct model_changes *c, struct tables **ret)
{
	struct patch p = { .k = k, .m = k->b.model, .c = c, .services = k->services && c->nodes };
	int r = is_over(k, c) ? 0 : policy_claim_changes(k, c, &p.claims);

	if (r > 0)
		r = walk(&p, judge);
	if (r > 0)
		r = make_tables(&p, ret);
	claim_changes_done(&p.claims);
	vec_done(&p.moves);
	return r;
}
