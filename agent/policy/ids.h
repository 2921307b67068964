/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which small numbers are in use for which content: given content keeps its id, new content gets one
 * that has been free the longest. Used by delta.c alone.
 */
#ifndef BH_POLICY_IDS_H
#define BH_POLICY_IDS_H

#include <stdint.h>

#include "policy/delta.h"

struct ids;

struct ids *ids_new(const struct actual *a); /* NULL: no memory */
void ids_free(struct ids *ids);

/* Return: 1 known (*ret is its id; for a slice its base), 0 not. */
int ids_find(const struct ids *ids, uint32_t kind, const struct hash128 *hash, uint32_t *ret);

/**
 * ids_take() - a free id for new content.
 * @len: BH_ID_SLICE: how many ranges; else 0.
 * Return: 0, -ENOSPC none of that kind is free, or no ids_left(); -ENOMEM.
 */
int ids_take(struct ids *ids, uint32_t kind, const struct hash128 *hash, uint32_t len, uint32_t *ret);

/* Free entries of bh_ids, and of bh_ranges: those may lie apart. */
uint32_t ids_left(const struct ids *ids);
uint32_t ids_left_ranges(const struct ids *ids);

#endif
