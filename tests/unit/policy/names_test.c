/* SPDX-License-Identifier: Apache-2.0 */
/* Ports by name, asked of compiled tables. The local pod is shop/db with interface 7. */
#include "world.h"

#define DB  7
#define WEB 8

static struct model *cluster(void)
{
	struct model *m = model_new();

	w_namespace(m, "shop", "");
	w_namespace(m, "ops", "");
	w_pod(m, "shop/db", "app=db", "10.0.0.7");
	w_pod(m, "shop/web", "app=web", "10.0.0.8");
	w_pod(m, "shop/bare", "", "10.0.0.9");
	w_endpoint(m, "shop/db", DB, "10.0.0.7");
	return m;
}

/* Names are the subject's for ingress: two pods with the same policies and other ports share no set. */
static void a_name_of_ingress_is_the_subjects(void **state)
{
	auto_model struct model *m = cluster();
	auto_tables struct tables *t = NULL;

	w_names(w_pod(m, "shop/db", "app=db", ""), "web:tcp/80,web:udp/81,other:tcp/9");
	w_names(w_pod(m, "shop/db2", "app=db", ""), "web:tcp/8080,web:tcp/8443");
	w_names(w_pod(m, "shop/db5", "app=db", ""), "web:tcp/81");
	w_endpoint(m, "shop/db5", 50, "10.0.0.50");
	w_names(w_pod(m, "shop/db3", "app=db", ""), "web:tcp/80,other:tcp/10");
	w_pod(m, "shop/db4", "app=db", "");
	w_endpoint(m, "shop/db2", 20, "10.0.0.20");
	w_endpoint(m, "shop/db3", 30, "10.0.0.30");
	w_endpoint(m, "shop/db4", 40, "10.0.0.40");
	w_rule(w_policy(m, "shop/p", "app=db", "i"), DIR_INGRESS, "pods(app=web); 203.0.113.0/24",
	       "tcp/web,tcp/7");
	t = w_compile(m);
	decided(t, DB, BH_INGRESS, "10.0.0.8", "tcp/80", "+shop/p ingress[0]");
	allowed(t, DB, BH_INGRESS, "203.0.113.9", "tcp/80"); /* a block is as good a source */
	allowed(t, DB, BH_INGRESS, "10.0.0.8", "tcp/7");
	denied(t, DB, BH_INGRESS, "10.0.0.8", "udp/81");
	denied(t, DB, BH_INGRESS, "10.0.0.8", "tcp/9");
	denied(t, DB, BH_INGRESS, "10.0.0.9", "tcp/80");
	allowed(t, 20, BH_INGRESS, "10.0.0.8", "tcp/8080");
	allowed(t, 20, BH_INGRESS, "10.0.0.8", "tcp/8443");
	denied(t, 20, BH_INGRESS, "10.0.0.8", "tcp/80");
	denied(t, 40, BH_INGRESS, "10.0.0.8", "tcp/80");
	denied(t, 50, BH_INGRESS, "10.0.0.8", "tcp/80");
	allowed(t, 50, BH_INGRESS, "10.0.0.8", "tcp/81");
	allowed(t, 40, BH_INGRESS, "10.0.0.8", "tcp/7");
	assert_int_equal(w_find(t, DB)->set, w_find(t, 30)->set); /* what nobody asks for splits nothing */
	assert_int_equal(t->sets.n, 4);
	(void)state;
}

/* And the destination's for egress: pods of one peer set that call it otherwise are of other classes. */
static void a_name_of_egress_is_the_destinations(void **state)
{
	auto_model struct model *m = cluster();
	auto_tables struct tables *t = NULL;

	w_names(w_pod(m, "shop/db", "app=db", ""), "web:tcp/1");
	w_names(w_pod(m, "shop/a", "app=web", "10.0.0.11"), "web:tcp/80,dns:udp/53");
	w_names(w_pod(m, "shop/b", "app=web", "10.0.0.12"), "web:tcp/8080,web:tcp/8081,dns:udp/54");
	w_names(w_pod(m, "shop/c", "app=web", "10.0.0.13"), "web:udp/80");
	w_names(w_pod(m, "shop/d", "app=other", "10.0.0.14"), "web:tcp/80");
	w_rule(w_policy(m, "shop/p", "app=db", "e"), DIR_EGRESS, "pods(app=web)", "tcp/web,tcp/7");
	t = w_compile(m);
	decided(t, DB, BH_EGRESS, "10.0.0.11", "tcp/80", "+shop/p egress[0]");
	denied(t, DB, BH_EGRESS, "10.0.0.11", "tcp/8080");
	denied(t, DB, BH_EGRESS, "10.0.0.11", "tcp/1");
	denied(t, DB, BH_EGRESS, "10.0.0.11", "udp/53");
	allowed(t, DB, BH_EGRESS, "10.0.0.12", "tcp/8080");
	allowed(t, DB, BH_EGRESS, "10.0.0.12", "tcp/8081");
	denied(t, DB, BH_EGRESS, "10.0.0.12", "tcp/80");
	denied(t, DB, BH_EGRESS, "10.0.0.13", "tcp/80");
	denied(t, DB, BH_EGRESS, "10.0.0.13", "udp/80");
	allowed(t, DB, BH_EGRESS, "10.0.0.13", "tcp/7");
	denied(t, DB, BH_EGRESS, "10.0.0.14", "tcp/80");
	assert_int_equal(t->classes.n, 4); /* nobody; app=web without the name, with 80, with 8080 and 8081 */
	(void)state;
}

