/* SPDX-License-Identifier: Apache-2.0 */
/* bulkheadctl status: is it enforcing, and how full and how busy is it? */
#include "ctl/ctl.h"
#include "util/err.h"
#include "util/vec.h"

#define CIDRS_TOLD 3

static void print_state(const struct ctl *c, struct json_object *o)
{
	const char *failing = ctl_str(o, "failing");
	char text[512];

	if (*failing) {
		(void)snprintf(text, sizeof(text), "FAILING: %s; what was in force before stays", failing);
		ctl_line(c, "policy", RED, text);
	} else if (!ctl_bool(o, "in_force")) {
		ctl_line(c, "policy", YELLOW, "a change is being applied");
	} else {
		(void)snprintf(text, sizeof(text),
			       "in force; the last change took %.1f ms (%llu since the start)",
			       json_object_get_double(ctl_get(o, "last_change_ms")),
			       (unsigned long long)ctl_int(o, "changes"));
		ctl_line(c, "policy", GREEN, text);
	}
}

/* One line, and one for each watch that is in trouble. */
static void print_source(const struct ctl *c, struct json_object *o)
{
	struct json_object *list = ctl_get(o, "watches");
	const size_t n = ctl_length(list);
	size_t i, synced = 0;
	char text[512];

	for (i = 0; i < n; i++)
		synced += ctl_bool(json_object_array_get_idx(list, i), "synced");
	(void)snprintf(text, sizeof(text), n ? "%s; lists complete: %zu of %zu" : "%s", ctl_str(o, "source"),
		       synced, n);
	ctl_line(c, "source", synced < n ? YELLOW : PLAIN, text);
	for (i = 0; i < n; i++) {
		struct json_object *w = json_object_array_get_idx(list, i);

		if (!*ctl_str(w, "trouble"))
			continue;
		(void)snprintf(text, sizeof(text), "%s: %s", ctl_str(w, "name"), ctl_str(w, "trouble"));
		ctl_line(c, "", RED, text);
	}
}

static void print_watches(const struct ctl *c, struct json_object *list)
{
	static const char *const heads[] = { "WATCH",	"STATE",     ">LAST WORD", ">LISTS",
					     ">EVENTS", ">FAILURES", NULL };
	struct table *t = table_new(heads);
	const size_t n = ctl_length(list);
	char ago[24];
	size_t i;

	for (i = 0; t && i < n; i++) {
		struct json_object *w = json_object_array_get_idx(list, i);
		const bool synced = ctl_bool(w, "synced");

		table_add(t, ctl_str(w, "name"), PLAIN);
		table_add(t, ctl_str(w, "state"), synced ? PLAIN : YELLOW);
		table_add(t, ctl_get(w, "quiet_ms") ? ctl_duration(ctl_int(w, "quiet_ms"), ago) : "never",
			  PLAIN);
		table_fmt(t, PLAIN, "%llu", (unsigned long long)ctl_int(w, "lists"));
		table_fmt(t, PLAIN, "%llu", (unsigned long long)ctl_int(w, "events"));
		table_fmt(t, PLAIN, "%llu", (unsigned long long)ctl_int(w, "failures"));
	}
	if (t)
		table_print(t, stdout, c->colours);
	table_free(t);
}

/* "ambiguous: 2, no-veth: 1"; "nothing" if all are 0. */
static void count_reasons(struct json_object *o, char *ret, size_t size)
{
	size_t len = 0;

	ret[0] = '\0';
	if (!json_object_is_type(o, json_type_object))
		return;
	json_object_object_foreach(o, reason, n) {
		if (len < size && json_object_get_int(n))
			len += (size_t)snprintf(ret + len, size - len, "%s%s: %d", len ? ", " : "", reason,
						json_object_get_int(n));
	}
	if (!len)
		(void)snprintf(ret, size, "nothing");
	bh_text_clean(ret); /* names of fields, which ctl_clean() leaves */
}

