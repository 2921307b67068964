/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hook.h and netlink.h against the kernel: a network namespace, a private bpffs and two trivial
 * programs of its own, so that nothing of the host is touched and all goes with the process. Needs
 * root; skipped without.
 */
#include "hook/hook.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "hook/netlink.h"
#include "hook/raw.h"
#include "util/scope.h"

#define BPFFS	"/sys/fs/bpf" /* mounted in this process's mount namespace only */
#define PIN_DIR BPFFS "/bulkhead-v3"
#define PASS	(-1) /* TCX_NEXT, TC_ACT_UNSPEC */

static bool ready;
static uint32_t veth; /* index of the host side */
static struct hook hook;

static long bpf_call(int cmd, union bpf_attr *a)
{
	return syscall(__NR_bpf, cmd, a, sizeof(*a));
}

/* Two programs with the same instructions are still two programs. */
static int load_program(void)
{
	struct bpf_insn insns[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = PASS },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	union bpf_attr a;
	long fd;

	memset(&a, 0, sizeof(a));
	a.prog_type = BPF_PROG_TYPE_SCHED_CLS;
	a.insns = (uint64_t)(uintptr_t)insns;
	a.insn_cnt = ARRAY_SIZE(insns);
	a.license = (uint64_t)(uintptr_t) "GPL";
	(void)strcpy(a.prog_name, "bh_hook_test");
	fd = bpf_call(BPF_PROG_LOAD, &a);
	assert_true(fd >= 0);
	return (int)fd;
}

static uint32_t pin_program(const char *name)
{
	auto_fd int fd = load_program();
	uint32_t id = 0;
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/%s", PIN_DIR, name);
	(void)unlink(path);
	assert_int_equal(raw_obj_pin(path, fd), 0);
	assert_int_equal(raw_prog_id(fd, &id), 0);
	return id;
}

static void run(const char *command)
{
	const int status = system(command);

	if (!WIFEXITED(status) || WEXITSTATUS(status))
		fail_msg("%s: status %d", command, status);
}

static uint32_t index_of(const char *name)
{
	auto_fd int nl = nl_open();
	struct nl_link l = { 0 };

	assert_true(nl >= 0);
	return nl_link_by_name(nl, name, &l, NULL) ? 0 : l.ifindex;
}

static int enter(void **state)
{
	(void)state;
	if (geteuid())
		return 0;
	if (unshare(CLONE_NEWNET | CLONE_NEWNS) < 0)
		return 0;
	if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("bpffs", BPFFS, "bpf", 0, NULL) < 0)
		return 0;
	ready = true;
	return 0;
}

static int setup(void **state)
{
	(void)state;
	if (!ready)
		return 0;
	assert_int_equal(mkdir(PIN_DIR, 0700), 0);
	run("ip link add bh-veth0 type veth peer name bh-veth1");
	veth = index_of("bh-veth0");
	assert_true(veth);
	hook = (struct hook){ .pin_dir = PIN_DIR, .key = { { 1, 2, 3 } }, .ifindex = veth };
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	if (ready)
		run("ip link del bh-veth0 2>/dev/null; ip link del bh-veth2 2>/dev/null; rm -rf " PIN_DIR);
	return 0;
}

#define needs_root()                                                                                         \
	do {                                                                                                 \
		if (!ready)                                                                                  \
			skip();                                                                              \
	} while (0)

static void link_pin(const char *side, char ret[160])
{
	char hex[33];

	hash128_hex(&hook.key, hex);
	(void)snprintf(ret, 160, "%s/links/%s_%s", PIN_DIR, hex, side);
}

static bool pinned(const char *side)
{
	char path[160];

	link_pin(side, path);
	return !access(path, F_OK);
}

/* enum bpf_attach_type -> ids of the programs on the hook, first to last (BPF_PROG_QUERY, 6.6). */
static int tcx_programs(uint32_t ifindex, uint32_t type, uint32_t ret[8])
{
	union bpf_attr a;

	memset(&a, 0, sizeof(a));
	a.query.target_fd = ifindex;
	a.query.attach_type = type;
	a.query.prog_ids = (uint64_t)(uintptr_t)ret;
	a.query.prog_cnt = 8;
	return bpf_call(BPF_PROG_QUERY, &a) < 0 ? -errno : (int)a.query.prog_cnt;
}

static uint32_t filter_of(uint32_t ifindex, bool ingress)
{
	auto_fd int nl = nl_open();
	struct nl_filter filter;

	assert_int_equal(nl_filter_get(nl, ifindex, ingress, &filter, NULL), 0);
	return filter.prog_id;
}

static bool has_clsact(void)
{
	return !system("tc qdisc show dev bh-veth0 | grep -q clsact");
}

static void attach(enum hook_mode mode, enum hook_mode want)
{
	enum hook_mode got = HOOK_AUTO;
	struct bh_err err = { "" };
	const int r = hook_attach(&hook, mode, &got, &err);

	if (r)
		fail_msg("hook_attach: %d %s", r, err.msg);
	assert_int_equal(got, want);
}

