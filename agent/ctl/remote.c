/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One request to the agents of many nodes at once: a kubectl for each, so many at a time, none waits for
 * another. What they say is given out node by node when all have ended or, of what is followed, as it comes,
 * sorted by time for as long as a slow node may need to catch up.
 */
#include "ctl/remote.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>

#include "api/api.h"
#include "ctl/process.h"
#include "ctl/resume.h"
#include "util/buf.h"
#include "util/clock.h"
#include "util/scope.h"

#define PROGRAM	      "/usr/bin/bulkheadctl" /* in the image */
#define PARALLEL      16
#define FOLLOWED_MAX  128 /* each is a kubectl for as long as it lasts */
#define SILENT_MS     15000
#define LAST_WORDS_MS 500
#define HOLD_MS	      300	   /* for what another node has to say of the same moment */
#define ANSWER_MAX    (128u << 20) /* of one node: with every session that there is room for */
#define CHUNK	      65536

/* One agent. */
struct call {
	const struct agent_pod *pod;
	struct process p;
	bool told;	     /* that it failed */
	bool over;	     /* answered, or failed: `why` */
	bool connected;	     /* followed: the agent's socket has been reached, once */
	int64_t due_ms;	     /* 0: no more of that */
	int64_t patience_ms; /* of which that is the end */
	int64_t next_ms;     /* not started before */
	struct resume at;    /* followed: where to go on */
	struct buf request;  /* followed: with that */
	size_t sent;	     /* of the request */
	struct buf in;	     /* what has no end of line yet */
	struct buf said;     /* on stderr */
	struct buf kept;     /* items, one a line, until all are given out */
	struct json_object *last;
	char why[REMOTE_WHY];
};

/* An item that waits for its turn. */
struct held {
	struct json_object *item;
	int64_t came_ms;
	size_t number; /* in the order of coming */
};

struct remote {
	const struct ctl *c;
	int (*each)(void *ctx, struct json_object *item);
	void *ctx;
	struct json_object *request;
	VEC(struct call) calls;
	VEC(struct held) held;
	size_t numbers;
	int stopped; /* what each() said, if it wants no more */
};

/* ---- giving out --------------------------------------------------------------------------- */

static void add_node(struct json_object *o, const struct call *k)
{
	(void)json_object_object_add(o, "node", json_object_new_string(k->pod->node));
}

static void give(struct remote *r, struct json_object *item)
{
	if (r->each && !r->stopped)
		r->stopped = r->each(r->ctx, item);
}

static int by_time(const void *x, const void *y)
{
	const struct held *a = x, *b = y;
	const int r = strcmp(ctl_str(a->item, "time"), ctl_str(b->item, "time"));

	return r ? r : (a->number > b->number) - (a->number < b->number);
}

static void hold(struct remote *r, const struct call *k, struct json_object *item)
{
	struct held *h = vec_add(&r->held);

	add_node(item, k);
	if (h)
		*h = (struct held){ json_object_get(item), clock_ms(), r->numbers++ };
}

/* Gives out what came before @until_ms, and what has an earlier time than any of it. */
static void release(struct remote *r, int64_t until_ms)
{
	size_t i, n = 0;

	if (r->c->by_time)
		vec_sort(&r->held, by_time);
	for (i = 0; i < r->held.n; i++)
		if (r->held.v[i].came_ms <= until_ms)
			n = i + 1;
	for (i = 0; i < n; i++) {
		give(r, r->held.v[i].item);
		json_object_put(r->held.v[i].item);
	}
	if (n)
		memmove(r->held.v, r->held.v + n, (r->held.n - n) * sizeof(*r->held.v));
	r->held.n -= n;
}

/* ---- one agent's answer ------------------------------------------------------------------- */

static void end_call(struct call *k, bool patient)
{
	(void)process_end(&k->p, patient);
	buf_done(&k->request);
	k->over = true;
}

__attribute__((format(printf, 2, 3))) static void fail(struct call *k, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(k->why, sizeof(k->why), fmt, ap);
	va_end(ap);
	end_call(k, false);
}

static void follow_item(struct remote *r, struct call *k, struct json_object *item)
{
	if (resume_take(&k->at, item))
		ctl_say("node %s: " RESUME_ANOTHER, k->pod->node);
	hold(r, k, item);
}

static void take_item(struct remote *r, struct call *k, struct json_object *item, const char *line)
{
	if (r->c->follow)
		follow_item(r, k, item);
	else if (r->each && (buf_str(&k->kept, line) < 0 || buf_str(&k->kept, "\n") < 0))
		fail(k, "its answer is longer than %u bytes", ANSWER_MAX);
}

