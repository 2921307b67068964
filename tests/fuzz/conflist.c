// SPDX-License-Identifier: Apache-2.0
/*
 * A file of the node's CNI directory, written by anybody: our entry goes in and comes out, and nothing else
 * changes. The first byte says whether the file is a list.
 */
#include "fuzz.h"

#include <json-c/json.h>
#include <string.h>

#include "chain/conflist.h"

static const char entry[] = "{\"type\": \"bulkhead\", \"failMode\": \"closed\"}";

static struct buf empty(void)
{
	return BUF_INIT(2 * CONFLIST_MAX);
}

static struct conflist read_again(const struct buf *text)
{
	struct conflist c;
	struct bh_err err = {};

	fuzz_check(!conflist_read(text->data, text->len, true, &c, &err));
	return c;
}

static void check_list(const struct conflist *c)
{
	struct buf with = empty(), without = empty(), bare = empty();
	struct conflist put;

	fuzz_check(!conflist_put(c, entry, &with) && !conflist_take(c, &bare));
	put = read_again(&with);
	fuzz_check(conflist_state(&put, entry) == CONFLIST_RIGHT);
	fuzz_check(put.others == c->others && put.ours == 1);
	fuzz_check(!conflist_take(&put, &without));
	fuzz_check(without.len == bare.len && !memcmp(without.data, bare.data, bare.len));
	if (conflist_state(c, entry) == CONFLIST_ABSENT)
		fuzz_check(bare.len == c->len && !memcmp(bare.data, c->text, bare.len));
	conflist_done(&put);
	put = read_again(&bare);
	fuzz_check(conflist_state(&put, entry) == CONFLIST_ABSENT && put.others == c->others);
	conflist_done(&put);
	buf_done(&with);
	buf_done(&without);
	buf_done(&bare);
}

static void check_single(const struct conflist *c)
{
	struct buf text = empty();
	struct conflist list;

	fuzz_check(!conflist_wrap(c, entry, &text));
	list = read_again(&text);
	fuzz_check(conflist_state(&list, entry) == CONFLIST_RIGHT && list.plugins.parts.n == 2);
	fuzz_check(!strcmp(list.name, c->name) && conflist_wraps(&list, c));
	conflist_done(&list);
	buf_done(&text);
}

/* What the walk over the text takes, json-c takes, and finds as many members. */
static void check_parts(const char *text, size_t len)
{
	struct json_parts parts = {};
	struct json_tokener *t;
	struct json_object *o;
	struct bh_err err = {};
	size_t i;

	if (json_parts(text, len, &parts, &err)) {
		fuzz_check(!strncmp(err.msg, "line ", 5));
		return;
	}
	t = json_tokener_new_ex(JSON_DEPTH_MAX + 2);
	o = json_tokener_parse_ex(t, text, (int)len);
	fuzz_check(json_tokener_get_error(t) == json_tokener_success ||
		   json_tokener_get_error(t) == json_tokener_continue); /* a bare number may go on */
	fuzz_check(parts.at + parts.len <= len);
	if (json_object_is_type(o, json_type_array))
		fuzz_check(!parts.is_object && json_object_array_length(o) == parts.parts.n);
	for (i = 0; i < parts.parts.n; i++) {
		const struct json_part *p = &parts.parts.v[i];

		fuzz_check(p->at + p->len <= parts.at + parts.len && p->key + p->key_len <= p->at);
		(void)(parts.is_object && json_key_is(text, p, "plugins"));
	}
	json_object_put(o);
	json_tokener_free(t);
	json_parts_done(&parts);
}

void fuzz_one(const uint8_t *data, size_t len)
{
	const char *text = (const char *)data + 1;
	struct conflist c;
	struct bh_err err = {};

	if (!len)
		return;
	check_parts(text, len - 1);
	if (conflist_read(text, len - 1, data[0] & 1, &c, &err)) {
		fuzz_check(err.msg[0]);
		return;
	}
	fuzz_check(c.others && c.name[0] && c.main_type[0]);
	if (c.is_list)
		check_list(&c);
	else
		check_single(&c);
	conflist_done(&c);
}