static void check_says(int want, const char *says)
{
	struct bh_err err = { "" };

	assert_int_equal(hook_check(&hook, &err), want);
	if (says && !strstr(err.msg, says))
		fail_msg("got '%s', want '%s'", err.msg, says);
}

/* CAP_SYS_ADMIN, which the agent of a cluster has not got. */
static void act_as_admin(bool on)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct caps[_LINUX_CAPABILITY_U32S_3];

	assert_int_equal(syscall(SYS_capget, &head, caps), 0);
	caps[0].effective =
		on ? caps[0].effective | 1u << CAP_SYS_ADMIN : caps[0].effective & ~(1u << CAP_SYS_ADMIN);
	assert_int_equal(syscall(SYS_capset, &head, caps), 0);
}

/* ---- modes ------------------------------------------------------------------------------ */

static void mode_names(void **state)
{
	enum hook_mode m, back;

	(void)state;
	for (m = HOOK_AUTO; m <= HOOK_CLSACT; m++) {
		assert_int_equal(hook_mode_parse(hook_mode_text(m), &back), 0);
		assert_int_equal(back, m);
	}
	assert_int_equal(hook_mode_parse("xdp", &back), -EINVAL);
	assert_int_equal(hook_mode_parse("", &back), -EINVAL);
}

static void probe_does_not_mistake_other_errors(void **state)
{
	auto_fd int fd = -1;

	(void)state;
	needs_root();
	assert_false(hook_has_tcx(-1));
	fd = load_program();
	if (!hook_has_tcx(fd))
		print_message("this kernel has no tcx: its rows are skipped\n");
}

#define needs_tcx()                                                                                          \
	do {                                                                                                 \
		auto_fd int fd_ = ready ? load_program() : -1;                                               \
		if (!ready || !hook_has_tcx(fd_))                                                            \
			skip();                                                                              \
	} while (0)

/* ---- both ways -------------------------------------------------------------------------- */

static void without_programs(void **state)
{
	enum hook_mode got = HOOK_AUTO;
	struct bh_err err;

	(void)state;
	needs_root();
	assert_int_equal(hook_attach(&hook, HOOK_AUTO, &got, &err), -ENOENT);
	assert_non_null(strstr(err.msg, PIN_DIR "/prog_from_pod"));
	(void)pin_program("prog_from_pod");
	assert_int_equal(hook_attach(&hook, HOOK_AUTO, &got, &err), -ENOENT);
	assert_non_null(strstr(err.msg, PIN_DIR "/prog_to_pod"));
	assert_int_equal(got, HOOK_AUTO);
	check_says(0, "prog_to_pod");
	assert_int_equal(hook_detach(&hook, &err), 0);
}

static void without_interface(void **state)
{
	static const enum hook_mode modes[] = { HOOK_TCX, HOOK_CLSACT };
	enum hook_mode got;
	size_t i;

	(void)state;
	needs_tcx();
	(void)pin_program("prog_from_pod");
	(void)pin_program("prog_to_pod");
	hook.ifindex = 4711;
	for (i = 0; i < ARRAY_SIZE(modes); i++)
		assert_int_equal(hook_attach(&hook, modes[i], &got, NULL), -ENODEV);
	assert_false(pinned("from"));
	check_says(0, "not attached");
	assert_int_equal(hook_detach(&hook, NULL), 0);
}

static void detach_when_nothing_is_there(void **state)
{
	(void)state;
	needs_root();
	assert_int_equal(hook_detach(&hook, NULL), 0);
	hook.ifindex = 0;
	assert_int_equal(hook_detach(&hook, NULL), 0);
	hook.pin_dir = "/nowhere/at/all";
	assert_int_equal(hook_detach(&hook, NULL), 0);
}

/* ---- tcx -------------------------------------------------------------------------------- */

static void tcx_attach_check_detach(void **state)
{
	auto_fd int someone = -1;
	uint32_t from, to, ids[8];
	char path[160];

	(void)state;
	needs_tcx();
	from = pin_program("prog_from_pod");
	to = pin_program("prog_to_pod");
	attach(HOOK_AUTO, HOOK_TCX);
	check_says(1, NULL);
	assert_int_equal(tcx_programs(veth, RAW_TCX_INGRESS, ids), 1);
	assert_int_equal(ids[0], from);
	assert_int_equal(tcx_programs(veth, RAW_TCX_EGRESS, ids), 1);
	assert_int_equal(ids[0], to);

	link_pin("to", path);
	someone = raw_obj_get(path); /* a link that somebody holds is detached all the same */
	assert_true(someone >= 0);
	assert_int_equal(hook_detach(&hook, NULL), 0);
	assert_int_equal(tcx_programs(veth, RAW_TCX_INGRESS, ids), 0);
	assert_int_equal(tcx_programs(veth, RAW_TCX_EGRESS, ids), 0);
	assert_false(pinned("from"));
	assert_false(pinned("to"));
	check_says(0, "not attached");
}

