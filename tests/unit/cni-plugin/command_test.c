/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The commands against the kernel and a scripted agent: a network namespace, a bpffs and two trivial
 * programs of its own; one "pod" is a namespace behind a veth. Needs root; skipped without. The chain
 * with real plugins and the real agent is tested in tests/integration.
 */
#include "../../../cni-plugin/command.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <linux/bpf.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "hook/netlink.h"
#include "hook/raw.h"
#include "util/scope.h"

#define PIN_DIR "/sys/fs/bpf/bulkhead-v3" /* mounted in this process's mount namespace only */
#define PREV	"\"prevResult\":{\"cniVersion\":\"1.1.0\",\"ips\":[{\"address\":\"10.9.0.2/24\"}]}"
#define OK	"{\"v\":1,\"done\":true,\"ok\":true}\n"
#define NO	"{\"v\":1,\"done\":true,\"ok\":false,\"code\":11,\"msg\":\"pod is not known\"}\n"
#define NEVER	"{\"v\":1,\"done\":true,\"ok\":false,\"code\":100,\"msg\":\"interface is not known\"}\n"

static bool ready;
static char run_dir[64], pod_netns[64];
static int pod_fd = -1;
static pid_t agent;

/* ---- the small world -------------------------------------------------------------------- */

static void run(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

static void run(const char *fmt, ...)
{
	char command[512];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(command, sizeof(command), fmt, ap);
	va_end(ap);
	if (system(command))
		fail_msg("%s", command);
}

static void pin_program(const char *name)
{
	struct bpf_insn insns[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = -1 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	auto_fd int fd = -1;
	union bpf_attr a;
	char path[128];

	memset(&a, 0, sizeof(a));
	a.prog_type = BPF_PROG_TYPE_SCHED_CLS;
	a.insns = (uint64_t)(uintptr_t)insns;
	a.insn_cnt = ARRAY_SIZE(insns);
	a.license = (uint64_t)(uintptr_t) "GPL";
	fd = (int)syscall(__NR_bpf, BPF_PROG_LOAD, &a, sizeof(a));
	(void)snprintf(path, sizeof(path), "%s/%s", PIN_DIR, name);
	assert_int_equal(raw_obj_pin(path, fd), 0);
}

static int enter(void **state)
{
	(void)state;
	if (geteuid() || unshare(CLONE_NEWNET | CLONE_NEWNS) < 0)
		return 0;
	if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("bpffs", "/sys/fs/bpf", "bpf", 0, NULL) < 0)
		return 0;
	(void)snprintf(run_dir, sizeof(run_dir), "/tmp/bh-command-%d", (int)getpid());
	ready = true;
	return 0;
}

static void make_pod(void)
{
	const int here = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);

	assert_int_equal(unshare(CLONE_NEWNET), 0);
	pod_fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	(void)snprintf(pod_netns, sizeof(pod_netns), "/proc/%d/fd/%d", (int)getpid(), pod_fd);
	run("ip link add eth0 type veth peer name bh-host && ip link set bh-host netns /proc/%d/fd/%d",
	    (int)getpid(), here);
	assert_int_equal(setns(here, CLONE_NEWNET), 0);
	(void)close(here);
}

static void drop_pod(void)
{
	run("ip link del bh-host 2>/dev/null || true");
	(void)close(pod_fd);
	pod_fd = -1;
}

static int setup(void **state)
{
	(void)state;
	if (!ready)
		return 0;
	assert_int_equal(mkdir(PIN_DIR, 0700), 0);
	assert_int_equal(mkdir(run_dir, 0700), 0);
	pin_program("prog_from_pod");
	pin_program("prog_to_pod");
	make_pod();
	return 0;
}

static void stop_agent(void)
{
	if (agent > 0) {
		(void)kill(agent, SIGKILL);
		(void)waitpid(agent, NULL, 0);
	}
	agent = 0;
}

static int teardown(void **state)
{
	(void)state;
	if (!ready)
		return 0;
	stop_agent();
	drop_pod();
	run("rm -rf %s %s", run_dir, PIN_DIR);
	return 0;
}

#define needs_root()                                                                                         \
	do {                                                                                                 \
		if (!ready)                                                                                  \
			skip();                                                                              \
	} while (0)

/* ---- the agent -------------------------------------------------------------------------- */

/* One line in, noted in RUN_DIR/asked, @answer out; NULL: silence. */
static void answer_one(int conn, const char *answer)
{
	char line[4096], path[128];
	size_t n = 0;
	FILE *f;

	while (n < sizeof(line) - 1 && recv(conn, line + n, 1, 0) == 1 && line[n++] != '\n')
		;
	line[n] = '\0';
	(void)snprintf(path, sizeof(path), "%s/asked", run_dir);
	f = fopen(path, "a");
	if (f) {
		(void)fputs(line, f);
		(void)fclose(f);
	}
	if (answer)
		(void)!write(conn, answer, strlen(answer));
	while (!answer)
		(void)pause();
	(void)close(conn);
}

