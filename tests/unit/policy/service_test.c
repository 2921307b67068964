/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a policy means for a Service's address, point by point, asked of compiled tables. The local pod is
 * shop/db, whose egress is isolated; the Service is shop/web on 10.96.0.1 and fd00:96::1, TCP 80 as "web",
 * before shop/a and shop/b, which listen on 8080.
 */
#include "world.h"

#include <errno.h>

#define DB 7

static struct model *cluster(void)
{
	struct model *m = model_new();

	w_namespace(m, "shop", "");
	w_namespace(m, "ops", "");
	w_pod(m, "shop/db", "app=db", "10.0.0.7,fd00::7");
	w_pod(m, "shop/a", "app=web,x=a", "10.0.0.8,fd00::8");
	w_pod(m, "shop/b", "app=web,x=b", "10.0.0.9,fd00::9");
	w_pod(m, "shop/bare", "", "10.0.0.10");
	w_endpoint(m, "shop/db", DB, "10.0.0.7,fd00::7");
	w_service(m, "shop/web", "10.96.0.1,fd00:96::1", "web:tcp/80");
	w_slice(m, "shop/web-1", "10.0.0.8", "web:tcp/8080");
	w_slice(m, "shop/web-2", "10.0.0.9", "web:tcp/8080");
	w_slice(m, "shop/web-6", "fd00::8,fd00::9", "web:tcp/8080");
	return m;
}

/* Egress of db: one policy with one rule. */
static void rule(struct model *m, const char *peers, const char *ports)
{
	w_rule(w_policy(m, "shop/p", "app=db", "e"), DIR_EGRESS, peers, ports);
}

static struct tables *with_rule(struct model *m, const char *peers, const char *ports)
{
	rule(m, peers, ports);
	return w_compile(m);
}

static int locations_of(const struct tables *t, const char *addr)
{
	const struct addr a = w_addr(addr);
	int ret = 0;
	size_t i;

	for (i = 0; i < t->locations.n; i++)
		ret += !t->locations.v[i].is_block && !addr_cmp(&t->locations.v[i].cidr.addr, &a);
	return ret;
}

static bool has_location(const struct tables *t, const char *addr)
{
	return locations_of(t, addr) > 0;
}

#define out(t, remote, port, by) decided(t, DB, BH_EGRESS, remote, port, by)
#define ALLOW			 "+shop/p egress[0]"

/* ---- all backends --------------------------------------------------------------------------- */

static void allowed_where_every_backend_is(void **state)
{
	auto_model struct model *m = cluster();
	auto_tables struct tables *t = with_rule(m, "pods(app=web)", "tcp/8080");

	out(t, "10.96.0.1", "tcp/80", ALLOW);
	out(t, "fd00:96::1", "tcp/80", ALLOW);
	(void)state;
}

/* A Service may send to pods that call different ports so: each is asked for its own. */
static void a_name_is_each_backends(void **state)
{
	auto_model struct model *m = cluster();
	auto_tables struct tables *t = NULL, *u = NULL;

	w_names(w_pod(m, "shop/a", "app=web,x=a", "10.0.0.8"), "http:tcp/8080");
	w_names(w_pod(m, "shop/b", "app=web,x=b", "10.0.0.9"), "http:tcp/9090");
	w_slice(m, "shop/web-2", "10.0.0.9", "web:tcp/9090");
	t = with_rule(m, "pods(app=web)", "tcp/http");
	out(t, "10.96.0.1", "tcp/80", ALLOW);
	w_slice(m, "shop/web-2", "10.0.0.9", "web:tcp/8080");
	u = w_compile(m);
	out(u, "10.96.0.1", "tcp/80", "-");
	(void)state;
}

static void denied_where_one_backend_is(void **state)
{
	auto_model struct model *m = cluster();
	auto_tables struct tables *t = with_rule(m, "pods(x=a)", "tcp/8080");

	out(t, "10.96.0.1", "tcp/80", "-");
	out(t, "fd00:96::1", "tcp/80", "-");
	out(t, "10.0.0.8", "tcp/8080", ALLOW);
	(void)state;
}

