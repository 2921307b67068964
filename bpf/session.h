/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a session is: its place, whose it is, how long it lives, who must make room for it, how it is written
 * while others read. Knows no map, helper or clock, so that programs, agent and tests run the same code. Who
 * may have a session is decided in verdict.h and path.h.
 *
 * A reader trusts a line only if its word is the same before and after the key was compared. A writer owns a
 * line from the compare-and-swap to BH_SESS_BUSY on until it publishes another word. @wide: lines are of
 * IPv6; a constant, so that the other half of each function is not there.
 */
#ifndef BH_SESSION_H
#define BH_SESSION_H

#include "abi.h"

#undef __always_inline /* <linux/stddef.h> has one that only suggests it */
#define __always_inline inline __attribute__((always_inline))

#ifndef READ_ONCE
#define READ_ONCE(x)	 (*(const volatile typeof(x) *)&(x))
#define WRITE_ONCE(x, v) (*(volatile typeof(x) *)&(x) = (v))
#endif

/* ---- place ------------------------------------------------------------------------------ */

typedef __u64 __attribute__((may_alias)) bh_pair; /* two neighbouring words of four bytes */

static __always_inline struct bh_slice slice_read(const struct bh_slice *from)
{
	union {
		__u64 both;
		struct bh_slice slice;
	} u = { .both = *(const volatile bh_pair *)from };

	return u.slice;
}

static __always_inline __u64 addr_pair(const __be32 *w)
{
	return (__u64)w[1] << 32 | w[0];
}

static __always_inline __u64 ports_pair(const struct bh_flow6 *f)
{
	return (__u64)f->proto << 32 | (__u32)f->rport << 16 | f->lport;
}

#define BH_MIX_A 0x9e3779b97f4a7c15ull
#define BH_MIX_B 0xc2b2ae3d27d4eb4full
#define BH_MIX_C 0x165667b19e3779f9ull
#define BH_MIX_D 0xd6e8feb86659fd93ull
#define BH_MIX_E 0xff51afd7ed558ccdull

/* Keyed, so that nobody outside can choose flows that meet in one set: a sum of products that do not wait for
 * each other, by factors that nobody knows, then mixed twice (once leaves addresses that follow each other
 * in a third of the sets). Not for anything that must not be
 * guessed. */
static __always_inline __u64 session_hash(const struct bh_flow6 *f, __u64 seed, int wide)
{
	const __u64 key = seed << 1; /* factors stay odd */
	__u64 h = (ports_pair(f) ^ seed) * (BH_MIX_A ^ key);

	if (wide) {
		h += (addr_pair(f->local.w) ^ seed) * (BH_MIX_B ^ key);
		h += (addr_pair(f->local.w + 2) ^ seed) * (BH_MIX_C ^ key);
		h += (addr_pair(f->remote.w) ^ seed) * (BH_MIX_D ^ key);
		h += (addr_pair(f->remote.w + 2) ^ seed) * (BH_MIX_E ^ key);
	} else {
		h += (((__u64)f->remote.w[3] << 32 | f->local.w[3]) ^ seed) * (BH_MIX_B ^ key);
	}
	h = (h ^ h >> 32) * BH_MIX_E;
	h = (h ^ h >> 29) * BH_MIX_A;
	return h ^ h >> 32;
}

static __always_inline __u32 session_set(__u64 hash, struct bh_slice slice)
{
	return slice.base + ((__u32)hash & slice.mask);
}

/* The way at which a flow is looked for first, and made if it is free. */
static __always_inline __u32 session_home(__u64 hash)
{
	return hash >> 29 & (BH_WAYS - 1);
}

static __always_inline __u32 session_tag(__u64 hash)
{
	return hash >> BH_SESS_TAG_SHIFT | 1;
}

static __always_inline struct bh_session *session_way(void *set, __u32 way, int wide)
{
	way &= BH_WAYS - 1;
	return wide ? &((struct bh_set6 *)set)->way[way].head : &((struct bh_set4 *)set)->way[way];
}

static __always_inline __u32 session_way_of(const void *set, const struct bh_session *s, int wide)
{
	return (__u32)((const __u8 *)s - (const __u8 *)set) /
	       (wide ? sizeof(struct bh_session6) : sizeof(struct bh_session));
}

