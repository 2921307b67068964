/* SPDX-License-Identifier: Apache-2.0 */
/* The tables name every rule of the policies in use; the rows those that decide. */
#include "policy/idle.h"

#include <stdlib.h>
#include <string.h>

#include "policy/build.h"

struct idlers {
	const struct model *m;
	const struct tables *t;
	bool *decides; /* by rule, index + 1; [0]: what no rule decides */
	struct said {
		bool used, untold; /* by some set; of some set nobody can tell */
	} * policies;
};

static bool is_audited(const struct model *m, const struct table_set *set)
{
	size_t i;

	for (i = 0; i < set->policies.n; i++)
		if (m->policies.v[set->policies.v[i]]->audit)
			return true;
	return set->audited;
}

/* Of policies of one priority each has its say, and who accepts as another does is not named, but heard. */
static bool has_equals(const struct model *m, const struct table_set *set, size_t at)
{
	const struct net_policy *np = m->policies.v[set->policies.v[at]];
	size_t i;

	for (i = 0; np->tier != TIER_NETWORK && i < set->policies.n; i++) {
		const struct net_policy *other = m->policies.v[set->policies.v[i]];

		if (i != at && other->tier == np->tier && other->priority == np->priority)
			return true;
	}
	return false;
}

static void look(struct idlers *w)
{
	size_t i, k;

	for (i = 0; i < w->t->rows.n; i++)
		w->decides[w->t->rows.v[i].rule] = true;
	for (i = 0; i < w->t->ranges.n; i++)
		w->decides[w->t->ranges.v[i].rule] = true;
	for (i = 0; i < w->t->sets.n; i++) {
		const struct table_set *set = &w->t->sets.v[i];
		const bool audited = is_audited(w->m, set);

		for (k = 0; k < set->policies.n; k++) {
			w->policies[set->policies.v[k]].used = true;
			w->policies[set->policies.v[k]].untold |= audited || has_equals(w->m, set, k);
		}
	}
}

struct idlers *idlers_new(const struct model *m, const struct tables *t)
{
	struct idlers *w = calloc(1, sizeof(*w));

	if (!w)
		return NULL;
	w->m = m;
	w->t = t;
	w->decides = calloc(t->rules.n + 1, sizeof(*w->decides));
	w->policies = calloc(m->policies.n + 1, sizeof(*w->policies));
	if (!w->decides || !w->policies) {
		idlers_free(w);
		return NULL;
	}
	look(w);
	return w;
}

void idlers_free(struct idlers *w)
{
	if (!w)
		return;
	free(w->decides);
	free(w->policies);
	free(w);
}

bool idlers_policy(const struct idlers *w, size_t policy)
{
	return w->policies[policy].used;
}

/* ---- whom it names -------------------------------------------------------------------------- */

static bool some_pod(const struct model *m, const char *own, const struct peer *p)
{
	const struct namespace *ns = NULL;
	const char *last = NULL; /* interned */
	bool meant = false;
	size_t i;

	for (i = 0; i < m->pods.n; i++) {
		const struct pod *pod = m->pods.v[i];

		if (pod->ns != last) {
			ns = model_namespace(m, pod->ns);
			meant = ns && (p->namespaces ? selector_matches(p->namespaces, ns->labels)
						     : !strcmp(pod->ns, own));
		}
		last = pod->ns;
		if (meant && pod_is_whole(pod, ns) && !pod_is_out(pod) &&
		    (!p->pods || selector_matches(p->pods, pod->labels)))
			return true;
	}
	return false;
}

static bool some_node(const struct model *m, const struct peer *p)
{
	size_t i;

	for (i = 0; p->nodes && i < m->nodes.n; i++)
		if (selector_matches(p->nodes, m->nodes.v[i]->labels))
			return true;
	return !p->nodes;
}

static bool some_backend(const struct model *m, const struct peer *p)
{
	size_t i;

	for (i = 0; i < m->slices.n; i++)
		if (m->slices.v[i]->addrs.n && !strcmp(m->slices.v[i]->ns, p->service_ns) &&
		    !strcmp(m->slices.v[i]->service, p->service))
			return true;
	return false;
}

static bool is_somebody(const struct model *m, const char *ns, const struct peer *p)
{
	switch (p->kind) {
	case PEER_PODS:
		return some_pod(m, ns, p);
	case PEER_HOST:
		return some_node(m, p);
	case PEER_SERVICE:
		return some_backend(m, p);
	case PEER_BLOCK:
	case PEER_CLUSTER:
	case PEER_WORLD:
		break;
	}
	return true;
}

static bool names_somebody(const struct model *m, const char *ns, const struct rule *rule)
{
	size_t i;

	for (i = 0; i < rule->peers.n; i++)
		if (is_somebody(m, ns, &rule->peers.v[i]))
			return true;
	return !rule->peers.n;
}

static bool has_names_alone(const struct rule *rule)
{
	size_t i;

	for (i = 0; i < rule->ports.n; i++)
		if (!*rule->ports.v[i].name)
			return false;
	return rule->ports.n;
}

/* ---- the rule ------------------------------------------------------------------------------- */

static int by_hash(const void *key, const void *elem)
{
	return hash128_cmp(key, &((const struct table_rule *)elem)->hash);
}

enum idle idlers_rule(const struct idlers *w, size_t policy, uint32_t dir, uint32_t index)
{
	const struct net_policy *np = w->m->policies.v[policy];
	const struct rule *rule = &np->rules[dir].v[index];
	const struct hash128 hash = policy_rule_hash(np, dir, index);
	const struct table_rule *found = vec_find(&w->t->rules, &hash, by_hash);

	if (rule->unknown && rule->action == RULE_ACCEPT)
		return IDLE_UNKNOWN;
	if (!found || rule->action == RULE_PASS || w->policies[policy].untold)
		return IDLE_UNTOLD;
	if (w->decides[found - w->t->rules.v + 1])
		return IDLE_NOT;
	if (!rule->unknown && !names_somebody(w->m, np->ns, rule))
		return IDLE_NOBODY;
	return !rule->unknown && has_names_alone(rule) ? IDLE_NAMES : IDLE_SHADOWED;
}
