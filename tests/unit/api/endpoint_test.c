/* SPDX-License-Identifier: Apache-2.0 */
/* Endpoint records: keys that cannot collide, the JSON form both ways, and the state files. */
#include "api/api.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <json-c/json.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define GOOD                                                                                                         \
	"{\"network\":\"podnet\",\"container\":\"c1\",\"ifname\":\"eth0\",\"netns\":\"/run/netns/"                   \
	"x\",\"ifindex\":7,"                                                                                         \
	"\"mac\":\"02:00:00:00:00:0a\",\"addrs\":[\"10.0.0.2\",\"fd00::2\",\"fe80::1\"],"                            \
	"\"peer\":2,\"nsid\":3,\"pod\":{\"namespace\":\"shop\",\"name\":\"web\",\"uid\":\"u1\"},\"attach\":\"tcx\"," \
	"\"unprotected\":false,\"adopted\":false}"

static char run_dir[64];

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *f)
{
	(void)st;
	(void)flag;
	(void)f;
	return remove(path);
}

static int make_run_dir(void **state)
{
	(void)state;
	(void)snprintf(run_dir, sizeof(run_dir), "/tmp/bh-endpoint-%d", (int)getpid());
	return 0;
}

static int drop_run_dir(void **state)
{
	(void)state;
	(void)nftw(run_dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	return 0;
}

static int decode(const char *text, struct api_endpoint *ret, struct bh_err *err)
{
	struct json_object *o = json_tokener_parse(text);
	int r;

	assert_non_null(o);
	r = api_endpoint_decode(o, ret, err);
	json_object_put(o);
	return r;
}

static struct api_endpoint record(void)
{
	struct api_endpoint e = { 0 };

	assert_int_equal(decode(GOOD, &e, NULL), 0);
	return e;
}

static void path_of(const struct api_endpoint *e, char *ret, size_t size)
{
	char hex[33];

	hash128_hex(&e->e->key, hex);
	(void)snprintf(ret, size, "%s/" API_ENDPOINTS "/%s.json", run_dir, hex);
}

static void write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

/* Each part ends in its NUL, so that no two triples run together into the same bytes. */
static void keys_are_injective(void **state)
{
	static const char *const triples[][3] = {
		{ "a", "b", "c" },	     { "ab", "c", "" },		  { "a", "bc", "" },
		{ "", "abc", "" },	     { "", "ab", "c" },		  { "abc", "", "" },
		{ "", "", "abc" },	     { "a", "", "bc" },		  { "b", "a", "c" },
		{ "deny-me-x", "ns1", "e" }, { "deny", "me-x-ns1", "e" },
	};
	size_t i, j;

	(void)state;
	for (i = 0; i < sizeof(triples) / sizeof(*triples); i++) {
		const struct hash128 a = api_endpoint_key(triples[i][0], triples[i][1], triples[i][2]);

		for (j = 0; j < sizeof(triples) / sizeof(*triples); j++) {
			const struct hash128 b =
				api_endpoint_key(triples[j][0], triples[j][1], triples[j][2]);

			assert_int_equal(!hash128_cmp(&a, &b), i == j);
		}
	}
}

/* The key names pins and files that outlive an upgrade: sha256("podnet\0c1\0eth0\0"), by sha256sum. */
static void key_never_changes(void **state)
{
	const struct hash128 k = api_endpoint_key("podnet", "c1", "eth0");
	char hex[33];

	(void)state;
	hash128_hex(&k, hex);
	assert_string_equal(hex, "5426cf442a82edd296f5d85082506c24");
}

static void decodes_every_field(void **state)
{
	const struct hash128 key = api_endpoint_key("podnet", "c1", "eth0");
	struct api_endpoint e = record();
	char text[ADDR_TEXT];

	(void)state;
	assert_int_equal(hash128_cmp(&e.e->key, &key), 0);
	assert_string_equal(e.e->network, "podnet");
	assert_string_equal(e.e->container, "c1");
	assert_string_equal(e.e->ifname, "eth0");
	assert_string_equal(e.e->netns, "/run/netns/x");
	assert_int_equal(e.e->ifindex, 7);
	assert_memory_equal(e.e->mac, "\x02\0\0\0\0\x0a", 6);
	assert_int_equal(e.e->addrs.n, 3);
	assert_string_equal(addr_text(&e.e->addrs.v[0], text), "10.0.0.2");
	assert_string_equal(addr_text(&e.e->addrs.v[2], text), "fe80::1");
	assert_string_equal(e.e->ns, "shop");
	assert_string_equal(e.e->pod, "web");
	assert_string_equal(e.e->uid, "u1");
	assert_string_equal(e.attach, "tcx");
	assert_false(e.unprotected);
	endpoint_free(e.e);
}

static void encodes_what_it_decoded(void **state)
{
	struct api_endpoint e = record();
	struct json_object *o = api_endpoint_encode(&e), *want = json_tokener_parse(GOOD);

	(void)state;
	assert_non_null(o);
	assert_true(json_object_equal(o, want));
	json_object_put(o);
	json_object_put(want);
	endpoint_free(e.e);
}

/* A field of GOOD is replaced (or, with value NULL, removed), and the message names it. */
static void bad_fields_are_named(void **state)
{
	static const struct {
		const char *field, *value, *says;
	} rows[] = {
		{ "network", NULL, "network: missing" },
		{ "network", "\"\"", "network: empty" },
		{ "network", "7", "network: not a string" },
		{ "container", "\"a\\u0000b\"", "container: holds a NUL" },
		{ "ifname", "null", "ifname: empty" },
		{ "netns", "[]", "netns: not a string" },
		{ "ifindex", NULL, "ifindex" },
		{ "peer", "-1", "peer: -1 is out of range" },
		{ "nsid", "\"0\"", "nsid: missing or not a number" },
		{ "adopted", "1", "adopted: neither true nor false" },
		{ "ifindex", "\"7\"", "ifindex" },
		{ "ifindex", "-1", "ifindex: -1" },
		{ "ifindex", "2147483648", "ifindex: 2147483648" },
		{ "mac", NULL, "mac: missing" },
		{ "mac", "\"02:00:00:00:00\"", "mac: '02:00:00:00:00'" },
		{ "mac", "\"02:00:00:00:00:0g\"", "mac: '02" },
		{ "mac", "\"02:00:00:00:00:01:02\"", "mac: '02" },
		{ "addrs", NULL, "addrs: missing" },
		{ "addrs", "\"10.0.0.2\"", "addrs: missing or not a list" },
		{ "addrs", "[\"10.0.0.2\",\"10.0.0.300\"]", "addrs[1]: '10.0.0.300'" },
		{ "addrs", "[7]", "addrs[0]" },
		{ "addrs", "[\"10.0.0.2/24\"]", "addrs[0]: '10.0.0.2/24'" },
		{ "pod", NULL, "pod: missing" },
		{ "pod", "{\"namespace\":\"shop\"}", "name: missing" },
		{ "attach", "\"xdp\"", "attach: 'xdp'" },
		{ "unprotected", "\"yes\"", "unprotected" },
	};
	struct api_endpoint e = { 0 };
	struct json_object *o;
	struct bh_err err;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		o = json_tokener_parse(GOOD);
		json_object_object_del(o, rows[i].field);
		if (rows[i].value)
			json_object_object_add(o, rows[i].field, json_tokener_parse(rows[i].value));
		err.msg[0] = '\0';
		assert_int_equal(api_endpoint_decode(o, &e, &err), -EINVAL);
		if (!strstr(err.msg, rows[i].says))
			fail_msg("%s: got '%s', want '%s'", rows[i].field, err.msg, rows[i].says);
		assert_null(e.e);
		json_object_put(o);
	}
}