static int agent_socket(void)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)snprintf(at.sun_path, sizeof(at.sun_path), "%s/" API_SOCKET, run_dir);
	(void)unlink(at.sun_path);
	return !bind(fd, (struct sockaddr *)&at, sizeof(at)) && !listen(fd, 16) ? fd : -1;
}

/* An agent that is told to leave while it has a request, and the next one, which comes @gap_ms later. */
static void start_agent_and_next(bool first, unsigned int gap_ms)
{
	const int fd = first ? agent_socket() : -1;

	agent = fork();
	if (agent) {
		(void)close(fd);
		return;
	}
	if (first)
		answer_one(accept(fd, NULL, NULL), "");
	(void)close(fd);
	(void)usleep(gap_ms * 1000);
	answer_one(accept(agent_socket(), NULL, NULL), OK);
	_exit(0);
}

static void start_agent(const char *answer)
{
	int conn, fd;

	stop_agent();
	fd = agent_socket();
	assert_true(fd >= 0);
	agent = fork();
	if (!agent) {
		(void)signal(SIGPIPE, SIG_IGN);
		while ((conn = accept(fd, NULL, NULL)) >= 0)
			answer_one(conn, answer);
		_exit(0);
	}
	(void)close(fd);
}

static void asked(char ret[8192])
{
	char path[128];
	ssize_t n;
	int fd;

	(void)snprintf(path, sizeof(path), "%s/asked", run_dir);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? 0 : read(fd, ret, 8191);
	ret[n > 0 ? n : 0] = '\0';
	(void)close(fd);
	(void)unlink(path);
}

/* ---- calls ------------------------------------------------------------------------------ */

struct outcome {
	int code;
	struct bh_err err;
	char out[4096], notes[4096];
};

struct ask {
	int (*cmd)(struct call *, struct bh_err *);
	const char *more; /* keys of the configuration, with a comma in front */
	const char *container, *network;
	bool no_netns, no_prev, stdout_full;
};

static void keep(const struct buf *b, char *ret, size_t size)
{
	(void)snprintf(ret, size, "%s", b->data ? b->data : "");
}

static struct outcome call(struct ask a)
{
	struct env env = { .container = a.container ? a.container : "c1",
			   .netns = a.no_netns ? "" : pod_netns,
			   .ifname = "eth0",
			   .pod_ns = "shop",
			   .pod_name = "web" };
	struct call c = { .env = &env, .start_ms = now_ms(), .notes = BUF_INIT(4096) };
	struct outcome o = { .code = -1 };
	struct buf text = BUF_INIT(NETCONF_MAX);
	struct netconf conf;

	assert_int_equal(
		buf_fmt(&text,
			"{\"cniVersion\":\"1.1.0\",\"name\":\"%s\",\"runDir\":\"%s\",\"pinDir\":\"%s\""
			"%s%s}",
			a.network ? a.network : "podnet", run_dir, PIN_DIR, a.no_prev ? "" : "," PREV,
			a.more ? a.more : ""),
		0);
	if (netconf_parse(&text, a.cmd == cmd_del || a.cmd == cmd_gc, &conf, &o.err))
		fail_msg("%s", o.err.msg);
	c.conf = &conf;
	c.out = a.stdout_full ? open("/dev/full", O_WRONLY | O_CLOEXEC) : memfd_create("out", MFD_CLOEXEC);
	o.code = a.cmd(&c, &o.err);
	if (!a.stdout_full)
		(void)!pread(c.out, o.out, sizeof(o.out) - 1, 0);
	keep(&c.notes, o.notes, sizeof(o.notes));
	(void)close(c.out);
	buf_done(&c.notes);
	netconf_done(&conf);
	return o;
}

static void expect_code(const struct outcome *o, int code, const char *says)
{
	if (o->code != code || (says && !strstr(o->err.msg, says) && !strstr(o->notes, says)))
		fail_msg("got %d '%s' '%s', want %d '%s'", o->code, o->err.msg, o->notes, code,
			 says ? says : "");
}

static void must(struct ask a, int code, const char *says)
{
	const struct outcome o = call(a);

	expect_code(&o, code, says);
}

static int entries(const char *dir)
{
	DIR *d = opendir(dir);
	int n = 0;

	while (d && readdir(d))
		n++;
	if (d)
		(void)closedir(d);
	return n ? n - 2 : 0;
}

