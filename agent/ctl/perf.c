/* SPDX-License-Identifier: Apache-2.0 */
/* bulkheadctl perf: what goes through the programs, what it costs, and whether that is good. */
#include "ctl/ctl.h"

#include <string.h>

#include "ctl/judge.h"

#define INTERVAL_MS 1000  /* the agent's, where none is asked for */
#define OVERDUE	    3	  /* so many intervals without a word, and */
#define SLACK_MS    10000 /* what a busy node may need, are an agent that stands still */

struct perf {
	const struct ctl *c;
	struct perf_setup setup;
	struct perf_sample first, last;
	bool head, begun;
	const char *cost_why; /* it could not be measured; of the head, which is kept */
	struct json_object *kept, *intervals;
};

/* ---- reading ------------------------------------------------------------------------------ */

static double number(struct json_object *o, const char *name)
{
	return json_object_get_double(ctl_get(o, name));
}

static struct perf_sample sample_of(struct json_object *o)
{
	return (struct perf_sample){ .at_ms = number(o, "at_ms"),
				     .hits = ctl_int(o, "hits"),
				     .allowed = ctl_int(o, "allowed"),
				     .denied = ctl_int(o, "denied"),
				     .opened = ctl_int(o, "opened"),
				     .redecided = ctl_int(o, "redecided"),
				     .evicted = ctl_int(o, "evicted"),
				     .runs = ctl_int(o, "runs"),
				     .run_ns = ctl_int(o, "run_ns"),
				     .sessions = ctl_int(o, "sessions") };
}

static struct perf_setup setup_of(const struct ctl *c, struct json_object *head)
{
	struct json_object *cost = ctl_get(head, "cost");

	return (struct perf_setup){ .cpus = ctl_int(head, "cpus"),
				    .one = c->pod || c->interface,
				    .run_stats = ctl_bool(head, "run_stats"),
				    .jited = ctl_bool(head, "jited"),
				    .cost = cost,
				    .hot_ns = cost ? number(cost, "hot_ns") : 0,
				    .allowed_ns = cost ? number(cost, "allowed_ns") : 0,
				    .denied_ns = cost ? number(cost, "denied_ns") : 0 };
}

/* ---- text --------------------------------------------------------------------------------- */

static void print_head(const struct perf *p)
{
	const struct ctl *c = p->c;

	(void)printf("%s, %llu cores; cost of a packet: %s\n",
		     c->interface ? c->interface : c->pod ? c->pod : "all pods of this node",
		     (unsigned long long)p->setup.cpus,
		     p->setup.run_stats ? "the kernel's run-time statistics, of all pods"
		     : p->setup.cost	? "by test runs (the kernel's statistics want CAP_SYS_ADMIN)"
					: "not known");
	if (!p->setup.cost)
		(void)printf("no test runs: %s\n", p->cost_why);
	(void)printf("%s%9s %12s %11s %11s %9s %9s %9s %9s %10s %8s%s\n", colour_code(c->colours, BOLD), "AT",
		     "PACKETS/S", "PACKETS", "ALLOWED", "DENIED", "SESSIONS", "NEW", "HIT RATE", "A PACKET",
		     "CPU", colour_code(c->colours, PLAIN));
}

static const char *percent(double share, char ret[16])
{
	if (share < 0)
		return "-";
	(void)snprintf(ret, 16, "%.2f %%", share * 100);
	return ret;
}

static void print_span(const char *at, const struct perf_span *s)
{
	char rate[16], node[16], cost[24];

	(void)printf("%9s %12.0f %11llu %11llu %9llu %9llu %9llu %9s %10s %8s\n", at, s->packets_s,
		     (unsigned long long)s->packets, (unsigned long long)s->allowed,
		     (unsigned long long)s->denied, (unsigned long long)s->sessions,
		     (unsigned long long)s->opened, percent(s->hit_rate, rate),
		     s->packet_ns < 0 ? "-" : perf_time_text(s->packet_ns, cost), percent(s->node, node));
}

