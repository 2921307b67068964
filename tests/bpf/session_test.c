// SPDX-License-Identifier: Apache-2.0
/* bpf/session.h natively: places, look-up, states, time-outs, who makes room, and how a line is written. */
#include <pthread.h>
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "bpf/session.h"

#define SEED 0x51ce5eed2026ull
#define BORN 900
#define NOW  5000
#define LIFE 100

static const int wides[] = { 0, 1 };
static struct bh_set6 room; /* of either family */

static struct bh_flow6 flow_of(uint32_t n, int wide)
{
	struct bh_flow6 f = { .lport = 80, .rport = (uint16_t)n, .proto = BH_PROTO_TCP };

	f.local.w[3] = 0x0500010a;
	f.remote.w[3] = 0x5000010a + (n >> 16 << 24);
	f.local.w[0] = f.remote.w[0] = wide ? 0xfd : 0;
	f.local.w[2] = f.remote.w[2] = wide ? 0 : 0xffff0000;
	return f;
}

static struct bh_session *line(uint32_t way, int wide)
{
	return session_way(&room, way, wide);
}

/* A line of nobody that is looked for, of that epoch and state, last seen @ago. */
static struct bh_session *fill(uint32_t way, int wide, uint32_t epoch, enum bh_state state, uint32_t ago)
{
	struct bh_session *s = line(way, wide);

	*s = (struct bh_session){
		.word = session_word(0x1001 + way, BH_INGRESS, epoch),
		.seen = NOW - ago,
		.life = LIFE,
		.state = (uint8_t)state,
	};
	return s;
}

static void fill_all(int wide, enum bh_state state)
{
	uint32_t i;

	memset(&room, 0, sizeof(room));
	for (i = 0; i < BH_WAYS; i++)
		fill(i, wide, BORN, state, 10);
}

/* ---- places ------------------------------------------------------------------------------ */

/* The n-th of flows as a scanner, a load balancer or a full subnet makes them: what differs goes up by one.
 */
static struct bh_flow6 in_turn(int what, uint32_t n, int wide)
{
	struct bh_flow6 f = flow_of(0, wide);
	uint32_t addr = 0x0a000000, port = 40000;

	switch (what) {
	case 0: /* ports, then addresses */
		addr += n / 60000;
		port = 1024 + n % 60000;
		break;
	case 1: /* addresses */
		addr += n;
		break;
	case 2: /* each address of a subnet, one port after the other */
		addr += n % 256;
		port += n / 256;
		break;
	default: /* each subnet */
		addr += n * 256;
	}
	f.remote.w[3] = htonl(addr);
	f.rport = htons((uint16_t)port);
	return f;
}

/* 64k flows over 16k sets, whatever differs and by any seed: each gets its share, and so do the ways in which
 * they are looked for. */
static void spreads_evenly(void **state)
{
	static uint16_t sets[16384];
	const struct bh_slice slice = { 512, 16383 };
	uint32_t homes[BH_WAYS], i, k, over;

	(void)state;
	for (k = 0; k < 2 * 4 * 4; k++) {
		const int wide = wides[k & 1], what = k >> 1 & 3;
		const uint64_t seed = SEED + (k >> 3) * BH_MIX_D;

		memset(sets, 0, sizeof(sets));
		memset(homes, 0, sizeof(homes));
		for (i = 0, over = 0; i < 65536; i++) {
			const struct bh_flow6 f = in_turn(what, i, wide);
			const uint64_t hash = session_hash(&f, seed, wide);
			const uint32_t set = session_set(hash, slice);

			assert_in_range(set, 512, 512 + 16383);
			over += ++sets[set - 512] > BH_WAYS;
			homes[session_home(hash)]++;
		}
		if (over < 430 || over > 700) /* by Poisson, 4 in each: 553 are the ninth or more */
			fail_msg("%s, what %d: %u", wide ? "IPv6" : "IPv4", what, over);
		for (i = 0; i < BH_WAYS; i++)
			assert_in_range(homes[i], 7700, 8700);
	}
}

