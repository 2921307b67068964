/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Adopting what is pinned, refusing what is not ours, and reading it back, with the real maps on a BPF
 * file system of this test's own. Needs root.
 */
#include "dataplane/dp.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <cmocka.h>

#include "../../../bpf/session.h"

#define PIN_DIR	 "/sys/fs/bpf/bulkhead-unit"
#define SESSIONS 10000

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

	if (dp_prepare(PIN_DIR, NULL, &dp, &err) < 0)
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
	assert_int_equal(dp_prepare(PIN_DIR, NULL, &dp, &err), -ENOENT);
	assert_int_equal(access(PIN_DIR, F_OK), -1);
	dp_free(open_dp());
	assert_int_equal(unlink(PIN_DIR "/bh_rows"), 0);
	assert_int_equal(dp_prepare(PIN_DIR, NULL, &dp, &err), -ENOENT);
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

/* Sessions in the slices of a newcomer: none of its sets is full, whatever the seed of their hash. */
#define MANY  40
#define LINES 65536 /* 40,000 rounded up */

/* An endpoint in the slot of its index, with an epoch past its first. */
static void be_born(struct dp *dp, uint32_t ifindex)
{
	do_step(dp, (struct step){ .kind = STEP_EP_NEW,
				   .ep = { ifindex, { .ifindex = ifindex, .epoch = 8, .born = 7 } } });
}

static void die(struct dp *dp, uint32_t ifindex)
{
	do_step(dp, (struct step){ .kind = STEP_EP_DEL, .word = { ifindex, 0 } });
}

/* As the loop does once its descriptor is readable. */
static void graces(struct dp *dp, unsigned int n)
{
	struct pollfd p = { .fd = dp_slices_fd(dp), .events = POLLIN };
	struct bh_err err;

	while (n--) {
		assert_int_equal(poll(&p, 1, 5000), 1);
		assert_int_equal(dp_slices_work(dp, &err), 0);
	}
	assert_int_equal(poll(&p, 1, 50), 0);
}

static struct dp_seed seed_of(uint32_t ifindex, bool v4, uint32_t n)
{
	return (struct dp_seed){
		.flow = { .ifindex = ifindex,
			  .local.w = { v4 ? 0 : htonl(0xfd000000), 0, v4 ? htonl(0xffff) : 0, 1 },
			  .remote.w = { v4 ? 0 : htonl(0xfd000000), 0, v4 ? htonl(0xffff) : 0, n },
			  .proto = 6 },
		.epoch = 7,
		.opener = BH_EGRESS,
		.replied = true,
	};
}

static void seed(struct dp *dp, uint32_t ifindex, uint32_t first, uint32_t n)
{
	struct bh_err err = { "" };
	uint32_t i;

	for (i = first; i < first + n; i++) {
		const struct dp_seed four = seed_of(ifindex, true, i), six = seed_of(ifindex, false, i);

		if (dp_session_seed(dp, &four, &err) < 0 || dp_session_seed(dp, &six, &err) < 0)
			fail_msg("%s", err.msg);
	}
}

struct tally {
	uint32_t ifindex; /* 0: of all */
	uint32_t v4, v6, stop_at;
};

static int count_session(void *ctx, const struct dp_session *s)
{
	struct tally *t = ctx;

	assert_int_equal(s->session.state, BH_ESTABLISHED);
	assert_int_equal(s->flow.proto, 6);
	assert_in_range(s->left_ms, 431000000, 432000000);
	if (t->ifindex && s->flow.ifindex != t->ifindex)
		return 0;
	if (addr_is_v4((const struct addr *)&s->flow.local))
		t->v4++;
	else
		t->v6++;
	return t->v4 + t->v6 == t->stop_at;
}

static struct tally tally(struct dp *dp, uint32_t ifindex, uint32_t stop_at)
{
	struct tally t = { .ifindex = ifindex, .stop_at = stop_at };
	struct bh_err err;

	assert_int_equal(dp_sessions(dp, count_session, &t, &err), 0);
	return t;
}

