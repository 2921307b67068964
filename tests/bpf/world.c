// SPDX-License-Identifier: Apache-2.0
/* Loads the programs unpinned and fills the tables, by plain map updates. */
#include "world.h"

#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <netinet/in.h>

#include "bpf/session.h"
#include "policy.skel.h"

struct policy_bpf *bpf;
uint32_t world_ifindex = IFINDEX;

#define SEED WORLD_SEED
#define SETS WORLD_SETS

/* By family: in the middle of the array, and where the endpoint's sessions were before. */
static const struct bh_slice slices[2] = { { 16, 15 }, { 8, 3 } }, formers[2] = { { 40, 7 }, { 32, 1 } };
static void *sets[2];
static struct bh_endpoint ep;
static uint32_t ep_slot;

enum class { C_NONE, C_WEB = 21, C_ALL, C_MIXED, C_ORPHAN };

static void put(const struct bpf_map *map, const void *key, const void *value)
{
	if (bpf_map_update_elem(bpf_map__fd(map), key, value, BPF_ANY))
		err(1, "cannot update %s", bpf_map__name(map));
}

/* ---- addresses -------------------------------------------------------------------------- */

static uint32_t class_slot(uint32_t word)
{
	static uint32_t slot;

	slot++;
	put(bpf->maps.bh_classes, &slot, &word);
	return slot;
}

static void put_addr(enum peer peer, uint32_t word)
{
	int family;

	for (family = 4; family <= 6; family += 2) {
		struct bh_addr a = peer_addr(peer, family);
		uint32_t slot = class_slot(word);

		put(bpf->maps.bh_addrs, &a, &slot);
	}
}

static void put_cidr(enum peer peer, int len4, int len6, uint32_t word)
{
	int family, bit;

	for (family = 4; family <= 6; family += 2) {
		struct bh_cidr_key k = {
			.prefixlen = family == 4 ? 96 + len4 : len6,
			.addr = peer_addr(peer, family),
		};
		uint32_t slot = class_slot(word);

		for (bit = (int)k.prefixlen; bit < 128; bit++)
			((uint8_t *)&k.addr)[bit / 8] &= ~(0x80 >> bit % 8);
		put(bpf->maps.bh_cidrs, &k, &slot);
	}
}

static void put_addrs(void)
{
	put_addr(P_WEB, C_WEB);
	put_addr(P_ALL, C_ALL);
	put_addr(P_MIXED, C_MIXED);
	put_addr(P_ORPHAN, C_ORPHAN);
	put_addr(P_MULTICAST, C_WEB);
	put_addr(P_NODE, BH_CLASS_NODE);
	put_addr(P_NODE_WEB, BH_CLASS_NODE | C_WEB);
	put_addr(P_INSIDE, C_ALL);
	put_cidr(P_CIDR, 24, 64, C_WEB);
	put_cidr(P_EXCEPT, 25, 97, C_NONE);
}

/* ---- rows ------------------------------------------------------------------------------- */

static void put_row(uint32_t set, uint32_t class, uint32_t dir, const struct bh_row *row)
{
	struct bh_row_key k = { .policy_set = set, .class = class, .dir = dir };

	put(bpf->maps.bh_rows, &k, row);
}

static void put_open(uint32_t set, uint32_t dir)
{
	put_row(set, C_NONE, dir, &(struct bh_row){ .action = BH_ALLOW });
}

static void put_isolated(uint32_t set, uint32_t dir)
{
	struct bh_row shut = { .rule = R_SHUT + dir };
	struct bh_row all = { .action = BH_ALLOW, .rule = R_ALL + dir };
	struct bh_row web = { .n = 4,
			      .rule = R_SHUT + dir,
			      .range = {
				      { BH_ICMP(IPPROTO_ICMP, 13, 0), BH_ICMP(IPPROTO_ICMP, 13, 0),
					R_PING + dir, BH_ALLOW },
				      { BH_PORT(IPPROTO_TCP, 80), BH_PORT(IPPROTO_TCP, 80), R_HTTP + dir,
					BH_ALLOW },
				      { BH_PORT(IPPROTO_TCP, 8000), BH_PORT(IPPROTO_TCP, 8100), R_HIGH + dir,
					BH_ALLOW },
				      { BH_PORT(IPPROTO_UDP, 53), BH_PORT(IPPROTO_UDP, 53), R_DNS + dir,
					BH_ALLOW },
			      } };
	struct bh_row mixed = { .n = 1,
				.action = BH_ALLOW | BH_HIDES_DENIED,
				.rule = R_MIXED + dir,
				.range = {
					{ BH_PORT(IPPROTO_TCP, 22), BH_PORT(IPPROTO_TCP, 22), R_SSH + dir,
					  BH_DENY },
				} };

	put_row(set, C_NONE, dir, &shut);
	put_row(set, C_WEB, dir, &web);
	put_row(set, C_ALL, dir, &all);
	put_row(set, C_MIXED, dir, &mixed);
}