/* Every bit of a flow, and of the seed, is in the hash. */
static void hash_holds_everything(void **state)
{
	uint64_t hash;
	uint32_t i, k;

	(void)state;
	for (k = 0; k < 2; k++) {
		struct bh_flow6 f = flow_of(7, wides[k]);
		uint8_t *at = wides[k] ? (uint8_t *)&f.local : (uint8_t *)&f.local.w[3];

		hash = session_hash(&f, SEED, wides[k]);
		for (i = 0; i < 8 * (size_t)((uint8_t *)f.pad - at); i++) {
			if (!wides[k] && at + i / 8 >= (uint8_t *)&f.remote &&
			    at + i / 8 < (uint8_t *)&f.remote.w[3])
				continue; /* IPv4: what makes it one */
			at[i / 8] ^= (uint8_t)(1 << i % 8);
			assert_int_not_equal(session_hash(&f, SEED, wides[k]), hash);
			at[i / 8] ^= (uint8_t)(1 << i % 8);
		}
		for (i = 0; i < 60; i++) /* the last ones go beyond the product's 64 bits */
			assert_int_not_equal(session_hash(&f, SEED ^ 1ull << i, wides[k]), hash);
		f.ifindex = 9;
		assert_int_equal(session_hash(&f, SEED, wides[k]), hash);
	}
}

static void word_keeps_its_parts(void **state)
{
	const uint64_t word = session_word(session_tag(~0ull), 0x7f, 0xfffffffe);

	(void)state;
	assert_int_equal(word_tag(word), 0x1ffffff);
	assert_int_equal(word_fixed(word), 0x7f);
	assert_int_equal(word_epoch(word), 0xfffffffe);
	assert_int_equal(word_opener(session_word(1, BH_EGRESS | BH_SESS_HOST, 1)), BH_EGRESS);
	assert_int_equal(word_opener(session_word(1, BH_INGRESS | BH_SESS_BOTH, 1)), BH_INGRESS);
	assert_false(word_is_used(0));
	assert_false(word_is_used(BH_SESS_BUSY));
	assert_true(word_is_used(session_word(session_tag(0), 0, 0))); /* a hash of zero is a flow's, too */
}

static void epochs_wrap(void **state)
{
	(void)state;
	assert_false(word_is_dead(session_word(1, 0, BORN), BORN));
	assert_true(word_is_dead(session_word(1, 0, BORN - 1), BORN));
	assert_false(word_is_dead(session_word(1, 0, 3), 0xfffffffe));
	assert_true(word_is_dead(session_word(1, 0, 0xfffffffe), 3));
}

/* ---- look-up ----------------------------------------------------------------------------- */

static struct bh_session *put(const struct bh_flow6 *f, uint32_t way, int wide)
{
	struct bh_session fresh = { .seen = NOW, .life = LIFE };
	struct bh_session *s = line(way, wide);

	assert_true(session_claim(s, s->word));
	session_write(s, f, &fresh, wide);
	session_publish(s, session_word(session_tag(session_hash(f, SEED, wide)), 0, BORN));
	return s;
}

static struct bh_session *seek(const struct bh_flow6 *f, int wide, __u64 *word)
{
	return session_seek(&room, session_hash(f, SEED, wide), f, wide, word);
}

static void found_in_every_way(void **state)
{
	uint32_t i, k;
	__u64 word;

	(void)state;
	for (k = 0; k < 2; k++)
		for (i = 0; i < BH_WAYS; i++) {
			const struct bh_flow6 f = flow_of(1000 + i, wides[k]),
					      other = flow_of(2000, wides[k]);
			struct bh_session *s;

			fill_all(wides[k], BH_ESTABLISHED);
			s = put(&f, i, wides[k]);
			assert_ptr_equal(seek(&f, wides[k], &word), s);
			assert_int_equal(word, s->word);
			assert_int_equal(session_way_of(&room, s, wides[k]), i);
			assert_null(seek(&other, wides[k], &word));
			assert_int_equal(word, 0);
		}
}

/* The tag of another flow leads to nothing: the key has the last word, each part of it. */
static void tags_may_meet(void **state)
{
	const struct bh_flow6 f = flow_of(5, 0), f6 = flow_of(5, 1);
	__u64 word;
	uint32_t i, k;

	(void)state;
	for (k = 0; k < 2; k++) {
		const struct bh_flow6 *own = wides[k] ? &f6 : &f;
		const size_t end = wides[k] ? sizeof(struct bh_session6) - 32 : 21;
		uint8_t *s;

		memset(&room, 0, sizeof(room));
		s = (uint8_t *)put(own, 3, wides[k]);
		for (i = 8; i < end; i++) {
			if (i >= 21 && i < 64) /* not the key */
				continue;
			if (wides[k] && i < 16) /* IPv4's addresses */
				continue;
			s[i] ^= 1;
			assert_null(seek(own, wides[k], &word));
			s[i] ^= 1;
			assert_non_null(seek(own, wides[k], &word));
		}
	}
}

