/* SPDX-License-Identifier: Apache-2.0 */
/* kubeconfig files and service accounts: what is taken, and what is refused by its name. */
#include "kube/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DIR_TEMPLATE "/tmp/bh-config-test.XXXXXX"

static char dir[sizeof(DIR_TEMPLATE)];
static char path[64];

static void write_file(const char *name, const char *text)
{
	char at[128];
	FILE *f;

	(void)snprintf(at, sizeof(at), "%s/%s", dir, name);
	f = fopen(at, "w");
	assert_non_null(f);
	assert_int_equal(fputs(text, f) < 0, 0);
	assert_int_equal(fclose(f), 0);
}

static int setup(void **state)
{
	(void)state;
	memcpy(dir, DIR_TEMPLATE, sizeof(dir));
	if (!mkdtemp(dir))
		return -1;
	(void)snprintf(path, sizeof(path), "%s/kubeconfig", dir);
	return 0;
}

static int teardown(void **state)
{
	static const char *const names[] = { "kubeconfig", "token", "ca.crt" };
	char at[128];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		(void)snprintf(at, sizeof(at), "%s/%s", dir, names[i]);
		(void)unlink(at);
	}
	return rmdir(dir);
}

#define HEAD                                                                                                 \
	"apiVersion: v1\nkind: Config\ncurrent-context: here\n"                                              \
	"contexts:\n- {name: there, context: {cluster: x, user: y}}\n"                                       \
	"- {name: here, context: {cluster: c, user: u}}\n"
#define CLUSTER                                                                                              \
	"clusters:\n- name: c\n  cluster: {server: 'https://[::1]:6443/', certificate-authority: ca.crt}\n"
#define USER "users:\n- name: u\n  user: {tokenFile: token}\n"

static int load(const char *text, struct kube_config *ret, struct bh_err *err)
{
	write_file("kubeconfig", text);
	return kube_config_load(path, ret, err);
}

static void paths_begin_at_the_file(void **state)
{
	struct kube_config c = {};
	struct bh_err err;
	char wanted[128];

	(void)state;
	assert_int_equal(load(HEAD CLUSTER USER, &c, &err), 0);
	assert_string_equal(c.server, "https://[::1]:6443");
	(void)snprintf(wanted, sizeof(wanted), "%s/ca.crt", dir);
	assert_string_equal(c.ca_file, wanted);
	(void)snprintf(wanted, sizeof(wanted), "%s/token", dir);
	assert_string_equal(c.token_file, wanted);
	assert_null(c.token);
	assert_null(c.cert);
	kube_config_done(&c);
}

static void data_is_decoded(void **state)
{
	struct kube_config c = {};
	struct bh_err err;

	(void)state;
	assert_int_equal(load(HEAD "clusters:\n- name: c\n  cluster: {server: 'https://h', "
				   "certificate-authority-data: Zm9v, certificate-authority: /else}\n"
				   "users:\n- name: u\n  user: {client-certificate-data: Zm8=, "
				   "client-key-data: Zg==}\n",
			      &c, &err),
			 0);
	assert_string_equal(c.ca, "foo");
	assert_null(c.ca_file);
	assert_string_equal(c.cert, "fo");
	assert_string_equal(c.key, "f");
	kube_config_done(&c);
}

static void refuses_by_name(void **state)
{
#define WITH_CLUSTER(fields) HEAD "clusters:\n- {name: c, cluster: {" fields "}}\n" USER
#define WITH_USER(fields)    HEAD CLUSTER "users:\n- {name: u, user: {" fields "}}\n"
	static const char *const rows[][2] = {
		{ WITH_CLUSTER("server: 'http://h', certificate-authority: a"),
		  "clusters 'c': server 'http://h' is not https://" },
		{ WITH_CLUSTER("certificate-authority: a"), "clusters 'c': server '' is not https://" },
		{ WITH_CLUSTER("server: 'https://h'"), "clusters 'c': certificate-authority is missing" },
		{ WITH_CLUSTER("server: 'https://h', insecure-skip-tls-verify: true"),
		  "clusters 'c': insecure-skip-tls-verify is not supported" },
		{ WITH_CLUSTER("server: 'https://h', proxy-url: 'http://p'"),
		  "clusters 'c': proxy-url is not supported" },
		{ WITH_CLUSTER("server: 'https://h', certificate-authority-data: '%'"),
		  "clusters 'c': certificate-authority-data is not base 64" },
		{ WITH_CLUSTER("server: [1]"), "clusters 'c': server is a list, not a text" },
		{ WITH_USER("exec: {command: aws}"), "users 'u': exec is not supported" },
		{ WITH_USER("username: me"), "users 'u': username is not supported" },
		{ WITH_USER("client-key: k, token: t"),
		  "users 'u': client-certificate and client-key go together" },
		{ WITH_USER(""), "users 'u': neither token nor client-certificate" },
		{ "current-context: nowhere\n", "current-context 'nowhere' is not among contexts" },
		{ "{}\n", "current-context '' is not among contexts" },
		{ "a: 1\n---\nb: 2\n", "not one document" },
	};
	struct kube_config c = {};
	char wanted[256];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct bh_err err = {};

		assert_int_equal(load(rows[i][0], &c, &err), -EINVAL);
		(void)snprintf(wanted, sizeof(wanted), "%s: %s", path, rows[i][1]);
		assert_string_equal(err.msg, wanted);
		assert_null(c.server);
	}
}

