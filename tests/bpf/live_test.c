// SPDX-License-Identifier: Apache-2.0
/*
 * What a test run cannot make, on a veth in a network namespace of its own: packets whose headers lie in
 * pages, VLAN tags that the kernel keeps beside the packet, packets of this node without a socket.
 * Needs root, and ip(8).
 */
#include "world.h"

#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/if_packet.h>
#include <netinet/in.h>

#include "policy.skel.h"

#define POD_SIDE  "bh-pod"
#define HOST_SIDE "bh-host"
#define BRIDGE_NF "/proc/sys/net/bridge/bridge-nf-call-ip6tables"

static int passed, failed;

/* ---- a pod's veth ----------------------------------------------------------------------- */

static void command(const char *text)
{
	if (system(text))
		errx(1, "failed: %s", text);
}

static void attach(enum bpf_tc_attach_point point, const struct bpf_program *prog)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)world_ifindex, .attach_point = point);
	LIBBPF_OPTS(bpf_tc_opts, opts, .prog_fd = bpf_program__fd(prog));

	if (bpf_tc_attach(&hook, &opts))
		errx(1, "cannot attach %s", bpf_program__name(prog));
}

/* The kernel activates a device a moment after its peer came up; until then what is sent is lost. */
static void await_running(const char *ifname)
{
	struct ifreq r = { 0 };
	int tries = 500, fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	snprintf(r.ifr_name, sizeof(r.ifr_name), "%s", ifname);
	while (!ioctl(fd, SIOCGIFFLAGS, &r) && !(r.ifr_flags & IFF_RUNNING) && tries--)
		usleep(10000);
	if (!(r.ifr_flags & IFF_RUNNING))
		errx(1, "%s does not come up", ifname);
	close(fd);
}

static void make_veth(void)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .attach_point = BPF_TC_INGRESS | BPF_TC_EGRESS);

	command("echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6");
	command("ip link add " HOST_SIDE " mtu 9000 type veth peer name " POD_SIDE " mtu 9000");
	command("ip link set " POD_SIDE " up && ip link set " HOST_SIDE " up");
	await_running(POD_SIDE);
	await_running(HOST_SIDE);
	world_ifindex = if_nametoindex(HOST_SIDE);
	hook.ifindex = (int)world_ifindex;
	if (bpf_tc_hook_create(&hook))
		errx(1, "cannot make a clsact qdisc");
	attach(BPF_TC_INGRESS, bpf->progs.bh_from_pod);
	attach(BPF_TC_EGRESS, bpf->progs.bh_to_pod);
}

static void transmit(const char *ifname, const struct frame *f)
{
	struct sockaddr_ll to = { .sll_family = AF_PACKET, .sll_ifindex = (int)if_nametoindex(ifname) };
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);

	if (fd < 0 || sendto(fd, f->data, f->len, 0, (struct sockaddr *)&to, sizeof(to)) != (ssize_t)f->len)
		err(1, "cannot send on %s", ifname);
	close(fd);
}

/* ---- expectations ----------------------------------------------------------------------- */

static uint64_t counted(enum bh_reason reason, enum bh_dir dir)
{
	return world_counts().stat[reason * 2 + dir].packets;
}

/* Packets are counted when they arrive, at the latest a moment after they were sent. */
static void expect(const char *name, enum bh_reason reason, enum bh_dir dir, uint64_t before)
{
	struct counts c;
	uint32_t i;
	int tries = 300;

	while (counted(reason, dir) == before && tries--)
		usleep(10000);
	if (counted(reason, dir) != before) {
		passed++;
		return;
	}
	failed++;
	c = world_counts();
	printf("FAIL %s; counted so far:", name);
	for (i = 0; i < BH_REASON_MAX * 2; i++)
		if (c.stat[i].packets)
			printf(" %u/%u: %llu", i / 2, i % 2, (unsigned long long)c.stat[i].packets);
	printf("\n");
}

