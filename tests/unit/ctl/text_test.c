/* SPDX-License-Identifier: Apache-2.0 */
/* What explain and flows say, from answers as the agent sends them; and the small forms of text. */
#include "ctl/ctl.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/explain.h"
#include "ctl/flows.h"
#include "util/scope.h"

static void assert_says(void (*print)(FILE *, struct json_object *, bool), const char *json, const char *want)
{
	struct json_object *o = json_tokener_parse(json);
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	assert_non_null(o);
	print(out, o, false);
	(void)fclose(out);
	assert_string_equal(text, want);
	free(text);
	json_object_put(o);
}

static void print_flow(FILE *out, struct json_object *item, bool colours)
{
	flows_print(out, item, "2026-01-31", colours);
}

/* clang-format off */
#define CHECK(from, to, at, dir, verdict, reason, rule, by, drift) \
	"{\"from\":\"" from "\",\"from_address\":\"10.0.0.1\",\"to\":\"" to "\",\"to_address\":\"10.0.0.2\",\"at\":\"" at \
	"\",\"direction\":\"" dir "\",\"verdict\":\"" verdict "\",\"reason\":\"" reason "\",\"rule\":" rule \
	",\"isolated_by\":" by ",\"drift\":" drift "}"

static void explain_says_the_verdict_first_then_why(void **state)
{
	(void)state;
	assert_says(explain_print,
		    "{\"pod\":\"shop/web\",\"peer\":\"shop/db\",\"proto\":\"TCP\",\"port\":5432,"
		    "\"verdict\":\"deny\",\"reverse_verdict\":\"allow\",\"peer_is_local\":true,\"checks\":["
		    CHECK("shop/web", "shop/db", "shop/web", "egress", "allow", "open", "null", "[]", "false") ","
		    CHECK("shop/web", "shop/db", "shop/db", "ingress", "deny", "policy-denied", "null",
			  "[\"shop/deny\",\"shop/db\"]", "false") ","
		    CHECK("shop/db", "shop/web", "shop/web", "ingress", "allow", "policy",
			  "\"shop/web ingress[0]\"", "[\"shop/web\"]", "false") "]}",
		    "DENIED: shop/web -> shop/db, TCP 5432\n"
		    "  egress  at shop/web (10.0.0.1 -> 10.0.0.2): allowed, no policy isolates it for egress\n"
		    "  ingress at shop/db (10.0.0.1 -> 10.0.0.2): denied, isolated for ingress by shop/deny, shop/db, "
		    "and no rule of theirs allows it\n"
		    "The other way round: ALLOWED: shop/db -> shop/web, TCP 5432\n"
		    "  ingress at shop/web (10.0.0.1 -> 10.0.0.2): allowed, rule 'shop/web ingress[0]' allows it\n");
}

/* What is in mode Audit isolates, too; that a rule of it allows the flow has no rule's number. */
static void what_audited_policies_allow(void **state)
{
	(void)state;
	assert_says(explain_print,
		    "{\"pod\":\"a/x\",\"peer\":\"a/y\",\"proto\":\"TCP\",\"port\":80,\"verdict\":\"allow\","
		    "\"reverse_verdict\":\"allow\",\"peer_is_local\":true,\"checks\":[" CHECK(
			    "a/x", "a/y", "a/y", "ingress", "allow", "policy", "null", "[\"a/p\",\"a/q\"]",
			    "false") "]}",
		    "ALLOWED: a/x -> a/y, TCP 80\n"
		    "  ingress at a/y (10.0.0.1 -> 10.0.0.2): allowed, isolated for ingress by a/p, a/q, in mode "
		    "Audit, and a rule of theirs allows it\n"
		    "The other way round: ALLOWED: a/y -> a/x, TCP 80\n");
}

