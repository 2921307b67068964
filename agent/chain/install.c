/* SPDX-License-Identifier: Apache-2.0 */
/* In and out, once. */
#include <errno.h>
#include <string.h>

#include "chain/drop_in.h"
#include "chain/entry.h"
#include "chain/step.h"
#include "chain/target.h"

#define TRIES 5 /* another one may write at the same time */

int chain_mode_parse(const char *text, enum chain_mode *ret)
{
	if (!strcmp(text, "auto") || !strcmp(text, "patch"))
		*ret = CHAIN_PATCH;
	else if (!strcmp(text, "drop-in"))
		*ret = CHAIN_DROP_IN_FILE;
	else
		return -EINVAL;
	return 0;
}

int chain_options_check(const struct chain_options *opt, struct bh_err *err)
{
	auto_step struct step s = { 0 };

	return step_init(&s, opt, err);
}

int chain_look(const struct chain_options *opt, struct chain_status *ret, struct bh_err *err)
{
	auto_step struct step s = { 0 };
	struct chain_status st = { 0 };
	bool right;
	int r = step_init(&s, opt, err);

	if (r < 0)
		return r;
	r = step_do(&s, false, &st, &right, err);
	if (r < 0 && !st.why[0])
		return r;
	*ret = st;
	return 0;
}

int chain_install(const struct chain_options *opt, struct bh_err *err)
{
	auto_step struct step s = { 0 };
	struct chain_status st = { 0 };
	int tries, r = step_init(&s, opt, err);
	bool right;

	if (r < 0)
		return r;
	for (tries = 0, r = -EAGAIN; r == -EAGAIN && tries < TRIES; tries++)
		r = step_do(&s, true, &st, &right, err);
	return r;
}

/* ---- removing ----------------------------------------------------------------------------- */

struct removal {
	const struct dir *dir;
	int removed;
	struct bh_err *err;
};

/* Whether a file that nobody can read as a configuration may have our entry: then it is not passed over. */
static bool names_us(const struct target *t)
{
	return t->text.len &&
	       memmem(t->text.data, t->text.len, "\"" CHAIN_PLUGIN "\"", strlen(CHAIN_PLUGIN) + 2);
}

static int take_from(struct removal *m, const char *name)
{
	auto_target struct target t = TARGET_INIT;
	struct bh_err why;
	int r = file_read(m->dir, name, &t.text, &t.st, &why);

	if (r == -ENOENT || (r && r != -EACCES && r != -EIO))
		return 0; /* gone; or no file that we can have written */
	if (r)
		return bh_err_set(m->err, r, "%s", why.msg);
	(void)strcpy(t.found.name, name);
	r = conflist_read(t.text.data ? t.text.data : "", t.text.len, true, &t.conf, &why);
	if (r < 0)
		return names_us(&t) ? bh_err_set(m->err, r, "'%s/%s': %s", m->dir->path, name, why.msg) : 0;
	if (!t.conf.ours)
		return 0;
	r = target_take(m->dir, &t, m->err);
	return r ? r : 1;
}

static int remove_from(void *ctx, const char *name)
{
	const size_t len = strlen(name);
	struct removal *m = ctx;
	int tries, r = 0;

	if (find_is_wrapped(name))
		r = file_remove(m->dir, name, m->err);
	else if (len > 9 && !strcmp(name + len - 9, ".conflist"))
		for (tries = 0, r = -EAGAIN; r == -EAGAIN && tries < TRIES; tries++)
			r = take_from(m, name);
	m->removed |= r > 0;
	return r < 0 ? r : 0;
}

int chain_remove(const struct chain_options *opt, struct bh_err *err)
{
	auto_dir struct dir conf = DIR_INIT;
	struct removal m = { .dir = &conf, .err = err };
	struct bh_err why;
	int r = dir_open(opt->conf_dir, &conf, &why), d;

	if (r < 0)
		return r == -ENOENT ? 0 : bh_err_set(err, r, "%s", why.msg);
	r = find_each(&conf, remove_from, &m, err);
	d = drop_in_remove_all(&conf, r ? NULL : err);
	file_sweep(&conf);
	if (r < 0 || d < 0)
		return r < 0 ? r : d;
	return m.removed || d;
}
