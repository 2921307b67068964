/* SPDX-License-Identifier: Apache-2.0 */
/* From file to conflist and back. */
#include "chain/target.h"

#include <errno.h>
#include <string.h>

#define SPLICED_MAX (CONFLIST_MAX + (64u << 10)) /* with our entry */

static int understand(const struct dir *d, const char *name, const struct buf *text, bool is_list,
		      struct conflist *ret, struct bh_err *err)
{
	struct bh_err why;
	const int r = conflist_read(text->data ? text->data : "", text->len, is_list, ret, &why);

	return r ? bh_err_set(err, r, "'%s/%s': %s", d->path, name, why.msg) : 0;
}

/* One that is not of this configuration, or broken, will be written anew. */
static void read_wrapped(const struct dir *d, struct target *t)
{
	struct stat st;

	if (!file_read(d, t->found.target, &t->wrapped, &st, NULL) &&
	    !understand(d, t->found.target, &t->wrapped, true, &t->wrapped_conf, NULL) &&
	    conflist_wraps(&t->wrapped_conf, &t->conf))
		return;
	conflist_done(&t->wrapped_conf);
}

int target_read(const struct dir *d, struct target *ret, struct bh_err *err)
{
	int r = find_conf(d, &ret->found, err);

	if (!r)
		r = file_read(d, ret->found.name, &ret->text, &ret->st, err);
	if (!r)
		r = understand(d, ret->found.name, &ret->text, ret->found.is_list, &ret->conf, err);
	if (!r && !ret->found.is_list)
		read_wrapped(d, ret);
	return r;
}

void target_done(struct target *t)
{
	conflist_done(&t->conf);
	conflist_done(&t->wrapped_conf);
	buf_done(&t->text);
	buf_done(&t->wrapped);
}

/* NULL: there is no list yet. */
static const struct conflist *list_of(const struct target *t)
{
	if (t->found.is_list)
		return &t->conf;
	return t->wrapped_conf.root ? &t->wrapped_conf : NULL;
}

enum conflist_state target_state(const struct target *t, const char *entry)
{
	const struct conflist *list = list_of(t);

	return list ? conflist_state(list, entry) : CONFLIST_ABSENT;
}

int target_put(const struct dir *d, const struct target *t, const char *entry, struct bh_err *err)
{
	auto_buf struct buf text = BUF_INIT(SPLICED_MAX);
	const struct conflist *list = list_of(t);
	int r = list ? conflist_put(list, entry, &text) : conflist_wrap(&t->conf, entry, &text);

	if (r < 0)
		return bh_err_errno(err, r, "'%s/%s'", d->path, t->found.target);
	if (t->found.is_list)
		return file_put(d, t->found.target, &text, &t->st, &t->text, err);
	return file_put(d, t->found.target, &text, &t->st, list ? &t->wrapped : NULL, err);
}

int target_take(const struct dir *d, const struct target *t, struct bh_err *err)
{
	auto_buf struct buf text = BUF_INIT(SPLICED_MAX);
	const int r = conflist_take(&t->conf, &text);

	if (r < 0)
		return bh_err_errno(err, r, "'%s/%s'", d->path, t->found.name);
	return file_put(d, t->found.name, &text, &t->st, &t->text, err);
}
