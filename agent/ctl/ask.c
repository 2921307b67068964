/* SPDX-License-Identifier: Apache-2.0 */
/* Asking the agent of this node or, through remote.c, those of all; and commands that list what they say. */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "api/api.h"
#include "ctl/ctl.h"
#include "ctl/remote.h"
#include "ctl/resume.h"
#include "util/clock.h"
#include "util/scope.h"

#define SOCKET	   API_RUN_DIR "/" API_SOCKET
#define TIMEOUT_MS 15000
#define LIST_MS	   120000 /* a million entries take ten seconds */

/* ---- asking ------------------------------------------------------------------------------- */

struct json_object *ctl_request(const struct ctl *c, const char *op)
{
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "v", json_object_new_int(API_VERSION));
	json_object_object_add(o, "op", json_object_new_string(op));
	if (c->pod)
		json_object_object_add(o, "pod", json_object_new_string(c->pod));
	if (c->unprotected)
		json_object_object_add(o, "unprotected", json_object_new_boolean(true));
	return o;
}

int64_t ctl_patience_ms(const struct ctl *c, int64_t usual_ms)
{
	const int64_t ms = c->timeout_ms ? (int64_t)c->timeout_ms : usual_ms, left = c->ends_ms - clock_ms();

	if (!c->ends_ms || ms < left)
		return ms;
	return left > 0 ? left : 0;
}

static void add_text(struct json_object *o, const char *name, const char *text)
{
	if (*text)
		(void)json_object_object_add(o, name, json_object_new_string(text));
}

void ctl_unanswered(const struct ctl *c, const char *node, const char *why, const char *hint)
{
	struct json_object *o = json_object_new_object();

	add_text(o, "node", node);
	add_text(o, "why", why);
	add_text(o, "hint", hint);
	if (c->unanswered) {
		(void)json_object_array_add(c->unanswered, o);
		return;
	}
	ctl_say_unanswered(o);
	json_object_put(o);
}

void ctl_say_unanswered(struct json_object *one)
{
	const char *node = ctl_str(one, "node"), *hint = ctl_str(one, "hint");

	ctl_say("%s%s%s%s", *node ? "node " : "", node, *node ? ": " : "", ctl_str(one, "why"));
	if (*hint)
		ctl_hint("%s", hint);
}

static int unreachable(const struct ctl *c, int r, const struct bh_err *err)
{
	const char *hint = "";
	struct bh_err other;

	if (r == -ENOENT || r == -ECONNREFUSED)
		hint = "is bulkhead-agent running? --run-dir names where its socket is";
	else if (r == -EACCES || r == -EPERM)
		hint = "only root may talk to the agent";
	else if (r == -ETIMEDOUT)
		hint = "the agent is there but does not answer";
	if (!err->msg[0])
		(void)bh_err_errno(&other, r, "cannot ask the agent");
	ctl_unanswered(c, "", err->msg[0] ? err->msg : other.msg, hint);
	return CTL_UNREACHABLE;
}

/* The agent said no. What was asked for wrongly is the caller's doing, the rest the agent's. */
static int refused(const struct ctl *c, struct json_object *last)
{
	const uint64_t code = ctl_int(last, "code");

	ctl_say("%s", ctl_str(last, "msg"));
	if (code == CTL_CODE_NOT_FOUND && c->of_policies)
		ctl_hint_policies();
	else if (code == CTL_CODE_NOT_FOUND)
		ctl_hint("'%s endpoints' lists the pods of this node", ctl_program);
	return code == CTL_CODE_NOT_FOUND || code == CTL_CODE_DECODE ? CTL_USAGE : CTL_UNREACHABLE;
}

bool ctl_answered(int code)
{
	return code == CTL_OK || code == CTL_PARTIAL;
}

bool ctl_remote_by_wish(const struct ctl *c)
{
	return !c->run_dir &&
	       (c->all_nodes || c->nodes.n || c->context || c->kubeconfig || c->agent_namespace);
}

/* A socket that only root may see is one. */
bool ctl_remote(const struct ctl *c)
{
	if (c->run_dir || ctl_remote_by_wish(c))
		return !c->run_dir;
	return access(SOCKET, F_OK) < 0 && errno != EACCES;
}

static int concluded(const struct ctl *c, struct json_object *take,
		     void (*last)(void *ctx, struct json_object *line), void *ctx)
{
	int code = CTL_OK;

	if (!ctl_bool(take, "ok"))
		code = refused(c, take);
	else if (last)
		last(ctx, take);
	json_object_put(take);
	return code;
}

static int local_answer(const struct ctl *c, struct json_object *request,
			int (*each)(void *ctx, struct json_object *item),
			void (*last)(void *ctx, struct json_object *line), void *ctx)
{
	const int timeout_ms = (int)ctl_patience_ms(c, each ? LIST_MS : TIMEOUT_MS);
	struct json_object *line = NULL;
	struct bh_err err = {};
	int r;

	r = api_call(c->run_dir ? c->run_dir : API_RUN_DIR, request, timeout_ms, each, ctx, &line, &err);
	if (r < 0)
		return unreachable(c, r, &err);
	return concluded(c, line, last, ctx);
}

struct followed {
	struct resume at;
	int (*each)(void *ctx, struct json_object *item);
	void *ctx;
};

static int take_followed(void *ctx, struct json_object *item)
{
	struct followed *f = ctx;

	if (resume_take(&f->at, item))
		ctl_say(RESUME_ANOTHER);
	f->at.failed = 0;
	return f->each(f->ctx, item);
}

