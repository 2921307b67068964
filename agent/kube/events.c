/* SPDX-License-Identifier: Apache-2.0 */
/* The queue of Events: what waits, and what has been posted and might be told again, in one list. */
#include "kube/events.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "kube/wire.h"
#include "util/buf.h"
#include "util/clock.h"
#include "util/date.h"
#include "util/hash.h"
#include "util/scope.h"
#include "util/vec.h"

#define CONTROLLER     "bulkhead.dev/agent"
#define NOTE_MAX       1024 /* these three: validation of events.k8s.io/v1 */
#define INSTANCE_MAX   128
#define NAMESPACE_ELSE "default" /* of an Event about what is in no namespace */
#define NAME_MAX_CHARS 200	 /* of the object's name in the Event's; DNS subdomains have 253 */
#define BODY_MAX       8192
#define CALL_MS	       10000
#define BACKOFF_MIN_MS 1000
#define BACKOFF_MAX_MS 60000
#define REFUSED_TRIES  3 /* a server that has just begun refuses all until it has read who may do what */

struct told {
	struct hash128 key;
	char *path; /* of Events of that namespace */
	char *name, *body;
	uint32_t count, known; /* times it was told, and those that the server knows of; 0: not posted */
	uint32_t refused;
	int64_t due_ms; /* nothing more is said of it before that */
	struct timespec last;
};

struct events {
	struct http *http;
	const char *instance;
	void (*trouble)(void *ctx, const char *what);
	void *ctx;
	VEC(struct told) told; /* oldest first */
	struct http_call *call;
	struct hash128 calling; /* for which of them, */
	uint32_t calling_count; /* and what the server will know then */
	int64_t paced_ms;	/* up to here the rate is used up */
	int64_t pause_ms;	/* the server has no ear before that */
	unsigned int failed;	/* in a row */
	bool refused;		/* said so */
	struct events_stats stats;
};

/* ---- the object --------------------------------------------------------------------------- */

static void add_text(struct json_object *o, const char *name, const char *text, size_t max)
{
	size_t len = strlen(text);

	if (len > max)
		for (len = max; len && ((unsigned char)text[len] & 0xc0) == 0x80; len--)
			; /* no half characters */
	(void)json_object_object_add(o, name, json_object_new_string_len(text, (int)len));
}

/* metav1.MicroTime */
static void add_time(struct json_object *o, const char *name, const struct timespec *at)
{
	char text[DATE_TEXT];

	add_text(o, name, date_text(at->tv_sec, at->tv_nsec, 6, text), sizeof(text));
}

static struct json_object *add_object(struct json_object *o, const char *name)
{
	struct json_object *below = json_object_new_object();

	(void)json_object_object_add(o, name, below);
	return below;
}

static const char *namespace_of(const struct kube_event *event)
{
	return *event->ns ? event->ns : NAMESPACE_ELSE;
}

static void add_regarding(struct json_object *o, const struct kube_event *event)
{
	struct json_object *at = add_object(o, "regarding");

	add_text(at, "apiVersion", "v1", 8);
	add_text(at, "kind", event->kind, SIZE_MAX);
	if (*event->ns)
		add_text(at, "namespace", event->ns, SIZE_MAX);
	add_text(at, "name", event->name, SIZE_MAX);
	if (*event->uid)
		add_text(at, "uid", event->uid, SIZE_MAX);
}

/* The action is no other thing than the reason with us; the API wants both. */
static char *event_text(const struct events *e, const struct kube_event *event, const char *name,
			const struct timespec *at)
{
	struct json_object *o = json_object_new_object(), *meta = add_object(o, "metadata");
	char *text;

	add_text(o, "apiVersion", "events.k8s.io/v1", 32);
	add_text(o, "kind", "Event", 8);
	add_text(meta, "name", name, SIZE_MAX);
	add_text(meta, "namespace", namespace_of(event), SIZE_MAX);
	add_time(o, "eventTime", at);
	add_text(o, "reportingController", CONTROLLER, SIZE_MAX);
	add_text(o, "reportingInstance", e->instance, INSTANCE_MAX);
	add_text(o, "action", event->reason, 128);
	add_text(o, "reason", event->reason, 128);
	add_text(o, "type", event->warning ? "Warning" : "Normal", 8);
	add_text(o, "note", event->note, NOTE_MAX);
	add_regarding(o, event);
	text = strdup(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN));
	json_object_put(o);
	return text;
}

