/* SPDX-License-Identifier: Apache-2.0 */
/* Random clusters, so small and dense that everything collides: names, labels, addresses, ports. */
#ifndef TESTS_ORACLE_CLUSTER_H
#define TESTS_ORACLE_CLUSTER_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "model/model.h"
#include "oracle.h"

struct dice {
	uint64_t state;
};

struct dice dice_seeded(void);			/* by BH_SEED, else by the time; says by what */
uint32_t dice_roll(struct dice *d, uint32_t n); /* 0..n-1 */
bool dice_chance(struct dice *d, uint32_t percent);

struct model *cluster_new(struct dice *d);
void cluster_change(struct model *m, struct dice *d);	      /* one object is replaced or goes */
void cluster_change_service(struct model *m, struct dice *d); /* or a slice of one */
void cluster_flow(const struct model *m, struct dice *d, struct oracle_flow *ret);

/* All objects as manifests; the interfaces as comments. */
void cluster_print(const struct model *m, FILE *out);

/* Takes out of the cluster what is not needed for @wrong to say yes, as it does of the whole. */
typedef bool wrong_fn(const struct model *m, void *ctx);
void cluster_shrink(struct model *m, wrong_fn *wrong, void *ctx);

#endif
