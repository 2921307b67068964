/* SPDX-License-Identifier: Apache-2.0 */
/* bulkheadctl simulate: what would these policies change? */
#include "ctl/simulate.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "api/api.h"
#include "ctl/ctl.h"
#include "kube/manifest.h"
#include "util/buf.h"
#include "util/scope.h"

#define NAMED 3	 /* pods or peers in one cell */
#define SHOWN 20 /* sessions in the table: those that carried most */

static const char *const kinds[] = { "NetworkPolicy", "ClusterNetworkPolicy", "SegmentationPolicy",
				     "ClusterSegmentationPolicy" };

static bool is_kind(const char *kind)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(kinds); i++)
		if (!strcmp(kinds[i], kind))
			return true;
	return false;
}

/* ---- what is asked -------------------------------------------------------------------------- */

static void copy_field(struct json_object *to, struct json_object *from, const char *field)
{
	struct json_object *value = ctl_get(from, field);

	if (value)
		json_object_object_add(to, field, json_object_get(value));
}

/* Status, annotations and managed fields are no part of what a policy says, and the line is limited. */
static struct json_object *slim(struct json_object *o)
{
	struct json_object *ret = json_object_new_object(), *metadata = json_object_new_object();

	copy_field(ret, o, "apiVersion");
	copy_field(ret, o, "kind");
	copy_field(metadata, ctl_get(o, "metadata"), "name");
	copy_field(metadata, ctl_get(o, "metadata"), "namespace");
	json_object_object_add(ret, "metadata", metadata);
	copy_field(ret, o, "spec");
	return ret;
}

static void add_object(struct json_object *list, struct json_object *o, const char *file, unsigned int line,
		       FILE *notes)
{
	const char *kind = ctl_str(o, "kind");
	struct json_object *items = ctl_get(o, "items");
	size_t i, n = ctl_length(items);

	if (n || !strcmp(kind, "List")) {
		for (i = 0; i < n; i++)
			add_object(list, json_object_array_get_idx(items, i), file, line, notes);
	} else if (is_kind(kind)) {
		(void)json_object_array_add(list, slim(o));
	} else if (*kind) {
		(void)fprintf(notes, "%s:%u: %s '%s' is no policy, ignoring\n", file, line, kind,
			      ctl_str(ctl_get(o, "metadata"), "name"));
	} else {
		(void)fprintf(notes, "%s:%u: what has no kind is no policy, ignoring\n", file, line);
	}
}

int simulate_read(const char *file, const char *text, size_t len, struct json_object *list, FILE *notes,
		  struct bh_err *err)
{
	struct manifest m = {};
	const int r = manifest_parse(file, text, len, &m, err);
	size_t i;

	for (i = 0; !r && i < m.docs.n; i++)
		if (m.docs.v[i].root)
			add_object(list, m.docs.v[i].root, file, m.docs.v[i].line, notes);
	manifest_done(&m);
	return r;
}

static int read_file(const char *file, struct json_object *list, struct bh_err *err)
{
	const bool in = !strcmp(file, "-");
	auto_fd int fd = in ? dup(STDIN_FILENO) : open(file, O_RDONLY | O_CLOEXEC);
	auto_buf struct buf b = BUF_INIT(MANIFEST_BYTES_MAX);
	int r;

	if (fd < 0)
		return bh_err_errno(err, -errno, "cannot read '%s'", file);
	r = buf_read(&b, fd);
	if (r == -E2BIG)
		return bh_err_set(err, r, "cannot read '%s': larger than %u bytes", file, MANIFEST_BYTES_MAX);
	if (r < 0)
		return bh_err_errno(err, r, "cannot read '%s'", file);
	return simulate_read(in ? "stdin" : file, b.data ? b.data : "", b.len, list, stderr, err);
}

struct json_object *simulate_delete(const char *text)
{
	const char *ns = strchr(text, '/'), *name = ns ? strchr(ns + 1, '/') : NULL;
	struct json_object *o;
	char kind[64];

	if (!ns || (size_t)(ns - text) >= sizeof(kind))
		return NULL;
	(void)snprintf(kind, sizeof(kind), "%.*s", (int)(ns - text), text);
	if (!is_kind(kind) || !strncmp(kind, "Cluster", 7) != !name)
		return NULL;
	o = json_object_new_object();
	json_object_object_add(o, "kind", json_object_new_string(kind));
	json_object_object_add(
		o, "namespace",
		json_object_new_string_len(name ? ns + 1 : "", name ? (int)(name - ns - 1) : 0));
	json_object_object_add(o, "name", json_object_new_string((name ? name : ns) + 1));
	return o;
}