static void take_line(struct remote *r, struct call *k, const char *line)
{
	struct json_object *o = json_tokener_parse(line), *item = ctl_get(o, "item");

	if (!json_object_is_type(o, json_type_object)) {
		fail(k, "what it says is no answer of ours: '%.60s'", line);
	} else if (ctl_bool(o, "done")) {
		k->last = json_object_get(o);
		add_node(k->last, k);
		end_call(k, false);
	} else if (json_object_is_type(item, json_type_object)) {
		take_item(r, k, item, line);
	}
	if (r->c->follow) {
		k->patience_ms = item ? (int64_t)r->c->silent_ms : ctl_patience_ms(r->c, CTL_FIRST_MS);
		k->due_ms = r->c->silent_ms ? clock_ms() + k->patience_ms : 0;
	}
	if (!k->over) {
		k->connected = true;
		k->at.failed = 0;
	}
	json_object_put(o);
}

static void take_lines(struct remote *r, struct call *k)
{
	size_t begin = 0;
	char *end;

	while (!k->over && (end = memchr(k->in.data + begin, '\n', k->in.len - begin))) {
		*end = '\0';
		take_line(r, k, k->in.data + begin);
		begin = (size_t)(end - k->in.data) + 1;
	}
	buf_drop(&k->in, begin);
}

/* Return: whether there may be more. */
static bool read_chunk(int fd, struct buf *to)
{
	char chunk[CHUNK];
	const ssize_t n = read(fd, chunk, sizeof(chunk));

	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	return n > 0 && !buf_add(to, chunk, (size_t)n);
}

/* It has closed its end without an answer: what it said on stderr is why. */
static void hung_up(struct call *k)
{
	struct pollfd err = { .fd = k->p.err, .events = POLLIN };

	while (poll(&err, 1, LAST_WORDS_MS) > 0 && read_chunk(k->p.err, &k->said))
		;
	if (k->said.len)
		(void)remote_why(k->said.data, k->why);
	if (!*k->why)
		(void)snprintf(k->why, sizeof(k->why), "kubectl ended without an answer");
	end_call(k, false);
}

static void wait_from_now(const struct remote *r, struct call *k)
{
	k->patience_ms = ctl_patience_ms(r->c, SILENT_MS);
	k->due_ms = clock_ms() + k->patience_ms;
}

static void on_output(struct remote *r, struct call *k)
{
	const bool more = read_chunk(k->p.out, &k->in);

	if (!r->c->follow)
		wait_from_now(r, k);
	if (k->in.len)
		take_lines(r, k);
	if (!more && !k->over)
		hung_up(k);
}

static void on_writable(struct call *k)
{
	const ssize_t n = send(k->p.in, k->request.data + k->sent, k->request.len - k->sent, MSG_NOSIGNAL);

	if (n > 0)
		k->sent += (size_t)n;
	else if (n < 0 && errno != EAGAIN && errno != EINTR)
		k->sent = k->request.len; /* stdout's end tells what became of it */
}

/* Return: 0, or -errno: it is too long, or there is no memory. */
static int write_request(struct remote *r, struct call *k)
{
	const char *text;
	size_t len;

	buf_clear(&k->request);
	k->sent = 0;
	if (r->c->follow)
		resume_ask(&k->at, r->request);
	text = api_text(r->request, &len);
	if (!text || buf_add(&k->request, text, len) < 0)
		return -ENOMEM;
	return buf_str(&k->request, "\n");
}

/* ---- all of them -------------------------------------------------------------------------- */

static void start(struct remote *r, struct call *k)
{
	const char *const args[] = {
		"exec", "-i",	 "-n",	    k->pod->ns, k->pod->pod, "-c", k->pod->container,
		"--",	PROGRAM, "request", NULL
	};
	char **argv = remote_argv(r->c, args);
	struct bh_err err = { "no memory" };

	if (r->c->ends_ms && clock_ms() >= r->c->ends_ms)
		fail(k, "not asked: the time was over");
	else if (write_request(r, k) < 0)
		fail(k, "the request is longer than %u bytes, or there is no memory", API_LONG_MAX);
	else if (strcmp(k->pod->phase, "Running"))
		fail(k, "its agent's pod %s/%s is %s", k->pod->ns, k->pod->pod, k->pod->phase);
	else if (!argv || process_start(argv, &k->p, &err) < 0)
		fail(k, "%s", err.msg);
	wait_from_now(r, k);
	remote_argv_free(argv);
}

/* Return: how many run. */
static size_t start_some(struct remote *r)
{
	const size_t most = r->c->follow ? FOLLOWED_MAX : PARALLEL;
	size_t i, running = 0;

	for (i = 0; i < r->calls.n && running < most; i++) {
		struct call *k = &r->calls.v[i];

		if (!k->over && !k->p.pid && clock_ms() >= k->next_ms)
			start(r, k);
		running += !k->over;
	}
	return running;
}

