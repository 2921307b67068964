/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the holder of the Lease does: follows the nodes' reports and the statuses of policies, and writes
 * those that are to be written, a few at a time. It lives as long as the Lease is ours.
 */
#ifndef BH_GATHERER_H
#define BH_GATHERER_H

#include "kube/decode.h"
#include "leader.h"

struct gatherer;

struct gatherer *gatherer_new(struct agent *a); /* NULL: no memory */
void gatherer_free(struct gatherer *g);

/* As leader_change() and leader_changed(). */
void gatherer_change(struct gatherer *g, enum object_kind kind, const void *old, const void *new);
void gatherer_changed(struct gatherer *g);

void gatherer_stats(const struct gatherer *g, struct leader_stats *ret);

#endif
