/* SPDX-License-Identifier: Apache-2.0 */
/* Random clusters. */
#include "cluster.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "roll.h"
#include "util/intern.h"

#define PODS	  14
#define ENDPOINTS 6
#define POLICIES  8
#define RULED	  50 /* percent of all have policies of the cluster, and the same of our own */
#define CLUSTER	  6

/* ---- objects -------------------------------------------------------------------------------- */

static void put_namespace(struct model *m, struct dice *d)
{
	static const char *const modes[] = { "Audit", "Audit", "Enforce", "audit" };
	const char *name = namespaces[dice_roll(d, 2)];
	struct namespace *n = must(namespace_new(name));

	roll_labels(d, &n->labels);
	zero(labels_set(&n->labels, name_label, name));
	if (dice_chance(d, 10))
		zero(labels_set(&n->labels, "policy.bulkhead.dev/mode", pick(d, modes)));
	n->partial = dice_chance(d, 3);
	zero(model_put_namespace(m, n));
}

static void pod_name(struct dice *d, char ret[16])
{
	(void)snprintf(ret, 16, "p%u", dice_roll(d, 6));
}

static char *roll_uid(struct dice *d)
{
	return must(strdup(dice_chance(d, 75) ? "" : dice_chance(d, 90) ? "u1" : "u2"));
}

static void roll_host_port(struct dice *d, struct host_port *ret)
{
	ret->proto = roll_proto(d);
	ret->port = roll_port(d);
	ret->port += !ret->port;
	ret->to = (uint16_t)dice_roll(d, 8);
}

static void put_pod(struct model *m, struct dice *d)
{
	struct pod *p;
	char name[16];
	uint32_t n;

	pod_name(d, name);
	p = must(pod_new(roll_namespace(d), name));
	free(p->uid);
	p->uid = roll_uid(d);
	if (dice_chance(d, 25))
		p->static_uid = must(strdup(dice_chance(d, 50) ? "u1" : "u2"));
	roll_labels(d, &p->labels);
	for (n = dice_roll(d, 4); n; n--)
		*(struct addr *)must(vec_add(&p->addrs)) = roll_pod_addr(d, n % 2);
	if (dice_chance(d, 15))
		roll_host_port(d, must(vec_add(&p->host_ports)));
	roll_named_ports(d, p);
	p->host_network = dice_chance(d, 4);
	p->ended = dice_chance(d, 4);
	p->partial = dice_chance(d, 3);
	zero(model_put_pod(m, p));
}

/* Few interfaces, of which some share the slot of a table that is indexed by their low bits. */
static void put_endpoint(struct model *m, struct dice *d)
{
	const uint32_t index = dice_roll(d, ENDPOINTS);
	struct endpoint *e = must(endpoint_new());
	char name[16];
	uint32_t n;

	pod_name(d, name);
	e->key = hash128_of(&index, sizeof(index));
	e->ns = must(strdup(roll_namespace(d)));
	e->pod = must(strdup(name));
	e->uid = roll_uid(d);
	e->ifname = must(strdup("eth0"));
	e->ifindex = 3 + index % 3 + 1024 * (index / 3);
	if (dice_chance(d, 3))
		e->ifindex = dice_chance(d, 50) ? 0 : 3; /* gone; another's as well */
	for (n = dice_roll(d, 4); n; n--)
		*(struct addr *)must(vec_add(&e->addrs)) = roll_pod_addr(d, n % 2);
	if (dice_chance(d, 50))
		*(struct addr *)must(vec_add(&e->addrs)) = addr_of("fe80::1");
	memcpy(e->mac, (const uint8_t[]){ 2, 0, 0, 0, 0, (uint8_t)index }, sizeof(e->mac));
	zero(model_put_endpoint(m, e));
}

/* Mostly where nobody else is, but that is a rule of the API server's, not of ours. */
static struct addr roll_cluster_ip(struct dice *d, bool v4)
{
	char text[ADDR_TEXT];

