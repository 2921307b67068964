/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The little rtnetlink that we need: links, addresses, namespace ids, and the clsact qdisc with our filter.
 */
#ifndef BH_HOOK_NETLINK_H
#define BH_HOOK_NETLINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/addr.h"
#include "util/err.h"
#include "util/vec.h"

#define NL_ADDRS 32

/* One interface as RTM_NEWLINK tells it. */
struct nl_link {
	uint32_t ifindex;
	uint32_t peer;	   /* IFLA_LINK: ifindex of the veth's other end, 0 if none */
	int32_t peer_nsid; /* IFLA_LINK_NETNSID: where that is; -1: here */
	uint8_t mac[6];
	char name[16];
	char kind[16]; /* "veth"; "" if none */
	bool eui64;    /* IPv6 is on, and the link-local address is made of the MAC */
};

typedef VEC(struct nl_link) nl_link_vec;

/* A socket bound to the network namespace the caller is in now, close-on-exec. Return: fd or -errno. */
int nl_open(void);

/* Return: 0, -ENODEV, or another -errno. */
int nl_link_by_name(int nl, const char *name, struct nl_link *ret, struct bh_err *err);
int nl_link_by_index(int nl, uint32_t ifindex, struct nl_link *ret, struct bh_err *err);

/* As nl_link_by_index(), in the namespace that has this id here. */
int nl_link_in(int nl, int32_t nsid, uint32_t ifindex, struct nl_link *ret, struct bh_err *err);

/* The veths here whose other end is in another namespace; @ret is emptied first. Return: 0 or -errno. */
int nl_veths(int nl, nl_link_vec *ret, struct bh_err *err);

/* The addresses of one interface (ifindex 0: of all, loopback left out), at most @max.
 * Return: how many, -E2BIG if there are more, or another -errno. */
int nl_addrs(int nl, uint32_t ifindex, struct addr *ret, size_t max, struct bh_err *err);

/* Tells @each of every address of one interface in the namespace that has this id here (-1: in this one),
 * perhaps of one twice; a -errno of it ends the walk. Return: 0 or -errno. */
int nl_each_addr_in(int nl, int32_t nsid, uint32_t ifindex, int (*each)(void *ctx, const struct addr *a),
		    void *ctx, struct bh_err *err);

/* The id that the namespace behind @netns_fd has here, -1 if it has none. Return: 0 or -errno. */
int nl_nsid(int nl, int netns_fd, int32_t *ret, struct bh_err *err);

/* What is under our handle and priority. */
struct nl_filter {
	uint32_t prog_id;    /* 0: nothing */
	bool behind;	     /* another one runs before it, or nl_filter_first() was killed at its work */
	uint32_t first_id;   /* ...the first of which runs this program; 0: none */
	char first_name[64]; /* as who made that filter calls it */
};

/* clsact: the qdisc and one BPF filter on it (direct action). @ingress: else egress. nl_filter_first: puts it
 * before those that have come since, and is at no time without it. */
int nl_clsact_add(int nl, uint32_t ifindex, struct bh_err *err);
int nl_clsact_del_if_empty(int nl, uint32_t ifindex, struct bh_err *err);
int nl_filter_set(int nl, uint32_t ifindex, bool ingress, int prog_fd, struct bh_err *err);
int nl_filter_del(int nl, uint32_t ifindex, bool ingress, struct bh_err *err);
int nl_filter_get(int nl, uint32_t ifindex, bool ingress, struct nl_filter *ret, struct bh_err *err);
int nl_filter_first(int nl, uint32_t ifindex, bool ingress, int prog_fd, struct bh_err *err);

#endif
