/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the runtime reads: prevResult handed on, and errors. And what we read in prevResult.
 */
#ifndef BH_CNI_RESULT_H
#define BH_CNI_RESULT_H

#include <stddef.h>

#include "netconf.h"
#include "util/addr.h"
#include "util/buf.h"
#include "util/err.h"

/**
 * result_addrs() - the addresses that prevResult gives to one sandbox interface.
 * @ifname: its name; an address without an interface index counts too.
 * @ret:    in their order, without duplicates.
 *
 * Return: 0, or CNI_BAD_CONFIG with the path of what is wrong (more than @max addresses too).
 */
int result_addrs(const struct netconf *c, const char *ifname, struct addr *ret, size_t max, size_t *ret_n,
		 struct bh_err *err);

/**
 * result_text() - what ADD prints: prevResult, byte for byte as it came.
 *
 * Only where its cniVersion is not that of the configuration it is converted (ips[].version, which
 * 0.3 and 0.4 demand and 1.0 does not know). Return: 0, CNI_BAD_CONFIG or CNI_IO.
 */
int result_text(const struct netconf *c, struct buf *ret, struct bh_err *err);

/* The spec's error object. Return: 0 or -ENOMEM. */
int result_error(enum cni_version version, int code, const char *msg, struct buf *ret);

/* {"cniVersion": ..., "supportedVersions": [...]}. Return: 0 or -ENOMEM. */
int result_versions(struct buf *ret);

/* All of it and a line end, which is added to it. Return: 0 or -errno. */
int result_print(int fd, struct buf *text);

#endif
