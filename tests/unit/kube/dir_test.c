/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The directory source, on real files in a directory of its own: what reaches the model, what keeps
 * its last good version, and what is said about it. Waiting is polling until it is so; nothing here
 * depends on how long anything takes, but for a deadline after which it never will be.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "kube/source.h"
#include "util/buf.h"

#define NETPOL(name, spec)                                                                                   \
	"apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: " name                      \
	", namespace: shop}\nspec: " spec "\n"
#define DENY_IN	 "{policyTypes: [Ingress]}"
#define DENY_OUT "{policyTypes: [Egress]}"
#define BAD_YAML "a: b: c\n"
#define BAD_SAYS "mapping values are not allowed in this context"

struct world {
	char base[64], dir[128]; /* base holds the directory and whatever a test puts beside it */
	struct model *model;
	struct source *source;
	struct buf notes; /* "BAD text\n"... since the last look */
	bool changed;
};

/* ---- files ------------------------------------------------------------------------------ */

static void write_at(const struct world *w, const char *name, const char *text, int flags)
{
	char path[256];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/%s", w->dir, name);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	(void)close(fd);
}

static void put(const struct world *w, const char *name, const char *text)
{
	write_at(w, name, text, O_TRUNC);
}

static void move(const struct world *w, const char *from, const char *to)
{
	char a[256], b[256];

	(void)snprintf(a, sizeof(a), "%s/%s", w->dir, from);
	(void)snprintf(b, sizeof(b), "%s/%s", w->dir, to);
	assert_int_equal(rename(a, b), 0);
}

static void drop(const struct world *w, const char *name)
{
	char path[256];

	(void)snprintf(path, sizeof(path), "%s/%s", w->dir, name);
	assert_int_equal(remove(path), 0);
}

static void make_dir(const struct world *w, const char *name)
{
	char path[256];

	(void)snprintf(path, sizeof(path), "%s/%s", w->dir, name);
	assert_int_equal(mkdir(path, 0700), 0);
}

static void make_link(const struct world *w, const char *to, const char *name)
{
	char path[256];

	(void)snprintf(path, sizeof(path), "%s/%s", w->dir, name);
	assert_int_equal(symlink(to, path), 0);
}

static void remove_tree(const char *path)
{
	char command[256];

	(void)snprintf(command, sizeof(command), "rm -rf -- '%s'", path);
	assert_int_equal(system(command), 0);
}

/* ---- the source ------------------------------------------------------------------------- */

static void note(void *ctx, const struct source_note *n)
{
	static const char *const kinds[] = {
		[SOURCE_BAD] = "BAD",
		[SOURCE_GOOD] = "GOOD",
		[SOURCE_OBJECT_PROBLEM] = "PROBLEM",
		[SOURCE_IGNORED] = "IGNORED",
	};
	struct world *w = ctx;
	char of[256];

	(void)buf_fmt(&w->notes, "%s %s\n", kinds[n->kind], n->text);
	assert_int_equal(n->kind == SOURCE_OBJECT_PROBLEM, n->object != NULL);
	if (!n->object)
		return;
	(void)snprintf(of, sizeof(of), "%s '%s%s%s'", n->object, n->ns, *n->ns ? "/" : "", n->name);
	assert_non_null(strstr(n->text, of));
}

/* The notes since the last look must be just these. */
static void assert_said(struct world *w, const char *wanted)
{
	assert_string_equal(w->notes.data, wanted);
	buf_clear(&w->notes);
}

static void work(struct world *w)
{
	struct source_change change;
	struct bh_err err;
	const int r = source_work(w->source, &change, &err);

	if (r < 0)
		fail_msg("%s", err.msg);
	w->changed |= r;
}

static int64_t now_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* "": it may be believed. */
static const char *unready(struct world *w)
{
	static struct bh_err err;

	return source_ready(w->source, &err) < 0 ? err.msg : "";
}

/* As the event loop does, once. */
static void step(struct world *w)
{
	struct pollfd p = { .fd = source_fd(w->source), .events = POLLIN };

	assert_true(poll(&p, 1, source_timeout_ms(w->source)) >= 0);
	work(w);
}

