/* SPDX-License-Identifier: Apache-2.0 */
/*
 * networking.k8s.io/v1 NetworkPolicy, strictly. Each decode step says whether it understood its
 * value; the first thing in it that it did not is noted as a problem under the path where it stands.
 * Absent and null are the same, as for the API server; an empty list or object is a value.
 */
#include "kube/decode.h"

#include <errno.h>
#include <json-c/json.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "kube/name.h"
#include "kube/value.h"

struct decoder {
	struct net_policy *policy;
	char path[512]; /* of the value at hand; holds the longest there is */
	size_t len;
	bool no_memory;
};

/* What a value is decoded into is the step's own affair. Return: whether it was understood. */
typedef bool (*step_fn)(struct decoder *d, struct json_object *o, void *into);

/* ---- problems --------------------------------------------------------------------------- */

static bool no_memory(struct decoder *d)
{
	d->no_memory = true;
	return false;
}

static bool note(struct decoder *d, const char *path, const char *text)
{
	return net_policy_problem(d->policy, path, text) < 0 ? no_memory(d) : false;
}

__attribute__((format(printf, 2, 3))) static bool problem(struct decoder *d, const char *fmt, ...)
{
	char text[256];
	va_list ap;

	if (d->policy->problems.n == DECODE_PROBLEMS_MAX)
		return false;
	if (d->policy->problems.n == DECODE_PROBLEMS_MAX - 1)
		return note(d, "spec", "has more problems than are listed");
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return note(d, d->path, text);
}

static bool wrong_type(struct decoder *d, struct json_object *o, const char *wanted)
{
	return problem(d, "is %s, not %s", value_type(o), wanted);
}

/* ---- walking ---------------------------------------------------------------------------- */

__attribute__((format(printf, 2, 3))) static size_t enter(struct decoder *d, const char *fmt, ...)
{
	const size_t was = d->len;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(d->path + was, sizeof(d->path) - was, fmt, ap);
	va_end(ap);
	if (n > 0 && (size_t)n < sizeof(d->path) - was)
		d->len += (size_t)n;
	return was;
}

static void leave(struct decoder *d, size_t was)
{
	d->len = was;
	d->path[was] = '\0';
}

/* A field that may be absent. */
static bool field(struct decoder *d, struct json_object *o, const char *name, step_fn step, void *into)
{
	struct json_object *value = value_get(o, name);
	size_t was;
	bool ok;

	if (!value)
		return true;
	was = enter(d, ".%s", name);
	ok = step(d, value, into);
	leave(d, was);
	return ok;
}

static bool missing(struct decoder *d, const char *name, const char *why)
{
	const size_t was = enter(d, ".%s", name);

	(void)problem(d, "%s", why);
	leave(d, was);
	return false;
}

static bool required(struct decoder *d, struct json_object *o, const char *name, step_fn step, void *into)
{
	return value_get(o, name) ? field(d, o, name, step, into) : missing(d, name, "is missing");
}

static bool items(struct decoder *d, struct json_object *list, step_fn step, void *into)
{
	bool ok = true;
	size_t i;

	for (i = 0; i < value_length(list) && !d->no_memory; i++) {
		const size_t was = enter(d, "[%zu]", i);

		ok &= step(d, value_at(list, i), into);
		leave(d, was);
	}
	return ok;
}

static bool is_list(struct decoder *d, struct json_object *o, size_t max)
{
	if (!json_object_is_type(o, json_type_array))
		return wrong_type(d, o, "a list");
	if (value_length(o) > max)
		return problem(d, "has %zu items, more than %zu", value_length(o), max);
	return true;
}

static bool is_object(struct decoder *d, struct json_object *o)
{
	return json_object_is_type(o, json_type_object) ? true : wrong_type(d, o, "an object");
}

static bool is_known(const char *key, const char *const *known)
{
	for (; *known; known++)
		if (!strcmp(key, *known))
			return true;
	return false;
}

