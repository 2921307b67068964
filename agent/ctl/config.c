/* SPDX-License-Identifier: Apache-2.0 */
/* bulkheadctl config, version: what the agents, and we, are. */
#include <string.h>

#include "ctl/ctl.h"

static const char *const heads[] = { "SETTING", "=VALUE", NULL };

/* ---- config ------------------------------------------------------------------------------- */

/* The command line, with blanks between. */
static const char *words(struct json_object *list, char *ret, size_t size)
{
	size_t i, n = ctl_length(list), used = 0;

	ret[0] = '\0';
	for (i = 0; i < n && used < size; i++)
		used += (size_t)snprintf(ret + used, size - used, "%s%s", i ? " " : "",
					 json_object_get_string(json_object_array_get_idx(list, i)));
	return ret;
}

static void add_row(struct table *t, const char *group, const char *name, struct json_object *value)
{
	char text[1024];

	table_fmt(t, BOLD, "%s%s%s", group, *group ? "." : "", name);
	if (json_object_is_type(value, json_type_array))
		table_add(t, words(value, text, sizeof(text)), PLAIN);
	else
		table_add(t, value ? json_object_get_string(value) : "-", value ? PLAIN : DIM);
}

/* "kernel.tcx  true": a group of a group has both before its name. */
static void add_rows(struct table *t, const char *group, struct json_object *o)
{
	json_object_object_foreach(o, name, value) {
		char inner[100];

		(void)snprintf(inner, sizeof(inner), "%s%s%s", group, *group ? "." : "", name);
		if (!*group && !strcmp(name, "node"))
			continue; /* leads each row */
		if (json_object_is_type(value, json_type_object))
			add_rows(t, inner, value);
		else
			add_row(t, group, name, value);
	}
}

struct config {
	struct ctl_items items;
	struct table *table;
};

static void take(void *ctx, struct json_object *line)
{
	struct config *k = ctx;
	const struct ctl *c = k->items.c;

	ctl_strip(line);
	if (c->json && ctl_remote(c)) {
		ctl_item(&k->items, line);
	} else if (c->json) {
		ctl_print(c, line);
	} else {
		table_lead(k->table, ctl_str(line, "node"));
		add_rows(k->table, "", line);
	}
}

static int run(const struct ctl *c, char **args)
{
	struct config k = { .items = { .c = c }, .table = ctl_table(c, heads) };
	int code;

	(void)args;
	if (!k.table)
		return CTL_UNREACHABLE;
	code = ctl_answers(c, ctl_request(c, "config"), NULL, take, &k);
	if (ctl_answered(code) && !c->json)
		table_print(k.table, stdout, c->colours);
	else if (ctl_answered(code) && ctl_remote(c))
		ctl_items_end(&k.items);
	table_free(k.table);
	return code;
}

const struct command command_config = {
	.name = "config",
	.args = "",
	.summary =
		"what the agent runs with: options, version, layout and sizes of its maps, what the kernel has",
	.text = "Options have the names that they have on the agent's command line, '-' where nothing was said. There are "
		"no secrets among them.",
	.examples = "config --node node1 -o yaml\tof one node, for a report\n",
	.run = run,
};

/* ---- version ------------------------------------------------------------------------------ */

static void take_version(void *ctx, struct json_object *line)
{
	struct json_object *o = json_object_new_object();

	if (*ctl_str(line, "node"))
		json_object_object_add(o, "node", json_object_get(ctl_get(line, "node")));
	json_object_object_add(o, "version", json_object_get(ctl_get(line, "version")));
	json_object_array_add(ctx, o);
}

static void print_version(struct json_object *agents)
{
	size_t i, n = ctl_length(agents);

	(void)printf("client  " BH_VERSION "\n");
	for (i = 0; i < n; i++) {
		struct json_object *o = json_object_array_get_idx(agents, i);
		const char *node = ctl_str(o, "node");

		(void)printf("agent   %s%s%s\n", ctl_str(o, "version"), *node ? " on " : "", node);
	}
}

/* Of the agents by `status`, because every version of them knows that. */
static int run_version(const struct ctl *c, char **args)
{
	struct json_object *o = json_object_new_object(), *agents = json_object_new_array();
	const int code = ctl_answers(c, ctl_request(c, "status"), NULL, take_version, agents);

	(void)args;
	json_object_object_add(o, "client", json_object_new_string(BH_VERSION));
	json_object_object_add(o, "agents", agents);
	if (c->json)
		ctl_print(c, o);
	else
		print_version(agents);
	json_object_put(o);
	return code;
}

const struct command command_version = {
	.name = "version",
	.args = "",
	.summary = "the versions of this program and of the agents",
	.text = "That of this program alone is told by --version, which asks nobody.",
	.run = run_version,
};