/* Until nothing waits for anything but the next rescan, which is seconds away. */
static void settle(struct world *w)
{
	do
		step(w);
	while (source_timeout_ms(w->source) <= 500);
}

/* "IE": directions that policy shop/NAME isolates; "": there is no such policy. */
static const char *isolation(const struct world *w, const char *name)
{
	const struct net_policy *p = model_policy(w->model, POLICY_NETWORK, "shop", name);

	if (!p)
		return "";
	return p->isolates[DIR_INGRESS] ? p->isolates[DIR_EGRESS] ? "IE" : "I" : "E";
}

static void until(struct world *w, const char *name, const char *is)
{
	const int64_t deadline = now_ms() + 20000;

	while (strcmp(isolation(w, name), is)) {
		if (now_ms() > deadline)
			fail_msg("%s is '%s', never '%s'", name, isolation(w, name), is);
		step(w);
	}
}

static void until_said(struct world *w, const char *wanted)
{
	const int64_t deadline = now_ms() + 20000;

	while (!w->notes.len) {
		if (now_ms() > deadline)
			fail_msg("never said: %s", wanted);
		step(w);
	}
	assert_said(w, wanted);
}

static void start(struct world *w)
{
	struct bh_err err;

	w->model = model_new();
	if (source_dir_new(w->dir, w->model, note, w, &w->source, &err) < 0)
		fail_msg("%s", err.msg);
}

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	w->notes = BUF_INIT(1 << 20);
	(void)buf_str(&w->notes, "");
	(void)snprintf(w->base, sizeof(w->base), "/tmp/bh-%d-XXXXXX", getpid());
	if (!mkdtemp(w->base))
		return -1;
	(void)snprintf(w->dir, sizeof(w->dir), "%s/d", w->base);
	*state = w;
	return mkdir(w->dir, 0700);
}

static int teardown(void **state)
{
	struct world *w = *state;

	source_free(w->source);
	model_free(w->model);
	buf_done(&w->notes);
	remove_tree(w->base);
	free(w);
	return 0;
}

/* ---- good files ------------------------------------------------------------------------- */

static void what_is_there_at_the_start(void **state)
{
	struct world *w = *state;

	put(w, "b.yml", NETPOL("b", DENY_OUT));
	put(w, "a.yaml", NETPOL("a", DENY_IN) "---\n" NETPOL("a2", DENY_IN));
	put(w, "c.json", "{\"apiVersion\":\"v1\",\"kind\":\"Namespace\",\"metadata\":{\"name\":\"shop\"}}");
	put(w, ".hidden.yaml", NETPOL("hidden", DENY_IN));
	put(w, "notes.txt", NETPOL("txt", DENY_IN));
	put(w, "a.yaml~", NETPOL("backup", DENY_IN));
	put(w, "empty.yaml", "");
	start(w);
	assert_string_equal(isolation(w, "a"), "I");
	assert_string_equal(isolation(w, "a2"), "I");
	assert_string_equal(isolation(w, "b"), "E");
	assert_int_equal(w->model->policies.n, 3);
	assert_non_null(model_namespace(w->model, "shop"));
	assert_said(w, "");
	work(w);
	work(w);
	assert_false(w->changed);
}

/* One look is enough for what its writer has closed or moved in: no waiting, no timer. */
static void good_saves_count_at_once(void **state)
{
	struct world *w = *state;
	const struct net_policy *b;

	put(w, "b.yaml", NETPOL("b", DENY_IN));
	start(w);
	b = model_policy(w->model, POLICY_NETWORK, "shop", "b");
	put(w, "a.yaml", NETPOL("a", DENY_IN));
	work(w);
	assert_string_equal(isolation(w, "a"), "I");
	put(w, "a.yaml", NETPOL("a", DENY_OUT));
	work(w);
	assert_string_equal(isolation(w, "a"), "E");
	put(w, "a.tmp", NETPOL("a", DENY_IN));
	move(w, "a.tmp", "a.yaml");
	work(w);
	assert_string_equal(isolation(w, "a"), "I");
	assert_true(w->changed);
	assert_ptr_equal(model_policy(w->model, POLICY_NETWORK, "shop", "b"),
			 b); /* the other one was left alone */
	assert_said(w, "");
	w->changed = false;
	put(w, "a.yaml", NETPOL("a", DENY_IN) "# a remark\n");
	work(w);
	assert_false(w->changed);
}

