/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whose address is it? An interface on this node that holds an address is better evidence than the
 * API's memory of one (status.podIPs may be a dead pod's, or not there yet), so an endpoint's claim
 * outranks a status claim. Between two claims of the same rank nobody can tell, so the address is
 * in those peer sets alone that hold both pods: nothing is accepted that would be from one of the two only.
 * Rules that deny or pass are about who might be behind it: the address is perhaps in the peer sets that hold
 * some of its pods and not all, and that of a pod of which not all is known is perhaps in every one.
 */
#include "policy/claims.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policy/members.h"
#include "policy/order.h"
#include "util/scope.h"

struct claim {
	struct addr addr;
	bool status;	       /* by status.podIPs; else by an endpoint */
	const struct pod *pod; /* NULL: it is not known */
	bool unknown;	       /* pod or namespace are not known, or in part alone */
	struct list peers;     /* of the pod */
	const struct named_ports *ports;
};

struct claims {
	VEC(struct claim) at;
};

static int claim_cmp(const void *a, const void *b)
{
	const struct claim *x = a, *y = b;
	const int r = addr_cmp(&x->addr, &y->addr);

	return r ? r : (int)x->status - (int)y->status;
}

static int add_claims(struct claims *c, const struct model *m, const struct addr *addrs, size_t n,
		      const struct claim *like)
{
	struct claim *claim;
	size_t i;

	for (i = 0; i < n; i++) {
		if (!policy_may_be_claimed(m, &addrs[i]))
			continue;
		claim = vec_add(&c->at);
		if (!claim)
			return -ENOMEM;
		*claim = *like;
		claim->addr = addrs[i];
	}
	return 0;
}

static int pod_name_cmp(const void *key, const void *elem)
{
	const struct pod *x = key, *y = *(const struct pod *const *)elem;
	const int r = strcmp(x->ns, y->ns);

	return r ? r : strcmp(x->name, y->name);
}

/* What a pod claims; NULL: one that is not known. */
static struct claim claim_of(const struct model *m, const struct list *members, const struct pod *p)
{
	struct claim c = { .pod = p, .unknown = !p || !model_pod_namespace(m, p) };

	if (p) {
		c.peers = members[vec_find(&m->pods, p, pod_name_cmp) - m->pods.v];
		c.ports = p->ports;
	}
	return c;
}

/* An endpoint of an unknown pod claims its address too, for no peer set for sure. That of a pod that has
 * ended does not: it may not send anything, and the address may be a living pod's by now. */
static int endpoint_claims(const struct model *m, const struct list *members, struct claims *c)
{
	size_t i;
	int r = 0;

	for (i = 0; !r && i < m->endpoints.n; i++) {
		const struct endpoint *e = m->endpoints.v[i];
		const struct pod *p = model_endpoint_pod(m, e);
		struct claim claim;

		if (!e->ifindex || (p && pod_is_out(p)))
			continue;
		claim = claim_of(m, members, p);
		r = add_claims(c, m, e->addrs.v, e->addrs.n, &claim);
	}
	return r;
}

static int status_claims(const struct model *m, const struct list *members, struct claims *c)
{
	const char *last = NULL; /* namespace of the pod before; interned */
	const struct namespace *ns = NULL;
	size_t i;
	int r = 0;

	for (i = 0; !r && i < m->pods.n; i++) {
		const struct pod *p = m->pods.v[i];
		struct claim claim = { .status = true, .pod = p, .peers = members[i], .ports = p->ports };

		if (pod_is_out(p))
			continue;
		if (p->ns != last)
			ns = model_namespace(m, p->ns);
		last = p->ns;
		claim.unknown = !pod_is_whole(p, ns);
		r = add_claims(c, m, p->addrs.v, p->addrs.n, &claim);
	}
	return r;
}

/* Keeps in the list at the end of build.lists what @other holds as well. */
static void intersect(struct build *b, struct list *list, struct list other)
{
	const uint32_t *y = b->lists.v + other.first;
	uint32_t *x = b->lists.v + list->first;
	uint32_t i, k = 0, kept = 0;

	for (i = 0; i < list->n; i++) {
		while (k < other.n && y[k] < x[i])
			k++;
		if (k < other.n && y[k] == x[i])
			x[kept++] = x[i];
	}
	list->n = kept;
	b->lists.n = list->first + kept;
}

static int copy_list(struct build *b, struct list from, struct list *ret)
{
	uint32_t i, *slot;

	*ret = (struct list){ .first = (uint32_t)b->lists.n };
	for (i = 0; i < from.n; i++) {
		slot = vec_add(&b->lists);
		if (!slot)
			return -ENOMEM;
		*slot = b->lists.v[from.first + i];
		ret->n++;
	}
	return 0;
}

/* Whether one of the claims is perhaps what a rule refuses that names @peer, while not all of them are for
 * sure. */
