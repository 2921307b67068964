/* SPDX-License-Identifier: Apache-2.0 */
/* Why so many were denied: each question is looked into once, and all together take their share of the time.
 */
#include "why.h"

#include <json-c/json.h>
#include <netinet/in.h>
#include <string.h>

#include "behind.h"
#include "query.h"
#include "tests/unit/policy/world.h"

#define MS 1000000ull

static uint64_t time_ns, look_ns; /* the clock; how long each look for a rule takes */
static int looks;

/* A search is between two readings of the clock. */
static uint64_t now_ns(void)
{
	static bool within;

	if (look_ns) {
		within = !within;
		looks += !within;
		time_ns += within ? 0 : look_ns;
	}
	return time_ns;
}

static struct model *cluster(void)
{
	struct model *m = model_new();

	w_namespace(m, "shop", "");
	w_pod(m, "shop/db", "app=db", "10.0.0.7");
	w_pod(m, "shop/web", "app=web", "10.0.0.9");
	w_rule(w_policy(m, "shop/p", "app=db", "i"), DIR_INGRESS, "pods(app=web)", "tcp/80");
	return m;
}

static struct near_flow to_port(const struct model *m, uint16_t port)
{
	return (struct near_flow){ .pod = model_pod(m, "shop", "db"),
				   .dir = BH_INGRESS,
				   .remote = w_addr("10.0.0.9"),
				   .port = BH_PORT(IPPROTO_TCP, port) };
}

/* Return: whether it was looked for; then there is a rule. */
static bool ask(struct why *w, const struct model *m, uint64_t change, uint16_t port)
{
	const struct near_flow f = to_port(m, port);
	struct json_object *o = NULL;
	char want[80];

	if (!why_closest(w, m, change, &f, &o))
		return false;
	(void)snprintf(want, sizeof(want), "asked TCP %u, the rule has TCP 80", port);
	assert_non_null(strstr(json_object_to_json_string(o), want));
	json_object_put(o);
	return true;
}

static void asked_once(void **state)
{
	auto_model struct model *m = cluster();
	struct why *w;

	(void)state;
	look_ns = 0;
	w = why_new(now_ns);
	look_ns = WHY_BURST_NS / 4;
	looks = 0;
	assert_true(ask(w, m, 1, 81) && ask(w, m, 1, 81) && ask(w, m, 1, 81));
	assert_int_equal(looks, 1);
	assert_true(ask(w, m, 1, 82)); /* another question */
	assert_true(ask(w, m, 2, 82)); /* another model */
	assert_int_equal(looks, 3);
	why_free(w);
}

/* The burst is for two; what a third one took too much is waited for, and what is known costs nothing. */
static void a_flood_takes_its_share(void **state)
{
	auto_model struct model *m = cluster();
	struct why *w;
	uint16_t port;
	int found = 0;

	(void)state;
	look_ns = 0;
	w = why_new(now_ns);
	look_ns = WHY_BURST_NS / 2;
	assert_true(ask(w, m, 1, 1000) && ask(w, m, 1, 1001));
	look_ns = 0;
	assert_false(ask(w, m, 1, 1002));
	assert_true(ask(w, m, 1, 1001));
	time_ns += WHY_SHARE * MS;
	look_ns = WHY_BURST_NS;
	assert_true(ask(w, m, 1, 1002));
	look_ns = 0;
	time_ns += WHY_SHARE * (WHY_BURST_NS - 2 * MS);
	assert_false(ask(w, m, 1, 1003));
	time_ns += WHY_SHARE * 2 * MS;
	assert_true(ask(w, m, 1, 1003));
	time_ns += 1000 * WHY_SHARE * WHY_BURST_NS; /* a long silence is worth one burst */
	look_ns = WHY_BURST_NS / 10;
	for (port = 2000; port < 2010; port++)
		found += ask(w, m, 1, port);
	look_ns = 0;
	assert_int_equal(found, 10);
	assert_false(ask(w, m, 1, 2010));
	why_free(w);
}

/* What no rule decided has none near; behind a Service the pod that is in the way is meant. */
static void what_is_asked(void **state)
{
	struct bh_query q = query_of(7, BH_EGRESS, &(struct addr){}, &(struct addr){}, IPPROTO_TCP, 443);
	struct behind b = {};
	struct near_flow f;

	(void)state;
	assert_false(why_flow(&q, &b, &f));
	q.reason = BH_AUDITED;
	assert_true(why_flow(&q, &b, &f));
	assert_true(f.audited && f.dir == BH_EGRESS && f.port == BH_PORT(IPPROTO_TCP, 443));
	q.reason = BH_DENIED;
	b.service = (const struct service *)&b;
	assert_false(why_flow(&q, &b, &f));
	b.n = 1;
	b.at[0].addr = w_addr("10.0.0.7");
	b.at[0].port = 8443;
	assert_true(why_flow(&q, &b, &f));
	assert_int_equal(addr_cmp(&f.remote, &b.at[0].addr), 0);
	assert_true(!f.audited && f.port == BH_PORT(IPPROTO_TCP, 8443));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(asked_once),
		cmocka_unit_test(a_flood_takes_its_share),
		cmocka_unit_test(what_is_asked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
