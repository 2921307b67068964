/* SPDX-License-Identifier: Apache-2.0 */
/* The follower in a loop of its own: that it leaves when told, stays when freed, and what it tells. */
#include "chain/chain.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "loop.h"
#include "util/buf.h"
#include "util/clock.h"
#include "util/scope.h"

#define LIST "{\"cniVersion\":\"1.0.0\",\"name\":\"n\",\"plugins\":[{\"type\":\"bridge\"}]}\n"
#define CHAINED                                                                                              \
	"{\"cniVersion\":\"1.0.0\",\"name\":\"n\",\"plugins\":[{\"type\":\"bridge\"},{\"type\": \"bulkhead\"}]}\n"
#define WAIT_MS 5000

static char root[64], file[96], conf[80], bin[80], plugin[96];
static struct chain_options opt;
static struct loop *loop;
static struct chain *chain;
static char told[256]; /* the reasons, in turn */
static bool (*until)(void);
static struct loop_timer timer;
static int64_t give_up_ms;

static void put(const char *path, const char *text)
{
	char temp[128];
	FILE *f;

	(void)snprintf(temp, sizeof(temp), "%s.new", path);
	f = fopen(temp, "w");
	assert_non_null(f);
	assert_int_not_equal(fputs(text, f), EOF);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(rename(temp, path), 0);
}

static bool holds(const char *want)
{
	auto_buf struct buf is = BUF_INIT(65536);
	auto_fd int fd = open(file, O_RDONLY | O_CLOEXEC);

	return fd >= 0 && !buf_read(&is, fd) && is.data && !strcmp(is.data, want);
}

static void on_tell(void *ctx, bool warning, const char *reason, const char *text)
{
	(void)ctx;
	(void)warning;
	assert_true(text[0]);
	(void)snprintf(told + strlen(told), sizeof(told) - strlen(told), "%s ", reason);
}

static void on_timer(void *ctx)
{
	(void)ctx;
	if ((until && until()) || clock_ms() > give_up_ms)
		loop_stop(loop);
	else
		loop_timer_set(loop, &timer, 5);
}

/* @what NULL: just so long. */
static void run(bool (*what)(void), unsigned int ms)
{
	until = what;
	give_up_ms = clock_ms() + ms;
	timer = (struct loop_timer){ .fn = on_timer };
	loop_timer_set(loop, &timer, 0);
	assert_int_equal(loop_run(loop), 0);
	if (what)
		assert_true(what());
}

static struct chain_status status(void)
{
	struct chain_status st;

	chain_status(chain, &st);
	return st;
}

static bool chained(void)
{
	return status().chained && holds(CHAINED);
}

static int set_up(void **state)
{
	const struct chain_hooks hooks = { .tell = on_tell };
	struct bh_err err;

	(void)state;
	(void)snprintf(root, sizeof(root), "/tmp/bh-follow-XXXXXX");
	if (!mkdtemp(root))
		return -1;
	(void)snprintf(conf, sizeof(conf), "%s/net.d", root);
	(void)snprintf(bin, sizeof(bin), "%s/bin", root);
	(void)snprintf(plugin, sizeof(plugin), "%s/plugin", root);
	(void)snprintf(file, sizeof(file), "%s/10-a.conflist", conf);
	if (mkdir(conf, 0755) || mkdir(bin, 0755))
		return -1;
	put(plugin, "the plugin");
	put(file, LIST);
	told[0] = '\0';
	opt = (struct chain_options){ .conf_dir = conf, .bin_dir = bin, .plugin = plugin };
	return loop_new(&loop, &err) || chain_new(loop, &opt, &hooks, &chain, &err);
}

static int tear_down(void **state)
{
	char command[128];

	(void)state;
	chain_free(chain);
	loop_free(loop);
	(void)snprintf(command, sizeof(command), "rm -rf '%s'", root);
	return system(command); /* NOLINT: a path of ours */
}

static void stays_when_freed(void **state)
{
	(void)state;
	assert_false(status().chained);
	assert_string_equal(status().why, "not looked yet");
	run(chained, WAIT_MS);
	assert_string_equal(told, "Chained ");
	chain_free(chain);
	chain = NULL;
	assert_true(holds(CHAINED));
}

static void leaves_when_told(void **state)
{
	struct bh_err err = { "" };

	(void)state;
	run(chained, WAIT_MS);
	assert_int_equal(chain_leave(chain, &err), 1);
	assert_true(holds(LIST));
	assert_false(status().chained);
	assert_string_equal(status().why, "left the chain");
	put(file, LIST);
	run(NULL, 300);
	assert_true(holds(LIST)); /* and does not come back */
	assert_int_equal(chain_leave(chain, &err), 0);
}

static bool was_put_back(void)
{
	return status().taken_out == 1 && status().taken_ms && chained();
}

static bool has_failed(void)
{
	return strstr(told, "ChainFailed") != NULL;
}

/* A failure that goes by itself is not told: half a file is one while it is written. */
static void tells_once(void **state)
{
	(void)state;
	run(chained, WAIT_MS);
	put(file, "{");
	run(NULL, 300);
	assert_false(status().chained);
	assert_string_equal(told, "Chained ");
	put(file, LIST);
	run(was_put_back, WAIT_MS);
	assert_string_equal(told, "Chained ChainTakenOut ");
	put(file, "{");
	run(has_failed, WAIT_MS);
	run(NULL, 2500);
	put(file, LIST);
	run(chained, WAIT_MS);
	assert_string_equal(told, "Chained ChainTakenOut ChainFailed Chained ");
	assert_int_equal(status().taken_out, 2);
	assert_int_equal(status().writes, 3);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(stays_when_freed),
		TEST(leaves_when_told),
		TEST(tells_once),
	};

	return cmocka_run_group_tests_name("follow", tests, NULL, NULL);
}
