/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What holds for one address. Quotations are from the API references of networking.k8s.io/v1 and
 * policy.networking.k8s.io/v1alpha2.
 */
#include "judge.h"

#include <netinet/in.h>
#include <string.h>

#include "match.h"

/* ---- whose policies? ------------------------------------------------------------------------ */

const struct pod *subject_of(const struct model *m, uint32_t ifindex)
{
	const struct endpoint *owner = NULL;
	const struct pod *pod;
	size_t i;

	for (i = 0; i < m->endpoints.n; i++) {
		if (m->endpoints.v[i]->ifindex != ifindex)
			continue;
		if (owner)
			return NULL;
		owner = m->endpoints.v[i];
	}
	pod = owner ? pod_of(m, owner) : NULL;
	if (!pod || is_no_pod(pod) || !namespace_of(m, pod->ns))
		return NULL;
	return pod;
}

/* "podSelector selects the pods to which this NetworkPolicy object applies", in its own namespace. */
static bool isolates(const struct net_policy *np, const struct pod *pod, int dir)
{
	return np->tier == TIER_NETWORK && strcmp(np->ns, pod->ns) == 0 &&
	       selects(np->subject, pod->labels) && np->isolates[dir];
}

/* "Namespaces is used to select pods via namespace selectors … Pods … via namespace AND pod selectors." */
static bool rules(const struct model *m, const struct net_policy *np, const struct pod *pod)
{
	return np->tier != TIER_NETWORK && np->namespaces &&
	       selects(np->namespaces, namespace_of(m, pod->ns)->labels) && selects(np->subject, pod->labels);
}

bool is_isolated(const struct model *m, const struct pod *pod, int dir)
{
	size_t i;

	for (i = 0; i < m->policies.n; i++)
		if (isolates(m->policies.v[i], pod, dir))
			return true;
	return false;
}

bool is_ruled(const struct model *m, const struct pod *pod, int dir, bool other)
{
	size_t i, k;

	for (i = 0; i < m->policies.n; i++)
		for (k = 0; rules(m, m->policies.v[i], pod) && k < m->policies.v[i]->rules[dir].n; k++)
			if (!other || m->policies.v[i]->rules[dir].v[k].action != RULE_ACCEPT)
				return true;
	return false;
}

/* ---- one address ---------------------------------------------------------------------------- */

/* The weightier one last. Of policies with one priority "the implementation can apply any": we Deny before we
 * Pass before we Accept, so that all nodes decide alike. */
enum say { SAYS_NOTHING, SAYS_ACCEPT, SAYS_PASS, SAYS_DENY };

/* 'For "Accept" rules, "fail closed" means: "treat the rule as matching no traffic". For "Deny" and "Pass"
 * rules …: "treat the rule as a 'Deny all' rule".' So do we where such a rule may be about somebody whom we
 * do not know. */
static enum say rule_says(const struct question *q, const struct net_policy *np, const struct rule *r)
{
	struct question maybe = *q;

	maybe.anybody = q->n_who == 1 && !is_known(q->m, q->who[0]);
	if (r->unknown)
		return r->action == RULE_ACCEPT ? SAYS_NOTHING : SAYS_DENY;
	if (!rule_matches(q, np, r))
		return r->action != RULE_ACCEPT && rule_matches(&maybe, np, r) ? SAYS_DENY : SAYS_NOTHING;
	return r->action == RULE_ACCEPT ? SAYS_ACCEPT : r->action == RULE_PASS ? SAYS_PASS : SAYS_DENY;
}

/* "A rule that appears at the top of the … rules would take the highest precedence." @ret_index: which
 * decides. */
static enum say policy_says(const struct question *q, const struct net_policy *np, size_t *ret_index)
{
	const int dir = q->f->dir;
	enum say say;
	size_t k;

	for (k = 0; k < np->rules[dir].n; k++) {
		say = rule_says(q, np, &np->rules[dir].v[k]);
		if (say == SAYS_NOTHING)
			continue;
		*ret_index = k;
		return say;
	}
	return SAYS_NOTHING;
}

static enum say priority_says(const struct question *q, enum policy_tier tier, int priority)
{
	enum say say, most = SAYS_NOTHING;
	size_t i, index;

	for (i = 0; i < q->m->policies.n; i++) {
		const struct net_policy *np = q->m->policies.v[i];

		if (np->tier != tier || np->priority != priority || !rules(q->m, np, q->subject))
			continue;
		say = policy_says(q, np, &index);
		if (say > most)
			most = say;
	}
	return most;
}

/* The next that some policy of the tier has. */
static bool next_priority(const struct model *m, enum policy_tier tier, int *priority)
{
	int next = -1;
	size_t i;

	for (i = 0; i < m->policies.n; i++) {
		const struct net_policy *np = m->policies.v[i];

		if (np->tier == tier && np->priority > *priority && (next < 0 || np->priority < next))
			next = np->priority;
	}
	*priority = next;
	return next >= 0;
}

/* "Policies with lower priority values have higher precedence, and are checked before …" Pass "skips all
 * further ClusterNetworkPolicy rules in the current tier". Return: whether the tier decides. */
