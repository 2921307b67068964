/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events on their way to a server of the test's: the object that is sent, what is sent once, how fast, and
 * what a server that is away or says no does to it. Time is the test's own.
 */
#include "wire.h"

#include <json-c/json.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "kube/events.h"
#include "util/scope.h"

#define PATH "/apis/events.k8s.io/v1/namespaces/"

static struct events *events;
static unsigned int troubles;
static time_t ahead_s; /* of the kernel's clocks */

int clock_gettime(clockid_t id, struct timespec *ts)
{
	const int r = (int)syscall(SYS_clock_gettime, id, ts);

	ts->tv_sec += ahead_s;
	return r;
}

static void on_trouble(void *ctx, const char *what)
{
	(void)ctx;
	troubles += strstr(what, "HTTP 403: ") ? 1 : 100;
}

static int setup(void **state)
{
	(void)state;
	troubles = 0;
	ahead_s = 0;
	events = events_new(NULL, "agent-x", on_trouble, NULL);
	return events ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	events_free(events);
	return calls ? -1 : 0;
}

static void tell(const char *pod, const char *note)
{
	const struct kube_event event = { .warning = true,
					  .reason = "HookRestored",
					  .note = note,
					  .kind = "Pod",
					  .ns = "shop",
					  .name = pod,
					  .uid = "u-1" };

	events_add(events, &event);
}

static struct events_stats stats(void)
{
	struct events_stats ret;

	events_stats(events, &ret);
	return ret;
}

/* What a loop would do, now. Return: whether something is asked. */
static bool work(void)
{
	if (!events_timeout_ms(events))
		events_work(events);
	return calls;
}

/* Answers as long as something is asked. Return: how many that were. */
static unsigned int serve(int status)
{
	unsigned int n = 0;

	for (; work(); n++)
		answer_ends(PATH, status);
	return n;
}

static const char *text_at(struct json_object *o, const char *at)
{
	struct json_object *v;

	return json_pointer_get(o, at, &v) ? "(none)" : json_object_get_string(v);
}

static struct json_object *sent(const char *method, const char *path)
{
	struct json_object *o;

	assert_true(work());
	assert_string_equal(calls->method, method);
	assert_memory_equal(calls->path, path, strlen(path));
	o = json_tokener_parse(calls->body);
	assert_non_null(o);
	return o;
}

/* ---- the object ----------------------------------------------------------------------------- */

static void the_object(void **state)
{
	struct json_object *o;
	unsigned int us;
	char end;

	(void)state;
	tell("web", "programs were gone");
	o = sent("POST", PATH "shop/events");
	assert_string_equal(text_at(o, "/apiVersion"), "events.k8s.io/v1");
	assert_string_equal(text_at(o, "/kind"), "Event");
	assert_string_equal(text_at(o, "/metadata/namespace"), "shop");
	assert_memory_equal(text_at(o, "/metadata/name"), "web.", 4);
	assert_int_equal(strlen(text_at(o, "/metadata/name")), 4 + 16);
	assert_string_equal(text_at(o, "/reportingController"), "bulkhead.dev/agent");
	assert_string_equal(text_at(o, "/reportingInstance"), "agent-x");
	assert_string_equal(text_at(o, "/reason"), "HookRestored");
	assert_string_equal(text_at(o, "/action"), "HookRestored");
	assert_string_equal(text_at(o, "/type"), "Warning");
	assert_string_equal(text_at(o, "/note"), "programs were gone");
	assert_string_equal(text_at(o, "/regarding/apiVersion"), "v1");
	assert_string_equal(text_at(o, "/regarding/kind"), "Pod");
	assert_string_equal(text_at(o, "/regarding/namespace"), "shop");
	assert_string_equal(text_at(o, "/regarding/name"), "web");
	assert_string_equal(text_at(o, "/regarding/uid"), "u-1");
	assert_int_equal(sscanf(text_at(o, "/eventTime"), "%*4u-%*2u-%*2uT%*2u:%*2u:%*2u.%6u%c", &us, &end),
			 2);
	assert_int_equal(strlen(text_at(o, "/eventTime")), strlen("2026-01-31T12:00:00.123456Z"));
	assert_int_equal(end, 'Z');
	json_object_put(o);
	answer_ends(PATH, 201);
	assert_int_equal(stats().posted, 1);
}

