/* SPDX-License-Identifier: Apache-2.0 */
/* Splicing: the text is cut at the commas between plugins and put together again. */
#include "chain/conflist.h"

#include <ctype.h>
#include <errno.h>
#include <json-c/json.h>
#include <string.h>

#include "chain/chain.h"
#include "util/scope.h"

/* ---- reading ------------------------------------------------------------------------------ */

static struct json_object *get(struct json_object *o, const char *key)
{
	struct json_object *v = NULL;

	(void)json_object_object_get_ex(o, key, &v);
	return v;
}

static const char *text_of(struct json_object *o, const char *key)
{
	struct json_object *v = get(o, key);

	return json_object_is_type(v, json_type_string) ? json_object_get_string(v) : "";
}

static bool is_ours(struct json_object *plugin)
{
	return !strcmp(text_of(plugin, "type"), CHAIN_PLUGIN);
}

/* The spec's rule; the name is also a directory's. */
static bool is_name(const char *name)
{
	const char *p;

	if (!isalnum((unsigned char)name[0]))
		return false;
	for (p = name; *p; p++)
		if (!isalnum((unsigned char)*p) && !strchr("_.-", *p))
			return false;
	return p - name < 128;
}

static bool is_served(struct json_object *version)
{
	static const char *const served[] = { "0.3.1", "0.4.0", "1.0.0", "1.1.0" };
	const char *text =
		json_object_is_type(version, json_type_string) ? json_object_get_string(version) : "";
	size_t i;

	for (i = 0; i < ARRAY_SIZE(served); i++)
		if (!strcmp(text, served[i]))
			return true;
	return false;
}

/* cniVersion, or one of cniVersions: the runtime takes the highest that it knows itself. */
static int check_version(const struct conflist *c, struct bh_err *err)
{
	struct json_object *all = get(c->root, "cniVersions");
	const size_t n = json_object_is_type(all, json_type_array) ? json_object_array_length(all) : 0;
	size_t i;

	if (is_served(get(c->root, "cniVersion")))
		return 0;
	for (i = 0; i < n; i++)
		if (is_served(json_object_array_get_idx(all, i)))
			return 0;
	if (!get(c->root, "cniVersion"))
		return bh_err_set(err, -EINVAL, "cniVersion: missing; bulkhead needs 0.3.1 to 1.1.0");
	return bh_err_set(err, -EINVAL, "cniVersion: '%.32s'; bulkhead needs 0.3.1 to 1.1.0",
			  json_object_get_string(get(c->root, "cniVersion")));
}

static int check_plugin(struct json_object *plugin, size_t at, struct conflist *c, struct bh_err *err)
{
	if (!json_object_is_type(plugin, json_type_object))
		return bh_err_set(err, -EINVAL, "plugins[%zu]: not an object", at);
	if (!text_of(plugin, "type")[0])
		return bh_err_set(err, -EINVAL, "plugins[%zu].type: missing or not a string", at);
	if (is_ours(plugin)) {
		c->ours++;
	} else {
		c->others++;
		c->main_type = c->main_type ? c->main_type : text_of(plugin, "type");
	}
	return 0;
}

/* Of keys given twice the last one counts, as for libcni. */
static const struct json_part *find_list(const struct conflist *c, const struct json_parts *top)
{
	size_t i;

	for (i = top->parts.n; i > 0; i--)
		if (json_key_is(c->text, &top->parts.v[i - 1], "plugins"))
			return &top->parts.v[i - 1];
	return NULL;
}

static int read_list(struct conflist *c, const struct json_parts *top, struct bh_err *err)
{
	struct json_object *list = get(c->root, "plugins"), *flag = get(c->root, "loadOnlyInlinedPlugins");
	const struct json_part *part = find_list(c, top);
	size_t i;
	int r;

	if (!json_object_is_type(list, json_type_array) || !part)
		return bh_err_set(err, -EINVAL, "plugins: missing or not a list");
	c->list = *part;
	r = json_parts(c->text + part->at, part->len, &c->plugins, err);
	for (i = 0; !r && i < c->plugins.parts.n; i++)
		r = check_plugin(json_object_array_get_idx(list, i), i, c, err);
	if (!r && !c->others)
		r = bh_err_set(err, -EINVAL, "plugins: nobody there makes the interface");
	c->only_inlined = json_object_is_type(flag, json_type_string)
				  ? !strcasecmp(json_object_get_string(flag), "true")
				  : json_object_get_boolean(flag);
	return r;
}