static void print_numbers(const struct ctl *c, struct json_object *o)
{
	const uint64_t open = ctl_int(o, "unprotected"), displaced = ctl_int(o, "displaced"),
		       bad = ctl_int(o, "policies_with_problems");
	char text[1024], reasons[256];

	count_reasons(ctl_get(o, "unprotected_reasons"), reasons, sizeof(reasons));
	(void)snprintf(text, sizeof(text), "%llu here; %llu known, namespaces: %llu",
		       (unsigned long long)ctl_int(o, "endpoints"), (unsigned long long)ctl_int(o, "pods"),
		       (unsigned long long)ctl_int(o, "namespaces"));
	ctl_line(c, "pods", PLAIN, text);
	if (open) {
		(void)snprintf(text, sizeof(text),
			       "%llu pods run WITHOUT the programs (%s): see 'endpoints --unprotected'",
			       (unsigned long long)open, reasons);
		ctl_line(c, "", RED, text);
	}
	if (displaced) {
		(void)snprintf(
			text, sizeof(text),
			"%llu pods have another program before ours, which decides first, %s for one: take it off "
			"or put it behind ours; 'doctor' names it",
			(unsigned long long)displaced, ctl_str(o, "displaced_pod"));
		ctl_line(c, "", RED, text);
	}
	count_reasons(ctl_get(o, "healed"), reasons, sizeof(reasons));
	ctl_line(c, "healed", PLAIN, reasons);
	(void)snprintf(text, sizeof(text), "%llu", (unsigned long long)ctl_int(o, "policies"));
	ctl_line(c, "policies", PLAIN, text);
	if (bad) {
		(void)snprintf(text, sizeof(text),
			       "%llu hold something that is not understood, which is denied: %s%s",
			       (unsigned long long)bad, ctl_str(o, "problem"),
			       bad > 1 ? "; 'policy list' has all" : "");
		ctl_line(c, "", YELLOW, text);
	}
}

/* Where pods have their addresses; NULL: the agent is an older one. */
static void print_pod_cidrs(const struct ctl *c, struct json_object *o)
{
	struct json_object *option = ctl_get(o, "option");
	const size_t n = ctl_length(option), told = n < CIDRS_TOLD ? n : CIDRS_TOLD;
	char text[256];
	size_t i, len;

	if (!o)
		return;
	len = (size_t)snprintf(text, sizeof(text), "spec.podCIDRs of %llu Nodes%s",
			       (unsigned long long)ctl_int(o, "nodes"), n ? "; --pod-cidr" : "");
	for (i = 0; i < told; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s %.48s", i ? "," : "",
					json_object_get_string(json_object_array_get_idx(option, i)));
	if (told < n)
		len += (size_t)snprintf(text + len, sizeof(text) - len, " and %zu more", n - told);
	if (ctl_bool(o, "missed"))
		(void)snprintf(text + len, sizeof(text) - len,
			       ": World has pods not heard of yet; set --pod-cidr");
	ctl_line(c, "pod ranges", ctl_bool(o, "missed") ? YELLOW : PLAIN, text);
}

/* Absent where the agent does not see to it. */
static void print_chain(const struct ctl *c, struct json_object *o)
{
	struct json_object *chain = ctl_get(o, "chain");
	const uint64_t taken = chain ? ctl_int(chain, "taken_out") : 0;
	char text[1024];

	if (!chain)
		return;
	if (ctl_bool(chain, "chained"))
		(void)snprintf(text, sizeof(text), "network '%s', behind %s: %s", ctl_str(chain, "network"),
			       ctl_str(chain, "main_plugin"), ctl_str(chain, "file"));
	else
		(void)snprintf(text, sizeof(text), "NOT IN IT, new pods are not protected: %s",
			       ctl_str(chain, "why"));
	ctl_line(c, "chain", ctl_bool(chain, "chained") ? PLAIN : RED, text);
	if (!taken)
		return;
	(void)snprintf(text, sizeof(text), "others took it out %llu times; put back",
		       (unsigned long long)taken);
	ctl_line(c, "", YELLOW, text);
}

static void print_events(const struct ctl *c, struct json_object *o)
{
	const uint64_t lost = ctl_int(o, "events_lost");
	char text[128];

	(void)snprintf(text, sizeof(text), "%llu read, %llu lost, %llu throttled",
		       (unsigned long long)ctl_int(o, "events_read"), (unsigned long long)lost,
		       (unsigned long long)ctl_int(o, "events_throttled"));
	ctl_line(c, "reports", lost ? YELLOW : PLAIN, text);
}

/* Samples of what the program decides, held against the tables. */
static void print_self_check(const struct ctl *c, struct json_object *o)
{
	const uint64_t differ = ctl_int(o, "differ");
	char text[512];

	if (differ)
		(void)snprintf(text, sizeof(text),
			       "%llu of %llu answers DIFFER from the tables; the last: %s",
			       (unsigned long long)differ, (unsigned long long)ctl_int(o, "asked"),
			       ctl_str(o, "last"));
	else
		(void)snprintf(text, sizeof(text), "%llu answers of the program, as the tables say",
			       (unsigned long long)ctl_int(o, "asked"));
	ctl_line(c, "self-check", differ ? RED : PLAIN, text);
}

