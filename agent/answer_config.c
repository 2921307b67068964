/* SPDX-License-Identifier: Apache-2.0 */
/* What this agent runs with, for `bulkheadctl config`. No secrets: of credentials not even the files' names.
 */
#include "answers.h"

#include <fcntl.h>
#include <json-c/json.h>
#include <string.h>
#include <sys/utsname.h>

#include "../bpf/abi.h"
#include "agent.h"
#include "http/web.h"
#include "jsonx.h"
#include "util/buf.h"
#include "util/log.h"
#include "util/scope.h"

/* As it was started. */
static struct json_object *command_line(void)
{
	struct json_object *list = json_object_new_array();
	auto_buf struct buf text = BUF_INIT(1 << 16);
	auto_fd int fd = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
	size_t at;

	if (fd < 0 || buf_read(&text, fd) < 0)
		return list;
	for (at = 0; at < text.len; at += strlen(text.data + at) + 1)
		(void)json_object_array_add(list, json_object_new_string(text.data + at));
	return list;
}

static struct json_object *timeouts_of(const struct timeouts *t)
{
	struct json_object *o = json_object_new_object();
	int i;

	for (i = 0; i < BH_LIFE_MAX; i++)
		jx_add_int(o, timeouts_name(i), t->seconds[i]);
	return o;
}

/* NULL: null. */
static struct json_object *pod_cidrs_of(const struct podcidrs *c)
{
	struct json_object *list = c->n ? json_object_new_array() : NULL;
	char text[ADDR_TEXT];
	size_t i;

	for (i = 0; i < c->n; i++)
		(void)json_object_array_add(list, json_object_new_string(cidr_text(&c->at[i], text)));
	return list;
}

/* Under the names that they have on the command line; null where it says nothing. */
static struct json_object *options_of(const struct agent_options *opt)
{
	struct json_object *o = json_object_new_object();
	char metrics[WEB_ADDRESS_TEXT];

	jx_add_str(o, "source", opt->source);
	jx_add_str(o, "kubeconfig", opt->kubeconfig);
	jx_add_str(o, "node-name", opt->node_name);
	jx_add_str(o, "run-dir", opt->run_dir);
	jx_add_str(o, "pin-dir", opt->pin_dir);
	jx_add_str(o, "probe-dir", opt->probe_dir);
	jx_add_str(o, "attach", hook_mode_text(opt->attach));
	jx_add_str(o, "mode", opt->audit ? "Audit" : "Enforce");
	jx_add(o, "pod-cidr", pod_cidrs_of(&opt->pod_cidrs));
	jx_add_str(o, "cni-conf-dir", opt->chain.conf_dir);
	jx_add_str(o, "cni-bin-dir", opt->chain.bin_dir);
	jx_add_str(o, "plugin", opt->chain.plugin);
	jx_add_str(o, "plugin-conf", opt->chain.plugin_conf);
	jx_add_str(o, "metrics-address", opt->pages.on ? web_address_text(&opt->pages.addr, metrics) : NULL);
	jx_add_str(o, "log-level", log_level_name(log_level));
	jx_add(o, "session-timeout", timeouts_of(&opt->timeouts));
	return o;
}

/* As the maps are, which may have been made by an earlier agent with other options. */
static struct json_object *sizes_of(const struct actual *x, const struct dp *dp)
{
	struct json_object *o = json_object_new_object();
	uint32_t lines4, lines6, given;

	dp_pool_use(dp, BH_V4, &lines4, &given);
	dp_pool_use(dp, BH_V6, &lines6, &given);
	jx_add_int(o, "endpoints", BH_EP_SLOTS);
	jx_add_int(o, "addrs", x->size.addrs);
	jx_add_int(o, "cidrs", x->size.cidrs);
	jx_add_int(o, "rows", x->size.rows);
	jx_add_int(o, "ranges", x->size.ranges);
	jx_add_int(o, "rules", x->size.rules);
	jx_add_int(o, "ids", x->size.ids);
	jx_add_int(o, "sessions4", lines4);
	jx_add_int(o, "sessions6", lines6);
	return o;
}

/* What depends on the kernel, as it is found now. */
static struct json_object *kernel_of(const struct dp *dp)
{
	struct json_object *o = json_object_new_object();
	struct utsname name;
	struct dp_runs runs;

	if (!uname(&name)) {
		jx_add_str(o, "release", name.release);
		jx_add_str(o, "machine", name.machine);
	}
	jx_add_bool(o, "tcx", hook_has_tcx(dp_prog_fd(dp, BH_INGRESS)));
	if (!dp_runs(dp, &runs))
		jx_add_bool(o, "jit", runs.jited);
	jx_add_bool(o, "run-statistics", dp_run_stats_are_on());
	return o;
}

void answer_config(struct agent *a, struct api_conn *conn, struct json_object *request)
{
	struct json_object *o = jx_done();

	(void)request;
	jx_add_str(o, "version", BH_VERSION);
	jx_add_int(o, "layout", BH_LAYOUT);
	if (!a->opt.source_dir)
		jx_add_str(o, "api_server", a->kube.server);
	jx_add(o, "command", command_line());
	jx_add(o, "options", options_of(&a->opt));
	jx_add(o, "sizes", sizes_of(reconcile_actual(a->reconcile), a->dp));
	jx_add(o, "kernel", kernel_of(a->dp));
	(void)api_send(conn, o);
}