static void backends_count_by_the_port_they_listen_on(void **state)
{
	auto_model struct model *m = cluster();
	auto_tables struct tables *t = with_rule(m, "pods(app=web)", "tcp/80");

	out(t, "10.96.0.1", "tcp/80", "-");
	out(t, "10.96.0.1", "tcp/8080", "-");
	(void)state;
}

static void a_rule_without_ports_allows_the_services_ports_alone(void **state)
{
	auto_model struct model *m = cluster();
	auto_tables struct tables *t = with_rule(m, "pods(app=web)", NULL);

	out(t, "10.96.0.1", "tcp/80", ALLOW);
	out(t, "10.96.0.1", "tcp/81", "-");
	out(t, "10.96.0.1", "udp/80", "-");
	out(t, "10.96.0.1", "icmp", "-");
	(void)state;
}

static void slices_of_other_ports_names_and_families_do_not_count(void **state)
{
	auto_model struct model *m = cluster();
	auto_tables struct tables *t = NULL, *more = NULL;

	rule(m, "pods(app=web)", "tcp/8080");
	w_slice(m, "shop/web-3", "10.0.0.10", "metrics:tcp/8080,web:udp/8080"); /* bare is not allowed */
	w_slice(m, "ops/web-1", "10.0.0.10", "web:tcp/8080");
	w_slice(m, "zoo/web-1", "10.0.0.10", "web:tcp/8080");
	w_slice(m, "shop/web-7", "2001:db8::1", "web:tcp/8080");
	t = w_compile(m);
	out(t, "10.96.0.1", "tcp/80", ALLOW);
	out(t, "fd00:96::1", "tcp/80", "-");
	w_slice(m, "shop/webx-1", "10.0.0.10", "web:tcp/8080");
	more = w_compile(m);
	out(more, "10.96.0.1", "tcp/80", ALLOW);
	(void)state;
}

static void ports_without_a_name_meet(void **state)
{
	auto_model struct model *m = cluster();
	auto_tables struct tables *t = NULL;

	rule(m, "pods(app=web)", "udp/5353");
	w_service(m, "shop/dns", "10.96.0.2", "udp/53");
	w_slice(m, "shop/dns-1", "10.0.0.8", "udp/5353");
	t = w_compile(m);
	out(t, "10.96.0.2", "udp/53", ALLOW);
	(void)state;
}

static void two_ports_may_be_decided_differently(void **state)
{
	auto_model struct model *m = cluster();
	auto_tables struct tables *t = NULL;

	rule(m, "pods(x=a)", "tcp/8080-8081");
	w_service(m, "shop/two", "10.96.0.2", "one:tcp/1,two:tcp/2,three:tcp/3");
	w_slice(m, "shop/two-1", "10.0.0.8", "one:tcp/8080,two:tcp/8082,three:tcp/8081");
	t = w_compile(m);
	out(t, "10.96.0.2", "tcp/1", ALLOW);
	out(t, "10.96.0.2", "tcp/2", "-");
	out(t, "10.96.0.2", "tcp/3", ALLOW);
	(void)state;
}

/* ---- nobody, or nobody knows ---------------------------------------------------------------- */

static void nobody_behind_it_is_denied(void **state)
{
	auto_model struct model *m = cluster();
	auto_tables struct tables *t = NULL;

	rule(m, "pods();0.0.0.0/0", NULL);
	w_service(m, "shop/empty", "10.96.0.2", "web:tcp/80");
	w_slice(m, "shop/empty-1", "", "web:tcp/8080");
	w_service(m, "shop/none", "10.96.0.3", "web:tcp/80");
	t = w_compile(m);
	out(t, "10.96.0.2", "tcp/80", "-");
	out(t, "10.96.0.3", "tcp/80", "-");
	(void)state;
}

static void a_slice_not_understood_denies_the_service_in_its_family(void **state)
{
	auto_model struct model *m = cluster();
	auto_tables struct tables *one = NULL, *both = NULL;
	struct endpoint_slice *s;

	rule(m, "pods(app=web)", "tcp/8080");
	s = w_slice(m, "shop/web-3", "10.0.0.8", "web:tcp/8080");
	s->unknown = true;
	one = w_compile(m);
	out(one, "10.96.0.1", "tcp/80", "-");
	out(one, "fd00:96::1", "tcp/80", ALLOW);
	s->v6 = true;
	both = w_compile(m);
	out(both, "fd00:96::1", "tcp/80", "-");
	(void)state;
}

