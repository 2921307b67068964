// SPDX-License-Identifier: Apache-2.0
/* The table, after the functions that spoil packets for it. */
#include "rows.h"

#include <string.h>

#include <linux/if_ether.h>
#include <netinet/in.h>

/* clang-format off */

/* ---- spoiled headers -------------------------------------------------------------------- */

static void first_fragment(struct frame *f) { fragment(f, 0x2000); }
static void later_fragment(struct frame *f) { fragment(f, 0x2010); }
static void last_fragment(struct frame *f) { fragment(f, 0x0010); }
static void dont_fragment(struct frame *f) { fragment(f, 0x4000); }
static void atomic_fragment(struct frame *f) { fragment(f, 0); }

static void options(struct frame *f)
{
	insert(f, f->l4, 4);
	f->data[f->l3] = 0x46;
	f->data[f->l4] = 1;
}

static void most_options(struct frame *f)
{
	insert(f, f->l4, 40);
	f->data[f->l3] = 0x4f;
}

static void options_cut(struct frame *f)
{
	f->data[f->l3] = 0x4f;
	cut(f, f->l4 + 24);
}

static void hop_by_hop(struct frame *f) { extend(f, IPPROTO_HOPOPTS); }
static void routing(struct frame *f) { extend(f, IPPROTO_ROUTING); }
static void dest_options(struct frame *f) { extend(f, IPPROTO_DSTOPTS); }
static void auth_header(struct frame *f) { extend(f, IPPROTO_AH); }

static void fragment_cut(struct frame *f)
{
	f->data[f->l3 + 6] = IPPROTO_FRAGMENT;
	cut(f, f->l4 + 7);
}

static void fragment_hides(struct frame *f)	/* a fragment header, then destination options */
{
	dest_options(f);
	first_fragment(f);
}

static void version_lies(struct frame *f) { f->data[f->l3] ^= 0x20; }
static void ihl_4(struct frame *f) { f->data[f->l3] = 0x44; }
static void ihl_0(struct frame *f) { f->data[f->l3] = 0x40; }

static void length_too_long(struct frame *f)
{
	uint32_t len = f->len;

	cut(f, len + 1);
	f->len = len;
}

static void length_within_header(struct frame *f) { put16(f, f->l3 + 2, 19); }
static void length_zero(struct frame *f) { put16(f, f->l3 + (f->family == 4 ? 2 : 4), 0); }
static void data(struct frame *f) { insert(f, f->len, 10); }
static void padded(struct frame *f) { f->len += 6; }
static void cut_0(struct frame *f) { cut(f, f->l4); }
static void cut_7(struct frame *f) { cut(f, f->l4 + 7); }
static void cut_19(struct frame *f) { cut(f, f->l4 + 19); }

static void cut_by_length(struct frame *f)	/* the bytes are there, the IP header says they are not */
{
	uint32_t len = f->len;

	cut(f, f->l4 + 7);
	f->len = len;
}

static void doff_4(struct frame *f) { f->data[f->l4 + 12] = 4 << 4; }
static void doff_too_long(struct frame *f) { f->data[f->l4 + 12] = 7 << 4; }
static void tcp_options(struct frame *f) { f->data[f->l4 + 12] = 6 << 4; }
static void udp_7(struct frame *f) { put16(f, f->l4 + 4, 7); }
static void udp_0(struct frame *f) { put16(f, f->l4 + 4, 0); }
static void udp_too_long(struct frame *f) { put16(f, f->l4 + 4, 13); }

static void icmp_error(struct frame *f) { f->data[f->l4] = f->family == 4 ? 3 : 1; }
static void icmp_timestamp(struct frame *f) { f->data[f->l4] = 13; }
static void icmp_stamped(struct frame *f) { f->data[f->l4] = 14; }
static void icmp_code(struct frame *f) { f->data[f->l4 + 1] = 1; }

/* ---- Ethernet --------------------------------------------------------------------------- */

static void tag(struct frame *f, uint16_t type)
{
	memmove(f->data + 16, f->data + 12, f->len - 12);
	put16(f, 12, type);
	put16(f, 14, 5);
	f->len += 4;
}

static void vlan(struct frame *f) { tag(f, ETH_P_8021Q); }
static void vlan_ad(struct frame *f) { tag(f, ETH_P_8021AD); }
static void lldp(struct frame *f) { put16(f, 12, ETH_P_LLDP); }
static void length_field(struct frame *f) { put16(f, 12, 38); }
static void wrong_ethertype(struct frame *f) { put16(f, 12, f->family == 4 ? ETH_P_IPV6 : ETH_P_IP); }
static void bare_ethernet(struct frame *f) { f->len = ETH_HLEN; put16(f, 12, ETH_P_LLDP); }

/* ---- ARP -------------------------------------------------------------------------------- */

static void arp_of(struct frame *f, const uint8_t mac[6], enum local ip)
{
	static const uint8_t head[] = { 0, 1, 8, 0, 6, 4, 0, 1 };
	struct bh_addr a = local_addr(ip, 4);
	uint8_t *p = f->data + ETH_HLEN;

	put16(f, 12, ETH_P_ARP);
	memset(p, 0, 28);
	memcpy(p, head, sizeof(head));
	memcpy(p + 8, mac, 6);
	memcpy(p + 14, &a.w[3], 4);
	f->len = ETH_HLEN + 28;
}

static void arp(struct frame *f) { arp_of(f, pod_mac, L_OWN); }
static void arp_second(struct frame *f) { arp_of(f, pod_mac, L_SECOND); }
static void arp_probe_of(struct frame *f, enum local ip)
{
	const struct bh_addr a = local_addr(ip, 4);

	arp_of(f, pod_mac, L_ZERO);
	memcpy(f->data + ETH_HLEN + 24, &a.w[3], 4);
}

static void arp_probe(struct frame *f) { arp_probe_of(f, L_SECOND); }
static void arp_probe_other(struct frame *f) { arp_probe_of(f, L_OTHER); }
static void arp_other_ip(struct frame *f) { arp_of(f, pod_mac, L_OTHER); }
static void arp_other_mac(struct frame *f) { arp_of(f, other_mac, L_OWN); }

static void arp_short(struct frame *f)
{
	arp(f);
	f->len--;
}

static void arp_not_ip(struct frame *f)
{
	arp(f);
	f->data[ETH_HLEN + 5] = 16;
}

/* ---- neighbour discovery and MLD -------------------------------------------------------- */

static void nd_target(struct frame *f, uint8_t type, uint32_t size, const struct bh_addr *target)
{
	uint8_t *p = f->data + f->l4;

	memset(p, 0, 256);
	p[0] = type;
	f->data[f->l3 + 6] = IPPROTO_ICMPV6;
	f->data[f->l3 + 7] = 255;
	if (target)
		memcpy(p + 8, target, 16);
	cut(f, f->l4 + size);
}

static void nd_option(struct frame *f, uint8_t type, const uint8_t mac[6])
{
	uint8_t *p = f->data + f->len;

	p[0] = type;
	p[1] = 1;
	memcpy(p + 2, mac, 6);
	cut(f, f->len + 8);
}

static void rs(struct frame *f) { nd_target(f, 133, 8, NULL); nd_option(f, 1, pod_mac); }
static void rs_other_mac(struct frame *f) { nd_target(f, 133, 8, NULL); nd_option(f, 1, other_mac); }
static void ra(struct frame *f) { nd_target(f, 134, 16, NULL); }
static void redirect(struct frame *f) { nd_target(f, 137, 40, NULL); }

static void ns(struct frame *f)
{
	struct bh_addr target = peer_addr(P_WEB, 6);

	nd_target(f, 135, 24, &target);
	if (memcmp(f->data + f->l3 + 8, &(struct bh_addr){ 0 }, 16))
		nd_option(f, 1, f->dir == BH_EGRESS ? pod_mac : other_mac);
}

static void ns_bare(struct frame *f)
{
	struct bh_addr target = peer_addr(P_WEB, 6);

	nd_target(f, 135, 24, &target);
}

static void ns_fragment(struct frame *f)
{
	ns_bare(f);
	fragment(f, 0x2000);
}

static void ns_dad(struct frame *f)
{
	struct bh_addr target = local_addr(L_LINK_LOCAL, 6);

	nd_target(f, 135, 24, &target);
}

static void ns_other_mac(struct frame *f) { ns_bare(f); nd_option(f, 1, other_mac); }
static void ns_second_option(struct frame *f) { ns_bare(f); nd_option(f, 14, other_mac); nd_option(f, 1, other_mac); }
static void ns_nonce(struct frame *f) { ns_bare(f); nd_option(f, 14, other_mac); nd_option(f, 1, pod_mac); }
static void ns_option_0(struct frame *f) { ns(f); f->data[f->len - 7] = 0; }
static void ns_option_long(struct frame *f) { ns(f); f->data[f->len - 7] = 2; }
static void ns_afar(struct frame *f) { ns(f); f->data[f->l3 + 7] = 64; }
static void ns_cut(struct frame *f) { ns_bare(f); cut(f, f->l4 + 23); }

static void ns_options(struct frame *f, int n)
{
	ns_bare(f);
	while (n--)
		nd_option(f, 14, other_mac);
}

static void ns_8_options(struct frame *f) { ns_options(f, 8); }
static void ns_9_options(struct frame *f) { ns_options(f, 9); }

static void ns_huge(struct frame *f)
{
	ns_bare(f);
	f->data[f->len] = 14;
	f->data[f->len + 1] = 24;
	cut(f, f->len + 24 * 8);
}

static void na_of(struct frame *f, enum local whose, const uint8_t mac[6])
{
	struct bh_addr target = local_addr(whose, 6);

	nd_target(f, 136, 24, &target);
	nd_option(f, 2, mac);
}

static void na(struct frame *f) { na_of(f, L_OWN, pod_mac); }
static void na_link_local(struct frame *f) { na_of(f, L_LINK_LOCAL, pod_mac); }
static void na_other(struct frame *f) { na_of(f, L_OTHER, pod_mac); }
static void na_other_mac(struct frame *f) { na_of(f, L_OWN, other_mac); }

static void mld_type(struct frame *f, uint8_t type)
{
	static const uint8_t alert[] = { IPPROTO_ICMPV6, 0, 5, 2, 0, 0, 1, 0 };

	nd_target(f, type, 24, NULL);
	insert(f, f->l4, 8);
	memcpy(f->data + f->l4, alert, 8);
	f->data[f->l3 + 6] = IPPROTO_HOPOPTS;
	f->data[f->l3 + 7] = 1;
}

static void mld_query(struct frame *f) { mld_type(f, 130); }
static void mld_report(struct frame *f) { mld_type(f, 131); }
static void mld2_report(struct frame *f) { mld_type(f, 143); }
static void mld_afar(struct frame *f) { mld2_report(f); f->data[f->l3 + 7] = 64; }
static void mld_cut(struct frame *f) { mld2_report(f); cut(f, f->l4 + 15); }
static void mld_other_type(struct frame *f) { mld_type(f, 128); }
static void mld_no_alert(struct frame *f) { mld2_report(f); f->data[f->l4 + 2] = 1; }
static void mld_no_header(struct frame *f) { nd_target(f, 143, 24, NULL); f->data[f->l3 + 7] = 1; }

/* ---- the table -------------------------------------------------------------------------- */