	if (dice_chance(d, 10))
		return roll_pod_addr(d, v4);
	(void)snprintf(text, sizeof(text), v4 ? "10.0.1.%u" : "fd00::1:%x", dice_roll(d, 4));
	return addr_of(text);
}

static void roll_service_port(struct dice *d, struct service_port *p, bool of_slice)
{
	static const char *const names[] = { "", "a" };

	p->name = must(strdup(pick(d, names)));
	p->proto = roll_proto(d);
	p->port = (uint16_t)dice_roll(d, 8);
	if (!p->port && (!of_slice || dice_chance(d, 70)))
		p->port = 1;
}

/* Few addresses that nobody has, and anybody's; ClusterIPs, too. */
static struct addr roll_claimed(const struct model *m, struct dice *d, bool v4)
{
	char text[ADDR_TEXT];

	if (m->node_addrs.n && dice_chance(d, 15))
		return m->node_addrs.v[dice_roll(d, (uint32_t)m->node_addrs.n)];
	if (dice_chance(d, 20))
		return dice_chance(d, 50) ? roll_cluster_ip(d, v4) : roll_addr(d, v4);
	(void)snprintf(text, sizeof(text), v4 ? "10.0.0.%u" : "fd00::%x", 20 + dice_roll(d, 3));
	return addr_of(text);
}

static void roll_outside(const struct model *m, struct dice *d, struct service *s)
{
	uint32_t n;

	for (n = dice_roll(d, 2); n; n--)
		*(struct addr *)must(vec_add(&s->balancers)) = roll_claimed(m, d, dice_chance(d, 50));
	for (n = dice_roll(d, 3); n; n--)
		*(struct addr *)must(vec_add(&s->externals)) = roll_claimed(m, d, dice_chance(d, 50));
	for (n = 0; n < s->ports.n; n++)
		if (dice_chance(d, 30))
			s->ports.v[n].node_port = (uint16_t)dice_roll(d, 8);
}

static void put_service(struct model *m, struct dice *d)
{
	struct service *s;
	char name[16];
	uint32_t n;

	service_name(d, name);
	s = must(service_new(roll_namespace(d), name));
	for (n = dice_roll(d, 3); n; n--)
		*(struct addr *)must(vec_add(&s->addrs)) = roll_cluster_ip(d, n % 2);
	for (n = dice_roll(d, 5); n; n--)
		roll_service_port(d, must(vec_add(&s->ports)), false);
	s->local = dice_chance(d, 20);
	if (s->addrs.n && dice_chance(d, 30))
		roll_outside(m, d, s);
	zero(model_put_service(m, s));
}

/* What is behind: pods mostly, but a slice may hold any address. */
static struct addr roll_backend(const struct model *m, struct dice *d, bool v4)
{
	const struct pod *p = m->pods.n ? m->pods.v[dice_roll(d, (uint32_t)m->pods.n)] : NULL;

	if (m->node_addrs.n && dice_chance(d, 10))
		return m->node_addrs.v[dice_roll(d, (uint32_t)m->node_addrs.n)];
	if (p && p->addrs.n && dice_chance(d, 60) && addr_is_v4(&p->addrs.v[0]) == v4)
		return p->addrs.v[0];
	return dice_chance(d, 20) ? roll_cluster_ip(d, v4) : roll_addr(d, v4);
}

static void put_slice(struct model *m, struct dice *d)
{
	const bool v4 = dice_chance(d, 50), of_server = dice_chance(d, 8);
	struct endpoint_slice *s;
	char name[16];
	uint32_t n;

	(void)snprintf(name, sizeof(name), "e%u", dice_roll(d, 3 * SERVICES));
	s = must(slice_new(of_server ? "default" : roll_namespace(d), name));
	service_name(d, name);
	if (of_server)
		strcpy(name, "kubernetes");
	free(s->service);
	s->service = must(strdup(name));
	s->v4 = v4 || dice_chance(d, 3);
	s->v6 = !v4 || dice_chance(d, 3);
	s->unknown = dice_chance(d, 3);
	for (n = dice_chance(d, 10) ? 0 : 1 + dice_roll(d, 2); n; n--) {
		*(struct addr *)must(vec_add(&s->addrs)) = roll_backend(m, d, v4);
		*(const char **)must(vec_add(&s->nodes)) =
			dice_chance(d, 20) ? NULL
					   : must((void *)intern_text(dice_chance(d, 60) ? "n0" : "n1"));
	}
	for (n = dice_roll(d, 5); n; n--)
		roll_service_port(d, must(vec_add(&s->ports)), true);
	zero(model_put_slice(m, s));
}