static void a_port_without_number_denies_its_service_port(void **state)
{
	auto_model struct model *m = cluster();
	auto_tables struct tables *t = NULL;

	rule(m, "pods(app=web)", NULL);
	w_service(m, "shop/two", "10.96.0.2", "one:tcp/1,two:tcp/2");
	w_slice(m, "shop/two-1", "10.0.0.8", "one:tcp/8080,two:tcp/8080");
	w_slice(m, "shop/two-2", "10.0.0.8", "two:tcp/0");
	t = w_compile(m);
	out(t, "10.96.0.2", "tcp/1", ALLOW);
	out(t, "10.96.0.2", "tcp/2", "-");
	(void)state;
}

/* ---- blocks and everybody ------------------------------------------------------------------- */

static void its_own_membership_in_a_block_does_not_count(void **state)
{
	auto_model struct model *m = cluster();
	auto_tables struct tables *t = with_rule(m, "10.96.0.0/16", NULL);

	out(t, "10.96.0.1", "tcp/80", "-");
	out(t, "10.96.0.3", "tcp/80", ALLOW); /* nobody's */
	(void)state;
}

static void backends_in_a_block_count(void **state)
{
	auto_model struct model *m = cluster();
	auto_tables struct tables *t = NULL;

	rule(m, "10.0.0.0/29 -10.0.0.8/32;203.0.113.0/24;10.0.0.8/31", "tcp/8080");
	w_service(m, "shop/out", "10.96.0.2", "tcp/80");
	w_slice(m, "shop/out-1", "203.0.113.1,10.0.0.8", "tcp/8080");
	w_service(m, "shop/off", "10.96.0.3", "tcp/80");
	w_slice(m, "shop/off-1", "203.0.113.1,198.51.100.1", "tcp/8080");
	t = w_compile(m);
	out(t, "10.96.0.1", "tcp/80", ALLOW);
	out(t, "10.96.0.2", "tcp/80", ALLOW);
	out(t, "10.96.0.3", "tcp/80", "-");
	(void)state;
}

/* "To everybody on 80" is to every backend's port 80. */
static void ports_for_any_peer_are_the_backends(void **state)
{
	auto_model struct model *m = cluster();
	auto_tables struct tables *t = NULL;

	rule(m, NULL, "tcp/80,tcp/8080");
	w_service(m, "shop/far", "10.96.0.2", "tcp/443");
	w_slice(m, "shop/far-1", "203.0.113.1", "tcp/80");
	t = w_compile(m);
	out(t, "10.96.0.1", "tcp/80", ALLOW);
	out(t, "10.96.0.1", "tcp/8080", "-");
	out(t, "10.96.0.2", "tcp/443", ALLOW);
	out(t, "10.96.0.2", "tcp/80", "-");
	out(t, "203.0.113.1", "tcp/80", ALLOW);
	(void)state;
}

static void what_is_open_stays_open(void **state)
{
	auto_model struct model *m = cluster();
	auto_tables struct tables *any = NULL, *none = NULL, *in = NULL;

	none = w_compile(m);
	out(none, "10.96.0.1", "tcp/81", "+");
	any = with_rule(m, NULL, NULL);
	out(any, "10.96.0.1", "tcp/81", ALLOW);
	out(any, "10.96.0.1", "icmp", ALLOW);
	(void)model_del_policy(m, POLICY_NETWORK, "shop", "p");
	w_policy(m, "shop/q", "app=db", "i");
	in = w_compile(m);
	out(in, "10.96.0.1", "tcp/81", "+");
	assert_false(has_location(none, "10.96.0.1") || has_location(in, "10.96.0.1"));
	(void)state;
}

