/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses and CIDR blocks of both families. */
#include "util/addr.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

static const uint8_t mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

bool addr_is_v4(const struct addr *a)
{
	return !memcmp(a->b, mapped, sizeof(mapped));
}

bool addr_is_link_local(const struct addr *a)
{
	return a->b[0] == 0xfe && (a->b[1] & 0xc0) == 0x80;
}

int addr_parse(const char *text, struct addr *ret)
{
	struct addr a;

	if (inet_pton(AF_INET, text, a.b + 12) == 1) {
		memcpy(a.b, mapped, sizeof(mapped));
		*ret = a;
		return 0;
	}
	if (inet_pton(AF_INET6, text, a.b) != 1 || addr_is_v4(&a))
		return -EINVAL;
	*ret = a;
	return 0;
}

/* Without the zeros that lead an octet or a group. Return: whether there is room for it. */
static bool drop_zeros(const char *text, char *ret, size_t size)
{
	bool first = true; /* of an octet or a group */
	size_t n = 0;

	for (; *text; text++) {
		if (first && *text == '0' && isxdigit((unsigned char)text[1]))
			continue;
		first = *text == '.' || *text == ':';
		if (n + 1 == size)
			return false;
		ret[n++] = *text;
	}
	ret[n] = '\0';
	return true;
}

int addr_parse_loose(const char *text, struct addr *ret)
{
	char plain[INET6_ADDRSTRLEN];
	struct addr a;

	if (!drop_zeros(text, plain, sizeof(plain)))
		return -EINVAL;
	if (!addr_parse(plain, ret))
		return 0;
	if (inet_pton(AF_INET6, plain, a.b) != 1)
		return -EINVAL;
	*ret = a; /* ::ffff:a.b.c.d is a.b.c.d here, too */
	return 0;
}

static void clear_host_bits(struct cidr *c)
{
	unsigned int bit = c->len;

	while (bit < 128 && bit % 8) {
		c->addr.b[bit / 8] &= (uint8_t) ~(0x80 >> bit % 8);
		bit++;
	}
	for (; bit < 128; bit += 8)
		c->addr.b[bit / 8] = 0;
}

int cidr_parse(const char *text, struct cidr *ret)
{
	const char *slash = strchr(text, '/');
	char address[INET6_ADDRSTRLEN];
	unsigned int len = 0, max;
	struct cidr c;
	const char *p;

	if (!slash || (size_t)(slash - text) >= sizeof(address) || !slash[1] || strlen(slash + 1) > 3)
		return -EINVAL;
	memcpy(address, text, (size_t)(slash - text));
	address[slash - text] = '\0';
	if (addr_parse(address, &c.addr) < 0)
		return -EINVAL;
	for (p = slash + 1; *p; p++) {
		if (*p < '0' || *p > '9')
			return -EINVAL;
		len = len * 10 + (unsigned int)(*p - '0');
	}
	if (slash[1] == '0' && slash[2]) /* "/08": the API server refuses it too */
		return -EINVAL;
	max = addr_is_v4(&c.addr) ? 32 : 128;
	if (len > max)
		return -EINVAL;
	c.len = (uint8_t)(len + 128 - max);
	clear_host_bits(&c);
	*ret = c;
	return 0;
}

const char *addr_text(const struct addr *a, char *ret)
{
	if (addr_is_v4(a))
		return inet_ntop(AF_INET, a->b + 12, ret, ADDR_TEXT);
	return inet_ntop(AF_INET6, a->b, ret, ADDR_TEXT);
}

static bool cidr_is_v4(const struct cidr *c)
{
	return c->len >= 96 && addr_is_v4(&c->addr);
}

const char *cidr_text(const struct cidr *c, char *ret)
{
	size_t n;

	(void)addr_text(&c->addr, ret);
	n = strlen(ret);
	(void)snprintf(ret + n, ADDR_TEXT - n, "/%d", cidr_is_v4(c) ? c->len - 96 : c->len);
	return ret;
}

static bool same_bits(const struct addr *a, const struct addr *b, unsigned int len)
{
	const unsigned int bytes = len / 8, rest = len % 8;

	if (memcmp(a->b, b->b, bytes))
		return false;
	return !rest || !((a->b[bytes] ^ b->b[bytes]) & (uint8_t)(0xff00 >> rest));
}

bool cidr_holds(const struct cidr *c, const struct addr *a)
{
	return cidr_is_v4(c) == addr_is_v4(a) && same_bits(&c->addr, a, c->len);
}

bool cidr_covers(const struct cidr *outer, const struct cidr *inner)
{
	return outer->len <= inner->len && cidr_is_v4(outer) == cidr_is_v4(inner) &&
	       same_bits(&outer->addr, &inner->addr, outer->len);
}

bool addrs_same(const struct addr *a, size_t n, const struct addr *b, size_t m)
{
	return n == m && (!n || !memcmp(a, b, n * sizeof(*a)));
}

int addr_cmp(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct addr));
}

int cidr_cmp(const void *a, const void *b)
{
	const struct cidr *x = a, *y = b;
	const int r = addr_cmp(&x->addr, &y->addr);

	return r ? r : (int)x->len - (int)y->len;
}
