/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames for the tests of the programs: a shape says what a packet is, seen from the pod, and becomes a
 * frame of either family and either direction. `bend` then spoils what the row is about.
 */
#ifndef BH_TESTS_BPF_PACKET_H
#define BH_TESTS_BPF_PACKET_H

#include <stdbool.h>
#include <stdint.h>

#include "../../bpf/abi.h"

#define F4  1
#define F6  2
#define F46 3

#define FIN 0x01
#define SYN 0x02
#define RST 0x04
#define PSH 0x08
#define ACK 0x10
#define URG 0x20
#define ECE 0x40
#define CWR 0x80

/* Who is at the other end. What the tables say about each is in world.c. */
enum peer {
	P_WEB,
	P_ALL,
	P_MIXED,
	P_NODE,
	P_NODE_WEB,
	P_STRANGER,
	P_CIDR,
	P_EXCEPT,
	P_INSIDE,
	P_ORPHAN,
	P_MULTICAST,
	P_BROADCAST,
	P_SUBNET,
	P_LINK_LOCAL,
	P_MAPPED,
	P_MAX
};

/* What the pod's end shows. */
enum local {
	L_OWN,
	L_SECOND,
	L_OTHER,
	L_ZERO,
	L_LINK_LOCAL,
	L_MULTICAST,
	L_BROADCAST,
	L_SUBNET,
	L_MAPPED,
	L_MAX
};
enum mac { M_OWN, M_OTHER, M_GROUP };

struct frame {
	uint8_t room[2]; /* so that the IP header is aligned */
	uint8_t data[6000];
	uint32_t len, l3, l4;
	int family; /* 4 or 6 */
	enum bh_dir dir;
};

struct shape {
	uint8_t proto; /* 0: TCP; IPPROTO_ICMP: echo, of the right family */
	uint8_t flags; /* TCP; 0: SYN. SCTP: the chunk's type; 0: INIT */
	bool back;     /* goes against who opened the flow: ports swapped, echo reply */
	uint16_t port; /* that the opener called; 0: 80 */
	uint16_t eph;  /* the opener's own, or the echo id; 0: 40000 */
	enum peer peer;
	enum local local;
	enum mac mac; /* from_pod: the source's, to_pod: the destination's */
	bool group;   /* from_pod: to a group MAC address */
	void (*bend)(struct frame *f);
};

extern const uint8_t pod_mac[6], other_mac[6], group_mac[6];

struct bh_addr peer_addr(enum peer peer, int family);
struct bh_addr local_addr(enum local local, int family);
void shape_frame(const struct shape *s, int family, enum bh_dir dir, struct frame *ret);
/* The session key of this packet, IPv4 as ::ffff:; written from abi.h, not from bpf/. */
struct bh_flow6 shape_flow(const struct shape *s, int family, enum bh_dir dir, uint32_t ifindex);

void put16(struct frame *f, uint32_t at, uint16_t v);
void insert(struct frame *f, uint32_t at, uint32_t n); /* n zero bytes; the IP lengths follow */
void cut(struct frame *f, uint32_t len);	       /* ... the frame to this many bytes; lengths follow */

/* A piece of a datagram: offset and flags as in IPv4, behind a header of its own in IPv6; the id is 7. */
void fragment(struct frame *f, uint16_t offset_and_flags);
void extend(struct frame *f, uint8_t type); /* 8 bytes of an extension header, first in the chain */

#endif
