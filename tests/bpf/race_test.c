// SPDX-License-Identifier: Apache-2.0
/*
 * Sessions under two CPUs that run the programs and an agent that moves the slice beneath them and changes
 * the epoch: far more flows than lines, half of them denied, each of those with the tag and the set of one
 * that is allowed. A denied one that passes has met another's line; a line whose key is not of its tag was
 * written by two. Needs root.
 */
#include <err.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <linux/pkt_cls.h>

#include "dataplane/lines.h"
#include "world.h"

#include "bpf/session.h"

#define ELSEWHERE 7
#define PAIRS	  96   /* of each family */
#define SECONDS	  3    /* a phase, at least */
#define MOST	  90   /* seconds: a machine that is busy or emulated needs longer for what follows */
#define LEAST	  2500 /* packets in a phase, and a fiftieth of them by sessions, and as many sessions opened */

/* Ten ports hold five that S_LONG allows, or five that it denies; @n names one flow of either kind. */
static struct shape shape_of(uint32_t n, bool denied)
{
	return (struct shape){
		.port = (uint16_t)(20 * (n % 400) + (denied ? 11 : 1) + n / 400 % 5),
		.eph = (uint16_t)(20000 + n / 2000 % 40000),
	};
}

struct pair {
	uint32_t allowed, denied;
};
static struct pair pairs[2][PAIRS];

/* ---- flows that collide ------------------------------------------------------------------ */

#define CANDIDATES (1u << 17)

struct candidate {
	uint64_t place; /* the tag, and the set in the largest slice */
	uint32_t n;
};

static int by_place(const void *a, const void *b)
{
	const uint64_t x = ((const struct candidate *)a)->place, y = ((const struct candidate *)b)->place;

	return (x > y) - (x < y);
}

static struct candidate *candidates(enum bh_family family, bool denied)
{
	struct candidate *all = malloc(CANDIDATES * sizeof(*all));
	uint32_t n;

	if (!all)
		err(1, "no memory");
	for (n = 0; n < CANDIDATES; n++) {
		const struct shape s = shape_of(n, denied);
		const struct bh_flow6 f = shape_flow(&s, family == BH_V6 ? 6 : 4, BH_INGRESS, IFINDEX);
		const uint64_t hash = session_hash(&f, WORLD_SEED, family == BH_V6);

		all[n] = (struct candidate){ (uint64_t)session_tag(hash) << 1 | (hash & 1), n };
	}
	qsort(all, CANDIDATES, sizeof(*all), by_place);
	return all;
}

static void find_pairs(enum bh_family family)
{
	struct candidate *a = candidates(family, false), *d = candidates(family, true);
	uint32_t i = 0, k = 0, n = 0;

	while (i < CANDIDATES && k < CANDIDATES && n < PAIRS)
		if (a[i].place < d[k].place)
			i++;
		else if (a[i].place > d[k].place)
			k++;
		else
			pairs[family][n++] = (struct pair){ a[i++].n, d[k++].n };
	if (n < PAIRS)
		errx(1, "%u flows that collide", n);
	free(a);
	free(d);
}

/* ---- packets ------------------------------------------------------------------------------ */

static volatile bool over;
static uint64_t wrong; /* atomic */

struct worker {
	pthread_t thread;
	int cpu;
	uint64_t runs; /* read by the agent: a packet that was on its way has passed when it has grown */
};

static void complain(const char *what, uint32_t n)
{
	if (__atomic_fetch_add(&wrong, 1, __ATOMIC_RELAXED) < 10)
		printf("FAIL %s: flow %u\n", what, n);
}

static uint32_t roll(uint64_t *seed)
{
	*seed = *seed * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(*seed >> 33);
}