/* ---- the word --------------------------------------------------------------------------- */

static __always_inline __u64 session_word(__u32 tag, __u32 fixed, __u32 epoch)
{
	return (__u64)tag << BH_SESS_TAG_SHIFT | (__u64)fixed << BH_SESS_FIXED_SHIFT | epoch;
}

static __always_inline __u32 word_tag(__u64 word)
{
	return word >> BH_SESS_TAG_SHIFT;
}

static __always_inline __u32 word_fixed(__u64 word)
{
	return word >> BH_SESS_FIXED_SHIFT & 0x7f;
}

static __always_inline enum bh_dir word_opener(__u64 word)
{
	return word_fixed(word) & BH_SESS_OPENER ? BH_EGRESS : BH_INGRESS;
}

static __always_inline __u32 word_epoch(__u64 word)
{
	return (__u32)word;
}

/* Neither free nor being written. */
static __always_inline int word_is_used(__u64 word)
{
	return !!(word >> BH_SESS_TAG_SHIFT);
}

/* Stamped before this interface was born: by another one that had the line. */
static __always_inline int word_is_dead(__u64 word, __u32 born)
{
	return (__s32)(word_epoch(word) - born) < 0;
}

/* ---- look-up ---------------------------------------------------------------------------- */

/* One branch: the tag has said already that it will be so. */
static __always_inline int session_has_key(const struct bh_session *s, const struct bh_flow6 *f, int wide)
{
	const struct bh_session6 *s6 = (const struct bh_session6 *)s;
	const __u64 head = (__u64)(s->lport ^ f->lport) | (s->rport ^ f->rport) | (s->proto ^ f->proto);

	if (!wide)
		return !(head | (s->remote ^ f->remote.w[3]) | (s->local ^ f->local.w[3]));
	return !(head | (addr_pair(s6->remote.w) ^ addr_pair(f->remote.w)) |
		 (addr_pair(s6->remote.w + 2) ^ addr_pair(f->remote.w + 2)) |
		 (addr_pair(s6->local.w) ^ addr_pair(f->local.w)) |
		 (addr_pair(s6->local.w + 2) ^ addr_pair(f->local.w + 2)));
}

/* The line's word if it is this flow's, else 0. */
static __always_inline __u64 session_match(const struct bh_session *s, __u32 tag, const struct bh_flow6 *f,
					   int wide)
{
	const __u64 word = READ_ONCE(s->word);

	if (word_tag(word) != tag || !session_has_key(s, f, wide))
		return 0;
	return READ_ONCE(s->word) == word ? word : 0;
}

/* The flow's line of a set, or NULL; *ret_word is its word, or 0. */
static __always_inline struct bh_session *session_seek(void *set, __u64 hash, const struct bh_flow6 *f,
						       int wide, __u64 *ret_word)
{
	const __u32 home = session_home(hash), tag = session_tag(hash);
	struct bh_session *s;
	__u32 i;

	for (i = 0; i < BH_WAYS; i++) {
		s = session_way(set, home + i, wide);
		*ret_word = session_match(s, tag, f, wide);
		if (*ret_word)
			return s;
	}
	return (void *)0;
}

/* ---- states ----------------------------------------------------------------------------- */

/* @seen may be of another CPU, and a moment ahead. */
static __always_inline int session_is_over(const struct bh_session *s, __u32 now)
{
	return (__s32)(now - READ_ONCE(s->seen)) > (__s32)READ_ONCE(s->life);
}

static __always_inline int state_is_closing(__u8 state)
{
	return state > BH_ESTABLISHED;
}

/* What a packet says about its flow. */
#define BH_SAYS_FIN 0x01
#define BH_SAYS_RST 0x02
#define BH_SAYS_TCP 0x04
#define BH_SAYS_SYN 0x08 /* and no ACK */

/* The state after one more packet of @dir; *flags go on. */
static __always_inline enum bh_state session_next(enum bh_state state, __u8 *flags, enum bh_dir opener,
						  enum bh_dir dir, int says)
{
	const __u8 fins = BH_SESS_FIN(0) | BH_SESS_FIN(1), alive = BH_SESS_ALIVE(0) | BH_SESS_ALIVE(1);

