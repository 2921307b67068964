/* SPDX-License-Identifier: Apache-2.0 */
#include "datapath_rows.h"

#include <err.h>
#include <stdio.h>
#include <stdlib.h>

#include "util/scope.h"

#define OTHER_PORT (PORT + 1) /* allowed, too: of flows that are no row's */
#define FEW	   4096	      /* sessions of a world that shows how little its size matters */

/* ---- worlds --------------------------------------------------------------------------------- */

enum { HOT, MANY /* CHAINED */, FULL, FRESH, CIDRS, DENY, FIRST_SCALE };

/* Pods and policies of a mid-sized cluster. */
#define CLUSTER .content = { .policies = 2, .pods = PEERS }

struct world worlds[WORLDS_MAX] = {
	[HOT] = { .name = "hot", CLUSTER, .sessions = FEW },
	[MANY] = { .name = "many", CLUSTER, .sessions = 4 * FLOWS },
	[FULL] = { .name = "full", CLUSTER, .sessions = 4 * FLOWS },
	[FRESH] = { .name = "fresh", CLUSTER, .sessions = SESSIONS },
	[CIDRS] = { .name = "cidrs", .content = { .policies = 2, .cidrs = 10000 }, .sessions = SESSIONS },
	[DENY] = { .name = "deny", CLUSTER, .sessions = FEW },
};
size_t n_worlds = FIRST_SCALE;

/* ---- rows ----------------------------------------------------------------------------------- */

#define IN(f)	.family = (f), .dir = BH_INGRESS
#define OUT(f)	.family = (f), .dir = BH_EGRESS
#define FLOOR	.group = "floor"
#define PATH(w) .group = "path", .world = &worlds[w]
#define BOTH(w) .group = "cpus", .world = &worlds[w], .cpus = 2
#define SESSION .reason = BH_SESSION
#define LIVE(n) .ports = (n), .repeat = FLOWS, .warm = FLOWS, SESSION
#define FIRST	.syn = true, .ports = 65536, .warm = REPEAT, .reason = BH_POLICY
#define DENIED	.peer = STRANGER, .syn = true, .reason = BH_DENIED
#define SILENT	DENIED, .stat = BH_STAT_EVENT_THROTTLED, .event_jiffies = ONCE
#define LOUD	DENIED, .stat = EVENT, .event_jiffies = ALWAYS