/* When something is to be done though nobody says anything. */
static int wait_ms(const struct remote *r)
{
	int64_t due = r->held.n ? clock_ms() + HOLD_MS : INT64_MAX;
	size_t i;

	for (i = 0; i < r->calls.n; i++) {
		const struct call *k = &r->calls.v[i];
		const int64_t next = k->p.pid ? k->due_ms : k->over ? 0 : k->next_ms;

		if (next && next < due)
			due = next;
	}
	if (due == INT64_MAX)
		return -1;
	due -= clock_ms();
	return due < 0 ? 0 : (int)due;
}

static void handle(struct remote *r, struct call *k, const struct pollfd *fds)
{
	if (fds[2].revents && !read_chunk(k->p.err, &k->said)) {
		scope_close(&k->p.err);
		k->p.err = -1;
	}
	if (fds[0].revents)
		on_writable(k);
	if (fds[1].revents)
		on_output(r, k);
	else if (k->due_ms && clock_ms() >= k->due_ms)
		fail(k, "no answer in %llu s", (unsigned long long)k->patience_ms / 1000);
}

static void turn(struct remote *r)
{
	struct pollfd fds[3 * FOLLOWED_MAX];
	struct call *of[FOLLOWED_MAX];
	size_t i, n = 0;

	for (i = 0; i < r->calls.n && n < ARRAY_SIZE(of); i++) {
		struct call *k = &r->calls.v[i];

		if (!k->p.pid)
			continue;
		of[n] = k;
		fds[3 * n] =
			(struct pollfd){ .fd = k->sent < k->request.len ? k->p.in : -1, .events = POLLOUT };
		fds[3 * n + 1] = (struct pollfd){ .fd = k->p.out, .events = POLLIN };
		fds[3 * n + 2] = (struct pollfd){ .fd = k->p.err, .events = POLLIN };
		n++;
	}
	if (poll(fds, 3 * n, wait_ms(r)) < 0)
		return; /* a signal */
	for (i = 0; i < n; i++)
		handle(r, of[i], &fds[3 * i]);
}

/* One that is followed and has been reached is asked again when it, or the way to it, has gone. */
static void ask_again(struct remote *r, struct call *k)
{
	const char *why = k->last ? ctl_str(k->last, "msg") : k->why;

	if (r->c->one_run || !k->over || !k->connected ||
	    (k->last && ctl_int(k->last, "code") != CTL_CODE_RETRY))
		return;
	if (!k->at.failed)
		ctl_say("node %s: %s; " RESUME_LATER, k->pod->node, why);
	else
		remote_renew(r->c, k->pod);
	json_object_put(k->last);
	k->last = NULL;
	k->why[0] = '\0';
	buf_clear(&k->in);
	buf_clear(&k->said);
	k->over = false;
	k->next_ms = clock_ms() + resume_pause_ms(&k->at);
}

/* Nothing is given out before each node has been reached or given up: its past comes with its first words. */
static void release_some(struct remote *r)
{
	size_t i;

	for (i = 0; i < r->calls.n; i++)
		if (!r->calls.v[i].over && !r->calls.v[i].connected)
			return;
	release(r, clock_ms() - HOLD_MS);
}

static void give_kept(struct remote *r)
{
	size_t i;

	for (i = 0; i < r->calls.n && !r->stopped; i++) {
		struct call *k = &r->calls.v[i];
		char *save = NULL, *line = k->kept.len ? strtok_r(k->kept.data, "\n", &save) : NULL;

		for (; line && !r->stopped; line = strtok_r(NULL, "\n", &save)) {
			struct json_object *o = json_tokener_parse(line), *item = ctl_get(o, "item");

			if (r->c->by_time) {
				hold(r, k, item);
			} else {
				add_node(item, k);
				give(r, item);
			}
			json_object_put(o);
		}
		buf_done(&k->kept);
	}
	release(r, INT64_MAX);
}

/* ---- what came of it ---------------------------------------------------------------------- */

static bool said(const struct call *k, bool ok, uint64_t code)
{
	return k->last && ctl_bool(k->last, "ok") == ok && (ok || !code || ctl_int(k->last, "code") == code);
}

static size_t count(const struct remote *r, bool ok, uint64_t code)
{
	size_t i, n = 0;

	for (i = 0; i < r->calls.n; i++)
		n += said(&r->calls.v[i], ok, code);
	return n;
}