static void who_is_in_the_way_behind_a_service(void **state)
{
	(void)state;
	assert_says(explain_print,
		    "{\"pod\":\"a/x\",\"peer\":\"service 'a/s'\",\"proto\":\"TCP\",\"port\":80,\"verdict\":\"deny\","
		    "\"reverse_verdict\":\"allow\",\"peer_is_local\":false,\"checks\":["
		    "{\"from\":\"a/x\",\"from_address\":\"10.0.0.1\",\"to\":\"service 'a/s'\",\"to_address\":\"10.96.0.1\","
		    "\"at\":\"a/x\",\"direction\":\"egress\",\"verdict\":\"deny\",\"reason\":\"policy-denied\",\"rule\":null,"
		    "\"isolated_by\":[\"a/p\"],\"drift\":false,\"service\":\"a/s\","
		    "\"behind\":[\"a/y (10.0.0.2:8080)\",\"1 more\"]}]}",
		    "DENIED: a/x -> service 'a/s', TCP 80\n"
		    "  egress  at a/x (10.0.0.1 -> 10.96.0.1): denied, isolated for egress by a/p, and no rule of theirs "
		    "allows it, because of a/y (10.0.0.2:8080), 1 more behind service 'a/s'\n"
		    "  (service 'a/s' is not on this node: what happens at its end is not known here)\n"
		    "The other way round: ALLOWED: service 'a/s' -> a/x, TCP 80\n");
	assert_says(print_flow,
		    "{\"time\":\"2026-01-31T12:13:14.567Z\",\"direction\":\"egress\",\"pod\":\"a/x\",\"src\":\"10.0.0.1\","
		    "\"src_port\":5,\"src_name\":\"a/x\",\"dst\":\"192.0.2.1\",\"dst_port\":30080,\"dst_name\":\"node\","
		    "\"proto\":\"TCP\",\"reason\":\"policy-denied\",\"rule\":null,\"policies\":[\"a/p\"],\"len\":60,"
		    "\"service\":\"a/s\",\"behind\":[\"a/y (10.0.0.2:8080)\"]}",
		    "12:13:14.567Z DENIED  egress  a/x (10.0.0.1:5) -> node (192.0.2.1:30080) TCP 60 bytes: policy-denied: "
		    "a/x is isolated for egress by a/p, because of a/y (10.0.0.2:8080) behind service 'a/s'\n");
}

static void two_families_that_agree_are_told_once(void **state)
{
	(void)state;
	assert_says(explain_print,
		    "{\"pod\":\"a/x\",\"peer\":\"a/y\",\"proto\":\"UDP\",\"port\":53,\"verdict\":\"allow\","
		    "\"reverse_verdict\":\"allow\",\"peer_is_local\":true,\"checks\":["
		    CHECK("a/x", "a/y", "a/x", "egress", "allow", "policy", "\"a/r egress[1]\"", "[]", "false") ","
		    CHECK("a/x", "a/y", "a/y", "ingress", "allow", "policy", "null", "[]", "false") ","
		    CHECK("a/x", "a/y", "a/x", "egress", "allow", "policy", "\"a/r egress[1]\"", "[]", "false") ","
		    CHECK("a/x", "a/y", "a/y", "ingress", "allow", "policy", "\"a/s ingress[0]\"", "[]", "false")
		    "]}",
		    "ALLOWED: a/x -> a/y, UDP 53\n"
		    "  egress  at a/x (10.0.0.1 -> 10.0.0.2, 10.0.0.1 -> 10.0.0.2): allowed, rule 'a/r egress[1]' "
		    "allows it\n"
		    "  ingress at a/y (10.0.0.1 -> 10.0.0.2): allowed, no policy isolates it for ingress\n"
		    "  ingress at a/y (10.0.0.1 -> 10.0.0.2): allowed, rule 'a/s ingress[0]' allows it\n"
		    "The other way round: ALLOWED: a/y -> a/x, UDP 53\n");
}

static void explain_says_when_it_does_not_know(void **state)
{
	(void)state;
	assert_says(explain_print,
		    "{\"pod\":\"a/x\",\"peer\":\"192.0.2.1\",\"proto\":\"ICMP\",\"verdict\":\"deny\","
		    "\"reverse_verdict\":\"deny\",\"checks\":["
		    CHECK("a/x", "192.0.2.1", "a/x", "egress", "deny", "no-policy", "null", "[]", "true") "]}",
		    "DENIED: a/x -> 192.0.2.1, ICMP echo\n"
		    "  egress  at a/x (10.0.0.1 -> 10.0.0.2): denied, its Pod or Namespace is not known to the agent, "
		    "so it is isolated\n"
		    "  DRIFT: the program decides otherwise than the policies in force say; please report this\n"
		    "  (192.0.2.1 is not on this node: what happens at its end is not known here)\n"
		    "The other way round: DENIED: 192.0.2.1 -> a/x, ICMP echo\n");
}