static struct dp *open_with_lives(void)
{
	static const uint32_t lives[BH_LIFE_MAX] = { [BH_LIFE_TCP_ESTABLISHED] = 432000 };
	struct dp *dp = open_dp();

	dp_set_lives(dp, lives);
	return dp;
}

static struct dp_slice_use use_of(struct dp *dp, uint32_t slot, enum bh_family f)
{
	struct dp_slice_use use;
	struct bh_err err;

	assert_int_equal(dp_slice_use(dp, slot, f, false, &use, &err), 0);
	return use;
}

static uint32_t given(struct dp *dp, enum bh_family f)
{
	uint32_t lines, ret;

	dp_pool_use(dp, f, &lines, &ret);
	assert_int_equal(lines, LINES);
	return ret;
}

static int count_stale(void *ctx, const struct dp_session *s)
{
	*(int *)ctx += s->stale;
	return 0;
}

static int stale_ones(struct dp *dp)
{
	struct bh_err err;
	int n = 0;

	assert_int_equal(dp_sessions(dp, count_stale, &n, &err), 0);
	return n;
}

/* By the epoch that holds when one looks. */
static void an_older_epoch_is_stale(void **state)
{
	struct dp_seed now = seed_of(7, true, 1);
	struct dp *dp = open_with_lives();
	struct bh_err err;

	(void)state;
	be_born(dp, 7);
	seed(dp, 7, 0, 1);
	now.epoch = 8;
	assert_int_equal(dp_session_seed(dp, &now, &err), 0);
	assert_int_equal(stale_ones(dp), 2);
	do_step(dp, (struct step){ .kind = STEP_EP_EPOCH, .word = { 7, 9 } });
	assert_int_equal(stale_ones(dp), 3);
	dp_free(dp);
}

/* Each endpoint has its own, and what goes takes its sessions along. */
static void sessions_end_with_their_endpoint(void **state)
{
	struct dp *dp = open_with_lives();
	struct tally nine = { 0 };
	struct bh_err err;

	(void)state;
	be_born(dp, 7);
	be_born(dp, 9);
	seed(dp, 7, 0, MANY);
	seed(dp, 7, 0, MANY); /* they are there */
	seed(dp, 9, 50, 3);
	assert_int_equal(tally(dp, 7, 0).v4, MANY);
	assert_int_equal(tally(dp, 7, 0).v6, MANY);
	assert_int_equal(tally(dp, 9, 0).v4, 3);
	assert_int_equal(dp_slot_sessions(dp, 9, count_session, &nine, &err), 0);
	assert_int_equal(nine.v4 + nine.v6, 6);
	assert_int_equal(tally(dp, 0, 5).v4 + tally(dp, 0, 5).v6, 5);
	die(dp, 7);
	assert_int_equal(tally(dp, 0, 0).v4, 3);
	graces(dp, 1);
	assert_int_equal(given(dp, BH_V4), use_of(dp, 9, BH_V4).lines);
	assert_int_equal(given(dp, BH_V6), use_of(dp, 9, BH_V6).lines);
	be_born(dp, 7); /* the same index, the same lines */
	assert_int_equal(tally(dp, 7, 0).v4 + tally(dp, 7, 0).v6, 0);
	die(dp, 7);
	be_born(dp, 7); /* at once */
	assert_int_equal(tally(dp, 7, 0).v4 + tally(dp, 7, 0).v6, 0);
	graces(dp, 1);
	dp_free(dp);
}