static void put_long(uint32_t set, uint32_t dir)
{
	struct bh_row row = { .n = LONG_RANGES, .base = LONG_BASE, .rule = R_SHUT + dir };
	uint32_t i;

	put_row(set, C_NONE, dir, &(struct bh_row){ .rule = R_SHUT + dir });
	put_row(set, C_WEB, dir, &row);
	for (i = 0; i < LONG_RANGES; i++) {
		uint32_t at = LONG_BASE + i;
		struct bh_range r = { BH_PORT(IPPROTO_TCP, 10 * i + 1), BH_PORT(IPPROTO_TCP, 10 * i + 5),
				      R_LONG + i, i % 2 ? BH_DENY : BH_ALLOW };

		put(bpf->maps.bh_ranges, &at, &r);
	}
}

static void put_open_but_ssh(uint32_t set, uint32_t dir)
{
	put_row(set, C_NONE, dir,
		&(struct bh_row){ .action = BH_ALLOW | BH_HIDES_DENIED,
				  .n = 1,
				  .range = { { BH_PORT(IPPROTO_TCP, 22), BH_PORT(IPPROTO_TCP, 22),
					       R_SSH + dir, BH_DENY } } });
}

static void put_flagged(uint32_t dir)
{
	put_row(S_REFUSES, C_NONE, dir, &(struct bh_row){ .action = BH_ALLOW | BH_HIDES_DENIED });
	put_row(S_AUDIT, C_NONE, dir,
		&(struct bh_row){ .action = BH_ALLOW | BH_HIDES_AUDIT,
				  .n = 1,
				  .range = { { BH_PORT(IPPROTO_TCP, 22), BH_PORT(IPPROTO_TCP, 22),
					       R_SSH + dir, BH_ALLOW | BH_AUDIT } } });
	put_row(S_LOG, C_NONE, dir,
		&(struct bh_row){
			.action = BH_ALLOW,
			.n = 3,
			.range = {
				{ BH_ICMP(IPPROTO_ICMP, 8, 0), BH_ICMP(IPPROTO_ICMP, 8, 255), R_PING + dir,
				  BH_ALLOW | BH_LOG },
				{ BH_PORT(IPPROTO_TCP, 80), BH_PORT(IPPROTO_TCP, 80), R_HTTP + dir,
				  BH_ALLOW | BH_LOG },
				{ BH_ICMP(IPPROTO_ICMPV6, 128, 0), BH_ICMP(IPPROTO_ICMPV6, 128, 255),
				  R_PING + dir, BH_ALLOW | BH_LOG },
			} });
}

static void put_sctp(uint32_t set, uint32_t dir)
{
	struct bh_row row = { .n = 3,
			      .rule = R_SHUT + dir,
			      .range = {
				      { BH_PORT(IPPROTO_TCP, 80), BH_PORT(IPPROTO_TCP, 80), R_HTTP + dir,
					BH_ALLOW },
				      { BH_PORT(IPPROTO_GRE, 0), BH_PORT(IPPROTO_GRE, 65535), R_PING + dir,
					BH_ALLOW },
				      { BH_PORT(IPPROTO_SCTP, 3868), BH_PORT(IPPROTO_SCTP, 3870),
					R_SCTP + dir, BH_ALLOW },
			      } };

	put_row(set, C_NONE, dir, &(struct bh_row){ .rule = R_SHUT + dir });
	put_row(set, C_WEB, dir, &row);
}