static int read_all(const struct ctl *c, struct json_object *policies, struct json_object *deletes,
		    struct bh_err *err)
{
	struct json_object *o;
	size_t i;
	int r = 0;

	for (i = 0; !r && i < c->files.n; i++)
		r = read_file(c->files.v[i], policies, err);
	for (i = 0; !r && i < c->deletes.n; i++) {
		o = simulate_delete(c->deletes.v[i]);
		if (!o)
			return bh_err_set(
				err, -EINVAL,
				"--delete '%s': neither KIND/NAMESPACE/NAME nor KIND/NAME of a policy of "
				"the cluster",
				c->deletes.v[i]);
		(void)json_object_array_add(deletes, o);
	}
	if (!r && !ctl_length(policies) && !ctl_length(deletes))
		r = bh_err_set(err, -EINVAL, "no policy: -f names files with some, --delete one that goes");
	return r;
}

int simulate_fits(struct json_object *request, struct bh_err *err)
{
	size_t len = 0;

	if (!api_text(request, &len))
		return bh_err_set(err, -ENOMEM, "no memory");
	if (len + 1 <= API_LONG_MAX)
		return 0;
	return bh_err_set(
		err, -E2BIG,
		"%zu policies take %zu bytes, and the agent takes %u: of fewer at a time the answer is "
		"without what the others allow and deny",
		ctl_length(ctl_get(request, "policies")), len, API_LONG_MAX - 1);
}

static int make_request(const struct ctl *c, struct json_object **ret, struct bh_err *err)
{
	struct json_object *o = ctl_request(c, "simulate"), *policies = json_object_new_array();
	struct json_object *deletes = json_object_new_array();
	int r;

	json_object_object_add(o, "policies", policies);
	json_object_object_add(o, "delete", deletes);
	r = read_all(c, policies, deletes, err);
	if (!r)
		r = simulate_fits(o, err);
	if (r < 0)
		json_object_put(o);
	else
		*ret = o;
	return r;
}

/* ---- what is answered ----------------------------------------------------------------------- */

static void add_up(struct json_object *sum, struct json_object *item)
{
	json_object_object_foreach(item, name, value) {
		if (json_object_is_type(value, json_type_int))
			json_object_object_add(
				sum, name,
				json_object_new_int64((int64_t)(ctl_int(sum, name) + ctl_int(item, name))));
		else if (json_object_is_type(value, json_type_boolean))
			json_object_object_add(
				sum, name,
				json_object_new_boolean(ctl_bool(item, name) &&
							(!ctl_get(sum, name) || ctl_bool(sum, name))));
	}
}

/* Every node is asked about the same policies, and has pods, pairs and sessions of its own. */
static void add_summary(struct json_object *all, struct json_object *item)
{
	static const char *const common[] = { "added", "replaced", "deleted" };
	struct json_object *sum = ctl_get(all, "summary");
	size_t i;

	add_up(sum, item);
	for (i = 0; i < ARRAY_SIZE(common); i++)
		copy_field(sum, item, common[i]);
}

static void add_to(struct json_object *list, struct json_object *item)
{
	size_t i;

	json_object_object_del(item, "kind");
	for (i = 0; i < ctl_length(list); i++)
		if (json_object_equal(json_object_array_get_idx(list, i), item))
			return;
	(void)json_object_array_add(list, json_object_get(item));
}

void simulate_take(struct json_object *all, struct json_object *item)
{
	const char *kind = ctl_str(item, "kind");
	struct json_object *list = ctl_get(all, !strcmp(kind, "session") ? "sessions" : "pairs");

	if (!strcmp(kind, "summary")) {
		add_summary(all, item);
	} else if (!strcmp(kind, "problem")) {
		json_object_object_del(item, "node"); /* every node has the same */
		add_to(ctl_get(all, "problems"), item);
	} else {
		json_object_object_del(item, "kind");
		(void)json_object_array_add(list, json_object_get(item));
	}
}

/* ---- for people ----------------------------------------------------------------------------- */

