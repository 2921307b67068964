/* SPDX-License-Identifier: Apache-2.0 */
/* The compiler's results and what may be asked of them. */
#include "inforce.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "content.h"
#include "util/scope.h"
#include "util/share.h"

/* ---- life --------------------------------------------------------------------------------- */

struct inforce *inforce_ref(struct inforce *f)
{
	if (f)
		f->refs++;
	return f;
}

static void policy_done(struct inforce_policy *p)
{
	free(p->ns);
	free(p->name);
	free(p->text);
}

static void drop_names(struct inforce *f)
{
	size_t i;

	if (!share_drop(f->sharers))
		return;
	for (i = 0; i < f->policies.n; i++)
		policy_done(&f->policies.v[i]);
	vec_done(&f->policies);
	free(f->sharers);
}

void inforce_unref(struct inforce *f)
{
	if (!f || --f->refs)
		return;
	drop_names(f);
	interest_free(f->interest);
	tables_free(f->tables);
	free(f);
}

/* As the model sorts. */
static int policy_cmp(const struct inforce_policy *x, const struct inforce_policy *y)
{
	int r = strcmp(x->ns, y->ns);

	r = r ? r : strcmp(x->name, y->name);
	return r ? r : (int)x->kind - (int)y->kind;
}

static int keep_names(struct inforce *f, const struct model *m, const struct inforce *same)
{
	char text[POLICY_TEXT];
	uint32_t dir;
	size_t i;

	for (i = 0; i < m->policies.n; i++) {
		const struct net_policy *p = m->policies.v[i];
		struct inforce_policy *kept = vec_add(&f->policies);

		if (!kept)
			return -ENOMEM;
		kept->kind = p->kind;
		kept->ns = strdup(p->ns);
		kept->name = strdup(p->name);
		kept->text = strdup(net_policy_text(p, text));
		kept->generation = p->generation;
		if (!kept->ns || !kept->name || !kept->text)
			return -ENOMEM;
		for (dir = 0; dir < DIR_MAX; dir++) {
			kept->isolates[dir] = p->isolates[dir];
			kept->judges[dir] = net_policy_judges(p, dir);
		}
		if (same && i < same->policies.n && !policy_cmp(&same->policies.v[i], kept))
			kept->content = same->policies.v[i].content;
		else
			kept->content = content_of_policy(p);
	}
	return 0;
}

/* A patch is of the same policies. */
static int share_names(struct inforce *f, struct inforce *last)
{
	if (share_add(&last->sharers) < 0)
		return -ENOMEM;
	f->sharers = last->sharers;
	f->policies.v = last->policies.v;
	f->policies.n = last->policies.n;
	f->policies.size = last->policies.size;
	return 0;
}

/* What is known of the tables beside what they say. */
static int describe(struct inforce *f, const struct model *model, struct inforce *last, bool policies,
		    struct bh_err *err)
{
	const bool patch = last && f->tables->from && f->tables->from == last->tables->run;
	size_t i;
	int r;

	for (i = 0; i < POLICY_KINDS; i++)
		f->seq[i] = model->versions[i].seq;
	r = patch ? share_names(f, last) : keep_names(f, model, policies ? NULL : last);
	if (r < 0)
		return bh_err_set(err, r, "no memory for the names of %zu policies", model->policies.n);
	r = patch ? policy_interest_patched(last->interest, f->tables, &f->interest)
		  : policy_interest(model, f->tables, &f->interest);
	return r < 0 ? bh_err_set(err, r, "no memory for what the tables were made from") : 0;
}

int inforce_compile(struct compiler *c, struct inforce *last, bool policies, struct inforce **ret,
		    struct bh_err *err)
{
	struct inforce *f = calloc(1, sizeof(*f));
	int r;

	if (!f)
		return bh_err_set(err, -ENOMEM, "no memory for new tables");
	f->refs = 1;
	r = compiler_run(c, &f->tables, err);
	if (!r)
		r = describe(f, compiler_model(c), last, policies, err);
	if (r < 0) {
		inforce_unref(f);
		return r;
	}
	*ret = f;
	return 0;
}

