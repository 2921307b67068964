/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Sessions in the maps: find, count, open, renew, cut, move. A session caches an allow; who may have one is
 * decided in verdict.h and path.h, what one is in session.h. The two families differ in their map and in
 * @wide.
 */
#ifndef BH_SLICE_H
#define BH_SLICE_H

#include <bpf/bpf_endian.h>

#include "maps.h"
#include "parse.h"
#include "session.h"

#define likely(x)   __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
#ifndef barrier_var
#define barrier_var(v) asm volatile("" : "+r"(v))
#endif

static __always_inline __u32 now32(void)
{
	return (__u32)bpf_jiffies64();
}

/* ---- find ------------------------------------------------------------------------------- */

/* The barriers keep clang from making one call for both maps, which the kernel could not inline. */
static __always_inline void *set4_find(const struct bh_slice *slice, __u64 hash)
{
	__u32 index = session_set(hash, slice_read(slice));
	void *set = bpf_map_lookup_elem(&bh_sess4, &index);

	barrier_var(set);
	return set;
}

static __always_inline void *set6_find(const struct bh_slice *slice, __u64 hash)
{
	__u32 index = session_set(hash, slice_read(slice));

	return bpf_map_lookup_elem(&bh_sess6, &index);
}

static __always_inline struct bh_session *set_seek(void *set, struct bh_pkt *p, int wide)
{
	struct bh_session *s = set ? session_seek(set, p->hash, &p->flow, wide, &p->word) : NULL;

	if (s)
		p->way = session_way_of(set, s, wide);
	return s;
}

/* Whatever line this flow has in these slices, live or not: p->word and p->way tell which. */
static __always_inline struct bh_session *session_find_in(const struct bh_slice *of, struct bh_pkt *p)
{
	if (p->family == 4) {
		p->hash = session_hash(&p->flow, bh_seed, 0);
		return set_seek(set4_find(&of[BH_V4], p->hash), p, 0);
	}
	p->hash = session_hash(&p->flow, bh_seed, 1);
	return set_seek(set6_find(&of[BH_V6], p->hash), p, 1);
}

static __always_inline struct bh_session *session_find(const struct bh_endpoint *ep, struct bh_pkt *p)
{
	return session_find_in(ep->slice, p);
}

/* What session_find() found, once more. */
static __always_inline struct bh_session *session_again(const struct bh_endpoint *ep, const struct bh_pkt *p)
{
	void *set;

	if (!p->word)
		return NULL;
	if (p->family == 4) {
		set = set4_find(&ep->slice[BH_V4], p->hash);
		return set ? session_way(set, p->way, 0) : NULL;
	}
	set = set6_find(&ep->slice[BH_V6], p->hash);
	return set ? session_way(set, p->way, 1) : NULL;
}

/* ---- count ------------------------------------------------------------------------------ */

static __always_inline __u32 life_of(enum bh_life life)
{
	__u32 zero = 0;
	const struct bh_meta *meta = bpf_map_lookup_elem(&bh_meta, &zero);

	return meta ? READ_ONCE(meta->life[life & (BH_LIFE_SLOTS - 1)]) : 0;
}

static __always_inline int says_of(const struct bh_pkt *p)
{
	return (p->bits & BH_PKT_FIN ? BH_SAYS_FIN : 0) | (p->bits & BH_PKT_RST ? BH_SAYS_RST : 0) |
	       (p->bits & BH_PKT_SYN ? BH_SAYS_SYN : 0) | (p->flow.proto == BH_PROTO_TCP ? BH_SAYS_TCP : 0);
}

static __always_inline void session_step(struct bh_session *s, const struct bh_pkt *p, enum bh_dir dir)
{
	const enum bh_state state = s->state;
	__u8 flags = s->flags;
	const enum bh_state next = session_next(state, &flags, word_opener(p->word), dir, says_of(p));

	s->flags = flags;
	if (next == state)
		return;
	s->state = next;
	s->life = life_of(session_life(p->flow.proto, next));
}

