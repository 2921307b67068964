/* SPDX-License-Identifier: Apache-2.0 */
/* One flow judged from the tables, natively. */
#include "meant.h"

#include <string.h>

#include "names.h"
#include "query.h"

struct meant meant_by_tables(const struct inforce *f, const struct table_endpoint *ep,
			     const struct bh_query *q)
{
	const struct table_row *row;
	uint32_t action, rule;
	struct addr remote;
	bool node;

	if (!ep || ep->set < 0)
		return (struct meant){ .sure = true };
	memcpy(remote.b, q->remote.w, sizeof(remote.b));
	row = tables_row(f->tables, (uint32_t)ep->set, tables_class(f->tables, &remote, &node), q->dir);
	inforce_decide(f, row, query_key(q), &action, &rule);
	return (struct meant){ .allow = action & BH_ALLOW, .sure = !node, .rule = inforce_rule_at(f, rule) };
}

static bool is_policys(uint32_t reason)
{
	return reason == BH_POLICY || reason == BH_OPEN || reason == BH_AUDITED || reason == BH_DENIED ||
	       reason == BH_NO_POLICY || reason == BH_NO_ENDPOINT || reason == BH_NO_ROW;
}

bool meant_differs(const struct meant *m, const struct bh_query *q, const char *rule)
{
	if (!is_policys(q->reason) || !m->sure)
		return false;
	if (m->allow != names_reason_allows(q->reason))
		return true;
	return !m->rule != !rule || (rule && strcmp(m->rule, rule));
}
