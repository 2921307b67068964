/* SPDX-License-Identifier: Apache-2.0 */
/* The oracle: Services, and the answers. */
#include "oracle.h"

#include "behind.h"
#include "judge.h"
#include "match.h"

/* ---- Services ------------------------------------------------------------------------------- */

static bool backend_passes(const struct asking *a, const struct oracle_flow *f)
{
	struct asking ask = *a;
	struct verdict v;

	ask.f = f;
	v = judge_address(&ask);
	return passes(&v) || is_this_node(a->m, &f->dst, f->proto, f->dport);
}

static bool all_pass(const struct asking *a, const struct behind *b)
{
	size_t i;

	for (i = 0; i < b->at.n; i++)
		if (!backend_passes(a, &b->at.v[i]))
			return false;
	return true;
}

/* Which backend it will be nobody knows: there must be one, and all must be allowed; by every Service that
 * has this address. A ClusterIP has no ports but those; where everything may be sent to everybody, what is a
 * port of no Service with this address is judged as if there were none; and where besides nothing can deny a
 * backend, none needs to be known. Who claims an address by himself opens nothing by it. */
static bool service_passes(const struct asking *a)
{
	const bool everything = allows_everything(a);
	struct behind b;
	struct verdict itself;
	enum stands how;
	bool ret;

	if (everything && !is_ruled(a->m, a->pod, DIR_EGRESS, true))
		return true;
	how = behind_of(a->m, a->f, &b);
	itself = judge_address(a);
	if (everything && !b.port)
		ret = passes(&itself);
	else
		ret = !(b.no_port && how == STANDS_CLUSTER) && !b.unknown && all_pass(a, &b);
	if (how == STANDS_EXTERNAL)
		ret &= passes(&itself);
	vec_done(&b.at);
	return ret;
}

static enum oracle_answer service_answer(const struct asking *a)
{
	if (!service_passes(a))
		return ORACLE_DENIED;
	if (is_isolated(a->m, a->pod, DIR_EGRESS) || is_ruled(a->m, a->pod, DIR_EGRESS, false))
		return ORACLE_ALLOWED;
	return ORACLE_OPEN;
}

static bool some_backend_is_in_doubt(const struct model *m, const struct oracle_flow *f)
{
	struct behind b;
	bool ret = false;
	size_t i;

	(void)behind_of(m, f, &b);
	for (i = 0; i < b.at.n; i++)
		ret |= is_in_doubt(m, &b.at.v[i]);
	vec_done(&b.at);
	return ret;
}

/* About one of the backends, about the address that was claimed, or about everybody. */
static bool is_behind_service(const struct asking *a, const struct net_policy *np, size_t index, bool allowed)
{
	struct asking ask = *a;
	struct behind b;
	bool ret = is_behind_everything(a, np, index, allowed);
	size_t i;

	if (behind_of(a->m, a->f, &b) == STANDS_EXTERNAL || allows_everything(a))
		ret |= is_behind_address(a, np, index, allowed);
	for (i = 0; i < b.at.n; i++) {
		ask.f = &b.at.v[i];
		ret |= is_behind_address(&ask, np, index, allowed);
	}
	vec_done(&b.at);
	return ret;
}

bool oracle_is_service(const struct model *m, const struct oracle_flow *f)
{
	return stands_for(m, f) != STANDS_FOR_NOBODY;
}

bool oracle_is_to_node(const struct model *m, const struct oracle_flow *f)
{
	return f->dir == DIR_EGRESS && is_this_node(m, &f->dst, f->proto, f->dport);
}

/* ---- the answers ---------------------------------------------------------------------------- */

static enum oracle_answer ask(const struct model *m, const struct oracle_flow *f, bool each)
{
	const struct asking a = { .m = m, .f = f, .pod = subject_of(m, f->ifindex), .each = each };

	if (!a.pod)
		return ORACLE_UNKNOWN;
	return oracle_is_service(m, f) ? service_answer(&a) : judge_address(&a).answer;
}

enum oracle_answer oracle_ask(const struct model *m, const struct oracle_flow *f)
{
	return ask(m, f, false);
}

bool oracle_allows_each(const struct model *m, const struct oracle_flow *f)
{
	const enum oracle_answer answer = ask(m, f, true);

	return answer == ORACLE_OPEN || answer == ORACLE_ALLOWED;
}

bool oracle_is_in_doubt(const struct model *m, const struct oracle_flow *f)
{
	const struct pod *pod = subject_of(m, f->ifindex);

	if (!pod || !is_ruled(m, pod, f->dir, true))
		return false;
	return oracle_is_service(m, f) ? some_backend_is_in_doubt(m, f) : is_in_doubt(m, f);
}

bool oracle_has_cluster_policy(const struct model *m, const struct oracle_flow *f)
{
	const struct pod *pod = subject_of(m, f->ifindex);

	return pod && is_ruled(m, pod, f->dir, false);
}

bool oracle_has_rule(const struct model *m, const struct oracle_flow *f)
{
	const struct asking a = { .m = m, .f = f, .pod = subject_of(m, f->ifindex) };

	return a.pod && judge_address(&a).by_rule;
}

bool oracle_rule_decides(const struct model *m, const struct oracle_flow *f, const struct net_policy *np,
			 uint32_t index, bool allowed)
{
	const struct asking a = { .m = m, .f = f, .pod = subject_of(m, f->ifindex) };

	if (!a.pod || index >= np->rules[f->dir].n)
		return false;
	if (oracle_is_service(m, f))
		return is_behind_service(&a, np, index, allowed);
	return is_behind_address(&a, np, index, allowed);
}
