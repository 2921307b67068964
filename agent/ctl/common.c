/* SPDX-License-Identifier: Apache-2.0 */
/* Asking the agent, and small forms of text. */
#include "ctl/ctl.h"

#include <errno.h>
#include <string.h>

#include "api/api.h"
#include "util/scope.h"

#define TIMEOUT_MS     10000
#define LIST_MS	       120000 /* a million entries take ten seconds */
#define CODE_DECODE    6      /* as the agent answers: agent/requests.h */
#define CODE_NOT_FOUND 101

/* ---- fields ------------------------------------------------------------------------------- */

struct json_object *ctl_get(struct json_object *o, const char *name)
{
	struct json_object *v = NULL;

	(void)json_object_object_get_ex(o, name, &v);
	return v;
}

const char *ctl_str(struct json_object *o, const char *name)
{
	struct json_object *v = ctl_get(o, name);

	return v && json_object_is_type(v, json_type_string) ? json_object_get_string(v) : "";
}

uint64_t ctl_int(struct json_object *o, const char *name)
{
	return json_object_get_uint64(ctl_get(o, name));
}

bool ctl_bool(struct json_object *o, const char *name)
{
	return json_object_get_boolean(ctl_get(o, name));
}

const char *ctl_join(struct json_object *list, char *ret, size_t size)
{
	const size_t n = json_object_is_type(list, json_type_array) ? json_object_array_length(list) : 0;
	size_t i, used = 0;

	ret[0] = '\0';
	for (i = 0; i < n && used < size; i++) {
		const int len = snprintf(ret + used, size - used, "%s%s", i ? ", " : "",
					 json_object_get_string(json_object_array_get_idx(list, i)));

		used += len < 0 ? 0 : (size_t)len;
	}
	if (used >= size && size > 4)
		memcpy(ret + size - 4, "...", 4);
	return ret;
}

void ctl_print_behind(FILE *out, struct json_object *o)
{
	char behind[2048];

	if (*ctl_join(ctl_get(o, "behind"), behind, sizeof(behind)))
		(void)fprintf(out, ", because of %s behind service '%s'", behind, ctl_str(o, "service"));
}

const char *ctl_end(const char *addr, uint64_t port, char ret[CTL_END_MAX])
{
	const bool v6 = strchr(addr, ':');

	if (!port)
		(void)snprintf(ret, CTL_END_MAX, "%s", addr);
	else
		(void)snprintf(ret, CTL_END_MAX, v6 ? "[%.60s]:%u" : "%.60s:%u", addr, (unsigned int)port);
	return ret;
}

const char *ctl_duration(uint64_t ms, char ret[24])
{
	static const struct {
		uint64_t from_ms, unit_ms;
		const char *unit;
	} steps[] = {
		{ 2 * 86400000ull, 86400000ull, "d" },
		{ 2 * 3600000ull, 3600000ull, "h" },
		{ 120000, 60000, "min" },
		{ 2000, 1000, "s" },
		{ 0, 1, "ms" },
	};
	size_t i = 0;

	while (ms < steps[i].from_ms)
		i++;
	(void)snprintf(ret, 24, "%llu %s", (unsigned long long)(ms / steps[i].unit_ms), steps[i].unit);
	return ret;
}

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

static int unreachable(int r, const struct bh_err *err)
{
	const char *hint = "";

	if (r == -ENOENT || r == -ECONNREFUSED)
		hint = "is bulkhead-agent running? --run-dir names where its socket is";
	else if (r == -EACCES || r == -EPERM)
		hint = "only root may talk to the agent";
	else if (r == -ETIMEDOUT)
		hint = "the agent is there but does not answer";
	ctl_say("%s", err->msg[0] ? err->msg : strerror(-r));
	if (*hint)
		ctl_hint("%s", hint);
	return CTL_UNREACHABLE;
}

/* The agent said no. What was asked for wrongly is the caller's doing, the rest the agent's. */
static int refused(struct json_object *last)
{
	const uint64_t code = ctl_int(last, "code");

	ctl_say("%s", ctl_str(last, "msg"));
	if (code == CODE_NOT_FOUND)
		ctl_hint("'%s endpoints' lists the pods of this node", ctl_program);
	return code == CODE_NOT_FOUND || code == CODE_DECODE ? CTL_USAGE : CTL_UNREACHABLE;
}

int ctl_call(const struct ctl *c, struct json_object *take, int (*each)(void *ctx, struct json_object *item),
	     void *ctx, struct json_object **ret)
{
	struct json_object *last = NULL;
	struct bh_err err = {};
	int r;

	if (!take) {
		ctl_say("no memory");
		return CTL_UNREACHABLE;
	}
	r = api_call(c->run_dir, take, c->follow ? -1 : each ? LIST_MS : TIMEOUT_MS, each, ctx, &last, &err);
	json_object_put(take);
	if (r < 0)
		return unreachable(r, &err);
	if (!ctl_bool(last, "ok")) {
		r = refused(last);
		json_object_put(last);
		return r;
	}
	*ret = last;
	return CTL_OK;
}

/* ---- lists -------------------------------------------------------------------------------- */

struct list {
	struct table *table;
	void (*row)(struct table *t, struct json_object *item);
};

static int take_item(void *ctx, struct json_object *item)
{
	ctl_item(ctx, item);
	return 0;
}

static int take_row(void *ctx, struct json_object *item)
{
	struct list *l = ctx;

	l->row(l->table, item);
	return 0;
}

static int list_items(const struct ctl *c, const char *op)
{
	struct ctl_items items = { .c = c };
	struct json_object *last = NULL;
	const int code = ctl_call(c, ctl_request(c, op), take_item, &items, &last);

	if (code == CTL_OK || items.n)
		ctl_items_end(&items);
	json_object_put(last);
	return code;
}

int ctl_list(const struct ctl *c, const char *op, const char *const *heads,
	     void (*row)(struct table *t, struct json_object *item))
{
	struct list l = { .row = row };
	struct json_object *last = NULL;
	int code;

	if (c->json)
		return list_items(c, op);
	l.table = table_new(heads);
	if (!l.table)
		return CTL_UNREACHABLE;
	code = ctl_call(c, ctl_request(c, op), take_row, &l, &last);
	if (code == CTL_OK)
		table_print(l.table, stdout, c->colours);
	table_free(l.table);
	json_object_put(last);
	return code;
}