static void tcx_again_keeps_the_link(void **state)
{
	struct stat before, after;
	char path[160];
	uint32_t ids[8];

	(void)state;
	needs_tcx();
	(void)pin_program("prog_from_pod");
	(void)pin_program("prog_to_pod");
	attach(HOOK_TCX, HOOK_TCX);
	link_pin("from", path);
	assert_int_equal(stat(path, &before), 0);
	attach(HOOK_TCX, HOOK_TCX);
	assert_int_equal(stat(path, &after), 0);
	assert_int_equal(before.st_ino, after.st_ino);
	assert_int_equal(tcx_programs(veth, RAW_TCX_INGRESS, ids), 1);
	assert_int_equal(tcx_programs(veth, RAW_TCX_EGRESS, ids), 1);
}

static void tcx_newer_program(void **state)
{
	uint32_t newer, ids[8];

	(void)state;
	needs_tcx();
	(void)pin_program("prog_from_pod");
	(void)pin_program("prog_to_pod");
	attach(HOOK_TCX, HOOK_TCX);
	newer = pin_program("prog_to_pod");
	check_says(0, "prog_to_pod runs program");
	attach(HOOK_TCX, HOOK_TCX);
	check_says(1, NULL);
	assert_int_equal(tcx_programs(veth, RAW_TCX_EGRESS, ids), 1);
	assert_int_equal(ids[0], newer);
}

static void tcx_is_first(void **state)
{
	auto_fd int fd = -1, link = -1;
	uint32_t from, ids[8];

	(void)state;
	needs_tcx();
	fd = load_program();
	link = raw_link_create(fd, veth, RAW_TCX_INGRESS);
	assert_true(link >= 0);
	from = pin_program("prog_from_pod");
	(void)pin_program("prog_to_pod");
	attach(HOOK_TCX, HOOK_TCX);
	assert_int_equal(tcx_programs(veth, RAW_TCX_INGRESS, ids), 2);
	assert_int_equal(ids[0], from);
	assert_int_equal(hook_detach(&hook, NULL), 0);
	assert_int_equal(tcx_programs(veth, RAW_TCX_INGRESS, ids), 1);
}

/* The same owner on another interface: the old link goes, from the old interface too. */
static void tcx_interface_moved(void **state)
{
	uint32_t ids[8];

	(void)state;
	needs_tcx();
	(void)pin_program("prog_from_pod");
	(void)pin_program("prog_to_pod");
	attach(HOOK_TCX, HOOK_TCX);
	run("ip link add bh-veth2 type veth peer name bh-veth3");
	hook.ifindex = index_of("bh-veth2");
	check_says(0, "hangs on interface with index");
	attach(HOOK_TCX, HOOK_TCX);
	check_says(1, NULL);
	assert_int_equal(tcx_programs(veth, RAW_TCX_INGRESS, ids), 0);
	assert_int_equal(tcx_programs(hook.ifindex, RAW_TCX_INGRESS, ids), 1);
}

static void tcx_interface_gone(void **state)
{
	(void)state;
	needs_tcx();
	(void)pin_program("prog_from_pod");
	(void)pin_program("prog_to_pod");
	attach(HOOK_TCX, HOOK_TCX);
	run("ip link del bh-veth0");
	check_says(0, "hangs on interface with index 0");
	assert_true(pinned("from"));
	assert_int_equal(hook_detach(&hook, NULL), 0);
	assert_false(pinned("from"));
	assert_false(pinned("to"));

	run("ip link add bh-veth0 type veth peer name bh-veth1");
	hook.ifindex = index_of("bh-veth0");
	attach(HOOK_TCX, HOOK_TCX);
	check_says(1, NULL);
}

/* The second pin cannot be made (a directory is in its place): the first goes again. */
static void tcx_failure_leaves_nothing(void **state)
{
	enum hook_mode got = HOOK_AUTO;
	struct bh_err err;
	uint32_t ids[8];
	char path[160];

	(void)state;
	needs_tcx();
	(void)pin_program("prog_from_pod");
	(void)pin_program("prog_to_pod");
	assert_int_equal(mkdir(PIN_DIR "/links", 0700), 0);
	link_pin("to", path);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_true(hook_attach(&hook, HOOK_TCX, &got, &err) < 0);
	assert_false(pinned("from"));
	assert_int_equal(tcx_programs(veth, RAW_TCX_INGRESS, ids), 0);
	assert_int_equal(tcx_programs(veth, RAW_TCX_EGRESS, ids), 0);
	assert_int_equal(rmdir(path), 0);
}

