/* SPDX-License-Identifier: Apache-2.0 */
/* Real directories: which file is chosen, what is written, what is left alone, and what failing leaves. */
#include "chain/chain.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "chain/file.h"
#include "chain/find.h"
#include "util/buf.h"
#include "util/scope.h"

#define LIST(main) "{\"cniVersion\":\"1.0.0\",\"name\":\"n\",\"plugins\":[{\"type\":\"" main "\"}]}\n"
#define CHAINED(main)                                                                                        \
	"{\"cniVersion\":\"1.0.0\",\"name\":\"n\",\"plugins\":[{\"type\":\"" main                            \
	"\"},{\"type\": \"bulkhead\"}]}\n"
#define SINGLE(main) "{\"cniVersion\":\"1.0.0\",\"name\":\"n\",\"type\":\"" main "\"}\n"

static char root[64], conf[96], bin[96], plugin[96];
static struct chain_options opt;

static const char *at(const char *dir, const char *name)
{
	static char path[4][PATH_MAX];
	static unsigned int turn;
	char *ret = path[turn++ % 4];

	(void)snprintf(ret, PATH_MAX, "%s/%s", dir, name);
	return ret;
}

static void put(const char *dir, const char *name, const char *text)
{
	FILE *f = fopen(at(dir, name), "w");

	assert_non_null(f);
	assert_int_not_equal(fputs(text, f), EOF);
	assert_int_equal(fclose(f), 0);
}

