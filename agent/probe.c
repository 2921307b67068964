/* SPDX-License-Identifier: Apache-2.0 */
/* Is this process alive, and is it ready? Readiness never depends on what can go away again by itself. */
#include "probe.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "agent.h"
#include "endpoints.h"
#include "jsonx.h"
#include "requests.h"
#include "util/scope.h"

static void missing(struct json_object *list, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void missing(struct json_object *list, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	(void)json_object_array_add(list, json_object_new_string(text));
}

/* ---- the parts -------------------------------------------------------------------------------- */

/* Once it was complete it stays so, whatever becomes of the API server: source_ready(). */
static void look_at_source(struct agent *a, struct json_object *list)
{
	struct bh_err err;

	if (source_ready(a->source, &err) < 0)
		missing(list, "source %s: %s", a->opt.source, err.msg);
}

static void look_at_preparation(struct agent *a, struct json_object *list)
{
	if (!a->reconcile && !a->dp)
		missing(list, "standby: could not take over: %s", a->unprepared);
}

static void look_at_policy(struct agent *a, struct json_object *list)
{
	struct reconcile_status s;

	if (!a->reconcile || source_ready(a->source, NULL) < 0)
		return;
	reconcile_status(a->reconcile, &s);
	if (s.failing[0])
		missing(list, "policy: cannot be put in force: %s", s.failing);
	else if (!reconcile_inforce(a->reconcile))
		missing(list, "policy: not in force yet");
}

static void look_at_pins(struct agent *a, struct json_object *list)
{
	struct statvfs fs;

	if (!a->reconcile)
		return;
	if (dp_pins_ok(a->dp) <= 0)
		missing(list, "pins: not all are under %s", a->opt.pin_dir);
	if (!statvfs(a->opt.pin_dir, &fs) && fs.f_flag & ST_RDONLY)
		missing(list, "pins: %s is mounted read-only", a->opt.pin_dir);
}

static void look_at_pods(struct agent *a, struct json_object *list)
{
	const size_t n = endpoints_bare(a);

	if (!a->reconcile)
		return;
	if (n)
		missing(list,
			"pods: %zu of %zu here run without the programs (see bulkheadctl endpoints --unprotected)",
			n, a->model->endpoints.n);
	else if (!endpoints_seen(a))
		missing(list, "pods: not all have been looked at since the start");
}

static void look_at_chain(struct agent *a, struct json_object *list)
{
	struct chain_status st;

	if (!a->chain)
		return; /* nobody's business, a standby's neither, or not yet, as other parts say */
	chain_status(a->chain, &st);
	if (!st.chained)
		missing(list, "chain: %s", st.why);
}

static void (*const parts[])(struct agent *a, struct json_object *list) = {
	look_at_source, look_at_preparation, look_at_policy, look_at_pins, look_at_pods, look_at_chain,
};

void probe_missing(struct agent *a, struct json_object *list)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(parts); i++)
		parts[i](a, list);
}

/* ---- the socket ------------------------------------------------------------------------------- */

static void on_request(void *ctx, struct api_conn *conn, struct json_object *request)
{
	struct json_object *answer, *list;
	const char *op = jx_str(request, "op");

	if (op && !strcmp(op, "livez")) {
		(void)api_send(conn, jx_done());
		return;
	}
	if (!op || strcmp(op, "readyz")) {
		(void)api_send_error(conn, CODE_DECODE, "unknown op '%.32s'", op ? op : "");
		return;
	}
	answer = jx_done();
	list = json_object_new_array();
	if (ctx && list)
		probe_missing(ctx, list);
	jx_add(answer, "missing", list);
	(void)api_send(conn, answer);
}

static void on_close(void *ctx, struct api_conn *conn)
{
	(void)ctx;
	(void)conn;
}

/* An emptyDir is open to all; nobody but us has a use for it. */
static int close_dir(const char *dir, struct bh_err *err)
{
	if (mkdir(dir, 0700) < 0 && errno != EEXIST)
		return bh_err_errno(err, -errno, "cannot make '%s'", dir);
	return chmod(dir, 0700) < 0 ? bh_err_errno(err, -errno, "cannot close '%s' to others", dir) : 0;
}

int probe_serve(struct loop *loop, const char *dir, struct agent *a, struct api_server **ret,
		struct bh_err *err)
{
	const struct api_handler handler = { .on_request = on_request, .on_close = on_close, .ctx = a };
	const int r = close_dir(dir, err);

	return r < 0 ? r : agent_serve(loop, dir, &handler, ret, err);
}

int probe_open(struct agent *a, struct bh_err *err)
{
	return a->opt.probe_dir ? probe_serve(a->loop, a->opt.probe_dir, a, &a->probe, err) : 0;
}

void probe_close(struct agent *a)
{
	if (!a->probe)
		return;
	loop_del(a->loop, api_server_fd(a->probe));
	api_server_free(TAKE_PTR(a->probe));
}
