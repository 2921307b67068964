/* SPDX-License-Identifier: Apache-2.0 */
/* The CLI's short answers: status, endpoints, flows. */
#include "answers.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent.h"
#include "denials.h"
#include "endpoints.h"
#include "fill.h"
#include "find.h"
#include "jsonx.h"
#include "lock.h"
#include "names.h"
#include "opened.h"
#include "requests.h"
#include "sessions.h"
#include "selfcheck.h"
#include "standing.h"
#include "unprotected.h"
#include "util/clock.h"
#include "util/scope.h"

/* ---- status ------------------------------------------------------------------------------- */

static struct json_object *maps_of(const struct agent *a)
{
	struct json_object *list = json_object_new_array(), *o;
	struct fill maps[FILL_MAPS];
	size_t i;

	fill_of(a, maps);
	for (i = 0; i < FILL_MAPS; i++) {
		o = json_object_new_object();
		jx_add_str(o, "map", maps[i].map);
		jx_add_int(o, "used", maps[i].used);
		jx_add_int(o, "max", maps[i].max);
		(void)json_object_array_add(list, o);
	}
	return list;
}

static void add_counts(struct json_object *o, const struct bh_count *both)
{
	static const char *const names[] = { [BH_INGRESS] = "ingress", [BH_EGRESS] = "egress" };
	size_t dir;

	for (dir = 0; dir < ARRAY_SIZE(names); dir++) {
		struct json_object *c = json_object_new_object();

		jx_add_int(c, "packets", both[dir].packets);
		jx_add_int(c, "bytes", both[dir].bytes);
		jx_add(o, names[dir], c);
	}
}

/* Only what has happened. */
static struct json_object *reasons_of(const struct bh_count *stats)
{
	struct json_object *list = json_object_new_array(), *o;
	uint32_t i;

	for (i = 0; i < BH_REASON_MAX; i++) {
		if (!stats[i * 2].packets && !stats[i * 2 + 1].packets)
			continue;
		o = json_object_new_object();
		jx_add_str(o, "reason", names_reason(i));
		jx_add_str(o, "action", names_reason_allows(i) ? "allow" : "deny");
		add_counts(o, &stats[i * 2]);
		(void)json_object_array_add(list, o);
	}
	return list;
}

static uint64_t both(const struct bh_count *stats, uint32_t stat)
{
	return stats[stat * 2].packets + stats[stat * 2 + 1].packets;
}

static void add_stats(struct json_object *o, struct agent *a)
{
	struct bh_count stats[BH_STAT_MAX * 2];
	struct bh_err err;

	if (dp_stats(a->dp, stats, &err) < 0)
		return;
	jx_add(o, "reasons", reasons_of(stats));
	jx_add_int(o, "events_read", denials_read(a));
	jx_add_int(o, "events_lost", both(stats, BH_STAT_EVENT_LOST));
	jx_add_int(o, "events_throttled", both(stats, BH_STAT_EVENT_THROTTLED));
	jx_add_int(o, "sessions_failed", both(stats, BH_STAT_SESSION_FAILED));
	jx_add_int(o, "sessions_adopted", both(stats, BH_STAT_SESSION_ADOPTED));
	jx_add_int(o, "sessions_grace", both(stats, BH_STAT_SESSION_GRACE));
	jx_add_int(o, "sessions_redecided", both(stats, BH_STAT_SESSION_REDONE));
}

static void add_reconcile(struct json_object *o, const struct agent *a)
{
	struct reconcile_status s;

	reconcile_status(a->reconcile, &s);
	jx_add_int(o, "changes", s.plans);
	if (s.last_ms >= 0)
		jx_add_ms(o, "last_change_ms", s.last_ms);
	jx_add_bool(o, "in_force", reconcile_wanted(a->reconcile) == reconcile_done(a->reconcile));
	jx_add_str(o, "failing", s.failing[0] ? s.failing : NULL);
}

/* How many policies have some, and one of these with its first. */
static void add_problems(struct json_object *o, const struct model *m)
{
	const struct net_policy *one;
	const size_t n = model_problems(m, &one);
	char name[POLICY_TEXT], text[POLICY_TEXT + 512];

	if (one)
		(void)snprintf(text, sizeof(text), "%s: %s %s", net_policy_text(one, name),
			       one->problems.v[0].path, one->problems.v[0].text);
	jx_add_int(o, "policies_with_problems", n);
	jx_add_str(o, "problem", one ? text : NULL);
}

