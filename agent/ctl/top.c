/* SPDX-License-Identifier: Apache-2.0 */
/* bulkheadctl top: which pods, rules or denied peers move most? */
#include "ctl/top.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "ctl/ctl.h"
#include "util/clock.h"
#include "util/date.h"
#include "util/scope.h"

#define INTERVAL_MS 2000
#define ROWS	    20 /* where nobody says how high the terminal is */
#define AROUND	    5  /* lines of a screen that are not rows */

/* ---- what is counted ------------------------------------------------------------------------ */

static void add_int(struct json_object *o, const char *name, uint64_t value)
{
	json_object_object_add(o, name, json_object_new_uint64(value));
}

/* All that its hooks saw, and of it what they denied. */
static bool flatten_pod(struct json_object *item, struct json_object *flat)
{
	struct json_object *reasons = ctl_get(item, "reasons"), *sessions = ctl_get(item, "sessions"), *one;
	uint64_t in = 0, out = 0, denied = 0;
	char name[600];
	size_t i;

	(void)snprintf(name, sizeof(name), "%s/%s", ctl_str(item, "namespace"), ctl_str(item, "name"));
	for (i = 0; reasons && i < ctl_length(reasons); i++) {
		one = json_object_array_get_idx(reasons, i);
		in += ctl_int(one, "packets_in");
		out += ctl_int(one, "packets_out");
		if (!strcmp(ctl_str(one, "action"), "deny"))
			denied += ctl_int(one, "packets_in") + ctl_int(one, "packets_out");
	}
	json_object_object_add(flat, "name", json_object_new_string(name));
	add_int(flat, "packets", in + out);
	add_int(flat, "packets_in", in);
	add_int(flat, "packets_out", out);
	add_int(flat, "denied", denied);
	add_int(flat, "bytes", ctl_int(item, "session_bytes_in") + ctl_int(item, "session_bytes_out"));
	add_int(flat, "new_sessions", ctl_int(sessions, "opened"));
	add_int(flat, "sessions",
		ctl_int(ctl_get(sessions, "ipv4"), "used") + ctl_int(ctl_get(sessions, "ipv6"), "used"));
	return true;
}

static bool flatten_rule(struct json_object *item, struct json_object *flat)
{
	static const char *const fields[] = { "hits", "packets", "bytes", "sessions" };
	size_t i;

	json_object_object_add(flat, "name", json_object_new_string(ctl_str(item, "rule")));
	for (i = 0; i < ARRAY_SIZE(fields); i++)
		add_int(flat, fields[i], ctl_int(item, fields[i]));
	return true;
}

/* A report of a denial: who was at the other end of which pod's hook, and for which port. */
static bool flatten_denial(struct json_object *item, struct json_object *flat)
{
	const bool in = !strcmp(ctl_str(item, "direction"), "ingress");
	const char *peer = ctl_str(item, in ? "src_name" : "dst_name"), *proto = ctl_str(item, "proto");
	const uint64_t port = ctl_int(item, "dst_port");
	char name[1200];
	int len;

	if (strcmp(ctl_str(item, "verdict"), "denied"))
		return false;
	if (!*peer)
		peer = ctl_str(item, in ? "src" : "dst");
	len = snprintf(name, sizeof(name), "%s %s %s, %s", peer, in ? "->" : "<-", ctl_str(item, "pod"),
		       proto);
	if (port && len > 0 && (size_t)len < sizeof(name))
		(void)snprintf(name + len, sizeof(name) - (size_t)len, " %llu", (unsigned long long)port);
	json_object_object_add(flat, "name", json_object_new_string(name));
	add_int(flat, "reports", 1);
	return true;
}

#define LIST(...)                                                                                            \
	(const char *const[])                                                                                \
	{                                                                                                    \
		__VA_ARGS__, NULL                                                                            \
	}

static const char *const none[] = { NULL };

static const struct top_kind kinds[] = {
	{ "pods", "endpoints", "no packet to a pod or from one",
	  LIST("POD", ">PACKETS/S", ">TO IT", ">FROM IT", ">BYTES/S", ">DENIED/S", ">NEW/S", ">SESSIONS"),
	  LIST("packets", "packets_in", "packets_out", "bytes", "denied", "new_sessions"), LIST("sessions"),
	  flatten_pod },
	{ "rules", "rules", "no rule was hit, and no packet of a session that one allowed",
	  LIST("RULE", ">PACKETS/S", ">BYTES/S", ">HITS/S", ">SESSIONS"), LIST("packets", "bytes", "hits"),
	  LIST("sessions"), flatten_rule },
	{ "peers", "flows", "no denial was reported", LIST("DENIED", ">REPORTS/S"), LIST("reports"), none,
	  flatten_denial },
};

