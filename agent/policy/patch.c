/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tables from those before, where pods came, changed or went, or Services did. Whose addresses are whose is
 * known then but for those of the pods, and most often all that follows is that these have other classes. So
 * not for
 *
 * - a pod that has an interface here, or whose namespace is not known;
 * - an address that somebody else claims as well, before or after;
 * - an address that is in a peer set not by a pod's labels (entities.c), and whatever makes such a set;
 * - a name of a port that means a number which it did not mean for any pod.
 *
 * Rows are made again, all of them (remake.c), where
 *
 * - a class comes that nobody had, or nobody has one any more;
 * - policy sets mind Services, and these changed, or whose addresses they have, or who is behind them.
 *
 * Cost: O(peer sets) for each pod, and copies of the claims and the locations.
 */
#include "policy/kept.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policy/claims.h"
#include "policy/members.h"
#include "policy/order.h"
#include "util/share.h"

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
	bool services;		      /* are to be found out again, too */
	bool ports;		      /* of the node that lead elsewhere, are: some Service changed */
	bool claims;		      /* there are others than before */
	bool remake;		      /* rows follow */
	struct candidates candidates; /* of `ns` */
	const struct namespace *ns;
	VEC(struct addr) sole; /* kept.sole to be, of what was before `at` */
	size_t at;
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

