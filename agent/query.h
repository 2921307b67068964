/* SPDX-License-Identifier: Apache-2.0 */
/* What bh_explain is asked. */
#ifndef BH_AGENT_QUERY_H
#define BH_AGENT_QUERY_H

#include <stdbool.h>
#include <stdint.h>

#include "../bpf/abi.h"
#include "util/addr.h"

bool query_has_ports(uint8_t proto); /* TCP, UDP, SCTP */

/* What rules ask about it, as bh_range has it: BH_PORT() or BH_ICMP(). */
uint32_t query_key(const struct bh_query *q);

/* The first packet of a flow that is opened in @dir at an interface; @port: the destination's, host byte
 * order, of no meaning where @proto has none. */
struct bh_query query_of(uint32_t ifindex, enum bh_dir dir, const struct addr *local,
			 const struct addr *remote, uint8_t proto, uint16_t port);

#endif
