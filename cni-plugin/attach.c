/* SPDX-License-Identifier: Apache-2.0 */
/* Looking into the sandbox and back: setns(2), two rtnetlink sockets, no names trusted. */
#include "attach.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "hook/netlink.h"
#include "util/scope.h"

static bool same_file(int a, int b)
{
	struct stat x, y;

	return !fstat(a, &x) && !fstat(b, &y) && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

/* What we need to know of the interface inside, seen from inside. */
struct inside {
	struct nl_link link;
	struct addr addrs[NL_ADDRS];
	int n;
};

static int look(const char *ifname, struct inside *ret, struct bh_err *err)
{
	auto_fd int nl = nl_open();
	int r;

	if (nl < 0)
		return bh_err_errno(err, nl, "cannot open an rtnetlink socket");
	r = nl_link_by_name(nl, ifname, &ret->link, err);
	if (!r)
		r = nl_addrs(nl, ret->link.ifindex, ret->addrs, NL_ADDRS, err);
	if (r < 0)
		return r;
	ret->n = r;
	return 0;
}

/* In and out again; this process has one thread. */
static int look_inside(int ours, int theirs, const struct env *env, struct inside *ret, struct bh_err *err)
{
	struct bh_err why = { "" };
	int r;

	if (setns(theirs, CLONE_NEWNET) < 0)
		return bh_err_set(err, CNI_BAD_NETNS, "CNI_NETNS: %.128s is no network namespace: %s",
				  env->netns, strerror(errno));
	r = look(env->ifname, ret, &why);
	if (setns(ours, CLONE_NEWNET) < 0)
		return bh_err_set(err, CNI_IO, "cannot return to the own network namespace: %s",
				  strerror(errno));
	if (r < 0)
		return bh_err_set(err, r == -ENODEV ? CNI_CANNOT_PROTECT : CNI_IO, "in %.96s: %s", env->netns,
				  why.msg);
	return 0;
}

/* RFC 4291 appendix A. */
static struct addr eui64_of(const uint8_t mac[6])
{
	return (struct addr){ { 0xfe, 0x80, 0, 0, 0, 0, 0, 0, mac[0] ^ 2, mac[1], mac[2], 0xff, 0xfe, mac[3],
				mac[4], mac[5] } };
}

/* While the link has no carrier yet it has no link-local address either, but will get this one. */
static int keep_link_local(const struct inside *in, struct sandbox *ret, struct bh_err *err)
{
	int i;

	for (i = 0; i < in->n; i++) {
		if (!addr_is_link_local(&in->addrs[i]))
			continue;
		if (ret->n == BH_EP_ADDRS)
			return bh_err_set(err, CNI_CANNOT_PROTECT,
					  "interface '%s' has over %d link-local addresses", in->link.name,
					  BH_EP_ADDRS);
		ret->link_local[ret->n++] = in->addrs[i];
	}
	if (!ret->n && in->link.eui64)
		ret->link_local[ret->n++] = eui64_of(in->link.mac);
	return 0;
}

/* @same: the sandbox is our own namespace, so that the kernel shows no namespace id. */
static int match_host_end(int theirs, bool same, const struct inside *in, struct nl_link *ret,
			  struct bh_err *err)
{
	auto_fd int nl = nl_open();
	struct bh_err why = { "" };
	int32_t nsid = -1;
	int r = nl;

	if (nl >= 0)
		r = nl_link_by_index(nl, in->link.peer, ret, &why);
	if (!r && !same)
		r = nl_nsid(nl, theirs, &nsid, &why); /* after the link: telling it is what gives the id */
	if (r < 0 && r != -ENODEV)
		return bh_err_set(err, CNI_IO, "other end of '%s': %s", in->link.name,
				  nl < 0 ? strerror(-nl) : why.msg);
	if (!r && !strcmp(ret->kind, "veth") && ret->peer == in->link.ifindex && ret->peer_nsid == nsid &&
	    (same || nsid >= 0))
		return 0;
	return bh_err_set(err, CNI_CANNOT_PROTECT,
			  "the other end (index %u) of veth '%s' is not in this plugin's network namespace",
			  in->link.peer, in->link.name);
}

int sandbox_find(const struct env *env, struct sandbox *ret, struct bh_err *err)
{
	auto_fd int ours = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	auto_fd int theirs = open(env->netns, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	struct inside in = { 0 };
	struct sandbox s = { 0 };
	struct nl_link host = { 0 };
	int code;

	if (ours < 0)
		return bh_err_set(err, CNI_IO, "cannot open /proc/self/ns/net: %s", strerror(errno));
	if (theirs < 0)
		return bh_err_set(err, CNI_BAD_NETNS, "CNI_NETNS: cannot open %.128s: %s", env->netns,
				  strerror(errno));
	if (same_file(ours, theirs) && !env->netns_override)
		return bh_err_set(err, CNI_BAD_NETNS,
				  "CNI_NETNS: %.128s is the plugin's own network namespace", env->netns);
	code = look_inside(ours, theirs, env, &in, err);
	if (code)
		return code;
	if (!in.link.kind[0])
		return bh_err_set(
			err, CNI_CANNOT_PROTECT,
			"interface '%s' is a device of its own (as SR-IOV gives): only veth can be protected",
			in.link.name);
	if (strcmp(in.link.kind, "veth"))
		return bh_err_set(err, CNI_CANNOT_PROTECT,
				  "interface '%s' is of kind '%s': only veth can be protected", in.link.name,
				  in.link.kind);
	code = match_host_end(theirs, same_file(ours, theirs), &in, &host, err);
	if (!code)
		code = keep_link_local(&in, &s, err);
	if (code)
		return code;
	s.ifindex = host.ifindex;
	s.peer = host.peer;
	s.nsid = host.peer_nsid;
	memcpy(s.mac, in.link.mac, sizeof(s.mac));
	*ret = s;
	return 0;
}
