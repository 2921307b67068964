/* SPDX-License-Identifier: Apache-2.0 */
/* The directories of other layouts, and what hangs by them. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "hook/hook_internal.h"
#include "util/scope.h"

static size_t digits_at_end(const char *name)
{
	const size_t len = strlen(name);
	size_t n = 0;

	while (n < len && name[len - n - 1] >= '0' && name[len - n - 1] <= '9')
		n++;
	return n;
}

/* Length of what all layouts' directories have in common, "/sys/fs/bpf/bulkhead-v"; 0: this one has no
 * number. */
static size_t stem_of(const char *pin_dir)
{
	const size_t n = digits_at_end(pin_dir), len = strlen(pin_dir) - n;

	return n && len > 2 && !strncmp(pin_dir + len - 2, "-v", 2) ? len : 0;
}

static bool is_beside(const char *name, const char *own, size_t stem)
{
	return !strncmp(name, own, stem) && name[stem] && strlen(name) == stem + digits_at_end(name) &&
	       strcmp(name, own);
}

int hook_beside(const char *pin_dir, int (*each)(void *ctx, const char *dir), void *ctx)
{
	const size_t stem = stem_of(pin_dir);
	const char *slash = strrchr(pin_dir, '/'), *own = slash ? slash + 1 : NULL;
	const struct dirent *entry;
	char path[PATH_BYTES];
	int r = 0;
	DIR *d;

	if (!stem || !own || slash == pin_dir)
		return 0;
	(void)snprintf(path, sizeof(path), "%.*s", (int)(slash - pin_dir), pin_dir);
	d = opendir(path);
	if (!d)
		return errno == ENOENT ? 0 : -errno;
	while (!r && (entry = readdir(d))) {
		if (!is_beside(entry->d_name, own, stem - (size_t)(own - pin_dir)))
			continue;
		if (snprintf(path, sizeof(path), "%.*s/%s", (int)(slash - pin_dir), pin_dir, entry->d_name) <
		    (int)sizeof(path))
			r = each(ctx, path);
	}
	(void)closedir(d);
	return r;
}

/* ---- links that nobody asked for ------------------------------------------------------------ */

struct taking {
	const char *from, *to; /* directories of links */
	struct progs progs;
};

static const struct side *side_of(const char *name)
{
	const char *end = strrchr(name, '_');
	size_t i;

	for (i = 0; end && i < SIDES; i++)
		if (!strcmp(end + 1, hook_sides[i].link))
			return &hook_sides[i];
	return NULL;
}

static int link_at(const char *path, struct raw_link_info *ret)
{
	auto_fd int fd = raw_obj_get(path);
	int r = fd < 0 ? fd : raw_link_info(fd, ret);

	return r < 0 ? r : TAKE_FD(fd);
}

static int take_link(const struct taking *t, const char *name)
{
	const struct side *s = side_of(name);
	struct raw_link_info i = { 0 }, own = { 0 };
	char from[2 * PATH_BYTES], to[2 * PATH_BYTES];
	auto_fd int fd = -1, own_fd = -1;
	int r = 0;

	(void)snprintf(from, sizeof(from), "%s/%s", t->from, name);
	(void)snprintf(to, sizeof(to), "%s/%s", t->to, name);
	fd = link_at(from, &i);
	if (s && fd >= 0 && hook_hangs_on(&i, s, i.ifindex) && i.ifindex) {
		own_fd = link_at(to, &own);
		if (own_fd < 0 || own.ifindex != i.ifindex) {
			r = raw_link_update(fd, t->progs.fd[s - hook_sides]);
			return !r && rename(from, to) < 0 ? -errno : r;
		}
		(void)raw_link_detach(fd); /* ours is there */
	}
	return unlink(from) < 0 && errno != ENOENT ? -errno : 0;
}

static int take_each(const struct taking *t, struct bh_err *err)
{
	const struct dirent *entry;
	int first = 0, r;
	DIR *d = opendir(t->from);

	while (d && (entry = readdir(d))) {
		r = entry->d_name[0] == '.' ? 0 : take_link(t, entry->d_name);
		if (r < 0 && !first)
			first = bh_err_errno(err, r, "cannot take over the link %s/%s", t->from,
					     entry->d_name);
	}
	if (d)
		(void)closedir(d);
	return first;
}

int hook_take_links(const char *from, const char *pin_dir, struct bh_err *err)
{
	const struct hook h = { .pin_dir = pin_dir };
	auto_progs struct progs p = PROGS_INIT;
	char dirs[SIDES][PATH_BYTES];
	int r = hook_progs_open(&h, &p, err);

	if (!r)
		r = hook_link_dir(&h, err);
	if (r < 0)
		return r;
	if (snprintf(dirs[0], PATH_BYTES, "%s/links", from) >= PATH_BYTES ||
	    snprintf(dirs[1], PATH_BYTES, "%s/links", pin_dir) >= PATH_BYTES)
		return bh_err_set(err, -ENAMETOOLONG, "pin directory '%s': name too long", pin_dir);
	return take_each(&(struct taking){ .from = dirs[0], .to = dirs[1], .progs = p }, err);
}

int hook_unpin(const char *pin_dir, struct bh_err *err)
{
	char path[PATH_BYTES];
	size_t i;

	for (i = 0; i < SIDES; i++) {
		if (snprintf(path, sizeof(path), "%s/%s", pin_dir, hook_sides[i].prog) >= (int)sizeof(path))
			return bh_err_set(err, -ENAMETOOLONG, "pin directory '%s': name too long", pin_dir);
		if (unlink(path) < 0 && errno != ENOENT)
			return bh_err_errno(err, -errno, "cannot remove %s", path);
	}
	return 0;
}
