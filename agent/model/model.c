/* SPDX-License-Identifier: Apache-2.0 */
/* The whole: sorted vectors of owned objects, looked up by bisection. */
#include "model/model.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "model/changes.h"
#include "util/scope.h"

typedef int (*cmp_fn)(const void *a, const void *b);

/* ---- order ------------------------------------------------------------------------------ */

static int names_cmp(const char *ns_a, const char *name_a, const char *ns_b, const char *name_b)
{
	const int r = strcmp(ns_a, ns_b);

	return r ? r : strcmp(name_a, name_b);
}

static int namespace_cmp(const void *a, const void *b)
{
	return strcmp((*(struct namespace *const *)a)->name, (*(struct namespace *const *)b)->name);
}

static int pod_cmp(const void *a, const void *b)
{
	const struct pod *x = *(struct pod *const *)a, *y = *(struct pod *const *)b;

	return names_cmp(x->ns, x->name, y->ns, y->name);
}

static int net_policy_cmp(const void *a, const void *b)
{
	const struct net_policy *x = *(struct net_policy *const *)a, *y = *(struct net_policy *const *)b;
	const int r = names_cmp(x->ns, x->name, y->ns, y->name);

	return r ? r : (int)x->kind - (int)y->kind;
}

static int service_cmp(const void *a, const void *b)
{
	const struct service *x = *(struct service *const *)a, *y = *(struct service *const *)b;

	return names_cmp(x->ns, x->name, y->ns, y->name);
}

static int slice_cmp(const void *a, const void *b)
{
	const struct endpoint_slice *x = *(struct endpoint_slice *const *)a;
	const struct endpoint_slice *y = *(struct endpoint_slice *const *)b;

	return names_cmp(x->ns, x->name, y->ns, y->name);
}

static int node_cmp(const void *a, const void *b)
{
	return strcmp((*(struct cluster_node *const *)a)->name, (*(struct cluster_node *const *)b)->name);
}

static int endpoint_cmp(const void *a, const void *b)
{
	return hash128_cmp(&(*(struct endpoint *const *)a)->key, &(*(struct endpoint *const *)b)->key);
}

/* ---- sorted vectors of pointers --------------------------------------------------------- */

