/* SPDX-License-Identifier: Apache-2.0 */
/* prevResult in and out, and the spec's error object. */
#include "result.h"

#include <errno.h>
#include <json-c/json.h>
#include <string.h>
#include <unistd.h>

#include "util/scope.h"

#define PLAIN (JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE)

/* ---- addresses -------------------------------------------------------------------------- */

static struct json_object *member(struct json_object *o, const char *key)
{
	struct json_object *v = NULL;

	(void)json_object_object_get_ex(o, key, &v);
	return v;
}

static const char *text_of(struct json_object *o, const char *key)
{
	struct json_object *v = member(o, key);

	return json_object_is_type(v, json_type_string) ? json_object_get_string(v) : "";
}

/* A list or nothing. Return: 0 or CNI_BAD_CONFIG. */
static int list_of(struct json_object *o, const char *key, struct json_object **ret, size_t *ret_n,
		   struct bh_err *err)
{
	struct json_object *v = member(o, key);

	if (v && !json_object_is_type(v, json_type_array))
		return bh_err_set(err, CNI_BAD_CONFIG, "prevResult.%s: not a list", key);
	*ret = v;
	*ret_n = v ? json_object_array_length(v) : 0;
	return 0;
}

/* Whether ips[@at] belongs to the sandbox's @ifname; *ret_code as the return of result_addrs(). */
static bool is_on(const struct netconf *c, struct json_object *ip, size_t at, const char *ifname,
		  int *ret_code, struct bh_err *err)
{
	struct json_object *index = member(ip, "interface"), *interfaces, *i;
	size_t n;

	if (!index)
		return true;
	*ret_code = list_of(c->prev, "interfaces", &interfaces, &n, err);
	if (*ret_code)
		return false;
	if (!json_object_is_type(index, json_type_int) || (uint64_t)json_object_get_int64(index) >= n) {
		*ret_code = bh_err_set(err, CNI_BAD_CONFIG,
				       "prevResult.ips[%zu].interface: not one of its %zu interfaces", at, n);
		return false;
	}
	i = json_object_array_get_idx(interfaces, (size_t)json_object_get_int64(index));
	return !strcmp(text_of(i, "name"), ifname) && text_of(i, "sandbox")[0];
}

/* "10.0.0.2/24": the address, host bits kept. */
static int parse_ip(struct json_object *ip, size_t at, struct addr *ret, struct bh_err *err)
{
	const char *text = text_of(ip, "address"), *slash = strchr(text, '/');
	char address[ADDR_TEXT];
	struct cidr block;

	if (!slash || (size_t)(slash - text) >= sizeof(address) || cidr_parse(text, &block) < 0)
		return bh_err_set(err, CNI_BAD_CONFIG,
				  "prevResult.ips[%zu].address: '%.64s' is no address with its prefix", at,
				  text);
	memcpy(address, text, (size_t)(slash - text));
	address[slash - text] = '\0';
	(void)addr_parse(address, ret); /* as good as cidr_parse() found it */
	return 0;
}

static int keep(struct addr *ret, size_t max, size_t *n, const struct addr *a, struct bh_err *err)
{
	size_t i;

	for (i = 0; i < *n; i++)
		if (!addr_cmp(&ret[i], a))
			return 0;
	if (*n == max)
		return bh_err_set(err, CNI_BAD_CONFIG, "prevResult.ips: over %zu addresses", max);
	ret[(*n)++] = *a;
	return 0;
}

int result_addrs(const struct netconf *c, const char *ifname, struct addr *ret, size_t max, size_t *ret_n,
		 struct bh_err *err)
{
	size_t i, n, found = 0;
	struct json_object *ips;
	int code = list_of(c->prev, "ips", &ips, &n, err);

	for (i = 0; !code && i < n; i++) {
		struct json_object *ip = json_object_array_get_idx(ips, i);
		struct addr a;

		if (!is_on(c, ip, i, ifname, &code, err))
			continue;
		code = parse_ip(ip, i, &a, err);
		if (!code)
			code = keep(ret, max, &found, &a, err);
	}
	if (!code)
		*ret_n = found;
	return code;
}

/* ---- out -------------------------------------------------------------------------------- */

static int add_object(struct buf *ret, struct json_object *o)
{
	const char *text = o ? json_object_to_json_string_ext(o, PLAIN) : NULL;

	return text ? buf_str(ret, text) : -ENOMEM;
}

/* 0.3 and 0.4: "version" is "4" or "6". */
static bool set_family(struct json_object *ip)
{
	struct json_object *family = json_object_new_string(strchr(text_of(ip, "address"), ':') ? "6" : "4");

	if (family && !json_object_object_add(ip, "version", family))
		return true;
	json_object_put(family);
	return false;
}

