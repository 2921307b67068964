/* SPDX-License-Identifier: Apache-2.0 */
/* What several commands need: notes, time, the lock, questions to the agent. */
#include "command.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "util/scope.h"

#define UNSAID "(no reason given)"

/*
 * While one agent takes over from another nobody listens, for some 20 ms; while the only one starts again,
 * for as long as the kernel needs to check its programs. An ADD sits that out, and no longer: with the agent
 * really away each ADD holds one of the runtime's workers for so long, and kubelet asks again by itself.
 */
#define GAP_MS	     500
#define GAP_RETRY_MS 20

void note(struct call *c, const char *fmt, ...)
{
	char line[512];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	(void)buf_fmt(&c->notes, "bulkhead: %s\n", line);
}

int64_t now_ms(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int left_ms(const struct call *c)
{
	const int64_t left = c->start_ms + c->conf->timeout_ms - now_ms();

	return left > 0 ? (int)left : 0;
}

struct hook hook_of(const struct call *c, const struct hash128 *key, uint32_t ifindex)
{
	return (struct hook){ .pin_dir = c->conf->pin_dir, .key = *key, .ifindex = ifindex };
}

/* ---- questions -------------------------------------------------------------------------- */

static bool put(struct json_object *o, const char *key, struct json_object *value)
{
	if (value && !json_object_object_add(o, key, value))
		return true;
	json_object_put(value);
	return false;
}

static struct json_object *request_of(const char *op)
{
	struct json_object *o = json_object_new_object();

	if (o && put(o, "v", json_object_new_int(API_VERSION)) && put(o, "op", json_object_new_string(op)))
		return o;
	json_object_put(o);
	return NULL;
}

static const char *text_of(struct json_object *o, const char *key)
{
	struct json_object *v = NULL;

	if (json_object_object_get_ex(o, key, &v) && json_object_is_type(v, json_type_string))
		return json_object_get_string(v);
	return UNSAID;
}

static int judge(const struct call *c, struct json_object *answer, struct bh_err *err)
{
	struct json_object *ok = NULL, *code = NULL;

	(void)json_object_object_get_ex(answer, "ok", &ok);
	if (json_object_is_type(ok, json_type_boolean) && json_object_get_boolean(ok))
		return 0;
	(void)json_object_object_get_ex(answer, "code", &code);
	return bh_err_set(err, json_object_get_int(code) == CNI_TRY_AGAIN ? CNI_TRY_AGAIN : 1,
			  "%s/" API_SOCKET ": the agent says: %s", c->conf->run_dir, text_of(answer, "msg"));
}

/* Takes @request. */
static int ask(const struct call *c, struct json_object *request, int timeout_ms, struct bh_err *err)
{
	struct json_object *answer = NULL;
	int r = api_call(c->conf->run_dir, request, timeout_ms, NULL, NULL, &answer, err);

	if (!r)
		r = judge(c, answer, err);
	json_object_put(answer);
	json_object_put(request);
	return r;
}

/* As ask(), again and again while nobody listens or who listened is gone. The agent takes an add twice. */
static int ask_over_gap(const struct call *c, struct json_object *request, int timeout_ms, struct bh_err *err)
{
	const int64_t end = now_ms() + timeout_ms;
	int64_t gap_end = 0, now;
	int r;

	for (;;) {
		now = now_ms();
		r = ask(c, json_object_get(request), end > now ? (int)(end - now) : 0, err);
		now = now_ms();
		if (!gap_end)
			gap_end = now + GAP_MS < end ? now + GAP_MS : end;
		if ((!is_nobody(r) && r != -ECONNRESET) || now + GAP_RETRY_MS >= gap_end)
			return r;
		(void)usleep(GAP_RETRY_MS * 1000);
	}
}

int ask_add(const struct call *c, const struct api_endpoint *e, int timeout_ms, struct bh_err *err)
{
	struct json_object *request = request_of("add");
	int r;

	if (request && put(request, "endpoint", api_endpoint_encode(e)))
		r = ask_over_gap(c, request, timeout_ms, err);
	else
		r = bh_err_set(err, -ENOMEM, "out of memory");
	json_object_put(request);
	return r;
}

int ask_owner(const struct call *c, const char *op, const struct endpoint *e, int timeout_ms,
	      struct bh_err *err)
{
	struct json_object *request = request_of(op);

	if (request && put(request, "network", json_object_new_string(e->network)) &&
	    put(request, "container", json_object_new_string(e->container)) &&
	    put(request, "ifname", json_object_new_string(e->ifname)))
		return ask(c, request, timeout_ms, err);
	json_object_put(request);
	return bh_err_set(err, -ENOMEM, "out of memory");
}

bool is_nobody(int r)
{
	return r == -ENOENT || r == -ECONNREFUSED;
}
