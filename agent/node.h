/* SPDX-License-Identifier: Apache-2.0 */
/*
 * This node's interfaces and addresses as rtnetlink tells them: which addresses are its own now, and
 * which interfaces have gone.
 */
#ifndef BH_NODE_H
#define BH_NODE_H

#include <stdbool.h>
#include <stdint.h>

#include "hook/netlink.h"
#include "model/model.h"
#include "util/err.h"

struct node;

struct node_hooks {
	void (*link_gone)(void *ctx, uint32_t ifindex);
	void (*lost)(void *ctx); /* messages were lost: look at every interface again */
	void *ctx;
};

/* Follows the network namespace the caller is in now. Return: 0 or -errno. */
int node_new(const struct node_hooks *hooks, struct node **ret, struct bh_err *err);
void node_free(struct node *n);
int node_fd(const struct node *n); /* readable: node_work() */

/* Calls the hooks. Return: 1 addresses may have changed, 0, or -errno. */
int node_work(struct node *n, struct bh_err *err);

/* Puts the addresses of now into @m. Return: 1 they differ from what was there, 0, or -errno. */
int node_read_addrs(const struct node *n, struct model *m, struct bh_err *err);

/* Return: 1 there is such an interface, 0 there is none, or -errno. */
int node_link(const struct node *n, uint32_t ifindex, struct nl_link *ret, struct bh_err *err);

#endif
