/* SPDX-License-Identifier: Apache-2.0 */
/* The network configuration: read within bounds, parsed strictly, each key checked. */
#include "netconf.h"

#include <ctype.h>
#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "api/api.h"
#include "../bpf/abi.h"
#include "util/scope.h"

#define TIMEOUT_MS     2000
#define TIMEOUT_MAX_MS 10000

const char *const cni_versions[CNI_VERSIONS] = { "0.3.1", "0.4.0", "1.0.0", "1.1.0" };

int cni_version_parse(const char *text, enum cni_version *ret)
{
	int i;

	for (i = 0; i < CNI_VERSIONS; i++) {
		if (strcmp(text, cni_versions[i]))
			continue;
		*ret = (enum cni_version)i;
		return 0;
	}
	return -EINVAL;
}

int netconf_read(int fd, struct buf *ret, struct bh_err *err)
{
	char chunk[16384];
	ssize_t n = 1;

	while (n) {
		n = read(fd, chunk, sizeof(chunk));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return bh_err_set(err, CNI_IO, "cannot read the network configuration: %s",
					  strerror(errno));
		if (buf_add(ret, chunk, (size_t)n) < 0)
			return bh_err_set(err, CNI_DECODE, "network configuration: over %zu bytes", ret->max);
	}
	return 0;
}

/* ---- where prevResult stands ------------------------------------------------------------ */

/* These walk text that json-c has accepted. */

static const char *skip_space(const char *p)
{
	return p + strspn(p, " \t\r\n");
}

/* From an opening quote to behind the closing one. */
static const char *skip_string(const char *p)
{
	for (p++; *p && *p != '"'; p++)
		if (*p == '\\' && p[1])
			p++;
	return *p ? p + 1 : p;
}

/* From the first byte of a value to behind its last. */
static const char *skip_value(const char *p)
{
	int depth = 0;

	while (*p) {
		if (*p == '"') {
			p = skip_string(p);
		} else if (strchr("{[", *p)) {
			depth++;
			p++;
		} else if (strchr("]}", *p)) {
			if (!depth)
				return p;
			depth--;
			p++;
		} else if (!depth && (*p == ',' || isspace((unsigned char)*p))) {
			return p;
		} else {
			p++;
			continue;
		}
		if (!depth)
			return p;
	}
	return p;
}

/* The last key of that name counts, as for json-c. A key in escapes may be one too, so that nothing is
 * found where there is any: the caller knows from the parsed object that there is one, and prints that. */
static void find_prev(struct netconf *c)
{
	const char *p = skip_space(c->text.data), *key, *value;

	if (*p != '{')
		return;
	for (p = skip_space(p + 1); *p == '"'; p = skip_space(p + (*p == ','))) {
		key = p;
		value = skip_string(p);
		if (memchr(key, '\\', (size_t)(value - key))) {
			c->prev_len = 0;
			return;
		}
		value = skip_space(value);
		if (*value != ':')
			return;
		value = skip_space(value + 1);
		p = skip_value(value);
		if (!strncmp(key, "\"prevResult\"", 12)) {
			c->prev_at = (size_t)(value - c->text.data);
			c->prev_len = (size_t)(p - value);
		}
		p = skip_space(p);
	}
}

/* ---- keys ------------------------------------------------------------------------------- */

/* ret: NULL where there is none (or null). Return: 0 or CNI_BAD_CONFIG. */
static int get(struct json_object *o, const char *key, enum json_type type, struct json_object **ret,
	       struct bh_err *err)
{
	struct json_object *v = NULL;

	(void)json_object_object_get_ex(o, key, &v);
	if (v && !json_object_is_type(v, type))
		return bh_err_set(err, CNI_BAD_CONFIG, "%s: not of type %s", key, json_type_to_name(type));
	*ret = v;
	return 0;
}

/* As get(), and a string without a NUL inside. ret: borrowed; NULL: none. */
static int get_text(struct json_object *o, const char *key, const char **ret, struct bh_err *err)
{
	struct json_object *v;
	const int code = get(o, key, json_type_string, &v, err);

	if (code)
		return code;
	if (v && strlen(json_object_get_string(v)) != (size_t)json_object_get_string_len(v))
		return bh_err_set(err, CNI_BAD_CONFIG, "%s: holds a NUL", key);
	*ret = v ? json_object_get_string(v) : NULL;
	return 0;
}

