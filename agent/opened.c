/* SPDX-License-Identifier: Apache-2.0 */
/* The file wins: the word may be older than the file, or of before a reboot of nothing but bpffs. */
#include "opened.h"

#include <string.h>

#include "agent.h"
#include "event.h"
#include "jsonx.h"
#include "util/clock.h"
#include "util/log.h"

#define REMIND_NS 60000000000ull

static void remind(struct agent *a, const struct api_open *o)
{
	char text[API_OPEN_TEXT];

	if (a->opened_told_ns && clock_ns() - a->opened_told_ns < REMIND_NS)
		return;
	if (!a->opened_told_ns)
		event_tell(a, true, "NodeOpen", NULL, "node is OPEN, no policy is enforced on it, %s",
			   api_open_text(o, text));
	else
		log_warn("node is still OPEN, no policy is enforced on it, %s", api_open_text(o, text));
	a->opened_told_ns = clock_ns();
}

void opened_tick(struct agent *a)
{
	struct api_open o = { 0 };
	struct bh_err err;
	const int open = api_open_read(a->opt.run_dir, &o, &err);

	if (open < 0) {
		log_warn("%s: the node stays %s", err.msg, dp_node_is_open(a->dp) ? "open" : "closed");
		return;
	}
	if (dp_node_is_open(a->dp) != open)
		dp_set_node_open(a->dp, open);
	if (open) {
		remind(a, &o);
	} else if (a->opened_told_ns) {
		event_tell(a, false, "NodeClosed", NULL, "node is closed again, policy is enforced");
		a->opened_told_ns = 0;
	}
}

void opened_add(struct json_object *status, const struct agent *a)
{
	struct api_open o = { 0 };
	struct json_object *open = NULL;
	char text[API_OPEN_TEXT];

	if (dp_node_is_open(a->dp)) {
		(void)api_open_read(a->opt.run_dir, &o, NULL);
		open = json_object_new_object();
		jx_add_int(open, "since", (uint64_t)o.since);
		jx_add_str(open, "by", o.by);
		jx_add_str(open, "reason", o.reason);
		jx_add_str(open, "text", api_open_text(&o, text));
	}
	jx_add(status, "open", open);
}
