/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a packet costs: the kernel's own run-time statistics of the programs that hang there, and test runs of
 * a copy of them. The copy reads this node's tables, which are shared with it, and writes sessions, counters
 * and events of its own: nothing that it does is seen anywhere else.
 *
 * A hot packet there is the pod's answer in a flow that the node opened: it takes the way of every packet
 * with a live session, and no policy is needed to get there. Cold ones are first packets of the flows that
 * the caller picks, each of its own.
 */
#include "dataplane/dp_internal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <netinet/icmp6.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/ip_icmp.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <string.h>

#include "util/scope.h"

#define IFINDEX	   1	   /* lo: where a test run happens unless it names another device */
#define ELSEWHERE  IFINDEX /* the other interface of what this node has not made itself: any will do */
#define FRAME_MAX  128
#define HOT_RUNS   20000 /* a batch: about a millisecond */
#define BATCHES	   5
#define SETS	   1024 /* of sessions, in each family */
#define RING_BYTES 65536

/* ---- the kernel's statistics -------------------------------------------------------------- */

int dp_run_stats_hold(void)
{
	const int fd = bpf_enable_stats(BPF_STATS_RUN_TIME);

	return fd < 0 ? -errno : fd;
}

bool dp_run_stats_are_on(void)
{
	auto_fd int fd = open("/proc/sys/kernel/bpf_stats_enabled", O_RDONLY | O_CLOEXEC);
	char c = '0';

	return fd >= 0 && read(fd, &c, 1) == 1 && c == '1';
}

int dp_runs(const struct dp *dp, struct dp_runs *ret)
{
	struct dp_runs sum = { .jited = true };
	int dir;

	for (dir = 0; dir < 2; dir++) {
		struct bpf_prog_info info = { 0 };
		uint32_t len = sizeof(info);

		if (bpf_obj_get_info_by_fd(dp->prog[dir], &info, &len) < 0)
			return -errno;
		sum.runs += info.run_cnt;
		sum.ns += info.run_time_ns;
		sum.jited = sum.jited && info.jited_prog_len;
	}
	*ret = sum;
	return 0;
}

/* ---- frames ------------------------------------------------------------------------------- */

struct frame {
	uint8_t data[FRAME_MAX];
	uint32_t len;
};

/* Headers lie at odd places there, so they are copied. */
static void put(struct frame *f, const void *bytes, size_t n)
{
	memcpy(f->data + f->len, bytes, n);
	f->len += (uint32_t)n;
}

/* Checksums stay zero: the programs do not look at them. */
static void add_transport(struct frame *f, const struct bh_query *q, __be16 sport, __be16 dport)
{
	static const uint8_t payload[18]; /* of the shortest frame there is */
	const struct tcphdr tcp = { .source = sport, .dest = dport, .doff = 5, .syn = 1 };
	const struct udphdr udp = { .source = sport,
				    .dest = dport,
				    .len = htons(sizeof(udp) + sizeof(payload)) };
	/* ICMP has it as ICMPv6 has */
	const struct icmphdr echo = { .type = q->proto == IPPROTO_ICMP ? ICMP_ECHO : ICMP6_ECHO_REQUEST,
				      .un.echo.id = q->lport };

	if (q->proto == IPPROTO_TCP) {
		put(f, &tcp, sizeof(tcp));
	} else if (q->proto == IPPROTO_UDP) {
		put(f, &udp, sizeof(udp));
		put(f, payload, sizeof(payload));
	} else {
		put(f, &echo, sizeof(echo));
	}
}

static void add_ip4(struct frame *f, const struct bh_query *q, const struct bh_addr *from,
		    const struct bh_addr *to, uint16_t payload)
{
	const struct iphdr ip = { .version = 4,
				  .ihl = 5,
				  .tot_len = htons((uint16_t)(sizeof(ip) + payload)),
				  .ttl = 64,
				  .protocol = q->proto,
				  .saddr = from->w[3],
				  .daddr = to->w[3] };

	put(f, &ip, sizeof(ip));
}

static void add_ip6(struct frame *f, const struct bh_query *q, const struct bh_addr *from,
		    const struct bh_addr *to, uint16_t payload)
{
	struct ip6_hdr ip = { .ip6_flow = htonl(6u << 28) };

	ip.ip6_plen = htons(payload);
	ip.ip6_nxt = q->proto;
	ip.ip6_hlim = 64;
	memcpy(&ip.ip6_src, from, sizeof(ip.ip6_src));
	memcpy(&ip.ip6_dst, to, sizeof(ip.ip6_dst));
	put(f, &ip, sizeof(ip));
}

