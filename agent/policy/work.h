/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A plan in the making: what the files behind delta_plan() share. Each of them finds out one thing
 * (work_content.c ids and rows, work_moves.c addresses, work_endpoints.c interfaces, work_transition.c
 * what is needed while both worlds can be seen); delta.c puts the steps in order.
 */
#ifndef BH_POLICY_WORK_H
#define BH_POLICY_WORK_H

#include "policy/delta.h"
#include "policy/ids.h"
#include "policy/keys.h"
#include "policy/rows.h"

/* One location on its way from one class word to another. */
struct move {
	struct cidr cidr;
	bool is_block, insert, remove;
	uint32_t slot;
	uint32_t from, to; /* words */
	uint32_t via;	   /* word of the transitional class; used if the plan has them */
};

/* A distinct pair of classes that some address has before and after. */
struct pair {
	uint32_t from, to; /* class ids */
	uint32_t via;	   /* transitional class id */
};

/* A live endpoint that stays, gets another policy set, or goes. */
struct flip {
	uint32_t slot;
	uint32_t from, to; /* policy-set words */
	uint32_t via;	   /* what is stored in this plan: to, or its alias */
	uint8_t flags;	   /* to be */
	bool reflag;	   /* they differ from those of now */
	bool gone;	   /* leaves the map */
	bool replaced;	   /* gone, but a new slot serves the same interface */
	bool loses;	   /* some allow goes: its epoch must rise */
};

struct work {
	const struct model *model; /* whose policies those are; NULL: nobody is to be named */
	const struct tables *wanted;
	const struct actual *actual;
	struct plan *plan;
	struct bh_err *err;
	struct ids *ids;
	uint32_t *rule_id, *class_id, *set_word; /* by index into wanted */
	VEC(struct actual_row) rows;		 /* wanted, with ids; sorted */
	VEC(struct bh_id_key) keep;		 /* ids that stay; sorted when complete */
	VEC(struct bh_row_key) passing;		 /* rows of transitional classes, deleted at the end */
	VEC(struct bh_id_key) passing_ids;
	VEC(struct move) moves;
	VEC(struct pair) pairs; /* also (c, c) of what stays; sorted, unique */
	VEC(struct flip) flips; /* all live endpoints */
	VEC(uint32_t) live;	/* policy-set words of live endpoints; sorted, unique */
	VEC(uint32_t) settled;	/* wanted words; sorted */
	uint8_t *slot_used;	/* of bh_classes */
	uint8_t *stays;		/* by class id: (c, c) is among the pairs */
	uint32_t slot_next;
	uint8_t *ep_used;		  /* of bh_endpoints */
	struct bh_range *ranges;	  /* actual->ranges and what this plan adds */
	uint32_t addrs, cidrs, row_count; /* fill after the inserts of this plan */
	uint32_t epoch;
	bool transitional;
	bool patch; /* only tables.moved differ: work_patch() */
};

int work_init(struct work *w, const struct tables *wanted, const struct actual *actual);
void work_done(struct work *w);

/* ---- what has no room ------------------------------------------------------------------------- */

/* What a map holds, by map. */
enum work_map {
	MAP_ENDPOINTS,
	MAP_ADDRS,
	MAP_CIDRS,
	MAP_CLASSES,
	MAP_ROWS,
	MAP_RANGES,
	MAP_RULES,
	MAP_IDS,
};

/* @need: what it would have to hold; 0: nobody knows, but more than there is room for. Return: -ENOSPC; err
 * names the map and the policy that takes most of it, if policies do. */
int work_full(struct work *w, enum work_map map, uint64_t need);

/* ---- appending steps: 0 or -ENOMEM; work_step() NULL ---------------------------------------- */

struct step *work_step(struct work *w, enum step_kind kind);
int work_word(struct work *w, enum step_kind kind, uint32_t slot, uint32_t word);
int work_grace(struct work *w);
int work_row(struct work *w, const struct actual_row *row);

/* ---- what is found out, in this order: 0, -ENOSPC (err names the map), -ENOMEM --------------- */

int work_assign_ids(struct work *w);
int work_add_rows(struct work *w);
int work_find_moves(struct work *w);
int work_find_flips(struct work *w);
void work_find_losers(struct work *w);
int work_add_transitions(struct work *w);

/* Instead of all these, of a patch. */
int work_patch(struct work *w);

/* What becomes of a location that is now in the world before, in the one after, or both; else NULL. */
int work_move(struct work *w, const struct actual_location *have, const struct table_location *want);

/* The class that what has no location of its own has in the world after: index into wanted->classes. */
uint32_t work_class_around(const struct tables *t, const struct cidr *cidr, bool is_block);

/* ---- small helpers ---------------------------------------------------------------------------- */

/* The policy-set word that a wanted endpoint is to have; 0: isolated. */
uint32_t work_word_of(const struct work *w, const struct table_endpoint *e);

/* The row with exactly this key; @vec: a vector of struct actual_row, sorted. NULL: none. */
const struct bh_row *work_find_row(const void *vec, const struct bh_row_key *key);

int work_keep_id(struct work *w, uint32_t kind, uint32_t id);

/* A name for something that lives for this plan only: never the name of any content. */
int work_passing_id(struct work *w, uint32_t kind, uint32_t flags, uint32_t *ret);

/* @vec: VEC(uint32_t). work_holds() wants it sorted. */
int work_u32(void *vec, uint32_t value);
bool work_holds(const void *vec, uint32_t value);
int work_cmp_u32(const void *a, const void *b);
int work_cmp_pair(const void *a, const void *b); /* struct pair by from, to */

/* Sorts and drops repetitions. */
#define UNIQUE(vec, cmp)                                                                                     \
	do {                                                                                                 \
		size_t from_, to_ = 0;                                                                       \
                                                                                                             \
		vec_sort(vec, cmp);                                                                          \
		for (from_ = 0; from_ < (vec)->n; from_++)                                                   \
			if (!to_ || cmp(&(vec)->v[to_ - 1], &(vec)->v[from_]))                               \
				(vec)->v[to_++] = (vec)->v[from_];                                           \
		(vec)->n = to_;                                                                              \
	} while (0)

#endif
