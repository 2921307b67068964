/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Small words to write a cluster down in a test, and to ask compiled tables about one packet.
 *   selector  "app=web,tier in a|b,!old,new,x notin y|z"; "" selects everything, NULL is "not used"
 *   peer      "pods(app=web)", "ns(team=a)", "ns(team=a) pods(app=web)", "10.0.0.0/8 -10.1.0.0/16",
 *             "host", "cluster", "world", "behind(shop/web)"
 *   peers     peers with ";" between; NULL: any peer
 *   ports     "tcp/80,udp/53,tcp/8000-9000,sctp"; NULL: all; no number: all ports; "tcp/http": by name;
 *             "icmp", "icmpv6/128", "icmp/3/1": type and code; "proto/47"
 *   of pods   "http:tcp/8080,dns:udp/5353"
 *   of Services and slices  "web:tcp/80,udp/53,any:tcp/0": with a name or without
 */
#ifndef TESTS_UNIT_POLICY_WORLD_H
#define TESTS_UNIT_POLICY_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/model.h"
#include "policy/policy.h"
#include "util/intern.h"
#include "util/scope.h"

#define W static inline __attribute__((unused))

/* The next piece up to one of @sep, blanks around it cut; NULL at the end. */
W char *w_piece(char **at, const char *sep)
{
	char *p = *at ? strsep(at, sep) : NULL;
	size_t n;

	if (!p)
		return NULL;
	p += strspn(p, " ");
	for (n = strlen(p); n && p[n - 1] == ' '; n--)
		p[n - 1] = '\0';
	return p;
}

W struct addr w_addr(const char *text)
{
	struct addr ret;

	if (addr_parse(text, &ret) < 0)
		fail_msg("bad address %s", text);
	return ret;
}

W struct cidr w_cidr(const char *text)
{
	struct cidr ret;

	if (cidr_parse(text, &ret) < 0)
		fail_msg("bad block %s", text);
	return ret;
}

W void w_values(struct requirement *r, char *values)
{
	char *v;

	while ((v = w_piece(&values, "|")))
		assert_int_equal(requirement_value(r, v), 0);
}

W void w_requirement(struct selector *s, char *text)
{
	static const struct {
		const char *word;
		enum selector_op op;
	} ops[] = {
		{ " notin ", OP_NOT_IN },
		{ " in ", OP_IN },
		{ "=", OP_IN },
	};
	struct requirement *r;
	size_t i;
	char *at;

	for (i = 0; i < ARRAY_SIZE(ops); i++) {
		at = strstr(text, ops[i].word);
		if (!at)
			continue;
		*at = '\0';
		assert_int_equal(selector_add(s, text, ops[i].op, &r), 0);
		w_values(r, at + strlen(ops[i].word));
		return;
	}
	if (*text == '!')
		assert_int_equal(selector_add(s, text + 1, OP_NOT_EXISTS, &r), 0);
	else
		assert_int_equal(selector_add(s, text, OP_EXISTS, &r), 0);
}

W struct selector *w_selector(const char *text)
{
	struct selector *s = selector_new();
	auto_free char *copy = strdup(text);
	char *at = copy, *piece;

	while ((piece = w_piece(&at, ",")))
		if (*piece)
			w_requirement(s, piece);
	return s;
}

W void w_labels(const struct labels **l, const char *text)
{
	auto_free char *copy = strdup(text ? text : "");
	char *at = copy, *piece;

	while ((piece = w_piece(&at, ","))) {
		char *value = strchr(piece, '=');

		if (!value)
			continue;
		*value = '\0';
		assert_int_equal(labels_set(l, piece, value + 1), 0);
	}
}

/* "shop/web" -> "shop", "web" */
W void w_split(const char *text, char ns[64], char name[64])
{
	assert_int_equal(sscanf(text, "%63[^/]/%63s", ns, name), 2);
}

W void w_namespace(struct model *m, const char *name, const char *labels)
{
	struct namespace *n = namespace_new(name);

	w_labels(&n->labels, labels);
	assert_int_equal(labels_set(&n->labels, "kubernetes.io/metadata.name", name), 0);
	assert_int_equal(model_put_namespace(m, n), 0);
}

