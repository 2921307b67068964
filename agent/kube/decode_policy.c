/* SPDX-License-Identifier: Apache-2.0 */
/* networking.k8s.io/v1 NetworkPolicy, strictly. */
#include <json-c/json.h>
#include <netinet/in.h>
#include <string.h>

#include "kube/value.h"
#include "kube/walk.h"

/* ---- peers ------------------------------------------------------------------------------ */

/* The API server too wants a block smaller than the one it is cut out of. */
static bool decode_exception(struct walk *w, struct json_object *o, void *into)
{
	char inner[ADDR_TEXT], outer[ADDR_TEXT];
	struct peer *p = into;
	struct cidr c, *slot;

	if (!walk_cidr(w, o, &c))
		return false;
	if (!cidr_covers(&p->block, &c) || c.len == p->block.len)
		return walk_problem(w, "%s is not a part of %s", cidr_text(&c, inner),
				    cidr_text(&p->block, outer));
	slot = vec_add(&p->except);
	if (!slot)
		return walk_no_memory(w);
	*slot = c;
	return true;
}

static bool decode_exceptions(struct walk *w, struct json_object *o, void *into)
{
	return walk_is_list(w, o, DECODE_ITEMS_MAX) && walk_items(w, o, decode_exception, into);
}

static bool decode_block(struct walk *w, struct json_object *o, void *into)
{
	static const char *const known[] = { "cidr", "except", NULL };
	struct peer *p = into;

	p->kind = PEER_BLOCK;
	return walk_has_only(w, o, known) && walk_required(w, o, "cidr", walk_cidr, &p->block) &&
	       walk_field(w, o, "except", decode_exceptions, p);
}

static bool fill_peer(struct walk *w, struct json_object *o, struct peer *p)
{
	static const char *const known[] = { "podSelector", "namespaceSelector", "ipBlock", NULL };
	bool ok = walk_has_only(w, o, known);

	ok &= walk_field(w, o, "podSelector", walk_selector, &p->pods);
	ok &= walk_field(w, o, "namespaceSelector", walk_selector, &p->namespaces);
	ok &= walk_field(w, o, "ipBlock", decode_block, p);
	if (!ok)
		return false;
	if (p->kind == PEER_BLOCK && (p->pods || p->namespaces))
		return walk_problem(w, "has an ipBlock beside a selector");
	if (p->kind != PEER_BLOCK && !p->pods && !p->namespaces)
		return walk_problem(w, "is empty: it needs podSelector, namespaceSelector or ipBlock");
	return true;
}

static bool decode_peer(struct walk *w, struct json_object *o, void *into)
{
	struct rule *rule = into;
	struct peer p = {};

	if (!fill_peer(w, o, &p)) {
		peer_done(&p);
		return false;
	}
	return walk_add_peer(w, rule, &p);
}

static bool decode_peers(struct walk *w, struct json_object *o, void *into)
{
	return walk_is_list(w, o, DECODE_ITEMS_MAX) && walk_items(w, o, decode_peer, into);
}

/* ---- ports ------------------------------------------------------------------------------ */

static bool decode_protocol(struct walk *w, struct json_object *o, void *into)
{
	const char *text = value_text(o);
	uint8_t *ret = into;
	char clip[VALUE_CLIP];

	if (!text)
		return walk_wrong_type(w, o, "a text");
	*ret = value_protocol(o);
	return *ret ? true : walk_problem(w, "'%s' is none of TCP, UDP and SCTP", value_clip(text, clip));
}

static bool decode_port_or_name(struct walk *w, struct json_object *o, void *into)
{
	const char *text = value_text(o);
	struct port_range *p = into;
	char clip[VALUE_CLIP];

	if (!text)
		return walk_port(w, o, &p->first);
	if (!port_name_is_valid(text))
		return walk_problem(w, "'%s' is neither a number nor the name of a port",
				    value_clip(text, clip));
	memcpy(p->name, text, strlen(text));
	return true;
}

static bool decode_end(struct walk *w, struct json_object *o, void *into)
{
	struct port_range *p = into;

	if (!p->first)
		return walk_problem(w, *p->name ? "needs a port that is a number" : "needs a port");
	if (!walk_port(w, o, &p->last))
		return false;
	return p->last >= p->first ? true : walk_problem(w, "%d is below port %d", p->last, p->first);
}

