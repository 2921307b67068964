/* SPDX-License-Identifier: Apache-2.0 */
/* The pool of session sets: whatever is taken, given and grown, in whatever order. Pure. */
#include "dataplane/slices.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include <cmocka.h>

#define SETS   1024u
#define OWNERS 200u
#define TURNS  20000u

struct run {
	uint32_t base, sets; /* sets 0: it has none */
};

/* The same numbers each time (xorshift). */
static uint32_t some(uint32_t below)
{
	static uint32_t x = 2463534242u;

	x ^= x << 13;
	x ^= x >> 17;
	x ^= x << 5;
	return x % below;
}

static struct slices pool(uint32_t sets)
{
	struct slices s;

	assert_int_equal(slices_init(&s, sets), 0);
	return s;
}

/* Every set has the owner that the runs say, and they are of the right shape. */
static void check(const struct slices *s, const struct run *runs)
{
	uint16_t owner[SETS] = { 0 };
	uint32_t i, k, used = 0;

	for (i = 0; i < OWNERS; i++) {
		assert_int_equal(runs[i].sets & (runs[i].sets - 1), 0);
		for (k = 0; k < runs[i].sets; k++) {
			assert_true(runs[i].base + k < SETS);
			assert_int_equal(owner[runs[i].base + k], 0); /* no overlap */
			owner[runs[i].base + k] = (uint16_t)(i + 1);
		}
		assert_true(!runs[i].sets || runs[i].base % runs[i].sets == 0);
		used += runs[i].sets;
	}
	assert_memory_equal(owner, s->owner, sizeof(owner));
	assert_int_equal(s->used, used);
}

static void come(struct slices *s, struct run *r, uint16_t owner)
{
	const uint32_t sets = slices_first(s, 16), base = slices_take(s, sets, owner);

	assert_in_range(sets, 1, 16);
	if (base != SLICES_NONE)
		*r = (struct run){ base, sets };
}

static void grow(struct slices *s, struct run *r, uint16_t owner)
{
	const uint32_t sets = slices_larger(s, r->sets, r->sets << (1 + some(3)));
	const uint32_t base = sets ? slices_take(s, sets, owner) : SLICES_NONE;

	assert_true(sets <= SETS / 4);
	if (base == SLICES_NONE)
		return;
	assert_true(sets >= 2 * r->sets);
	assert_true(SETS - s->used >= SETS / 8);
	slices_hand(s, r->base, r->sets, 0);
	*r = (struct run){ base, sets };
}

static void any_order(void **state)
{
	struct run runs[OWNERS] = { { 0 } };
	struct slices s = pool(SETS);
	uint32_t turn, grown = 0;

	(void)state;
	for (turn = 0; turn < TURNS; turn++) {
		const uint32_t i = some(OWNERS);
		const uint32_t before = runs[i].sets;

		if (!runs[i].sets) {
			come(&s, &runs[i], (uint16_t)(i + 1));
		} else if (some(2)) {
			grow(&s, &runs[i], (uint16_t)(i + 1));
			grown += runs[i].sets > before;
		} else {
			slices_hand(&s, runs[i].base, runs[i].sets, 0);
			runs[i].sets = 0;
		}
		if (turn % 50 == 0)
			check(&s, runs);
	}
	check(&s, runs);
	assert_true(grown > TURNS / 50);
	slices_done(&s);
}

/* As an agent does that finds what another one gave. */
static void rebuilt_from_what_they_have(void **state)
{
	struct slices s = pool(SETS), again = pool(SETS);
	struct run runs[OWNERS] = { { 0 } };
	uint32_t i;

	(void)state;
	for (i = 0; i < OWNERS / 2; i++)
		come(&s, &runs[i], (uint16_t)(i + 1));
	for (i = 0; i < OWNERS / 2; i += 3) {
		slices_hand(&s, runs[i].base, runs[i].sets, 0);
		runs[i].sets = 0;
	}
	for (i = OWNERS; i-- > 0;)
		if (runs[i].sets)
			assert_int_equal(slices_claim(&again, runs[i].base, runs[i].sets, (uint16_t)(i + 1)),
					 0);
	check(&again, runs);
	assert_memory_equal(s.owner, again.owner, SETS * sizeof(*s.owner));
	slices_done(&s);
	slices_done(&again);
}

