/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `entries`: the tables in force as 5-tuple patterns, one a line: pod address, remote, protocol,
 * ports, direction, and what decides. A remote of "any" is everybody that no other line of the same
 * pod and direction names; a line repeats nothing that "any" says already.
 */
#include "answers.h"

#include <json-c/json.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent.h"
#include "find.h"
#include "jsonx.h"
#include "names.h"
#include "requests.h"
#include "util/scope.h"

struct entries {
	struct agent *a;
	struct api_conn *conn;
	const struct inforce *f;
};

/* What one line is about. */
struct line {
	const struct table_endpoint *ep;
	const struct table_location *remote; /* NULL: any */
	const struct table_range *range;     /* NULL: all that no range holds */
	uint32_t dir, action, rule;
	bool unknown;
};

static void add_remote(struct json_object *o, const struct line *l, struct agent *a)
{
	char text[ADDR_TEXT], name[NAME_MAX_LEN] = "";

	if (!l->remote) {
		jx_add_str(o, "remote", "any");
	} else if (l->remote->is_block) {
		jx_add_str(o, "remote", cidr_text(&l->remote->cidr, text));
	} else {
		jx_add_addr(o, "remote", &l->remote->cidr.addr);
		(void)names_addr(a->names, &l->remote->cidr.addr, name);
	}
	jx_add_str(o, "remote_name", name);
}

static void add_ports(struct json_object *o, const struct line *l)
{
	char ports[32] = "any", protos[20] = "any";

	if (l->range) {
		(void)names_ports(l->range->first, l->range->last, ports);
		(void)names_protos(l->range->first, l->range->last, protos);
	}
	jx_add_str(o, "proto", protos);
	jx_add_str(o, "ports", ports);
}

static void add_name(void *ctx, const char *policy)
{
	(void)json_object_array_add(ctx, json_object_new_string(policy));
}

/* Where the rule begins behind its policy's name, of which no part is "ingress[" or "egress[". */
static const char *rule_in(const char *name)
{
	const char *in = strstr(name, " ingress["), *out = strstr(name, " egress[");

	return !in || (out && out < in) ? out : in;
}

static const char *action_text(uint32_t action)
{
	if (!(action & BH_ALLOW))
		return "deny";
	return action & BH_AUDIT ? "audit" : action & BH_LOG ? "allow, log" : "allow";
}

/* "shop/allow-web ingress[0]" is policy and rule; a denial without a rule is by all that isolate, and what
 * those allow without one they allow in mode Audit. */
static void add_rule(struct json_object *o, const struct line *l, const struct inforce *f)
{
	const char *name = inforce_rule_at(f, l->rule), *space = name ? rule_in(name) : NULL;
	struct json_object *policies = json_object_new_array();

	if (name)
		(void)json_object_array_add(
			policies,
			json_object_new_string_len(name, space ? (int)(space - name) : (int)strlen(name)));
	else
		inforce_policies(f, l->ep, l->dir, true, add_name, policies);
	jx_add(o, "policies", policies);
	jx_add_str(o, "rule", space ? space + 1 : "");
}

static void send_line(const struct entries *e, const struct line *l, const struct addr *addr)
{
	struct json_object *o = json_object_new_object();
	char name[NAME_MAX_LEN];

	jx_add_str(o, "pod", names_addr(e->a->names, addr, name));
	jx_add_addr(o, "pod_ip", addr);
	jx_add_str(o, "direction", l->dir == BH_INGRESS ? "ingress" : "egress");
	add_remote(o, l, e->a);
	add_ports(o, l);
	jx_add_str(o, "action", action_text(l->action));
	add_rule(o, l, e->f);
	if (l->unknown)
		jx_add_bool(o, "unknown_pod", true);
	(void)api_send(e->conn, jx_item(o));
}

/* ICMP is of one family. */
static bool is_of_other_family(const struct line *l, const struct addr *addr)
{
	const uint32_t proto = l->range ? l->range->first >> 16 : 0;

	return proto == (addr_is_v4(addr) ? IPPROTO_ICMPV6 : IPPROTO_ICMP) && l->range->last >> 16 == proto;
}

/* One line for each of the pod's addresses that the remote can meet. */
static void send_lines(const struct entries *e, const struct line *l)
{
	uint8_t i;

	for (i = 0; i < l->ep->addrs; i++) {
		const struct addr *addr = &l->ep->addr[i];

		if (addr_is_link_local(addr) || is_of_other_family(l, addr) ||
		    (l->remote && addr_is_v4(addr) != addr_is_v4(&l->remote->cidr.addr)))
			continue;
		send_line(e, l, addr);
	}
}

static bool has_range(const struct inforce *f, const struct table_row *row, const struct table_range *r)
{
	uint32_t i;

	for (i = 0; i < row->n; i++)
		if (!memcmp(&f->tables->ranges.v[row->first + i], r, sizeof(*r)))
			return true;
	return false;
}

/* @any: the row of everybody; the same as @row where that is it. */
static void send_row(const struct entries *e, struct line *l, const struct table_row *row,
		     const struct table_row *any)
{
	uint32_t i;

	for (i = 0; i < row->n; i++) {
		l->range = &e->f->tables->ranges.v[row->first + i];
		if (row != any && has_range(e->f, any, l->range))
			continue;
		l->action = l->range->action;
		l->rule = l->range->rule;
		send_lines(e, l);
	}
	if (row != any && !((row->action ^ any->action) & (BH_ALLOW | BH_AUDIT | BH_LOG)))
		return;
	l->range = NULL;
	l->action = row->action;
	l->rule = row->rule;
	send_lines(e, l);
}

/* Of one direction: to or from everybody, and then from whoever is told apart. */
static void send_direction(const struct entries *e, const struct table_endpoint *ep, uint32_t dir)
{
	const struct tables *t = e->f->tables;
	struct line l = { .ep = ep, .dir = dir, .unknown = ep->set < 0 };
	const struct table_row *row, *any;
	size_t i;

	if (l.unknown) {
		send_lines(e, &l);
		return;
	}
	any = tables_row(t, (uint32_t)ep->set, 0, dir);
	send_row(e, &l, any, any);
	for (i = 0; i < t->locations.n; i++) {
		l.remote = &t->locations.v[i];
		row = tables_row(t, (uint32_t)ep->set, l.remote->class, dir);
		if (row != any)
			send_row(e, &l, row, any);
	}
}

static void send_endpoint(const struct entries *e, const struct table_endpoint *ep)
{
	uint32_t dir;

	for (dir = 0; dir < DIR_MAX; dir++)
		send_direction(e, ep, dir);
}

void answer_entries(struct agent *a, struct api_conn *conn, struct json_object *request)
{
	const char *pod = jx_str(request, "pod");
	const struct endpoint *only = NULL;
	const struct entries e = { a, conn, reconcile_inforce(a->reconcile) };
	struct bh_err err;
	size_t i;

	if (!e.f) {
		(void)api_send_error(conn, CODE_RETRY, "no policy is in force yet");
		return;
	}
	if (pod && find_local(a->model, pod, &only, &err) < 0) {
		(void)api_send_error(conn, CODE_NOT_FOUND, "%s", err.msg);
		return;
	}
	for (i = 0; i < e.f->tables->endpoints.n; i++) {
		const struct table_endpoint *ep = &e.f->tables->endpoints.v[i];

		if (!only || !hash128_cmp(&ep->key, &only->key))
			send_endpoint(&e, ep);
	}
	(void)api_send(conn, jx_done());
}