static void assert_file(const char *dir, const char *name, const char *want)
{
	auto_buf struct buf is = BUF_INIT(1 << 20);
	auto_fd int fd = open(at(dir, name), O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		fail_msg("no %s/%s", dir, name);
	assert_int_equal(buf_read(&is, fd), 0);
	assert_string_equal(is.data, want);
}

static bool is_there(const char *dir, const char *name)
{
	return !access(at(dir, name), F_OK);
}

static size_t count(const char *dir)
{
	DIR *d = opendir(dir);
	size_t n = 0;

	assert_non_null(d);
	while (readdir(d))
		n++;
	(void)closedir(d);
	return n - 2;
}

static int set_up(void **state)
{
	(void)state;
	(void)snprintf(root, sizeof(root), "/tmp/bh-chain-XXXXXX");
	if (!mkdtemp(root))
		return -1;
	(void)snprintf(conf, sizeof(conf), "%s/net.d", root);
	(void)snprintf(bin, sizeof(bin), "%s/bin", root);
	(void)snprintf(plugin, sizeof(plugin), "%s/plugin", root);
	opt = (struct chain_options){ .conf_dir = conf, .bin_dir = bin, .plugin = plugin };
	put(root, "plugin", "the plugin");
	return mkdir(conf, 0755) || mkdir(bin, 0755);
}

static int tear_down(void **state)
{
	char command[128];

	(void)state;
	(void)snprintf(command, sizeof(command), "rm -rf '%s'", root);
	return system(command); /* NOLINT: a path of ours */
}

static struct chain_status look(void)
{
	struct chain_status st = { 0 };
	struct bh_err err;

	assert_int_equal(chain_look(&opt, &st, &err), 0);
	return st;
}

static void install_is(int want)
{
	struct bh_err err = { "" };
	const int r = chain_install(&opt, &err);

	if (r != want)
		fail_msg("%d, not %d: %s", r, want, err.msg);
}

static void install_says(int want, const char *why)
{
	struct bh_err err = { "" };

	assert_int_equal(chain_install(&opt, &err), want);
	if (!strstr(err.msg, why))
		fail_msg("'%s' is not in '%s'", why, err.msg);
}

static void remove_is(int want)
{
	struct bh_err err = { "" };
	const int r = chain_remove(&opt, &err);

	if (r != want)
		fail_msg("%d, not %d: %s", r, want, err.msg);
}

/* ---- the usual ---------------------------------------------------------------------------- */

static void in_and_out(void **state)
{
	struct stat a, b;

	(void)state;
	put(conf, "10-net.conflist", LIST("bridge"));
	assert_int_equal(chmod(at(conf, "10-net.conflist"), 0640), 0);
	if (!geteuid())
		assert_int_equal(chown(at(conf, "10-net.conflist"), 12, 34), 0);
	assert_false(look().chained);
	install_is(1);
	assert_file(conf, "10-net.conflist", CHAINED("bridge"));
	assert_file(bin, "bulkhead", "the plugin");
	assert_int_equal(stat(at(bin, "bulkhead"), &a), 0);
	assert_int_equal(a.st_mode & 07777, 0755);
	assert_int_equal(stat(at(conf, "10-net.conflist"), &a), 0);
	assert_int_equal(a.st_mode & 07777, 0640);
	if (!geteuid())
		assert_true(a.st_uid == 12 && a.st_gid == 34);
	assert_true(look().chained);
	assert_string_equal(look().main_type, "bridge");
	assert_string_equal(look().network, "n");

	install_is(0); /* and nothing was written */
	assert_int_equal(stat(at(conf, "10-net.conflist"), &b), 0);
	assert_true(a.st_ino == b.st_ino && a.st_mtim.tv_nsec == b.st_mtim.tv_nsec);
	assert_int_equal(count(conf), 1);
	assert_int_equal(count(bin), 1);

	remove_is(1);
	assert_file(conf, "10-net.conflist", LIST("bridge"));
	assert_true(is_there(bin, "bulkhead"));
	remove_is(0);
}

static void only_what_the_runtime_loads(void **state)
{
	static const struct {
		const char *files[4], *loaded;
	} rows[] = {
		{ { "20-b.conflist", "10-a.conflist" }, "10-a.conflist" },
		{ { "9-a.conflist", "10-a.conflist" }, "10-a.conflist" }, /* bytewise, not as numbers */
		{ { "b.conflist", "B.conflist" }, "B.conflist" },
		{ { "10-a.conflist", "00-x.conflist.bak", "01-y.txt", "02-z" }, "10-a.conflist" },
		{ { "10-a.conflist", ".hidden.conflist" }, ".hidden.conflist" }, /* Go hides no file */
	};
	size_t i, j;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		for (j = 0; j < 4 && rows[i].files[j]; j++)
			put(conf, rows[i].files[j], LIST("bridge"));
		install_is(1);
		for (j = 0; j < 4 && rows[i].files[j]; j++) {
			const char *name = rows[i].files[j];

			assert_file(conf, name,
				    strcmp(name, rows[i].loaded) ? LIST("bridge") : CHAINED("bridge"));
			assert_int_equal(unlink(at(conf, name)), 0);
		}
	}
	assert_int_equal(mkdir(at(conf, "00-dir.conflist"), 0755), 0);
	put(conf, "10-a.conflist", LIST("ptp"));
	install_is(1);
	assert_file(conf, "10-a.conflist", CHAINED("ptp"));
}

static void a_single_plugin_is_wrapped(void **state)
{
	struct stat a, b;

	(void)state;
	put(conf, "10-a.conf", SINGLE("ptp"));
	put(conf, "10-b.conflist", LIST("bridge"));
	install_is(1);
	assert_file(conf, "10-a.conf", SINGLE("ptp"));
	assert_file(conf, "10-b.conflist", LIST("bridge"));
	assert_true(strcmp("10-a.bulkhead.conflist", "10-a.conf") < 0);
	assert_file(
		conf, "10-a.bulkhead.conflist",
		"{\n  \"cniVersion\": \"1.0.0\",\n  \"name\": \"n\",\n  \"plugins\": [\n    "
		"{\"cniVersion\":\"1.0.0\",\"name\":\"n\",\"type\":\"ptp\"},\n    {\"type\": \"bulkhead\"}\n  ]\n}\n");
	assert_non_null(strstr(look().file, "10-a.bulkhead.conflist"));
	assert_int_equal(stat(at(conf, "10-a.bulkhead.conflist"), &a), 0);
	install_is(0);
	assert_int_equal(stat(at(conf, "10-a.bulkhead.conflist"), &b), 0);
	assert_int_equal(a.st_ino, b.st_ino);

	put(conf, "10-a.conf", SINGLE("bridge")); /* rewritten: made anew */
	install_is(1);
	assert_string_equal(look().main_type, "bridge");
	assert_int_equal(unlink(at(conf, "10-a.conf")), 0); /* gone: then so is ours */
	install_is(1);
	assert_false(is_there(conf, "10-a.bulkhead.conflist"));
	assert_file(conf, "10-b.conflist", CHAINED("bridge"));

	put(conf, "10-a.conf", SINGLE("ptp"));
	install_is(1);
	remove_is(1);
	assert_false(is_there(conf, "10-a.bulkhead.conflist"));
	assert_file(conf, "10-b.conflist", LIST("bridge"));
	assert_int_equal(count(conf), 2);
}