/* Every IPv4 session becomes one of @rule that has carried one packet, the last one @idle jiffies ago. */
static void allow_by(uint32_t rule, uint32_t idle)
{
	const int fd = bpf_obj_get(PIN_DIR "/bh_sess4");
	struct bh_session *s = mmap(NULL, LINES * sizeof(*s), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	uint32_t i;

	assert_true(s != MAP_FAILED);
	for (i = 0; i < LINES; i++) {
		s[i].rule = rule;
		s[i].packets[BH_EGRESS] = 1;
		s[i].seen -= idle;
	}
	(void)munmap(s, LINES * sizeof(*s));
	(void)close(fd);
}

static int count_over(void *ctx, const struct dp_session *s)
{
	if (s->over) {
		assert_int_equal(s->left_ms, 0);
		++*(uint32_t *)ctx;
	}
	return 0;
}

/* What is over is told to who asks for it, as long as it is there. */
static void over_and_not_swept(void **state)
{
	struct dp *dp = open_with_lives();
	uint32_t over = 0;
	struct bh_err err;

	(void)state;
	be_born(dp, 7);
	seed(dp, 7, 0, MANY);
	assert_int_equal(dp_sessions_kept(dp, count_over, &over, &err), 0);
	assert_int_equal(over, 0);
	allow_by(3, 0x70000000);
	assert_int_equal(tally(dp, 7, 0).v4, 0);
	assert_int_equal(dp_sessions_kept(dp, count_over, &over, &err), 0);
	assert_int_equal(over, MANY);
	dp_free(dp);
}

/* Moved lines are counted once, when their endpoint ends; and not for the next rule of that id. */
static void what_ended_sessions_carried(void **state)
{
	struct dp *dp = open_with_lives();
	struct bh_err err;

	(void)state;
	be_born(dp, 7);
	seed(dp, 7, 0, MANY);
	allow_by(3, 0);
	assert_int_equal(dp_slice_grow(dp, 7, BH_V4, 3000, &err), 0);
	graces(dp, 2);
	assert_int_equal(dp_rule_ended(dp, 3).packets, 0);
	die(dp, 7);
	graces(dp, 1);
	assert_int_equal(dp_rule_ended(dp, 3).packets, MANY);
	assert_int_equal(dp_rule_ended(dp, 16).packets, 0); /* past the end */
	do_step(dp, (struct step){ .kind = STEP_ID_SET, .id = { { BH_ID_RULE, 3 }, { .len = 0 } } });
	assert_int_equal(dp_rule_ended(dp, 3).packets, 0);
	dp_free(dp);
}

/* Nothing is lost on the way, and the old lines come back. */
static void a_slice_grows(void **state)
{
	struct dp *dp = open_with_lives();
	struct dp_slice_use use;
	struct bh_err err;

	(void)state;
	be_born(dp, 7);
	seed(dp, 7, 0, MANY);
	use = use_of(dp, 7, BH_V4);
	assert_int_equal(use.lines, 2048);
	assert_int_equal(use.live, MANY);
	assert_int_equal(dp_slice_grow(dp, 7, BH_V4, 3000, &err), 0);
	assert_int_equal(dp_slice_grow(dp, 7, BH_V4, 9000, &err), -EALREADY);
	assert_true(use_of(dp, 7, BH_V4).grows);
	assert_int_equal(tally(dp, 7, 0).v4, MANY); /* in the former */
	graces(dp, 2);
	use = use_of(dp, 7, BH_V4);
	assert_false(use.grows);
	assert_int_equal(use.lines, 4096);
	assert_int_equal(use.live, MANY);
	assert_int_equal(tally(dp, 7, 0).v4, MANY);
	assert_int_equal(tally(dp, 7, 0).v6, MANY);
	assert_int_equal(given(dp, BH_V4), 4096);
	assert_int_equal(dp_slice_grow(dp, 7, BH_V4, 100000, &err), 0); /* a quarter is the most */
	graces(dp, 2);
	assert_int_equal(use_of(dp, 7, BH_V4).lines, 16384);
	assert_int_equal(dp_slice_grow(dp, 7, BH_V4, 100000, &err), -ENOSPC);
	assert_int_equal(dp_slice_grow(dp, 8, BH_V4, 100000, &err), -ENOENT);
	dp_free(dp);
}

/* And one that goes in the middle of it gives back both. */
static void it_goes_while_it_grows(void **state)
{
	struct dp *dp = open_with_lives();
	struct bh_err err;

	(void)state;
	be_born(dp, 7);
	seed(dp, 7, 0, MANY);
	assert_int_equal(dp_slice_grow(dp, 7, BH_V4, 3000, &err), 0);
	die(dp, 7);
	graces(dp, 2);
	assert_int_equal(given(dp, BH_V4) + given(dp, BH_V6), 0);
	dp_free(dp);
}

/* Killed at any moment: the next agent finds what endpoints have, and ends what had begun. */
static void slices_outlive_their_agent(void **state)
{
	struct dp *dp = open_with_lives();
	struct bh_err err;

	(void)state;
	be_born(dp, 7);
	be_born(dp, 9);
	seed(dp, 7, 0, MANY);
	seed(dp, 9, 0, 10);
	assert_int_equal(dp_slice_grow(dp, 7, BH_V4, 3000, &err), 0);
	die(dp, 9); /* its lines were not cleared */
	dp_free(dp);
	dp = open_dp();
	assert_true(use_of(dp, 7, BH_V4).grows);
	graces(dp, 2);
	assert_int_equal(use_of(dp, 7, BH_V4).lines, 4096);
	assert_int_equal(tally(dp, 0, 0).v4, MANY);
	assert_int_equal(tally(dp, 0, 0).v6, MANY);
	assert_int_equal(given(dp, BH_V4), 4096);
	be_born(dp, 9);
	assert_int_equal(tally(dp, 9, 0).v4, 0);
	dp_free(dp);
}

/* More than a newcomer has room for: it gets more at once. */
static void seeds_make_room(void **state)
{
	struct dp *dp = open_with_lives();

	(void)state;
	be_born(dp, 7);
	seed(dp, 7, 0, 1500);
	assert_int_equal(tally(dp, 7, 0).v4, 1500);
	assert_int_equal(tally(dp, 7, 0).v6, 1500);
	assert_true(use_of(dp, 7, BH_V4).lines >= 2048);
	dp_free(dp);
}

/* Bytes of arrays that count as ours. */
static size_t mapped_bytes(void)
{
	FILE *f = fopen("/proc/self/maps", "re");
	unsigned long from, to;
	size_t ret = 0;
	char line[512];

	assert_non_null(f);
	while (fgets(line, sizeof(line), f))
		if (strstr(line, "bpf-map") && sscanf(line, "%lx-%lx", &from, &to) == 2)
			ret += to - from;
	(void)fclose(f);
	return ret;
}

static int note_mapped(void *ctx, const struct dp_session *s)
{
	(void)s;
	*(size_t *)ctx = mapped_bytes();
	return 1;
}

/* Session arrays are large, and mapped where somebody looks. */
static void only_what_is_looked_at_is_mapped(void **state)
{
	struct dp *dp = open_with_lives();
	struct bh_err err;
	size_t before, meanwhile = 0;

	(void)state;
	be_born(dp, 7);
	before = mapped_bytes();
	seed(dp, 7, 0, 1500); /* for which it has to grow */
	assert_int_equal(mapped_bytes(), before);
	assert_int_equal(dp_sessions(dp, note_mapped, &meanwhile, &err), 0);
	assert_true(meanwhile > before);
	dp_seeds_begin(dp);
	seed(dp, 7, 1500, 10);
	assert_int_equal(tally(dp, 7, 0).v4, 1510);
	assert_true(mapped_bytes() > before);
	dp_seeds_end(dp);
	assert_int_equal(use_of(dp, 7, BH_V4).used, 1510);
	dp_sweep_unowned(dp);
	assert_int_equal(mapped_bytes(), before);
	die(dp, 7);
	assert_int_equal(mapped_bytes(), before);
	dp_free(dp);
}

/* So are the words of classes, of which a change writes one here and there. */
static void few_words_of_classes_are_mapped(void **state)
{
	const uint32_t words_a_page = (uint32_t)sysconf(_SC_PAGESIZE) / 8, pages = 40;
	struct dp_sizes large = sizes;
	struct actual *a = NULL;
	struct dp *dp = NULL;
	struct bh_err err;
	size_t before;
	uint32_t i;

	(void)state;
	if (geteuid())
		skip();
	large.addrs = pages * words_a_page;
	assert_int_equal(dp_open(PIN_DIR, &large, &dp, &err), 0);
	before = mapped_bytes();
	for (i = 0; i < 2 * pages; i++)
		do_step(dp, (struct step){ .kind = STEP_CLASS_WORD,
					   .word = { i % pages * words_a_page + i / pages, 1000 + i } });
	assert_true(mapped_bytes() > before);
	assert_true(mapped_bytes() < before + 20 * words_a_page * 8);
	assert_int_equal(dp_read(dp, &a, &err), 0);
	assert_int_equal(mapped_bytes(), before);
	for (i = 0; i < 2 * pages; i++)
		assert_int_equal(a->words[i % pages * words_a_page + i / pages], 1000 + i);
	assert_int_equal(a->words[2], 0);
	actual_free(a);
	dp_free(dp);
}

/* What a slot counted for its last endpoint is the node's, and not the next one's. */
static void counters_of_a_slot_that_is_used_again(void **state)
{
	const uint32_t slot = 7;
	struct dp *dp = open_with_lives();
	const int fd = bpf_obj_get(PIN_DIR "/bh_ep_stats");
	struct bh_ep_stat *stats = calloc((size_t)libbpf_num_possible_cpus(), sizeof(*stats)), sum, all;
	struct bh_count node[BH_STAT_MAX * 2];
	struct bh_err err;
	int i;

	(void)state;
	be_born(dp, 7);
	stats[0].hot[BH_EGRESS].packets = 5;
	stats[0].evicted_live = 2;
	assert_int_equal(bpf_map_update_elem(fd, &slot, stats, BPF_ANY), 0);
	assert_int_equal(dp_slot_stat(dp, slot, &sum, &err), 0);
	assert_int_equal(sum.evicted_live, 2);
	die(dp, 7);
	assert_int_equal(dp_stats(dp, node, &err), 0);
	assert_int_equal(node[BH_SESSION * 2 + BH_EGRESS].packets, 5);
	graces(dp, 1); /* from now on nobody counts there: it is remembered, and not read again */
	for (i = 0; i < 2; i++) {
		assert_int_equal(dp_stats(dp, node, &err), 0);
		assert_int_equal(node[BH_SESSION * 2 + BH_EGRESS].packets, 5);
	}
	be_born(dp, 7);
	assert_int_equal(dp_slot_stat(dp, slot, &sum, &err), 0);
	assert_int_equal(sum.evicted_live + sum.hot[BH_EGRESS].packets, 0);
	assert_int_equal(dp_node_stat(dp, &all, &err), 0);
	assert_int_equal(all.hot[BH_EGRESS].packets, 5);
	assert_int_equal(all.evicted_live, 2);
	assert_int_equal(dp_stats(dp, node, &err), 0);
	assert_int_equal(node[BH_SESSION * 2 + BH_EGRESS].packets, 5);
	stats[0].hot[BH_EGRESS].packets = 3; /* of the next one */
	assert_int_equal(bpf_map_update_elem(fd, &slot, stats, BPF_ANY), 0);
	assert_int_equal(dp_stats(dp, node, &err), 0);
	assert_int_equal(node[BH_SESSION * 2 + BH_EGRESS].packets, 8);
	(void)close(fd);
	free(stats);
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

/* ---- another layout beside ours ----------------------------------------------------------------- */

#define BEFORE PIN_DIR "-v1"
#define NOW    PIN_DIR "-v2"

static struct dp *open_at(const char *dir)
{
	struct bh_err err = { "" };
	struct dp *dp = NULL;

	if (dp_open(dir, &sizes, &dp, &err) < 0)
		fail_msg("%s", err.msg);
	return dp;
}

/* Made while the other one works, pinned when it is gone. */
static void prepared_beside_another_layout(void **state)
{
	struct dp *before, *next = NULL;
	struct bh_err err = { "" };

	(void)state;
	if (geteuid())
		skip();
	assert_int_equal(dp_prepare(NOW, &sizes, &next, &err), -ENOENT);
	before = open_at(BEFORE);
	assert_int_equal(dp_prepare(NOW, &sizes, &next, &err), 0);
	assert_int_equal(access(NOW, F_OK), -1);
	assert_int_equal(dp_take(next, &err), -EBUSY);
	assert_int_equal(dp_take(next, &err), -EBUSY); /* as often as it is asked */
	assert_null(dp_former(next, 0));
	dp_free(before);
	assert_int_equal(dp_take(next, &err), 0);
	assert_int_equal(dp_pins_ok(next), 1);
	assert_string_equal(dp_former(next, 0), BEFORE);
	assert_null(dp_former(next, 1));
	dp_free(next);
}

/* Somebody else has come first. */
static void other_maps_of_the_new_layout(void **state)
{
	struct bh_err err = { "" };
	struct dp *next = NULL;

	(void)state;
	if (geteuid())
		skip();
	dp_free(open_at(BEFORE));
	assert_int_equal(dp_prepare(NOW, &sizes, &next, &err), 0);
	dp_free(open_at(NOW));
	assert_int_equal(dp_take(next, &err), -ESTALE);
	dp_free(next);
}

static void bear(struct dp *dp, uint32_t ifindex, uint32_t born)
{
	do_step(dp,
		(struct step){ .kind = STEP_EP_NEW,
			       .ep = { ifindex, { .ifindex = ifindex, .born = born, .epoch = born + 1 } } });
}

static const struct bh_addr local = { { 0, 0, 0xffff0000, 0x0100000a } },
			    remote = { { 0, 0, 0xffff0000, 0x0200000a } };

static struct bh_flow6 flow_on(uint32_t ifindex)
{
	return (struct bh_flow6){
		.ifindex = ifindex, .local = local, .remote = remote, .lport = 1, .rport = 2, .proto = 6
	};
}

static void put_before(struct dp *dp, uint32_t ifindex, uint32_t epoch)
{
	const struct dp_seed seed = {
		.flow = flow_on(ifindex), .epoch = epoch, .opener = BH_EGRESS, .replied = true
	};
	struct bh_err err = { "" };

	if (dp_session_seed(dp, &seed, &err) < 0)
		fail_msg("%s", err.msg);
}

/* Of all sessions of BEFORE: seen so much later, and opened by the other side. */
static void change_before(int later)
{
	const int fd = bpf_obj_get(BEFORE "/bh_sess4");
	struct bh_set4 set;
	uint32_t i, way;

	for (i = 0; !bpf_map_lookup_elem(fd, &i, &set); i++) {
		for (way = 0; way < BH_WAYS; way++) {
			set.way[way].seen += (uint32_t)later;
			if (set.way[way].word)
				set.way[way].word ^= (uint64_t)BH_SESS_OPENER << BH_SESS_FIXED_SHIFT;
		}
		assert_int_equal(bpf_map_update_elem(fd, &i, &set, BPF_ANY), 0);
	}
	(void)close(fd);
}

static int only_session(void *ctx, const struct dp_session *s)
{
	assert_int_equal(((struct dp_session *)ctx)->flow.ifindex, 0);
	*(struct dp_session *)ctx = *s;
	return 0;
}

static struct bh_session only(struct dp *dp)
{
	const struct bh_flow6 want = flow_on(7);
	struct dp_session got = { 0 };
	struct bh_err err;

	assert_int_equal(dp_sessions(dp, only_session, &got, &err), 0);
	assert_memory_equal(&got.flow, &want, sizeof(want));
	return got.session;
}

static const uint32_t hour[BH_LIFE_MAX] = { 3600, 3600, 3600, 3600, 3600, 3600, 3600,
					    3600, 3600, 3600, 3600, 3600, 3600 };

static struct dp *with_endpoints(const char *dir, uint32_t first, uint32_t last, uint32_t born)
{
	struct dp *dp = open_at(dir);

	dp_set_lives(dp, hour);
	for (; first <= last; first++, born += 10)
		bear(dp, first, born);
	return dp;
}

/* With its idle time, no rule of before, and an epoch that lives and is not the present one; the one that was
 * seen last counts; neither a dead interface's nor an unknown one's. */
static void sessions_of_another_layout(void **state)
{
	struct bh_err err = { "" };
	struct dp *before, *now;
	uint32_t seen;

	(void)state;
	if (geteuid())
		skip();
	before = with_endpoints(BEFORE, 7, 9, 20);
	put_before(before, 7, 21);
	put_before(before, 8, 29); /* of one that had the index before */
	put_before(before, 9, 41);
	dp_free(before);
	change_before(-200);
	now = with_endpoints(NOW, 7, 8, 2);
	assert_int_equal(dp_former_copy(now, 8, &err), 0);
	assert_int_equal(dp_former_copy(now, 0, &err), 1);
	assert_int_equal(dp_former_copy(now, 0, &err), 0);
	seen = only(now).seen;
	assert_int_equal(word_opener(only(now).word), BH_INGRESS);
	change_before(-1);
	assert_int_equal(dp_former_copy(now, 7, &err), 0);
	change_before(2);
	change_before(0);
	assert_int_equal(dp_former_copy(now, 7, &err), 1);
	assert_int_equal(only(now).seen, seen + 1);
	assert_int_equal(word_opener(only(now).word), BH_EGRESS);
	assert_int_equal(word_epoch(only(now).word), 2);
	assert_int_equal(only(now).rule, 0);
	assert_int_equal(only(now).state, BH_ESTABLISHED);
	dp_free(now);
}

static void say_layout(uint32_t layout)
{
	const int fd = bpf_obj_get(BEFORE "/bh_meta");
	const uint32_t zero = 0;
	struct bh_meta meta;

	assert_int_equal(bpf_map_lookup_elem(fd, &zero, &meta), 0);
	meta.layout = layout;
	assert_int_equal(bpf_map_update_elem(fd, &zero, &meta, BPF_ANY), 0);
	(void)close(fd);
}

static int lru_instead(const char *path, uint32_t key_size)
{
	const int fd = bpf_map_create(BPF_MAP_TYPE_LRU_HASH, "bh_sess", key_size, 48, 1024, NULL);

	assert_true(fd >= 0);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(bpf_obj_pin(fd, path), 0);
	return fd;
}

/* Two hashes keyed with the interface, and no states. */
static void sessions_of_layout_1(void **state)
{
	const struct {
		uint32_t ifindex, local, remote;
		uint16_t lport, rport;
		uint8_t proto, pad[3];
	} key = { 7, local.w[3], remote.w[3], 1, 2, 6, { 0 } };
	struct {
		uint32_t epoch, seen, rule;
		uint8_t opener, flags;
		uint16_t pad;
		uint64_t packets[2], bytes[2];
	} value = { .epoch = 21,
		    .rule = 3,
		    .opener = BH_EGRESS,
		    .flags = 0x05,
		    .packets = { 4, 5 },
		    .bytes = { 6, 7 } };
	struct bh_query q = { 0 };
	struct bh_err err = { "" };
	struct dp *now;
	int fd4, fd6;

	(void)state;
	if (geteuid())
		skip();
	dp_free(with_endpoints(BEFORE, 7, 7, 20));
	fd4 = lru_instead(BEFORE "/bh_sess4", sizeof(key));
	fd6 = lru_instead(BEFORE "/bh_sess6", sizeof(struct bh_flow6));
	say_layout(1);
	now = with_endpoints(NOW, 7, 7, 2);
	assert_int_equal(dp_explain(now, &q, &err), 0);
	value.seen = q.jiffies - 100;
	assert_int_equal(bpf_map_update_elem(fd4, &key, &value, BPF_ANY), 0);
	assert_int_equal(dp_former_copy(now, 0, &err), 1);
	assert_int_equal(only(now).seen, value.seen);
	assert_int_equal(word_fixed(only(now).word), BH_SESS_OPENER | BH_SESS_HOST);
	assert_int_equal(word_epoch(only(now).word), 2);
	assert_int_equal(only(now).state, BH_ESTABLISHED);
	assert_int_equal(only(now).flags, BH_SESS_REPLIED);
	assert_int_equal(only(now).packets[1], 5);
	assert_int_equal(only(now).bytes[0], 6);
	(void)close(fd4);
	(void)close(fd6);
	dp_free(now);
}

/* What cannot be read is said, and is no failure. */
static void sessions_of_a_newer_layout(void **state)
{
	struct bh_err err = { "" };
	struct dp *now;

	(void)state;
	if (geteuid())
		skip();
	dp_free(open_at(BEFORE));
	say_layout(1000);
	now = open_at(NOW);
	assert_true(dp_former_unread(now));
	assert_int_equal(dp_former_copy(now, 0, &err), 0);
	dp_former_close(now);
	assert_false(dp_former_unread(now));
	dp_free(now);
}

static void node_ports_are_replaced(void **state)
{
	const uint32_t first[] = { BH_PORT(6, 80), BH_PORT(17, 53) },
		       second[] = { BH_PORT(6, 81), BH_PORT(17, 53) };
	struct dp *dp = open_dp();
	struct bh_err err;

	(void)state;
	assert_int_equal(dp_set_node_ports(dp, first, 2, &err), 0);
	assert_true(has_port(first[0]) && has_port(first[1]));
	assert_int_equal(dp_set_node_ports(dp, second, 2, &err), 0);
	assert_true(!has_port(first[0]) && has_port(second[0]) && has_port(second[1]));
	dp_free(dp);
}

/* The port after the last one that has room is refused before any is written. */
static void node_ports_that_do_not_fit(void **state)
{
	const size_t all = 2768 * 3 * 2, max = 2 * (size_t)16384;
	uint32_t *ports = calloc(3 * max, sizeof(*ports));
	struct dp *dp = open_dp();
	struct bh_err err = { "" };
	size_t i;

	(void)state;
	assert_true(ports && all <= max); /* all nodePorts */
	for (i = 0; i < 3 * max; i++)
		ports[i] = (uint32_t)(2 * i);
	assert_int_equal(dp_set_node_ports(dp, ports, max - 1, &err), 0);
	assert_int_equal(dp_set_node_ports(dp, ports, max, &err), 0);
	assert_int_equal(dp_set_node_ports(dp, ports + max, max + 1, &err), -ENOSPC);
	assert_int_equal(dp_node_ports_max(dp), max);
	assert_string_equal(
		err.msg, "map bh_node_ports has room for 32768 hostPorts, nodePorts and other ports of this "
			 "node that lead elsewhere, 32769 needed");
	assert_true(has_port(ports[0]) && has_port(ports[max - 1]) && !has_port(ports[max]));
	assert_int_equal(dp_set_node_ports(dp, ports + max, max, &err), 0); /* not beside those before */
	assert_true(!has_port(ports[0]) && !has_port(ports[max - 1]));
	assert_true(has_port(ports[max]) && has_port(ports[2 * max - 1]));
	dp_free(dp);
	free(ports);
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
		TEST(prepared_beside_another_layout),
		TEST(other_maps_of_the_new_layout),
		TEST(sessions_of_another_layout),
		TEST(sessions_of_layout_1),
		TEST(sessions_of_a_newer_layout),
		TEST(an_older_epoch_is_stale),
		TEST(sessions_end_with_their_endpoint),
		TEST(a_slice_grows),
		TEST(over_and_not_swept),
		TEST(what_ended_sessions_carried),
		TEST(it_goes_while_it_grows),
		TEST(slices_outlive_their_agent),
		TEST(seeds_make_room),
		TEST(only_what_is_looked_at_is_mapped),
		TEST(few_words_of_classes_are_mapped),
		TEST(counters_of_a_slot_that_is_used_again),
		TEST(node_ports_are_replaced),
		TEST(node_ports_that_do_not_fit),
	};

	return cmocka_run_group_tests_name("dataplane", tests, NULL, NULL);
}
