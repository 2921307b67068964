/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Policies as tables have them: {spec, what it means, what is wrong with it}. A NetworkPolicy is shown as
 *   SUBJECT DIRECTIONS [| in RULE...] [| out RULE...]     RULE: (PEER... : PORT...), "?" if unknown
 * and a ClusterNetworkPolicy as
 *   TIER PRIORITY SUBJECT [| in RULE...] [| out RULE...]  RULE: ACTION['NAME'](PEER... : PORT...)
 */
#ifndef BH_TESTS_UNIT_KUBE_POLICIES_H
#define BH_TESTS_UNIT_KUBE_POLICIES_H

#include <json-c/json.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "kube/manifest.h"
#include "kube/object.h"
#include "util/buf.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))

/* ---- showing a policy ------------------------------------------------------------------- */

static void show_requirement(struct buf *b, const struct requirement *r)
{
	static const char *const ops[] = {
		[OP_IN] = "=",
		[OP_NOT_IN] = "!=",
		[OP_EXISTS] = "+",
		[OP_NOT_EXISTS] = "-",
	};
	size_t i;

	(void)buf_fmt(b, "%s%s", r->key, ops[r->op]);
	for (i = 0; i < r->values.n; i++)
		(void)buf_fmt(b, "%s%s", i ? "|" : "", r->values.v[i]);
}

static void show_selector(struct buf *b, const char *name, const struct selector *s)
{
	size_t i;

	if (!s)
		return;
	(void)buf_fmt(b, "%s{", name);
	for (i = 0; i < s->at.n; i++) {
		(void)buf_str(b, i ? "," : "");
		show_requirement(b, &s->at.v[i]);
	}
	(void)buf_str(b, "}");
}

static void show_peer(struct buf *b, const struct peer *p)
{
	static const char *const kinds[] = {
		[PEER_PODS] = "",
		[PEER_HOST] = "host",
		[PEER_CLUSTER] = "cluster",
		[PEER_WORLD] = "world",
	};
	char text[ADDR_TEXT];
	size_t i;

	show_selector(b, "ns", p->namespaces);
	show_selector(b, "pods", p->pods);
	if (p->kind == PEER_BLOCK)
		(void)buf_str(b, cidr_text(&p->block, text));
	else if (p->kind == PEER_SERVICE)
		(void)buf_fmt(b, "behind %s/%s", p->service_ns, p->service);
	else
		(void)buf_str(b, kinds[p->kind]);
	show_selector(b, "", p->nodes);
	for (i = 0; i < p->except.n; i++)
		(void)buf_fmt(b, "-%s", cidr_text(&p->except.v[i], text));
}

static void show_ports(struct buf *b, const struct rule *r)
{
	size_t i;

	for (i = 0; i < r->ports.n; i++) {
		const struct port_range *p = &r->ports.v[i];

		(void)buf_fmt(b, *p->name ? " %d/%s" : " %d/%s%d-%d", p->proto, p->name, p->first, p->last);
	}
	(void)buf_str(b, r->ports.n ? "" : " all");
}

static void show_rule(struct buf *b, const struct rule *r)
{
	size_t i;

	if (r->name)
		(void)buf_fmt(b, "'%s'", r->name);
	if (r->unknown) {
		(void)buf_str(b, "?");
		return;
	}
	(void)buf_str(b, "(");
	for (i = 0; i < r->peers.n; i++) {
		(void)buf_str(b, i ? " " : "");
		show_peer(b, &r->peers.v[i]);
	}
	(void)buf_str(b, r->peers.n ? " :" : "any :");
	show_ports(b, r);
	(void)buf_str(b, ")");
}

static void show_rules(struct buf *b, const struct net_policy *p)
{
	static const char *const names[] = { " | in", " | out" };
	static const char *const actions[] = { "accept", "deny", "pass" };
	size_t dir, i;

	for (dir = 0; dir < DIR_MAX; dir++) {
		(void)buf_str(b, p->rules[dir].n ? names[dir] : "");
		for (i = 0; i < p->rules[dir].n; i++) {
			const enum rule_action action = p->rules[dir].v[i].action;

			/* of a NetworkPolicy there is one alone */
			(void)buf_fmt(b, " %s%s", p->kind == POLICY_NETWORK ? "" : actions[action],
				      p->rules[dir].v[i].log ? "+log" : "");
			show_rule(b, &p->rules[dir].v[i]);
		}
	}
}

