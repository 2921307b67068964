/* SPDX-License-Identifier: Apache-2.0 */
/* The denials that are remembered, and their followers. */
#include "denials.h"

#include <errno.h>
#include <json-c/json.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent.h"
#include "behind.h"
#include "flowlog.h"
#include "jsonx.h"
#include "names.h"
#include "query.h"
#include "util/buf.h"
#include "util/clock.h"
#include "util/date.h"
#include "util/log.h"
#include "util/scope.h"
#include "why.h"

#define QUIET_MS    100 /* the programs wake nobody: see bpf/maps.h */
#define FOLLOWED_MS 25

/* What the programs reported: a denial, or what is audited or logged. About 200 bytes and two short texts.
 * Where `lost` is not 0 it stands for so many that nobody read. */
struct denial {
	uint64_t lost;
	bool away; /* ...because the one who follows was not there, or no agent */
	uint64_t seq;
	struct bh_event ev;
	int64_t unix_ms;
	char *pod, *peer; /* "ns/name", "node" or "" */
	char *policies; /* that isolate the pod in this direction, each with a NUL; ends with an empty one */
	char *rule;	/* that denied it; NULL: none, no rule allows it */
	uint64_t *generations;	    /* metadata.generation of the rule's policy, and of each of `policies` */
	struct json_object *behind; /* of a Service; NULL: it is none */
	struct near_flow near;	    /* but for its pod */
	bool has_near;
};

struct follower {
	struct api_conn *conn;
	struct flows_asked asked;
};

struct denials {
	struct denial kept[DENIALS_KEPT];
	size_t next, n;
	VEC(struct follower) followers;
	uint64_t read;		 /* events, since the start */
	uint64_t seq;		 /* of the last one kept */
	char run[20];		 /* of this process alone */
	uint64_t missed_before;	 /* by those before it */
	struct dp_missed missed; /* of all time */
	int64_t lost_ms;	 /* when some were lost last; 0: never by this process */
	struct loop_timer poll;
	bool failing; /* said so */
	struct why *why;
};

/* ---- taking in ---------------------------------------------------------------------------- */

static void clear(struct denial *d)
{
	free(d->pod);
	free(d->peer);
	free(d->policies);
	free(d->rule);
	free(d->generations);
	json_object_put(d->behind);
	*d = (struct denial){};
}

static struct addr to_addr(const struct bh_addr *a)
{
	struct addr ret;

	memcpy(ret.b, a->w, sizeof(ret.b));
	return ret;
}

/* CLOCK_MONOTONIC of the event to the time of day. */
static int64_t unix_ms_of(uint64_t mono_ns)
{
	struct timespec real;

	(void)clock_gettime(CLOCK_REALTIME, &real);
	return (int64_t)real.tv_sec * 1000 + real.tv_nsec / 1000000 -
	       (int64_t)(clock_ns() - mono_ns) / 1000000;
}

static void add_policy(void *ctx, const char *policy)
{
	(void)buf_add(ctx, policy, strlen(policy) + 1);
}

static char *isolating(const struct agent *a, const struct bh_event *ev)
{
	const struct inforce *f = reconcile_inforce(a->reconcile);
	struct buf b = BUF_INIT(4096);

	inforce_policies(f, inforce_ifindex(f, ev->ifindex), ev->dir, true, add_policy, &b);
	if (!b.len || buf_add(&b, "", 1) < 0) {
		buf_done(&b);
		return NULL;
	}
	return b.data;
}

static char *pod_of(const struct agent *a, uint32_t ifindex)
{
	char *text = NULL;
	size_t i;

	for (i = 0; i < a->model->endpoints.n; i++) {
		const struct endpoint *e = a->model->endpoints.v[i];

		if (e->ifindex == ifindex && asprintf(&text, "%s/%s", e->ns, e->pod) >= 0)
			return text;
	}
	return asprintf(&text, "interface %u", ifindex) < 0 ? NULL : text;
}

/* While a plan is in its steps, it may be a policy of what is being brought in. */
static uint64_t generation_of(const struct agent *a, uint32_t ifindex, const char *text)
{
	const struct inforce *f = reconcile_inforce(a->reconcile), *next = reconcile_next(a->reconcile);
	const uint64_t is = inforce_generation(f, inforce_ifindex(f, ifindex), text);

	return is || !next ? is : inforce_generation(next, inforce_ifindex(next, ifindex), text);
}

static uint64_t *generations(const struct agent *a, const struct denial *d)
{
	const char *p = d->policies;
	size_t n = 1;
	uint64_t *ret;

	for (; p && *p; p += strlen(p) + 1)
		n++;
	ret = calloc(n, sizeof(*ret));
	if (!ret)
		return NULL;
	if (d->rule)
		ret[0] = generation_of(a, d->ev.ifindex, d->rule);
	for (n = 1, p = d->policies; p && *p; p += strlen(p) + 1)
		ret[n++] = generation_of(a, d->ev.ifindex, p);
	return ret;
}

