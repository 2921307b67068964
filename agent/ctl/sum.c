/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/sum.h"

#include <string.h>

#include "ctl/table.h"

const struct sum sum_of_rules = {
	.keys = (const char *const[]){ "rule", NULL },
	.counts = (const char *const[]){ "hits", "hit_bytes", "sessions", "packets", "bytes", NULL },
	.newest = (const char *const[]){ NULL },
};

/* ---- one ---------------------------------------------------------------------------------- */

static void key_of(struct json_object *item, const struct sum *sum, char *ret, size_t size)
{
	size_t i, n = 0;

	*ret = '\0';
	for (i = 0; sum->keys[i] && n < size; i++)
		n += (size_t)snprintf(ret + n, size - n, "%s\n", ctl_str(item, sum->keys[i]));
}

/* To @to what @from has counted. */
static void add_up(struct json_object *to, struct json_object *from, const char *const *fields)
{
	for (; *fields; fields++)
		json_object_object_add(to, *fields,
				       json_object_new_uint64(ctl_int(to, *fields) + ctl_int(from, *fields)));
}

void sum_take(struct json_object *all, struct json_object *item, const struct sum *sum)
{
	struct json_object *before;
	char key[1200]; /* a kind, a namespace and a name; a rule's name */
	uint64_t was, is;

	key_of(item, sum, key, sizeof(key));
	json_object_object_del(item, "node");
	before = ctl_get(all, key);
	if (!before) {
		json_object_object_add(all, key, json_object_get(item));
		return;
	}
	was = ctl_int(before, "generation");
	is = ctl_int(item, "generation");
	if (is <= was) {
		add_up(before, item, sum->counts);
		if (is == was)
			add_up(before, item, sum->newest);
		return;
	}
	add_up(item, before, sum->counts);
	json_object_object_add(all, key, json_object_get(item));
}

/* ---- all ---------------------------------------------------------------------------------- */

struct keyed {
	const char *key;
	struct json_object *item;
};

static int keyed_cmp(const void *a, const void *b)
{
	return strverscmp(((const struct keyed *)a)->key, ((const struct keyed *)b)->key);
}

struct json_object *sum_list(struct json_object *all)
{
	const size_t n = (size_t)json_object_object_length(all);
	struct json_object *list = json_object_new_array();
	struct keyed *v = calloc(n + 1, sizeof(*v));
	size_t i = 0;

	if (v && list) {
		json_object_object_foreach(all, key, item)
			v[i++] = (struct keyed){ key, item };
		qsort(v, n, sizeof(*v), keyed_cmp);
		for (i = 0; i < n; i++)
			(void)json_object_array_add(list, json_object_get(v[i].item));
	}
	free(v);
	return list;
}

struct taken {
	struct json_object *all;
	const struct sum *sum;
	void (*look)(struct json_object *item);
	unsigned int nodes; /* that have answered */
};

static int take(void *ctx, struct json_object *item)
{
	const struct taken *t = ctx;

	if (t->look)
		t->look(item);
	sum_take(t->all, item, t->sum);
	return 0;
}

static void take_node(void *ctx, struct json_object *line)
{
	struct taken *t = ctx;

	(void)line;
	t->nodes++;
}

int sum_table(const struct ctl *c, const char *op, const char *const *heads,
	      void (*row)(struct table *t, struct json_object *item), void (*look)(struct json_object *item),
	      const struct sum *sum, const char *none)
{
	struct taken t = { .sum = sum, .look = look };
	struct json_object *list;
	struct table *table;
	size_t i;
	int code;

	if (c->json || !ctl_remote(c))
		return ctl_list(c, op, heads, row, none);
	t.all = json_object_new_object();
	table = table_new(heads);
	if (!table || !t.all) {
		table_free(table);
		json_object_put(t.all);
		ctl_say("no memory");
		return CTL_UNREACHABLE;
	}
	code = ctl_answers(c, ctl_request(c, op), take, take_node, &t);
	list = sum_list(t.all);
	for (i = 0; i < ctl_length(list); i++) {
		struct json_object *item = json_object_array_get_idx(list, i);

		json_object_object_add(item, "nodes", json_object_new_uint64(t.nodes));
		row(table, item);
	}
	if (ctl_answered(code) && i)
		table_print(table, stdout, c->colours);
	else if (ctl_answered(code))
		ctl_say("%s", none);
	json_object_put(list);
	json_object_put(t.all);
	table_free(table);
	return code;
}