/* As long as it takes: an agent that has answered once is waited for when it goes, unless another process
 * could not go on with what it has begun. */
static int local_follow(const struct ctl *c, struct json_object *request,
			int (*each)(void *ctx, struct json_object *item),
			void (*last)(void *ctx, struct json_object *line), void *ctx)
{
	struct followed f = { .each = each, .ctx = ctx };
	const int first_ms = c->silent_ms ? (int)ctl_patience_ms(c, CTL_FIRST_MS) : -1;
	const int silent_ms = c->silent_ms ? (int)c->silent_ms : -1;
	struct json_object *line = NULL;
	struct bh_err err;
	bool gone = false;
	int r;

	for (;;) {
		resume_ask(&f.at, request);
		r = api_follow(c->run_dir ? c->run_dir : API_RUN_DIR, request, first_ms, silent_ms,
			       take_followed, &f, &line, &err);
		if (r >= 0 && (!gone || ctl_int(line, "code") != CTL_CODE_RETRY))
			return concluded(c, line, last, ctx);
		if (r < 0 && (c->one_run || (r != -ECONNRESET && !gone)))
			return unreachable(c, r, &err);
		if (!f.at.failed)
			ctl_say("%s; " RESUME_LATER, r < 0 ? err.msg : ctl_str(line, "msg"));
		json_object_put(line);
		line = NULL;
		gone = true;
		(void)poll(NULL, 0, (int)resume_pause_ms(&f.at));
	}
}

/* Between an agent and those who print what it says as text; JSON and YAML have escapes of their own. */
struct cleaned {
	int (*each)(void *ctx, struct json_object *item);
	void (*last)(void *ctx, struct json_object *line);
	void *ctx;
	bool as_is;
};

static int clean_item(void *ctx, struct json_object *item)
{
	const struct cleaned *to = ctx;

	if (!to->as_is)
		ctl_clean(item);
	return to->each(to->ctx, item);
}

static void clean_last(void *ctx, struct json_object *line)
{
	const struct cleaned *to = ctx;

	if (!to->as_is)
		ctl_clean(line);
	if (to->last)
		to->last(to->ctx, line);
}

int ctl_answers(const struct ctl *c, struct json_object *take,
		int (*each)(void *ctx, struct json_object *item),
		void (*last)(void *ctx, struct json_object *line), void *ctx)
{
	struct cleaned to = { each, last, ctx, c->json };
	int code;

	if (!take) {
		ctl_say("no memory");
		return CTL_UNREACHABLE;
	}
	if (ctl_remote(c))
		code = remote_answers(c, take, each ? clean_item : NULL, clean_last, &to);
	else if (c->follow)
		code = local_follow(c, take, clean_item, clean_last, &to);
	else
		code = local_answer(c, take, each ? clean_item : NULL, clean_last, &to);
	json_object_put(take);
	return code;
}

struct one_answer {
	int (*each)(void *ctx, struct json_object *item);
	void *ctx;
	struct json_object *line;
};

static int pass_on(void *ctx, struct json_object *item)
{
	struct one_answer *a = ctx;

	return a->each(a->ctx, item);
}

static void take_first(void *ctx, struct json_object *line)
{
	struct one_answer *a = ctx;

	if (!a->line)
		a->line = json_object_get(line);
}

int ctl_call(const struct ctl *c, struct json_object *take, int (*each)(void *ctx, struct json_object *item),
	     void *ctx, struct json_object **ret)
{
	struct one_answer a = { .each = each, .ctx = ctx };
	const int code = ctl_answers(c, take, each ? pass_on : NULL, take_first, &a);

	if (!ctl_answered(code)) {
		json_object_put(a.line);
		return code;
	}
	*ret = a.line;
	return each ? code : CTL_OK;
}

/* ---- lists -------------------------------------------------------------------------------- */

struct list {
	struct table *table;
	void (*row)(struct table *t, struct json_object *item);
};

struct table *ctl_table(const struct ctl *c, const char *const *heads)
{
	return ctl_remote(c) ? table_new_led("NODE", heads) : table_new(heads);
}

static int take_item(void *ctx, struct json_object *item)
{
	ctl_item(ctx, item);
	return 0;
}

static int take_row(void *ctx, struct json_object *item)
{
	struct list *l = ctx;

	table_lead(l->table, ctl_str(item, "node"));
	l->row(l->table, item);
	return 0;
}

static int list_items(const struct ctl *c, const char *op)
{
	struct ctl_items items = { .c = c };
	const int code = ctl_answers(c, ctl_request(c, op), take_item, NULL, &items);

	if (ctl_answered(code) || items.n)
		ctl_items_end(&items);
	return code;
}

int ctl_list(const struct ctl *c, const char *op, const char *const *heads,
	     void (*row)(struct table *t, struct json_object *item), const char *none)
{
	struct list l = { .row = row };
	int code;

	if (c->json)
		return list_items(c, op);
	l.table = ctl_table(c, heads);
	if (!l.table)
		return CTL_UNREACHABLE;
	code = ctl_answers(c, ctl_request(c, op), take_row, NULL, &l);
	if (ctl_answered(code) && table_rows(l.table))
		table_print(l.table, stdout, c->colours);
	else if (ctl_answered(code))
		ctl_say("%s", none);
	table_free(l.table);
	return code;
}
