/* SPDX-License-Identifier: Apache-2.0 */
/* bulkheadctl wait: until a policy is in force, as every agent that is asked says itself. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ctl/ctl.h"
#include "ctl/policy.h"
#include "util/clock.h"

#define WITHIN_MS 30000
#define LOCAL_MS  100  /* between two questions */
#define REMOTE_MS 2000 /* each begins a process for each node */

/* What one round of answers says. */
struct round {
	struct policy_name is;
	uint64_t generation; /* this one, or a later one */
	char found_ns[64];   /* of the first; "" of the cluster */
	bool found, several;
	size_t nodes;		     /* that have answered */
	size_t known, late;	     /* of those: where it is known; policies of that name not in force */
	char last[256], behind[256]; /* the last node that knows it; one where it is not in force */
	char never[600];	     /* why waiting is of no use; "": it may be */
};

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

static int take_policy(void *ctx, struct json_object *item)
{
	struct round *r = ctx;

	if (!policy_name_is(&r->is, item))
		return 0;
	r->several |= r->found && strcmp(r->found_ns, ctl_str(item, "namespace")) != 0;
	r->found = true;
	r->known += !r->known || strcmp(r->last, ctl_str(item, "node")) != 0;
	(void)snprintf(r->last, sizeof(r->last), "%s", ctl_str(item, "node"));
	(void)snprintf(r->found_ns, sizeof(r->found_ns), "%s", ctl_str(item, "namespace"));
	if (is_new_enough(r, item) && !*r->never)
		(void)why_never(item, r->never, sizeof(r->never));
	if (is_new_enough(r, item) && ctl_bool(item, "in_force"))
		return 0;
	r->late++;
	(void)snprintf(r->behind, sizeof(r->behind), "%s", ctl_str(item, "node"));
	return 0;
}

static void take_node(void *ctx, struct json_object *line)
{
	struct round *r = ctx;

	(void)line;
	r->nodes++;
}

static int ask(const struct ctl *c, struct round *r)
{
	const struct round asked = { .is = r->is, .generation = r->generation };
	struct ctl each = *c;

	each.timeout_ms = 0; /* of this command, not of one answer */
	*r = asked;
	return ctl_answers(&each, ctl_request(&each, "policies"), take_policy, take_node, r);
}

static bool is_enforced(const struct round *r)
{
	return r->nodes && r->known == r->nodes && !r->late && !*r->never;
}

static void tell(const struct ctl *c, const struct round *r)
{
	const char *ns = r->found ? r->found_ns : r->is.ns ? r->is.ns : "";
	struct json_object *o;

	if (!c->json) {
		(void)printf("%s%s%s: %s, %zu %s asked\n", ns, *ns ? "/" : "", r->is.name,
			     is_enforced(r) ? "enforced" : "not enforced", r->nodes,
			     r->nodes == 1 ? "node" : "nodes");
		return;
	}
	o = json_object_new_object();
	json_object_object_add(o, "namespace", json_object_new_string(ns));
	json_object_object_add(o, "name", json_object_new_string(r->is.name));
	json_object_object_add(o, "enforced", json_object_new_boolean(is_enforced(r)));
	json_object_object_add(o, "nodes", json_object_new_uint64(r->nodes));
	json_object_object_add(o, "known", json_object_new_uint64(r->known));
	ctl_print(c, o);
	json_object_put(o);
}

static int too_late(const struct ctl *c, const struct round *r, int code)
{
	if (!r->found) {
		ctl_say("no agent knows a policy '%s%s%s'", r->is.ns ? r->is.ns : "", r->is.ns ? "/" : "",
			r->is.name);
		ctl_hint_policies();
	} else if (*r->behind) {
		ctl_say("not in force yet on node '%s', maybe on others", r->behind);
	}
	tell(c, r);
	return code == CTL_PARTIAL ? code : CTL_NEGATIVE;
}

/* Return: an exit code, or -1: it may still become so. */
static int judge(const struct ctl *c, const struct round *r, int code)
{
	if (r->several) {
		ctl_say("several namespaces have a policy '%s'", r->is.name);
		ctl_hint("name it as NAMESPACE/NAME");
		return CTL_USAGE;
	}
	if (!ctl_answered(code))
		return code;
	if (*r->never) {
		ctl_say("it will not be in force as it is: %s", r->never);
		tell(c, r);
		return CTL_NEGATIVE;
	}
	if (code != CTL_OK || !is_enforced(r))
		return -1;
	tell(c, r);
	return CTL_OK;
}

static int run(const struct ctl *c, char **args)
{
	const int64_t ends_ms = clock_ms() + (int64_t)(c->timeout_ms ? c->timeout_ms : WITHIN_MS);
	const long pause_ms = ctl_remote(c) ? REMOTE_MS : LOCAL_MS;
	const struct timespec pause = { .tv_sec = pause_ms / 1000, .tv_nsec = pause_ms % 1000 * 1000000 };
	struct round r = { .generation = c->generation };
	int code, answered;

	if (policy_name_read(args[0], &r.is) < 0)
		return CTL_USAGE;
	for (;;) {
		answered = ask(c, &r);
		code = judge(c, &r, answered);
		if (code >= 0)
			return code;
		if (clock_ms() + pause_ms >= ends_ms)
			return too_late(c, &r, answered);
		(void)nanosleep(&pause, NULL);
	}
}

const struct command command_wait = {
	.name = "wait policy",
	.args = "[NAMESPACE/]NAME",
	.words = WORDS_POLICIES,
	.summary = "until a policy is in force on this node, or on all nodes",
	.text = "Each agent that is asked says whether it is: also one that has none of its pods, which it is at once. "
		"Of a policy that was changed name the generation, "
		"or what was there before may be meant.\n\nTo wait without asking the nodes, by the cluster's own "
		"status: kubectl wait --for=condition=Programmed (docs/status.md).",
	.examples = "wait policy shop/db --for enforced --timeout 60\tafter kubectl apply\n"
		    "wait policy shop/db --all-nodes --generation 3\tas kubectl get -o "
		    "jsonpath={.metadata.generation} says\n",
	.exits = "1\tnot in time; or never, because something in it is not understood or it has expired\n",
	.options = OPT_FOR | OPT_GENERATION,
	.nargs = 1,
	.run = run,
};