/* "shop/a, shop/b": the first of the names. Returns how many these are. */
static size_t first_of(struct json_object *list, char *ret, size_t size)
{
	size_t i, used = 0;

	ret[0] = '\0';
	for (i = 0; i < ctl_length(list) && i < NAMED && used < size; i++)
		used += (size_t)snprintf(ret + used, size - used, "%s%.90s", i ? ", " : "",
					 json_object_get_string(json_object_array_get_idx(list, i)));
	return i;
}

/* "shop/a, shop/b, shop/c and 7 more" */
static void pods_text(struct json_object *item, char *ret, size_t size)
{
	const uint64_t n = ctl_int(item, "pods_n"), named = first_of(ctl_get(item, "pods"), ret, size);
	const size_t used = strlen(ret);

	if (n > named)
		(void)snprintf(ret + used, size - used, " and %llu more", (unsigned long long)(n - named));
}

/* Of several addresses one name is told, so names are counted; where not all are told, addresses and blocks.
 */
static void peers_text(struct json_object *item, char *ret, size_t size)
{
	struct json_object *peers = ctl_get(item, "peers");
	const size_t named = first_of(peers, ret, size), used = strlen(ret);

	if (ctl_int(item, "peers_more"))
		(void)snprintf(ret + used, size - used, " and more: %llu addresses and blocks",
			       (unsigned long long)ctl_int(item, "peers_n"));
	else if (ctl_length(peers) > named)
		(void)snprintf(ret + used, size - used, " and %zu more", ctl_length(peers) - named);
}

/* "TCP 80", "TCP", "protocols 0-5", "any" */
static void add_ports(struct json_object *list, char *ret, size_t size)
{
	size_t i, used = strlen(ret);

	for (i = 0; i < ctl_length(list) && used < size; i++) {
		struct json_object *one = json_object_array_get_idx(list, i);
		const char *proto = ctl_str(one, "proto"), *ports = ctl_str(one, "ports");
		const bool several = strchr(proto, '-') || (*proto >= '0' && *proto <= '9');
		const bool all = !strcmp(ports, "any");

		used += (size_t)snprintf(ret + used, size - used, "%s%s%s%s%s", used ? ", " : "",
					 several ? "protocols " : "", proto, all ? "" : " ",
					 all ? "" : ports);
	}
}

static const char *because(struct json_object *change, const char *prefix, char ret[400])
{
	const bool allowed = !strcmp(ctl_str(change, prefix), "allowed");
	char field[32], policies[300];

	(void)snprintf(field, sizeof(field), "%s_rule", prefix);
	if (*ctl_str(change, field)) {
		(void)snprintf(ret, 400, "%s", ctl_str(change, field));
		return ret;
	}
	(void)snprintf(field, sizeof(field), "%s_isolated_by", prefix);
	if (*ctl_join(ctl_get(change, field), policies, sizeof(policies)))
		(void)snprintf(ret, 400, allowed ? "allowed by %s, in mode Audit" : "isolated by %s",
			       policies);
	else
		(void)snprintf(ret, 400, "%s", allowed ? "nobody isolates it" : "-");
	return ret;
}

/* "TCP 80, UDP 53", "any but TCP 80". */
static void ports_text(struct json_object *change, char *ret, size_t size)
{
	struct json_object *but = ctl_get(change, "but");

	char text[300] = "";

	if (ctl_length(but))
		add_ports(but, text, sizeof(text));
	else
		add_ports(ctl_get(change, "ports"), text, sizeof(text));
	(void)snprintf(ret, size, "%s%s", ctl_length(but) ? "any but " : "", text);
}

static enum colour colour_of(const char *level)
{
	return !strcmp(level, "denied") ? RED : !strcmp(level, "audited") ? YELLOW : GREEN;
}

static void add_verdicts(struct table *t, struct json_object *change)
{
	static const char *const prefixes[] = { "was", "is" };
	char text[400];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(prefixes); i++) {
		table_add(t, ctl_str(change, prefixes[i]), colour_of(ctl_str(change, prefixes[i])));
		table_add(t, because(change, prefixes[i], text), PLAIN);
	}
}