static void unknown_and_optional_fields(void **state)
{
	struct api_endpoint e = { 0 };

	(void)state;
	assert_int_equal(decode("{\"network\":\"n\",\"container\":\"c\",\"ifname\":\"e\",\"ifindex\":0,"
				"\"mac\":\"02:00:00:00:00:01\",\"addrs\":[],\"later\":{\"x\":1},"
				"\"pod\":{\"namespace\":\"a\",\"name\":\"b\"}}",
				&e, NULL),
			 0);
	assert_string_equal(e.e->netns, "");
	assert_string_equal(e.e->uid, "");
	assert_string_equal(e.attach, "");
	assert_int_equal(e.e->ifindex, 0);
	endpoint_free(e.e);
}

static void too_many_addresses(void **state)
{
	struct json_object *o = json_tokener_parse(GOOD), *list = json_object_new_array();
	struct api_endpoint e = { 0 };
	struct bh_err err;
	int i;

	(void)state;
	for (i = 0; i < 33; i++)
		json_object_array_add(list, json_object_new_string("10.0.0.2"));
	json_object_object_add(o, "addrs", list);
	assert_int_equal(api_endpoint_decode(o, &e, &err), -EINVAL);
	assert_non_null(strstr(err.msg, "addrs: over 32"));
	json_object_put(o);
}

