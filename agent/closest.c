/* SPDX-License-Identifier: Apache-2.0 */
/* What a rule asks for and what the flow has instead, field by field. */
#include "closest.h"

#include <json-c/json.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "jsonx.h"
#include "names.h"
#include "util/buf.h"
#include "util/date.h"
#include "util/scope.h"

#define LISTED 6 /* of many: ports, values */

/* What one text is made from. */
struct telling {
	const struct model *m;
	const struct near_flow *f;
	const struct nearest *n;
	const struct rule *rule;
	const struct peer *peer; /* NULL: any */
	struct buf out;		 /* without memory, or past its end, the text is shorter */
};

/* ---- ports ---------------------------------------------------------------------------------- */

static void add_port(struct buf *b, uint8_t proto, uint16_t first, uint16_t last)
{
	const bool icmp = proto == IPPROTO_ICMP || proto == IPPROTO_ICMPV6;
	char name[8];

	(void)buf_str(b, names_proto(proto, name));
	if (icmp && first != last)
		(void)buf_fmt(b, " type %u", first >> 8);
	else if (icmp)
		(void)buf_fmt(b, " type %u code %u", first >> 8, first & UINT8_MAX);
	else if (first && first == last)
		(void)buf_fmt(b, " %u", first);
	else if (first != last && (first || last != UINT16_MAX))
		(void)buf_fmt(b, " %u-%u", first, last);
}

static void add_range(struct buf *b, const struct port_range *p)
{
	char name[8];

	if (*p->name)
		(void)buf_fmt(b, "%s '%s'", names_proto(p->proto, name), p->name);
	else
		add_port(b, p->proto, p->first, p->last);
}

/* "asked TCP 8080, the rule has TCP 80, TCP 443" */
static void tell_ports(struct telling *t)
{
	const uint16_t asked = (uint16_t)t->f->port;
	size_t i;

	(void)buf_str(&t->out, "asked ");
	add_port(&t->out, (uint8_t)(t->f->port >> 16), asked, asked);
	(void)buf_str(&t->out, ", the rule has ");
	for (i = 0; i < t->rule->ports.n && i < LISTED; i++) {
		(void)buf_str(&t->out, i ? ", " : "");
		add_range(&t->out, &t->rule->ports.v[i]);
	}
	if (i < t->rule->ports.n)
		(void)buf_fmt(&t->out, " and %zu more", t->rule->ports.n - i);
}

/* Whose names count; NULL: nobody's. */
static const struct pod *callee_of(const struct telling *t)
{
	if (t->f->dir == BH_INGRESS)
		return t->f->pod;
	return !t->peer || t->peer->kind == PEER_PODS ? t->n->far : NULL;
}

static void tell_name(struct telling *t)
{
	const struct pod *p = callee_of(t);

	tell_ports(t);
	if (p)
		(void)buf_fmt(&t->out, ", and %s/%s calls no such port so", p->ns, p->name);
	else
		(void)buf_str(&t->out, ", and the far end is no pod that has names for its ports");
}

/* ---- peers ---------------------------------------------------------------------------------- */

static void add_values(struct buf *b, const struct requirement *r)
{
	size_t i;

	for (i = 0; i < r->values.n && i < LISTED; i++)
		(void)buf_fmt(b, "%s%s", i ? "|" : "", r->values.v[i]);
	if (i < r->values.n)
		(void)buf_str(b, "|...");
}

static void add_requirement(struct buf *b, const struct requirement *r)
{
	(void)buf_fmt(b, "%s%s%s", r->op == OP_NOT_EXISTS ? "no " : "", r->key,
		      r->op == OP_IN	   ? "="
		      : r->op == OP_NOT_IN ? " not "
					   : "");
	if (r->op == OP_IN || r->op == OP_NOT_IN)
		add_values(b, r);
}

/* "app=web expected, shop/wab has app=wab": each requirement that fails. */
static void tell_labels(struct telling *t, const struct selector *s, const struct labels *l,
			const char *whose)
{
	const char *separator = "";
	size_t i;

	for (i = 0; i < s->at.n; i++) {
		const struct selector one = { .at = { &s->at.v[i], 1, 1 } };
		const char *value = labels_get(l, s->at.v[i].key);

		if (selector_matches(&one, l))
			continue;
		(void)buf_str(&t->out, separator);
		add_requirement(&t->out, &s->at.v[i]);
		if (value)
			(void)buf_fmt(&t->out, " expected, %s has %s=%s", whose, s->at.v[i].key, value);
		else
			(void)buf_fmt(&t->out, " expected, %s has no %s", whose, s->at.v[i].key);
		separator = "; ";
	}
}

static void tell_pod_labels(struct telling *t)
{
	const struct pod *p = t->n->far;
	char whose[NAME_MAX_LEN];

	(void)snprintf(whose, sizeof(whose), "%s/%s", p->ns, p->name);
	tell_labels(t, t->peer->pods, p->labels, whose);
}

static void tell_namespace(struct telling *t)
{
	const struct pod *p = t->n->far;
	const struct namespace *ns = model_namespace(t->m, p->ns);
	char whose[NAME_MAX_LEN];

	(void)snprintf(whose, sizeof(whose), "namespace %s", p->ns);
	if (t->peer->namespaces)
		tell_labels(t, t->peer->namespaces, ns->labels, whose);
	else
		(void)buf_fmt(&t->out, "pods of namespace %s expected, %s/%s is in %s", t->n->policy->ns,
			      p->ns, p->name, p->ns);
}