/* Ingress from such an address is what it was: Services are about where packets go. */
static void ingress_is_as_for_any_address(void **state)
{
	auto_model struct model *m = cluster();
	auto_tables struct tables *t = NULL;
	struct net_policy *np = w_policy(m, "shop/p", "app=db", "ie");

	w_rule(np, DIR_INGRESS, "10.96.0.0/16", "tcp/5432");
	w_rule(np, DIR_EGRESS, "10.96.0.0/16", "tcp/5432");
	w_service(m, "shop/far", "10.97.0.1", "tcp/80"); /* needs the same, and is not in the block */
	w_slice(m, "shop/far-1", "10.0.0.8,10.0.0.9", "tcp/8080");
	t = w_compile(m);
	decided(t, DB, BH_INGRESS, "10.97.0.1", "tcp/5432", "-");
	decided(t, DB, BH_INGRESS, "10.96.0.1", "tcp/5432", "+shop/p ingress[0]");
	decided(t, DB, BH_INGRESS, "10.96.0.1", "tcp/80", "-");
	decided(t, DB, BH_EGRESS, "10.96.0.1", "tcp/5432", "-");
	(void)state;
}

/* ---- whose address? ------------------------------------------------------------------------- */

static void pods_and_nodes_outrank_it(void **state)
{
	auto_model struct model *m = cluster();
	const struct addr mine = w_addr("192.0.2.1");
	auto_tables struct tables *t = NULL;

	rule(m, "pods();192.0.2.0/24", NULL);
	assert_int_equal(model_set_local_addrs(m, &mine, 1), 0);
	w_node(m, "other", "192.0.2.2");
	w_service(m, "shop/a-pod", "10.0.0.8", "tcp/80");
	w_pod(m, "ghost/x", "", "192.0.2.3"); /* in no peer set, and a pod all the same */
	w_service(m, "shop/nodes", "192.0.2.1,192.0.2.2,192.0.2.3,192.0.2.4", "tcp/80");
	t = w_compile(m);
	out(t, "10.0.0.8", "tcp/1", ALLOW);
	out(t, "192.0.2.1", "tcp/1", "-"); /* not those of this node: the API server gave it to the Service */
	out(t, "192.0.2.2", "tcp/1", ALLOW);
	out(t, "192.0.2.3", "tcp/1", ALLOW);
	out(t, "192.0.2.4", "tcp/1", "-");
	assert_false(has_location(t, "192.0.2.3"));
	(void)state;
}

static void two_services_with_one_address_must_both_allow(void **state)
{
	auto_model struct model *m = cluster();
	auto_tables struct tables *t = NULL;

	rule(m, "pods(x=a)", "tcp/8080");
	w_service(m, "shop/s", "10.96.0.2", "tcp/1,tcp/2,tcp/3,tcp/4");
	w_slice(m, "shop/s-1", "10.0.0.8", "tcp/8080");
	w_service(m, "shop/t", "10.96.0.2", "one:tcp/1,two:tcp/2,four:tcp/4");
	w_slice(m, "shop/t-1", "10.0.0.8", "one:tcp/8080");
	w_slice(m, "shop/t-2", "10.0.0.9", "two:tcp/8080");
	t = w_compile(m);
	out(t, "10.96.0.2", "tcp/1", ALLOW);
	out(t, "10.96.0.2", "tcp/2", "-");
	out(t, "10.96.0.2", "tcp/3", "-");
	out(t, "10.96.0.2", "tcp/4", "-");
	(void)state;
}

/* A backend is judged as what it is, not as the Service that it pretends to be. */
static void a_service_behind_a_service_is_an_address(void **state)
{
	auto_model struct model *m = cluster();
	auto_tables struct tables *t = NULL;

	rule(m, "pods(app=web)", NULL);
	w_service(m, "shop/loop", "10.96.0.2", "tcp/80");
	w_slice(m, "shop/loop-1", "10.96.0.1", "tcp/80");
	t = w_compile(m);
	out(t, "10.96.0.1", "tcp/80", ALLOW);
	out(t, "10.96.0.2", "tcp/80", "-");
	(void)state;
}

/* To name a Service in a rule tells nothing of who else's address is said to be behind it. */
static void an_address_behind_a_named_service_is_still_a_services(void **state)
{
	auto_model struct model *m = cluster();
	auto_tables struct tables *t = NULL;
	struct net_policy *np = w_policy(m, "shop/q", "!app", "e");
	struct rule *r = w_rule(np, DIR_EGRESS, NULL, NULL);

	*(struct peer *)vec_add(&r->peers) =
		(struct peer){ .kind = PEER_SERVICE, .service_ns = strdup("ops"), .service = strdup("loop") };
	w_slice(m, "ops/loop-1", "10.96.0.1", "tcp/80");
	w_endpoint(m, "shop/bare", DB + 1, "10.0.0.10");
	rule(m, "10.96.0.0/16", NULL);
	t = w_compile(m);
	out(t, "10.96.0.1", "tcp/80", "-");
	decided(t, DB + 1, BH_EGRESS, "10.96.0.1", "tcp/80", "-");
	assert_int_equal(locations_of(t, "10.96.0.1"), 1);
	(void)state;
}

