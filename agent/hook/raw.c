/* SPDX-License-Identifier: Apache-2.0 */
/* bpf(2) without a library: what hook.c needs of it. */
#include "hook/raw.h"

#include <errno.h>
#include <linux/bpf.h>
#include <stddef.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "util/scope.h"

#define FLAG_BEFORE (1u << 3) /* BPF_F_BEFORE (6.6); with no relative program: ahead of all */

/* union bpf_attr, member link_create with its tcx part (6.6). */
struct link_create {
	uint32_t prog_fd, ifindex, attach_type, flags;
	uint32_t relative_fd, pad;
	uint64_t expected_revision;
};
_Static_assert(offsetof(struct link_create, expected_revision) == 24, "union bpf_attr, link_create.tcx");

/* union bpf_attr, member query with its tcx part (6.6). */
struct prog_query {
	uint32_t ifindex, attach_type, query_flags, attach_flags;
	uint64_t prog_ids;
	uint32_t count, pad;
	uint64_t prog_attach_flags, link_ids, link_attach_flags, revision;
};
_Static_assert(offsetof(struct prog_query, revision) == 56, "union bpf_attr, query.tcx");

/* struct bpf_link_info with its tcx part (6.6). */
struct link_info {
	uint32_t type, id, prog_id, pad;
	uint32_t ifindex, attach_type;
};
_Static_assert(offsetof(struct link_info, ifindex) == 16, "struct bpf_link_info.tcx");

static int call(int cmd, void *attr, unsigned int size)
{
	const long r = syscall(__NR_bpf, cmd, attr, size);

	return r < 0 ? -errno : (int)r;
}

int raw_obj_get(const char *path)
{
	union bpf_attr a;

	memset(&a, 0, sizeof(a));
	a.pathname = (uint64_t)(uintptr_t)path;
	return call(BPF_OBJ_GET, &a, sizeof(a));
}

int raw_obj_pin(const char *path, int fd)
{
	union bpf_attr a;

	memset(&a, 0, sizeof(a));
	a.pathname = (uint64_t)(uintptr_t)path;
	a.bpf_fd = (uint32_t)fd;
	return call(BPF_OBJ_PIN, &a, sizeof(a));
}

static int info(int fd, void *ret, uint32_t size)
{
	union bpf_attr a;

	memset(&a, 0, sizeof(a));
	a.info.bpf_fd = (uint32_t)fd;
	a.info.info = (uint64_t)(uintptr_t)ret;
	a.info.info_len = size;
	return call(BPF_OBJ_GET_INFO_BY_FD, &a, sizeof(a));
}

int raw_prog_id(int prog_fd, uint32_t *ret)
{
	struct bpf_prog_info i = { 0 };
	const int r = info(prog_fd, &i, sizeof(i));

	if (r < 0)
		return r;
	*ret = i.id;
	return 0;
}

int raw_prog_name(uint32_t prog_id, char ret[RAW_NAME])
{
	struct bpf_prog_info i = { 0 };
	auto_fd int fd = -1;
	union bpf_attr a;
	int r;

	_Static_assert(sizeof(i.name) == RAW_NAME, "struct bpf_prog_info.name, with its NUL");
	memset(&a, 0, sizeof(a));
	a.prog_id = prog_id;
	fd = call(BPF_PROG_GET_FD_BY_ID, &a, sizeof(a));
	r = fd < 0 ? fd : info(fd, &i, sizeof(i));
	if (!r)
		memcpy(ret, i.name, RAW_NAME);
	return r;
}

/* The kernel fills what there is room for and says -ENOSPC if that is not all; without any program there is
 * no hook to ask, -ENOENT (kernel/bpf/mprog.c, tcx.c). */
int raw_prog_query(uint32_t ifindex, uint32_t attach_type, uint32_t *ret, uint32_t max)
{
	struct prog_query a = {
		.ifindex = ifindex,
		.attach_type = attach_type,
		.prog_ids = (uint64_t)(uintptr_t)ret,
		.count = max,
	};
	const int r = call(BPF_PROG_QUERY, &a, sizeof(a));

	if (r == -ENOENT)
		return 0;
	return r < 0 && r != -ENOSPC ? r : (int)a.count;
}

int raw_link_create(int prog_fd, uint32_t ifindex, uint32_t attach_type)
{
	struct link_create a = {
		.prog_fd = (uint32_t)prog_fd,
		.ifindex = ifindex,
		.attach_type = attach_type,
		.flags = FLAG_BEFORE,
	};

	return call(BPF_LINK_CREATE, &a, sizeof(a));
}

int raw_link_update(int link_fd, int prog_fd)
{
	union bpf_attr a;

	memset(&a, 0, sizeof(a));
	a.link_update.link_fd = (uint32_t)link_fd;
	a.link_update.new_prog_fd = (uint32_t)prog_fd;
	return call(BPF_LINK_UPDATE, &a, sizeof(a));
}

int raw_link_detach(int link_fd)
{
	union bpf_attr a;

	memset(&a, 0, sizeof(a));
	a.link_detach.link_fd = (uint32_t)link_fd;
	return call(BPF_LINK_DETACH, &a, sizeof(a));
}

int raw_link_info(int link_fd, struct raw_link_info *ret)
{
	struct link_info i = { 0 };
	const int r = info(link_fd, &i, sizeof(i));

	if (r < 0)
		return r;
	*ret = (struct raw_link_info){
		.type = i.type,
		.prog_id = i.prog_id,
		.ifindex = i.ifindex,
		.attach_type = i.attach_type,
	};
	return 0;
}
