/* SPDX-License-Identifier: Apache-2.0 */
/* Finding and giving ids. */
#include "policy/ids.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policy/keys.h"
#include "util/scope.h"

struct by_hash {
	uint32_t kind;
	struct hash128 hash;
	uint32_t id;
};

/* Ranges [base, base + len) of a slice. */
struct span {
	uint32_t base, len;
};

struct pool {
	uint32_t limit; /* ids are 1 .. limit - 1 */
	uint32_t next;	/* where to look first */
	uint8_t *used;
};

struct ids {
	uint32_t left;		   /* free entries of bh_ids */
	VEC(struct by_hash) known; /* sorted up to `sorted`, new ones behind */
	size_t sorted;
	VEC(struct span) spans; /* by base */
	struct pool pool[BH_ID_RULE + 1];
	uint32_t ranges;
};

static int order_hash(const void *a, const void *b)
{
	const struct by_hash *x = a, *y = b;

	return x->kind != y->kind ? key_u32(x->kind, y->kind) : hash128_cmp(&x->hash, &y->hash);
}

static int order_span(const void *a, const void *b)
{
	return key_u32(((const struct span *)a)->base, ((const struct span *)b)->base);
}

/* The number behind an id: a set's flags are no part of it. */
static uint32_t number(uint32_t kind, uint32_t id)
{
	return kind == BH_ID_SET ? BH_SET_ID(id) : id;
}

static int pool_init(struct pool *p, uint32_t limit)
{
	p->limit = limit;
	p->next = 1;
	p->used = calloc(limit, 1);
	return p->used ? 0 : -ENOMEM;
}

/* Begins behind the highest id in use: what was freed lately comes last. */
static void pool_mark(struct pool *p, uint32_t n)
{
	if (n >= p->limit)
		return;
	p->used[n] = 1;
	if (n >= p->next)
		p->next = n + 1;
}

static int pool_take(struct pool *p, uint32_t start, uint32_t *ret)
{
	uint32_t i;

	for (i = 0; i < p->limit; i++) {
		const uint32_t n = (start % p->limit + i) % p->limit;

		if (n && !p->used[n]) {
			p->used[n] = 1;
			p->next = n + 1;
			*ret = n;
			return 0;
		}
	}
	return -ENOSPC;
}

static int remember(struct ids *ids, uint32_t kind, const struct hash128 *hash, uint32_t id, uint32_t len)
{
	struct by_hash *h = vec_add(&ids->known);

	if (!h)
		return -ENOMEM;
	*h = (struct by_hash){ .kind = kind, .hash = *hash, .id = id };
	if (kind == BH_ID_SLICE) {
		struct span *s = vec_add(&ids->spans);

		if (!s)
			return -ENOMEM;
		*s = (struct span){ .base = id, .len = len };
	}
	return 0;
}

static int read_actual(struct ids *ids, const struct actual *a)
{
	size_t i;

	for (i = 0; i < a->ids.n; i++) {
		const struct actual_id *x = &a->ids.v[i];
		struct hash128 hash;
		int r;

		memcpy(hash.b, x->id.hash, sizeof(hash.b));
		r = remember(ids, x->key.kind, &hash, x->key.id, x->id.len);
		if (r < 0)
			return r;
		if (x->key.kind <= BH_ID_RULE && ids->pool[x->key.kind].used)
			pool_mark(&ids->pool[x->key.kind], number(x->key.kind, x->key.id));
	}
	vec_sort(&ids->known, order_hash);
	vec_sort(&ids->spans, order_span);
	ids->sorted = ids->known.n;
	return 0;
}

struct ids *ids_new(const struct actual *a)
{
	struct ids *ids = calloc(1, sizeof(*ids));

	if (!ids)
		return NULL;
	ids->left = a->size.ids > a->ids.n ? a->size.ids - (uint32_t)a->ids.n : 0;
	ids->ranges = a->size.ranges;
	if (pool_init(&ids->pool[BH_ID_CLASS], a->size.classes) < 0 ||
	    pool_init(&ids->pool[BH_ID_SET], a->size.rows) < 0 ||
	    pool_init(&ids->pool[BH_ID_RULE], a->size.rules) < 0 || read_actual(ids, a) < 0) {
		ids_free(ids);
		return NULL;
	}
	return ids;
}

void ids_free(struct ids *ids)
{
	size_t i;

	if (!ids)
		return;
	for (i = 0; i < ARRAY_SIZE(ids->pool); i++)
		free(ids->pool[i].used);
	vec_done(&ids->known);
	vec_done(&ids->spans);
	free(ids);
}

int ids_find(const struct ids *ids, uint32_t kind, const struct hash128 *hash, uint32_t *ret)
{
	const struct by_hash key = { .kind = kind, .hash = *hash };
	const struct by_hash *found = NULL;
	size_t i;

	if (ids->sorted)
		found = bsearch(&key, ids->known.v, ids->sorted, sizeof(key), order_hash);
	/* Only slices are asked for again within a plan: all other wanted content is unique. */
	for (i = ids->sorted; kind == BH_ID_SLICE && !found && i < ids->known.n; i++)
		if (!order_hash(&key, &ids->known.v[i]))
			found = &ids->known.v[i];
	if (!found)
		return 0;
	*ret = found->id;
	return 1;
}

/* First fit; index 0 stays unused, so that a base is never 0. */
static int take_span(struct ids *ids, uint32_t len, uint32_t *ret)
{
	uint32_t base = 1;
	size_t i;

	for (i = 0; i < ids->spans.n; i++) {
		const struct span *s = &ids->spans.v[i];

		if (s->base >= base && s->base - base >= len)
			break;
		base = s->base + s->len;
	}
	if (base > ids->ranges || ids->ranges - base < len)
		return -ENOSPC;
	*ret = base;
	return 0;
}

/* Sessions outlive rules and bear their ids: one that a rule had goes to another one by chance alone, and to
 * the same one when it comes back. */
static uint32_t start_of(const struct pool *p, uint32_t kind, const struct hash128 *hash)
{
	uint32_t n = p->next;

	if (kind == BH_ID_RULE)
		memcpy(&n, hash->b, sizeof(n));
	return n;
}

int ids_take(struct ids *ids, uint32_t kind, const struct hash128 *hash, uint32_t len, uint32_t *ret)
{
	uint32_t id;
	int r;

	if (!ids->left)
		return -ENOSPC;
	r = kind == BH_ID_SLICE ? take_span(ids, len, &id)
				: pool_take(&ids->pool[kind], start_of(&ids->pool[kind], kind, hash), &id);
	if (!r)
		r = remember(ids, kind, hash, id, len);
	if (r < 0)
		return r;
	if (kind == BH_ID_SLICE)
		vec_sort(&ids->spans, order_span);
	ids->left--;
	*ret = id;
	return 0;
}

uint32_t ids_left(const struct ids *ids)
{
	return ids->left;
}

uint32_t ids_left_ranges(const struct ids *ids)
{
	uint32_t left = ids->ranges - 1;
	size_t i;

	for (i = 0; i < ids->spans.n; i++)
		left -= ids->spans.v[i].len;
	return left;
}
