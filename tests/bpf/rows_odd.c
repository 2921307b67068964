// SPDX-License-Identifier: Apache-2.0
/* The table of what is not plain: pieces of datagrams, options, extension headers, errors about other
 * packets, SCTP, combinations of TCP flags, packets to everybody. */
#include "rows.h"

#include <string.h>

#include <linux/if_ether.h>

/* clang-format off */

/* ---- fragments: a datagram of 24 bytes a piece ------------------------------------------- */

static void piece(struct frame *f, uint16_t offset_and_flags, uint32_t size)
{
	cut(f, f->l4 + size);
	fragment(f, offset_and_flags);
}

#define MORE 0x2000

static void first(struct frame *f) { piece(f, MORE, 24); }
static void first_32(struct frame *f) { piece(f, MORE, 32); }
static void second(struct frame *f) { piece(f, MORE | 3, 24); }
static void second_last(struct frame *f) { piece(f, 3, 24); }
static void third(struct frame *f) { piece(f, MORE | 6, 24); }
static void third_last(struct frame *f) { piece(f, 6, 9); }
static void overlapping(struct frame *f) { piece(f, MORE | 2, 24); }
static void contained(struct frame *f) { piece(f, 2, 8); }
static void behind_gap(struct frame *f) { piece(f, MORE | 9, 24); }
static void first_16(struct frame *f) { piece(f, MORE, 16); }
static void first_8(struct frame *f) { piece(f, MORE, 8); }
static void at_8(struct frame *f) { piece(f, MORE | 1, 24); }
static void odd_size(struct frame *f) { piece(f, MORE, 20); }
static void odd_size_later(struct frame *f) { piece(f, MORE | 3, 20); }
static void past_64k(struct frame *f) { piece(f, 0x1fff, 24); }
static void up_to_64k(struct frame *f) { piece(f, 0x1ffe, 15); }
static void empty(struct frame *f) { piece(f, MORE | 3, 0); }

static void first_to_81(struct frame *f)
{
	put16(f, f->l4 + 2, 81);
	first(f);
}

static void first_long_header(struct frame *f)	/* TCP options end in the next piece */
{
	f->data[f->l4 + 12] = 8 << 4;
	first(f);
}

static void first_whole_header(struct frame *f)
{
	f->data[f->l4 + 12] = 8 << 4;
	first_32(f);
}

static void second_of_another(struct frame *f)
{
	second(f);
	put16(f, f->family == 4 ? f->l3 + 4 : f->l4 + 6, 8);
}

static void second_of_other_protocol(struct frame *f)
{
	second(f);
	f->data[f->family == 4 ? f->l3 + 9 : f->l4] = IPPROTO_UDP;
}

/* The last byte of an address: of the sender, or of whom it is sent to. */
static uint8_t *address_end(struct frame *f, bool sender)
{
	return f->data + f->l3 + (f->family == 4 ? (sender ? 15 : 19) : (sender ? 23 : 39));
}

static void second_of_stranger(struct frame *f)
{
	second(f);
	*address_end(f, f->dir == BH_INGRESS) = 99;
}

static void first_behind_options(struct frame *f)	/* destination options before and behind */
{
	extend(f, IPPROTO_DSTOPTS);
	first_32(f);
	extend(f, IPPROTO_DSTOPTS);
}

static void pieces_of_pieces(struct frame *f) { first(f); fragment(f, MORE); }
static void atomic_piece(struct frame *f) { first(f); fragment(f, 0); }
static void headers_in_pieces(struct frame *f)	/* the chain goes on in the next one */
{
	extend(f, IPPROTO_DSTOPTS);
	f->data[f->l4 + 1] = 3;
	first(f);
}

/* ---- IPv4 options ------------------------------------------------------------------------ */

static void options(struct frame *f, const uint8_t *bytes, uint32_t n)
{
	const uint32_t room = (n + 3) / 4 * 4;

	insert(f, f->l4, room);
	memcpy(f->data + f->l4, bytes, n);
	f->data[f->l3] = (uint8_t)(0x45 + room / 4);
}

#define OPTIONS(name, ...)                                                                                   \
	static void name(struct frame *f)                                                                    \
	{                                                                                                    \
		static const uint8_t bytes[] = { __VA_ARGS__ };                                              \
		options(f, bytes, sizeof(bytes));                                                            \
	}

OPTIONS(nops, 1, 1, 1, 1)
OPTIONS(router_alert, 148, 4, 0, 0)
OPTIONS(security, 130, 11, 0, 0, 0, 0, 0, 0, 0, 0, 0)
OPTIONS(unknown_option, 94, 3, 0, 1)
OPTIONS(record_route, 7, 7, 4, 0, 0, 0, 0)
OPTIONS(timestamp, 68, 8, 5, 0, 0, 0, 0, 0)
OPTIONS(record_after_alert, 148, 4, 0, 0, 7, 7, 4, 0, 0, 0, 0)
OPTIONS(loose_route, 131, 7, 4, 192, 0, 2, 1)
OPTIONS(strict_route, 137, 7, 4, 192, 0, 2, 1)
OPTIONS(route_behind_nops, 1, 1, 1, 1, 1, 131, 7, 4, 192, 0, 2, 1)
OPTIONS(route_at_the_end, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, \
	1, 1, 1, 1, 1, 137, 3, 4, 0)
OPTIONS(route_behind_end, 0, 131, 7, 4, 192, 0, 2, 1)
OPTIONS(option_of_length_0, 148, 0, 0, 0)
OPTIONS(option_of_length_1, 148, 1, 0, 0)
OPTIONS(option_too_long, 148, 5, 0, 0)
OPTIONS(option_without_length, 1, 1, 1, 148)

static void route_in_first(struct frame *f) { first(f); loose_route(f); }
static void route_in_second(struct frame *f) { second(f); loose_route(f); }
static void alert_in_second(struct frame *f) { second(f); router_alert(f); }

/* ---- IPv6 extension headers -------------------------------------------------------------- */

static void extend_n(struct frame *f, int n)
{
	while (n--)
		extend(f, IPPROTO_DSTOPTS);
}

static void headers_8(struct frame *f) { extend_n(f, 8); }
static void headers_9(struct frame *f) { extend_n(f, 9); }
static void all_kinds(struct frame *f)
{
	extend(f, IPPROTO_DSTOPTS);
	extend(f, IPPROTO_AH);
	fragment(f, 0);
	extend(f, IPPROTO_ROUTING);
	f->data[f->l4 + 2] = 2;
	extend(f, IPPROTO_DSTOPTS);
	extend(f, IPPROTO_HOPOPTS);
}

static void hop_by_hop_late(struct frame *f)
{
	extend(f, IPPROTO_HOPOPTS);
	extend(f, IPPROTO_DSTOPTS);
}

static void long_header(struct frame *f, uint32_t bytes)
{
	extend(f, IPPROTO_DSTOPTS);
	insert(f, f->l4 + 8, bytes - 8);
	f->data[f->l4 + 1] = (uint8_t)(bytes / 8 - 1);
}

static void header_of_136(struct frame *f) { long_header(f, 136); }
static void header_of_144(struct frame *f) { long_header(f, 144); }
static void header_of_2048(struct frame *f) { long_header(f, 2048); }
static void auth_of_24(struct frame *f)
{
	extend(f, IPPROTO_AH);
	insert(f, f->l4 + 8, 16);
	f->data[f->l4 + 1] = 4;
}

