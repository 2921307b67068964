// SPDX-License-Identifier: Apache-2.0
/*
 * Frames from a pod and to it. What is said of one depends on its bytes alone, names both ends the same from
 * either side, and is never believed of the pod unless the pod's own addresses are in it.
 */
#include "fuzz.h"

#include <sanitizer/asan_interface.h>
#include <string.h>

#include "../bpf/packet.h"
#include "native.h"

#define FRAME_MAX 4096
#define CUTS	  4

/* The frame is two bytes past a multiple of eight, and what lies behind it must not be touched. */
static uint8_t room[FRAME_MAX + 128] __attribute__((aligned(8)));
static uint8_t *const frame = room + 2;

static void lay(const uint8_t *data, uint32_t n)
{
	ASAN_UNPOISON_MEMORY_REGION(room, sizeof(room));
	memcpy(frame, data, n);
	ASAN_POISON_MEMORY_REGION(frame + n, sizeof(room) - 2 - n);
}

static struct bh_pkt look(const uint8_t *data, uint32_t n, uint32_t len, enum bh_dir dir)
{
	lay(data, n);
	return native_parse(frame, n, len, dir);
}

static int same(const struct bh_pkt *a, const struct bh_pkt *b)
{
	return !memcmp(a, b, sizeof(*a));
}

/* ---- what holds for one answer ---------------------------------------------------------- */

/* What only the tables, or the addresses of an endpoint, can say. */
static int is_for_others(enum bh_reason kind)
{
	return kind == BH_SESSION || (kind >= BH_HOST && kind <= BH_NO_SESSION && kind != BH_NEIGHBOUR) ||
	       (kind >= BH_SPOOFED_MAC && kind <= BH_NOT_OURS_ADDR && kind != BH_SPOOFED_ND) ||
	       (kind >= BH_NODE_OPEN && kind <= BH_RELATED) || kind == BH_FRAGMENT_OVERLAP;
}

static void check_flow(const struct bh_pkt *p, uint32_t len)
{
	const struct bh_flow6 *f = &p->flow;

	fuzz_check(p->kind < BH_REASON_MAX && !is_for_others((enum bh_reason)p->kind));
	fuzz_check(!f->ifindex && !f->pad[0] && !f->pad[1] && !f->pad[2] && !p->epoch);
	if (p->kind == BH_MALFORMED)
		return; /* nobody reads the rest */
	fuzz_check(p->family == 0 || p->family == 4 || p->family == 6);
	fuzz_check(p->family == 6 || !p->hops);
	if (p->family == 4)
		fuzz_check(addr_is4(&f->local) && addr_is4(&f->remote));
	if (!p->family)
		fuzz_check(addr_is_zero(&f->local) && addr_is_zero(&f->remote) && !f->proto);
	if (p->kind == BH_POLICY)
		fuzz_check(p->family && (has_ports(f->proto) || f->rport) && !(p->bits & BH_PKT_HIDDEN));
	if (p->bits & BH_PKT_OPENS)
		fuzz_check(p->kind == BH_POLICY || p->kind == BH_IP_OPTIONS || p->kind == BH_EXT_HEADER);
	if (p->bits & BH_PKT_SYN)
		fuzz_check(p->bits & BH_PKT_OPENS && (f->proto == IPPROTO_TCP || f->proto == IPPROTO_SCTP));
	if (p->kind == BH_NEIGHBOUR || p->kind == BH_UNRELATED)
		fuzz_check(p->offset >= ETH_HLEN && p->offset + 8u <= len);
	if (p->kind == BH_SPOOFED_ND) /* in pieces */
		fuzz_check(p->family == 6 && p->frag);
	if (p->kind == BH_FRAGMENT || p->kind == BH_FRAGMENT_TINY)
		fuzz_check(p->frag && !(p->bits & BH_PKT_OPENS));
}

/* The pod's end of what goes out is the far end of what comes in. */
static void check_mirror(const struct bh_pkt *out, const struct bh_pkt *in)
{
	const struct bh_flow6 *a = &out->flow, *b = &in->flow;

	fuzz_check(out->kind == in->kind && out->family == in->family && out->bits == in->bits);
	fuzz_check(out->icmp == in->icmp && out->offset == in->offset && out->hops == in->hops);
	fuzz_check(addr_equal(&a->local, &b->remote) && addr_equal(&a->remote, &b->local));
	fuzz_check(a->proto == b->proto);
	if (has_ports(a->proto))
		fuzz_check(a->lport == b->rport && a->rport == b->lport);
	else if (a->lport || a->rport != b->rport) /* an echo: the identifier, and who asks */
		fuzz_check(a->lport == b->lport && a->rport != b->rport);
	else if (a->rport) /* type and code, the same for both */
		fuzz_check(a->proto == IPPROTO_ICMP || a->proto == IPPROTO_ICMPV6);
}

/* ---- what holds between two answers ----------------------------------------------------- */

