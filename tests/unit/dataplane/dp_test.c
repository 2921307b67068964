/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Adopting what is pinned, refusing what is not ours, and reading it back, with the real maps on a BPF
 * file system of this test's own. Needs root.
 */
#include "dataplane/dp.h"

#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <cmocka.h>

#define PIN_DIR	 "/sys/fs/bpf/bulkhead-unit"
#define SESSIONS 10000 /* more than one batch */

static const struct dp_sizes sizes = { .addrs = 64,
				       .cidrs = 16,
				       .rows = 64,
				       .ranges = 64,
				       .rules = 16,
				       .sessions4 = 4 * SESSIONS,
				       .sessions6 = 4 * SESSIONS,
				       .events_bytes = 4096 };

/* Each test has a fresh BPF file system in a mount namespace that dies with it. */
static int setup(void **state)
{
	(void)state;
	if (geteuid())
		return 0;
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return -1;
	return mount("bpf", "/sys/fs/bpf", "bpf", 0, NULL);
}

static int teardown(void **state)
{
	(void)state;
	return geteuid() ? 0 : umount2("/sys/fs/bpf", MNT_DETACH);
}

static struct dp *open_dp(void)
{
	struct bh_err err = { "" };
	struct dp *dp = NULL;

	if (geteuid())
		skip();
	if (dp_open(PIN_DIR, &sizes, &dp, &err) < 0)
		fail_msg("%s", err.msg);
	return dp;
}

static int open_fails(const char *dir, struct bh_err *err)
{
	struct dp *dp = NULL;
	const int r = dp_open(dir, &sizes, &dp, err);

	assert_true(r < 0);
	assert_null(dp);
	return r;
}

/* ---- what is pinned ------------------------------------------------------------------------- */

static void one_agent_at_a_time(void **state)
{
	struct bh_err err = { "" };
	struct dp *dp = open_dp();

	(void)state;
	assert_int_equal(open_fails(PIN_DIR, &err), -EBUSY);
	assert_non_null(strstr(err.msg, PIN_DIR));
	dp_free(dp);
	dp_free(open_dp());
}

