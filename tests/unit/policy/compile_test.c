/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What NetworkPolicy means, point by point, asked of compiled tables. The local pod is shop/db with
 * interface 7 unless said otherwise. The random search for what nobody thought of is tests/oracle/.
 */
#include "world.h"

#include <errno.h>

#define DB  7
#define WEB 8

/* shop/db (10.0.0.7, local), shop/web (10.0.0.8), shop/bare (no labels), ops/web (10.0.1.8, team ops) */
static struct model *cluster(void)
{
	struct model *m = model_new();

	w_namespace(m, "shop", "team=shop");
	w_namespace(m, "ops", "team=ops");
	w_pod(m, "shop/db", "app=db", "10.0.0.7,fd00::7");
	w_pod(m, "shop/web", "app=web,tier=front", "10.0.0.8,fd00::8");
	w_pod(m, "shop/bare", "", "10.0.0.9,fd00::9");
	w_pod(m, "ops/web", "app=web", "10.0.1.8,fd00:1::8");
	w_endpoint(m, "shop/db", DB, "10.0.0.7,fd00::7");
	return m;
}

/* One ingress policy on db with one rule. */
static struct tables *with_rule(struct model *m, const char *peers, const char *ports)
{
	w_rule(w_policy(m, "shop/p", "app=db", "i"), DIR_INGRESS, peers, ports);
	return w_compile(m);
}

/* ---- isolation ------------------------------------------------------------------------------ */

static void no_policy_is_open(void **state)
{
	auto_model struct model *m = cluster();
	auto_tables struct tables *t = w_compile(m);

	decided(t, DB, BH_INGRESS, "10.0.0.8", "tcp/80", "+");
	decided(t, DB, BH_EGRESS, "8.8.8.8", "icmp", "+");
	assert_int_equal(t->sets.n, 1);
	assert_int_equal(t->rows.n, 2);
	assert_false(t->sets.v[0].isolated[BH_INGRESS] || t->sets.v[0].isolated[BH_EGRESS]);
	(void)state;
}

static void isolation_is_per_direction(void **state)
{
	auto_model struct model *m = cluster();
	auto_tables struct tables *in = NULL, *both = NULL;
	struct net_policy *np = w_policy(m, "shop/p", "", "i");

	w_rule(np, DIR_EGRESS, "pods(app=web)", NULL); /* not in policyTypes: says nothing */
	in = w_compile(m);
	denied(in, DB, BH_INGRESS, "10.0.0.8", "tcp/80");
	decided(in, DB, BH_EGRESS, "10.0.0.8", "tcp/80", "+");
	decided(in, DB, BH_EGRESS, "10.0.1.8", "tcp/80", "+");
	assert_int_equal(in->rules.n, 0);

	w_policy(m, "shop/q", "app=db", "e");
	both = w_compile(m);
	denied(both, DB, BH_INGRESS, "10.0.0.8", "tcp/80");
	denied(both, DB, BH_EGRESS, "10.0.0.8", "tcp/80");
	(void)state;
}

static void policies_only_add(void **state)
{
	auto_model struct model *m = cluster();
	auto_tables struct tables *t = NULL;

	w_policy(m, "shop/a-deny", "", "ie");
	w_rule(w_policy(m, "shop/b", "app=db", "i"), DIR_INGRESS, "pods(app=web)", "tcp/80");
	w_rule(w_policy(m, "shop/c", "app=db", "i"), DIR_INGRESS, "pods(tier=front)", "tcp/81");
	w_policy(m, "shop/z-deny", "app=db", "i");
	t = w_compile(m);
	decided(t, DB, BH_INGRESS, "10.0.0.8", "tcp/80", "+shop/b ingress[0]");
	decided(t, DB, BH_INGRESS, "10.0.0.8", "tcp/81", "+shop/c ingress[0]");
	denied(t, DB, BH_INGRESS, "10.0.0.8", "tcp/82");
	denied(t, DB, BH_INGRESS, "10.0.0.9", "tcp/80");
	(void)state;
}

static void policies_of_other_namespaces_and_subjects_do_not_count(void **state)
{
	auto_model struct model *m = cluster();
	auto_tables struct tables *t = NULL;

	w_policy(m, "ops/deny", "", "ie");
	w_policy(m, "shop/other", "app=web", "ie");
	t = w_compile(m);
	decided(t, DB, BH_INGRESS, "10.0.0.8", "tcp/80", "+");
	assert_int_equal(t->sets.v[0].policies.n, 0);
	(void)state;
}

static void an_empty_rule_allows_everybody_everything(void **state)
{
	auto_model struct model *m = cluster();
	auto_tables struct tables *t = with_rule(m, NULL, NULL);

	decided(t, DB, BH_INGRESS, "10.0.0.8", "sctp/9", "+shop/p ingress[0]");
	decided(t, DB, BH_INGRESS, "203.0.113.9", "icmp", "+shop/p ingress[0]");
	decided(t, DB, BH_INGRESS, "2001:db8::1", "udp/1", "+shop/p ingress[0]");
	(void)state;
}

static void no_rule_denies_everybody(void **state)
{
	auto_model struct model *m = cluster();
	auto_tables struct tables *t = NULL;

	w_policy(m, "shop/p", "app=db", "i");
	t = w_compile(m);
	denied(t, DB, BH_INGRESS, "10.0.0.8", "tcp/80");
	denied(t, DB, BH_INGRESS, "10.0.0.8", "icmp");
	assert_int_equal(t->classes.n, 1);
	(void)state;
}

/* ---- ports ---------------------------------------------------------------------------------- */

static void ports_hold_for_any_peer(void **state)
{
	auto_model struct model *m = cluster();
	auto_tables struct tables *t = with_rule(m, NULL, "tcp/80");

	allowed(t, DB, BH_INGRESS, "203.0.113.9", "tcp/80");
	denied(t, DB, BH_INGRESS, "203.0.113.9", "udp/80");
	denied(t, DB, BH_INGRESS, "203.0.113.9", "icmp");
	(void)state;
}

static void end_port_is_inclusive(void **state)
{
	auto_model struct model *m = cluster();
	auto_tables struct tables *t = with_rule(m, NULL, "tcp/8000-8002,udp/65535");

	denied(t, DB, BH_INGRESS, "10.0.0.8", "tcp/7999");
	allowed(t, DB, BH_INGRESS, "10.0.0.8", "tcp/8000");
	allowed(t, DB, BH_INGRESS, "10.0.0.8", "tcp/8002");
	denied(t, DB, BH_INGRESS, "10.0.0.8", "tcp/8003");
	allowed(t, DB, BH_INGRESS, "10.0.0.8", "udp/65535");
	(void)state;
}

