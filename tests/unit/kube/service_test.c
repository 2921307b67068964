/* SPDX-License-Identifier: Apache-2.0 */
/* Services, slices and nodes from their JSON or YAML: real ones, odd ones, and what an odd one must not hide.
 */
#include <json-c/json.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "kube/decode.h"
#include "kube/manifest.h"
#include "kube/value.h"
#include "util/buf.h"
#include "util/scope.h"

#define FIXTURES "tests/unit/kube/fixtures/"

DEFINE_SCOPE_FREE(struct service, service_free)
DEFINE_SCOPE_FREE(struct endpoint_slice, slice_free)
DEFINE_SCOPE_FREE(struct cluster_node, cluster_node_free)
#define auto_service __attribute__((cleanup(service_free_scope)))
#define auto_slice   __attribute__((cleanup(slice_free_scope)))
#define auto_node    __attribute__((cleanup(cluster_node_free_scope)))

static struct manifest parsed(const char *text)
{
	struct manifest m;
	struct bh_err err;

	if (manifest_parse("x.yaml", text, strlen(text), &m, &err) < 0)
		fail_msg("%s", err.msg);
	return m;
}

/* The value itself, or one item of a List. */
static struct json_object *item(const struct manifest *m, size_t i, struct object_id *ret)
{
	struct json_object *o = m->docs.v[0].root, *items;
	struct bh_err err;

	if (decode_is_list(o, &items))
		o = value_at(items, i);
	if (decode_id(o, ret, &err) < 0)
		fail_msg("%s", err.msg);
	return o;
}

