/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a packet costs on each way through the programs, in ns and as a multiple of an empty program in
 * the same run. The programs and maps are those of the agent (agent/dataplane), the tables are compiled
 * from a cluster of a thousand pods and published as the agent does it. Rows take turns; a row's time is
 * the CPU time of this thread, so that whatever else runs on the machine disturbs the caches at most.
 * After every turn the counters must say that each packet took the way that the row names.
 *
 * Prints a JSON list; tests/bench/run makes the table. Needs root; namespaces and pins are its own.
 */
#include <err.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/pkt_cls.h>
#include <linux/tcp.h>

#include "dataplane/dp.h"
#include "hotpath.h"
#include "hotpath.skel.h"
#include "policy/delta.h"
#include "tests/unit/policy/world.h"
#include "util/scope.h"

#define BPFFS	      "/sys/fs/bpf"
#define IFINDEX	      1	     /* lo: a test run wants a real device */
#define ELSEWHERE     7	     /* where the packets came in: not made by this node */
#define SESSIONS      131072 /* as bpf/maps.h has it for IPv4 */
#define PORTS	      16     /* destination ports that the policy allows, from PORT on */
#define PORT	      8000
#define OTHER_PORT    8001 /* any other one of them */
#define LOADS	      5 /* where the kernel puts a program moves its figures by a tenth: it is loaded anew */
#define TURNS_A_LOAD  10
#define TURNS	      (LOADS * TURNS_A_LOAD)
#define REPEAT	      30000
#define REPEAT_EVENTS 10000 /* so many fit in the ring */
#define WARM	      500
#define PEERS	      1000
#define ALWAYS	      0		 /* bh_meta.event_jiffies: every denied packet is reported */
#define ONCE	      0x7fffffff /* only a flow's first */

/* One set of maps, so that rows with other needs do not push each other's sessions out. */
struct world {
	const char *pin_dir;
	bool blocks; /* the policy has CIDR peers: addresses in no hash are looked up in the trie */
	struct dp *dp;
	int prog[2]; /* by enum bh_dir */
	int meta;    /* bh_meta */
};

enum { EMPTY, LOOKUP, HOT, MANY, FRESH, BLOCKS, DENY, WORLDS };

static struct world worlds[WORLDS] = {
	[HOT] = { .pin_dir = BPFFS "/bh-bench-hot" },
	[MANY] = { .pin_dir = BPFFS "/bh-bench-many" },
	[FRESH] = { .pin_dir = BPFFS "/bh-bench-fresh" },
	[BLOCKS] = { .pin_dir = BPFFS "/bh-bench-blocks", .blocks = true },
	[DENY] = { .pin_dir = BPFFS "/bh-bench-deny" },
};

/* Who is at the other end: a pod that the policy names, nobody, or an address in one of its CIDRs. */
enum peer_is { CLIENT, STRANGER, IN_BLOCK };

static const char *const peers[][2] = {
	[CLIENT] = { "10.1.0.80", "fd00:1::80" },
	[STRANGER] = { "10.9.9.9", "fd00:9::9" },
	[IN_BLOCK] = { "192.0.2.9", "2001:db8::9" },
};
#define POD4 "10.1.0.5"
#define POD6 "fd00:1::5"
static const uint8_t pod_mac[ETH_ALEN] = { 0x02, 0x42, 0, 0, 0, 5 };

struct frame {
	uint8_t data[ETH_HLEN + sizeof(struct ipv6hdr) + sizeof(struct tcphdr)];
	uint32_t len;
};

/* A way through the programs. */
struct row {
	const char *name;
	int world, family;
	enum bh_dir dir;
	enum peer_is peer;
	bool syn;
	unsigned int spread; /* over so many destination ports times all source ports; 0: one flow */
	uint32_t reason;     /* that every packet must have */
	uint32_t stat;	     /* and what else it must be counted as; 0: no event at all */
	uint32_t event_jiffies;
	int warm;    /* packets before the clock starts; 0: WARM */
	double goal; /* 0: none */
	const char *note;

	int repeat;
	uint32_t n; /* of bench_spread: where this row goes on */
	struct frame frame;
	double ns[TURNS];
};