/* How many pods another program is before ours at, and one of them. */
static void add_displaced(struct json_object *o, const struct agent *a)
{
	const struct endpoint_record *r;
	const struct endpoint *one = NULL;
	char text[NAME_MAX_LEN];
	size_t i;

	for (i = 0; i < a->model->endpoints.n && !one; i++) {
		r = endpoints_record(a, &a->model->endpoints.v[i]->key);
		if (r && r->displaced)
			one = a->model->endpoints.v[i];
	}
	if (one)
		(void)snprintf(text, sizeof(text), "%s/%s", one->ns, one->pod);
	jx_add_int(o, "displaced", endpoints_displaced(a));
	jx_add_str(o, "displaced_pod", one ? text : NULL);
}

/* What the source follows, if it is several things. */
static void add_parts(struct json_object *o, const struct source *s)
{
	struct json_object *list = json_object_new_array();
	struct source_part part;
	size_t i;

	for (i = 0; source_part(s, i, &part); i++) {
		struct json_object *p = json_object_new_object();

		jx_add_str(p, "name", part.name);
		jx_add_str(p, "state", part.state);
		jx_add_bool(p, "synced", part.synced);
		if (part.quiet_ms >= 0)
			jx_add_int(p, "quiet_ms", (uint64_t)part.quiet_ms);
		jx_add_int(p, "lists", part.lists);
		jx_add_int(p, "events", part.events);
		jx_add_int(p, "failures", part.failures);
		jx_add_str(p, "trouble", *part.trouble ? part.trouble : NULL);
		(void)json_object_array_add(list, p);
	}
	if (i)
		jx_add(o, "watches", list);
	else
		json_object_put(list);
}

static void add_posts(struct json_object *o, const struct source *source)
{
	struct events_stats stats;
	struct json_object *p;

	if (!source_posts(source, &stats))
		return;
	p = json_object_new_object();
	jx_add_int(p, "posted", stats.posted);
	jx_add_int(p, "repeated", stats.repeated);
	jx_add_int(p, "waiting", stats.waiting);
	jx_add_int(p, "lost", stats.lost);
	jx_add(o, "posts", p);
}

static void add_chain(struct json_object *o, const struct agent *a)
{
	struct json_object *c = a->chain ? json_object_new_object() : NULL;
	struct chain_status st;

	if (!c)
		return;
	chain_status(a->chain, &st);
	jx_add_bool(c, "chained", st.chained);
	jx_add_str(c, "file", st.file);
	jx_add_str(c, "network", st.network);
	jx_add_str(c, "main_plugin", st.main_type);
	jx_add_str(c, "why", st.why);
	jx_add_int(c, "writes", st.writes);
	jx_add_int(c, "taken_out", st.taken_out);
	jx_add(o, "chain", c);
}

/* Where pods have their addresses: how many Nodes say theirs, and the option's. */
static struct json_object *pod_cidrs_of(const struct model *m)
{
	struct json_object *o = json_object_new_object(), *list = json_object_new_array();
	char text[ADDR_TEXT];
	size_t i;

	for (i = 0; i < m->pod_cidrs.n; i++)
		(void)json_object_array_add(list,
					    json_object_new_string(cidr_text(&m->pod_cidrs.v[i], text)));
	jx_add_int(o, "nodes", podcidrs_nodes(m));
	jx_add(o, "option", list);
	jx_add_bool(o, "missed", podcidrs_missed(m));
	return o;
}

static struct json_object *healed_of(const struct healed *h)
{
	struct json_object *o = json_object_new_object();

	jx_add_int(o, "adopted", h->adopted);
	jx_add_int(o, "hooks_restored", h->hooks);
	jx_add_int(o, "hooks_displaced", h->displaced);
	jx_add_int(o, "endpoints_gone", h->gone);
	jx_add_int(o, "interfaces_reused", h->interfaces);
	jx_add_int(o, "addresses_reused", h->addresses);
	jx_add_int(o, "dead_pins", h->pins);
	return o;
}

/* Of all endpoints since the start, and how long sessions may be silent, in seconds. */
static void add_sessions(struct json_object *o, const struct agent *a)
{
	const struct sessions_evicted evicted = sessions_evicted(a);
	struct json_object *timeouts = json_object_new_object();
	int i;

	jx_add_int(o, "sessions_evicted_unanswered", evicted.unanswered);
	jx_add_int(o, "sessions_evicted_answered", evicted.answered);
	for (i = 0; i < BH_LIFE_MAX; i++)
		jx_add_int(timeouts, timeouts_name(i), a->opt.timeouts.seconds[i]);
	jx_add(o, "session_timeouts", timeouts);
}

