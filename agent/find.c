/* SPDX-License-Identifier: Apache-2.0 */
/* Finding pods by what a person typed. */
#include "find.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "util/buf.h"
#include "util/scope.h"

#define NAME_LEN 64

/* "web" means web in any namespace, "shop/web" that one. */
static bool matches(const char *text, const char *ns, const char *name)
{
	const char *slash = strchr(text, '/');

	if (!slash)
		return !strcmp(text, name);
	return strlen(ns) == (size_t)(slash - text) && !strncmp(text, ns, strlen(ns)) &&
	       !strcmp(slash + 1, name);
}

static unsigned int how_far(const char *text, const char *ns, const char *name)
{
	const char *slash = strchr(text, '/');
	char whole[2 * NAME_LEN];

	if (!slash)
		return near_distance(text, name);
	if (!strcmp(slash + 1, name))
		return 1; /* in another namespace */
	(void)snprintf(whole, sizeof(whole), "%s/%s", ns, name);
	return near_distance(text, whole);
}

/* ---- what to say when there is none ------------------------------------------------------- */

static void consider(struct near *n, const char *text, const char *ns, const char *name)
{
	near_take(n, how_far(text, ns, name), "%.63s/%.63s", ns, name);
}

static void look_near(const struct model *m, const char *text, bool local, struct near *ret)
{
	size_t i;

	for (i = 0; i < m->endpoints.n; i++)
		consider(ret, text, m->endpoints.v[i]->ns, m->endpoints.v[i]->pod);
	for (i = 0; !local && i < m->pods.n; i++)
		consider(ret, text, m->pods.v[i]->ns, m->pods.v[i]->name);
}

static bool listed_before(const struct model *m, size_t n, const char *ns)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (!strcmp(m->endpoints.v[i]->ns, ns))
			return true;
	return false;
}

/* Those of this node's interfaces, or all; cut where it gets long. */
static void list_namespaces(const struct model *m, bool local, struct buf *out)
{
	size_t i;

	for (i = 0; !local && i < m->namespaces.n; i++)
		(void)buf_fmt(out, "%s%s", out->len ? ", " : "", m->namespaces.v[i]->name);
	for (i = 0; local && i < m->endpoints.n; i++)
		if (!listed_before(m, i, m->endpoints.v[i]->ns))
			(void)buf_fmt(out, "%s%s", out->len ? ", " : "", m->endpoints.v[i]->ns);
}

static int none(const struct model *m, const char *text, bool local, struct bh_err *err)
{
	auto_buf struct buf spaces = BUF_INIT(100);
	struct near near = NEAR_INIT;

	list_namespaces(m, local, &spaces);
	look_near(m, text, local, &near);
	return bh_err_set(err, -ENOENT, "no pod '%.100s'%s; namespaces searched: %s%s", text,
			  local ? " on this node" : "", spaces.len ? spaces.data : "none", near.hint);
}

/* ---- finding ------------------------------------------------------------------------------ */

static bool same_pod(const struct endpoint *e, const char *ns, const char *name)
{
	return e && !strcmp(e->ns, ns) && !strcmp(e->pod, name);
}

static int not_unique(const char *text, const char *ns_a, const char *ns_b, struct bh_err *err)
{
	return bh_err_set(err, -ENOTUNIQ, "'%.100s' is in namespaces '%.63s' and '%.63s': say which", text,
			  ns_a, ns_b);
}

static int find_endpoint(const struct model *m, const char *text, const struct endpoint **ret,
			 struct bh_err *err)
{
	const struct endpoint *found = NULL;
	size_t i;

	for (i = 0; i < m->endpoints.n; i++) {
		const struct endpoint *e = m->endpoints.v[i];

		if (!matches(text, e->ns, e->pod))
			continue;
		if (found && strcmp(found->ns, e->ns))
			return not_unique(text, found->ns, e->ns, err);
		found = found ? found : e;
	}
	*ret = found;
	return 0;
}

int find_local(const struct model *m, const char *text, const struct endpoint **ret, struct bh_err *err)
{
	const struct endpoint *e;
	int r = find_endpoint(m, text, &e, err);

	if (r < 0)
		return r;
	if (!e)
		return none(m, text, true, err);
	*ret = e;
	return 0;
}

int find_pod(const struct model *m, const char *text, struct found *ret, struct bh_err *err)
{
	struct found f = {};
	size_t i;
	int r = find_endpoint(m, text, &f.e, err);

	for (i = 0; !r && i < m->pods.n; i++) {
		const struct pod *p = m->pods.v[i];

		if (!matches(text, p->ns, p->name))
			continue;
		if ((f.e && !same_pod(f.e, p->ns, p->name)) || f.pod)
			return not_unique(text, f.e ? f.e->ns : f.pod->ns, p->ns, err);
		f.pod = p;
	}
	if (r < 0)
		return r;
	if (!f.e && !f.pod)
		return none(m, text, false, err);
	*ret = f;
	return 0;
}

/* ---- whether there is one ----------------------------------------------------------------- */

bool find_knows_pod(const struct model *m, const char *text, struct near *ret)
{
	struct found f;
	struct bh_err err;

	if (find_pod(m, text, &f, &err) != -ENOENT)
		return true;
	look_near(m, text, false, ret);
	return false;
}

/* A pod's interface may be known before its Namespace is. */
bool find_knows_namespace(const struct model *m, const char *text, struct near *ret)
{
	size_t i;

	if (model_namespace(m, text) || listed_before(m, m->endpoints.n, text))
		return true;
	for (i = 0; i < m->namespaces.n; i++)
		near_take(ret, near_distance(text, m->namespaces.v[i]->name), "%s", m->namespaces.v[i]->name);
	return false;
}

static void consider_policy(struct near *n, const char *text, const struct net_policy *p)
{
	near_take(n, how_far(text, p->ns, p->name), "%s%s%s", p->ns, *p->ns ? "/" : "", p->name);
}

bool find_knows_policy(const struct model *m, const char *text, struct near *ret)
{
	size_t i;

	for (i = 0; i < m->policies.n; i++) {
		if (matches(text, m->policies.v[i]->ns, m->policies.v[i]->name))
			return true;
		consider_policy(ret, text, m->policies.v[i]);
	}
	return false;
}

void find_near_policy(const struct model *m, enum policy_kind kind, const char *text, struct near *ret)
{
	size_t i;

	for (i = 0; i < m->policies.n; i++)
		if (m->policies.v[i]->kind == kind)
			consider_policy(ret, text, m->policies.v[i]);
}

/* ---- by address --------------------------------------------------------------------------- */

const struct endpoint *find_by_addr(const struct model *m, const struct addr *addr)
{
	size_t i, j;

	for (i = 0; i < m->endpoints.n; i++)
		for (j = 0; j < m->endpoints.v[i]->addrs.n; j++)
			if (!addr_cmp(&m->endpoints.v[i]->addrs.v[j], addr))
				return m->endpoints.v[i];
	return NULL;
}

const struct pod *find_pod_by_addr(const struct model *m, const struct addr *addr)
{
	size_t i, j;

	for (i = 0; i < m->pods.n; i++)
		for (j = 0; !m->pods.v[i]->host_network && !m->pods.v[i]->ended && j < m->pods.v[i]->addrs.n;
		     j++)
			if (!addr_cmp(&m->pods.v[i]->addrs.v[j], addr))
				return m->pods.v[i];
	return NULL;
}