/* Stands for "one event each", which is not in the statistics. */
#define EVENT BH_STAT_MAX

#define IN4  .family = 4, .dir = BH_INGRESS
#define IN6  .family = 6, .dir = BH_INGRESS
#define OUT4 .family = 4, .dir = BH_EGRESS
#define OUT6 .family = 6, .dir = BH_EGRESS

static struct row rows[] = {
	{ "empty program", EMPTY, IN4 },
	{ "spread over flows, then empty (IPv4)", EMPTY, IN4, .spread = 1 },
	{ "spread over flows, then empty (IPv6)", EMPTY, IN6, .spread = 1 },
	{ "one LRU look-up and nothing else, v4 key", LOOKUP, IN4 },
	{ "one LRU look-up and nothing else, v6 key", LOOKUP, IN6 },
	{ "established v4, to_pod", HOT, IN4, .reason = BH_SESSION, .goal = 1.8 },
	{ "established v4, from_pod", HOT, OUT4, .reason = BH_SESSION, .goal = 1.8 },
	{ "established v6, to_pod", HOT, IN6, .reason = BH_SESSION, .goal = 2.5 },
	{ "established v6, from_pod", HOT, OUT6, .reason = BH_SESSION, .goal = 2.5 },
	{ "established v4, 64k flows in turn", MANY, IN4, .spread = 1, .reason = BH_SESSION },
	{ "first packet allowed v4", FRESH, IN4, .syn = true, .spread = PORTS, .reason = BH_POLICY,
	  .goal = 10.5, .note = "up to 35x stands while sessions are an LRU" },
	{ "first packet allowed v6", FRESH, IN6, .syn = true, .spread = PORTS, .reason = BH_POLICY },
	{ "first packet allowed v4, by CIDR", BLOCKS, IN4, .peer = IN_BLOCK, .syn = true, .spread = PORTS,
	  .reason = BH_POLICY },
	{ "denied v4, reported before", DENY, IN4, .peer = STRANGER, .syn = true, .reason = BH_DENIED,
	  .goal = 3.9, .stat = BH_STAT_EVENT_THROTTLED, .event_jiffies = ONCE },
	{ "denied v6, reported before", DENY, IN6, .peer = STRANGER, .syn = true, .reason = BH_DENIED,
	  .stat = BH_STAT_EVENT_THROTTLED, .event_jiffies = ONCE },
	{ "denied v4, not in any CIDR", BLOCKS, IN4, .peer = STRANGER, .syn = true, .reason = BH_DENIED,
	  .stat = BH_STAT_EVENT_THROTTLED, .event_jiffies = ONCE },
	{ "denied v4, an event each", DENY, IN4, .peer = STRANGER, .syn = true, .reason = BH_DENIED,
	  .stat = EVENT, .event_jiffies = ALWAYS },
	{ "denied v4, ring full", DENY, IN4, .peer = STRANGER, .syn = true, .reason = BH_DENIED,
	  .stat = BH_STAT_EVENT_LOST, .event_jiffies = ALWAYS, .warm = 20000 },
};

static struct hotpath_bpf *bench;

/* ---- tables --------------------------------------------------------------------------------- */

static void put_peers(struct model *m)
{
	char name[32], addrs[64];
	int i;

	w_pod(m, "shop/web", "app=web", "10.1.0.80,fd00:1::80"); /* CLIENT */
	for (i = 0; i < PEERS; i++) {
		(void)snprintf(name, sizeof(name), "shop/client-%d", i);
		(void)snprintf(addrs, sizeof(addrs), "10.64.%d.%d,fd00:64::%x", i / 250, i % 250 + 1, i + 1);
		w_pod(m, name, i % 2 ? "app=web" : "app=job", addrs);
	}
}

/* As the policies of a server are: a few clients, a few ports, and what others in the namespace say. */
static struct model *cluster(const struct world *w)
{
	struct model *m = model_new();
	struct endpoint *e;
	struct net_policy *p;

