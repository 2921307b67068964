/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Endpoint records: who owns an attachment, its one JSON form, and the state files that hold it on
 * disk. A record read from outside is checked field by field: the agent believes what it holds.
 */
#include "api/api.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "api/file.h"
#include "util/buf.h"
#include "util/scope.h"

#define PATH_BYTES 512
#define TEXT_MAX   4096 /* a name or path inside a record */
#define ADDRS_MAX  32
#define HEX	   32 /* digits of a key */
#define SUFFIX	   ".json"

struct hash128 api_endpoint_key(const char *network, const char *container, const char *ifname)
{
	const char *const parts[] = { network, container, ifname };

	return hash128_of_texts(parts, ARRAY_SIZE(parts));
}

/* ---- encode ----------------------------------------------------------------------------- */

/* Takes @value, also on failure. Return: whether it is in. */
static bool add(struct json_object *o, const char *name, struct json_object *value)
{
	if (value && !json_object_object_add(o, name, value))
		return true;
	json_object_put(value);
	return false;
}

static bool add_text(struct json_object *o, const char *name, const char *text)
{
	return add(o, name, json_object_new_string(text ? text : ""));
}

static bool add_mac(struct json_object *o, const uint8_t mac[6])
{
	char text[18];

	(void)snprintf(text, sizeof(text), "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3],
		       mac[4], mac[5]);
	return add_text(o, "mac", text);
}

static bool add_addrs(struct json_object *o, const struct endpoint *e)
{
	struct json_object *list = json_object_new_array(), *item;
	char text[ADDR_TEXT];
	bool ok = list;
	size_t i;

	for (i = 0; ok && i < e->addrs.n; i++) {
		item = json_object_new_string(addr_text(&e->addrs.v[i], text));
		ok = item && !json_object_array_add(list, item);
		if (!ok)
			json_object_put(item);
	}
	if (ok)
		return add(o, "addrs", list);
	json_object_put(list);
	return false;
}

static bool add_pod(struct json_object *o, const struct endpoint *e)
{
	struct json_object *pod = json_object_new_object();

	if (pod && add_text(pod, "namespace", e->ns) && add_text(pod, "name", e->pod) &&
	    add_text(pod, "uid", e->uid))
		return add(o, "pod", pod);
	json_object_put(pod);
	return false;
}

struct json_object *api_endpoint_encode(const struct api_endpoint *e)
{
	struct json_object *o = json_object_new_object();

	if (o && add_text(o, "network", e->e->network) && add_text(o, "container", e->e->container) &&
	    add_text(o, "ifname", e->e->ifname) && add_text(o, "netns", e->e->netns) &&
	    add(o, "ifindex", json_object_new_int64(e->e->ifindex)) && add_mac(o, e->e->mac) &&
	    add_addrs(o, e->e) && add(o, "peer", json_object_new_int64(e->e->peer)) &&
	    add(o, "nsid", json_object_new_int64(e->e->nsid)) && add_pod(o, e->e) &&
	    add_text(o, "attach", e->attach) &&
	    add(o, "unprotected", json_object_new_boolean(e->unprotected)) &&
	    add(o, "adopted", json_object_new_boolean(e->adopted)))
		return o;
	json_object_put(o);
	return NULL;
}

/* ---- decode ----------------------------------------------------------------------------- */

enum need { OPTIONAL, MAY_BE_EMPTY, REQUIRED };

/* ret: a copy; "" where an optional one is missing. */
static int get_text(struct json_object *o, const char *name, enum need need, char **ret, struct bh_err *err)
{
	struct json_object *v = NULL;
	const char *text = "";
	char *copy;

	if (!json_object_object_get_ex(o, name, &v) && need != OPTIONAL)
		return bh_err_set(err, -EINVAL, "endpoint: %s: missing", name);
	if (v && !json_object_is_type(v, json_type_string))
		return bh_err_set(err, -EINVAL, "endpoint: %s: not a string", name);
	if (v)
		text = json_object_get_string(v);
	if (v && (strlen(text) != (size_t)json_object_get_string_len(v) || strlen(text) > TEXT_MAX))
		return bh_err_set(err, -EINVAL, "endpoint: %s: holds a NUL or over %d bytes", name, TEXT_MAX);
	if (need == REQUIRED && !text[0])
		return bh_err_set(err, -EINVAL, "endpoint: %s: empty", name);
	copy = strdup(text);
	if (!copy)
		return -ENOMEM;
	free(*ret);
	*ret = copy;
	return 0;
}

