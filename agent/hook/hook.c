/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hanging the two pinned programs on a veth's host side, as tcx links or as clsact filters. Which
 * way an interface has can be read from the kernel alone (a pinned link, a filter under our handle),
 * so nothing here depends on what was remembered elsewhere.
 */
#include "hook/hook.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "hook/hook_internal.h"
#include "hook/netlink.h"
#include "hook/raw.h"
#include "util/scope.h"

#define NO_SUCH_IF 0x7fffffffu /* no interface has this index */
#define LINK_TRIES 20	       /* 5 ms apart */

const struct side hook_sides[SIDES] = {
	{ "prog_from_pod", "from", RAW_TCX_INGRESS, true },
	{ "prog_to_pod", "to", RAW_TCX_EGRESS, false },
};

void hook_progs_close(struct progs *p)
{
	size_t i;

	for (i = 0; i < SIDES; i++)
		scope_close(&p->fd[i]);
}

static const char *const mode_names[] = { "auto", "tcx", "clsact" };

const char *hook_mode_text(enum hook_mode mode)
{
	return mode_names[mode];
}

int hook_mode_parse(const char *text, enum hook_mode *ret)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(mode_names); i++) {
		if (strcmp(text, mode_names[i]))
			continue;
		*ret = (enum hook_mode)i;
		return 0;
	}
	return -EINVAL;
}

bool hook_has_tcx(int prog_fd)
{
	auto_fd int fd = raw_link_create(prog_fd, NO_SUCH_IF, RAW_TCX_INGRESS);

	return fd == -ENODEV;
}

/* ---- pins ------------------------------------------------------------------------------- */

static int prog_path(const struct hook *h, const struct side *s, char ret[PATH_BYTES])
{
	return snprintf(ret, PATH_BYTES, "%s/%s", h->pin_dir, s->prog) < PATH_BYTES ? 0 : -ENAMETOOLONG;
}

int hook_link_path(const struct hook *h, const struct side *s, char ret[PATH_BYTES])
{
	char hex[33];

	hash128_hex(&h->key, hex);
	return snprintf(ret, PATH_BYTES, "%s/links/%s_%s", h->pin_dir, hex, s->link) < PATH_BYTES
		       ? 0
		       : -ENAMETOOLONG;
}

int hook_progs_open(const struct hook *h, struct progs *ret, struct bh_err *err)
{
	char path[PATH_BYTES];
	size_t i;
	int r;

	for (i = 0; i < SIDES; i++) {
		r = prog_path(h, &hook_sides[i], path);
		if (r < 0)
			return bh_err_set(err, r, "pin directory '%s': name too long", h->pin_dir);
		ret->fd[i] = raw_obj_get(path);
		if (ret->fd[i] == -ENOENT)
			return bh_err_set(
				err, -ENOENT,
				"no program pinned at %s: no agent has run yet, or no bpffs is there", path);
		if (ret->fd[i] < 0)
			return bh_err_errno(err, ret->fd[i], "program pinned at %s", path);
	}
	return 0;
}

int hook_link_dir(const struct hook *h, struct bh_err *err)
{
	char path[PATH_BYTES];

	if (snprintf(path, sizeof(path), "%s/links", h->pin_dir) >= (int)sizeof(path))
		return bh_err_set(err, -ENAMETOOLONG, "pin directory '%s': name too long", h->pin_dir);
	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return bh_err_errno(err, -errno, "cannot make %s", path);
	return 0;
}

int hook_link_open(const struct hook *h, const struct side *s, struct raw_link_info *ret, struct bh_err *err)
{
	char path[PATH_BYTES];
	auto_fd int fd = -1;
	int r = hook_link_path(h, s, path);

	if (r < 0)
		return bh_err_set(err, r, "pin directory '%s': name too long", h->pin_dir);
	fd = raw_obj_get(path);
	if (fd < 0)
		return bh_err_errno(err, fd, "link pinned at %s", path);
	r = raw_link_info(fd, ret);
	if (r < 0)
		return bh_err_errno(err, r, "link pinned at %s", path);
	return TAKE_FD(fd);
}

bool hook_hangs_on(const struct raw_link_info *i, const struct side *s, uint32_t ifindex)
{
	return i->type == RAW_LINK_TCX && i->attach_type == s->attach_type && i->ifindex == ifindex;
}

/* Detached before the pin goes: the last unpinning alone takes effect only when a kernel worker runs. */
static int drop_link(const struct hook *h, const struct side *s, struct bh_err *err)
{
	char path[PATH_BYTES];
	struct raw_link_info i;
	auto_fd int fd = -1;

	if (hook_link_path(h, s, path) < 0)
		return bh_err_set(err, -ENAMETOOLONG, "pin directory '%s': name too long", h->pin_dir);
	fd = hook_link_open(h, s, &i, NULL);
	if (fd >= 0)
		(void)raw_link_detach(fd);
	if (unlink(path) < 0 && errno != ENOENT && errno != ENOTDIR)
		return bh_err_errno(err, -errno, "cannot remove %s", path);
	return 0;
}

