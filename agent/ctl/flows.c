/* SPDX-License-Identifier: Apache-2.0 */
/* bulkheadctl flows: what was denied, audited or is to be logged, and live with -f. */
#include "ctl/flows.h"

#include <stdlib.h>
#include <string.h>

#include "ctl/ctl.h"
#include "ctl/explain.h"
#include "ctl/filter.h"
#include "util/date.h"
#include "util/err.h"
#include "util/scope.h"

/* "shop/web (10.0.0.2:4711)", or the address alone where nobody is known to have it. */
static void print_end(FILE *out, struct json_object *item, const char *addr, const char *port,
		      const char *name, bool colours)
{
	const char *who = ctl_str(item, name);
	char end[CTL_END_MAX];

	(void)ctl_end(ctl_str(item, addr), ctl_int(item, port), end);
	if (*who)
		(void)fprintf(out, "%s%s%s (%s)", colour_code(colours, BOLD), who,
			      colour_code(colours, PLAIN), end);
	else
		(void)fputs(end, out);
}

/* Why, for a person: the rule that said no, or the policies that isolate the pod. */
static void print_because(FILE *out, struct json_object *item)
{
	const char *rule = ctl_str(item, "rule"), *reason = ctl_str(item, "reason");
	char policies[400];

	(void)ctl_join(ctl_get(item, "policies"), policies, sizeof(policies));
	(void)fprintf(out, "%s", reason);
	if (*rule)
		(void)fprintf(out, ": rule %s", rule);
	else if (!strcmp(ctl_str(item, "verdict"), "allowed"))
		return;
	else if (*policies)
		(void)fprintf(out, ": %s is isolated for %s by %s", ctl_str(item, "pod"),
			      ctl_str(item, "direction"), policies);
}

/* HH:MM:SS.mmm of an RFC 3339 time of today; else the whole, for it may be days old. */
static const char *clock_of(const char *time, const char *today)
{
	const size_t len = strlen(today);

	return !strncmp(time, today, len) && time[len] == 'T' ? time + len + 1 : time;
}

/* "12:13:14.567Z ", and on which node, where there are several. */
static void print_when(FILE *out, struct json_object *item, const char *today, bool colours)
{
	const char *node = ctl_str(item, "node");

	(void)fprintf(out, "%s%s%s%s%s ", colour_code(colours, DIM), clock_of(ctl_str(item, "time"), today),
		      *node ? " " : "", node, colour_code(colours, PLAIN));
}

static void print_lost(FILE *out, struct json_object *item, bool colours)
{
	(void)fprintf(out, "%sLOST%s   %llu reports: %s\n", colour_code(colours, YELLOW),
		      colour_code(colours, PLAIN), (unsigned long long)ctl_int(item, "lost"),
		      ctl_bool(item, "away") ? "they came while the agent was away, or out of reach"
					     : "they came faster than the agent could read");
}

static void print_verdict(FILE *out, const char *verdict, bool colours)
{
	static const struct {
		const char *verdict, *word;
		enum colour colour;
	} all[] = {
		{ "allowed", "ALLOWED", GREEN },
		{ "audited", "AUDIT", YELLOW },
		{ "denied", "DENIED", RED },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(all) - 1; i++) /* of an agent that does not say it is denied */
		if (!strcmp(all[i].verdict, verdict))
			break;
	(void)fprintf(out, "%s%-7s%s", colour_code(colours, all[i].colour), all[i].word,
		      colour_code(colours, PLAIN));
}

void flows_print(FILE *out, struct json_object *item, const char *today, bool colours)
{
	print_when(out, item, today, colours);
	if (ctl_get(item, "lost")) {
		print_lost(out, item, colours);
		return;
	}
	print_verdict(out, ctl_str(item, "verdict"), colours);
	(void)fprintf(out, " %-7s ", ctl_str(item, "direction"));
	print_end(out, item, "src", "src_port", "src_name", colours);
	(void)fputs(" -> ", out);
	print_end(out, item, "dst", "dst_port", "dst_name", colours);
	(void)fprintf(out, " %s ", ctl_str(item, "proto"));
	if (ctl_get(item, "icmp_type"))
		(void)fprintf(out, "%llu/%llu ", (unsigned long long)ctl_int(item, "icmp_type"),
			      (unsigned long long)ctl_int(item, "icmp_code"));
	(void)fprintf(out, "%llu bytes: ", (unsigned long long)ctl_int(item, "len"));
	print_because(out, item);
	ctl_print_behind(out, item);
	(void)fputc('\n', out);
	explain_print_closest(out, item);
	if (ctl_bool(item, "closest_skipped"))
		(void)fprintf(out,
			      "          (closest rule not looked for: too many different flows at once; "
			      "'%s explain' says it of one)\n",
			      ctl_program);
}