static void put_rows(void)
{
	uint32_t dir;

	for (dir = 0; dir < 2; dir++) {
		put_open(S_OPEN, dir);
		put_row(S_SHUT, C_NONE, dir, &(struct bh_row){ .rule = R_SHUT + dir });
		put_isolated(S_WEB, dir);
		put_isolated((uint32_t)S_CIDR, dir);
		put_long(S_LONG, dir);
		put_sctp(S_SCTP, dir);
		put_open_but_ssh(S_BUT, dir);
		put_flagged(dir);
	}
	for (dir = 0; dir < 2; dir++) {
		put_isolated(S_FLAG, dir);
		put_open(S_FLAG, dir);
	}
	put_isolated(S_IN, BH_INGRESS);
	put_open(S_IN, BH_EGRESS);
	put_isolated(S_OUT, BH_EGRESS);
	put_open(S_OUT, BH_INGRESS);
}

/* ---- endpoints -------------------------------------------------------------------------- */

/* Other pods of this node, whose packets may be masqueraded. */
static void put_others(void)
{
	static const struct {
		enum by ifindex;
		enum peer peer;
	} others[] = { { BY_WEB, P_WEB }, { BY_STRANGER, P_STRANGER } };
	size_t i;

	for (i = 0; i < sizeof(others) / sizeof(*others); i++) {
		const uint32_t slot = others[i].ifindex;
		struct bh_endpoint other = { .ifindex = slot, .policy_set = S_OPEN, .addrs = 3 };

		other.addr[0] = peer_addr(P_LINK_LOCAL, 6); /* says nothing of whose class it is */
		other.addr[1] = peer_addr(others[i].peer, 4);
		other.addr[2] = peer_addr(others[i].peer, 6);
		put(bpf->maps.bh_endpoints, &slot, &other);
	}
}

void world_endpoint(enum ep how, enum set set)
{
	static const struct bh_slice none = { BH_NO_SLICE, 0 };
	const struct bh_endpoint nobody = { 0 };
	struct bh_endpoint stranger;
	uint32_t direct = world_ifindex, other = BH_EP_DIRECT + 7, key = world_ifindex;
	int i;

	ep = (struct bh_endpoint){
		.ifindex = world_ifindex,
		.policy_set = (uint32_t)set,
		.epoch = EPOCH,
		.born = BORN,
		.addrs = 5,
		.flags = how == E_FORWARDS  ? BH_EP_FORWARDS
			 : how == E_ADOPTED ? BH_EP_ADOPTED
					    : 0,
	};
	for (i = 0; i < 2; i++) {
		ep.slice[i] = how == E_NO_SLICE ? none : slices[i];
		ep.former[i] = how == E_GROWS ? formers[i] : none;
	}
	ep_slot = how == E_COLLIDED ? other : direct;
	memcpy(ep.mac, pod_mac, sizeof(ep.mac));
	ep.addr[0] = local_addr(L_OWN, 4);
	ep.addr[1] = local_addr(L_OWN, 6);
	ep.addr[2] = local_addr(L_LINK_LOCAL, 6);
	ep.addr[3] = local_addr(L_SECOND, 4);
	ep.addr[4] = local_addr(L_SECOND, 6);
	ep.addr[5] = local_addr(L_OTHER, 4); /* past .addrs: must not count */

	(void)bpf_map_delete_elem(bpf_map__fd(bpf->maps.bh_ep_index), &key);
	put(bpf->maps.bh_endpoints, &direct, how != E_NONE && how != E_COLLIDED ? &ep : &nobody);
	put(bpf->maps.bh_endpoints, &other, &nobody);
	if (how != E_COLLIDED)
		return;
	put(bpf->maps.bh_endpoints, &other, &ep);
	put(bpf->maps.bh_ep_index, &key, &other);
	stranger = ep;
	stranger.ifindex = world_ifindex + BH_EP_DIRECT;
	stranger.policy_set = S_NONE;
	put(bpf->maps.bh_endpoints, &direct, &stranger);
}

uint32_t world_life(enum bh_life life)
{
	return 1000000 + 1000 * (uint32_t)life;
}

static struct bh_meta meta = { .magic = BH_MAGIC, .layout = BH_LAYOUT };