static int records(void)
{
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/" API_ENDPOINTS, run_dir);
	return entries(path);
}

static int filters(void)
{
	auto_fd int nl = nl_open();
	struct nl_link l = { 0 };
	struct nl_filter in = { 0 }, out = { 0 };

	if (nl_link_by_name(nl, "bh-host", &l, NULL))
		return 0;
	assert_int_equal(nl_filter_get(nl, l.ifindex, true, &in, NULL), 0);
	assert_int_equal(nl_filter_get(nl, l.ifindex, false, &out, NULL), 0);
	return !!in.prog_id + !!out.prog_id;
}

/* Programs on the veth, by whichever way; and records. */
static void expect_left(int programs, int files)
{
	const int links = entries(PIN_DIR "/links");

	if (links + filters() != programs || records() != files)
		fail_msg("%d links, %d filters, %d records; want %d programs, %d records", links, filters(),
			 records(), programs, files);
}

static const char *const ways[] = { ",\"attach\":\"auto\"", ",\"attach\":\"clsact\"" };

static void record_path(const char *container, char ret[160])
{
	const struct hash128 key = api_endpoint_key("podnet", container, "eth0");
	char hex[33];

	hash128_hex(&key, hex);
	(void)snprintf(ret, 160, "%s/" API_ENDPOINTS "/%s.json", run_dir, hex);
}

