/* SPDX-License-Identifier: Apache-2.0 */
/* bulkheadctl wait: until a policy is in force, as every agent that is asked says itself. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ctl/ctl.h"
#include "ctl/policy.h"
#include "ctl/remote.h"
#include "util/clock.h"

#define WITHIN_MS 30000
#define LOCAL_MS  100  /* between two questions */
#define REMOTE_MS 2000 /* each begins a process for each node */

/* What one round of answers says: `code`. */
struct round {
	struct policy_name is;
	uint64_t generation; /* this one, or a later one */
	char found_ns[64];   /* of the first; "" of the cluster */
	int code;
	bool found, several;
	size_t nodes;		     /* that have answered */
	struct json_object *known;   /* by their names: those that know it */
	struct json_object *late;    /* names: where it is known, and not in force */
	struct json_object *lacking; /* names: where it is not known */
	struct json_object *silent;  /* who has not answered: ctl.unanswered */
	char never[600];	     /* why waiting is of no use; "": it may be */
};

static struct round round_new(const struct policy_name *is, uint64_t generation)
{
	return (struct round){ .is = *is,
			       .generation = generation,
			       .known = json_object_new_object(),
			       .late = json_object_new_array(),
			       .lacking = json_object_new_array(),
			       .silent = json_object_new_array() };
}

static void round_done(struct round *r)
{
	json_object_put(r->known);
	json_object_put(r->late);
	json_object_put(r->lacking);
	json_object_put(r->silent);
}

static const char *why_never(struct json_object *item, char *ret, size_t size)
{
	(void)ctl_join(ctl_get(item, "problems"), ret, size);
	if (*ret || !ctl_bool(item, "expired"))
		return ret;
	(void)snprintf(ret, size, "it has expired");
	return ret;
}

static bool is_new_enough(const struct round *r, struct json_object *item)
{
	return ctl_int(item, "generation") >= r->generation;
}

/* Whatever trouble the node is in, it enforces all that there is of it there. An agent that does not say for
 * how many pods it ought to is not believed. */
static bool has_no_pods(struct json_object *item)
{
	return ctl_get(item, "selected") && !ctl_int(item, "selected") && !ctl_int(item, "pods");
}

/* Once, though several policies are called so: they come node by node. */
static void add_node(struct json_object *list, const char *node)
{
	struct json_object *last = json_object_array_get_idx(list, ctl_length(list) - 1);

	if (!last || strcmp(json_object_get_string(last), node))
		(void)json_object_array_add(list, json_object_new_string(node));
}

static int take_policy(void *ctx, struct json_object *item)
{
	struct round *r = ctx;

	if (!policy_name_is(&r->is, item))
		return 0;
	r->several |= r->found && strcmp(r->found_ns, ctl_str(item, "namespace")) != 0;
	r->found = true;
	(void)json_object_object_add(r->known, ctl_str(item, "node"), NULL);
	(void)snprintf(r->found_ns, sizeof(r->found_ns), "%s", ctl_str(item, "namespace"));
	if (is_new_enough(r, item) && !*r->never)
		(void)why_never(item, r->never, sizeof(r->never));
	if (is_new_enough(r, item) && (ctl_bool(item, "in_force") || has_no_pods(item)))
		return 0;
	add_node(r->late, ctl_str(item, "node"));
	return 0;
}

static void take_node(void *ctx, struct json_object *line)
{
	struct round *r = ctx;
	const char *node = ctl_str(line, "node");

	r->nodes++;
	if (!json_object_object_get_ex(r->known, node, NULL))
		add_node(r->lacking, node);
}

static void ask(const struct ctl *c, struct round *r)
{
	struct ctl each = *c;

	each.unanswered = r->silent;
	r->code = ctl_answers(&each, ctl_request(&each, "policies"), take_policy, take_node, r);
}

/* As far as nodes have answered. */
static bool is_missing(const struct round *r)
{
	return !r->nodes || ctl_length(r->late) || ctl_length(r->lacking) || *r->never;
}

static bool is_enforced(const struct round *r)
{
	return !is_missing(r) && !ctl_length(r->silent);
}

static const char *word(const struct round *r)
{
	if (is_enforced(r))
		return "enforced";
	return is_missing(r) ? "not enforced" : "not known to be enforced";
}

static void tell(const struct ctl *c, const struct round *r)
{
	const size_t silent = ctl_length(r->silent), asked = r->nodes + silent;
	const char *ns = r->found ? r->found_ns : r->is.ns ? r->is.ns : "";
	struct json_object *o;

	if (!c->json) {
		(void)printf("%s%s%s: %s, %zu %s asked", ns, *ns ? "/" : "", r->is.name, word(r), asked,
			     asked == 1 ? "node" : "nodes");
		(void)printf(silent ? ", %zu of them without an answer\n" : "\n", silent);
		return;
	}
	o = json_object_new_object();
	json_object_object_add(o, "namespace", json_object_new_string(ns));
	json_object_object_add(o, "name", json_object_new_string(r->is.name));
	json_object_object_add(o, "enforced", json_object_new_boolean(is_enforced(r)));
	json_object_object_add(o, "nodes", json_object_new_uint64(r->nodes));
	json_object_object_add(o, "known", json_object_new_int(json_object_object_length(r->known)));
	json_object_object_add(o, "late", json_object_get(r->late));
	json_object_object_add(o, "unknown", json_object_get(r->lacking));
	json_object_object_add(o, "unanswered", json_object_get(r->silent));
	ctl_print(c, o);
	json_object_put(o);
}