/* @q as a packet of the direction q->dir, at @ep. */
static struct frame frame_of(const struct bh_query *q, const struct bh_endpoint *ep)
{
	static const uint8_t other_mac[6] = { 2, 0, 0, 0, 0, 1 };
	const bool out = q->dir == BH_EGRESS, v4 = dp_addr_is_v4(&q->remote);
	const struct bh_addr *from = out ? &q->local : &q->remote, *to = out ? &q->remote : &q->local;
	struct frame f = { .len = 0 }, transport = { .len = 0 };
	struct ethhdr eth = { .h_proto = htons(v4 ? ETH_P_IP : ETH_P_IPV6) };

	add_transport(&transport, q, out ? q->lport : q->rport, out ? q->rport : q->lport);
	memcpy(eth.h_source, out ? ep->mac : other_mac, 6);
	memcpy(eth.h_dest, out ? other_mac : ep->mac, 6);
	put(&f, &eth, sizeof(eth));
	(v4 ? add_ip4 : add_ip6)(&f, q, from, to, (uint16_t)transport.len);
	put(&f, transport.data, transport.len);
	return f;
}

/* ---- the copy ----------------------------------------------------------------------------- */

static bool is_shared(const struct bpf_map *map)
{
	static const char *const tables[] = { "bh_addrs", "bh_cidrs",  "bh_classes",
					      "bh_rows",  "bh_ranges", "bh_node_ports" };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(tables); i++)
		if (!strcmp(bpf_map__name(map), tables[i]))
			return true;
	return false;
}

static int put_endpoint(struct policy_bpf *copy, const struct bh_endpoint *like, struct bh_endpoint *ret)
{
	const uint32_t slot = IFINDEX;
	enum bh_family f;

	*ret = *like;
	ret->ifindex = IFINDEX;
	for (f = BH_V4; f <= BH_V6; f++) {
		ret->slice[f] = (struct bh_slice){ .base = 0, .mask = SETS - 1 };
		ret->former[f] = (struct bh_slice){ .base = BH_NO_SLICE };
	}
	return bpf_map_update_elem(bpf_map__fd(copy->maps.bh_endpoints), &slot, ret, BPF_ANY) < 0 ? -errno
												  : 0;
}

/* Seed and time-outs are the node's; but nobody opens the copy. */
static int put_meta(const struct dp *dp, const struct policy_bpf *copy)
{
	struct bh_meta meta = *dp_meta(dp);
	const uint32_t zero = 0;

	meta.open = 0;
	return bpf_map_update_elem(bpf_map__fd(copy->maps.bh_meta), &zero, &meta, BPF_ANY) < 0 ? -errno : 0;
}

static int make_copy(struct dp *dp, struct policy_bpf **ret, struct bh_err *err)
{
	struct policy_bpf *copy = NULL;
	int r = dp_open_copy(dp, is_shared, &copy);

	if (!r) {
		(void)bpf_map__set_max_entries(copy->maps.bh_sess4, SETS);
		(void)bpf_map__set_max_entries(copy->maps.bh_sess6, SETS);
		(void)bpf_map__set_max_entries(copy->maps.bh_events, RING_BYTES);
		(void)bpf_map__set_max_entries(copy->maps.bh_ids, 1);
		(void)bpf_map__set_max_entries(copy->maps.bh_rule_ended, 1);
		(void)bpf_map__set_max_entries(copy->maps.bh_ep_stats, IFINDEX + 1);
		(void)bpf_map__set_max_entries(copy->maps.bh_rules,
					       bpf_map__max_entries(dp->skel->maps.bh_rules));
		r = policy_bpf__load(copy);
	}
	if (r < 0) {
		policy_bpf__destroy(copy);
		return bh_err_errno(err, r, "cannot load a copy of the programs to measure");
	}
	*ret = copy;
	return 0;
}

/* ---- runs --------------------------------------------------------------------------------- */

