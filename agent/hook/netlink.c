/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rtnetlink in small: a request with its attributes, the walk over its answers, and on top of that
 * links, addresses, namespace ids and the clsact qdisc with our filter. Leaves to others what the
 * answers mean.
 */
#include "hook/netlink.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_addr.h>
#include <linux/if_ether.h>
#include <linux/ipv6.h>
#include <linux/net_namespace.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "util/scope.h"

#define ANSWER_BYTES 32768 /* the kernel's largest datagram of a dump (NLMSG_GOODSIZE) fits */
#define DUMP_TRIES   5	   /* a dump that a change interrupted is asked again */

/* Our place on clsact: the lowest priority number there is, so ahead of whoever lets the kernel
 * choose (it counts down from 49152), and a handle that nobody gets by chance. */
#define FILTER_PRIO   1
#define FILTER_HANDLE 0xb01c
#define FILTER_INFO   TC_H_MAKE((uint32_t)FILTER_PRIO << 16, htons(ETH_P_ALL))

struct request {
	struct nlmsghdr h;
	union {
		struct ifinfomsg link;
		struct ifaddrmsg addr;
		struct rtgenmsg nsid;
		struct tcmsg tc;
	};
	char attrs[192];
};

/* Called for every answer; a negative return ends the walk and becomes the result. */
typedef int (*answer_fn)(void *ctx, const struct nlmsghdr *h);

static struct request request_of(uint16_t type, uint16_t flags, size_t body)
{
	struct request r = { 0 };

	r.h.nlmsg_len = (uint32_t)NLMSG_LENGTH(body);
	r.h.nlmsg_type = type;
	r.h.nlmsg_flags = (uint16_t)(NLM_F_REQUEST | NLM_F_ACK | flags);
	return r;
}

/* Returns the attribute, whose length grows while nested ones are put. The room is sized for the
 * requests of this file. */
static struct rtattr *put(struct request *r, unsigned short type, const void *data, size_t len)
{
	struct rtattr *a = (struct rtattr *)((char *)r + NLMSG_ALIGN(r->h.nlmsg_len));

	a->rta_type = type;
	a->rta_len = (unsigned short)RTA_LENGTH(len);
	if (len)
		memcpy(RTA_DATA(a), data, len);
	r->h.nlmsg_len = NLMSG_ALIGN(r->h.nlmsg_len) + RTA_ALIGN(a->rta_len);
	return a;
}

static void put_u32(struct request *r, unsigned short type, uint32_t value)
{
	(void)put(r, type, &value, sizeof(value));
}

static void put_text(struct request *r, unsigned short type, const char *text)
{
	(void)put(r, type, text, strlen(text) + 1);
}

/* Sorts the attributes that begin at @first into ret[0..max]; the first of a type counts. */
static void attrs_of(const void *first, size_t len, const struct rtattr **ret, size_t max)
{
	const struct rtattr *a;

	memset(ret, 0, (max + 1) * sizeof(*ret));
	for (a = first; RTA_OK(a, len); a = RTA_NEXT(a, len)) {
		const size_t type = a->rta_type & (unsigned short)~NLA_F_NESTED;

		if (type <= max && !ret[type])
			ret[type] = a;
	}
}

static uint32_t attr_u32(const struct rtattr *a, uint32_t missing)
{
	uint32_t value = missing;

	if (a && RTA_PAYLOAD(a) >= sizeof(value))
		memcpy(&value, RTA_DATA(a), sizeof(value));
	return value;
}

static void attr_text(const struct rtattr *a, char *ret, size_t size)
{
	size_t n = 0;

	if (a)
		n = strnlen(RTA_DATA(a), RTA_PAYLOAD(a) < size ? RTA_PAYLOAD(a) : size - 1);
	if (n)
		memcpy(ret, RTA_DATA(a), n);
	ret[n] = '\0';
}

static bool attr_is(const struct rtattr *a, const char *text)
{
	char name[16];

	attr_text(a, name, sizeof(name));
	return !strcmp(name, text);
}

/* The kernel's own words for a refusal ("" if it has none): include/uapi/linux/netlink.h, struct nlmsgerr. */
static void refusal_text(const struct nlmsghdr *h, char *ret, size_t size)
{
	const struct nlmsgerr *e = NLMSG_DATA(h);
	const struct rtattr *at[NLMSGERR_ATTR_MSG + 1];
	size_t skip = sizeof(*e);

	ret[0] = '\0';
	if (!(h->nlmsg_flags & NLM_F_ACK_TLVS))
		return;
	if (!(h->nlmsg_flags & NLM_F_CAPPED))
		skip += NLMSG_ALIGN(e->msg.nlmsg_len) - sizeof(e->msg);
	if (h->nlmsg_len < NLMSG_LENGTH(skip))
		return;
	attrs_of((const char *)e + skip, h->nlmsg_len - NLMSG_LENGTH(skip), at, NLMSGERR_ATTR_MSG);
	attr_text(at[NLMSGERR_ATTR_MSG], ret, size);
}