static void header_too_long(struct frame *f) { extend(f, IPPROTO_DSTOPTS); f->data[f->l4 + 1] = 8; }
static void header_alone(struct frame *f) { extend(f, IPPROTO_DSTOPTS); cut(f, f->l4 + 8); }
static void header_cut(struct frame *f) { extend(f, IPPROTO_DSTOPTS); cut(f, f->l4 + 7); }

static void routing(struct frame *f, uint8_t type, uint8_t left)
{
	extend(f, IPPROTO_ROUTING);
	f->data[f->l4 + 2] = type;
	f->data[f->l4 + 3] = left;
}

static void routing_0(struct frame *f) { routing(f, 0, 1); }
static void routing_0_done(struct frame *f) { routing(f, 0, 0); }
static void routing_0_late(struct frame *f) { routing(f, 0, 1); extend(f, IPPROTO_DSTOPTS); }
static void routing_2_done(struct frame *f) { routing(f, 2, 0); }
static void routing_4(struct frame *f) { routing(f, 4, 1); }

static void router_advertisement(struct frame *f)
{
	memset(f->data + f->l4, 0, 16);
	f->data[f->l4] = 134;
	f->data[f->l3 + 6] = IPPROTO_ICMPV6;
	f->data[f->l3 + 7] = 255;
	cut(f, f->l4 + 16);
}

static void ra_behind_options(struct frame *f) { router_advertisement(f); extend_n(f, 1); }
static void ra_behind_8(struct frame *f) { router_advertisement(f); extend_n(f, 8); }
static void ra_behind_9(struct frame *f) { router_advertisement(f); extend_n(f, 9); }
static void ra_in_pieces(struct frame *f) { router_advertisement(f); fragment(f, MORE); }
static void ra_in_pieces_behind_options(struct frame *f) { ra_behind_options(f); fragment(f, MORE); }
static void ra_in_second(struct frame *f) { ra_behind_options(f); piece(f, MORE, 8); }
static void ra_behind_options_in_second(struct frame *f) { ra_behind_options(f); f->data[f->l4 + 1] = 1; piece(f, MORE, 8); }

/* ---- ICMP errors ------------------------------------------------------------------------- */

/* Becomes the error about a packet that went the other way in this frame's flow, of which @n bytes of the transport
 * header are quoted. */
static void error_about(struct frame *f, uint8_t type4, uint8_t type6, uint8_t code, uint32_t n)
{
	const uint32_t header = f->l4 - f->l3, size = f->family == 4 ? 4 : 16, from = f->family == 4 ? 12 : 8;
	const uint8_t icmp = f->family == 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6;
	uint8_t *next = f->data + f->l3 + (f->family == 4 ? 9 : 6), q[80], ports[4];
	const bool echo = *next == icmp;

	memcpy(q, f->data + f->l3, header + 8);
	memcpy(q + from, f->data + f->l3 + from + size, size);
	memcpy(q + from + size, f->data + f->l3 + from, size);
	memcpy(ports, f->data + f->l4, 4);
	if (echo) {
		q[header] ^= f->family == 4 ? 8 : 1;
	} else {
		memcpy(q + header, ports + 2, 2);
		memcpy(q + header + 2, ports, 2);
	}
	memset(f->data + f->l4, 0, 8);
	f->data[f->l4] = f->family == 4 ? type4 : type6;
	f->data[f->l4 + 1] = code;
	memcpy(f->data + f->l4 + 8, q, header + 8);
	*next = icmp;
	cut(f, f->l4 + 8 + header + n);
}

static uint32_t quoted_ip(const struct frame *f) { return f->l4 + 8; }
static uint32_t quoted_l4(const struct frame *f) { return f->l4 + 8 + (f->l4 - f->l3); }

static void too_big(struct frame *f) { error_about(f, 3, 2, f->family == 4 ? 4 : 0, 8); }
static void unreachable(struct frame *f) { error_about(f, 3, 1, 3, 8); }
static void time_exceeded(struct frame *f) { error_about(f, 11, 3, 0, 8); }
static void parameter_problem(struct frame *f) { error_about(f, 12, 4, 0, 8); }
static void source_quench(struct frame *f) { error_about(f, 4, 100, 0, 8); }
static void redirect4(struct frame *f) { error_about(f, 5, 101, 1, 8); }
static void quotes_7(struct frame *f) { error_about(f, 3, 2, 4, 7); }
static void quotes_nothing(struct frame *f) { too_big(f); cut(f, f->l4 + 8); }
static void from_router(struct frame *f) { too_big(f); *address_end(f, true) = 201; }
static void to_another(struct frame *f) { too_big(f); *address_end(f, false) = 201; }
static void quotes_other_port(struct frame *f) { too_big(f); f->data[quoted_l4(f) + 1] ^= 1; }
static void quotes_other_protocol(struct frame *f) { too_big(f); f->data[quoted_ip(f) + (f->family == 4 ? 9 : 6)] = 47; }
static void quotes_other_version(struct frame *f) { too_big(f); f->data[quoted_ip(f)] ^= 0x20; }
static void quotes_short_ihl(struct frame *f) { too_big(f); f->data[quoted_ip(f)] = 0x44; }

/* Somebody else's packet: the end of the pod in what is quoted is another address. */
static void quotes_another(struct frame *f)
{
	const uint32_t size = f->family == 4 ? 4 : 16;

	too_big(f);
	f->data[quoted_ip(f) + (f->family == 4 ? 15 : 23) + (f->dir == BH_EGRESS ? size : 0)] ^= 2;
}

static void quotes_itself(struct frame *f)	/* not turned round: what the sender itself has sent */
{
	const uint32_t n = f->l4 - f->l3;
	uint8_t was[80];

	memcpy(was, f->data + f->l3, n + 8);
	too_big(f);
	memcpy(f->data + quoted_ip(f), was, n + 8);
}

/* Another address of the same pod: of that one there is a session. */
static void by_its_first_address(struct frame *f)
{
	const struct bh_addr a = local_addr(L_OWN, f->family);
	const bool src = f->dir == BH_EGRESS;

	too_big(f);
	if (f->family == 4)
		memcpy(f->data + f->l3 + (src ? 12 : 16), &a.w[3], 4);
	else
		memcpy(f->data + f->l3 + (src ? 8 : 24), &a, 16);
}

static void quotes_first_piece(struct frame *f)
{
	too_big(f);
	if (f->family == 4) {
		put16(f, quoted_ip(f) + 6, MORE);
		return;
	}
	insert(f, quoted_l4(f), 8);
	f->data[quoted_l4(f)] = f->data[quoted_ip(f) + 6];
	f->data[quoted_ip(f) + 6] = IPPROTO_FRAGMENT;
	put16(f, quoted_l4(f) + 2, 1);
}

static void quotes_later_piece(struct frame *f)
{
	quotes_first_piece(f);
	put16(f, f->family == 4 ? quoted_ip(f) + 6 : quoted_l4(f) + 2, f->family == 4 ? 3 : 24);
}

static void quotes_options(struct frame *f)
{
	too_big(f);
	insert(f, quoted_l4(f), 8);
	if (f->family == 4) {
		f->data[quoted_ip(f)] = 0x47;
		return;
	}
	f->data[quoted_l4(f)] = f->data[quoted_ip(f) + 6];
	f->data[quoted_ip(f) + 6] = IPPROTO_DSTOPTS;
}

