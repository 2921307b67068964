/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The oracle: what policies of every kind say about one packet, read off the objects as slowly and obviously
 * as possible. Shares no code with the compiler: own selectors, own CIDR arithmetic, no classes, no tables.
 * Where the API leaves a question open, the answer is ours and stands here in words.
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
	uint16_t sport, dport; /* 0 where the protocol has none; of ICMP dport is type << 8 | code */
};

enum oracle_answer {
	ORACLE_UNKNOWN, /* whose interface this is nobody can tell: isolated */
	ORACLE_OPEN,	/* no policy isolates the pod in this direction, and no rule decides */
	ORACLE_DENIED,
	ORACLE_ALLOWED,
	ORACLE_AUDITED, /* allowed, but denied if it were not for audit */
};

enum oracle_answer oracle_ask(const struct model *m, const struct oracle_flow *f);

/* Whether it goes to a Service's address, or to a port of this node that sends it on, and the backends are
 * asked in its place. */
bool oracle_is_service(const struct model *m, const struct oracle_flow *f);

/* Whether it ends at this node itself, which every pod may reach. */
bool oracle_is_to_node(const struct model *m, const struct oracle_flow *f);

/* Whether a policy with rules that have actions applies to the pod in this direction. */
bool oracle_has_rules(const struct model *m, const struct oracle_flow *f);

/*
 * Whether several pods claim the address at the far end (or of a backend), or one that is not known, and this
 * pod has rules that deny or pass pods. Which it is nobody can tell: what is denied then is more than what
 * the API's words deny, and oracle_ask() is not the answer. What is allowed must be allowed whoever it is;
 * that is what oracle_ask_each() says.
 */
bool oracle_is_in_doubt(const struct model *m, const struct oracle_flow *f);
enum oracle_answer oracle_ask_each(const struct model *m, const struct oracle_flow *f);

/* Whether the answer is right, in doubt or not. Open and allowed are one. */
bool oracle_may_say(const struct model *m, const struct oracle_flow *f, enum oracle_answer answer);

/* Whether some rule is behind this answer: false where isolation is, or nothing. Not for Services. */
bool oracle_has_rule(const struct model *m, const struct oracle_flow *f, enum oracle_answer answer);

/* Whether this rule decides so, and no other before it; of a Service, about one of its backends at least. */
bool oracle_rule_decides(const struct model *m, const struct oracle_flow *f, const struct net_policy *np,
			 uint32_t index, enum oracle_answer answer);

#endif