	w_namespace(m, "shop", "team=red");
	put_peers(m);
	w_pod(m, "shop/db", "app=db", POD4 "," POD6);
	e = w_endpoint(m, "shop/db", IFINDEX, POD4 "," POD6 ",fe80::5");
	memcpy(e->mac, pod_mac, sizeof(e->mac));
	p = w_policy(m, "shop/db", "app=db", "ie");
	w_rule(p, DIR_INGRESS, "pods(app=web)", "tcp/8000-8015,udp/53");
	w_rule(p, DIR_EGRESS, "pods(app=db)", NULL);
	p = w_policy(m, "shop/jobs", "app=db", "i");
	w_rule(p, DIR_INGRESS, "pods(app=job)", "tcp/9000");
	if (w->blocks) /* IN_BLOCK */
		w_rule(p, DIR_INGRESS, "192.0.2.0/24 -192.0.2.128/25;198.51.100.0/24;2001:db8::/32",
		       "tcp/8000-8015");
	return m;
}

static void publish(struct dp *dp, const struct tables *t, struct actual *a)
{
	struct bh_err e = {};
	struct plan *plan;
	bool again;
	size_t i;

	do {
		if (delta_plan(t, a, &plan, &e) < 0)
			errx(1, "%s", e.msg);
		for (i = 0; i < plan->steps.n; i++)
			if (dp_step(dp, &plan->steps.v[i], &e) < 0 || actual_apply(a, &plan->steps.v[i]) < 0)
				errx(1, "%s", e.msg);
		actual_sort(a);
		again = plan->again;
		plan_free(plan);
	} while (again);
}

static void world_open(struct world *w)
{
	const struct dp_sizes sizes = { .sessions4 = SESSIONS, .sessions6 = SESSIONS };
	auto_model struct model *m = cluster(w);
	auto_tables struct tables *t = w_compile(m);
	struct actual *a = NULL;
	struct bh_err e = {};
	char path[128];

	if (dp_open(w->pin_dir, &sizes, &w->dp, &e) < 0 || dp_read(w->dp, &a, &e) < 0)
		errx(1, "%s", e.msg);
	publish(w->dp, t, a);
	actual_free(a);
	w->prog[BH_INGRESS] = dp_prog_fd(w->dp, BH_INGRESS);
	w->prog[BH_EGRESS] = dp_prog_fd(w->dp, BH_EGRESS);
	(void)snprintf(path, sizeof(path), "%s/bh_meta", w->pin_dir);
	w->meta = bpf_obj_get(path);
	if (w->meta < 0)
		err(1, "%s", path);
}

static void set_event_jiffies(const struct world *w, uint32_t jiffies)
{
	struct bh_meta meta;
	uint32_t zero = 0;

	if (bpf_map_lookup_elem(w->meta, &zero, &meta))
		err(1, "bh_meta");
	meta.event_jiffies = jiffies;
	if (bpf_map_update_elem(w->meta, &zero, &meta, BPF_ANY))
		err(1, "bh_meta");
}

/* ---- packets -------------------------------------------------------------------------------- */

static void swap(void *a, void *b, size_t n)
{
	uint8_t t[sizeof(struct in6_addr)];

	memcpy(t, a, n);
	memcpy(a, b, n);
	memcpy(b, t, n);
}

static void put_ip(const struct row *r, const char *peer, uint8_t *at)
{
	struct iphdr v4 = { .version = 4,
			    .ihl = 5,
			    .tot_len = htons(sizeof(v4) + sizeof(struct tcphdr)),
			    .ttl = 64,
			    .protocol = IPPROTO_TCP };
	struct ipv6hdr v6 = { .version = 6,
			      .payload_len = htons(sizeof(struct tcphdr)),
			      .nexthdr = IPPROTO_TCP,
			      .hop_limit = 64 };

	if (r->family == 4) {
		(void)inet_pton(AF_INET, peer, &v4.saddr);
		(void)inet_pton(AF_INET, POD4, &v4.daddr);
		if (r->dir == BH_EGRESS)
			swap(&v4.saddr, &v4.daddr, sizeof(v4.saddr));
		memcpy(at, &v4, sizeof(v4));
	} else {
		(void)inet_pton(AF_INET6, peer, &v6.saddr);
		(void)inet_pton(AF_INET6, POD6, &v6.daddr);
		if (r->dir == BH_EGRESS)
			swap(&v6.saddr, &v6.daddr, sizeof(v6.saddr));
		memcpy(at, &v6, sizeof(v6));
	}
}