	if (dir != opener)
		*flags |= BH_SESS_REPLIED;
	if (says & BH_SAYS_RST) {
		*flags &= ~alive;
		return BH_CLOSED;
	}
	if (says & BH_SAYS_FIN)
		*flags |= BH_SESS_FIN(dir);
	if (state == BH_CLOSED) {
		*flags |= BH_SESS_ALIVE(dir);
		if ((*flags & alive) != alive)
			return BH_CLOSED;
		*flags &= ~alive;
	}
	if (*flags & fins)
		return (*flags & fins) == fins ? BH_TIME_WAIT : BH_FIN;
	if (!(*flags & BH_SESS_REPLIED))
		return BH_NEW;
	if (says & BH_SAYS_TCP && state < BH_ESTABLISHED && (dir != opener || says & BH_SAYS_SYN))
		return BH_ANSWERED; /* what answers a flood of SYNs is worth no more than they are */
	return BH_ESTABLISHED;
}

/* IANA's numbers, without the kernel's header, which libc's does not suffer beside it. */
#define BH_PROTO_ICMP	1
#define BH_PROTO_TCP	6
#define BH_PROTO_ICMPV6 58
#define BH_PROTO_SCTP	132

/* Which of bh_meta.life holds in a state. */
static __always_inline enum bh_life session_life(__u8 proto, enum bh_state state)
{
	if (proto == BH_PROTO_TCP) /* in the order of the states */
		return state > BH_CLOSED ? BH_LIFE_TCP_CLOSE : (enum bh_life)(BH_LIFE_TCP_SYN_SENT + state);
	if (proto == BH_PROTO_ICMP || proto == BH_PROTO_ICMPV6)
		return BH_LIFE_ICMP;
	if (proto == BH_PROTO_SCTP)
		return state == BH_NEW		 ? BH_LIFE_SCTP_NEW
		       : state_is_closing(state) ? BH_LIFE_SCTP_SHUTDOWN
						 : BH_LIFE_SCTP_ESTABLISHED;
	return state == BH_NEW ? BH_LIFE_UDP : BH_LIFE_UDP_STREAM;
}
_Static_assert(BH_LIFE_TCP_CLOSE - BH_LIFE_TCP_SYN_SENT == BH_CLOSED, "lives of TCP follow its states");

/* ---- replacement ------------------------------------------------------------------------ */

/* Who makes room for a new session, the first first; of three of these the one that was silent longest. */
enum bh_rank {
	BH_RANK_FREE,
	BH_RANK_DEAD, /* of an interface that is gone */
	BH_RANK_OVER,
	BH_RANK_NEW,
	BH_RANK_CLOSING,
	BH_RANK_LIVE,
	BH_RANK_BUSY, /* never */
};

/* By arithmetic, since the verifier follows every value that it knows down a way of its own. */
static __always_inline __u32 state_rank(__u8 state)
{
	const __u32 ranks = BH_RANK_NEW << 4 * BH_NEW | BH_RANK_NEW << 4 * BH_ANSWERED |
			    BH_RANK_LIVE << 4 * BH_ESTABLISHED | BH_RANK_CLOSING << 4 * BH_FIN |
			    BH_RANK_CLOSING << 4 * BH_TIME_WAIT | BH_RANK_CLOSING << 4 * BH_CLOSED;

	return ranks >> 4 * (state & 7) & 0xf;
}

static __always_inline __u32 session_rank(const struct bh_session *s, __u64 word, __u32 born, __u32 now)
{
	if (!word)
		return BH_RANK_FREE;
	if (!word_is_used(word))
		return BH_RANK_BUSY;
	if (word_is_dead(word, born))
		return BH_RANK_DEAD;
	return session_is_over(s, now) ? BH_RANK_OVER : state_rank(READ_ONCE(s->state));
}

struct bh_victim {
	__u64 word; /* as it was when it was chosen */
	__u32 way;
	__u32 rank; /* enum bh_rank */
};

/* Of several that nobody needs the first is taken that is met on the way round from the flow's home, where it
 * is found soonest. */
