/* SPDX-License-Identifier: Apache-2.0 */
/* What the sub-commands share: the invocation, the agent's answers, exit codes. */
#ifndef BH_CTL_CTL_H
#define BH_CTL_CTL_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "ctl/table.h"
#include "util/buf.h"
#include "util/err.h"

enum exit_code { /* said in help.c, for people */
		 CTL_OK = 0,
		 CTL_NEGATIVE = 1,    /* a well-founded "no": explain says denied */
		 CTL_USAGE = 2,	      /* what was asked makes no sense: options, or a pod that is not there */
		 CTL_UNREACHABLE = 3, /* no agent, or one that cannot answer now */
		 CTL_PARTIAL = 4,     /* some nodes have answered, and some not */
		 CTL_WARNING = 5,     /* doctor: a warning, and no fault */
};

#define CTL_NAMES_MAX 64 /* of an option that may be given again and again */

struct ctl_names {
	const char *v[CTL_NAMES_MAX];
	size_t n;
};

/* One invocation; borrowed strings. Options write here: options.c. */
struct ctl {
	const char *run_dir;		   /* NULL: not said */
	const char *pod;		   /* --pod; NULL: all */
	const char *interface;		   /* --interface; NULL: all */
	uint64_t duration_ms, interval_ms; /* 0: as the agent likes */
	bool json;			   /* for programs: in JSON, or in YAML */
	bool yaml;
	bool follow, why, unprotected, colours;
	bool help, version;
	const char *namespace, *peer, *port, *verdict, *policy, *since; /* of flows: filter.h */
	const char *listen;						/* --listen; NULL: as it is usual */
	bool no_open, any_address, unattended;				/* of ui, too */
	struct ctl_names files, deletes;				/* of policies */
	/* through kubectl: remote.h */
	struct ctl_names nodes;
	bool all_nodes;
	const char *context, *kubeconfig, *agent_namespace;
	uint64_t timeout_ms; /* 0: as it is usual */
	uint64_t generation; /* of `wait`: 0: any */
	/* set by commands: what comes from several nodes is sorted by its "time"; makes sense for one node
	 * alone */
	bool by_time, one_node;
	bool one_run; /* set by commands: of what is followed: an agent that ends is not waited for */
	/* set by commands: of what is followed: so long nobody may be silent who has begun, and CTL_FIRST_MS,
	 * or as --timeout says, who has not; 0: for ever */
	uint64_t silent_ms;
	int64_t ends_ms; /* set by commands: until when, by clock_ms(), anybody is waited for; 0: no end */
	struct json_object *unanswered;	   /* set by commands: takes who does not answer; else that is said */
	struct json_object *silent;	   /* set by commands: takes the nodes that are silent: {NODE: why} */
	const struct json_object *unasked; /* set by commands: such nodes, which are not asked again */
	bool of_policies;		   /* set by commands: what is not found is a policy, not a pod */
	const char *ends[2]; /* set by commands: the two pods, or addresses, that are asked about */
};

#define CTL_FIRST_MS 60000

enum { /* options that a command takes */
       OPT_POD = 1 << 0,
       OPT_FOLLOW = 1 << 1,
       OPT_UNPROTECTED = 1 << 2,
       OPT_INTERFACE = 1 << 3,
       OPT_DURATION = 1 << 4,
       OPT_INTERVAL = 1 << 5,
       OPT_NAMESPACE = 1 << 6,
       OPT_SINCE = 1 << 7,
       OPT_FLOWS = 1 << 8, /* what else flows are chosen by */
       OPT_WHY = 1 << 9,
       OPT_UI = 1 << 26,
       OPT_FILE = 1 << 20,
       OPT_DELETE = 1 << 21,
       OPT_FOR = 1 << 22,
       OPT_GENERATION = 1 << 23,
       /* those of every command, and of every one that asks an agent: nobody names them */
       OPT_ALWAYS = 1 << 29,
       OPT_AGENT = 1 << 30,
};

/* What a value may be, beside words: files, or what the agent of this node knows, else the cluster. */
#define WORDS_FILES	 "@files"
#define WORDS_PODS	 "@pods"
#define WORDS_NAMESPACES "@namespaces"
#define WORDS_POLICIES	 "@policies"
#define WORDS_NODES	 "@nodes" /* with an agent, of the cluster */

