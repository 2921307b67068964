/* SPDX-License-Identifier: Apache-2.0 */
/* The clsact qdisc and our filter on it, by rtnetlink. */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <string.h>

#include "hook/netlink.h"
#include "hook/nl.h"

/* Our place on clsact: the lowest priority number there is, so ahead of whoever lets the kernel
 * choose (it counts down from 49152), and a handle that nobody gets by chance. */
#define FILTER_PRIO   1
#define FILTER_HANDLE 0xb01c
#define FILTER_SPARE  0xb01d /* for the moment in which the other one moves */
#define FILTER_INFO   TC_H_MAKE((uint32_t)FILTER_PRIO << 16, htons(ETH_P_ALL))

static struct nl_request tc_request(uint16_t type, uint16_t flags, uint32_t ifindex, uint32_t parent)
{
	struct nl_request r = nl_request(type, flags, sizeof(r.tc));

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
	nl_attrs(TCA_RTA(m), TCA_PAYLOAD(h), at, TCA_KIND);
	nl_attr_text(at[TCA_KIND], ctx, 16);
	return 0;
}

/* "clsact" and "ingress" take the same place, so that an interface has one of them or neither (""). */
static int ingress_kind(int nl, uint32_t ifindex, char ret[16], struct bh_err *err)
{
	struct nl_request r = tc_request(RTM_GETQDISC, NLM_F_ECHO, ifindex, TC_H_CLSACT);
	int n;

	ret[0] = '\0';
	n = nl_talk(nl, &r, take_kind, ret, "qdisc", err);
	return n == -ENOENT || n == -EINVAL || n == -ENODEV ? 0 : n;
}

int nl_clsact_add(int nl, uint32_t ifindex, struct bh_err *err)
{
	struct nl_request r = tc_request(RTM_NEWQDISC, NLM_F_CREATE | NLM_F_EXCL, ifindex, TC_H_CLSACT);
	char kind[16];
	int n;

	r.tc.tcm_handle = TC_H_MAKE(TC_H_CLSACT, 0);
	nl_put_text(&r, TCA_KIND, "clsact");
	n = nl_talk(nl, &r, NULL, NULL, "clsact qdisc", err);
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
	struct nl_filter ours;
	bool others, spare;
	bool ahead; /* some of the others have been seen before ours, in the chain that is run */
};

static void take_ours(struct filters *f, const struct rtattr *options)
{
	const struct rtattr *opt[TCA_BPF_ID + 1];

	nl_attrs(RTA_DATA(options), RTA_PAYLOAD(options), opt, TCA_BPF_ID);
	f->ours.prog_id = nl_attr_u32(opt[TCA_BPF_ID], 0);
	f->ours.behind = f->ahead;
}

/* Who is ahead, should ours come at all. */
static void take_ahead(struct filters *f, const struct rtattr *options)
{
	const struct rtattr *opt[TCA_BPF_ID + 1];

	nl_attrs(RTA_DATA(options), RTA_PAYLOAD(options), opt, TCA_BPF_ID);
	f->ours.first_id = nl_attr_u32(opt[TCA_BPF_ID], 0);
	nl_attr_text(opt[TCA_BPF_NAME], f->ours.first_name, sizeof(f->ours.first_name));
}

/*
 * Every classifier shows itself once with handle 0 and then each of its filters. Those of one priority come
 * in the order in which they run, the youngest first (net/sched/cls_bpf.c), whatever their handles; ours is
 * the lowest priority.
 */
static int take_filter(void *ctx, const struct nlmsghdr *h)
{
	const struct rtattr *at[TCA_CHAIN + 1];
	const struct tcmsg *m = NLMSG_DATA(h);
	struct filters *f = ctx;
	bool other = false;

	if (h->nlmsg_type != RTM_NEWTFILTER || h->nlmsg_len < NLMSG_LENGTH(sizeof(*m)))
		return 0;
	nl_attrs(TCA_RTA(m), TCA_PAYLOAD(h), at, TCA_CHAIN);
	if (m->tcm_info != FILTER_INFO || !nl_attr_is(at[TCA_KIND], "bpf"))
		other = true;
	else if (m->tcm_handle == FILTER_HANDLE && at[TCA_OPTIONS])
		take_ours(f, at[TCA_OPTIONS]);
	else if (m->tcm_handle == FILTER_SPARE)
		f->spare = true;
	else if (m->tcm_handle)
		other = true;
	f->others |= other;
	if (!other || nl_attr_u32(at[TCA_CHAIN], 0))
		return 0;
	f->ahead = true;
	if (!f->ours.prog_id && !f->ours.first_id && at[TCA_OPTIONS] && nl_attr_is(at[TCA_KIND], "bpf"))
		take_ahead(f, at[TCA_OPTIONS]);
	return 0;
}

