/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Netlink in small, of any family: a request with its attributes, the walk over its answers, and the
 * attributes in those. What they mean is netlink.c's business, and clsact.c's.
 */
#ifndef BH_HOOK_NL_H
#define BH_HOOK_NL_H

#include <linux/if_addr.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/net_namespace.h>
#include <linux/rtnetlink.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/err.h"

#define NL_DUMP_TRIES 5 /* a dump that a change interrupted (-EAGAIN) is asked again */

struct nl_request {
	struct nlmsghdr h;
	union {
		struct ifinfomsg link;
		struct ifaddrmsg addr;
		struct rtgenmsg nsid;
		struct tcmsg tc;
		struct nfgenmsg nf;
	};
	char attrs[192];
};

/* Called for every answer; a negative return ends the walk and becomes the result. */
typedef int (*nl_answer_fn)(void *ctx, const struct nlmsghdr *h);

/* As nl_open(), of another family than rtnetlink. The kernel checks what is asked strictly, without which
 * it does not hear of other namespaces in a dump. */
int nl_open_family(int protocol);

struct nl_request nl_request(uint16_t type, uint16_t flags, size_t body);

/* Returns the attribute, whose length grows while nested ones are put. The room is sized for our requests. */
struct rtattr *nl_put(struct nl_request *r, unsigned short type, const void *data, size_t len);
void nl_put_u32(struct nl_request *r, unsigned short type, uint32_t value);
void nl_put_text(struct nl_request *r, unsigned short type, const char *text);

/* Send @r and give each answer to @answer. @what begins every message. Return: 0, -EAGAIN a dump was
 * interrupted, or another -errno. */
int nl_talk(int nl, struct nl_request *r, nl_answer_fn answer, void *ctx, const char *what,
	    struct bh_err *err);

/* Sorts the attributes that begin at @first into ret[0..max]; the first of a type counts. */
void nl_attrs(const void *first, size_t len, const struct rtattr **ret, size_t max);
uint32_t nl_attr_u32(const struct rtattr *a, uint32_t missing);
void nl_attr_text(const struct rtattr *a, char *ret, size_t size);
bool nl_attr_is(const struct rtattr *a, const char *text);

#endif
