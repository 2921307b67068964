/* SPDX-License-Identifier: Apache-2.0 */
/* ctnetlink: a dump, and the attributes that are of use (linux/netfilter/nfnetlink_conntrack.h). */
#include "conntrack.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_conntrack_tcp.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <netinet/in.h>
#include <string.h>

#include "hook/nl.h"
#include "util/scope.h"

static bool same_end(const struct addr *a, __be16 port, const struct addr *b, __be16 other)
{
	return !addr_cmp(a, b) && port == other;
}

bool conntrack_is_plain(const struct conntrack *c)
{
	return same_end(&c->orig.src, c->orig.sport, &c->reply.dst, c->reply.dport) &&
	       same_end(&c->orig.dst, c->orig.dport, &c->reply.src, c->reply.sport);
}

static bool is_over(const struct conntrack *c)
{
	return c->proto == IPPROTO_TCP &&
	       (c->tcp_state < TCP_CONNTRACK_SYN_SENT || c->tcp_state > TCP_CONNTRACK_LAST_ACK);
}

size_t conntrack_views(const struct conntrack *c, const struct addr *pod, struct conntrack_view ret[2])
{
	size_t n = 0;

	if (is_over(c))
		return 0;
	if (!addr_cmp(&c->orig.src, pod))
		ret[n++] = (struct conntrack_view){
			.local = c->orig.src,
			.lport = c->orig.sport,
			.remote = c->orig.dst,
			.rport = c->orig.dport,
			.opened = true,
		};
	if (!addr_cmp(&c->reply.src, pod))
		ret[n++] = (struct conntrack_view){
			.local = c->reply.src,
			.lport = c->reply.sport,
			.remote = c->reply.dst,
			.rport = c->reply.dport,
		};
	return n;
}

/* ---- the dump ----------------------------------------------------------------------------- */

struct walk {
	void (*each)(void *ctx, const struct conntrack *c);
	void *ctx;
};

static void inside(const struct rtattr *a, const struct rtattr **ret, size_t max)
{
	nl_attrs(a ? RTA_DATA(a) : NULL, a ? RTA_PAYLOAD(a) : 0, ret, max);
}

static bool read_addr(const struct rtattr *v4, const struct rtattr *v6, struct addr *ret)
{
	static const struct addr mapped = { { [10] = 0xff, [11] = 0xff } };

	if (v4 && RTA_PAYLOAD(v4) == 4) {
		*ret = mapped;
		memcpy(ret->b + 12, RTA_DATA(v4), 4);
		return true;
	}
	if (!v6 || RTA_PAYLOAD(v6) != sizeof(ret->b))
		return false;
	memcpy(ret->b, RTA_DATA(v6), sizeof(ret->b));
	return true;
}

static __be16 read_port(const struct rtattr *a)
{
	__be16 port = 0;

	if (a && RTA_PAYLOAD(a) >= sizeof(port))
		memcpy(&port, RTA_DATA(a), sizeof(port));
	return port;
}

static uint8_t read_byte(const struct rtattr *a)
{
	return a && RTA_PAYLOAD(a) ? *(const uint8_t *)RTA_DATA(a) : 0;
}

static bool read_tuple(const struct rtattr *a, struct conntrack_tuple *ret, uint8_t *ret_proto)
{
	const struct rtattr *part[CTA_TUPLE_MAX + 1], *ip[CTA_IP_MAX + 1], *proto[CTA_PROTO_MAX + 1];

	inside(a, part, CTA_TUPLE_MAX);
	inside(part[CTA_TUPLE_IP], ip, CTA_IP_MAX);
	inside(part[CTA_TUPLE_PROTO], proto, CTA_PROTO_MAX);
	ret->sport = read_port(proto[CTA_PROTO_SRC_PORT]);
	ret->dport = read_port(proto[CTA_PROTO_DST_PORT]);
	*ret_proto = read_byte(proto[CTA_PROTO_NUM]);
	return read_addr(ip[CTA_IP_V4_SRC], ip[CTA_IP_V6_SRC], &ret->src) &&
	       read_addr(ip[CTA_IP_V4_DST], ip[CTA_IP_V6_DST], &ret->dst);
}

static uint8_t read_tcp_state(const struct rtattr *protoinfo)
{
	const struct rtattr *kind[CTA_PROTOINFO_MAX + 1], *tcp[CTA_PROTOINFO_TCP_MAX + 1];

	inside(protoinfo, kind, CTA_PROTOINFO_MAX);
	inside(kind[CTA_PROTOINFO_TCP], tcp, CTA_PROTOINFO_TCP_MAX);
	return read_byte(tcp[CTA_PROTOINFO_TCP_STATE]);
}

static int take_connection(void *ctx, const struct nlmsghdr *h)
{
	const size_t skip = NLMSG_ALIGN(sizeof(struct nfgenmsg));
	const struct rtattr *at[CTA_MAX + 1];
	const struct walk *w = ctx;
	struct conntrack c = { 0 };

	if (h->nlmsg_type != (NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_NEW) ||
	    h->nlmsg_len < NLMSG_LENGTH(skip))
		return 0;
	nl_attrs((const char *)NLMSG_DATA(h) + skip, h->nlmsg_len - NLMSG_LENGTH(skip), at, CTA_MAX);
	if (!read_tuple(at[CTA_TUPLE_REPLY], &c.reply, &c.proto) ||
	    !read_tuple(at[CTA_TUPLE_ORIG], &c.orig, &c.proto) ||
	    (c.proto != IPPROTO_TCP && c.proto != IPPROTO_UDP))
		return 0;
	c.tcp_state = read_tcp_state(at[CTA_PROTOINFO]);
	c.replied = ntohl(nl_attr_u32(at[CTA_STATUS], 0)) & IPS_SEEN_REPLY;
	w->each(w->ctx, &c);
	return 0;
}

int conntrack_each(void (*each)(void *ctx, const struct conntrack *c), void *ctx, struct bh_err *err)
{
	struct nl_request r =
		nl_request(NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_GET, NLM_F_DUMP, sizeof(r.nf));
	struct walk w = { .each = each, .ctx = ctx };
	auto_fd int nl = nl_open_family(NETLINK_NETFILTER);

	if (nl < 0)
		return bh_err_errno(err, nl, "connections: cannot open a netlink socket");
	r.nf.nfgen_family = AF_UNSPEC;
	r.nf.version = NFNETLINK_V0;
	return nl_talk(nl, &r, take_connection, &w, "connections", err);
}
