/* SPDX-License-Identifier: Apache-2.0 */
/* A patch where it can be, else all of it. */
#include "policy/compiler.h"

#include <errno.h>
#include <stdlib.h>

#include "policy/kept.h"
#include "util/scope.h"

struct compiler {
	struct model *model;
	struct model_changes changes; /* since the last run */
	struct kept kept;
	uint64_t runs;
};

struct compiler *compiler_new(struct model *m)
{
	struct compiler *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->model = m;
	m->changes = &c->changes;
	return c;
}

void compiler_free(struct compiler *c)
{
	if (!c)
		return;
	c->model->changes = NULL;
	changes_clear(&c->changes);
	kept_done(&c->kept);
	free(c);
}

const struct model *compiler_model(const struct compiler *c)
{
	return c->model;
}

/* Nothing kept is no failure: the next run is of all, too. */
static int compile_all(struct compiler *c, struct tables **ret, struct bh_err *err)
{
	struct build b = { .model = c->model };
	int r;

	kept_done(&c->kept);
	r = policy_build(&b, err);
	if (!r) {
		*ret = TAKE_PTR(b.t);
		if (kept_init(&c->kept, &b, *ret) < 0)
			kept_done(&c->kept);
	}
	policy_build_done(&b);
	return r;
}

int compiler_run(struct compiler *c, struct tables **ret, struct bh_err *err)
{
	const bool kept = c->kept.t && !c->changes.all;
	const int patched = kept ? policy_patch(&c->kept, &c->changes, ret) : 0;
	const int r = patched > 0 ? 0 : compile_all(c, ret, err);

	changes_clear(&c->changes);
	if (r < 0)
		return r;
	(*ret)->run = ++c->runs;
	return 0;
}