/* What another one added to our list stays as long as the plugin in it is the same. */
static void others_may_add_to_the_wrapped_list(void **state)
{
	auto_buf struct buf text = BUF_INIT(4096);
	int fd;

	(void)state;
	put(conf, "10-a.conf", SINGLE("ptp"));
	install_is(1);
	fd = open(at(conf, "10-a.bulkhead.conflist"), O_RDONLY | O_CLOEXEC);
	assert_int_equal(buf_read(&text, fd), 0);
	(void)close(fd);
	buf_cut(&text, (size_t)(strstr(text.data, "{\"type\": \"bulkhead\"}") - text.data));
	assert_int_equal(buf_str(&text, "{\"type\":\"tuning\"}]}"), 0);
	put(conf, "10-a.bulkhead.conflist", text.data);
	assert_false(look().chained);
	install_is(1);
	assert_true(look().chained);
	buf_cut(&text, text.len - 2);
	assert_int_equal(buf_str(&text, ",\n    {\"type\": \"bulkhead\"}]}"), 0);
	assert_file(conf, "10-a.bulkhead.conflist", text.data);
}

/* ---- failures ----------------------------------------------------------------------------- */

static void what_cannot_be_read_stays_untouched(void **state)
{
	static const char broken[] = "{\n  \"cniVersion\": \"1.0.0\", // why\n}\n";

	(void)state;
	put(conf, "10-a.conflist", broken);
	put(conf, "20-b.conflist", LIST("bridge"));
	install_says(-EINVAL, "10-a.conflist': line 2, column 26: a comment; JSON has none");
	assert_file(conf, "10-a.conflist", broken);
	assert_file(conf, "20-b.conflist",
		    LIST("bridge")); /* containerd loads nothing now; it is not ours to choose */
	assert_int_equal(count(bin), 0);
	assert_non_null(strstr(look().why, "line 2, column 26"));
	assert_int_equal(count(conf), 2);
}

static void refused_by_name(void **state)
{
	const char *why;

	(void)state;
	put(conf, "10-a.conflist", LIST("cilium-cni"));
	install_says(-EOPNOTSUPP, "bpf.hostLegacyRouting");
	assert_file(conf, "10-a.conflist", LIST("cilium-cni"));
	assert_int_equal(count(bin), 0);
	put(conf, "10-a.conflist", LIST("some-new-cni"));
	install_is(1);
	assert_int_equal(look().support, CHAIN_UNKNOWN);
	assert_int_equal(chain_support_of("bridge", &why), CHAIN_SUPPORTED);
	assert_int_equal(chain_support_of("ipvlan", &why), CHAIN_REFUSED);
	assert_int_equal(chain_support_of("loopback", &why), CHAIN_REFUSED);
}

static void missing_things_are_named(void **state)
{
	(void)state;
	install_says(-ENOENT, "no network configuration in '");
	put(conf, "10-a.conflist", LIST("bridge"));
	assert_int_equal(unlink(plugin), 0);
	install_says(-ENOENT, "plugin '");
	put(root, "plugin", "the plugin");
	assert_int_equal(rmdir(bin), 0);
	install_says(-ENOENT, "/bin': No such file or directory");
	assert_file(conf, "10-a.conflist", LIST("bridge"));
	assert_int_equal(mkdir(bin, 0755), 0);
	assert_int_equal(unlink(at(conf, "10-a.conflist")), 0);
	assert_int_equal(symlink("../plugin", at(conf, "10-a.conflist")), 0);
	install_says(-ELOOP, "symbolic link");
	assert_int_equal(unlink(at(conf, "10-a.conflist")), 0);
	assert_int_equal(rmdir(conf), 0);
	install_says(-ENOENT, "/net.d': No such file or directory");
	remove_is(0);
}

