/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the kinds of policy share when they are decoded, strictly. Each step says whether it understood its
 * value; the first thing in it that it did not is noted as a problem under the path where it stands. Absent
 * and null are the same, as for the API server; an empty list or object is a value. Internal to kube/.
 */
#ifndef BH_KUBE_WALK_H
#define BH_KUBE_WALK_H

#include "kube/decode.h"

struct walk {
	struct net_policy *policy;
	char path[512]; /* of the value at hand; holds the longest there is */
	size_t len;
	bool no_memory;
};

/* What a value is decoded into is the step's own affair. Return: whether it was understood. */
typedef bool (*walk_step)(struct walk *w, struct json_object *o, void *into);

/**
 * walk_policy() - decode one policy.
 * @spec: fills w->policy, fresh from net_policy_new(), from the object's spec, of whatever type that is;
 *        NULL: it has none.
 *
 * Return: 0 or -ENOMEM.
 */
int walk_policy(struct json_object *o, const struct object_id *id,
		void (*spec)(struct walk *w, struct json_object *o), struct net_policy **ret);

/* ---- problems: each of these returns false ----------------------------------------------- */

bool walk_no_memory(struct walk *w);
__attribute__((format(printf, 2, 3))) bool walk_problem(struct walk *w, const char *fmt, ...);
bool walk_wrong_type(struct walk *w, struct json_object *o, const char *wanted); /* "a list" */

/* ---- walking ----------------------------------------------------------------------------- */

/* Into a part of the value, and back to where that was. */
__attribute__((format(printf, 2, 3))) size_t walk_enter(struct walk *w, const char *fmt, ...);
void walk_leave(struct walk *w, size_t was);

/* A field that may be absent; one that must not; one that is found @wrong without a look at its value. */
bool walk_field(struct walk *w, struct json_object *o, const char *name, walk_step step, void *into);
bool walk_required(struct walk *w, struct json_object *o, const char *name, walk_step step, void *into);
bool walk_wrong_field(struct walk *w, const char *name, const char *wrong);

bool walk_items(struct walk *w, struct json_object *list, walk_step step, void *into);
bool walk_is_list(struct walk *w, struct json_object *o, size_t max);
bool walk_is_object(struct walk *w, struct json_object *o);

/* An object that has none but these fields; one that has exactly one of them. NULL is behind the last. */
bool walk_has_only(struct walk *w, struct json_object *o, const char *const *known);
bool walk_has_one(struct walk *w, struct json_object *o, const char *const *names, const char *wrong);

/* ---- values ------------------------------------------------------------------------------ */

/* A whole number from @min to @max. */
bool walk_integer(struct walk *w, struct json_object *o, int min, int max, uint16_t *ret);

/* A text of @names, which ends with NULL; else it is @none. */
bool walk_choice(struct walk *w, struct json_object *o, const char *const *names, const char *none,
		 size_t *ret);

/* Steps. The selector's place is NULL before, and stays so if it is not understood. */
bool walk_port(struct walk *w, struct json_object *o, void *into);	   /* uint16_t */
bool walk_cidr(struct walk *w, struct json_object *o, void *into);	   /* struct cidr */
bool walk_selector(struct walk *w, struct json_object *o, void *into);	   /* struct selector * */
bool walk_policy_types(struct walk *w, struct json_object *o, void *into); /* bool [DIR_MAX], false */

/* ---- rules ------------------------------------------------------------------------------- */

extern const char *const walk_section[DIR_MAX]; /* "ingress", "egress" */
extern const char *const walk_peers[DIR_MAX];	/* "from", "to" */

bool walk_add_peer(struct walk *w, struct rule *rule, struct peer *take);
bool walk_add_port(struct walk *w, struct rule *rule, const struct port_range *p);
void walk_distrust(struct net_policy *p); /* all of its rules */

#endif
