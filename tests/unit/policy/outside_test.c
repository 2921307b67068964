/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ways to a Service's backends other than its ClusterIP, and to pods by ports of this node. The local pod is
 * shop/db, whose egress is isolated; the Service is shop/web: TCP 80 before shop/a and shop/b on 8080.
 */
#include "world.h"

#include <errno.h>

#define DB 7

static struct model *cluster(void)
{
	static const char *const mine[] = { "192.0.2.1", "192.0.2.11", "2001:db8::1" };
	struct addr addrs[ARRAY_SIZE(mine)];
	struct model *m = model_new();
	size_t i;

	for (i = 0; i < ARRAY_SIZE(mine); i++)
		addrs[i] = w_addr(mine[i]);
	assert_int_equal(model_set_local_addrs(m, addrs, ARRAY_SIZE(addrs)), 0);
	w_node(m, "other", "192.0.2.2");
	w_namespace(m, "shop", "");
	w_pod(m, "shop/db", "app=db", "10.0.0.7,fd00::7");
	w_pod(m, "shop/a", "app=web,x=a", "10.0.0.8,fd00::8");
	w_pod(m, "shop/b", "app=web,x=b", "10.0.0.9,fd00::9");
	w_endpoint(m, "shop/db", DB, "10.0.0.7,fd00::7");
	w_slice(m, "shop/web-1", "10.0.0.8", "web:tcp/8080");
	w_slice(m, "shop/web-2", "10.0.0.9", "web:tcp/8080");
	w_slice(m, "shop/web-6", "fd00::8,fd00::9", "web:tcp/8080");
	return m;
}

static struct service *web(struct model *m)
{
	return w_service(m, "shop/web", "10.96.0.1,fd00:96::1", "web:tcp/80");
}

/* Egress of db: one policy with one rule. */
static struct tables *with_rule(struct model *m, const char *peers, const char *ports)
{
	w_rule(w_policy(m, "shop/p", "app=db", "e"), DIR_EGRESS, peers, ports);
	return w_compile(m);
}

static bool is_node_port(const struct tables *t, uint32_t port)
{
	size_t i;

	for (i = 1; i < t->node_ports.n; i++)
		assert_true(t->node_ports.v[i - 1] < t->node_ports.v[i]);
	for (i = 0; i < t->node_ports.n; i++)
		if (t->node_ports.v[i] == port)
			return true;
	return false;
}

static void host_port(struct pod *p, uint16_t port, uint16_t to)
{
	*vec_add(&p->host_ports) = (struct host_port){ .proto = IPPROTO_TCP, .port = port, .to = to };
}

#define out(t, remote, port, by) decided(t, DB, BH_EGRESS, remote, port, by)
#define ALLOW			 "+shop/p egress[0]"
#define TCP(port)		 BH_NODE_PORT(4, IPPROTO_TCP, port)
#define TCP6(port)		 BH_NODE_PORT(6, IPPROTO_TCP, port)

/* ---- load balancers ------------------------------------------------------------------------- */

static void a_balancer_is_its_backends(void **state)
{
	auto_model struct model *m = cluster();
	auto_tables struct tables *both = NULL, *one = NULL;

	w_stands(web(m), balancers, "198.51.100.1");
	both = with_rule(m, "pods(app=web)", "tcp/8080");
	out(both, "198.51.100.1", "tcp/80", ALLOW);
	out(both, "198.51.100.1", "tcp/8080", "-");
	(void)model_del_policy(m, POLICY_NETWORK, "shop", "p");
	one = with_rule(m, "pods(x=a);198.51.100.0/24", NULL); /* the address itself does not count */
	out(one, "198.51.100.1", "tcp/80", "-");
	out(one, "198.51.100.2", "tcp/80", ALLOW);
	(void)state;
}

/* Unlike a ClusterIP it is somebody's without us. */
static void other_ports_of_a_balancer_are_the_worlds(void **state)
{
	auto_model struct model *m = cluster();
	auto_tables struct tables *in = NULL, *no = NULL;

	w_stands(web(m), balancers, "198.51.100.1");
	in = with_rule(m, "198.51.100.0/24", "tcp/443");
	out(in, "198.51.100.1", "tcp/443", ALLOW);
	out(in, "198.51.100.1", "tcp/80", "-");
	out(in, "198.51.100.1", "icmp", "-");
	(void)model_del_policy(m, POLICY_NETWORK, "shop", "p");
	no = with_rule(m, "198.51.100.2/32", NULL);
	out(no, "198.51.100.1", "tcp/443", "-");
	(void)state;
}

