/* SPDX-License-Identifier: Apache-2.0 */
/* Sets of policies as numbers: equal where they hold the same, whatever way they came about. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "model/model.h"

static struct net_policy *policy(const char *name, const char *uid, uint64_t generation)
{
	struct net_policy *p = net_policy_new(POLICY_NETWORK, "shop", name);

	assert_non_null(p);
	if (uid)
		assert_true(asprintf(&p->uid, "00000000-%s", uid) > 0);
	p->generation = generation;
	return p;
}

static void put(struct model *m, const char *name, const char *uid, uint64_t generation)
{
	assert_int_equal(model_put_policy(m, policy(name, uid, generation)), 0);
}

static uint64_t since(const struct model *m, const char *name)
{
	return model_policy(m, POLICY_NETWORK, "shop", name)->since;
}

static const struct hash128 *now(const struct model *m)
{
	return versions_now(&m->versions[POLICY_NETWORK]);
}

static int setup(void **state)
{
	*state = model_new();
	return *state ? 0 : -1;
}

static int teardown(void **state)
{
	model_free(*state);
	return 0;
}

static void the_order_does_not_matter(void **state)
{
	struct model *m = *state, *other = model_new();

	put(m, "a", "1", 1);
	put(m, "b", "2", 1);
	put(m, "a", "1", 2);
	put(other, "b", "2", 1);
	put(other, "a", "1", 2);
	assert_int_equal(hash128_cmp(now(m), now(other)), 0);
	put(other, "b", "2", 2);
	assert_int_not_equal(hash128_cmp(now(m), now(other)), 0);
	put(m, "b", "3", 1); /* deleted and made again: the same name and generation, but another one */
	put(other, "b", "2", 1);
	assert_int_not_equal(hash128_cmp(now(m), now(other)), 0);
	model_free(other);
}

static void a_set_of_before_says_what_it_held(void **state)
{
	struct model *m = *state;
	struct hash128 before;
	int64_t seq;

	put(m, "a", "1", 1);
	put(m, "b", "2", 1);
	before = *now(m);
	put(m, "a", "1", 2);
	put(m, "c", "3", 1);
	seq = versions_find(&m->versions[POLICY_NETWORK], &before);
	assert_int_equal(seq, 2);
	assert_true(since(m, "b") <= (uint64_t)seq);
	assert_true(since(m, "a") > (uint64_t)seq);
	assert_true(since(m, "c") > (uint64_t)seq);
}

/* One that came and went has left what was there before. */
static void the_latest_of_equal_sets_counts(void **state)
{
	struct model *m = *state;
	struct hash128 empty = *now(m);

	put(m, "a", "1", 1);
	assert_true(model_del_policy(m, POLICY_NETWORK, "shop", "a"));
	assert_int_equal(hash128_cmp(now(m), &empty), 0);
	assert_int_equal(versions_find(&m->versions[POLICY_NETWORK], &empty), 2);
}

static void the_same_again_is_the_same(void **state)
{
	struct model *m = *state;
	struct net_policy *p;
	const struct hash128 *before;

	put(m, "a", "1", 1);
	put(m, "b", "2", 1);
	before = now(m);
	p = (struct net_policy *)model_policy(m, POLICY_NETWORK, "shop", "a");
	assert_false(model_same_policy(m, p, policy("a", "1", 1)));
	assert_ptr_equal(now(m), before);
	assert_int_equal(since(m, "a"), 1);
	assert_true(model_same_policy(m, p, policy("a", "1", 2)));
	assert_int_equal(p->generation, 2);
	assert_int_equal(since(m, "a"), 3);
	put(m, "a", "1", 2); /* and put anew */
	assert_int_equal(since(m, "a"), 3);
}

static void kinds_are_apart(void **state)
{
	struct model *m = *state;
	struct net_policy *p = net_policy_new(POLICY_CLUSTER, "", "a");

	p->uid = strdup("1");
	assert_int_equal(model_put_policy(m, p), 0);
	assert_int_equal(m->versions[POLICY_NETWORK].seq, 0);
	assert_int_equal(m->versions[POLICY_CLUSTER].seq, 1);
}

/* From a directory of manifests. */
static void without_a_uid_there_is_no_set(void **state)
{
	struct model *m = *state;

	put(m, "a", NULL, 0);
	assert_int_equal(m->versions[POLICY_NETWORK].seq, 0);
}

static void what_is_too_old_is_not_known(void **state)
{
	struct model *m = *state;
	struct hash128 first, second;
	uint64_t i;

	first = *now(m);
	put(m, "a", "1", 1);
	second = *now(m);
	for (i = 2; i <= VERSIONS_PAST; i++)
		put(m, "a", "1", i);
	assert_int_equal(versions_find(&m->versions[POLICY_NETWORK], &first), -1);
	assert_int_equal(versions_find(&m->versions[POLICY_NETWORK], &second), 1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_order_does_not_matter),
		TEST(a_set_of_before_says_what_it_held),
		TEST(the_latest_of_equal_sets_counts),
		TEST(the_same_again_is_the_same),
		TEST(kinds_are_apart),
		TEST(without_a_uid_there_is_no_set),
		TEST(what_is_too_old_is_not_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
