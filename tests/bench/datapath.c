/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a packet costs on each way through the programs, in ns and as a multiple of an empty program in
 * the same run. Programs, maps and tables are the agent's (datapath_world.c), the ways are listed in
 * datapath_rows.c. Rows take turns; a row's time is the CPU time of the threads that run it, so that whatever
 * else runs on the machine disturbs the caches at most. After every turn the counters must say that each
 * packet took the way that the row names.
 *
 * Prints a JSON list; tests/bench/run makes the table. Needs root; namespaces and pins are its own.
 */
#include <err.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/pkt_cls.h>
#include <linux/tcp.h>

#include "datapath_rows.h"
#include "figures.h"

#include "datapath.skel.h"

#define BPFFS	  "/sys/fs/bpf"
#define ELSEWHERE 7 /* where the packets came in: not made by this node */
#define PEER_PORT 40000

struct frame {
	uint8_t data[ETH_HLEN + sizeof(struct ipv6hdr) + sizeof(struct tcphdr)];
	uint32_t len;
};

/* One CPU's share of a turn. */
struct share {
	const struct row *row;
	struct frame frame;
	int entry, cpu, repeat;
	pthread_barrier_t *start;
	double ns; /* a packet */
};

static struct datapath_bpf *bench;

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

/* TCP between the peer and the pod's PORT; checksums stay zero, nobody looks at them. */
static struct frame frame_of(const struct row *r, int lane)
{
	struct tcphdr tcp = { .source = htons((uint16_t)(PEER_PORT + (r->same ? 0 : lane))),
			      .dest = htons(PORT),
			      .doff = 5,
			      .syn = r->syn,
			      .ack = !r->syn };
	struct frame f = { 0 };
	struct ethhdr eth = { .h_proto = htons(r->family == 4 ? ETH_P_IP : ETH_P_IPV6) };
	const uint32_t l4 = ETH_HLEN + (r->family == 4 ? sizeof(struct iphdr) : sizeof(struct ipv6hdr));

	memcpy(r->dir == BH_EGRESS ? eth.h_source : eth.h_dest, pod_mac, ETH_ALEN);
	memcpy(f.data, &eth, sizeof(eth));
	put_ip(r, peer_text(r->peer, r->family), f.data + ETH_HLEN);
	if (r->dir == BH_EGRESS)
		swap(&tcp.source, &tcp.dest, sizeof(tcp.source));
	memcpy(f.data + l4, &tcp, sizeof(tcp));
	f.len = l4 + sizeof(tcp);
	return f;
}

/* ---- running -------------------------------------------------------------------------------- */

/* The program under test, without what stands before it. */
static int target_of(const struct row *r)
{
	if (r->world)
		return r->world->prog[r->dir];
	if (r->target == LOOKUP)
		return bpf_program__fd(bench->progs.bench_lookup);
	if (r->target == LINE)
		return bpf_program__fd(bench->progs.bench_line);
	if (r->target == CHASE)
		return bpf_program__fd(bench->progs.bench_chase);
	return bpf_program__fd(bench->progs.bench_empty);
}

static uint32_t last_word(const struct row *r)
{
	struct in6_addr a;
	uint32_t word;

	(void)inet_pton(r->family == 4 ? AF_INET : AF_INET6, peer_text(r->peer, r->family), &a);
	memcpy(&word, (uint8_t *)&a + (r->family == 4 ? 0 : 12), sizeof(word));
	return ntohl(word);
}

/* What is run: the target, or what gives each packet another flow and calls it. */
static int entry_of(const struct row *r, uint32_t port)
{
	const uint32_t zero = 0;
	int i, fd = target_of(r);

	for (i = 0; i < BENCH_LANES; i++)
		bench->bss->bench_lane[i] =
			(struct bench_lane){ .n = r->n[i],
					     .ports = r->ports,
					     .port = port,
					     .in_order = !r->group,
					     .out = r->dir == BH_EGRESS,
					     .chained = r->chained,
					     .seed = r->world ? r->world->seed : 0,
					     .mask = r->world ? r->world->sessions / BH_WAYS - 1 : 0,
					     .peer = last_word(r),
					     .peers = r->peers,
					     .peer_shift = r->peer == IN_CIDR ? CIDR_SHIFT : 0 };
	if (!r->ports)
		return fd;
	if (bpf_map_update_elem(bpf_map__fd(bench->maps.bench_next), &zero, &fd, BPF_ANY))
		err(1, "bench_next");
	return bpf_program__fd(r->family == 4 ? bench->progs.bench_spread4 : bench->progs.bench_spread6);
}