/* As they share one where each has ports of its own. */
static void services_may_share_a_balancer(void **state)
{
	auto_model struct model *m = cluster();
	auto_tables struct tables *t = NULL;
	struct service *s;

	w_stands(web(m), balancers, "198.51.100.1");
	s = w_service(m, "shop/a", "10.96.0.2", "tcp/80,tcp/81");
	w_stands(s, balancers, "198.51.100.1");
	w_slice(m, "shop/a-1", "10.0.0.8", "tcp/8080");
	t = with_rule(m, "pods(x=a)", NULL);
	out(t, "198.51.100.1", "tcp/81", ALLOW);
	out(t, "198.51.100.1", "tcp/80", "-"); /* which of the two gets it nobody knows */
	(void)state;
}

/* ---- external IPs --------------------------------------------------------------------------- */

/* Whoever may make a Service may claim any address: it takes, and never gives. */
static void an_external_ip_opens_nothing(void **state)
{
	auto_model struct model *m = cluster();
	auto_tables struct tables *pods = NULL, *address = NULL, *both = NULL;

	w_stands(web(m), externals, "198.51.100.1");
	pods = with_rule(m, "pods(app=web)", NULL);
	out(pods, "198.51.100.1", "tcp/80", "-");
	(void)model_del_policy(m, POLICY_NETWORK, "shop", "p");
	address = with_rule(m, "198.51.100.0/24", NULL);
	out(address, "198.51.100.1", "tcp/80", "-");
	out(address, "198.51.100.1", "tcp/81", ALLOW);
	(void)model_del_policy(m, POLICY_NETWORK, "shop", "p");
	both = with_rule(m, "198.51.100.0/24;pods(app=web)", NULL);
	out(both, "198.51.100.1", "tcp/80", ALLOW);
	(void)state;
}

static void nobody_behind_an_external_ip(void **state)
{
	auto_model struct model *m = cluster();
	auto_tables struct tables *t = NULL;

	w_stands(w_service(m, "shop/none", "10.96.0.2", "tcp/80"), externals, "198.51.100.1");
	t = with_rule(m, "198.51.100.0/24", NULL);
	out(t, "198.51.100.1", "tcp/80", "-");
	out(t, "198.51.100.1", "udp/80", ALLOW);
	(void)state;
}

/* A pod's, another node's, a ClusterIP, a load balancer's: none of them changes by such a claim. */
static void an_external_ip_outranks_nobody(void **state)
{
	static const char *const addrs[] = { "10.0.0.8", "192.0.2.2", "10.96.0.1", "198.51.100.1" };
	auto_model struct model *m = cluster();
	auto_tables struct tables *before = NULL, *after = NULL;
	struct service *s = web(m);
	size_t i;

	w_stands(s, balancers, "198.51.100.1");
	before = with_rule(m, "pods(app=web);192.0.2.2/32", NULL);
	s = w_service(m, "shop/claims", "10.96.0.2", "tcp/80,tcp/81");
	for (i = 0; i < ARRAY_SIZE(addrs); i++)
		w_stands(s, externals, addrs[i]);
	after = w_compile(m);
	for (i = 0; i < ARRAY_SIZE(addrs); i++) {
		out(before, addrs[i], "tcp/80", ALLOW);
		out(after, addrs[i], "tcp/80", ALLOW);
		out(before, addrs[i], "tcp/81", i < 2 ? ALLOW : "-");
		out(after, addrs[i], "tcp/81", i < 2 ? ALLOW : "-");
	}
	(void)state;
}

static void a_balancer_outranks_no_cluster_ip(void **state)
{
	auto_model struct model *m = cluster();
	auto_tables struct tables *t = NULL;

	(void)web(m);
	w_stands(w_service(m, "shop/none", "10.96.0.2", "tcp/80"), balancers, "10.96.0.1");
	t = with_rule(m, "pods(app=web)", NULL);
	out(t, "10.96.0.1", "tcp/80", ALLOW);
	(void)state;
}

/* ---- ports of this node --------------------------------------------------------------------- */

