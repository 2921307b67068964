/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bulkheadctl policy show: all that agents know of one policy. It is three questions: where it is in force
 * and, of the nodes where it has pods, what its rules have counted and which pods these are.
 */
#include <string.h>

#include "ctl/ctl.h"
#include "ctl/policy.h"
#include "ctl/sum.h"
#include "util/near.h"
#include "util/scope.h"

struct shown {
	struct policy_name is;
	struct json_object *list; /* of the policies that are called so: kinds and namespaces may differ */
	struct near near;	  /* of the others */
};

static struct json_object *at(struct json_object *list, size_t i)
{
	return json_object_array_get_idx(list, i);
}

/* Of @list, what has the same text in @field as @item; NULL: none. */
static struct json_object *find(struct json_object *list, struct json_object *item, const char *field)
{
	size_t i;

	for (i = 0; i < ctl_length(list); i++)
		if (!strcmp(ctl_str(at(list, i), field), ctl_str(item, field)))
			return at(list, i);
	return NULL;
}

/* ---- where it is -------------------------------------------------------------------------- */

/* "shop/db", "segpol shop/clients": as rules and pods name it. Returns ret. */
static const char *text_of(struct json_object *policy, char ret[600])
{
	const char *kind = ctl_str(policy, "kind"), *ns = ctl_str(policy, "namespace");
	const char *before = !strcmp(kind, "SegmentationPolicy")	  ? "segpol "
			     : !strcmp(kind, "ClusterSegmentationPolicy") ? "csegpol "
									  : "";

	(void)snprintf(ret, 600, "%s%s%s%s", before, ns, *ns ? "/" : "", ctl_str(policy, "name"));
	return ret;
}

static void take_fields(struct json_object *to, struct json_object *from)
{
	static const char *const fields[] = {
		"kind",	   "namespace",	 "name",	  "tier",	  "priority", "mode",
		"expired", "expires_in", "ingress_rules", "egress_rules", "problems", "generation",
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(fields); i++) {
		json_object_object_del(to, fields[i]);
		if (ctl_get(from, fields[i]))
			json_object_object_add(to, fields[i], json_object_get(ctl_get(from, fields[i])));
	}
}

static struct json_object *new_policy(struct shown *s, struct json_object *item)
{
	struct json_object *p = json_object_new_object();
	char text[600];

	take_fields(p, item);
	json_object_object_add(p, "text", json_object_new_string(text_of(item, text)));
	json_object_object_add(p, "nodes", json_object_new_array());
	json_object_object_add(p, "subjects", json_object_new_array());
	json_object_object_add(p, "rules", json_object_new_object()); /* a list once all have told */
	(void)json_object_array_add(s->list, p);
	return p;
}

/* @item: what the node says of it, or its last line where it does not know it. */
static void add_node(struct json_object *policy, struct json_object *item)
{
	struct json_object *o = json_object_new_object();

	if (*ctl_str(item, "node"))
		json_object_object_add(o, "node", json_object_get(ctl_get(item, "node")));
	json_object_object_add(o, "generation", json_object_new_uint64(ctl_int(item, "generation")));
	json_object_object_add(o, "in_force", json_object_new_boolean(ctl_bool(item, "in_force")));
	json_object_object_add(o, "pods", json_object_new_uint64(ctl_int(item, "pods")));
	(void)json_object_array_add(ctl_get(policy, "nodes"), o);
}

static void look_near(struct shown *s, struct json_object *item)
{
	const char *ns = ctl_str(item, "namespace"), *name = ctl_str(item, "name");
	const unsigned int slips =
		near_distance(s->is.name, name) + (s->is.ns ? near_distance(s->is.ns, ns) : 0);

	near_take(&s->near, slips, "%s%s%s", ns, *ns ? "/" : "", name);
}

/* The fields are those of the newest generation: a node may be late. */
static int take_policy(void *ctx, struct json_object *item)
{
	struct shown *s = ctx;
	struct json_object *p;
	char text[600];

	if (!policy_name_is(&s->is, item)) {
		look_near(s, item);
		return 0;
	}
	json_object_object_add(item, "text", json_object_new_string(text_of(item, text)));
	p = find(s->list, item, "text");
	if (!p)
		p = new_policy(s, item);
	else if (ctl_int(item, "generation") > ctl_int(p, "generation"))
		take_fields(p, item);
	add_node(p, item);
	return 0;
}

