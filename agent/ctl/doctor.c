/* SPDX-License-Identifier: Apache-2.0 */
/* bulkheadctl doctor: is all well on this node, or on all? */
#include "ctl/ctl.h"

#include <string.h>

enum health { HEALTHY, WARNING, FAULT };

static enum health health_of(struct json_object *item)
{
	const char *text = ctl_str(item, "health");

	return !strcmp(text, "ok") ? HEALTHY : !strcmp(text, "warning") ? WARNING : FAULT;
}

struct round {
	struct table *t;
	struct ctl_items items;
	enum health worst;
};

static void row(struct table *t, struct json_object *item)
{
	static const enum colour colours[] = { [HEALTHY] = GREEN, [WARNING] = YELLOW, [FAULT] = RED };
	const char *todo = ctl_str(item, "todo");

	table_add(t, ctl_str(item, "check"), BOLD);
	table_add(t, ctl_str(item, "health"), colours[health_of(item)]);
	table_fmt(t, PLAIN, "%s%s%s", ctl_str(item, "text"), *todo ? " -> " : "", todo);
}

static int take(void *ctx, struct json_object *item)
{
	struct round *r = ctx;

	if (health_of(item) > r->worst)
		r->worst = health_of(item);
	if (!r->t) {
		ctl_item(&r->items, item);
		return 0;
	}
	table_lead(r->t, ctl_str(item, "node"));
	row(r->t, item);
	return 0;
}

static int run(const struct ctl *c, char **args)
{
	static const char *const heads[] = { "CHECK", "HEALTH", "=WHAT -> WHAT TO DO", NULL };
	struct round r = { .items = { .c = c }, .t = c->json ? NULL : ctl_table(c, heads) };
	int code;

	(void)args;
	if (!c->json && !r.t)
		return CTL_UNREACHABLE;
	code = ctl_answers(c, ctl_request(c, "doctor"), take, NULL, &r);
	if (ctl_answered(code) && r.t)
		table_print(r.t, stdout, c->colours);
	else if (!r.t && (ctl_answered(code) || r.items.n))
		ctl_items_end(&r.items);
	table_free(r.t);
	if (!ctl_answered(code) || r.worst == HEALTHY)
		return code;
	return r.worst == FAULT ? CTL_NEGATIVE : CTL_WARNING;
}

const struct command command_doctor = {
	.name = "doctor",
	.args = "",
	.summary =
		"is all well: hooks, drift, pods without programs, watches, the CNI chain, the kernel; and what to do. Exits "
		"by the worst",
	.text = "One line a check: ok, warning or fault. A fault means that a pod may be reached by whom policy denies, or "
		"that changes are not enforced; a warning, that this may come.",
	.examples = "doctor\tone line a check, with what to do\n"
		    "doctor --all-nodes -o json\tfor a script\n",
	.exits = "1\ta fault\n5\ta warning, and no fault\n",
	.run = run,
};
