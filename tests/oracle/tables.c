/* SPDX-License-Identifier: Apache-2.0 */
/* What the compiled tables say, and whether the oracle agrees. */
#include "tables.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

const struct addr *remote_of(const struct oracle_flow *f)
{
	return f->dir == DIR_INGRESS ? &f->src : &f->dst;
}

bool is_allowed(enum oracle_answer a)
{
	return a == ORACLE_OPEN || a == ORACLE_ALLOWED || a == ORACLE_AUDITED;
}

/* ---- what they say -------------------------------------------------------------------------- */

const struct table_endpoint *find_endpoint(const struct tables *t, uint32_t ifindex)
{
	size_t i;

	for (i = 0; i < t->endpoints.n; i++)
		if (t->endpoints.v[i].ifindex == ifindex)
			return &t->endpoints.v[i];
	return NULL;
}

static enum oracle_answer answer_of(uint32_t action, bool isolated)
{
	if (!(action & BH_ALLOW))
		return ORACLE_DENIED;
	if (action & BH_AUDIT)
		return ORACLE_AUDITED;
	return isolated ? ORACLE_ALLOWED : ORACLE_OPEN;
}

struct said ask_tables(const struct tables *t, const struct oracle_flow *f)
{
	const struct table_endpoint *ep = find_endpoint(t, f->ifindex);
	const uint32_t port = BH_PORT(f->proto, f->dport);
	struct said ret = { .answer = ORACLE_UNKNOWN };
	const struct table_row *row;
	uint32_t action, i;

	if (!ep || ep->set < 0)
		return ret;
	row = tables_row(t, (uint32_t)ep->set, tables_class(t, remote_of(f), NULL), (uint32_t)f->dir);
	action = row->action;
	ret.rule = row->rule;
	for (i = row->first; i < row->first + row->n; i++) {
		if (port < t->ranges.v[i].first || port > t->ranges.v[i].last)
			continue;
		action = t->ranges.v[i].action;
		ret.rule = t->ranges.v[i].rule;
	}
	ret.answer = answer_of(action, t->sets.v[ep->set].isolated[f->dir]);
	ret.log = action & BH_ALLOW && action & BH_LOG;
	ret.name = ret.rule ? t->rules.v[ret.rule - 1].name : NULL;
	return ret;
}

/* ---- are they right? ------------------------------------------------------------------------ */

/* "shop/allow-web ingress[0]", "segpol shop/db egress[1] (no-ssh)" */
static void name_rule(const struct net_policy *np, int dir, uint32_t k, char *ret, size_t size)
{
	static const char *const dirs[] = { "ingress", "egress" };
	const char *name = np->rules[dir].v[k].name;
	char policy[POLICY_TEXT];

	(void)snprintf(ret, size, "%s %s[%u]%s%s%s", net_policy_text(np, policy), dirs[dir], k,
		       name ? " (" : "", name ? name : "", name ? ")" : "");
}

/* Return: whose it is; *ret_index: where. NULL: nobody's. */
const struct net_policy *find_rule(const struct model *m, int dir, const char *name, uint32_t *ret_index)
{
	char text[POLICY_TEXT + 128];
	uint32_t k;
	size_t i;

	for (i = 0; name && i < m->policies.n; i++) {
		for (k = 0; k < m->policies.v[i]->rules[dir].n; k++) {
			name_rule(m->policies.v[i], dir, k, text, sizeof(text));
			if (strcmp(text, name))
				continue;
			*ret_index = k;
			return m->policies.v[i];
		}
	}
	return NULL;
}

/* A rule that is said to have decided about the flow must be there, and decide so. */
static bool is_true_rule(const struct model *m, const struct oracle_flow *f, const char *name,
			 enum oracle_answer answer)
{
	uint32_t k;
	const struct net_policy *np = find_rule(m, f->dir, name, &k);

	return np && oracle_rule_decides(m, f, np, k, answer);
}

/* Nothing that decides is left unnamed; of a Service the backends may differ in what that is. */
static bool is_right_rule(const struct model *m, const struct oracle_flow *f, const char *name,
			  enum oracle_answer answer)
{
	if (name)
		return is_true_rule(m, f, name, answer);
	return oracle_is_service(m, f) || !oracle_has_rule(m, f, answer);
}

/* Where rules with actions decide, open and allowed are one. */
static bool is_right_answer(const struct model *m, const struct oracle_flow *f, enum oracle_answer answer)
{
	if (!oracle_may_say(m, f, answer))
		return false;
	return !is_allowed(answer) || answer == ORACLE_AUDITED || oracle_has_rules(m, f) ||
	       answer == oracle_ask(m, f);
}

/* Some rule that is to be logged is behind the answer. */
static bool some_is_logged(const struct model *m, const struct oracle_flow *f, enum oracle_answer answer)
{
	uint32_t k;
	size_t i;

	for (i = 0; i < m->policies.n; i++)
		for (k = 0; k < m->policies.v[i]->rules[f->dir].n; k++)
			if (m->policies.v[i]->rules[f->dir].v[k].log &&
			    oracle_rule_decides(m, f, m->policies.v[i], k, answer))
				return true;
	return false;
}

/* What is allowed is logged where the rule behind it is to be; of a Service, where one of those is. What is
 * audited is reported in any case, and so is what is denied. */
static bool is_right_log(const struct model *m, const struct oracle_flow *f, const struct said *said)
{
	uint32_t k;
	const struct net_policy *np = find_rule(m, f->dir, said->name, &k);
	const bool named = np && np->rules[f->dir].v[k].log;

	if (said->answer != ORACLE_OPEN && said->answer != ORACLE_ALLOWED)
		return !said->log;
	if (oracle_is_service(m, f))
		return said->log ? some_is_logged(m, f, said->answer) : !named;
	return said->log == named;
}

bool is_right(const struct model *m, const struct oracle_flow *f, const struct said *said)
{
	if (!is_right_answer(m, f, said->answer))
		return false;
	if (oracle_is_in_doubt(m, f))
		return true;
	return is_right_rule(m, f, said->name, said->answer) && is_right_log(m, f, said);
}

/* ---- order ---------------------------------------------------------------------------------- */

/* Which the program bisects. */
static bool ranges_ascend(const struct table_range *v, uint32_t n)
{
	uint32_t k;

	for (k = 0; k < n; k++)
		if (v[k].first > v[k].last || (k && v[k - 1].last >= v[k].first))
			return false;
	return true;
}

static int location_cmp(const struct table_location *a, const struct table_location *b)
{
	if (a->is_block != b->is_block)
		return a->is_block ? 1 : -1;
	return cidr_cmp(&a->cidr, &b->cidr);
}

int check_order(const struct tables *t)
{
	size_t i;

	for (i = 0; i < t->rows.n; i++)
		if (!ranges_ascend(t->ranges.v + t->rows.v[i].first, t->rows.v[i].n))
			return -EINVAL;
	for (i = 1; i < t->locations.n; i++)
		if (location_cmp(&t->locations.v[i - 1], &t->locations.v[i]) >= 0)
			return -EINVAL;
	return 0;
}