static void print_costs(const struct perf_setup *s, const struct perf_span *all)
{
	char hot[24], allowed[24], denied[24], cold[24];

	if (!s->cost)
		return;
	(void)printf("by test runs: hot %s, first packet allowed %s, denied %s",
		     perf_time_text(s->hot_ns, hot),
		     s->allowed_ns > 0 ? perf_time_text(s->allowed_ns, allowed) : "-",
		     s->denied_ns > 0 ? perf_time_text(s->denied_ns, denied) : "-");
	if (all->cold_ns >= 0)
		(void)printf("; cold ones in the statistics %s", perf_time_text(all->cold_ns, cold));
	(void)putchar('\n');
}

static void print_verdicts(const struct ctl *c, const struct perf_verdict *v)
{
	static const char *const heads[] = { "TARGET", "", "MEASURED", "VERDICT", NULL };
	struct table *t = table_new(heads);
	size_t i;

	for (i = 0; t && i < PERF_TARGETS; i++) {
		table_add(t, v[i].name, PLAIN);
		table_add(t, v[i].target, PLAIN);
		table_add(t, v[i].value, PLAIN);
		table_add(t,
			  !v[i].known ? "not known"
			  : v[i].met  ? "met"
				      : "MISSED",
			  !v[i].known ? YELLOW
			  : v[i].met  ? GREEN
				      : RED);
	}
	if (t)
		table_print(t, stdout, c->colours);
	table_free(t);
	for (i = 0; i < PERF_TARGETS; i++)
		if (v[i].advice[0])
			(void)printf("\n%s: %s\n", v[i].name, v[i].advice);
}

/* ---- JSON --------------------------------------------------------------------------------- */

static void add_int(struct json_object *o, const char *name, uint64_t v)
{
	(void)json_object_object_add(o, name, json_object_new_uint64(v));
}

static void add_real(struct json_object *o, const char *name, double v)
{
	char text[32];

	(void)snprintf(text, sizeof(text), "%.6g", v);
	(void)json_object_object_add(o, name, v < 0 ? NULL : json_object_new_double_s(v, text));
}

static struct json_object *span_json(double at_ms, const struct perf_span *s)
{
	struct json_object *o = json_object_new_object();

	add_real(o, "at_s", at_ms / 1000);
	add_real(o, "seconds", s->seconds);
	add_int(o, "packets", s->packets);
	add_int(o, "allowed", s->allowed);
	add_int(o, "denied", s->denied);
	add_int(o, "hits", s->hits);
	add_int(o, "sessions", s->sessions);
	add_int(o, "new_sessions", s->opened);
	add_int(o, "redecided", s->redecided);
	add_int(o, "evicted", s->evicted);
	add_real(o, "packets_s", s->packets_s);
	add_real(o, "hit_rate", s->hit_rate);
	add_real(o, "packet_ns", s->packet_ns);
	add_real(o, "cold_ns", s->cold_ns);
	add_real(o, "core_packets_s", s->core_packets);
	add_real(o, "cpu_node", s->node);
	add_real(o, "cpu_core", s->core);
	return o;
}

static struct json_object *verdicts_json(const struct perf_verdict *v)
{
	struct json_object *list = json_object_new_array(), *o;
	size_t i;

	for (i = 0; i < PERF_TARGETS; i++) {
		o = json_object_new_object();
		(void)json_object_object_add(o, "name", json_object_new_string(v[i].name));
		(void)json_object_object_add(o, "target", json_object_new_string(v[i].target));
		(void)json_object_object_add(o, "measured", json_object_new_string(v[i].value));
		(void)json_object_object_add(o, "met", v[i].known ? json_object_new_boolean(v[i].met) : NULL);
		(void)json_object_object_add(o, "advice",
					     v[i].advice[0] ? json_object_new_string(v[i].advice) : NULL);
		(void)json_object_array_add(list, o);
	}
	return list;
}

