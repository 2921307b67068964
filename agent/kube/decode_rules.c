/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rules that have an action. What is not understood fails closed, as ClusterNetworkPolicy's API wants it: the
 * rule that holds it stays in its place as one that is unknown, and denies unless its action is known to be
 * Accept; what is said for the whole policy makes all of its rules unknown.
 */
#include "kube/rules.h"

#include <json-c/json.h>
#include <string.h>

#include "kube/value.h"
#include "util/err.h"

/* ---- rules ------------------------------------------------------------------------------ */

/* As the API counts it: in characters. */
static size_t length(const char *text)
{
	size_t n = 0;

	for (; *text; text++)
		n += ((unsigned char)*text & 0xc0) != 0x80;
	return n;
}

/* Any text may be a name: it is kept as it may be shown. */
static bool decode_name(struct walk *w, struct json_object *o, void *into)
{
	const char *text = value_text(o);
	struct rule *rule = into;

	if (!text)
		return walk_wrong_type(w, o, "a text");
	if (length(text) > DECODE_RULE_NAME_MAX)
		return walk_problem(w, "is longer than %d characters", DECODE_RULE_NAME_MAX);
	if (!*text)
		return true;
	rule->name = strdup(text);
	if (!rule->name)
		return walk_no_memory(w);
	bh_text_clean(rule->name);
	return true;
}

static bool decode_action(struct walk *w, struct json_object *o, void *into)
{
	static const char *const names[] = {
		[RULE_ACCEPT] = "Accept",
		[RULE_DENY] = "Deny",
		[RULE_PASS] = "Pass",
		NULL,
	};
	enum rule_action *ret = into;
	size_t action;

	if (!walk_choice(w, o, names, "none of Accept, Deny and Pass", &action))
		return false;
	*ret = (enum rule_action)action;
	return true;
}

/* Upstream forbids it too, but has no check for it in its standard channel. */
static bool check_names(struct walk *w, const struct rule *rule)
{
	bool others = false, names = false;
	size_t i;

	for (i = 0; i < rule->peers.n; i++)
		others |= rule->peers.v[i].kind != PEER_PODS;
	for (i = 0; i < rule->ports.n; i++)
		names |= *rule->ports.v[i].name != '\0';
	if (others && names)
		return walk_problem(w, "has destinationNamedPort beside %s, where no port has a name",
				    rules_are_ours(w) ? "what are no pods" : "networks or nodes");
	return true;
}

static bool decode_log(struct walk *w, struct json_object *o, void *into)
{
	bool *ret = into;

	if (!json_object_is_type(o, json_type_boolean))
		return walk_wrong_type(w, o, "true or false");
	*ret = json_object_get_boolean(o);
	return true;
}

static bool fill_rule(struct walk *w, struct json_object *o, int dir, struct rule *rule)
{
	static const walk_step peers[DIR_MAX] = { rules_from, rules_to };
	const char *const known[] = {
		"name", "action", walk_peers[dir], "protocols", rules_are_ours(w) ? "log" : NULL, NULL,
	};
	bool ok = walk_has_only(w, o, known);

	if (!json_object_is_type(o, json_type_object))
		return false;
	ok &= walk_field(w, o, "name", decode_name, rule);
	ok &= walk_required(w, o, "action", decode_action, &rule->action);
	ok &= walk_required(w, o, walk_peers[dir], peers[dir], rule);
	ok &= walk_field(w, o, "protocols", rules_protocols, rule);
	ok &= walk_field(w, o, "log", decode_log, &rule->log);
	return ok && check_names(w, rule);
}

/* One that denies, until more is understood. */
static struct rule *add_rule(struct walk *w, int dir)
{
	struct rule *rule = vec_add(&w->policy->rules[dir]);

	if (!rule) {
		(void)walk_no_memory(w);
		return NULL;
	}
	rule->action = RULE_DENY;
	rule->unknown = true;
	return rule;
}

static bool decode_rule(struct walk *w, struct json_object *o, void *into)
{
	const int dir = *(const int *)into;
	struct rule *rule = add_rule(w, dir);

	if (!rule)
		return false;
	rule->unknown = !fill_rule(w, o, dir, rule);
	return !rule->unknown;
}

bool rules_decode(struct walk *w, struct json_object *o, void *into)
{
	if (walk_is_list(w, o, DECODE_RULES_MAX))
		return walk_items(w, o, decode_rule, into);
	(void)add_rule(w, *(const int *)into);
	return false;
}

/* ---- what is said for the whole policy
 * ------------------------------------------------------------------------- */

static bool decode_tier(struct walk *w, struct json_object *o, void *into)
{
	static const char *const names[] = { "Admin", "Baseline", NULL };
	enum policy_tier *ret = into;
	size_t tier;

	if (!walk_choice(w, o, names, "neither Admin nor Baseline", &tier))
		return false;
	*ret = tier ? TIER_BASELINE : TIER_ADMIN;
	return true;
}

bool rules_priority(struct walk *w, struct json_object *o, void *into)
{
	return walk_integer(w, o, 0, DECODE_PRIORITY_MAX, into);
}

static bool decode_subject(struct walk *w, struct json_object *o, void *into)
{
	static const char *const known[] = { "namespaces", "pods", NULL };

	return walk_has_only(w, o, known) &&
	       walk_has_one(w, o, known, "needs exactly one of namespaces and pods") &&
	       rules_selectors(w, o, into);
}

/* The policy has one that selects every pod. */
static bool take_subject(struct walk *w, struct json_object *spec)
{
	struct net_policy *p = w->policy;
	struct peer subject = {};

	if (!walk_required(w, spec, "subject", decode_subject, &subject)) {
		peer_done(&subject);
		return false;
	}
	selector_free(p->namespaces);
	p->namespaces = subject.namespaces;
	if (subject.pods) {
		selector_free(p->subject);
		p->subject = subject.pods;
	}
	return true;
}

bool rules_cluster_spec(struct walk *w, struct json_object *spec)
{
	struct net_policy *p = w->policy;
	bool ok = walk_required(w, spec, "tier", decode_tier, &p->tier);

	ok &= walk_required(w, spec, "priority", rules_priority, &p->priority);
	ok &= take_subject(w, spec);
	return ok;
}

void rules_sections(struct walk *w, struct json_object *spec, const char *const known[], bool understood)
{
	const bool only = walk_has_only(w, spec, known);
	int dir;

	for (dir = 0; dir < DIR_MAX; dir++) {
		(void)walk_field(w, spec, walk_section[dir], rules_decode, &dir);
		if (!only && !w->policy->rules[dir].n)
			(void)add_rule(w, dir);
	}
	if (!only || !understood)
		walk_distrust(w->policy);
}

void rules_of_cluster(struct walk *w, struct json_object *spec,
		      void (*object)(struct walk *w, struct json_object *o))
{
	w->policy->namespaces = selector_new();
	if (!w->policy->namespaces)
		(void)walk_no_memory(w);
	else if (!spec)
		(void)walk_problem(w, "is missing");
	else if (walk_is_object(w, spec))
		object(w, spec);
}