/* A dump, because it answers a missing interface, qdisc or filter alike: with nothing. */
static int get_filters(int nl, uint32_t ifindex, bool ingress, struct filters *ret, struct bh_err *err)
{
	int tries, n = -EAGAIN;

	for (tries = 0; n == -EAGAIN && tries < NL_DUMP_TRIES; tries++) {
		struct nl_request r = tc_request(RTM_GETTFILTER, NLM_F_DUMP, ifindex, side(ingress));

		*ret = (struct filters){ 0 };
		n = nl_talk(nl, &r, take_filter, ret, "filters", err);
	}
	return n == -ENODEV ? 0 : n;
}

int nl_clsact_del_if_empty(int nl, uint32_t ifindex, struct bh_err *err)
{
	struct nl_request r = tc_request(RTM_DELQDISC, 0, ifindex, TC_H_CLSACT);
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
	if (in.others || out.others || in.ours.prog_id || out.ours.prog_id)
		return 0;
	r.tc.tcm_handle = TC_H_MAKE(TC_H_CLSACT, 0);
	n = nl_talk(nl, &r, NULL, NULL, "clsact qdisc", err);
	return n == -ENOENT || n == -EINVAL || n == -ENODEV ? 0 : n;
}

static struct nl_request filter_request(uint16_t type, uint16_t flags, uint32_t ifindex, bool ingress,
					uint32_t handle)
{
	struct nl_request r = tc_request(type, flags, ifindex, side(ingress));

	r.tc.tcm_info = FILTER_INFO;
	r.tc.tcm_handle = handle;
	nl_put_text(&r, TCA_KIND, "bpf");
	return r;
}

static int set_filter(int nl, uint32_t ifindex, bool ingress, uint32_t handle, int prog_fd,
		      struct bh_err *err)
{
	struct nl_request r = filter_request(RTM_NEWTFILTER, NLM_F_CREATE, ifindex, ingress, handle);
	struct rtattr *options = nl_put(&r, TCA_OPTIONS, NULL, 0);

	nl_put_u32(&r, TCA_BPF_FD, (uint32_t)prog_fd);
	nl_put_text(&r, TCA_BPF_NAME, "bulkhead");
	nl_put_u32(&r, TCA_BPF_FLAGS, TCA_BPF_FLAG_ACT_DIRECT);
	options->rta_len = (unsigned short)((char *)&r + r.h.nlmsg_len - (char *)options);
	return nl_talk(nl, &r, NULL, NULL, ingress ? "filter on clsact ingress" : "filter on clsact egress",
		       err);
}

static int del_filter(int nl, uint32_t ifindex, bool ingress, uint32_t handle, struct bh_err *err)
{
	struct nl_request r = filter_request(RTM_DELTFILTER, 0, ifindex, ingress, handle);
	const int n = nl_talk(nl, &r, NULL, NULL, "filter", err);

	return n == -ENOENT || n == -EINVAL || n == -ENODEV ? 0 : n;
}

int nl_filter_set(int nl, uint32_t ifindex, bool ingress, int prog_fd, struct bh_err *err)
{
	return set_filter(nl, ifindex, ingress, FILTER_HANDLE, prog_fd, err);
}

int nl_filter_first(int nl, uint32_t ifindex, bool ingress, int prog_fd, struct bh_err *err)
{
	int n = set_filter(nl, ifindex, ingress, FILTER_SPARE, prog_fd, err);

	if (!n)
		n = del_filter(nl, ifindex, ingress, FILTER_HANDLE, err);
	if (!n)
		n = set_filter(nl, ifindex, ingress, FILTER_HANDLE, prog_fd, err);
	return n ? n : del_filter(nl, ifindex, ingress, FILTER_SPARE, err);
}

int nl_filter_del(int nl, uint32_t ifindex, bool ingress, struct bh_err *err)
{
	struct filters f;
	int n;

	n = get_filters(nl, ifindex, ingress, &f, err);
	if (!n && f.spare)
		n = del_filter(nl, ifindex, ingress, FILTER_SPARE, err);
	return n < 0 || !f.ours.prog_id ? n : del_filter(nl, ifindex, ingress, FILTER_HANDLE, err);
}

int nl_filter_get(int nl, uint32_t ifindex, bool ingress, struct nl_filter *ret, struct bh_err *err)
{
	struct filters f;
	int n;

	n = get_filters(nl, ifindex, ingress, &f, err);
	if (n < 0)
		return n;
	*ret = f.ours;
	ret->behind |= f.spare; /* left by who was killed: it goes when ours is put first again */
	return 0;
}
