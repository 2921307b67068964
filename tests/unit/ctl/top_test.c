/* SPDX-License-Identifier: Apache-2.0 */
/* What moved between two answers of the agents. */
#include "ctl/top.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>

#include "util/scope.h"

static struct json_object *sample(const struct top_kind *k, const char *items)
{
	struct json_object *list = json_tokener_parse(items), *ret = json_object_new_object();
	size_t i;

	assert_non_null(list);
	for (i = 0; i < json_object_array_length(list); i++)
		top_take(k, ret, json_object_array_get_idx(list, i));
	json_object_put(list);
	return ret;
}

static void assert_moved(const char *kind, const char *from, const char *to, double seconds, const char *want)
{
	const struct top_kind *k = top_kind(kind);
	struct json_object *was = sample(k, from), *is = sample(k, to), *wanted = json_tokener_parse(want);
	struct json_object *list = top_between(k, was, is, seconds);

	if (!json_object_equal(list, wanted))
		fail_msg("%s", json_object_to_json_string(list));
	json_object_put(was);
	json_object_put(is);
	json_object_put(wanted);
	json_object_put(list);
}

#define POD(node, name, in, denied, opened)                                                                  \
	"{\"node\":\"" node "\",\"namespace\":\"a\",\"name\":\"" name                                        \
	"\",\"reasons\":[{\"action\":\"allow\","                                                             \
	"\"packets_in\":" in                                                                                 \
	",\"packets_out\":0},{\"action\":\"deny\",\"packets_in\":0,\"packets_out\":" denied                  \
	"}],\"session_bytes_in\":10,\"session_bytes_out\":0,\"sessions\":{\"opened\":" opened                \
	",\"ipv4\":{\"used\":2},\"ipv6\":{\"used\":1}}}"

/* The busiest first; who did nothing is not there, who began anew did what it has. */
static void pods(void **state)
{
	(void)state;
	assert_moved(
		"pods",
		"[" POD("n1", "x", "100", "0", "1") "," POD("n1", "idle", "5", "0",
							    "0") "," POD("n2", "x", "500", "0", "9") "]",
		"[" POD("n1", "x", "120", "4", "3") "," POD("n1", "idle", "5", "0",
							    "0") "," POD("n2", "x", "50", "0", "1") "]",
		2,
		"[{\"node\":\"n2\",\"name\":\"a/x\",\"packets_s\":25.0,\"packets_in_s\":25.0,\"packets_out_s\":0.0,"
		"\"bytes_s\":0.0,\"denied_s\":0.0,\"new_sessions_s\":0.5,\"sessions\":3},"
		"{\"node\":\"n1\",\"name\":\"a/x\",\"packets_s\":12.0,\"packets_in_s\":10.0,\"packets_out_s\":2.0,"
		"\"bytes_s\":0.0,\"denied_s\":2.0,\"new_sessions_s\":1.0,\"sessions\":3}]");
}

static void rules(void **state)
{
	(void)state;
	assert_moved(
		"rules",
		"[{\"rule\":\"a/p ingress[0]\",\"hits\":1,\"packets\":10,\"bytes\":100,\"sessions\":1}]",
		"[{\"rule\":\"a/p ingress[0]\",\"hits\":1,\"packets\":14,\"bytes\":180,\"sessions\":2},"
		"{\"rule\":\"a/new egress[0]\",\"hits\":2,\"packets\":2,\"bytes\":60,\"sessions\":1}]",
		2,
		"[{\"name\":\"a/p ingress[0]\",\"packets_s\":2.0,\"bytes_s\":40.0,\"hits_s\":0.0,\"sessions\":2},"
		"{\"name\":\"a/new egress[0]\",\"packets_s\":1.0,\"bytes_s\":30.0,\"hits_s\":1.0,\"sessions\":1}]");
}

/* Denials alone, by who, whose hook, and what for. */
static void peers(void **state)
{
	static const char denial[] =
		"{\"verdict\":\"denied\",\"direction\":\"ingress\",\"pod\":\"a/db\",\"src\":\"10.0.0.9\","
		"\"src_name\":\"\",\"dst\":\"10.0.0.1\",\"dst_name\":\"a/db\",\"proto\":\"TCP\",\"src_port\":"
		"4711,\"dst_port\":80}";
	char two[2048];

	(void)state;
	(void)snprintf(
		two, sizeof(two),
		"[%s,%s,{\"verdict\":\"allowed\",\"direction\":\"ingress\"},{\"verdict\":\"denied\",\"direction\":"
		"\"egress\",\"pod\":\"a/db\",\"src\":\"10.0.0.1\",\"src_name\":\"a/db\",\"dst\":\"10.0.0.3\","
		"\"dst_name\":\"a/x\",\"proto\":\"ICMP\"}]",
		denial, denial);
	assert_moved("peers", "[]", two, 2,
		     "[{\"name\":\"10.0.0.9 -> a/db, TCP 80\",\"reports_s\":1.0},"
		     "{\"name\":\"a/x <- a/db, ICMP\",\"reports_s\":0.5}]");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pods),
		cmocka_unit_test(rules),
		cmocka_unit_test(peers),
	};

	return cmocka_run_group_tests_name("top", tests, NULL, NULL);
}
