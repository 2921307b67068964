/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/lines.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "../../bpf/session.h"

#define TRIES 8 /* lines that a program takes between our look and our claim */

static void *set_at(const struct lines *l, uint32_t set)
{
	return (char *)l->at + (size_t)set * (l->wide ? sizeof(struct bh_set6) : sizeof(struct bh_set4));
}

static struct bh_session *line_at(const struct lines *l, uint32_t set, uint32_t way)
{
	return session_way(set_at(l, set), way, l->wide);
}

static size_t set_bytes(const struct lines *l)
{
	return l->wide ? sizeof(struct bh_set6) : sizeof(struct bh_set4);
}

void lines_clear(const struct lines *l, uint32_t base, uint32_t sets)
{
	memset(set_at(l, base), 0, sets * set_bytes(l));
}

static void count_ended(const struct lines *l, const struct bh_session *s)
{
	if (l->ended && s->rule && s->rule < l->rules)
		session_carried(s, &l->ended[s->rule]);
}

void lines_end(const struct lines *l, struct bh_slice slice)
{
	uint32_t i;

	for (i = 0; i < slice_sets(slice) * BH_WAYS; i++) {
		const struct bh_session *s = line_at(l, slice.base + i / BH_WAYS, i);

		if (word_is_used(s->word))
			count_ended(l, s);
	}
	if (slice_sets(slice))
		lines_clear(l, slice.base, slice_sets(slice));
}

bool lines_are_clear(const struct lines *l, uint32_t base, uint32_t sets)
{
	const uint64_t *word = set_at(l, base);
	size_t i;

	for (i = 0; i < sets * set_bytes(l) / sizeof(*word); i++)
		if (word[i])
			return false;
	return true;
}

/* A copy of a line that was the same before and after; false: nobody's, or another's by now. */
static bool line_read(const struct lines *l, const struct bh_session *at, struct bh_session6 *ret)
{
	const uint64_t word = __atomic_load_n(&at->word, __ATOMIC_ACQUIRE);

	if (!word_is_used(word))
		return false;
	memcpy(ret, at, l->wide ? sizeof(*ret) : sizeof(ret->head));
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return ret->head.word == word && READ_ONCE(at->word) == word;
}

static struct bh_flow6 flow_of(const struct lines *l, const struct bh_session6 *s, uint32_t ifindex)
{
	const struct bh_addr local = { { 0, 0, htonl(0xffff), s->head.local } },
			     remote = { { 0, 0, htonl(0xffff), s->head.remote } };

	return (struct bh_flow6){
		.ifindex = ifindex,
		.local = l->wide ? s->local : local,
		.remote = l->wide ? s->remote : remote,
		.lport = s->head.lport,
		.rport = s->head.rport,
		.proto = s->head.proto,
	};
}

int lines_each(const struct lines *l, struct bh_slice slice, uint32_t ifindex,
	       int (*each)(void *ctx, const struct bh_flow6 *flow, const struct bh_session *s), void *ctx)
{
	uint32_t i;
	int r = 0;

	for (i = 0; !r && i < slice_sets(slice) * BH_WAYS; i++) {
		struct bh_session6 s;
		struct bh_flow6 flow;

		if (!line_read(l, line_at(l, slice.base + i / BH_WAYS, i), &s))
			continue;
		flow = flow_of(l, &s, ifindex);
		r = each(ctx, &flow, &s.head);
	}
	return r;
}

bool lines_have(const struct lines *l, struct bh_slice slice, const struct bh_flow6 *flow)
{
	const uint64_t hash = session_hash(flow, l->seed, l->wide);
	__u64 word;

	return slice_sets(slice) &&
	       session_seek(set_at(l, session_set(hash, slice)), hash, flow, l->wide, &word);
}

/* ---- storing ------------------------------------------------------------------------------ */

/* A program may have stored the same flow since we looked: then ours goes. */
static bool is_second(const struct lines *l, void *set, uint64_t hash, const struct bh_flow6 *flow,
		      struct bh_session *ours)
{
	uint32_t i;

	for (i = 0; i < BH_WAYS; i++) {
		struct bh_session *s = session_way(set, i, l->wide);

		if (s != ours && session_match(s, session_tag(hash), flow, l->wide))
			return true;
	}
	return false;
}