static void pair_rows(struct table *t, struct json_object *item)
{
	struct json_object *changes = ctl_get(item, "changes");
	char pods[400], peers[400], ports[400];
	size_t i;

	pods_text(item, pods, sizeof(pods));
	peers_text(item, peers, sizeof(peers));
	for (i = 0; i < ctl_length(changes); i++) {
		ports_text(json_object_array_get_idx(changes, i), ports, sizeof(ports));
		table_add(t, pods, BOLD);
		table_add(t, ctl_str(item, "direction"), PLAIN);
		table_add(t, peers, PLAIN);
		if (i + 1 == ctl_length(changes) && ctl_int(item, "changes_more"))
			(void)snprintf(ports + strlen(ports), sizeof(ports) - strlen(ports),
				       " (and %llu more)", (unsigned long long)ctl_int(item, "changes_more"));
		table_add(t, ports, PLAIN);
		add_verdicts(t, json_object_array_get_idx(changes, i));
	}
}

static uint64_t carried(struct json_object *session)
{
	return ctl_int(session, "bytes_in") + ctl_int(session, "bytes_out");
}

static void session_row(struct table *t, struct json_object *item)
{
	char end[CTL_END_MAX];
	const char *name = ctl_str(item, "remote_name");

	table_add(t, ctl_str(item, "pod"), BOLD);
	table_add(t, ctl_end(ctl_str(item, "local"), ctl_int(item, "local_port"), end), PLAIN);
	table_add(t, !strcmp(ctl_str(item, "opener"), "ingress") ? "<-" : "->", PLAIN);
	(void)ctl_end(ctl_str(item, "remote"), ctl_int(item, "remote_port"), end);
	table_fmt(t, PLAIN, "%s%s%s%s", end, *name ? " (" : "", name, *name ? ")" : "");
	table_add(t, ctl_str(item, "proto"), PLAIN);
	table_fmt(t, PLAIN, "%llu", (unsigned long long)carried(item));
	add_verdicts(t, item);
}

static void print_table(FILE *out, struct json_object *list, const char *const *heads,
			void (*row)(struct table *t, struct json_object *item), bool colours)
{
	const size_t n = ctl_length(list);
	struct table *t;
	size_t i;

	if (!n)
		return;
	t = *ctl_str(json_object_array_get_idx(list, 0), "node") ? table_new_led("NODE", heads)
								 : table_new(heads);
	for (i = 0; t && i < n; i++) {
		table_lead(t, ctl_str(json_object_array_get_idx(list, i), "node"));
		row(t, json_object_array_get_idx(list, i));
	}
	if (t)
		table_print(t, out, colours);
	table_free(t);
	(void)fputc('\n', out);
}

/* What would be cut first, and of alike ones what carried most. */
static int by_loss(const void *a, const void *b)
{
	struct json_object *const *x = a, *const *y = b;
	const bool cut_x = !strcmp(ctl_str(*x, "is"), "denied"), cut_y = !strcmp(ctl_str(*y, "is"), "denied");
	const uint64_t of_x = carried(*x), of_y = carried(*y);

	return cut_x != cut_y ? cut_y - cut_x : (of_y > of_x) - (of_y < of_x);
}

static void print_sessions(FILE *out, struct json_object *list, const char *const *heads, bool colours)
{
	struct json_object *some = json_object_new_array();
	const size_t n = ctl_length(list);
	size_t i;

	if (n)
		json_object_array_sort(list, by_loss);
	for (i = 0; i < n && i < SHOWN; i++)
		(void)json_object_array_add(some, json_object_get(json_object_array_get_idx(list, i)));
	print_table(out, some, heads, session_row, colours);
	if (n > SHOWN)
		(void)fprintf(out, "and %zu sessions that carried less; -o json has all\n\n", n - SHOWN);
	json_object_put(some);
}

static void print_problems(FILE *out, struct json_object *list, bool colours)
{
	size_t i;

	for (i = 0; i < ctl_length(list); i++) {
		struct json_object *o = json_object_array_get_idx(list, i);

		(void)fprintf(out, "%snot understood%s: %s: %s %s\n", colour_code(colours, RED),
			      colour_code(colours, PLAIN), ctl_str(o, "policy"), ctl_str(o, "path"),
			      ctl_str(o, "text"));
	}
}