static void only_on_a_bpf_file_system(void **state)
{
	struct bh_err err = { "" };
	char dir[] = "/tmp/bh-dp-XXXXXX", path[64];

	(void)state;
	if (geteuid())
		skip();
	assert_non_null(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/pins", dir);
	assert_int_equal(open_fails(path, &err), -ENOTSUP);
	assert_non_null(strstr(err.msg, path));
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(rmdir(dir), 0);
}

/* A pinned map of another shape is named and left alone. */
static void another_layout_is_refused(void **state)
{
	struct bh_err err = { "" };
	int fd;

	(void)state;
	dp_free(open_dp());
	assert_int_equal(unlink(PIN_DIR "/bh_rows"), 0);
	fd = bpf_map_create(BPF_MAP_TYPE_HASH, "bh_rows", 4, 4, 8, NULL);
	assert_true(fd >= 0);
	assert_int_equal(bpf_obj_pin(fd, PIN_DIR "/bh_rows"), 0);
	(void)close(fd);
	assert_int_equal(open_fails(PIN_DIR, &err), -EUCLEAN);
	assert_non_null(strstr(err.msg, "bh_rows"));
}

static uint32_t prog_id(struct dp *dp, enum bh_dir dir)
{
	struct bpf_prog_info info = { 0 };
	uint32_t len = sizeof(info);

	assert_int_equal(bpf_obj_get_info_by_fd(dp_prog_fd(dp, dir), &info, &len), 0);
	return info.id;
}

static struct dp *prepared(void)
{
	struct bh_err err = { "" };
	struct dp *dp = NULL;

	if (dp_prepare(PIN_DIR, &dp, &err) < 0)
		fail_msg("%s", err.msg);
	return dp;
}

/* While the other one works; then on the same maps, with the same programs on the hooks. */
static void prepared_beside_another(void **state)
{
	struct bh_err err = { "" };
	struct dp *first = open_dp(), *next;
	const uint32_t from = prog_id(first, BH_EGRESS), to = prog_id(first, BH_INGRESS);

	(void)state;
	next = prepared();
	assert_int_equal(dp_take(next, &err), -EBUSY);
	assert_non_null(strstr(err.msg, PIN_DIR));
	dp_free(first);
	assert_int_equal(dp_take(next, &err), 0);
	assert_int_equal(dp_pins_ok(next), 1);
	assert_int_equal(prog_id(next, BH_EGRESS), from);
	assert_int_equal(prog_id(next, BH_INGRESS), to);
	dp_free(next);
}

static void prepared_for_other_maps(void **state)
{
	struct bh_err err = { "" };
	struct dp *next;

	(void)state;
	dp_free(open_dp());
	next = prepared();
	assert_int_equal(unlink(PIN_DIR "/bh_rows"), 0);
	dp_free(open_dp());
	assert_int_equal(dp_take(next, &err), -ESTALE);
	dp_free(next);
	dp_free(open_dp());
}

/* And nothing is made. */
static void nothing_to_prepare_for(void **state)
{
	struct bh_err err = { "" };
	struct dp *dp = NULL;

	(void)state;
	if (geteuid())
		skip();
	assert_int_equal(dp_prepare(PIN_DIR, &dp, &err), -ENOENT);
	assert_int_equal(access(PIN_DIR, F_OK), -1);
	dp_free(open_dp());
	assert_int_equal(unlink(PIN_DIR "/bh_rows"), 0);
	assert_int_equal(dp_prepare(PIN_DIR, &dp, &err), -ENOENT);
	assert_null(dp);
	assert_int_equal(access(PIN_DIR "/bh_rows", F_OK), -1);
}

/* The same programs on the same maps: whatever hangs on interfaces stays what it is. */
static void a_restart_keeps_maps_and_programs(void **state)
{
	const struct dp_sizes other = { .rows = 4096 };
	struct actual *a = NULL;
	struct bh_err err;
	struct dp *dp = open_dp();
	const uint32_t from = prog_id(dp, BH_EGRESS), to = prog_id(dp, BH_INGRESS);
	const struct step step = { .kind = STEP_ID_SET, .id.key = { BH_ID_CLASS, 7 }, .id.id.hash = { 42 } };

	(void)state;
	assert_int_not_equal(from, to);
	assert_int_equal(dp_step(dp, &step, &err), 0);
	dp_free(dp);
	assert_int_equal(dp_open(PIN_DIR, &other, &dp, &err), 0);
	assert_int_equal(prog_id(dp, BH_EGRESS), from);
	assert_int_equal(prog_id(dp, BH_INGRESS), to);
	assert_int_equal(dp_read(dp, &a, &err), 0);
	assert_int_equal(a->size.rows, sizes.rows); /* as it was made */
	assert_int_equal(a->ids.n, 1);
	assert_int_equal(a->ids.v[0].key.id, 7);
	assert_int_equal(a->ids.v[0].id.hash[0], 42);
	actual_free(a);
	dp_free(dp);
}

static void lost_pins_are_put_back(void **state)
{
	struct bh_err err = { "" };
	struct dp *dp = open_dp();

	(void)state;
	assert_int_equal(dp_pins_ok(dp), 1);
	assert_int_equal(unlink(PIN_DIR "/prog_to_pod"), 0);
	assert_int_equal(dp_pins_ok(dp), 0);
	assert_int_equal(dp_repin(dp, &err), 0);
	assert_int_equal(dp_pins_ok(dp), 1);

	assert_int_equal(umount2("/sys/fs/bpf", MNT_DETACH), 0); /* and with the whole file system */
	assert_int_equal(mount("bpf", "/sys/fs/bpf", "bpf", 0, NULL), 0);
	assert_int_equal(dp_pins_ok(dp), 0);
	assert_int_equal(dp_repin(dp, &err), 0);
	assert_int_equal(dp_pins_ok(dp), 1);
	assert_int_equal(open_fails(PIN_DIR, &err), -EBUSY); /* the lock went along */
	dp_free(dp);
}

/* ---- steps, read back ------------------------------------------------------------------------- */

static void do_step(struct dp *dp, struct step step)
{
	struct bh_err err;

	if (dp_step(dp, &step, &err) < 0)
		fail_msg("%s", err.msg);
}

static void steps_are_read_back(void **state)
{
	struct dp *dp = open_dp();
	struct step row = { .kind = STEP_ROW_SET,
			    .row = { .key = { 1, 2, 1 }, .row = { .n = 0, .action = 1 } } };
	struct step ep = { .kind = STEP_EP_NEW,
			   .ep = { 5, { .ifindex = 5, .policy_set = 1, .epoch = 3, .born = 3 } } };
	struct step range = { .kind = STEP_RANGE, .range = { 9, { 1, 2, 3, 1 } } };
	struct step addr = { .kind = STEP_ADDR_SET, .location = { .slot = 4 } };
	struct step cidr = { .kind = STEP_CIDR_SET, .location = { .slot = 6 } };
	struct actual *a = NULL;
	struct bh_err err;

	(void)state;
	assert_int_equal(cidr_parse("10.0.0.1/32", &addr.location.cidr), 0);
	assert_int_equal(cidr_parse("fd00::/16", &cidr.location.cidr), 0);
	do_step(dp, row);
	do_step(dp, range);
	do_step(dp, (struct step){ .kind = STEP_ID_SET,
				   .id = { .key = { BH_ID_SLICE, 9 }, .id = { .len = 1 } } });
	do_step(dp, (struct step){ .kind = STEP_CLASS_WORD, .word = { 4, 77 } });
	do_step(dp, addr);
	do_step(dp, cidr);
	do_step(dp, ep);
	do_step(dp, (struct step){ .kind = STEP_GRACE });
	do_step(dp, (struct step){ .kind = STEP_EP_SET, .word = { 5, 2 } });
	do_step(dp, (struct step){ .kind = STEP_EP_EPOCH, .word = { 5, 8 } });
	assert_int_equal(dp_read(dp, &a, &err), 0);
	assert_int_equal(a->rows.n, 1);
	assert_memory_equal(&a->rows.v[0].key, &row.row.key, sizeof(row.row.key));
	assert_int_equal(a->ranges[9].rule, 3);
	assert_int_equal(a->words[4], 77);
	assert_int_equal(a->locations.n, 2);
	assert_int_equal(a->locations.v[0].slot, 4);
	assert_int_equal(a->locations.v[1].slot, 6);
	assert_true(a->locations.v[1].is_block);
	assert_int_equal(cidr_cmp(&a->locations.v[1].cidr, &cidr.location.cidr), 0);
	assert_int_equal(a->endpoints[5].policy_set, 2);
	assert_int_equal(a->endpoints[5].epoch, 8);
	assert_int_equal(a->endpoints[5].born, 3);
	assert_int_equal(a->epoch, 8);
	actual_free(a);

	addr.kind = STEP_ADDR_DEL;
	cidr.kind = STEP_CIDR_DEL;
	row.kind = STEP_ROW_DEL;
	do_step(dp, addr);
	do_step(dp, cidr);
	do_step(dp, row);
	do_step(dp, row); /* gone already: fine */
	do_step(dp, (struct step){ .kind = STEP_EP_DEL, .word = { 5, 0 } });
	assert_int_equal(dp_read(dp, &a, &err), 0);
	assert_int_equal(a->rows.n + a->locations.n, 0);
	assert_int_equal(a->endpoints[5].ifindex, 0);
	actual_free(a);
	dp_free(dp);
}

static uint32_t answer(struct dp *dp, uint32_t ifindex)
{
	struct bh_query q = { .ifindex = ifindex, .proto = 6, .dir = BH_INGRESS };
	struct bh_err err;

	assert_int_equal(addr_parse("10.0.0.9", (struct addr *)&q.remote), 0);
	assert_int_equal(dp_explain(dp, &q, &err), 0);
	return q.reason;
}

/* An interface whose direct slot another one has is found through the index, and by nobody when it went. */
static void interfaces_that_collide(void **state)
{
	const uint32_t low = 5, high = 5 + BH_EP_DIRECT;
	struct dp *dp = open_dp();

	(void)state;
	do_step(dp, (struct step){ .kind = STEP_EP_NEW, .ep = { 5, { .ifindex = low } } });
	assert_int_equal(answer(dp, low), BH_NO_POLICY);
	assert_int_equal(answer(dp, high), BH_NO_ENDPOINT);
	do_step(dp, (struct step){ .kind = STEP_EP_NEW, .ep = { BH_EP_DIRECT, { .ifindex = high } } });
	assert_int_equal(answer(dp, high), BH_NO_POLICY);
	do_step(dp, (struct step){ .kind = STEP_EP_DEL, .word = { BH_EP_DIRECT, 0 } });
	assert_int_equal(answer(dp, high), BH_NO_ENDPOINT);
	assert_int_equal(answer(dp, low), BH_NO_POLICY);
	dp_free(dp);
}

/* ---- sessions ----------------------------------------------------------------------------------- */

static void put_sessions(uint32_t ifindex, uint32_t n)
{
	const int fd4 = bpf_obj_get(PIN_DIR "/bh_sess4"), fd6 = bpf_obj_get(PIN_DIR "/bh_sess6");
	const struct bh_lru s = { .packets = { 1, 0 } };
	uint32_t i;

	for (i = 0; i < n; i++) {
		const struct bh_flow4 four = { .ifindex = ifindex, .local = 1, .remote = i, .proto = 6 };
		const struct bh_flow6 six = {
			.ifindex = ifindex, .local.w = { 0xfd }, .remote.w = { i }, .proto = 6
		};

		assert_int_equal(bpf_map_update_elem(fd4, &four, &s, BPF_ANY), 0);
		assert_int_equal(bpf_map_update_elem(fd6, &six, &s, BPF_ANY), 0);
	}
	(void)close(fd4);
	(void)close(fd6);
}

struct tally {
	uint32_t v4, v6, stop_at;
};

static int count_session(void *ctx, const struct dp_session *s)
{
	struct tally *t = ctx;

	assert_int_equal(s->session.packets[0], 1);
	if (addr_is_v4((const struct addr *)&s->flow.local))
		t->v4++;
	else
		t->v6++;
	return t->v4 + t->v6 == t->stop_at;
}

static struct tally tally(struct dp *dp, uint32_t stop_at)
{
	struct tally t = { .stop_at = stop_at };
	struct bh_err err;

	assert_int_equal(dp_sessions(dp, count_session, &t, &err), 0);
	return t;
}

static void every_session_is_seen_and_only_its_own_forgotten(void **state)
{
	struct dp *dp = open_dp();
	struct bh_err err;
	struct tally t;

	(void)state;
	assert_int_equal(tally(dp, 0).v4, 0);
	put_sessions(7, SESSIONS);
	put_sessions(8, 3);
	t = tally(dp, 0);
	assert_int_equal(t.v4, SESSIONS + 3);
	assert_int_equal(t.v6, SESSIONS + 3);
	assert_int_equal(tally(dp, 5).v4, 5);
	assert_int_equal(dp_sessions_purge(dp, 7, &err), 2 * SESSIONS);
	t = tally(dp, 0);
	assert_int_equal(t.v4, 3);
	assert_int_equal(t.v6, 3);
	dp_free(dp);
}

/* ---- host ports --------------------------------------------------------------------------------- */

static bool has_port(uint32_t port)
{
	const int fd = bpf_obj_get(PIN_DIR "/bh_node_ports");
	uint8_t one;
	const bool has = bpf_map_lookup_elem(fd, &port, &one) == 0;

	(void)close(fd);
	return has;
}

static void node_ports_are_replaced(void **state)
{
	const uint32_t first[] = { BH_PORT(6, 80), BH_PORT(17, 53) },
		       second[] = { BH_PORT(17, 53), BH_PORT(6, 81) };
	struct dp *dp = open_dp();
	struct bh_err err;

	(void)state;
	assert_int_equal(dp_set_node_ports(dp, first, 2, &err), 0);
	assert_true(has_port(first[0]) && has_port(first[1]));
	assert_int_equal(dp_set_node_ports(dp, second, 2, &err), 0);
	assert_true(!has_port(first[0]) && has_port(second[0]) && has_port(second[1]));
	dp_free(dp);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(prepared_beside_another),
		TEST(prepared_for_other_maps),
		TEST(nothing_to_prepare_for),
		TEST(one_agent_at_a_time),
		TEST(only_on_a_bpf_file_system),
		TEST(another_layout_is_refused),
		TEST(a_restart_keeps_maps_and_programs),
		TEST(lost_pins_are_put_back),
		TEST(steps_are_read_back),
		TEST(interfaces_that_collide),
		TEST(every_session_is_seen_and_only_its_own_forgotten),
		TEST(node_ports_are_replaced),
	};

	return cmocka_run_group_tests_name("dataplane", tests, NULL, NULL);
}
