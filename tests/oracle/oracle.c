/* SPDX-License-Identifier: Apache-2.0 */
/* The oracle: Services, and the answers. */
#include "oracle.h"

#include "behind.h"
#include "judge.h"
#include "whose.h"

/* ---- Services ------------------------------------------------------------------------------- */

static bool allows_everything(const struct asking *a)
{
	const struct verdict v = judge_everything(a);

	return passes(&v);
}

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

	if (everything && how_ruled(a) < RULED_OUT)
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
	if (is_isolated(a) || how_ruled(a) != RULED_NOT)
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
	enum stands how;
	size_t i;

	how = behind_of(a->m, a->f, &b);
	if (how == STANDS_EXTERNAL || (allows_everything(a) && (!b.port || how_ruled(a) < RULED_OUT)))
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

static struct asking asking_of(const struct model *m, const struct oracle_flow *f, bool enforced)
{
	return (struct asking){ .m = m, .f = f, .pod = subject_of(m, f->ifindex), .enforced = enforced };
}

static enum oracle_answer answer_to(const struct asking *a)
{
	return oracle_is_service(a->m, a->f) ? service_answer(a) : judge_address(a).answer;
}

/* By what is enforced, then by all. */
static enum oracle_answer ask(const struct model *m, const struct oracle_flow *f, bool each)
{
	struct asking a = asking_of(m, f, true);
	enum oracle_answer answer;

	if (!a.pod)
		return ORACLE_UNKNOWN;
	a.each = each;
	if (answer_to(&a) == ORACLE_DENIED)
		return ORACLE_DENIED;
	a.enforced = false;
	answer = answer_to(&a);
	return answer == ORACLE_DENIED ? ORACLE_AUDITED : answer;
}

enum oracle_answer oracle_ask(const struct model *m, const struct oracle_flow *f)
{
	return ask(m, f, false);
}

enum oracle_answer oracle_ask_each(const struct model *m, const struct oracle_flow *f)
{
	return ask(m, f, true);
}

static bool has_doubt(const struct asking *a)
{
	if (how_ruled(a) != RULED_BY_LABEL)
		return false;
	return oracle_is_service(a->m, a->f) ? some_backend_is_in_doubt(a->m, a->f) : is_in_doubt(a->m, a->f);
}

bool oracle_is_in_doubt(const struct model *m, const struct oracle_flow *f)
{
	const struct asking enforced = asking_of(m, f, true), all = asking_of(m, f, false);

	return all.pod && (has_doubt(&enforced) || has_doubt(&all));
}

/* Whether it is right to say that this passes, or that it does not. */
static bool may_say(struct asking a, bool pass)
{
	const bool doubt = has_doubt(&a);

	if (doubt && !pass)
		return true;
	a.each = doubt;
	return (answer_to(&a) != ORACLE_DENIED) == pass;
}

bool oracle_may_say(const struct model *m, const struct oracle_flow *f, enum oracle_answer answer)
{
	const struct asking enforced = asking_of(m, f, true), all = asking_of(m, f, false);

	if (!all.pod || answer == ORACLE_UNKNOWN)
		return !all.pod && answer == ORACLE_UNKNOWN;
	if (answer == ORACLE_DENIED)
		return may_say(enforced, false);
	return may_say(enforced, true) && may_say(all, answer != ORACLE_AUDITED);
}

bool oracle_has_rules(const struct model *m, const struct oracle_flow *f)
{
	const struct asking a = asking_of(m, f, false);

	return a.pod && how_ruled(&a) != RULED_NOT;
}

bool oracle_has_rule(const struct model *m, const struct oracle_flow *f, enum oracle_answer answer)
{
	const struct asking a = asking_of(m, f, answer != ORACLE_AUDITED);

	return a.pod && judge_address(&a).by_rule;
}

bool oracle_rule_decides(const struct model *m, const struct oracle_flow *f, const struct net_policy *np,
			 uint32_t index, enum oracle_answer answer)
{
	const struct asking a = asking_of(m, f, answer != ORACLE_AUDITED);
	const bool allowed = answer == ORACLE_OPEN || answer == ORACLE_ALLOWED;

	if (!a.pod || index >= np->rules[f->dir].n)
		return false;
	if (oracle_is_service(m, f))
		return is_behind_service(&a, np, index, allowed);
	return is_behind_address(&a, np, index, allowed);
}
