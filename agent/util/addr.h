/* SPDX-License-Identifier: Apache-2.0 */
/*
 * IP addresses and CIDR blocks of both families as 16 bytes, IPv4 as ::ffff:a.b.c.d: the form in
 * which the BPF maps hold them. A /n of IPv4 has length 96 + n.
 */
#ifndef BH_UTIL_ADDR_H
#define BH_UTIL_ADDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ADDR_TEXT 64 /* enough for any of the texts below */

struct addr {
	uint8_t b[16];
};

struct cidr {
	struct addr addr; /* host bits zero */
	uint8_t len;	  /* 0..128 */
};

bool addr_is_v4(const struct addr *a);
bool addr_is_link_local(const struct addr *a); /* fe80::/10 */

/* Return: 0, or -EINVAL: no address, or an IPv6 text that holds an IPv4 address (::ffff:…). */
int addr_parse(const char *text, struct addr *ret);

/* As what Kubernetes reads the addresses of objects with (ParseIPSloppy, k8s.io/utils/net): with leading
 * zeros, which mean nothing (010.0.0.1 is 10.0.0.1), and ::ffff:10.0.0.1, which is 10.0.0.1. Return: 0 or
 * -EINVAL. */
int addr_parse_loose(const char *text, struct addr *ret);

/**
 * cidr_parse() - "10.0.0.0/8", "fd00::/8"; host bits are cleared, as the kernel and NetworkPolicy do.
 * Return: 0, or -EINVAL: as addr_parse(), or a length that is missing or out of range, or an IPv6
 * block that holds the IPv4-mapped range by name (a /96 or longer inside ::ffff:0:0/96).
 */
int cidr_parse(const char *text, struct cidr *ret);

/* ret: at least ADDR_TEXT bytes; returns ret. An IPv4 address or block prints in IPv4 form. */
const char *addr_text(const struct addr *a, char *ret);
const char *cidr_text(const struct cidr *c, char *ret);

/* Family matters: ::/0 does not hold any IPv4 address. */
bool cidr_holds(const struct cidr *c, const struct addr *a);
bool cidr_covers(const struct cidr *outer, const struct cidr *inner);

bool addrs_same(const struct addr *a, size_t n, const struct addr *b, size_t m); /* in the same order */
int addr_cmp(const void *a, const void *b);
int cidr_cmp(const void *a, const void *b); /* by address, then length */

#endif