int inforce_once(const struct model *m, struct inforce **ret, struct bh_err *err)
{
	struct inforce *f = calloc(1, sizeof(*f));
	int r;

	if (!f)
		return bh_err_set(err, -ENOMEM, "no memory for new tables");
	f->refs = 1;
	r = policy_compile(m, &f->tables, err);
	if (!r && keep_names(f, m, NULL) < 0)
		r = bh_err_set(err, -ENOMEM, "no memory for the names of %zu policies", m->policies.n);
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
	const struct table_range *r = tables_range(f->tables, row, port);

	*ret_action = r ? r->action : row->action;
	*ret_rule = r ? r->rule : row->rule;
}

void inforce_policies(const struct inforce *f, const struct table_endpoint *ep, uint32_t dir, bool isolating,
		      void (*each)(void *ctx, const char *policy), void *ctx)
{
	const struct table_set *s = f && ep && ep->set >= 0 ? &f->tables->sets.v[ep->set] : NULL;
	size_t i;

	for (i = 0; s && i < s->policies.n; i++) {
		const struct inforce_policy *p = &f->policies.v[s->policies.v[i]];

		if (isolating ? p->isolates[dir] : p->judges[dir])
			each(ctx, p->text);
	}
}

/* "shop/db", "shop/db ingress[0]" and "shop/db egress[2] (no-dns)" are of "shop/db". */
static bool is_of(const char *text, const char *policy)
{
	const size_t len = strlen(policy);

	return !strncmp(text, policy, len) &&
	       (!text[len] || !strncmp(text + len, " ingress[", 9) || !strncmp(text + len, " egress[", 8));
}

uint64_t inforce_generation(const struct inforce *f, const struct table_endpoint *ep, const char *text)
{
	const struct table_set *s = f && ep && ep->set >= 0 ? &f->tables->sets.v[ep->set] : NULL;
	size_t i;

	for (i = 0; s && i < s->policies.n; i++) {
		const struct inforce_policy *p = &f->policies.v[s->policies.v[i]];

		if (is_of(text, p->text))
			return p->generation;
	}
	return 0;
}

static size_t count_pods(const struct tables *t, size_t policy)
{
	size_t i, k, n = 0;

	for (i = 0; i < t->endpoints.n; i++) {
		const int32_t set = t->endpoints.v[i].set;
		const struct table_set *s = set < 0 ? NULL : &t->sets.v[set];

		for (k = 0; s && k < s->policies.n; k++)
			n += s->policies.v[k] == policy;
	}
	return n;
}

static int by_policy(const void *a, const void *b)
{
	return policy_cmp(a, b);
}

/* The tables know it by its place in the model of then. */
size_t inforce_pods(const struct inforce *f, const struct net_policy *p)
{
	const struct inforce_policy key = { .kind = p->kind, .ns = p->ns, .name = p->name };
	const struct inforce_policy *found = f ? vec_find(&f->policies, &key, by_policy) : NULL;

	return found ? count_pods(f->tables, (size_t)(found - f->policies.v)) : 0;
}

/* ---- what changed ------------------------------------------------------------------------- */

size_t inforce_changes(const struct inforce *old, const struct inforce *now,
		       const struct inforce_policy **ret_first)
{
	size_t i = 0, j = 0, n = 0;

	*ret_first = NULL;
	while (i < old->policies.n || j < now->policies.n) {
		const struct inforce_policy *was = i < old->policies.n ? &old->policies.v[i] : NULL;
		const struct inforce_policy *is = j < now->policies.n ? &now->policies.v[j] : NULL;
		const int order = !was ? 1 : !is ? -1 : policy_cmp(was, is);

		if ((order || hash128_cmp(&was->content, &is->content)) && !n++)
			*ret_first = order < 0 ? was : is;
		i += order <= 0;
		j += order >= 0;
	}
	return n;
}