static void overwrite(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

/* ---- ADD -------------------------------------------------------------------------------- */

static void add_check_del(void **state)
{
	char lines[8192];
	struct outcome o;
	size_t i;

	(void)state;
	needs_root();
	for (i = 0; i < ARRAY_SIZE(ways); i++) {
		start_agent(OK);
		o = call((struct ask){ .cmd = cmd_add, .more = ways[i] });
		expect_code(&o, 0, NULL);
		assert_string_equal(o.out,
				    "{\"cniVersion\":\"1.1.0\",\"ips\":[{\"address\":\"10.9.0.2/24\"}]}\n");
		asked(lines);
		assert_non_null(strstr(lines, "\"op\":\"add\""));
		assert_non_null(strstr(lines, "\"addrs\":[\"10.9.0.2\",\"fe80::"));
		assert_non_null(
			strstr(lines, "\"pod\":{\"namespace\":\"shop\",\"name\":\"web\",\"uid\":\"\"}"));
		expect_left(2, 1);
		must((struct ask){ .cmd = cmd_check, .more = ways[i] }, 0, NULL);
		must((struct ask){ .cmd = cmd_add, .more = ways[i] }, 0, NULL);
		expect_left(2, 1);
		asked(lines);
		must((struct ask){ .cmd = cmd_del, .more = ways[i] }, 0, NULL);
		expect_left(0, 0);
		asked(lines);
		assert_non_null(strstr(
			lines,
			"\"op\":\"del\",\"network\":\"podnet\",\"container\":\"c1\",\"ifname\":\"eth0\""));
		must((struct ask){ .cmd = cmd_check, .more = ways[i] }, CNI_DIFFERS, "not attached");
		must((struct ask){ .cmd = cmd_del, .more = ways[i] }, 0, NULL);
	}
}

static void add_needs_prev_result(void **state)
{
	(void)state;
	needs_root();
	start_agent(OK);
	must((struct ask){ .cmd = cmd_add, .no_prev = true }, CNI_BAD_CONFIG, "prevResult: missing");
	must((struct ask){ .cmd = cmd_check, .no_prev = true }, CNI_BAD_CONFIG, "prevResult: missing");
	expect_left(0, 0);
}

/* Each kind of agent trouble: nobody, a refusal, silence, a hang-up. */
static void fail_modes(void **state)
{
	static const char *const answers[] = { "nobody", NO, NULL, "" };
	char more[128];
	size_t a, w;

	(void)state;
	needs_root();
	for (a = 0; a < ARRAY_SIZE(answers); a++)
		for (w = 0; w < ARRAY_SIZE(ways); w++) {
			stop_agent();
			if (a)
				start_agent(answers[a]);
			(void)snprintf(more, sizeof(more), "%s,\"timeoutMs\":50", ways[w]);
			must((struct ask){ .cmd = cmd_add, .more = more }, CNI_TRY_AGAIN, API_SOCKET);
			expect_left(0, 0);

			strcat(more, ",\"failMode\":\"isolate\"");
			must((struct ask){ .cmd = cmd_add, .more = more }, 0, "starts isolated");
			expect_left(2, 1);
			must((struct ask){ .cmd = cmd_del, .more = more }, 0, NULL);

			strcpy(strstr(more, "isolate"), "open\"");
			must((struct ask){ .cmd = cmd_add, .more = more }, 0, "UNPROTECTED");
			expect_left(0, 1);
			must((struct ask){ .cmd = cmd_check, .more = more }, CNI_DIFFERS, "unprotected");
			must((struct ask){ .cmd = cmd_del, .more = more }, 0, NULL);
			expect_left(0, 0);
		}
}

/* As at an upgrade, and as at a restart. */
static void add_over_a_gap(void **state)
{
	char lines[8192];

	(void)state;
	needs_root();
	start_agent_and_next(false, 200);
	must((struct ask){ .cmd = cmd_add }, 0, NULL);
	must((struct ask){ .cmd = cmd_del }, 0, NULL);
	stop_agent();
	asked(lines);

	start_agent_and_next(true, 100);
	must((struct ask){ .cmd = cmd_add }, 0, NULL);
	expect_left(2, 1);
	asked(lines);
	assert_non_null(strstr(strchr(lines, '\n') + 1, "\"op\":\"add\"")); /* the second one was asked too */
}

/* With nobody there an ADD waits for half a second, not for all the time that it has. */
static void gap_without_end(void **state)
{
	int64_t took, began = now_ms();

	(void)state;
	needs_root();
	must((struct ask){ .cmd = cmd_add, .more = ",\"timeoutMs\":10000" }, CNI_TRY_AGAIN, API_SOCKET);
	took = now_ms() - began;
	if (took < 400 || took > 5000)
		fail_msg("it took %d ms", (int)took);
	expect_left(0, 0);
}

static void refusal_is_told(void **state)
{
	char lines[8192];

	(void)state;
	needs_root();
	start_agent(NO);
	must((struct ask){ .cmd = cmd_add }, CNI_TRY_AGAIN, "agent says: pod is not known");
	asked(lines);
	assert_non_null(strstr(lines, "\"op\":\"del\""));
}

static void fail_open_namespaces(void **state)
{
	(void)state;
	needs_root();
	must((struct ask){ .cmd = cmd_add, .more = ",\"failOpenNamespaces\":[\"kube-system\"]" },
	     CNI_TRY_AGAIN, API_SOCKET);
	expect_left(0, 0);
	must((struct ask){ .cmd = cmd_add, .more = ",\"failOpenNamespaces\":[\"kube-system\",\"shop\"]" }, 0,
	     "UNPROTECTED");
	expect_left(0, 1);
}

/* The emergency switch: whatever is wrong with the agent or our programs, pods start; and STATUS says so. */
static void node_is_open(void **state)
{
	const struct api_open o = { .by = "me", .reason = "test" };
	struct bh_err err;

	(void)state;
	needs_root();
	assert_int_equal(api_open_write(run_dir, &o, &err), 0);
	start_agent(NO);
	must((struct ask){ .cmd = cmd_add }, 0, "UNPROTECTED (this node is open): ");
	expect_left(0, 1);
	must((struct ask){ .cmd = cmd_del }, 0, NULL);
	stop_agent();
	run("rm " PIN_DIR "/prog_to_pod");
	must((struct ask){ .cmd = cmd_add }, 0, "UNPROTECTED (this node is open): ");
	must((struct ask){ .cmd = cmd_status }, 0, NULL);
	must((struct ask){ .cmd = cmd_del }, 0, NULL);
	pin_program("prog_to_pod");
	run("tc qdisc add dev bh-host ingress");
	must((struct ask){ .cmd = cmd_add, .more = ",\"attach\":\"clsact\"" }, 0, "UNPROTECTED");
	must((struct ask){ .cmd = cmd_del }, 0, NULL);

	assert_int_equal(api_open_remove(run_dir, &err), 1);
	must((struct ask){ .cmd = cmd_add, .more = ",\"attach\":\"clsact\"" }, CNI_CANNOT_ATTACH, NULL);
	run("tc qdisc del dev bh-host ingress && rm " PIN_DIR "/prog_to_pod");
	must((struct ask){ .cmd = cmd_add }, CNI_TRY_AGAIN, "prog_to_pod");
	must((struct ask){ .cmd = cmd_status }, CNI_UNAVAILABLE, NULL);
	expect_left(0, 0);
}

static void programs_not_pinned(void **state)
{
	(void)state;
	needs_root();
	run("rm " PIN_DIR "/prog_to_pod");
	must((struct ask){ .cmd = cmd_add }, CNI_TRY_AGAIN, "prog_to_pod");
	must((struct ask){ .cmd = cmd_add, .more = ",\"failMode\":\"isolate\"" }, CNI_TRY_AGAIN,
	     "prog_to_pod");
	expect_left(0, 0);
	must((struct ask){ .cmd = cmd_add, .more = ",\"failMode\":\"open\"" }, 0, "UNPROTECTED");
	expect_left(0, 1);
}

/* An ADD that fails must not take the programs off a pod that runs. */
static void repeated_add_never_undoes(void **state)
{
	(void)state;
	needs_root();
	start_agent(OK);
	must((struct ask){ .cmd = cmd_add }, 0, NULL);
	stop_agent();
	must((struct ask){ .cmd = cmd_add }, CNI_TRY_AGAIN, NULL);
	expect_left(2, 1);
	must((struct ask){ .cmd = cmd_add, .more = ",\"failMode\":\"open\"" }, 0, "keeps the programs");
	expect_left(2, 1);
	must((struct ask){ .cmd = cmd_check }, 0, NULL);
}

/* Nor where the record of the first ADD cannot be read any more. */
static void repeated_add_without_a_record(void **state)
{
	char path[160];

	(void)state;
	needs_root();
	record_path("c1", path);
	start_agent(OK);
	must((struct ask){ .cmd = cmd_add }, 0, NULL);
	stop_agent();
	overwrite(path, "{\"half");
	must((struct ask){ .cmd = cmd_add }, CNI_TRY_AGAIN, NULL);
	expect_left(2, 1);
	must((struct ask){ .cmd = cmd_check }, 0, NULL);
	overwrite(path, "{\"half"); /* open cannot tell what there was: the agent will see to it */
	must((struct ask){ .cmd = cmd_add, .more = ",\"failMode\":\"open\"" }, 0, "UNPROTECTED");
	expect_left(0, 1);
}

static void result_that_cannot_be_printed(void **state)
{
	(void)state;
	needs_root();
	start_agent(OK);
	must((struct ask){ .cmd = cmd_add, .stdout_full = true }, CNI_IO, "No space left");
	expect_left(0, 0);
}

static void attach_is_refused(void **state)
{
	(void)state;
	needs_root();
	start_agent(OK);
	run("tc qdisc add dev bh-host ingress");
	must((struct ask){ .cmd = cmd_add, .more = ",\"attach\":\"clsact\"" }, CNI_CANNOT_ATTACH,
	     "'ingress'");
	must((struct ask){ .cmd = cmd_add, .more = ",\"attach\":\"clsact\",\"failMode\":\"open\"" },
	     CNI_CANNOT_ATTACH, NULL);
	expect_left(0, 0);
}

static void state_file_cannot_be_written(void **state)
{
	(void)state;
	needs_root();
	start_agent(OK);
	run("touch %s/" API_ENDPOINTS, run_dir);
	must((struct ask){ .cmd = cmd_add }, CNI_IO, API_ENDPOINTS);
	assert_int_equal(entries(PIN_DIR "/links"), 0);
	must((struct ask){ .cmd = cmd_del }, 0, NULL);
}

/* ---- interfaces that are not ours to protect -------------------------------------------- */

static void other_kinds(void **state)
{
	(void)state;
	needs_root();
	start_agent(OK);
	run("nsenter --net=%s ip link del eth0; nsenter --net=%s ip link add eth0 type bridge", pod_netns,
	    pod_netns);
	must((struct ask){ .cmd = cmd_add }, CNI_CANNOT_PROTECT, "of kind 'bridge'");
	run("nsenter --net=%s ip link del eth0", pod_netns);
	must((struct ask){ .cmd = cmd_add }, CNI_CANNOT_PROTECT, "'eth0'");
	run("nsenter --net=%s ip link add eth0 type veth peer name x", pod_netns);
	must((struct ask){ .cmd = cmd_add }, CNI_CANNOT_PROTECT, "other end");
	expect_left(0, 0);
}

/* An interface of the same index here is not the peer because of that. */
static void peer_elsewhere(void **state)
{
	int i;

	(void)state;
	needs_root();
	start_agent(OK);
	run("nsenter --net=%s ip link del eth0", pod_netns);
	run("nsenter --net=%s ip link add eth0 type veth peer name x", pod_netns);
	for (i = 0; i < 8; i++)
		run("ip link add bh-x%d type veth peer name bh-y%d", i, i);
	must((struct ask){ .cmd = cmd_add }, CNI_CANNOT_PROTECT, "other end");
	for (i = 0; i < 8; i++)
		run("ip link del bh-x%d", i);
}

/* The veth of that index here does lead into this sandbox, but to another interface in it. */
static void peer_of_another_interface(void **state)
{
	(void)state;
	needs_root();
	start_agent(OK);
	run("nsenter --net=%s ip link del eth0", pod_netns);
	run("nsenter --net=%s ip link add eth0 index 50 type veth peer name x index 60", pod_netns);
	run("ip link add bh-host index 60 type veth peer name net1 index 70 netns %s", pod_netns);
	must((struct ask){ .cmd = cmd_add }, CNI_CANNOT_PROTECT, "other end");
	expect_left(0, 0);
}

static void wrong_namespaces(void **state)
{
	static const char *const bad[] = { "/proc/self/ns/net", "/proc/self/ns/mnt", "/etc/passwd",
					   "/nowhere", "/" };
	char keep_netns[sizeof(pod_netns)];
	size_t i;

	(void)state;
	needs_root();
	start_agent(OK);
	memcpy(keep_netns, pod_netns, sizeof(pod_netns));
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		strcpy(pod_netns, bad[i]);
		must((struct ask){ .cmd = cmd_add }, CNI_BAD_NETNS, bad[i]);
		must((struct ask){ .cmd = cmd_del }, 0, NULL);
	}
	memcpy(pod_netns, keep_netns, sizeof(pod_netns));
	expect_left(0, 0);
}

