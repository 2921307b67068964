/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which pods are in which peer sets. Most pods are replicas: neighbours by name with the same labels
 * and ports, for which the answer of the first is that of all. Cost: O(namespaces x peer sets) for the
 * namespaces, then O(different labels x peer sets that may hold pods of that namespace).
 */
#include "policy/members.h"

#include <errno.h>
#include <string.h>

static int add_index(struct list *list, struct build *b, uint32_t index)
{
	uint32_t *slot = vec_add(&b->lists);

	if (!slot)
		return -ENOMEM;
	*slot = index;
	list->n++;
	return 0;
}

static bool may_hold(const struct peer_set *set, const struct namespace *ns)
{
	if (!peer_set_is(set, PEER_PODS))
		return false;
	return set->ns ? !strcmp(set->ns, ns->name) : selector_matches(set->peer->namespaces, ns->labels);
}

int policy_candidates(const struct build *b, const struct namespace *ns, struct candidates *ret)
{
	uint32_t i, *slot;

	vec_clear(ret);
	for (i = 0; i < b->peer_sets.n; i++) {
		const struct peer_set *set = &b->peer_sets.v[i];

		if (i != b->cluster && !may_hold(set, ns))
			continue;
		slot = vec_add(ret);
		if (!slot)
			return -ENOMEM;
		*slot = i;
	}
	return 0;
}

int policy_pod_members(struct build *b, const struct pod *p, const struct candidates *candidates,
		       struct list *ret)
{
	size_t i;
	int r;

	*ret = (struct list){ .first = (uint32_t)b->lists.n };
	for (i = 0; i < candidates->n; i++) {
		const struct selector *pods = b->peer_sets.v[candidates->v[i]].peer->pods;

		if (pods && !selector_matches(pods, p->labels))
			continue;
		r = add_index(ret, b, candidates->v[i]);
		if (r < 0)
			return r;
	}
	return policy_name_members(b, p, ret);
}

/* The pods of one namespace: model.pods[from..to). An unknown namespace makes no peers. */
static int namespace_members(struct build *b, size_t from, size_t to, struct candidates *candidates,
			     struct list *ret)
{
	const struct pod *const *pods = (const struct pod *const *)b->model->pods.v;
	const struct namespace *ns = model_namespace(b->model, pods[from]->ns);
	size_t i, last = to;
	int r;

	if (!ns)
		return 0;
	r = policy_candidates(b, ns, candidates);
	for (i = from; !r && i < to; i++) {
		if (pod_is_out(pods[i]) || !pod_is_whole(pods[i], ns))
			continue;
		if (last != to && pods[last]->labels == pods[i]->labels &&
		    pods[last]->ports == pods[i]->ports)
			ret[i] = ret[last];
		else
			r = policy_pod_members(b, pods[i], candidates, &ret[i]);
		last = i;
	}
	return r;
}

int policy_members(struct build *b, struct list *ret)
{
	const size_t n = b->model->pods.n;
	struct candidates candidates = {};
	size_t from, to;
	int r = 0;

	for (from = 0; !r && from < n; from = to) {
		for (to = from + 1; to < n; to++)
			if (strcmp(b->model->pods.v[to]->ns, b->model->pods.v[from]->ns))
				break;
		r = namespace_members(b, from, to, &candidates, ret);
	}
	vec_done(&candidates);
	return r;
}
