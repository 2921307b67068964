/* SPDX-License-Identifier: Apache-2.0 */
/* Series for each rule and each pod, where somebody has asked for them, and never more than the most. */
#include "metrics_internal.h"

#include <errno.h>

#include "endpoints.h"
#include "names.h"
#include "util/scope.h"

/* ---- rules -------------------------------------------------------------------------------- */

/* In the order of their ids: a rule keeps its place for as long as it is in force. One by one: ids lie
 * anywhere in bh_rules, of those past whose end nothing is known. */
int view_read_rules(struct view *v)
{
	const struct actual *actual = reconcile_actual(v->a->reconcile);
	size_t i;

	for (i = 0; i < actual->ids.n; i++) {
		const struct bh_id_key *key = &actual->ids.v[i].key;
		struct rule_view rule, *to;

		if (key->kind != BH_ID_RULE || actual->ids.v[i].dead)
			continue;
		rule.name = names_rule(reconcile_inforce(v->a->reconcile), actual, key->id);
		if (!rule.name)
			continue;
		if (v->rules.n == METRICS_RULES_MAX || dp_rule_count(v->a->dp, key->id, &rule.count) < 0) {
			v->rules_left++;
			continue;
		}
		to = vec_add(&v->rules);
		if (!to)
			return -ENOMEM;
		*to = rule;
	}
	return 0;
}

void collect_rule_packets(struct view *v, struct exposition *x)
{
	size_t i;

	for (i = 0; i < v->rules.n; i++)
		expo_add(x, v->rules.v[i].count.packets, "rule", v->rules.v[i].name, NULL);
}

void collect_rule_bytes(struct view *v, struct exposition *x)
{
	size_t i;

	for (i = 0; i < v->rules.n; i++)
		expo_add(x, v->rules.v[i].count.bytes, "rule", v->rules.v[i].name, NULL);
}

/* ---- pods --------------------------------------------------------------------------------- */

static void add_interface(struct view *v, const struct endpoint *e, struct pod_view *pod)
{
	const int slot = dp_slot(v->a->dp, e->ifindex);
	struct bh_ep_stat stat;
	uint32_t i;
	int dir;

	if (slot < 0 || dp_slot_stat(v->a->dp, (uint32_t)slot, &stat, NULL) < 0)
		return;
	for (dir = BH_INGRESS; dir <= BH_EGRESS; dir++) {
		pod->packets[dir][true] += stat.hot[dir].packets;
		for (i = 0; i < BH_REASON_MAX; i++)
			pod->packets[dir][names_reason_allows(i)] += stat.packets[i][dir];
	}
	pod->opened += stat.opened;
	pod->evicted += stat.evicted_new + stat.evicted_live;
}

/* By name; several interfaces of one pod are one. */
int view_read_pods(struct view *v)
{
	auto_free const struct endpoint **sorted = endpoints_by_pod(v->a);
	const size_t n = v->a->model->endpoints.n;
	struct pod_view *pod;
	size_t i;

	if (!sorted)
		return -ENOMEM;
	for (i = 0; i < n; i++) {
		const bool first = !i || endpoints_cmp_pod(&sorted[i], &sorted[i - 1]);

		if (v->pods.n == METRICS_PODS_MAX && (first || v->pods_left)) {
			v->pods_left += first;
			continue;
		}
		if (first && !vec_add(&v->pods))
			return -ENOMEM;
		pod = &v->pods.v[v->pods.n - 1];
		pod->e = sorted[i];
		add_interface(v, sorted[i], pod);
	}
	return 0;
}

void collect_pod_packets(struct view *v, struct exposition *x)
{
	static const char *const verdicts[] = { [true] = "allowed", [false] = "denied" };
	const struct pod_view *p;
	int dir, allowed;

	for (p = v->pods.v; p < v->pods.v + v->pods.n; p++)
		for (dir = BH_INGRESS; dir <= BH_EGRESS; dir++)
			for (allowed = true; allowed >= false; allowed--)
				expo_add(x, p->packets[dir][allowed], "namespace", p->e->ns, "pod", p->e->pod,
					 "direction", dir_text(dir), "verdict", verdicts[allowed], NULL);
}

void collect_pod_opened(struct view *v, struct exposition *x)
{
	const struct pod_view *p;

	for (p = v->pods.v; p < v->pods.v + v->pods.n; p++)
		expo_add(x, p->opened, "namespace", p->e->ns, "pod", p->e->pod, NULL);
}

void collect_pod_evicted(struct view *v, struct exposition *x)
{
	const struct pod_view *p;

	for (p = v->pods.v; p < v->pods.v + v->pods.n; p++)
		expo_add(x, p->evicted, "namespace", p->e->ns, "pod", p->e->pod, NULL);
}

void collect_left_out(struct view *v, struct exposition *x)
{
	if (v->a->opt.pages.per_rule)
		expo_add(x, v->rules_left, "kind", "rule", NULL);
	if (v->a->opt.pages.per_pod)
		expo_add(x, v->pods_left, "kind", "pod", NULL);
}
