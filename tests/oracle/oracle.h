/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The oracle: what NetworkPolicy says about one packet, read off the objects as slowly and obviously
 * as possible. Shares no code with the compiler: own selectors, own CIDR arithmetic, no classes, no
 * tables. Where the API leaves a question open, the answer is ours and stands here in words.
 */
#ifndef TESTS_ORACLE_ORACLE_H
#define TESTS_ORACLE_ORACLE_H

#include <stdbool.h>
#include <stdint.h>

#include "model/model.h"

/* The first packet of a flow, seen at one pod's interface. */
struct oracle_flow {
	uint32_t ifindex; /* of the pod whose policies are asked */
	int dir;	  /* DIR_INGRESS: that pod is the destination */
	struct addr src, dst;
	uint8_t proto;
	uint16_t sport, dport; /* 0 where the protocol has none */
};

enum oracle_answer {
	ORACLE_UNKNOWN, /* whose interface this is nobody can tell: isolated */
	ORACLE_OPEN,	/* no policy isolates the pod in this direction */
	ORACLE_DENIED,
	ORACLE_ALLOWED,
};

enum oracle_answer oracle_ask(const struct model *m, const struct oracle_flow *f);

/* Whether it goes to a Service's address, and the backends are asked in its place. */
bool oracle_is_service(const struct model *m, const struct oracle_flow *f);

/* Whether this one rule applies to the pod and allows the flow; of a Service, to one of its backends. */
bool oracle_rule_allows(const struct model *m, const struct oracle_flow *f, const struct net_policy *np,
			uint32_t index);

#endif