static const struct row rows[] = {
	/* new flows of a pod that nobody isolates */
	{ "open: SYN", F46, EITHER, { 0 }, S_OPEN, .want = BH_POLICY, .left = FRESH },
	{ "open: UDP", F46, EITHER, { .proto = UDP, .port = 53 }, S_OPEN, .want = BH_POLICY, .left = FRESH },
	{ "open: echo", F46, EITHER, { .proto = ECHO }, S_OPEN, .want = BH_POLICY, .left = FRESH },
	{ "open: second address", F46, EITHER, { .local = L_SECOND }, S_OPEN, .want = BH_POLICY, .left = FRESH },
	{ "open: stranger", F46, EITHER, { .peer = P_STRANGER }, S_OPEN, .want = BH_POLICY, .left = FRESH },
	{ "open: endpoint found by index", F46, EITHER, { 0 }, S_OPEN, E_COLLIDED, .want = BH_POLICY, .left = FRESH },
	{ "open: mid-flow is adopted", F46, EITHER, { .flags = ACK }, S_OPEN, .want = BH_POLICY,
	  .stat = BH_STAT_SESSION_ADOPTED, .left = FRESH, .fixed = BH_SESS_BOTH },
	{ "open: SYN-ACK is adopted", F46, EITHER, { .flags = SYN | ACK, .back = true }, S_OPEN, .want = BH_POLICY,
	  .stat = BH_STAT_SESSION_ADOPTED, .left = FRESH, .fixed = BH_SESS_BOTH },
	{ "open: echo reply is adopted", F46, EITHER, { .proto = ECHO, .back = true }, S_OPEN, .want = BH_POLICY,
	  .stat = BH_STAT_SESSION_ADOPTED, .left = FRESH, .fixed = BH_SESS_BOTH },
	{ "open: SYN with data and PSH is pure", F46, EITHER, { .flags = SYN | PSH }, S_OPEN, .want = BH_POLICY,
	  .left = FRESH },
	{ "open: TCP options", F46, EITHER, { .bend = tcp_options }, S_OPEN, .want = BH_POLICY, .left = FRESH },
	{ "open: DF is no fragment", F4, EITHER, { .bend = dont_fragment }, S_OPEN, .want = BH_POLICY, .left = FRESH },
	{ "open: Ethernet padding", F46, EITHER, { .bend = padded }, S_OPEN, .want = BH_POLICY, .left = FRESH },

	/* what has no ports passes where all is allowed, and leaves no session; what has them is a flow */
	{ "open: first fragment", F46, EITHER, { .bend = first_fragment }, S_OPEN, .want = BH_POLICY, .left = FRESH },
	{ "open: later fragment", F46, EITHER, { .bend = later_fragment }, S_OPEN, .want = BH_OPEN },
	{ "open: IP options", F4, EITHER, { .bend = options }, S_OPEN, .want = BH_POLICY, .left = FRESH },
	{ "open: 40 bytes of IP options", F4, EITHER, { .bend = most_options }, S_OPEN, .want = BH_POLICY, .left = FRESH },
	{ "open: destination options", F6, EITHER, { .bend = dest_options }, S_OPEN, .want = BH_POLICY, .left = FRESH },
	{ "open: SCTP", F46, EITHER, { .proto = SCTP }, S_OPEN, .want = BH_POLICY, .left = FRESH },
	{ "open: IPIP", F46, EITHER, { .proto = IPPROTO_IPIP }, S_OPEN, .want = BH_OPEN },
	{ "open: ICMP error", F46, EITHER, { .proto = ECHO, .bend = icmp_error }, S_OPEN, .want = BH_OPEN },
	{ "open: multicast out", F46, FROM, { .proto = UDP, .peer = P_MULTICAST }, S_OPEN, .want = BH_OPEN },
	{ "open: multicast in", F46, TO, { .proto = UDP, .local = L_MULTICAST, .mac = M_GROUP }, S_OPEN,
	  .want = BH_OPEN },
	{ "open: multicast in, to the pod's own MAC", F46, TO, { .proto = UDP, .local = L_MULTICAST }, S_OPEN,
	  .want = BH_OPEN },
	{ "open: VLAN in", F46, TO, { .bend = vlan }, S_OPEN, .want = BH_OPEN },
	{ "open: 802.1ad in", F46, TO, { .bend = vlan_ad }, S_OPEN, .want = BH_OPEN },
	{ "open: VLAN out", F46, FROM, { .bend = vlan }, S_OPEN, .want = BH_VLAN },
	{ "open: 802.1ad out", F46, FROM, { .bend = vlan_ad }, S_OPEN, .want = BH_VLAN },
	{ "open: LLDP", F4, EITHER, { .bend = lldp }, S_OPEN, .want = BH_OPEN },
	{ "open: 802.3 length", F4, EITHER, { .bend = length_field }, S_OPEN, .want = BH_OPEN },
	{ "open: Ethernet header alone", F4, EITHER, { .bend = bare_ethernet }, S_OPEN, .want = BH_OPEN },
	{ "open: link-local", F6, EITHER, { .local = L_LINK_LOCAL, .peer = P_LINK_LOCAL }, S_OPEN, .want = BH_OPEN },
	{ "open but SSH: HTTP", F46, EITHER, { 0 }, S_BUT, .want = BH_POLICY, .left = FRESH },
	{ "open but SSH: SSH", F46, EITHER, { .port = 22 }, S_BUT, .want = BH_DENIED, .rule = R_SSH },
	{ "open but SSH: UDP 22", F46, EITHER, { .proto = UDP, .port = 22 }, S_BUT, .want = BH_POLICY, .left = FRESH },
	{ "open but SSH: echo", F46, EITHER, { .proto = ECHO }, S_BUT, .want = BH_POLICY, .left = FRESH },
	{ "open but SSH: IPIP", F46, EITHER, { .proto = IPPROTO_IPIP }, S_BUT, .want = BH_OPEN },
	{ "open but SSH: ICMP error", F46, EITHER, { .proto = ECHO, .bend = icmp_error }, S_BUT, .want = BH_OPEN },
	{ "open but SSH: multicast", F46, FROM, { .proto = UDP, .peer = P_MULTICAST }, S_BUT, .want = BH_OPEN },
	{ "open but SSH: or in what is not looked at", F4, EITHER, { .bend = lldp }, S_BUT, .want = BH_ETHERTYPE },
	{ "open but SSH: it may be in a later fragment", F46, EITHER, { .bend = later_fragment }, S_BUT, .want = BH_FRAGMENT },
	{ "open but SSH: or link-local", F6, EITHER, { .local = L_LINK_LOCAL, .peer = P_LINK_LOCAL }, S_BUT,
	  .want = BH_LINK_LOCAL },
	{ "open but SSH: or behind a tag", F46, TO, { .bend = vlan }, S_BUT, .want = BH_VLAN },
	{ "open but to some: HTTP", F46, EITHER, { 0 }, S_REFUSES, .want = BH_POLICY, .left = FRESH },
	{ "open but to some: echo", F46, EITHER, { .proto = ECHO }, S_REFUSES, .want = BH_POLICY, .left = FRESH },
	{ "open but to some: IPIP", F46, EITHER, { .proto = IPPROTO_IPIP }, S_REFUSES, .want = BH_OPEN },
	{ "open but to some: link-local may be one", F6, EITHER, { .local = L_LINK_LOCAL, .peer = P_LINK_LOCAL }, S_REFUSES,
	  .want = BH_LINK_LOCAL },
	{ "open but to some: also by IPIP", F6, EITHER,
	  { .local = L_LINK_LOCAL, .peer = P_LINK_LOCAL, .proto = IPPROTO_IPIP, .bend = cut_7 }, S_REFUSES, .want = BH_PROTOCOL },
	{ "open but to some: or to a group", F6, TO,
	  { .local = L_MULTICAST, .mac = M_GROUP, .peer = P_LINK_LOCAL, .proto = UDP }, S_REFUSES, .want = BH_MULTICAST },
	{ "open but to some: whom a group is does not show who asks", F6, FROM,
	  { .local = L_LINK_LOCAL, .peer = P_MULTICAST, .proto = UDP }, S_REFUSES, .want = BH_OPEN },
	{ "open but to some: who has no address, too", F4, EITHER, { .bend = lldp }, S_REFUSES, .want = BH_ETHERTYPE },
	{ "open but to some: and a tag", F46, TO, { .bend = vlan }, S_REFUSES, .want = BH_VLAN },
	{ "rule without ports: fragment", F46, EITHER, { .peer = P_ALL, .bend = first_fragment }, S_WEB, .want = BH_POLICY, .rule = R_ALL, .left = FRESH },
	{ "rule without ports: SCTP", F46, EITHER, { .peer = P_ALL, .proto = SCTP }, S_WEB, .want = BH_POLICY, .rule = R_ALL, .left = FRESH },

	/* policy: rows and ranges */
	{ "port allowed", F46, EITHER, { 0 }, S_WEB, .want = BH_POLICY, .rule = R_HTTP, .left = FRESH },
	{ "port denied", F46, EITHER, { .port = 81 }, S_WEB, .want = BH_DENIED, .rule = R_SHUT },
	{ "range: below", F46, EITHER, { .port = 7999 }, S_WEB, .want = BH_DENIED, .rule = R_SHUT },
	{ "range: first", F46, EITHER, { .port = 8000 }, S_WEB, .want = BH_POLICY, .rule = R_HIGH, .left = FRESH },
	{ "range: middle", F46, EITHER, { .port = 8050 }, S_WEB, .want = BH_POLICY, .rule = R_HIGH, .left = FRESH },
	{ "range: last", F46, EITHER, { .port = 8100 }, S_WEB, .want = BH_POLICY, .rule = R_HIGH, .left = FRESH },
	{ "range: above", F46, EITHER, { .port = 8101 }, S_WEB, .want = BH_DENIED, .rule = R_SHUT },
	{ "UDP port allowed", F46, EITHER, { .proto = UDP, .port = 53 }, S_WEB, .want = BH_POLICY, .rule = R_DNS,
	  .left = FRESH },
	{ "UDP to a TCP port", F46, EITHER, { .proto = UDP, .port = 80 }, S_WEB, .want = BH_DENIED, .rule = R_SHUT },
	{ "TCP to a UDP port", F46, EITHER, { .port = 53 }, S_WEB, .want = BH_DENIED, .rule = R_SHUT },
	{ "source port counts for nothing", F46, EITHER, { .port = 81, .eph = 80 }, S_WEB, .want = BH_DENIED,
	  .rule = R_SHUT },
	{ "echo where ports are allowed", F46, EITHER, { .proto = ECHO }, S_WEB, .want = BH_DENIED, .rule = R_SHUT },
	{ "echo with a port's number", F46, EITHER, { .proto = ECHO, .eph = 80 }, S_WEB, .want = BH_DENIED,
	  .rule = R_SHUT },
	{ "peer without ports: any port", F46, EITHER, { .peer = P_ALL, .port = 12345 }, S_WEB, .want = BH_POLICY,
	  .rule = R_ALL, .left = FRESH },
	{ "peer without ports: echo", F46, EITHER, { .peer = P_ALL, .proto = ECHO }, S_WEB, .want = BH_POLICY,
	  .rule = R_ALL, .left = FRESH },
	{ "all but one port: another", F46, EITHER, { .peer = P_MIXED, .port = 23 }, S_WEB, .want = BH_POLICY,
	  .rule = R_MIXED, .left = FRESH },
	{ "all but one port: that one", F46, EITHER, { .peer = P_MIXED, .port = 22 }, S_WEB, .want = BH_DENIED,
	  .rule = R_SSH },
	{ "all but one port: echo", F46, EITHER, { .peer = P_MIXED, .proto = ECHO }, S_WEB, .want = BH_POLICY,
	  .rule = R_MIXED, .left = FRESH },
	{ "all but one port: SCTP", F46, EITHER, { .peer = P_MIXED, .proto = SCTP }, S_WEB, .want = BH_POLICY, .rule = R_MIXED, .left = FRESH },
	{ "stranger", F46, EITHER, { .peer = P_STRANGER }, S_WEB, .want = BH_DENIED, .rule = R_SHUT },
	{ "class without a row", F46, EITHER, { .peer = P_ORPHAN }, S_WEB, .want = BH_DENIED, .rule = R_SHUT },
	{ "class without a row, open", F46, EITHER, { .peer = P_ORPHAN }, S_OPEN, .want = BH_POLICY, .left = FRESH },
	{ "all denied", F46, EITHER, { 0 }, S_SHUT, .want = BH_DENIED, .rule = R_SHUT },
	{ "no row at all", F46, EITHER, { 0 }, S_BROKEN, .want = BH_NO_ROW },
	{ "no row at all: SCTP", F46, EITHER, { .proto = SCTP }, S_BROKEN, .want = BH_NO_ROW },
	{ "no policy yet", F46, EITHER, { 0 }, S_NONE, .want = BH_NO_POLICY },
	{ "no policy yet: SCTP", F46, EITHER, { .proto = SCTP }, S_NONE, .want = BH_NO_POLICY },
	{ "isolated for ingress: out", F46, FROM, { .port = 81 }, S_IN, .want = BH_POLICY, .left = FRESH },
	{ "isolated for ingress: in", F46, TO, { .port = 81 }, S_IN, .want = BH_DENIED, .rule = R_SHUT },
	{ "isolated for egress: out", F46, FROM, { .port = 81 }, S_OUT, .want = BH_DENIED, .rule = R_SHUT },
	{ "isolated for egress: in", F46, TO, { .port = 81 }, S_OUT, .want = BH_POLICY, .left = FRESH },
	{ "endpoint found by index: denied", F46, EITHER, { .port = 81 }, S_WEB, E_COLLIDED, .want = BH_DENIED,
	  .rule = R_SHUT },

	/* what the set's word says is not looked up */
	{ "shut by its flag: a class with a row", F46, TO, { 0 }, S_FLAG, .want = BH_POLICY, .rule = R_HTTP,
	  .left = FRESH },
	{ "shut by its flag: a class without", F46, TO, { .peer = P_ORPHAN }, S_FLAG, .want = BH_DENIED },
	{ "shut by its flag: no class", F46, TO, { .peer = P_STRANGER }, S_FLAG, .want = BH_DENIED },
	{ "shut by its flag: no class, fragment", F46, TO, { .peer = P_STRANGER, .bend = later_fragment }, S_FLAG,
	  .want = BH_FRAGMENT },
	{ "shut by its flag: no class, mid-flow", F46, TO, { .peer = P_STRANGER, .flags = ACK }, S_FLAG,
	  .want = BH_NO_SESSION },
	{ "shut by its flag: the other direction", F46, FROM, { .peer = P_STRANGER }, S_FLAG, .want = BH_POLICY,
	  .left = FRESH },
	{ "shut by its flag: the other direction, mid-flow", F46, FROM, { .peer = P_STRANGER, .flags = ACK },
	  S_FLAG, .far = true, .want = BH_NO_SESSION },

	/* bisection: range i is 10i+1 to 10i+5, allowed where i is even */
	{ "long row: before the first", F46, EITHER, { .port = 65535, .eph = 9 }, S_LONG, .want = BH_DENIED,
	  .rule = R_SHUT },
	{ "long row: first port of all", F46, EITHER, { .port = 1 }, S_LONG, .want = BH_POLICY, .rule = R_LONG,
	  .left = FRESH },
	{ "long row: end of the first", F46, EITHER, { .port = 5 }, S_LONG, .want = BH_POLICY, .rule = R_LONG,
	  .left = FRESH },
	{ "long row: first gap", F46, EITHER, { .port = 6 }, S_LONG, .want = BH_DENIED, .rule = R_SHUT },
	{ "long row: second, denied", F46, EITHER, { .port = 11 }, S_LONG, .want = BH_DENIED, .rule = R_LONG + 1 },
	{ "long row: middle", F46, EITHER, { .port = 5003 }, S_LONG, .want = BH_POLICY, .rule = R_LONG + 500,
	  .left = FRESH },
	{ "long row: gap in the middle", F46, EITHER, { .port = 5008 }, S_LONG, .want = BH_DENIED, .rule = R_SHUT },
	{ "long row: last but one", F46, EITHER, { .port = 9981 }, S_LONG, .want = BH_POLICY, .rule = R_LONG + 998,
	  .left = FRESH },
	{ "long row: last port of all", F46, EITHER, { .port = 9995 }, S_LONG, .want = BH_DENIED,
	  .rule = R_LONG + 999 },
	{ "long row: after the last", F46, EITHER, { .port = 9996 }, S_LONG, .want = BH_DENIED, .rule = R_SHUT },
	{ "long row: other protocol", F46, EITHER, { .proto = UDP, .port = 1 }, S_LONG, .want = BH_DENIED,
	  .rule = R_SHUT },

	/* CIDR peers */
	{ "CIDR", F46, EITHER, { .peer = P_CIDR }, S_CIDR, .want = BH_POLICY, .rule = R_HTTP, .left = FRESH },
	{ "CIDR: exception", F46, EITHER, { .peer = P_EXCEPT }, S_CIDR, .want = BH_DENIED, .rule = R_SHUT },
	{ "CIDR: a known address goes first", F46, EITHER, { .peer = P_INSIDE, .port = 9 }, S_CIDR,
	  .want = BH_POLICY, .rule = R_ALL, .left = FRESH },
	{ "CIDR: outside", F46, EITHER, { .peer = P_STRANGER }, S_CIDR, .want = BH_DENIED, .rule = R_SHUT },
	{ "CIDR: not asked by a set without", F46, EITHER, { .peer = P_CIDR }, S_WEB, .want = BH_DENIED,
	  .rule = R_SHUT },

	/* the same, isolated: own reasons */
	{ "isolated: first fragment", F46, EITHER, { .bend = first_fragment }, S_WEB, .want = BH_POLICY, .rule = R_HTTP, .left = FRESH },
	{ "isolated: later fragment", F46, EITHER, { .bend = later_fragment }, S_WEB, .want = BH_FRAGMENT,
	  .rule = R_SHUT },
	{ "isolated: last fragment", F46, EITHER, { .bend = last_fragment }, S_WEB, .want = BH_FRAGMENT,
	  .rule = R_SHUT },
	{ "isolated: atomic fragment", F6, EITHER, { .bend = atomic_fragment }, S_WEB, .want = BH_POLICY, .rule = R_HTTP, .left = FRESH },
	{ "isolated: IP options", F4, EITHER, { .bend = options }, S_WEB, .want = BH_POLICY, .rule = R_HTTP, .left = FRESH },
	{ "isolated: hop-by-hop", F6, EITHER, { .bend = hop_by_hop }, S_WEB, .want = BH_POLICY, .rule = R_HTTP, .left = FRESH },
	{ "isolated: routing header of type 0", F6, EITHER, { .bend = routing }, S_WEB, .want = BH_SOURCE_ROUTE },
	{ "isolated: destination options", F6, EITHER, { .bend = dest_options }, S_WEB, .want = BH_POLICY, .rule = R_HTTP, .left = FRESH },
	{ "isolated: authentication header", F6, EITHER, { .bend = auth_header }, S_WEB, .want = BH_POLICY, .rule = R_HTTP, .left = FRESH },
	{ "isolated: no next header", F6, EITHER, { .proto = IPPROTO_NONE, .bend = cut_7 }, S_WEB, .want = BH_PROTOCOL,
	  .rule = R_SHUT },
	{ "isolated: SCTP", F46, EITHER, { .proto = SCTP }, S_WEB, .want = BH_DENIED, .rule = R_SHUT },
	{ "isolated: GRE", F46, EITHER, { .proto = IPPROTO_GRE, .bend = cut_7 }, S_WEB, .want = BH_PROTOCOL,
	  .rule = R_SHUT },
	{ "isolated: ICMP of the other family", F4, EITHER, { .proto = IPPROTO_ICMPV6, .bend = cut_7 }, S_WEB,
	  .want = BH_PROTOCOL, .rule = R_SHUT },
	{ "isolated: ICMP error without a session", F46, EITHER, { .proto = ECHO, .bend = icmp_error }, S_WEB, .want = BH_UNRELATED, .rule = R_SHUT },
	{ "by type and code: timestamp", F4, EITHER, { .proto = ECHO, .bend = icmp_timestamp }, S_WEB, .want = BH_OPEN,
	  .rule = R_PING },
	{ "by type and code: its answer is another", F4, EITHER, { .proto = ECHO, .bend = icmp_stamped }, S_WEB,
	  .want = BH_ICMP_TYPE, .rule = R_SHUT },
	{ "by type and code: echo is another", F46, EITHER, { .proto = ECHO }, S_WEB, .want = BH_DENIED, .rule = R_SHUT },
	{ "by number: GRE", F46, EITHER, { .proto = IPPROTO_GRE, .bend = cut_7 }, S_SCTP, .want = BH_OPEN, .rule = R_PING },
	{ "by number: IPIP is another", F46, EITHER, { .proto = IPPROTO_IPIP, .bend = cut_7 }, S_SCTP, .want = BH_PROTOCOL,
	  .rule = R_SHUT },
	{ "audited: SSH", F46, EITHER, { .port = 22 }, S_AUDIT, .want = BH_AUDITED, .rule = R_SSH, .told = BH_AUDITED,
	  .left = FRESH },
	{ "audited: SSH that goes on is asked again", F46, EITHER, { .port = 22 }, S_AUDIT, .prior = { .epoch = STALE },
	  .want = BH_SESSION, .rule = R_SSH, .stat = BH_STAT_SESSION_REDONE, .told = BH_AUDITED, .left = RUNS },
	{ "audited: and is told of once", F46, EITHER, { .port = 22 }, S_AUDIT, .prior = { .epoch = NOW },
	  .want = BH_SESSION, .left = RUNS },
	{ "audited: another port", F46, EITHER, { 0 }, S_AUDIT, .want = BH_POLICY, .left = FRESH },
	{ "audited: it may be in a later fragment", F46, EITHER, { .bend = later_fragment }, S_AUDIT, .want = BH_AUDITED,
	  .told = BH_AUDITED },
	{ "audited: IPIP hides nothing", F46, EITHER, { .proto = IPPROTO_IPIP }, S_AUDIT, .want = BH_OPEN },
	{ "logged: HTTP", F46, EITHER, { 0 }, S_LOG, .want = BH_POLICY, .rule = R_HTTP, .told = BH_POLICY, .left = FRESH },
	{ "logged: HTTP that goes on is not", F46, EITHER, { 0 }, S_LOG, .prior = { .epoch = STALE },
	  .want = BH_SESSION, .rule = R_HTTP, .stat = BH_STAT_SESSION_REDONE, .left = RUNS },
	{ "logged: echo", F46, EITHER, { .proto = ECHO }, S_LOG, .want = BH_POLICY, .rule = R_PING, .told = BH_POLICY,
	  .left = FRESH },
	{ "logged: echo with a code", F46, EITHER, { .proto = ECHO, .bend = icmp_code }, S_LOG, .want = BH_OPEN,
	  .rule = R_PING, .told = BH_OPEN },
	{ "logged: SSH is not", F46, EITHER, { .port = 22 }, S_LOG, .want = BH_POLICY, .left = FRESH },
	{ "logged: nor what may hide HTTP", F46, EITHER, { .bend = later_fragment }, S_LOG, .want = BH_OPEN },
	{ "isolated: echo with a code", F46, EITHER, { .proto = ECHO, .bend = icmp_code }, S_WEB,
	  .want = BH_ICMP_TYPE, .rule = R_SHUT },
	{ "isolated: multicast out", F46, FROM, { .proto = UDP, .peer = P_MULTICAST }, S_WEB, .want = BH_MULTICAST,
	  .rule = R_SHUT },
	{ "isolated: broadcast out", F46, FROM, { .proto = UDP, .peer = P_BROADCAST }, S_WEB, .want = BH_MULTICAST,
	  .rule = R_SHUT },
	{ "isolated: subnet's broadcast out", F46, FROM, { .proto = UDP, .peer = P_SUBNET, .group = true }, S_WEB,
	  .want = BH_MULTICAST, .rule = R_SHUT },
	{ "isolated: multicast in", F46, TO, { .proto = UDP, .port = 54, .local = L_MULTICAST, .mac = M_GROUP },
	  S_WEB, .want = BH_MULTICAST, .rule = R_SHUT },
	{ "isolated: broadcast in", F46, TO, { .proto = UDP, .port = 54, .local = L_BROADCAST, .mac = M_GROUP },
	  S_WEB, .want = BH_MULTICAST, .rule = R_SHUT },
	{ "isolated: subnet's broadcast in", F46, TO, { .proto = UDP, .port = 54, .local = L_SUBNET, .mac = M_GROUP },
	  S_WEB, .want = BH_MULTICAST, .rule = R_SHUT },
	{ "own address in a group frame", F46, TO, { .mac = M_GROUP }, S_WEB, .want = BH_POLICY, .rule = R_HTTP,
	  .left = FRESH },
	{ "isolated: link-local", F6, EITHER, { .local = L_LINK_LOCAL, .peer = P_LINK_LOCAL }, S_WEB,
	  .want = BH_LINK_LOCAL, .rule = R_SHUT },
	{ "isolated: link-local to a global address", F6, EITHER, { .local = L_LINK_LOCAL }, S_WEB,
	  .want = BH_LINK_LOCAL, .rule = R_SHUT },
	{ "isolated: VLAN in", F46, TO, { .bend = vlan }, S_WEB, .want = BH_VLAN, .rule = R_SHUT },
	{ "isolated: 802.1ad in", F46, TO, { .bend = vlan_ad }, S_WEB, .want = BH_VLAN, .rule = R_SHUT },
	{ "isolated: VLAN out", F46, FROM, { .bend = vlan }, S_WEB, .want = BH_VLAN },
	{ "isolated: LLDP", F4, EITHER, { .bend = lldp }, S_WEB, .want = BH_ETHERTYPE, .rule = R_SHUT },
	{ "isolated: 802.3 length", F4, EITHER, { .bend = length_field }, S_WEB, .want = BH_ETHERTYPE,
	  .rule = R_SHUT },
	{ "isolated one way: fragment out", F46, FROM, { .bend = later_fragment }, S_IN, .want = BH_OPEN },
	{ "isolated one way: fragment in", F46, TO, { .bend = later_fragment }, S_IN, .want = BH_FRAGMENT,
	  .rule = R_SHUT },

	/* malformed, also where all is allowed */
	{ "malformed: version", F46, EITHER, { .bend = version_lies }, S_OPEN, .want = BH_MALFORMED },
	{ "malformed: ethertype of the other family", F46, EITHER, { .bend = wrong_ethertype }, S_OPEN,
	  .want = BH_MALFORMED },
	{ "malformed: IHL 4", F4, EITHER, { .bend = ihl_4 }, S_OPEN, .want = BH_MALFORMED },
	{ "malformed: IHL 0", F4, EITHER, { .bend = ihl_0 }, S_OPEN, .want = BH_MALFORMED },
	{ "malformed: options cut", F4, EITHER, { .bend = options_cut }, S_OPEN, .want = BH_MALFORMED },
	{ "malformed: length too long", F46, EITHER, { .bend = length_too_long }, S_OPEN, .want = BH_MALFORMED },
	{ "malformed: length within the header", F4, EITHER, { .bend = length_within_header }, S_OPEN,
	  .want = BH_MALFORMED },
	{ "malformed: length 0", F46, EITHER, { .bend = length_zero }, S_OPEN, .want = BH_MALFORMED },
	{ "malformed: no TCP header", F46, EITHER, { .bend = cut_0 }, S_OPEN, .want = BH_MALFORMED },
	{ "malformed: TCP cut", F46, EITHER, { .bend = cut_19 }, S_OPEN, .want = BH_MALFORMED },
	{ "malformed: TCP cut by the length field", F46, EITHER, { .bend = cut_by_length }, S_OPEN,
	  .want = BH_MALFORMED },
	{ "malformed: TCP offset 4", F46, EITHER, { .bend = doff_4 }, S_OPEN, .want = BH_MALFORMED },
	{ "malformed: TCP offset past the end", F46, EITHER, { .bend = doff_too_long }, S_OPEN,
	  .want = BH_MALFORMED },
	{ "malformed: UDP cut", F46, EITHER, { .proto = UDP, .bend = cut_7 }, S_OPEN, .want = BH_MALFORMED },
	{ "malformed: UDP length 7", F46, EITHER, { .proto = UDP, .bend = udp_7 }, S_OPEN, .want = BH_MALFORMED },
	{ "malformed: UDP length 0", F46, EITHER, { .proto = UDP, .bend = udp_0 }, S_OPEN, .want = BH_MALFORMED },
	{ "malformed: UDP length too long", F46, EITHER, { .proto = UDP, .bend = udp_too_long }, S_OPEN,
	  .want = BH_MALFORMED },
	{ "malformed: echo cut", F46, EITHER, { .proto = ECHO, .bend = cut_7 }, S_OPEN, .want = BH_MALFORMED },
	{ "malformed: fragment header cut", F6, EITHER, { .bend = fragment_cut }, S_OPEN, .want = BH_MALFORMED },
	{ "malformed: mapped remote", F6, EITHER, { .peer = P_MAPPED }, S_OPEN, .want = BH_MALFORMED },
	{ "malformed: mapped local", F6, EITHER, { .local = L_MAPPED }, S_OPEN, .want = BH_MALFORMED },
	{ "malformed: mapped, and a fragment", F6, EITHER, { .peer = P_MAPPED, .bend = first_fragment }, S_OPEN,
	  .want = BH_MALFORMED },
	{ "malformed: made here", F46, TO, { .bend = doff_4 }, S_OPEN, .here = true, .want = BH_MALFORMED },
	{ "malformed: forwarder", F46, EITHER, { .bend = doff_4 }, S_OPEN, E_FORWARDS, .want = BH_MALFORMED },

	/* whose packet is it */
	{ "other MAC out", F46, FROM, { .mac = M_OTHER }, S_OPEN, .want = BH_SPOOFED_MAC },
	{ "other MAC out, live session", F46, FROM, { .mac = M_OTHER }, S_OPEN, .prior = { .epoch = NOW },
	  .want = BH_SPOOFED_MAC, .left = KEPT },
	{ "other MAC out, VLAN", F46, FROM, { .mac = M_OTHER, .bend = vlan }, S_OPEN, .want = BH_SPOOFED_MAC },
	{ "other MAC out, fragment", F46, FROM, { .mac = M_OTHER, .bend = later_fragment }, S_OPEN,
	  .want = BH_SPOOFED_MAC },
	{ "other MAC in", F46, TO, { .mac = M_OTHER }, S_OPEN, .want = BH_NOT_OURS_MAC },
	{ "other MAC in, live session", F46, TO, { .mac = M_OTHER }, S_OPEN, .prior = { .epoch = NOW },
	  .want = BH_NOT_OURS_MAC, .left = KEPT },
	{ "other MAC in, made here", F46, TO, { .mac = M_OTHER }, S_OPEN, .here = true, .want = BH_NOT_OURS_MAC },
	{ "other address out", F46, FROM, { .local = L_OTHER }, S_OPEN, .want = BH_SPOOFED_ADDR },
	{ "other address out, denied anyway", F46, FROM, { .local = L_OTHER, .port = 81 }, S_WEB,
	  .want = BH_SPOOFED_ADDR },
	{ "other address out, to the node", F46, FROM, { .local = L_OTHER, .peer = P_NODE }, S_WEB,
	  .want = BH_SPOOFED_ADDR },
	{ "other address out, fragment", F46, FROM, { .local = L_OTHER, .bend = first_fragment }, S_OPEN,
	  .want = BH_SPOOFED_ADDR },
	{ "other address out, IP options", F4, FROM, { .local = L_OTHER, .bend = options }, S_OPEN,
	  .want = BH_SPOOFED_ADDR },
	{ "other address out, extension header", F6, FROM, { .local = L_OTHER, .bend = dest_options }, S_OPEN,
	  .want = BH_SPOOFED_ADDR },
	{ "other address out, multicast", F46, FROM, { .local = L_OTHER, .peer = P_MULTICAST, .proto = UDP }, S_OPEN,
	  .want = BH_SPOOFED_ADDR },
	{ "no address out", F46, FROM, { .local = L_ZERO, .proto = UDP }, S_OPEN, .want = BH_SPOOFED_ADDR },
	{ "other address in", F46, TO, { .local = L_OTHER }, S_OPEN, .want = BH_NOT_OURS_ADDR },
	{ "other address in, made here", F46, TO, { .local = L_OTHER }, S_OPEN, .here = true,
	  .want = BH_NOT_OURS_ADDR },
	{ "other address in, fragment", F46, TO, { .local = L_OTHER, .bend = later_fragment }, S_OPEN,
	  .want = BH_NOT_OURS_ADDR },
	{ "other address in, no policy yet", F46, TO, { .local = L_OTHER }, S_NONE, .want = BH_NOT_OURS_ADDR },
	{ "forwarder: other MAC and address", F46, EITHER, { .local = L_OTHER, .mac = M_OTHER }, S_OPEN, E_FORWARDS,
	  .want = BH_POLICY, .left = FRESH },
	{ "forwarder: other MAC, live session", F46, EITHER, { .local = L_OTHER, .mac = M_OTHER }, S_SHUT,
	  E_FORWARDS, .prior = { .epoch = NOW }, .want = BH_SESSION, .left = RUNS },
	{ "forwarder: judged all the same", F46, EITHER, { .local = L_OTHER, .port = 81 }, S_WEB, E_FORWARDS,
	  .want = BH_DENIED, .rule = R_SHUT },
	{ "forwarder: VLAN", F46, EITHER, { .bend = vlan }, S_OPEN, E_FORWARDS, .want = BH_OPEN },
	{ "forwarder: VLAN, isolated", F46, EITHER, { .bend = vlan }, S_WEB, E_FORWARDS, .want = BH_VLAN,
	  .rule = R_SHUT },

	/* ARP */
	{ "ARP", F4, EITHER, { .bend = arp }, S_SHUT, .want = BH_NEIGHBOUR },
	{ "ARP: second address", F4, FROM, { .bend = arp_second }, S_SHUT, .want = BH_NEIGHBOUR },
	{ "ARP: probe", F4, FROM, { .bend = arp_probe }, S_SHUT, .want = BH_NEIGHBOUR },
	{ "ARP: probe for another's IP", F4, FROM, { .bend = arp_probe_other }, S_OPEN, .want = BH_SPOOFED_ND },
	{ "ARP: no policy yet", F4, EITHER, { .bend = arp }, S_NONE, .want = BH_NEIGHBOUR },
	{ "ARP: other IP out", F4, FROM, { .bend = arp_other_ip }, S_OPEN, .want = BH_SPOOFED_ND },
	{ "ARP: other IP in", F4, TO, { .bend = arp_other_ip }, S_SHUT, .want = BH_NEIGHBOUR },
	{ "ARP: other MAC inside, out", F4, FROM, { .bend = arp_other_mac }, S_OPEN, .want = BH_SPOOFED_ND },
	{ "ARP: other MAC inside, in", F4, TO, { .bend = arp_other_mac }, S_SHUT, .want = BH_NEIGHBOUR },
	{ "ARP: other Ethernet source", F4, FROM, { .mac = M_OTHER, .bend = arp }, S_OPEN, .want = BH_SPOOFED_MAC },
	{ "ARP: broadcast in", F4, TO, { .mac = M_GROUP, .bend = arp_other_mac }, S_SHUT, .want = BH_NEIGHBOUR },
	{ "ARP: cut", F4, EITHER, { .bend = arp_short }, S_OPEN, .want = BH_MALFORMED },
	{ "ARP: not for IPv4", F4, EITHER, { .bend = arp_not_ip }, S_OPEN, .want = BH_MALFORMED },
	{ "ARP: forwarder", F4, FROM, { .mac = M_OTHER, .bend = arp_other_mac }, S_OPEN, E_FORWARDS,
	  .want = BH_NEIGHBOUR },

	/* neighbour discovery */
	{ "ND: RS out", F6, FROM, { .local = L_LINK_LOCAL, .peer = P_MULTICAST, .bend = rs }, S_SHUT,
	  .want = BH_NEIGHBOUR },
	{ "ND: RS with another's MAC", F6, FROM, { .local = L_LINK_LOCAL, .peer = P_MULTICAST, .bend = rs_other_mac },
	  S_OPEN, .want = BH_SPOOFED_ND },
	{ "ND: NS out", F6, FROM, { .peer = P_MULTICAST, .bend = ns }, S_SHUT, .want = BH_NEIGHBOUR },
	{ "ND: NS out to a unicast address", F6, FROM, { .bend = ns }, S_SHUT, .want = BH_NEIGHBOUR },
	{ "ND: NS for DAD", F6, FROM, { .local = L_ZERO, .peer = P_MULTICAST, .bend = ns_dad }, S_SHUT,
	  .want = BH_NEIGHBOUR },
	{ "ND: NS for DAD, another's address", F6, FROM, { .local = L_ZERO, .peer = P_MULTICAST, .bend = ns_bare },
	  S_OPEN, .want = BH_SPOOFED_ND },
	{ "ND: NS with another's address", F6, FROM, { .local = L_OTHER, .peer = P_MULTICAST, .bend = ns }, S_OPEN,
	  .want = BH_SPOOFED_ADDR },
	{ "ND: NS with another's MAC", F6, FROM, { .peer = P_MULTICAST, .bend = ns_other_mac }, S_OPEN,
	  .want = BH_SPOOFED_ND },
	{ "ND: NS with another's MAC behind a nonce", F6, FROM, { .peer = P_MULTICAST, .bend = ns_second_option },
	  S_OPEN, .want = BH_SPOOFED_ND },
	{ "ND: NS with a nonce", F6, FROM, { .peer = P_MULTICAST, .bend = ns_nonce }, S_SHUT, .want = BH_NEIGHBOUR },
	{ "ND: NS with eight options", F6, FROM, { .peer = P_MULTICAST, .bend = ns_8_options }, S_SHUT,
	  .want = BH_NEIGHBOUR },
	{ "ND: NS with nine options", F6, FROM, { .peer = P_MULTICAST, .bend = ns_9_options }, S_OPEN,
	  .want = BH_SPOOFED_ND },
	{ "ND: NS too long to be read", F6, FROM, { .peer = P_MULTICAST, .bend = ns_huge }, S_OPEN,
	  .want = BH_SPOOFED_ND },
	{ "ND: option of length 0", F6, FROM, { .peer = P_MULTICAST, .bend = ns_option_0 }, S_OPEN,
	  .want = BH_MALFORMED },
	{ "ND: option past the end", F6, FROM, { .peer = P_MULTICAST, .bend = ns_option_long }, S_OPEN,
	  .want = BH_MALFORMED },
	{ "ND: NS cut", F6, EITHER, { .bend = ns_cut }, S_OPEN, .want = BH_MALFORMED },
	{ "ND: through a router", F6, EITHER, { .bend = ns_afar }, S_OPEN, .want = BH_SPOOFED_ND },
	{ "ND: NA of itself", F6, FROM, { .bend = na }, S_SHUT, .want = BH_NEIGHBOUR },
	{ "ND: NA of its link-local address", F6, FROM, { .local = L_LINK_LOCAL, .bend = na_link_local }, S_SHUT,
	  .want = BH_NEIGHBOUR },
	{ "ND: NA of another", F6, FROM, { .bend = na_other }, S_OPEN, .want = BH_SPOOFED_ND },
	{ "ND: NA of another to its node", F6, FROM, { .peer = P_NODE, .bend = na_other }, S_OPEN,
	  .want = BH_SPOOFED_ND },
	{ "ND: NA with another's MAC", F6, FROM, { .bend = na_other_mac }, S_OPEN, .want = BH_SPOOFED_ND },
	{ "ND: RA out", F6, FROM, { .local = L_LINK_LOCAL, .peer = P_MULTICAST, .bend = ra }, S_OPEN,
	  .want = BH_SPOOFED_ND },
	{ "ND: redirect out", F6, FROM, { .bend = redirect }, S_OPEN, .want = BH_SPOOFED_ND },
	{ "ND: RA in", F6, TO, { .local = L_MULTICAST, .mac = M_GROUP, .peer = P_LINK_LOCAL, .bend = ra }, S_SHUT,
	  .want = BH_NEIGHBOUR },
	{ "ND: NS in", F6, TO, { .local = L_MULTICAST, .mac = M_GROUP, .bend = ns }, S_SHUT, .want = BH_NEIGHBOUR },
	{ "ND: NA in", F6, TO, { .bend = na_other }, S_SHUT, .want = BH_NEIGHBOUR },
	{ "ND: NA in for another", F6, TO, { .local = L_OTHER, .bend = na_other }, S_SHUT, .want = BH_NOT_OURS_ADDR },
	{ "ND: no policy yet", F6, EITHER, { .bend = na }, S_NONE, .want = BH_NEIGHBOUR },
	{ "ND: as a fragment", F6, EITHER, { .bend = ns_fragment }, S_OPEN, .want = BH_SPOOFED_ND },
	{ "ND: forwarder answers for another", F6, FROM, { .mac = M_OTHER, .bend = na_other }, S_SHUT, E_FORWARDS,
	  .want = BH_NEIGHBOUR },
	{ "ND: forwarder makes no RA", F6, FROM, { .bend = ra }, S_OPEN, E_FORWARDS, .want = BH_SPOOFED_ND },
	{ "MLD: query in", F6, TO, { .local = L_MULTICAST, .mac = M_GROUP, .peer = P_LINK_LOCAL, .bend = mld_query },
	  S_SHUT, .want = BH_NEIGHBOUR },
	{ "MLD: report out", F6, FROM, { .local = L_LINK_LOCAL, .peer = P_MULTICAST, .bend = mld_report }, S_SHUT,
	  .want = BH_NEIGHBOUR },
	{ "MLDv2: report out", F6, FROM, { .local = L_LINK_LOCAL, .peer = P_MULTICAST, .bend = mld2_report }, S_SHUT,
	  .want = BH_NEIGHBOUR },
	{ "MLDv2: report before DAD", F6, FROM, { .local = L_ZERO, .peer = P_MULTICAST, .bend = mld2_report }, S_SHUT,
	  .want = BH_NEIGHBOUR },
	{ "MLD: another's address", F6, FROM, { .local = L_OTHER, .peer = P_MULTICAST, .bend = mld2_report }, S_OPEN,
	  .want = BH_SPOOFED_ADDR },
	{ "MLD: through a router", F6, EITHER, { .bend = mld_afar }, S_OPEN, .want = BH_SPOOFED_ND },
	{ "MLD: cut", F6, EITHER, { .bend = mld_cut }, S_OPEN, .want = BH_MALFORMED },
	{ "MLD: without its header", F6, EITHER, { .bend = mld_no_header }, S_SHUT, .want = BH_ICMP_TYPE,
	  .rule = R_SHUT },
	{ "router alert: echo behind it", F6, EITHER, { .bend = mld_other_type }, S_SHUT, .want = BH_DENIED, .rule = R_SHUT },
	{ "MLD: behind another option", F6, EITHER, { .bend = mld_no_alert }, S_SHUT, .want = BH_ICMP_TYPE, .rule = R_SHUT },

	/* the node itself */
	{ "host: SYN in", F46, TO, { 0 }, S_SHUT, .here = true, .want = BH_HOST, .left = FRESH,
	  .fixed = BH_SESS_HOST },
	{ "host: UDP in", F46, TO, { .proto = UDP, .peer = P_NODE }, S_SHUT, .here = true, .want = BH_HOST,
	  .left = FRESH, .fixed = BH_SESS_HOST },
	{ "host: echo in", F46, TO, { .proto = ECHO }, S_SHUT, .here = true, .want = BH_HOST, .left = FRESH,
	  .fixed = BH_SESS_HOST },
	{ "host: no policy yet", F46, TO, { 0 }, S_NONE, .here = true, .want = BH_HOST, .left = FRESH,
	  .fixed = BH_SESS_HOST },
	{ "host: mid-flow in", F46, TO, { .flags = ACK }, S_SHUT, .here = true, .want = BH_HOST, .left = FRESH,
	  .fixed = BH_SESS_HOST },
	{ "host: fragment in", F46, TO, { .bend = later_fragment }, S_SHUT, .here = true, .want = BH_HOST },
	{ "host: SCTP in", F46, TO, { .proto = SCTP }, S_SHUT, .here = true, .want = BH_HOST, .left = FRESH, .fixed = BH_SESS_HOST },
	{ "host: IP options in", F4, TO, { .bend = options }, S_SHUT, .here = true, .want = BH_HOST, .left = FRESH, .fixed = BH_SESS_HOST },
	{ "host: extension header in", F6, TO, { .bend = dest_options }, S_SHUT, .here = true, .want = BH_HOST, .left = FRESH, .fixed = BH_SESS_HOST },
	{ "host: ICMP error in", F46, TO, { .proto = ECHO, .bend = icmp_error }, S_SHUT, .here = true,
	  .want = BH_HOST },
	{ "host: multicast in", F46, TO, { .proto = UDP, .local = L_MULTICAST, .mac = M_GROUP }, S_SHUT,
	  .here = true, .want = BH_HOST },
	{ "node's address from elsewhere", F46, TO, { .peer = P_NODE }, S_SHUT, .want = BH_DENIED, .rule = R_SHUT },
	{ "node's address from elsewhere, allowed", F46, TO, { .peer = P_NODE_WEB }, S_WEB, .want = BH_POLICY,
	  .rule = R_HTTP, .left = FRESH },
	{ "node's address from elsewhere: fragment", F46, TO, { .peer = P_NODE, .bend = later_fragment }, S_SHUT,
	  .want = BH_FRAGMENT, .rule = R_SHUT },
	{ "made here says nothing from the pod", F46, FROM, { .port = 81 }, S_WEB, .here = true, .want = BH_DENIED,
	  .rule = R_SHUT },
	{ "to the node: SYN", F46, FROM, { .peer = P_NODE }, S_SHUT, .want = BH_HOST, .left = FRESH,
	  .fixed = BH_SESS_HOST },
	{ "to the node: UDP", F46, FROM, { .proto = UDP, .peer = P_NODE }, S_SHUT, .want = BH_HOST, .left = FRESH,
	  .fixed = BH_SESS_HOST },
	{ "to the node: echo", F46, FROM, { .proto = ECHO, .peer = P_NODE }, S_SHUT, .want = BH_HOST, .left = FRESH,
	  .fixed = BH_SESS_HOST },
	{ "to the node: mid-flow", F46, FROM, { .peer = P_NODE, .flags = ACK }, S_SHUT, .want = BH_HOST,
	  .left = FRESH, .fixed = BH_SESS_HOST },
	{ "to the node: no policy yet", F46, FROM, { .peer = P_NODE }, S_NONE, .want = BH_HOST, .left = FRESH,
	  .fixed = BH_SESS_HOST },
	{ "to the node: class and flag", F46, FROM, { .peer = P_NODE_WEB, .port = 81 }, S_SHUT, .want = BH_HOST,
	  .left = FRESH, .fixed = BH_SESS_HOST },
	{ "to the node: hostPort", F46, FROM, { .peer = P_NODE, .port = 30080 }, S_SHUT, .want = BH_DENIED,
	  .rule = R_SHUT },
	{ "to the node: hostPort of this family", F4, FROM, { .peer = P_NODE, .port = 30443 }, S_SHUT, .want = BH_DENIED,
	  .rule = R_SHUT },
	{ "to the node: hostPort of the other family", F6, FROM, { .peer = P_NODE, .port = 30443 }, S_SHUT, .want = BH_HOST,
	  .left = FRESH, .fixed = BH_SESS_HOST },
	{ "to the node: hostPort's number, UDP", F46, FROM, { .peer = P_NODE, .port = 30080, .proto = UDP }, S_SHUT,
	  .want = BH_HOST, .left = FRESH, .fixed = BH_SESS_HOST },
	{ "to the node: UDP hostPort", F46, FROM, { .peer = P_NODE, .port = 30053, .proto = UDP }, S_SHUT,
	  .want = BH_DENIED, .rule = R_SHUT },
	{ "to the node: hostPort that policy allows", F46, FROM, { .peer = P_NODE, .port = 30080 }, S_OPEN,
	  .want = BH_POLICY, .left = FRESH },
	{ "to the node: from a hostPort's number", F46, FROM, { .peer = P_NODE, .eph = 30080 }, S_SHUT,
	  .want = BH_HOST, .left = FRESH, .fixed = BH_SESS_HOST },
	{ "to the node: SCTP", F46, FROM, { .proto = SCTP, .peer = P_NODE }, S_SHUT, .want = BH_HOST, .left = FRESH, .fixed = BH_SESS_HOST },
	{ "to the node: SCTP hostPort", F46, FROM, { .proto = SCTP, .peer = P_NODE, .port = 30090 }, S_SHUT, .want = BH_DENIED, .rule = R_SHUT },
	{ "to the node: first fragment", F46, FROM, { .peer = P_NODE, .bend = first_fragment }, S_SHUT, .want = BH_HOST, .left = FRESH, .fixed = BH_SESS_HOST },
	{ "to the node: later fragment", F46, FROM, { .peer = P_NODE, .bend = later_fragment }, S_SHUT,
	  .want = BH_HOST },
	{ "to the node: later fragment that looks like a hostPort", F46, FROM,
	  { .peer = P_NODE, .port = 30080, .bend = later_fragment }, S_SHUT, .want = BH_HOST },
	{ "to the node: hostPort in a first fragment", F46, FROM,
	  { .peer = P_NODE, .port = 30080, .bend = first_fragment }, S_SHUT, .want = BH_DENIED, .rule = R_SHUT },
	{ "to the node: hostPort behind IP options", F4, FROM, { .peer = P_NODE, .port = 30080, .bend = options },
	  S_SHUT, .want = BH_DENIED, .rule = R_SHUT },
	{ "to the node: IP options", F4, FROM, { .peer = P_NODE, .bend = options }, S_SHUT, .want = BH_HOST, .left = FRESH, .fixed = BH_SESS_HOST },
	{ "to the node: destination options", F6, FROM, { .peer = P_NODE, .bend = dest_options }, S_SHUT, .want = BH_HOST, .left = FRESH, .fixed = BH_SESS_HOST },
	{ "to the node: destination options in a fragment", F6, FROM, { .peer = P_NODE, .bend = fragment_hides },
	  S_SHUT, .want = BH_HOST, .left = FRESH, .fixed = BH_SESS_HOST },
	{ "to the node: ICMP error", F46, FROM, { .proto = ECHO, .peer = P_NODE, .bend = icmp_error }, S_SHUT,
	  .want = BH_HOST },

	/* no endpoint: host traffic, and neighbours */
	{ "no endpoint", F46, EITHER, { 0 }, S_OPEN, E_NONE, .want = BH_NO_ENDPOINT },
	{ "no endpoint: UDP", F46, EITHER, { .proto = UDP }, S_OPEN, E_NONE, .want = BH_NO_ENDPOINT },
	{ "no endpoint: mid-flow", F46, EITHER, { .flags = ACK }, S_OPEN, E_NONE, .want = BH_NO_ENDPOINT },
	{ "no endpoint: a session is not looked for", F46, EITHER, { 0 }, S_OPEN, E_NONE, .prior = { .epoch = NOW },
	  .want = BH_NO_ENDPOINT, .left = KEPT },
	{ "no endpoint: host in", F46, TO, { 0 }, S_OPEN, E_NONE, .here = true, .want = BH_HOST },
	{ "no endpoint: to the node", F46, FROM, { .peer = P_NODE }, S_OPEN, E_NONE, .want = BH_HOST },
	{ "no endpoint: to a hostPort", F46, FROM, { .peer = P_NODE, .port = 30080 }, S_OPEN, E_NONE,
	  .want = BH_NO_ENDPOINT },
	{ "no endpoint: node's address from elsewhere", F46, TO, { .peer = P_NODE }, S_OPEN, E_NONE,
	  .want = BH_NO_ENDPOINT },
	{ "no endpoint: fragment", F46, EITHER, { .bend = later_fragment }, S_OPEN, E_NONE, .want = BH_NO_ENDPOINT },
	{ "no endpoint: fragment to the node", F46, FROM, { .peer = P_NODE, .bend = later_fragment }, S_OPEN, E_NONE,
	  .want = BH_HOST },
	{ "no endpoint: VLAN", F46, EITHER, { .bend = vlan }, S_OPEN, E_NONE, .want = BH_NO_ENDPOINT },
	{ "no endpoint: ARP", F4, EITHER, { .bend = arp_other_mac }, S_OPEN, E_NONE, .want = BH_NEIGHBOUR },
	{ "no endpoint: ND", F6, EITHER, { .bend = na_other }, S_OPEN, E_NONE, .want = BH_NEIGHBOUR },
	{ "no endpoint: ND through a router", F6, EITHER, { .bend = ns_afar }, S_OPEN, E_NONE,
	  .want = BH_SPOOFED_ND },
	{ "no endpoint: malformed", F46, EITHER, { .bend = doff_4 }, S_OPEN, E_NONE, .want = BH_MALFORMED },

	/* live sessions: nothing else is asked */
	{ "session: packet of the opener", F46, EITHER, { .flags = ACK }, S_SHUT, .prior = { .epoch = NOW },
	  .want = BH_SESSION, .left = RUNS },
	{ "session: answer", F46, EITHER, { .flags = SYN | ACK, .back = true }, S_SHUT,
	  .prior = { .epoch = NOW, .against = true }, .want = BH_SESSION, .left = RUNS },
	{ "session: second answer", F46, EITHER, { .flags = ACK, .back = true }, S_SHUT,
	  .prior = { .epoch = NOW, .against = true, .flags = BH_SESS_REPLIED, .state = BH_ESTABLISHED },
	  .want = BH_SESSION, .left = RUNS },
	{ "session: RST against the opener", F46, EITHER, { .flags = RST | ACK, .back = true }, S_SHUT,
	  .prior = { .epoch = NOW, .against = true }, .want = BH_SESSION, .left = RUNS, .state = BH_CLOSED },
	{ "session: SYN again", F46, EITHER, { 0 }, S_SHUT, .prior = { .epoch = NOW }, .want = BH_SESSION,
	  .left = RUNS },
	{ "session: UDP answer", F46, EITHER, { .proto = UDP, .back = true }, S_SHUT,
	  .prior = { .epoch = NOW, .against = true }, .want = BH_SESSION, .left = RUNS },
	{ "session: echo reply", F46, EITHER, { .proto = ECHO, .back = true }, S_SHUT,
	  .prior = { .epoch = NOW, .against = true }, .want = BH_SESSION, .left = RUNS },
	{ "session: echo again", F46, EITHER, { .proto = ECHO }, S_SHUT, .prior = { .epoch = NOW },
	  .want = BH_SESSION, .left = RUNS },
	{ "session: adopted", F46, EITHER, { .flags = ACK }, S_SHUT,
	  .prior = { .epoch = NOW, .fixed = BH_SESS_BOTH, .against = true }, .want = BH_SESSION, .left = RUNS },
	{ "session: endpoint found by index", F46, EITHER, { .flags = ACK }, S_SHUT, E_COLLIDED,
	  .prior = { .epoch = NOW }, .want = BH_SESSION, .left = RUNS },
	{ "session: FIN of the opener", F46, EITHER, { .flags = FIN | ACK }, S_SHUT,
	  .prior = { .epoch = NOW, .flags = BH_SESS_REPLIED, .state = BH_ESTABLISHED }, .want = BH_SESSION, .left = RUNS,
	  .state = BH_FIN },
	{ "session: FIN of the other one", F46, EITHER, { .flags = FIN | ACK, .back = true }, S_SHUT,
	  .prior = { .epoch = NOW, .against = true, .flags = BH_SESS_REPLIED, .state = BH_ESTABLISHED },
	  .want = BH_SESSION, .left = RUNS, .state = BH_FIN },
	{ "session: reset, one goes on", F46, EITHER, { .flags = ACK }, S_SHUT,
	  .prior = { .epoch = NOW, .flags = BH_SESS_REPLIED, .state = BH_CLOSED }, .want = BH_SESSION, .left = RUNS,
	  .state = BH_CLOSED },
	{ "SYN with data", F46, EITHER, { .bend = data }, S_WEB, .want = BH_POLICY, .rule = R_HTTP, .left = FRESH },
	{ "SYN with data, denied", F46, EITHER, { .bend = data }, S_SHUT, .want = BH_DENIED, .rule = R_SHUT },
	{ "session: the opener goes on", F46, EITHER, { .flags = ACK }, S_SHUT,
	  .prior = { .epoch = NOW, .flags = BH_SESS_REPLIED, .state = BH_ANSWERED }, .want = BH_SESSION, .left = RUNS,
	  .state = BH_ESTABLISHED },
	{ "session: SYN again of one that was answered", F46, EITHER, { 0 }, S_SHUT,
	  .prior = { .epoch = NOW, .flags = BH_SESS_REPLIED, .state = BH_ANSWERED }, .want = BH_SESSION, .left = RUNS,
	  .state = BH_ANSWERED },
	{ "session: SYN again of one that ended", F46, EITHER, { 0 }, S_WEB,
	  .prior = { .epoch = NOW, .flags = BH_SESS_REPLIED, .state = BH_FIN }, .want = BH_POLICY, .rule = R_HTTP,
	  .left = FRESH },
	{ "session: SYN again of one that was reset, denied", F46, EITHER, { .port = 81 }, S_WEB,
	  .prior = { .epoch = NOW, .flags = BH_SESS_REPLIED, .state = BH_CLOSED }, .want = BH_DENIED, .rule = R_SHUT,
	  .left = KEPT },
	{ "session: SYN again of one that waits, stale", F46, EITHER, { .port = 81 }, S_WEB,
	  .prior = { .epoch = STALE, .flags = BH_SESS_REPLIED, .state = BH_TIME_WAIT }, .want = BH_DENIED,
	  .rule = R_SHUT, .left = KEPT },
	{ "session: over", F46, EITHER, { .flags = ACK, .port = 81 }, S_WEB, .prior = { .epoch = NOW, .over = true },
	  .want = BH_NO_SESSION, .rule = R_SHUT, .left = KEPT },
	{ "session: over, opened anew", F46, EITHER, { 0 }, S_WEB, .prior = { .epoch = NOW, .over = true },
	  .want = BH_POLICY, .rule = R_HTTP, .left = FRESH },
	{ "session: over, UDP", F46, EITHER, { .proto = UDP, .port = 81 }, S_WEB, .prior = { .epoch = NOW, .over = true },
	  .want = BH_DENIED, .rule = R_SHUT, .left = KEPT },
	{ "session: seen on another CPU a moment ahead", F46, EITHER, { .flags = ACK }, S_SHUT,
	  .prior = { .epoch = NOW, .ahead = true }, .want = BH_SESSION, .left = RUNS },
	{ "session: in the former slice", F46, EITHER, { .flags = ACK }, S_SHUT, E_GROWS, .prior = { .epoch = NOW },
	  .want = BH_SESSION, .left = RUNS },
	{ "session: in the former slice, stale", F46, EITHER, { .flags = ACK }, S_WEB, E_GROWS,
	  .prior = { .epoch = STALE }, .want = BH_SESSION, .rule = R_HTTP, .stat = BH_STAT_SESSION_REDONE,
	  .left = RUNS },
	{ "session: in the former slice, SYN the other way round", F46, EITHER, { 0 }, S_WEB, E_GROWS,
	  .prior = { .epoch = NOW, .against = true }, .want = BH_POLICY, .rule = R_HTTP, .left = FRESH },
	{ "session: in the former slice, over", F46, EITHER, { .flags = ACK, .port = 81 }, S_WEB, E_GROWS,
	  .prior = { .epoch = NOW, .over = true }, .want = BH_NO_SESSION, .rule = R_SHUT, .left = KEPT },
	{ "session: none in either slice", F46, EITHER, { 0 }, S_WEB, E_GROWS, .want = BH_POLICY, .rule = R_HTTP,
	  .left = FRESH },
	{ "no slice: allowed, and forgotten", F46, EITHER, { 0 }, S_WEB, E_NO_SLICE, .want = BH_POLICY, .rule = R_HTTP,
	  .stat = BH_STAT_SESSION_FAILED },
	{ "session: malformed all the same", F46, EITHER, { .flags = ACK, .bend = doff_4 }, S_OPEN,
	  .prior = { .epoch = NOW }, .want = BH_MALFORMED, .left = KEPT },
	{ "session: first fragment", F46, EITHER, { .flags = ACK, .bend = first_fragment }, S_SHUT,
	  .prior = { .epoch = NOW }, .want = BH_SESSION, .left = RUNS },
	{ "session: four packets", F46, EITHER, { .flags = ACK, .port = 81 }, S_SHUT, .repeat = 4,
	  .want = BH_NO_SESSION, .rule = R_SHUT },

	/* mid-flow without a session: both directions must allow */
	{ "mid-flow: both allow", F46, EITHER, { .flags = ACK, .eph = 80 }, S_WEB, .want = BH_POLICY, .rule = R_HTTP,
	  .stat = BH_STAT_SESSION_ADOPTED, .left = FRESH, .fixed = BH_SESS_BOTH },
	{ "mid-flow: its own direction denies", F46, EITHER, { .flags = ACK, .port = 81, .eph = 80 }, S_WEB,
	  .want = BH_NO_SESSION, .rule = R_SHUT },
	{ "mid-flow: the other direction denies", F46, EITHER, { .flags = ACK }, S_WEB, .far = true, .want = BH_NO_SESSION,
	  .rule = R_SHUT, .far_rule = true },
	{ "mid-flow: SYN-ACK of a server", F46, EITHER, { .flags = SYN | ACK, .back = true }, S_WEB,
	  .want = BH_NO_SESSION, .rule = R_SHUT },
	{ "mid-flow: free egress opens no ingress", F46, FROM, { .flags = ACK, .port = 81 }, S_IN,
	  .far = true, .want = BH_NO_SESSION, .rule = R_SHUT, .far_rule = true },
	{ "mid-flow: free egress, ingress on that port", F46, FROM, { .flags = ACK, .eph = 80, .port = 999 }, S_IN,
	  .want = BH_POLICY, .stat = BH_STAT_SESSION_ADOPTED, .left = FRESH, .fixed = BH_SESS_BOTH },
	{ "mid-flow: RST", F46, EITHER, { .flags = RST }, S_WEB, .far = true,
	  .want = BH_NO_SESSION, .rule = R_SHUT,
	  .far_rule = true },
	{ "mid-flow: FIN", F46, EITHER, { .flags = FIN | ACK }, S_WEB, .far = true, .want = BH_NO_SESSION, .rule = R_SHUT,
	  .far_rule = true },
	{ "malformed: SYN and FIN", F46, EITHER, { .flags = SYN | FIN }, S_OPEN, .want = BH_MALFORMED },
	{ "malformed: SYN and RST", F46, EITHER, { .flags = SYN | RST }, S_OPEN, .want = BH_MALFORMED },
	{ "malformed: no flags at all", F46, EITHER, { .flags = PSH }, S_OPEN, .want = BH_MALFORMED },
	{ "mid-flow: echo reply", F46, EITHER, { .proto = ECHO, .back = true }, S_WEB, .want = BH_NO_SESSION,
	  .rule = R_SHUT },
	{ "mid-flow: echo reply, one way open", F46, FROM, { .proto = ECHO, .back = true }, S_IN,
	  .far = true, .want = BH_NO_SESSION, .rule = R_SHUT, .far_rule = true },
	{ "mid-flow: no policy yet", F46, EITHER, { .flags = ACK }, S_NONE, .want = BH_NO_POLICY },
	{ "mid-flow: no row at all", F46, EITHER, { .flags = ACK }, S_BROKEN, .want = BH_NO_ROW },

	/* the same of a pod that was there before its programs: one direction will do, and is the opener's */
	{ "adopted: both allow", F46, EITHER, { .flags = ACK, .eph = 80 }, S_WEB, E_ADOPTED, .want = BH_POLICY,
	  .rule = R_HTTP, .stat = BH_STAT_SESSION_ADOPTED, .left = FRESH, .fixed = BH_SESS_BOTH },
	{ "adopted: its own direction allows", F46, EITHER, { .flags = ACK }, S_WEB, E_ADOPTED, .want = BH_POLICY,
	  .rule = R_HTTP, .stat = BH_STAT_SESSION_GRACE, .left = FRESH },
	{ "adopted: the other direction allows", F46, EITHER, { .flags = ACK, .back = true }, S_WEB, E_ADOPTED,
	  .want = BH_POLICY, .rule = R_HTTP, .far_rule = true, .stat = BH_STAT_SESSION_GRACE, .left = FRESH,
	  .far_open = true },
	{ "adopted: neither allows", F46, EITHER, { .flags = ACK, .port = 81 }, S_WEB, E_ADOPTED,
	  .want = BH_NO_SESSION, .rule = R_SHUT },
	{ "adopted: free egress goes on", F46, FROM, { .flags = ACK, .port = 81 }, S_IN, E_ADOPTED, .want = BH_POLICY,
	  .stat = BH_STAT_SESSION_GRACE, .left = FRESH },
	{ "adopted: a first packet needs its own direction", F46, EITHER, { .port = 81, .eph = 80 }, S_WEB, E_ADOPTED,
	  .want = BH_DENIED, .rule = R_SHUT },
	{ "adopted: UDP has no grace", F46, EITHER, { .proto = UDP, .port = 81, .eph = 53 }, S_WEB, E_ADOPTED,
	  .want = BH_DENIED, .rule = R_SHUT },
	{ "adopted: echo reply has no grace", F46, FROM, { .proto = ECHO, .back = true }, S_IN, E_ADOPTED,
	  .far = true, .want = BH_NO_SESSION, .rule = R_SHUT, .far_rule = true },
	{ "adopted: no policy yet", F46, EITHER, { .flags = ACK }, S_NONE, E_ADOPTED, .want = BH_NO_POLICY },
	{ "adopted: no row at all", F46, EITHER, { .flags = ACK }, S_BROKEN, E_ADOPTED, .want = BH_NO_ROW },
	{ "adopted: found, still allowed", F46, EITHER, { .flags = ACK }, S_WEB, E_ADOPTED, .prior = { .epoch = BORN },
	  .want = BH_SESSION, .rule = R_HTTP, .stat = BH_STAT_SESSION_REDONE, .left = RUNS },
	{ "adopted: found, denied: kept, so that grace does not open it", F46, EITHER, { .flags = ACK, .port = 81 }, S_WEB,
	  E_ADOPTED, .prior = { .epoch = BORN }, .want = BH_DENIED, .rule = R_SHUT,
	  .stat = BH_STAT_SESSION_REDONE, .left = CUT },
	{ "adopted: cut, the answers open nothing", F46, FROM, { .flags = ACK, .port = 81, .eph = 4322, .back = true }, S_IN, E_ADOPTED,
	  .prior = { .epoch = BORN, .flags = BH_SESS_CUT, .against = true },
	  .far = true, .want = BH_DENIED, .rule = R_SHUT, .far_rule = true, .stat = BH_STAT_SESSION_REDONE, .left = CUT },

	/* an older epoch: asked again, in the direction that opened the flow */
	{ "stale: still allowed", F46, EITHER, { .flags = ACK }, S_WEB, .prior = { .epoch = STALE },
	  .want = BH_SESSION, .rule = R_HTTP, .stat = BH_STAT_SESSION_REDONE, .left = RUNS },
	{ "stale: answer, still allowed", F46, EITHER, { .flags = ACK, .back = true }, S_WEB,
	  .prior = { .epoch = STALE, .against = true }, .want = BH_SESSION, .rule = R_HTTP, .far_rule = true,
	  .stat = BH_STAT_SESSION_REDONE, .left = RUNS },
	{ "stale: no longer allowed", F46, EITHER, { .flags = ACK, .port = 81 }, S_WEB, .prior = { .epoch = STALE },
	  .want = BH_DENIED, .rule = R_SHUT, .stat = BH_STAT_SESSION_REDONE },
	{ "stale: answer, no longer allowed", F46, EITHER, { .flags = ACK, .port = 81, .back = true }, S_WEB,
	  .prior = { .epoch = STALE, .against = true }, .far = true, .want = BH_DENIED, .rule = R_SHUT, .far_rule = true,
	  .stat = BH_STAT_SESSION_REDONE },
	{ "stale: UDP no longer allowed", F46, EITHER, { .proto = UDP, .port = 81 }, S_WEB, .prior = { .epoch = STALE },
	  .want = BH_DENIED, .rule = R_SHUT, .stat = BH_STAT_SESSION_REDONE, .left = CUT },
	{ "stale: UDP answer, no longer allowed", F46, FROM, { .proto = UDP, .back = true }, S_IN,
	  .prior = { .epoch = STALE, .against = true }, .far = true, .want = BH_DENIED, .rule = R_SHUT, .far_rule = true,
	  .stat = BH_STAT_SESSION_REDONE, .left = CUT },
	{ "cut: the answers open nothing", F46, FROM, { .proto = UDP, .eph = 4321, .back = true }, S_IN,
	  .prior = { .epoch = STALE, .flags = BH_SESS_CUT, .against = true },
	  .far = true, .want = BH_DENIED, .rule = R_SHUT, .far_rule = true, .stat = BH_STAT_SESSION_REDONE, .left = CUT },
	{ "cut: after a silence the other end may open it", F46, FROM, { .proto = UDP, .back = true }, S_IN,
	  .prior = { .epoch = STALE, .flags = BH_SESS_CUT, .against = true, .over = true }, .want = BH_POLICY,
	  .left = FRESH },
	{ "cut: allowed again", F46, EITHER, { .proto = UDP, .port = 53 }, S_WEB,
	  .prior = { .epoch = STALE, .flags = BH_SESS_CUT }, .want = BH_SESSION, .rule = R_DNS,
	  .stat = BH_STAT_SESSION_REDONE, .left = RUNS },
	{ "cut: allowed again, the answer", F46, EITHER, { .proto = UDP, .port = 53, .back = true }, S_WEB,
	  .prior = { .epoch = STALE, .flags = BH_SESS_CUT, .against = true },
	  .want = BH_SESSION, .rule = R_DNS, .far_rule = true, .stat = BH_STAT_SESSION_REDONE, .left = RUNS },
	{ "stale: UDP still allowed", F46, EITHER, { .proto = UDP, .port = 53 }, S_WEB, .prior = { .epoch = STALE },
	  .want = BH_SESSION, .rule = R_DNS, .stat = BH_STAT_SESSION_REDONE, .left = RUNS },
	{ "stale: UDP answer, opener's port counts", F46, EITHER, { .proto = UDP, .port = 53, .back = true }, S_WEB,
	  .prior = { .epoch = STALE, .against = true }, .want = BH_SESSION, .rule = R_DNS, .far_rule = true,
	  .stat = BH_STAT_SESSION_REDONE, .left = RUNS },
	{ "stale: echo reply, opener's direction counts", F46, TO, { .proto = ECHO, .back = true }, S_IN,
	  .prior = { .epoch = STALE, .against = true }, .want = BH_SESSION, .stat = BH_STAT_SESSION_REDONE,
	  .left = RUNS },
	{ "stale: SYN again, still allowed", F46, EITHER, { 0 }, S_WEB, .prior = { .epoch = STALE },
	  .want = BH_SESSION, .rule = R_HTTP, .stat = BH_STAT_SESSION_REDONE, .left = RUNS },
	{ "stale: adopted, both still allow", F46, EITHER, { .flags = ACK, .eph = 80 }, S_WEB,
	  .prior = { .epoch = STALE, .fixed = BH_SESS_BOTH }, .want = BH_SESSION, .rule = R_HTTP,
	  .stat = BH_STAT_SESSION_REDONE, .left = RUNS },
	{ "stale: adopted, one denies now", F46, EITHER, { .flags = ACK }, S_WEB,
	  .prior = { .epoch = STALE, .fixed = BH_SESS_BOTH }, .far = true, .want = BH_DENIED,
	  .rule = R_SHUT, .far_rule = true,
	  .stat = BH_STAT_SESSION_REDONE },
	{ "stale: policy is gone", F46, EITHER, { .flags = ACK }, S_NONE, .prior = { .epoch = STALE },
	  .want = BH_NO_POLICY, .stat = BH_STAT_SESSION_REDONE },
	{ "stale: epoch ahead of ours", F46, EITHER, { .flags = ACK }, S_WEB, .prior = { .epoch = NOW + 1 },
	  .want = BH_SESSION, .rule = R_HTTP, .stat = BH_STAT_SESSION_REDONE, .left = RUNS },
	{ "dead interface's session: mid-flow", F46, EITHER, { .flags = ACK }, S_WEB, .prior = { .epoch = DEAD },
	  .far = true, .want = BH_NO_SESSION, .rule = R_SHUT, .far_rule = true, .left = KEPT },
	{ "dead interface's session: SYN", F46, EITHER, { 0 }, S_WEB, .prior = { .epoch = DEAD }, .want = BH_POLICY,
	  .rule = R_HTTP, .left = FRESH },
	{ "dead interface's session: epochs wrap", F46, EITHER, { 0 }, S_WEB, .prior = { .epoch = 0xfffffff0 },
	  .want = BH_POLICY, .rule = R_HTTP, .left = FRESH },
	{ "first epoch is not dead", F46, EITHER, { .flags = ACK }, S_WEB, .prior = { .epoch = BORN },
	  .want = BH_SESSION, .rule = R_HTTP, .stat = BH_STAT_SESSION_REDONE, .left = RUNS },

	/* a SYN the other way round: also how a simultaneous open begins (RFC 9293 3.5) */
	{ "simultaneous open: the opener's own SYN-ACK", F46, EITHER, { .flags = SYN | ACK }, S_SHUT,
	  .prior = { .epoch = NOW, .flags = BH_SESS_REPLIED, .state = BH_ANSWERED }, .want = BH_SESSION, .left = RUNS,
	  .state = BH_ESTABLISHED },
	{ "reopened: allowed", F46, EITHER, { 0 }, S_WEB, .prior = { .epoch = NOW, .against = true },
	  .want = BH_POLICY, .rule = R_HTTP, .left = FRESH },
	{ "reopened: denied, the old one stays", F46, EITHER, { .port = 81 }, S_WEB,
	  .prior = { .epoch = NOW, .against = true }, .want = BH_DENIED, .rule = R_SHUT, .left = KEPT },
	{ "reopened: stale, allowed", F46, EITHER, { 0 }, S_WEB, .prior = { .epoch = STALE, .against = true },
	  .want = BH_POLICY, .rule = R_HTTP, .left = FRESH },
	{ "reopened: stale, denied", F46, EITHER, { .port = 81 }, S_WEB, .prior = { .epoch = STALE, .against = true },
	  .want = BH_DENIED, .rule = R_SHUT, .left = KEPT },
	{ "reopened: UDP is not", F46, EITHER, { .proto = UDP, .port = 81 }, S_SHUT,
	  .prior = { .epoch = NOW, .against = true }, .want = BH_SESSION, .left = RUNS },

	/* a pod of this node behind an address of the node */
	{ "masqueraded: of a pod that is allowed", F46, TO, { .peer = P_NODE }, S_WEB, .by = BY_WEB, .want = BH_POLICY,
	  .rule = R_HTTP, .left = FRESH, .fixed = BH_SESS_VIA },
	{ "masqueraded: of a pod that is allowed, UDP", F46, TO, { .peer = P_NODE, .proto = UDP, .port = 53 }, S_WEB,
	  .by = BY_WEB, .want = BH_POLICY, .rule = R_DNS, .left = FRESH, .fixed = BH_SESS_VIA },
	{ "masqueraded: of a pod that is allowed, another port", F46, TO, { .peer = P_NODE, .port = 81 }, S_WEB,
	  .by = BY_WEB, .want = BH_DENIED, .rule = R_SHUT },
	{ "masqueraded: of a pod that is not, the node's address is", F46, TO, { .peer = P_NODE_WEB }, S_WEB,
	  .by = BY_STRANGER, .want = BH_DENIED, .rule = R_SHUT },
	{ "masqueraded: of the pod itself", F46, TO, { .peer = P_NODE }, S_SHUT, .by = BY_ITSELF, .want = BH_POLICY,
	  .left = FRESH, .fixed = BH_SESS_VIA },
	{ "masqueraded: of the pod itself, no policy yet", F46, TO, { .peer = P_NODE }, S_NONE, .by = BY_ITSELF,
	  .want = BH_NO_POLICY },
	{ "masqueraded: not by the node's address", F46, TO, { .peer = P_STRANGER }, S_WEB, .by = BY_WEB,
	  .want = BH_DENIED, .rule = R_SHUT },
	{ "masqueraded session: of its pod", F46, TO, { .peer = P_NODE, .flags = ACK }, S_SHUT, .by = BY_WEB,
	  .prior = { .epoch = NOW, .fixed = BH_SESS_VIA, .via = BY_WEB }, .want = BH_SESSION, .left = RUNS },
	{ "masqueraded session: another pod has the port", F46, TO, { .peer = P_NODE }, S_WEB, .by = BY_STRANGER,
	  .prior = { .epoch = NOW, .fixed = BH_SESS_VIA, .via = BY_WEB }, .want = BH_DENIED, .rule = R_SHUT,
	  .left = KEPT },
	{ "masqueraded session: another pod has the port, UDP", F46, TO, { .peer = P_NODE, .proto = UDP, .port = 53 },
	  S_WEB, .by = BY_STRANGER, .prior = { .epoch = NOW, .fixed = BH_SESS_VIA, .via = BY_WEB }, .want = BH_DENIED,
	  .rule = R_SHUT, .left = KEPT },
	{ "masqueraded session: another pod has the port, and may", F46, TO, { .peer = P_NODE }, S_WEB, .by = BY_WEB,
	  .prior = { .epoch = NOW, .fixed = BH_SESS_VIA, .via = BY_STRANGER }, .want = BH_POLICY, .rule = R_HTTP,
	  .left = FRESH, .fixed = BH_SESS_VIA },
	{ "masqueraded session: from elsewhere", F46, TO, { .peer = P_NODE, .flags = ACK }, S_SHUT,
	  .prior = { .epoch = NOW, .fixed = BH_SESS_VIA, .via = BY_WEB }, .want = BH_NO_SESSION, .rule = R_SHUT,
	  .left = KEPT },
	{ "masqueraded session: the pod answers", F46, FROM, { .peer = P_NODE, .flags = ACK, .back = true }, S_SHUT,
	  .prior = { .epoch = NOW, .fixed = BH_SESS_VIA, .via = BY_WEB, .against = true }, .want = BH_SESSION,
	  .left = RUNS },
	{ "masqueraded session: stale, of its pod", F46, TO, { .peer = P_NODE, .flags = ACK }, S_WEB, .by = BY_WEB,
	  .prior = { .epoch = STALE, .fixed = BH_SESS_VIA, .via = BY_WEB }, .want = BH_SESSION, .rule = R_HTTP,
	  .stat = BH_STAT_SESSION_REDONE, .left = RUNS },
	{ "masqueraded session: stale, the pod answers", F46, FROM, { .peer = P_NODE, .flags = ACK, .back = true },
	  S_WEB, .prior = { .epoch = STALE, .fixed = BH_SESS_VIA, .via = BY_WEB, .against = true }, .want = BH_SESSION,
	  .rule = R_HTTP, .far_rule = true, .stat = BH_STAT_SESSION_REDONE, .left = RUNS },

	/* sessions with the node */
	{ "host session: from the pod", F46, FROM, { .flags = ACK, .peer = P_NODE }, S_SHUT,
	  .prior = { .epoch = NOW, .fixed = BH_SESS_HOST }, .want = BH_SESSION, .left = RUNS },
	{ "host session: the pod answers", F46, FROM, { .flags = ACK }, S_SHUT,
	  .prior = { .epoch = NOW, .fixed = BH_SESS_HOST, .against = true }, .want = BH_SESSION, .left = RUNS },
	{ "host session: not the node's address any more", F46, FROM, { .proto = UDP }, S_SHUT,
	  .prior = { .epoch = NOW, .fixed = BH_SESS_HOST }, .want = BH_DENIED, .rule = R_SHUT, .left = KEPT },
	{ "host session: not the node's any more, allowed", F46, FROM, { 0 }, S_WEB,
	  .prior = { .epoch = NOW, .fixed = BH_SESS_HOST }, .want = BH_POLICY, .rule = R_HTTP, .left = FRESH },
	{ "host session: a hostPort by now", F46, FROM, { .proto = UDP, .peer = P_NODE, .port = 30053 }, S_SHUT,
	  .prior = { .epoch = NOW, .fixed = BH_SESS_HOST }, .want = BH_DENIED, .rule = R_SHUT, .left = KEPT },
	{ "host session: made here", F46, TO, { .flags = ACK }, S_SHUT, .here = true,
	  .prior = { .epoch = NOW, .fixed = BH_SESS_HOST }, .want = BH_SESSION, .left = RUNS },
	{ "host session: from elsewhere, mid-flow", F46, TO, { .flags = ACK }, S_SHUT,
	  .prior = { .epoch = NOW, .fixed = BH_SESS_HOST }, .want = BH_NO_SESSION, .rule = R_SHUT, .left = KEPT },
	{ "host session: from elsewhere, UDP", F46, TO, { .proto = UDP, .back = true }, S_SHUT,
	  .prior = { .epoch = NOW, .fixed = BH_SESS_HOST, .against = true }, .want = BH_DENIED, .rule = R_SHUT,
	  .left = KEPT },
	{ "host session: from elsewhere, node's address", F46, TO, { .flags = ACK, .peer = P_NODE }, S_SHUT,
	  .prior = { .epoch = NOW, .fixed = BH_SESS_HOST }, .want = BH_NO_SESSION, .rule = R_SHUT, .left = KEPT },
	{ "host session: from elsewhere, allowed SYN", F46, TO, { 0 }, S_WEB,
	  .prior = { .epoch = NOW, .fixed = BH_SESS_HOST }, .want = BH_POLICY, .rule = R_HTTP, .left = FRESH },
	{ "host session: stale, a hostPort by now", F46, FROM, { .proto = UDP, .peer = P_NODE, .port = 30053 },
	  S_SHUT, .prior = { .epoch = STALE, .fixed = BH_SESS_HOST }, .want = BH_DENIED, .rule = R_SHUT, .left = KEPT },
	{ "host session: stale, from the pod", F46, FROM, { .flags = ACK, .peer = P_NODE }, S_SHUT,
	  .prior = { .epoch = STALE, .fixed = BH_SESS_HOST }, .want = BH_SESSION, .stat = BH_STAT_SESSION_REDONE,
	  .left = RUNS },
	{ "host session: stale, made here", F46, TO, { .flags = ACK }, S_SHUT, .here = true,
	  .prior = { .epoch = STALE, .fixed = BH_SESS_HOST }, .want = BH_SESSION, .stat = BH_STAT_SESSION_REDONE,
	  .left = RUNS },
	{ "host session: stale, from elsewhere", F46, TO, { .flags = ACK }, S_SHUT,
	  .prior = { .epoch = STALE, .fixed = BH_SESS_HOST }, .want = BH_NO_SESSION, .rule = R_SHUT, .left = KEPT },
	{ "host session: the node opens it again", F46, TO, { 0 }, S_SHUT, .here = true,
	  .prior = { .epoch = NOW, .fixed = BH_SESS_HOST, .against = true }, .want = BH_HOST, .left = FRESH,
	  .fixed = BH_SESS_HOST },

	/* paged packets: headers are pulled */
	{ "paged: no header is linear", F46, EITHER, { 0 }, S_WEB, .linear = ETH_HLEN, .want = BH_POLICY,
	  .rule = R_HTTP, .left = FRESH },
	{ "paged: TCP header is not", F46, EITHER, { .port = 81 }, S_WEB, .linear = ETH_HLEN + 20, .want = BH_DENIED,
	  .rule = R_SHUT },
	{ "paged: ARP", F4, FROM, { .bend = arp_other_ip }, S_OPEN, .linear = ETH_HLEN, .want = BH_SPOOFED_ND },
	{ "paged: ND options", F6, FROM, { .peer = P_MULTICAST, .bend = ns_second_option }, S_OPEN,
	  .linear = ETH_HLEN + 40 + 24, .want = BH_SPOOFED_ND },
	{ "paged: malformed", F46, EITHER, { .bend = cut_19 }, S_OPEN, .linear = ETH_HLEN, .want = BH_MALFORMED },

	/* events */
	{ "event: throttled", F46, EITHER, { .port = 81, .eph = 1234 }, S_WEB, .repeat = 5, .event_jiffies = 1000000,
	  .want = BH_DENIED, .rule = R_SHUT },
	{ "event: another flow is not throttled", F46, EITHER, { .port = 81, .eph = 1235 }, S_WEB, .repeat = 2,
	  .event_jiffies = 1000000, .want = BH_DENIED, .rule = R_SHUT },
	{ "event: each, without a distance", F46, EITHER, { .port = 81, .eph = 1234 }, S_WEB, .repeat = 5,
	  .want = BH_DENIED, .rule = R_SHUT },
	{ "event: none for what is spoofed", F46, FROM, { .local = L_OTHER }, S_OPEN, .repeat = 5,
	  .event_jiffies = 1000000, .want = BH_SPOOFED_ADDR },
};
/* clang-format on */

const struct rows plain_rows = { rows, sizeof(rows) / sizeof(*rows) };