static void a_node_is_in_no_namespace(void **state)
{
	const struct kube_event event = {
		.reason = "Started", .note = "ready", .kind = "Node", .ns = "", .name = "n1", .uid = "n1"
	};
	struct json_object *o;

	(void)state;
	events_add(events, &event);
	o = sent("POST", PATH "default/events");
	assert_string_equal(text_at(o, "/metadata/namespace"), "default");
	assert_string_equal(text_at(o, "/regarding/namespace"), "(none)");
	assert_string_equal(text_at(o, "/type"), "Normal");
	json_object_put(o);
	answer_ends(PATH, 201);
}

/* What the server would refuse for its length: notes, and names that are cut where they may end. */
static void lengths(void **state)
{
	char note[1100], name[254];
	struct json_object *o;

	(void)state;
	memset(note, 'x', sizeof(note) - 1);
	note[sizeof(note) - 1] = '\0';
	memcpy(note + 1023, "\xc3\xa9", 2);
	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	name[199] = '.';
	name[198] = '-';
	tell(name, note);
	o = sent("POST", PATH "shop/events");
	assert_int_equal(strlen(text_at(o, "/note")), 1023);
	assert_string_equal(text_at(o, "/regarding/name"), name);
	assert_int_equal(strlen(text_at(o, "/metadata/name")), 198 + 1 + 16);
	json_object_put(o);
	answer_ends(PATH, 201);
}

/* ---- the same again --------------------------------------------------------------------------- */

static void the_same_is_counted(void **state)
{
	struct json_object *o;
	unsigned int i;

	(void)state;
	for (i = 0; i < 100; i++) {
		tell("web", "programs were gone");
		assert_int_equal(serve(201), i ? 0 : 1);
	}
	ahead_s = EVENTS_SAME_MS / 1000 + 1;
	o = sent("PATCH", PATH "shop/events/web.");
	assert_string_equal(text_at(o, "/series/count"), "100");
	assert_int_equal(strlen(text_at(o, "/series/lastObservedTime")), 27);
	assert_int_equal(json_object_object_length(o), 1);
	json_object_put(o);
	answer_ends(PATH, 200);
	ahead_s += EVENTS_SAME_MS / 1000 + 1;
	assert_int_equal(serve(200), 0);
	assert_int_equal(stats().posted, 2);
	assert_int_equal(stats().repeated, 99);
}

/* Nothing came again: it is forgotten, and the next is a new one. */
static void later_it_is_a_new_one(void **state)
{
	(void)state;
	tell("web", "programs were gone");
	assert_int_equal(serve(201), 1);
	ahead_s = EVENTS_SAME_MS / 1000 + 1;
	assert_int_equal(serve(201), 0);
	assert_int_equal(events_timeout_ms(events), -1);
	tell("web", "programs were gone");
	json_object_put(sent("POST", PATH "shop/events"));
	answer_ends(PATH, 201);
}

static void others_are_others(void **state)
{
	(void)state;
	tell("web", "a");
	tell("web", "b");
	tell("db", "a");
	assert_int_equal(serve(201), 3);
}

/* The server has let it expire: not an Event can be patched that is not there. */
static void an_event_that_expired(void **state)
{
	(void)state;
	tell("web", "a");
	assert_int_equal(serve(201), 1);
	tell("web", "a");
	ahead_s = EVENTS_SAME_MS / 1000 + 1;
	assert_int_equal(events_timeout_ms(events), 0);
	json_object_put(sent("PATCH", PATH "shop/events/web."));
	answer_ends(PATH, 404);
	json_object_put(sent("POST", PATH "shop/events"));
	answer_ends(PATH, 201);
}

/* ---- limits ----------------------------------------------------------------------------------- */

static void tell_many(unsigned int n)
{
	char name[16];
	unsigned int i;

	for (i = 0; i < n; i++) {
		(void)snprintf(name, sizeof(name), "p%u", i);
		tell(name, "a");
	}
}

static void a_bound_on_the_rate(void **state)
{
	unsigned int n = 0;

	(void)state;
	tell_many(200);
	assert_int_equal(serve(201), EVENTS_BURST);
	assert_in_range(events_timeout_ms(events), 1, EVENTS_EVERY_MS);
	for (; ahead_s < 60; ahead_s++)
		n += serve(201);
	assert_in_range(n, 19, 60000 / EVENTS_EVERY_MS);
	assert_int_equal(stats().lost, 0);
}

