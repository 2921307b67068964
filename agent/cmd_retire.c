/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an uninstall waits for (the chart's pre-delete hook): marks each agent's pod, so that the agent leaves
 * its node (retired.h), until each one that could has said so. Lists and patches, watches nothing: that is
 * all that its Role allows.
 */
#include <errno.h>
#include <getopt.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "kube/ask.h"
#include "kube/config.h"
#include "kube/own.h"
#include "kube/value.h"
#include "kube/wire.h"
#include "util/clock.h"
#include "util/scope.h"
#include "util/vec.h"

#define SELECTOR  "app.kubernetes.io/name=bulkhead,app.kubernetes.io/component=agent"
#define TIMEOUT_S 120
#define WEEK_S	  604800
#define CALL_MS	  10000
#define PAUSE_MS  1000
#define PAGE	  "200"
#define URL_MAX	  4096

static const char usage[] =
	"usage: bulkhead-agent retire [OPTION]...\n"
	"Asks every agent to leave its node, and waits until they have: what runs before an uninstall.\n"
	"\n"
	"  --namespace NAME    of the agents' pods (default $POD_NAMESPACE)\n"
	"  --selector LABELS   of these pods (default " SELECTOR ")\n"
	"  --timeout SECONDS   for all of it (default 120)\n"
	"  --mark TEXT         value of the annotation " OWN_RETIRE "; agents answer once to each\n"
	"                      (default $JOB_UID, else the time)\n"
	"  --kubeconfig FILE   how to reach the API server from outside of a pod\n"
	"  --help\n"
	"\n"
	"Exit code 0: no agent that runs is left on its node. 1: one did not leave in time, or the API server\n"
	"did not answer; which ones is said. Nodes whose agent does not run are named and left as they are.\n";

/* One agent. Known by its pod's UID: what replaces it is another one. */
struct agent_pod {
	char *name, *uid, *node;
	bool seen;   /* in this list */
	bool ready;  /* or was: it has to answer */
	bool begins; /* it runs, and is not ready yet: it has to, too */
	bool marked; /* as it should be */
	bool left;   /* said so */
	char why[256];
};

struct retire {
	const char *ns, *selector, *mark, *kubeconfig;
	unsigned int timeout_s;
	struct kube_config config;
	struct http *http;
	VEC(struct agent_pod) pods;
	bool listed;	   /* completely, once at least */
	char trouble[256]; /* said last */
	char own_mark[32];
	char answer[OWN_MARK_MAX + 64]; /* how the Events end that are waited for */
};

/* ---- the table ---------------------------------------------------------------------------- */

static void pod_done(struct agent_pod *p)
{
	free(p->name);
	free(p->uid);
	free(p->node);
}

static struct agent_pod *find(struct retire *t, const char *uid)
{
	size_t i;

	for (i = 0; i < t->pods.n; i++)
		if (!strcmp(t->pods.v[i].uid, uid))
			return &t->pods.v[i];
	return NULL;
}

static struct agent_pod *add(struct retire *t, const char *name, const char *uid, const char *node)
{
	struct agent_pod *p = vec_add(&t->pods);

	if (!p)
		return NULL;
	p->name = strdup(name);
	p->uid = strdup(uid);
	p->node = strdup(node);
	if (p->name && p->uid && p->node)
		return p;
	pod_done(p);
	t->pods.n--;
	return NULL;
}

/* Pods that are gone: what comes after them on the same node is in the list. */
static void drop_unseen(struct retire *t)
{
	size_t i = 0;

	while (i < t->pods.n) {
		if (t->pods.v[i].seen) {
			i++;
			continue;
		}
		pod_done(&t->pods.v[i]);
		t->pods.v[i] = t->pods.v[--t->pods.n];
	}
}

/* ---- the API ------------------------------------------------------------------------------ */

/* All pages of a list. @each: for every item; 0 or -errno. */
static int list(struct retire *t, const char *what, const char *path, const char *selector_kind,
		const char *selector, int (*each)(struct retire *t, struct json_object *o),
		struct bh_err *err)
{
	auto_buf struct buf next = BUF_INIT(URL_MAX);
	int r = 0;

	do {
		auto_buf struct buf url = BUF_INIT(2 * URL_MAX);
		struct http_request request = { .timeout_ms = CALL_MS };
		struct json_object *page;
		const char *text;
		size_t i;

		r = buf_fmt(&url, "%s?limit=" PAGE, path);
		if (!r)
			r = kube_query(&url, selector_kind, selector);
		if (!r && next.len)
			r = kube_query(&url, "continue", next.data);
		if (r < 0)
			return bh_err_errno(err, r, "%s", what);
		request.path = url.data;
		r = kube_ask_object(t->http, &request, what, &page, err);
		if (r < 0)
			return r;
		for (i = 0; !r && i < value_length(value_get(page, "items")); i++)
			r = each(t, value_at(value_get(page, "items"), i));
		text = value_text(value_get(value_get(page, "metadata"), "continue"));
		buf_clear(&next);
		if (!r && text)
			r = buf_str(&next, text);
		json_object_put(page);
		if (r < 0)
			return bh_err_errno(err, r, "%s", what);
	} while (next.len);
	return 0;
}

static bool is_ready(struct json_object *pod)
{
	struct json_object *all = value_get(value_get(pod, "status"), "conditions");
	const char *type, *status;
	size_t i;

	for (i = 0; i < value_length(all); i++) {
		type = value_text(value_get(value_at(all, i), "type"));
		status = value_text(value_get(value_at(all, i), "status"));
		if (type && status && !strcmp(type, "Ready"))
			return !strcmp(status, "True");
	}
	return false;
}

/* By the container's own word. Of a node that is lost the Pod is not ready, and of its containers the last
 * word, that they were, stays. */
static bool is_beginning(struct json_object *pod)
{
	struct json_object *all = value_get(value_get(pod, "status"), "containerStatuses"), *ready;
	size_t i;

	for (i = 0; i < value_length(all); i++) {
		ready = value_get(value_at(all, i), "ready");
		if (value_get(value_get(value_at(all, i), "state"), "running") &&
		    !json_object_get_boolean(ready))
			return true;
	}
	return false;
}

static int take_pod(struct retire *t, struct json_object *o)
{
	struct json_object *meta = value_get(o, "metadata");
	const char *name = value_text(value_get(meta, "name")), *uid = value_text(value_get(meta, "uid"));
	const char *node = value_text(value_get(value_get(o, "spec"), "nodeName"));
	const char *mark = value_text(value_get(value_get(meta, "annotations"), OWN_RETIRE));
	struct agent_pod *p;

	if (!name || !uid)
		return -EINVAL;
	if (!node)
		return 0; /* on no node yet, so it has left none */
	p = find(t, uid);
	if (!p)
		p = add(t, name, uid, node);
	if (!p)
		return -ENOMEM;
	p->seen = true;
	p->ready |= is_ready(o);
	p->begins = is_beginning(o);
	p->marked = mark && !strcmp(mark, t->mark);
	return 0;
}

static int list_pods(struct retire *t, struct bh_err *err)
{
	char path[512];
	size_t i;
	int r;

	for (i = 0; i < t->pods.n; i++)
		t->pods.v[i].seen = false;
	(void)snprintf(path, sizeof(path), "/api/v1/namespaces/%s/pods", t->ns);
	r = list(t, "the list of the agents' pods", path, "labelSelector", t->selector, take_pod, err);
	if (!r)
		drop_unseen(t);
	return r;
}

static int mark(struct retire *t, const struct agent_pod *p, struct bh_err *err)
{
	struct json_object *o = json_object_new_object(), *meta = json_object_new_object();
	struct json_object *annotations = json_object_new_object(), *answer;
	char path[1024], what[300];
	struct http_request request = { .path = path,
					.method = "PATCH",
					.content = "application/merge-patch+json",
					.timeout_ms = CALL_MS };
	int r;

	(void)json_object_object_add(annotations, OWN_RETIRE, json_object_new_string(t->mark));
	(void)json_object_object_add(meta, "uid", json_object_new_string(p->uid)); /* that one or none */
	(void)json_object_object_add(meta, "annotations", annotations);
	(void)json_object_object_add(o, "metadata", meta);
	(void)snprintf(path, sizeof(path), "/api/v1/namespaces/%s/pods/%s", t->ns, p->name);
	(void)snprintf(what, sizeof(what), "pod '%.63s/%.200s'", t->ns, p->name);
	request.body = json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN);
	r = kube_ask_object(t->http, &request, what, &answer, err);
	if (!r)
		json_object_put(answer);
	json_object_put(o);
	return r;
}