static int drop_links_in(const struct hook *h, struct bh_err *err)
{
	int first = 0;
	size_t i;

	for (i = 0; i < SIDES; i++) {
		const int r = drop_link(h, &hook_sides[i], first ? NULL : err);

		first = first ? first : r;
	}
	return first;
}

static int drop_links_beside(void *ctx, const char *dir)
{
	struct hook h = *(const struct hook *)ctx;

	h.pin_dir = dir;
	(void)drop_links_in(&h, NULL);
	return 0;
}

static int drop_links(const struct hook *h, struct bh_err *err)
{
	const int r = drop_links_in(h, err);

	(void)hook_beside(h->pin_dir, drop_links_beside, (void *)h);
	return r;
}

/* ---- tcx -------------------------------------------------------------------------------- */

/* A link whose pin somebody has just removed hangs on until a kernel worker runs, and a program that
 * is still there is refused a second time (kernel/bpf/mprog.c): worth a short wait. */
static int create_link(int prog_fd, uint32_t ifindex, uint32_t attach_type)
{
	int tries, fd = -EEXIST;

	for (tries = 0; fd == -EEXIST && tries < LINK_TRIES; tries++) {
		if (tries)
			(void)usleep(5000);
		fd = raw_link_create(prog_fd, ifindex, attach_type);
	}
	return fd;
}

struct heir {
	const struct hook *h;
	const struct side *s;
};

/* Return: 1 the link pinned at @from is ours now, 0 it does not hang there, or -errno. */
static int inherit_pin(const struct heir *heir, const char *from)
{
	struct raw_link_info i = { 0 };
	auto_fd int fd = raw_obj_get(from);
	char to[PATH_BYTES];

	if (fd < 0 || raw_link_info(fd, &i) || !hook_hangs_on(&i, heir->s, heir->h->ifindex))
		return 0;
	if (hook_link_path(heir->h, heir->s, to) < 0)
		return -ENAMETOOLONG;
	return rename(from, to) < 0 ? -errno : 1;
}

/* Of the same owner, in another layout's directory. */
static int inherit_own(void *ctx, const char *dir)
{
	const struct heir *heir = ctx;
	const struct hook h = { .pin_dir = dir, .key = heir->h->key };
	char from[PATH_BYTES];

	return hook_link_path(&h, heir->s, from) < 0 ? -ENAMETOOLONG : inherit_pin(heir, from);
}

static int inherit_any(void *ctx, const char *pin_dir)
{
	char dir[PATH_BYTES], from[PATH_BYTES + 64];
	const struct dirent *entry;
	DIR *d = NULL;
	int r = 0;

	if (snprintf(dir, sizeof(dir), "%s/links", pin_dir) >= (int)sizeof(dir))
		return -ENAMETOOLONG;
	d = opendir(dir);
	while (d && !r && (entry = readdir(d)))
		if (snprintf(from, sizeof(from), "%s/%s", dir, entry->d_name) < (int)sizeof(from))
			r = inherit_pin(ctx, from);
	if (d)
		(void)closedir(d);
	return r;
}

/*
 * An interface is born once: whose pin has hung our program on it before (another layout's, an adoption, an
 * owner that is gone) hands it over by rename, so that no packet meets an empty hook. Return: 1 done, 0 there
 * is none, -errno.
 */
static int inherit_link(const struct hook *h, const struct side *s)
{
	struct heir heir = { h, s };
	uint32_t first;
	int r;

	if (raw_prog_query(h->ifindex, s->attach_type, &first, 1) < 1)
		return 0;
	r = hook_beside(h->pin_dir, inherit_own, &heir);
	if (!r)
		r = inherit_any(&heir, h->pin_dir);
	return r ? r : hook_beside(h->pin_dir, inherit_any, &heir);
}

static int new_link(const struct hook *h, const struct side *s, int prog_fd, struct bh_err *err)
{
	char path[PATH_BYTES];
	auto_fd int fd = create_link(prog_fd, h->ifindex, s->attach_type);
	int r;

	if (fd == -EEXIST)
		return bh_err_set(err, fd, "%s hangs on interface with index %u already, for another owner",
				  s->prog, h->ifindex);
	if (fd == -EINVAL)
		return bh_err_set(err, fd, "this kernel has no tcx (Linux 6.6 brings it); attach by clsact");
	if (fd < 0)
		return bh_err_errno(err, fd, "cannot link %s to interface with index %u", s->prog,
				    h->ifindex);
	r = hook_link_path(h, s, path);
	if (!r)
		r = raw_obj_pin(path, fd);
	if (r < 0)
		return bh_err_errno(err, r, "cannot pin the link of %s below %s", s->prog, h->pin_dir);
	return 0;
}