static void a_node_port_is_its_backends(void **state)
{
	auto_model struct model *m = cluster();
	auto_tables struct tables *all = NULL, *one = NULL;

	web(m)->ports.v[0].node_port = 30080;
	all = with_rule(m, "pods(app=web)", "tcp/8080");
	assert_true(is_node_port(all, TCP(30080)) && is_node_port(all, TCP6(30080)));
	assert_int_equal(all->node_ports.n, 2);
	out(all, "192.0.2.1", "tcp/30080", ALLOW);
	out(all, "192.0.2.11", "tcp/30080", ALLOW);
	out(all, "2001:db8::1", "tcp/30080", ALLOW);
	out(all, "192.0.2.1", "tcp/8080", "-"); /* so say the tables; the programs let it reach the node */
	(void)model_del_policy(m, POLICY_NETWORK, "shop", "p");
	one = with_rule(m, "pods(x=a);192.0.2.0/24", NULL);
	out(one, "192.0.2.1", "tcp/30080", "-");
	out(one, "192.0.2.1", "tcp/30081", ALLOW);
	out(one, "192.0.2.2", "tcp/30080", ALLOW); /* of another node: as its address */
	(void)state;
}

/* In a family that the Service has not, the port is the node's own. */
static void a_node_port_has_the_families_of_its_service(void **state)
{
	auto_model struct model *m = cluster();
	auto_tables struct tables *t = NULL;

	w_service(m, "shop/web", "10.96.0.1", "web:tcp/80")->ports.v[0].node_port = 30080;
	t = with_rule(m, "10.0.0.0/30", NULL);
	out(t, "192.0.2.1", "tcp/30080", "-");
	assert_true(is_node_port(t, TCP(30080)) && !is_node_port(t, TCP6(30080)));
	(void)state;
}

static void without_a_cluster_ip_there_is_no_node_port(void **state)
{
	auto_model struct model *m = cluster();
	auto_tables struct tables *t = NULL;

	w_service(m, "shop/web", "", "web:tcp/80")->ports.v[0].node_port = 30080;
	t = with_rule(m, NULL, "tcp/1");
	assert_int_equal(t->node_ports.n, 0);
	(void)state;
}

/* Whether or not anybody's egress is judged: some pod may not be known. */
static void node_ports_are_told_in_any_case(void **state)
{
	auto_model struct model *m = cluster();
	auto_tables struct tables *t = NULL;
	struct service *s = web(m);

	s->ports.v[0].node_port = 30080;
	w_stands(s, externals, "192.0.2.1");
	w_stands(s, balancers, "198.51.100.1");
	host_port(w_pod(m, "shop/db", "app=db", "10.0.0.7"), 8443, 443);
	host_port(w_pod(m, "shop/a", "app=web", "10.0.0.8"), 9443, 443); /* elsewhere */
	t = w_compile(m);
	assert_true(is_node_port(t, TCP(30080)) && is_node_port(t, TCP(80)) && is_node_port(t, TCP(8443)));
	assert_true(is_node_port(t, TCP6(30080)) && is_node_port(t, TCP6(8443)));
	assert_int_equal(t->node_ports.n, 5);
	out(t, "192.0.2.1", "tcp/30080", "+");
	(void)state;
}

static void a_host_port_is_its_pod(void **state)
{
	auto_model struct model *m = cluster();
	auto_tables struct tables *yes = NULL, *no = NULL;

	host_port(w_pod(m, "shop/a", "app=web,x=a", "10.0.0.8"), 8443, 443);
	host_port(w_pod(m, "shop/b", "app=web,x=b", "10.0.0.9"), 9443, 0); /* nobody knows which port */
	w_endpoint(m, "shop/a", 8, "10.0.0.8,fe80::8");
	w_endpoint(m, "shop/b", 9, "10.0.0.9");
	yes = with_rule(m, "pods(app=web)", "tcp/443,tcp/9443");
	out(yes, "192.0.2.1", "tcp/8443", ALLOW);
	out(yes, "192.0.2.1", "tcp/9443", "-");
	assert_false(is_node_port(yes, TCP6(8443))); /* it has no such address */
	(void)model_del_policy(m, POLICY_NETWORK, "shop", "p");
	no = with_rule(m, "192.0.2.0/24", NULL);
	out(no, "192.0.2.1", "tcp/8443", "-");
	(void)state;
}

/* A balancer without addresses of its own has the nodes'; and a tenant may claim them. */
static void who_claims_the_nodes_address_has_those_ports(void **state)
{
	auto_model struct model *m = cluster();
	auto_tables struct tables *t = NULL;

	w_stands(web(m), balancers, "192.0.2.1");
	w_stands(w_service(m, "shop/a", "10.96.0.2", "tcp/81"), externals, "192.0.2.11");
	w_slice(m, "shop/a-1", "10.0.0.8", "tcp/8080");
	t = with_rule(m, "pods(x=a);192.0.2.0/24", NULL);
	assert_true(is_node_port(t, TCP(80)) && is_node_port(t, TCP(81)));
	out(t, "192.0.2.1", "tcp/80", "-");
	out(t, "192.0.2.11", "tcp/80", "-");
	out(t, "192.0.2.1", "tcp/81", ALLOW);
	out(t, "192.0.2.1", "tcp/82", ALLOW);
	assert_false(is_node_port(t, TCP6(80)) || is_node_port(t, TCP6(81)));
	(void)state;
}

