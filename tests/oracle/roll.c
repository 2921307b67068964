/* SPDX-License-Identifier: Apache-2.0 */
/* What random clusters are made of. */
#include "roll.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* splitmix64: the same on every machine, so that a seed tells all. */
static uint64_t dice_next(struct dice *d)
{
	uint64_t z = d->state += 0x9e3779b97f4a7c15ull;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

struct dice dice_seeded(void)
{
	const char *seed = getenv("BH_SEED");
	const struct dice d = { .state = seed ? strtoull(seed, NULL, 0) : (uint64_t)time(NULL) };

	printf("BH_SEED=%llu\n", (unsigned long long)d.state);
	return d;
}

uint32_t dice_roll(struct dice *d, uint32_t n)
{
	return (uint32_t)(dice_next(d) % n);
}

bool dice_chance(struct dice *d, uint32_t percent)
{
	return dice_roll(d, 100) < percent;
}

void *must(void *p)
{
	if (!p)
		abort();
	return p;
}

void zero(int r)
{
	if (r)
		abort();
}

/* ---- names and labels ----------------------------------------------------------------------- */

const char *const namespaces[3] = { "a", "b", "ghost" };
static const char *const keys[] = { "app", "tier", "x" };
static const char *const values[] = { "1", "2" };

const char *roll_namespace(struct dice *d)
{
	return namespaces[dice_chance(d, 4) ? 2 : dice_roll(d, 2)];
}

void roll_labels(struct dice *d, const struct labels **l)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(keys); i++)
		if (dice_chance(d, 60))
			zero(labels_set(l, keys[i], pick(d, values)));
}

static void roll_requirement(struct dice *d, struct selector *s, bool of_namespaces)
{
	const bool by_name = of_namespaces && dice_chance(d, 25);
	const enum selector_op op = dice_chance(d, 60) ? OP_IN : (enum selector_op)dice_roll(d, 4);
	struct requirement *r;
	uint32_t n;

	zero(selector_add(s, by_name ? name_label : pick(d, keys), op, &r));
	if (op != OP_IN && op != OP_NOT_IN)
		return;
	for (n = 1 + dice_roll(d, 2); n; n--)
		zero(requirement_value(r, by_name ? pick(d, namespaces) : pick(d, values)));
}

struct selector *roll_selector(struct dice *d, bool of_namespaces)
{
	struct selector *s = must(selector_new());
	uint32_t n;

	for (n = dice_chance(d, 40) ? 0 : 1 + dice_roll(d, 2); n; n--)
		roll_requirement(d, s, of_namespaces);
	return s;
}

/* ---- addresses ------------------------------------------------------------------------------ */

struct addr addr_of(const char *text)
{
	struct addr a;

	zero(addr_parse(text, &a));
	return a;
}

struct addr roll_pod_addr(struct dice *d, bool v4)
{
	char text[ADDR_TEXT];

	(void)snprintf(text, sizeof(text), v4 ? "10.0.0.%u" : "fd00::%x", dice_roll(d, 24));
	return addr_of(text);
}

/* ::fffe:0:0 is next to where IPv4 addresses are kept: a block there may swallow them. */
struct addr roll_addr(struct dice *d, bool v4)
{
	static const char *const far4[] = { "0.0.0.0", "10.0.0.200", "10.0.1.3", "203.0.113.1",
					    "255.255.255.255" };
	static const char *const far6[] = { "::2", "::fffe:0:1", "::1:0:0:1", "fd00::1:3", "2001:db8::1" };

	if (dice_chance(d, 70))
		return roll_pod_addr(d, v4);
	return addr_of(v4 ? pick(d, far4) : pick(d, far6));
}

struct cidr roll_cidr(struct dice *d, bool v4)
{
	static const uint8_t lens4[] = { 0, 1, 8, 24, 27, 28, 29, 30, 31, 32 };
	static const uint8_t lens6[] = { 0, 1, 8, 64, 80, 90, 95, 120, 123, 125, 126, 127, 128 };
	char text[ADDR_TEXT], block[ADDR_TEXT + 8];
	const struct addr a = roll_addr(d, v4);
	struct cidr c;

	(void)snprintf(block, sizeof(block), "%s/%u", addr_text(&a, text),
		       v4 ? pick(d, lens4) : pick(d, lens6));
	zero(cidr_parse(block, &c));
	return c;
}

/* ---- ports --------------------------------------------------------------------------------- */

uint16_t roll_port(struct dice *d)
{
	return (uint16_t)(dice_chance(d, 95) ? dice_roll(d, 8) : 65535 - dice_roll(d, 2));
}

uint8_t roll_proto(struct dice *d)
{
	static const uint8_t protos[] = { IPPROTO_TCP, IPPROTO_TCP, IPPROTO_TCP,
					  IPPROTO_UDP, IPPROTO_UDP, IPPROTO_SCTP };

	return pick(d, protos);
}

bool has_ports(uint8_t proto)
{
	return proto == IPPROTO_TCP || proto == IPPROTO_UDP || proto == IPPROTO_SCTP;
}

uint8_t roll_icmp(struct dice *d)
{
	return dice_chance(d, 50) ? IPPROTO_ICMP : IPPROTO_ICMPV6;
}

/* An echo request of each family, and what is beside it, above and below all. */
uint16_t roll_icmp_type(struct dice *d)
{
	static const uint8_t types[] = { 0, 3, 7, 8, 8, 8, 9, 127, 128, 128, 128, 129, 255 };

	return (uint16_t)(pick(d, types) << 8);
}

uint8_t roll_icmp_code(struct dice *d)
{
	static const uint8_t codes[] = { 0, 0, 0, 1, 255 };

	return pick(d, codes);
}

uint8_t roll_number(struct dice *d)
{
	static const uint8_t numbers[] = { 2, 47, 255 };

	return pick(d, numbers);
}

void service_name(struct dice *d, char ret[16])
{
	(void)snprintf(ret, 16, "s%u", dice_roll(d, SERVICES));
}

static const char *const port_names[] = { "web", "dns", "web-2" };

void roll_name(struct dice *d, char name[PORT_NAME_MAX + 1])
{
	memset(name, 0, PORT_NAME_MAX + 1);
	strcpy(name, pick(d, port_names));
}

void roll_named_ports(struct dice *d, struct pod *p)
{
	struct named_port v[4] = {};
	const uint32_t n = dice_roll(d, ARRAY_SIZE(v) + 1);
	uint32_t i;

	for (i = 0; i < n; i++) {
		roll_name(d, v[i].name);
		v[i].proto = roll_proto(d);
		v[i].port = roll_port(d);
		if (!v[i].port)
			v[i].port = 65535;
	}
	zero(pod_set_ports(p, v, n));
}
