/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pod that misbehaves, as fast as it can:
 *
 *   flood SECONDS IFNAME SOURCE TARGET TARGET_MAC FIRST_PORT LAST_PORT
 *
 * TCP SYNs with right checksums from its own addresses, past its own network stack: one for each pair of
 * (source port, port), all ports of one source port first. One port is a SYN flood, all of them a port scan.
 * Prints one line of JSON at the end.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/ether.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/signal.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BATCH		  64 /* frames a system call */
#define FRAME_MAX	  80
#define FIRST_SOURCE_PORT 1024u

struct frame {
	_Alignas(4) uint8_t odd[2]; /* so that what is behind the Ethernet header is not */
	uint8_t bytes[FRAME_MAX];
	size_t len;
	struct tcphdr *tcp; /* in bytes */
};

struct flood {
	int fd;
	unsigned int first, ports;
	uint32_t address_sum; /* what the checksum has of all but the ports */
	struct frame frame[BATCH];
	struct mmsghdr msg[BATCH];
	struct iovec iov[BATCH];
	uint64_t next, sent, refused;
};

static void die(const char *what)
{
	fprintf(stderr, "flood: %s: %s\n", what, strerror(errno));
	exit(2);
}

static double now_s(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static uint32_t sum(const void *data, size_t len, uint32_t from)
{
	const uint8_t *b = data;

	for (size_t i = 0; i + 1 < len; i += 2)
		from += (uint32_t)b[i] << 8 | b[i + 1];
	return from;
}

static uint16_t folded(uint32_t s)
{
	while (s >> 16)
		s = (s & 0xffff) + (s >> 16);
	return htons((uint16_t)~s);
}

static void make_v4(struct frame *f, const char *source, const char *target)
{
	struct iphdr *ip = (struct iphdr *)(f->bytes + ETH_HLEN);

	*ip = (struct iphdr){ .version = 4, .ihl = 5, .ttl = 64, .protocol = IPPROTO_TCP };
	ip->tot_len = htons(sizeof(*ip) + sizeof(struct tcphdr));
	if (inet_pton(AF_INET, source, &ip->saddr) != 1 || inet_pton(AF_INET, target, &ip->daddr) != 1)
		die(source);
	ip->check = folded(sum(ip, sizeof(*ip), 0));
	f->tcp = (struct tcphdr *)(ip + 1);
}

static void make_v6(struct frame *f, const char *source, const char *target)
{
	struct ip6_hdr *ip = (struct ip6_hdr *)(f->bytes + ETH_HLEN);

	*ip = (struct ip6_hdr){ .ip6_flow = htonl(6u << 28), .ip6_nxt = IPPROTO_TCP, .ip6_hlim = 64 };
	ip->ip6_plen = htons(sizeof(struct tcphdr));
	if (inet_pton(AF_INET6, source, &ip->ip6_src) != 1 || inet_pton(AF_INET6, target, &ip->ip6_dst) != 1)
		die(source);
	f->tcp = (struct tcphdr *)(ip + 1);
}

static void make_frame(struct flood *x, struct frame *f, const struct ether_header *eth, const char *source,
		       const char *target)
{
	const size_t addrs = eth->ether_type == htons(ETHERTYPE_IP) ? 8 : 32;

	memcpy(f->bytes, eth, sizeof(*eth));
	if (addrs == 8)
		make_v4(f, source, target);
	else
		make_v6(f, source, target);
	*f->tcp = (struct tcphdr){ .doff = 5, .syn = 1, .window = htons(65535) };
	f->len = (size_t)((uint8_t *)(f->tcp + 1) - f->bytes);
	/* The addresses lie before the TCP header in either family. */
	x->address_sum = sum((uint8_t *)f->tcp - addrs, addrs, 0) + IPPROTO_TCP + sizeof(*f->tcp) +
			 sum(f->tcp, sizeof(*f->tcp), 0);
}

static void open_socket(struct flood *x, const char *ifname, struct ether_header *eth)
{
	struct sockaddr_ll to = { .sll_family = AF_PACKET, .sll_ifindex = (int)if_nametoindex(ifname) };
	struct ifreq ifr = { 0 };
	int on = 1;

	x->fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (x->fd < 0 || bind(x->fd, (struct sockaddr *)&to, sizeof(to)))
		die("packet socket");
	(void)setsockopt(x->fd, SOL_PACKET, PACKET_QDISC_BYPASS, &on, sizeof(on));
	(void)strncpy(ifr.ifr_name, ifname, sizeof(ifr.ifr_name) - 1);
	if (ioctl(x->fd, SIOCGIFHWADDR, &ifr))
		die(ifname);
	memcpy(eth->ether_shost, ifr.ifr_hwaddr.sa_data, ETH_ALEN);
}

static void aim(struct flood *x, struct frame *f)
{
	const unsigned int sport =
		FIRST_SOURCE_PORT + (unsigned int)(x->next / x->ports % (65536 - FIRST_SOURCE_PORT));
	const unsigned int dport = x->first + (unsigned int)(x->next % x->ports);

	x->next++;
	f->tcp->source = htons((uint16_t)sport);
	f->tcp->dest = htons((uint16_t)dport);
	f->tcp->check = folded(x->address_sum + sport + dport);
}

/* A full queue refuses some: those are tried again in the next batch, as others. */
static void send_batch(struct flood *x)
{
	int n;

	for (size_t i = 0; i < BATCH; i++)
		aim(x, &x->frame[i]);
	n = sendmmsg(x->fd, x->msg, BATCH, 0);
	if (n < 0 && errno != ENOBUFS && errno != EAGAIN)
		die("send");
	x->sent += n > 0 ? (uint64_t)n : 0;
	x->refused += BATCH - (n > 0 ? (uint64_t)n : 0);
}

int main(int argc, char **argv)
{
	static struct flood x;
	struct ether_header eth = { 0 };
	double began, end;

	if (argc != 8 || !ether_aton_r(argv[5], (struct ether_addr *)eth.ether_dhost)) {
		fprintf(stderr,
			"usage: flood SECONDS IFNAME SOURCE TARGET TARGET_MAC FIRST_PORT LAST_PORT\n");
		return 2;
	}
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	eth.ether_type = htons(strchr(argv[4], ':') ? ETHERTYPE_IPV6 : ETHERTYPE_IP);
	open_socket(&x, argv[2], &eth);
	x.first = (unsigned int)atoi(argv[6]);
	x.ports = (unsigned int)atoi(argv[7]) - x.first + 1;
	for (size_t i = 0; i < BATCH; i++) {
		make_frame(&x, &x.frame[i], &eth, argv[3], argv[4]);
		x.iov[i] = (struct iovec){ x.frame[i].bytes, x.frame[i].len };
		x.msg[i].msg_hdr = (struct msghdr){ .msg_iov = &x.iov[i], .msg_iovlen = 1 };
	}
	began = now_s();
	end = began + atof(argv[1]);
	while (now_s() < end)
		send_batch(&x);
	printf("{\"sent\":%llu,\"refused\":%llu,\"seconds\":%.3f}\n", (unsigned long long)x.sent,
	       (unsigned long long)x.refused, now_s() - began);
	return 0;
}
