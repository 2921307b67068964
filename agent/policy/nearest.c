/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The closest rule. Every rule for the pod is asked by what it misses the flow (miss.c). Then those that
 * accept are tried, the closest first: were it to match, would the flow pass? What denies before it is one
 * field more.
 */
#include "policy/nearest.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policy/build.h"
#include "policy/miss.h"
#include "policy/order.h"
#include "util/scope.h"

#define OF_POLICY (NEAR_BIT(NEAR_AUDIT) | NEAR_BIT(NEAR_EXPIRED)) /* its rules are not there */
#define TRIES	  64 /* of candidates; each costs as much as there are rules */

/* A rule for the pod, in the order of decision. */
struct turn {
	const struct net_policy *policy;
	uint32_t rule;
	struct miss miss;
};

struct trial {
	const struct model *m;
	const struct near_flow *f;
	const struct pod *far;
	uint32_t isolating; /* policies in force that isolate the pod */
	VEC(struct turn) turns;
	const struct turn *made; /* that is taken to match */
	const struct turn *left_out, *in_the_way;
};

/* ---- who is there --------------------------------------------------------------------------- */

static int policy_order_cmp(const void *a, const void *b)
{
	const struct turn *x = a, *y = b;
	int r = policy_order(x->policy->tier, y->policy->tier);

	r = r ? r : policy_order(x->policy->priority, y->policy->priority);
	if (r || x->policy == y->policy)
		return r ? r : policy_order(x->rule, y->rule);
	r = strcmp(x->policy->ns, y->policy->ns);
	r = r ? r : strcmp(x->policy->name, y->policy->name);
	return r ? r : policy_order(x->policy->kind, y->policy->kind);
}

static uint32_t policy_fields(const struct trial *t, const struct net_policy *np)
{
	uint32_t ret = 0;

	if (net_policy_is_expired(np, t->m->now))
		ret |= NEAR_BIT(NEAR_EXPIRED);
	if (!t->f->audited && np->audit)
		ret |= NEAR_BIT(NEAR_AUDIT);
	return ret;
}

/* Of what is no accepting rule nobody asks how far it is; one that is not understood denies all. */
static int add_rules(struct trial *t, const struct net_policy *np)
{
	const uint32_t fields = policy_fields(t, np);
	struct turn *turn;
	uint32_t i;

	t->isolating += !fields && np->isolates[t->f->dir];
	for (i = 0; i < np->rules[t->f->dir].n; i++) {
		const struct rule *rule = &np->rules[t->f->dir].v[i];

		turn = vec_add(&t->turns);
		if (!turn)
			return -ENOMEM;
		*turn = (struct turn){ .policy = np, .rule = i };
		turn->miss = miss_of(t->m, t->f, t->far, np, rule);
		if (rule->action != RULE_ACCEPT && rule->unknown)
			turn->miss.fields = 0;
		turn->miss.fields |= fields;
	}
	return 0;
}

static int collect(struct trial *t)
{
	const struct namespace *ns = model_pod_namespace(t->m, t->f->pod);
	size_t i;
	int r = 0;

	for (i = 0; !r && i < t->m->policies.n; i++)
		if (net_policy_judges(t->m->policies.v[i], t->f->dir) &&
		    policy_selects(t->m->policies.v[i], ns, t->f->pod))
			r = add_rules(t, t->m->policies.v[i]);
	vec_sort(&t->turns, policy_order_cmp);
	return r;
}

/* ---- what would be -------------------------------------------------------------------------- */

static const struct rule *rule_of(const struct trial *t, const struct turn *turn)
{
	return &turn->policy->rules[t->f->dir].v[turn->rule];
}

/* Where its policy were there, all of its rules would be. */
static bool holds(const struct trial *t, const struct turn *turn)
{
	if (turn == t->left_out)
		return false;
	if (turn == t->made)
		return true;
	return !(turn->policy == t->made->policy ? turn->miss.fields & ~OF_POLICY : turn->miss.fields);
}

static enum rule_action action_at(const struct trial *t, const struct turn *turn)
{
	const struct rule *rule = rule_of(t, turn);

	return rule->unknown && rule->action != RULE_ACCEPT ? RULE_DENY : rule->action;
}

/* The weightier action wins among policies of one priority: Deny, Pass, Accept. */
static int weight_of(enum rule_action action)
{
	return action == RULE_DENY ? 2 : action == RULE_PASS ? 1 : 0;
}

/* What the rules of one priority [from..*ret_end) say; NULL: nothing. */
static const struct turn *priority_says(const struct trial *t, size_t from, size_t *ret_end)
{
	const struct turn *v = t->turns.v, *says = NULL;
	const struct net_policy *said = NULL; /* has had its say */
	size_t i;

	for (i = from; i < t->turns.n && v[i].policy->tier == v[from].policy->tier &&
		       v[i].policy->priority == v[from].policy->priority;
	     i++) {
		if (v[i].policy == said || !holds(t, &v[i]))
			continue;
		said = v[i].policy;
		if (!says || weight_of(action_at(t, &v[i])) > weight_of(action_at(t, says)))
			says = &v[i];
		else if (&v[i] == t->made && action_at(t, says) == RULE_ACCEPT)
			says = &v[i]; /* both accept */
	}
	*ret_end = i;
	return says;
}

