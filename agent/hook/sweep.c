/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Taking off everything of ours, whoever it belongs to: by what the kernel and bpffs show, because a
 * record may be missing.
 */
#include <dirent.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "hook/hook.h"

#define HEX 32

/* KEY_from or KEY_to. */
static bool link_key(const char *name, struct hash128 *ret)
{
	if (strlen(name) < HEX || (strcmp(name + HEX, "_from") && strcmp(name + HEX, "_to")))
		return false;
	return hash128_of_hex(name, ret);
}

static int sweep_links(const char *pin_dir, struct bh_err *err)
{
	struct hook h = { .pin_dir = pin_dir };
	const struct dirent *entry;
	char path[256];
	int r, first = 0;
	DIR *d;

	if (snprintf(path, sizeof(path), "%s/links", pin_dir) >= (int)sizeof(path))
		return bh_err_set(err, -ENAMETOOLONG, "pin directory '%s': name too long", pin_dir);
	d = opendir(path);
	if (!d)
		return errno == ENOENT || errno == ENOTDIR
			       ? 0
			       : bh_err_errno(err, -errno, "cannot list %s", path);
	while ((entry = readdir(d))) {
		r = link_key(entry->d_name, &h.key) ? hook_detach(&h, first ? NULL : err) : 0;
		first = first ? first : r;
	}
	(void)closedir(d);
	return first;
}

static int sweep_filters(const char *pin_dir, struct bh_err *err)
{
	struct if_nameindex *all = if_nameindex(), *i;
	int first = 0;

	if (!all)
		return bh_err_errno(err, -errno, "cannot list this node's interfaces");
	for (i = all; i->if_index; i++) {
		const struct hook h = { .pin_dir = pin_dir, .ifindex = i->if_index };
		const int r = hook_detach(&h, first ? NULL : err);

		first = first || r == -ENODEV ? first : r;
	}
	if_freenameindex(all);
	return first;
}

static int sweep_beside(void *ctx, const char *dir)
{
	return sweep_links(dir, ctx);
}

int hook_sweep(const char *pin_dir, struct bh_err *err)
{
	int r = sweep_links(pin_dir, err), f;

	r = r ? r : hook_beside(pin_dir, sweep_beside, err);
	f = sweep_filters(pin_dir, r ? NULL : err);
	return r ? r : f;
}