static int take_version(struct netconf *c, struct bh_err *err)
{
	const char *text = NULL;
	const int code = get_text(c->json, "cniVersion", &text, err);

	if (code)
		return code;
	if (!text)
		return bh_err_set(err, CNI_BAD_VERSION,
				  "cniVersion: missing; this plugin speaks 0.3.1 to 1.1.0");
	if (cni_version_parse(text, &c->version) < 0)
		return bh_err_set(err, CNI_BAD_VERSION,
				  "cniVersion: '%.32s' is none of 0.3.1, 0.4.0, 1.0.0, 1.1.0", text);
	return 0;
}

/* CNI spec 1.1.0, "Network configuration": the same pattern as a container id. */
static int take_name(struct netconf *c, struct bh_err *err)
{
	const char *text = NULL, *p;
	const int code = get_text(c->json, "name", &text, err);

	if (code)
		return code;
	if (!text)
		return bh_err_set(err, CNI_BAD_CONFIG, "name: missing");
	for (p = text; *p; p++)
		if (!isalnum((unsigned char)*p) && (p == text || !strchr("_.-", *p)))
			break;
	if (*p || p == text)
		return bh_err_set(err, CNI_BAD_CONFIG, "name: '%.64s' is no network name", text);
	c->name = text;
	return 0;
}

static int take_dir(struct netconf *c, const char *key, const char *otherwise, char ret[DIR_BYTES],
		    struct bh_err *err)
{
	const char *text = NULL;
	const int code = get_text(c->json, key, &text, err);

	if (code)
		return code;
	if (!text)
		text = otherwise;
	if (text[0] != '/' || strlen(text) >= DIR_BYTES)
		return bh_err_set(err, CNI_BAD_CONFIG, "%s: '%.100s' is no absolute path of under %d bytes",
				  key, text, DIR_BYTES);
	(void)snprintf(ret, DIR_BYTES, "%s", text);
	return 0;
}

static int take_fail_mode(struct netconf *c, struct bh_err *err)
{
	static const char *const words[] = { "closed", "isolate", "open" };
	const char *text = NULL;
	const int code = get_text(c->json, "failMode", &text, err);
	size_t i;

	if (code || !text)
		return code;
	for (i = 0; i < ARRAY_SIZE(words); i++)
		if (!strcmp(text, words[i])) {
			c->fail_mode = (enum fail_mode)i;
			return 0;
		}
	return bh_err_set(err, CNI_BAD_CONFIG, "failMode: '%.32s' is none of closed, isolate, open", text);
}

static int take_fail_open(struct netconf *c, struct bh_err *err)
{
	struct json_object *list, *item;
	const int code = get(c->json, "failOpenNamespaces", json_type_array, &list, err);
	size_t i;

	for (i = 0; !code && list && i < json_object_array_length(list); i++) {
		item = json_object_array_get_idx(list, i);
		if (!json_object_is_type(item, json_type_string) || !json_object_get_string_len(item))
			return bh_err_set(err, CNI_BAD_CONFIG, "failOpenNamespaces[%zu]: no namespace's name",
					  i);
	}
	if (!code)
		c->fail_open_namespaces = list;
	return code;
}

static int take_attach(struct netconf *c, struct bh_err *err)
{
	const char *text = NULL;
	const int code = get_text(c->json, "attach", &text, err);

	if (code || !text)
		return code;
	if (hook_mode_parse(text, &c->attach) < 0)
		return bh_err_set(err, CNI_BAD_CONFIG, "attach: '%.32s' is none of auto, tcx, clsact", text);
	return 0;
}

