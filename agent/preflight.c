/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel and the directories: tried. */
#include "preflight.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/vfs.h>

#include "dataplane/dp.h"
#include "hook/hook.h"
#include "util/scope.h"

#define TRIAL	   "bh_preflight"	       /* beside our pins; bpffs takes no dots */
#define TRIAL_FILE "bulkhead-preflight.XXXXXX" /* no runtime loads such a name, no kubelet runs it */
#define BTF	   "/sys/kernel/btf/vmlinux"
#define JIT	   "/proc/sys/net/core/bpf_jit_enable"

/* ---- what can be read ------------------------------------------------------------------------ */

static void check_release(struct preflight *p)
{
	unsigned int major = 0, minor = 0;
	struct utsname u;

	(void)uname(&u);
	(void)sscanf(u.release, "%u.%u", &major, &minor);
	if (major > 5 || (major == 5 && minor >= 15))
		preflight_say(p, PREFLIGHT_OK, "kernel", "Linux %s", u.release);
	else
		preflight_say(
			p, PREFLIGHT_WARN, "kernel",
			"Linux %s is older than 5.15, for which Bulkhead is made; what follows was tried",
			u.release);
}

static void check_btf(struct preflight *p)
{
	if (!access(BTF, R_OK))
		preflight_say(p, PREFLIGHT_OK, "BTF", BTF);
	else
		preflight_say(p, PREFLIGHT_FAIL, "BTF",
			      BTF ": %s; the kernel needs CONFIG_DEBUG_INFO_BTF=y, as distributions have it",
			      strerror(errno));
}

static void check_jit(struct preflight *p)
{
	auto_fd int fd = open(JIT, O_RDONLY | O_CLOEXEC);
	char c;

	if (fd < 0 || read(fd, &c, 1) != 1)
		return; /* not to be seen from every namespace */
	if (c == '0')
		preflight_say(
			p, PREFLIGHT_WARN, "JIT",
			"net.core.bpf_jit_enable is 0: programs are interpreted, which costs each packet several "
			"times as much; set it to 1");
	else
		preflight_say(p, PREFLIGHT_OK, "JIT", "net.core.bpf_jit_enable is %c", c);
}

/* capabilities(7): SYS_ADMIN holds those of 5.8. */
static void check_capabilities(struct preflight *p)
{
	static const struct {
		unsigned int bit;
		const char *name;
		bool in_sys_admin;
	} needed[] = { { CAP_BPF, "BPF", true },
		       { CAP_PERFMON, "PERFMON", true },
		       { CAP_NET_ADMIN, "NET_ADMIN", false } };
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {};
	bool all = true;
	size_t i;

	(void)syscall(SYS_capget, &head, data);
	for (i = 0; i < ARRAY_SIZE(needed); i++) {
		const bool has = data[needed[i].bit / 32].effective >> needed[i].bit % 32 & 1;
		const bool admin = data[CAP_SYS_ADMIN / 32].effective >> CAP_SYS_ADMIN % 32 & 1;

		if (has || (admin && needed[i].in_sys_admin))
			continue;
		all = false;
		preflight_say(p, PREFLIGHT_FAIL, "capabilities",
			      "CAP_%s is missing: add %s to securityContext.capabilities", needed[i].name,
			      needed[i].name);
	}
	if (all)
		preflight_say(p, PREFLIGHT_OK, "capabilities", "BPF, PERFMON, NET_ADMIN");
}

/* ---- bpffs and programs ---------------------------------------------------------------------- */

/* Of the trial, also of one that was killed. */
static void remove_trial(const char *dir)
{
	DIR *d = opendir(dir);
	const struct dirent *entry;

	if (!d)
		return;
	while ((entry = readdir(d)))
		if (entry->d_name[0] != '.')
			(void)unlinkat(dirfd(d), entry->d_name, 0);
	(void)closedir(d);
	(void)rmdir(dir);
}

static bool is_bpffs(struct preflight *p, const char *parent)
{
	struct statfs fs;

	if (statfs(parent, &fs) < 0)
		preflight_say(p, PREFLIGHT_FAIL, "bpffs", "'%s': %s", parent, strerror(errno));
	else if (fs.f_type != BPF_FS_MAGIC)
		preflight_say(
			p, PREFLIGHT_FAIL, "bpffs",
			"'%s' is no BPF file system: mount one on the node (mount -t bpf bpf %s), and that "
			"directory into the pod (mountPropagation: HostToContainer)",
			parent, parent);
	else
		return true;
	return false;
}

static bool is_writable(struct preflight *p, const char *parent, const char *trial)
{
	if (mkdir(trial, 0700) < 0 && errno != EEXIST) {
		preflight_say(p, PREFLIGHT_FAIL, "bpffs", "cannot make a directory in '%s': %s", parent,
			      strerror(errno));
		return false;
	}
	preflight_say(p, PREFLIGHT_OK, "bpffs", "'%s'", parent);
	return true;
}