static void tcx_one_side_missing(void **state)
{
	char path[160];

	(void)state;
	needs_tcx();
	(void)pin_program("prog_from_pod");
	(void)pin_program("prog_to_pod");
	attach(HOOK_TCX, HOOK_TCX);
	link_pin("to", path);
	assert_int_equal(unlink(path), 0);
	check_says(0, "prog_to_pod is not attached");
	attach(HOOK_TCX, HOOK_TCX);
	check_says(1, NULL);
}

/* Two owners of one interface cannot be: the second takes over what hangs there, and the first has nothing
 * left to take off. */
static void tcx_of_another_owner(void **state)
{
	struct hook other = hook;
	enum hook_mode got;
	struct bh_err err;
	uint32_t ids[4];

	(void)state;
	needs_tcx();
	(void)pin_program("prog_from_pod");
	(void)pin_program("prog_to_pod");
	attach(HOOK_TCX, HOOK_TCX);
	other = hook;
	other.key.b[15] = 1;
	assert_int_equal(raw_prog_query(veth, RAW_TCX_INGRESS, ids, 4), 1);
	assert_int_equal(hook_attach(&other, HOOK_TCX, &got, &err), 0);
	assert_int_equal(raw_prog_query(veth, RAW_TCX_INGRESS, ids + 1, 3), 1);
	assert_int_equal(ids[0], ids[1]);
	assert_false(pinned("from"));
	assert_false(pinned("to"));
	assert_int_equal(hook_detach(&hook, NULL), 0);
	assert_int_equal(hook_check(&other, NULL), 1);
	assert_int_equal(hook_detach(&other, NULL), 0);
	assert_int_equal(raw_prog_query(veth, RAW_TCX_EGRESS, ids, 4), 0);
}

static size_t programs_on(uint32_t attach_type, uint32_t ids[4])
{
	const int n = raw_prog_query(veth, attach_type, ids, 4);

	assert_in_range(n, 0, 4);
	return (size_t)n;
}

/* A foreign program puts itself before ours on both hooks. What hangs there at each moment of the way back
 * cannot be seen from here: that ours is never off is for the integration tests. */
static void tcx_first_again(void **state)
{
	auto_fd int foreign = -1, in = -1, out = -1, clone0 = -1, clone1 = -1;
	uint32_t ours, theirs, ids[4];
	char says[128];

	(void)state;
	needs_tcx();
	ours = pin_program("prog_from_pod");
	(void)pin_program("prog_to_pod");
	attach(HOOK_TCX, HOOK_TCX);
	foreign = load_program();
	clone0 = load_program();
	clone1 = load_program();
	in = raw_link_create(foreign, veth, RAW_TCX_INGRESS);
	out = raw_link_create(foreign, veth, RAW_TCX_EGRESS);
	assert_true(in >= 0 && out >= 0);
	assert_int_equal(raw_prog_id(foreign, &theirs), 0);
	(void)snprintf(says, sizeof(says), "program 'bh_hook_test' (id %u) runs before prog_from_pod",
		       theirs);
	check_says(HOOK_BEHIND, says);
	(void)snprintf(says, sizeof(says), "program %u (bpftool prog show id %u tells whose) runs before",
		       theirs, theirs);
	act_as_admin(false);
	check_says(HOOK_BEHIND, says);
	act_as_admin(true);

	assert_int_equal(hook_reclaim(&hook, (const int[]){ clone0, clone1 }, NULL), 0);
	check_says(HOOK_FIRST, NULL);
	assert_int_equal(programs_on(RAW_TCX_INGRESS, ids), 2);
	assert_int_equal(ids[0], ours);
	assert_int_equal(ids[1], theirs);
	assert_int_equal(programs_on(RAW_TCX_EGRESS, ids), 2);
	assert_true(pinned("from") && pinned("to"));
	assert_int_equal(hook_sweep_dead(PIN_DIR, 0, NULL), 0); /* nothing half in place */
	assert_int_equal(hook_detach(&hook, NULL), 0);
	assert_int_equal(programs_on(RAW_TCX_INGRESS, ids), 1);
}

/* Killed when the clone is in place already: the next attach puts the pinned program there. */
static void tcx_first_again_killed(void **state)
{
	auto_fd int clone = -1, fd = -1, old = -1;
	char path[160];

	(void)state;
	needs_tcx();
	(void)pin_program("prog_from_pod");
	(void)pin_program("prog_to_pod");
	attach(HOOK_TCX, HOOK_TCX);
	link_pin("from", path);
	old = raw_obj_get(path);
	assert_int_equal(raw_link_detach(old), 0); /* a link whose last holder goes hangs on for a moment */
	assert_int_equal(unlink(path), 0);
	clone = load_program();
	fd = raw_link_create(clone, veth, RAW_TCX_INGRESS);
	assert_true(fd >= 0);
	assert_int_equal(raw_obj_pin(path, fd), 0);
	check_says(HOOK_MISSING, "not the pinned");
	attach(HOOK_TCX, HOOK_TCX);
	check_says(HOOK_FIRST, NULL);
}