static void saves_and_loads(void **state)
{
	struct api_endpoint e = record(), back = { 0 };
	struct json_object *a, *b;
	char path[160];
	struct stat st;

	(void)state;
	assert_int_equal(api_endpoint_load(run_dir, &e.e->key, &back, NULL), -ENOENT);
	assert_int_equal(api_endpoint_save(run_dir, &e, NULL), 0);
	assert_int_equal(api_endpoint_save(run_dir, &e, NULL), 0);
	path_of(&e, path, sizeof(path));
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(stat(run_dir, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);

	assert_int_equal(api_endpoint_load(run_dir, &e.e->key, &back, NULL), 0);
	a = api_endpoint_encode(&e);
	b = api_endpoint_encode(&back);
	assert_true(json_object_equal(a, b));
	json_object_put(a);
	json_object_put(b);
	endpoint_free(back.e);
	endpoint_free(e.e);
}

/* What a writer leaves that was killed half-way goes with the record. */
static void remove_takes_leftovers(void **state)
{
	struct api_endpoint e = record();
	char path[160];

	(void)state;
	assert_int_equal(api_endpoint_remove(run_dir, &e.e->key, NULL), 0);
	assert_int_equal(api_endpoint_save(run_dir, &e, NULL), 0);
	path_of(&e, path, sizeof(path));
	strcpy(strrchr(path, '.'), ".12345");
	write_file(path, "{\"net");
	assert_int_equal(api_endpoint_remove(run_dir, &e.e->key, NULL), 0);
	assert_int_equal(access(path, F_OK), -1);
	path_of(&e, path, sizeof(path));
	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(api_endpoint_remove(run_dir, &e.e->key, NULL), 0);
	endpoint_free(e.e);
}

static void bad_files_are_told(void **state)
{
	static const char *const texts[] = { "", "{\"net", "[]", "{}" };
	static char huge[API_LINE_MAX + 2];
	struct api_endpoint e = record(), back = { 0 };
	struct bh_err err;
	char path[160];
	size_t i;

	(void)state;
	assert_int_equal(api_endpoint_save(run_dir, &e, NULL), 0);
	path_of(&e, path, sizeof(path));
	for (i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		write_file(path, texts[i]);
		assert_int_equal(api_endpoint_load(run_dir, &e.e->key, &back, &err), -EINVAL);
		assert_non_null(strstr(err.msg, "state file "));
		assert_null(back.e);
	}
	memset(huge, ' ', sizeof(huge) - 1);
	write_file(path, huge);
	assert_int_equal(api_endpoint_load(run_dir, &e.e->key, &back, &err), -E2BIG);
	assert_non_null(strstr(err.msg, "larger than 65536 bytes"));
	endpoint_free(e.e);
}

static void another_owners_record_is_refused(void **state)
{
	const struct hash128 other = api_endpoint_key("podnet", "c2", "eth0");
	struct api_endpoint e = record(), back = { 0 };
	char from[160], to[160], hex[33];
	struct bh_err err;

	(void)state;
	assert_int_equal(api_endpoint_save(run_dir, &e, NULL), 0);
	path_of(&e, from, sizeof(from));
	hash128_hex(&other, hex);
	(void)snprintf(to, sizeof(to), "%s/" API_ENDPOINTS "/%s.json", run_dir, hex);
	assert_int_equal(rename(from, to), 0);
	assert_int_equal(api_endpoint_load(run_dir, &other, &back, &err), -EINVAL);
	assert_non_null(strstr(err.msg, "another owner"));
	endpoint_free(e.e);
}

static void links_are_not_followed(void **state)
{
	struct api_endpoint e = record(), back = { 0 };
	char path[160], target[160];

	(void)state;
	assert_int_equal(api_endpoint_save(run_dir, &e, NULL), 0);
	path_of(&e, path, sizeof(path));
	(void)snprintf(target, sizeof(target), "%s/elsewhere", run_dir);
	assert_int_equal(rename(path, target), 0);
	assert_int_equal(symlink(target, path), 0);
	assert_int_equal(api_endpoint_load(run_dir, &e.e->key, &back, NULL), -ELOOP);
	endpoint_free(e.e);
}

struct seen {
	int good, bad;
};

static void count(void *ctx, const struct api_endpoint *e, const struct bh_err *bad)
{
	struct seen *s = ctx;

	s->good += e && !bad;
	s->bad += !e && bad && strstr(bad->msg, "state file ");
}

static void each_tells_good_and_bad(void **state)
{
	struct api_endpoint e = record();
	struct seen s = { 0 };
	char path[160];

	(void)state;
	assert_int_equal(api_endpoint_each(run_dir, count, &s, NULL), 0);
	assert_int_equal(s.good + s.bad, 0);
	assert_int_equal(api_endpoint_save(run_dir, &e, NULL), 0);
	path_of(&e, path, sizeof(path));
	strcpy(strrchr(path, '.'), ".4711");
	write_file(path, "half");
	(void)snprintf(path, sizeof(path), "%s/" API_ENDPOINTS "/%032d.json", run_dir, 0);
	write_file(path, "half");
	(void)snprintf(path, sizeof(path), "%s/" API_ENDPOINTS "/README", run_dir);
	write_file(path, "not ours");
	assert_int_equal(api_endpoint_each(run_dir, count, &s, NULL), 0);
	assert_int_equal(s.good, 1);
	assert_int_equal(s.bad, 1);
	endpoint_free(e.e);
}

static void long_run_dir(void **state)
{
	struct api_endpoint e = record();
	char dir[600];
	struct bh_err err;

	(void)state;
	memset(dir, 'a', sizeof(dir) - 1);
	dir[0] = '/';
	dir[sizeof(dir) - 1] = '\0';
	assert_int_equal(api_endpoint_save(dir, &e, &err), -ENAMETOOLONG);
	endpoint_free(e.e);
}

#define with_dir(f) cmocka_unit_test_setup_teardown(f, make_run_dir, drop_run_dir)

/* Who cannot write one says where. */
static void save_says_where(void **state)
{
	struct api_endpoint e = record();
	struct bh_err err = { "" };
	char path[256], want[300];

	(void)state;
	assert_int_equal(api_endpoint_save(run_dir, &e, NULL), 0);
	path_of(&e, path, sizeof(path));
	(void)sprintf(strrchr(path, '.'), ".%d", (int)getpid());
	assert_int_equal(mkdir(path, 0700), 0); /* where its first name should be */
	assert_int_equal(api_endpoint_save(run_dir, &e, &err), -EEXIST);
	(void)snprintf(want, sizeof(want), "cannot make state file %s: File exists", path);
	assert_string_equal(err.msg, want);
	endpoint_free(e.e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_are_injective),
		cmocka_unit_test(key_never_changes),
		cmocka_unit_test(decodes_every_field),
		cmocka_unit_test(encodes_what_it_decoded),
		cmocka_unit_test(bad_fields_are_named),
		cmocka_unit_test(unknown_and_optional_fields),
		cmocka_unit_test(too_many_addresses),
		with_dir(saves_and_loads),
		with_dir(remove_takes_leftovers),
		with_dir(bad_files_are_told),
		with_dir(another_owners_record_is_refused),
		with_dir(links_are_not_followed),
		with_dir(each_tells_good_and_bad),
		cmocka_unit_test(long_run_dir),
		with_dir(save_says_where),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
