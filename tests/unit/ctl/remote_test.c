/* SPDX-License-Identifier: Apache-2.0 */
/* Asking all nodes, with a kubectl of the test's own: what it may say wrongly, late, or not at all. How it
 * goes with real agents is in tests/integration, and with a real kubelet in tests/cluster. */
#include "ctl/remote.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/ctl.h"
#include "tests/unit/ctl/nodes.h"
#include "tests/unit/heard.h"
#include "util/buf.h"
#include "util/scope.h"

/* What a node does is its name's; "$n" is the pod. */
static const char kubectl[] =
	"#!/bin/sh\n"
	"dir=$(dirname \"$0\")\n"
	"echo \"$*\" >>\"$dir/calls\"\n"
	"case \" $* \" in\n"
	"*' get pod db '*) printf late; exit ;;\n"
	"*' get pod gone '*) echo 'pods \"gone\" not found' >&2; exit 1 ;;\n"
	"*' get pod '*) printf good; exit ;;\n"
	"esac\n"
	"case \" $* \" in\n"
	"*' get namespaces '*) printf 'lab\\nshop\\n'; exit ;;\n"
	"*' --context'?'prod get networkpolicies '*) printf 'shop/db\\nshop/web\\n'; exit ;;\n"
	"*' get pods --all-namespaces '*) printf 'lab/job\\nshop/db\\n'; exit ;;\n"
	"esac\n"
	"case \" $* \" in *' get pods '*)\n"
	"\tgrep items \"$dir/pods\" && exit\n"
	"\tcat \"$dir/pods\" >&2; exit 1 ;;\n"
	"esac\n"
	"read -r line\n"
	"done='{\"v\":1,\"done\":true,\"ok\":true}'\n"
	"item() { echo \"{\\\"v\\\":1,\\\"item\\\":{\\\"time\\\":\\\"$1\\\"}}\"; }\n"
	"lacks() {\n"
	"\techo \"{\\\"v\\\":1,\\\"done\\\":true,\\\"ok\\\":false,\\\"code\\\":101,\\\"msg\\\":\\\"no pod 'wbe' on this node; $1\\\"}\"\n"
	"}\n"
	"case \" $* \" in\n"
	"*' good-'*) item 3; item 5; echo \"$done\" ;;\n"
	"*' late-'*) sleep 0.2; item 4; echo \"$done\" ;;\n"
	"*' meets-'*) until [ $(grep -c meets \"$dir/calls\") = 4 ]; do sleep 0.01; done; echo \"$done\" ;;\n"
	"*' reads-'*)\n"
	"\tn=0\n"
	"\tuntil grep -q refused \"$dir/said\" || [ $n = 500 ]; do sleep 0.01; n=$((n + 1)); done\n"
	"\t[ $n = 500 ] || echo \"$done\" ;;\n"
	"*' hangs-'*) exec sleep 100 ;;\n"
	"*' stops-'*) item 1; exec sleep 100 ;;\n"
	"*' other-'*) echo hello ;;\n"
	"*' half-'*) item 1; printf '{\"v\":1,\"it' ;;\n"
	"*' refused-'*) echo 'E1128 12:00:00 1 x.go] no' >&2; echo 'Error (Forbidden): no pods/exec' >&2; exit 1 ;;\n"
	"*' lacks-0 '*) lacks \"namespaces searched: shop, lab\" ;;\n"
	"*' lacks-b-0 '*) lacks \"namespaces searched: lab, ops; did you mean 'ops/web'?\" ;;\n"
	"*' lacks-c-0 '*) lacks \"namespaces searched: none\" ;;\n"
	"*' evil-'*) printf '%s\\n' '{\"v\":1,\"item\":{\"time\":\"\\u001b[2J\\u009b2Jx\"}}'; echo \"$done\" ;;\n"
	"*' again-'*)\n"
	"\techo '{\"v\":1,\"connected\":true}'\n"
	"\tat() { echo \"{\\\"v\\\":1,\\\"item\\\":{\\\"time\\\":\\\"$1\\\",\\\"at\\\":{\\\"run\\\":\\\"$2\\\",\\\"seq\\\":$1,\\\"lost\\\":7}}}\"; }\n"
	"\tcase $line in\n"
	"\t*'\"resume\":{}'*) at 1 a; at 2 a ;;\n"
	"\t*'\"resume\":{\"run\":\"a\",\"seq\":2,\"lost\":7}'*) at 3 a ;;\n"
	"\t*'\"resume\":{\"run\":\"a\",\"seq\":3,\"lost\":7}'*) at 4 b; echo \"$done\" ;;\n"
	"\tesac ;;\n"
	"*' busy-'*) echo '{\"v\":1,\"done\":true,\"ok\":false,\"code\":11,\"msg\":\"later\"}' ;;\n"
	"esac\n";

