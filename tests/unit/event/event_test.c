/* SPDX-License-Identifier: Apache-2.0 */
/* What is told once goes two ways: into the log, with its fields, and to the source as an Event. */
#include "event.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "../hear.h"
#include "agent.h"
#include "util/log.h"

static struct kube_event posted;
static int armed;

bool source_post(struct source *s, const struct kube_event *event)
{
	(void)s;
	posted = *event;
	posted.note = NULL; /* the caller's */
	return true;
}

void agent_arm_source(struct agent *a)
{
	(void)a;
	armed++;
}

static void tell(struct agent *a, const char *reason, const struct event_object *about)
{
	hush();
	event_tell(a, true, reason, about, "it is %s", "so");
	(void)hear();
}

static int setup(void **state)
{
	static struct agent a;

	a = (struct agent){ .opt = { .node_name = "n1" }, .model = model_new(), .source = (void *)&a };
	posted = (struct kube_event){};
	armed = 0;
	log_format = LOG_JSON;
	*state = &a;
	return a.model ? 0 : -1;
}

static int teardown(void **state)
{
	struct agent *a = *state;

	model_free(a->model);
	return 0;
}

static void test_pod(void **state)
{
	const struct event_object about = { "Pod", "shop", "db", "u-1" };

	tell(*state, "HookRestored", &about);
	assert_non_null(strstr(said, "\"level\":\"warn\",\"msg\":\"Pod 'shop/db': it is so\","
				     "\"reason\":\"HookRestored\",\"kind\":\"Pod\","
				     "\"namespace\":\"shop\",\"name\":\"db\"}\n"));
	assert_string_equal(posted.reason, "HookRestored");
	assert_string_equal(posted.uid, "u-1");
	assert_int_equal(armed, 1);
}

static void test_node(void **state)
{
	tell(*state, "NodeOpen", NULL);
	assert_non_null(strstr(said, "\"msg\":\"it is so\",\"reason\":\"NodeOpen\",\"kind\":\"Node\","
				     "\"name\":\"n1\"}\n"));
	assert_string_equal(posted.kind, "Node");
	assert_string_equal(posted.uid, "n1");
}

static void test_text(void **state)
{
	const struct event_object about = { "Pod", "shop", "db", "" };

	log_format = LOG_TEXT;
	tell(*state, "HookRestored", &about);
	assert_non_null(strstr(said, "Z warn Pod 'shop/db': it is so\n"));
	assert_string_equal(posted.uid, ""); /* of a pod that is not known here */
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)
	const struct CMUnitTest tests[] = { T(pod), T(node), T(text) };

	return cmocka_run_group_tests_name("agent/event", tests, NULL, NULL);
}