const struct top_kind *top_kind(const char *name)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(kinds); i++)
		if (!strcmp(kinds[i].name, name))
			return &kinds[i];
	return NULL;
}

static void add_up(const char *const *fields, struct json_object *to, struct json_object *from)
{
	for (; *fields; fields++)
		add_int(to, *fields, ctl_int(to, *fields) + ctl_int(from, *fields));
}

void top_take(const struct top_kind *k, struct json_object *sample, struct json_object *item)
{
	struct json_object *flat = json_object_new_object(), *found;
	char key[2048];

	if (!k->flatten(item, flat)) {
		json_object_put(flat);
		return;
	}
	(void)snprintf(key, sizeof(key), "%s\n%s", ctl_str(item, "node"), ctl_str(flat, "name"));
	if (*ctl_str(item, "node"))
		json_object_object_add(flat, "node", json_object_get(ctl_get(item, "node")));
	found = ctl_get(sample, key);
	if (!found) {
		json_object_object_add(sample, key, flat);
		return;
	}
	add_up(k->rates, found, flat);
	add_up(k->now, found, flat);
	json_object_put(flat);
}

/* ---- between two samples -------------------------------------------------------------------- */

/* A counter that is smaller than it was began anew. */
static double rate(struct json_object *from, struct json_object *to, const char *field, double seconds)
{
	const uint64_t was = ctl_int(from, field), is = ctl_int(to, field);

	return (double)(is >= was ? is - was : is) / (seconds > 0 ? seconds : 1);
}

static struct json_object *between(const struct top_kind *k, struct json_object *from, struct json_object *to,
				   double seconds, double *ret_moved)
{
	struct json_object *o = json_object_new_object();
	const char *const *field;
	double r;

	*ret_moved = 0;
	if (*ctl_str(to, "node"))
		json_object_object_add(o, "node", json_object_get(ctl_get(to, "node")));
	json_object_object_add(o, "name", json_object_get(ctl_get(to, "name")));
	for (field = k->rates; *field; field++) {
		char name[40];

		r = rate(from, to, *field, seconds);
		*ret_moved += r;
		(void)snprintf(name, sizeof(name), "%s_s", *field);
		json_object_object_add(o, name, json_object_new_double(r));
	}
	for (field = k->now; *field; field++)
		json_object_object_add(o, *field, json_object_get(ctl_get(to, *field)));
	return o;
}

static const char *sorted_by; /* json_object_array_sort() has no context */

static int rate_cmp(const void *a, const void *b)
{
	struct json_object *x = *(struct json_object *const *)a, *y = *(struct json_object *const *)b;
	const double p = json_object_get_double(ctl_get(x, sorted_by));
	const double q = json_object_get_double(ctl_get(y, sorted_by));

	if (p != q)
		return p < q ? 1 : -1;
	return strcmp(ctl_str(x, "name"), ctl_str(y, "name"));
}

struct json_object *top_between(const struct top_kind *k, struct json_object *from, struct json_object *to,
				double seconds)
{
	struct json_object *list = json_object_new_array(), *o;
	char field[40];
	double moved;

	json_object_object_foreach(to, key, item) {
		o = between(k, ctl_get(from, key), item, seconds, &moved);
		if (moved > 0)
			(void)json_object_array_add(list, o);
		else
			json_object_put(o);
	}
	(void)snprintf(field, sizeof(field), "%s_s", k->rates[0]);
	sorted_by = field;
	json_object_array_sort(list, rate_cmp);
	sorted_by = NULL;
	return list;
}

/* ---- the command ---------------------------------------------------------------------------- */

struct sampling {
	const struct top_kind *kind;
	struct json_object *sample;
	char since[DATE_TEXT]; /* reports are those from then on; "": there is no such thing */
};

static int take(void *ctx, struct json_object *item)
{
	struct sampling *s = ctx;

	if (!*s->since || strcmp(ctl_str(item, "time"), s->since) >= 0)
		top_take(s->kind, s->sample, item);
	return 0;
}

static size_t rows_of_screen(void)
{
	struct winsize w = {};

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) < 0 || w.ws_row <= AROUND)
		return ROWS;
	return w.ws_row - (size_t)AROUND;
}