/* What passes is in the way of its own tier alone. */
static bool is_in_the_way(const struct trial *t, const struct turn *says)
{
	if (action_at(t, says) == RULE_ACCEPT || says->policy->tier > t->made->policy->tier)
		return false;
	return action_at(t, says) == RULE_DENY || says->policy->tier == t->made->policy->tier;
}

/* Return: who decides in the tier; NULL: nobody, or who passes it on. */
static const struct turn *tier_says(struct trial *t, size_t *at, enum policy_tier tier)
{
	const struct turn *says = NULL;

	while (!says && *at < t->turns.n && t->turns.v[*at].policy->tier == tier)
		says = priority_says(t, *at, at);
	while (*at < t->turns.n && t->turns.v[*at].policy->tier == tier)
		++*at;
	if (says && !t->in_the_way && is_in_the_way(t, says))
		t->in_the_way = says;
	return says && action_at(t, says) != RULE_PASS ? says : NULL;
}

/* Whether the flow is decided by the rule that is taken to match. */
static bool passes(struct trial *t)
{
	const struct net_policy *np = t->made->policy;
	uint32_t isolating = t->isolating;
	const struct turn *says;
	size_t at = 0;

	t->in_the_way = NULL;
	says = tier_says(t, &at, TIER_ADMIN);
	if (!says)
		says = tier_says(t, &at, TIER_SEGMENTATION);
	if (says)
		return says == t->made;
	if (np->tier == TIER_NETWORK)
		return true;
	isolating += policy_fields(t, np) && np->isolates[t->f->dir];
	if (isolating || np->tier != TIER_BASELINE)
		return false;
	while (at < t->turns.n && t->turns.v[at].policy->tier == TIER_NETWORK)
		at++;
	return tier_says(t, &at, TIER_BASELINE) == t->made;
}

/* ---- the closest ---------------------------------------------------------------------------- */

static int candidate_cmp(const void *a, const void *b)
{
	const struct turn *x = *(const struct turn *const *)a, *y = *(const struct turn *const *)b;
	const int r = miss_cmp(&x->miss, &y->miss);

	return r ? r : (x > y) - (x < y);
}

/* Return: what it would take, *ret_before being who is in its way; more than the maximum: it cannot be. */
static struct miss try_turn(struct trial *t, const struct turn *turn, const struct turn **ret_before)
{
	struct miss ret = turn->miss;

	*ret_before = NULL;
	t->made = turn;
	t->left_out = NULL;
	if (passes(t))
		return ret;
	*ret_before = t->left_out = t->in_the_way;
	ret.fields = t->left_out && passes(t) ? ret.fields | NEAR_BIT(NEAR_ORDER) : UINT32_MAX;
	return ret;
}

static bool is_near(uint32_t fields)
{
	return fields && near_count(fields) <= NEAR_FIELDS_MAX;
}

static int choose(struct trial *t, const struct turn **v, size_t n, struct nearest *ret)
{
	struct miss best = { .fields = UINT32_MAX };
	const struct turn *before;
	size_t i;

	for (i = 0; i < n && i < TRIES && miss_cmp(&v[i]->miss, &best) < 0; i++) {
		const struct miss miss = try_turn(t, v[i], &before);

		if (!is_near(miss.fields) || miss_cmp(&miss, &best) >= 0)
			continue;
		best = miss;
		*ret = (struct nearest){ .policy = v[i]->policy,
					 .rule = v[i]->rule,
					 .peer = v[i]->miss.peer,
					 .fields = miss.fields,
					 .far = t->far,
					 .before = before ? before->policy : NULL,
					 .before_rule = before ? before->rule : 0 };
	}
	return best.fields != UINT32_MAX;
}

static int try_all(struct trial *t, struct nearest *ret)
{
	auto_free const struct turn **v = calloc(t->turns.n + 1, sizeof(const struct turn *));
	size_t i, n = 0;

	if (!v)
		return -ENOMEM;
	for (i = 0; i < t->turns.n; i++)
		if (rule_of(t, &t->turns.v[i])->action == RULE_ACCEPT &&
		    near_count(t->turns.v[i].miss.fields) <= NEAR_FIELDS_MAX)
			v[n++] = &t->turns.v[i];
	qsort(v, n, sizeof(*v), candidate_cmp);
	return choose(t, v, n, ret);
}

int policy_nearest(const struct model *m, const struct near_flow *f, struct nearest *ret)
{
	const struct far_end far = miss_far_end(m, &f->remote);
	struct trial t = { .m = m, .f = f, .far = far.pod };
	int r;

	if (far.in_doubt || addr_is_link_local(&f->remote))
		return 0;
	r = collect(&t);
	if (!r)
		r = try_all(&t, ret);
	vec_done(&t.turns);
	return r;
}
