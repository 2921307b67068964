/* SPDX-License-Identifier: Apache-2.0 */
/* rtnetlink(7): links, addresses and namespace ids, here and in the namespaces of the other ends. */
#include "hook/netlink.h"

#include <errno.h>
#include <linux/if_link.h>
#include <linux/ipv6.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "hook/nl.h"
#include "util/scope.h"

int nl_open(void)
{
	return nl_open_family(NETLINK_ROUTE);
}

/* ---- links ------------------------------------------------------------------------------ */

/* What /proc/sys/net would say as well, but there a reader runs in circles while anybody holds the rtnl
 * lock (addrconf_sysctl_addr_gen_mode() in net/ipv6/addrconf.c). */
static bool makes_eui64(const struct rtattr *af_spec)
{
	const struct rtattr *families[AF_INET6 + 1], *inet6[IFLA_INET6_ADDR_GEN_MODE + 1], *mode, *conf;
	int32_t disabled;

	nl_attrs(RTA_DATA(af_spec), RTA_PAYLOAD(af_spec), families, AF_INET6);
	if (!families[AF_INET6])
		return false;
	nl_attrs(RTA_DATA(families[AF_INET6]), RTA_PAYLOAD(families[AF_INET6]), inet6,
		 IFLA_INET6_ADDR_GEN_MODE);
	mode = inet6[IFLA_INET6_ADDR_GEN_MODE];
	conf = inet6[IFLA_INET6_CONF];
	if (!mode || *(const uint8_t *)RTA_DATA(mode) != IN6_ADDR_GEN_MODE_EUI64 || !conf ||
	    RTA_PAYLOAD(conf) < (DEVCONF_DISABLE_IPV6 + 1) * sizeof(disabled))
		return false;
	memcpy(&disabled, (const char *)RTA_DATA(conf) + DEVCONF_DISABLE_IPV6 * sizeof(disabled),
	       sizeof(disabled));
	return !disabled;
}

static int take_link(void *ctx, const struct nlmsghdr *h)
{
	const struct rtattr *at[IFLA_LINK_NETNSID + 1], *info[IFLA_INFO_KIND + 1];
	const struct ifinfomsg *m = NLMSG_DATA(h);
	struct nl_link *l = ctx;

	if (h->nlmsg_type != RTM_NEWLINK || h->nlmsg_len < NLMSG_LENGTH(sizeof(*m)))
		return 0;
	nl_attrs(IFLA_RTA(m), IFLA_PAYLOAD(h), at, IFLA_LINK_NETNSID);
	*l = (struct nl_link){ .ifindex = (uint32_t)m->ifi_index };
	l->peer = nl_attr_u32(at[IFLA_LINK], 0);
	l->peer_nsid = (int32_t)nl_attr_u32(at[IFLA_LINK_NETNSID], (uint32_t)-1);
	nl_attr_text(at[IFLA_IFNAME], l->name, sizeof(l->name));
	if (at[IFLA_ADDRESS] && RTA_PAYLOAD(at[IFLA_ADDRESS]) == sizeof(l->mac))
		memcpy(l->mac, RTA_DATA(at[IFLA_ADDRESS]), sizeof(l->mac));
	if (at[IFLA_LINKINFO]) {
		nl_attrs(RTA_DATA(at[IFLA_LINKINFO]), RTA_PAYLOAD(at[IFLA_LINKINFO]), info, IFLA_INFO_KIND);
		nl_attr_text(info[IFLA_INFO_KIND], l->kind, sizeof(l->kind));
	}
	l->eui64 = at[IFLA_AF_SPEC] && makes_eui64(at[IFLA_AF_SPEC]);
	return 0;
}

/* -1: here. The kernel wants CAP_NET_ADMIN over the other namespace, and for a dump a strict socket. */
static void put_target(struct nl_request *r, unsigned short type, int32_t nsid)
{
	if (nsid >= 0)
		nl_put_u32(r, type, (uint32_t)nsid);
}

