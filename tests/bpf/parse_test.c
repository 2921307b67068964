// SPDX-License-Identifier: Apache-2.0
/*
 * bpf/parse.h run natively: what BPF_PROG_TEST_RUN cannot show (the kernel refuses frames cut within the
 * IP header), and what holds for every frame. Frames lie in buffers of their exact size, so that SAN=1
 * sees a read past the end.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "../../bpf/parse.h"
#include "../../bpf/walk.h"
#include "packet.h"

/* The first n bytes of f, followed by bytes like @behind. */
static enum bh_reason parse_bytes(const struct frame *f, uint32_t n, uint32_t len, uint8_t behind,
				  struct bh_pkt *ret)
{
	uint8_t *room = malloc(2 + n + (behind ? 64 : 0));
	struct cursor c = { room + 2, room + 2 + n };
	enum bh_reason kind;

	assert_non_null(room);
	memcpy(room + 2, f->data, n);
	if (behind)
		memset(room + 2 + n, behind, 64);
	memset(ret, 0, sizeof(*ret));
	kind = parse_frame(c, len, f->dir, ret);
	if (kind == BH_WALK)
		kind = parse_walk(c, len, f->dir, ret);
	ret->kind = kind;
	free(room);
	return kind;
}

static enum bh_reason parse_prefix(const struct frame *f, uint32_t n, struct bh_pkt *ret)
{
	return parse_bytes(f, n, n, 0, ret);
}

/* ---- good frames ------------------------------------------------------------------------ */

static void neighbour(struct frame *f)
{
	memset(f->data + f->l4, 0, 32);
	f->data[f->l4] = 135;
	cut(f, f->l4 + 24);
}

static void listener(struct frame *f)
{
	static const uint8_t alert[] = { IPPROTO_ICMPV6, 0, 5, 2, 0, 0, 1, 0, 143, 0, 0, 0, 0, 0, 0, 0 };

	memcpy(f->data + f->l4, alert, sizeof(alert));
	f->data[f->l3 + 6] = IPPROTO_HOPOPTS;
	cut(f, f->l4 + sizeof(alert));
}

static void later(struct frame *f)
{
	memset(f->data + f->l4, 0, 8);
	f->data[f->l4] = IPPROTO_ICMPV6;
	put16(f, f->l4 + 2, 64);
	f->data[f->l3 + 6] = IPPROTO_FRAGMENT;
	cut(f, f->l4 + 9);
}

/* Every header that may be there, with TCP behind. */
static void headers(struct frame *f)
{
	extend(f, IPPROTO_DSTOPTS);
	extend(f, IPPROTO_AH);
	extend(f, IPPROTO_FRAGMENT);
	extend(f, IPPROTO_HOPOPTS);
}

static void options(struct frame *f)
{
	insert(f, f->l4, 8);
	f->data[f->l3] = 0x47;
}

static void arp(struct frame *f)
{
	static const uint8_t head[] = { 0, 1, 8, 0, 6, 4, 0, 1 };

	memset(f->data + f->l3, 0, 28);
	memcpy(f->data + f->l3, head, sizeof(head));
	put16(f, 12, ETH_P_ARP);
	f->len = ETH_HLEN + 28;
}

static const struct good {
	struct shape s;
	int family;
	enum bh_reason kind;
	uint32_t headers; /* bytes behind the network header that are needed */
} good[] = {
	{ { 0 }, 4, BH_POLICY, 20 },
	{ { 0 }, 6, BH_POLICY, 20 },
	{ { .proto = IPPROTO_UDP }, 4, BH_POLICY, 8 },
	{ { .proto = IPPROTO_UDP }, 6, BH_POLICY, 8 },
	{ { .proto = IPPROTO_ICMP }, 4, BH_POLICY, 8 },
	{ { .proto = IPPROTO_ICMP }, 6, BH_POLICY, 8 },
	{ { .proto = IPPROTO_ICMPV6, .bend = neighbour }, 6, BH_NEIGHBOUR, 8 },
	{ { .bend = listener }, 6, BH_NEIGHBOUR, 16 },
	{ { .bend = later }, 6, BH_FRAGMENT, 8 },
	{ { .bend = headers }, 6, BH_POLICY, 32 + 20 },
	{ { .proto = IPPROTO_SCTP }, 4, BH_POLICY, 16 },
	{ { .proto = IPPROTO_SCTP }, 6, BH_POLICY, 16 },
	{ { .bend = options }, 4, BH_POLICY, 28 },
	{ { .bend = arp }, 4, BH_NEIGHBOUR, 8 },
};
#define N_GOOD (sizeof(good) / sizeof(*good))

static void make(size_t i, enum bh_dir dir, struct frame *ret)
{
	shape_frame(&good[i].s, good[i].family, dir, ret);
}