static void print_summary(FILE *out, struct json_object *sum)
{
	(void)fprintf(out, "policies  %llu added, %llu replaced, %llu deleted; nothing of it is in force\n",
		      (unsigned long long)ctl_int(sum, "added"), (unsigned long long)ctl_int(sum, "replaced"),
		      (unsigned long long)ctl_int(sum, "deleted"));
	(void)fprintf(
		out,
		"pairs     of %llu pods and their peers: %llu would be denied something, %llu audited, %llu allowed\n",
		(unsigned long long)ctl_int(sum, "pods"), (unsigned long long)ctl_int(sum, "pairs_denied"),
		(unsigned long long)ctl_int(sum, "pairs_audited"),
		(unsigned long long)ctl_int(sum, "pairs_allowed"));
	(void)fprintf(out, "sessions  of %llu live ones: %llu would be cut, %llu audited, %llu allowed\n",
		      (unsigned long long)ctl_int(sum, "sessions"),
		      (unsigned long long)ctl_int(sum, "sessions_denied"),
		      (unsigned long long)ctl_int(sum, "sessions_audited"),
		      (unsigned long long)ctl_int(sum, "sessions_allowed"));
	if (!ctl_bool(sum, "complete"))
		(void)fprintf(out, "INCOMPLETE: an agent ran out of memory over it\n");
}

void simulate_print(FILE *out, struct json_object *all, bool colours)
{
	static const char *const pairs[] = { "POD",	"DIRECTION", "PEER",	"PORTS", "WAS",
					     "BECAUSE", "WOULD BE",  "BECAUSE", NULL };
	static const char *const sessions[] = { "POD", "LOCAL",	  "",	      "REMOTE",	 "PROTO", ">BYTES",
						"WAS", "BECAUSE", "WOULD BE", "BECAUSE", NULL };

	print_problems(out, ctl_get(all, "problems"), colours);
	print_table(out, ctl_get(all, "pairs"), pairs, pair_rows, colours);
	print_sessions(out, ctl_get(all, "sessions"), sessions, colours);
	print_summary(out, ctl_get(all, "summary"));
}

/* ---- the command ---------------------------------------------------------------------------- */

static int take(void *ctx, struct json_object *item)
{
	simulate_take(ctx, item);
	return 0;
}

/* Half of an answer is no leave to apply it. */
int simulate_code(struct json_object *all, int code)
{
	struct json_object *sum = ctl_get(all, "summary");

	if (ctl_int(sum, "pairs_denied") || ctl_int(sum, "sessions_denied"))
		return CTL_NEGATIVE;
	return code == CTL_OK && !ctl_bool(sum, "complete") ? CTL_PARTIAL : code;
}

static int run(const struct ctl *c, char **args)
{
	struct json_object *request, *all = json_object_new_object();
	struct ctl of_policies = *c;
	struct bh_err err;
	int code;

	(void)args;
	json_object_object_add(all, "problems", json_object_new_array());
	json_object_object_add(all, "pairs", json_object_new_array());
	json_object_object_add(all, "sessions", json_object_new_array());
	json_object_object_add(all, "summary", json_object_new_object());
	if (make_request(c, &request, &err) < 0) {
		ctl_say("%s", err.msg);
		json_object_put(all);
		return CTL_USAGE;
	}
	of_policies.of_policies = true;
	code = ctl_answers(&of_policies, request, take, NULL, all);
	if (ctl_answered(code)) {
		if (c->json)
			ctl_print(c, all);
		else
			simulate_print(stdout, all, c->colours);
		code = simulate_code(all, code);
	}
	json_object_put(all);
	return code;
}

const struct command command_simulate = {
	.name = "simulate",
	.args = "",
	.summary =
		"what these policies would change for pods, pairs and live sessions; nothing is applied. Exits 1 if "
		"something that is allowed would be denied",
	.text = "The agents compile the policies together with those that there are, of which they replace the ones "
		"of the same kind, namespace and name, and hold the result against what is in force: every pod of "
		"the node, both directions, every peer, every port, and the live sessions. What is in force stays as "
		"it is.\n\n"
		"A policy without metadata.namespace is of namespace default. Other kinds of objects in the files are "
		"ignored. All of it must fit into 1 MiB.",
	.examples = "simulate -f new.yaml\tmay I apply this?\n"
		    "simulate --delete NetworkPolicy/shop/db\tmay that one go?\n",
	.exits = "1\tsomething that is allowed would be denied\n",
	.options = OPT_FILE | OPT_DELETE,
	.run = run,
};