/* @addrs: status.podIPs, with commas. Borrowed from the model. */
W struct pod *w_pod(struct model *m, const char *name, const char *labels, const char *addrs)
{
	auto_free char *copy = strdup(addrs ? addrs : "");
	char ns[64], pod[64], *at = copy, *piece;
	struct pod *p;

	w_split(name, ns, pod);
	p = pod_new(ns, pod);
	w_labels(&p->labels, labels);
	while ((piece = w_piece(&at, ",")))
		if (*piece)
			*(struct addr *)vec_add(&p->addrs) = w_addr(piece);
	vec_trim(&p->addrs); /* as decode.c does: benchmarks count */
	assert_int_equal(model_put_pod(m, p), 0);
	return p;
}

W struct endpoint *w_endpoint(struct model *m, const char *name, uint32_t ifindex, const char *addrs)
{
	auto_free char *copy = strdup(addrs ? addrs : "");
	char ns[64], pod[64], *at = copy, *piece;
	struct endpoint *e = endpoint_new();

	w_split(name, ns, pod);
	e->key = hash128_of(&ifindex, sizeof(ifindex));
	e->ifindex = ifindex;
	free(e->ns);
	free(e->pod);
	free(e->ifname);
	e->ns = strdup(ns);
	e->pod = strdup(pod);
	e->ifname = strdup("eth0");
	while ((piece = w_piece(&at, ",")))
		if (*piece)
			*(struct addr *)vec_add(&e->addrs) = w_addr(piece);
	assert_int_equal(model_put_endpoint(m, e), 0);
	return e;
}

/* @types: "i", "e" or "ie". Borrowed from the model. */
W struct net_policy *w_policy(struct model *m, const char *name, const char *subject, const char *types)
{
	char ns[64], policy[64];
	struct net_policy *np;

	w_split(name, ns, policy);
	np = net_policy_new(POLICY_NETWORK, ns, policy);
	selector_free(np->subject);
	np->subject = w_selector(subject);
	np->isolates[DIR_INGRESS] = strchr(types, 'i');
	np->isolates[DIR_EGRESS] = strchr(types, 'e');
	assert_int_equal(model_put_policy(m, np), 0);
	return np;
}

W char *w_inside(char *text, const char *word)
{
	char *at = strstr(text, word), *end = at ? strchr(at, ')') : NULL;

	if (!end)
		return NULL;
	return strndup(at + strlen(word), (size_t)(end - at) - strlen(word));
}

/* Return: whether the peer is no pods and no block. */
W bool w_entity(struct peer *p, char *text)
{
	static const char *const names[] = { "host", "cluster", "world" };
	auto_free char *behind = w_inside(text, "behind(");
	char ns[64], name[64];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(names); i++)
		if (!strcmp(text, names[i]))
			p->kind = (enum peer_kind)(PEER_HOST + i);
	if (!behind)
		return p->kind != PEER_PODS;
	w_split(behind, ns, name);
	p->kind = PEER_SERVICE;
	p->service_ns = strdup(ns);
	p->service = strdup(name);
	return true;
}

W void w_peer(struct peer *p, char *text)
{
	auto_free char *pods = w_inside(text, "pods("), *namespaces = w_inside(text, "ns(");
	char *piece;

	p->pods = pods ? w_selector(pods) : NULL;
	p->namespaces = namespaces ? w_selector(namespaces) : NULL;
	if (pods || namespaces || w_entity(p, text))
		return;
	p->kind = PEER_BLOCK;
	p->block = w_cidr(w_piece(&text, " "));
	while ((piece = w_piece(&text, " ")))
		*(struct cidr *)vec_add(&p->except) = w_cidr(piece + 1);
}

/* "/3/1" behind the protocol: the type, and the code if there is one. */
W void w_type(struct port_range *p, const char *text)
{
	unsigned int type = 0, code = 0;
	const int n = sscanf(text, "/%u/%u", &type, &code);

	assert_true(n > 0);
	p->first = (uint16_t)(type << 8 | code);
	p->last = n > 1 ? p->first : p->first | 0xff;
}