static void what_an_editor_does(void **state)
{
	struct world *w = *state;

	put(w, "a.yaml", NETPOL("a", DENY_IN));
	start(w);
	move(w, "a.yaml", "a.yaml~"); /* vim: the old one away, a new one under the name */
	work(w);
	assert_string_equal(isolation(w, "a"), "I");
	write_at(w, "a.yaml", NETPOL("a", DENY_OUT), O_EXCL);
	work(w);
	assert_string_equal(isolation(w, "a"), "E");
	drop(w, "a.yaml~");
	work(w);
	assert_said(w, "");
}

static void removed(void **state)
{
	struct world *w = *state;

	put(w, "a.yaml", NETPOL("a", DENY_IN));
	put(w, "b.yaml", NETPOL("b", DENY_IN));
	start(w);
	drop(w, "a.yaml");
	until(w, "a", "");
	assert_string_equal(isolation(w, "b"), "I");
	put(w, "b.yaml", NETPOL("c", DENY_IN));
	work(w);
	assert_string_equal(isolation(w, "b"), "");
	assert_string_equal(isolation(w, "c"), "I");
	put(w, "b.yaml", "# nothing left\n");
	until(w, "c", "");
	assert_int_equal(w->model->policies.n, 0);
	assert_said(w, "");
}

static void renamed(void **state)
{
	struct world *w = *state;
	const struct net_policy *p;

	put(w, "b.yaml", NETPOL("a", DENY_IN));
	start(w);
	p = model_policy(w->model, POLICY_NETWORK, "shop", "a");
	move(w, "b.yaml", "c.yaml");
	settle(w);
	move(w, "c.yaml", "a.yaml");
	settle(w);
	assert_ptr_equal(model_policy(w->model, POLICY_NETWORK, "shop", "a"), p); /* never gone, never new */
	assert_said(w, "");
	drop(w, "a.yaml");
	put(w, "z.yaml", NETPOL("a", DENY_OUT)); /* what is there goes before what is on its way out */
	work(w);
	assert_string_equal(isolation(w, "a"), "E");
	settle(w);
	assert_said(w, "");
}

/* How the kubelet updates a ConfigMap: files are links into ..data, which is a link that is replaced. */
static void a_config_map(void **state)
{
	struct world *w = *state;

	make_dir(w, "..1");
	make_dir(w, "..2");
	put(w, "..1/a.yaml", NETPOL("a", DENY_IN));
	put(w, "..2/a.yaml", NETPOL("a", DENY_OUT));
	make_link(w, "..1", "..data");
	make_link(w, "..data/a.yaml", "a.yaml");
	start(w);
	assert_string_equal(isolation(w, "a"), "I");
	make_link(w, "..2", "..data_tmp");
	move(w, "..data_tmp", "..data");
	work(w);
	assert_string_equal(isolation(w, "a"), "E");
	drop(w, "..1/a.yaml");
	drop(w, "..1");
	work(w);
	assert_string_equal(isolation(w, "a"), "E");
	assert_said(w, "");
}

static void links(void **state)
{
	struct world *w = *state;

	put(w, "one", NETPOL("a", DENY_IN));
	make_link(w, "one", "a.yaml");
	start(w);
	assert_string_equal(isolation(w, "a"), "I");
	put(w, "one", NETPOL("a", DENY_OUT)); /* another name: no event for a.yaml, but the scan sees it */
	until(w, "a", "E");
	drop(w, "one"); /* leads nowhere */
	until(w, "a", "");
	assert_said(w, "");
}

/* ---- bad files -------------------------------------------------------------------------- */