/* This node alone has no name. */
static void say_where(const char *what, struct json_object *nodes)
{
	const size_t n = ctl_length(nodes);
	const char *first = n ? json_object_get_string(json_object_array_get_idx(nodes, 0)) : "";

	if (n == 1 && *first)
		ctl_say("%s on node '%s'", what, first);
	else if (n > 1)
		ctl_say("%s on %zu nodes: '%s' is the first", what, n, first);
}

static void say_silent(const struct round *r)
{
	size_t i;

	for (i = 0; i < ctl_length(r->silent); i++)
		ctl_say_unanswered(json_object_array_get_idx(r->silent, i));
}

static int too_late(const struct ctl *c, const struct round *r)
{
	if (!r->found) {
		ctl_say("no agent knows a policy '%s%s%s'", r->is.ns ? r->is.ns : "", r->is.ns ? "/" : "",
			r->is.name);
		ctl_hint_policies();
	} else {
		say_where("not in force yet", r->late);
		say_where("not known", r->lacking);
	}
	say_silent(r);
	if (ctl_length(r->silent))
		ctl_say("whether it is in force there is not known");
	tell(c, r);
	return r->code == CTL_PARTIAL ? r->code : CTL_NEGATIVE;
}

/* Return: an exit code, or -1: it may still become so. */
static int judge(const struct ctl *c, const struct round *r)
{
	if (r->several) {
		ctl_say("several namespaces have a policy '%s'", r->is.name);
		ctl_hint("name it as NAMESPACE/NAME");
		return CTL_USAGE;
	}
	if (!ctl_answered(r->code)) {
		say_silent(r);
		return r->code;
	}
	if (*r->never) {
		ctl_say("it will not be in force as it is: %s", r->never);
		tell(c, r);
		return CTL_NEGATIVE;
	}
	if (r->code != CTL_OK || !is_enforced(r))
		return -1;
	tell(c, r);
	return CTL_OK;
}

/* Who answered in the round before has not fallen silent, only because the time was over in this one. */
static bool is_cut_short(const struct ctl *c, const struct round *before, const struct round *r)
{
	return clock_ms() >= c->ends_ms && r->nodes < before->nodes;
}

static int run(const struct ctl *c, char **args)
{
	const long pause_ms = ctl_remote(c) ? REMOTE_MS : LOCAL_MS;
	const struct timespec pause = { .tv_sec = pause_ms / 1000, .tv_nsec = pause_ms % 1000 * 1000000 };
	struct policy_name is;
	struct ctl each = *c;
	struct round r, next;
	int code;

	if (policy_name_read(args[0], &is) < 0)
		return CTL_USAGE;
	each.ends_ms = clock_ms() + ctl_patience_ms(c, WITHIN_MS);
	each.timeout_ms = 0; /* of this command, not of one answer */
	r = round_new(&is, c->generation);
	ask(&each, &r);
	while ((code = judge(c, &r)) < 0 && clock_ms() + pause_ms < each.ends_ms) {
		if (r.code == CTL_PARTIAL)
			remote_renew(&each, NULL); /* who did not answer may have another pod, or be ready */
		(void)nanosleep(&pause, NULL);
		next = round_new(&is, c->generation);
		ask(&each, &next);
		if (is_cut_short(&each, &r, &next)) {
			round_done(&next);
			break;
		}
		round_done(&r);
		r = next;
	}
	if (code < 0)
		code = too_late(c, &r);
	round_done(&r);
	return code;
}

const struct command command_wait = {
	.name = "wait policy",
	.args = "[NAMESPACE/]NAME",
	.words = WORDS_POLICIES,
	.summary = "until a policy is in force on this node, or on all nodes",
	.text = "Each agent that is asked says whether it is. One that knows the policy and has none of its pods holds "
		"nobody up, whatever trouble its node is in; one that gives no answer is waited for, and named in the "
		"end: whether it is in force there nobody can tell.\n\nOf a policy that was changed name the generation, "
		"or what was there before may be meant.\n\nTo wait without asking the nodes, by the cluster's own "
		"status: kubectl wait --for=condition=Programmed (docs/status.md).",
	.examples = "wait policy shop/db --for enforced --timeout 60\tafter kubectl apply\n"
		    "wait policy shop/db --all-nodes --generation 3\tas kubectl get -o "
		    "jsonpath={.metadata.generation} says\n",
	.exits = "1\tnot in time; or never, because something in it is not understood or it has expired\n"
		 "4\tnot known to be in time, because some nodes gave no answer\n",
	.options = OPT_FOR | OPT_GENERATION,
	.nargs = 1,
	.run = run,
};