W struct port_range w_port(const char *text)
{
	static const struct {
		const char *name;
		uint8_t proto;
	} protos[] = {
		{ "tcp", IPPROTO_TCP },	  { "udp", IPPROTO_UDP },	{ "sctp", IPPROTO_SCTP },
		{ "icmp", IPPROTO_ICMP }, { "icmpv6", IPPROTO_ICMPV6 },
	};
	struct port_range ret = { .last = 65535 };
	unsigned int first, last;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(protos); i++)
		if (!strncmp(text, protos[i].name, strlen(protos[i].name)))
			ret.proto = protos[i].proto;
	if (sscanf(text, "proto/%u", &first) == 1) {
		ret.proto = (uint8_t)first;
		return ret;
	}
	text = strchr(text, '/');
	if (!text)
		return ret;
	if (ret.proto == IPPROTO_ICMP || ret.proto == IPPROTO_ICMPV6) {
		w_type(&ret, text);
		return ret;
	}
	if (port_name_is_valid(text + 1)) {
		ret.last = 0;
		memcpy(ret.name, text + 1, strlen(text + 1));
		return ret;
	}
	if (sscanf(text, "/%u-%u", &first, &last) != 2)
		last = first;
	ret.first = (uint16_t)first;
	ret.last = (uint16_t)last;
	return ret;
}

/* What the pod's containers call their ports. */
W void w_names(struct pod *p, const char *ports)
{
	auto_free char *copy = strdup(ports);
	VEC(struct named_port) names = {};
	char *at = copy, *piece;

	while ((piece = w_piece(&at, ","))) {
		const char *name = strsep(&piece, ":");
		const struct port_range r = w_port(piece);
		struct named_port *slot = vec_add(&names);

		assert_non_null(slot);
		memcpy(slot->name, name, strlen(name));
		slot->proto = r.proto;
		slot->port = r.first;
	}
	assert_int_equal(pod_set_ports(p, names.v, names.n), 0);
	vec_done(&names);
}

W struct rule *w_rule(struct net_policy *np, int dir, const char *peers, const char *ports)
{
	auto_free char *peers_copy = strdup(peers ? peers : ""), *ports_copy = strdup(ports ? ports : "");
	char *at = peers_copy, *piece;
	struct rule *r = vec_add(&np->rules[dir]);

	while ((piece = w_piece(&at, ";")))
		if (*piece)
			w_peer(vec_add(&r->peers), piece);
	at = ports_copy;
	while ((piece = w_piece(&at, ",")))
		if (*piece)
			*(struct port_range *)vec_add(&r->ports) = w_port(piece);
	return r;
}

W void w_service_port(struct service_port *p, char *text)
{
	char *name = strchr(text, ':') ? strsep(&text, ":") : text + strlen(text);
	const struct port_range r = w_port(text);

	*p = (struct service_port){ .name = strdup(name), .proto = r.proto, .port = r.first };
}

/* Borrowed from the model, as the next one. */
W struct service *w_service(struct model *m, const char *name, const char *addrs, const char *ports)
{
	auto_free char *addrs_copy = strdup(addrs), *ports_copy = strdup(ports);
	char ns[64], service[64], *at = addrs_copy, *piece;
	struct service *s;

	w_split(name, ns, service);
	s = service_new(ns, service);
	while ((piece = w_piece(&at, ",")))
		if (*piece)
			*(struct addr *)vec_add(&s->addrs) = w_addr(piece);
	at = ports_copy;
	while ((piece = w_piece(&at, ",")))
		if (*piece)
			w_service_port(vec_add(&s->ports), piece);
	assert_int_equal(model_put_service(m, s), 0);
	return s;
}

/* @how: one of a Service's lists of addresses. */
#define w_stands(s, how, text)                                                                               \
	do {                                                                                                 \
		struct service *s_ = (s);                                                                    \
                                                                                                             \
		*(struct addr *)vec_add(&s_->how) = w_addr(text);                                            \
	} while (0)

/* @name: "shop/web-1" belongs to the Service web. Of IPv6 if its first address is. */
W struct endpoint_slice *w_slice(struct model *m, const char *name, const char *addrs, const char *ports)
{
	auto_free char *addrs_copy = strdup(addrs), *ports_copy = strdup(ports);
	char ns[64], slice[64], *at = addrs_copy, *piece;
	struct endpoint_slice *s;

	w_split(name, ns, slice);
	s = slice_new(ns, slice);
	*strrchr(slice, '-') = '\0';
	free(s->service);
	s->service = strdup(slice);
	while ((piece = w_piece(&at, ",")))
		if (*piece)
			*(struct addr *)vec_add(&s->addrs) = w_addr(piece);
	s->v6 = s->addrs.n && !addr_is_v4(&s->addrs.v[0]);
	s->v4 = !s->v6;
	at = ports_copy;
	while ((piece = w_piece(&at, ",")))
		if (*piece)
			w_service_port(vec_add(&s->ports), piece);
	assert_int_equal(model_put_slice(m, s), 0);
	return s;
}