static void query_of_event(const struct bh_event *ev, struct bh_query *ret)
{
	*ret = (struct bh_query){ .ifindex = ev->ifindex,
				  .local = ev->local,
				  .remote = ev->remote,
				  .lport = ev->lport,
				  .rport = ev->rport,
				  .proto = ev->proto,
				  .dir = ev->dir,
				  .reason = ev->reason };
}

/* Who is in the way. Only for an address that has a name: a scan of others costs nothing. */
static void look_behind(const struct agent *a, struct denial *d)
{
	const struct inforce *f = reconcile_inforce(a->reconcile);
	struct behind b = {};
	struct bh_query q;

	query_of_event(&d->ev, &q);
	if (d->ev.dir == BH_EGRESS && d->peer && *d->peer && !names_reason_allows(d->ev.reason))
		behind_of(a->model, f, inforce_ifindex(f, d->ev.ifindex), &q, &b);
	d->behind = b.service ? json_object_new_object() : NULL;
	if (d->behind)
		behind_tell(&b, a->names, d->behind);
	d->has_near = why_flow(&q, &b, &d->near);
}

static void send_to_followers(struct agent *a, const struct denial *d);
static void to_flowlog(struct agent *a, const struct denial *d);

/* The next place, empty. */
static struct denial *next_of(struct denials *ds)
{
	struct denial *d = &ds->kept[ds->next];

	clear(d);
	ds->next = (ds->next + 1) % DENIALS_KEPT;
	ds->n += ds->n < DENIALS_KEPT;
	d->seq = ++ds->seq;
	return d;
}

/* While a plan is in its steps, it may be a rule of what is being brought in. */
static const char *rule_of(const struct agent *a, uint32_t id)
{
	const struct actual *actual = reconcile_actual(a->reconcile);
	const char *name = names_rule(reconcile_inforce(a->reconcile), actual, id);

	return name ? name : names_rule(reconcile_next(a->reconcile), actual, id);
}

static void take(void *ctx, const struct bh_event *ev)
{
	struct agent *a = ctx;
	struct denials *ds = a->denials;
	struct denial *d = next_of(ds);
	const struct addr remote = to_addr(&ev->remote);
	const char *rule = rule_of(a, ev->rule);
	char peer[NAME_MAX_LEN];

	ds->read++;
	d->ev = *ev;
	d->unix_ms = unix_ms_of(ev->ns);
	d->pod = pod_of(a, ev->ifindex);
	d->peer = strdup(names_addr(a->names, &remote, peer));
	d->policies = isolating(a, ev);
	d->rule = rule ? strdup(rule) : NULL;
	d->generations = generations(a, d);
	look_behind(a, d);
	send_to_followers(a, d);
	to_flowlog(a, d);
	if (a->opt.flow_events)
		denied_tell(a, ev, d->policies, d->rule);
}

/* The ring was full: what came then was lost after what was read just now. */
static void take_loss(struct agent *a)
{
	struct denials *ds = a->denials;
	const uint64_t before = ds->missed.lost;
	struct denial *d;

	if (dp_events_missed(a->dp, &ds->missed) < 0)
		return;
	if (a->flowlog)
		flowlog_missed(a->flowlog, ds->missed.lost, ds->missed.throttled);
	if (ds->missed.lost == before)
		return;
	ds->lost_ms = clock_ms();
	d = next_of(ds);
	d->lost = ds->missed.lost - before;
	d->unix_ms = unix_ms_of(clock_ns());
	send_to_followers(a, d);
}

static void on_poll(void *ctx)
{
	struct agent *a = ctx;
	struct denials *ds = a->denials;
	const int r = dp_events(a->dp, take, a);

	if (r < 0 && !ds->failing)
		log_warn("cannot read reports of denied flows: %s, retrying; they are counted all the same",
			 strerror(-r));
	ds->failing = r < 0;
	if (r > 0 || a->flowlog)
		take_loss(a);
	if (a->flowlog)
		flowlog_flush(a->flowlog);
	loop_timer_set(a->loop, &ds->poll, ds->followers.n ? FOLLOWED_MS : QUIET_MS);
}

/* ---- giving out --------------------------------------------------------------------------- */

static void add_end(struct json_object *o, const char *end, const struct bh_addr *addr, __be16 port,
		    const struct bh_event *ev, const char *name)
{
	const struct addr a = to_addr(addr);
	char field[16];

	jx_add_addr(o, end, &a);
	(void)snprintf(field, sizeof(field), "%s_port", end);
	if (query_has_ports(ev->proto))
		jx_add_int(o, field, ntohs(port));
	(void)snprintf(field, sizeof(field), "%s_name", end);
	jx_add_str(o, field, name ? name : "");
}