static void take_node(void *ctx, struct json_object *line)
{
	const struct shown *s = ctx;
	size_t i;

	for (i = 0; i < ctl_length(s->list); i++)
		if (!find(ctl_get(at(s->list, i), "nodes"), line, "node"))
			add_node(at(s->list, i), line);
}

/* ---- its pods and rules ------------------------------------------------------------------- */

static bool names(struct json_object *list, const char *text)
{
	size_t i;

	for (i = 0; i < ctl_length(list); i++)
		if (!strcmp(json_object_get_string(at(list, i)), text))
			return true;
	return false;
}

static int take_pod(void *ctx, struct json_object *item)
{
	const struct shown *s = ctx;
	char pod[600];
	size_t i;

	(void)snprintf(pod, sizeof(pod), "%s/%s", ctl_str(item, "namespace"), ctl_str(item, "name"));
	for (i = 0; i < ctl_length(s->list); i++) {
		const char *text = ctl_str(at(s->list, i), "text");

		if (names(ctl_get(item, "ingress_policies"), text) ||
		    names(ctl_get(item, "egress_policies"), text))
			(void)json_object_array_add(ctl_get(at(s->list, i), "subjects"),
						    json_object_new_string(pod));
	}
	return 0;
}

/* "shop/db ingress[0]" is of "shop/db". */
static bool is_of(const char *rule, const char *policy)
{
	const size_t len = strlen(policy);

	return !strncmp(rule, policy, len) && rule[len] == ' ';
}

static int take_rule(void *ctx, struct json_object *item)
{
	const struct shown *s = ctx;
	size_t i;

	for (i = 0; i < ctl_length(s->list); i++)
		if (is_of(ctl_str(item, "rule"), ctl_str(at(s->list, i), "text")))
			sum_take(ctl_get(at(s->list, i), "rules"), item, &sum_of_rules);
	return 0;
}

/* Where it has pods, if these nodes can all be named; else where the first question went. Return: of how many
 * nodes it is. */
static size_t where_it_has_pods(const struct shown *s, struct ctl *c)
{
	struct ctl_names some = {};
	size_t i, k, n = 0;

	for (i = 0; i < ctl_length(s->list); i++) {
		struct json_object *nodes = ctl_get(at(s->list, i), "nodes");

		for (k = 0; k < ctl_length(nodes); k++) {
			if (!ctl_int(at(nodes, k), "pods"))
				continue;
			if (n++ < CTL_NAMES_MAX)
				some.v[some.n++] = ctl_str(at(nodes, k), "node");
		}
	}
	if (ctl_remote(c) && n <= CTL_NAMES_MAX)
		c->nodes = some;
	return n;
}

static int ask(const struct ctl *c, struct shown *s)
{
	struct ctl where = *c;
	const int code = ctl_answers(c, ctl_request(c, "policies"), take_policy, take_node, s);
	int more;

	if (!ctl_answered(code) || !where_it_has_pods(s, &where))
		return code;
	more = ctl_answers(&where, ctl_request(&where, "endpoints"), take_pod, NULL, s);
	if (ctl_answered(more))
		more = ctl_answers(&where, ctl_request(&where, "rules"), take_rule, NULL, s);
	return more == CTL_OK ? code : more;
}

/* ---- what is told ------------------------------------------------------------------------- */

/* "on 2 of 3 nodes, not yet on far" */
static bool where_in_force(struct json_object *policy, char *ret, size_t size)
{
	struct json_object *nodes = ctl_get(policy, "nodes");
	const size_t all = ctl_length(nodes);
	const char *late = NULL;
	size_t i, n = 0;

	for (i = 0; i < all; i++) {
		const bool is = ctl_bool(at(nodes, i), "in_force") &&
				ctl_int(at(nodes, i), "generation") == ctl_int(policy, "generation");

		n += is;
		late = is || late ? late : ctl_str(at(nodes, i), "node");
	}
	if (all == 1)
		(void)snprintf(ret, size, "%s", n ? "yes" : "not yet");
	else
		(void)snprintf(ret, size, "on %zu of %zu nodes%s%s", n, all, late ? ", not yet on " : "",
			       late ? late : "");
	if (late && all - n > 1)
		(void)snprintf(ret + strlen(ret), size - strlen(ret), " and %zu more", all - n - 1);
	return !late;
}

