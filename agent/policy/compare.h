/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What two results of the compiler, made of the same cluster under different policies, decide differently:
 * pair by pair, every port. Exact: rows are held against rows, nothing is sampled.
 */
#ifndef BH_POLICY_COMPARE_H
#define BH_POLICY_COMPARE_H

#include "policy/policy.h"

enum level { LEVEL_DENIED, LEVEL_AUDITED, LEVEL_ALLOWED };

static inline enum level level_of_action(uint32_t action)
{
	return !(action & BH_ALLOW) ? LEVEL_DENIED : action & BH_AUDIT ? LEVEL_AUDITED : LEVEL_ALLOWED;
}

/* Of the ports [first..last]. */
struct difference {
	uint32_t first, last;	    /* as BH_PORT() */
	uint32_t was, is;	    /* enum level; not the same */
	uint32_t was_rule, is_rule; /* index + 1 into the tables' rules; 0: none */
};

typedef VEC(struct difference) difference_vec;

/* Adds what differs between the rows; neighbours that differ alike are one. Return: 0 or -ENOMEM. */
int compare_rows(const struct tables *was, const struct table_row *x, const struct tables *is,
		 const struct table_row *y, difference_vec *ret);

/* Who is at the far end: one address, or those of a block that are in no longer one and have no line of
 * their own. */
struct remote {
	struct cidr cidr;
	bool is_block;
	uint32_t was, is; /* classes */
};

/* All pods in `pods` and all remotes in `peers` differ alike. The vectors are the comparison's. */
struct outcome {
	uint32_t dir;
	const uint32_t *pods; /* indexes into tables.endpoints, which both have in common */
	size_t n_pods;
	const struct remote *const *peers;
	size_t n_peers;
	const struct difference *v; /* ascending */
	size_t n;
};

struct comparison;

/* @was, @is: borrowed, of the pods and addresses of @m. Return: 0 or -ENOMEM. */
int comparison_new(const struct model *m, const struct tables *was, const struct tables *is,
		   struct comparison **ret);
void comparison_free(struct comparison *c);

/* Return: 0 or -ENOMEM, before which @each may have had some. */
int comparison_run(struct comparison *c, void (*each)(void *ctx, const struct outcome *o), void *ctx);

#endif