/* One that cannot be marked now (it may be gone by now) does not keep the others waiting. */
static int mark_all(struct retire *t, struct bh_err *err)
{
	size_t i;
	int r = 0;

	for (i = 0; i < t->pods.n; i++) {
		struct agent_pod *p = &t->pods.v[i];
		const int one = p->marked ? 0 : mark(t, p, err);

		p->marked = !one;
		r = one ? one : r;
	}
	return r;
}

static int take_event(struct retire *t, struct json_object *o)
{
	struct json_object *regarding = value_get(o, "regarding");
	const char *name = value_text(value_get(regarding, "name")), *note = value_text(value_get(o, "note"));
	const char *reason = value_text(value_get(o, "reason"));
	size_t i;

	for (i = 0; name && note && reason && i < t->pods.n; i++) {
		struct agent_pod *p = &t->pods.v[i];

		if (strcmp(p->name, name))
			continue;
		if (!strcmp(reason, "RetireFailed"))
			(void)snprintf(p->why, sizeof(p->why), "%s", note);
		if (strcmp(reason, "Retired") || !strstr(note, t->answer) || p->left)
			continue;
		p->left = true;
		(void)printf("node %s: left (pod %s)\n", p->node, p->name);
		(void)fflush(stdout);
	}
	return 0;
}

