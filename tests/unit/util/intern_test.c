/* SPDX-License-Identifier: Apache-2.0 */
/* Contents that are kept once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "util/hash.h"
#include "util/intern.h"

#define MANY 5000

static void the_same_is_one(void **state)
{
	const char *a = intern_text("web"), *b = intern_text("web"), *other = intern_text("we");
	const char nul[] = { 'w', 'e', '\0', 'b' };
	const void *blob = intern(nul, sizeof(nul)), *empty = intern("", 0);

	(void)state;
	assert_ptr_equal(a, b);
	assert_ptr_not_equal(a, other);
	assert_ptr_not_equal(blob, other);
	assert_ptr_not_equal(empty, other);
	assert_int_equal((uintptr_t)blob % 8, 0);
	assert_string_equal(a, "web");
	assert_int_equal(intern_refs(a), 2);
	assert_ptr_equal(intern_again(a), a);
	assert_int_equal(intern_refs(a), 3);
	intern_drop(a);
	intern_drop(a);
	assert_string_equal(b, "web"); /* as long as somebody holds it */
	intern_drop(b);
	intern_drop(other);
	intern_drop(blob);
	intern_drop(empty);
	intern_drop(NULL);
}

/* The table grows, its members stay where they are, and each finds its own. */
static void many(void **state)
{
	const char *held[MANY];
	char text[16];
	int i;

	(void)state;
	for (i = 0; i < MANY; i++) {
		(void)snprintf(text, sizeof(text), "t%d", i);
		held[i] = intern_text(text);
	}
	for (i = 0; i < MANY; i += 2)
		intern_drop(held[i]);
	for (i = 1; i < MANY; i += 2) {
		(void)snprintf(text, sizeof(text), "t%d", i);
		assert_ptr_equal(intern_text(text), held[i]);
		assert_string_equal(held[i], text);
		assert_int_equal(intern_refs(held[i]), 2);
		intern_drop(held[i]);
		intern_drop(held[i]);
	}
}

/* The vectors of the paper's reference code: key 00 01 .. 0f, of 00 01 .. the first n bytes. */
static void siphash(void **state)
{
	static const struct {
		size_t len;
		uint64_t hash;
	} cases[] = {
		{ 0, 0x726fdb47dd0e0e31 },  { 1, 0x74f839c593dc67fd },	{ 8, 0x93f5f5799a932462 },
		{ 15, 0xa129ca6149be45e5 }, { 63, 0x958a324ceb064572 },
	};
	uint8_t key[16], data[64];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(key); i++)
		key[i] = (uint8_t)i;
	for (i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)i;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_true(hash64_keyed(key, data, cases[i].len) == cases[i].hash);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_same_is_one),
		cmocka_unit_test(many),
		cmocka_unit_test(siphash),
	};

	return cmocka_run_group_tests_name("util/intern", tests, NULL, NULL);
}