/* ---- DEL -------------------------------------------------------------------------------- */

static void del_without(void **state)
{
	char path[160];
	size_t w;

	(void)state;
	needs_root();
	record_path("c1", path);
	for (w = 0; w < ARRAY_SIZE(ways); w++) {
		start_agent(OK);
		must((struct ask){ .cmd = cmd_add, .more = ways[w] }, 0, NULL);
		overwrite(path, "{\"half");
		must((struct ask){ .cmd = cmd_del, .no_prev = true, .more = ways[w] }, 0, "removing it");
		expect_left(0, 0);

		must((struct ask){ .cmd = cmd_add, .more = ways[w] }, 0, NULL);
		assert_int_equal(unlink(path), 0);
		must((struct ask){ .cmd = cmd_del, .more = ways[w] }, 0, NULL);
		expect_left(0, 0);

		must((struct ask){ .cmd = cmd_add, .more = ways[w] }, 0, NULL);
		stop_agent();
		must((struct ask){ .cmd = cmd_del, .no_netns = true, .more = ways[w] }, 0, NULL);
		expect_left(0, 0);
	}
}

static void del_when_all_is_gone(void **state)
{
	(void)state;
	needs_root();
	start_agent(OK);
	must((struct ask){ .cmd = cmd_add }, 0, NULL);
	stop_agent();
	drop_pod();
	run("rm -rf %s %s", run_dir, PIN_DIR);
	must((struct ask){ .cmd = cmd_del, .no_prev = true, .no_netns = true }, 0, NULL);
	must((struct ask){ .cmd = cmd_del }, 0, NULL);
	assert_int_equal(access(run_dir, F_OK), -1);
	must((struct ask){ .cmd = cmd_gc, .more = ",\"cni.dev/valid-attachments\":[]" }, 0, NULL);
}

