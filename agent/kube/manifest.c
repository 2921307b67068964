/* SPDX-License-Identifier: Apache-2.0 */
/* Manifest files: which of the two formats, and the JSON one. */
#include "kube/manifest.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdbool.h>
#include <string.h>

/* json_tokener_free() of json-c 0.16 takes no NULL. */
static void free_tokener(struct json_tokener **tok)
{
	if (*tok)
		json_tokener_free(*tok);
}

#define auto_tokener __attribute__((cleanup(free_tokener)))

void manifest_done(struct manifest *m)
{
	size_t i;

	for (i = 0; i < m->docs.n; i++)
		json_object_put(m->docs.v[i].root);
	vec_done(&m->docs);
}

static unsigned int line_at(const char *text, size_t offset)
{
	unsigned int line = 1;
	size_t i;

	for (i = 0; i < offset; i++)
		line += text[i] == '\n';
	return line;
}

static int json_failed(struct json_tokener *tok, const char *file, const char *text, struct bh_err *err)
{
	const enum json_tokener_error why = json_tokener_get_error(tok);
	const unsigned int line = line_at(text, json_tokener_get_parse_end(tok));

	if (why == json_tokener_error_depth)
		return bh_err_set(err, -E2BIG, "%s:%u: nested deeper than %d", file, line,
				  MANIFEST_DEPTH_MAX);
	if (why == json_tokener_continue)
		return bh_err_set(err, -EINVAL, "%s:%u: the file ends too early", file, line);
	return bh_err_set(err, -EINVAL, "%s:%u: %s", file, line, json_tokener_error_desc(why));
}

static int parse_json(const char *file, const char *text, size_t len, struct manifest *ret,
		      struct bh_err *err)
{
	auto_tokener struct json_tokener *tok = json_tokener_new_ex(MANIFEST_DEPTH_MAX + 1);
	struct document *doc = vec_add(&ret->docs);

	if (!tok || !doc)
		return -ENOMEM;
	json_tokener_set_flags(tok, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	doc->line = 1;
	doc->root = json_tokener_parse_ex(tok, text, (int)len);
	if (json_tokener_get_error(tok) != json_tokener_success)
		return json_failed(tok, file, text, err);
	return 0;
}

static bool is_json(const char *file)
{
	const size_t n = strlen(file);

	return n >= 5 && !strcmp(file + n - 5, ".json");
}

int manifest_parse(const char *file, const char *text, size_t len, struct manifest *ret, struct bh_err *err)
{
	struct manifest m = {};
	int r;

	if (len > MANIFEST_BYTES_MAX)
		return bh_err_set(err, -E2BIG, "%s: larger than %u bytes", file, MANIFEST_BYTES_MAX);
	r = is_json(file) ? parse_json(file, text, len, &m, err)
			  : manifest_parse_yaml(file, text, len, &m, err);
	if (r < 0) {
		manifest_done(&m);
		return r == -ENOMEM ? bh_err_errno(err, r, "%s", file) : r;
	}
	*ret = m;
	return 0;
}