/* Nobody knows it: told once. */
static void say_not_found(const struct remote *r)
{
	auto_free const char **msgs = calloc(r->calls.n, sizeof(*msgs));
	size_t i, n = 0;

	for (i = 0; msgs && i < r->calls.n; i++)
		if (said(&r->calls.v[i], false, CTL_CODE_NOT_FOUND))
			msgs[n++] = ctl_str(r->calls.v[i].last, "msg");
	if (n)
		remote_say_not_found(msgs, n);
	if (r->c->of_policies)
		ctl_hint_policies();
	else
		ctl_hint("'%s endpoints' lists the pods", ctl_program);
}

/* Return: how many did not answer, or refused for another reason than that they do not know it. */
static size_t say_failures(struct remote *r)
{
	size_t i, n = 0;

	for (i = 0; i < r->calls.n; i++) {
		struct call *k = &r->calls.v[i];

		if (!k->over || said(k, true, 0) || said(k, false, CTL_CODE_NOT_FOUND))
			continue;
		n++;
		if (!k->told && !k->last && r->c->silent)
			(void)json_object_object_add(r->c->silent, k->pod->node,
						     json_object_new_string(k->why));
		else if (!k->told)
			ctl_unanswered(r->c, k->pod->node, k->last ? ctl_str(k->last, "msg") : k->why, "");
		k->told = true;
	}
	return n;
}

static int conclude(struct remote *r, void (*last)(void *ctx, struct json_object *line))
{
	const size_t ok = count(r, true, 0), unknown = count(r, false, CTL_CODE_NOT_FOUND);
	const size_t bad = count(r, false, CTL_CODE_DECODE), failed = say_failures(r);
	size_t i;

	for (i = 0; last && i < r->calls.n; i++)
		if (said(&r->calls.v[i], true, 0))
			last(r->ctx, r->calls.v[i].last);
	if (ok)
		return failed ? CTL_PARTIAL : CTL_OK;
	if (unknown)
		say_not_found(r);
	if (failed > bad)
		return unknown ? CTL_PARTIAL : CTL_UNREACHABLE;
	return CTL_USAGE;
}

static void remote_done(struct remote *r)
{
	size_t i;

	for (i = 0; i < r->calls.n; i++) {
		struct call *k = &r->calls.v[i];

		(void)process_end(&k->p, false);
		buf_done(&k->request);
		buf_done(&k->in);
		buf_done(&k->said);
		buf_done(&k->kept);
		json_object_put(k->last);
	}
	for (i = 0; i < r->held.n; i++)
		json_object_put(r->held.v[i].item);
	vec_done(&r->held);
	vec_done(&r->calls);
}

/* Who was silent when it was asked something else. */
static void leave_out(const struct remote *r, struct call *k)
{
	struct json_object *why;

	if (!json_object_object_get_ex(r->c->unasked, k->pod->node, &why))
		return;
	(void)snprintf(k->why, sizeof(k->why), "%s", json_object_get_string(why));
	k->over = true;
}

static int prepare(struct remote *r, const struct agent_pods *pods)
{
	size_t i;

	if (r->c->follow && pods->v.n > FOLLOWED_MAX) {
		ctl_say("more than %d nodes cannot be followed at once; there are %zu", FOLLOWED_MAX,
			pods->v.n);
		ctl_hint("--node NAME chooses some");
		return CTL_USAGE;
	}
	for (i = 0; i < pods->v.n; i++) {
		struct call *k = vec_add(&r->calls);

		if (!k)
			return CTL_UNREACHABLE;
		*k = (struct call){ .pod = &pods->v.v[i],
				    .p = { .in = -1, .out = -1, .err = -1 },
				    .request = BUF_INIT(API_LONG_MAX),
				    .in = BUF_INIT(API_LINE_MAX + CHUNK),
				    .said = BUF_INIT(1 << 16),
				    .kept = BUF_INIT(ANSWER_MAX) };
		leave_out(r, k);
	}
	return CTL_OK;
}

int remote_answers(const struct ctl *c, struct json_object *request,
		   int (*each)(void *ctx, struct json_object *item),
		   void (*last)(void *ctx, struct json_object *line), void *ctx)
{
	struct remote r = { .c = c, .each = each, .ctx = ctx, .request = request };
	const struct agent_pods *pods;
	int code = remote_pods(c, &pods);
	size_t i;

	if (code != CTL_OK)
		return code;
	code = prepare(&r, pods);
	while (code == CTL_OK && !r.stopped && start_some(&r)) {
		turn(&r);
		if (!c->follow)
			continue;
		release_some(&r);
		for (i = 0; i < r.calls.n; i++)
			ask_again(&r, &r.calls.v[i]);
		(void)say_failures(&r); /* now, because the others may go on for days */
	}
	if (code == CTL_OK)
		give_kept(&r);
	if (code == CTL_OK)
		code = conclude(&r, last);
	remote_done(&r);
	return code;
}