static void show(struct buf *b, const struct net_policy *p)
{
	static const char *const tiers[] = { "admin", "segmentation", "network", "baseline" };

	if (p->kind != POLICY_NETWORK || p->tier != TIER_NETWORK || p->priority)
		(void)buf_fmt(b, "%s %d ", tiers[p->tier], p->priority);
	if (p->audit)
		(void)buf_str(b, "audit ");
	if (p->expires)
		(void)buf_fmt(b, "until %lld ", (long long)p->expires);
	show_selector(b, "ns", p->namespaces);
	show_selector(b, *p->ns ? "" : "pods", p->subject);
	if (*p->ns || p->isolates[DIR_INGRESS] || p->isolates[DIR_EGRESS])
		(void)buf_fmt(b, " %s%s", p->isolates[DIR_INGRESS] ? "I" : "",
			      p->isolates[DIR_EGRESS] ? "E" : "");
	show_rules(b, p);
}

static void show_problems(struct buf *b, const struct net_policy *p)
{
	size_t i;

	for (i = 0; i < p->problems.n; i++)
		(void)buf_fmt(b, "%s%s %s", i ? "; " : "", p->problems.v[i].path, p->problems.v[i].text);
}

/* ---- from text -------------------------------------------------------------------------- */

/* The policy with this spec (flow YAML), "" for none. */
static struct net_policy *parse_policy(enum object_kind kind, const char *spec)
{
	const struct object_kind_name *name = &object_kinds[kind];
	struct buf text = BUF_INIT(MANIFEST_BYTES_MAX);
	struct manifest m = {};
	struct object_id id;
	struct bh_err err;
	void *p = NULL;

	(void)buf_fmt(&text, "{apiVersion: %s, kind: %s, metadata: {name: p}%s%s}", name->api_version,
		      name->kind, *spec ? ", spec: " : "", spec);
	if (manifest_parse("p.yaml", text.data, text.len, &m, &err) < 0)
		fail_msg("%s: %s", spec, err.msg);
	assert_int_equal(m.docs.n, 1);
	assert_int_equal(decode_id(m.docs.v[0].root, &id, &err), 0);
	assert_int_equal(id.kind, kind);
	assert_int_equal(object_ops[kind].decode(m.docs.v[0].root, &id, &p), 0);
	assert_string_equal(object_ops[kind].name(p).name, "p");
	assert_string_equal(object_ops[kind].name(p).ns,
			    kind == OBJECT_POLICY || kind == OBJECT_SEGMENTATION ? "default" : "");
	manifest_done(&m);
	buf_done(&text);
	return p;
}

/* HEAD ITEM,ITEM,... TAIL with @n items. */
__attribute__((unused)) static struct net_policy *parse_many(enum object_kind kind, const char *head,
							     const char *item, size_t n, const char *tail)
{
	struct buf text = BUF_INIT(1 << 20);
	struct net_policy *p;
	size_t i;

	(void)buf_str(&text, head);
	for (i = 0; i < n; i++)
		(void)buf_fmt(&text, "%s%s", i ? "," : "", item);
	(void)buf_str(&text, tail);
	p = parse_policy(kind, text.data);
	buf_done(&text);
	return p;
}

struct row {
	const char *spec, *means, *problems;
};

static void check_rows(enum object_kind kind, const struct row *rows, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		struct buf means = BUF_INIT(65536), problems = BUF_INIT(65536);
		struct net_policy *p = parse_policy(kind, rows[i].spec);
		const char *wanted = rows[i].problems ? rows[i].problems : "";

		show(&means, p);
		(void)buf_str(&problems, "");
		show_problems(&problems, p);
		if (strcmp(means.data, rows[i].means) || strcmp(problems.data, wanted))
			fail_msg("%s\n  is      %s\n  not     %s\n  says    %s\n  not     %s", rows[i].spec,
				 means.data, rows[i].means, problems.data, wanted);
		net_policy_free(p);
		buf_done(&means);
		buf_done(&problems);
	}
}

#endif
