/* SPDX-License-Identifier: Apache-2.0 */
/* --pod-cidr: what is taken, what is refused by name, and when it is missed. */
#include "tests/unit/policy/world.h"

#include <errno.h>

#include "podcidrs.h"

static void added_one_by_one(void **state)
{
	struct podcidrs c = {};
	struct bh_err err = { "" };
	char text[ADDR_TEXT];

	(void)state;
	assert_int_equal(podcidrs_read("10.244.0.0/16", &c, &err), 0);
	assert_int_equal(podcidrs_read("fd00:1::/48", &c, &err), 0);
	assert_int_equal(podcidrs_read("10.1.2.3/32", &c, &err), 0);
	assert_int_equal(c.n, 3);
	assert_string_equal(cidr_text(&c.at[0], text), "10.244.0.0/16");
	assert_string_equal(cidr_text(&c.at[1], text), "fd00:1::/48");
}

static void bad_ones_are_refused_by_name(void **state)
{
	static const char *const bad[][2] = {
		{ "", "'': not a CIDR" },
		{ "10.0.0.0", "'10.0.0.0': not a CIDR" },
		{ "10.0.0.0/", "'10.0.0.0/': not a CIDR" },
		{ "10.0.0.0/33", "'10.0.0.0/33': not a CIDR" },
		{ "10.0.0.0/8,fd00::/8", "'10.0.0.0/8,fd00::/8': not a CIDR" },
		{ " 10.0.0.0/8", "' 10.0.0.0/8': not a CIDR" },
		{ "010.0.0.0/8", "'010.0.0.0/8': not a CIDR" },
		{ "pods", "'pods': not a CIDR" },
		{ "fd00::/129", "'fd00::/129': not a CIDR" },
		{ "10.244.0.1/16",
		  "'10.244.0.1/16': there are bits behind the prefix; '10.244.0.0/16' has none" },
		{ "fd00::1/64", "'fd00::/64' has none" },
		{ "0.0.0.0/0", "'0.0.0.0/0': all there is" },
		{ "::/0", "'::/0': all there is" },
	};
	struct podcidrs c = {};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		struct bh_err err = { "" };

		assert_int_equal(podcidrs_read(bad[i][0], &c, &err), -EINVAL);
		assert_int_equal(c.n, 0);
		assert_ptr_equal(strstr(err.msg, "--pod-cidr "), err.msg);
		assert_non_null(strstr(err.msg, bad[i][1]));
	}
}

static void so_many_and_no_more(void **state)
{
	struct podcidrs c = {};
	struct bh_err err;
	size_t i;

	(void)state;
	for (i = 0; i < PODCIDRS_MAX; i++)
		assert_int_equal(podcidrs_read("10.244.0.0/16", &c, &err), 0);
	assert_int_equal(podcidrs_read("10.244.0.0/16", &c, &err), -EINVAL);
	assert_string_equal(err.msg, "--pod-cidr '10.244.0.0/16': more than 64 of them");
	assert_int_equal(c.n, PODCIDRS_MAX);
}

/* Only by policies that ask, and only where nobody says any. */
static void missed(void **state)
{
	static const char *const asking[] = { "world", "cluster" }, *const others[] = { "host", "0.0.0.0/0" };
	size_t i, dir;

	(void)state;
	for (i = 0; i < 2; i++) {
		for (dir = 0; dir < DIR_MAX; dir++) {
			auto_model struct model *m = model_new();
			struct net_policy *np = w_policy(m, "shop/p", "", "ie");

			w_node(m, "n1", "172.18.0.2");
			w_rule(np, DIR_INGRESS, NULL, NULL);
			w_rule(np, (int)dir, others[i], NULL);
			assert_false(podcidrs_missed(m));
			w_rule(np, (int)dir, asking[i], NULL);
			assert_true(podcidrs_missed(m));
			*(struct cidr *)vec_add(&m->pod_cidrs) = w_cidr("10.244.0.0/16");
			assert_false(podcidrs_missed(m));
			m->pod_cidrs.n = 0;
			assert_int_equal(podcidrs_nodes(m), 0);
			*(struct cidr *)vec_add(&m->nodes.v[0]->pods) = w_cidr("10.244.0.0/24");
			assert_int_equal(podcidrs_nodes(m), 1);
			assert_false(podcidrs_missed(m));
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(added_one_by_one),
		cmocka_unit_test(bad_ones_are_refused_by_name),
		cmocka_unit_test(so_many_and_no_more),
		cmocka_unit_test(missed),
	};

	return cmocka_run_group_tests_name("podcidrs", tests, NULL, NULL);
}