/* eventsv1.EventSeries: all else of an Event stays as it was. */
static char *series_text(const struct told *t)
{
	struct json_object *o = json_object_new_object(), *series = add_object(o, "series");
	char *text;

	(void)json_object_object_add(series, "count", json_object_new_int((int)t->count));
	add_time(series, "lastObservedTime", &t->last);
	text = strdup(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN));
	json_object_put(o);
	return text;
}

/* As client-go names them: the object's name, and what makes it unique. */
static char *new_name(const struct kube_event *event)
{
	size_t len = strnlen(event->name, NAME_MAX_CHARS);
	char *name;

	while (len && (event->name[len - 1] == '.' || event->name[len - 1] == '-'))
		len--;
	return asprintf(&name, "%.*s.%08x%08x", (int)len, event->name, arc4random(), arc4random()) < 0 ? NULL
												       : name;
}

/* ---- the list ----------------------------------------------------------------------------- */

static struct hash128 key_of(const struct kube_event *event)
{
	const char *const parts[] = { event->kind, event->ns,	  event->name,
				      event->uid,  event->reason, event->note };

	return hash128_of_texts(parts, ARRAY_SIZE(parts));
}

static struct told *find(struct events *e, const struct hash128 *key)
{
	size_t i;

	for (i = 0; i < e->told.n; i++)
		if (!hash128_cmp(&e->told.v[i].key, key))
			return &e->told.v[i];
	return NULL;
}

static void told_done(struct told *t)
{
	free(t->path);
	free(t->name);
	free(t->body);
}

static void forget(struct events *e, struct told *t)
{
	const size_t behind = e->told.n - (size_t)(t - e->told.v) - 1;

	told_done(t);
	memmove(t, t + 1, behind * sizeof(*t));
	e->told.n--;
}

static bool waits(const struct told *t)
{
	return t->known < t->count;
}

/* The oldest of which nothing is left to say. */
static bool make_room(struct events *e)
{
	size_t i;

	for (i = 0; e->told.n >= EVENTS_MAX && i < e->told.n; i++)
		if (!waits(&e->told.v[i])) {
			forget(e, &e->told.v[i]);
			break;
		}
	return e->told.n < EVENTS_MAX;
}

static bool told_init(const struct events *e, const struct kube_event *event, struct told *t)
{
	(void)clock_gettime(CLOCK_REALTIME, &t->last);
	if (asprintf(&t->path, "/apis/events.k8s.io/v1/namespaces/%s/events", namespace_of(event)) < 0)
		t->path = NULL;
	t->name = new_name(event);
	t->body = t->name ? event_text(e, event, t->name, &t->last) : NULL;
	t->count = 1;
	return t->path && t->body;
}

void events_add(struct events *e, const struct kube_event *event)
{
	struct told new = { .key = key_of(event) }, *t = find(e, &new.key);

	if (t) {
		t->count += t->count < INT32_MAX;
		(void)clock_gettime(CLOCK_REALTIME, &t->last);
		e->stats.repeated++;
		return;
	}
	if (make_room(e) && told_init(e, event, &new) && (t = vec_add(&e->told))) {
		*t = new;
		return;
	}
	told_done(&new);
	e->stats.lost++;
}

/* ---- one call ----------------------------------------------------------------------------- */

/* Full jitter: all agents of a cluster lose the same server at the same moment. */
static void back_off(struct events *e, unsigned int retry_s)
{
	const unsigned int doublings = e->failed < 6 ? e->failed : 6;
	int64_t ms = BACKOFF_MIN_MS << doublings;

	if (ms > BACKOFF_MAX_MS)
		ms = BACKOFF_MAX_MS;
	e->failed++;
	e->pause_ms =
		clock_ms() + BACKOFF_MIN_MS + arc4random_uniform((uint32_t)ms) + (int64_t)retry_s * 1000;
}

static void tell_refusal(struct events *e, const struct http_end *end)
{
	struct json_object *o = kube_parse(end->body, strlen(end->body), NULL);
	char what[320];

	(void)snprintf(what, sizeof(what), "HTTP %d: %s", end->status, kube_message(o));
	if (!e->refused && e->trouble)
		e->trouble(e->ctx, what);
	e->refused = true;
	json_object_put(o);
}

/* Is it the server that cannot now, or would the same be refused again? */
static bool may_pass(int status)
{
	return !status || status == 401 || status == 408 || status == 429 || status >= 500;
}