/* *ret stays where an optional one is missing. */
static int get_number(struct json_object *o, const char *name, enum need need, int64_t least, int64_t *ret,
		      struct bh_err *err)
{
	struct json_object *v = NULL;
	int64_t n;

	if (!json_object_object_get_ex(o, name, &v) && need == OPTIONAL)
		return 0;
	if (!json_object_is_type(v, json_type_int))
		return bh_err_set(err, -EINVAL, "endpoint: %s: missing or not a number", name);
	n = json_object_get_int64(v);
	if (n < least || n > INT_MAX)
		return bh_err_set(err, -EINVAL, "endpoint: %s: %lld is out of range", name, (long long)n);
	*ret = n;
	return 0;
}

/* The two ends of the veth; older plugins do not tell of the pod's. */
static int get_ends(struct json_object *o, struct endpoint *e, struct bh_err *err)
{
	int64_t ifindex = 0, peer = 0, nsid = -1;
	int r = get_number(o, "ifindex", REQUIRED, 0, &ifindex, err);

	if (!r)
		r = get_number(o, "peer", OPTIONAL, 0, &peer, err);
	if (!r)
		r = get_number(o, "nsid", OPTIONAL, -1, &nsid, err);
	e->ifindex = (uint32_t)ifindex;
	e->peer = (uint32_t)peer;
	e->nsid = (int32_t)nsid;
	return r;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

static bool mac_parse(const char *text, uint8_t ret[6])
{
	int i, high, low;

	for (i = 0; i < 6; i++, text += 3) {
		high = hex_digit(text[0]);
		low = high < 0 ? -1 : hex_digit(text[1]);
		if (low < 0 || text[2] != (i < 5 ? ':' : '\0'))
			return false;
		ret[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

static int get_mac(struct json_object *o, uint8_t ret[6], struct bh_err *err)
{
	auto_free char *text = NULL;
	const int r = get_text(o, "mac", REQUIRED, &text, err);

	if (r < 0)
		return r;
	if (!mac_parse(text, ret))
		return bh_err_set(err, -EINVAL, "endpoint: mac: '%.64s' is no MAC address", text);
	return 0;
}

static int get_addr(struct endpoint *e, struct json_object *item, size_t at, struct bh_err *err)
{
	const char *text = json_object_is_type(item, json_type_string) ? json_object_get_string(item) : "";
	struct addr a, *slot;

	if (addr_parse(text, &a) < 0)
		return bh_err_set(err, -EINVAL, "endpoint: addrs[%zu]: '%.64s' is no IP address", at, text);
	slot = vec_add(&e->addrs);
	if (!slot)
		return -ENOMEM;
	*slot = a;
	return 0;
}

static int get_addrs(struct json_object *o, struct endpoint *e, struct bh_err *err)
{
	struct json_object *list = NULL;
	size_t i, n;
	int r = 0;

	if (!json_object_object_get_ex(o, "addrs", &list) || !json_object_is_type(list, json_type_array))
		return bh_err_set(err, -EINVAL, "endpoint: addrs: missing or not a list");
	n = json_object_array_length(list);
	if (n > ADDRS_MAX)
		return bh_err_set(err, -EINVAL, "endpoint: addrs: over %d", ADDRS_MAX);
	for (i = 0; !r && i < n; i++)
		r = get_addr(e, json_object_array_get_idx(list, i), i, err);
	return r;
}

static int get_pod(struct json_object *o, struct endpoint *e, struct bh_err *err)
{
	struct json_object *pod = NULL;
	int r;

	if (!json_object_object_get_ex(o, "pod", &pod) || !json_object_is_type(pod, json_type_object))
		return bh_err_set(err, -EINVAL, "endpoint: pod: missing or not an object");
	r = get_text(pod, "namespace", REQUIRED, &e->ns, err);
	if (!r)
		r = get_text(pod, "name", REQUIRED, &e->pod, err);
	return r ? r : get_text(pod, "uid", OPTIONAL, &e->uid, err);
}

static int get_flag(struct json_object *o, const char *name, bool *ret, struct bh_err *err)
{
	struct json_object *v = NULL;

	(void)json_object_object_get_ex(o, name, &v);
	if (v && !json_object_is_type(v, json_type_boolean))
		return bh_err_set(err, -EINVAL, "endpoint: %s: neither true nor false", name);
	*ret = json_object_get_boolean(v);
	return 0;
}

static int get_attach(struct json_object *o, struct api_endpoint *ret, struct bh_err *err)
{
	auto_free char *text = NULL;
	int r = get_text(o, "attach", OPTIONAL, &text, err);

	if (r < 0)
		return r;
	if (strcmp(text, "") && strcmp(text, "tcx") && strcmp(text, "clsact"))
		return bh_err_set(err, -EINVAL, "endpoint: attach: '%.16s' is neither tcx nor clsact", text);
	(void)snprintf(ret->attach, sizeof(ret->attach), "%s", text);
	r = get_flag(o, "unprotected", &ret->unprotected, err);
	return r ? r : get_flag(o, "adopted", &ret->adopted, err);
}

static int get_owner(struct json_object *o, struct endpoint *e, struct bh_err *err)
{
	int r = get_text(o, "network", REQUIRED, &e->network, err);

	if (!r)
		r = get_text(o, "container", REQUIRED, &e->container, err);
	if (!r)
		r = get_text(o, "ifname", REQUIRED, &e->ifname, err);
	if (!r)
		r = get_text(o, "netns", OPTIONAL, &e->netns, err);
	if (!r)
		e->key = api_endpoint_key(e->network, e->container, e->ifname);
	return r;
}

static void drop_endpoint(struct endpoint **e)
{
	endpoint_free(*e);
}

int api_endpoint_decode(struct json_object *o, struct api_endpoint *ret, struct bh_err *err)
{
	struct endpoint *e __attribute__((cleanup(drop_endpoint))) = endpoint_new();
	struct api_endpoint a = { 0 };
	int r;

	if (!e)
		return -ENOMEM;
	if (!json_object_is_type(o, json_type_object))
		return bh_err_set(err, -EINVAL, "endpoint: not an object");
	r = get_owner(o, e, err);
	if (!r)
		r = get_ends(o, e, err);
	if (!r)
		r = get_mac(o, e->mac, err);
	if (!r)
		r = get_addrs(o, e, err);
	if (!r)
		r = get_pod(o, e, err);
	if (!r)
		r = get_attach(o, &a, err);
	if (r < 0)
		return r;
	a.e = TAKE_PTR(e);
	*ret = a;
	return 0;
}

/* ---- state files ------------------------------------------------------------------------ */

static int dir_path(const char *run_dir, char ret[PATH_BYTES], struct bh_err *err)
{
	if (snprintf(ret, PATH_BYTES, "%s/" API_ENDPOINTS, run_dir) >= PATH_BYTES - HEX * 2)
		return bh_err_set(err, -ENAMETOOLONG, "run directory '%.64s...': name too long", run_dir);
	return 0;
}

static int make_dir(const char *path, struct bh_err *err)
{
	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return bh_err_errno(err, -errno, "cannot make %s", path);
	return 0;
}

/* Return: a descriptor of RUN_DIR/endpoints, made if need be and @make. */
static int open_dir(const char *run_dir, bool make, struct bh_err *err)
{
	char path[PATH_BYTES];
	int fd, r = dir_path(run_dir, path, err);

	if (!r && make)
		r = make_dir(run_dir, err);
	if (!r && make)
		r = make_dir(path, err);
	if (r < 0)
		return r;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? bh_err_errno(err, -errno, "cannot open %s", path) : fd;
}

static void file_name(const struct hash128 *key, char ret[HEX + sizeof(SUFFIX)])
{
	hash128_hex(key, ret);
	strcpy(ret + HEX, SUFFIX);
}

int api_endpoint_save(const char *run_dir, const struct api_endpoint *e, struct bh_err *err)
{
	struct json_object *o = api_endpoint_encode(e);
	char name[HEX + sizeof(SUFFIX)], path[PATH_BYTES];
	auto_fd int dir = -1;
	const char *text;
	int r;

	text = o ? json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE)
		 : NULL;
	if (!text) {
		json_object_put(o);
		return bh_err_errno(err, -ENOMEM, "state file");
	}
	file_name(&e->e->key, name);
	r = dir_path(run_dir, path, err);
	dir = r < 0 ? r : open_dir(run_dir, true, err);
	r = dir < 0 ? dir : api_file_replace(dir, path, name, text, err);
	json_object_put(o);
	return r;
}

static int read_file(int dir, const char *name, struct buf *ret, struct bh_err *err)
{
	auto_fd int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	int r;

	if (fd < 0)
		return bh_err_errno(err, -errno, "state file %s", name);
	r = buf_read(ret, fd);
	if (r == -E2BIG)
		return bh_err_set(err, r, "state file %s: larger than %zu bytes", name, ret->max);
	return r < 0 ? bh_err_errno(err, r, "state file %s", name) : 0;
}

static int parse_file(const char *name, const struct buf *text, struct api_endpoint *ret, struct bh_err *err)
{
	struct json_object *o = text->len ? json_tokener_parse(text->data) : NULL;
	struct bh_err why;
	char own[HEX + sizeof(SUFFIX)];
	int r;

	if (!o)
		return bh_err_set(err, -EINVAL, "state file %s: not JSON", name);
	r = api_endpoint_decode(o, ret, &why);
	json_object_put(o);
	if (r < 0)
		return r == -ENOMEM ? r : bh_err_set(err, r, "state file %s: %s", name, why.msg);
	file_name(&ret->e->key, own);
	if (!strcmp(own, name))
		return 0;
	endpoint_free(ret->e);
	ret->e = NULL;
	return bh_err_set(err, -EINVAL, "state file %s: holds the record of another owner", name);
}

static int load_from(int dir, const char *name, struct api_endpoint *ret, struct bh_err *err)
{
	auto_buf struct buf text = BUF_INIT(API_LINE_MAX);
	struct api_endpoint a = { 0 };
	int r = read_file(dir, name, &text, err);

	if (!r)
		r = parse_file(name, &text, &a, err);
	if (!r)
		*ret = a;
	return r;
}

int api_endpoint_load(const char *run_dir, const struct hash128 *key, struct api_endpoint *ret,
		      struct bh_err *err)
{
	auto_fd int dir = open_dir(run_dir, false, err);
	char name[HEX + sizeof(SUFFIX)];

	if (dir < 0)
		return dir;
	file_name(key, name);
	return load_from(dir, name, ret, err);
}

/* Ours: the key, a dot, and "json" or the number of a process that was killed while it wrote. */
static bool is_of(const char *name, const char *hex)
{
	return !strncmp(name, hex, HEX) && name[HEX] == '.';
}

static int open_list(int dir, DIR **ret, struct bh_err *err)
{
	auto_fd int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);

	if (!d)
		return bh_err_errno(err, -errno, "cannot list the state files");
	(void)TAKE_FD(fd);
	*ret = d;
	return 0;
}

int api_endpoint_remove(const char *run_dir, const struct hash128 *key, struct bh_err *err)
{
	auto_fd int dir = open_dir(run_dir, false, err);
	struct dirent *entry;
	DIR *d = NULL;
	char hex[33];
	int r;

	if (dir < 0)
		return dir == -ENOENT || dir == -ENOTDIR ? 0 : dir;
	r = open_list(dir, &d, err);
	if (r < 0)
		return r;
	hash128_hex(key, hex);
	while ((entry = readdir(d)))
		if (is_of(entry->d_name, hex) && unlinkat(dir, entry->d_name, 0) < 0 && errno != ENOENT)
			r = bh_err_errno(err, -errno, "cannot remove state file %s", entry->d_name);
	(void)closedir(d);
	return r;
}

static bool is_record(const char *name)
{
	return strlen(name) == HEX + strlen(SUFFIX) && !strcmp(name + HEX, SUFFIX) &&
	       strspn(name, "0123456789abcdef") == HEX;
}

static void give(int dir, const char *name,
		 void (*each)(void *ctx, const struct api_endpoint *e, const struct bh_err *bad), void *ctx)
{
	struct api_endpoint e = { 0 };
	struct bh_err bad = { "out of memory" };
	const int r = load_from(dir, name, &e, &bad);

	if (r == -ENOENT)
		return; /* removed since it was listed */
	each(ctx, r < 0 ? NULL : &e, r < 0 ? &bad : NULL);
	endpoint_free(e.e);
}

int api_endpoint_each(const char *run_dir,
		      void (*each)(void *ctx, const struct api_endpoint *e, const struct bh_err *bad),
		      void *ctx, struct bh_err *err)
{
	auto_fd int dir = open_dir(run_dir, false, err);
	struct dirent *entry;
	DIR *d = NULL;
	int r;

	if (dir < 0)
		return dir == -ENOENT ? 0 : dir;
	r = open_list(dir, &d, err);
	if (r < 0)
		return r;
	while ((entry = readdir(d)))
		if (is_record(entry->d_name))
			give(dir, entry->d_name, each, ctx);
	(void)closedir(d);
	return 0;
}
