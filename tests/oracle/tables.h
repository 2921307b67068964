/* SPDX-License-Identifier: Apache-2.0 */
/* The compiled tables, asked as the program asks them. */
#ifndef TESTS_ORACLE_TABLES_H
#define TESTS_ORACLE_TABLES_H

#include "oracle.h"
#include "policy/policy.h"

struct said {
	enum oracle_answer answer;
	bool log;
	uint32_t rule;	  /* that decides: index + 1 into tables.rules; 0: none */
	const char *name; /* its name, or NULL */
};

const struct addr *remote_of(const struct oracle_flow *f);
bool is_allowed(enum oracle_answer a);

const struct table_endpoint *find_endpoint(const struct tables *t, uint32_t ifindex);
struct said ask_tables(const struct tables *t, const struct oracle_flow *f);

/* Whether that is what the oracle says, by a rule that it says so of. */
bool is_right(const struct model *m, const struct oracle_flow *f, const struct said *said);

/* The rule of that name. Return: whose it is, and *ret_index where in it; NULL: nobody's. */
const struct net_policy *find_rule(const struct model *m, int dir, const char *name, uint32_t *ret_index);

/* Ranges and locations ascend, and are disjoint. Return: 0 or -EINVAL. */
int check_order(const struct tables *t);

#endif
