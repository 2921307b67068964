/* SPDX-License-Identifier: Apache-2.0 */
/* Items of answers, as agents write them, to workloads and edges; merged, bounded and told when cut. */
#include "ctl/graph.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/ctl.h"
#include "util/scope.h"

#define NOW 1764338400000ll /* 2025-11-28T14:00:00Z */

struct fixture {
	struct graph *g;
	struct json_object *o;
};

typedef void (*take_fn)(struct graph *g, struct json_object *item, int64_t now_ms);

static void take(struct fixture *f, take_fn fn, int64_t now_ms, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* ' stands for ". */
static void take(struct fixture *f, take_fn fn, int64_t now_ms, const char *fmt, ...)
{
	struct json_object *item;
	char text[2048], *at;
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	for (at = text; (at = strchr(at, '\'')); at++)
		*at = '"';
	item = json_tokener_parse(text);
	assert_non_null(item);
	fn(f->g, item, now_ms);
	json_object_put(item);
}

/* Of shop/web-… on n1 to shop/db-0 on n2, port 5432, as one of the two sees it. */
static void session(struct fixture *f, bool at_web, unsigned int port, unsigned int bytes, int64_t now_ms)
{
	static const char web[] = "shop/web-6f7c9d8b54-x2v4z", db[] = "shop/db-0";

	take(f, graph_session, now_ms,
	     "{'node':'%s','pod':'%s','local':'10.0.0.%d','local_port':%u,'remote':'10.0.0.%d','remote_port':%u,"
	     "'remote_name':'%s','proto':'TCP','opener':'%s','state':'established','packets_in':1,'bytes_in':%u,"
	     "'packets_out':1,'bytes_out':0,'rule':'%s'}",
	     at_web ? "n1" : "n2", at_web ? web : db, at_web ? 1 : 2, at_web ? port : 5432, at_web ? 2 : 1,
	     at_web ? 5432 : port, at_web ? db : web, at_web ? "egress" : "ingress", bytes,
	     at_web ? "shop/web egress[0]" : "shop/db ingress[0]");
}

static void denial(struct fixture *f, const char *time, const char *verdict, unsigned int port)
{
	take(f, graph_report, NOW,
	     "{'node':'n2','time':'%s','direction':'ingress','pod':'shop/db-0','src':'203.0.113.7','dst':'10.0.0.2',"
	     "'src_port':%u,'dst_port':5432,'src_name':'','dst_name':'shop/db-0','proto':'TCP','verdict':'%s',"
	     "'reason':'policy-denied','rule':null,'policies':['shop/db','shop/all'],'len':74}",
	     time, port, verdict);
}

static struct json_object *picture(struct fixture *f, int64_t window_ms, int64_t now_ms)
{
	auto_buf struct buf b = BUF_INIT(8u << 20);

	graph_settle(f->g, now_ms);
	assert_int_equal(buf_str(&b, "{"), 0);
	assert_int_equal(graph_write(f->g, window_ms, now_ms, &b), 0);
	assert_int_equal(buf_str(&b, "}"), 0);
	json_object_put(f->o);
	f->o = json_tokener_parse(b.data);
	assert_non_null(f->o);
	return f->o;
}

static struct json_object *at(struct json_object *o, const char *list, size_t i, size_t k)
{
	return json_object_array_get_idx(json_object_array_get_idx(ctl_get(o, list), i), k);
}

static int64_t number(struct json_object *o, size_t edge, size_t field)
{
	return json_object_get_int64(at(o, "edges", edge, field));
}

static const char *text(struct json_object *o, size_t edge, size_t field)
{
	return json_object_get_string(json_object_array_get_idx(ctl_get(o, "texts"), number(o, edge, field)));
}

static const char *end_id(struct json_object *o, size_t edge, size_t field)
{
	return json_object_get_string(at(o, "workloads", (size_t)number(o, edge, field), 0));
}

static size_t count(struct json_object *o, const char *list)
{
	return json_object_array_length(ctl_get(o, list));
}

enum {
	FROM,
	TO,
	PROTO,
	PORT,
	SESSIONS,
	PACKETS,
	BYTES,
	DENIED,
	AUDITED,
	LOGGED,
	SEEN,
	REASON,
	OUT,
	IN,
	POLICIES,
	TRIED
};

/* ---- tests -------------------------------------------------------------------------------- */

static void test_both_ends_are_one(void **state)
{
	struct fixture *f = *state;
	struct json_object *o;

	session(f, true, 40001, 100, NOW);
	session(f, false, 40001, 90, NOW);
	session(f, true, 40002, 1, NOW);
	session(f, false, 40002, 7, NOW);
	o = picture(f, 60000, NOW);
	assert_int_equal(count(o, "edges"), 1);
	assert_int_equal(count(o, "workloads"), 2);
	assert_string_equal(end_id(o, 0, FROM), "shop/web");
	assert_string_equal(end_id(o, 0, TO), "shop/db");
	assert_string_equal(text(o, 0, PROTO), "TCP");
	assert_int_equal(number(o, 0, PORT), 5432);
	assert_int_equal(number(o, 0, SESSIONS), 2);
	assert_int_equal(number(o, 0, BYTES), 107);
	assert_int_equal(number(o, 0, SEEN), NOW);
}

static void test_each_end_has_its_rule(void **state)
{
	struct fixture *f = *state;
	struct json_object *o;

	session(f, true, 40001, 1, NOW);
	session(f, false, 40001, 1, NOW);
	o = picture(f, 60000, NOW);
	assert_string_equal(text(o, 0, OUT), "shop/web egress[0]");
	assert_string_equal(text(o, 0, IN), "shop/db ingress[0]");
}

/* A page that comes while a round is on its way sees the one before. */
static void test_half_a_round(void **state)
{
	auto_buf struct buf b = BUF_INIT(1 << 20);
	struct fixture *f = *state;

	session(f, true, 40001, 1, NOW);
	graph_settle(f->g, NOW);
	session(f, true, 40001, 1, NOW);
	session(f, true, 40002, 1, NOW);
	assert_int_equal(buf_str(&b, "{"), 0);
	assert_int_equal(graph_write(f->g, 60000, NOW, &b), 0);
	assert_int_equal(buf_str(&b, "}"), 0);
	f->o = json_tokener_parse(b.data);
	assert_int_equal(number(f->o, 0, SESSIONS), 1);
	assert_int_equal(number(picture(f, 60000, NOW), 0, SESSIONS), 2);
}

/* At the source alone, and no answer: it may have been denied at the other end. */
static void test_tried(void **state)
{
	static const char item[] =
		"{'pod':'%s','local':'%s','local_port':%d,'remote':'%s','remote_port':%d,'remote_name':'%s',"
		"'proto':'UDP','opener':'%s','state':'new'}";
	struct fixture *f = *state;
	struct json_object *o;

	take(f, graph_session, NOW, item, "s/a", "10.0.0.1", 1, "10.0.0.2", 53, "s/b", "egress");
	o = picture(f, 60000, NOW);
	assert_int_equal(number(o, 0, SESSIONS), 0);
	assert_int_equal(number(o, 0, TRIED), 1);
	take(f, graph_session, NOW, item, "s/b", "10.0.0.2", 53, "10.0.0.1", 1, "s/a", "ingress");
	o = picture(f, 60000, NOW);
	assert_int_equal(number(o, 0, SESSIONS), 1);
	assert_int_equal(number(o, 0, TRIED), 0);
}

/* The later round is right, even where it tells of fewer bytes: the tuple was used again. */
static void test_later_round_wins(void **state)
{
	struct fixture *f = *state;
	struct json_object *o;

	session(f, true, 40001, 500, NOW - 5000);
	(void)picture(f, 60000, NOW - 5000);
	session(f, true, 40001, 20, NOW);
	o = picture(f, 60000, NOW);
	assert_int_equal(number(o, 0, SESSIONS), 1);
	assert_int_equal(number(o, 0, BYTES), 20);
}

static void test_reports_are_counted_once(void **state)
{
	struct fixture *f = *state;
	struct json_object *o;
	int round;

	for (round = 0; round < 2; round++) { /* agents tell of the last 1,024 again and again */
		denial(f, "2025-11-28T13:59:30.500Z", "denied", 1);
		denial(f, "2025-11-28T13:59:31.500Z", "denied", 1);
		denial(f, "2025-11-28T13:59:30.500Z", "denied", 2);
		denial(f, "2025-11-28T13:59:40.000Z", "audited", 3);
		(void)picture(f, 60000, NOW);
	}
	o = picture(f, 60000, NOW);
	assert_int_equal(count(o, "edges"), 1);
	assert_string_equal(end_id(o, 0, FROM), "World");
	assert_int_equal(number(o, 0, DENIED), 3);
	assert_int_equal(number(o, 0, AUDITED), 1);
	assert_int_equal(number(o, 0, SESSIONS), 0);
	assert_string_equal(text(o, 0, REASON), "policy-denied");
	assert_string_equal(text(o, 0, POLICIES), "shop/db, shop/all");
	assert_int_equal(number(o, 0, SEEN), NOW - 20000);
}

static void test_window(void **state)
{
	struct fixture *f = *state;

	denial(f, "2025-11-28T13:59:30.500Z", "denied", 1);
	denial(f, "2025-11-28T13:50:00.000Z", "denied", 1);
	denial(f, "2025-11-28T12:00:00.000Z", "denied", 1); /* too old to be kept at all */
	assert_int_equal(number(picture(f, 60000, NOW), 0, DENIED), 1);
	assert_int_equal(number(picture(f, 3600000, NOW), 0, DENIED), 2);
	assert_int_equal(count(picture(f, 3600000, NOW + 2 * GRAPH_KEPT_MS), "edges"), 0);
}

static void test_pods_and_labels(void **state)
{
	struct fixture *f = *state;
	struct json_object *o;
	int i;

	for (i = 0; i < 3; i++)
		take(f, graph_endpoint, NOW,
		     "{'namespace':'shop','name':'web-6f7c9d8b54-x2v4%c','labels':{'app':'web','tier':'<b>'}}",
		     "zvw"[i]);
	o = picture(f, 60000, NOW);
	assert_int_equal(count(o, "workloads"), 1);
	assert_string_equal(json_object_get_string(at(o, "workloads", 0, 1)), "shop");
	assert_string_equal(json_object_get_string(at(o, "workloads", 0, 3)), "Deployment");
	assert_int_equal(json_object_get_int(at(o, "workloads", 0, 4)), 3);
	assert_string_equal(ctl_str(at(o, "workloads", 0, 5), "tier"), "<b>");
}

/* Names come from others: what they hold neither breaks the JSON nor forges a line. */
static void test_odd_names(void **state)
{
	struct fixture *f = *state;
	struct json_object *o;

	take(f, graph_session, NOW,
	     "{'pod':'a/b\\\"]\\n<script>','local':'10.0.0.1','remote':'x','proto':'T\\u0007P','opener':'egress',"
	     "'local_port':1,'remote_port':70000,'rule':'\\\\'}");
	take(f, graph_session, NOW, "{}"); /* of nobody, without a protocol: left out */
	o = picture(f, 60000, NOW);
	assert_int_equal(count(o, "edges"), 1);
	assert_string_equal(end_id(o, 0, FROM), "a/b\"]?<script>");
	assert_string_equal(text(o, 0, PROTO), "T?P");
	assert_int_equal(ctl_int(ctl_get(o, "left_out"), "flows"), 1);
}

static void test_flows_of_an_edge(void **state)
{
	const struct graph_edge edge = { .from = "World", .to = "shop/db", .proto = "TCP", .port = 5432 };
	auto_buf struct buf b = BUF_INIT(1 << 20);
	struct fixture *f = *state;
	struct json_object *first;

	session(f, true, 40001, 1, NOW);
	denial(f, "2025-11-28T13:59:30.500Z", "denied", 1);
	denial(f, "2025-11-28T13:59:31.500Z", "denied", 2);
	graph_settle(f->g, NOW);
	assert_int_equal(graph_write_flows(f->g, &edge, 60000, NOW, &b), 0);
	f->o = json_tokener_parse(b.data);
	assert_int_equal(json_object_array_length(f->o), 2);
	first = json_object_array_get_idx(f->o, 0);
	assert_string_equal(ctl_str(first, "src"), "203.0.113.7");
	assert_string_equal(ctl_str(first, "dst_name"), "shop/db-0");
	assert_string_equal(ctl_str(first, "at"), "ingress");
	assert_int_equal(ctl_int(first, "src_port"), 2);
}

/* Too many workloads and edges: the busiest stay, denials first, and it is said how many do not. */
static void test_bounds(void **state)
{
	struct fixture *f = *state;
	struct json_object *o, *out;
	int i;

	for (i = 0; i < GRAPH_EDGES + 100; i++)
		take(f, graph_session, NOW,
		     "{'pod':'s/p%x','local':'10.1.%d.%d','local_port':1,'remote':'1.1.1.1','remote_port':%d,"
		     "'remote_name':'','proto':'TCP','opener':'egress'}",
		     i % 6000 + 0xa0000, i / 250, i % 250, i % 50000 + 1);
	denial(f, "2025-11-28T13:59:30.500Z", "denied", 1);
	o = picture(f, 60000, NOW);
	out = ctl_get(o, "left_out");
	assert_int_equal(count(o, "edges"), GRAPH_EDGES);
	assert_int_equal(ctl_int(out, "edges"), 101);
	assert_int_equal(number(o, 0, DENIED), 1);
	assert_int_equal(count(o, "workloads"), GRAPH_WORKLOADS + 1);
	assert_int_equal(ctl_int(out, "workloads"), 6002 - GRAPH_WORKLOADS);
	assert_string_equal(json_object_get_string(at(o, "workloads", GRAPH_WORKLOADS, 0)), "Others");
}

static void test_flows_are_bounded(void **state)
{
	struct fixture *f = *state;
	int i;

	for (i = 0; i < GRAPH_FLOWS + 10; i++)
		take(f, graph_session, NOW + i / 1000,
		     "{'pod':'s/p','local':'10.0.0.1','local_port':%d,'remote':'1.1.1.%d','remote_port':80,"
		     "'remote_name':'','proto':'TCP','opener':'egress'}",
		     i % 60000, i / 60000);
	assert_int_equal(ctl_int(ctl_get(picture(f, 60000, NOW), "left_out"), "flows"), 10);
	assert_int_equal(number(f->o, 0, SESSIONS), GRAPH_FLOWS);
}

/* From one pod of shop/agent-bcdfgh, a DaemonSet, to another of a node that told no labels. */
static void between_agents(struct fixture *f)
{
	take(f, graph_session, NOW,
	     "{'pod':'shop/agent-bcdfgh-x2v4z','local':'10.0.0.1','local_port':40000,'remote':'10.0.0.2',"
	     "'remote_port':80,'remote_name':'shop/agent-bcdfgh-9vq4d','proto':'TCP','opener':'egress'}");
}

static const char *end_kind(struct json_object *o, size_t edge, size_t field)
{
	return json_object_get_string(at(o, "workloads", (size_t)number(o, edge, field), 3));
}

/* Without labels the name says: Deployment shop/agent. */
static void test_labels_tell_owners(void **state)
{
	struct fixture *f = *state, copy = { .g = graph_new(f->g) };
	struct json_object *o;
	size_t i;

	between_agents(f);
	o = picture(f, 60000, NOW);
	assert_string_equal(end_id(o, 0, FROM), "shop/agent");
	for (i = 0; i < 2; i++)
		take(f, graph_endpoint, NOW,
		     "{'namespace':'shop','name':'agent-bcdfgh-%s','labels':{'controller-revision-hash':'7d9c'}}",
		     i ? "9vq4d" : "x2v4z");
	o = picture(f, 60000, NOW);
	assert_int_equal(count(o, "workloads"), 1);
	assert_string_equal(end_id(o, 0, FROM), "shop/agent-bcdfgh");
	assert_string_equal(end_id(o, 0, TO), "shop/agent-bcdfgh");
	assert_string_equal(end_kind(o, 0, TO), "DaemonSet");
	between_agents(&copy);
	assert_string_equal(end_id(picture(&copy, 60000, NOW), 0, TO), "shop/agent-bcdfgh");
	json_object_put(copy.o);
	graph_free(copy.g);
}

/* What is known of one pod tells the kind of its like; a Service of that name is still one. */
static void test_like_is_one(void **state)
{
	struct fixture *f = *state;
	struct json_object *o;

	take(f, graph_endpoint, NOW,
	     "{'namespace':'shop','name':'log-x2v4z','labels':{'controller-revision-hash':'7d9c'}}");
	take(f, graph_endpoint, NOW, "{'namespace':'shop','name':'log-9vq4d','labels':{}}");
	take(f, graph_session, NOW,
	     "{'pod':'shop/log-x2v4z','local':'10.0.0.1','local_port':40000,'remote':'10.0.0.2',"
	     "'remote_port':80,'remote_name':'shop/log-2k4lm','proto':'TCP','opener':'egress'}");
	o = picture(f, 60000, NOW);
	assert_int_equal(count(o, "workloads"), 1);
	assert_string_equal(end_kind(o, 0, TO), "DaemonSet");
	take(f, graph_session, NOW,
	     "{'pod':'shop/log-x2v4z','local':'10.0.0.1','local_port':40001,'remote':'10.96.0.2',"
	     "'remote_port':80,'remote_name':'service \\u0027shop/log\\u0027','proto':'TCP','opener':'egress'}");
	o = picture(f, 60000, NOW);
	assert_int_equal(count(o, "workloads"), 2);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->g = graph_new(NULL);
	*state = f;
	return f->g ? 0 : -1;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	json_object_put(f->o);
	graph_free(f->g);
	free(f);
	return 0;
}

#define ROW(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ROW(test_both_ends_are_one),
		ROW(test_each_end_has_its_rule),
		ROW(test_half_a_round),
		ROW(test_tried),
		ROW(test_later_round_wins),
		ROW(test_reports_are_counted_once),
		ROW(test_window),
		ROW(test_pods_and_labels),
		ROW(test_labels_tell_owners),
		ROW(test_like_is_one),
		ROW(test_odd_names),
		ROW(test_flows_of_an_edge),
		ROW(test_bounds),
		ROW(test_flows_are_bounded),
	};

	return cmocka_run_group_tests_name("ctl/graph", tests, NULL, NULL);
}