static void the_closest_rule_and_who_was_not_asked(void **state)
{
	(void)state;
	assert_says(explain_print,
		    "{\"pod\":\"a/x\",\"peer\":\"a/y\",\"proto\":\"TCP\",\"port\":80,\"verdict\":\"deny\","
		    "\"reverse_verdict\":\"allow\",\"checks\":["
		    "{\"from\":\"a/x\",\"from_address\":\"10.0.0.1\",\"to\":\"a/y\",\"to_address\":\"10.0.0.2\","
		    "\"at\":\"a/x\",\"direction\":\"egress\",\"verdict\":\"deny\",\"reason\":\"policy-denied\","
		    "\"isolated_by\":[\"a/p\"],\"closest\":{\"rule\":\"a/p egress[0]\",\"fields\":["
		    "{\"field\":\"port\",\"text\":\"asked TCP 80, the rule has TCP 81\"},"
		    "{\"field\":\"pod-labels\",\"text\":\"b=c expected\"}]}}],"
		    "\"unasked\":[{\"at\":\"a/y\",\"node\":\"n2\"}]}",
		    "DENIED: a/x -> a/y, TCP 80\n"
		    "  egress  at a/x (10.0.0.1 -> 10.0.0.2): denied, isolated for egress by a/p, and no rule of theirs "
		    "allows it\n"
		    "          closest is 'a/p egress[0]', but for port (asked TCP 80, the rule has TCP 81) and "
		    "pod-labels (b=c expected)\n"
		    "  (not asked: what happens at a/y, which is on node 'n2': ask the agent there)\n"
		    "The other way round: ALLOWED AS FAR AS ASKED: a/y -> a/x, TCP 80\n");
}

/* What another version or a liar says in the place of a list. */
static void lists_that_are_none(void **state)
{
	(void)state;
	assert_says(explain_print,
		    "{\"pod\":\"a/x\",\"peer\":\"a/y\",\"proto\":\"UDP\",\"port\":53,\"verdict\":\"allow\","
		    "\"reverse_verdict\":\"allow\",\"peer_is_local\":true,\"checks\":7,\"unasked\":\"x\"}",
		    "ALLOWED: a/x -> a/y, UDP 53\n"
		    "The other way round: ALLOWED: a/y -> a/x, UDP 53\n");
}

/* Each node answers for its own end; what one denies is denied. */
static void two_nodes_make_one_answer(void **state)
{
	struct json_object *all = json_tokener_parse(
		"{\"verdict\":\"allow\",\"reverse_verdict\":null,\"drift\":false,\"pod_is_local\":true,"
		"\"peer_is_local\":false,\"checks\":[{\"at\":\"a/x\"}],\"unasked\":[{\"at\":\"a/y\"},"
		"{\"at\":\"a/z\"}]}");
	struct json_object *one = json_tokener_parse(
		"{\"verdict\":\"deny\",\"reverse_verdict\":\"allow\",\"drift\":true,\"pod_is_local\":false,"
		"\"peer_is_local\":true,\"checks\":[{\"at\":\"a/y\"}],\"unasked\":[{\"at\":\"a/x\"}]}");
	struct json_object *want = json_tokener_parse(
		"{\"verdict\":\"deny\",\"reverse_verdict\":\"allow\",\"drift\":true,\"pod_is_local\":true,"
		"\"peer_is_local\":true,\"checks\":[{\"at\":\"a/x\"},{\"at\":\"a/y\"}],\"unasked\":[{\"at\":\"a/z\"}]}");

	(void)state;
	explain_join(all, one);
	assert_true(json_object_equal(all, want));
	json_object_put(all);
	json_object_put(one);
	json_object_put(want);
}

static void a_denial_is_one_line(void **state)
{
	(void)state;
	assert_says(print_flow,
		    "{\"time\":\"2026-01-31T12:00:00.123Z\",\"direction\":\"ingress\",\"pod\":\"shop/db\","
		    "\"src\":\"fd00::1\",\"src_port\":4711,\"src_name\":\"shop/web\",\"dst\":\"fd00::2\","
		    "\"dst_port\":5432,\"dst_name\":\"shop/db\",\"proto\":\"TCP\",\"reason\":\"policy-denied\","
		    "\"rule\":null,\"policies\":[\"shop/deny\"],\"len\":74}",
		    "12:00:00.123Z DENIED  ingress shop/web ([fd00::1]:4711) -> shop/db ([fd00::2]:5432) TCP 74 bytes: "
		    "policy-denied: shop/db is isolated for ingress by shop/deny\n");
}

/* Those that are kept may be of last week. */
static void what_is_not_of_today_has_its_date(void **state)
{
	(void)state;
	assert_says(print_flow, "{\"time\":\"2026-01-30T23:59:59.999Z\",\"lost\":3}",
		    "2026-01-30T23:59:59.999Z LOST   3 reports: they came faster than the agent could read\n");
	assert_says(print_flow, "{\"time\":\"2026-01-31T00:00:00.000Z\",\"node\":\"n1\",\"lost\":3}",
		    "00:00:00.000Z n1 LOST   3 reports: they came faster than the agent could read\n");
}

