/* SPDX-License-Identifier: Apache-2.0 */
/* Whether our programs hang, and run before all others; and how they come first again. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "hook/hook_internal.h"
#include "hook/netlink.h"
#include "util/scope.h"

/* ---- looking ------------------------------------------------------------------------------ */

/* Id of the program that runs first on the tcx hook; 0: there is none, or no tcx. */
static uint32_t first_of(const struct hook *h, const struct side *s)
{
	uint32_t id = 0;

	return raw_prog_query(h->ifindex, s->attach_type, &id, 1) > 0 ? id : 0;
}

#define PROGRAM_TEXT 96
/* "program 'cil_from_pod' (id 12)", or how to learn whose it is: the agent of a cluster may not ask. */
static const char *program_text(uint32_t id, char ret[PROGRAM_TEXT])
{
	char name[RAW_NAME] = "";

	if (!raw_prog_name(id, name) && *name)
		(void)snprintf(ret, PROGRAM_TEXT, "program '%s' (id %u)", name, id);
	else
		(void)snprintf(ret, PROGRAM_TEXT, "program %u (bpftool prog show id %u tells whose)", id, id);
	return ret;
}

static int check_link(const struct hook *h, const struct side *s, uint32_t want_id, struct bh_err *err)
{
	struct raw_link_info i;
	auto_fd int fd = hook_link_open(h, s, &i, err);
	char text[PROGRAM_TEXT];
	uint32_t first;

	if (fd < 0)
		return fd;
	if (!hook_hangs_on(&i, s, h->ifindex))
		return bh_err_set(err, HOOK_MISSING,
				  "the link of %s hangs on interface with index %u, not %u", s->prog,
				  i.ifindex, h->ifindex);
	if (i.prog_id != want_id)
		return bh_err_set(err, HOOK_MISSING, "the link of %s runs %s, not the pinned %u", s->prog,
				  program_text(i.prog_id, text), want_id);
	first = first_of(h, s);
	if (first && first != want_id)
		return bh_err_set(err, HOOK_BEHIND, "%s runs before %s", program_text(first, text), s->prog);
	return HOOK_FIRST;
}

static int check_filter(const struct hook *h, const struct side *s, uint32_t want_id, struct bh_err *err)
{
	auto_fd int nl = nl_open();
	char text[PROGRAM_TEXT];
	struct nl_filter f;
	uint32_t first;
	int r;

	if (nl < 0)
		return bh_err_errno(err, nl, "cannot open an rtnetlink socket");
	r = nl_filter_get(nl, h->ifindex, s->ingress, &f, err);
	if (r < 0)
		return r;
	if (!f.prog_id)
		return bh_err_set(err, HOOK_MISSING, "%s is not attached to interface with index %u", s->prog,
				  h->ifindex);
	if (f.prog_id != want_id)
		return bh_err_set(err, HOOK_MISSING, "the filter of %s runs %s, not the pinned %u", s->prog,
				  program_text(f.prog_id, text), want_id);
	if (f.behind && f.first_id)
		return bh_err_set(err, HOOK_BEHIND, "filter '%s' (program %u) runs before %s", f.first_name,
				  f.first_id, s->prog);
	if (f.behind)
		return bh_err_set(err, HOOK_BEHIND, "another filter runs before %s", s->prog);
	first = first_of(h, s);
	if (first)
		return bh_err_set(err, HOOK_OVERTAKEN, "%s hangs by tcx, and so runs before %s, a filter",
				  program_text(first, text), s->prog);
	return HOOK_FIRST;
}

static int check_side(const struct hook *h, const struct side *s, int prog_fd, struct bh_err *err)
{
	uint32_t want_id;
	int r = raw_prog_id(prog_fd, &want_id);

	if (r < 0)
		return bh_err_errno(err, r, "pinned program %s", s->prog);
	r = check_link(h, s, want_id, err);
	return r == -ENOENT ? check_filter(h, s, want_id, err) : r;
}

/* What is missing on one side goes before what is behind on the other. */
int hook_check(const struct hook *h, struct bh_err *err)
{
	auto_progs struct progs p = PROGS_INIT;
	int worst = HOOK_FIRST, r = hook_progs_open(h, &p, err);
	struct bh_err why = { "" };
	size_t i;

	if (r < 0)
		return r == -ENOENT ? HOOK_MISSING : r;
	for (i = 0; i < SIDES; i++) {
		r = check_side(h, &hook_sides[i], p.fd[i], &why);
		if (r == HOOK_FIRST || (r > HOOK_MISSING && worst != HOOK_FIRST))
			continue;
		worst = r;
		(void)bh_err_set(err, r, "%s", why.msg);
		if (r <= HOOK_MISSING)
			break;
	}
	return worst;
}

/* ---- first again -------------------------------------------------------------------------- */

