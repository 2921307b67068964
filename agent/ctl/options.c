/* SPDX-License-Identifier: Apache-2.0 */
/* The options of bulkheadctl, and how they are read. */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "api/api.h"
#include "ctl/ctl.h"
#include "util/near.h"
#include "util/scope.h"

#define OPTIONS_MAX 64
#define LONG	    256 /* what getopt_long() returns: this, and the option's place */

/* ---- values ------------------------------------------------------------------------------- */

static int read_flag(const char *text, void *at, struct bh_err *err)
{
	(void)text, (void)err;
	*(bool *)at = true;
	return 0;
}

static int read_text(const char *text, void *at, struct bh_err *err)
{
	(void)err;
	*(const char **)at = text;
	return 0;
}

static int read_output(const char *text, void *at, struct bh_err *err)
{
	struct ctl *c = at;

	if (strcmp(text, "text") && strcmp(text, "json") && strcmp(text, "yaml"))
		return bh_err_set(err, -EINVAL, "'%s': not one of text, json, yaml", text);
	c->yaml = !strcmp(text, "yaml");
	c->json = c->yaml || !strcmp(text, "json");
	return 0;
}

/* Seconds with up to three decimals. */
static int read_seconds(const char *text, void *at, struct bh_err *err)
{
	char *end;
	const double s = strtod(text, &end);

	if (text[0] < '0' || text[0] > '9' || *end || !(s >= 0.1 && s <= 86400))
		return bh_err_set(err, -EINVAL, "'%s': not from 0.1 to 86400 seconds", text);
	*(uint64_t *)at = (uint64_t)(s * 1000 + 0.5);
	return 0;
}

/* The one thing that can be waited for. */
static int read_for(const char *text, void *at, struct bh_err *err)
{
	(void)at;
	return strcmp(text, "enforced")
		       ? bh_err_set(err, -EINVAL, "'%s': nothing but enforced can be waited for", text)
		       : 0;
}

static int read_generation(const char *text, void *at, struct bh_err *err)
{
	char *end;

	errno = 0;
	*(uint64_t *)at = strtoull(text, &end, 10);
	if (errno || *end || text[0] < '0' || text[0] > '9')
		return bh_err_set(err, -EINVAL, "'%s': no metadata.generation", text);
	return 0;
}

/* What goes to kubectl: it may not be taken for an option of kubectl's. */
static int read_name(const char *text, void *at, struct bh_err *err)
{
	if (!*text || *text == '-')
		return bh_err_set(err, -EINVAL, "'%s': a name is not empty and does not begin with '-'",
				  text);
	*(const char **)at = text;
	return 0;
}

static int read_names(const char *text, void *at, struct bh_err *err)
{
	struct ctl_names *names = at;

	if (names->n == CTL_NAMES_MAX)
		return bh_err_set(err, -E2BIG, "is given more than %d times", CTL_NAMES_MAX);
	return read_name(text, &names->v[names->n++], err);
}

/* "-" is stdin. */
static int read_files(const char *text, void *at, struct bh_err *err)
{
	struct ctl_names *names = at;

	if (strcmp(text, "-"))
		return read_names(text, at, err);
	if (names->n == CTL_NAMES_MAX)
		return bh_err_set(err, -E2BIG, "is given more than %d times", CTL_NAMES_MAX);
	names->v[names->n++] = text;
	return 0;
}

/* ---- the table ---------------------------------------------------------------------------- */

#define AT(field) offsetof(struct ctl, field)