struct asked {
	struct ctl_items items;
	struct filter filter;
	size_t known, taken;
};

/* Asked each time: -f goes on over midnight. */
static const char *today_of(char ret[DATE_TEXT])
{
	(void)date_now(0, ret);
	ret[strcspn(ret, "T")] = '\0';
	return ret;
}

static int take(void *ctx, struct json_object *item)
{
	struct asked *a = ctx;
	const struct ctl *c = a->items.c;
	char today[DATE_TEXT];

	a->known++;
	if (!filter_takes(&a->filter, item))
		return 0;
	a->taken++;
	if (c->json)
		ctl_item(&a->items, item);
	else
		flows_print(stdout, item, today_of(today), c->colours);
	if (c->follow)
		(void)fflush(stdout);
	return 0;
}

/* A slip in a name looks as if nothing were denied. */
static void say_none(const struct asked *a)
{
	if (a->taken)
		return;
	if (a->known)
		ctl_say("none of the %zu flows that are known is one of those asked for", a->known);
	else
		ctl_say("no flow is known that was denied, audited or to be logged");
}

static int run(const struct ctl *c, char **args)
{
	struct json_object *request;
	struct json_object *silent;
	struct ctl ordered = *c;
	struct asked a = { .items = { .c = c } };
	struct bh_err err;
	int code;

	(void)args;
	if (filter_read(c, &a.filter, &err) < 0)
		return ctl_say("%s", err.msg), CTL_USAGE;
	silent = json_object_new_object();
	code = known_ask(c, &a.filter, silent);
	if (code == CTL_UNREACHABLE && !json_object_object_length(silent)) {
		json_object_put(silent);
		return code;
	}
	ordered.unasked = silent; /* they are named by the answer that is asked for */
	ordered.by_time = true;
	ordered.pod = NULL; /* that may have gone since, or be elsewhere: the filter's business */
	request = ctl_request(&ordered, "flows");
	json_object_object_add(request, "follow", json_object_new_boolean(c->follow));
	json_object_object_add(request, "why", json_object_new_boolean(c->why));
	json_object_object_add(request, "lost", json_object_new_boolean(true));
	code = ctl_answers(&ordered, request, take, NULL, &a);
	if (c->json && (ctl_answered(code) || a.items.n))
		ctl_items_end(&a.items);
	else if (!c->json && !c->follow && ctl_answered(code))
		say_none(&a);
	json_object_put(silent);
	return code;
}

const struct command command_flows = {
	.name = "flows",
	.args = "",
	.summary =
		"denied, audited and logged flows, the last 1,024 of a node; -f: and those to come, until interrupted",
	.options = OPT_FOLLOW | OPT_POD | OPT_NAMESPACE | OPT_SINCE | OPT_FLOWS | OPT_WHY,
	.text = "A flow that is denied again and again is reported once in a while, not for every packet. Names are those "
		"at the time of the report; times are UTC, with the date where that is not today. Reports that came faster than the agent could read are a line of their own, "
		"with their number. -f goes on when an agent that has ended is back, says so on stderr, and repeats "
		"nothing.\n\n"
		"What is chosen has all that was asked for. A pod is one of the two ends, and the peer the other one, "
		"each by its name, its address or a block of them; a name without a namespace is of any. Where nobody has one "
		"of the names now that is said on stderr, with what is near, and it goes on.\n\n"
		"--why adds, to what was denied or audited, the rule that comes closest to accepting it and the field "
		"that fails, as 'explain' does: by policies and labels as they are now.",
	.examples =
		"flows -f\tas they happen\n"
		"flows --pod shop/db --peer 203.0.113.0/24 --port 5432/tcp\tbetween db and that network\n"
		"flows -f --why\tand what would have to be otherwise\n"
		"flows -n shop --since 5m --verdict denied --policy shop/lock-down\twhat that policy denied lately\n",
	.run = run,
};
