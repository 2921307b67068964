/* SPDX-License-Identifier: Apache-2.0 */
/* policy.networking.k8s.io/v1alpha2 ClusterNetworkPolicy, strictly. */
#include "kube/rules.h"

static void decode_object(struct walk *w, struct json_object *spec)
{
	static const char *const known[] = { "tier", "priority", "subject", "ingress", "egress", NULL };

	rules_sections(w, spec, known, rules_cluster_spec(w, spec));
}

static void decode_spec(struct walk *w, struct json_object *spec)
{
	rules_of_cluster(w, spec, decode_object);
}

int decode_cluster_policy(struct json_object *o, const struct object_id *id, struct net_policy **ret)
{
	return walk_policy(o, id, decode_spec, ret);
}