struct fixture {
	char dir[NODES_DIR];
	char items[1024]; /* "node:time " each */
	char lines[1024]; /* "node " each */
};

static int setup(void **state)
{
	static struct fixture f;

	nodes_begin(f.dir, kubectl);
	*state = &f;
	return 0;
}

static int teardown(void **state)
{
	const struct fixture *f = *state;

	return nodes_end(f->dir);
}

static void cluster(struct fixture *f, const char *nodes, const char *phase)
{
	nodes_are(f->dir, nodes, phase);
	nodes_write(f->dir, "calls", "");
	f->items[0] = f->lines[0] = '\0';
}

static void append(char *to, size_t size, const char *a, const char *b)
{
	const size_t len = strlen(to);

	(void)snprintf(to + len, size - len, "%s%s%s ", a, *b ? ":" : "", b);
}

/* By `kubectl exec`, since cluster(). */
static void assert_called(const struct fixture *f, const char *node, int times)
{
	char command[200];

	(void)snprintf(command, sizeof(command), "[ $(grep -c 'exec .*%s-0 ' %s/calls) = %d ]", node, f->dir,
		       times);
	assert_int_equal(system(command), 0);
}

static int each(void *ctx, struct json_object *item)
{
	struct fixture *f = ctx;

	append(f->items, sizeof(f->items), ctl_str(item, "node"), ctl_str(item, "time"));
	return 0;
}

static void last(void *ctx, struct json_object *line)
{
	struct fixture *f = ctx;

	append(f->lines, sizeof(f->lines), ctl_str(line, "node"), "");
}

/* As a process of its own would; without a wish, too, on a machine that has an agent. Return: the exit code;
 * @said is what it says on stderr. */
static int ask(struct fixture *f, struct ctl c, char *said, size_t size)
{
	struct json_object *request = ctl_request(&c, "x");
	char path[NODES_DIR + sizeof("/said")];
	struct heard h;
	int code;

	(void)snprintf(path, sizeof(path), "%s/said", f->dir); /* a node waits for words in it */
	h = heard_begin(STDERR_FILENO, path);
	remote_forget();
	if (ctl_remote_by_wish(&c))
		code = ctl_answers(&c, json_object_get(request), each, last, f);
	else
		code = remote_answers(&c, request, each, last, f);
	heard_end(&h, said, size);
	json_object_put(request);
	return code;
}

static void nodes_answer_one_after_the_other(void **state)
{
	struct fixture *f = *state;
	char said[1000];

	cluster(f, "late good", "Running");
	assert_int_equal(ask(f, (struct ctl){ .all_nodes = true }, said, sizeof(said)), CTL_OK);
	assert_string_equal(said, "");
	assert_string_equal(f->items, "good:3 good:5 late:4 ");
	assert_string_equal(f->lines, "good late ");
}

static void what_has_a_time_is_merged(void **state)
{
	struct fixture *f = *state;
	char said[1000];

	cluster(f, "late good", "Running");
	assert_int_equal(ask(f, (struct ctl){ .all_nodes = true, .by_time = true }, said, sizeof(said)),
			 CTL_OK);
	assert_string_equal(f->items, "good:3 late:4 good:5 ");
	cluster(f, "late good", "Running");
	assert_int_equal(ask(f, (struct ctl){ .all_nodes = true, .by_time = true, .follow = true }, said,
			     sizeof(said)),
			 CTL_OK);
	assert_string_equal(f->items, "good:3 late:4 good:5 ");
}