/* Events for the API server, as `kubectl get events` has them. */
static void print_posts(const struct ctl *c, struct json_object *o)
{
	const uint64_t lost = ctl_int(o, "lost");
	char text[128];

	(void)snprintf(text, sizeof(text), "%llu posted, %llu repeated, %llu waiting, %llu lost",
		       (unsigned long long)ctl_int(o, "posted"), (unsigned long long)ctl_int(o, "repeated"),
		       (unsigned long long)ctl_int(o, "waiting"), (unsigned long long)lost);
	ctl_line(c, "events", lost ? YELLOW : PLAIN, text);
}

/* Which policies are in force, as the cluster is told: docs/status.md. */
static void print_policy_status(const struct ctl *c, struct json_object *o)
{
	const bool refused = ctl_bool(o, "refused");
	const uint64_t silent = ctl_int(o, "silent");
	char text[160], quiet[48] = "";
	int len;

	if (silent)
		(void)snprintf(quiet, sizeof(quiet), ", %llu of them silent", (unsigned long long)silent);

	len = snprintf(text, sizeof(text), "%s",
		       refused		     ? "the API server refuses this node's: see the log"
		       : ctl_bool(o, "told") ? "told"
					     : "to be told");
	if (ctl_bool(o, "leads"))
		(void)snprintf(text + len, sizeof(text) - (size_t)len,
			       "; gathered here from %llu nodes%s, %llu policies to be told of",
			       (unsigned long long)ctl_int(o, "nodes"), quiet,
			       (unsigned long long)ctl_int(o, "unsaid"));
	ctl_line(c, "report", refused || silent ? YELLOW : PLAIN, text);
}

static enum colour colour_of_fill(uint64_t percent)
{
	if (percent >= 90)
		return RED;
	return percent >= 50 ? YELLOW : PLAIN;
}

static void print_maps(const struct ctl *c, struct json_object *list)
{
	static const char *const heads[] = { "MAP", ">USED", ">MAX", ">FILL", NULL };
	struct table *t = table_new(heads);
	size_t i, n = ctl_length(list);

	for (i = 0; t && i < n; i++) {
		struct json_object *m = json_object_array_get_idx(list, i);
		const uint64_t used = ctl_int(m, "used"), max = ctl_int(m, "max");
		const uint64_t fill = max ? used * 100 / max : 0;

		table_add(t, ctl_str(m, "map"), PLAIN);
		table_fmt(t, PLAIN, "%llu", (unsigned long long)used);
		table_fmt(t, PLAIN, "%llu", (unsigned long long)max);
		table_fmt(t, colour_of_fill(fill), "%llu%%", (unsigned long long)fill);
	}
	if (t)
		table_print(t, stdout, c->colours);
	table_free(t);
}

static void print_reasons(const struct ctl *c, struct json_object *list)
{
	static const char *const heads[] = { "PACKETS BY REASON", "ACTION", ">TO PODS", ">FROM PODS", NULL };
	struct table *t = table_new(heads);
	size_t i, n = ctl_length(list);

	for (i = 0; t && i < n; i++) {
		struct json_object *r = json_object_array_get_idx(list, i);
		const char *action = ctl_str(r, "action");

		table_add(t, ctl_str(r, "reason"), PLAIN);
		table_add(t, action, *action == 'a' ? GREEN : RED);
		table_fmt(t, PLAIN, "%llu", (unsigned long long)ctl_int(ctl_get(r, "ingress"), "packets"));
		table_fmt(t, PLAIN, "%llu", (unsigned long long)ctl_int(ctl_get(r, "egress"), "packets"));
	}
	if (t)
		table_print(t, stdout, c->colours);
	table_free(t);
}