static void a_protocol_alone_is_all_its_ports_and_no_other(void **state)
{
	auto_model struct model *m = cluster();
	auto_tables struct tables *t = with_rule(m, "pods(app=web)", "udp");

	allowed(t, DB, BH_INGRESS, "10.0.0.8", "udp/0");
	allowed(t, DB, BH_INGRESS, "10.0.0.8", "udp/65535");
	denied(t, DB, BH_INGRESS, "10.0.0.8", "tcp/80");
	denied(t, DB, BH_INGRESS, "10.0.0.8", "icmp");
	(void)state;
}

static void sctp_alone_isolates_tcp(void **state)
{
	auto_model struct model *m = cluster();
	auto_tables struct tables *t = with_rule(m, NULL, "sctp/80");

	allowed(t, DB, BH_INGRESS, "10.0.0.8", "sctp/80");
	denied(t, DB, BH_INGRESS, "10.0.0.8", "tcp/80");
	(void)state;
}

/* Ranges are disjoint and ascending, the first rule owns what two allow, and its pieces are merged. */
static void ranges_are_disjoint_and_owned_by_the_first_rule(void **state)
{
	auto_model struct model *m = cluster();
	auto_tables struct tables *t = NULL;
	const struct table_row *row;
	const struct table_range *r;
	struct net_policy *np;

	np = w_policy(m, "shop/a", "app=db", "i");
	w_rule(np, DIR_INGRESS, "pods(app=web)", "tcp/20-29,tcp/40-49,tcp/30-39");
	w_rule(np, DIR_INGRESS, "pods(tier=front)", "tcp/10-60,udp/53");
	w_rule(w_policy(m, "shop/b", "app=db", "i"), DIR_INGRESS, NULL, "tcp/55-70,tcp/5-15");
	t = w_compile(m);
	row = w_row(t, DB, BH_INGRESS, "10.0.0.8");
	r = t->ranges.v + row->first;
	assert_int_equal(row->n, 6);
	assert_int_equal(r[0].first, BH_PORT(IPPROTO_TCP, 5));
	assert_int_equal(r[0].last, BH_PORT(IPPROTO_TCP, 9));
	assert_int_equal(r[1].first, BH_PORT(IPPROTO_TCP, 10));
	assert_int_equal(r[1].last, BH_PORT(IPPROTO_TCP, 19));
	assert_int_equal(r[2].first, BH_PORT(IPPROTO_TCP, 20));
	assert_int_equal(r[2].last, BH_PORT(IPPROTO_TCP, 49));
	assert_int_equal(r[3].first, BH_PORT(IPPROTO_TCP, 50));
	assert_int_equal(r[3].last, BH_PORT(IPPROTO_TCP, 60));
	assert_int_equal(r[4].first, BH_PORT(IPPROTO_TCP, 61));
	assert_int_equal(r[4].last, BH_PORT(IPPROTO_TCP, 70));
	assert_int_equal(r[5].first, BH_PORT(IPPROTO_UDP, 53));
	decided(t, DB, BH_INGRESS, "10.0.0.8", "tcp/9", "+shop/b ingress[0]");
	decided(t, DB, BH_INGRESS, "10.0.0.8", "tcp/30", "+shop/a ingress[0]");
	decided(t, DB, BH_INGRESS, "10.0.0.8", "tcp/55", "+shop/a ingress[1]");
	decided(t, DB, BH_INGRESS, "10.0.0.9", "tcp/55", "+shop/b ingress[0]");
	denied(t, DB, BH_INGRESS, "10.0.0.9", "tcp/54");
	(void)state;
}

static void a_rule_without_ports_takes_the_whole_row(void **state)
{
	auto_model struct model *m = cluster();
	auto_tables struct tables *t = NULL;

	w_rule(w_policy(m, "shop/a", "app=db", "i"), DIR_INGRESS, "pods(app=web)", "tcp/80");
	w_rule(w_policy(m, "shop/b", "app=db", "i"), DIR_INGRESS, "pods(tier=front)", NULL);
	t = w_compile(m);
	decided(t, DB, BH_INGRESS, "10.0.0.8", "tcp/80", "+shop/b ingress[0]");
	decided(t, DB, BH_INGRESS, "10.0.0.8", "icmp", "+shop/b ingress[0]");
	assert_int_equal(w_row(t, DB, BH_INGRESS, "10.0.0.8")->n, 0);
	(void)state;
}

static void rows_with_the_same_ranges_share_them(void **state)
{
	auto_model struct model *m = cluster();
	auto_tables struct tables *t = NULL;
	const struct table_row *a, *b, *c;

	w_rule(w_policy(m, "shop/p", "app=db", "i"), DIR_INGRESS, "pods(app=web); 10.9.0.0/16",
	       "tcp/80,tcp/90");
	w_rule(w_policy(m, "shop/q", "app=db", "i"), DIR_INGRESS, "10.8.0.0/16", "tcp/81,tcp/91");
	t = w_compile(m);
	a = w_row(t, DB, BH_INGRESS, "10.0.0.8");
	b = w_row(t, DB, BH_INGRESS, "10.9.0.1");
	c = w_row(t, DB, BH_INGRESS, "10.8.0.1");
	assert_ptr_not_equal(a, b);
	assert_int_equal(a->first, b->first);
	assert_int_not_equal(a->first, c->first);
	assert_int_equal(t->ranges.n, 4);
	decided(t, DB, BH_INGRESS, "10.9.0.1", "tcp/90", "+shop/p ingress[0]");
	decided(t, DB, BH_INGRESS, "10.8.0.1", "tcp/91", "+shop/q ingress[0]");
	(void)state;
}

/* ---- peers ---------------------------------------------------------------------------------- */

static void a_pod_selector_alone_means_the_own_namespace(void **state)
{
	auto_model struct model *m = cluster();
	auto_tables struct tables *t = with_rule(m, "pods(app=web)", NULL);

	allowed(t, DB, BH_INGRESS, "10.0.0.8", "tcp/80");
	denied(t, DB, BH_INGRESS, "10.0.1.8", "tcp/80");
	(void)state;
}

static void a_namespace_selector_alone_means_all_pods_there(void **state)
{
	auto_model struct model *m = cluster();
	auto_tables struct tables *t = with_rule(m, "ns(team=shop)", NULL);

	allowed(t, DB, BH_INGRESS, "10.0.0.8", "tcp/80");
	allowed(t, DB, BH_INGRESS, "10.0.0.9", "tcp/80");
	denied(t, DB, BH_INGRESS, "10.0.1.8", "tcp/80");
	denied(t, DB, BH_INGRESS, "203.0.113.9", "tcp/80");
	(void)state;
}