static void put_other_node(struct model *m, struct dice *d)
{
	static const char *const names[] = { "n1", "n1", "n2" };
	struct cluster_node *n = must(cluster_node_new(pick(d, names)));
	uint32_t k;

	*(struct addr *)must(vec_add(&n->addrs)) =
		dice_chance(d, 50) ? roll_cluster_ip(d, dice_chance(d, 50)) : roll_pod_addr(d, true);
	roll_labels(d, &n->labels);
	for (k = dice_roll(d, 3); k; k--)
		*(struct cidr *)must(vec_add(&n->pods)) = roll_cidr(d, dice_chance(d, 50));
	zero(model_put_node(m, n));
}

/* This one: its Node need not say all of its addresses. */
static void put_node(struct model *m, struct dice *d)
{
	const struct addr node[] = { roll_addr(d, true), roll_addr(d, false) };
	const uint32_t n = dice_roll(d, 3);
	struct cluster_node *this;
	uint32_t k;

	zero(model_set_local_addrs(m, node, n));
	this = must(cluster_node_new("this"));
	roll_labels(d, &this->labels);
	if (n)
		*(struct addr *)must(vec_add(&this->addrs)) = node[0];
	zero(model_put_node(m, this));
	zero(model_set_node_name(m, "n0"));
	for (k = dice_chance(d, 20) + dice_chance(d, 20); k; k--)
		*(struct cidr *)must(vec_add(&m->pod_cidrs)) = roll_cidr(d, dice_chance(d, 50));
}

/* ---- the whole ------------------------------------------------------------------------------ */

struct model *cluster_new(struct dice *d)
{
	struct model *m = must(model_new());
	uint32_t n;

	m->now = NOW;
	m->audit = dice_chance(d, 3);
	put_node(m, d);
	for (n = 0; n < 5; n++)
		put_namespace(m, d);
	for (n = dice_roll(d, PODS); n; n--)
		put_pod(m, d);
	for (n = 1 + dice_roll(d, 2 * ENDPOINTS); n; n--)
		put_endpoint(m, d);
	for (n = dice_roll(d, 2 * POLICIES); n; n--)
		put_policy(m, d);
	for (n = dice_chance(d, RULED) ? 1 + dice_roll(d, CLUSTER) : 0; n; n--)
		(dice_chance(d, 50) ? put_cluster_policy : put_cluster_segmentation)(m, d);
	for (n = dice_chance(d, RULED) ? 1 + dice_roll(d, CLUSTER) : 0; n; n--)
		put_segmentation(m, d);
	for (n = dice_roll(d, 2 * SERVICES); n; n--)
		put_service(m, d);
	for (n = dice_roll(d, 6 * SERVICES); n; n--)
		put_slice(m, d);
	if (dice_chance(d, 50))
		put_other_node(m, d);
	/* Most endpoints should be of a pod that is there. */
	for (n = 0; n < m->endpoints.n; n++) {
		const struct endpoint *e = m->endpoints.v[n];
		struct pod *p;

		if (model_pod(m, e->ns, e->pod) || dice_chance(d, 8))
			continue;
		p = must(pod_new(e->ns, e->pod));
		roll_labels(d, &p->labels);
		roll_named_ports(d, p);
		zero(model_put_pod(m, p));
	}
	return m;
}

