/* SPDX-License-Identifier: Apache-2.0 */
/* `policies`: the policies that this agent knows, and what it makes of them. */
#include "answers.h"

#include <json-c/json.h>
#include <stdio.h>

#include "agent.h"
#include "jsonx.h"
#include "kube/decode.h"
#include "requests.h"
#include "standing.h"
#include "status/report.h"
#include "unprotected.h"

static const char *const tiers[] = {
	[TIER_ADMIN] = "Admin",
	[TIER_SEGMENTATION] = "Segmentation",
	[TIER_NETWORK] = "NetworkPolicy",
	[TIER_BASELINE] = "Baseline",
};

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

static struct json_object *describe(const struct agent *a, const struct report *bare,
				    const struct net_policy *p)
{
	struct json_object *o = json_object_new_object();

	jx_add_str(o, "kind", object_kinds[OBJECT_POLICY + p->kind].kind);
	jx_add_str(o, "namespace", p->ns);
	jx_add_str(o, "name", p->name);
	jx_add_str(o, "tier", tiers[p->tier]);
	jx_add_int(o, "priority", p->priority);
	jx_add_str(o, "mode", model_audits(a->model, p) ? "Audit" : "Enforce");
	jx_add_bool(o, "expired", net_policy_is_expired(p, a->model->now));
	if (p->expires && !net_policy_is_expired(p, a->model->now))
		jx_add_int(o, "expires_in", (uint64_t)(p->expires - a->model->now));
	jx_add_int(o, "ingress_rules", p->rules[DIR_INGRESS].n);
	jx_add_int(o, "egress_rules", p->rules[DIR_EGRESS].n);
	jx_add_int(o, "generation", p->generation);
	jx_add_bool(o, "in_force", standing_enforces(a, bare, p));
	jx_add_int(o, "pods", inforce_pods(reconcile_inforce(a->reconcile), p));
	jx_add(o, "problems", problems_of(p));
	return o;
}

void answer_policies(struct agent *a, struct api_conn *conn, struct json_object *request)
{
	struct report gathered = {};
	const struct report *bare = unprotected_report(a, &gathered) < 0 ? NULL : &gathered;
	size_t i;
	int r = 0;

	(void)request;
	for (i = 0; i < a->model->policies.n && !r; i++)
		r = api_send(conn, jx_item(describe(a, bare, a->model->policies.v[i])));
	if (!r)
		(void)api_send(conn, jx_done());
	report_done(&gathered);
}