static void a_bad_file_keeps_its_last_good_version(void **state)
{
	struct world *w = *state;

	put(w, "a.yaml", NETPOL("a", DENY_IN) "---\n" NETPOL("b", DENY_IN));
	start(w);
	put(w, "a.yaml", NETPOL("a", DENY_OUT) "---\n" BAD_YAML);
	work(w);
	assert_said(w, ""); /* perhaps it is not finished */
	until_said(w, "BAD a.yaml:6: " BAD_SAYS "\n");
	assert_string_equal(isolation(w, "a"), "I");
	assert_string_equal(isolation(w, "b"), "I");

	/* the same fault: nothing new */
	put(w, "a.yaml", NETPOL("a", DENY_OUT) "---\n" BAD_YAML "# and so on\n");
	settle(w);
	assert_said(w, "");
	put(w, "a.yaml", "\n" BAD_YAML); /* another one */
	until_said(w, "BAD a.yaml:2: " BAD_SAYS "\n");
	assert_string_equal(isolation(w, "a"), "I");

	put(w, "a.yaml", NETPOL("a", DENY_OUT));
	work(w);
	assert_said(w, "GOOD a.yaml: is good again\n");
	assert_string_equal(isolation(w, "a"), "E");
	assert_string_equal(isolation(w, "b"), "");
}

static void bad_from_the_start(void **state)
{
	struct world *w = *state;

	put(w, "a.yaml", BAD_YAML);
	put(w, "b.yaml", NETPOL("b", DENY_IN));
	start(w);
	assert_said(w, "BAD a.yaml:1: " BAD_SAYS "\n");
	assert_string_equal(isolation(w, "b"), "I");
	assert_string_equal(unready(w), "a.yaml:1: " BAD_SAYS "; no good version of that file is known");
	drop(w, "a.yaml");
	until_said(w, "GOOD a.yaml: is gone\n");
	assert_string_equal(unready(w), "");
}

/* What was in force before the start is what may be lost: a file that turns bad later is not of that. */
static void only_the_start_leaves_files_unread(void **state)
{
	struct world *w = *state;

	put(w, "a.yaml", BAD_YAML);
	start(w);
	assert_said(w, "BAD a.yaml:1: " BAD_SAYS "\n");
	assert_string_not_equal(unready(w), "");
	put(w, "a.yaml", NETPOL("a", DENY_IN));
	until_said(w, "GOOD a.yaml: is good again\n");
	assert_string_equal(unready(w), "");
	put(w, "new.yaml", BAD_YAML);
	until_said(w, "BAD new.yaml:1: " BAD_SAYS "\n");
	assert_string_equal(unready(w), "");
}

static void nobody_knows_which_object(void **state)
{
	struct world *w = *state;

	put(w, "a.yaml", NETPOL("a", DENY_IN));
	start(w);
	put(w, "a.yaml", NETPOL("a", DENY_OUT) "---\n" NETPOL("Not_A_Name", DENY_IN));
	until_said(w, "BAD a.yaml:6: NetworkPolicy: "
		      "metadata.name 'Not_A_Name' is not a DNS-1123 subdomain\n");
	assert_string_equal(isolation(w, "a"), "I");
}

static void a_half_written_file_is_not_news(void **state)
{
	struct world *w = *state;
	const char *text = NETPOL("a", DENY_OUT);

	put(w, "a.yaml", NETPOL("a", DENY_IN));
	start(w);
	put(w, "a.yaml", "");
	work(w);
	assert_string_equal(isolation(w, "a"), "I");
	put(w, "a.yaml", "apiVersion: networking.k8s.io/v1\nkind: Netw");
	work(w);
	assert_string_equal(isolation(w, "a"), "I");
	write_at(w, "a.yaml", text + strlen("apiVersion: networking.k8s.io/v1\nkind: Netw"), O_APPEND);
	work(w);
	assert_string_equal(isolation(w, "a"), "E");
	assert_said(w, "");
}

/* `slow command > a.yaml`: it stays empty for as long as the command thinks. */
static void a_file_that_is_being_written(void **state)
{
	struct world *w = *state;
	const char *text = NETPOL("a", DENY_OUT);
	char path[256];
	int64_t end;
	int fd;

	put(w, "a.yaml", NETPOL("a", DENY_IN));
	start(w);
	(void)snprintf(path, sizeof(path), "%s/a.yaml", w->dir);
	fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
	assert_true(fd >= 0);
	put(w, "b.yaml", NETPOL("b", DENY_IN)); /* makes it look, again and again */
	for (end = now_ms() + 500; now_ms() < end;) {
		put(w, "b.yaml", NETPOL("b", DENY_IN));
		step(w);
		assert_string_equal(isolation(w, "a"), "I");
	}
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	(void)close(fd);
	work(w);
	assert_string_equal(isolation(w, "a"), "E");
	assert_said(w, "");
}

