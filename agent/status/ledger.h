/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is to be said of every policy and what has been said: which of the two differ, and which may be
 * written now. Each write to a policy goes out to every agent, so a condition is written when it has changed
 * and not for its words' sake, and all together no faster than the watchers can bear. Pure: no I/O; the
 * caller's clock.
 */
#ifndef BH_STATUS_LEDGER_H
#define BH_STATUS_LEDGER_H

#include <stdbool.h>
#include <stdint.h>

#include "status/gather.h"
#include "status/verdict.h"

struct json_object;

#define LEDGER_PENDING_MS 2000 /* a new version that is not in force everywhere by then is told as such */
#define LEDGER_SETBACK_MS                                                                                    \
	60000 /* so is one that was: a pod may have come a moment before its node's report */
#define LEDGER_WORDS_MS	   60000 /* the same in other words */
#define LEDGER_RECOUNT_MS  5000	 /* a namespace's policies, because of pods */
#define LEDGER_RECOUNT_ALL 30000 /* the cluster's */
#define LEDGER_ALL_MS	   30000 /* all are looked at */
#define LEDGER_PODS	   50000 /* looked at in one pass: some milliseconds */
#define LEDGER_BURST	   10
#define LEDGER_EVERY_MS	   50	 /* one write in so long: 20 in a second; but to policies, which */
#define LEDGER_EVENTS_S	   10000 /* all agents follow, so few that these are their events in a second */
#define LEDGER_RETRY_MS	   5000
#define LEDGER_ECHO_MS	   2000

struct ledger;
struct ledger_entry;

/* Both are borrowed for its life. Return: NULL without memory. */
struct ledger *ledger_new(const struct model *m, struct gather *g);
void ledger_free(struct ledger *l);

/* Pods of a namespace have come, changed or gone, or the namespace has; NULL: of any. */
void ledger_pods_changed(struct ledger *l, const char *ns);

/* What is written of it, as the server has it; @o NULL: nothing. @round: of listing, as watch_round().
 * Return: 0 or -ENOMEM. */
int ledger_said(struct ledger *l, enum policy_kind kind, const char *ns, const char *name,
		struct json_object *o, uint32_t round, int64_t now_ms);

/* All that is written of that kind has been told in this round, or there is no such kind: nothing is written
 * before. */
void ledger_listed(struct ledger *l, enum policy_kind kind, bool exists, uint32_t round);

/* Looks at what may have changed. @now: seconds since the epoch. Return: 0 all, 1 some is left for another
 * turn, or -ENOMEM. */
int ledger_pass(struct ledger *l, int64_t now_ms, int64_t now);

struct ledger_write {
	struct ledger_entry *entry;
	char path[VERDICT_PATH];
	char *body;    /* owned */
	bool is_place; /* the object in which the status will stand */
	struct verdict v;
};

/* What to write now. Return: 1, 0 nothing may be, or -ENOMEM. */
int ledger_next(struct ledger *l, int64_t now_ms, struct ledger_write *ret);

enum ledger_end {
	LEDGER_DONE,
	LEDGER_GONE,  /* no such object, or another of its name */
	LEDGER_LATER, /* it could not be written now */
};
void ledger_end(struct ledger *l, const struct ledger_write *w, enum ledger_end end, int64_t now_ms);

struct ledger_stats {
	size_t policies, unsaid; /* that differ from what is written */
};
void ledger_stats(const struct ledger *l, struct ledger_stats *ret);

#endif