/* Where the slice's backends are, one after the other. */
W void w_on(struct endpoint_slice *s, const char *node)
{
	*(const char **)vec_add(&s->nodes) = intern_text(node);
}

W void w_node(struct model *m, const char *name, const char *addr)
{
	struct cluster_node *n = cluster_node_new(name);

	*(struct addr *)vec_add(&n->addrs) = w_addr(addr);
	assert_int_equal(model_put_node(m, n), 0);
}

/* ---- asking ------------------------------------------------------------------------------- */

DEFINE_SCOPE_FREE(struct model, model_free)
DEFINE_SCOPE_FREE(struct tables, tables_free)
#define auto_model  __attribute__((cleanup(model_free_scope)))
#define auto_tables __attribute__((cleanup(tables_free_scope)))

W struct tables *w_compile(const struct model *m)
{
	struct tables *t = NULL;
	struct bh_err err = {};

	if (policy_compile(m, &t, &err) < 0)
		fail_msg("policy_compile: %s", err.msg);
	return t;
}

W const struct table_endpoint *w_find(const struct tables *t, uint32_t ifindex)
{
	size_t i;

	for (i = 0; i < t->endpoints.n; i++)
		if (t->endpoints.v[i].ifindex == ifindex)
			return &t->endpoints.v[i];
	fail_msg("no endpoint with ifindex %u", ifindex);
	return NULL;
}

W const struct table_row *w_row(const struct tables *t, uint32_t ifindex, uint32_t dir, const char *remote)
{
	const struct addr a = w_addr(remote);

	assert_true(w_find(t, ifindex)->set >= 0);
	return tables_row(t, (uint32_t)w_find(t, ifindex)->set, tables_class(t, &a, NULL), dir);
}

/* "tcp/80", "icmp" (an echo), "icmp/3/4" (type and code), "proto/47" */
W uint32_t w_key(const char *port, const char *remote)
{
	const struct addr a = w_addr(remote);
	const uint8_t icmp = addr_is_v4(&a) ? IPPROTO_ICMP : IPPROTO_ICMPV6;
	unsigned int x, y;
	struct port_range p;

	if (!strcmp(port, "icmp"))
		return BH_ICMP(icmp, addr_is_v4(&a) ? 8 : 128, 0);
	if (sscanf(port, "icmp/%u/%u", &x, &y) == 2)
		return BH_ICMP(icmp, x, y);
	if (sscanf(port, "proto/%u", &x) == 1)
		return BH_PORT(x, 0);
	p = w_port(port);
	return BH_PORT(p.proto, p.first);
}

/* Who decides: "+shop/allow ingress[0]", "+" (open), "-" (denied); '*' is allowed and logged, '~' allowed and
 * audited. */
W const char *w_ask(const struct tables *t, uint32_t ifindex, uint32_t dir, const char *remote,
		    const char *port)
{
	const struct table_row *row = w_row(t, ifindex, dir, remote);
	const struct table_range *r = tables_range(t, row, w_key(port, remote));
	const uint32_t action = r ? r->action : row->action, rule = r ? r->rule : row->rule;
	static char ret[128];

	(void)snprintf(ret, sizeof(ret), "%c%s",
		       !(action & BH_ALLOW) ? '-'
		       : action & BH_AUDIT  ? '~'
		       : action & BH_LOG    ? '*'
					    : '+',
		       rule ? t->rules.v[rule - 1].name : "");
	return ret;
}

#define allowed(t, ifindex, dir, remote, port) assert_true(*w_ask(t, ifindex, dir, remote, port) == '+')
#define denied(t, ifindex, dir, remote, port)  assert_string_equal(w_ask(t, ifindex, dir, remote, port), "-")
#define decided(t, ifindex, dir, remote, port, by)                                                           \
	assert_string_equal(w_ask(t, ifindex, dir, remote, port), by)

#undef W
#endif