static void what_cannot_be_is_refused(void **state)
{
	struct slices s = pool(SETS);

	(void)state;
	assert_int_equal(slices_claim(&s, 8, 8, 1), 0);
	assert_int_equal(slices_claim(&s, 8, 8, 2), -EEXIST);
	assert_int_equal(slices_claim(&s, 0, 16, 2), -EEXIST);
	assert_int_equal(slices_claim(&s, 12, 4, 2), -EEXIST);
	assert_int_equal(slices_claim(&s, 4, 8, 2), -EINVAL);  /* not aligned */
	assert_int_equal(slices_claim(&s, 16, 3, 2), -EINVAL); /* no power of two */
	assert_int_equal(slices_claim(&s, 16, 0, 2), -EINVAL);
	assert_int_equal(slices_claim(&s, SETS, 8, 2), -EINVAL); /* past the end */
	assert_int_equal(slices_claim(&s, 0, 2 * SETS, 2), -EINVAL);
	assert_int_equal(slices_claim(&s, SLICES_NONE, 1, 2), -EINVAL);
	assert_int_equal(s.used, 8);
	slices_done(&s);
}

/* Far more newcomers than would fit with what they would have: nobody is left without. */
static void a_short_pool_gives_less(void **state)
{
	struct slices s = pool(32768);
	uint32_t i, sets = 64, last;

	(void)state;
	for (i = 0; i < 650; i++) {
		last = sets;
		sets = slices_first(&s, 64);
		assert_true(sets <= last);
		assert_int_not_equal(slices_take(&s, sets, 1), SLICES_NONE);
	}
	assert_int_equal(sets, 1);
	slices_done(&s);
	s = pool(4);
	assert_int_equal(slices_first(&s, 64), 1);
	slices_done(&s);
}

static void growth_has_limits(void **state)
{
	struct slices s = pool(SETS);
	uint32_t i;

	(void)state;
	assert_int_equal(slices_larger(&s, 16, 32), 32);
	assert_int_equal(slices_larger(&s, 16, 200), 256); /* the need, rounded up */
	assert_int_equal(slices_larger(&s, 16, SETS), SETS / 4);
	assert_int_equal(slices_larger(&s, SETS / 4, SETS), 0);
	for (i = 0; i < 3; i++)
		assert_int_equal(slices_take(&s, SETS / 4, 1), i * (SETS / 4));
	assert_int_equal(slices_larger(&s, 16, SETS), 128); /* of 256 the last 128 are for newcomers */
	assert_int_equal(slices_take(&s, 128, 1), 768);
	assert_int_equal(slices_larger(&s, 16, SETS), 0);
	slices_done(&s);
}

/* What waits for its grace is nobody's and cannot be had. */
static void leaving(void **state)
{
	struct slices s = pool(4);

	(void)state;
	assert_int_equal(slices_take(&s, 4, 1), 0);
	slices_hand(&s, 0, 4, SLICES_LEAVING);
	assert_int_equal(s.used, 4);
	assert_int_equal(slices_take(&s, 1, 2), SLICES_NONE);
	slices_hand(&s, 0, 4, 0);
	assert_int_equal(s.used, 0);
	assert_int_equal(slices_take(&s, 1, 2), 0);
	slices_done(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_order),
		cmocka_unit_test(rebuilt_from_what_they_have),
		cmocka_unit_test(what_cannot_be_is_refused),
		cmocka_unit_test(a_short_pool_gives_less),
		cmocka_unit_test(growth_has_limits),
		cmocka_unit_test(leaving),
	};

	return cmocka_run_group_tests_name("slices", tests, NULL, NULL);
}
