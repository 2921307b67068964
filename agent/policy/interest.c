/* SPDX-License-Identifier: Apache-2.0 */
/* Which changes a compile would see. */
#include "policy/interest.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policy/build.h"
#include "policy/order.h"
#include "util/intern.h"
#include "util/scope.h"

/* What one item of from/to names. */
struct wish {
	const char *ns;			    /* interned: that the pods must be in; NULL: `namespaces` says */
	struct selector *namespaces, *pods; /* pods NULL: all */
};

/* A pod that has an interface here; both interned. */
struct local {
	const char *ns, *name;
};

/* A Service. */
struct behind {
	char *ns, *name;
};

/* What was looked at, whichever class an address has. */
struct looks {
	unsigned int more; /* interests than one that these are of */
	VEC(struct wish) wishes;
	VEC(struct local) locals;   /* by namespace, name */
	VEC(struct addr) addrs;	    /* where one claim more or less may tell, beside locations; sorted */
	VEC(struct addr) vips;	    /* addresses of Services; sorted */
	VEC(struct addr) here;	    /* of interfaces here; sorted */
	bool services;		    /* some policy set isolates egress, or refuses some */
	bool nodes;		    /* some rule names nodes, the cluster or the world */
	bool pods;		    /* some rule names the cluster or the world: any pod tells, any Service */
	VEC(struct behind) behind;  /* that some rule names */
	bool refuses;		    /* some rule does not accept: it minds whom nobody knows */
	bool names;		    /* some egress rule has a port by name */
	VEC(struct named_port) any; /* that such a rule asks any pod for; port 0 */
};

struct interest {
	struct looks *at;
	struct tables *t; /* held */
};

/* ---- copies --------------------------------------------------------------------------------- */

static int copy_requirement(const struct requirement *from, struct selector *to)
{
	struct requirement *r;
	size_t i;
	int ret = selector_add(to, from->key, from->op, &r);

	for (i = 0; !ret && i < from->values.n; i++)
		ret = requirement_value(r, from->values.v[i]);
	return ret;
}

/* NULL stays NULL. */
static int copy_selector(const struct selector *from, struct selector **ret)
{
	struct selector *copy = from ? selector_new() : NULL;
	size_t i;
	int r = from && !copy ? -ENOMEM : 0;

	for (i = 0; !r && from && i < from->at.n; i++)
		r = copy_requirement(&from->at.v[i], copy);
	if (r < 0) {
		selector_free(copy);
		return r;
	}
	*ret = copy;
	return 0;
}

static int add_behind(struct looks *i, const struct peer *p)
{
	struct behind *slot = vec_add(&i->behind);

	if (!slot)
		return -ENOMEM;
	slot->ns = strdup(p->service_ns);
	slot->name = strdup(p->service);
	return slot->ns && slot->name ? 0 : -ENOMEM;
}

/* What is not selected by labels. */
static int add_entity(struct looks *i, const struct peer *p)
{
	i->nodes |= p->kind == PEER_HOST || p->kind == PEER_CLUSTER || p->kind == PEER_WORLD;
	i->pods |= p->kind == PEER_CLUSTER || p->kind == PEER_WORLD;
	return p->kind == PEER_SERVICE ? add_behind(i, p) : 0;
}

static int add_wish(struct looks *i, const struct net_policy *np, const struct peer *p)
{
	struct wish *w;
	int r;

	if (p->kind != PEER_PODS)
		return add_entity(i, p);
	w = vec_add(&i->wishes);
	if (!w)
		return -ENOMEM;
	if (!p->namespaces) {
		w->ns = intern_text(np->ns);
		if (!w->ns)
			return -ENOMEM;
	}
	r = copy_selector(p->namespaces, &w->namespaces);
	return r ? r : copy_selector(p->pods, &w->pods);
}

/* ---- what was looked at --------------------------------------------------------------------- */

static int add_names(struct looks *i, const struct rule *rule)
{
	struct named_port *slot;
	size_t k;

	for (k = 0; k < rule->ports.n; k++) {
		const struct port_range *p = &rule->ports.v[k];

		if (!*p->name)
			continue;
		i->names = true;
		if (rule->peers.n)
			continue;
		slot = vec_add(&i->any);
		if (!slot)
			return -ENOMEM;
		memcpy(slot->name, p->name, sizeof(slot->name));
		slot->proto = p->proto;
	}
	return 0;
}

static int add_rules(struct looks *i, const struct net_policy *np, int dir)
{
	size_t k, j;
	int r = 0;

	for (k = 0; !r && k < np->rules[dir].n; k++) {
		const struct rule *rule = &np->rules[dir].v[k];

		for (j = 0; !r && !rule->unknown && j < rule->peers.n; j++)
			r = add_wish(i, np, &rule->peers.v[j]);
		if (!r && !rule->unknown && dir == DIR_EGRESS)
			r = add_names(i, rule);
	}
	return r;
}

