/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `doctor`: is all well with the agent of this node, and if not, what is to be done? One item a check, of
 * what others know: the hooks, the data plane, the sources, the chain, the kernel.
 */
#include "answers.h"

#include <json-c/json.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "agent.h"
#include "denials.h"
#include "endpoints.h"
#include "fill.h"
#include "health.h"
#include "jsonx.h"
#include "lock.h"
#include "oneway.h"
#include "opened.h"
#include "preflight.h"
#include "requests.h"
#include "selfcheck.h"
#include "unprotected.h"
#include "util/clock.h"
#include "util/scope.h"

#define QUIET_MS 300000 /* of a watch: bookmarks come about once a minute */

struct doctor {
	struct agent *a;
	struct api_conn *conn;
};

/* @todo: NULL where there is nothing to do. */
static void say(const struct doctor *d, const char *check, enum health health, const char *todo,
		const char *fmt, ...) __attribute__((format(printf, 5, 6)));
static void say(const struct doctor *d, const char *check, enum health health, const char *todo,
		const char *fmt, ...)
{
	static const char *const words[] = { "ok", "warning", "fault" };
	struct json_object *o = json_object_new_object();
	char text[600];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	jx_add_str(o, "check", check);
	jx_add_str(o, "health", words[health]);
	jx_add_str(o, "text", text);
	jx_add_str(o, "todo", health == HEALTHY ? NULL : todo);
	(void)api_send(d->conn, jx_item(o));
}

/* Behind how often something went wrong; "" if it never did. */
static const char *last_text(int64_t last_ms, char ret[32])
{
	const long long s = (long long)(clock_ms() - last_ms) / 1000;

	if (!last_ms)
		ret[0] = '\0';
	else if (s < 600)
		(void)snprintf(ret, 32, ", last %lld s ago", s);
	else
		(void)snprintf(ret, 32, ", last %lld min ago", s / 60);
	return ret;
}

/* ---- hooks ---------------------------------------------------------------------------------- */

struct hooks_seen {
	size_t first, behind, missing, clsact;
	char example[400]; /* of the worst */
};

static void look_at(const struct doctor *d, const struct endpoint *e, struct hooks_seen *seen)
{
	const struct hook h = { .pin_dir = d->a->opt.pin_dir, .key = e->key, .ifindex = e->ifindex };
	const struct endpoint_record *r = endpoints_record(d->a, &e->key);
	struct bh_err err = { "" };
	const int state = hook_check(&h, &err);

	seen->clsact += r && !strcmp(r->attach, "clsact");
	if (state == HOOK_FIRST) {
		seen->first++;
		return;
	}
	if (state > HOOK_MISSING ? !seen->behind && !seen->missing : !seen->missing)
		(void)snprintf(seen->example, sizeof(seen->example), "%s/%s: %.256s", e->ns, e->pod, err.msg);
	*(state > HOOK_MISSING ? &seen->behind : &seen->missing) += 1;
}

static void check_hooks(const struct doctor *d)
{
	struct hooks_seen seen = {};
	size_t i;

	for (i = 0; i < d->a->model->endpoints.n; i++)
		if (d->a->model->endpoints.v[i]->ifindex)
			look_at(d, d->a->model->endpoints.v[i], &seen);
	if (seen.missing)
		say(d, "hooks", FAULT,
		    "the agent puts them back within seconds; if they go again, find out who takes them off",
		    "at %zu pods a program is missing: %s", seen.missing, seen.example);
	else if (seen.behind)
		say(d, "hooks", FAULT,
		    "take that program off, or put it behind ours: it can let packets pass that policy denies",
		    "at %zu pods another program runs before ours: %s", seen.behind, seen.example);
	else
		say(d, "hooks", HEALTHY, NULL, "first at all %zu pods (%zu by tcx, %zu by clsact)",
		    seen.first, seen.first - seen.clsact, seen.clsact);
}

static void check_ways(const struct doctor *d)
{
	struct oneway o;

	oneway_look(d->a, &o);
	if (o.nothing_in || o.nothing_out)
		say(d, "both ways", WARNING,
		    "something takes packets past our program, and that way nothing is enforced: "
		    "docs/troubleshooting.md, 'Packets pass one program alone'",
		    "at %zu pods packets pass one of our programs alone (%zu: none to the pod, %zu: none from it): %s",
		    o.nothing_in + o.nothing_out, o.nothing_in, o.nothing_out, o.names);
	else
		say(d, "both ways", HEALTHY, NULL, "no pod whose packets pass one of our programs alone");
}

