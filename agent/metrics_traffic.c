/* SPDX-License-Identifier: Apache-2.0 */
/* What the programs count. Every series is there from the start, so that a rate has something to begin from.
 */
#include "metrics_internal.h"

#include "denials.h"
#include "fill.h"
#include "flowlog.h"
#include "names.h"
#include "sessions.h"

enum { ALLOWED, DENIED, AUDITED, VERDICTS };

static void add_up(const struct view *v, int dir, struct bh_count ret[VERDICTS])
{
	uint32_t i;

	for (i = 0; i < BH_REASON_MAX; i++) {
		const struct bh_count *c = &v->stats[i * 2 + (uint32_t)dir];
		struct bh_count *to = &ret[!names_reason_allows(i) ? DENIED
					   : i == BH_AUDITED	   ? AUDITED
								   : ALLOWED];

		to->packets += c->packets;
		to->bytes += c->bytes;
	}
}

static void collect_counts(struct view *v, struct exposition *x, bool bytes)
{
	static const char *const texts[] = { "allowed", "denied", "audited" };
	int dir, i;

	for (dir = BH_INGRESS; dir <= BH_EGRESS; dir++) {
		struct bh_count sums[VERDICTS] = { 0 };

		add_up(v, dir, sums);
		for (i = 0; i < VERDICTS; i++)
			expo_add(x, bytes ? sums[i].bytes : sums[i].packets, "direction", dir_text(dir),
				 "verdict", texts[i], NULL);
	}
}

void collect_packets(struct view *v, struct exposition *x)
{
	collect_counts(v, x, false);
}

void collect_bytes(struct view *v, struct exposition *x)
{
	collect_counts(v, x, true);
}

void collect_denied(struct view *v, struct exposition *x)
{
	uint32_t i;
	int dir;

	for (i = 0; i < BH_REASON_MAX; i++)
		for (dir = BH_INGRESS; dir <= BH_EGRESS && !names_reason_allows(i); dir++)
			expo_add(x, v->stats[i * 2 + (uint32_t)dir].packets, "direction", dir_text(dir),
				 "reason", names_reason(i), NULL);
}

static uint64_t both(const struct view *v, uint32_t stat)
{
	return v->stats[stat * 2].packets + v->stats[stat * 2 + 1].packets;
}

void collect_lookups(struct view *v, struct exposition *x)
{
	uint64_t misses = 0;
	uint32_t i;

	for (i = 0; i < BH_REASON_MAX; i++)
		misses += i == BH_SESSION ? 0 : both(v, i);
	expo_add(x, both(v, BH_SESSION), "result", "hit", NULL);
	expo_add(x, misses, "result", "miss", NULL);
}

void collect_live(struct view *v, struct exposition *x)
{
	uint64_t live[2];

	sessions_live(v->a, live);
	expo_add(x, live[BH_V4], "family", "ipv4", NULL);
	expo_add(x, live[BH_V6], "family", "ipv6", NULL);
}

void collect_opened(struct view *v, struct exposition *x)
{
	expo_add(x, v->node.opened, NULL);
}

void collect_evicted(struct view *v, struct exposition *x)
{
	const struct sessions_evicted e = sessions_evicted(v->a);

	expo_add(x, e.answered, "answered", "yes", NULL);
	expo_add(x, e.unanswered, "answered", "no", NULL);
}

void collect_unstored(struct view *v, struct exposition *x)
{
	expo_add(x, both(v, BH_STAT_SESSION_FAILED), NULL);
}

void collect_redecided(struct view *v, struct exposition *x)
{
	expo_add(x, both(v, BH_STAT_SESSION_REDONE), NULL);
}

void collect_adopted(struct view *v, struct exposition *x)
{
	expo_add(x, both(v, BH_STAT_SESSION_ADOPTED), "rule", "both-directions", NULL);
	expo_add(x, both(v, BH_STAT_SESSION_GRACE), "rule", "grace", NULL);
}

void collect_flow_events(struct view *v, struct exposition *x)
{
	expo_add(x, denials_read(v->a), "result", "read", NULL);
	expo_add(x, both(v, BH_STAT_EVENT_LOST), "result", "lost", NULL);
	expo_add(x, both(v, BH_STAT_EVENT_THROTTLED), "result", "throttled", NULL);
}

void collect_flow_log(struct view *v, struct exposition *x)
{
	struct flowlog_stats stats;

	if (!v->a->flowlog)
		return;
	flowlog_stats(v->a->flowlog, &stats);
	expo_add(x, stats.written, "result", "written", NULL);
	expo_add(x, stats.unwritten, "result", "unwritten", NULL);
}

static void collect_fill(struct view *v, struct exposition *x, bool max)
{
	struct fill maps[FILL_MAPS];
	size_t i;

	fill_of(v->a, maps);
	for (i = 0; i < FILL_MAPS; i++)
		expo_add(x, max ? maps[i].max : maps[i].used, "map", maps[i].map, NULL);
}

void collect_map_entries(struct view *v, struct exposition *x)
{
	collect_fill(v, x, false);
}

void collect_map_max(struct view *v, struct exposition *x)
{
	collect_fill(v, x, true);
}