static bool is_perhaps(const struct build *b, const struct claim *v, size_t n, uint32_t peer)
{
	bool some = false, all = true, differ = false;
	size_t i;

	for (i = 0; i < n; i++) {
		const bool in = list_has(b, v[i].peers, peer);

		some |= in || v[i].unknown;
		all &= in;
		differ |= v[i].ports != v[0].ports;
	}
	return some && (!all || (differ && b->peer_sets.v[peer].by_name));
}

/* To the list, which becomes one of its own at the end of build.lists. */
static int add_perhaps(struct build *b, const struct claim *v, size_t n, struct list *list)
{
	uint32_t *slot;
	size_t i;
	int r = copy_list(b, *list, list);

	for (i = 0; !r && i < b->refused.n; i++) {
		if (!is_perhaps(b, v, n, b->refused.v[i]))
			continue;
		slot = vec_add(&b->lists);
		if (!slot)
			return -ENOMEM;
		*slot = b->peer_sets.v[b->refused.v[i]].perhaps;
		list->n++;
	}
	if (!r && list->n)
		qsort(b->lists.v + list->first, list->n, sizeof(*b->lists.v), policy_index_cmp);
	return r;
}

/* The claims [from..to) are all those of one address, the best rank first. */
static int settle(struct build *b, const struct claims *c, size_t from, size_t to, struct list *ret)
{
	const struct claim *best = &c->at.v[from];
	bool sure = !best->unknown;
	size_t i;
	int r;

	*ret = best->peers;
	for (i = from + 1; i < to && c->at.v[i].status == best->status; i++) {
		const struct claim *claim = &c->at.v[i];
		const struct list other = claim->peers;

		sure &= !claim->unknown && claim->ports == best->ports && other.first == best->peers.first &&
			other.n == best->peers.n;
		if (other.first == ret->first && other.n == ret->n)
			continue;
		r = copy_list(b, *ret, ret);
		if (r < 0)
			return r;
		intersect(b, ret, other);
	}
	return sure || !b->refused.n ? 0 : add_perhaps(b, best, i - from, ret);
}

/* Whether somebody lost a peer set here: without the other claims the address would be in one. */
static bool is_contested(const struct claims *c, size_t from, size_t to)
{
	for (; from < to; from++)
		if (c->at.v[from].peers.n)
			return true;
	return false;
}

/* Nobody but one known pod claims it, by its status and its interfaces. */
static bool is_sole(const struct claims *c, size_t from, size_t to)
{
	const struct claim *first = &c->at.v[from];

	while (from < to && c->at.v[from].pod == first->pod)
		from++;
	return from == to && !first->unknown;
}

static int note_contested(struct build *b, const struct addr *a)
{
	struct addr *slot = vec_add(&b->t->contested);

	if (!slot)
		return -ENOMEM;
	*slot = *a;
	return 0;
}

/* Whoever it is, it is a pod. */
static int add_to_cluster(struct build *b, struct list *list)
{
	const int r = copy_list(b, *list, list);
	uint32_t *slot = r ? NULL : vec_add(&b->lists);

	if (!slot)
		return -ENOMEM;
	*slot = b->cluster;
	list->n++;
	qsort(b->lists.v + list->first, list->n, sizeof(*b->lists.v), policy_index_cmp);
	return 0;
}

static int settle_all(struct build *b, struct claims *c)
{
	struct pod_addr *pa;
	struct list peers;
	size_t from, to;
	int r;

	vec_sort(&c->at, claim_cmp);
	for (from = 0; from < c->at.n; from = to) {
		for (to = from + 1; to < c->at.n; to++)
			if (addr_cmp(&c->at.v[from].addr, &c->at.v[to].addr))
				break;
		r = settle(b, c, from, to, &peers);
		if (!r && b->cluster != PEER_NONE && !list_has(b, peers, b->cluster))
			r = add_to_cluster(b, &peers);
		if (!r && !peers.n && is_contested(c, from, to))
			r = note_contested(b, &c->at.v[from].addr);
		if (r < 0)
			return r;
		pa = vec_add(&b->pod_addrs);
		if (!pa)
			return -ENOMEM;
		*pa = (struct pod_addr){ .addr = c->at.v[from].addr,
					 .peers = peers,
					 .is_sole = is_sole(c, from, to) };
	}
	return 0;
}

int policy_pod_addrs(struct build *b)
{
	auto_free struct list *members = calloc(b->model->pods.n + 1, sizeof(*members));
	struct claims claims = {};
	int r;

	if (!members)
		return -ENOMEM;
	r = policy_members(b, members);
	if (!r)
		r = endpoint_claims(b->model, members, &claims);
	if (!r)
		r = status_claims(b->model, members, &claims);
	if (!r)
		r = settle_all(b, &claims);
	vec_done(&claims.at);
	return r;
}