static void what_is_no_file(void **state)
{
	struct world *w = *state;
	char path[256];

	make_dir(w, "d.yaml");
	(void)snprintf(path, sizeof(path), "%s/f.yaml", w->dir);
	assert_int_equal(mkfifo(path, 0600), 0);
	make_link(w, "loop.yaml", "loop.yaml");
	start(w);
	assert_said(w, "BAD d.yaml: not a regular file\nBAD f.yaml: not a regular file\n"
		       "BAD loop.yaml: Too many levels of symbolic links\n");
	drop(w, "loop.yaml");
	put(w, "loop.yaml", NETPOL("a", DENY_IN));
	until(w, "a", "I");
	assert_said(w, "GOOD loop.yaml: is good again\n");
}

static void too_large(void **state)
{
	struct world *w = *state;
	char path[256];
	int fd;

	put(w, "a.yaml", NETPOL("a", DENY_IN));
	start(w);
	(void)snprintf(path, sizeof(path), "%s/a.yaml", w->dir);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	assert_int_equal(ftruncate(fd, (4 << 20) + 1), 0);
	(void)close(fd);
	until_said(w, "BAD a.yaml: larger than 4194304 bytes\n");
	assert_string_equal(isolation(w, "a"), "I");
}

static void names_forge_no_line(void **state)
{
	struct world *w = *state;

	put(w, "a\nb.yaml", "{apiVersion: v1, kind: \"S\\nT\"}");
	put(w, "c\nd.yaml", BAD_YAML);
	start(w);
	assert_said(w, "IGNORED a?b.yaml: kind S?T (v1) is of no use here\n"
		       "BAD c?d.yaml:1: " BAD_SAYS "\n");
}

/* ---- objects ---------------------------------------------------------------------------- */

/* Of the cluster, beside the namespaces' own. */
static void policies_of_the_cluster(void **state)
{
	static const char text[] =
		"{apiVersion: policy.networking.k8s.io/v1alpha2, kind: ClusterNetworkPolicy, metadata: {name: a}, spec: "
		"{tier: Admin, priority: 1, subject: {namespaces: {}}, ingress: [{action: Deny, from: [{nobody: {}}]}]}}\n";
	struct world *w = *state;

	put(w, "a.yaml", text);
	put(w, "b.yaml", NETPOL("a", DENY_IN));
	start(w);
	assert_said(
		w,
		"PROBLEM a.yaml: ClusterNetworkPolicy 'a': spec.ingress[0].from[0].nobody is not a known field\n");
	assert_true(model_policy(w->model, POLICY_CLUSTER, "", "a")->rules[DIR_INGRESS].v[0].unknown);
	assert_non_null(model_policy(w->model, POLICY_NETWORK, "shop", "a"));
	put(w, "a.yaml", "{apiVersion: v1, kind: Namespace, metadata: {name: x}}");
	work(w);
	assert_null(model_policy(w->model, POLICY_CLUSTER, "", "a"));
	assert_non_null(model_policy(w->model, POLICY_NETWORK, "shop", "a"));
}

static void problems_and_ignored_kinds(void **state)
{
	struct world *w = *state;

	put(w, "a.yaml",
	    NETPOL("a",
		   "{ingress: [{}, {ports: [{port: 443}, {port: 443, endPort: 80}]}]}") "---\n{apiVersion: v1, kind: ConfigMap}\n---\n{apiVersion: v1, kind: ConfigMap}\n");
	start(w);
	assert_said(w, "IGNORED a.yaml: kind ConfigMap (v1) is of no use here\n"
		       "PROBLEM a.yaml: NetworkPolicy 'shop/a': "
		       "spec.ingress[1].ports[1].endPort 80 is below port 443\n");
	assert_false(model_policy(w->model, POLICY_NETWORK, "shop", "a")->rules[DIR_INGRESS].v[0].unknown);
	assert_true(model_policy(w->model, POLICY_NETWORK, "shop", "a")->rules[DIR_INGRESS].v[1].unknown);
	put(w, "b.yaml", NETPOL("b", DENY_IN));
	work(w);
	put(w, "a.yaml",
	    NETPOL("a",
		   "{ingress: [{}, {ports: [{port: 443}, {port: 443, endPort: 80}]}]}") "# the same\n---\n{apiVersion: v1, kind: ConfigMap}\n");
	work(w);
	assert_said(w, "");
	put(w, "a.yaml",
	    NETPOL("a", "{ingress: [{ports: [{port: HTTP}]}]}") "---\n{apiVersion: v1, kind: Secret}\n");
	work(w);
	assert_said(w, "IGNORED a.yaml: kind Secret (v1) is of no use here\n"
		       "PROBLEM a.yaml: NetworkPolicy 'shop/a': "
		       "spec.ingress[0].ports[0].port 'HTTP' is neither a number nor the name of a port\n");
}