static int refused(const struct nlmsghdr *h, int r, const char *what, struct bh_err *err)
{
	char words[96] = "";

	if (h->nlmsg_type == NLMSG_ERROR)
		refusal_text(h, words, sizeof(words));
	if (words[0])
		return bh_err_set(err, r, "%s: %s (%s)", what, strerror(-r), words);
	return bh_err_errno(err, r, "%s", what);
}

/* One message of the answer. Return: 1 that was the last one, 0 go on, or -errno. */
static int take(const struct nlmsghdr *h, answer_fn answer, void *ctx, const char *what, struct bh_err *err)
{
	int r;

	if (h->nlmsg_flags & NLM_F_DUMP_INTR)
		return -EAGAIN;
	if (h->nlmsg_type == NLMSG_ERROR || h->nlmsg_type == NLMSG_DONE) {
		if (h->nlmsg_len < NLMSG_LENGTH(sizeof(int)))
			return bh_err_set(err, -EPROTO, "%s: the kernel's answer is cut short", what);
		memcpy(&r, NLMSG_DATA(h), sizeof(r));
		return r < 0 ? refused(h, r, what, err) : 1;
	}
	return answer ? answer(ctx, h) : 0;
}

static int receive(int nl, void *buf, const char *what, struct bh_err *err)
{
	ssize_t n;

	do
		n = recv(nl, buf, ANSWER_BYTES, MSG_TRUNC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return bh_err_errno(err, -errno, "%s: no answer from the kernel", what);
	if (n > ANSWER_BYTES)
		return bh_err_set(err, -EMSGSIZE, "%s: the kernel's answer has %zd bytes", what, n);
	return (int)n;
}

static int send_request(int nl, struct request *r, const char *what, struct bh_err *err)
{
	static uint32_t seq;
	ssize_t n;

	r->h.nlmsg_seq = ++seq;
	do
		n = send(nl, r, r->h.nlmsg_len, 0);
	while (n < 0 && errno == EINTR);
	return n < 0 ? bh_err_errno(err, -errno, "%s: cannot ask the kernel", what) : 0;
}

/* Send @r and give each answer to @answer. @what begins every message. Return: 0 or -errno. */
static int talk(int nl, struct request *r, answer_fn answer, void *ctx, const char *what, struct bh_err *err)
{
	auto_free char *buf = malloc(ANSWER_BYTES);
	int ended = 0, n = buf ? send_request(nl, r, what, err) : -ENOMEM;

	while (n >= 0 && !ended) {
		const struct nlmsghdr *h = (const struct nlmsghdr *)buf;
		size_t left;

		n = receive(nl, buf, what, err);
		for (left = n < 0 ? 0 : (size_t)n; NLMSG_OK(h, left) && !ended; h = NLMSG_NEXT(h, left)) {
			if (h->nlmsg_seq != r->h.nlmsg_seq)
				continue; /* left over from a walk that ended early */
			ended = take(h, answer, ctx, what, err);
		}
	}
	if (n < 0)
		return n;
	return ended < 0 ? ended : 0;
}

int nl_open(void)
{
	auto_fd int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	const int on = 1;

	if (fd < 0)
		return -errno;
	(void)setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof(on));
	(void)setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof(on));
	return TAKE_FD(fd);
}

/* ---- links ------------------------------------------------------------------------------ */

/* What /proc/sys/net would say as well, but there a reader runs in circles while anybody holds the rtnl
 * lock (addrconf_sysctl_addr_gen_mode() in net/ipv6/addrconf.c). */