static void remove_one(struct model *m, struct dice *d)
{
	const uint32_t what = dice_roll(d, 6), n = dice_roll(d, 1000);

	if (what == 0 && m->policies.n)
		(void)model_del_policy(m, m->policies.v[n % m->policies.n]->kind,
				       m->policies.v[n % m->policies.n]->ns,
				       m->policies.v[n % m->policies.n]->name);
	if (what == 1 && m->pods.n)
		(void)model_del_pod(m, m->pods.v[n % m->pods.n]->ns, m->pods.v[n % m->pods.n]->name);
	if (what == 2 && m->endpoints.n > 1)
		(void)model_del_endpoint(m, &m->endpoints.v[n % m->endpoints.n]->key);
	if (what == 4 && m->services.n)
		(void)model_del_service(m, m->services.v[n % m->services.n]->ns,
					m->services.v[n % m->services.n]->name);
	if (what == 5 && m->slices.n)
		(void)model_del_slice(m, m->slices.v[n % m->slices.n]->ns,
				      m->slices.v[n % m->slices.n]->name);
	if (what == 3 && m->namespaces.n > 1)
		(void)model_del_namespace(m, m->namespaces.v[n % m->namespaces.n]->name);
}

static bool has(const struct model *m, enum policy_kind kind)
{
	size_t i;

	for (i = 0; i < m->policies.n; i++)
		if (m->policies.v[i]->kind == kind)
			return true;
	return false;
}

/* Where there is none, none comes: half of all clusters are without. */
static void change_cluster_policy(struct model *m, struct dice *d)
{
	if (has(m, POLICY_CLUSTER))
		put_cluster_policy(m, d);
	if (has(m, POLICY_CLUSTER_SEGMENTATION))
		put_cluster_segmentation(m, d);
}

static void change_segmentation(struct model *m, struct dice *d)
{
	if (has(m, POLICY_SEGMENTATION))
		put_segmentation(m, d);
}

/* The hour, and whether it is in earnest. */
static void change_time(struct model *m, struct dice *d)
{
	m->now = NOW - 1 + dice_roll(d, 3);
	m->audit = dice_chance(d, 10);
}

void cluster_change(struct model *m, struct dice *d)
{
	static void (*const changes[])(struct model * m, struct dice * d) = {
		put_namespace,	     put_pod,	     put_pod,
		put_endpoint,	     put_policy,     put_node,
		remove_one,	     tweak_policy,   tweak_policy,
		tweak_policy,	     put_service,    put_slice,
		put_slice,	     put_other_node, change_cluster_policy,
		change_segmentation, change_time,
	};

	pick(d, changes)(m, d);
}

void cluster_change_service(struct model *m, struct dice *d)
{
	const uint32_t what = dice_roll(d, 8), n = dice_roll(d, 1000);

	if (what == 0 && m->services.n)
		(void)model_del_service(m, m->services.v[n % m->services.n]->ns,
					m->services.v[n % m->services.n]->name);
	else if (what == 1 && m->slices.n)
		(void)model_del_slice(m, m->slices.v[n % m->slices.n]->ns,
				      m->slices.v[n % m->slices.n]->name);
	else
		(what < 4 ? put_service : put_slice)(m, d);
}

static bool is_node(const struct model *m, const struct addr *a)
{
	return vec_find(&m->node_addrs, a, addr_cmp);
}

static struct addr roll_service_addr(const struct service *s, struct dice *d)
{
	if (s->balancers.n && dice_chance(d, 30))
		return s->balancers.v[dice_roll(d, (uint32_t)s->balancers.n)];
	if (s->externals.n && dice_chance(d, 40))
		return s->externals.v[dice_roll(d, (uint32_t)s->externals.n)];
	return s->addrs.v[dice_roll(d, (uint32_t)s->addrs.n)];
}

/* To a Service, on one of its ports. False: there is none. */
static bool roll_service_flow(const struct model *m, struct dice *d, struct oracle_flow *ret,
			      struct addr *remote)
{
	const struct service *s = m->services.n ? m->services.v[dice_roll(d, (uint32_t)m->services.n)] : NULL;
	const struct service_port *p;