static void who_does_not_answer_is_named(void **state)
{
	struct fixture *f = *state;
	char said[2000];

	cluster(f, "good hangs other half refused busy", "Running");
	assert_int_equal(ask(f, (struct ctl){ .all_nodes = true, .timeout_ms = 5000 }, said, sizeof(said)),
			 CTL_PARTIAL);
	assert_string_equal(f->lines, "good ");
	assert_string_equal(said, "bulkheadctl: node busy: later\n"
				  "bulkheadctl: node half: kubectl ended without an answer\n"
				  "bulkheadctl: node hangs: no answer in 5 s\n"
				  "bulkheadctl: node other: what it says is no answer of ours: 'hello'\n"
				  "bulkheadctl: node refused: Error (Forbidden): no pods/exec\n");
}

static void nothing_speaks_to_the_terminal(void **state)
{
	struct fixture *f = *state;
	char said[1000];

	cluster(f, "evil", "Running");
	assert_int_equal(ask(f, (struct ctl){ .all_nodes = true }, said, sizeof(said)), CTL_OK);
	assert_string_equal(f->items, "evil:?[2J??2Jx ");
	cluster(f, "evil", "Running");
	assert_int_equal(ask(f, (struct ctl){ .all_nodes = true, .json = true }, said, sizeof(said)), CTL_OK);
	assert_string_equal(f->items, "evil:\033[2J\302\2332Jx "); /* JSON has escapes of its own */
}

/* None of them answers before all have been asked. */
static void many_at_once(void **state)
{
	struct fixture *f = *state;
	char said[1000];

	cluster(f, "meets-a meets-b meets-c meets-d", "Running");
	assert_int_equal(ask(f, (struct ctl){ .all_nodes = true }, said, sizeof(said)), CTL_OK);
	assert_string_equal(f->lines, "meets-a meets-b meets-c meets-d ");
}

static void a_pod_is_on_one_node(void **state)
{
	struct fixture *f = *state;
	char said[1000];

	cluster(f, "lacks good", "Running");
	assert_int_equal(ask(f, (struct ctl){ .all_nodes = true }, said, sizeof(said)), CTL_OK);
	assert_string_equal(said, "");
	cluster(f, "lacks lacks-b lacks-c", "Running");
	assert_int_equal(ask(f, (struct ctl){ .all_nodes = true }, said, sizeof(said)), CTL_USAGE);
	assert_string_equal(
		said, "bulkheadctl: no pod 'wbe' on any of 3 nodes; namespaces searched: shop, lab, ops; did "
		      "you mean 'ops/web'?\n"
		      "hint: 'bulkheadctl endpoints' lists the pods\n");
	assert_int_equal(ask(f, (struct ctl){ .all_nodes = true, .of_policies = true }, said, sizeof(said)),
			 CTL_USAGE);
	assert_non_null(strstr(said, "hint: 'bulkheadctl policy list' lists those that are known\n"));
	cluster(f, "lacks refused", "Running");
	assert_int_equal(ask(f, (struct ctl){ .all_nodes = true }, said, sizeof(said)), CTL_PARTIAL);
}

static void nodes_are_chosen(void **state)
{
	struct fixture *f = *state;
	char said[1000];

	cluster(f, "good late", "Running");
	assert_int_equal(ask(f, (struct ctl){ .nodes = { { "late" }, 1 } }, said, sizeof(said)), CTL_OK);
	assert_string_equal(f->lines, "late ");
	assert_int_equal(ask(f, (struct ctl){ .nodes = { { "god" }, 1 } }, said, sizeof(said)), CTL_USAGE);
	assert_string_equal(said, "bulkheadctl: no agent on a node 'god'; did you mean 'good'?\n");
	assert_int_equal(ask(f, (struct ctl){ .all_nodes = true, .one_node = true }, said, sizeof(said)),
			 CTL_USAGE);
	cluster(f, "good", "Pending");
	assert_int_equal(ask(f, (struct ctl){ .all_nodes = true }, said, sizeof(said)), CTL_UNREACHABLE);
	assert_string_equal(said, "bulkheadctl: node good: its agent's pod bulkhead/good-0 is Pending\n");
	cluster(f, "", "");
	assert_int_equal(ask(f, (struct ctl){ .all_nodes = true }, said, sizeof(said)), CTL_UNREACHABLE);
	assert_non_null(strstr(said, "kubectl finds no agent\n"));
	nodes_write(f->dir, "pods", "no list of items");
	assert_int_equal(ask(f, (struct ctl){ .all_nodes = true }, said, sizeof(said)), CTL_UNREACHABLE);
	assert_string_equal(said, "bulkheadctl: kubectl: what it prints is no list of pods\n");
}