/* An object that has none but these fields. */
static bool has_only(struct decoder *d, struct json_object *o, const char *const *known)
{
	bool ok = is_object(d, o);
	char clip[VALUE_CLIP];

	if (!ok)
		return false;
	json_object_object_foreach(o, key, value) {
		(void)value;
		if (!is_known(key, known))
			ok = missing(d, value_clip(key, clip), "is not a known field");
	}
	return ok;
}

/* ---- selectors -------------------------------------------------------------------------- */

static bool decode_value(struct decoder *d, struct json_object *o, void *into)
{
	struct requirement *r = into;
	const char *text = value_text(o);

	if (!text)
		return wrong_type(d, o, "a text");
	if (strlen(text) > DECODE_VALUE_MAX)
		return problem(d, "is longer than %d bytes", DECODE_VALUE_MAX);
	return requirement_value(r, text) < 0 ? no_memory(d) : true;
}

static bool decode_values(struct decoder *d, struct json_object *o, void *into)
{
	return is_list(d, o, DECODE_ITEMS_MAX) && items(d, o, decode_value, into);
}

static bool check_key(struct decoder *d, const char *key)
{
	if (!*key)
		return problem(d, "is empty");
	if (strlen(key) > DECODE_KEY_MAX)
		return problem(d, "is longer than %d bytes", DECODE_KEY_MAX);
	return name_is_qualified(key) ? true : problem(d, "cannot be the key of a label");
}

static bool match_label(struct decoder *d, struct selector *s, const char *key, struct json_object *value)
{
	struct requirement *r;

	if (!check_key(d, key))
		return false;
	return selector_add(s, key, OP_IN, &r) < 0 ? no_memory(d) : decode_value(d, value, r);
}

static bool decode_match_labels(struct decoder *d, struct json_object *o, void *into)
{
	char clip[VALUE_CLIP];
	bool ok = true;

	if (!is_object(d, o))
		return false;
	if (json_object_object_length(o) > DECODE_ITEMS_MAX)
		return problem(d, "has %d labels, more than %d", json_object_object_length(o),
			       DECODE_ITEMS_MAX);
	json_object_object_foreach(o, key, value) {
		const size_t was = enter(d, "[%s]", value_clip(key, clip));

		ok &= match_label(d, into, key, value);
		leave(d, was);
	}
	return ok;
}

static bool decode_key(struct decoder *d, struct json_object *o, void *into)
{
	const char **ret = into;

	*ret = value_text(o);
	return *ret ? check_key(d, *ret) : wrong_type(d, o, "a text");
}

static bool decode_operator(struct decoder *d, struct json_object *o, void *into)
{
	static const char *const names[] = {
		[OP_IN] = "In",
		[OP_NOT_IN] = "NotIn",
		[OP_EXISTS] = "Exists",
		[OP_NOT_EXISTS] = "DoesNotExist",
	};
	const char *text = value_text(o);
	enum selector_op *ret = into;
	char clip[VALUE_CLIP];
	size_t i;

	if (!text)
		return wrong_type(d, o, "a text");
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (!strcmp(text, names[i])) {
			*ret = (enum selector_op)i;
			return true;
		}
	}
	return problem(d, "'%s' is none of In, NotIn, Exists and DoesNotExist", value_clip(text, clip));
}

static bool check_values(struct decoder *d, const struct requirement *r)
{
	const bool wants = r->op == OP_IN || r->op == OP_NOT_IN;

	if (wants && !r->values.n)
		return missing(d, "values", "must not be empty with In and NotIn");
	if (!wants && r->values.n)
		return missing(d, "values", "must be empty with Exists and DoesNotExist");
	return true;
}