static void both_selectors_in_one_item_mean_and(void **state)
{
	auto_model struct model *m = cluster();
	auto_tables struct tables *t = with_rule(m, "ns(team=ops) pods(app=web)", NULL);

	allowed(t, DB, BH_INGRESS, "10.0.1.8", "tcp/80");
	denied(t, DB, BH_INGRESS, "10.0.0.8", "tcp/80");
	(void)state;
}

static void two_items_mean_or(void **state)
{
	auto_model struct model *m = cluster();
	auto_tables struct tables *t = with_rule(m, "ns(team=ops); pods(app=web)", NULL);

	allowed(t, DB, BH_INGRESS, "10.0.1.8", "tcp/80");
	allowed(t, DB, BH_INGRESS, "10.0.0.8", "tcp/80");
	denied(t, DB, BH_INGRESS, "10.0.0.9", "tcp/80");
	(void)state;
}

static void an_empty_selector_is_every_pod_but_nobody_else(void **state)
{
	auto_model struct model *m = cluster();
	auto_tables struct tables *own = with_rule(m, "pods()", NULL), *all = NULL;

	allowed(own, DB, BH_INGRESS, "10.0.0.9", "tcp/80");
	denied(own, DB, BH_INGRESS, "10.0.1.8", "tcp/80");
	denied(own, DB, BH_INGRESS, "203.0.113.9", "tcp/80");
	all = with_rule(m, "ns()", NULL);
	allowed(all, DB, BH_INGRESS, "10.0.1.8", "tcp/80");
	denied(all, DB, BH_INGRESS, "203.0.113.9", "tcp/80");
	(void)state;
}

static void not_in_matches_what_lacks_the_key(void **state)
{
	auto_model struct model *m = cluster();
	auto_tables struct tables *not_in = with_rule(m, "pods(app notin web|db)", NULL), *lacks = NULL;

	allowed(not_in, DB, BH_INGRESS, "10.0.0.9", "tcp/80");
	denied(not_in, DB, BH_INGRESS, "10.0.0.8", "tcp/80");
	lacks = with_rule(m, "ns() pods(!tier)", NULL);
	allowed(lacks, DB, BH_INGRESS, "10.0.1.8", "tcp/80");
	denied(lacks, DB, BH_INGRESS, "10.0.0.8", "tcp/80");
	(void)state;
}

static void a_namespace_has_its_name_as_a_label(void **state)
{
	auto_model struct model *m = cluster();
	auto_tables struct tables *t = with_rule(m, "ns(kubernetes.io/metadata.name=ops)", NULL);

	allowed(t, DB, BH_INGRESS, "10.0.1.8", "tcp/80");
	denied(t, DB, BH_INGRESS, "10.0.0.8", "tcp/80");
	(void)state;
}

static void new_labels_move_peers_and_subjects(void **state)
{
	auto_model struct model *m = cluster();
	auto_tables struct tables *peer = NULL, *subject = NULL;

	w_rule(w_policy(m, "shop/p", "app=db", "i"), DIR_INGRESS, "ns(team=ops)", NULL);
	w_namespace(m, "ops", "team=dev");
	peer = w_compile(m);
	denied(peer, DB, BH_INGRESS, "10.0.1.8", "tcp/80");
	w_pod(m, "shop/db", "app=other", "10.0.0.7");
	subject = w_compile(m);
	decided(subject, DB, BH_INGRESS, "10.0.1.8", "tcp/80", "+");
	(void)state;
}

static void both_ends_decide_for_themselves(void **state)
{
	auto_model struct model *m = cluster();
	auto_tables struct tables *t = NULL;

	w_endpoint(m, "shop/web", WEB, "10.0.0.8");
	w_rule(w_policy(m, "shop/p", "app=web", "e"), DIR_EGRESS, "pods(app=db)", "tcp/5432");
	w_policy(m, "shop/q", "app=db", "i");
	t = w_compile(m);
	allowed(t, WEB, BH_EGRESS, "10.0.0.7", "tcp/5432"); /* but db's ingress does not: denied there */
	denied(t, DB, BH_INGRESS, "10.0.0.8", "tcp/5432");
	decided(t, WEB, BH_INGRESS, "10.0.0.7", "tcp/1", "+"); /* no mirror rule is asked of anybody */
	(void)state;
}

static void what_is_not_understood_matches_nothing_and_still_isolates(void **state)
{
	auto_model struct model *m = cluster();
	auto_tables struct tables *t = NULL;
	struct net_policy *np = w_policy(m, "shop/p", "app=db", "i");

	w_rule(np, DIR_INGRESS, NULL, NULL)->unknown = true;
	w_rule(np, DIR_INGRESS, NULL, "tcp/81");
	t = w_compile(m);
	denied(t, DB, BH_INGRESS, "10.0.0.8", "tcp/80");
	decided(t, DB, BH_INGRESS, "10.0.0.8", "tcp/81", "+shop/p ingress[1]");
	(void)state;
}

/* ---- blocks --------------------------------------------------------------------------------- */

static void a_block_holds_pods_nodes_and_the_world(void **state)
{
	auto_model struct model *m = cluster();
	const struct addr node = w_addr("10.0.200.1");
	auto_tables struct tables *t = NULL;
	bool is_node = false;

	assert_int_equal(model_set_local_addrs(m, &node, 1), 0);
	t = with_rule(m, "10.0.0.0/16 -10.0.0.9/32", NULL);
	allowed(t, DB, BH_INGRESS, "10.0.0.8", "tcp/80");
	allowed(t, DB, BH_INGRESS, "10.0.1.8", "tcp/80");
	allowed(t, DB, BH_INGRESS, "10.0.77.77", "tcp/80");
	allowed(t, DB, BH_INGRESS, "10.0.200.1", "tcp/80");
	denied(t, DB, BH_INGRESS, "10.0.0.9", "tcp/80");
	denied(t, DB, BH_INGRESS, "10.1.0.0", "tcp/80");
	(void)tables_class(t, &node, &is_node);
	assert_true(is_node);
	assert_true(t->sets.v[w_find(t, DB)->set].has_cidr);
	(void)state;
}

