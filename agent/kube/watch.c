/* SPDX-License-Identifier: Apache-2.0 */
/* One resource's list and watch, as a machine of four phases. */
#include "kube/watch.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kube/value.h"
#include "kube/wire.h"
#include "util/buf.h"
#include "util/clock.h"
#include "util/scope.h"

#define PAGE		500 /* objects of one page */
#define WATCH_MIN_S	240 /* a watch is asked for 240 to 300 s: the hard bound of its life */
#define WATCH_SPREAD_S	60
#define ANSWER_QUIET_MS 15000  /* until the head of an answer */
#define LIST_QUIET_MS	10000  /* within a list; a streaming one that is quiet for so long is none */
#define WATCH_QUIET_MS	150000 /* bookmarks come about once a minute */
#define NO_STREAM_MS	600000 /* a server without streaming lists is asked for one again after that */
#define BACKOFF_MIN_MS	800    /* client-go's reflector: 0.8 s, doubled up to 30 s */
#define BACKOFF_MAX_MS	30000
#define SHORT_MS	5000 /* a watch that lived shorter and told nothing is no good one */
#define VERSION_MAX	64
#define CONTINUE_MAX	8192

enum phase {
	WAITING,  /* until due_ms */
	INITIAL,  /* a watch that begins with all there is */
	LISTING,  /* in pages */
	WATCHING, /* changes */
};

/* What the stream said that its end must know. */
enum verdict {
	FINE,
	RELIST,	   /* the version is too old, or nobody speaks of it any more */
	FORGET,	   /* it must not be named again: there are no such new ones */
	NO_STREAM, /* no streaming lists here */
};

struct watch {
	struct http *http;
	const struct watch_spec *spec;
	struct watch_hooks hooks;

	struct scan_keep event_keep[3]; /* of an event, around spec->keep */

	enum phase phase;
	enum verdict verdict;
	struct http_call *call;
	struct scan *scan;
	char version[VERSION_MAX];	  /* where to go on; "" not known */
	char listed_version[VERSION_MAX]; /* of the pages so far */
	bool afresh;			  /* `version` was forgotten, and no list has been complete since */
	struct buf next;		  /* metadata.continue of the last page */
	bool page_done;			  /* the list's own fields have come */
	bool listed;			  /* complete as of `version`: go on with changes alone */
	bool synced;
	bool begun;		 /* the head of a 200 has come */
	bool told;		 /* an object or a bookmark came in this stream */
	bool damaged;		 /* what it said was not to be believed */
	bool retried;		 /* a 401 has had its second try */
	bool refused;		 /* 403 or 404 */
	bool absent;		 /* 404 of what may be absent */
	bool cut_off;		 /* no answer, or none to its end */
	unsigned int failed;	 /* in a row */
	unsigned int lost;	 /* in a row: watches whose end was a list */
	int64_t due_ms;		 /* WAITING */
	int64_t began_ms;	 /* this stream */
	int64_t heard_ms;	 /* last byte; 0: never */
	int64_t stream_again_ms; /* no streaming list before that */
	uint32_t round;
	char trouble[320];
	struct watch_stats stats;
};

/* ---- small things ------------------------------------------------------------------------- */