static __always_inline void session_count(struct bh_session *s, const struct bh_pkt *p, enum bh_dir dir,
					  __u32 len, __u32 now)
{
	s->packets[dir]++;
	s->bytes[dir] += len;
	s->seen = now;
	if (unlikely(s->state != BH_ESTABLISHED || p->bits & (BH_PKT_FIN | BH_PKT_RST)))
		session_step(s, p, dir);
}

/* ---- what one is worth ------------------------------------------------------------------ */

/* A first SYN the other way round is not of this flow: it opens one of its own. So does one on a flow that
 * ended. */
static __always_inline int session_reopens(const struct bh_session *s, const struct bh_pkt *p,
					   enum bh_dir dir)
{
	return p->bits & BH_PKT_SYN && (word_opener(p->word) != dir || state_is_closing(s->state));
}

/*
 * A HOST session speaks for a packet only while the other end is this node: to the pod, one that was made
 * here; from the pod, to what is still an address of the node and no hostPort. A VIA session: to the pod,
 * only what comes from the pod that opened it, since the next one may get the same port of the node. What
 * they opened, the pod may answer, whatever address the node used.
 */
static __always_inline int session_needs_no_origin(__u64 word, enum bh_dir dir)
{
	return !(word_fixed(word) & (BH_SESS_HOST | BH_SESS_VIA)) ||
	       (dir == BH_EGRESS && word_opener(word) == BH_INGRESS);
}

static __always_inline int session_is_via(const struct bh_session *s, __u32 ifindex)
{
	return session_via(s) == (ifindex & 0xffffff);
}

/* ---- open ------------------------------------------------------------------------------- */

static __always_inline void count_opened(__u32 slot, __u32 rank)
{
	struct bh_ep_stat *stat = bpf_map_lookup_elem(&bh_ep_stats, &slot);

	if (!stat)
		return;
	stat->opened++;
	if (rank == BH_RANK_LIVE)
		stat->evicted_live++;
	else if (rank >= BH_RANK_NEW)
		stat->evicted_new++;
}

static __always_inline void count_redone(__u32 slot)
{
	struct bh_ep_stat *stat = bpf_map_lookup_elem(&bh_ep_stats, &slot);

	if (stat)
		stat->redone++;
}

/* Of a line that was claimed; @word: what it had, 0 where it was free. By arithmetic, since the verifier
 * follows every way that it knows. Not a function of its own: those have no stack to spare, together 512
 * bytes. */
static __always_inline void count_ended(const struct bh_session *s, __u64 word)
{
	__u32 rule = s->rule * (word_tag(word) & 1); /* of a tag always set */
	struct bh_count *sum = rule ? bpf_map_lookup_elem(&bh_rule_ended, &rule) : NULL;

	if (sum)
		session_carried(s, sum);
}

#define BH_CLAIMS 3 /* another CPU may be faster, but not always */

/* A line of the set for this flow, claimed: the one it had, else who must make room. */
static __always_inline struct bh_session *session_take(void *set, struct bh_pkt *p, __u32 born, int wide,
						       __u32 *ret_rank)
{
	struct bh_victim v = { .word = p->word, .way = p->way, .rank = BH_RANK_FREE };
	struct bh_session *s;
	int i;

	for (i = 0; i < BH_CLAIMS; i++) {
		if (i || !p->word)
			v = session_choose(set, p->hash, born, now32(), wide);
		if (v.rank == BH_RANK_BUSY)
			break;
		s = session_way(set, v.way, wide);
		if (session_claim(s, v.word)) {
			p->way = v.way;
			count_ended(s, v.word);
			*ret_rank = v.rank;
			return s;
		}
	}
	return NULL;
}

/* @fresh: the whole of it but the key; its word is what is published. Return: 1, 0 there is no room. */
static __always_inline int session_put(void *set, struct bh_pkt *p, const struct bh_endpoint *ep,
				       const struct bh_session *fresh, int wide)
{
	__u32 rank = 0;
	struct bh_session *s = set ? session_take(set, p, ep->born, wide, &rank) : NULL;

	if (!s)
		return 0;
	session_write(s, &p->flow, fresh, wide);
	session_publish(s, fresh->word);
	count_opened(p->slot, rank);
	return 1;
}

