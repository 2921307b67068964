/* SPDX-License-Identifier: Apache-2.0 */
/* Who is subject to which policies: the endpoints of this node and the policies that select their pods. */
#include "policy/build.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policy/order.h"
#include "util/scope.h"

static int subject_cmp(const void *a, const void *b)
{
	const struct subject *x = a, *y = b;

	if (x->ep.ifindex != y->ep.ifindex)
		return x->ep.ifindex < y->ep.ifindex ? -1 : 1;
	return hash128_cmp(&x->ep.key, &y->ep.key);
}

/* Sorted and without duplicates: the order in which a CNI plugin lists them means nothing. */
static int copy_addrs(const struct endpoint *e, struct table_endpoint *ret, struct bh_err *err)
{
	VEC(struct addr) sorted = {};
	struct addr *a;
	size_t i;

	for (i = 0; i < e->addrs.n; i++) {
		a = vec_add(&sorted);
		if (!a) {
			vec_done(&sorted);
			return -ENOMEM;
		}
		*a = e->addrs.v[i];
	}
	vec_sort(&sorted, addr_cmp);
	for (i = 0; i < sorted.n; i++) {
		if (i && !addr_cmp(&sorted.v[i], &sorted.v[i - 1]))
			continue;
		if (ret->addrs == BH_EP_ADDRS)
			break;
		ret->addr[ret->addrs++] = sorted.v[i];
	}
	vec_done(&sorted);
	if (i < e->addrs.n)
		return bh_err_set(err, -E2BIG, "pod '%s/%s': interface '%s' has more than %d addresses",
				  e->ns, e->pod, e->ifname, BH_EP_ADDRS);
	return 0;
}

bool policy_selects(const struct net_policy *np, const struct namespace *ns, const struct pod *p)
{
	return net_policy_is_for(np, ns) && selector_matches(np->subject, p->labels);
}

struct ordered {
	const struct net_policy *policy;
	uint32_t index;
};

/* As they decide; of equal ones each has its say (verdicts.c), so their order is for the name alone. */
static int ordered_cmp(const void *a, const void *b)
{
	const struct ordered *x = a, *y = b;
	int r = policy_order(x->policy->tier, y->policy->tier);

	r = r ? r : policy_order(x->policy->priority, y->policy->priority);
	return r ? r : policy_order(x->index, y->index);
}

/* All policies, the first to decide first. NULL: no memory. */
static struct ordered *order_policies(const struct model *m)
{
	struct ordered *ret = calloc(m->policies.n + 1, sizeof(*ret));
	uint32_t i;

	for (i = 0; ret && i < m->policies.n; i++)
		ret[i] = (struct ordered){ m->policies.v[i], i };
	if (ret)
		qsort(ret, m->policies.n, sizeof(*ret), ordered_cmp);
	return ret;
}

static int select_policies(const struct build *b, const struct ordered *order, const struct namespace *ns,
			   const struct pod *p, struct subject *ret)
{
	uint32_t *slot;
	size_t i;

	for (i = 0; i < b->model->policies.n; i++) {
		if (net_policy_is_expired(order[i].policy, b->model->now) ||
		    !policy_selects(order[i].policy, ns, p))
			continue;
		slot = vec_add(&ret->policies);
		if (!slot)
			return -ENOMEM;
		*slot = order[i].index;
	}
	return 0;
}

static int make_subject(const struct build *b, const struct ordered *order, const struct endpoint *e,
			struct subject *s, struct bh_err *err)
{
	const struct pod *p = model_endpoint_pod(b->model, e);
	const struct namespace *ns = p ? model_pod_namespace(b->model, p) : NULL;
	int r;

	s->ep.key = e->key;
	s->ep.ifindex = e->ifindex;
	s->ep.set = -1;
	s->ep.flags = e->grace ? BH_EP_ADOPTED : 0;
	memcpy(s->ep.mac, e->mac, sizeof(s->ep.mac));
	r = copy_addrs(e, &s->ep, err);
	if (r < 0)
		return r;
	/*
	 * Whose labels or namespace we do not know, or not all of them, is isolated. So is the interface of a
	 * pod that has ended (nothing runs there any more) or that claims to be the node (nodes have no ADD):
	 * what they would be subject to is not for their labels to say, and open is the wrong guess.
	 */
	if (!ns || pod_is_out(p))
		return 0;
	s->known = true;
	s->audited = b->model->audit || namespace_is_audited(ns);
	s->ports = p->ports;
	return select_policies(b, order, ns, p, s);
}

static int add_subject(struct build *b, const struct ordered *order, const struct endpoint *e,
		       struct bh_err *err)
{
	struct subject *s = vec_add(&b->subjects);

	return s ? make_subject(b, order, e, s, err) : -ENOMEM;
}

int policy_subject(const struct build *b, const struct endpoint *e, struct subject *ret)
{
	auto_free struct ordered *order = order_policies(b->model);
	struct bh_err err;

	return order ? make_subject(b, order, e, ret, &err) : -ENOMEM;
}

/* Two owners of one interface: one of them is stale and nothing here says which, so neither's
 * policies may open it. */
static void drop_duplicates(struct build *b)
{
	size_t i, kept = 0;

	for (i = 0; i < b->subjects.n; i++) {
		if (kept && b->subjects.v[kept - 1].ep.ifindex == b->subjects.v[i].ep.ifindex) {
			b->subjects.v[kept - 1].known = false;
			vec_done(&b->subjects.v[i].policies);
			continue;
		}
		if (kept != i)
			b->subjects.v[kept] = b->subjects.v[i];
		kept++;
	}
	b->subjects.n = kept;
}

static void mark_used(struct build *b)
{
	size_t i, k;

	for (i = 0; i < b->subjects.n; i++)
		for (k = 0; b->subjects.v[i].known && k < b->subjects.v[i].policies.n; k++)
			b->uses[b->subjects.v[i].policies.v[k]].used = true;
}

int policy_subjects(struct build *b, struct bh_err *err)
{
	auto_free struct ordered *order = order_policies(b->model);
	size_t i;
	int r;

	if (!order)
		return -ENOMEM;
	for (i = 0; i < b->model->endpoints.n; i++) {
		if (!b->model->endpoints.v[i]->ifindex)
			continue;
		r = add_subject(b, order, b->model->endpoints.v[i], err);
		if (r < 0)
			return r;
	}
	vec_sort(&b->subjects, subject_cmp);
	drop_duplicates(b);
	mark_used(b);
	return 0;
}