/* The flow of a line that is being written, or free, is not there, whatever its key says. */
static void busy_is_not_found(void **state)
{
	__u64 word;
	uint32_t k;

	(void)state;
	for (k = 0; k < 2; k++) {
		const struct bh_flow6 f = flow_of(6, wides[k]);
		struct bh_session *s;

		memset(&room, 0, sizeof(room));
		s = put(&f, 2, wides[k]);
		word = s->word;
		assert_true(session_claim(s, word));
		assert_null(seek(&f, wides[k], &word));
		session_publish(s, 0);
		assert_null(seek(&f, wides[k], &word));
	}
}

/* ---- states ------------------------------------------------------------------------------ */

enum {
	IN = BH_INGRESS,
	OUT = BH_EGRESS,
	FIN = BH_SAYS_FIN << 4,
	RST = BH_SAYS_RST << 4,
	TCP = BH_SAYS_TCP << 4,
	SYN = BH_SAYS_SYN << 4,
	END = 0x100
};

/* Opened by IN: each packet, and the state after it. */
static void states_follow(void **state)
{
	static const struct {
		const char *name;
		uint16_t packet[10];
		uint8_t after[10];
	} rows[] = {
		{ "answered", { IN, OUT, IN, END }, { BH_NEW, BH_ESTABLISHED, BH_ESTABLISHED } },
		{ "opened by three packets, each of the first two sent twice",
		  { IN | TCP | SYN, OUT | TCP, OUT | TCP, IN | TCP | SYN, IN | TCP, OUT | TCP, END },
		  { BH_NEW, BH_ANSWERED, BH_ANSWERED, BH_ANSWERED, BH_ESTABLISHED, BH_ESTABLISHED } },
		{ "answered, and ended before it went on",
		  { OUT | TCP, OUT | TCP | FIN, IN | TCP | FIN, END },
		  { BH_ANSWERED, BH_FIN, BH_TIME_WAIT } },
		{ "answered, and reset",
		  { OUT | TCP, IN | TCP | RST, OUT | TCP, IN | TCP, END },
		  { BH_ANSWERED, BH_CLOSED, BH_CLOSED, BH_ESTABLISHED } },
		{ "refused", { OUT | RST, END }, { BH_CLOSED } },
		{ "ends, by the opener",
		  { OUT, IN | FIN, OUT, OUT | FIN, IN, END },
		  { BH_ESTABLISHED, BH_FIN, BH_FIN, BH_TIME_WAIT, BH_TIME_WAIT } },
		{ "ends, by the other one",
		  { OUT, OUT | FIN, IN, OUT | FIN, IN | FIN, END },
		  { BH_ESTABLISHED, BH_FIN, BH_FIN, BH_FIN, BH_TIME_WAIT } },
		{ "ends unanswered", { IN | FIN, IN, END }, { BH_FIN, BH_FIN } },
		{ "reset, and over",
		  { OUT, IN | RST, IN | RST, OUT | RST, END },
		  { BH_ESTABLISHED, BH_CLOSED, BH_CLOSED, BH_CLOSED } },
		{ "reset, but both go on",
		  { OUT, IN | RST, OUT, OUT, IN, END },
		  { BH_ESTABLISHED, BH_CLOSED, BH_CLOSED, BH_CLOSED, BH_ESTABLISHED } },
		{ "reset twice, both must go on after it",
		  { OUT, IN | RST, OUT, OUT | RST, IN, IN, OUT, END },
		  { BH_ESTABLISHED, BH_CLOSED, BH_CLOSED, BH_CLOSED, BH_CLOSED, BH_CLOSED, BH_ESTABLISHED } },
		{ "reset after an end",
		  { OUT, IN | FIN, OUT | RST, IN, OUT, END },
		  { BH_ESTABLISHED, BH_FIN, BH_CLOSED, BH_CLOSED, BH_FIN } },
	};
	size_t i, k;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		enum bh_state now = BH_NEW;
		uint8_t flags = 0, replied = 0;

		for (k = 0; rows[i].packet[k] != END; k++) {
			const enum bh_dir dir = rows[i].packet[k] & 1 ? BH_EGRESS : BH_INGRESS;

			now = session_next(now, &flags, BH_INGRESS, dir, rows[i].packet[k] >> 4);
			replied |= dir == BH_EGRESS;
			if (now != rows[i].after[k] || !(flags & BH_SESS_REPLIED) != !replied)
				fail_msg("%s: packet %zu: state %d, flags %x", rows[i].name, k, now, flags);
		}
	}
}

