// SPDX-License-Identifier: Apache-2.0
/* Shapes to frames. Checksums stay zero: the programs do not look at them. */
#include "packet.h"

#include <arpa/inet.h>
#include <assert.h>
#include <string.h>

#include <linux/if_ether.h>
#include <netinet/in.h>

const uint8_t pod_mac[6] = { 0x02, 0x42, 0, 0, 0, 5 };
const uint8_t other_mac[6] = { 0x02, 0x42, 0, 0, 0, 9 };
const uint8_t group_mac[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

static const char *const peers[P_MAX][2] = {
	[P_WEB] = { "10.1.0.80", "fd00:1::80" },	  [P_ALL] = { "10.1.0.81", "fd00:1::81" },
	[P_MIXED] = { "10.1.0.82", "fd00:1::82" },	  [P_NODE] = { "10.1.0.1", "fd00:1::1" },
	[P_NODE_WEB] = { "10.1.0.2", "fd00:1::2" },	  [P_STRANGER] = { "10.9.9.9", "fd00:9::9" },
	[P_CIDR] = { "192.0.2.9", "2001:db8::9" },	  [P_EXCEPT] = { "192.0.2.200", "2001:db8::8000:9" },
	[P_INSIDE] = { "192.0.2.10", "2001:db8::10" },	  [P_ORPHAN] = { "10.1.0.83", "fd00:1::83" },
	[P_MULTICAST] = { "224.0.0.251", "ff02::fb" },	  [P_BROADCAST] = { "255.255.255.255", "ff02::1" },
	[P_SUBNET] = { "10.1.0.255", "fd00:1::ff" },	  [P_LINK_LOCAL] = { "169.254.1.1", "fe80::99" },
	[P_MAPPED] = { "10.1.0.80", "::ffff:10.1.0.80" },
};

static const char *const locals[L_MAX][2] = {
	[L_OWN] = { "10.1.0.5", "fd00:1::5" },
	[L_SECOND] = { "10.2.0.5", "fd00:2::5" },
	[L_OTHER] = { "10.1.0.6", "fd00:1::6" },
	[L_ZERO] = { "0.0.0.0", "::" },
	[L_LINK_LOCAL] = { "169.254.7.7", "fe80::5" },
	[L_MULTICAST] = { "224.0.0.251", "ff02::fb" },
	[L_BROADCAST] = { "255.255.255.255", "ff02::1" },
	[L_SUBNET] = { "10.1.0.255", "fd00:1::ff" },
	[L_MAPPED] = { "10.1.0.5", "::ffff:10.1.0.5" },
};

static struct bh_addr parse(const char *text)
{
	struct bh_addr a = { { 0, 0, htonl(0xffff), 0 } };

	if (!strchr(text, ':'))
		assert(inet_pton(AF_INET, text, &a.w[3]) == 1);
	else
		assert(inet_pton(AF_INET6, text, &a) == 1);
	return a;
}

struct bh_addr peer_addr(enum peer peer, int family)
{
	return parse(peers[peer][family == 6]);
}

struct bh_addr local_addr(enum local local, int family)
{
	return parse(locals[local][family == 6]);
}

void put16(struct frame *f, uint32_t at, uint16_t v)
{
	f->data[at] = v >> 8;
	f->data[at + 1] = v;
}

static void add_length(struct frame *f, int by)
{
	uint32_t at = f->l3 + (f->family == 4 ? 2 : 4);

	put16(f, at, (uint16_t)((f->data[at] << 8 | f->data[at + 1]) + by));
}

void insert(struct frame *f, uint32_t at, uint32_t n)
{
	memmove(f->data + at + n, f->data + at, f->len - at);
	memset(f->data + at, 0, n);
	f->len += n;
	add_length(f, (int)n);
}

void cut(struct frame *f, uint32_t len)
{
	add_length(f, (int)len - (int)f->len);
	f->len = len;
}

void extend(struct frame *f, uint8_t type)
{
	uint8_t next = f->data[f->l3 + 6];

	insert(f, f->l4, 8);
	f->data[f->l3 + 6] = type;
	f->data[f->l4] = next;
}

void fragment(struct frame *f, uint16_t offset_and_flags)
{
	if (f->family == 4) {
		put16(f, f->l3 + 4, 7);
		put16(f, f->l3 + 6, offset_and_flags);
		return;
	}
	extend(f, IPPROTO_FRAGMENT);
	put16(f, f->l4 + 2, (uint16_t)((offset_and_flags & 0x1fff) << 3 | (offset_and_flags & 0x2000) >> 13));
	put16(f, f->l4 + 6, 7);
}

/* Whether the pod opened the flow of this packet. */
static bool pod_opened(const struct shape *s, enum bh_dir dir)
{
	return (dir == BH_EGRESS) != s->back;
}

struct bh_flow6 shape_flow(const struct shape *s, int family, enum bh_dir dir, uint32_t ifindex)
{
	uint16_t port = s->port ?: 80, eph = s->eph ?: 40000;
	bool out = pod_opened(s, dir);
	struct bh_flow6 k = {
		.ifindex = ifindex,
		.local = local_addr(s->local, family),
		.remote = peer_addr(s->peer, family),
		.lport = htons(out ? eph : port),
		.rport = htons(out ? port : eph),
		.proto = s->proto ?: IPPROTO_TCP,
	};

	if (k.proto == IPPROTO_ICMP) {
		k.proto = family == 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6;
		k.lport = htons(eph);
		k.rport = htons(out ? BH_ECHO_OUT : BH_ECHO_IN);
	}
	return k;
}

static void transport(const struct shape *s, const struct bh_flow6 *k, struct frame *f)
{
	uint8_t *p = f->data + f->l4;

	memcpy(p, f->dir == BH_EGRESS ? &k->lport : &k->rport, 2);
	memcpy(p + 2, f->dir == BH_EGRESS ? &k->rport : &k->lport, 2);
	if (k->proto == IPPROTO_UDP) {
		put16(f, f->l4 + 4, 8 + 4);
		f->len = f->l4 + 8 + 4;
	} else if (k->proto == IPPROTO_TCP) {
		p[12] = 5 << 4;
		p[13] = s->flags ?: SYN;
		f->len = f->l4 + 20 + 4;
	} else if (s->proto == IPPROTO_ICMP) {
		memset(p, 0, 4);
		p[0] = f->family == 4 ? (s->back ? 0 : 8) : (s->back ? 129 : 128);
		memcpy(p + 4, &k->lport, 2);
		f->len = f->l4 + 8 + 4;
	} else if (k->proto == IPPROTO_SCTP) {
		p[12] = s->flags ?: 1;
		p[4] = p[12] == 1 ? 0 : 7; /* INIT has no tag */
		put16(f, f->l4 + 14, 20);
		f->len = f->l4 + 12 + 20;
	} else {
		f->len = f->l4 + 24;
	}
}

static void network(const struct bh_flow6 *k, struct frame *f)
{
	const struct bh_addr *src = f->dir == BH_EGRESS ? &k->local : &k->remote;
	const struct bh_addr *dst = f->dir == BH_EGRESS ? &k->remote : &k->local;
	uint8_t *ip = f->data + f->l3;

	if (f->family == 4) {
		ip[0] = 0x45;
		put16(f, f->l3 + 2, f->len - f->l3);
		ip[8] = 64;
		ip[9] = k->proto;
		memcpy(ip + 12, &src->w[3], 4);
		memcpy(ip + 16, &dst->w[3], 4);
	} else {
		ip[0] = 0x60;
		put16(f, f->l3 + 4, f->len - f->l4);
		ip[6] = k->proto;
		ip[7] = 64;
		memcpy(ip + 8, src, 16);
		memcpy(ip + 24, dst, 16);
	}
}

static const uint8_t *mac_of(enum mac mac)
{
	return mac == M_OWN ? pod_mac : mac == M_OTHER ? other_mac : group_mac;
}

void shape_frame(const struct shape *s, int family, enum bh_dir dir, struct frame *ret)
{
	struct bh_flow6 k = shape_flow(s, family, dir, 0);
	const uint8_t *far = s->group ? group_mac : other_mac;
	struct frame f = { .family = family, .dir = dir, .l3 = ETH_HLEN };

	f.l4 = f.l3 + (family == 4 ? 20 : 40);
	memcpy(f.data, dir == BH_EGRESS ? far : mac_of(s->mac), 6);
	memcpy(f.data + 6, dir == BH_EGRESS ? mac_of(s->mac) : other_mac, 6);
	put16(&f, 12, family == 4 ? ETH_P_IP : ETH_P_IPV6);
	transport(s, &k, &f);
	network(&k, &f);
	if (s->bend)
		s->bend(&f);
	*ret = f;
}
