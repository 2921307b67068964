/* SPDX-License-Identifier: Apache-2.0 */
/* Which flows `bulkheadctl flows` shows. */
#include "ctl/filter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "ctl/ctl.h"
#include "util/scope.h"

static const char flow[] =
	"{\"time\":\"2026-01-31T12:00:00.500Z\",\"direction\":\"ingress\",\"pod\":\"shop/db\",\"src\":\"10.0.0.7\","
	"\"src_port\":40000,\"src_name\":\"lab/job\",\"dst\":\"fd00::2\",\"dst_port\":5432,\"dst_name\":\"shop/db\","
	"\"proto\":\"TCP\",\"verdict\":\"denied\",\"rule\":null,\"policies\":[\"shop/lock\",\"segpol shop/lock-down\"]}";

static bool takes(struct ctl c, const char *item)
{
	struct json_object *o = json_tokener_parse(item);
	struct bh_err err = { "" };
	struct filter f;
	bool taken;

	if (filter_read(&c, &f, &err) < 0)
		fail_msg("%s", err.msg);
	taken = filter_takes(&f, o);
	json_object_put(o);
	return taken;
}

#define TAKES(...) takes((struct ctl){ __VA_ARGS__ }, flow)

static void by_ends(void **state)
{
	(void)state;
	assert_true(TAKES());
	assert_true(TAKES(.pod = "shop/db") && TAKES(.pod = "lab/job") && TAKES(.pod = "job"));
	assert_false(TAKES(.pod = "shop/job") || TAKES(.pod = "b"));
	assert_true(TAKES(.pod = "10.0.0.7") && TAKES(.pod = "10.0.0.0/8") && TAKES(.pod = "fd00::2"));
	assert_true(TAKES(.pod = "10.0.0.7", .peer = "shop/db"));
	assert_false(TAKES(.pod = "10.0.0.8") || TAKES(.pod = "10.0.0.7", .peer = "lab/job"));
	assert_true(TAKES(.namespace = "shop") && TAKES(.namespace = "lab"));
	assert_false(TAKES(.namespace = "sho") || TAKES(.namespace = "shop/db"));
	assert_true(TAKES(.peer = "lab/job") && TAKES(.peer = "10.0.0.7") && TAKES(.peer = "10.0.0.0/8"));
	assert_true(TAKES(.peer = "fd00::/16") && TAKES(.peer = "fd00::2"));
	assert_false(TAKES(.peer = "10.0.0.8") || TAKES(.peer = "::/1") || TAKES(.peer = "web"));
	assert_true(TAKES(.pod = "shop/db", .peer = "10.0.0.0/8"));
	assert_true(TAKES(.pod = "lab/job", .peer = "db"));
	assert_false(TAKES(.pod = "shop/db", .peer = "fd00::2") || TAKES(.pod = "shop/db", .peer = "db"));
}

static void by_port_verdict_and_policy(void **state)
{
	(void)state;
	assert_true(TAKES(.port = "5432") && TAKES(.port = "5432/tcp") && TAKES(.port = "tcp"));
	assert_false(TAKES(.port = "5432/udp") || TAKES(.port = "40000") || TAKES(.port = "icmp"));
	assert_true(TAKES(.verdict = "denied"));
	assert_false(TAKES(.verdict = "allowed"));
	assert_true(TAKES(.policy = "shop/lock") && TAKES(.policy = "lock-down") &&
		    TAKES(.policy = "shop/lock-down"));
	assert_false(TAKES(.policy = "lab/lock") || TAKES(.policy = "shop") || TAKES(.policy = "segpo"));
	assert_true(takes((struct ctl){ .policy = "incident" },
			  "{\"rule\":\"csegpol incident ingress[0] (why)\"}"));
	assert_false(takes((struct ctl){ .policy = "incident" }, "{\"policies\":[null]}"));
}

static void by_time(void **state)
{
	(void)state;
	assert_true(TAKES(.since = "2026-01-31T12:00:00Z") && TAKES(.since = "2026-01-31T12:00:00.500Z"));
	assert_false(TAKES(.since = "2026-01-31T12:00:00.501Z") || TAKES(.since = "2026-01-31T12:00:01Z"));
}

/* What is no pod has no name of one. */
static void by_what_flows_call_it(void **state)
{
	static const char item[] = "{\"src_name\":\"node 'n1'\",\"dst_name\":\"service 'shop/db'\"}";

	(void)state;
	assert_true(takes((struct ctl){ .peer = "node 'n1'" }, item));
	assert_true(takes((struct ctl){ .pod = "node 'n1'", .peer = "service 'shop/db'" }, item));
	assert_true(takes((struct ctl){ .pod = "interface 7" }, "{\"src_name\":\"interface 7\"}"));
	assert_true(takes((struct ctl){ .peer = "node" }, "{\"src_name\":\"node\"}"));
}

static void ago(void **state)
{
	struct bh_err err;
	char text[32];

	(void)state;
	assert_int_equal(filter_since("90s", 1000000000, text, &err), 0);
	assert_string_equal(text, "2001-09-09T01:45:10");
	assert_int_equal(filter_since("2d", 1000000000, text, &err), 0);
	assert_string_equal(text, "2001-09-07T01:46:40");
}

/* It may have been any of them. */
static void what_was_lost_is_always_told(void **state)
{
	static const char lost[] = "{\"time\":\"2026-01-31T12:00:00.500Z\",\"lost\":7}";

	(void)state;
	assert_true(takes((struct ctl){ .pod = "x", .verdict = "denied" }, lost));
	assert_false(takes((struct ctl){ .since = "2027-01-31T12:00:00Z" }, lost));
}

static void assert_refused(struct ctl c, const char *why)
{
	struct bh_err err = { "" };
	struct filter f;

	assert_int_equal(filter_read(&c, &f, &err), -EINVAL);
	assert_non_null(strstr(err.msg, why));
}

static void what_makes_no_sense_is_refused(void **state)
{
	static const char *const ports[] = { "", "0", "65536", "443/", "443/x", "x", "1-2", "999999" };
	static const char *const times[] = { "",	 "5",	"m",	      "5w",
					     "9999999d", "-5m", "2026-01-31", "2026-01-31T12:00:00",
					     "tomorrow" };
	static const char *const ends[] = { "",		  "no such!!",	 "shop/",   "/db",     "a/b/c",
					    "10.0.0.999", "10.0.0.0/33", "fd00::x", "Shop/db", "10.0.0.7/" };
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(ends); i++) {
		assert_refused((struct ctl){ .pod = ends[i] }, "--pod '");
		assert_refused((struct ctl){ .peer = ends[i] }, "--peer '");
	}
	for (i = 0; i < ARRAY_SIZE(ports); i++)
		assert_refused((struct ctl){ .port = ports[i] }, "--port");
	for (i = 0; i < ARRAY_SIZE(times); i++)
		assert_refused((struct ctl){ .since = times[i] }, "--since");
	assert_refused((struct ctl){ .verdict = "deny" },
		       "--verdict 'deny': not one of denied, audited, allowed");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(by_ends),
		cmocka_unit_test(by_port_verdict_and_policy),
		cmocka_unit_test(by_what_flows_call_it),
		cmocka_unit_test(by_time),
		cmocka_unit_test(ago),
		cmocka_unit_test(what_was_lost_is_always_told),
		cmocka_unit_test(what_makes_no_sense_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
