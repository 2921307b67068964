/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bpf/parse.h, bpf/walk.h and bpf/identity.h compiled for this machine, and the way through them that
 * bpf/path.h takes with an skb, for a frame of which the first @n bytes can be read and @len are there.
 */
#ifndef BH_TESTS_FUZZ_NATIVE_H
#define BH_TESTS_FUZZ_NATIVE_H

#include <stdint.h>

#include "../../bpf/parse.h"
#include "../../bpf/walk.h"

/* The programs read words at odd places, which BPF may: this header alone is not held to alignment. */
#ifdef __clang__
#pragma clang attribute push(__attribute__((no_sanitize("alignment"))), apply_to = function)
#endif
#include "../../bpf/identity.h"
#ifdef __clang__
#pragma clang attribute pop
#endif

/* @frame: two bytes past a multiple of four, as in the kernel. */
static inline struct bh_pkt native_parse(const uint8_t *frame, uint32_t n, uint32_t len, enum bh_dir dir)
{
	struct bh_pkt p = {};

	const struct cursor c = { frame, frame + n };
	enum bh_reason kind = parse_frame(c, len, dir, &p);

	p.kind = kind == BH_WALK ? parse_walk(c, len, dir, &p) : kind;
	return p;
}

/* examine() of bpf/path.h; @p as native_parse() gave it. */
static inline enum bh_reason native_examine(const uint8_t *frame, uint32_t n, uint32_t len,
					    const struct bh_endpoint *ep, enum bh_dir dir, struct bh_pkt *p)
{
	struct cursor c = { frame, frame + n };

	p->kind = parse_scope(dir, p);
	if (p->kind == BH_MALFORMED || n < ETH_HLEN)
		return BH_MALFORMED;
	if (!(ep->flags & BH_EP_FORWARDS) && !own_mac((const struct ethhdr *)frame, ep, dir))
		return dir == BH_EGRESS ? BH_SPOOFED_MAC : BH_NOT_OURS_MAC;
	if (p->kind == BH_NEIGHBOUR) {
		if (dir == BH_EGRESS && p->icmp && (len > BH_PULL || n < len))
			return BH_SPOOFED_ND;
		c.pos += p->offset;
		return identity_neighbour(&c, p, ep, dir);
	}
	p->kind = identity_addr(p, ep, dir);
	if (p->kind == BH_POLICY && dir == BH_EGRESS && p->bits & BH_PKT_GROUP)
		return BH_MULTICAST;
	return p->kind;
}

#endif