/* TCP between the peer's port 40000 and the pod's PORT; checksums stay zero, nobody looks at them. */
static struct frame frame_of(const struct row *r)
{
	struct tcphdr tcp = {
		.source = htons(40000), .dest = htons(PORT), .doff = 5, .syn = r->syn, .ack = !r->syn
	};
	struct frame f = { 0 };
	struct ethhdr eth = { .h_proto = htons(r->family == 4 ? ETH_P_IP : ETH_P_IPV6) };
	const uint32_t l4 = ETH_HLEN + (r->family == 4 ? sizeof(struct iphdr) : sizeof(struct ipv6hdr));

	memcpy(r->dir == BH_EGRESS ? eth.h_source : eth.h_dest, pod_mac, ETH_ALEN);
	memcpy(f.data, &eth, sizeof(eth));
	put_ip(r, peers[r->peer][r->family == 6], f.data + ETH_HLEN);
	if (r->dir == BH_EGRESS)
		swap(&tcp.source, &tcp.dest, sizeof(tcp.source));
	memcpy(f.data + l4, &tcp, sizeof(tcp));
	f.len = l4 + sizeof(tcp);
	return f;
}

/* ---- running -------------------------------------------------------------------------------- */

static uint64_t cpu_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000ull + (uint64_t)t.tv_nsec;
}

/* The program under test, without what stands before it. */
static int target_of(const struct row *r)
{
	if (r->world == EMPTY)
		return bpf_program__fd(bench->progs.bench_empty);
	if (r->world == LOOKUP)
		return bpf_program__fd(r->family == 4 ? bench->progs.bench_lookup4
						      : bench->progs.bench_lookup6);
	return worlds[r->world].prog[r->dir];
}

/* What is run: the target, or what spreads packets over flows and calls it. */
static int entry_of(struct row *r)
{
	const uint32_t zero = 0;
	int fd = target_of(r);

	if (!r->spread)
		return fd;
	if (bpf_map_update_elem(bpf_map__fd(bench->maps.bench_next), &zero, &fd, BPF_ANY))
		err(1, "bench_next");
	bench->bss->bench_spread = (struct bench_spread){ .n = r->n, .port = PORT, .mask = r->spread - 1 };
	return bpf_program__fd(r->family == 4 ? bench->progs.bench_spread4 : bench->progs.bench_spread6);
}

/* ns a packet */
static double run(struct row *r, int entry, int repeat)
{
	struct __sk_buff ctx = { .ifindex = IFINDEX, .ingress_ifindex = ELSEWHERE };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = r->frame.data, .data_size_in = r->frame.len,
		    .ctx_in = &ctx, .ctx_size_in = sizeof(ctx), .repeat = repeat);
	const int want = r->reason == BH_DENIED ? TC_ACT_SHOT : TC_ACT_UNSPEC;
	uint64_t from = cpu_ns(), took;
	int ret = bpf_prog_test_run_opts(entry, &opts);

	took = cpu_ns() - from;
	if (ret)
		err(1, "%s: test run", r->name);
	if ((int)opts.retval != want)
		errx(1, "%s: the program says %d and not %d", r->name, (int)opts.retval, want);
	if (r->spread)
		r->n = bench->bss->bench_spread.n;
	return (double)took / repeat;
}

static void count_event(void *ctx, const struct bh_event *e)
{
	(void)e;
	++*(int *)ctx;
}

static int drain(const struct world *w)
{
	int n = 0;

	if (dp_events(w->dp, count_event, &n) < 0)
		errx(1, "cannot read the events");
	return n;
}

static void stats(const struct world *w, struct bh_count *ret)
{
	struct bh_err e = {};

	if (dp_stats(w->dp, ret, &e) < 0)
		errx(1, "%s", e.msg);
}

static uint64_t grown(const struct bh_count *before, const struct bh_count *after, uint32_t stat,
		      enum bh_dir dir)
{
	return after[stat * 2 + dir].packets - before[stat * 2 + dir].packets;
}