static void del_does_not_mind_the_agent(void **state)
{
	(void)state;
	needs_root();
	start_agent(OK);
	must((struct ask){ .cmd = cmd_add }, 0, NULL);
	start_agent(NO);
	must((struct ask){ .cmd = cmd_del }, 0, "ignoring");
	expect_left(0, 0);
}

/* The old container's DEL comes after the new one's ADD, on the very same interface. */
static void late_del(void **state)
{
	char old[160], text[4096] = "";
	size_t w;
	FILE *f;

	(void)state;
	needs_root();
	record_path("old", old);
	for (w = 0; w < ARRAY_SIZE(ways); w++) {
		start_agent(OK);
		must((struct ask){ .cmd = cmd_add, .container = "old", .more = ways[w] }, 0, NULL);
		f = fopen(old, "r");
		assert_non_null(f);
		assert_non_null(fgets(text, sizeof(text), f));
		(void)fclose(f);
		must((struct ask){ .cmd = cmd_del, .container = "old", .more = ways[w] }, 0, NULL);
		must((struct ask){ .cmd = cmd_add, .container = "new", .more = ways[w] }, 0, NULL);

		must((struct ask){ .cmd = cmd_del, .container = "old", .more = ways[w] }, 0, NULL);
		must((struct ask){ .cmd = cmd_check, .container = "new", .more = ways[w] }, 0, NULL);
		overwrite(old, text); /* a record that names the new one's interface */
		must((struct ask){ .cmd = cmd_del, .container = "old", .more = ways[w] }, 0, NULL);
		must((struct ask){ .cmd = cmd_check, .container = "new", .more = ways[w] }, 0, NULL);
		expect_left(2, 1);
		must((struct ask){ .cmd = cmd_del, .container = "new", .more = ways[w] }, 0, NULL);
		expect_left(0, 0);
	}
}

/* ---- GC --------------------------------------------------------------------------------- */

