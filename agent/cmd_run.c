/* SPDX-License-Identifier: Apache-2.0 */
/* The agent itself: options, start, end. */
#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent.h"
#include "command.h"
#include "http/web.h"
#include "retired.h"
#include "util/log.h"
#include "util/scope.h"

#define SESSIONS_MAX (16u << 20) /* 3 GB: more is a slip of the finger */

static const char usage[] =
	"usage: bulkhead-agent [run] --source kubernetes|dir:PATH [OPTION]...\n"
	"Enforces NetworkPolicies on the pods of this node.\n"
	"\n"
	"  --source kubernetes the API server: as the pod's service account, or --kubeconfig\n"
	"  --source dir:PATH   manifests (*.yaml, *.yml, *.json) with Namespaces, Pods,\n"
	"                      NetworkPolicies and so on; followed while the agent runs\n"
	"  --kubeconfig FILE   how to reach the API server from outside of a pod\n"
	"  --node-name NAME    which Node this is (default $NODE_NAME, else the host's name)\n"
	"  --run-dir PATH      socket and state files (default " API_RUN_DIR ")\n"
	"  --pin-dir PATH      maps and programs, on a bpffs (default " BH_PIN_DIR ")\n"
	"  --probe-dir PATH    a directory of this process alone, where 'probe' finds it (default: none)\n"
	"  --attach MODE       how the agent attaches programs: auto, tcx or clsact (default auto)\n"
	"  --cni-conf-dir PATH install the plugin and keep it in the chain that the runtime finds there\n" CHAIN_USAGE
	"  --mode MODE         Enforce, or Audit: what policies would deny is reported, and passes\n"
	"                      (default Enforce)\n"
	"  --policy-status     write which policies are in force here into the cluster's NodePolicyStatus of\n"
	"                      this node; one of all agents writes the status of policies\n"
	"  --pod-cidr CIDR     pods have their addresses there: beside spec.podCIDRs of Nodes (may be repeated)\n"
	"  --sessions N        tracked flows of each family; only when the maps are made\n"
	"  --session-timeout NAME=SECONDS  how long such a flow may be silent (may be repeated)\n"
	"  --metrics-address ADDR:PORT  answer HTTP there: /metrics, /livez, /readyz (default: nowhere)\n"
	"  --metrics-per KIND  rule or pod: further series for each of them (may be repeated)\n"
	"  --flow-log stdout|PATH  denied, audited and logged flows as JSON lines (default: none)\n"
	"  --flow-events       Events on both pods of a denied flow; few: see docs/operations.md\n"
	"  --log-level LEVEL   error, warn, info or debug (default info)\n"
	"  --log-format FORMAT text, json or logfmt: a line each (default text)\n"
	"  --version, --help\n";