static void a_denial_of_strangers_has_addresses_alone(void **state)
{
	(void)state;
	assert_says(print_flow,
		    "{\"time\":\"?\",\"direction\":\"egress\",\"pod\":\"interface 7\",\"src\":\"10.0.0.1\","
		    "\"src_name\":\"\",\"dst\":\"10.0.0.2\",\"dst_name\":\"\",\"proto\":\"ICMP\","
		    "\"reason\":\"no-endpoint\",\"policies\":[],\"len\":98}",
		    "? DENIED  egress  10.0.0.1 -> 10.0.0.2 ICMP 98 bytes: no-endpoint\n");
}

static void ports_are_read(void **state)
{
	static const struct {
		const char *text;
		unsigned int port;
		const char *proto;
	} good[] = {
		{ "443", 443, "TCP" },	  { "1", 1, "TCP" },	  { "65535", 65535, "TCP" }, { "53/UDP", 53, "UDP" },
		{ "53/udp", 53, "UDP" }, { "9/sctp", 9, "SCTP" }, { "80/tcp", 80, "TCP" },   { "icmp", 0, "ICMP" },
		{ "ICMP", 0, "ICMP" },
	};
	struct explain_port p;
	struct bh_err err;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(good); i++) {
		assert_int_equal(explain_port_parse(good[i].text, &p, &err), 0);
		assert_int_equal(p.port, good[i].port);
		assert_string_equal(p.proto, good[i].proto);
	}
}

static void bad_ports_are_named(void **state)
{
	static const char *const bad[] = { "", "0", "65536", "-1", "+5", " 5", "http", "80/", "80/xyz", "80x",
					   "99999999999999999999", "0x50", "icmp/80" };
	struct explain_port p;
	struct bh_err err;
	char quoted[64];
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(explain_port_parse(bad[i], &p, &err), -EINVAL);
		(void)snprintf(quoted, sizeof(quoted), "PORT '%s'", bad[i]);
		assert_non_null(strstr(err.msg, quoted));
	}
}

static void durations_have_one_unit(void **state)
{
	char text[24];

	(void)state;
	assert_string_equal(ctl_duration(0, text), "0 ms");
	assert_string_equal(ctl_duration(1999, text), "1999 ms");
	assert_string_equal(ctl_duration(2000, text), "2 s");
	assert_string_equal(ctl_duration(119999, text), "119 s");
	assert_string_equal(ctl_duration(120000, text), "2 min");
	assert_string_equal(ctl_duration(7200000, text), "2 h");
	assert_string_equal(ctl_duration(172800000, text), "2 d");
}

static void ends_show_which_colon_is_the_ports(void **state)
{
	char text[CTL_END_MAX];

	(void)state;
	assert_string_equal(ctl_end("10.0.0.1", 80, text), "10.0.0.1:80");
	assert_string_equal(ctl_end("fd00::1", 80, text), "[fd00::1]:80");
	assert_string_equal(ctl_end("fd00::1", 0, text), "fd00::1");
}

static void long_lists_are_cut(void **state)
{
	struct json_object *list = json_tokener_parse("[\"alpha\",\"beta\",\"gamma\"]");
	char text[12], wide[64];

	(void)state;
	assert_string_equal(ctl_join(list, wide, sizeof(wide)), "alpha, beta, gamma");
	assert_string_equal(ctl_join(list, text, sizeof(text)), "alpha, b...");
	assert_string_equal(ctl_join(NULL, text, sizeof(text)), "");
	json_object_put(list);
}

/* clang-format on */
int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(explain_says_the_verdict_first_then_why),
		cmocka_unit_test(what_audited_policies_allow),
		cmocka_unit_test(who_is_in_the_way_behind_a_service),
		cmocka_unit_test(two_families_that_agree_are_told_once),
		cmocka_unit_test(explain_says_when_it_does_not_know),
		cmocka_unit_test(the_closest_rule_and_who_was_not_asked),
		cmocka_unit_test(lists_that_are_none),
		cmocka_unit_test(two_nodes_make_one_answer),
		cmocka_unit_test(a_denial_is_one_line),
		cmocka_unit_test(what_is_not_of_today_has_its_date),
		cmocka_unit_test(a_denial_of_strangers_has_addresses_alone),
		cmocka_unit_test(ports_are_read),
		cmocka_unit_test(bad_ports_are_named),
		cmocka_unit_test(durations_have_one_unit),
		cmocka_unit_test(ends_show_which_colon_is_the_ports),
		cmocka_unit_test(long_lists_are_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