static void an_exact_address_keeps_the_blocks_around_it(void **state)
{
	auto_model struct model *m = cluster();
	auto_tables struct tables *t = NULL;
	struct net_policy *np = w_policy(m, "shop/p", "app=db", "i");

	w_rule(np, DIR_INGRESS, "10.0.0.0/16", "tcp/80");
	w_rule(np, DIR_INGRESS, "pods(app=web)", "tcp/81");
	t = w_compile(m);
	allowed(t, DB, BH_INGRESS, "10.0.0.8", "tcp/80");
	allowed(t, DB, BH_INGRESS, "10.0.0.8", "tcp/81");
	denied(t, DB, BH_INGRESS, "10.0.0.77", "tcp/81");
	(void)state;
}

static void an_exception_is_allowed_again_by_another_item(void **state)
{
	auto_model struct model *m = cluster();
	auto_tables struct tables *t = NULL;

	w_rule(w_policy(m, "shop/p", "app=db", "i"), DIR_INGRESS, "192.0.2.0/24 -192.0.2.128/25", "tcp/80");
	w_rule(w_policy(m, "shop/q", "app=db", "i"), DIR_INGRESS, "192.0.2.192/26; pods(app=web)", "tcp/80");
	t = w_compile(m);
	allowed(t, DB, BH_INGRESS, "192.0.2.1", "tcp/80");
	denied(t, DB, BH_INGRESS, "192.0.2.129", "tcp/80");
	decided(t, DB, BH_INGRESS, "192.0.2.193", "tcp/80", "+shop/q ingress[0]");
	(void)state;
}

/* Which the API server refuses: nothing of the block is left. */
static void an_exception_may_be_wider_than_its_block(void **state)
{
	auto_model struct model *m = cluster();
	auto_tables struct tables *t =
		with_rule(m, "10.0.0.0/24 -10.0.0.0/8;192.0.2.0/24 -192.0.2.0/24", NULL);

	denied(t, DB, BH_INGRESS, "10.0.0.8", "tcp/80");
	denied(t, DB, BH_INGRESS, "10.0.0.200", "tcp/80");
	denied(t, DB, BH_INGRESS, "192.0.2.1", "tcp/80");
	(void)state;
}

static void a_longer_block_keeps_the_ports_of_the_shorter(void **state)
{
	auto_model struct model *m = cluster();
	auto_tables struct tables *t = NULL;
	struct net_policy *np = w_policy(m, "shop/p", "app=db", "i");

	w_rule(np, DIR_INGRESS, "192.0.0.0/8", "tcp/80");
	w_rule(np, DIR_INGRESS, "192.0.2.0/24", "tcp/81");
	w_rule(np, DIR_INGRESS, "192.0.2.7/32", "udp/53");
	t = w_compile(m);
	allowed(t, DB, BH_INGRESS, "192.0.2.1", "tcp/80");
	allowed(t, DB, BH_INGRESS, "192.0.2.1", "tcp/81");
	denied(t, DB, BH_INGRESS, "192.0.2.1", "udp/53");
	allowed(t, DB, BH_INGRESS, "192.0.2.7", "tcp/80");
	allowed(t, DB, BH_INGRESS, "192.0.2.7", "udp/53");
	denied(t, DB, BH_INGRESS, "192.1.2.1", "tcp/81");
	(void)state;
}

static void families_do_not_imply_each_other(void **state)
{
	auto_model struct model *m = cluster();
	auto_tables struct tables *v4 = with_rule(m, "0.0.0.0/0", NULL), *v6 = NULL, *pods = NULL;

	allowed(v4, DB, BH_INGRESS, "203.0.113.9", "tcp/80");
	denied(v4, DB, BH_INGRESS, "2001:db8::1", "tcp/80");
	v6 = with_rule(m, "::/0", NULL);
	allowed(v6, DB, BH_INGRESS, "2001:db8::1", "tcp/80");
	denied(v6, DB, BH_INGRESS, "203.0.113.9", "tcp/80");
	pods = with_rule(m, "pods(app=web)", NULL); /* all podIPs */
	allowed(pods, DB, BH_INGRESS, "10.0.0.8", "tcp/80");
	allowed(pods, DB, BH_INGRESS, "fd00::8", "tcp/80");
	(void)state;
}

static const struct table_location *location(const struct tables *t, const char *text)
{
	const struct cidr c = w_cidr(text);
	size_t i;

	for (i = 0; i < t->locations.n; i++)
		if (t->locations.v[i].is_block && !cidr_cmp(&t->locations.v[i].cidr, &c))
			return &t->locations.v[i];
	return NULL;
}

/* The kernel's LPM knows no families: ::/0 must not swallow ::ffff:0:0/96. */
static void a_wide_v6_block_brings_a_guard_for_v4(void **state)
{
	auto_model struct model *m = cluster();
	auto_tables struct tables *none = with_rule(m, "2001:db8::/32; 10.0.0.0/8", NULL);
	auto_tables struct tables *guard = NULL, *named = NULL;

	assert_null(location(none, "0.0.0.0/0"));
	guard = with_rule(m, "::/8", NULL);
	assert_non_null(location(guard, "0.0.0.0/0"));
	assert_int_equal(location(guard, "0.0.0.0/0")->class, BH_CLASS_NONE);
	named = with_rule(m, "2001:db8::/32 -::/64; 0.0.0.0/0", NULL);
	assert_non_null(location(named, "0.0.0.0/0"));
	assert_int_not_equal(location(named, "0.0.0.0/0")->class, BH_CLASS_NONE);
	(void)state;
}

/* ---- who is a subject, who is a peer ---------------------------------------------------------- */

static void unknown_pods_and_namespaces_are_isolated_and_no_peers(void **state)
{
	auto_model struct model *m = cluster();
	auto_tables struct tables *t = NULL;

	w_endpoint(m, "shop/new", 20, "10.0.0.20");
	w_pod(m, "lost/pod", "app=web", "10.0.0.21");
	w_endpoint(m, "lost/pod", 21, "10.0.0.21");
	t = with_rule(m, "ns(); ns(!x) pods(); pods()", NULL);
	assert_int_equal(w_find(t, 20)->set, -1);
	assert_int_equal(w_find(t, 21)->set, -1);
	denied(t, DB, BH_INGRESS, "10.0.0.20", "tcp/80");
	denied(t, DB, BH_INGRESS, "10.0.0.21", "tcp/80");
	(void)state;
}