static bool decode_expression(struct decoder *d, struct json_object *o, void *into)
{
	static const char *const known[] = { "key", "operator", "values", NULL };
	enum selector_op op = OP_IN;
	const char *key = NULL;
	struct requirement *r;
	bool ok;

	if (!is_object(d, o))
		return false;
	ok = has_only(d, o, known);
	ok &= required(d, o, "key", decode_key, &key);
	ok &= required(d, o, "operator", decode_operator, &op);
	if (!ok)
		return false;
	if (selector_add(into, key, op, &r) < 0)
		return no_memory(d);
	return field(d, o, "values", decode_values, r) && check_values(d, r);
}

static bool decode_expressions(struct decoder *d, struct json_object *o, void *into)
{
	return is_list(d, o, DECODE_ITEMS_MAX) && items(d, o, decode_expression, into);
}

/* into: struct selector **, which stays NULL if the selector is not understood. */
static bool decode_selector(struct decoder *d, struct json_object *o, void *into)
{
	static const char *const known[] = { "matchLabels", "matchExpressions", NULL };
	struct selector **ret = into, *s = selector_new();
	bool ok;

	if (!s)
		return no_memory(d);
	ok = has_only(d, o, known);
	ok &= field(d, o, "matchLabels", decode_match_labels, s);
	ok &= field(d, o, "matchExpressions", decode_expressions, s);
	if (ok)
		*ret = s;
	else
		selector_free(s);
	return ok;
}

/* ---- peers ------------------------------------------------------------------------------ */

static bool decode_cidr(struct decoder *d, struct json_object *o, void *into)
{
	const char *text = value_text(o);
	char clip[VALUE_CLIP];

	if (!text)
		return wrong_type(d, o, "a text");
	if (cidr_parse(text, into) < 0)
		return problem(d, "'%s' is not a CIDR block", value_clip(text, clip));
	return true;
}

/* The API server too wants a block smaller than the one it is cut out of. */
static bool decode_exception(struct decoder *d, struct json_object *o, void *into)
{
	char inner[ADDR_TEXT], outer[ADDR_TEXT];
	struct peer *p = into;
	struct cidr c, *slot;

	if (!decode_cidr(d, o, &c))
		return false;
	if (!cidr_covers(&p->block, &c) || c.len == p->block.len)
		return problem(d, "%s is not a part of %s", cidr_text(&c, inner),
			       cidr_text(&p->block, outer));
	slot = vec_add(&p->except);
	if (!slot)
		return no_memory(d);
	*slot = c;
	return true;
}

static bool decode_exceptions(struct decoder *d, struct json_object *o, void *into)
{
	return is_list(d, o, DECODE_ITEMS_MAX) && items(d, o, decode_exception, into);
}

static bool decode_block(struct decoder *d, struct json_object *o, void *into)
{
	static const char *const known[] = { "cidr", "except", NULL };
	struct peer *p = into;

	p->is_block = true;
	return has_only(d, o, known) && required(d, o, "cidr", decode_cidr, &p->block) &&
	       field(d, o, "except", decode_exceptions, p);
}

static bool fill_peer(struct decoder *d, struct json_object *o, struct peer *p)
{
	static const char *const known[] = { "podSelector", "namespaceSelector", "ipBlock", NULL };
	bool ok = has_only(d, o, known);

	ok &= field(d, o, "podSelector", decode_selector, &p->pods);
	ok &= field(d, o, "namespaceSelector", decode_selector, &p->namespaces);
	ok &= field(d, o, "ipBlock", decode_block, p);
	if (!ok)
		return false;
	if (p->is_block && (p->pods || p->namespaces))
		return problem(d, "has an ipBlock beside a selector");
	if (!p->is_block && !p->pods && !p->namespaces)
		return problem(d, "is empty: it needs podSelector, namespaceSelector or ipBlock");
	return true;
}

static bool decode_peer(struct decoder *d, struct json_object *o, void *into)
{
	struct rule *rule = into;
	struct peer p = {}, *slot;

	if (!fill_peer(d, o, &p)) {
		peer_done(&p);
		return false;
	}
	slot = vec_add(&rule->peers);
	if (!slot) {
		peer_done(&p);
		return no_memory(d);
	}
	*slot = p;
	return true;
}