static void a_running_binary_is_replaced(void **state)
{
	auto_fd int busy = -1;

	(void)state;
	put(conf, "10-a.conflist", LIST("bridge"));
	put(bin, "bulkhead", "an old one");
	assert_int_equal(chmod(at(bin, "bulkhead"), 0755), 0);
	busy = open(at(bin, "bulkhead"), O_RDONLY | O_CLOEXEC);
	install_is(1);
	assert_file(bin, "bulkhead", "the plugin");
	assert_int_equal(chmod(at(bin, "bulkhead"), 0644), 0); /* nobody could run that */
	install_is(1);
	assert_true(look().chained);
}

/* ---- the entry ---------------------------------------------------------------------------- */

static void options_are_checked(void **state)
{
	static const struct {
		const char *conf, *why;
	} rows[] = {
		{ "", "--plugin-conf: line 1, column 1: the text ends too early" },
		{ "[]", "--plugin-conf: not a JSON object" },
		{ "{\"failmode\":\"open\"}", "--plugin-conf: unknown key \"failmode\"" },
		{ "{\"type\":\"x\"}", "--plugin-conf: unknown key \"type\"" },
		{ "{\"failMode\":\"close\"}", "--plugin-conf: failMode: must be closed, isolate or open" },
		{ "{\"failOpenNamespaces\":\"kube-system\"}",
		  "--plugin-conf: failOpenNamespaces: must be a list" },
		{ "{\"failOpenNamespaces\":[1]}", "--plugin-conf: failOpenNamespaces: must be a list" },
		{ "{\"timeoutMs\":0}", "--plugin-conf: timeoutMs: must be a number from 1 to 10000" },
		{ "{\"timeoutMs\":\"1\"}", "--plugin-conf: timeoutMs: must be" },
		{ "{\"attach\":\"tc\"}", "--plugin-conf: attach: must be auto, tcx or clsact" },
		{ "{\"runDir\":\"run\"}", "--plugin-conf: runDir: must be an absolute path" },
		{ "{\"timeoutMs\":1,\"timeoutMs\":2}", "--plugin-conf: timeoutMs: given twice" },
	};
	struct bh_err err;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		opt.plugin_conf = rows[i].conf;
		err.msg[0] = '\0';
		assert_int_equal(chain_options_check(&opt, &err), -EINVAL);
		if (strncmp(err.msg, rows[i].why, strlen(rows[i].why)))
			fail_msg("%s: %s", rows[i].conf, err.msg);
	}
	opt.plugin_conf = NULL;
	assert_int_equal(chain_options_check(&opt, &err), 0);
}

static void the_entry_holds_what_was_given(void **state)
{
	(void)state;
	put(conf, "10-a.conflist", LIST("bridge"));
	opt.plugin_conf = "{ \"timeoutMs\" : 500 ,\"failOpenNamespaces\":[ \"kube-system\" ] }";
	opt.run_dir = "/run/\"other\"";
	install_is(1);
	assert_file(
		conf, "10-a.conflist",
		"{\"cniVersion\":\"1.0.0\",\"name\":\"n\",\"plugins\":[{\"type\":\"bridge\"},{\"type\": \"bulkhead\", "
		"\"timeoutMs\": 500, \"failOpenNamespaces\": [ \"kube-system\" ], "
		"\"runDir\": \"/run/\\\"other\\\"\"}]}\n");
	opt.plugin_conf = opt.run_dir = NULL;
	assert_false(look().chained);
	install_is(1);
	assert_file(conf, "10-a.conflist", CHAINED("bridge"));
}

/* ---- a file beside the list --------------------------------------------------------------- */

