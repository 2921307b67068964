/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Fragments: a first one is decided as any packet, and remembered; a later one follows what the first was
 * told, while the endpoint's epoch is the same and the first is no older than a receiver would keep it.
 *
 * Order is relied on. Each piece must begin where the last one ended, or behind: so the first must come
 * before all others, and one that was overtaken looks like an overlap and costs the datagram. Linux sends
 * pieces in order, and a flow keeps its queue on the way; where connection tracking is at work it puts them
 * in order again. To remember which pieces came would let one pod keep much more memory busy, for a datagram
 * that its sender must send again on many networks anyhow.
 */
#ifndef BH_FRAGMENT_H
#define BH_FRAGMENT_H

#include "verdict.h"
#include "walk.h"

/* Ports play no part, and in IPv6 the protocol neither: only the first piece shows them. */
static __always_inline struct bh_fragment *fragment_line(const struct bh_pkt *p, __u32 id)
{
	__u64 hash = (__u64)(p->flow.local.w[3] ^ id) << 32 | (p->flow.remote.w[3] ^ p->flow.remote.w[1]);
	__u32 line;

	hash = (hash ^ hash >> 32) * 0x9e3779b97f4a7c15ull >> 32;
	line = p->slot * BH_FRAGMENT_LINES + (hash & (BH_FRAGMENT_LINES - 1));
	return bpf_map_lookup_elem(&bh_fragments, &line);
}

/* RFC 791 3.2: addresses, protocol and id say which datagram; RFC 8200 4.5: in IPv6 without the protocol. */
static __always_inline int fragment_is(const struct bh_fragment *f, const struct bh_pkt *p, __u32 id,
				       __u32 dir)
{
	return f->id == id && f->dir == dir && (p->family == 6 || f->proto == p->flow.proto) &&
	       addr_equal(&f->local, &p->flow.local) && addr_equal(&f->remote, &p->flow.remote);
}

static __always_inline void fragment_write(struct bh_fragment *f, const struct bh_pkt *p,
					   const struct bh_piece *piece, __u32 dir, __u32 now)
{
	f->epoch = p->epoch;
	f->seen = now;
	f->id = piece->id;
	f->local = p->flow.local;
	f->remote = p->flow.remote;
	f->from = 0;
	f->to = piece->to;
	f->proto = p->flow.proto;
	f->dir = dir;
	f->state = BH_FRAGMENT_OPEN;
}

/* After a first piece was decided: what follows it may pass, or not. */
__noinline int bh_remember(struct __sk_buff *skb, const struct bh_pkt *p, __u32 dir, __u32 allowed)
{
	const __u32 now = now32();
	struct bh_piece piece;
	struct bh_fragment *f;

	if (!p || !piece_again(frame(skb), p, &piece) || piece.from)
		return 0;
	f = fragment_line(p, piece.id);
	if (!f)
		return 0;
	bpf_spin_lock(&f->lock);
	if (allowed)
		fragment_write(f, p, &piece, dir, now);
	else if (fragment_is(f, p, piece.id, dir))
		f->state = BH_FRAGMENT_SHUT; /* the same id once more */
	bpf_spin_unlock(&f->lock);
	return 0;
}

/* What the record says to one more piece. Over what was there, or past the end: RFC 5722 gives up the
 * datagram; but not for the same piece once more, which a network may make. */
static __always_inline enum bh_reason fragment_next(struct bh_fragment *f, const struct bh_piece *piece)
{
	if (piece->from == f->from && piece->to == f->to)
		return BH_FRAGMENT_OVERLAP;
	if (f->state != BH_FRAGMENT_OPEN || piece->from < f->to) {
		f->state = BH_FRAGMENT_SHUT;
		return BH_FRAGMENT_OVERLAP;
	}
	f->from = piece->from;
	f->to = piece->to;
	if (!piece->more)
		f->state = BH_FRAGMENT_WHOLE;
	return BH_LATER;
}

/* What a later piece is: BH_LATER, or why it does not follow one that passed. */
__noinline int bh_follow(struct __sk_buff *skb, const struct bh_pkt *p, __u32 dir)
{
	const __u32 now = now32(), life = life_of(BH_LIFE_FRAGMENT);
	enum bh_reason kind = BH_FRAGMENT;
	struct bh_piece piece;
	struct bh_fragment *f;

	if (!p || !piece_again(frame(skb), p, &piece))
		return BH_FRAGMENT;
	f = fragment_line(p, piece.id);
	if (!f)
		return BH_FRAGMENT;
	bpf_spin_lock(&f->lock);
	if (fragment_is(f, p, piece.id, dir) && f->epoch == p->epoch && now - f->seen <= life)
		kind = fragment_next(f, &piece);
	bpf_spin_unlock(&f->lock);
	return kind;
}

#endif