static bool decode_peers(struct decoder *d, struct json_object *o, void *into)
{
	return is_list(d, o, DECODE_ITEMS_MAX) && items(d, o, decode_peer, into);
}

/* ---- ports ------------------------------------------------------------------------------ */

static bool decode_protocol(struct decoder *d, struct json_object *o, void *into)
{
	const char *text = value_text(o);
	uint8_t *ret = into;
	char clip[VALUE_CLIP];

	if (!text)
		return wrong_type(d, o, "a text");
	*ret = value_protocol(o);
	return *ret ? true : problem(d, "'%s' is none of TCP, UDP and SCTP", value_clip(text, clip));
}

static bool decode_number(struct decoder *d, struct json_object *o, void *into)
{
	uint16_t *ret = into;
	int64_t number;

	if (!value_integer(o, &number))
		return wrong_type(d, o, "a whole number");
	if (number < 1 || number > UINT16_MAX)
		return problem(d, "%lld is not in 1 to 65535", (long long)number);
	*ret = (uint16_t)number;
	return true;
}

static bool decode_port_or_name(struct decoder *d, struct json_object *o, void *into)
{
	const char *text = value_text(o);
	struct port_range *p = into;
	char clip[VALUE_CLIP];

	if (!text)
		return decode_number(d, o, &p->first);
	if (!port_name_is_valid(text))
		return problem(d, "'%s' is neither a number nor the name of a port", value_clip(text, clip));
	memcpy(p->name, text, strlen(text));
	return true;
}

static bool decode_end(struct decoder *d, struct json_object *o, void *into)
{
	struct port_range *p = into;

	if (!p->first)
		return problem(d, *p->name ? "needs a port that is a number" : "needs a port");
	if (!decode_number(d, o, &p->last))
		return false;
	return p->last >= p->first ? true : problem(d, "%d is below port %d", p->last, p->first);
}

static bool decode_port(struct decoder *d, struct json_object *o, void *into)
{
	static const char *const known[] = { "protocol", "port", "endPort", NULL };
	struct port_range p = { .proto = IPPROTO_TCP }, *slot;
	struct rule *rule = into;
	bool ok = has_only(d, o, known);

	ok &= field(d, o, "protocol", decode_protocol, &p.proto);
	if (!field(d, o, "port", decode_port_or_name, &p))
		return false;
	p.last = p.first || *p.name ? p.first : UINT16_MAX;
	if (!field(d, o, "endPort", decode_end, &p) || !ok)
		return false;
	slot = vec_add(&rule->ports);
	if (!slot)
		return no_memory(d);
	*slot = p;
	return true;
}

static bool decode_ports(struct decoder *d, struct json_object *o, void *into)
{
	return is_list(d, o, DECODE_ITEMS_MAX) && items(d, o, decode_port, into);
}

/* ---- rules ------------------------------------------------------------------------------ */

static const char *const section[DIR_MAX] = { "ingress", "egress" };
static const char *const peers_field[DIR_MAX] = { "from", "to" };

static bool fill_rule(struct decoder *d, struct json_object *o, int dir, struct rule *rule)
{
	const char *const known[] = { peers_field[dir], "ports", NULL };
	bool ok = has_only(d, o, known);

	ok &= field(d, o, peers_field[dir], decode_peers, rule);
	ok &= field(d, o, "ports", decode_ports, rule);
	return ok;
}

/* A rule that is not understood stays in its place, so that the others keep their numbers. */
static bool decode_rule(struct decoder *d, struct json_object *o, void *into)
{
	const int dir = *(const int *)into;
	struct rule *rule = vec_add(&d->policy->rules[dir]);

	if (!rule)
		return no_memory(d);
	rule->unknown = !fill_rule(d, o, dir, rule);
	return !rule->unknown;
}