static bool makes_eui64(const struct rtattr *af_spec)
{
	const struct rtattr *families[AF_INET6 + 1], *inet6[IFLA_INET6_ADDR_GEN_MODE + 1], *mode, *conf;
	int32_t disabled;

	attrs_of(RTA_DATA(af_spec), RTA_PAYLOAD(af_spec), families, AF_INET6);
	if (!families[AF_INET6])
		return false;
	attrs_of(RTA_DATA(families[AF_INET6]), RTA_PAYLOAD(families[AF_INET6]), inet6,
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
	attrs_of(IFLA_RTA(m), IFLA_PAYLOAD(h), at, IFLA_LINK_NETNSID);
	*l = (struct nl_link){ .ifindex = (uint32_t)m->ifi_index };
	l->peer = attr_u32(at[IFLA_LINK], 0);
	l->peer_nsid = (int32_t)attr_u32(at[IFLA_LINK_NETNSID], (uint32_t)-1);
	attr_text(at[IFLA_IFNAME], l->name, sizeof(l->name));
	if (at[IFLA_ADDRESS] && RTA_PAYLOAD(at[IFLA_ADDRESS]) == sizeof(l->mac))
		memcpy(l->mac, RTA_DATA(at[IFLA_ADDRESS]), sizeof(l->mac));
	if (at[IFLA_LINKINFO]) {
		attrs_of(RTA_DATA(at[IFLA_LINKINFO]), RTA_PAYLOAD(at[IFLA_LINKINFO]), info, IFLA_INFO_KIND);
		attr_text(info[IFLA_INFO_KIND], l->kind, sizeof(l->kind));
	}
	l->eui64 = at[IFLA_AF_SPEC] && makes_eui64(at[IFLA_AF_SPEC]);
	return 0;
}

static int get_link(int nl, struct request *r, const char *what, struct nl_link *ret, struct bh_err *err)
{
	struct nl_link l = { 0 };
	int n;

	put_u32(r, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
	n = talk(nl, r, take_link, &l, what, err);
	if (n < 0)
		return n;
	if (!l.ifindex)
		return bh_err_set(err, -ENODEV, "%s: not there", what);
	*ret = l;
	return 0;
}

int nl_link_by_name(int nl, const char *name, struct nl_link *ret, struct bh_err *err)
{
	struct request r = request_of(RTM_GETLINK, 0, sizeof(r.link));
	char what[40];

	if (!name[0] || strlen(name) >= IFNAMSIZ)
		return bh_err_set(err, -EINVAL, "'%.32s' is no interface name", name);
	(void)snprintf(what, sizeof(what), "interface '%s'", name);
	put_text(&r, IFLA_IFNAME, name);
	return get_link(nl, &r, what, ret, err);
}

int nl_link_by_index(int nl, uint32_t ifindex, struct nl_link *ret, struct bh_err *err)
{
	struct request r = request_of(RTM_GETLINK, 0, sizeof(r.link));
	char what[40];

	(void)snprintf(what, sizeof(what), "interface with index %u", ifindex);
	if (!ifindex)
		return bh_err_set(err, -ENODEV, "%s: not there", what);
	r.link.ifi_index = (int)ifindex;
	return get_link(nl, &r, what, ret, err);
}

/* ---- addresses -------------------------------------------------------------------------- */

struct addr_walk {
	uint32_t ifindex;
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
static int keep_addr(struct addr_walk *w, const struct addr *a)
{
	int i;

	if (!w->ifindex && is_loopback(a))
		return 0;
	for (i = 0; i < w->n; i++)
		if (!addr_cmp(&w->ret[i], a))
			return 0;
	if ((size_t)w->n == w->max)
		return -E2BIG;
	w->ret[w->n++] = *a;
	return 0;
}

/* IFA_LOCAL is the interface's own address; IFA_ADDRESS is the peer's where there is one. */
static int take_addr(void *ctx, const struct nlmsghdr *h)
{
	const struct rtattr *at[IFA_LOCAL + 1], *a;
	const struct ifaddrmsg *m = NLMSG_DATA(h);
	struct addr_walk *w = ctx;
	struct addr own;

	if (h->nlmsg_type != RTM_NEWADDR || h->nlmsg_len < NLMSG_LENGTH(sizeof(*m)))
		return 0;
	if (w->ifindex && m->ifa_index != w->ifindex)
		return 0;
	attrs_of(IFA_RTA(m), IFA_PAYLOAD(h), at, IFA_LOCAL);
	a = at[IFA_LOCAL] ? at[IFA_LOCAL] : at[IFA_ADDRESS];
	if (!a || !addr_of(a, m->ifa_family, &own))
		return 0;
	return keep_addr(w, &own);
}

int nl_addrs(int nl, uint32_t ifindex, struct addr *ret, size_t max, struct bh_err *err)
{
	int tries, n = -EAGAIN;

	for (tries = 0; n == -EAGAIN && tries < DUMP_TRIES; tries++) {
		struct request r = request_of(RTM_GETADDR, NLM_F_DUMP, sizeof(r.addr));
		struct addr_walk w = { .ifindex = ifindex, .ret = ret, .max = max };

		n = talk(nl, &r, take_addr, &w, "addresses", err);
		if (n == 0)
			return w.n;
	}
	if (n == -E2BIG)
		return bh_err_set(err, n, "interface with index %u has over %zu addresses", ifindex, max);
	if (n == -EAGAIN)
		return bh_err_set(err, n, "addresses: they change faster than they can be read");
	return n;
}

/* ---- namespace ids ---------------------------------------------------------------------- */

static int take_nsid(void *ctx, const struct nlmsghdr *h)
{
	const struct rtattr *at[NETNSA_NSID + 1];
	const size_t skip = NLMSG_ALIGN(sizeof(struct rtgenmsg));
	int32_t *nsid = ctx;

	if (h->nlmsg_type != RTM_NEWNSID || h->nlmsg_len < NLMSG_LENGTH(skip))
		return 0;
	attrs_of((const char *)NLMSG_DATA(h) + skip, h->nlmsg_len - NLMSG_LENGTH(skip), at, NETNSA_NSID);
	*nsid = (int32_t)attr_u32(at[NETNSA_NSID], (uint32_t)NETNSA_NSID_NOT_ASSIGNED);
	return 0;
}

int nl_nsid(int nl, int netns_fd, int32_t *ret, struct bh_err *err)
{
	struct request r = request_of(RTM_GETNSID, 0, sizeof(r.nsid));
	int32_t nsid = NETNSA_NSID_NOT_ASSIGNED;
	int n;

	put_u32(&r, NETNSA_FD, (uint32_t)netns_fd);
	n = talk(nl, &r, take_nsid, &nsid, "id of the network namespace", err);
	if (n < 0)
		return n;
	*ret = nsid;
	return 0;
}

/* ---- clsact ----------------------------------------------------------------------------- */

static struct request tc_request(uint16_t type, uint16_t flags, uint32_t ifindex, uint32_t parent)
{
	struct request r = request_of(type, flags, sizeof(r.tc));

	r.tc.tcm_ifindex = (int)ifindex;
	r.tc.tcm_parent = parent;
	return r;
}

static uint32_t side(bool ingress)
{
	return TC_H_MAKE(TC_H_CLSACT, ingress ? TC_H_MIN_INGRESS : TC_H_MIN_EGRESS);
}

static int take_kind(void *ctx, const struct nlmsghdr *h)
{
	const struct rtattr *at[TCA_KIND + 1];
	const struct tcmsg *m = NLMSG_DATA(h);

	if (h->nlmsg_type != RTM_NEWQDISC || h->nlmsg_len < NLMSG_LENGTH(sizeof(*m)))
		return 0;
	attrs_of(TCA_RTA(m), TCA_PAYLOAD(h), at, TCA_KIND);
	attr_text(at[TCA_KIND], ctx, 16);
	return 0;
}

/* "clsact" and "ingress" take the same place, so that an interface has one of them or neither (""). */
static int ingress_kind(int nl, uint32_t ifindex, char ret[16], struct bh_err *err)
{
	struct request r = tc_request(RTM_GETQDISC, NLM_F_ECHO, ifindex, TC_H_CLSACT);
	int n;

	ret[0] = '\0';
	n = talk(nl, &r, take_kind, ret, "qdisc", err);
	return n == -ENOENT || n == -EINVAL || n == -ENODEV ? 0 : n;
}

int nl_clsact_add(int nl, uint32_t ifindex, struct bh_err *err)
{
	struct request r = tc_request(RTM_NEWQDISC, NLM_F_CREATE | NLM_F_EXCL, ifindex, TC_H_CLSACT);
	char kind[16];
	int n;

	r.tc.tcm_handle = TC_H_MAKE(TC_H_CLSACT, 0);
	put_text(&r, TCA_KIND, "clsact");
	n = talk(nl, &r, NULL, NULL, "clsact qdisc", err);
	if (n != -EEXIST)
		return n;

	n = ingress_kind(nl, ifindex, kind, err);
	if (n < 0)
		return n;
	if (!strcmp(kind, "clsact"))
		return 0;
	return bh_err_set(
		err, -EBUSY,
		"interface with index %u has a qdisc '%s' (the bandwidth plugin makes one), which takes "
		"the place of clsact; use tcx (Linux 6.6) or take it away",
		ifindex, kind);
}

struct filters {
	uint32_t prog_id; /* of ours; 0: there is none */
	bool others;
};

/* Every classifier shows itself once with handle 0 and then each of its filters. */
static int take_filter(void *ctx, const struct nlmsghdr *h)
{
	const struct rtattr *at[TCA_OPTIONS + 1], *opt[TCA_BPF_ID + 1];
	const struct tcmsg *m = NLMSG_DATA(h);
	struct filters *f = ctx;

	if (h->nlmsg_type != RTM_NEWTFILTER || h->nlmsg_len < NLMSG_LENGTH(sizeof(*m)))
		return 0;
	attrs_of(TCA_RTA(m), TCA_PAYLOAD(h), at, TCA_OPTIONS);
	if (m->tcm_info != FILTER_INFO || !attr_is(at[TCA_KIND], "bpf")) {
		f->others = true;
	} else if (m->tcm_handle == FILTER_HANDLE && at[TCA_OPTIONS]) {
		attrs_of(RTA_DATA(at[TCA_OPTIONS]), RTA_PAYLOAD(at[TCA_OPTIONS]), opt, TCA_BPF_ID);
		f->prog_id = attr_u32(opt[TCA_BPF_ID], 0);
	} else if (m->tcm_handle) {
		f->others = true;
	}
	return 0;
}

/* A dump, because it answers a missing interface, qdisc or filter alike: with nothing. */
static int get_filters(int nl, uint32_t ifindex, bool ingress, struct filters *ret, struct bh_err *err)
{
	int tries, n = -EAGAIN;

	for (tries = 0; n == -EAGAIN && tries < DUMP_TRIES; tries++) {
		struct request r = tc_request(RTM_GETTFILTER, NLM_F_DUMP, ifindex, side(ingress));

		*ret = (struct filters){ 0 };
		n = talk(nl, &r, take_filter, ret, "filters", err);
	}
	return n == -ENODEV ? 0 : n;
}

int nl_clsact_del_if_empty(int nl, uint32_t ifindex, struct bh_err *err)
{
	struct request r = tc_request(RTM_DELQDISC, 0, ifindex, TC_H_CLSACT);
	struct filters in, out;
	char kind[16];
	int n;

	n = ingress_kind(nl, ifindex, kind, err);
	if (n < 0 || strcmp(kind, "clsact"))
		return n;
	n = get_filters(nl, ifindex, true, &in, err);
	if (n < 0)
		return n;
	n = get_filters(nl, ifindex, false, &out, err);
	if (n < 0)
		return n;
	if (in.others || out.others || in.prog_id || out.prog_id)
		return 0;
	r.tc.tcm_handle = TC_H_MAKE(TC_H_CLSACT, 0);
	n = talk(nl, &r, NULL, NULL, "clsact qdisc", err);
	return n == -ENOENT || n == -EINVAL || n == -ENODEV ? 0 : n;
}

static struct request filter_request(uint16_t type, uint16_t flags, uint32_t ifindex, bool ingress)
{
	struct request r = tc_request(type, flags, ifindex, side(ingress));

	r.tc.tcm_info = FILTER_INFO;
	r.tc.tcm_handle = FILTER_HANDLE;
	put_text(&r, TCA_KIND, "bpf");
	return r;
}

int nl_filter_set(int nl, uint32_t ifindex, bool ingress, int prog_fd, struct bh_err *err)
{
	struct request r = filter_request(RTM_NEWTFILTER, NLM_F_CREATE, ifindex, ingress);
	struct rtattr *options = put(&r, TCA_OPTIONS, NULL, 0);

	put_u32(&r, TCA_BPF_FD, (uint32_t)prog_fd);
	put_text(&r, TCA_BPF_NAME, "bulkhead");
	put_u32(&r, TCA_BPF_FLAGS, TCA_BPF_FLAG_ACT_DIRECT);
	options->rta_len = (unsigned short)((char *)&r + r.h.nlmsg_len - (char *)options);
	return talk(nl, &r, NULL, NULL, ingress ? "filter on clsact ingress" : "filter on clsact egress",
		    err);
}

int nl_filter_del(int nl, uint32_t ifindex, bool ingress, struct bh_err *err)
{
	struct request r = filter_request(RTM_DELTFILTER, 0, ifindex, ingress);
	struct filters f;
	int n;

	n = get_filters(nl, ifindex, ingress, &f, err);
	if (n < 0 || !f.prog_id)
		return n;
	n = talk(nl, &r, NULL, NULL, "filter", err);
	return n == -ENOENT || n == -EINVAL || n == -ENODEV ? 0 : n;
}

int nl_filter_get(int nl, uint32_t ifindex, bool ingress, uint32_t *ret_prog_id, struct bh_err *err)
{
	struct filters f;
	int n;

	n = get_filters(nl, ifindex, ingress, &f, err);
	if (n < 0)
		return n;
	*ret_prog_id = f.prog_id;
	return 0;
}
