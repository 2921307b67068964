/* SPDX-License-Identifier: Apache-2.0 */
/* One Pod, narrowed to one annotation. */
#include "kube/own.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kube/ask.h"
#include "kube/value.h"
#include "util/buf.h"
#include "util/scope.h"

#define PATH_MAX_BYTES 1024

struct own {
	struct own_hooks hooks;
	char *path, *fields, *mark; /* mark: NULL: none */
	struct watch_spec spec;
	struct watch *watch;
};

static const char *mark_of(struct json_object *pod)
{
	return value_text(value_get(value_get(value_get(pod, "metadata"), "annotations"), OWN_RETIRE));
}

/* A mark that is taken away again changes nothing: what has been left is left. */
static int on_put(void *ctx, struct watch *w, struct json_object *pod, struct bh_err *err)
{
	struct own *o = ctx;
	const char *mark = mark_of(pod);

	(void)w;
	if (!mark || (o->mark && !strcmp(o->mark, mark)))
		return 0;
	free(o->mark);
	o->mark = strdup(mark);
	if (!o->mark)
		return bh_err_set(err, -ENOMEM, "no memory");
	o->hooks.retire(o->hooks.ctx, o->mark);
	return 0;
}

static int on_del(void *ctx, struct watch *w, struct json_object *pod, struct bh_err *err)
{
	(void)ctx;
	(void)w;
	(void)pod;
	(void)err;
	return 0;
}

static void on_synced(void *ctx, struct watch *w)
{
	(void)ctx;
	(void)w;
}

/* That the server is away others say, too. */
static void on_trouble(void *ctx, struct watch *w, const char *what)
{
	const struct own *o = ctx;

	if (what && !watch_is_cut_off(w) && o->hooks.trouble)
		o->hooks.trouble(o->hooks.ctx, what);
}

static struct watch *make_watch(struct own *o, struct http *http)
{
	static const struct scan_keep annotations[] = { { OWN_RETIRE, NULL },
							{ "k8s.io/initial-events-end", NULL },
							{ NULL, NULL } };
	static const struct scan_keep metadata[] = {
		{ "name", NULL }, { "resourceVersion", NULL }, { "annotations", annotations }, { NULL, NULL }
	};
	static const struct scan_keep keep[] = { { "apiVersion", NULL },   { "kind", NULL },
						 { "metadata", metadata }, { "code", NULL },
						 { "message", NULL },	   { NULL, NULL } };
	const struct watch_hooks hooks = {
		.put = on_put, .del = on_del, .synced = on_synced, .trouble = on_trouble, .ctx = o
	};

	o->spec = (struct watch_spec){ .name = "own pod",
				       .path = o->path,
				       .fields = o->fields,
				       .api_version = "v1",
				       .kind = "Pod",
				       .keep = keep };
	return watch_new(http, &o->spec, &hooks);
}

struct own *own_new(struct http *http, const char *ns, const char *name, const struct own_hooks *hooks)
{
	struct own *o = calloc(1, sizeof(*o));

	if (!o)
		return NULL;
	o->hooks = *hooks;
	if (asprintf(&o->path, "/api/v1/namespaces/%s/pods", ns) < 0)
		o->path = NULL;
	if (asprintf(&o->fields, "metadata.name=%s", name) < 0)
		o->fields = NULL;
	if (o->path && o->fields)
		o->watch = make_watch(o, http);
	if (!o->watch) {
		own_free(o);
		return NULL;
	}
	return o;
}

void own_free(struct own *o)
{
	if (!o)
		return;
	watch_free(o->watch);
	free(o->path);
	free(o->fields);
	free(o->mark);
	free(o);
}

struct watch *own_watch(struct own *o)
{
	return o->watch;
}

int own_ask(struct http *http, const char *ns, const char *name, unsigned int timeout_ms, char **ret,
	    struct bh_err *err)
{
	auto_buf struct buf path = BUF_INIT(PATH_MAX_BYTES);
	struct http_request request = { .timeout_ms = timeout_ms };
	struct json_object *pod;
	const char *mark;
	int r = buf_fmt(&path, "/api/v1/namespaces/%s/pods/%s", ns, name);

	if (r < 0)
		return bh_err_errno(err, r, "the name of our own pod");
	request.path = path.data;
	r = kube_ask_object(http, &request, "own pod", &pod, err);
	if (r < 0)
		return r;
	mark = mark_of(pod);
	*ret = mark ? strdup(mark) : NULL;
	json_object_put(pod);
	return mark && !*ret ? bh_err_set(err, -ENOMEM, "no memory") : 0;
}