/* A SYN passes by its session or by policy, anything else by its session alone. */
static void one(uint64_t *seed)
{
	static const uint8_t flags[] = { 0, 0, 0, ACK, FIN | ACK, RST };
	const enum bh_family family = roll(seed) & 1;
	const struct pair *pair = &pairs[family][roll(seed) % PAIRS];
	const bool denied = roll(seed) % 4 == 0;
	struct shape s = shape_of(denied ? pair->denied : pair->allowed, denied);
	struct frame f;
	int r;

	s.flags = flags[roll(seed) % sizeof(flags)];
	shape_frame(&s, family == BH_V6 ? 6 : 4, BH_INGRESS, &f);
	r = world_run(BH_INGRESS, &f, ELSEWHERE, 0, 1);
	if (denied && r != TC_ACT_SHOT)
		complain("passed by another's session", pair->denied);
	if (!denied && !s.flags && r != TC_ACT_UNSPEC)
		complain("dropped", pair->allowed);
}

static void *work(void *arg)
{
	struct worker *w = arg;
	uint64_t seed = (uint64_t)w->cpu + 1;
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(w->cpu, &set);
	(void)sched_setaffinity(0, sizeof(set), &set);
	while (!over) {
		one(&seed);
		__atomic_fetch_add(&w->runs, 1, __ATOMIC_RELEASE);
	}
	return NULL;
}

/* ---- the agent ---------------------------------------------------------------------------- */

#define LOOKS	  500 /* for each move: what two wrote is another's again within a millisecond */
#define FIRST_SET 4   /* of all slices that there are, see agent() */
#define END_SET	  13

static bool renews; /* the epoch changes: a rule may be written into a line that has just become another's */

static struct worker workers[2] = { { .cpu = 0 }, { .cpu = 1 } };

/* What one line says, as long as it says it. */
struct said {
	struct bh_flow6 f;
	uint32_t rule;
	uint64_t word;
};

static bool read_line(const struct bh_session *s, bool wide, struct said *ret)
{
	const struct bh_session6 *s6 = (const void *)s;
	const uint64_t word = __atomic_load_n(&s->word, __ATOMIC_ACQUIRE);
	struct bh_flow6 f = { .lport = READ_ONCE(s->lport),
			      .rport = READ_ONCE(s->rport),
			      .proto = READ_ONCE(s->proto) };

	if (wide) {
		f.local = s6->local;
		f.remote = s6->remote;
	} else {
		f.local.w[3] = READ_ONCE(s->local);
		f.remote.w[3] = READ_ONCE(s->remote);
	}
	*ret = (struct said){ .f = f, .rule = READ_ONCE(s->rule), .word = word };
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return word_is_used(word) && __atomic_load_n(&s->word, __ATOMIC_RELAXED) == word;
}

/* A line that did not change while it was looked at says what one flow was given. It is read twice: a reader
 * who waits for a CPU in the middle may find the same flow there again, and have read of another between. */
static void look(enum bh_family family)
{
	const bool wide = family == BH_V6;
	const size_t size = wide ? sizeof(struct bh_session6) : sizeof(struct bh_session);
	uint32_t i, port;

	for (i = FIRST_SET * BH_WAYS; i < END_SET * BH_WAYS; i++) {
		const struct bh_session *s = (void *)((char *)world_sets(family) + i * size);
		struct said a, b;

		if (!read_line(s, wide, &a) || !read_line(s, wide, &b) || memcmp(&a, &b, sizeof(a)))
			continue;
		if (session_tag(session_hash(&a.f, WORLD_SEED, wide)) != word_tag(a.word))
			complain("a line of two flows", i);
		port = (uint32_t)__builtin_bswap16(a.f.lport);
		if (word_fixed(a.word) != BH_INGRESS || (!renews && a.rule != R_LONG + port / 10))
			complain("a line with another's rights", i);
	}
}

/* Until what was on its way has passed. What else is there to do but look? */
static void grace(void)
{
	static unsigned int looks;
	uint64_t runs[2];
	int i;

	for (i = 0; i < 2; i++)
		runs[i] = __atomic_load_n(&workers[i].runs, __ATOMIC_ACQUIRE);
	for (i = 0; i < 2; i++)
		while (__atomic_load_n(&workers[i].runs, __ATOMIC_ACQUIRE) < runs[i] + 2 && !over)
			look((enum bh_family)(looks++ & 1));
}

static void set_slice(struct bh_slice *at, struct bh_slice slice)
{
	union {
		struct bh_slice slice;
		uint64_t both;
	} u = { .slice = slice };

	__atomic_store_n((bh_pair *)at, u.both, __ATOMIC_RELEASE);
}

