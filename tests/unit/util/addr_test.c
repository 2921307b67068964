/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses and CIDR blocks: what is taken, how it prints, and that the families never mix. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "util/addr.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))

/* text, and how it prints; NULL: refused */
static const struct {
	const char *text, *prints;
} addrs[] = {
	{ "10.0.0.1", "10.0.0.1" },
	{ "0.0.0.0", "0.0.0.0" },
	{ "255.255.255.255", "255.255.255.255" },
	{ "::", "::" },
	{ "fd00:0:0::1", "fd00::1" },
	{ "FE80::1", "fe80::1" },
	{ "", NULL },
	{ "10.0.0", NULL },
	{ "10.0.0.256", NULL },
	{ "10.0.0.01", NULL },
	{ " 10.0.0.1", NULL },
	{ "10.0.0.1 ", NULL },
	{ "::ffff:10.0.0.1", NULL },
	{ "::ffff:0a00:0001", NULL },
	{ "fe80::1%eth0", NULL },
	{ "1::2::3", NULL },
	{ "web", NULL },
};

static void addresses(void **state)
{
	char text[ADDR_TEXT];
	struct addr a;
	size_t i;

	(void)state;
	for (i = 0; i < N(addrs); i++) {
		assert_int_equal(addr_parse(addrs[i].text, &a), addrs[i].prints ? 0 : -EINVAL);
		if (addrs[i].prints)
			assert_string_equal(addr_text(&a, text), addrs[i].prints);
	}
}

/* What API servers take for an address, old ones all of it: kube-proxy translates these. */
static void loose_addresses(void **state)
{
	static const struct {
		const char *text, *prints;
	} loose[] = {
		{ "10.0.0.1", "10.0.0.1" },
		{ "10.096.007.010", "10.96.7.10" },
		{ "0000000010.0.0.000", "10.0.0.0" },
		{ "::ffff:10.0.0.1", "10.0.0.1" },
		{ "::ffff:0a00:0001", "10.0.0.1" },
		{ "0::FFFF:010.0.0.01", "10.0.0.1" },
		{ "fd00::00001", "fd00::1" },
		{ "::", "::" },
		{ "10.0.0", NULL },
		{ "10.0.0.0256", NULL },
		{ "10..0.1", NULL },
		{ "0x0a.0.0.1", NULL },
		{ "10.0.0.1%x", NULL },
		{ "fe80::1%0", NULL },
		{ "", NULL },
		{ "1000.1000.1000.1000.1000.1000.1000.1000.1000.1000.1000", NULL },
	};
	char text[ADDR_TEXT];
	struct addr a;
	size_t i;

	(void)state;
	for (i = 0; i < N(loose); i++) {
		assert_int_equal(addr_parse_loose(loose[i].text, &a), loose[i].prints ? 0 : -EINVAL);
		if (loose[i].prints)
			assert_string_equal(addr_text(&a, text), loose[i].prints);
	}
}

static const struct {
	const char *text, *prints;
	uint8_t len;
} cidrs[] = {
	{ "10.0.0.0/8", "10.0.0.0/8", 104 },
	{ "10.1.2.3/8", "10.0.0.0/8", 104 },
	{ "10.1.2.3/31", "10.1.2.2/31", 127 },
	{ "10.1.2.3/32", "10.1.2.3/32", 128 },
	{ "0.0.0.0/0", "0.0.0.0/0", 96 },
	{ "255.255.255.255/1", "128.0.0.0/1", 97 },
	{ "::/0", "::/0", 0 },
	{ "fd00::1/8", "fd00::/8", 8 },
	{ "fd00::1/128", "fd00::1/128", 128 },
	{ "ffff:ffff::/9", "ff80::/9", 9 },
	{ "::fffe:0:0/95", "::fffe:0:0/95", 95 }, /* IPv6, although the mapped range lies in it */
	{ "10.0.0.0", NULL, 0 },
	{ "10.0.0.0/", NULL, 0 },
	{ "10.0.0.0/33", NULL, 0 },
	{ "10.0.0.0/-1", NULL, 0 },
	{ "10.0.0.0/+8", NULL, 0 },
	{ "10.0.0.0/08", NULL, 0 },
	{ "10.0.0.0/8 ", NULL, 0 },
	{ "10.0.0.0/8/8", NULL, 0 },
	{ "10.0.0.0/4294967304", NULL, 0 },
	{ "/8", NULL, 0 },
	{ "", NULL, 0 },
	{ "::/129", NULL, 0 },
	{ "::ffff:10.0.0.0/104", NULL, 0 },
	{ "::ffff:0:0/96", NULL, 0 },
	{ "0000000000000000000000000000000000000000000000000000000000::/0", NULL, 0 },
};