__noinline int bh_open(struct bh_pkt *p, const struct bh_endpoint *ep, const struct bh_session *fresh)
{
	if (!p || !ep || !fresh)
		return 0;
	if (p->family == 4)
		return session_put(set4_find(&ep->slice[BH_V4], p->hash), p, ep, fresh, 0);
	return session_put(set6_find(&ep->slice[BH_V6], p->hash), p, ep, fresh, 1);
}

/* ---- renew, cut ------------------------------------------------------------------------- */

/* Allowed again, by @rule: counters go on, the epoch that makes it valid comes last. */
static __always_inline void session_renew(struct bh_session *s, const struct bh_pkt *p, __u32 rule)
{
	s->rule = rule;
	if (s->flags & BH_SESS_CUT) {
		s->flags &= ~BH_SESS_CUT;
		s->life = life_of(session_life(p->flow.proto, s->state));
	}
	session_restamp(s, p->word, p->epoch);
}

/* Not allowed any more. */
static __always_inline void session_end(struct bh_session *s, const struct bh_pkt *p)
{
	if (!session_claim(s, p->word))
		return;
	count_ended(s, p->word);
	session_publish(s, 0);
}

/*
 * Any UDP packet may be a flow's first, so what a server goes on sending would open the flow that was just
 * denied to its client, from the other end. So the session stays, under its old epoch, to be asked each time.
 */
static __always_inline void session_cut(struct bh_session *s)
{
	s->flags |= BH_SESS_CUT;
	s->life = life_of(BH_LIFE_CUT);
	s->seen = now32();
}

/* The same for a flow that never was allowed. Its epoch is not dead, and none that the endpoint will get. */
static __always_inline void session_open_cut(struct bh_pkt *p, const struct bh_endpoint *ep, enum bh_dir dir)
{
	const struct bh_session s = {
		.word = session_word(session_tag(p->hash), dir, p->epoch + 0x40000000),
		.seen = now32(),
		.life = life_of(BH_LIFE_CUT),
		.flags = BH_SESS_CUT,
	};

	bh_open(p, ep, &s);
}

/* ---- a slice that grows ----------------------------------------------------------------- */

/* What the former set has of this flow, if anything, moves to the one that holds now. */
static __always_inline void session_move(void *from, void *to, struct bh_pkt *p, __u32 born, int wide)
{
	struct bh_session *old, *s;
	__u32 rank;
	__u64 word;

	old = from && to ? session_seek(from, p->hash, &p->flow, wide, &word) : NULL;
	s = old ? session_take(to, p, born, wide, &rank) : NULL;
	if (!s)
		return;
	session_copy(s, old, wide);
	session_publish(s, word);
	session_free(old, word);
	p->word = word;
}

__noinline int bh_move(struct bh_pkt *p, const struct bh_endpoint *ep)
{
	if (!p || !ep)
		return 0;
	if (p->family == 4)
		session_move(set4_find(&ep->former[BH_V4], p->hash), set4_find(&ep->slice[BH_V4], p->hash), p,
			     ep->born, 0);
	else
		session_move(set6_find(&ep->former[BH_V6], p->hash), set6_find(&ep->slice[BH_V6], p->hash), p,
			     ep->born, 1);
	return 0;
}

/* To be asked where the slice has no line of this flow. */
static __always_inline int session_has_former(const struct bh_endpoint *ep, const struct bh_pkt *p)
{
	return ep->former[p->family == 4 ? BH_V4 : BH_V6].base != BH_NO_SLICE;
}

/* The line that this flow has, be it in the former slice; NULL: none, or one that is as good as none. */
static __always_inline struct bh_session *session_cold(const struct bh_endpoint *ep, struct bh_pkt *p)
{
	struct bh_session *s;

	if (!p->word && session_has_former(ep, p))
		bh_move(p, ep);
	s = session_again(ep, p);
	return s && !word_is_dead(p->word, ep->born) && !session_is_over(s, now32()) ? s : NULL;
}

#endif