/* On a node whose agent is not there, by nobody's wish: kubectl's words alone would be of no help. */
static void no_socket_and_no_cluster(void **state)
{
	static const char hint[] =
		"hint: there is no agent's socket in /run/bulkhead here, so the cluster was asked; is "
		"bulkhead-agent running? --run-dir names where its socket is\n";
	struct fixture *f = *state;
	char said[1000];

	nodes_write(f->dir, "pods", "The connection to the server localhost:8080 was refused\n");
	assert_int_equal(ask(f, (struct ctl){}, said, sizeof(said)), CTL_UNREACHABLE);
	assert_non_null(strstr(said, "kubectl get pods: The connection to the server localhost:8080 was "
				     "refused\n"));
	assert_non_null(strstr(said, hint));
	cluster(f, "", "");
	assert_int_equal(ask(f, (struct ctl){}, said, sizeof(said)), CTL_UNREACHABLE);
	assert_non_null(strstr(said, "kubectl finds no agent\n"));
	assert_non_null(strstr(said, hint));
	assert_int_equal(ask(f, (struct ctl){ .all_nodes = true }, said, sizeof(said)), CTL_UNREACHABLE);
	assert_null(strstr(said, "socket"));
}

/* Who follows learns of it while the others go on. */
static void a_failure_is_told_at_once(void **state)
{
	struct fixture *f = *state;
	char said[1000];

	cluster(f, "refused reads", "Running");
	assert_int_equal(ask(f, (struct ctl){ .all_nodes = true, .follow = true }, said, sizeof(said)),
			 CTL_PARTIAL);
	assert_string_equal(f->lines, "reads ");
	assert_string_equal(said, "bulkheadctl: node refused: Error (Forbidden): no pods/exec\n");
}

/* The agent goes twice, and comes back the second time as another process: nothing is asked for again, and it
 * is said once each time. */
static void who_goes_is_followed_again(void **state)
{
	struct fixture *f = *state;
	char said[1000];

	cluster(f, "again", "Running");
	assert_int_equal(ask(f, (struct ctl){ .all_nodes = true, .follow = true }, said, sizeof(said)),
			 CTL_OK);
	assert_string_equal(f->items, "again:1 again:2 again:3 again:4 ");
	assert_string_equal(
		said, "bulkheadctl: node again: kubectl ended without an answer; going on when it is back\n"
		      "bulkheadctl: node again: kubectl ended without an answer; going on when it is back\n"
		      "bulkheadctl: node again: the agent has restarted; what the last one had read and not "
		      "passed on is not known\n");
}

/* What it had begun another process cannot end. */
static void who_goes_in_its_only_run_is_not(void **state)
{
	struct fixture *f = *state;
	char said[1000];

	cluster(f, "again", "Running");
	assert_int_equal(ask(f, (struct ctl){ .all_nodes = true, .follow = true, .one_run = true }, said,
			     sizeof(said)),
			 CTL_UNREACHABLE);
	assert_string_equal(f->items, "again:1 again:2 ");
	assert_string_equal(said, "bulkheadctl: node again: kubectl ended without an answer\n");
}

/* It may be silent for as long as it was to be between two lines, and no longer. */
static void who_stands_still_is_given_up(void **state)
{
	struct fixture *f = *state;
	char said[1000];

	cluster(f, "stops", "Running");
	assert_int_equal(ask(f,
			     (struct ctl){ .all_nodes = true,
					   .follow = true,
					   .one_run = true,
					   .timeout_ms = 90000,
					   .silent_ms = 500 },
			     said, sizeof(said)),
			 CTL_UNREACHABLE);
	assert_string_equal(f->items, "stops:1 ");
	assert_string_equal(said, "bulkheadctl: node stops: no answer in 0 s\n");
}