/* Of whom not all labels are known: a rule that accepts does not mean him, one that denies does. */
static void who_is_known_in_part_is_as_unknown(void **state)
{
	auto_model struct model *m = cluster();
	auto_tables struct tables *whole = NULL, *accepts = NULL, *all = NULL, *denies = NULL;
	struct net_policy *no = net_policy_new(POLICY_SEGMENTATION, "shop", "no");
	struct pod *p = w_pod(m, "shop/many", "app=web", "10.0.0.22");

	w_endpoint(m, "shop/many", 22, "10.0.0.22");
	whole = with_rule(m, "pods(app=web); pods(!x)", NULL);
	assert_true(w_find(whole, 22)->set >= 0);
	allowed(whole, DB, BH_INGRESS, "10.0.0.22", "tcp/80");
	p->partial = true;
	accepts = with_rule(m, "pods(app=web); pods(!x)", NULL);
	assert_int_equal(w_find(accepts, 22)->set, -1);
	denied(accepts, DB, BH_INGRESS, "10.0.0.22", "tcp/80");
	w_rule(w_policy(m, "shop/all", "app=db", "i"), DIR_INGRESS, NULL, NULL);
	all = w_compile(m);
	allowed(all, DB, BH_INGRESS, "10.0.0.22", "tcp/80");
	w_rule(no, DIR_INGRESS, "pods(quarantine)", NULL)->action = RULE_DENY;
	assert_int_equal(model_put_policy(m, no), 0);
	denies = w_compile(m);
	allowed(denies, DB, BH_INGRESS, "10.0.0.8", "tcp/80");
	decided(denies, DB, BH_INGRESS, "10.0.0.22", "tcp/80", "-segpol shop/no ingress[0]");
	(void)state;
}

static void another_uid_is_another_pod(void **state)
{
	auto_model struct model *m = cluster();
	struct endpoint *e = w_endpoint(m, "shop/web", WEB, "10.0.0.18");
	auto_tables struct tables *t = NULL;
	struct pod *p = w_pod(m, "shop/web", "app=web", "10.0.0.8");

	free(p->uid);
	p->uid = strdup("new");
	e->uid = strdup("old");
	t = with_rule(m, "pods(app=web)", NULL);
	assert_int_equal(w_find(t, WEB)->set, -1);
	denied(t, DB, BH_INGRESS, "10.0.0.18", "tcp/80");
	allowed(t, DB, BH_INGRESS, "10.0.0.8", "tcp/80");
	(void)state;
}

static void host_network_pods_are_neither(void **state)
{
	auto_model struct model *m = cluster();
	auto_tables struct tables *t = NULL;

	w_pod(m, "shop/host", "app=web", "10.0.0.50")->host_network = true;
	w_endpoint(m, "shop/host", 50, "10.0.0.51");
	t = with_rule(m, "pods(app=web)", NULL);
	denied(t, DB, BH_INGRESS, "10.0.0.50", "tcp/80");
	denied(t, DB, BH_INGRESS, "10.0.0.51", "tcp/80");
	assert_int_equal(w_find(t, 50)->set, -1);
	(void)state;
}

static void ended_pods_are_neither_and_their_address_is_free(void **state)
{
	auto_model struct model *m = cluster();
	auto_tables struct tables *t = NULL;

	w_pod(m, "shop/job", "app=web", "10.0.0.50,10.0.0.51")->ended = true;
	w_endpoint(m, "shop/job", 50, "10.0.0.50,10.0.0.51");
	w_pod(m, "shop/next", "tier=front", "10.0.0.51");
	t = with_rule(m, "pods(app=web); pods(tier=front)", NULL);
	denied(t, DB, BH_INGRESS, "10.0.0.50", "tcp/80");
	allowed(t, DB, BH_INGRESS, "10.0.0.51", "tcp/80");
	assert_int_equal(w_find(t, 50)->set, -1);
	(void)state;
}

static void a_pod_without_address_is_isolated_already(void **state)
{
	auto_model struct model *m = cluster();
	auto_tables struct tables *t = NULL;

	w_pod(m, "shop/db", "app=db", "");
	w_pod(m, "shop/web", "app=web", "");
	t = with_rule(m, "pods(app=web)", NULL);
	denied(t, DB, BH_INGRESS, "10.0.0.8", "tcp/80");
	assert_int_equal(w_find(t, DB)->addrs, 2);
	(void)state;
}

static void an_endpoint_is_a_peer_before_the_api_knows_its_address(void **state)
{
	auto_model struct model *m = cluster();
	auto_tables struct tables *t = NULL;

	w_pod(m, "shop/web", "app=web", "");
	w_endpoint(m, "shop/web", WEB, "10.0.0.8,fe80::1");
	t = with_rule(m, "pods(app=web)", NULL);
	allowed(t, DB, BH_INGRESS, "10.0.0.8", "tcp/80");
	denied(t, DB, BH_INGRESS, "fe80::1", "tcp/80");
	(void)state;
}

static void an_interface_that_is_gone_is_no_endpoint(void **state)
{
	auto_model struct model *m = cluster();
	auto_tables struct tables *t = NULL;

	w_endpoint(m, "shop/bare", WEB, "10.0.0.8")->ifindex = 0;
	t = with_rule(m, "pods(app=web)", NULL);
	assert_int_equal(t->endpoints.n, 1);
	allowed(t, DB, BH_INGRESS, "10.0.0.8", "tcp/80");
	(void)state;
}

static void an_endpoint_outranks_the_apis_memory_of_an_address(void **state)
{
	auto_model struct model *m = cluster();
	auto_tables struct tables *t = NULL;

	w_endpoint(m, "shop/bare", 10, "10.0.0.8"); /* status has it the other way round */
	w_endpoint(m, "shop/web", WEB, "10.0.0.9");
	t = with_rule(m, "pods(app=web)", NULL);
	denied(t, DB, BH_INGRESS, "10.0.0.8", "tcp/80");
	allowed(t, DB, BH_INGRESS, "10.0.0.9", "tcp/80");
	allowed(t, DB, BH_INGRESS, "fd00::8", "tcp/80");
	(void)state;
}

static void two_claims_of_one_address_allow_what_both_would(void **state)
{
	auto_model struct model *m = cluster();
	auto_tables struct tables *t = NULL;
	struct net_policy *np = w_policy(m, "shop/p", "app=db", "i");

	w_pod(m, "shop/web2", "app=web,tier=back", "10.0.0.8");
	w_pod(m, "shop/web3", "app=web,tier=mid", "10.0.0.8");
	w_rule(np, DIR_INGRESS, "pods(app=web)", "tcp/80");
	w_rule(np, DIR_INGRESS, "pods(tier=front)", "tcp/81");
	w_rule(np, DIR_INGRESS, "pods(tier=back)", "tcp/82");
	t = w_compile(m);
	allowed(t, DB, BH_INGRESS, "10.0.0.8", "tcp/80");
	denied(t, DB, BH_INGRESS, "10.0.0.8", "tcp/81");
	denied(t, DB, BH_INGRESS, "10.0.0.8", "tcp/82");
	allowed(t, DB, BH_INGRESS, "fd00::8", "tcp/81");
	(void)state;
}