static void this_node_behind_it_is_allowed(void **state)
{
	auto_model struct model *m = cluster();
	const struct addr mine = w_addr("192.0.2.1");
	auto_tables struct tables *t = NULL;
	struct pod *db;

	rule(m, "pods(x=a)", "tcp/8080");
	assert_int_equal(model_set_local_addrs(m, &mine, 1), 0);
	db = w_pod(m, "shop/db", "app=db", "10.0.0.7");
	*vec_add(&db->host_ports) = (struct host_port){ .proto = IPPROTO_TCP, .port = 6443 };
	w_node(m, "other", "192.0.2.2");
	w_service(m, "shop/api", "10.96.0.2", "tcp/443");
	w_slice(m, "shop/api-1", "192.0.2.1", "tcp/443");
	w_service(m, "shop/both", "10.96.0.3", "tcp/443");
	w_slice(m, "shop/both-1", "192.0.2.1,10.0.0.8", "tcp/8080");
	w_service(m, "shop/other", "10.96.0.4", "tcp/443");
	w_slice(m, "shop/other-1", "192.0.2.1,192.0.2.2", "tcp/443");
	w_service(m, "shop/hosted", "10.96.0.5", "tcp/443");
	w_slice(m, "shop/hosted-1", "192.0.2.1", "tcp/6443");
	t = w_compile(m);
	out(t, "10.96.0.2", "tcp/443", "+");
	out(t, "10.96.0.3", "tcp/443", ALLOW);
	out(t, "10.96.0.4", "tcp/443", "-");
	out(t, "10.96.0.5", "tcp/443", "-");
	(void)state;
}

/* ---- this node's alone ---------------------------------------------------------------------- */

/* internalTrafficPolicy Local: the others get nothing, so they do not count. It is for the ClusterIP alone.
 */
static void local_backends_alone(void **state)
{
	auto_model struct model *m = cluster();
	auto_tables struct tables *here = NULL, *nowhere = NULL, *unsaid = NULL;
	struct service *s = w_service(m, "shop/web", "10.96.0.1,fd00:96::1", "web:tcp/80");

	s->local = true;
	w_stands(s, balancers, "198.51.100.1");
	w_on(w_slice(m, "shop/web-1", "10.0.0.8", "web:tcp/8080"), "n1");
	w_on(w_slice(m, "shop/web-2", "10.0.0.9", "web:tcp/8080"), "n2");
	rule(m, "pods(x=a)", NULL);
	unsaid = w_compile(m);
	out(unsaid, "10.96.0.1", "tcp/80", "-");
	assert_int_equal(model_set_node_name(m, "n1"), 0);
	here = w_compile(m);
	out(here, "10.96.0.1", "tcp/80", ALLOW);
	out(here, "fd00:96::1", "tcp/80", "-"); /* of these no slice says where they are */
	out(here, "198.51.100.1", "tcp/80", "-");
	assert_int_equal(model_set_node_name(m, "n3"), 0);
	nowhere = w_compile(m);
	out(nowhere, "10.96.0.1", "tcp/80", "-");
	(void)state;
}

/* ---- names ---------------------------------------------------------------------------------- */

static struct hash128 class_at(const struct tables *t, const char *addr)
{
	const struct addr a = w_addr(addr);

	return t->classes.v[tables_class(t, &a, NULL)].hash;
}