static void set_trouble(struct watch *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void set_trouble(struct watch *w, const char *fmt, ...)
{
	char text[sizeof(w->trouble)];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	bh_text_clean(text);
	if (!strcmp(text, w->trouble))
		return;
	(void)snprintf(w->trouble, sizeof(w->trouble), "%s", text);
	w->hooks.trouble(w->hooks.ctx, w, *text ? text : NULL);
}

static void all_is_well(struct watch *w)
{
	w->failed = 0;
	w->retried = w->refused = w->absent = w->cut_off = false;
	set_trouble(w, "%s", "");
}

/* Only a watch that tells something, or lives for a while, says that lists are worth their price. */
static void lives(struct watch *w)
{
	w->lost = 0;
	all_is_well(w);
}

static int read_version(struct json_object *o, char ret[VERSION_MAX], struct bh_err *err)
{
	const char *text = value_text(value_get(value_get(o, "metadata"), "resourceVersion"));

	if (!text || !*text || strlen(text) >= VERSION_MAX)
		return bh_err_set(err, -EINVAL, "no metadata.resourceVersion, or an odd one");
	memcpy(ret, text, strlen(text) + 1);
	return 0;
}

/* ---- what the server says ----------------------------------------------------------------- */

typedef int (*change_fn)(void *ctx, struct watch *w, struct json_object *o, struct bh_err *err);

static int change(struct watch *w, change_fn fn, struct json_object *o, struct bh_err *err)
{
	const int r = kube_check_kind(o, w->spec->api_version, w->spec->kind, err);

	w->told = true;
	w->stats.events++;
	return r < 0 ? r : fn(w->hooks.ctx, w, o, err);
}

static void synced(struct watch *w)
{
	w->listed = w->synced = true;
	w->stats.lists++;
	all_is_well(w);
	w->hooks.synced(w->hooks.ctx, w);
	w->afresh = false;
}

/* A restored etcd counts from where its copy was made: what is newer than that never comes. */
static int check_order(struct watch *w, struct json_object *o, struct bh_err *err)
{
	char *end;
	const uint64_t new = kube_version(o), had = strtoull(w->version, &end, 10);

	if (!new || !had || *end || new >= had)
		return 0;
	w->verdict = FORGET;
	return bh_err_set(err, -ESTALE, "resourceVersion went back from %s to %llu", w->version,
			  (unsigned long long)new);
}

static int bookmark(struct watch *w, struct json_object *o, struct bh_err *err)
{
	const char *end = value_text(
		value_get(value_get(value_get(o, "metadata"), "annotations"), "k8s.io/initial-events-end"));
	int r;

	w->told = true;
	if (w->phase == INITIAL) {
		if (!end || strcmp(end, "true"))
			return 0;
		w->phase = WATCHING;
		r = read_version(o, w->version, err);
		if (!r)
			synced(w);
		return r;
	}
	r = check_order(w, o, err);
	if (!r)
		lives(w);
	return r < 0 ? r : read_version(o, w->version, err);
}

static int stream_error(struct watch *w, struct json_object *o, struct bh_err *err)
{
	int64_t code = 0;

	(void)value_integer(value_get(o, "code"), &code);
	w->verdict = code == 410 ? RELIST : FORGET;
	return bh_err_set(err, -ESTALE, "%lld: %s", (long long)code, kube_message(o));
}

static int event(struct watch *w, struct json_object *e, struct bh_err *err)
{
	const char *type = value_text(value_get(e, "type"));
	struct json_object *o = value_get(e, "object");
	int r = 0;

	if (!type || !o)
		return bh_err_set(err, -EINVAL, "an event without type or object");
	if (!strcmp(type, "BOOKMARK"))
		return bookmark(w, o, err);
	if (!strcmp(type, "ERROR"))
		return stream_error(w, o, err);
	if (w->phase == WATCHING)
		r = check_order(w, o, err);
	if (r < 0)
		return r;
	if (!strcmp(type, "ADDED") || !strcmp(type, "MODIFIED"))
		r = change(w, w->hooks.put, o, err);
	else if (!strcmp(type, "DELETED"))
		r = change(w, w->hooks.del, o, err);
	else
		return bh_err_set(err, -EINVAL, "an event of an unknown type");
	if (r < 0 || w->phase != WATCHING)
		return r; /* before its end a streaming list is in no order of versions */
	lives(w);
	return read_version(o, w->version, err);
}

static int page_end(struct watch *w, struct json_object *list, struct bh_err *err)
{
	const char *next = value_text(value_get(value_get(list, "metadata"), "continue"));
	int r = kube_check_list(list, w->spec->kind, err);

	buf_clear(&w->next);
	if (!r)
		r = read_version(list, w->listed_version, err);
	if (!r && next)
		r = buf_str(&w->next, next);
	w->page_done = !r;
	return r;
}

static int on_json(void *ctx, enum scan_kind kind, const char *json, size_t len, struct bh_err *err)
{
	struct watch *w = ctx;
	struct json_object *o = kube_parse(json, len, err);
	int r = -EINVAL;

	if (!o)
		return r;
	if (kind == SCAN_END)
		r = page_end(w, o, err);
	else if (w->phase == LISTING)
		r = change(w, w->hooks.put, o, err);
	else
		r = event(w, o, err);
	json_object_put(o);
	return r;
}

static void on_begin(void *ctx)
{
	struct watch *w = ctx;

	w->heard_ms = clock_ms();
	w->begun = true;
}

static int on_data(void *ctx, const char *data, size_t len, struct bh_err *err)
{
	struct watch *w = ctx;

	const int r = scan_feed(w->scan, data, len, err);

	w->heard_ms = clock_ms();
	w->damaged |= r < 0;
	return r;
}

/* ---- ends --------------------------------------------------------------------------------- */

/* Full jitter: all agents of a cluster lose the same server at the same moment. */
static void back_off(struct watch *w, unsigned int retry_s)
{
	const unsigned int failed = w->failed > w->lost ? w->failed : w->lost;
	const unsigned int doublings = failed < 6 ? failed : 6;
	int64_t most = BACKOFF_MIN_MS << doublings;
	int64_t ms;

	if (most > BACKOFF_MAX_MS)
		most = BACKOFF_MAX_MS;
	ms = arc4random_uniform((uint32_t)most);
	if (ms < (int64_t)retry_s * 1000)
		ms += (int64_t)retry_s * 1000;
	w->failed++;
	w->stats.failures++;
	w->due_ms = clock_ms() + ms;
}

static void stop(struct watch *w)
{
	http_cancel(w->call);
	w->call = NULL;
	scan_free(w->scan);
	w->scan = NULL;
	w->phase = WAITING;
	w->due_ms = clock_ms();
}

/* Where the next attempt begins. */
static void apply_verdict(struct watch *w)
{
	if (w->verdict == FINE)
		return;
	w->listed = false;
	if (w->verdict == FORGET) {
		w->version[0] = '\0';
		w->afresh = true;
	}
	if (w->verdict == NO_STREAM)
		w->stream_again_ms = clock_ms() + NO_STREAM_MS;
}

static void fail(struct watch *w, unsigned int retry_s, const char *what)
{
	const bool lost = w->phase == WATCHING && (w->verdict == RELIST || w->verdict == FORGET);
	const bool too_old = lost && w->verdict == RELIST && !w->lost;

	stop(w);
	apply_verdict(w);
	buf_clear(&w->next); /* a list that broke begins again */
	w->lost += lost;
	if (too_old || w->verdict == NO_STREAM)
		return;				   /* at once: nothing is wrong with the server */
	if (w->failed || !w->cut_off || !w->begun) /* else it has just ended, as connections do */
		set_trouble(w, "%s", what);
	back_off(w, retry_s);
}

/* The server has no such resource: no trouble, unless it has had it. */
static void wait_for_resource(struct watch *w)
{
	w->absent = w->refused = true;
	set_trouble(w, "%s", "");
	stop(w);
	w->due_ms = clock_ms() + BACKOFF_MAX_MS / 2 + arc4random_uniform(BACKOFF_MAX_MS / 2);
	w->hooks.absent(w->hooks.ctx, w);
}

/* The first line of what the server said about it. */
static void fail_status(struct watch *w, const struct http_end *end)
{
	struct json_object *o = kube_parse(end->body, strlen(end->body), NULL);
	char what[256];

	(void)snprintf(what, sizeof(what), "HTTP %d: %s", end->status, kube_message(o));
	w->refused = end->status == 403 || end->status == 404;
	w->absent = false;
	if (end->status == 410)
		w->verdict = RELIST;
	else if ((end->status == 400 || end->status == 422) && w->phase == INITIAL)
		w->verdict = NO_STREAM;
	else if (end->status >= 500 && *w->version &&
		 strstr(end->body, "esource version")) /* too large a one */
		w->verdict = FORGET;
	if (end->status == 401 && !w->retried) {
		w->retried = true; /* the token is read again for each call */
		stop(w);
	} else {
		fail(w, end->retry_s, what);
	}
	json_object_put(o);
}

static void end_page(struct watch *w)
{
	const bool last = !w->next.len;

	stop(w);
	if (!last)
		return;
	memcpy(w->version, w->listed_version, sizeof(w->version));
	synced(w);
}

static void end_watch(struct watch *w, const struct http_end *end)
{
	const bool lived = w->told || clock_ms() - w->began_ms > SHORT_MS;

	if (w->phase == INITIAL)
		w->verdict = w->verdict == FINE && end->status ? NO_STREAM : w->verdict;
	else if (end->status && lived && w->verdict == FINE) {
		stop(w); /* its time was over */
		return;
	}
	fail(w, 0, end->status ? "a watch ended at once, and told nothing" : end->why);
}

static void on_end(void *ctx, const struct http_end *end)
{
	struct watch *w = ctx;

	w->call = NULL; /* it is gone behind this */
	w->cut_off = !end->status && !w->damaged;
	if (end->status == 404 && w->hooks.absent && !w->synced)
		wait_for_resource(w);
	else if (end->status && end->status != 200)
		fail_status(w, end);
	else if (w->phase != LISTING)
		end_watch(w, end);
	else if (end->status && w->page_done)
		end_page(w);
	else
		fail(w, 0, end->status ? "a list ended too early" : end->why);
}

/* ---- begin -------------------------------------------------------------------------------- */

static int add_watch(const struct watch *w, struct buf *url)
{
	char seconds[16];
	int r;

	(void)snprintf(seconds, sizeof(seconds), "%u", WATCH_MIN_S + arc4random_uniform(WATCH_SPREAD_S));
	r = kube_query(url, "watch", "1");
	if (!r)
		r = kube_query(url, "allowWatchBookmarks", "true");
	if (!r)
		r = kube_query(url, "timeoutSeconds", seconds);
	if (!r && w->phase == INITIAL)
		r = kube_query(url, "sendInitialEvents", "true");
	return r;
}

static int add_page(const struct watch *w, struct buf *url)
{
	int r = buf_fmt(url, "%climit=%d", strchr(url->data, '?') ? '&' : '?', PAGE);

	return !r && w->next.len ? kube_query(url, "continue", w->next.data) : r;
}

static int make_url(const struct watch *w, struct buf *url)
{
	const bool goes_on = w->phase == LISTING && w->next.len;
	int r = buf_str(url, w->spec->path);

	if (!r && w->spec->fields)
		r = kube_query(url, "fieldSelector", w->spec->fields);
	if (!r)
		r = w->phase == LISTING ? add_page(w, url) : add_watch(w, url);
	/* Never older than what is known; where nothing is, as new as there is. */
	if (!r && *w->version && !goes_on)
		r = kube_query(url, "resourceVersion", w->version);
	if (!r && ((*w->version && w->phase == LISTING && !goes_on) || w->phase == INITIAL))
		r = kube_query(url, "resourceVersionMatch", "NotOlderThan");
	return r;
}

static void begin(struct watch *w)
{
	const struct http_handler handler = { .begin = on_begin, .data = on_data, .end = on_end, .ctx = w };
	const int64_t now = clock_ms();
	auto_buf struct buf url = BUF_INIT(HTTP_PATH_MAX);
	struct bh_err err = { "no memory" };

	w->phase = w->listed ? WATCHING : now < w->stream_again_ms ? LISTING : INITIAL;
	w->round += w->phase == INITIAL || (w->phase == LISTING && !w->next.len);
	w->verdict = FINE;
	w->cut_off = false;
	w->begun = w->told = w->damaged = w->page_done = false;
	w->began_ms = w->heard_ms = now;
	w->scan = scan_new(w->phase == LISTING ? w->spec->keep : w->event_keep, w->phase == LISTING, on_json,
			   w);
	if (!w->scan || make_url(w, &url) < 0 || http_get(w->http, url.data, 0, &handler, &w->call, &err) < 0)
		fail(w, 0, err.msg);
}

/* ---- time --------------------------------------------------------------------------------- */

static int64_t silence_ends_ms(const struct watch *w)
{
	if (!w->begun)
		return w->heard_ms + ANSWER_QUIET_MS;
	return w->heard_ms + (w->phase == WATCHING ? WATCH_QUIET_MS : LIST_QUIET_MS);
}

/* A watch that lives is well, though it may have nothing to tell. */
static bool awaits_health(const struct watch *w)
{
	return w->phase == WATCHING && w->begun && (w->failed || w->lost || *w->trouble);
}

static int64_t due(const struct watch *w)
{
	if (w->phase == WAITING)
		return w->due_ms;
	return awaits_health(w) ? w->began_ms + SHORT_MS : silence_ends_ms(w);
}

void watch_hurry(struct watch *w)
{
	if (w->phase == WAITING && w->cut_off)
		w->due_ms = clock_ms();
}

int watch_timeout_ms(const struct watch *w)
{
	const int64_t left = due(w) - clock_ms();

	return left > 0 ? (int)left : 0;
}

void watch_work(struct watch *w)
{
	if (clock_ms() < due(w))
		return;
	if (w->phase == WAITING) {
		begin(w);
	} else if (awaits_health(w)) {
		lives(w);
	} else {
		/*
		 * A server that does not know sendInitialEvents just waits for changes; and one whose etcd
		 * was restored waits in silence for a version that was there before.
		 */
		if (w->phase == INITIAL && w->begun)
			w->verdict = NO_STREAM;
		else if (w->phase == WATCHING)
			w->verdict = RELIST;
		w->cut_off = true;
		fail(w, 0, "the server has said nothing for too long");
	}
}

/* ---- life and questions ------------------------------------------------------------------- */

struct watch *watch_new(struct http *http, const struct watch_spec *spec, const struct watch_hooks *hooks)
{
	struct watch *w = calloc(1, sizeof(*w));

	if (!w)
		return NULL;
	*w = (struct watch){ .http = http, .spec = spec, .hooks = *hooks, .next = BUF_INIT(CONTINUE_MAX) };
	w->event_keep[0] = (struct scan_keep){ "type", NULL };
	w->event_keep[1] = (struct scan_keep){ "object", spec->keep };
	return w;
}

void watch_free(struct watch *w)
{
	if (!w)
		return;
	http_cancel(w->call);
	scan_free(w->scan);
	buf_done(&w->next);
	free(w);
}

uint32_t watch_round(const struct watch *w)
{
	return w->round;
}

bool watch_is_afresh(const struct watch *w)
{
	return w->afresh;
}

uint64_t watch_version(const struct watch *w)
{
	return w->synced ? strtoull(w->version, NULL, 10) : 0;
}

bool watch_is_synced(const struct watch *w)
{
	return w->synced;
}

bool watch_is_cut_off(const struct watch *w)
{
	return w->cut_off;
}

bool watch_is_refused(const struct watch *w)
{
	return w->refused;
}

bool watch_is_absent(const struct watch *w)
{
	return w->absent;
}

int64_t watch_quiet_ms(const struct watch *w)
{
	return w->heard_ms ? clock_ms() - w->heard_ms : -1;
}

void watch_stats(const struct watch *w, struct watch_stats *ret)
{
	static const char *const names[] = {
		[WAITING] = "waiting", [INITIAL] = "listing", [LISTING] = "listing", [WATCHING] = "watching"
	};

	*ret = w->stats;
	ret->state = w->absent && w->phase == WAITING ? "absent" : names[w->phase];
	ret->trouble = w->trouble;
}
