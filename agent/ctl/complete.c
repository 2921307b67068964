/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Completion. What a shell is given is a few lines that ask this program for the words: so one place knows
 * them, and a shell's own file does not grow old. The answer has the form in which kubectl asks its plugins,
 * too.
 */
#include <stdlib.h>
#include <string.h>

#include "api/api.h"
#include "ctl/ctl.h"
#include "ctl/remote.h"
#include "util/buf.h"
#include "util/scope.h"

#define NOTHING_ELSE 4 /* as cobra, the library of kubectl, numbers it */
#define FILES_TOO    0
#define AGENT_MS     500
#define CLUSTER_MS   2000
#define NAMES_MAX    (4u << 20)

/* What has been typed until now. */
struct typed {
	FILE *out;
	const struct command *command; /* NULL: not complete yet */
	char *words[64];	       /* without options */
	int n;
	const struct ctl_option *wants; /* the word before is an option that wants a value */
	const char *last;		/* what is being typed */
	const char *before;		/* what of its word stands before it: "--output=" */
	struct ctl ctl;			/* of the options before it: which cluster is meant */
};

static bool begins(const char *text, const char *prefix)
{
	return !strncmp(text, prefix, strlen(prefix));
}

static void offer(const struct typed *t, const char *word, const char *what)
{
	if (begins(word, t->last))
		(void)fprintf(t->out, "%s%s\t%s\n", t->before, word, what);
}

/* ---- what has been typed ------------------------------------------------------------------ */

static const struct ctl_option *option_of(const struct command *command, const char *word)
{
	const size_t len = strcspn(word, "=");
	size_t i;

	for (i = 0; ctl_options[i].name; i++) {
		const struct ctl_option *o = &ctl_options[i];

		if (!ctl_takes(command, o))
			continue;
		if (begins(word, "--") ? strlen(o->name) == len - 2 && !strncmp(o->name, word + 2, len - 2)
				       : o->letter && word[1] == o->letter && !word[2])
			return o;
	}
	return NULL;
}

/* Bash cuts "--output=json" into three. */
static bool is_equals(const char *word)
{
	return !strcmp(word, "=");
}

static void take_word(struct typed *t, char *word)
{
	int words;

	if (t->wants && is_equals(word))
		return;
	if (t->wants) {
		t->wants = NULL;
		return;
	}
	if (word[0] == '-') {
		t->wants = strchr(word, '=') ? NULL : option_of(t->command, word);
		if (t->wants && !t->wants->value)
			t->wants = NULL;
		return;
	}
	if (t->n < (int)ARRAY_SIZE(t->words))
		t->words[t->n++] = word;
	t->command = ctl_find(t->words, t->n, &words);
}

/* "--output=js": the value alone is being typed; @buf gets what stands before it. */
static void split_last(struct typed *t, const char *last, char *buf, size_t size)
{
	const char *equals = begins(last, "--") ? strchr(last, '=') : NULL;

	t->last = t->wants && is_equals(last) ? "" : last;
	t->before = "";
	if (!equals || t->wants)
		return;
	(void)snprintf(buf, size, "%.*s", (int)(equals + 1 - last), last);
	t->wants = option_of(t->command, last);
	t->last = equals + 1;
	t->before = buf;
}

/* ---- what may come ------------------------------------------------------------------------ */

static void offer_words(const struct typed *t, const char *words, const char *what)
{
	char word[64];

	for (; words && *words; words += strspn(words, " ")) {
		const int len = (int)strcspn(words, " ");

		(void)snprintf(word, sizeof(word), "%.*s", len, words);
		offer(t, word, what);
		words += len;
	}
}

static int offer_pod(void *ctx, struct json_object *item)
{
	char name[300], addresses[100];

	(void)snprintf(name, sizeof(name), "%s/%s", ctl_str(item, "namespace"), ctl_str(item, "name"));
	offer(ctx, name, ctl_join(ctl_get(item, "addresses"), addresses, sizeof(addresses)));
	return 0;
}

static int offer_namespace(void *ctx, struct json_object *item)
{
	offer(ctx, ctl_str(item, "namespace"), "");
	return 0;
}

static int offer_policy(void *ctx, struct json_object *item)
{
	const char *ns = ctl_str(item, "namespace");
	char name[600];

	(void)snprintf(name, sizeof(name), "%s%s%s", ns, *ns ? "/" : "", ctl_str(item, "name"));
	offer(ctx, name, ctl_str(item, "kind"));
	return 0;
}

