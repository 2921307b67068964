/* SPDX-License-Identifier: Apache-2.0 */
/* Which pods are agents, and how kubectl is called. */
#include <ctype.h>
#include <errno.h>
#include <poll.h>
#include <string.h>

#include "ctl/process.h"
#include "ctl/remote.h"
#include "util/buf.h"
#include "util/clock.h"
#include "util/near.h"
#include "util/scope.h"

#define SELECTOR                                                                                             \
	"app.kubernetes.io/name=bulkhead,app.kubernetes.io/component=agent" /* as the chart labels them */
#define CONTAINER "agent"
#define PODS_MS	  30000
#define PODS_MAX  (256u << 20) /* of 5,000 nodes it is some 40 MiB */
#define ARGS_MAX  32

/* ---- kubectl ------------------------------------------------------------------------------ */

static char *option(const char *name, const char *value)
{
	char *text = NULL;

	return asprintf(&text, "--%s=%s", name, value) < 0 ? NULL : text;
}

char **remote_argv(const struct ctl *c, const char *const *more)
{
	char **argv = calloc(ARGS_MAX + 1, sizeof(*argv));
	size_t n = 0, i;

	if (!argv)
		return NULL;
	argv[n++] = strdup("kubectl");
	if (c->kubeconfig)
		argv[n++] = option("kubeconfig", c->kubeconfig);
	if (c->context)
		argv[n++] = option("context", c->context);
	for (i = 0; more[i] && n < ARGS_MAX; i++)
		argv[n++] = strdup(more[i]);
	for (i = 0; i < n; i++) {
		if (argv[i])
			continue;
		remote_argv_free(argv);
		return NULL;
	}
	return argv;
}

void remote_argv_free(char **argv)
{
	size_t i;

	for (i = 0; argv && i < ARGS_MAX; i++)
		free(argv[i]);
	free(argv);
}

/* klog's lines ("E1128 12:00:00 ...") tell of tries, warnings of nothing that failed. */
static bool is_noise(const char *line)
{
	return !*line || !strncmp(line, "Warning:", 8) ||
	       (strchr("IWE", line[0]) && isdigit((unsigned char)line[1]) && isdigit((unsigned char)line[2]));
}

const char *remote_why(char *text, char ret[REMOTE_WHY])
{
	char *save = NULL, *line;

	ret[0] = '\0';
	for (line = strtok_r(text, "\r\n", &save); line && !*ret; line = strtok_r(NULL, "\r\n", &save))
		if (!is_noise(line))
			(void)snprintf(ret, REMOTE_WHY, "%s", line);
	bh_text_clean(ret);
	return ret;
}

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
	const size_t n = list ? json_object_array_length(list) : 0;
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
	const size_t n = list ? json_object_array_length(list) : 0;
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

int remote_pods_read(const char *json, struct agent_pods *ret, struct bh_err *err)
{
	struct json_object *o = json_tokener_parse(json), *items = ctl_get(o, "items");
	const bool is_list = json_object_is_type(items, json_type_array);
	const size_t n = is_list ? json_object_array_length(items) : 0;
	struct agent_pods pods = {};
	int r = is_list ? 0 : bh_err_set(err, -EPROTO, "kubectl: what it prints is no list of pods");
	size_t i;

	for (i = 0; i < n && !r; i++)
		r = read_pod(json_object_array_get_idx(items, i), &pods);
	json_object_put(o);
	if (r < 0) {
		remote_pods_done(&pods);
		return r;
	}
	keep_best(&pods);
	*ret = pods;
	return 0;
}

/* ---- asking for it ------------------------------------------------------------------------ */

/* Return: 1 something came, 0 it has ended, -EAGAIN nothing now, or another -errno. */
static int read_some(int fd, struct buf *to)
{
	char chunk[65536];
	const ssize_t n = read(fd, chunk, sizeof(chunk));
	int r;

	if (n < 0)
		return errno == EINTR ? -EAGAIN : -errno;
	r = n ? buf_add(to, chunk, (size_t)n) : 0;
	return r < 0 ? r : n > 0;
}