/* A pin outlives the interface of its link; what hangs somewhere is not touched. */
static void pins_of_nothing(void **state)
{
	(void)state;
	needs_tcx();
	assert_int_equal(hook_sweep_dead(PIN_DIR, 0, NULL), 0);
	(void)pin_program("prog_from_pod");
	(void)pin_program("prog_to_pod");
	attach(HOOK_TCX, HOOK_TCX);
	assert_int_equal(hook_sweep_dead(PIN_DIR, 0, NULL), 0);
	check_says(HOOK_FIRST, NULL);
	run("ip link del bh-veth0");
	assert_true(pinned("from") && pinned("to"));
	assert_int_equal(hook_sweep_dead(PIN_DIR, 0, NULL), 2);
	assert_false(pinned("from") || pinned("to"));
}

/* ---- clsact ----------------------------------------------------------------------------- */

/* The youngest of one priority runs first, whatever its handle. */
static void clsact_first_again(void **state)
{
	uint32_t ours, theirs;
	char says[128];

	(void)state;
	needs_root();
	ours = pin_program("prog_from_pod");
	(void)pin_program("prog_to_pod");
	theirs = pin_program("foreign");
	run("tc qdisc add dev bh-veth0 clsact && tc filter add dev bh-veth0 ingress prio 1 protocol all handle 1 "
	    "bpf da object-pinned " PIN_DIR "/foreign");
	attach(HOOK_CLSACT, HOOK_CLSACT);
	check_says(HOOK_FIRST, NULL); /* an older one is behind */
	run("tc filter add dev bh-veth0 ingress prio 1 protocol all handle 0xffff "
	    "bpf da object-pinned " PIN_DIR "/foreign");
	(void)snprintf(says, sizeof(says), "filter 'foreign:[*fsobj]' (program %u) runs before prog_from_pod",
		       theirs);
	check_says(HOOK_BEHIND, says);
	assert_int_equal(hook_reclaim(&hook, (const int[]){ -1, -1 }, NULL), 0);
	check_says(HOOK_FIRST, NULL);
	assert_int_equal(filter_of(veth, true), ours);
	run("test $(tc filter show dev bh-veth0 ingress | grep -c 'handle 0x') = 3");
}

/* Killed while ours moved: only the spare one is there. It is missing for the look, and goes with the rest.
 */
static void clsact_spare_alone(void **state)
{
	(void)state;
	(void)pin_program("prog_from_pod");
	(void)pin_program("prog_to_pod");
	attach(HOOK_CLSACT, HOOK_CLSACT);
	run("tc filter add dev bh-veth0 ingress prio 1 protocol all handle 0xb01d bpf da object-pinned " PIN_DIR
	    "/prog_from_pod && tc filter del dev bh-veth0 ingress prio 1 protocol all handle 0xb01c bpf"
	    " && tc filter del dev bh-veth0 egress prio 1 protocol all handle 0xb01c bpf");
	check_says(HOOK_MISSING, "not attached");
	assert_int_equal(hook_detach(&hook, NULL), 0);
	assert_false(has_clsact());
}

/* What hangs by tcx runs before every filter. */
static void clsact_overtaken(void **state)
{
	auto_fd int foreign = -1, link = -1;

	(void)state;
	needs_tcx();
	(void)pin_program("prog_from_pod");
	(void)pin_program("prog_to_pod");
	attach(HOOK_CLSACT, HOOK_CLSACT);
	check_says(HOOK_FIRST, NULL);
	foreign = load_program();
	link = raw_link_create(foreign, veth, RAW_TCX_EGRESS);
	assert_true(link >= 0);
	check_says(HOOK_OVERTAKEN, "hangs by tcx, and so runs before prog_to_pod");
}

static void clsact_attach_check_detach(void **state)
{
	uint32_t from, to;

	(void)state;
	needs_root();
	from = pin_program("prog_from_pod");
	to = pin_program("prog_to_pod");
	attach(HOOK_CLSACT, HOOK_CLSACT);
	check_says(1, NULL);
	assert_int_equal(filter_of(veth, true), from);
	assert_int_equal(filter_of(veth, false), to);
	assert_int_equal(hook_detach(&hook, NULL), 0);
	assert_int_equal(filter_of(veth, true), 0);
	assert_int_equal(filter_of(veth, false), 0);
	assert_false(has_clsact());
	check_says(0, "not attached");
	assert_int_equal(hook_detach(&hook, NULL), 0);
}

static void clsact_again_replaces_in_place(void **state)
{
	uint32_t newer;

	(void)state;
	needs_root();
	(void)pin_program("prog_from_pod");
	(void)pin_program("prog_to_pod");
	attach(HOOK_CLSACT, HOOK_CLSACT);
	newer = pin_program("prog_from_pod");
	check_says(0, "prog_from_pod runs program");
	attach(HOOK_CLSACT, HOOK_CLSACT);
	check_says(1, NULL);
	assert_int_equal(filter_of(veth, true), newer);
	run("test $(tc filter show dev bh-veth0 ingress | grep -c 'handle 0xb01c') = 1");
}