static void a_bound_on_what_waits(void **state)
{
	(void)state;
	tell_many(EVENTS_MAX + 50);
	assert_int_equal(stats().waiting, EVENTS_MAX);
	assert_int_equal(stats().lost, 50);
	assert_int_equal(serve(201), EVENTS_BURST);
	/* What has been posted makes room, and what waits does not. */
	tell("late", "a");
	assert_int_equal(stats().lost, 50);
	assert_int_equal(stats().waiting, EVENTS_MAX - EVENTS_BURST + 1);
}

/* ---- a server that cannot, or does not want to ---------------------------------------------- */

static void an_api_that_is_away(void **state)
{
	static const int words[] = { 0, 500, 503, 429, 401, 0, 0, 0, 0 };
	unsigned int i, waited_s = 0;

	(void)state;
	tell("web", "a");
	for (i = 0; i < ARRAY_SIZE(words); i++) {
		assert_int_equal(serve(words[i]), 1);
		assert_in_range(events_timeout_ms(events), 500, 62000);
		while (events_timeout_ms(events)) {
			ahead_s++;
			waited_s++;
		}
	}
	assert_true(waited_s > 10);
	assert_int_equal(stats().waiting, 1);
	assert_int_equal(serve(201), 1);
	assert_int_equal(stats().posted, 1);
	assert_int_equal(stats().lost, 0);
	assert_int_equal(troubles, 0);
}

/* It was posted, and the answer got lost. */
static void a_name_that_is_taken(void **state)
{
	(void)state;
	tell("web", "a");
	assert_int_equal(serve(0), 1);
	ahead_s = 120;
	assert_int_equal(serve(409), 1);
	assert_int_equal(troubles, 0);
	assert_int_equal(stats().posted, 1);
	assert_int_equal(stats().lost, 0);
}

/* Refused by a server that does not know yet who may do what: it is asked again, three times in all. */
static void a_refusal_may_pass(void **state)
{
	(void)state;
	tell("web", "a");
	assert_int_equal(serve(403), 1);
	ahead_s = 120;
	assert_int_equal(serve(403), 1);
	assert_int_equal(troubles, 0);
	ahead_s = 240;
	assert_int_equal(serve(201), 1);
	assert_int_equal(stats().posted, 1);
	assert_int_equal(stats().lost, 0);
}

static int refuse(int64_t *now_s)
{
	int n = 0, i;

	for (i = 0; i < 20; i++) {
		n += serve(403);
		ahead_s = *now_s += 120;
	}
	return n;
}

static void a_refusal_is_told_once(void **state)
{
	int64_t now_s = 0;

	(void)state;
	tell_many(5);
	assert_int_equal(refuse(&now_s), 15);
	assert_int_equal(troubles, 1);
	assert_int_equal(stats().lost, 5);
	assert_int_equal(events_timeout_ms(events), -1);
	tell("web", "a");
	assert_int_equal(serve(201), 1);
	tell("db", "a");
	assert_int_equal(refuse(&now_s), 3);
	assert_int_equal(troubles, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_object, setup, teardown),
		cmocka_unit_test_setup_teardown(a_node_is_in_no_namespace, setup, teardown),
		cmocka_unit_test_setup_teardown(lengths, setup, teardown),
		cmocka_unit_test_setup_teardown(the_same_is_counted, setup, teardown),
		cmocka_unit_test_setup_teardown(later_it_is_a_new_one, setup, teardown),
		cmocka_unit_test_setup_teardown(others_are_others, setup, teardown),
		cmocka_unit_test_setup_teardown(an_event_that_expired, setup, teardown),
		cmocka_unit_test_setup_teardown(a_bound_on_the_rate, setup, teardown),
		cmocka_unit_test_setup_teardown(a_bound_on_what_waits, setup, teardown),
		cmocka_unit_test_setup_teardown(an_api_that_is_away, setup, teardown),
		cmocka_unit_test_setup_teardown(a_name_that_is_taken, setup, teardown),
		cmocka_unit_test_setup_teardown(a_refusal_may_pass, setup, teardown),
		cmocka_unit_test_setup_teardown(a_refusal_is_told_once, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