/* Where names come from: an op of the agent of this node, or what kubectl prints. */
static const struct source {
	const char *words, *op;
	int (*item)(void *ctx, struct json_object *item);
	const char *kind, *names;
} sources[] = {
#define EACH(what) "--output=jsonpath={range .items[*]}" what "{\"\\n\"}{end}"
	{ WORDS_PODS, "endpoints", offer_pod, "pods", EACH("{.metadata.namespace}/{.metadata.name}") },
	{ WORDS_POLICIES, "policies", offer_policy, "networkpolicies",
	  EACH("{.metadata.namespace}/{.metadata.name}") },
	{ WORDS_NAMESPACES, "endpoints", offer_namespace, "namespaces", EACH("{.metadata.name}") },
#undef EACH
};

/* If its agent says so at once; what all nodes have would take too long to ask. */
static void offer_known(struct typed *t, const struct source *from)
{
	struct json_object *request = ctl_request(&t->ctl, from->op);
	struct bh_err err;

	(void)api_call(t->ctl.run_dir ? t->ctl.run_dir : API_RUN_DIR, request, AGENT_MS, from->item, t, NULL,
		       &err);
	json_object_put(request);
}

static void offer_of_cluster(struct typed *t, const struct source *from)
{
	const char *const args[] = { "get", from->kind, "--all-namespaces", from->names, NULL };
	auto_buf struct buf out = BUF_INIT(NAMES_MAX);
	char *save = NULL, *line;

	if (remote_run(&t->ctl, args, &out, NULL) < 0 || !out.len)
		return;
	for (line = strtok_r(out.data, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		offer(t, line, "");
}

static void offer_nodes(struct typed *t)
{
	const struct agent_pods *pods;
	size_t i;

	if (remote_pods(&t->ctl, &pods) != CTL_OK)
		return;
	for (i = 0; i < pods->v.n; i++)
		offer(t, pods->v.v[i].node, pods->v.v[i].phase);
}

static void offer_names(struct typed *t, const char *words)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(sources); i++) {
		if (strcmp(words, sources[i].words))
			continue;
		if (ctl_remote(&t->ctl))
			offer_of_cluster(t, &sources[i]);
		else
			offer_known(t, &sources[i]);
	}
}

/* Return: what else may stand there. */
static int offer_values(struct typed *t, const char *words)
{
	if (words && !strcmp(words, WORDS_FILES))
		return FILES_TOO;
	if (words && !strcmp(words, WORDS_NODES))
		offer_nodes(t);
	else if (words && *words == '@')
		offer_names(t, words);
	else
		offer_words(t, words, "");
	return NOTHING_ELSE;
}

static void offer_options(const struct typed *t)
{
	char word[64];
	size_t i;

	for (i = 0; ctl_options[i].name; i++) {
		if (!ctl_takes(t->command, &ctl_options[i]))
			continue;
		(void)snprintf(word, sizeof(word), "--%s", ctl_options[i].name);
		offer(t, word, ctl_options[i].text);
	}
}

static bool named_before(size_t at, size_t len)
{
	size_t i;

	for (i = 0; i < at; i++)
		if (!strncmp(ctl_commands[i]->name, ctl_commands[at]->name, len + 1))
			return true;
	return false;
}

/* The next word of each command that begins as it was typed; @first: the words behind `help` are those. */
static void offer_commands(const struct typed *t, char *const *words, int n)
{
	size_t i;

	for (i = 0; ctl_commands[i]; i++) {
		const char *name = ctl_commands[i]->name, *space = strchr(name, ' ');
		const size_t first = space ? (size_t)(space - name) : strlen(name);
		char word[64];

		if (ctl_commands[i]->hidden)
			continue;
		(void)snprintf(word, sizeof(word), "%.*s", (int)first, name);
		if (!n && !(space && named_before(i, first)))
			offer(t, word, space ? "" : ctl_commands[i]->summary);
		else if (n == 1 && space && !strcmp(words[0], word))
			offer(t, space + 1, ctl_commands[i]->summary);
	}
}

static int offer_all(struct typed *t)
{
	const bool helps = t->command && !strcmp(t->command->name, "help");
	int words = 0;

	if (t->wants)
		return offer_values(t, t->wants->words);
	if (t->last[0] == '-') {
		offer_options(t);
		return NOTHING_ELSE;
	}
	if (!t->command || helps) {
		offer_commands(t, t->words + helps, t->n - helps);
		return NOTHING_ELSE;
	}
	(void)ctl_find((char *const *)t->words, t->n, &words);
	return t->n == words ? offer_values(t, t->command->words) : NOTHING_ELSE;
}

