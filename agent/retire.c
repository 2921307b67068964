/* SPDX-License-Identifier: Apache-2.0 */
/* The end on one node: hooks, then pins, then what is written down, so that whatever is cut short can be
 * done again by what is still there. */
#include "retire.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "api/api.h"
#include "hook/hook.h"
#include "lock.h"
#include "util/scope.h"

/* The first failure counts, its words too; the rest is done all the same. */
struct outcome {
	int r;
	struct bh_err *err;
};

static void note(struct outcome *o, int r, const struct bh_err *why)
{
	if (o->r || !r)
		return;
	o->r = r;
	(void)bh_err_set(o->err, r, "%s", why->msg);
}

static void note_errno(struct outcome *o, const char *what, const char *dir, const char *name)
{
	struct bh_err why;
	const int r = -errno;

	note(o, bh_err_errno(&why, r, "cannot %s '%s/%s'", what, dir, name), &why);
}

/* A directory that holds others' files stays, and so does one that a pod has mounted from its node. */
static void remove_dir(struct outcome *o, const char *dir)
{
	struct bh_err why;

	if (rmdir(dir) < 0 && errno != ENOENT && errno != ENOTEMPTY && errno != EEXIST && errno != EBUSY &&
	    errno != EROFS)
		note(o, bh_err_errno(&why, -errno, "cannot remove '%s'", dir), &why);
}

/* Removes the files in @dir that @is_ours, then the directory. */
static void clear_dir(struct outcome *o, const char *dir, bool (*is_ours)(const char *name))
{
	DIR *d = opendir(dir);
	const struct dirent *entry;

	if (!d && errno == ENOENT)
		return;
	if (!d) {
		note_errno(o, "list", dir, "");
		return;
	}
	while ((entry = readdir(d)))
		if (is_ours(entry->d_name) && unlinkat(dirfd(d), entry->d_name, 0) < 0 && errno != ENOENT)
			note_errno(o, "remove", dir, entry->d_name);
	(void)closedir(d);
	remove_dir(o, dir);
}

static bool starts(const char *name, const char *with)
{
	return !strncmp(name, with, strlen(with));
}

/* Maps are called as in bpf/maps.h, programs as in hook.h; bpffs has no other kind of name for us. */
static bool is_pin(const char *name)
{
	return starts(name, "bh_") || starts(name, "prog_");
}

static bool is_any(const char *name)
{
	return name[0] != '.';
}

/* Of the plugin's calls and of agents; whoever holds one of them open keeps his own. */
static bool is_state(const char *name)
{
	return !strcmp(name, "plugin.lock") || !strcmp(name, LOCK_FILE) || !strcmp(name, API_OPEN);
}

static bool answers(const struct sockaddr_un *addr)
{
	auto_fd int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	return fd >= 0 && (!connect(fd, (const struct sockaddr *)addr, sizeof(*addr)) || errno == EAGAIN);
}

static void remove_dead_socket(struct outcome *o, const char *run_dir)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };

	if (snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/" API_SOCKET, run_dir) >=
	    (int)sizeof(addr.sun_path))
		return; /* nobody can have listened there */
	if (!answers(&addr) && unlink(addr.sun_path) < 0 && errno != ENOENT)
		note_errno(o, "remove", run_dir, API_SOCKET);
}

/* "" without room: no such directory can have been used. */
static const char *below(const char *dir, const char *name, char ret[256])
{
	if (snprintf(ret, 256, "%s/%s", dir, name) >= 256)
		ret[0] = '\0';
	return ret;
}

static void clear_pins(struct outcome *o, const char *pin_dir)
{
	char path[256];

	remove_dir(o, below(pin_dir, "links", path));
	clear_dir(o, pin_dir, is_pin);
}

int retire_pins(const char *pin_dir, struct bh_err *err)
{
	struct outcome o = { .err = err };

	clear_pins(&o, pin_dir);
	return o.r;
}

static int clear_beside(void *ctx, const char *dir)
{
	clear_pins(ctx, dir);
	return 0;
}

int retire_node(const char *run_dir, const char *pin_dir, struct bh_err *err)
{
	struct outcome o = { .err = err };
	struct bh_err why;
	char path[256];
	int r;

	r = hook_sweep(pin_dir, &why);
	note(&o, r, &why);
	if (r)
		return r; /* what hangs there goes by the pins: they are needed for the next try */
	clear_pins(&o, pin_dir);
	(void)hook_beside(pin_dir, clear_beside, &o);
	clear_dir(&o, below(run_dir, API_ENDPOINTS, path), is_any);
	remove_dead_socket(&o, below(run_dir, API_READ, path));
	remove_dir(&o, path);
	remove_dead_socket(&o, run_dir);
	clear_dir(&o, run_dir, is_state);
	return o.r;
}