static void lives_follow_states(void **state)
{
	static const struct {
		uint8_t proto;
		enum bh_life life[6];
	} rows[] = {
		{ BH_PROTO_TCP,
		  { BH_LIFE_TCP_SYN_SENT, BH_LIFE_TCP_SYN_RECV, BH_LIFE_TCP_ESTABLISHED, BH_LIFE_TCP_FIN_WAIT,
		    BH_LIFE_TCP_TIME_WAIT, BH_LIFE_TCP_CLOSE } },
		{ 17, { BH_LIFE_UDP, BH_LIFE_UDP_STREAM, BH_LIFE_UDP_STREAM } },
		{ BH_PROTO_ICMP, { BH_LIFE_ICMP, BH_LIFE_ICMP, BH_LIFE_ICMP } },
		{ BH_PROTO_ICMPV6, { BH_LIFE_ICMP, BH_LIFE_ICMP, BH_LIFE_ICMP } },
		{ BH_PROTO_SCTP,
		  { BH_LIFE_SCTP_NEW, BH_LIFE_SCTP_ESTABLISHED, BH_LIFE_SCTP_ESTABLISHED,
		    BH_LIFE_SCTP_SHUTDOWN, BH_LIFE_SCTP_SHUTDOWN, BH_LIFE_SCTP_SHUTDOWN } },
	};
	size_t i;
	int s;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		for (s = 0; s < (rows[i].proto == BH_PROTO_TCP || rows[i].proto == BH_PROTO_SCTP ? 6 : 3);
		     s++)
			assert_int_equal(session_life(rows[i].proto, (enum bh_state)s), rows[i].life[s]);
}

static void over_is_later_than_life(void **state)
{
	struct bh_session s = { .seen = 1000, .life = LIFE };

	(void)state;
	assert_false(session_is_over(&s, 1000 + LIFE));
	assert_true(session_is_over(&s, 1001 + LIFE));
	assert_false(session_is_over(&s, 999)); /* seen on another CPU */
	s.seen = 0xffffffe0;			/* jiffies wrap */
	assert_false(session_is_over(&s, 0x10));
	assert_true(session_is_over(&s, 0x10 + LIFE));
	s.life = 432000u * 1000; /* the longest there is by default, at 1000 Hz */
	assert_false(session_is_over(&s, s.seen + s.life));
	assert_true(session_is_over(&s, s.seen + s.life + 1));
}

/* ---- who makes room ---------------------------------------------------------------------- */

static struct bh_victim choose(uint32_t home, int wide)
{
	return session_choose(&room, (uint64_t)home << 29, BORN, NOW, wide);
}

static void takes_what_nobody_needs(void **state)
{
	static const enum bh_rank ranks[] = { BH_RANK_FREE, BH_RANK_DEAD, BH_RANK_OVER };
	uint32_t home, at, k, r;

	(void)state;
	for (k = 0; k < 2; k++)
		for (r = 0; r < 3; r++)
			for (home = 0; home < BH_WAYS; home++)
				for (at = 0; at < BH_WAYS; at++) {
					struct bh_victim v;

					fill_all(wides[k], BH_NEW);
					fill(at, wides[k], ranks[r] == BH_RANK_DEAD ? BORN - 1 : BORN,
					     BH_ESTABLISHED, ranks[r] == BH_RANK_OVER ? LIFE + 1 : 0);
					if (ranks[r] == BH_RANK_FREE)
						line(at, wides[k])->word = 0;
					v = choose(home, wides[k]);
					assert_int_equal(v.way % BH_WAYS, at);
					assert_int_equal(v.rank, ranks[r]);
					assert_int_equal(v.word, line(at, wides[k])->word);
				}
	memset(&room, 0, sizeof(room)); /* all free: its home */
	assert_int_equal(choose(5, 0).way % BH_WAYS, 5);
}

/* Unanswered before closing before established, whatever their age; of one kind the oldest. */
static void takes_the_least_live(void **state)
{
	uint32_t k;

	(void)state;
	for (k = 0; k < 2; k++) {
		fill_all(wides[k], BH_ESTABLISHED);
		fill(6, wides[k], BORN, BH_ESTABLISHED, 60);
		assert_int_equal(choose(0, wides[k]).way % BH_WAYS, 6);
		assert_int_equal(choose(0, wides[k]).rank, BH_RANK_LIVE);
		fill(1, wides[k], BORN, BH_TIME_WAIT, 20);
		fill(2, wides[k], BORN, BH_CLOSED, 19);
		assert_int_equal(choose(0, wides[k]).way % BH_WAYS, 1);
		assert_int_equal(choose(0, wides[k]).rank, BH_RANK_CLOSING);
		fill(3, wides[k], BORN, BH_NEW, 1);
		fill(4, wides[k], BORN, BH_NEW, 2);
		assert_int_equal(choose(0, wides[k]).way % BH_WAYS, 4);
		assert_int_equal(choose(0, wides[k]).rank, BH_RANK_NEW);
		fill(5, wides[k], BORN, BH_NEW, (uint32_t)-1); /* seen after now: the youngest */
		assert_int_equal(choose(5, wides[k]).way % BH_WAYS, 4);
	}
}