static void services_nodes_and_slices_are_taken(void **state)
{
	struct world *w = *state;

	put(w, "a.yaml",
	    "{apiVersion: v1, kind: Service, metadata: {name: s, namespace: shop}, spec: {clusterIP: 10.96.0.1}}\n---\n"
	    "{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, metadata: {name: s-1, namespace: shop}}\n---\n"
	    "{apiVersion: v1, kind: Node, metadata: {name: n1}}\n");
	start(w);
	assert_said(w, "");
	assert_non_null(model_service(w->model, "shop", "s"));
	assert_non_null(model_slice(w->model, "shop", "s-1"));
	assert_non_null(model_node(w->model, "n1"));
}

static void one_object_in_two_files(void **state)
{
	struct world *w = *state;

	put(w, "b.yaml", NETPOL("a", DENY_IN));
	start(w);
	put(w, "c.yaml", NETPOL("c", DENY_IN) "---\n" NETPOL("a", DENY_OUT));
	work(w);
	assert_said(w, "BAD c.yaml:6: NetworkPolicy 'shop/a' is in b.yaml already, which counts\n");
	assert_string_equal(isolation(w, "a"), "I");
	assert_string_equal(isolation(w, "c"), "I");
	put(w, "d.yaml", NETPOL("d", DENY_IN));
	work(w);
	assert_said(w, "");			 /* once is enough */
	put(w, "a.yaml", NETPOL("a", DENY_OUT)); /* now that one is first */
	work(w);
	assert_said(w, "BAD b.yaml:1: NetworkPolicy 'shop/a' is in a.yaml already, which counts\n"
		       "BAD c.yaml:6: NetworkPolicy 'shop/a' is in a.yaml already, which counts\n");
	assert_string_equal(isolation(w, "a"), "E");
	put(w, "b.yaml", NETPOL("b", DENY_IN));
	work(w);
	assert_said(w, "GOOD b.yaml: is good again\n");
	put(w, "c.yaml", NETPOL("c", DENY_IN) "---\n" NETPOL("a", DENY_IN));
	work(w);
	assert_string_equal(isolation(w, "a"), "E");
	drop(w, "a.yaml"); /* the other one's turn, from what it last held */
	until(w, "a", "I");
	assert_said(w, "GOOD c.yaml: is good again\n");
}

/* The second file is bad by the time it is needed: its last good version counts. */
static void a_last_good_version_steps_in(void **state)
{
	struct world *w = *state;

	put(w, "a.yaml", NETPOL("a", DENY_IN));
	put(w, "b.yaml", NETPOL("a", DENY_OUT));
	start(w);
	assert_said(w, "BAD b.yaml:1: NetworkPolicy 'shop/a' is in a.yaml already, which counts\n");
	put(w, "b.yaml", BAD_YAML);
	until_said(w, "BAD b.yaml:1: " BAD_SAYS "\n");
	drop(w, "a.yaml");
	until(w, "a", "E");
}

/* ---- the directory ---------------------------------------------------------------------- */

static void no_directory(void **state)
{
	struct world *w = *state;
	char path[256];
	struct source *s = NULL;
	struct bh_err err;
	struct model *m = model_new();

	(void)snprintf(path, sizeof(path), "%s/none", w->dir);
	assert_int_equal(source_dir_new(path, m, note, w, &s, &err), -ENOENT);
	assert_non_null(strstr(err.msg, "none': No such file or directory"));
	put(w, "file", "");
	(void)snprintf(path, sizeof(path), "%s/file", w->dir);
	assert_int_equal(source_dir_new(path, m, note, w, &s, &err), -ENOTDIR);
	assert_null(s);
	source_free(NULL);
	model_free(m);
}