static void one_address_behind_two_interfaces_is_two_subjects(void **state)
{
	auto_model struct model *m = cluster();
	auto_tables struct tables *t = NULL;

	w_endpoint(m, "shop/bare", WEB, "10.0.0.7");
	t = with_rule(m, NULL, "tcp/80");
	denied(t, DB, BH_INGRESS, "203.0.113.9", "tcp/81");
	decided(t, WEB, BH_INGRESS, "203.0.113.9", "tcp/81", "+");
	(void)state;
}

static void an_address_of_this_node_is_no_pods(void **state)
{
	auto_model struct model *m = cluster();
	const struct addr node = w_addr("10.0.0.8");
	auto_tables struct tables *t = NULL;
	bool is_node = false;

	assert_int_equal(model_set_local_addrs(m, &node, 1), 0);
	t = with_rule(m, "pods(app=web)", NULL);
	denied(t, DB, BH_INGRESS, "10.0.0.8", "tcp/80");
	assert_int_equal(tables_class(t, &node, &is_node), BH_CLASS_NONE);
	assert_true(is_node);
	(void)state;
}

static void two_owners_of_one_interface_are_both_isolated(void **state)
{
	auto_model struct model *m = cluster();
	auto_tables struct tables *t = NULL;
	struct endpoint *e = w_endpoint(m, "shop/bare", 99, "10.0.0.9");

	e->ifindex = DB;
	t = w_compile(m);
	assert_int_equal(t->endpoints.n, 1);
	assert_int_equal(w_find(t, DB)->set, -1);
	(void)state;
}

static void too_many_addresses_are_refused_by_name(void **state)
{
	auto_model struct model *m = cluster();
	struct tables *t = NULL;
	struct bh_err err = {};

	w_endpoint(m, "shop/web", WEB, "::1,::2,::3,::4,::5,::6,::7,::8");
	t = w_compile(m);
	assert_int_equal(w_find(t, WEB)->addrs, 8);
	tables_free(t);
	w_endpoint(m, "shop/web", WEB, "::1,::2,::3,::4,::5,::6,::7,::8,::8,::9");
	assert_int_equal(policy_compile(m, &t, &err), -E2BIG);
	assert_non_null(strstr(err.msg, "'shop/web'"));
	(void)state;
}

/* ---- names and sharing ------------------------------------------------------------------------ */

static void endpoints_with_the_same_policies_share_a_set(void **state)
{
	auto_model struct model *m = cluster();
	auto_tables struct tables *t = NULL;

	w_pod(m, "shop/db2", "app=db,x=y", "");
	w_endpoint(m, "shop/db2", WEB, "10.0.0.17");
	w_endpoint(m, "shop/bare", 9, "10.0.0.9");
	t = with_rule(m, NULL, "tcp/80");
	assert_int_equal(t->sets.n, 2);
	assert_int_equal(w_find(t, DB)->set, w_find(t, WEB)->set);
	assert_int_not_equal(w_find(t, DB)->set, w_find(t, 9)->set);
	(void)state;
}

/* Also a default deny without any rule belongs to its policy: explain names it. */
static void the_same_rules_under_another_name_are_another_set(void **state)
{
	auto_model struct model *m = cluster(), *other = cluster();
	auto_tables struct tables *t = NULL, *u = NULL;

	w_policy(m, "shop/a", "", "ie");
	w_policy(other, "shop/b", "", "ie");
	t = w_compile(m);
	u = w_compile(other);
	assert_int_not_equal(hash128_cmp(&t->sets.v[0].hash, &u->sets.v[0].hash), 0);
	(void)state;
}

static void another_isolation_is_another_set(void **state)
{
	auto_model struct model *m = cluster();
	auto_tables struct tables *in = NULL, *out = NULL;

	w_policy(m, "shop/p", "", "i");
	in = w_compile(m);
	w_policy(m, "shop/p", "", "e");
	out = w_compile(m);
	assert_int_not_equal(hash128_cmp(&in->sets.v[0].hash, &out->sets.v[0].hash), 0);
	(void)state;
}

static struct hash128 set_of(const char *peers, const char *ports)
{
	auto_model struct model *m = cluster();
	auto_tables struct tables *t = with_rule(m, peers, ports);

	return t->sets.v[0].hash;
}

static void assert_same(const char *peers, const char *ports, const char *peers2, const char *ports2,
			bool same)
{
	const struct hash128 a = set_of(peers, ports), b = set_of(peers2, ports2);

	if (!hash128_cmp(&a, &b) != same)
		fail_msg("'%s' '%s' and '%s' '%s' should be %s", peers ? peers : "", ports ? ports : "",
			 peers2 ? peers2 : "", ports2 ? ports2 : "", same ? "the same" : "different");
}

static void form_does_not_change_a_name(void **state)
{
	assert_same("pods(a=1,b in x|y)", NULL, "pods(b in y|x|y,a=1,a=1)", NULL, true);
	assert_same("pods(a=1); pods(b=1)", NULL, "pods(b=1); pods(a=1); pods(b=1)", NULL, true);
	assert_same("ns(a=1)", NULL, "ns(a=1) pods()", NULL, true);
	assert_same("10.0.0.0/8 -10.1.0.0/16 -10.2.0.0/16", NULL, "10.0.0.0/8 -10.2.0.0/16 -10.1.0.0/16",
		    NULL, true);
	assert_same(NULL, "tcp/web,tcp/80,udp/x", NULL, "udp/x,tcp/web,tcp/80,tcp/web", true);
	assert_same(NULL, "tcp/80,tcp/81-90,udp/1", NULL, "udp/1,tcp/85-90,tcp/80-87", true);
	(void)state;
}

static void meaning_changes_a_name(void **state)
{
	assert_same(NULL, NULL, "ns()", NULL, false);
	assert_same("pods()", NULL, "ns()", NULL, false);
	assert_same("pods(a=1)", NULL, "ns() pods(a=1)", NULL, false);
	assert_same("pods(a=1)", NULL, "pods(a notin 1)", NULL, false);
	assert_same("pods(a)", NULL, "pods(!a)", NULL, false);
	assert_same("pods(a in b|c)", NULL, "pods(a in bc)", NULL, false);
	assert_same("pods(ab=c)", NULL, "pods(a=bc)", NULL, false);
	assert_same("pods(a=1,b=1)", NULL, "pods(a=1); pods(b=1)", NULL, false);
	assert_same("10.0.0.0/8", NULL, "10.0.0.0/9", NULL, false);
	assert_same("10.0.0.0/8 -10.0.0.0/9", NULL, "10.0.0.0/8; 10.0.0.0/9", NULL, false);
	assert_same(NULL, "tcp/80", NULL, "udp/80", false);
	assert_same(NULL, "tcp/80-90", NULL, "tcp/80,tcp/90", false);
	assert_same(NULL, "tcp/80-90", NULL, "tcp/80-91", false);
	assert_same(NULL, "tcp", NULL, NULL, false);
	assert_same(NULL, "tcp/web", NULL, NULL, false);
	assert_same(NULL, "tcp/web", NULL, "udp/web", false);
	assert_same(NULL, "tcp/web,tcp/x", NULL, "tcp/web", false);
	(void)state;
}