static void clsact_of_others_stays(void **state)
{
	(void)state;
	needs_root();
	(void)pin_program("prog_from_pod");
	(void)pin_program("prog_to_pod");
	run("tc qdisc add dev bh-veth0 clsact && tc filter add dev bh-veth0 egress pref 7 handle 0xb01c bpf "
	    "da object-pinned " PIN_DIR "/prog_to_pod");
	attach(HOOK_CLSACT, HOOK_CLSACT);
	run("tc filter show dev bh-veth0 egress | head -1 | grep -q 'pref 1 bpf'");
	assert_int_equal(hook_detach(&hook, NULL), 0);
	assert_int_equal(filter_of(veth, false), 0); /* our handle at another priority is not ours */
	assert_true(has_clsact());
	run("tc filter show dev bh-veth0 egress | grep -q 'pref 7'");
	run("tc filter del dev bh-veth0 egress pref 7");
	assert_int_equal(hook_detach(&hook, NULL), 0);
	assert_true(has_clsact()); /* nothing of ours was on it, so it is not ours */
}

/* Another program at our priority, in the same classifier, is not ours either. */
static void clsact_other_handle_stays(void **state)
{
	(void)state;
	needs_root();
	(void)pin_program("prog_from_pod");
	(void)pin_program("prog_to_pod");
	attach(HOOK_CLSACT, HOOK_CLSACT);
	run("tc filter add dev bh-veth0 ingress pref 1 handle 5 bpf da object-pinned " PIN_DIR
	    "/prog_to_pod");
	assert_int_equal(hook_detach(&hook, NULL), 0);
	run("tc filter show dev bh-veth0 ingress | grep -q 'handle 0x5'");
	assert_int_equal(filter_of(veth, true), 0);
}

static void clsact_ingress_in_the_way(void **state)
{
	enum hook_mode got = HOOK_AUTO;
	struct bh_err err = { "" };

	(void)state;
	needs_root();
	(void)pin_program("prog_from_pod");
	(void)pin_program("prog_to_pod");
	run("tc qdisc add dev bh-veth0 ingress");
	assert_int_equal(hook_attach(&hook, HOOK_CLSACT, &got, &err), -EBUSY);
	assert_non_null(strstr(err.msg, "'ingress'"));
	assert_int_equal(hook_detach(&hook, NULL), 0);
	run("tc qdisc show dev bh-veth0 | grep -q ingress");
}

static void clsact_interface_gone(void **state)
{
	(void)state;
	needs_root();
	(void)pin_program("prog_from_pod");
	(void)pin_program("prog_to_pod");
	attach(HOOK_CLSACT, HOOK_CLSACT);
	run("ip link del bh-veth0");
	check_says(0, "not attached");
	assert_int_equal(hook_detach(&hook, NULL), 0);
}

/* One way at a time: changing it leaves no program of the other. */
static void the_way_is_changed(void **state)
{
	uint32_t ids[8];

	(void)state;
	needs_tcx();
	(void)pin_program("prog_from_pod");
	(void)pin_program("prog_to_pod");
	attach(HOOK_CLSACT, HOOK_CLSACT);
	attach(HOOK_TCX, HOOK_TCX);
	assert_int_equal(filter_of(veth, true), 0);
	assert_int_equal(filter_of(veth, false), 0);
	assert_false(has_clsact());
	check_says(1, NULL);
	attach(HOOK_CLSACT, HOOK_CLSACT);
	assert_int_equal(tcx_programs(veth, RAW_TCX_INGRESS, ids), 0);
	assert_false(pinned("from"));
	check_says(1, NULL);
}

/* ---- netlink ---------------------------------------------------------------------------- */

static void links(void **state)
{
	auto_fd int nl = -1;
	struct nl_link a = { 0 }, b = { 0 };
	struct bh_err err;

	(void)state;
	needs_root();
	nl = nl_open();
	run("ip link set bh-veth1 address 02:00:00:00:00:0a");
	assert_int_equal(nl_link_by_name(nl, "bh-veth1", &a, NULL), 0);
	assert_string_equal(a.kind, "veth");
	assert_memory_equal(a.mac, "\x02\0\0\0\0\x0a", 6);
	assert_int_equal(a.peer, veth);
	assert_int_equal(a.peer_nsid, -1);
	assert_int_equal(nl_link_by_index(nl, a.peer, &b, NULL), 0);
	assert_string_equal(b.name, "bh-veth0");
	assert_int_equal(b.peer, a.ifindex);
	assert_int_equal(nl_link_by_name(nl, "lo", &b, NULL), 0);
	assert_string_equal(b.kind, "");
	assert_int_equal(nl_link_by_name(nl, "bh-nosuch", &b, &err), -ENODEV);
	assert_non_null(strstr(err.msg, "bh-nosuch"));
	assert_int_equal(nl_link_by_index(nl, 4711, &b, &err), -ENODEV);
	assert_int_equal(nl_link_by_index(nl, 0, &b, &err), -ENODEV);
	assert_int_equal(nl_link_by_name(nl, "name-far-too-long", &b, &err), -EINVAL);
}

