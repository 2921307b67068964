/* SPDX-License-Identifier: Apache-2.0 */
#include "oneway.h"

#include <stdio.h>
#include <string.h>

#include "agent.h"
#include "endpoints.h"
#include "health.h"
#include "util/scope.h"

#define NAMED 5

static enum health_ways ways_of(const struct agent *a, const struct endpoint *e)
{
	const int slot = dp_slot(a->dp, e->ifindex);
	struct bh_ep_stat stat;

	if (slot < 0 || dp_slot_stat(a->dp, (uint32_t)slot, &stat, NULL) < 0)
		return BOTH_WAYS; /* not ours to tell */
	return health_of_ways(&stat);
}

static void add_name(struct oneway *o, const struct endpoint *e)
{
	const size_t n = o->nothing_in + o->nothing_out, len = strlen(o->names);

	if (n <= NAMED)
		(void)snprintf(o->names + len, sizeof(o->names) - len, "%s%s/%s", n > 1 ? ", " : "", e->ns,
			       e->pod);
	else if (n == NAMED + 1)
		(void)snprintf(o->names + len, sizeof(o->names) - len, ", ...");
}

void oneway_look(const struct agent *a, struct oneway *ret)
{
	size_t i;

	*ret = (struct oneway){ 0 };
	for (i = 0; i < a->model->endpoints.n; i++) {
		const struct endpoint *e = a->model->endpoints.v[i];
		const enum health_ways ways = ways_of(a, e);

		if (ways == BOTH_WAYS)
			continue;
		*(ways == NOTHING_IN ? &ret->nothing_in : &ret->nothing_out) += 1;
		add_name(ret, e);
	}
}
