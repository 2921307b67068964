/* SPDX-License-Identifier: Apache-2.0 */
/* Requests, answers and attributes of netlink(7). */
#include "hook/nl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "util/scope.h"

#define ANSWER_BYTES 32768 /* the kernel's largest datagram of a dump (NLMSG_GOODSIZE) fits */

struct nl_request nl_request(uint16_t type, uint16_t flags, size_t body)
{
	struct nl_request r = { 0 };

	r.h.nlmsg_len = (uint32_t)NLMSG_LENGTH(body);
	r.h.nlmsg_type = type;
	r.h.nlmsg_flags = (uint16_t)(NLM_F_REQUEST | NLM_F_ACK | flags);
	return r;
}

struct rtattr *nl_put(struct nl_request *r, unsigned short type, const void *data, size_t len)
{
	struct rtattr *a = (struct rtattr *)((char *)r + NLMSG_ALIGN(r->h.nlmsg_len));

	a->rta_type = type;
	a->rta_len = (unsigned short)RTA_LENGTH(len);
	if (len)
		memcpy(RTA_DATA(a), data, len);
	r->h.nlmsg_len = NLMSG_ALIGN(r->h.nlmsg_len) + RTA_ALIGN(a->rta_len);
	return a;
}

void nl_put_u32(struct nl_request *r, unsigned short type, uint32_t value)
{
	(void)nl_put(r, type, &value, sizeof(value));
}

void nl_put_text(struct nl_request *r, unsigned short type, const char *text)
{
	(void)nl_put(r, type, text, strlen(text) + 1);
}

void nl_attrs(const void *first, size_t len, const struct rtattr **ret, size_t max)
{
	const struct rtattr *a;

	memset(ret, 0, (max + 1) * sizeof(*ret));
	for (a = first; RTA_OK(a, len); a = RTA_NEXT(a, len)) {
		const size_t type = a->rta_type & (unsigned short)~NLA_F_NESTED;

		if (type <= max && !ret[type])
			ret[type] = a;
	}
}

uint32_t nl_attr_u32(const struct rtattr *a, uint32_t missing)
{
	uint32_t value = missing;

	if (a && RTA_PAYLOAD(a) >= sizeof(value))
		memcpy(&value, RTA_DATA(a), sizeof(value));
	return value;
}

void nl_attr_text(const struct rtattr *a, char *ret, size_t size)
{
	size_t n = 0;

	if (a)
		n = strnlen(RTA_DATA(a), RTA_PAYLOAD(a) < size ? RTA_PAYLOAD(a) : size - 1);
	if (n)
		memcpy(ret, RTA_DATA(a), n);
	ret[n] = '\0';
}

bool nl_attr_is(const struct rtattr *a, const char *text)
{
	char name[16];

	nl_attr_text(a, name, sizeof(name));
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
	nl_attrs((const char *)e + skip, h->nlmsg_len - NLMSG_LENGTH(skip), at, NLMSGERR_ATTR_MSG);
	nl_attr_text(at[NLMSGERR_ATTR_MSG], ret, size);
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

static bool is_last(const struct nlmsghdr *h)
{
	return h->nlmsg_type == NLMSG_ERROR || h->nlmsg_type == NLMSG_DONE;
}

/* One message of the answer. Return: 1 that was the last one, 0 go on, or -errno. */
static int take(const struct nlmsghdr *h, nl_answer_fn answer, void *ctx, const char *what,
		struct bh_err *err)
{
	int r;

	if (h->nlmsg_flags & NLM_F_DUMP_INTR)
		return -EAGAIN;
	if (is_last(h)) {
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

static int send_request(int nl, struct nl_request *r, const char *what, struct bh_err *err)
{
	static uint32_t seq;
	ssize_t n;

	r->h.nlmsg_seq = ++seq;
	do
		n = send(nl, r, r->h.nlmsg_len, 0);
	while (n < 0 && errno == EINTR);
	return n < 0 ? bh_err_errno(err, -errno, "%s: cannot ask the kernel", what) : 0;
}

/* To its end whatever becomes of it: a socket takes no second walk during one (EBUSY). */
int nl_talk(int nl, struct nl_request *r, nl_answer_fn answer, void *ctx, const char *what,
	    struct bh_err *err)
{
	auto_free char *buf = malloc(ANSWER_BYTES);
	int ended = 0, n = buf ? send_request(nl, r, what, err) : -ENOMEM;
	bool last = false;

	while (n >= 0 && !last) {
		const struct nlmsghdr *h = (const struct nlmsghdr *)buf;
		size_t left;

		n = receive(nl, buf, what, err);
		for (left = n < 0 ? 0 : (size_t)n; NLMSG_OK(h, left) && !last; h = NLMSG_NEXT(h, left)) {
			if (h->nlmsg_seq != r->h.nlmsg_seq)
				continue;
			if (!ended)
				ended = take(h, answer, ctx, what, err);
			last = is_last(h);
		}
	}
	if (n < 0)
		return n;
	return ended < 0 ? ended : 0;
}

int nl_open_family(int protocol)
{
	auto_fd int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);
	const int on = 1;

	if (fd < 0)
		return -errno;
	(void)setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof(on));
	(void)setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof(on));
	(void)setsockopt(fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &on, sizeof(on));
	return TAKE_FD(fd);
}