#define DEFINE_READ(type, word)                                                                              \
	static struct type *word##_at(const char *text, size_t i)                                            \
	{                                                                                                    \
		struct manifest m = parsed(text);                                                            \
		struct object_id id;                                                                         \
		struct json_object *o = item(&m, i, &id);                                                    \
		struct type *ret = NULL;                                                                     \
                                                                                                             \
		assert_int_equal(decode_##word(o, &id, &ret), 0);                                            \
		manifest_done(&m);                                                                           \
		return ret;                                                                                  \
	}

DEFINE_READ(service, service)
DEFINE_READ(endpoint_slice, slice)
DEFINE_READ(cluster_node, node)

/* "10.0.0.1 fd00::1" */
static const char *addrs_text(const struct addr *v, size_t n)
{
	static char ret[512];
	char text[ADDR_TEXT];
	size_t i, len = 0;

	ret[0] = '\0';
	for (i = 0; i < n && len < sizeof(ret) - ADDR_TEXT - 2; i++)
		len += (size_t)snprintf(ret + len, sizeof(ret) - len, "%s%s", i ? " " : "",
					addr_text(&v[i], text));
	return ret;
}

/* "web:6/80 :17/53" */
static const char *ports_text(const struct service_port *v, size_t n)
{
	static char ret[512];
	size_t i, len = 0;

	ret[0] = '\0';
	for (i = 0; i < n && len < 400; i++)
		len += (size_t)snprintf(ret + len, sizeof(ret) - len, "%s%s:%u/%u", i ? " " : "", v[i].name,
					v[i].proto, v[i].port);
	return ret;
}

#define assert_addrs(o, wanted) assert_string_equal(addrs_text((o)->addrs.v, (o)->addrs.n), wanted)
#define assert_ports(o, wanted) assert_string_equal(ports_text((o)->ports.v, (o)->ports.n), wanted)

static void real_ones(void **state)
{
	auto_service struct service *s = NULL;
	auto_slice struct endpoint_slice *slice = NULL;
	auto_node struct cluster_node *n = NULL;
	char text[8192];
	FILE *f = fopen(FIXTURES "services.yaml", "re");

	(void)state;
	assert_non_null(f);
	text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
	(void)fclose(f);
	s = service_at(text, 0);
	assert_string_equal(s->ns, "kube-system");
	assert_string_equal(s->name, "kube-dns");
	assert_addrs(s, "10.96.0.10 fd00:10:96::a");
	assert_ports(s, "dns:17/53 dns-tcp:6/53 metrics:6/9153");
	slice = slice_at(text, 1);
	assert_string_equal(slice->service, "kube-dns");
	assert_false(slice->v4 || slice->unknown);
	assert_true(slice->v6);
	assert_addrs(slice, "fd00:10:244::2 fd00:10:244::3"); /* also who is going */
	assert_ports(slice, "dns-tcp:6/53 dns:17/53");
	n = node_at(text, 2);
	assert_string_equal(n->name, "n1");
	assert_addrs(n, "192.0.2.11 2001:db8::11 198.51.100.11");
}

#define SERVICE(spec) "{apiVersion: v1, kind: Service, metadata: {name: s}, spec: " spec "}"

static void services_without_an_address(void **state)
{
	static const struct {
		const char *text, *addrs;
	} cases[] = {
		{ SERVICE("{clusterIP: None, clusterIPs: [None]}"), "" },
		{ SERVICE("{clusterIP: '', clusterIPs: ['']}"), "" },
		{ SERVICE("{type: ExternalName, clusterIP: 10.96.0.1, externalName: a.example.org}"), "" },
		{ SERVICE("{type: 7, clusterIP: 10.96.0.1}"), "10.96.0.1" },
		{ SERVICE("{clusterIP: 10.96.0.1, clusterIPs: [x, 1, null, fd00::1]}"), "fd00::1" },
		{ SERVICE("{clusterIP: [10.96.0.1], clusterIPs: {}}"), "" },
		{ SERVICE("{clusterIP: 10.096.000.01}"), "10.96.0.1" },
		{ SERVICE("{clusterIP: '::ffff:10.96.0.1'}"), "10.96.0.1" },
		{ SERVICE("7"), "" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		auto_service struct service *s = service_at(cases[i].text, 0);

		assert_addrs(s, cases[i].addrs);
	}
}

/* By which addresses packets may come that are for the Service. One without a ClusterIP is no proxy's
 * business. */
static void addresses_from_outside(void **state)
{
	static const struct {
		const char *spec, *status, *balancers, *externals;
	} cases[] = {
		{ "externalIPs: [198.51.100.1, x, 7, '2001:db8::1']", "{}", "", "198.51.100.1 2001:db8::1" },
		{ "externalIPs: 198.51.100.1", "7", "", "" },
		{ "", "{loadBalancer: {ingress: [{ip: 192.0.2.1}, {hostname: a.example.org}, null]}}",
		  "192.0.2.1", "" },
		{ "",
		  "{loadBalancer: {ingress: [{ip: 192.0.2.1, ipMode: VIP}, {ip: 192.0.2.2, ipMode: Proxy}]}}",
		  "192.0.2.1", "" },
		{ "", "{loadBalancer: {ingress: [{ip: 192.0.2.1, ipMode: 7}, {ip: x}]}}", "192.0.2.1", "" },
		{ "", "{loadBalancer: [{ip: 192.0.2.1}]}", "", "" },
		{ "clusterIPs: [None], externalIPs: [198.51.100.1]",
		  "{loadBalancer: {ingress: [{ip: 192.0.2.1}]}}", "", "" },
		{ "type: ExternalName, externalIPs: [198.51.100.1]", "{}", "", "" },
	};
	char text[512];
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		auto_service struct service *s = NULL;

		(void)snprintf(text, sizeof(text), SERVICE("{clusterIP: 10.96.0.1, %s}, status: %s}"),
			       cases[i].spec, cases[i].status);
		text[strlen(text) - 1] = '\0';
		s = service_at(text, 0);
		assert_string_equal(addrs_text(s->balancers.v, s->balancers.n), cases[i].balancers);
		assert_string_equal(addrs_text(s->externals.v, s->externals.n), cases[i].externals);
	}
}

/* Past the limits of other lists: a port or an address that is left out would be nobody's, and allowed. */
static void nothing_of_a_service_is_left_out(void **state)
{
	const int many = 2 * DECODE_ITEMS_MAX;
	struct buf text = BUF_INIT(1 << 20);
	struct service *s;
	int i;

	(void)state;
	(void)buf_str(&text,
		      "apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec:\n  clusterIP: 10.96.0.1\n"
		      "  externalIPs:\n");
	for (i = 0; i < many; i++)
		(void)buf_fmt(&text, "  - 10.1.%d.%d\n", i / 256, i % 256);
	(void)buf_str(&text, "  ports:\n");
	for (i = 0; i < many; i++)
		(void)buf_fmt(&text, "  - {port: %d, nodePort: %d}\n", i + 1, i + 2);
	s = service_at(text.data, 0);
	assert_int_equal(s->externals.n, many);
	assert_int_equal(s->ports.n, many);
	assert_int_equal(s->ports.v[many - 1].node_port, many + 1);
	service_free(s);
	buf_done(&text);
}

static void who_is_where(void **state)
{
	static const char local[] = SERVICE("{clusterIP: 10.96.0.1, internalTrafficPolicy: Local}");
	static const char cluster[] = SERVICE("{clusterIP: 10.96.0.1, internalTrafficPolicy: Cluster}");
	auto_service struct service *yes = service_at(local, 0), *no = service_at(cluster, 0);
	auto_slice struct endpoint_slice *s = slice_at(
		"{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, metadata: {name: s}, addressType: IPv4, endpoints: ["
		"{addresses: [10.0.0.1, 10.0.0.2], nodeName: a}, {addresses: [10.0.0.3]}, {addresses: [10.0.0.4], nodeName: 7},"
		" {addresses: [10.0.0.5], nodeName: b}]}",
		0);

	(void)state;
	assert_true(yes->local);
	assert_false(no->local);
	assert_int_equal(s->nodes.n, 5);
	assert_true(slice_is_on(s, 0, "a") && slice_is_on(s, 1, "a") && slice_is_on(s, 4, "b"));
	assert_false(slice_is_on(s, 0, "b") || slice_is_on(s, 2, "a") || slice_is_on(s, 3, "7") ||
		     slice_is_on(s, 5, "b"));
	assert_false(slice_is_on(s, 0, NULL) || slice_is_on(s, 2, NULL));
}

static void node_ports(void **state)
{
	auto_service struct service *s = service_at(
		SERVICE("{ports: [{port: 1, nodePort: 30001}, {port: 2}, {port: 3, nodePort: 70000}, {port: 4, nodePort: x},"
			" {port: x, nodePort: 30005}]}"),
		0);

	(void)state;
	assert_ports(s, ":6/1 :6/2 :6/3 :6/4");
	assert_int_equal(s->ports.v[0].node_port, 30001);
	assert_int_equal(s->ports.v[1].node_port, 0);
	assert_int_equal(s->ports.v[2].node_port, 0);
	assert_int_equal(s->ports.v[3].node_port, 0);
}

static void odd_service_ports_are_not_there(void **state)
{
	auto_service struct service *s = service_at(
		SERVICE("{ports: [null, 3, {}, {port: x}, {port: 0}, {port: 70000}, {port: 1, protocol: ICMP},"
			" {port: 2, name: 7}, {port: 3, protocol: SCTP, name: a}]}"),
		0);

	(void)state;
	assert_ports(s, ":6/2 a:132/3");
}

#define SLICE(type, rest)                                                                                    \
	"{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, metadata: {name: s-1, labels: "              \
	"{kubernetes.io/service-name: s}}, addressType: " type ", " rest "}"
#define ENDPOINTS(list) SLICE("IPv4", "endpoints: [" list "]")

/* Whoever may be behind it and is not in `addrs` makes it unknown. */
static void slices_not_understood(void **state)
{
	static const struct {
		const char *text;
		bool unknown, v4, v6;
		const char *addrs;
	} cases[] = {
		{ ENDPOINTS(""), false, true, false, "" },
		{ ENDPOINTS("{addresses: [10.0.0.1, 10.0.0.2]}"), false, true, false, "10.0.0.1 10.0.0.2" },
		{ ENDPOINTS("{addresses: [010.0.0.09]}"), false, true, false, "10.0.0.9" },
		{ SLICE("IPv6", "endpoints: null"), false, false, true, "" },
		{ SLICE("FQDN", "endpoints: [{addresses: [10.0.0.1]}]"), true, true, true, "" },
		{ SLICE("null", "endpoints: []"), true, true, true, "" },
		{ SLICE("[IPv4]", "endpoints: []"), true, true, true, "" },
		{ ENDPOINTS("null"), true, true, false, "" },
		{ ENDPOINTS("{}"), true, true, false, "" },
		{ ENDPOINTS("{addresses: []}"), true, true, false, "" },
		{ ENDPOINTS("{addresses: 10.0.0.1}"), true, true, false, "" },
		{ ENDPOINTS("{addresses: [a.example.org, 10.0.0.1]}"), true, true, false, "10.0.0.1" },
		{ ENDPOINTS("{addresses: [10.0.0.1, null]}, {}, {addresses: [10.0.0.2]}"), true, true, false,
		  "10.0.0.1 10.0.0.2" },
		{ ENDPOINTS("{addresses: ['fd00::1']}, {addresses: [10.0.0.1]}"), true, true, false,
		  "10.0.0.1" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		auto_slice struct endpoint_slice *s = slice_at(cases[i].text, 0);

		assert_int_equal(s->unknown, cases[i].unknown);
		assert_int_equal(s->v4, cases[i].v4);
		assert_int_equal(s->v6, cases[i].v6);
		assert_addrs(s, cases[i].addrs);
		assert_int_equal(s->nodes.n, s->addrs.n);
	}
}

static void slice_ports(void **state)
{
	auto_slice struct endpoint_slice *s = slice_at(
		SLICE("IPv4", "ports: [{}, {name: a, port: null}, {port: 0}, {port: x}, {port: 80},"
			      " {name: b, port: 53, protocol: UDP}, {port: 1, protocol: ICMP}, null]"),
		0);

	(void)state;
	assert_ports(s, ":6/0 a:6/0 :6/0 :6/0 :6/80 b:17/53 :6/0");
	assert_false(s->unknown);
}

static void a_slice_of_no_service(void **state)
{
	static const char *const texts[] = {
		"{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, metadata: {name: a}}",
		"{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, metadata: {name: a, labels: "
		"{kubernetes.io/service-name: 7}}}",
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(texts); i++) {
		auto_slice struct endpoint_slice *s = slice_at(texts[i], 0);

		assert_string_equal(s->service, "");
	}
}

static void slices_have_limits(void **state)
{
	struct buf text = BUF_INIT(1 << 20);
	struct endpoint_slice *s;
	int i;

	(void)state;
	(void)buf_str(&text, "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: a}\n"
			     "addressType: IPv4\nendpoints:\n");
	for (i = 0; i < DECODE_BACKENDS_MAX; i++)
		(void)buf_fmt(&text, "- addresses: [10.1.%d.%d]\n", i / 256, i % 256);
	s = slice_at(text.data, 0);
	assert_int_equal(s->addrs.n, DECODE_BACKENDS_MAX);
	assert_false(s->unknown);
	slice_free(s);
	(void)buf_str(&text, "- addresses: [10.2.0.1]\n");
	s = slice_at(text.data, 0);
	assert_int_equal(s->addrs.n, DECODE_BACKENDS_MAX);
	assert_true(s->unknown);
	slice_free(s);

	buf_clear(&text);
	(void)buf_str(&text, "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: a}\n"
			     "addressType: IPv4\nports:\n");
	for (i = 0; i <= DECODE_ITEMS_MAX; i++)
		(void)buf_fmt(&text, "- port: %d\n", i + 1);
	s = slice_at(text.data, 0);
	assert_int_equal(s->ports.n, DECODE_ITEMS_MAX);
	assert_true(s->unknown);
	slice_free(s);
	buf_done(&text);
}

static void odd_nodes(void **state)
{
	auto_node struct cluster_node *n =
		node_at("{apiVersion: v1, kind: Node, metadata: {name: a}, status: {addresses: [null, {},"
			" {type: InternalIP}, {type: InternalIP, address: x}, {type: 1, address: 10.0.0.1},"
			" {type: Hostname, address: 10.0.0.2}, {type: ExternalIP, address: 10.0.0.3}]}}",
			0);

	(void)state;
	assert_addrs(n, "10.0.0.3");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(real_ones),
		cmocka_unit_test(services_without_an_address),
		cmocka_unit_test(addresses_from_outside),
		cmocka_unit_test(nothing_of_a_service_is_left_out),
		cmocka_unit_test(who_is_where),
		cmocka_unit_test(node_ports),
		cmocka_unit_test(odd_service_ports_are_not_there),
		cmocka_unit_test(slices_not_understood),
		cmocka_unit_test(slice_ports),
		cmocka_unit_test(a_slice_of_no_service),
		cmocka_unit_test(slices_have_limits),
		cmocka_unit_test(odd_nodes),
	};

	return cmocka_run_group_tests_name("kube/service", tests, NULL, NULL);
}