void answer_status(struct agent *a, struct api_conn *conn, struct json_object *request)
{
	struct json_object *o = jx_done();

	(void)request;
	jx_add_str(o, "version", BH_VERSION);
	jx_add_int(o, "pid", (uint64_t)getpid());
	jx_add_bool(o, "standby_waits", lock_is_waited_for(a->lock));
	opened_add(o, a);
	jx_add_str(o, "source", a->opt.source);
	add_parts(o, a->source);
	add_posts(o, a->source);
	jx_add_str(o, "run_dir", a->opt.run_dir);
	jx_add_str(o, "pin_dir", a->opt.pin_dir);
	jx_add_str(o, "attach", hook_mode_text(a->opt.attach));
	jx_add_int(o, "uptime_s", (clock_ns() - a->start_ns) / 1000000000u);
	jx_add_int(o, "endpoints", a->model->endpoints.n);
	jx_add_int(o, "unprotected", unprotected_count(a));
	jx_add(o, "unprotected_reasons", unprotected_reasons(a));
	add_displaced(o, a);
	jx_add(o, "healed", healed_of(endpoints_healed(a)));
	jx_add_int(o, "pods", a->model->pods.n);
	jx_add_int(o, "namespaces", a->model->namespaces.n);
	jx_add_int(o, "policies", a->model->policies.n);
	add_problems(o, a->model);
	jx_add(o, "pod_cidrs", pod_cidrs_of(a->model));
	add_reconcile(o, a);
	add_chain(o, a);
	jx_add(o, "maps", maps_of(a));
	add_stats(o, a);
	add_sessions(o, a);
	selfcheck_add(a, o);
	standing_add(a, o);
	(void)api_send(conn, o);
}

/* ---- endpoints ---------------------------------------------------------------------------- */

static void add_name(void *ctx, const char *policy)
{
	(void)json_object_array_add(ctx, json_object_new_string(policy));
}

static void add_policies(struct json_object *o, const struct inforce *f, const struct table_endpoint *ep)
{
	struct json_object *in = json_object_new_array(), *out = json_object_new_array();

	inforce_policies(f, ep, BH_INGRESS, false, add_name, in);
	inforce_policies(f, ep, BH_EGRESS, false, add_name, out);
	jx_add(o, "ingress_policies", in);
	jx_add(o, "egress_policies", out);
}

static void add_set(struct json_object *o, const struct inforce *f, const struct table_endpoint *ep)
{
	const struct table_set *s = ep && ep->set >= 0 ? &f->tables->sets.v[ep->set] : NULL;
	char hex[33];

	jx_add_bool(o, "known", s);
	jx_add_bool(o, "isolated_ingress", !s || s->isolated[BH_INGRESS]);
	jx_add_bool(o, "isolated_egress", !s || s->isolated[BH_EGRESS]);
	if (s) {
		hash128_hex(&s->hash, hex);
		hex[12] = '\0';
		jx_add_str(o, "policy_set", hex);
	}
	add_policies(o, f, ep);
}

static void add_epoch(struct json_object *o, const struct actual *x, uint32_t ifindex)
{
	size_t i;

	for (i = 0; i < BH_EP_SLOTS; i++)
		if (x->endpoints[i].ifindex == ifindex)
			jx_add_int(o, "epoch", x->endpoints[i].epoch);
}

static void add_use(struct json_object *o, struct agent *a, uint32_t slot, enum bh_family f)
{
	struct json_object *use = json_object_new_object();
	struct dp_slice_use u;
	struct bh_err err;

	if (!dp_slice_use(a->dp, slot, f, false, &u, &err)) {
		jx_add_int(use, "used", u.used);
		jx_add_int(use, "answered", u.live);
		jx_add_int(use, "size", u.lines);
	}
	jx_add(o, f == BH_V4 ? "ipv4" : "ipv6", use);
}

static void add_reason(struct json_object *list, uint32_t reason, uint64_t in, uint64_t out)
{
	struct json_object *o;

	if (!in && !out)
		return;
	o = json_object_new_object();
	jx_add_str(o, "reason", names_reason(reason));
	jx_add_str(o, "action", names_reason_allows(reason) ? "allow" : "deny");
	jx_add_int(o, "packets_in", in);
	jx_add_int(o, "packets_out", out);
	(void)json_object_array_add(list, o);
}

/* Since it came; its sessions' packets are counted apart from all others, with their bytes. */
static void add_reasons(struct json_object *o, const struct bh_ep_stat *stat)
{
	const struct bh_count *in = &stat->hot[BH_INGRESS], *out = &stat->hot[BH_EGRESS];
	struct json_object *list = json_object_new_array();
	uint32_t i;

	add_reason(list, BH_SESSION, in->packets, out->packets);
	for (i = 0; i < BH_REASON_MAX; i++)
		add_reason(list, i, stat->packets[i][BH_INGRESS], stat->packets[i][BH_EGRESS]);
	jx_add(o, "reasons", list);
	jx_add_int(o, "session_bytes_in", in->bytes);
	jx_add_int(o, "session_bytes_out", out->bytes);
}

