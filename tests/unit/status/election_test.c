/* SPDX-License-Identifier: Apache-2.0 */
/* Who may hold a Lease, by a clock of the test's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "status/election.h"

#define PACE 60000

static bool saw(struct election *e, const char *holder, const char *version, int64_t now)
{
	const struct election_lease lease = { .holder = holder, .version = version, .duration_s = 15 };

	return election_saw(e, &lease, "me", now, PACE);
}

static void a_lease_that_is_not_there_is_made(void **state)
{
	struct election e = {};

	(void)state;
	assert_true(election_saw(&e, NULL, "me", 1000, PACE));
	assert_false(election_holds(&e, 1000));
	election_won(&e, "7", 1000);
	assert_true(election_holds(&e, 1001));
	assert_int_equal(e.due_ms, 1000 + ELECTION_RENEW_MS);
}

/* However old it says that it is: our own clock counts, from when we saw it first. */
static void another_holder_has_its_time(void **state)
{
	struct election e = {};

	(void)state;
	assert_false(saw(&e, "other", "1", 100000));
	assert_false(saw(&e, "other", "1", 115000));
	assert_true(saw(&e, "other", "1", 115001));
}

static void each_renewal_begins_it_anew(void **state)
{
	struct election e = {};

	(void)state;
	assert_false(saw(&e, "other", "1", 100000));
	assert_false(saw(&e, "other", "2", 114000));
	assert_false(saw(&e, "other", "2", 129000));
	assert_true(saw(&e, "other", "2", 129001));
}

static void what_nobody_holds_is_free(void **state)
{
	struct election e = {};

	(void)state;
	assert_true(saw(&e, "", "1", 5));
	assert_true(saw(&e, "me", "2", 6)); /* an earlier life of ours */
}

/* A candidate among thousands looks rarely, and soon where the holder seems to be gone. */
static void one_that_looks_old_is_looked_at_soon(void **state)
{
	const struct election_lease old = {
		.holder = "other", .version = "1", .duration_s = 15, .looks_old = true
	};
	struct election e = {};

	(void)state;
	assert_false(saw(&e, "other", "1", 1000));
	assert_int_equal(e.due_ms, 1000 + PACE);
	e = (struct election){};
	assert_false(election_saw(&e, &old, "me", 1000, PACE));
	assert_int_equal(e.due_ms, 16001);
	assert_true(election_saw(&e, &old, "me", e.due_ms, PACE));
}

/* Before anybody else may take it. */
static void who_cannot_renew_stops(void **state)
{
	struct election e = {};

	(void)state;
	election_won(&e, "1", 1000);
	election_failed(&e, false, 6000);
	assert_true(election_holds(&e, 10999));
	assert_false(election_holds(&e, 11000));
	assert_true(ELECTION_DEADLINE_MS < ELECTION_DURATION_S * 1000);
	assert_int_equal(e.due_ms, 6000 + ELECTION_AGAIN_MS);
}

static void who_was_too_late_stops_at_once(void **state)
{
	struct election e = {};

	(void)state;
	election_won(&e, "1", 1000);
	election_failed(&e, true, 2000);
	assert_false(election_holds(&e, 2000));
	election_won(&e, "2", 3000);
	assert_false(saw(&e, "other", "3", 4000));
	assert_false(election_holds(&e, 4000));
}

static void the_pace_is_of_all_together(void **state)
{
	(void)state;
	assert_int_equal(election_pace_ms(3), 2000);
	assert_int_equal(election_pace_ms(5000), 250000);
	assert_int_equal(election_pace_ms(100000), 300000);
	assert_int_equal(election_pace_ms(0), 300000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_lease_that_is_not_there_is_made),
		cmocka_unit_test(another_holder_has_its_time),
		cmocka_unit_test(each_renewal_begins_it_anew),
		cmocka_unit_test(what_nobody_holds_is_free),
		cmocka_unit_test(one_that_looks_old_is_looked_at_soon),
		cmocka_unit_test(who_cannot_renew_stops),
		cmocka_unit_test(who_was_too_late_stops_at_once),
		cmocka_unit_test(the_pace_is_of_all_together),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