static bool holds(const struct addr *list, int n, const char *text)
{
	struct addr a;
	int i;

	assert_int_equal(addr_parse(text, &a), 0);
	for (i = 0; i < n; i++)
		if (!addr_cmp(&list[i], &a))
			return true;
	return false;
}

static void addresses(void **state)
{
	struct addr list[NL_ADDRS];
	struct bh_err err;
	auto_fd int nl = -1;
	int n;

	(void)state;
	needs_root();
	nl = nl_open();
	run("ip link set lo up; ip addr add 192.0.2.1/24 dev bh-veth0; ip addr add 192.0.2.5 peer 192.0.2.6 "
	    "dev bh-veth0;"
	    "ip addr add 2001:db8::1/64 dev bh-veth0; ip addr add fe80::9/64 dev bh-veth0;"
	    "ip addr add fe80::9/64 dev bh-veth1; ip addr add 192.0.2.77/32 dev lo");
	n = nl_addrs(nl, veth, list, NL_ADDRS, NULL);
	assert_int_equal(n, 4);
	assert_true(holds(list, n, "192.0.2.1"));
	assert_true(holds(list, n, "192.0.2.5"));
	assert_true(holds(list, n, "2001:db8::1"));
	assert_true(holds(list, n, "fe80::9"));
	n = nl_addrs(nl, 0, list, NL_ADDRS, NULL);
	assert_int_equal(n, 5);
	assert_true(holds(list, n, "192.0.2.77"));
	assert_false(holds(list, n, "127.0.0.1"));
	assert_false(holds(list, n, "::1"));
	assert_int_equal(nl_addrs(nl, veth, list, 3, &err), -E2BIG);
	assert_int_equal(nl_addrs(nl, veth, list, 4, &err), 4);
	assert_int_equal(nl_addrs(nl, 4711, list, 4, &err), 0);
}

static void move_link(const char *name, int netns_fd)
{
	char command[128];

	(void)snprintf(command, sizeof(command), "ip link set %s netns /proc/%d/fd/%d", name, (int)getpid(),
		       netns_fd);
	run(command);
}

/* The peer's namespace has an id here as soon as the kernel has told the link. */
static void namespace_ids(void **state)
{
	auto_fd int nl = -1, here = -1, there = -1;
	struct nl_link host = { 0 };
	int32_t id = 0;

	(void)state;
	needs_root();
	here = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	nl = nl_open();
	assert_int_equal(unshare(CLONE_NEWNET), 0);
	there = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	assert_int_equal(nl_nsid(nl, there, &id, NULL), 0);
	assert_int_equal(id, -1);

	run("ip link add bh-in type veth peer name bh-veth2");
	move_link("bh-veth2", here);
	assert_int_equal(setns(here, CLONE_NEWNET), 0);
	assert_int_equal(nl_link_by_name(nl, "bh-veth2", &host, NULL), 0);
	assert_int_equal(nl_nsid(nl, there, &id, NULL), 0);
	assert_true(id >= 0);
	assert_int_equal(host.peer_nsid, id);
	assert_true(host.peer);
}

/* ---- another layout beside ours --------------------------------------------------------------------- */

#define BEFORE BPFFS "/bulkhead-v1"
_Static_assert(sizeof(BEFORE) == sizeof(PIN_DIR), "a number beside the other");

static int count_dirs(void *ctx, const char *dir)
{
	assert_string_equal(dir, BEFORE);
	++*(int *)ctx;
	return 0;
}

static void directories_beside(void **state)
{
	static const char *const others[] = { BPFFS "/bulkhead-v", BPFFS "/bulkhead-v3x",
					      BPFFS "/xbulkhead-v1", BPFFS "/bulkhead" };
	size_t i;
	int n = 0;

	(void)state;
	needs_root();
	for (i = 0; i < ARRAY_SIZE(others); i++)
		assert_int_equal(mkdir(others[i], 0700), 0);
	assert_int_equal(hook_beside(PIN_DIR, count_dirs, &n), 0);
	assert_int_equal(n, 0);
	assert_int_equal(mkdir(BEFORE, 0700), 0);
	assert_int_equal(hook_beside(PIN_DIR, count_dirs, &n), 0);
	assert_int_equal(n, 1);
	assert_int_equal(hook_beside(BPFFS "/bulkhead", count_dirs, &n), 0);
	assert_int_equal(hook_beside(BPFFS "/none/bulkhead-v3", count_dirs, &n), 0);
	assert_int_equal(n, 1);
	assert_int_equal(rmdir(BEFORE), 0);
	for (i = 0; i < ARRAY_SIZE(others); i++)
		assert_int_equal(rmdir(others[i]), 0);
}

