/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Peers that are neither pods by their labels nor a block: nodes, what is behind a Service, the cluster, and
 * the world, which is all but the cluster. They become what locations.c knows: blocks, and addresses that are
 * in some peer set for another reason than a pod's labels. Pods themselves are in the cluster by members.c
 * and claims.c.
 */
#include "policy/entities.h"

#include <errno.h>
#include <string.h>

/* ---- blocks --------------------------------------------------------------------------------- */

static int add_block(struct blocks *ret, const struct peer *p, uint32_t set)
{
	struct set_block *slot = vec_add(&ret->at);

	if (!slot)
		return -ENOMEM;
	slot->set = set;
	slot->block = p->block;
	slot->except = p->except.v;
	slot->excepts = p->except.n;
	return 0;
}

static int add_outside(struct blocks *ret, const struct cidr *c)
{
	struct cidr *slot = vec_add(&ret->outside);

	if (!slot)
		return -ENOMEM;
	*slot = *c;
	return 0;
}

/* On a link there are pods and nodes, and nobody can tell which; what nodes have for their pods, and what
 * else pods have. */
static int collect_outside(const struct build *b, struct blocks *ret)
{
	static const struct cidr link_local = { .addr.b = { 0xfe, 0x80 }, .len = 10 };
	int r = add_outside(ret, &link_local);
	size_t i, k;

	for (i = 0; i < b->model->nodes.n; i++)
		for (k = 0; !r && k < b->model->nodes.v[i]->pods.n; k++)
			r = add_outside(ret, &b->model->nodes.v[i]->pods.v[k]);
	for (i = 0; !r && i < b->model->pod_cidrs.n; i++)
		r = add_outside(ret, &b->model->pod_cidrs.v[i]);
	return r;
}

static int add_ranges(struct blocks *ret, uint32_t set)
{
	size_t i;
	int r = 0;

	for (i = 1; !r && i < ret->outside.n; i++)
		r = add_block(ret, &(struct peer){ .block = ret->outside.v[i] }, set);
	return r;
}

static int add_world(struct blocks *ret, uint32_t set)
{
	static const struct cidr all[] = {
		{ .addr.b = { [10] = 0xff, [11] = 0xff }, .len = 96 },
		{ .len = 0 },
	};
	size_t i;
	int r = 0;

	for (i = 0; !r && i < sizeof(all) / sizeof(all[0]); i++) {
		r = add_block(ret, &(struct peer){ .block = all[i] }, set);
		if (r < 0)
			break;
		ret->at.v[ret->at.n - 1].except = ret->outside.v;
		ret->at.v[ret->at.n - 1].excepts = ret->outside.n;
	}
	return r;
}

int policy_blocks(const struct build *b, struct blocks *ret)
{
	int r = b->world == PEER_NONE && b->cluster == PEER_NONE ? 0 : collect_outside(b, ret);
	uint32_t i;

	for (i = 0; !r && i < b->peer_sets.n; i++) {
		if (peer_set_is(&b->peer_sets.v[i], PEER_BLOCK))
			r = add_block(ret, b->peer_sets.v[i].peer, i);
		else if (i == b->world)
			r = add_world(ret, i);
		else if (i == b->cluster)
			r = add_ranges(ret, i);
	}
	return r;
}

void policy_blocks_done(struct blocks *b)
{
	vec_done(&b->at);
	vec_done(&b->outside);
}

/* ---- addresses ------------------------------------------------------------------------------ */

static int extra_cmp(const void *a, const void *b)
{
	const struct extra *x = a, *y = b;
	const int r = addr_cmp(&x->addr, &y->addr);

	return r ? r : (x->set > y->set) - (x->set < y->set);
}

static int add_extras(extra_vec *ret, const struct addr *v, size_t n, uint32_t set)
{
	struct extra *slot;
	size_t i;

	for (i = 0; i < n; i++) {
		if (addr_is_link_local(&v[i]))
			continue;
		slot = vec_add(ret);
		if (!slot)
			return -ENOMEM;
		*slot = (struct extra){ .addr = v[i], .set = set };
	}
	return 0;
}

/* @which: NULL: all. */
static int add_nodes(const struct build *b, const struct selector *which, uint32_t set, extra_vec *ret)
{
	const struct model *m = b->model;
	int r = which ? 0 : add_extras(ret, m->node_addrs.v, m->node_addrs.n, set);
	size_t i;

	for (i = 0; !r && i < m->nodes.n; i++)
		if (!which || selector_matches(which, m->nodes.v[i]->labels))
			r = add_extras(ret, m->nodes.v[i]->addrs.v, m->nodes.v[i]->addrs.n, set);
	return r;
}

/* What stands for others inside of the cluster. */
static int add_services(const struct build *b, uint32_t set, extra_vec *ret)
{
	size_t i;
	int r = 0;

	for (i = 0; !r && i < b->model->services.n; i++)
		r = add_extras(ret, b->model->services.v[i]->addrs.v, b->model->services.v[i]->addrs.n, set);
	return r;
}

static int add_behind(const struct build *b, const struct peer *p, uint32_t set, extra_vec *ret)
{
	size_t i;
	int r = 0;

	for (i = 0; !r && i < b->model->slices.n; i++) {
		const struct endpoint_slice *s = b->model->slices.v[i];

		if (!strcmp(s->service, p->service) && !strcmp(s->ns, p->service_ns))
			r = add_extras(ret, s->addrs.v, s->addrs.n, set);
	}
	return r;
}

int policy_extras(const struct build *b, extra_vec *ret)
{
	size_t i, kept = 0;
	uint32_t set;
	int r = 0;

	for (set = 0; !r && set < b->peer_sets.n; set++) {
		const struct peer_set *s = &b->peer_sets.v[set];

		if (peer_set_is(s, PEER_HOST) || peer_set_is(s, PEER_CLUSTER))
			r = add_nodes(b, s->peer->nodes, set, ret);
		if (!r && peer_set_is(s, PEER_CLUSTER))
			r = add_services(b, set, ret);
		if (!r && peer_set_is(s, PEER_SERVICE))
			r = add_behind(b, s->peer, set, ret);
	}
	vec_sort(ret, extra_cmp);
	for (i = 0; i < ret->n; i++)
		if (!kept || extra_cmp(&ret->v[kept - 1], &ret->v[i]))
			ret->v[kept++] = ret->v[i];
	ret->n = kept;
	return r;
}