struct row rows[ROWS_MAX] = {
	{ "empty program", FLOOR, .target = EMPTY, IN(4) },
	{ "another flow each time, IPv4, then empty", FLOOR, .target = EMPTY, IN(4), .ports = FLOWS },
	{ "another flow each time, IPv6, then empty", FLOOR, .target = EMPTY, IN(6), .ports = FLOWS },
	{ "another flow each time, IPv4, chained, then empty", FLOOR, .target = EMPTY, IN(4), .ports = FLOWS,
	  .chained = true },
	{ "one look-up in a hash", FLOOR, .target = LOOKUP, IN(4) },
	{ "one line of 64k, waiting", FLOOR, .target = LINE, IN(4), .repeat = FLOWS },
	{ "one line of 64k, found by the one before", FLOOR, .target = CHASE, IN(4), .repeat = FLOWS },
	{ "established v4, to_pod", PATH(HOT), IN(4), SESSION, .goal = 1.8 },
	{ "established v4, from_pod", PATH(HOT), OUT(4), SESSION, .goal = 1.8 },
	{ "established v6, to_pod", PATH(HOT), IN(6), SESSION, .goal = 2.5 },
	{ "established v6, from_pod", PATH(HOT), OUT(6), SESSION, .goal = 2.5 },
	{ "established v4, 4k live flows", PATH(MANY), IN(4), LIVE(4096) },
	{ "established v4, 64k live flows", PATH(MANY), IN(4), LIVE(FLOWS), .chained = true, .goal = 4.3 },
	{ "established v4, 64k live flows, waiting", PATH(MANY), IN(4), LIVE(FLOWS) },
	{ "established v6, 64k live flows, waiting", PATH(MANY), IN(6), LIVE(FLOWS) },
	{ "established v4, 64k live flows, all lines taken, waiting", PATH(FULL), IN(4), LIVE(FLOWS) },
	{ "established v6, 64k live flows, all lines taken, waiting", PATH(FULL), IN(6), LIVE(FLOWS) },
	{ "first packet allowed v4, peer is a pod", PATH(FRESH), IN(4), FIRST, .peers = PEERS, .goal = 10.5 },
	{ "first packet allowed v6, peer is a pod", PATH(FRESH), IN(6), FIRST, .peers = PEERS },
	{ "first packet allowed v4, peer by CIDR", PATH(CIDRS), IN(4), FIRST, .peer = IN_CIDR, .peers = PEERS,
	  .goal = 15 },
	{ "first packet allowed v4, peer by CIDR, 8k of 10k in turn", PATH(CIDRS), IN(4), FIRST,
	  .peer = IN_CIDR, .peers = PEERS_MANY },
	{ "denied v4, no event", PATH(DENY), IN(4), SILENT, .goal = 3.9 },
	{ "denied v6, no event", PATH(DENY), IN(6), SILENT, .goal = 3.9 },
	{ "denied v4, no event, in none of 10k CIDRs", PATH(CIDRS), IN(4), SILENT },
	{ "denied v4, an event each", PATH(DENY), IN(4), LOUD },
	{ "denied v4, ring full", PATH(DENY), IN(4), DENIED, .stat = BH_STAT_EVENT_LOST,
	  .event_jiffies = ALWAYS, .warm = 20000 },
	{ "two CPUs: empty program", .group = "cpus", .target = EMPTY, IN(4), .cpus = 2 },
	{ "two CPUs: established v4, same flow", BOTH(HOT), IN(4), SESSION, .same = true },
	{ "two CPUs: established v4, a flow each", BOTH(HOT), IN(4), SESSION },
	{ "two CPUs: first packets allowed v4", BOTH(FRESH), IN(4), FIRST, .peers = PEERS },
	{ "two CPUs: denied v4, no event", BOTH(DENY), IN(4), SILENT },
};
size_t n_rows;

/* ---- independence --------------------------------------------------------------------------- */

#define SIZES 4

/* Where a map or a number holds less than 100,000, so many. */
static const struct thing {
	const char *name;
	unsigned int sizes[SIZES];
	size_t at; /* in struct content */
	const char *bound;
} things[] = {
	{ "policies", { 1, 100, 10000, 16000 }, offsetof(struct content, policies), "bh_rules holds 16,384" },
	{ "rules", { 1, 100, 10000, 16000 }, offsetof(struct content, rules), "bh_rules holds 16,384" },
	{ "CIDRs", { 1, 100, 10000, 16000 }, offsetof(struct content, cidrs), "bh_cidrs holds 16,384" },
	{ "pods", { 1, 100, 10000, 60000 }, offsetof(struct content, pods), "bh_addrs holds 65,536" },
};

static struct row *add_row(const char *way, const struct thing *t, int size, struct row row)
{
	char *name;

	if (asprintf(&name, "%s: %u %s", way, t->sizes[size], t->name) < 0)
		err(1, "asprintf");
	row.name = name;
	row.group = "scale";
	row.thing = t->name;
	row.size = t->sizes[size];
	if (size == SIZES - 1)
		row.note = t->bound;
	rows[n_rows] = row;
	return &rows[n_rows++];
}

static void add_rows(const struct thing *t, int size, struct world *w)
{
	const struct row in = { .world = w, IN(4) };
	struct row established = in, first = in, denied = in;

	established.reason = BH_SESSION;
	established.peer = IN_CIDR;
	first.reason = BH_POLICY;
	first.syn = true;
	first.ports = 65536;
	if (t->at == offsetof(struct content, cidrs)) { /* not the other one's flow */
		first.peer = IN_CIDR;
		established.peer = A_POD;
	}
	denied.reason = BH_DENIED;
	denied.syn = true;
	denied.peer = STRANGER;
	denied.stat = BH_STAT_EVENT_THROTTLED;
	denied.event_jiffies = ONCE;
	(void)add_row("established", t, size, established);
	(void)add_row("first packet", t, size, first);
	(void)add_row("denied", t, size, denied);
}

