/* SPDX-License-Identifier: Apache-2.0 */
/*
 * policy.networking.k8s.io/v1alpha2 ClusterNetworkPolicy, strictly. As its API wants it, what is not
 * understood fails closed: the rule that holds it stays in its place as one that is unknown, and denies
 * unless its action is known to be Accept; what is said for the whole policy makes all of its rules unknown.
 */
#include <json-c/json.h>
#include <netinet/in.h>
#include <string.h>

#include "kube/value.h"
#include "kube/walk.h"
#include "util/err.h"

/* ---- pods, of a subject or a peer --------------------------------------------------------- */

/* The API requires podSelector alone: without the other one, the pods of every namespace. */
static bool decode_pods(struct walk *w, struct json_object *o, void *into)
{
	static const char *const known[] = { "namespaceSelector", "podSelector", NULL };
	struct peer *p = into;
	bool ok = walk_has_only(w, o, known);

	ok &= walk_field(w, o, "namespaceSelector", walk_selector, &p->namespaces);
	ok &= walk_required(w, o, "podSelector", walk_selector, &p->pods);
	if (!ok)
		return false;
	if (!p->namespaces)
		p->namespaces = selector_new();
	return p->namespaces ? true : walk_no_memory(w);
}

static bool fill_selectors(struct walk *w, struct json_object *o, struct peer *p)
{
	return walk_field(w, o, "namespaces", walk_selector, &p->namespaces) &&
	       walk_field(w, o, "pods", decode_pods, p);
}

static bool has_selector(struct walk *w, struct json_object *o)
{
	static const char *const known[] = { "namespaces", "pods", NULL };

	return walk_has_only(w, o, known) &&
	       walk_has_one(w, o, known, "needs exactly one of namespaces and pods");
}

/* ---- peers ------------------------------------------------------------------------------ */

static bool is_filled_list(struct walk *w, struct json_object *o, size_t max)
{
	if (!walk_is_list(w, o, max))
		return false;
	return value_length(o) ? true : walk_problem(w, "is empty");
}

static bool add_pods(struct walk *w, struct json_object *o, struct rule *rule)
{
	struct peer p = {};

	if (!fill_selectors(w, o, &p)) {
		peer_done(&p);
		return false;
	}
	return walk_add_peer(w, rule, &p);
}

static bool decode_source(struct walk *w, struct json_object *o, void *into)
{
	return has_selector(w, o) && add_pods(w, o, into);
}

static bool decode_network(struct walk *w, struct json_object *o, void *into)
{
	struct peer p = { .is_block = true };

	return walk_cidr(w, o, &p.block) && walk_add_peer(w, into, &p);
}

static bool decode_networks(struct walk *w, struct json_object *o, void *into)
{
	return is_filled_list(w, o, DECODE_NETWORKS_MAX) && walk_items(w, o, decode_network, into);
}

/* These are of the API's experimental channel. */
static bool is_unsupported(struct walk *w, struct json_object *o, const char *name)
{
	if (!value_get(o, name))
		return false;
	(void)walk_wrong_field(w, name, "is not supported");
	return true;
}

static bool decode_destination(struct walk *w, struct json_object *o, void *into)
{
	static const char *const known[] = { "namespaces", "pods", "networks", "nodes", "domainNames", NULL };
	static const char *const usable[] = { "namespaces", "pods", "networks", NULL };
	bool ok = walk_has_only(w, o, known);

	ok &= !is_unsupported(w, o, "nodes");
	ok &= !is_unsupported(w, o, "domainNames");
	if (!ok || !walk_has_one(w, o, usable, "needs exactly one of namespaces, pods and networks"))
		return false;
	if (value_get(o, "networks"))
		return walk_field(w, o, "networks", decode_networks, into);
	return add_pods(w, o, into);
}

static bool decode_sources(struct walk *w, struct json_object *o, void *into)
{
	return is_filled_list(w, o, DECODE_ITEMS_MAX) && walk_items(w, o, decode_source, into);
}

static bool decode_destinations(struct walk *w, struct json_object *o, void *into)
{
	return is_filled_list(w, o, DECODE_ITEMS_MAX) && walk_items(w, o, decode_destination, into);
}

/* ---- protocols -------------------------------------------------------------------------- */

static const struct {
	const char *name;
	uint8_t proto;
} protocols[] = {
	{ "tcp", IPPROTO_TCP },
	{ "udp", IPPROTO_UDP },
	{ "sctp", IPPROTO_SCTP },
};

#define PROTOCOLS (sizeof(protocols) / sizeof(protocols[0]))

static bool decode_number(struct walk *w, struct json_object *o, void *into)
{
	struct port_range *p = into;

	if (!walk_port(w, o, &p->first))
		return false;
	p->last = p->first;
	return true;
}

static bool decode_range(struct walk *w, struct json_object *o, void *into)
{
	static const char *const known[] = { "start", "end", NULL };
	struct port_range *p = into;
	bool ok = walk_has_only(w, o, known);

	ok &= walk_required(w, o, "start", walk_port, &p->first);
	ok &= walk_required(w, o, "end", walk_port, &p->last);
	if (!ok)
		return false;
	return p->first < p->last ? true : walk_problem(w, "start %d is not below end %d", p->first, p->last);
}