static int list_events(struct retire *t, struct bh_err *err)
{
	char path[512];

	(void)snprintf(path, sizeof(path), "/apis/events.k8s.io/v1/namespaces/%s/events", t->ns);
	return list(t, "the list of Events", path, "fieldSelector", "reportingController=bulkhead.dev/agent",
		    take_event, err);
}

/* ---- the whole ---------------------------------------------------------------------------- */

static bool has_to_answer(const struct agent_pod *p)
{
	return p->ready || p->begins;
}

static bool all_left(const struct retire *t)
{
	size_t i;

	for (i = 0; i < t->pods.n; i++)
		if (has_to_answer(&t->pods.v[i]) && !t->pods.v[i].left)
			return false;
	return t->listed;
}

/* A round that fails is tried again: until the time is over an API server may have had a bad moment. */
static int turn(struct retire *t, struct bh_err *err)
{
	int r = list_pods(t, err);

	if (r < 0)
		return r;
	t->listed = true;
	r = mark_all(t, err);
	return list_events(t, r ? NULL : err) < 0 ? -EIO : r;
}

static void tell_trouble(struct retire *t, int r, struct bh_err *err)
{
	if (!r)
		(void)bh_err_set(err, 0, "%s", "");
	if (!strcmp(err->msg, t->trouble))
		return;
	if (r)
		(void)fprintf(stderr, "bulkhead-agent: %s, retrying\n", err->msg);
	memcpy(t->trouble, err->msg, sizeof(t->trouble));
}

static void wait_for_all(struct retire *t)
{
	const int64_t end_ms = clock_ms() + (int64_t)t->timeout_s * 1000;
	struct bh_err err;

	for (;;) {
		const int r = turn(t, &err);

		tell_trouble(t, r, &err);
		if ((!r && all_left(t)) || clock_ms() >= end_ms)
			return;
		(void)usleep(PAUSE_MS * 1000);
	}
}

/* Return: exit code. */
static int report(const struct retire *t)
{
	size_t i;
	int code = t->listed ? 0 : 1;

	for (i = 0; i < t->pods.n; i++) {
		const struct agent_pod *p = &t->pods.v[i];

		if (p->left)
			continue;
		if (!has_to_answer(p)) {
			(void)printf(
				"node %s: SKIPPED, its agent does not run (pod %s is not ready); when the node "
				"is back, run there: bulkhead-agent chain remove\n",
				p->node, p->name);
			continue;
		}
		code = 1;
		(void)printf("node %s: NOT LEFT, no answer from its agent (pod %s) in %u s%s%s\n", p->node,
			     p->name, t->timeout_s, p->why[0] ? ": " : "", p->why);
	}
	if (!t->listed)
		(void)printf("the agents are not known: %s\n", t->trouble);
	else if (!t->pods.n)
		(void)printf("no agents: no pod in namespace %s has the labels %s\n", t->ns, t->selector);
	return fflush(stdout) ? 1 : code;
}

/* ---- options ------------------------------------------------------------------------------ */

