/* SPDX-License-Identifier: Apache-2.0 */
/* What --plugin-conf may say: a slip there must be found here, not by every pod's ADD. */
#include "chain/entry.h"

#include <errno.h>
#include <json-c/json.h>
#include <string.h>

#include "chain/json.h"
#include "util/scope.h"

#define OPTION	       "--plugin-conf"
#define TIMEOUT_MAX_MS 10000 /* as cni-plugin/netconf.c has it, the next too */
#define DIR_BYTES      96

static bool is_one_of(struct json_object *v, const char *const *words)
{
	for (; json_object_is_type(v, json_type_string) && *words; words++)
		if (!strcmp(json_object_get_string(v), *words))
			return true;
	return false;
}

static bool is_fail_mode(struct json_object *v)
{
	return is_one_of(v, (const char *const[]){ "closed", "isolate", "open", NULL });
}

static bool is_attach(struct json_object *v)
{
	return is_one_of(v, (const char *const[]){ "auto", "tcx", "clsact", NULL });
}

static bool is_texts(struct json_object *v)
{
	size_t i;

	if (!json_object_is_type(v, json_type_array))
		return false;
	for (i = 0; i < json_object_array_length(v); i++)
		if (!json_object_is_type(json_object_array_get_idx(v, i), json_type_string))
			return false;
	return true;
}

static bool is_timeout(struct json_object *v)
{
	return json_object_is_type(v, json_type_int) && json_object_get_int64(v) >= 1 &&
	       json_object_get_int64(v) <= TIMEOUT_MAX_MS;
}

static bool is_dir(struct json_object *v)
{
	return json_object_is_type(v, json_type_string) && json_object_get_string(v)[0] == '/' &&
	       json_object_get_string_len(v) < DIR_BYTES;
}

static const struct key {
	const char *name, *must_be;
	bool (*ok)(struct json_object *v);
} keys[] = {
	{ "failMode", "closed, isolate or open", is_fail_mode },
	{ "failOpenNamespaces", "a list of strings", is_texts },
	{ "timeoutMs", "a number from 1 to 10000", is_timeout },
	{ "attach", "auto, tcx or clsact", is_attach },
	{ "runDir", "an absolute path of under 96 bytes", is_dir },
	{ "pinDir", "an absolute path of under 96 bytes", is_dir },
};

static const struct key *find_key(const char *text, const struct json_part *p)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(keys); i++)
		if (json_key_is(text, p, keys[i].name))
			return &keys[i];
	return NULL;
}

static int add_member(const char *text, const struct json_part *p, struct json_object *root, bool *seen,
		      struct buf *ret, struct bh_err *err)
{
	const struct key *k = find_key(text, p);
	int r;

	if (!k)
		return bh_err_set(err, -EINVAL, OPTION ": unknown key %.*s", (int)p->key_len, text + p->key);
	if (seen[k - keys])
		return bh_err_set(err, -EINVAL, OPTION ": %s: given twice", k->name);
	if (!k->ok(json_object_object_get(root, k->name)))
		return bh_err_set(err, -EINVAL, OPTION ": %s: must be %s", k->name, k->must_be);
	seen[k - keys] = true;
	r = buf_fmt(ret, ", \"%s\": ", k->name);
	return r ? r : buf_add(ret, text + p->at, p->len);
}

static int add_members(const char *text, bool *seen, struct buf *ret, struct bh_err *err)
{
	auto_json_parts struct json_parts top = { 0 };
	struct json_object *root;
	struct bh_err why;
	size_t i;
	int r = json_parts(text, strlen(text), &top, &why);

	if (r < 0)
		return bh_err_set(err, r, OPTION ": %s", why.msg);
	if (!top.is_object)
		return bh_err_set(err, -EINVAL, OPTION ": not a JSON object");
	root = json_tokener_parse(text);
	for (i = 0; !r && i < top.parts.n; i++)
		r = add_member(text, &top.parts.v[i], root, seen, ret, err);
	json_object_put(root);
	return r;
}

static int add_dir(const char *name, const char *dir, bool *seen, struct buf *ret)
{
	struct json_object *o;
	size_t i;
	int r = -ENOMEM;

	for (i = 0; strcmp(keys[i].name, name);)
		i++;
	if (!dir || seen[i])
		return 0;
	o = json_object_new_string(dir);
	if (o)
		r = buf_fmt(ret, ", \"%s\": %s", name,
			    json_object_to_json_string_ext(o, JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(o);
	return r;
}

int entry_make(const struct chain_options *opt, struct buf *ret, struct bh_err *err)
{
	bool seen[ARRAY_SIZE(keys)] = { false };
	int r = buf_str(ret, "{\"type\": \"" CHAIN_PLUGIN "\"");

	if (!r && opt->plugin_conf)
		r = add_members(opt->plugin_conf, seen, ret, err);
	if (r == -EINVAL)
		return r;
	if (!r)
		r = add_dir("runDir", opt->run_dir, seen, ret);
	if (!r)
		r = add_dir("pinDir", opt->pin_dir, seen, ret);
	if (!r)
		r = buf_str(ret, "}");
	return r ? bh_err_errno(err, r, "entry of the chain") : 0;
}
