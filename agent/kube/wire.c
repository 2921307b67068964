/* SPDX-License-Identifier: Apache-2.0 */
/* Objects as the server sends them, and what it is asked. */
#include "kube/wire.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "kube/scan.h"
#include "kube/value.h"
#include "util/buf.h"
#include "util/utf8.h"

const char *kube_message(struct json_object *status)
{
	const char *text = value_text(value_get(status, "message"));

	return text ? text : "no message";
}

int kube_check_kind(struct json_object *o, const char *api_version, const char *kind, struct bh_err *err)
{
	const char *own_kind = value_text(value_get(o, "kind"));
	const char *own_version = value_text(value_get(o, "apiVersion"));

	if (!json_object_is_type(o, json_type_object))
		return bh_err_set(err, -EINVAL, "no object where %s %s was asked for", api_version, kind);
	if (!own_kind)
		(void)json_object_object_add(o, "kind", json_object_new_string(kind));
	if (!own_version)
		(void)json_object_object_add(o, "apiVersion", json_object_new_string(api_version));
	if ((!own_kind || !strcmp(own_kind, kind)) && (!own_version || !strcmp(own_version, api_version)))
		return 0;
	return bh_err_set(err, -EINVAL, "%s %s where %s %s was asked for", own_version ? own_version : "",
			  own_kind ? own_kind : "", api_version, kind);
}

uint64_t kube_version(struct json_object *o)
{
	const char *text = value_text(value_get(value_get(o, "metadata"), "resourceVersion"));
	char *end;
	uint64_t n;

	if (!text || *text < '0' || *text > '9')
		return 0;
	errno = 0;
	n = strtoull(text, &end, 10);
	return errno || *end ? 0 : n;
}

int kube_check_list(struct json_object *list, const char *kind, struct bh_err *err)
{
	const char *own_kind = value_text(value_get(list, "kind"));
	const size_t len = strlen(kind);
	struct json_object *items;

	if (!own_kind || strncmp(own_kind, kind, len) || strcmp(own_kind + len, "List"))
		return bh_err_set(err, -EINVAL, "%s where a list of %s was asked for",
				  own_kind ? own_kind : "something", kind);
	if (!json_object_object_get_ex(list, "items", &items) ||
	    (items && (!json_object_is_type(items, json_type_array) || json_object_array_length(items))))
		return bh_err_set(err, -EINVAL, "%s without items", own_kind);
	return 0;
}

static struct json_object *parse(const char *text, size_t len, struct bh_err *err)
{
	struct json_tokener *tok = json_tokener_new_ex(SCAN_DEPTH_MAX + 2);
	struct json_object *o;

	if (!tok) {
		(void)bh_err_set(err, -ENOMEM, "no memory");
		return NULL;
	}
	json_tokener_set_flags(tok,
			       JSON_TOKENER_STRICT); /* its own check of UTF-8 lets overlong forms pass */
	o = json_tokener_parse_ex(tok, text, (int)len);
	if (!o)
		(void)bh_err_set(err, -EINVAL, "%s", json_tokener_error_desc(json_tokener_get_error(tok)));
	json_tokener_free(tok);
	return o;
}

static bool is_utf8(const char *text, size_t len)
{
	size_t i, n;

	for (i = 0; i < len; i += n) {
		n = utf8_length(text + i, len - i);
		if (!n)
			return false;
	}
	return true;
}

/* Bytes of no UTF-8 become the replacement character, as Go's decoder takes them: then they match nothing. */
static struct json_object *parse_mended(const char *text, size_t len, struct bh_err *err)
{
	auto_buf struct buf mended = BUF_INIT(4 * SCAN_KEEP_MAX);
	size_t i, n;
	int r = 0;

	for (i = 0; !r && i < len; i += n ? n : 1) {
		n = utf8_length(text + i, len - i);
		r = n ? buf_add(&mended, text + i, n) : buf_str(&mended, "\xef\xbf\xbd");
	}
	if (!r)
		return parse(mended.data, mended.len, err);
	(void)bh_err_errno(err, r, "text that is no UTF-8");
	return NULL;
}

struct json_object *kube_parse(const char *text, size_t len, struct bh_err *err)
{
	return is_utf8(text, len) ? parse(text, len, err) : parse_mended(text, len, err);
}

static int add_escaped(struct buf *b, const char *text)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
	int r = 0;

	for (; !r && *text; text++)
		r = strchr(plain, *text) ? buf_add(b, text, 1) : buf_fmt(b, "%%%02X", (unsigned char)*text);
	return r;
}

int kube_query(struct buf *url, const char *name, const char *value)
{
	const int r = buf_fmt(url, "%s%s=", strchr(url->data, '?') ? "&" : "?", name);

	return r < 0 ? r : add_escaped(url, value);
}
