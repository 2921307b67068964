/* SPDX-License-Identifier: Apache-2.0 */
/* Look-ups over compiled tables, and their end. */
#include "policy/policy.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policy/order.h"
#include "util/share.h"

struct tables *tables_hold(struct tables *t)
{
	t->holders++;
	return t;
}

static void free_rows(struct tables *t)
{
	vec_done(&t->classes);
	vec_done(&t->rows);
	vec_done(&t->ranges);
	free(t->row_sharers);
}

static void free_others(struct tables *t)
{
	size_t i;

	for (i = 0; i < t->rules.n; i++)
		free(t->rules.v[i].name);
	for (i = 0; i < t->sets.n; i++)
		vec_done(&t->sets.v[i].policies);
	vec_done(&t->rules);
	vec_done(&t->sets);
	vec_done(&t->contested);
	free(t->sharers);
}

void tables_free(struct tables *t)
{
	if (!t || t->holders--)
		return;
	vec_done(&t->endpoints);
	vec_done(&t->locations);
	vec_done(&t->moved);
	vec_done(&t->node_ports);
	if (share_drop(t->row_sharers))
		free_rows(t);
	if (share_drop(t->sharers))
		free_others(t);
	free(t);
}

int policy_index_cmp(const void *a, const void *b)
{
	return policy_order(*(const uint32_t *)a, *(const uint32_t *)b);
}

int policy_row_cmp(const void *a, const void *b)
{
	const struct table_row *x = a, *y = b;
	int r = policy_order(x->set, y->set);

	r = r ? r : policy_order(x->class, y->class);
	return r ? r : policy_order(x->dir, y->dir);
}

int policy_location_cmp(const void *a, const void *b)
{
	const struct table_location *x = a, *y = b;

	if (x->is_block != y->is_block)
		return x->is_block ? 1 : -1;
	return cidr_cmp(&x->cidr, &y->cidr);
}

struct cidr policy_cidr_of(const struct addr *a, unsigned int len)
{
	struct cidr ret = { .len = (uint8_t)len };

	memcpy(ret.addr.b, a->b, len / 8);
	if (len % 8)
		ret.addr.b[len / 8] = a->b[len / 8] & (uint8_t)(0xff00 >> len % 8);
	return ret;
}

const struct table_row *tables_row(const struct tables *t, uint32_t set, uint32_t class, uint32_t dir)
{
	struct table_row key = { .set = set, .class = class, .dir = dir };
	const struct table_row *row = vec_find(&t->rows, &key, policy_row_cmp);

	if (!row) {
		key.class = BH_CLASS_NONE;
		row = vec_find(&t->rows, &key, policy_row_cmp);
	}
	assert(row);
	return row;
}

int policy_add_addrs(void *vec, const struct addr *v, size_t n)
{
	VEC(struct addr) *to = vec;
	struct addr *slot;
	size_t i;

	for (i = 0; i < n; i++) {
		slot = vec_add(to);
		if (!slot)
			return -ENOMEM;
		*slot = v[i];
	}
	return 0;
}

const struct table_range *tables_range(const struct tables *t, const struct table_row *row, uint32_t port)
{
	const struct table_range *v = t->ranges.v + row->first;
	size_t lo = 0, hi = row->n;

	while (lo < hi) {
		const size_t mid = lo + (hi - lo) / 2;

		if (port < v[mid].first)
			hi = mid;
		else if (port > v[mid].last)
			lo = mid + 1;
		else
			return &v[mid];
	}
	return NULL;
}

const struct table_location *tables_location(const struct tables *t, const struct addr *a)
{
	const struct table_location key = { .cidr = { .addr = *a, .len = 128 } };

	return vec_find(&t->locations, &key, policy_location_cmp);
}

uint32_t tables_block_class(const struct tables *t, const struct addr *a)
{
	struct table_location key = { .is_block = true };
	const struct table_location *at = NULL;
	const int shortest = policy_shortest(a);
	int len;

	if (!t->locations.n || !t->locations.v[t->locations.n - 1].is_block) /* they come last */
		return BH_CLASS_NONE;
	for (len = 128; !at && len >= shortest; len--) {
		key.cidr = policy_cidr_of(a, (unsigned int)len);
		at = vec_find(&t->locations, &key, policy_location_cmp);
	}
	return at ? at->class : BH_CLASS_NONE;
}

uint32_t tables_class(const struct tables *t, const struct addr *a, bool *ret_node)
{
	const struct table_location *at = tables_location(t, a);

	if (ret_node)
		*ret_node = at && at->is_node;
	return at ? at->class : tables_block_class(t, a);
}