static void drop_in_and_back(void **state)
{
	(void)state;
	put(conf, "10-a.conflist", CHAINED("bridge")); /* as patching left it */
	opt.mode = CHAIN_DROP_IN_FILE;
	assert_false(look().chained);
	install_is(1);
	assert_file(conf, "n/90-bulkhead.conf", "{\"type\": \"bulkhead\"}\n");
	assert_file(conf, "10-a.conflist", LIST("bridge"));
	assert_true(look().chained);
	install_is(0);
	opt.mode = CHAIN_PATCH;
	install_is(1);
	assert_file(conf, "10-a.conflist", CHAINED("bridge"));
	assert_false(is_there(conf, "n"));
	opt.mode = CHAIN_DROP_IN_FILE;
	install_is(1);
	remove_is(1);
	assert_false(is_there(conf, "n"));
	assert_file(conf, "10-a.conflist", LIST("bridge"));

	put(conf, "10-a.conflist",
	    "{\"cniVersion\":\"1.1.0\",\"name\":\"n\",\"loadOnlyInlinedPlugins\":true,"
	    "\"plugins\":[{\"type\":\"bridge\"}]}");
	install_says(-EOPNOTSUPP, "loadOnlyInlinedPlugins");
	assert_false(is_there(conf, "n"));
}

/* ---- at the same time --------------------------------------------------------------------- */

/* Another one wrote between our look and our write: his is kept, ours is not put over it. */
static void nothing_of_others_is_lost(void **state)
{
	auto_buf struct buf old = BUF_INIT(4096), new = BUF_INIT(4096);
	const struct stat like = { .st_mode = 0644, .st_uid = geteuid(), .st_gid = getegid() };
	auto_dir struct dir d = DIR_INIT;
	struct bh_err err = { "" };

	(void)state;
	assert_int_equal(dir_open(conf, &d, &err), 0);
	assert_int_equal(buf_str(&old, "old"), 0);
	assert_int_equal(buf_str(&new, "new"), 0);
	put(conf, "x", "newer than old");
	assert_int_equal(file_put(&d, "x", &new, &like, &old, &err), -EAGAIN);
	assert_file(conf, "x", "newer than old");
	assert_int_equal(unlink(at(conf, "x")), 0);
	assert_int_equal(file_put(&d, "x", &new, &like, &old, &err), -EAGAIN);
	assert_int_equal(count(conf), 0);
	put(conf, "x", "old");
	assert_int_equal(file_put(&d, "x", &new, &like, &old, &err), 0);
	assert_file(conf, "x", "new");
	assert_int_equal(count(conf), 1);
}

/* What a killed process left is no configuration to anybody, and is cleared away when it is old. */
static void half_written_files_are_cleared_away(void **state)
{
	static const char old[] = ".10-a.conflist.0a1b2c3d.bulkhead-new",
			  fresh[] = ".10-a.conflist.00000000.bulkhead-new";
	struct timespec long_ago[2] = { { .tv_sec = 1000000000 }, { .tv_sec = 1000000000 } };

	(void)state;
	assert_false(find_is_conf(old));
	assert_true(find_is_conf(".10-a.conflist"));
	put(conf, "10-a.conflist", LIST("bridge"));
	put(conf, old, "{");
	put(conf, fresh, "{");
	put(bin, old, "x");
	assert_int_equal(utimensat(AT_FDCWD, at(conf, old), long_ago, 0), 0);
	assert_int_equal(utimensat(AT_FDCWD, at(bin, old), long_ago, 0), 0);
	install_is(1);
	remove_is(1);
	assert_true(is_there(conf, fresh) && !is_there(conf, old) && !is_there(bin, old));
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(in_and_out),
		TEST(only_what_the_runtime_loads),
		TEST(a_single_plugin_is_wrapped),
		TEST(others_may_add_to_the_wrapped_list),
		TEST(what_cannot_be_read_stays_untouched),
		TEST(refused_by_name),
		TEST(missing_things_are_named),
		TEST(a_running_binary_is_replaced),
		TEST(options_are_checked),
		TEST(the_entry_holds_what_was_given),
		TEST(drop_in_and_back),
		TEST(nothing_of_others_is_lost),
		TEST(half_written_files_are_cleared_away),
	};

	return cmocka_run_group_tests_name("install", tests, NULL, NULL);
}
