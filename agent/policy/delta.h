/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wanted x actual -> the steps that lead from one to the other, in the order that no reader can see
 * a mixture through. Pure. The one place where that order is decided; docs/architecture.md
 * ("Changing policy under traffic") says why it is so.
 */
#ifndef BH_POLICY_DELTA_H
#define BH_POLICY_DELTA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../../bpf/abi.h"
#include "policy/policy.h"
#include "util/err.h"
#include "util/vec.h"

/* ---- what the maps hold ------------------------------------------------------------------- */

struct actual_id {
	uint32_t kind, id;	/* enum bh_id_kind */
	struct hash128 hash;
	uint32_t len;		/* BH_ID_SLICE */
};

struct actual_location {
	struct cidr cidr;	/* exact addresses: len 128 */
	bool is_block;
	uint32_t slot;		/* index into bh_classes */
	uint32_t word;		/* what that holds: class and BH_CLASS_NODE */
};

struct actual_row {
	struct bh_row_key key;
	struct bh_row row;
};

struct actual_endpoint {
	uint32_t slot;
	struct bh_endpoint ep;
};

/* Limits: what the maps were made with. */
struct actual_sizes {
	uint32_t addrs, cidrs, classes, rows, ranges, rules, ids;
};

/* Sorted: ids by (kind, id), locations by (is_block, cidr), rows by key, endpoints by ifindex. */
struct actual {
	struct actual_sizes size;
	uint32_t epoch;		/* bh_meta.epoch */
	VEC(struct actual_id) ids;
	VEC(struct actual_location) locations;
	VEC(struct actual_row) rows;
	VEC(struct actual_endpoint) endpoints;
	struct bh_range *ranges;	/* size.ranges of them */
};

struct actual *actual_new(const struct actual_sizes *size);
void actual_free(struct actual *a);
void actual_sort(struct actual *a);	/* after filling it in any order */

/* ---- the steps ---------------------------------------------------------------------------- */

enum step_kind {
	STEP_GRACE,		/* wait until every reader that runs now has finished */
	STEP_ID_SET,		/* bh_ids[key] = id */
	STEP_ID_DEL,
	STEP_RANGE,		/* bh_ranges[index] = range */
	STEP_ROW_SET,
	STEP_ROW_DEL,
	STEP_CLASS_WORD,	/* bh_classes[slot] = word: one aligned store */
	STEP_ADDR_SET,		/* bh_addrs[addr] = slot: a key that was not there */
	STEP_ADDR_DEL,
	STEP_CIDR_SET,
	STEP_CIDR_DEL,
	STEP_EP_NEW,		/* whole slot, ifindex stored last */
	STEP_EP_SET,		/* endpoint[slot].policy_set = word: one aligned store */
	STEP_EP_EPOCH,		/* endpoint[slot].epoch = word, meta.epoch before it */
	STEP_EP_DEL,		/* endpoint[slot].ifindex = 0 */
};

struct step {
	enum step_kind kind;
	union {
		struct { struct bh_id_key key; struct bh_id id; } id;
		struct { uint32_t index; struct bh_range range; } range;
		struct actual_row row;
		struct { uint32_t slot, word; } word;			/* CLASS_WORD, EP_SET, EP_EPOCH, EP_DEL */
		struct { struct cidr cidr; uint32_t slot; } location;	/* ADDR_*, CIDR_* */
		struct { uint32_t slot; struct bh_endpoint ep; } ep;
	};
};

struct plan {
	VEC(struct step) steps;
	size_t losers;		/* endpoints whose epoch is raised */
	bool again;		/* a second pass is due: call delta_plan() once more after this one */
};

/**
 * delta_plan() - the steps from @actual to @wanted.
 * @err: names the map that would not hold it and by how much.
 *
 * Return: 0 (no steps: nothing to do), -ENOSPC a map is too small: nothing may be changed, what is in
 * force stays; -ENOMEM.
 */
int delta_plan(const struct tables *wanted, const struct actual *actual, struct plan **ret,
	       struct bh_err *err);
void plan_free(struct plan *p);

/* Brings @actual to where the maps are after @step. Return: 0 or -ENOMEM. */
int actual_apply(struct actual *a, const struct step *step);

/* What an id means in @actual, or 0 if it has no such content. */
uint32_t actual_id_of(const struct actual *a, uint32_t kind, const struct hash128 *hash);

/* The decision the programs would take from these tables; for tests and the self-check. */
const struct bh_row *actual_row_of(const struct actual *a, uint32_t policy_set, uint32_t class, uint32_t dir);
uint32_t actual_class_of(const struct actual *a, const struct addr *addr, bool with_cidr);	/* the word */

#endif
