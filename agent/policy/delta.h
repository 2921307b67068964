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
	struct bh_id_key key;
	struct bh_id id;
	bool dead;
};

struct actual_location {
	struct cidr cidr; /* exact addresses: len 128 */
	bool is_block;
	uint32_t slot; /* index into words[] */
	bool dead;
};

struct actual_row {
	struct bh_row_key key;
	struct bh_row row;
	bool dead;
};

/* How many entries each map takes. */
struct actual_sizes {
	uint32_t addrs, cidrs, classes, rows, ranges, rules, ids;
};

/*
 * A mirror of the maps: read from them once (dataplane/), then kept by actual_apply(). The vectors
 * are sorted, by key and by (is_block, cidr), up to their sorted_*; actual_apply() appends behind that and
 * marks deletions as dead, actual_sort() brings all in order again.
 */
struct actual {
	struct actual_sizes size;
	uint32_t epoch;	  /* bh_meta.epoch */
	uint64_t settled; /* tables.run of those that it holds, no more and no less; 0: of none */
	VEC(struct actual_id) ids;
	VEC(struct actual_location) locations;
	VEC(struct actual_row) rows;
	size_t sorted_ids, sorted_locations, sorted_rows;
	uint32_t *words;	       /* bh_classes: size.classes of them */
	struct bh_range *ranges;       /* bh_ranges: size.ranges of them */
	struct bh_endpoint *endpoints; /* bh_endpoints: BH_EP_SLOTS of them; their slices are not followed */
};

/* NULL: no memory. Fill the vectors in any order, then actual_sort(). */
struct actual *actual_new(const struct actual_sizes *size);
void actual_free(struct actual *a);
void actual_sort(struct actual *a);

/* ---- the steps ---------------------------------------------------------------------------- */

enum step_kind {
	STEP_GRACE,  /* wait until every reader that runs now has finished */
	STEP_ID_SET, /* bh_ids[key] = id */
	STEP_ID_DEL,
	STEP_RANGE, /* bh_ranges[index] = range */
	STEP_ROW_SET,
	STEP_ROW_DEL,
	STEP_CLASS_WORD, /* bh_classes[slot] = word: one aligned store */
	STEP_ADDR_SET,	 /* bh_addrs[addr] = slot: a key that was not there */
	STEP_ADDR_DEL,
	STEP_CIDR_SET,
	STEP_CIDR_DEL,
	STEP_EP_NEW,   /* whole slot, ifindex stored last */
	STEP_EP_SET,   /* endpoint[slot].policy_set = word: one aligned store */
	STEP_EP_FLAGS, /* endpoint[slot].flags = word: one store */
	STEP_EP_EPOCH, /* meta.epoch = word, then endpoint[slot].epoch = word */
	STEP_EP_DEL,   /* endpoint[slot].ifindex = 0 */
};

struct step {
	enum step_kind kind;
	union {
		struct {
			struct bh_id_key key;
			struct bh_id id;
		} id;
		struct {
			uint32_t index;
			struct bh_range range;
		} range;
		struct actual_row row;
		struct {
			uint32_t slot, word;
		} word; /* CLASS_WORD, EP_SET, EP_EPOCH, EP_DEL */
		struct {
			struct cidr cidr;
			uint32_t slot;
		} location; /* ADDR_*, CIDR_* */
		struct {
			uint32_t slot;
			struct bh_endpoint ep;
		} ep;
	};
};

struct plan {
	VEC(struct step) steps;
	size_t losers; /* endpoints whose epoch is raised */
	bool again;    /* a second pass is due: call delta_plan() once more after this one */
};

/**
 * delta_plan() - the steps from @actual to @wanted.
 * @model: what @wanted was made from, or has become since; NULL: err names no policy.
 * @err: names the map that would not hold it, what it would have to hold, and the policy that takes most of
 * it.
 *
 * If @wanted differs from what @actual settled at by tables.moved alone, the steps are the same ones, and
 * cost what moves.
 *
 * Return: 0 (no steps: nothing to do), -ENOSPC a map is too small: nothing may be changed, what is in
 * force stays; -ENOMEM.
 */
int delta_plan(const struct tables *wanted, const struct actual *actual, const struct model *model,
	       struct plan **ret, struct bh_err *err);
void plan_free(struct plan *p);

/* Brings @actual to where the maps are after @step; call actual_sort() once the plan is through, and
 * actual_settle() if no other is due. Return: 0 or -ENOMEM. */
int actual_apply(struct actual *a, const struct step *step);
void actual_settle(struct actual *a, const struct tables *wanted);

/* The decisions that the programs would take from a sorted @a: what holds for (policy_set, class,
 * dir), NULL where the table is broken (BH_NO_ROW); and the class word of an address. */
const struct bh_row *actual_row(const struct actual *a, uint32_t policy_set, uint32_t class, uint32_t dir);
uint32_t actual_word(const struct actual *a, const struct addr *addr, bool with_cidr);

/* What an id is called, NULL if it is not in use. */
const struct hash128 *actual_hash(const struct actual *a, uint32_t kind, uint32_t id);

#endif
