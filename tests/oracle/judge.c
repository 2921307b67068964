/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What holds for one address. Quotations are from the API references of networking.k8s.io/v1 and
 * policy.networking.k8s.io/v1alpha2. Of policy.bulkhead.dev/v1alpha1, where it goes on upstream's words, they
 * hold as well.
 */
#include "judge.h"

#include <netinet/in.h>
#include <string.h>

#include "match.h"
#include "whose.h"

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
	if (!pod || is_no_pod(pod) || !is_known(m, pod))
		return NULL;
	return pod;
}

/* By its namespace's label, or the whole install: whatever would be denied to it is reported alone. */
static bool is_watched(const struct model *m, const struct pod *pod)
{
	const struct labels *l = namespace_of(m, pod->ns)->labels;
	size_t i;

	for (i = 0; i < l->n; i++)
		if (strcmp(l->at[i].key, "policy.bulkhead.dev/mode") == 0 &&
		    strcmp(l->at[i].value, "Audit") == 0)
			return true;
	return m->audit;
}

/* "From then on the policy does not exist." Nor do those that are audited, if only what is enforced counts.
 */
static bool is_there(const struct question *q, const struct net_policy *np)
{
	if (np->expires && np->expires <= q->m->now)
		return false;
	return !q->enforced || (!np->audit && !is_watched(q->m, q->subject));
}

/* "podSelector selects the pods to which this NetworkPolicy object applies", in its own namespace. */
static bool is_of_namespace(const struct question *q, const struct net_policy *np)
{
	return strcmp(np->ns, q->subject->ns) == 0 && selects(np->subject, q->subject->labels);
}

/* "Namespaces is used to select pods via namespace selectors … Pods … via namespace AND pod selectors." */
static bool is_of_cluster(const struct question *q, const struct net_policy *np)
{
	return np->namespaces && selects(np->namespaces, namespace_of(q->m, q->subject->ns)->labels) &&
	       selects(np->subject, q->subject->labels);
}

/* Of those that isolate NetworkPolicy alone has no other way to decide. */
static bool isolates(const struct question *q, const struct net_policy *np)
{
	return (np->kind == POLICY_NETWORK || np->kind == POLICY_SEGMENTATION) && is_there(q, np) &&
	       is_of_namespace(q, np) && np->isolates[q->f->dir];
}

/* Whether it has rules with actions for the pod. */
static bool rules(const struct question *q, const struct net_policy *np)
{
	if (np->kind == POLICY_NETWORK || !is_there(q, np))
		return false;
	return np->kind == POLICY_SEGMENTATION ? is_of_namespace(q, np) : is_of_cluster(q, np);
}

/* Nobody is said to be at the far end. */
static struct question question_of(const struct asking *a)
{
	return (struct question){ .m = a->m, .f = a->f, .subject = a->pod, .enforced = a->enforced };
}

static bool some_isolates(const struct question *q)
{
	size_t i;

	for (i = 0; i < q->m->policies.n; i++)
		if (isolates(q, q->m->policies.v[i]))
			return true;
	return false;
}

bool is_isolated(const struct asking *a)
{
	const struct question q = question_of(a);

	return some_isolates(&q);
}

static bool is_about_pods(const struct rule *r)
{
	size_t i;

	for (i = 0; i < r->peers.n; i++)
		if (r->peers.v[i].kind == PEER_PODS)
			return true;
	return false;
}

/* How much a rule takes away. */
static enum ruled weight_of(const struct rule *r)
{
	if (r->action == RULE_ACCEPT)
		return RULED;
	return is_about_pods(r) ? RULED_BY_LABEL : RULED_OUT;
}

enum ruled how_ruled(const struct asking *a)
{
	const struct question q = question_of(a);
	enum ruled ret = RULED_NOT;
	size_t i, k;

	for (i = 0; i < a->m->policies.n; i++) {
		const struct net_policy *np = a->m->policies.v[i];

		for (k = 0; rules(&q, np) && k < np->rules[a->f->dir].n; k++)
			if (weight_of(&np->rules[a->f->dir].v[k]) > ret)
				ret = weight_of(&np->rules[a->f->dir].v[k]);
	}
	return ret;
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

		if (np->tier != tier || np->priority != priority || !rules(q, np))
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

static bool is_network(const struct question *q, const struct net_policy *np)
{
	return np->kind == POLICY_NETWORK && isolates(q, np);
}

/* "Traffic is allowed … if the traffic matches at least one rule across all of the policies whose podSelector
 * matches the pod." Only for a pod that is isolated. */
static struct verdict networks_verdict(const struct question *q)
{
	struct verdict ret = { .answer = ORACLE_DENIED, .tier = TIER_NETWORK };
	size_t i, k;

	for (i = 0; i < q->m->policies.n; i++) {
		const struct net_policy *np = q->m->policies.v[i];

		for (k = 0; is_network(q, np) && k < np->rules[q->f->dir].n; k++)
			if (rule_says(q, np, &np->rules[q->f->dir].v[k]) == SAYS_ACCEPT)
				ret = (struct verdict){ ORACLE_ALLOWED, true, TIER_NETWORK, np->priority };
	}
	return ret;
}

/* "Policy tiers are evaluated in the following order: Admin tier, NetworkPolicy tier, Baseline tier …
 * v1.NetworkPolicy always makes a final decision for selected pods … If a given connection wasn't allowed or
 * denied by any of the tiers, … all pods can communicate with each other." Ours is between the first two;
 * what it isolates is denied as by NetworkPolicy, whose rules have their say before that. */
static struct verdict judge(const struct question *q)
{
	struct verdict ret = { .answer = ORACLE_OPEN };

	if (tier_decides(q, TIER_ADMIN, &ret) || tier_decides(q, TIER_SEGMENTATION, &ret))
		return ret;
	if (some_isolates(q))
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

static struct question question_with(const struct asking *a, const struct claims *c)
{
	struct question q = question_of(a);

	q.who = c->by.v;
	q.n_who = c->by.n;
	return q;
}

static struct verdict judge_each(const struct asking *a, const struct claims *c)
{
	struct question q = question_with(a, c);
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
	q = question_with(a, &c);
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

	if (!is_network(q, np) && !rules(q, np))
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
	q = question_with(a, &c);
	ret = is_behind(&q, np, index, allowed);
	claims_done(&c);
	return ret;
}

/* A protocol that no rule can name. */
static struct oracle_flow everything_of(const struct oracle_flow *f)
{
	struct oracle_flow ret = *f;

	ret.proto = 0;
	ret.sport = ret.dport = 0;
	return ret;
}

static struct question question_of_everything(const struct asking *a, const struct oracle_flow *f)
{
	struct question q = question_of(a);

	q.f = f;
	q.nowhere = true;
	return q;
}

struct verdict judge_everything(const struct asking *a)
{
	const struct oracle_flow f = everything_of(a->f);
	const struct question q = question_of_everything(a, &f);

	return judge(&q);
}

bool is_behind_everything(const struct asking *a, const struct net_policy *np, size_t index, bool allowed)
{
	const struct oracle_flow f = everything_of(a->f);
	const struct question q = question_of_everything(a, &f);

	return is_behind(&q, np, index, allowed);
}