static void check_unprotected(const struct doctor *d)
{
	const size_t n = unprotected_count(d->a);

	if (n)
		say(d, "pods", FAULT, "'bulkheadctl endpoints --unprotected' names them and says why",
		    "%zu of this node's pods run without our programs", n);
	else
		say(d, "pods", HEALTHY, NULL, "all %zu run with our programs", d->a->model->endpoints.n);
}

/* ---- policy --------------------------------------------------------------------------------- */

static void check_policy(const struct doctor *d)
{
	const size_t odd = model_problems(d->a->model, NULL);
	struct reconcile_status s;

	reconcile_status(d->a->reconcile, &s);
	if (s.failing[0])
		say(d, "policy", FAULT, "what was in force before stays in force; mend what it names",
		    "the last change is not in force: %s", s.failing);
	else if (reconcile_wanted(d->a->reconcile) != reconcile_done(d->a->reconcile))
		say(d, "policy", HEALTHY, NULL, "a change is on its way");
	else
		say(d, "policy", HEALTHY, NULL, "in force; the last change took %.1f ms", s.last_ms);
	if (odd)
		say(d, "policies", WARNING, "'bulkheadctl policy list' says what",
		    "%zu of %zu hold something that is not understood", odd, d->a->model->policies.n);
	else
		say(d, "policies", HEALTHY, NULL, "all %zu are understood", d->a->model->policies.n);
}

static void check_pod_cidrs(const struct doctor *d)
{
	const struct model *m = d->a->model;

	if (podcidrs_missed(m))
		say(d, "pod ranges", WARNING, "set agent.podCIDRs (--pod-cidr)",
		    "no Node says spec.podCIDRs: to the policies with World or Cluster a pod not heard of yet is of the "
		    "World");
	else
		say(d, "pod ranges", HEALTHY, NULL, "spec.podCIDRs of %zu Nodes, %zu of --pod-cidr",
		    podcidrs_nodes(m), m->pod_cidrs.n);
}

static void check_open(const struct doctor *d)
{
	struct json_object *o = json_object_new_object(), *open = NULL;

	opened_add(o, d->a);
	if (json_object_object_get_ex(o, "open", &open) && open)
		say(d, "emergency", FAULT, "when it is over: bulkhead-agent node close",
		    "the node is OPEN: policy denies nothing");
	else
		say(d, "emergency", HEALTHY, NULL, "the node is closed: policy decides");
	json_object_put(o);
}

static void check_drift(const struct doctor *d)
{
	struct selfcheck_seen seen;
	char last[32];

	selfcheck_seen(d->a, &seen);
	if (seen.differ)
		say(d, "drift", health_of_last(seen.differed_ms, clock_ms(), FAULT),
		    "somebody has changed the pinned maps, or it is a bug: restart the agent and report it",
		    "%llu of %llu answers of the program differ from the tables%s: %s",
		    (unsigned long long)seen.differ, (unsigned long long)seen.asked,
		    last_text(seen.differed_ms, last), seen.last);
	else
		say(d, "drift", HEALTHY, NULL, "%llu answers of the program, as the tables say",
		    (unsigned long long)seen.asked);
}

/* ---- maps and events ------------------------------------------------------------------------ */

static void check_maps(const struct doctor *d)
{
	struct fill maps[FILL_MAPS];
	const struct fill *fullest;
	const char *todo;
	enum health health;

	fill_of(d->a, maps);
	health = health_of_fill(maps, FILL_MAPS, &fullest, &todo);
	say(d, "maps", health, todo, "the fullest is %s, with %.0f %%", fullest->map,
	    health_percent(fullest));
}

static void check_events(const struct doctor *d)
{
	int64_t last_ms;
	const uint64_t lost = denials_lost(d->a, &last_ms);
	char last[32];

	say(d, "reports", health_of_last(last_ms, clock_ms(), WARNING),
	    "'bulkheadctl top peers' names who is denied so often", "%llu read, %llu lost for want of room%s",
	    (unsigned long long)denials_read(d->a), (unsigned long long)lost, last_text(last_ms, last));
}