static void the_directory_goes_and_comes_back(void **state)
{
	struct world *w = *state;
	char wanted[512];
	int i;

	put(w, "a.yaml", NETPOL("a", DENY_IN));
	put(w, "b.yaml", NETPOL("b", DENY_IN));
	start(w);
	drop(w, "a.yaml");
	work(w);
	remove_tree(w->dir);
	(void)snprintf(wanted, sizeof(wanted),
		       "BAD cannot open the directory '%s': No such file or directory\n", w->dir);
	until_said(w, wanted);
	step(w);
	step(w);
	assert_said(w, "");
	assert_string_equal(isolation(w, "a"), "I");
	assert_string_equal(isolation(w, "b"), "I");
	for (i = 0; i < 1000 && !source_timeout_ms(w->source); i++)
		work(w);
	assert_true(i < 1000); /* what waited in it does not keep us awake */

	assert_int_equal(mkdir(w->dir, 0700), 0);
	put(w, "a.yaml", NETPOL("a", DENY_OUT));
	until(w, "a", "E");
	(void)snprintf(wanted, sizeof(wanted), "GOOD %s: is back\n", w->dir);
	assert_said(w, wanted);
	assert_string_equal(isolation(w, "b"), "I"); /* it has some time to come back too */
	until(w, "b", "");
	put(w, "a.yaml", NETPOL("a", DENY_IN)); /* and it is watched again */
	work(w);
	assert_string_equal(isolation(w, "a"), "I");
}

static void another_directory_in_its_place(void **state)
{
	struct world *w = *state;
	char old[256], new[256];

	put(w, "a.yaml", NETPOL("a", DENY_IN));
	put(w, "b.yaml", NETPOL("b", DENY_IN));
	start(w);
	(void)snprintf(old, sizeof(old), "%s/old", w->base);
	(void)snprintf(new, sizeof(new), "%s", w->dir);
	assert_int_equal(rename(w->dir, old), 0);
	assert_int_equal(mkdir(new, 0700), 0);
	put(w, "a.yaml", NETPOL("a", DENY_OUT));
	until(w, "a", "E");
	until(w, "b", "");
	put(w, "a.yaml", NETPOL("a", DENY_IN));
	work(w);
	assert_string_equal(isolation(w, "a"), "I"); /* the new one is what is watched */
}

static void too_many_files(void **state)
{
	struct world *w = *state;
	struct source *s = NULL;
	struct bh_err err;
	char name[32];
	int i;

	for (i = 0; i <= 4096; i++) {
		(void)snprintf(name, sizeof(name), "%d.yaml", i);
		put(w, name, "");
	}
	w->model = model_new();
	assert_int_equal(source_dir_new(w->dir, w->model, note, w, &s, &err), -E2BIG);
	assert_non_null(strstr(err.msg, "more than 4096 manifest files"));
	drop(w, "7.yaml");
	assert_int_equal(source_dir_new(w->dir, w->model, note, w, &w->source, &err), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_is_there_at_the_start),
		TEST(good_saves_count_at_once),
		TEST(what_an_editor_does),
		TEST(removed),
		TEST(renamed),
		TEST(a_config_map),
		TEST(links),
		TEST(a_bad_file_keeps_its_last_good_version),
		TEST(bad_from_the_start),
		TEST(only_the_start_leaves_files_unread),
		TEST(nobody_knows_which_object),
		TEST(a_half_written_file_is_not_news),
		TEST(a_file_that_is_being_written),
		TEST(what_is_no_file),
		TEST(too_large),
		TEST(names_forge_no_line),
		TEST(policies_of_the_cluster),
		TEST(problems_and_ignored_kinds),
		TEST(services_nodes_and_slices_are_taken),
		TEST(one_object_in_two_files),
		TEST(a_last_good_version_steps_in),
		TEST(no_directory),
		TEST(the_directory_goes_and_comes_back),
		TEST(another_directory_in_its_place),
		TEST(too_many_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
