/* SPDX-License-Identifier: Apache-2.0 */
/* The rtnetlink monitor (multicast groups, rtnetlink(7)) and the questions that go with it. */
#include "node.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "hook/netlink.h"
#include "util/scope.h"

#define RECEIVE_BYTES (1 << 20) /* some thousand messages may wait while we work */
#define ADDRS_FIRST   64
#define ADDRS_MAX     65536 /* kube-proxy in IPVS mode puts every Service on a dummy */

struct node {
	struct node_hooks hooks;
	int monitor_fd, ask_fd;
};

static int open_monitor(struct bh_err *err)
{
	const struct sockaddr_nl addr = {
		.nl_family = AF_NETLINK,
		.nl_groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR,
	};
	const int size = RECEIVE_BYTES;
	auto_fd int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);

	if (fd < 0)
		return bh_err_errno(err, -errno, "cannot make a netlink socket");
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	if (bind(fd, (const struct sockaddr *)&addr, sizeof(addr)) < 0)
		return bh_err_errno(err, -errno, "cannot follow interfaces and addresses");
	return TAKE_FD(fd);
}

int node_new(const struct node_hooks *hooks, struct node **ret, struct bh_err *err)
{
	struct node *n = calloc(1, sizeof(*n));
	int r = 0;

	if (!n)
		return bh_err_set(err, -ENOMEM, "no memory for the netlink monitor");
	n->hooks = *hooks;
	n->ask_fd = -1;
	n->monitor_fd = open_monitor(err);
	if (n->monitor_fd < 0)
		r = n->monitor_fd;
	else if ((n->ask_fd = nl_open()) < 0)
		r = bh_err_errno(err, n->ask_fd, "cannot make a netlink socket");
	if (r < 0) {
		node_free(n);
		return r;
	}
	*ret = n;
	return 0;
}

void node_free(struct node *n)
{
	if (!n)
		return;
	if (n->monitor_fd >= 0)
		(void)close(n->monitor_fd);
	if (n->ask_fd >= 0)
		(void)close(n->ask_fd);
	free(n);
}

int node_fd(const struct node *n)
{
	return n->monitor_fd;
}

/* A port that leaves its bridge sends RTM_DELLINK of family AF_BRIDGE, and lives on. */
static void take_link(struct node *n, const struct nlmsghdr *h)
{
	const struct ifinfomsg *i = NLMSG_DATA(h);

	if (h->nlmsg_type == RTM_DELLINK && h->nlmsg_len >= NLMSG_LENGTH(sizeof(*i)) &&
	    i->ifi_family == AF_UNSPEC)
		n->hooks.link_gone(n->hooks.ctx, (uint32_t)i->ifi_index);
}

/* Return: whether some message was about an address. */
static bool take_messages(struct node *n, const void *data, unsigned int len)
{
	const struct nlmsghdr *h;
	bool addrs = false;

	for (h = data; NLMSG_OK(h, len); h = NLMSG_NEXT(h, len)) {
		take_link(n, h);
		if (h->nlmsg_type == RTM_NEWADDR || h->nlmsg_type == RTM_DELADDR)
			addrs = true;
	}
	return addrs;
}

int node_work(struct node *n, struct bh_err *err)
{
	char buf[32768] __attribute__((aligned(NLMSG_ALIGNTO)));
	bool changed = false;
	ssize_t len;

	for (;;) {
		len = recv(n->monitor_fd, buf, sizeof(buf), 0);
		if (len > 0) {
			changed |= take_messages(n, buf, (unsigned int)len);
		} else if (len < 0 && errno == ENOBUFS) { /* netlink(7): some were dropped */
			n->hooks.lost(n->hooks.ctx);
			changed = true;
		} else if (len < 0 && errno == EAGAIN) {
			return changed;
		} else if (len < 0 && errno != EINTR) {
			return bh_err_errno(err, -errno, "cannot read from netlink");
		}
	}
}

/* @ifindex: 0 for all of them. */
static int read_all(const struct node *n, uint32_t ifindex, struct addr **ret, struct bh_err *err)
{
	auto_free struct addr *addrs = NULL;
	size_t max;
	int r = -E2BIG;

	for (max = ADDRS_FIRST; max <= ADDRS_MAX && r == -E2BIG; max *= 4) {
		free(addrs);
		addrs = calloc(max, sizeof(*addrs));
		if (!addrs)
			return bh_err_set(err, -ENOMEM, "no memory for %zu addresses", max);
		r = nl_addrs(n->ask_fd, ifindex, addrs, max, err);
	}
	if (r >= 0)
		*ret = TAKE_PTR(addrs);
	return r;
}

/* Link-local ones name no flow (only neighbour discovery passes), and every new veth brings one. */
static int drop_link_local(struct addr *addrs, int n)
{
	int i, kept = 0;

	for (i = 0; i < n; i++)
		if (!addr_is_link_local(&addrs[i]))
			addrs[kept++] = addrs[i];
	return kept;
}

/* Return: how many are kept, or -errno. */
static int drop_those_of(const struct node *n, const char *ifname, struct addr *addrs, int count,
			 struct bh_err *err)
{
	auto_free struct addr *services = NULL;
	struct nl_link link;
	int i, kept = 0, r = nl_link_by_name(n->ask_fd, ifname, &link, err);

	if (r == -ENODEV)
		return count;
	if (!r)
		r = read_all(n, link.ifindex, &services, err);
	if (r < 0)
		return r;
	qsort(services, (size_t)r, sizeof(*services), addr_cmp);
	for (i = 0; i < count; i++)
		if (!bsearch(&addrs[i], services, (size_t)r, sizeof(*services), addr_cmp))
			addrs[kept++] = addrs[i];
	return kept;
}

/*
 * kube-proxy in IPVS mode and kube-router put the addresses of every Service on a dummy, those of load
 * balancers and external IPs as well: what goes there ends in a pod, and is not for the node. (Elsewhere the
 * model knows a ClusterIP.)
 */
static int drop_services(const struct node *n, struct addr *addrs, int count, struct bh_err *err)
{
	static const char *const dummies[] = { "kube-ipvs0", "kube-dummy-if" };
	size_t i;

	for (i = 0; i < sizeof(dummies) / sizeof(dummies[0]) && count >= 0; i++)
		count = drop_those_of(n, dummies[i], addrs, count, err);
	return count;
}

int node_read_addrs(const struct node *n, struct model *m, struct bh_err *err)
{
	auto_free struct addr *addrs = NULL;
	int r, count = read_all(n, 0, &addrs, err);

	if (count < 0)
		return count;
	count = drop_link_local(addrs, count);
	if (count)
		qsort(addrs, (size_t)count, sizeof(*addrs), addr_cmp);
	count = drop_services(n, addrs, count, err);
	if (count < 0)
		return count;
	if (m->local_addrs.n == (size_t)count &&
	    (!count || !memcmp(m->local_addrs.v, addrs, (size_t)count * sizeof(*addrs))))
		return 0;
	r = model_set_local_addrs(m, addrs, (size_t)count);
	return r < 0 ? bh_err_set(err, r, "no memory for %d addresses", count) : 1;
}

int node_link(const struct node *n, uint32_t ifindex, struct nl_link *ret, struct bh_err *err)
{
	const int r = nl_link_by_index(n->ask_fd, ifindex, ret, err);

	return r == -ENODEV ? 0 : r < 0 ? r : 1;
}
