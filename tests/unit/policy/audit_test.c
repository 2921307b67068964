/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is audited denies nothing, and what it would deny is marked: of a policy, a namespace, and a Service.
 * What is logged is marked as well.
 */
#include "world.h"

#define DB 7

static struct model *cluster(void)
{
	struct model *m = model_new();

	w_namespace(m, "shop", "");
	w_pod(m, "shop/db", "app=db", "10.0.0.7");
	w_pod(m, "shop/web", "app=web", "10.0.0.8");
	w_endpoint(m, "shop/db", DB, "10.0.0.7");
	return m;
}

/* Of all pods of shop; isolates nobody. */
static struct net_policy *segmentation(struct model *m, const char *name, bool audit)
{
	struct net_policy *np = net_policy_new(POLICY_SEGMENTATION, "shop", name);

	np->audit = audit;
	assert_int_equal(model_put_policy(m, np), 0);
	return np;
}

static void deny(struct net_policy *np, int dir, const char *peers)
{
	w_rule(np, dir, peers, NULL)->action = RULE_DENY;
}

/* "denied", "allowed", "audited", "logged", and by which rule. */
static const char *answer(const struct model *m, uint32_t dir, const char *remote, uint32_t port)
{
	auto_tables struct tables *t = w_compile(m);
	const struct table_row *row = w_row(t, DB, dir, remote);
	const struct table_range *r = tables_range(t, row, port);
	const uint32_t action = r ? r->action : row->action, rule = r ? r->rule : row->rule;
	static char ret[128];

	(void)snprintf(ret, sizeof(ret), "%s%s%s%s",
		       !(action & BH_ALLOW) ? "denied"
		       : action & BH_AUDIT  ? "audited"
					    : "allowed",
		       action & BH_LOG ? " and logged" : "", rule ? " by " : "",
		       rule ? t->rules.v[rule - 1].name : "");
	return ret;
}

#define in(m, remote)  answer(m, BH_INGRESS, remote, BH_PORT(IPPROTO_TCP, 80))
#define out(m, remote) answer(m, BH_EGRESS, remote, BH_PORT(IPPROTO_TCP, 80))

static void a_policy_that_is_audited(void **state)
{
	auto_model struct model *m = cluster();

	deny(segmentation(m, "a", true), DIR_INGRESS, "pods(app=web)");
	assert_string_equal(in(m, "10.0.0.8"), "audited by segpol shop/a ingress[0]");
	assert_string_equal(in(m, "192.0.2.1"), "allowed");
	deny(segmentation(m, "b", false), DIR_INGRESS, "pods(app=web)");
	assert_string_equal(in(m, "10.0.0.8"), "denied by segpol shop/b ingress[0]");
	(void)state;
}

/* Whether a rule denies or isolation does. */
static void a_namespace_that_is_audited(void **state)
{
	auto_model struct model *m = cluster();

	deny(segmentation(m, "a", false), DIR_INGRESS, "pods(app=web)");
	w_policy(m, "shop/p", "", "i");
	assert_string_equal(in(m, "10.0.0.8"), "denied by segpol shop/a ingress[0]");
	assert_string_equal(in(m, "192.0.2.1"), "denied");
	w_namespace(m, "shop", "policy.bulkhead.dev/mode=Audit");
	assert_string_equal(in(m, "10.0.0.8"), "audited by segpol shop/a ingress[0]");
	assert_string_equal(in(m, "192.0.2.1"), "audited");
	(void)state;
}

static void the_whole_install(void **state)
{
	auto_model struct model *m = cluster();

	deny(segmentation(m, "a", false), DIR_EGRESS, "192.0.2.0/24");
	m->audit = true;
	assert_string_equal(out(m, "192.0.2.1"), "audited by segpol shop/a egress[0]");
	(void)state;
}