static int add_policies(struct looks *i, const struct model *m, const struct tables *t)
{
	auto_free bool *used = calloc(m->policies.n + 1, sizeof(*used));
	size_t k, j;
	int dir, r = 0;

	if (!used)
		return -ENOMEM;
	for (k = 0; k < t->sets.n; k++) {
		i->services |= table_set_minds_services(&t->sets.v[k]);
		i->refuses |= t->sets.v[k].refuses[DIR_INGRESS] || t->sets.v[k].refuses[DIR_EGRESS];
		for (j = 0; j < t->sets.v[k].policies.n; j++)
			used[t->sets.v[k].policies.v[j]] = true;
	}
	for (k = 0; !r && k < m->policies.n; k++)
		for (dir = 0; !r && used[k] && dir < DIR_MAX; dir++)
			if (net_policy_judges(m->policies.v[k], (uint32_t)dir))
				r = add_rules(i, m->policies.v[k], dir);
	return r;
}

static int local_cmp(const void *a, const void *b)
{
	const struct local *x = a, *y = b;
	const int r = strcmp(x->ns, y->ns);

	return r ? r : strcmp(x->name, y->name);
}

static int add_locals(struct looks *i, const struct model *m)
{
	size_t k;
	int r = 0;

	for (k = 0; !r && k < m->endpoints.n; k++) {
		const struct endpoint *e = m->endpoints.v[k];
		struct local *l = e->ns && e->pod ? vec_add(&i->locals) : NULL;

		r = policy_add_addrs(&i->addrs, e->addrs.v, e->addrs.n);
		if (!e->ns || !e->pod)
			continue;
		if (!l)
			return -ENOMEM;
		*l = (struct local){ .ns = intern_text(e->ns), .name = intern_text(e->pod) };
		if (!l->ns || !l->name)
			return -ENOMEM;
	}
	vec_sort(&i->locals, local_cmp);
	return r;
}

static int add_vips(struct looks *i, const struct service *s)
{
	int r = policy_add_addrs(&i->vips, s->addrs.v, s->addrs.n);

	if (!r)
		r = policy_add_addrs(&i->vips, s->balancers.v, s->balancers.n);
	return r ? r : policy_add_addrs(&i->vips, s->externals.v, s->externals.n);
}

/* Where another claim would make a location's peers fewer, or one claim less would make them more. */
static int add_claimed(struct looks *i, const struct model *m, const struct tables *t)
{
	size_t k;
	int r = policy_add_addrs(&i->addrs, t->contested.v, t->contested.n);

	if (!r)
		r = policy_add_addrs(&i->here, m->local_addrs.v, m->local_addrs.n);
	for (k = 0; !r && i->services && k < m->services.n; k++)
		r = add_vips(i, m->services.v[k]);
	vec_sort(&i->addrs, addr_cmp);
	vec_sort(&i->vips, addr_cmp);
	return r;
}

static void drop_looks(struct looks *i)
{
	size_t k;

	if (!i || i->more--)
		return;
	for (k = 0; k < i->wishes.n; k++) {
		intern_drop(i->wishes.v[k].ns);
		selector_free(i->wishes.v[k].namespaces);
		selector_free(i->wishes.v[k].pods);
	}
	for (k = 0; k < i->locals.n; k++) {
		intern_drop(i->locals.v[k].ns);
		intern_drop(i->locals.v[k].name);
	}
	for (k = 0; k < i->behind.n; k++) {
		free(i->behind.v[k].ns);
		free(i->behind.v[k].name);
	}
	vec_done(&i->wishes);
	vec_done(&i->behind);
	vec_done(&i->any);
	vec_done(&i->locals);
	vec_done(&i->addrs);
	vec_done(&i->vips);
	vec_done(&i->here);
	free(i);
}

/* Takes the reference to @at, which may be NULL. */
static int new_interest(struct looks *at, struct tables *t, struct interest **ret)
{
	struct interest *i = at ? calloc(1, sizeof(*i)) : NULL;

	if (!i) {
		drop_looks(at);
		return -ENOMEM;
	}
	i->at = at;
	i->t = tables_hold(t);
	*ret = i;
	return 0;
}

int policy_interest(const struct model *m, struct tables *t, struct interest **ret)
{
	struct looks *at = calloc(1, sizeof(*at));
	int r = at ? add_policies(at, m, t) : -ENOMEM;

	if (!r)
		r = add_locals(at, m);
	if (!r)
		r = add_claimed(at, m, t);
	if (!r)
		return new_interest(at, t, ret);
	drop_looks(at);
	return r;
}

int policy_interest_patched(const struct interest *before, struct tables *t, struct interest **ret)
{
	before->at->more++;
	return new_interest(before->at, t, ret);
}

void interest_free(struct interest *i)
{
	if (!i)
		return;
	drop_looks(i->at);
	tables_free(i->t);
	free(i);
}
/* ---- questions ------------------------------------------------------------------------------ */

static bool wants_namespace(const struct wish *w, const struct namespace *ns)
{
	return w->ns ? !strcmp(w->ns, ns->name) : selector_matches(w->namespaces, ns->labels);
}

static bool wants_pod(const struct wish *w, const struct pod *p)
{
	return !w->pods || selector_matches(w->pods, p->labels);
}