int lines_put(const struct lines *l, struct bh_slice slice, const struct lines_owner *o,
	      const struct bh_flow6 *flow, const struct bh_session *fresh)
{
	const uint64_t hash = session_hash(flow, l->seed, l->wide);
	void *const set = set_at(l, session_set(hash, slice));
	const uint64_t word =
		session_word(session_tag(hash), word_fixed(fresh->word), word_epoch(fresh->word));
	int tries;

	for (tries = 0; tries < TRIES; tries++) {
		const struct bh_victim v = session_choose(set, hash, o->born, o->now, l->wide);
		struct bh_session *at = session_way(set, v.way, l->wide);

		if (lines_have(l, slice, flow))
			return -EEXIST;
		if (v.rank >= session_rank(fresh, word, o->born, o->now))
			return -ENOSPC;
		if (!session_claim(at, v.word))
			continue;
		if (v.word)
			count_ended(l, at);
		session_write(at, flow, fresh, l->wide);
		session_publish(at, word);
		if (is_second(l, set, hash, flow, at))
			session_free(at, word);
		return 0;
	}
	return -ENOSPC;
}

int lines_put_later(const struct lines *l, struct bh_slice slice, const struct lines_owner *o,
		    const struct bh_flow6 *flow, const struct bh_session *fresh)
{
	const uint64_t hash = session_hash(flow, l->seed, l->wide);
	struct bh_session *at;
	__u64 word;

	at = session_seek(set_at(l, session_set(hash, slice)), hash, flow, l->wide, &word);
	if (!at || (int32_t)(fresh->seen - READ_ONCE(at->seen)) <= 0 || !session_claim(at, word))
		return lines_put(l, slice, o, flow, fresh);
	session_write(at, flow, fresh, l->wide);
	session_publish(at,
			session_word(session_tag(hash), word_fixed(fresh->word), word_epoch(fresh->word)));
	return 0;
}

struct copy {
	const struct lines *l;
	struct bh_slice to;
	const struct lines_owner *owner;
	uint32_t lost;
};

static int copy_one(void *ctx, const struct bh_flow6 *flow, const struct bh_session *s)
{
	struct copy *c = ctx;

	if (session_rank(s, s->word, c->owner->born, c->owner->now) > BH_RANK_OVER)
		c->lost += lines_put(c->l, c->to, c->owner, flow, s) == -ENOSPC;
	return 0;
}

uint32_t lines_copy(const struct lines *l, struct bh_slice from, struct bh_slice to,
		    const struct lines_owner *o)
{
	struct copy c = { .l = l, .to = to, .owner = o };

	(void)lines_each(l, from, o->ifindex, copy_one, &c);
	return c.lost;
}

/* ---- sweeping ----------------------------------------------------------------------------- */

void lines_busy_turn(struct lines_busy *b)
{
	vec_done(&b->before);
	memcpy(&b->before, &b->now, sizeof(b->before));
	memset(&b->now, 0, sizeof(b->now));
}

void lines_busy_done(struct lines_busy *b)
{
	vec_done(&b->now);
	vec_done(&b->before);
}

/* A claim takes less than a microsecond: seen at two sweeps, it has lost its owner. */
static void note_busy(struct lines_busy *b, struct bh_session *at)
{
	struct bh_session **slot;
	size_t i;

	for (i = 0; i < b->before.n; i++)
		if (b->before.v[i] == at) {
			session_free(at, BH_SESS_BUSY);
			return;
		}
	slot = vec_add(&b->now);
	if (slot)
		*slot = at;
}

static void end_line(const struct lines *l, struct bh_session *at, uint64_t word)
{
	if (!session_claim(at, word))
		return;
	count_ended(l, at);
	session_publish(at, 0);
}

struct lines_use lines_sweep(const struct lines *l, struct bh_slice slice, const struct lines_owner *o,
			     struct lines_busy *busy)
{
	struct lines_use use = { 0 };
	uint32_t i;

	for (i = 0; i < slice_sets(slice) * BH_WAYS; i++) {
		struct bh_session *at = line_at(l, slice.base + i / BH_WAYS, i);
		const uint64_t word = READ_ONCE(at->word);
		const enum bh_rank rank = word ? session_rank(at, word, o->born, o->now) : BH_RANK_FREE;

		if (rank == BH_RANK_BUSY && busy)
			note_busy(busy, at);
		if ((rank == BH_RANK_DEAD || rank == BH_RANK_OVER) && busy)
			end_line(l, at, word);
		use.used += rank > BH_RANK_OVER && rank < BH_RANK_BUSY;
		use.live += rank == BH_RANK_LIVE;
	}
	return use;
}