static struct tables *named(const char *ns, const char *policy, struct model **ret)
{
	struct model *m = model_new();
	char name[64];

	(void)snprintf(name, sizeof(name), "%s/pod", ns);
	w_namespace(m, ns, "");
	w_pod(m, name, "", "");
	w_endpoint(m, name, DB, "10.0.0.7");
	(void)snprintf(name, sizeof(name), "%s/%s", ns, policy);
	w_rule(w_policy(m, name, "", "i"), DIR_INGRESS, NULL, NULL);
	*ret = m;
	return w_compile(m);
}

static void assert_other_names(const char *ns, const char *policy, const char *ns2, const char *policy2)
{
	auto_model struct model *m = NULL, *n = NULL;
	auto_tables struct tables *t = named(ns, policy, &m), *u = named(ns2, policy2, &n);

	assert_int_not_equal(hash128_cmp(&t->rules.v[0].hash, &u->rules.v[0].hash), 0);
	assert_int_not_equal(hash128_cmp(&t->sets.v[0].hash, &u->sets.v[0].hash), 0);
}

static void names_do_not_run_into_each_other(void **state)
{
	assert_other_names("a-b", "c", "a", "b-c");
	assert_other_names("ab", "c", "a", "bc");
	assert_same("pods(a in b|cd)", NULL, "pods(a in bc|d)", NULL, false);
	(void)state;
}

static void equal_peers_of_two_policies_are_one_peer_set(void **state)
{
	auto_model struct model *m = cluster();
	auto_tables struct tables *one = NULL, *two = NULL;
	const struct addr web = w_addr("10.0.0.8");

	w_rule(w_policy(m, "shop/p", "app=db", "i"), DIR_INGRESS, "pods(app in web|x)", "tcp/80");
	one = w_compile(m);
	w_rule(w_policy(m, "shop/q", "app=db", "e"), DIR_EGRESS, "pods(app in x|web)", "tcp/81");
	two = w_compile(m);
	assert_int_equal(one->classes.n, 2);
	assert_int_equal(two->classes.n, 2);
	assert_int_equal(hash128_cmp(&one->classes.v[1].hash, &two->classes.v[1].hash), 0);
	assert_int_equal(tables_class(one, &web, NULL), tables_class(two, &web, NULL));
	(void)state;
}

static void only_peers_of_local_pods_policies_count(void **state)
{
	auto_model struct model *m = cluster();
	auto_tables struct tables *t = NULL;

	w_rule(w_policy(m, "shop/p", "app=web", "ie"), DIR_INGRESS, "pods(app=db); 10.0.0.0/8", NULL);
	w_rule(w_policy(m, "ops/p", "", "ie"), DIR_EGRESS, "ns()", NULL);
	t = w_compile(m);
	assert_int_equal(t->classes.n, 1);
	assert_int_equal(t->locations.n, 0);
	assert_int_equal(t->rules.n, 0);
	(void)state;
}

/* A class gets a row only where it makes a difference. */
static void rows_are_sparse(void **state)
{
	auto_model struct model *m = cluster();
	auto_tables struct tables *t = NULL;
	struct net_policy *np = w_policy(m, "shop/p", "app=db", "i");

	w_rule(np, DIR_INGRESS, NULL, NULL);
	w_rule(np, DIR_INGRESS, "pods(app=web); 192.0.2.0/24", "tcp/80");
	t = w_compile(m);
	assert_int_equal(t->classes.n, 3);
	assert_int_equal(t->rows.n, 2);
	(void)state;
}

/* ---- the same bytes ------------------------------------------------------------------------- */

static void busy_policy(struct model *m, const char *name, bool backwards)
{
	static const char *const peers[] = { "pods(app=web)", "ns(team=ops); 10.0.0.0/8 -10.1.0.0/16",
					     "::/0" };
	static const char *const ports[] = { "tcp/80,udp/53,tcp/web", NULL, "tcp/1-100,tcp/50-200,udp/dns" };
	struct net_policy *np = w_policy(m, name, backwards ? "!x,app in db|web" : "app in web|db,!x", "ie");
	int i;

	for (i = 0; i < 3; i++) {
		w_rule(np, DIR_INGRESS, peers[i], ports[i]);
		w_rule(np, DIR_EGRESS, peers[2 - i], ports[i]);
	}
}

static struct model *busy(bool backwards)
{
	static const char *const names[] = { "shop/a", "shop/b", "ops/a", "ops/b" };
	struct model *m = cluster();
	const struct addr node[2] = { w_addr("10.0.0.1"), w_addr("10.0.0.2") };
	const struct addr edon[2] = { node[1], node[0] };
	char pod[64];
	int i, k;

	assert_int_equal(model_set_local_addrs(m, backwards ? edon : node, 2), 0);
	for (i = 0; i < 4; i++)
		busy_policy(m, names[backwards ? 3 - i : i], backwards);
	for (i = 0; i < 40; i++) {
		k = backwards ? 39 - i : i;
		(void)snprintf(pod, sizeof(pod), "%s/pod-%d", k % 3 ? "shop" : "ops", k);
		w_names(w_pod(m, pod, k % 2 ? "app=web" : "app=db", ""),
			backwards ? "dns:udp/53,web:tcp/8080,web:tcp/80"
				  : "web:tcp/80,web:tcp/8080,dns:udp/53");
		w_endpoint(m, pod, (uint32_t)(100 + k), backwards ? "fd00::9,10.2.0.1" : "10.2.0.1,fd00::9");
	}
	return m;
}

#define same_bytes(a, b)                                                                                     \
	do {                                                                                                 \
		assert_int_equal((a).n, (b).n);                                                              \
		assert_memory_equal((a).v, (b).v, (a).n * sizeof(*(a).v));                                   \
	} while (0)