static void add_row(struct table *t, const struct top_kind *k, struct json_object *o)
{
	const char *const *field;
	char name[40];

	table_lead(t, ctl_str(o, "node"));
	table_add(t, ctl_str(o, "name"), BOLD);
	for (field = k->rates; *field; field++) {
		(void)snprintf(name, sizeof(name), "%s_s", *field);
		table_fmt(t, PLAIN, "%.1f", json_object_get_double(ctl_get(o, name)));
	}
	for (field = k->now; *field; field++)
		table_fmt(t, PLAIN, "%llu", (unsigned long long)ctl_int(o, *field));
}

static void print_table(const struct ctl *c, const struct top_kind *k, struct json_object *list, size_t rows)
{
	struct table *t = ctl_table(c, k->heads);
	size_t i, shown = 0;

	for (i = 0; t && i < ctl_length(list) && i < rows; i++)
		add_row(t, k, json_object_array_get_idx(list, i));
	if (t)
		shown = table_print_lines(t, stdout, c->colours, rows + 1);
	if (shown < ctl_length(list))
		(void)printf("... and %zu more\n", ctl_length(list) - shown);
	table_free(t);
}

static void sleep_ms(uint64_t ms)
{
	struct timespec t = { .tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000) * 1000000 };

	while (nanosleep(&t, &t) < 0)
		;
}

/* One sample after the interval. Reports are no counters: those of the interval are asked for at its end. */
static int sample(const struct ctl *c, struct sampling *s, uint64_t interval_ms)
{
	if (!strcmp(s->kind->op, "flows"))
		(void)date_now(3, s->since);
	sleep_ms(interval_ms);
	s->sample = json_object_new_object();
	return ctl_answers(c, ctl_request(c, s->kind->op), take, NULL, s);
}

/* Heads alone would leave it open whether it works. On a screen it is what is there now. */
static void say_none(const struct top_kind *k, uint64_t interval_ms, bool screen)
{
	char within[24];

	(void)ctl_duration(interval_ms, within);
	if (screen)
		(void)printf("%s within %s\n", k->none, within);
	else
		ctl_say("%s within %s", k->none, within);
}

static void show(const struct ctl *c, const struct top_kind *k, struct json_object *list,
		 uint64_t interval_ms, bool screen)
{
	if (c->json) {
		ctl_print(c, list);
		return;
	}
	if (screen)
		(void)printf("\033[H\033[J");
	if (ctl_length(list))
		print_table(c, k, list, screen ? rows_of_screen() : ROWS);
	else
		say_none(k, interval_ms, screen);
	(void)fflush(stdout);
}

static int rounds(const struct ctl *c, const struct top_kind *k, bool screen)
{
	const uint64_t interval_ms = c->interval_ms ? c->interval_ms : INTERVAL_MS;
	const bool reports = !strcmp(k->op, "flows");
	struct json_object *was = json_object_new_object(), *list;
	struct sampling s = { .kind = k };
	int64_t from_ms = clock_ms(), at_ms;
	int code = CTL_OK;

	if (!reports) {
		code = sample(c, &s, 0);
		json_object_put(was);
		was = s.sample;
	}
	while (ctl_answered(code)) {
		code = sample(c, &s, interval_ms);
		at_ms = clock_ms();
		list = top_between(k, was, s.sample, (double)(at_ms - from_ms) / 1000);
		if (ctl_answered(code))
			show(c, k, list, interval_ms, screen);
		json_object_put(list);
		if (reports) {
			json_object_put(s.sample);
		} else {
			json_object_put(was);
			was = s.sample;
		}
		from_ms = at_ms;
		if (!screen)
			break;
	}
	json_object_put(was);
	return code;
}

static int run(const struct ctl *c, char **args)
{
	const struct top_kind *k = top_kind(args[0]);

	if (!k) {
		ctl_say("top '%s': not one of pods, rules, peers", args[0]);
		return CTL_USAGE;
	}
	return rounds(c, k, !c->json && isatty(STDOUT_FILENO));
}

const struct command command_top = {
	.name = "top",
	.args = "pods|rules|peers",
	.summary =
		"which pods, rules, or denied peers move most; on a terminal again and again, until interrupted",
	.text = "Rates are by second, over the interval (--interval, default 2): on a terminal one screen after the other, else "
		"one alone. Pods count the packets at their hooks, rules those of their sessions, peers the reports of "
		"denials: a flow that is denied again and again is reported once in a while, and of each node the last "
		"1,024 reports are known.",
	.examples = "top pods\tthe busiest pods, every 2 seconds\n"
		    "top peers --interval 10 -o json\twho was denied within 10 seconds\n",
	.words = "pods rules peers",
	.options = OPT_INTERVAL,
	.nargs = 1,
	.run = run,
};