static void print_head(const struct ctl *c, struct json_object *p)
{
	const char *ns = ctl_str(p, "namespace"), *mode = ctl_str(p, "mode");
	char text[2048], remaining[32];
	bool is;

	(void)snprintf(text, sizeof(text), "%s %s%s%s", ctl_str(p, "kind"), ns, *ns ? "/" : "",
		       ctl_str(p, "name"));
	ctl_line(c, "policy", BOLD, text);
	(void)snprintf(text, sizeof(text), "%s, priority %llu", ctl_str(p, "tier"),
		       (unsigned long long)ctl_int(p, "priority"));
	ctl_line(c, "tier", PLAIN, text);
	(void)policy_remaining(p, remaining);
	(void)snprintf(text, sizeof(text), "%s%s%s", mode,
		       ctl_bool(p, "expired")	  ? ", has "
		       : ctl_int(p, "expires_in") ? ", expires in "
						  : "",
		       ctl_bool(p, "expired") || ctl_int(p, "expires_in") ? remaining : "");
	ctl_line(c, "mode", strcmp(mode, "Audit") && !ctl_bool(p, "expired") ? PLAIN : YELLOW, text);
	if (ctl_int(p, "generation")) {
		(void)snprintf(text, sizeof(text), "%llu", (unsigned long long)ctl_int(p, "generation"));
		ctl_line(c, "generation", PLAIN, text);
	}
	is = where_in_force(p, text, sizeof(text));
	ctl_line(c, "in force", is ? GREEN : YELLOW, text);
	if (*ctl_join(ctl_get(p, "problems"), text, sizeof(text)))
		ctl_line(c, "trouble", RED, text);
	ctl_line(c, "pods", PLAIN,
		 *ctl_join(ctl_get(p, "subjects"), text, sizeof(text)) ? text : "none, of the nodes asked");
}

static void print_rules(const struct ctl *c, struct json_object *p)
{
	struct json_object *rules = ctl_get(p, "rules");
	struct table *t = table_new(policy_rule_heads);
	char text[100];
	size_t i;

	(void)snprintf(text, sizeof(text), "%llu ingress, %llu egress%s",
		       (unsigned long long)ctl_int(p, "ingress_rules"),
		       (unsigned long long)ctl_int(p, "egress_rules"),
		       ctl_length(rules) ? "" : "; none decides anything here");
	ctl_line(c, "rules", PLAIN, text);
	for (i = 0; t && i < ctl_length(rules); i++)
		policy_rule_row(t, at(rules, i));
	if (t && i) {
		(void)putchar('\n');
		table_print(t, stdout, c->colours);
	}
	table_free(t);
}

static void print(const struct ctl *c, const struct shown *s)
{
	size_t i;

	for (i = 0; i < ctl_length(s->list); i++) {
		json_object_object_del(at(s->list, i), "text");
		json_object_object_add(at(s->list, i), "rules", sum_list(ctl_get(at(s->list, i), "rules")));
		if (c->json)
			continue;
		if (i)
			(void)putchar('\n');
		print_head(c, at(s->list, i));
		print_rules(c, at(s->list, i));
	}
	if (c->json)
		ctl_print(c, s->list);
}

static int unknown(const struct shown *s, int code)
{
	const char *ns = s->is.ns ? s->is.ns : "";

	ctl_say("no agent knows a policy '%s%s%s'%s", ns, *ns ? "/" : "", s->is.name, s->near.hint);
	ctl_hint_policies();
	return code == CTL_OK ? CTL_USAGE : code;
}

static int run(const struct ctl *c, char **args)
{
	struct shown s = { .near = NEAR_INIT };
	int code;

	if (policy_name_read(args[0], &s.is) < 0)
		return CTL_USAGE;
	s.list = json_object_new_array();
	code = ask(c, &s);
	if (ctl_answered(code) && ctl_length(s.list))
		print(c, &s);
	else if (ctl_answered(code))
		code = unknown(&s, code);
	json_object_put(s.list);
	return code;
}

const struct command command_show = {
	.name = "policy show",
	.args = "[NAMESPACE/]NAME",
	.words = WORDS_POLICIES,
	.summary =
		"one policy: where it is in force, which pods it is of, and what each of its rules has decided",
	.text = "Of all nodes that are asked together: the fields are those of the newest generation that one of them "
		"knows, counts are added up. What has the same name in another namespace, or is of another kind, is "
		"told as well; NAMESPACE/NAME says which namespace is meant.",
	.examples = "policy show shop/db\tof the pods of this node\n"
		    "policy show shop/db --all-nodes -o json\tof all, for programs\n",
	.nargs = 1,
	.run = run,
};