static void add_time(struct json_object *o, int64_t unix_ms)
{
	char text[DATE_TEXT];

	jx_add_str(o, "time", date_text((time_t)(unix_ms / 1000), (long)(unix_ms % 1000) * 1000000, 3, text));
}

/* Of ICMP: bpf/parse.h has type and code where the port would be, and of an echo who asks. */
static void add_icmp(struct json_object *o, const struct bh_event *ev)
{
	const uint16_t seen = ntohs(ev->rport);
	const bool is_echo = seen == BH_ECHO_OUT || seen == BH_ECHO_IN;

	if (!seen || (ev->proto != IPPROTO_ICMP && ev->proto != IPPROTO_ICMPV6))
		return;
	jx_add_int(o, "icmp_type", !is_echo ? seen >> 8 : ev->proto == IPPROTO_ICMP ? 8 : 128);
	jx_add_int(o, "icmp_code", is_echo ? 0 : seen & UINT8_MAX);
}

static const char *verdict_text(const struct bh_event *ev)
{
	if (!names_reason_allows(ev->reason))
		return "denied";
	return ev->reason == BH_AUDITED ? "audited" : "allowed";
}

static void add_policies(struct json_object *o, const struct denial *d)
{
	struct json_object *names = json_object_new_array(), *numbers = json_object_new_array();
	const char *p = d->policies;
	size_t n = 1;

	for (; p && *p; p += strlen(p) + 1) {
		(void)json_object_array_add(names, json_object_new_string(p));
		if (d->generations)
			(void)json_object_array_add(numbers, json_object_new_uint64(d->generations[n++]));
	}
	jx_add(o, "policies", names);
	jx_add(o, "generations", numbers);
}

static struct json_object *encode(const struct denial *d)
{
	struct json_object *o = json_object_new_object();
	const bool in = d->ev.dir == BH_INGRESS;
	char proto[8];

	add_time(o, d->unix_ms);
	if (d->lost) {
		jx_add_int(o, "lost", d->lost);
		if (d->away)
			jx_add_bool(o, "away", true);
		return o;
	}
	jx_add_str(o, "direction", in ? "ingress" : "egress");
	jx_add_str(o, "pod", d->pod);
	add_end(o, "src", in ? &d->ev.remote : &d->ev.local, in ? d->ev.rport : d->ev.lport, &d->ev,
		in ? d->peer : d->pod);
	add_end(o, "dst", in ? &d->ev.local : &d->ev.remote, in ? d->ev.lport : d->ev.rport, &d->ev,
		in ? d->pod : d->peer);
	jx_add_str(o, "proto", names_proto(d->ev.proto, proto));
	add_icmp(o, &d->ev);
	jx_add_str(o, "verdict", verdict_text(&d->ev));
	jx_add_str(o, "reason", names_reason(d->ev.reason));
	jx_add_str(o, "rule", d->rule);
	if (d->rule && d->generations)
		jx_add_int(o, "rule_generation", d->generations[0]);
	add_policies(o, d);
	jx_add(o, "service", json_object_get(json_object_object_get(d->behind, "service")));
	jx_add(o, "behind",
	       d->behind ? json_object_get(json_object_object_get(d->behind, "behind"))
			 : json_object_new_array());
	jx_add_int(o, "len", d->ev.len);
	return o;
}

static const struct pod *pod_named(const struct model *m, const char *text)
{
	const char *slash = text ? strchr(text, '/') : NULL;
	auto_free char *ns = slash ? strndup(text, (size_t)(slash - text)) : NULL;
	const struct pod *pod = ns ? model_pod(m, ns, slash + 1) : NULL;

	return pod && model_pod_namespace(m, pod) ? pod : NULL;
}

/* By the policies and labels as they are now. */
static void add_closest(struct agent *a, const struct denial *d, struct json_object *o)
{
	struct near_flow f = d->near;
	struct json_object *closest = NULL;

	f.pod = d->has_near ? pod_named(a->model, d->pod) : NULL;
	if (f.pod && !why_closest(a->denials->why, a->model, reconcile_wanted(a->reconcile), &f, &closest))
		jx_add_bool(o, "closest_skipped", true);
	jx_add(o, "closest", closest);
}

static void add_at(const struct denials *ds, const struct denial *d, struct json_object *o)
{
	struct json_object *at = json_object_new_object();

	jx_add_str(at, "run", ds->run);
	jx_add_int(at, "seq", d->seq);
	jx_add_int(at, "lost", ds->missed.lost);
	jx_add(o, "at", at);
}