static void blocks(void **state)
{
	char text[ADDR_TEXT];
	struct cidr c;
	size_t i;

	(void)state;
	for (i = 0; i < N(cidrs); i++) {
		assert_int_equal(cidr_parse(cidrs[i].text, &c), cidrs[i].prints ? 0 : -EINVAL);
		if (!cidrs[i].prints)
			continue;
		(void)cidr_text(&c, text);
		assert_int_equal(c.len, cidrs[i].len);
		assert_string_equal(text, cidrs[i].prints);
	}
}

static const struct {
	const char *block, *addr;
	bool holds;
} pairs[] = {
	{ "10.0.0.0/8", "10.255.255.255", true },
	{ "10.0.0.0/8", "11.0.0.0", false },
	{ "10.0.0.2/31", "10.0.0.3", true },
	{ "10.0.0.2/31", "10.0.0.4", false },
	{ "10.0.0.2/32", "10.0.0.2", true },
	{ "10.0.0.2/32", "10.0.0.3", false },
	{ "0.0.0.0/0", "255.1.2.3", true },
	{ "0.0.0.0/0", "fd00::1", false },
	{ "::/0", "fd00::1", true },
	{ "::/0", "10.0.0.1", false },
	{ "::fffe:0:0/95", "10.0.0.1", false },
	{ "fd00::/9", "fd7f::", true },
	{ "fd00::/9", "fd80::", false },
};

static void membership(void **state)
{
	struct cidr c;
	struct addr a;
	size_t i;

	(void)state;
	for (i = 0; i < N(pairs); i++) {
		assert_int_equal(cidr_parse(pairs[i].block, &c), 0);
		assert_int_equal(addr_parse(pairs[i].addr, &a), 0);
		assert_int_equal(cidr_holds(&c, &a), pairs[i].holds);
	}
}

static const struct {
	const char *outer, *inner;
	bool covers;
} nested[] = {
	{ "10.0.0.0/8", "10.1.0.0/16", true },	{ "10.0.0.0/8", "10.0.0.0/8", true },
	{ "10.0.0.0/16", "10.0.0.0/8", false }, { "10.0.0.0/8", "11.0.0.0/16", false },
	{ "::/0", "0.0.0.0/0", false },		{ "::/0", "fd00::/8", true },
	{ "0.0.0.0/0", "::/0", false },
};

static void cover(void **state)
{
	struct cidr a, b;
	size_t i;

	(void)state;
	for (i = 0; i < N(nested); i++) {
		assert_int_equal(cidr_parse(nested[i].outer, &a), 0);
		assert_int_equal(cidr_parse(nested[i].inner, &b), 0);
		assert_int_equal(cidr_covers(&a, &b), nested[i].covers);
	}
}

static void order(void **state)
{
	static const char *const sorted[] = {
		"::/0", "0.0.0.0/0", "10.0.0.0/8", "10.0.0.0/9", "10.1.0.0/16", "fd00::/8",
	};
	struct cidr a, b;
	size_t i, j;

	(void)state;
	for (i = 0; i < N(sorted); i++) {
		for (j = 0; j < N(sorted); j++) {
			assert_int_equal(cidr_parse(sorted[i], &a), 0);
			assert_int_equal(cidr_parse(sorted[j], &b), 0);
			assert_true((cidr_cmp(&a, &b) > 0) - (cidr_cmp(&a, &b) < 0) == (i > j) - (i < j));
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses),  cmocka_unit_test(loose_addresses), cmocka_unit_test(blocks),
		cmocka_unit_test(membership), cmocka_unit_test(cover),		 cmocka_unit_test(order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