/* ---- tests ------------------------------------------------------------------------------ */

static void whole_frames_are_understood(void **state)
{
	struct frame f;
	struct bh_pkt p;
	size_t i;

	(void)state;
	for (i = 0; i < 2 * N_GOOD; i++) {
		make(i / 2, (enum bh_dir)(i % 2), &f);
		assert_int_equal(parse_prefix(&f, f.len, &p), good[i / 2].kind);
	}
}

static void every_prefix_is_malformed(void **state)
{
	struct frame f;
	struct bh_pkt p;
	uint32_t n;
	size_t i;

	(void)state;
	for (i = 0; i < N_GOOD; i++) {
		make(i, BH_EGRESS, &f);
		for (n = 0; n < f.len; n++)
			assert_int_equal(parse_prefix(&f, n, &p), BH_MALFORMED);
	}
}

/* As above, with length fields that say the same as the frame: now only the headers are missing. */
static void headers_cut_honestly_are_malformed(void **state)
{
	struct frame f;
	struct bh_pkt p;
	uint32_t n;
	size_t i;

	(void)state;
	for (i = 0; i < N_GOOD; i++) {
		if (good[i].s.bend == arp)
			continue;
		make(i, BH_INGRESS, &f);
		for (n = f.l4 + good[i].headers - 1; n >= f.l4; n--) {
			cut(&f, n);
			assert_int_equal(parse_prefix(&f, n, &p), BH_MALFORMED);
		}
	}
}

/* What is not linear: cut headers look malformed, and whole ones are enough. */
static void only_headers_need_be_linear(void **state)
{
	uint32_t n, needed;
	struct frame f;
	struct bh_pkt p;
	size_t i;

	(void)state;
	for (i = 0; i < N_GOOD; i++) {
		make(i, BH_EGRESS, &f);
		needed = good[i].s.bend == arp ? f.len : f.l4 + good[i].headers;
		for (n = 0; n <= f.len; n++)
			assert_int_equal(parse_bytes(&f, n, f.len, 0, &p),
					 n < needed ? BH_MALFORMED : good[i].kind);
	}
}

static void flow_is_seen_from_the_pod(void **state)
{
	struct bh_flow6 want;
	struct frame f;
	struct bh_pkt p;
	size_t i;

	(void)state;
	for (i = 0; i < 2 * N_GOOD; i++) {
		enum bh_dir dir = (enum bh_dir)(i % 2);

		if (good[i / 2].kind != BH_POLICY)
			continue;
		make(i / 2, dir, &f);
		want = shape_flow(&good[i / 2].s, good[i / 2].family, dir, 0);
		(void)parse_prefix(&f, f.len, &p);
		assert_memory_equal(&p.flow, &want, sizeof(want));
		assert_int_equal(p.family, good[i / 2].family);
	}
}

static enum bh_reason kind_of(const struct shape *s, int family)
{
	struct frame f;
	struct bh_pkt p;

	shape_frame(s, family, BH_EGRESS, &f);
	return parse_prefix(&f, f.len, &p);
}

static uint8_t bits_of(const struct shape *s, int family)
{
	struct frame f;
	struct bh_pkt p;

	shape_frame(s, family, BH_EGRESS, &f);
	assert_int_equal(parse_prefix(&f, f.len, &p), BH_POLICY);
	return p.bits;
}

/* As the kernel's connection tracking sees them, whatever PSH, ECE and CWR say. */
static bool is_valid(int flags)
{
	static const int valid[] = { SYN,	SYN | URG,	 SYN | ACK, RST,      RST | ACK,
				     FIN | ACK, FIN | ACK | URG, ACK,	    ACK | URG };
	size_t i;

	for (i = 0; i < sizeof(valid) / sizeof(*valid); i++)
		if ((flags & ~(PSH | ECE | CWR)) == valid[i])
			return true;
	return false;
}

static void only_a_pure_syn_opens(void **state)
{
	struct shape s = { 0 };
	int flags;

	(void)state;
	for (flags = 1; flags < 256; flags++) {
		int pure = (flags & (SYN | ACK | RST | FIN)) == SYN;

		s.flags = (uint8_t)flags;
		if (!is_valid(flags)) {
			assert_int_equal(kind_of(&s, 4 + flags % 2 * 2), BH_MALFORMED);
			continue;
		}
		assert_int_equal(bits_of(&s, 4 + flags % 2 * 2), (pure ? BH_PKT_SYN | BH_PKT_OPENS : 0) |
									 (flags & FIN ? BH_PKT_FIN : 0) |
									 (flags & RST ? BH_PKT_RST : 0));
	}
	assert_int_equal(bits_of(&(struct shape){ .proto = IPPROTO_UDP }, 4), BH_PKT_OPENS);
	assert_int_equal(bits_of(&(struct shape){ .proto = IPPROTO_ICMP }, 6), BH_PKT_OPENS);
	assert_int_equal(bits_of(&(struct shape){ .proto = IPPROTO_ICMP, .back = true }, 6), 0);
	assert_int_equal(bits_of(&(struct shape){ .group = true, .flags = ACK }, 6), BH_PKT_GROUP);
}