/* Return: 0, or as api_send(); also of one that was not asked for. */
static int send_one(struct agent *a, struct api_conn *conn, const struct flows_asked *asked,
		    const struct denial *d)
{
	struct json_object *o;

	if (d->lost && !asked->lost)
		return 0;
	o = encode(d);
	if (asked->why && !d->lost)
		add_closest(a, d, o);
	if (asked->resume)
		add_at(a->denials, d, o);
	return api_send(conn, jx_item(o));
}

static void send_to_followers(struct agent *a, const struct denial *d)
{
	const struct denials *ds = a->denials;
	size_t i;

	for (i = 0; i < ds->followers.n; i++) /* one that fails is closed, and unfollows then */
		(void)send_one(a, ds->followers.v[i].conn, &ds->followers.v[i].asked, d);
}

static void to_flowlog(struct agent *a, const struct denial *d)
{
	struct json_object *o = a->flowlog ? encode(d) : NULL;

	if (o)
		flowlog_add(a->flowlog,
			    json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN |
								      JSON_C_TO_STRING_NOSLASHESCAPE),
			    reconcile_done(a->reconcile));
	json_object_put(o);
}

/* What came since he was here, and is kept no more, or was before this process. */
static uint64_t gone_since(const struct denials *ds, const struct flows_asked *asked)
{
	const uint64_t gone = ds->seq - ds->n;

	if (!*asked->run)
		return 0;
	if (!strcmp(asked->run, ds->run))
		return gone > asked->seq ? gone - asked->seq : 0;
	return gone + (ds->missed_before > asked->missed ? ds->missed_before - asked->missed : 0);
}

void denials_send(struct agent *a, struct api_conn *conn, const struct flows_asked *asked)
{
	struct denials *ds = a->denials;
	const struct denial gone = { .lost = gone_since(ds, asked),
				     .away = true,
				     .seq = ds->seq - ds->n,
				     .unix_ms = unix_ms_of(clock_ns()) };
	const bool same_run = !strcmp(asked->run, ds->run);
	struct follower *slot;
	size_t i;

	if (gone.lost && send_one(a, conn, asked, &gone) < 0)
		return;
	for (i = 0; i < ds->n; i++) {
		const size_t at = (ds->next + DENIALS_KEPT - ds->n + i) % DENIALS_KEPT;

		if (same_run && ds->kept[at].seq <= asked->seq)
			continue;
		if (send_one(a, conn, asked, &ds->kept[at]) < 0)
			return;
	}
	slot = asked->follow ? vec_add(&ds->followers) : NULL;
	if (!slot) {
		(void)api_send(conn, jx_done());
		return;
	}
	*slot = (struct follower){ .conn = conn, .asked = *asked };
	loop_timer_set(a->loop, &ds->poll, 0);
}

void denials_unfollow(struct agent *a, struct api_conn *conn)
{
	struct denials *ds = a->denials;
	size_t i = 0;

	while (i < ds->followers.n) {
		if (ds->followers.v[i].conn == conn)
			ds->followers.v[i] = ds->followers.v[--ds->followers.n];
		else
			i++;
	}
}

uint64_t denials_read(const struct agent *a)
{
	return a->denials->read;
}

uint64_t denials_lost(const struct agent *a, int64_t *ret_last_ms)
{
	*ret_last_ms = a->denials->lost_ms;
	return a->denials->missed.lost - a->denials->missed_before;
}

bool denials_pick(const struct agent *a, uint64_t random, struct bh_query *ret)
{
	const struct denials *ds = a->denials;
	const struct bh_event *ev;

	if (!ds->n)
		return false;
	ev = &ds->kept[random % ds->n].ev;
	if (ds->kept[random % ds->n].lost)
		return false;
	query_of_event(ev, ret);
	return true;
}

/* ---- life --------------------------------------------------------------------------------- */

int denials_new(struct agent *a)
{
	a->denials = calloc(1, sizeof(*a->denials));
	if (!a->denials)
		return -ENOMEM;
	a->denials->why = why_new(clock_ns);
	if (!a->denials->why) {
		free(TAKE_PTR(a->denials));
		return -ENOMEM;
	}
	(void)dp_events_missed(a->dp, &a->denials->missed); /* before us: status has the sum */
	a->denials->missed_before = a->denials->missed.lost;
	(void)snprintf(a->denials->run, sizeof(a->denials->run), "%08x%08x", arc4random(), arc4random());
	a->denials->poll = (struct loop_timer){ .fn = on_poll, .ctx = a };
	loop_timer_set(a->loop, &a->denials->poll, QUIET_MS);
	return 0;
}

void denials_free(struct agent *a)
{
	size_t i;

	if (!a->denials)
		return;
	loop_timer_unset(a->loop, &a->denials->poll);
	for (i = 0; i < DENIALS_KEPT; i++)
		clear(&a->denials->kept[i]);
	vec_done(&a->denials->followers);
	why_free(a->denials->why);
	free(TAKE_PTR(a->denials));
}
