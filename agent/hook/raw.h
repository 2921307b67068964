/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The nine calls of bpf(2) that hanging programs on an interface takes, without libbpf. For hook/ and its
 * tests, and for what must work where nothing else does (cmd_node.c). Each returns a descriptor
 * (close-on-exec), 0, or -errno.
 */
#ifndef BH_HOOK_RAW_H
#define BH_HOOK_RAW_H

#include <stdint.h>

/* enum bpf_attach_type and bpf_link_type, include/uapi/linux/bpf.h of Linux 6.6; Debian 12's headers
 * are of 6.1. */
#define RAW_TCX_INGRESS 46
#define RAW_TCX_EGRESS	47
#define RAW_LINK_TCX	11

struct raw_link_info {
	uint32_t type, prog_id;
	uint32_t ifindex; /* 0: the interface is gone */
	uint32_t attach_type;
};

int raw_obj_get(const char *path);
int raw_obj_pin(const char *path, int fd);
int raw_prog_id(int prog_fd, uint32_t *ret);

/* As its maker calls it: may be "". -EPERM without CAP_SYS_ADMIN, which a cluster's agent has not got. */
#define RAW_NAME 16
int raw_prog_name(uint32_t prog_id, char ret[RAW_NAME]);

/* The programs on a tcx hook in the order in which they run: ids, at most @max of them.
 * Return: how many there are, which may be more than @max, or -errno (-EINVAL: no tcx in this kernel). */
int raw_prog_query(uint32_t ifindex, uint32_t attach_type, uint32_t *ret, uint32_t max);

/* A tcx link ahead of every other program on the hook. */
int raw_link_create(int prog_fd, uint32_t ifindex, uint32_t attach_type);
int raw_link_update(int link_fd, int prog_fd);
int raw_link_detach(int link_fd); /* at once, whoever else holds the link */
int raw_link_info(int link_fd, struct raw_link_info *ret);

#endif
