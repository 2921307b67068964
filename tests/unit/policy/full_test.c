/* SPDX-License-Identifier: Apache-2.0 */
/* A plan that does not fit says which map, what it would take, and who asks for most of it. */
#include "world.h"

#include <errno.h>

#include "policy/delta.h"

DEFINE_SCOPE_FREE(struct actual, actual_free)
#define auto_actual __attribute__((cleanup(actual_free_scope)))

static const struct actual_sizes roomy = {
	.addrs = 64,
	.cidrs = 64,
	.classes = 128,
	.rows = 512,
	.ranges = 512,
	.rules = 64,
	.ids = 256,
};

/* Each policy is greedy in its own way. */
static struct model *greedy_cluster(void)
{
	struct model *m = model_new();
	struct net_policy *np;
	char text[64], addr[64];
	int i;

	w_namespace(m, "shop", "");
	w_namespace(m, "t", "team=red");
	w_pod(m, "shop/db", "app=db", "10.0.0.7");
	w_endpoint(m, "shop/db", 7, "10.0.0.7");
	w_pod(m, "shop/web", "app=web", "10.0.0.6");
	w_endpoint(m, "shop/web", 6, "10.0.0.6");
	w_pod(m, "t/web", "app=web", "10.0.0.8");
	w_endpoint(m, "t/web", 8, "10.0.0.8");
	w_pod(m, "t/api", "app=api", "10.0.0.9");
	w_endpoint(m, "t/api", 9, "10.0.0.9");
	for (i = 0; i < 12; i++) {
		(void)snprintf(text, sizeof(text), "t/far-%d", i);
		(void)snprintf(addr, sizeof(addr), "10.1.0.%d", i);
		w_pod(m, text, "app=far", addr);
	}
	np = w_policy(m, "shop/far", "", "i"); /* of two policy sets */
	w_rule(np, DIR_INGRESS, "ns(team=red) pods(app=far)", "tcp/80");

	np = w_policy(m, "shop/blocks", "app=db", "i");
	w_rule(np, DIR_INGRESS,
	       "10.2.0.0/16 -10.2.1.0/24 -10.2.2.0/24 -10.2.3.0/24 -10.2.4.0/24; 10.3.0.0/16", "tcp/80");

	np = w_policy(m, "shop/rows", "app=db", "e");
	for (i = 0; i < 5; i++) {
		(void)snprintf(addr, sizeof(addr), "10.4.%d.0/24", i);
		(void)snprintf(text, sizeof(text), "tcp/%d", 1000 + i);
		w_rule(np, DIR_EGRESS, addr, text);
	}

	np = w_policy(m, "shop/all", "", "ie"); /* is in each row, and makes none */
	w_rule(np, DIR_INGRESS, NULL, "tcp/9");
	w_rule(np, DIR_EGRESS, NULL, "tcp/9");

	np = w_policy(m, "t/ports", "app in web|api",
		      "i"); /* in rows of two policy sets, which share their ranges */
	w_rule(np, DIR_INGRESS, NULL, "tcp/1,tcp/3,tcp/5,tcp/7,tcp/9,tcp/11");
	np = w_policy(m, "t/more-ports", "app in web|api", "i");
	w_rule(np, DIR_INGRESS, NULL, "tcp/21,tcp/23");

	np = w_policy(m, "t/rules", "app=web", "e");
	for (i = 0; i < 6; i++)
		w_rule(np, DIR_EGRESS, NULL, "udp/53");
	return m;
}

/* Whether there is a plan; if not, nothing is to be written. */
static bool fits(const struct model *m, const struct actual_sizes *size, struct bh_err *err)
{
	auto_tables struct tables *t = w_compile(m);
	auto_actual struct actual *a = actual_new(size);
	struct plan *p = NULL;
	const int r = delta_plan(t, a, m, &p, err);

	assert_true(!r || (r == -ENOSPC && !p));
	plan_free(p);
	return !r;
}

static void each_map(void **state)
{
	auto_model struct model *m = greedy_cluster();
	struct actual_sizes size;
	const struct {
		uint32_t *size, fits;
		const char *text; /* of one less */
	} maps[] = {
		{ &size.addrs, 12,
		  "map bh_addrs has room for 11 addresses of pods, nodes and Services, 12 needed"
		  "; most by policy shop/far: 12" },
		{ &size.cidrs, 11,
		  "map bh_cidrs has room for 10 blocks, 11 needed"
		  "; most by policy shop/blocks: 6" },
		{ &size.rows, 17,
		  "map bh_rows has room for 16 verdict rows, 17 needed"
		  "; most by policy shop/rows: 5" },
		{ &size.ranges, 9,
		  "map bh_ranges has room for 7 port ranges, 8 needed"
		  "; most by policy t/ports: 6" },
		{ &size.rules, 18,
		  "map bh_rules has room for 16 rules, 17 needed"
		  "; most by policy t/rules: 6" },
		{ &size.classes, 23,
		  "map bh_classes has room for 22 addresses and blocks, more are needed"
		  "; most by policy shop/far: 12 addresses" },
		{ &size.ids, 30,
		  "map bh_ids has room for 29 ids, more are needed"
		  "; most by policy shop/rows: 5 verdict rows" },
	};
	struct bh_err err;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(maps); i++) {
		size = roomy;
		*maps[i].size = maps[i].fits;
		assert_true(fits(m, &size, &err));
		*maps[i].size = maps[i].fits - 1;
		assert_false(fits(m, &size, &err));
		assert_string_equal(err.msg, maps[i].text);
	}
}

/* By its name, wherever it stands by now; who is gone is not named, nor anybody for somebody else's tables.
 */
static void whose_it_was(void **state)
{
	auto_model struct model *m = greedy_cluster(), *now = greedy_cluster(), *empty = model_new();
	auto_tables struct tables *t = w_compile(m);
	struct actual_sizes size = roomy;
	auto_actual struct actual *a = NULL;
	const struct {
		const struct model *m;
		const char *text;
	} whose[] = {
		{ now, "map bh_ranges has room for 6 port ranges, 8 needed; most by policy t/more-ports: 2" },
		{ empty, "map bh_ranges has room for 6 port ranges, 8 needed" },
		{ NULL, "map bh_ranges has room for 6 port ranges, 8 needed" },
	};
	struct bh_err err;
	struct plan *p;
	size_t i;

	(void)state;
	size.ranges = 7;
	a = actual_new(&size);
	assert_int_equal(model_del_policy(now, POLICY_NETWORK, "t", "ports"), 1);
	w_policy(now, "a/first", "", "i");
	for (i = 0; i < ARRAY_SIZE(whose); i++) {
		assert_int_equal(delta_plan(t, a, whose[i].m, &p, &err), -ENOSPC);
		assert_string_equal(err.msg, whose[i].text);
	}
}

/* No policy makes interfaces. */
static void interfaces(void **state)
{
	auto_model struct model *m = model_new();
	struct bh_err err;
	uint32_t i;

	(void)state;
	w_namespace(m, "shop", "");
	for (i = 1; i <= BH_EP_SLOTS; i++)
		w_endpoint(m, "shop/db", i, "");
	assert_true(fits(m, &roomy, &err));
	w_endpoint(m, "shop/db", i, "");
	assert_false(fits(m, &roomy, &err));
	assert_string_equal(err.msg, "map bh_endpoints has room for 2048 interfaces of pods, 2049 needed");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_map),
		cmocka_unit_test(whose_it_was),
		cmocka_unit_test(interfaces),
	};

	return cmocka_run_group_tests_name("policy/full", tests, NULL, NULL);
}