/* Its sessions now, and those that had to make room since it came. */
static void add_slices(struct json_object *o, struct agent *a, uint32_t slot, const struct bh_ep_stat *stat)
{
	struct json_object *s = json_object_new_object();

	add_use(s, a, slot, BH_V4);
	add_use(s, a, slot, BH_V6);
	jx_add_int(s, "opened", stat->opened);
	jx_add_int(s, "redecided", stat->redone);
	jx_add_int(s, "evicted_unanswered", stat->evicted_new);
	jx_add_int(s, "evicted_answered", stat->evicted_live);
	jx_add(o, "sessions", s);
}

static void add_counted(struct json_object *o, struct agent *a, uint32_t ifindex)
{
	const int slot = dp_slot(a->dp, ifindex);
	struct bh_ep_stat stat;
	struct bh_err err;

	if (slot < 0 || dp_slot_stat(a->dp, (uint32_t)slot, &stat, &err) < 0) {
		jx_add(o, "sessions", json_object_new_object());
		return;
	}
	add_slices(o, a, (uint32_t)slot, &stat);
	add_reasons(o, &stat);
}

/* Its Pod's; none where that is not known. */
static void add_labels(struct json_object *o, const struct pod *p)
{
	struct json_object *labels = json_object_new_object();
	size_t i;

	for (i = 0; p && i < p->labels->n; i++)
		jx_add_str(labels, p->labels->at[i].key, p->labels->at[i].value);
	jx_add(o, "labels", labels);
}

static struct json_object *endpoint_item(struct agent *a, const struct endpoint *e)
{
	struct json_object *o = json_object_new_object(), *addrs = json_object_new_array();
	const struct inforce *f = reconcile_inforce(a->reconcile);
	const struct endpoint_record *r = endpoints_record(a, &e->key);
	char text[ADDR_TEXT];
	size_t i;

	jx_add_str(o, "namespace", e->ns);
	jx_add_str(o, "name", e->pod);
	add_labels(o, model_pod(a->model, e->ns, e->pod));
	for (i = 0; i < e->addrs.n; i++)
		(void)json_object_array_add(addrs, json_object_new_string(addr_text(&e->addrs.v[i], text)));
	jx_add(o, "addresses", addrs);
	jx_add_int(o, "ifindex", e->ifindex);
	jx_add_str(o, "network", e->network);
	jx_add_str(o, "container", e->container);
	jx_add_str(o, "ifname", e->ifname);
	jx_add_str(o, "attach", r ? r->attach : "");
	jx_add_bool(o, "adopted", r && r->adopted);
	jx_add_bool(o, "protected", r && !r->unprotected && !r->broken);
	jx_add_bool(o, "displaced", r && r->displaced);
	add_set(o, f, inforce_endpoint(f, &e->key));
	add_epoch(o, reconcile_actual(a->reconcile), e->ifindex);
	add_counted(o, a, e->ifindex);
	return o;
}

/* Sorted for people: the model's order is that of the keys. */
static void send_endpoints(struct agent *a, struct api_conn *conn, const struct endpoint *only)
{
	const size_t n = a->model->endpoints.n;
	auto_free const struct endpoint **sorted = endpoints_by_pod(a);
	size_t i;

	if (!sorted) {
		(void)api_send_error(conn, CODE_RETRY, "no memory");
		return;
	}
	for (i = 0; i < n; i++)
		if ((!only || sorted[i] == only) && api_send(conn, jx_item(endpoint_item(a, sorted[i]))) < 0)
			return;
	(void)api_send(conn, jx_done());
}

void answer_endpoints(struct agent *a, struct api_conn *conn, struct json_object *request)
{
	const char *pod = jx_str(request, "pod");
	const bool unprotected = jx_bool(request, "unprotected");
	const struct endpoint *only = NULL;
	struct bh_err err;

	if (pod && unprotected)
		(void)api_send_error(conn, CODE_DECODE, "pod and unprotected: one of them is enough");
	else if (pod && find_local(a->model, pod, &only, &err) < 0)
		(void)api_send_error(conn, CODE_NOT_FOUND, "%s", err.msg);
	else if (unprotected)
		unprotected_answer(a, conn);
	else
		send_endpoints(a, conn, only);
}

/* ---- flows -------------------------------------------------------------------------------- */

void answer_flows(struct agent *a, struct api_conn *conn, struct json_object *request)
{
	struct json_object *resume = json_object_object_get(request, "resume");
	struct flows_asked asked = { .follow = jx_bool(request, "follow"),
				     .lost = jx_bool(request, "lost"),
				     .why = jx_bool(request, "why"),
				     .resume = json_object_is_type(resume, json_type_object) };
	const char *run = asked.resume ? jx_str(resume, "run") : NULL;

	if (run) {
		(void)snprintf(asked.run, sizeof(asked.run), "%s", run);
		asked.seq = json_object_get_uint64(json_object_object_get(resume, "seq"));
		asked.missed = json_object_get_uint64(json_object_object_get(resume, "lost"));
	}
	denials_send(a, conn, &asked);
}
