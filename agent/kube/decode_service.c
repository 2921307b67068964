/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Services, what is behind them, and nodes. Lenient, and closed: a Service that says less than we expect has
 * fewer addresses or ports; a slice that says something we cannot take in is `unknown`, because a
 * backend that we do not know may be one that nobody allows.
 */
#include "kube/decode.h"

#include <errno.h>
#include <json-c/json.h>
#include <netinet/in.h>
#include <string.h>

#include "kube/value.h"
#include "util/intern.h"

typedef VEC(struct addr) addr_vec;
typedef VEC(struct service_port) port_vec;

/* ---- addresses and ports ------------------------------------------------------------------ */

/* @vec: VEC(struct addr). Return: 1, 0 it is no address, -ENOMEM. */
static int add_addr(void *vec, struct json_object *value)
{
	const char *text = value_text(value);
	addr_vec *addrs = vec;
	struct addr a, *slot;

	if (!text || addr_parse_loose(text, &a) < 0)
		return 0;
	slot = vec_add(addrs);
	if (!slot)
		return -ENOMEM;
	*slot = a;
	return 1;
}

/* @number: 0 where the API lets it be absent. @vec: VEC(struct service_port). */
static int add_port(void *vec, struct json_object *o, uint8_t proto, int64_t number)
{
	const char *name = value_text(value_get(o, "name"));
	char *copy = strdup(name ? name : "");
	port_vec *ports = vec;
	struct service_port *slot = copy ? vec_add(ports) : NULL;

	if (!slot) {
		free(copy);
		return -ENOMEM;
	}
	*slot = (struct service_port){ .name = copy, .proto = proto, .port = (uint16_t)number };
	return 0;
}

/* The API's default is TCP. 0: not understood. */
static uint8_t protocol_of(struct json_object *port)
{
	struct json_object *protocol = value_get(port, "protocol");

	return protocol ? value_protocol(protocol) : IPPROTO_TCP;
}

static bool number_of(struct json_object *port, const char *key, int64_t *ret)
{
	return value_integer(value_get(port, key), ret) && *ret >= 1 && *ret <= UINT16_MAX;
}

/* ---- Services ----------------------------------------------------------------------------- */

/* "None" and "" are no addresses. clusterIP, which is the first, only where there is no list. */
static int decode_cluster_ips(struct json_object *spec, struct service *s)
{
	struct json_object *list = value_get(spec, "clusterIPs");
	const char *type = value_text(value_get(spec, "type"));
	size_t i;
	int r;

	if (type && !strcmp(type, "ExternalName"))
		return 0;
	for (i = 0; i < value_length(list) && i < DECODE_ADDRS_MAX; i++) {
		r = add_addr(&s->addrs, value_at(list, i));
		if (r < 0)
			return r;
	}
	r = value_length(list) ? 0 : add_addr(&s->addrs, value_get(spec, "clusterIP"));
	return r < 0 ? r : 0;
}

/* All of them, however many the object has room for: what is left out would be nobody's. */
static int decode_external_ips(struct json_object *list, struct service *s)
{
	size_t i;
	int r = 0;

	for (i = 0; r >= 0 && i < value_length(list); i++)
		r = add_addr(&s->externals, value_at(list, i));
	return r < 0 ? r : 0;
}

/* Mode Proxy: a packet goes to the balancer, and comes from there with another address. */
static bool is_proxy(struct json_object *balancer)
{
	const char *mode = value_text(value_get(balancer, "ipMode"));

	return mode && !strcmp(mode, "Proxy");
}

static int decode_balancers(struct json_object *list, struct service *s)
{
	size_t i;
	int r = 0;

	for (i = 0; r >= 0 && i < value_length(list); i++)
		if (!is_proxy(value_at(list, i)))
			r = add_addr(&s->balancers, value_get(value_at(list, i), "ip"));
	return r < 0 ? r : 0;
}

static int add_service_port(struct service *s, struct json_object *port)
{
	const uint8_t proto = protocol_of(port);
	int64_t number;
	int r;

	if (!proto || !number_of(port, "port", &number))
		return 0;
	r = add_port(&s->ports, port, proto, number);
	if (!r && number_of(port, "nodePort", &number))
		s->ports.v[s->ports.n - 1].node_port = (uint16_t)number;
	return r;
}

/* A port that is not here is none of the Service: an isolated pod cannot reach it. */
static int fill_service(struct json_object *o, struct service *s)
{
	struct json_object *spec = value_get(o, "spec"), *ports = value_get(spec, "ports");
	struct json_object *balancer = value_get(value_get(o, "status"), "loadBalancer");
	const char *policy = value_text(value_get(spec, "internalTrafficPolicy"));
	size_t i;
	int r = decode_cluster_ips(spec, s);

	s->local = policy && !strcmp(policy, "Local");
	if (!r && s->addrs.n)
		r = decode_external_ips(value_get(spec, "externalIPs"), s);
	if (!r && s->addrs.n)
		r = decode_balancers(value_get(balancer, "ingress"), s);
	for (i = 0; !r && i < value_length(ports); i++)
		r = add_service_port(s, value_at(ports, i));
	return r;
}

int decode_service(struct json_object *o, const struct object_id *id, struct service **ret)
{
	struct service *s = service_new(id->ns, id->name);
	int r = s ? fill_service(o, s) : -ENOMEM;

	if (r < 0) {
		service_free(s);
		return r;
	}
	*ret = s;
	return 0;
}

/* ---- slices ------------------------------------------------------------------------------- */

