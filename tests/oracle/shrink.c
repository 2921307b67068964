/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The smallest cluster that is still wrong: whatever can be left out is, one thing at a time, again and again
 * until nothing can. What was taken out is not freed: this is a test that has failed.
 */
#include "cluster.h"

#include <string.h>

struct shrinking {
	struct model *m;
	wrong_fn *wrong;
	void *ctx;
	bool smaller; /* in this round */
};

/* A rule with an action and without peers would be another matter: nobody can write it. */
static bool can_be_written(const struct model *m)
{
	const struct rule *r;
	size_t i, k;
	int dir;

	for (i = 0; i < m->policies.n; i++) {
		for (dir = 0; m->policies.v[i]->kind != POLICY_NETWORK && dir < DIR_MAX; dir++) {
			for (k = 0; k < m->policies.v[i]->rules[dir].n; k++) {
				r = &m->policies.v[i]->rules[dir].v[k];
				if (!r->peers.n && !r->unknown)
					return false;
			}
		}
	}
	return true;
}

static bool is_wrong(struct shrinking *s)
{
	return can_be_written(s->m) && s->wrong(s->m, s->ctx);
}

static void remove_at(void *v, size_t n, size_t i, size_t size)
{
	memmove((char *)v + i * size, (char *)v + (i + 1) * size, (n - 1 - i) * size);
}

static void insert_at(void *v, size_t n, size_t i, size_t size, const void *elem)
{
	memmove((char *)v + (i + 1) * size, (char *)v + i * size, (n - i) * size);
	memcpy((char *)v + i * size, elem, size);
}

/* Every element of the vector, from the last on. */
#define SHRINK(s, vec)                                                                                       \
	do {                                                                                                 \
		size_t i_;                                                                                   \
                                                                                                             \
		for (i_ = (vec)->n; i_ > 0; i_--) {                                                          \
			const __typeof__(*(vec)->v) elem_ = (vec)->v[i_ - 1];                                \
                                                                                                             \
			remove_at((vec)->v, (vec)->n--, i_ - 1, sizeof(elem_));                              \
			if (is_wrong(s)) {                                                                   \
				(s)->smaller = true;                                                         \
				continue;                                                                    \
			}                                                                                    \
			insert_at((vec)->v, (vec)->n++, i_ - 1, sizeof(elem_), &elem_);                      \
		}                                                                                            \
	} while (0)

/* A field that may as well say nothing. */
#define FORGET(s, field)                                                                                     \
	do {                                                                                                 \
		const __typeof__(field) was_ = (field);                                                      \
                                                                                                             \
		(field) = 0;                                                                                 \
		if (was_ && is_wrong(s))                                                                     \
			(s)->smaller = true;                                                                 \
		else                                                                                         \
			(field) = was_;                                                                      \
	} while (0)

static void shrink_selector(struct shrinking *s, struct selector *sel)
{
	size_t i;

	if (!sel)
		return;
	SHRINK(s, &sel->at);
	for (i = 0; i < sel->at.n; i++)
		SHRINK(s, &sel->at.v[i].values);
}

static void shrink_rule(struct shrinking *s, struct rule *r)
{
	size_t i;

	SHRINK(s, &r->peers);
	SHRINK(s, &r->ports);
	FORGET(s, r->log);
	FORGET(s, r->unknown);
	FORGET(s, r->name);
	for (i = 0; i < r->peers.n; i++) {
		SHRINK(s, &r->peers.v[i].except);
		shrink_selector(s, r->peers.v[i].pods);
		shrink_selector(s, r->peers.v[i].namespaces);
		shrink_selector(s, r->peers.v[i].nodes);
	}
}

