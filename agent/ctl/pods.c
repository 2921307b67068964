/* SPDX-License-Identifier: Apache-2.0 */
/* Which pods are agents, and which of them are meant. */
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "api/api.h"
#include "ctl/remote.h"
#include "util/buf.h"
#include "util/near.h"
#include "util/scope.h"

#define SELECTOR                                                                                             \
	"app.kubernetes.io/name=bulkhead,app.kubernetes.io/component=agent" /* as the chart labels them */
#define CONTAINER "agent"
#define PODS_MAX  (256u << 20) /* of 5,000 nodes it is some 40 MiB */
#define MANY	  16

/* ---- the list of pods --------------------------------------------------------------------- */

static void pod_done(struct agent_pod *p)
{
	free(p->node);
	free(p->ns);
	free(p->pod);
	free(p->container);
	free(p->phase);
}

void remote_pods_done(struct agent_pods *p)
{
	size_t i;

	for (i = 0; i < p->v.n; i++)
		pod_done(&p->v.v[i]);
	vec_done(&p->v);
}

/* A name of Kubernetes': nothing that kubectl could take for an option. */
static bool is_name(const char *text)
{
	return isalnum((unsigned char)*text) &&
	       strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789.-") == strlen(text);
}

static bool is_ready(struct json_object *status)
{
	struct json_object *list = ctl_get(status, "conditions");
	const size_t n = ctl_length(list);
	size_t i;

	for (i = 0; i < n; i++) {
		struct json_object *o = json_object_array_get_idx(list, i);

		if (!strcmp(ctl_str(o, "type"), "Ready"))
			return !strcmp(ctl_str(o, "status"), "True");
	}
	return false;
}

/* "agent"; the first one where none has that name. */
static const char *container_of(struct json_object *spec)
{
	struct json_object *list = ctl_get(spec, "containers");
	const size_t n = ctl_length(list);
	size_t i;

	for (i = 0; i < n; i++)
		if (!strcmp(ctl_str(json_object_array_get_idx(list, i), "name"), CONTAINER))
			return CONTAINER;
	return n ? ctl_str(json_object_array_get_idx(list, 0), "name") : "";
}

static int read_pod(struct json_object *o, struct agent_pods *ret)
{
	struct json_object *meta = ctl_get(o, "metadata"), *spec = ctl_get(o, "spec"),
			   *status = ctl_get(o, "status");
	const char *node = ctl_str(spec, "nodeName"), *phase = ctl_str(status, "phase");
	const char *ns = ctl_str(meta, "namespace"), *name = ctl_str(meta, "name"),
		   *container = container_of(spec);
	const bool runs = !strcmp(phase, "Running"), leaves = ctl_get(meta, "deletionTimestamp");
	struct agent_pod *p;

	if (!is_name(node) || !is_name(ns) || !is_name(name) || !is_name(container))
		return 0; /* on no node yet */
	p = vec_add(&ret->v);
	if (!p)
		return -ENOMEM;
	*p = (struct agent_pod){
		.node = strdup(node),
		.ns = strdup(ns),
		.pod = strdup(name),
		.container = strdup(container),
		.phase = strdup(phase),
		.rank = runs * 4 + is_ready(status) * 2 + !leaves,
	};
	return p->node && p->ns && p->pod && p->container && p->phase ? 0 : -ENOMEM;
}

/* By node, the best first: while an agent is replaced there are two on a node, with one socket between them.
 */
static int by_node(const void *x, const void *y)
{
	const struct agent_pod *a = x, *b = y;
	const int r = strcmp(a->node, b->node);

	return r ? r : b->rank - a->rank;
}

static void keep_best(struct agent_pods *p)
{
	size_t i, n = 0;

	vec_sort(&p->v, by_node);
	for (i = 0; i < p->v.n; i++) {
		if (n && !strcmp(p->v.v[n - 1].node, p->v.v[i].node))
			pod_done(&p->v.v[i]);
		else
			p->v.v[n++] = p->v.v[i];
	}
	p->v.n = n;
}