/* The pin that the new link has until it takes the old one's place. */
static int fresh_path(const struct hook *h, const struct side *s, char ret[PATH_BYTES])
{
	char path[PATH_BYTES];
	const int r = hook_link_path(h, s, path);

	return !r && snprintf(ret, PATH_BYTES, "%s_new", path) < PATH_BYTES ? 0 : -ENAMETOOLONG;
}

static int put_in_place(const struct hook *h, const struct side *s, int fd)
{
	char fresh[PATH_BYTES], path[PATH_BYTES];
	int r = fresh_path(h, s, fresh);

	if (r < 0 || hook_link_path(h, s, path) < 0)
		return -ENAMETOOLONG;
	(void)unlink(fresh);
	r = raw_obj_pin(fresh, fd);
	return r < 0 ? r : rename(fresh, path) < 0 ? -errno : 0;
}

/*
 * The kernel takes no program twice on one hook (kernel/bpf/mprog.c), so a clone goes to the head, the old
 * link goes, and then the new one gets the pinned program: at no time is there a hook without ours. Killed in
 * between, it leaves a link that runs the clone: hook_check() calls that missing, hook_attach() mends it.
 */
static int reclaim_link(const struct hook *h, const struct side *s, int prog_fd, int clone_fd,
			struct bh_err *err)
{
	struct raw_link_info i = { 0 };
	auto_fd int old = hook_link_open(h, s, &i, err), fresh = -1;
	int r;

	if (old < 0)
		return old;
	fresh = raw_link_create(clone_fd, h->ifindex, s->attach_type);
	if (fresh < 0)
		return bh_err_errno(err, fresh, "cannot put %s first on interface with index %u", s->prog,
				    h->ifindex);
	r = put_in_place(h, s, fresh);
	if (r < 0)
		return bh_err_errno(err, r, "cannot pin the new link of %s", s->prog);
	(void)raw_link_detach(old);
	r = raw_link_update(fresh, prog_fd);
	return r < 0 ? bh_err_errno(err, r, "cannot update the new link of %s", s->prog) : 0;
}

static int reclaim_filter(const struct hook *h, const struct side *s, int prog_fd, struct bh_err *err)
{
	auto_fd int nl = nl_open();

	if (nl < 0)
		return bh_err_errno(err, nl, "cannot open an rtnetlink socket");
	return nl_filter_first(nl, h->ifindex, s->ingress, prog_fd, err);
}

int hook_reclaim(const struct hook *h, const int clones[2], struct bh_err *err)
{
	auto_progs struct progs p = PROGS_INIT;
	int r = hook_progs_open(h, &p, err);
	size_t i;

	for (i = 0; !r && i < SIDES; i++) {
		const struct side *s = &hook_sides[i];
		struct raw_link_info info;
		auto_fd int fd = -1;

		if (check_side(h, s, p.fd[i], err) != HOOK_BEHIND)
			continue;
		fd = hook_link_open(h, s, &info, NULL);
		r = fd >= 0 ? reclaim_link(h, s, p.fd[i], clones[i], err)
			    : reclaim_filter(h, s, p.fd[i], err);
	}
	return r;
}

/* ---- pins of nothing ---------------------------------------------------------------------- */

/* One that is half in place for so long was left by somebody who was killed. */
static bool is_half(const char *path, int min_age_s)
{
	struct stat st;

	return !stat(path, &st) && time(NULL) - st.st_mtime >= min_age_s;
}

static bool is_dead(const char *dir, const char *name, int min_age_s)
{
	const char *end = strrchr(name, '_');
	struct raw_link_info i = { 0 };
	char path[PATH_BYTES];
	auto_fd int fd = -1;

	if (!end || snprintf(path, sizeof(path), "%s/%s", dir, name) >= (int)sizeof(path))
		return false;
	if (!strcmp(end, "_new"))
		return is_half(path, min_age_s);
	fd = raw_obj_get(path);
	return fd >= 0 && !raw_link_info(fd, &i) && i.type == RAW_LINK_TCX && !i.ifindex;
}

int hook_sweep_dead(const char *pin_dir, int min_age_s, struct bh_err *err)
{
	char dir[PATH_BYTES];
	struct dirent *entry;
	int n = 0, r = 0;
	DIR *d;

	if (snprintf(dir, sizeof(dir), "%s/links", pin_dir) >= (int)sizeof(dir))
		return bh_err_set(err, -ENAMETOOLONG, "pin directory '%s': name too long", pin_dir);
	d = opendir(dir);
	while (d && (entry = readdir(d))) {
		if (!is_dead(dir, entry->d_name, min_age_s))
			continue;
		if (!unlinkat(dirfd(d), entry->d_name, 0))
			n++;
		else if (errno != ENOENT)
			r = bh_err_errno(err, -errno, "cannot remove %s/%s", dir, entry->d_name);
	}
	if (d)
		(void)closedir(d);
	return r < 0 ? r : n;
}