static void the_order_of_the_input_means_nothing(void **state)
{
	auto_model struct model *m = busy(false), *n = busy(true);
	auto_tables struct tables *t = w_compile(m), *u = w_compile(n);
	size_t i;

	assert_true(t->rows.n > 10 && t->classes.n > 4 && t->sets.n > 1 && t->locations.n > 5);
	same_bytes(t->classes, u->classes);
	same_bytes(t->rows, u->rows);
	same_bytes(t->ranges, u->ranges);
	same_bytes(t->locations, u->locations);
	same_bytes(t->endpoints, u->endpoints);
	assert_int_equal(t->sets.n, u->sets.n);
	for (i = 0; i < t->sets.n; i++) {
		assert_int_equal(hash128_cmp(&t->sets.v[i].hash, &u->sets.v[i].hash), 0);
		same_bytes(t->sets.v[i].policies, u->sets.v[i].policies);
	}
	assert_int_equal(t->rules.n, u->rules.n);
	for (i = 0; i < t->rules.n; i++)
		assert_string_equal(t->rules.v[i].name, u->rules.v[i].name);
	(void)state;
}

static void all_is_sorted(void **state)
{
	auto_model struct model *m = busy(false);
	auto_tables struct tables *t = w_compile(m);
	size_t i;

	for (i = 1; i < t->rules.n; i++)
		assert_true(hash128_cmp(&t->rules.v[i - 1].hash, &t->rules.v[i].hash) < 0);
	for (i = 1; i < t->classes.n; i++)
		assert_true(hash128_cmp(&t->classes.v[i - 1].hash, &t->classes.v[i].hash) < 0);
	for (i = 1; i < t->sets.n; i++)
		assert_true(hash128_cmp(&t->sets.v[i - 1].hash, &t->sets.v[i].hash) < 0);
	for (i = 1; i < t->endpoints.n; i++)
		assert_true(t->endpoints.v[i - 1].ifindex < t->endpoints.v[i].ifindex);
	for (i = 1; i < t->locations.n; i++) {
		const struct table_location *a = &t->locations.v[i - 1], *b = &t->locations.v[i];

		assert_true(a->is_block < b->is_block ||
			    (a->is_block == b->is_block && cidr_cmp(&a->cidr, &b->cidr) < 0));
	}
	for (i = 1; i < t->rows.n; i++) {
		const struct table_row *a = &t->rows.v[i - 1], *b = &t->rows.v[i];

		assert_true(a->set < b->set || (a->set == b->set && a->class < b->class) ||
			    (a->set == b->set && a->class == b->class && a->dir < b->dir));
	}
	(void)state;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_policy_is_open),
		cmocka_unit_test(isolation_is_per_direction),
		cmocka_unit_test(policies_only_add),
		cmocka_unit_test(policies_of_other_namespaces_and_subjects_do_not_count),
		cmocka_unit_test(an_empty_rule_allows_everybody_everything),
		cmocka_unit_test(no_rule_denies_everybody),
		cmocka_unit_test(ports_hold_for_any_peer),
		cmocka_unit_test(end_port_is_inclusive),
		cmocka_unit_test(a_protocol_alone_is_all_its_ports_and_no_other),
		cmocka_unit_test(sctp_alone_isolates_tcp),
		cmocka_unit_test(ranges_are_disjoint_and_owned_by_the_first_rule),
		cmocka_unit_test(a_rule_without_ports_takes_the_whole_row),
		cmocka_unit_test(rows_with_the_same_ranges_share_them),
		cmocka_unit_test(a_pod_selector_alone_means_the_own_namespace),
		cmocka_unit_test(a_namespace_selector_alone_means_all_pods_there),
		cmocka_unit_test(both_selectors_in_one_item_mean_and),
		cmocka_unit_test(two_items_mean_or),
		cmocka_unit_test(an_empty_selector_is_every_pod_but_nobody_else),
		cmocka_unit_test(not_in_matches_what_lacks_the_key),
		cmocka_unit_test(a_namespace_has_its_name_as_a_label),
		cmocka_unit_test(new_labels_move_peers_and_subjects),
		cmocka_unit_test(both_ends_decide_for_themselves),
		cmocka_unit_test(what_is_not_understood_matches_nothing_and_still_isolates),
		cmocka_unit_test(a_block_holds_pods_nodes_and_the_world),
		cmocka_unit_test(an_exact_address_keeps_the_blocks_around_it),
		cmocka_unit_test(an_exception_is_allowed_again_by_another_item),
		cmocka_unit_test(an_exception_may_be_wider_than_its_block),
		cmocka_unit_test(a_longer_block_keeps_the_ports_of_the_shorter),
		cmocka_unit_test(families_do_not_imply_each_other),
		cmocka_unit_test(a_wide_v6_block_brings_a_guard_for_v4),
		cmocka_unit_test(unknown_pods_and_namespaces_are_isolated_and_no_peers),
		cmocka_unit_test(who_is_known_in_part_is_as_unknown),
		cmocka_unit_test(another_uid_is_another_pod),
		cmocka_unit_test(host_network_pods_are_neither),
		cmocka_unit_test(ended_pods_are_neither_and_their_address_is_free),
		cmocka_unit_test(a_pod_without_address_is_isolated_already),
		cmocka_unit_test(an_endpoint_is_a_peer_before_the_api_knows_its_address),
		cmocka_unit_test(an_interface_that_is_gone_is_no_endpoint),
		cmocka_unit_test(an_endpoint_outranks_the_apis_memory_of_an_address),
		cmocka_unit_test(two_claims_of_one_address_allow_what_both_would),
		cmocka_unit_test(one_address_behind_two_interfaces_is_two_subjects),
		cmocka_unit_test(an_address_of_this_node_is_no_pods),
		cmocka_unit_test(two_owners_of_one_interface_are_both_isolated),
		cmocka_unit_test(too_many_addresses_are_refused_by_name),
		cmocka_unit_test(endpoints_with_the_same_policies_share_a_set),
		cmocka_unit_test(the_same_rules_under_another_name_are_another_set),
		cmocka_unit_test(another_isolation_is_another_set),
		cmocka_unit_test(form_does_not_change_a_name),
		cmocka_unit_test(meaning_changes_a_name),
		cmocka_unit_test(names_do_not_run_into_each_other),
		cmocka_unit_test(equal_peers_of_two_policies_are_one_peer_set),
		cmocka_unit_test(only_peers_of_local_pods_policies_count),
		cmocka_unit_test(rows_are_sparse),
		cmocka_unit_test(the_order_of_the_input_means_nothing),
		cmocka_unit_test(all_is_sorted),
	};

	return cmocka_run_group_tests_name("policy/compile", tests, NULL, NULL);
}
