/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bpf/parse.h, bpf/walk.h and bpf/identity.h compiled for this machine, and the way to a flow that bpf/path.h
 * takes with an skb, for a frame of which the first @n bytes can be read and @len are there.
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

#endif