	if (!s || !s->addrs.n)
		return false;
	*remote = roll_service_addr(s, d);
	p = s->ports.n ? &s->ports.v[dice_roll(d, (uint32_t)s->ports.n)] : NULL;
	if (!p || dice_chance(d, 10))
		return false;
	if (p->node_port && m->node_addrs.n && dice_chance(d, 40))
		*remote = m->node_addrs.v[dice_roll(d, (uint32_t)m->node_addrs.n)];
	ret->proto = p->proto;
	ret->dport = p->node_port && is_node(m, remote) ? p->node_port : p->port;
	ret->sport = roll_port(d);
	ret->dir = DIR_EGRESS;
	return true;
}

/* To a port that the pod at the receiving end has a name for. False: there is none. */
static bool roll_named_flow(const struct model *m, struct dice *d, const struct endpoint *e,
			    struct oracle_flow *ret, struct addr *remote)
{
	const struct pod *p = model_endpoint_pod(m, e);
	const struct named_port *port;

	if (ret->dir == DIR_EGRESS) {
		p = m->pods.n ? m->pods.v[dice_roll(d, (uint32_t)m->pods.n)] : NULL;
		if (!p || !p->addrs.n)
			return false;
		*remote = p->addrs.v[dice_roll(d, (uint32_t)p->addrs.n)];
	}
	if (!p || !p->ports)
		return false;
	port = &p->ports->at[dice_roll(d, (uint32_t)p->ports->n)];
	ret->proto = port->proto;
	ret->dport = port->port;
	ret->sport = roll_port(d);
	return true;
}

/* ICMP as it is where the remote is; or any other protocol. Of ICMP mostly the echo request. */
static void roll_portless_flow(struct dice *d, struct oracle_flow *ret, bool v4)
{
	ret->proto = dice_chance(d, 75) ? (v4 ? IPPROTO_ICMP : IPPROTO_ICMPV6) : roll_number(d);
	if (ret->proto == IPPROTO_ICMP || ret->proto == IPPROTO_ICMPV6) {
		ret->dport = v4 ? 8 << 8 : 128 << 8;
		if (dice_chance(d, 40))
			ret->dport = roll_icmp_type(d) | roll_icmp_code(d);
	} else if (dice_chance(d, 10)) {
		ret->proto = v4 ? IPPROTO_ICMPV6 : IPPROTO_ICMP; /* there it is one as any other */
	}
}

static void roll_flow(struct dice *d, struct oracle_flow *ret, bool v4)
{
	if (dice_chance(d, 20)) {
		roll_portless_flow(d, ret, v4);
		return;
	}
	ret->proto = roll_proto(d);
	ret->sport = roll_port(d);
	ret->dport = roll_port(d);
}

void cluster_flow(const struct model *m, struct dice *d, struct oracle_flow *ret)
{
	const struct endpoint *e = m->endpoints.v[dice_roll(d, (uint32_t)m->endpoints.n)];
	struct addr remote = roll_addr(d, dice_chance(d, 50));
	struct addr local = {};
	size_t i;

	*ret = (struct oracle_flow){ .ifindex = e->ifindex, .dir = (int)dice_roll(d, DIR_MAX) };
	if (dice_chance(d, 5))
		remote = addr_of(addr_is_v4(&remote) ? "10.0.0.255" : "fe80::1");
	if (!(dice_chance(d, 35) && roll_service_flow(m, d, ret, &remote)) &&
	    !(dice_chance(d, 40) && roll_named_flow(m, d, e, ret, &remote)))
		roll_flow(d, ret, addr_is_v4(&remote));
	for (i = 0; i < e->addrs.n; i++)
		if (addr_is_v4(&e->addrs.v[i]) == addr_is_v4(&remote) && e->addrs.v[i].b[0] != 0xfe)
			local = e->addrs.v[i];
	ret->src = ret->dir == DIR_INGRESS ? remote : local;
	ret->dst = ret->dir == DIR_INGRESS ? local : remote;
}
