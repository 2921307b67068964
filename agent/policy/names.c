/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ports by name, for egress: the pod at the other end says what number a name is, so two pods of one peer
 * set may be allowed different ports. All pods that call the same port so make a peer set of their own,
 * which is in their class beside those of from/to: a row for a class then knows its numbers. A pod is in
 * it only where a rule that selects the pod asks for the name, so that names in use elsewhere split no
 * class. For ingress the selected pod says it: see sets.c.
 */
#include "policy/build.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policy/digest.h"
#include "policy/order.h"

#define FOUND_MIN 1024

typedef VEC(struct named_port) name_vec;

static void drop_duplicates(name_vec *v)
{
	size_t i, kept = 0;

	vec_sort(v, named_port_cmp);
	for (i = 0; i < v->n; i++)
		if (!kept || named_port_cmp(&v->v[kept - 1], &v->v[i]))
			v->v[kept++] = v->v[i];
	v->n = kept;
}

static int add_name(name_vec *v, const struct named_port *name)
{
	struct named_port *slot = vec_add(v);

	if (!slot)
		return -ENOMEM;
	*slot = *name;
	return 0;
}

/* ---- before the peer sets are sorted -------------------------------------------------------- */

static int collect_names(const struct build *b, name_vec *ret)
{
	size_t i, k, j;
	int r = 0;

	for (i = 0; i < b->model->policies.n; i++) {
		const struct policy_use *use = &b->uses[i];

		for (k = 0; k < use->rules[DIR_EGRESS].n; k++)
			for (j = 0; !r && j < use->rules[DIR_EGRESS].v[k].names.n; j++)
				r = add_name(ret, &use->rules[DIR_EGRESS].v[k].names.v[j]);
	}
	drop_duplicates(ret);
	return r;
}

/* Of the ports of all pods those that are called by one of the names. Replicas are neighbours. */
static int collect_ports(const struct build *b, const name_vec *names, name_vec *ret)
{
	const struct named_ports *last = NULL;
	size_t i, k, n, limit = FOUND_MIN;
	int r = 0;

	for (i = 0; !r && i < b->model->pods.n; i++) {
		const struct pod *p = b->model->pods.v[i];

		if (p->ports == last || pod_is_out(p))
			continue;
		last = p->ports;
		for (k = 0; !r && last && k < last->n; k++)
			if (named_ports_find(names->v, names->n, &last->at[k], &n))
				r = add_name(ret, &last->at[k]);
		if (ret->n < limit)
			continue;
		drop_duplicates(ret);
		limit = 2 * ret->n + FOUND_MIN;
	}
	drop_duplicates(ret);
	return r;
}

static int add_set(struct build *b, const struct named_port *named)
{
	struct peer_set *set = vec_add(&b->peer_sets);
	struct sha256 s;

	if (!set)
		return -ENOMEM;
	policy_digest_init(&s, DIGEST_NAMED);
	policy_digest_text(&s, named->name);
	policy_digest_u32(&s, named->proto);
	policy_digest_u32(&s, named->port);
	set->hash = policy_digest_end(&s);
	set->named = *named;
	return 0;
}

int policy_name_sets(struct build *b)
{
	name_vec names = {}, ports = {};
	size_t i;
	int r;

	r = collect_names(b, &names);
	if (!r && names.n)
		r = collect_ports(b, &names, &ports);
	for (i = 0; !r && i < ports.n; i++)
		r = add_set(b, &ports.v[i]);
	vec_done(&names);
	vec_done(&ports);
	return r;
}

/* ---- and after ------------------------------------------------------------------------------ */

static int want_cmp(const void *a, const void *b)
{
	const struct want *x = a, *y = b;
	const int r = named_port_cmp(&x->key, &y->key);

	return r ? r : (x->peer > y->peer) - (x->peer < y->peer);
}

static int add_want(struct build *b, const struct named_port *key, uint32_t peer)
{
	struct want *w = vec_add(&b->wants);

	if (!w)
		return -ENOMEM;
	*w = (struct want){ .key = *key, .peer = peer };
	return 0;
}

/* Who is no pod, by a block, has no names. */
static int add_wants(struct build *b, const struct rule_use *use, const struct named_port *key)
{
	size_t i;
	int r = use->any_peer ? add_want(b, key, WANT_ANY) : 0;

	for (i = 0; !r && i < use->peers.n; i++)
		if (peer_set_is_pods(&b->peer_sets.v[use->peers.v[i].index]))
			r = add_want(b, key, use->peers.v[i].index);
	return r;
}

struct indexed {
	struct named_port named;
	uint32_t index;
};

