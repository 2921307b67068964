/* SPDX-License-Identifier: Apache-2.0 */
/* Rules that decide nothing for any pod of this node, whoever comes, and why that is. */
#ifndef BH_POLICY_IDLE_H
#define BH_POLICY_IDLE_H

#include "policy/policy.h"

enum idle {
	IDLE_NOT,      /* it decides something */
	IDLE_UNTOLD,   /* nobody can tell: see idlers_rule() */
	IDLE_UNKNOWN,  /* something in it is not understood, so that it accepts nothing */
	IDLE_NOBODY,   /* nobody is whom it names */
	IDLE_NAMES,    /* it has ports by name alone, and they lead nowhere */
	IDLE_SHADOWED, /* others decide all that it is about */
};

struct idlers;

/* What of @t matters here, which was made from @m; both borrowed. NULL: no memory. */
struct idlers *idlers_new(const struct model *m, const struct tables *t);
void idlers_free(struct idlers *i);

/* Whether the policy is of some pod of this node; index into model.policies. */
bool idlers_policy(const struct idlers *i, size_t policy);

/* Why a rule of it decides nothing. Nobody can tell of one that passes on, where some policy of one of its
 * pods is audited, or where another one has the same tier and priority. Cost: of an idle one O(pods). */
enum idle idlers_rule(const struct idlers *i, size_t policy, uint32_t dir, uint32_t index);

#endif