static void behind_options(struct frame *f)
{
	too_big(f);
	if (f->family == 4)
		nops(f);
	else
		extend_n(f, 1);
}

static void quotes_nd(struct frame *f)	/* ICMP that is no echo */
{
	too_big(f);
	f->data[quoted_l4(f)] = f->family == 4 ? 13 : 135;
}

/* ---- the rest ---------------------------------------------------------------------------- */

static void chunk_of_length_3(struct frame *f) { put16(f, f->l4 + 14, 3); }
static void init_with_tag(struct frame *f) { f->data[f->l4 + 7] = 1; }
static void sctp_cut(struct frame *f) { cut(f, f->l4 + 15); }
static void flags_0(struct frame *f) { f->data[f->l4 + 13] = 0; }
static void l4_8(struct frame *f) { cut(f, f->l4 + 8); }

#define TINY	BH_FRAGMENT_TINY
#define OVERLAP BH_FRAGMENT_OVERLAP
#define LONG_AGO 0x1000000

/* A first packet with these flags, to a port that policy allows; a packet that may not be. */
#define VALID(text, f) { "TCP flags: " text, F46, EITHER, { .flags = (f) }, S_WEB, .want = BH_POLICY, .rule = R_HTTP, .left = FRESH }
#define INVALID(text, f) { "TCP flags: " text, F46, EITHER, { .flags = (f) }, S_OPEN, .want = BH_MALFORMED }
/* In mid-flow: nobody opened it, and one direction denies. */
#define STRAY(text, f) { "TCP flags: " text ", without session", F46, EITHER, { .flags = (f) }, S_WEB, .far = true, \
	  .want = BH_NO_SESSION, .rule = R_SHUT, .far_rule = true }
#define ALIVE { .epoch = NOW }
/* An error about a flow that lives; about one that does not. */
#define ERROR(text, families, dirs, ...) { "ICMP error: " text, families, dirs, { __VA_ARGS__ }, S_SHUT, .prior = ALIVE, \
	  .want = BH_RELATED, .left = KEPT }
#define FORGED(text, families, dirs, ...) { "ICMP error: " text, families, dirs, { __VA_ARGS__ }, S_SHUT, .prior = ALIVE, \
	  .want = BH_UNRELATED, .rule = R_SHUT, .left = KEPT }
#define PASSES(text, families, dirs, ...) { text, families, dirs, { __VA_ARGS__ }, S_WEB, .want = BH_POLICY, .rule = R_HTTP, \
	  .left = FRESH }
#define NEVER(text, families, dirs, ...) { text, families, dirs, { __VA_ARGS__ }, S_OPEN, .want = BH_SOURCE_ROUTE }
#define BROKEN(text, families, dirs, ...) { text, families, dirs, { __VA_ARGS__ }, S_OPEN, .want = BH_MALFORMED }