static int get_link(int nl, struct nl_request *r, const char *what, struct nl_link *ret, struct bh_err *err)
{
	struct nl_link l = { 0 };
	int n;

	nl_put_u32(r, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
	n = nl_talk(nl, r, take_link, &l, what, err);
	if (n < 0)
		return n;
	if (!l.ifindex)
		return bh_err_set(err, -ENODEV, "%s: not there", what);
	*ret = l;
	return 0;
}

int nl_link_by_name(int nl, const char *name, struct nl_link *ret, struct bh_err *err)
{
	struct nl_request r = nl_request(RTM_GETLINK, 0, sizeof(r.link));
	char what[40];

	if (!name[0] || strlen(name) >= IFNAMSIZ)
		return bh_err_set(err, -EINVAL, "'%.32s' is no interface name", name);
	(void)snprintf(what, sizeof(what), "interface '%s'", name);
	nl_put_text(&r, IFLA_IFNAME, name);
	return get_link(nl, &r, what, ret, err);
}

int nl_link_by_index(int nl, uint32_t ifindex, struct nl_link *ret, struct bh_err *err)
{
	return nl_link_in(nl, -1, ifindex, ret, err);
}

int nl_link_in(int nl, int32_t nsid, uint32_t ifindex, struct nl_link *ret, struct bh_err *err)
{
	struct nl_request r = nl_request(RTM_GETLINK, 0, sizeof(r.link));
	char what[40];

	(void)snprintf(what, sizeof(what), "interface with index %u", ifindex);
	if (!ifindex)
		return bh_err_set(err, -ENODEV, "%s: not there", what);
	r.link.ifi_index = (int)ifindex;
	put_target(&r, IFLA_TARGET_NETNSID, nsid);
	return get_link(nl, &r, what, ret, err);
}

static int take_veth(void *ctx, const struct nlmsghdr *h)
{
	nl_link_vec *list = ctx;
	struct nl_link l = { 0 }, *slot;

	(void)take_link(&l, h);
	if (!l.peer || l.peer_nsid < 0 || strcmp(l.kind, "veth"))
		return 0;
	slot = vec_add(list);
	if (!slot)
		return -ENOMEM;
	*slot = l;
	return 0;
}

int nl_veths(int nl, nl_link_vec *ret, struct bh_err *err)
{
	int tries, n = -EAGAIN;

	for (tries = 0; n == -EAGAIN && tries < NL_DUMP_TRIES; tries++) {
		struct nl_request r = nl_request(RTM_GETLINK, NLM_F_DUMP, sizeof(r.link));

		nl_put_u32(&r, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
		ret->n = 0;
		n = nl_talk(nl, &r, take_veth, ret, "interfaces", err);
	}
	return n == -EAGAIN ? bh_err_set(err, n, "interfaces: they change faster than they can be read") : n;
}

/* ---- addresses -------------------------------------------------------------------------- */

struct addr_walk {
	uint32_t ifindex;
	int (*each)(void *ctx, const struct addr *a);
	void *ctx;
};

struct addr_list {
	bool loopback; /* those too */
	struct addr *ret;
	size_t max;
	int n;
};

static bool addr_of(const struct rtattr *a, int family, struct addr *ret)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

	if (family == AF_INET6 && RTA_PAYLOAD(a) == 16) {
		memcpy(ret->b, RTA_DATA(a), 16);
		return true;
	}
	if (family == AF_INET && RTA_PAYLOAD(a) == 4) {
		memcpy(ret->b, mapped, sizeof(mapped));
		memcpy(ret->b + 12, RTA_DATA(a), 4);
		return true;
	}
	return false;
}

static bool is_loopback(const struct addr *a)
{
	static const struct addr one = { { [15] = 1 } };

	return !addr_cmp(a, &one) || (addr_is_v4(a) && a->b[12] == 127);
}

/* The same address may be on many interfaces (fe80::ecee:eeff:feee:eeee on all of Calico's): once. */
static int keep_addr(void *ctx, const struct addr *a)
{
	struct addr_list *l = ctx;
	int i;

	if (!l->loopback && is_loopback(a))
		return 0;
	for (i = 0; i < l->n; i++)
		if (!addr_cmp(&l->ret[i], a))
			return 0;
	if ((size_t)l->n == l->max)
		return -E2BIG;
	l->ret[l->n++] = *a;
	return 0;
}

/* IFA_LOCAL is the interface's own address; IFA_ADDRESS is the peer's where there is one. */
static int take_addr(void *ctx, const struct nlmsghdr *h)
{
	const struct rtattr *at[IFA_LOCAL + 1], *a;
	const struct ifaddrmsg *m = NLMSG_DATA(h);
	const struct addr_walk *w = ctx;
	struct addr own;

	if (h->nlmsg_type != RTM_NEWADDR || h->nlmsg_len < NLMSG_LENGTH(sizeof(*m)))
		return 0;
	if (w->ifindex && m->ifa_index != w->ifindex)
		return 0;
	nl_attrs(IFA_RTA(m), IFA_PAYLOAD(h), at, IFA_LOCAL);
	a = at[IFA_LOCAL] ? at[IFA_LOCAL] : at[IFA_ADDRESS];
	if (!a || !addr_of(a, m->ifa_family, &own))
		return 0;
	return w->each(w->ctx, &own);
}

int nl_each_addr_in(int nl, int32_t nsid, uint32_t ifindex, int (*each)(void *ctx, const struct addr *a),
		    void *ctx, struct bh_err *err)
{
	struct addr_walk w = { .ifindex = ifindex, .each = each, .ctx = ctx };
	int tries, r = -EAGAIN;

	for (tries = 0; r == -EAGAIN && tries < NL_DUMP_TRIES; tries++) {
		struct nl_request q = nl_request(RTM_GETADDR, NLM_F_DUMP, sizeof(q.addr));

		put_target(&q, IFA_TARGET_NETNSID, nsid);
		r = nl_talk(nl, &q, take_addr, &w, "addresses", err);
	}
	return r == -EAGAIN ? bh_err_set(err, r, "addresses: they change faster than they can be read") : r;
}

int nl_addrs(int nl, uint32_t ifindex, struct addr *ret, size_t max, struct bh_err *err)
{
	struct addr_list l = { .loopback = ifindex, .ret = ret, .max = max };
	const int r = nl_each_addr_in(nl, -1, ifindex, keep_addr, &l, err);

	if (r == -E2BIG)
		return bh_err_set(err, r, "interface with index %u has over %zu addresses", ifindex, max);
	return r < 0 ? r : l.n;
}

/* ---- namespace ids ---------------------------------------------------------------------- */

static int take_nsid(void *ctx, const struct nlmsghdr *h)
{
	const struct rtattr *at[NETNSA_NSID + 1];
	const size_t skip = NLMSG_ALIGN(sizeof(struct rtgenmsg));
	int32_t *nsid = ctx;

	if (h->nlmsg_type != RTM_NEWNSID || h->nlmsg_len < NLMSG_LENGTH(skip))
		return 0;
	nl_attrs((const char *)NLMSG_DATA(h) + skip, h->nlmsg_len - NLMSG_LENGTH(skip), at, NETNSA_NSID);
	*nsid = (int32_t)nl_attr_u32(at[NETNSA_NSID], (uint32_t)NETNSA_NSID_NOT_ASSIGNED);
	return 0;
}

int nl_nsid(int nl, int netns_fd, int32_t *ret, struct bh_err *err)
{
	struct nl_request r = nl_request(RTM_GETNSID, 0, sizeof(r.nsid));
	int32_t nsid = NETNSA_NSID_NOT_ASSIGNED;
	int n;

	nl_put_u32(&r, NETNSA_FD, (uint32_t)netns_fd);
	n = nl_talk(nl, &r, take_nsid, &nsid, "id of the network namespace", err);
	if (n < 0)
		return n;
	*ret = nsid;
	return 0;
}