/* One option; help, completion, the man page and the reference are made of the table of them. What read()
 * says comes behind the option's name. */
struct ctl_option {
	unsigned int bit; /* OPT_*: who takes it */
	char letter;	  /* 0: none */
	const char *name;
	const char *value; /* "SECONDS"; NULL: takes none */
	const char *words; /* "text json yaml", WORDS_*: what it may be, for completion; NULL: anything */
	const char *text;
	int (*read)(const char *text, void *at, struct bh_err *err); /* 0, or -EINVAL and why */
	size_t at;						     /* in struct ctl */
};

/* One command; likewise. Only name, args, summary and run must be there. */
struct command {
	const char *name; /* "status", "policy entries" */
	const char *args; /* "" or "POD PEER PORT[/PROTO]" */
	const char *summary;
	const char *text;     /* what else there is to say; a blank line begins a paragraph */
	const char *examples; /* lines "flows -f\tas they happen" */
	const char
		*exits; /* lines "1\tPOD may not open this": where a code says more than for all commands */
	const char *words;    /* "bash zsh fish", WORDS_*: what its first argument may be, for completion */
	unsigned int options; /* OPT_* */
	int nargs, optional;  /* arguments that must be there, and more that may; NULL behind them */
	bool local;	      /* asks no agent, and prints nothing for programs */
	bool hidden;	      /* for programs */
	int (*run)(const struct ctl *c, char **args); /* returns an exit code */
};

/* ---- the table: commands.c, options.c ----------------------------------------------------- */

extern const struct command *const ctl_commands[]; /* ends with NULL */
extern const struct ctl_option ctl_options[];	   /* ends without a name */

/* Whether @command (NULL: any) takes it. */
bool ctl_takes(const struct command *command, const struct ctl_option *o);

/* Return: the command that @words begin with, and how many of them its name has; or NULL. */
const struct command *ctl_find(char *const *words, int n, int *ret_words);

/* What of all commands, or of what one word leads to, @text may have meant. */
struct near;
void ctl_near_command(const char *text, struct near *ret);

/* Reads the options of @command (NULL: not known yet, so of all); @argv is sorted: what is no option comes
 * last. Return: where that begins, or -EINVAL. With @c NULL it sorts, and minds nothing else. */
int ctl_read_options(int argc, char **argv, const struct command *command, struct ctl *c, struct bh_err *err);

/* ---- what is made of it: help.c, complete.c, reference.c ---------------------------------- */

extern const char *ctl_program; /* "bulkheadctl" or "kubectl bulkhead", as it was called */

void help_all(FILE *out);
void help_command(FILE *out, const struct command *command);
/* As text for people, from @indent on to column 80 at most. The line is at column @at now. */
void help_fill(FILE *out, const char *text, int at, int indent);

/* "1\tdenied\n" and the like: one line of a table in a text. Returns what is left, NULL: that was all. */
struct help_line {
	char name[100], text[400];
};
const char *help_line(const char *lines, struct help_line *ret);
extern const char *const help_exits; /* of all commands, as such lines */

/* What may stand where the last of @words is, one a line with a tab and what it is; then ":0" or ":4": files
 * may stand there, too, or nothing else. So does kubectl want it. */
#define COMPLETE_WORD "__complete" /* how shells ask; not a command, because what follows are no options */
int complete_words(FILE *out, char *const *words, int n);

void reference_man(FILE *out);
void reference_markdown(FILE *out);

/* ---- saying ------------------------------------------------------------------------------- */

