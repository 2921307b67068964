/* SPDX-License-Identifier: Apache-2.0 */
/* A list of rules like that of the tables, each with the time when it came. */
#include "unused.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "agent.h"
#include "util/scope.h"

struct birth {
	struct hash128 rule;
	int64_t at;
	bool older; /* or before */
};

typedef VEC(struct birth) birth_vec;

struct unused {
	birth_vec births; /* by rule */
	bool begun;	  /* what was found at the start is in them */
	uint64_t run;	  /* of the compiler, that they are of */
};

static int by_rule(const void *key, const void *elem)
{
	return hash128_cmp(key, &((const struct birth *)elem)->rule);
}

/* Without memory some are not known, which is said. */
void unused_enforced(struct agent *a)
{
	const struct tables *t = reconcile_inforce(a->reconcile)->tables;
	struct unused *u = a->unused;
	const int64_t now = (int64_t)time(NULL);
	const struct birth *was;
	birth_vec births = {};
	struct birth *slot;
	size_t i;

	if (u->begun && t->from && t->from == u->run) {
		u->run = t->run; /* a patch: it has the same rules */
		return;
	}
	for (i = 0; i < t->rules.n && (slot = vec_add(&births)); i++) {
		was = vec_find(&u->births, &t->rules.v[i].hash, by_rule);
		*slot = was ? *was : (struct birth){ t->rules.v[i].hash, now, !u->begun };
	}
	vec_done(&u->births);
	u->births = births;
	u->run = t->run;
	u->begun = true;
}

int64_t unused_since(const struct agent *a, const struct hash128 *rule, bool *ret_older)
{
	const struct birth *b = vec_find(&a->unused->births, rule, by_rule);

	*ret_older = b && b->older;
	return b ? b->at : 0;
}

int unused_new(struct agent *a)
{
	a->unused = calloc(1, sizeof(*a->unused));
	return a->unused ? 0 : -ENOMEM;
}

void unused_free(struct agent *a)
{
	if (!a->unused)
		return;
	vec_done(&a->unused->births);
	free(TAKE_PTR(a->unused));
}