static void false_is_not_refused(void **state)
{
	struct kube_config c = {};
	struct bh_err err;

	(void)state;
	assert_int_equal(load(WITH_CLUSTER("server: 'https://h', certificate-authority: a, "
					   "insecure-skip-tls-verify: false"),
			      &c, &err),
			 0);
	kube_config_done(&c);
}

static void files_are_read_each_time(void **state)
{
	struct kube_credentials k = {};
	struct kube_config c = {};
	struct bh_err err;

	(void)state;
	assert_int_equal(load(HEAD CLUSTER USER, &c, &err), 0);
	write_file("ca.crt", "CA\n");
	write_file("token", "one\n");
	assert_int_equal(kube_credentials_read(&c, &k, &err), 0);
	assert_string_equal(k.ca, "CA\n");
	assert_string_equal(k.token, "one");
	kube_credentials_done(&k);
	write_file("token", "two");
	assert_int_equal(kube_credentials_read(&c, &k, &err), 0);
	assert_string_equal(k.token, "two");
	kube_credentials_done(&k);
	kube_config_done(&c);
}

/* A line end inside would be one more header. */
static void a_token_is_one_line(void **state)
{
	static const char *const rows[][2] = {
		{ "", "empty" },
		{ "\n", "empty" },
		{ "a\r\nX-Evil: 1\n", "not a token" },
		{ "a b", "not a token" },
	};
	struct kube_credentials k = {};
	struct kube_config c = {};
	struct bh_err err;
	char wanted[128];
	size_t i;

	(void)state;
	assert_int_equal(load(HEAD CLUSTER USER, &c, &err), 0);
	write_file("ca.crt", "CA\n");
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		write_file("token", rows[i][0]);
		assert_int_equal(kube_credentials_read(&c, &k, &err), -EINVAL);
		(void)snprintf(wanted, sizeof(wanted), "%s/token: %s", dir, rows[i][1]);
		assert_string_equal(err.msg, wanted);
		assert_null(k.ca);
	}
	kube_config_done(&c);
}

static void what_is_missing_is_named(void **state)
{
	struct kube_credentials k = {};
	struct kube_config c = {};
	struct bh_err err;
	char wanted[128];

	(void)state;
	(void)snprintf(wanted, sizeof(wanted), "cannot read '%s': No such file or directory", path);
	assert_int_equal(kube_config_load(path, &c, &err), -ENOENT);
	assert_string_equal(err.msg, wanted);
	assert_int_equal(load(HEAD CLUSTER USER, &c, &err), 0);
	assert_int_equal(kube_credentials_read(&c, &k, &err), -ENOENT);
	(void)snprintf(wanted, sizeof(wanted), "cannot read '%s/ca.crt': No such file or directory", dir);
	assert_string_equal(err.msg, wanted);
	kube_config_done(&c);
}

static void the_cluster_tells_its_pods(void **state)
{
	struct kube_config c = {};
	struct bh_err err;

	(void)state;
	(void)unsetenv("KUBERNETES_SERVICE_HOST");
	(void)setenv("KUBERNETES_SERVICE_PORT", "443", 1);
	assert_int_equal(kube_config_in_cluster(&c, &err), -ENOENT);
	(void)setenv("KUBERNETES_SERVICE_HOST", "10.96.0.1", 1);
	assert_int_equal(kube_config_in_cluster(&c, &err), 0);
	assert_string_equal(c.server, "https://10.96.0.1:443");
	assert_string_equal(c.token_file, "/var/run/secrets/kubernetes.io/serviceaccount/token");
	kube_config_done(&c);
	(void)setenv("KUBERNETES_SERVICE_HOST", "fd00::1", 1);
	assert_int_equal(kube_config_in_cluster(&c, &err), 0);
	assert_string_equal(c.server, "https://[fd00::1]:443");
	kube_config_done(&c);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(paths_begin_at_the_file),	TEST(data_is_decoded),
		TEST(refuses_by_name),		TEST(false_is_not_refused),
		TEST(files_are_read_each_time), TEST(a_token_is_one_line),
		TEST(what_is_missing_is_named), TEST(the_cluster_tells_its_pods),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