#define VALID "\"cni.dev/valid-attachments\""
#define OLDER "\"cni.dev/attachments\""
#define C1    "{\"containerID\":\"c1\",\"ifname\":\"eth0\"}"

static void gc_lists(void **state)
{
	static const struct {
		const char *more, *network;
		int code, left;
	} rows[] = {
		{ "", NULL, 0, 1 }, /* absent: nothing is known */
		{ "," VALID ":[" C1 "]", NULL, 0, 1 },
		{ "," OLDER ":[" C1 "]", NULL, 0, 1 },
		{ "," VALID ":[]," OLDER ":[" C1 "]", NULL, 0, 1 }, /* valid by either */
		{ "," VALID ":null", "other", 0, 1 },		    /* another network's */
		{ "," VALID ":7", NULL, CNI_BAD_CONFIG, 1 },
		{ "," VALID ":[" C1 ",{\"containerID\":\"c2\"}]", NULL, CNI_BAD_CONFIG, 1 },
		{ "," VALID ":[7]", NULL, CNI_BAD_CONFIG, 1 },
		{ "," VALID ":[]", NULL, 0, 0 },
		{ "," VALID ":null", NULL, 0, 0 },
		{ "," OLDER ":null", NULL, 0, 0 },
		{ "," VALID ":[{\"containerID\":\"c1\",\"ifname\":\"eth1\"}]", NULL, 0, 0 },
	};
	size_t i, w;

	(void)state;
	needs_root();
	start_agent(OK);
	for (i = 0; i < ARRAY_SIZE(rows); i++)
		for (w = 0; w < ARRAY_SIZE(ways); w++) {
			must((struct ask){ .cmd = cmd_add, .more = ways[w] }, 0, NULL);
			must((struct ask){ .cmd = cmd_gc,
					   .more = rows[i].more,
					   .network = rows[i].network,
					   .no_prev = true },
			     rows[i].code, NULL);
			expect_left(2 * rows[i].left, rows[i].left);
		}
}

static void gc_leaves_what_it_cannot_read(void **state)
{
	char path[160];

	(void)state;
	needs_root();
	start_agent(OK);
	must((struct ask){ .cmd = cmd_add }, 0, NULL);
	record_path("c2", path);
	overwrite(path, "junk");
	must((struct ask){ .cmd = cmd_gc, .more = "," VALID ":[]" }, 0, "leaving it");
	expect_left(0, 1);
}

/* ---- CHECK and STATUS ------------------------------------------------------------------- */

static void check_finds_what_is_missing(void **state)
{
	size_t w;

	(void)state;
	needs_root();
	start_agent(OK);
	for (w = 0; w < ARRAY_SIZE(ways); w++) {
		must((struct ask){ .cmd = cmd_add, .more = ways[w] }, 0, NULL);
		run("tc filter del dev bh-host egress 2>/dev/null; rm -f " PIN_DIR "/links/*_to");
		must((struct ask){ .cmd = cmd_check, .more = ways[w] }, CNI_DIFFERS, "prog_to_pod");
		must((struct ask){ .cmd = cmd_add, .more = ways[w] }, 0, NULL);
		must((struct ask){ .cmd = cmd_check, .more = ways[w] }, 0, NULL);
	}
}

static void check_asks_the_agent(void **state)
{
	char lines[8192];

	(void)state;
	needs_root();
	start_agent(OK);
	must((struct ask){ .cmd = cmd_add }, 0, NULL);
	start_agent(NEVER);
	must((struct ask){ .cmd = cmd_check, .more = ",\"timeoutMs\":10000" }, CNI_DIFFERS, "not known");
	asked(lines);
	start_agent(NO); /* not yet: asked again while there is time */
	must((struct ask){ .cmd = cmd_check, .more = ",\"timeoutMs\":3000" }, CNI_TRY_AGAIN, "not known");
	asked(lines);
	assert_non_null(strstr(strchr(lines, '\n'), "\"op\":\"check\""));
	start_agent(NULL);
	must((struct ask){ .cmd = cmd_check, .more = ",\"timeoutMs\":50" }, 0, "ignoring");
	stop_agent();
	must((struct ask){ .cmd = cmd_check }, 0, "ignoring");
}

static void check_compares_addresses(void **state)
{
	char path[160];

	(void)state;
	needs_root();
	start_agent(OK);
	must((struct ask){ .cmd = cmd_add }, 0, NULL);
	record_path("c1", path);
	run("sed -i 's/\"10.9.0.2\",//' %s", path); /* as if a later plugin had brought it */
	must((struct ask){ .cmd = cmd_check }, 0, "10.9.0.2");
	run("sed -i 's/\"addrs\":\\[/&\"10.9.0.2\",\"10.9.0.3\",/' %s", path);
	must((struct ask){ .cmd = cmd_check }, CNI_DIFFERS, "10.9.0.3");
}