/* The class of that name, which is a new one if it is not there. */
static int find_class(struct kept *k, const struct class_use *key, uint32_t *ret)
{
	const size_t sorted = k->t->classes.n;
	struct class_use *c = bsearch(key, k->b.classes.v, sorted, sizeof(*c), policy_class_cmp);
	size_t i;

	for (i = sorted; !c && i < k->b.classes.n; i++)
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

/* The class of an address of a pod in those peer sets. */
static int class_of(struct kept *k, const struct addr *a, struct list pods, uint32_t *ret)
{
	const uint32_t block = tables_block_class(k->t, a);
	struct class_use key = {};
	struct build *b = &k->b;

	*ret = NOWHERE;
	if (!pods.n)
		return 0;
	if (policy_exact_peers(b, pods, b->classes.v[block].peers, &key.peers) < 0)
		return -ENOMEM;
	key.hash = policy_class_hash(b, b->lists.v + key.peers.first, key.peers.n);
	return find_class(k, &key, ret);
}

static int claim(struct patch *p, const struct pod *pod, struct list pods)
{
	struct come *come;
	size_t i;

	for (i = 0; i < pod->addrs.n; i++) {
		if (!policy_may_be_claimed(p->m, &pod->addrs.v[i]))
			continue;
		come = vec_add(&p->come);
		if (!come || class_of(p->k, &pod->addrs.v[i], pods, &come->class) < 0)
			return -ENOMEM;
		come->addr = pod->addrs.v[i];
	}
	return 1;
}

/* Neighbours by name are of one namespace, most of them. Return, of this and what follows: 1, 0 not for a
 * patch, -ENOMEM. */
static int arrive(struct patch *p, const struct pod *pod)
{
	const struct namespace *ns = model_namespace(p->m, pod->ns);
	struct build *b = &p->k->b;
	const size_t lists = b->lists.n, classes = b->classes.n;
	struct list list;
	int r;

	if (!ns || policy_name_is_new(b, pod))
		return 0;
	if (ns != p->ns && policy_candidates(b, ns, &p->candidates) < 0)
		return -ENOMEM;
	p->ns = ns;
	r = policy_pod_members(b, pod, &p->candidates, &list);
	r = r < 0 ? r : claim(p, pod, list);
	if (b->classes.n == classes) /* else one has its list there */
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

typedef int walk_fn(struct patch *p, const struct addr *a, bool was, const struct come *come);

/* Calls @each for every address, whether it was claimed and how it is, in order; as long as that returns 1.
 */
static int walk(struct patch *p, walk_fn *each)
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

/* Whether its claim is the only one, before and after; and what it is to Services. */
static int judge(struct patch *p, const struct addr *a, bool was, const struct come *come)
{
	const struct kept *k = p->k;
	const bool again = come && come + 1 < p->come.v + p->come.n && !addr_cmp(a, &come[1].addr);

	if (again || vec_find(&k->shared, a, addr_cmp) || (!was && vec_find(&k->sole, a, addr_cmp)) ||
	    vec_find(&k->extras, a, addr_cmp))
		return 0;
	if (was && come)
		return 1;
	p->claims = true;
	p->services |= vec_find(&k->vips, a, addr_cmp) != NULL;
	return 1;
}

static int move(struct patch *p, const struct addr *a, bool was, const struct come *come)
{
	const struct table_location *at = tables_location(p->k->t, a);
	const uint32_t class = come ? come->class : NOWHERE;
	struct move *m;

	(void)was;
	if (at && p->k->b.classes.v[at->class].is_service)
		at = NULL; /* the Service's, till now */
	if ((at ? at->class : NOWHERE) == class)
		return 1;
	p->services |= vec_find(&p->k->backends, a, addr_cmp) != NULL;
	m = vec_add(&p->moves);
	if (!m)
		return -ENOMEM;
	*m = (struct move){ .addr = *a, .class = class };
	if (at)
		p->k->locations.v[at->class]--;
	if (class != NOWHERE)
		p->k->locations.v[class]++;
	return 1;
}

/* Class 0 is there for those that have none. */
static bool classes_stay(const struct kept *k)
{
	size_t i;

	for (i = 1; i < k->t->classes.n; i++)
		if (!k->locations.v[i] && !k->b.classes.v[i].is_service)
			return false;
	return k->b.classes.n == k->t->classes.n;
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

static int claim_again(struct patch *p, const struct addr *a, bool was, const struct come *come)
{
	if (was && come)
		return 1;
	p->at = COPY_BEFORE(&p->k->sole, p->at, a, addr_cmp, &p->sole);
	if (come)
		p->sole.v[p->sole.n++] = *a;
	return 1;
}

static int patch_claims(struct patch *p)
{
	struct kept *k = p->k;

	if (!p->claims)
		return 0;
	p->sole.size = k->sole.n + p->come.n;
	p->sole.v = malloc((p->sole.size + 1) * sizeof(*p->sole.v));
	if (!p->sole.v)
		return -ENOMEM;
	(void)walk(p, claim_again);
	COPY_REST(&k->sole, p->at, &p->sole);
	vec_done(&k->sole);
	COPY_VEC(&p->sole, &k->sole);
	return 0;
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
	COPY_VEC(&from->endpoints, &to->endpoints);
	COPY_VEC(&from->contested, &to->contested);
	return 0;
}

/* Pods of this node are as they were. */
static int fill_node_ports(struct patch *p, struct tables *to)
{
	const struct tables *from = p->k->t;
	int r;

	if (p->ports) {
		p->k->b.t = to;
		r = policy_node_ports(&p->k->b);
		p->k->b.t = NULL;
		return r;
	}
	to->node_ports.v = malloc((from->node_ports.n + 1) * sizeof(*to->node_ports.v));
	if (!to->node_ports.v)
		return -ENOMEM;
	to->node_ports.size = from->node_ports.n + 1;
	COPY_REST(&from->node_ports, 0, &to->node_ports);
	return 0;
}

static int fill_tables(struct patch *p, struct tables *t)
{
	int r = share_others(p->k->t, t);

	if (!r)
		r = patch_locations(p, t);
	if (!r && !p->services)
		r = fill_node_ports(p, t);
	if (!r)
		r = patch_claims(p);
	if (!r && !p->remake) {
		t->from = p->k->t->run;
		return share_rows(p->k->t, t);
	}
	vec_done(&t->moved);
	return r ? r : policy_remake(p->k, p->services, t);
}

static int make_tables(struct patch *p, struct tables **ret)
{
	struct tables *t = calloc(1, sizeof(*t));

	if (!t || fill_tables(p, t) < 0) {
		tables_free(t);
		return -ENOMEM;
	}
	tables_free(p->k->t);
	p->k->t = tables_hold(t);
	*ret = t;
	return 1;
}

/* Whether what is kept is of no use any more, whatever the pods do. */
static bool is_over(const struct kept *k, const struct model_changes *c)
{
	const struct model *m = k->b.model;

	if (m->audit != k->audit || m->now < k->now || (k->expires && m->now >= k->expires))
		return true;
	return (c->nodes && k->of_nodes) || (c->slices && k->of_slices) || (c->services && k->of_services);
}

int policy_patch(struct kept *k, const struct model_changes *c, struct tables **ret)
{
	struct patch p = { .k = k, .m = k->b.model };
	int r = is_over(k, c) ? 0 : change_pods(&p, c);

	p.services = k->services && (c->services || c->slices || c->nodes);
	p.ports = c->services;

	vec_sort(&p.gone, addr_cmp);
	vec_sort(&p.come, come_cmp);
	if (r > 0)
		r = walk(&p, judge);
	if (r > 0)
		r = walk(&p, move);
	p.remake |= p.services || (r > 0 && !classes_stay(k));
	if (r > 0)
		r = make_tables(&p, ret);
	vec_done(&p.gone);
	vec_done(&p.come);
	vec_done(&p.moves);
	vec_done(&p.candidates);
	return r;
}