static void from_pod(const char *name, int family, const struct shape *s, enum bh_reason want)
{
	uint64_t before = counted(want, BH_EGRESS);
	struct frame f;

	shape_frame(s, family, BH_EGRESS, &f);
	transmit(POD_SIDE, &f);
	expect(name, want, BH_EGRESS, before);
}

/* ---- paged headers ---------------------------------------------------------------------- */

/* Past a page the kernel leaves only the Ethernet header of a raw packet out of pages. */
static void grow(struct frame *f)
{
	if (f->data[f->l3 + (f->family == 4 ? 9 : 6)] == IPPROTO_UDP)
		put16(f, f->l4 + 4, (uint16_t)(5000 - f->l4));
	cut(f, 5000);
}

static void grow_malformed(struct frame *f)
{
	grow(f);
	f->data[f->l4 + 12] = 4 << 4;
}

static void grow_arp(struct frame *f)
{
	static const uint8_t head[] = { 0, 1, 8, 0, 6, 4, 0, 1 };

	grow(f);
	memset(f->data + f->l3, 0, 28);
	memcpy(f->data + f->l3, head, sizeof(head));
	memcpy(f->data + f->l3 + 8, other_mac, 6);
	put16(f, 12, 0x0806);
}

static void paged(void)
{
	int family;

	for (family = 4; family <= 6; family += 2) {
		world_endpoint(E_PLAIN, S_WEB);
		from_pod("paged TCP", family, &(struct shape){ .bend = grow }, BH_POLICY);
		from_pod("paged TCP, session", family, &(struct shape){ .bend = grow }, BH_SESSION);
		from_pod("paged UDP", family,
			 &(struct shape){ .proto = IPPROTO_UDP, .port = 53, .bend = grow }, BH_POLICY);
		from_pod("paged TCP, denied", family, &(struct shape){ .port = 81, .bend = grow }, BH_DENIED);
		from_pod("paged TCP, malformed", family, &(struct shape){ .bend = grow_malformed },
			 BH_MALFORMED);
		from_pod("paged TCP, spoofed", family, &(struct shape){ .local = L_OTHER, .bend = grow },
			 BH_SPOOFED_ADDR);
	}
	from_pod("paged ARP, spoofed", 4, &(struct shape){ .bend = grow_arp }, BH_SPOOFED_ND);
}

/* ---- VLAN ------------------------------------------------------------------------------- */

static void tag_id(struct frame *f, uint16_t id)
{
	memmove(f->data + 16, f->data + 12, f->len - 12);
	put16(f, 12, 0x8100);
	put16(f, 14, id);
	f->len += 4;
}

static void tag(struct frame *f)
{
	tag_id(f, 5);
}
static void priority(struct frame *f)
{
	tag_id(f, 0);
}
static void priority_twice(struct frame *f)
{
	priority(f);
	priority(f);
}

/* The kernel takes the tag out of the bytes before we see the packet. */
static void vlan(void)
{
	int family;

	for (family = 4; family <= 6; family += 2) {
		world_endpoint(E_PLAIN, S_WEB);
		from_pod("VLAN, isolated", family, &(struct shape){ .eph = 7, .bend = tag }, BH_VLAN);
		world_endpoint(E_PLAIN, S_OPEN);
		from_pod("VLAN 0", family, &(struct shape){ .eph = 7, .bend = priority }, BH_POLICY);
		from_pod("VLAN 0, session", family, &(struct shape){ .eph = 7, .bend = priority },
			 BH_SESSION);
		world_endpoint(E_FORWARDS, S_OPEN);
		from_pod("VLAN, forwarder", family, &(struct shape){ .eph = 7, .bend = tag }, BH_OPEN);
		world_endpoint(E_PLAIN, S_OPEN);
		from_pod("VLAN, open", family, &(struct shape){ .eph = 7, .bend = tag }, BH_VLAN);
		from_pod("VLAN 0, spoofed", family, &(struct shape){ .local = L_OTHER, .bend = priority },
			 BH_SPOOFED_ADDR);
		from_pod("VLAN 0 twice", family, &(struct shape){ .local = L_OTHER, .bend = priority_twice },
			 BH_VLAN);
		from_pod("VLAN, other MAC", family, &(struct shape){ .mac = M_OTHER, .bend = tag },
			 BH_SPOOFED_MAC);
	}
}