static const struct option options[] = {
	{ "source", required_argument, NULL, 's' },
	{ "kubeconfig", required_argument, NULL, 'k' },
	{ "node-name", required_argument, NULL, 'N' },
	{ "run-dir", required_argument, NULL, 'r' },
	{ "pin-dir", required_argument, NULL, 'p' },
	{ "probe-dir", required_argument, NULL, 'd' },
	{ "attach", required_argument, NULL, 'a' },
	{ "mode", required_argument, NULL, 'm' },
	{ "policy-status", no_argument, NULL, 'y' },
	{ "pod-cidr", required_argument, NULL, 'c' },
	{ "sessions", required_argument, NULL, 'n' },
	{ "session-timeout", required_argument, NULL, 't' },
	CHAIN_LONG_OPTIONS,
	{ "metrics-address", required_argument, NULL, 'H' },
	{ "metrics-per", required_argument, NULL, 'e' },
	{ "flow-log", required_argument, NULL, 'F' },
	{ "flow-events", no_argument, NULL, 'E' },
	{ "log-level", required_argument, NULL, 'l' },
	{ "log-format", required_argument, NULL, 'f' },
	{ "version", no_argument, NULL, 'V' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

static int read_source(const char *text, struct agent_options *ret, struct bh_err *err)
{
	const int scheme = (int)strcspn(text, ":");

	if (strchr(text, '/') && strchr(text, '/') < text + scheme)
		return bh_err_set(err, -EINVAL, "--source '%s': say what it is, as in dir:%s", text, text);
	ret->source = text;
	if (!strcmp(text, "kubernetes"))
		return 0;
	if (strncmp(text, "dir:", 4))
		return bh_err_set(
			err, -EINVAL,
			"--source '%s': no source '%.*s', this version knows kubernetes and dir:PATH", text,
			scheme, text);
	if (!text[4])
		return bh_err_set(err, -EINVAL, "--source '%s': no path after dir:", text);
	ret->source_dir = text + 4;
	return 0;
}

static int read_mode(const char *text, struct agent_options *ret, struct bh_err *err)
{
	ret->audit = !strcmp(text, "Audit");
	if (!ret->audit && strcmp(text, "Enforce"))
		return bh_err_set(err, -EINVAL, "--mode '%s': neither Enforce nor Audit", text);
	return 0;
}

static int read_sessions(const char *text, struct agent_options *ret, struct bh_err *err)
{
	unsigned long n;
	char *end;

	errno = 0;
	n = strtoul(text, &end, 10);
	if (errno || *end || text[0] < '0' || text[0] > '9' || !n || n > SESSIONS_MAX)
		return bh_err_set(err, -EINVAL, "--sessions '%s': not a number from 1 to %u", text,
				  SESSIONS_MAX);
	ret->sizes.sessions4 = ret->sizes.sessions6 = (uint32_t)n;
	return 0;
}

static int read_log_level(const char *text, struct bh_err *err)
{
	int i;

	for (i = LOG_ERROR; i <= LOG_DEBUG; i++) {
		if (strcmp(text, log_level_name(i)))
			continue;
		log_level = (enum log_level)i;
		return 0;
	}
	return bh_err_set(err, -EINVAL, "--log-level '%s': none of error, warn, info, debug", text);
}

static int read_log_format(const char *text, struct bh_err *err)
{
	static const char *const names[] = {
		[LOG_TEXT] = "text", [LOG_JSON] = "json", [LOG_LOGFMT] = "logfmt"
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(names); i++) {
		if (strcmp(text, names[i]))
			continue;
		log_format = (enum log_format)i;
		return 0;
	}
	return bh_err_set(err, -EINVAL, "--log-format '%s': none of text, json, logfmt", text);
}

static int read_metrics_address(const char *text, struct agent_options *ret, struct bh_err *err)
{
	ret->pages.on = true;
	return web_address(text, &ret->pages.addr, err) < 0
		       ? bh_err_set(err, -EINVAL, "--metrics-address %s", err->msg)
		       : 0;
}

static int read_metrics_per(const char *text, struct agent_options *ret, struct bh_err *err)
{
	const bool rule = !strcmp(text, "rule"), pod = !strcmp(text, "pod");

	ret->pages.per_rule |= rule;
	ret->pages.per_pod |= pod;
	return rule || pod ? 0 : bh_err_set(err, -EINVAL, "--metrics-per '%s': neither rule nor pod", text);
}

static int read_dir(const char *name, const char *text, const char **ret, struct bh_err *err)
{
	if (text[0] != '/')
		return bh_err_set(err, -EINVAL, "%s '%s': not an absolute path", name, text);
	*ret = text;
	return 0;
}

static int read_option(int c, struct agent_options *o, struct bh_err *err)
{
	const int r = read_chain_option(c, optarg, &o->chain, err);

	if (r)
		return r < 0 ? r : 0;
	switch (c) {
	case 's':
		return read_source(optarg, o, err);
	case 'k':
		o->kubeconfig = optarg;
		return 0;
	case 'N':
		o->node_name = optarg;
		return 0;
	case 'r':
		return read_dir("--run-dir", optarg, &o->run_dir, err);
	case 'p':
		return read_dir("--pin-dir", optarg, &o->pin_dir, err);
	case 'd':
		return read_dir("--probe-dir", optarg, &o->probe_dir, err);
	case 'm':
		return read_mode(optarg, o, err);
	case 'y':
		o->policy_status = true;
		return 0;
	case 'c':
		return podcidrs_read(optarg, &o->pod_cidrs, err);
	case 'n':
		return read_sessions(optarg, o, err);
	case 't':
		return timeouts_read(optarg, &o->timeouts, err);
	case 'H':
		return read_metrics_address(optarg, o, err);
	case 'e':
		return read_metrics_per(optarg, o, err);
	case 'l':
		return read_log_level(optarg, err);
	case 'F':
		o->flow_log = optarg;
		return strcmp(optarg, "stdout") ? read_dir("--flow-log", optarg, &o->flow_log, err) : 0;
	case 'E':
		o->flow_events = true;
		return 0;
	case 'f':
		return read_log_format(optarg, err);
	default:
		return hook_mode_parse(optarg, &o->attach) < 0
			       ? bh_err_set(err, -EINVAL, "--attach '%s': none of auto, tcx, clsact", optarg)
			       : 0;
	}
}

static void print_and_leave(const char *text)
{
	(void)fputs(text, stdout);
	exit(fflush(stdout) ? 1 : 0);
}

/* As the downward API gives it to a pod; "": nobody says. */
static const char *environment(const char *name)
{
	const char *value = getenv(name);

	return value ? value : "";
}

/* As the kubelet takes it where nobody says: in lower case (its nodeutil.GetHostname). */
static int own_name(struct agent_options *o, struct bh_err *err)
{
	static char name[256];
	char *c;

	o->node_name = getenv("NODE_NAME");
	if (o->node_name && *o->node_name)
		return 0;
	if (gethostname(name, sizeof(name) - 1) < 0 || !*name)
		return bh_err_set(err, -EINVAL, "this host has no name: give --node-name");
	for (c = name; *c; c++)
		*c = (char)tolower((unsigned char)*c);
	o->node_name = name;
	return 0;
}

static int check_source(struct agent_options *o, struct bh_err *err)
{
	if (!o->source)
		return bh_err_set(
			err, -EINVAL,
			"--source is missing, as in --source kubernetes or --source dir:/etc/bulkhead");
	if (o->source_dir && o->kubeconfig)
		return bh_err_set(err, -EINVAL, "--kubeconfig is for --source kubernetes");
	return o->node_name && *o->node_name ? 0 : own_name(o, err);
}

static int check_chain(struct agent_options *o, struct bh_err *err)
{
	if (!o->chain.conf_dir && (o->chain.plugin || o->chain.plugin_conf))
		return bh_err_set(err, -EINVAL, "--plugin%s is of use with --cni-conf-dir only",
				  o->chain.plugin ? "" : "-conf");
	chain_options_dirs(&o->chain, o->run_dir, o->pin_dir);
	return chain_options_check(&o->chain, err);
}

static int read_options(int argc, char **argv, struct agent_options *o, struct bh_err *err)
{
	int c, r = 0;

	opterr = 0;
	while (!r && (c = getopt_long(argc, argv, ":", options, NULL)) != -1) {
		if (c == 'h')
			print_and_leave(usage);
		if (c == 'V')
			print_and_leave("bulkhead-agent " BH_VERSION "\n");
		if (c == ':')
			return bh_err_set(err, -EINVAL, "%s: needs a value", argv[optind - 1]);
		if (c == '?')
			return bh_err_set(err, -EINVAL, "unknown option '%s'", argv[optind - 1]);
		r = read_option(c, o, err);
	}
	if (r < 0)
		return r;
	if (optind < argc)
		return bh_err_set(err, -EINVAL, "unexpected argument '%s'", argv[optind]);
	r = check_source(o, err);
	return r ? r : check_chain(o, err);
}

static int run(const struct agent_options *opt)
{
	auto_free char *mark = retired_asked(opt);
	struct agent agent;
	struct bh_err err = {};
	int r;

	if (mark)
		return retired_run(opt, mark);
	r = agent_start(&agent, opt, &err);
	if (r < 0)
		log_error("cannot start: %s", err.msg);
	else if ((r = agent_run(&agent)) < 0)
		log_error(
			"the event loop failed: %s; what is in force stays in force, and nothing new comes: report this",
			strerror(-r));
	agent_stop(&agent);
	mark = agent.retire_mark;
	return agent.unchained ? retired_run(opt, mark) : r ? 1 : 0;
}

int cmd_run(int argc, char **argv)
{
	struct agent_options opt = { .run_dir = API_RUN_DIR,
				     .pin_dir = BH_PIN_DIR,
				     .attach = HOOK_AUTO,
				     .timeouts = timeouts_default,
				     .chain = { .bin_dir = CHAIN_BIN_DIR },
				     .pod_ns = environment("POD_NAMESPACE"),
				     .pod_name = environment("POD_NAME"),
				     .pod_uid = environment("POD_UID") };
	struct bh_err err = {};
	int r;

	if (read_options(argc, argv, &opt, &err) < 0) {
		(void)fprintf(stderr, "bulkhead-agent: %s (see --help)\n", err.msg);
		return EXIT_USAGE;
	}
	log_info("bulkhead-agent " BH_VERSION " starts: source %s, pins %s", opt.source, opt.pin_dir);
	r = run(&opt);
	log_end();
	return r;
}