void world_event_jiffies(uint32_t jiffies)
{
	const uint32_t zero = 0;

	meta.event_jiffies = jiffies;
	put(bpf->maps.bh_meta, &zero, &meta);
}

void world_open(bool open)
{
	const uint32_t zero = 0;

	meta.open = open;
	put(bpf->maps.bh_meta, &zero, &meta);
}

static void put_node_ports(void)
{
	static const uint32_t ports[] = {
		BH_NODE_PORT(4, IPPROTO_TCP, 30080),  BH_NODE_PORT(4, IPPROTO_UDP, 30053),
		BH_NODE_PORT(4, IPPROTO_SCTP, 30090), BH_NODE_PORT(6, IPPROTO_TCP, 30080),
		BH_NODE_PORT(6, IPPROTO_UDP, 30053),  BH_NODE_PORT(6, IPPROTO_SCTP, 30090),
		BH_NODE_PORT(4, IPPROTO_TCP, 30443),
	};
	uint8_t one = 1;
	size_t i;

	for (i = 0; i < sizeof(ports) / sizeof(*ports); i++)
		put(bpf->maps.bh_node_ports, &ports[i], &one);
}

static int quiet(enum libbpf_print_level level, const char *format, va_list args)
{
	return level <= LIBBPF_WARN ? vfprintf(stderr, format, args) : 0;
}

static void *map_sets(struct bpf_map *map)
{
	void *at = mmap(NULL, (size_t)SETS * bpf_map__value_size(map), PROT_READ | PROT_WRITE, MAP_SHARED,
			bpf_map__fd(map), 0);

	if (at == MAP_FAILED)
		err(1, "cannot map %s", bpf_map__name(map));
	return at;
}

static void put_lives(void)
{
	int i;

	for (i = 0; i < BH_LIFE_MAX; i++)
		meta.life[i] = world_life((enum bh_life)i);
}

void world_load(void)
{
	if (unshare(CLONE_NEWNET))
		err(1, "cannot make a network namespace (root?)");
	libbpf_set_print(quiet);
	bpf = policy_bpf__open();
	if (!bpf)
		err(1, "cannot open the programs");
	bpf->rodata->bh_seed = SEED;
	if (bpf_map__set_max_entries(bpf->maps.bh_sess4, SETS) ||
	    bpf_map__set_max_entries(bpf->maps.bh_sess6, SETS))
		err(1, "cannot shrink the session maps");
	if (policy_bpf__load(bpf))
		err(1, "cannot load the programs");
	sets[BH_V4] = map_sets(bpf->maps.bh_sess4);
	sets[BH_V6] = map_sets(bpf->maps.bh_sess6);
	put_addrs();
	put_rows();
	put_node_ports();
	put_others();
	put_lives();
	world_event_jiffies(0);
}

void world_unload(void)
{
	(void)munmap(sets[BH_V4], SETS * sizeof(struct bh_set4));
	(void)munmap(sets[BH_V6], SETS * sizeof(struct bh_set6));
	policy_bpf__destroy(bpf);
	bpf = NULL;
}

/* ---- reading back ----------------------------------------------------------------------- */

static struct bh_count sum(const struct bpf_map *map, uint32_t index)
{
	static struct bh_count *cpu;
	struct bh_count total = { 0 };
	int i, n = libbpf_num_possible_cpus();

	if (!cpu)
		cpu = calloc((size_t)n, sizeof(*cpu));
	if (!cpu || bpf_map_lookup_elem(bpf_map__fd(map), &index, cpu))
		err(1, "cannot read %s", bpf_map__name(map));
	for (i = 0; i < n; i++) {
		total.packets += cpu[i].packets;
		total.bytes += cpu[i].bytes;
	}
	return total;
}

/* Summed over CPUs: what a slot has is numbers of 64 bits and nothing else. */
static struct bh_ep_stat ep_stat(uint32_t slot)
{
	static struct bh_ep_stat *cpu;
	struct bh_ep_stat total = { 0 };
	int i, n = libbpf_num_possible_cpus();
	size_t k;

