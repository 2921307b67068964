/* SPDX-License-Identifier: Apache-2.0 */
/* The compiler's results and what may be asked of them. */
#include "inforce.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/scope.h"

/* ---- life --------------------------------------------------------------------------------- */

struct inforce *inforce_ref(struct inforce *f)
{
	if (f)
		f->refs++;
	return f;
}

void inforce_unref(struct inforce *f)
{
	size_t i;

	if (!f || --f->refs)
		return;
	for (i = 0; i < f->policies.n; i++)
		free(f->policies.v[i].name);
	vec_done(&f->policies);
	tables_free(f->tables);
	free(f);
}

static int keep_names(struct inforce *f, const struct model *m)
{
	size_t i;

	for (i = 0; i < m->policies.n; i++) {
		const struct net_policy *p = m->policies.v[i];
		struct inforce_policy *kept = vec_add(&f->policies);

		if (!kept || asprintf(&kept->name, "%s/%s", p->ns, p->name) < 0) {
			if (kept)
				kept->name = NULL;
			return -ENOMEM;
		}
		memcpy(kept->isolates, p->isolates, sizeof(kept->isolates));
	}
	return 0;
}

int inforce_compile(const struct model *model, struct inforce **ret, struct bh_err *err)
{
	struct inforce *f = calloc(1, sizeof(*f));
	int r;

	if (!f)
		return bh_err_set(err, -ENOMEM, "no memory for new tables");
	f->refs = 1;
	r = keep_names(f, model);
	if (r < 0)
		bh_err_set(err, r, "no memory for the names of %zu policies", model->policies.n);
	else
		r = policy_compile(model, &f->tables, err);
	if (r < 0) {
		inforce_unref(f);
		return r;
	}
	*ret = f;
	return 0;
}

/* ---- look-ups ----------------------------------------------------------------------------- */

const struct table_endpoint *inforce_endpoint(const struct inforce *f, const struct hash128 *key)
{
	size_t i;

	for (i = 0; f && i < f->tables->endpoints.n; i++)
		if (!hash128_cmp(&f->tables->endpoints.v[i].key, key))
			return &f->tables->endpoints.v[i];
	return NULL;
}

static int by_ifindex(const void *key, const void *elem)
{
	const uint32_t a = *(const uint32_t *)key, b = ((const struct table_endpoint *)elem)->ifindex;

	return a < b ? -1 : a > b;
}

const struct table_endpoint *inforce_ifindex(const struct inforce *f, uint32_t ifindex)
{
	return f ? vec_find(&f->tables->endpoints, &ifindex, by_ifindex) : NULL;
}

static int by_hash(const void *key, const void *elem)
{
	return hash128_cmp(key, &((const struct table_rule *)elem)->hash);
}

const char *inforce_rule(const struct inforce *f, const struct hash128 *hash)
{
	const struct table_rule *r = f ? vec_find(&f->tables->rules, hash, by_hash) : NULL;

	return r ? r->name : NULL;
}

const char *inforce_rule_at(const struct inforce *f, uint32_t rule)
{
	return rule ? f->tables->rules.v[rule - 1].name : NULL;
}

void inforce_decide(const struct inforce *f, const struct table_row *row, uint32_t port, uint32_t *ret_action,
		    uint32_t *ret_rule)
{
	const struct table_range *r = &f->tables->ranges.v[row->first];
	uint32_t i;

	*ret_action = row->action;
	*ret_rule = row->rule;
	for (i = 0; i < row->n; i++) {
		if (port < r[i].first || port > r[i].last)
			continue;
		*ret_action = r[i].action;
		*ret_rule = r[i].rule;
	}
}

void inforce_isolating(const struct inforce *f, const struct table_endpoint *ep, uint32_t dir,
		       void (*each)(void *ctx, const char *policy), void *ctx)
{
	const struct table_set *s;
	size_t i;

	if (!f || !ep || ep->set < 0)
		return;
	s = &f->tables->sets.v[ep->set];
	for (i = 0; i < s->policies.n; i++) {
		const struct inforce_policy *p = &f->policies.v[s->policies.v[i]];

		if (p->isolates[dir])
			each(ctx, p->name);
	}
}

/* ---- what changed ------------------------------------------------------------------------- */

/* As the model sorts: by namespace, then name; so '/' is below every character. @a ends at a space. */
static int by_name(const void *a, const void *b)
{
	const char *x = a, *y = ((const struct inforce_policy *)b)->name;
	unsigned char cx, cy;

	for (;; x++, y++) {
		cx = *x == ' ' ? 0 : (unsigned char)*x;
		cy = (unsigned char)*y;
		if (!cx || cx != cy)
			break;
	}
	if (cx == cy)
		return 0;
	cx = cx == '/' ? 1 : cx;
	cy = cy == '/' ? 1 : cy;
	return cx < cy ? -1 : 1;
}

static struct inforce_policy *find_policy(struct inforce *f, const char *name)
{
	return f ? vec_find(&f->policies, name, by_name) : NULL;
}

static void mark(struct inforce *f, const char *name)
{
	struct inforce_policy *p = find_policy(f, name);

	if (p)
		p->changed = true;
}

/* Rules of @a that @b lacks: their policies ("shop/web ingress[0]" belongs to "shop/web") changed. */
static void mark_other_rules(struct inforce *a, struct inforce *b, struct inforce *now)
{
	size_t i;

	for (i = 0; i < a->tables->rules.n; i++)
		if (!inforce_rule(b, &a->tables->rules.v[i].hash))
			mark(now, a->tables->rules.v[i].name);
}

size_t inforce_changes(struct inforce *old, struct inforce *now, const char **ret_first)
{
	size_t i, n = 0;

	*ret_first = "";
	for (i = 0; i < now->policies.n; i++) {
		struct inforce_policy *p = &now->policies.v[i];
		const struct inforce_policy *was = find_policy(old, p->name);

		p->changed = !was || memcmp(was->isolates, p->isolates, sizeof(p->isolates));
	}
	mark_other_rules(now, old, now);
	if (old)
		mark_other_rules(old, now, now);
	for (i = 0; i < now->policies.n; i++)
		if (now->policies.v[i].changed && !n++)
			*ret_first = now->policies.v[i].name;
	for (i = 0; old && i < old->policies.n; i++)
		if (!find_policy(now, old->policies.v[i].name) && !n++)
			*ret_first = old->policies.v[i].name;
	return n;
}