static __always_inline struct bh_victim session_choose(void *set, __u64 hash, __u32 born, __u32 now, int wide)
{
	struct bh_victim best = { .rank = BH_RANK_BUSY };
	__u64 weight, least = ~0ull;
	__u32 i;

	for (i = 0; i < BH_WAYS; i++) {
		const __u32 way = session_home(hash) + i;
		const struct bh_session *s = session_way(set, way, wide);
		const __u64 word = READ_ONCE(s->word);
		const __u32 rank = session_rank(s, word, born, now);

		if (rank <= BH_RANK_OVER)
			return (struct bh_victim){ .word = word, .way = way, .rank = rank };
		/* one that another CPU saw after `now` is the youngest of all */
		weight = (__u64)rank << 32 | (0x7fffffff - (now - READ_ONCE(s->seen)));
		if (rank != BH_RANK_BUSY && weight < least) {
			least = weight;
			best = (struct bh_victim){ .word = word, .way = way, .rank = weight >> 32 };
		}
	}
	return best;
}

/* ---- who is behind the remote address ----------------------------------------------------- */

static __always_inline void session_set_via(struct bh_session *s, __u32 ifindex)
{
	s->via[0] = (__u8)ifindex;
	s->via[1] = (__u8)(ifindex >> 8);
	s->via[2] = (__u8)(ifindex >> 16);
}

static __always_inline __u32 session_via(const struct bh_session *s)
{
	return (__u32)s->via[2] << 16 | (__u32)s->via[1] << 8 | s->via[0];
}

/* ---- writing ---------------------------------------------------------------------------- */

/* Whether the line, last seen with @word, is the caller's now. */
static __always_inline int session_claim(struct bh_session *s, __u64 word)
{
	return __sync_val_compare_and_swap(&s->word, word, BH_SESS_BUSY) == word;
}

/* Ends a claim, with all that was written before. */
static __always_inline void session_publish(struct bh_session *s, __u64 word)
{
	(void)__sync_val_compare_and_swap(&s->word, BH_SESS_BUSY, word);
}

/* What its flow has carried in both directions, once its line was claimed. */
static __always_inline void session_carried(const struct bh_session *s, struct bh_count *sum)
{
	(void)__sync_fetch_and_add(&sum->packets, (__u64)s->packets[0] + s->packets[1]);
	(void)__sync_fetch_and_add(&sum->bytes, s->bytes[0] + s->bytes[1]);
}

/* Another epoch for the same flow with the same rights. It may be another's by now: then nothing happens. */
static __always_inline void session_restamp(struct bh_session *s, __u64 word, __u32 epoch)
{
	(void)__sync_val_compare_and_swap(&s->word, word, word >> 32 << 32 | epoch);
}

static __always_inline void session_free(struct bh_session *s, __u64 word)
{
	(void)__sync_val_compare_and_swap(&s->word, word, 0);
}

/* Into a line that was claimed: the flow, and all of @fresh but its word. */
static __always_inline void session_write(struct bh_session *s, const struct bh_flow6 *f,
					  const struct bh_session *fresh, int wide)
{
	struct bh_session6 *s6 = (struct bh_session6 *)s;

	s->local = wide ? 0 : f->local.w[3];
	s->remote = wide ? 0 : f->remote.w[3];
	s->lport = f->lport;
	s->rport = f->rport;
	s->proto = f->proto;
	session_set_via(s, session_via(fresh));
	s->seen = fresh->seen;
	s->life = fresh->life;
	s->rule = fresh->rule;
	s->state = fresh->state;
	s->flags = fresh->flags;
	s->packets[0] = fresh->packets[0];
	s->packets[1] = fresh->packets[1];
	s->bytes[0] = fresh->bytes[0];
	s->bytes[1] = fresh->bytes[1];
	if (wide) {
		s6->local = f->local;
		s6->remote = f->remote;
	}
}

/* Into a line that was claimed: the whole of another one but its word, as a slice moves. */
static __always_inline void session_copy(struct bh_session *to, const struct bh_session *from, int wide)
{
	struct bh_session6 *to6 = (struct bh_session6 *)to;
	const struct bh_session6 *from6 = (const struct bh_session6 *)from;

	__builtin_memcpy((__u8 *)to + sizeof(to->word), (const __u8 *)from + sizeof(from->word),
			 sizeof(*to) - sizeof(to->word));
	if (wide) {
		to6->local = from6->local;
		to6->remote = from6->remote;
	}
}

#endif