static struct world *add_world(const struct thing *t, int size)
{
	struct world *w = &worlds[n_worlds++];
	char *name;

	if (asprintf(&name, "%s-%u", t->name, t->sizes[size]) < 0)
		err(1, "asprintf");
	*w = (struct world){ .name = name,
			     .content = { .policies = 1, .rules = 1, .cidrs = 1, .pods = 1 },
			     .sessions = FEW };
	*(unsigned int *)((char *)&w->content + t->at) = t->sizes[size];
	return w;
}

void rows_init(void)
{
	size_t i;
	int size;

	while (rows[n_rows].name)
		n_rows++;
	for (i = 0; i < ARRAY_SIZE(things); i++)
		for (size = 0; size < SIZES; size++)
			add_rows(&things[i], size, add_world(&things[i], size));
	for (i = 0; i < n_rows; i++) {
		struct row *r = &rows[i];

		if (!r->repeat)
			r->repeat = r->stat == EVENT ? REPEAT_EVENTS : REPEAT;
		r->warm = r->warm ?: WARM;
		r->cpus = r->cpus ?: 1;
		r->peers = r->peers ?: 1;
	}
}

/* ---- sessions ------------------------------------------------------------------------------- */

/* As many flows that nobody answered as make every line of a world be written, some more than once. */
static struct flows others(struct world *w, int family, enum remote peer)
{
	return (struct flows){ w, family, peer, 65536, 16, OTHER_PORT, 4 * (int)w->sessions, false };
}

static struct flows live(struct world *w, int family)
{
	return (struct flows){ w, family, A_POD, FLOWS, 1, PORT, FLOWS, true };
}

/* 64k live flows of each family, once alone and once among others, and full slices where first packets go.
 * Established rows open their own flow. */
void rows_fill(void (*open)(const struct flows *f))
{
	struct flows f[5];
	size_t i, n;
	int family;

	for (family = 4; family <= 6; family += 2) {
		n = 0;
		f[n++] = live(&worlds[MANY], family);
		f[n++] = others(&worlds[FULL], family, A_POD);
		f[n++] = live(&worlds[FULL], family);
		f[n++] = others(&worlds[FRESH], family, A_POD);
		if (family == 4)
			f[n++] = others(&worlds[CIDRS], family, IN_CIDR);
		for (i = 0; i < n; i++)
			open(&f[i]);
	}
}

static void verify_live(const struct world *w)
{
	const struct tally t = world_sessions(w);

	if (t.live4 < FLOWS - FLOWS / 200 || t.live6 < FLOWS - FLOWS / 200)
		errx(1, "%s: %u and %u live flows instead of %d", w->name, t.live4, t.live6, FLOWS);
}

static void verify_full(const struct world *w)
{
	const struct tally t = world_sessions(w);

	if (t.v4 < w->sessions - w->sessions / 100 ||
	    (w != &worlds[CIDRS] && t.v6 < w->sessions - w->sessions / 100))
		errx(1, "%s: there is room: %u and %u sessions", w->name, t.v4, t.v6);
}

void rows_verify(void)
{
	const struct tally hot = world_sessions(&worlds[HOT]), deny = world_sessions(&worlds[DENY]);

	if (hot.v4 != BENCH_LANES || hot.v6 != BENCH_LANES)
		errx(1, "%u and %u sessions behind the established flows", hot.v4, hot.v6);
	if (deny.v4 || deny.v6)
		errx(1, "%u sessions of denied flows", deny.v4 + deny.v6);
	verify_live(&worlds[MANY]);
	verify_live(&worlds[FULL]);
	verify_full(&worlds[FULL]);
	verify_full(&worlds[FRESH]);
	verify_full(&worlds[CIDRS]);
}