/* Our hook, attached by the programs of BEFORE. */
static void attach_before(void)
{
	enum hook_mode got = HOOK_AUTO;
	struct hook h = hook;

	run("mkdir -p " BEFORE);
	run("mv " PIN_DIR "/prog_from_pod " PIN_DIR "/prog_to_pod " BEFORE);
	h.pin_dir = BEFORE;
	assert_int_equal(hook_attach(&h, HOOK_TCX, &got, NULL), 0);
}

/* Return: ids of what BEFORE has put on both hooks. */
static void begin_before(uint32_t ret[2])
{
	ret[0] = pin_program("prog_from_pod");
	ret[1] = pin_program("prog_to_pod");
	attach_before();
}

static void tcx_taken_over(void **state)
{
	uint32_t before[2], ids[8], from;

	(void)state;
	needs_tcx();
	begin_before(before);
	from = pin_program("prog_from_pod");
	(void)pin_program("prog_to_pod");
	check_says(0, "prog_from_pod is not attached");
	attach(HOOK_TCX, HOOK_TCX);
	check_says(1, NULL);
	assert_int_equal(tcx_programs(veth, RAW_TCX_INGRESS, ids), 1);
	assert_int_equal(ids[0], from);
	assert_int_equal(rmdir(BEFORE "/links"), 0);
	run("rm -r " BEFORE);
}

/* A DEL by the plugin of either version, and an end on the node. */
static void tcx_detached_by_another_layout(void **state)
{
	uint32_t before[2], ids[8];
	int i;

	(void)state;
	needs_tcx();
	for (i = 0; i < 2; i++) {
		begin_before(before);
		assert_int_equal(i ? hook_sweep(PIN_DIR, NULL) : hook_detach(&hook, NULL), 0);
		assert_int_equal(tcx_programs(veth, RAW_TCX_INGRESS, ids), 0);
		assert_int_equal(tcx_programs(veth, RAW_TCX_EGRESS, ids), 0);
		assert_int_equal(rmdir(BEFORE "/links"), 0);
		run("rm -r " BEFORE);
	}
}

/* Links that no endpoint asks for: moved, at no time off the hook; what hangs beside one of ours goes. */
static void tcx_links_of_nobody(void **state)
{
	uint32_t before[2], ids[8], from;

	(void)state;
	needs_tcx();
	begin_before(before);
	from = pin_program("prog_from_pod");
	(void)pin_program("prog_to_pod");
	assert_int_equal(hook_take_links(BEFORE, PIN_DIR, NULL), 0);
	check_says(1, NULL);
	attach_before();
	assert_int_equal(tcx_programs(veth, RAW_TCX_INGRESS, ids), 1); /* it found ours, and took it over */
	from = pin_program("prog_from_pod");
	(void)pin_program("prog_to_pod");
	assert_int_equal(hook_unpin(BEFORE, NULL), 0);
	assert_int_equal(hook_ready(BEFORE, NULL), -ENOENT);
	assert_int_equal(hook_take_links(BEFORE, PIN_DIR, NULL), 0);
	assert_int_equal(tcx_programs(veth, RAW_TCX_INGRESS, ids), 1);
	assert_int_equal(ids[0], from);
	run("ip link del bh-veth0");
	run("mv " PIN_DIR "/links " BEFORE);
	assert_int_equal(hook_take_links(BEFORE, PIN_DIR, NULL), 0);
	assert_int_equal(rmdir(BEFORE "/links"), 0); /* they hung nowhere */
	run("rm -r " BEFORE);
}

#define case_of(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mode_names),
		case_of(probe_does_not_mistake_other_errors),
		case_of(without_programs),
		case_of(without_interface),
		case_of(detach_when_nothing_is_there),
		case_of(tcx_attach_check_detach),
		case_of(tcx_again_keeps_the_link),
		case_of(tcx_newer_program),
		case_of(tcx_is_first),
		case_of(tcx_interface_moved),
		case_of(tcx_interface_gone),
		case_of(tcx_failure_leaves_nothing),
		case_of(tcx_one_side_missing),
		case_of(tcx_of_another_owner),
		case_of(tcx_first_again),
		case_of(tcx_first_again_killed),
		case_of(pins_of_nothing),
		case_of(clsact_first_again),
		case_of(clsact_spare_alone),
		case_of(clsact_overtaken),
		case_of(clsact_attach_check_detach),
		case_of(clsact_again_replaces_in_place),
		case_of(clsact_of_others_stays),
		case_of(clsact_other_handle_stays),
		case_of(clsact_ingress_in_the_way),
		case_of(clsact_interface_gone),
		case_of(the_way_is_changed),
		case_of(directories_beside),
		case_of(tcx_taken_over),
		case_of(tcx_detached_by_another_layout),
		case_of(tcx_links_of_nobody),
		case_of(links),
		case_of(addresses),
		case_of(namespace_ids),
	};

	return cmocka_run_group_tests(tests, enter, NULL);
}
