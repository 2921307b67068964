/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Why so many flows were denied: the closest rule (closest.h) for one after the other, at a bounded cost.
 * What was asked is remembered until the model changes, and looking for more takes no more than its share of
 * the time: a flood of denials to ever new ports finds the agent as quick as before.
 */
#ifndef BH_AGENT_WHY_H
#define BH_AGENT_WHY_H

#include <stdbool.h>
#include <stdint.h>

#include "../bpf/abi.h"
#include "policy/nearest.h"

struct behind;
struct json_object;
struct why;

#define WHY_KEPT     1024	 /* answers that are remembered */
#define WHY_BURST_NS 200000000ll /* after a while without questions, as long as that at once */
#define WHY_SHARE    50		 /* else one part in so many of the time: 2 % of a core */

/* @now_ns: what says the time, clock_ns() but for tests. Return: NULL: no memory. */
struct why *why_new(uint64_t (*now_ns)(void));
void why_free(struct why *w);

/* The flow that the program was asked about, but for its pod; of a Service the first backend that is in the
 * way is meant, at its own port. Return: whether a rule may be near: it was denied, or audited, by policy. */
bool why_flow(const struct bh_query *asked, const struct behind *b, struct near_flow *ret);

/* @change: grows with each change of @m. Return: whether it was looked for; then *ret is as of
 * closest_rule(), the caller's. */
bool why_closest(struct why *w, const struct model *m, uint64_t change, const struct near_flow *f,
		 struct json_object **ret);

#endif
