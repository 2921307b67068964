/* SPDX-License-Identifier: Apache-2.0 */
#include "health.h"

#include <string.h>

#define FILL_WARN  80.0 /* % */
#define FILL_FAULT 95.0
#define MANY	   100 /* packets, of which none was answered */

enum health health_of_last(int64_t last_ms, int64_t now_ms, enum health bad)
{
	return last_ms && now_ms - last_ms < HEALTH_LATELY_MS ? bad : HEALTHY;
}

/* What passed to or from one address, as an answer does; one may not be asked of multicast, nor of what was
 * dropped. */
static uint64_t asking(const struct bh_ep_stat *stat, enum bh_dir dir)
{
	return stat->hot[dir].packets + stat->packets[BH_POLICY][dir] + stat->packets[BH_HOST][dir];
}

/* Of whatever reason: also ARP and what is dropped has come by our program. */
static uint64_t seen(const struct bh_ep_stat *stat, enum bh_dir dir)
{
	uint64_t n = stat->hot[dir].packets;
	uint32_t i;

	for (i = 0; i < BH_REASON_MAX; i++)
		n += stat->packets[i][dir];
	return n;
}

enum health_ways health_of_ways(const struct bh_ep_stat *stat)
{
	if (asking(stat, BH_EGRESS) > MANY && !seen(stat, BH_INGRESS))
		return NOTHING_IN;
	if (asking(stat, BH_INGRESS) > MANY && !seen(stat, BH_EGRESS))
		return NOTHING_OUT;
	return BOTH_WAYS;
}

double health_percent(const struct fill *map)
{
	return map->max ? 100.0 * (double)map->used / (double)map->max : 0;
}

/* The only ones whose size somebody can set; docs/operations.md, Limits. */
static const char *room_in(const char *map)
{
	if (!strcmp(map, "bh_sess4") || !strcmp(map, "bh_sess6"))
		return "set agent.sessions (--sessions) higher: it counts once the node has booted";
	return "its size is fixed: docs/troubleshooting.md, 'A map is full', says what makes room in it";
}

enum health health_of_fill(const struct fill *maps, size_t n, const struct fill **ret_fullest,
			   const char **ret_todo)
{
	const struct fill *fullest = maps;
	double most;
	size_t i;

	for (i = 1; i < n; i++)
		if (health_percent(&maps[i]) >= health_percent(fullest))
			fullest = &maps[i];
	most = health_percent(fullest);
	*ret_fullest = fullest;
	*ret_todo = room_in(fullest->map);
	return most > FILL_FAULT ? FAULT : most > FILL_WARN ? WARNING : HEALTHY;
}