/* Who allows everything in earnest needs to know no backend; to deny one by audit they must be known. */
static void a_service_of_which_no_backend_is_known(void **state)
{
	auto_model struct model *m = cluster();

	w_service(m, "shop/web", "10.96.0.1", "tcp/80");
	w_rule(w_policy(m, "shop/p", "", "e"), DIR_EGRESS, NULL, NULL);
	deny(segmentation(m, "a", true), DIR_EGRESS, "pods(app=web)");
	assert_string_equal(out(m, "10.96.0.1"), "audited");
	w_slice(m, "shop/web-1", "10.0.0.8", "tcp/80");
	assert_string_equal(out(m, "10.96.0.1"), "audited by segpol shop/a egress[0]");
	w_slice(m, "shop/web-1", "192.0.2.1", "tcp/80");
	assert_string_equal(out(m, "10.96.0.1"), "allowed by shop/p egress[0]");
	deny(segmentation(m, "b", false), DIR_EGRESS, "pods(app=x)");
	assert_true(model_del_slice(m, "shop", "web-1"));
	assert_string_equal(out(m, "10.96.0.1"), "denied");
	(void)state;
}

/* Of several backends the one that would be denied says by what: here by nothing but isolation. */
static void a_service_of_which_one_backend_is_accepted(void **state)
{
	auto_model struct model *m = cluster();

	w_service(m, "shop/web", "10.96.0.1", "tcp/80");
	w_slice(m, "shop/web-1", "10.0.0.8", "tcp/8000");
	w_slice(m, "shop/web-2", "10.0.0.8", "tcp/8001");
	w_rule(segmentation(m, "a", false), DIR_EGRESS, "pods(app=web)", "tcp/8001");
	segmentation(m, "b", true)->isolates[DIR_EGRESS] = true;
	assert_string_equal(out(m, "10.96.0.1"), "audited");
	(void)state;
}

static void a_service_of_which_one_backend_is_logged(void **state)
{
	auto_model struct model *m = cluster();
	struct net_policy *np = segmentation(m, "a", false);

	w_service(m, "shop/web", "10.96.0.1", "tcp/80");
	w_slice(m, "shop/web-1", "10.0.0.8,10.0.0.9", "tcp/80");
	w_rule(np, DIR_EGRESS, "10.0.0.8/32", NULL)->log = true;
	w_rule(np, DIR_EGRESS, "10.0.0.9/32", NULL);
	assert_string_equal(out(m, "10.0.0.8"), "allowed and logged by segpol shop/a egress[0]");
	assert_string_equal(out(m, "10.0.0.9"), "allowed by segpol shop/a egress[1]");
	np->isolates[DIR_EGRESS] = true;
	assert_int_equal(strncmp(out(m, "10.96.0.1"), "allowed and logged by segpol shop/a egress", 42), 0);
	deny(segmentation(m, "0", true), DIR_EGRESS, "10.0.0.9/32");
	np->priority = 1;
	assert_string_equal(out(m, "10.96.0.1"), "audited by segpol shop/0 egress[0]");
	(void)state;
}

/* What is no port of a Service is as its address is, so far as that is denied in earnest. */
static void what_is_no_port_of_a_service(void **state)
{
	auto_model struct model *m = cluster();
	struct net_policy *np = segmentation(m, "a", false);

	w_service(m, "shop/web", "10.96.0.1", "tcp/443");
	w_rule(np, DIR_EGRESS, "10.96.0.0/16", "tcp/80");
	deny(np, DIR_EGRESS, "10.96.0.0/16");
	segmentation(m, "b", true)->isolates[DIR_EGRESS] = true;
	assert_string_equal(out(m, "10.96.0.1"), "audited");
	assert_string_equal(answer(m, BH_EGRESS, "10.96.0.1", BH_PORT(IPPROTO_TCP, 81)),
			    "denied by segpol shop/a egress[1]");
	(void)state;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_policy_that_is_audited),
		cmocka_unit_test(a_namespace_that_is_audited),
		cmocka_unit_test(the_whole_install),
		cmocka_unit_test(a_service_of_which_no_backend_is_known),
		cmocka_unit_test(a_service_of_which_one_backend_is_accepted),
		cmocka_unit_test(a_service_of_which_one_backend_is_logged),
		cmocka_unit_test(what_is_no_port_of_a_service),
	};

	return cmocka_run_group_tests_name("policy/audit", tests, NULL, NULL);
}