/* As NodeLocal DNSCache has it on a dummy of its own, beside one that no Service knows. */
static void a_cluster_ip_that_an_interface_here_has(void **state)
{
	auto_model struct model *m = cluster();
	auto_tables struct tables *yes = NULL, *no = NULL;
	const struct addr here[] = { w_addr("192.0.2.1"), w_addr("10.96.0.10"), w_addr("169.254.20.10") };
	bool is_node;

	w_service(m, "shop/dns", "10.96.0.10", "udp/53,metrics:tcp/9153");
	w_slice(m, "shop/dns-1", "10.0.0.8,10.0.0.9", "udp/53,metrics:tcp/9153");
	assert_int_equal(model_set_local_addrs(m, here, ARRAY_SIZE(here)), 0);
	yes = with_rule(m, "pods(app=web)", "udp/53");
	(void)tables_class(yes, &here[1], &is_node);
	assert_false(is_node);
	(void)tables_class(yes, &here[2], &is_node);
	assert_true(is_node);
	assert_int_equal(yes->node_ports.n, 0); /* 169.254.20.10:53 is the node's own */
	out(yes, "10.96.0.10", "udp/53", ALLOW);
	out(yes, "10.96.0.10", "tcp/9153", "-");
	out(yes, "10.96.0.10", "tcp/80", "-");
	(void)model_del_policy(m, POLICY_NETWORK, "shop", "p");
	no = with_rule(m, "10.96.0.0/16;169.254.20.10/32", NULL);
	out(no, "10.96.0.10", "udp/53", "-");
	out(no, "169.254.20.10", "udp/53", ALLOW);
	(void)state;
}

/* A backend at a port of this node that leads elsewhere is not this node. */
static void a_backend_may_be_a_node_port(void **state)
{
	auto_model struct model *m = cluster();
	auto_tables struct tables *t = NULL;

	web(m)->ports.v[0].node_port = 30080;
	w_service(m, "shop/loop", "10.96.0.2", "tcp/1,b:tcp/2");
	w_slice(m, "shop/loop-1", "192.0.2.1", "tcp/30080");
	w_slice(m, "shop/loop-2", "192.0.2.1", "b:tcp/30081");
	t = with_rule(m, "pods(app=web)", NULL);
	out(t, "10.96.0.2", "tcp/1", "-");
	out(t, "10.96.0.2", "tcp/2", "+");
	(void)state;
}

/* Ingress from the node is what it was. */
static void ingress_is_as_for_any_address(void **state)
{
	auto_model struct model *m = cluster();
	auto_tables struct tables *t = NULL;
	struct net_policy *np = w_policy(m, "shop/p", "app=db", "ie");

	web(m)->ports.v[0].node_port = 30080;
	w_rule(np, DIR_INGRESS, "192.0.2.1/32", "tcp/5432");
	w_rule(np, DIR_EGRESS, "192.0.2.1/32", "tcp/5432");
	t = w_compile(m);
	decided(t, DB, BH_INGRESS, "192.0.2.1", "tcp/5432", "+shop/p ingress[0]");
	decided(t, DB, BH_INGRESS, "192.0.2.11", "tcp/5432", "-");
	decided(t, DB, BH_INGRESS, "192.0.2.1", "tcp/30080", "-");
	(void)state;
}

/* Who denies is asked about the backends, too: there is no way around him by another address. */
static void a_deny_holds_whatever_the_address(void **state)
{
	auto_model struct model *m = cluster();
	auto_tables struct tables *t = NULL;
	struct net_policy *np = net_policy_new(POLICY_CLUSTER, "", "no-b");
	struct service *s = web(m);
	struct rule *r;

	s->ports.v[0].node_port = 30080;
	w_stands(s, balancers, "198.51.100.1");
	w_stands(s, externals, "203.0.113.1");
	np->namespaces = w_selector("");
	r = w_rule(np, DIR_EGRESS, "ns() pods(x=b)", NULL);
	r->action = RULE_DENY;
	assert_int_equal(model_put_policy(m, np), 0);
	t = w_compile(m);
	out(t, "198.51.100.1", "tcp/80", "-no-b egress[0]");
	out(t, "203.0.113.1", "tcp/80", "-no-b egress[0]");
	out(t, "192.0.2.1", "tcp/30080", "-no-b egress[0]");
	out(t, "198.51.100.1", "tcp/81", "+");
	out(t, "192.0.2.2", "tcp/30080", "+");
	(void)state;
}