int complete_words(FILE *out, char *const *words, int n)
{
	auto_free char **argv = calloc((size_t)n + 2, sizeof(*argv));
	struct typed t = { .out = out };
	struct bh_err err;
	char before[64];
	int i;

	for (i = 0; i + 1 < n; i++)
		take_word(&t, words[i]);
	for (i = 0; argv && i < n; i++)
		argv[i] = i ? words[i - 1] : (char *)ctl_program;
	if (argv && n > 0) /* of what is wrong there something else will be said */
		(void)ctl_read_options(n, argv, t.command, &t.ctl, &err);
	t.ctl.nodes.n = 0;
	t.ctl.pod = NULL;
	t.ctl.timeout_ms = CLUSTER_MS;
	split_last(&t, n > 0 ? words[n - 1] : "", before, sizeof(before));
	return fprintf(out, ":%d\n", offer_all(&t)) < 0 ? CTL_UNREACHABLE : CTL_OK;
}

/* ---- for the shells ----------------------------------------------------------------------- */

/* clang-format off */
static const char bash[] =
	"# bulkheadctl completion bash\n"
	"_bulkheadctl() {\n"
	"\tlocal line\n"
	"\tCOMPREPLY=()\n"
	"\twhile IFS= read -r line; do\n"
	"\t\tcase $line in\n"
	"\t\t:4) ;;\n"
	"\t\t:0) compopt -o default ;;\n"
	"\t\t*) COMPREPLY+=(\"${line%%$'\\t'*}\") ;;\n"
	"\t\tesac\n"
	"\tdone < <(\"${COMP_WORDS[0]}\" " COMPLETE_WORD " \"${COMP_WORDS[@]:1:COMP_CWORD}\" 2>/dev/null)\n"
	"}\n"
	"complete -F _bulkheadctl bulkheadctl kubectl-bulkhead\n";

static const char zsh[] =
	"#compdef bulkheadctl kubectl-bulkhead\n"
	"# bulkheadctl completion zsh\n"
	"_bulkheadctl() {\n"
	"\tlocal line tab=$'\\t' files=\n"
	"\tlocal -a found\n"
	"\tfor line in \"${(@f)$(\"${words[1]}\" " COMPLETE_WORD " \"${(@)words[2,CURRENT]}\" 2>/dev/null)}\"; do\n"
	"\t\tcase $line in\n"
	"\t\t(:4) ;;\n"
	"\t\t(:0) files=1 ;;\n"
	"\t\t(*) found+=(\"${${line%%$tab*}//:/\\\\:}:${line#*$tab}\") ;;\n"
	"\t\tesac\n"
	"\tdone\n"
	"\t(( ${#found} )) && _describe bulkheadctl found\n"
	"\t[[ -z $files ]] || _files\n"
	"}\n"
	"if [ \"$funcstack[1]\" = _bulkheadctl ]; then\n"
	"\t_bulkheadctl \"$@\"\n"
	"else\n"
	"\tcompdef _bulkheadctl bulkheadctl kubectl-bulkhead\n"
	"fi\n";

static const char fish[] =
	"# bulkheadctl completion fish\n"
	"function __bulkheadctl_complete\n"
	"\tset -l words (commandline -opc) (commandline -ct)\n"
	"\tset -l found ($words[1] " COMPLETE_WORD " $words[2..-1] 2>/dev/null)\n"
	"\tstring match -rv '^:' -- $found\n"
	"\tif test \"$found[-1]\" = :0\n"
	"\t\t__fish_complete_path (commandline -ct)\n"
	"\tend\n"
	"end\n"
	"complete -c bulkheadctl -f -a '(__bulkheadctl_complete)'\n"
	"complete -c kubectl-bulkhead -f -a '(__bulkheadctl_complete)'\n";
/* clang-format on */

static int run(const struct ctl *c, char **args)
{
	static const struct {
		const char *name, *text;
	} shells[] = { { "bash", bash }, { "zsh", zsh }, { "fish", fish } };
	size_t i;

	(void)c;
	for (i = 0; i < ARRAY_SIZE(shells); i++) {
		if (strcmp(args[0], shells[i].name))
			continue;
		return fputs(shells[i].text, stdout) < 0 ? CTL_UNREACHABLE : CTL_OK;
	}
	ctl_say("SHELL '%s': not one of bash, zsh, fish", args[0]);
	return CTL_USAGE;
}

const struct command command_completion = {
	.name = "completion",
	.args = "SHELL",
	.summary = "lines that make bash, zsh or fish complete commands, options and values",
	.text = "Packages install them where each shell looks. kubectl completes 'kubectl bulkhead' by itself where "
		"kubectl_complete-bulkhead, another name of this program, is in PATH.",
	.examples = "completion bash >/etc/bash_completion.d/bulkheadctl\tfor everybody's bash\n"
		    "completion fish >~/.config/fish/completions/bulkheadctl.fish\tfor your fish\n",
	.words = "bash zsh fish",
	.nargs = 1,
	.local = true,
	.run = run,
};
