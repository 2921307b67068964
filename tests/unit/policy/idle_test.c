/* SPDX-License-Identifier: Apache-2.0 */
/* Rules that decide nothing: why each kind does not; and that without them all is as it was. */
#include "world.h"

#include "policy/build.h"
#include "policy/compare.h"
#include "policy/idle.h"
#include "tests/oracle/cluster.h"

#define DB     7
#define WORLDS 120

DEFINE_SCOPE_FREE(struct comparison, comparison_free)
DEFINE_SCOPE_FREE(struct idlers, idlers_free)
#define auto_idlers	__attribute__((cleanup(idlers_free_scope)))
#define auto_comparison __attribute__((cleanup(comparison_free_scope)))

static enum idle why(const struct model *m, const struct net_policy *np, uint32_t index)
{
	auto_tables struct tables *t = w_compile(m);
	auto_idlers struct idlers *w = idlers_new(m, t);

	assert_ptr_equal(m->policies.v[0], np);
	assert_true(idlers_policy(w, 0));
	return idlers_rule(w, 0, DIR_INGRESS, index);
}

static void each_reason(void **state)
{
	auto_model struct model *m = model_new();
	struct net_policy *np;

	(void)state;
	w_namespace(m, "shop", "");
	w_pod(m, "shop/db", "app=db", "10.0.0.7");
	w_pod(m, "shop/web", "app=web", "10.0.0.8");
	w_endpoint(m, "shop/db", DB, "10.0.0.7");
	np = w_policy(m, "shop/p", "app=db", "i");
	w_rule(np, DIR_INGRESS, "pods(app=web)", "tcp/80");
	w_rule(np, DIR_INGRESS, "pods(app=web)", "tcp/80");
	w_rule(np, DIR_INGRESS, "pods(app=gone)", "tcp/80");
	w_rule(np, DIR_INGRESS, "pods(app=web)", "tcp/sql");
	w_rule(np, DIR_INGRESS, "pods(app=web)", "tcp/81")->unknown = true;
	w_rule(np, DIR_INGRESS, "ns(x=y);behind(shop/none)", NULL);
	w_rule(np, DIR_INGRESS, "10.0.0.8/32", "tcp/79-80");
	assert_int_equal(why(m, np, 0), IDLE_NOT);
	assert_int_equal(why(m, np, 1), IDLE_SHADOWED);
	assert_int_equal(why(m, np, 2), IDLE_NOBODY);
	assert_int_equal(why(m, np, 3), IDLE_NAMES);
	assert_int_equal(why(m, np, 4), IDLE_UNKNOWN);
	assert_int_equal(why(m, np, 5), IDLE_NOBODY);
	assert_int_equal(why(m, np, 6), IDLE_NOT); /* port 79 */
}

/* ---- random clusters ------------------------------------------------------------------------ */

static void fail_it(void *ctx, const struct outcome *o)
{
	(void)o;
	fail_msg("without %s something changes", (const char *)ctx);
}

/* Where nobody refuses anything Services are as open as all else: a Deny says something by being there. */
static bool minds_services(const struct net_policy *np, uint32_t dir, uint32_t index)
{
	return dir == DIR_EGRESS && np->rules[dir].v[index].action != RULE_ACCEPT;
}

/* As if the rule were not there. */
static void take_out(struct model *m, struct net_policy *np, uint32_t dir, uint32_t index,
		     const struct tables *was)
{
	const struct rule rule = np->rules[dir].v[index];
	auto_comparison struct comparison *c = NULL;
	auto_tables struct tables *is = NULL;
	char name[RULE_TEXT];

	np->rules[dir].v[index].action = RULE_ACCEPT;
	np->rules[dir].v[index].unknown = true;
	is = w_compile(m);
	np->rules[dir].v[index] = rule;
	assert_int_equal(comparison_new(m, was, is, &c), 0);
	(void)policy_rule_text(np, dir, index, name);
	sprintf(name + strlen(name), " [action %d peers %zu]", rule.action, rule.peers.n);
	assert_int_equal(comparison_run(c, fail_it, name), 0);
}

static void without_them_all_is_as_it_was(void **state)
{
	struct dice d = dice_seeded();
	unsigned long idle[IDLE_SHADOWED + 1] = {};
	int world;

	(void)state;
	for (world = 0; world < WORLDS; world++) {
		auto_model struct model *m = cluster_new(&d);
		auto_tables struct tables *t = w_compile(m);
		auto_idlers struct idlers *w = idlers_new(m, t);
		uint32_t dir, k;
		size_t i;

		for (i = 0; i < m->policies.n; i++)
			for (dir = 0; dir < DIR_MAX; dir++)
				for (k = 0; k < m->policies.v[i]->rules[dir].n; k++) {
					const enum idle how = idlers_rule(w, i, dir, k);

					idle[how]++;
					if (how > IDLE_UNTOLD && !minds_services(m->policies.v[i], dir, k))
						take_out(m, m->policies.v[i], dir, k, t);
				}
	}
	print_message(
		"idle: %lu not, %lu untold, %lu not understood, %lu for nobody, %lu by names, %lu shadowed\n",
		idle[0], idle[1], idle[2], idle[3], idle[4], idle[5]);
	assert_true(idle[IDLE_NOBODY] && idle[IDLE_SHADOWED]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_reason),
		cmocka_unit_test(without_them_all_is_as_it_was),
	};

	return cmocka_run_group_tests_name("idle", tests, NULL, NULL);
}