	if (!cpu)
		cpu = calloc((size_t)n, sizeof(*cpu));
	if (!cpu || bpf_map_lookup_elem(bpf_map__fd(bpf->maps.bh_ep_stats), &slot, cpu))
		err(1, "cannot read bh_ep_stats");
	for (i = 0; i < n; i++)
		for (k = 0; k < sizeof(total) / sizeof(uint64_t); k++)
			((uint64_t *)&total)[k] += ((uint64_t *)&cpu[i])[k];
	return total;
}

/* The endpoint's is the only slot that counts sessions, the direct one and the other. */
struct counts world_counts(void)
{
	static const uint32_t slots[] = { IFINDEX, BH_EP_DIRECT + 7 };
	struct counts c;
	uint32_t i, dir;

	for (i = 0; i < BH_STAT_MAX * 2; i++)
		c.stat[i] = sum(bpf->maps.bh_stats, i);
	for (dir = 0; dir < 2; dir++) {
		c.never[dir] = c.stat[BH_SESSION * 2 + dir];
		for (i = 0; i < 2; i++) {
			const struct bh_ep_stat stat =
				ep_stat(i || world_ifindex == IFINDEX ? slots[i] : world_ifindex);

			c.stat[BH_SESSION * 2 + dir].packets += stat.hot[dir].packets;
			c.stat[BH_SESSION * 2 + dir].bytes += stat.hot[dir].bytes;
		}
	}
	c.ep = ep_stat(ep_slot);
	return c;
}

uint64_t world_rule_packets(uint32_t rule)
{
	return sum(bpf->maps.bh_rules, rule).packets;
}

struct bh_count world_rule_ended(uint32_t rule)
{
	struct bh_count c;

	if (bpf_map_lookup_elem(bpf_map__fd(bpf->maps.bh_rule_ended), &rule, &c))
		err(1, "cannot read bh_rule_ended");
	return c;
}

struct seen {
	int n;
	struct bh_event *last;
};

static int one_event(void *ctx, void *data, size_t len)
{
	struct seen *seen = ctx;

	if (len != sizeof(*seen->last))
		errx(1, "an event of %zu bytes", len);
	seen->n++;
	memcpy(seen->last, data, len);
	return 0;
}

int world_events(struct bh_event *ret_last)
{
	struct seen seen = { .last = ret_last };
	struct ring_buffer *ring = ring_buffer__new(bpf_map__fd(bpf->maps.bh_events), one_event, &seen, NULL);

	if (!ring || ring_buffer__consume(ring) < 0)
		err(1, "cannot read the events");
	ring_buffer__free(ring);
	return seen.n;
}

static bool is4(const struct bh_flow6 *k)
{
	return !k->remote.w[0] && !k->remote.w[1] && k->remote.w[2] == htonl(0xffff);
}

static void *set_at(enum bh_family family, uint32_t index)
{
	return (char *)sets[family] +
	       index * (family == BH_V6 ? sizeof(struct bh_set6) : sizeof(struct bh_set4));
}

/* Both that a flow may be in. */
static void *set_of(const struct bh_flow6 *k, const struct bh_slice *of)
{
	const enum bh_family family = is4(k) ? BH_V4 : BH_V6;
	const uint64_t hash = session_hash(k, SEED, family == BH_V6);

	return of[family].base == BH_NO_SLICE ? NULL : set_at(family, session_set(hash, of[family]));
}

void *world_sets(enum bh_family family)
{
	return sets[family];
}

struct bh_endpoint *world_slot(void)
{
	static char *at;
	const size_t bytes = BH_EP_SLOTS * sizeof(struct bh_endpoint);

	if (!at)
		at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED,
			  bpf_map__fd(bpf->maps.bh_endpoints), 0);
	if (at == MAP_FAILED)
		err(1, "cannot map bh_endpoints");
	return (struct bh_endpoint *)at + ep_slot;
}

int world_sessions(void)
{
	int i, n = 0;

	for (i = 0; i < SETS * BH_WAYS; i++) {
		n += !!session_way(set_at(BH_V4, (uint32_t)i / BH_WAYS), (uint32_t)i, 0)->word;
		n += !!session_way(set_at(BH_V6, (uint32_t)i / BH_WAYS), (uint32_t)i, 1)->word;
	}
	return n;
}

