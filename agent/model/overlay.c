/* SPDX-License-Identifier: Apache-2.0 */
/* The list of policies is the overlay's own; what it points at is not. */
#include "model/overlay.h"

#include <errno.h>
#include <string.h>

int overlay_init(struct overlay *o, const struct model *m)
{
	struct net_policy **slot;
	size_t i;

	o->m = *m;
	o->m.changes = NULL;
	o->m.policies.v = NULL;
	o->m.policies.n = o->m.policies.size = 0;
	for (i = 0; i < m->policies.n; i++) {
		slot = vec_add(&o->m.policies);
		if (!slot) {
			overlay_done(o);
			return -ENOMEM;
		}
		*slot = m->policies.v[i];
	}
	return 0;
}

void overlay_done(struct overlay *o)
{
	vec_done(&o->m.policies);
}

/* As the model sorts. */
static int cmp(const struct net_policy *np, enum policy_kind kind, const char *ns, const char *name)
{
	int r = strcmp(np->ns, ns);

	r = r ? r : strcmp(np->name, name);
	return r ? r : (int)np->kind - (int)kind;
}

static size_t place(const struct overlay *o, enum policy_kind kind, const char *ns, const char *name)
{
	size_t i = 0;

	while (i < o->m.policies.n && cmp(o->m.policies.v[i], kind, ns, name) < 0)
		i++;
	return i;
}

static bool is_at(const struct overlay *o, size_t i, enum policy_kind kind, const char *ns, const char *name)
{
	return i < o->m.policies.n && !cmp(o->m.policies.v[i], kind, ns, name);
}

int overlay_put_policy(struct overlay *o, const struct net_policy *np)
{
	const size_t i = place(o, np->kind, np->ns, np->name);

	if (!is_at(o, i, np->kind, np->ns, np->name)) {
		if (!vec_add(&o->m.policies))
			return -ENOMEM;
		memmove(&o->m.policies.v[i + 1], &o->m.policies.v[i],
			(o->m.policies.n - 1 - i) * sizeof(*o->m.policies.v));
	}
	o->m.policies.v[i] = (struct net_policy *)np;
	return 0;
}

bool overlay_del_policy(struct overlay *o, enum policy_kind kind, const char *ns, const char *name)
{
	const size_t i = place(o, kind, ns, name);

	if (!is_at(o, i, kind, ns, name))
		return false;
	o->m.policies.n--;
	memmove(&o->m.policies.v[i], &o->m.policies.v[i + 1],
		(o->m.policies.n - i) * sizeof(*o->m.policies.v));
	return true;
}