/* Return: what the program said as an action, or -errno. */
static int run(const struct policy_bpf *copy, const struct frame *f, enum bh_dir dir, bool from_here,
	       int repeat, uint32_t *ret_ns)
{
	const struct bpf_program *prog = dir == BH_EGRESS ? copy->progs.bh_from_pod : copy->progs.bh_to_pod;
	struct __sk_buff ctx = { .ifindex = IFINDEX, .ingress_ifindex = from_here ? 0 : ELSEWHERE };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = f->data, .data_size_in = f->len, .ctx_in = &ctx,
		    .ctx_size_in = sizeof(ctx), .repeat = repeat);

	if (bpf_prog_test_run_opts(bpf_program__fd(prog), &opts) < 0)
		return -errno;
	*ret_ns = opts.duration;
	return (int)opts.retval == TC_ACT_SHOT ? BH_DENY : BH_ALLOW;
}

static uint32_t median(uint32_t *v, size_t n)
{
	if (!n)
		return 0;
	qsort(v, n, sizeof(*v), dp_cmp_u32);
	return v[n / 2];
}

/* How often a live session has spoken for a packet of the pod. */
static int read_hits(const struct dp *dp, const struct policy_bpf *copy, uint64_t *ret)
{
	struct bh_ep_stat stat;
	const int r = dp_ep_stat_at(bpf_map__fd(copy->maps.bh_ep_stats), dp->cpus, IFINDEX, &stat);

	if (!r)
		*ret = stat.hot[BH_EGRESS].packets;
	return r;
}

/* The node opens a flow to the pod, the pod answers. */
static int measure_hot(const struct dp *dp, const struct policy_bpf *copy, const struct bh_endpoint *ep,
		       const struct bh_query *like, struct dp_cost *ret, struct bh_err *err)
{
	struct bh_query q = *like;
	uint32_t ns[BATCHES];
	uint64_t hits = 0;
	struct frame f;
	int r, i;

	q.proto = IPPROTO_UDP;
	q.lport = htons(53);
	q.rport = htons(40000);
	q.dir = BH_INGRESS;
	f = frame_of(&q, ep);
	r = run(copy, &f, BH_INGRESS, true, 1, &ns[0]);
	q.dir = BH_EGRESS;
	f = frame_of(&q, ep);
	for (i = 0; r == BH_ALLOW && i < BATCHES; i++)
		r = run(copy, &f, BH_EGRESS, false, HOT_RUNS, &ns[i]);
	if (r == BH_ALLOW)
		r = read_hits(dp, copy, &hits);
	if (r < 0)
		return bh_err_errno(err, r, "cannot measure a packet of a live session");
	if (hits != (uint64_t)BATCHES * HOT_RUNS)
		return bh_err_set(err, -EIO, "a packet of a live session does not find it");
	ret->hot_ns = median(ns, BATCHES);
	return 0;
}

static int measure_cold(const struct policy_bpf *copy, const struct bh_endpoint *ep,
			const struct bh_query *picks, size_t n, struct dp_cost *ret, struct bh_err *err)
{
	auto_free uint32_t *ns = calloc(2 * n + 1, sizeof(*ns));
	uint32_t *by[2] = { ns, ns + n };
	size_t i;
	int r = 0;

	if (!ns)
		return bh_err_set(err, -ENOMEM, "no memory");
	for (i = 0; r >= 0 && i < n; i++) {
		const struct frame f = frame_of(&picks[i], ep);
		uint32_t took;

		r = run(copy, &f, picks[i].dir, false, 1, &took);
		if (r >= 0)
			by[r][ret->cold[r].runs++] = took;
	}
	if (r < 0)
		return bh_err_errno(err, r, "cannot measure a first packet");
	for (r = 0; r < 2; r++)
		ret->cold[r].ns = median(by[r], ret->cold[r].runs);
	return 0;
}

int dp_cost(struct dp *dp, const struct bh_endpoint *like, const struct bh_query *picks, size_t n,
	    struct dp_cost *ret, struct bh_err *err)
{
	struct policy_bpf *copy = NULL;
	struct dp_cost cost = { 0 };
	struct bh_endpoint ep;
	int r = n ? make_copy(dp, &copy, err) : bh_err_set(err, -ENOENT, "no flow to measure by");

	if (r < 0)
		return r;
	r = put_meta(dp, copy);
	if (!r)
		r = put_endpoint(copy, like, &ep);
	if (r < 0)
		(void)bh_err_errno(err, r, "cannot give the copy an endpoint");
	if (!r)
		r = measure_hot(dp, copy, &ep, &picks[0], &cost, err);
	if (!r)
		r = measure_cold(copy, &ep, picks, n, &cost, err);
	policy_bpf__destroy(copy);
	if (!r)
		*ret = cost;
	return r;
}