/* *ret_made: whether there was no such link before. */
static int attach_link(const struct hook *h, const struct side *s, int prog_fd, bool *ret_made,
		       struct bh_err *err)
{
	struct raw_link_info i = { 0 };
	auto_fd int fd = hook_link_open(h, s, &i, NULL);
	int r;

	if (fd >= 0 && hook_hangs_on(&i, s, h->ifindex)) {
		r = raw_link_update(fd, prog_fd);
		return r < 0 ? bh_err_errno(err, r, "cannot update the link of %s", s->prog) : 0;
	}
	if (fd != -ENOENT) {
		r = drop_link(h, s, err);
		if (r < 0)
			return r;
	}
	if (inherit_link(h, s) == 1) {
		scope_close(&fd);
		fd = hook_link_open(h, s, &i, err);
		r = fd < 0 ? fd : raw_link_update(fd, prog_fd);
		return r < 0 ? bh_err_errno(err, r, "cannot take over the link of %s", s->prog) : 0;
	}
	r = new_link(h, s, prog_fd, err);
	*ret_made = !r;
	return r;
}

static int attach_tcx(const struct hook *h, const struct progs *p, struct bh_err *err)
{
	bool made[SIDES] = { false };
	size_t i;
	int r;

	r = hook_link_dir(h, err);
	for (i = 0; !r && i < SIDES; i++)
		r = attach_link(h, &hook_sides[i], p->fd[i], &made[i], err);
	for (i = 0; r && i < SIDES; i++)
		if (made[i])
			(void)drop_link(h, &hook_sides[i], NULL);
	return r;
}

/* ---- clsact ----------------------------------------------------------------------------- */

/* A qdisc on which we had nothing is not ours to remove. */
static int drop_filters(uint32_t ifindex, struct bh_err *err)
{
	auto_fd int nl = nl_open();
	struct nl_filter f;
	bool any = false;
	int r = 0;
	size_t i;

	if (nl < 0)
		return bh_err_errno(err, nl, "cannot open an rtnetlink socket");
	for (i = 0; !r && i < SIDES; i++) {
		r = nl_filter_get(nl, ifindex, hook_sides[i].ingress, &f, err);
		if (r || (!f.prog_id && !f.behind))
			continue;
		any = true;
		r = nl_filter_del(nl, ifindex, hook_sides[i].ingress, err);
	}
	return r || !any ? r : nl_clsact_del_if_empty(nl, ifindex, err);
}

static int attach_filters(int nl, uint32_t ifindex, const struct progs *p, struct bh_err *err)
{
	struct nl_filter before[SIDES] = { 0 };
	size_t i;
	int r = 0;

	for (i = 0; !r && i < SIDES; i++)
		r = nl_filter_get(nl, ifindex, hook_sides[i].ingress, &before[i], err);
	for (i = 0; !r && i < SIDES; i++)
		r = nl_filter_set(nl, ifindex, hook_sides[i].ingress, p->fd[i], err);
	for (i = 0; r && i < SIDES; i++)
		if (!before[i].prog_id)
			(void)nl_filter_del(nl, ifindex, hook_sides[i].ingress, NULL);
	return r;
}

static int attach_clsact(const struct hook *h, const struct progs *p, struct bh_err *err)
{
	auto_fd int nl = nl_open();
	int r;

	if (nl < 0)
		return bh_err_errno(err, nl, "cannot open an rtnetlink socket");
	r = nl_clsact_add(nl, h->ifindex, err);
	if (r < 0)
		return r;
	r = attach_filters(nl, h->ifindex, p, err);
	if (r < 0)
		(void)nl_clsact_del_if_empty(nl, h->ifindex, NULL);
	return r;
}

/* ---- what the header promises ----------------------------------------------------------- */

int hook_ready(const char *pin_dir, struct bh_err *err)
{
	const struct hook h = { .pin_dir = pin_dir };
	auto_progs struct progs p = PROGS_INIT;

	return hook_progs_open(&h, &p, err);
}

/* The other way's programs go after the new ones hang, so that no packet meets an empty hook. */
int hook_attach(const struct hook *h, enum hook_mode mode, enum hook_mode *ret_mode, struct bh_err *err)
{
	auto_progs struct progs p = PROGS_INIT;
	int r = hook_progs_open(h, &p, err);

	if (r < 0)
		return r;
	if (mode == HOOK_AUTO)
		mode = hook_has_tcx(p.fd[0]) ? HOOK_TCX : HOOK_CLSACT;
	if (mode == HOOK_TCX) {
		r = attach_tcx(h, &p, err);
		if (!r)
			(void)drop_filters(h->ifindex, NULL);
	} else {
		r = attach_clsact(h, &p, err);
		if (!r)
			(void)drop_links(h, NULL);
	}
	if (r < 0)
		return r;
	*ret_mode = mode;
	return 0;
}

int hook_detach(const struct hook *h, struct bh_err *err)
{
	const int r = drop_links(h, err), f = h->ifindex ? drop_filters(h->ifindex, r ? NULL : err) : 0;

	return r ? r : f;
}