/* Whether a rule for any peer asks for the name of one of its ports. */
static bool is_asked(const struct looks *i, const struct pod *p)
{
	size_t k, n;

	for (k = 0; p->ports && k < i->any.n; k++)
		if (named_ports_find(p->ports->at, p->ports->n, &i->any.v[k], &n))
			return true;
	return false;
}

static bool is_wanted(const struct looks *i, const struct namespace *ns, const struct pod *p)
{
	size_t k;

	if (is_asked(i, p))
		return true;

	for (k = 0; k < i->wishes.n; k++)
		if (wants_namespace(&i->wishes.v[k], ns) && wants_pod(&i->wishes.v[k], p))
			return true;
	return false;
}

static bool is_known(const struct interest *i, const struct addr *a)
{
	return tables_location(i->t, a) || vec_find(&i->at->addrs, a, addr_cmp) ||
	       vec_find(&i->at->vips, a, addr_cmp);
}

static bool is_local(const struct looks *i, const struct pod *p)
{
	const struct local l = { .ns = p->ns, .name = p->name };

	return vec_find(&i->locals, &l, local_cmp);
}

bool interest_pod(const struct interest *i, const struct namespace *ns, const struct pod *p)
{
	size_t k;

	if (is_local(i->at, p))
		return true;
	if (pod_is_out(p) || !p->addrs.n)
		return false; /* nobody's peer, and claims nothing */
	for (k = 0; k < p->addrs.n; k++)
		if (is_known(i, &p->addrs.v[k]))
			return true;
	if (i->at->pods)
		return true;
	/* Whom nobody can tell, rules that refuse may mean. */
	return pod_is_whole(p, ns) ? is_wanted(i->at, ns, p) : i->at->refuses;
}

/* Whether the same peers select both, and names mean the same. */
static bool same_peers(const struct looks *i, const struct namespace *ns, const struct pod *a,
		       const struct pod *b)
{
	size_t k;

	if (i->names && a->ports != b->ports)
		return false;
	for (k = 0; ns && a->labels != b->labels && k < i->wishes.n; k++) {
		const struct wish *w = &i->wishes.v[k];

		if (wants_pod(w, a) != wants_pod(w, b) && wants_namespace(w, ns))
			return false;
	}
	return true;
}

bool interest_pod_change(const struct interest *i, const struct namespace *ns, const struct pod *old,
			 const struct pod *new)
{
	const bool same_claims =
		pod_is_out(old) == pod_is_out(new) && old->addrs.n == new->addrs.n &&
		(!old->addrs.n || !memcmp(old->addrs.v, new->addrs.v, old->addrs.n * sizeof(*old->addrs.v)));

	if (!is_local(i->at, old) && old->partial == new->partial &&
	    same_claims &&same_peers(i->at, ns, old, new))
		return false;
	return interest_pod(i, ns, old) || interest_pod(i, ns, new);
}

/* Locals are few: a walk will do. */
static bool has_local(const struct looks *i, const char *ns)
{
	size_t k;

	for (k = 0; k < i->locals.n; k++)
		if (!strcmp(i->locals.v[k].ns, ns))
			return true;
	return false;
}

bool interest_namespace(const struct interest *i, const struct namespace *ns, bool stays)
{
	size_t k;

	if (has_local(i->at, ns->name) || i->at->any.n || (i->at->refuses && (!stays || ns->partial)))
		return true;
	for (k = 0; k < i->at->wishes.n; k++)
		if (wants_namespace(&i->at->wishes.v[k], ns))
			return true;
	return false;
}

bool interest_policy(const struct interest *i, const struct net_policy *np)
{
	return net_policy_is_cluster(np) || has_local(i->at, np->ns);
}

/* Some address or port of the node is no longer the node's, or is again, whatever policies say. */
static bool is_of_nodes(const struct looks *i, const struct service *s)
{
	size_t k;

	for (k = 0; k < s->addrs.n; k++)
		if (vec_find(&i->here, &s->addrs.v[k], addr_cmp))
			return true;
	for (k = 0; k < s->ports.n; k++)
		if (s->ports.v[k].node_port)
			return true;
	return s->balancers.n || s->externals.n;
}

bool interest_service(const struct interest *i, const struct service *s)
{
	return s->addrs.n && (i->at->services || i->at->pods || is_of_nodes(i->at, s));
}

bool interest_slice(const struct interest *i, const struct endpoint_slice *slice,
		    const struct service *service)
{
	size_t k;

	for (k = 0; k < i->at->behind.n; k++)
		if (!strcmp(i->at->behind.v[k].name, slice->service) &&
		    !strcmp(i->at->behind.v[k].ns, slice->ns))
			return true;
	return service && i->at->services && service->addrs.n;
}

/* It outranks a Service that has its address. */
bool interest_node(const struct interest *i, const struct cluster_node *n)
{
	size_t k;

	for (k = 0; !i->at->nodes && k < n->addrs.n; k++)
		if (vec_find(&i->at->vips, &n->addrs.v[k], addr_cmp))
			return true;
	return i->at->nodes;
}
