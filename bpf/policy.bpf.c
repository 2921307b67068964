// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The entry points. bh_from_pod runs on tc ingress of the host side of a pod's veth, bh_to_pod on its
 * egress; "allowed" is TC_ACT_UNSPEC, so whatever else is on the hook runs too. bh_explain is attached
 * nowhere: a test run of it asks what the other two would say.
 */
#include "path.h"

char _license[] SEC("license") = "Dual BSD/GPL";

SEC("tc")
int bh_from_pod(struct __sk_buff *skb)
{
	return handle(skb, BH_EGRESS);
}

SEC("tc")
int bh_to_pod(struct __sk_buff *skb)
{
	return handle(skb, BH_INGRESS);
}

SEC("tc")
int bh_explain(struct __sk_buff *skb)
{
	return explain(skb);
}