static bool decode_rules(struct decoder *d, struct json_object *o, void *into)
{
	return is_list(d, o, DECODE_RULES_MAX) && items(d, o, decode_rule, into);
}

static void clear_rules(struct net_policy *p, int dir)
{
	size_t i;

	for (i = 0; i < p->rules[dir].n; i++)
		rule_done(&p->rules[dir].v[i]);
	vec_done(&p->rules[dir]);
}

static void distrust_rules(struct net_policy *p)
{
	size_t dir, i;

	for (dir = 0; dir < DIR_MAX; dir++)
		for (i = 0; i < p->rules[dir].n; i++)
			p->rules[dir].v[i].unknown = true;
}

/* ---- the policy ------------------------------------------------------------------------- */

static bool decode_type(struct decoder *d, struct json_object *o, void *into)
{
	const char *text = value_text(o);
	bool *isolates = into;
	char clip[VALUE_CLIP];

	if (!text)
		return wrong_type(d, o, "a text");
	if (!strcmp(text, "Ingress"))
		isolates[DIR_INGRESS] = true;
	else if (!strcmp(text, "Egress"))
		isolates[DIR_EGRESS] = true;
	else
		return problem(d, "'%s' is neither Ingress nor Egress", value_clip(text, clip));
	return true;
}

static bool decode_types(struct decoder *d, struct json_object *o, void *into)
{
	return is_list(d, o, DECODE_ITEMS_MAX) && items(d, o, decode_type, into);
}

/* Defaults of pkg/apis/networking/v1: Ingress always, Egress with an egress rule. An egress section
 * that is no list was meant to hold some. */
static void decode_isolation(struct decoder *d, struct json_object *spec)
{
	bool *isolates = d->policy->isolates;
	struct json_object *egress = value_get(spec, "egress");

	if (!field(d, spec, "policyTypes", decode_types, isolates)) {
		isolates[DIR_INGRESS] = isolates[DIR_EGRESS] = true;
	} else if (!value_length(value_get(spec, "policyTypes"))) {
		isolates[DIR_INGRESS] = true;
		isolates[DIR_EGRESS] =
			egress && (value_length(egress) || !json_object_is_type(egress, json_type_array));
	}
}

static void decode_spec(struct decoder *d, struct json_object *spec)
{
	static const char *const known[] = { "podSelector", "policyTypes", "ingress", "egress", NULL };
	struct net_policy *p = d->policy;
	struct selector *subject = NULL;
	bool ok = has_only(d, spec, known);
	int dir;

	ok &= field(d, spec, "podSelector", decode_selector, &subject);
	if (subject) {
		selector_free(p->subject);
		p->subject = subject;
	}
	decode_isolation(d, spec);
	for (dir = 0; dir < DIR_MAX; dir++) {
		(void)field(d, spec, section[dir], decode_rules, &dir);
		if (!p->isolates[dir])
			clear_rules(p, dir);
	}
	if (!ok)
		distrust_rules(p);
}

int decode_policy(struct json_object *o, const struct object_id *id, struct net_policy **ret)
{
	struct decoder d = { .policy = net_policy_new(id->ns, id->name), .path = "spec", .len = 4 };
	struct json_object *spec = value_get(o, "spec");

	if (!d.policy)
		return -ENOMEM;
	if (spec && !json_object_is_type(spec, json_type_object)) {
		(void)wrong_type(&d, spec, "an object");
		d.policy->isolates[DIR_INGRESS] = d.policy->isolates[DIR_EGRESS] = true;
	} else if (spec) {
		decode_spec(&d, spec);
	} else {
		d.policy->isolates[DIR_INGRESS] = true;
	}
	if (d.no_memory) {
		net_policy_free(d.policy);
		return -ENOMEM;
	}
	*ret = d.policy;
	return 0;
}
