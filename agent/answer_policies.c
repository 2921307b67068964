/* SPDX-License-Identifier: Apache-2.0 */
/* `policies`: the policies that this agent knows, and what it makes of them. */
#include "answers.h"

#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#include "agent.h"
#include "jsonx.h"
#include "kube/decode.h"
#include "requests.h"
#include "standing.h"
#include "status/gather.h"
#include "status/report.h"
#include "unprotected.h"
#include "util/vec.h"

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

/* What is true of this moment, and of all policies. */
struct moment {
	struct report gathered, *bare; /* NULL: it could not be had */
	VEC(const struct pod *) pods;  /* of this node, with our programs or without */
	bool all_pods;		       /* they are known, and all there */
};

static void look(const struct agent *a, struct moment *now)
{
	size_t i;

	now->bare = unprotected_report(a, &now->gathered) < 0 ? NULL : &now->gathered;
	now->all_pods = reconcile_inforce(a->reconcile) != NULL;
	for (i = 0; i < a->model->pods.n && now->all_pods; i++) {
		const struct pod *pod = a->model->pods.v[i], **slot;

		if (strcmp(pod->node, a->opt.node_name))
			continue;
		slot = vec_add(&now->pods);
		now->all_pods = slot != NULL;
		if (slot)
			*slot = pod;
	}
}

static size_t selected(const struct agent *a, const struct moment *now, const struct net_policy *p)
{
	size_t i, n = 0;

	for (i = 0; i < now->pods.n; i++)
		n += gather_selects(a->model, p, now->pods.v[i]);
	return n;
}

static struct json_object *describe(const struct agent *a, const struct moment *now,
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
	jx_add_bool(o, "in_force", standing_enforces(a, now->bare, p));
	jx_add_int(o, "pods", inforce_pods(reconcile_inforce(a->reconcile), p));
	if (now->all_pods)
		jx_add_int(o, "selected", selected(a, now, p));
	jx_add(o, "problems", problems_of(p));
	return o;
}

void answer_policies(struct agent *a, struct api_conn *conn, struct json_object *request)
{
	struct moment now = {};
	size_t i;
	int r = 0;

	(void)request;
	look(a, &now);
	for (i = 0; i < a->model->policies.n && !r; i++)
		r = api_send(conn, jx_item(describe(a, &now, a->model->policies.v[i])));
	if (!r)
		(void)api_send(conn, jx_done());
	vec_done(&now.pods);
	report_done(&now.gathered);
}
