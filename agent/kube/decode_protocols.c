/* SPDX-License-Identifier: Apache-2.0 */
/* The protocols and ports of rules that have an action. */
#include <json-c/json.h>
#include <netinet/in.h>
#include <string.h>

#include "kube/rules.h"
#include "kube/value.h"

/* ---- ports ------------------------------------------------------------------------------ */

static bool decode_transport(struct walk *w, struct json_object *o, void *into);
static bool decode_icmp(struct walk *w, struct json_object *o, void *into);

static const struct {
	const char *name;
	uint8_t proto;
	walk_step step;
} protocols[] = {
	{ "tcp", IPPROTO_TCP, decode_transport },   { "udp", IPPROTO_UDP, decode_transport },
	{ "sctp", IPPROTO_SCTP, decode_transport }, { "icmp", IPPROTO_ICMP, decode_icmp },
	{ "icmpv6", IPPROTO_ICMPV6, decode_icmp },
};

#define TRANSPORTS 3 /* that have ports */
#define PROTOCOLS  (sizeof(protocols) / sizeof(protocols[0]))

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

/* Ours may have no port, for all of them; upstream's API server refuses that. */
static bool decode_transport(struct walk *w, struct json_object *o, void *into)
{
	static const char *const known[] = { "destinationPort", NULL };

	if (!walk_has_only(w, o, known))
		return false;
	return rules_are_ours(w) ? walk_field(w, o, "destinationPort", decode_port, into)
				 : walk_required(w, o, "destinationPort", decode_port, into);
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
	for (i = 0; ok && i < TRANSPORTS; i++) {
		struct port_range p = { .proto = protocols[i].proto };

		memcpy(p.name, text, strlen(text));
		ok = walk_add_port(w, into, &p);
	}
	return ok;
}

/* ---- what has no ports -------------------------------------------------------------------- */

static bool decode_byte(struct walk *w, struct json_object *o, void *into)
{
	return walk_integer(w, o, 0, UINT8_MAX, into);
}

/* As the data plane has it: BH_PORT() of the type above the code. */
static bool decode_icmp(struct walk *w, struct json_object *o, void *into)
{
	static const char *const known[] = { "type", "code", NULL };
	uint16_t type = 0, code = 0;
	struct port_range *p = into;
	bool ok = walk_has_only(w, o, known);

	ok &= walk_field(w, o, "type", decode_byte, &type);
	ok &= walk_field(w, o, "code", decode_byte, &code);
	if (!ok)
		return false;
	if (!value_get(o, "type"))
		return !value_get(o, "code") ? true : walk_wrong_field(w, "code", "needs a type");
	p->first = p->last = (uint16_t)(type << 8);
	if (value_get(o, "code"))
		p->first = p->last = p->first | code;
	else
		p->last |= UINT8_MAX;
	return true;
}

/* Without those that have a field of their own. */
static bool decode_other(struct walk *w, struct json_object *o, void *into)
{
	struct port_range *p = into;
	uint16_t number;
	size_t i;

	if (!walk_integer(w, o, 1, UINT8_MAX, &number))
		return false;
	for (i = 0; i < PROTOCOLS; i++)
		if (number == protocols[i].proto)
			return walk_problem(w, "%u is for the field %s", number, protocols[i].name);
	p->proto = (uint8_t)number;
	return true;
}

/* ---- one protocol --------------------------------------------------------------------------- */

/* Upstream's have the first three, and names. */
static bool decode_transports(struct walk *w, struct json_object *o, struct rule *rule)
{
	size_t i;

	for (i = 0; i < PROTOCOLS; i++) {
		struct port_range p = { .proto = protocols[i].proto, .last = UINT16_MAX };

		if (value_get(o, protocols[i].name))
			return walk_field(w, o, protocols[i].name, protocols[i].step, &p) &&
			       walk_add_port(w, rule, &p);
	}
	return walk_field(w, o, "destinationNamedPort", decode_named, rule);
}

static bool decode_protocol(struct walk *w, struct json_object *o, void *into)
{
	static const char *const upstream[] = { "tcp", "udp", "sctp", "destinationNamedPort", NULL };
	static const char *const ours[] = { "tcp",  "udp",    "sctp",	"destinationNamedPort",
					    "icmp", "icmpv6", "number", NULL };
	struct port_range p = { .last = UINT16_MAX };

	if (!walk_has_only(w, o, rules_are_ours(w) ? ours : upstream))
		return false;
	if (!rules_are_ours(w) &&
	    !walk_has_one(w, o, upstream, "needs exactly one of tcp, udp, sctp and destinationNamedPort"))
		return false;
	if (!walk_has_one(
		    w, o, ours,
		    "needs exactly one of tcp, udp, sctp, icmp, icmpv6, number and destinationNamedPort"))
		return false;
	if (value_get(o, "number"))
		return walk_field(w, o, "number", decode_other, &p) && walk_add_port(w, into, &p);
	return decode_transports(w, o, into);
}

bool rules_protocols(struct walk *w, struct json_object *o, void *into)
{
	return rules_is_filled(w, o, DECODE_ITEMS_MAX) && walk_items(w, o, decode_protocol, into);
}