static int take_timeout(struct netconf *c, struct bh_err *err)
{
	struct json_object *v;
	const int code = get(c->json, "timeoutMs", json_type_int, &v, err);
	const int64_t ms = !code && v ? json_object_get_int64(v) : TIMEOUT_MS;

	if (code)
		return code;
	if (ms < 1 || ms > TIMEOUT_MAX_MS)
		return bh_err_set(err, CNI_BAD_CONFIG, "timeoutMs: %lld is not from 1 to %d", (long long)ms,
				  TIMEOUT_MAX_MS);
	c->timeout_ms = (int)ms;
	return 0;
}

static int take_prev(struct netconf *c, struct bh_err *err)
{
	const int code = get(c->json, "prevResult", json_type_object, &c->prev, err);

	if (!code && c->prev)
		find_prev(c);
	return code;
}

/* ---- the whole -------------------------------------------------------------------------- */

/* At most: those in strings count, too. */
static size_t values_in(const struct buf *text)
{
	size_t i, n = 1;

	for (i = 0; i < text->len; i++)
		n += text->data[i] == '{' || text->data[i] == '[' || text->data[i] == ',';
	return n;
}

static int parse_json(struct netconf *c, struct bh_err *err)
{
	struct json_tokener *t = NULL;
	enum json_tokener_error e;
	size_t len = c->text.len, end;

	if (values_in(&c->text) > NETCONF_VALUES)
		return bh_err_set(err, CNI_DECODE, "network configuration: over %d values", NETCONF_VALUES);
	t = json_tokener_new_ex(NETCONF_DEPTH);
	if (!t)
		return bh_err_set(err, CNI_IO, "out of memory");
	while (len && isspace((unsigned char)c->text.data[len - 1]))
		len--;
	json_tokener_set_flags(t, JSON_TOKENER_STRICT);
	c->json = len ? json_tokener_parse_ex(t, c->text.data, (int)len) : NULL;
	e = len ? json_tokener_get_error(t) : json_tokener_continue;
	end = json_tokener_get_parse_end(t);
	json_tokener_free(t);
	if (e == json_tokener_continue)
		return bh_err_set(err, CNI_DECODE, "network configuration: ends too early, after %zu bytes",
				  len);
	if (e != json_tokener_success)
		return bh_err_set(err, CNI_DECODE, "network configuration: %s at byte %zu",
				  json_tokener_error_desc(e), end);
	if (!json_object_is_type(c->json, json_type_object))
		return bh_err_set(err, CNI_DECODE, "network configuration: not one JSON object");
	return 0;
}

typedef int (*take_fn)(struct netconf *c, struct bh_err *err);

static int take_all(struct netconf *c, bool lenient, struct bh_err *err)
{
	static const take_fn optional[] = { take_fail_mode, take_fail_open, take_attach, take_timeout,
					    take_prev };
	int code = take_version(c, err);
	size_t i;

	if (!code)
		code = take_name(c, err);
	if (!code)
		code = take_dir(c, "runDir", API_RUN_DIR, c->run_dir, err);
	if (!code)
		code = take_dir(c, "pinDir", BH_PIN_DIR, c->pin_dir, err);
	for (i = 0; !code && i < ARRAY_SIZE(optional); i++) {
		code = optional[i](c, lenient ? NULL : err);
		if (lenient)
			code = 0;
	}
	return code;
}

int netconf_parse(struct buf *text, bool lenient, struct netconf *ret, struct bh_err *err)
{
	int code;

	*ret = (struct netconf){ .text = *text, .version = CNI_1_1_0, .timeout_ms = TIMEOUT_MS };
	*text = BUF_INIT(text->max);
	code = parse_json(ret, err);
	return code ? code : take_all(ret, lenient, err);
}

void netconf_done(struct netconf *c)
{
	json_object_put(c->json);
	c->json = NULL;
	buf_done(&c->text);
}

enum fail_mode netconf_fail_mode(const struct netconf *c, const char *pod_ns)
{
	const size_t n = c->fail_open_namespaces ? json_object_array_length(c->fail_open_namespaces) : 0;
	size_t i;

	for (i = 0; i < n; i++)
		if (!strcmp(json_object_get_string(json_object_array_get_idx(c->fail_open_namespaces, i)),
			    pod_ns))
			return FAIL_OPEN;
	return c->fail_mode;
}
