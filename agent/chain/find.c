/* SPDX-License-Identifier: Apache-2.0 */
/* Order and suffixes as the runtimes have them, and which main plugins are known. */
#include "chain/find.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "chain/chain.h"
#include "util/scope.h"

static const char *suffix_of(const char *name)
{
	const char *dot = strrchr(name, '.');

	return dot ? dot : "";
}

bool find_is_conf(const char *name)
{
	static const char *const suffixes[] = { ".conf", ".conflist", ".json" };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(suffixes); i++)
		if (!strcmp(suffix_of(name), suffixes[i]))
			return true;
	return false;
}

bool find_is_wrapped(const char *name)
{
	const size_t len = strlen(name), tail = strlen(FIND_WRAPPED);

	return len > tail && !strcmp(name + len - tail, FIND_WRAPPED);
}

static bool is_dir(const struct dir *d, const struct dirent *entry)
{
	struct stat st;

	if (entry->d_type != DT_UNKNOWN)
		return entry->d_type == DT_DIR;
	return !fstatat(d->fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) && S_ISDIR(st.st_mode);
}

int find_each(const struct dir *d, int (*each)(void *ctx, const char *name), void *ctx, struct bh_err *err)
{
	auto_fd int fd = openat(d->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *list = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;
	int r = 0;

	if (!list)
		return bh_err_errno(err, -errno, "cannot list '%s'", d->path);
	(void)TAKE_FD(fd);
	while (!r && (entry = readdir(list)))
		if (find_is_conf(entry->d_name) && !is_dir(d, entry))
			r = each(ctx, entry->d_name);
	(void)closedir(list);
	return r;
}

static int keep_first(void *ctx, const char *name)
{
	struct found *f = ctx;

	if (!find_is_wrapped(name) && (!f->name[0] || strcmp(name, f->name) < 0))
		(void)snprintf(f->name, sizeof(f->name), "%s", name);
	return 0;
}

int find_conf(const struct dir *d, struct found *ret, struct bh_err *err)
{
	struct found f = { 0 };
	int n, r = find_each(d, keep_first, &f, err);

	if (r < 0)
		return r;
	if (!f.name[0])
		return bh_err_set(err, -ENOENT, "no network configuration in '%s' yet", d->path);
	f.is_list = !strcmp(suffix_of(f.name), ".conflist");
	/* "10-a.bulkhead.conflist" goes before "10-a.conf" and "10-a.json", and behind what goes before
	 * those. */
	n = f.is_list ? snprintf(f.target, sizeof(f.target), "%s", f.name)
		      : snprintf(f.target, sizeof(f.target), "%.*s" FIND_WRAPPED,
				 (int)(suffix_of(f.name) - f.name), f.name);
	if (n >= (int)sizeof(f.target))
		return bh_err_set(err, -ENAMETOOLONG, "'%s/%s': name too long", d->path, f.name);
	*ret = f;
	return 0;
}

/* ---- main plugins ------------------------------------------------------------------------- */

static const struct main_plugin {
	const char *type;
	enum chain_support support;
	const char *why;
} main_plugins[] = {
	{ "bridge", CHAIN_SUPPORTED, "" },
	{ "ptp", CHAIN_SUPPORTED, "" }, /* also GKE without Dataplane V2 */
	{ "flannel", CHAIN_SUPPORTED, "" },
	{ "kindnet", CHAIN_SUPPORTED, "" },
	{ "calico", CHAIN_SUPPORTED, "with Calico's eBPF data plane (bpfEnabled) off" },
	{ "aws-cni", CHAIN_SUPPORTED, "" },
	{ "azure-vnet", CHAIN_SUPPORTED, "" },
	{ "multus", CHAIN_REFUSED,
	  "it calls other lists itself: the entry belongs into the one of its default network" },
	{ "cilium-cni", CHAIN_REFUSED,
	  "Cilium's programs hand packets over before ours see them (bpf.hostLegacyRouting: false, bpf.datapathMode: netkit)" },
	{ "netkit", CHAIN_REFUSED, "a netkit device has no veth that programs could hang on" },
	{ "ipvlan", CHAIN_REFUSED, "an ipvlan interface has no end on the node" },
	{ "macvlan", CHAIN_REFUSED, "a macvlan interface has no end on the node" },
	{ "sriov", CHAIN_REFUSED, "an SR-IOV interface has no end on the node" },
	{ "host-device", CHAIN_REFUSED, "a device moved into the pod has no end on the node" },
	{ "loopback", CHAIN_REFUSED, "loopback alone is no pod network: the main plugin has not come yet" },
};

enum chain_support chain_support_of(const char *type, const char **ret_why)
{
	size_t i;

	*ret_why = "not known; the plugin looks at each interface itself";
	for (i = 0; i < ARRAY_SIZE(main_plugins); i++) {
		if (strcmp(type, main_plugins[i].type))
			continue;
		*ret_why = main_plugins[i].why;
		return main_plugins[i].support;
	}
	return CHAIN_UNKNOWN;
}