static void print_text(const struct ctl *c, struct json_object *o)
{
	char text[512], up[24];

	if (ctl_get(o, "open")) {
		(void)snprintf(text, sizeof(text),
			       "OPEN %s; no policy is enforced (bulkhead-agent node close)",
			       ctl_str(ctl_get(o, "open"), "text"));
		ctl_line(c, "NODE", RED, text);
	}
	if (*ctl_str(o, "node"))
		ctl_line(c, "node", PLAIN, ctl_str(o, "node"));
	(void)snprintf(text, sizeof(text), "%s, pid %llu, up %s%s", ctl_str(o, "version"),
		       (unsigned long long)ctl_int(o, "pid"), ctl_duration(ctl_int(o, "uptime_s") * 1000, up),
		       ctl_bool(o, "standby_waits") ? "; a standby waits to take over" : "");
	ctl_line(c, "agent", PLAIN, text);
	print_source(c, o);
	ctl_line(c, "pins", PLAIN, ctl_str(o, "pin_dir"));
	print_state(c, o);
	print_chain(c, o);
	print_numbers(c, o);
	print_pod_cidrs(c, ctl_get(o, "pod_cidrs"));
	print_events(c, o);
	if (ctl_get(o, "self_check"))
		print_self_check(c, ctl_get(o, "self_check"));
	if (ctl_get(o, "posts"))
		print_posts(c, ctl_get(o, "posts"));
	if (ctl_get(o, "policy_status"))
		print_policy_status(c, ctl_get(o, "policy_status"));
	if (ctl_get(o, "watches")) {
		(void)putchar('\n');
		print_watches(c, ctl_get(o, "watches"));
	}
	if (ctl_get(o, "reasons")) {
		(void)putchar('\n');
		print_reasons(c, ctl_get(o, "reasons"));
	}
	if (ctl_get(o, "maps")) {
		(void)putchar('\n');
		print_maps(c, ctl_get(o, "maps"));
	}
}

/* ---- of several nodes --------------------------------------------------------------------- */

static void row(struct table *t, struct json_object *o)
{
	const uint64_t open = ctl_int(o, "unprotected"), lost = ctl_int(o, "events_lost"),
		       bad = ctl_int(o, "policies_with_problems");
	const char *failing = ctl_str(o, "failing");
	char up[24];

	table_add(t, ctl_str(o, "version"), PLAIN);
	table_add(t, ctl_duration(ctl_int(o, "uptime_s") * 1000, up), PLAIN);
	if (ctl_get(o, "open"))
		table_add(t, "NODE IS OPEN", RED);
	else if (*failing)
		table_fmt(t, RED, "FAILING: %s", failing);
	else
		table_add(t, ctl_bool(o, "in_force") ? "in force" : "changing",
			  ctl_bool(o, "in_force") ? GREEN : YELLOW);
	table_fmt(t, PLAIN, "%llu", (unsigned long long)ctl_int(o, "endpoints"));
	table_fmt(t, open ? RED : PLAIN, "%llu", (unsigned long long)open);
	table_fmt(t, PLAIN, "%llu", (unsigned long long)ctl_int(o, "policies"));
	table_fmt(t, bad ? YELLOW : PLAIN, "%llu", (unsigned long long)bad);
	table_fmt(t, lost ? YELLOW : PLAIN, "%llu", (unsigned long long)lost);
}

/* ---- the command -------------------------------------------------------------------------- */

struct answers {
	VEC(struct json_object *) v;
};

static void take(void *ctx, struct json_object *line)
{
	struct answers *a = ctx;
	struct json_object **slot = vec_add(&a->v);

	if (slot)
		*slot = json_object_get(line);
}

static void print_table(const struct ctl *c, const struct answers *a)
{
	static const char *const heads[] = { "VERSION",	  "UP",		  "POLICY",
					     ">PODS",	  ">UNPROTECTED", ">POLICIES",
					     ">TROUBLED", ">EVENTS LOST", NULL };
	struct table *t = ctl_table(c, heads);
	size_t i;

	for (i = 0; t && i < a->v.n; i++) {
		table_lead(t, ctl_str(a->v.v[i], "node"));
		row(t, a->v.v[i]);
	}
	if (t)
		table_print(t, stdout, c->colours);
	table_free(t);
}

static void print_all(const struct ctl *c, const struct answers *a)
{
	struct ctl_items items = { .c = c };
	size_t i;

	for (i = 0; i < a->v.n; i++)
		ctl_strip(a->v.v[i]);
	for (i = 0; c->json && ctl_remote(c) && i < a->v.n; i++)
		ctl_item(&items, a->v.v[i]);
	if (c->json && ctl_remote(c))
		ctl_items_end(&items);
	else if (c->json && a->v.n)
		ctl_print(c, a->v.v[0]);
	else if (a->v.n == 1)
		print_text(c, a->v.v[0]);
	else if (a->v.n)
		print_table(c, a);
}

static int run(const struct ctl *c, char **args)
{
	struct answers a = {};
	const int code = ctl_answers(c, ctl_request(c, "status"), NULL, take, &a);
	size_t i;

	(void)args;
	if (ctl_answered(code))
		print_all(c, &a);
	for (i = 0; i < a.v.n; i++)
		json_object_put(a.v.v[i]);
	vec_done(&a.v);
	return code;
}

const struct command command_status = {
	.name = "status",
	.args = "",
	.summary = "whether policy is in force, counters, how full the maps are",
	.examples = "status -o json\tthe same, and more, for programs\n",
	.run = run,
};
