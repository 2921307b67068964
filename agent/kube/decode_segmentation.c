/* SPDX-License-Identifier: Apache-2.0 */
/* policy.bulkhead.dev/v1alpha1 SegmentationPolicy and ClusterSegmentationPolicy, strictly. */
#include <json-c/json.h>

#include "kube/rules.h"
#include "kube/value.h"

#define PRIORITY_DEFAULT 100 /* of a SegmentationPolicy, as its CRD has it */

/* ---- for how long, and in earnest? -------------------------------------------------------- */

static bool decode_mode(struct walk *w, struct json_object *o, void *into)
{
	static const char *const names[] = { "Enforce", "Audit", NULL };
	bool *ret = into;
	size_t mode;

	if (!walk_choice(w, o, names, "neither Enforce nor Audit", &mode))
		return false;
	*ret = mode;
	return true;
}

static bool decode_expires(struct walk *w, struct json_object *o, void *into)
{
	const char *text = value_text(o);
	char clip[VALUE_CLIP];
	int64_t *ret = into;

	if (!text)
		return walk_wrong_type(w, o, "a text");
	if (!value_time(o, ret))
		return walk_problem(w, "'%s' is not a time like 2026-01-31T12:00:00Z",
				    value_clip(text, clip));
	if (!*ret)
		*ret = 1; /* 0 is never */
	return true;
}

/* What both kinds have for the whole policy. */
static bool decode_common(struct walk *w, struct json_object *spec)
{
	bool ok = walk_field(w, spec, "mode", decode_mode, &w->policy->audit);

	ok &= walk_field(w, spec, "expires", decode_expires, &w->policy->expires);
	return ok;
}

/* ---- SegmentationPolicy ------------------------------------------------------------------- */

static bool accepts_some(const struct net_policy *p, int dir)
{
	size_t i;

	for (i = 0; i < p->rules[dir].n; i++)
		if (p->rules[dir].v[i].action == RULE_ACCEPT)
			return true;
	return false;
}

/* As NetworkPolicy does by policyTypes; where nothing is said of them, where something is accepted. */
static bool decode_isolation(struct walk *w, struct json_object *spec)
{
	bool *isolates = w->policy->isolates;
	int dir;

	if (!walk_field(w, spec, "policyTypes", walk_policy_types, isolates)) {
		isolates[DIR_INGRESS] = isolates[DIR_EGRESS] = true;
		return false;
	}
	for (dir = 0; !value_get(spec, "policyTypes") && dir < DIR_MAX; dir++)
		isolates[dir] = accepts_some(w->policy, dir);
	return true;
}

static void decode_object(struct walk *w, struct json_object *spec)
{
	static const char *const known[] = { "priority",    "mode",    "expires", "podSelector",
					     "policyTypes", "ingress", "egress",  NULL };
	struct selector *subject = NULL;
	bool ok = walk_field(w, spec, "priority", rules_priority, &w->policy->priority);

	ok &= walk_required(w, spec, "podSelector", walk_selector, &subject);
	ok &= decode_common(w, spec);
	if (subject) {
		selector_free(w->policy->subject);
		w->policy->subject = subject;
	}
	rules_sections(w, spec, known, ok);
	(void)decode_isolation(w, spec);
}

static void decode_in_namespace(struct walk *w, struct json_object *spec)
{
	bool *isolates = w->policy->isolates;

	w->policy->priority = PRIORITY_DEFAULT;
	if (spec && walk_is_object(w, spec)) {
		decode_object(w, spec);
		return;
	}
	if (!spec)
		(void)walk_problem(w, "is missing");
	isolates[DIR_INGRESS] = isolates[DIR_EGRESS] = true;
}

/* ---- ClusterSegmentationPolicy ------------------------------------------------------------ */

static void decode_cluster_object(struct walk *w, struct json_object *spec)
{
	static const char *const known[] = { "tier",	"priority", "mode",   "expires",
					     "subject", "ingress",  "egress", NULL };
	bool ok = rules_cluster_spec(w, spec);

	ok &= decode_common(w, spec);
	rules_sections(w, spec, known, ok);
}

static void decode_of_cluster(struct walk *w, struct json_object *spec)
{
	rules_of_cluster(w, spec, decode_cluster_object);
}

int decode_segmentation(struct json_object *o, const struct object_id *id, struct net_policy **ret)
{
	return walk_policy(o, id, decode_in_namespace, ret);
}

int decode_cluster_segmentation(struct json_object *o, const struct object_id *id, struct net_policy **ret)
{
	return walk_policy(o, id, decode_of_cluster, ret);
}