static void pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		err(1, "cannot run on CPU %d", cpu);
}

/* Of flows that were opened at random a few may share a set with more others than it holds; those are not
 * there any more. */
static bool nearly_all(const struct row *r)
{
	return r->reason == BH_SESSION && r->ports;
}

static void *run_share(void *arg)
{
	struct share *s = arg;
	struct __sk_buff ctx = { .ifindex = IFINDEX, .ingress_ifindex = ELSEWHERE };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = s->frame.data, .data_size_in = s->frame.len,
		    .ctx_in = &ctx, .ctx_size_in = sizeof(ctx), .repeat = s->repeat);
	const int want = s->row->reason == BH_DENIED ? TC_ACT_SHOT : TC_ACT_UNSPEC;
	uint64_t from;

	pin(s->cpu);
	if (s->start)
		(void)pthread_barrier_wait(s->start);
	from = cpu_ns();
	if (bpf_prog_test_run_opts(s->entry, &opts))
		err(1, "%s: test run", s->row->name);
	s->ns = (double)(cpu_ns() - from) / s->repeat;
	if ((int)opts.retval != want && !nearly_all(s->row))
		errx(1, "%s: the program says %d and not %d", s->row->name, (int)opts.retval, want);
	return NULL;
}

/* ns a packet; the last CPU alone, or the last two at once. */
static double run(struct row *r, int entry, int repeat)
{
	const int cpus = (int)sysconf(_SC_NPROCESSORS_ONLN);
	struct share share[BENCH_LANES];
	pthread_barrier_t start;
	pthread_t other;
	int i;

	(void)pthread_barrier_init(&start, NULL, (unsigned int)r->cpus);
	for (i = 0; i < r->cpus; i++)
		share[i] = (struct share){
			r, frame_of(r, i), entry, cpus - 1 - i, repeat, r->cpus > 1 ? &start : NULL, 0
		};
	if (r->cpus > 1 && pthread_create(&other, NULL, run_share, &share[1]))
		errx(1, "cannot start a thread");
	(void)run_share(&share[0]);
	if (r->cpus > 1)
		(void)pthread_join(other, NULL);
	(void)pthread_barrier_destroy(&start);
	for (i = 0; i < BENCH_LANES; i++)
		r->n[i] = bench->bss->bench_lane[i].n;
	return r->cpus > 1 ? (share[0].ns + share[1].ns) / 2 : share[0].ns;
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
	const uint64_t n = (uint64_t)r->repeat * (uint64_t)r->cpus;
	uint32_t stat;

	for (stat = 0; stat < BH_STAT_MAX; stat++) {
		const uint64_t want = stat == r->reason || (r->stat && stat == r->stat) ? n : 0;
		const uint64_t got = grown(before, after, stat, r->dir);

		if (got != want && !(nearly_all(r) && (stat != r->reason || got > want - want / 200)))
			errx(1, "%s: statistic %u grew by %llu and not %llu", r->name, stat,
			     (unsigned long long)got, (unsigned long long)want);
	}
	if (r->stat == EVENT && events != r->repeat + r->warm)
		errx(1, "%s: %d events", r->name, events);
}

static void open_flows(const struct flows *f)
{
	struct row r = { .name = f->world->name,
			 .world = f->world,
			 .family = f->family,
			 .dir = BH_INGRESS,
			 .peer = f->peer,
			 .syn = true,
			 .ports = f->ports,
			 .peers = f->peers,
			 .cpus = f->ports ? 1 : BENCH_LANES,
			 .reason = BH_POLICY };

	(void)run(&r, entry_of(&r, f->port), f->n);
	if (!f->answered)
		return;
	r.dir = BH_EGRESS;
	r.syn = false;
	memset(r.n, 0, sizeof(r.n));
	(void)run(&r, entry_of(&r, f->port), f->n);
}

static double turn(struct row *r)
{
	struct bh_count before[BH_STAT_MAX * 2], after[BH_STAT_MAX * 2];
	int entry;
	double ns;

	if (r->reason == BH_SESSION && r->world && !r->ports)
		open_flows(&(struct flows){ r->world, r->family, r->peer, 0, 1, PORT, 1, true });
	entry = entry_of(r, PORT);
	if (!r->world) {
		(void)run(r, entry, r->warm);
		return run(r, entry, r->repeat);
	}
	world_event_jiffies(r->world, r->event_jiffies);
	(void)run(r, entry, r->warm);
	world_stats(r->world, before);
	ns = run(r, entry, r->repeat);
	world_stats(r->world, after);
	verify(r, before, after, world_events(r->world));
	return ns;
}