/* Anybody who may make pods may give them an agent's labels: of two namespaces one may be such a person's. */
static int check_namespace(const struct agent_pods *p, struct bh_err *err)
{
	size_t i;

	for (i = 1; i < p->v.n; i++)
		if (strcmp(p->v.v[0].ns, p->v.v[i].ns))
			return bh_err_set(err, -ENOTUNIQ,
					  "pods that look like agents are in namespaces '%s' and '%s'",
					  p->v.v[0].ns, p->v.v[i].ns);
	return 0;
}

int remote_pods_read(const char *json, struct agent_pods *ret, struct bh_err *err)
{
	struct json_object *o = json_tokener_parse(json), *items = ctl_get(o, "items");
	const bool is_list = json_object_is_type(items, json_type_array);
	const size_t n = ctl_length(items);
	struct agent_pods pods = {};
	int r = is_list ? 0 : bh_err_set(err, -EPROTO, "kubectl: what it prints is no list of pods");
	size_t i;

	for (i = 0; i < n && !r; i++)
		r = read_pod(json_object_array_get_idx(items, i), &pods);
	json_object_put(o);
	if (!r)
		r = check_namespace(&pods, err);
	if (r < 0) {
		remote_pods_done(&pods);
		return r;
	}
	keep_best(&pods);
	*ret = pods;
	return 0;
}

/* ---- asking for it ------------------------------------------------------------------------ */

/* After a reboot, say: who asks on a node means its agent, and knows nothing of a kubeconfig. */
static void hint_why_asked(const struct ctl *c)
{
	if (!ctl_remote_by_wish(c))
		ctl_hint("there is no agent's socket in " API_RUN_DIR " here, so the cluster was asked; is "
			 "bulkhead-agent running? --run-dir names where its socket is");
}

static int cannot_list(const struct ctl *c, const char *why)
{
	ctl_say("kubectl get pods: %s", why);
	if (strstr(why, "orbidden"))
		ctl_hint("--agent-namespace says where the agents are, if you may list pods there alone");
	hint_why_asked(c);
	return CTL_UNREACHABLE;
}

static int no_kubectl(const struct ctl *c)
{
	if (ctl_remote_by_wish(c)) {
		ctl_say("no kubectl in PATH");
	} else {
		ctl_say("no agent's socket in " API_RUN_DIR
			", and no kubectl in PATH to ask agents elsewhere");
		ctl_hint("is bulkhead-agent running? --run-dir names where its socket is");
	}
	return CTL_UNREACHABLE;
}

static int get_pods(const struct ctl *c, struct agent_pods *ret, bool *ret_ran, struct bh_err *err)
{
	const char *const args[] = { "get",
				     "pods",
				     "--selector=" SELECTOR,
				     "--output=json",
				     c->agent_namespace ? "--namespace" : "--all-namespaces",
				     c->agent_namespace,
				     NULL };
	auto_buf struct buf out = BUF_INIT(PODS_MAX);
	const int r = remote_run(c, args, &out, err);

	*ret_ran = !r;
	return r < 0 ? r : remote_pods_read(out.data ? out.data : "", ret, err);
}

static int list_pods(const struct ctl *c, struct agent_pods *ret)
{
	struct bh_err err = { "" };
	bool ran;
	const int r = get_pods(c, ret, &ran, &err);

	if (r == -ENOENT && !ran)
		return no_kubectl(c);
	if (r < 0 && !ran)
		return cannot_list(c, err.msg);
	if (r < 0)
		ctl_say("%s", err.msg);
	if (r == -ENOTUNIQ)
		ctl_hint("--agent-namespace says where Bulkhead is installed");
	return r < 0 ? CTL_UNREACHABLE : CTL_OK;
}

/* ---- those that are meant ----------------------------------------------------------------- */

static int no_such_node(const struct agent_pods *all, const char *node)
{
	struct near near = NEAR_INIT;
	size_t i;

	for (i = 0; i < all->v.n; i++)
		near_take(&near, near_distance(node, all->v.v[i].node), "%s", all->v.v[i].node);
	ctl_say("no agent on a node '%s'%s", node, near.hint);
	return CTL_USAGE;
}

static bool is_named(const struct ctl *c, const char *node)
{
	size_t i;

	for (i = 0; i < c->nodes.n; i++)
		if (!strcmp(c->nodes.v[i], node))
			return true;
	return !c->nodes.n;
}