static void a_name_without_peers_is_any_pods_that_has_it(void **state)
{
	auto_model struct model *m = cluster();
	auto_tables struct tables *t = NULL;
	struct net_policy *np = w_policy(m, "shop/p", "app=db", "e");

	w_names(w_pod(m, "ops/a", "", "10.0.1.11"), "web:tcp/80");
	w_names(w_pod(m, "shop/b", "", "10.0.0.12"), "web:tcp/81");
	w_names(w_pod(m, "lost/c", "", "10.0.2.13"), "web:tcp/80"); /* whose Namespace nobody knows */
	w_names(w_pod(m, "shop/d", "", "10.0.0.14"), "web:tcp/80");
	((struct pod *)model_pod(m, "shop", "d"))->host_network = true;
	w_rule(np, DIR_EGRESS, NULL, "tcp/web,udp/53");
	t = w_compile(m);
	decided(t, DB, BH_EGRESS, "10.0.1.11", "tcp/80", "+shop/p egress[0]");
	allowed(t, DB, BH_EGRESS, "10.0.1.11", "udp/53");
	denied(t, DB, BH_EGRESS, "10.0.1.11", "tcp/81");
	allowed(t, DB, BH_EGRESS, "10.0.0.12", "tcp/81");
	denied(t, DB, BH_EGRESS, "10.0.2.13", "tcp/80");
	denied(t, DB, BH_EGRESS, "10.0.0.14", "tcp/80");
	denied(t, DB, BH_EGRESS, "203.0.113.9", "tcp/80");
	allowed(t, DB, BH_EGRESS, "203.0.113.9", "udp/53");
	(void)state;
}

/* What a block selects is no pod, even where a pod has the address. */
static void a_name_with_a_block_is_nobodys_for_egress(void **state)
{
	auto_model struct model *m = cluster();
	auto_tables struct tables *t = NULL;
	struct net_policy *np = w_policy(m, "shop/p", "app=db", "e");

	w_names(w_pod(m, "shop/a", "app=web", "10.0.0.11"), "web:tcp/80");
	w_names(w_pod(m, "shop/b", "app=x", "10.0.0.12"), "web:tcp/80");
	w_rule(np, DIR_EGRESS, "10.0.0.0/8; pods(app=web)", "tcp/web,tcp/7");
	w_endpoint(m, "shop/web", WEB, "10.0.0.8"); /* that one may: b's class has the name */
	w_rule(w_policy(m, "shop/q", "app=web", "e"), DIR_EGRESS, "pods(app=x)", "tcp/web");
	t = w_compile(m);
	allowed(t, WEB, BH_EGRESS, "10.0.0.12", "tcp/80");
	allowed(t, DB, BH_EGRESS, "10.0.0.11", "tcp/80");
	denied(t, DB, BH_EGRESS, "10.0.0.12", "tcp/80");
	allowed(t, DB, BH_EGRESS, "10.0.0.12", "tcp/7");
	denied(t, DB, BH_EGRESS, "10.0.0.99", "tcp/80");
	(void)state;
}

static void of_two_claims_a_name_is_what_both_call_so(void **state)
{
	auto_model struct model *m = cluster();
	auto_tables struct tables *t = NULL;

	w_names(w_pod(m, "shop/a", "app=web", "10.0.0.11"), "web:tcp/80,web:tcp/81");
	w_names(w_pod(m, "shop/b", "app=web", "10.0.0.11"), "web:tcp/81,web:tcp/82");
	w_rule(w_policy(m, "shop/p", "app=db", "e"), DIR_EGRESS, "pods(app=web)", "tcp/web");
	t = w_compile(m);
	denied(t, DB, BH_EGRESS, "10.0.0.11", "tcp/80");
	allowed(t, DB, BH_EGRESS, "10.0.0.11", "tcp/81");
	denied(t, DB, BH_EGRESS, "10.0.0.11", "tcp/82");
	(void)state;
}

/* A rule whose only port is a name that nobody has is not a rule without ports. */
static void an_unknown_name_matches_nothing(void **state)
{
	auto_model struct model *m = cluster();
	auto_tables struct tables *t = NULL;
	struct net_policy *np = w_policy(m, "shop/p", "app=db", "ie");

	w_rule(np, DIR_INGRESS, NULL, "tcp/web");
	w_rule(np, DIR_EGRESS, NULL, "tcp/web");
	t = w_compile(m);
	denied(t, DB, BH_INGRESS, "10.0.0.8", "tcp/80");
	denied(t, DB, BH_EGRESS, "10.0.0.8", "tcp/80");
	denied(t, DB, BH_EGRESS, "203.0.113.9", "icmp");
	(void)state;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_name_of_ingress_is_the_subjects),
		cmocka_unit_test(a_name_of_egress_is_the_destinations),
		cmocka_unit_test(a_name_without_peers_is_any_pods_that_has_it),
		cmocka_unit_test(a_name_with_a_block_is_nobodys_for_egress),
		cmocka_unit_test(of_two_claims_a_name_is_what_both_call_so),
		cmocka_unit_test(an_unknown_name_matches_nothing),
	};

	return cmocka_run_group_tests_name("policy/names", tests, NULL, NULL);
}
