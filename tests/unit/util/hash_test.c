/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-256 against the examples of FIPS 180-4 (NIST's SHA256.pdf and the CAVP short messages). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "util/hash.h"

static const struct {
	const char *text;
	size_t times; /* repeated so often */
	const char *hex;
} vectors[] = {
	{ "", 1, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
	{ "abc", 1, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
	{ "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 1,
	  "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1" },
	{ "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqr"
	  "lmnopqrsmnopqrstnopqrstu",
	  1, "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1" },
	{ "a", 1000000, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0" },
};

static void hex_of(const uint8_t *sum, char ret[65])
{
	int i;

	for (i = 0; i < 32; i++)
		(void)snprintf(ret + 2 * i, 3, "%02x", sum[i]);
}

static void known_answers(void **state)
{
	size_t i, n;

	(void)state;
	for (i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		struct sha256 s;
		uint8_t sum[32];
		char hex[65];

		sha256_init(&s);
		for (n = 0; n < vectors[i].times; n++)
			sha256_add(&s, vectors[i].text, strlen(vectors[i].text));
		sha256_end(&s, sum);
		hex_of(sum, hex);
		assert_string_equal(hex, vectors[i].hex);
	}
}

/* Every length around the block and padding limits, whole and in two pieces cut anywhere. */
static void pieces_do_not_matter(void **state)
{
	uint8_t data[200], whole[32], pieces[32];
	size_t len, cut;
	struct sha256 s;

	(void)state;
	for (len = 0; len < sizeof(data); len++)
		data[len] = (uint8_t)(len * 7);
	for (len = 0; len < sizeof(data); len++) {
		sha256_init(&s);
		sha256_add(&s, data, len);
		sha256_end(&s, whole);
		for (cut = 0; cut <= len; cut += 13) {
			sha256_init(&s);
			sha256_add(&s, data, cut);
			sha256_add(&s, data + cut, len - cut);
			sha256_end(&s, pieces);
			assert_memory_equal(whole, pieces, sizeof(whole));
		}
	}
}

static void short_name(void **state)
{
	const struct hash128 h = hash128_of("abc", 3), other = hash128_of("abd", 3);
	struct hash128 back;
	char hex[33];

	(void)state;
	hash128_hex(&h, hex);
	assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223");
	assert_int_equal(hash128_cmp(&h, &h), 0);
	assert_true(hash128_cmp(&h, &other) * hash128_cmp(&other, &h) < 0);
	assert_true(hash128_of_hex("ba7816bf8f01cfea414140de5dae2223_from", &back));
	assert_int_equal(hash128_cmp(&h, &back), 0);
	assert_false(hash128_of_hex("BA7816bf8f01cfea414140de5dae2223", &back));
	assert_false(hash128_of_hex("ba7816bf8f01cfea414140de5dae222", &back));
	assert_int_equal(hash128_cmp(&h, &back), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_answers),
		cmocka_unit_test(pieces_do_not_matter),
		cmocka_unit_test(short_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
