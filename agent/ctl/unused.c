/* SPDX-License-Identifier: Apache-2.0 */
/* bulkheadctl unused: which policies and rules does nobody need? */
#include "ctl/unused.h"

#include <string.h>
#include <time.h>

#include "ctl/ctl.h"
#include "ctl/remote.h"
#include "util/date.h"
#include "util/scope.h"

/* What is used somewhere first; then why not, the weaker reason first: elsewhere it is another. */
static const struct {
	const char *why, *text;
	enum colour colour;
} reasons[] = {
	{ "", "used", GREEN },
	{ "never-hit", "has decided nothing yet", YELLOW },
	{ "shadowed", "others decide all that it is about", YELLOW },
	{ "named-ports", "its ports by name lead nowhere", YELLOW },
	{ "nobody", "nobody is whom it names", YELLOW },
	{ "not-understood", "something in it is not understood: see 'policy list'", RED },
	{ "no-pod", "selects no pod", DIM },
	{ "expired", "has expired", DIM },
};

static size_t rank_of(struct json_object *item)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(reasons); i++)
		if (!strcmp(reasons[i].why, ctl_str(item, "why")))
			return i;
	return 0; /* of a newer agent: nothing is said against it */
}

static void take_since(struct json_object *all, struct json_object *one)
{
	if (!ctl_int(one, "since") ||
	    (ctl_int(all, "since") && ctl_int(all, "since") <= ctl_int(one, "since")))
		return;
	json_object_object_add(all, "since", json_object_get(ctl_get(one, "since")));
	json_object_object_add(all, "or_longer", json_object_get(ctl_get(one, "or_longer")));
}

static void add_node(struct json_object *all, struct json_object *item)
{
	if (*ctl_str(item, "node"))
		(void)json_object_array_add(ctl_get(all, "nodes"), json_object_get(ctl_get(item, "node")));
}

void unused_take(struct json_object *all, struct json_object *item)
{
	struct json_object *found;
	char key[2048];

	(void)snprintf(key, sizeof(key), "%s\n%s", ctl_str(item, "policy"), ctl_str(item, "rule"));
	found = ctl_get(all, key);
	if (!found) {
		found = json_object_get(item);
		json_object_object_add(found, "nodes", json_object_new_array());
		add_node(found, item);
		json_object_object_del(found, "node");
		json_object_object_add(all, key, found);
		return;
	}
	add_node(found, item);
	take_since(found, item);
	if (rank_of(item) < rank_of(found))
		json_object_object_add(found, "why", json_object_get(ctl_get(item, "why")));
}

struct json_object *unused_only(struct json_object *all)
{
	struct json_object *ret = json_object_new_array();

	json_object_object_foreach(all, key, item) {
		(void)key;
		if (rank_of(item))
			(void)json_object_array_add(ret, json_object_get(item));
	}
	return ret;
}

/* ---- the command ---------------------------------------------------------------------------- */

static void add_since(struct table *t, struct json_object *item)
{
	const time_t at = (time_t)ctl_int(item, "since");
	char text[DATE_TEXT];

	if (!at)
		table_add(t, NULL, DIM);
	else
		table_fmt(t, PLAIN, "%s%s", date_text(at, 0, 0, text),
			  ctl_bool(item, "or_longer") ? " or before" : "");
}

struct asked {
	struct json_object *all;
	struct json_object *nodes; /* that have answered */
};

static bool has_answered(const struct asked *a, const char *node)
{
	size_t i;

	for (i = 0; i < ctl_length(a->nodes); i++)
		if (!strcmp(json_object_get_string(json_object_array_get_idx(a->nodes, i)), node))
			return true;
	return false;
}

/* "n2 and 3 more": those who were asked and gave no answer; "" none. */
static const char *silent(const struct ctl *c, const struct asked *a, char ret[300])
{
	const struct agent_pods *pods;
	size_t i, n = 0, len;

	ret[0] = '\0';
	if (!ctl_remote(c) || remote_pods(c, &pods) != CTL_OK)
		return ret;
	for (i = 0; i < pods->v.n; i++)
		if (!has_answered(a, pods->v.v[i].node) && !n++)
			(void)snprintf(ret, 270, "%s", pods->v.v[i].node);
	len = strlen(ret);
	if (n > 1)
		(void)snprintf(ret + len, 300 - len, " and %zu more", n - 1);
	return ret;
}

/* Of whom it is true: what nobody needs on one node, another one may. */
static void print_of_whom(const struct ctl *c, const struct asked *a)
{
	char nodes[200], missing[300];

	(void)silent(c, a, missing);
	if (ctl_remote(c) && !c->nodes.n && !*missing)
		return;
	(void)ctl_join(a->nodes, nodes, sizeof(nodes));
	(void)printf("\nOf %s alone: %s%sother nodes may use them.\n", ctl_remote(c) ? nodes : "this node",
		     missing, *missing ? " gave no answer, and " : "");
}

static void print(const struct ctl *c, const struct asked *a, struct json_object *list)
{
	static const char *const heads[] = { "POLICY OR RULE", "=WHY", "COUNTED SINCE", NULL };
	struct table *t = table_new(heads);
	size_t i;

	for (i = 0; t && i < ctl_length(list); i++) {
		struct json_object *item = json_object_array_get_idx(list, i);
		const size_t rank = rank_of(item);

		table_add(t, *ctl_str(item, "rule") ? ctl_str(item, "rule") : ctl_str(item, "policy"), BOLD);
		table_add(t, reasons[rank].text, reasons[rank].colour);
		add_since(t, item);
	}
	if (t && i)
		table_print(t, stdout, c->colours);
	else if (t)
		(void)printf(
			"Nothing: every policy has pods, and every rule has been hit, as far as that can be told.\n");
	table_free(t);
	print_of_whom(c, a);
}

static int take(void *ctx, struct json_object *item)
{
	unused_take(((struct asked *)ctx)->all, item);
	return 0;
}

static void take_node(void *ctx, struct json_object *line)
{
	struct json_object *node = ctl_get(line, "node");

	if (node)
		(void)json_object_array_add(((struct asked *)ctx)->nodes, json_object_get(node));
}

static int run(const struct ctl *c, char **args)
{
	struct asked a = { json_object_new_object(), json_object_new_array() };
	const int code = ctl_answers(c, ctl_request(c, "unused"), take, take_node, &a);
	struct json_object *list;

	(void)args;
	if (ctl_answered(code)) {
		list = unused_only(a.all);
		if (c->json)
			ctl_print(c, list);
		else
			print(c, &a, list);
		json_object_put(list);
	}
	json_object_put(a.all);
	json_object_put(a.nodes);
	return code;
}

const struct command command_unused = {
	.name = "unused",
	.args = "",
	.summary =
		"policies that are of no pod, rules that decide nothing or have been hit by nothing, and since when",
	.text = "A rule is shadowed where others, before it or as well, decide everything that it is about. One that has never been hit may still be needed: for what is rare, or for the day "
		"on which something fails.\n\n"
		"Asked of one node, the answer is about that node; asked of all, what is used on one of them is used. Where "
		"not all were asked, or one gave no answer, a last line says so. "
		"Counters begin when a rule comes and go on over restarts of the agent; what was there when the agent "
		"started may be older. Nothing is said of rules that pass on, where some policy of the "
		"same pods is audited, or where two have one tier and priority.",
	.run = run,
};
