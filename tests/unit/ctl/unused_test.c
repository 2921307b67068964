/* SPDX-License-Identifier: Apache-2.0 */
/* What several nodes say of the same policies and rules. */
#include "ctl/unused.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "util/scope.h"

static void used_on_one_node_is_used(void **state)
{
	static const char *const items[] = {
		"{\"policy\":\"a/p\",\"why\":\"no-pod\",\"node\":\"n1\"}",
		"{\"policy\":\"a/q\",\"why\":\"no-pod\",\"node\":\"n1\"}",
		"{\"policy\":\"a/p\",\"why\":null,\"node\":\"n2\"}",
		"{\"policy\":\"a/p\",\"rule\":\"a/p ingress[0]\",\"why\":\"shadowed\",\"since\":9,\"or_longer\":false,"
		"\"node\":\"n2\"}",
		"{\"policy\":\"a/p\",\"rule\":\"a/p ingress[1]\",\"why\":\"never-hit\",\"since\":9,\"or_longer\":false,"
		"\"node\":\"n2\"}",
		"{\"policy\":\"a/q\",\"why\":\"no-pod\",\"node\":\"n2\"}",
		"{\"policy\":\"a/p\",\"rule\":\"a/p ingress[0]\",\"why\":\"never-hit\",\"since\":7,\"or_longer\":true,"
		"\"node\":\"n3\"}",
		"{\"policy\":\"a/p\",\"rule\":\"a/p ingress[1]\",\"why\":null,\"since\":7,\"or_longer\":true,\"node\":\"n3\"}",
	};
	struct json_object *all = json_object_new_object(), *only, *want, *item;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(items); i++) {
		item = json_tokener_parse(items[i]);
		assert_non_null(item);
		unused_take(all, item);
		json_object_put(item);
	}
	only = unused_only(all);
	want = json_tokener_parse(
		"[{\"policy\":\"a/q\",\"why\":\"no-pod\",\"nodes\":[\"n1\",\"n2\"]},"
		"{\"policy\":\"a/p\",\"rule\":\"a/p ingress[0]\",\"why\":\"never-hit\",\"since\":7,"
		"\"or_longer\":true,\"nodes\":[\"n2\",\"n3\"]}]");
	assert_true(json_object_equal(only, want));
	json_object_put(all);
	json_object_put(only);
	json_object_put(want);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(used_on_one_node_is_used),
	};

	return cmocka_run_group_tests_name("unused", tests, NULL, NULL);
}