static void takes_no_busy_line(void **state)
{
	uint32_t i;

	(void)state;
	fill_all(0, BH_NEW);
	for (i = 0; i < BH_WAYS; i++)
		line(i, 0)->word = BH_SESS_BUSY;
	assert_int_equal(choose(0, 0).rank, BH_RANK_BUSY);
	fill(7, 0, BORN, BH_ESTABLISHED, 0);
	assert_int_equal(choose(0, 0).way % BH_WAYS, 7);
}

/* ---- writing ----------------------------------------------------------------------------- */

static void claims_once(void **state)
{
	struct bh_session s = { .word = session_word(9, 0, BORN) };
	const uint64_t word = s.word, other = session_word(9, BH_EGRESS, BORN);

	(void)state;
	assert_true(session_claim(&s, word));
	assert_int_equal(s.word, BH_SESS_BUSY);
	assert_false(session_claim(&s, word));
	session_restamp(&s, word, BORN + 1);
	session_free(&s, word);
	assert_int_equal(s.word, BH_SESS_BUSY);
	session_publish(&s, word);
	session_restamp(&s, other, BORN + 1); /* the same flow and epoch with other rights is another word */
	assert_int_equal(s.word, word);
	session_restamp(&s, word, BORN + 1);
	assert_int_equal(s.word, session_word(9, 0, BORN + 1));
	session_free(&s, s.word);
	assert_int_equal(s.word, 0);
}

static unsigned int met; /* atomic: times that two had one line */

static void *contend(void *arg)
{
	const uint32_t own = (uint32_t)(uintptr_t)arg;
	uint32_t i;

	for (i = 0; i < 1000000; i++) {
		const struct bh_victim v = session_choose(&room, 0, BORN, NOW, 0);
		struct bh_session *s = line(v.way, 0);

		if (v.rank == BH_RANK_BUSY || !session_claim(s, v.word))
			continue;
		WRITE_ONCE(s->rule, own);
		WRITE_ONCE(s->seen, NOW);
		if (READ_ONCE(s->rule) != own || READ_ONCE(s->word) != BH_SESS_BUSY)
			(void)__atomic_fetch_add(&met, 1, __ATOMIC_RELAXED);
		session_publish(s, session_word(own, BH_INGRESS, BORN));
	}
	return NULL;
}

/* Two that want a line of one set, a million times each, never get the same one. */
static void claims_alone(void **state)
{
	pthread_t other;

	(void)state;
	fill_all(0, BH_NEW);
	met = 0;
	assert_int_equal(pthread_create(&other, NULL, contend, (void *)1), 0);
	(void)contend((void *)2);
	(void)pthread_join(other, NULL);
	assert_int_equal(met, 0);
}

static void moves_whole(void **state)
{
	uint8_t from[sizeof(struct bh_session6)], to[sizeof(from)];
	size_t i, k;

	(void)state;
	for (k = 0; k < 2; k++) {
		const size_t size = wides[k] ? sizeof(struct bh_session6) : sizeof(struct bh_session);

		for (i = 0; i < sizeof(from); i++)
			from[i] = (uint8_t)(i + 1);
		memset(to, 0, sizeof(to));
		session_copy((struct bh_session *)to, (const struct bh_session *)from, wides[k]);
		for (i = 0; i < sizeof(to); i++)
			assert_int_equal(to[i], i < 8 || i >= (wides[k] ? size - 32 : size) ? 0 : from[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(spreads_evenly),
		cmocka_unit_test(hash_holds_everything),
		cmocka_unit_test(word_keeps_its_parts),
		cmocka_unit_test(epochs_wrap),
		cmocka_unit_test(found_in_every_way),
		cmocka_unit_test(tags_may_meet),
		cmocka_unit_test(busy_is_not_found),
		cmocka_unit_test(states_follow),
		cmocka_unit_test(lives_follow_states),
		cmocka_unit_test(over_is_later_than_life),
		cmocka_unit_test(takes_what_nobody_needs),
		cmocka_unit_test(takes_the_least_live),
		cmocka_unit_test(takes_no_busy_line),
		cmocka_unit_test(claims_once),
		cmocka_unit_test(claims_alone),
		cmocka_unit_test(moves_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