/* prevResult in place, to the version of the configuration. */
static int convert(const struct netconf *c, struct bh_err *err)
{
	struct json_object *version = json_object_new_string(cni_versions[c->version]), *ips;
	size_t i, n;
	int code;

	if (!version || json_object_object_add(c->prev, "cniVersion", version)) {
		json_object_put(version);
		return bh_err_set(err, CNI_IO, "out of memory");
	}
	code = list_of(c->prev, "ips", &ips, &n, err);
	for (i = 0; !code && i < n; i++) {
		struct json_object *ip = json_object_array_get_idx(ips, i);

		if (!json_object_is_type(ip, json_type_object))
			return bh_err_set(err, CNI_BAD_CONFIG, "prevResult.ips[%zu]: not an object", i);
		if (c->version >= CNI_1_0_0)
			json_object_object_del(ip, "version");
		else if (!set_family(ip))
			return bh_err_set(err, CNI_IO, "out of memory");
	}
	return code;
}

int result_text(const struct netconf *c, struct buf *ret, struct bh_err *err)
{
	const char *text = text_of(c->prev, "cniVersion");
	enum cni_version version = c->version;
	int code = 0, r;

	if (member(c->prev, "cniVersion") && cni_version_parse(text, &version) < 0)
		return bh_err_set(err, CNI_BAD_CONFIG, "prevResult.cniVersion: '%.32s' is not known", text);
	if (version != c->version)
		code = convert(c, err);
	if (code)
		return code;
	if (version == c->version && c->prev_len)
		r = buf_add(ret, c->text.data + c->prev_at, c->prev_len);
	else
		r = add_object(ret, c->prev);
	return r < 0 ? bh_err_set(err, CNI_IO, "prevResult: %s", strerror(-r)) : 0;
}

/* "details" says what the code means, for whoever reads the runtime's log. */
static const char *meaning(int code)
{
	static const struct {
		int code;
		const char *text;
	} rows[] = {
		{ CNI_BAD_VERSION, "incompatible CNI version; supported: 0.3.1, 0.4.0, 1.0.0, 1.1.0" },
		{ CNI_BAD_ENV, "invalid environment variables" },
		{ CNI_IO, "input or output failed" },
		{ CNI_DECODE, "cannot decode the network configuration" },
		{ CNI_BAD_CONFIG, "invalid network configuration" },
		{ CNI_BAD_NETNS, "invalid network namespace" },
		{ CNI_TRY_AGAIN, "try again later" },
		{ CNI_UNAVAILABLE, "ADD would fail" },
		{ CNI_CANNOT_PROTECT, "this interface cannot be protected" },
		{ CNI_CANNOT_ATTACH, "the kernel refused to attach the programs" },
		{ CNI_DIFFERS, "not as ADD left it" },
		{ CNI_INCOMPLETE, "something could not be removed" },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(rows); i++)
		if (rows[i].code == code)
			return rows[i].text;
	return "";
}

/* Takes @value, also on failure. */
static bool add(struct json_object *o, const char *key, struct json_object *value)
{
	if (value && !json_object_object_add(o, key, value))
		return true;
	json_object_put(value);
	return false;
}

int result_error(enum cni_version version, int code, const char *msg, struct buf *ret)
{
	struct json_object *o = json_object_new_object();
	int r = -ENOMEM;

	if (o && add(o, "cniVersion", json_object_new_string(cni_versions[version])) &&
	    add(o, "code", json_object_new_int(code)) && add(o, "msg", json_object_new_string(msg)) &&
	    add(o, "details", json_object_new_string(meaning(code))))
		r = add_object(ret, o);
	json_object_put(o);
	return r;
}

int result_versions(struct buf *ret)
{
	int i, r = buf_fmt(ret, "{\"cniVersion\":\"%s\",\"supportedVersions\":[",
			   cni_versions[CNI_VERSIONS - 1]);

	for (i = 0; !r && i < CNI_VERSIONS; i++)
		r = buf_fmt(ret, "%s\"%s\"", i ? "," : "", cni_versions[i]);
	return r ? r : buf_str(ret, "]}");
}

int result_print(int fd, struct buf *text)
{
	const int r =
		buf_str(text, "\n"); /* in one go: a result whose end fails would stand before the error */
	const char *p = text->data;
	size_t left = text->len;
	ssize_t n;

	if (r < 0)
		return r;
	while (left) {
		n = write(fd, p, left);
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0) {
			p += n;
			left -= (size_t)n;
		}
	}
	return 0;
}