static void decode_type(struct json_object *o, struct endpoint_slice *s)
{
	const char *type = value_text(value_get(o, "addressType"));

	s->v4 = type && !strcmp(type, "IPv4");
	s->v6 = type && !strcmp(type, "IPv6");
	if (!s->v4 && !s->v6)
		s->v4 = s->v6 = s->unknown = true; /* FQDN, or what comes after it */
}

static int add_node(struct endpoint_slice *s, const char *name)
{
	const char **slot = vec_add(&s->nodes);

	if (!slot)
		return -ENOMEM;
	*slot = name ? intern_text(name) : NULL;
	return name && !*slot ? -ENOMEM : 0;
}

static int add_backend(struct endpoint_slice *s, struct json_object *value, const char *node)
{
	int r;

	if (s->addrs.n == DECODE_BACKENDS_MAX) {
		s->unknown = true;
		return 0;
	}
	r = add_addr(&s->addrs, value);
	if (r == 1 && addr_is_v4(&s->addrs.v[s->addrs.n - 1]) == s->v4)
		return add_node(s, node);
	s->addrs.n -= r == 1;
	s->unknown = true;
	return r < 0 ? r : 0;
}

/* Whatever the conditions say: who is not ready, or going, may still be sent to. Who stands beside somebody
 * that we do not understand may be one that a rule denies. */
static int decode_endpoints(struct json_object *list, struct endpoint_slice *s)
{
	size_t i, k;
	int r = 0;

	for (i = 0; !r && i < value_length(list); i++) {
		struct json_object *addrs = value_get(value_at(list, i), "addresses");
		const char *node = value_text(value_get(value_at(list, i), "nodeName"));

		s->unknown |= !value_length(addrs);
		for (k = 0; !r && k < value_length(addrs) && s->v4 != s->v6; k++)
			r = add_backend(s, value_at(addrs, k), node);
	}
	return r;
}

static int decode_slice_ports(struct json_object *list, struct endpoint_slice *s)
{
	size_t i;
	int r = 0;

	s->unknown |= value_length(list) > DECODE_ITEMS_MAX;
	for (i = 0; !r && i < value_length(list) && i < DECODE_ITEMS_MAX; i++) {
		struct json_object *port = value_at(list, i);
		const uint8_t proto = protocol_of(port);
		int64_t number = 0;

		if (!number_of(port, "port", &number))
			number = 0;
		if (proto) /* else of no Service port */
			r = add_port(&s->ports, port, proto, number);
	}
	return r;
}

static int decode_service_name(struct json_object *o, struct endpoint_slice *s)
{
	struct json_object *labels = value_get(value_get(o, "metadata"), "labels");
	const char *name = value_text(value_get(labels, "kubernetes.io/service-name"));
	char *copy;

	if (!name || strlen(name) > DECODE_VALUE_MAX)
		return 0;
	copy = strdup(name);
	if (!copy)
		return -ENOMEM;
	free(s->service);
	s->service = copy;
	return 0;
}

int decode_slice(struct json_object *o, const struct object_id *id, struct endpoint_slice **ret)
{
	struct endpoint_slice *s = slice_new(id->ns, id->name);
	int r = s ? decode_service_name(o, s) : -ENOMEM;

	if (!r) {
		decode_type(o, s);
		r = decode_endpoints(value_get(o, "endpoints"), s);
	}
	if (!r)
		r = decode_slice_ports(value_get(o, "ports"), s);
	if (r < 0) {
		slice_free(s);
		return r;
	}
	*ret = s;
	return 0;
}

/* ---- nodes -------------------------------------------------------------------------------- */

static int fill_node(struct json_object *o, struct cluster_node *n)
{
	struct json_object *list = value_get(value_get(o, "status"), "addresses");
	size_t i;
	int r = 0;

	for (i = 0; r >= 0 && i < value_length(list) && n->addrs.n < DECODE_ADDRS_MAX; i++) {
		struct json_object *at = value_at(list, i);
		const char *type = value_text(value_get(at, "type"));

		if (type && (!strcmp(type, "InternalIP") || !strcmp(type, "ExternalIP")))
			r = add_addr(&n->addrs, value_get(at, "address"));
	}
	return r < 0 ? r : 0;
}

static int add_pods(struct json_object *o, struct cluster_node *n)
{
	const char *text = value_text(o);
	struct cidr c, *slot;

	if (!text || cidr_parse(text, &c) < 0)
		return 0;
	slot = vec_add(&n->pods);
	if (!slot)
		return -ENOMEM;
	*slot = c;
	return 0;
}

/* What it has for its pods; podCIDR is the first of podCIDRs. */
static int fill_node_pods(struct json_object *o, struct cluster_node *n)
{
	struct json_object *spec = value_get(o, "spec"), *list = value_get(spec, "podCIDRs");
	size_t i;
	int r = 0;

	if (!list)
		return add_pods(value_get(spec, "podCIDR"), n);
	for (i = 0; !r && i < value_length(list) && n->pods.n < DECODE_ADDRS_MAX; i++)
		r = add_pods(value_at(list, i), n);
	return r;
}

int decode_node(struct json_object *o, const struct object_id *id, struct cluster_node **ret)
{
	struct cluster_node *n = cluster_node_new(id->name);
	int r = n ? fill_node(o, n) : -ENOMEM;
	bool partial = false; /* labels of nodes are an administrator's affair */

	if (!r)
		r = decode_uid(o, &n->uid);
	if (!r)
		r = decode_labels(o, &n->labels, &partial);
	if (!r)
		r = fill_node_pods(o, n);
	if (r < 0) {
		cluster_node_free(n);
		return r;
	}
	*ret = n;
	return 0;
}
