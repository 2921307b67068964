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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(on_the_link),
		cmocka_unit_test(nor_hidden),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
