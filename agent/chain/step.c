/* SPDX-License-Identifier: Apache-2.0 */
/* Binary first, entry second, what is left of another mode last. */
#include "chain/step.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "chain/drop_in.h"
#include "chain/entry.h"
#include "chain/target.h"
#include "util/scope.h"

#define ENTRY_MAX (64u << 10)

int step_init(struct step *s, const struct chain_options *opt, struct bh_err *err)
{
	int r;

	*s = (struct step){ .opt = opt, .entry = BUF_INIT(ENTRY_MAX) };
	r = entry_make(opt, &s->entry, err);
	if (r < 0)
		step_done(s);
	return r;
}

void step_done(struct step *s)
{
	buf_done(&s->entry);
}

/* ---- the binary --------------------------------------------------------------------------- */

/* Beside us, as in the image; the link is the kernel's, so that it is right wherever we were started from. */
static int open_plugin(const struct chain_options *opt, struct bh_err *err)
{
	char path[PATH_MAX + sizeof(CHAIN_PLUGIN) + 1], *slash;
	ssize_t n = -1;
	int fd;

	if (opt->plugin) {
		(void)snprintf(path, sizeof(path), "%s", opt->plugin);
	} else {
		n = readlink("/proc/self/exe", path, PATH_MAX);
		path[n > 0 ? n : 0] = '\0';
		slash = strrchr(path, '/');
		if (!slash)
			return bh_err_set(err, -ENOENT, "cannot find the plugin: where is this program?");
		strcpy(slash + 1, CHAIN_PLUGIN);
	}
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? bh_err_errno(err, -errno, "plugin '%s'", path) : fd;
}