static bool tier_decides(const struct question *q, enum policy_tier tier, struct verdict *ret)
{
	enum say say = SAYS_NOTHING;
	int priority = -1;

	while (say == SAYS_NOTHING && next_priority(q->m, tier, &priority))
		say = priority_says(q, tier, priority);
	if (say != SAYS_ACCEPT && say != SAYS_DENY)
		return false;
	*ret = (struct verdict){ .answer = say == SAYS_ACCEPT ? ORACLE_ALLOWED : ORACLE_DENIED,
				 .by_rule = true,
				 .tier = tier,
				 .priority = priority };
	return true;
}

/* "Traffic is allowed … if the traffic matches at least one rule across all of the policies whose podSelector
 * matches the pod." Only for a pod that is isolated. */
static struct verdict networks_verdict(const struct question *q)
{
	struct verdict ret = { .answer = ORACLE_DENIED, .tier = TIER_NETWORK };
	size_t i, k;

	for (i = 0; i < q->m->policies.n; i++) {
		const struct net_policy *np = q->m->policies.v[i];

		for (k = 0; isolates(np, q->subject, q->f->dir) && k < np->rules[q->f->dir].n; k++)
			if (rule_says(q, np, &np->rules[q->f->dir].v[k]) == SAYS_ACCEPT)
				ret = (struct verdict){ ORACLE_ALLOWED, true, TIER_NETWORK, np->priority };
	}
	return ret;
}

/* "Policy tiers are evaluated in the following order: Admin tier, NetworkPolicy tier, Baseline tier …
 * v1.NetworkPolicy always makes a final decision for selected pods … If a given connection wasn't allowed or
 * denied by any of the tiers, … all pods can communicate with each other." */
static struct verdict judge(const struct question *q)
{
	struct verdict ret = { .answer = ORACLE_OPEN };

	if (tier_decides(q, TIER_ADMIN, &ret))
		return ret;
	if (is_isolated(q->m, q->subject, q->f->dir))
		return networks_verdict(q);
	(void)tier_decides(q, TIER_BASELINE, &ret);
	return ret;
}

/* ---- whoever is there ----------------------------------------------------------------------- */

static const struct addr *remote_of(const struct oracle_flow *f)
{
	return f->dir == DIR_INGRESS ? &f->src : &f->dst;
}

bool passes(const struct verdict *v)
{
	return v->answer == ORACLE_OPEN || v->answer == ORACLE_ALLOWED;
}

static struct question question_of(const struct asking *a, const struct claims *c)
{
	return (struct question){ .m = a->m, .f = a->f, .subject = a->pod, .who = c->by.v, .n_who = c->by.n };
}

static struct verdict judge_each(const struct asking *a, const struct claims *c)
{
	struct question q = question_of(a, c);
	struct verdict ret = {}, v;
	size_t i;

	q.n_who = 1;
	for (i = 0; i < c->by.n; i++) {
		q.who = &c->by.v[i];
		v = judge(&q);
		if (i == 0 || !passes(&v))
			ret = v;
	}
	return ret;
}

struct verdict judge_address(const struct asking *a)
{
	struct claims c;
	struct question q;
	struct verdict ret;

	claims_of(a->m, remote_of(a->f), &c);
	q = question_of(a, &c);
	ret = a->each && c.by.n ? judge_each(a, &c) : judge(&q);
	claims_done(&c);
	return ret;
}

bool is_in_doubt(const struct model *m, const struct oracle_flow *f)
{
	struct claims c;
	bool ret;

	claims_of(m, remote_of(f), &c);
	ret = c.by.n > 1 || (c.by.n == 1 && !is_known(m, c.by.v[0]));
	claims_done(&c);
	return ret;
}

static bool is_behind(const struct question *q, const struct net_policy *np, size_t index, bool allowed)
{
	const struct verdict v = judge(q);
	size_t first = 0;

	if (!isolates(np, q->subject, q->f->dir) && !rules(q->m, np, q->subject))
		return false;
	if (!v.by_rule || passes(&v) != allowed || np->tier != v.tier || np->priority != v.priority)
		return false;
	if (np->tier == TIER_NETWORK)
		return rule_says(q, np, &np->rules[q->f->dir].v[index]) == SAYS_ACCEPT;
	return policy_says(q, np, &first) == (allowed ? SAYS_ACCEPT : SAYS_DENY) && first == index;
}

bool is_behind_address(const struct asking *a, const struct net_policy *np, size_t index, bool allowed)
{
	struct claims c;
	struct question q;
	bool ret;

	claims_of(a->m, remote_of(a->f), &c);
	q = question_of(a, &c);
	ret = is_behind(&q, np, index, allowed);
	claims_done(&c);
	return ret;
}

static struct oracle_flow everything_of(const struct oracle_flow *f)
{
	struct oracle_flow ret = *f;

	ret.proto = IPPROTO_RAW;
	ret.sport = ret.dport = 0;
	return ret;
}

bool allows_everything(const struct asking *a)
{
	const struct oracle_flow f = everything_of(a->f);
	const struct question q = { .m = a->m, .f = &f, .subject = a->pod, .nowhere = true };
	const struct verdict v = judge(&q);

	return passes(&v);
}

bool is_behind_everything(const struct asking *a, const struct net_policy *np, size_t index, bool allowed)
{
	const struct oracle_flow f = everything_of(a->f);
	const struct question q = { .m = a->m, .f = &f, .subject = a->pod, .nowhere = true };

	return is_behind(&q, np, index, allowed);
}
