/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is to be said of one policy, as conditions (metav1.Condition) that `kubectl wait` understands, and
 * what has been said. Accepted: is all of it understood? Programmed: is it in force on every node that has
 * pods of it? Pure.
 */
#ifndef BH_STATUS_VERDICT_H
#define BH_STATUS_VERDICT_H

#include <stdbool.h>
#include <stdint.h>

#include "model/model.h"
#include "status/gather.h"
#include "util/date.h"

#define CONDITION_TEXT_MAX 512
#define CONDITION_TIME_MAX DATE_TEXT

enum { ACCEPTED, PROGRAMMED, CONDITIONS };
extern const char *const condition_types[CONDITIONS];

struct condition {
	bool there, is_true;
	uint64_t generation;
	char reason[48];
	char message[CONDITION_TEXT_MAX];
	char since[CONDITION_TIME_MAX]; /* when is_true became what it is */
};

struct verdict {
	struct condition conditions[CONDITIONS];
	bool late;		/* it is understood, and not in force everywhere */
	size_t nodes, enforced; /* said of a NetworkPolicy alone, beside the conditions */
};

/**
 * verdict_make() - of a policy as it is in the model.
 * @on: the nodes that have pods of it.
 * `since` is left empty.
 */
void verdict_make(const struct gather *g, const struct net_policy *p, const node_set *on, int64_t now,
		  struct verdict *ret);

/* Takes over from what was said since when each condition is so, or @now as RFC 3339 has it. */
void verdict_date(struct verdict *v, const struct verdict *said, int64_t now);

enum verdict_news {
	VERDICT_SAME,
	VERDICT_WORDS, /* the same in other words, or other numbers */
	VERDICT_NEWS,  /* a condition that is another, or of another generation */
};
enum verdict_news verdict_compare(const struct verdict *is, const struct verdict *said);

struct json_object;

/* Objects for a server-side apply; owned by the caller; NULL: no memory. */
char *verdict_text(const struct verdict *v, const struct net_policy *p);

/* The object in which a NetworkPolicy's status stands, without it: owned by the policy. */
char *verdict_place(const struct net_policy *p);

/* Where each kind's status stands: "/apis/.../namespaces/shop/segmentationpolicies/db/status"; @ret is of
 * VERDICT_PATH bytes. */
#define VERDICT_PATH 1024
const char *verdict_path(const struct net_policy *p, bool status, char ret[VERDICT_PATH]);

/* The same from what the server sends, and the UID of whom it belongs to: borrowed; NULL: nobody. */
void verdict_read(struct json_object *o, struct verdict *ret);
const char *verdict_owner(struct json_object *o);

#endif