/* clang-format off */
const struct ctl_option ctl_options[] = {
	{ OPT_POD, 'p', "pod", "NAMESPACE/NAME", WORDS_PODS,
	  "only this pod; NAME alone where only one namespace has it", read_text, AT(pod) },
	{ OPT_FOLLOW, 'f', "follow", NULL, NULL,
	  "go on with what comes, until interrupted", read_flag, AT(follow) },
	{ OPT_UNPROTECTED, 0, "unprotected", NULL, NULL,
	  "the pods that run without our programs, and why", read_flag, AT(unprotected) },
	{ OPT_INTERFACE, 0, "interface", "IF", NULL,
	  "only the pod whose interface on the host this is", read_text, AT(interface) },
	{ OPT_DURATION, 0, "duration", "SECONDS", NULL,
	  "how long to measure (default 10)", read_seconds, AT(duration_ms) },
	{ OPT_INTERVAL, 0, "interval", "SECONDS", NULL,
	  "between two looks (default 1; of top 2)", read_seconds, AT(interval_ms) },
	{ OPT_NAMESPACE, 'n', "namespace", "NAME", WORDS_NAMESPACES, "only of pods of this namespace", read_text, AT(namespace) },
	{ OPT_SINCE, 0, "since", "TIME", NULL,
	  "not older than that: 90s, 5m, 2h, 7d, or a time as 2026-01-31T12:00:00Z", read_text, AT(since) },
	{ OPT_FLOWS, 0, "peer", "PEER", WORDS_PODS,
	  "only with this other end: NAMESPACE/NAME, NAME, an address or a block of them", read_text, AT(peer) },
	{ OPT_FLOWS, 0, "port", "PORT[/PROTO]", NULL, "only to this port: 443, 53/udp, icmp", read_text, AT(port) },
	{ OPT_FLOWS, 0, "verdict", "VERDICT", "denied audited allowed", "only of this verdict", read_text, AT(verdict) },
	{ OPT_FLOWS, 0, "policy", "[NAMESPACE/]NAME", WORDS_POLICIES,
	  "only those that this policy decided, by its rule or by isolating the pod", read_text, AT(policy) },
	{ OPT_WHY, 0, "why", NULL, NULL,
	  "with the rule that comes closest to accepting it, and the field that fails", read_flag, AT(why) },
	{ OPT_UI, 0, "listen", "ADDRESS:PORT", NULL,
	  "where the page is served (default 127.0.0.1:0, a free port of this machine alone)", read_text, AT(listen) },
	{ OPT_UI, 0, "any-address", NULL, NULL,
	  "--listen may name an address that other machines reach", read_flag, AT(any_address) },
	{ OPT_UI, 0, "no-open", NULL, NULL, "print the link, and open no browser", read_flag, AT(no_open) },
	{ OPT_UI, 0, "unattended", NULL, NULL,
	  "as a service: opens no browser, waits where the port is in use, and takes GET alone, so that no policy can be tried",
	  read_flag, AT(unattended) },
	{ OPT_FILE, 'f', "filename", "FILE", WORDS_FILES,
	  "policies, as YAML or JSON; - is stdin; may be given again", read_files, AT(files) },
	{ OPT_DELETE, 0, "delete", "KIND/[NAMESPACE/]NAME", NULL,
	  "as if this policy were not there; may be given again", read_names, AT(deletes) },
	{ OPT_FOR, 0, "for", "WHAT", "enforced",
	  "what to wait for: enforced, which is the default", read_for, 0 },
	{ OPT_GENERATION, 0, "generation", "N", NULL,
	  "of that metadata.generation, or of a later one", read_generation, AT(generation) },
	{ OPT_AGENT, 'o', "output", "FORMAT", "text json yaml",
	  "text, json or yaml (default text): a list is an array, with -f one document for each item", read_output, 0 },
	{ OPT_AGENT, 0, "run-dir", "PATH", WORDS_FILES,
	  "where the agent's socket is (default " API_RUN_DIR ")", read_text, AT(run_dir) },
	{ OPT_AGENT, 0, "all-nodes", NULL, NULL,
	  "ask all nodes through kubectl, though this one has an agent", read_flag, AT(all_nodes) },
	{ OPT_AGENT, 0, "node", "NAME", WORDS_NODES,
	  "ask this node alone through kubectl; may be given again", read_names, AT(nodes) },
	{ OPT_AGENT, 0, "context", "NAME", NULL, "of kubectl", read_name, AT(context) },
	{ OPT_AGENT, 0, "kubeconfig", "FILE", WORDS_FILES, "of kubectl", read_name, AT(kubeconfig) },
	{ OPT_AGENT, 0, "agent-namespace", "NAME", NULL,
	  "where the agents' pods are, for who may not list pods of all namespaces", read_name, AT(agent_namespace) },
	{ OPT_AGENT, 0, "timeout", "SECONDS", NULL,
	  "how long an agent may be silent (default 15; of a list from this node's own agent 120); of 'wait policy' how long in all (default 30)", read_seconds, AT(timeout_ms) },
	{ OPT_ALWAYS, 'h', "help", NULL, NULL, "what the command does, its options and exit codes", read_flag, AT(help) },
	{ OPT_ALWAYS, 'V', "version", NULL, NULL, "the version of this program", read_flag, AT(version) },
	{},
};
/* clang-format on */

