/* SPDX-License-Identifier: Apache-2.0 */
/* What every file behind delta_plan() needs: steps, small vectors, birth and death of the work. */
#include "policy/work.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/most.h"

struct step *work_step(struct work *w, enum step_kind kind)
{
	struct step *s = vec_add(&w->plan->steps);

	if (s)
		s->kind = kind;
	return s;
}

int work_word(struct work *w, enum step_kind kind, uint32_t slot, uint32_t word)
{
	struct step *s = work_step(w, kind);

	if (!s)
		return -ENOMEM;
	s->word.slot = slot;
	s->word.word = word;
	return 0;
}

int work_grace(struct work *w)
{
	return work_step(w, STEP_GRACE) ? 0 : -ENOMEM;
}

int work_u32(void *vec, uint32_t value)
{
	VEC(uint32_t) *v = vec;
	uint32_t *slot = vec_add(v);

	if (!slot)
		return -ENOMEM;
	*slot = value;
	return 0;
}

int work_cmp_u32(const void *a, const void *b)
{
	return key_u32(*(const uint32_t *)a, *(const uint32_t *)b);
}

int work_cmp_pair(const void *a, const void *b)
{
	const struct pair *x = a, *y = b;

	return x->from != y->from ? key_u32(x->from, y->from) : key_u32(x->to, y->to);
}

bool work_holds(const void *vec, uint32_t value)
{
	const VEC(uint32_t) *v = vec;

	return vec_find(v, &value, work_cmp_u32) != NULL;
}

uint32_t work_word_of(const struct work *w, const struct table_endpoint *e)
{
	return e->set < 0 ? 0 : w->set_word[e->set];
}

/* ---- what has no room ----------------------------------------------------------------------- */

/* Ids begin at 1, and ranges, so that 0 is none. */
static uint32_t room(const struct actual_sizes *size, enum work_map map)
{
	switch (map) {
	case MAP_ENDPOINTS:
		return BH_EP_SLOTS;
	case MAP_ADDRS:
		return size->addrs;
	case MAP_CIDRS:
		return size->cidrs;
	case MAP_CLASSES:
		return size->classes;
	case MAP_ROWS:
		return size->rows;
	case MAP_RANGES:
		return size->ranges - 1;
	case MAP_RULES:
		return size->rules - 1;
	case MAP_IDS:
		return size->ids;
	}
	return 0;
}

int work_full(struct work *w, enum work_map map, uint64_t need)
{
	/* counts: what a policy has, where it is not what the map holds; NULL: none has any */
	static const struct {
		const char *map, *holds, *counts;
		enum most most;
	} maps[] = {
		[MAP_ENDPOINTS] = { "bh_endpoints", "interfaces of pods", NULL, 0 },
		[MAP_ADDRS] = { "bh_addrs", "addresses of pods, nodes and Services", "", MOST_ADDRS },
		[MAP_CIDRS] = { "bh_cidrs", "blocks", "", MOST_BLOCKS },
		[MAP_CLASSES] = { "bh_classes", "addresses and blocks", " addresses", MOST_ADDRS },
		[MAP_ROWS] = { "bh_rows", "verdict rows", "", MOST_ROWS },
		[MAP_RANGES] = { "bh_ranges", "port ranges", "", MOST_RANGES },
		[MAP_RULES] = { "bh_rules", "rules", "", MOST_RULES },
		[MAP_IDS] = { "bh_ids", "ids", " verdict rows", MOST_ROWS },
	};
	const struct net_policy *most = NULL;
	const uint32_t have = room(&w->actual->size, map);
	char who[POLICY_TEXT + 64] = "", needed[32] = "more are";
	char text[POLICY_TEXT];
	uint32_t n;

	if (w->model && maps[map].counts)
		most = policy_most(w->model, w->wanted, maps[map].most, &n);
	if (most)
		(void)snprintf(who, sizeof(who), "; most by policy %s: %u%s", net_policy_text(most, text), n,
			       maps[map].counts);
	if (need > have)
		(void)snprintf(needed, sizeof(needed), "%llu", (unsigned long long)need);
	return bh_err_set(w->err, -ENOSPC, "map %s has room for %u %s, %s needed%s", maps[map].map, have,
			  maps[map].holds, needed, who);
}

/* ---- birth and death ------------------------------------------------------------------------ */

/* What content there is and will be. */
static int init_content(struct work *w)
{
	const struct actual_sizes *size = &w->actual->size;

	w->ids = ids_new(w->actual);
	w->rule_id = calloc(w->wanted->rules.n + 1, sizeof(uint32_t));
	w->set_word = calloc(w->wanted->sets.n + 1, sizeof(uint32_t));
	w->ep_used = calloc(BH_EP_SLOTS, 1);
	w->ranges = calloc(size->ranges, sizeof(*w->ranges));
	if (!w->ids || !w->rule_id || !w->set_word || !w->ep_used || !w->ranges)
		return -ENOMEM;
	memcpy(w->ranges, w->actual->ranges, size->ranges * sizeof(*w->ranges));
	return 0;
}

int work_init(struct work *w, const struct tables *wanted, const struct actual *actual)
{
	size_t i;

	w->wanted = wanted;
	w->actual = actual;
	w->epoch = actual->epoch;
	w->row_count = (uint32_t)actual->rows.n;
	w->patch = wanted->from && wanted->from == actual->settled;
	w->plan = calloc(1, sizeof(*w->plan));
	w->class_id = calloc(wanted->classes.n + 1, sizeof(uint32_t));
	w->slot_used = calloc(actual->size.classes, 1);
	w->stays = calloc(actual->size.classes, 1);
	if (!w->plan || !w->class_id || !w->slot_used || !w->stays || (!w->patch && init_content(w) < 0))
		return -ENOMEM;
	for (i = 0; i < actual->locations.n; i++) {
		w->slot_used[actual->locations.v[i].slot] = 1;
		*(actual->locations.v[i].is_block ? &w->cidrs : &w->addrs) += 1;
	}
	return 0;
}

void work_done(struct work *w)
{
	plan_free(w->plan);
	ids_free(w->ids);
	free(w->rule_id);
	free(w->class_id);
	free(w->set_word);
	free(w->slot_used);
	free(w->stays);
	free(w->ep_used);
	if (!w->patch) { /* else the mirror's */
		free(w->ranges);
		vec_done(&w->rows);
	}
	vec_done(&w->keep);
	vec_done(&w->passing);
	vec_done(&w->passing_ids);
	vec_done(&w->moves);
	vec_done(&w->pairs);
	vec_done(&w->flips);
	vec_done(&w->live);
	vec_done(&w->settled);
}
