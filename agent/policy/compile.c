/* SPDX-License-Identifier: Apache-2.0 */
/* policy_compile(): one step after the other; build.h says what each hands on. */
#include "policy/policy.h"

#include <errno.h>
#include <stdlib.h>

#include "policy/build.h"
#include "util/scope.h"

void policy_build_done(struct build *b)
{
	size_t i, k;
	int dir;

	for (i = 0; i < b->n_uses; i++) {
		for (dir = 0; dir < DIR_MAX; dir++) {
			for (k = 0; k < b->uses[i].rules[dir].n; k++) {
				vec_done(&b->uses[i].rules[dir].v[k].peers);
				vec_done(&b->uses[i].rules[dir].v[k].ports);
				vec_done(&b->uses[i].rules[dir].v[k].names);
			}
			vec_done(&b->uses[i].rules[dir]);
		}
	}
	for (i = 0; i < b->subjects.n; i++)
		vec_done(&b->subjects.v[i].policies);
	free(b->uses);
	vec_done(&b->subjects);
	vec_done(&b->peer_sets);
	vec_done(&b->wants);
	vec_done(&b->refused);
	vec_done(&b->named);
	free(b->set_ports);
	vec_done(&b->lists);
	vec_done(&b->pod_addrs);
	vec_done(&b->classes);
	vec_done(&b->needs);
	tables_free(b->t);
}

/* A vector that did not grow is either at its maximum or out of memory. */
static int why_full(const struct build *b, struct bh_err *err)
{
	if (b->t->rows.n >= VEC_MAX)
		return bh_err_set(err, -E2BIG, "policies make more than %u verdict rows", VEC_MAX);
	if (b->t->ranges.n >= VEC_MAX)
		return bh_err_set(err, -E2BIG, "policies make more than %u port ranges", VEC_MAX);
	if (b->lists.n >= VEC_MAX)
		return bh_err_set(err, -E2BIG, "policies make more than %u peer memberships", VEC_MAX);
	if (b->needs.n >= VEC_MAX)
		return bh_err_set(err, -E2BIG, "Services have more than %u backends", VEC_MAX);
	return bh_err_set(err, -ENOMEM, "out of memory in the policy compiler");
}

static int compile(struct build *b, struct bh_err *err)
{
	int r;

	r = policy_subjects(b, err);
	if (!r)
		r = policy_rules(b);
	if (!r)
		r = policy_sets(b);
	if (!r)
		r = policy_locations(b);
	if (!r)
		r = policy_services(b);
	if (!r)
		r = policy_rows(b);
	return r == -ENOMEM ? why_full(b, err) : r;
}

int policy_build(struct build *b, struct bh_err *err)
{
	b->t = calloc(1, sizeof(*b->t));
	b->uses = calloc(b->model->policies.n + 1, sizeof(*b->uses));
	if (!b->t || !b->uses)
		return -ENOMEM;
	b->n_uses = b->model->policies.n;
	return compile(b, err);
}

int policy_compile(const struct model *model, struct tables **ret, struct bh_err *err)
{
	struct build b = { .model = model };
	const int r = policy_build(&b, err);

	if (!r)
		*ret = TAKE_PTR(b.t);
	policy_build_done(&b);
	return r;
}