/* Whoever is behind a Service that a rule names is in a peer set by his address; so may one be that stands
 * for others: there is one location all the same. */
static void an_address_that_is_behind_another_service(void **state)
{
	auto_model struct model *m = cluster();
	struct net_policy *np = w_policy(m, "shop/p", "app=db", "e");
	struct rule *rule = w_rule(np, DIR_EGRESS, "pods(app=web)", NULL);
	struct peer *peer = vec_add(&rule->peers);
	auto_tables struct tables *t = NULL;
	size_t i;

	w_stands(web(m), externals, "198.51.100.1");
	w_service(m, "shop/outer", "10.96.0.2", "tcp/80");
	w_slice(m, "shop/outer-1", "10.96.0.1,198.51.100.1,192.0.2.1", "tcp/80");
	peer->kind = PEER_SERVICE;
	peer->service_ns = strdup("shop");
	peer->service = strdup("outer");
	t = w_compile(m);
	for (i = 1; i < t->locations.n; i++)
		assert_true(cidr_cmp(&t->locations.v[i - 1].cidr, &t->locations.v[i].cidr) ||
			    t->locations.v[i - 1].is_block != t->locations.v[i].is_block);
	out(t, "10.96.0.1", "tcp/80", ALLOW);
	out(t, "10.96.0.1", "tcp/81", "-");
	out(t, "198.51.100.1", "tcp/80", ALLOW); /* the address itself is allowed, and so is who is behind */
	out(t, "198.51.100.1", "tcp/81", ALLOW);
	out(t, "10.96.0.2", "tcp/80", ALLOW);
	(void)state;
}

/* ---- names ---------------------------------------------------------------------------------- */

static struct hash128 class_at(const struct tables *t, const char *addr)
{
	const struct addr a = w_addr(addr);

	return t->classes.v[tables_class(t, &a, NULL)].hash;
}

/* What its other ports are is in a class's name as well. */
static void a_cluster_ip_and_a_balancer_do_not_share_a_class(void **state)
{
	auto_model struct model *m = cluster();
	auto_tables struct tables *t = NULL;
	struct hash128 ip, balancer, external;
	struct service *s = web(m);

	w_stands(s, balancers, "198.51.100.1");
	w_stands(s, externals, "198.51.100.2");
	t = with_rule(m, "pods(app=web)", NULL);
	ip = class_at(t, "10.96.0.1");
	balancer = class_at(t, "198.51.100.1");
	external = class_at(t, "198.51.100.2");
	assert_int_not_equal(hash128_cmp(&ip, &balancer), 0);
	assert_int_not_equal(hash128_cmp(&external, &balancer), 0);
	(void)state;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_balancer_is_its_backends),
		cmocka_unit_test(other_ports_of_a_balancer_are_the_worlds),
		cmocka_unit_test(services_may_share_a_balancer),
		cmocka_unit_test(an_external_ip_opens_nothing),
		cmocka_unit_test(nobody_behind_an_external_ip),
		cmocka_unit_test(an_external_ip_outranks_nobody),
		cmocka_unit_test(a_balancer_outranks_no_cluster_ip),
		cmocka_unit_test(a_node_port_is_its_backends),
		cmocka_unit_test(a_node_port_has_the_families_of_its_service),
		cmocka_unit_test(without_a_cluster_ip_there_is_no_node_port),
		cmocka_unit_test(node_ports_are_told_in_any_case),
		cmocka_unit_test(a_host_port_is_its_pod),
		cmocka_unit_test(who_claims_the_nodes_address_has_those_ports),
		cmocka_unit_test(a_cluster_ip_that_an_interface_here_has),
		cmocka_unit_test(a_backend_may_be_a_node_port),
		cmocka_unit_test(ingress_is_as_for_any_address),
		cmocka_unit_test(a_deny_holds_whatever_the_address),
		cmocka_unit_test(an_address_that_is_behind_another_service),
		cmocka_unit_test(a_cluster_ip_and_a_balancer_do_not_share_a_class),
	};

	return cmocka_run_group_tests_name("policy/outside", tests, NULL, NULL);
}
