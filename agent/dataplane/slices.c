/* SPDX-License-Identifier: Apache-2.0 */
/* First fit over one word a set: some microseconds for the largest array that we make by ourselves. */
#include "dataplane/slices.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#define SHARE  32 /* a newcomer gets at most this part of what is free */
#define MOST   4  /* one owner at most this part of the array */
#define SPARED 8  /* and nobody grows into this part */

static bool is_power_of_two(uint32_t n)
{
	return n && !(n & (n - 1));
}

int slices_init(struct slices *s, uint32_t n)
{
	assert(is_power_of_two(n));
	*s = (struct slices){ .n = n, .owner = calloc(n, sizeof(*s->owner)) };
	return s->owner ? 0 : -ENOMEM;
}

void slices_done(struct slices *s)
{
	free(s->owner);
	*s = (struct slices){ 0 };
}

static bool is_free(const struct slices *s, uint32_t base, uint32_t sets)
{
	uint32_t i;

	for (i = 0; i < sets; i++)
		if (s->owner[base + i])
			return false;
	return true;
}

void slices_hand(struct slices *s, uint32_t base, uint32_t sets, uint16_t owner)
{
	uint32_t i;

	for (i = base; i < base + sets; i++) {
		s->used += !!owner;
		s->used -= !!s->owner[i];
		s->owner[i] = owner;
	}
}

uint32_t slices_take(struct slices *s, uint32_t sets, uint16_t owner)
{
	uint32_t base;

	assert(is_power_of_two(sets));
	for (base = 0; sets <= s->n - base; base += sets)
		if (is_free(s, base, sets)) {
			slices_hand(s, base, sets, owner);
			return base;
		}
	return SLICES_NONE;
}

int slices_claim(struct slices *s, uint32_t base, uint32_t sets, uint16_t owner)
{
	if (!is_power_of_two(sets) || base & (sets - 1) || base >= s->n || sets > s->n - base)
		return -EINVAL;
	if (!is_free(s, base, sets))
		return -EEXIST;
	slices_hand(s, base, sets, owner);
	return 0;
}

uint32_t slices_first(const struct slices *s, uint32_t want)
{
	const uint32_t share = (s->n - s->used) / SHARE;
	uint32_t sets = 1;

	while (sets < want && sets * 2 <= share)
		sets *= 2;
	return sets;
}

uint32_t slices_larger(const struct slices *s, uint32_t have, uint32_t need)
{
	const uint32_t room = s->n - s->used, spared = s->n / SPARED;
	uint32_t sets = have;

	while (sets < need && sets * 2 <= s->n / MOST && sets * 2 + spared <= room)
		sets *= 2;
	return sets > have ? sets : 0;
}