/* ---- sources -------------------------------------------------------------------------------- */

static void say_part(const struct doctor *d, const struct source_part *p)
{
	char check[100];

	(void)snprintf(check, sizeof(check), "watch: %s", p->name);
	if (!p->synced)
		say(d, check, FAULT,
		    "until it is complete nothing that was in force before is changed; is the API server there, and may "
		    "the agent list and watch these?",
		    "has not been complete yet: %s%s%s", p->state, *p->trouble ? ", " : "", p->trouble);
	else if (*p->trouble)
		say(d, check, WARNING, "is the API server there, and may the agent list and watch these?",
		    "%s: %s", p->state, p->trouble);
	else if (p->quiet_ms > QUIET_MS)
		say(d, check, WARNING, "the API server has not said a word for so long: is it there?",
		    "%s, silent for %lld s", p->state, (long long)(p->quiet_ms / 1000));
	else
		say(d, check, HEALTHY, NULL, "%s, last word %lld s ago", p->state,
		    (long long)(p->quiet_ms / 1000));
}

static void check_source(const struct doctor *d)
{
	struct source_part part;
	struct bh_err err = { "" };
	size_t i;
	int r;

	for (i = 0; source_part(d->a->source, i, &part); i++)
		say_part(d, &part);
	if (i)
		return;
	r = source_ready(d->a->source, &err);
	say(d, "source", r < 0 ? FAULT : HEALTHY, "mend that file: until then nothing of it is in force",
	    "%s%s%s", d->a->opt.source, r < 0 ? ": " : "", r < 0 ? err.msg : "");
}

/* ---- the node ------------------------------------------------------------------------------- */

static void check_chain(const struct doctor *d)
{
	struct chain_status st;
	char last[32];

	if (!d->a->chain) {
		say(d, "CNI chain", HEALTHY, NULL, "not this agent's business");
		return;
	}
	chain_status(d->a->chain, &st);
	if (!st.chained)
		say(d, "CNI chain", FAULT,
		    "new pods are taken in late, without the plugin: mend what it names",
		    "we are not in it: %s", st.why);
	else
		say(d, "CNI chain", health_of_last(st.taken_ms, clock_ms(), WARNING),
		    "somebody takes us out: find out who writes that file",
		    "in %s, behind %s%s%s; taken out %llu times%s", st.file,
		    *st.main_type ? st.main_type : "?", *st.network ? ", network " : "", st.network,
		    (unsigned long long)st.taken_out, last_text(st.taken_ms, last));
}

static void take_preflight(void *ctx, enum preflight_level level, const char *check, const char *text)
{
	say(ctx, check,
	    level == PREFLIGHT_OK     ? HEALTHY
	    : level == PREFLIGHT_WARN ? WARNING
				      : FAULT,
	    "see docs/preflight.md", "%s", text);
}

/* What a node that is to be protected is asked before it is. */
static void check_node(struct doctor *d)
{
	struct preflight p = { .conf_dir = d->a->opt.chain.conf_dir,
			       .bin_dir = d->a->opt.chain.bin_dir,
			       .pin_dir = d->a->opt.pin_dir,
			       .run_dir = d->a->opt.run_dir,
			       .say = take_preflight,
			       .ctx = d,
			       .no_tcx = !hook_has_tcx(dp_prog_fd(d->a->dp, BH_EGRESS)) };

	preflight_system(&p);
	if (p.conf_dir)
		preflight_network(&p);
}

static void check_agent(const struct doctor *d)
{
	const uint64_t up_s = (clock_ns() - d->a->start_ns) / 1000000000u;

	say(d, "agent", HEALTHY, NULL, BH_VERSION ", up %llu s%s", (unsigned long long)up_s,
	    lock_is_waited_for(d->a->lock) ? "; another one waits to take over" : "");
}

void answer_doctor(struct agent *a, struct api_conn *conn, struct json_object *request)
{
	struct doctor d = { .a = a, .conn = conn };

	(void)request;
	check_agent(&d);
	check_open(&d);
	check_policy(&d);
	check_pod_cidrs(&d);
	check_unprotected(&d);
	check_hooks(&d);
	check_ways(&d);
	check_drift(&d);
	check_maps(&d);
	check_events(&d);
	check_source(&d);
	check_chain(&d);
	check_node(&d);
	(void)api_send(conn, jx_done());
}