static int indexed_cmp(const void *a, const void *b)
{
	return named_port_cmp(&((const struct indexed *)a)->named, &((const struct indexed *)b)->named);
}

static int index_sets(struct build *b)
{
	VEC(struct indexed) all = {};
	struct indexed *x;
	uint32_t *slot;
	uint32_t i;
	int r = 0;

	for (i = 0; !r && i < b->peer_sets.n; i++) {
		if (b->peer_sets.v[i].peer || peer_set_is_perhaps(&b->peer_sets.v[i]))
			continue;
		x = vec_add(&all);
		if (x)
			*x = (struct indexed){ .named = b->peer_sets.v[i].named, .index = i };
		else
			r = -ENOMEM;
	}
	vec_sort(&all, indexed_cmp);
	for (i = 0; !r && i < all.n; i++) {
		slot = vec_add(&b->named);
		if (slot)
			*slot = all.v[i].index;
		else
			r = -ENOMEM;
	}
	vec_done(&all);
	return r;
}

int policy_name_wants(struct build *b)
{
	size_t i, k, j;
	int r = 0;

	for (i = 0; i < b->model->policies.n; i++) {
		for (k = 0; k < b->uses[i].rules[DIR_EGRESS].n; k++) {
			const struct rule_use *use = &b->uses[i].rules[DIR_EGRESS].v[k];

			for (j = 0; !r && j < use->names.n; j++)
				r = add_wants(b, use, &use->names.v[j]);
		}
	}
	vec_sort(&b->wants, want_cmp);
	return r ? r : index_sets(b);
}

/* Where in build.named it is, or would be. */
static size_t place(const struct build *b, const struct named_port *key)
{
	size_t lo = 0, hi = b->named.n;

	while (lo < hi) {
		const size_t mid = lo + (hi - lo) / 2;

		if (named_port_cmp(&b->peer_sets.v[b->named.v[mid]].named, key) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* Names ask with port 0, which is no pod's: what is not below the key is the first. */
const uint32_t *policy_named(const struct build *b, const struct named_port *key, size_t *ret_n)
{
	const size_t lo = place(b, key);
	size_t n;

	for (n = 0; lo + n < b->named.n; n++) {
		const struct named_port *at = &b->peer_sets.v[b->named.v[lo + n]].named;

		if (strcmp(at->name, key->name) || at->proto != key->proto)
			break;
	}
	*ret_n = n;
	return n ? &b->named.v[lo] : NULL;
}

/* ---- pods ----------------------------------------------------------------------------------- */

/* Whether a rule that selects a pod of these peer sets asks for the name. */
static bool is_wanted(const struct build *b, const struct named_port *key, const struct list *list)
{
	struct want w = { .key = *key, .peer = WANT_ANY };
	uint32_t i;

	if (vec_find(&b->wants, &w, want_cmp))
		return true;
	for (i = 0; i < list->n; i++) {
		w.peer = b->lists.v[list->first + i];
		if (vec_find(&b->wants, &w, want_cmp))
			return true;
	}
	return false;
}

static int want_name_cmp(const void *a, const void *b)
{
	return named_port_cmp(&((const struct want *)a)->key, &((const struct want *)b)->key);
}

bool policy_name_is_new(const struct build *b, const struct pod *p)
{
	struct want w = {};
	size_t i, at;

	for (i = 0; p->ports && i < p->ports->n; i++) {
		w.key = p->ports->at[i];
		w.key.port = 0;
		at = place(b, &p->ports->at[i]);
		if (vec_find(&b->wants, &w, want_name_cmp) &&
		    (at == b->named.n ||
		     named_port_cmp(&b->peer_sets.v[b->named.v[at]].named, &p->ports->at[i])))
			return true;
	}
	return false;
}

static int add_member(struct build *b, const struct named_port *port, const struct list *peers)
{
	struct named_port key = *port;
	uint32_t *slot;

	key.port = 0;
	if (!is_wanted(b, &key, peers))
		return 0;
	slot = vec_add(&b->lists);
	if (!slot)
		return -ENOMEM;
	*slot = b->named.v[place(b, port)]; /* policy_name_sets() saw this pod */
	return 0;
}

int policy_name_members(struct build *b, const struct pod *p, struct list *list)
{
	const struct list peers = *list;
	size_t i;
	int r = 0;

	for (i = 0; !r && b->wants.n && p->ports && i < p->ports->n; i++)
		r = add_member(b, &p->ports->at[i], &peers);
	list->n = (uint32_t)b->lists.n - list->first;
	if (list->n > peers.n)
		qsort(b->lists.v + list->first, list->n, sizeof(*b->lists.v), policy_index_cmp);
	return r;
}
