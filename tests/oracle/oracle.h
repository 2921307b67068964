/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The oracle: what NetworkPolicy and ClusterNetworkPolicy say about one packet, read off the objects as
 * slowly and obviously as possible. Shares no code with the compiler: own selectors, own CIDR arithmetic, no
 * classes, no tables. Where the API leaves a question open, the answer is ours and stands here in words.
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
	ORACLE_OPEN,	/* no policy isolates the pod in this direction, and no rule decides */
	ORACLE_DENIED,
	ORACLE_ALLOWED,
};

enum oracle_answer oracle_ask(const struct model *m, const struct oracle_flow *f);

/* Whether it goes to a Service's address, or to a port of this node that sends it on, and the backends are
 * asked in its place. */
bool oracle_is_service(const struct model *m, const struct oracle_flow *f);

/* Whether it ends at this node itself, which every pod may reach. */
bool oracle_is_to_node(const struct model *m, const struct oracle_flow *f);

/* Whether a cluster policy with rules for this direction applies to the pod. */
bool oracle_has_cluster_policy(const struct model *m, const struct oracle_flow *f);

/*
 * Whether several pods claim the address at the far end (or of a backend), or one that is not known, and this
 * pod has cluster policies that deny or pass. Which it is nobody can tell: what is denied then is more than
 * what the API's words deny, and oracle_ask() is not the answer. What is allowed must be allowed whoever it
 * is.
 */
bool oracle_is_in_doubt(const struct model *m, const struct oracle_flow *f);
bool oracle_allows_each(const struct model *m, const struct oracle_flow *f);

/* Whether some rule decided: false where isolation did, or nothing. Not for Services. */
bool oracle_has_rule(const struct model *m, const struct oracle_flow *f);

/* Whether this rule decides so, and no other before it; of a Service, about one of its backends at least. */
bool oracle_rule_decides(const struct model *m, const struct oracle_flow *f, const struct net_policy *np,
			 uint32_t index, bool allowed);

#endif