static bool unchanged(const struct stat *a, const struct stat *b)
{
	return a->st_ino && a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
	       a->st_mode == b->st_mode && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
	       a->st_mtim.tv_nsec == b->st_mtim.tv_nsec && a->st_ctim.tv_sec == b->st_ctim.tv_sec &&
	       a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

static bool is_installed(struct step *s, int from, const struct dir *bin)
{
	struct stat a = { 0 }, b = { 0 };

	if (fstat(from, &a) < 0 || fstatat(bin->fd, CHAIN_PLUGIN, &b, 0) < 0)
		return false;
	if (unchanged(&s->plugin, &a) && unchanged(&s->installed, &b))
		return true;
	if (!file_is_copy(from, bin, CHAIN_PLUGIN))
		return false;
	s->plugin = a;
	s->installed = b;
	return true;
}

/* Return: 1 it was (or must be) written, 0, -errno. */
static int install_plugin(struct step *s, bool write, struct bh_err *err)
{
	auto_dir struct dir bin = DIR_INIT;
	auto_fd int from = open_plugin(s->opt, err);
	int r;

	if (from < 0)
		return from;
	r = dir_open(s->opt->bin_dir, &bin, err);
	if (r < 0)
		return r;
	if (is_installed(s, from, &bin))
		return 0;
	if (write) {
		file_sweep(&bin);
		r = file_copy(from, &bin, CHAIN_PLUGIN, err);
	}
	return r ? r : 1;
}

/* ---- the entry ---------------------------------------------------------------------------- */

struct strays {
	const struct dir *dir;
	const char *keep;
	int removed;
	struct bh_err *err;
};

static int remove_stray(void *ctx, const char *name)
{
	struct strays *s = ctx;
	int r;

	if (!find_is_wrapped(name) || !strcmp(name, s->keep))
		return 0;
	r = file_remove(s->dir, name, s->err);
	if (r > 0)
		s->removed++;
	return r < 0 ? r : 0;
}

/* Lists that we put around a configuration which has gone. */
static int remove_strays(const struct dir *d, const struct target *t, struct bh_err *err)
{
	struct strays s = { .dir = d, .keep = t ? t->found.target : "", .err = err };
	const int r = find_each(d, remove_stray, &s, err);

	return r < 0 ? r : s.removed > 0;
}

static int patch(const struct step *s, bool write, const struct dir *d, const struct target *t,
		 bool *ret_right, struct bh_err *err)
{
	int r = 0, gone = 0, changed;

	*ret_right = target_state(t, s->entry.data) == CONFLIST_RIGHT;
	changed = !*ret_right;
	if (!write)
		return changed;
	if (changed)
		r = target_put(d, t, s->entry.data, err);
	if (!r)
		gone = drop_in_remove(d, t->conf.name, err);
	return r || gone < 0 ? (r ? r : gone) : changed || gone;
}

static int drop_in(const struct step *s, bool write, const struct dir *d, const struct target *t,
		   bool *ret_right, struct bh_err *err)
{
	int r, changed = 0;

	if (!t->found.is_list || t->conf.only_inlined)
		return bh_err_set(err, -EOPNOTSUPP, "'%s/%s' takes no files beside it: %s", d->path,
				  t->found.name,
				  t->found.is_list ? "loadOnlyInlinedPlugins" : "it is not a *.conflist");
	*ret_right = drop_in_is(d, t->conf.name, s->entry.data);
	if (!*ret_right) {
		changed = 1;
		r = write ? drop_in_put(d, t->conf.name, s->entry.data, err) : 0;
		if (r < 0)
			return r;
	}
	if (!t->conf.ours)
		return changed;
	r = write ? target_take(d, t, err) : 0;
	return r ? r : 1;
}

/* ---- together ----------------------------------------------------------------------------- */

static void describe(const struct step *s, const struct target *t, struct chain_status *st)
{
	const char *why;

	(void)snprintf(st->file, sizeof(st->file), "%s/%s", s->opt->conf_dir, t->found.target);
	(void)snprintf(st->network, sizeof(st->network), "%s", t->conf.name ? t->conf.name : "");
	(void)snprintf(st->main_type, sizeof(st->main_type), "%s",
		       t->conf.main_type ? t->conf.main_type : "");
	st->support = chain_support_of(st->main_type, &why);
}

static int refuse(const struct chain_status *st, struct bh_err *err)
{
	const char *why;

	if (chain_support_of(st->main_type, &why) != CHAIN_REFUSED)
		return 0;
	return bh_err_set(err, -EOPNOTSUPP, "'%s', plugin '%s': %s", st->file, st->main_type, why);
}

static int do_all(struct step *s, bool write, struct chain_status *st, bool *ret_right, struct bh_err *err)
{
	auto_target struct target t = TARGET_INIT;
	auto_dir struct dir conf = DIR_INIT;
	int r = dir_open(s->opt->conf_dir, &conf, err), plugin, entry, strays = 0;

	if (r < 0)
		return r;
	r = target_read(&conf, &t, err);
	if (t.found.name[0])
		describe(s, &t, st);
	if (r == -ENOENT && write && !t.found.name[0])
		(void)remove_strays(&conf, NULL, NULL);
	if (!r)
		r = refuse(st, err);
	plugin = r ? r : install_plugin(s, write, err);
	if (plugin < 0)
		return plugin;
	entry = (s->opt->mode == CHAIN_PATCH ? patch : drop_in)(s, write, &conf, &t, ret_right, err);
	if (entry >= 0 && write)
		strays = remove_strays(&conf, &t, err);
	if (entry < 0 || strays < 0)
		return entry < 0 ? entry : strays;
	return plugin || entry || strays;
}

int step_do(struct step *s, bool write, struct chain_status *st, bool *ret_right, struct bh_err *err)
{
	struct bh_err why = { "" };
	int r;

	st->file[0] = st->network[0] = st->main_type[0] = st->why[0] = '\0';
	st->support = CHAIN_UNKNOWN;
	*ret_right = false;
	r = do_all(s, write, st, ret_right, &why);
	st->chained = !r || (r > 0 && write);
	if (r > 0 && !write)
		(void)snprintf(why.msg, sizeof(why.msg), "%s",
			       *ret_right ? "the plugin is not installed, or another build of it"
					  : "it has no entry of bulkhead, or not as it should be");
	if (!st->chained)
		(void)snprintf(st->why, sizeof(st->why), "%s", why.msg);
	return r < 0 ? bh_err_set(err, r, "%s", why.msg) : r;
}