/* Who was silent once is named by the answer that is wanted, and not asked for that. */
static void who_is_silent_is_asked_once(void **state)
{
	struct json_object *silent = json_object_new_object();
	struct ctl c = { .all_nodes = true, .silent = silent };
	struct fixture *f = *state;
	char said[1000];

	cluster(f, "good refused busy", "Running");
	assert_int_equal(ask(f, c, said, sizeof(said)), CTL_PARTIAL);
	assert_string_equal(said, "bulkheadctl: node busy: later\n"); /* that is an answer */
	assert_int_equal(json_object_object_length(silent), 1);
	cluster(f, "good refused", "Running");
	c.silent = NULL;
	c.unasked = silent;
	assert_int_equal(ask(f, c, said, sizeof(said)), CTL_PARTIAL);
	assert_string_equal(said, "bulkheadctl: node refused: Error (Forbidden): no pods/exec\n");
	assert_string_equal(f->items, "good:3 good:5 ");
	assert_called(f, "good", 1);
	assert_called(f, "refused", 0);
	json_object_put(silent);
}

#define OTHERS                                                                                               \
	"other-a other-b other-c other-d other-e other-f other-g other-h other-i other-j other-k other-l "   \
	"other-m other-n other-o "

/* On a large cluster the API server says where a pod is. */
static void one_node_of_many(void **state)
{
	struct fixture *f = *state;
	char said[4000];

	cluster(f, OTHERS "good", "Running");
	assert_int_equal(ask(f, (struct ctl){ .all_nodes = true, .pod = "shop/web" }, said, sizeof(said)),
			 CTL_OK);
	assert_string_equal(said, "");
	assert_string_equal(f->lines, "good ");
	assert_int_equal(ask(f, (struct ctl){ .all_nodes = true, .pod = "shop/-web" }, said, sizeof(said)),
			 CTL_PARTIAL);
}

/* Each as one argument, in its place. */
static void assert_offers(const char *line, const char *want)
{
	char copy[200], *words[16], *save = NULL, *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);
	int n = 0;

	(void)snprintf(copy, sizeof(copy), "%s", line);
	for (words[n] = strtok_r(copy, " ", &save); words[n]; words[n] = strtok_r(NULL, " ", &save))
		n++;
	remote_forget();
	assert_int_equal(complete_words(out, words, n), 0);
	(void)fclose(out);
	assert_string_equal(text, want);
	free(text);
}

/* From a laptop: what the cluster has, of the context that was typed. */
static void names_of_the_cluster_are_completed(void **state)
{
	struct fixture *f = *state;

	cluster(f, "good late", "Running");
	assert_offers("status --node g", "good\tRunning\n:4\n");
	assert_offers("status --node=l", "--node=late\tRunning\n:4\n");
	assert_offers("status --node good --node l", "late\tRunning\n:4\n");
	assert_offers("flows -n s", "shop\t\n:4\n");
	assert_offers("endpoints --pod l", "lab/job\t\n:4\n");
	assert_offers("explain s", "shop/db\t\n:4\n");
	assert_offers("--context prod wait policy shop/w", "shop/web\t\n:4\n");
	assert_offers("flows --context prod --policy shop/d", "shop/db\t\n:4\n");
	assert_offers("flows --policy shop/d", ":4\n");
}

static int ask_ends(struct fixture *f, const char *src, const char *dst)
{
	char said[4000];

	cluster(f, OTHERS "good late", "Running");
	return ask(f, (struct ctl){ .all_nodes = true, .ends = { src, dst } }, said, sizeof(said));
}

/* Two pods are on two nodes at most; what is no name of a pod that is there may be anywhere. */
static void two_nodes_of_many(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(ask_ends(f, "shop/web", "shop/db"), CTL_OK);
	assert_string_equal(f->lines, "good late ");
	assert_int_equal(ask_ends(f, "shop/web", "shop/api"), CTL_OK);
	assert_string_equal(f->lines, "good ");
	assert_int_equal(ask_ends(f, "shop/web", "10.0.0.1"), CTL_PARTIAL);
	assert_int_equal(ask_ends(f, "shop/gone", "shop/db"), CTL_PARTIAL);
	assert_int_equal(ask_ends(f, "web", "shop/db"), CTL_PARTIAL);
}