/* Both streams to their ends. Return: 0, -ETIMEDOUT, -E2BIG... */
static int read_all(struct process *p, int64_t due_ms, struct buf *out, struct buf *said)
{
	struct pollfd fds[2] = { { .fd = p->out, .events = POLLIN }, { .fd = p->err, .events = POLLIN } };
	struct buf *const to[2] = { out, said };
	size_t i;
	int r;

	while (fds[0].fd >= 0 || fds[1].fd >= 0) {
		const int64_t left = due_ms - clock_ms();

		if (left <= 0)
			return -ETIMEDOUT;
		(void)poll(fds, 2, (int)left);
		for (i = 0; i < 2; i++) {
			r = fds[i].revents ? read_some(fds[i].fd, to[i]) : -EAGAIN;
			if (r < 0 && r != -EAGAIN)
				return r;
			if (!r)
				fds[i].fd = -1;
		}
	}
	return 0;
}

static int cannot_list(int r, int code, struct buf *said)
{
	char why[REMOTE_WHY] = "";

	if (said->len)
		(void)remote_why(said->data, why);
	if (r == -ETIMEDOUT)
		ctl_say("kubectl get pods: no answer in time%s%s", *why ? ": " : "", why);
	else if (r < 0)
		ctl_say("kubectl get pods: %s", strerror(-r));
	else
		ctl_say("kubectl get pods: %s", *why ? why : "it failed and did not say why");
	if (r >= 0 && code && strstr(why, "orbidden"))
		ctl_hint("--agent-namespace says where the agents are, if you may list pods there alone");
	return CTL_UNREACHABLE;
}

static int list_pods(const struct ctl *c, struct agent_pods *ret)
{
	auto_free char *where =
		c->agent_namespace ? option("namespace", c->agent_namespace) : strdup("--all-namespaces");
	const char *const args[] = { "get", "pods", "--selector=" SELECTOR, "--output=json", where, NULL };
	auto_buf struct buf out = BUF_INIT(PODS_MAX), said = BUF_INIT(1 << 20);
	char **argv = remote_argv(c, args);
	struct process p = {};
	struct bh_err err = { "no memory" };
	int r = argv ? process_start(argv, &p, &err) : -ENOMEM, code;

	remote_argv_free(argv);
	if (r < 0) {
		ctl_say("%s", err.msg);
		if (r == -ENOENT)
			ctl_hint(
				"this node has no agent's socket, and agents elsewhere are asked through kubectl");
		return CTL_UNREACHABLE;
	}
	r = read_all(&p, clock_ms() + (c->timeout_ms ? (int64_t)c->timeout_ms : PODS_MS), &out, &said);
	code = process_end(&p, !r);
	if (r < 0 || code)
		return cannot_list(r, code, &said);
	r = remote_pods_read(out.data ? out.data : "", ret, &err);
	if (r < 0)
		ctl_say("%s", err.msg);
	return r < 0 ? CTL_UNREACHABLE : CTL_OK;
}

/* ---- those that are meant ----------------------------------------------------------------- */

static int no_such_node(const struct agent_pods *all, const char *node)
{
	unsigned int least = NEAR_SLIPS + 1;
	const char *near = NULL;
	size_t i;

	for (i = 0; i < all->v.n; i++) {
		const unsigned int d = near_distance(node, all->v.v[i].node);

		if (d >= least)
			continue;
		least = d;
		near = all->v.v[i].node;
	}
	ctl_say(near ? "no agent on a node '%s'; did you mean '%s'?" : "no agent on a node '%s'", node, near);
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
	return CTL_UNREACHABLE;
}

/* Of the process: a command may ask again and again. */
static struct agent_pods kept;

void remote_forget(void)
{
	remote_pods_done(&kept);
}

int remote_pods(const struct ctl *c, const struct agent_pods **ret)
{
	int code = CTL_OK;

	if (!kept.v.n)
		code = list_pods(c, &kept);
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
