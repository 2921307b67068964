/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the kinds of policy share whose rules have an action: ClusterNetworkPolicy of the network policy
 * group, and our own two, which have the same words and some more. Internal to kube/.
 */
#ifndef BH_KUBE_RULES_H
#define BH_KUBE_RULES_H

#include "kube/walk.h"

/* Whether it is SegmentationPolicy or ClusterSegmentationPolicy. */
static inline bool rules_are_ours(const struct walk *w)
{
	return w->policy->kind == POLICY_SEGMENTATION || w->policy->kind == POLICY_CLUSTER_SEGMENTATION;
}

/* A list that is not empty, of at most so many. */
bool rules_is_filled(struct walk *w, struct json_object *o, size_t max);

/* Steps. @into: of rules const int *, the direction; of peers and protocols struct rule *. */
bool rules_decode(struct walk *w, struct json_object *o, void *into);
bool rules_from(struct walk *w, struct json_object *o, void *into);
bool rules_to(struct walk *w, struct json_object *o, void *into);
bool rules_protocols(struct walk *w, struct json_object *o, void *into);

/* The pods of a peer or a subject; @p is done with by the caller, also where it was not understood. */
bool rules_selectors(struct walk *w, struct json_object *o, struct peer *p);

bool rules_priority(struct walk *w, struct json_object *o, void *into); /* step; uint16_t */

/* The rules of both directions; none of them can be trusted if what was said for all was not @understood. A
 * field that is not among @known may be rules that deny: a direction that has no other ones has one that was
 * not understood. */
void rules_sections(struct walk *w, struct json_object *spec, const char *const known[], bool understood);

/* The spec of a policy of the cluster, by @object. One that has none, which no API server takes, says nothing
 * of anybody. */
void rules_of_cluster(struct walk *w, struct json_object *spec,
		      void (*object)(struct walk *w, struct json_object *o));

/* Its tier, priority and subject. */
bool rules_cluster_spec(struct walk *w, struct json_object *spec);

#endif
