/* SPDX-License-Identifier: Apache-2.0 */
/* Peers that have no labels: who is of the world, and who is not. */
#include "cluster.h"

#define NODE_OF(name, ranges)                                                                                \
	"---\n{apiVersion: v1, kind: Node, metadata: {name: " name "}, spec: {podCIDRs: [" ranges            \
	"]}, status: {addresses: [{type: InternalIP, address: 172.18.0.3}]}}\n"
#define SEGMENTATION(name, spec)                                                                                 \
	"---\n{apiVersion: policy.bulkhead.dev/v1alpha1, kind: SegmentationPolicy, metadata: {namespace: shop, " \
	"name: " name "},\n  spec: {" spec "}}\n"
#define ENTITIES(name, action, dir, list)                                                                    \
	SEGMENTATION(name, TO_DB ", " dir ": [{action: " action ", " list "}]")

/* On a link there are pods and the node, and nobody can tell which: what a pod sends to its neighbours by
 * link-local addresses is nothing of the world's. */
static void on_the_link(void **state)
{
	GIVEN(NODE_OF("worker", "10.0.0.0/16, 'fd00::/16'")
		      ENTITIES("in", "Accept", "ingress", "from: [{entities: [World]}]"));

	decided(t, DB, IN, "2001:db8::1", "tcp/80", "+segpol shop/in ingress[0]");
	denied(t, DB, IN, "fd00::8", "tcp/80");
	denied(t, DB, IN, "fe80::8", "tcp/80");
}

/* Nor does it hide there from a rule that refuses the world. */
static void nor_hidden(void **state)
{
	GIVEN(NODE_OF("worker", "10.0.0.0/16, 'fd00::/16'")
		      ENTITIES("in", "Deny", "ingress", "from: [{entities: [World]}]"));

	decided(t, DB, IN, "2001:db8::1", "tcp/80", "-segpol shop/in ingress[0]");
	decided(t, DB, IN, "fe80::8", "tcp/80", "+");
	assert_int_equal(w_row(t, DB, IN, "fe80::8")->action, BH_ALLOW | BH_HIDES_DENIED);
}

static void set_pod_cidrs(struct model *m, const char *a, const char *b)
{
	*(struct cidr *)vec_add(&m->pod_cidrs) = w_cidr(a);
	*(struct cidr *)vec_add(&m->pod_cidrs) = w_cidr(b);
}

/* Pods have addresses where no Node says it: those that nobody has heard of are of the cluster all the same.
 */
static void in_the_ranges_of_an_option(void **state)
{
	GIVEN(NODE_OF("worker", "10.244.0.0/24") ENTITIES("world", "Accept", "ingress",
							  "from: [{entities: [World]}], protocols: [{tcp: "
							  "{destinationPort: {number: 80}}}]")
		      ENTITIES(
			      "cluster", "Accept", "ingress",
			      "from: [{entities: [Cluster]}], protocols: [{tcp: {destinationPort: {number: 81}}}]")
			      POLICY("block", TO_DB ", ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8}}], "
						    "ports: [{port: 82}]}]"));
	struct tables *with;

	allowed(t, DB, IN, "10.5.0.1", "tcp/80");
	denied(t, DB, IN, "10.5.0.1", "tcp/81");
	denied(t, DB, IN, "10.244.0.9", "tcp/80");
	set_pod_cidrs(m, "10.0.0.0/8", "fd00::/16"); /* around the Node's */
	with = w_compile(m);
	denied(with, DB, IN, "10.5.0.1", "tcp/80");
	allowed(with, DB, IN, "10.5.0.1", "tcp/81");
	denied(with, DB, IN, "10.244.0.9", "tcp/80");
	allowed(with, DB, IN, "10.244.0.9", "tcp/81");
	denied(with, DB, IN, "fd00::99", "tcp/80");
	allowed(with, DB, IN, "fd00::99", "tcp/81");
	allowed(with, DB, IN, "fd01::99", "tcp/80");
	allowed(with, DB, IN, "11.0.0.1", "tcp/80");
	allowed(with, DB, IN, "10.5.0.1", "tcp/82"); /* a block is about addresses, whoever has them */
	tables_free(with);
}

/* As a Node says them: inside of its range, or just that. */
static void twice_said(void **state)
{
	GIVEN(NODE_OF("worker", "10.0.0.0/16")
		      ENTITIES("in", "Accept", "ingress", "from: [{entities: [World]}]"));
	struct tables *with;

	denied(t, DB, IN, "10.0.7.1", "tcp/80");
	set_pod_cidrs(m, "10.0.0.0/16", "10.0.7.0/24");
	with = w_compile(m);
	denied(with, DB, IN, "10.0.7.1", "tcp/80");
	denied(with, DB, IN, "10.0.8.1", "tcp/80");
	allowed(with, DB, IN, "10.1.0.1", "tcp/80");
	tables_free(with);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(on_the_link),
		cmocka_unit_test(nor_hidden),
		cmocka_unit_test(in_the_ranges_of_an_option),
		cmocka_unit_test(twice_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