static const struct row rows[] = {
	/* fragments: the first decides */
	PASSES("fragment: first, allowed", F46, EITHER, .bend = first),
	{ "fragment: first, denied", F46, EITHER, { .port = 81, .bend = first }, S_WEB, .want = BH_DENIED, .rule = R_SHUT },
	{ "fragment: first, UDP", F46, EITHER, { .proto = UDP, .port = 53, .bend = first }, S_WEB, .want = BH_POLICY,
	  .rule = R_DNS, .left = FRESH },
	{ "fragment: first, UDP denied", F46, EITHER, { .proto = UDP, .port = 54, .bend = first }, S_WEB,
	  .want = BH_DENIED, .rule = R_SHUT },
	{ "fragment: first, echo", F46, EITHER, { .proto = ECHO, .peer = P_ALL, .bend = first }, S_WEB,
	  .want = BH_POLICY, .rule = R_ALL, .left = FRESH },
	{ "fragment: first of 8 bytes, echo", F46, EITHER, { .proto = ECHO, .peer = P_ALL, .bend = first_8 }, S_WEB,
	  .want = BH_POLICY, .rule = R_ALL, .left = FRESH },
	{ "fragment: first, SCTP", F46, EITHER, { .proto = SCTP, .port = 3868, .bend = first }, S_SCTP,
	  .want = BH_POLICY, .rule = R_SCTP, .left = FRESH },
	{ "fragment: first, GRE", F46, EITHER, { .proto = IPPROTO_GRE, .bend = first }, S_WEB, .want = BH_PROTOCOL,
	  .rule = R_SHUT },
	{ "fragment: first, without session", F46, EITHER, { .flags = ACK, .bend = first }, S_WEB, .far = true,
	  .want = BH_NO_SESSION, .rule = R_SHUT, .far_rule = true },
	{ "fragment: first, by a live session", F46, EITHER, { .flags = ACK, .bend = first }, S_SHUT, .prior = ALIVE,
	  .want = BH_SESSION, .left = RUNS },
	{ "fragment: first, by a stale session", F46, EITHER, { .flags = ACK, .bend = first }, S_WEB,
	  .prior = { .epoch = STALE }, .want = BH_SESSION, .rule = R_HTTP, .stat = BH_STAT_SESSION_REDONE, .left = RUNS },
	PASSES("fragment: first, with the whole of long TCP options", F46, EITHER, .bend = first_whole_header),
	PASSES("fragment: first, among destination options", F6, EITHER, .bend = first_behind_options),
	PASSES("fragment: atomic, twice", F6, EITHER, .bend = atomic_piece),

	/* and the others follow */
	{ "fragment: second", F46, EITHER, { .bend = second }, S_WEB, .before = { first }, .want = BH_LATER },
	{ "fragment: last", F46, EITHER, { .bend = second_last }, S_WEB, .before = { first }, .want = BH_LATER },
	{ "fragment: third", F46, EITHER, { .bend = third }, S_WEB, .before = { first, second }, .want = BH_LATER },
	{ "fragment: third and last, of 9 bytes", F46, EITHER, { .bend = third_last }, S_WEB, .before = { first, second },
	  .want = BH_LATER },
	{ "fragment: up to 64 KiB", F46, EITHER, { .bend = up_to_64k }, S_WEB, .before = { first }, .want = BH_LATER },
	{ "fragment: UDP, second", F46, EITHER, { .proto = UDP, .port = 53, .bend = second_last }, S_WEB,
	  .before = { first }, .want = BH_LATER },
	{ "fragment: echo, second", F46, EITHER, { .proto = ECHO, .peer = P_ALL, .bend = second_last }, S_WEB,
	  .before = { first }, .want = BH_LATER },
	{ "fragment: echo, second at 8", F46, EITHER, { .proto = ECHO, .peer = P_ALL, .bend = at_8 }, S_WEB,
	  .before = { first_8 }, .want = BH_LATER },
	{ "fragment: SCTP, second", F46, EITHER, { .proto = SCTP, .port = 3868, .bend = second_last }, S_SCTP,
	  .before = { first }, .want = BH_LATER },
	{ "fragment: of a live session", F46, EITHER, { .flags = ACK, .bend = second }, S_SHUT, .before = { first },
	  .prior = ALIVE, .want = BH_LATER, .left = KEPT },
	{ "fragment: of a pod found by index", F46, EITHER, { .bend = second }, S_WEB, E_COLLIDED, .before = { first },
	  .want = BH_LATER },
	{ "fragment: of a forwarder", F46, EITHER, { .local = L_OTHER, .bend = second }, S_WEB, E_FORWARDS,
	  .before = { first }, .want = BH_LATER },
	{ "fragment: where all is allowed", F46, EITHER, { .bend = second }, S_OPEN, .before = { first },
	  .want = BH_LATER },
	{ "fragment: with a router alert", F4, EITHER, { .bend = alert_in_second }, S_WEB, .before = { first },
	  .want = BH_LATER },
	{ "fragment: behind a gap", F46, EITHER, { .bend = third }, S_WEB, .before = { first }, .want = BH_LATER },
	{ "fragment: long after", F46, EITHER, { .bend = second }, S_WEB, .before = { first }, .aged = LONG_AGO,
	  .want = BH_FRAGMENT, .rule = R_SHUT },
	{ "fragment: a moment after", F46, EITHER, { .bend = second }, S_WEB, .before = { first }, .aged = 5,
	  .want = BH_LATER },
	{ "fragment: of a former epoch", F46, EITHER, { .bend = second }, S_WEB, .before = { first }, .former = 1,
	  .want = BH_FRAGMENT, .rule = R_SHUT },
	{ "fragment: nobody saw the first", F46, EITHER, { .bend = second }, S_WEB, .want = BH_FRAGMENT, .rule = R_SHUT },
	{ "fragment: the first was denied", F46, EITHER, { .port = 81, .bend = second }, S_WEB, .before = { first },
	  .want = BH_FRAGMENT, .rule = R_SHUT },
	{ "fragment: the first again, denied", F46, EITHER, { .bend = second }, S_WEB, .before = { first, first_to_81 },
	  .want = OVERLAP, .rule = R_SHUT },
	{ "fragment: the first again, allowed", F46, EITHER, { .bend = second }, S_WEB,
	  .before = { first, first_to_81, first }, .want = BH_LATER },
	{ "fragment: another id", F46, EITHER, { .bend = second_of_another }, S_WEB, .before = { first },
	  .want = BH_FRAGMENT, .rule = R_SHUT },
	{ "fragment: another protocol", F4, EITHER, { .bend = second_of_other_protocol }, S_WEB, .before = { first },
	  .want = BH_FRAGMENT, .rule = R_SHUT },
	{ "fragment: another protocol, which only the first one names", F6, EITHER, { .bend = second_of_other_protocol },
	  S_WEB, .before = { first }, .want = BH_LATER },
	{ "fragment: another peer", F46, EITHER, { .bend = second_of_stranger }, S_WEB, .before = { first },
	  .want = BH_FRAGMENT, .rule = R_SHUT },
	{ "fragment: nobody saw the first, a rule without ports", F46, EITHER, { .peer = P_ALL, .bend = second }, S_WEB,
	  .want = BH_OPEN, .rule = R_ALL },
	{ "fragment: no policy yet", F46, EITHER, { .bend = second }, S_NONE, .before = { first }, .want = BH_NO_POLICY },

	/* overlaps cost the datagram */
	{ "overlap: over the first", F46, EITHER, { .bend = overlapping }, S_WEB, .before = { first }, .want = OVERLAP,
	  .rule = R_SHUT },
	{ "overlap: within the first", F46, EITHER, { .bend = contained }, S_WEB, .before = { first }, .want = OVERLAP,
	  .rule = R_SHUT },
	{ "overlap: what comes then", F46, EITHER, { .bend = second }, S_WEB, .before = { first, overlapping },
	  .want = OVERLAP, .rule = R_SHUT },
	{ "overlap: past the end", F46, EITHER, { .bend = third }, S_WEB, .before = { first, second_last },
	  .want = OVERLAP, .rule = R_SHUT },
	{ "overlap: the same once more", F46, EITHER, { .bend = second }, S_WEB, .before = { first, second },
	  .want = OVERLAP, .rule = R_SHUT },
	{ "overlap: after the same once more", F46, EITHER, { .bend = third }, S_WEB, .before = { first, second, second },
	  .want = BH_LATER },
	{ "overlap: overtaken", F46, EITHER, { .bend = second }, S_WEB, .before = { first, third }, .want = OVERLAP,
	  .rule = R_SHUT },
	{ "overlap: where all is allowed", F46, EITHER, { .bend = overlapping }, S_OPEN, .before = { first },
	  .want = BH_OPEN },
	{ "overlap: behind a gap is none", F46, EITHER, { .bend = behind_gap }, S_WEB, .before = { first, second },
	  .want = BH_LATER },

	/* pieces that no sender makes */
	{ "tiny: TCP header cut", F46, EITHER, { .bend = first_16 }, S_WEB, .want = TINY, .rule = R_SHUT },
	{ "tiny: ports alone", F46, EITHER, { .bend = first_8 }, S_WEB, .want = TINY, .rule = R_SHUT },
	{ "tiny: TCP options cut", F46, EITHER, { .bend = first_long_header }, S_WEB, .want = TINY, .rule = R_SHUT },
	{ "tiny: SCTP chunk cut", F46, EITHER, { .proto = SCTP, .port = 3868, .bend = first_8 }, S_SCTP, .want = TINY,
	  .rule = R_SHUT },
	{ "tiny: TCP flags from the second on", F46, EITHER, { .bend = at_8 }, S_WEB, .want = TINY, .rule = R_SHUT },
	{ "tiny: extension headers cut, in", F6, TO, { .bend = headers_in_pieces }, S_WEB, .want = TINY, .rule = R_SHUT },
	{ "tiny: extension headers cut, out", F6, FROM, { .bend = headers_in_pieces }, S_OPEN, .want = TINY },
	{ "tiny: where all is allowed", F46, EITHER, { .bend = first_16 }, S_OPEN, .want = BH_OPEN },
	{ "tiny: what comes then", F46, EITHER, { .bend = second }, S_WEB, .before = { first_16 }, .want = BH_FRAGMENT,
	  .rule = R_SHUT },
	{ "tiny: to a hostPort", F46, FROM, { .peer = P_NODE, .port = 30080, .bend = first_8 }, S_SHUT, .want = TINY,
	  .rule = R_SHUT },
	BROKEN("fragment: 20 bytes, and more to come", F46, EITHER, .bend = odd_size),
	BROKEN("fragment: 20 bytes, later, and more to come", F46, EITHER, .bend = odd_size_later),
	BROKEN("fragment: past 64 KiB", F46, EITHER, .bend = past_64k),
	BROKEN("fragment: empty", F46, EITHER, .bend = empty),
	{ "fragment: pieces of pieces out", F6, FROM, { .bend = pieces_of_pieces }, S_OPEN, .want = BH_EXT_HEADER },
	{ "fragment: pieces of pieces in", F6, TO, { .bend = pieces_of_pieces }, S_WEB, .want = BH_EXT_HEADER,
	  .rule = R_SHUT },
	{ "fragment: made here", F46, TO, { .bend = second }, S_SHUT, .here = true, .before = { first }, .want = BH_LATER },

	/* IPv4 options */
	PASSES("options: NOP", F4, EITHER, .bend = nops),
	PASSES("options: router alert", F4, EITHER, .bend = router_alert),
	PASSES("options: security", F4, EITHER, .bend = security),
	PASSES("options: unknown", F4, EITHER, .bend = unknown_option),
	PASSES("options: a source route behind the end is none", F4, EITHER, .bend = route_behind_end),
	{ "options: denied port", F4, EITHER, { .port = 81, .bend = router_alert }, S_WEB, .want = BH_DENIED,
	  .rule = R_SHUT },
	{ "options: UDP", F4, EITHER, { .proto = UDP, .port = 53, .bend = router_alert }, S_WEB, .want = BH_POLICY,
	  .rule = R_DNS, .left = FRESH },
	{ "options: live session", F4, EITHER, { .flags = ACK, .bend = router_alert }, S_SHUT, .prior = ALIVE,
	  .want = BH_SESSION, .left = RUNS },
	{ "options: without session", F4, EITHER, { .flags = ACK, .bend = nops }, S_WEB, .far = true,
	  .want = BH_NO_SESSION, .rule = R_SHUT, .far_rule = true },
	{ "options: record route", F4, EITHER, { .bend = record_route }, S_WEB, .want = BH_IP_OPTIONS, .rule = R_SHUT },
	{ "options: record route behind an alert", F4, EITHER, { .bend = record_after_alert }, S_WEB,
	  .want = BH_IP_OPTIONS, .rule = R_SHUT },
	{ "options: timestamp", F4, EITHER, { .bend = timestamp }, S_WEB, .want = BH_IP_OPTIONS, .rule = R_SHUT },
	{ "options: record route, a rule without ports", F4, EITHER, { .peer = P_ALL, .bend = record_route }, S_WEB,
	  .want = BH_OPEN, .rule = R_ALL },
	{ "options: record route, all allowed", F4, EITHER, { .bend = record_route }, S_OPEN, .want = BH_OPEN },
	{ "options: timestamp, all allowed", F4, EITHER, { .bend = timestamp }, S_OPEN, .want = BH_OPEN },
	NEVER("options: loose source route", F4, EITHER, .bend = loose_route),
	NEVER("options: strict source route", F4, EITHER, .bend = strict_route),
	NEVER("options: source route behind NOPs", F4, EITHER, .bend = route_behind_nops),
	NEVER("options: source route at the end of 40 bytes", F4, EITHER, .bend = route_at_the_end),
	NEVER("options: source route of a first fragment", F4, EITHER, .bend = route_in_first),
	NEVER("options: source route of a later fragment", F4, EITHER, .bend = route_in_second),
	{ "options: source route, live session", F4, EITHER, { .flags = ACK, .bend = loose_route }, S_OPEN,
	  .prior = ALIVE, .want = BH_SOURCE_ROUTE, .left = KEPT },
	{ "options: source route, to the node", F4, FROM, { .peer = P_NODE, .bend = loose_route }, S_OPEN,
	  .want = BH_SOURCE_ROUTE },
	{ "options: source route, another's address", F4, FROM, { .local = L_OTHER, .bend = loose_route }, S_OPEN,
	  .want = BH_SPOOFED_ADDR },
	BROKEN("options: of length 0", F4, EITHER, .bend = option_of_length_0),
	BROKEN("options: of length 1", F4, EITHER, .bend = option_of_length_1),
	BROKEN("options: past the header", F4, EITHER, .bend = option_too_long),
	BROKEN("options: the last has no length", F4, EITHER, .bend = option_without_length),

	/* IPv6 extension headers */
	PASSES("extension headers: eight", F6, EITHER, .bend = headers_8),
	PASSES("extension headers: one of each", F6, EITHER, .bend = all_kinds),
	PASSES("extension headers: one of 136 bytes", F6, EITHER, .bend = header_of_136),
	PASSES("extension headers: authentication of 24 bytes", F6, EITHER, .bend = auth_of_24),
	PASSES("extension headers: routed here", F6, EITHER, .bend = routing_2_done),
	{ "extension headers: denied port", F6, EITHER, { .port = 81, .bend = headers_8 }, S_WEB, .want = BH_DENIED,
	  .rule = R_SHUT },
	{ "extension headers: live session", F6, EITHER, { .flags = ACK, .bend = headers_8 }, S_SHUT, .prior = ALIVE,
	  .want = BH_SESSION, .left = RUNS },
	{ "extension headers: UDP", F6, EITHER, { .proto = UDP, .port = 53, .bend = headers_8 }, S_WEB,
	  .want = BH_POLICY, .rule = R_DNS, .left = FRESH },
	{ "extension headers: GRE behind", F6, EITHER, { .proto = IPPROTO_GRE, .bend = headers_8 }, S_WEB,
	  .want = BH_PROTOCOL, .rule = R_SHUT },
	{ "extension headers: nine, out", F6, FROM, { .bend = headers_9 }, S_OPEN, .want = BH_EXT_HEADER },
	{ "extension headers: nine, in", F6, TO, { .bend = headers_9 }, S_WEB, .want = BH_EXT_HEADER, .rule = R_SHUT },
	{ "extension headers: nine, in, all allowed", F6, TO, { .bend = headers_9 }, S_OPEN, .want = BH_OPEN },
	{ "extension headers: nine, to the node", F6, FROM, { .peer = P_NODE, .bend = headers_9 }, S_OPEN,
	  .want = BH_EXT_HEADER },
	{ "extension headers: one of 144 bytes, out", F6, FROM, { .bend = header_of_144 }, S_OPEN,
	  .want = BH_EXT_HEADER },
	{ "extension headers: one of 2048 bytes, in", F6, TO, { .bend = header_of_2048 }, S_WEB, .want = BH_EXT_HEADER,
	  .rule = R_SHUT },
	{ "extension headers: to be routed on", F6, EITHER, { .bend = routing_4 }, S_WEB, .want = BH_EXT_HEADER,
	  .rule = R_SHUT },
	{ "extension headers: to be routed on, all allowed", F6, EITHER, { .bend = routing_4 }, S_OPEN, .want = BH_OPEN },
	NEVER("extension headers: routing type 0", F6, EITHER, .bend = routing_0),
	NEVER("extension headers: routing type 0, arrived", F6, EITHER, .bend = routing_0_done),
	NEVER("extension headers: routing type 0 behind others", F6, EITHER, .bend = routing_0_late),
	BROKEN("extension headers: hop-by-hop that is not first", F6, EITHER, .bend = hop_by_hop_late),
	BROKEN("extension headers: past the end", F6, EITHER, .bend = header_too_long),
	BROKEN("extension headers: nothing behind", F6, EITHER, .bend = header_alone),
	BROKEN("extension headers: cut", F6, EITHER, .bend = header_cut),
	{ "protocol: mobility", F6, EITHER, { .proto = 135, .bend = l4_8 }, S_WEB, .want = BH_PROTOCOL, .rule = R_SHUT },
	{ "protocol: HIP", F6, EITHER, { .proto = 139, .bend = l4_8 }, S_WEB, .want = BH_PROTOCOL, .rule = R_SHUT },
	{ "protocol: shim6", F6, EITHER, { .proto = 140 }, S_OPEN, .want = BH_OPEN },
	{ "protocol: experimental", F46, EITHER, { .proto = 253, .bend = l4_8 }, S_WEB, .want = BH_PROTOCOL,
	  .rule = R_SHUT },

	/* who claims to be a router behind them */
	{ "RA behind options, out", F6, FROM, { .local = L_LINK_LOCAL, .peer = P_MULTICAST, .bend = ra_behind_options },
	  S_OPEN, .want = BH_SPOOFED_ND },
	{ "RA behind eight headers, out", F6, FROM, { .local = L_LINK_LOCAL, .peer = P_MULTICAST, .bend = ra_behind_8 },
	  S_OPEN, .want = BH_SPOOFED_ND },
	{ "RA behind nine headers, out", F6, FROM, { .local = L_LINK_LOCAL, .peer = P_MULTICAST, .bend = ra_behind_9 },
	  S_OPEN, .want = BH_EXT_HEADER },
	{ "RA in pieces", F6, FROM, { .local = L_LINK_LOCAL, .peer = P_MULTICAST, .bend = ra_in_pieces }, S_OPEN,
	  .want = BH_SPOOFED_ND },
	{ "RA in pieces behind options", F6, FROM,
	  { .local = L_LINK_LOCAL, .peer = P_MULTICAST, .bend = ra_in_pieces_behind_options }, S_OPEN,
	  .want = BH_SPOOFED_ND },
	{ "RA in the second piece", F6, FROM, { .local = L_LINK_LOCAL, .peer = P_MULTICAST, .bend = ra_in_second }, S_OPEN,
	  .want = TINY },
	{ "RA in the second piece, with the end of the options", F6, FROM,
	  { .local = L_LINK_LOCAL, .peer = P_MULTICAST, .bend = ra_behind_options_in_second }, S_OPEN, .want = TINY },
	{ "ICMPv6 in the second piece", F6, FROM, { .bend = ra_in_second }, S_OPEN, .want = TINY },
	{ "ICMPv6 in the second piece, to the node", F6, FROM, { .peer = P_NODE, .bend = ra_in_second }, S_OPEN, .want = TINY },
	{ "ICMPv6 in the second piece, in", F6, TO, { .bend = ra_in_second }, S_OPEN, .want = BH_OPEN },

	/* ICMP errors: of a live flow, in both directions, whatever policy says by now */
	ERROR("too big", F46, EITHER, .bend = too_big),
	ERROR("unreachable", F46, EITHER, .bend = unreachable),
	ERROR("time exceeded", F46, EITHER, .bend = time_exceeded),
	ERROR("parameter problem", F46, EITHER, .bend = parameter_problem),
	ERROR("too big, UDP", F46, EITHER, .proto = UDP, .bend = too_big),
	ERROR("unreachable, UDP", F46, EITHER, .proto = UDP, .bend = unreachable),
	ERROR("too big, SCTP", F46, EITHER, .proto = SCTP, .bend = too_big),
	ERROR("about a request", F46, EITHER, .proto = ECHO, .back = true, .bend = time_exceeded),
	ERROR("about a reply", F46, EITHER, .proto = ECHO, .bend = too_big),
	ERROR("the flow's other direction", F46, EITHER, .flags = ACK, .back = true, .bend = too_big),
	ERROR("of a router on the way", F46, TO, .bend = from_router),
	ERROR("behind options", F46, EITHER, .bend = behind_options),
	ERROR("quotes options", F46, EITHER, .bend = quotes_options),
	ERROR("quotes a first fragment", F46, EITHER, .bend = quotes_first_piece),
	{ "ICMP error: no session", F46, EITHER, { .bend = too_big }, S_SHUT, .want = BH_UNRELATED, .rule = R_SHUT },
	{ "ICMP error: no session, its port is allowed", F46, EITHER, { .bend = too_big }, S_WEB, .want = BH_UNRELATED,
	  .rule = R_SHUT },
	{ "ICMP error: no session, all allowed", F46, EITHER, { .bend = too_big }, S_OPEN, .want = BH_OPEN },
	{ "ICMP error: no session, a rule without ports", F46, EITHER, { .peer = P_ALL, .bend = too_big }, S_WEB,
	  .want = BH_OPEN, .rule = R_ALL },
	{ "ICMP error: stale session", F46, EITHER, { .bend = too_big }, S_SHUT, .prior = { .epoch = STALE },
	  .want = BH_UNRELATED, .rule = R_SHUT, .left = KEPT },
	{ "ICMP error: dead interface's session", F46, EITHER, { .bend = too_big }, S_SHUT, .prior = { .epoch = DEAD },
	  .want = BH_UNRELATED, .rule = R_SHUT, .left = KEPT },
	{ "ICMP error: session that is over", F46, EITHER, { .bend = too_big }, S_SHUT,
	  .prior = { .epoch = NOW, .over = true }, .want = BH_UNRELATED, .rule = R_SHUT, .left = KEPT },
	{ "ICMP error: of the node's session, from elsewhere", F46, TO, { .bend = too_big }, S_SHUT,
	  .prior = { .epoch = NOW, .fixed = BH_SESS_HOST }, .want = BH_UNRELATED, .rule = R_SHUT, .left = KEPT },
	{ "ICMP error: of the node's session, made here", F46, TO, { .bend = too_big }, S_SHUT, .here = true,
	  .prior = { .epoch = NOW, .fixed = BH_SESS_HOST }, .want = BH_HOST, .left = KEPT },
	{ "ICMP error: to the node", F46, FROM, { .peer = P_NODE, .bend = unreachable }, S_SHUT, .want = BH_HOST },
	{ "ICMP error: another's address", F46, FROM, { .local = L_OTHER, .bend = too_big }, S_OPEN,
	  .want = BH_SPOOFED_ADDR },
	FORGED("from a pod, to whom it did not hear", F46, FROM, .bend = to_another),
	FORGED("quotes a packet of the pod's other address", F46, EITHER, .local = L_SECOND, .bend = by_its_first_address),
	FORGED("quotes another pod's packet", F46, EITHER, .bend = quotes_another),
	FORGED("quotes what its own sender sent", F46, EITHER, .bend = quotes_itself),
	FORGED("quotes another port", F46, EITHER, .bend = quotes_other_port),
	FORGED("quotes another protocol", F46, EITHER, .bend = quotes_other_protocol),
	FORGED("quotes another family", F46, EITHER, .bend = quotes_other_version),
	FORGED("quotes an IHL of 4", F4, EITHER, .bend = quotes_short_ihl),
	FORGED("quotes a later fragment", F46, EITHER, .bend = quotes_later_piece),
	FORGED("quotes seven bytes", F46, EITHER, .bend = quotes_7),
	FORGED("quotes nothing", F46, EITHER, .bend = quotes_nothing),
	FORGED("quotes ICMP that is no echo", F46, EITHER, .proto = ECHO, .bend = quotes_nd),
	{ "ICMP: source quench is obsolete", F4, EITHER, { .bend = source_quench }, S_SHUT, .prior = ALIVE,
	  .want = BH_ICMP_TYPE, .rule = R_SHUT, .left = KEPT },
	{ "ICMP: redirect is no error", F4, EITHER, { .bend = redirect4 }, S_SHUT, .prior = ALIVE, .want = BH_ICMP_TYPE,
	  .rule = R_SHUT, .left = KEPT },
	{ "ICMPv6: private error", F6, EITHER, { .bend = source_quench }, S_SHUT, .prior = ALIVE, .want = BH_ICMP_TYPE,
	  .rule = R_SHUT, .left = KEPT },

	/* SCTP */
	{ "SCTP: INIT, first port of a range", F46, EITHER, { .proto = SCTP, .port = 3868 }, S_SCTP, .want = BH_POLICY,
	  .rule = R_SCTP, .left = FRESH },
	{ "SCTP: INIT, last port of a range", F46, EITHER, { .proto = SCTP, .port = 3870 }, S_SCTP, .want = BH_POLICY,
	  .rule = R_SCTP, .left = FRESH },
	{ "SCTP: INIT, below", F46, EITHER, { .proto = SCTP, .port = 3867 }, S_SCTP, .want = BH_DENIED, .rule = R_SHUT },
	{ "SCTP: INIT, above", F46, EITHER, { .proto = SCTP, .port = 3871 }, S_SCTP, .want = BH_DENIED, .rule = R_SHUT },
	{ "SCTP: to a TCP port", F46, EITHER, { .proto = SCTP, .port = 80 }, S_SCTP, .want = BH_DENIED, .rule = R_SHUT },
	{ "SCTP: TCP to an SCTP port", F46, EITHER, { .port = 3868 }, S_SCTP, .want = BH_DENIED, .rule = R_SHUT },
	{ "SCTP: source port counts for nothing", F46, EITHER, { .proto = SCTP, .port = 9, .eph = 3868 }, S_SCTP,
	  .want = BH_DENIED, .rule = R_SHUT },
	{ "SCTP: stranger", F46, EITHER, { .proto = SCTP, .port = 3868, .peer = P_STRANGER }, S_SCTP, .want = BH_DENIED,
	  .rule = R_SHUT },
	{ "SCTP: peer without ports", F46, EITHER, { .proto = SCTP, .port = 9, .peer = P_ALL }, S_WEB, .want = BH_POLICY,
	  .rule = R_ALL, .left = FRESH },
	{ "SCTP: made here", F46, TO, { .proto = SCTP }, S_SHUT, .here = true, .want = BH_HOST, .left = FRESH,
	  .fixed = BH_SESS_HOST },
	{ "SCTP: HEARTBEAT without session", F46, EITHER, { .proto = SCTP, .port = 3868, .flags = 4 }, S_SCTP, .far = true,
	  .want = BH_NO_SESSION, .rule = R_SHUT, .far_rule = true },
	{ "SCTP: INIT ACK without session", F46, EITHER, { .proto = SCTP, .port = 3868, .flags = 2, .back = true }, S_SCTP,
	  .want = BH_NO_SESSION, .rule = R_SHUT },
	{ "SCTP: ABORT without session", F46, EITHER, { .proto = SCTP, .port = 3868, .flags = 6 }, S_SCTP, .far = true,
	  .want = BH_NO_SESSION, .rule = R_SHUT, .far_rule = true },
	{ "SCTP: COOKIE ECHO, both allow", F46, EITHER, { .proto = SCTP, .port = 3868, .eph = 3869, .flags = 10 }, S_SCTP,
	  .want = BH_POLICY, .rule = R_SCTP, .stat = BH_STAT_SESSION_ADOPTED, .left = FRESH, .fixed = BH_SESS_BOTH },
	{ "SCTP: no grace for it", F46, EITHER, { .proto = SCTP, .port = 3868, .flags = 10 }, S_SCTP, E_ADOPTED,
	  .far = true, .want = BH_NO_SESSION, .rule = R_SHUT, .far_rule = true },
	{ "SCTP: live session", F46, EITHER, { .proto = SCTP, .flags = 3 }, S_SHUT, .prior = ALIVE, .want = BH_SESSION,
	  .left = RUNS },
	{ "SCTP: INIT ACK of a session", F46, EITHER, { .proto = SCTP, .flags = 2, .back = true }, S_SHUT,
	  .prior = { .epoch = NOW, .against = true }, .want = BH_SESSION, .left = RUNS },
	{ "SCTP: INIT again", F46, EITHER, { .proto = SCTP }, S_SHUT, .prior = ALIVE, .want = BH_SESSION, .left = RUNS },
	{ "SCTP: INIT against the opener", F46, EITHER, { .proto = SCTP }, S_SHUT,
	  .prior = { .epoch = NOW, .against = true }, .want = BH_DENIED, .rule = R_SHUT, .left = KEPT },
	{ "SCTP: INIT on one that ended", F46, EITHER, { .proto = SCTP }, S_SHUT,
	  .prior = { .epoch = NOW, .state = BH_CLOSED }, .want = BH_DENIED, .rule = R_SHUT, .left = KEPT },
	{ "SCTP: ABORT ends", F46, EITHER, { .proto = SCTP, .flags = 6 }, S_SHUT,
	  .prior = { .epoch = NOW, .state = BH_ESTABLISHED }, .want = BH_SESSION, .left = RUNS, .state = BH_CLOSED },
	{ "SCTP: SHUTDOWN COMPLETE ends", F46, EITHER, { .proto = SCTP, .flags = 14 }, S_SHUT,
	  .prior = { .epoch = NOW, .state = BH_ESTABLISHED }, .want = BH_SESSION, .left = RUNS, .state = BH_CLOSED },
	{ "SCTP: SHUTDOWN ends one half", F46, EITHER, { .proto = SCTP, .flags = 7 }, S_SHUT,
	  .prior = { .epoch = NOW, .state = BH_ESTABLISHED }, .want = BH_SESSION, .left = RUNS, .state = BH_FIN },
	{ "SCTP: stale, still allowed", F46, EITHER, { .proto = SCTP, .port = 3869, .flags = 3 }, S_SCTP,
	  .prior = { .epoch = STALE }, .want = BH_SESSION, .rule = R_SCTP, .stat = BH_STAT_SESSION_REDONE, .left = RUNS },
	{ "SCTP: stale, no longer allowed", F46, EITHER, { .proto = SCTP, .port = 9, .flags = 3 }, S_SCTP,
	  .prior = { .epoch = STALE }, .want = BH_DENIED, .rule = R_SHUT, .stat = BH_STAT_SESSION_REDONE },
	BROKEN("SCTP: INIT with a tag", F46, EITHER, .proto = SCTP, .bend = init_with_tag),
	BROKEN("SCTP: chunk of three bytes", F46, EITHER, .proto = SCTP, .bend = chunk_of_length_3),
	BROKEN("SCTP: cut", F46, EITHER, .proto = SCTP, .bend = sctp_cut),

	/* by a rule for their protocol alone */
	{ "UDP-Lite: the port is not asked", F46, EITHER, { .proto = IPPROTO_UDPLITE, .port = 53 }, S_WEB,
	  .want = BH_PROTOCOL, .rule = R_SHUT },
	{ "UDP-Lite: all allowed", F46, EITHER, { .proto = IPPROTO_UDPLITE }, S_OPEN, .want = BH_OPEN },
	{ "DCCP: the port is not asked", F46, EITHER, { .proto = IPPROTO_DCCP }, S_WEB, .want = BH_PROTOCOL,
	  .rule = R_SHUT },
	{ "DCCP: a rule without ports", F46, EITHER, { .proto = IPPROTO_DCCP, .peer = P_ALL }, S_WEB, .want = BH_OPEN,
	  .rule = R_ALL },
	{ "ESP", F46, EITHER, { .proto = IPPROTO_ESP, .bend = l4_8 }, S_WEB, .want = BH_PROTOCOL, .rule = R_SHUT },
	{ "ESP: all allowed", F46, EITHER, { .proto = IPPROTO_ESP }, S_OPEN, .want = BH_OPEN },
	{ "IPIP", F46, EITHER, { .proto = IPPROTO_IPIP, .bend = l4_8 }, S_WEB, .want = BH_PROTOCOL, .rule = R_SHUT },
	{ "IGMP", F4, FROM, { .proto = IPPROTO_IGMP, .peer = P_MULTICAST, .group = true, .bend = router_alert }, S_WEB,
	  .want = BH_PROTOCOL, .rule = R_SHUT },
	{ "GRE to the node", F46, FROM, { .proto = IPPROTO_GRE, .peer = P_NODE }, S_SHUT, .want = BH_HOST },
	{ "raw packet", F46, EITHER, { .proto = 253, .bend = l4_8 }, S_OPEN, .want = BH_OPEN },

	/* TCP: what makes sense, and what does not; PSH, ECE and CWR say nothing */
	VALID("SYN", SYN),
	VALID("SYN ECE CWR", SYN | ECE | CWR),
	VALID("SYN URG", SYN | URG),
	VALID("SYN PSH", SYN | PSH),
	STRAY("SYN ACK", SYN | ACK),
	STRAY("ACK", ACK),
	STRAY("ACK PSH", ACK | PSH),
	STRAY("ACK URG", ACK | URG),
	STRAY("ACK ECE", ACK | ECE),
	STRAY("RST", RST),
	STRAY("RST ACK", RST | ACK),
	STRAY("FIN ACK", FIN | ACK),
	STRAY("FIN ACK URG PSH", FIN | ACK | URG | PSH),
	{ "TCP flags: none", F46, EITHER, { .bend = flags_0 }, S_OPEN, .want = BH_MALFORMED },
	INVALID("FIN", FIN),
	INVALID("FIN PSH URG (Xmas)", FIN | PSH | URG),
	INVALID("all", 0xff),
	INVALID("SYN FIN", SYN | FIN),
	INVALID("SYN FIN ACK", SYN | FIN | ACK),
	INVALID("SYN RST", SYN | RST),
	INVALID("SYN RST ACK", SYN | RST | ACK),
	INVALID("SYN ACK URG", SYN | ACK | URG),
	INVALID("FIN RST", FIN | RST),
	INVALID("FIN RST ACK", FIN | RST | ACK),
	INVALID("RST URG", RST | URG),
	INVALID("URG", URG),
	INVALID("ECE CWR", ECE | CWR),
	{ "TCP flags: Xmas, live session", F46, EITHER, { .flags = FIN | PSH | URG }, S_OPEN, .prior = ALIVE,
	  .want = BH_MALFORMED, .left = KEPT },

	/* to everybody: by rule, datagram by datagram */
	{ "multicast out: by rule", F46, FROM, { .proto = UDP, .port = 53, .peer = P_MULTICAST, .group = true }, S_WEB,
	  .want = BH_OPEN, .rule = R_DNS },
	{ "multicast out: by rule, asked of explain", F46, FROM, { .proto = UDP, .port = 53, .peer = P_MULTICAST }, S_WEB,
	  .want = BH_OPEN, .rule = R_DNS },
	{ "multicast out: another port", F46, FROM, { .proto = UDP, .port = 54, .peer = P_MULTICAST, .group = true }, S_WEB,
	  .want = BH_MULTICAST, .rule = R_SHUT },
	{ "multicast out: TCP is none", F46, FROM, { .peer = P_MULTICAST, .group = true }, S_WEB, .want = BH_MULTICAST,
	  .rule = R_SHUT },
	{ "multicast out: no rule", F46, FROM, { .proto = UDP, .port = 53, .peer = P_BROADCAST, .group = true }, S_WEB,
	  .want = BH_MULTICAST, .rule = R_SHUT },
	{ "multicast in: by rule", F46, TO, { .proto = UDP, .port = 53, .local = L_MULTICAST, .mac = M_GROUP }, S_WEB,
	  .want = BH_OPEN, .rule = R_DNS },
	{ "multicast in: by a rule without ports", F46, TO,
	  { .proto = UDP, .peer = P_ALL, .local = L_MULTICAST, .mac = M_GROUP }, S_WEB, .want = BH_OPEN, .rule = R_ALL },
	{ "multicast in: a stranger", F46, TO,
	  { .proto = UDP, .port = 53, .peer = P_STRANGER, .local = L_MULTICAST, .mac = M_GROUP }, S_WEB,
	  .want = BH_MULTICAST, .rule = R_SHUT },
	{ "broadcast in: by rule", F4, TO, { .proto = UDP, .port = 53, .local = L_BROADCAST, .mac = M_GROUP }, S_WEB,
	  .want = BH_OPEN, .rule = R_DNS },
	{ "subnet's broadcast in: by rule", F4, TO, { .proto = UDP, .port = 53, .local = L_SUBNET, .mac = M_GROUP }, S_WEB,
	  .want = BH_OPEN, .rule = R_DNS },
	{ "multicast out: a group is no source", F46, FROM, { .proto = UDP, .port = 53, .local = L_MULTICAST }, S_OPEN,
	  .want = BH_SPOOFED_ADDR },

	/* who asks for an address has none */
	{ "DHCP: all allowed", F4, FROM,
	  { .proto = UDP, .port = 67, .eph = 68, .local = L_ZERO, .peer = P_BROADCAST, .group = true }, S_OPEN,
	  .want = BH_OPEN },
	{ "DHCP: isolated", F4, FROM,
	  { .proto = UDP, .port = 67, .eph = 68, .local = L_ZERO, .peer = P_BROADCAST, .group = true }, S_WEB,
	  .want = BH_MULTICAST, .rule = R_SHUT },
	{ "DHCP: from another port", F4, FROM,
	  { .proto = UDP, .port = 67, .eph = 69, .local = L_ZERO, .peer = P_BROADCAST, .group = true }, S_OPEN,
	  .want = BH_SPOOFED_ADDR },
	{ "DHCP: to another port", F4, FROM,
	  { .proto = UDP, .port = 68, .eph = 68, .local = L_ZERO, .peer = P_BROADCAST, .group = true }, S_OPEN,
	  .want = BH_SPOOFED_ADDR },
	{ "DHCP: not to everybody", F4, FROM, { .proto = UDP, .port = 67, .eph = 68, .local = L_ZERO }, S_OPEN,
	  .want = BH_SPOOFED_ADDR },
	{ "DHCP: in pieces", F4, FROM,
	  { .proto = UDP, .port = 67, .eph = 68, .local = L_ZERO, .peer = P_BROADCAST, .group = true, .bend = first },
	  S_OPEN, .want = BH_SPOOFED_ADDR },
	{ "DHCP: another's MAC", F4, FROM,
	  { .proto = UDP, .port = 67, .eph = 68, .local = L_ZERO, .peer = P_BROADCAST, .group = true, .mac = M_OTHER },
	  S_OPEN, .want = BH_SPOOFED_MAC },

	/* paged: what must be walked is pulled first */
	{ "paged: fragment header", F6, EITHER, { .bend = second }, S_WEB, .linear = ETH_HLEN + 40, .before = { first },
	  .want = BH_LATER },
	{ "paged: options", F4, EITHER, { .bend = router_alert }, S_WEB, .linear = ETH_HLEN + 20, .want = BH_POLICY,
	  .rule = R_HTTP, .left = FRESH },
	{ "paged: extension headers", F6, EITHER, { .bend = headers_8 }, S_WEB, .linear = ETH_HLEN + 40,
	  .want = BH_POLICY, .rule = R_HTTP, .left = FRESH },
	{ "paged: quoted packet", F46, EITHER, { .bend = too_big }, S_SHUT, .prior = ALIVE, .linear = ETH_HLEN + 40 + 8,
	  .want = BH_RELATED, .left = KEPT },
};
/* clang-format on */

const struct rows odd_rows = { rows, sizeof(rows) / sizeof(*rows) };