static void move(enum bh_family family, struct bh_slice to)
{
	static const struct bh_slice none = { BH_NO_SLICE, 0 };
	const struct lines l = { .at = world_sets(family), .wide = family == BH_V6, .seed = WORLD_SEED };
	struct bh_endpoint *ep = world_slot();
	const struct lines_owner o = { IFINDEX, BORN, world_now() };
	const struct bh_slice from = slice_read(&ep->slice[family]);

	set_slice(&ep->former[family], from);
	set_slice(&ep->slice[family], to);
	grace();
	(void)lines_copy(&l, from, to, &o);
	set_slice(&ep->former[family], none);
	grace();
	lines_clear(&l, from.base, from.mask + 1);
}

static uint64_t packets(void)
{
	return __atomic_load_n(&workers[0].runs, __ATOMIC_RELAXED) +
	       __atomic_load_n(&workers[1].runs, __ATOMIC_RELAXED);
}

static struct bh_ep_stat since(const struct bh_ep_stat *was)
{
	struct bh_ep_stat is = world_counts().ep;

	is.hot[BH_INGRESS].packets -= was->hot[BH_INGRESS].packets;
	is.opened -= was->opened;
	is.evicted_new -= was->evicted_new;
	is.evicted_live -= was->evicted_live;
	return is;
}

/* Moves the slices until enough has happened meanwhile, by count and not by time alone. */
static void agent(void)
{
	static const struct bh_slice small[] = { { 4, 0 }, { 6, 1 } }, large[] = { { 10, 1 }, { 12, 0 } };
	const struct bh_ep_stat was = world_counts().ep;
	const uint64_t ran = packets();
	const time_t begin = time(NULL);
	struct bh_ep_stat did;
	uint32_t n = 0, i;

	do {
		const enum bh_family family = n & 1;

		move(family, n & 2 ? small[family] : large[family]);
		for (i = 0; i < LOOKS; i++)
			look((enum bh_family)(i & 1));
		if (renews)
			__atomic_fetch_add(&world_slot()->epoch, 1, __ATOMIC_RELEASE);
		n++;
		did = since(&was);
	} while (time(NULL) < begin + SECONDS ||
		 (time(NULL) < begin + MOST &&
		  (packets() - ran < LEAST || did.hot[BH_INGRESS].packets < LEAST / 50 ||
		   did.opened < LEAST / 50)));
	printf("%s: %u moves, %llu packets, %llu of sessions, %llu opened, %llu evicted\n",
	       renews ? "epochs" : "one epoch", n, (unsigned long long)(packets() - ran),
	       (unsigned long long)did.hot[BH_INGRESS].packets, (unsigned long long)did.opened,
	       (unsigned long long)(did.evicted_new + did.evicted_live));
	if (packets() - ran < LEAST || did.hot[BH_INGRESS].packets < LEAST / 50 || did.opened < LEAST / 50) {
		printf("FAIL too little happened in %d s\n", MOST);
		wrong++;
	}
}

int main(void)
{
	int i;

	if (sysconf(_SC_NPROCESSORS_ONLN) < 2) {
		printf("0 passed, 0 failed, 1 skipped (one CPU)\n");
		return 0;
	}
	world_load();
	world_endpoint(E_PLAIN, S_LONG);
	world_event_jiffies(0x7fffffff);
	world_slot()->slice[BH_V4] = (struct bh_slice){ 4, 0 };
	world_slot()->slice[BH_V6] = (struct bh_slice){ 6, 1 };
	find_pairs(BH_V4);
	find_pairs(BH_V6);
	for (i = 0; i < 2; i++)
		if (pthread_create(&workers[i].thread, NULL, work, &workers[i]))
			err(1, "no thread");
	agent();
	renews = true;
	agent();
	over = true;
	for (i = 0; i < 2; i++)
		(void)pthread_join(workers[i].thread, NULL);
	world_unload();
	printf("%d passed, %d failed\n", !wrong, !!wrong);
	return wrong != 0;
}