/* Each packet took the way that the row names, and no other. */
static void verify(const struct row *r, const struct bh_count *before, const struct bh_count *after,
		   int events)
{
	const uint64_t n = (uint64_t)r->repeat;
	uint32_t stat;

	for (stat = 0; stat < BH_STAT_MAX; stat++) {
		const uint64_t want = stat == r->reason || (r->stat && stat == r->stat) ? n : 0;

		if (grown(before, after, stat, r->dir) != want)
			errx(1, "%s: statistic %u grew by %llu and not %llu", r->name, stat,
			     (unsigned long long)grown(before, after, stat, r->dir),
			     (unsigned long long)want);
	}
	if (r->stat == EVENT && events != r->repeat + WARM)
		errx(1, "%s: %d events", r->name, events);
}

static double turn(struct row *r)
{
	struct bh_count before[BH_STAT_MAX * 2], after[BH_STAT_MAX * 2];
	const struct world *w = &worlds[r->world];
	const int entry = entry_of(r);
	double ns;

	if (!w->dp) {
		(void)run(r, entry, WARM);
		return run(r, entry, r->repeat);
	}
	set_event_jiffies(w, r->event_jiffies);
	(void)run(r, entry, r->warm ?: WARM);
	stats(w, before);
	ns = run(r, entry, r->repeat);
	stats(w, after);
	verify(r, before, after, drain(w));
	return ns;
}

/* ---- sessions ------------------------------------------------------------------------------- */

struct tally {
	unsigned int all, v4, live; /* live: of IPv4 and to PORT */
};

static int tally_one(void *ctx, const struct dp_session *s)
{
	struct tally *t = ctx;

	t->all++;
	if (!s->flow.remote.w[0] && s->flow.remote.w[2]) {
		t->v4++;
		t->live += s->flow.lport == __builtin_bswap16(PORT);
	}
	return 0;
}

static struct tally tally(const struct world *w)
{
	struct tally t = { 0 };
	struct bh_err e = {};

	if (dp_sessions(w->dp, tally_one, &t, &e) < 0)
		errx(1, "%s", e.msg);
	return t;
}

/* Opens flows by their first packets. */
static void open_flows(int world, int family, unsigned int spread, unsigned int port, int n)
{
	struct row r = { .name = "opening flows",
			 .world = world,
			 .family = family,
			 .dir = BH_INGRESS,
			 .syn = true,
			 .spread = spread,
			 .reason = BH_POLICY };
	const int entry = entry_of(&r);

	r.frame = frame_of(&r);
	bench->bss->bench_spread.port = port;
	(void)run(&r, entry, n);
}

/* What the rows need to find: one flow of each family; 64k flows in a table whose entries were recycled
 * before; tables that are full. */
static void fill(void)
{
	const struct bh_flow4 key4 = { .ifindex = IFINDEX };
	const struct bh_flow6 key6 = { .ifindex = IFINDEX };
	const struct bh_lru session = { 0 };

	if (bpf_map_update_elem(bpf_map__fd(bench->maps.bench_sess4), &key4, &session, BPF_ANY) ||
	    bpf_map_update_elem(bpf_map__fd(bench->maps.bench_sess6), &key6, &session, BPF_ANY))
		err(1, "bench_sess");
	open_flows(HOT, 4, 0, PORT, 1);
	open_flows(HOT, 6, 0, PORT, 1);
	open_flows(MANY, 4, 8, OTHER_PORT, 3 * SESSIONS);
	open_flows(MANY, 4, 1, PORT, 65536);
	open_flows(FRESH, 4, 8, OTHER_PORT, 2 * SESSIONS);
	open_flows(FRESH, 6, 8, OTHER_PORT, 2 * SESSIONS);
	open_flows(BLOCKS, 4, 8, OTHER_PORT, 2 * SESSIONS);
}