/* Where *key is in @v, or would be. */
static size_t place(const void *v, size_t n, const void *key, cmp_fn cmp, bool *ret_there)
{
	size_t lo = 0, hi = n;

	*ret_there = false;
	while (lo < hi) {
		const size_t mid = lo + (hi - lo) / 2;
		const int r = cmp((const char *)v + mid * sizeof(void *), key);

		if (!r) {
			*ret_there = true;
			return mid;
		}
		if (r < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* Macros, because the vectors differ in type alone. Putting what is there already is no change. */
#define PUT(vec, take, cmp, drop)                                                                            \
	({                                                                                                   \
		bool there_;                                                                                 \
		int r_ = 0;                                                                                  \
		const size_t at_ = place((vec)->v, (vec)->n, &(take), (cmp), &there_);                       \
		if (there_) {                                                                                \
			if ((vec)->v[at_] != (take))                                                         \
				drop((vec)->v[at_]);                                                         \
			(vec)->v[at_] = (take);                                                              \
		} else if (vec_add(vec)) {                                                                   \
			memmove((vec)->v + at_ + 1, (vec)->v + at_,                                          \
				((vec)->n - 1 - at_) * sizeof(*(vec)->v));                                   \
			(vec)->v[at_] = (take);                                                              \
		} else {                                                                                     \
			drop(take);                                                                          \
			r_ = -ENOMEM;                                                                        \
		}                                                                                            \
		r_;                                                                                          \
	})

#define DEL(vec, key, cmp, drop)                                                                             \
	({                                                                                                   \
		bool there_;                                                                                 \
		const size_t at_ = place((vec)->v, (vec)->n, (key), (cmp), &there_);                         \
		if (there_) {                                                                                \
			drop((vec)->v[at_]);                                                                 \
			(vec)->n--;                                                                          \
			memmove((vec)->v + at_, (vec)->v + at_ + 1, ((vec)->n - at_) * sizeof(*(vec)->v));   \
		}                                                                                            \
		there_;                                                                                      \
	})

#define GET(vec, key, cmp)                                                                                   \
	({                                                                                                   \
		bool there_;                                                                                 \
		const size_t at_ = place((vec)->v, (vec)->n, (key), (cmp), &there_);                         \
		there_ ? (vec)->v[at_] : NULL;                                                               \
	})

#define FREE_ALL(vec, drop)                                                                                  \
	do {                                                                                                 \
		size_t i_;                                                                                   \
		for (i_ = 0; i_ < (vec)->n; i_++)                                                            \
			drop((vec)->v[i_]);                                                                  \
		vec_done(vec);                                                                               \
	} while (0)

/* ---- the whole -------------------------------------------------------------------------- */

struct model *model_new(void)
{
	return calloc(1, sizeof(struct model));
}

void model_free(struct model *m)
{
	if (!m)
		return;
	FREE_ALL(&m->namespaces, namespace_free);
	FREE_ALL(&m->pods, pod_free);
	FREE_ALL(&m->policies, net_policy_free);
	FREE_ALL(&m->services, service_free);
	FREE_ALL(&m->slices, slice_free);
	FREE_ALL(&m->nodes, cluster_node_free);
	FREE_ALL(&m->endpoints, endpoint_free);
	free(m->node_name);
	vec_done(&m->local_addrs);
	vec_done(&m->node_addrs);
	vec_done(&m->pod_cidrs);
	free(m);
}

/* ---- this node's addresses -------------------------------------------------------------- */

static bool stands_here(const struct model *m, const struct service *s)
{
	size_t i;

	for (i = 0; i < s->addrs.n; i++)
		if (vec_find(&m->local_addrs, &s->addrs.v[i], addr_cmp))
			return true;
	return false;
}

/* What is the Service's is not the node's, though an interface here has it, or several. */
static void leave_to_service(struct model *m, const struct service *s)
{
	struct addr *at;
	size_t i;

	for (i = 0; i < s->addrs.n; i++) {
		while ((at = vec_find(&m->node_addrs, &s->addrs.v[i], addr_cmp))) {
			m->node_addrs.n--;
			memmove(at, at + 1, (size_t)(m->node_addrs.v + m->node_addrs.n - at) * sizeof(*at));
		}
	}
}

/* All over again. There is room for all. */
static void settle_node_addrs(struct model *m)
{
	size_t i;

	m->node_addrs.n = m->local_addrs.n;
	if (m->local_addrs.n)
		memcpy(m->node_addrs.v, m->local_addrs.v, m->local_addrs.n * sizeof(*m->local_addrs.v));
	for (i = 0; i < m->services.n; i++)
		leave_to_service(m, m->services.v[i]);
}

/* ---- what there is ---------------------------------------------------------------------- */

int model_put_namespace(struct model *m, struct namespace *take)
{
	changes_all(m->changes);
	return PUT(&m->namespaces, take, namespace_cmp, namespace_free);
}

/* What was changed in place is not as it was. */
int model_put_pod(struct model *m, struct pod *take)
{
	const struct pod *was = m->changes ? model_pod(m, take->ns, take->name) : NULL;

	if (was == take)
		changes_all(m->changes);
	else
		changes_pod(m->changes, take->ns, take->name, was);
	return PUT(&m->pods, take, pod_cmp, pod_free);
}

/* What was changed in place is of the version that it was. */
int model_put_policy(struct model *m, struct net_policy *take)
{
	const struct net_policy *was = model_policy(m, take->kind, take->ns, take->name);
	const enum policy_kind kind = take->kind;

	changes_all(m->changes);
	if (was == take)
		return 0;
	versions_change(&m->versions[kind], was, take);
	return PUT(&m->policies, take, net_policy_cmp, net_policy_free);
}

bool model_same_policy(struct model *m, struct net_policy *is, struct net_policy *take)
{
	const bool other = versions_change(&m->versions[is->kind], is, take);

	if (other) {
		free(is->uid);
		is->uid = TAKE_PTR(take->uid);
		is->generation = take->generation;
		is->since = take->since;
	}
	net_policy_free(take);
	return other;
}

int model_put_service(struct model *m, struct service *take)
{
	const struct service *was = model_service(m, take->ns, take->name);
	const bool stood = was && (was == take || stands_here(m, was));
	int r;

	if (was == take || stood || stands_here(m, take))
		changes_all(m->changes);
	else
		changes_service(m->changes, take->ns, take->name, was);
	r = PUT(&m->services, take, service_cmp, service_free);
	if (stood)
		settle_node_addrs(m);
	else if (!r)
		leave_to_service(m, take);
	return r;
}

int model_put_slice(struct model *m, struct endpoint_slice *take)
{
	const struct endpoint_slice *was = m->changes ? model_slice(m, take->ns, take->name) : NULL;

	if (was == take)
		changes_all(m->changes);
	else
		changes_slice(m->changes, take->ns, take->name, was);
	return PUT(&m->slices, take, slice_cmp, slice_free);
}

int model_put_node(struct model *m, struct cluster_node *take)
{
	changes_nodes(m->changes);
	return PUT(&m->nodes, take, node_cmp, cluster_node_free);
}

int model_put_endpoint(struct model *m, struct endpoint *take)
{
	const struct endpoint *was = m->changes ? model_endpoint(m, &take->key) : NULL;

	if (was == take)
		changes_all(m->changes);
	else
		changes_endpoint(m->changes, &take->key, was);
	return PUT(&m->endpoints, take, endpoint_cmp, endpoint_free);
}

bool model_del_namespace(struct model *m, const char *name)
{
	const struct namespace key = { .name = (char *)name }, *k = &key;

	changes_all(m->changes);
	return DEL(&m->namespaces, &k, namespace_cmp, namespace_free);
}

bool model_del_pod(struct model *m, const char *ns, const char *name)
{
	const struct pod key = { .ns = (char *)ns, .name = (char *)name }, *k = &key;

	if (m->changes && model_pod(m, ns, name))
		changes_pod(m->changes, ns, name, model_pod(m, ns, name));
	return DEL(&m->pods, &k, pod_cmp, pod_free);
}

bool model_del_policy(struct model *m, enum policy_kind kind, const char *ns, const char *name)
{
	const struct net_policy key = { .kind = kind, .ns = (char *)ns, .name = (char *)name }, *k = &key;

	changes_all(m->changes);
	versions_change(&m->versions[kind], model_policy(m, kind, ns, name), NULL);
	return DEL(&m->policies, &k, net_policy_cmp, net_policy_free);
}

bool model_del_service(struct model *m, const char *ns, const char *name)
{
	const struct service key = { .ns = (char *)ns, .name = (char *)name }, *k = &key;
	const struct service *was = model_service(m, ns, name);
	const bool stood = was && stands_here(m, was);
	bool ret;

	if (stood)
		changes_all(m->changes);
	else if (was)
		changes_service(m->changes, ns, name, was);
	ret = DEL(&m->services, &k, service_cmp, service_free);
	if (stood)
		settle_node_addrs(m);
	return ret;
}

bool model_del_slice(struct model *m, const char *ns, const char *name)
{
	const struct endpoint_slice key = { .ns = (char *)ns, .name = (char *)name }, *k = &key;

	if (m->changes && model_slice(m, ns, name))
		changes_slice(m->changes, ns, name, model_slice(m, ns, name));
	return DEL(&m->slices, &k, slice_cmp, slice_free);
}

bool model_del_node(struct model *m, const char *name)
{
	const struct cluster_node key = { .name = (char *)name }, *k = &key;

	changes_nodes(m->changes);
	return DEL(&m->nodes, &k, node_cmp, cluster_node_free);
}

bool model_del_endpoint(struct model *m, const struct hash128 *key)
{
	const struct endpoint wanted = { .key = *key }, *k = &wanted;

	if (m->changes && model_endpoint(m, key))
		changes_endpoint(m->changes, key, model_endpoint(m, key));
	return DEL(&m->endpoints, &k, endpoint_cmp, endpoint_free);
}

const struct namespace *model_namespace(const struct model *m, const char *name)
{
	const struct namespace key = { .name = (char *)name }, *k = &key;

	return GET(&m->namespaces, &k, namespace_cmp);
}

const struct namespace *model_pod_namespace(const struct model *m, const struct pod *p)
{
	const struct namespace *ns = model_namespace(m, p->ns);

	return pod_is_whole(p, ns) ? ns : NULL;
}

bool model_audits(const struct model *m, const struct net_policy *p)
{
	const struct namespace *ns = *p->ns ? model_namespace(m, p->ns) : NULL;

	return p->audit || m->audit || (ns && namespace_is_audited(ns));
}

size_t model_problems(const struct model *m, const struct net_policy **ret_first)
{
	const struct net_policy *first = NULL;
	size_t i, n = 0;

	for (i = 0; i < m->policies.n; i++) {
		if (!m->policies.v[i]->problems.n)
			continue;
		if (!n++)
			first = m->policies.v[i];
	}
	if (ret_first)
		*ret_first = first;
	return n;
}

const struct pod *model_pod(const struct model *m, const char *ns, const char *name)
{
	const struct pod key = { .ns = (char *)ns, .name = (char *)name }, *k = &key;

	return GET(&m->pods, &k, pod_cmp);
}

const struct net_policy *model_policy(const struct model *m, enum policy_kind kind, const char *ns,
				      const char *name)
{
	const struct net_policy key = { .kind = kind, .ns = (char *)ns, .name = (char *)name }, *k = &key;

	return GET(&m->policies, &k, net_policy_cmp);
}

const struct service *model_service(const struct model *m, const char *ns, const char *name)
{
	const struct service key = { .ns = (char *)ns, .name = (char *)name }, *k = &key;

	return GET(&m->services, &k, service_cmp);
}

const struct endpoint_slice *model_slice(const struct model *m, const char *ns, const char *name)
{
	const struct endpoint_slice key = { .ns = (char *)ns, .name = (char *)name }, *k = &key;

	return GET(&m->slices, &k, slice_cmp);
}

const struct cluster_node *model_node(const struct model *m, const char *name)
{
	const struct cluster_node key = { .name = (char *)name }, *k = &key;

	return GET(&m->nodes, &k, node_cmp);
}

struct endpoint *model_endpoint(const struct model *m, const struct hash128 *key)
{
	const struct endpoint wanted = { .key = *key }, *k = &wanted;

	return GET(&m->endpoints, &k, endpoint_cmp);
}

const struct pod *model_endpoint_pod(const struct model *m, const struct endpoint *e)
{
	const struct pod *p = e->ns && e->pod ? model_pod(m, e->ns, e->pod) : NULL;

	return p && pod_has_uid(p, e->uid ? e->uid : "") ? p : NULL;
}

int model_set_node_name(struct model *m, const char *name)
{
	char *copy = strdup(name);

	if (!copy)
		return -ENOMEM;
	changes_all(m->changes);
	free(m->node_name);
	m->node_name = copy;
	return 0;
}

int model_set_local_addrs(struct model *m, const struct addr *addrs, size_t n)
{
	auto_free struct addr *local = NULL, *own = NULL;

	if (n) {
		local = malloc(n * sizeof(*local));
		own = malloc(n * sizeof(*own));
		if (!local || !own)
			return -ENOMEM;
		memcpy(local, addrs, n * sizeof(*local));
		qsort(local, n, sizeof(*local), addr_cmp);
	}
	changes_all(m->changes);
	vec_done(&m->local_addrs);
	vec_done(&m->node_addrs);
	m->local_addrs.v = TAKE_PTR(local);
	m->node_addrs.v = TAKE_PTR(own);
	m->local_addrs.n = m->local_addrs.size = m->node_addrs.size = n;
	settle_node_addrs(m);
	return 0;
}