static void on_end(void *ctx, const struct http_end *end)
{
	struct events *e = ctx;
	struct told *t = find(e, &e->calling);
	/* Posted, and the answer did not come: its name is its own. */
	const bool known_already = end->status == 409 && !t->known;

	e->call = NULL; /* it is gone behind this */
	if (may_pass(end->status) || (end->status == 403 && ++t->refused < REFUSED_TRIES)) {
		back_off(e, end->retry_s);
		return;
	}
	e->failed = 0;
	if (end->status == 404 && t->known) { /* it has expired: once more as a new one */
		t->known = 0;
		return;
	}
	if (end->status >= 300 && !known_already) {
		tell_refusal(e, end);
		e->stats.lost++;
		forget(e, t);
		return;
	}
	e->refused = false;
	e->stats.posted++;
	t->known = e->calling_count;
	t->due_ms = clock_ms() + EVENTS_SAME_MS;
}

static int send_new(struct events *e, const struct told *t, const struct http_handler *handler)
{
	const struct http_request request = { .method = "POST",
					      .path = t->path,
					      .body = t->body,
					      .content = "application/json",
					      .timeout_ms = CALL_MS };

	e->calling_count = 1;
	return http_send(e->http, &request, handler, &e->call, NULL);
}

static int send_series(struct events *e, const struct told *t, const struct http_handler *handler)
{
	auto_buf struct buf path = BUF_INIT(BODY_MAX);
	auto_free char *body = series_text(t);
	const int r = body ? buf_fmt(&path, "%s/%s", t->path, t->name) : -ENOMEM;
	const struct http_request request = { .method = "PATCH",
					      .path = path.data,
					      .body = body,
					      .content = "application/merge-patch+json",
					      .timeout_ms = CALL_MS };

	e->calling_count = t->count;
	return r < 0 ? r : http_send(e->http, &request, handler, &e->call, NULL);
}

static void send(struct events *e, const struct told *t)
{
	const struct http_handler handler = { .end = on_end, .ctx = e };
	const int64_t now = clock_ms();

	e->calling = t->key;
	e->paced_ms = (e->paced_ms > now ? e->paced_ms : now) + EVENTS_EVERY_MS;
	if ((t->known ? send_series(e, t, &handler) : send_new(e, t, &handler)) < 0)
		back_off(e, 0); /* no memory, or no token: another time */
}

/* ---- time --------------------------------------------------------------------------------- */

/* When the next may be sent, as far as that depends on no single one. */
static int64_t free_ms(const struct events *e)
{
	const int64_t paced = e->paced_ms - (int64_t)(EVENTS_BURST - 1) * EVENTS_EVERY_MS;

	return paced > e->pause_ms ? paced : e->pause_ms;
}

int events_timeout_ms(const struct events *e)
{
	int64_t due = INT64_MAX;
	const int64_t now = clock_ms();
	size_t i;

	if (e->call || !e->told.n)
		return -1;
	for (i = 0; i < e->told.n; i++)
		if (e->told.v[i].due_ms < due)
			due = e->told.v[i].due_ms;
	if (due < free_ms(e))
		due = free_ms(e);
	return due > now ? (int)(due - now) : 0;
}

void events_work(struct events *e)
{
	const int64_t now = clock_ms();
	size_t i = 0;

	while (!e->call && i < e->told.n && free_ms(e) <= now) {
		struct told *t = &e->told.v[i];

		if (t->due_ms > now) {
			i++;
		} else if (waits(t)) {
			send(e, t);
			i++;
		} else {
			forget(e, t);
		}
	}
}

/* ---- life and questions ------------------------------------------------------------------- */

struct events *events_new(struct http *http, const char *instance,
			  void (*trouble)(void *ctx, const char *what), void *ctx)
{
	struct events *e = calloc(1, sizeof(*e));

	if (e)
		*e = (struct events){ .http = http, .instance = instance, .trouble = trouble, .ctx = ctx };
	return e;
}

void events_free(struct events *e)
{
	size_t i;

	if (!e)
		return;
	http_cancel(e->call);
	for (i = 0; i < e->told.n; i++)
		told_done(&e->told.v[i]);
	vec_done(&e->told);
	free(e);
}

void events_stats(const struct events *e, struct events_stats *ret)
{
	size_t i;

	*ret = e->stats;
	for (i = 0; i < e->told.n; i++)
		ret->waiting += waits(&e->told.v[i]) && !e->told.v[i].known;
}