/* ---- made by this node ------------------------------------------------------------------ */

static void socket_made(void)
{
	uint64_t before;
	struct frame f;
	int family;

	for (family = 4; family <= 6; family += 2) {
		world_endpoint(E_PLAIN, S_SHUT);
		before = counted(BH_HOST, BH_INGRESS);
		shape_frame(&(struct shape){ .eph = 9 }, family, BH_INGRESS, &f);
		transmit(HOST_SIDE, &f);
		expect("made by a socket here", BH_HOST, BH_INGRESS, before);
	}
}

/* Joining a group makes the kernel send an IGMP report, from no socket and no interface, with IP options. */
static void join(const char *address, const char *group)
{
	struct ip_mreqn m = { .imr_ifindex = (int)world_ifindex };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	char text[128];

	snprintf(text, sizeof(text), "ip -4 addr flush dev " HOST_SIDE " && ip addr add %s/24 dev " HOST_SIDE,
		 address);
	command(text);
	inet_pton(AF_INET, group, &m.imr_multiaddr);
	if (fd < 0 || setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &m, sizeof(m)))
		err(1, "cannot join %s", group);
	usleep(50000);
	close(fd);
}

static void without_socket(void)
{
	uint64_t before;

	world_endpoint(E_PLAIN, S_SHUT);
	before = counted(BH_IP_OPTIONS, BH_INGRESS);
	join("10.9.9.9", "239.1.1.1");
	expect("no socket, not a node address", BH_IP_OPTIONS, BH_INGRESS, before);
	before = counted(BH_HOST, BH_INGRESS);
	join("10.1.0.1", "239.1.1.2");
	expect("no socket, a node address", BH_HOST, BH_INGRESS, before);
}

/* One of two IPv6 fragments of a datagram from the node's address to the pod, @n bytes from @offset on. */
static void forge(uint16_t offset, uint16_t n, bool more)
{
	struct frame f;

	shape_frame(&(struct shape){ .proto = IPPROTO_UDP, .peer = P_NODE }, 6, BH_INGRESS, &f);
	put16(&f, f.l4 + 4, 1432);
	insert(&f, f.l4, 8);
	f.data[f.l3 + 6] = IPPROTO_FRAGMENT;
	f.data[f.l4] = IPPROTO_UDP;
	put16(&f, f.l4 + 2, offset | more);
	cut(&f, f.l4 + 8 + n);
	transmit("bh-out", &f);
}

/*
 * The reason why a missing index proves nothing: a bridge with br_netfilter lets conntrack put fragments
 * together, and takes what it floods apart again into new packets, which have neither index nor socket.
 * With a forged source they would be host traffic.
 */
static void put_together(void)
{
	uint64_t before;

	if (access(BRIDGE_NF, W_OK)) {
		printf("this kernel has no br_netfilter: forged fragments were skipped\n");
		return;
	}
	command("ip link add bh-out type veth peer name bh-in && ip link add bh-one type veth peer name bh-two");
	command("ip link add bh-br type bridge && ip link set bh-br up");
	command("for i in bh-in bh-one " HOST_SIDE "; do ip link set $i master bh-br; done");
	command("for i in bh-in bh-out bh-one bh-two; do ip link set $i up; done");
	await_running("bh-out");
	await_running("bh-in");
	await_running("bh-br");
	command("echo 1 > " BRIDGE_NF);
	command("ip6tables -A FORWARD -m conntrack --ctstate NEW");

	world_endpoint(E_PLAIN, S_SHUT);
	before = counted(BH_FRAGMENT, BH_INGRESS);
	forge(0, 1232, true);
	forge(1232, 200, false);
	expect("forged fragments, put together here", BH_FRAGMENT, BH_INGRESS, before);
}

int main(void)
{
	world_load();
	make_veth();
	paged();
	vlan();
	socket_made();
	without_socket();
	put_together();
	world_unload();
	printf("%d passed, %d failed\n", passed, failed);
	return failed != 0;
}