static void check_finds_a_new_interface(void **state)
{
	(void)state;
	needs_root();
	start_agent(OK);
	must((struct ask){ .cmd = cmd_add }, 0, NULL);
	drop_pod();
	make_pod();
	must((struct ask){ .cmd = cmd_check }, CNI_DIFFERS, NULL);
}

/* The old veth, programs and all, is still there, but it is eth0 no more. */
static void check_finds_a_swapped_interface(void **state)
{
	(void)state;
	needs_root();
	start_agent(OK);
	must((struct ask){ .cmd = cmd_add }, 0, NULL);
	run("nsenter --net=%s ip link set eth0 name old0", pod_netns);
	run("ip link add bh-new type veth peer name eth0 netns %s", pod_netns);
	must((struct ask){ .cmd = cmd_check }, CNI_DIFFERS, "other end of 'eth0'");
	run("ip link del bh-new");
}

static void status(void **state)
{
	char lines[8192];

	(void)state;
	needs_root();
	must((struct ask){ .cmd = cmd_status }, 0, NULL); /* the agent restarts */
	start_agent(NULL);
	must((struct ask){ .cmd = cmd_status }, 0, NULL);
	asked(lines);
	assert_string_equal(lines, "");
	run("rm " PIN_DIR "/prog_from_pod");
	must((struct ask){ .cmd = cmd_status }, CNI_UNAVAILABLE, "prog_from_pod");
	must((struct ask){ .cmd = cmd_status, .more = ",\"failMode\":\"isolate\"" }, CNI_UNAVAILABLE,
	     "prog_from_pod");
	must((struct ask){ .cmd = cmd_status, .more = ",\"failOpenNamespaces\":[]" }, CNI_UNAVAILABLE,
	     "prog_from_pod");
	must((struct ask){ .cmd = cmd_status, .more = ",\"failOpenNamespaces\":[\"a\"]" }, 0, NULL);
	must((struct ask){ .cmd = cmd_status, .more = ",\"failMode\":\"open\"" }, 0, NULL);
}

/* ---- the lock --------------------------------------------------------------------------- */

static void one_call_for_an_interface(void **state)
{
	const struct hash128 mine = api_endpoint_key("podnet", "c1", "eth0");
	const struct hash128 other = api_endpoint_key("podnet", "c2", "eth0");
	auto_fd int held = -1, free_one = -1;

	(void)state;
	needs_root();
	start_agent(OK);
	held = api_lock_key(run_dir, &mine, 0, NULL);
	assert_true(held >= 0);
	free_one = api_lock_key(run_dir, &other, 0, NULL);
	assert_true(free_one >= 0);
	assert_int_equal(api_lock_key(run_dir, &mine, 0, NULL), -ETIMEDOUT);
	must((struct ask){ .cmd = cmd_add, .more = ",\"timeoutMs\":20" }, CNI_TRY_AGAIN, "another call");
	expect_left(0, 0);
	(void)close(TAKE_FD(held));
	must((struct ask){ .cmd = cmd_add }, 0, NULL);
	assert_true(api_lock_ifindex(run_dir, 1, 0, NULL) >= 0); /* given back when this process ends */
	assert_int_equal(api_lock_ifindex(run_dir, 1, 0, NULL), -ETIMEDOUT);
}

#define case_of(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		case_of(add_check_del),
		case_of(add_needs_prev_result),
		case_of(add_over_a_gap),
		case_of(gap_without_end),
		case_of(node_is_open),
		case_of(fail_modes),
		case_of(refusal_is_told),
		case_of(fail_open_namespaces),
		case_of(programs_not_pinned),
		case_of(repeated_add_never_undoes),
		case_of(repeated_add_without_a_record),
		case_of(result_that_cannot_be_printed),
		case_of(attach_is_refused),
		case_of(state_file_cannot_be_written),
		case_of(other_kinds),
		case_of(peer_elsewhere),
		case_of(peer_of_another_interface),
		case_of(wrong_namespaces),
		case_of(del_without),
		case_of(del_when_all_is_gone),
		case_of(del_does_not_mind_the_agent),
		case_of(late_del),
		case_of(gc_lists),
		case_of(gc_leaves_what_it_cannot_read),
		case_of(check_finds_what_is_missing),
		case_of(check_asks_the_agent),
		case_of(check_compares_addresses),
		case_of(check_finds_a_new_interface),
		case_of(check_finds_a_swapped_interface),
		case_of(status),
		case_of(one_call_for_an_interface),
	};

	return cmocka_run_group_tests(tests, enter, NULL);
}