/* What is dropped unread may hide its ports where they are not linear. */
static int same_in_sight(const struct bh_pkt *p, const struct bh_pkt *whole)
{
	return same(p, whole) || (p->kind == whole->kind && p->kind != BH_POLICY && p->kind != BH_NEIGHBOUR &&
				  p->bits & BH_PKT_HIDDEN);
}

/* Of a frame that is not all linear the headers are seen, or it looks cut. */
static void check_cut(const uint8_t *data, uint32_t len, const struct bh_pkt *whole, enum bh_dir dir)
{
	uint32_t hash = len, i;

	for (i = 0; i < len; i++)
		hash = (hash ^ data[i]) * 16777619u;
	for (i = 0; i < CUTS && len; i++, hash = hash * 16777619u + 1) {
		const struct bh_pkt p =
			look(data, (hash >> 8) % (i & 1 ? 96 < len ? 96 : len : len), len, dir);

		fuzz_check(p.kind == BH_MALFORMED || same_in_sight(&p, whole));
	}
}

/* What Ethernet pads a short frame with is nobody's. */
static void check_padding(const uint8_t *data, uint32_t len, const struct bh_pkt *whole, enum bh_dir dir)
{
	const struct bh_pkt p = look(data, len, len + 46, dir);

	fuzz_check(whole->kind == BH_MALFORMED || same(&p, whole));
}

/* ---- who it is from --------------------------------------------------------------------- */

static const struct bh_endpoint *endpoint(void)
{
	static struct bh_endpoint ep;

	if (ep.addrs)
		return &ep;
	memcpy(ep.mac, pod_mac, sizeof(ep.mac));
	ep.addr[0] = local_addr(L_OWN, 4);
	ep.addr[1] = local_addr(L_OWN, 6);
	ep.addr[2] = local_addr(L_LINK_LOCAL, 6);
	ep.addrs = 3;
	return &ep;
}

static int is_ours(const struct bh_addr *a)
{
	int i;

	for (i = 0; i < endpoint()->addrs; i++)
		if (!memcmp(a, &endpoint()->addr[i], sizeof(*a)))
			return 1;
	return 0;
}

static int is_forged(enum bh_reason kind)
{
	return kind == BH_MALFORMED || (kind >= BH_SPOOFED_MAC && kind <= BH_NOT_OURS_ADDR);
}

static void check_identity(const uint8_t *data, uint32_t len, struct bh_pkt p, enum bh_dir dir)
{
	enum bh_reason kind;

	lay(data, len);
	kind = identity_packet((struct cursor){ frame, frame + len }, len, &p, endpoint(), dir);
	fuzz_check(kind == BH_NEIGHBOUR || is_forged(kind) || !is_for_others(kind));
	if (is_forged(kind))
		return;
	fuzz_check(len >= ETH_HLEN && (dir == BH_INGRESS || !memcmp(data + 6, pod_mac, 6)));
	fuzz_check(dir == BH_EGRESS || data[0] & 1 || !memcmp(data, pod_mac, 6));
	if (kind == BH_POLICY)
		fuzz_check(is_ours(&p.flow.local) && !(p.bits & BH_PKT_MULTI));
	if (dir == BH_INGRESS)
		return;
	if (kind == BH_NEIGHBOUR)
		fuzz_check(p.icmp != BH_ND_RA && p.icmp != BH_ND_REDIRECT && (!p.icmp || p.family == 6));
	if (kind == BH_NEIGHBOUR && !p.icmp)
		fuzz_check(!memcmp(data + 22, pod_mac, 6));
	if (p.family && kind != BH_NEIGHBOUR)
		fuzz_check(is_ours(&p.flow.local) || is_dhcp_request(&p));
}

/* What an error quotes is a flow of the same end, or nothing. */
static void check_quoted(const uint8_t *data, uint32_t len, const struct bh_pkt *p, enum bh_dir dir)
{
	struct bh_pkt q = {};

	lay(data, len);
	if (p->kind != BH_UNRELATED || !parse_quoted((struct cursor){ frame, frame + len }, p, dir, &q))
		return;
	fuzz_check(q.family == p->family && addr_equal(&q.flow.local, &p->flow.local));
	fuzz_check(dir == BH_INGRESS || addr_equal(&q.flow.remote, &p->flow.remote));
}

void fuzz_one(const uint8_t *data, size_t len)
{
	const uint32_t n = len < FRAME_MAX ? (uint32_t)len : FRAME_MAX;
	struct bh_pkt said[2], again;
	int dir;

	for (dir = 0; dir < 2; dir++) {
		said[dir] = look(data, n, n, (enum bh_dir)dir);
		check_flow(&said[dir], n);
		again = native_parse(frame, n, n, (enum bh_dir)dir);
		fuzz_check(same(&said[dir], &again));
		check_cut(data, n, &said[dir], (enum bh_dir)dir);
		check_padding(data, n, &said[dir], (enum bh_dir)dir);
		check_identity(data, n, said[dir], (enum bh_dir)dir);
		check_quoted(data, n, &said[dir], (enum bh_dir)dir);
	}
	check_mirror(&said[BH_EGRESS], &said[BH_INGRESS]);
}