/* "bulkheadctl: ..." on stderr, as one line. */
void ctl_say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void ctl_hint(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void ctl_hint_policies(void); /* to who has named a policy that nobody knows */

/* A document as -o says; the whole answer of most commands. */
void ctl_print(const struct ctl *c, struct json_object *o);

/* A list, item by item. */
struct ctl_items {
	const struct ctl *c;
	size_t n;
};
void ctl_item(struct ctl_items *l, struct json_object *item);
void ctl_items_end(struct ctl_items *l);

/* ---- asking ------------------------------------------------------------------------------- */

/* {"v":1,"op":op}, with "pod" where c->pod is set. NULL: no memory, which ctl_call() takes. */
struct json_object *ctl_request(const struct ctl *c, const char *op);

/* Whether agents are asked through kubectl, so that answers have "node" and several may come. */
bool ctl_remote(const struct ctl *c);
bool ctl_remote_by_wish(const struct ctl *c); /* not only because this node has no agent */

/**
 * ctl_answers() - asks the agent of this node, or those of all nodes, and waits. Takes @take.
 * @each: gets every item, of one node after the other (but as they come with c->follow); NULL: none are
 *wanted. Items and last lines have "node" where agents are asked through kubectl. Borrowed.
 * @last: gets the last line of each agent that has done it; may be NULL.
 *
 * What goes wrong is said on stderr with a hint. Agents that do not know the pod that was asked for are no
 *trouble as long as one does. Return: CTL_OK, CTL_PARTIAL where some nodes did not answer and some did; or
 *another exit code, nobody did.
 */
int ctl_answers(const struct ctl *c, struct json_object *take,
		int (*each)(void *ctx, struct json_object *item),
		void (*last)(void *ctx, struct json_object *line), void *ctx);

/* How long who usually has @usual_ms for an answer may be silent from now on. */
int64_t ctl_patience_ms(const struct ctl *c, int64_t usual_ms);

/* One that does not answer, {"node", "why", "hint"}, goes to c->unanswered or is said. @node, @hint: "" is
 * none. */
void ctl_unanswered(const struct ctl *c, const char *node, const char *why, const char *hint);
void ctl_say_unanswered(struct json_object *one);

/* As ctl_answers(), for what one agent knows: *ret is the first last line (to be put; may be NULL), whatever
 * the other nodes say. */
int ctl_call(const struct ctl *c, struct json_object *take, int (*each)(void *ctx, struct json_object *item),
	     void *ctx, struct json_object **ret);

/* Why an agent refuses; as in agent/requests.h. */
#define CTL_CODE_DECODE	   6
#define CTL_CODE_RETRY	   11
#define CTL_CODE_NOT_FOUND 101

/* Whether something has answered. */
bool ctl_answered(int code);

/* The whole of a command that lists: JSON as it comes, or a table that @row fills item by item. @none: what a
 * person is told on stderr where no row came of it. */
int ctl_list(const struct ctl *c, const char *op, const char *const *heads,
	     void (*row)(struct table *t, struct json_object *item), const char *none);

/* A table that begins with NODE where there are several: table_lead() sets it. */
struct table *ctl_table(const struct ctl *c, const char *const *heads);

/* Fields; "" and 0 where missing. */
const char *ctl_str(struct json_object *o, const char *name);
uint64_t ctl_int(struct json_object *o, const char *name);
bool ctl_bool(struct json_object *o, const char *name);
struct json_object *ctl_get(struct json_object *o, const char *name); /* NULL: missing */

size_t ctl_length(struct json_object *list); /* 0: it is no list */

/* Control characters become '?' in all its texts: of what an agent says nothing speaks to a terminal. */
void ctl_clean(struct json_object *o);

/* Takes away from a last line what only the wire needs. */
void ctl_strip(struct json_object *line);

/* Any text, as JSON has it, behind @before; NULL is "". Return: 0, -E2BIG or -ENOMEM. */
int ctl_quote(struct buf *b, const char *before, const char *text);

/* A list of strings as "a, b", "" for none; cut at @size. Returns ret. */
const char *ctl_join(struct json_object *list, char *ret, size_t size);

/* ", because of shop/db (10.0.0.9:8080) behind service 'shop/web'", where that is why. */
void ctl_print_behind(FILE *out, struct json_object *o);

/* "policies    17": one line of what is no table. */
void ctl_line(const struct ctl *c, const char *name, enum colour colour, const char *text);

/* "10.0.0.1:80", "[fd00::1]:80", without the port where it is 0. Returns ret. */
#define CTL_END_MAX 80
const char *ctl_end(const char *addr, uint64_t port, char ret[CTL_END_MAX]);

/* "850 ms", "12 s", "3 min", "2 h", "9 d". Returns ret. */
const char *ctl_duration(uint64_t ms, char ret[24]);

#endif
