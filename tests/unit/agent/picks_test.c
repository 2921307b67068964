/* SPDX-License-Identifier: Apache-2.0 */
/* Flows picked near the edges of the tables, and what the tables mean for them. */
#include "picks.h"

#include <arpa/inet.h>

#include "meant.h"
#include "query.h"
#include "tests/unit/policy/world.h"

#define PICKS 4000

static struct inforce *compiled(struct model *m)
{
	struct compiler *c = compiler_new(m);
	struct inforce *f = NULL;
	struct bh_err err = {};

	assert_int_equal(inforce_compile(c, NULL, true, &f, &err), 0);
	compiler_free(c);
	return f;
}

/* shop/db, open to 10.1.0.0/16 at TCP 80 to 90, of both families. */
static struct inforce *some_tables(struct model *m)
{
	struct net_policy *p;

	w_namespace(m, "shop", "");
	w_pod(m, "shop/db", "app=db", "10.0.0.7,fd00::7");
	w_endpoint(m, "shop/db", 7, "10.0.0.7,fd00::7,fe80::7");
	p = w_policy(m, "shop/db", "app=db", "i");
	w_rule(p, DIR_INGRESS, "10.1.0.0/16", "tcp/80-90");
	return compiled(m);
}

static bool is_remote(const struct bh_query *q, const char *text)
{
	const struct addr a = w_addr(text);

	return !memcmp(q->remote.w, a.b, sizeof(a.b));
}

static void every_edge_is_met(void **state)
{
	static const char *const edges[] = { "10.1.0.0", "10.1.255.255", "10.2.0.0" };
	static const uint16_t ports[] = { 79, 80, 90, 91 };
	auto_model struct model *m = model_new();
	struct inforce *f = some_tables(m);
	size_t i, n, met[3] = {}, at[4] = {}, dirs[2] = {};
	struct picks p = { .state = 1 };
	struct bh_query q;

	(void)state;
	for (n = 0; n < PICKS; n++) {
		assert_true(picks_flow(&p, f, NULL, &q));
		assert_int_equal(q.ifindex, 7);
		dirs[q.dir]++;
		for (i = 0; i < 3; i++)
			met[i] += is_remote(&q, edges[i]);
		for (i = 0; i < 4 && q.proto == IPPROTO_TCP && q.dir == BH_INGRESS; i++)
			at[i] += ntohs(q.lport) == ports[i];
	}
	for (i = 0; i < 3; i++)
		assert_true(met[i]);
	for (i = 0; i < 4; i++)
		assert_true(at[i]);
	assert_true(dirs[0] && dirs[1]);
	inforce_unref(f);
}

/* A packet has one family, and link-local addresses are not for policy. */
static void no_flow_that_cannot_be(void **state)
{
	auto_model struct model *m = model_new();
	struct inforce *f = some_tables(m);
	struct picks p = { .state = 2 };
	struct addr local, remote;
	struct bh_query q;
	size_t n, v4 = 0;

	(void)state;
	for (n = 0; n < PICKS; n++) {
		assert_true(picks_flow(&p, f, NULL, &q));
		memcpy(local.b, q.local.w, sizeof(local.b));
		memcpy(remote.b, q.remote.w, sizeof(remote.b));
		assert_int_equal(addr_is_v4(&local), addr_is_v4(&remote));
		assert_false(addr_is_link_local(&local));
		v4 += addr_is_v4(&local);
	}
	assert_true(v4 && v4 < PICKS);
	inforce_unref(f);
}

static void nobody_to_ask(void **state)
{
	auto_model struct model *m = model_new();
	struct picks p = { .state = 3 };
	struct inforce *f = compiled(m);
	struct bh_query q;

	(void)state;
	assert_false(picks_flow(&p, f, NULL, &q));
	inforce_unref(f);
}

static struct bh_query query(const char *remote, uint8_t proto, uint16_t port, uint32_t reason)
{
	struct bh_query q = { .ifindex = 7,
			      .dir = BH_INGRESS,
			      .proto = proto,
			      .lport = htons(port),
			      .rport = htons(40000),
			      .reason = reason };
	const struct addr a = w_addr(remote);

	memcpy(q.remote.w, a.b, sizeof(a.b));
	return q;
}

static bool differs(const struct inforce *f, struct bh_query q, const char *rule)
{
	const struct meant m = meant_by_tables(f, inforce_ifindex(f, q.ifindex), &q);

	return meant_differs(&m, &q, rule);
}

static void another_answer_differs(void **state)
{
	static const char rule[] = "shop/db ingress[0]";
	auto_model struct model *m = model_new();
	struct inforce *f = some_tables(m);
	struct bh_query q;

	(void)state;
	assert_false(differs(f, query("10.1.2.3", IPPROTO_TCP, 80, BH_POLICY), rule));
	assert_true(differs(f, query("10.1.2.3", IPPROTO_TCP, 80, BH_DENIED), rule));
	assert_true(differs(f, query("10.1.2.3", IPPROTO_TCP, 80, BH_POLICY), "shop/db ingress[1]"));
	assert_true(differs(f, query("10.1.2.3", IPPROTO_TCP, 80, BH_POLICY), NULL));
	assert_false(differs(f, query("10.1.2.3", IPPROTO_TCP, 79, BH_DENIED), NULL));
	assert_true(differs(f, query("10.1.2.3", IPPROTO_TCP, 79, BH_POLICY), NULL));
	assert_true(differs(f, query("10.2.0.0", IPPROTO_UDP, 80, BH_OPEN), NULL));
	assert_true(differs(f, query("10.2.0.0", IPPROTO_ICMP, 0, BH_POLICY), NULL));
	/* what is not policy's to say */
	assert_false(differs(f, query("10.1.2.3", IPPROTO_TCP, 80, BH_HOST), NULL));
	assert_false(differs(f, query("10.1.2.3", IPPROTO_TCP, 80, BH_NODE_OPEN), NULL));
	/* an interface of nobody */
	q = query("10.1.2.3", IPPROTO_TCP, 80, BH_POLICY);
	q.ifindex = 8;
	assert_true(differs(f, q, NULL));
	q.reason = BH_NO_ENDPOINT;
	assert_false(differs(f, q, NULL));
	inforce_unref(f);
}

/* Of ICMP an echo, whatever stands for its ports, unless the query has a type; where it is none, its number.
 */
static void what_rules_ask_about(void **state)
{
	struct bh_query q = query("10.1.2.3", IPPROTO_ICMP, 0, 0);

	(void)state;
	q.rport = htons(3 << 8 | 1);
	assert_int_equal(query_key(&q), BH_ICMP(IPPROTO_ICMP, 8, 0));
	q.flags = BH_Q_ICMP;
	assert_int_equal(query_key(&q), BH_ICMP(IPPROTO_ICMP, 3, 1));
	q.proto = IPPROTO_ICMPV6;
	assert_int_equal(query_key(&q), BH_PORT(IPPROTO_ICMPV6, 0));
	q.remote.w[2] = 0;
	assert_int_equal(query_key(&q), BH_ICMP(IPPROTO_ICMPV6, 3, 1));
	q.flags = 0;
	assert_int_equal(query_key(&q), BH_ICMP(IPPROTO_ICMPV6, 128, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_edge_is_met),	cmocka_unit_test(no_flow_that_cannot_be),
		cmocka_unit_test(nobody_to_ask),	cmocka_unit_test(another_answer_differs),
		cmocka_unit_test(what_rules_ask_about),
	};

	return cmocka_run_group_tests_name("agent/picks", tests, NULL, NULL);
}