void world_clear_sessions(void)
{
	memset(sets[BH_V4], 0, SETS * sizeof(struct bh_set4));
	memset(sets[BH_V6], 0, SETS * sizeof(struct bh_set6));
}

void world_free_sessions(void)
{
	struct bh_set4 *four = sets[BH_V4];
	struct bh_set6 *six = sets[BH_V6];
	uint32_t i;

	for (i = 0; i < SETS * BH_WAYS; i++)
		four[i / BH_WAYS].way[i % BH_WAYS].word = six[i / BH_WAYS].way[i % BH_WAYS].head.word = 0;
}

/* What bh_fragments holds of the endpoint: 32 lines, of which only the head is of interest here. */
struct line {
	uint32_t lock, epoch, seen, id, rest[12];
};
#define LINES 32

void world_age_fragments(uint32_t jiffies, uint32_t epochs)
{
	const int fd = bpf_map__fd(bpf->maps.bh_fragments);
	struct line l;
	uint32_t i, at;

	for (i = 0; i < LINES; i++) {
		at = ep_slot * LINES + i;
		if (bpf_map_lookup_elem(fd, &at, &l))
			err(1, "cannot read bh_fragments");
		l.seen -= jiffies;
		l.epoch -= epochs;
		if (l.id)
			put(bpf->maps.bh_fragments, &at, &l);
	}
}

static void clear_fragments(void)
{
	static const struct line none;
	uint32_t i, at;

	for (i = 0; i < LINES; i++) {
		at = ep_slot * LINES + i;
		put(bpf->maps.bh_fragments, &at, &none);
	}
}

void world_clear(void)
{
	struct bh_event last;

	world_clear_sessions();
	clear_fragments();
	(void)world_events(&last);
}

bool world_session(const struct bh_flow6 *k, struct bh_session *ret)
{
	const uint64_t hash = session_hash(k, SEED, !is4(k));
	void *set = set_of(k, ep.slice);
	const struct bh_session *s;
	__u64 word;

	s = set ? session_seek(set, hash, k, !is4(k), &word) : NULL;
	if (s)
		*ret = *s;
	return s;
}

void world_session_put(const struct bh_flow6 *k, const struct bh_session *fresh)
{
	const bool grows = ep.former[0].base != BH_NO_SLICE;
	const uint64_t hash = session_hash(k, SEED, !is4(k));
	struct bh_session *s =
		session_way(set_of(k, grows ? ep.former : ep.slice), session_home(hash), !is4(k));

	if (!session_claim(s, 0))
		errx(1, "another session is there");
	session_write(s, k, fresh, !is4(k));
	session_publish(s, session_word(session_tag(hash), word_fixed(fresh->word), word_epoch(fresh->word)));
}

uint32_t world_now(void)
{
	struct bh_query q = { 0 };

	(void)world_explain(&q);
	return q.jiffies;
}

/* ---- test runs -------------------------------------------------------------------------- */

int world_run(enum bh_dir dir, const struct frame *f, uint32_t ingress_ifindex, uint32_t linear, int repeat)
{
	const struct bpf_program *prog = dir == BH_EGRESS ? bpf->progs.bh_from_pod : bpf->progs.bh_to_pod;
	struct __sk_buff ctx = { .ifindex = IFINDEX, .ingress_ifindex = ingress_ifindex, .data_end = linear };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = f->data, .data_size_in = f->len, .ctx_in = &ctx,
		    .ctx_size_in = sizeof(ctx), .repeat = repeat);
	int r = bpf_prog_test_run_opts(bpf_program__fd(prog), &opts);

	return r ? -1000 - errno : (int)opts.retval;
}

int world_explain(struct bh_query *q)
{
	struct {
		uint8_t eth[ETH_HLEN];
		struct bh_query q;
	} __attribute__((packed)) in = { .q = *q }, out;
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = &in, .data_size_in = sizeof(in), .data_out = &out,
		    .data_size_out = sizeof(out));

	in.eth[12] = BH_QUERY_ETHERTYPE >> 8;
	in.eth[13] = BH_QUERY_ETHERTYPE & 0xff;
	if (bpf_prog_test_run_opts(bpf_program__fd(bpf->progs.bh_explain), &opts))
		err(1, "cannot run bh_explain");
	*q = out.q;
	return (int)opts.retval;
}
