/* SPDX-License-Identifier: Apache-2.0 */
/* Series for each rule and each pod, where somebody has asked for them, and never more than the most. */
#include "metrics_internal.h"

#include <stdlib.h>
#include <string.h>

#include "endpoints.h"
#include "names.h"
#include "util/scope.h"

/* ---- rules -------------------------------------------------------------------------------- */

typedef void rule_fn(struct exposition *x, const char *rule, const struct bh_count *c);

/* In the order of their ids: a rule keeps its place for as long as it is in force. @x NULL: counts. Return:
 * how many are left out; of those past the end of bh_rules nothing is known. */
static size_t each_rule(struct view *v, rule_fn *each, struct exposition *x)
{
	const struct actual *actual = reconcile_actual(v->a->reconcile);
	size_t i, shown = 0, left = 0;
	struct bh_count count;

	for (i = 0; i < actual->ids.n; i++) {
		const struct bh_id_key *key = &actual->ids.v[i].key;
		const char *name;

		if (key->kind != BH_ID_RULE || actual->ids.v[i].dead)
			continue;
		name = names_rule(reconcile_inforce(v->a->reconcile), actual, key->id);
		if (!name)
			continue;
		if (shown >= METRICS_RULES_MAX || dp_rule_count(v->a->dp, key->id, &count) < 0)
			left++;
		else if (++shown && x)
			each(x, name, &count);
	}
	return left;
}

static void add_rule_packets(struct exposition *x, const char *rule, const struct bh_count *c)
{
	expo_add(x, c->packets, "rule", rule, NULL);
}

static void add_rule_bytes(struct exposition *x, const char *rule, const struct bh_count *c)
{
	expo_add(x, c->bytes, "rule", rule, NULL);
}

void collect_rule_packets(struct view *v, struct exposition *x)
{
	(void)each_rule(v, add_rule_packets, x);
}

void collect_rule_bytes(struct view *v, struct exposition *x)
{
	(void)each_rule(v, add_rule_bytes, x);
}

/* ---- pods --------------------------------------------------------------------------------- */

static void add_stat(struct view *v, const struct endpoint *e, struct bh_ep_stat *sum)
{
	const int slot = dp_slot(v->a->dp, e->ifindex);
	struct bh_ep_stat stat;
	const __u64 *from = (const __u64 *)&stat;
	__u64 *to = (__u64 *)sum;
	size_t i;

	if (slot < 0 || dp_slot_stat(v->a->dp, (uint32_t)slot, &stat, NULL) < 0)
		return;
	for (i = 0; i < sizeof(stat) / sizeof(*from); i++)
		to[i] += from[i];
}

typedef void pod_fn(struct exposition *x, const struct endpoint *e, const struct bh_ep_stat *stat);

/* By name; several interfaces of one pod are one. @x NULL: counts. Return: how many are left out. */
static size_t each_pod(struct view *v, pod_fn *each, struct exposition *x)
{
	auto_free const struct endpoint **sorted = endpoints_by_pod(v->a);
	const size_t n = sorted ? v->a->model->endpoints.n : 0;
	size_t i, pods = 0;

	for (i = 0; i < n; pods++) {
		const struct endpoint *e = sorted[i];
		struct bh_ep_stat sum = { 0 };

		for (; i < n && !endpoints_cmp_pod(&sorted[i], &e); i++)
			if (x && pods < METRICS_PODS_MAX)
				add_stat(v, sorted[i], &sum);
		if (x && pods < METRICS_PODS_MAX)
			each(x, e, &sum);
	}
	return pods > METRICS_PODS_MAX ? pods - METRICS_PODS_MAX : 0;
}

static void add_pod_packets(struct exposition *x, const struct endpoint *e, const struct bh_ep_stat *stat)
{
	uint32_t i;
	int dir;

	for (dir = BH_INGRESS; dir <= BH_EGRESS; dir++) {
		uint64_t allowed = stat->hot[dir].packets, denied = 0;

		for (i = 0; i < BH_REASON_MAX; i++)
			*(names_reason_allows(i) ? &allowed : &denied) += stat->packets[i][dir];
		expo_add(x, allowed, "namespace", e->ns, "pod", e->pod, "direction", dir_text(dir), "verdict",
			 "allowed", NULL);
		expo_add(x, denied, "namespace", e->ns, "pod", e->pod, "direction", dir_text(dir), "verdict",
			 "denied", NULL);
	}
}

static void add_pod_opened(struct exposition *x, const struct endpoint *e, const struct bh_ep_stat *stat)
{
	expo_add(x, stat->opened, "namespace", e->ns, "pod", e->pod, NULL);
}

static void add_pod_evicted(struct exposition *x, const struct endpoint *e, const struct bh_ep_stat *stat)
{
	expo_add(x, stat->evicted_new + stat->evicted_live, "namespace", e->ns, "pod", e->pod, NULL);
}

void collect_pod_packets(struct view *v, struct exposition *x)
{
	(void)each_pod(v, add_pod_packets, x);
}

void collect_pod_opened(struct view *v, struct exposition *x)
{
	(void)each_pod(v, add_pod_opened, x);
}

void collect_pod_evicted(struct view *v, struct exposition *x)
{
	(void)each_pod(v, add_pod_evicted, x);
}

void collect_left_out(struct view *v, struct exposition *x)
{
	if (v->a->opt.pages.per_rule)
		expo_add(x, each_rule(v, NULL, NULL), "kind", "rule", NULL);
	if (v->a->opt.pages.per_pod)
		expo_add(x, each_pod(v, NULL, NULL), "kind", "pod", NULL);
}