/* Our own programs and maps, loaded, verified and pinned as the agent will; small. */
static void try_programs(struct preflight *p, const char *trial)
{
	const struct dp_sizes sizes = { .addrs = 64,
					.cidrs = 64,
					.rows = 64,
					.ranges = 64,
					.rules = 64,
					.sessions4 = 64,
					.sessions6 = 64,
					.events_bytes = 65536 };
	struct dp *dp = NULL;
	struct bh_err err;
	int r = dp_open(trial, &sizes, &dp, &err);

	if (r < 0) {
		preflight_say(p, r == -EBUSY ? PREFLIGHT_WARN : PREFLIGHT_FAIL, "programs",
			      r == -EBUSY ? "%s: not tried" : "the kernel does not take them: %s", err.msg);
		return;
	}
	preflight_say(p, PREFLIGHT_OK, "programs", "loaded and pinned, for a trial");
	p->no_tcx = !hook_has_tcx(dp_prog_fd(dp, BH_EGRESS));
	preflight_say(p, PREFLIGHT_OK, "hook", "%s", p->no_tcx ? "clsact (tcx comes with Linux 6.6)" : "tcx");
	dp_free(dp);
}

static void check_bpf(struct preflight *p)
{
	char parent[PATH_MAX], trial[PATH_MAX + sizeof(TRIAL) + 1];
	const char *slash = strrchr(p->pin_dir, '/');

	(void)snprintf(parent, sizeof(parent), "%.*s", slash == p->pin_dir ? 1 : (int)(slash - p->pin_dir),
		       p->pin_dir);
	(void)snprintf(trial, sizeof(trial), "%s/" TRIAL, parent);
	if (!is_bpffs(p, parent))
		return;
	remove_trial(trial);
	if (is_writable(p, parent, trial))
		try_programs(p, trial);
	remove_trial(trial);
}

void preflight_system(struct preflight *p)
{
	check_release(p);
	check_btf(p);
	check_jit(p);
	check_capabilities(p);
}

void preflight_kernel(struct preflight *p)
{
	preflight_system(p);
	check_bpf(p);
}

/* ---- directories ----------------------------------------------------------------------------- */

/* Return: whether a file can be made there; else it has been said. */
static bool try_file(struct preflight *p, const char *check, const char *dir)
{
	char path[PATH_MAX];
	struct stat st;
	int fd;

	if (stat(dir, &st) < 0 || !S_ISDIR(st.st_mode)) {
		preflight_say(p, PREFLIGHT_FAIL, check,
			      "'%s': there is no such directory (on the node, and at the same "
			      "path in the pod)",
			      dir);
		return false;
	}
	if (snprintf(path, sizeof(path), "%s/" TRIAL_FILE, dir) >= (int)sizeof(path)) {
		preflight_say(p, PREFLIGHT_FAIL, check, "'%.64s...': the path is too long", dir);
		return false;
	}
	fd = mkostemp(path, O_CLOEXEC);
	if (fd < 0) {
		preflight_say(p, PREFLIGHT_FAIL, check, "cannot write in '%s': %s", dir, strerror(errno));
		return false;
	}
	(void)close(fd);
	(void)unlink(path);
	return true;
}

/* Whoever can write there can take the agent's place. */
static void check_run_dir(struct preflight *p)
{
	const bool made = !mkdir(p->run_dir, 0700);
	struct stat st;

	if (!made && errno != EEXIST) {
		preflight_say(p, PREFLIGHT_FAIL, "run dir", "cannot make '%s': %s", p->run_dir,
			      strerror(errno));
		return;
	}
	if (try_file(p, "run dir", p->run_dir)) {
		if (stat(p->run_dir, &st) < 0 || st.st_uid || st.st_mode & 022)
			preflight_say(
				p, PREFLIGHT_FAIL, "run dir",
				"others may write in '%s' (owner %u, mode %04o), and take the agent's place: it must be "
				"root's, 0755 or less",
				p->run_dir, st.st_uid, st.st_mode & 07777);
		else
			preflight_say(p, PREFLIGHT_OK, "run dir", "'%s'", p->run_dir);
	}
	if (made)
		(void)rmdir(p->run_dir);
}

static void check_bin_dir(struct preflight *p)
{
	struct statvfs fs;

	if (!try_file(p, "CNI bin dir", p->bin_dir))
		return;
	if (!statvfs(p->bin_dir, &fs) && fs.f_flag & ST_NOEXEC)
		preflight_say(p, PREFLIGHT_FAIL, "CNI bin dir",
			      "'%s' is mounted noexec: the runtime cannot run a plugin there", p->bin_dir);
	else
		preflight_say(p, PREFLIGHT_OK, "CNI bin dir", "'%s'", p->bin_dir);
}

void preflight_files(struct preflight *p)
{
	check_run_dir(p);
	check_bin_dir(p);
	if (try_file(p, "CNI conf dir", p->conf_dir))
		preflight_say(p, PREFLIGHT_OK, "CNI conf dir", "'%s'", p->conf_dir);
}