/* What a class says to a policy set never changes: so whatever decides that is in its name. */
static void whatever_decides_is_in_the_name(void **state)
{
	static const struct {
		const char *addrs, *service, *slice;
	} variants[] = {
		{ "10.0.0.8", "web:tcp/80", "web:tcp/8080" },
		{ "10.0.0.9", "web:tcp/80", "web:tcp/8080" },
		{ "10.0.0.8,10.0.0.9", "web:tcp/80", "web:tcp/8080" },
		{ "10.0.0.8", "web:tcp/81", "web:tcp/8080" },
		{ "10.0.0.8", "web:tcp/80", "web:tcp/8081" },
		{ "10.0.0.8", "web:udp/80", "web:udp/8080" },
		{ "10.0.0.8", "web:tcp/80", "x:tcp/8080" },
		{ "192.0.2.1", "web:tcp/80", "web:tcp/8080" },
		{ "203.0.113.1", "web:tcp/80", "web:tcp/8080" },
	};
	const struct addr mine = w_addr("192.0.2.1");
	struct hash128 seen[ARRAY_SIZE(variants)];
	size_t i, k;

	for (i = 0; i < ARRAY_SIZE(variants); i++) {
		auto_model struct model *m = cluster();
		auto_tables struct tables *t = NULL;

		assert_int_equal(model_set_local_addrs(m, &mine, 1), 0);
		rule(m, "pods(x=a);pods(x=b);203.0.113.0/24", "tcp/8080");
		w_service(m, "shop/s", "10.96.0.2", variants[i].service);
		w_slice(m, "shop/s-1", variants[i].addrs, variants[i].slice);
		t = w_compile(m);
		seen[i] = class_at(t, "10.96.0.2");
		for (k = 0; k < i; k++)
			assert_int_not_equal(hash128_cmp(&seen[i], &seen[k]), 0);
	}
	(void)state;
}

static void equal_needs_share_a_class(void **state)
{
	auto_model struct model *m = cluster();
	auto_tables struct tables *t = NULL;
	const struct hash128 zero = {};
	struct hash128 a, b;
	size_t i;

	rule(m, "pods(app=web)", "tcp/8080");
	w_service(m, "ops/same", "10.96.0.2", "tcp/80");
	w_slice(m, "ops/same-1", "10.0.0.9,10.0.0.8,10.0.0.8", "tcp/8080");
	w_service(m, "ops/none", "10.96.0.3", "tcp/80");
	t = w_compile(m);
	a = class_at(t, "10.96.0.1");
	b = class_at(t, "10.96.0.2");
	assert_int_equal(hash128_cmp(&a, &b), 0);
	for (i = 1; i < t->classes.n; i++)
		assert_true(hash128_cmp(&t->classes.v[i - 1].hash, &t->classes.v[i].hash) < 0);
	b = class_at(t, "10.96.0.3");
	assert_int_not_equal(hash128_cmp(&a, &b), 0);
	assert_int_not_equal(hash128_cmp(&b, &zero), 0);
	(void)state;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(allowed_where_every_backend_is),
		cmocka_unit_test(a_name_is_each_backends),
		cmocka_unit_test(denied_where_one_backend_is),
		cmocka_unit_test(backends_count_by_the_port_they_listen_on),
		cmocka_unit_test(a_rule_without_ports_allows_the_services_ports_alone),
		cmocka_unit_test(slices_of_other_ports_names_and_families_do_not_count),
		cmocka_unit_test(ports_without_a_name_meet),
		cmocka_unit_test(two_ports_may_be_decided_differently),
		cmocka_unit_test(nobody_behind_it_is_denied),
		cmocka_unit_test(a_slice_not_understood_denies_the_service_in_its_family),
		cmocka_unit_test(a_port_without_number_denies_its_service_port),
		cmocka_unit_test(its_own_membership_in_a_block_does_not_count),
		cmocka_unit_test(backends_in_a_block_count),
		cmocka_unit_test(ports_for_any_peer_are_the_backends),
		cmocka_unit_test(what_is_open_stays_open),
		cmocka_unit_test(ingress_is_as_for_any_address),
		cmocka_unit_test(pods_and_nodes_outrank_it),
		cmocka_unit_test(two_services_with_one_address_must_both_allow),
		cmocka_unit_test(a_service_behind_a_service_is_an_address),
		cmocka_unit_test(an_address_behind_a_named_service_is_still_a_services),
		cmocka_unit_test(this_node_behind_it_is_allowed),
		cmocka_unit_test(local_backends_alone),
		cmocka_unit_test(whatever_decides_is_in_the_name),
		cmocka_unit_test(equal_needs_share_a_class),
	};

	return cmocka_run_group_tests_name("policy/service", tests, NULL, NULL);
}