static void kubectl_gets_the_users_words(void **state)
{
	struct fixture *f = *state;
	auto_buf struct buf calls = BUF_INIT(1 << 16);
	char said[1000], path[128];
	FILE *in;

	cluster(f, "good", "Running");
	assert_int_equal(
		ask(f, (struct ctl){ .context = "a b;c", .kubeconfig = "/k", .agent_namespace = "walls" },
		    said, sizeof(said)),
		CTL_OK);
	(void)snprintf(path, sizeof(path), "%s/calls", f->dir);
	in = fopen(path, "r");
	assert_non_null(in);
	assert_int_equal(buf_read(&calls, fileno(in)), 0);
	(void)fclose(in);
	assert_string_equal(
		calls.data,
		"--kubeconfig=/k --context=a b;c get pods --selector=app.kubernetes.io/name=bulkhead,"
		"app.kubernetes.io/component=agent --output=json --namespace walls\n"
		"--kubeconfig=/k --context=a b;c exec -i -n bulkhead good-0 -c agent -- /usr/bin/bulkheadctl "
		"request\n");
}

#define POD(node, name, phase, ready, more)                                                                  \
	"{\"metadata\":{\"namespace\":\"b\",\"name\":\"" name "\"" more "},\"spec\":{\"nodeName\":\"" node   \
	"\",\"containers\":[{\"name\":\"sidecar\"},{\"name\":\"agent\"}]},\"status\":{\"phase\":\"" phase    \
	"\",\"conditions\":[{\"type\":\"Ready\",\"status\":\"" ready "\"}]}}"

static void the_best_pod_of_a_node_is_asked(void **state)
{
	struct agent_pods p = {};
	struct bh_err err;

	(void)state;
	assert_int_equal(
		remote_pods_read(
			"{\"items\":[" POD("n2", "x", "Running", "True", "") "," POD(
				"n1", "new", "Running", "False",
				"") "," POD("n1", "old", "Running", "True",
					    "") "," POD("n1", "leaves", "Running", "True",
							",\"deletionTimestamp\":\"t\"") "," POD("-n3", "bad",
												"Running",
												"True",
												"") ","
												    "{},7]}",
			&p, &err),
		0);
	assert_int_equal(p.v.n, 2);
	assert_string_equal(p.v.v[0].pod, "old");
	assert_string_equal(p.v.v[0].container, "agent");
	assert_string_equal(p.v.v[1].node, "n2");
	remote_pods_done(&p);
}

/* A tenant's pod with our labels is not asked instead of the agent beside it. */
static void agents_are_in_one_namespace(void **state)
{
	static const char pods[] =
		"{\"items\":[{\"metadata\":{\"namespace\":\"a-tenant\",\"name\":\"x\"},\"spec\":{\"nodeName\":\"n1\","
		"\"containers\":[{\"name\":\"agent\"}]},\"status\":{\"phase\":\"Running\"}},"
		"{\"metadata\":{\"namespace\":\"walls\",\"name\":\"y\"},\"spec\":{\"nodeName\":\"n1\","
		"\"containers\":[{\"name\":\"agent\"}]},\"status\":{\"phase\":\"Running\"}}]}";
	struct fixture *f = *state;
	char said[1000];

	cluster(f, "", "");
	nodes_write(f->dir, "pods", pods);
	assert_int_equal(ask(f, (struct ctl){ .all_nodes = true }, said, sizeof(said)), CTL_UNREACHABLE);
	assert_string_equal(
		said, "bulkheadctl: pods that look like agents are in namespaces 'a-tenant' and 'walls'\n"
		      "hint: --agent-namespace says where Bulkhead is installed\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nodes_answer_one_after_the_other),
		cmocka_unit_test(what_has_a_time_is_merged),
		cmocka_unit_test(who_does_not_answer_is_named),
		cmocka_unit_test(nothing_speaks_to_the_terminal),
		cmocka_unit_test(many_at_once),
		cmocka_unit_test(a_pod_is_on_one_node),
		cmocka_unit_test(nodes_are_chosen),
		cmocka_unit_test(no_socket_and_no_cluster),
		cmocka_unit_test(a_failure_is_told_at_once),
		cmocka_unit_test(one_node_of_many),
		cmocka_unit_test(two_nodes_of_many),
		cmocka_unit_test(names_of_the_cluster_are_completed),
		cmocka_unit_test(who_goes_is_followed_again),
		cmocka_unit_test(who_goes_in_its_only_run_is_not),
		cmocka_unit_test(who_stands_still_is_given_up),
		cmocka_unit_test(who_is_silent_is_asked_once),
		cmocka_unit_test(kubectl_gets_the_users_words),
		cmocka_unit_test(the_best_pod_of_a_node_is_asked),
		cmocka_unit_test(agents_are_in_one_namespace),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