static bool decode_port(struct walk *w, struct json_object *o, void *into)
{
	static const char *const known[] = { "number", "range", NULL };

	return walk_has_only(w, o, known) &&
	       walk_has_one(w, o, known, "needs exactly one of number and range") &&
	       walk_field(w, o, "number", decode_number, into) &&
	       walk_field(w, o, "range", decode_range, into);
}

static bool decode_transport(struct walk *w, struct json_object *o, void *into)
{
	static const char *const known[] = { "destinationPort", NULL };

	return walk_has_only(w, o, known) && walk_field(w, o, "destinationPort", decode_port, into);
}

/* Of whatever protocol the pod's port by that name is. */
static bool decode_named(struct walk *w, struct json_object *o, void *into)
{
	const char *text = value_text(o);
	char clip[VALUE_CLIP];
	bool ok = true;
	size_t i;

	if (!text)
		return walk_wrong_type(w, o, "a text");
	if (!port_name_is_valid(text))
		return walk_problem(w, "'%s' is not the name of a port", value_clip(text, clip));
	for (i = 0; ok && i < PROTOCOLS; i++) {
		struct port_range p = { .proto = protocols[i].proto };

		memcpy(p.name, text, strlen(text));
		ok = walk_add_port(w, into, &p);
	}
	return ok;
}

static bool decode_protocol(struct walk *w, struct json_object *o, void *into)
{
	static const char *const known[] = { "tcp", "udp", "sctp", "destinationNamedPort", NULL };
	size_t i;

	if (!walk_has_only(w, o, known) ||
	    !walk_has_one(w, o, known, "needs exactly one of tcp, udp, sctp and destinationNamedPort"))
		return false;
	for (i = 0; i < PROTOCOLS; i++) {
		struct port_range p = { .proto = protocols[i].proto, .last = UINT16_MAX };

		if (value_get(o, protocols[i].name))
			return walk_field(w, o, protocols[i].name, decode_transport, &p) &&
			       walk_add_port(w, into, &p);
	}
	return walk_field(w, o, "destinationNamedPort", decode_named, into);
}

static bool decode_protocols(struct walk *w, struct json_object *o, void *into)
{
	return is_filled_list(w, o, DECODE_ITEMS_MAX) && walk_items(w, o, decode_protocol, into);
}

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

/* The API forbids it, but has no check for it in its standard channel. */
static bool check_names(struct walk *w, const struct rule *rule)
{
	bool blocks = false, names = false;
	size_t i;

	for (i = 0; i < rule->peers.n; i++)
		blocks |= rule->peers.v[i].is_block;
	for (i = 0; i < rule->ports.n; i++)
		names |= *rule->ports.v[i].name != '\0';
	if (blocks && names)
		return walk_problem(w, "has destinationNamedPort beside networks, where no port has a name");
	return true;
}

static bool fill_rule(struct walk *w, struct json_object *o, int dir, struct rule *rule)
{
	static const walk_step peers[DIR_MAX] = { decode_sources, decode_destinations };
	const char *const known[] = { "name", "action", walk_peers[dir], "protocols", NULL };
	bool ok = walk_has_only(w, o, known);

	if (!json_object_is_type(o, json_type_object))
		return false;
	ok &= walk_field(w, o, "name", decode_name, rule);
	ok &= walk_required(w, o, "action", decode_action, &rule->action);
	ok &= walk_required(w, o, walk_peers[dir], peers[dir], rule);
	ok &= walk_field(w, o, "protocols", decode_protocols, rule);
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

static bool decode_rules(struct walk *w, struct json_object *o, void *into)
{
	if (walk_is_list(w, o, DECODE_RULES_MAX))
		return walk_items(w, o, decode_rule, into);
	(void)add_rule(w, *(const int *)into);
	return false;
}

/* ---- the policy ------------------------------------------------------------------------- */

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

static bool decode_priority(struct walk *w, struct json_object *o, void *into)
{
	return walk_integer(w, o, 0, DECODE_PRIORITY_MAX, into);
}

static bool decode_subject(struct walk *w, struct json_object *o, void *into)
{
	return has_selector(w, o) && fill_selectors(w, o, into);
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

static void decode_object(struct walk *w, struct json_object *spec)
{
	static const char *const known[] = { "tier", "priority", "subject", "ingress", "egress", NULL };
	struct net_policy *p = w->policy;
	bool ok = walk_has_only(w, spec, known);
	int dir;

	ok &= walk_required(w, spec, "tier", decode_tier, &p->tier);
	ok &= walk_required(w, spec, "priority", decode_priority, &p->priority);
	ok &= take_subject(w, spec);
	for (dir = 0; dir < DIR_MAX; dir++)
		(void)walk_field(w, spec, walk_section[dir], decode_rules, &dir);
	if (!ok)
		walk_distrust(p);
}

/* Without a spec, which no API server takes, it says nothing of anybody. */
static void decode_spec(struct walk *w, struct json_object *spec)
{
	w->policy->namespaces = selector_new();
	if (!w->policy->namespaces)
		(void)walk_no_memory(w);
	else if (!spec)
		(void)walk_problem(w, "is missing");
	else if (walk_is_object(w, spec))
		decode_object(w, spec);
}

int decode_cluster_policy(struct json_object *o, const struct object_id *id, struct net_policy **ret)
{
	return walk_policy(o, id, decode_spec, ret);
}
