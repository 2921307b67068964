/* SPDX-License-Identifier: Apache-2.0 */
#include "query.h"

#include <arpa/inet.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <string.h>

#define CLIENT_PORT 40000 /* of who opens; no rule looks at it */

bool query_has_ports(uint8_t proto)
{
	return proto == IPPROTO_TCP || proto == IPPROTO_UDP || proto == IPPROTO_SCTP;
}

uint32_t query_key(const struct bh_query *q)
{
	struct addr remote;
	bool is_v4;

	memcpy(remote.b, q->remote.w, sizeof(remote.b));
	is_v4 = addr_is_v4(&remote);
	if (query_has_ports(q->proto))
		return BH_PORT(q->proto, ntohs(q->dir == BH_EGRESS ? q->rport : q->lport));
	if (q->proto != (is_v4 ? IPPROTO_ICMP : IPPROTO_ICMPV6))
		return BH_PORT(q->proto, 0);
	if (q->flags & BH_Q_ICMP)
		return BH_PORT(q->proto, ntohs(q->rport));
	return BH_ICMP(q->proto, is_v4 ? ICMP_ECHO : ICMP6_ECHO_REQUEST, 0);
}

struct bh_query query_of(uint32_t ifindex, enum bh_dir dir, const struct addr *local,
			 const struct addr *remote, uint8_t proto, uint16_t port)
{
	struct bh_query q = { .ifindex = ifindex, .proto = proto, .dir = (uint8_t)dir };

	memcpy(q.local.w, local->b, sizeof(q.local.w));
	memcpy(q.remote.w, remote->b, sizeof(q.remote.w));
	if (query_has_ports(proto)) {
		q.lport = htons(dir == BH_EGRESS ? CLIENT_PORT : port);
		q.rport = htons(dir == BH_EGRESS ? port : CLIENT_PORT);
	}
	return q;
}