static int read_single(struct conflist *c, struct bh_err *err)
{
	if (get(c->root, "plugins"))
		return bh_err_set(err, -EINVAL, "plugins: a list belongs into a file called *.conflist");
	if (!text_of(c->root, "type")[0])
		return bh_err_set(err, -EINVAL, "type: missing or not a string");
	if (is_ours(c->root))
		return bh_err_set(err, -EINVAL, "type: bulkhead alone makes no interface");
	c->main_type = text_of(c->root, "type");
	c->others = 1;
	return 0;
}

static int read_name(struct conflist *c, struct bh_err *err)
{
	c->name = text_of(c->root, "name");
	if (!c->name[0])
		return bh_err_set(err, -EINVAL, "name: missing or not a string");
	if (!is_name(c->name))
		return bh_err_set(err, -EINVAL, "name: '%.64s' is no name of a network", c->name);
	return 0;
}

/* What json_parts() accepted json-c accepts; it is asked for values, not for errors. */
static struct json_object *parse(const char *text, size_t len)
{
	struct json_tokener *t = json_tokener_new_ex(JSON_DEPTH_MAX + 2);
	struct json_object *o = t ? json_tokener_parse_ex(t, text, (int)len) : NULL;

	json_tokener_free(t);
	return o;
}

static int read_all(struct conflist *c, struct bh_err *err)
{
	auto_json_parts struct json_parts top = { 0 };
	int r = json_parts(c->text, c->len, &top, err);

	if (r < 0)
		return r;
	if (!top.is_object)
		return bh_err_set(err, -EINVAL, "line 1, column 1: not a JSON object");
	c->root = parse(c->text, c->len);
	if (!c->root)
		return bh_err_set(err, -ENOMEM, "out of memory");
	r = read_name(c, err);
	if (!r)
		r = check_version(c, err);
	if (!r)
		r = c->is_list ? read_list(c, &top, err) : read_single(c, err);
	return r;
}

int conflist_read(const char *text, size_t len, bool is_list, struct conflist *ret, struct bh_err *err)
{
	struct conflist c = { .text = text, .len = len, .is_list = is_list };
	int r;

	if (len > CONFLIST_MAX)
		return bh_err_set(err, -EINVAL, "larger than %u bytes", CONFLIST_MAX);
	r = read_all(&c, err);
	if (r < 0)
		conflist_done(&c);
	else
		*ret = c;
	return r;
}

void conflist_done(struct conflist *c)
{
	json_object_put(c->root);
	json_parts_done(&c->plugins);
	*c = (struct conflist){ 0 };
}

/* ---- state -------------------------------------------------------------------------------- */

static struct json_object *plugin_at(const struct conflist *c, size_t at)
{
	return json_object_array_get_idx(get(c->root, "plugins"), at);
}

enum conflist_state conflist_state(const struct conflist *c, const char *entry)
{
	const size_t n = c->plugins.parts.n;
	struct json_object *want;
	bool equal;

	if (!c->ours)
		return CONFLIST_ABSENT;
	if (c->ours > 1 || !is_ours(plugin_at(c, n - 1)))
		return CONFLIST_DIFFERS;
	want = parse(entry, strlen(entry));
	equal = want && json_object_equal(want, plugin_at(c, n - 1));
	json_object_put(want);
	return equal ? CONFLIST_RIGHT : CONFLIST_DIFFERS;
}

/* ---- splicing ----------------------------------------------------------------------------- */

static const char *element(const struct conflist *c, size_t at)
{
	return c->text + c->list.at + c->plugins.parts.v[at].at;
}

static const char *element_end(const struct conflist *c, size_t at)
{
	return element(c, at) + c->plugins.parts.v[at].len;
}