static const struct option options[] = {
	{ "namespace", required_argument, NULL, 'n' },
	{ "selector", required_argument, NULL, 's' },
	{ "timeout", required_argument, NULL, 't' },
	{ "mark", required_argument, NULL, 'm' },
	{ "kubeconfig", required_argument, NULL, 'k' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

static int read_timeout(const char *text, unsigned int *ret, struct bh_err *err)
{
	unsigned long n;
	char *end;

	errno = 0;
	n = strtoul(text, &end, 10);
	if (errno || *end || text[0] < '0' || text[0] > '9' || !n || n > WEEK_S)
		return bh_err_set(err, -EINVAL, "--timeout '%s': not a number of seconds from 1 to %u", text,
				  WEEK_S);
	*ret = (unsigned int)n;
	return 0;
}

static int read_mark(const char *text, const char **ret, struct bh_err *err)
{
	const char *c = text;

	while (*c > ' ' && *c <= '~')
		c++;
	if (c == text || *c || strlen(text) > OWN_MARK_MAX)
		return bh_err_set(err, -EINVAL, "--mark '%.32s': not 1 to %d plain characters", text,
				  OWN_MARK_MAX);
	*ret = text;
	return 0;
}

static int read_option(int c, struct retire *t, struct bh_err *err)
{
	switch (c) {
	case 'n':
		t->ns = optarg;
		return 0;
	case 's':
		t->selector = optarg;
		return 0;
	case 'k':
		t->kubeconfig = optarg;
		return 0;
	case 't':
		return read_timeout(optarg, &t->timeout_s, err);
	case 'm':
		return read_mark(optarg, &t->mark, err);
	default:
		return -EINVAL;
	}
}

/* Return: 0, 1 it was a question for help, or -errno. */
static int read_options(int argc, char **argv, struct retire *t, struct bh_err *err)
{
	int c, r = 0;

	opterr = 0;
	while (!r && (c = getopt_long(argc, argv, ":", options, NULL)) != -1) {
		if (c == 'h')
			return 1;
		r = read_option(c, t, err);
		if (c == ':' || c == '?')
			return bh_err_set(err, r, "'%s': %s", argv[optind - 1],
					  c == ':' ? "needs a value" : "no such option");
	}
	if (r < 0)
		return r;
	if (optind < argc)
		return bh_err_set(err, -EINVAL, "unexpected argument '%s'", argv[optind]);
	if (!t->ns || !*t->ns || strchr(t->ns, '/'))
		return bh_err_set(err, -EINVAL, "which namespace? Give --namespace or POD_NAMESPACE");
	return 0;
}

static int start(struct retire *t, struct bh_err *err)
{
	int r = t->kubeconfig ? kube_config_load(t->kubeconfig, &t->config, err)
			      : kube_config_in_cluster(&t->config, err);

	return r < 0 ? r : http_new(&t->config, &t->http, err);
}

static void stop(struct retire *t)
{
	size_t i;

	for (i = 0; i < t->pods.n; i++)
		pod_done(&t->pods.v[i]);
	vec_done(&t->pods);
	http_free(t->http);
	kube_config_done(&t->config);
}

int cmd_retire(int argc, char **argv)
{
	struct retire t = { .ns = getenv("POD_NAMESPACE"), .selector = SELECTOR, .timeout_s = TIMEOUT_S };
	struct bh_err err = {};
	const char *job = getenv("JOB_UID");
	int r = read_options(argc, argv, &t, &err), code = 1;

	if (r > 0)
		return fputs(usage, stdout) < 0 || fflush(stdout);
	if (r < 0) {
		(void)fprintf(stderr, "bulkhead-agent retire: %s (see --help)\n", err.msg);
		return EXIT_USAGE;
	}
	if (!t.mark && job && *job && read_mark(job, &t.mark, &err) < 0)
		t.mark = NULL; /* it was not for us */
	if (!t.mark) {
		(void)snprintf(t.own_mark, sizeof(t.own_mark), "%lld", (long long)time(NULL));
		t.mark = t.own_mark;
	}
	(void)snprintf(t.answer, sizeof(t.answer), OWN_ANSWER, t.mark);
	r = start(&t, &err);
	if (r < 0) {
		(void)fprintf(stderr, "bulkhead-agent retire: %s\n", err.msg);
	} else {
		wait_for_all(&t);
		code = report(&t);
	}
	stop(&t);
	return code;
}