static void print_json(struct perf *p, const struct perf_span *all, const struct perf_verdict *v)
{
	struct json_object *o = json_object_get(p->kept);

	(void)json_object_object_add(o, "intervals", json_object_get(p->intervals));
	(void)json_object_object_add(o, "total", span_json(p->last.at_ms, all));
	(void)json_object_object_add(o, "verdicts", verdicts_json(v));
	ctl_print(p->c, o);
	json_object_put(o);
}

/* ---- the command -------------------------------------------------------------------------- */

static int take(void *ctx, struct json_object *item)
{
	struct perf *p = ctx;
	struct perf_sample now;
	struct perf_span span;
	char at[16];

	if (!p->head) {
		p->head = true;
		p->kept = json_object_get(item);
		p->setup = setup_of(p->c, item);
		p->cost_why = ctl_str(item, "cost_why");
		if (!p->c->json)
			print_head(p);
		return 0;
	}
	now = sample_of(item);
	span = perf_between(&p->last, &now, &p->setup);
	if (!p->begun)
		p->first = now;
	else if (p->c->json)
		(void)json_object_array_add(p->intervals, span_json(now.at_ms, &span));
	else
		(void)snprintf(at, sizeof(at), "%.1f s", now.at_ms / 1000), print_span(at, &span);
	(void)fflush(stdout);
	p->last = now;
	p->begun = true;
	return 0;
}

static int conclude(struct perf *p)
{
	const struct perf_span all = perf_between(&p->first, &p->last, &p->setup);
	struct perf_verdict v[PERF_TARGETS];
	bool missed = false;
	size_t i;

	perf_judge(&all, &p->setup, v);
	for (i = 0; i < PERF_TARGETS; i++)
		missed |= v[i].known && !v[i].met;
	if (p->c->json) {
		print_json(p, &all, v);
	} else {
		print_span("all", &all);
		(void)putchar('\n');
		print_costs(&p->setup, &all);
		print_verdicts(p->c, v);
	}
	return missed ? CTL_NEGATIVE : CTL_OK;
}

static int run(const struct ctl *c, char **args)
{
	struct perf p = { .c = c, .intervals = json_object_new_array() };
	struct json_object *request = ctl_request(c, "perf"), *last = NULL;
	struct ctl patient = *c;
	int code;

	(void)args;
	patient.follow = true; /* for as long as it takes */
	patient.one_node = true;
	patient.silent_ms = OVERDUE * (c->interval_ms ? c->interval_ms : INTERVAL_MS) + SLACK_MS;
	patient.one_run = true; /* another process counts from another beginning */
	if (c->interface)
		json_object_object_add(request, "interface", json_object_new_string(c->interface));
	if (c->interval_ms)
		json_object_object_add(request, "interval_ms", json_object_new_uint64(c->interval_ms));
	if (c->duration_ms)
		json_object_object_add(request, "duration_ms", json_object_new_uint64(c->duration_ms));
	code = ctl_call(&patient, request, take, &p, &last);
	if (ctl_answered(code) && p.begun)
		code = conclude(&p);
	else if (code == CTL_UNREACHABLE && p.head)
		ctl_say("the agent ended meanwhile, or stands still, or the way to it has gone: ask again");
	json_object_put(last);
	json_object_put(p.kept);
	json_object_put(p.intervals);
	return code;
}

const struct command command_perf = {
	.name = "perf",
	.args = "",
	.summary = "packets, sessions, hit rate, what a packet costs, and whether the targets are met",
	.options = OPT_POD | OPT_INTERFACE | OPT_DURATION | OPT_INTERVAL,
	.text = "A line for each interval, all of it after the duration, then five targets and, where one is missed, "
		"advice. Each packet costs some 20 ns more meanwhile.",
	.examples = "perf --pod shop/db --duration 60 --interval 10\tof one pod, for a minute\n",
	.exits = "1\ta target is missed\n",
	.run = run,
};
