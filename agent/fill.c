/* SPDX-License-Identifier: Apache-2.0 */
/* Counting what the mirror holds, some µs for each thousand entries. */
#include "fill.h"

#include "agent.h"

static uint64_t count_locations(const struct actual *x, bool blocks)
{
	uint64_t n = 0;
	size_t i;

	for (i = 0; i < x->locations.n; i++)
		n += !x->locations.v[i].dead && x->locations.v[i].is_block == blocks;
	return n;
}

/* Ids of one kind, and for slices the ranges they hold. */
static uint64_t count_ids(const struct actual *x, uint32_t kind, uint64_t *ret_len)
{
	uint64_t n = 0, len = 0;
	size_t i;

	for (i = 0; i < x->ids.n; i++) {
		if (x->ids.v[i].dead || (kind && x->ids.v[i].key.kind != kind))
			continue;
		n++;
		len += x->ids.v[i].id.len;
	}
	if (ret_len)
		*ret_len = len;
	return n;
}

static uint64_t count_rows(const struct actual *x)
{
	uint64_t n = 0;
	size_t i;

	for (i = 0; i < x->rows.n; i++)
		n += !x->rows.v[i].dead;
	return n;
}

static uint64_t count_endpoints(const struct actual *x)
{
	uint64_t n = 0;
	size_t i;

	for (i = 0; i < BH_EP_SLOTS; i++)
		n += x->endpoints[i].ifindex != 0;
	return n;
}

/* Of the session arrays what endpoints have is used; how much of that is, says `endpoints`. */
static struct fill pool(const struct dp *dp, const char *name, enum bh_family f)
{
	uint32_t lines, given;

	dp_pool_use(dp, f, &lines, &given);
	return (struct fill){ name, given, lines };
}

/* What is in force says them: the mirror does not follow that map. */
static struct fill node_ports(const struct agent *a)
{
	const struct inforce *now = reconcile_inforce(a->reconcile);

	return (struct fill){ "bh_node_ports", now ? now->tables->node_ports.n : 0,
			      dp_node_ports_max(a->dp) };
}

void fill_of(const struct agent *a, struct fill ret[FILL_MAPS])
{
	const struct actual *x = reconcile_actual(a->reconcile);
	uint64_t ranges;

	(void)count_ids(x, BH_ID_SLICE, &ranges);
	ret[0] = (struct fill){ "bh_endpoints", count_endpoints(x), BH_EP_SLOTS };
	ret[1] = (struct fill){ "bh_addrs", count_locations(x, false), x->size.addrs };
	ret[2] = (struct fill){ "bh_cidrs", count_locations(x, true), x->size.cidrs };
	ret[3] = (struct fill){ "bh_rows", count_rows(x), x->size.rows };
	ret[4] = (struct fill){ "bh_ranges", ranges, x->size.ranges };
	ret[5] = (struct fill){ "bh_rules", count_ids(x, BH_ID_RULE, NULL), x->size.rules };
	ret[6] = node_ports(a);
	ret[7] = (struct fill){ "bh_ids", count_ids(x, 0, NULL), x->size.ids };
	ret[8] = pool(a->dp, "bh_sess4", BH_V4);
	ret[9] = pool(a->dp, "bh_sess6", BH_V6);
}