static void verify_sessions(void)
{
	struct tally t = tally(&worlds[HOT]);

	if (t.all != 2)
		errx(1, "%u sessions instead of 2 behind the established flows", t.all);
	t = tally(&worlds[DENY]);
	if (t.all)
		errx(1, "%u sessions of denied flows", t.all);
	t = tally(&worlds[MANY]);
	if (t.live != 65536)
		errx(1, "%u live flows instead of 65536", t.live);
	t = tally(&worlds[FRESH]);
	if (t.v4 < SESSIONS * 9 / 10 || t.all - t.v4 < SESSIONS * 9 / 10)
		errx(1, "the session tables are not full: %u and %u", t.v4, t.all - t.v4);
}

/* ---- figures -------------------------------------------------------------------------------- */

static int cmp_double(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(const double *v)
{
	double copy[TURNS];

	memcpy(copy, v, sizeof(copy));
	qsort(copy, TURNS, sizeof(*copy), cmp_double);
	return (copy[TURNS / 2 - 1] + copy[TURNS / 2]) / 2;
}

/* Less what spreading costs; the ratio is taken turn by turn, because neighbours come and go. */
static void print(const struct row *r, const char *separator)
{
	const struct row *empty = &rows[0], *way = r->spread ? &rows[r->family == 4 ? 1 : 2] : empty;
	double ns[TURNS], ratio[TURNS];
	int i;

	for (i = 0; i < TURNS; i++) {
		ns[i] = r->world == EMPTY ? r->ns[i] : r->ns[i] - way->ns[i] + empty->ns[i];
		ratio[i] = ns[i] / empty->ns[i];
	}
	printf("{\"name\": \"%s\", \"value\": %.1f, \"unit\": \"ns\", \"ratio\": %.2f", r->name, median(ns),
	       median(ratio));
	if (r->goal > 0)
		printf(", \"goal\": %.1f, \"met\": %s", r->goal, median(ratio) <= r->goal ? "true" : "false");
	if (r->note)
		printf(", \"note\": \"%s\"", r->note);
	printf("}%s\n", separator);
}

/* ---- */

static int quiet(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	return level == LIBBPF_WARN ? vfprintf(stderr, fmt, ap) : 0;
}

static void pin_to_last_cpu(void)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET((int)sysconf(_SC_NPROCESSORS_ONLN) - 1, &set);
	(void)sched_setaffinity(0, sizeof(set), &set);
}

static void own_namespaces(void)
{
	if (unshare(CLONE_NEWNS | CLONE_NEWNET) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
		err(1, "cannot make namespaces of our own (root?)");
}

static void load(void)
{
	size_t i;

	if (mount("bpf", BPFFS, "bpf", 0, NULL))
		err(1, "cannot mount a bpffs");
	for (i = HOT; i < WORLDS; i++)
		world_open(&worlds[i]);
	bench = hotpath_bpf__open_and_load();
	if (!bench)
		err(1, "cannot load the bench programs");
	for (i = 0; i < ARRAY_SIZE(rows); i++)
		rows[i].n = 0;
	fill();
}

static void unload(void)
{
	size_t i;

	hotpath_bpf__destroy(bench);
	for (i = HOT; i < WORLDS; i++) {
		dp_free(worlds[i].dp);
		(void)close(worlds[i].meta);
	}
	if (umount2(BPFFS, MNT_DETACH))
		err(1, "cannot unmount our bpffs");
}

int main(void)
{
	size_t i;
	int t;

	own_namespaces();
	libbpf_set_print(quiet);
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		rows[i].repeat = rows[i].stat && rows[i].event_jiffies == ALWAYS ? REPEAT_EVENTS : REPEAT;
		rows[i].frame = frame_of(&rows[i]);
	}
	for (t = 0; t < TURNS; t++) {
		if (t % TURNS_A_LOAD == 0)
			load();
		pin_to_last_cpu();
		for (i = 0; i < ARRAY_SIZE(rows); i++)
			rows[i].ns[t] = turn(&rows[i]);
		if (t % TURNS_A_LOAD < TURNS_A_LOAD - 1)
			continue;
		verify_sessions();
		unload();
	}
	printf("[\n");
	for (i = 0; i < ARRAY_SIZE(rows); i++)
		print(&rows[i], i + 1 < ARRAY_SIZE(rows) ? "," : "");
	printf("]\n");
	return 0;
}