/* A request and the answer to it are one flow, the request the other way round another. */
static void echo_has_an_asker(void **state)
{
	struct shape request = { .proto = IPPROTO_ICMP }, reply = { .proto = IPPROTO_ICMP, .back = true };
	struct bh_pkt out, in, asked;
	struct frame f;

	(void)state;
	shape_frame(&request, 4, BH_EGRESS, &f);
	(void)parse_prefix(&f, f.len, &out);
	shape_frame(&reply, 4, BH_INGRESS, &f);
	(void)parse_prefix(&f, f.len, &in);
	shape_frame(&request, 4, BH_INGRESS, &f);
	(void)parse_prefix(&f, f.len, &asked);
	assert_memory_equal(&out.flow, &in.flow, sizeof(out.flow));
	assert_memory_not_equal(&out.flow, &asked.flow, sizeof(out.flow));
	assert_int_equal(out.flow.rport, htons(BH_ECHO_OUT));
	assert_int_equal(asked.flow.rport, htons(BH_ECHO_IN));
}

/* BIG TCP: a frame too long for the length field has 0 there; a shorter one may not. */
static void length_0_is_for_giants(void **state)
{
	struct shape s = { .flags = ACK };
	struct frame f;
	struct bh_pkt p;

	(void)state;
	shape_frame(&s, 4, BH_EGRESS, &f);
	put16(&f, f.l3 + 2, 0);
	assert_int_equal(parse_bytes(&f, f.len, ETH_HLEN + 0xffff, 0, &p), BH_MALFORMED);
	assert_int_equal(parse_bytes(&f, f.len, ETH_HLEN + 0x10000, 0, &p), BH_POLICY);
	shape_frame(&s, 6, BH_EGRESS, &f);
	put16(&f, f.l3 + 4, 0);
	assert_int_equal(parse_bytes(&f, f.len, ETH_HLEN + 40 + 0xffff, 0, &p), BH_MALFORMED);
	assert_int_equal(parse_bytes(&f, f.len, ETH_HLEN + 40 + 0x10000, 0, &p), BH_POLICY);
}

static uint32_t dice(void)
{
	static uint32_t x = 2463534242u; /* xorshift32: the same frames in every run */

	x ^= x << 13;
	x ^= x >> 17;
	x ^= x << 5;
	return x;
}

static bool may_come_from_parser(enum bh_reason kind)
{
	return kind == BH_POLICY || kind == BH_NEIGHBOUR || kind == BH_MALFORMED ||
	       (kind >= BH_FRAGMENT && kind <= BH_ETHERTYPE) || kind == BH_UNRELATED ||
	       kind == BH_SPOOFED_ND || kind == BH_SOURCE_ROUTE || kind == BH_FRAGMENT_TINY;
}

/* Frames with some bytes wrong: an answer from the list, and never one that depends on what lies behind. */
static void bytes_behind_count_for_nothing(void **state)
{
	struct bh_pkt a, b;
	struct frame f;
	int i, k;

	(void)state;
	for (i = 0; i < 200000; i++) {
		uint32_t n;

		make(dice() % N_GOOD, (enum bh_dir)(i % 2), &f);
		for (k = (int)(dice() % 4); k > 0; k--)
			f.data[12 + dice() % (f.len - 12)] = (uint8_t)(dice() & 1 ? dice() : dice() % 8);
		n = dice() & 1 ? f.len : dice() % (f.len + 1);
		a.kind = b.kind = 0;
		(void)parse_bytes(&f, n, f.len, 0, &a);
		(void)parse_bytes(&f, n, f.len, 0xff, &b);
		assert_true(may_come_from_parser((enum bh_reason)a.kind));
		assert_memory_equal(&a, &b, sizeof(a));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_frames_are_understood),
		cmocka_unit_test(every_prefix_is_malformed),
		cmocka_unit_test(headers_cut_honestly_are_malformed),
		cmocka_unit_test(only_headers_need_be_linear),
		cmocka_unit_test(flow_is_seen_from_the_pod),
		cmocka_unit_test(only_a_pure_syn_opens),
		cmocka_unit_test(echo_has_an_asker),
		cmocka_unit_test(length_0_is_for_giants),
		cmocka_unit_test(bytes_behind_count_for_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
