/* SPDX-License-Identifier: Apache-2.0 */
/* The table of what there is to see, and the two probes. */
#include "pages.h"

#include <errno.h>
#include <json-c/json.h>
#include <string.h>

#include "agent.h"
#include "http/web.h"
#include "metrics.h"
#include "probe.h"
#include "util/log.h"
#include "util/scope.h"

static void on_livez(void *ctx, const struct web_request *request, struct web_answer *ret)
{
	(void)ctx;
	(void)request;
	(void)buf_str(&ret->body, "ok\n");
}

/* What is missing, a line each; the same as `bulkhead-agent probe readyz`. */
static void on_readyz(void *ctx, const struct web_request *request, struct web_answer *ret)
{
	struct json_object *list = json_object_new_array();
	size_t i, n;

	(void)request;
	if (list)
		probe_missing(ctx, list);
	n = list ? json_object_array_length(list) : 0;
	for (i = 0; i < n; i++)
		(void)buf_fmt(&ret->body, "%s\n", json_object_get_string(json_object_array_get_idx(list, i)));
	if (n || !list)
		ret->status = 503;
	else
		(void)buf_str(&ret->body, "ok\n");
	json_object_put(list);
}

static void on_metrics(void *ctx, const struct web_request *request, struct web_answer *ret)
{
	int r;

	(void)request;
	ret->type = EXPOSITION_TYPE;
	r = metrics_write(ctx, &ret->body);
	if (!r)
		return;
	log_error("metrics: cannot answer with all of them: %s; see the limits in docs/metrics.md",
		  bh_errno_text(r));
	ret->status = 500;
	buf_clear(&ret->body);
}

static void on_told(void *ctx, const char *trouble)
{
	const struct agent *a = ctx;
	char addr[WEB_ADDRESS_TEXT];

	if (trouble)
		log_warn("metrics: %s, retrying; unless an agent before this one is about to leave, see "
			 "--metrics-address",
			 trouble);
	else
		log_info("metrics: listening at http://%s/metrics",
			 web_address_text(&a->opt.pages.addr, addr));
}

int pages_open(struct agent *a, struct bh_err *err)
{
	const struct web_route routes[] = {
		{ "/metrics", on_metrics, a },
		{ "/livez", on_livez, a },
		{ "/readyz", on_readyz, a },
	};
	const struct web_options opt = { .addr = a->opt.pages.addr, .told = on_told, .ctx = a };
	int r;

	if (!a->opt.pages.on)
		return 0;
	r = web_new(&opt, routes, ARRAY_SIZE(routes), &a->web, err);
	return r < 0 ? r : loop_add(a->loop, web_fd(a->web), (loop_fn)web_work, a->web, err);
}

void pages_close(struct agent *a)
{
	if (!a->web)
		return;
	loop_del(a->loop, web_fd(a->web));
	web_free(TAKE_PTR(a->web));
}
