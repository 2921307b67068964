/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whose pods they are. A pod's labels tell that, and `endpoints` has them; flows have only its name. So the
 * flows of a pod that is known go by what its labels told, those of others by a workload of the same names.
 * Of one namespace and name there is one workload, so that ids are unique.
 */
#include <stdlib.h>
#include <string.h>

#include "ctl/graph_store.h"
#include "util/intern.h"
#include "util/scope.h"

/* ---- sorting ------------------------------------------------------------------------------ */

/* "Deployment\nshop\nweb" -> "\nshop\nweb" */
static const char *names_of(const char *who)
{
	return who + strcspn(who, "\n");
}

static int by_names(const void *a, const void *b)
{
	return strcmp(names_of(*(const char *const *)a), names_of(*(const char *const *)b));
}

static bool is_vague(const char *who)
{
	return !strncmp(who, "Pod\n", 4) || !strncmp(who, "Set\n", 4);
}

/* Of equal names the kind first that says most. */
static int by_worth(const void *a, const void *b)
{
	const char *x = *(const char *const *)a, *y = *(const char *const *)b;
	const int r = by_names(a, b), vague = (int)is_vague(x) - (int)is_vague(y);

	return r ? r : vague ? vague : strcmp(x, y);
}

static int by_pod(const void *a, const void *b)
{
	return strcmp(((const struct graph_pod *)a)->name, ((const struct graph_pod *)b)->name);
}

/* ---- owners ------------------------------------------------------------------------------- */

struct owners {
	const struct graph *known; /* its pods have settled: sorted by name */
	VEC(const char *) v;	   /* one of each names */
};

static void find_owners(const struct graph *known, struct owners *ret)
{
	size_t i, n = 0;

	for (i = 0; i < known->pods_n; i++) {
		const char **slot = vec_add(&ret->v);

		if (slot)
			*slot = known->pods.v[i].who;
	}
	vec_sort(&ret->v, by_worth);
	for (i = 0; i < ret->v.n; i++)
		if (!n || by_names(&ret->v.v[n - 1], &ret->v.v[i]))
			ret->v.v[n++] = ret->v.v[i];
	ret->v.n = n;
}

/* Takes a workload's place where another is known that is the same. */
static void settle(const struct owners *o, const char **who)
{
	const char **at = vec_find(&o->v, who, by_names);

	if (!at || *at == *who)
		return;
	intern_drop(*who);
	*who = intern_again(*at);
}

static const struct graph_pod *find_pod(const struct graph *g, const char *name)
{
	const struct graph_pod key = { .name = name };

	return name && g->pods_n ? bsearch(&key, g->pods.v, g->pods_n, sizeof(key), by_pod) : NULL;
}

static void settle_end(const struct owners *o, const char *name, const char **who)
{
	const struct graph_pod *pod = find_pod(o->known, name);

	if (pod && pod->who != *who) {
		intern_drop(*who);
		*who = intern_again(pod->who);
	}
	if (graph_is_workload(*who))
		settle(o, who);
}

void graph_settle_owners(struct graph *g)
{
	struct owners o = { .known = g->known ? g->known : g };
	size_t i;

	find_owners(o.known, &o);
	for (i = 0; i < g->pods_n; i++)
		settle(&o, &g->pods.v[i].who);
	for (i = 0; i < g->flows_n; i++) {
		const char **text = g->flows.v[i].text;

		settle_end(&o, text[GT_SRC_NAME], &text[GT_SRC]);
		settle_end(&o, text[GT_DST_NAME], &text[GT_DST]);
	}
	vec_done(&o.v);
}
