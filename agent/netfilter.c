/* SPDX-License-Identifier: Apache-2.0 */
/* One dump over NETLINK_NETFILTER. */
#include "netfilter.h"

#include <errno.h>
#include <linux/netfilter/ipset/ip_set.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "util/scope.h"

#define WAIT_S 5

struct request {
	struct nlmsghdr head;
	struct nfgenmsg nf;
	struct nlattr attr; /* u8, padded */
	uint8_t protocol, pad[3];
};

static int ask(int fd, const struct netfilter_names *which)
{
	struct request r = {
		.head = { .nlmsg_type = (uint16_t)(which->subsystem << 8 | which->command),
			  .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
			  .nlmsg_len = which->protocol ? sizeof(r) : NLMSG_LENGTH(sizeof(r.nf)) },
		.nf = { .nfgen_family = AF_UNSPEC, .version = NFNETLINK_V0 },
		.attr = { .nla_len = NLA_HDRLEN + 1, .nla_type = IPSET_ATTR_PROTOCOL },
		.protocol = which->protocol,
	};

	return send(fd, &r, r.head.nlmsg_len, 0) < 0 ? -errno : 0;
}

static void take(const struct netfilter_names *which, const struct nlmsghdr *h,
		 void (*each)(void *ctx, const char *name), void *ctx)
{
	const char *at = (const char *)NLMSG_DATA(h) + NLMSG_ALIGN(sizeof(struct nfgenmsg));
	const char *const end = (const char *)h + h->nlmsg_len;

	while (end - at >= NLA_HDRLEN) {
		const struct nlattr *a = (const void *)at;
		const char *text = at + NLA_HDRLEN;
		const size_t len = a->nla_len;

		if (len < NLA_HDRLEN || len > (size_t)(end - at))
			return;
		if ((a->nla_type & NLA_TYPE_MASK) == which->attribute && memchr(text, '\0', len - NLA_HDRLEN))
			each(ctx, text);
		at += NLA_ALIGN(len);
	}
}

static int code_of(const struct nlmsghdr *h)
{
	const struct nlmsgerr *e = NLMSG_DATA(h);

	return h->nlmsg_len < NLMSG_LENGTH(sizeof(e->error)) ? -EPROTO : e->error;
}

/* Return: 1 the dump is over, 0 there is more, -errno. */
static int take_all(const struct netfilter_names *which, const void *data, unsigned int len,
		    void (*each)(void *ctx, const char *name), void *ctx)
{
	const struct nlmsghdr *h;

	for (h = data; NLMSG_OK(h, len); h = NLMSG_NEXT(h, len)) {
		if (h->nlmsg_type == NLMSG_DONE)
			return 1;
		if (h->nlmsg_type == NLMSG_ERROR)
			return code_of(h) ? code_of(h) : 1;
		take(which, h, each, ctx);
	}
	return 0;
}

static int dump(int fd, const struct netfilter_names *which, void (*each)(void *ctx, const char *name),
		void *ctx)
{
	char buf[32768] __attribute__((aligned(NLMSG_ALIGNTO)));
	int r = ask(fd, which);

	while (!r) {
		const ssize_t n = recv(fd, buf, sizeof(buf), 0);

		if (n < 0 && errno == EINTR)
			continue;
		r = n < 0 ? -errno : take_all(which, buf, (unsigned int)n, each, ctx);
	}
	return r;
}

int netfilter_each(const struct netfilter_names *which, void (*each)(void *ctx, const char *name), void *ctx,
		   struct bh_err *err)
{
	const struct timeval wait = { .tv_sec = WAIT_S };
	auto_fd int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
	int r;

	if (fd < 0 && (errno == EPROTONOSUPPORT || errno == EAFNOSUPPORT))
		return 0;
	if (fd < 0)
		return bh_err_errno(err, -errno, "cannot ask netfilter");
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	r = dump(fd, which, each, ctx);
	return r >= 0 || r == -EINVAL || r == -EOPNOTSUPP ? 0 : bh_err_errno(err, r, "cannot ask netfilter");
}
