/* SPDX-License-Identifier: Apache-2.0 */
/* `policies`: the policies that this agent knows, and what it makes of them. */
#include "answers.h"

#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#include "agent.h"
#include "jsonx.h"
#include "requests.h"

static const char *const kinds[] = {
	[POLICY_NETWORK] = "NetworkPolicy",
	[POLICY_CLUSTER] = "ClusterNetworkPolicy",
	[POLICY_SEGMENTATION] = "SegmentationPolicy",
	[POLICY_CLUSTER_SEGMENTATION] = "ClusterSegmentationPolicy",
};

static const char *const tiers[] = {
	[TIER_ADMIN] = "Admin",
	[TIER_SEGMENTATION] = "Segmentation",
	[TIER_NETWORK] = "NetworkPolicy",
	[TIER_BASELINE] = "Baseline",
};

/* How many pods of this node it is in force for. */
static size_t count_pods(const struct inforce *f, size_t policy)
{
	size_t i, k, n = 0;

	for (i = 0; f && i < f->tables->endpoints.n; i++) {
		const int32_t set = f->tables->endpoints.v[i].set;
		const struct table_set *s = set < 0 ? NULL : &f->tables->sets.v[set];

		for (k = 0; s && k < s->policies.n; k++)
			n += s->policies.v[k] == policy;
	}
	return n;
}

/* The tables know it by its place in the model of then. */
static size_t pods_of(const struct inforce *f, const struct net_policy *p)
{
	size_t i;

	for (i = 0; f && i < f->policies.n; i++)
		if (f->policies.v[i].kind == p->kind && !strcmp(f->policies.v[i].ns, p->ns) &&
		    !strcmp(f->policies.v[i].name, p->name))
			return count_pods(f, i);
	return 0;
}

static struct json_object *problems_of(const struct net_policy *p)
{
	struct json_object *list = json_object_new_array();
	char text[600];
	size_t i;

	for (i = 0; i < p->problems.n; i++) {
		(void)snprintf(text, sizeof(text), "%s %s", p->problems.v[i].path, p->problems.v[i].text);
		(void)json_object_array_add(list, json_object_new_string(text));
	}
	return list;
}

static struct json_object *describe(const struct agent *a, const struct net_policy *p)
{
	struct json_object *o = json_object_new_object();

	jx_add_str(o, "kind", kinds[p->kind]);
	jx_add_str(o, "namespace", p->ns);
	jx_add_str(o, "name", p->name);
	jx_add_str(o, "tier", tiers[p->tier]);
	jx_add_int(o, "priority", p->priority);
	jx_add_str(o, "mode", p->audit || a->model->audit ? "Audit" : "Enforce");
	jx_add_bool(o, "expired", net_policy_is_expired(p, a->model->now));
	if (p->expires && !net_policy_is_expired(p, a->model->now))
		jx_add_int(o, "expires_in", (uint64_t)(p->expires - a->model->now));
	jx_add_int(o, "ingress_rules", p->rules[DIR_INGRESS].n);
	jx_add_int(o, "egress_rules", p->rules[DIR_EGRESS].n);
	jx_add_int(o, "pods", pods_of(reconcile_inforce(a->reconcile), p));
	jx_add(o, "problems", problems_of(p));
	return o;
}

void answer_policies(struct agent *a, struct api_conn *conn, struct json_object *request)
{
	size_t i;

	(void)request;
	for (i = 0; i < a->model->policies.n; i++)
		if (api_send(conn, jx_item(describe(a, a->model->policies.v[i]))) < 0)
			return;
	(void)api_send(conn, jx_done());
}