bool ctl_takes(const struct command *command, const struct ctl_option *o)
{
	const unsigned int more = !command || command->local ? OPT_ALWAYS : OPT_ALWAYS | OPT_AGENT;

	return !command || (o->bit & (command->options | more));
}

/* ---- reading ------------------------------------------------------------------------------ */

/* What getopt_long() wants: the command's own come first, because others may use a letter otherwise. */
struct tables {
	struct option longs[OPTIONS_MAX + 1];
	char letters[3 * OPTIONS_MAX + 2];
	size_t n;
};

static bool letter_taken(const struct tables *t, char letter)
{
	return strchr(t->letters + 1, letter) != NULL;
}

static bool name_taken(const struct tables *t, const char *name)
{
	size_t i;

	for (i = 0; i < t->n; i++)
		if (!strcmp(t->longs[i].name, name))
			return true;
	return false;
}

static void add(struct tables *t, size_t at)
{
	const struct ctl_option *o = &ctl_options[at];
	const size_t len = strlen(t->letters);

	if (name_taken(t, o->name))
		return;
	t->longs[t->n++] =
		(struct option){ o->name, o->value ? required_argument : no_argument, NULL, LONG + (int)at };
	if (o->letter && !letter_taken(t, o->letter))
		(void)snprintf(t->letters + len, sizeof(t->letters) - len, "%c%s", o->letter,
			       o->value ? ":" : "");
}

static void make_tables(struct tables *t, const struct command *command)
{
	size_t i;

	strcpy(t->letters, ":");
	for (i = 0; ctl_options[i].name; i++)
		if (ctl_takes(command, &ctl_options[i]))
			add(t, i);
	for (i = 0; ctl_options[i].name; i++)
		if (!ctl_takes(command, &ctl_options[i]))
			add(t, i);
}

static const struct ctl_option *of_letter(const struct command *command, int letter)
{
	const struct ctl_option *found = NULL;
	size_t i;

	for (i = 0; ctl_options[i].name; i++)
		if (ctl_options[i].letter == letter && (!found || !ctl_takes(command, found)))
			found = &ctl_options[i];
	return found;
}

/* "--flow=x" -> "did you mean '--follow'?" */
static int unknown(const struct command *command, const char *word, struct bh_err *err)
{
	const size_t len = strcspn(word, "=");
	struct near near = NEAR_INIT;
	char name[64];
	size_t i;

	(void)snprintf(name, sizeof(name), "%.*s", len > 2 ? (int)len - 2 : 0, word + (len > 2 ? 2 : 0));
	for (i = 0; *name && ctl_options[i].name; i++)
		if (ctl_takes(command, &ctl_options[i]))
			near_take(&near, near_distance(name, ctl_options[i].name), "--%s",
				  ctl_options[i].name);
	return bh_err_set(err, -EINVAL, "unknown option '%.100s'%s", word, near.hint);
}

static int no_option(const struct command *command, int o, const char *word, struct bh_err *err)
{
	const char letter[] = { '-', (char)optopt, '\0' };

	if (o == ':')
		return bh_err_set(err, -EINVAL, "%s needs a value", word);
	if (optopt >= LONG)
		return bh_err_set(err, -EINVAL, "--%s takes no value", ctl_options[optopt - LONG].name);
	return unknown(command, optopt ? letter : word, err);
}

static int take(const struct ctl_option *o, const struct command *command, struct ctl *c, struct bh_err *err)
{
	struct bh_err why;
	int r;

	if (!ctl_takes(command, o))
		return bh_err_set(err, -EINVAL, "--%s has no meaning for '%s'", o->name, command->name);
	r = o->read(optarg, (char *)c + o->at, &why);
	return r < 0 ? bh_err_set(err, r, "--%s %.200s", o->name, why.msg) : r;
}

int ctl_read_options(int argc, char **argv, const struct command *command, struct ctl *c, struct bh_err *err)
{
	struct tables t = {};
	int o, r = 0;

	make_tables(&t, command);
	opterr = 0;
	optind = 0; /* from the start */
	while (!r && (o = getopt_long(argc, argv, t.letters, t.longs, NULL)) != -1) {
		if (!c)
			continue;
		if (o == '?' || o == ':')
			r = no_option(command, o, argv[optind - 1], err);
		else
			r = take(o >= LONG ? &ctl_options[o - LONG] : of_letter(command, o), command, c, err);
	}
	return r < 0 ? r : optind;
}
