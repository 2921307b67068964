/* SPDX-License-Identifier: Apache-2.0 */
/* Whether two results of the compiler are the same, byte for byte. */
#ifndef TESTS_UNIT_POLICY_SAME_H
#define TESTS_UNIT_POLICY_SAME_H

#include <stdbool.h>
#include <string.h>

#include "policy/policy.h"

#define SAME(x, y) ((x)->n == (y)->n && (!(x)->n || !memcmp((x)->v, (y)->v, (x)->n * sizeof(*(x)->v))))

static inline bool same_sets(const struct tables *a, const struct tables *b)
{
	size_t i;

	for (i = 0; i < a->sets.n && i < b->sets.n; i++) {
		const struct table_set *x = &a->sets.v[i], *y = &b->sets.v[i];

		if (hash128_cmp(&x->hash, &y->hash) || x->has_cidr != y->has_cidr ||
		    memcmp(x->judged, y->judged, sizeof(x->judged)) ||
		    memcmp(x->isolated, y->isolated, sizeof(x->isolated)) ||
		    memcmp(x->refuses, y->refuses, sizeof(x->refuses)) || !SAME(&x->policies, &y->policies))
			return false;
	}
	return a->sets.n == b->sets.n;
}

static inline bool same_rules(const struct tables *a, const struct tables *b)
{
	size_t i;

	for (i = 0; i < a->rules.n && i < b->rules.n; i++)
		if (hash128_cmp(&a->rules.v[i].hash, &b->rules.v[i].hash) ||
		    strcmp(a->rules.v[i].name, b->rules.v[i].name))
			return false;
	return a->rules.n == b->rules.n;
}

/* What is not the same; NULL: all is. */
static inline const char *tables_differ(const struct tables *a, const struct tables *b)
{
	return !SAME(&a->classes, &b->classes)	       ? "classes"
	       : !SAME(&a->rows, &b->rows)	       ? "rows"
	       : !SAME(&a->ranges, &b->ranges)	       ? "ranges"
	       : !SAME(&a->locations, &b->locations)   ? "locations"
	       : !SAME(&a->endpoints, &b->endpoints)   ? "endpoints"
	       : !SAME(&a->contested, &b->contested)   ? "contested"
	       : !SAME(&a->node_ports, &b->node_ports) ? "node ports"
	       : !same_sets(a, b)		       ? "sets"
	       : !same_rules(a, b)		       ? "rules"
						       : NULL;
}

#endif