static bool decode_port(struct walk *w, struct json_object *o, void *into)
{
	static const char *const known[] = { "protocol", "port", "endPort", NULL };
	struct port_range p = { .proto = IPPROTO_TCP };
	struct rule *rule = into;
	bool ok = walk_has_only(w, o, known);

	ok &= walk_field(w, o, "protocol", decode_protocol, &p.proto);
	if (!walk_field(w, o, "port", decode_port_or_name, &p))
		return false;
	p.last = p.first || *p.name ? p.first : UINT16_MAX;
	if (!walk_field(w, o, "endPort", decode_end, &p) || !ok)
		return false;
	return walk_add_port(w, rule, &p);
}

static bool decode_ports(struct walk *w, struct json_object *o, void *into)
{
	return walk_is_list(w, o, DECODE_ITEMS_MAX) && walk_items(w, o, decode_port, into);
}

/* ---- rules ------------------------------------------------------------------------------ */

static bool fill_rule(struct walk *w, struct json_object *o, int dir, struct rule *rule)
{
	const char *const known[] = { walk_peers[dir], "ports", NULL };
	bool ok = walk_has_only(w, o, known);

	ok &= walk_field(w, o, walk_peers[dir], decode_peers, rule);
	ok &= walk_field(w, o, "ports", decode_ports, rule);
	return ok;
}

/* A rule that is not understood stays in its place, so that the others keep their numbers. */
static bool decode_rule(struct walk *w, struct json_object *o, void *into)
{
	const int dir = *(const int *)into;
	struct rule *rule = vec_add(&w->policy->rules[dir]);

	if (!rule)
		return walk_no_memory(w);
	rule->unknown = !fill_rule(w, o, dir, rule);
	return !rule->unknown;
}

static bool decode_rules(struct walk *w, struct json_object *o, void *into)
{
	return walk_is_list(w, o, DECODE_RULES_MAX) && walk_items(w, o, decode_rule, into);
}

static void clear_rules(struct net_policy *p, int dir)
{
	size_t i;

	for (i = 0; i < p->rules[dir].n; i++)
		rule_done(&p->rules[dir].v[i]);
	vec_done(&p->rules[dir]);
}

/* ---- the policy ------------------------------------------------------------------------- */

/* Defaults of pkg/apis/networking/v1: Ingress always, Egress with an egress rule. An egress section
 * that is no list was meant to hold some. */
static void decode_isolation(struct walk *w, struct json_object *spec)
{
	bool *isolates = w->policy->isolates;
	struct json_object *egress = value_get(spec, "egress");

	if (!walk_field(w, spec, "policyTypes", walk_policy_types, isolates)) {
		isolates[DIR_INGRESS] = isolates[DIR_EGRESS] = true;
	} else if (!value_length(value_get(spec, "policyTypes"))) {
		isolates[DIR_INGRESS] = true;
		isolates[DIR_EGRESS] =
			egress && (value_length(egress) || !json_object_is_type(egress, json_type_array));
	}
}

static void decode_object(struct walk *w, struct json_object *spec)
{
	static const char *const known[] = { "podSelector", "policyTypes", "ingress", "egress", NULL };
	struct net_policy *p = w->policy;
	struct selector *subject = NULL;
	bool ok = walk_has_only(w, spec, known);
	int dir;

	ok &= walk_field(w, spec, "podSelector", walk_selector, &subject);
	if (subject) {
		selector_free(p->subject);
		p->subject = subject;
	}
	decode_isolation(w, spec);
	for (dir = 0; dir < DIR_MAX; dir++) {
		(void)walk_field(w, spec, walk_section[dir], decode_rules, &dir);
		if (!p->isolates[dir])
			clear_rules(p, dir);
	}
	if (!ok)
		walk_distrust(p);
}

static void decode_spec(struct walk *w, struct json_object *spec)
{
	bool *isolates = w->policy->isolates;

	if (!spec) {
		isolates[DIR_INGRESS] = true;
	} else if (walk_is_object(w, spec)) {
		decode_object(w, spec);
	} else {
		isolates[DIR_INGRESS] = isolates[DIR_EGRESS] = true;
	}
}

int decode_policy(struct json_object *o, const struct object_id *id, struct net_policy **ret)
{
	return walk_policy(o, id, decode_spec, ret);
}