/* ---- figures -------------------------------------------------------------------------------- */

static double median(const double *v)
{
	double copy[TURNS];

	memcpy(copy, v, sizeof(copy));
	qsort(copy, TURNS, sizeof(*copy), cmp_double);
	return (copy[TURNS / 2 - 1] + copy[TURNS / 2]) / 2;
}

/* What stands before the program under test, alone. */
static const struct row *way_to(const struct row *r)
{
	if (!r->ports)
		return &rows[0];
	return &rows[r->chained ? 3 : r->family == 4 ? 1 : 2];
}

/* Less what the way there costs; the ratio is taken turn by turn, because neighbours come and go. */
static void print(const struct row *r, const char *separator)
{
	const struct row *empty = &rows[0], *way = way_to(r);
	double ns[TURNS], ratio[TURNS];
	int i;

	for (i = 0; i < TURNS; i++) {
		ns[i] = r->world ? r->ns[i] - way->ns[i] + empty->ns[i] : r->ns[i];
		ratio[i] = ns[i] / empty->ns[i];
	}
	printf("{\"name\": \"%s\", \"group\": \"%s\", \"value\": %.1f, \"unit\": \"ns\", \"ratio\": %.2f",
	       r->name, r->group, median(ns), median(ratio));
	if (r->goal > 0)
		printf(", \"goal\": %.1f, \"met\": %s", r->goal, median(ratio) <= r->goal ? "true" : "false");
	if (r->thing)
		printf(", \"thing\": \"%s\", \"size\": %u", r->thing, r->size);
	if (r->note)
		printf(", \"note\": \"%s\"", r->note);
	printf("}%s\n", separator);
}

/* ---- */

static int quiet(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	return level == LIBBPF_WARN ? vfprintf(stderr, fmt, ap) : 0;
}

static void own_namespaces(void)
{
	if (unshare(CLONE_NEWNS | CLONE_NEWNET) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
		err(1, "cannot make namespaces of our own (root?)");
}

static void put_one_entry(void)
{
	const uint32_t key[5] = { IFINDEX };
	const uint64_t value[8] = { 0 };

	if (bpf_map_update_elem(bpf_map__fd(bench->maps.bench_hash), key, value, BPF_ANY))
		err(1, "bench_hash");
}

static void load_bench(void)
{
	const int fd = world_map(CHAINED, BPFFS, "bh_sess4");

	bench = datapath_bpf__open();
	if (!bench || bpf_map__reuse_fd(bench->maps.bench_sets, fd) || datapath_bpf__load(bench))
		err(1, "cannot load the bench programs");
	(void)close(fd);
}

static void load(void)
{
	size_t i;

	if (mount("bpf", BPFFS, "bpf", 0, NULL))
		err(1, "cannot mount a bpffs");
	for (i = 0; i < n_worlds; i++)
		world_load(&worlds[i], BPFFS);
	load_bench();
	for (i = 0; i < n_rows; i++) { /* far apart: no two rows or CPUs open the same flow */
		rows[i].n[0] = (uint32_t)i << 22;
		rows[i].n[1] = rows[i].n[0] + (1 << 21);
	}
	put_one_entry();
	rows_fill(open_flows);
}

static void unload(void)
{
	size_t i;

	datapath_bpf__destroy(bench);
	for (i = 0; i < n_worlds; i++)
		world_unload(&worlds[i]);
	if (umount2(BPFFS, MNT_DETACH))
		err(1, "cannot unmount our bpffs");
}

int main(void)
{
	size_t i;
	int t;

	own_namespaces();
	libbpf_set_print(quiet);
	rows_init();
	for (i = 0; i < n_worlds; i++)
		world_compile(&worlds[i]);
	for (t = 0; t < TURNS; t++) {
		if (t % TURNS_A_LOAD == 0)
			load();
		for (i = 0; i < n_rows; i++)
			rows[i].ns[t] = turn(&rows[i]);
		if (t % TURNS_A_LOAD < TURNS_A_LOAD - 1)
			continue;
		rows_verify();
		unload();
	}
	printf("[\n");
	for (i = 0; i < n_rows; i++)
		print(&rows[i], i + 1 < n_rows ? "," : "");
	printf("]\n");
	return 0;
}