static void tell_block(struct telling *t)
{
	char remote[ADDR_TEXT], block[ADDR_TEXT];

	(void)buf_fmt(&t->out, "%s is not in %s", addr_text(&t->f->remote, remote),
		      cidr_text(&t->peer->block, block));
}

static void tell_except(struct telling *t)
{
	char remote[ADDR_TEXT], block[ADDR_TEXT], except[ADDR_TEXT];
	size_t i = 0;

	while (i + 1 < t->peer->except.n && !cidr_holds(&t->peer->except.v[i], &t->f->remote))
		i++;
	(void)buf_fmt(&t->out, "%s is in %s, which is excepted from %s", addr_text(&t->f->remote, remote),
		      cidr_text(&t->peer->except.v[i], except), cidr_text(&t->peer->block, block));
}

static void tell_peer(struct telling *t)
{
	static const char *const kinds[] = {
		[PEER_PODS] = "the address of a known pod",
		[PEER_HOST] = "a node's address",
		[PEER_CLUSTER] = "an address of the cluster",
		[PEER_WORLD] = "an address outside of the cluster",
	};
	const struct peer *p = t->peer;
	char remote[ADDR_TEXT];

	(void)addr_text(&t->f->remote, remote);
	if (p->kind == PEER_SERVICE)
		(void)buf_fmt(&t->out, "%s is not behind service '%s/%s'", remote, p->service_ns, p->service);
	else
		(void)buf_fmt(&t->out, "%s is not %s", remote,
			      p->kind == PEER_HOST && p->nodes ? "the address of a node with those labels"
							       : kinds[p->kind]);
}

/* ---- the rule and its policy ---------------------------------------------------------------- */

static void tell_order(struct telling *t)
{
	const struct rule *before = &t->n->before->rules[t->f->dir].v[t->n->before_rule];
	char name[RULE_TEXT];

	(void)buf_fmt(&t->out, "'%s' %s it before",
		      policy_rule_text(t->n->before, t->f->dir, t->n->before_rule, name),
		      before->action == RULE_PASS && !before->unknown ? "passes" : "denies");
}

static void tell_expired(struct telling *t)
{
	char text[DATE_TEXT];

	(void)buf_fmt(&t->out, "its policy expired at %s",
		      date_text((time_t)t->n->policy->expires, 0, 0, text));
}

/* What is said of this rule, else of the policy. */
static void tell_unknown(struct telling *t)
{
	const struct net_policy *np = t->n->policy;
	char path[64];
	size_t i;

	(void)snprintf(path, sizeof(path), "spec.%s[%u]", t->f->dir == BH_INGRESS ? "ingress" : "egress",
		       t->n->rule);
	for (i = 0; i < np->problems.n; i++)
		if (!strncmp(np->problems.v[i].path, path, strlen(path)))
			break;
	if (i == np->problems.n)
		i = 0;
	if (np->problems.n)
		(void)buf_fmt(&t->out, "not understood: %s %s", np->problems.v[i].path,
			      np->problems.v[i].text);
	else
		(void)buf_str(&t->out, "something in it is not understood");
}

static void tell_audit(struct telling *t)
{
	(void)buf_str(&t->out, "its policy is in mode Audit, and allows nothing in earnest");
}

/* ---- all of it ------------------------------------------------------------------------------ */

static const struct {
	const char *name;
	void (*tell)(struct telling *t);
} fields[NEAR_MAX] = {
	[NEAR_ORDER] = { "order", tell_order },
	[NEAR_AUDIT] = { "audit", tell_audit },
	[NEAR_EXPIRED] = { "expired", tell_expired },
	[NEAR_UNKNOWN] = { "not-understood", tell_unknown },
	[NEAR_PORT] = { "port", tell_ports },
	[NEAR_NAME] = { "named-port", tell_name },
	[NEAR_PROTOCOL] = { "protocol", tell_ports },
	[NEAR_LABELS] = { "pod-labels", tell_pod_labels },
	[NEAR_NAMESPACE] = { "namespace", tell_namespace },
	[NEAR_EXCEPT] = { "except", tell_except },
	[NEAR_BLOCK] = { "cidr", tell_block },
	[NEAR_PEER] = { "peer", tell_peer },
};

const char *closest_text(const struct model *m, const struct near_flow *f, const struct nearest *n,
			 enum near_field field, char ret[CLOSEST_TEXT])
{
	const struct rule *rule = &n->policy->rules[f->dir].v[n->rule];
	struct telling t = { .m = m,
			     .f = f,
			     .n = n,
			     .rule = rule,
			     .peer = n->peer < 0 ? NULL : &rule->peers.v[n->peer],
			     .out = BUF_INIT(CLOSEST_TEXT) };

	fields[field].tell(&t);
	(void)snprintf(ret, CLOSEST_TEXT, "%s", t.out.data ? t.out.data : "");
	buf_done(&t.out);
	return ret;
}

struct json_object *closest_rule(const struct model *m, const struct near_flow *f)
{
	struct json_object *o, *list, *one;
	char name[RULE_TEXT], text[CLOSEST_TEXT];
	struct nearest n;
	int field;

	if (policy_nearest(m, f, &n) <= 0)
		return NULL;
	o = json_object_new_object();
	list = json_object_new_array();
	jx_add_str(o, "rule", policy_rule_text(n.policy, f->dir, n.rule, name));
	for (field = 0; field < NEAR_MAX; field++) {
		if (!(n.fields & NEAR_BIT(field)))
			continue;
		one = json_object_new_object();
		jx_add_str(one, "field", fields[field].name);
		jx_add_str(one, "text", closest_text(m, f, &n, (enum near_field)field, text));
		(void)json_object_array_add(list, one);
	}
	jx_add(o, "fields", list);
	return o;
}