static int choose(const struct ctl *c, struct agent_pods *p)
{
	size_t i, j, n = 0;

	for (i = 0; i < c->nodes.n; i++) {
		for (j = 0; j < p->v.n && strcmp(p->v.v[j].node, c->nodes.v[i]); j++)
			;
		if (j == p->v.n)
			return no_such_node(p, c->nodes.v[i]);
	}
	for (i = 0; i < p->v.n; i++) {
		if (is_named(c, p->v.v[i].node))
			p->v.v[n++] = p->v.v[i];
		else
			pod_done(&p->v.v[i]);
	}
	p->v.n = n;
	return CTL_OK;
}

static int none_at_all(const struct ctl *c)
{
	ctl_say("kubectl finds no agent%s%s", c->agent_namespace ? " in namespace " : "",
		c->agent_namespace ? c->agent_namespace : "");
	ctl_hint("is Bulkhead installed in this cluster? --context and --kubeconfig say which one is asked");
	hint_why_asked(c);
	return CTL_UNREACHABLE;
}

/* Of the process: a command may ask again and again. */
static struct agent_pods kept;

void remote_forget(void)
{
	remote_pods_done(&kept);
}

/* Asks the API server. Return: the name of the node, as @p has it; NULL: it is not said. */
static const char *node_of(const struct ctl *c, const char *pod, const struct agent_pods *p)
{
	const char *slash = strchr(pod, '/');
	auto_free char *ns = slash ? strndup(pod, (size_t)(slash - pod)) : NULL;
	auto_buf struct buf node = BUF_INIT(1024);
	const char *const args[] = { "get",	    "pod", ns ? slash + 1 : "",
				     "--namespace", ns,	   "--output=jsonpath={.spec.nodeName}",
				     NULL };
	size_t i;

	if (!ns || !is_name(ns) || !is_name(slash + 1) || remote_run(c, args, &node, NULL) < 0 || !node.len)
		return NULL;
	for (i = 0; i < p->v.n; i++)
		if (!strcmp(p->v.v[i].node, node.data))
			return p->v.v[i].node;
	return NULL;
}

/* Instead of asking hundreds of agents for pods, the API server is asked where they are. Who may not get one,
 * or means one that has gone, or an address, goes the long way. */
static void narrow(const struct ctl *c, struct agent_pods *p)
{
	const char *const names[] = { c->pod, c->ends[0], c->ends[1] };
	struct ctl some = *c;
	size_t i;

	if (c->nodes.n || p->v.n < MANY)
		return;
	for (i = 0; i < ARRAY_SIZE(names); i++) {
		const char *node = names[i] ? node_of(c, names[i], p) : NULL;

		if (names[i] && !node)
			return;
		if (node && !(some.nodes.n && is_named(&some, node)))
			some.nodes.v[some.nodes.n++] = node;
	}
	if (some.nodes.n)
		(void)choose(&some, p);
}

static void renew_one(struct agent_pod *pod, struct agent_pods *now)
{
	size_t i;

	for (i = 0; i < now->v.n; i++) {
		const struct agent_pod was = *pod;

		if (strcmp(now->v.v[i].node, was.node))
			continue;
		*pod = now->v.v[i];
		now->v.v[i] = was;
		return;
	}
}

void remote_renew(const struct ctl *c, const struct agent_pod *pod)
{
	struct agent_pods now = {};
	struct bh_err err;
	size_t i;
	bool ran;

	(void)get_pods(c, &now, &ran, &err); /* none: as it was */
	for (i = 0; i < kept.v.n; i++)
		if (!pod || pod == &kept.v.v[i])
			renew_one(&kept.v.v[i], &now);
	remote_pods_done(&now);
}

int remote_pods(const struct ctl *c, const struct agent_pods **ret)
{
	int code = CTL_OK;

	if (!kept.v.n) {
		code = list_pods(c, &kept);
		narrow(c, &kept);
	}
	if (code == CTL_OK && !kept.v.n)
		code = none_at_all(c);
	if (code == CTL_OK)
		code = choose(c, &kept);
	if (code != CTL_OK)
		return code;
	if (c->one_node && !c->pod && kept.v.n > 1) {
		ctl_say("this is of one node: --node NAME says of which; there are %zu", kept.v.n);
		return CTL_USAGE;
	}
	*ret = &kept;
	return CTL_OK;
}
