/* SPDX-License-Identifier: Apache-2.0 */
/* The orders by key in which the mirror keeps its vectors; shared by actual.c and delta.c alone. */
#ifndef BH_POLICY_KEYS_H
#define BH_POLICY_KEYS_H

#include <stdint.h>

int key_u32(uint32_t a, uint32_t b);
int key_id(const void *a, const void *b);	/* struct bh_id_key, or a struct that starts with one */
int key_row(const void *a, const void *b);	/* struct bh_row_key, likewise */
int key_location(const void *a, const void *b); /* struct actual_location */

#endif