/* The space before an element, behind its comma or the bracket. */
static size_t lead_of(const struct conflist *c, size_t at)
{
	const char *from = at ? (const char *)memchr(element_end(c, at - 1), ',',
						     (size_t)(element(c, at) - element_end(c, at - 1)))
			      : c->text + c->list.at;

	return (size_t)(element(c, at) - from) - 1;
}

/* The space behind an element, before its comma or the bracket. */
static size_t tail_of(const struct conflist *c, size_t at)
{
	return strspn(element_end(c, at), " \t\r\n");
}

/* What is there, without ours. The space before the closing bracket stays with the bracket. */
static int add_others(const struct conflist *c, bool more, struct buf *ret)
{
	size_t i, left = c->others;
	int r = 0;

	for (i = 0; !r && left; i++) {
		size_t lead;

		if (is_ours(plugin_at(c, i)))
			continue;
		lead = lead_of(c, i);
		r = buf_add(ret, element(c, i) - lead, lead + c->plugins.parts.v[i].len);
		if (!r && --left)
			r = buf_add(ret, element_end(c, i), tail_of(c, i));
		if (!r && (left || more))
			r = buf_add(ret, ",", 1);
	}
	return r;
}

/* As far in as the entry before it. */
static int add_ours(const struct conflist *c, const char *entry, struct buf *ret)
{
	size_t last = c->plugins.parts.n - 1, lead;
	int r;

	while (is_ours(plugin_at(c, last)))
		last--;
	lead = lead_of(c, last);
	r = buf_add(ret, element(c, last) - lead, lead);
	return r ? r : buf_str(ret, entry);
}

static int splice(const struct conflist *c, const char *entry, struct buf *ret)
{
	const char *rest = element_end(c, c->plugins.parts.n - 1);
	int r = buf_add(ret, c->text, c->list.at + 1);

	if (!r)
		r = add_others(c, entry != NULL, ret);
	if (!r && entry)
		r = add_ours(c, entry, ret);
	return r ? r : buf_add(ret, rest, (size_t)(c->text + c->len - rest));
}

int conflist_put(const struct conflist *c, const char *entry, struct buf *ret)
{
	return splice(c, entry, ret);
}

int conflist_take(const struct conflist *c, struct buf *ret)
{
	return splice(c, NULL, ret);
}

/* ---- wrapping ----------------------------------------------------------------------------- */

static int copy_member(const struct conflist *c, const struct json_parts *top, const char *key,
		       struct buf *ret)
{
	size_t i;
	int r;

	for (i = top->parts.n; i > 0; i--) {
		const struct json_part *p = &top->parts.v[i - 1];

		if (!json_key_is(c->text, p, key))
			continue;
		r = buf_fmt(ret, "  \"%s\": ", key);
		r = r ? r : buf_add(ret, c->text + p->at, p->len);
		return r ? r : buf_str(ret, ",\n");
	}
	return 0;
}

int conflist_wrap(const struct conflist *c, const char *entry, struct buf *ret)
{
	static const char *const keys[] = { "cniVersion", "cniVersions", "name" };
	auto_json_parts struct json_parts top = { 0 };
	size_t i;
	int r = json_parts(c->text, c->len, &top, NULL);

	if (!r)
		r = buf_str(ret, "{\n");
	for (i = 0; !r && i < ARRAY_SIZE(keys); i++)
		r = copy_member(c, &top, keys[i], ret);
	if (!r)
		r = buf_str(ret, "  \"plugins\": [\n    ");
	if (!r)
		r = buf_add(ret, c->text + top.at, top.len);
	return r ? r : buf_fmt(ret, ",\n    %s\n  ]\n}\n", entry);
}

bool conflist_wraps(const struct conflist *list, const struct conflist *single)
{
	auto_json_parts struct json_parts top = { 0 };
	const struct json_part *first = list->plugins.parts.v;

	return list->plugins.parts.n && !json_parts(single->text, single->len, &top, NULL) &&
	       first->len == top.len && !memcmp(element(list, 0), single->text + top.at, top.len);
}