static void shrink_policy(struct shrinking *s, struct net_policy *np)
{
	size_t i;
	int dir;

	shrink_selector(s, np->namespaces);
	shrink_selector(s, np->subject);
	FORGET(s, np->audit);
	FORGET(s, np->expires);
	FORGET(s, np->isolates[DIR_INGRESS]);
	FORGET(s, np->isolates[DIR_EGRESS]);
	for (dir = 0; dir < DIR_MAX; dir++) {
		SHRINK(s, &np->rules[dir]);
		for (i = 0; i < np->rules[dir].n; i++)
			shrink_rule(s, &np->rules[dir].v[i]);
	}
}

/* Interned, so what is tried is a set of its own. */
static void shrink_labels(struct shrinking *s, const struct labels **l)
{
	size_t i, k;

	for (i = (*l)->n; i > 0; i--) {
		const struct labels *was = *l, *less = &labels_none;

		for (k = 0; k < was->n; k++)
			if (k != i - 1)
				(void)labels_set(&less, was->at[k].key, was->at[k].value);
		*l = less;
		if (is_wrong(s))
			s->smaller = true;
		else
			*l = was;
	}
}

static void shrink_ports(struct shrinking *s, struct pod *p)
{
	struct named_port v[64];
	size_t i;

	for (i = p->ports ? p->ports->n : 0; i > 0; i--) {
		const struct named_ports *was = p->ports;

		memcpy(v, was->at, was->n * sizeof(*v));
		remove_at(v, was->n, i - 1, sizeof(*v));
		p->ports = NULL;
		(void)pod_set_ports(p, v, was->n - 1);
		if (is_wrong(s))
			s->smaller = true;
		else
			p->ports = was;
	}
}

static void shrink_objects(struct shrinking *s)
{
	struct model *m = s->m;

	SHRINK(s, &m->policies);
	SHRINK(s, &m->pods);
	SHRINK(s, &m->endpoints);
	SHRINK(s, &m->slices);
	SHRINK(s, &m->services);
	SHRINK(s, &m->namespaces);
	SHRINK(s, &m->nodes);
	SHRINK(s, &m->node_addrs);
	SHRINK(s, &m->pod_cidrs);
	FORGET(s, m->audit);
}

static void shrink_inside(struct shrinking *s)
{
	struct model *m = s->m;
	size_t i;

	for (i = 0; i < m->policies.n; i++)
		shrink_policy(s, m->policies.v[i]);
	for (i = 0; i < m->pods.n; i++) {
		FORGET(s, m->pods.v[i]->static_uid);
		SHRINK(s, &m->pods.v[i]->addrs);
		SHRINK(s, &m->pods.v[i]->host_ports);
		shrink_ports(s, m->pods.v[i]);
		shrink_labels(s, &m->pods.v[i]->labels);
	}
	for (i = 0; i < m->endpoints.n; i++)
		SHRINK(s, &m->endpoints.v[i]->addrs);
	for (i = 0; i < m->services.n; i++) {
		SHRINK(s, &m->services.v[i]->addrs);
		SHRINK(s, &m->services.v[i]->balancers);
		SHRINK(s, &m->services.v[i]->externals);
		SHRINK(s, &m->services.v[i]->ports);
	}
	for (i = 0; i < m->slices.n; i++) {
		SHRINK(s, &m->slices.v[i]->addrs);
		SHRINK(s, &m->slices.v[i]->ports);
	}
	for (i = 0; i < m->namespaces.n; i++)
		shrink_labels(s, &m->namespaces.v[i]->labels);
	for (i = 0; i < m->nodes.n; i++) {
		SHRINK(s, &m->nodes.v[i]->addrs);
		SHRINK(s, &m->nodes.v[i]->pods);
		shrink_labels(s, &m->nodes.v[i]->labels);
	}
}

void cluster_shrink(struct model *m, wrong_fn *wrong, void *ctx)
{
	struct shrinking s = { .m = m, .wrong = wrong, .ctx = ctx };

	do {
		s.smaller = false;
		shrink_objects(&s);
		shrink_inside(&s);
	} while (s.smaller);
}
